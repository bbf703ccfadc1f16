// # What must be true of the predictors
//
// A step is a function of the state and of its normals, and for Gaussian data with the exact score it is linear in
// both. So its mean and its noise can be read off and compared with what probability theory says, without Monte
// Carlo.

#include "linear.h"
#include "process/ddpm.h"
#include "process/nonuniform.h"
#include "process/smld.h"
#include "process/subvp.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "take.h"
#include "recursion.h"
#include "sampler/drift.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>

SUITE (predictor);

// ## Reading a step off
//
// A score that is one number everywhere, whatever x is.

static int
constant (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  (void)view, (void)x, (void)t, (void)y;
  gsl_matrix_set_all (out, *(const double *)state);
  return GSL_SUCCESS;
}

static const sb_score_type constant_score_type = { .name = "constant", .views = SB_SCORE, .evaluate = constant };

static bool
is_noisy (const sb_step_type *type)
{
  return sb_step_noisy (type, NULL);
}

// One step in one dimension, from x at time t down to s.

static double
step (const sb_step_type *predictor, const sb_score *score, double s, double t, double z, double x)
{
  gsl_matrix *at = matrix_of (1, 1, x);
  ok (take_step (predictor, score, NULL, s, t, matrix_of (1, 1, z), at));
  return gsl_matrix_get (at, 0, 0);
}

// What a step makes of x = 1 alone, of a score of 1 alone, of z = 1 alone.

typedef struct
{
  double of_x, of_score, of_z;
} coefficients;

static coefficients
read_off (const sb_step_type *predictor, const sb_process *process, double s, double t)
{
  double value = 0;
  sb_score *score = scoped (sb_score_alloc (&constant_score_type, &value, process));
  coefficients c = { .of_x = step (predictor, score, s, t, 0, 1), .of_z = step (predictor, score, s, t, 1, 0) };
  value = 1;
  c.of_score = step (predictor, score, s, t, 0, 0);
  return c;
}

// The chain of DDPM with a single beta, from level 1 to level 0.

static coefficients
ddpm_step (const sb_step_type *predictor, double beta)
{
  return read_off (predictor, scoped (sb_ddpm_betas_alloc (1, vector_of (beta))), 0, 1);
}

// ## Gaussian data in one dimension
//
// The variance after `steps` steps down the grid, from the variance v at its start.

static double
run (const sb_step_type *predictor, const sb_process *process, double lambda, const gsl_vector *times, double v)
{
  const recursion data = { .process = process, .lambda = vector_of (lambda), .factor = 1 };
  const sb_pc pc = { .step = predictor, .final = SB_FINAL_SAMPLE };
  gsl_vector *variance = vector_of (v);
  ok (recursion_run (&data, &pc, times, variance, NULL));
  return gsl_vector_get (variance, 0);
}

static double
run_linear (const sb_step_type *predictor, const sb_process *process, double lambda, size_t N, double v)
{
  gsl_vector *times = vector (N + 1);
  for (size_t k = 0; k <= N; k++)
    gsl_vector_set (
        times, k, k == N ? process->t_min : process->t_max - (process->t_max - process->t_min) * (double)k / (double)N);
  return run (predictor, process, lambda, times, v);
}

static double
true_variance (const sb_process *process, double lambda, double t)
{
  double a, sd;
  ok (sb_process_scalars (process, 0, t, &a, &sd));
  return a * a * lambda + sd * sd;
}

// ## Euler-Maruyama solves the reverse SDE
//
// Data of variance 1/4, from the prior N(0, 1), on [$10^{-3}$, 1]. The relative errors of the variance at N = 1000 were
// computed independently; halving the step halves the error. With g for g^2, or half of the score, the error does not
// fall at all. [scoresde.eq6]

static void
euler_maruyama_case (sb_process *process, double reference)
{
  double truth = true_variance (process, 0.25, process->t_min);
  double error_1000 = run_linear (sb_step_euler_maruyama, process, 0.25, 1000, 1) / truth - 1;
  double error_2000 = run_linear (sb_step_euler_maruyama, process, 0.25, 2000, 1) / truth - 1;
  cr_assert_float_eq (fabs (error_1000) / reference, 1, 1e-4, "%s: error %g, not %g", process->type->name, error_1000,
                      reference);
  double ratio = error_1000 / error_2000;
  cr_assert (1.95 < ratio && ratio < 2.05, "%s: halving the step divides the error by %g", process->type->name, ratio);
}

Test (predictor, euler_maruyama_is_of_weak_order_1)
{
  euler_maruyama_case (scoped (sb_vp_alloc (1, 0.1, 20)), 1.4395e-3);
  euler_maruyama_case (scoped (sb_subvp_alloc (1, 0.1, 20)), 1.5821e-3);
}

// The sub-VP SDE's exact increments are of order 1 too, with 4.2 times the error of Euler and Maruyama's.
// [scoresde.set-subvp]

Test (predictor, reverse_diffusion_of_subvp)
{
  sb_process *subvp = scoped (sb_subvp_alloc (1, 0.1, 20));
  const double truth = true_variance (subvp, 0.25, subvp->t_min),
               coarse = run_linear (sb_step_reverse_diffusion, subvp, 0.25, 1000, 1) / truth - 1,
               fine = run_linear (sb_step_reverse_diffusion, subvp, 0.25, 2000, 1) / truth - 1;
  cr_assert_float_eq (fabs (coarse) / 6.6462e-3, 1, 1e-4, "%g", coarse);
  cr_assert_float_eq (coarse / fine, 2, 0.05);
}

// Standard normal data stay so under VP: their process looks the same both ways, and the reverse drift, per unit of
// backward time, is the forward drift again: $-[\mathbf F\mathbf x - g^2\mathbf s] = -\tfrac12\beta\mathbf x$.
// [scoresde.eq6]

