#ifndef SCOREBOOK_SAMPLER_SAMPLER_H
#define SCOREBOOK_SAMPLER_SAMPLER_H

#include "../base/decls.h"
#include "../score/score.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// A predictor carries x from time t back to time s < t, one step of the reverse process. z (n x d) holds the step's
// normals; NULL: the step's mean alone. The rows share s and t. x and z are given, so a step is a function of its
// arguments: what it does to a Gaussian can be read off exactly.
typedef struct
{
  const char *name;
  size_t evaluations; // of the score, per step
  int (*step) (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x);
} sb_predictor_type;

extern const sb_predictor_type *sb_predictor_none;
extern const sb_predictor_type *sb_predictor_euler_maruyama;
extern const sb_predictor_type *sb_predictor_reverse_diffusion;
extern const sb_predictor_type *sb_predictor_ancestral;
extern const sb_predictor_type *sb_predictor_probability_flow; // the paper's discretisation; adaptive: flow.h

// How the norms in the Langevin corrector's step size are taken.
typedef enum
{
  SB_NORM_BATCH, // the average over the batch (the paper, for large batches)
  SB_NORM_ROW,   // each row's own
  SB_NORM_ROOT_D // |z| replaced by sqrt(d) (the paper, for small batches); |g| is the batch average
} sb_norm;

// What "alpha_i" in Algorithm 5 is.
typedef enum
{
  SB_ALPHA_STEP,      // 1 - beta_i, as in the authors' code
  SB_ALPHA_CUMULATIVE // the product of these up to i, as Section 2.2 defines it
} sb_alpha;

struct sb_corrector;

// A corrector moves x at time t towards p_t; s is the next lower time of the grid, which SB_ALPHA_STEP asks for.
typedef struct
{
  const char *name;
  int (*step) (const struct sb_corrector *corrector, const sb_score *score, const gsl_matrix *y, double s, double t,
               const gsl_matrix *z, gsl_matrix *x);
} sb_corrector_type;

typedef struct sb_corrector
{
  const sb_corrector_type *type;
  double snr;     // r, the signal-to-noise ratio of the Langevin corrector
  double epsilon; // the step size of the fixed-step corrector, a multiple of Var[x_t | x_0]
  sb_norm norm;
  sb_alpha alpha;
} sb_corrector;

extern const sb_corrector_type *sb_corrector_langevin; // step size from r: Algorithms 4 and 5
extern const sb_corrector_type *sb_corrector_fixed;    // step size given: Eq. (2)

SB_END_DECLS

#endif
