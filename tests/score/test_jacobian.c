// # What must be true of a network's derivatives as a score
//
// The network computes in float; the same network in double, put together by other formulas (learned.c), is
// differenced, and float has to agree to its own accuracy. A perceptron, and a small U-Net in two channels with
// self-attention; with and without the blend; under a process in continuous time that shrinks the data and a chain that
// does not.

#include "base/shard.h"
#include "chain.h"
#include "engine/choose.h"
#include "learned.h"
#include "process/ddpm.h"
#include "process/smld.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "transition/reverse.h"
#include "score/network.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

SUITE_WITH_BLAS (jacobian);

enum
{
  N = 19, // two whole shards and a part of one
  NETWORKS = 2,
  PROCESSES = 2
};

static const char *const networks[NETWORKS]
    = { "mlp inputs=6 width=16 layers=2 time=positional features=8",
        "unet image=2x4x4 channels=4 multipliers=1,2 groups=2 features=4 attention=4" };

// ## A case
//
// Points as likely as the process makes them, directions, and what is known of each row.

typedef struct
{
  sb_net *net;
  sb_process *process;
  size_t d;
  float *theta, *theta_bar;
  double *wide; // theta in double
  double a[N], sd[N];
  sb_network network;
  sb_score *score;
  gsl_matrix *x, *v, *w, *s, *out;
  gsl_vector *t, *loss;
  learned exact;
  char name[200];
} trial;

static void
place_points (trial *r, gsl_rng *rng)
{
  for (size_t i = 0; i < N; i++)
    {
      double t = r->process->levels ? (double)(1 + i % r->process->levels) / (double)r->process->levels
                                    : 0.02 + 0.98 * (double)i / (N - 1);
      gsl_vector_set (r->t, i, t);
      ok (sb_process_scalars (r->process, 0, t, &r->a[i], &r->sd[i]));
      for (size_t j = 0; j < r->d; j++)
        gsl_matrix_set (r->x, i, j, gsl_ran_gaussian (rng, hypot (0.7 * r->a[i], r->sd[i])));
    }
}

static trial
trial_of (const char *network, sb_process *(*make) (size_t d), sb_prediction prediction)
{
  trial r = { .net = scoped (sb_net_alloc (network, NULL)) };
  gsl_rng *rng = property_rng (11);
  sb_net_shape shape = sb_net_input (r.net);
  r.d = sb_net_shape_size (shape);
  r.process = make (r.d);
  r.theta = scoped (malloc (r.net->parameters * sizeof *r.theta));
  r.theta_bar = scoped (calloc (r.net->parameters, sizeof *r.theta_bar));
  r.wide = scoped (malloc (r.net->parameters * sizeof *r.wide));
  for (size_t k = 0; k < r.net->parameters; k++)
    r.wide[k] = (double)(r.theta[k] = (float)gsl_ran_gaussian (rng, 0.3));
  r.x = matrix (N, r.d);
  r.v = normals (N, r.d, 12);
  r.w = normals (N, r.d, 13);
  r.s = matrix (N, r.d);
  r.out = matrix (N, r.d);
  r.t = vector (N);
  r.loss = vector (N);
  place_points (&r, rng);
  snprintf (r.name, sizeof r.name, "%.4s, %s, prediction %d", network, r.process->type->name, prediction);
  r.exact = (learned){ .configuration = network,
                       .mixed = prediction == SB_PREDICTS_MIXED,
                       .log_noise = r.process->levels > 0,
                       .deviation = 0.7,
                       .n = N,
                       .channels = shape.channels,
                       .pixels = sb_net_shape_pixels (shape) };
  return r;
}

// The network is found by its address, and the rows' numbers by theirs: both once the case has a place of its own.

static void
settle (trial *r)
{
  r->network = (sb_network){ r->net,
                             r->process,
                             r->theta,
                             r->exact.mixed ? SB_PREDICTS_MIXED : SB_PREDICTS_EPSILON,
                             r->exact.log_noise ? SB_LABEL_LOG_NOISE : SB_LABEL_TIME,
                             0.7,
                             NULL,
                             NULL,
                             0 };
  r->exact.t = r->t->data;
  r->exact.a = r->a;
  r->exact.sd = r->sd;
  r->score = scoped (sb_score_network_gradient_alloc (&r->network, r->theta_bar));
}

static sb_process *
vp (size_t d)
{
  return scoped (sb_vp_alloc (d, 0.1, 20));
}

static sb_process *
smld (size_t d)
{
  return scoped (sb_smld_alloc (d, 4, 0.05, 5));
}

static sb_process *
ddpm (size_t d)
{
  return scoped (sb_ddpm_alloc (d, 10, 0.1, 6));
}

