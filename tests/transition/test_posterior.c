// # What must be true of a step's posterior
//
// The truth is Bayes' rule: the product of the two densities it is made of, integrated by quadrature.

#include "transition/posterior.h"
#include "chain.h"
#include "transition/path.h"
#include "scope.h"

#include <gsl/gsl_randist.h>
#include <math.h>

SUITE (posterior);

// ## The example
//
// $\beta = .1, .3, .2, .5$, $t = 3$, $x_0 = 0.8$, $x_3 = -0.3$. The product $q(x_3 \mid x_2)\,q(x_2 \mid x_0)$ has the
// mean 0.0558762999 and the variance 0.1491935484. [dsm2ddpm.txt-posterior-mean-x0] [dsm2ddpm.txt-posterior-mean-eps]
// [dsm2ddpm.txt-posterior-var]

static const double X_0 = 0.8, X_3 = -0.3;

typedef struct
{
  chain c;
  int power;
  double centre;
} product;

static double
moment (double x, void *context)
{
  const product *p = context;
  const double bar = (double)p->c.alpha_bar[2];
  return pow (x - p->centre, p->power) * gsl_ran_gaussian_pdf (X_3 - sqrt (0.8) * x, sqrt (0.2))
         * gsl_ran_gaussian_pdf (x - sqrt (bar) * X_0, sqrt (1 - bar));
}

static void
by_quadrature (double *mean, double *variance)
{
  product p = { .power = 0 };
  chain_small (&p.c);
  double mass = chain_integral (moment, &p, -8, 8);
  p.power = 1;
  *mean = p.centre = chain_integral (moment, &p, -8, 8) / mass;
  p.power = 2;
  *variance = chain_integral (moment, &p, -8, 8) / mass;
}

Test (posterior, is_the_product_of_its_two_densities)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 1);
  double mean, variance, bar = (double)c.alpha_bar[3], sd = sqrt (1 - bar), epsilon = (X_3 - sqrt (bar) * X_0) / sd;
  by_quadrature (&mean, &variance);
  cr_assert_float_eq (mean, 0.0558762999, 1e-9);
  cr_assert_float_eq (variance, 0.1491935484, 1e-9);

  const sb_view views[] = { SB_DENOISER, SB_EPSILON, SB_SCORE };
  const double given[] = { X_0, epsilon, -epsilon / sd };
  for (int k = 0; k < 3; k++)
    {
      sb_posterior p;
      ok (sb_posterior_at (ddpm, views[k], 0.5, 0.75, &p));
      cr_assert_float_eq (p.of_x * X_3 + p.of_e * given[k], mean, 1e-9);
      cr_assert_float_eq (p.variance, variance, 1e-9);
    }
}

// ## Completing the square
//
// The exponent of the product, with the report's $\gamma$ and $\mathbf{v}$, differs from the logarithm of the product
// by the same number wherever $x_2$ is. $1/\gamma$ is $\tilde\beta_t$. [dsm2ddpm.txt-A3-bayes]
// [dsm2ddpm.txt-A3-exponent]

typedef struct
{
  double gamma, v;
} square;

static square
square_at (const chain *c, size_t t, double x_0, double x_t)
{
  double beta = (double)c->beta[t], before = (double)c->alpha_bar[t - 1];
  return (square){ .gamma = (1 - beta) / beta + 1 / (1 - before),
                   .v = 2 * sqrt (1 - beta) / beta * x_t + 2 * sqrt (before) / (1 - before) * x_0 };
}

Test (posterior, exponent_differs_by_a_constant)
{
  chain c;
  chain_small (&c);
  gsl_matrix *points = normals (50, 2, 1);
  for (size_t t = 2; t <= 4; t++)
    for (size_t i = 0; i < points->size1; i++)
      {
        double x_0 = gsl_matrix_get (points, i, 0), x_t = gsl_matrix_get (points, i, 1), difference[3];
        double beta = (double)c.beta[t], before = (double)c.alpha_bar[t - 1];
        square s = square_at (&c, t, x_0, x_t);
        for (int k = 0; k < 3; k++)
          {
            double x = -1 + 1.3 * k;
            double exponent = -0.5 * (s.gamma * x * x - x * s.v);
            difference[k] = log (gsl_ran_gaussian_pdf (x_t - sqrt (1 - beta) * x, sqrt (beta)))
                            + log (gsl_ran_gaussian_pdf (x - sqrt (before) * x_0, sqrt (1 - before))) - exponent;
          }
        cr_assert_float_eq (difference[1], difference[0], 1e-10);
        cr_assert_float_eq (difference[2], difference[0], 1e-10);
      }
}

