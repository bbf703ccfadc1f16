// # A multiple of the identity
//
// The level times $I$: with level $\sqrt{\bar\alpha_t}$ a process with a general corruption becomes VP or sub-VP.

#include "operator.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>

typedef struct
{
  size_t dimension;
} multiple;

static int
times (int power, const gsl_vector *level, const gsl_matrix *x, gsl_matrix *out)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      const double c = power ? gsl_vector_get (level, i) : 1;
      if (power < 0 && !gsl_finite (1 / c))
        SB_ERROR (NULL, GSL_ESING, "operator multiple: row %zu is multiplied by %g", i, c);
      for (size_t j = 0; j < x->size2; j++)
        gsl_matrix_set (out, i, j, power < 0 ? gsl_matrix_get (x, i, j) / c : gsl_matrix_get (x, i, j) * c);
    }
  return GSL_SUCCESS;
}

static int
multiple_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out)
{
  (void)state, (void)transpose;
  return times (1, level, x, out);
}

static int
multiple_rate (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
               gsl_matrix *out)
{
  (void)state, (void)transpose;
  return times (0, level, x, out);
}

static int
multiple_inverse (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                  gsl_matrix *out)
{
  (void)state, (void)transpose;
  return times (-1, level, x, out);
}

static int
multiple_values (const void *state, int rate, double level, double *c)
{
  const multiple *m = state;
  for (size_t j = 0; j < m->dimension; j++)
    c[j] = rate ? 1 : level;
  return GSL_SUCCESS;
}

static const sb_operator_type multiple_type = { .name = "multiple",
                                                .apply = multiple_apply,
                                                .free = free,
                                                .has_level = 1,
                                                .rate = multiple_rate,
                                                .inverse = multiple_inverse,
                                                .values = multiple_values };

sb_operator *
sb_operator_multiple_alloc (size_t dimension)
{
  multiple *m = malloc (sizeof *m);
  if (!m)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator multiple: no memory");
  m->dimension = dimension;
  return sb_operator_alloc (&multiple_type, m, dimension, dimension);
}
