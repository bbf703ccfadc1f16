// # Three estimators of a conditional score
//
// *Non-Uniform Diffusion Models*, Section 3.4 and Appendices A.1 and A.2: of $(x_0, y)$ Gaussian with unit variances
// and correlation $.8$, and of a mixture. At $t = .5$ the noise of $x_t$ has the variance $\tau = .25$, and given $y$
// the variance of $x_t$ is $v_0 = 1 - .64 + \tau = .61$.

#include "losses.h"
#include "pairs.h"
#include "process/multispeed.h"
#include "process/nonuniform.h"
#include "process/vp.h"
#include "property.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/slice.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (conditional);

static const double rate = .5, at = .5, tau = .25, v_0 = .61, rho = .8, z_test = 4.9;

// The law's score given y: of the pair whose y stands still, cut.

static sb_score *
truth_given_y (const pair *law, sb_process *of_x, const sb_process *cut)
{
  const sb_process *process = pair_of (of_x, sb_still_alloc (1));
  return scoped (sb_score_slice_alloc (scoped (sb_score_exact_alloc (pair_law (law), process)), cut));
}

typedef struct
{
  const sb_objective *objective;
  const sb_score *score;
  const pair_rule *r;
  pair_model *model;
} population;

static double
population_loss (void *context)
{
  const population *p = context;
  return pair_mean (p->objective, p->score, p->r, at, p->model);
}

// ## What was drawn once, for any parameters

typedef struct
{
  sb_objective_batch *batch;
  gsl_matrix *y;
  const sb_score *score;
  pair_model *model;
} sample;

static sample
draw_sample (const sb_objective *o, const pair *law, size_t n, sb_stream stream, const sb_score *score,
             pair_model *model)
{
  sample s = { scoped (sb_objective_batch_alloc (o, n)), matrix (n, 1), score, model };
  gsl_matrix *z_0 = matrix (n, 2);
  stream.purpose = SB_FOR_DATA;
  ok (sb_target_sample (pair_law (law), stream, z_0));
  for (size_t i = 0; i < n; i++)
    {
      for (size_t j = 0; j < s.batch->x_0.size2; j++)
        gsl_matrix_set (&s.batch->x_0, i, j, gsl_matrix_get (z_0, i, j));
      gsl_matrix_set (s.y, i, 0, gsl_matrix_get (z_0, i, 1));
    }
  ok (sb_objective_draw (stream, s.batch));
  return s;
}

static double
sample_loss (void *context)
{
  const sample *s = context;
  const double n = (double)s->batch->n;
  double sum = 0;
  ok (sb_objective_evaluate (s->score, s->batch->x.size2 == 1 ? s->y : NULL, s->batch));
  ok (sb_objective_find_loss (s->batch));
  for (size_t i = 0; i < s->batch->n; i++)
    sum += gsl_vector_get (&s->batch->loss, i);
  memset (s->model->theta_bar, 0, sizeof s->model->theta_bar);
  ok (sb_objective_backward (s->score, 1 / n, s->batch));
  return sum / n;
}

static sb_objective
at_one_time (const sb_objective_type *type, const sb_process *process)
{
  sb_objective o = weighted (type, process, sb_weighting_unit, at);
  o.t_max = at;
  return o;
}

// ## The conditional denoising estimator
//
// Only $x$ is diffused, and $y$ is the score's condition. The minimum over $bx_t + cy$ is $(-1/v_0, \rho/v_0)$, to
// 1e-12 of the expectation, and of 100,000 samples within 5.3 standard errors (false alarm $1.2\cdot10^{-7}$ each).
// [nonuniform.eq12]

static const size_t slopes[] = { 1, 2 };

Test (conditional, denoising_estimator)
{
  enum
  {
    N = 100000
  };
  const sb_process *process = scoped (pair_straight (1, rate));
  const sb_objective cde = at_one_time (sb_objective_denoising, process);
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 1);
  pair_model model = pair_model_of (1);
  const sb_score *score = pair_score (&model, process);
  pair_minimise (&model, 2, slopes, population_loss, &(population){ &cde, score, &r, &model }, NULL);
  cr_assert_float_eq (model.theta[1], -1 / v_0, 1e-12);
  cr_assert_float_eq (model.theta[2], rho / v_0, 1e-12);
  cr_assert_float_eq (model.theta[1], -1.6393443, 1e-7);
  cr_assert_float_eq (model.theta[2], 1.3114754, 1e-7);

  sample s = draw_sample (&cde, &PAIR_G, N, (sb_stream){ .seed = 1 }, score, &model);
  pair_minimise (&model, 2, slopes, sample_loss, &s, NULL);
  const double det = (1 + tau) - rho * rho, noise = (1 / tau - 1 / v_0) / N;
  cr_assert_float_eq (model.theta[1], -1 / v_0, 5.3 * sqrt (noise / det));
  cr_assert_float_eq (model.theta[2], rho / v_0, 5.3 * sqrt (noise * (1 + tau) / det));
}

// Its gradient is that of its loss, of a score that is not linear in its parameters. [nonuniform.eq12]

static void
check_gradient (const sb_objective *o, size_t d, const pair_rule *r)
{
  pair_model model = pair_model_of (d);
  const sb_score *score = pair_score (&model, o->process);
  for (size_t k = 0; k < model.parameters; k++)
    model.theta[k] = cos (2. * (double)k);
  double bar[9];
  pair_mean (o, score, r, at, &model);
  memcpy (bar, model.theta_bar, sizeof bar);
  for (size_t k = 0; k < model.parameters; k++)
    {
      const double h = 1e-5, here = model.theta[k];
      model.theta[k] = here + h;
      const double up = pair_mean (o, score, r, at, NULL);
      model.theta[k] = here - h;
      const double slope = (up - pair_mean (o, score, r, at, NULL)) / (2 * h);
      model.theta[k] = here;
      cr_assert_float_eq (bar[k], slope, 1e-6 * (1 + fabs (slope)), "parameter %zu: %g, slope %g", k, bar[k], slope);
    }
}

Test (conditional, gradient_of_the_denoising_estimator)
{
  const pair_rule r = pair_rule_of (&PAIR_M, 6, 1);
  const sb_objective cde
      = weighted (sb_objective_denoising, scoped (pair_straight (1, rate)), sb_weighting_likelihood, 0);
  check_gradient (&cde, 1, &r);
}

// ## Theorem 2: it has the minimum of explicit matching
//
// The two differ by $\tfrac12\lambda(1/\tau - 1/v_0) = 1.180328\,\lambda$ at 50 parameters, of a family that does not
// see $y$, and of one that holds the truth. [nonuniform.thm2] [nonuniform.eq12]

