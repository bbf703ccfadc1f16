// # Consistent, and conservative
//
// A denoiser $\mathbf h$ is the posterior mean of some law exactly if it is consistent, the mean of where its own
// reverse process leads, and conservative, $(\mathbf h - \mathbf x)/v$ a gradient of a log density. $\sigma_t = t$,
// $v = t^2$.

#include "denoisers.h"
#include "process/edm.h"
#include "sampler/drift.h"
#include "scope.h"
#include "score/asymmetry.h"
#include "score/exact.h"
#include "score/pde.h"
#include "transition/path.h"
#include "transition/posterior.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (two_properties);

enum
{
  N = 60
};

static sb_process *
edm (size_t d)
{
  return scoped (sb_edm_alloc (d, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
}

static sb_score *
exact (const sb_target *law)
{
  return scoped (sb_score_exact_alloc (law, edm (law->dimension)));
}

static double
denoiser_at (const sb_score *score, double x, double t)
{
  gsl_matrix *h = matrix (1, 1);
  ok (sb_score_evaluate (score, SB_DENOISER, matrix_all (1, 1, x), vector_of (t), NULL, h));
  return gsl_matrix_get (h, 0, 0);
}

// ## The truth table
//
// Who is consistent says the denoiser's equation, and who has no curl the Jacobian. Both have the denoisers of laws, of
// any, so that a consistent one need not be the right one; and constants, of laws of one point. N2 is consistent and no
// gradient, D a gradient and not consistent, and a field bent at random neither. [consistent.thm3.2.1]
// [consistent.thm1.1] [consistent.prop1] [consistent.prop2] [consistent.txt-optimal-both] [consistent.lem3.1]
// [consistent.eq8]

static bool
is_consistent (const sb_score *score)
{
  const size_t d = score->process->dimension;
  gsl_matrix *x = normals (N, d, 1), *rate = matrix (N, d);
  gsl_vector *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, sqrt (.05 * pow (30, ((double)i + .5) / N)));
  ok (sb_score_pde (score, SB_DENOISER, NULL, t, x, rate));
  const double off = largest_difference (rate, matrix_all (N, d, 0));
  cr_assert (off < 1e-8 || off > .1, "%s: %g", score->type->name, off);
  return off < 1e-8;
}

static bool
has_no_curl (const sb_score *score)
{
  const size_t d = score->process->dimension;
  gsl_vector *ratio = vector (N);
  ok (sb_score_asymmetry (score, SB_SCORE, NULL, vector_all (N, .8), normals (N, d, 1), 0, (sb_stream){ 0 }, ratio));
  const double off = gsl_vector_max (ratio);
  cr_assert (off < 1e-10 || off > .1, "%s: %g", score->type->name, off);
  return off < 1e-10;
}

Test (two_properties, truth_table)
{
  const sb_target *other = scoped (sb_target_mixture_alloc (vector_of (.5, .5), matrix_of (2, 2, 0, 1, .3, -1),
                                                            matrix_of (4, 2, .2, 0, 0, .9, .4, .1, .1, .1)));
  const struct
  {
    const sb_score *of;
    bool consistent, no_curl;
  } table[] = { { exact (line_target (&LINE_M1)), true, true },
                { exact (denoisers_m2 ()), true, true },
                { exact (other), true, true },
                { exact (denoisers_twenty_points (2)), true, true },
                { denoiser_constant (edm (2), .7), true, true },
                { denoiser_identity (edm (2)), true, true },
                { denoiser_n2 (edm (2)), true, false },
                { denoiser_d (edm (2), .3), false, true },
                { denoiser_bent (edm (2)), false, false } };
  for (size_t k = 0; k < sizeof table / sizeof *table; k++)
    {
      cr_assert_eq (is_consistent (table[k].of), table[k].consistent, "row %zu", k);
      cr_assert_eq (has_no_curl (table[k].of), table[k].no_curl, "row %zu", k);
    }
}

// The identity has no curl, and yet no law: its score is 0. The constant is the law of one point, and D of $\delta < 1$
// has at each time the score of the density $\mathcal N(0, (s^2 + v)/(1 - \delta))$, each time of other data.
// [consistent.prop2] [consistent.thm3.2.1]

Test (two_properties, whose_density)
{
  gsl_matrix *x = normals (N, 2, 1), *s = matrix (N, 2), *h = matrix (N, 2);
  ok (sb_score_evaluate (denoiser_identity (edm (2)), SB_SCORE, x, vector_all (N, .8), NULL, s));
  cr_assert_eq (largest_difference (s, matrix_all (N, 2, 0)), 0);
  ok (sb_score_evaluate (exact (scoped (sb_target_points_alloc (matrix_of (1, 2, .7, .7), NULL))), SB_DENOISER, x,
                         vector_all (N, .8), NULL, h));
  cr_assert_lt (largest_difference (h, matrix_all (N, 2, .7)), 1e-15);
  for (double t = .1; t < 3; t *= 2)
    {
      const double v = t * t, variance = (.25 + v) / .7 - v;
      const line data = { 1, { 1 }, { 0 }, { variance } };
      cr_assert_float_eq (denoiser_at (denoiser_d (edm (1), .3), 1.3, t),
                          denoiser_at (exact (line_target (&data)), 1.3, t), 1e-12);
    }
}

// ## Consistency is a martingale
//
// The mean of $h(x_s, s)$ over the reverse kernel is $h(x_t, t)$: the kernel by Bayes' rule from the library's
// densities, on a grid. [consistent.lem3.1] [consistent.eq8] [consistent.prop1] [consistent.txt-optimal-both]

static double
mean_by_bayes (const sb_target *law, const sb_score *score, double x, double s, double t)
{
  enum
  {
    NODES = 4001
  };
  const double width = 9 * sqrt (t * t - s * s);
  gsl_matrix *y = matrix (NODES, 1), *h = matrix (NODES, 1), *to = matrix_all (NODES, 1, x);
  gsl_vector *s_all = vector_all (NODES, s), *log_p = vector (NODES), *log_q = vector (NODES);
  for (size_t i = 0; i < NODES; i++)
    gsl_matrix_set (y, i, 0, x + width * (2 * (double)i / (NODES - 1) - 1));
  ok (sb_target_log_density (law, score->process, y, s_all, log_p));
  ok (sb_kernel_log_density (score->process, s_all, vector_all (NODES, t), y, to, log_q));
  ok (sb_score_evaluate (score, SB_DENOISER, y, s_all, NULL, h));
  double sum = 0, mass = 0;
  for (size_t i = 0; i < NODES; i++)
    {
      const double share = exp (gsl_vector_get (log_p, i) + gsl_vector_get (log_q, i));
      mass += share;
      sum += share * gsl_matrix_get (h, i, 0);
    }
  return sum / mass;
}

Test (two_properties, denoisers_of_laws_are_martingales)
{
  const sb_target *const of[]
      = { line_target (&LINE_G), line_target (&LINE_M1), denoisers_two_points (1), denoisers_twenty_points (1) };
  const double times[][2] = { { .5, 1 }, { .1, 1 }, { 1, 2 }, { .2, .3 } };
  for (int k = 0; k < 4; k++)
    for (int l = 0; l < 4; l++)
      for (double x = -2; x <= 2; x += .8)
        {
          const sb_score *score = exact (of[k]);
          const double s = times[l][0], t = times[l][1];
          cr_assert_float_eq (mean_by_bayes (of[k], score, x, s, t), denoiser_at (score, x, t), 1e-10,
                              "law %d, x = %g, from %g to %g", k, x, t, s);
        }
}

// In the plane by pairs $(\mathbf x_s, \mathbf x_t)$: $\mathbf h(\mathbf x_s) - \mathbf h(\mathbf x_t)$ has mean 0
// whatever $\mathbf x_t$ is. [consistent.txt-optimal-both]

Test (two_properties, in_the_plane)
{
  enum
  {
    MANY = 100000
  };
  const sb_score *score = exact (denoisers_m2 ());
  gsl_matrix *x = matrix (MANY, 2), *h_s = matrix (MANY, 2), *h_t = matrix (MANY, 2);
  const gsl_vector *s = vector_all (MANY, .4), *t = vector_all (MANY, 1.1);
  ok (sb_target_sample (denoisers_m2 (), (sb_stream){ 1, SB_FOR_DATA, 0 }, x));
  ok (sb_process_transition (score->process, NULL, s, normals (MANY, 2, 2), x));
  ok (sb_score_evaluate (score, SB_DENOISER, x, s, NULL, h_s));
  ok (sb_process_transition (score->process, s, t, normals (MANY, 2, 3), x));
  ok (sb_score_evaluate (score, SB_DENOISER, x, t, NULL, h_t));
  gsl_matrix_sub (h_s, h_t);
  for (int k = 0; k < 6; k++)
    {
      gsl_vector *off = vector (MANY);
      for (size_t i = 0; i < MANY; i++)
        {
          const double a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1),
                       phi[] = { 1, sin (a + b), a * a - b };
          gsl_vector_set (off, i, phi[k / 2] * gsl_matrix_get (h_s, i, (size_t)k % 2));
        }
      const double error = gsl_stats_sd (off->data, 1, MANY) / sqrt (MANY);
      cr_assert_lt (fabs (gsl_stats_mean (off->data, 1, MANY)), 5.25 * error, "function %d", k);
    }
}

