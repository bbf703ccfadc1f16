// # A network as a score
//
// A network is a function of numbers of size one that gives numbers of size one. Between it and a score at noise level
// $\varsigma$ stand three scales and a label, which this page settles once for sampling and training alike.

#include "network.h"

#include "../base/pool.h"
#include "../base/shard.h"
#include "tweedie.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The scales
//
// With $x_t = a\,x_0 + \varsigma z$ and data of deviation $\sigma_d$, a coordinate of $x_t$ has deviation
// $\sqrt{a^2\sigma_d^2 + \varsigma^2}$, so the network $F$ is shown $c\,x_t$ with $c$ its inverse, and the noise is
// estimated by
// $$ \hat z(x_t, t) = p\,x_t + q\,F(c\,x_t, u) . $$

typedef struct
{
  double c, p, q, u, sd;
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
  s->sd = sd;
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

static int
put_in (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t)
{
  scales s;
  size_t n = x->size1, d = x->size2;
  sb_net_shape in = sb_net_input (network->net);
  int status = check_shapes (network, pass, t, x);
  for (size_t i = 0; i < n && !status; i++)
    {
      status = scales_at (network, gsl_vector_get (t, i), &s);
      if (status)
        return status;
      pass->label[i] = (float)s.u;
      for (size_t j = 0; j < d; j++)
        pass->in[i * d + sb_net_place (in, j)] = (float)(s.c * gsl_matrix_get (x, i, j));
    }
  return status;
}

static int
show (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t)
{
  int status = put_in (network, pass, x, t);
  if (!status)
    status = sb_net_forward (network->net, network->theta, x->size1, pass->in, pass->label, pass->work, pass->out);
  return status;
}

// What comes out of the network joins what went past it. The same line serves $\hat z$ and, below, its derivative.

static int
blend (const sb_network *network, const sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
       gsl_matrix *epsilon)
{
  scales s;
  size_t d = x->size2;
  sb_net_shape out = sb_net_output (network->net);
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      status = scales_at (network, gsl_vector_get (t, i), &s);
      for (size_t j = 0; j < d; j++)
        gsl_matrix_set (epsilon, i, j,
                        s.p * gsl_matrix_get (x, i, j) + s.q * (double)pass->out[i * d + sb_net_place (out, j)]);
    }
  return status;
}

int
sb_network_forward (const sb_network *network, sb_network_pass *pass, const gsl_matrix *x, const gsl_vector *t,
                    gsl_matrix *epsilon)
{
  int status = show (network, pass, x, t);
  return status ? status : blend (network, pass, x, t, epsilon);
}

// ## Along a direction
//
// Where $x$ moves along $\dot x$, what the network is shown moves along $c\,\dot x$, and with $F'$ its Jacobian
// $$ \dot{\hat z} = p\,\dot x + q\,F'\,c\,\dot x . $$

int
sb_network_jvp (const sb_network *network, sb_network_pass *pass, const gsl_vector *t, const gsl_matrix *x_dot,
                gsl_matrix *epsilon_dot)
{
  int status = put_in (network, pass, x_dot, t);
  if (!status)
    status = sb_net_jvp (network->net, network->theta, pass->work, pass->in, pass->out);
  return status ? status : blend (network, pass, x_dot, t, epsilon_dot);
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
  float *theta_bar; // not owned; NULL: nobody asks for it
  sb_pool *passes;  // forward only
  sb_pool *slopes;  // with room for derivatives
} learned;

static void *
make_pass (const void *network)
{
  return sb_network_pass_alloc (network, SB_NETWORK_ROWS, 0);
}

static void *
make_slope (const void *network)
{
  return sb_network_pass_alloc (network, SB_NETWORK_ROWS, 1);
}

static void
release_pass (void *pass)
{
  sb_network_pass_free (pass);
}

// What is asked of a batch, and then of a shard's rows.

typedef struct question question;

struct question
{
  int (*answer) (const question *rows, sb_network_pass *pass);
  const learned *score;
  sb_pool *pool;
  const gsl_matrix *x, *v; // v: directions, where there are any, else x again
  const gsl_vector *t;
  gsl_matrix *out; // of one column, where a number a row is asked for
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
  gsl_vector_const_view t = gsl_vector_const_subvector (q->t, first, count);
  gsl_matrix_view out = gsl_matrix_submatrix (q->out, first, 0, count, q->out->size2);
  const question rows = { q->answer, q->score, q->pool, &x.matrix, &v.matrix, &t.vector, &out.matrix };
  int status = q->answer (&rows, pass);
  sb_pool_give (q->pool, pass);
  return status;
}

static int
ask (question q, const gsl_matrix *y)
{
  if (y)
    GSL_ERROR ("this network takes no condition", GSL_EUNSUP);
  return sb_shards (q.x->size1, SB_NETWORK_ROWS, answer_shard, &q);
}

static int
evaluate_rows (const question *q, sb_network_pass *pass)
{
  return sb_network_forward (q->score->network, pass, q->x, q->t, q->out);
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const learned *score = state;
  (void)view;
  return ask ((question){ evaluate_rows, score, score->passes, x, x, t, out }, y);
}

// ## The score's Jacobian
//
// The score is a multiple of $\hat z$, $s = -S^{-\top}\hat z = -\hat z/\varsigma$, and so are its derivatives:
// $$ J = \frac{\partial s}{\partial x} = -\frac{p\,I + q\,c\,F'}{\varsigma} . $$
// Where the network predicts $\epsilon$, $J$ is its own Jacobian, scaled; the blend adds a multiple of the identity,
// which at high noise is nearly all of $J$. Nothing makes $J$ symmetric: a network need not be the gradient of anything.
//
// $Jv$ is $\dot{\hat z}$ along $v$, turned into a score as $\hat z$ is: that map is linear and does not look at $x$.

