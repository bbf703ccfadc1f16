// # What must be true of the reverse transition
//
// Where the data are Gaussians or mixtures of them, what a step back should do is known:
// $q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)$ itself. Nothing here is learned.

#include "transition/reverse.h"
#include "chain.h"
#include "transition/isotropic.h"
#include "transition/path.h"
#include "process/kinds.h"
#include "process/smld.h"
#include "process/vp.h"
#include "transition/marginal.h"
#include "sampler/sampler.h"
#include "score/callback.h"
#include "scope.h"
#include "take.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

SUITE (reverse);

static sb_reverse
model (const sb_score *score, sb_view view, sb_variance variance)
{
  return (sb_reverse){ .score = score, .view = view, .variance = variance, .last = variance };
}

// A number x at time t, on a line: what a score says of it, and where a step with the normal z takes it.

static double
said (const sb_score *score, sb_view view, double t, double x)
{
  gsl_matrix *out = matrix (1, 1);
  ok (sb_score_evaluate (score, view, matrix_of (1, 1, x), vector_of (t), NULL, out));
  return gsl_matrix_get (out, 0, 0);
}

static double
stepped (const sb_step_type *type, const sb_score *score, double s, double t, double z, double x)
{
  gsl_matrix *at = matrix_of (1, 1, x);
  ok (take_step (type, score, NULL, s, t, matrix_of (1, 1, z), at));
  return gsl_matrix_get (at, 0, 0);
}

// ## The mean
//
// A mixture of three. Component $k$ of $x_{t-1}$ is $\mathcal{N}(\sqrt{\bar\alpha_{t-1}}m_k, V_k)$,
// $V_k = \bar\alpha_{t-1}v_k + 1 - \bar\alpha_{t-1}$; given $x_t$ its mean is moved by
// $\sqrt{\alpha_t}V_k/(\alpha_tV_k + \beta_t)$ times what $x_t$ tells, and the components are weighed by their
// densities at $x_t$.

enum
{
  K = 3
};

static const double W[K] = { 0.3, 0.5, 0.2 }, M[K] = { -1.5, 0.3, 2 }, V[K] = { 0.09, 0.16, 0.04 };

static double
mean_before (const chain *c, size_t t, double x_t)
{
  double keep = (double)c->alpha_bar[t - 1], beta = (double)c->beta[t], alpha = 1 - beta, sum = 0, mass = 0;
  for (int k = 0; k < K; k++)
    {
      double m = sqrt (keep) * M[k], v = keep * V[k] + (double)(1 - c->alpha_bar[t - 1]);
      double p = W[k] * gsl_ran_gaussian_pdf (x_t - sqrt (alpha) * m, sqrt (alpha * v + beta));
      mass += p;
      sum += p * (m + sqrt (alpha) * v / (alpha * v + beta) * (x_t - sqrt (alpha) * m));
    }
  return sum / mass;
}

// By all three views, at every level of the linear schedule: $10^{-11}$, and at $t = 1$ it is
// $\operatorname{E}[x_0 \mid x_1]$. The score's form is the noise's to $10^{-13}$. [dsm2ddpm.txt-mu-theta]

Test (reverse, mean_is_the_posterior_mean_of_the_step)
{
  chain c;
  chain_linear (&c, 1000);
  sb_target *data = chain_mixture (1, K, W, M, V);
  sb_score *score = chain_score (&c, data);
  const sb_process *ddpm = score->process;
  const sb_view views[] = { SB_EPSILON, SB_SCORE, SB_DENOISER };
  // Row i stands at level i + 1 and steps to level i.
  gsl_vector *s = level_times (0, 999, 1000), *t = level_times (1, 1000, 1000);
  gsl_matrix *x = chain_sample (data, 1000, 30), *mean[3];
  ok (sb_process_transition (ddpm, NULL, t, normals (1000, 1, 31), x));
  for (int k = 0; k < 3; k++)
    {
      sb_reverse r = model (score, views[k], SB_VARIANCE_BETA);
      mean[k] = matrix (1000, 1);
      ok (sb_reverse_mean (&r, NULL, s, t, x, mean[k]));
      for (size_t i = 0; i < 1000; i++)
        cr_assert_float_eq (gsl_matrix_get (mean[k], i, 0), mean_before (&c, i + 1, gsl_matrix_get (x, i, 0)), 1e-11,
                            "view %d, t = %zu", views[k], i + 1);
    }
  for (size_t i = 0; i < 1000; i++)
    {
      cr_assert_float_eq (gsl_matrix_get (mean[0], i, 0), gsl_matrix_get (mean[1], i, 0), 1e-13);
      double beta = (double)c.beta[i + 1], x_i = gsl_matrix_get (x, i, 0);
      double g = said (score, SB_SCORE, gsl_vector_get (t, i), x_i);
      cr_assert_float_eq (gsl_matrix_get (mean[1], i, 0), (x_i + beta * g) / sqrt (1 - beta), 1e-14 * (1 + fabs (x_i)));
    }
  double x_hat = said (score, SB_DENOISER, 1e-3, gsl_matrix_get (x, 0, 0));
  cr_assert_float_eq (gsl_matrix_get (mean[0], 0, 0), x_hat, 1e-11);
}

// ## The mean of SMLD's chain, from a score
//
// With s = -z / sigma_i, the conditional score, it is the posterior's own mean, sigma_{i-1}^2 / sigma_i^2 x_i + (1 -
// sigma_{i-1}^2 / sigma_i^2) x_0. With the sign as printed the squared error is 4 (sigma_i^2 - sigma_{i-1}^2)^2 |z|^2 /
// sigma_i^2. And it is -z / sigma_i, not its opposite, that a score is: of N(0, v) data the slope of E[-z / sigma_i |
// x_i] is -1 / (v + sigma_i^2). [scoresde.txt-smld-mu]