// The tower of the proof: the mean over $x_r$ given $x_s$, and of that over $x_s$ given $x_t$, is the mean over $x_r$
// given $x_t$; with $r = 0$ it is $h$. [consistent.txt-B2-tower]

static double
mean_denoiser (const sb_score *score, double r, const line *given)
{
  gsl_vector *weight = vector (LINE_NODES * given->K);
  const gsl_matrix *y = line_nodes (given, weight);
  gsl_matrix *h = matrix (weight->size, 1);
  double mean;
  ok (sb_score_evaluate (score, SB_DENOISER, y, vector_all (weight->size, r), NULL, h));
  gsl_vector_const_view values = gsl_matrix_const_column (h, 0);
  gsl_blas_ddot (weight, &values.vector, &mean);
  return mean;
}

Test (two_properties, tower)
{
  const double r = .3, s = .6, t = 1;
  const sb_score *score = exact (line_target (&LINE_M1));
  for (double x = -1.5; x < 2; x += 1.1)
    {
      const line at_s = line_given (&LINE_M1, s * s, t * t, x);
      gsl_vector *weight = vector (LINE_NODES * at_s.K);
      const gsl_matrix *y = line_nodes (&at_s, weight);
      double mean = 0;
      for (size_t i = 0; i < weight->size; i++)
        {
          const size_t mark = scope_mark ();
          const line at_r = line_given (&LINE_M1, r * r, s * s, gsl_matrix_get (y, i, 0));
          mean += gsl_vector_get (weight, i) * mean_denoiser (score, r, &at_r);
          scope_release (mark);
        }
      cr_assert_float_eq (mean, denoiser_at (score, x, t), 1e-11, "x = %g", x);
    }
}

