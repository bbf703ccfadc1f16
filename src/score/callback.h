#ifndef SCOREBOOK_SCORE_CALLBACK_H
#define SCOREBOOK_SCORE_CALLBACK_H

#include "score.h"

SB_BEGIN_DECLS

// A score of your own, as a gsl_function is a function of your own. Each function gets `params` last and returns a GSL
// status. Shapes are checked before it is called: x, v, out (n x d), t (n), y NULL or n rows, divergence (n).
typedef struct
{
  sb_view view; // what `function` computes, and `jvp` and `vjp` are of

  int (*function) (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params);

  // J v and J^T v, J the Jacobian of `function`; vjp also adds the gradient of sum_i <v_i, out_i> with respect to the
  // callback's own parameters, if any, to its accumulated gradient. NULL: not available.
  int (*jvp) (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
              void *params);
  int (*vjp) (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
              void *params);

  // tr J of the score, whatever the view; NULL: by d products, where there is jvp.
  int (*divergence) (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *divergence,
                     void *params);

  void *params; // not owned
} sb_score_callback;

// The callback is copied; params and process are not, and have to outlive the score. NULL with GSL_EINVAL where there
// is no function or no such view, with GSL_ENOMEM.
sb_score *sb_score_callback_alloc (const sb_score_callback *callback, const sb_process *process);

SB_END_DECLS

#endif
