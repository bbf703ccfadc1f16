// # The law of a sampler's points
//
// Under $\mathbf x_t = \mathbf x_0 + t\,\mathbf z$ with a denoiser that is linear, a step is $x \mapsto mx + bz$, and
// means and variances go through the library's steps without Monte Carlo. $s^2 = .25$ is the variance of the data, $v =
// t^2$.

#include "denoisers.h"
#include "process/edm.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (reverse_law);

static const double s_2 = .25;

static const sb_process *
edm (void)
{
  return scoped (sb_edm_alloc (1, 1e-6, 80));
}

static const sb_score *
exact (void)
{
  return scoped (sb_score_exact_alloc (line_target (&LINE_G), edm ()));
}

// Of all steps together: m, and the variance of what they add.

typedef struct
{
  double m, added;
} law;

static law
run (const sb_score *score, double eta, const gsl_vector *times)
{
  law all = { 1, 0 };
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 2));
  for (size_t k = 0; k + 1 < times->size; k++)
    {
      const size_t mark = scope_mark ();
      gsl_matrix *x = matrix_of (2, 1, 1, 0);
      ok (sb_step_apply (sb_step_euler_maruyama, &eta, work, NULL, vector_all (2, gsl_vector_get (times, k + 1)),
                         vector_all (2, gsl_vector_get (times, k)), matrix_of (2, 1, 0, 1), x));
      const double m = gsl_matrix_get (x, 0, 0), b = gsl_matrix_get (x, 1, 0);
      all = (law){ m * all.m, m * m * all.added + b * b };
      scope_release (mark);
    }
  return all;
}

// In k steps even in t, and in twice as many: the error of first order goes.

static law
limit (const sb_score *score, double eta, double t, double s, size_t k)
{
  law of[2];
  for (size_t i = 0; i < 2; i++)
    {
      const size_t n = k << i;
      gsl_vector *times = vector (n + 1);
      for (size_t j = 0; j <= n; j++)
        gsl_vector_set (times, j, t + (s - t) * (double)j / (double)n);
      of[i] = run (score, eta, times);
    }
  return (law){ 2 * of[1].m - of[0].m, 2 * of[1].added - of[0].added };
}

static double
denoised (const sb_score *score, double t, double x)
{
  gsl_matrix *h = matrix (1, 1);
  ok (sb_score_evaluate (score, SB_DENOISER, matrix_of (1, 1, x), vector_of (t), NULL, h));
  return gsl_matrix_get (h, 0, 0);
}

// ## The reverse SDE
//
// From a point $x_t$ it ends in $\mathcal N\bigl(x_t\,(s^2 + v')/(s^2 + v),\;(v - v')(s^2 + v')/(s^2 + v)\bigr)$, the
// forward process's law of $x_{t'}$ given $x_t$. [consistent.eq3]

Test (reverse_law, given_a_point)
{
  static const double times[][2] = { { 1, .5 }, { 2, .1 }, { .3, .2 } };
  for (size_t k = 0; k < 3; k++)
    {
      const double v = gsl_pow_2 (times[k][0]), v_s = gsl_pow_2 (times[k][1]), share = (s_2 + v_s) / (s_2 + v);
      const law to = limit (exact (), 1, times[k][0], times[k][1], 2000);
      cr_assert_float_eq (to.m, share, 2e-6, "%.9g, not %.9g", to.m, share);
      cr_assert_float_eq (to.added, (v - v_s) * share, 2e-6, "%.9g", to.added);
    }
}

// ## Others with its marginals
//
// The family over $\eta$ keeps the marginals, $s^2 + v'$ from $s^2 + v$; but $\mathrm E_\eta[h(x_{t'}, t') \mid x_t]$
// is $h(x_t, t)$ times $\bigl((s^2 + v')/(s^2 + v)\bigr)^{(\eta^2 - 1)/2}$: a martingale along the reverse SDE alone.
// [consistent.rem4.1]

Test (reverse_law, the_family_over_eta)
{
  static const double eta[] = { 0, .5, 1, 1.5 }, wanted[] = { 1.889822, 1.611817, 1, .451309 };
  const double t = 1, s = sqrt (.1), x = 1.3;
  const sb_score *score = exact ();
  for (size_t k = 0; k < 4; k++)
    {
      const law to = limit (score, eta[k], t, s, 4000);
      cr_assert_eq (sb_step_noisy (sb_step_euler_maruyama, &eta[k]), eta[k] > 0, "eta = %g: normals are drawn", eta[k]);
      const double ratio = denoised (score, s, to.m * x) / denoised (score, t, x);
      cr_assert_float_eq (ratio, wanted[k], 1e-6, "eta = %g: %.9g", eta[k], ratio);
      cr_assert_float_eq (ratio, pow ((s_2 + s * s) / (s_2 + t * t), (eta[k] * eta[k] - 1) / 2), 5e-7);
      const double marginal = to.m * to.m * (s_2 + t * t) + to.added;
      cr_assert_float_eq (marginal, s_2 + s * s, 1e-6, "eta = %g: %.9g", eta[k], marginal);
    }
}