Test (predictor, a_stationary_process_is_its_own_reverse)
{
  sb_process *vp = scoped (sb_vp_alloc (3, 0.1, 20));
  const recursion data = { .process = vp, .lambda = vector_all (3, 1), .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, (void *)&data, vp));
  gsl_matrix *x = matrix_of (2, 3, 0.3, -2, 7, 0, 1, -1e3), *b = matrix (2, 3);
  for (double t = 0.1; t < 1; t += 0.2)
    {
      double beta = 0.1 + 19.9 * t;
      ok (sb_reverse_drift (score, NULL, vector_all (2, t), x, b));
      for (int i = 0; i < 6; i++)
        cr_assert_float_eq (b->data[i], beta * x->data[i] / 2, 1e-13 * beta * fabs (x->data[i]), "t = %g, x = %g: %g",
                            t, x->data[i], b->data[i]);
    }
}

// ## Stochastic Heun has weak order 2
//
// Against itself with 64000 steps, the error of the variance falls fourfold with every halving of the step; that of
// Euler-Maruyama twofold; and the two agree on the limit. [scoresde.txt-general-solvers]

Test (predictor, heun_is_of_weak_order_2)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  double limit = run_linear (sb_step_heun, vp, 0.25, 64000, 1);
  double error = run_linear (sb_step_heun, vp, 0.25, 250, 1) - limit;
  for (size_t N = 500; N <= 2000; N *= 2)
    {
      double finer = run_linear (sb_step_heun, vp, 0.25, N, 1) - limit;
      cr_assert (3.8 < error / finer && error / finer < 4.2, "N = %zu: ratio %g", N, error / finer);
      error = finer;
    }
  double coarse = run_linear (sb_step_euler_maruyama, vp, 0.25, 2000, 1) - limit;
  double fine = run_linear (sb_step_euler_maruyama, vp, 0.25, 4000, 1) - limit;
  cr_assert (1.95 < coarse / fine && coarse / fine < 2.05, "Euler-Maruyama: ratio %g", coarse / fine);
  cr_assert_float_eq (limit / true_variance (vp, 0.25, vp->t_min), 1, 1e-5);
}

// ## One point of data under VE
//
// The score is $-(x-x_0)/\sigma^2$, and everything is known exactly, however coarse the grid. From
// $\mathcal N(x_0, \sigma_t^2)$, ancestral sampling gives $\mathcal N(x_0, \sigma_s^2)$; [scoresde.eq47] reverse
// diffusion has $(\sigma_t^2-\sigma_s^2)^2/\sigma_t^2$ too much variance; [scoresde.eq46] the probability flow's
// discretisation multiplies by $(1+q^2)/2$ where the flow itself multiplies by $q = \sigma_s/\sigma_t$, a relative
// excess of $(1-q)^2/2q$. [scoresde.eq43]

static void
check_one_point_step (const sb_process *smld, size_t i)
{
  gsl_vector *times = vector_of ((double)i / (double)smld->levels, (double)(i - 1) / (double)smld->levels);
  double v_t = gsl_pow_2 (sb_smld_sigma (smld, i)), v_s = gsl_pow_2 (sb_smld_sigma (smld, i - 1));

  double ancestral = run (sb_step_ancestral, smld, 0, times, v_t);
  cr_assert_float_eq (ancestral, v_s, 1e-13 * v_t, "ancestral, level %zu: %g, not %g", i, ancestral, v_s);
  double reverse = run (sb_step_reverse_diffusion, smld, 0, times, v_t);
  double excess = gsl_pow_2 (v_t - v_s) / v_t;
  cr_assert_float_eq (reverse, v_s + excess, 1e-13 * v_t, "reverse diffusion, level %zu: %g", i, reverse);
  if (i == 1)
    return;
  double q = sqrt (v_s / v_t), flow = sqrt (run (sb_step_probability_flow, smld, 0, times, v_t) / v_t);
  cr_assert_float_eq (flow / q - 1, gsl_pow_2 (1 - q) / (2 * q), 1e-12, "probability flow, level %zu: %g", i, flow);
}

Test (predictor, one_point_of_data_under_ve)
{
  sb_process *smld = scoped (sb_smld_alloc (1, 10, 0.01, 50));
  for (size_t i = smld->levels; i >= 1; i--)
    check_one_point_step (smld, i);
}

// The whole ancestral chain, in one run to each level, and its last step: there the noise is nil and the point comes
// back exactly. [scoresde.eq47]

static int
towards_point (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
               gsl_matrix *out)
{
  const sb_process *smld = state;
  double a, sigma;
  (void)view, (void)y;
  sb_process_scalars (smld, 0, gsl_vector_get (t, 0), &a, &sigma);
  gsl_matrix_set (out, 0, 0, -(gsl_matrix_get (x, 0, 0) - 0.7) / gsl_pow_2 (sigma));
  return GSL_SUCCESS;
}

Test (predictor, ancestral_sampling_of_smld_is_exact_on_a_point)
{
  sb_process *smld = scoped (sb_smld_alloc (1, 10, 0.01, 50));
  for (size_t k = 1; k <= 10; k++)
    {
      double truth = gsl_pow_2 (sb_smld_sigma (smld, 10 - k)), v = gsl_pow_2 (sb_smld_sigma (smld, 10));
      v = run (sb_step_ancestral, smld, 0, level_times (10, 10 - k, 10), v);
      cr_assert_float_eq (v, truth, 1e-13 * GSL_MAX_DBL (truth, 1e-16), "level %zu: %g, not %g", 10 - k, v, truth);
    }

  static const sb_score_type point = { .name = "point", .views = SB_SCORE, .evaluate = towards_point };
  sb_score *score = scoped (sb_score_alloc (&point, smld, smld));
  double x = step (sb_step_ancestral, score, 0, 0.1, 1.5, 0.7131);
  cr_assert_float_eq (x, 0.7, 4e-16, "the last step returns %.17g", x);
}

// DDIM, as Eq. (12) of Song, Meng and Ermon (2021) prints it, with their alpha for our A^2 and their sigma, Eq. (16).

