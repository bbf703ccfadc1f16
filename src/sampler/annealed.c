// # Annealed Langevin dynamics
//
// Langevin dynamics needs a score that is right wherever a chain goes, and no valleys it cannot cross. Under much noise
// there are neither holes nor valleys, under little noise the law is that of the data; so sample one level after the
// other, from a large $\sigma_1$ down to a small $\sigma_L$, each from where the last one ended: [dsm2ddpm.alg1]
//
//     initialise x
//     for i = 1, ..., L:
//         alpha_i = eps sigma_i^2 / sigma_L^2
//         T times:
//             x <- x + alpha_i/2 s(x, sigma_i) + sqrt(alpha_i) z
//     return x
//
// A valley is crossed if $\sigma_1$ is of the size of the distance between the modes, and only then.
// [dsm2ddpm.txt-annealing-fixes-weights]
//
// The same samples come from sb_pc_sample without a predictor and with sb_corrector_fixed, whose step is this one and
// whose $\epsilon$ is $\varepsilon/2\sigma_L^2$. This is the version with the report's numbers, which can also do
// without noise.

#include "annealed.h"

#include "../base/error.h"
#include "dynamics.h"

#include <gsl/gsl_math.h>

static int
check (const sb_annealed *annealed, const gsl_vector *times)
{
  if (!(annealed->epsilon > 0 && gsl_finite (annealed->epsilon)))
    SB_ERROR (NULL, GSL_EDOM, "a Langevin step must be positive and finite, not %g", annealed->epsilon);
  if (times->size == 0)
    SB_ERROR (NULL, GSL_EBADLEN, "a ladder needs a level");
  for (size_t i = 0; i < times->size; i++)
    {
      double t = gsl_vector_get (times, i);
      if (!(t > 0 && (i == 0 || t < gsl_vector_get (times, i - 1))))
        SB_ERROR (NULL, GSL_EDOM, "the levels' times must decrease and be positive: time %zu is %g", i, t);
    }
  return GSL_SUCCESS;
}

// ## Step sizes
//
// $\alpha_i = \varepsilon\,\sigma_i^2/\sigma_L^2$. [dsm2ddpm.txt-step-size] On data of one point the law at level $i$
// is $\mathcal N(\mathbf x, \sigma_i^2\,\mathbf I)$, and a step contracts by $1 - \varepsilon/2\sigma_L^2$ at every
// level: it is stable as long as $\varepsilon < 4\sigma_L^2$.

int
sb_annealed_step_size (const sb_annealed *annealed, const sb_process *process, const gsl_vector *times, size_t i,
                       double *alpha)
{
  double A, sigma_i, sigma_L;
  int status = check (annealed, times);
  if (status == GSL_SUCCESS && !(1 <= i && i <= times->size))
    SB_ERROR (NULL, GSL_EDOM, "the ladder has no level %zu", i);
  if (status == GSL_SUCCESS)
    status = sb_process_scalars (process, 0, gsl_vector_get (times, i - 1), &A, &sigma_i);
  if (status == GSL_SUCCESS)
    status = sb_process_scalars (process, 0, gsl_vector_get (times, times->size - 1), &A, &sigma_L);
  if (status == GSL_SUCCESS)
    *alpha = annealed->epsilon * gsl_pow_2 (sigma_i / sigma_L);
  return status;
}

// ## The levels

static int
report (const sb_annealed *annealed, size_t done, const gsl_vector *times, const gsl_matrix *x)
{
  if (annealed->progress == NULL)
    return GSL_SUCCESS;
  double t = gsl_vector_get (times, done > 0 ? done - 1 : 0);
  return annealed->progress (annealed->context, done, times->size, t, x);
}

int
sb_annealed_sample (const sb_annealed *annealed, const sb_score *score, const gsl_matrix *y, const gsl_vector *times,
                    sb_stream stream, gsl_matrix *x)
{
  int status = check (annealed, times);
  if (status == GSL_SUCCESS)
    status = report (annealed, 0, times, x);
  for (size_t i = 1; i <= times->size && status == GSL_SUCCESS; i++)
    {
      sb_langevin langevin
          = { .steps = annealed->steps, .noiseless = annealed->noiseless, .taken = (i - 1) * annealed->steps };
      status = sb_annealed_step_size (annealed, score->process, times, i, &langevin.epsilon);
      if (status == GSL_SUCCESS)
        status = sb_langevin_sample (&langevin, score, y, gsl_vector_get (times, i - 1), stream, x);
      if (status == GSL_SUCCESS)
        status = report (annealed, i, times, x);
    }
  return status;
}
