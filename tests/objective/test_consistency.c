// # What must be true of the consistency loss
//
// Most of it on a line, with denoisers $h = a(\theta, v)\,x$, of which all is known: a path's end is normal, and its
// mean is that of a path without noise, which the same steps take.

#include "denoisers.h"
#include "losses.h"
#include "models.h"
#include "objective/consistency.h"
#include "process/edm.h"
#include "process/smld.h"
#include "process/ve.h"
#include "process/vp.h"
#include "scope.h"
#include "score/exact.h"
#include "score/network.h"
#include "score/rescale.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_min.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_spline.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SUITE (consistency);

// ## Gains

typedef struct
{
  double theta, theta_bar;
  double (*gain) (double theta, double v), (*slope) (double v); // slope: of the gain, by theta
  size_t rows, products;                                        // evaluated, and carried back
} gain;

static double
times_theta (double theta, double v)
{
  return (void)v, theta;
}

static double
one (double v)
{
  return (void)v, 1;
}

static double
towards_identity (double delta, double v)
{
  return (.25 + delta * v) / (.25 + v);
}

static double
of_towards_identity (double v)
{
  return v / (.25 + v);
}

static double
at (const gsl_vector *t, size_t i)
{
  return gsl_vector_get (t, i);
}

static int
gain_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
               gsl_matrix *out)
{
  gain *g = (gain *)state;
  (void)view, (void)y;
  g->rows += x->size1;
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (out, i, 0, g->gain (g->theta, gsl_pow_2 (at (t, i))) * gsl_matrix_get (x, i, 0));
  return GSL_SUCCESS;
}

static int
gain_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
          gsl_matrix *out)
{
  gain *g = state;
  (void)view, (void)y;
  g->products++;
  for (size_t i = 0; i < x->size1; i++)
    {
      const double variance = gsl_pow_2 (at (t, i)), v_i = gsl_matrix_get (v, i, 0);
      gsl_matrix_set (out, i, 0, g->gain (g->theta, variance) * v_i);
      g->theta_bar += v_i * g->slope (variance) * gsl_matrix_get (x, i, 0);
    }
  return GSL_SUCCESS;
}

static const sb_score_type gain_type
    = { .name = "gain", .views = SB_DENOISER, .evaluate = gain_evaluate, .derivatives = SB_DENOISER, .vjp = gain_vjp };

static gain
theta_x (double theta)
{
  return (gain){ .theta = theta, .gain = times_theta, .slope = one };
}

static gain
delta_x (double delta)
{
  return (gain){ .theta = delta, .gain = towards_identity, .slope = of_towards_identity };
}

static sb_score *
score_of (gain *g, const sb_process *process)
{
  return scoped (sb_score_alloc (&gain_type, g, process));
}

// Times from 0 on, so that paths may end there.

static sb_process *
from_zero (size_t d)
{
  sb_process *edm = scoped (sb_edm_alloc (d, 0.002, 80));
  edm->t_min = 0;
  return edm;
}

// ## Paths without noise
//
// The mean of $x_{t'}$ where the denoiser is linear.

static double
mean_end (const sb_partial_path *p, const sb_score *score, double x, double t, double s)
{
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 1));
  gsl_matrix *X = matrix_all (1, 1, x);
  const double from = pow (t, 1 / p->rho), to = pow (s, 1 / p->rho), k = (double)p->steps;
  for (size_t j = 0; j < p->steps; j++)
    {
      const double above = j == 0 ? t : pow (from + (double)j / k * (to - from), p->rho),
                   below = j + 1 == p->steps ? s : pow (from + (double)(j + 1) / k * (to - from), p->rho);
      ok (sb_step_apply (p->step, NULL, work, NULL, vector_all (1, below), vector_all (1, above), NULL, X));
    }
  return gsl_matrix_get (X, 0, 0);
}

static double
denoised (const sb_score *score, double x, double t)
{
  gsl_matrix *h = matrix (1, 1);
  ok (sb_score_evaluate (score, SB_DENOISER, matrix_all (1, 1, x), vector_all (1, t), NULL, h));
  return gsl_matrix_get (h, 0, 0);
}

static double
exact_loss (const sb_partial_path *p, const sb_score *score, double x, double t, double s)
{
  const double r = denoised (score, mean_end (p, score, x, t, s), s) - denoised (score, x, t);
  return r * r / 2;
}

// In the limit of many steps, by Romberg's rule.

static double
limit_loss (const sb_step_type *step, const sb_score *score, double x, double t, double s)
{
  enum
  {
    ROWS = 7
  };
  double table[ROWS][ROWS];
  for (size_t i = 0; i < ROWS; i++)
    {
      const sb_partial_path p = { step, NULL, (size_t)16 << i, 0.5 };
      table[i][0] = exact_loss (&p, score, x, t, s);
      for (size_t j = 1; j <= i; j++)
        table[i][j] = table[i][j - 1] + (table[i][j - 1] - table[i - 1][j - 1]) / (pow (2, (double)j) - 1);
    }
  return table[ROWS - 1][ROWS - 1];
}

// ## The loss of what is known
//
// D_delta's and S_delta's closed forms, from $x = 1.2$ at $v = 1$ to $v' = 0.1$. [consistent.txt-L2] The tests of
// Section 5.1 at $x = 1$ with $\delta = .2$, in $t'$ from $t = 1$ and in $t$ down to 0, to the digits that are known;
// growing all the way. [consistent.set-consistency-test] And as $\delta^2(1 - \delta)^2$ for small $\delta$, but for a
// little. [consistent.fig1a] [consistent.fig1b]

static double
loss_of_d (double delta, double x, double v, double v_prime)
{
  return limit_loss (sb_step_reverse_diffusion, denoiser_d (from_zero (1), delta), x, sqrt (v), sqrt (v_prime));
}

Test (consistency, of_known_denoisers)
{
  const sb_score *d = denoiser_d (from_zero (1), 0.15), *s = denoiser_s (from_zero (1), 0.15);
  const sb_step_type *const steps[] = { sb_step_euler_maruyama, sb_step_reverse_diffusion };
  for (int k = 0; k < 2; k++)
    {
      cr_assert_float_eq (limit_loss (steps[k], d, 1.2, 1, sqrt (.1)), .0028937863, 1e-10);
      cr_assert_float_eq (limit_loss (steps[k], s, 1.2, 1, sqrt (.1)), .0010623336, 1e-10);
    }
}

// And of paths with noise, by what the library says of rows far out, where the loss grows as the square of $x$ and the
// noise does not: 100 steps are a little off the limit, by as much as without noise. [consistent.txt-L2]

enum
{
  FAR_ROWS = 400,
  FAR_PATHS = 16,
  FAR_STEPS = 100
};

static double
far_loss (const sb_score *score, const gsl_matrix *y, double x, double t, double s, double *error)
{
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, FAR_STEPS, 0.5 };
  gsl_vector *loss = vector (FAR_ROWS);
  ok (sb_consistency_loss (score, &p, FAR_PATHS, y, vector_all (FAR_ROWS, t), vector_all (FAR_ROWS, s),
                           matrix_all (FAR_ROWS, score->process->dimension, x), (sb_stream){ 19, 0, 0 }, loss, NULL));
  return mean_of (loss, error);
}

static void
check_far (const sb_score *score, double want, double x, double t, double s)
{
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, FAR_STEPS, 0.5 };
  double error;
  const double found = far_loss (score, NULL, x, t, s, &error), bias = fabs (exact_loss (&p, score, x, t, s) - want);
  cr_assert (error < .035 * want && bias < .05 * want, "%g: error %g, bias %g", want, error, bias);
  cr_assert_lt (fabs (found - want), 4.9 * error + bias, "%g (%g), not %g", found, error, want);
}

Test (consistency, of_known_denoisers_along_paths_with_noise)
{
  check_far (denoiser_d (from_zero (1), .15), 100 * .0028937863, 12, 1, sqrt (.1));
  check_far (denoiser_s (from_zero (1), .15), 100 * .0010623336, 12, 1, sqrt (.1));
  check_far (denoiser_d (from_zero (1), .2), 400 * .001747, 20, 1, sqrt (.4));
  check_far (denoiser_d (from_zero (1), .2), 400 * .003311, 20, 1, sqrt (.1));
  check_far (denoiser_d (from_zero (1), .2), 400 * 1.777e-3, 20, sqrt (.6), 1e-6);
}

// Each row has its own condition: here its delta. [consistent.txt-L2] [consistent.txt-two-sample]

static int
told_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
               gsl_matrix *out)
{
  (void)state, (void)view;
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (out, i, 0,
                    towards_identity (gsl_matrix_get (y, i, 0), gsl_pow_2 (at (t, i))) * gsl_matrix_get (x, i, 0));
  return GSL_SUCCESS;
}

static const sb_score_type told_type = { .name = "told", .views = SB_DENOISER, .evaluate = told_evaluate };

Test (consistency, of_a_denoiser_that_is_told_a_condition)
{
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, 5, 0.5 };
  const double delta[] = { .15, .4, .7 }, t[] = { 1, 2, 1.5 }, s[] = { .3, .4, 1 };
  gsl_vector *loss = vector (3);
  const sb_score *told = scoped (sb_score_alloc (&told_type, NULL, from_zero (1)));
  const gsl_matrix *y = scope_matrix (3, 1, 3, delta);
  ok (sb_consistency_loss (told, &p, 4, y, scope_vector (3, t), scope_vector (3, s), matrix_all (3, 1, 5),
                           (sb_stream){ 23, 0, 4 }, loss, NULL));
  for (size_t i = 0; i < 3; i++)
    {
      gsl_vector *alone = vector (1);
      ok (sb_consistency_loss (denoiser_d (from_zero (1), delta[i]), &p, 4, NULL, vector_all (1, t[i]),
                               vector_all (1, s[i]), matrix_all (1, 1, 5), (sb_stream){ 23, 0, 4 + i }, alone, NULL));
      cr_assert_float_eq (at (loss, i), at (alone, 0), 1e-12 * fabs (at (alone, 0)));
    }
}

// In the plane, where nothing is linear: against the mean over single paths of another seed.

Test (consistency, of_a_bent_denoiser_in_the_plane)
{
  enum
  {
    N = 60000,
    ROWS = 4000
  };
  const sb_score *score = denoiser_bent (from_zero (2));
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, 8, 0.5 };
  const double t = 1, s = .6;
  gsl_matrix *x = matrix_all (N, 2, 1), *h = matrix (N, 2), *start = matrix (1, 2);
  sb_path_work *work = sb_path_work_alloc (score, N);
  ok (sb_partial_path_take (&p, work, NULL, vector_all (N, t), vector_all (N, s), (sb_stream){ 29, SB_FOR_PATH, 0 }, 0,
                            NULL, NULL, x));
  sb_path_work_free (work);
  ok (sb_score_evaluate (score, SB_DENOISER, x, vector_all (N, s), NULL, h));
  ok (sb_score_evaluate (score, SB_DENOISER, matrix_all (1, 2, 1), vector_all (1, t), NULL, start));
  double want = 0, variance = 0, error;
  for (size_t j = 0; j < 2; j++)
    {
      const double r = gsl_stats_mean (h->data + j, 2, N) - gsl_matrix_get (start, 0, j);
      want += r * r / 2;
      variance += r * r * gsl_stats_variance (h->data + j, 2, N) / N;
    }
  gsl_vector *loss = vector (ROWS);
  ok (sb_consistency_loss (score, &p, FAR_PATHS, NULL, vector_all (ROWS, t), vector_all (ROWS, s),
                           matrix_all (ROWS, 2, 1), (sb_stream){ 19, 0, 0 }, loss, NULL));
  const double found = mean_of (loss, &error), both = sqrt (error * error + variance);
  cr_assert_lt (both, .06 * want, "%g (%g)", want, both);
  cr_assert_lt (fabs (found - want), 4.9 * both, "%g, not %g (%g)", found, want, both);
}

Test (consistency, along_the_two_tests_of_the_paper)
{
  const double to[] = { .8, .6, .4, .2, .1, .05, .01 },
               at_one[] = { .000207, .000811, .001747, .002843, .003311, .003469, .003530 },
               from[] = { .05, .1, .2, .4, .6, .8, 1 },
               at_zero[] = { 3e-6, 2.8e-5, 1.92e-4, 8.86e-4, 1.777e-3, 2.681e-3, 3.533e-3 };
  double before_one = 0, before_zero = 0;
  for (size_t k = 0; k < 7; k++)
    {
      const double one_down = loss_of_d (.2, 1, 1, to[k]), down_to_zero = loss_of_d (.2, 1, from[k], 1e-12);
      cr_assert_float_eq (one_down, at_one[k], 1e-6, "v' = %g: %g", to[k], one_down);
      cr_assert_float_eq (down_to_zero, at_zero[k], 1e-6, "v = %g: %g", from[k], down_to_zero);
      cr_assert (one_down > before_one && down_to_zero > before_zero);
      before_one = one_down, before_zero = down_to_zero;
    }
  cr_assert_float_eq (loss_of_d (.02, 1, 1, 1e-12) / loss_of_d (.01, 1, 1, 1e-12), 3.956, 1e-3);
}

