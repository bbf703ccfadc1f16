// # Losses with a weight for each time, and for each coordinate
//
// *Non-Uniform Diffusion Models*, Sections 3.1.2 and 3.2. The data are Gaussian or a mixture, so that a loss is a
// number that can be written down; expectations are sums by a rule that is exact, or means of many samples. z-tests
// have a false alarm of $10^{-6}$ each (4.9 standard errors).

#include "losses.h"
#include "pairs.h"
#include "process/loglinear.h"
#include "process/multispeed.h"
#include "process/nonuniform.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (weighted);

static const double z_test = 4.9;

static const pair STANDARD = { 1, { 1 }, { { 0, 0 } }, { 1 }, { 0 }, { 1 } };

static sb_target *
normal_law (double variance)
{
  return scoped (sb_target_gaussian_alloc (vector_all (1, 0), matrix_all (1, 1, variance)));
}

// The mean of f over [low, high], by Gauss and Legendre.
static double
mean_over (double low, double high, double (*f) (double t, void *params), void *params)
{
  enum
  {
    NODES = 200
  };
  gsl_integration_glfixed_table *table = scoped (gsl_integration_glfixed_table_alloc (NODES));
  double sum = 0;
  for (size_t k = 0; k < NODES; k++)
    {
      double t, w;
      gsl_integration_glfixed_point (low, high, k, &t, &w, table);
      sum += w * f (t, params);
    }
  return sum / (high - low);
}

// ## The mean of many draws

static int
line_evaluate (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const double *ab = params;
  (void)t, (void)y;
  gsl_matrix_memcpy (out, x);
  gsl_matrix_scale (out, -ab[0]);
  return gsl_matrix_add_constant (out, ab[1]);
}

static sb_score *
line_score (const sb_process *process, double *ab) // -a x + b
{
  return scoped (sb_score_callback_alloc (
      &(sb_score_callback){ .view = SB_SCORE, .function = line_evaluate, .params = ab }, process));
}

static double
drawn_mean (const sb_objective *o, const sb_score *score, const sb_target *law, size_t n, double *error)
{
  enum
  {
    ROWS = 50000
  };
  double sum = 0, squares = 0;
  gsl_matrix *x_0 = matrix (ROWS, o->process->dimension);
  gsl_vector *loss = vector (ROWS);
  for (size_t first = 0; first < n; first += ROWS)
    {
      ok (sb_target_sample (law, (sb_stream){ 5, SB_FOR_DATA, first }, x_0));
      ok (sb_objective_loss (o, score, x_0, NULL, (sb_stream){ .seed = 5, .index = first }, loss));
      for (size_t i = 0; i < ROWS; i++)
        {
          sum += gsl_vector_get (loss, i);
          squares += gsl_pow_2 (gsl_vector_get (loss, i));
        }
    }
  *error = sqrt ((squares / (double)n - gsl_pow_2 (sum / (double)n)) / (double)n);
  return sum / (double)n;
}

// ## Explicit score matching
//
// Of $\mathcal N(0, s^2)$ under noise of variance $\tau(t) = rt$ and the score $-ax$ the loss is $\tfrac12\,\mathbb
// E_t[\lambda(t)\,(1/(s^2 + \tau) - a)^2\,(s^2 + \tau)]$, where $\mathbb E_t$ is $1/T$ of an integral, also for $T =
// 4$. A million draws; and 0 at the true score, for each weight. [nonuniform.eq5]

typedef struct
{
  double s2, rate, a;
  int weight; // 1, g^2, tau
} of_line;

static double
explicit_at (double t, void *params)
{
  const of_line *p = params;
  const double tau = p->rate * t, v = p->s2 + tau, lambda = p->weight == 0 ? 1 : p->weight == 1 ? p->rate : tau;
  return lambda / 2 * gsl_pow_2 (1 / v - p->a) * v;
}

Test (weighted, explicit_score_matching)
{
  const sb_weighting_type *weights[] = { sb_weighting_unit, sb_weighting_likelihood, sb_weighting_variance };
  const double ends[] = { 1, 4 };
  for (size_t k = 0; k < 2; k++)
    for (int w = 0; w < 3; w++)
      {
        const size_t n = w == 1 ? 1000000 : 100000;
        const size_t mark = scope_mark ();
        of_line p = { .s2 = .8, .rate = 1.5, .a = .5, .weight = w };
        sb_process *process = scoped (pair_straight (1, p.rate));
        process->t_max = process->t_limit = ends[k];
        const sb_target *law = normal_law (p.s2);
        const sb_score *truth = scoped (sb_score_exact_alloc (law, process));
        sb_objective esm = weighted (sb_objective_esm, process, weights[w], 0);
        esm.truth = truth;
        double error, ab[] = { p.a, 0 };
        const double loss = drawn_mean (&esm, line_score (process, ab), law, n, &error),
                     wanted = mean_over (0, ends[k], explicit_at, &p);
        cr_assert_float_eq (loss, wanted, z_test * error, "T = %g, weight %d: %g, not %g", ends[k], w, loss, wanted);
        cr_assert_lt (error, .01 * wanted);
        cr_assert_eq (drawn_mean (&esm, truth, law, 50000, &error), 0);
        scope_release (mark);
      }
}

// Its gradient is $\lambda$ times the difference: by differences of the loss, of two coordinates with weights of their
// own. [nonuniform.eq5]

