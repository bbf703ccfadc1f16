#ifndef SCOREBOOK_MEASURE_PSNR_H
#define SCOREBOOK_MEASURE_PSNR_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// The peak signal-to-noise ratio of each row of x to the same row of y (n x d, n >= 1), in decibels, 10 log10 (range^2
// / MSE); range > 0: the largest value that data may have, less the least. Infinite where the rows are equal. each
// (n), or NULL, gets those of the rows, and mean, or NULL, their mean, which one infinite row makes infinite.
// GSL_EBADLEN where sizes differ or there is nothing, GSL_EDOM where a number is not finite, GSL_EINVAL for an invalid
// range, GSL_EOVRFLW where a difference is not finite, GSL_ENOMEM.
int sb_psnr (const gsl_matrix *x, const gsl_matrix *y, double range, gsl_vector *each, double *mean);

SB_END_DECLS

#endif
