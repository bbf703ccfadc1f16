// # What DDPM's sampler makes of the prior
//
// Gaussian data and their exact score: the law of the samples is a Gaussian that can be computed, by this module, by an
// independent recursion, and by sampling.

#include "transition/marginal.h"
#include "chain.h"
#include "measure/twosample.h"
#include "process/vp.h"
#include "recursion.h"
#include "process/smld.h"
#include "sampler/pc.h"
#include "score/callback.h"
#include "score/exact.h"
#include "scope.h"
#include "take.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

SUITE (marginal);

static sb_reverse
model (const sb_score *score, sb_variance variance, sb_variance last)
{
  return (sb_reverse){ .score = score, .view = SB_EPSILON, .variance = variance, .last = last };
}

// Mean and variance by the module, in two dimensions: both coordinates alike, no covariance.

static void
by_module (const chain *c, double m, double v, sb_variance variance, sb_variance last, double *mean, double *var)
{
  sb_score *score = chain_score (c, chain_gaussian (2, m, v));
  sb_reverse r = model (score, variance, last);
  gsl_vector *mu = vector_all (2, GSL_NAN); // what was there before is not looked at
  gsl_matrix *C = matrix_all (2, 2, GSL_NAN);
  ok (sb_marginal_chain (&r, mu, C));
  cr_assert_float_eq (gsl_matrix_get (C, 0, 0), gsl_matrix_get (C, 1, 1), 1e-14);
  cr_assert_float_eq (gsl_matrix_get (C, 0, 1), 0, 1e-14);
  *mean = gsl_vector_get (mu, 1);
  *var = gsl_matrix_get (C, 0, 0);
}

// The recursion on paper: $k_t = (1 - \beta_t/D_t)/\sqrt{\alpha_t}$, offset
// $\beta_t\sqrt{\bar\alpha_t}m/(D_t\sqrt{\alpha_t})$, noise of variance $\Sigma_t$.

typedef double (*variance_rule) (const chain *c, size_t t);

static double
rule_beta (const chain *c, size_t t)
{
  return (double)c->beta[t];
}

static double
rule_beta_tilde (const chain *c, size_t t)
{
  return (double)((1 - c->alpha_bar[t - 1]) / (1 - c->alpha_bar[t]) * c->beta[t]);
}

static double
rule_as_printed (const chain *c, size_t t)
{
  return gsl_pow_2 (rule_beta_tilde (c, t));
}

static void
on_paper (const chain *c, double m, double v, variance_rule rule, double *mean, double *var)
{
  *mean = 0;
  *var = 1;
  for (size_t t = c->T; t >= 1; t--)
    {
      double beta = (double)c->beta[t], bar = (double)c->alpha_bar[t], D = bar * v + (double)(1 - c->alpha_bar[t]);
      double k = (1 - beta / D) / sqrt (1 - beta);
      *mean = k * *mean + beta * sqrt (bar) * m / (D * sqrt (1 - beta));
      *var = k * k * *var + rule (c, t);
    }
}

// ## The values
//
// $T = 1000$, $x_T \sim \mathcal{N}(0, 1)$. For each law of the data the variance of the samples with $\tilde\beta_t$,
// which is too small, and with $\beta_t$. Only a point mass is right with the first, only $\mathcal{N}(0, 1)$ with the
// second. [dsm2ddpm.txt-Sigma-theta] [dsm2ddpm.txt-model-marginal]