Test (conditional, theorem_2_of_a_gaussian)
{
  const sb_process *process = scoped (pair_straight (1, rate));
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 1);
  pair_model model = pair_model_of (1);
  const sb_score *score = pair_score (&model, process),
                 *truth = truth_given_y (&PAIR_G, pair_straight (1, rate), process);
  for (int w = 0; w < 2; w++)
    for (int family = 0; family < 2; family++)
      for (int k = 0; k < 50; k++)
        {
          const sb_weighting_type *weight = w == 0 ? sb_weighting_unit : sb_weighting_likelihood;
          const sb_objective cde = weighted (sb_objective_denoising, process, weight, 0);
          sb_objective esm = weighted (sb_objective_esm, process, weight, 0);
          esm.truth = truth;
          model.theta[0] = family == 0 ? .3 * (k % 7) - 1 : 0;
          model.theta[1] = .4 * (double)(k / 7) - 2;
          model.theta[2] = family == 0 ? 0 : .3 * (k % 7) - .5;
          const double between = pair_mean (&cde, score, &r, at, NULL) - pair_mean (&esm, score, &r, at, NULL),
                       lambda = w == 0 ? 1 : rate;
          cr_assert_float_eq (between, lambda / 2 * (1 / tau - 1 / v_0), 1e-12);
          cr_assert_float_eq (between, 1.180328 * lambda, 1e-6);
        }
}

// Of the mixture, by 200,000 draws at which both losses are taken: for 20 scores with a bend the difference is that of
// the first within 5 standard errors (false alarm $6\cdot10^{-7}$ each). [nonuniform.thm2]

static void
random_parameters (gsl_rng *random, pair_model *model)
{
  for (size_t k = 0; k < model->parameters; k++)
    model->theta[k] = gsl_ran_ugaussian (random);
}

Test (conditional, theorem_2_of_a_mixture)
{
  enum
  {
    N = 200000
  };
  const sb_process *process = scoped (pair_straight (1, rate));
  pair_model model = pair_model_of (1);
  gsl_rng *random = property_rng (11);
  const sb_score *score = pair_score (&model, process);
  const sb_objective cde = at_one_time (sb_objective_denoising, process);
  sb_objective known = at_one_time (sb_objective_esm, process);
  known.truth = truth_given_y (&PAIR_M, pair_straight (1, rate), process);
  sample denoising = draw_sample (&cde, &PAIR_M, N, (sb_stream){ .seed = 2 }, score, &model);
  gsl_matrix *truth = matrix (N, 1), *target = copy_of (&denoising.batch->z);
  gsl_vector *first = vector (N), *between = vector (N);
  ok (sb_score_evaluate (known.truth, SB_SCORE, &denoising.batch->x, &denoising.batch->t, denoising.y, truth));
  gsl_matrix_scale (target, -1 / sqrt (tau));
  for (int k = 0; k < 20; k++)
    {
      // The library's loss at these points, and the explicit one at the same: half of |s - truth|^2.
      random_parameters (random, &model);
      sample_loss (&denoising);
      for (size_t i = 0; i < N; i++)
        {
          const double s = gsl_matrix_get (&denoising.batch->estimate, i, 0), off = s - gsl_matrix_get (truth, i, 0);
          gsl_vector_set (between, i, gsl_vector_get (&denoising.batch->loss, i) - off * off / 2);
        }
      if (k == 0)
        gsl_vector_memcpy (first, between);
      gsl_vector_sub (between, first);
      double error;
      const double mean = mean_of (between, &error);
      cr_assert_leq (fabs (mean), 5 * error, "score %d: %g, standard error %g", k, mean, error);
      cr_assert_lt (error, .05);
    }
}

// ## Lemma 1
//
// Given $y$ the denoising loss is the explicit one and $c(t, y) = \lambda\,\mathbb
// E\operatorname{tr}\operatorname{Cov}(\nabla\ln p(x_t \mid x_0, y) \mid x_t, y) \ge 0$: $s^2/(q(s^2 + q))$ of
// $\mathcal N(m, s^2)$ under noise of variance $q$, to 1e-12 for 50 affine scores. [nonuniform.lem1]

typedef struct
{
  double denoising, explicit; // not halved, as the lemma has them
} both;

static both
both_given_y (const pair *given, const pair_rule *r, const sb_process *process, pair_model *model, double t)
{
  const sb_score *score = pair_score (model, process);
  const sb_objective dsm = weighted (sb_objective_denoising, process, sb_weighting_unit, 0);
  sb_objective esm = weighted (sb_objective_esm, process, sb_weighting_unit, 0);
  esm.truth = scoped (sb_score_exact_alloc (pair_law_of_x (given), process));
  return (both){ 2 * pair_mean (&dsm, score, r, t, NULL), 2 * pair_mean (&esm, score, r, t, NULL) };
}

static pair
one_gaussian (double mean, double variance)
{
  return (pair){ .K = 1, .w = { 1 }, .mean = { { mean, 0 } }, .xx = { variance } };
}

Test (conditional, lemma_1_of_a_gaussian)
{
  const sb_process *process = scoped (pair_straight (1, 1));
  gsl_rng *random = property_rng (3);
  for (int k = 0; k < 50; k++)
    {
      const size_t mark = scope_mark ();
      const double s2 = gsl_ran_flat (random, .3, 3), q = gsl_ran_flat (random, .1, 1);
      const pair given = one_gaussian (gsl_ran_ugaussian (random), s2);
      const pair_rule r = pair_rule_of (&given, 3, 1);
      pair_model model = pair_model_of (1);
      model.theta[0] = gsl_ran_ugaussian (random);
      model.theta[1] = gsl_ran_ugaussian (random);
      const both loss = both_given_y (&given, &r, process, &model, q);
      cr_assert_float_eq (loss.denoising - loss.explicit, s2 / (q * (s2 + q)), 1e-12 * (1 + loss.denoising), "case %d",
                          k);
      scope_release (mark);
    }
}

// So in the plane, of $\mathcal N(m, C)$ whose coordinates have noises $D$ of their own: $c = \operatorname{tr}[D^{-1}
// - (C + D)^{-1}]$. [nonuniform.lem1]

Test (conditional, lemma_1_in_the_plane)
{
  const sb_process *process = pair_of (pair_straight (1, 1), pair_straight (1, .4));
  const pair given = { .K = 1, .w = { 1 }, .mean = { { .3, -.7 } }, .xx = { 1.2 }, .xy = { .5 }, .yy = { .8 } };
  const pair_rule r = pair_rule_of (&given, 3, 2);
  const sb_objective dsm = weighted (sb_objective_denoising, process, sb_weighting_unit, 0);
  sb_objective esm = weighted (sb_objective_esm, process, sb_weighting_unit, 0);
  gsl_rng *random = property_rng (12);
  esm.truth = scoped (sb_score_exact_alloc (pair_law (&given), process));
  for (int k = 0; k < 20; k++)
    {
      const double q = gsl_ran_flat (random, .1, 1), a = 1.2 + q, b = .8 + .4 * q;
      pair_model model = pair_model_of (2);
      for (size_t j = 0; j < 6; j++)
        model.theta[j / 3 * 4 + j % 3] = gsl_ran_ugaussian (random);
      const sb_score *score = pair_score (&model, process);
      const double denoising = 2 * pair_mean (&dsm, score, &r, q, NULL),
                   explicit = 2 * pair_mean (&esm, score, &r, q, NULL);
      cr_assert_float_eq (denoising - explicit, 1 / q + 1 / (.4 * q) - (a + b) / (a * b - .25), 1e-12 * (1 + denoising),
                          "case %d", k);
    }
}

