// # What is known of the samples
//
// Two coordinates with unit variance and correlation rho, of which the first is known.

#include "conformance/worlds.h"
#include "process/ddpm.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/known.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"
#include "target/image_law.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (known);

static sb_score *
correlated (const sb_process *process, double rho)
{
  gsl_matrix *C = matrix_all (2, 2, rho);
  gsl_matrix_set (C, 0, 0, 1);
  gsl_matrix_set (C, 1, 1, 1);
  return scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_all (2, 0), C)), process));
}

// ## The known part is the forward process's
//
// The restricted kernel is the whole kernel's: A(0,t) y + S(0,t) z, each time with other numbers of the row's stream,
// or always the same; at t = 0 it is y. The rest is not touched. [scoresde.txt-impute-sde] [scoresde.txt-impute-score]

static void
check_known (const sb_process *process)
{
  gsl_matrix *y = normals (5, 3, 1), *x = matrix_all (5, 3, 7), *z = matrix (5, 9);
  gsl_matrix_set (y, 2, 1, GSL_NAN); // not known, not looked at
  sb_known known = { y, vector_of (1, 0, 1), false, NULL };
  const sb_stream stream = { .seed = 3, .index = 11 };
  ok (sb_stream_normals ((sb_stream){ 3, SB_FOR_KNOWN, 11 }, 0, z));
  for (int path = 0; path < 2; path++)
    for (size_t count = 0; count < 3; count++)
      {
        double m, s;
        const double t = 0.1 + 0.3 * (double)count;
        known.one_path = path;
        ok (sb_process_scalars (process, 0, t, &m, &s));
        ok (sb_known_impute (&known, process, stream, count, t, x));
        for (size_t i = 0; i < 5; i++)
          for (size_t j = 0; j < 3; j++)
            {
              const double expected
                  = j == 1 ? 7 : m * gsl_matrix_get (y, i, j) + s * gsl_matrix_get (z, i, (path ? 0 : 3 * count) + j);
              cr_assert_float_eq (gsl_matrix_get (x, i, j), expected, 1e-14, "count %zu, row %zu, column %zu", count, i,
                                  j);
            }
      }
  ok (sb_known_impute (&known, process, stream, 5, 0, x));
  for (size_t i = 0; i < 5; i++)
    cr_assert (gsl_matrix_get (x, i, 0) == gsl_matrix_get (y, i, 0) && gsl_matrix_get (x, i, 1) == 7
               && gsl_matrix_get (x, i, 2) == gsl_matrix_get (y, i, 2));
}

Test (known, is_put_in_with_the_noise_of_its_time)
{
  check_known (scoped (sb_vp_alloc (3, 0.1, 20)));
  check_known (scoped (sb_subvp_alloc (3, 0.1, 20)));
  check_known (scoped (sb_ve_alloc (3, 0.01, 20)));
}

// ## The score of the unknown part given the noisy known part is the whole's
//
// By differences of log p(z, omega) - log p(omega) in z: the second term has none. [scoresde.txt-impute-score]
// [scoresde.txt-imputation-def]

Test (known, the_score_of_the_whole_says_how_the_rest_goes_on)
{
  sb_process *ve = scoped (sb_ve_alloc (2, 0.01, 20)), *one = scoped (sb_ve_alloc (1, 0.01, 20));
  gsl_matrix *means = normals (2, 2, 1), *C = matrix_all (4, 2, 0.3);
  for (size_t k = 0; k < 4; k++)
    gsl_matrix_set (C, k, k % 2, 1);
  sb_target *law = scoped (sb_target_mixture_alloc (NULL, means, C)),
            *first = scoped (sb_target_image_alloc (law, scoped (sb_operator_select_alloc (vector_of (1, 0)))));
  sb_score *score = scoped (sb_score_exact_alloc (law, ve));
  const double weight[] = { 1, -8, 8, -1 }, at[] = { -2, -1, 1, 2 }, h = 1e-3;
  for (double t = 0.2; t < 1; t += 0.2)
    for (double z = -1; z < 2; z += 0.5)
      {
        gsl_matrix *x = matrix_all (1, 2, 0.4), *s = matrix (1, 2);
        double slope = 0;
        gsl_matrix_set (x, 0, 1, z);
        ok (sb_score_evaluate (score, SB_SCORE, x, vector_of (t), NULL, s));
        for (int k = 0; k < 4; k++)
          {
            gsl_vector *both = vector (1), *alone = vector (1);
            gsl_matrix_set (x, 0, 1, z + at[k] * h);
            ok (sb_target_log_density (law, ve, x, vector_of (t), both));
            ok (sb_target_log_density (first, one, matrix_all (1, 1, 0.4), vector_of (t), alone));
            slope += weight[k] * (gsl_vector_get (both, 0) - gsl_vector_get (alone, 0)) / (12 * h);
          }
        cr_assert_float_eq (gsl_matrix_get (s, 0, 1), slope, 1e-7 * (1 + fabs (slope)));
      }
}