Test (marginal, values_at_a_thousand_steps)
{
  const double m[] = { 0, 2, 0 }, v[] = { 1, 0.25, 4 }, tilde[] = { 0.9910674, 0.2461252, 3.9747766 },
               beta[] = { 1, 0.2508521, 3.9906693 };
  chain c;
  chain_linear (&c, 1000);
  for (int k = 0; k < 3; k++)
    {
      double mean, var, mean_paper, var_paper;
      by_module (&c, m[k], v[k], SB_VARIANCE_BETA_TILDE, SB_VARIANCE_BETA_TILDE, &mean, &var);
      on_paper (&c, m[k], v[k], rule_beta_tilde, &mean_paper, &var_paper);
      cr_assert_float_eq (var, tilde[k], 6e-8);
      cr_assert_float_eq (var, var_paper, 1e-11);
      cr_assert_float_eq (mean, mean_paper, 1e-11);
      cr_assert_lt (var, v[k]);
      by_module (&c, m[k], v[k], SB_VARIANCE_BETA, SB_VARIANCE_BETA, &mean, &var);
      on_paper (&c, m[k], v[k], rule_beta, &mean_paper, &var_paper);
      cr_assert_float_eq (var, beta[k], 6e-8);
      cr_assert_float_eq (var, var_paper, 1e-11);
      cr_assert_float_eq (mean, mean_paper, 1e-11);
    }
}

Test (marginal, point_mass)
{
  chain c;
  double mean, var;
  chain_linear (&c, 1000);
  by_module (&c, 0.7, 0, SB_VARIANCE_BETA_TILDE, SB_VARIANCE_BETA_TILDE, &mean, &var);
  cr_assert_float_eq (mean, 0.7, 1e-12);
  cr_assert_lt (fabs (var), 1e-29);
  by_module (&c, 0.7, 0, SB_VARIANCE_BETA, SB_VARIANCE_BETA, &mean, &var);
  cr_assert_float_eq (var / 1e-4, 1, 1e-9);
}

// Started from $q(x_T)$, every marginal is exact: for a point $c$ with $\tilde\beta_t$,
// $\mathcal{N}(\sqrt{\bar\alpha_t}c, 1 - \bar\alpha_t)$, and for $\mathcal{N}(0, 1)$ with $\beta_t$. To $10^{-13}$.
// [dsm2ddpm.txt-Sigma-theta]

static void
check_marginals (double m, double v, sb_variance variance)
{
  chain c;
  chain_linear (&c, 1000);
  sb_score *score = chain_score (&c, chain_gaussian (1, m, v));
  sb_reverse r = model (score, variance, variance);
  gsl_vector *mu = vector_of (sqrt ((double)c.alpha_bar[1000]) * m);
  gsl_matrix *C = matrix_of (1, 1, (double)c.alpha_bar[1000] * v + (double)(1 - c.alpha_bar[1000]));
  for (size_t t = 1000; t >= 1; t--)
    {
      ok (sb_marginal_step (&r, (double)(t - 1) / 1000, (double)t / 1000, mu, C));
      cr_assert_float_eq (gsl_vector_get (mu, 0), sqrt ((double)c.alpha_bar[t - 1]) * m, 1e-13);
      cr_assert_float_eq (gsl_matrix_get (C, 0, 0), (double)c.alpha_bar[t - 1] * v + (double)(1 - c.alpha_bar[t - 1]),
                          1e-13);
    }
}

Test (marginal, where_a_choice_is_exact)
{
  check_marginals (0.7, 0, SB_VARIANCE_BETA_TILDE);
  check_marginals (0, 1, SB_VARIANCE_BETA);
}

// Data whose coordinates are correlated: the best variance is no longer exact, but the mean is, and covariances are
// carried along. Against the step written as a matrix.