// ## Where a linear denoiser's own process leads
//
// Its reverse drift is $\alpha(t)\,x$, so that the mean of $x_s$ given $x_t$ moves with $\dot m = \alpha m$ and the
// variance with $\dot V = 2\alpha V - g^2$: Runge and Kutta's method, in $\log t$.

typedef struct
{
  double mean, variance;
} moments;

static moments
moments_rate (const sb_score *score, double log_t, moments at)
{
  const double t = exp (log_t);
  gsl_matrix *x = matrix_of (2, 1, 1, 0), *drift = matrix (2, 1);
  ok (sb_reverse_drift (score, NULL, vector_all (2, t), x, drift));
  const double alpha = gsl_matrix_get (drift, 0, 0) - gsl_matrix_get (drift, 1, 0),
               g = number_of (score->process, SB_G, 0, t);
  return (moments){ t * (gsl_matrix_get (drift, 1, 0) + alpha * at.mean), t * (2 * alpha * at.variance - g * g) };
}

static moments
plus (moments a, double h, moments b)
{
  return (moments){ a.mean + h * b.mean, a.variance + h * b.variance };
}

static moments
led_to (const sb_score *score, moments at, double s, double t)
{
  const int steps = 400;
  const double h = log (s / t) / steps;
  for (int k = 0; k < steps; k++)
    {
      const size_t mark = scope_mark ();
      const double l = log (t) + k * h;
      const moments a = moments_rate (score, l, at), b = moments_rate (score, l + h / 2, plus (at, h / 2, a)),
                    c = moments_rate (score, l + h / 2, plus (at, h / 2, b)),
                    d = moments_rate (score, l + h, plus (at, h, c));
      at = plus (plus (plus (plus (at, h / 6, a), h / 3, b), h / 3, c), h / 6, d);
      scope_release (mark);
    }
  return at;
}