// And of the mixture given $y = .4$ the same number to 1e-9 for 20 scores with a bend. [nonuniform.lem1]

Test (conditional, lemma_1_of_a_mixture)
{
  const sb_process *process = scoped (pair_straight (1, rate));
  const pair given = pair_given (&PAIR_M, .4);
  const pair_rule r = pair_rule_of (&given, 40, 1);
  gsl_rng *random = property_rng (4);
  double first = 0;
  for (int k = 0; k < 20; k++)
    {
      pair_model model = pair_model_of (1);
      random_parameters (random, &model);
      const both loss = both_given_y (&given, &r, process, &model, at);
      first = k == 0 ? loss.denoising - loss.explicit : first;
      cr_assert_float_eq (loss.denoising - loss.explicit, first, 1e-9, "score %d", k);
    }
  cr_assert_gt (first, .1);
}

// Printed as an equality, without $c$. Of $\mathcal N(0, 1)$ with $q = \tfrac12$ and $s = 0$ the left side is 2, the
// right 2/3; $c = 4/3$. [nonuniform.lem1]

Test (conditional, erratum_lem1_is_no_equality)
{
  const pair given = one_gaussian (0, 1);
  const pair_rule r = pair_rule_of (&given, 3, 1);
  pair_model zero = pair_model_of (1);
  const both loss = both_given_y (&given, &r, scoped (pair_straight (1, 1)), &zero, .5);
  cr_assert_float_eq (loss.denoising, 2, 1e-13);
  cr_assert_float_eq (loss.explicit, 2. / 3, 1e-13);
}

// ## The proof of Theorem 2
//
// Step by step, of the mixture and a score with a bend, by quadrature: (1) $x_t$ depends on $y$ by $x_0$ alone, so that
// the loss of pairs is (2) the mean over $y$ of that given $y$; (3) that is the explicit loss given $y$ and $c(t, y)$,
// in the mean over $y$ the explicit loss of $(x_t, y)$ and a number. As printed, without it, (3) and (*) fail.
// [nonuniform.txt-a1-proof]

enum
{
  Y_NODES = 121
};

static pair_rule
grid_at_time (const pair *law)
{
  const double h = 11. / (Y_NODES - 1), h_x = 16. / (Y_NODES - 1);
  pair_rule r = { .n = Y_NODES * Y_NODES };
  r.z_0 = matrix (r.n, 2), r.noise = matrix_all (r.n, 2, 0);
  r.w = scoped ((double *)malloc (r.n * sizeof *r.w));
  for (size_t i = 0; i < r.n; i++)
    {
      gsl_matrix_set (r.z_0, i, 0, -8 + h_x * (double)(i % Y_NODES));
      gsl_matrix_set (r.z_0, i, 1, -6 + h * (double)(i / Y_NODES));
    }
  gsl_vector_view log_p = gsl_vector_view_array (r.w, r.n);
  const sb_process *process = pair_of (pair_straight (1, rate), sb_still_alloc (1));
  ok (sb_target_log_density (pair_law (law), process, r.z_0, vector_all (r.n, at), &log_p.vector));
  for (size_t i = 0; i < r.n; i++)
    r.w[i] = h_x * h * exp (r.w[i]);
  return r;
}

Test (conditional, proof_of_theorem_2)
{
  const sb_process *process = scoped (pair_straight (1, rate));
  const sb_objective cde = weighted (sb_objective_denoising, process, sb_weighting_unit, 0);
  sb_objective esm = weighted (sb_objective_esm, process, sb_weighting_unit, 0);
  esm.truth = truth_given_y (&PAIR_M, pair_straight (1, rate), process);
  pair_model model = pair_model_of (1), zero = pair_model_of (1);
  const double theta[] = { .3, -.8, .5, .7, 1.2 };
  memcpy (model.theta, theta, sizeof theta);
  const sb_score *score = pair_score (&model, process), *nothing = pair_score (&zero, process);

  // The loss of pairs, by their joint law.
  const pair_rule joint = pair_rule_of (&PAIR_M, 22, 1);
  const double of_pairs = pair_mean (&cde, score, &joint, at, NULL);

  // Points (x_t, y) of a grid, by their density.
  const pair_rule later = grid_at_time (&PAIR_M);

  // Given y, for y on a line.
  double iterated = 0, explicit = 0, number = 0;
  for (int k = 0; k < Y_NODES; k++)
    {
      const size_t mark = scope_mark ();
      const double h = 11. / (Y_NODES - 1), y = -6 + h * k;
      const pair given = pair_given (&PAIR_M, y);
      const pair_rule r = pair_rule_of (&given, 40, 1);
      gsl_vector *log_p = vector (1);
      for (size_t i = 0; i < r.n; i++)
        gsl_matrix_set (r.z_0, i, 1, y);
      ok (sb_target_log_density (pair_law_of_y (&PAIR_M), process, matrix_all (1, 1, y), vector_all (1, 0), log_p));
      const double p = h * exp (gsl_vector_get (log_p, 0)), f = pair_mean (&cde, score, &r, at, NULL),
                   e = pair_mean (&esm, score, &r, at, NULL), c = .5 / tau - pair_mean (&esm, nothing, &r, at, NULL);
      cr_assert_float_eq (f, e + c, 1e-7 * (1 + f), "y = %g: %g", y, f - e - c);
      cr_assert_gt (c, .1);
      iterated += p * f, explicit += p * e, number += p * c;
      scope_release (mark);
    }
  cr_assert_float_eq (iterated, of_pairs, 1e-7, "(1), (2): %.10g, not %.10g", iterated, of_pairs);
  cr_assert_float_eq (pair_mean (&esm, score, &later, at, NULL), explicit, 1e-7, "back to pairs: %.12g, %.12g",
                      pair_mean (&esm, score, &later, at, NULL), explicit);
  cr_assert_float_eq (of_pairs, explicit + number, 1e-7, "(3)");
  cr_assert_gt (fabs (of_pairs - explicit), .5, "as printed");
}

// ## Corollary 1: more samples, and it is the truth
//
// Of 400 samples of 1000 each the minimum $\hat\theta$ of the empirical loss, found by the library's gradients:
// $n(\hat\theta - \theta^*)^\top M(\hat\theta - \theta^*)/(1/\tau - 1/v_0)$ is $\chi^2_2$ with $M = \mathbb E[(x_t,
// y)(x_t, y)^\top]$, and their sum $\chi^2_{800}$, two-sided at $10^{-6}$. From 250 to 4000 samples the error falls to
// a fourth, within 20 % (5.7 deviations of the ratio). [nonuniform.cor1] [nonuniform.lem3] $\hat\theta$ is looked for
// in the box $[-3, 3]^2$, as Assumption 1 has it, and lies within. [nonuniform.txt-asm1]

