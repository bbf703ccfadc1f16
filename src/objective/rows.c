// # Row by row
//
// A batch has a point in each row, and a loss of its own for each: inner products and multiples by rows.

#include "rows.h"

void
sb_rows_dot (double scale, const gsl_matrix *a, const gsl_matrix *b, gsl_vector *out)
{
  for (size_t i = 0; i < a->size1; i++)
    {
      const double *a_i = gsl_matrix_const_ptr (a, i, 0), *b_i = gsl_matrix_const_ptr (b, i, 0);
      double sum = 0;
      for (size_t j = 0; j < a->size2; j++)
        sum += a_i[j] * b_i[j];
      gsl_vector_set (out, i, scale * sum);
    }
}

void
sb_rows_add (double scale, const gsl_vector *c, const gsl_matrix *x, gsl_matrix *y)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      const double *x_i = gsl_matrix_const_ptr (x, i, 0);
      double *y_i = gsl_matrix_ptr (y, i, 0), c_i = c != NULL ? scale * gsl_vector_get (c, i) : scale;
      for (size_t j = 0; j < x->size2; j++)
        y_i[j] += c_i * x_i[j];
    }
}
