#ifndef SCOREBOOK_CLI_CONDITIONAL_H
#define SCOREBOOK_CLI_CONDITIONAL_H

#include <scorebook.h>

#include <stdint.h>

// A model of images given what is seen of them, and observations to make images from: its score of x alone, with
// y as the condition, a row for each sample.
typedef struct
{
  const sb_process *process; // of x; the model's
  const sb_score *score;
  gsl_matrix *condition;
  sb_condition diffused; // process NULL: the condition is given as it is
  sb_score *of_network, *slice;
} conditional;

// `path` holds the observations, of each of which there are so many samples. EXIT_SUCCESS, or the status after a complaint.
int conditional_open (const sb_model *model, const char *path, uint64_t per_condition, conditional *c);
void conditional_close (conditional *c);

#endif
