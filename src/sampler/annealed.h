#ifndef SCOREBOOK_SAMPLER_ANNEALED_H
#define SCOREBOOK_SAMPLER_ANNEALED_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "../score/score.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// Called with x before the first level (done = 0) and after each (done = 1, ..., L), at the time of the level done (of
// the first, where none is). Anything but GSL_SUCCESS stops the run.
typedef int (*sb_annealed_progress) (void *context, size_t done, size_t levels, double t, const gsl_matrix *x);

// Langevin dynamics at each level of a ladder sigma_1 > ... > sigma_L. A level is a time of the score's process, and
// its sigma_i the standard deviation S(0, t_i) of the noise there.
typedef struct
{
  double epsilon;                // the step size at the last level, > 0
  size_t steps;                  // T, of each level
  bool noiseless;                // without z
  sb_annealed_progress progress; // NULL: none
  void *context;                 // handed to progress
} sb_annealed;

// alpha_i, the step size at level i = 1, ..., L of the strictly decreasing, positive times (L). GSL_EDOM where epsilon,
// i or a time is out of range, GSL_EBADLEN where there are no times, GSL_EUNSUP where the process's maps are no
// numbers.
int sb_annealed_step_size (const sb_annealed *annealed, const sb_process *process, const gsl_vector *times, size_t i,
                           double *alpha);

// Algorithm 1, from the points in x (n x d) to a sample of the last level: T L evaluations of the score on every row.
// The last level's noise is still in it. Streams, y and errors as of sb_langevin_sample, and those above.
int sb_annealed_sample (const sb_annealed *annealed, const sb_score *score, const gsl_matrix *y,
                        const gsl_vector *times, sb_stream stream, gsl_matrix *x);

SB_END_DECLS

#endif
