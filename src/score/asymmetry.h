#ifndef SCOREBOOK_SCORE_ASYMMETRY_H
#define SCOREBOOK_SCORE_ASYMMETRY_H

#include "../base/stream.h"
#include "score.h"

SB_BEGIN_DECLS

// Is a field a gradient? These functions test for curl at the given points, not whether the density whose gradient it
// would be can be normalised: the score 0 has no curl, and is that of no law.

// |J - J^T| / |J|, Frobenius norms, of the Jacobian J of a view at each row: from 0 (symmetric, and where J = 0) to 2
// (antisymmetric). probes = 0: exact, by d products of either kind; else from `probes` random directions, row i taking
// probes d normals from index + i of the stream, whose purpose is its caller's. The square of each norm is estimated
// without bias. x (n x d), t (n), y NULL or n rows, ratio (n). GSL_EBADLEN, GSL_EBADFUNC where a product is not finite,
// GSL_ENOMEM, and what the score reports; parameters' gradients as for sb_score_vjp.
int sb_score_asymmetry (const sb_score *score, sb_view view, const gsl_matrix *y, const gsl_vector *t,
                        const gsl_matrix *x, size_t probes, sb_stream stream, gsl_vector *ratio);

// The integral of a view at time t around the polygon with these corners (k x d, back to the first), by Gauss and
// Legendre's rule with `nodes` nodes per edge: 0 around every polygon where the field is a gradient. y NULL or a row.
// GSL_EBADLEN, GSL_EINVAL for no nodes, GSL_EBADFUNC, GSL_ENOMEM, and what the score reports.
int sb_score_circulation (const sb_score *score, sb_view view, const gsl_vector *y, double t, const gsl_matrix *corners,
                          size_t nodes, double *circulation);

SB_END_DECLS

#endif
