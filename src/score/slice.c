// # A conditional score, cut from a joint one
//
// Of $\mathbf z_t = (\mathbf x_t, \mathbf y_t)$ the density of $\mathbf y_t$ alone does not depend on $\mathbf x_t$, so
// that [nonuniform.txt-jointslice]
// $$ \nabla_{\mathbf x_t}\ln p(\mathbf x_t \mid \mathbf y_t) = \nabla_{\mathbf x_t}\ln p(\mathbf x_t, \mathbf y_t)
//    = \nabla_{\mathbf z_t}\ln p(\mathbf z_t)[:n_x] . $$
// So a model trained on pairs is a score of $\mathbf x_t$ given $\mathbf y_t$, for use in any sampler: with
// $\mathbf y_t$ as its condition, at each time another draw of it, or $\mathbf y$ itself where that is constant.
//
// The same holds of the expected data $\mathbb E[\mathbf x_0 \mid \mathbf z_t]$, and of the expected noise where
// $\mathbf x$ and $\mathbf y$ have noises of their own.

//
// ## The approximation error
//
// The score given $\mathbf y$ is approximated with a draw of $\hat{\mathbf y}_t \sim p(\mathbf y_t \mid \mathbf y)$,
// [nonuniform.txt-cdiffe-approx]
// $$ \nabla_{\mathbf x_t}\ln p(\mathbf x_t \mid \mathbf y) \approx \nabla_{\mathbf x_t}\ln p(\mathbf x_t \mid \hat{\mathbf y}_t), \qquad
//    \nabla_{\mathbf x_t}\ln p(\mathbf x_t \mid \mathbf y_t) = \mathbb E\bigl[\nabla_{\mathbf x_t}\ln p(\mathbf x_t \mid \mathbf y) \mid \mathbf x_t, \mathbf y_t\bigr] . $$
// Under independent noises, and where $\mathbf y$ is only perturbed by noise, $\mathbf y_t$ given $\mathbf x_t$ is
// $\mathbf y$ given $\mathbf x_t$ plus that noise: [nonuniform.lem4]
// $$ p_{Y_t \mid X_t}(\mathbf y_t \mid \mathbf x_t) = \bigl(p_{Y \mid X_t}(\cdot \mid \mathbf x_t) * \varphi_{\sigma}\bigr)(\mathbf y_t), \qquad
//    \sigma = \sigma^y(t) . $$
// The smaller the noise, the smaller the error. [nonuniform.thm4] There is an $E$ that falls to 0 with
// $$ \mathbb E_{\mathbf y_t \mid \mathbf y}\bigl\|\nabla_{\mathbf x_t}\ln p(\mathbf x_t \mid \mathbf y_t)
//    - \nabla_{\mathbf x_t}\ln p(\mathbf x_t \mid \mathbf y)\bigr\|^2 \le E\bigl(1/\sigma^y(t)\bigr) , $$
// and where the densities are smooth, the left side is
// $\sigma^2\,\|\nabla_{\mathbf y}\nabla_{\mathbf x_t}\ln p(\mathbf x_t \mid \mathbf y)\|_F^2$ asymptotically.

#include "slice.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"

#include <stdlib.h>

typedef struct
{
  sb_score_type type; // the functions below, for the views of the joint score
  const sb_score *joint;
  const sb_process *of_x;
} slice;

// [nonuniform.txt-indexing] $\mathbf v[:j] := (v_1, \ldots, v_j)$ for $1 \le j \le n$, of each row. (Printed for
// $1 \le i < j < n$, with an $i$ that is not used.)

static gsl_matrix
head (const gsl_matrix *v, size_t j)
{
  return (gsl_matrix){ v->size1, j, v->tda, v->data, NULL, 0 };
}

static gsl_matrix
tail (const gsl_matrix *v, size_t j)
{
  return (gsl_matrix){ v->size1, v->size2 - j, v->tda, v->data + j, NULL, 0 };
}

// ## Checks of arguments

static int
check_times (const slice *s, const gsl_vector *t)
{
  const double a = s->joint->process->t_limit, b = s->of_x->t_limit, limit = a < b ? a : b;
  for (size_t i = 0; i < t->size; i++)
    if (!(gsl_vector_get (t, i) >= 0 && gsl_vector_get (t, i) <= limit))
      SB_ERROR (NULL, GSL_EDOM, "slice: t = %g is not between 0 and %g", gsl_vector_get (t, i), limit);
  return GSL_SUCCESS;
}

static int
check_condition (const slice *s, const gsl_matrix *x, const gsl_matrix *y)
{
  const size_t wanted = s->joint->process->dimension - x->size2, columns = y ? y->size2 : 0;
  if (columns != wanted || (y && wanted == 0))
    SB_ERROR (NULL, GSL_EBADLEN, "slice: a condition of %zu numbers, and with %zu of x the joint score takes %zu",
              columns, x->size2, wanted);
  return y ? sb_check_finite ("slice: a condition", GSL_EDOM, y) : GSL_SUCCESS;
}