static double
mean_at (const sb_score *score, double x, double s, double t)
{
  return led_to (score, (moments){ x, 0 }, s, t).mean;
}

// The consistent ones lead to themselves; D to $x\,(u_s/u_t)^{1-\delta}$, $u = s^2 + v$, where its denoiser has another
// value. And so does S. [consistent.eq8] [consistent.prop1] [consistent.lem3.1]

Test (two_properties, of_linear_denoisers)
{
  const double x = 1.5, s = sqrt (.1), t = 1;
  const sb_score *const consistent[]
      = { exact (line_target (&LINE_G)), denoiser_identity (edm (1)), denoiser_constant (edm (1), .7) };
  for (int k = 0; k < 3; k++)
    cr_assert_float_eq (denoiser_at (consistent[k], mean_at (consistent[k], x, s, t), s),
                        denoiser_at (consistent[k], x, t), 1e-9, "%d", k);

  const sb_score *d = denoiser_d (edm (1), .3), *mis = denoiser_s (edm (1), .3);
  cr_assert_float_eq (mean_at (d, x, s, t), x * pow (.35 / 1.25, .7), 1e-9);
  cr_assert_float_eq (denoiser_at (d, mean_at (d, x, s, t), s), (.25 + .03) / .35 * x * pow (.35 / 1.25, .7), 1e-9);
  cr_assert_gt (fabs (denoiser_at (d, mean_at (d, x, s, t), s) - denoiser_at (d, x, t)), .1);
  cr_assert_gt (fabs (denoiser_at (mis, mean_at (mis, x, s, t), s) - denoiser_at (mis, x, t)), .05);
  cr_assert_float_eq (mean_at (d, x, .002, t), x * pow (.250004 / 1.25, .7), 1e-9);
  cr_assert_gt (fabs (mean_at (d, x, .002, t) - denoiser_at (d, x, t)), .1);
}

// Property 1 speaks of $t > 0$ alone, and does not give the Lemma's $h(x, 0) = x$: the denoiser of a law at 0 is
// $h = 0$, its process is a Brownian bridge with mean $xv'/v$ and variance $v'(1 - v'/v)$ that ends in 0, and at
// $t = 0$ it is still 0. (The proof ends with $h(x, 0) = x_0$ for $x$.) [consistent.lem3.1] [consistent.txt-B2-tower]

Test (two_properties, erratum_lem31_at_time_0)
{
  const sb_score *zero = denoiser_constant (edm (1), 0);
  sb_posterior bridge;
  cr_assert (is_consistent (zero));
  for (double s = .9; s > .002; s /= 2)
    {
      const moments at_s = led_to (zero, (moments){ 1.5, 0 }, s, 1);
      ok (sb_posterior_at (zero->process, SB_DENOISER, s, 1, &bridge));
      cr_assert_float_eq (at_s.mean, bridge.of_x * 1.5, 1e-9);
      cr_assert_float_eq (at_s.variance, bridge.variance, 1e-9);
      cr_assert_float_eq (at_s.mean, 1.5 * s * s, 1e-9);
    }
  cr_assert_eq (denoiser_at (zero, 1.5, 0), 0);
}

// ## Drift
//
// Driven by a wrong score, samples move away from the law, the more the smaller $t$: by D of $\delta = .1$ from the
// right law at $u = 4.25$ the variance over $u$ grows. [consistent.txt-drift]

