// # A mixture that is diagonal in a process's basis
//
// A process has the maps $\mathbf{W}^\top\operatorname{diag}(c)\,\mathbf{W}$. Where every covariance is of that form
// too, $\mathbf{W}\mathbf{C}_k\mathbf{W}^\top = \operatorname{diag}(\lambda_k)$ (an isotropic one is in every basis),
// the coefficients $\mathbf{W}\mathbf{x}_t$ are those of a mixture whose coordinates are independent within a
// component, and its score, denoiser and noise are transformed back by $\mathbf{W}^\top$. Nothing is factorised.

#include "mixture.h"

#include <gsl/gsl_math.h>
#include <math.h>

typedef struct
{
  gsl_matrix *mu, *lambda; // K x d: W mu_k, and the diagonals of W C_k W^T
  gsl_matrix *x, *out;     // n x d
  gsl_matrix *C, *CW;      // d x d
} coefficients;

static int
coefficients_alloc (coefficients *c, size_t K, size_t n, size_t d)
{
  *c = (coefficients){ gsl_matrix_alloc (K, d), gsl_matrix_alloc (K, d), gsl_matrix_alloc (n, d),
                       gsl_matrix_alloc (n, d), gsl_matrix_alloc (d, d), gsl_matrix_alloc (d, d) };
  return c->mu && c->lambda && c->x && c->out && c->C && c->CW ? GSL_SUCCESS : GSL_ENOMEM;
}

static void
coefficients_free (coefficients *c)
{
  gsl_matrix_free (c->mu);
  gsl_matrix_free (c->lambda);
  gsl_matrix_free (c->x);
  gsl_matrix_free (c->out);
  gsl_matrix_free (c->C);
  gsl_matrix_free (c->CW);
}

// The diagonal of W C W^T. Off-diagonal numbers may differ from 0 by rounding errors only.

static int
turn_covariance (const sb_operator *W, coefficients *c, gsl_vector *lambda, bool *diagonal)
{
  const gsl_vector_const_view on = gsl_matrix_const_diagonal (c->C);
  int status = sb_operator_apply (W, CblasNoTrans, NULL, c->C, c->CW); // C W^T
  gsl_matrix_transpose (c->CW);
  if (!status)
    status = sb_operator_apply (W, CblasNoTrans, NULL, c->CW, c->C);
  gsl_vector_memcpy (lambda, &on.vector);
  const double doubt = 10 * (double)lambda->size * GSL_DBL_EPSILON * gsl_vector_max (lambda);
  for (size_t i = 0; i < lambda->size && !status; i++)
    for (size_t j = 0; j < lambda->size; j++)
      *diagonal &= i == j || fabs (gsl_matrix_get (c->C, i, j)) <= doubt;
  for (size_t j = 0; j < lambda->size; j++)
    if (gsl_vector_get (lambda, j) <= doubt)
      gsl_vector_set (lambda, j, 0);
  return status;
}

static int
turn_covariances (const mixture *law, const sb_operator *W, coefficients *c, bool *diagonal)
{
  int status = GSL_SUCCESS;
  *diagonal = true;
  for (size_t k = 0; k < law->K && *diagonal && !status; k++)
    {
      gsl_vector_const_view own = gsl_matrix_const_row (law->lambda, k);
      gsl_vector_view lambda = gsl_matrix_row (c->lambda, k);
      if (gsl_vector_min (&own.vector) == gsl_vector_max (&own.vector)) // isotropic
        gsl_vector_memcpy (&lambda.vector, &own.vector);
      else
        {
          mixture_covariance (law, k, c->C);
          status = turn_covariance (W, c, &lambda.vector, diagonal);
        }
    }
  return status;
}

int
mixture_answer_in_basis (const mixture *law, const sb_process *process, const sb_target_question *q, bool *diagonal)
{
  const sb_operator *W = process->basis;
  coefficients c;
  int status = coefficients_alloc (&c, law->K, q->x->size1, law->d);
  if (!status)
    status = turn_covariances (law, W, &c, diagonal);
  if (!status && *diagonal)
    {
      const mixture turned = { .K = law->K, .d = law->d, .log_w = law->log_w, .mu = c.mu, .lambda = c.lambda };
      sb_target_question of = *q;
      of.x = c.x;
      of.out = q->out ? c.out : NULL;
      status = sb_operator_apply (W, CblasNoTrans, NULL, law->mu, c.mu);
      if (!status)
        status = sb_operator_apply (W, CblasNoTrans, NULL, q->x, c.x);
      if (!status)
        status = mixture_answer_by_coordinates (&turned, process, &of);
      if (!status && q->out)
        status = sb_operator_apply (W, CblasTrans, NULL, c.out, q->out);
    }
  coefficients_free (&c);
  return status;
}