static int
jvp_rows (const question *q, sb_network_pass *pass)
{
  const sb_network *network = q->score->network;
  int status = show (network, pass, q->x, q->t);
  if (!status)
    status = sb_network_jvp (network, pass, q->t, q->v, q->out);
  return status ? status : sb_tweedie (network->process, SB_EPSILON, SB_SCORE, q->v, q->t, q->out);
}

static int
jvp (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
     gsl_matrix *out)
{
  const learned *score = state;
  return ask ((question){ jvp_rows, score, score->slopes, x, v, t, out }, y);
}

// $\langle v, s\rangle = \langle -S^{-1}v, \hat z\rangle$: a backward pass of the network from $\bar z = -S^{-1}v$ gives
// $J^\top v$, and on its way the gradient in $\theta$.

static int
vjp_rows (const question *q, sb_network_pass *pass)
{
  const sb_network *network = q->score->network;
  gsl_matrix *epsilon_bar = q->out;
  int status = show (network, pass, q->x, q->t);
  if (status)
    return status;
  gsl_matrix_memcpy (epsilon_bar, q->v);
  gsl_matrix_scale (epsilon_bar, -1);
  status = sb_process_apply (network->process, SB_S_INVERSE, CblasNoTrans, NULL, q->t, epsilon_bar);
  return status ? status : sb_network_backward (network, pass, q->t, epsilon_bar, q->score->theta_bar, q->out);
}

// The gradient in $\theta$ is a sum over rows, and its last bits depend on the order: where it is wanted the shards are
// worked on one after the other.

static int
vjp (void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out)
{
  const learned *score = state;
  question q = { vjp_rows, score, score->slopes, x, v, t, out };
  if (!score->theta_bar || y)
    return ask (q, y);
  int status = GSL_SUCCESS;
  for (size_t first = 0; first < x->size1 && !status; first += SB_NETWORK_ROWS)
    status = answer_shard (&q, first / SB_NETWORK_ROWS, first, GSL_MIN (x->size1 - first, SB_NETWORK_ROWS));
  return status;
}

// The trace takes a product for each of the $d$ coordinates, [dsm2ddpm.txt-A1-divergence]
// $$ \operatorname{tr} J = -\frac{p\,d + q\,c \sum_k e_k^\top F' e_k}{\varsigma} . $$

static int
sum_diagonal (const sb_network *network, sb_network_pass *pass, size_t n, size_t d, gsl_matrix *trace)
{
  sb_net_shape in = sb_net_input (network->net), out = sb_net_output (network->net);
  int status = GSL_SUCCESS;
  gsl_matrix_set_zero (trace);
  memset (pass->in, 0, n * d * sizeof *pass->in);
  for (size_t k = 0; k < d && !status; k++)
    {
      for (size_t i = 0; i < n; i++)
        pass->in[i * d + sb_net_place (in, k)] = 1;
      status = sb_net_jvp (network->net, network->theta, pass->work, pass->in, pass->out);
      for (size_t i = 0; i < n; i++)
        {
          *gsl_matrix_ptr (trace, i, 0) += (double)pass->out[i * d + sb_net_place (out, k)];
          pass->in[i * d + sb_net_place (in, k)] = 0;
        }
    }
  return status;
}

static int
divergence_rows (const question *q, sb_network_pass *pass)
{
  const sb_network *network = q->score->network;
  size_t n = q->x->size1, d = q->x->size2;
  scales s;
  int status = show (network, pass, q->x, q->t);
  if (!status)
    status = sum_diagonal (network, pass, n, d, q->out);
  for (size_t i = 0; i < n && !status; i++)
    {
      double *trace = gsl_matrix_ptr (q->out, i, 0);
      status = scales_at (network, gsl_vector_get (q->t, i), &s);
      if (status)
        return status;
      if (!(s.sd > 0))
        GSL_ERROR ("without noise a network's output is no score", GSL_ESING);
      *trace = -(s.p * (double)d + s.q * s.c * *trace) / s.sd;
    }
  return status;
}

static int
divergence (const void *state, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *trace)
{
  const learned *score = state;
  if (x->size1 == 0)
    return GSL_SUCCESS;
  gsl_matrix_view column = gsl_matrix_view_array_with_tda (trace->data, trace->size, 1, trace->stride);
  return ask ((question){ divergence_rows, score, score->slopes, x, x, t, &column.matrix }, y);
}

// ## Making one

static void
release (void *state)
{
  learned *score = state;
  sb_pool_free (score->passes);
  sb_pool_free (score->slopes);
  free (score);
}

static const sb_score_type network_score = { .name = "network",
                                             .views = SB_EPSILON,
                                             .evaluate = evaluate,
                                             .jvp = jvp,
                                             .vjp = vjp,
                                             .divergence = divergence,
                                             .free = release };

sb_score *
sb_score_network_gradient_alloc (const sb_network *network, float *theta_bar)
{
  const sb_pool_recipe passes = { make_pass, release_pass, network }, slopes = { make_slope, release_pass, network };
  learned *score = calloc (1, sizeof *score);
  if (!score)
    GSL_ERROR_NULL ("no memory for a score", GSL_ENOMEM);
  score->network = network;
  score->theta_bar = theta_bar;
  score->passes = sb_pool_alloc (&passes);
  score->slopes = score->passes ? sb_pool_alloc (&slopes) : NULL;
  if (!score->slopes)
    {
      release (score);
      return NULL;
    }
  return sb_score_alloc (&network_score, score, network->process);
}

sb_score *
sb_score_network_alloc (const sb_network *network)
{
  return sb_score_network_gradient_alloc (network, NULL);
}