static int
given_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y;
  return gsl_matrix_memcpy (out, params);
}

Test (reverse, erratum_smld_mu_sign)
{
  const size_t levels = 6;
  sb_process *smld = scoped (sb_smld_alloc (3, levels, 0.05, 9));
  gsl_matrix *x_0 = normals (4, 3, 1), *z = normals (4, 3, 2), *x = matrix (4, 3), *given = copy_of (z),
             *mean = matrix (4, 3), *opposite = matrix (4, 3);
  const sb_score_callback callback = { .view = SB_SCORE, .function = given_score, .params = given };
  const sb_reverse r = model (scoped (sb_score_callback_alloc (&callback, smld)), SB_SCORE, SB_VARIANCE_BETA_TILDE);
  for (size_t i = 2; i <= levels; i++)
    {
      double a, before, sigma;
      const double t = (double)i / (double)levels, s = (double)(i - 1) / (double)levels;
      ok (sb_process_scalars (smld, 0, s, &a, &before));
      ok (sb_process_scalars (smld, 0, t, &a, &sigma));
      for (size_t k = 0; k < 12; k++)
        x->data[k] = x_0->data[k] + sigma * z->data[k];
      gsl_matrix_memcpy (given, z);
      gsl_matrix_scale (given, -1 / sigma);
      ok (sb_reverse_mean (&r, NULL, vector_all (4, s), vector_all (4, t), x, mean));
      gsl_matrix_scale (given, -1);
      ok (sb_reverse_mean (&r, NULL, vector_all (4, s), vector_all (4, t), x, opposite));
      const double share = before * before / (sigma * sigma), D = sigma * sigma - before * before;
      for (size_t k = 0; k < 12; k++)
        {
          const double posterior = share * x->data[k] + (1 - share) * x_0->data[k];
          cr_assert_float_eq (mean->data[k], posterior, 1e-13 * (1 + fabs (x->data[k])), "level %zu", i);
          cr_assert_float_eq (fabs (opposite->data[k] - posterior), 2 * D * fabs (z->data[k]) / sigma,
                              1e-12 * (1 + fabs (x->data[k])));
        }
    }
  const double v = 0.7;
  double a, sigma, product = 0, square = 0;
  gsl_matrix *data = normals (20000, 1, 3), *noise = normals (20000, 1, 4);
  ok (sb_process_scalars (smld, 0, 0.5, &a, &sigma));
  for (size_t k = 0; k < 20000; k++)
    {
      const double at = sqrt (v) * data->data[k] + sigma * noise->data[k];
      product += at * -noise->data[k] / sigma;
      square += at * at;
    }
  const double se = sqrt (v / (v + sigma * sigma) / 20000) / sigma / sqrt (v + sigma * sigma);
  cr_assert_float_eq (product / square, -1 / (v + sigma * sigma), 5.2 * se);
}

// Of a model whose score is its condition $\mathbf y$, $\mathbf x_i + (\sigma_i^2 - \sigma_{i-1}^2)\,\mathbf y$: each
// row at its own level, told its own. [scoresde.txt-smld-mu]

static int
told_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)params;
  return y ? gsl_matrix_memcpy (out, y) : GSL_EINVAL;
}

Test (reverse, mean_of_a_row_s_own_level_and_condition)
{
  static const double sigma[] = { 0, .5, 2, 4 };
  const sb_score_callback callback = { .view = SB_SCORE, .function = told_score };
  sb_process *smld = scoped (sb_smld_sigmas_alloc (2, vector_of (.5, 2, 4)));
  const sb_reverse r = model (scoped (sb_score_callback_alloc (&callback, smld)), SB_SCORE, SB_VARIANCE_BETA);
  const gsl_matrix *x = normals (3, 2, 1), *y = normals (3, 2, 2);
  gsl_matrix *mean = matrix (3, 2);
  ok (sb_reverse_mean (&r, y, vector_of (1. / 3, 0, 2. / 3), vector_of (2. / 3, 1. / 3, 1), x, mean));
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0, level = (size_t[]){ 2, 1, 3 }[i]; j < 2; j++)
      cr_assert_float_eq (gsl_matrix_get (mean, i, j),
                          gsl_matrix_get (x, i, j)
                              + (gsl_pow_2 (sigma[level]) - gsl_pow_2 (sigma[level - 1])) * gsl_matrix_get (y, i, j),
                          1e-13, "row %zu", i);
}

// So are the step's density $\mathcal N(\mathbf x_s; \mu_\theta, v\,\mathbf I)$ and that of a path: of the score
// $-y\,\mathbf x$ with $v = \sigma_i^2 - \sigma_{i-1}^2$ the mean is $(1 - vy)\,\mathbf x$, and the best variance
// $v\,(1 - vy)$. [dsm2ddpm.txt-reverse-step] [dsm2ddpm.txt-reverse-joint]

static int
told_product (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
              void *params)
{
  (void)x, (void)t, (void)params;
  for (size_t i = 0; i < v->size1 && y; i++)
    for (size_t j = 0; j < v->size2; j++)
      gsl_matrix_set (out, i, j, -gsl_matrix_get (y, i, 0) * gsl_matrix_get (v, i, j));
  return y ? GSL_SUCCESS : GSL_EINVAL;
}

