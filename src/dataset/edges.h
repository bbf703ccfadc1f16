#ifndef SCOREBOOK_DATASET_EDGES_H
#define SCOREBOOK_DATASET_EDGES_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// The edges of images, x (n x height width channels, the channel fastest): edges (n x height width) is 1 where the mean
// of the channels changes by more than `threshold` >= 0 a pixel, in units of x, and 0 elsewhere. GSL_EBADLEN where a
// shape is wrong or a size 0, GSL_EINVAL where the threshold is invalid or edges is x, GSL_EDOM where a number is
// not finite.
int sb_edges (const gsl_matrix *x, size_t height, size_t width, size_t channels, double threshold, gsl_matrix *edges);

SB_END_DECLS

#endif