Test (marginal, correlated_data)
{
  chain c;
  chain_small (&c);
  const double covariance[] = { 1, 0.6, 0.6, 0.5 }, mean[] = { 0.4, -1 }, want[2] = { 0.3, 0.2 },
               V[2][2] = { { 2, -0.3 }, { -0.3, 0.7 } };
  sb_target *data = scoped (sb_target_gaussian_alloc (scope_vector (2, mean), scope_matrix (2, 2, 4, covariance)));
  sb_reverse r = model (chain_score (&c, data), SB_VARIANCE_BETA, SB_VARIANCE_BETA);
  gsl_vector *mu = scope_vector (2, want);
  gsl_matrix *C = scope_matrix (2, 2, 4, *V);
  ok (sb_marginal_step (&r, 0.5, 0.75, mu, C));

  double bar = (double)c.alpha_bar[3], D[2][2], M[2][2], new_mean[2] = { 0, 0 };
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      D[i][j] = bar * covariance[2 * i + j] + (i == j ? 1 - bar : 0);
  double det = D[0][0] * D[1][1] - D[0][1] * D[1][0];
  double inverse[2][2] = { { D[1][1] / det, -D[0][1] / det }, { -D[1][0] / det, D[0][0] / det } };
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      {
        M[i][j] = ((i == j) - 0.2 * inverse[i][j]) / sqrt (0.8);
        new_mean[i] += M[i][j] * want[j] + 0.2 * inverse[i][j] / sqrt (0.8) * sqrt (bar) * mean[j];
      }
  for (int i = 0; i < 2; i++)
    {
      cr_assert_float_eq (gsl_vector_get (mu, (size_t)i), new_mean[i], 1e-13);
      for (int j = 0; j < 2; j++)
        {
          double sum = i == j ? 0.2 : 0;
          for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++)
              sum += M[i][a] * V[a][b] * M[j][b];
          cr_assert_float_eq (gsl_matrix_get (C, (size_t)i, (size_t)j), sum, 1e-13);
        }
    }
}

// The score of a law has a symmetric Jacobian; that of a model need not, and then the step's matrix $\mathbf{M}$ and
// its transpose are two. With $\mathbf{s}(\mathbf{x}) = \mathbf{B}\mathbf{x} + \mathbf{c}$ it is $(\mathbf{I} +
// \beta_t\mathbf{B})/\sqrt{\alpha_t}$, and the step's offset $\beta_t\mathbf{c}/\sqrt{\alpha_t}$.
// [dsm2ddpm.txt-model-marginal]

static const double B[2][2] = { { -0.5, 0.8 }, { -0.3, -0.9 } }, offset[2] = { 0.2, -0.4 };

static int
turning (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < 2; j++)
      gsl_matrix_set (out, i, j, offset[j] + B[j][0] * gsl_matrix_get (x, i, 0) + B[j][1] * gsl_matrix_get (x, i, 1));
  return GSL_SUCCESS;
}

Test (marginal, a_model_that_turns)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 2);
  const sb_score_callback callback = { .view = SB_SCORE, .function = turning };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, ddpm));
  sb_reverse r = model (score, SB_VARIANCE_BETA, SB_VARIANCE_BETA);
  const double mean[] = { 0.3, 0.2 }, covariance[] = { 2, -0.3, -0.3, 0.7 };
  double M[2][2], want[2], V[4];
  for (int i = 0; i < 2; i++)
    {
      for (int j = 0; j < 2; j++)
        M[i][j] = ((i == j) + 0.2 * B[i][j]) / sqrt (0.8);
      want[i] = M[i][0] * mean[0] + M[i][1] * mean[1] + 0.2 * offset[i] / sqrt (0.8);
    }
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      {
        V[2 * i + j] = i == j ? 0.2 : 0;
        for (int a = 0; a < 2; a++)
          for (int b = 0; b < 2; b++)
            V[2 * i + j] += M[i][a] * covariance[2 * a + b] * M[j][b];
      }
  gsl_vector *mu = scope_vector (2, mean);
  gsl_matrix *C = scope_matrix (2, 2, 4, covariance);
  ok (sb_marginal_step (&r, 0.5, 0.75, mu, C));
  for (int i = 0; i < 2; i++)
    cr_assert_float_eq (mu->data[i], want[i], 1e-13);
  cr_assert_leq (largest_difference (C, scope_matrix (2, 2, 4, V)), 1e-13);
}

// ## The sampler itself
//
// The predictors, driven by the library's own sampler on rows whose mean squares are variances: no Monte Carlo, the
// same values. [dsm2ddpm.txt-DDPM-sampler]

static double
sampled_variance (const chain *c, const sb_step_type *predictor, double v)
{
  sb_process *ddpm = chain_alloc (c, 1);
  gsl_vector *result = vector_of (1);
  recursion data = { .process = ddpm, .lambda = vector_of (v), .factor = 1 };
  sb_pc pc = { .step = predictor, .final = SB_FINAL_SAMPLE };
  ok (recursion_run (&data, &pc, level_times (c->T, 0, c->T), result, NULL));
  return gsl_vector_get (result, 0);
}

