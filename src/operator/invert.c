// # The inverse of a small matrix
//
// $A = U\Sigma V^\top$, so $A^{-1} = V\Sigma^{-1}U^\top$, and the singular values give its condition. (GSL's LU
// decomposition does not check its allocations.)

#include "invert.h"

#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>

static int
put_together (const gsl_matrix *U, const gsl_vector *s, gsl_matrix *V, gsl_matrix *A)
{
  for (size_t k = 0; k < V->size2; k++)
    {
      gsl_vector_view column = gsl_matrix_column (V, k);
      gsl_vector_scale (&column.vector, 1 / gsl_vector_get (s, k));
    }
  return gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, V, U, 0, A);
}

int
sb_invert (gsl_matrix *A, double *condition)
{
  const size_t n = A->size1;
  gsl_matrix *U = gsl_matrix_alloc (n, n), *V = gsl_matrix_alloc (n, n);
  gsl_vector *s = gsl_vector_alloc (n);
  int status = U && V && s ? gsl_matrix_memcpy (U, A) : GSL_ENOMEM;
  if (!status)
    status = gsl_linalg_SV_decomp_jacobi (U, V, s);
  if (!status)
    {
      *condition = gsl_vector_get (s, 0) / gsl_vector_get (s, n - 1);
      status = put_together (U, s, V, A);
    }
  gsl_matrix_free (U);
  gsl_matrix_free (V);
  gsl_vector_free (s);
  return status;
}