Test (posterior, variance_is_one_over_gamma)
{
  chain c;
  sb_posterior p;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 1);
  for (size_t t = 2; t <= 4; t++)
    {
      ok (sb_posterior_at (ddpm, SB_DENOISER, (double)(t - 1) / 4, (double)t / 4, &p));
      cr_assert_float_eq (p.variance, 1 / square_at (&c, t, 0, 0).gamma, 1e-13);
    }
  cr_assert_float_eq (1 / square_at (&c, 3, 0, 0).gamma, 0.1491935484, 1e-9);
}

// With $\mathbf{v}$ as the report defines it, factors 2 included, the mean is $\mathbf{v}/2\gamma$; the printed
// $\mathbf{v}/\gamma$ is 0.1117526. [dsm2ddpm.txt-A3-identify]

Test (posterior, erratum_a3_identify_factor_2)
{
  chain c;
  double mean, variance;
  chain_small (&c);
  square s = square_at (&c, 3, X_0, X_3);
  by_quadrature (&mean, &variance);
  cr_assert_float_eq (s.v / (2 * s.gamma), mean, 1e-9);
  cr_assert_float_eq (s.v / s.gamma, 0.1117526, 1e-7, "as printed");
}

// The library's mean and variance are $\mathbf{v}/2\gamma$ and $1/\gamma$ wherever $x_0$ and $x_t$ are: $10^{-13}$.
// [dsm2ddpm.txt-A3-identify] [dsm2ddpm.txt-A3-exponent]

Test (posterior, square_has_its_mean_and_variance)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 1);
  gsl_matrix *points = normals (50, 2, 19);
  for (size_t t = 2; t <= 4; t++)
    {
      sb_posterior p;
      ok (sb_posterior_at (ddpm, SB_DENOISER, (double)(t - 1) / 4, (double)t / 4, &p));
      for (size_t i = 0; i < points->size1; i++)
        {
          double x_0 = gsl_matrix_get (points, i, 0), x_t = gsl_matrix_get (points, i, 1);
          square s = square_at (&c, t, x_0, x_t);
          cr_assert_float_eq (p.of_x * x_t + p.of_e * x_0, s.v / (2 * s.gamma), 1e-13, "t = %zu", t);
          cr_assert_float_eq (p.variance, 1 / s.gamma, 1e-13, "t = %zu", t);
        }
    }
}

// Both denominators are $1 - \bar\alpha_t$. The printed $1 - \bar\alpha_{t-1}$ gives 0.07490445, and does not map the
// chain's mean path to itself. [dsm2ddpm.txt-posterior-mean-x0]

Test (posterior, erratum_posterior_mean_denominators)
{
  chain c;
  double mean, variance;
  chain_small (&c);
  by_quadrature (&mean, &variance);
  double before = (double)c.alpha_bar[2], of_x = sqrt (0.8) * (1 - before), of_x_0 = sqrt (before) * 0.2;
  double now = (double)c.alpha_bar[3];
  cr_assert_float_eq ((of_x * X_3 + of_x_0 * X_0) / (1 - now), mean, 1e-9);
  cr_assert_float_eq ((of_x * X_3 + of_x_0 * X_0) / (1 - before), 0.07490445, 1e-8, "as printed");
  cr_assert_gt (fabs ((of_x * sqrt (now) + of_x_0) / (1 - before) - sqrt (before)), 0.1, "as printed");
}

// ## The thousand steps
//
// At every level of the linear schedule, the three forms of the mean agree for random $x_0$ and $\varepsilon$; on the
// mean path $x_t = \sqrt{\bar\alpha_t}c$ it goes to $\sqrt{\bar\alpha_{t-1}}c$; and at $t = 1$ it is $x_0$, exactly.
// [dsm2ddpm.txt-posterior-mean-eps] [dsm2ddpm.txt-posterior-mean-x0] [dsm2ddpm.txt-posterior]

