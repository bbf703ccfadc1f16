#ifndef SCOREBOOK_OBJECTIVE_DENOISING_H
#define SCOREBOOK_OBJECTIVE_DENOISING_H

#include "../base/decls.h"
#include "../score/score.h"

SB_BEGIN_DECLS

// Denoising score matching of a score, each row at its own noise level; dsm.h draws the levels and has the weights of
// the SDE papers. x (n x d) holds data, x_tilde (n x d) the same under noise at times t (n) > 0 of a process.

// The score of the kernel at x_tilde, -S^-T S^-1 (x_tilde - A x): where the process adds noise of standard deviation
// sigma, -(x_tilde - x) / sigma^2. Into out (n x d), which is neither. GSL_EBADLEN, GSL_EDOM, GSL_EUNSUP, GSL_ESING at
// t = 0.
int sb_denoising_target (const sb_process *process, const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t,
                         gsl_matrix *out);

// The loss of each row (n), and its gradient with respect to the score at x_tilde, s_bar (n x d). y: the score's
// condition, NULL or n rows. As above, and GSL_ENOMEM and what the score reports.
int sb_denoising_loss (const sb_score *score, const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t,
                       const gsl_matrix *y, gsl_vector *loss, gsl_matrix *s_bar);

SB_END_DECLS

#endif
