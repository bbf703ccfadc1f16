// # A mask
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

sb_operator *
sb_operator_mask_alloc (const gsl_vector *mask)
{
  for (size_t k = 0; k < mask->size; k++)
    if (gsl_vector_get (mask, k) != 0 && gsl_vector_get (mask, k) != 1)
      SB_ERROR_NULL (NULL, GSL_EDOM, "operator mask: number %zu is %g, neither 0 nor 1", k, gsl_vector_get (mask, k));
  unsigned char *seen = malloc (mask->size + 1);
  if (!seen)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator mask: no memory for %zu numbers", mask->size);
  for (size_t k = 0; k < mask->size; k++)
    seen[k] = gsl_vector_get (mask, k) != 0;
  return sb_operator_alloc (&mask_type, seen, mask->size, mask->size);
}