Test (weighted, explicit_gradient)
{
  const sb_process *process = pair_of (pair_straight (1, 1), pair_straight (1, 4));
  pair_model model = pair_model_of (2);
  const sb_score *score = pair_score (&model, process);
  const pair_rule r = pair_rule_of (&PAIR_M, 6, 2);
  sb_objective esm = weighted (sb_objective_esm, process, sb_weighting_likelihood, 0);
  esm.truth = scoped (sb_score_exact_alloc (pair_law (&PAIR_M), process));
  for (size_t k = 0; k < model.parameters; k++)
    model.theta[k] = sin (3. * (double)k + 1);
  double bar[9];
  pair_mean (&esm, score, &r, .3, &model);
  memcpy (bar, model.theta_bar, sizeof bar);
  for (size_t k = 0; k < model.parameters; k++)
    {
      const double h = 1e-5, at = model.theta[k];
      model.theta[k] = at + h;
      const double up = pair_mean (&esm, score, &r, .3, NULL);
      model.theta[k] = at - h;
      const double slope = (up - pair_mean (&esm, score, &r, .3, NULL)) / (2 * h);
      model.theta[k] = at;
      cr_assert_float_eq (bar[k], slope, 1e-6 * (1 + fabs (slope)), "parameter %zu: %g, slope %g", k, bar[k], slope);
    }
}

// ## Denoising score matching
//
// Under $\mathcal N(\alpha x_0, \sigma^2)$ and with $-ax + b$ the loss at a time is $\tfrac\lambda2[1/\sigma^2 - 2a +
// a^2(\alpha^2s^2 + \sigma^2) + b^2]$: to 1e-12 by the rule, for four processes and three weights, and by a million
// draws. [nonuniform.eq6]

static double
denoising_at_time (const sb_process *process, int weight, double s2, double t, double a, double b)
{
  const double alpha = number_of (process, SB_A, 0, t), sigma = number_of (process, SB_S, 0, t),
               lambda = weight == 0 ? 1 : gsl_pow_2 (weight == 1 ? number_of (process, SB_G, 0, t) : sigma);
  return lambda / 2 * (1 / (sigma * sigma) - 2 * a + a * a * (alpha * alpha * s2 + sigma * sigma) + b * b);
}

Test (weighted, denoising_score_matching)
{
  const sb_weighting_type *weights[] = { sb_weighting_unit, sb_weighting_likelihood, sb_weighting_variance };
  const sb_process *processes[] = { scoped (sb_vp_alloc (1, .1, 20)), scoped (sb_subvp_alloc (1, .1, 20)),
                                    scoped (sb_ve_alloc (1, .01, 10)), scoped (pair_straight (1, 2)) };
  const pair_rule r = pair_rule_of (&STANDARD, 3, 1);
  for (size_t p = 0; p < 4; p++)
    for (int w = 0; w < 3; w++)
      for (int k = 0; k < 5; k++)
        {
          const double a = .3 + .4 * k, b = sin (k), t = .1 + .2 * k;
          pair_model model = pair_model_of (1);
          model.theta[0] = b, model.theta[1] = -a;
          const sb_objective dsm = weighted (sb_objective_denoising, processes[p], weights[w], 0);
          const double wanted = denoising_at_time (processes[p], w, 1, t, a, b),
                       loss = pair_mean (&dsm, pair_score (&model, processes[p]), &r, t, NULL);
          cr_assert_float_eq (loss, wanted, 1e-12 * (1 + wanted), "%s, weight %d: %g, not %g", processes[p]->type->name,
                              w, loss, wanted);
        }

  double error, ab[] = { .7, .2 };
  sb_objective dsm = weighted (sb_objective_denoising, processes[0], sb_weighting_likelihood, .4);
  dsm.t_max = .4;
  const double loss = drawn_mean (&dsm, line_score (processes[0], ab), normal_law (2), 1000000, &error),
               wanted = denoising_at_time (processes[0], 1, 2, .4, .7, .2);
  cr_assert_float_eq (loss, wanted, z_test * error, "%g, not %g", loss, wanted);
}

// Over times that are uniform in $[\epsilon, T]$ it is the mean of these. [nonuniform.eq6]

typedef struct
{
  const sb_process *process;
  int weight;
} over_times;

static double
denoising_over_times (double t, void *params)
{
  const over_times *of = params;
  return denoising_at_time (of->process, of->weight, 2, t, .7, .2);
}

Test (weighted, denoising_score_matching_over_times)
{
  const sb_weighting_type *weights[] = { sb_weighting_unit, sb_weighting_likelihood, sb_weighting_variance };
  sb_process *vp = scoped (sb_vp_alloc (1, .1, 20));
  for (int w = 0; w < 3; w++)
    {
      over_times of = { vp, w };
      double error, ab[] = { .7, .2 };
      sb_objective dsm = weighted (sb_objective_denoising, vp, weights[w], .1);
      dsm.t_max = .7;
      const double loss = drawn_mean (&dsm, line_score (vp, ab), normal_law (2), 200000, &error),
                   wanted = mean_over (.1, .7, denoising_over_times, &of);
      cr_assert_float_eq (loss, wanted, z_test * error, "weight %d: %g, not %g", w, loss, wanted);
      cr_assert_lt (error, .01 * wanted);
    }
}

