// # What must be true of the chain and its paths
//
// The report *From Denoising Score Matching to DDPM*, Section 3.1 and Appendix A.2, held against multivariate
// Gaussians, recursions and simulated chains. (What Song et al. say of the same chain is tested in `test_ddpm.c`.)

#include "transition/path.h"
#include "chain.h"
#include "measure/twosample.h"
#include "process/ddpm.h"
#include "process/vp.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

SUITE (path);

// ## The schedule
//
// Products in long double against the library's sums of logarithms, [dsm2ddpm.txt-alpha-def] and the numbers of the
// report's setting. [dsm2ddpm.set-ddpm-schedule]

Test (path, schedule_by_products)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  double before = 1;
  cr_assert_eq (sb_ddpm_alpha (ddpm, 0), 1);
  for (size_t t = 1; t <= 1000; t++)
    {
      double bar = sb_ddpm_alpha (ddpm, t), a, sd;
      ok (sb_process_scalars (ddpm, 0, (double)t / 1000, &a, &sd));
      cr_assert_float_eq (bar / (double)c.alpha_bar[t], 1, 1e-12);
      cr_assert_float_eq (sd * sd / (double)(1 - c.alpha_bar[t]), 1, 1e-12);
      cr_assert (0 < bar && bar < before);
      cr_assert_float_eq (bar / before, 1 - sb_ddpm_beta (ddpm, t), 1e-14);
      before = bar;
    }
}

Test (path, schedule_of_the_report)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, SB_DDPM_LEVELS, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  cr_assert_float_eq (sb_ddpm_beta (ddpm, 1), 1e-4, 1e-19);
  cr_assert_float_eq (sb_ddpm_beta (ddpm, 2) / 1.19919920e-4, 1, 1e-8);
  cr_assert_float_eq (sb_ddpm_beta (ddpm, 1000), 2e-2, 1e-17);
  for (size_t t = 1; t <= 1000; t++)
    cr_assert_float_eq (sb_ddpm_beta (ddpm, t), 1e-4 + (2e-2 - 1e-4) * (double)(t - 1) / 999, 1e-16);
  cr_assert_float_eq (sb_ddpm_alpha (ddpm, 1), 0.9999, 1e-15);
  cr_assert_float_eq (sb_ddpm_alpha (ddpm, 500), 0.0785872429, 1e-10);
  cr_assert_float_eq (sb_ddpm_alpha (ddpm, 1000) / 4.03582976538e-5, 1, 1e-11);
  cr_assert_float_eq (sqrt (sb_ddpm_alpha (ddpm, 1000)) / 0.00635282, 1, 1e-6);

  // The noise over the signal: the ladder of a VE chain.
  double sigma_1 = sqrt (1 / sb_ddpm_alpha (ddpm, 1) - 1), sigma_T = sqrt (1 / sb_ddpm_alpha (ddpm, 1000) - 1);
  cr_assert_float_eq (sigma_1 / 0.01000050, 1, 1e-7);
  cr_assert_float_eq (sigma_T / 157.4073, 1, 1e-6);
}

// ## Appendix A.2
//
// $\alpha_{t+1}(1 - \bar\alpha_t) + \beta_{t+1} = 1 - \bar\alpha_{t+1}$ for both schedules, [dsm2ddpm.txt-A2-induction]
// by the library's own numbers.

Test (path, induction_step)
{
  for (int k = 0; k < 2; k++)
    {
      chain c;
      k == 0 ? chain_small (&c) : chain_linear (&c, 1000);
      sb_process *ddpm = chain_alloc (&c, 1);
      for (size_t t = 0; t < c.T; t++)
        {
          double beta = sb_ddpm_beta (ddpm, t + 1);
          cr_assert_float_eq ((1 - beta) * (1 - sb_ddpm_alpha (ddpm, t)) + beta, 1 - sb_ddpm_alpha (ddpm, t + 1),
                              1e-15);
        }
    }
}

