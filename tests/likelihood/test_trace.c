// # The trace, exactly and by random directions

#include "conformance/worlds.h"
#include "likelihood/trace.h"
#include "property.h"
#include "sampler/drift.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/network.h"
#include "process/smld.h"
#include "process/vp.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>

SUITE (trace);

enum
{
  D = 10,
  PROBES = 100000
};

// ## The estimate has the trace for its mean, and its variance is known
//
// Of a linear score with a Jacobian that is not symmetric: $2\sum_{i\ne j}S_{ij}^2$ by signs, $2\|S\|_F^2$ by normals,
// S the symmetric part. Errors of 5.2 standard errors: false alarm 1e-6 for all. [scoresde.eq40] [scoresde.txt-vjp]

static int
linear_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)y;
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, x, params, 0, out);
  return GSL_SUCCESS;
}

static int
linear_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
            void *params)
{
  (void)x;
  return linear_score (v, t, y, out, params);
}

static sb_score *
linear (gsl_matrix *J, const sb_process *process)
{
  const sb_score_callback callback = { .view = SB_SCORE, .function = linear_score, .jvp = linear_jvp, .params = J };
  return scoped (sb_score_callback_alloc (&callback, process));
}

static void
check_estimate (sb_trace trace, const sb_score *score, double mean, double variance)
{
  gsl_matrix *x = matrix_all (PROBES, D, 0.3), *v = matrix (PROBES, D);
  gsl_vector *t = vector_all (PROBES, 0.5), *estimate = vector (PROBES);
  ok (sb_trace_directions (trace, (sb_stream){ .seed = 3 }, 0, v));
  ok (sb_flow_divergence (score, NULL, t, x, v, estimate));
  double sum = 0, squares = 0;
  for (size_t i = 0; i < PROBES; i++)
    {
      sum += gsl_vector_get (estimate, i) - mean;
      squares += gsl_pow_2 (gsl_vector_get (estimate, i) - mean);
    }
  cr_assert_float_eq (sum / PROBES, 0, 5.2 * sqrt (variance / PROBES) + 1e-9, "kind %d: the mean is off by %g", trace,
                      sum / PROBES);
  cr_assert_float_eq (squares / PROBES, variance, 0.05 * variance + 1e-18, "kind %d: variance %g, not %g", trace,
                      squares / PROBES, variance);
}

Test (trace, estimates_have_their_mean_and_variance)
{
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  const double beta = sb_vp_beta (&(sb_vp){ 0.1, 20 }, 0.5);
  gsl_matrix *J = normals (D, D, 1), *diagonal = matrix_all (D, D, 0);
  double trace = 0, squares = 0, off = 0;
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < D; j++)
      {
        const double S = 0.5 * (gsl_matrix_get (J, i, j) + gsl_matrix_get (J, j, i));
        squares += S * S;
        off += i == j ? 0 : S * S;
        trace += i == j ? S : 0;
      }
  // The velocity's Jacobian is -beta/2 (I + J): all of it that is off the diagonal is J's.
  double all = 0, mean = -0.5 * beta * ((double)D + trace), scale = gsl_pow_2 (0.5 * beta);
  for (size_t i = 0; i < D; i++)
    all += gsl_pow_2 (1 + gsl_matrix_get (J, i, i));
  check_estimate (SB_TRACE_SIGNS, linear (J, vp), mean, scale * 2 * off);
  check_estimate (SB_TRACE_NORMAL, linear (J, vp), mean, scale * 2 * (off + all));
  cr_assert_gt (squares, off);
  for (size_t i = 0; i < D; i++)
    gsl_matrix_set (diagonal, i, i, (double)i);
  check_estimate (SB_TRACE_SIGNS, linear (diagonal, vp), -0.5 * beta * (D + D * (D - 1) / 2.), 0);
}

