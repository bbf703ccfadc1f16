// # A network as a score
//
// A batch is cut into shards of a few rows, each with a workspace of its own, which is kept for the next batch.
// Tweedie's formula gives the views that the network does not predict.

#include "../base/error.h"
#include "../base/pool.h"
#include "../base/shard.h"
#include "network_pass.h"
#include "tweedie.h"

#include <gsl/gsl_math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct
{
  const sb_network *network;
  float *theta_bar;           // not owned; NULL: not computed
  sb_pool *passes;            // forward only
  sb_pool *derivative_passes; // with memory for derivatives
} learned;

static void *
make_pass (const void *network)
{
  return sb_network_pass_alloc (network, SB_NETWORK_ROWS, 0);
}

static void *
make_derivative_pass (const void *network)
{
  return sb_network_pass_alloc (network, SB_NETWORK_ROWS, 1);
}

static void
release_pass (void *pass)
{
  sb_network_pass_free (pass);
}

// The arguments of a call for a batch, and then for a shard's rows.

typedef struct question question;

struct question
{
  int (*answer) (const question *rows, sb_network_pass *pass);
  const learned *score;
  sb_pool *pool;
  const gsl_matrix *x, *v; // v: directions, where there are any, else x again
  const gsl_vector *t;
  const gsl_matrix *y;  // NULL: no condition
  gsl_matrix *out;      // of one column, where the result is a number per row
  gsl_matrix *estimate; // NULL: not wanted
};

static int
answer_shard (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  const question *q = context;
  sb_network_pass *pass = sb_pool_take (q->pool);
  if (!pass)
    return GSL_ENOMEM;
  gsl_matrix_const_view x = gsl_matrix_const_submatrix (q->x, first, 0, count, q->x->size2),
                        v = gsl_matrix_const_submatrix (q->v, first, 0, count, q->v->size2);
  const gsl_matrix *given = q->y ? q->y : q->x;
  gsl_matrix_const_view y = gsl_matrix_const_submatrix (given, first, 0, count, given->size2);
  gsl_vector_const_view t = gsl_vector_const_subvector (q->t, first, count);
  gsl_matrix_view out = gsl_matrix_submatrix (q->out, first, 0, count, q->out->size2);
  gsl_matrix *all = q->estimate ? q->estimate : q->out;
  gsl_matrix_view estimate = gsl_matrix_submatrix (all, first, 0, count, all->size2);
  const question rows = { q->answer,
                          q->score,
                          q->pool,
                          &x.matrix,
                          &v.matrix,
                          &t.vector,
                          q->y ? &y.matrix : NULL,
                          &out.matrix,
                          q->estimate ? &estimate.matrix : NULL };
  int status = q->answer (&rows, pass);
  sb_pool_give (q->pool, pass);
  return status;
}

static int
ask (question q)
{
  int status = q.y ? network_check_condition (q.score->network->net, q.x->size1, q.y) : GSL_SUCCESS;
  return status ? status : sb_shards (q.x->size1, SB_NETWORK_ROWS, answer_shard, &q);
}

static int
evaluate_rows (const question *q, sb_network_pass *pass)
{
  return sb_network_forward (q->score->network, pass, q->x, q->t, q->y, q->out);
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const learned *score = state;
  (void)view;
  return ask ((question){ evaluate_rows, score, score->passes, x, x, t, y, out, NULL });
}

// ## The Jacobian
//
// That of $\hat z$ is $p\,I + q\,c\,F'$, and $\dot{\hat z}$ above is its product with $v$. Where the network predicts
// $\epsilon$ it is the network's own, scaled; the blend adds a multiple of the identity, which at high noise is nearly
// all of it. Nothing makes the score's, $J = -S^{-\top}(p\,I + q\,c\,F')$, symmetric: a network need not be the
// gradient of anything.

static int
jvp_rows (const question *q, sb_network_pass *pass)
{
  int status = network_show (q->score->network, pass, q->x, q->t, q->y);
  return status ? status : sb_network_jvp (q->score->network, pass, q->t, q->v, q->out);
}

static int
jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
     const gsl_matrix *v, gsl_matrix *out)
{
  const learned *score = state;
  (void)view;
  return ask ((question){ jvp_rows, score, score->derivative_passes, x, v, t, y, out, NULL });
}

// A backward pass of the network from $\bar z = v$ gives its transpose times $v$, and on its way the gradient in
// $\theta$.

static int
vjp_rows (const question *q, sb_network_pass *pass)
{
  const sb_network *network = q->score->network;
  int status = network_show (network, pass, q->x, q->t, q->y);
  if (!status && q->estimate)
    status = network_blend (network, pass, q->x, pass->out, q->estimate);
  return status ? status : sb_network_backward (network, pass, q->t, q->v, q->score->theta_bar, q->out);
}

// The gradient in $\theta$ is a sum over rows, and its last bits depend on the order: where it is computed the shards
// run one after the other.