Test (predictor, ddim_is_as_printed)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, 10, 0.1, 9));
  double g = -0.7, A_s, S_s, A_t, S_t, x, z = 0.6;
  sb_score *score = scoped (sb_score_alloc (&constant_score_type, &g, ddpm));
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 1));
  gsl_matrix_view x_view = gsl_matrix_view_array (&x, 1, 1), z_view = gsl_matrix_view_array (&z, 1, 1);
  for (int s = 0; s < 10; s++)
    for (double eta = 0; eta <= 1; eta += 0.25)
      {
        x = 1.3;
        ok (sb_process_scalars (ddpm, 0, s / 10., &A_s, &S_s));
        ok (sb_process_scalars (ddpm, 0, (s + 1) / 10., &A_t, &S_t));
        double alpha = A_s * A_s, alpha_t = A_t * A_t, epsilon = -S_t * g;
        double sigma = eta * sqrt ((1 - alpha) / (1 - alpha_t) * (1 - alpha_t / alpha));
        double printed = A_s * (x - S_t * epsilon) / A_t + sqrt (1 - alpha - sigma * sigma) * epsilon + sigma * z;
        ok (sb_step_apply (sb_step_ddim, &eta, work, NULL, vector_of (s / 10.), vector_of ((s + 1) / 10.),
                           &z_view.matrix, &x_view.matrix));
        cr_assert_float_eq (x, printed, 1e-13, "level %d, eta %g: %.17g, printed %.17g", s, eta, x, printed);
      }
}

// Of the two variances, ancestral sampling takes the lower for SMLD: with the upper it would be reverse diffusion.
// [scoresde.eq47]

Test (predictor, ancestral_takes_the_papers_variance)
{
  sb_process *smld = scoped (sb_smld_alloc (1, 10, 0.01, 50));
  for (size_t i = 2; i <= 10; i++)
    {
      double s = (double)(i - 1) / 10, t = (double)i / 10;
      double sigma = sb_smld_sigma (smld, i), before = sb_smld_sigma (smld, i - 1);
      double tau = before * sqrt (sigma * sigma - before * before) / sigma;
      coefficients paper = read_off (sb_step_ancestral, smld, s, t);
      coefficients upper = read_off (sb_step_ancestral_upper, smld, s, t);
      coefficients reverse = read_off (sb_step_reverse_diffusion, smld, s, t);
      cr_assert_float_eq (paper.of_z / tau, 1, 1e-13);
      cr_assert_lt (paper.of_z, upper.of_z);
      cr_assert_float_eq (upper.of_z, reverse.of_z, 1e-15 * reverse.of_z);
      cr_assert_float_eq (upper.of_score, reverse.of_score, 1e-15 * reverse.of_score);
    }
  cr_assert_float_eq (ddpm_step (sb_step_ancestral, 0.02).of_z, sqrt (0.02), 1e-15);
}

// ## Standard normal data under DDPM
//
// The chain is stationary, so that its reverse is itself: given $x_i$, $x_{i-1}$ has the mean $\sqrt{1-\beta_i}\,x_i$
// and the variance $\beta_i$. The ancestral kernel is that, exactly, [scoresde.txt-ddpm-reverse-kernel] and keeps the
// variance at 1; [scoresde.eq4] reverse diffusion leaves
// $(2-\sqrt{1-\beta}-\beta)^2 + \beta - 1 = \beta^2/2 + O(\beta^3)$ too much; [scoresde.eq46] the flow, exactly the
// identity, is off by the factor $2 - \sqrt{1-\beta} - \beta/2 = 1 + \beta^2/8 + O(\beta^3)$. [scoresde.eq44] The
// numbers are those of an independent computation.

Test (predictor, standard_normal_data_under_ddpm)
{
  for (double beta = 1e-4; beta < 1; beta *= 3)
    {
      coefficients c = ddpm_step (sb_step_ancestral, beta);
      cr_assert_float_eq (c.of_x - c.of_score, sqrt (1 - beta), 1e-14, "beta = %g: mean %g", beta, c.of_x - c.of_score);
      cr_assert_float_eq (gsl_pow_2 (c.of_z), beta, 1e-14, "beta = %g: variance %g", beta, gsl_pow_2 (c.of_z));
    }

  coefficients reverse = ddpm_step (sb_step_reverse_diffusion, 0.02);
  double excess = gsl_pow_2 (reverse.of_x - reverse.of_score) + gsl_pow_2 (reverse.of_z) - 1;
  cr_assert_float_eq (excess / 2.00005e-4, 1, 1e-6, "reverse diffusion: %g", excess);

  const double betas[2] = { 0.02, 1e-4 }, references[2] = { 5.0506e-5, 1.25006e-9 };
  for (int i = 0; i < 2; i++)
    {
      coefficients flow = ddpm_step (sb_step_probability_flow, betas[i]);
      double excess_factor = flow.of_x - flow.of_score - 1;
      cr_assert_float_eq (excess_factor / references[i], 1, 1e-4, "probability flow, beta = %g: %g", betas[i],
                          excess_factor);
      cr_assert_eq (flow.of_z, 0);
    }
}

Test (predictor, ancestral_sampling_keeps_unit_variance)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, 1000, 0.1, 20));
  double v = 1;
  for (size_t i = 1000; i >= 1; i--)
    {
      v = run (sb_step_ancestral, ddpm, 1, level_times (i, i - 1, 1000), v);
      cr_assert_float_eq (v, 1, 1e-12, "level %zu: variance %.17g", i - 1, v);
    }
}

// For one point of data the reverse variance is $\beta_i(1-\alpha_{i-1})/(1-\alpha_i)$, below $\beta_i$ at every
// level; the lower choice is that, and lands on the right marginals. [scoresde.txt-ddpm-reverse-kernel]

Test (predictor, one_point_of_data_under_ddpm)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, 100, 0.1, 20));
  for (size_t i = 1; i <= 100; i++)
    {
      double s = (double)(i - 1) / 100, t = (double)i / 100, beta = sb_ddpm_beta (ddpm, i);
      double alpha_s = sb_ddpm_alpha (ddpm, i - 1), alpha_t = sb_ddpm_alpha (ddpm, i);
      double upper = read_off (sb_step_ancestral_upper, ddpm, s, t).of_z;
      double lower = read_off (sb_step_ancestral_lower, ddpm, s, t).of_z;
      cr_assert_float_eq (gsl_pow_2 (upper) / beta, 1, 1e-12);
      cr_assert_float_eq (gsl_pow_2 (lower), beta * (1 - alpha_s) / (1 - alpha_t), 1e-12 * beta);
      cr_assert_lt (lower, upper);

      gsl_vector *times = vector_of (t, s);
      double v = run (sb_step_ancestral_lower, ddpm, 0, times, 1 - alpha_t);
      cr_assert_float_eq (v, 1 - alpha_s, 1e-12, "level %zu: %g, not %g", i - 1, v, 1 - alpha_s);
    }
}

