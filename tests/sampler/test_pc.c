// # What must be true of predictor-corrector sampling
//
// What the driver does is a sequence of calls; with known steps for predictor and corrector, what it must give is
// known.

#include "sampler/pc.h"
#include "gmm3.h"
#include "process/ddpm.h"
#include "process/smld.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "recursion.h"
#include "score/exact.h"
#include "target/target.h"
#include "scope.h"
#include "score/callback.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

SUITE (pc);

// ## A record of the calls
//
// A score that counts, and a predictor and a corrector that write down the levels they were called with, for a chain
// of three levels: P2<3 is the predictor from level 3 to 2, with a star where it gets noise; C2 is the corrector at
// level 2 (and in brackets the level below); D1 is the denoiser.

enum
{
  N = 3
};

typedef struct
{
  char calls[256];
  size_t evaluations;
} record;

static void
note (const sb_score *score, const char *format, double a, double b, const char *mark)
{
  record *r = score->state;
  size_t used = strlen (r->calls);
  snprintf (r->calls + used, sizeof r->calls - used, format, a * N, b * N, mark);
}

static int
counting (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  record *r = (record *)state;
  (void)y;
  r->evaluations++;
  if (view == SB_DENOISER)
    {
      size_t used = strlen (r->calls);
      snprintf (r->calls + used, sizeof r->calls - used, " D%.0f", N * gsl_vector_get (t, 0));
    }
  return gsl_matrix_memcpy (out, x);
}

static const sb_score_type counting_type
    = { .name = "counting", .views = SB_SCORE | SB_DENOISER, .evaluate = counting };

static int
evaluate_once (const sb_score *score, double t, gsl_matrix *x)
{
  gsl_matrix *out = gsl_matrix_alloc (x->size1, x->size2);
  gsl_vector *times = gsl_vector_alloc (x->size1);
  gsl_vector_set_all (times, t);
  int status = sb_score_evaluate (score, SB_SCORE, x, times, NULL, out);
  gsl_matrix_free (out);
  gsl_vector_free (times);
  return status;
}

static int
recorded_predictor (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                    const gsl_matrix *z, gsl_matrix *x)
{
  (void)y;
  work->evaluations++;
  note (work->score, " P%.0f<%.0f%s", gsl_vector_get (s, 1), gsl_vector_get (t, 1), z != NULL ? "*" : "");
  return evaluate_once (work->score, gsl_vector_get (t, 1), x);
}

static int
recorded_corrector (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
                    const gsl_matrix *z, gsl_matrix *x)
{
  (void)corrector, (void)y;
  work->evaluations++;
  cr_assert_not_null (z);
  note (work->score, " C%.0f(%.0f)%s", t, s, "");
  return evaluate_once (work->score, t, x);
}

static const sb_step_type recording_predictor = { .entry = { .name = "recording" }, .take = recorded_predictor };
static const sb_corrector_type recording_corrector = { .entry = { .name = "recording" }, .step = recorded_corrector };

static void
expect_calls (const sb_step_type *predictor, size_t M, sb_pc_order order, sb_final final, size_t last,
              const char *calls)
{
  sb_process *smld = scoped (sb_smld_alloc (1, N, 0.01, 50));
  record r = { "", 0 };
  sb_score *score = scoped (sb_score_alloc (&counting_type, &r, smld));
  sb_pc pc = { .step = predictor,
               .corrector = { .type = &recording_corrector },
               .corrector_steps = M,
               .order = order,
               .final = final };
  size_t evaluations = 99;
  ok (sb_pc_sample (&pc, score, NULL, level_times (N, last, N), (sb_stream){ 0 }, matrix_all (2, 1, 0), &evaluations));
  cr_assert_str_eq (r.calls, calls, "%s instead of %s", r.calls, calls);
  cr_assert_eq (evaluations, r.evaluations, "%zu evaluations, reported as %zu", r.evaluations, evaluations);
}

// As printed: P(N), C(N-1) M times, ..., P(1), C(0) M times, N(1 + M) evaluations. [scoresde.alg1] The other orders and
// ends are what pc.h says of them.