// The gradient, by differences of 1e-5, of a score that is not linear in all of its parameters. [nonuniform.eq6]

Test (weighted, denoising_gradient)
{
  const sb_process *process = scoped (sb_vp_alloc (1, .1, 20));
  pair_model model = pair_model_of (1);
  const sb_score *score = pair_score (&model, process);
  const pair_rule r = pair_rule_of (&PAIR_M, 8, 1);
  const sb_objective dsm = weighted (sb_objective_denoising, process, sb_weighting_likelihood, 0);
  for (size_t k = 0; k < model.parameters; k++)
    model.theta[k] = cos (2. * (double)k);
  double bar[5];
  pair_mean (&dsm, score, &r, .3, &model);
  memcpy (bar, model.theta_bar, sizeof bar);
  for (size_t k = 0; k < model.parameters; k++)
    {
      const double h = 1e-5, at = model.theta[k];
      model.theta[k] = at + h;
      const double up = pair_mean (&dsm, score, &r, .3, NULL);
      model.theta[k] = at - h;
      const double slope = (up - pair_mean (&dsm, score, &r, .3, NULL)) / (2 * h);
      model.theta[k] = at;
      cr_assert_float_eq (bar[k], slope, 1e-6 * (1 + fabs (slope)), "parameter %zu", k);
    }
}

// ## Down to $t = 0$ it is infinite
//
// Printed: $t \sim U(0, T)$. With $\lambda = g^2$ the mean weight of the noise, $\int_\epsilon^1 g^2/\sigma^2\,dt$, is
// $\ln\frac{e^{B(1)} - 1}{e^{B(\epsilon)} - 1}$ under VP, $B = \int\beta$: 12.21, 19.17 and 23.86 from $\epsilon =
// 10^{-1}, 10^{-3}, 10^{-5}$ on, and no score whatever loses less than half of it less a number that is finite. VE with
// the variance $\sigma^2(t) - \sigma^2(0)$ diverges likewise, with $\sigma^2(t)$ it does not. Right: $t \ge \epsilon$.
// [nonuniform.eq6]

static double
weight_of_noise (const sb_process *process, double t)
{
  const sb_weighting weighting = { sb_weighting_likelihood, NULL };
  gsl_matrix *one = matrix_all (1, 1, 1), *out = matrix (1, 1);
  ok (sb_weighting_apply (&weighting, process, SB_EPSILON, vector_all (1, t), one, vector (2)->data, matrix (1, 1),
                          matrix (2, 1), out));
  return gsl_matrix_get (out, 0, 0);
}

// Over log t, in which it is even.
static double
weight_in_log (double log_t, void *params)
{
  return exp (log_t) * weight_of_noise (params, exp (log_t));
}

static double
mean_weight (sb_process *process, double epsilon)
{
  const double least = log (epsilon);
  return -least * mean_over (least, 0, weight_in_log, process);
}

typedef struct
{
  const sb_objective *objective;
  const sb_score *score;
  const pair_rule *r;
  double least;
} loss_of_times;

static double
loss_in_log (double log_t, void *params)
{
  const loss_of_times *of = params;
  return exp (log_t) * pair_mean (of->objective, of->score, of->r, exp (log_t), NULL);
}

static double
of_vp (double epsilon)
{
  const double one = .1 + 19.9 / 2, B = .1 * epsilon + 19.9 / 2 * epsilon * epsilon;
  return log (expm1 (one) / expm1 (B));
}

static double
of_exact_ve (double epsilon)
{
  return log ((1e6 - 1) / expm1 (epsilon * log (1e6)));
}

Test (weighted, erratum_eq6_diverges_at_time_0)
{
  const double epsilon[] = { 1e-1, 1e-3, 1e-5 }, known[] = { 12.21, 19.17, 23.86 };
  sb_process *vp = scoped (sb_vp_alloc (1, .1, 20)), *exact = scoped (pair_geometric (1, 1)),
             *ve = scoped (sb_ve_alloc (1, .01, 10));
  const pair_rule r = pair_rule_of (&STANDARD, 2, 1);
  const sb_objective dsm = weighted (sb_objective_denoising, vp, sb_weighting_likelihood, 0);
  loss_of_times of_times = { &dsm, scoped (sb_score_exact_alloc (normal_law (1), vp)), &r, 0 };
  for (int k = 0; k < 3; k++)
    {
      const double of_noise = mean_weight (vp, epsilon[k]);
      cr_assert_float_eq (of_noise, of_vp (epsilon[k]), 1e-8 * of_noise);
      cr_assert_float_eq (of_noise, known[k], .005);
      cr_assert_float_eq (mean_weight (exact, epsilon[k]), of_exact_ve (epsilon[k]), 1e-8 * of_noise);
      cr_assert_float_eq (mean_weight (ve, epsilon[k]), log (1e6) * (1 - epsilon[k]), 1e-8);

      // The loss of the exact score of N(0, 1), half of it less the integral of beta, is the least there is.
      of_times.least = log (epsilon[k]);
      const double least = -of_times.least * mean_over (of_times.least, 0, loss_in_log, &of_times);
      cr_assert_float_eq (least, (of_noise - 10.05 + .1 * epsilon[k] + 9.95 * gsl_pow_2 (epsilon[k])) / 2, 1e-7);
    }
}

