// # Inverse problems
//
// Of $\mathbf x(0)$ only $\mathbf y = \mathbf H\mathbf x(0) + \mathbf n$ is observed; the target is
// $p(\mathbf x \mid \mathbf y) = p(\mathbf x)\,p(\mathbf y \mid \mathbf x)/p(\mathbf y)$. [scoresde.txt-inverse-bayes]
// The score of $p_t(\mathbf x(t) \mid \mathbf y)$ is an integral over $\mathbf y(t)$, the diffused measurement,
// [scoresde.txt-inverse-marginal]
// $$ \nabla_{\mathbf x}\log p_t(\mathbf x(t) \mid \mathbf y)
//    = \nabla_{\mathbf x}\log\int p_t(\mathbf x(t) \mid \mathbf y(t), \mathbf y)\,p(\mathbf y(t) \mid \mathbf y)\,d\mathbf y(t) , $$
// (the paper's second display has $d\mathbf y$), estimated by one draw of
// $\hat{\mathbf y}(t) \sim p(\mathbf y(t) \mid \mathbf y)$: [scoresde.eq50]
// $$ \nabla_{\mathbf x}\log p_t(\mathbf x(t) \mid \mathbf y) \approx \mathbf s_{\theta}(\mathbf x(t), t)
//    + \nabla_{\mathbf x}\log p_t(\hat{\mathbf y}(t) \mid \mathbf x(t)) . $$
// With $\mathbf x(t) = a\,\mathbf x(0) + \varsigma\,\mathbf z$ and $\mathbf y(t) = \mathbf H\mathbf x(t) + a\,\mathbf n
// = a\,\mathbf y + \varsigma\,\mathbf H\mathbf z$ the gradient is $\mathbf H^{\mathsf T}(\hat{\mathbf y} - \mathbf
// H\mathbf x)/(a\tau)^2$.
//
// It is a heuristic, and wrong even with an exact score. For $x \sim \mathcal N(0, 1)$, VE and ever smaller steps,
// predictors alone end at the mean $y\,\tau^{-2}e^{1/\tau^2}E_1(1/\tau^2)$: 0.596 y at $\tau = 1$, where y/2 is right.
// That the draw's noise is not that of $\mathbf x(t)$ matters not less for large $t$, as the paper has it, but more:
// the squared error of the score grows from $\varsigma^2/\tau^4$ to $2\varsigma^2/\tau^4$.
// [scoresde.txt-inverse-assumptions]

#include "inverse.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>

// $\hat{\mathbf y} - \mathbf H\mathbf x$ of every row is $a\,\mathbf y + \mathbf H(\varsigma\,\mathbf z - \mathbf x)$.

static int
residual (sb_inverse *inverse, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *z,
          gsl_matrix *r)
{
  sb_stream stream = inverse->stream;
  stream.purpose = SB_FOR_KNOWN;
  int status = sb_stream_normals (stream, inverse->one_path ? 0 : inverse->count * x->size2, z);
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      double a, s;
      status = sb_process_scalars (inverse->process, 0, gsl_vector_get (t, i), &a, &s);
      for (size_t j = 0; j < x->size2; j++)
        gsl_matrix_set (z, i, j, s * gsl_matrix_get (z, i, j) - gsl_matrix_get (x, i, j));
    }
  if (!status)
    status = sb_operator_apply (inverse->H, CblasNoTrans, NULL, z, r);
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      double a, s;
      status = sb_process_scalars (inverse->process, 0, gsl_vector_get (t, i), &a, &s);
      const double weight = 1 / gsl_pow_2 (a * inverse->tau);
      for (size_t j = 0; j < r->size2; j++)
        gsl_matrix_set (r, i, j, weight * (a * gsl_matrix_get (y, i, j) + gsl_matrix_get (r, i, j)));
    }
  return status;
}

int
sb_inverse_gradient (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  sb_inverse *inverse = params;
  const size_t n = x->size1, rows = inverse->H->rows;
  if (!(inverse->tau > 0) || !gsl_finite (inverse->tau))
    SB_ERROR (NULL, GSL_EINVAL, "a measurement's noise has the deviation %g, not above 0", inverse->tau);
  if (!y || y->size1 != n || y->size2 != rows || inverse->H->columns != x->size2 || t->size != n)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, its measurements %zu x %zu, the operator %zu x %zu", n, x->size2,
              y ? y->size1 : 0, y ? y->size2 : 0, rows, inverse->H->columns);
  gsl_matrix *z = gsl_matrix_alloc (n > 0 ? n : 1, x->size2), *r = gsl_matrix_alloc (n > 0 ? n : 1, rows);
  int status = z && r ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status && n > 0)
    status = residual (inverse, x, t, y, z, r);
  if (!status && n > 0)
    status = sb_operator_apply (inverse->H, CblasTrans, NULL, r, out);
  inverse->count++;
  gsl_matrix_free (z);
  gsl_matrix_free (r);
  return status;
}

int
sb_inverse_overshoot (const sb_inverse *inverse, const gsl_vector *times, double v, double *largest)
{
  *largest = 0;
  if (times->size < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "a grid of %zu times: two or more are needed", times->size);
  for (size_t k = 0; k + 1 < times->size; k++)
    {
      double a, before, sigma;
      int status = sb_process_scalars (inverse->process, 0, gsl_vector_get (times, k), &a, &sigma);
      if (!status)
        status = sb_process_scalars (inverse->process, 0, gsl_vector_get (times, k + 1), &a, &before);
      if (status)
        return status;
      if (a != 1)
        SB_ERROR (NULL, GSL_EUNSUP, "the process %s scales the data: the bound on the step is for A = 1",
                  inverse->process->type->name);
      const double s2 = sigma * sigma;
      *largest = GSL_MAX_DBL (*largest, (s2 - before * before) * (1 / (v + s2) + 1 / gsl_pow_2 (inverse->tau)));
    }
  return GSL_SUCCESS;
}
