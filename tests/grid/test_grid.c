// # What must be true of noise scales and time grids

#include "grid/grid.h"
#include "process/ddpm.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>

SUITE (grid);

static double
at (const gsl_vector *v, size_t k)
{
  return gsl_vector_get (v, k);
}

// ## Evenly spaced times
//
// Ends met exactly, steps equal, upwards and downwards.

static const property_parameter a_grid[] = { { "first", PROPERTY_UNIFORM, -3, 3, 0 },
                                             { "last", PROPERTY_UNIFORM, -3, 3, 1 },
                                             { "n", PROPERTY_INTEGER, 2, 3000, 2 } };

static double
linear_residual (const double *v, void *context)
{
  (void)context;
  size_t n = (size_t)v[2];
  gsl_vector *t = vector (n);
  double worst = sb_grid_linear (v[0], v[1], t) == GSL_SUCCESS && at (t, 0) == v[0] && at (t, n - 1) == v[1] ? 0 : 1;
  double step = (v[1] - v[0]) / (double)(n - 1);
  for (size_t k = 1; k < n; k++)
    worst = larger (worst, fabs (at (t, k) - at (t, k - 1) - step));
  return worst;
}

Test (grid, linear_is_even_and_meets_its_ends)
{
  property_check ("even steps between exact ends", 1, 200, 3, a_grid, linear_residual, NULL, 4e-15);
}

// From 0 to 1 the grid holds the levels of a chain, to the last bit.

Test (grid, linear_holds_the_levels_of_a_chain)
{
  gsl_vector *t = vector (1001);
  ok (sb_grid_linear (0, 1, t));
  for (int i = 0; i <= 1000; i++)
    cr_assert_eq (at (t, (size_t)i), i / 1000.0, "level %d", i);
}

// ## Geometric noise scales
//
// Exact ends, a constant ratio, and a known distance from the continuous scale:
// $\log\sigma_i - \log\sigma(i/N) = \log r\,(i - N)/(N(N-1))$, at most $\log r/N$. [scoresde.txt-smld-sigma]

static const property_parameter some_scales[] = { { "sigma_min", PROPERTY_LOG, 1e-3, 1, 0.01 },
                                                  { "r", PROPERTY_LOG, 1.5, 1e5, 2000 },
                                                  { "N", PROPERTY_INTEGER, 2, 2000, 2 } };

static double
geometric_residual (const double *v, void *context)
{
  (void)context;
  size_t N = (size_t)v[2];
  double sigma_min = v[0], sigma_max = v[0] * v[1], log_r = log (sigma_max / sigma_min);
  sb_ve ve = { .sigma_min = sigma_min, .sigma_max = sigma_max };
  gsl_vector *sigma = vector (N);
  double worst = sb_grid_geometric (sigma_min, sigma_max, sigma) == GSL_SUCCESS && at (sigma, 0) == sigma_min
                         && at (sigma, N - 1) == sigma_max
                     ? 0
                     : 1;
  for (size_t i = 1; i <= N; i++)
    {
      double n = (double)N, gap = log_r * ((double)i - n) / (n * (n - 1));
      double off = log (at (sigma, i - 1)) - log (sb_ve_sigma (&ve, (double)i / n)) - gap;
      worst = larger (worst, fabs (off));
      if (i > 1)
        worst = larger (worst, fabs (log (at (sigma, i - 1) / at (sigma, i - 2)) - log_r / (n - 1)) * 10);
    }
  return worst;
}

Test (grid, geometric_scales)
{
  property_check ("the scales are geometric, and near the continuous scale", 2, 100, 3, some_scales, geometric_residual,
                  NULL, 1e-12);
}

// ## Arithmetic noise scales
//
// Ho et al. run from $10^{-4}$ to $0.02$ in a thousand equal steps; rescaled, $N\beta_i$ is the continuous rate at
// $(i-1)/(N-1)$. [scoresde.txt-ddpm-beta]