Test (pc, calls_of_algorithm_1)
{
  const sb_step_type *P = &recording_predictor;
  expect_calls (P, 2, SB_PREDICTOR_FIRST, SB_FINAL_SAMPLE, 0, " P2<3* C2(1) C2(1) P1<2* C1(0) C1(0) P0<1* C0(0) C0(0)");
  expect_calls (P, 0, SB_PREDICTOR_FIRST, SB_FINAL_SAMPLE, 0, " P2<3* P1<2* P0<1*");
  expect_calls (P, 1, SB_PREDICTOR_FIRST, SB_FINAL_MEAN, 0, " P2<3* C2(1) P1<2* C1(0) P0<1");
  expect_calls (P, 1, SB_PREDICTOR_FIRST, SB_FINAL_DENOISE, 1, " P2<3* C2(1) P1<2* C1(0) D1");
  expect_calls (P, 1, SB_CORRECTOR_FIRST, SB_FINAL_SAMPLE, 0, " C3(2) P2<3* C2(1) P1<2* C1(0) P0<1*");
  expect_calls (P, 1, SB_CORRECTOR_FIRST, SB_FINAL_MEAN, 0, " C3(2) P2<3* C2(1) P1<2* C1(0) P0<1");
  expect_calls (P, 2, SB_CORRECTOR_FIRST, SB_FINAL_DENOISE, 1, " C3(2) C3(2) P2<3* C2(1) C2(1) P1<2* C1(0) C1(0) D1");
  expect_calls (P, 1, SB_CORRECTOR_FIRST, SB_FINAL_DENOISE, 3, " C3(0) D3");
  expect_calls (P, 1, SB_CORRECTOR_FIRST, SB_FINAL_DENOISE, 2, " C3(2) P2<3* C2(1) D2"); // as far below as before
  expect_calls (P, 1, SB_CORRECTOR_ALWAYS, SB_FINAL_SAMPLE, 1, " C3(2) P2<3* C2(1) P1<2* C1(0)");
  expect_calls (P, 2, SB_CORRECTOR_ALWAYS, SB_FINAL_SAMPLE, 3, " C3(0) C3(0)");
  const sb_step_type quiet = { .entry = { .name = "quiet" }, .needs = SB_NEEDS_NO_NOISE, .take = recorded_predictor };
  expect_calls (&quiet, 0, SB_PREDICTOR_FIRST, SB_FINAL_SAMPLE, 0, " P2<3 P1<2 P0<1"); // no normals are drawn for it
}

// Each call is given every row's condition: of $\mathbf s = \mathbf y - \mathbf x$ under SMLD's chain a step of reverse
// diffusion goes the share $\sigma_{i+1}^2 - \sigma_i^2$ of the way to $\mathbf y$, a corrector's the share $\epsilon$,
// and the denoising at the end $\sigma_1^2$. [scoresde.alg1]

static int
towards_condition (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)params;
  gsl_matrix_set_zero (out);
  if (y)
    gsl_matrix_memcpy (out, y);
  return gsl_matrix_sub (out, x);
}

Test (pc, algorithm_1_given_each_row_s_condition)
{
  enum
  {
    M = 2
  };
  const double epsilon = 0.07;
  const sb_score_callback callback = { .view = SB_SCORE, .function = towards_condition };
  sb_process *smld = scoped (sb_smld_alloc (2, N, 0.3, 0.9));
  const sb_score *score = scoped (sb_score_callback_alloc (&callback, smld));
  const sb_pc pc = { .step = sb_step_reverse_diffusion,
                     .corrector = { .type = sb_corrector_constant, .epsilon = epsilon },
                     .corrector_steps = M,
                     .final = SB_FINAL_DENOISE,
                     .noiseless = true };
  const gsl_matrix *y = normals (5, 2, 21);
  gsl_matrix *x = normals (5, 2, 22), *away = copy_of (x);
  double left = 1;
  for (size_t i = N; i > 0; i--)
    left *= (1 - gsl_pow_2 (sb_smld_sigma (smld, i)) + (i > 1 ? gsl_pow_2 (sb_smld_sigma (smld, i - 1)) : 0))
            * (i > 1 ? gsl_pow_int (1 - epsilon, M) : 1);
  gsl_matrix_sub (away, y);
  gsl_matrix_scale (away, left);
  ok (sb_pc_sample (&pc, score, y, level_times (N, 1, N), (sb_stream){ 0 }, x, NULL));
  gsl_matrix_sub (x, y);
  cr_assert_lt (largest_difference (x, away), 1e-14);
}

// ## Misprint: the levels of Algorithm 1 with no predictor
//
// SMLD, the text says, is PC sampling with the identity for a predictor. But Algorithm 1 then corrects at levels N-1,
// ..., 0, and SMLD, Eq. (2) and Algorithm 4, at N, ..., 1. The corrector must come before the predictor for the two
// to be the same. [scoresde.txt-pc-unify]

Test (pc, erratum_pc_unify_levels)
{
  expect_calls (sb_step_none, 1, SB_PREDICTOR_FIRST, SB_FINAL_SAMPLE, 0, " C2(1) C1(0) C0(0)");
  expect_calls (sb_step_none, 1, SB_CORRECTOR_FIRST, SB_FINAL_SAMPLE, 0, " C3(2) C2(1) C1(0)");
  expect_calls (sb_step_none, 2, SB_CORRECTOR_FIRST, SB_FINAL_SAMPLE, 0, " C3(2) C3(2) C2(1) C2(1) C1(0) C1(0)");
}

// ## SMLD and DDPM, from the same numbers
//
// Eq. (2) [scoresde.eq2] and Eq. (4) [scoresde.eq4] as loops of their own, on data N(0, 1/4), with the normals taken
// from the streams where pc.h says they are: the same samples, to the last bits. SMLD's too on a grid that ends at its
// first level, with a corrector at every time. [scoresde.txt-pc-unify]

