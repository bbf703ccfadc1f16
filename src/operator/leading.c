// # An operator on the first coordinates
//
// $(\mathbf x, \mathbf y) \mapsto (A\mathbf x, \mathbf y)$, for transforms of a part of another transform's result.

#include "operator.h"

#include "../base/error.h"

static void
leading_free (void *state)
{
  sb_operator_free (state);
}

static int
leading_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
               gsl_matrix *out)
{
  (void)level;
  const sb_operator *A = state;
  const size_t n = x->size1, m = A->columns;
  const gsl_matrix_const_view first = gsl_matrix_const_submatrix (x, 0, 0, n, m);
  gsl_matrix_view to = gsl_matrix_submatrix (out, 0, 0, n, m);
  gsl_matrix_memcpy (out, x);
  return sb_operator_apply (A, transpose, NULL, &first.matrix, &to.matrix);
}

static const sb_operator_type leading = { .name = "leading", .apply = leading_apply, .free = leading_free },
                              orthonormal_leading
                              = { .name = "leading", .apply = leading_apply, .free = leading_free, .orthonormal = 1 };

sb_operator *
sb_operator_leading_alloc (sb_operator *A, size_t dimension)
{
  if (!A)
    return NULL;
  if (A->rows != A->columns || A->columns > dimension || A->type->has_level)
    {
      const size_t rows = A->rows, columns = A->columns;
      sb_operator_free (A);
      SB_ERROR_NULL (NULL, GSL_EINVAL, "an operator of %zu x %zu is none of the first of %zu coordinates", rows,
                     columns, dimension);
    }
  return sb_operator_alloc (A->type->orthonormal ? &orthonormal_leading : &leading, A, dimension, dimension);
}
