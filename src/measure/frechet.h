#ifndef SCOREBOOK_MEASURE_FRECHET_H
#define SCOREBOOK_MEASURE_FRECHET_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// The squared Frechet (2-Wasserstein) distance between the Gaussians N(m1, C1) and N(m2, C2),
//     |m1 - m2|^2 + tr (C1 + C2 - 2 (C1^{1/2} C2 C1^{1/2})^{1/2}),
// as the FID is. Covariances may be singular. Never negative. With kappa = lambda_max / lambda_min over both
// covariances and D = sqrt(distance), rounding moves D by a small multiple of
// d DBL_EPSILON sqrt(kappa lambda_max); eigenvalues below d DBL_EPSILON lambda_max are taken for zero.
// GSL_EBADLEN; GSL_EDOM where a number is not finite or a covariance is, beyond float's rounding (1e-6 of its largest
// entry), not symmetric or not positive semidefinite; GSL_EOVRFLW or GSL_EUNDRFLW where the squares are beyond the
// range of doubles; GSL_EUNSUP where d > 16384; GSL_ENOMEM; GSL_EMAXITER where LAPACK does not converge.
int sb_frechet_gaussians (const gsl_vector *m1, const gsl_matrix *C1, const gsl_vector *m2, const gsl_matrix *C2,
                          double *distance);

// The same between the Gaussians with the moments of the rows of x1 (n1 x d) and x2 (n2 x d): features of two sets of
// images. n1 <= d is fine; GSL_EINVAL where there are fewer than 2 rows.
int sb_frechet (const gsl_matrix *x1, const gsl_matrix *x2, double *distance);

// The same between pairs: of x1 (n1 x d) and y1 (n1 x e), row i of one beside row i of the other, and of x2 (n2 x d)
// and y2 (n2 x e). Reconstructions or truths, and the observations they belong to. Errors as for the joined rows.
int sb_frechet_joint (const gsl_matrix *x1, const gsl_matrix *y1, const gsl_matrix *x2, const gsl_matrix *y2,
                      double *distance);

SB_END_DECLS

#endif
