// # Stochastic Heun
//
// Any general solver of SDEs may run the reverse one. [scoresde.txt-general-solvers] This is the stochastic
// Runge-Kutta method that costs one more evaluation than Euler-Maruyama and gains an order: predict with the drift at
// $t$, noise included, then go again from $\mathbf x_t$ with the mean of the drifts at both ends, $\mathbf b$ being
// the reverse drift and $h = t - s$:
// $$ \hat{\mathbf x} = \mathbf x_t - h\,\mathbf b(\mathbf x_t, t) + \mathbf n, \qquad
//    \mathbf x_s = \mathbf x_t - \tfrac h2\bigl[\mathbf b(\mathbf x_t, t) + \mathbf b(\hat{\mathbf x}, s)\bigr]
//    + \mathbf n. $$
// The noise does not depend on the state, so one draw $\mathbf n$ of the step's whole noise serves both. Its
// covariance should be $\int_s^t \mathbf G\mathbf G^{\mathsf T}$; the midpoint rule,
// $\mathbf n = \sqrt h\,\mathbf G(\tfrac{s+t}2)\,\mathbf z$, misses it by $O(h^3)$, which is what weak order 2 allows
// in a step.

#include "drift.h"
#include "step.h"

#include <math.h>

static int
step (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  int status = sb_step_check (score, s, t, z, x);
  if (status != GSL_SUCCESS)
    return status;

  double h = t - s, middle = s + h / 2;
  gsl_matrix *drift_t = gsl_matrix_alloc (x->size1, x->size2), *drift_s = gsl_matrix_alloc (x->size1, x->size2),
             *x_hat = gsl_matrix_alloc (x->size1, x->size2);
  status
      = drift_t != NULL && drift_s != NULL && x_hat != NULL ? sb_reverse_drift (score, y, t, x, drift_t) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = sb_step_add_noise (score->process, SB_G, middle, middle, sqrt (h), z, x);
  if (status == GSL_SUCCESS)
    {
      gsl_matrix_memcpy (x_hat, x);
      sb_step_add (x_hat, -h, drift_t);
      status = sb_reverse_drift (score, y, s, x_hat, drift_s);
    }
  if (status == GSL_SUCCESS)
    {
      sb_step_add (x, -h / 2, drift_t);
      sb_step_add (x, -h / 2, drift_s);
    }
  gsl_matrix_free (drift_t);
  gsl_matrix_free (drift_s);
  gsl_matrix_free (x_hat);
  return status;
}

static const sb_predictor_type heun = { .name = "heun", .evaluations = 2, .noisy = true, .step = step };

const sb_predictor_type *sb_predictor_heun = &heun;
