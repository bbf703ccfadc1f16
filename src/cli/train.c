// # scorebook train
//
// A network learns the score of a data set. The state is saved as it goes: Ctrl-C, a lost machine or a full disk cost
// at most the steps since the last save, and a resumed training does to the last bit what it would have done. It takes
// all that changes what is learned from the state, except paths: files are named on the command line alone.

#include "config.h"
#include "commands.h"
#include "engine.h"
#include "examples.h"
#include "guidance.h"
#include "options.h"
#include "output.h"
#include "point_files.h"
#include "progress.h"
#include "setup.h"
#include "shell_words.h"
#include "training_record.h"

#include <scorebook.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

// ## The options

#define STEPS_MOST 1e9
#define NOT_GIVEN UINT64_MAX

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

static const char details[] = "FILE.safetensors holds the whole state. It is written whole or not at all,\n"
                              "every --save-every steps, at the end and on Ctrl-C. --resume continues from it\n"
                              "with its original settings, except those given again. No file is read or\n"
                              "written that the command line does not name: --data must be given again and be\n"
                              "unchanged, except with --new-data. The result is, to the last bit, that of an\n"
                              "uninterrupted training, for any number of threads. A state does not record the\n"
                              "backend: it can be resumed with another, which changes the last bits.\n\n"
                              "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";

static const help_family families[] = { { "NETWORK", sb_net_architectures },
                                        { "PROCESS", sb_processes },
                                        { "PREDICTION", sb_predictions },
                                        { "LABEL", sb_labels },
                                        { "OBJECTIVE", sb_objectives },
                                        { "WEIGHTING", sb_weightings },
                                        { "LEVELS", sb_level_laws },
                                        { "TASK", sb_observations },
                                        { NULL, NULL } };

#define KEY(place, argument_name)                                                                                      \
  {                                                                                                                    \
    .name = training_keys[place].name, .kind = OPTION_KEY, .value = &s->number[place], .argument = argument_name       \
  }

static int
parse (int argc, char **argv, settings *o)
{
  training_settings *s = &o->training;
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "The data" },
    { "data", 'd', OPTION_TEXT, &o->data, "FILE", 0, 0, NULL,
      "IDX or NPY, plain or gzip, a folder of PNG files, or CIFAR-10's binary files (*.bin): the training points "
      "(needed)" },
    { "resize", 0, OPTION_COUNT, &o->resize, "H", 0, 65536, NULL,
      "resize the images to a height of H pixels, by area means (default: keep the size)" },
    { "flip", 0, OPTION_SET, &o->flip, NULL, 0, 0, NULL, "flip each image horizontally at random" },
    { "labels", 0, OPTION_TEXT, &o->labels, "FILE", 0, 0, NULL,
      "IDX: the classes of the points (default: CIFAR-10's own); with classes=N in NETWORK, the score of each class is "
      "learned; with a cnn, a classifier is trained, not a score: on the points as they are, or, where its time is not "
      "none, as perturbed by PROCESS at any time, to guide 'sample'" },
    KEY (DROP_LABELS, "P"),
    KEY (SHIFT, "N"),
    { "data-range", 0, OPTION_RANGE, s->range, "LOW,HIGH", 0, 0, NULL,
      "map the bytes 0 to 255 to these values (default: 0,1 with ve, smld and classifiers without a time, else -1,1); "
      "NPY data are not mapped; these are then shown as black and white (default: the smallest and the largest)" },
    { "data-deviation", 0, OPTION_REAL, &s->deviation, "S", 0, 0, NULL,
      "standard deviation of a coordinate (default: measured)" },

    { .kind = OPTION_HEADING, .help = "The model" },
    { "network", 0, OPTION_TEXT, &o->net, "NETWORK", 0, 0, NULL, "see below (needed)" },
    { "process", 'p', OPTION_TEXT, &s->process, "PROCESS", 0, 0, NULL, "see below (default: vp)" },
    { "prediction", 0, OPTION_TEXT, &s->prediction, "PREDICTION", 0, 0, NULL,
      "what the network predicts; see below (default: epsilon)" },
    { "task", 0, OPTION_TEXT, &s->task, "TASK", 0, 0, NULL,
      "learn images given observations of them: with condition=C in NETWORK as they are, under --process=multispeed "
      "diffused; see below" },
    { "label", 0, OPTION_TEXT, &s->label, "LABEL", 0, 0, NULL, "the network's time input; see below (default: time)" },

    { .kind = OPTION_HEADING, .help = "The training" },
    { "objective", 0, OPTION_TEXT, &s->objective, "OBJECTIVE", 0, 0, NULL, "see below (default: dsm)" },
    { "weighting", 0, OPTION_TEXT, &s->weighting, "WEIGHTING", 0, 0, NULL,
      "see below (default: the objective's own, for dsm variance)" },
    { "levels", 0, OPTION_TEXT, &s->levels, "LEVELS", 0, 0, NULL,
      "the distribution of training times; see below (default: uniform)" },
    KEY (T_MIN, "T"),
    KEY (DSM_ABOVE, "T"),
    { "steps", 0, OPTION_COUNT, &o->steps, "N", 0, STEPS_MOST, NULL, "total number of steps (default: 10000)" },
    KEY (BATCH, "N"),
    KEY (SHARD, "N"),
    ENGINE_OPTIONS (&o->engine),
    KEY (RATE, "X"),
    KEY (WARMUP, "N"),
    KEY (CLIP, "X"),
    KEY (EMA, "X"),
    KEY (EMA_WARMUP, "KIND"),
    KEY (RAMP, "N"),
    KEY (HALF_LIFE, "N"),
    KEY (CLEAN, "ANSWER"),
    KEY (GUARD, "X"),

    { .kind = OPTION_HEADING, .help = "The files" },
    { "output", 'o', OPTION_TEXT, &o->output, "FILE", 0, 0, NULL,
      "the state, FILE.safetensors (needed, except with --resume)" },
    { "resume", 0, OPTION_TEXT, &o->resume, "FILE", 0, 0, NULL,
      "continue from this state, and save to it unless --output is given" },
    { "init", 0, OPTION_TEXT, &o->init, "FILE", 0, 0, NULL,
      "start from the weights of this model, or the averaged weights of a state" },
    { "new-data", 0, OPTION_SET, &o->new_data, NULL, 0, 0, NULL,
      "--resume: accept different data; the range and deviation remain those of the state" },
    { "save-every", 0, OPTION_COUNT, &o->save_every, "N", 0, STEPS_MOST, NULL, "steps between saves (default: 500)" },
    { "export", 0, OPTION_TEXT, &o->export, "FILE", 0, 0, NULL,
      "at the end, write only the averaged weights, for use" },
    { "export-dtype", 0, OPTION_CHOICE, &o->dtype, "NAME", 0, 0, dtype_names,
      "f32, f16 or bf16: the format of its numbers (default: f32)" },
    { "curve", 0, OPTION_TEXT, &o->curve, "FILE", 0, 0, NULL,
      "the loss and the gradient's norm as CSV, a line per 50 steps" },
  };
  const command_line line = { "train",
                              "--data=FILE --network=NETWORK --output=FILE [OPTION]...",
                              TRAIN_SUMMARY,
                              details,
                              options,
                              sizeof options / sizeof *options,
                              0,
                              families };
  int first;
  o->common.seed = NOT_GIVEN;
  int status = parse_options (&line, &o->common, argc, argv, &first);
  s->seeded = o->common.seed != NOT_GIVEN;
  s->seed = s->seeded ? o->common.seed : 0;
  if (o->flip)
    s->number[FLIP].value = 1;
  return status;
}