static const double quarter = 0.25;

static double
normal (sb_stream stream, sb_purpose purpose, size_t row, size_t k)
{
  gsl_matrix *z = matrix (1, 1);
  stream.purpose = purpose;
  ok (sb_stream_normals (sb_stream_skip (stream, row), k, z));
  return gsl_matrix_get (z, 0, 0);
}

static void
run_chain (const sb_process *chain, size_t last, const sb_pc *pc, sb_stream stream, gsl_matrix *x)
{
  recursion data = { .process = chain, .lambda = vector_of (quarter), .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, &data, chain));
  ok (sb_pc_sample (pc, score, NULL, level_times (chain->levels, last, chain->levels), stream, x, NULL));
}

Test (pc, smld_is_a_special_case)
{
  enum
  {
    LEVELS = 12,
    M = 5,
    ROWS = 3
  };
  sb_process *smld = scoped (sb_smld_alloc (1, LEVELS, 0.01, 50));
  sb_stream stream = { .seed = 42, .index = 100 };
  gsl_matrix *x = matrix (ROWS, 1), *expected = matrix (ROWS, 1);
  for (size_t row = 0; row < ROWS; row++)
    {
      double v = 10. - (double)row;
      gsl_matrix_set (x, row, 0, v);
      for (size_t i = LEVELS, k = 0; i >= 1; i--)
        for (size_t m = 0; m < M; m++, k++)
          {
            double sigma2 = gsl_pow_2 (sb_smld_sigma (smld, i)), epsilon = 0.05 * sigma2;
            double s = -v / (quarter + sigma2);
            v = v + epsilon * s + sqrt (2 * epsilon) * normal (stream, SB_FOR_CORRECTOR, row, k);
          }
      gsl_matrix_set (expected, row, 0, v);
    }
  sb_pc pc = { .step = sb_step_none,
               .corrector = { .type = sb_corrector_fixed, .epsilon = 0.05 },
               .corrector_steps = M,
               .order = SB_CORRECTOR_FIRST,
               .final = SB_FINAL_SAMPLE };
  const sb_pc annealed = sb_pc_annealed (0.05, M);
  gsl_matrix *to_level_1 = copy_of (x);
  run_chain (smld, 0, &pc, stream, x);
  run_chain (smld, 1, &annealed, stream, to_level_1);
  cr_assert_leq (largest_difference (x, expected), 1e-13);
  cr_assert_leq (largest_difference (to_level_1, expected), 1e-13);
}

Test (pc, ddpm_is_a_special_case)
{
  enum
  {
    LEVELS = 40,
    ROWS = 3
  };
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, LEVELS, 0.1, 20));
  sb_stream stream = { .seed = 43, .index = 7 };
  gsl_matrix *x = matrix (ROWS, 1), *expected = matrix (ROWS, 1);
  for (size_t row = 0; row < ROWS; row++)
    {
      double v = 1. - (double)row;
      gsl_matrix_set (x, row, 0, v);
      for (size_t i = LEVELS; i >= 1; i--)
        {
          double beta = sb_ddpm_beta (ddpm, i), alpha = sb_ddpm_alpha (ddpm, i);
          double s = -v / (alpha * quarter + 1 - alpha);
          v = (v + beta * s) / sqrt (1 - beta) + sqrt (beta) * normal (stream, SB_FOR_PREDICTOR, row, LEVELS - i);
        }
      gsl_matrix_set (expected, row, 0, v);
    }
  sb_pc pc = { .step = sb_step_ancestral, .final = SB_FINAL_SAMPLE };
  run_chain (ddpm, 0, &pc, stream, x);
  cr_assert_leq (largest_difference (x, expected), 1e-13);
}

// ## Exact steps keep the exact law
//
// A predictor that draws x_s given x_t exactly, and a corrector that keeps p_t, in any order: the variance at the end
// is that of p_s. [scoresde.alg1]

static int
exact_predictor (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *from, const gsl_vector *to,
                 const gsl_matrix *z, gsl_matrix *x)
{
  const recursion *data = work->score->state;
  double a, sd, s = gsl_vector_get (from, 0), t = gsl_vector_get (to, 0);
  (void)y;
  sb_process_scalars (data->process, s, t, &a, &sd);
  for (size_t k = 0; k < x->size2; k++)
    {
      double v_s = recursion_variance (data, k, s), v_t = recursion_variance (data, k, t);
      for (size_t i = 0; i < x->size1; i++)
        gsl_matrix_set (
            x, i, k, a * v_s / v_t * gsl_matrix_get (x, i, k) + sqrt (v_s * sd * sd / v_t) * gsl_matrix_get (z, i, k));
    }
  return GSL_SUCCESS;
}

static int
exact_corrector (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
                 const gsl_matrix *z, gsl_matrix *x)
{
  (void)corrector, (void)y, (void)s;
  for (size_t k = 0; k < x->size2; k++)
    for (size_t i = 0; i < x->size1; i++)
      gsl_matrix_set (x, i, k,
                      0.8 * gsl_matrix_get (x, i, k)
                          + 0.6 * sqrt (recursion_variance (work->score->state, k, t)) * gsl_matrix_get (z, i, k));
  return GSL_SUCCESS;
}