Test (two_properties, wrong_scores_drift)
{
  const double u[] = { 2, 1, .5, .25 }, ratio[] = { 1.1132, 1.1714, 1.2049, 1.2241 }, delta = .1;
  const sb_score *d = denoiser_d (edm (1), delta);
  moments at = { 0, 4.25 };
  double from = 2, before = 1;
  for (int k = 0; k < 4; k++)
    {
      const double to = GSL_MAX (sqrt (u[k] - .25), .002);
      at = led_to (d, at, to, from);
      from = to;
      const double found = at.variance / (.25 + to * to),
                   wanted = (1 - 2 * delta * pow ((.25 + to * to) / 4.25, 1 - 2 * delta)) / (1 - 2 * delta);
      cr_assert_float_eq (found, wanted, 1e-9);
      cr_assert_float_eq (found, ratio[k], 6e-5);
      cr_assert_gt (found, before);
      before = found;
    }
}

// ## Enforced locally
//
// Over a short window a denoiser's gap is the residual of its equation times the window: of D,
// $2L^2/(v - v')^2 \to \delta^2(1 - \delta)^2x^2v^2/u^4$. [consistent.txt-related-fp]

Test (two_properties, over_a_short_window)
{
  const sb_score *d = denoiser_d (edm (1), .2);
  const double s = sqrt (1 - 1e-4), gap = denoiser_at (d, mean_at (d, 1, s, 1), s) - denoiser_at (d, 1, 1);
  gsl_matrix *rate = matrix (1, 1);
  ok (sb_score_pde (d, SB_DENOISER, NULL, vector_of (1), matrix_all (1, 1, 1), rate));
  cr_assert_float_eq (gsl_pow_2 (gap / 1e-4), .01048572, 1e-7);
  cr_assert_float_eq (gsl_pow_2 (gsl_matrix_get (rate, 0, 0) / 2), .01048576, 1e-9);
}

// ## Both properties leave one law
//
// A linear $h = a(v)\,x$ is consistent if $a' = a(a - 1)/v$, and then known at all times from one: from the library's
// at $v = .5$ down to $10^{-4}$. [consistent.thm3.2.1] [consistent.thm3.2.2]

static double
gain_rate (double log_v, double a)
{
  return (void)log_v, a * (a - 1);
}

Test (two_properties, one_time_gives_all_of_a_linear_one)
{
  const sb_score *score = exact (line_target (&LINE_G));
  const double h = log (1e-4 / .5) / 2000;
  double a = denoiser_at (score, 1, sqrt (.5));
  for (int k = 0; k < 2000; k++)
    {
      const double p = gain_rate (0, a), q = gain_rate (0, a + h / 2 * p), r = gain_rate (0, a + h / 2 * q),
                   w = gain_rate (0, a + h * r);
      a += h / 6 * (p + 2 * q + 2 * r + w);
    }
  cr_assert_float_eq (a, denoiser_at (score, 1, .01), 1e-10);
  cr_assert_float_eq (a, .9996001599, 1e-10);
}

// Without Property 1 it is not so: D of $\delta = .2$ is the denoiser of $\mathcal N(0, .5625)$ for all $x$ at $v = 1$,
// and another at $v = .1$. [consistent.thm3.2.2]

Test (two_properties, one_time_is_not_enough_without_consistency)
{
  const line data = { 1, { 1 }, { 0 }, { .5625 } };
  const sb_score *d = denoiser_d (edm (1), .2), *of_law = exact (line_target (&data));
  for (double x = -3; x <= 3; x++)
    cr_assert_float_eq (denoiser_at (d, x, 1), denoiser_at (of_law, x, 1), 1e-14);
  cr_assert_float_eq (denoiser_at (d, 1, 1), .36, 1e-14);
  cr_assert_float_eq (denoiser_at (d, 1, sqrt (.1)), .771429, 5e-7);
  cr_assert_float_eq (denoiser_at (of_law, 1, sqrt (.1)), .849057, 5e-7);
}

