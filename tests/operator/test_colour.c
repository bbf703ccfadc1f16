// # Grey, apart from colour

#include "operator/operator.h"
#include "process/ve.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (colour);

// The matrix is that of the exact radicals, orthogonal; grey pixels have one part, sqrt 3 times their value; norms
// stay, and the transpose leads back, pixel by pixel. [scoresde.txt-color-matrix]

Test (colour, sets_grey_apart)
{
  sb_operator *M = scoped (sb_operator_colour_alloc (2)), *one = scoped (sb_operator_colour_alloc (1));
  gsl_matrix *x = normals (5, 6, 1), *u = matrix (5, 6), *back = matrix (5, 6), *I = matrix_all (3, 3, 0),
             *rows = matrix (3, 3);
  ok (sb_operator_apply (M, CblasNoTrans, NULL, x, u));
  ok (sb_operator_apply (M, CblasTrans, NULL, u, back));
  cr_assert_lt (largest_difference (back, x), 1e-15 * 10);
  for (size_t i = 0; i < 5; i++)
    for (size_t p = 0; p < 6; p += 3)
      {
        const double *v = gsl_matrix_const_ptr (x, i, p), *w = gsl_matrix_const_ptr (u, i, p);
        cr_assert_float_eq (w[0], sqrt (3) * (v[0] + v[1] + v[2]) / 3, 1e-14);
        cr_assert_float_eq (w[0] * w[0] + w[1] * w[1] + w[2] * w[2], v[0] * v[0] + v[1] * v[1] + v[2] * v[2], 1e-14);
      }
  gsl_matrix_set_identity (I);
  ok (sb_operator_apply (one, CblasTrans, NULL, I, rows)); // the columns of M, as rows
  const double printed[3][3] = { { 0.577, 0.577, 0.577 }, { -0.816, 0.408, 0.408 }, { 0, 0.707, -0.707 } };
  for (size_t k = 0; k < 3; k++)
    for (size_t j = 0; j < 3; j++)
      cr_assert_float_eq (gsl_matrix_get (rows, k, j), printed[k][j], 5e-4);
  gsl_matrix *grey = matrix_all (1, 3, 0.3), *of_grey = matrix (1, 3);
  ok (sb_operator_apply (one, CblasNoTrans, NULL, grey, of_grey));
  cr_assert_float_eq (gsl_matrix_get (of_grey, 0, 0), 0.3 * sqrt (3), 1e-15);
  cr_assert (fabs (gsl_matrix_get (of_grey, 0, 1)) < 1e-16 && fabs (gsl_matrix_get (of_grey, 0, 2)) < 1e-16);
}

// As printed, with three digits, M^T M is off from the identity by 1.3e-3; and the other way round, M (.3, .3, .3),
// grey is in all channels. [scoresde.txt-color-matrix]

Test (colour, erratum_color_matrix_digits_and_direction)
{
  const double printed[3][3] = { { 0.577, -0.816, 0 }, { 0.577, 0.408, 0.707 }, { 0.577, 0.408, -0.707 } };
  double largest = 0;
  for (int a = 0; a < 3; a++)
    for (int b = 0; b < 3; b++)
      {
        double sum = 0;
        for (int k = 0; k < 3; k++)
          sum += printed[k][a] * printed[k][b];
        largest = larger (largest, fabs (sum - (a == b)));
      }
  cr_assert (largest > 1.2e-3 && largest < 1.4e-3, "%g", largest);
  sb_operator *M = scoped (sb_operator_colour_alloc (1));
  gsl_matrix *u = matrix (1, 3);
  ok (sb_operator_apply (M, CblasTrans, NULL, matrix_all (1, 3, 0.3), u));
  const double turned[] = { -0.072, 0.508, 0.083 };
  for (size_t k = 0; k < 3; k++)
    cr_assert_float_eq (gsl_matrix_get (u, 0, k), turned[k], 1e-3);
}