Test (posterior, forms_of_the_mean_agree)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  gsl_matrix *points = normals (1001, 2, 2);
  for (size_t t = 1; t <= 1000; t++)
    {
      double s = (double)(t - 1) / 1000, now = (double)t / 1000, bar = (double)c.alpha_bar[t],
             sd = (double)sqrtl (1 - c.alpha_bar[t]);
      double x_0 = gsl_matrix_get (points, t, 0), epsilon = gsl_matrix_get (points, t, 1);
      double x_t = sqrt (bar) * x_0 + sd * epsilon;
      sb_posterior by_x_0, by_noise, by_score;
      ok (sb_posterior_at (ddpm, SB_DENOISER, s, now, &by_x_0));
      ok (sb_posterior_at (ddpm, SB_EPSILON, s, now, &by_noise));
      ok (sb_posterior_at (ddpm, SB_SCORE, s, now, &by_score));
      double mean = by_x_0.of_x * x_t + by_x_0.of_e * x_0, size = fabs (x_t) + fabs (epsilon) + fabs (x_0);
      cr_assert_float_eq (by_noise.of_x * x_t + by_noise.of_e * epsilon, mean, 1e-12 * size, "t = %zu", t);
      cr_assert_float_eq (by_score.of_x * x_t - by_score.of_e * epsilon / sd, mean, 1e-12 * size, "t = %zu", t);
      cr_assert_float_eq (by_x_0.of_x * sqrt (bar) + by_x_0.of_e, sqrt ((double)c.alpha_bar[t - 1]), 1e-14);
      if (t == 1)
        cr_assert_eq (mean, x_0);
    }
}

// $\tilde\beta_1 = 0$, exactly; then it grows towards $\beta_t$ without reaching it. [dsm2ddpm.txt-posterior-var]

Test (posterior, variance_of_the_linear_schedule)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  double ratio[1001], second = 0;
  for (size_t t = 1; t <= 1000; t++)
    {
      sb_posterior p;
      ok (sb_posterior_at (ddpm, SB_EPSILON, (double)(t - 1) / 1000, (double)t / 1000, &p));
      ratio[t] = p.variance / (double)c.beta[t];
      long double truth = (1 - c.alpha_bar[t - 1]) / (1 - c.alpha_bar[t]) * c.beta[t];
      cr_assert_float_eq (p.variance, (double)truth, 1e-12 * (double)truth);
      cr_assert (0 <= p.variance && ratio[t] < 1);
      if (t == 2)
        second = p.variance;
    }
  cr_assert_eq (ratio[1], 0);
  cr_assert_float_eq (second / 5.4531877e-5, 1, 1e-7);
  cr_assert_float_eq (ratio[1000], 0.99999918, 1e-8);
  cr_assert (ratio[15] < 0.9 && ratio[16] > 0.9 && ratio[167] < 0.99 && ratio[168] > 0.99);
}

// Bayes' rule at every level from the second on, at points of a chain: $\log q(x_{t-1} \mid x_t, x_0) = \log q(x_t \mid
// x_{t-1}) + \log q(x_{t-1} \mid x_0) - \log q(x_t \mid x_0)$ to $10^{-8}$. [dsm2ddpm.txt-posterior]
// [dsm2ddpm.txt-A3-bayes]

static double
log_normal (double x, double mean, double variance)
{
  return log (gsl_ran_gaussian_pdf (x - mean, sqrt (variance)));
}

Test (posterior, density_by_bayes_at_every_level)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  gsl_vector *s = level_times (1, 999, 1000), *t = level_times (2, 1000, 1000), *found = vector (999);
  gsl_matrix *x_0 = normals (999, 1, 20), *x_s = copy_of (x_0);
  ok (sb_process_transition (ddpm, NULL, s, normals (999, 1, 21), x_s));
  gsl_matrix *x_t = copy_of (x_s);
  ok (sb_process_transition (ddpm, s, t, normals (999, 1, 22), x_t));
  ok (sb_posterior_log_density (ddpm, s, t, x_t, x_0, x_s, found));
  for (size_t i = 0; i < 999; i++)
    {
      const double beta = (double)c.beta[i + 2], x = x_0->data[i], y = x_s->data[i], z = x_t->data[i];
      const long double before = c.alpha_bar[i + 1], now = c.alpha_bar[i + 2];
      const double wanted = log_normal (z, sqrt (1 - beta) * y, beta)
                            + log_normal (y, (double)sqrtl (before) * x, (double)(1 - before))
                            - log_normal (z, (double)sqrtl (now) * x, (double)(1 - now));
      cr_assert_float_eq (gsl_vector_get (found, i), wanted, 1e-8, "level %zu: %.12g, not %.12g", i + 2,
                          gsl_vector_get (found, i), wanted);
    }
}