// Every move of predictor and corrector, and the denoising, begins with another draw of what is known at the move's own
// time, and the end has it without noise: a run by hand. [scoresde.txt-impute-reverse] [scoresde.txt-impute-score]

Test (known, each_move_begins_with_what_is_known_at_its_time)
{
  const double t[] = { 0.8, 0.5, 0.3 };
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  const sb_score *score = correlated (vp, 0.7);
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 5));
  const sb_known known = { normals (5, 2, 1), vector_of (1, 0), false, NULL };
  const sb_pc pc = { .step = sb_step_reverse_diffusion,
                     .corrector = { .type = sb_corrector_fixed, .epsilon = 0.1 },
                     .corrector_steps = 1,
                     .final = SB_FINAL_DENOISE,
                     .noiseless = true,
                     .known = &known };
  const sb_stream stream = { .seed = 3 };
  gsl_matrix *x = normals (5, 2, 2), *y = copy_of (x), *end = matrix (5, 2);
  size_t draws = 0;
  ok (sb_pc_sample (&pc, score, NULL, vector_of (t[0], t[1], t[2]), stream, x, NULL));
  for (int k = 0; k < 2; k++)
    {
      ok (sb_known_impute (&known, vp, stream, draws++, t[k], y));
      ok (sb_step_apply (pc.step, NULL, work, NULL, vector_all (5, t[k + 1]), vector_all (5, t[k]), NULL, y));
      ok (sb_known_impute (&known, vp, stream, draws++, t[k + 1], y));
      ok (sb_corrector_apply (&pc.corrector, work, NULL, 0, t[k + 1], NULL, y));
    }
  ok (sb_known_impute (&known, vp, stream, draws++, t[2], y));
  ok (sb_score_evaluate (score, SB_DENOISER, y, vector_all (5, t[2]), NULL, end));
  ok (sb_known_impute (&known, vp, stream, draws, 0, end));
  cr_assert_lt (largest_difference (x, end), 1e-13);
}

// ## What comes out
//
// With rho = 0.5, predictors alone end at the mean .267949 y and the variance .823959 in the limit, with one path for
// the known part's noise at .861596, and with one corrector each at nearly rho y and (1 - rho^2)(1 + r^2). 12,000
// samples; a large y makes the means sure to a thousandth, but a corrector's steps, which are measured by the score,
// short. Within 5.2 standard errors, and 1 % and 5e-3 for a thousand steps: false alarm 1e-6.
// [scoresde.txt-impute-approx]