// By 300 steps with noise too, from far out, where the loss is $\tfrac{x^2}2\bigl[a(v')\,(u'/u)^{1 - \delta} -
// a(v)\bigr]^2$ with $u = s^2 + v$; of the true denoiser of M1
// both are 0 within the error, from points of its own law. [consistent.set-consistency-test]

enum
{
  CURVES = 14,
  OF_POINT = 300
};

static void
two_curves (double t[CURVES], double s[CURVES])
{
  const double v[] = { .8, .6, .4, .2, .1, .05, .01 };
  for (size_t k = 0; k < 7; k++)
    t[k] = 1, s[k] = sqrt (v[k]), t[7 + k] = sqrt (k ? v[k - 1] : 1), s[7 + k] = 1e-6;
}

static double
mean_at (const sb_score *score, const gsl_matrix *x, double t, double s, double *error)
{
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, 300, 7 };
  const size_t n = x->size1;
  gsl_vector *loss = vector (n);
  ok (sb_consistency_loss (score, &p, 2, NULL, vector_all (n, t), vector_all (n, s), x, (sb_stream){ 47, 0, 0 }, loss,
                           NULL));
  return mean_of (loss, error);
}

Test (consistency, along_the_two_tests_by_three_hundred_steps)
{
  double t[CURVES], s[CURVES];
  const sb_score *d = denoiser_d (from_zero (1), .2),
                 *exact = scoped (sb_score_exact_alloc (line_target (&LINE_M1), from_zero (1)));
  gsl_matrix *x = matrix (OF_POINT, 1);
  two_curves (t, s);
  for (size_t k = 0; k < CURVES; k++)
    {
      const size_t mark = scope_mark ();
      double error;
      const double u = .25 + t[k] * t[k], u_s = .25 + s[k] * s[k],
                   r = towards_identity (.2, s[k] * s[k]) * pow (u_s / u, .8) - towards_identity (.2, t[k] * t[k]),
                   want = 16e4 * r * r / 2, found = mean_at (d, matrix_all (OF_POINT, 1, 400), t[k], s[k], &error);
      cr_assert (error < .03 * want && fabs (found - want) < 4.9 * error + .02 * want, "t = %g to %g: %g (%g), not %g",
                 t[k], s[k], found, error, want);
      ok (sb_target_sample (line_target (&LINE_M1), (sb_stream){ 1, SB_FOR_DATA, 0 }, x));
      ok (sb_process_transition (exact->process, NULL, vector_all (OF_POINT, t[k]), normals (OF_POINT, 1, 6), x));
      const double none = mean_at (exact, x, t[k], s[k], &error);
      cr_assert_lt (fabs (none), 5.1 * error, "t = %g to %g: %g (%g)", t[k], s[k], none, error); // Student, 299
      scope_release (mark);
    }
}

// ## Windows
//
// Within a window the loss is of second order in its length: halved, a quarter is left. So is the squared residual of
// the Fokker-Planck equation, $2L^2/(v - v')^2 \to (\delta(1 - \delta)\,x\,v/u^2)^2$ with $u = s^2 + v$.
// [consistent.txt-window] [consistent.txt-related-fp]

Test (consistency, of_a_window_is_of_second_order)
{
  for (double t = .3; t < 3; t *= 2)
    {
      const double whole = loss_of_d (.3, 1, t * t, gsl_pow_2 (t - .02)),
                   half = loss_of_d (.3, 1, t * t, gsl_pow_2 (t - .01));
      cr_assert (whole / half > 3.5 && whole / half < 4.5, "t = %g: %g", t, whole / half);
    }
  const sb_score *score = denoiser_d (from_zero (1), .2);
  double error[2];
  const double whole = far_loss (score, NULL, 60, 1, .98, &error[0]),
               half = far_loss (score, NULL, 60, 1, .99, &error[1]), length = 1 - .98 * .98;
  cr_assert (error[0] < .02 * whole && error[1] < .02 * half && whole / half > 3.5 && whole / half < 4.5,
             "%g (%g), %g (%g)", whole, error[0], half, error[1]);
  const double squared = 2 * whole / gsl_pow_2 (60 * length), relative = 4.9 * error[0] / whole + .03;
  cr_assert_float_eq (squared, gsl_pow_2 (.16 / gsl_pow_2 (1.25)), relative * squared, "%g", squared);
  const double ratio = 2 * loss_of_d (.2, 1, 1, 1 - 1e-4) / 1e-8;
  cr_assert_float_eq (ratio, gsl_pow_2 (.2 * .8 / gsl_pow_2 (1.25)), 1e-4 * ratio, "%.8g", ratio);
}

// ## Short paths
//
// From $x = 1$ at $t = 1$ to $t' = .5$ with the exact denoiser of $\mathcal N(0, .25)$ the loss is that of the solver:
// of second order in the step of time, none at all in the variance. Six steps are enough for the paper's window.
// [consistent.txt-reverse-steps]

Test (consistency, of_short_paths_with_the_exact_denoiser)
{
  const sb_score *exact = denoiser_d (from_zero (1), 0);
  const double of[] = { 6.40e-5, 1.51e-5, 3.69e-6, 9.1e-7 };
  for (size_t k = 0; k < 4; k++)
    {
      const sb_partial_path p = { sb_step_euler_maruyama, NULL, (size_t)6 << k, 1 };
      const double loss = exact_loss (&p, exact, 1, 1, .5);
      cr_assert_float_eq (loss, of[k], .006 * of[k], "%zu steps: %g", p.steps, loss);
    }
  const sb_partial_path window = { sb_step_euler_maruyama, NULL, 6, 1 },
                        one_step = { sb_step_reverse_diffusion, NULL, 1, 1 };
  cr_assert_float_eq (exact_loss (&window, exact, 1, 1, .95), 2.44e-9, 1e-11);
  cr_assert_lt (exact_loss (&one_step, exact, 1, 1, .5), 1e-24);
}

// The variance of the end is that of the exact kernel, $(v - v')(s^2 + v')/(s^2 + v)$, in the limit of many steps, and
// its normals are the stream's; [consistent.eq3] the times lie evenly in $t^{1/\rho}$.

static double
end_variance (const sb_step_type *step, size_t steps, size_t n)
{
  const sb_partial_path p = { step, NULL, steps, 7 };
  sb_score *exact = denoiser_d (from_zero (1), 0);
  sb_path_work *w = sb_path_work_alloc (exact, n);
  gsl_matrix *x = matrix_all (n, 1, 1);
  ok (sb_partial_path_take (&p, w, NULL, vector_all (n, 1), vector_all (n, .5), (sb_stream){ 3, SB_FOR_PATH, 0 }, 0,
                            NULL, NULL, x));
  sb_path_work_free (w);
  return gsl_stats_variance (x->data, 1, n);
}

Test (consistency, ends_of_paths_have_the_kernels_variance)
{
  const double kernel = .75 * .5 / 1.25, n = 20000;
  for (int k = 0; k < 2; k++)
    {
      const double v = end_variance (k ? sb_step_reverse_diffusion : sb_step_euler_maruyama, 150, (size_t)n);
      cr_assert_float_eq (v, kernel, 4.9 * kernel * sqrt (2 / n) + .004, "%g, not %g", v, kernel);
    }
}

// Each step begins where the one before it ended, in time too. [consistent.txt-reverse-steps]

Test (consistency, times_of_a_path_are_even_in_a_power)
{
  gain g = theta_x (.5);
  sb_score *score = score_of (&g, from_zero (1));
  for (double rho = .5; rho < 8; rho += 3.25)
    {
      const sb_partial_path p = { sb_step_euler_maruyama, NULL, 4, rho };
      sb_path_work *w = sb_path_work_alloc (score, 2);
      gsl_matrix *x = matrix_of (2, 1, 1, -2);
      gsl_vector *t = vector_of (1, 3), *s = vector_of (.25, 2);
      sb_path_record r = { matrix (8, 1), matrix (8, 1), vector (8), vector (8) };
      ok (sb_partial_path_take (&p, w, NULL, t, s, (sb_stream){ 1, SB_FOR_PATH, 5 }, 2, NULL, &r, x));
      sb_path_work_free (w);
      for (size_t j = 0; j < 4; j++)
        for (size_t i = 0; i < 2; i++)
          {
            const double from = pow (at (t, i), 1 / rho), to = pow (at (s, i), 1 / rho);
            gsl_matrix *z = matrix (1, 1);
            cr_assert_float_eq (pow (at (r.t, 2 * j + i), 1 / rho), from + (double)j / 4 * (to - from), 1e-12);
            cr_assert_float_eq (pow (at (r.s, 2 * j + i), 1 / rho), from + (double)(j + 1) / 4 * (to - from), 1e-12);
            ok (sb_stream_normals ((sb_stream){ 1, SB_FOR_PATH, 5 + i }, 8 + j, z)); // after those of two paths
            cr_assert_eq (gsl_matrix_get (z, 0, 0), gsl_matrix_get (r.z, 2 * j + i, 0));
          }
      cr_assert (at (r.s, 6) == .25 && at (r.s, 7) == 2 && at (r.t, 0) == 1 && at (r.t, 1) == 3);
    }
}

// And in the plane each has two new numbers of noise, which no other step has. [consistent.txt-reverse-steps]
// [consistent.txt-B1-path]

Test (consistency, steps_of_a_path_in_the_plane)
{
  enum
  {
    ROWS = 3,
    STEPS = 4
  };
  const sb_score *score = denoiser_bent (from_zero (2));
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, STEPS, 7 };
  const gsl_vector *t = vector_of (1, 3, .6), *s = vector_of (.25, 2, 0);
  gsl_matrix *points = matrix ((STEPS + 1) * ROWS, 2), *x = normals (ROWS, 2, 8), *z = matrix (1, 2);
  gsl_matrix_view first = gsl_matrix_submatrix (points, 0, 0, STEPS * ROWS, 2),
                  end = gsl_matrix_submatrix (points, STEPS * ROWS, 0, ROWS, 2);
  sb_path_record r = { &first.matrix, matrix (STEPS * ROWS, 2), vector (STEPS * ROWS), vector (STEPS * ROWS) };
  for (uint64_t path = 0; path < 3; path++)
    {
      sb_path_work *w = sb_path_work_alloc (score, ROWS);
      gsl_matrix *now = copy_of (x), *of_score = matrix (STEPS * ROWS, 2);
      ok (sb_partial_path_take (&p, w, NULL, t, s, (sb_stream){ 1, SB_FOR_PATH, 5 }, path, NULL, &r, now));
      sb_path_work_free (w);
      gsl_matrix_memcpy (&end.matrix, now);
      ok (sb_score_evaluate (score, SB_SCORE, r.x, r.t, NULL, of_score));
      for (size_t k = 0; k < STEPS * ROWS; k++)
        {
          const double v = gsl_pow_2 (at (r.t, k)) - gsl_pow_2 (at (r.s, k));
          ok (sb_stream_normals ((sb_stream){ 1, SB_FOR_PATH, 5 + k % ROWS }, 2 * (STEPS * path + k / ROWS), z));
          for (size_t j = 0; j < 2; j++)
            cr_assert_float_eq (gsl_matrix_get (points, k + ROWS, j),
                                gsl_matrix_get (points, k, j) + v * gsl_matrix_get (of_score, k, j)
                                    + sqrt (v) * gsl_matrix_get (z, 0, j),
                                1e-12, "path %d, step %zu, row %zu", (int)path, k / ROWS, k % ROWS);
        }
    }
}

// Windows telescope: a path of eight even steps is one of four and, from where that ends and with the normals after its
// own, another; the residuals of the two add up to that of the whole. [consistent.txt-window]

