// # What must be true of DDPM's chain

#include "process/ddpm.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>

SUITE (ddpm);

// Chains with random betas, some of them large.

static const property_parameter a_chain[] = { { "N", PROPERTY_INTEGER, 1, 300, 1 },
                                              { "largest beta", PROPERTY_LOG, 1e-4, 0.9, 0.5 },
                                              { "seed", PROPERTY_INTEGER, 1, 1e6, 1 } };

static gsl_vector *
random_betas (const double *v)
{
  gsl_rng *r = property_rng (v[2]);
  gsl_vector *beta = vector ((size_t)v[0]);
  for (size_t k = 0; k < beta->size; k++)
    gsl_vector_set (beta, k, v[1] * gsl_rng_uniform_pos (r));
  return beta;
}

// ## The chain
//
// Single steps have the moments of the definition, $\sqrt{1 - \beta_i}$ and $\beta_i$; carried through $m \leftarrow
// \sqrt{1-\beta_i}\,m$ and $v \leftarrow (1-\beta_i)\,v + \beta_i$ from any level $j$, they give the kernel from $j$ to
// $i$, and from level 0 that is $\sqrt{\alpha_i}$ and $1 - \alpha_i$. [scoresde.txt-ddpm-kernel] [scoresde.eq10]

static double
kernel_residual (const double *v, void *context)
{
  (void)context;
  gsl_vector *beta = random_betas (v);
  sb_process *ddpm = scoped (sb_ddpm_betas_alloc (1, beta));
  size_t N = beta->size, from[] = { 0, N / 3 };
  double worst = 0, a, sd;
  for (int k = 0; k < 2; k++)
    {
      double m = 1, variance = 0;
      for (size_t i = from[k] + 1; i <= N; i++)
        {
          double b = gsl_vector_get (beta, i - 1);
          m *= sqrt (1 - b);
          variance = (1 - b) * variance + b;
          ok (sb_process_scalars (ddpm, (double)from[k] / (double)N, (double)i / (double)N, &a, &sd));
          worst = larger (worst, GSL_MAX (fabs (a - m), fabs (sd * sd - variance)));
          if (k == 0)
            worst = larger (worst, fabs (sb_ddpm_alpha (ddpm, i) - m * m));
          ok (sb_process_scalars (ddpm, ((double)i - 1) / (double)N, (double)i / (double)N, &a, &sd));
          worst = larger (worst, fabs (a - sqrt (1 - b)));
          worst = larger (worst, 100 * fabs (sd * sd / b - 1));
        }
    }
  return worst;
}

Test (ddpm, steps_compose_to_its_kernels)
{
  property_check ("steps compose to the kernel", 1, 100, 3, a_chain, kernel_residual, NULL, 1e-13);
}

// Data of unit variance keep it, at every level. [scoresde.eq10]

static double
preserved_residual (const double *v, void *context)
{
  (void)context;
  gsl_vector *beta = random_betas (v);
  sb_process *ddpm = scoped (sb_ddpm_betas_alloc (1, beta));
  double worst = 0, variance = 1, N = v[0];
  for (size_t i = 1; i <= beta->size; i++)
    {
      double a, sd;
      ok (sb_process_scalars (ddpm, ((double)i - 1) / N, (double)i / N, &a, &sd));
      variance = a * a * variance + sd * sd;
      worst = larger (worst, fabs (variance - 1));
    }
  return worst;
}

Test (ddpm, unit_variance_stays)
{
  property_check ("unit variance stays", 2, 100, 3, a_chain, preserved_residual, NULL, 1e-13);
}

// ## Rescaled
//
// $\bar\beta_i = N\beta_i$ is a change of names: the chain made from the bars is the chain made from $\beta_i =
// \bar\beta_i/N$, to the last bit of its output. [scoresde.eq23]

Test (ddpm, rescaled_schedule_is_the_same_chain)
{
  enum
  {
    N = 1000,
    d = 5
  };
  gsl_vector *beta = vector (N);
  for (int i = 1; i <= N; i++)
    gsl_vector_set (beta, (size_t)i - 1, (0.1 + (20 - 0.1) * ((i - 1) / (N - 1.0))) / N);
  gsl_vector_set (beta, N - 1, 20.0 / N);
  sb_process *barred = scoped (sb_ddpm_alloc (d, N, 0.1, 20)), *plain = scoped (sb_ddpm_betas_alloc (d, beta));
  gsl_matrix *x = matrix_all (1, d, 0.5), *y = matrix_all (1, d, 0.5);
  for (int i = 1; i <= N; i++)
    {
      gsl_vector *s = vector_of ((i - 1) / (double)N), *t = vector_of (i / (double)N);
      cr_assert_float_eq (sb_ddpm_beta (barred, (size_t)i), sb_vp_beta (&(sb_vp){ 0.1, 20 }, (i - 1) / (N - 1.0)) / N,
                          1e-16);
      gsl_matrix *z = normals (1, d, (uint64_t)i);
      ok (sb_process_transition (barred, s, t, z, x));
      ok (sb_process_transition (plain, s, t, z, y));
      for (size_t k = 0; k < d; k++)
        cr_assert_eq (gsl_matrix_get (x, 0, k), gsl_matrix_get (y, 0, k));
    }
}

// ## Its limit
//
// The largest distance between the chain's $\sqrt{\alpha_i}$ and VP's $e^{-B(i/N)/2}$, against values computed apart;
// it halves when $N$ doubles. [scoresde.eq24]