Test (grid, arithmetic_scales_are_those_of_ho_et_al)
{
  enum
  {
    N = 1000
  };
  sb_vp vp = { .beta_min = SB_VP_BETA_MIN, .beta_max = SB_VP_BETA_MAX };
  gsl_vector *beta = vector (N);
  ok (sb_grid_arithmetic (SB_VP_BETA_MIN, SB_VP_BETA_MAX, beta));
  cr_assert_float_eq (at (beta, 0), 1e-4, 1e-19);
  cr_assert_float_eq (at (beta, N - 1), 0.02, 1e-17);
  for (size_t i = 1; i <= N; i++)
    {
      double beta_t = sb_vp_beta (&vp, (double)(i - 1) / (N - 1));
      cr_assert_float_eq (N * at (beta, i - 1), beta_t, 1e-13);
      if (i > 1)
        cr_assert_float_eq (at (beta, i - 1) - at (beta, i - 2), 0.0199 / 999, 1e-17);
    }
}

// The paper prints "$\beta_{\min} = 0.1$ and $\beta_{\max} = 20$" without bars, and $\beta_{\min}/N$ for the first
// term. A chain with a $\beta_i$ of 20 does not exist; with the bars, the same numbers give one whose first term is the
// $10^{-4}$ of Ho et al. [scoresde.txt-ddpm-beta]

