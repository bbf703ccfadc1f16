#ifndef SCOREBOOK_MEASURE_SLICED_H
#define SCOREBOOK_MEASURE_SLICED_H

#include "../base/decls.h"
#include "../base/stream.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// The sliced 2-Wasserstein distance between two samples of points, x (n x d) and y (m x d): the root of the mean of
// W_2^2 over directions uniform on the sphere, here `count` >= 1 of them, direction k from row k of the stream (its
// purpose is ignored). On a line it is W_2 itself. error: its standard error, of the choice of directions alone; 0 of
// one direction, NULL: not wanted.
//
// GSL_EBADLEN where a sample is empty, has over 2^31 points, dimensions differ or count is 0, GSL_EDOM where a number
// is not finite, GSL_EOVRFLW or GSL_EUNDRFLW where the points spread beyond the range of doubles, GSL_ENOMEM.
int sb_sliced_wasserstein_2 (const gsl_matrix *x, const gsl_matrix *y, size_t count, sb_stream stream, double *distance,
                             double *error);

SB_END_DECLS

#endif
