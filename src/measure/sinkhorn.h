#ifndef SCOREBOOK_MEASURE_SINKHORN_H
#define SCOREBOOK_MEASURE_SINKHORN_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>
#include <stdbool.h>

SB_BEGIN_DECLS

// How a transport problem is solved.
typedef struct
{
  double regularisation; // epsilon > 0, in the unit of the cost
  bool log_domain;       // any epsilon; else by products of matrices, which need cost / epsilon below about 700
  double residual;       // > 0: stop where the plan's marginals miss the weights by at most this in total
  size_t iterations;     // the most allowed
} sb_sinkhorn;

// What it costs to transport the weights a to the weights b by the plan P that minimises
// sum P_ij cost_ij + epsilon sum P_ij log (P_ij / (a_i b_j)).
typedef struct
{
  double transport;  // sum P_ij cost_ij. NaN where the iteration did not converge
  double entropic;   // the minimum itself, with the entropy. NaN likewise
  double residual;   // sum_i |sum_j P_ij - a_i|; of columns there is none
  size_t iterations; // how many it took
} sb_transport;

// Between weights a (n) and b (m), positive and divided here by their sums, NULL: all equal; cost is n x m.
// GSL_EBADLEN; GSL_EDOM where a weight is not positive, a number not finite, or epsilon or the residual not positive or
// so small that cost / epsilon overflows; GSL_EUNDRFLW where e^(-cost / epsilon) is too small for the products (the log
// domain has no such limit); GSL_EMAXITER; GSL_ENOMEM.
int sb_sinkhorn_cost (const sb_sinkhorn *how, const gsl_matrix *cost, const gsl_vector *a, const gsl_vector *b,
                      sb_transport *found);

// The cost is the squared distance between points, the rows of x (n x d) and y (m x d): where epsilon is small,
// transport is W_2^2, a square and not a length. Also GSL_EOVRFLW, GSL_EUNDRFLW as sb_squared_distances has them.
int sb_sinkhorn_points (const sb_sinkhorn *how, const gsl_matrix *x, const gsl_vector *a, const gsl_matrix *y,
                        const gsl_vector *b, sb_transport *found);

// Each cost less the mean of those of x to itself and y to itself, which are not zero. With the entropy it is never
// negative but for rounding, and zero only where the sets are equal (Feydy et al., 2019). residual: the largest of
// three; iterations: their sum.
int sb_sinkhorn_divergence (const sb_sinkhorn *how, const gsl_matrix *x, const gsl_vector *a, const gsl_matrix *y,
                            const gsl_vector *b, sb_transport *found);

// That divergence with the entropy, not below 0, in the log domain, with epsilon `relative` times the mean of |x_i -
// y_j|^2 (all points equal: 1); all weights alike.
int sb_sinkhorn_squared_distance (double relative, double residual, const gsl_matrix *x, const gsl_matrix *y,
                                  double *squared);

// The mean of |x_i - y_j|^2 over all pairs, a unit for epsilon. GSL_EBADLEN, GSL_EDOM, GSL_EOVRFLW, GSL_EUNDRFLW,
// GSL_ENOMEM.
int sb_mean_squared_distance (const gsl_matrix *x, const gsl_matrix *y, double *mean);

SB_END_DECLS

#endif
