#ifndef SCOREBOOK_CLI_CONDITIONAL_H
#define SCOREBOOK_CLI_CONDITIONAL_H

#include <scorebook.h>

#include <stdint.h>

// A model of images given observations, and the observations to sample from: its score of x alone, with y as the
// condition, a row for each sample.
typedef struct
{
  const sb_process *process; // of x; the model's
  const sb_score *score;
  gsl_matrix *condition;
  sb_condition diffused; // process NULL: the condition is given as it is
  sb_score *of_network, *slice;
} conditional;

// `path` holds the observations, with per_condition samples of each. EXIT_SUCCESS, or the status after a complaint.
int conditional_open (const sb_model *model, const char *path, uint64_t per_condition, conditional *c);
void conditional_close (conditional *c);

#endif
