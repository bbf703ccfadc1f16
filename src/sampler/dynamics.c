// # Langevin dynamics
//
// The score says in which direction the density grows. Climb it in small steps, add as much noise as keeps one from
// staying at the top, and the places visited are, in the long run, a sample of the density: [dsm2ddpm.txt-langevin]
// $$ \tilde{\mathbf x}_t = \tilde{\mathbf x}_{t-1}
//    + \frac{\varepsilon}{2}\,\nabla_{\mathbf x}\log p(\tilde{\mathbf x}_{t-1})
//    + \sqrt{\varepsilon}\,\mathbf z_t, \qquad \mathbf z_t \sim \mathcal N(\mathbf 0, \mathbf I). $$
// A step of $\varepsilon$ is Euler's, over a time of $\varepsilon$, for the stochastic differential equation
// [dsm2ddpm.txt-langevin-sde]
// $$ d\tilde{\mathbf x} = \tfrac12\,\nabla_{\mathbf x}\log p(\tilde{\mathbf x})\,dt + d\mathbf N, $$
// $\mathbf N$ a Brownian motion, under which $p$ stays what it is. The steps do not quite keep it: on a Gaussian of
// variance $s^2$ they end at the variance $s^2/(1 - \varepsilon/4s^2)$, if $\varepsilon < 4s^2$, and nowhere else. So
// the law of $\tilde{\mathbf x}_T$ tends to $p$ as $\varepsilon \to 0$ and the time $T\varepsilon \to \infty$.
// [dsm2ddpm.txt-langevin-limit]

#include "dynamics.h"

#include "../base/error.h"
#include "step.h"

#include <gsl/gsl_math.h>

// ## A step
//
// Here $p$ is the law of a process at some time, the same for all rows; at time 0 it is that of the data. Without noise
// a step only climbs, towards a maximum of $\log p$. [dsm2ddpm.txt-langevin-noise]

int
sb_langevin_step (const sb_score *score, const gsl_matrix *y, double t, double epsilon, const gsl_matrix *z,
                  gsl_matrix *x)
{
  if (!(epsilon >= 0 && gsl_finite (epsilon)))
    SB_ERROR (NULL, GSL_EDOM, "a Langevin step must be finite and not negative, not %g", epsilon);
  int status = sb_step_check_fixed (score, t, z, x);
  if (status != GSL_SUCCESS)
    return status;

  gsl_matrix *g = gsl_matrix_alloc (x->size1, x->size2);
  status = g != NULL ? sb_step_evaluate (score, SB_SCORE, y, t, x, g) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    sb_step_add (x, epsilon / 2, g);
  if (status == GSL_SUCCESS && z != NULL)
    sb_step_add (x, sqrt (epsilon), z);
  gsl_matrix_free (g);
  return status;
}

// ## A chain of them
//
// Step $k$ takes numbers $kd, \dots, kd + d - 1$ of each row's stream.

static int
report (const sb_langevin *langevin, size_t done, const gsl_matrix *x)
{
  return langevin->progress != NULL ? langevin->progress (langevin->context, done, langevin->steps, x) : GSL_SUCCESS;
}

static int
sample (const sb_langevin *langevin, const sb_score *score, const gsl_matrix *y, double t, sb_stream stream,
        gsl_matrix *z, gsl_matrix *x)
{
  int status = report (langevin, 0, x);
  for (size_t k = 0; k < langevin->steps && status == GSL_SUCCESS; k++)
    {
      if (z != NULL)
        status = sb_stream_normals (stream, (uint64_t)(langevin->taken + k) * x->size2, z);
      if (status == GSL_SUCCESS)
        status = sb_langevin_step (score, y, t, langevin->epsilon, z, x);
      if (status == GSL_SUCCESS)
        status = report (langevin, k + 1, x);
    }
  return status;
}

int
sb_langevin_sample (const sb_langevin *langevin, const sb_score *score, const gsl_matrix *y, double t, sb_stream stream,
                    gsl_matrix *x)
{
  if (!(langevin->epsilon > 0 && gsl_finite (langevin->epsilon)))
    SB_ERROR (NULL, GSL_EDOM, "Langevin dynamics needs a step that is positive and finite, not %g", langevin->epsilon);
  int status = sb_step_check_fixed (score, t, NULL, x);
  if (status != GSL_SUCCESS)
    return status;

  gsl_matrix *z = langevin->noiseless ? NULL : gsl_matrix_alloc (x->size1, x->size2);
  stream.purpose = SB_FOR_CORRECTOR;
  status = z != NULL || langevin->noiseless ? sample (langevin, score, y, t, stream, z, x) : GSL_ENOMEM;
  gsl_matrix_free (z);
  return status;
}