Test (marginal, sampler_has_the_computed_variance)
{
  chain c;
  chain_linear (&c, 1000);
  cr_assert_float_eq (sampled_variance (&c, sb_step_ancestral_lower, 1), 0.9910674, 6e-8);
  cr_assert_float_eq (sampled_variance (&c, sb_step_ancestral_upper, 1), 1, 6e-8);
  cr_assert_float_eq (sampled_variance (&c, sb_step_ancestral_lower, 4), 3.9747766, 6e-8);
  cr_assert_float_eq (sampled_variance (&c, sb_step_ancestral_upper, 4), 3.9906693, 6e-8);
}

// The printed noise, $\tilde\beta_t\boldsymbol\varepsilon$ for $\sqrt{\tilde\beta_t}\,\boldsymbol\varepsilon$, ends
// with the variance .005577 on standard normal data. [dsm2ddpm.txt-DDPM-sampler]

Test (marginal, erratum_sampler_needs_the_square_root)
{
  chain c;
  double mean, right, printed;
  chain_linear (&c, 1000);
  on_paper (&c, 0, 1, rule_beta_tilde, &mean, &right);
  on_paper (&c, 0, 1, rule_as_printed, &mean, &printed);
  cr_assert_float_eq (right, 0.9910674, 6e-8);
  cr_assert_float_eq (printed, 0.005577, 6e-7, "as printed");
  cr_assert_float_eq (sampled_variance (&c, sb_step_ancestral_lower, 1), right, 1e-11);
}

// Samples, $10^5$ of them, have mean and variance of the exact recursion within five standard errors: four uneven
// steps, in `make check-long` 1000. [dsm2ddpm.txt-model-marginal] [dsm2ddpm.txt-DDPM-sampler]

static gsl_matrix *
sample (const chain *c, const sb_target *data, const sb_step_type *predictor, size_t n, uint64_t seed)
{
  sb_score *score = chain_score (c, data);
  sb_pc pc = { .step = predictor, .final = SB_FINAL_SAMPLE };
  gsl_matrix *x = matrix (n, data->dimension);
  ok (sb_process_prior (score->process, (sb_stream){ seed, SB_FOR_PRIOR, 0 }, x));
  ok (sb_pc_sample (&pc, score, NULL, level_times (c->T, 0, c->T), (sb_stream){ seed, SB_FOR_PREDICTOR, 0 }, x, NULL));
  return x;
}

Test (marginal, samples_have_its_moments)
{
  enum
  {
    N = 100000
  };
  chain c;
  if (getenv ("SCOREBOOK_LONG"))
    chain_linear (&c, 1000);
  else
    chain_small (&c);
  sb_target *data = chain_gaussian (1, 0.5, 0.3);
  const sb_step_type *predictor[] = { sb_step_ancestral_lower, sb_step_ancestral_upper };
  const variance_rule rule[] = { rule_beta_tilde, rule_beta };
  for (int k = 0; k < 2; k++)
    {
      double mean, var;
      on_paper (&c, 0.5, 0.3, rule[k], &mean, &var);
      gsl_matrix *x = sample (&c, data, predictor[k], N, 40);
      cr_assert_float_eq (gsl_stats_mean (x->data, 1, N), mean, 5 * sqrt (var / N));
      cr_assert_float_eq (gsl_stats_variance (x->data, 1, N) / var, 1, 5 * sqrt (2. / N));
    }
}

// The last step makes no noise: two runs that differ in the last draw alone end the same. [dsm2ddpm.txt-DDPM-sampler]