Test (consistency, residuals_of_windows_add_up)
{
  enum
  {
    N = 50
  };
  const sb_score *score = denoiser_bent (from_zero (2));
  const sb_partial_path whole = { sb_step_reverse_diffusion, NULL, 8, .5 },
                        half = { sb_step_reverse_diffusion, NULL, 4, .5 };
  const double t[] = { 1, sqrt (.6), sqrt (.2) }; // even in the variance
  const sb_stream stream = { 37, SB_FOR_PATH, 3 };
  gsl_matrix *x = normals (N, 2, 4), *end = copy_of (x), *h[3], *h_end = matrix (N, 2);
  sb_path_work *w = sb_path_work_alloc (score, N);
  ok (sb_partial_path_take (&whole, w, NULL, vector_all (N, t[0]), vector_all (N, t[2]), stream, 0, NULL, NULL, end));
  for (size_t k = 0; k < 3; k++)
    {
      h[k] = matrix (N, 2);
      ok (sb_score_evaluate (score, SB_DENOISER, x, vector_all (N, t[k]), NULL, h[k]));
      if (k < 2)
        ok (sb_partial_path_take (&half, w, NULL, vector_all (N, t[k]), vector_all (N, t[k + 1]), stream, k, h[k], NULL,
                                  x));
    }
  sb_path_work_free (w);
  ok (sb_score_evaluate (score, SB_DENOISER, end, vector_all (N, t[2]), NULL, h_end));
  for (size_t k = 0; k < 2 * N; k++)
    cr_assert_float_eq (h_end->data[k] - h[0]->data[k],
                        (h[1]->data[k] - h[0]->data[k]) + (h[2]->data[k] - h[1]->data[k]), 1e-12);
}

// On M1 neither solver is exact: $\mathbb E\,h^*(x_{t'}, t') - h^*(x, t)$ from $x = .2$ at 1 to .5, by recursion on a
// grid. It falls as the step does. [consistent.txt-reverse-steps] [consistent.eq3]

enum
{
  GRID = 1601,
  NODES = 121
};

typedef struct
{
  gsl_spline *spline;
  gsl_interp_accel *accel;
} curve;

static void
step_back (const sb_step_type *step, sb_sampler_work *work, const gsl_matrix *grid, double s, double t, gsl_vector *u)
{
  // Where the step leads without noise, and how far a unit of noise.
  gsl_matrix *mean = copy_of (grid), *moved = copy_of (grid);
  gsl_vector *below = vector_all (GRID, s), *above = vector_all (GRID, t);
  curve c = { gsl_spline_alloc (gsl_interp_cspline, GRID), gsl_interp_accel_alloc () };
  ok (sb_step_apply (step, NULL, work, NULL, below, above, NULL, mean));
  ok (sb_step_apply (step, NULL, work, NULL, below, above, matrix_all (GRID, 1, 1), moved));
  gsl_spline_init (c.spline, grid->data, u->data, GRID);
  for (size_t i = 0; i < GRID; i++)
    {
      const double b = gsl_matrix_get (moved, i, 0) - gsl_matrix_get (mean, i, 0);
      double sum = 0, weight = 0;
      for (int k = 0; k < NODES; k++)
        {
          const double z = -6 + 12. * k / (NODES - 1), w = gsl_ran_ugaussian_pdf (z),
                       to = GSL_MAX (-16, GSL_MIN (16, gsl_matrix_get (mean, i, 0) + b * z));
          sum += w * gsl_spline_eval (c.spline, to, c.accel);
          weight += w;
        }
      gsl_vector_set (u, i, sum / weight);
    }
  gsl_spline_free (c.spline);
  gsl_interp_accel_free (c.accel);
}

static double
error_on_m1 (const sb_step_type *step, size_t steps)
{
  sb_process *edm = from_zero (1);
  sb_score *exact = scoped (sb_score_exact_alloc (line_target (&LINE_M1), edm));
  gsl_matrix *grid = matrix (GRID, 1), *h = matrix (GRID, 1);
  gsl_vector *u = vector (GRID);
  const size_t mark = scope_mark ();
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (exact, GRID));
  for (size_t i = 0; i < GRID; i++)
    gsl_matrix_set (grid, i, 0, -16 + 32. * (double)i / (GRID - 1));
  ok (sb_score_evaluate (exact, SB_DENOISER, grid, vector_all (GRID, .5), NULL, h));
  memcpy (u->data, h->data, GRID * sizeof (double));
  for (size_t j = steps; j > 0; j--)
    step_back (step, work, grid, 1 - .5 * (double)j / (double)steps, 1 - .5 * (double)(j - 1) / (double)steps, u);
  const double end = gsl_vector_get (u, (size_t)lrint ((.2 + 16) / 32 * (GRID - 1)));
  scope_release (mark);
  return end - denoised (exact, .2, 1);
}

Test (consistency, short_paths_are_of_weak_order_one)
{
  const double in_time[] = { 6.55e-3, 3.41e-3, 1.75e-3, 8.9e-4 },
               in_variance[] = { -1.62e-3, -6.0e-4, -2.3e-4, -9.4e-5 };
  for (size_t k = 0; k < 4; k++)
    {
      const double time = error_on_m1 (sb_step_euler_maruyama, (size_t)6 << k),
                   variance = error_on_m1 (sb_step_reverse_diffusion, (size_t)6 << k);
      cr_assert_float_eq (time, in_time[k], .01 * in_time[k], "%g, not %g", time, in_time[k]);
      cr_assert_float_eq (variance, in_variance[k], -.03 * in_variance[k], "%g, not %g", variance, in_variance[k]);
    }
}

// ## From two paths, and from one
//
// $h = \theta x$ with $\theta = .6$, from $x = 1.1$ at $v = 1$ in four even steps of variance to $.3$: the mean of the
// estimate is the loss, whatever the number of paths; one path alone says $\tfrac12\operatorname{Var}h'$ too much.
// [consistent.txt-two-sample]

static const sb_partial_path four_steps = { NULL, NULL, 4, 0.5 };

static sb_partial_path
in_variance (void)
{
  sb_partial_path p = four_steps;
  p.step = sb_step_reverse_diffusion;
  return p;
}

// Mean and variance of the end of that path, by hand.

static void
moments_of_end (double theta, double x, double *mean, double *variance)
{
  *mean = x, *variance = 0;
  for (int j = 0; j < 4; j++)
    {
      const double v = 1 - .175 * j, kept = 1 + (theta - 1) * .175 / v;
      *mean *= kept;
      *variance = kept * kept * *variance + .175;
    }
}

static double
mean_loss (const sb_score *score, size_t n, size_t paths, double *error, double *of_one, double *error_of_one)
{
  const sb_partial_path p = in_variance ();
  gsl_vector *loss = vector (n), *single = vector (n);
  ok (sb_consistency_loss (score, &p, paths, NULL, vector_all (n, 1), vector_all (n, sqrt (.3)), matrix_all (n, 1, 1.1),
                           (sb_stream){ 11 + paths, 0, 0 }, loss, single));
  *of_one = mean_of (single, error_of_one);
  return mean_of (loss, error);
}

Test (consistency, is_estimated_without_bias_from_two_paths)
{
  gain g = theta_x (.6);
  const sb_score *score = score_of (&g, from_zero (1));
  double mean, variance, error, of_one, error_of_one;
  moments_of_end (.6, 1.1, &mean, &variance);
  const double want = gsl_pow_2 (.6 * (mean - 1.1)) / 2;
  for (size_t paths = 2; paths < 6; paths += 3)
    {
      const size_t n = 100000;
      const double found = mean_loss (score, n, paths, &error, &of_one, &error_of_one);
      cr_assert_lt (fabs (found - want), 4.9 * error, "%zu paths: %g, not %g (%g)", paths, found, want, error);
      const double biased = want + .36 * variance / 2;
      cr_assert_lt (fabs (of_one - biased), 4.9 * error_of_one, "%g, not %g (%g)", of_one, biased, error_of_one);
    }
}

// Its standard error, of residuals that are normal with the mean $b$ and the variance $\tau^2$: squared, its mean is
// $b^2\tau^2/m + \tau^4/m(m - 2)$, and the estimates' variance $b^2\tau^2/m + \tau^4/2m(m - 1)$. The same from far
// out, where the first term is nearly all, and from 0, where it is none. [consistent.txt-two-sample]

static void
check_error (double x, size_t paths)
{
  enum
  {
    ROWS = 40000
  };
  gain g = theta_x (.6);
  const sb_score *score = score_of (&g, from_zero (1));
  const sb_partial_path p = in_variance ();
  gsl_vector *loss = vector (ROWS), *error = vector (ROWS), *without = vector (ROWS);
  const gsl_vector *t = vector_all (ROWS, 1), *s = vector_all (ROWS, sqrt (.3));
  const sb_stream stream = { 53, 0, 0 };
  double mean, variance, of_squares, m = (double)paths;
  moments_of_end (.6, x, &mean, &variance);
  const double b = .6 * (mean - x), tau_2 = .36 * variance, linear = b * b * tau_2 / m;
  ok (sb_consistency_loss_with_error (score, &p, paths, NULL, t, s, matrix_all (ROWS, 1, x), stream, loss, error));
  ok (sb_consistency_loss (score, &p, paths, NULL, t, s, matrix_all (ROWS, 1, x), stream, without, NULL));
  cr_assert (gsl_vector_equal (loss, without));
  const double found = gsl_stats_variance (loss->data, 1, ROWS), want = linear + tau_2 * tau_2 / (2 * m * (m - 1));
  cr_assert_float_eq (found, want, .15 * want, "variance %g, not %g", found, want);
  gsl_vector_mul (error, error);
  const double squared = mean_of (error, &of_squares), by_jackknife = linear + tau_2 * tau_2 / (m * (m - 2));
  cr_assert_lt (of_squares, .02 * by_jackknife);
  cr_assert_lt (fabs (squared - by_jackknife), 4.9 * of_squares, "%g (%g), not %g", squared, of_squares, by_jackknife);
}

Test (consistency, has_a_standard_error)
{
  check_error (1.1, 4);
  check_error (20, 3);
  check_error (0, 8);
}

// Of a consistent denoiser the estimates are 0 in the mean, and on both sides of it; what one path says is never below
// 0.

Test (consistency, of_a_consistent_denoiser_is_none)
{
  sb_process *edm = from_zero (1);
  const sb_score *const of[] = { scoped (sb_score_exact_alloc (line_target (&LINE_M1), edm)), denoiser_identity (edm),
                                 denoiser_constant (edm, .7), denoiser_n2 (from_zero (2)) };
  enum
  {
    N = 4000
  };
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, 60, 7 };
  for (size_t k = 0; k < sizeof of / sizeof *of; k++)
    {
      gsl_vector *loss = vector (N), *single = vector (N);
      double error;
      ok (sb_consistency_loss (of[k], &p, 2, NULL, vector_all (N, 1), vector_all (N, .3),
                               normals (N, of[k]->process->dimension, 5), (sb_stream){ 17, 0, 0 }, loss, single));
      const double mean = mean_of (loss, &error);
      cr_assert_leq (fabs (mean), 4.9 * error);
      cr_assert (k == 2 || (gsl_vector_min (loss) < 0 && gsl_vector_max (loss) > 0 && gsl_vector_min (single) > 0));
      cr_assert (k != 2
                 || (gsl_vector_isnull (loss) && gsl_vector_isnull (single))); // a constant says the same everywhere
    }
}

// Of several coordinates it is the sum over them, row by row: along the probability flow, where no noise mixes them.

Test (consistency, of_several_coordinates_is_their_sum)
{
  const sb_partial_path p = { sb_step_flow_heun, NULL, 5, 7 };
  gsl_vector *t = vector_of (1, 2, .5), *s = vector_of (.4, .1, .3), *loss = vector (3), *of_one = vector (3);
  const double x[] = { 1, -2, .3, .4, 5, -.6, .7, .8, -.9 };
  ok (sb_consistency_loss (denoiser_d (from_zero (3), .3), &p, 2, NULL, t, s, scope_matrix (3, 3, 9, x),
                           (sb_stream){ 1, 0, 0 }, loss, of_one));
  for (size_t i = 0; i < 3; i++)
    {
      gsl_vector *alone = vector (3);
      ok (sb_consistency_loss (denoiser_d (from_zero (1), .3), &p, 2, NULL, vector_all (3, at (t, i)),
                               vector_all (3, at (s, i)), scope_matrix (3, 1, 3, x + 3 * i), (sb_stream){ 1, 0, 0 },
                               alone, NULL));
      const double sum = at (alone, 0) + at (alone, 1) + at (alone, 2);
      cr_assert_float_eq (at (loss, i), sum, 1e-12 * sum, "row %zu: %g, not %g", i, at (loss, i), sum);
      cr_assert_float_eq (at (of_one, i), sum, 1e-12 * sum);
    }
}

// The gradient goes with it: of the truncated part, the slope of the estimate with the paths' ends held still, for a
// network in ten dimensions, whose loss is that from two paths.

