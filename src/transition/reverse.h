#ifndef SCOREBOOK_TRANSITION_REVERSE_H
#define SCOREBOOK_TRANSITION_REVERSE_H

#include "../score/score.h"

SB_BEGIN_DECLS

// The variance of a reverse step, from t to s < t.
typedef enum
{
  SB_VARIANCE_BETA,       // that of x_t given x_s: beta_t; right where the data are N(0, I)
  SB_VARIANCE_BETA_TILDE, // that of x_s given x_t and x_0; right where they are a single point; 0 where s = 0
  SB_VARIANCE_CLIPPED,    // beta-tilde, but beta-tilde_2 for the last step of a chain, so that it has a density
  SB_VARIANCE_OPTIMAL     // the best for this score, point by point: needs its divergence (else GSL_EUNSUP)
} sb_variance;

// The reverse transition of a model, p(x_s | x_t) = N(mean, variance I), with a variance for each part of the process.
typedef struct
{
  const sb_score *score;
  sb_view view;         // from which the mean is computed: SB_EPSILON in the report; all three agree to rounding
  sb_variance variance; // of steps to s > 0
  sb_variance last;     // of the step to s = 0; beta-tilde is 0 there: no noise, and no density
} sb_reverse;

// Common to all: x (n x d), s, t (n), y NULL or n rows; s NULL: all zero. The process has parts (else GSL_EUNSUP), 0 <=
// s < t (else GSL_EDOM). GSL_EBADLEN, GSL_EINVAL (no such view or variance), GSL_EBADFUNC where the score is not
// finite, GSL_ENOMEM, and what the score reports.
int sb_reverse_mean (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                     const gsl_matrix *x, gsl_matrix *mean); // n x d, not x
int sb_reverse_variance (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                         const gsl_matrix *x, gsl_matrix *variance); // n x parts
// Variances (one per part) that do not depend on the score: any but SB_VARIANCE_OPTIMAL (GSL_EUNSUP).
int sb_reverse_fixed_variance (const sb_process *process, sb_variance choice, double s, double t, double *variance);
// The best variance, from the score's divergence at x_t. One part only (else GSL_EUNSUP).
int sb_reverse_best_variance (const sb_process *process, double s, double t, double divergence, double *variance);

// log p(x_s | x_t) of every row (n), in nats. GSL_EDOM where the variance is 0.
int sb_reverse_log_density (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                            const gsl_matrix *x_t, const gsl_matrix *x_s, gsl_vector *log_p);

// log p(x_0, ..., x_N) of a path of a chain ((N + 1) x d, row i is x_i), the prior's density of x_N included. y NULL or
// N rows. GSL_EUNSUP where the process is no chain.
int sb_reverse_path_log_density (const sb_reverse *reverse, const gsl_matrix *y, const gsl_matrix *path, double *log_p);

SB_END_DECLS

#endif