static void
check_imputation (const sb_process *process, double rho, bool one_path, size_t correctors, double known_value,
                  double mean, double variance)
{
  enum
  {
    N = 12000
  };
  const double se = sqrt (variance / N) / known_value;
  const sb_known known = { matrix_all (N, 2, known_value), vector_of (1, 0), one_path, NULL };
  sb_pc pc = { .step = sb_step_reverse_diffusion,
               .corrector = { .type = sb_corrector_langevin, .snr = 0.16 },
               .corrector_steps = correctors,
               .final = SB_FINAL_MEAN,
               .known = &known };
  gsl_matrix *x = matrix (N, 2);
  gsl_vector *times = vector (1001);
  for (size_t k = 0; k <= 1000; k++)
    gsl_vector_set (times, k, 1 - (double)k / 1000 * (1 - 1e-5));
  ok (sb_process_prior (process, (sb_stream){ .seed = 2, .purpose = SB_FOR_PRIOR }, x));
  ok (sb_pc_sample (&pc, correlated (process, rho), NULL, times, (sb_stream){ .seed = 2 }, x, NULL));
  for (size_t i = 0; i < N; i++)
    cr_assert_eq (gsl_matrix_get (x, i, 0), known_value);
  const double m = gsl_stats_mean (x->data + 1, x->tda, N), v = gsl_stats_variance (x->data + 1, x->tda, N);
  cr_assert_float_eq (m / known_value, mean, 0.01 * mean + 5.2 * se,
                      "rho %g, one path %d, %zu correctors: mean %g y, not %g", rho, one_path, correctors,
                      m / known_value, mean);
  cr_assert_float_eq (v, variance, (5.2 * sqrt (2. / N) + 5e-3) * variance,
                      "rho %g, one path %d, %zu correctors: variance %g, not %g", rho, one_path, correctors, v,
                      variance);
}

Test (known, what_predictors_alone_make_of_it)
{
  const sb_process *ve = scoped (sb_ve_alloc (2, 0.01, 20));
  check_imputation (ve, 0.5, false, 0, 40, 0.267949, 0.823959);
  check_imputation (ve, 0.5, true, 0, 40, 0.267949, 0.861596);
  check_imputation (ve, 0.9, true, 0, 40, 0.626789, 0.402944);
}

Test (known, what_correctors_mend)
{
  check_imputation (scoped (sb_ve_alloc (2, 0.01, 20)), 0.5, false, 1, 1, 0.5, 0.7691);
}

// VP is VE on another clock and scale, and ends where it does. [scoresde.txt-impute-reverse]
// [scoresde.txt-impute-approx]

Test (known, what_predictors_alone_make_of_it_under_vp)
{
  const sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  check_imputation (vp, 0.5, false, 0, 40, 0.267949, 0.823959);
  check_imputation (vp, 0.5, true, 0, 40, 0.267949, 0.861596);
}

// Without a sample: each step is linear in what is known, what is not, and the noise, and so is Langevin's of the size
// $2r^2/(p(1 + r^2))$, $r = .16$ and $p$ the precision of what is not known given the rest; the score's mean square is
// $p(1 + r^2)$ where such steps have come to rest. Of 4,000 steps the limits are $(1 - \sqrt{1 - \rho^2})/\rho$ and $(1
// - \rho^2)\operatorname{artanh}(\rho)/\rho$; a thousand with a corrector each end at $\rho$ and at $(1 - \rho^2)(1 +
// r^2)$. [scoresde.txt-impute-approx]

static void
advance (const gsl_matrix *x, double a, double sd, bool noisy, double *mean, double *variance)
{
  const double of_known = gsl_matrix_get (x, 0, 1), of_rest = gsl_matrix_get (x, 1, 1),
               noise = noisy ? gsl_matrix_get (x, 2, 1) : 0;
  *mean = of_rest * *mean + of_known * a;
  *variance = gsl_pow_2 (of_rest) * *variance + gsl_pow_2 (of_known * sd) + noise * noise;
}

static void
imputed (const sb_process *process, double rho, size_t steps, bool corrected, double *mean, double *variance)
{
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (correlated (process, rho), 3));
  double a, sd;
  ok (sb_process_scalars (process, 0, 1, &a, &sd));
  *mean = 0;
  *variance = a == 1 ? sd * sd : 1;
  for (size_t k = 0; k < steps; k++)
    {
      const size_t mark = scope_mark ();
      const double length = (1 - 1e-5) / (double)steps, t = 1 - (double)k * length, s = 1 - (double)(k + 1) * length;
      gsl_matrix *x = matrix_of (3, 2, 1, 0, 0, 1, 0, 0), // what is known alone, what is not, noise alone
          *z = matrix_of (3, 2, 0, 0, 0, 0, 0, 1);
      ok (sb_process_scalars (process, 0, t, &a, &sd));
      ok (sb_step_apply (sb_step_reverse_diffusion, NULL, work, NULL, vector_all (3, s), vector_all (3, t), z, x));
      advance (x, a, sd, k + 1 < steps, mean, variance);
      if (corrected && k + 1 < steps)
        {
          ok (sb_process_scalars (process, 0, s, &a, &sd));
          const double r = 0.16, each = a * a + sd * sd, precision = each / (each * each - gsl_pow_2 (a * a * rho));
          const sb_corrector langevin
              = { .type = sb_corrector_constant, .epsilon = 2 * r * r / (precision * (1 + r * r)) };
          x = matrix_of (3, 2, 1, 0, 0, 1, 0, 0);
          ok (sb_corrector_apply (&langevin, work, NULL, 0, s, z, x));
          advance (x, a, sd, true, mean, variance);
        }
      scope_release (mark);
    }
}