Test (marginal, last_draw_does_not_matter)
{
  chain c;
  chain_linear (&c, 1000);
  sb_score *score = chain_score (&c, chain_gaussian (1, 0.5, 0.3));
  gsl_matrix *x = normals (20, 1, 41), *y = copy_of (x);
  ok (take_step (sb_step_ancestral_lower, score, NULL, 0, 1e-3, normals (20, 1, 42), x));
  ok (take_step (sb_step_ancestral_lower, score, NULL, 0, 1e-3, normals (20, 1, 43), y));
  for (size_t i = 0; i < 20; i++)
    cr_assert_eq (gsl_matrix_get (x, i, 0), gsl_matrix_get (y, i, 0));
}

// ## A mixture
//
// $.3\,\mathcal{N}(-2, .05) + .7\,\mathcal{N}(1.5, .2)$, 1000 steps with either variance: distance of Kolmogorov and
// Smirnov from the data's law (false alarm $10^{-6}$ for samples of that law), and the weight of the lower mode. 2000
// samples; in `make check-long` 40000, for which 0.0042 and 0.0035 were measured, and coarser chains, whose betas are
// scaled up: each is worse than the finer one. [dsm2ddpm.txt-DDPM-sampler]

static double
lower_mode (const gsl_matrix *x)
{
  double count = 0;
  for (size_t i = 0; i < x->size1; i++)
    count += gsl_matrix_get (x, i, 0) < -0.5;
  return count / (double)x->size1;
}

static double
distance_after (size_t T, const sb_step_type *predictor, size_t n)
{
  chain c;
  chain_linear (&c, T);
  gsl_matrix *x = sample (&c, chain_bumps (1), predictor, n, 44);
  gsl_vector_view column = gsl_matrix_column (x, 0);
  double D, p, alpha_bar = 1;
  ok (sb_ks_one_sample (&column.vector, chain_bumps_cdf, &alpha_bar, &D, &p));
  cr_assert_float_eq (lower_mode (x), 0.3, T < 1000 ? 0.1 : 5.2 * sqrt (0.21 / (double)n));
  return D;
}

Test (marginal, mixture_is_sampled)
{
  const bool full = getenv ("SCOREBOOK_LONG");
  const size_t n = full ? 40000 : 2000;
  double lower = distance_after (1000, sb_step_ancestral_lower, n);
  double upper = distance_after (1000, sb_step_ancestral_upper, n);
  cr_assert_lt (lower, 2.69 / sqrt ((double)n), "lower: %g", lower);
  cr_assert_lt (upper, 2.69 / sqrt ((double)n), "upper: %g", upper);
  if (full)
    {
      double at_200 = distance_after (200, sb_step_ancestral_lower, n),
             at_50 = distance_after (50, sb_step_ancestral_lower, n);
      cr_assert (lower < at_200 && at_200 < at_50, "%g, %g, %g at 1000, 200, 50 steps", lower, at_200, at_50);
    }
}

// In 25 steps, where the choice shows, the optimal variance has the least distance of the three: .013 with 8000
// samples, against .037 (upper) and .053 (lower); the standard error is about .005.

Test (marginal, optimal_variance_is_the_best_of_three_in_few_steps)
{
  double optimal = distance_after (25, sb_step_ancestral_optimal, 8000);
  cr_assert_lt (optimal, distance_after (25, sb_step_ancestral_lower, 8000));
  cr_assert_lt (optimal, distance_after (25, sb_step_ancestral_upper, 8000));
}

// ## Beside annealed Langevin dynamics
//
// $.2\,\mathcal{N}((-3, -3), \mathbf{I}) + .8\,\mathcal{N}((3, 3), \mathbf{I})$, its exact score asked 1000 times for
// each sample: DDPM's chain, and ten levels from $\sigma = 10$ to 0.1 with a hundred Langevin steps each. DDPM has the
// lower mode's share to .015 and the variance within the other mode, 1, to .04; annealed Langevin dynamics to .035,
// with a variance of 1.05 to 1.08 (its last level's noise and its steps). 20000 samples in `make check-long`; otherwise
// 1500, with five standard errors more. [dsm2ddpm.txt-sampler-vs-langevin]

typedef struct
{
  double lower, variance;
} modes;

