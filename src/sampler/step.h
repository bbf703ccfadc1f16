#ifndef SCOREBOOK_SAMPLER_STEP_H
#define SCOREBOOK_SAMPLER_STEP_H

// What the steps share; not installed. x, z, out and g are n x d.

#include "sampler.h"

// A predictor's arguments: GSL_EBADLEN unless x is as wide as the process and z (where there is one) as large as x;
// GSL_EDOM unless 0 <= s < t.
int sb_step_check (const sb_score *score, double s, double t, const gsl_matrix *z, const gsl_matrix *x);

// A corrector's: z must be there (GSL_EINVAL), and s = t is allowed.
int sb_step_check_corrector (const sb_score *score, double s, double t, const gsl_matrix *z, const gsl_matrix *x);

// A step at a fixed time: GSL_EDOM unless 0 <= t <= t_max.
int sb_step_check_fixed (const sb_score *score, double t, const gsl_matrix *z, const gsl_matrix *x);

// GSL_EDOM unless t_min <= t <= t_max: where an SDE may be solved.
int sb_step_check_time (const sb_process *process, double t);

// One time for all rows, for functions that take a time per row. NULL: no memory.
gsl_vector *sb_step_times (size_t n, double t);

// x_i <- M(s,t) x_i, the same s and t for every row.
int sb_step_apply (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, double s, double t,
                   gsl_matrix *x);

// out <- the view of every row of x at time t; GSL_EBADFUNC where a number of it is not finite.
int sb_step_evaluate (const sb_score *score, sb_view view, const gsl_matrix *y, double t, const gsl_matrix *x,
                      gsl_matrix *out);

// x <- a x + b g + c z; z NULL: without its term. All n x d.
void sb_step_move (double a, gsl_matrix *x, double b, const gsl_matrix *g, double c, const gsl_matrix *z);

// x <- x + a v
void sb_step_add (gsl_matrix *x, double a, const gsl_matrix *v);

// The mean over the rows of their Euclidean norms. GSL_ENOMEM.
int sb_step_mean_norm (const gsl_matrix *v, double *mean);

// x <- x + a M(s,t) z; z NULL: nothing.
int sb_step_add_noise (const sb_process *process, sb_process_map map, double s, double t, double a, const gsl_matrix *z,
                       gsl_matrix *x);

// The common body of reverse diffusion (weight 1) and its noise-free half (weight 1/2): reverse_diffusion.c.
int sb_step_reversed (const sb_score *score, const gsl_matrix *y, double s, double t, double weight,
                      const gsl_matrix *z, gsl_matrix *x);

#endif
