// # Any matrix
//
// Points are rows, so $A\mathbf{x}_i$ for all of them is the one product $X A^T$, and $A^T\mathbf{x}_i$ is $X A$.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <gsl/gsl_blas.h>

static int
dense_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
             gsl_matrix *out)
{
  (void)level;
  return gsl_blas_dgemm (CblasNoTrans, transpose == CblasTrans ? CblasNoTrans : CblasTrans, 1, x, state, 0, out);
}

static void
dense_free (void *state)
{
  gsl_matrix_free (state);
}

static const sb_operator_type dense = { .name = "dense", .apply = dense_apply, .free = dense_free };

sb_operator *
sb_operator_dense_alloc (const gsl_matrix *A)
{
  if (sb_check_finite ("a matrix", GSL_EDOM, A))
    return NULL;
  gsl_matrix *state = gsl_matrix_alloc (A->size1, A->size2);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator dense: no memory for %zu x %zu numbers", A->size1, A->size2);
  gsl_matrix_memcpy (state, A);
  return sb_operator_alloc (&dense, state, A->size1, A->size2);
}
