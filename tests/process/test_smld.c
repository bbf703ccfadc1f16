// # What must be true of SMLD's chain

#include "process/smld.h"
#include "transition/posterior.h"
#include "process/ve.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>

SUITE (smld);

static const property_parameter a_chain[] = { { "N", PROPERTY_INTEGER, 2, 300, 2 },
                                              { "sigma_min", PROPERTY_LOG, 1e-3, 1, 0.01 },
                                              { "r", PROPERTY_LOG, 1.5, 1e5, 5000 } };

static sb_process *
chain_of (const double *v)
{
  return scoped (sb_smld_alloc (1, (size_t)v[0], v[1], v[1] * v[2]));
}

// ## The chain
//
// The increments of single steps must add up to $\sigma_i^2$ at every level, and leave the signal alone.
// [scoresde.eq8] [scoresde.txt-smld-chain]

static double
telescope_residual (const double *v, void *context)
{
  (void)context;
  sb_process *smld = chain_of (v);
  double worst = 0, sum = 0, N = v[0];
  for (size_t i = 1; i <= (size_t)N; i++)
    {
      double a, sd;
      ok (sb_process_scalars (smld, ((double)i - 1) / N, (double)i / N, &a, &sd));
      sum += sd * sd;
      worst = larger (worst, fabs (sum / gsl_pow_2 (sb_smld_sigma (smld, i)) - 1));
      worst = larger (worst, fabs (a - 1));
    }
  return worst;
}

Test (smld, increments_add_up)
{
  property_check ("squared increments add up to sigma_i^2", 1, 100, 3, a_chain, telescope_residual, NULL, 1e-13);
}

// Each row moves by the noise of its own step, $\mathbf x_i = \mathbf x_{i-1} + \sqrt{\sigma_i^2 -
// \sigma_{i-1}^2}\,\mathbf z$. [scoresde.eq8] [scoresde.txt-smld-chain]

Test (smld, rows_take_steps_of_their_own)
{
  static const double sigma[] = { 0, .5, 2, 4 };
  sb_process *smld = scoped (sb_smld_sigmas_alloc (2, vector_of (.5, 2, 4)));
  gsl_matrix *x = normals (3, 2, 1), *before = copy_of (x), *z = normals (3, 2, 2);
  ok (sb_process_transition (smld, vector_of (1. / 3, 0, 2. / 3), vector_of (2. / 3, 1. / 3, 1), z, x));
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0, level = (size_t[]){ 2, 1, 3 }[i]; j < 2; j++)
      cr_assert_float_eq (gsl_matrix_get (x, i, j),
                          gsl_matrix_get (before, i, j)
                              + sqrt (gsl_pow_2 (sigma[level]) - gsl_pow_2 (sigma[level - 1]))
                                    * gsl_matrix_get (z, i, j),
                          1e-14, "row %zu", i);
}

// The difference of close scales keeps its digits: with $\sigma_2 = \sigma_1 (1 + 2^{-40})$ the step's variance is
// $\sigma_1^2 (2^{-39} + 2^{-80})$ to the last bit.

Test (smld, close_scales_keep_their_digits)
{
  sb_process *smld = scoped (sb_smld_sigmas_alloc (1, vector_of (3, 3 * (1 + 0x1p-40))));
  cr_assert_float_eq (number_of (smld, SB_S, 0.5, 1) / (3 * sqrt (0x1p-39 + 0x1p-80)), 1, 1e-15);
}

// ## Its limit
//
// With step $\Delta t = 1/N$, the VE SDE's exact increment of variance and its Euler approximation $g^2 \Delta t$
// differ by $(r^{2/N} - 1)/(2 \log r/N)$: 1.00764 at $N = 1000$ and $r = 2000$, where the approximation is taken at the
// step's start; the excess halves when $N$ doubles. The jump at 0 is left out. [scoresde.txt-ve-discrete-limit]

static double
increment_ratio (double N, double t)
{
  sb_ve ve = { .sigma_min = 0.01, .sigma_max = 20 };
  return sb_ve_variance (&ve, t, t + 1 / N) / (gsl_pow_2 (sb_ve_diffusion (&ve, t)) / N);
}

