// # What must be true of the derivatives of every view
//
// Whichever view a score answers itself, the Jacobians of all three are what differences of their values say, and the
// product with the transposed is the adjoint.

#include "process/ve.h"
#include "process/vp.h"
#include "scope.h"
#include "score/callback.h"
#include "score/energy.h"
#include "score/exact.h"
#include "score/network.h"
#include "score/tweedie.h"
#include "stretch.h"

#include <math.h>

SUITE_WITH_BLAS (derivatives);

enum
{
  N = 12
};

static const sb_view views[3] = { SB_SCORE, SB_DENOISER, SB_EPSILON };

static double
row_dot (const gsl_matrix *a, const gsl_matrix *b, size_t i)
{
  double sum = 0;
  for (size_t j = 0; j < a->size2; j++)
    sum += gsl_matrix_get (a, i, j) * gsl_matrix_get (b, i, j);
  return sum;
}

// ## Differences
//
// Of the fourth order, $h$ in units of the direction.

static void
differences (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v,
             double h, gsl_matrix *Jv)
{
  const double steps[] = { -2, -1, 1, 2 }, weights[] = { 1. / 12, -8. / 12, 8. / 12, -1. / 12 };
  gsl_matrix *moved = matrix (x->size1, x->size2), *out = matrix (x->size1, x->size2);
  gsl_matrix_set_zero (Jv);
  for (int k = 0; k < 4; k++)
    {
      gsl_matrix_memcpy (moved, v);
      gsl_matrix_scale (moved, steps[k] * h);
      gsl_matrix_add (moved, x);
      ok (sb_score_evaluate (score, view, moved, t, NULL, out));
      gsl_matrix_scale (out, weights[k] / h);
      gsl_matrix_add (Jv, out);
    }
}

// The values and the product at once are those one after the other: in double to the bit, of a network but for the
// passes that its backend has with gradients and without.

static void
check_at_once (const sb_score *score, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *w,
               const gsl_matrix *Jw)
{
  const double bound = score->type->evaluate_vjp ? 1e-5 : 0;
  gsl_matrix *value = matrix (N, x->size2), *wanted = matrix (N, x->size2), *product = matrix (N, x->size2);
  ok (sb_score_evaluate (score, view, x, t, NULL, wanted));
  ok (sb_score_evaluate_vjp (score, view, x, t, NULL, w, value, product));
  cr_assert_leq (largest_difference (value, wanted), bound * (1 + fabs (gsl_matrix_max (wanted))), "%s, view %d",
                 score->type->name, view);
  cr_assert_leq (largest_difference (product, Jw), bound, "%s, view %d", score->type->name, view);
}

static void
check (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, double h, double bound, bool transposed)
{
  const size_t d = x->size2;
  gsl_matrix *v = normals (N, d, 31), *w = normals (N, d, 32), *want = matrix (N, d), *Jv = matrix (N, d),
             *Jw = matrix (N, d);
  for (int k = 0; k < 3; k++)
    {
      differences (score, views[k], x, t, v, h, want);
      ok (sb_score_jvp (score, views[k], x, t, NULL, v, Jv));
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < d; j++)
          cr_assert_float_eq (gsl_matrix_get (Jv, i, j), gsl_matrix_get (want, i, j),
                              bound * (1 + sqrt (row_dot (want, want, i))),
                              "%s, view %d, row %zu: %.12g, differences %.12g", score->type->name, views[k], i,
                              gsl_matrix_get (Jv, i, j), gsl_matrix_get (want, i, j));
      if (!transposed)
        continue;
      ok (sb_score_vjp (score, views[k], x, t, NULL, w, Jw));
      for (size_t i = 0; i < N; i++)
        cr_assert_float_eq (row_dot (w, Jv, i), row_dot (Jw, v, i),
                            (bound < 1e-5 ? 1e-11 : 1e-5) * (1 + sqrt (row_dot (w, w, i) * row_dot (Jv, Jv, i))),
                            "%s, view %d, row %zu: %.12g, %.12g", score->type->name, views[k], i, row_dot (w, Jv, i),
                            row_dot (Jw, v, i));
      check_at_once (score, views[k], x, t, w, Jw);
    }
}

