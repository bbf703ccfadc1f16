#ifndef SCOREBOOK_SCORE_TWEEDIE_H
#define SCOREBOOK_SCORE_TWEEDIE_H

#include "../base/decls.h"
#include "../process/process.h"
#include "../process/view.h"

SB_BEGIN_DECLS

// One view of an estimate into another, in place: `estimate` (n x d) holds `from` at the points x (n x d) and times t
// (n), and becomes `to`. GSL_EBADLEN where a shape is wrong, GSL_EINVAL where a view is invalid, GSL_EDOM where a time
// is outside the process, GSL_ESING where a map has no inverse there (t = 0: the score and epsilon from the denoiser,
// the score from epsilon), GSL_EUNSUP where the process has no such map.
int sb_tweedie (const sb_process *process, sb_view from, sb_view to, const gsl_matrix *x, const gsl_vector *t,
                gsl_matrix *estimate);

// The same backward: bar (n x d) holds a gradient with respect to `to`, and becomes that with respect to `from`; the
// direct gradient with respect to x is written to x_bar (n x d; NULL: not computed). Where to = P from + Q x, these are
// P^T bar and Q^T bar. Errors likewise.
int sb_tweedie_transposed (const sb_process *process, sb_view from, sb_view to, const gsl_vector *t, gsl_matrix *bar,
                           gsl_matrix *x_bar);

SB_END_DECLS

#endif