static int
told_slope (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  return told_product (x, t, y, x, out, params);
}

Test (reverse, density_given_each_row_s_condition)
{
  static const double sigma[] = { 0, .5, 2, 4 };
  const sb_score_callback callback = { .view = SB_SCORE, .function = told_slope, .jvp = told_product };
  const sb_score *score
      = scoped (sb_score_callback_alloc (&callback, scoped (sb_smld_sigmas_alloc (2, vector_of (.5, 2, 4)))));
  const gsl_vector *s = vector_of (0, 1. / 3, 2. / 3), *t = vector_of (1. / 3, 2. / 3, 1);
  const gsl_matrix *path = normals (4, 2, 1), *y = matrix_of (3, 1, .4, .05, .02);
  const gsl_matrix_const_view x_s = gsl_matrix_const_submatrix (path, 0, 0, 3, 2),
                              x_t = gsl_matrix_const_submatrix (path, 1, 0, 3, 2);
  for (int best = 0; best < 2; best++)
    {
      const sb_reverse r = model (score, SB_SCORE, best ? SB_VARIANCE_OPTIMAL : SB_VARIANCE_BETA);
      double log_path, all = -log (2 * M_PI * 16);
      gsl_vector *log_p = vector (3);
      ok (sb_reverse_log_density (&r, y, s, t, &x_t.matrix, &x_s.matrix, log_p));
      ok (sb_reverse_path_log_density (&r, y, path, &log_path));
      for (size_t i = 0; i < 3; i++)
        {
          const double v = gsl_pow_2 (sigma[i + 1]) - gsl_pow_2 (sigma[i]), keep = 1 - v * gsl_matrix_get (y, i, 0),
                       variance = best ? v * keep : v;
          double wanted = -log (2 * M_PI * variance);
          for (size_t j = 0; j < 2; j++)
            wanted -= gsl_pow_2 (gsl_matrix_get (path, i, j) - keep * gsl_matrix_get (path, i + 1, j)) / (2 * variance);
          cr_assert_float_eq (gsl_vector_get (log_p, i), wanted, 1e-12 * (1 + fabs (wanted)), "%d, row %zu", best, i);
          all += wanted;
        }
      for (size_t j = 0; j < 2; j++)
        all -= gsl_pow_2 (gsl_matrix_get (path, 3, j)) / 32;
      cr_assert_float_eq (log_path, all, 1e-12 * (1 + fabs (all)));
    }
}

// ## The variance
//
// Clipped, the first is the second. [dsm2ddpm.txt-Sigma-theta]

Test (reverse, clipping_needs_a_second_level)
{
  chain one = { .T = 1, .beta = { 0, 0.5 }, .alpha_bar = { 1, 0.5 } };
  chain two = { .T = 2, .beta = { 0, 0.5, 0.2 }, .alpha_bar = { 1, 0.5, 0.4 } };
  sb_process *single = chain_alloc (&one, 1), *pair = chain_alloc (&two, 1);
  double variance;
  refused (GSL_EUNSUP, sb_reverse_fixed_variance (single, SB_VARIANCE_CLIPPED, 0, 1, &variance));
  ok (sb_reverse_fixed_variance (pair, SB_VARIANCE_CLIPPED, 0, 0.5, &variance));
  cr_assert_float_eq (variance, 0.5 / 0.6 * 0.2, 1e-15);
}

// The three that need no score, at every level. [dsm2ddpm.txt-Sigma-theta]

Test (reverse, fixed_variances)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  for (size_t t = 1; t <= 1000; t++)
    {
      double s = (double)(t - 1) / 1000, now = (double)t / 1000, beta, tilde, clipped;
      ok (sb_reverse_fixed_variance (ddpm, SB_VARIANCE_BETA, s, now, &beta));
      ok (sb_reverse_fixed_variance (ddpm, SB_VARIANCE_BETA_TILDE, s, now, &tilde));
      ok (sb_reverse_fixed_variance (ddpm, SB_VARIANCE_CLIPPED, s, now, &clipped));
      double truth = (double)((1 - c.alpha_bar[t - 1]) / (1 - c.alpha_bar[t]) * c.beta[t]);
      cr_assert_float_eq (beta / (double)c.beta[t], 1, 1e-13);
      cr_assert_float_eq (tilde, truth, 1e-12 * truth);
      cr_assert (t > 1 ? clipped == tilde : fabs (clipped / 5.4531877e-5 - 1) < 1e-7);
      if (t == 1)
        cr_assert_eq (tilde, 0);
    }
}

// Data $\mathcal{N}(m, s^2\mathbf{I})$: the best variance, read off the score's divergence, is $\beta_tD_{t-1}/D_t$
// with $D_t = \bar\alpha_ts^2 + 1 - \bar\alpha_t$, which is also $\tilde\beta_t$ and what is not known of $x_0$,
// $\tilde\beta_t + \bigl(\sqrt{\bar\alpha_{t-1}}\beta_t/(1 - \bar\alpha_t)\bigr)^2 s^2(1 - \bar\alpha_t)/D_t$. With it
// the step is the exact reverse: started from $q(x_T)$, every marginal $\mathcal{N}(\sqrt{\bar\alpha_t}m, D_t)$ comes
// out, to $10^{-12}$. [dsm2ddpm.txt-reverse-step]

static double
spread (const chain *c, size_t t, double v)
{
  return (double)c->alpha_bar[t] * v + (double)(1 - c->alpha_bar[t]);
}

