#ifndef SCOREBOOK_OBJECTIVE_ESM_H
#define SCOREBOOK_OBJECTIVE_ESM_H

#include "../base/decls.h"
#include "../score/score.h"

SB_BEGIN_DECLS

// Explicit score matching: the loss of each row (n) at points x (n x d) and times t (n), and its gradient with respect
// to the score there, s_bar (n x d), which sb_score_vjp carries on to parameters. `truth` is the score to be matched;
// y is the condition of both, NULL or n rows. GSL_EBADLEN, GSL_ENOMEM, and what the scores report.
int sb_esm_loss (const sb_score *score, const sb_score *truth, const gsl_matrix *x, const gsl_vector *t,
                 const gsl_matrix *y, gsl_vector *loss, gsl_matrix *s_bar);

SB_END_DECLS

#endif