// The printed index, $\alpha_t(1 - \bar\alpha_t) + \beta_{t+1}$, gives .39, .459, .8968 where the chain has .37, .496,
// .748. And the printed root ends too soon: $\sqrt{\alpha_{t+1}(1 - \bar\alpha_t)} + \beta_{t+1}\varepsilon$ has the
// variance $\beta_{t+1}^2$ about a mean that is off.

Test (path, erratum_a2_index_and_root)
{
  chain c;
  chain_small (&c);
  const double right[] = { 0.37, 0.496, 0.748 }, printed[] = { 0.39, 0.459, 0.8968 };
  sb_process *ddpm = chain_alloc (&c, 1);
  for (size_t t = 1; t < 4; t++)
    {
      double a, sd, gathered = 1 - (double)c.alpha_bar[t], beta = (double)c.beta[t + 1];
      ok (sb_process_scalars (ddpm, 0, (double)(t + 1) / 4, &a, &sd));
      cr_assert_float_eq (sd * sd, right[t - 1], 1e-14);
      cr_assert_float_eq ((1 - beta) * gathered + beta, right[t - 1], 1e-14);
      cr_assert_float_eq ((1 - (double)c.beta[t]) * gathered + beta, printed[t - 1], 1e-14, "as printed");
      cr_assert_gt (fabs (beta * beta - right[t - 1]), 0.1, "as printed");
    }
}

// Step by step, mean $\sqrt{\alpha_t}\,m$ and variance $\alpha_t v + \beta_t$ from (1, 0), against the closed form, all
// 1000 levels: $10^{-13}$. And a batch with a row at each of them. [dsm2ddpm.txt-DDPM-marginal]

Test (path, marginal_by_recursion)
{
  enum
  {
    T = 1000
  };
  chain c;
  chain_linear (&c, T);
  sb_process *ddpm = chain_alloc (&c, 2);
  const gsl_matrix *x_0 = normals (T, 2, 26), *epsilon = normals (T, 2, 27);
  gsl_matrix *x = copy_of (x_0);
  double mean = 1, variance = 0, a, sd;
  ok (sb_process_transition (ddpm, NULL, level_times (1, T, T), epsilon, x));
  for (size_t t = 1; t <= T; t++)
    {
      double beta = (double)c.beta[t];
      mean *= sqrt (1 - beta);
      variance = (1 - beta) * variance + beta;
      ok (sb_process_scalars (ddpm, 0, (double)t / T, &a, &sd));
      cr_assert_float_eq (a, mean, 1e-13);
      cr_assert_float_eq (sd * sd, variance, 1e-13);
      for (size_t j = 0; j < 2; j++)
        cr_assert_float_eq (gsl_matrix_get (x, t - 1, j),
                            mean * gsl_matrix_get (x_0, t - 1, j)
                                + sqrt (variance) * gsl_matrix_get (epsilon, t - 1, j),
                            1e-11, "row %zu", t - 1);
      ok (sb_process_scalars (ddpm, (double)(t - 1) / T, (double)t / T, &a, &sd));
      cr_assert_float_eq (a * a + sd * sd, 1, 1e-15, "unit variance stays");
    }
}

// ## A step
//
// Without noise it is $\sqrt{1 - \beta}\,x$ to the last bit. $10^5$ steps with $\beta = 0.3$ from
// one point have mean and variance within five standard errors: noise of $\beta z$ would have a variance of 0.09. A
// false alarm in $1.7\cdot10^6$. [dsm2ddpm.txt-DDPM-forward]

Test (path, one_step)
{
  enum
  {
    N = 100000
  };
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 1);
  gsl_vector *s = vector_all (N, 0.25), *t = vector_all (N, 0.5);
  gsl_matrix *x = matrix_all (N, 1, 1.7);
  ok (sb_process_transition (ddpm, s, t, NULL, x));
  cr_assert_float_eq (gsl_matrix_get (x, N - 1, 0), sqrt (1 - 0.3) * 1.7, 4e-16);

  gsl_matrix_set_all (x, 1.7);
  ok (sb_process_transition (ddpm, s, t, normals (N, 1, 20), x));
  double mean = gsl_stats_mean (x->data, 1, N), variance = gsl_stats_variance (x->data, 1, N);
  cr_assert_float_eq (mean, sqrt (0.7) * 1.7, 5 * sqrt (0.3 / N));
  cr_assert_float_eq (variance / 0.3, 1, 5 * sqrt (2. / N));
}