static gsl_vector *
times (double first, double last)
{
  gsl_vector *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, first + (last - first) * (double)i / (N - 1));
  return t;
}

// ## A law, an energy

Test (derivatives, of_an_exact_score)
{
  gsl_matrix *m = matrix_of (2, 2, -1, 0.5, 1, -0.5), *c = matrix_of (4, 2, 0.3, 0, 0, 0.4, 0.4, 0.2, 0.2, 0.35);
  sb_target *law = scoped (sb_target_mixture_alloc (vector_of (0.4, 0.6), m, c));
  sb_process *process = scoped (sb_vp_alloc (2, 0.1, 20));
  check (scoped (sb_score_exact_alloc (law, process)), normals (N, 2, 33), times (0.05, 0.8), 1e-3, 1e-8, true);
}

// $E = \sum_j \cosh x_j$; and one without its Hessian has no derivatives.

static int
sinh_of (const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out, void *params)
{
  (void)t, (void)params;
  for (size_t k = 0; k < x->size1 * x->size2; k++)
    out->data[k] = sinh (x->data[k]);
  return GSL_SUCCESS;
}

static int
cosh_times (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v, gsl_matrix *out, void *params)
{
  (void)t, (void)params;
  for (size_t k = 0; k < x->size1 * x->size2; k++)
    out->data[k] = cosh (x->data[k]) * v->data[k];
  return GSL_SUCCESS;
}

Test (derivatives, of_an_energy)
{
  sb_process *process = scoped (sb_vp_alloc (3, 0.1, 20));
  sb_energy energy = { .gradient = sinh_of, .hessian = cosh_times };
  check (scoped (sb_score_energy_alloc (&energy, process)), normals (N, 3, 34), times (0.05, 0.6), 1e-3, 1e-8, true);
  energy.hessian = NULL;
  sb_score *bare = scoped (sb_score_energy_alloc (&energy, process));
  gsl_matrix *x = matrix_all (N, 3, 0), *out = matrix (N, 3);
  for (int k = 0; k < 3; k++)
    refused (GSL_EUNSUP, sb_score_jvp (bare, views[k], x, times (0.1, 0.2), NULL, x, out));
}

// ## By callback, from each view to each
//
// A function that bends, $f = B\,x + \sin x$ with a matrix $B$ that is not symmetric, under maps that are not either:
// with $C$ and $S$ such maps, the score of an estimate $f$ of the clean image is $(SS^\top)^{-1}(Cf - x)$. [soft.eq8]

static const double B[2][2] = { { 0.4, -0.7 }, { 0.2, -0.5 } };

static void
bend (const gsl_matrix *x, const gsl_matrix *v, bool transposed, gsl_matrix *out)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < 2; j++)
      {
        double x_j = gsl_matrix_get (x, i, j), sum = v ? cos (x_j) * gsl_matrix_get (v, i, j) : sin (x_j);
        for (size_t k = 0; k < 2; k++)
          sum += (transposed ? B[k][j] : B[j][k]) * gsl_matrix_get (v ? v : x, i, k);
        gsl_matrix_set (out, i, j, sum);
      }
}

static int
bent (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)y, (void)params;
  bend (x, NULL, false, out);
  return GSL_SUCCESS;
}

static int
bent_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  (void)t, (void)y, (void)params;
  bend (x, v, false, out);
  return GSL_SUCCESS;
}

// Its one parameter multiplies it: the gradient of $\sum_i\langle v_i, \theta f(x_i)\rangle$ at $\theta = 1$.

static int
bent_vjp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  double *theta_bar = params;
  (void)t, (void)y;
  bend (x, NULL, false, out);
  for (size_t i = 0; i < x->size1; i++)
    *theta_bar += row_dot (v, out, i);
  bend (x, v, true, out);
  return GSL_SUCCESS;
}

