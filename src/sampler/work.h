#ifndef SCOREBOOK_SAMPLER_WORK_H
#define SCOREBOOK_SAMPLER_WORK_H

// What steps, correctors and their driver share; not installed. x, z (n x d), t (n).

#include "sampler.h"

// GSL_EBADLEN unless x has no more rows than the workspace and is as wide as the process, and z (where there is one) is
// as large as x.
int sb_work_check (const sb_sampler_work *work, const gsl_matrix *z, const gsl_matrix *x);

// GSL_EBADLEN for a grid without times, GSL_EDOM unless it decreases within [0, t_limit].
int sb_work_check_grid (const sb_process *process, const gsl_vector *times);

// The first n rows of the matrix for estimates.
gsl_matrix_view sb_work_estimate_rows (sb_sampler_work *work, size_t n);

// out (n x d) <- the view at every row of x, counted as an evaluation. Where work->x_hat0 is set, the view is derived
// from that instead, uncounted, and x_hat0 becomes NULL. GSL_EBADFUNC where a number is not finite.
int sb_work_estimate (sb_sampler_work *work, sb_view view, const gsl_matrix *y, const gsl_vector *t,
                      const gsl_matrix *x, gsl_matrix *out);

// One time for n rows.
gsl_vector_view sb_work_times (sb_sampler_work *work, size_t n, double t);

// The number of noise deviations, and their values at time t: one where S = sd I, else one for each part.
size_t sb_work_noises (const sb_process *process);
int sb_work_deviations (const sb_process *process, double t, double *sd);

// x becomes E[x_0 | x_t].
int sb_work_denoise (sb_sampler_work *work, const gsl_matrix *y, double t, gsl_matrix *x);

// The mean over the rows of their Euclidean norms.
double sb_work_mean_norm (sb_sampler_work *work, const gsl_matrix *v);

// x <- x + a v
void sb_work_add (gsl_matrix *x, double a, const gsl_matrix *v);

// x <- x + w (s - t) slope, row by row: a share w of a step from t to s.
void sb_work_add_slope (const gsl_vector *s, const gsl_vector *t, double w, const gsl_matrix *slope, gsl_matrix *x);

// GSL_EDOM unless t_min <= t <= t_limit: where an SDE may be solved.
int sb_work_check_sde (const sb_process *process, double t);

#endif
