#ifndef SCOREBOOK_MEASURE_SSIM_H
#define SCOREBOOK_MEASURE_SSIM_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// The structural similarity of each row of x to the same row of y, n >= 1 images of height x width pixels with
// `channels` numbers each, the channel fastest: at most 1, which is that of equal images. range > 0: the largest value
// that data may have, less the least. The mean over channels and over Gaussian windows of 11 x 11 pixels inside
// the image. each (n), or NULL, gets those of the rows, and mean, or NULL, their mean. GSL_EBADLEN where sizes differ
// or there is nothing, GSL_EINVAL for an image under 11 pixels high or wide and for an invalid range, GSL_EDOM where
// a number is not finite, GSL_EOVRFLW where a moment is not, GSL_ENOMEM.
int sb_ssim (const gsl_matrix *x, const gsl_matrix *y, size_t height, size_t width, size_t channels, double range,
             gsl_vector *each, double *mean);

SB_END_DECLS

#endif
