#ifndef SCOREBOOK_OBJECTIVE_ISM_H
#define SCOREBOOK_OBJECTIVE_ISM_H

#include "../base/decls.h"
#include "../score/score.h"

SB_BEGIN_DECLS

// The trace of the score's Jacobian at each row (n) of x (n x d), t (n), by d Jacobian-vector products: for a score
// without a divergence of its own. y: NULL or n rows. GSL_EBADLEN, GSL_EUNSUP without that product, GSL_ENOMEM.
int sb_jacobian_trace (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                       gsl_vector *trace);

// Implicit score matching: the loss of each row (n), with the exact trace: the score's own divergence where it has one,
// else sb_jacobian_trace. Errors as above.
int sb_ism_loss (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                 gsl_vector *loss);

SB_END_DECLS

#endif