// ## Ancestral sampling and reverse diffusion agree for small beta
//
// The coefficients of x differ by $\beta^2/4$, those of the score by $\beta^2/2$, to leading order; the numbers at
// $\beta = 10^{-2}$ and $10^{-3}$ follow from the exact expressions. [scoresde.txt-rd-anc-equiv]

Test (predictor, ancestral_tends_to_reverse_diffusion)
{
  const double betas[2] = { 1e-2, 1e-3 }, of_x[2] = { 0.25252, 0.25025 }, of_score[2] = { 0.50378, 0.50038 };
  for (int i = 0; i < 2; i++)
    {
      coefficients ancestral = ddpm_step (sb_step_ancestral, betas[i]);
      coefficients reverse = ddpm_step (sb_step_reverse_diffusion, betas[i]);
      double b2 = gsl_pow_2 (betas[i]);
      cr_assert_float_eq ((ancestral.of_x - reverse.of_x) / b2, of_x[i], 1e-4);
      cr_assert_float_eq ((ancestral.of_score - reverse.of_score) / b2, of_score[i], 1e-4);
      cr_assert_float_eq (ancestral.of_z, reverse.of_z, 1e-15);
    }
}

// ## Misprint: the index of f and G in Eq. (46), and in the flow's update
//
// Both are printed with $\mathbf f_{i+1}$ and $\mathbf G_{i+1}$ for the step from i + 1 down to i. By (45) and the
// chain (10) these belong to the step from i + 1 up to i + 2: $\mathbf G_{i+1}^2 = \beta_{i+2}$, which for
// $i = N - 1$ does not exist. The step that is to be undone has $\beta_{i+1}$. [scoresde.eq46]
// [scoresde.txt-pf-update] One point of data and a chain of unequal steps, .01, .02 and .3, tell them apart: from
// level 2 to level 1 the right step brings the variance to within .02 of the true .01, the printed one is off by more
// than 1.

Test (predictor, erratum_eq46_index_of_the_forward_step)
{
  double beta[3] = { 0.01, 0.02, 0.3 };
  sb_process *ddpm = scoped (sb_ddpm_betas_alloc (1, scope_vector (3, beta)));
  for (size_t i = 0; i < 3; i++)
    {
      double s = (double)i / 3, t = (double)(i + 1) / 3;
      coefficients reverse = read_off (sb_step_reverse_diffusion, ddpm, s, t);
      coefficients flow = read_off (sb_step_probability_flow, ddpm, s, t);
      cr_assert_float_eq (reverse.of_x, 2 - sqrt (1 - beta[i]), 1e-15);
      cr_assert_float_eq (reverse.of_score, beta[i], 1e-15);
      cr_assert_float_eq (reverse.of_z, sqrt (beta[i]), 1e-15);
      cr_assert_float_eq (flow.of_x, 2 - sqrt (1 - beta[i]), 1e-15);
      cr_assert_float_eq (flow.of_score, beta[i] / 2, 1e-15);
    }

  double alpha_1 = 1 - beta[0], alpha_2 = alpha_1 * (1 - beta[1]), variance = 1 - alpha_2;
  double right = gsl_pow_2 (2 - sqrt (1 - beta[1]) - beta[1] / variance) * variance + beta[1];
  double printed = gsl_pow_2 (2 - sqrt (1 - beta[2]) - beta[2] / variance) * variance + beta[2];
  double v = run (sb_step_reverse_diffusion, ddpm, 0, vector_of (2. / 3, 1. / 3), variance);
  cr_assert_float_eq (v, right, 1e-14);
  cr_assert_lt (fabs (right - (1 - alpha_1)), 0.02);
  cr_assert_gt (fabs (printed - (1 - alpha_1)), 1, "printed %g", printed);
}

// ## Rows at levels of their own
//
// By hand, in the plane: of SMLD with scales .5, 2, 4 reverse diffusion [scoresde.eq46] and ancestral sampling
// [scoresde.eq47], of DDPM with $\beta$ .01, .2, .3 reverse diffusion, the probability flow [scoresde.eq44] and
// ancestral sampling. [scoresde.eq4]

Test (predictor, rows_have_levels_of_their_own)
{
  static const double sigma[] = { 0, .5, 2, 4 }, beta[] = { .01, .2, .3 };
  const sb_process *const smld = scoped (sb_smld_sigmas_alloc (2, vector_of (.5, 2, 4))),
                          *const ddpm = scoped (sb_ddpm_betas_alloc (2, vector_of (.01, .2, .3)));
  const sb_step_type *const steps[] = { sb_step_reverse_diffusion, sb_step_ancestral, sb_step_reverse_diffusion,
                                        sb_step_probability_flow, sb_step_ancestral };
  const gsl_vector *s = vector_of (1. / 3, 0, 2. / 3), *t = vector_of (2. / 3, 1. / 3, 1);
  const gsl_matrix *x = normals (3, 2, 1), *z = normals (3, 2, 2);
  double value = .8;
  for (int k = 0; k < 5; k++)
    {
      const sb_score *score = scoped (sb_score_alloc (&constant_score_type, &value, k < 2 ? smld : ddpm));
      gsl_matrix *found = copy_of (x);
      ok (sb_step_apply (steps[k], NULL, scoped (sb_sampler_work_alloc (score, 3)), NULL, s, t, z, found));
      for (size_t i = 0; i < 3; i++)
        {
          const size_t level = (size_t)rint (3 * gsl_vector_get (s, i));
          const double b = beta[level], v_s = gsl_pow_2 (sigma[level]), v_t = gsl_pow_2 (sigma[level + 1]),
                       keep = sqrt (1 - b),
                       of_x = k < 2   ? 1
                              : k < 4 ? 2 - keep
                                      : 1 / keep,
                       of_s = k < 2    ? v_t - v_s
                              : k == 2 ? b
                              : k == 3 ? b / 2
                                       : b / keep,
                       of_z = k == 0   ? sqrt (v_t - v_s)
                              : k == 1 ? sqrt (v_s * (v_t - v_s) / v_t)
                              : k == 3 ? 0
                                       : sqrt (b);
          for (size_t j = 0; j < 2; j++)
            cr_assert_float_eq (gsl_matrix_get (found, i, j),
                                of_x * gsl_matrix_get (x, i, j) + of_s * value + of_z * gsl_matrix_get (z, i, j), 1e-13,
                                "%d, row %zu", k, i);
        }
    }
}

