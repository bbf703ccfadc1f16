#ifndef SCOREBOOK_SCORE_PDE_H
#define SCOREBOOK_SCORE_PDE_H

#include "../process/ito.h"
#include "score.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// d/dt log p_t(x), where p_t has the score and obeys an SDE's Fokker-Planck equation: rate (n), x (n x d), t (n), y
// NULL or n rows. A score is that of such a law if log p_t changes at this rate. GSL_EBADLEN, GSL_ENOMEM, and what the
// score and the SDE report. Here of any SDE, by central differences of fourth order of the flow's velocity. The score's
// process may be one without maps.
int sb_fokker_planck_ito (const sb_ito *ito, const sb_score *score, const gsl_matrix *y, const gsl_vector *t,
                          const gsl_matrix *x, gsl_vector *rate);

// ---- How a field changes along paths
//
// A field f is a view of a score: x, rate (n x d), t (n). Derivatives in time and second ones in space are by
// differences, for which t (1 - .008) and t (1 + .008) are times of the process too. GSL_EBADLEN, GSL_EINVAL where
// rate is x, GSL_EDOM where a time is not positive, GSL_EBADFUNC where a number is not finite, GSL_ENOMEM, and what the
// score and the process report.

// The mean rate of f (x_t, t) along dx = mu dt + G dw, drift and diffusion being those of ito:
//     df/dt + J_f mu + 1/2 sum_k (g_k . grad)^2 f,   g_k the columns of G.
// reversed: the noise is that of reverse time, and the last term has a minus. GSL_EINVAL where ito lacks either.
int sb_ito_rate (const sb_ito *ito, bool reversed, const sb_score *field, sb_view view, const gsl_matrix *y,
                 const gsl_vector *t, const gsl_matrix *x, gsl_matrix *rate);

// The mean rate of a score's view along its own reverse process, dx = -g^2 s dt + g dw with the noise of reverse time:
//     df/dt - g^2 (J_f s + 1/2 Laplacian f).
// For the score and the denoiser it is 0 everywhere if the denoiser is consistent. GSL_EUNSUP where the process is
// not dx = g dw with one g for all coordinates.
int sb_score_pde (const sb_score *score, sb_view view, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                  gsl_matrix *rate);

SB_END_DECLS

#endif