// ## Colouring
//
// Colours are a Gaussian with a covariance; in the other basis grey is known and two channels are not. With a corrector
// at each time their mean is the exact conditional one, (-.025713, .044536) a unit of grey, to 1 %; predictors alone
// end at (-.01530, .03241). The mean is that of a run without noise, all being linear. Grey comes out as it went in.
// All that holds of red, green and blue as well, where grey is known in the other basis. [scoresde.txt-color-wiener]

static sb_score *
gaussian_score (const sb_process *process, const gsl_matrix *covariance)
{
  return scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_all (3, 0), covariance)), process));
}

static sb_score *
colours (const sb_process *process, gsl_matrix *of_grey, bool in_rgb)
{
  const double C[] = { 0.10, 0.06, 0.03, 0.06, 0.08, 0.05, 0.03, 0.05, 0.09 };
  sb_operator *M = scoped (sb_operator_colour_alloc (1));
  gsl_matrix_const_view given = gsl_matrix_const_view_array (C, 3, 3);
  gsl_matrix *half = matrix (3, 3), *turned = matrix (3, 3);
  ok (sb_operator_apply (M, CblasNoTrans, NULL, &given.matrix, half));
  gsl_matrix_transpose (half);
  ok (sb_operator_apply (M, CblasNoTrans, NULL, half, turned));
  gsl_matrix_memcpy (of_grey, turned);
  return gaussian_score (process, in_rgb ? &given.matrix : turned);
}

static void
colour_grey (size_t correctors, bool in_rgb, double first, double second)
{
  sb_process *ve = scoped (sb_ve_alloc (3, 0.01, 20));
  sb_operator *M = scoped (sb_operator_colour_alloc (1));
  gsl_matrix *C = matrix (3, 3), *x = matrix_all (1, 3, 0), *y = matrix_all (1, 3, 5), *u = matrix (1, 3);
  sb_score *score = colours (ve, C, in_rgb);
  const sb_known known = { y, vector_of (1, 0, 0), true, in_rgb ? M : NULL };
  gsl_vector *times = vector (1001);
  for (size_t k = 0; k <= 1000; k++)
    gsl_vector_set (times, k, 1 - (double)k / 1000 * (1 - 1e-5));
  double sum[2] = { 0 };
  for (int sign = -1; sign <= 1; sign += 2) // the noise of what is known is the same in both, and drops out
    {
      sb_pc pc = { .step = sb_step_reverse_diffusion,
                   .corrector = { .type = sb_corrector_fixed, .epsilon = 0.5 },
                   .corrector_steps = correctors,
                   .final = SB_FINAL_MEAN,
                   .noiseless = true,
                   .known = &known };
      gsl_matrix_set_all (x, 0);
      gsl_matrix_set_all (y, 5. * sign);
      ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 1 }, x, NULL));
      ok (in_rgb ? sb_operator_apply (M, CblasNoTrans, NULL, x, u) : gsl_matrix_memcpy (u, x));
      cr_assert_float_eq (gsl_matrix_get (u, 0, 0), 5. * sign, in_rgb ? 1e-12 : 0);
      sum[0] += sign * gsl_matrix_get (u, 0, 1) / 10;
      sum[1] += sign * gsl_matrix_get (u, 0, 2) / 10;
    }
  cr_assert (fabs (sum[0] - first) < 0.01 * fabs (first) && fabs (sum[1] - second) < 0.01 * second,
             "%zu correctors: (%.6f, %.6f), not (%g, %g)", correctors, sum[0], sum[1], first, second);
}

Test (colour, of_a_grey_picture)
{
  gsl_matrix *C = matrix (3, 3);
  colours (scoped (sb_ve_alloc (3, 0.01, 20)), C, false);
  cr_assert_float_eq (gsl_matrix_get (C, 0, 1) / gsl_matrix_get (C, 0, 0), -0.025713, 1e-6);
  cr_assert_float_eq (gsl_matrix_get (C, 0, 2) / gsl_matrix_get (C, 0, 0), 0.044536, 1e-6);
  for (int in_rgb = 0; in_rgb < 2; in_rgb++)
    {
      colour_grey (0, in_rgb, -0.01530, 0.03241);
      colour_grey (4, in_rgb, -0.025713, 0.044536);
    }
}