// ## A path
//
// Given $x_0$, the four states of the short chain are jointly Gaussian with means $\sqrt{\bar\alpha_t}x_0$ and
// covariances $\sqrt{\bar\alpha_t/\bar\alpha_s}\,(1 - \bar\alpha_s)$ for $s \le t$. The path's density is that one's,
// to $10^{-10}$; in space the coordinates' add up. [dsm2ddpm.txt-DDPM-forward-joint] [dsm2ddpm.txt-DDPM-forward]

static double
joint_log_density (const chain *c, const gsl_matrix *path, size_t coordinate)
{
  gsl_matrix *L = matrix (4, 4);
  gsl_vector *x = vector (4), *mean = vector (4), *work = vector (4);
  double log_q;
  for (size_t i = 1; i <= 4; i++)
    {
      gsl_vector_set (x, i - 1, gsl_matrix_get (path, i, coordinate));
      gsl_vector_set (mean, i - 1, sqrt ((double)c->alpha_bar[i]) * gsl_matrix_get (path, 0, coordinate));
      for (size_t j = 1; j <= i; j++)
        {
          double covariance = sqrt ((double)(c->alpha_bar[i] / c->alpha_bar[j])) * (double)(1 - c->alpha_bar[j]);
          gsl_matrix_set (L, i - 1, j - 1, covariance);
          gsl_matrix_set (L, j - 1, i - 1, covariance);
        }
    }
  gsl_linalg_cholesky_decomp1 (L);
  gsl_ran_multivariate_gaussian_log_pdf (x, mean, L, &log_q, work);
  return log_q;
}

Test (path, density_is_that_of_the_joint_gaussian)
{
  chain c;
  chain_small (&c);
  for (uint64_t k = 0; k < 50; k++)
    {
      const size_t d = k < 25 ? 1 : 3;
      double log_q, truth = 0;
      sb_process *ddpm = chain_alloc (&c, d);
      gsl_matrix *path = normals (5, d, 100 + k), *z = normals (4, d, 200 + k);
      if (k % 2)
        ok (sb_path_draw (ddpm, z, path));
      for (size_t j = 0; j < d; j++)
        truth += joint_log_density (&c, path, j);
      ok (sb_path_log_density (ddpm, path, &log_q));
      cr_assert_float_eq (log_q, truth, 1e-10 * (1 + fabs (truth)));
    }
}

// Rows of a drawn path follow one from the other by the definition, each with its own row of normals.
// [dsm2ddpm.txt-DDPM-forward-joint]

Test (path, steps_of_a_path)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 3);
  gsl_matrix *path = normals (5, 3, 21), *z = normals (4, 3, 22);
  ok (sb_path_draw (ddpm, z, path));
  for (size_t t = 1; t <= 4; t++)
    for (size_t j = 0; j < 3; j++)
      {
        double beta = (double)c.beta[t];
        cr_assert_float_eq (
            gsl_matrix_get (path, t, j),
            sqrt (1 - beta) * gsl_matrix_get (path, t - 1, j) + sqrt (beta) * gsl_matrix_get (z, t - 1, j), 1e-14);
      }
}

// ## Chain and shortcut
//
// Two-dimensional mixture data, $10^5$ rows: the states of the chain itself after 1, 10 and 100 steps against the
// closed form's, with normals of its own, by the two-sample distance of Kolmogorov and Smirnov in each coordinate; and
// against the mixture's distribution function with means $\sqrt{\bar\alpha_t}m_k$ and variances
// $\bar\alpha_t v_k + 1 - \bar\alpha_t$. A false alarm in $10^6$ each. The 1000th step is reached by 4000 rows, by all
// in `make check-long`. [dsm2ddpm.txt-DDPM-marginal]

