#ifndef SCOREBOOK_MEASURE_PAIRWISE_H
#define SCOREBOOK_MEASURE_PAIRWISE_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// squared(i, j) <- |x_i - y_j|^2 for x (n x d), y (m x d), squared (n x m), by one matrix product. Never negative, and
// right to about 12 digits wherever the points lie. GSL_EBADLEN, GSL_EDOM where a number is not finite, GSL_EOVRFLW and
// GSL_EUNDRFLW where the squares are beyond the range of doubles, GSL_ENOMEM.
int sb_squared_distances (const gsl_matrix *x, const gsl_matrix *y, gsl_matrix *squared);

// For each row of x (n x d), the row of data (m x d, m >= 1) that is nearest: its number into index[i], its distance
// into distance(i), which is computed from the difference. Which one of several that are nearest up to rounding (as
// above) is not specified, but the same on any number of threads. Takes as much memory again as x and data do.
// GSL_EBADLEN, GSL_EDOM where a number is not finite, GSL_EOVRFLW, GSL_EUNDRFLW, GSL_ENOMEM.
int sb_nearest (const gsl_matrix *x, const gsl_matrix *data, size_t *index, gsl_vector *distance);

SB_END_DECLS

#endif
