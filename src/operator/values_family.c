// # Values for each level
//
// $C(\ell) = W^\top\operatorname{diag}(\mathbf c(\ell))\,W$ with any values $\mathbf c$ and one orthonormal $W$ for all
// levels: a filter of frequencies, a factor for each coordinate.

#include "operator.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>

typedef struct
{
  size_t dimension;
  sb_operator *basis; // NULL: the coordinates themselves
  sb_values_of_level fill;
  void *params;
  void (*release) (void *params);
} family;

// x, or its coordinates in the basis, times the values, their rates, or one over the values.

typedef enum
{
  ITSELF,
  RATE,
  INVERSE
} kind;

static int
scale_row (const family *f, kind what, double level, double *c, double *row)
{
  int status = f->fill (f->params, what == RATE, level, c);
  for (size_t j = 0; j < f->dimension && !status; j++)
    {
      if (what == INVERSE && !gsl_finite (1 / c[j]))
        SB_ERROR (NULL, GSL_ESING, "a value is %g at level %g: there is no inverse", c[j], level);
      row[j] = what == INVERSE ? row[j] / c[j] : row[j] * c[j];
    }
  return status;
}

static int
multiply (const family *f, kind what, const gsl_vector *level, const gsl_matrix *x, gsl_matrix *out)
{
  const size_t n = x->size1, d = f->dimension;
  double *c = malloc (d * sizeof *c);
  gsl_matrix *u = gsl_matrix_alloc (n, d);
  int status = !c || !u ? GSL_ENOMEM : f->basis ? sb_operator_apply (f->basis, CblasNoTrans, NULL, x, u) : 0;
  if (!status && !f->basis)
    gsl_matrix_memcpy (u, x);
  for (size_t i = 0; i < n && !status; i++)
    status = scale_row (f, what, gsl_vector_get (level, i), c, gsl_matrix_ptr (u, i, 0));
  if (!status && f->basis)
    status = sb_operator_apply (f->basis, CblasTrans, NULL, u, out);
  else if (!status)
    gsl_matrix_memcpy (out, u);
  free (c);
  gsl_matrix_free (u);
  return status;
}

static int
values_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  (void)transpose;
  return multiply (state, ITSELF, level, x, out);
}

static int
values_rate (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
             gsl_matrix *out)
{
  (void)transpose;
  return multiply (state, RATE, level, x, out);
}

static int
values_inverse (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out)
{
  (void)transpose;
  return multiply (state, INVERSE, level, x, out);
}

static int
values_values (const void *state, int rate, double level, double *c)
{
  const family *f = state;
  return f->fill (f->params, rate, level, c);
}

static const sb_operator *
values_basis (const void *state)
{
  const family *f = state;
  return f->basis;
}

static void
values_free (void *state)
{
  family *f = state;
  sb_operator_free (f->basis);
  if (f->release)
    f->release (f->params);
  free (f);
}

static const sb_operator_type values = { .name = "values",
                                         .apply = values_apply,
                                         .free = values_free,
                                         .has_level = 1,
                                         .rate = values_rate,
                                         .inverse = values_inverse,
                                         .values = values_values,
                                         .basis = values_basis };

sb_operator *
sb_operator_values_alloc (size_t dimension, sb_operator *basis, sb_values_of_level fill, void *params,
                          void (*release) (void *params))
{
  const int fits = !basis
                   || (basis->type->orthonormal && !basis->type->has_level && basis->rows == dimension
                       && basis->columns == dimension);
  family *f = fits ? malloc (sizeof *f) : NULL;
  if (f)
    {
      *f = (family){ dimension, basis, fill, params, release };
      return sb_operator_alloc (&values, f, dimension, dimension);
    }
  sb_operator_free (basis);
  if (release)
    release (params);
  if (!fits)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a basis must be orthonormal, %zu x %zu", dimension, dimension);
  SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for values of so many levels");
}
