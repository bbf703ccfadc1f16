#ifndef SCOREBOOK_SAMPLER_FLOW_H
#define SCOREBOOK_SAMPLER_FLOW_H

#include "../base/decls.h"
#include "../score/score.h"

SB_BEGIN_DECLS

#define SB_FLOW_TOLERANCE 1e-5 // the paper's rtol and atol

// Called after each accepted step with the batch at time t. Anything but GSL_SUCCESS ends the integration.
typedef int (*sb_flow_progress) (void *context, double t, const gsl_matrix *x);

// Carry x (n x d) along the probability flow from one time to another: downwards to sample, upwards to encode. Both
// times in [t_min, t_max] (GSL_EDOM). The rows are one system of n d equations with one step size, as in the paper;
// split a batch and its steps differ. tolerance > 0 is both the relative and the absolute one (else GSL_EINVAL). y: the
// score's condition, NULL or n rows; progress and evaluations (of the score, on every row) may be NULL.
//
// Returns what the score or progress returned where that ended the run, GSL_EUNSUP for a chain, GSL_EBADFUNC where the
// score is not finite, GSL_ETOL where no step is short enough, GSL_EBADLEN, GSL_ENOMEM. After a failure x is
// unspecified.
int sb_flow (const sb_score *score, const gsl_matrix *y, double from, double to, double tolerance,
             sb_flow_progress progress, void *context, gsl_matrix *x, size_t *evaluations);

SB_END_DECLS

#endif
