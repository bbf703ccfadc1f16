#ifndef SCOREBOOK_TRANSITION_MARGINAL_H
#define SCOREBOOK_TRANSITION_MARGINAL_H

#include "reverse.h"

SB_BEGIN_DECLS

// What a model makes of a Gaussian, where its mean is affine in x and its variance the same everywhere: as it is for
// the exact score of Gaussian data. mean (d), covariance (d x d); GSL_EBADLEN; GSL_EINVAL where the mean is not affine;
// GSL_ENOMEM, and what reverse.h says. After a failure both are unspecified.

// One step back, from t to s.
int sb_marginal_step (const sb_reverse *reverse, double s, double t, gsl_vector *mean, gsl_matrix *covariance);

// p(x_0), all steps of a chain from N(0, I) on: mean and covariance need not be set. GSL_EUNSUP where it is no chain.
int sb_marginal_chain (const sb_reverse *reverse, gsl_vector *mean, gsl_matrix *covariance);

// -E log N(x; mean, covariance) in nats, for x with the given mean and covariance. GSL_EDOM where the first covariance
// is not positive definite.
int sb_marginal_nll (const gsl_vector *mean, const gsl_matrix *covariance, const gsl_vector *mean_of_x,
                     const gsl_matrix *covariance_of_x, double *nll);

SB_END_DECLS

#endif
