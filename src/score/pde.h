#ifndef SCOREBOOK_SCORE_PDE_H
#define SCOREBOOK_SCORE_PDE_H

#include "../process/ito.h"
#include "score.h"

SB_BEGIN_DECLS

// d/dt log p_t(x), where p_t has the score and follows an SDE's Fokker-Planck equation: rate (n), x (n x d), t (n), y NULL or n rows. A score is
// that of such a law if log p_t changes by this. GSL_EBADLEN, GSL_ENOMEM, and what the score and the SDE report.

// Of the score's own process, by the score's divergence, in closed form where the score has that.
int sb_fokker_planck (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                      gsl_vector *rate);

// Of any SDE, by central differences of fourth order of the flow's velocity. The score's process may be one without maps.
int sb_fokker_planck_ito (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t,
                          const gsl_matrix *x, gsl_vector *rate);

SB_END_DECLS

#endif