typedef struct
{
  double chi_square, error;
} estimate;

static estimate
estimates (size_t n, uint64_t seed, pair_model *model, const sb_score *score, const sb_objective *cde)
{
  enum
  {
    R = 400
  };
  estimate sum = { 0 };
  for (uint64_t k = 0; k < R; k++)
    {
      const size_t mark = scope_mark ();
      sample s = draw_sample (cde, &PAIR_G, n, (sb_stream){ .seed = seed, .index = k * n }, score, model);
      pair_minimise (model, 2, slopes, sample_loss, &s, NULL);
      cr_assert (fabs (model->theta[1]) < 3 && fabs (model->theta[2]) < 3, "within the box");
      const double a = model->theta[1] + 1 / v_0, b = model->theta[2] - rho / v_0;
      sum.chi_square += (double)n * ((1 + tau) * a * a + 2 * rho * a * b + b * b) / (1 / tau - 1 / v_0);
      sum.error += (a * a + b * b) / R;
      scope_release (mark);
    }
  sum.error = sqrt (sum.error);
  return sum;
}

Test (conditional, corollary_1)
{
  const sb_process *process = scoped (pair_straight (1, rate));
  const sb_objective cde = at_one_time (sb_objective_denoising, process);
  pair_model model = pair_model_of (1);
  const sb_score *score = pair_score (&model, process);
  const estimate thousand = estimates (1000, 6, &model, score, &cde), few = estimates (250, 7, &model, score, &cde),
                 many = estimates (4000, 8, &model, score, &cde);
  cr_assert (gsl_cdf_chisq_Qinv (1 - 5e-7, 800) < thousand.chi_square
                 && thousand.chi_square < gsl_cdf_chisq_Qinv (5e-7, 800),
             "%g", thousand.chi_square);
  cr_assert_float_eq (few.error / many.error, 4, .8);
}

// In the main text the minimum of $n$ samples has no index $n$, so that what converges would be one score. The minimum
// of a thousand samples is not the truth. Right: $\theta^*_n$, as in the appendix. [nonuniform.cor1]

Test (conditional, erratum_cor1_needs_its_index)
{
  const sb_process *process = scoped (pair_straight (1, rate));
  const sb_objective cde = at_one_time (sb_objective_denoising, process);
  pair_model model = pair_model_of (1);
  sample s = draw_sample (&cde, &PAIR_G, 1000, (sb_stream){ .seed = 30 }, pair_score (&model, process), &model);
  pair_minimise (&model, 2, slopes, sample_loss, &s, NULL);
  const double found = sample_loss (&s);
  cr_assert_gt (hypot (model.theta[1] + 1 / v_0, model.theta[2] - rho / v_0), 1e-3);
  model.theta[1] = -1 / v_0, model.theta[2] = rho / v_0;
  cr_assert_lt (found, sample_loss (&s));
}

// $\theta^*$ is the only one of its kind, as $M$, by which the library's gradients change, is positive definite; there
// the score is $\nabla_{x_t}\ln p(x_t \mid y)$. That is also the gradient of the joint density of $(x_t, y)$, as
// "$\nabla_{x_t}\ln p(x, y, t)$" has to be read, and no other: not that of $(x_0, y)$ at the point.
// [nonuniform.txt-asm2]

Test (conditional, assumption_2)
{
  const sb_process *process = scoped (pair_straight (1, rate));
  const sb_objective cde = at_one_time (sb_objective_denoising, process);
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 1);
  pair_model model = pair_model_of (1);
  const sb_score *score = pair_score (&model, process);
  gsl_matrix *M = matrix (2, 2);
  pair_minimise (&model, 2, slopes, population_loss, &(population){ &cde, score, &r, &model }, M);
  const double m[2][2] = { { 1 + tau, rho }, { rho, 1 } };
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 2; j++)
      cr_assert_float_eq (gsl_matrix_get (M, i, j), m[i][j], 1e-12);
  gsl_eigen_symm_workspace *work = scoped (gsl_eigen_symm_alloc (2));
  gsl_vector *eigenvalues = vector (2);
  ok (gsl_eigen_symm (M, eigenvalues, work));
  cr_assert_gt (gsl_vector_min (eigenvalues), .3);

  // The score at the minimum, the conditional one and the joint one.
  const sb_process *still = pair_of (pair_straight (1, rate), sb_still_alloc (1));
  const sb_score *joint = scoped (sb_score_exact_alloc (pair_law (&PAIR_G), still)),
                 *truth = scoped (sb_score_slice_alloc (joint, process));
  gsl_matrix *x = normals (30, 1, 1), *y = normals (30, 1, 2), *z = matrix (30, 2), *s = matrix (30, 1),
             *wanted = matrix (30, 1), *of_z = matrix (30, 2), *of_z_0 = matrix (30, 2);
  for (size_t i = 0; i < 30; i++)
    {
      gsl_matrix_set (z, i, 0, gsl_matrix_get (x, i, 0));
      gsl_matrix_set (z, i, 1, gsl_matrix_get (y, i, 0));
    }
  ok (sb_score_evaluate (score, SB_SCORE, x, vector_all (30, at), y, s));
  ok (sb_score_evaluate (truth, SB_SCORE, x, vector_all (30, at), y, wanted));
  ok (sb_score_evaluate (joint, SB_SCORE, z, vector_all (30, at), NULL, of_z));
  ok (sb_score_evaluate (joint, SB_SCORE, z, vector_all (30, 0), NULL, of_z_0));
  cr_assert_lt (largest_difference (s, wanted), 1e-11);
  for (size_t i = 0; i < 30; i++)
    cr_assert_float_eq (gsl_matrix_get (of_z, i, 0), gsl_matrix_get (s, i, 0), 1e-11);
  cr_assert_gt (largest_difference (of_z, of_z_0), .1);
}

// ## Lemma 2: evenly for all parameters
//
// The empirical loss of a linear score is a quadratic of its two slopes, which the library's losses and gradients at
// three points tell. Its largest distance from the expectation over $21 \times 21$ parameters in $[-3, 3]^2$ falls as
// $n^{-1/2}$: in the mean of 200 samples, from 250 to 4000 each, by a factor between 3 and 5.3 (5 deviations and more).
// Where it is least, so is the expectation, in the end. [nonuniform.lem2] [nonuniform.lem3]

typedef struct
{
  double c, g[2], H[2][2];
} quadratic;

static quadratic
quadratic_of (double (*loss) (void *context), void *context, pair_model *model)
{
  quadratic q;
  model->theta[1] = model->theta[2] = 0;
  q.c = loss (context);
  for (int j = 0; j < 2; j++)
    q.g[j] = model->theta_bar[1 + j];
  for (int k = 0; k < 2; k++)
    {
      model->theta[1 + k] = 1;
      loss (context);
      for (int j = 0; j < 2; j++)
        q.H[j][k] = model->theta_bar[1 + j] - q.g[j];
      model->theta[1 + k] = 0;
    }
  return q;
}

