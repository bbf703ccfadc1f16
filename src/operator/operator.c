// # A linear operator, whatever it does
//
// Points are blurred, masked, transformed, coloured: each of these is a matrix $A$, too large to be stored, which is
// given by its product with a point, $\mathbf{x} \mapsto A\mathbf{x}$, and that of its transpose. What all have in
// common is here: shapes and levels are checked once, so that an operator's own file is its arithmetic alone.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/stream.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>

// ## Making and releasing
//
// The call takes ownership of the state, so that a caller has nothing to release on any path after it.

static void
release_state (const sb_operator_type *type, void *state)
{
  if (type->free)
    type->free (state);
}

sb_operator *
sb_operator_alloc (const sb_operator_type *type, void *state, size_t rows, size_t columns)
{
  const int fit = !sb_check_lengths ("an operator's numbers", rows, 1, 1)
                  && !sb_check_lengths ("an operator's numbers", columns, 1, 1);
  sb_operator *A = rows && columns && fit ? malloc (sizeof *A) : NULL;
  if (A)
    {
      *A = (sb_operator){ type, state, rows, columns };
      return A;
    }
  release_state (type, state);
  if (!rows || !columns)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator %s: %zu x %zu has no numbers", type->name, rows, columns);
  SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator %s: no memory", type->name);
}

void
sb_operator_free (sb_operator *A)
{
  if (!A)
    return;
  release_state (A->type, A->state);
  free (A);
}

// ## Applying

typedef int (*arithmetic) (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                           gsl_matrix *out);

static int
carry_out (arithmetic function, const char *what, const sb_operator *A, CBLAS_TRANSPOSE_t transpose,
           const gsl_vector *level, const gsl_matrix *x, gsl_matrix *out)
{
  const sb_operator_type *type = A->type;
  if (!function)
    SB_ERROR (NULL, GSL_EUNSUP, "operator %s: it has no %s", type->name, what);
  if (transpose != CblasNoTrans && transpose != CblasTrans)
    SB_ERROR (NULL, GSL_EINVAL, "operator %s: applied as it is or transposed, not %d", type->name, (int)transpose);
  if (!level != !type->has_level)
    SB_ERROR (NULL, GSL_EINVAL, "operator %s: %s", type->name, level ? "it has no levels" : "each row needs its level");
  size_t from = transpose == CblasTrans ? A->rows : A->columns, to = transpose == CblasTrans ? A->columns : A->rows;
  if (x->size2 != from || out->size2 != to || out->size1 != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "operator %s: rows of %zu numbers become rows of %zu, not %zu x %zu to %zu x %zu",
              type->name, from, to, x->size1, x->size2, out->size1, out->size2);
  if (level && level->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "operator %s: %zu levels for %zu rows", type->name, level->size, x->size1);
  if (x->size1 == 0)
    return GSL_SUCCESS;
  if (sb_check_apart (type->name, x, out))
    return GSL_EINVAL;
  for (size_t i = 0; level && i < level->size; i++)
    if (!gsl_finite (gsl_vector_get (level, i)))
      SB_ERROR (NULL, GSL_EDOM, "operator %s: the level of row %zu is %g", type->name, i, gsl_vector_get (level, i));
  return function (A->state, transpose, level, x, out);
}

int
sb_operator_apply (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                   gsl_matrix *out)
{
  return carry_out (A->type->apply, "values", A, transpose, level, x, out);
}

int
sb_operator_rate (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                  gsl_matrix *out)
{
  return carry_out (A->type->rate, "rate", A, transpose, level, x, out);
}

int
sb_operator_inverse (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                     gsl_matrix *out)
{
  return carry_out (A->type->inverse, "inverse", A, transpose, level, x, out);
}

// ## The spectral norm
//
// $\mathbf v \leftarrow A^\top A\,\mathbf v$, normalised after each step, converges to the singular vector of the
// largest singular value, $\|A\| = \|A\mathbf v\|$.

static int
iterate (const sb_operator *A, const gsl_vector *level, size_t steps, gsl_matrix *v, gsl_matrix *Av, double *norm)
{
  const size_t n = v->size2;
  int status = GSL_SUCCESS;
  for (size_t k = 0; k <= steps && !status; k++)
    {
      const double length = cblas_dnrm2 ((int)n, v->data, 1);
      if (length > 0)
        gsl_matrix_scale (v, 1 / length);
      status = sb_operator_apply (A, CblasNoTrans, level, v, Av);
      *norm = cblas_dnrm2 ((int)A->rows, Av->data, 1);
      if (!status && k < steps)
        status = sb_operator_apply (A, CblasTrans, level, Av, v);
    }
  return status;
}

double
sb_operator_norm (const sb_operator *A, double level, size_t steps)
{
  double norm = GSL_NAN;
  gsl_matrix *v = gsl_matrix_alloc (1, A->columns), *Av = gsl_matrix_alloc (1, A->rows);
  gsl_vector_const_view of_row = gsl_vector_const_view_array (&level, 1);
  int status = v && Av ? sb_stream_normals ((sb_stream){ .purpose = SB_FOR_PROBE }, 0, v) : GSL_ENOMEM;
  if (!status)
    status = iterate (A, A->type->has_level ? &of_row.vector : NULL, steps, v, Av, &norm);
  gsl_matrix_free (v);
  gsl_matrix_free (Av);
  return status ? GSL_NAN : norm;
}
