#ifndef SCOREBOOK_SCHEDULE_DISTANCES_H
#define SCOREBOOK_SCHEDULE_DISTANCES_H

#include "../base/entry.h"
#include "../base/stream.h"
#include "../operator/operator.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// Metrics between the laws of C x + noise z at levels of C, all lengths: W_2 or a bound of it, not its square.
//
//     coupled                                 each point to itself, an upper bound: W_2 where blurs commute
//     gaussian  noise=0                       W_2 of Gaussians with the same moments, a lower bound
//     sinkhorn  noise=0 regularisation=0.05   of the points, debiased
const sb_entry *sb_level_metrics (size_t k); // the family

// distance(a, b), symmetric (N x N), between levels a and b of `level` (N >= 1, increasing), for data x (n x d, n >=
// 1), by the metric that a line of text chooses. stream: of the noise that sinkhorn adds to the points at each level
// (its purpose is ignored). coupled takes n d N^2 operations, and N x d numbers at a time; gaussian N^2 d^3 and N d^2;
// sinkhorn N^2 n^2 (d + iterations) and N n d. A line in `error`: GSL_EINVAL where the line chooses no metric, or C has
// no level; GSL_EBADLEN; GSL_EDOM where a number is not finite or levels do not increase; GSL_EOVRFLW, GSL_EUNDRFLW,
// GSL_EMAXITER, GSL_ENOMEM; and what C reports.
int sb_level_distances (const char *metric, const sb_operator *C, const gsl_vector *level, const gsl_matrix *x,
                        sb_stream stream, gsl_matrix *distance, sb_error *error);

SB_END_DECLS

#endif