// ## From an estimate of the data
//
// Where the score is given by its denoiser $\mathbf h$, $\mathbf s = (a\,\mathbf h - \mathbf x)/\sigma^2$ with the
// kernel's $a$ and $\sigma$ at $i + 1$, all that a step does is the same: $\mathbf x$ has the factor $p - q/\sigma^2$
// and $\mathbf h$ has $q\,a/\sigma^2$, if by the score they are $p$ and $q$. [scoresde.eq46] [scoresde.eq47]
// [scoresde.txt-pf-update] [scoresde.txt-ddpm-reverse-kernel]

static const sb_score_type constant_denoiser_type = { .name = "constant", .views = SB_DENOISER, .evaluate = constant };

Test (predictor, a_denoiser_takes_the_same_steps)
{
  const sb_step_type *const steps[] = { sb_step_ancestral, sb_step_reverse_diffusion, sb_step_probability_flow };
  sb_process *const chains[]
      = { scoped (sb_smld_alloc (1, 3, 0.5, 4)), scoped (sb_ddpm_betas_alloc (1, vector_of (0.01, 0.2, 0.3))) };
  for (size_t k = 0; k < 6; k++)
    for (size_t i = 0; i < 3; i++)
      {
        const sb_step_type *type = steps[k % 3];
        const double s = (double)i / 3, t = (double)(i + 1) / 3;
        const coefficients by_score = read_off (type, chains[k / 3], s, t);
        double h = 0, a, sigma;
        sb_score *score = scoped (sb_score_alloc (&constant_denoiser_type, &h, chains[k / 3]));
        ok (sb_process_scalars (chains[k / 3], 0, t, &a, &sigma));
        const double share = by_score.of_score / (sigma * sigma);
        cr_assert_float_eq (step (type, score, s, t, 0, 1), by_score.of_x - share, 1e-14, "%s", type->entry.name);
        cr_assert_float_eq (step (type, score, s, t, 1, 0), by_score.of_z, 1e-14, "%s", type->entry.name);
        h = 1;
        cr_assert_float_eq (step (type, score, s, t, 0, 0), share * a, 1e-14, "%s", type->entry.name);
      }
}

// ## Maps that are matrices
//
// In the plane, F, G and S are full matrices that differ from their transposes. For Gaussian data the reverse drift
// is the matrix $B(t) = F + GG^{\mathsf T}C_t^{-1}$ [scoresde.txt-rev-sde-G] (and, tied to the moments by
// test_drift.c). A step of length h must have the mean $I - hB + O(h^2)$ and the noise $h\,GG^{\mathsf T} + O(h^2)$,
// so both errors, over h, halve with h.

// Mean matrix and noise matrix of a step: what becomes of the two unit vectors, as columns.

static void
read_off_matrices (const sb_step_type *predictor, const linear *state, double s, double t, double *mean, double *noise)
{
  sb_process *process = linear_alloc (state);
  sb_score *score = scoped (sb_score_alloc (&linear_score_type, (void *)state, process));
  double x[4] = { 1, 0, 0, 1 }, n[4] = { 0 };
  gsl_matrix_view x_view = gsl_matrix_view_array (x, 2, 2), n_view = gsl_matrix_view_array (n, 2, 2);
  ok (take_step (predictor, score, NULL, s, t, NULL, &x_view.matrix));
  ok (take_step (predictor, score, NULL, s, t, matrix_of (2, 2, 1, 0, 0, 1), &n_view.matrix));
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      {
        mean[2 * i + j] = x[2 * j + i];
        noise[2 * i + j] = n[2 * j + i];
      }
}

static double
distance (const double *a, const double *b)
{
  double sum = 0;
  for (int i = 0; i < 4; i++)
    sum += gsl_pow_2 (a[i] - b[i]);
  return sqrt (sum);
}

// How far a step of length h is from the drift and the noise of the reverse SDE, [scoresde.eq6] both per unit of time;
// so for Euler and Maruyama's as for reverse diffusion's. [scoresde.eq46] The flow takes half the score and no noise.
// [scoresde.txt-pf-update]

static double
step_residual (const sb_step_type *predictor, const linear *state, double h)
{
  double t = 0.6, C[4], C_inverse[4], GG[4], GGC[4], B[4], mean[4], noise[4], NN[4], per_time[4], none[4] = { 0 };
  double weight = is_noisy (predictor) ? 1 : 0.5;
  linear_covariance (state, t, C);
  linear_invert (C, C_inverse);
  linear_multiply (state->G, CblasNoTrans, state->G, CblasTrans, GG);
  linear_multiply (GG, CblasNoTrans, C_inverse, CblasNoTrans, GGC);
  read_off_matrices (predictor, state, t - h, t, mean, noise);
  linear_multiply (noise, CblasNoTrans, noise, CblasTrans, NN);
  for (int i = 0; i < 4; i++)
    {
      B[i] = state->F[i] + weight * GGC[i];
      per_time[i] = ((i == 0 || i == 3) - mean[i]) / h;
      NN[i] /= h;
    }
  return distance (per_time, B) + distance (NN, is_noisy (predictor) ? GG : none);
}

