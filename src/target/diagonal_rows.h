#ifndef SCOREBOOK_TARGET_DIAGONAL_ROWS_H
#define SCOREBOOK_TARGET_DIAGONAL_ROWS_H

// A mixture of diagonal Gaussians at one time, and its sums along rows of many dimensions; not installed.

#include "law.h"

#include <stdbool.h>

typedef struct
{
  const target_kernel *kernel; // of its time, by parts; not owned
  bool round;                  // all coordinates of a component have one variance: precision and gain are K numbers
  double *constant;            // K: log w_k - sum_j log(s_kj) / 2
  double *trace;               // K: of the gains
  double *high, *low;          // K x d: m mu_kj
  double *precision;           // K x d: 1 / s_kj
  double *gain;                // K x d: the factor of a difference in the view
  double *variance;            // d: s_kj of the component at hand
  double *memory;
} diagonal_snapshot;

enum
{
  DIAGONAL_ROWS = 4
};

// The log densities under component k, as of constant, of DIAGONAL_ROWS rows x (d).
void diagonal_rows_log_densities (size_t k, size_t d, const diagonal_snapshot *s, const double *const x[DIAGONAL_ROWS],
                                  double *log_p);
// Of one row, with r_k at r[k * stride]. out (d) <- the average over components of gain times difference.
void diagonal_row_average (size_t K, size_t d, const diagonal_snapshot *s, const double *x, size_t stride,
                           const double *r, double *out);
// The divergence, given this average of the score.
double diagonal_row_divergence (size_t K, size_t d, const diagonal_snapshot *s, const double *x, size_t stride,
                                const double *r, const double *score);
// The average of the means, added to out (d).
void diagonal_row_add_means (const gsl_matrix *mu, size_t stride, const double *r, double *out);

#endif