// ## What a training holds

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

static void
release (training *t)
{
  sb_trainer_free (t->trainer);
  sb_training_free (t->training);
  sb_model_free (t->model);
  sb_operator_free (t->haar);
  examples_close (&t->data);
  sb_bytes_free (t->labels);
  sb_tensors_free (t->state);
  free (t->recipe);
  free (t->taken);
  free (t->given.text);
  free (t->command.text);
  free (t->report.lines);
}

static double
number (const training *t, size_t key)
{
  return t->o.training.number[key].value;
}

// ## The command
//
// A state says how to make it, as a line for a shell: the options that change what is learned, by their whole names, as
// they were given; what only sets how long, where to and by which means is left out. Where a resumed training is given
// others, the line is extended by them.

static void
note_option (void *context, const char *name, const char *argument)
{
  static const char *const means[] = { "steps",      "threads", "quiet",  "curve",  "export", "export-dtype",
                                       "save-every", "backend", "output", "resume", NULL };
  training *t = context;
  for (size_t k = 0; means[k]; k++)
    if (strcmp (name, means[k]) == 0)
      return;
  shell_option (&t->given, name, argument);
}

static int
make_command (training *t)
{
  const settings *o = &t->o;
  const char *before = t->state ? sb_tensors_note_find (t->state, "command") : NULL;
  const bool changed = !before || strcmp (sb_tensors_note_find (t->state, "recipe"), t->recipe) != 0 || o->new_data;
  if (before)
    shell_text (&t->command, before);
  if (before && changed)
    shell_text (&t->command, " && ");
  if (changed)
    shell_text (&t->command, "scorebook train");
  if (before && changed)
    shell_option (&t->command, "resume", o->resume);
  if (changed)
    {
      shell_text (&t->command, t->given.text ? t->given.text : "");
      shell_option (&t->command, "output", o->output);
    }
  return t->command.failed || t->given.failed ? failure ("no memory for the command") : EXIT_SUCCESS;
}

// A state's command ends with the steps done, a number that changes as the training goes on.

static char *
command_until_now (const training *t)
{
  const char *text = t->command.text, *last = strrchr (text, ' ');
  const size_t length = last && strncmp (last, " --steps=", 9) == 0 ? (size_t)(last - text) : t->command.length;
  char *line = malloc (length + 40);
  if (line)
    sprintf (line, "%.*s --steps=%llu", (int)length, text, (unsigned long long)t->training->step);
  return line;
}

// ## The state that is resumed