static double
step_property (const double *v, void *context)
{
  const sb_step_type *predictor = context;
  linear state = linear_random (v[0]);
  double coarse = step_residual (predictor, &state, 2e-4), fine = step_residual (predictor, &state, 1e-4);
  return fine > 1e-8 ? fabs (coarse / fine - 2) : 0; // exact but for rounding is better still
}

static const property_parameter seed = { .name = "seed", .kind = PROPERTY_INTEGER, .low = 1, .high = 1e6, .simple = 1 };

Test (predictor, steps_with_matrix_maps_tend_to_the_reverse_sde)
{
  const sb_step_type *predictors[] = { sb_step_euler_maruyama,  sb_step_heun,      sb_step_reverse_diffusion,
                                       sb_step_ancestral_upper, sb_step_ancestral, sb_step_probability_flow };
  for (size_t i = 0; i < sizeof predictors / sizeof *predictors; i++)
    property_check (predictors[i]->entry.name, 4 + i, 50, 1, &seed, step_property, (void *)predictors[i], 0.05);
}

// Of each row the step itself, by hand: maps at the row's own times, $\mathbf F(t)$ and $\mathbf G(t)$ those of the
// time that is left, and no two of them alike. Euler and Maruyama's at any $\eta$: $\mathbf x - h\mathbf F\mathbf x +
// \frac{1 + \eta^2}2h\,\mathbf G\mathbf G^{\mathsf T}\mathbf s + \eta\sqrt h\,\mathbf G\mathbf z$, [scoresde.eq6]
// [consistent.rem4.1] and $2\mathbf x - \mathbf A\mathbf x + \mathbf S\mathbf S^{\mathsf T}\mathbf s + \mathbf S\mathbf
// z$ [scoresde.eq46] or $2\mathbf x - \mathbf A\mathbf x + \frac12\mathbf S\mathbf S^{\mathsf T}\mathbf s$.
// [scoresde.txt-pf-update]

static void
any_map (sb_process_map map, double s, double t, double *M)
{
  for (int k = 0; k < 4; k++)
    M[k] = sin (1 + 2.3 * k + 4.1 * (double)map + 1.9 * s + 3.7 * t);
}

static int
apply_any (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s, const gsl_vector *t,
           gsl_matrix *x)
{
  (void)state;
  for (size_t i = 0; i < x->size1; i++)
    {
      double M[4], *x_i = gsl_matrix_ptr (x, i, 0);
      const double before[2] = { x_i[0], x_i[1] };
      const size_t down = transpose == CblasNoTrans ? 2 : 1;
      any_map (map, s ? gsl_vector_get (s, i) : 0, gsl_vector_get (t, i), M);
      for (size_t j = 0; j < 2; j++)
        x_i[j] = M[down * j] * before[0] + M[down * j + 3 - down] * before[1];
    }
  return GSL_SUCCESS;
}

static void
add_map (double c, sb_process_map map, double s, double t, bool squared, const double *v, double *out)
{
  double M[4], u[2] = { v[0], v[1] };
  any_map (map, s, t, M);
  for (int j = 0; j < 2 && squared; j++)
    u[j] = M[j] * v[0] + M[2 + j] * v[1];
  for (int j = 0; j < 2; j++)
    out[j] += c * (M[2 * j] * u[0] + M[2 * j + 1] * u[1]);
}

Test (predictor, steps_with_matrix_maps_by_hand)
{
  static const sb_process_type type = { .name = "any", .apply = apply_any };
  static const double eta[] = { 1, 0.6, 1.7, 0 };
  enum
  {
    N = 4
  };
  double value = 0.8;
  const gsl_vector *s = vector_of (0.1, 0.1, 0.4, 0.2), *t = vector_of (0.3, 0.3, 0.9, 0.5);
  const gsl_matrix *x = normals (N, 2, 1), *z = normals (N, 2, 2);
  const sb_score *score
      = scoped (sb_score_alloc (&constant_score_type, &value, scoped (sb_process_alloc (&type, NULL, 2, 1e-6, 1, 0))));
  for (int k = 0; k < 6; k++)
    {
      const sb_step_type *by = k < 4    ? sb_step_euler_maruyama
                               : k == 4 ? sb_step_reverse_diffusion
                                        : sb_step_probability_flow;
      sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, N));
      gsl_matrix *found = copy_of (x);
      ok (sb_step_apply (by, k < 4 ? &eta[k] : NULL, work, NULL, s, t, z, found));
      for (size_t i = 0; i < N; i++)
        {
          const double s_i = gsl_vector_get (s, i), t_i = gsl_vector_get (t, i), h = t_i - s_i, both[2] = { 0.8, 0.8 },
                       *x_i = gsl_matrix_const_ptr (x, i, 0), *z_i = gsl_matrix_const_ptr (z, i, 0);
          double wanted[2] = { (k < 4 ? 1 : 2) * x_i[0], (k < 4 ? 1 : 2) * x_i[1] };
          if (k < 4)
            {
              add_map (-h, SB_F, 0, t_i, false, x_i, wanted);
              add_map ((1 + eta[k] * eta[k]) / 2 * h, SB_G, 0, t_i, true, both, wanted);
              add_map (eta[k] * sqrt (h), SB_G, 0, t_i, false, z_i, wanted);
            }
          else
            {
              add_map (-1, SB_A, s_i, t_i, false, x_i, wanted);
              add_map (k == 4 ? 1 : 0.5, SB_S, s_i, t_i, true, both, wanted);
              add_map (k == 4 ? 1 : 0, SB_S, s_i, t_i, false, z_i, wanted);
            }
          for (size_t j = 0; j < 2; j++)
            cr_assert_float_eq (gsl_matrix_get (found, i, j), wanted[j], 1e-14, "%s, %d, row %zu: %.15g, not %.15g",
                                by->entry.name, k, i, gsl_matrix_get (found, i, j), wanted[j]);
        }
    }
}

// The ancestral mean is not an approximation: for Gaussian data $E[x_s \mid x_t] = C_s A^{\mathsf T} C_t^{-1} x_t$,
// over any step. [scoresde.txt-ddpm-reverse-kernel]