static void
check_exact_reverse (const chain *c, double m, double v)
{
  sb_score *score = chain_score (c, chain_gaussian (2, m, v));
  sb_reverse r = model (score, SB_EPSILON, SB_VARIANCE_OPTIMAL);
  gsl_vector *s = level_times (0, c->T - 1, c->T), *t = level_times (1, c->T, c->T), *best = vector (c->T),
             *mean = vector_all (2, sqrt ((double)c->alpha_bar[c->T]) * m);
  gsl_matrix *covariance = matrix_all (2, 2, 0);
  ok (one_variance (&r, NULL, s, t, normals (c->T, 2, 32), best));
  gsl_matrix_set_identity (covariance);
  gsl_matrix_scale (covariance, spread (c, c->T, v));
  for (size_t i = c->T; i >= 1; i--)
    {
      long double beta = c->beta[i], gathered = 1 - c->alpha_bar[i];
      double D = spread (c, i, v), D_before = spread (c, i - 1, v);
      double other = (double)((1 - c->alpha_bar[i - 1]) / gathered * beta
                              + c->alpha_bar[i - 1] * beta * beta / gathered * v / D);
      cr_assert_float_eq (gsl_vector_get (best, i - 1), (double)beta * D_before / D, 1e-12, "t = %zu", i);
      cr_assert_float_eq (other, (double)beta * D_before / D, 1e-12);
      ok (sb_marginal_step (&r, gsl_vector_get (s, i - 1), gsl_vector_get (t, i - 1), mean, covariance));
      cr_assert_float_eq (gsl_vector_get (mean, 1), sqrt ((double)c->alpha_bar[i - 1]) * m, 1e-12);
      cr_assert_float_eq (gsl_matrix_get (covariance, 0, 0), D_before, 1e-12);
      cr_assert_float_eq (gsl_matrix_get (covariance, 0, 1), 0, 1e-12);
    }
}

Test (reverse, exact_reverse_of_gaussian_data)
{
  chain c;
  chain_linear (&c, 1000);
  check_exact_reverse (&c, 0.7, 1.5);
  check_exact_reverse (&c, -2, 0.25);
  chain_small (&c);
  check_exact_reverse (&c, 0.5, 0.3);
}

// For a mixture the best variance differs from point to point: it is $\operatorname{Var}[x_{t-1} \mid x_t]$, here by
// second moments of the components, and never below $\tilde\beta_t$. [dsm2ddpm.txt-Sigma-theta]

static double
variance_before (const chain *c, size_t t, double x_t)
{
  double keep = (double)c->alpha_bar[t - 1], beta = (double)c->beta[t], alpha = 1 - beta, sum = 0, mass = 0;
  double mean = mean_before (c, t, x_t);
  for (int k = 0; k < K; k++)
    {
      double m = sqrt (keep) * M[k], v = keep * V[k] + (double)(1 - c->alpha_bar[t - 1]);
      double p = W[k] * gsl_ran_gaussian_pdf (x_t - sqrt (alpha) * m, sqrt (alpha * v + beta));
      double mean_k = m + sqrt (alpha) * v / (alpha * v + beta) * (x_t - sqrt (alpha) * m);
      mass += p;
      sum += p * (v * beta / (alpha * v + beta) + gsl_pow_2 (mean_k - mean));
    }
  return sum / mass;
}

Test (reverse, best_variance_of_a_mixture)
{
  chain c;
  chain_linear (&c, 50);
  sb_score *score = chain_score (&c, chain_mixture (1, K, W, M, V));
  const sb_process *ddpm = score->process;
  sb_reverse r = model (score, SB_EPSILON, SB_VARIANCE_OPTIMAL);
  gsl_vector *s = level_times (0, 49, 50), *t = level_times (1, 50, 50), *best = vector (50);
  for (double x_t = -2; x_t < 2.2; x_t += 0.5)
    {
      gsl_matrix *x = matrix_all (50, 1, x_t);
      ok (one_variance (&r, NULL, s, t, x, best));
      for (size_t i = 0; i < 50; i++)
        {
          double truth = variance_before (&c, i + 1, x_t), lower;
          cr_assert_float_eq (gsl_vector_get (best, i) / truth, 1, 1e-9, "x = %g, t = %zu", x_t, i + 1);
          ok (sb_reverse_fixed_variance (ddpm, SB_VARIANCE_BETA_TILDE, gsl_vector_get (s, i), gsl_vector_get (t, i),
                                         &lower));
          cr_assert_geq (gsl_vector_get (best, i), lower);
        }
    }
}

// A step's density is the normal one of this mean and this variance, both at the point from which the step starts.
// [dsm2ddpm.txt-reverse-step]

Test (reverse, density_of_a_step)
{
  chain c;
  chain_small (&c);
  sb_score *score = chain_score (&c, chain_mixture (1, K, W, M, V));
  const sb_reverse r = model (score, SB_EPSILON, SB_VARIANCE_OPTIMAL);
  gsl_vector *s = level_times (0, 3, 4), *t = level_times (1, 4, 4), *log_p = vector (4);
  for (uint64_t seed = 0; seed < 20; seed++)
    {
      const gsl_matrix *x_t = normals (4, 1, 40 + seed), *x_s = normals (4, 1, 60 + seed);
      ok (sb_reverse_log_density (&r, NULL, s, t, x_t, x_s, log_p));
      for (size_t i = 0; i < 4; i++)
        {
          const double at = gsl_matrix_get (x_t, i, 0), v = variance_before (&c, i + 1, at),
                       away = gsl_matrix_get (x_s, i, 0) - mean_before (&c, i + 1, at),
                       expected = -0.5 * (away * away / v + log (2 * M_PI * v));
          cr_assert_float_eq (gsl_vector_get (log_p, i), expected, 1e-9 * (1 + fabs (expected)), "t = %zu: %.12g",
                              i + 1, gsl_vector_get (log_p, i));
        }
    }
}

