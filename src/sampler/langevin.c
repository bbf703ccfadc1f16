// # The Langevin corrector
//
// Langevin dynamics at a fixed time $t$,
// $\mathbf x \leftarrow \mathbf x + \epsilon\,\mathbf g + \sqrt{2\epsilon}\,\mathbf z$ with
// $\mathbf g = \mathbf s(\mathbf x, t)$, has $p_t$ as its stationary law for small $\epsilon$, wherever $\mathbf x$
// comes from. The paper chooses $\epsilon$ by the ratio of what the score and the noise contribute, the
// "signal-to-noise" ratio $r$: [scoresde.alg4] [scoresde.alg5]
// $$ \epsilon = 2\,\alpha\,\bigl(r\,\|\mathbf z\|_2 / \|\mathbf g\|_2\bigr)^2,
//    \qquad\text{so that}\qquad \frac{\|\epsilon\,\mathbf g\|_2}{\|\sqrt{2\epsilon}\,\mathbf z\|_2} = r\sqrt\alpha. $$

#include "step.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>

// ## The factor $\alpha$
//
// Algorithm 4, for VE, has none; Algorithm 5, for VP, has $\alpha_i$, which Section 2.2 defines as the product of the
// $1 - \beta_j$ up to $i$, while the authors' code takes $1 - \beta_i$ alone. In terms of the process these are
// $A(0,t)^2$ and $A(s,t)^2$, and both are 1 for VE: the two algorithms are one.

static int
find_alpha (const sb_corrector *corrector, const sb_process *process, double s, double t, double *alpha)
{
  double A, S;
  int status = sb_process_scalars (process, corrector->alpha == SB_ALPHA_CUMULATIVE ? 0 : s, t, &A, &S);
  *alpha = status == GSL_SUCCESS ? gsl_pow_2 (A) : 0;
  return status;
}

// ## The norms
//
// A row's own norms make a row's step depend on that row alone. For large batches the paper averages the norms over the
// batch; for small ones it puts $\sqrt d$ for $\|\mathbf z\|_2$. [scoresde.txt-corrector-snr]

// The step of the rows in x, which share one $\epsilon$: all of the batch, or one row. Where the score vanishes no
// $\epsilon$ has the ratio $r$.

static int
move (const sb_corrector *corrector, const char *score, double t, double alpha, const gsl_matrix *g,
      const gsl_matrix *z, gsl_matrix *x)
{
  double norm_z = sqrt ((double)x->size2), norm_g;
  int status = sb_step_mean_norm (g, &norm_g);
  if (status == GSL_SUCCESS && corrector->norm != SB_NORM_ROOT_D)
    status = sb_step_mean_norm (z, &norm_z);
  if (status != GSL_SUCCESS)
    return status;
  if (norm_g == 0)
    SB_ERROR (NULL, GSL_EZERODIV, "the score \"%s\" is zero at t = %g: the Langevin step size divides by its norm",
              score, t);

  double epsilon = 2 * alpha * gsl_pow_2 (corrector->snr * norm_z / norm_g);
  sb_step_move (1, x, epsilon, g, sqrt (2 * epsilon), z);
  return GSL_SUCCESS;
}

static int
move_rows (const sb_corrector *corrector, const char *score, double t, double alpha, const gsl_matrix *g,
           const gsl_matrix *z, gsl_matrix *x)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < x->size1 && status == GSL_SUCCESS; i++)
    {
      gsl_matrix_const_view gi = gsl_matrix_const_submatrix (g, i, 0, 1, g->size2);
      gsl_matrix_const_view zi = gsl_matrix_const_submatrix (z, i, 0, 1, z->size2);
      gsl_matrix_view xi = gsl_matrix_submatrix (x, i, 0, 1, x->size2);
      status = move (corrector, score, t, alpha, &gi.matrix, &zi.matrix, &xi.matrix);
    }
  return status;
}

static int
step (const sb_corrector *corrector, const sb_score *score, const gsl_matrix *y, double s, double t,
      const gsl_matrix *z, gsl_matrix *x)
{
  double alpha;
  int status = sb_step_check_corrector (score, s, t, z, x);
  if (status == GSL_SUCCESS)
    status = find_alpha (corrector, score->process, s, t, &alpha);
  if (status != GSL_SUCCESS || x->size1 == 0)
    return status;
  if (!(corrector->snr > 0 && gsl_finite (corrector->snr)))
    SB_ERROR (NULL, GSL_EDOM, "the Langevin corrector's r must be positive and finite, not %g", corrector->snr);

  gsl_matrix *g = gsl_matrix_alloc (x->size1, x->size2);
  status = g != NULL ? sb_step_evaluate (score, SB_SCORE, y, t, x, g) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = (corrector->norm == SB_NORM_ROW ? move_rows : move) (corrector, score->type->name, t, alpha, g, z, x);
  gsl_matrix_free (g);
  return status;
}

static const sb_corrector_type langevin = { .name = "langevin", .step = step };

const sb_corrector_type *sb_corrector_langevin = &langevin;
