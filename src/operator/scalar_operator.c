// # A multiple of the identity
//
// $A = c\,\mathbf{I}$, its own transpose.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <stdlib.h>

static int
scalar_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  (void)transpose, (void)level;
  gsl_matrix_memcpy (out, x);
  return gsl_matrix_scale (out, *(const double *)state);
}

static const sb_operator_type scalar = { .name = "scalar", .apply = scalar_apply, .free = free };

sb_operator *
sb_operator_scalar_alloc (size_t dimension, double c)
{
  if (sb_check_finite_numbers ("a scalar operator", GSL_EDOM, &c, 1))
    return NULL;
  double *state = malloc (sizeof *state);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator scalar: no memory");
  *state = c;
  return sb_operator_alloc (&scalar, state, dimension, dimension);
}