// A score whose divergence is too low to be true does not make the variance less than $\tilde\beta_t$.

static int
zero (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y, (void)params;
  gsl_matrix_set_zero (out);
  return GSL_SUCCESS;
}

static int
constant_divergence (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *divergence,
                     void *params)
{
  (void)x, (void)t, (void)y;
  gsl_vector_set_all (divergence, *(double *)params);
  return GSL_SUCCESS;
}

Test (reverse, best_variance_has_a_floor)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 2);
  double divergence = -1e3, tilde;
  const sb_score_callback callback
      = { .view = SB_SCORE, .function = zero, .divergence = constant_divergence, .params = &divergence };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, ddpm));
  sb_reverse r = model (score, SB_SCORE, SB_VARIANCE_OPTIMAL);
  gsl_vector *s = vector_all (1, 0.5), *t = vector_all (1, 0.75);
  gsl_vector *variance = vector (1);
  gsl_matrix *x = matrix_all (1, 2, 0);
  ok (one_variance (&r, NULL, s, t, x, variance));
  ok (sb_reverse_fixed_variance (ddpm, SB_VARIANCE_BETA_TILDE, 0.5, 0.75, &tilde));
  cr_assert_eq (gsl_vector_get (variance, 0), tilde);
  divergence = -1;
  ok (one_variance (&r, NULL, s, t, x, variance));
  cr_assert_float_eq (gsl_vector_get (variance, 0), 0.2 / 0.8 * (1 - 0.2 / 2), 1e-15);
}

// ## The predictors are the same step
//
// Ancestral sampling with the upper, the lower and the optimal variance, against mean plus root of variance times
// normal; by the three views. A step of the mixture at each of 50 levels, the last one included, where the lower one
// makes no noise. [dsm2ddpm.txt-DDPM-sampler]

static void
check_predictor (const sb_step_type *predictor, const sb_score *score, sb_variance variance, const gsl_matrix *x_t,
                 double s, double t)
{
  const size_t n = x_t->size1;
  gsl_matrix *x = copy_of (x_t), *z = normals (n, 1, 33), *mean = matrix (n, 1);
  gsl_vector *from = vector_all (n, s), *to = vector_all (n, t), *v = vector (n);
  ok (take_step (predictor, score, NULL, s, t, z, x));
  const sb_view views[] = { SB_EPSILON, SB_SCORE, SB_DENOISER };
  for (int k = 0; k < 3; k++)
    {
      sb_reverse r = model (score, views[k], variance);
      ok (sb_reverse_mean (&r, NULL, from, to, x_t, mean));
      ok (one_variance (&r, NULL, from, to, x_t, v));
      for (size_t i = 0; i < n; i++)
        cr_assert_float_eq (gsl_matrix_get (x, i, 0),
                            gsl_matrix_get (mean, i, 0) + sqrt (gsl_vector_get (v, i)) * gsl_matrix_get (z, i, 0),
                            1e-13, "%s, t = %g", predictor->entry.name, t);
    }
}

Test (reverse, predictors_are_this_step)
{
  chain c;
  chain_linear (&c, 50);
  sb_score *score = chain_score (&c, chain_mixture (1, K, W, M, V));
  gsl_matrix *x = normals (20, 1, 34);
  for (size_t t = 1; t <= 50; t++)
    {
      double s = (double)(t - 1) / 50, now = (double)t / 50;
      check_predictor (sb_step_ancestral_upper, score, SB_VARIANCE_BETA, x, s, now);
      check_predictor (sb_step_ancestral_lower, score, SB_VARIANCE_BETA_TILDE, x, s, now);
      check_predictor (sb_step_ancestral_optimal, score, SB_VARIANCE_OPTIMAL, x, s, now);
    }
}

Test (reverse, optimal_predictor_without_normals_is_the_mean)
{
  chain c;
  chain_small (&c);
  sb_score *score = chain_score (&c, chain_mixture (1, K, W, M, V));
  gsl_matrix *x = matrix_of (1, 1, 0.4);
  ok (take_step (sb_step_ancestral_optimal, score, NULL, 0.5, 0.75, NULL, x));
  cr_assert_float_eq (gsl_matrix_get (x, 0, 0), mean_before (&c, 3, 0.4), 1e-12);
  refused (GSL_EDOM, take_step (sb_step_ancestral_optimal, score, NULL, 0.75, 0.75, NULL, x));
}

// ## Seen as Langevin dynamics
//
// In $\mathbf{y} = \mathbf{x}/\sqrt{\bar\alpha_t}$, on the ladder $\sigma_t^2 = (1 - \bar\alpha_t)/\bar\alpha_t$ and
// with $\mathbf{s}_{\mathrm{VE}} = \sqrt{\bar\alpha_t}\,\mathbf{s}$, a step is $\mathbf{y} + (\sigma_t^2 -
// \sigma_{t-1}^2)\,\mathbf{s}_{\mathrm{VE}} + \sqrt{\sigma_{t-1}^2(\sigma_t^2 -
// \sigma_{t-1}^2)/\sigma_t^2}\;\mathbf{z}$, the ancestral step of a variance-exploding chain, for all
// $t = 2, \dots, 1000$ on the same normals: $10^{-11}$. It is no Langevin step: for a unit of injected variance its
// drift on the score has $\beta_t/\tilde\beta_t = (1 - \bar\alpha_t)/(1 - \bar\alpha_{t-1})$, near 1, where Langevin
// dynamics has exactly a half. (The report says that only scaling factors and the number of steps differ.)
// [dsm2ddpm.txt-sampler-vs-langevin]

