#ifndef SCOREBOOK_TARGET_DIAGONAL_H
#define SCOREBOOK_TARGET_DIAGONAL_H

// Mixtures of Gaussians whose coordinates are independent within a component; not installed.

#include "law.h"

#include <stdbool.h>

// Not owned: K log weights, K x d means and K x d variances.
typedef struct
{
  size_t K, d;
  bool round; // each row of lambda is one number
  const double *log_w;
  const gsl_matrix *mu, *lambda;
  const sb_process *process; // diagonal in the coordinates themselves
} diagonal_mixture;

// As sb_target_evaluate, sb_target_log_density and sb_target_evaluate_divergence (score NULL: not wanted), with a
// kernel for each row and part, or (`kernels` 1) one row of them for all; the law must have a density at every row's
// time where one is computed.
int diagonal_evaluate (const diagonal_mixture *law, const target_kernel *kernel, size_t kernels, sb_view view,
                       const gsl_matrix *x, gsl_matrix *out);
int diagonal_log_density (const diagonal_mixture *law, const target_kernel *kernel, size_t kernels, const gsl_matrix *x,
                          gsl_vector *log_p);
int diagonal_divergence (const diagonal_mixture *law, const target_kernel *kernel, size_t kernels, const gsl_matrix *x,
                         gsl_matrix *score, gsl_vector *divergence);

#endif
