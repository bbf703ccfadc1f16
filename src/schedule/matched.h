#ifndef SCOREBOOK_SCHEDULE_MATCHED_H
#define SCOREBOOK_SCHEDULE_MATCHED_H

#include "../base/decls.h"
#include "../operator/operator.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// The mean of |x - C x|^2 over the rows of x (n x d, n >= 1) at a level of C. Of Gaussian data with mean m and
// covariance R^T R (R: r x d) the expectation is r times that of the rows of R, plus that of the row m. GSL_EBADLEN,
// GSL_EINVAL where C has no level, GSL_ENOMEM, and what C reports.
int sb_mean_displacement (const sb_operator *C, double level, const gsl_matrix *x, double *mean);

// The corruption whose levels are chosen.
typedef struct
{
  gsl_function displacement; // E|x_0 - C x_0|^2 at a level, continuous, nondecreasing
  double low, high;          // the corruption ends at high
  size_t dimension;
} sb_matched;

// The level at a time when the noise's deviation is sigma, so that the mean square of x_t - x_0 is `share` of its value
// at the end, with the noise sigma_1; low where it is more at every level, high where it is less. GSL_EDOM where low <
// high does not hold, or a number is negative or not finite; GSL_EBADFUNC where a displacement is not finite;
// GSL_EMAXITER, GSL_ENOMEM.
int sb_matched_level (const sb_matched *of, double sigma, double sigma_1, double share, double *level);

SB_END_DECLS

#endif
