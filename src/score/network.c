// # A network as a score
//
// A network is a function of numbers of size one that gives numbers of size one. Between it and a score at noise level
// $\varsigma$ stand three scales and a label, which this page settles once for sampling and training alike.

#include "network.h"

#include "../base/pool.h"
#include "../base/shard.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## The scales
//
// With $x_t = a\,x_0 + \varsigma z$ and data of deviation $\sigma_d$, a coordinate of $x_t$ has deviation
// $\sqrt{a^2\sigma_d^2 + \varsigma^2}$, so the network $F$ is shown $c\,x_t$ with $c$ its inverse, and the noise is
// estimated by
// $$ \hat z(x_t, t) = p\,x_t + q\,F(c\,x_t, u) . $$

typedef struct
{
  double c, p, q, u;
} scales;

// Predicting $\epsilon$ means $p = 0$, $q = 1$. At high noise that asks much: $\hat z$ must copy $x_t$ almost exactly,
// and the error that remains is multiplied by $\varsigma$ in $\hat x_0 = (x_t - \varsigma\hat z)/a$. The blend of
// Karras et al. (2022, Table 1) lets the network add only what the best linear estimate of $x_0$ lacks. In their
// coordinates $\sigma = \varsigma/a$ and $x = x_t/a$,
// $$ \hat x_0 = \frac{\sigma_d^2}{\sigma^2 + \sigma_d^2}\,x + \frac{\sigma\,\sigma_d}{\sqrt{\sigma^2 + \sigma_d^2}}\,F , $$
// and $\hat z = (x - \hat x_0)/\sigma$ gives $p$ and $q$ below.

static int
scales_at (const sb_network *network, double t, scales *s)
{
  double a, sd, sigma_d = network->data_deviation;
  int status = sb_process_scalars (network->process, 0, t, &a, &sd);
  if (status)
    return status;
  double total = gsl_hypot (a * sigma_d, sd);
  s->c = 1 / total;
  s->p = network->prediction == SB_PREDICTS_MIXED ? sd / gsl_pow_2 (total) : 0;
  s->q = network->prediction == SB_PREDICTS_MIXED ? -a * sigma_d / total : 1;
  s->u = network->label == SB_LABEL_TIME ? 1000 * t : log (sd / a);
  return GSL_SUCCESS;
}

// ## Room

void
sb_network_pass_free (sb_network_pass *pass)
{
  if (!pass)
    return;
  sb_net_work_free (pass->work);
  free (pass->in);
  free (pass->out);
  free (pass->label);
  free (pass);
}

sb_network_pass *
sb_network_pass_alloc (const sb_network *network, size_t rows, int gradients)
{
  size_t in = sb_net_shape_size (sb_net_input (network->net)), out = sb_net_shape_size (sb_net_output (network->net));
  sb_network_pass *pass = calloc (1, sizeof *pass);
  if (!pass)
    GSL_ERROR_NULL ("no memory for a pass through a network", GSL_ENOMEM);
  pass->rows = rows;
  pass->in = calloc (rows * in + 1, sizeof *pass->in);
  pass->out = calloc (rows * out + 1, sizeof *pass->out);
  pass->label = calloc (rows + 1, sizeof *pass->label);
  pass->work = sb_net_work_alloc (network->net, rows, gradients);
  if (!pass->in || !pass->out || !pass->label || !pass->work)
    {
      sb_network_pass_free (pass);
      GSL_ERROR_NULL ("no memory for a pass through a network", GSL_ENOMEM);
    }
  return pass;
}

static int
check_shapes (const sb_network *network, const sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *x)
{
  size_t d = sb_net_shape_size (sb_net_input (network->net));
  if (x->size2 != d || sb_net_shape_size (sb_net_output (network->net)) != d || t->size != x->size1
      || x->size1 > pass->rows)
    GSL_ERROR ("the batch does not fit the network", GSL_EBADLEN);
  return GSL_SUCCESS;
}

// ## Forward
//
// Rows of the batch are points as files have them, of an image the channel fastest; the network has each channel by
// itself. `sb_net_place` says where a number of one is in the other.