// ## Seen in simulated chains
//
// $10^5$ chains of three steps from $x_0 \sim \mathcal{N}(0, 1)$: the regression of $x_2$ on $x_3$ and $x_0$ has the
// coefficients of the posterior's mean, and its residual the posterior's variance, within five standard errors. And a
// draw of the posterior itself has both. A false alarm each in $1.7\cdot10^6$. [dsm2ddpm.txt-posterior-mean-x0]

typedef struct
{
  double of_x_t, of_x_0, variance;
  double se_x_t, se_x_0;
} regression;

static regression
regress (const gsl_matrix *x_s, const gsl_matrix *x_t, const gsl_matrix *x_0)
{
  double tt = 0, t0 = 0, oo = 0, st = 0, s0 = 0, ss = 0;
  for (size_t i = 0; i < x_s->size1; i++)
    {
      double s = gsl_matrix_get (x_s, i, 0), t = gsl_matrix_get (x_t, i, 0), o = gsl_matrix_get (x_0, i, 0);
      tt += t * t, t0 += t * o, oo += o * o, st += s * t, s0 += s * o, ss += s * s;
    }
  double det = tt * oo - t0 * t0;
  regression r = { .of_x_t = (st * oo - s0 * t0) / det, .of_x_0 = (s0 * tt - st * t0) / det };
  r.variance = (ss - r.of_x_t * st - r.of_x_0 * s0) / (double)(x_s->size1 - 2);
  r.se_x_t = sqrt (r.variance * oo / det);
  r.se_x_0 = sqrt (r.variance * tt / det);
  return r;
}

static void
expect_posterior (regression r, const sb_posterior *p, size_t n)
{
  cr_assert_float_eq (r.of_x_t, p->of_x, 5 * r.se_x_t);
  cr_assert_float_eq (r.of_x_0, p->of_e, 5 * r.se_x_0);
  cr_assert_float_eq (r.variance / p->variance, 1, 5 * sqrt (2. / (double)n));
}

Test (posterior, simulated_chains_regress_to_it)
{
  enum
  {
    N = 100000
  };
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 1);
  sb_posterior p;
  ok (sb_posterior_at (ddpm, SB_DENOISER, 0.5, 0.75, &p));
  gsl_matrix *x_0 = normals (N, 1, 8), *x_s = copy_of (x_0);
  gsl_vector *s = vector_all (N, 0.5), *t = vector_all (N, 0.75);
  ok (sb_process_transition (ddpm, NULL, s, normals (N, 1, 9), x_s));
  gsl_matrix *x_t = copy_of (x_s);
  ok (sb_process_transition (ddpm, s, t, normals (N, 1, 10), x_t));
  expect_posterior (regress (x_s, x_t, x_0), &p, N);

  ok (sb_posterior_draw (ddpm, s, t, x_t, x_0, normals (N, 1, 11), x_s));
  expect_posterior (regress (x_s, x_t, x_0), &p, N);
}

// Row by row a draw is the mean and $\sqrt{\tilde\beta_t}$ times the row's normals, each at its own times; from level 1
// on, with all $s$ zero (NULL), it is $\mathbf{x}_0$. What is given stays. [dsm2ddpm.txt-posterior]

Test (posterior, draw_is_mean_and_noise)
{
  enum
  {
    N = 3,
    D = 2
  };
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, D);
  gsl_matrix *x_0 = normals (N, D, 16), *x_t = normals (N, D, 17), *z = normals (N, D, 18), *x_s = matrix (N, D);
  gsl_matrix *given = copy_of (x_0);
  gsl_vector *t = level_times (2, N + 1, 4);
  ok (sb_posterior_draw (ddpm, level_times (1, N, 4), t, x_t, given, z, x_s));
  cr_assert_eq (largest_difference (given, x_0), 0);
  for (size_t i = 0; i < N; i++)
    {
      square q = square_at (&c, i + 2, 0, 0);
      for (size_t j = 0; j < D; j++)
        {
          double v = square_at (&c, i + 2, gsl_matrix_get (x_0, i, j), gsl_matrix_get (x_t, i, j)).v;
          cr_assert_float_eq (gsl_matrix_get (x_s, i, j), v / (2 * q.gamma) + gsl_matrix_get (z, i, j) / sqrt (q.gamma),
                              1e-13);
        }
    }
  gsl_vector_set_all (t, 0.25);
  ok (sb_posterior_draw (ddpm, NULL, t, x_t, x_0, z, x_s));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < D; j++)
      cr_assert_eq (gsl_matrix_get (x_s, i, j), gsl_matrix_get (x_0, i, j));
}