static int
evaluate_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *estimate, gsl_matrix *out)
{
  const learned *score = state;
  (void)view;
  question q = { vjp_rows, score, score->derivative_passes, x, v, t, y, out, estimate };
  if (!score->theta_bar)
    return ask (q);
  int status = y ? network_check_condition (score->network->net, x->size1, y) : GSL_SUCCESS;
  for (size_t first = 0; first < x->size1 && !status; first += SB_NETWORK_ROWS)
    status = answer_shard (&q, first / SB_NETWORK_ROWS, first, GSL_MIN (x->size1 - first, SB_NETWORK_ROWS));
  return status;
}

static int
vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
     gsl_matrix *out)
{
  return evaluate_vjp (state, view, x, t, y, v, NULL, out);
}

// The trace takes a product for each of the $d$ coordinates, [dsm2ddpm.txt-A1-divergence]
// $$ \operatorname{tr} J = \sum_k e_k^\top J\,e_k . $$

static int
sum_diagonal (const question *q, sb_network_pass *pass, gsl_matrix *e, gsl_matrix *Je)
{
  const sb_network *network = q->score->network;
  int status = network_show (network, pass, q->x, q->t, q->y);
  gsl_matrix_set_zero (q->out);
  for (size_t k = 0; k < e->size2 && !status; k++)
    {
      gsl_matrix_set_zero (e);
      for (size_t i = 0; i < e->size1; i++)
        gsl_matrix_set (e, i, k, 1);
      status = sb_network_jvp (network, pass, q->t, e, Je);
      if (!status)
        status = sb_tweedie (network->process, sb_network_view (network), SB_SCORE, e, q->t, Je);
      for (size_t i = 0; i < e->size1 && !status; i++)
        *gsl_matrix_ptr (q->out, i, 0) += gsl_matrix_get (Je, i, k);
    }
  return status;
}

static int
divergence_rows (const question *q, sb_network_pass *pass)
{
  gsl_matrix *e = gsl_matrix_alloc (q->x->size1, q->x->size2), *Je = gsl_matrix_alloc (q->x->size1, q->x->size2);
  int status = e && Je ? sum_diagonal (q, pass, e, Je) : GSL_ENOMEM;
  gsl_matrix_free (e);
  gsl_matrix_free (Je);
  return status;
}

static int
divergence (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *trace)
{
  const learned *score = state;
  if (x->size1 == 0)
    return GSL_SUCCESS;
  gsl_matrix_view column = gsl_matrix_view_array_with_tda (trace->data, trace->size, 1, trace->stride);
  return ask ((question){ divergence_rows, score, score->derivative_passes, x, x, t, y, &column.matrix, NULL });
}

// ## Making one

static void
release (void *state)
{
  learned *score = state;
  sb_pool_free (score->passes);
  sb_pool_free (score->derivative_passes);
  free (score);
}

// Every backend has a backward pass, only the reference a forward product. So vjp is preferred where it does not
// accumulate a gradient in $\theta$.

#define NETWORK_SCORE(view, backward)                                                                                  \
  {                                                                                                                    \
    .name = "network", .views = view, .evaluate = evaluate, .derivatives = view, .jvp = jvp, .vjp = vjp,               \
    .evaluate_vjp = evaluate_vjp, .backward_first = backward, .divergence = divergence, .free = release                \
  }

static const sb_score_type of_epsilon[2] = { NETWORK_SCORE (SB_EPSILON, true), NETWORK_SCORE (SB_EPSILON, false) },
                           of_score[2] = { NETWORK_SCORE (SB_SCORE, true), NETWORK_SCORE (SB_SCORE, false) },
                           of_denoiser[2] = { NETWORK_SCORE (SB_DENOISER, true), NETWORK_SCORE (SB_DENOISER, false) };

sb_score *
sb_score_network_gradient_alloc (const sb_network *network, float *theta_bar)
{
  const sb_pool_recipe passes = { make_pass, release_pass, network },
                       derivative_passes = { make_derivative_pass, release_pass, network };
  learned *score = calloc (1, sizeof *score);
  if (!score)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  score->network = network;
  score->theta_bar = theta_bar;
  score->passes = sb_pool_alloc (&passes);
  score->derivative_passes = score->passes ? sb_pool_alloc (&derivative_passes) : NULL;
  if (!score->derivative_passes)
    {
      release (score);
      return NULL;
    }
  const sb_view view = sb_network_view (network);
  const sb_score_type *type = view == SB_SCORE ? of_score : view == SB_DENOISER ? of_denoiser : of_epsilon;
  return sb_score_alloc (&type[theta_bar != NULL], score, network->process);
}

sb_score *
sb_score_network_alloc (const sb_network *network)
{
  return sb_score_network_gradient_alloc (network, NULL);
}

int
sb_score_network_prepare (const sb_score *score)
{
  const learned *state = score->state;
  sb_network_pass *pass = sb_pool_take (state->passes);
  if (!pass)
    return GSL_ENOMEM;
  sb_pool_give (state->passes, pass);
  return GSL_SUCCESS;
}