// Among the denoisers of two Gaussians, which have both properties, agreement on 40 points of an interval at one time
// is agreement: whatever start a fit begins from, if it gets there it is M1 everywhere and at all times, the components
// in either order. [consistent.thm3.2.2] [consistent.lemA.5] [consistent.thm1.1]

enum
{
  POINTS = 40,
  PARAMETERS = 5
};

static void
denoisers_of (const gsl_vector *phi, const gsl_matrix *x, double t, gsl_vector *h)
{
  const size_t mark = scope_mark ();
  const double w = 1 / (1 + exp (-gsl_vector_get (phi, 0)));
  const line law = { 2,
                     { w, 1 - w },
                     { gsl_vector_get (phi, 1), gsl_vector_get (phi, 2) },
                     { exp (gsl_vector_get (phi, 3)), exp (gsl_vector_get (phi, 4)) } };
  gsl_matrix *out = matrix (x->size1, 1);
  ok (sb_score_evaluate (exact (line_target (&law)), SB_DENOISER, x, vector_all (x->size1, t), NULL, out));
  gsl_matrix_get_col (h, out, 0);
  scope_release (mark);
}

static int
misfit (const gsl_vector *phi, void *context, gsl_vector *f)
{
  gsl_matrix *const *given = context; // x, and M1's denoiser
  for (size_t k = 0; k < PARAMETERS; k++)
    if (!(fabs (gsl_vector_get (phi, k)) < 12))
      return GSL_EDOM;
  denoisers_of (phi, given[0], .5, f);
  gsl_vector_const_view wanted = gsl_matrix_const_column (given[1], 0);
  return gsl_vector_sub (f, &wanted.vector);
}

Test (two_properties, an_interval_gives_all)
{
  gsl_matrix *x = matrix (POINTS, 1), *wanted = matrix (POINTS, 1), *given[] = { x, wanted };
  const sb_score *m1 = exact (line_target (&LINE_M1));
  for (size_t i = 0; i < POINTS; i++)
    gsl_matrix_set (x, i, 0, .5 * ((double)i + .5) / POINTS);
  ok (sb_score_evaluate (m1, SB_DENOISER, x, vector_all (POINTS, .5), NULL, wanted));

  gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters ();
  how.fdtype = GSL_MULTIFIT_NLINEAR_CTRDIFF;
  gsl_multifit_nlinear_fdf problem = { .f = misfit, .n = POINTS, .p = PARAMETERS, .params = given };
  gsl_multifit_nlinear_workspace *w = gsl_multifit_nlinear_alloc (gsl_multifit_nlinear_trust, &how, POINTS, PARAMETERS);
  gsl_matrix *starts = normals (20, PARAMETERS, 5);
  int arrived = 0, info;
  for (size_t k = 0; k < 20; k++)
    {
      const double near[] = { 0, k % 2 ? 1 : -1, k % 2 ? -1 : 1, -1.5, -1.5 };
      gsl_vector_view start = gsl_matrix_row (starts, k);
      gsl_vector_const_view middle = gsl_vector_const_view_array (near, PARAMETERS);
      gsl_vector_scale (&start.vector, .5);
      gsl_vector_add (&start.vector, &middle.vector);
      gsl_multifit_nlinear_init (&start.vector, &problem, w);
      gsl_multifit_nlinear_driver (400, 1e-15, 0, 0, NULL, NULL, &info, w);
      if (gsl_blas_dnrm2 (gsl_multifit_nlinear_residual (w)) > 1e-13)
        continue;
      arrived++;
      const double at[] = { -3, -1, 1, 3 }, t[] = { .1, .5, 1 };
      for (int j = 0; j < 12; j++)
        {
          gsl_vector *h = vector (1);
          denoisers_of (gsl_multifit_nlinear_position (w), matrix_all (1, 1, at[j % 4]), t[j / 4], h);
          cr_assert_float_eq (gsl_vector_get (h, 0), denoiser_at (m1, at[j % 4], t[j / 4]), 1e-5, "start %zu", k);
        }
    }
  gsl_multifit_nlinear_free (w);
  cr_assert_geq (arrived, 5, "%d arrived", arrived);
}