static double
product_at (const sb_score *score, const gsl_matrix *x, double t, const gsl_matrix *const *end, double s)
{
  gsl_matrix *h = copy_of (x), *r[] = { copy_of (x), copy_of (x) };
  double sum = 0;
  ok (sb_score_evaluate (score, SB_DENOISER, x, vector_all (x->size1, t), NULL, h));
  for (int p = 0; p < 2; p++)
    {
      ok (sb_score_evaluate (score, SB_DENOISER, end[p], vector_all (x->size1, s), NULL, r[p]));
      gsl_matrix_sub (r[p], h);
    }
  gsl_matrix_mul_elements (r[0], r[1]);
  for (size_t k = 0; k < x->size1 * x->size2; k++)
    sum += r[0]->data[k] / 2;
  return sum;
}

Test (consistency, gradient_in_many_dimensions)
{
  enum
  {
    ROWS = 3
  };
  const sb_partial_path p = in_variance ();
  model w = mlp_alloc (1);
  sb_score *score = scoped (sb_score_alloc (&mlp_type, &w, from_zero (MLP_D)));
  gsl_matrix *x = normals (ROWS, MLP_D, 3), *end[] = { copy_of (x), copy_of (x) };
  gsl_vector *t = vector_all (ROWS, 1), *s = vector_all (ROWS, .4), *loss = vector (ROWS), *found = vector (ROWS);
  const sb_stream stream = { 5, SB_FOR_PATH, 7 };
  sb_path_work *work = sb_path_work_alloc (score, ROWS);
  for (size_t q = 0; q < 2; q++)
    ok (sb_partial_path_take (&p, work, NULL, t, s, stream, q, NULL, NULL, end[q]));
  sb_path_work_free (work);
  memset (w.theta_bar, 0, w.parameters * sizeof (double));
  ok (sb_consistency_gradient (score, &p, SB_CONSISTENCY_TRUNCATED, NULL, t, s, x, stream, 3, found));
  ok (sb_consistency_loss (score, &p, 2, NULL, t, s, x, stream, loss, NULL));
  for (size_t i = 0; i < ROWS; i++)
    cr_assert_float_eq (at (found, i), at (loss, i), 1e-12 * fabs (at (loss, i)));
  for (size_t k = 0; k < w.parameters; k++)
    {
      const size_t mark = scope_mark ();
      const double was = w.theta[k], h = 1e-3, weight[] = { 1, -8, 8, -1 }, by[] = { -2, -1, 1, 2 };
      double slope = 0;
      for (int q = 0; q < 4; q++)
        {
          w.theta[k] = was + by[q] * h;
          slope += 3 * weight[q] * product_at (score, x, 1, (const gsl_matrix *const *)end, .4) / (12 * h);
        }
      w.theta[k] = was;
      cr_assert_float_eq (w.theta_bar[k], slope, 1e-6 * (1 + fabs (slope)), "parameter %zu: %.10g, not %.10g", k,
                          w.theta_bar[k], slope);
      scope_release (mark);
    }
}

// Where there is no way to go there is no loss, to the bit, whatever the others do.

Test (consistency, of_no_way_is_none)
{
  gain g = theta_x (.3);
  const sb_partial_path p = { sb_step_euler_maruyama, NULL, 3, 7 };
  gsl_vector *loss = vector (3), *alone = vector (1), *t = vector_of (2, .5, 80), *s = vector_of (2, .4, 80);
  const sb_score *score = score_of (&g, scoped (sb_edm_alloc (1, .002, 80)));
  ok (sb_consistency_loss (score, &p, 2, NULL, t, s, matrix_of (3, 1, 1, 2, 3), (sb_stream){ 1, 0, 6 }, loss, NULL));
  cr_assert (at (loss, 0) == 0 && at (loss, 2) == 0 && at (loss, 1) != 0);
  ok (sb_consistency_loss (score, &p, 2, NULL, vector_all (1, .5), vector_all (1, .4), matrix_all (1, 1, 2),
                           (sb_stream){ 1, 0, 7 }, alone, NULL));
  cr_assert_eq (at (alone, 0), at (loss, 1));
}

// ## The gradient, whole and in parts
//
// Of the same example: $\nabla L^2 = (\mathbb E h' - h)\,(\tfrac{d}{d\theta}\mathbb E h' - x)$; the truncated gradient
// has $\mathbb E x' - x$ in the second bracket [consistent.txt-gradL2], and what is missing is the path's,
// $\mathbb E[h'\,\nabla\log p]$. [consistent.txt-B1-scorefn] Read as printed, with the expectation differentiated and
// the path's term added, it would be the whole and the path's once more. [consistent.txt-stopgrad] Means of products
// are products of means where each factor has a path of its own. [consistent.txt-two-sample]

typedef struct
{
  double mean, error;
} estimate;

static estimate
mean_gradient (gain *g, const sb_partial_path *p, unsigned of, double x, double v, double v_prime, uint64_t seed)
{
  enum
  {
    BATCHES = 60,
    ROWS = 1000
  };
  const sb_score *score = score_of (g, from_zero (1));
  gsl_vector *t = vector_all (ROWS, sqrt (v)), *s = vector_all (ROWS, sqrt (v_prime)), *loss = vector (ROWS);
  gsl_matrix *X = matrix_all (ROWS, 1, x);
  double means[BATCHES];
  for (size_t k = 0; k < BATCHES; k++)
    {
      g->theta_bar = 0;
      ok (sb_consistency_gradient (score, p, of, NULL, t, s, X, (sb_stream){ seed, 0, k * ROWS }, 1. / ROWS, loss));
      means[k] = g->theta_bar;
    }
  return (estimate){ gsl_stats_mean (means, 1, BATCHES), gsl_stats_sd (means, 1, BATCHES) / sqrt (BATCHES) };
}

static double
slope_of_mean (double theta, double x)
{
  double up, down, variance;
  moments_of_end (theta + 1e-5, x, &up, &variance);
  moments_of_end (theta - 1e-5, x, &down, &variance);
  return ((theta + 1e-5) * up - (theta - 1e-5) * down) / 2e-5;
}

static void
check_estimate (estimate e, double want, const char *what)
{
  cr_assert_lt (fabs (e.mean - want), 5.7 * e.error, "%s: %g (%g), not %g", what, e.mean, e.error, want); // Student, 59
}

Test (consistency, gradient_has_two_parts)
{
  gain g = theta_x (.6);
  const sb_partial_path p = in_variance ();
  double mean, variance;
  moments_of_end (.6, 1.1, &mean, &variance);
  const double r = .6 * (mean - 1.1), whole = r * (slope_of_mean (.6, 1.1) - 1.1), truncated = r * (mean - 1.1);
  const unsigned both = SB_CONSISTENCY_TRUNCATED | SB_CONSISTENCY_PATH;
  const estimate of_truncated = mean_gradient (&g, &p, SB_CONSISTENCY_TRUNCATED, 1.1, 1, .3, 21),
                 of_path = mean_gradient (&g, &p, SB_CONSISTENCY_PATH, 1.1, 1, .3, 22),
                 of_both = mean_gradient (&g, &p, both, 1.1, 1, .3, 23);
  check_estimate (of_truncated, truncated, "truncated");
  check_estimate (of_path, whole - truncated, "of the path");
  check_estimate (of_both, whole, "whole");
  cr_assert (whole < 0 && truncated > 0 && fabs (of_both.mean - (2 * whole - truncated)) > 8 * of_both.error);
  cr_assert_gt (fabs (of_path.mean - (truncated - whole)), 8 * of_path.error); // the printed sign
}

// In numbers, $-.0242721431 = .0910616759 - .1153338190$, and literally $-.1396059621$: the steps, scores and
// derivatives are the library's, and expectations over the four steps' normals are sums over four Gauss-Hermite nodes
// of each, exact up to degree 7. With $h$ as a baseline of $h'$ the path's term has the same mean, and about a third of
// its variance. [consistent.txt-stopgrad] [consistent.txt-B1-scorefn] The slope of $\mathbb E h' = \theta x\prod_i(1 +
// (\theta - 1)\,w_i)$, $w_i$ being the share of the variance that step $i$ takes away, is 1.20384; with the sign of
// $\nabla\log p$ as printed it would be .217008. One path alone says .0869233 too much, half the variance that the
// steps leave. [consistent.txt-two-sample]

enum
{
  ALL = 256 // 4^4
};

typedef struct
{
  // E h'; Var h'; d/dtheta of h', points held; E h' nabla log p; Var of it; the same with a baseline
  double mean, of_h, of_end, of_path, variance, variance_less;
} quadrature;

static double
weighted_mean (const gsl_vector *w, const gsl_vector *a)
{
  double mean;
  gsl_blas_ddot (w, a, &mean);
  return mean;
}

static gsl_vector *
slopes (gain *g, const sb_score *score, sb_view view, const gsl_matrix *x, double t)
{
  gsl_matrix *slope = matrix (ALL, 1), *here = matrix (ALL, 1);
  ok (sb_score_evaluate (score, view, x, vector_all (ALL, t), NULL, here));
  g->theta += 1; // the gain is linear in it
  ok (sb_score_evaluate (score, view, x, vector_all (ALL, t), NULL, slope));
  g->theta -= 1;
  gsl_matrix_sub (slope, here);
  return scope_vector (ALL, slope->data);
}

static double
carried_back (gain *g, sb_score *score, sb_view view, const gsl_matrix *x, double t, const gsl_vector *v)
{
  g->theta_bar = 0;
  ok (sb_score_vjp (score, view, x, vector_all (ALL, t), NULL, scope_matrix (ALL, 1, ALL, v->data), matrix (ALL, 1)));
  return g->theta_bar;
}

static quadrature
by_quadrature (gain *g, sb_score *score, double x, const double *times)
{
  const double root = sqrt (6), node[] = { -sqrt (3 + root), -sqrt (3 - root), sqrt (3 - root), sqrt (3 + root) },
               share[] = { (3 - root) / 12, (3 + root) / 12, (3 + root) / 12, (3 - root) / 12 };
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, ALL));
  gsl_matrix *X = matrix_all (ALL, 1, x), *at_step[4];
  gsl_vector *w = vector_all (ALL, 1), *log_p = vector_all (ALL, 0), *z[4];
  double deviation[4];
  for (size_t j = 0, digit = 1; j < 4; j++, digit *= 4)
    {
      const gsl_vector *s = vector_all (ALL, times[j + 1]), *t = vector_all (ALL, times[j]);
      z[j] = vector (ALL);
      at_step[j] = copy_of (X);
      gsl_matrix *mean = matrix_all (ALL, 1, 1), *moved = copy_of (mean);
      ok (sb_step_apply (sb_step_reverse_diffusion, NULL, work, NULL, s, t, NULL, mean));
      ok (sb_step_apply (sb_step_reverse_diffusion, NULL, work, NULL, s, t, matrix_all (ALL, 1, 1), moved));
      deviation[j] = gsl_matrix_get (moved, 0, 0) - gsl_matrix_get (mean, 0, 0);
      gsl_vector *slope = slopes (g, score, SB_SCORE, X, times[j]);
      for (size_t i = 0; i < ALL; i++)
        {
          gsl_vector_set (z[j], i, node[i / digit % 4]);
          *gsl_vector_ptr (w, i) *= share[i / digit % 4];
          *gsl_vector_ptr (log_p, i) += deviation[j] * at (z[j], i) * at (slope, i);
        }
      ok (sb_step_apply (sb_step_reverse_diffusion, NULL, work, NULL, s, t, scope_matrix (ALL, 1, ALL, z[j]->data), X));
    }
  gsl_matrix *h = matrix (ALL, 1);
  ok (sb_score_evaluate (score, SB_DENOISER, X, vector_all (ALL, times[4]), NULL, h));
  const gsl_vector_view of_end = gsl_matrix_column (h, 0);
  gsl_vector *squared = copy_of (&of_end.vector);
  gsl_vector_mul (squared, &of_end.vector);
  quadrature q = { .mean = weighted_mean (w, &of_end.vector) };
  q.of_h = weighted_mean (w, squared) - q.mean * q.mean;
  q.of_end = carried_back (g, score, SB_DENOISER, X, times[4], w);
  for (size_t j = 0; j < 4; j++)
    {
      gsl_vector *v = copy_of (w);
      gsl_vector_mul (v, &of_end.vector);
      gsl_vector_mul (v, z[j]);
      gsl_vector_scale (v, deviation[j]);
      q.of_path += carried_back (g, score, SB_SCORE, at_step[j], times[j], v);
    }
  for (int less = 0; less < 2; less++)
    {
      gsl_vector *term = copy_of (&of_end.vector), *square;
      gsl_vector_add_constant (term, less ? -g->theta * x : 0);
      gsl_vector_mul (term, log_p);
      square = copy_of (term);
      gsl_vector_mul (square, term);
      const double mean = weighted_mean (w, term);
      cr_assert_float_eq (mean, q.of_path, 1e-9);
      *(less ? &q.variance_less : &q.variance) = weighted_mean (w, square) - mean * mean;
    }
  return q;
}

