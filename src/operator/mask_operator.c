// # A mask, a selection
//
// Some coordinates are kept and the others are set to zero: a projection, its own transpose. A coordinate that is not
// kept is not read, so that it may be anything, even NaN.

#include "operator.h"

#include "../base/error.h"

#include <stdlib.h>

static int
mask_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
            gsl_matrix *out)
{
  const unsigned char *seen = state;
  (void)transpose, (void)level;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      gsl_matrix_set (out, i, k, seen[k] ? gsl_matrix_get (x, i, k) : 0);
  return GSL_SUCCESS;
}

static const sb_operator_type mask_type = { .name = "mask", .apply = mask_apply, .free = free };

// Its numbers as bytes, and how many of them are 1.

static unsigned char *
read_mask (const char *name, const gsl_vector *mask, size_t *kept)
{
  *kept = 0;
  for (size_t k = 0; k < mask->size; k++)
    if (gsl_vector_get (mask, k) != 0 && gsl_vector_get (mask, k) != 1)
      SB_ERROR_NULL (NULL, GSL_EDOM, "operator %s: number %zu is %g, neither 0 nor 1", name, k,
                     gsl_vector_get (mask, k));
  unsigned char *seen = malloc (mask->size + 1);
  if (!seen)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator %s: no memory for %zu numbers", name, mask->size);
  for (size_t k = 0; k < mask->size; k++)
    *kept += seen[k] = gsl_vector_get (mask, k) != 0;
  return seen;
}

sb_operator *
sb_operator_mask_alloc (const gsl_vector *mask)
{
  size_t kept;
  unsigned char *seen = read_mask ("mask", mask, &kept);
  return seen ? sb_operator_alloc (&mask_type, seen, mask->size, mask->size) : NULL;
}

// ## A selection
//
// The others may also be left out: the rows of the identity where a mask is 1, and the law of what they select is a
// marginal. The transpose puts zeros in their places.

static int
select_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  const unsigned char *seen = state;
  const size_t columns = transpose == CblasTrans ? out->size2 : x->size2;
  (void)level;
  if (transpose == CblasTrans)
    gsl_matrix_set_zero (out);
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0, to = 0; k < columns; k++)
      if (seen[k] && transpose == CblasTrans)
        gsl_matrix_set (out, i, k, gsl_matrix_get (x, i, to++));
      else if (seen[k])
        gsl_matrix_set (out, i, to++, gsl_matrix_get (x, i, k));
  return GSL_SUCCESS;
}

static const sb_operator_type select_type = { .name = "select", .apply = select_apply, .free = free };

sb_operator *
sb_operator_select_alloc (const gsl_vector *mask)
{
  size_t kept;
  unsigned char *seen = read_mask ("select", mask, &kept);
  return seen ? sb_operator_alloc (&select_type, seen, kept, mask->size) : NULL;
}