static int
open_state (training *t)
{
  settings *o = &t->o;
  const training_settings *s = &o->training;
  sb_error error = { 0 };
  t->of_score = s->objective                          ? "objective"
                : s->levels                           ? "levels"
                : !isnan (s->number[DSM_ABOVE].value) ? "dsm-above"
                                                      : NULL;
  if (!o->resume)
    {
      training_settings_fill (&o->training);
      return EXIT_SUCCESS;
    }
  t->state = sb_safetensors_read (o->resume, &error);
  if (!t->state)
    return failure ("%s", error.message);
  const char *recipe = sb_tensors_note_find (t->state, "recipe"), *net = sb_tensors_note_find (t->state, "network");
  if (!recipe || !net)
    return failure ("%s: it holds no training (an exported model cannot be resumed)", o->resume);
  t->taken = strdup (recipe);
  if (!t->taken)
    return failure ("no memory");
  o->net = o->net ? o->net : net;
  o->output = o->output ? o->output : o->resume;
  return training_settings_from (t->taken, o->resume, &o->training);
}

// The data's description follows their name, which may have changed.

static int
check_same_data (const training *t)
{
  const settings *o = &t->o;
  const char *before = t->state && !o->new_data ? sb_tensors_note_find (t->state, "data") : NULL;
  if (!before)
    return EXIT_SUCCESS;
  const char *was = strrchr (before, ':'), *is = strrchr (t->data.about, ':');
  if (!was || strcmp (was, is) != 0)
    return failure ("%s: its data were %.200s; these are %s: --new-data goes on with them", o->resume, before,
                    t->data.about);
  return EXIT_SUCCESS;
}

// The labels are part of the data.

static int
open_labels (training *t)
{
  sb_error error = { 0 };
  if (t->o.labels)
    t->labels = sb_idx_read (t->o.labels, &error);
  else
    {
      t->labels = t->data.labels;
      t->data.labels = NULL;
    }
  if (!t->labels)
    return t->o.labels ? failure ("%s", error.message) : EXIT_SUCCESS;
  const size_t count = sb_shape_count (&t->labels->shape, 0, SIZE_MAX - 1), length = strlen (t->data.about);
  char *about = realloc (t->data.about, length + 40);
  if (!about)
    return failure ("no memory");
  t->data.about = about;
  sprintf (about + length, ", labels CRC-32 %08lx", crc32_z (crc32 (0, NULL, 0), t->labels->data, count));
  return EXIT_SUCCESS;
}

// The kind of network determines what is learned: with labels a classifier, or a score whose network takes the class.

