// # What must be true of the variance-preserving SDE
//
// None of these tests repeats a formula of vp.c: each knows the answer from somewhere else.

#include "process/vp.h"
#include "rates.h"
#include "scope.h"

#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>

SUITE (vp);

// The kernel must solve the moment equations of its own SDE, $\dot m = f\,m$ and $\dot v = 2 f v + g^2$ (Särkkä and
// Solin, 2019, Eqs. 5.50 and 5.51), which tie `mean` and `variance` to `drift` and `diffusion`. [scoresde.eq29]
// [scoresde.eq33] A lost factor 1/2 in any of the four breaks it, and at $t = s$ nothing has happened. Central
// differences at $h = 10^{-5}$ are good to $10^{-8}$ relative.

static double
slope (double (*moment) (const void *, double, double), const sb_vp *vp, double s, double t)
{
  double h = 1e-5;
  return (moment (vp, s, t + h) - moment (vp, s, t - h)) / (2 * h);
}

static double
moment_residual (const double *v, void *context)
{
  (void)context;
  sb_vp vp = vp_of (v);
  double t = v[2], s = v[3] * t;
  double f = sb_vp_drift (&vp, t), g2 = gsl_pow_2 (sb_vp_diffusion (&vp, t));
  double m = sb_vp_mean (&vp, s, t), variance = sb_vp_variance (&vp, s, t);
  double of_mean = slope (sb_vp_mean, &vp, s, t) - f * m;
  double of_variance = slope (sb_vp_variance, &vp, s, t) - (2 * f * variance + g2);
  double at_start = fabs (sb_vp_mean (&vp, t, t) - 1) + sb_vp_variance (&vp, t, t);
  return GSL_MAX (fabs (of_mean / f), fabs (of_variance / g2)) + at_start;
}

Test (vp, kernel_solves_the_moment_equations)
{
  property_check ("the kernel solves the moment equations", 20210213, CASES, 4, random_rates, moment_residual, NULL,
                  1e-6);
}

// It preserves variance: data of unit variance have it at every later time. [scoresde.eq33]

static double
preserved_residual (const double *v, void *context)
{
  (void)context;
  sb_vp vp = vp_of (v);
  double s = v[3] * v[2], t = v[2];
  return fabs (gsl_pow_2 (sb_vp_mean (&vp, s, t)) + sb_vp_variance (&vp, s, t) - 1);
}

Test (vp, unit_variance_stays)
{
  property_check ("m^2 + v = 1", 3, CASES, 4, random_rates, preserved_residual, NULL, 1e-15);
}

// The instance of the paper, by hand: $\beta$ runs from 0.1 to 20, so it is 5.075 at a quarter, 10.05 half way and
// 15.025 at three quarters. [scoresde.eq11] [scoresde.eq32]

Test (vp, coefficients_of_the_paper)
{
  double t[] = { 0, 0.25, 0.5, 1 }, beta[] = { 0.1, 5.075, 10.05, 20 };
  for (int i = 0; i < 4; i++)
    {
      cr_assert_float_eq (sb_vp_drift (&paper, t[i]) / beta[i], -0.5, 1e-15);
      cr_assert_float_eq (sb_vp_diffusion (&paper, t[i]) / sqrt (beta[i]), 1, 1e-15);
    }
}

// $B(s,t)$ against Gauss-Legendre quadrature of $\beta$, exact for a rate that is linear. [scoresde.eq33]

static double
beta_at (double t, void *vp)
{
  return sb_vp_beta (vp, t);
}

static double
integral_residual (const double *v, void *table)
{
  sb_vp vp = vp_of (v);
  gsl_function beta = { .function = beta_at, .params = &vp };
  double t = v[2], s = v[3] * t;
  return fabs (gsl_integration_glfixed (&beta, s, t, table) / sb_vp_integral_beta (&vp, s, t) - 1);
}

Test (vp, integral_beta_is_the_integral_of_the_rate)
{
  gsl_integration_glfixed_table *table = scoped (gsl_integration_glfixed_table_alloc (4));
  property_check ("B is the integral of beta", 4, CASES, 4, random_rates, integral_residual, table, 1e-13);
}

// And as printed, $B(t) = \frac12t^2 \cdot 19.9 + 0.1\,t$ for the paper's rates: 0.646875 at a quarter, 2.5375 half way
// and 10.05 at the end. [scoresde.eq33]

Test (vp, kernel_of_the_paper)
{
  const double t[] = { 0.25, 0.5, 1 }, B[] = { 0.646875, 2.5375, 10.05 };
  for (int i = 0; i < 3; i++)
    {
      cr_assert_float_eq (sb_vp_integral_beta (&paper, 0, t[i]) / B[i], 1, 1e-14);
      cr_assert_float_eq (sb_vp_mean (&paper, 0, t[i]) / exp (-B[i] / 2), 1, 1e-14);
      cr_assert_float_eq (sb_vp_variance (&paper, 0, t[i]) / (1 - exp (-B[i])), 1, 1e-14);
    }
}

// It is the limit of DDPM's chain $x_i = \sqrt{1-\beta_i}\,x_{i-1} + \sqrt{\beta_i}\,z_i$ with $\beta_i =
// \beta(i/N)/N$: the chain's exact mean coefficient $\prod_i \sqrt{1-\beta_i}$ approaches $m(1)$ at first order in
// $1/N$, so each doubling of $N$ halves the gap. [scoresde.eq11]

static double
chain_mean (const sb_vp *vp, int N)
{
  double log_mean = 0;
  for (int i = 1; i <= N; i++)
    log_mean += 0.5 * log1p (-sb_vp_beta (vp, (double)i / N) / N);
  return exp (log_mean);
}

static double
limit_residual (const double *v, void *context)
{
  (void)context;
  sb_vp vp = vp_of (v);
  double limit = sb_vp_mean (&vp, 0, 1);
  return fabs ((chain_mean (&vp, 8000) / limit - 1) / (chain_mean (&vp, 4000) / limit - 1) - 0.5);
}

Test (vp, is_the_limit_of_the_ddpm_chain)
{
  property_check ("doubling N halves the gap", 5, CASES, 2, random_rates, limit_residual, NULL, 0.02);
}

// Near zero, and between close times, the variance keeps its digits: $v(s,t) = B - B^2/2 + \cdots$ where $B$ is the
// width of the interval times the rate at its middle.

Test (vp, variance_is_accurate_over_short_times)
{
  double h = 1e-12;
  cr_assert_float_eq (sb_vp_variance (&paper, 0, h) / (0.1 * h), 1, 1e-9);
  double s = 0.5, t = 0.5 + 0x1p-40;
  cr_assert_float_eq (sb_vp_variance (&paper, s, t) / (10.05 * 0x1p-40), 1, 1e-10);
}

// The standard deviation at the smallest time of the paper, against long double arithmetic of the printed formula. It
// loses 20 bits of 64 there, and leaves 44: $6\cdot10^{-14}$. [scoresde.eq29]

Test (vp, variance_at_epsilon_against_long_double)
{
  long double t = 1e-5, B = 0.5L * t * t * (20.0L - 0.1L) + t * 0.1L;
  double sd = (double)sqrtl (1 - expl (-B));
  cr_assert_float_eq (sqrt (sb_vp_variance (&paper, 0, 1e-5)) / sd, 1, 1e-12);
}
