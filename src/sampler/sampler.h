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
  bool noisy;         // whether a step looks at z
  int (*step) (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x);
} sb_predictor_type;

// Common to all steps, predictors' and correctors': GSL_EBADLEN where a shape is wrong, GSL_EDOM where not 0 <= s < t
// (a corrector: s <= t) or a time is outside the process, GSL_EUNSUP where the process lacks a map the step needs
// (the SDE solvers: F and G, which a chain has not; lower: numbers for A and S), GSL_EBADFUNC where the score is not
// finite, GSL_ENOMEM, and what the score itself reports. After a failure x is unspecified.
extern const sb_predictor_type *sb_predictor_none;              // x stays: corrector-only sampling
extern const sb_predictor_type *sb_predictor_euler_maruyama;    // of the reverse SDE
extern const sb_predictor_type *sb_predictor_heun;              // of the reverse SDE, weak order 2
extern const sb_predictor_type *sb_predictor_reverse_diffusion; // Eq. (46): the forward step turned round
extern const sb_predictor_type *sb_predictor_ancestral;         // Eqs. (4) and (47): upper, and lower where A = I
extern const sb_predictor_type *sb_predictor_ancestral_upper;   // with the variance of x_t given x_s
extern const sb_predictor_type *sb_predictor_ancestral_lower;   // with the variance of x_s given x_t and x_0
extern const sb_predictor_type *sb_predictor_ancestral_optimal; // with the variance the score's divergence implies
extern const sb_predictor_type *sb_predictor_probability_flow;  // the paper's discretisation; adaptive: flow.h

// How the norms in the Langevin corrector's step size are taken.
typedef enum
{
  SB_NORM_BATCH, // the average over the batch (the paper, for large batches)
  SB_NORM_ROW,   // each row's own
  SB_NORM_ROOT_D // |z| replaced by sqrt(d) (the paper, for small batches); |g| is the batch average
} sb_norm;

// What "alpha_i" in Algorithm 5 is. Both are 1 where A = I, which is Algorithm 4.
typedef enum
{
  SB_ALPHA_STEP,      // A(s,t)^2: 1 - beta_i, as in the authors' code
  SB_ALPHA_CUMULATIVE // A(0,t)^2: the product of these up to i, as Section 2.2 defines it
} sb_alpha;

struct sb_corrector;

// A corrector moves x at time t towards p_t, with one evaluation of the score and normals z (n x d; NULL:
// GSL_EINVAL). s is the next lower time of the grid, which SB_ALPHA_STEP asks for.
typedef struct
{
  const char *name;
  int (*step) (const struct sb_corrector *corrector, const sb_score *score, const gsl_matrix *y, double s, double t,
               const gsl_matrix *z, gsl_matrix *x);
} sb_corrector_type;

typedef struct sb_corrector
{
  const sb_corrector_type *type;
  double snr;     // Langevin: r > 0, the signal-to-noise ratio
  double epsilon; // fixed: the step size, > 0, a multiple of Var[x_t | x_0]
  sb_norm norm;
  sb_alpha alpha;
} sb_corrector;

// Step size from r: Algorithms 4 and 5. GSL_EZERODIV where the norm of the score it divides by is zero.
extern const sb_corrector_type *sb_corrector_langevin;
// Step size given: Eq. (2).
extern const sb_corrector_type *sb_corrector_fixed;

SB_END_DECLS

#endif