static double
value (const quadratic *q, double a, double b)
{
  return q->c + q->g[0] * a + q->g[1] * b + (q->H[0][0] * a * a + 2 * q->H[0][1] * a * b + q->H[1][1] * b * b) / 2;
}

static double
farthest (const quadratic *p, const quadratic *q)
{
  double most = 0;
  for (int i = -10; i <= 10; i++)
    for (int j = -10; j <= 10; j++)
      most = larger (most, fabs (value (p, .3 * i, .3 * j) - value (q, .3 * i, .3 * j)));
  return most;
}

static double
mean_farthest (size_t n, const quadratic *wanted, const sb_objective *cde, const sb_score *score, pair_model *model)
{
  enum
  {
    R = 200
  };
  double sum = 0;
  for (uint64_t k = 0; k < R; k++)
    {
      const size_t mark = scope_mark ();
      sample s = draw_sample (cde, &PAIR_G, n, (sb_stream){ .seed = 20 + n, .index = k * n }, score, model);
      const quadratic q = quadratic_of (sample_loss, &s, model);
      sum += farthest (&q, wanted) / R;
      scope_release (mark);
    }
  return sum;
}

Test (conditional, lemma_2)
{
  const sb_process *process = scoped (pair_straight (1, rate));
  const sb_objective cde = at_one_time (sb_objective_denoising, process);
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 1);
  pair_model model = pair_model_of (1);
  const sb_score *score = pair_score (&model, process);
  const quadratic wanted = quadratic_of (population_loss, &(population){ &cde, score, &r, &model }, &model);
  model.theta[1] = 1.1, model.theta[2] = -.7;
  cr_assert_float_eq (value (&wanted, 1.1, -.7), pair_mean (&cde, score, &r, at, NULL), 1e-12);
  const double few = mean_farthest (250, &wanted, &cde, score, &model),
               many = mean_farthest (4000, &wanted, &cde, score, &model);
  cr_assert (3 < few / many && few / many < 5.3, "%g and %g", few, many);
}

// ## In space
//
// $\mathbf x_0 = (y_1, y_2, y_1 - y_2) + \mathbf l\mathbf u$ in three dimensions, given two numbers; scores $Wx_t +
// Vy + \mathbf b$. The loss is quadratic in the eight normal numbers $\mathbf y$, $\mathbf u$ and $\boldsymbol\eta$,
// and has its mean at 16 points; at any of them it is $\tfrac\lambda2\lVert\mathbf s + (\mathbf x_t - \mathbf
// x_0)/\tau\rVert^2$, each row with the $\lambda$ and $\tau = t/2$ of its own time. [nonuniform.eq12] The explicit
// loss's mean is less by $\tfrac\lambda2\sum_j(1/\tau - 1/(l_j^2 + \tau))$. [nonuniform.thm2]

enum
{
  SPACE = 3,
  TOLD = 2,
  POINTS = 16
};

static const double spread[SPACE] = { .5, 1.2, .8 }, of_told[SPACE][TOLD] = { { 1, 0 }, { 0, 1 }, { 1, -1 } };

static double
centre (const gsl_matrix *y, size_t i, size_t j)
{
  return of_told[j][0] * gsl_matrix_get (y, i, 0) + of_told[j][1] * gsl_matrix_get (y, i, 1);
}

static int
affine_in_both (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const gsl_matrix *w = params; // W, V, b
  (void)t;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < SPACE; j++)
      {
        double sum = gsl_matrix_get (w, j, SPACE + TOLD);
        for (size_t k = 0; k < SPACE; k++)
          sum += gsl_matrix_get (w, j, k) * gsl_matrix_get (x, i, k);
        for (size_t k = 0; k < TOLD; k++)
          sum += gsl_matrix_get (w, j, SPACE + k) * gsl_matrix_get (y, i, k);
        gsl_matrix_set (out, i, j, sum);
      }
  return GSL_SUCCESS;
}

static int
true_in_space (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < SPACE; j++)
      gsl_matrix_set (out, i, j,
                      (centre (y, i, j) - gsl_matrix_get (x, i, j))
                          / (gsl_pow_2 (spread[j]) + rate * gsl_vector_get (t, i)));
  return GSL_SUCCESS;
}

// y, and the points of a batch, at one time or at times of their own.

static void
place_in_space (bool one_time, gsl_matrix *y, sb_objective_batch *b)
{
  for (size_t i = 0; i < POINTS; i++)
    {
      const double t = one_time ? at : .1 + .9 * (double)(7 * i % POINTS) / POINTS;
      double number[POINTS / 2] = { 0 };
      number[i / 2] = i % 2 ? sqrt (POINTS / 2) : -sqrt (POINTS / 2);
      gsl_vector_set (&b->t, i, t);
      for (size_t k = 0; k < TOLD; k++)
        gsl_matrix_set (y, i, k, number[k]);
      for (size_t j = 0; j < SPACE; j++)
        {
          const double x_0 = centre (y, i, j) + spread[j] * number[TOLD + j], z = number[TOLD + SPACE + j];
          gsl_matrix_set (&b->x_0, i, j, x_0);
          gsl_matrix_set (&b->z, i, j, z);
          gsl_matrix_set (&b->x, i, j, x_0 + sqrt (rate * t) * z);
        }
    }
}

static double
mean_in_space (const sb_objective *o, const sb_score *score, bool one_time, const gsl_matrix *w)
{
  gsl_matrix *y = matrix (POINTS, TOLD), *s = matrix (POINTS, SPACE);
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (o, POINTS));
  place_in_space (one_time, y, b);
  ok (sb_objective_evaluate (score, y, b));
  ok (sb_objective_find_loss (b));
  for (size_t i = 0; i < POINTS && o->type == sb_objective_denoising; i++)
    {
      const double v = rate * gsl_vector_get (&b->t, i), lambda = o->weighting.type == sb_weighting_variance ? v : 1;
      double sum = 0;
      affine_in_both (&b->x, &b->t, y, s, (void *)w);
      for (size_t j = 0; j < SPACE; j++)
        sum += gsl_pow_2 (gsl_matrix_get (s, i, j)
                          + (gsl_matrix_get (&b->x, i, j) - gsl_matrix_get (&b->x_0, i, j)) / v);
      cr_assert_float_eq (gsl_vector_get (&b->loss, i), lambda * sum / 2, 1e-12 * (1 + sum), "row %zu", i);
    }
  return gsl_vector_sum (&b->loss) / POINTS;
}

