// # Two operators in one
//
// One after the other, $\mathbf x \mapsto A B\,\mathbf x$, and one less the other, $\mathbf x \mapsto A\mathbf x -
// B\mathbf x$: what a measurement consists of, and how far two corruptions are apart.

#include "operator.h"

#include "../base/error.h"

#include <stdlib.h>

typedef struct
{
  sb_operator *A, *B;
} pair;

static void
pair_free (void *state)
{
  pair *p = state;
  sb_operator_free (p->A);
  sb_operator_free (p->B);
  free (p);
}

// $(AB)^\top = B^\top A^\top$.

static int
product_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
               gsl_matrix *out)
{
  const pair *p = state;
  const sb_operator *first = transpose == CblasTrans ? p->A : p->B, *second = transpose == CblasTrans ? p->B : p->A;
  gsl_matrix *between = gsl_matrix_alloc (x->size1, p->A->columns);
  if (!between)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory between two operators, of %zu rows", x->size1);
  int status = sb_operator_apply (first, transpose, level, x, between);
  if (!status)
    status = sb_operator_apply (second, transpose, level, between, out);
  gsl_matrix_free (between);
  return status;
}

static int
difference_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                  gsl_matrix *out)
{
  const pair *p = state;
  gsl_matrix *less = gsl_matrix_alloc (out->size1, out->size2);
  if (!less)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for a difference of operators, of %zu rows", x->size1);
  int status = sb_operator_apply (p->A, transpose, level, x, out);
  if (!status)
    status = sb_operator_apply (p->B, transpose, level, x, less);
  if (!status)
    gsl_matrix_sub (out, less);
  gsl_matrix_free (less);
  return status;
}

static const sb_operator_type product = { .name = "product", .apply = product_apply, .free = pair_free },
                              difference = { .name = "difference", .apply = difference_apply, .free = pair_free };

static sb_operator *
pair_alloc (const sb_operator_type *type, sb_operator *A, sb_operator *B, int fit)
{
  pair *p = A && B && fit ? malloc (sizeof *p) : NULL;
  if (p)
    {
      *p = (pair){ A, B };
      return sb_operator_alloc (type, p, A->rows, B->columns);
    }
  const int made = A && B;
  sb_operator_free (A);
  sb_operator_free (B);
  if (!made)
    return NULL;
  if (!fit)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator %s: two that do not fit, or have levels", type->name);
  SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator %s: no memory", type->name);
}

static int
without_levels (const sb_operator *A, const sb_operator *B)
{
  return A && B && !A->type->has_level && !B->type->has_level;
}

sb_operator *
sb_operator_product_alloc (sb_operator *A, sb_operator *B)
{
  return pair_alloc (&product, A, B, without_levels (A, B) && A->columns == B->rows);
}

sb_operator *
sb_operator_difference_alloc (sb_operator *A, sb_operator *B)
{
  return pair_alloc (&difference, A, B, without_levels (A, B) && A->columns == B->columns && A->rows == B->rows);
}