Test (consistency, gradient_in_numbers)
{
  gain g = theta_x (.6);
  sb_score *score = score_of (&g, from_zero (1));
  const double x = 1.1, times[] = { 1, sqrt (.8), sqrt (.6), sqrt (.45), sqrt (.3) }, weight[] = { 1, -8, 8, -1 },
               by[] = { -2, -1, 1, 2 };
  const quadrature q = by_quadrature (&g, score, x, times);
  const double r = q.mean - denoised (score, x, 1), truncated = r * (q.of_end - x), of_path = r * q.of_path;
  double whole = 0;
  for (int k = 0; k < 4; k++)
    {
      g.theta = .6 + by[k] * 1e-3;
      whole += weight[k] * gsl_pow_2 (by_quadrature (&g, score, x, times).mean - denoised (score, x, 1)) / 24e-3;
    }
  cr_assert_float_eq (whole, -.0242721431, 1e-9, "whole: %.10g", whole);
  cr_assert_float_eq (truncated, .0910616759, 1e-9, "truncated: %.10g", truncated);
  cr_assert_float_eq (of_path, -.1153338190, 1e-9, "of the path: %.10g", of_path);
  cr_assert_float_eq (whole, truncated + of_path, 1e-9);
  double product = 1, shares = 0, variance = 0;
  for (int i = 0; i < 4; i++)
    {
      const double v = gsl_pow_2 (times[i]), w = 1 - gsl_pow_2 (times[i + 1]) / v, kept = 1 - .4 * w;
      product *= kept;
      shares += w / kept;
      variance = kept * kept * variance + w * v;
    }
  const double slope = x * product * (1 + .6 * shares);
  cr_assert_float_eq (slope, 1.20384, 1e-9);
  cr_assert_float_eq (q.of_end + q.of_path, slope, 1e-9, "the slope of E h': %.10g", q.of_end + q.of_path);
  cr_assert_float_eq (q.of_end - q.of_path, .217008, 1e-9); // the printed sign
  cr_assert_float_eq (.36 * variance / 2, .0869233, 5e-8);
  cr_assert_float_eq (q.of_h / 2, .36 * variance / 2, 1e-9, "half the variance of h': %.10g", q.of_h / 2);
  cr_assert_float_eq (whole + of_path, -.1396059621, 1e-9); // read as printed
  cr_assert_float_eq (3 * q.variance_less / q.variance, 1, .2, "%g of %g", q.variance_less, q.variance);
}

// Of one path $\nabla\log p$ is the slope of the log density of its steps, $\mathcal N(x + \mu, g^2)$: with a minus
// before the sum, and with squares of the deviation, not the deviations. [consistent.txt-B1-logpath]
// [consistent.txt-B1-path]

static double
log_density (const sb_score *score, const sb_partial_path *p, const sb_path_record *r)
{
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 1));
  double sum = 0;
  for (size_t j = 0; j < p->steps; j++)
    {
      gsl_matrix *mean = matrix_all (1, 1, gsl_matrix_get (r->x, j, 0)), *moved = copy_of (mean),
                 *z = matrix_all (1, 1, 1);
      gsl_vector *s = vector_all (1, at (r->s, j)), *t = vector_all (1, at (r->t, j));
      ok (sb_step_apply (p->step, NULL, work, NULL, s, t, NULL, mean));
      ok (sb_step_apply (p->step, NULL, work, NULL, s, t, z, moved));
      const double deviation = gsl_matrix_get (moved, 0, 0) - gsl_matrix_get (mean, 0, 0);
      const double next = j + 1 < p->steps ? gsl_matrix_get (r->x, j + 1, 0) : gsl_matrix_get (r->x, p->steps, 0);
      sum += log (gsl_ran_gaussian_pdf (next - gsl_matrix_get (mean, 0, 0), deviation));
    }
  return sum;
}

static sb_path_record
path_of (const sb_score *score, const sb_partial_path *p, size_t path, double x, double t, double s)
{
  sb_path_work *w = sb_path_work_alloc (score, 1);
  sb_path_record whole = { matrix (p->steps + 1, 1), matrix (p->steps, 1), vector (p->steps), vector (p->steps) };
  gsl_matrix_view first = gsl_matrix_submatrix (whole.x, 0, 0, p->steps, 1);
  sb_path_record r = { &first.matrix, whole.z, whole.s, whole.t };
  gsl_matrix *end = matrix_all (1, 1, x);
  ok (sb_partial_path_take (p, w, NULL, vector_all (1, t), vector_all (1, s), (sb_stream){ 31, SB_FOR_PATH, 0 }, path,
                            NULL, &r, end));
  gsl_matrix_set (whole.x, p->steps, 0, gsl_matrix_get (end, 0, 0));
  sb_path_work_free (w);
  return whole;
}

// By either solver. [consistent.txt-B1-scorefn]

Test (consistency, gradient_of_a_path_is_the_slope_of_its_log_density)
{
  const sb_step_type *const steps[] = { sb_step_euler_maruyama, sb_step_reverse_diffusion };
  for (int k = 0; k < 2; k++)
    {
      gain g = delta_x (.4);
      const sb_partial_path p = { steps[k], NULL, 5, 7 };
      const sb_score *score = score_of (&g, from_zero (1));
      const sb_path_record paths[] = { path_of (score, &p, 0, 1.5, 1, .4), path_of (score, &p, 1, 1.5, 1, .4) };
      gsl_vector *loss = vector (1);
      ok (sb_consistency_gradient (score, &p, SB_CONSISTENCY_PATH, NULL, vector_all (1, 1), vector_all (1, .4),
                                   matrix_all (1, 1, 1.5), (sb_stream){ 31, 0, 0 }, 1, loss));
      const double found = g.theta_bar / at (loss, 0);
      double slope = 0;
      for (int q = 0; q < 2; q++)
        for (int side = -1; side <= 1; side += 2)
          {
            g.theta = .4 + side * 1e-5;
            slope += side * log_density (score, &p, &paths[q]) / 2e-5;
          }
      cr_assert_float_eq (found, slope, 1e-6 * fabs (slope), "%s: %.10g, not %.10g", steps[k]->entry.name, found,
                          slope);
    }
}

// Step by step the deviations from $x_{t_{i-1}} + \mu_i$, in units of $g_i$, are standard normals. The printed
// $\mathcal N(\mu_i, g_iI)$ leaves out where the step began and has $g_i$ for the variance: either alone, and both, are
// far off. Kolmogorov and Smirnov's distance below $2.70/\sqrt n$: a false alarm of 9.3e-7. [consistent.txt-B1-path]

static double
distance_to_normal (double *z, size_t n)
{
  double distance = 0;
  gsl_sort (z, 1, n);
  for (size_t k = 0; k < n; k++)
    distance = larger (distance, fabs (gsl_cdf_ugaussian_P (z[k]) - ((double)k + .5) / (double)n) + .5 / (double)n);
  return distance;
}

Test (consistency, steps_of_a_path_are_normal)
{
  enum
  {
    ROWS = 20000,
    STEPS = 5,
    ALL_STEPS = ROWS * STEPS,
    FORMS = 4
  };
  gain g = delta_x (.4);
  const sb_score *score = score_of (&g, from_zero (1));
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, STEPS, 7 };
  sb_path_work *work = sb_path_work_alloc (score, ROWS);
  gsl_matrix *x = matrix (ALL_STEPS + ROWS, 1), *end = matrix_all (ROWS, 1, 1.5);
  gsl_matrix_view first = gsl_matrix_submatrix (x, 0, 0, ALL_STEPS, 1);
  sb_path_record r = { &first.matrix, matrix (ALL_STEPS, 1), vector (ALL_STEPS), vector (ALL_STEPS) };
  ok (sb_partial_path_take (&p, work, NULL, vector_all (ROWS, 1), vector_all (ROWS, .4),
                            (sb_stream){ 43, SB_FOR_PATH, 0 }, 0, NULL, &r, end));
  sb_path_work_free (work);
  memcpy (gsl_matrix_ptr (x, ALL_STEPS, 0), end->data, ROWS * sizeof (double));
  double *z[FORMS]; // the first as it is; its mean, its variance, and both as printed
  for (size_t f = 0; f < FORMS; f++)
    z[f] = scoped ((double *)malloc (ALL_STEPS * sizeof (double)));
  for (size_t k = 0; k < ALL_STEPS; k++)
    {
      const double v = gsl_pow_2 (at (r.t, k)), g2 = v - gsl_pow_2 (at (r.s, k)), from = x->data[k],
                   mu = g2 * (towards_identity (.4, v) - 1) * from / v;
      for (size_t f = 0; f < FORMS; f++)
        z[f][k] = (x->data[k + ROWS] - mu - (f % 2 ? 0 : from)) / (f / 2 ? sqrt (sqrt (g2)) : sqrt (g2));
    }
  cr_assert_lt (distance_to_normal (z[0], ALL_STEPS), 2.70 / sqrt (ALL_STEPS));
  for (size_t f = 1; f < FORMS; f++)
    cr_assert_gt (distance_to_normal (z[f], ALL_STEPS), .1, "form %zu", f);
}

// Of a network in ten dimensions too, whose rows have times and conditions of their own: the sum over the paths of a
// row of its loss times the log density, the points of the paths held. [consistent.txt-gradL2]
// [consistent.txt-B1-logpath] [consistent.txt-B1-path]

typedef struct
{
  sb_path_record record;
  gsl_matrix *end, *y; // y: of each point
} whole_path;

static whole_path
path_of_rows (const sb_score *score, const sb_partial_path *p, size_t path, const gsl_matrix *y, const gsl_matrix *x,
              const gsl_vector *t, const gsl_vector *s)
{
  const size_t n = x->size1, rows = p->steps * n;
  whole_path w
      = { { matrix (rows, MLP_D), matrix (rows, MLP_D), vector (rows), vector (rows) }, copy_of (x), matrix (rows, 1) };
  sb_path_work *work = sb_path_work_alloc (score, n);
  ok (sb_partial_path_take (p, work, y, t, s, (sb_stream){ 5, SB_FOR_PATH, 7 }, path, NULL, &w.record, w.end));
  sb_path_work_free (work);
  for (size_t k = 0; k < rows; k++)
    gsl_matrix_set (w.y, k, 0, gsl_matrix_get (y, k % n, 0));
  return w;
}

// With EDM's $\sigma = t$, and VE's $\sigma = .2\cdot25^t$. Euler and Maruyama's step has the variance $g(t)^2(t - s)$,
// reverse diffusion's $\sigma(t)^2 - \sigma(s)^2$.

static double
variance_of_step (bool ve, const sb_step_type *step, double s, double t)
{
  const double v_s = ve ? .04 * pow (25, 2 * s) : s * s, v_t = ve ? .04 * pow (25, 2 * t) : t * t;
  return step == sb_step_reverse_diffusion ? v_t - v_s : (ve ? 2 * log (25) * v_t : 2 * t) * (t - s);
}

static double
weighted_log_density (const sb_score *score, bool ve, const sb_partial_path *p, const whole_path *w,
                      const gsl_vector *weight)
{
  const size_t mark = scope_mark (), n = w->end->size1, rows = w->record.x->size1;
  gsl_matrix *drift = matrix (rows, MLP_D);
  double sum = 0;
  ok (sb_score_evaluate (score, SB_SCORE, w->record.x, w->record.t, w->y, drift));
  for (size_t k = 0; k < rows; k++)
    {
      const double g2 = variance_of_step (ve, p->step, at (w->record.s, k), at (w->record.t, k));
      for (size_t j = 0; j < MLP_D; j++)
        {
          const double next
              = k + n < rows ? gsl_matrix_get (w->record.x, k + n, j) : gsl_matrix_get (w->end, k + n - rows, j),
              mean = gsl_matrix_get (w->record.x, k, j) + g2 * gsl_matrix_get (drift, k, j);
          sum -= at (weight, k % n) * gsl_pow_2 (next - mean) / (2 * g2);
        }
    }
  scope_release (mark);
  return sum;
}