// ## Explicit and denoising score matching differ by a number
//
// Gaussian data of covariance $C_0$ under a kernel with its own $\alpha_i, \sigma_i$:
// $\tfrac12\operatorname{tr}[\Lambda(K^{-1} - S^{-1})]$ with $K = \operatorname{diag}\sigma_i^2$, $S = D_\alpha
// C_0D_\alpha + K$, for any positive definite $\Lambda$.

static int
two_parts (const void *state, sb_process_map map, double s, double t, double *c)
{
  const double variance[] = { .3, .8 };
  (void)state, (void)s, (void)t;
  if (map != SB_A && map != SB_S)
    return GSL_EUNSUP;
  c[0] = map == SB_A ? .9 : sqrt (variance[0]);
  c[1] = map == SB_A ? .5 : sqrt (variance[1]);
  return GSL_SUCCESS;
}

static sb_process *
of_two_parts (void)
{
  static const sb_process_type type = { .name = "two parts", .numbers = two_parts };
  sb_process *process = scoped (sb_process_alloc (&type, NULL, 2, 0, 1, 0));
  process->parts = 2;
  return process;
}

static const pair CORRELATED = { 1, { 1 }, { { .4, -.7 } }, { 1 }, { .6 }, { 2 } };
static const double S[2][2] = { { .81 * 1 + .3, .45 * .6 }, { .45 * .6, .25 * 2 + .8 } };

// Half the trace of Lambda (K^-1 - S^-1).
static double
number_between (const gsl_matrix *M)
{
  const double det = S[0][0] * S[1][1] - S[0][1] * S[0][1],
               gap[2][2] = { { 1 / .3 - S[1][1] / det, S[0][1] / det }, { S[0][1] / det, 1 / .8 - S[0][0] / det } };
  double sum = 0;
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 2; j++)
      for (size_t k = 0; k < 2; k++)
        sum += gsl_matrix_get (M, i, k) * gsl_matrix_get (M, j, k) * gap[i][j] / 2;
  return sum;
}

static gsl_matrix *
some_factor (int k) // of the first the square is diag (1.7, .4)
{
  const double turn = .7 * k;
  return k == 0 ? matrix_of (2, 2, sqrt (1.7), 0, 0, sqrt (.4))
                : matrix_of (2, 2, 1.5 * cos (turn), .4, -.9 * sin (turn), .3 + .2 * k);
}

static sb_objective
by_matrix (const sb_objective_type *type, const sb_process *process, gsl_matrix *M)
{
  sb_objective o = weighted (type, process, sb_weighting_matrix, 0);
  o.weighting.params = M;
  return o;
}

// For 50 affine scores and six $\Lambda$ to 1e-12; the first is 2.114790891, half of $-C_2 =
// \operatorname{tr}[\Lambda(K^{-1} - S^{-1})]$, so that $C_3 = C_1 + \frac12C_2$ and not $C_1 + C_2$, as printed.
// [nonuniform.txt-dsm-sm] [nonuniform.eq10] [nonuniform.txt-dsmC2]

Test (weighted, denoising_is_explicit_and_a_number)
{
  const sb_process *process = of_two_parts ();
  const pair_rule r = pair_rule_of (&CORRELATED, 3, 2);
  gsl_rng *random = property_rng (7);
  pair_model model = pair_model_of (2);
  const sb_score *score = pair_score (&model, process),
                 *truth = scoped (sb_score_exact_alloc (pair_law (&CORRELATED), process));
  cr_assert_float_eq (number_between (some_factor (0)), .5 * 4.229581782, 1e-9);
  for (int k = 0; k < 6; k++)
    for (int c = 0; c < 50; c++)
      {
        gsl_matrix *M = some_factor (k);
        const sb_objective dsm = by_matrix (sb_objective_denoising, process, M);
        sb_objective esm = by_matrix (sb_objective_esm, process, M);
        esm.truth = truth;
        for (size_t j = 0; j < model.parameters; j++)
          model.theta[j] = j % 4 == 3 || j == 8 ? 0 : gsl_ran_ugaussian (random);
        const double between = pair_mean (&dsm, score, &r, .5, NULL) - pair_mean (&esm, score, &r, .5, NULL),
                     wanted = number_between (M);
        cr_assert_float_eq (between, wanted, 1e-12 * (1 + wanted + pair_mean (&esm, score, &r, .5, NULL)),
                            "matrix %d, score %d: %.14g, not %.14g", k, c, between, wanted);
      }
}

// By 400,000 pairs of both losses at the same points, of a score with a bend. [nonuniform.txt-dsm-sm]

Test (weighted, denoising_is_explicit_and_a_number_by_draws)
{
  enum
  {
    N = 400000
  };
  const sb_process *process = of_two_parts ();
  const sb_target *law = pair_law (&CORRELATED);
  gsl_matrix *M = some_factor (2), *x_0 = matrix (N, 2);
  sb_objective esm = by_matrix (sb_objective_esm, process, M);
  const sb_objective dsm = by_matrix (sb_objective_denoising, process, M);
  pair_model model = pair_model_of (2);
  const double theta[] = { .2, -.5, .1, .7, -.3, .4, -.6, -.5, 1.3 };
  memcpy (model.theta, theta, sizeof theta);
  const sb_score *score = pair_score (&model, process);
  esm.truth = scoped (sb_score_exact_alloc (law, process));
  gsl_vector *a = vector (N), *b = vector (N);
  const sb_stream stream = { .seed = 9 };
  double error;
  ok (sb_target_sample (law, (sb_stream){ 9, SB_FOR_DATA, 0 }, x_0));
  ok (sb_objective_loss (&dsm, score, x_0, NULL, stream, a));
  ok (sb_objective_loss (&esm, score, x_0, NULL, stream, b));
  gsl_vector_sub (a, b);
  const double between = mean_of (a, &error);
  cr_assert_float_eq (between, number_between (M), z_test * error);
  cr_assert_lt (error, .02);
}

