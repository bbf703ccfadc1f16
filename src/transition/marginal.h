#ifndef SCOREBOOK_TRANSITION_MARGINAL_H
#define SCOREBOOK_TRANSITION_MARGINAL_H

#include "reverse.h"

SB_BEGIN_DECLS

// The law to which a model's steps map a Gaussian, where a step's mean is affine in x and its variance constant, as for
// the exact score of Gaussian data. mean (d), covariance (d x d); GSL_EBADLEN; GSL_EINVAL where the mean is not affine;
// GSL_ENOMEM, and the errors of reverse.h. After a failure both are unspecified.

// One reverse step, from t to s.
int sb_marginal_step (const sb_reverse *reverse, double s, double t, gsl_vector *mean, gsl_matrix *covariance);

// p(x_0), by all steps of a chain from N(0, I): mean and covariance need not be set. GSL_EUNSUP where it is no chain.
int sb_marginal_chain (const sb_reverse *reverse, gsl_vector *mean, gsl_matrix *covariance);

// -E log N(x; mean, covariance) in nats, for x with the given mean and covariance. GSL_EDOM where the first covariance
// is not positive definite.
int sb_marginal_nll (const gsl_vector *mean, const gsl_matrix *covariance, const gsl_vector *mean_of_x,
                     const gsl_matrix *covariance_of_x, double *nll);

SB_END_DECLS

#endif