Test (pc, exact_steps_keep_the_law)
{
  const sb_step_type predictor = { .entry = { .name = "exact" }, .take = exact_predictor };
  const sb_corrector_type corrector = { .entry = { .name = "exact" }, .step = exact_corrector };
  gsl_vector *lambda = vector_of (0.25, 1, 3), *times = vector_of (1, 0.6, 0.3, 0.05);
  sb_process *subvp = scoped (sb_subvp_alloc (3, 0.1, 20));
  recursion data = { .process = subvp, .lambda = lambda, .factor = 1 };
  for (int order = SB_PREDICTOR_FIRST; order <= SB_CORRECTOR_FIRST; order++)
    for (size_t M = 0; M < 3; M++)
      {
        sb_pc pc = { .step = &predictor,
                     .corrector = { .type = &corrector },
                     .corrector_steps = M,
                     .order = (sb_pc_order)order,
                     .final = SB_FINAL_SAMPLE };
        gsl_vector *v = vector (3);
        for (size_t k = 0; k < 3; k++)
          gsl_vector_set (v, k, recursion_variance (&data, k, 1));
        ok (recursion_run (&data, &pc, times, v, NULL));
        for (size_t k = 0; k < 3; k++)
          cr_assert_float_eq (gsl_vector_get (v, k) / recursion_variance (&data, k, 0.05), 1, 1e-12,
                              "order %d, M = %zu, k = %zu", order, M, k);
      }
}

// ## Particles do what the recursion says
//
// Algorithms 2 and 3 on the spectrum of test_spectrum.c, 50 levels, 1000 particles: each of the 48 variances within 6
// standard errors $\sqrt{2/n}$ of the recursion's, and their mean ratio within 6 of its own, plus 2% for the
// randomness of the corrector's step. [scoresde.alg2] [scoresde.alg3]

static void
particles_case (sb_process *chain, double prior)
{
  enum
  {
    D = 48,
    ROWS = 1000
  };
  double sum = 0;
  gsl_vector *lambda = vector (D), *v = vector_all (D, prior * prior);
  for (int k = 0; k < D; k++)
    gsl_vector_set (lambda, (size_t)k, 2.69 / (k + 1));
  recursion data = { .process = chain, .lambda = lambda, .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, &data, chain));
  gsl_matrix *x = matrix (ROWS, D);
  gsl_vector *times = level_times (chain->levels, 0, chain->levels);
  sb_pc pc = sb_pc_default ();
  pc.final = SB_FINAL_MEAN;
  sb_stream stream = { .seed = 5, .purpose = SB_FOR_PRIOR };
  ok (sb_process_prior (chain, stream, x));
  ok (sb_pc_sample (&pc, score, NULL, times, stream, x, NULL));
  ok (recursion_run (&data, &pc, times, v, NULL));
  for (size_t k = 0; k < D; k++)
    {
      double squares = 0;
      for (size_t i = 0; i < ROWS; i++)
        squares += gsl_pow_2 (gsl_matrix_get (x, i, k)) / ROWS;
      cr_assert_float_eq (squares / gsl_vector_get (v, k), 1, 6 * sqrt (2. / ROWS) + 0.02, "%s, k = %zu: %g, not %g",
                          chain->type->name, k, squares, gsl_vector_get (v, k));
      sum += squares / gsl_vector_get (v, k) / D;
    }
  cr_assert_float_eq (sum, 1, 6 * sqrt (2. / ROWS / D) + 0.02, "%s: mean ratio %g", chain->type->name, sum);
}

Test (pc, particles_do_what_the_recursion_says)
{
  particles_case (scoped (sb_smld_alloc (48, 50, 0.01, 20)), 20);
  particles_case (scoped (sb_ddpm_alloc (48, 50, 0.1, 20)), 1);
}

// ## Denoising
//
// A grid of one time has no steps: what remains is Tweedie's formula, which for the mixture must be the posterior
// mean by quadrature, under the three SDEs. [scoresde.txt-denoise]

static void
denoising_case (sb_process *process, double t)
{
  gsl_matrix *x = matrix (9, 1);
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, process, process));
  for (size_t i = 0; i < 9; i++)
    gsl_matrix_set (x, i, 0, gmm3_quantile (process, t, 0.1 * (double)(i + 1)));
  const gsl_matrix *y = copy_of (x);
  sb_pc pc = { .step = sb_step_none, .final = SB_FINAL_DENOISE };
  size_t evaluations;
  ok (sb_pc_sample (&pc, score, NULL, vector_of (t), (sb_stream){ 0 }, x, &evaluations));
  cr_assert_eq (evaluations, 1);
  for (int i = 0; i < 9; i++)
    cr_assert_float_eq (x->data[i], gmm3_posterior_mean (process, t, y->data[i]), 1e-9, "%s, x = %g: %g",
                        process->type->name, y->data[i], x->data[i]);
}