static int
open_data (training *t)
{
  settings *o = &t->o;
  training_settings *s = &o->training;
  sb_error error = { 0 };
  double key[SB_KEYS_MOST];
  const sb_entry *net = sb_entry_read (sb_net_architectures, "--network", o->net, key, &error);
  if (!net)
    return refused_line (&error);
  const double *classes = sb_entry_value (net, key, "classes"), *time = sb_entry_value (net, key, "time");
  file_format format;
  if (find_format (o->data, &format) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  t->classifies = strcmp (net->name, "cnn") == 0;
  if (t->classifies && !o->labels && format != FORMAT_CIFAR)
    return usage_error ("--labels: needed, with a classifier (cnn) in --network");
  if (t->classifies && t->of_score)
    return usage_error ("--%s: not with a classifier (cnn) in --network", t->of_score);
  if (o->labels && !t->classifies && !(classes && *classes > 0))
    return usage_error ("--labels: --network=%s takes no classes (classes=N) and is no classifier (cnn)", net->name);
  t->timed = !t->classifies || *time > 0; // "none" is the first word
  const sb_process_kind *kind = sb_process_kind_read ("--process", s->process, key, &error);
  if (!kind)
    return refused_line (&error);
  const double usual[] = { t->timed ? kind->low : 0, kind->high };
  int status = examples_open (o->data, s->range, usual, (size_t)o->resize, &t->data);
  if (status != EXIT_SUCCESS)
    return status;
  memcpy (s->range, t->data.range, sizeof s->range);
  t->of_data = isnan (s->deviation);
  if (t->of_data)
    s->deviation = t->data.deviation;
  const sb_shape *shape = &t->data.shape;
  if (number (t, FLIP) > 0 && (!t->data.bytes || (shape->rank != 3 && shape->rank != 4)))
    return usage_error ("--flip: the points of --data=%s are no images in bytes", o->data);
  if (!t->timed && !t->data.bytes)
    return usage_error ("--labels: --data=%s is NPY; a classifier without a time learns from images in bytes", o->data);
  status = open_labels (t);
  if (status == EXIT_SUCCESS)
    status = check_same_data (t);
  if (status == EXIT_SUCCESS && t->of_data && t->timed && !(s->deviation > 0))
    status = failure ("%s: all numbers are the same, so that their deviation is 0: give --data-deviation", o->data);
  return status;
}

// Images must be the network's: with their axes in another order it would learn, but from scrambled pixels.

static int
check_images (const char *path, const sb_shape *shape, sb_net_shape in)
{
  size_t d = sb_shape_count (shape, 1, SIZE_MAX - 1), channels = shape->rank == 4 ? shape->length[3] : 1;
  if (d != sb_net_shape_size (in))
    return failure ("%s: a point has %zu numbers, the network's input %zu", path, d, sb_net_shape_size (in));
  if (sb_net_shape_pixels (in) == 1 || (shape->rank != 3 && shape->rank != 4))
    return EXIT_SUCCESS;
  if (channels != in.channels || shape->length[1] != in.height || shape->length[2] != in.width)
    return failure ("%s: its images are image=%zux%zux%zu, the network's image=%zux%zux%zu", path, channels,
                    shape->length[1], shape->length[2], in.channels, in.height, in.width);
  return EXIT_SUCCESS;
}

// The objective, and its weighting. Some are of some processes only.

static int
choose_weighting (training *t, const sb_process *process, sb_objective *objective)
{
  const char *line = t->o.training.weighting;
  sb_error error = { 0 };
  double key[SB_KEYS_MOST];
  const sb_entry *entry = line ? sb_entry_read (sb_weightings, "--weighting", line, key, &error) : NULL;
  if (!entry)
    return line ? refused_line (&error) : EXIT_SUCCESS;
  const sb_weighting_type *type = (const sb_weighting_type *)entry;
  const char *name = entry->name;
  if ((type == sb_weighting_bound || type == sb_weighting_bound_tilde) && process->levels == 0)
    return usage_error ("--weighting=%s: --process=%s is no chain, and has no such bound", name, process->type->name);
  if (type == sb_weighting_likelihood && process->levels > 0)
    return usage_error ("--weighting=%s: --process=%s is a chain, and has no diffusion", name, process->type->name);
  objective->weighting.type = type;
  if (type == sb_weighting_edm)
    objective->weighting.params = &t->o.training.deviation;
  return EXIT_SUCCESS;
}

// The law of its times. Noise levels are times where the process's time is its noise level; they begin where its SDE
// does.

static int
choose_levels (const training_settings *s, const sb_process *process, sb_objective *objective)
{
  sb_error error = { 0 };
  double key[SB_KEYS_MOST] = { 0 };
  const sb_entry *entry = sb_entry_read (sb_level_laws, "--levels", s->levels, key, &error);
  if (!entry)
    return refused_line (&error);
  objective->levels = (const sb_level_law *)entry;
  memcpy (objective->levels_key, key, sizeof objective->levels_key);
  if (objective->levels->of_noise && !sb_process_time_is_noise (process))
    return usage_error ("--levels=%s: of --process=%s the time is not the noise level", entry->name,
                        process->type->name);
  if (objective->levels == sb_levels_uniform)
    objective->levels = NULL;
  if (sb_process_kind_of (process)->from_t_min && objective->t_min < process->t_min)
    objective->t_min = process->t_min;
  objective->t_above = s->number[DSM_ABOVE].value;
  if (objective->t_above > 0 && !(objective->t_above > process->t_min && objective->t_above < process->t_max))
    return usage_error ("--dsm-above=%g: --process=%s has times from %g to %g", objective->t_above, process->type->name,
                        process->t_min, process->t_max);
  return EXIT_SUCCESS;
}

static int
choose_objective (training *t, const sb_process *process, sb_objective *objective)
{
  const training_settings *s = &t->o.training;
  sb_error error = { 0 };
  double key[SB_KEYS_MOST] = { 0 };
  const sb_entry *entry = sb_entry_read (sb_objectives, "--objective", s->objective, key, &error);
  if (!entry)
    return refused_line (&error);
  *objective
      = sb_objective_of ((const sb_objective_type *)entry, process, process->levels > 0 ? 0 : s->number[T_MIN].value);
  memcpy (objective->key, key, sizeof key);
  if (objective->type == sb_objective_esm)
    return usage_error ("--objective=esm: the score of the data is not known");
  if (objective->type == sb_objective_ncsn && process->levels == 0)
    return usage_error ("--objective=ncsn: --process=%s has no levels", process->type->name);
  if (objective->type == sb_objective_consistency && (process->levels > 0 || process->from_zero_only))
    return usage_error ("--objective=consistency: its paths are of an SDE, and --process=%s is %s", process->type->name,
                        process->levels > 0 ? "a chain" : "a corruption");
  if (s->number[DSM_ABOVE].value > 0 && (objective->type == sb_objective_ncsn || objective->type->derivatives))
    return usage_error ("--dsm-above: not with --objective=%s, which uses its target at all times", entry->name);
  int status = choose_levels (s, process, objective);
  return status == EXIT_SUCCESS ? choose_weighting (t, process, objective) : status;
}

// Images with their observations, and the bands of a stage.

static int
open_observed (training *t)
{
  sb_error error = { 0 };
  if (sb_model_set_task (t->model, t->o.training.task, &error))
    return usage_error ("--%s", error.message);
  t->observed
      = (sb_observed_examples){ t->labelled.points, t->model->observation, sb_multispeed_x (t->model->process) > 0 };
  t->matching.examples = sb_examples_observed (&t->observed);
  return EXIT_SUCCESS;
}

static int
open_bands (training *t, const sb_bands *bands)
{
  t->haar = sb_operator_haar_alloc (bands->height, bands->width, bands->channels, bands->levels);
  if (!t->haar)
    return failure ("no memory for Haar's transform");
  t->bands = (sb_band_examples){ t->labelled.points, t->haar };
  t->matching.examples = sb_examples_of_bands (&t->bands);
  return EXIT_SUCCESS;
}

// A network that takes the class learns from points with labels.

static int
open_condition (training *t)
{
  const settings *o = &t->o;
  const sb_net *net = t->model->net;
  const sb_bands *bands = sb_bands_of (t->model->process);
  t->labelled = (sb_labelled_examples){ examples_source (&t->data, 0, number (t, FLIP) > 0), t->labels,
                                        number (t, DROP_LABELS) };
  t->matching.examples = t->labelled.points;
  const bool pairs = sb_multispeed_x (t->model->process) > 0;
  if (o->training.task && net->classes)
    return usage_error ("--task: not with classes=%zu in --network", net->classes);
  if (o->training.task)
    return open_observed (t);
  if (net->picture_input)
    return usage_error ("--network: condition=%zu: there are no pictures to give it: --task",
                        sb_net_picture (net).channels);
  if (pairs)
    return usage_error ("--task: needed, under --process=multispeed");
  if (bands && net->classes)
    return usage_error ("--network: classes=%zu: the stages of --process=bands take none", net->classes);
  if (bands)
    return open_bands (t, bands);
  if (!net->classes)
    return EXIT_SUCCESS;
  if (!t->labels)
    return usage_error ("--labels: needed, with classes=%zu in --network", net->classes);
  int status = sb_labels_check (t->labels, t->data.shape.length[0], net->classes);
  if (status)
    return failure ("%s: %s", o->labels ? o->labels : o->data, why (status));
  t->matching.examples = sb_examples_with_labels (&t->labelled);
  return EXIT_SUCCESS;
}

// A corruption's prior is fitted to what it leaves of some of the data, always the same ones.

enum
{
  PRIOR_ROWS = 512
};

static int
fit_prior (training *t)
{
  if (!sb_soft_operator (t->model->process))
    return EXIT_SUCCESS;
  const sb_examples source = examples_source (&t->data, 0, false);
  gsl_matrix *x = gsl_matrix_alloc (PRIOR_ROWS, t->model->process->dimension);
  int status = x ? source.draw (source.state, (sb_stream){ .purpose = SB_FOR_PRIOR }, x, NULL) : GSL_ENOMEM;
  if (!status)
    status = sb_model_fit_prior (t->model, x);
  gsl_matrix_free (x);
  return status ? failure ("process: its prior: %s", why (status)) : EXIT_SUCCESS;
}

// Under a corruption the noise does not determine the clean point where that is lost, and it may be constant while the
// blur changes.

static int
check_corruption (const sb_model *model)
{
  const sb_process *process = model->process;
  if (!sb_soft_operator (process))
    return EXIT_SUCCESS;
  if (model->network.prediction != SB_PREDICTS_RESIDUAL)
    return usage_error ("--prediction: under --process=%s it must be residual", process->type->name);
  if (model->network.label != SB_LABEL_TIME)
    return usage_error ("--label=%s: under --process=%s, whose noise may be constant, the label is time",
                        sb_labels (model->network.label)->name, process->type->name);
  return EXIT_SUCCESS;
}

// Of bands and of pairs each part has a deviation: that of the state, where a training is resumed, else measured, where
// none was given.

static int
find_deviations (const training *t, size_t parts, double *deviations, bool *found)
{
  const char *before = t->state ? sb_tensors_note_find (t->state, "data_deviation") : NULL;
  const size_t count = before ? sb_numbers_read (before, parts, deviations) : 0;
  *found = count == parts || (!before && t->of_data);
  if (before)
    return count == parts || count == 1 ? GSL_SUCCESS : GSL_EINVAL;
  return t->of_data ? sb_examples_deviations (&t->matching.examples, t->model->process, PRIOR_ROWS,
                                              (sb_stream){ .purpose = SB_FOR_PRIOR }, deviations)
                    : GSL_SUCCESS;
}

static int
set_deviations (training *t)
{
  const sb_process *process = t->model->process;
  if (!sb_bands_of (process) && sb_multispeed_x (process) == 0)
    return EXIT_SUCCESS;
  bool found = false;
  double *deviations = malloc (process->parts * sizeof *deviations);
  int status = deviations ? find_deviations (t, process->parts, deviations, &found) : GSL_ENOMEM;
  if (!status && found)
    status = sb_model_set_deviations (t->model, process->parts, deviations, NULL);
  free (deviations);
  t->matching.network = t->model->network;
  return status ? failure ("data_deviation: %s", why (status)) : EXIT_SUCCESS;
}

// What is minimised: the score's error, or the classifier's.

static int
open_score (training *t)
{
  const settings *o = &t->o;
  const training_settings *s = &o->training;
  sb_error error = { 0 };
  t->model
      = sb_model_alloc (o->net, s->process, s->prediction, s->label, s->deviation, s->range[0], s->range[1], &error);
  if (!t->model)
    return failure ("%s", error.message);
  sb_net_shape in = sb_net_input (t->model->net);
  int status = check_corruption (t->model);
  if (status == EXIT_SUCCESS)
    status = choose_objective (t, t->model->process, &t->matching.objective);
  if (status == EXIT_SUCCESS)
    status = check_images (o->data, &t->data.shape, sb_model_image (t->model));
  if (status == EXIT_SUCCESS)
    status = fit_prior (t);
  if (status != EXIT_SUCCESS)
    return status;
  if (sb_net_shape_size (sb_net_output (t->model->net)) != sb_net_shape_size (in))
    return failure ("network: its output is not of its input's size");
  t->matching.network = t->model->network;
  t->matching.per_dimension = true;
  t->train.task = sb_score_matching_task (&t->matching);
  status = open_condition (t);
  return status == EXIT_SUCCESS ? set_deviations (t) : status;
}

static int
open_classifier (training *t)
{
  const settings *o = &t->o;
  const training_settings *s = &o->training;
  sb_error error = { 0 };
  t->model = t->timed ? sb_model_alloc (o->net, s->process, "epsilon", s->label, s->deviation, s->range[0], s->range[1],
                                        &error)
                      : sb_model_classifier_alloc (o->net, s->range[0], s->range[1], &error);
  if (!t->model)
    return failure ("%s", error.message);
  const sb_net *net = t->model->net;
  if (t->timed && sb_soft_operator (t->model->process))
    return usage_error ("--process=%s: a classifier is trained under noise alone", t->model->process->type->name);
  int status = check_images (o->data, &t->data.shape, sb_net_input (net));
  if (status != EXIT_SUCCESS)
    return status;
  status = sb_labels_check (t->labels, t->data.shape.length[0], sb_net_shape_size (sb_net_output (net)));
  if (status)
    return failure ("%s: %s", o->labels ? o->labels : o->data, why (status));
  t->labelled = (sb_labelled_examples){ examples_source (&t->data, (size_t)number (t, SHIFT), number (t, FLIP) > 0),
                                        t->labels, 0 };
  t->classifying = (sb_classifying){ { .net = net }, sb_examples_with_labels (&t->labelled), 0 };
  if (t->timed)
    {
      t->classifying.network = t->model->network;
      t->classifying.t_min = t->model->process->levels > 0 ? 0 : number (t, T_MIN);
    }
  t->train.task = sb_classifying_task (&t->classifying);
  return EXIT_SUCCESS;
}

// A training may start from another's weights: of the same network with the same output, for data in the same range
// under the same process. NULL, or what differs.

static const char *
difference (const sb_model *a, const sb_model *b)
{
  bool same = sb_net_tensors (a->net) == sb_net_tensors (b->net) && a->network.prediction == b->network.prediction
              && a->network.label == b->network.label;
  for (size_t k = 0; same && k < sb_net_tensors (a->net); k++)
    {
      const sb_net_tensor in_a = sb_net_tensor_at (a->net, k), in_b = sb_net_tensor_at (b->net, k);
      same = in_a.count == in_b.count && in_a.offset == in_b.offset && strcmp (in_a.name, in_b.name) == 0;
    }
  if (!same)
    return "network, --prediction or --label is";
  const sb_process *p = a->process, *q = b->process;
  if (p->t_min != q->t_min || p->t_max != q->t_max
      || (p->parts == 1 ? !same_process (p, q) : strcmp (p->type->name, q->type->name) != 0))
    return "--process is";
  if (a->network.data_deviation != b->network.data_deviation)
    return "--data-deviation is";
  return a->low == b->low && a->high == b->high ? NULL : "--data-range is";
}

static int
take_first_weights (training *t)
{
  const char *path = t->o.init;
  sb_error error = { 0 };
  if (!path)
    return EXIT_SUCCESS;
  sb_model *first = sb_model_read (path, &error);
  if (!first)
    return failure ("%s", error.message);
  const char *other = difference (first, t->model);
  if (!other)
    {
      memcpy (t->training->theta, first->theta, t->training->count * sizeof (float));
      memcpy (t->training->ema, first->theta, t->training->count * sizeof (float));
    }
  sb_model_free (first);
  return other ? failure ("%s: its %s not that of this training", path, other) : EXIT_SUCCESS;
}

static int
open_training (training *t)
{
  const settings *o = &t->o;
  sb_error error = { 0 };
  int status = t->classifies ? open_classifier (t) : open_score (t);
  if (status == EXIT_SUCCESS)
    status = set_engine (t->model->net, &o->engine);
  if (status != EXIT_SUCCESS)
    return status;
  t->training = sb_training_alloc (t->model->net, (sb_stream){ o->training.seed, SB_FOR_USER, 0 });
  if (!t->training)
    return failure ("no memory for a training of %s", o->net);
  if (take_first_weights (t) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (t->state && sb_checkpoint_take (t->state, o->resume, t->model->net, t->training, &error))
    return failure ("%s", error.message);
  if (t->training->step > STEPS_MOST)
    return failure ("%s: step: %llu is over %g", o->resume, (unsigned long long)t->training->step, STEPS_MOST);

  const size_t batch = (size_t)number (t, BATCH), shard = (size_t)number (t, SHARD);
  t->matching.network.theta = t->classifying.network.theta = t->training->theta;
  t->train.adam = sb_adam_defaults;
  t->train.adam.rate = number (t, RATE);
  t->train.adam.warmup = number (t, WARMUP);
  t->train.adam.clip = number (t, CLIP);
  t->train.adam.ema = number (t, EMA);
  t->train.adam.ema_warmup = (sb_ema_warmup)number (t, EMA_WARMUP);
  t->train.adam.ramp = number (t, RAMP);
  t->train.adam.half_life = number (t, HALF_LIFE);
  t->train.adam.batch = (double)batch;
  t->train.clean = number (t, CLEAN) > 0;
  t->train.batch = batch;
  t->train.shard_rows = shard < batch ? shard : batch;
  t->train.seed = o->training.seed;
  t->trainer = sb_trainer_alloc (&t->train, t->training);
  return t->trainer ? EXIT_SUCCESS : failure ("no memory for a training of %s", o->net);
}

// The steps done before the last change of the recipe, from the end of the command before the last one. The data's loss
// up to there belongs to another recipe.

static uint64_t
step_of_change (const training *t)
{
  const char *text = t->command.text, *last = NULL;
  for (const char *at = text; (at = strstr (at, " && scorebook train")); at++)
    last = at;
  while (last && last > text && last[-1] != '=')
    last--;
  return last ? strtoull (last, NULL, 10) : 0;
}

// What the state records of itself, including the reports so far.

static int
open_record (training *t)
{
  const char *report = t->state ? sb_tensors_note_find (t->state, "report") : NULL;
  t->recipe = training_recipe (&t->o.training);
  if (!t->recipe)
    return failure ("no memory for the recipe");
  const bool consistent = t->matching.objective.type == sb_objective_consistency;
  t->report.numbers = consistent ? 3 : 2;
  int status = make_command (t);
  if (status == EXIT_SUCCESS && report)
    status = training_report_read (report, t->training->step, t->o.resume, &t->report);
  t->report.from = step_of_change (t);
  if (status == EXIT_SUCCESS && consistent)
    status = training_report_widen (&t->report);
  return status;
}

// ## Saving
//
// An output that something else has written since, perhaps another training, must not be overwritten.

static void
look_at_output (training *t)
{
  if (stat (t->o.output, &t->saved))
    t->saved = (struct stat){ 0 };
}

static bool
is_as_left (const training *t)
{
  struct stat now = { 0 };
  const struct stat *then = &t->saved;
  if (stat (t->o.output, &now) == 0 && !S_ISREG (now.st_mode))
    return true;
  return now.st_dev == then->st_dev && now.st_ino == then->st_ino && now.st_size == then->st_size
         && now.st_mtim.tv_sec == then->st_mtim.tv_sec && now.st_mtim.tv_nsec == then->st_mtim.tv_nsec;
}

static int
write_curve (const training *t)
{
  sb_error error = { 0 };
  sb_file *file = sb_file_create (t->o.curve, &error);
  if (!file)
    return failure ("%s", error.message);
  fprintf (file->stream, "%s\n%s", training_report_header (&t->report), t->report.lines ? t->report.lines : "");
  return sb_file_commit (file, &error) ? failure ("%s", error.message) : EXIT_SUCCESS;
}

static int
write_model (training *t, const char *path,
             int (*write) (const char *, const sb_model *, const sb_training *, const sb_provenance *, sb_error *))
{
  sb_error error = { 0 };
  const training_settings *s = &t->o.training;
  char *line = command_until_now (t), *report = training_report_write (&t->report);
  const sb_provenance provenance
      = { t->timed ? s->process : NULL, t->recipe, line, t->data.about, s->seed, report, file_dtypes[t->o.dtype] };
  int status = !line || !report                                           ? failure ("no memory")
               : write (path, t->model, t->training, &provenance, &error) ? failure ("%s", error.message)
                                                                          : EXIT_SUCCESS;
  free (line);
  free (report);
  return status;
}

static int
save (training *t)
{
  if (!is_as_left (t))
    return failure ("%s: written by another since it was %s here: not saved", t->o.output,
                    t->saves ? "saved" : "looked at");
  int status = write_model (t, t->o.output, sb_checkpoint_write);
  if (status != EXIT_SUCCESS)
    return status;
  look_at_output (t);
  t->saves = true;
  return t->o.curve ? write_curve (t) : EXIT_SUCCESS;
}

// An average in which the first weights still have a share makes samples like theirs.

static int
export_average (training *t)
{
  const double share = sb_adam_first_share (&t->train.adam, t->training->step);
  if (!t->o.export)
    return EXIT_SUCCESS;
  if (share > 0.01)
    warning ("%s: %.2g%% of the average are the first weights: --ema-warmup, a lower --ema or more --steps",
             t->o.export, 100 * share);
  return write_model (t, t->o.export, sb_checkpoint_export);
}

// ## The loop

// Consistency learns from the model's own samples, and where that goes wrong it diverges, long before a number
// overflows, and raises the loss of the data too: so it is compared with the least that the data's loss was.

static int
check_guard (const training *t)
{
  const double *mean = t->report.last, guard = number (t, GUARD), of_data = training_report_least (&t->report);
  if (t->report.numbers < 3 || guard == 0 || mean[2] <= guard * of_data)
    return EXIT_SUCCESS;
  return failure ("training: step %llu: over %d steps consistency was %g, the loss of the data at its least %g: it "
                  "diverges; %s%s (--guard=0 goes on)",
                  (unsigned long long)t->training->step, CURVE_STEPS, mean[2], of_data,
                  t->saves ? "the last save is " : "nothing was saved", t->saves ? t->o.output : "");
}

// A task's message does not hold all that is known of its failure.

static int
step_failed (const training *t, const sb_error *error)
{
  const char *reason = why (error->code), *more = strstr (error->message, gsl_strerror (error->code)) ? reason : "";
  return failure ("%s%s%s%s; %s%s", error->message, *more ? " (" : "", more, *more ? ")" : "",
                  t->saves ? "the last save is " : "nothing was saved", t->saves ? t->o.output : "");
}

static int
take_steps (training *t)
{
  const settings *o = &t->o;
  const uint64_t begun = t->training->step;
  double loss, norm;
  sb_error error = { 0 };
  int status = EXIT_SUCCESS;
  progress_bar bar = progress_start ("train", "steps", o->steps - begun, o->common.quiet);
  while (t->training->step < o->steps && !interrupted () && status == EXIT_SUCCESS)
    {
      if (sb_trainer_step (t->trainer, &loss, &norm, &error))
        return step_failed (t, &error);
      const uint64_t step = t->training->step;
      t->unseen += sb_trainer_unseen (t->trainer);
      status = training_report_add (&t->report, step, (double[]){ loss, norm, sb_trainer_regulariser (t->trainer) });
      if (status == EXIT_SUCCESS && step % CURVE_STEPS == 0)
        status = check_guard (t);
      if (step % o->save_every == 0 && step < o->steps && status == EXIT_SUCCESS)
        status = save (t);
      progress_show (&bar, step - begun);
    }
  progress_end (&bar, t->training->step - begun);
  return status;
}

// The command that resumes the training, for a shell.

static char *
line_to_go_on (const training *t)
{
  const settings *o = &t->o;
  shell_words line = { 0 };
  char steps[32];
  snprintf (steps, sizeof steps, "%llu", (unsigned long long)o->steps);
  shell_text (&line, "scorebook train");
  shell_option (&line, "resume", o->output);
  shell_option (&line, "data", o->data);
  if (o->labels)
    shell_option (&line, "labels", o->labels);
  if (o->resize)
    {
      char height[32];
      snprintf (height, sizeof height, "%llu", (unsigned long long)o->resize);
      shell_option (&line, "resize", height);
    }
  shell_option (&line, "steps", steps);
  return line.text;
}

static int
run (training *t)
{
  const settings *o = &t->o;
  catch_interrupts ();
  int status = t->training->step < o->steps ? take_steps (t) : EXIT_SUCCESS;
  if (status == EXIT_SUCCESS)
    status = save (t);
  if (status != EXIT_SUCCESS)
    return status;
  if (interrupted ())
    {
      char *line = line_to_go_on (t), left[2048];
      snprintf (left, sizeof left, "step %llu is saved; go on with: %s", (unsigned long long)t->training->step,
                line ? line : "--resume");
      die_if_interrupted (left);
    }
  status = export_average (t);
  if (status == EXIT_SUCCESS)
    printf ("steps: %llu\nparameters: %zu\noutput: %s\n", (unsigned long long)t->training->step,
            t->model->net->parameters, o->output);
  if (status == EXIT_SUCCESS && t->unseen > 0)
    printf ("data not looked at: of %llu samples\n", (unsigned long long)t->unseen);
  return status;
}

// ## From the command line to the end
//
// All that can be refused is, before the first step: what is missing, what does not fit, what cannot be written.

static int
check (const settings *o)
{
  if (!o->data)
    return usage_error ("--data: needed%s; see 'scorebook train --help'", o->resume ? ", with --resume too" : "");
  if (!o->net && !o->resume)
    return usage_error ("--network: needed; see 'scorebook train --help'");
  if (!o->output && !o->resume)
    return usage_error ("--output: needed; see 'scorebook train --help'");
  if (o->dtype && !o->export)
    return usage_error ("--export-dtype: needs --export");
  if (o->init && o->resume)
    return usage_error ("--init: not with --resume, whose state has weights");
  if (o->new_data && !o->resume)
    return usage_error ("--new-data: only with --resume");
  return EXIT_SUCCESS;
}

// One file is not two: what is written last would be all that is left, of a state or of the data.

static bool
same_file (const char *a, const char *b)
{
  struct stat of_a, of_b;
  if (stat (a, &of_a) != 0 || stat (b, &of_b) != 0)
    return strcmp (a, b) == 0;
  return S_ISREG (of_a.st_mode) && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

static int
try_outputs (training *t)
{
  const char *const paths[] = { t->o.output, t->o.export, t->o.curve, t->o.data, t->o.labels };
  static const char *const names[] = { "output", "export", "curve", "data", "labels" };
  int status = EXIT_SUCCESS;
  for (size_t k = 0; k < 3; k++)
    for (size_t other = k + 1; other < sizeof paths / sizeof *paths && paths[k]; other++)
      if (paths[other] && same_file (paths[k], paths[other]))
        return usage_error ("--%s: %s is that of --%s", names[k], paths[k], names[other]);
  for (size_t k = 0; k < 3 && status == EXIT_SUCCESS; k++)
    if (paths[k])
      status = output_try (paths[k]);
  look_at_output (t);
  return status;
}

static int
train (training *t)
{
  int (*const steps[]) (training *) = { open_state, try_outputs, open_data, open_training, open_record, run };
  int status = check (&t->o);
  if (status == EXIT_SUCCESS)
    begin_work (t->o.common.threads);
  for (size_t k = 0; k < sizeof steps / sizeof *steps && status == EXIT_SUCCESS; k++)
    status = steps[k](t);
  return status;
}

int
command_train (int argc, char **argv)
{
  training t
      = { .o
          = { .training = training_settings_none (), .engine = { .backend = -1 }, .steps = 10000, .save_every = 500 } };
  t.o.common.given = note_option;
  t.o.common.context = &t;
  int status = parse (argc, argv, &t.o);
  if (status < 0)
    status = train (&t);
  release (&t);
  return status;
}