static void
in_every_case (void (*check) (trial *r))
{
  sb_process *(*const processes[PROCESSES]) (size_t d) = { vp, smld };
  for (int k = 0; k < NETWORKS; k++)
    for (int p = 0; p < PROCESSES; p++)
      for (int prediction = SB_PREDICTS_EPSILON; prediction <= SB_PREDICTS_MIXED; prediction++)
        {
          size_t mark = scope_mark ();
          trial r = trial_of (networks[k], processes[p], (sb_prediction)prediction);
          settle (&r);
          check (&r);
          scope_release (mark);
        }
}

// ## Differences, in double
//
// Of the fourth order. Row $i$ moves by multiples of $h_i v_i$, $h_i$ a small part of its size; what comes out is
// $J_i v_i$.

static double
size_of (const trial *r, size_t i)
{
  return hypot (0.7 * r->a[i], r->sd[i]);
}

static void
differences (const trial *r, const gsl_matrix *v, gsl_matrix *Jv)
{
  const double steps[] = { -2, -1, 1, 2 }, weights[] = { 1. / 12, -8. / 12, 8. / 12, -1. / 12 }, h = 1e-3;
  gsl_matrix *moved = matrix (N, r->d), *s = matrix (N, r->d);
  gsl_matrix_set_zero (Jv);
  for (int k = 0; k < 4; k++)
    {
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < r->d; j++)
          gsl_matrix_set (moved, i, j,
                          gsl_matrix_get (r->x, i, j) + steps[k] * h * size_of (r, i) * gsl_matrix_get (v, i, j));
      learned_score (&r->exact, r->wide, moved->data, s->data);
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < r->d; j++)
          *gsl_matrix_ptr (Jv, i, j) += weights[k] / (h * size_of (r, i)) * gsl_matrix_get (s, i, j);
    }
}

static double
dot_row (const gsl_matrix *a, const gsl_matrix *b, size_t i)
{
  double sum = 0;
  for (size_t j = 0; j < a->size2; j++)
    sum += gsl_matrix_get (a, i, j) * gsl_matrix_get (b, i, j);
  return sum;
}

static double
norm_row (const gsl_matrix *a, size_t i)
{
  return sqrt (dot_row (a, a, i));
}

static void
find_traces (const trial *r, gsl_vector *trace)
{
  gsl_matrix *e = matrix_all (N, r->d, 0), *column = matrix (N, r->d);
  gsl_vector_set_zero (trace);
  for (size_t k = 0; k < r->d; k++)
    {
      gsl_vector_view e_k = gsl_matrix_column (e, k), diagonal = gsl_matrix_column (column, k);
      gsl_vector_set_all (&e_k.vector, 1);
      differences (r, e, column);
      gsl_vector_add (trace, &diagonal.vector);
      gsl_vector_set_zero (&e_k.vector);
    }
}

// The size of a trace's terms, beside its own.

static double
scale_of (const trial *r, size_t i, double trace)
{
  return fabs (trace) + (double)r->d / gsl_pow_2 (size_of (r, i));
}

// ## The products
//
// $Jv$ is the difference; and $\langle w, Jv\rangle = \langle J^\top w, v\rangle$, whatever the backend.

static void
check_jvp (trial *r)
{
  gsl_matrix *Jv = matrix (N, r->d);
  differences (r, r->v, Jv);
  ok (sb_score_jvp (r->score, SB_SCORE, r->x, r->t, NULL, r->v, r->out));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < r->d; j++)
      cr_assert_float_eq (gsl_matrix_get (r->out, i, j), gsl_matrix_get (Jv, i, j), 1e-5 * norm_row (Jv, i),
                          "%s, row %zu, number %zu: %.9g, differences %.9g", r->name, i, j,
                          gsl_matrix_get (r->out, i, j), gsl_matrix_get (Jv, i, j));
}

Test (jacobian, of_a_direction_is_what_differences_say) { in_every_case (check_jvp); }

static void
check_adjoint (trial *r)
{
  for (size_t b = 0; sb_net_backend_at (b); b++)
    if (sb_net_backend_usable (sb_net_backend_at (b), SB_NET_FLOAT))
      {
        const char *backend = sb_net_backend_name (sb_net_backend_at (b));
        ok (sb_net_choose (r->net, backend, SB_NET_FLOAT, NULL));
        sb_score *score = scoped (sb_score_network_alloc (&r->network));
        ok (sb_score_jvp (score, SB_SCORE, r->x, r->t, NULL, r->v, r->s));
        ok (sb_score_vjp (score, SB_SCORE, r->x, r->t, NULL, r->w, r->out));
        for (size_t i = 0; i < N; i++)
          {
            double there = dot_row (r->w, r->s, i), back = dot_row (r->out, r->v, i);
            cr_assert_float_eq (there, back, 1e-5 * norm_row (r->w, i) * norm_row (r->s, i), "%s, %s, row %zu: %g, %g",
                                r->name, backend, i, there, back);
          }
      }
}