static modes
modes_of (const gsl_matrix *x)
{
  double lower = 0, upper = 0, sum = 0, squares = 0;
  for (size_t i = 0; i < x->size1; i++)
    {
      double a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1);
      if (a + b < 0)
        lower++;
      else
        upper += 2, sum += a + b, squares += a * a + b * b;
    }
  return (modes){ lower / (double)x->size1, squares / upper - gsl_pow_2 (sum / upper) };
}

static modes
by_langevin (const sb_target *data, size_t n)
{
  sb_process *smld = scoped (sb_smld_alloc (2, 10, 0.1, 10));
  sb_score *score = scoped (sb_score_exact_alloc (data, smld));
  const langevin_run annealed = { .epsilon = 0.002, .steps = 100 };
  gsl_matrix *x = matrix (n, 2);
  ok (sb_process_prior (smld, (sb_stream){ 45, SB_FOR_PRIOR, 0 }, x));
  ok (annealed_sample (&annealed, score, NULL, level_times (10, 1, 10), (sb_stream){ 45, 0, 0 }, x));
  return modes_of (x);
}

Test (marginal, mode_weights_beside_annealed_langevin)
{
  const double w[] = { 0.2, 0.8 }, m[] = { -3, 3 }, v[] = { 1, 1 };
  const bool full = getenv ("SCOREBOOK_LONG");
  const size_t n = full ? 20000 : 1500;
  const double share = full ? 0 : 5 * sqrt (0.16 / (double)n), spread = full ? 0 : 5 * sqrt (2 / (1.6 * (double)n));
  chain c;
  chain_linear (&c, 1000);
  sb_target *data = chain_mixture (2, 2, w, m, v);
  const sb_step_type *predictor[] = { sb_step_ancestral_lower, sb_step_ancestral_upper };
  for (int k = 0; k < 2; k++)
    {
      gsl_matrix *x = sample (&c, data, predictor[k], n, 46);
      modes ddpm = modes_of (x);
      cr_assert_float_eq (ddpm.lower, 0.2, 0.015 + share, "%s: %g", predictor[k]->entry.name, ddpm.lower);
      cr_assert_float_eq (ddpm.variance, 1, 0.04 + spread, "%s: variance %g", predictor[k]->entry.name, ddpm.variance);
    }
  modes langevin = by_langevin (data, n);
  cr_assert_float_eq (langevin.lower, 0.2, 0.035 + share, "annealed Langevin: %g", langevin.lower);
  cr_assert (langevin.variance > 1.03 - spread && langevin.variance < 1.1 + spread, "annealed Langevin: variance %g",
             langevin.variance);
}

// ## The negative log-likelihood
//
// $\frac12\ln(2\pi v) + (s^2 + (m - \mu)^2)/2v$ of the computed law: 1.4189385332, the entropy, for $\mathcal{N}(0, 1)$
// with $\beta_t$; 1.4189582690 with $\tilde\beta_t$ ($\beta_1$ at the last step). Never below the entropy.
// [dsm2ddpm.txt-NLL]

static double
nll_of (double m, double v, sb_variance variance, sb_variance last)
{
  chain c;
  chain_linear (&c, 1000);
  sb_score *score = chain_score (&c, chain_gaussian (1, m, v));
  sb_reverse r = model (score, variance, last);
  gsl_vector *mu = vector (1);
  gsl_matrix *C = matrix (1, 1);
  double nll;
  ok (sb_marginal_chain (&r, mu, C));
  ok (sb_marginal_nll (mu, C, vector_of (m), matrix_of (1, 1, v), &nll));
  double var = gsl_matrix_get (C, 0, 0);
  cr_assert_float_eq (nll, 0.5 * log (2 * M_PI * var) + (v + gsl_pow_2 (m - gsl_vector_get (mu, 0))) / (2 * var),
                      1e-12);
  cr_assert_geq (nll, 0.5 * log (2 * M_PI * M_E * v) - 1e-12);
  return nll;
}

