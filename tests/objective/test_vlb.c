// # What must be true of the variational bound
//
// Along every path the bound is what it is the mean of; in the mean, for Gaussian data and their exact score, it is
// known in closed form, and so is the likelihood it bounds.

#include "objective/vlb.h"
#include "chain.h"
#include "transition/isotropic.h"
#include "transition/path.h"
#include "transition/posterior.h"
#include "process/smld.h"
#include "process/ve.h"
#include "transition/marginal.h"
#include "score/callback.h"
#include "score/exact.h"
#include "losses.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <gsl/gsl_randist.h>
#include <math.h>

SUITE (vlb);

// Scores of DDPM's chain in d dimensions: that of N(m, v I), and a function's.

static sb_score *
score_of_gaussian (const chain *c, size_t d, double m, double v)
{
  return scoped (sb_score_exact_alloc (chain_gaussian (d, m, v), chain_alloc (c, d)));
}

static sb_score *
score_by (const chain *c, size_t d, sb_score_callback callback)
{
  return scoped (sb_score_callback_alloc (&callback, chain_alloc (c, d)));
}

// ## On every path
//
// A model that nobody has trained: $\varepsilon_\theta(\mathbf{x}, t) = \mathbf{W}_2\tanh(\mathbf{W}_1(\mathbf{x}, t) +
// \mathbf{b})$, a perceptron with 16 hidden units, and an affine one. The ratio and the sum of its terms are the same
// number on every path, to $10^{-9}$ of it: $T = 4$ and $T = 1000$, paths of the chain and points that have nothing to
// do with it. [dsm2ddpm.txt-VLB-telescope]

enum
{
  HIDDEN = 16
};

static int
perceptron (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const gsl_matrix *w = params; // a row per hidden unit
  (void)y;
  gsl_matrix_set_zero (out);
  for (size_t i = 0; i < x->size1; i++)
    for (size_t h = 0; h < HIDDEN; h++)
      {
        double sum = gsl_matrix_get (w, h, 0) + gsl_matrix_get (w, h, 1) * gsl_vector_get (t, i);
        for (size_t j = 0; j < x->size2; j++)
          sum += gsl_matrix_get (w, h, 2 + j) * gsl_matrix_get (x, i, j);
        for (size_t j = 0; j < x->size2; j++)
          *gsl_matrix_ptr (out, i, j) += 0.5 * gsl_matrix_get (w, h, 4 + j) * tanh (sum);
      }
  return GSL_SUCCESS;
}

static int
affine (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      gsl_matrix_set (out, i, j,
                      (y ? gsl_matrix_get (y, i, j) : 0.2)
                          + (0.3 + 0.4 * gsl_vector_get (t, i)) * gsl_matrix_get (x, i, j));
  return GSL_SUCCESS;
}

static const sb_score_callback line = { .view = SB_SCORE, .function = affine };

static void
check_paths (const chain *c, sb_score_callback callback, sb_variance variance, bool drawn)
{
  sb_score *score = score_by (c, 2, callback);
  sb_reverse r = { score, SB_EPSILON, variance, SB_VARIANCE_BETA };
  for (uint64_t k = 0; k < 5; k++)
    {
      gsl_matrix *path = normals (c->T + 1, 2, 60 + k), *z = normals (c->T, 2, 70 + k);
      gsl_vector *terms = vector (c->T + 1);
      double ratio, sum = 0, size = 0;
      if (drawn)
        ok (sb_path_draw (score->process, z, path));
      ok (sb_vlb_path (&r, NULL, path, &ratio));
      ok (sb_vlb_path_terms (&r, NULL, path, terms));
      for (size_t i = 0; i <= c->T; i++)
        {
          sum += gsl_vector_get (terms, i);
          size += fabs (gsl_vector_get (terms, i));
        }
      cr_assert_float_eq (ratio, sum, 1e-9 * (drawn ? fabs (ratio) : size), "T = %zu: %.12g and %.12g", c->T, ratio,
                          sum);
    }
}

Test (vlb, ratio_and_terms_agree_on_every_path)
{
  chain small, linear;
  chain_small (&small);
  chain_linear (&linear, 1000);
  gsl_matrix *w = normals (HIDDEN, 6, 59);
  const sb_score_callback mlp = { .view = SB_EPSILON, .function = perceptron, .params = w };
  for (int k = 0; k < 2; k++)
    {
      check_paths (&small, mlp, SB_VARIANCE_BETA, k);
      check_paths (&small, line, SB_VARIANCE_BETA_TILDE, k);
      check_paths (&linear, mlp, SB_VARIANCE_BETA_TILDE, k);
      check_paths (&linear, line, SB_VARIANCE_BETA, k);
    }
}

// The same by hand, given a condition too, one for each step: each term against Gaussian densities written out, so that
// two wrongs cannot make a right. With each printed line of the derivation in its place (line 5: $p_\theta(x_{t-1} \mid
// x_0)$ for $p_\theta(x_{t-1} \mid x_t)$; line 6: $q(x_1 \mid x_0)$ for $q(x_{t-1} \mid x_0)$ below; line 7:
// $+\log p(x_T)$, and $\log 1$ for $\log q(x_T \mid x_0)/q(x_1 \mid x_0)$) the sum is another number.
// [dsm2ddpm.txt-VLB-telescope]

static double
log_normal (double x, double mean, double variance)
{
  return log (gsl_ran_gaussian_pdf (x - mean, sqrt (variance)));
}

static double
log_marginal (const chain *c, size_t t, const double *x)
{
  return log_normal (x[t], sqrt ((double)c->alpha_bar[t]) * x[0], (double)(1 - c->alpha_bar[t]));
}

static double
log_posterior (const chain *c, size_t t, const double *x)
{
  double a = sqrt (1 - (double)c->beta[t]), b = (double)c->beta[t];
  return log_normal (x[t], a * x[t - 1], b) + log_marginal (c, t - 1, x) - log_marginal (c, t, x);
}

static double
log_model (const chain *c, size_t t, double y, double x_t, double x_s)
{
  double score = y + (0.3 + 0.4 * (double)t / 4) * x_t, beta = (double)c->beta[t];
  return log_normal (x_s, (x_t + beta * score) / sqrt (1 - beta), beta);
}

