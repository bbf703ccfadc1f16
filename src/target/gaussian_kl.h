#ifndef SCOREBOOK_TARGET_GAUSSIAN_KL_H
#define SCOREBOOK_TARGET_GAUSSIAN_KL_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// The Kullback-Leibler divergence of N(mean_p, covariance_p) from N(mean_q, covariance_q), E_p[ln p - ln q], in nats;
// means (d), NULL: zero. GSL_EBADLEN where a shape is wrong, GSL_EDOM where a covariance (d x d, its lower triangle) is
// not positive definite, GSL_ENOMEM.
int sb_gaussian_kl (const gsl_vector *mean_p, const gsl_matrix *covariance_p, const gsl_vector *mean_q,
                    const gsl_matrix *covariance_q, double *kl);

SB_END_DECLS

#endif