Test (smld, euler_increments_approach_exact_ones)
{
  for (int k = 1; k < 10; k++)
    {
      double t = 0.1 * k, log_r = log (2000);
      cr_assert_float_eq (increment_ratio (1000, t), (pow (2000, 0.002) - 1) / (2 * log_r / 1000), 1e-10);
      cr_assert_float_eq (increment_ratio (1000, t), 1.00764, 5e-6);
      double halved = (increment_ratio (1000, t) - 1) / (increment_ratio (2000, t) - 1);
      cr_assert (1.98 < halved && halved < 2.02);
    }
}

// The chain itself approaches VE's kernel as $N$ grows, at first order: $\log\sigma_i - \log\sigma(i/N)$ is largest at
// the first level, $-\log r/N$. [scoresde.txt-ve-discrete-limit]

static double
distance_to_ve (size_t N)
{
  sb_process *smld = scoped (sb_smld_alloc (1, N, 0.01, 20)), *ve = scoped (sb_ve_alloc (1, 0.01, 20));
  double worst = 0;
  for (size_t i = 1; i <= N; i++)
    {
      double t = (double)i / (double)N;
      worst = larger (worst, fabs (log (number_of (smld, SB_S, 0, t) / number_of (ve, SB_S, 0, t))));
    }
  return worst;
}

Test (smld, approaches_ve)
{
  cr_assert_float_eq (distance_to_ve (1000), log (2000) / 1000, 1e-12);
  cr_assert_float_eq (distance_to_ve (1000) / distance_to_ve (2000), 2, 1e-9);
}

// ## The posterior
//
// The general form (transition/posterior.c) on this chain: q(x_{i-1} | x_i, x_0) = N(of_x x_i + of_e x_0, tau^2).

static sb_posterior
step_back (const sb_process *smld, size_t i)
{
  const double N = (double)smld->levels;
  sb_posterior p;
  ok (sb_posterior_at (smld, SB_DENOISER, (double)(i - 1) / N, (double)i / N, &p));
  return p;
}

// Precisions add: $1/\tau_i^2 = 1/\sigma_{i-1}^2 + 1/(\sigma_i^2 - \sigma_{i-1}^2)$, the two ends count by their
// precisions, and $\tau_i$ is below the step's own noise: Bayes' rule for two Gaussians. [scoresde.txt-smld-posterior]
// [scoresde.txt-smld-tau]

static double
posterior_residual (const double *v, void *context)
{
  (void)context;
  sb_process *smld = chain_of (v);
  double worst = 0, N = v[0];
  for (size_t i = 2; i <= (size_t)N; i++)
    {
      const sb_posterior p = step_back (smld, i);
      double step = gsl_pow_2 (number_of (smld, SB_S, ((double)i - 1) / N, (double)i / N));
      double precision = 1 / gsl_pow_2 (sb_smld_sigma (smld, i - 1)) + 1 / step;
      worst = larger (worst, fabs (p.variance * precision - 1));
      worst = larger (worst, fabs (p.of_x - p.variance / step));
      worst = larger (worst, fabs (p.of_x + p.of_e - 1));
      worst = larger (worst, 0 < p.variance && p.variance < step ? 0 : 1);
    }
  return worst;
}

Test (smld, precisions_add)
{
  property_check ("1/tau^2 = 1/sigma_{i-1}^2 + 1/step^2", 2, 100, 3, a_chain, posterior_residual, NULL, 1e-13);
}

// The first step back ends at the data: $\sigma_0 = 0$. [scoresde.txt-smld-tau] [scoresde.txt-smld-posterior]

Test (smld, first_step_back_is_without_noise)
{
  const sb_posterior p = step_back (scoped (sb_smld_alloc (1, 10, 0.01, 50)), 1);
  cr_assert (p.of_x == 0 && p.of_e == 1 && p.variance == 0);
}

// ## As a process
//
// The settings of the paper; times and prior are in test_kinds.c. [scoresde.set-smld]

Test (smld, process_has_the_paper_s_settings)
{
  sb_process *smld = scoped (sb_smld_alloc (2, SB_SMLD_LEVELS, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX));
  cr_assert_eq (sb_smld_sigma (smld, 0), 0);
  cr_assert_eq (sb_smld_sigma (smld, 1), 0.01);
  cr_assert_eq (sb_smld_sigma (smld, 1000), 50);
}

Test (smld, has_no_other_levels)
{
  sb_process *smld = scoped (sb_smld_sigmas_alloc (1, vector_of (3))), *ve = scoped (sb_ve_alloc (1, 0.01, 1));
  cr_assert (gsl_isnan (sb_smld_sigma (smld, 2)));
  cr_assert (gsl_isnan (sb_smld_sigma (ve, 0)));
}