static void
check_lines (const double y[4], const gsl_matrix *condition)
{
  chain c;
  chain_small (&c);
  sb_reverse r = { score_by (&c, 1, line), SB_SCORE, SB_VARIANCE_BETA, SB_VARIANCE_BETA };
  double x[] = { 0.8, 0.3, -0.4, 0.1, 1.1 }, ratio, term;
  gsl_matrix *path = matrix_of (5, 1, x[0], x[1], x[2], x[3], x[4]);
  gsl_vector *terms = vector (5);
  ok (sb_vlb_path (&r, condition, path, &ratio));
  ok (sb_vlb_path_terms (&r, condition, path, terms));
  double direct = -log_normal (x[4], 0, 1), line_5 = -log_normal (x[4], 0, 1), line_6 = line_5, line_7;
  for (size_t t = 1; t <= 4; t++)
    direct += log_normal (x[t], sqrt (1 - (double)c.beta[t]) * x[t - 1], (double)c.beta[t])
              - log_model (&c, t, y[t - 1], x[t], x[t - 1]);
  cr_assert_float_eq (ratio, direct, 1e-12);
  for (size_t t = 2; t <= 4; t++)
    {
      term = log_posterior (&c, t, x) - log_model (&c, t, y[t - 1], x[t], x[t - 1]);
      cr_assert_float_eq (gsl_vector_get (terms, t - 1), term, 1e-12);
      line_5 += log_posterior (&c, t, x) - log_model (&c, t, y[t - 1], x[0], x[t - 1]) + log_marginal (&c, t, x)
                - log_marginal (&c, t - 1, x);
      line_6 += term + log_marginal (&c, t, x) - log_marginal (&c, 1, x);
    }
  cr_assert_float_eq (gsl_vector_get (terms, 0), -log_model (&c, 1, y[0], x[1], x[0]), 1e-12);
  cr_assert_float_eq (gsl_vector_get (terms, 4), log_marginal (&c, 4, x) - log_normal (x[4], 0, 1), 1e-12);
  double last = log_marginal (&c, 1, x) - log_model (&c, 1, y[0], x[1], x[0]);
  line_5 += last;
  line_6 += last;
  line_7 = direct + 2 * log_normal (x[4], 0, 1) - (log_marginal (&c, 4, x) - log_marginal (&c, 1, x));
  cr_assert_gt (fabs (line_5 - direct), 0.1, "as printed, line 5");
  cr_assert_gt (fabs (line_6 - direct), 0.1, "as printed, line 6");
  cr_assert_gt (fabs (line_7 - direct), 0.1, "as printed, line 7");
}

Test (vlb, erratum_vlb_telescope_lines)
{
  static const double none[] = { 0.2, 0.2, 0.2, 0.2 }, told[] = { -0.5, 0.4, 0.9, -0.1 };
  check_lines (none, NULL);
  check_lines (told, scope_matrix (4, 1, 4, told));
}

// ## In closed form
//
// For Gaussian data each term is quadratic in $x_0$ and $\varepsilon$, and the average over the four points
// $x_0 = m \pm s$, $\varepsilon = \pm 1$ is the expectation, exactly. No Monte Carlo.

typedef struct
{
  double L_T, middle, L_0, total, nll;
} bound;

static bound
closed_form (double m, double v, sb_view view, sb_variance variance, sb_variance last)
{
  chain c;
  chain_linear (&c, 1000);
  sb_vlb vlb = { .reverse = { score_of_gaussian (&c, 1, m, v), view, variance, last } };
  gsl_matrix *x_0 = matrix (4000, 1), *z = matrix (4000, 1);
  gsl_vector *t = vector (4000), *term = vector (4000), *L_T = vector (4000);
  for (size_t i = 0; i < 4000; i++)
    {
      gsl_matrix_set (x_0, i, 0, m + (i % 2 ? 1 : -1) * sqrt (v));
      gsl_matrix_set (z, i, 0, i / 2 % 2 ? 1 : -1);
      gsl_vector_set (t, i, (double)(i / 4 + 1) / 1000);
    }
  ok (sb_vlb_term (&vlb, NULL, x_0, t, z, term));
  ok (sb_vlb_prior (vlb.reverse.score->process, x_0, L_T));
  bound b = { 0 };
  for (size_t i = 0; i < 4000; i++)
    {
      *(i < 4 ? &b.L_0 : &b.middle) += gsl_vector_get (term, i) / 4;
      b.L_T += gsl_vector_get (L_T, i) / 4000;
    }
  b.total = b.L_T + b.middle + b.L_0;

  gsl_vector *mu = vector (1);
  gsl_matrix *C = matrix (1, 1);
  ok (sb_marginal_chain (&vlb.reverse, mu, C));
  ok (sb_marginal_nll (mu, C, vector_of (m), matrix_of (1, 1, v), &b.nll));
  return b;
}

// $\Sigma = \beta_t$, the values of the inventory of terms. For $\mathcal{N}(0, 1)$ the bound is tight:
// $\frac12\ln 2\pi e$, the entropy. [dsm2ddpm.txt-VLB-terms] [dsm2ddpm.txt-VLB-LT]

Test (vlb, terms_of_gaussian_data)
{
  bound b = closed_form (0, 1, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA);
  cr_assert_float_eq (b.L_T, 2.0179556e-5, 1e-12);
  cr_assert_float_eq (b.middle, 4.6051500064, 1e-8);
  cr_assert_float_eq (b.L_0, -3.1862316528, 1e-8);
  cr_assert_float_eq (b.total, 0.5 * log (2 * M_PI * M_E), 1e-9);
  cr_assert_float_eq (b.total, b.nll, 1e-9);
  b = closed_form (1, 2, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA);
  cr_assert_float_eq (b.L_T, 6.0538e-5, 1e-9);
  cr_assert_float_eq (b.middle, 4.9519032, 1e-7);
  cr_assert_float_eq (b.L_0, -3.1862067, 1e-7);
  cr_assert_float_eq (b.total, 1.7657570, 1e-7);
  cr_assert_float_eq (b.nll, 1.7655125, 1e-7);
}

// The bound is never below the negative log-likelihood. With the best variance it is the entropy and what the chain's
// end is away from the prior, $.8169521310 + 5.045\cdot10^{-6}$. (The report calls $\mathcal{L}_{\mathrm{VLB}}$ a lower
// bound: it is one of $+\log p$, with its sign turned.) [dsm2ddpm.txt-VLB-bound]

Test (vlb, erratum_vlb_is_an_upper_bound_on_the_negative_log_likelihood)
{
  bound upper = closed_form (0.5, 0.3, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA);
  bound lower = closed_form (0.5, 0.3, SB_EPSILON, SB_VARIANCE_BETA_TILDE, SB_VARIANCE_BETA);
  bound best = closed_form (0.5, 0.3, SB_EPSILON, SB_VARIANCE_OPTIMAL, SB_VARIANCE_OPTIMAL);
  cr_assert_float_eq (upper.total, 0.8177647, 1e-7);
  cr_assert_float_eq (upper.nll, 0.8169542, 1e-7);
  cr_assert_float_eq (lower.total, 1.2747408, 1e-7);
  cr_assert_float_eq (lower.nll, 0.8170019, 1e-7);
  cr_assert_float_eq (best.total, 0.8169571760, 1e-9);
  cr_assert_float_eq (best.total, 0.5 * log (2 * M_PI * M_E * 0.3) + 5.045e-6, 1e-9);
  cr_assert (upper.total >= upper.nll && lower.total >= lower.nll && best.total >= best.nll);
}