Test (grid, erratum_ddpm_beta_needs_its_bars)
{
  cr_assert_null (sb_ddpm_betas_alloc (1, vector_of (SB_VP_BETA_MIN, SB_VP_BETA_MAX)));
  sb_process *barred = scoped (sb_ddpm_alloc (1, 1000, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  cr_assert_float_eq (sb_ddpm_beta (barred, 1), 1e-4, 1e-19);
}

// ## The levels of EDM
//
// The eighteen that Karras et al. use for CIFAR-10, to the digits computed from their formula with a separate program,
// and the zero. [consistent.set-edm-timesteps]

Test (grid, edm_levels)
{
  double expected[]
      = { 80,       57.585985, 40.785574, 28.374585, 19.352453, 12.910082, 8.400935, 5.315195, 3.256822, 1.923340,
          1.088171, 0.585348,  0.296442,  0.139516,  0.059947,  0.022935,  0.007528, 0.002,    0 };
  gsl_vector *sigma = vector (19);
  ok (sb_grid_edm (0.002, 80, 7, sigma));
  for (size_t i = 0; i < 19; i++)
    cr_assert_float_eq (at (sigma, i), expected[i], 5e-7, "level %zu: %.9g", i, at (sigma, i));
}

// Whatever the $\rho$: exact ends, even steps of $\sigma^{1/\rho}$, downwards, then 0. At $\rho = 1$ that is the linear
// grid. [consistent.set-edm-timesteps]

static const property_parameter an_edm[] = { { "sigma_min", PROPERTY_LOG, 1e-3, 0.1, 0.002 },
                                             { "sigma_max", PROPERTY_LOG, 1, 1e3, 80 },
                                             { "rho", PROPERTY_UNIFORM, 1, 10, 1 },
                                             { "N", PROPERTY_INTEGER, 2, 200, 2 } };

static double
edm_residual (const double *v, void *context)
{
  (void)context;
  size_t N = (size_t)v[3];
  double rho = v[2], top = pow (v[1], 1 / rho), step = (top - pow (v[0], 1 / rho)) / (double)(N - 1);
  gsl_vector *sigma = vector (N + 1);
  double worst = sb_grid_edm (v[0], v[1], rho, sigma) == GSL_SUCCESS && at (sigma, 0) == v[1]
                         && at (sigma, N - 1) == v[0] && at (sigma, N) == 0
                     ? 0
                     : 1;
  for (size_t i = 1; i < N; i++)
    worst = GSL_MAX (worst,
                     fabs (pow (at (sigma, i - 1), 1 / rho) - pow (at (sigma, i), 1 / rho) - step) / GSL_MAX (1, top));
  return worst;
}

Test (grid, edm_levels_are_even_in_the_rho_th_root)
{
  property_check ("even in sigma^(1/rho)", 3, 200, 4, an_edm, edm_residual, NULL, 1e-12);
}

// ## By name
//
// A sampler's grid from a line of text: "edm" is the levels without their 0, or, to 0, its last interval ends there.
// $\rho$ is 7 where none is given. [consistent.set-edm-timesteps]

static gsl_vector *
named (const char *text, double first, double last, size_t n)
{
  double key[SB_KEYS_MOST];
  const sb_grid_kind *kind = (const sb_grid_kind *)sb_entry_read (sb_grids, "grid", text, key, NULL);
  gsl_vector *t = vector (n);
  cr_assert (kind, "%s", text);
  ok (kind->fill (first, last, key, t));
  return t;
}

Test (grid, kinds)
{
  gsl_vector *sigma = vector (19), *even = vector (18);
  ok (sb_grid_edm (0.002, 80, 7, sigma));
  ok (sb_grid_linear (80, 0.002, even));
  gsl_vector_view positive = gsl_vector_subvector (sigma, 0, 18);
  cr_assert (gsl_vector_equal (named ("edm", 80, 0.002, 18), &positive.vector));
  cr_assert (gsl_vector_equal (named ("linear", 80, 0.002, 18), even));
  cr_assert_float_eq (at (named ("edm rho=1", 80, 0.002, 18), 7), at (even, 7), 1e-12);
  gsl_vector *to_zero = named ("edm rho=2", 9, 0, 4);
  for (size_t i = 0; i < 4; i++)
    cr_assert_float_eq (at (to_zero, i), gsl_pow_2 (3 - (double)i), 1e-14);

  const sb_grid_kind *edm = (const sb_grid_kind *)sb_entry_find (sb_grids, "edm");
  refused (GSL_EBADLEN, edm->fill (80, 0.002, (const double[]){ 7 }, vector (1)));
  refused (GSL_EINVAL, edm->fill (0.002, 80, (const double[]){ 7 }, vector (3)));
  refused (GSL_EINVAL, edm->fill (80, -1, (const double[]){ 7 }, vector (3)));
  refused (GSL_EINVAL, edm->fill (GSL_POSINF, 1, (const double[]){ 7 }, vector (3)));
  refused (GSL_EINVAL, edm->fill (80, 1, (const double[]){ 0 }, vector (3)));
}

// ## Bad input

Test (grid, refuses_what_is_no_grid)
{
  gsl_vector *one = vector (1), *two = vector (2), *three = vector (3);
  refused (GSL_EBADLEN, sb_grid_linear (0, 1, one));
  refused (GSL_EINVAL, sb_grid_linear (GSL_NAN, 1, two));
  refused (GSL_EINVAL, sb_grid_linear (0, GSL_POSINF, two));
  ok (sb_grid_linear (0, 1, two));

  refused (GSL_EBADLEN, sb_grid_geometric (0.01, 20, one));
  refused (GSL_EINVAL, sb_grid_geometric (0, 20, two));
  refused (GSL_EINVAL, sb_grid_geometric (20, 0.01, two));
  refused (GSL_EINVAL, sb_grid_geometric (1, 1, two));
  refused (GSL_EINVAL, sb_grid_geometric (0.01, GSL_POSINF, two));
  refused (GSL_EINVAL, sb_grid_geometric (GSL_NAN, 20, two));
  ok (sb_grid_geometric (0.01, 20, two));

  refused (GSL_EBADLEN, sb_grid_arithmetic (0.1, 0.2, one));
  refused (GSL_EINVAL, sb_grid_arithmetic (0.1, 2, two));
  refused (GSL_EINVAL, sb_grid_arithmetic (0, 1, two));
  refused (GSL_EINVAL, sb_grid_arithmetic (1, 0.5, two));
  refused (GSL_EINVAL, sb_grid_arithmetic (GSL_NAN, 1, two));
  ok (sb_grid_arithmetic (1, 1, two));

  refused (GSL_EBADLEN, sb_grid_edm (0.002, 80, 7, two));
  refused (GSL_EINVAL, sb_grid_edm (0.002, 80, 0, three));
  refused (GSL_EINVAL, sb_grid_edm (0.002, 80, GSL_POSINF, three));
  refused (GSL_EINVAL, sb_grid_edm (0.002, 80, -1, three));
  refused (GSL_EINVAL, sb_grid_edm (0, 80, 7, three));
  ok (sb_grid_edm (0.002, 80, 7, three));

  // The middle of two is that of the root: near the first where rho is small, however small or large its powers.
  const double small[] = { 0.02, 0.01, 1e-3, 1e-4 };
  for (size_t k = 0; k < sizeof small / sizeof *small; k++)
    {
      gsl_vector *four = vector (4);
      ok (sb_grid_edm (0.002, 80, small[k], four));
      cr_assert_float_eq (at (four, 1) / (80 * pow (0.5, small[k])), 1, 1e-9, "rho = %g: %g", small[k], at (four, 1));
      cr_assert_float_eq (sb_grid_even_in_root (0.01, 0, small[k], 1, 3) / (0.01 * pow (0.5, small[k])), 1, 1e-9);
    }
}
