// # A diagonal matrix
//
// Coordinate $k$ times $d_k$: its own transpose.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"

static int
diagonal_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out)
{
  const gsl_vector *d = state;
  (void)transpose, (void)level;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      gsl_matrix_set (out, i, k, gsl_vector_get (d, k) * gsl_matrix_get (x, i, k));
  return GSL_SUCCESS;
}

static void
diagonal_free (void *state)
{
  gsl_vector_free (state);
}

static const sb_operator_type diagonal_type = { .name = "diagonal", .apply = diagonal_apply, .free = diagonal_free };

sb_operator *
sb_operator_diagonal_alloc (const gsl_vector *diagonal)
{
  gsl_vector *state = gsl_vector_alloc (diagonal->size);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator diagonal: no memory for %zu numbers", diagonal->size);
  gsl_vector_memcpy (state, diagonal);
  if (sb_check_finite_numbers ("a diagonal", GSL_EDOM, state->data, state->size))
    {
      gsl_vector_free (state);
      return NULL;
    }
  return sb_operator_alloc (&diagonal_type, state, diagonal->size, diagonal->size);
}