Test (jacobian, transposed_is_the_adjoint) { in_every_case (check_adjoint); }

// ## The gradient in $\theta$
//
// of $\sum_i\langle w_i, s(x_i, t_i)\rangle$ along a direction, as a difference of it. It is added to what is there.

static double
total_at (const trial *r, const double *theta_dot, double h)
{
  double *theta = scoped (malloc (r->net->parameters * sizeof *theta)), sum = 0;
  gsl_matrix *s = matrix (N, r->d);
  for (size_t k = 0; k < r->net->parameters; k++)
    theta[k] = r->wide[k] + h * theta_dot[k];
  learned_score (&r->exact, theta, r->x->data, s->data);
  for (size_t i = 0; i < N; i++)
    sum += dot_row (r->w, s, i);
  return sum;
}

static double *
direction_of (const sb_net *net)
{
  gsl_rng *rng = property_rng (12);
  double *theta_dot = scoped (malloc (net->parameters * sizeof *theta_dot));
  for (size_t k = 0; k < net->parameters; k++)
    theta_dot[k] = gsl_ran_gaussian (rng, 0.3);
  return theta_dot;
}

// $\langle\bar\theta, \dot\theta\rangle$, and the size of its terms.

static double
along (const trial *r, const double *theta_dot, double *size)
{
  double sum = 0;
  *size = 0;
  for (size_t k = 0; k < r->net->parameters; k++)
    {
      sum += (double)r->theta_bar[k] * theta_dot[k];
      *size += fabs ((double)r->theta_bar[k] * theta_dot[k]);
    }
  return sum;
}

static void
check_theta (trial *r)
{
  double *theta_dot = direction_of (r->net), size, h = 1e-3;
  double slope = (8 * (total_at (r, theta_dot, h) - total_at (r, theta_dot, -h)) - total_at (r, theta_dot, 2 * h)
                  + total_at (r, theta_dot, -2 * h))
                 / (12 * h);
  for (int times = 1; times <= 2; times++)
    {
      ok (sb_score_vjp (r->score, SB_SCORE, r->x, r->t, NULL, r->w, r->out));
      double found = along (r, theta_dot, &size);
      cr_assert_float_eq (found, times * slope, 1e-5 * size, "%s: %g, %d times differences %g", r->name, found, times,
                          slope);
    }
}

Test (jacobian, gradient_of_the_parameters) { in_every_case (check_theta); }

// With a gradient or without, on one thread or three, the same bits: the sum of three shards tells in which order they
// were added.

static void
check_bits (trial *r)
{
  size_t bytes = r->net->parameters * sizeof (float);
  float *before = scoped (malloc (bytes));
  sb_score *without = scoped (sb_score_network_alloc (&r->network));
  for (int run = 0; run < 8; run++)
    {
      omp_set_num_threads (1 + run % 3);
      memset (r->theta_bar, 0, bytes);
      ok (sb_score_vjp (r->score, SB_SCORE, r->x, r->t, NULL, r->w, r->out));
      cr_assert (run == 0 || memcmp (before, r->theta_bar, bytes) == 0, "%s: another gradient", r->name);
      memcpy (before, r->theta_bar, bytes);
      ok (sb_score_vjp (without, SB_SCORE, r->x, r->t, NULL, r->w, r->s));
      cr_assert (gsl_matrix_equal (r->s, r->out), "%s: not the same without a gradient", r->name);
      cr_assert_eq (memcmp (before, r->theta_bar, bytes), 0);
    }
}

Test (jacobian, does_not_depend_on_threads) { in_every_case (check_bits); }

// ## The trace
//
// $\sum_k e_k^\top J e_k$ by differences, also where the result is a column of a matrix. [dsm2ddpm.txt-A1-divergence]

static void
check_divergence (trial *r)
{
  gsl_vector *want = vector (N);
  gsl_vector_view found = gsl_matrix_column (r->out, 1);
  find_traces (r, want);
  ok (sb_score_divergence (r->score, r->x, r->t, NULL, &found.vector));
  sb_score_type products = *r->score->type;
  sb_score by_products = *r->score;
  products.divergence = NULL;
  by_products.type = &products;
  ok (sb_score_divergence (&by_products, r->x, r->t, NULL, r->loss));
  for (size_t i = 0; i < N; i++)
    {
      double trace = gsl_vector_get (want, i), bound = 1e-5 * scale_of (r, i, trace);
      cr_assert_float_eq (gsl_vector_get (&found.vector, i), trace, bound, "%s, row %zu: %.9g, differences %.9g",
                          r->name, i, gsl_vector_get (&found.vector, i), trace);
      cr_assert_float_eq (gsl_vector_get (r->loss, i), trace, bound, "%s, row %zu: %.9g, differences %.9g", r->name, i,
                          gsl_vector_get (r->loss, i), trace);
    }
}

