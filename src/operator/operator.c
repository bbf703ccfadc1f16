// # A linear operator, whatever it does
//
// Points are blurred, masked, transformed, coloured: each is a matrix $A$, too large to be written down, that is known by
// what it does to a point, $\mathbf{x} \mapsto A\mathbf{x}$, and by what its transpose does. What all have in common stands
// here: shapes and levels are checked once, so that an operator's own file is its arithmetic alone.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <stdlib.h>

// ## Making and releasing
//
// The state changes hands at the call, so that a caller has nothing to release on any path after it.

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

int
sb_operator_apply (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                   gsl_matrix *out)
{
  const sb_operator_type *type = A->type;
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
  return type->apply (A->state, transpose, level, x, out);
}