// ## Drift
//
// A denoiser that is a little off, $(s^2 + \delta v)/(s^2 + v)\,x$, the score of no process that begins with these
// data: its samples begin with the right variance at $u_1 = s^2 + v_1$, and leave it further behind with every step,
// $$ \frac{\mathrm{Var}(x_t)}u = \frac{1 - 2\delta\,(u/u_1)^{1 - 2\delta}}{1 - 2\delta} . $$ [consistent.txt-drift]

Test (reverse_law, drifts_from_the_data)
{
  static const double u[] = { 4.25, 2, 1, .5, .25 + 1e-8 }, wanted[] = { 1, 1.1132, 1.1714, 1.2049, 1.2241 };
  const double delta = .1;
  const sb_score *score = denoiser_d (edm (), delta);
  double V = u[0], before = 1;
  for (size_t k = 1; k < 5; k++)
    {
      const law to = limit (score, 1, sqrt (u[k - 1] - s_2), sqrt (u[k] - s_2), 2000);
      V = to.m * to.m * V + to.added;
      const double ratio = V / u[k], formula = (1 - 2 * delta * pow (u[k] / u[0], 1 - 2 * delta)) / (1 - 2 * delta);
      cr_assert_float_eq (ratio, wanted[k], 6e-5, "u = %g: %.9g", u[k], ratio);
      cr_assert_float_eq (ratio, formula, 5e-6, "u = %g: %.9g, not %.9g", u[k], ratio, formula);
      cr_assert_gt (ratio, before);
      before = ratio;
    }
}

// ## Stopping early
//
// A grid that ends at $t_{\mathrm{threshold}}$, and a denoising. [consistent.txt-early-stop] Of the Gaussian that
// leaves the variance $s^4/(s^2 + v)$, and a distance to the data of $s\,(1 - s/\sqrt{s^2 + v})$: worse than going on,
// if the score is exact.

static gsl_vector *
down_to (double last, size_t steps)
{
  gsl_vector *times = vector (steps + 1);
  for (size_t k = 0; k <= steps; k++)
    {
      const double share = (double)k / (double)GSL_MAX (steps, 1);
      gsl_vector_set (times, k, pow (pow (80, 1. / 7) + share * (pow (last, 1. / 7) - pow (80, 1. / 7)), 7));
    }
  gsl_vector_set (times, steps, last);
  return times;
}

static gsl_matrix *
stopped (const sb_score *score, double last, size_t steps, gsl_matrix *x)
{
  const sb_pc pc = { .step = sb_step_flow_heun, .final = SB_FINAL_DENOISE };
  ok (sb_pc_sample (&pc, score, NULL, down_to (last, steps), (sb_stream){ .seed = 1 }, x, NULL));
  return x;
}

Test (reverse_law, early_stopping)
{
  static const double sigma[] = { .5, .0851, .1097 }, W_2[] = { .14645, .00709, .01162 };
  const double s = sqrt (s_2);
  for (size_t k = 0; k < 3; k++)
    {
      const double v = gsl_pow_2 (sigma[k]), sd = sqrt (s_2 + v),
                   at_once = gsl_matrix_get (stopped (exact (), sigma[k], 0, matrix_of (1, 1, sd)), 0, 0),
                   run = gsl_matrix_get (stopped (exact (), sigma[k], 400, matrix_of (1, 1, sqrt (s_2 + 6400))), 0, 0),
                   further = gsl_matrix_get (stopped (exact (), .002, 400, matrix_of (1, 1, sqrt (s_2 + 6400))), 0, 0);
      cr_assert_float_eq (at_once * at_once, s_2 * s_2 / (s_2 + v), 1e-12);
      cr_assert_float_eq (s - at_once, W_2[k], 6e-6, "%.9g", s - at_once);
      cr_assert_float_eq (run, at_once, 1e-4 * at_once, "%.9g, not %.9g", run, at_once);
      cr_assert_lt (fabs (s - further), .02 * W_2[k]);
    }
}

// Of a mixture it narrows each component.

Test (reverse_law, early_stopping_narrows)
{
  const size_t n = 4000;
  const sb_score *score = scoped (sb_score_exact_alloc (line_target (&LINE_M1), edm ()));
  double variance[2], squares[2], of_upper[2];
  for (int k = 0; k < 2; k++)
    {
      gsl_matrix *x = normals (n, 1, 5);
      gsl_matrix_scale (x, 80);
      stopped (score, k ? .3 : .002, 40, x);
      gsl_vector *upper = vector (n);
      size_t m = 0;
      for (size_t i = 0; i < n; i++)
        if (gsl_matrix_get (x, i, 0) > .5)
          gsl_vector_set (upper, m++, gsl_matrix_get (x, i, 0));
      variance[k] = gsl_stats_variance (upper->data, 1, m);
      squares[k] = gsl_pow_2 (variance[k]) * 2;
      of_upper[k] = (double)m;
    }
  const double z = (variance[0] - variance[1]) / sqrt (squares[0] / of_upper[0] + squares[1] / of_upper[1]);
  cr_assert_gt (z, 8, "%g and %g: z = %g", variance[0], variance[1], z);
}