// The views are one estimate. [dsm2ddpm.txt-VLB-terms]

Test (vlb, views_agree)
{
  bound by_noise = closed_form (1, 2, SB_EPSILON, SB_VARIANCE_CLIPPED, SB_VARIANCE_CLIPPED);
  bound by_data = closed_form (1, 2, SB_DENOISER, SB_VARIANCE_CLIPPED, SB_VARIANCE_CLIPPED);
  bound by_score = closed_form (1, 2, SB_SCORE, SB_VARIANCE_CLIPPED, SB_VARIANCE_CLIPPED);
  cr_assert_float_eq (by_noise.total, by_data.total, 1e-9);
  cr_assert_float_eq (by_noise.total, by_score.total, 1e-9);
}

// $\sum_t w_t\operatorname{E}\|\varepsilon - \varepsilon^*\|^2$, the errors known, is the middle of the bound with
// $\tilde\beta_t$: 5.0700423252 for $\mathcal{N}(0, 1)$. [dsm2ddpm.txt-VLB-eps]

Test (vlb, weighted_errors_add_up_to_the_bound)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  double sum = 0;
  for (size_t t = 2; t <= 1000; t++)
    {
      double tilde = (double)((1 - c.alpha_bar[t - 1]) / (1 - c.alpha_bar[t]) * c.beta[t]);
      sum += sb_vlb_weight (ddpm, t, tilde) * (double)c.alpha_bar[t];
    }
  cr_assert_float_eq (sum, 5.0700423252, 1e-10);
  cr_assert_float_eq (sum, closed_form (0, 1, SB_EPSILON, SB_VARIANCE_BETA_TILDE, SB_VARIANCE_BETA).middle, 1e-10);
}

// ## The weight
//
// Its values, by both of its forms; with $\tilde\beta_t^2$ in the denominator, as printed, it would be 10996.7 at
// $t = 2$. [dsm2ddpm.txt-VLB-eps]

Test (vlb, erratum_vlb_eps_exponent)
{
  const size_t at[] = { 2, 10, 100, 500, 1000 };
  const double expected[] = { 0.5996715, 0.0864366, 0.0102670, 0.0055082, 0.0102045 };
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  for (int k = 0; k < 5; k++)
    {
      size_t t = at[k];
      long double bar = c.alpha_bar[t], before = c.alpha_bar[t - 1], beta = c.beta[t],
                  tilde = (1 - before) / (1 - bar) * beta;
      double w = sb_vlb_weight (ddpm, t, (double)tilde);
      double snr = (double)(0.5L * (before / (1 - before) - bar / (1 - bar)) * (1 - bar) / bar);
      cr_assert_float_eq (w, expected[k], 5e-8);
      cr_assert_float_eq (w / (double)(beta / (2 * (1 - beta) * (1 - before))), 1, 1e-12);
      cr_assert_float_eq (w / snr, 1, 1e-12);
      if (t == 2)
        cr_assert_float_eq (w / (double)tilde, 10996.7, 0.1, "as printed");
    }
}

// The example of Appendix A.4 ($t = 3$, $x_0 = 0.8$, $x_3 = -0.3$, $\varepsilon_\theta = 0.37$) through the module, by
// noise, by score, by data: .8674583541. And so have, to $10^{-12}$, $w_3\,\|\varepsilon - \varepsilon_\theta\|^2$ and
// $\tfrac12(\mathrm{SNR}_2 - \mathrm{SNR}_3)\,\|x_0 - \hat x_0\|^2$. [dsm2ddpm.txt-VLB-eps] [dsm2ddpm.txt-VLB-KL]

static int
given (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y;
  gsl_matrix_set_all (out, *(double *)params);
  return GSL_SUCCESS;
}

static double
term_at (const sb_vlb *vlb, double t, double x_0, double z)
{
  gsl_vector *term = vector (1);
  ok (sb_vlb_term (vlb, NULL, matrix_of (1, 1, x_0), vector_of (t), matrix_of (1, 1, z), term));
  return gsl_vector_get (term, 0);
}

Test (vlb, term_of_the_example)
{
  chain c;
  chain_small (&c);
  const sb_view views[] = { SB_EPSILON, SB_SCORE, SB_DENOISER };
  double bar = (double)c.alpha_bar[3], x_0 = 0.8, z = (-0.3 - sqrt (bar) * x_0) / sqrt (1 - bar), epsilon = 0.37;
  sb_score *score = score_by (&c, 1, (sb_score_callback){ .view = SB_EPSILON, .function = given, .params = &epsilon });
  double weighted = sb_vlb_weight (score->process, 3, 0.2 * 0.37 / 0.496) * gsl_pow_2 (z - epsilon);
  double x_hat = (-0.3 - sqrt (1 - bar) * epsilon) / sqrt (bar);
  double by_snr = 0.5 * (0.63 / 0.37 - 0.504 / 0.496) * gsl_pow_2 (x_0 - x_hat);
  for (int k = 0; k < 3; k++)
    {
      sb_vlb vlb = { .reverse = { score, views[k], SB_VARIANCE_BETA_TILDE, SB_VARIANCE_BETA } };
      const double term = term_at (&vlb, 0.75, x_0, z);
      cr_assert_float_eq (term, 0.8674583541, 1e-10);
      cr_assert_float_eq (term, weighted, 1e-12, "view %d", views[k]);
      cr_assert_float_eq (term, by_snr, 1e-12, "view %d", views[k]);
    }
}

// Near the truth the means agree to many digits, and the term is still exact: an estimate off by $10^{-9}$ has
// $w_t\cdot10^{-18}$.

Test (vlb, small_errors_are_not_lost)
{
  chain c;
  chain_linear (&c, 1000);
  double off = 0.5 + 1e-9;
  sb_score *score = score_by (&c, 1, (sb_score_callback){ .view = SB_EPSILON, .function = given, .params = &off });
  sb_vlb vlb = { .reverse = { score, SB_EPSILON, SB_VARIANCE_BETA_TILDE, SB_VARIANCE_BETA } };
  cr_assert_float_eq (term_at (&vlb, 0.01, 0.8, 0.5) / (0.0864366 * 1e-18), 1, 1e-6);
}

// ## The prior's term
//
// Against the generic divergence, with the variance's difference from 1 in long double; and its values per dimension.
// [dsm2ddpm.txt-VLB-LT]

Test (vlb, prior_term)
{
  chain chains[2];
  chain_linear (&chains[0], 1000);
  chain_small (&chains[1]);
  for (int k = 0; k < 2; k++)
    {
      sb_process *ddpm = chain_alloc (&chains[k], 3);
      gsl_matrix *x_0 = normals (20, 3, 80);
      gsl_vector *L_T = vector (20);
      ok (sb_vlb_prior (ddpm, x_0, L_T));
      for (size_t i = 0; i < 20; i++)
        {
          double bar = (double)chains[k].alpha_bar[chains[k].T], squared = 0;
          for (size_t j = 0; j < 3; j++)
            squared += bar * gsl_pow_2 (gsl_matrix_get (x_0, i, j));
          cr_assert_float_eq (gsl_vector_get (L_T, i), sb_isotropic_kl (3, squared, 1 - bar, 1), 1e-12);
        }
    }
}

