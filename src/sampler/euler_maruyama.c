// # Euler-Maruyama
//
// The simplest solver of any SDE, applied to the reverse one [scoresde.eq6]: over a step of $h = t - s$ downwards,
// drift and diffusion stay what they are at its start,
// $$ \mathbf x_s = \mathbf x_t - h\,\bigl[\mathbf F(t)\,\mathbf x_t
//    - \mathbf G(t)\mathbf G(t)^{\mathsf T}\,\mathbf s(\mathbf x_t, t)\bigr] + \sqrt h\,\mathbf G(t)\,\mathbf z. $$
// Moments of the result are off by $O(h)$: weak order 1.

#include "drift.h"
#include "step.h"

#include <math.h>

static int
step (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  int status = sb_step_check (score, s, t, z, x);
  if (status == GSL_SUCCESS)
    status = sb_step_check_time (score->process, s);
  if (status != GSL_SUCCESS)
    return status;

  double h = t - s;
  gsl_matrix *drift = gsl_matrix_alloc (x->size1, x->size2);
  status = drift != NULL ? sb_reverse_drift (score, y, t, x, drift) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    sb_step_add (x, -h, drift);
  if (status == GSL_SUCCESS)
    status = sb_step_add_noise (score->process, SB_G, t, t, sqrt (h), z, x);
  gsl_matrix_free (drift);
  return status;
}

static const sb_predictor_type euler_maruyama
    = { .name = "euler-maruyama", .evaluations = 1, .noisy = true, .step = step };

const sb_predictor_type *sb_predictor_euler_maruyama = &euler_maruyama;
