#ifndef SCOREBOOK_MEASURE_ENERGY_DISTANCE_H
#define SCOREBOOK_MEASURE_ENERGY_DISTANCE_H

#include "../base/decls.h"
#include "../base/stream.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// The energy distance between two samples of points, x (n x d) and y (m x d),
//     2 mean |x_i - y_j| - mean |x_i - x_k| - mean |y_j - y_l|,
// over all pairs, those of a point with itself included: zero if and only if the samples are equal, else positive.
// p_value: the part of `permutations` random divisions of all n + m points into n and m, the true one counted with
// them, whose distance is as large: if both samples are from one law, it is at most alpha with probability at most
// alpha, for every alpha. Division k is drawn from row k of the stream (its purpose is ignored). NULL: not wanted.
// Takes O((n + m)^2 (d + permutations)) time and O((n + m) (d + permutations)) memory.
// GSL_EBADLEN where a sample is empty or dimensions differ, GSL_EDOM where a number is not finite, GSL_EOVRFLW or
// GSL_EUNDRFLW where distances are beyond the range of doubles, GSL_ENOMEM.
int sb_energy_test (const gsl_matrix *x, const gsl_matrix *y, size_t permutations, sb_stream stream, double *distance,
                    double *p_value);

SB_END_DECLS

#endif