static int
check (const slice *s, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y)
{
  int status = check_times (s, t);
  if (!status)
    status = check_condition (s, x, y);
  return status ? status : sb_check_finite ("slice: x", GSL_EDOM, x);
}

// ## Evaluating the joint score
//
// The points are $(\mathbf x_t, \mathbf y_t)$. A direction $\mathbf v$ of $\mathbf x$ becomes $(\mathbf v, \mathbf 0)$:
// then the first numbers of both products, $\mathbf J(\mathbf v, \mathbf 0)$ and
// $\mathbf J^\top(\mathbf v, \mathbf 0)$, are those of the block $\partial\mathbf s_x/\partial\mathbf x$.

typedef struct
{
  gsl_matrix *memory;
  gsl_matrix z, v, out;
} asked;

// memory is NULL where there is nothing to evaluate.

static int
ask (const slice *s, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, asked *at)
{
  const size_t n = x->size1, d = s->joint->process->dimension;
  const int status = check (s, x, t, y);
  at->memory = NULL;
  if (status || n == 0)
    return status;
  at->memory = gsl_matrix_alloc ((v ? 3 : 2) * n, d);
  if (!at->memory)
    SB_ERROR (NULL, GSL_ENOMEM, "slice: no memory for %zu points", n);
  at->z = gsl_matrix_submatrix (at->memory, 0, 0, n, d).matrix;
  at->out = gsl_matrix_submatrix (at->memory, n, 0, n, d).matrix;

  // Concatenate the pair, and the direction.
  gsl_matrix of_x = head (&at->z, x->size2), of_y = tail (&at->z, x->size2);
  sb_copy_rows (&of_x, x);
  if (y)
    sb_copy_rows (&of_y, y);
  if (!v)
    return GSL_SUCCESS;
  at->v = gsl_matrix_submatrix (at->memory, 2 * n, 0, n, d).matrix;
  gsl_matrix along = head (&at->v, x->size2);
  gsl_matrix_set_zero (&at->v);
  sb_copy_rows (&along, v);
  return GSL_SUCCESS;
}

static int
answer (int status, asked *at, gsl_matrix *out)
{
  const gsl_matrix of_x = head (&at->out, out->size2);
  if (!status)
    sb_copy_rows (out, &of_x);
  gsl_matrix_free (at->memory);
  return status;
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const slice *s = state;
  asked at;
  const int status = ask (s, x, t, y, NULL, &at);
  return !at.memory ? status : answer (sb_score_evaluate (s->joint, view, &at.z, t, NULL, &at.out), &at, out);
}

static int
jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
     const gsl_matrix *v, gsl_matrix *out)
{
  const slice *s = state;
  asked at;
  const int status = ask (s, x, t, y, v, &at);
  return !at.memory ? status : answer (sb_score_jvp (s->joint, view, &at.z, t, NULL, &at.v, &at.out), &at, out);
}

static int
vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
     gsl_matrix *out)
{
  const slice *s = state;
  asked at;
  const int status = ask (s, x, t, y, v, &at);
  return !at.memory ? status : answer (sb_score_vjp (s->joint, view, &at.z, t, NULL, &at.v, &at.out), &at, out);
}

// ## Making one

static unsigned
kept (const sb_process *of_z, unsigned views)
{
  const bool apart = of_z->parts > 0 && !of_z->basis;
  return apart ? views : views & ~(unsigned)SB_EPSILON;
}

sb_score *
sb_score_slice_alloc (const sb_score *joint, const sb_process *of_x)
{
  const sb_process *of_z = joint->process;
  if (of_x->dimension > of_z->dimension)
    SB_ERROR_NULL (NULL, GSL_EBADLEN, "slice: %zu numbers of x, and %zu in all", of_x->dimension, of_z->dimension);
  if (kept (of_z, joint->type->views) == 0)
    SB_ERROR_NULL (NULL, GSL_EUNSUP, "slice: the score \"%s\" gives epsilon alone, which mixes x and y",
                   joint->type->name);
  slice *s = malloc (sizeof *s);
  if (!s)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  const unsigned derivatives = kept (of_z, joint->type->derivatives);
  *s = (slice){ .type = { .name = "slice",
                          .views = kept (of_z, joint->type->views),
                          .evaluate = evaluate,
                          .derivatives = derivatives,
                          .jvp = derivatives && joint->type->jvp ? jvp : NULL,
                          .vjp = derivatives && joint->type->vjp ? vjp : NULL,
                          .backward_first = joint->type->backward_first,
                          .free = free },
                .joint = joint,
                .of_x = of_x };
  return sb_score_alloc (&s->type, s, of_x);
}