Test (derivatives, of_a_callback_from_each_view)
{
  sb_process *process = stretch_alloc ();
  gsl_matrix *x = normals (N, 2, 35), *v = normals (N, 2, 36), *out = matrix (N, 2), *f = matrix (N, 2),
             *rest = matrix (N, 2);
  gsl_vector *t = times (0.2, 0.9);
  for (int k = 0; k < 3; k++)
    {
      double theta_bar = 0;
      sb_score_callback callback
          = { .view = views[k], .function = bent, .jvp = bent_jvp, .vjp = bent_vjp, .params = &theta_bar };
      sb_score *score = scoped (sb_score_callback_alloc (&callback, process));
      check (score, x, t, 1e-3, 1e-8, true);

      // What the parameter multiplies is the view less what it is where f says zero.
      for (int to = 0; to < 3; to++)
        {
          double want = 0;
          gsl_matrix_set_zero (rest);
          ok (sb_tweedie (process, views[k], views[to], x, t, rest));
          ok (sb_score_evaluate (score, views[to], x, t, NULL, f));
          for (size_t i = 0; i < N; i++)
            want += row_dot (v, f, i) - row_dot (v, rest, i);
          theta_bar = 0;
          ok (sb_score_vjp (score, views[to], x, t, NULL, v, out));
          cr_assert_float_eq (theta_bar, want, 1e-11 * (1 + fabs (want)), "view %d of %d: %g, not %g", views[to],
                              views[k], theta_bar, want);
        }
    }
}

// ## A network
//
// in float, so that its differences are rough; more of it in test_jacobian.

Test (derivatives, of_a_network)
{
  sb_net *net = scoped (sb_net_alloc ("mlp inputs=3 width=16 layers=2 time=positional features=8", NULL));
  sb_process *process = scoped (sb_vp_alloc (3, 0.1, 20));
  gsl_rng *r = scoped (gsl_rng_alloc (gsl_rng_taus2));
  float *theta = gaussians (r, net->parameters, 0.3);
  for (int prediction = SB_PREDICTS_EPSILON; prediction <= SB_PREDICTS_RESIDUAL; prediction++)
    {
      sb_network network = { net, process, theta, (sb_prediction)prediction, SB_LABEL_TIME, 0.7, NULL, NULL, 0 };
      sb_score *score = scoped (sb_score_network_alloc (&network));
      check (score, normals (N, 3, 37), times (0.1, 0.8), 0.03, 2e-4, true);
    }
}

// ## Without noise
//
// At $t = 0$ the point is the denoiser's answer, with $J = A^{-1}$, here the identity; there is no score to be had of
// $\epsilon$.

Test (derivatives, without_noise)
{
  sb_net *net = scoped (sb_net_alloc ("mlp inputs=3 width=16 layers=2 time=positional features=8", NULL));
  sb_process *process = scoped (sb_ve_alloc (3, 0.01, 20));
  gsl_rng *r = scoped (gsl_rng_alloc (gsl_rng_taus2));
  sb_network network
      = { net, process, gaussians (r, net->parameters, 0.3), SB_PREDICTS_EPSILON, SB_LABEL_TIME, 0.7, NULL, NULL, 0 };
  sb_score *score = scoped (sb_score_network_alloc (&network));
  gsl_matrix *x = normals (N, 3, 39), *v = normals (N, 3, 40), *out = matrix (N, 3);
  gsl_vector *t = vector_all (N, 0);
  ok (sb_score_jvp (score, SB_DENOISER, x, t, NULL, v, out));
  cr_assert (gsl_matrix_equal (out, v));
  ok (sb_score_vjp (score, SB_DENOISER, x, t, NULL, v, out));
  cr_assert (gsl_matrix_equal (out, v));
  refused (GSL_ESING, sb_score_jvp (score, SB_SCORE, x, t, NULL, v, out));
  refused (GSL_ESING, sb_score_vjp (score, SB_SCORE, x, t, NULL, v, out));
  refused (GSL_EINVAL, sb_score_jvp (score, (sb_view)3, x, t, NULL, v, out));
  refused (GSL_EINVAL, sb_score_vjp (score, (sb_view)3, x, t, NULL, v, out));
  gsl_matrix *product = matrix (N, 3);
  ok (sb_score_evaluate_vjp (score, SB_DENOISER, x, t, NULL, v, out, product));
  cr_assert (gsl_matrix_equal (out, x) && gsl_matrix_equal (product, v));
  refused (GSL_EINVAL, sb_score_evaluate_vjp (score, SB_EPSILON, x, t, NULL, v, out, out));
  refused (GSL_EINVAL, sb_score_evaluate_vjp (score, SB_EPSILON, x, t, NULL, v, x, product));
  refused (GSL_EBADLEN, sb_score_evaluate_vjp (score, SB_EPSILON, x, t, NULL, v, matrix (N, 2), product));
}