Test (consistency, gradient_of_paths_in_many_dimensions)
{
  const sb_process *const of[] = { from_zero (MLP_D), scoped (sb_ve_alloc (MLP_D, .2, 5)) };
  const sb_step_type *const steps[] = { sb_step_euler_maruyama, sb_step_reverse_diffusion };
  const gsl_matrix *x = normals (3, MLP_D, 3), *y = matrix_of (3, 1, .3, -.6, 1.1);
  const gsl_vector *t = vector_of (1, .9, .6), *s = vector_of (.4, .5, .55);
  for (int k = 0; k < 4; k++)
    {
      const bool ve = k / 2;
      model w = mlp_alloc (1);
      const sb_score *score = scoped (sb_score_alloc (&mlp_type, &w, of[k / 2]));
      const sb_partial_path p = { steps[k % 2], NULL, 4, 7 };
      gsl_vector *loss = vector (3);
      ok (sb_consistency_gradient (score, &p, SB_CONSISTENCY_PATH, y, t, s, x, (sb_stream){ 5, 0, 7 }, 3, loss));
      const whole_path paths[] = { path_of_rows (score, &p, 0, y, x, t, s), path_of_rows (score, &p, 1, y, x, t, s) };
      for (size_t m = 0; m < w.parameters; m += 7)
        {
          const double was = w.theta[m], h = 3e-4, weight[] = { 1, -8, 8, -1 }, by[] = { -2, -1, 1, 2 };
          double slope = 0;
          for (int q = 0; q < 8; q++)
            {
              w.theta[m] = was + by[q % 4] * h;
              slope += 3 * weight[q % 4] * weighted_log_density (score, ve, &p, &paths[q / 4], loss) / (12 * h);
            }
          w.theta[m] = was;
          cr_assert_float_eq (w.theta_bar[m], slope, 1e-6 * (1 + fabs (slope)),
                              "%s, %s, parameter %zu: %.12g, not %.12g", of[k / 2]->type->name, p.step->entry.name, m,
                              w.theta_bar[m], slope);
        }
    }
}

// ## Where truncated descent leads
//
// Along D_delta ($s^2 = .25$, $v = 1$, $v' = .1$, $x = 1$) the truncated gradient is 0 at $\delta = 0$ and 1, positive
// between and negative above: descent goes to the true denoiser from all of $(0, 1)$, and from above 1 to 1.808835,
// where $\mathbb E h'$ and $h$ have the same slope and yet are far apart: the loss there is 1.62. The whole gradient
// goes from .7 to the identity. [consistent.txt-stopgrad]

static estimate
along_d (double delta, unsigned of, uint64_t seed)
{
  gain g = delta_x (delta);
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, 16, 7 };
  return mean_gradient (&g, &p, of, 1, 1, .1, seed);
}

Test (consistency, truncated_descent_has_a_fixed_point_that_is_none_of_the_loss)
{
  const double delta[] = { .1, .5, .9, 1.2 }, gradient[] = { .0310, .0950, .0355, -.0879 };
  for (int k = 0; k < 4; k++)
    {
      const estimate e = along_d (delta[k], SB_CONSISTENCY_TRUNCATED, 41 + (uint64_t)k);
      cr_assert_float_eq (e.mean, gradient[k], 5.7 * e.error + .03 * fabs (gradient[k]), "delta = %g: %g (%g), not %g",
                          delta[k], e.mean, e.error, gradient[k]); // 16 steps are not the limit
    }
  const estimate below = along_d (1.5, SB_CONSISTENCY_TRUNCATED, 51),
                 above = along_d (2.1, SB_CONSISTENCY_TRUNCATED, 52),
                 whole = along_d (.7, SB_CONSISTENCY_TRUNCATED | SB_CONSISTENCY_PATH, 53);
  cr_assert (below.mean < -8 * below.error && above.mean > 8 * above.error);
  cr_assert_float_eq (loss_of_d (1.808835, 1, 1, .1), 1.62, .005);
  cr_assert_float_eq (whole.mean, -.0258, 5.7 * whole.error + .0015, "%g (%g)", whole.mean, whole.error);
}

// Far from 0, where the noise is small beside x, it is known to more digits, at the ends of the interval too.
// [consistent.txt-stopgrad]

Test (consistency, truncated_gradient_in_numbers)
{
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, 16, 7 };
  const double delta[] = { 0, .7, 1 }, known[] = { 0, .0777534163, 0 }; // of infinitely many steps: 0, .0822, 0
  for (int k = 0; k < 3; k++)
    {
      gain g = delta_x (delta[k]);
      const double mean = mean_end (&p, score_of (&g, from_zero (1)), 1, 1, sqrt (.1)),
                   residual = towards_identity (delta[k], .1) * mean - towards_identity (delta[k], 1),
                   slope = of_towards_identity (.1) * mean - of_towards_identity (1);
      cr_assert_float_eq (residual * slope, known[k], 1e-9);
      const estimate e = mean_gradient (&g, &p, SB_CONSISTENCY_TRUNCATED, 100, 1, .1, 61 + (uint64_t)k);
      cr_assert_float_eq (e.mean / 1e4, known[k], 5.7e-4 * e.error, "delta = %g: %g", delta[k], e.mean / 1e4);
      cr_assert_lt (e.error, 2);
    }
}

// From .5 stochastic descent ends at the true denoiser. [consistent.txt-cdm-train]

Test (consistency, descent_ends_at_the_true_denoiser)
{
  enum
  {
    ROWS = 2000,
    STEPS = 25
  };
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, 16, 7 };
  gain g = delta_x (.5);
  const sb_score *score = score_of (&g, from_zero (1));
  gsl_vector *loss = vector (ROWS), *t = vector_all (ROWS, 1), *s = vector_all (ROWS, sqrt (.1));
  const gsl_matrix *x = matrix_all (ROWS, 1, 100);
  for (uint64_t k = 0; k < STEPS; k++)
    {
      g.theta_bar = 0;
      ok (sb_consistency_gradient (score, &p, SB_CONSISTENCY_TRUNCATED, NULL, t, s, x, (sb_stream){ 71, 0, ROWS * k },
                                   1 / (1e4 * ROWS), loss));
      g.theta -= 3 * g.theta_bar;
    }
  cr_assert_lt (fabs (g.theta), 1e-3, "%g", g.theta);
}

// ## As an objective

static sb_objective
objective_on (const sb_process *process, double lambda)
{
  sb_objective o = sb_objective_of (sb_objective_consistency, process, process->t_min);
  o.key[0] = lambda;
  o.levels = sb_levels_lognormal;
  o.levels_key[0] = -1.2;
  o.levels_key[1] = 1.2;
  o.weighting.type = sb_weighting_edm;
  return o;
}

static sb_objective_batch *
evaluated_given (const gsl_matrix *y, const sb_objective *o, const sb_score *score, size_t n, uint64_t index)
{
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (o, n));
  gsl_matrix_memcpy (&b->x_0, normals (n, o->process->dimension, 61));
  ok (sb_objective_draw ((sb_stream){ 7, 0, index }, b));
  ok (sb_objective_evaluate (score, y, b));
  ok (sb_objective_find_loss (b));
  return b;
}

static sb_objective_batch *
evaluated (const sb_objective *o, const sb_score *score, size_t n, uint64_t index)
{
  return evaluated_given (NULL, o, score, n, index);
}

// The usual settings are six steps, a window of .05, and 20, which is twice what the released code multiplies a product
// without the half by. [consistent.set-window-steps] [consistent.set-lambda-eps] Both terms add up:
// [consistent.txt-objective] the first is soft score matching's by the same points, to the bit where lambda is 0, and
// the second is linear in it. [consistent.txt-dsm]

Test (consistency, is_added_to_denoising)
{
  sb_process *edm = scoped (sb_edm_alloc (2, .002, 80));
  const sb_score *score = denoiser_bent (edm);
  const size_t n = 40;
  sb_objective none = objective_on (edm, 0), some = objective_on (edm, 4), soft = none;
  soft.type = sb_objective_soft;
  sb_entry_usual (&soft.type->entry, soft.key);
  const sb_objective usual = sb_objective_of (sb_objective_consistency, edm, .002);
  cr_assert (usual.key[0] == 20 && usual.key[1] == .05 && usual.key[2] == 6);
  const sb_objective_batch *a = evaluated (&none, score, n, 0), *b = evaluated (&some, score, n, 0),
                           *c = evaluated (&soft, score, n, 0);
  cr_assert_arr_eq (a->loss.data, c->loss.data, n * sizeof (double));
  cr_assert_arr_eq (a->bar.data, c->bar.data, 2 * n * sizeof (double));
  for (size_t i = 0; i < n; i++)
    {
      const double *h = b->estimate.data + 2 * i, *h_1 = h + 2 * n, *h_2 = h_1 + 2 * n,
                   product = (h_1[0] - h[0]) * (h_2[0] - h[0]) + (h_1[1] - h[1]) * (h_2[1] - h[1]);
      cr_assert_float_eq (b->regulariser.data[i], 2 * product, 1e-12 * (1e-9 + fabs (product))); // lambda_code = 2
      cr_assert_float_eq (b->loss.data[i], c->loss.data[i] + 2 * product, 1e-12 * (1 + c->loss.data[i]));
    }
}

// Row by row it is lambda times the loss from two paths, of the same stream and between the same times, and so is its
// mean. [consistent.txt-cdm-train] [consistent.txt-two-sample] [consistent.txt-L2]

Test (consistency, is_the_loss_of_two_paths_row_by_row)
{
  enum
  {
    ROWS = 60
  };
  sb_process *edm = scoped (sb_edm_alloc (2, .002, 80));
  const sb_score *score = denoiser_bent (edm);
  for (int solver = 0; solver < 2; solver++)
    {
      sb_objective o = objective_on (edm, 3);
      o.key[4] = solver;
      const sb_objective_batch *b = evaluated (&o, score, ROWS, 5);
      const gsl_matrix x = sb_batch_block (&b->x, ROWS, 0);
      const gsl_vector t = sb_batch_part (&b->t, ROWS, 0), s = sb_batch_part (&b->t, ROWS, 1);
      const sb_partial_path p = { solver ? sb_step_reverse_diffusion : sb_step_euler_maruyama, NULL, 6, 7 };
      gsl_vector *loss = vector (ROWS);
      ok (sb_consistency_loss (score, &p, 2, NULL, &t, &s, &x, (sb_stream){ 7, 0, 5 }, loss, NULL));
      for (size_t i = 0; i < ROWS; i++)
        cr_assert_float_eq (b->regulariser.data[i], 3 * at (loss, i), 1e-12 * (1 + fabs (at (loss, i))));
      cr_assert_gt (gsl_vector_max (loss), 1e-6);
    }
}

// In the mean over $t'$ and both paths it is lambda times the mean of the loss, far out where that is known.
// [consistent.txt-objective]

Test (consistency, has_the_mean_of_the_loss)
{
  sb_process *edm = scoped (sb_edm_alloc (1, .002, 80));
  const sb_score *score = denoiser_d (edm, .3);
  enum
  {
    N = 20000
  };
  sb_objective o = objective_on (edm, 2);
  o.levels = NULL;
  o.t_min = o.t_max = 1;
  o.key[1] = .5;
  o.key[2] = 20;
  edm->t_min = .7; // where windows end at the latest
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, N));
  gsl_matrix_set_all (&b->x_0, 30); // far out, where the noise of paths is small beside the loss
  ok (sb_objective_draw ((sb_stream){ 7, 0, 0 }, b));
  ok (sb_objective_evaluate (score, NULL, b));
  ok (sb_objective_find_loss (b));
  double error, want = 0;
  const double mean = mean_of (&b->regulariser, &error);
  for (int k = 0; k < 200; k++) // t' uniform on [.7, 1]
    {
      const double s = .7 + .3 * (k + .5) / 200, a = towards_identity (.3, s * s), u = .25 + s * s;
      want += gsl_pow_2 (a * pow (u / 1.25, .7) - towards_identity (.3, 1)) / 200;
    }
  want *= 901; // E x_t^2
  cr_assert_lt (error, .015 * want);
  cr_assert_lt (fabs (mean - want), 4.9 * error + .01 * want, "%g (%g), not %g", mean, error, want);
}

// $t'$ is uniform in the window, which ends at the smallest level; [consistent.set-window-steps] below that there is no
// path. [consistent.txt-window] [consistent.txt-objective]