Test (vlb, prior_term_values)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  gsl_vector *L_T = vector (2);
  ok (sb_vlb_prior (ddpm, matrix_of (2, 1, 1, 0), L_T));
  cr_assert_float_eq (gsl_vector_get (L_T, 0) / 2.0179556e-5, 1, 1e-7);
  double bar = (double)c.alpha_bar[1000], of_zero = gsl_vector_get (L_T, 1);
  cr_assert_float_eq (of_zero / (bar * bar / 4 + bar * bar * bar / 6), 1, 1e-9);
  cr_assert_float_eq (of_zero, 4.07e-10, 1e-12);
}

// Two models, one term: it has no score to look at. The rest of the bound differs. (The report's reason, that
// $\mathbf{x}_T \sim \mathcal{N}(\mathbf{0}, \mathbf{I})$, would make it 0.) [dsm2ddpm.txt-VLB-LT]

Test (vlb, erratum_vlb_lt_is_small_not_zero)
{
  bound one = closed_form (0, 1, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA);
  bound other = closed_form (0, 1, SB_EPSILON, SB_VARIANCE_BETA_TILDE, SB_VARIANCE_CLIPPED);
  cr_assert_eq (one.L_T, other.L_T);
  cr_assert_gt (one.L_T, 2e-5);
  cr_assert_gt (fabs (one.middle - other.middle), 0.1);
}

// ## By sampling
//
// The estimate of `sb_vlb_bound` over $2000$ rows, with all levels, with eight random levels, and by log ratios along
// paths: all have the closed form's mean, within five standard errors. T = 50 steps, two dimensions.
// [dsm2ddpm.txt-VLB-terms] [dsm2ddpm.txt-VLB-bound]

static double
expected_total (const chain *c, double m, double v)
{
  double total = 0;
  for (size_t t = 1; t <= c->T; t++)
    {
      double bar = (double)c->alpha_bar[t], before = (double)c->alpha_bar[t - 1], beta = (double)c->beta[t],
             D = bar * v + 1 - bar;
      double error = bar * v / D, w = beta * beta / (2 * (1 - beta) * (1 - bar) * beta);
      double tilde = (1 - before) / (1 - bar) * beta;
      total += w * error + (t > 1 ? 0.5 * (log (beta / tilde) + tilde / beta - 1) : 0.5 * log (2 * M_PI * beta));
    }
  double bar = (double)c->alpha_bar[c->T];
  return total + 0.5 * (bar * (v + m * m) - bar - log1p (-bar));
}

Test (vlb, estimates_have_the_mean_of_the_closed_form)
{
  enum
  {
    N = 2000,
    D = 2
  };
  chain c;
  chain_linear (&c, 50);
  // The last beta would be 1: half of them.
  for (size_t t = 1; t <= 50; t++)
    {
      c.beta[t] *= 0.5L;
      c.alpha_bar[t] = c.alpha_bar[t - 1] * (1 - c.beta[t]);
    }
  sb_score *score = score_of_gaussian (&c, D, 0.5, 0.3);
  sb_vlb vlb = { .reverse = { score, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA } };
  gsl_matrix *x_0 = chain_sample (chain_gaussian (D, 0.5, 0.3), N, 81);
  gsl_vector *all = vector (N), *some = vector (N), *ratio = vector (N), *estimates[] = { some, ratio, all };
  ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 82, 0, 0 }, 0, all));
  ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 83, 0, 0 }, 8, some));
  for (size_t i = 0; i < N; i++)
    {
      gsl_matrix *path = matrix (51, D), *z = normals (50, D, 1000 + i);
      gsl_vector_const_view row = gsl_matrix_const_row (x_0, i);
      gsl_matrix_set_row (path, 0, &row.vector);
      ok (sb_path_draw (score->process, z, path));
      ok (sb_vlb_path (&vlb.reverse, NULL, path, gsl_vector_ptr (ratio, i)));
    }
  double truth = D * expected_total (&c, 0.5, 0.3), found, error;
  for (int k = 0; k < 3; k++)
    {
      found = mean_of (estimates[k], &error);
      cr_assert_float_eq (found, truth, 5 * error, "%g, not %g, standard error %g", found, truth, error);
    }

  // The spectrum is the same numbers, averaged the other way round.
  gsl_vector *mean = vector (51), *se = vector (51);
  double sum = 0;
  ok (sb_vlb_spectrum (&vlb, NULL, x_0, (sb_stream){ 82, 0, 0 }, mean, se));
  for (size_t i = 0; i <= 50; i++)
    {
      sum += gsl_vector_get (mean, i);
      if (i == 0 || i == 50)
        continue;
      double bar = (double)c.alpha_bar[i + 1], before = (double)c.alpha_bar[i], beta = (double)c.beta[i + 1],
             tilde = (1 - before) / (1 - bar) * beta;
      double term = D
                    * (beta / (2 * (1 - beta) * (1 - bar)) * bar * 0.3 / (bar * 0.3 + 1 - bar)
                       + 0.5 * (log (beta / tilde) + tilde / beta - 1));
      cr_assert_float_eq (gsl_vector_get (mean, i), term, 6 * gsl_vector_get (se, i), "L_%zu", i);
    }
  cr_assert_float_eq (sum, found, 1e-9);
}

// Term by term: a divergence is the mean of the log ratio over $x_{t-1}$, given $x_0$ and $x_t$. The two have one mean,
// within 5.2 standard errors at each of three levels, and the divergence less than a third of the variance.
// [dsm2ddpm.txt-VLB-terms]

static void
path_terms (const sb_reverse *reverse, const chain *c, const gsl_matrix *x_0, gsl_matrix *terms, gsl_matrix *noise)
{
  const size_t T = c->T;
  gsl_matrix *path = matrix (T + 1, 1), *z = normals (x_0->size1, T, 102);
  for (size_t i = 0; i < x_0->size1; i++)
    {
      gsl_matrix_view z_i = gsl_matrix_view_array (z->data + T * i, T, 1);
      gsl_vector_view terms_i = gsl_matrix_row (terms, i);
      const double x = gsl_matrix_get (x_0, i, 0);
      gsl_matrix_set (path, 0, 0, x);
      ok (sb_path_draw (reverse->score->process, &z_i.matrix, path));
      ok (sb_vlb_path_terms (reverse, NULL, path, &terms_i.vector));
      for (size_t t = 1; t <= T; t++)
        {
          const double bar = (double)c->alpha_bar[t];
          gsl_matrix_set (noise, i, t, (gsl_matrix_get (path, t, 0) - sqrt (bar) * x) / sqrt (1 - bar));
        }
    }
}

