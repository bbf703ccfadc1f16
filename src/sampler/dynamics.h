#ifndef SCOREBOOK_SAMPLER_DYNAMICS_H
#define SCOREBOOK_SAMPLER_DYNAMICS_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "../score/score.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// Called with x before the first step (done = 0) and after each (done = 1, ..., steps). Anything but GSL_SUCCESS stops
// the run.
typedef int (*sb_langevin_progress) (void *context, size_t done, size_t steps, const gsl_matrix *x);

typedef struct
{
  double epsilon;                // the step size, > 0
  size_t steps;                  // T
  bool noiseless;                // without z: ascent of log p
  size_t taken;                  // steps taken before: where each row's noise goes on
  sb_langevin_progress progress; // NULL: none
  void *context;                 // handed to progress
} sb_langevin;

// One step with the score at time t (0 <= t <= t_max), one for all rows: x and z (n x d); z NULL: without noise. y: the
// score's condition, NULL or n rows. GSL_EDOM where epsilon is negative or not finite or t is out of range, GSL_EBADLEN
// where a shape is wrong, GSL_EBADFUNC where the score is not finite, GSL_ENOMEM, and what the score reports. After a
// failure x is unspecified.
int sb_langevin_step (const sb_score *score, const gsl_matrix *y, double t, double epsilon, const gsl_matrix *z,
                      gsl_matrix *x);

// T steps at time t from the points in x (n x d). Row i draws its noise from stream.index + i of stream.seed
// (stream.purpose is ignored), so it is the same in any batch. Returns what a step reports, what progress returned, or
// GSL_EDOM where epsilon is 0.
int sb_langevin_sample (const sb_langevin *langevin, const sb_score *score, const gsl_matrix *y, double t,
                        sb_stream stream, gsl_matrix *x);

SB_END_DECLS

#endif
