#ifndef SCOREBOOK_GRID_DISTANCE_H
#define SCOREBOOK_GRID_DISTANCE_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

// The largest Euclidean distance between two rows of `points` (n x d, n >= 2): SMLD's sigma_max. GSL_EBADLEN, GSL_EDOM
// where a point is not finite, GSL_EOVRFLW where the distance is not, GSL_ENOMEM. Takes n^2 d operations.
int sb_grid_largest_distance (const gsl_matrix *points, double *distance);

SB_END_DECLS

#endif