// ## Of a network, by a backward pass
//
// $\mathbf v^{\mathsf T}\mathbf F\mathbf v - \frac12(\mathbf G\mathbf G^{\mathsf T}\mathbf v)^{\mathsf T}\mathbf
// J\mathbf v$ with the product forward, put together here: the same from $\mathbf J^{\mathsf T}(\mathbf G\mathbf
// G^{\mathsf T}\mathbf v)$, in single precision, under processes whose $\mathbf G$ is no multiple of the identity too.
// And that of a network in training, whose backward pass would add to a gradient, leaves the gradient as it was.
// [scoresde.txt-vjp]

static void
check_same (const world *w, const gsl_vector *found, const gsl_vector *expected, double bound)
{
  for (size_t i = 0; i < found->size; i++)
    cr_assert_float_eq (gsl_vector_get (found, i), gsl_vector_get (expected, i),
                        bound * (1 + fabs (gsl_vector_get (expected, i))), "%s, row %zu", w->name, i);
}

IN_EACH_WORLD (trace, of_a_network_goes_backward)
{
  enum
  {
    N = 5
  };
  const size_t d = w->process->dimension;
  char line[80];
  if (w->lacks & (NO_SDE | NO_S_INVERSE | NO_PARTS) || w->process->levels)
    return;
  snprintf (line, sizeof line, "mlp inputs=%zu width=16 layers=2 time=positional features=8", d);
  sb_net *net = scoped (sb_net_alloc (line, NULL));
  float *theta = gaussians (property_rng (4), net->parameters, 0.4),
        *bar = scoped ((float *)calloc (net->parameters, sizeof *bar));
  const sb_network network = { net, w->process, theta, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 1, NULL, NULL, 0 };
  sb_score *score = scoped (sb_score_network_alloc (&network)),
           *learning = scoped (sb_score_network_gradient_alloc (&network, bar));
  gsl_matrix *x = normals (N, d, 1), *v = normals (N, d, 2), *Jv = matrix (N, d),
             *Fv = mapped (w, SB_F, CblasNoTrans, 0, w->t, v),
             *u = mapped (w, SB_G, CblasNoTrans, 0, w->t, mapped (w, SB_G, CblasTrans, 0, w->t, v));
  gsl_vector *t = vector_all (N, w->t), *found = vector (N), *also = vector (N);
  cr_assert (score->type->backward_first && !learning->type->backward_first);
  ok (sb_score_jvp (score, SB_SCORE, x, t, NULL, v, Jv));
  ok (sb_flow_divergence (score, NULL, t, x, v, found), "%s", w->name);
  ok (sb_flow_divergence (learning, NULL, t, x, v, also), "%s", w->name);

  // With the velocity at once, and one after the other.
  gsl_matrix *velocity = matrix (N, d), *alone = matrix (N, d);
  gsl_vector *at_once = vector (N);
  ok (sb_flow_velocity (score, NULL, t, x, alone));
  ok (sb_flow_velocity_and_divergence (score, NULL, t, x, v, velocity, at_once), "%s", w->name);
  cr_assert_leq (largest_difference (velocity, alone), 1e-6 * (gsl_matrix_max (alone) - gsl_matrix_min (alone)), "%s",
                 w->name);
  check_same (w, at_once, found, 1e-6);
  ok (sb_flow_velocity_and_divergence (learning, NULL, t, x, v, velocity, at_once), "%s", w->name);
  cr_assert_eq (largest_difference (velocity, alone), 0, "%s", w->name);
  check_same (w, at_once, also, 0);
  for (size_t i = 0; i < N; i++)
    {
      double wanted = 0, size = 0;
      for (size_t j = 0; j < d; j++)
        {
          const double first = gsl_matrix_get (v, i, j) * gsl_matrix_get (Fv, i, j),
                       second = -0.5 * gsl_matrix_get (u, i, j) * gsl_matrix_get (Jv, i, j);
          wanted += first + second;
          size += fabs (first) + fabs (second);
        }
      cr_assert_float_eq (gsl_vector_get (found, i), wanted, 1e-5 * size, "%s, row %zu: %g, not %g", w->name, i,
                          gsl_vector_get (found, i), wanted);
      cr_assert_float_eq (gsl_vector_get (also, i), wanted, 1e-5 * size, "%s, row %zu", w->name, i);
    }
  for (size_t k = 0; k < net->parameters; k++)
    cr_assert_eq (bar[k], 0, "%s: a likelihood has added to a gradient", w->name);
}

