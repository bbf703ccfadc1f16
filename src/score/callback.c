// # A score by callback
//
// Which view a user's function computes, and which derivatives it has, differ from one callback to the next, so each
// score of this kind has a type of its own, with a NULL wherever the user gave one.

#include "callback.h"

#include "../base/error.h"

#include <stdlib.h>

typedef struct
{
  sb_score_type type;
  sb_score_callback callback;
} callback_state;

static int
callback_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                   gsl_matrix *out)
{
  const sb_score_callback *callback = &((const callback_state *)state)->callback;
  (void)view;
  return callback->function (x, t, y, out, callback->params);
}

static int
callback_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *out)
{
  const sb_score_callback *callback = &((const callback_state *)state)->callback;
  (void)view;
  return callback->jvp (x, t, y, v, out, callback->params);
}

static int
callback_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *out)
{
  const sb_score_callback *callback = &((const callback_state *)state)->callback;
  (void)view;
  return callback->vjp (x, t, y, v, out, callback->params);
}

static int
callback_divergence (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                     gsl_vector *divergence)
{
  const sb_score_callback *callback = &((const callback_state *)state)->callback;
  return callback->divergence (x, t, y, divergence, callback->params);
}

sb_score *
sb_score_callback_alloc (const sb_score_callback *callback, const sb_process *process)
{
  const sb_view view = callback->view;
  if (!callback->function)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a score by callback needs a function");
  if (sb_check_view (view))
    return NULL;

  callback_state *state = malloc (sizeof *state);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  state->callback = *callback;
  state->type = (sb_score_type){ .name = "callback",
                                 .views = view,
                                 .evaluate = callback_evaluate,
                                 .derivatives = view,
                                 .jvp = callback->jvp ? callback_jvp : NULL,
                                 .vjp = callback->vjp ? callback_vjp : NULL,
                                 .divergence = callback->divergence ? callback_divergence : NULL,
                                 .free = free };
  return sb_score_alloc (&state->type, state, process);
}
