// # Points, row by row

#include "rows.h"

#include "error.h"

#include <gsl/gsl_blas.h>
#include <string.h>

enum
{
  FEW_NUMBERS = 32
};

int
sb_copy_rows (gsl_matrix *to, const gsl_matrix *from)
{
  const size_t rows = from->size1, d = from->size2;
  if (to->size1 != rows || to->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu x %zu numbers do not fit into %zu x %zu", rows, d, to->size1, to->size2);
  if (from->tda == d && to->tda == d)
    memcpy (to->data, from->data, rows * d * sizeof *to->data);
  else if (d > FEW_NUMBERS)
    return gsl_matrix_memcpy (to, from);
  else
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < d; j++)
        to->data[i * to->tda + j] = from->data[i * from->tda + j];
  return GSL_SUCCESS;
}

void
sb_add_to_rows (double c, const gsl_vector *v, gsl_matrix *x)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_view row = gsl_matrix_row (x, i);
      gsl_blas_daxpy (c, v, &row.vector);
    }
}

void
sb_add_row_products (double weight, const gsl_matrix *a, const gsl_matrix *b, gsl_vector *sum)
{
  for (size_t i = 0; i < a->size1; i++)
    {
      gsl_vector_const_view a_i = gsl_matrix_const_row (a, i), b_i = gsl_matrix_const_row (b, i);
      double product;
      gsl_blas_ddot (&a_i.vector, &b_i.vector, &product);
      *gsl_vector_ptr (sum, i) += weight * product;
    }
}

double
sb_dot (size_t d, const double *a, const double *b)
{
  double sum = 0;
  for (size_t j = 0; j < d; j++)
    sum += a[j] * b[j];
  return sum;
}