Test (jacobian, divergence_is_the_trace) { in_every_case (check_divergence); }

// ## What asks for it
//
// The reverse step of least divergence has the variance $\frac{v}{a^2}(1 + \frac vd\operatorname{tr} J)$, which is
// no less than $\tilde\beta_t$: from a network too. [dsm2ddpm.txt-Sigma-theta]

Test (jacobian, the_best_variance_of_a_step)
{
  trial r = trial_of (networks[0], ddpm, SB_PREDICTS_MIXED);
  settle (&r);
  sb_reverse best = { r.score, SB_EPSILON, SB_VARIANCE_OPTIMAL, SB_VARIANCE_OPTIMAL };
  gsl_vector *s = vector (N), *traces = vector (N);
  int free_of_bounds = 0;
  find_traces (&r, traces);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (s, i, gsl_vector_get (r.t, i) - 0.1 > 0.05 ? gsl_vector_get (r.t, i) - 0.1 : 0);
  ok (one_variance (&best, NULL, s, r.t, r.x, r.loss));
  for (size_t i = 0; i < N; i++)
    {
      double a, sd, tilde, t = gsl_vector_get (r.t, i);
      ok (sb_process_scalars (r.process, gsl_vector_get (s, i), t, &a, &sd));
      ok (sb_reverse_fixed_variance (r.process, SB_VARIANCE_BETA_TILDE, gsl_vector_get (s, i), t, &tilde));
      double implied = sd * sd / (a * a) * (1 + sd * sd * gsl_vector_get (traces, i) / (double)r.d);
      cr_assert_float_eq (gsl_vector_get (r.loss, i), GSL_MAX (implied, tilde), 1e-5 * sd * sd / (a * a));
      free_of_bounds += implied > tilde;
    }
  cr_assert_gt (free_of_bounds, N / 3);
}

// ## What cannot be done

Test (jacobian, what_does_not_fit_is_refused)
{
  trial r = trial_of (networks[0], smld, SB_PREDICTS_EPSILON);
  settle (&r);
  gsl_matrix *narrow = matrix_all (N, 2, 0), *none = matrix (0, r.d);
  gsl_vector *no_times = vector (0);
  refused (GSL_EUNSUP, sb_score_jvp (r.score, SB_SCORE, r.x, r.t, r.x, r.v, r.out), "no condition is taken");
  refused (GSL_EUNSUP, sb_score_vjp (r.score, SB_SCORE, r.x, r.t, r.x, r.v, r.out));
  refused (GSL_EUNSUP, sb_score_divergence (r.score, r.x, r.t, r.x, r.loss));
  refused (GSL_EBADLEN, sb_score_jvp (r.score, SB_SCORE, r.x, r.t, NULL, narrow, r.out));
  refused (GSL_EBADLEN, sb_score_vjp (r.score, SB_SCORE, r.x, r.t, NULL, r.v, narrow));
  ok (sb_score_jvp (r.score, SB_SCORE, none, no_times, NULL, none, none));
  ok (sb_score_vjp (r.score, SB_SCORE, none, no_times, NULL, none, none));
  ok (sb_score_divergence (r.score, none, no_times, NULL, no_times));
  gsl_vector_set (r.t, N - 1, 0);
  refused (GSL_ESING, sb_score_jvp (r.score, SB_SCORE, r.x, r.t, NULL, r.v, r.out), "no noise, no score");
  refused (GSL_ESING, sb_score_vjp (r.score, SB_SCORE, r.x, r.t, NULL, r.v, r.out));
  refused (GSL_ESING, sb_score_divergence (r.score, r.x, r.t, NULL, r.loss));
  gsl_vector_set (r.t, N - 1, 0.3);
  refused (GSL_EDOM, sb_score_jvp (r.score, SB_SCORE, r.x, r.t, NULL, r.v, r.out), "no level");
  refused (GSL_EDOM, sb_score_vjp (r.score, SB_SCORE, r.x, r.t, NULL, r.v, r.out));
  refused (GSL_EDOM, sb_score_divergence (r.score, r.x, r.t, NULL, r.loss));

  sb_network_pass *forward_only = scoped (sb_network_pass_alloc (&r.network, N, 0)),
                  *few = scoped (sb_network_pass_alloc (&r.network, 2, 1));
  gsl_vector_set_all (r.t, 0.5);
  ok (sb_network_forward (&r.network, forward_only, r.x, r.t, NULL, r.out));
  refused (GSL_EINVAL, sb_network_jvp (&r.network, forward_only, r.t, r.v, r.out));
  refused (GSL_EBADLEN, sb_network_jvp (&r.network, few, r.t, r.v, r.out));
}
