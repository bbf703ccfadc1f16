// # The identity
//
// For functions that require an operator where nothing is to be changed, and for tests.

#include "operator.h"

static int
identity_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out)
{
  (void)state, (void)transpose, (void)level;
  return gsl_matrix_memcpy (out, x);
}

static const sb_operator_type identity = { .name = "identity", .apply = identity_apply, .orthonormal = 1 };

sb_operator *
sb_operator_identity_alloc (size_t dimension)
{
  return sb_operator_alloc (&identity, NULL, dimension, dimension);
}