Test (pc, denoising_is_the_posterior_mean)
{
  denoising_case (scoped (sb_ve_alloc (1, 0.01, 50)), 0.5);
  denoising_case (scoped (sb_vp_alloc (1, 0.1, 20)), 0.3);
  denoising_case (scoped (sb_subvp_alloc (1, 0.1, 20)), 0.3);
}

// For SMLD the last predictor step without its noise is Tweedie's formula. For DDPM it is so for ancestral sampling;
// for reverse diffusion the coefficients differ by $\beta_1^2/4$ of x and $\beta_1^2/2$ of the score,
// $2.5\cdot10^{-9}$ and $5\cdot10^{-9}$ at $\beta_1 = 10^{-4}$. [scoresde.txt-denoise]

static double
end_of_run (const sb_step_type *predictor, const sb_process *chain, sb_final final, double score_value, double x)
{
  const double first = 1 / (double)chain->levels;
  gsl_vector *times = final == SB_FINAL_MEAN ? vector_of (first, 0) : vector_of (first);
  gsl_matrix *at = matrix_of (1, 1, x);
  recursion data = { .process = chain, .lambda = vector_of (score_value), .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, &data, chain));
  sb_pc pc = { .step = predictor, .final = final };
  ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ 0 }, at, NULL));
  return gsl_matrix_get (at, 0, 0);
}

Test (pc, noise_free_last_step_and_tweedie)
{
  sb_process *smld = scoped (sb_smld_alloc (1, 10, 0.01, 50)), *ddpm = scoped (sb_ddpm_alloc (1, 1000, 0.1, 20));
  const double lambda = 0.25, x = 0.8;
  double tweedie = end_of_run (sb_step_none, smld, SB_FINAL_DENOISE, lambda, x);
  cr_assert_float_eq (end_of_run (sb_step_reverse_diffusion, smld, SB_FINAL_MEAN, lambda, x), tweedie, 2e-16);
  cr_assert_float_eq (end_of_run (sb_step_ancestral, smld, SB_FINAL_MEAN, lambda, x), tweedie, 2e-16);

  // Data of variance 1/4 and of variance 4: two equations for the two coefficients of the difference.
  double difference[2], s[2];
  const double lambdas[2] = { 0.25, 4 };
  for (int i = 0; i < 2; i++)
    {
      s[i] = -x / (lambdas[i] * (1 - 1e-4) + 1e-4);
      tweedie = end_of_run (sb_step_none, ddpm, SB_FINAL_DENOISE, lambdas[i], x);
      difference[i] = tweedie - end_of_run (sb_step_reverse_diffusion, ddpm, SB_FINAL_MEAN, lambdas[i], x);
      cr_assert_float_eq (end_of_run (sb_step_ancestral, ddpm, SB_FINAL_MEAN, lambdas[i], x), tweedie, 4e-16);
    }
  double of_score = (difference[0] - difference[1]) / (s[0] - s[1]);
  double of_x = (difference[0] - of_score * s[0]) / x;
  cr_assert_float_eq (of_score / 5e-9, 1, 1e-3, "coefficient of the score: %g", of_score);
  cr_assert_float_eq (of_x / 2.5e-9, 1, 1e-3, "coefficient of x: %g", of_x);
}

// ## Settings
//
// One corrector step per level beside a predictor; two where there is none, N = 1000 levels, 2000 evaluations.
// [scoresde.set-samplers]

Test (pc, settings)
{
  sb_pc pc = sb_pc_default ();
  cr_assert_eq (pc.step, sb_step_reverse_diffusion);
  cr_assert_eq (pc.corrector.type, sb_corrector_langevin);
  cr_assert (pc.corrector.snr == 0.16 && pc.corrector.norm == SB_NORM_BATCH && pc.corrector.alpha == SB_ALPHA_STEP);
  cr_assert (pc.corrector_steps == 1 && pc.order == SB_PREDICTOR_FIRST && pc.final == SB_FINAL_DENOISE);
  cr_assert (pc.progress == NULL);

  sb_process *smld = scoped (sb_smld_alloc (1, 1000, 0.01, 50));
  record r = { "", 0 };
  sb_score *score = scoped (sb_score_alloc (&counting_type, &r, smld));
  pc.step = sb_step_none;
  pc.corrector = (sb_corrector){ .type = sb_corrector_fixed, .epsilon = 1e-9 };
  pc.corrector_steps = 2;
  pc.order = SB_CORRECTOR_FIRST;
  pc.final = SB_FINAL_SAMPLE;
  gsl_matrix *x = matrix_all (1, 1, 0);
  size_t evaluations;
  ok (sb_pc_sample (&pc, score, NULL, level_times (1000, 0, 1000), (sb_stream){ 0 }, x, &evaluations));
  cr_assert (evaluations == 2000 && r.evaluations == 2000);
}