// That is its cost: of a score that goes backward, whatever the dimension, the estimate takes one product with
// $\mathbf J^{\mathsf T}$ and nothing else, and together with the velocity one pass forward and backward, which gives
// the score as well; the velocity is the flow's. [scoresde.txt-vjp] [scoresde.eq42]

typedef struct
{
  gsl_matrix *J;
  size_t evaluations, forward, backward, both;
} passes;

static int
evaluate_counted (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                  gsl_matrix *out)
{
  passes *p = (passes *)state;
  (void)view;
  p->evaluations++;
  return linear_score (x, t, y, out, p->J);
}

static int
jvp_counted (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
             const gsl_matrix *v, gsl_matrix *out)
{
  passes *p = (passes *)state;
  (void)view;
  p->forward++;
  return linear_jvp (x, t, y, v, out, p->J);
}

static int
vjp_counted (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
             const gsl_matrix *v, gsl_matrix *out)
{
  passes *p = state;
  (void)view, (void)x, (void)t, (void)y;
  p->backward++;
  return gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, v, p->J, 0, out);
}

static int
both_counted (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *estimate, gsl_matrix *out)
{
  passes *p = state;
  (void)view;
  p->both++;
  linear_score (x, t, y, estimate, p->J);
  return gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, v, p->J, 0, out);
}

static const sb_score_type counted_type = { .name = "counted",
                                            .views = SB_SCORE,
                                            .evaluate = evaluate_counted,
                                            .derivatives = SB_SCORE,
                                            .jvp = jvp_counted,
                                            .vjp = vjp_counted,
                                            .evaluate_vjp = both_counted,
                                            .backward_first = true };

Test (trace, going_backward_takes_one_pass)
{
  passes p = { .J = normals (D, D, 1) };
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  sb_score *score = scoped (sb_score_alloc (&counted_type, &p, vp)), *forward = linear (p.J, vp);
  gsl_matrix *x = normals (4, D, 2), *v = normals (4, D, 3), *velocity = matrix (4, D), *alone = matrix (4, D);
  gsl_vector *t = vector_of (0.1, 0.2, 0.5, 1), *found = vector (4), *at_once = vector (4), *expected = vector (4);
  ok (sb_flow_divergence (score, NULL, t, x, v, found));
  cr_assert (p.evaluations == 0 && p.forward == 0 && p.backward == 1 && p.both == 0);
  ok (sb_flow_velocity_and_divergence (score, NULL, t, x, v, velocity, at_once));
  cr_assert (p.evaluations == 0 && p.forward == 0 && p.backward == 1 && p.both == 1);
  ok (sb_flow_velocity (forward, NULL, t, x, alone));
  ok (sb_flow_divergence (forward, NULL, t, x, v, expected));
  cr_assert_lt (largest_difference (velocity, alone), 1e-13);
  for (size_t i = 0; i < 4; i++)
    {
      const double wanted = gsl_vector_get (expected, i);
      cr_assert_float_eq (gsl_vector_get (found, i), wanted, 1e-12 * (1 + fabs (wanted)));
      cr_assert_float_eq (gsl_vector_get (at_once, i), wanted, 1e-12 * (1 + fabs (wanted)));
    }
}

// ## The trace is that of the velocity
//
// Against central differences of the velocity, for laws under every process that has a flow; along directions too.

