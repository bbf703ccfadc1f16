#ifndef SCOREBOOK_PROCESS_POSTERIOR_H
#define SCOREBOOK_PROCESS_POSTERIOR_H

#include "process.h"
#include "view.h"

SB_BEGIN_DECLS

// Where a process was at time s, given where it is at t > s and one thing more, e:
//     x_s | x_t, e  ~  N(of_x x_t + of_e e, variance I).
// What e is, a view says: SB_DENOISER x_0, SB_EPSILON the noise z in x_t = A x_0 + S z, SB_SCORE the gradient of
// log q(x_t | x_0). Given x_t each of the three says the same.
typedef struct
{
  double of_x, of_e;
  double variance;
} sb_posterior;

// Common to all: the process's maps are multiples of the identity (else GSL_EUNSUP); 0 <= s < t <= t_max, and levels of
// a chain (else GSL_EDOM); GSL_EINVAL where a view is none; GSL_EBADLEN where a shape is wrong: s, t (n), s NULL: all
// zero, and n x d matrices. GSL_ENOMEM. A batch may have no rows.
int sb_posterior_at (const sb_process *process, sb_view view, double s, double t, sb_posterior *posterior);

// In place: e becomes the mean.
int sb_posterior_mean (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t,
                       const gsl_matrix *x_t, gsl_matrix *e);

// x_s <- mean + sd z, by x_0. z NULL: the mean.
int sb_posterior_draw (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_t,
                       const gsl_matrix *x_0, const gsl_matrix *z, gsl_matrix *x_s);

// log q(x_s | x_t, x_0) of every row (n). GSL_EDOM where s = 0: there x_s is x_0, which has no density.
int sb_posterior_log_density (const sb_process *process, const gsl_vector *s, const gsl_vector *t,
                              const gsl_matrix *x_t, const gsl_matrix *x_0, const gsl_matrix *x_s, gsl_vector *log_q);

SB_END_DECLS

#endif