static double
distance_to_vp (size_t N)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, N, 0.1, 20)), *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  double worst = 0;
  for (size_t i = 1; i <= N; i++)
    {
      double t = (double)i / (double)N;
      worst = larger (worst, fabs (number_of (ddpm, SB_A, 0, t) - number_of (vp, SB_A, 0, t)));
    }
  return worst;
}

Test (ddpm, approaches_vp_at_first_order)
{
  double expected[] = { 1.993e-3, 9.932e-4, 4.957e-4, 2.477e-4 }, before = 0;
  size_t N = 500;
  for (int k = 0; k < 4; k++, N *= 2)
    {
      double distance = distance_to_vp (N);
      cr_assert_float_eq (distance / expected[k], 1, 1e-3, "N = %zu: %.5g", N, distance);
      if (k > 0)
        cr_assert (1.98 < before / distance && before / distance < 2.03, "N = %zu: %g", N, before / distance);
      before = distance;
    }
}

// The times of the limit are $0, \frac1N, \dots, \frac{N-1}N$, and the step from each of them is the chain's: it keeps
// $1 - \frac12\beta\Delta t$ of $x$ but for $\frac18(\beta\Delta t)^2$ and more. [scoresde.eq24]

Test (ddpm, steps_from_every_nth)
{
  enum
  {
    N = 50
  };
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, N, 0.1, 20));
  for (size_t k = 0, level; k < N; k++)
    {
      double t = (double)k / N, a, sd, beta = 0.1 + (20 - 0.1) * (double)k / (N - 1);
      ok (sb_process_level (ddpm, t, &level));
      cr_assert_eq (level, k);
      ok (sb_process_scalars (ddpm, t, t + 1.0 / N, &a, &sd));
      cr_assert_float_eq (sd * sd, beta / N, 1e-14);
      cr_assert_float_eq (a * a, 1 - beta / N, 1e-14);
      cr_assert (a <= 1 - beta / N / 2 && a >= 1 - beta / N / 2 - gsl_pow_2 (beta / N) / 5);
    }
}

// One step of it against an Euler step of VP: $\lvert\sqrt{1-\beta} - (1 - \beta/2)\rvert \le \frac{\beta^2}{8}(1 +
// \beta)$. [scoresde.eq11]

Test (ddpm, its_step_is_nearly_an_euler_step)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, 1000, 0.1, 20));
  sb_vp vp = { .beta_min = 0.1, .beta_max = 20 };
  for (size_t i = 1; i <= 1000; i++)
    {
      double t = (double)(i - 1) / 999, b = sb_ddpm_beta (ddpm, i), a, sd;
      ok (sb_process_scalars (ddpm, (double)(i - 1) / 1000, (double)i / 1000, &a, &sd));
      double euler = 1 + sb_vp_drift (&vp, t) / 1000, noise = sb_vp_diffusion (&vp, t) * sqrt (1e-3);
      cr_assert_leq (fabs (a - euler), b * b / 8 * (1 + b) + 1e-16);
      cr_assert_float_eq (noise / sd, 1, 1e-13);
    }
}

// ## The paper's settings
//
// A thousand steps from $10^{-4}$ to 0.02, which keep $\alpha_{1000} = 4.0358\cdot10^{-5}$ of the variance; times down
// to $10^{-3}$ in sampling, and to $10^{-5}$ in training and for likelihoods. [scoresde.set-ddpm]
// [scoresde.txt-ddpm-kernel]

Test (ddpm, process_has_the_paper_s_settings)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (2, SB_DDPM_LEVELS, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  cr_assert_float_eq (sb_ddpm_beta (ddpm, 1), 1e-4, 1e-19);
  cr_assert_float_eq (sb_ddpm_beta (ddpm, 1000), 0.02, 1e-17);
  cr_assert_eq (sb_ddpm_alpha (ddpm, 0), 1);
  cr_assert_float_eq (sb_ddpm_alpha (ddpm, 1000) / 4.0358e-5, 1, 1e-4);
  cr_assert (SB_DDPM_LEVELS == 1000 && SB_VP_BETA_MIN == 0.1 && SB_VP_BETA_MAX == 20);
  cr_assert (SB_VP_EPSILON_SAMPLING == 1e-3 && SB_VP_EPSILON_TRAINING == 1e-5);
}

// The time $\epsilon = 10^{-3}$ from which VP is sampled is said to match the variance of $\mathbf{x}_1$ in DDPM. It
// comes close: 1.09944e-4 against 1e-4. The time that matches is 9.16477e-4. [scoresde.txt-eps-match]

static double
vp_variance (double t)
{
  return sb_vp_variance (&(sb_vp){ 0.1, 20 }, 0, t);
}

Test (ddpm, erratum_eps_match_is_close_only)
{
  cr_assert_float_eq (vp_variance (SB_VP_EPSILON_SAMPLING) / 1.099440e-4, 1, 1e-6);

  double low = 1e-5, high = 1e-2;
  for (int k = 0; k < 60; k++)
    {
      double middle = 0.5 * (low + high);
      *(vp_variance (middle) < 1e-4 ? &low : &high) = middle;
    }
  cr_assert_float_eq (low / 9.16477e-4, 1, 1e-6);
}

Test (ddpm, has_no_other_levels)
{
  sb_process *ddpm = scoped (sb_ddpm_betas_alloc (1, vector_of (0.5))), *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  cr_assert (gsl_isnan (sb_ddpm_beta (ddpm, 0)));
  cr_assert (gsl_isnan (sb_ddpm_beta (ddpm, 2)));
  cr_assert (gsl_isnan (sb_ddpm_beta (vp, 1)));
  cr_assert (gsl_isnan (sb_ddpm_alpha (ddpm, 2)));
  cr_assert (gsl_isnan (sb_ddpm_alpha (vp, 1)));
}