IN_EACH_WORLD (trace, is_that_of_the_velocity)
{
  const size_t d = w->process->dimension;
  sb_score *score
      = scoped (sb_score_exact_alloc (scoped (sb_target_points_alloc (normals (3, d, 8), NULL)), w->process));
  gsl_matrix *x = normals (4, d, 6), *v = matrix (4, d), *f = matrix (4, d);
  gsl_vector *t = vector_all (4, w->t), *exact = vector (4), *along = vector (4), *expected = vector_all (4, 0),
             *expected_along = vector_all (4, 0);
  if (w->lacks & (NO_SDE | NO_S_INVERSE) || w->process->levels)
    return;
  const double h = 1e-4, weight[] = { 1, -8, 8, -1 }, at[] = { -2, -1, 1, 2 };
  ok (sb_trace_directions (SB_TRACE_NORMAL, (sb_stream){ .seed = 5 }, 1, v));
  for (int k = 0; k < 4; k++)
    {
      gsl_matrix *moved = copy_of (x), *step = copy_of (v);
      gsl_matrix_scale (step, at[k] * h);
      gsl_matrix_add (moved, step);
      ok (sb_flow_velocity (score, NULL, t, moved, f));
      for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < d; j++)
          *gsl_vector_ptr (expected_along, i)
              += gsl_matrix_get (v, i, j) * weight[k] * gsl_matrix_get (f, i, j) / (12 * h);
      for (size_t j = 0; j < d; j++)
        {
          gsl_matrix *shifted = copy_of (x);
          gsl_vector_view column = gsl_matrix_column (shifted, j);
          gsl_vector_add_constant (&column.vector, at[k] * h);
          ok (sb_flow_velocity (score, NULL, t, shifted, f));
          for (size_t i = 0; i < 4; i++)
            *gsl_vector_ptr (expected, i) += weight[k] * gsl_matrix_get (f, i, j) / (12 * h);
        }
    }
  ok (sb_flow_divergence (score, NULL, t, x, NULL, exact), "%s", w->name);
  ok (sb_flow_divergence (score, NULL, t, x, v, along), "%s", w->name);
  for (size_t i = 0; i < 4; i++)
    {
      cr_assert_float_eq (gsl_vector_get (exact, i), gsl_vector_get (expected, i),
                          1e-7 * (1 + fabs (gsl_vector_get (expected, i))), "%s: %.12g, not %.12g", w->name,
                          gsl_vector_get (exact, i), gsl_vector_get (expected, i));
      cr_assert_float_eq (gsl_vector_get (along, i), gsl_vector_get (expected_along, i),
                          1e-7 * (1 + fabs (gsl_vector_get (expected_along, i))), "%s: along: %.12g, not %.12g",
                          w->name, gsl_vector_get (along, i), gsl_vector_get (expected_along, i));
    }
}

// ## Directions and refusals

Test (trace, directions_come_from_the_streams)
{
  gsl_matrix *all = matrix (6, 3), *some = matrix (2, 3), *next = matrix (6, 3), *z = matrix (6, 6);
  const sb_stream stream = { .seed = 4, .purpose = SB_FOR_USER, .index = 9 };
  ok (sb_trace_directions (SB_TRACE_NORMAL, stream, 0, all));
  ok (sb_trace_directions (SB_TRACE_NORMAL, stream, 1, next));
  ok (sb_trace_directions (SB_TRACE_NORMAL, sb_stream_skip (stream, 4), 0, some));
  ok (sb_stream_normals ((sb_stream){ 4, SB_FOR_PROBE, 9 }, 0, z));
  for (size_t i = 0; i < 6; i++)
    for (size_t j = 0; j < 3; j++)
      {
        cr_assert_eq (gsl_matrix_get (all, i, j), gsl_matrix_get (z, i, j));
        cr_assert_eq (gsl_matrix_get (next, i, j), gsl_matrix_get (z, i, 3 + j));
        cr_assert (i < 4 || gsl_matrix_get (some, i - 4, j) == gsl_matrix_get (all, i, j));
      }
  ok (sb_trace_directions (SB_TRACE_SIGNS, stream, 0, next));
  for (size_t i = 0; i < 6; i++)
    for (size_t j = 0; j < 3; j++)
      cr_assert_eq (gsl_matrix_get (next, i, j), gsl_matrix_get (z, i, j) < 0 ? -1 : 1);
  refused (GSL_EINVAL, sb_trace_directions (SB_TRACE_EXACT, stream, 0, all));
}

