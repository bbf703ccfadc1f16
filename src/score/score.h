#ifndef SCOREBOOK_SCORE_SCORE_H
#define SCOREBOOK_SCORE_SCORE_H

#include "../base/decls.h"
#include "../process/process.h"
#include "../process/view.h"

#include <gsl/gsl_matrix.h>

#include <stdbool.h>

SB_BEGIN_DECLS

typedef struct
{
  const char *name;
  unsigned views; // the views `evaluate` computes itself: an OR of sb_view; the others follow by Tweedie's formula

  // out_i <- the view at row x_i and time t_i, given condition y_i (y NULL: none). x and out are n x d, never the same.
  int (*evaluate) (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                   gsl_matrix *out);

  unsigned derivatives; // the views whose derivatives `jvp` and `vjp` compute themselves; likewise

  // out_i <- J v_i, J the Jacobian of the view at (x_i, t_i). NULL: not available.
  int (*jvp) (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *out);

  // out_i <- J^T v_i; where the state has parameters, their gradient of sum_i <v_i, view(x_i, t_i)> is added to what
  // the state accumulates. NULL: not available.
  int (*vjp) (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *out);
  // Both at once, estimate as by `evaluate` and out as by `vjp`, where one forward pass serves both. NULL: one by one.
  int (*evaluate_vjp) (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                       const gsl_matrix *v, gsl_matrix *estimate, gsl_matrix *out);
  bool backward_first; // vjp costs less than jvp, adds to no gradient, and may be called from several threads

  // divergence_i <- tr J of the score at (x_i, t_i). NULL: by d products of `jvp`, where there is one.
  int (*divergence) (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                     gsl_vector *divergence);
  // Both at once, the score as by `evaluate`. NULL: one by one.
  int (*evaluate_divergence) (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                              gsl_matrix *estimate, gsl_vector *divergence);

  void (*free) (void *state); // NULL: nothing to release
} sb_score_type;

typedef struct
{
  const sb_score_type *type;
  void *state;
  const sb_process *process; // not owned: the process under which x_t arose
} sb_score;

// A score of your own: the type is kept, not copied; the state belongs to the score from here on, and is released with
// it, or at once where this fails (NULL, GSL_ENOMEM).
sb_score *sb_score_alloc (const sb_score_type *type, void *state, const sb_process *process);
void sb_score_free (sb_score *score); // its state too, where the type says how; NULL is allowed

// Common to all: x, v, out (n x d) with d the process's dimension, t (n), y NULL or n rows. GSL_EBADLEN where a shape
// is wrong, GSL_EINVAL where out is x, v or y, GSL_EUNSUP where the score cannot answer (a derivative it lacks),
// GSL_ESING where the view does not follow from those it computes because A or S has no inverse, GSL_ENOMEM. Safe to
// call from several threads, but for vjp.
int sb_score_evaluate (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t,
                       const gsl_matrix *y, gsl_matrix *out);
// The same for callers that compute with it: GSL_EBADFUNC where a number of it is not finite, its place in the message.
int sb_score_estimate (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t,
                       const gsl_matrix *y, gsl_matrix *out);
// That check alone, of an estimate (n x d); `of` ends the message.
int sb_score_check_finite (const sb_score *score, const gsl_vector *t, const gsl_matrix *estimate, const char *of);

// out <- J v, and J^T v with the parameters' gradient of sum_i <v_i, view(x_i, t_i)>; J is the Jacobian of the view.
// Those of a view that the type does not compute follow from one that it does:
//     J_denoiser = A^-1 (I + S S^T J_score),   J_epsilon = -S^T J_score.
// GSL_ESING likewise; at t = 0 the denoiser's is A^-1.
int sb_score_jvp (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                  const gsl_matrix *v, gsl_matrix *out);
int sb_score_vjp (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                  const gsl_matrix *v, gsl_matrix *out);

// sb_score_evaluate and sb_score_vjp at the same points, of one view: for one forward pass where the type can.
int sb_score_evaluate_vjp (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t,
                           const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *estimate, gsl_matrix *out);

// The trace of the score's Jacobian: the type's own, else by d products.
int sb_score_divergence (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                         gsl_vector *divergence);
// sb_score_evaluate, of the score, and sb_score_divergence at the same points.
int sb_score_evaluate_divergence (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                                  gsl_matrix *estimate, gsl_vector *divergence);

SB_END_DECLS

#endif
