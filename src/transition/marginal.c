// # The law a model samples from
//
// A diffusion model's density of the data is an integral over all earlier states of its chain,
// [dsm2ddpm.txt-model-marginal]
// $$ p_\theta(\mathbf{x}_0) = \int p_\theta(\mathbf{x}_{0:T})\; d\mathbf{x}_{1:T}, $$
// over $T$ points at once, which is intractable. There is one exception: where $\mu_\theta$ is affine in
// $\mathbf{x}_t$, each step turns a Gaussian into a Gaussian, and so the whole chain does. Then the bound on the
// likelihood can be compared with the likelihood itself.

#include "marginal.h"

#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>

// ## Reading off a step
//
// For $\mu_\theta(\mathbf{x}) = \mathbf{M}\mathbf{x} + \mathbf{b}$ the batch
// $\mathbf{0}, \mathbf{e}_1, \dots, \mathbf{e}_d$ gives $\mathbf{b}$ and $\mathbf{b} + \mathbf{M}\mathbf{e}_j$. One
// more row, the mean of the Gaussian less all of the $\mathbf{e}_j$, detects a model that is not affine.

typedef struct
{
  gsl_matrix *x, *mu; // d + 2 rows: 0, the unit vectors, the check
  gsl_vector *s, *t;
  gsl_matrix *variance; // d + 2 rows, by parts
  gsl_matrix *M, *MC;   // M transposed: row j is M e_j
} work;

static void
work_free (work *w)
{
  gsl_matrix_free (w->x);
  gsl_matrix_free (w->mu);
  gsl_matrix_free (w->M);
  gsl_matrix_free (w->MC);
  gsl_vector_free (w->s);
  gsl_vector_free (w->t);
  gsl_matrix_free (w->variance);
}

static int
work_alloc (work *w, const sb_process *process)
{
  const size_t d = process->dimension;
  *w = (work){ .x = gsl_matrix_calloc (d + 2, d),
               .mu = gsl_matrix_alloc (d + 2, d),
               .s = gsl_vector_alloc (d + 2),
               .t = gsl_vector_alloc (d + 2),
               .variance = gsl_matrix_alloc (d + 2, process->parts > 0 ? process->parts : 1),
               .M = gsl_matrix_alloc (d, d),
               .MC = gsl_matrix_alloc (d, d) };
  if (w->x && w->mu && w->s && w->t && w->variance && w->M && w->MC)
    return GSL_SUCCESS;
  work_free (w);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for a step in %zu dimensions", d);
}

static int
read_off (const sb_reverse *reverse, double s, double t, const gsl_vector *mean, work *w)
{
  const size_t d = mean->size;
  for (size_t j = 0; j < d; j++)
    {
      gsl_matrix_set (w->x, j + 1, j, 1);
      gsl_matrix_set (w->x, d + 1, j, gsl_vector_get (mean, j) - 1);
    }
  gsl_vector_set_all (w->s, s);
  gsl_vector_set_all (w->t, t);
  int status = sb_reverse_mean (reverse, NULL, w->s, w->t, w->x, w->mu);
  if (!status)
    status = sb_reverse_variance (reverse, NULL, w->s, w->t, w->x, w->variance);
  for (size_t j = 0; j < d && !status; j++)
    for (size_t k = 0; k < d; k++)
      gsl_matrix_set (w->M, j, k, gsl_matrix_get (w->mu, j + 1, k) - gsl_matrix_get (w->mu, 0, k));
  return status;
}

static int
check_affine (const work *w)
{
  const size_t d = w->M->size1;
  for (size_t k = 0; k < d; k++)
    {
      double sum = gsl_matrix_get (w->mu, 0, k), size = fabs (sum), got = gsl_matrix_get (w->mu, d + 1, k);
      for (size_t j = 0; j < d; j++)
        {
          double term = gsl_matrix_get (w->M, j, k) * gsl_matrix_get (w->x, d + 1, j);
          sum += term;
          size += fabs (term);
        }
      if (!(fabs (got - sum) <= 1e-8 * size))
        SB_ERROR (NULL, GSL_EINVAL, "the model's mean is not affine: %g where %g was expected", got, sum);
    }
  return GSL_SUCCESS;
}

// ## The step
//
// $\mathbf{m} \leftarrow \mathbf{M}\mathbf{m} + \mathbf{b}$, $\mathbf{C} \leftarrow \mathbf{M}\mathbf{C}\mathbf{M}^\top
// + \Sigma_\theta$. Where the data are $\mathcal{N}(\mathbf{m}, s^2\mathbf{I})$ and the score is exact, $\mathbf{M}$ is
// $(1 - \beta_t/D_t)/\sqrt{\alpha_t}$ times the identity, with $D_t = \bar\alpha_t s^2 + 1 - \bar\alpha_t$.

