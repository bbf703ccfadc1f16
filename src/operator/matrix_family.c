// # A matrix for each level
//
// Any $C(\ell)$ that can be written down, symmetric or not, singular or not, commuting with those of other levels or
// not.

#include "operator.h"

#include "../base/error.h"
#include "invert.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

typedef struct
{
  size_t dimension;
  sb_matrix_of_level fill;
  void *params;
  void (*release) (void *params);
} family;

// ## Rows of one level
//
// They share a matrix, which may be that of the level, of its rate, or the inverse.

typedef int (*maker) (const family *f, double level, gsl_matrix *A);

static int
itself (const family *f, double level, gsl_matrix *A)
{
  return f->fill (f->params, 0, level, A);
}

static int
its_rate (const family *f, double level, gsl_matrix *A)
{
  return f->fill (f->params, 1, level, A);
}

static int
its_inverse (const family *f, double level, gsl_matrix *A)
{
  double condition = GSL_NAN;
  int status = f->fill (f->params, 0, level, A);
  if (!status)
    status = sb_invert (A, &condition);
  if (!status && !(condition < 1 / (GSL_DBL_EPSILON * (double)A->size1)))
    SB_ERROR (NULL, GSL_ESING, "a matrix is singular at level %g: its condition is %.2g", level, condition);
  return status;
}

static int
multiply (maker make, const family *f, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
          gsl_matrix *out)
{
  gsl_matrix *A = gsl_matrix_alloc (f->dimension, f->dimension);
  int status = A ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t i = 0, end; i < x->size1 && !status; i = end)
    {
      for (end = i + 1; end < x->size1 && gsl_vector_get (level, end) == gsl_vector_get (level, i);)
        end++;
      gsl_matrix_const_view from = gsl_matrix_const_submatrix (x, i, 0, end - i, x->size2);
      gsl_matrix_view to = gsl_matrix_submatrix (out, i, 0, end - i, out->size2);
      status = make (f, gsl_vector_get (level, i), A);
      if (!status)
        status = gsl_blas_dgemm (CblasNoTrans, transpose == CblasTrans ? CblasNoTrans : CblasTrans, 1, &from.matrix, A,
                                 0, &to.matrix);
    }
  gsl_matrix_free (A);
  return status;
}

// ## As an operator

static int
family_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  return multiply (itself, state, transpose, level, x, out);
}

static int
family_rate (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
             gsl_matrix *out)
{
  return multiply (its_rate, state, transpose, level, x, out);
}

static int
family_inverse (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out)
{
  return multiply (its_inverse, state, transpose, level, x, out);
}

static void
family_free (void *state)
{
  family *f = state;
  if (f->release)
    f->release (f->params);
  free (f);
}

#define FAMILY(rate_)                                                                                                  \
  {                                                                                                                    \
    .name = "matrix", .apply = family_apply, .free = family_free, .has_level = 1, .rate = rate_,                       \
    .inverse = family_inverse                                                                                          \
  }
static const sb_operator_type of_values = FAMILY (NULL), of_rates_too = FAMILY (family_rate);

sb_operator *
sb_operator_family_alloc (size_t dimension, sb_matrix_of_level fill, int rate_too, void *params,
                          void (*release) (void *params))
{
  family *f = malloc (sizeof *f);
  if (!f)
    {
      if (release)
        release (params);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a matrix of so many levels");
    }
  *f = (family){ dimension, fill, params, release };
  return sb_operator_alloc (rate_too ? &of_rates_too : &of_values, f, dimension, dimension);
}