Test (consistency, ends_are_uniform_in_the_window)
{
  sb_process *edm = scoped (sb_edm_alloc (1, .002, 80));
  enum
  {
    N = 20000
  };
  const sb_objective o = objective_on (edm, 1);
  const sb_objective_batch *b = evaluated (&o, denoiser_identity (edm), N, 0);
  double share[N];
  size_t inside = 0;
  for (size_t i = 0; i < N; i++)
    {
      const double t = b->t.data[i], s = b->t.data[N + i];
      cr_assert (s == b->t.data[2 * N + i] && s <= t && s >= GSL_MIN (.002, t) && s >= t - .05);
      if (t > .052)
        share[inside++] = (t - s) / .05;
    }
  cr_assert_gt (inside, N / 2);
  gsl_sort (share, 1, inside);
  double distance = 0;
  for (size_t k = 0; k < inside; k++)
    distance = larger (distance, GSL_MAX (fabs (share[k] - (double)k / (double)inside),
                                          fabs (share[k] - (double)(k + 1) / (double)inside)));
  cr_assert_lt (distance, 2.70 / sqrt ((double)inside));

  // Of a share of the rows each has the window below its own time.
  sb_objective some = o;
  some.key[3] = .25;
  const sb_objective_batch *few = evaluated (&some, denoiser_identity (edm), 1024, 0);
  cr_assert_eq (few->more, 256);
  for (size_t q = 0; q < few->more; q++)
    {
      const double t = few->t.data[few->row[q]], s = few->t.data[1024 + q];
      cr_assert (s <= t && s >= GSL_MIN (.002, t) && s >= t - .05, "row %zu: from %g to %g", few->row[q], t, s);
    }

  // Levels are log-normal. [consistent.set-edm-noisedist]
  double z[N];
  for (size_t i = 0; i < N; i++)
    z[i] = (log (b->t.data[i]) + 1.2) / 1.2;
  gsl_sort (z, 1, N);
  for (size_t k = 0; k < N; k++)
    cr_assert_lt (fabs (gsl_cdf_ugaussian_P (z[k]) - (k + .5) / N), 2.70 / sqrt (N) + .5 / N);
  cr_assert_float_eq (sb_levels_lognormal->quantile (o.levels_key, 0, 1, .2), .109707, 1e-6);
  cr_assert_float_eq (sb_levels_lognormal->quantile (o.levels_key, 0, 1, .5), .301194, 1e-6);

  // Below the smallest level, and at it, there is no path: no loss, no gradient.
  sb_objective low = o;
  low.levels = NULL;
  low.t_min = .001, low.t_max = .002;
  const sb_objective_batch *still = evaluated (&low, denoiser_d (edm, .5), 50, 0);
  for (size_t i = 0; i < 50; i++)
    cr_assert (still->regulariser.data[i] == 0 && still->bar.data[50 + i] == 0 && still->bar.data[100 + i] == 0
               && still->x.data[50 + i] == still->x.data[i]);
}

// The truncated gradient is the slope of the loss with its points held still, in every parameter of
// a small network. [consistent.txt-cdm-train] [consistent.txt-objective]

static double
loss_with_points_still (const sb_score *score, sb_objective_batch *b)
{
  double sum = 0;
  ok (sb_score_evaluate (score, SB_DENOISER, &b->x, &b->t, NULL, &b->estimate));
  ok (sb_objective_find_loss (b));
  for (size_t i = 0; i < b->n; i++)
    sum += b->loss.data[i];
  return sum;
}

// So it is where the network learned under another process, VP, and is trained on as one of EDM's.

static void
check_truncated_gradient (bool rescaled)
{
  sb_process *edm = scoped (sb_edm_alloc (MLP_D, .002, 80));
  model w = mlp_alloc (1);
  sb_score *own = scoped (sb_score_alloc (&mlp_type, &w, rescaled ? scoped (sb_vp_alloc (MLP_D, .1, 20)) : edm)),
           *score = rescaled ? scoped (sb_score_rescale_alloc (own, edm, false)) : own;
  for (int share = 1; share <= (rescaled ? 1 : 4); share *= 4)
    {
      sb_objective o = objective_on (edm, 50);
      o.key[3] = 1. / share;
      o.levels_key[1] = .4; // numbers of one size, for the differences
      o.key[1] = rescaled ? .2 : .05;
      o.t_min = rescaled ? .02 : .002; // what VP learned begins at .01
      sb_objective_batch *b = evaluated (&o, score, 32, 0);
      cr_assert_eq (b->more, (size_t)(32 / share));
      memset (w.theta_bar, 0, w.parameters * sizeof (double));
      ok (sb_objective_backward (score, 1, b));
      for (size_t k = 0; k < w.parameters; k++)
        {
          const double was = w.theta[k], h = 1e-3, weight[] = { 1, -8, 8, -1 }, by[] = { -2, -1, 1, 2 };
          double slope = 0;
          for (int p = 0; p < 4; p++)
            {
              w.theta[k] = was + by[p] * h;
              slope += weight[p] * loss_with_points_still (score, b) / (12 * h);
            }
          w.theta[k] = was;
          cr_assert_float_eq (w.theta_bar[k], slope, 1e-6 * (1 + fabs (slope)), "parameter %zu: %.10g, not %.10g", k,
                              w.theta_bar[k], slope);
        }
    }
}

Test (consistency, truncated_gradient_is_the_slope_with_the_points_held)
{
  check_truncated_gradient (false);
  check_truncated_gradient (true);
}

// The whole objective, of D on $\mathcal N(0, .25)$ from $t = 1$ to $\sqrt{.1}$, is least at the true denoiser,
// whatever lambda is: by golden section, for the steps in the variance have no error there. [consistent.txt-objective]

static double
whole_objective (double delta, void *lambda)
{
  const size_t mark = scope_mark ();
  const sb_partial_path p = { sb_step_reverse_diffusion, NULL, 4, 7 };
  const sb_score *score = denoiser_d (from_zero (1), delta);
  const double a = denoised (score, 1, 1), of_data = gsl_pow_2 (1 - a) * .25 + a * a,
               all = of_data + *(double *)lambda * 1.25 * exact_loss (&p, score, 1, 1, sqrt (.1)); // E x_t^2 = 1.25
  scope_release (mark);
  return all;
}

Test (consistency, whole_objective_is_least_at_the_true_denoiser)
{
  for (double lambda = 0; lambda <= 20; lambda = 4 * lambda + 4)
    {
      gsl_min_fminimizer *m = gsl_min_fminimizer_alloc (gsl_min_fminimizer_goldensection);
      gsl_function f = { whole_objective, &lambda };
      ok (gsl_min_fminimizer_set (m, &f, .1, -.4, .45));
      for (int k = 0; k < 40; k++)
        ok (gsl_min_fminimizer_iterate (m));
      cr_assert_lt (fabs (gsl_min_fminimizer_x_minimum (m)), 1e-6, "lambda = %g: %g", lambda,
                    gsl_min_fminimizer_x_minimum (m));
      gsl_min_fminimizer_free (m);
    }
}

// Two half-batches, one after the other, have the gradient of the whole one. [consistent.set-afhq]

Test (consistency, gradient_of_two_half_batches)
{
  model w = mlp_alloc (1);
  const sb_score *score = scoped (sb_score_alloc (&mlp_type, &w, scoped (sb_edm_alloc (MLP_D, .002, 80))));
  const sb_objective o = objective_on (score->process, 50);
  const sb_stream stream = { 7, 0, 0 };
  const gsl_matrix *x = normals (32, MLP_D, 61);
  gsl_vector *loss = vector (32), *half = vector (16);
  ok (sb_objective_gradient (&o, score, x, NULL, stream, 1. / 32, loss));
  double *whole = scoped ((double *)malloc (w.parameters * sizeof (double)));
  memcpy (whole, w.theta_bar, w.parameters * sizeof (double));
  memset (w.theta_bar, 0, w.parameters * sizeof (double));
  for (size_t k = 0; k < 2; k++)
    {
      gsl_matrix_const_view x_k = gsl_matrix_const_submatrix (x, 16 * k, 0, 16, MLP_D);
      ok (sb_objective_gradient (&o, score, &x_k.matrix, NULL, sb_stream_skip (stream, 16 * k), 1. / 32, half));
      for (size_t i = 0; i < 16; i++)
        cr_assert_float_eq (at (half, i), at (loss, 16 * k + i), 1e-12 * (1 + fabs (at (half, i))));
    }
  for (size_t k = 0; k < w.parameters; k++)
    cr_assert_float_eq (w.theta_bar[k], whole[k], 1e-12 * (1 + fabs (whole[k])), "parameter %zu", k);
}

// A share of the samples has paths, and counts as many times more: the mean is the same. Which they are depends on
// their number alone; row by row the loss is what it is among others, with the row's own condition, here its delta.
// [consistent.txt-cdm-train] [consistent.txt-objective]

Test (consistency, of_a_share_of_the_samples)
{
  sb_process *edm = scoped (sb_edm_alloc (1, .002, 80));
  const sb_score *score = scoped (sb_score_alloc (&told_type, NULL, edm));
  gsl_matrix *y = matrix (64, 1);
  sb_objective all = objective_on (edm, 2), share = all;
  for (size_t i = 0; i < 64; i++)
    gsl_matrix_set (y, i, 0, .1 + .01 * (double)i);
  share.key[3] = .25;
  const sb_objective_batch *a = evaluated_given (y, &all, score, 64, 0), *b = evaluated_given (y, &share, score, 64, 0);
  cr_assert_eq (b->more, 16);
  for (size_t i = 0, q = 0; i < 64; i++)
    if (q < b->more && b->row[q] == i)
      {
        cr_assert_float_eq (b->regulariser.data[i], 4 * a->regulariser.data[i], 1e-12 * fabs (a->regulariser.data[i]));
        q++;
      }
    else
      cr_assert_eq (b->regulariser.data[i], 0);

  const sb_objective_batch *later = evaluated_given (y, &share, score, 64, SB_NETWORK_ROWS);
  for (size_t i = 0; i + SB_NETWORK_ROWS < 64; i++)
    cr_assert_eq (later->regulariser.data[i] != 0, b->regulariser.data[i + SB_NETWORK_ROWS] != 0, "row %zu", i);
}

// ## What a step costs
//
// With six steps a network goes forward 13 times: at $\mathbf x_t$, which the first steps share, five times more on
// each path, and at both ends; and three times back. Denoising alone takes one of each. [consistent.txt-cost]

Test (consistency, costs_as_many_passes_as_are_counted)
{
  sb_process *edm = scoped (sb_edm_alloc (1, .002, 80));
  gain g = delta_x (.3);
  const sb_score *score = score_of (&g, edm);
  const size_t n = 5;
  for (size_t steps = 1; steps <= 6; steps += 5)
    {
      sb_objective o = objective_on (edm, 1);
      o.key[2] = (double)steps;
      g.rows = g.products = 0;
      ok (sb_objective_gradient (&o, score, normals (n, 1, 1), NULL, (sb_stream){ 1, 0, 0 }, 1, vector (n)));
      cr_assert (g.rows == n * (1 + 2 * (steps - 1) + 2) && g.products == 3, "%zu rows, %zu products", g.rows,
                 g.products);
    }
  sb_objective none = objective_on (edm, 0);
  g.rows = g.products = 0;
  ok (sb_objective_gradient (&none, score, normals (n, 1, 1), NULL, (sb_stream){ 1, 0, 0 }, 1, vector (n)));
  cr_assert (g.rows == n && g.products == 1);
}

// ## Without the data below a level
//
// Rows at times up to t_above have no loss and no gradient of the data, to the bit, and are counted. With consistency
// they have one all the same. [consistent.txt-partial-dsm]

Test (consistency, looks_at_the_data_above_a_time)
{
  sb_process *edm = scoped (sb_edm_alloc (2, .002, 80));
  const sb_score *score = denoiser_bent (edm);
  const size_t n = 60;
  const sb_objective_type *const types[]
      = { sb_objective_dsm, sb_objective_denoising, sb_objective_soft, sb_objective_clean, sb_objective_consistency };
  for (int k = 0; k < 5; k++)
    {
      sb_objective o = objective_on (edm, 0), above;
      o.type = types[k];
      if (types[k]->entry.key_count == 1)
        sb_entry_usual (&types[k]->entry, o.key);
      above = o;
      above.t_above = .3;
      const sb_objective_batch *a = evaluated (&o, score, n, 0), *b = evaluated (&above, score, n, 0);
      size_t below = 0;
      for (size_t i = 0; i < n; i++)
        {
          const bool seen = a->t.data[i] > .3;
          below += !seen;
          cr_assert_eq (b->loss.data[i], seen ? a->loss.data[i] : 0);
          cr_assert (b->bar.data[2 * i] == (seen ? a->bar.data[2 * i] : 0)
                     && b->bar.data[2 * i + 1] == (seen ? a->bar.data[2 * i + 1] : 0));
        }
      cr_assert (a->below == 0 && b->below == below && below > 0 && below < n);
    }
  sb_objective o = objective_on (edm, 20);
  o.t_above = 79;
  const sb_objective_batch *b = evaluated (&o, score, n, 0);
  for (size_t i = 0; i < n; i++)
    cr_assert (b->loss.data[i] == b->regulariser.data[i] && b->loss.data[i] != 0 && b->bar.data[2 * i] != 0);
}

