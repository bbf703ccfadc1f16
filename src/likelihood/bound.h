#ifndef SCOREBOOK_LIKELIHOOD_BOUND_H
#define SCOREBOOK_LIKELIHOOD_BOUND_H

#include "../base/decls.h"
#include "../process/process.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// How far a model is from Gaussian data, and what bounds it. The model's score is the true one less an affine error,
// s = grad log p(x_t) - v, v = E x + e, and its samples start from a Gaussian prior at T.
typedef struct
{
  const sb_process *process;    // with F and G on [0, T]; any, full matrices too
  const gsl_vector *mean;       // of x_0 (d)
  const gsl_matrix *covariance; // of x_0 (d x d), positive definite
  double T;                     // > 0, at most the process's t_limit

  // E (d x d) and e (d) at time t, where x_t has this mean and covariance; both are 0 on entry. Anything but
  // GSL_SUCCESS ends the work.
  int (*error) (void *params, double t, const gsl_vector *mean, const gsl_matrix *covariance, gsl_matrix *E,
                gsl_vector *e);
  // NULL: the weight is G G^T; or another, Lambda (d x d, 0 on entry).
  int (*weight) (void *params, double t, gsl_matrix *Lambda);
  void *params;

  const gsl_vector *prior_mean; // NULL, with the next: the law of x_T itself
  const gsl_matrix *prior_covariance;
  size_t steps; // of Runge and Kutta's method, over [0, T]
} sb_bound;

typedef struct
{
  double kl;       // KL (p(x_0) || p_model(x_0)), in nats
  double prior;    // KL (p(x_T) || prior)
  double integral; // 1/2 int_0^T E [v^T Lambda v] dt, which is T times half its mean over t
} sb_bound_sides;

// Both sides of KL <= prior + integral, which holds for the weight G G^T. mean (d), covariance (d x d): those of the
// model's samples; NULL: not wanted. GSL_EBADLEN, GSL_EDOM for an invalid T or covariance, GSL_EINVAL for no steps,
// what the process and the functions return, GSL_ENOMEM.
int sb_bound_find (const sb_bound *bound, sb_bound_sides *sides, gsl_vector *mean, gsl_matrix *covariance);

SB_END_DECLS

#endif