Test (trace, refuses_what_does_not_fit)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  sb_score *score = linear (normals (2, 2, 1), vp);
  const sb_score_callback plain = { .view = SB_SCORE, .function = linear_score };
  sb_score *without = scoped (sb_score_callback_alloc (&plain, vp));
  gsl_matrix *x = matrix_all (3, 2, 0), *wide = matrix_all (3, 3, 0), *none = matrix (0, 2);
  gsl_vector *t = vector_all (3, 0.5), *two = vector (2), *out = vector (3), *zero = vector_all (3, 0),
             *no = vector (0);
  refused (GSL_EBADLEN, sb_flow_divergence (score, NULL, t, wide, NULL, out));
  refused (GSL_EBADLEN, sb_flow_divergence (score, NULL, two, x, NULL, out));
  refused (GSL_EBADLEN, sb_flow_divergence (score, NULL, t, x, wide, out));
  refused (GSL_EBADLEN, sb_flow_divergence (score, NULL, t, x, NULL, two));
  refused (GSL_EBADLEN, sb_flow_divergence (score, NULL, t, x, none, out));
  refused (GSL_EDOM, sb_flow_divergence (score, NULL, zero, x, NULL, out));
  refused (GSL_EDOM, sb_flow_divergence (score, NULL, vector_all (3, 1.5), x, NULL, out));
  refused (GSL_EUNSUP, sb_flow_divergence (without, NULL, t, x, NULL, out));
  refused (GSL_EUNSUP, sb_flow_divergence (linear (normals (2, 2, 1), scoped (sb_smld_alloc (2, 4, 0.1, 1))), NULL, t,
                                           x, NULL, out));
  ok (sb_flow_divergence (score, NULL, no, none, NULL, no));
  ok (sb_fokker_planck (score, NULL, no, none, no));
}

// So it is with the velocity, of a score that differentiates backwards. A corruption without kernels has no F.

Test (trace, refuses_what_does_not_fit_backwards)
{
  sb_score *forwards = linear (normals (2, 2, 1), scoped (sb_vp_alloc (2, 0.1, 20)));
  sb_score_type type = *forwards->type;
  type.backward_first = true;
  sb_score score = *forwards;
  score.type = &type;
  gsl_matrix *x = matrix_all (3, 2, 0), *v = matrix_all (3, 2, 1), *wide = matrix (3, 3), *short_one = matrix (2, 2),
             *none = matrix (0, 2), *velocity = matrix (3, 2);
  gsl_vector *t = vector_all (3, 0.5), *out = vector (3), *no = vector (0);
  refused (GSL_EBADLEN, sb_flow_velocity_and_divergence (&score, NULL, t, x, v, wide, out));
  refused (GSL_EBADLEN, sb_flow_velocity_and_divergence (&score, NULL, t, x, v, short_one, out));
  refused (GSL_EBADLEN, sb_flow_velocity_and_divergence (&score, NULL, t, x, short_one, velocity, out));
  refused (GSL_EINVAL, sb_flow_velocity_and_divergence (&score, NULL, t, x, v, x, out));
  ok (sb_flow_velocity_and_divergence (&score, NULL, no, none, none, none, no));

  sb_process *soft = scoped (sb_process_from_text ("soft image=1x1x2 half=1 knots=0.01,0.8 rank=1", 2, NULL));
  sb_score *exact = scoped (sb_score_exact_alloc (scoped (sb_target_points_alloc (normals (3, 2, 1), NULL)), soft));
  type = *exact->type;
  type.backward_first = true;
  score = *exact;
  score.type = &type;
  refused (GSL_EUNSUP, sb_flow_velocity_and_divergence (&score, NULL, t, x, v, velocity, out));
}