Test (reverse, erratum_sampler_vs_langevin_drift)
{
  chain c;
  chain_linear (&c, 1000);
  sb_score *score = chain_score (&c, chain_mixture (1, K, W, M, V));
  const sb_process *ddpm = score->process;
  gsl_matrix *x = normals (1001, 1, 35), *z = normals (1001, 1, 36);
  for (size_t t = 2; t <= 1000; t++)
    {
      double now = (double)t / 1000, s = (double)(t - 1) / 1000, x_t = gsl_matrix_get (x, t, 0),
             z_t = gsl_matrix_get (z, t, 0), g = said (score, SB_SCORE, now, x_t);
      double bar = (double)c.alpha_bar[t], bar_before = (double)c.alpha_bar[t - 1];
      double sigma2 = (double)((1 - c.alpha_bar[t]) / c.alpha_bar[t]),
             before = (double)((1 - c.alpha_bar[t - 1]) / c.alpha_bar[t - 1]);
      double y
          = x_t / sqrt (bar) + (sigma2 - before) * sqrt (bar) * g + sqrt (before * (sigma2 - before) / sigma2) * z_t;
      double x_s = stepped (sb_step_ancestral_lower, score, s, now, z_t, x_t);
      cr_assert_float_eq (x_s / sqrt (bar_before), y, 1e-11 * (1 + fabs (y)), "t = %zu", t);

      double tilde;
      ok (sb_reverse_fixed_variance (ddpm, SB_VARIANCE_BETA_TILDE, s, now, &tilde));
      double ratio = (double)c.beta[t] / tilde;
      cr_assert_float_eq (ratio, (double)((1 - c.alpha_bar[t]) / (1 - c.alpha_bar[t - 1])), 1e-10);
      cr_assert_gt (ratio, 1);
      if (t > 168)
        cr_assert_lt (ratio, 1.0101);
    }
}

// And seen in the steps themselves, at the same levels. With $\varepsilon^*$ in the place of the score the step is the
// same, $10^{-13}$ on the same normals. What a step adds for a unit of score (DDPM's before it divides by
// $\sqrt{\alpha_t}$), over the variance that its normals bring, is $(1 - \bar\alpha_t)/(1 - \bar\alpha_{t-1})$, and a
// half for a Langevin step of size $\tilde\beta_t$. [dsm2ddpm.txt-sampler-vs-langevin]

static double
one_step (const sb_score *score, bool langevin, double s, double t, double x, double z)
{
  gsl_matrix *at = matrix_of (1, 1, x);
  double tilde;
  if (!langevin)
    return stepped (sb_step_ancestral_lower, score, s, t, z, x);
  ok (sb_reverse_fixed_variance (score->process, SB_VARIANCE_BETA_TILDE, s, t, &tilde));
  ok (langevin_step (score, NULL, t, tilde, matrix_of (1, 1, z), at));
  return gsl_matrix_get (at, 0, 0);
}

static double
drift_over_variance (const sb_score *score, bool langevin, double s, double t, double x, double z, double root_alpha)
{
  double still = one_step (score, langevin, s, t, x, 0), moved = one_step (score, langevin, s, t, x, z);
  return (root_alpha * still - x) / said (score, SB_SCORE, t, x) / gsl_pow_2 ((moved - still) / z);
}

Test (reverse, drift_of_a_step_and_of_langevin_s)
{
  chain c;
  chain_linear (&c, 1000);
  sb_score *score = chain_score (&c, chain_mixture (1, K, W, M, V));
  const double x = 0.9, z = -1.3;
  for (size_t t = 2; t <= 1000; t++)
    {
      double now = (double)t / 1000, s = (double)(t - 1) / 1000, beta = (double)c.beta[t],
             gathered = (double)(1 - c.alpha_bar[t]), before = (double)(1 - c.alpha_bar[t - 1]);
      double mean = (x - beta / sqrt (gathered) * said (score, SB_EPSILON, now, x)) / sqrt (1 - beta);
      cr_assert_float_eq (one_step (score, false, s, now, x, z), mean + sqrt (before / gathered * beta) * z, 1e-13,
                          "t = %zu", t);
      cr_assert_float_eq (drift_over_variance (score, false, s, now, x, z, sqrt (1 - beta)), gathered / before, 1e-9,
                          "t = %zu", t);
      cr_assert_float_eq (drift_over_variance (score, true, s, now, x, z, 1), 0.5, 1e-9, "t = %zu", t);
    }
}

// ## The density of a path
//
// The sum of what its steps have, each a Gaussian written out here. [dsm2ddpm.txt-reverse-joint]