static void
compare (const sb_process *ddpm, const chain *c, const sb_target *data, size_t t, const gsl_matrix *by_steps)
{
  const size_t n = by_steps->size1;
  gsl_matrix *x = chain_sample (data, n, 23);
  ok (sb_process_transition (ddpm, NULL, vector_all (n, (double)t / 1000), normals (n, 2, 24 + t), x));
  for (size_t j = 0; j < 2; j++)
    {
      double D, p, bar = (double)c->alpha_bar[t];
      gsl_vector_view a = gsl_matrix_column (x, j);
      gsl_vector_const_view b = gsl_matrix_const_column (by_steps, j);
      ok (sb_ks_two_sample (&a.vector, &b.vector, &D, &p));
      cr_assert_lt (D, 2.69 * sqrt (2. / (double)n), "t = %zu: chain and shortcut, D = %g", t, D);
      ok (sb_ks_one_sample (&b.vector, chain_bumps_cdf, &bar, &D, &p));
      cr_assert_lt (D, 2.69 / sqrt ((double)n), "t = %zu: chain and mixture, D = %g", t, D);
      ok (sb_ks_one_sample (&a.vector, chain_bumps_cdf, &bar, &D, &p));
      cr_assert_lt (D, 2.69 / sqrt ((double)n), "t = %zu: shortcut and mixture, D = %g", t, D);
    }
}

static void
run_on (const sb_process *ddpm, size_t from, size_t to, gsl_matrix *x)
{
  const size_t n = x->size1;
  gsl_vector *s = vector (n), *t = vector (n);
  gsl_matrix *z = matrix (n, 2);
  for (size_t i = from + 1; i <= to; i++)
    {
      gsl_vector_set_all (s, (double)(i - 1) / 1000);
      gsl_vector_set_all (t, (double)i / 1000);
      ok (sb_stream_normals ((sb_stream){ 25, SB_FOR_USER, 0 }, 2 * i, z));
      ok (sb_process_transition (ddpm, s, t, z, x));
    }
}

Test (path, chain_and_shortcut_have_one_law)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 2);
  sb_target *data = chain_bumps (2);
  gsl_matrix *x = chain_sample (data, 100000, 26);
  size_t level = 0;
  for (size_t t = 1; t <= 100; t *= 10)
    {
      run_on (ddpm, level, t, x);
      compare (ddpm, &c, data, t, x);
      level = t;
    }
  gsl_matrix_view last = gsl_matrix_submatrix (x, 0, 0, getenv ("SCOREBOOK_LONG") ? 100000 : 4000, 2);
  run_on (ddpm, 100, 1000, &last.matrix);
  compare (ddpm, &c, data, 1000, &last.matrix);
}

// ## The end of the chain
//
// $10^6$ draws of the prior: mean, variance and kurtosis within five standard errors, and the distance of Kolmogorov
// and Smirnov; and what the chain's last state is away from it, for data $\mathcal{N}(0.5, 0.3)$: $5.0\cdot10^{-6}$
// nats. [dsm2ddpm.txt-prior]

static double
normal_cdf (double x, void *context)
{
  (void)context;
  return gsl_cdf_ugaussian_P (x);
}

Test (path, prior_is_standard_normal)
{
  enum
  {
    N = 1000000
  };
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  gsl_matrix *x = matrix (N, 1);
  gsl_vector_view column = gsl_matrix_column (x, 0);
  double D, p;
  ok (sb_process_prior (ddpm, (sb_stream){ 27, SB_FOR_PRIOR, 0 }, x));
  cr_assert_float_eq (gsl_stats_mean (x->data, 1, N), 0, 5 / sqrt (N));
  cr_assert_float_eq (gsl_stats_variance (x->data, 1, N), 1, 5 * sqrt (2. / N));
  cr_assert_float_eq (gsl_stats_kurtosis (x->data, 1, N), 0, 5 * sqrt (24. / N));
  ok (sb_ks_one_sample (&column.vector, normal_cdf, NULL, &D, &p));
  cr_assert_lt (D, 2.69 / sqrt (N));
}

