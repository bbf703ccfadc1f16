#ifndef SCOREBOOK_SAMPLER_DRIFT_H
#define SCOREBOOK_SAMPLER_DRIFT_H

#include "../base/decls.h"
#include "../score/score.h"

SB_BEGIN_DECLS

// The drift of the reverse-time SDE, out = F(t) x - G(t) G(t)^T s(x, t), and the velocity of the probability flow,
// which takes half of the second term; both per unit of forward time. x and out (n x d, never the same: GSL_EINVAL), t
// (n); y NULL or n rows. t in [t_min, t_limit] (GSL_EDOM): below, the SDE and its score may not exist. GSL_EBADLEN;
// GSL_EUNSUP for a process with neither F and G nor rates (a chain); GSL_EBADFUNC where the score is not finite;
// GSL_ENOMEM.
int sb_reverse_drift (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                      gsl_matrix *out);
int sb_flow_velocity (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                      gsl_matrix *out);

// The velocity of a process with F and G, given the score there (n x d), which is overwritten. Errors as for
// sb_process_apply.
int sb_flow_velocity_given (const sb_process *process, const gsl_vector *t, const gsl_matrix *x, gsl_matrix *score,
                            gsl_matrix *out);

// The drift of the forward SDE, F(t) x. For a process with rates but no kernel between two positive times, all three
// belong to the SDE dx = A' E[x_0 | x_t] dt + sqrt (2 S S') dw, which has its marginals (S = sd I).
int sb_forward_drift (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                      gsl_matrix *out);

SB_END_DECLS

#endif
