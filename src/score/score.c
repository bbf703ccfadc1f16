// # A score, however it is computed
//
// A sampler evaluates the score at some points, whatever its source: a law known in closed form, a network, a user's
// function. All scores share what is here: shapes are checked, and a view that the score does not compute itself is
// derived from one that it does.

#include "score.h"

#include "../base/checks.h"
#include "../base/clones.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "tweedie.h"

#include <float.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

// ## Making and releasing
//
// The call takes ownership of the state, so that a caller has nothing to release on any path after it.

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
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
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

// ## Checks of arguments

static int
check_batch (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y)
{
  if (x->size2 != score->process->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the process has %zu coordinates", x->size1, x->size2,
              score->process->dimension);
  if (t->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows need as many times, not %zu", x->size1, t->size);
  if (y && y->size1 != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows need as many conditions, not %zu", x->size1, y->size1);
  return GSL_SUCCESS;
}

static int
check_matrix (const gsl_matrix *x, const gsl_matrix *like)
{
  if (x->size1 != like->size1 || x->size2 != like->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "a batch is %zu x %zu, its result or direction %zu x %zu", like->size1, like->size2,
              x->size1, x->size2);
  return GSL_SUCCESS;
}

static int
check_result (const sb_score *score, const gsl_matrix *x, const gsl_matrix *v, const gsl_matrix *y,
              const gsl_matrix *out)
{
  int status = check_matrix (out, x);
  if (!status)
    status = sb_check_apart (score->type->name, x, out);
  if (!status)
    status = sb_check_apart (score->type->name, v, out);
  return status ? status : sb_check_apart (score->type->name, y, out);
}

// ## The views
//
// A view that the score does not compute follows by Tweedie's formula from one that it does: where there is a choice,
// from epsilon, which is of the same size at all times.

static int
source_of (const sb_score *score, unsigned views, sb_view view, sb_view *source)
{
  const sb_view preferred[] = { view, SB_EPSILON, SB_SCORE, SB_DENOISER };
  for (size_t i = 0; i < sizeof preferred / sizeof *preferred; i++)
    if (views & (unsigned)preferred[i])
      {
        *source = preferred[i];
        return GSL_SUCCESS;
      }
  SB_ERROR (NULL, GSL_EUNSUP, "the score \"%s\" has no view", score->type->name);
}

int
sb_score_evaluate (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                   gsl_matrix *out)
{
  sb_view source = view;
  int status = sb_check_view (view);
  if (!status)
    status = check_batch (score, x, t, y);
  if (!status)
    status = check_result (score, x, NULL, y, out);
  if (!status)
    status = source_of (score, score->type->views, view, &source);
  if (!status)
    status = score->type->evaluate (score->state, source, x, t, y, out);
  return status ? status : sb_tweedie (score->process, source, view, x, t, out);
}

// ## Numbers that are not finite
//
// A network that overflows, or a law evaluated where it has no density, must not lead to samples that look like any
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

int
sb_score_check_finite (const sb_score *score, const gsl_vector *t, const gsl_matrix *g, const char *of)
{
  gsl_matrix all = *g;
  if (!sb_shards (g->size1, sb_shard_rows (g->size2), check_rows, &all))
    return GSL_SUCCESS;
  for (size_t i = 0; i < g->size1; i++)
    for (size_t j = 0; j < g->size2; j++)
      if (!gsl_finite (gsl_matrix_get (g, i, j)))
        SB_ERROR (NULL, GSL_EBADFUNC, "the score \"%s\" is %g at row %zu, column %zu, t = %g%s", score->type->name,
                  gsl_matrix_get (g, i, j), i, j, gsl_vector_get (t, i), of);
  return GSL_SUCCESS;
}

int
sb_score_estimate (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                   gsl_matrix *out)
{
  int status = sb_score_evaluate (score, view, x, t, y, out);
  return status ? status : sb_score_check_finite (score, t, out, "");
}

// ## Derivatives
//
// Tweedie's formula is linear in the point and the estimate together. So it also converts a derivative in the direction
// $\mathbf v$ from one view to another, with $\mathbf v$ in place of the point:
// $$ \mathbf J_{\hat x_0} = \mathbf A^{-1}(\mathbf I + \mathbf S\mathbf S^\top\mathbf J_s), \qquad
//    \mathbf J_\epsilon = -\mathbf S^\top\mathbf J_s. $$

static int
check_product (const sb_score *score, bool available, const char *what, sb_view view, const gsl_matrix *x,
               const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, const gsl_matrix *out, sb_view *source)
{
  if (!available)
    SB_ERROR (NULL, GSL_EUNSUP, "the score \"%s\" has no %s product", score->type->name, what);
  int status = sb_check_view (view);
  if (!status)
    status = check_batch (score, x, t, y);
  if (!status)
    status = check_matrix (v, x);
  if (!status)
    status = check_result (score, x, v, y, out);
  return status ? status : source_of (score, score->type->derivatives, view, source);
}

int
sb_score_jvp (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *out)
{
  sb_view source = view;
  int status = check_product (score, score->type->jvp, "Jacobian-vector", view, x, t, y, v, out, &source);
  if (!status)
    status = score->type->jvp (score->state, source, x, t, y, v, out);
  return status ? status : sb_tweedie (score->process, source, view, v, t, out);
}

// Backward, a gradient with respect to the view becomes one with respect to the source, plus a direct term with respect
// to the point: for the denoiser $\mathbf A^{-\top}\mathbf v$.

typedef struct
{
  const gsl_matrix *x;
  const gsl_vector *t;
  const gsl_matrix *y;
  gsl_matrix *estimate; // NULL: not wanted
} points;

static int
products_of_source (const sb_score *score, sb_view source, const points *at, const gsl_matrix *v, gsl_matrix *out)
{
  const sb_score_type *type = score->type;
  return at->estimate ? type->evaluate_vjp (score->state, source, at->x, at->t, at->y, v, at->estimate, out)
                      : type->vjp (score->state, source, at->x, at->t, at->y, v, out);
}

static int
pull_back (const sb_score *score, sb_view source, sb_view view, const points *at, const gsl_matrix *v, gsl_matrix *bar,
           gsl_matrix *past, gsl_matrix *out)
{
  gsl_matrix_memcpy (bar, v);
  int status = sb_tweedie_transposed (score->process, source, view, at->t, bar, past);
  if (!status)
    status = products_of_source (score, source, at, bar, out);
  if (!status && at->estimate)
    status = sb_tweedie (score->process, source, view, at->x, at->t, at->estimate);
  return status ? status : gsl_matrix_add (out, past);
}

static int
find_products (const sb_score *score, sb_view view, const points *at, const gsl_matrix *v, gsl_matrix *out)
{
  const size_t n = at->x->size1, d = at->x->size2;
  sb_view source = view;
  int status = check_product (score, score->type->vjp, "vector-Jacobian", view, at->x, at->t, at->y, v, out, &source);
  if (status)
    return status;
  if (source == view || n == 0)
    return products_of_source (score, source, at, v, out);
  gsl_matrix *bar = gsl_matrix_alloc (n, d), *past = gsl_matrix_alloc (n, d);
  status = bar && past ? pull_back (score, source, view, at, v, bar, past, out) : GSL_ENOMEM;
  gsl_matrix_free (bar);
  gsl_matrix_free (past);
  return status;
}

int
sb_score_vjp (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *out)
{
  return find_products (score, view, &(points){ x, t, y, NULL }, v, out);
}

int
sb_score_evaluate_vjp (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t,
                       const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *estimate, gsl_matrix *out)
{
  int status = check_result (score, x, v, y, estimate);
  if (!status)
    status = sb_check_apart (score->type->name, estimate, out);
  if (!status && score->type->evaluate_vjp)
    return find_products (score, view, &(points){ x, t, y, estimate }, v, out);
  if (!status)
    status = sb_score_evaluate (score, view, x, t, y, estimate);
  return status ? status : sb_score_vjp (score, view, x, t, y, v, out);
}

// ## The trace
//
// $\operatorname{tr}\mathbf J = \sum_j \mathbf e_j^\top\mathbf J\,\mathbf e_j$: a product for every coordinate, which
// is expensive in many dimensions. [dsm2ddpm.txt-A1-divergence]

static int
add_diagonal (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, size_t j,
              gsl_matrix *e_j, gsl_matrix *column, gsl_vector *trace)
{
  gsl_matrix_set_zero (e_j);
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (e_j, i, j, 1);
  int status = sb_score_jvp (score, SB_SCORE, x, t, y, e_j, column);
  for (size_t i = 0; i < x->size1 && !status; i++)
    *gsl_vector_ptr (trace, i) += gsl_matrix_get (column, i, j);
  return status;
}

static int
sum_diagonal (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *trace)
{
  if (!score->type->jvp)
    SB_ERROR (NULL, GSL_EUNSUP, "the score \"%s\" has neither a divergence nor a Jacobian-vector product",
              score->type->name);
  if (x->size1 == 0)
    return GSL_SUCCESS;
  gsl_matrix *e_j = gsl_matrix_alloc (x->size1, x->size2), *column = gsl_matrix_alloc (x->size1, x->size2);
  int status = e_j && column ? GSL_SUCCESS : GSL_ENOMEM;
  gsl_vector_set_zero (trace);
  for (size_t j = 0; j < x->size2 && !status; j++)
    status = add_diagonal (score, x, t, y, j, e_j, column, trace);
  gsl_matrix_free (e_j);
  gsl_matrix_free (column);
  return status;
}

static int
check_trace (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
             const gsl_vector *divergence)
{
  const int status = check_batch (score, x, t, y);
  if (!status && divergence->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu rows have as many divergences, not %zu", x->size1, divergence->size);
  return status;
}

int
sb_score_divergence (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                     gsl_vector *divergence)
{
  const int status = check_trace (score, x, t, y, divergence);
  if (status)
    return status;
  return score->type->divergence ? score->type->divergence (score->state, x, t, y, divergence)
                                 : sum_diagonal (score, x, t, y, divergence);
}

int
sb_score_evaluate_divergence (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                              gsl_matrix *estimate, gsl_vector *divergence)
{
  int status = check_trace (score, x, t, y, divergence);
  if (!status)
    status = check_result (score, x, NULL, y, estimate);
  if (!status && score->type->evaluate_divergence)
    return score->type->evaluate_divergence (score->state, x, t, y, estimate, divergence);
  if (!status)
    status = sb_score_evaluate (score, SB_SCORE, x, t, y, estimate);
  return status ? status : sb_score_divergence (score, x, t, y, divergence);
}