static double
ancestral_residual (const double *v, void *context)
{
  linear state = linear_random (v[0]);
  (void)context;
  double s = v[1], t = s + v[2], A[4], Q[4], C_s[4], C_t[4], inverse[4], CA[4], truth[4], mean[4], noise[4], NN[4];
  linear_transition (&state, t - s, A, Q);
  linear_covariance (&state, s, C_s);
  linear_covariance (&state, t, C_t);
  linear_invert (C_t, inverse);
  linear_multiply (C_s, CblasNoTrans, A, CblasTrans, CA);
  linear_multiply (CA, CblasNoTrans, inverse, CblasNoTrans, truth);
  read_off_matrices (sb_step_ancestral_upper, &state, s, t, mean, noise);
  linear_multiply (noise, CblasNoTrans, noise, CblasTrans, NN);
  return distance (mean, truth) + distance (NN, Q);
}

Test (predictor, the_ancestral_mean_is_exact)
{
  const property_parameter parameters[]
      = { seed, { "s", PROPERTY_UNIFORM, 0.01, 0.5, 0.01 }, { "t - s", PROPERTY_UNIFORM, 0.01, 0.5, 0.01 } };
  property_check ("the ancestral mean is the conditional mean", 11, 200, 3, parameters, ancestral_residual, NULL,
                  1e-11);
}

// ## The identity
//
// It does nothing, at no cost. [scoresde.txt-pc-unify]

Test (predictor, none_does_nothing)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  coefficients c = read_off (sb_step_none, vp, 0.2, 0.9);
  cr_assert (c.of_x == 1 && c.of_score == 0 && c.of_z == 0);
}

// ## What callers can do wrong
//
// Every predictor, with a batch that is a part of a larger matrix (tda > size2), with no rows, and with the wrong
// arguments.

// Each of the list, but for what does nothing and what asks for a divergence, which these scores have not.
#define EACH_STEP(step)                                                                                                \
  for (size_t k_##step = 0; ((step) = (const sb_step_type *)sb_steps (k_##step)); k_##step++)                          \
    if ((step) != sb_step_none && !((step)->needs & SB_NEEDS_DIVERGENCE))

// A step asks for the score as often as it counts, twice for Heun's and four times for Runge and Kutta's
// [soft.set-nfe], and looks at its normals if and only if it says so, by its usual keys: DDIM's eta is 0 there, Soft
// Diffusion's k too, and edm-heun's churn.

static int
counting (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  (void)view, (void)t, (void)y;
  ++*(size_t *)state;
  return gsl_matrix_memcpy (out, x);
}

Test (predictor, does_what_it_says)
{
  static const sb_score_type counter = { .name = "counting", .views = SB_SCORE, .evaluate = counting };
  const sb_step_type *type;
  size_t evaluations;
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_score *score = scoped (sb_score_alloc (&counter, &evaluations, vp));
  EACH_STEP (type)
  {
    evaluations = 0;
    double quiet = step (type, score, 0.3, 0.4, 0, 1);
    const size_t expected = type == sb_step_flow_rk4 ? 4 : type->take ? 2 : 1;
    cr_assert_eq (evaluations, expected, "%s: %zu evaluations", type->entry.name, evaluations);
    cr_assert_eq (step (type, score, 0.3, 0.4, 1, 1) != quiet, is_noisy (type), "%s: noise", type->entry.name);
  }
}

Test (predictor, part_of_a_larger_matrix)
{
  const sb_step_type *type;
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  const recursion data = { .process = vp, .lambda = vector_of (1, 0.25), .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, (void *)&data, vp));
  EACH_STEP (type)
  {
    gsl_matrix *y = matrix_of (2, 2, 0.3, -2, 1, 5), *y_z = matrix_of (2, 2, 1, -1, 2, 0.5),
               *large = matrix_all (3, 4, 9), *large_z = matrix_all (3, 4, 0);
    gsl_matrix_view x = gsl_matrix_submatrix (large, 1, 1, 2, 2), z = gsl_matrix_submatrix (large_z, 0, 1, 2, 2);
    gsl_matrix_memcpy (&x.matrix, y);
    gsl_matrix_memcpy (&z.matrix, y_z);
    ok (take_step (type, score, NULL, 0.3, 0.4, &z.matrix, &x.matrix));
    ok (take_step (type, score, NULL, 0.3, 0.4, y_z, y));
    cr_assert (gsl_matrix_equal (&x.matrix, y), "%s", type->entry.name);
    for (size_t i = 0; i < 12; i++)
      cr_assert (i == 5 || i == 6 || i == 9 || i == 10 || large->data[i] == 9, "%s wrote beside the batch",
                 type->entry.name);
  }
}

Test (predictor, no_rows)
{
  const sb_step_type *type;
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  double zero = 0;
  sb_score *score = scoped (sb_score_alloc (&constant_score_type, &zero, vp));
  gsl_matrix *x = matrix (0, 2);
  EACH_STEP (type)
  ok (take_step (type, score, NULL, 0.3, 0.4, x, x), "%s", type->entry.name);
}

static int
step_status (const sb_step_type *predictor, const sb_process *process, double value, double s, double t, size_t d,
             size_t z_rows)
{
  sb_score *score = scoped (sb_score_alloc (&constant_score_type, &value, process));
  gsl_matrix *x = matrix_all (2, d, 0), *z = matrix_all (z_rows, d, 0);
  return take_step (predictor, score, NULL, s, t, z, x);
}

