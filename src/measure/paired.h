#ifndef SCOREBOOK_MEASURE_PAIRED_H
#define SCOREBOOK_MEASURE_PAIRED_H

#include "../base/decls.h"
#include "../base/stream.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// Common to all: x and y are of the same size, number or row i of the one belonging to that of the other: two models on
// the same noise, two trainings from the same seed. GSL_EBADLEN where they are not or there are too few, GSL_EDOM where
// a number is not finite, GSL_EOVRFLW where a difference or a sum is not, GSL_EINVAL where a setting is out of range,
// GSL_ENOMEM. The purpose of a stream is ignored.

// The sign test: if neither tends to be the larger, the p-value (two-sided, exact) is at most alpha with probability at
// most alpha. Equal numbers are left out. above: how many x_i > y_i, below: how many x_i < y_i. One pair or more.
typedef struct
{
  size_t above, below;
  double p_value;
} sb_signs;
int sb_sign_test (const gsl_vector *x, const gsl_vector *y, sb_signs *signs);

// The mean of x_i - y_i, its standard error, and an interval for it by the bootstrap: the middle `level` (between 0 and
// 1) of the means of `replicates` >= 1 samples of n differences, drawn with replacement, replicate k from row k of the
// stream. Two pairs or more.
typedef struct
{
  double mean, error, low, high;
} sb_paired_mean;
int sb_paired_bootstrap (const gsl_vector *x, const gsl_vector *y, double level, size_t replicates, sb_stream stream,
                         sb_paired_mean *found);

// Are the points of a pair nearer to each other than to those of other pairs? x, y (n x d), n >= 2. paired: the mean
// of |x_i - y_i|; others: that of |x_i - y_j| over i != j. p_value: the part of `permutations` random pairings, the
// true one counted with them, whose mean is as small: if the pairing means nothing, it is at most alpha with
// probability at most alpha. Pairing k is drawn from row k of the stream. Takes O(n^2 d + n permutations) time, n^2
// memory.
typedef struct
{
  double paired, others, p_value;
} sb_pairing;
int sb_paired_distances (const gsl_matrix *x, const gsl_matrix *y, size_t permutations, sb_stream stream,
                         sb_pairing *found);

SB_END_DECLS

#endif