Test (vlb, divergences_have_the_smaller_variance)
{
  enum
  {
    N = 20000
  };
  chain c;
  chain_small (&c);
  const sb_vlb vlb
      = { .reverse = { score_of_gaussian (&c, 1, 0.5, 0.3), SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA } };
  const gsl_matrix *x_0 = chain_sample (chain_gaussian (1, 0.5, 0.3), N, 101);
  gsl_matrix *terms = matrix (N, 5), *noise = matrix (N, 5), *z = matrix (N, 1);
  gsl_vector *divergence = vector (N), *ratio = vector (N);
  path_terms (&vlb.reverse, &c, x_0, terms, noise);
  for (size_t t = 2; t <= 4; t++)
    {
      gsl_vector_view z_t = gsl_matrix_column (z, 0);
      gsl_matrix_get_col (&z_t.vector, noise, t);
      gsl_matrix_get_col (ratio, terms, t - 1);
      ok (sb_vlb_term (&vlb, NULL, x_0, vector_all (N, (double)t / 4), z, divergence));
      cr_assert_lt (3 * gsl_stats_variance (divergence->data, 1, N), gsl_stats_variance (ratio->data, 1, N), "t = %zu",
                    t);
      double error;
      gsl_vector_sub (ratio, divergence);
      const double mean = mean_of (ratio, &error);
      cr_assert_lt (fabs (mean), 5.2 * error, "t = %zu: off by %g, standard error %g", t, mean, error);
    }
}

// A row's estimate does not depend on its batch, and has no noise in common with other rows. One row has no standard
// error.

Test (vlb, a_row_does_not_depend_on_its_batch)
{
  chain c;
  chain_small (&c);
  sb_score *score = score_of_gaussian (&c, 2, 0.5, 0.3);
  sb_vlb vlb = { .reverse = { score, SB_SCORE, SB_VARIANCE_CLIPPED, SB_VARIANCE_CLIPPED } };
  gsl_matrix *x_0 = chain_sample (chain_gaussian (2, 0.5, 0.3), 10, 84);
  gsl_matrix_view tail = gsl_matrix_submatrix (x_0, 6, 0, 4, 2), one = gsl_matrix_submatrix (x_0, 3, 0, 1, 2);
  gsl_vector *whole = vector (10), *part = vector (4), *mean = vector (5), *se = vector (5);
  for (size_t draws = 0; draws < 4; draws += 3)
    {
      sb_stream stream = { 85, 0, 0 };
      ok (sb_vlb_bound (&vlb, NULL, x_0, stream, draws, whole));
      ok (sb_vlb_bound (&vlb, NULL, &tail.matrix, sb_stream_skip (stream, 6), draws, part));
      for (size_t i = 0; i < 4; i++)
        cr_assert_float_eq (gsl_vector_get (part, i), gsl_vector_get (whole, 6 + i), 1e-13);
    }
  ok (sb_vlb_spectrum (&vlb, NULL, &one.matrix, (sb_stream){ 85, 0, 3 }, mean, se));
  cr_assert (gsl_isnan (gsl_vector_get (se, 2)));
  ok (sb_vlb_spectrum (&vlb, NULL, &one.matrix, (sb_stream){ 85, 0, 3 }, mean, NULL));
  double sum = 0;
  for (size_t i = 0; i < 5; i++)
    sum += gsl_vector_get (mean, i);
  ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 85, 0, 0 }, 0, whole));
  cr_assert_float_eq (sum, gsl_vector_get (whole, 3), 1e-12);
}

// Levels drawn at random are drawn independently. Of one point, with $L_0$ of variance $v_0$ and a random level's term
// of variance $v$, an estimate from $m$ levels has the variance $v_0 + v/m$. Of $2\cdot10^4$ estimates, whose kurtosis
// is below 15, the variance is found to 2.7 %: 20 % is more than six standard errors of all that is compared.

Test (vlb, random_levels_are_independent)
{
  enum
  {
    N = 20000
  };
  const double draws[] = { 1, 2, 8 };
  chain c;
  chain_small (&c);
  const sb_vlb vlb
      = { .reverse = { score_of_gaussian (&c, 1, 0.5, 0.3), SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA } };
  const gsl_matrix *x_0 = matrix_all (N, 1, 0.9);
  gsl_vector *estimate = vector (N), *se = vector (c.T + 1);
  double variance[3];
  ok (sb_vlb_spectrum (&vlb, NULL, x_0, (sb_stream){ 97, 0, 0 }, vector (c.T + 1), se));
  const double v_0 = N * gsl_pow_2 (gsl_vector_get (se, 0));
  for (int k = 0; k < 3; k++)
    {
      ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 98 + (uint64_t)k, 0, 0 }, (size_t)draws[k], estimate));
      variance[k] = gsl_stats_variance (estimate->data, 1, N);
      const double wanted = v_0 + (variance[0] - v_0) / draws[k];
      cr_assert_float_eq (variance[k], wanted, 0.2 * wanted, "%g levels: variance %g, not %g", draws[k], variance[k],
                          wanted);
    }
}

// By hand: the bound is the sum of `sb_vlb_term` over the levels, with numbers $(t-1)d, \dots, td - 1$ of the row's
// stream as the normals of level $t$, so that no two levels share any.

Test (vlb, every_level_has_normals_of_its_own)
{
  chain c;
  chain_small (&c);
  sb_score *score = score_of_gaussian (&c, 2, 0.5, 0.3);
  sb_vlb vlb = { .reverse = { score, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA } };
  gsl_matrix *x_0 = chain_sample (chain_gaussian (2, 0.5, 0.3), 3, 95), *z = matrix (3, 2);
  gsl_vector *bound_3 = vector (3), *sum = vector (3), *term = vector (3);
  ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 96, 0, 0 }, 0, bound_3));
  ok (sb_vlb_prior (score->process, x_0, sum));
  for (size_t t = 1; t <= 4; t++)
    {
      gsl_vector *times = vector_all (3, (double)t / 4);
      ok (sb_stream_normals ((sb_stream){ 96, SB_FOR_FORWARD, 0 }, 2 * (t - 1), z));
      ok (sb_vlb_term (&vlb, NULL, x_0, times, z, term));
      gsl_vector_add (sum, term);
    }
  for (size_t i = 0; i < 3; i++)
    cr_assert_float_eq (gsl_vector_get (bound_3, i), gsl_vector_get (sum, i), 1e-12);
}

// A chain of a single step has no middle: the bound is $L_1 + L_0$.