Test (conditional, in_space)
{
  const sb_process *process = scoped (pair_straight (SPACE, rate));
  const sb_score_callback truth = { .view = SB_SCORE, .function = true_in_space };
  const sb_weighting_type *const weights[] = { sb_weighting_unit, sb_weighting_variance };
  for (size_t k = 0; k < 20; k++)
    {
      gsl_matrix *w = normals (SPACE, SPACE + TOLD + 1, 30 + k);
      const sb_score_callback model = { .view = SB_SCORE, .function = affine_in_both, .params = w };
      const sb_score *score = scoped (sb_score_callback_alloc (&model, process));
      const sb_objective cde = weighted (sb_objective_denoising, process, weights[k % 2], 0);
      sb_objective esm = weighted (sb_objective_esm, process, weights[k % 2], 0);
      esm.truth = scoped (sb_score_callback_alloc (&truth, process));
      double between = mean_in_space (&cde, score, true, w) - mean_in_space (&esm, score, true, w);
      for (size_t j = 0; j < SPACE; j++)
        between -= (k % 2 ? tau : 1) / 2 * (1 / tau - 1 / (gsl_pow_2 (spread[j]) + tau));
      cr_assert_float_eq (between, 0, 1e-11, "model %zu: off by %g", k, between);
      mean_in_space (&cde, score, false, w);
    }
}

// ## One expectation of everything that is drawn
//
// $\mathbb E_{t, (x_0, y), x_t \mid x_0}[f] = \mathbb E_{z \sim q}[f]$ with $z = (t, x_0, x_t, y)$: the mean of twice
// the library's losses of 200,000 rows, which draws $t$, then the noise, is the integral over $t$ of the expectation
// there. [nonuniform.txt-cor1proof] [nonuniform.txt-notation] [nonuniform.eq12]

Test (conditional, one_expectation)
{
  enum
  {
    N = 200000,
    NODES = 60
  };
  const sb_process *process = scoped (pair_straight (1, rate));
  const sb_objective cde = weighted (sb_objective_denoising, process, sb_weighting_likelihood, .2);
  const pair_rule r = pair_rule_of (&PAIR_M, 12, 1);
  pair_model model = pair_model_of (1);
  const double theta[] = { .3, -.8, .5, .7, 1.2 };
  memcpy (model.theta, theta, sizeof theta);
  const sb_score *score = pair_score (&model, process);
  gsl_matrix *z_0 = matrix (N, 2);
  gsl_vector *loss = vector (N);
  ok (sb_target_sample (pair_law (&PAIR_M), (sb_stream){ 12, SB_FOR_DATA, 0 }, z_0));
  gsl_matrix *x_0 = matrix (N, 1), *y = matrix (N, 1);
  for (size_t i = 0; i < N; i++)
    {
      gsl_matrix_set (x_0, i, 0, gsl_matrix_get (z_0, i, 0));
      gsl_matrix_set (y, i, 0, gsl_matrix_get (z_0, i, 1));
    }
  ok (sb_objective_loss (&cde, score, x_0, y, (sb_stream){ .seed = 12 }, loss));
  double error, wanted = 0;
  gsl_integration_glfixed_table *table = scoped (gsl_integration_glfixed_table_alloc (NODES));
  for (size_t k = 0; k < NODES; k++)
    {
      double t, w;
      gsl_integration_glfixed_point (.2, 1, k, &t, &w, table);
      wanted += w / .8 * pair_mean (&cde, score, &r, t, NULL);
    }
  const double mean = mean_of (loss, &error);
  cr_assert_float_eq (mean, wanted, z_test * error, "%g, not %g", mean, wanted);
}

// The gradient goes with the same losses, each row given its own condition: by differences, in every parameter.
// [nonuniform.eq12]

Test (conditional, gradient_given_conditions)
{
  enum
  {
    N = 40
  };
  const sb_objective cde
      = weighted (sb_objective_denoising, scoped (pair_straight (1, rate)), sb_weighting_likelihood, .2);
  pair_model model = pair_model_of (1);
  const double theta[] = { .3, -.8, .5, .7, 1.2 };
  memcpy (model.theta, theta, sizeof theta);
  const sb_score *score = pair_score (&model, cde.process);
  const gsl_matrix *x_0 = normals (N, 1, 3), *y = normals (N, 1, 4);
  const sb_stream stream = { .seed = 12 };
  gsl_vector *loss = vector (N), *same = vector (N);
  memset (model.theta_bar, 0, sizeof model.theta_bar);
  ok (sb_objective_loss (&cde, score, x_0, y, stream, loss));
  ok (sb_objective_gradient (&cde, score, x_0, y, stream, 1, same));
  cr_assert (gsl_vector_equal (loss, same));
  for (size_t k = 0; k < model.parameters; k++)
    {
      const double h = 1e-5, bar = model.theta_bar[k];
      double sum[2];
      for (int up = 0; up < 2; up++)
        {
          model.theta[k] = theta[k] + (up ? h : -h);
          ok (sb_objective_loss (&cde, score, x_0, y, stream, loss));
          sum[up] = gsl_vector_sum (loss);
        }
      model.theta[k] = theta[k];
      const double slope = (sum[1] - sum[0]) / (2 * h);
      cr_assert_float_eq (bar, slope, 1e-6 * (1 + fabs (slope)), "parameter %zu: %g, slope %g", k, bar, slope);
    }
}

// Drawn in the order that is written: $x_t$ has the variance $s^2 + \tau$ at one time, and $x_t/\sqrt{s^2 + \tau(t)}$
// the variance 1 at times of their own. 100,000 draws, $\chi^2$ two-sided at $10^{-6}$. [nonuniform.txt-notation]

Test (conditional, draws_in_the_order_written)
{
  enum
  {
    N = 100000
  };
  const sb_process *process = scoped (pair_straight (1, rate));
  for (int k = 0; k < 2; k++)
    {
      sb_objective o = sb_objective_of (sb_objective_denoising, process, k == 0 ? at : 0);
      o.t_max = k == 0 ? at : 1;
      gsl_matrix *x = matrix (N, 1), *z = matrix (N, 1);
      gsl_vector *t = vector (N);
      ok (sb_target_sample (pair_law_of_x (&PAIR_G), (sb_stream){ 13, SB_FOR_DATA, 0 }, x));
      ok (draw_points (&o, (sb_stream){ .seed = 13 }, t, z, x));
      double sum = 0;
      for (size_t i = 0; i < N; i++)
        sum += gsl_pow_2 (gsl_matrix_get (x, i, 0)) / (1 + rate * gsl_vector_get (t, i));
      cr_assert (gsl_cdf_chisq_Qinv (1 - 5e-7, N) < sum && sum < gsl_cdf_chisq_Qinv (5e-7, N), "%g", sum);
    }
}

// ## The conditional diffusive estimator
//
// $z = (x, y)$ under one SDE. The minimum is $-(C + \tau\mathbf I)^{-1}z$, and cut to $x$ it is $-(x - ky_t)/v$ with $k
// = \rho/(1 + \tau)$, $v = 1 + \tau - \rho^2/(1 + \tau)$, to 1e-12. There the loss is $\tfrac12\lambda$ times what the
// target's squares, $2/\tau$, have more than those of the score, $\operatorname{tr}(C + \tau\mathbf I)^{-1}$. It is the
// multi-speed one's loss at one speed with $\Lambda = \lambda\mathbf I$, to 1e-14. [nonuniform.eq13]

static const size_t both_slopes[] = { 1, 2, 5, 6 };

