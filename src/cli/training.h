#ifndef SCOREBOOK_CLI_TRAINING_H
#define SCOREBOOK_CLI_TRAINING_H

#include "engine.h"
#include "examples.h"
#include "options.h"
#include "shell_words.h"
#include "training_record.h"

#include <scorebook.h>
#include <sys/stat.h>

// What `scorebook train` holds: train.c is the command, training_setup.c what is learned from what.

#define STEPS_MOST 1e9

// What the command line says.
typedef struct
{
  const char *data, *labels, *net, *output, *resume, *init, *export, *curve;
  training_settings training;
  uint64_t steps, save_every, resize;
  bool new_data, flip;
  int dtype; // of the export
  network_engine engine;
  common_options common;
} settings;

typedef struct
{
  settings o;
  char *recipe, *taken; // taken: the recipe of the state, which the settings point into
  sb_tensors *state;    // that is resumed
  shell_words given, command;
  examples data;
  sb_bytes *labels;
  const char *of_score;   // an option that was given and is of scores only; NULL: none
  bool classifies, timed; // timed: the network takes the time, and noisy points
  sb_model *model;
  sb_training *training;
  sb_trainer *trainer;
  sb_score_matching matching;
  sb_classifying classifying;
  sb_labelled_examples labelled;
  sb_observed_examples observed;
  sb_band_examples bands;
  sb_operator *haar;
  bool of_data; // the deviation was measured, not given
  sb_recipe train;
  training_report report;
  uint64_t unseen;   // samples whose data were ignored
  struct stat saved; // the output as it was left; st_ino 0: there was none
  bool saves;        // it has been saved
} training;

double training_number (const training *t, size_t key); // of the settings' keys

// Open the data and their labels; choose the model, the objective and the weights to start from, and set the trainer
// up. Both return EXIT_SUCCESS, or complain.
int training_open_data (training *t);
int training_open (training *t);

#endif