Test (predictor, wrong_arguments)
{
  const sb_step_type *type;
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  EACH_STEP (type)
  {
    const char *name = type->entry.name;
    ok (step_status (type, vp, 1, 0.3, 0.4, 2, 2), "%s", name);
    refused (GSL_EBADLEN, step_status (type, vp, 1, 0.3, 0.4, 3, 2), "%s: wrong dimension", name);
    refused (GSL_EBADLEN, step_status (type, vp, 1, 0.3, 0.4, 2, 3), "%s: wrong z", name);
    refused (GSL_EDOM, step_status (type, vp, 1, 0.5, 0.4, 2, 2), "%s: upwards", name);
    refused (GSL_EDOM, step_status (type, vp, 1, 0.4, 0.4, 2, 2), "%s: nowhere", name);
    refused (GSL_EDOM, step_status (type, vp, 1, 0, 0, 2, 2), "%s: nowhere, at 0", name);
    refused (GSL_EDOM, step_status (type, vp, 1, 0.5, 1.1, 2, 2), "%s: beyond T", name);
    refused (GSL_EDOM, step_status (type, vp, 1, -0.1, 0.4, 2, 2), "%s: before 0", name);
    refused (GSL_EDOM, step_status (type, vp, 1, GSL_NAN, 0.4, 2, 2), "%s: s is NaN", name);
    refused (GSL_EDOM, step_status (type, vp, 1, 0.3, GSL_NAN, 2, 2), "%s: t is NaN", name);
    refused (GSL_EBADFUNC, step_status (type, vp, GSL_NAN, 0.3, 0.4, 2, 2), "%s: NaN score", name);
    refused (GSL_EBADFUNC, step_status (type, vp, GSL_POSINF, 0.3, 0.4, 2, 2), "%s: infinite", name);
  }
}

// One number that is not finite, wherever it stands in the batch, is found and named.

static char reason_given[256];

static void
hear (const char *reason, const char *file, int line, int code)
{
  (void)file, (void)line, (void)code;
  snprintf (reason_given, sizeof reason_given, "%s", reason);
}

static int
one_nan (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
         gsl_matrix *out)
{
  size_t place = *(const size_t *)state;
  (void)view, (void)t, (void)y;
  gsl_matrix_memcpy (out, x);
  gsl_matrix_set (out, place / 2, place % 2, GSL_NEGINF);
  return GSL_SUCCESS;
}

Test (predictor, a_score_that_is_not_finite_is_named)
{
  static const sb_score_type type = { .name = "broken", .views = SB_SCORE, .evaluate = one_nan };
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  size_t place;
  sb_score *score = scoped (sb_score_alloc (&type, &place, vp));
  gsl_matrix *x = matrix_all (3, 2, 0);
  gsl_set_error_handler (hear);
  for (place = 0; place < 6; place++)
    {
      char expected[256];
      snprintf (expected, sizeof expected, "the score \"broken\" is -inf at row %zu, column %zu, t = 0.5", place / 2,
                place % 2);
      refused (GSL_EBADFUNC, take_step (sb_step_ancestral, score, NULL, 0.25, 0.5, NULL, x));
      cr_assert_str_eq (reason_given, expected);
    }
  gsl_set_error_handler_off ();
}

// The solvers of the SDE stay within $[t_{\min}, t_{\max}]$, and a chain has its levels; the lower variance needs
// numbers. (What has no SDE: tests/conformance/test_steps.c.)

Test (predictor, what_a_process_lacks)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20)), *ddpm = scoped (sb_ddpm_alloc (2, 10, 0.1, 5));
  linear state = linear_random (3);
  sb_process *matrix = linear_alloc (&state);
  refused (GSL_EDOM, step_status (sb_step_euler_maruyama, vp, 1, 0, 0.4, 2, 2));
  refused (GSL_EDOM, step_status (sb_step_heun, vp, 1, 0, 0.4, 2, 2));
  refused (GSL_EDOM, step_status (sb_step_flow_heun, vp, 1, 0, 0.4, 2, 2));
  refused (GSL_EDOM, step_status (sb_step_flow_rk4, vp, 1, 0, 0.4, 2, 2));
  refused (GSL_EDOM, step_status (sb_step_reverse_diffusion, ddpm, 1, 0.35, 0.4, 2, 2));
  refused (GSL_EUNSUP, step_status (sb_step_ancestral_lower, matrix, 1, 0.3, 0.4, 2, 2));
  ok (step_status (sb_step_ancestral_upper, matrix, 1, 0.3, 0.4, 2, 2));
}

// A part without noise stays where it is, first or last, and its score may be anything. The other moves as it does
// alone.

static int
without_one (const void *place, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
             gsl_matrix *out)
{
  (void)view, (void)x, (void)t, (void)y;
  for (size_t i = 0; i < out->size1; i++)
    for (size_t j = 0; j < 2; j++)
      gsl_matrix_set (out, i, j, j == *(const size_t *)place ? GSL_NAN : 0.7);
  return GSL_SUCCESS;
}

Test (predictor, part_without_noise_stays)
{
  static const sb_score_type half_type = { .name = "half", .views = SB_SCORE, .evaluate = without_one };
  const sb_step_type *const steps[] = { sb_step_ddim, sb_step_reverse_diffusion, sb_step_euler_maruyama };
  double value = 0.7;
  const sb_score *alone = scoped (sb_score_alloc (&constant_score_type, &value, scoped (sb_vp_alloc (1, 0.1, 20))));
  for (size_t still = 0; still < 2; still++)
    for (int k = 0; k < 3; k++)
      {
        sb_process *block[2];
        for (size_t b = 0; b < 2; b++)
          block[b] = b == still ? sb_still_alloc (1) : sb_vp_alloc (1, 0.1, 20);
        const sb_process *pair = scoped (sb_nonuniform_alloc ("pair", 2, block, 1e-3, 1, NULL));
        const sb_score *score = scoped (sb_score_alloc (&half_type, &still, pair));
        gsl_matrix *x = matrix_of (1, 2, 1.5, -0.4), *one = matrix_of (1, 1, gsl_matrix_get (x, 0, 1 - still));
        const double stays = gsl_matrix_get (x, 0, still);
        ok (take_step (steps[k], score, NULL, 0.3, 0.6, NULL, x), "%s", steps[k]->entry.name);
        ok (take_step (steps[k], alone, NULL, 0.3, 0.6, NULL, one));
        cr_assert_eq (gsl_matrix_get (x, 0, still), stays, "%s", steps[k]->entry.name);
        cr_assert_float_eq (gsl_matrix_get (x, 0, 1 - still), gsl_matrix_get (one, 0, 0), 1e-14, "%s",
                            steps[k]->entry.name);
      }
}