static int
step (const sb_reverse *reverse, double s, double t, gsl_vector *mean, gsl_matrix *covariance, work *w)
{
  int status = read_off (reverse, s, t, mean, w);
  if (!status)
    status = check_affine (w);
  if (status)
    return status;
  gsl_vector_view m = gsl_matrix_row (w->x, mean->size + 1), b = gsl_matrix_row (w->mu, 0);
  gsl_vector_memcpy (&m.vector, mean);
  gsl_vector_memcpy (mean, &b.vector);
  gsl_blas_dgemv (CblasTrans, 1, w->M, &m.vector, 1, mean);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, w->M, covariance, 0, w->MC);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, w->MC, w->M, 0, covariance);

  // Add the step's noise, W^T diag(v) W.
  gsl_matrix_const_view v = gsl_matrix_const_submatrix (w->variance, 0, 0, 1, w->variance->size2);
  gsl_matrix_set_identity (w->MC);
  status = sb_process_combine (reverse->score->process, 1, &(sb_term){ &v.matrix, w->MC }, NULL, w->MC);
  return status ? status : gsl_matrix_add (covariance, w->MC);
}

static int
check_shapes (const gsl_vector *mean, const gsl_matrix *covariance, size_t d)
{
  if (mean->size != d || covariance->size1 != d || covariance->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "the mean has %zu numbers, the covariance is %zu x %zu, and %zu dimensions are wanted",
              mean->size, covariance->size1, covariance->size2, d);
  return GSL_SUCCESS;
}

int
sb_marginal_step (const sb_reverse *reverse, double s, double t, gsl_vector *mean, gsl_matrix *covariance)
{
  work w;
  int status = check_shapes (mean, covariance, reverse->score->process->dimension);
  if (!status)
    status = work_alloc (&w, reverse->score->process);
  if (status)
    return status;
  status = step (reverse, s, t, mean, covariance, &w);
  work_free (&w);
  return status;
}

int
sb_marginal_chain (const sb_reverse *reverse, gsl_vector *mean, gsl_matrix *covariance)
{
  const size_t N = reverse->score->process->levels;
  work w;
  if (sb_process_check_chain (reverse->score->process))
    return GSL_EUNSUP;
  int status = check_shapes (mean, covariance, reverse->score->process->dimension);
  if (!status)
    status = work_alloc (&w, reverse->score->process);
  if (status)
    return status;
  gsl_vector_set_zero (mean);
  gsl_matrix_set_identity (covariance);
  for (size_t i = N; i > 0 && !status; i--)
    status = step (reverse, (double)(i - 1) / (double)N, (double)i / (double)N, mean, covariance, &w);
  work_free (&w);
  return status;
}

// ## The negative log-likelihood
//
// Training would minimise this if it were tractable, [dsm2ddpm.txt-NLL]
// $$ \mathcal{L} = \operatorname{E}_{q(\mathbf{x}_0)}\bigl[-\log p_\theta(\mathbf{x}_0)\bigr]
//    = \tfrac12\log\det(2\pi\mathbf{C}) + \tfrac12\operatorname{tr}\,\mathbf{C}^{-1}\bigl(\mathbf{C}_q +
//    (\mathbf{m} - \mathbf{m}_q)(\mathbf{m} - \mathbf{m}_q)^\top\bigr) $$
// for a Gaussian $p_\theta$ and data of mean $\mathbf{m}_q$ and covariance $\mathbf{C}_q$. (The report calls it the
// log-likelihood, and counts $T - 1$ variables to integrate over, $\mathbf{x}_1, \dots, \mathbf{x}_T$; they are $T$.)

static double
half_log_det (const gsl_matrix *L)
{
  double sum = 0;
  for (size_t j = 0; j < L->size1; j++)
    sum += log (gsl_matrix_get (L, j, j)) + 0.5 * log (2 * M_PI);
  return sum;
}

static int
cross_entropy (const gsl_vector *mean, const gsl_vector *mean_of_x, const gsl_matrix *covariance_of_x, gsl_matrix *L,
               gsl_vector *column, double *nll)
{
  int status = gsl_linalg_cholesky_decomp1 (L);
  if (status)
    return status;
  *nll = half_log_det (L);
  for (size_t j = 0; j < mean->size && !status; j++)
    {
      gsl_matrix_get_col (column, covariance_of_x, j);
      double delta = gsl_vector_get (mean_of_x, j) - gsl_vector_get (mean, j);
      for (size_t k = 0; k < mean->size; k++)
        *gsl_vector_ptr (column, k) += delta * (gsl_vector_get (mean_of_x, k) - gsl_vector_get (mean, k));
      status = gsl_linalg_cholesky_svx (L, column);
      *nll += 0.5 * gsl_vector_get (column, j);
    }
  return status;
}

int
sb_marginal_nll (const gsl_vector *mean, const gsl_matrix *covariance, const gsl_vector *mean_of_x,
                 const gsl_matrix *covariance_of_x, double *nll)
{
  int status = check_shapes (mean, covariance, mean->size);
  if (!status)
    status = check_shapes (mean_of_x, covariance_of_x, mean->size);
  if (status)
    return status;
  gsl_matrix *L = gsl_matrix_alloc (mean->size, mean->size);
  gsl_vector *column = gsl_vector_alloc (mean->size);
  status = L && column ? gsl_matrix_memcpy (L, covariance) : GSL_ENOMEM;
  if (!status)
    status = cross_entropy (mean, mean_of_x, covariance_of_x, L, column, nll);
  gsl_matrix_free (L);
  gsl_vector_free (column);
  return status;
}
