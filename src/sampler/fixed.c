// # Langevin with a given step
//
// SMLD samples by Langevin dynamics, one level $\sigma_i$ after the other, each with a step size of its own:
// [scoresde.eq2]
// $$ \mathbf x \leftarrow \mathbf x + \epsilon_i\,\mathbf s(\mathbf x, \sigma_i) + \sqrt{2\epsilon_i}\,\mathbf z,
//    \qquad \epsilon_i = \epsilon\,\sigma_i^2. $$
// Steps in proportion to the level's variance (Song and Ermon, 2019) keep the same stability everywhere; for other
// processes $\sigma_i^2$ is $S(0,t)^2$. Note the convention: $\epsilon$ and $\sqrt{2\epsilon}$, not $\epsilon/2$ and
// $\sqrt\epsilon$, so that it is Langevin dynamics with a step of $2\epsilon_i$. As the number of steps grows and $\epsilon$ falls, the result tends to a sample of the last level.
// [scoresde.txt-langevin-limit] On a Gaussian of variance $c$ a step of $\epsilon_i$ ends at the variance
// $c/(1 - \epsilon_i/2c)$.

#include "step.h"

#include "../base/error.h"
#include "dynamics.h"

#include <gsl/gsl_math.h>

static int
step (const sb_corrector *corrector, const sb_score *score, const gsl_matrix *y, double s, double t,
      const gsl_matrix *z, gsl_matrix *x)
{
  double A, S;
  int status = sb_step_check_corrector (score, s, t, z, x);
  if (status == GSL_SUCCESS)
    status = sb_process_scalars (score->process, 0, t, &A, &S);
  if (status != GSL_SUCCESS)
    return status;
  if (!(corrector->epsilon > 0 && gsl_finite (corrector->epsilon)))
    SB_ERROR (NULL, GSL_EDOM, "the fixed-step corrector's epsilon must be positive and finite, not %g",
              corrector->epsilon);

  return sb_langevin_step (score, y, t, 2 * corrector->epsilon * gsl_pow_2 (S), z, x);
}

static const sb_corrector_type fixed = { .name = "fixed", .step = step };

const sb_corrector_type *sb_corrector_fixed = &fixed;
