#ifndef SCOREBOOK_CLI_COMMANDS_H
#define SCOREBOOK_CLI_COMMANDS_H

// A command of the program, `scorebook NAME ...`. argv[0] is its name; it returns the exit status.
typedef struct
{
  const char *name, *summary;
  int (*run) (int argc, char **argv);
} command;

int command_train (int argc, char **argv);
int command_sample (int argc, char **argv);
int command_likelihood (int argc, char **argv);
int command_encode (int argc, char **argv);
int command_decode (int argc, char **argv);
int command_measure (int argc, char **argv);
int command_observe (int argc, char **argv);
int command_schedule (int argc, char **argv);
int command_info (int argc, char **argv);

// The one-line summaries, printed by a command's own help and by `scorebook --help`.
#define TRAIN_SUMMARY "Train a network to estimate the score of a data set."
#define SAMPLE_SUMMARY "Sample a law or a trained network by running a process backwards."
#define LIKELIHOOD_SUMMARY "Compute the log-likelihood of points under a model."
#define ENCODE_SUMMARY "Map points along the probability flow to their latent codes."
#define DECODE_SUMMARY "Map latent codes along the probability flow to points."
#define MEASURE_SUMMARY "Compare two sets of points, or reconstructions with the truth."
#define OBSERVE_SUMMARY "Compute observations of images: holes, fewer pixels, sketches."
#define SCHEDULE_SUMMARY "Choose the levels of a blur or a mask for given data."
#define INFO_SUMMARY "Describe a file of data, or this build of Scorebook."

#endif