Test (vlb, one_step)
{
  chain c = { .T = 1, .beta = { 0, 0.5 }, .alpha_bar = { 1, 0.5 } };
  sb_score *score = score_of_gaussian (&c, 1, 0.5, 0.3);
  sb_vlb vlb = { .reverse = { score, SB_SCORE, SB_VARIANCE_BETA, SB_VARIANCE_BETA } };
  const double x = 0.8;
  gsl_matrix *x_0 = matrix_of (1, 1, x), *z = matrix (1, 1);
  gsl_vector *all = vector (1), *some = vector (1), *L_T = vector (1), *terms = vector (2);
  ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 86, 0, 0 }, 0, all));
  ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 86, 0, 0 }, 5, some));
  ok (sb_stream_normals ((sb_stream){ 86, SB_FOR_FORWARD, 0 }, 0, z));
  ok (sb_vlb_prior (score->process, x_0, L_T));
  double x_1 = sqrt (0.5) * (x + gsl_matrix_get (z, 0, 0)), D = 0.65,
         mu = (x_1 - 0.5 * (x_1 - sqrt (0.5) * 0.5) / D) / sqrt (0.5), ratio;
  cr_assert_float_eq (gsl_vector_get (all, 0), gsl_vector_get (L_T, 0) - log_normal (x, mu, 0.5), 1e-12);
  cr_assert (gsl_vector_equal (all, some));
  gsl_matrix *states = matrix_of (2, 1, x, x_1);
  ok (sb_vlb_path (&vlb.reverse, NULL, states, &ratio));
  ok (sb_vlb_path_terms (&vlb.reverse, NULL, states, terms));
  cr_assert_float_eq (ratio, gsl_vector_sum (terms), 1e-12);
}

// ## Data in bytes
//
// One pixel, uniform on the bytes: the exact score is that of 256 points. No code for such a pixel is shorter than 8
// bits on average, so the bound is not below; with the best variance in the middle it is close (8.07, standard error
// 0.17). [dsm2ddpm.txt-VLB-L0] [dsm2ddpm.txt-VLB-terms]

Test (vlb, bits_per_dimension_of_uniform_bytes)
{
  enum
  {
    N = 64
  };
  chain c;
  chain_linear (&c, 1000);
  gsl_matrix *bytes = matrix (256, 1), *x_0 = matrix (N, 1);
  for (size_t k = 0; k < 256; k++)
    gsl_matrix_set (bytes, k, 0, -1 + 2. * (double)k / 255);
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set (x_0, i, 0, -1 + 2. * (double)(2 + 4 * i) / 255);
  sb_target *data = scoped (sb_target_points_alloc (bytes, NULL));
  sb_score *score = scoped (sb_score_exact_alloc (data, chain_alloc (&c, 1)));
  sb_vlb vlb = { .reverse = { score, SB_EPSILON, SB_VARIANCE_OPTIMAL, SB_VARIANCE_BETA }, .decoder = { 256, -1, 1 } };
  gsl_vector *total = vector (N);
  ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 87, 0, 0 }, 0, total));
  double error, bits = sb_vlb_bits (mean_of (total, &error), 1), se = sb_vlb_bits (error, 1);
  cr_assert_float_eq (sb_vlb_bits (3 * M_LN2 * 7, 3), 7, 1e-14);
  cr_assert (bits > 8 - 5 * se && bits < 8.3 + 5 * se, "%g bits, standard error %g", bits, se);
}

// The last term is the decoder's log mass at the model's mean, by hand. [dsm2ddpm.txt-VLB-L0]

Test (vlb, last_term_is_the_decoder_s)
{
  chain c;
  chain_linear (&c, 1000);
  sb_score *score = score_of_gaussian (&c, 2, 0.1, 0.2);
  sb_vlb vlb = { .reverse = { score, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA }, .decoder = { 256, -1, 1 } };
  const double x[] = { -1, -1 + 2. * 140 / 255 };
  double log_p = 0;
  gsl_matrix *x_0 = matrix_of (1, 2, x[0], x[1]), *z = normals (1, 2, 88);
  gsl_vector *t = vector_of (1e-3), *term = vector (1);
  ok (sb_vlb_term (&vlb, NULL, x_0, t, z, term));
  for (size_t j = 0; j < 2; j++)
    {
      double x_1 = sqrt (0.9999) * x[j] + 0.01 * gsl_matrix_get (z, 0, j), D = 0.9999 * 0.2 + 1e-4;
      double mu = (x_1 - 1e-4 * (x_1 - sqrt (0.9999) * 0.1) / D) / sqrt (0.9999);
      double lower = j == 0 ? GSL_NEGINF : (x[j] - 1 / 255. - mu) / 0.01, upper = (x[j] + 1 / 255. - mu) / 0.01;
      log_p += sb_decoder_log_interval (lower, upper);
    }
  cr_assert_float_eq (gsl_vector_get (term, 0), -log_p, 1e-9);
  vlb.reverse.last = SB_VARIANCE_BETA_TILDE;
  refused (GSL_EDOM, sb_vlb_term (&vlb, NULL, x_0, t, z, term), "no width");
}

// ## To train by it
//
// As a weighting of `dsm.c` it is what a training minimises. What no model can change of the bound is known: a step's
// divergence at the right mean, $\frac d2[\ln(\sigma_t^2/\tilde\beta_t) + \tilde\beta_t/\sigma_t^2 - 1]$, and of the
// last step, where the data are continuous, the density at its middle, $\frac d2\ln 2\pi\sigma_1^2$. The losses of all
// levels of a chain of four are then the terms of the bound, point by point, for an estimate that is nowhere right.
// [dsm2ddpm.txt-VLB-eps] [dsm2ddpm.txt-VLB-terms]

static int
leaning (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  gsl_matrix_memcpy (out, x);
  gsl_matrix_scale (out, 0.4);
  gsl_matrix_add_constant (out, 0.2);
  for (size_t i = 0; i < x->size1; i++)
    *gsl_matrix_ptr (out, i, 0) += gsl_vector_get (t, i);
  return GSL_SUCCESS;
}

static double
beyond_any_model (const chain *c, bool tilde, size_t d)
{
  double sum = 0;
  for (size_t t = 1; t <= c->T; t++)
    {
      size_t from = t > 1 ? t : 2; // beta-tilde_1 is 0: the last step takes beta-tilde_2
      double beta_tilde = (double)((1 - c->alpha_bar[from - 1]) / (1 - c->alpha_bar[from]) * c->beta[from]),
             variance = tilde ? beta_tilde : (double)c->beta[t];
      sum += (double)d / 2
             * (t > 1 ? log (variance / beta_tilde) + beta_tilde / variance - 1 : log (2 * M_PI * variance));
    }
  return sum;
}

