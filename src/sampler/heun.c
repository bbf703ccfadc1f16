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
#include "work.h"

#include <math.h>

static int
add_noise (sb_sampler_work *work, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z, gsl_matrix *noise,
           gsl_matrix *x)
{
  gsl_vector_view middle = gsl_vector_subvector (work->t, 0, x->size1);
  gsl_matrix_memcpy (noise, z);
  for (size_t i = 0; i < x->size1; i++)
    {
      const double h = gsl_vector_get (t, i) - gsl_vector_get (s, i);
      gsl_vector_view noise_i = gsl_matrix_row (noise, i);
      gsl_vector_scale (&noise_i.vector, sqrt (h));
      gsl_vector_set (&middle.vector, i, gsl_vector_get (s, i) + h / 2);
    }
  int status = sb_process_apply (work->score->process, SB_G, CblasNoTrans, NULL, &middle.vector, noise);
  return status ? status : gsl_matrix_add (x, noise);
}

static int
take (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
      gsl_matrix *x)
{
  const size_t n = x->size1, d = x->size2;
  gsl_matrix_view b_t = gsl_matrix_submatrix (work->more, 0, 0, n, d),
                  x_hat = gsl_matrix_submatrix (work->more, n, 0, n, d);
  gsl_matrix_view b_s = sb_work_estimate_rows (work, n);
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < n && !status; i++)
    status = sb_work_check_sde (work->score->process, gsl_vector_get (s, i));

  // Predict with the drift at t, noise included.
  work->evaluations += 2;
  if (!status)
    status = sb_reverse_drift (work->score, y, t, x, &b_t.matrix);
  if (!status && z)
    status = add_noise (work, s, t, z, &x_hat.matrix, x);
  if (status)
    return status;
  gsl_matrix_memcpy (&x_hat.matrix, x);
  sb_work_add_slope (s, t, 1, &b_t.matrix, &x_hat.matrix);

  // Go again with the mean of the drifts at both ends.
  status = sb_reverse_drift (work->score, y, s, &x_hat.matrix, &b_s.matrix);
  if (status)
    return status;
  sb_work_add_slope (s, t, 0.5, &b_t.matrix, x);
  sb_work_add_slope (s, t, 0.5, &b_s.matrix, x);
  return GSL_SUCCESS;
}

static const sb_step_type heun
    = { .entry = { .name = "heun", .help = "a solver of weak order 2 for the reverse SDE" }, .take = take };

const sb_step_type *sb_step_heun = &heun;
