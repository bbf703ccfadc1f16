#ifndef SCOREBOOK_MEASURE_PERCEPTUAL_H
#define SCOREBOOK_MEASURE_PERCEPTUAL_H

#include "classifier.h"

#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// How differently a classifier sees each row of x and the same row of y (n x d, n >= 1: its images, the channel
// fastest, of values from low to high): the squared distance between their features at each pixel, each normalised to
// length 1, its mean over the pixels of a layer and then over `layers` layers that are named, as "level.0.1.silu" is. 0
// for equal images, and at most 4. layers = 0: the last of each level, on which the next level is built. each (n), or
// NULL, gets those of the rows, and mean, or NULL, their mean. The features are the reference's, in float, whichever
// the network's backend. GSL_EBADLEN where sizes differ or there is nothing; GSL_EINVAL where no layer has a name, or
// several have; GSL_EDOM where low is not below high, or an image, or a layer's output for it, is not finite;
// GSL_ENOMEM.
int sb_perceptual (const sb_classifier *classifier, size_t layers, const char *const *layer, const gsl_matrix *x,
                   const gsl_matrix *y, double low, double high, gsl_vector *each, double *mean);

SB_END_DECLS

#endif