// ## A matrix weight
//
// $\Lambda = \lambda\mathbf I$ is the number $\lambda$: loss and gradient to 1e-14. [nonuniform.eq10] [nonuniform.eq6]

Test (weighted, multiple_of_the_identity_is_a_number)
{
  const sb_process *process = scoped (pair_straight (2, 2));
  const pair_rule r = pair_rule_of (&PAIR_M, 4, 2);
  pair_model by_number = pair_model_of (2), by_M = pair_model_of (2);
  for (size_t k = 0; k < 9; k++)
    by_number.theta[k] = by_M.theta[k] = cos (1 + (double)k);
  const double root = sqrt (2); // g^2 = 2
  const sb_objective_type *types[] = { sb_objective_denoising, sb_objective_dsm, sb_objective_soft, sb_objective_esm };
  for (size_t k = 0; k < 4; k++)
    {
      sb_objective one = weighted (types[k], process, sb_weighting_likelihood, 0),
                   other = by_matrix (types[k], process, matrix_of (2, 2, root, 0, 0, root));
      one.truth = other.truth = scoped (sb_score_exact_alloc (pair_law (&PAIR_M), process));
      const double a = pair_mean (&one, pair_score (&by_number, process), &r, .3, &by_number),
                   b = pair_mean (&other, pair_score (&by_M, process), &r, .3, &by_M);
      cr_assert_float_eq (a, b, 1e-14 * fabs (a), "%s", types[k]->entry.name);
      for (size_t j = 0; j < 9; j++)
        cr_assert_float_eq (by_number.theta_bar[j], by_M.theta_bar[j], 1e-13 * (1 + fabs (a)));
    }
}

// The minimum over $\mathbf W\mathbf x + \mathbf b$ is $\mathbf W = -S^{-1}$, $\mathbf b = S^{-1}\mathbb E[\mathbf
// x_t]$ whatever $\Lambda$ is. [nonuniform.eq10]

typedef struct
{
  const sb_objective *objective;
  const sb_score *score;
  const pair_rule *r;
  double t;
  pair_model *model;
} asked;

static double
loss_and_gradient (void *context)
{
  const asked *a = context;
  return pair_mean (a->objective, a->score, a->r, a->t, a->model);
}

Test (weighted, minimum_does_not_depend_on_the_matrix)
{
  const sb_process *process = of_two_parts ();
  const pair_rule r = pair_rule_of (&CORRELATED, 3, 2);
  const size_t free[] = { 0, 1, 2, 4, 5, 6 };
  const double det = S[0][0] * S[1][1] - S[0][1] * S[0][1], mean[] = { .9 * .4, .5 * -.7 },
               inverse[2][2] = { { S[1][1] / det, -S[0][1] / det }, { -S[0][1] / det, S[0][0] / det } };
  for (int k = 1; k < 6; k++)
    {
      pair_model model = pair_model_of (2);
      const sb_objective dsm = by_matrix (sb_objective_denoising, process, some_factor (k));
      asked context = { &dsm, pair_score (&model, process), &r, .5, &model };
      pair_minimise (&model, 6, free, loss_and_gradient, &context, NULL);
      for (size_t i = 0; i < 2; i++)
        {
          cr_assert_float_eq (model.theta[4 * i], inverse[i][0] * mean[0] + inverse[i][1] * mean[1], 1e-10);
          for (size_t j = 0; j < 2; j++)
            cr_assert_float_eq (model.theta[4 * i + 1 + j], -inverse[i][j], 1e-10, "matrix %d", k);
        }
    }
}

// And the gradient is that of the loss. [nonuniform.eq10]

Test (weighted, matrix_gradient)
{
  const sb_process *process = of_two_parts ();
  const pair_rule r = pair_rule_of (&CORRELATED, 6, 2);
  pair_model model = pair_model_of (2);
  const sb_score *score = pair_score (&model, process);
  const sb_objective dsm = by_matrix (sb_objective_denoising, process, some_factor (3));
  for (size_t k = 0; k < 9; k++)
    model.theta[k] = cos (2. * (double)k);
  double bar[9];
  pair_mean (&dsm, score, &r, .5, &model);
  memcpy (bar, model.theta_bar, sizeof bar);
  for (size_t k = 0; k < 9; k++)
    {
      const double h = 1e-5, at = model.theta[k];
      model.theta[k] = at + h;
      const double up = pair_mean (&dsm, score, &r, .5, NULL);
      model.theta[k] = at - h;
      const double slope = (up - pair_mean (&dsm, score, &r, .5, NULL)) / (2 * h);
      model.theta[k] = at;
      cr_assert_float_eq (bar[k], slope, 1e-6 * (1 + fabs (slope)), "parameter %zu", k);
    }
}