Test (reverse, path_density_is_a_sum_of_steps)
{
  chain c;
  chain_small (&c);
  sb_score *score = chain_score (&c, chain_gaussian (2, 0.3, 0.6));
  sb_reverse r = { .score = score, .view = SB_EPSILON, .variance = SB_VARIANCE_BETA_TILDE, .last = SB_VARIANCE_BETA };
  gsl_matrix *path = normals (5, 2, 37);
  double log_p, sum = 0;
  ok (sb_reverse_path_log_density (&r, NULL, path, &log_p));
  for (size_t j = 0; j < 2; j++)
    {
      sum += log (gsl_ran_gaussian_pdf (gsl_matrix_get (path, 4, j), 1));
      for (size_t t = 1; t <= 4; t++)
        {
          double bar = (double)c.alpha_bar[t], beta = (double)c.beta[t], x = gsl_matrix_get (path, t, j),
                 D = spread (&c, t, 0.6);
          double epsilon = sqrt (1 - bar) * (x - sqrt (bar) * 0.3) / D;
          double mu = (x - beta / sqrt (1 - bar) * epsilon) / sqrt (1 - beta);
          double tilde = t > 1 ? (1 - (double)c.alpha_bar[t - 1]) / (1 - bar) * beta : beta;
          sum += log (gsl_ran_gaussian_pdf (gsl_matrix_get (path, t - 1, j) - mu, sqrt (tilde)));
        }
    }
  cr_assert_float_eq (log_p, sum, 1e-12 * fabs (sum));
}

// The ratio $p_\theta(x_{0:T})/q(x_{1:T} \mid x_0)$ over the forward chain has the mean $p_\theta(x_0)$: $T = 4$, a
// model that believes the data to be $\mathcal{N}(0.1, 1.1)$ where they are $\mathcal{N}(0, 1)$, so that the ratio
// varies; $p_\theta(x_0)$ in closed form from the affine chain. $2\cdot10^5$ paths ($10^6$ in `make check-long`), five
// standard errors. [dsm2ddpm.txt-reverse-joint] [dsm2ddpm.txt-model-marginal]

static void
add_ratios (const sb_process *ddpm, const sb_reverse *r, const gsl_matrix *x_s, const gsl_matrix *x_t, size_t t,
            gsl_vector *log_ratio)
{
  const size_t n = x_s->size1;
  gsl_vector *s = vector_all (n, (double)(t - 1) / 4), *now = vector_all (n, (double)t / 4), *term = vector (n);
  ok (sb_reverse_log_density (r, NULL, s, now, x_t, x_s, term));
  gsl_vector_add (log_ratio, term);
  ok (sb_kernel_log_density (ddpm, s, now, x_s, x_t, term));
  gsl_vector_sub (log_ratio, term);
}

Test (reverse, importance_weights_average_to_the_density)
{
  const size_t n = getenv ("SCOREBOOK_LONG") ? 1000000 : 200000;
  chain c;
  chain_small (&c);
  sb_score *score = chain_score (&c, chain_gaussian (1, 0.1, 1.1));
  const sb_process *ddpm = score->process;
  sb_reverse r = model (score, SB_EPSILON, SB_VARIANCE_OPTIMAL);
  gsl_matrix *x_s = matrix (n, 1), *x_t = matrix_all (n, 1, 0.8);
  gsl_vector *log_ratio = vector_all (n, 0), *prior = vector (n);
  for (size_t t = 1; t <= 4; t++)
    {
      gsl_vector *s = vector_all (n, (double)(t - 1) / 4), *now = vector_all (n, (double)t / 4);
      gsl_matrix_memcpy (x_s, x_t);
      ok (sb_process_transition (ddpm, s, now, normals (n, 1, 37 + t), x_t));
      add_ratios (ddpm, &r, x_s, x_t, t, log_ratio);
    }
  ok (sb_process_prior_log_density (ddpm, x_t, prior));
  gsl_vector_add (log_ratio, prior);
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++)
    {
      double ratio = exp (gsl_vector_get (log_ratio, i));
      sum += ratio;
      squares += ratio * ratio;
    }
  double mean = sum / (double)n, se = sqrt ((squares / (double)n - mean * mean) / (double)n);
  gsl_vector *m = vector (1);
  gsl_matrix *v = matrix (1, 1);
  ok (sb_marginal_chain (&r, m, v));
  double truth = gsl_ran_gaussian_pdf (0.8 - gsl_vector_get (m, 0), sqrt (gsl_matrix_get (v, 0, 0)));
  cr_assert_float_eq (mean, truth, 5 * se, "%g, not %g, standard error %g", mean, truth, se);
  cr_assert_lt (se, 0.01 * truth);
}

// ## Without a variance there is no density
//
// With $\Sigma_\theta = \tilde\beta_1\mathbf{I} = 0$ the last step is a point, and as a variance near 0 takes its place
// the log density of anything else falls without end: with a residual of 0.01,
// $-\log p = -3.2, 5.0\cdot10^3, 5.0\cdot10^7$ at variances $10^{-4}, 10^{-8}, 10^{-12}$.
// [dsm2ddpm.txt-Sigma-theta]

Test (reverse, erratum_sigma_theta_is_0_at_the_last_step)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  const sb_score_callback nothing = { .view = SB_EPSILON, .function = zero };
  sb_score *score = scoped (sb_score_callback_alloc (&nothing, ddpm));
  gsl_vector *t = vector_all (1, 1e-3), *log_p = vector (1);
  gsl_matrix *x = matrix_all (1, 1, 0);
  sb_reverse r = model (score, SB_EPSILON, SB_VARIANCE_BETA_TILDE);
  refused (GSL_EDOM, sb_reverse_log_density (&r, NULL, NULL, t, x, x, log_p));
  r.last = SB_VARIANCE_BETA;
  ok (sb_reverse_log_density (&r, NULL, NULL, t, x, x, log_p));
  cr_assert_float_eq (gsl_vector_get (log_p, 0), -0.5 * log (2 * M_PI * 1e-4), 1e-12);

  const double narrow[] = { 1e-4, 1e-8, 1e-12 }, expected[] = { -3.186231653, 4991.708598, 49999987.1034 };
  for (int k = 0; k < 3; k++)
    cr_assert_float_eq (-sb_isotropic_log_density (1, 1e-4, narrow[k]) / expected[k], 1, 1e-9);
}