Test (vlb, weighted_losses_are_the_terms_of_the_bound)
{
  enum
  {
    N = 50,
    D = 3
  };
  chain c;
  chain_small (&c);
  sb_score *score = score_by (&c, D, (sb_score_callback){ .view = SB_EPSILON, .function = leaning });
  const sb_process *ddpm = score->process;
  gsl_matrix *x_0 = normals (N, D, 92), *x = matrix (N, D), *e = matrix (N, D);
  gsl_vector *loss = vector (N), *term = vector (N);
  const sb_weighting_type *bounds[] = { sb_weighting_bound, sb_weighting_bound_tilde };
  const sb_variance variances[] = { SB_VARIANCE_BETA, SB_VARIANCE_CLIPPED };
  for (int k = 0; k < 2; k++)
    {
      const sb_objective dsm = weighted (sb_objective_dsm, ddpm, bounds[k], 0);
      const sb_vlb vlb = { .reverse = { score, SB_EPSILON, variances[k], variances[k] } };
      gsl_vector *losses = vector_all (N, 0), *terms = vector_all (N, 0);
      for (size_t level = 1; level <= 4; level++)
        {
          gsl_vector *t = vector_all (N, (double)level / 4);
          gsl_matrix *z = normals (N, D, 93 + level);
          gsl_matrix_memcpy (x, x_0);
          ok (sb_process_transition (ddpm, NULL, t, z, x));
          ok (sb_score_evaluate (score, SB_EPSILON, x, t, NULL, e));
          ok (loss_of (&dsm, t, z, e, loss, NULL));
          ok (sb_vlb_term (&vlb, NULL, x_0, t, z, term));
          gsl_vector_add (losses, loss);
          gsl_vector_add (terms, term);
        }
      for (size_t i = 0; i < N; i++)
        {
          double from_losses = gsl_vector_get (losses, i) + beyond_any_model (&c, k == 1, D);
          cr_assert_float_eq (from_losses, gsl_vector_get (terms, i), 1e-12 * (1 + gsl_vector_get (losses, i)),
                              "row %zu: %.15g from the losses, %.15g from the terms", i, from_losses,
                              gsl_vector_get (terms, i));
        }
    }
}

// ## SMLD's chain
//
// With $D = \sigma_i^2 - \sigma_{i-1}^2$, a model of steps $\mathcal N(\boldsymbol\mu_\theta, \tau^2\mathbf I)$ has the
// term
// $$ L_{i-1} = \frac{1}{2\tau^2}\Bigl\|\frac{\sigma_{i-1}^2}{\sigma_i^2}\mathbf x_i + \Bigl(1 - \frac{\sigma_{i-1}^2}{\sigma_i^2}\Bigr)\mathbf x_0
//    - \boldsymbol\mu_\theta\Bigr\|^2 + C = \frac{1}{2\tau^2}\Bigl\|\mathbf x_i - \frac{D}{\sigma_i}\mathbf z - \boldsymbol\mu_\theta\Bigr\|^2 + C
//    = \frac{D^2}{2\tau^2}\Bigl\|\mathbf s_\theta + \frac{\mathbf z}{\sigma_i}\Bigr\|^2 + C , $$
// $C = \frac d2(\ln\frac{\tau^2}{v} + \frac v{\tau^2} - 1)$ with the posterior's variance $v = \sigma_{i-1}^2
// D/\sigma_i^2$, and 0 where $\tau^2 = v$. The last form is with $\boldsymbol\mu_\theta = \mathbf x_i + D\,\mathbf
// s_\theta$. All of it by hand, for points, noise and scores at random, at every level from the second on, for both
// choices of $\tau^2$. [scoresde.txt-smld-elbo]

static int
given_number (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y;
  return gsl_matrix_memcpy (out, params);
}

Test (vlb, terms_of_smld_are_its_weighted_loss)
{
  enum
  {
    D = 3,
    N = 6
  };
  sb_process *smld = scoped (sb_smld_alloc (D, N, 0.05, 9));
  gsl_matrix *x_0 = normals (1, D, 1), *z = normals (1, D, 2), *s = normals (1, D, 3);
  const sb_score_callback callback = { .view = SB_SCORE, .function = given_number, .params = s };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, smld));
  gsl_vector *term = vector (1);
  for (size_t i = 2; i <= N; i++)
    for (int tilde = 0; tilde <= 1; tilde++)
      {
        const double sigma = number_of (smld, SB_S, 0, (double)i / N),
                     before = number_of (smld, SB_S, 0, (double)(i - 1) / N), gap = sigma * sigma - before * before,
                     v = before * before * gap / (sigma * sigma), tau2 = tilde ? v : gap,
                     C = D / 2.0 * (log (tau2 / v) + v / tau2 - 1);
        double by_posterior = 0, by_noise = 0, by_score = 0;
        for (size_t j = 0; j < D; j++)
          {
            const double z_j = z->data[j], s_j = s->data[j], x = x_0->data[j] + sigma * z_j, mu = x + gap * s_j,
                         share = before * before / (sigma * sigma);
            by_posterior += gsl_pow_2 (share * x + (1 - share) * x_0->data[j] - mu);
            by_noise += gsl_pow_2 (x - gap / sigma * z_j - mu);
            by_score += gsl_pow_2 (gap * (s_j + z_j / sigma));
          }
        const sb_vlb vlb
            = { .reverse = { score, SB_SCORE, tilde ? SB_VARIANCE_BETA_TILDE : SB_VARIANCE_BETA, SB_VARIANCE_BETA } };
        ok (sb_vlb_term (&vlb, NULL, x_0, vector_of ((double)i / N), z, term));
        const double found = gsl_vector_get (term, 0), near = 1e-12 * (1 + fabs (found));
        cr_assert_float_eq (found, by_posterior / (2 * tau2) + C, near, "level %zu: %g", i, found);
        cr_assert_float_eq (found, by_noise / (2 * tau2) + C, near, "level %zu: %g", i, found);
        cr_assert_float_eq (found, by_score / (2 * tau2) + C, near, "level %zu: %g", i, found);
        cr_assert_float_eq (sb_vlb_weight (smld, i, tau2), gap * gap / (2 * tau2 * sigma * sigma),
                            1e-12 * gap * gap / (2 * tau2 * sigma * sigma));
      }
}

// The whole of it is the mean of the log ratio along paths, for a model that is right nowhere; $2\cdot10^4$ paths, 4.9
// standard errors of the difference. Its last term, to the prior $\mathcal N(0, \sigma_N^2)$ of the same variance, is
// $\|\mathbf x_0\|^2/2\sigma_N^2$. [scoresde.txt-smld-elbo]

