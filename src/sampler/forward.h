#ifndef SCOREBOOK_SAMPLER_FORWARD_H
#define SCOREBOOK_SAMPLER_FORWARD_H

#include "../base/decls.h"
#include "../score/score.h"

SB_BEGIN_DECLS

// One Euler-Maruyama step of the forward SDE, from time s up to time t: x and z (n x d); z NULL: the step's mean. t_min
// <= s < t <= t_max (GSL_EDOM). GSL_EBADLEN, GSL_EUNSUP (a process without F and G), GSL_ENOMEM. Where the exact
// transition is known, sb_process_transition is better; this one simulates the SDE itself.
int sb_forward_euler_maruyama (const sb_process *process, double s, double t, const gsl_matrix *z, gsl_matrix *x);

// The same of a score's process; where that has no F and G, but rates, of the SDE with its marginals, dx = A' E[x_0 |
// x_t] dt + sqrt (2 S S') dw. y NULL or n rows. Errors also as for sb_forward_drift (drift.h).
int sb_forward_step (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z,
                     gsl_matrix *x);

SB_END_DECLS

#endif