int
sb_network_forward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                    gsl_matrix *epsilon)
{
  scales s;
  size_t n = x->size1, d = x->size2;
  sb_net_shape in = sb_net_input (network->net), out = sb_net_output (network->net);
  int status = check_shapes (network, pass, t, x);
  for (size_t i = 0; i < n && !status; i++)
    {
      status = scales_at (network, gsl_vector_get (t, i), &s);
      pass->label[i] = (float)s.u;
      for (size_t j = 0; j < d; j++)
        pass->in[i * d + sb_net_place (in, j)] = (float)(s.c * gsl_matrix_get (x, i, j));
    }
  if (!status)
    status = sb_net_forward (network->net, network->theta, n, pass->in, pass->label, pass->work, pass->out);
  for (size_t i = 0; i < n && !status; i++)
    {
      status = scales_at (network, gsl_vector_get (t, i), &s);
      for (size_t j = 0; j < d; j++)
        gsl_matrix_set (epsilon, i, j,
                        s.p * gsl_matrix_get (x, i, j) + s.q * (double)pass->out[i * d + sb_net_place (out, j)]);
    }
  return status;
}

// ## Backward
//
// $\bar F = q\,\bar z$, and $\bar x = p\,\bar z + c\,(\partial F)^\top \bar F$.

int
sb_network_backward (const sb_network *network, sb_network_pass *pass, const gsl_vector *t,
                     const gsl_matrix *epsilon_bar, float *theta_bar, gsl_matrix *x_bar)
{
  scales s;
  size_t n = epsilon_bar->size1, d = epsilon_bar->size2;
  sb_net_shape in = sb_net_input (network->net), out = sb_net_output (network->net);
  int status = check_shapes (network, pass, t, epsilon_bar);
  if (!status && n != pass->work->n)
    GSL_ERROR ("gradients of other rows than went forward", GSL_EBADLEN);
  for (size_t i = 0; i < n && !status; i++)
    {
      status = scales_at (network, gsl_vector_get (t, i), &s);
      for (size_t j = 0; j < d; j++)
        pass->out[i * d + sb_net_place (out, j)] = (float)(s.q * gsl_matrix_get (epsilon_bar, i, j));
    }
  if (!status)
    status = sb_net_backward (network->net, network->theta, pass->work, pass->out, theta_bar, x_bar ? pass->in : NULL);
  for (size_t i = 0; i < n && !status && x_bar; i++)
    {
      status = scales_at (network, gsl_vector_get (t, i), &s);
      for (size_t j = 0; j < d; j++)
        gsl_matrix_set (x_bar, i, j,
                        s.p * gsl_matrix_get (epsilon_bar, i, j)
                            + s.c * (double)pass->in[i * d + sb_net_place (in, j)]);
    }
  return status;
}

// ## As a score
//
// A batch is cut into shards of a few rows, each with room of its own, which is kept for the next batch. The native view
// is $\epsilon$; Tweedie's formula gives the others.

typedef struct
{
  const sb_network *network;
  sb_pool *passes;
} learned;

static void *
make_pass (const void *network)
{
  return sb_network_pass_alloc (network, SB_NETWORK_ROWS, 0);
}

static void
release_pass (void *pass)
{
  sb_network_pass_free (pass);
}

typedef struct
{
  const learned *score;
  const gsl_matrix *x;
  const gsl_vector *t;
  gsl_matrix *out;
} evaluation;

static int
evaluate_shard (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  evaluation *e = context;
  sb_network_pass *pass = sb_pool_take (e->score->passes);
  if (!pass)
    return GSL_ENOMEM;
  gsl_matrix_const_view x = gsl_matrix_const_submatrix (e->x, first, 0, count, e->x->size2);
  gsl_vector_const_view t = gsl_vector_const_subvector (e->t, first, count);
  gsl_matrix_view out = gsl_matrix_submatrix (e->out, first, 0, count, e->x->size2);
  int status = sb_network_forward (e->score->network, pass, &x.matrix, &t.vector, &out.matrix);
  sb_pool_give (e->score->passes, pass);
  return status;
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  (void)view;
  if (y)
    GSL_ERROR ("this network takes no condition", GSL_EUNSUP);
  evaluation e = { state, x, t, out };
  return sb_shards (x->size1, SB_NETWORK_ROWS, evaluate_shard, &e);
}

static void
release (void *state)
{
  learned *score = state;
  sb_pool_free (score->passes);
  free (score);
}

static const sb_score_type network_score
    = { .name = "network", .views = SB_EPSILON, .evaluate = evaluate, .free = release };

sb_score *
sb_score_network_alloc (const sb_network *network)
{
  const sb_pool_recipe passes = { make_pass, release_pass, network };
  learned *score = calloc (1, sizeof *score);
  if (!score)
    GSL_ERROR_NULL ("no memory for a score", GSL_ENOMEM);
  score->network = network;
  score->passes = sb_pool_alloc (&passes);
  if (!score->passes)
    {
      free (score);
      return NULL;
    }
  return sb_score_alloc (&network_score, score, network->process);
}