// Consistency alone then says the rest: gains of levels from .5 down to .01, geometric, each found from the one above
// it by $a_{i+1}\,\mathbb E x_{i+1} = a_i\,x$, are those of $\mathcal N(0, .25)$, to rounding by steps in the variance,
// to first order by steps in time.

static double
chain_error (const sb_step_type *step, size_t levels)
{
  gain g = theta_x (.5);
  const sb_score *score = score_of (&g, from_zero (1));
  const sb_partial_path p = { step, NULL, 1, 1 };
  double worst = 0;
  for (size_t i = 0; i + 1 < levels; i++)
    {
      const double t = .5 * pow (.02, (double)i / (double)(levels - 1)),
                   s = .5 * pow (.02, (double)(i + 1) / (double)(levels - 1));
      const size_t mark = scope_mark ();
      g.theta /= mean_end (&p, score, 1, t, s);
      scope_release (mark);
      worst = larger (worst, fabs (g.theta - .25 / (.25 + s * s)));
    }
  return worst;
}

Test (consistency, carries_a_denoiser_down)
{
  const double of[] = { 7.29e-3, 3.53e-3, 1.74e-3, 8.62e-4 };
  for (size_t k = 0; k < 4; k++)
    {
      const double error = chain_error (sb_step_euler_maruyama, (size_t)64 << k);
      cr_assert_float_eq (error, of[k], .005 * of[k], "%g, not %g", error, of[k]);
    }
  cr_assert_lt (chain_error (sb_step_reverse_diffusion, 64), 1e-12);
}

// ## What is refused

static int
not_a_number (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              gsl_matrix *out)
{
  (void)state, (void)view, (void)y;
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (out, i, 0, at (t, i) < .9 ? GSL_NAN : 0);
  return GSL_SUCCESS;
}

static char reason_given[256];
static size_t reasons;

static void
hear (const char *reason, const char *file, int at_line, int code)
{
  (void)file, (void)at_line, (void)code;
  snprintf (reason_given, sizeof reason_given, "%s", reason);
  reasons++;
}

// One message says where it was: the row, the time and the step.

Test (consistency, names_row_and_step_of_what_is_not_finite)
{
  static const sb_score_type breaks = { .name = "breaks", .views = SB_DENOISER, .evaluate = not_a_number };
  const sb_score *score = scoped (sb_score_alloc (&breaks, NULL, from_zero (1)));
  const sb_partial_path p = in_variance ();
  sb_path_work *w = sb_path_work_alloc (score, 3);
  gsl_set_error_handler (hear);
  refused (GSL_EBADFUNC, sb_partial_path_take (&p, w, NULL, vector_of (4, 1.1, 4), vector_of (1, .6, 2),
                                               (sb_stream){ 1, SB_FOR_PATH, 0 }, 0, NULL, NULL, matrix_all (3, 1, 1)));
  gsl_set_error_handler_off ();
  cr_assert_eq (reasons, 1);
  cr_assert (strstr (reason_given, "at row 1, column 0, ") && strstr (reason_given, " in step 3 of 4"), "%s",
             reason_given);
  sb_path_work_free (w);
}

// A path, where it is to be kept and where it starts are of its rows and steps.

Test (consistency, refuses_paths_that_do_not_fit)
{
  gain g = theta_x (.5);
  const sb_score *score = score_of (&g, scoped (sb_edm_alloc (1, .002, 80)));
  const sb_partial_path p = { sb_step_euler_maruyama, NULL, 2, 7 };
  gsl_matrix *x = matrix_all (2, 1, 1), *four = matrix (4, 1), *three = matrix (3, 1), *wide = matrix (4, 2);
  gsl_vector *t = vector_all (2, 1), *s = vector_all (2, .5), *of_four = vector (4), *of_three = vector (3);
  const sb_stream stream = { 0 };
  sb_path_work *w = sb_path_work_alloc (score, 2), *of_none = sb_path_work_alloc (score, 0);
  sb_path_record bad[]
      = { { three, four, of_four, of_four }, { four, three, of_four, of_four }, { wide, four, of_four, of_four },
          { four, wide, of_four, of_four },  { four, four, of_three, of_four }, { four, four, of_four, of_three } },
      good = { four, four, of_four, of_four };
  ok (sb_partial_path_take (&p, w, NULL, t, s, stream, 0, NULL, &good, x));
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    refused (GSL_EBADLEN, sb_partial_path_take (&p, w, NULL, t, s, stream, 0, NULL, &bad[k], x), "case %zu", k);
  refused (GSL_EBADLEN, sb_partial_path_take (&p, w, NULL, of_three, of_three, stream, 0, NULL, NULL, three));
  refused (GSL_EBADLEN, sb_partial_path_take (&p, w, NULL, of_three, s, stream, 0, NULL, NULL, x));
  refused (GSL_EBADLEN, sb_partial_path_take (&p, w, NULL, t, of_three, stream, 0, NULL, NULL, x));
  refused (GSL_EBADLEN, sb_partial_path_take (&p, w, NULL, t, s, stream, 0, three, NULL, x));
  refused (GSL_EBADLEN, sb_partial_path_take (&p, w, NULL, t, s, stream, 0, matrix (2, 2), NULL, x));
  refused (GSL_EDOM, sb_partial_path_take (&p, w, NULL, t, vector_all (2, -.5), stream, 0, NULL, NULL, x));
  refused (GSL_EDOM, sb_partial_path_take (&p, w, NULL, t, vector_of (.5, -.5), stream, 0, NULL, NULL, x));
  refused (GSL_EDOM, sb_partial_path_take (&p, w, NULL, t, t, stream, 0, NULL, NULL, x));
  ok (sb_partial_path_take (&p, of_none, NULL, vector (0), vector (0), stream, 0, NULL, NULL, matrix (0, 1)));
  sb_path_work_free (w);
  sb_path_work_free (of_none);
}

// More steps than memory holds are no overflow.

Test (consistency, refuses)
{
  sb_process *edm = scoped (sb_edm_alloc (1, .002, 80)), *chain = scoped (sb_smld_alloc (1, 4, .1, 1));
  gain g = theta_x (.5);
  const sb_score *score = score_of (&g, edm), *on_chain = score_of (&g, chain);
  gsl_matrix *x = matrix_all (2, 1, 1);
  gsl_vector *t = vector_all (2, 1), *s = vector_all (2, .5), *loss = vector (2);
  const sb_stream stream = { 0 };
  const sb_partial_path p = in_variance (), none = { sb_step_euler_maruyama, NULL, 0, 7 },
                        flat = { sb_step_euler_maruyama, NULL, 3, 0 }, untyped = { NULL, NULL, 3, 7 },
                        heun = { sb_step_flow_heun, NULL, 3, 7 };
  refused (GSL_EINVAL, sb_consistency_loss (score, &p, 1, NULL, t, s, x, stream, loss, NULL));
  refused (GSL_EINVAL, sb_consistency_loss_with_error (score, &p, 2, NULL, t, s, x, stream, loss, loss));
  refused (GSL_EBADLEN, sb_consistency_loss_with_error (score, &p, 3, NULL, t, s, x, stream, loss, vector (3)));
  refused (GSL_ENOMEM,
           sb_consistency_loss_with_error (score, &p, SIZE_MAX / 2, NULL, t, s, x, stream, loss, vector (2)));
  ok (sb_consistency_loss_with_error (score, &p, 3, NULL, vector (0), vector (0), matrix (0, 1), stream, vector (0),
                                      vector (0)));
  refused (GSL_EINVAL, sb_consistency_loss (score, &none, 2, NULL, t, s, x, stream, loss, NULL));
  refused (GSL_EINVAL, sb_consistency_loss (score, &flat, 2, NULL, t, s, x, stream, loss, NULL));
  refused (GSL_EINVAL, sb_consistency_loss (score, &untyped, 2, NULL, t, s, x, stream, loss, NULL));
  refused (GSL_EDOM, sb_consistency_loss (score, &p, 2, NULL, s, t, x, stream, loss, NULL));
  refused (GSL_EDOM, sb_consistency_loss (score, &p, 2, NULL, t, vector_of (1.1, .5), x, stream, loss, NULL));
  refused (GSL_EDOM, sb_consistency_loss (score, &p, 2, NULL, t, vector_of (-.1, .5), x, stream, loss, NULL));
  refused (GSL_EDOM, sb_consistency_loss (score, &p, 2, NULL, t, vector_all (2, GSL_NAN), x, stream, loss, NULL));
  refused (GSL_EBADLEN, sb_consistency_loss (score, &p, 2, NULL, t, s, x, stream, vector (3), NULL));
  refused (GSL_EBADLEN, sb_consistency_loss (score, &p, 2, NULL, t, s, x, stream, loss, vector (3)));
  refused (GSL_EUNSUP, sb_consistency_loss (on_chain, &p, 2, NULL, t, s, x, stream, loss, NULL));
  refused (GSL_EBADLEN, sb_consistency_loss (score, &p, 2, NULL, vector_all (3, 1), s, x, stream, loss, NULL));
  refused (GSL_EBADLEN, sb_consistency_loss (score, &p, 2, NULL, t, vector_all (3, .5), x, stream, loss, NULL));
  refused (GSL_EBADLEN, sb_consistency_loss (score, &p, 2, NULL, t, s, matrix_all (2, 2, 1), stream, loss, NULL));
  ok (sb_consistency_loss (score, &p, 2, NULL, vector (0), vector (0), matrix (0, 1), stream, vector (0), NULL));
  ok (sb_consistency_gradient (score, &p, SB_CONSISTENCY_PATH, NULL, vector (0), vector (0), matrix (0, 1), stream, 1,
                               vector (0)));
  refused (GSL_EUNSUP, sb_consistency_gradient (score, &heun, SB_CONSISTENCY_PATH, NULL, t, s, x, stream, 1, loss));

  // The density of a step of the reverse SDE is known where all of its noise is added.
  for (double share = 0.5; share <= 1; share += 0.5)
    {
      const sb_partial_path noisy = { sb_step_euler_maruyama, &share, 2, 7 };
      refused (share == 1 ? GSL_SUCCESS : GSL_EUNSUP,
               sb_consistency_gradient (score, &noisy, SB_CONSISTENCY_PATH, NULL, t, s, x, stream, 1, loss));
    }
  const sb_partial_path endless = { sb_step_euler_maruyama, NULL, SIZE_MAX / 2 + 1, 7 };
  refused (GSL_ENOMEM, sb_consistency_gradient (score, &endless, SB_CONSISTENCY_PATH, NULL, t, s, x, stream, 1, loss));
  static const sb_score_type breaks = { .name = "breaks", .views = SB_DENOISER, .evaluate = not_a_number };
  refused (GSL_EBADFUNC, sb_consistency_loss (scoped (sb_score_alloc (&breaks, NULL, edm)), &p, 2, NULL, t, s, x,
                                              stream, loss, NULL));
  static const sb_score_type still = { .name = "no derivatives", .views = SB_DENOISER, .evaluate = gain_evaluate };
  refused (GSL_EUNSUP, sb_consistency_gradient (scoped (sb_score_alloc (&still, &g, edm)), &p, SB_CONSISTENCY_TRUNCATED,
                                                NULL, t, s, x, stream, 1, loss));

  // As an objective.
  const struct
  {
    size_t key;
    double value;
  } bad[] = { { 0, -1 }, { 0, GSL_NAN }, { 1, 0 }, { 1, -.1 }, { 1, GSL_NAN },
              { 2, 0 },  { 2, 1.5 },     { 3, 0 }, { 3, 1.1 }, { 5, 0 } };
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    {
      sb_objective o = objective_on (edm, 1);
      o.key[bad[k].key] = bad[k].value;
      cr_assert_null (sb_objective_batch_alloc (&o, 3), "case %zu", k);
    }
  sb_objective of_chain = sb_objective_of (sb_objective_consistency, chain, 0), below = objective_on (edm, 1);
  cr_assert_null (sb_objective_batch_alloc (&of_chain, 3));
  below.t_above = -1;
  cr_assert_null (sb_objective_batch_alloc (&below, 3));
  for (double sigma_max = 1; sigma_max <= 2; sigma_max++)
    {
      sb_objective lognormal = sb_objective_of (sb_objective_dsm, scoped (sb_smld_alloc (1, 4, .1, sigma_max)), 0);
      cr_assert_not_null (scoped (sb_objective_batch_alloc (&lognormal, 3)));
      lognormal.levels = sb_levels_lognormal;
      sb_entry_usual (&sb_levels_lognormal->entry, lognormal.levels_key);
      cr_assert_null (sb_objective_batch_alloc (&lognormal, 3));
    }
}