// It does not depend on the chain: at the end of a single step with $\beta = 0.3$, too, it has the mean 0 and the
// variance 1, and the density of that. [dsm2ddpm.txt-prior]

Test (path, prior_knows_nothing_of_the_chain)
{
  enum
  {
    N = 5,
    D = 3
  };
  sb_process *ddpm = scoped (sb_ddpm_betas_alloc (D, vector_of (0.3)));
  gsl_matrix *x = matrix_all (N, D, 7), *z = matrix (N, D);
  gsl_vector *log_p = vector (N);
  ok (sb_process_prior (ddpm, (sb_stream){ 27, SB_FOR_PRIOR, 0 }, x));
  ok (sb_stream_normals ((sb_stream){ 27, SB_FOR_PRIOR, 0 }, 0, z));
  cr_assert (gsl_matrix_equal (x, z));
  ok (sb_process_prior_log_density (ddpm, x, log_p));
  for (size_t i = 0; i < N; i++)
    {
      double expected = -0.5 * D * log (2 * M_PI);
      for (size_t j = 0; j < D; j++)
        expected -= 0.5 * gsl_pow_2 (gsl_matrix_get (z, i, j));
      cr_assert_float_eq (gsl_vector_get (log_p, i), expected, 1e-14 * fabs (expected));
    }
}

Test (path, chain_ends_near_the_prior)
{
  double a, sd;
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, 1000, 0.1, 20));
  ok (sb_process_scalars (ddpm, 0, 1, &a, &sd));
  double mean = a * 0.5, variance = a * a * 0.3 + sd * sd;
  cr_assert_float_eq (0.5 * (variance + mean * mean - 1 - log (variance)), 5.045e-6, 1e-9);
}

// ## What cannot be

Test (path, refuses_what_does_not_fit)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (2, 4, 0.1, 2)), *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  gsl_matrix *five = matrix_all (5, 2, 0), *four = matrix_all (4, 2, 0), *wide = matrix_all (5, 3, 0),
             *none = matrix (0, 2);
  gsl_vector *s = vector_all (4, 0.25), *t = vector_all (4, 0.5), *longer = vector_all (5, 0.5);
  double log_q;
  refused (GSL_EBADLEN, sb_path_draw (ddpm, five, five));
  refused (GSL_EBADLEN, sb_path_draw (ddpm, four, four));
  refused (GSL_EBADLEN, sb_path_draw (ddpm, four, none));
  refused (GSL_EBADLEN, sb_path_draw (ddpm, four, wide));
  refused (GSL_EBADLEN, sb_path_draw (ddpm, matrix_all (4, 3, 0), wide));
  refused (GSL_EUNSUP, sb_path_draw (vp, four, five));
  refused (GSL_EBADLEN, sb_path_log_density (ddpm, four, &log_q));
  refused (GSL_EBADLEN, sb_path_log_density (ddpm, wide, &log_q));
  refused (GSL_EUNSUP, sb_path_log_density (vp, five, &log_q));
  refused (GSL_EBADLEN, sb_path_times (ddpm, s, longer));
  refused (GSL_EBADLEN, sb_path_times (ddpm, longer, t));
  refused (GSL_EUNSUP, sb_path_times (vp, s, t));
  refused (GSL_EBADLEN, sb_kernel_log_density (ddpm, s, t, four, five, t));
  refused (GSL_EBADLEN, sb_kernel_log_density (ddpm, s, t, four, four, longer));
  refused (GSL_EBADLEN, sb_kernel_log_density (ddpm, s, t, matrix_all (4, 3, 0), four, t));
  refused (GSL_EBADLEN, sb_kernel_log_density (ddpm, s, longer, four, four, t));
  gsl_vector *log_4 = vector (4);
  refused (GSL_ESING, sb_kernel_log_density (ddpm, t, t, four, four, log_4));
}
