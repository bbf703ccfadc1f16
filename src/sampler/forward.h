#ifndef SCOREBOOK_SAMPLER_FORWARD_H
#define SCOREBOOK_SAMPLER_FORWARD_H

#include "../base/decls.h"
#include "../process/process.h"

SB_BEGIN_DECLS

// One Euler-Maruyama step of the forward SDE, from time s up to time t: x and z (n x d); z NULL: the step's mean. t_min
// <= s < t <= t_max (GSL_EDOM). GSL_EBADLEN, GSL_EUNSUP (a process without F and G), GSL_ENOMEM. Where the exact
// transition is known, sb_process_transition is better; this one simulates the SDE itself.
int sb_forward_euler_maruyama (const sb_process *process, double s, double t, const gsl_matrix *z, gsl_matrix *x);

SB_END_DECLS

#endif
