#ifndef SCOREBOOK_SCORE_GUIDED_H
#define SCOREBOOK_SCORE_GUIDED_H

#include "score.h"

SB_BEGIN_DECLS

// Information about x_0 as a likelihood: a classifier's, a measurement's.
typedef struct
{
  // out_i <- the gradient of log p_t(y_i | x_i) with respect to x_i, at time t_i; x, out (n x d), y as the guided score
  // is given it. Returns a GSL status.
  int (*gradient) (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params);
  void *params;  // not owned
  double weight; // of the gradient: 1 is Bayes's rule, more favours points of high likelihood
} sb_guidance;

// The score of the law given y, the sum of a score without condition and of the gradient. It has no derivatives. The
// guidance is copied; the score is not, nor are its params, and have to outlive this one. NULL with GSL_EINVAL where
// there is no gradient or the weight is not finite, with GSL_ENOMEM.
sb_score *sb_score_guided_alloc (const sb_score *score, const sb_guidance *guidance);

SB_END_DECLS

#endif
