// # What must be true of a run of moments
//
// A sampler with an affine score is an affine map of all the normals that it is given: the driver itself, handed unit
// vectors, says which.

#include "sampler/gaussian_run.h"
#include "grid/grid.h"
#include "process/multispeed.h"
#include "process/nonuniform.h"
#include "process/ve.h"
#include "process/vp.h"
#include "scope.h"
#include "score/exact.h"
#include "score/slice.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>

SUITE_WITH_BLAS (gaussian_run);

// ## Unit vectors
//
// Row 0 has no noise and begins at 0, the next two begin at unit vectors, and row $3 + 2k + j$ has the unit vector $j$
// as the noise of step $k$ alone.

enum
{
  D = 2,
  STEPS = 7,
  ROWS = 1 + D + D * STEPS
};

static int
unit_noise (void *context, sb_purpose purpose, size_t count, gsl_matrix *z)
{
  (void)context, (void)purpose;
  gsl_matrix_set_zero (z);
  for (size_t j = 0; j < D; j++)
    gsl_matrix_set (z, 1 + D + D * count + j, j, 1);
  return GSL_SUCCESS;
}

static void
moments_of_driver (const sb_pc *pc, const sb_score *score, const gsl_vector *times, gsl_vector *mean, gsl_matrix *P)
{
  sb_pc by_units = *pc;
  by_units.noise = unit_noise;
  gsl_matrix *x = matrix_all (ROWS, D, 0), *MP = matrix (D, D);
  for (size_t j = 0; j < D; j++)
    gsl_matrix_set (x, 1 + j, j, 1);
  ok (sb_pc_sample (&by_units, score, NULL, times, (sb_stream){ .seed = 1 }, x, NULL));
  const gsl_vector_const_view o = gsl_matrix_const_row (x, 0);
  for (size_t i = ROWS; i-- > 1;)
    {
      gsl_vector_view row = gsl_matrix_row (x, i);
      gsl_vector_sub (&row.vector, &o.vector);
    }
  const gsl_matrix_const_view M = gsl_matrix_const_submatrix (x, 1, 0, D, D),
                              B = gsl_matrix_const_submatrix (x, 1 + D, 0, D * STEPS, D);
  gsl_vector *start = copy_of (mean);
  gsl_vector_memcpy (mean, &o.vector);
  gsl_blas_dgemv (CblasTrans, 1, &M.matrix, start, 1, mean);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, &M.matrix, P, 0, MP);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, MP, &M.matrix, 0, P);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, &B.matrix, &B.matrix, 1, P);
}

// Steps that draw noise and steps that do not, one after the other, without noise, with a last mean, with a denoising.

Test (gaussian_run, is_what_the_driver_does)
{
  const double flow = 0, reverse = 1;
  const sb_pc sampler[] = {
    { .step = sb_step_euler_maruyama, .key = &reverse, .final = SB_FINAL_SAMPLE },
    { .step = sb_step_euler_maruyama, .key = &reverse, .final = SB_FINAL_MEAN },
    { .step = sb_step_euler_maruyama, .key = &reverse, .final = SB_FINAL_DENOISE },
    { .step = sb_step_euler_maruyama, .key = &reverse, .final = SB_FINAL_SAMPLE, .noiseless = true },
    { .step = sb_step_euler_maruyama, .key = &flow, .final = SB_FINAL_MEAN },
    { .step = sb_step_euler_maruyama,
      .key = &reverse,
      .alternate = sb_step_euler_maruyama,
      .alternate_key = &flow,
      .final = SB_FINAL_SAMPLE },
    { .step = sb_step_flow_rk4, .alternate = sb_step_reverse_diffusion, .final = SB_FINAL_MEAN },
  };
  sb_process *process = scoped (sb_nonuniform_alloc (
      "two", 2, (sb_process *const[]){ sb_vp_alloc (1, 0.1, 20), sb_vp_alloc (1, 3, 4) }, 1e-3, 1, NULL));
  sb_score *score = scoped (sb_score_exact_alloc (
      scoped (sb_target_gaussian_alloc (vector_of (0.7, -0.4), matrix_of (2, 2, 1, 0.6, 0.6, 2))), process));
  const gsl_vector *times = vector_of (1, 0.8, 0.63, 0.5, 0.3, 0.2, 0.15, 0.1);
  for (size_t k = 0; k < sizeof sampler / sizeof *sampler; k++)
    {
      gsl_vector *mean = vector_of (0.3, -1), *expected = copy_of (mean);
      gsl_matrix *P = matrix_of (2, 2, 1, -0.3, -0.3, 0.8), *Q = copy_of (P);
      ok (sb_gaussian_run (&sampler[k], score, NULL, times, mean, P));
      moments_of_driver (&sampler[k], score, times, expected, Q);
      cr_assert_lt (largest_difference (P, Q), 1e-13, "sampler %zu: %g", k, largest_difference (P, Q));
      for (size_t j = 0; j < D; j++)
        cr_assert_float_eq (gsl_vector_get (mean, j), gsl_vector_get (expected, j), 1e-13, "sampler %zu", k);
    }
}