// ## Likelihood weighting
//
// The weight of the score's error is the squared diffusion coefficient: $\beta(t)$ of VP,
// $2\ln(\sigma_{\max}/\sigma_{\min})\,\sigma^2(t)$ of VE, and the rate at which the variance of VE grows.
// [nonuniform.txt-lambda-ml]

static double
weight_of_score (const sb_process *process, size_t j, double t)
{
  const size_t d = process->dimension;
  const sb_weighting weighting = { sb_weighting_likelihood, NULL };
  gsl_matrix *one = matrix_all (1, d, 1), *out = matrix (1, d);
  ok (sb_weighting_apply (&weighting, process, SB_SCORE, vector_all (1, t), one, vector (2 * d)->data,
                          matrix (1, process->parts), matrix (2, d), out));
  return gsl_matrix_get (out, 0, j);
}

Test (weighted, likelihood_weight_is_the_squared_diffusion)
{
  const sb_process *vp = scoped (sb_vp_alloc (1, .1, 20)), *ve = scoped (sb_ve_alloc (1, .02, 30)),
                   *exact = scoped (pair_geometric (1, 1));
  for (int k = 1; k < 50; k++)
    {
      const double t = .02 * k, h = 1e-5, R = 1500, g = number_of (ve, SB_G, 0, t);
      cr_assert_float_eq (weight_of_score (vp, 0, t), .1 + t * 19.9, 1e-13);
      cr_assert_float_eq (weight_of_score (ve, 0, t), 2 * log (R) * gsl_pow_2 (.02 * pow (R, t)), 1e-12 * g * g);
      cr_assert_float_eq (weight_of_score (ve, 0, t), g * g, 1e-14 * g * g);
      const double up = gsl_pow_2 (number_of (exact, SB_S, 0, t + h)),
                   down = gsl_pow_2 (number_of (exact, SB_S, 0, t - h)), slope = (up - down) / (2 * h);
      cr_assert_float_eq (weight_of_score (exact, 0, t), slope, 1e-6 * slope);
    }
}

// ## The likelihood weighting matrix
//
// Of coordinates with SDEs of their own it is $\mathbf G\mathbf G^\top = \operatorname{diag}(g_i^2)$, and by the noise
// $v^\top\Lambda v = \sum_i(g_i^2/\sigma_i^2)\,(z_i - \hat z_i)^2$; under a log-linear signal-to-noise ratio that
// weight is $\kappa_i$ at all times. [nonuniform.txt-LambdaMLE] [nonuniform.eq10]

Test (weighted, likelihood_matrix_is_diagonal)
{
  const sb_loglinear line = { .1, 1, 9, -10 };
  sb_process *blocks[] = { sb_ve_alloc (1, .01, 10), sb_vp_alloc (1, .1, 20), sb_loglinear_alloc (1, &line) };
  const sb_process *process = scoped (sb_nonuniform_alloc ("three", 3, blocks, .1, 1, NULL));
  const sb_objective dsm = weighted (sb_objective_dsm, process, sb_weighting_likelihood, .1),
                     by_score = weighted (sb_objective_denoising, process, sb_weighting_likelihood, .1);
  gsl_matrix *z = normals (20, 3, 1), *z_hat = normals (20, 3, 2), *s = matrix (20, 3), *bar = matrix (20, 3);
  gsl_vector *t = vector (20), *loss = vector (20), *same = vector (20);
  double g[3], sd[3];
  for (size_t i = 0; i < 20; i++)
    {
      gsl_vector_set (t, i, .11 + .04 * (double)i);
      ok (sb_process_numbers (process, SB_S, 0, gsl_vector_get (t, i), sd));
      for (size_t j = 0; j < 3; j++)
        gsl_matrix_set (s, i, j, -gsl_matrix_get (z_hat, i, j) / sd[j]);
    }
  ok (loss_of (&dsm, t, z, z_hat, loss, bar));
  ok (loss_of (&by_score, t, z, s, same, bar));
  for (size_t i = 0; i < 20; i++)
    {
      double sum = 0;
      const double at = gsl_vector_get (t, i);
      ok (sb_process_numbers (process, SB_G, 0, at, g));
      ok (sb_process_numbers (process, SB_S, 0, at, sd));
      for (size_t j = 0; j < 3; j++)
        {
          sum += gsl_pow_2 (g[j] / sd[j] * (gsl_matrix_get (z, i, j) - gsl_matrix_get (z_hat, i, j)));
          cr_assert_float_eq (weight_of_score (process, j, at), g[j] * g[j], 1e-14 * g[j] * g[j]);
        }
      cr_assert_float_eq (gsl_pow_2 (g[2] / sd[2]), sb_loglinear_rate (&line), 1e-11);
      cr_assert_float_eq (gsl_vector_get (loss, i), sum, 1e-12 * sum);
      cr_assert_float_eq (2 * gsl_vector_get (same, i), sum, 1e-12 * sum, "by the score, halved");
    }
}

// The wrong $g_i$ is seen. Two independent coordinates of $\mathcal N(0, 1)$ with $g_1^2 = 1$ and $g_2^2 = 4$, and a
// score that is off by $-1/(1 + g_2^2t)$ in the second: the model's law has the mean $g_2^2/(1 + g_2^2) = 0.8$ there, a
// divergence of 0.32. Half the integral of the weighted error, the loss of explicit score matching, is 0.4, which
// bounds it; with $g_1^2$ as weight it would be 0.1. [nonuniform.txt-LambdaMLE]