// ## What cannot be

static int
poisoned (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  zero (x, t, y, out, params);
  gsl_matrix_set (out, out->size1 - 1, out->size2 - 1, GSL_NAN);
  return GSL_SUCCESS;
}

Test (reverse, refuses_what_does_not_fit)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 2), *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  const sb_score_callback nothing = { .view = SB_EPSILON, .function = zero },
                          bad = { .view = SB_EPSILON, .function = poisoned };
  sb_score *score = scoped (sb_score_callback_alloc (&nothing, ddpm)),
           *nan = scoped (sb_score_callback_alloc (&bad, ddpm)),
           *of_vp = scoped (sb_score_callback_alloc (&nothing, vp));
  sb_reverse r = model (score, SB_EPSILON, SB_VARIANCE_BETA), wrong = model (nan, SB_EPSILON, SB_VARIANCE_BETA),
             best = model (score, SB_EPSILON, SB_VARIANCE_OPTIMAL), none = model (score, SB_EPSILON, (sb_variance)9),
             view = model (score, (sb_view)3, SB_VARIANCE_BETA), sde = model (of_vp, SB_EPSILON, SB_VARIANCE_CLIPPED);
  gsl_matrix *two = matrix_all (2, 2, 0), *three = matrix_all (3, 2, 0), *out = matrix (2, 2), *empty = matrix (0, 2);
  gsl_vector *s = vector_all (2, 0.25), *t = vector_all (2, 0.5), *longer = vector_all (3, 0.5), *v = vector (2),
             *no_times = vector (0);
  double number;
  refused (GSL_EBADLEN, sb_reverse_mean (&r, NULL, s, t, two, three));
  refused (GSL_EBADLEN, sb_reverse_mean (&r, NULL, s, longer, two, out));
  refused (GSL_EBADLEN, sb_reverse_mean (&r, NULL, longer, t, two, out));
  refused (GSL_EDOM, sb_reverse_mean (&r, NULL, t, s, two, out));
  refused (GSL_EINVAL, sb_reverse_mean (&view, NULL, s, t, two, out));
  refused (GSL_EBADFUNC, sb_reverse_mean (&wrong, NULL, s, t, two, out));
  gsl_matrix_view one = gsl_matrix_submatrix (two, 0, 0, 1, 2), one_out = gsl_matrix_submatrix (out, 0, 0, 1, 2);
  gsl_vector_view one_s = gsl_vector_subvector (s, 0, 1), one_t = gsl_vector_subvector (t, 0, 1);
  refused (GSL_EBADFUNC, sb_reverse_mean (&wrong, NULL, &one_s.vector, &one_t.vector, &one.matrix, &one_out.matrix));
  ok (sb_reverse_mean (&r, NULL, no_times, no_times, empty, empty));
  refused (GSL_EBADLEN, one_variance (&r, NULL, s, t, two, longer));
  refused (GSL_EBADLEN, one_variance (&r, NULL, longer, t, two, v));
  refused (GSL_EBADLEN, one_variance (&r, NULL, s, longer, two, v));
  refused (GSL_EDOM, one_variance (&r, NULL, t, s, two, v));
  refused (GSL_EUNSUP, one_variance (&best, NULL, s, t, two, v), "no divergence");
  refused (GSL_EINVAL, one_variance (&none, NULL, s, t, two, v));
  refused (GSL_EUNSUP, one_variance (&sde, NULL, NULL, t, two, v), "no level 2");
  ok (one_variance (&sde, NULL, s, t, two, v));
  refused (GSL_EUNSUP, sb_reverse_fixed_variance (ddpm, SB_VARIANCE_OPTIMAL, 0.25, 0.5, &number));
  refused (GSL_EBADLEN, sb_reverse_log_density (&r, NULL, s, t, two, three, v));
  refused (GSL_EBADLEN, sb_reverse_log_density (&r, NULL, s, t, two, two, longer));
  refused (GSL_EBADLEN, sb_reverse_path_log_density (&r, NULL, two, &number));
  refused (GSL_EUNSUP, sb_reverse_path_log_density (&sde, NULL, matrix_all (5, 2, 0), &number));
  refused (GSL_EBADLEN, sb_reverse_log_density (&r, NULL, s, t, matrix_all (2, 3, 0), two, v));
  refused (GSL_EBADLEN, sb_reverse_variance (&r, NULL, s, t, two, matrix (2, 2)), "one part");
}

// The variances of a step are by part: a process without any has none.

Test (reverse, no_parts)
{
  sb_process *soft = scoped (sb_process_from_text ("soft image=1x2x2 half=2 knots=0.01,0.8", 4, NULL));
  cr_assert_eq (soft->parts, 0);
  sb_score *score
      = scoped (sb_score_callback_alloc (&(sb_score_callback){ .view = SB_EPSILON, .function = zero }, soft));
  const sb_reverse r = model (score, SB_EPSILON, SB_VARIANCE_BETA);
  gsl_matrix *x = matrix_all (2, 4, 0);
  double number;
  refused (GSL_EUNSUP, sb_reverse_fixed_variance (soft, SB_VARIANCE_BETA, 0, 0.5, &number));
  refused (GSL_EUNSUP, sb_reverse_log_density (&r, NULL, NULL, vector_all (2, 0.5), x, x, vector (2)));
  refused (GSL_EUNSUP, sb_marginal_step (&r, 0, 0.5, vector_all (4, 0), matrix_all (4, 4, 0)));
}
