#ifndef SCOREBOOK_SCORE_ENERGY_H
#define SCOREBOOK_SCORE_ENERGY_H

#include "score.h"

SB_BEGIN_DECLS

// A law by its energy, p(x) = exp(-E(x)) / Z, with Z unknown and not needed. Each function gets `params` last and
// returns a GSL status; shapes are checked before it is called: x, v, out (n x d), t (n).
typedef struct
{
  // out_i <- the gradient of E in x at (x_i, t_i).
  int (*gradient) (const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out, void *params);

  // out_i <- the Hessian of E at (x_i, t_i) times v_i. NULL: not available.
  int (*hessian) (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v, gsl_matrix *out, void *params);

  void *params; // not owned
} sb_energy;

// Its score, with both Jacobian products where there is a Hessian; without parameters of its own, and no condition: y
// is ignored. The energy is copied; params and process are not, and have to outlive the score. NULL with GSL_EINVAL
// where there is no gradient, with GSL_ENOMEM.
sb_score *sb_score_energy_alloc (const sb_energy *energy, const sb_process *process);

SB_END_DECLS

#endif
