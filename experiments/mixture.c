// # A mixture for drivers

#include "mixture.h"

sb_target *
mixture_of (size_t K, size_t d, const double *weights, const double *means, const double *covariances)
{
  const gsl_vector_const_view w = gsl_vector_const_view_array (weights, K);
  const gsl_matrix_const_view mu = gsl_matrix_const_view_array (means, K, d),
                              C = gsl_matrix_const_view_array (covariances, K * d, d);
  return require_pointer (sb_target_mixture_alloc (&w.vector, &mu.matrix, &C.matrix), "the mixture");
}
