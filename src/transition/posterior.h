#ifndef SCOREBOOK_TRANSITION_POSTERIOR_H
#define SCOREBOOK_TRANSITION_POSTERIOR_H

#include "../process/process.h"
#include "../process/view.h"

SB_BEGIN_DECLS

// The state of a process at time s, given that at t > s and one more quantity, e:
//     x_s | x_t, e  ~  N(of_x x_t + of_e e, variance I)
// in each part of the process, with numbers of its own. A view selects e: SB_DENOISER x_0, SB_EPSILON the noise z in
// x_t = A x_0 + S z, SB_SCORE the gradient of log q(x_t | x_0). Given x_t, these three are equivalent.
typedef struct
{
  double of_x, of_e;
  double variance;
} sb_posterior;

// Common to all: the process has parts and a kernel from s to t (else GSL_EUNSUP); 0 <= s < t <= t_limit, and levels of
// a chain (else GSL_EDOM); GSL_EINVAL where a view is invalid; GSL_ESING where A(s,t) is 0 and the view is not the
// denoiser; GSL_EBADLEN where a shape is wrong: s, t (n), s NULL: all zero, and n x d matrices. GSL_ENOMEM. A batch may
// have no rows. A part without noise (S(0,t) = 0) is deterministic: x_s = x_t / A(s,t).

// The numbers of each part (parts).
int sb_posterior_at (const sb_process *process, sb_view view, double s, double t, sb_posterior *posterior);

// In place: e becomes the mean.
int sb_posterior_mean (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t,
                       const gsl_matrix *x_t, gsl_matrix *e);

// x_s <- mean + sd z, given x_0. z NULL: the mean.
int sb_posterior_draw (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_t,
                       const gsl_matrix *x_0, const gsl_matrix *z, gsl_matrix *x_s);

// log q(x_s | x_t, x_0) of every row (n). GSL_EDOM where a variance is 0, as for s = 0.
int sb_posterior_log_density (const sb_process *process, const gsl_vector *s, const gsl_vector *t,
                              const gsl_matrix *x_t, const gsl_matrix *x_0, const gsl_matrix *x_s, gsl_vector *log_q);

SB_END_DECLS

#endif
