// # The identity predictor
//
// It leaves $\mathbf x$ where it is. With a Langevin corrector at every level, that is the sampler of SMLD: annealed
// Langevin dynamics. [scoresde.txt-pc-unify]

#include "sampler.h"

static int
step (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  (void)score, (void)y, (void)s, (void)t, (void)z, (void)x;
  return GSL_SUCCESS;
}

static const sb_predictor_type none = { .name = "none", .evaluations = 0, .noisy = false, .step = step };

const sb_predictor_type *sb_predictor_none = &none;