Test (known, what_predictors_alone_make_of_it_in_the_limit)
{
  const sb_process *const of[] = { scoped (sb_ve_alloc (2, 0.01, 20)), scoped (sb_vp_alloc (2, 0.1, 20)) };
  for (int k = 0; k < 2; k++)
    for (double rho = 0.5; rho < 1; rho += 0.4)
      {
        double mean, variance;
        imputed (of[k], rho, 4000, false, &mean, &variance);
        cr_assert_float_eq (mean / ((1 - sqrt (1 - rho * rho)) / rho), 1, 5e-3, "rho %g: %g", rho, mean);
        cr_assert_float_eq (variance / ((1 - rho * rho) * atanh (rho) / rho), 1, 5e-3, "rho %g: %g", rho, variance);
      }
}

Test (known, what_correctors_mend_without_samples)
{
  const double rho[] = { 0.5, 0.9 }, means[] = { 0.49993, 0.89987 }, variances[] = { 0.7691, 0.19486 };
  for (int k = 0; k < 2; k++)
    {
      double mean, variance;
      imputed (scoped (sb_ve_alloc (2, 0.01, 20)), rho[k], 1000, true, &mean, &variance);
      cr_assert_float_eq (mean, means[k], 1e-4, "rho %g: %.6f", rho[k], mean);
      cr_assert_float_eq (variance, variances[k], 2e-3 * variances[k], "rho %g: %.6f", rho[k], variance);
    }
}

// ## Without the approximation
//
// The unknown coordinate alone, under the restricted process and with its exact score given y, -(z - m rho y) / (m^2
// (1 - rho^2) + s^2): steps of Euler and Maruyama are affine, and their mean and variance end at rho y and 1 - rho^2.
// [scoresde.txt-impute-reverse]

Test (known, the_exact_conditional_score_has_no_bias)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  for (double rho = 0.5; rho < 1; rho += 0.4)
    {
      const double y = 0.8, v = 1 - rho * rho;
      sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (1, rho * y), matrix_all (1, 1, v)));
      sb_sampler_work *work = scoped (sb_sampler_work_alloc (scoped (sb_score_exact_alloc (law, vp)), 3));
      double m, s, mean, variance;
      ok (sb_process_scalars (vp, 0, 1, &m, &s));
      mean = m * rho * y;
      variance = m * m * v + s * s;
      for (size_t k = 1000; k > 0; k--)
        {
          gsl_matrix *x = matrix_all (3, 1, 0), *z = matrix_all (3, 1, 0);
          gsl_matrix_set (x, 1, 0, 1);
          gsl_matrix_set (z, 2, 0, 1);
          ok (sb_step_apply (sb_step_euler_maruyama, NULL, work, NULL,
                             vector_all (3, 1e-3 + 0.999e-3 * (double)(k - 1)),
                             vector_all (3, 1e-3 + 0.999e-3 * (double)k), z, x));
          const double b = gsl_matrix_get (x, 0, 0), a = gsl_matrix_get (x, 1, 0) - b, g = gsl_matrix_get (x, 2, 0) - b;
          mean = a * mean + b;
          variance = a * a * variance + g * g;
        }
      ok (sb_process_scalars (vp, 0, 1e-3, &m, &s));
      cr_assert_float_eq (mean, m * rho * y, 5e-3 * rho * y, "rho %g: %g", rho, mean);
      cr_assert_float_eq (variance, m * m * v + s * s, 5e-3 * v, "rho %g: %g", rho, variance);
    }
}