// Each row's values and product, at once, are those given its own condition: of the score $-y\,\mathbf x$ the denoiser
// is $(1 - \sigma_t^2y)\,\mathbf x$; whether a score finds both at once or one after the other.

static int
told_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
          gsl_matrix *out)
{
  (void)state, (void)view, (void)x, (void)t;
  for (size_t i = 0; i < v->size1 && y; i++)
    for (size_t j = 0; j < v->size2; j++)
      gsl_matrix_set (out, i, j, -gsl_matrix_get (y, i, 0) * gsl_matrix_get (v, i, j));
  return y ? GSL_SUCCESS : GSL_EINVAL;
}

static int
told (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out)
{
  return told_vjp ((void *)state, view, x, t, y, x, out);
}

static int
told_at_once (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              const gsl_matrix *v, gsl_matrix *estimate, gsl_matrix *out)
{
  const int status = told (state, view, x, t, y, estimate);
  return status ? status : told_vjp (state, view, x, t, y, v, out);
}

Test (derivatives, at_once_given_a_condition)
{
  static const sb_score_type types[]
      = { { .name = "told", .views = SB_SCORE, .evaluate = told, .derivatives = SB_SCORE, .vjp = told_vjp },
          { .name = "told at once",
            .views = SB_SCORE,
            .evaluate = told,
            .derivatives = SB_SCORE,
            .vjp = told_vjp,
            .evaluate_vjp = told_at_once } };
  sb_process *ve = scoped (sb_ve_alloc (3, 0.01, 20));
  const gsl_matrix *x = normals (N, 3, 41), *v = normals (N, 3, 42), *y = normals (N, 1, 43);
  const gsl_vector *t = even_times (.2, .9, N - 1);
  for (int k = 0; k < 2; k++)
    {
      gsl_matrix *value = matrix (N, 3), *product = matrix (N, 3);
      ok (sb_score_evaluate_vjp (scoped (sb_score_alloc (&types[k], NULL, ve)), SB_DENOISER, x, t, y, v, value,
                                 product));
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < 3; j++)
          {
            const double slope = 1 - 1e-4 * pow (2000, 2 * gsl_vector_get (t, i)) * gsl_matrix_get (y, i, 0),
                         bound = 1e-11 * (1 + fabs (slope));
            cr_assert_float_eq (gsl_matrix_get (value, i, j), slope * gsl_matrix_get (x, i, j), bound, "row %zu", i);
            cr_assert_float_eq (gsl_matrix_get (product, i, j), slope * gsl_matrix_get (v, i, j), bound, "row %zu", i);
          }
    }
}

// The transposed of Tweedie's formula fits as that does.

Test (derivatives, what_does_not_fit_is_refused)
{
  sb_process *process = stretch_alloc ();
  gsl_matrix *bar = matrix_all (4, 2, 0), *other = matrix (3, 2);
  gsl_vector *t = vector_all (4, 0.5), *fewer = vector_all (3, 0.5);
  refused (GSL_EINVAL, sb_tweedie_transposed (process, (sb_view)5, SB_SCORE, t, bar, NULL));
  refused (GSL_EBADLEN, sb_tweedie_transposed (process, SB_SCORE, SB_EPSILON, t, bar, matrix (4, 3)));
  refused (GSL_EINVAL, sb_tweedie_transposed (process, SB_SCORE, (sb_view)5, t, bar, NULL));
  refused (GSL_EBADLEN, sb_tweedie_transposed (process, SB_SCORE, SB_EPSILON, fewer, bar, NULL));
  refused (GSL_EBADLEN, sb_tweedie_transposed (process, SB_SCORE, SB_EPSILON, t, bar, other));
}