// ## The same sample in any batch, with any number of threads
//
// A mixture in the plane, through the library's own exact score. Batches of 300, and of 1, 99 and 200, on one thread
// and on three: the same bits.

typedef struct
{
  const sb_pc *pc;
  const sb_score *score;
  const gsl_vector *times;
} job;

static void
sample_rows (const job *j, gsl_matrix *x, size_t first, size_t rows)
{
  gsl_matrix_view part = gsl_matrix_submatrix (x, first, 0, rows, x->size2);
  sb_stream stream = sb_stream_skip ((sb_stream){ .seed = 3, .purpose = SB_FOR_PRIOR, .index = 1000 }, first);
  ok (sb_process_prior (j->score->process, stream, &part.matrix));
  ok (sb_pc_sample (j->pc, j->score, NULL, j->times, stream, &part.matrix, NULL));
}

Test (pc, the_same_in_any_batch)
{
  gsl_matrix *means = matrix_of (2, 2, 1, 0, -1, 2);
  gsl_matrix *covariances = matrix_of (4, 2, 0.2, 0.1, 0.1, 0.3, 0.1, 0, 0, 0.4);
  sb_target *target = scoped (sb_target_mixture_alloc (vector_of (0.4, 0.6), means, covariances));
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  sb_score *score = scoped (sb_score_exact_alloc (target, vp));
  gsl_vector *times = vector (21);
  for (size_t k = 0; k <= 20; k++)
    gsl_vector_set (times, k, k == 20 ? vp->t_min : 1 - (double)k / 20);
  sb_pc pc = sb_pc_default ();
  pc.corrector.norm = SB_NORM_ROW;
  job j = { &pc, score, times };

  gsl_matrix *whole = matrix (300, 2), *parts = matrix (300, 2);
  omp_set_num_threads (3);
  sample_rows (&j, whole, 0, 300);
  omp_set_num_threads (1);
  sample_rows (&j, parts, 0, 1);
  sample_rows (&j, parts, 1, 99);
  sample_rows (&j, parts, 100, 200);
  cr_assert (gsl_matrix_equal (whole, parts));
}

// Predictor and corrector draw from streams of their own, each step its own numbers, whatever the other does. With a
// predictor that adds its normals and a corrector that adds a thousand times its own, x is the sum of them all.
// [scoresde.alg1]

static int
adding_predictor (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                  const gsl_matrix *z, gsl_matrix *x)
{
  (void)work, (void)y, (void)s, (void)t;
  return gsl_matrix_add (x, z);
}

static int
adding_corrector (const sb_corrector *corrector, sb_sampler_work *work, const gsl_matrix *y, double s, double t,
                  const gsl_matrix *z, gsl_matrix *x)
{
  (void)corrector, (void)work, (void)y, (void)s, (void)t;
  gsl_matrix_add (x, z);
  gsl_matrix_scale (x, 2);
  return GSL_SUCCESS;
}

Test (pc, where_the_normals_come_from)
{
  const sb_step_type predictor = { .entry = { .name = "adding" }, .take = adding_predictor };
  const sb_corrector_type corrector = { .entry = { .name = "adding" }, .step = adding_corrector };
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  record r = { "", 0 };
  sb_score *score = scoped (sb_score_alloc (&counting_type, &r, vp));
  gsl_matrix *x = matrix_all (2, 1, 0);
  sb_stream stream = { .seed = 11, .purpose = SB_FOR_USER, .index = 5 };
  sb_pc pc
      = { .step = &predictor, .corrector = { .type = &corrector }, .corrector_steps = 2, .final = SB_FINAL_SAMPLE };
  ok (sb_pc_sample (&pc, score, NULL, vector_of (1, 0.7, 0.3, 0.1), stream, x, NULL));
  for (size_t row = 0; row < 2; row++)
    {
      double expected = 0;
      for (size_t k = 0; k < 3; k++)
        {
          expected += normal (stream, SB_FOR_PREDICTOR, row, k);
          for (size_t m = 0; m < 2; m++)
            expected = 2 * (expected + normal (stream, SB_FOR_CORRECTOR, row, 2 * k + m));
        }
      cr_assert_float_eq (gsl_matrix_get (x, row, 0), expected, 1e-13);
    }
}

// With a callback, they are what it writes: here the stream's own, so that nothing changes, then their opposites.

typedef struct
{
  sb_stream stream;
  double factor;
  size_t calls, stop_at;
} own_noise;

static int
write_noise (void *context, sb_purpose purpose, size_t count, gsl_matrix *z)
{
  own_noise *own = context;
  own->stream.purpose = purpose;
  ok (sb_stream_normals (own->stream, count * z->size2, z));
  gsl_matrix_scale (z, own->factor);
  return ++own->calls == own->stop_at ? GSL_EFAILED : GSL_SUCCESS;
}