Test (vlb, smld_bound_is_the_mean_over_paths)
{
  enum
  {
    N = 4,
    PATHS = 20000
  };
  sb_process *smld = scoped (sb_smld_alloc (1, N, 0.3, 4));
  const sb_score_callback callback = { .view = SB_SCORE, .function = affine };
  const sb_vlb vlb = { .reverse = { scoped (sb_score_callback_alloc (&callback, smld)), SB_SCORE, SB_VARIANCE_BETA,
                                    SB_VARIANCE_BETA } };
  gsl_vector *sum = vector (PATHS), *ratio = vector (PATHS), *last = vector (PATHS);
  gsl_matrix *x_0 = normals (PATHS, 1, 5), *path = matrix (N + 1, 1), *z = normals (PATHS, N, 6);
  for (size_t i = 0; i < PATHS; i++)
    {
      gsl_matrix_view z_i = gsl_matrix_view_array (z->data + i * N, N, 1);
      gsl_matrix_set (path, 0, 0, gsl_matrix_get (x_0, i, 0));
      ok (sb_path_draw (smld, &z_i.matrix, path));
      ok (sb_vlb_path (&vlb.reverse, NULL, path, gsl_vector_ptr (ratio, i)));
    }
  ok (sb_vlb_bound (&vlb, NULL, x_0, (sb_stream){ 7, SB_FOR_USER, 0 }, 0, sum));
  ok (sb_vlb_prior (smld, x_0, last));
  double error;
  for (size_t i = 0; i < PATHS; i++)
    cr_assert_float_eq (gsl_vector_get (last, i), gsl_pow_2 (gsl_matrix_get (x_0, i, 0)) / 32, 1e-15);
  gsl_vector_sub (sum, ratio);
  const double difference = mean_of (sum, &error);
  cr_assert_lt (fabs (difference), 4.9 * error, "off by %g, standard error %g", difference, error);
}

// ## What cannot be

static int
unit_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  (void)state, (void)map, (void)s, (void)t;
  c[0] = c[1] = 1;
  return GSL_SUCCESS;
}

Test (vlb, refuses_what_does_not_fit)
{
  chain c;
  chain_small (&c);
  sb_process *ddpm = chain_alloc (&c, 2), *ve = scoped (sb_ve_alloc (2, 0.1, 10));
  double number = 0;
  const sb_score_callback callback = { .view = SB_EPSILON, .function = given, .params = &number };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, ddpm)),
           *other = scoped (sb_score_callback_alloc (&callback, ve));
  sb_vlb vlb = { .reverse = { score, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA } },
         of_ve = { .reverse = { other, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA } };
  gsl_matrix *two = matrix_all (2, 2, 0), *three = matrix_all (3, 2, 0), *wide = matrix_all (2, 3, 0),
             *five = matrix_all (5, 2, 0), *none = matrix (0, 2), *bar = matrix (2, 2);
  gsl_vector *t = vector_all (2, 0.5), *longer = vector_all (3, 0.5), *zero = vector_all (2, 0),
             *between = vector_all (2, 0.4), *out = vector (2), *terms = vector (5), *no_rows = vector (0);
  refused (GSL_EBADLEN, sb_vlb_prior (ddpm, two, longer));
  refused (GSL_EBADLEN, sb_vlb_prior (ddpm, wide, out));
  refused (GSL_EINVAL, sb_vlb_prior (ve, two, out));
  refused (GSL_EBADLEN, sb_vlb_term (&vlb, NULL, two, t, three, out));
  refused (GSL_EBADLEN, sb_vlb_term (&vlb, NULL, two, t, wide, out));
  refused (GSL_EBADLEN, sb_vlb_term (&vlb, NULL, wide, t, wide, out));
  refused (GSL_EBADLEN, sb_vlb_term (&vlb, NULL, two, longer, two, out));
  refused (GSL_EBADLEN, sb_vlb_term (&vlb, NULL, two, t, two, longer));
  refused (GSL_EDOM, sb_vlb_term (&vlb, NULL, two, zero, two, out));
  refused (GSL_EDOM, sb_vlb_term (&vlb, NULL, two, between, two, out));
  refused (GSL_EINVAL, sb_vlb_term (&of_ve, NULL, two, t, two, out));
  ok (sb_vlb_term (&vlb, NULL, none, no_rows, none, no_rows));
  ok (sb_vlb_bound (&vlb, NULL, none, (sb_stream){ 0 }, 0, no_rows));
  refused (GSL_EBADLEN, sb_vlb_bound (&vlb, NULL, two, (sb_stream){ 0 }, 0, longer));
  refused (GSL_EBADLEN, sb_vlb_bound (&vlb, NULL, wide, (sb_stream){ 0 }, 0, out));
  refused (GSL_EINVAL, sb_vlb_bound (&of_ve, NULL, two, (sb_stream){ 0 }, 0, out));
  refused (GSL_EBADLEN, sb_vlb_spectrum (&vlb, NULL, none, (sb_stream){ 0 }, terms, NULL));
  refused (GSL_EBADLEN, sb_vlb_spectrum (&vlb, NULL, two, (sb_stream){ 0 }, out, NULL));
  refused (GSL_EBADLEN, sb_vlb_spectrum (&vlb, NULL, two, (sb_stream){ 0 }, terms, out));
  refused (GSL_EINVAL, sb_vlb_spectrum (&of_ve, NULL, two, (sb_stream){ 0 }, terms, NULL));
  const sb_objective of_ddpm = weighted (sb_objective_dsm, ddpm, sb_weighting_bound, 0),
                     of_another = weighted (sb_objective_dsm, ve, sb_weighting_bound, 0.1);
  refused (GSL_EINVAL, loss_of (&of_another, t, two, two, out, bar), "an SDE has no such weight");
  refused (GSL_EUNSUP, sb_vlb_path_terms (&of_ve.reverse, NULL, two, out));

  // A chain of several parts has several steps' variances, and no weight.
  static const sb_process_type of_parts = { .name = "a chain of parts", .numbers = unit_numbers };
  sb_process *parts = scoped (sb_process_alloc (&of_parts, NULL, 2, 0.25, 1, 4));
  parts->parts = 2;
  const sb_objective in_parts = weighted (sb_objective_dsm, parts, sb_weighting_bound, 0.25);
  refused (GSL_EINVAL, sb_vlb_prior (parts, two, out));
  refused (GSL_EINVAL, loss_of (&in_parts, t, two, two, out, bar));
  cr_assert (gsl_isnan (sb_vlb_weight (parts, 1, 0.1)));
  refused (GSL_EBADLEN, sb_vlb_path (&vlb.reverse, NULL, two, &number));
  refused (GSL_EBADLEN, sb_vlb_path_terms (&vlb.reverse, NULL, two, terms));
  refused (GSL_EBADLEN, sb_vlb_path_terms (&vlb.reverse, NULL, five, out));
  cr_assert (gsl_isnan (sb_vlb_weight (ddpm, 0, 0.1)));
  cr_assert (gsl_isnan (sb_vlb_weight (ddpm, 5, 0.1)));
  cr_assert (gsl_isnan (sb_vlb_weight (ddpm, 1, 0)));
  cr_assert (gsl_isnan (sb_vlb_weight (ve, 1, 0.1)));
  refused (GSL_ESING, loss_of (&of_ddpm, zero, two, two, out, bar));
  refused (GSL_EDOM, loss_of (&of_ddpm, between, two, two, out, bar));
}