Test (conditional, diffusive_estimator)
{
  const sb_process *process = scoped (pair_straight (2, rate)), *of_x = scoped (pair_straight (1, rate));
  const sb_objective cdiffe = weighted (sb_objective_denoising, process, sb_weighting_likelihood, 0);
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 2);
  pair_model model = pair_model_of (2);
  const sb_score *score = pair_score (&model, process), *cut = scoped (sb_score_slice_alloc (score, of_x));
  pair_minimise (&model, 4, both_slopes, population_loss, &(population){ &cdiffe, score, &r, &model }, NULL);
  const double a = 1 + tau, det = a * a - rho * rho, k = rho / a, v = a - rho * rho / a;
  cr_assert_float_eq (model.theta[1], -a / det, 1e-12);
  cr_assert_float_eq (model.theta[2], rho / det, 1e-12);
  cr_assert_float_eq (model.theta[5], rho / det, 1e-12);
  cr_assert_float_eq (model.theta[6], -a / det, 1e-12);
  cr_assert_float_eq (pair_mean (&cdiffe, score, &r, at, NULL), rate / 2 * (2 / tau - 2 * a / det), 1e-11);
  gsl_matrix *x = normals (20, 1, 1), *y = normals (20, 1, 2), *s = matrix (20, 1);
  ok (sb_score_evaluate (cut, SB_SCORE, x, vector_all (20, at), y, s));
  for (size_t i = 0; i < 20; i++)
    cr_assert_float_eq (gsl_matrix_get (s, i, 0), -(gsl_matrix_get (x, i, 0) - k * gsl_matrix_get (y, i, 0)) / v,
                        1e-11);

  const sb_process *pairwise = pair_of (pair_straight (1, rate), pair_straight (1, rate));
  sb_objective cmde = weighted (sb_objective_denoising, pairwise, sb_weighting_matrix, 0);
  cmde.weighting.params = matrix_of (2, 2, sqrt (rate), 0, 0, sqrt (rate));
  for (int c = 0; c < 20; c++)
    {
      pair_model other = pair_model_of (2);
      random_parameters (property_rng (c), &other);
      const double one = pair_mean (&cdiffe, pair_score (&other, process), &r, at, NULL),
                   same = pair_mean (&cmde, pair_score (&other, pairwise), &r, at, NULL);
      cr_assert_float_eq (one, same, 1e-14 * one);
    }
}

// ## The multi-speed one
//
// The minimum is $-(C + \operatorname{diag}(\tau_x, \tau_y))^{-1}z$ for five positive definite $\Lambda$, to 1e-10, and
// its gradient is that of its loss. [nonuniform.eq14] [nonuniform.eq13]

static gsl_matrix *
some_factor (int k)
{
  return matrix_of (2, 2, 1.5 * cos (.7 * k), .4, -.9 * sin (.7 * k), .3 + .2 * k);
}

Test (conditional, multi_speed_estimator)
{
  const sb_process *process = pair_of (pair_straight (1, rate), pair_straight (1, 1.8));
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 2);
  const double a = 1.25, b = 1.9, det = a * b - rho * rho;
  sb_objective cmde = weighted (sb_objective_denoising, process, sb_weighting_matrix, 0);
  for (int k = 1; k <= 5; k++)
    {
      pair_model model = pair_model_of (2);
      const sb_score *score = pair_score (&model, process);
      cmde.weighting.params = some_factor (k);
      pair_minimise (&model, 4, both_slopes, population_loss, &(population){ &cmde, score, &r, &model }, NULL);
      cr_assert_float_eq (model.theta[1], -b / det, 1e-10);
      cr_assert_float_eq (model.theta[2], rho / det, 1e-10);
      cr_assert_float_eq (model.theta[5], rho / det, 1e-10);
      cr_assert_float_eq (model.theta[6], -a / det, 1e-10);
    }
  const pair_rule finer = pair_rule_of (&PAIR_M, 6, 2);
  check_gradient (&cmde, 2, &finer);
  cmde = weighted (sb_objective_denoising, process, sb_weighting_likelihood, 0);
  check_gradient (&cmde, 2, &finer);
}

// At one speed, VE's or VP's, with $\Lambda = \lambda\mathbf I$, loss and gradient are those of the diffusive one, to
// the bit. [nonuniform.eq4] [nonuniform.eq14] [nonuniform.eq13]

static void
check_one_speed (const sb_process *one, const sb_process *two)
{
  enum
  {
    N = 500
  };
  const sb_objective_type *types[] = { sb_objective_denoising, sb_objective_dsm, sb_objective_soft };
  gsl_matrix *z_0 = matrix (N, 2);
  gsl_vector *a = vector (N), *b = vector (N);
  ok (sb_target_sample (pair_law (&PAIR_G), (sb_stream){ 14, SB_FOR_DATA, 0 }, z_0));
  for (size_t k = 0; k < 3; k++)
    {
      pair_model here = pair_model_of (2), there = pair_model_of (2);
      random_parameters (property_rng (5), &here);
      there = here;
      const sb_objective cdiffe = weighted (types[k], one, sb_weighting_likelihood, 1e-3),
                         cmde = weighted (types[k], two, sb_weighting_likelihood, 1e-3);
      ok (sb_objective_gradient (&cdiffe, pair_score (&here, one), z_0, NULL, (sb_stream){ .seed = 3 }, 1, a));
      ok (sb_objective_gradient (&cmde, pair_score (&there, two), z_0, NULL, (sb_stream){ .seed = 3 }, 1, b));
      cr_assert_arr_eq (a->data, b->data, N * sizeof (double), "%s", types[k]->entry.name);
      cr_assert_arr_eq (here.theta_bar, there.theta_bar, sizeof here.theta_bar);
    }
}

Test (conditional, multi_speed_at_one_speed_is_diffusive)
{
  check_one_speed (scoped (pair_geometric (2, 1)), pair_of (pair_geometric (1, 1), pair_geometric (1, 1)));
  check_one_speed (scoped (sb_vp_alloc (2, 0.1, 20)), pair_of (sb_vp_alloc (1, 0.1, 20), sb_vp_alloc (1, 0.1, 20)));
}

// ## The two limits
//
// At $\sigma^y = \sigma^x$ the samples are the diffusive estimator's too, to 1e-14 of the largest.
// [nonuniform.txt-limits] [nonuniform.eq4]

Test (conditional, samples_at_one_speed)
{
  const sb_process *process[]
      = { scoped (pair_geometric (2, 1)), pair_of (pair_geometric (1, 1), pair_geometric (1, 1)),
          scoped (sb_vp_alloc (2, 0.1, 20)), pair_of (sb_vp_alloc (1, 0.1, 20), sb_vp_alloc (1, 0.1, 20)) };
  const sb_pc pc = sb_pc_default ();
  gsl_matrix *x[4];
  for (int k = 0; k < 4; k++)
    {
      pair_model model = pair_model_of (2);
      const double theta[] = { 0, -1, .3, 0, 0, .3, -1, 0, 0 };
      memcpy (model.theta, theta, sizeof theta);
      x[k] = matrix_all (40, 2, 0);
      ok (sb_pc_sample (&pc, pair_score (&model, process[k]), NULL, vector_of (1, .8, .6, .4, .2, .1),
                        (sb_stream){ .seed = 4 }, x[k], NULL));
    }
  for (int k = 0; k < 4; k += 2)
    {
      const double largest = gsl_matrix_max (x[k]);
      cr_assert_gt (largest, 0);
      cr_assert_lt (largest_difference (x[k], x[k + 1]) / largest, 1e-14);
    }
}