// ## A condition that diffuses
//
// Of the last denoising too: it draws $\hat y_t$ at the grid's last time, with that time's noise. On a line, from
// $-(x - ky_t)/v$ and Tweedie's formula, $m \leftarrow (1 - \tau/v)m + (\tau/v)ky$, and likewise the variance, to which
// $(\tau k/v)^2\tau_y$ is added.

Test (gaussian_run, denoises_with_the_condition_of_that_time)
{
  const double rho = 0.8, y = 1.5, t = 0.4;
  sb_process *z = scoped (
      sb_multispeed_alloc (&(sb_multispeed){ .x = 1, .y = 1, .sigma_min = 0.01, .sigma_max = 10, .sigma_max_y = 2 }));
  const sb_process *of_x = sb_nonuniform_block (z, 0), *of_y = sb_nonuniform_block (z, 1);
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (2, 0), matrix_of (2, 2, 1, rho, rho, 1)));
  sb_score *score = scoped (sb_score_slice_alloc (scoped (sb_score_exact_alloc (law, z)), of_x));
  const sb_condition condition = { of_y, false };
  sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE, .condition = &condition };
  gsl_vector *mean = vector_of (0.3), *denoised = copy_of (mean), *times = vector_of (1, 0.7, t);
  gsl_matrix *P = matrix_of (1, 1, 90), *Q = copy_of (P);
  ok (sb_gaussian_run (&pc, score, vector_of (y), times, mean, P));
  pc.final = SB_FINAL_DENOISE;
  ok (sb_gaussian_run (&pc, score, vector_of (y), times, denoised, Q));
  const double tau = gsl_pow_2 (number_of (of_x, SB_S, 0, t)), tau_y = gsl_pow_2 (number_of (of_y, SB_S, 0, t)),
               k = rho / (1 + tau_y), v = 1 + tau - rho * k;
  cr_assert_float_eq (gsl_vector_get (denoised, 0), (1 - tau / v) * gsl_vector_get (mean, 0) + tau / v * k * y, 1e-12);
  const double expected = gsl_pow_2 (1 - tau / v) * gsl_matrix_get (P, 0, 0) + gsl_pow_2 (tau / v * k) * tau_y;
  cr_assert_float_eq (gsl_matrix_get (Q, 0, 0), expected, 1e-14 * expected);
}

// ## Colours that drift
//
// VE's prior has the mean 0, the images' colours have another. Of a mean $\mathbf m$ along a direction of variance
// $\lambda$, exact scores leave the error $-\mathbf m\,\lambda/(\lambda + \sigma_{\max}^2)$ by the reverse SDE and
// $-\mathbf m\sqrt{\lambda/(\lambda + \sigma_{\max}^2)}$ by the flow, and the mean colour of an image is where images
// vary most; along all other directions the mean is the prior's, 0, and stays. Under a prior that has the mean there is
// no error. Pictures of 4 pixels and 3 channels, 0.4, 0.5 and 0.7.

