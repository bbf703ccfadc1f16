#ifndef SCOREBOOK_SAMPLER_PC_H
#define SCOREBOOK_SAMPLER_PC_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "condition.h"
#include "known.h"
#include "sampler.h"

SB_BEGIN_DECLS

// Where correctors run.
typedef enum
{
  SB_PREDICTOR_FIRST, // step t -> s, then correct at s: Algorithm 1
  SB_CORRECTOR_FIRST, // correct at t, then step t -> s: Algorithms 4 and 5, and the authors' code
  SB_CORRECTOR_ALWAYS // correct at every time of the grid, its first and its last: Langevin dynamics
} sb_pc_order;

// Fill z (n x d) with the noise of step number `count` (0, 1, ...) of the predictor or corrector, by purpose: normals
// that are prescribed, correlated, or reused. A status other than GSL_SUCCESS ends the run.
typedef int (*sb_noise) (void *context, sb_purpose purpose, size_t count, gsl_matrix *z);

typedef struct
{
  const sb_step_type *step;
  const double *key;             // the values of its keys; NULL: the usual ones
  const sb_step_type *alternate; // every second step, the first being `step`'s; NULL: none
  const double *alternate_key;
  sb_corrector corrector; // ignored where corrector_steps is 0
  size_t corrector_steps; // M
  sb_pc_order order;
  sb_final final;
  bool noiseless; // z = 0 throughout
  sb_noise noise; // NULL: normals from the stream
  // The known coordinates of the samples, imputed before every step and correction, and at the end; NULL: none.
  const sb_known *known;
  // How the score's condition diffuses, drawn before every step and correction; NULL: y as it is.
  const sb_condition *condition;
  uint64_t taken;       // numbers of each row's streams already used, where a run continues another
  size_t corrected;     // corrector steps already taken, after which each row's noise continues
  sb_progress progress; // NULL: none
  bool each_corrector;  // progress is called after each corrector step too, and these are counted like steps
  void *context;        // handed to progress and noise
} sb_pc;

// Reverse diffusion, one Langevin step of r = 0.16 (norms averaged over the batch) after each, denoised at the end.
sb_pc sb_pc_default (void);

// Langevin dynamics, x <- x + epsilon s + sqrt (2 epsilon) z, `steps` steps at each time of a grid (one time will do):
// with the same epsilon at all times; or annealed, epsilon S(0,t)^2 at time t.
sb_pc sb_pc_langevin (double epsilon, size_t steps);
sb_pc sb_pc_annealed (double epsilon, size_t steps);

// Step k of a run, from 0, and the values of its keys (NULL: the usual ones).
const sb_step_type *sb_pc_step (const sb_pc *pc, size_t k, const double **key);

// Run x (n x d) along the grid `times`, strictly decreasing in [0, t_limit]: on entry x is at its first time (a draw
// from the prior, as a rule), on success it is at its last, or denoised. Row i draws its noise from stream.index + i of
// stream.seed (stream.purpose is ignored), so it is the same in any batch, but for correctors with SB_NORM_BATCH or
// SB_NORM_ROOT_D. y: the score's condition, NULL or n rows; required if it diffuses. evaluations: of the score, on
// every row; or NULL.
//
// Returns what a step or corrector reports (sampler.h), what progress or noise returned where that ended the run,
// GSL_EDOM for a bad grid or a point that is not finite, GSL_EBADFUNC where a sample is not, GSL_EINVAL where step or
// corrector are missing or x is y, GSL_EBADLEN, GSL_ENOMEM. After a failure x is unspecified.
int sb_pc_sample (const sb_pc *pc, const sb_score *score, const gsl_matrix *y, const gsl_vector *times,
                  sb_stream stream, gsl_matrix *x, size_t *evaluations);

SB_END_DECLS

#endif