// ## What cannot be

Test (posterior, refuses_what_does_not_fit)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 2);
  sb_posterior p;
  const double bad[][2] = { { 0.5, 0.5 }, { 0.75, 0.5 }, { -0.25, 0.5 }, { 0.5, 1.25 }, { 0.3, 0.5 } };
  for (int k = 0; k < 5; k++)
    refused (GSL_EDOM, sb_posterior_at (ddpm, SB_EPSILON, bad[k][0], bad[k][1], &p), "%g, %g", bad[k][0], bad[k][1]);
  refused (GSL_EINVAL, sb_posterior_at (ddpm, (sb_view)3, 0.25, 0.5, &p));

  gsl_matrix *two = matrix_all (2, 2, 0), *three = matrix_all (3, 2, 0), *wide = matrix_all (2, 3, 0),
             *out = matrix (2, 2), *none = matrix (0, 2);
  gsl_vector *s = vector_all (2, 0.25), *t = vector_all (2, 0.5), *longer = vector_all (3, 0.5), *zero = vector (0);
  refused (GSL_EBADLEN, sb_posterior_mean (ddpm, SB_EPSILON, s, t, two, three));
  refused (GSL_EBADLEN, sb_posterior_mean (ddpm, SB_EPSILON, s, longer, two, out));
  refused (GSL_EBADLEN, sb_posterior_mean (ddpm, SB_EPSILON, longer, t, two, out));
  refused (GSL_EBADLEN, sb_posterior_mean (ddpm, SB_EPSILON, s, t, wide, wide));
  refused (GSL_EBADLEN, sb_posterior_mean (ddpm, SB_EPSILON, s, t, two, wide));
  refused (GSL_EDOM, sb_posterior_mean (ddpm, SB_EPSILON, t, s, two, out));
  ok (sb_posterior_mean (ddpm, SB_EPSILON, zero, zero, none, none));
  refused (GSL_EBADLEN, sb_posterior_draw (ddpm, s, t, two, two, three, out));
  refused (GSL_EBADLEN, sb_posterior_draw (ddpm, s, t, two, three, NULL, out));
  refused (GSL_EBADLEN, sb_posterior_draw (ddpm, s, t, three, two, NULL, out));
  refused (GSL_EBADLEN, sb_posterior_draw (ddpm, s, t, two, wide, NULL, out));
  ok (sb_posterior_draw (ddpm, s, t, two, two, NULL, out));
  refused (GSL_EBADLEN, sb_posterior_log_density (ddpm, s, t, two, two, three, t));
  refused (GSL_EBADLEN, sb_posterior_log_density (ddpm, s, t, two, two, two, longer));
  refused (GSL_EBADLEN, sb_posterior_log_density (ddpm, s, t, three, two, two, t));
  gsl_vector *log_q = vector (2);
  refused (GSL_EDOM, sb_posterior_log_density (ddpm, NULL, t, two, two, two, log_q), "x_0 given x_0");
  ok (sb_posterior_log_density (ddpm, zero, zero, none, none, none, zero));
}

// Where nothing of $x_s$ is left in $x_t$, a score at $t$ says nothing of it; $x_0$ does.

static int
forgets (const void *state, sb_process_map map, double s, double t, double *c)
{
  (void)state;
  *c = map == SB_A ? (t > 0.5 && s <= 0.5 ? 0 : 1) : sqrt (t - s);
  return GSL_SUCCESS;
}

Test (posterior, nothing_is_left)
{
  static const sb_process_type type = { .name = "forgets", .numbers = forgets };
  const sb_process *process = scoped (sb_process_alloc (&type, NULL, 2, 0, 1, 0));
  sb_posterior p;
  refused (GSL_ESING, sb_posterior_at (process, SB_SCORE, 0.25, 0.75, &p));
  refused (GSL_ESING, sb_posterior_at (process, SB_EPSILON, 0.25, 0.75, &p));
  ok (sb_posterior_at (process, SB_DENOISER, 0.25, 0.75, &p));
  cr_assert_eq (p.of_x, 0);
}
