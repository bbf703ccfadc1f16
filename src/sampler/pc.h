#ifndef SCOREBOOK_SAMPLER_PC_H
#define SCOREBOOK_SAMPLER_PC_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "sampler.h"

SB_BEGIN_DECLS

// At which end of a step the corrector runs.
typedef enum
{
  SB_PREDICTOR_FIRST, // predict t -> s, then correct at s: Algorithm 1
  SB_CORRECTOR_FIRST  // correct at t, then predict t -> s: Algorithms 4 and 5, and the authors' code
} sb_pc_order;

// How the run ends, t being the grid's last time.
typedef enum
{
  SB_FINAL_DENOISE, // with E[x_0 | x_t], one more evaluation: needs t > 0
  SB_FINAL_MEAN,    // with the last predictor's mean: it gets no noise, and no corrector follows it
  SB_FINAL_SAMPLE   // with x_t itself: Algorithms 1 to 5 as printed
} sb_pc_final;

// Called with x at the grid's first time (done = 0), after each predictor step with its correctors (done = 1, ...,
// steps) at time t, and once more with t = 0 after SB_FINAL_DENOISE. Anything but GSL_SUCCESS stops the run.
typedef int (*sb_pc_progress) (void *context, size_t done, size_t steps, double t, const gsl_matrix *x);

typedef struct
{
  const sb_predictor_type *predictor;
  sb_corrector corrector; // not looked at where corrector_steps is 0
  size_t corrector_steps; // M
  sb_pc_order order;
  sb_pc_final final;
  sb_pc_progress progress; // NULL: none
  void *context;           // handed to progress
} sb_pc;

// Reverse diffusion, one Langevin step of r = 0.16 (norms averaged over the batch) after each, denoised at the end.
sb_pc sb_pc_default (void);

// Run x (n x d) along the grid `times`, strictly decreasing in [0, t_max]: on entry x is at its first time (a draw from
// the prior, as a rule), on success it is at its last, or denoised. Row i draws its noise from stream.index + i of
// stream.seed (stream.purpose is ignored), so it is the same in any batch, but for correctors with SB_NORM_BATCH or
// SB_NORM_ROOT_D. y: the score's condition, NULL or n rows. evaluations (NULL is allowed): of the score, on every row.
//
// Returns what a step reports (sampler.h), what progress returned where that stopped the run, GSL_EDOM for a bad grid,
// GSL_EINVAL where predictor or corrector are missing, GSL_EBADLEN, GSL_ENOMEM. After a failure x is unspecified.
int sb_pc_sample (const sb_pc *pc, const sb_score *score, const gsl_matrix *y, const gsl_vector *times,
                  sb_stream stream, gsl_matrix *x, size_t *evaluations);

SB_END_DECLS

#endif