Test (pc, noise_of_ones_own)
{
  sb_process *ve = scoped (sb_ve_alloc (2, 0.01, 3));
  sb_target *law = scoped (sb_target_points_alloc (matrix_all (1, 2, 0), NULL));
  sb_score *score = scoped (sb_score_exact_alloc (law, ve));
  own_noise own = { .stream = { .seed = 4, .index = 7 }, .factor = 1 };
  sb_pc pc = sb_pc_default ();
  pc.step = sb_step_ancestral;
  pc.corrector = (sb_corrector){ .type = sb_corrector_constant, .epsilon = 0.01 };
  pc.corrector_steps = 2;
  pc.context = &own;
  gsl_matrix *usual = matrix_all (3, 2, 0), *x = matrix_all (3, 2, 0), *opposite = matrix_all (3, 2, 0);
  const gsl_vector *times = vector_of (1, 0.7, 0.3, 0.1);
  ok (sb_pc_sample (&pc, score, NULL, times, own.stream, usual, NULL));
  pc.noise = write_noise;
  ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 1 }, x, NULL));
  cr_assert_eq (own.calls, 9);
  cr_assert (gsl_matrix_equal (x, usual));
  own.factor = -1; // everything is linear, about a mean of 0
  ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 1 }, opposite, NULL));
  gsl_matrix_add (opposite, usual);
  cr_assert_lt (largest_difference (opposite, matrix_all (3, 2, 0)), 1e-14);

  own.calls = 0;
  own.stop_at = 4;
  refused (GSL_EFAILED, sb_pc_sample (&pc, score, NULL, times, own.stream, x, NULL));
  cr_assert_eq (own.calls, 4);
}

// ## Progress

typedef struct
{
  double t[8], x[8];
  size_t done[8], steps, count, stop_at;
} trajectory;

static int
observe (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  trajectory *path = context;
  path->t[path->count] = t;
  path->x[path->count] = gsl_matrix_get (x, 0, 0);
  path->done[path->count] = done;
  path->steps = steps;
  path->count++;
  return path->count == path->stop_at ? GSL_EFAILED : GSL_SUCCESS;
}

static int
observed_run (trajectory *path, sb_final final, double *x)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, vp, vp));
  gsl_matrix_view x_view = gsl_matrix_view_array (x, 1, 1);
  sb_pc pc = sb_pc_default ();
  pc.final = final;
  pc.progress = observe;
  pc.context = path;
  int status = sb_pc_sample (&pc, score, NULL, vector_of (1, 0.5, 0.1), (sb_stream){ .seed = 2 }, &x_view.matrix, NULL);
  return status;
}

Test (pc, progress)
{
  trajectory path = { .stop_at = 0 };
  double x = 1.25;
  ok (observed_run (&path, SB_FINAL_DENOISE, &x));
  const double times[4] = { 1, 0.5, 0.1, 0 };
  cr_assert (path.count == 4 && path.steps == 2);
  for (size_t k = 0; k < 4; k++)
    cr_assert (path.t[k] == times[k] && path.done[k] == GSL_MIN (k, 2), "call %zu: t = %g, %zu done", k, path.t[k],
               path.done[k]);
  cr_assert (path.x[0] == 1.25 && path.x[3] == x && path.x[1] != path.x[2] && path.x[2] != x);

  path = (trajectory){ .stop_at = 0 };
  x = 1.25;
  ok (observed_run (&path, SB_FINAL_SAMPLE, &x));
  cr_assert (path.count == 3 && path.x[2] == x);

  for (size_t stop = 1; stop <= 4; stop++)
    {
      path = (trajectory){ .stop_at = stop };
      x = 1.25;
      refused (GSL_EFAILED, observed_run (&path, SB_FINAL_DENOISE, &x));
      cr_assert_eq (path.count, stop);
    }
}

// In every order: after each time of the grid that is done with, or after each move.

Test (pc, progress_in_every_order)
{
  static const struct
  {
    sb_pc_order order;
    bool each;
    size_t count; // of calls, the first before any move
    double t[6];
  } cases[] = { { SB_PREDICTOR_FIRST, false, 3, { 1, 0.5, 0.1 } },
                { SB_CORRECTOR_FIRST, false, 3, { 1, 0.5, 0.1 } },
                { SB_CORRECTOR_ALWAYS, false, 4, { 1, 1, 0.5, 0.1 } },
                { SB_PREDICTOR_FIRST, true, 5, { 1, 0.5, 0.5, 0.1, 0.1 } },
                { SB_CORRECTOR_FIRST, true, 5, { 1, 1, 0.5, 0.5, 0.1 } },
                { SB_CORRECTOR_ALWAYS, true, 6, { 1, 1, 0.5, 0.5, 0.1, 0.1 } } };
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, vp, vp));
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    {
      trajectory path = { .stop_at = 0 };
      sb_pc pc = sb_pc_default ();
      pc.order = cases[k].order;
      pc.each_corrector = cases[k].each;
      pc.final = SB_FINAL_SAMPLE;
      pc.progress = observe;
      pc.context = &path;
      ok (sb_pc_sample (&pc, score, NULL, vector_of (1, 0.5, 0.1), (sb_stream){ .seed = 2 }, matrix_all (1, 1, 1.25),
                        NULL));
      cr_assert (path.count == cases[k].count && path.steps == path.count - 1, "case %zu: %zu calls", k, path.count);
      for (size_t call = 0; call < path.count; call++)
        cr_assert (path.t[call] == cases[k].t[call] && path.done[call] == call, "case %zu, call %zu: t = %g, %zu done",
                   k, call, path.t[call], path.done[call]);
    }
}