static int
off_in_the_second (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    {
      const double at = gsl_vector_get (t, i);
      gsl_matrix_set (out, i, 0, -gsl_matrix_get (x, i, 0) / (1 + at));
      gsl_matrix_set (out, i, 1, -(gsl_matrix_get (x, i, 1) + 1) / (1 + 4 * at));
    }
  return GSL_SUCCESS;
}

static double
loss_of_time (double t, void *params)
{
  const asked *a = params;
  return pair_mean (a->objective, a->score, a->r, t, NULL);
}

Test (weighted, weight_of_another_coordinate_bounds_nothing)
{
  const sb_process *process = pair_of (pair_straight (1, 1), pair_straight (1, 4));
  const sb_score_callback off = { .view = SB_SCORE, .function = off_in_the_second };
  const sb_score *score = scoped (sb_score_callback_alloc (&off, process));
  const pair_rule r = pair_rule_of (&STANDARD, 2, 2);
  sb_objective esm = weighted (sb_objective_esm, process, sb_weighting_likelihood, 0);
  esm.truth = scoped (sb_score_exact_alloc (pair_law (&STANDARD), process));
  asked context = { &esm, score, &r, 0, NULL };
  const double divergence = gsl_pow_2 (.8) / 2, bound = mean_over (0, 1, loss_of_time, &context);
  cr_assert_float_eq (bound, .4, 1e-10);
  sb_objective other = by_matrix (sb_objective_esm, process, matrix_of (2, 2, 2, 0, 0, 1));
  other.truth = esm.truth;
  context.objective = &other;
  const double wrong = mean_over (0, 1, loss_of_time, &context);
  cr_assert_float_eq (wrong, .1, 1e-10);
  cr_assert (wrong < divergence && divergence <= bound, "%g < %g <= %g", wrong, divergence, bound);
}

// ## Other weights
//
// Where the score may be anything at each time, the minimum does not depend on $\lambda(t)$, to 1e-12. A score $-ax$
// with one number for all times has the minimum $a = \mathbb E[\lambda]/\mathbb E[\lambda S]$, $S$ the variance of
// $x_t$: for $\mathcal N(0, 4)$ under VP on $[10^{-3}, 1]$ 0.54770 with $\lambda = 1$, 0.77014 with $g^2$, 0.74580 with
// $\sigma^2$; for $\mathcal N(0, 1)$, where the score is $-x$ at all times, 1 with each. [nonuniform.txt-alt-weight]

static double
gradient_of_time (double t, void *params)
{
  asked *a = params;
  pair_mean (a->objective, a->score, a->r, t, a->model);
  return a->model->theta_bar[1];
}

Test (weighted, weight_matters_where_the_model_is_wrong)
{
  const sb_process *vp = scoped (sb_vp_alloc (1, .1, 20));
  const sb_weighting_type *weights[] = { sb_weighting_unit, sb_weighting_likelihood, sb_weighting_variance };
  const pair wide = { 1, { 1 }, { { 0, 0 } }, { 4 }, { 0 }, { 1 } };
  const double known[] = { .54770, .77014, .74580 };
  for (int k = 0; k < 2; k++)
    for (int w = 0; w < 3; w++)
      {
        pair_model model = pair_model_of (1);
        const pair_rule r = pair_rule_of (k == 0 ? &wide : &STANDARD, 2, 1);
        const sb_objective dsm = weighted (sb_objective_denoising, vp, weights[w], 0);
        asked context = { &dsm, pair_score (&model, vp), &r, 0, &model };

        // One number for all times.
        model.theta[1] = 0;
        const double at_0 = mean_over (1e-3, 1, gradient_of_time, &context);
        model.theta[1] = 1;
        const double a = at_0 / (mean_over (1e-3, 1, gradient_of_time, &context) - at_0);
        cr_assert_float_eq (a, k == 0 ? known[w] : 1, k == 0 ? 1e-4 : 1e-9, "weight %d: %g", w, a);

        // One for each.
        for (context.t = .1; context.t < 1; context.t += .2)
          {
            const size_t slope[] = { 1 };
            pair_minimise (&model, 1, slope, loss_and_gradient, &context, NULL);
            const double alpha = number_of (vp, SB_A, 0, context.t), v = 1 + (k == 0 ? 3 : 0) * alpha * alpha;
            cr_assert_float_eq (model.theta[1], -1 / v, 1e-12);
          }
      }
}

// ## A part that stands still
//
// Its $g$ and its $\sigma$ are 0, and its weight by the noise is $0/0$. It counts nothing: not in the loss, not in the
// gradient, whatever is estimated there, and the rest is that of the part that moves, to the bit.
// [nonuniform.txt-LambdaMLE]

