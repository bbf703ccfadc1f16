#ifndef SCOREBOOK_OBJECTIVE_FDSSM_H
#define SCOREBOOK_OBJECTIVE_FDSSM_H

#include "../base/decls.h"
#include "../score/score.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// Sliced score matching by differences: two evaluations of the score in place of a derivative.
typedef struct
{
  double h;   // half the distance between them, in units of v; > 0
  bool plain; // as in sb_ssm
} sb_fdssm;

// The loss of each row (n) at points x (n x d) and times t (n) along directions v (n x d), for example
// sb_projection_draw's. It differs from sb_ssm_loss_along by O(h^2). y: NULL or n rows. GSL_EBADLEN, GSL_EDOM where h
// is not positive and finite, GSL_ENOMEM, and what the score reports.
int sb_fdssm_loss (const sb_fdssm *fdssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t,
                   const gsl_matrix *y, const gsl_matrix *v, gsl_vector *loss);

// The same, and the gradient of weight x (the sum of the losses) with respect to the score's parameters, added to what
// its state accumulates (sb_score_vjp).
int sb_fdssm_gradient (const sb_fdssm *fdssm, const sb_score *score, const gsl_matrix *x, const gsl_vector *t,
                       const gsl_matrix *y, const gsl_matrix *v, double weight, gsl_vector *loss);

SB_END_DECLS

#endif
