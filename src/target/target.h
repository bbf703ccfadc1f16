#ifndef SCOREBOOK_TARGET_TARGET_H
#define SCOREBOOK_TARGET_TARGET_H

#include "../base/decls.h"
#include "../process/process.h"
#include "../process/view.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// A quantity to compute for a batch of points, x (n x d) with a time each (n).
typedef enum
{
  SB_TARGET_LOG_DENSITY,
  SB_TARGET_VIEW,
  SB_TARGET_JVP,
  SB_TARGET_DIVERGENCE,
  SB_TARGET_COVARIANCE,
  SB_TARGET_CDF,
  SB_TARGET_QUESTIONS // how many
} sb_target_asked;

typedef struct
{
  sb_target_asked asked;
  sb_view view;
  const gsl_matrix *x;
  const gsl_vector *t;
  const gsl_matrix *v; // n x d: directions, where there are any
  gsl_matrix *out;     // one of these two is the result: a row per point (for a covariance, d x d, the lower triangle)
  gsl_vector *number;  // or a number per point; of a divergence, out is the score besides, or NULL
} sb_target_question;

// A data law p_0 known in closed form, and with it the law p_t of x_t = A x_0 + S z under any process here. Questions
// have been checked: all shapes fit, there is at least one point, exactly one for a covariance; the distribution
// function is in one dimension and under a process of one part.
typedef struct
{
  const char *name;
  int (*sample) (const void *state, sb_stream stream, gsl_matrix *x);
  int (*answer) (const void *state, const sb_process *process, const sb_target_question *question);
  void (*free) (void *state);
} sb_target_type;

typedef struct
{
  const sb_target_type *type;
  void *state;
  size_t dimension; // d
} sb_target;

// Common to all: x, v, out (n x d), t (n) in [0, t_max] (at t = 0 a law with a density has one, a point mass has
// none: GSL_EDOM, also where its variance is no normal double); out is never x or v (GSL_EINVAL). A batch may have no
// rows. GSL_EBADLEN, GSL_EDOM, GSL_EOVRFLW where the noise's variance overflows, GSL_ENOMEM, and what the process
// reports of its maps. No digits are lost where a law lies far from the origin, or in units from 1e-150 to 1e150. Where
// the maps are no multiples of the identity, a mixture costs a factorisation per distinct time and component (unless
// its covariances and the maps are diagonal, and no derivative is computed), point masses an application of the maps to
// all of them per distinct time. Results are the same for any number of threads, to the last bit, but may differ in it
// if a batch is cut in two: a matrix product's rounding depends on its shape.
int sb_target_sample (const sb_target *target, sb_stream stream, gsl_matrix *x); // x_0, a row per index
int sb_target_log_density (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                           gsl_vector *log_p); // log p_t, in nats
// The score, E[x_0 | x_t] or E[z | x_t].
int sb_target_evaluate (const sb_target *target, const sb_process *process, sb_view view, const gsl_matrix *x,
                        const gsl_vector *t, gsl_matrix *out);
// The Jacobian of the score (which is symmetric: the Hessian of log p_t) times v_i, and its trace.
int sb_target_jvp (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                   const gsl_matrix *v, gsl_matrix *out);
int sb_target_divergence (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                          gsl_vector *divergence);
int sb_target_evaluate_divergence (const sb_target *target, const sb_process *process, const gsl_matrix *x,
                                   const gsl_vector *t, gsl_matrix *score, gsl_vector *divergence); // both at once
int sb_target_posterior_covariance (const sb_target *target, const sb_process *process, const gsl_vector *x, double t,
                                    gsl_matrix *covariance); // Cov[x_0 | x_t = x], d x d
// In one dimension: P(x_t <= x). GSL_EUNSUP in more.
int sb_target_cdf (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                   gsl_vector *cdf);

void sb_target_free (sb_target *target);

// The laws. Each copies what it is given. GSL_EBADLEN, GSL_EINVAL (nothing given), GSL_EDOM (a number that is not
// finite, a negative weight, an invalid covariance), GSL_EOVRFLW (a point whose square overflows), GSL_ENOMEM.
sb_target *sb_target_gaussian_alloc (const gsl_vector *mean,
                                     const gsl_matrix *covariance); // d, d x d positive semidefinite
sb_target *sb_target_mixture_alloc (const gsl_vector *weights,    // K, none negative, scaled to sum 1 here; NULL: equal
                                    const gsl_matrix *means,      // K x d
                                    const gsl_matrix *covariances // K d x d: the K covariances, one below the other
);
sb_target *sb_target_points_alloc (const gsl_matrix *points, const gsl_vector *weights); // K x d; weights NULL: equal

// A mixture of probabilistic PCA: component k has the covariance v_k I + W_k^T W_k. GSL_EUNSUP for its distribution
// function and under a process without parts. For n points at one time about 6 n K q d operations and K factorisations
// of q x q.
sb_target *sb_target_pca_mixture_alloc (const gsl_vector *weights,  // K; NULL: equal
                                        const gsl_matrix *means,    // K x d
                                        const gsl_matrix *loadings, // K q x d: the W_k, one below the other
                                        const gsl_vector *variances // K: v_k, none negative
);

// Fit one to points x (n x d) by `iterations` steps of EM, from means drawn with the stream; the shapes of the results
// (as above) determine K and q. log_likelihood (iterations, in nats; NULL: not computed): the mean of log p_0 over the
// points before each iteration, which never falls. v_k stays above 1e-4 of the mean variance of a coordinate.
// GSL_EBADLEN, GSL_EINVAL (fewer points than components), GSL_EDOM (a point that is not finite), GSL_ESING (a component
// is left with no weight or no variance), GSL_ENOMEM.
int sb_pca_mixture_fit (const gsl_matrix *x, size_t iterations, sb_stream stream, gsl_vector *weights,
                        gsl_matrix *means, gsl_matrix *loadings, gsl_vector *variances, gsl_vector *log_likelihood);

SB_END_DECLS

#endif