// ## What callers can do wrong

static int
run_status (sb_pc pc, const gsl_vector *times, size_t rows, size_t d)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, vp, vp));
  size_t evaluations = 99;
  int status = sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 2 }, matrix_all (rows, d, 0), &evaluations);
  bool began = times->size > 1 && times->data[1] < times->data[0] && pc.step != NULL;
  cr_assert (status == GSL_SUCCESS || began || evaluations == 0, "%zu evaluations before the first step", evaluations);
  return status;
}

Test (pc, wrong_arguments)
{
  sb_pc pc = sb_pc_default ();
  const gsl_vector *right = vector_of (1, 0.5, 0.1), *before = vector_of (1, 0.5, -0.1),
                   *to_zero = vector_of (1, 0.5, 0);
  ok (run_status (pc, right, 2, 1));
  ok (run_status (pc, right, 0, 1), "no rows");
  ok (run_status (pc, vector_of (1), 2, 1), "no steps");
  refused (GSL_EBADLEN, run_status (pc, right, 2, 2), "wrong dimension");
  refused (GSL_EBADLEN, run_status (pc, vector (0), 2, 1), "no times");
  refused (GSL_EDOM, run_status (pc, vector_of (1, 0.5, 0.6), 2, 1), "upwards");
  refused (GSL_EDOM, run_status (pc, vector_of (1, 0.5, 0.5), 2, 1), "a time twice");
  refused (GSL_EDOM, run_status (pc, vector_of (1.5, 0.5), 2, 1), "beyond T");
  refused (GSL_EDOM, run_status (pc, before, 2, 1), "before 0");
  refused (GSL_EDOM, run_status (pc, vector_of (1, GSL_NAN, 0.1), 2, 1), "NaN");
  refused (GSL_EDOM, run_status (pc, to_zero, 2, 1), "denoising at 0");
  pc.final = SB_FINAL_SAMPLE;
  ok (run_status (pc, to_zero, 2, 1));
  refused (GSL_EDOM, run_status (pc, before, 2, 1), "before 0, sampling");
  sb_pc incomplete = pc;
  incomplete.step = NULL;
  refused (GSL_EINVAL, run_status (incomplete, right, 2, 1), "no predictor");
  incomplete = pc;
  incomplete.corrector.type = NULL;
  refused (GSL_EINVAL, run_status (incomplete, right, 2, 1), "no corrector");
  pc.corrector.snr = -1;
  refused (GSL_EDOM, run_status (pc, right, 2, 1), "a negative r");
  pc.corrector_steps = 0;
  ok (run_status (pc, right, 2, 1), "no corrector: r is not looked at");
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, vp, vp));
  gsl_matrix *x = matrix_all (2, 1, 0);
  refused (GSL_EINVAL, sb_pc_sample (&pc, score, x, right, (sb_stream){ 0 }, x, NULL), "the samples are the condition");
}

// A score that fails on its k-th call, or is not finite there, ends the run with its own status, whichever step
// asked; and the evaluations until then are counted.

typedef struct
{
  size_t calls, fail_at;
  bool nan;
} failing_state;

static int
failing (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
         gsl_matrix *out)
{
  failing_state *f = (failing_state *)state;
  (void)view, (void)t, (void)y;
  gsl_matrix_memcpy (out, x);
  gsl_matrix_scale (out, -1);
  if (++f->calls != f->fail_at)
    return GSL_SUCCESS;
  if (!f->nan)
    return GSL_ECACHE;
  gsl_matrix_set (out, x->size1 - 1, 0, GSL_NAN);
  return GSL_SUCCESS;
}

Test (pc, a_score_that_fails)
{
  static const sb_score_type type = { .name = "failing", .views = SB_SCORE | SB_DENOISER, .evaluate = failing };
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  gsl_vector *times = vector_of (1, 0.5, 0.1);
  for (size_t k = 1; k <= 6; k++)
    for (int nan = 0; nan <= 1; nan++)
      {
        failing_state state = { .fail_at = k, .nan = nan };
        sb_score *score = scoped (sb_score_alloc (&type, &state, vp));
        gsl_matrix *x = matrix_all (2, 1, 1);
        sb_pc pc = sb_pc_default ();
        size_t evaluations;
        int status = sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 2 }, x, &evaluations);
        cr_assert_eq (status, k == 6 ? GSL_SUCCESS : nan ? GSL_EBADFUNC : GSL_ECACHE, "call %zu: status %d", k, status);
        cr_assert_eq (evaluations, GSL_MIN (k, 5), "call %zu: %zu evaluations", k, evaluations);
      }
}