// With $\sigma^y = c\,\sigma^x$ and likelihood weighting, a fixed linear score and $t \ge 10^{-3}$, the excess over the
// least loss tends to that of the conditional denoising estimator with $c^2$: the slope between $c = .0125$ and
// $.00625$ lies in [1.95, 2.05]. [nonuniform.txt-limits]

enum
{
  T_NODES = 60
};

static double
mean_over_times (const sb_objective *o, const sb_score *score, const pair_rule *r)
{
  gsl_integration_glfixed_table *table = scoped (gsl_integration_glfixed_table_alloc (T_NODES));
  double sum = 0;
  for (size_t k = 0; k < T_NODES; k++)
    {
      double t, w;
      gsl_integration_glfixed_point (1e-3, 1, k, &t, &w, table);
      sum += w / .999 * pair_mean (o, score, r, t, NULL);
    }
  return sum;
}

typedef struct
{
  double loss, least;
} excess;

static const double fixed[] = { .1, -.6, .5, 0, .2, .3, -.4, 0, 0 };

static excess
multi_speed_excess (double c)
{
  const sb_process *process = pair_of (pair_geometric (1, 1), pair_geometric (1, c));
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 2);
  const sb_objective cmde = weighted (sb_objective_denoising, process, sb_weighting_likelihood, 1e-3);
  pair_model model = pair_model_of (2);
  memcpy (model.theta, fixed, sizeof fixed);
  return (excess){ mean_over_times (&cmde, pair_score (&model, process), &r),
                   mean_over_times (&cmde, scoped (sb_score_exact_alloc (pair_law (&PAIR_G), process)), &r) };
}

static excess
denoising_excess (void)
{
  const sb_process *process = scoped (pair_geometric (1, 1));
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 1);
  const sb_objective cde = weighted (sb_objective_denoising, process, sb_weighting_likelihood, 1e-3);
  pair_model model = pair_model_of (1);
  memcpy (model.theta, fixed, 4 * sizeof *fixed);
  return (excess){ mean_over_times (&cde, pair_score (&model, process), &r),
                   mean_over_times (&cde, truth_given_y (&PAIR_G, pair_geometric (1, 1), process), &r) };
}

static double
gap (double c)
{
  const excess slow = multi_speed_excess (c), none = denoising_excess ();
  return fabs ((slow.loss - slow.least) - (none.loss - none.least));
}

Test (conditional, slow_conditions_tend_to_the_denoising_estimator)
{
  const double at_c = gap (.0125), at_half = gap (.00625), slope = log2 (at_c / at_half);
  cr_assert (1.95 <= slope && slope <= 2.05, "%g: from %g to %g", slope, at_c, at_half);

  // A y that stands still is the limit itself.
  const sb_process *process = pair_of (pair_geometric (1, 1), sb_still_alloc (1));
  const pair_rule r = pair_rule_of (&PAIR_G, 3, 1);
  const sb_objective still = weighted (sb_objective_denoising, process, sb_weighting_likelihood, 1e-3);
  pair_model model = pair_model_of (2);
  memcpy (model.theta, fixed, sizeof fixed);
  const double loss = mean_over_times (&still, pair_score (&model, process), &r);
  cr_assert_float_eq (loss, denoising_excess ().loss, 1e-12 * loss);
}

// Printed: the objective tends to that of the conditional denoising estimator. The losses themselves do not: of $y$
// there stays $\tfrac12\mathbb E_t[g_y^2/\operatorname{Var}(y_t \mid y)]$, which does not change with $c$. Right: up to
// a number that does not depend on $\theta$. [nonuniform.txt-limits]

static double
half_weight_of_noise (double t)
{
  return .5 * log (1e6) * pow (1e6, t) / (pow (1e6, t) - 1);
}

Test (conditional, erratum_txt_limits_up_to_a_number)
{
  const excess none = denoising_excess ();
  gsl_integration_glfixed_table *table = scoped (gsl_integration_glfixed_table_alloc (T_NODES));
  double number = 0;
  for (size_t k = 0; k < T_NODES; k++)
    {
      double t, w;
      gsl_integration_glfixed_point (1e-3, 1, k, &t, &w, table);
      number += w / .999 * half_weight_of_noise (t);
    }
  cr_assert_gt (number, 7);
  for (double c = .02; c > .002; c /= 2)
    {
      const excess slow = multi_speed_excess (c);
      cr_assert_float_eq (slow.loss - none.loss, number, 1500 * c * c, "c = %g: %g, not %g", c, slow.loss - none.loss,
                          number);
    }
}

// ## What the three share
//
// Data, the noise of $x$, times: from one stream they see the same $x_t$, to the bit. What differs is the speed of $y$,
// which the first sees as it is. [nonuniform.txt-approaches]

Test (conditional, estimators_share_all_but_the_speed)
{
  enum
  {
    N = 200
  };
  const sb_process *process[] = { pair_of (pair_geometric (1, 1), sb_still_alloc (1)),        // denoising
                                  pair_of (pair_geometric (1, 1), pair_geometric (1, 1)),     // diffusive
                                  pair_of (pair_geometric (1, 1), pair_geometric (1, .05)) }; // multi-speed
  gsl_matrix *z_0 = matrix (N, 2), *x[3], *z[3];
  gsl_vector *t[3];
  ok (sb_target_sample (pair_law (&PAIR_M), (sb_stream){ 15, SB_FOR_DATA, 0 }, z_0));
  for (int k = 0; k < 3; k++)
    {
      const sb_objective o = weighted (sb_objective_denoising, process[k], sb_weighting_likelihood, 1e-3);
      x[k] = copy_of (z_0), z[k] = matrix (N, 2), t[k] = vector (N);
      ok (draw_points (&o, (sb_stream){ .seed = 15 }, t[k], z[k], x[k]));
    }
  for (int k = 0; k < 3; k++)
    for (size_t i = 0; i < N; i++)
      {
        const double y_0 = gsl_matrix_get (z_0, i, 1), y_t = gsl_matrix_get (x[k], i, 1),
                     full = gsl_matrix_get (x[1], i, 1) - y_0, share[] = { 0, 1, .05 };
        cr_assert_eq (gsl_vector_get (t[k], i), gsl_vector_get (t[0], i));
        cr_assert_eq (gsl_matrix_get (x[k], i, 0), gsl_matrix_get (x[0], i, 0));
        cr_assert_float_eq (y_t - y_0, share[k] * full, 1e-12 * (1 + fabs (full)));
        cr_assert (k > 0 || y_t == y_0);
      }
}
