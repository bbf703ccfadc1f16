// # How far one Gaussian is from another
//
// $$ \mathrm{KL}(\mathcal N(m_p, P)\,\|\,\mathcal N(m_q, Q)) = \tfrac12\bigl[\operatorname{tr} Q^{-1}P - d - \ln\det Q^{-1}P
//    + (m_p - m_q)^{\mathsf T}Q^{-1}(m_p - m_q)\bigr] . $$
// Where $P$ is near $Q$ the first three terms nearly cancel. With $Q = LL^{\mathsf T}$ and the eigenvalues $\lambda_k$
// of $L^{-1}(P - Q)L^{-\mathsf T}$ they are $\sum_k [\lambda_k - \ln(1 + \lambda_k)]$, to all digits.

#include "gaussian_kl.h"

#include "../base/error.h"
#include "../operator/symmetric.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>

// lambda - ln (1 + lambda), which is lambda^2 / 2 where lambda is small.

static double
excess (double lambda)
{
  return fabs (lambda) < 1e-4 ? lambda * lambda * (0.5 - lambda / 3 + lambda * lambda / 4) : lambda - log1p (lambda);
}

static int
whiten (const gsl_matrix *P, const gsl_matrix *Q, gsl_matrix *L, gsl_matrix *D)
{
  gsl_matrix_memcpy (L, Q);
  if (gsl_linalg_cholesky_decomp1 (L))
    SB_ERROR (NULL, GSL_EDOM, "the covariance that is compared with is not positive definite");
  for (size_t i = 0; i < D->size1; i++)
    for (size_t j = 0; j < D->size2; j++)
      {
        const size_t low = GSL_MAX (i, j), high = GSL_MIN (i, j);
        gsl_matrix_set (D, i, j, gsl_matrix_get (P, low, high) - gsl_matrix_get (Q, low, high));
      }
  gsl_blas_dtrsm (CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, L, D);
  return gsl_blas_dtrsm (CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, L, D);
}

static int
add_up (const gsl_vector *lambda, const gsl_vector *difference, double *kl)
{
  double sum = gsl_pow_2 (gsl_blas_dnrm2 (difference));
  for (size_t k = 0; k < lambda->size; k++)
    {
      if (!(gsl_vector_get (lambda, k) > -1))
        SB_ERROR (NULL, GSL_EDOM, "the covariance that is compared is not positive definite");
      sum += excess (gsl_vector_get (lambda, k));
    }
  *kl = sum / 2;
  return GSL_SUCCESS;
}

int
sb_gaussian_kl (const gsl_vector *mean_p, const gsl_matrix *covariance_p, const gsl_vector *mean_q,
                const gsl_matrix *covariance_q, double *kl)
{
  const size_t d = covariance_p->size1;
  if (d == 0 || covariance_p->size2 != d || covariance_q->size1 != d || covariance_q->size2 != d
      || (mean_p && mean_p->size != d) || (mean_q && mean_q->size != d))
    SB_ERROR (NULL, GSL_EBADLEN, "covariances of %zu x %zu and %zu x %zu do not fit each other or the means", d,
              covariance_p->size2, covariance_q->size1, covariance_q->size2);
  gsl_matrix *L = gsl_matrix_alloc (d, d), *D = gsl_matrix_alloc (d, d);
  gsl_vector *lambda = gsl_vector_alloc (d), *difference = gsl_vector_calloc (d);
  int status = L && D && lambda && difference ? whiten (covariance_p, covariance_q, L, D) : GSL_ENOMEM;
  if (!status)
    status = sb_symmetric_eigen (D, lambda);
  if (!status)
    {
      if (mean_p)
        gsl_vector_add (difference, mean_p);
      if (mean_q)
        gsl_vector_sub (difference, mean_q);
      gsl_blas_dtrsv (CblasLower, CblasNoTrans, CblasNonUnit, L, difference);
      status = add_up (lambda, difference, kl);
    }
  gsl_matrix_free (L);
  gsl_matrix_free (D);
  gsl_vector_free (lambda);
  gsl_vector_free (difference);
  return status;
}