Test (marginal, negative_log_likelihood)
{
  cr_assert_float_eq (nll_of (0, 1, SB_VARIANCE_BETA, SB_VARIANCE_BETA), 1.4189385332, 1e-9);
  cr_assert_float_eq (nll_of (0, 1, SB_VARIANCE_BETA_TILDE, SB_VARIANCE_BETA), 1.4189582690, 1e-9);
  cr_assert_float_eq (nll_of (0.5, 0.3, SB_VARIANCE_BETA, SB_VARIANCE_BETA), 0.8169542, 1e-7);
  cr_assert_float_eq (nll_of (0.5, 0.3, SB_VARIANCE_BETA_TILDE, SB_VARIANCE_BETA), 0.8170019, 1e-7);
  cr_assert_float_eq (nll_of (1, 2, SB_VARIANCE_BETA, SB_VARIANCE_BETA), 1.7655125, 1e-7);
}

// In two dimensions with correlations, against the average of the log density over a grid's worth of quadrature.

Test (marginal, nll_in_two_dimensions)
{
  double nll;
  gsl_matrix *C_x = matrix_of (2, 2, 0.7, -0.2, -0.2, 0.4);
  ok (sb_marginal_nll (vector_of (0.2, -0.1), matrix_of (2, 2, 1.2, 0.5, 0.5, 0.8), vector_of (0.5, 0.3), C_x, &nll));
  double det = 1.2 * 0.8 - 0.25, det_x = 0.7 * 0.4 - 0.04, sum = 0, h = 0.05;
  for (double a = -6; a < 6; a += h)
    for (double b = -6; b < 6; b += h)
      {
        double log_p
            = -(0.8 * gsl_pow_2 (a - 0.2) - 2 * 0.5 * (a - 0.2) * (b + 0.1) + 1.2 * gsl_pow_2 (b + 0.1)) / (2 * det)
              - log (2 * M_PI) - 0.5 * log (det);
        double q = exp (-(0.4 * gsl_pow_2 (a - 0.5) + 2 * 0.2 * (a - 0.5) * (b - 0.3) + 0.7 * gsl_pow_2 (b - 0.3))
                        / (2 * det_x))
                   / (2 * M_PI * sqrt (det_x));
        sum -= q * log_p * h * h;
      }
  cr_assert_float_eq (nll, sum, 1e-9);
}

// ## What cannot be

Test (marginal, refuses_what_is_not_affine)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 1), *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_target *data = chain_bumps (1);
  sb_score *score = scoped (sb_score_exact_alloc (data, ddpm)), *of_vp = scoped (sb_score_exact_alloc (data, vp));
  sb_reverse r = model (score, SB_VARIANCE_BETA, SB_VARIANCE_BETA),
             sde = model (of_vp, SB_VARIANCE_BETA, SB_VARIANCE_BETA);
  gsl_vector *mean = vector_all (1, 0), *two = vector_all (2, 0);
  gsl_matrix *C = matrix_all (1, 1, 0), *wide = matrix_all (2, 2, 0);
  double nll;
  gsl_matrix_set_identity (C);
  refused (GSL_EINVAL, sb_marginal_step (&r, 0.5, 0.75, mean, C));
  refused (GSL_EINVAL, sb_marginal_chain (&r, mean, C));
  refused (GSL_EUNSUP, sb_marginal_chain (&sde, mean, C));
  refused (GSL_EBADLEN, sb_marginal_chain (&r, two, C));
  refused (GSL_EBADLEN, sb_marginal_chain (&r, mean, wide));
  refused (GSL_EBADLEN, sb_marginal_chain (&r, mean, matrix (2, 1)));
  refused (GSL_EBADLEN, sb_marginal_chain (&r, mean, matrix (1, 2)));
  refused (GSL_EBADLEN, sb_marginal_step (&r, 0.5, 0.75, two, C));
  refused (GSL_EDOM, sb_marginal_step (&r, 0.75, 0.75, mean, C));
  refused (GSL_EBADLEN, sb_marginal_nll (two, C, mean, C, &nll));
  refused (GSL_EBADLEN, sb_marginal_nll (mean, C, two, C, &nll));
  refused (GSL_EDOM, sb_marginal_nll (two, wide, two, wide, &nll), "no variance");
}