Test (weighted, what_stands_still_counts_nothing)
{
  const sb_objective_type *types[] = { sb_objective_dsm, sb_objective_denoising, sb_objective_soft, sb_objective_esm };
  const sb_weighting_type *weights[] = { sb_weighting_likelihood, sb_weighting_variance, sb_weighting_unit };
  const sb_process *alone = scoped (pair_straight (1, 2)),
                   *process = pair_of (pair_straight (1, 2), sb_still_alloc (1));
  const pair_rule r = pair_rule_of (&PAIR_M, 5, 2);
  const sb_target *law = pair_law (&PAIR_M);
  for (size_t k = 0; k < 4; k++)
    for (size_t w = 0; w < (k < 3 ? 3 : 2); w++)
      {
        sb_objective o = weighted (types[k], process, weights[w], 0), of_x = weighted (types[k], alone, weights[w], 0);
        pair_model model = pair_model_of (2), cut = pair_model_of (1);
        for (size_t j = 0; j < 9; j++)
          model.theta[j] = sin (1 + (double)j);
        memcpy (cut.theta, model.theta, 4 * sizeof (double));
        cut.theta[4] = model.theta[8];
        const sb_score *score = pair_score (&model, process), *score_of_x = pair_score (&cut, alone);
        o.truth = scoped (sb_score_exact_alloc (law, process));
        of_x.truth
            = scoped (sb_score_exact_alloc (scoped (sb_target_points_alloc (matrix_of (1, 1, .3), NULL)), alone));
        const double loss = pair_mean (&o, score, &r, .3, &model), same = pair_mean (&of_x, score_of_x, &r, .3, &cut);
        cr_assert (gsl_finite (loss) && loss > 0, "%s", types[k]->entry.name);
        for (size_t j = 4; j < 8; j++)
          cr_assert_eq (model.theta_bar[j], 0, "%s: parameter %zu of what stands still", types[k]->entry.name, j);
        if (types[k] == sb_objective_esm)
          continue; // the truth of x alone is another
        cr_assert_float_eq (loss, same, 1e-14 * same, "%s: %.17g, %.17g", types[k]->entry.name, loss, same);
        for (size_t j = 0; j < 4; j++)
          cr_assert_float_eq (model.theta_bar[j], cut.theta_bar[j], 1e-13 * (1 + loss));
      }
}

// ## What is refused

Test (weighted, what_does_not_fit_is_refused)
{
  const sb_process *process = pair_of (pair_straight (1, 2), sb_still_alloc (1)),
                   *still = pair_of (sb_still_alloc (1), sb_still_alloc (1)),
                   *moving = pair_of (pair_straight (1, 2), pair_straight (1, 1));
  gsl_matrix *z = normals (3, 2, 1), *e = normals (3, 2, 2), *bar = matrix (3, 2);
  gsl_vector *t = vector_all (3, .5), *loss = vector (3);
  sb_objective o = by_matrix (sb_objective_dsm, moving, NULL);
  refused (GSL_EINVAL, loss_of (&o, t, z, e, loss, bar), "no matrix");
  o.weighting.params = matrix_all (3, 2, 1);
  refused (GSL_EBADLEN, loss_of (&o, t, z, e, loss, bar));
  o.weighting.params = matrix_all (2, 3, 1);
  refused (GSL_EBADLEN, loss_of (&o, t, z, e, loss, bar));

  // By hand: sizes, and no rows. Where the maps are no numbers, a weight that is one has no place.
  const sb_weighting matrix_of_2 = { sb_weighting_matrix, matrix_of (2, 2, 1, 0, 0, 1) },
                     snr = { .type = sb_weighting_min_snr };
  double numbers[4];
  gsl_matrix *c = matrix (3, 2), *none = matrix (0, 2);
  refused (GSL_EBADLEN, sb_weighting_apply (&snr, moving, SB_SCORE, vector_all (2, .5), e, numbers, c, NULL, bar));
  refused (GSL_EBADLEN, sb_weighting_apply (&snr, moving, SB_SCORE, t, e, numbers, c, NULL, none));
  refused (GSL_EBADLEN, sb_weighting_apply (&snr, moving, SB_SCORE, t, e, numbers, c, NULL, matrix (3, 3)));
  ok (sb_weighting_apply (&matrix_of_2, moving, SB_SCORE, vector (0), none, numbers, c, NULL, matrix (0, 2)));
  static const sb_process_type by_maps = { .name = "by maps" };
  const sb_process *mapped = scoped (sb_process_alloc (&by_maps, NULL, 2, 0, 1, 0));
  refused (GSL_EUNSUP, sb_weighting_apply (&snr, mapped, SB_SCORE, t, e, numbers, NULL, NULL, bar));
  static const sb_weighting_type nothing = { .entry = { .name = "nothing" } };
  refused (GSL_EUNSUP,
           sb_weighting_apply (&(sb_weighting){ .type = &nothing }, moving, SB_SCORE, t, e, numbers, c, NULL, bar));
  o = by_matrix (sb_objective_dsm, process, some_factor (1));
  refused (GSL_ESING, loss_of (&o, t, z, e, loss, bar), "a matrix where a part stands still");
  const sb_objective_type *types[] = { sb_objective_dsm, sb_objective_denoising };
  for (size_t k = 0; k < 2; k++)
    {
      o = weighted (types[k], still, sb_weighting_likelihood, 0);
      refused (GSL_ESING, loss_of (&o, t, z, e, loss, bar), "nothing moves");
      o = weighted (types[k], moving, sb_weighting_likelihood, 0);
      refused (GSL_ESING, loss_of (&o, vector_all (3, 0), z, e, loss, bar), "there is no noise yet");
    }
}