// ## All and nothing
//
// Everything known is what comes out; with nothing known the samples are those of any other run, to the bit.
// [scoresde.txt-imputation-def]

Test (known, all_and_nothing)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  sb_score *score = correlated (vp, 0.7);
  const sb_known all = { normals (6, 2, 5), vector_of (1, 1), false, NULL },
                 nothing = { matrix_all (6, 2, GSL_NAN), vector_of (0, 0), false, NULL };
  for (int end = 0; end < 3; end++)
    {
      sb_pc pc = sb_pc_default ();
      gsl_matrix *usual = normals (6, 2, 6), *x = copy_of (usual), *y = copy_of (usual);
      const gsl_vector *times = vector_of (1, 0.7, 0.4, 0.1);
      pc.final = (sb_final)end;
      ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 1 }, usual, NULL));
      pc.known = &nothing;
      ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 1 }, x, NULL));
      cr_assert (gsl_matrix_equal (x, usual));
      pc.known = &all;
      ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 1 }, y, NULL));
      cr_assert (gsl_matrix_equal (y, all.y));
    }
}

// An orthogonal map leaves a Wiener process standard: in the coordinates $\mathbf M^{\mathsf T}\mathbf x$ of two pixels
// what is known has the kernel that it has in $\mathbf x$, to the number. [scoresde.txt-color-wiener]

Test (known, in_another_basis_the_kernel_is_the_same)
{
  sb_process *vp = scoped (sb_vp_alloc (6, 0.1, 20));
  sb_operator *M = scoped (sb_operator_colour_alloc (2));
  gsl_matrix *x = normals (4, 6, 1), *y = normals (4, 6, 2), *u = matrix (4, 6), *back = matrix (4, 6);
  const gsl_vector *grey = vector_of (1, 0, 0, 1, 0, 0);
  const sb_stream stream = { .seed = 4 };
  ok (sb_operator_apply (M, CblasNoTrans, NULL, x, u));
  ok (sb_known_impute (&(sb_known){ y, grey, false, NULL }, vp, stream, 3, 0.3, u));
  ok (sb_known_impute (&(sb_known){ y, grey, false, M }, vp, stream, 3, 0.3, x));
  ok (sb_operator_apply (M, CblasNoTrans, NULL, x, back));
  cr_assert_lt (largest_difference (u, back), 1e-14);
}

// Of a process of several parts coordinates are known as they are, with the numbers of their part, in no other basis:
// there its noises would mix. [scoresde.txt-impute-sde]

static void
check_parts (const world *w, const gsl_matrix *x)
{
  const size_t d = x->size2;
  gsl_vector *a = vector (w->process->parts), *sd = vector (w->process->parts);
  gsl_matrix *z = matrix (x->size1, d);
  ok (sb_process_numbers (w->process, SB_A, 0, w->t, a->data));
  ok (sb_process_numbers (w->process, SB_S, 0, w->t, sd->data));
  ok (sb_stream_normals ((sb_stream){ .purpose = SB_FOR_KNOWN }, 0, z));
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < d; j++)
      {
        const size_t k = sb_process_part (w->process, j);
        const double expected = gsl_vector_get (a, k) + gsl_vector_get (sd, k) * gsl_matrix_get (z, i, j);
        cr_assert_float_eq (gsl_matrix_get (x, i, j), expected, 1e-14 * (1 + fabs (expected)), "%s", w->name);
      }
}

Test (known, in_another_basis_there_is_one_noise)
{
  world w;
  size_t several = 0;
  for (size_t k = 0; world_of (k, &w); k++)
    {
      const size_t d = w.process->dimension;
      gsl_matrix *x = matrix_all (2, d, 0), *y = matrix_all (2, d, 1);
      const gsl_vector *mask = vector_all (d, 1);
      sb_operator *same = scoped (sb_operator_identity_alloc (d));
      if (w.process->parts < 2 || w.process->basis)
        continue;
      several++;
      ok (sb_known_impute (&(sb_known){ y, mask, false, NULL }, w.process, (sb_stream){ 0 }, 0, w.t, x), "%s", w.name);
      check_parts (&w, x);
      refused (GSL_EUNSUP,
               sb_known_impute (&(sb_known){ y, mask, false, same }, w.process, (sb_stream){ 0 }, 0, w.t, x), "%s",
               w.name);
    }
  cr_assert_gt (several, 0);
}