Test (gaussian_run, colours_drift_by_what_the_prior_does_not_have)
{
  enum
  {
    PIXELS = 4,
    CHANNELS = 3,
    ALL = PIXELS * CHANNELS
  };
  const double colour[CHANNELS] = { 0.4, 0.5, 0.7 }, variance = 0.5, rest = 0.01, sigma_max = 2, zero = 0, one = 1;
  const double left = variance / (variance + sigma_max * sigma_max);
  gsl_vector *m = vector (ALL), *times = vector (8001);
  gsl_matrix *C = matrix_all (ALL, ALL, 0);
  for (size_t i = 0; i < ALL; i++)
    {
      gsl_vector_set (m, i, colour[i % CHANNELS]);
      for (size_t j = i % CHANNELS; j < ALL; j += CHANNELS)
        gsl_matrix_set (C, i, j, (variance - rest) / PIXELS + (i == j ? rest : 0));
    }
  sb_score *score = scoped (
      sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (m, C)), scoped (sb_ve_alloc (ALL, 1e-4, sigma_max))));
  ok (sb_grid_linear (1, score->process->t_min, times));
  const struct
  {
    const double *key;
    double start, error; // of m
  } runs[] = { { &one, 0, left }, { &zero, 0, sqrt (left) }, { &one, 1, 0 }, { &zero, 1, 0 } };
  for (size_t k = 0; k < sizeof runs / sizeof *runs; k++)
    {
      const sb_pc pc = { .step = sb_step_euler_maruyama, .key = runs[k].key, .final = SB_FINAL_SAMPLE };
      gsl_vector *mean = copy_of (m);
      gsl_matrix *P = matrix_all (ALL, ALL, 0);
      gsl_vector_scale (mean, runs[k].start);
      for (size_t i = 0; i < ALL; i++)
        gsl_matrix_set (P, i, i, sigma_max * sigma_max);
      ok (sb_gaussian_run (&pc, score, NULL, times, mean, P));
      for (size_t i = 0; i < ALL; i++)
        cr_assert_float_eq (gsl_vector_get (mean, i), (1 - runs[k].error) * gsl_vector_get (m, i), 2e-3, "run %zu: %g",
                            k, gsl_vector_get (mean, i));
    }
}

// ## Refusals

Test (gaussian_run, a_grid_that_does_not_fall_is_refused)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_score *score
      = scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_of (0), matrix_of (1, 1, 1))), vp));
  const sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE };
  gsl_vector *const wrong[] = { vector_of (0.5, 0.6), vector_of (0.5, 0.5), vector_of (1.5, 0.5), vector_of (0.5, -0.1),
                                vector_of (0.5, GSL_NAN) };
  for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
    refused (GSL_EDOM, sb_gaussian_run (&pc, score, NULL, wrong[k], vector_of (0), matrix_of (1, 1, 1)), "grid %zu", k);
  refused (GSL_EBADLEN, sb_gaussian_run (&pc, score, NULL, vector (0), vector_of (0), matrix_of (1, 1, 1)));

  // Moments of another size, and a run without a step or with known coordinates.
  refused (GSL_EBADLEN, sb_gaussian_run (&pc, score, NULL, vector_of (1, .5), vector_of (0, 0), matrix_of (1, 1, 1)));
  refused (GSL_EBADLEN, sb_gaussian_run (&pc, score, NULL, vector_of (1, .5), vector_of (0), matrix_all (2, 1, 1)));
  refused (GSL_EBADLEN, sb_gaussian_run (&pc, score, NULL, vector_of (1, .5), vector_of (0), matrix_all (1, 2, 1)));
  sb_pc stepless = pc, partly = pc;
  stepless.step = NULL;
  partly.known = &(const sb_known){ matrix_all (1, 1, 0), vector_of (1), false, NULL };
  refused (GSL_EUNSUP, sb_gaussian_run (&stepless, score, NULL, vector_of (1, .5), vector_of (0), matrix_of (1, 1, 1)));
  refused (GSL_EUNSUP, sb_gaussian_run (&partly, score, NULL, vector_of (1, .5), vector_of (0), matrix_of (1, 1, 1)));
}
