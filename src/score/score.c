// # A score, whoever computes it
//
// A sampler asks for the score at some points and does not care where it comes from: a law known in closed form, a
// network, a user's function. What every score has in common stands here: that a batch fits, and that a view which the
// score does not compute itself follows from one that it does.

#include "score.h"

#include "../base/clones.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "tweedie.h"

#include <float.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## Making and releasing
//
// The state changes hands at the call, so that a caller has nothing to release on any path after it.

static void
release_state (const sb_score_type *type, void *state)
{
  if (type->free)
    type->free (state);
}

sb_score *
sb_score_alloc (const sb_score_type *type, void *state, const sb_process *process)
{
  sb_score *score = malloc (sizeof *score);
  if (!score)
    {
      release_state (type, state);
      GSL_ERROR_NULL ("no memory for a score", GSL_ENOMEM);
    }
  *score = (sb_score){ .type = type, .state = state, .process = process };
  return score;
}

void
sb_score_free (sb_score *score)
{
  if (!score)
    return;
  release_state (score->type, score->state);
  free (score);
}

// ## At the door

static int
check_batch (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y)
{
  if (x->size2 != score->process->dimension)
    GSL_ERROR ("the points have not the dimension of the process", GSL_EBADLEN);
  if (t->size != x->size1)
    GSL_ERROR ("each row needs its time", GSL_EBADLEN);
  if (y && y->size1 != x->size1)
    GSL_ERROR ("each row needs its condition", GSL_EBADLEN);
  return GSL_SUCCESS;
}

static int
check_matrix (const gsl_matrix *x, const gsl_matrix *like)
{
  if (x->size1 != like->size1 || x->size2 != like->size2)
    GSL_ERROR ("the result, or the direction, has not the shape of the batch", GSL_EBADLEN);
  return GSL_SUCCESS;
}

// ## The views
//
// A view that the score does not compute follows by Tweedie's formula from one that it does: from epsilon, which keeps
// its size at all times, where there is the choice.

static int
source_of (const sb_score *score, sb_view view, sb_view *source)
{
  const sb_view preferred[] = { view, SB_EPSILON, SB_SCORE, SB_DENOISER };
  for (size_t i = 0; i < sizeof preferred / sizeof *preferred; i++)
    if (score->type->views & (unsigned)preferred[i])
      {
        *source = preferred[i];
        return GSL_SUCCESS;
      }
  GSL_ERROR ("the score computes no view at all", GSL_EUNSUP);
}

int
sb_score_evaluate (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                   gsl_matrix *out)
{
  sb_view source = view;
  if (view != SB_SCORE && view != SB_DENOISER && view != SB_EPSILON)
    GSL_ERROR ("a view is the score, the denoiser or epsilon", GSL_EINVAL);
  int status = check_batch (score, x, t, y);
  if (!status)
    status = check_matrix (out, x);
  if (!status)
    status = source_of (score, view, &source);
  if (!status)
    status = score->type->evaluate (score->state, source, x, t, y, out);
  return status ? status : sb_tweedie (score->process, source, view, x, t, out);
}

// ## Numbers that are none
//
// A network that overflows, or a law asked where it has no density, must not turn into samples that look like any
// others: the first number that is not finite ends the run and is named.

SB_CLONES static int
are_finite (const double *v, size_t count)
{
  int wrong = 0;
#pragma omp simd reduction(| : wrong)
  for (size_t j = 0; j < count; j++)
    wrong |= !(fabs (v[j]) <= DBL_MAX);
  return !wrong;
}

static int
check_rows (void *context, size_t shard, size_t first, size_t count)
{
  const gsl_matrix *g = context;
  (void)shard;
  for (size_t i = first; i < first + count; i++)
    {
      const size_t rows = g->tda == g->size2 ? first + count - i : 1;
      if (!are_finite (gsl_matrix_const_ptr (g, i, 0), rows * g->size2))
        return GSL_EBADFUNC;
      i += rows - 1;
    }
  return GSL_SUCCESS;
}

enum
{
  SHARD_NUMBERS = 16384
};

static int
check_finite (const sb_score *score, const gsl_vector *t, const gsl_matrix *g)
{
  gsl_matrix all = *g;
  const size_t rows = g->size2 < SHARD_NUMBERS ? SHARD_NUMBERS / g->size2 : 1;
  if (sb_shards (g->size1, rows, check_rows, &all) == GSL_SUCCESS)
    return GSL_SUCCESS;
  for (size_t i = 0; i < g->size1; i++)
    for (size_t j = 0; j < g->size2; j++)
      if (!gsl_finite (gsl_matrix_get (g, i, j)))
        SB_ERROR (NULL, GSL_EBADFUNC, "the score \"%s\" is %g at row %zu, column %zu, t = %g", score->type->name,
                  gsl_matrix_get (g, i, j), i, j, gsl_vector_get (t, i));
  return GSL_SUCCESS;
}

int
sb_score_estimate (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                   gsl_matrix *out)
{
  int status = sb_score_evaluate (score, view, x, t, y, out);
  return status ? status : check_finite (score, t, out);
}

// ## Derivatives

int
sb_score_jvp (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
              gsl_matrix *out)
{
  if (!score->type->jvp)
    GSL_ERROR ("the score has no Jacobian-vector product", GSL_EUNSUP);
  int status = check_batch (score, x, t, y);
  if (!status)
    status = check_matrix (v, x);
  if (!status)
    status = check_matrix (out, x);
  return status ? status : score->type->jvp (score->state, x, t, y, v, out);
}

int
sb_score_vjp (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
              gsl_matrix *out)
{
  if (!score->type->vjp)
    GSL_ERROR ("the score has no vector-Jacobian product", GSL_EUNSUP);
  int status = check_batch (score, x, t, y);
  if (!status)
    status = check_matrix (v, x);
  if (!status)
    status = check_matrix (out, x);
  return status ? status : score->type->vjp (score->state, x, t, y, v, out);
}

int
sb_score_divergence (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                     gsl_vector *divergence)
{
  if (!score->type->divergence)
    GSL_ERROR ("the score has no divergence of its own", GSL_EUNSUP);
  int status = check_batch (score, x, t, y);
  if (!status && divergence->size != x->size1)
    GSL_ERROR ("the divergence needs an element per row", GSL_EBADLEN);
  return status ? status : score->type->divergence (score->state, x, t, y, divergence);
}