Test (known, refuses_what_does_not_fit)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  gsl_matrix *x = matrix_all (3, 2, 0), *y = matrix_all (3, 2, 1), *nan = matrix_all (3, 2, 1), *none = matrix (0, 2);
  gsl_matrix_set (nan, 2, 0, GSL_NAN);
  const gsl_vector *mask = vector_of (1, 0);
  refused (GSL_EBADLEN, sb_known_impute (&(sb_known){ y, vector (3), false, NULL }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  refused (GSL_EBADLEN,
           sb_known_impute (&(sb_known){ matrix (2, 2), mask, false, NULL }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  refused (GSL_EBADLEN,
           sb_known_impute (&(sb_known){ y, mask, false, NULL }, vp, (sb_stream){ 0 }, 0, 0.5, matrix (3, 3)));
  refused (GSL_EBADLEN,
           sb_known_impute (&(sb_known){ matrix (3, 3), mask, false, NULL }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  refused (GSL_EDOM,
           sb_known_impute (&(sb_known){ y, vector_of (1, 0.5), false, NULL }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  refused (GSL_EDOM, sb_known_impute (&(sb_known){ nan, mask, false, NULL }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  refused (GSL_EDOM, sb_known_impute (&(sb_known){ y, mask, false, NULL }, vp, (sb_stream){ 0 }, 0, 1.5, x));
  ok (sb_known_impute (&(sb_known){ none, mask, false, NULL }, vp, (sb_stream){ 0 }, 0, 0.5, none));
  sb_operator *twice = scoped (sb_operator_scalar_alloc (2, 2)), *three = scoped (sb_operator_identity_alloc (3)),
              *two = scoped (sb_operator_identity_alloc (2));
  refused (GSL_EINVAL, sb_known_impute (&(sb_known){ y, mask, false, twice }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  refused (GSL_EBADLEN, sb_known_impute (&(sb_known){ y, mask, false, three }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  refused (GSL_EDOM, sb_known_impute (&(sb_known){ nan, mask, false, two }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  sb_operator *wide = scoped (sb_operator_dense_alloc (matrix_all (2, 3, 1))),
              *levelled = scoped (sb_operator_multiple_alloc (2));
  refused (GSL_EBADLEN, sb_known_impute (&(sb_known){ y, mask, false, wide }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  refused (GSL_EINVAL, sb_known_impute (&(sb_known){ y, mask, false, levelled }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  static const sb_process_type by_maps = { .name = "by maps" };
  refused (GSL_EUNSUP,
           sb_known_impute (&(sb_known){ y, mask, false, NULL }, scoped (sb_process_alloc (&by_maps, NULL, 2, 0, 1, 0)),
                            (sb_stream){ 0 }, 0, 0.5, x));
  sb_operator *tall = scoped (sb_operator_dense_alloc (matrix_all (3, 2, 1)));
  refused (GSL_EBADLEN, sb_known_impute (&(sb_known){ y, mask, false, tall }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  ok (sb_known_impute (&(sb_known){ y, mask, false, two }, vp, (sb_stream){ 0 }, 0, 0.5, x));
  gsl_matrix *one = matrix_all (1, 2, 7);
  ok (sb_known_impute (&(sb_known){ matrix_all (1, 2, 3), mask, false, two }, vp, (sb_stream){ 0 }, 0, 0, one));
  cr_assert (gsl_matrix_get (one, 0, 0) == 3 && gsl_matrix_get (one, 0, 1) == 7);
  sb_pc pc = sb_pc_default ();
  pc.known = &(sb_known){ nan, mask, false, NULL };
  refused (GSL_EDOM, sb_pc_sample (&pc, correlated (vp, 0.5), NULL, vector_of (1, 0.5), (sb_stream){ 0 }, x, NULL));
}
