// # What must be true of the peak signal-to-noise ratio

#include "measure/psnr.h"
#include "operator/operator.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (psnr);

// x and x + c, of any size: -20 log10 |c| + 20 log10 L. [nonuniform.txt-psnr]

Test (psnr, of_a_constant_difference)
{
  for (int k = 0; k < 20; k++)
    {
      const double c = (k % 2 ? -1 : 1) * pow (10, -0.3 * k), range = 1 + k % 3;
      gsl_matrix *x = normals (3, 50, (uint64_t)k + 1), *y = copy_of (x);
      gsl_vector *each = vector (3);
      double mean;
      gsl_matrix_add_constant (y, c);
      ok (sb_psnr (x, y, range, each, &mean));
      cr_assert_float_eq (mean, -20 * log10 (fabs (c)) + 20 * log10 (range), 1e-8, "c = %g: %.12g", c, mean);
      for (size_t i = 0; i < 3; i++)
        cr_assert_float_eq (gsl_vector_get (each, i), mean, 1e-8);
    }
}

// Noise of variance s^2 on 100,000 pixels: the mean square is s^2 within 4.9 standard errors, s^2 sqrt (2/n).
// [nonuniform.txt-psnr]

Test (psnr, of_noise)
{
  enum
  {
    N = 100000
  };
  const double s = 0.05;
  gsl_matrix *x = normals (1, N, 1), *y = normals (1, N, 2);
  double ratio;
  gsl_matrix_scale (y, s);
  gsl_matrix_add (y, x);
  ok (sb_psnr (x, y, 1, NULL, &ratio));
  cr_assert_float_eq (pow (10, -ratio / 10) / (s * s), 1, 4.9 * sqrt (2. / N), "%g dB", ratio);
}

// It is the images' ratios that are averaged: of errors .1 and .001, 20 and 60 dB, 40; the ratio of the mean square is
// 23. Equal images have an infinite one, which makes the mean infinite. So has the consistency of what was observed
// with what is observed of a copy. [nonuniform.txt-psnr]

Test (psnr, is_averaged_over_images)
{
  gsl_matrix *x = matrix_all (2, 4, 0), *y = matrix_of (2, 4, 0.1, -0.1, 0.1, 0.1, 0.001, 0.001, -0.001, 0.001);
  gsl_vector *each = vector (2);
  double mean;
  ok (sb_psnr (x, y, 1, NULL, &mean));
  cr_assert_float_eq (mean, 40, 1e-12);
  gsl_matrix_set (x, 1, 0, 0.001), gsl_matrix_set (x, 1, 1, 0.001);
  gsl_matrix_set (x, 1, 2, -0.001), gsl_matrix_set (x, 1, 3, 0.001);
  ok (sb_psnr (x, y, 1, each, &mean));
  cr_assert_float_eq (gsl_vector_get (each, 0), 20, 1e-12);
  cr_assert (gsl_isinf (gsl_vector_get (each, 1)) == 1 && gsl_isinf (mean) == 1);

  sb_operator *A = scoped (sb_operator_downscale_alloc (8, 8, 1, 2));
  gsl_matrix *images = normals (2, 64, 3), *copies = copy_of (images), *observed = matrix (2, 16),
             *of_copies = matrix (2, 16);
  ok (sb_operator_apply (A, CblasNoTrans, NULL, images, observed));
  ok (sb_operator_apply (A, CblasNoTrans, NULL, copies, of_copies));
  ok (sb_psnr (observed, of_copies, 1, NULL, &mean));
  cr_assert_eq (gsl_isinf (mean), 1);
}

// Between $\mathbf y = A\mathbf x$ and $A\hat{\mathbf x}$: where $A$ takes half of the sum of four pixels and
// $\hat{\mathbf x}$ is off by $c$ at one of each four, all observed numbers are off by $c/2$, and what $A$ does not
// see, with sum 0 in each four, counts for nothing. [nonuniform.txt-consistency]

Test (psnr, consistency_is_of_what_is_observed)
{
  enum
  {
    SIDE = 8,
    D = SIDE * SIDE
  };
  sb_operator *A = scoped (sb_operator_haar_alloc (SIDE, SIDE, 1, 1));
  gsl_matrix *x = normals (3, D, 4), *off = copy_of (x), *hidden = copy_of (x), *y = matrix (3, D),
             *of_off = matrix (3, D), *of_hidden = matrix (3, D);
  const double c = 0.03, range = 2;
  for (size_t i = 0; i < 3; i++)
    for (size_t row = 0; row < SIDE; row++)
      for (size_t column = 0; column < SIDE; column++)
        {
          const size_t k = row * SIDE + column;
          *gsl_matrix_ptr (off, i, k) += row % 2 == 0 && column % 2 == 1 ? c : 0;
          *gsl_matrix_ptr (hidden, i, k) += row % 2 ? -c : c;
        }
  ok (sb_operator_apply (A, CblasNoTrans, NULL, x, y));
  ok (sb_operator_apply (A, CblasNoTrans, NULL, off, of_off));
  ok (sb_operator_apply (A, CblasNoTrans, NULL, hidden, of_hidden));
  const gsl_matrix_const_view coarse = gsl_matrix_const_submatrix (y, 0, 0, 3, D / 4),
                              coarse_off = gsl_matrix_const_submatrix (of_off, 0, 0, 3, D / 4),
                              coarse_hidden = gsl_matrix_const_submatrix (of_hidden, 0, 0, 3, D / 4);
  double ratio;
  ok (sb_psnr (&coarse.matrix, &coarse_off.matrix, range, NULL, &ratio));
  cr_assert_float_eq (ratio, 20 * log10 (range / (c / 2)), 1e-8);
  ok (sb_psnr (&coarse.matrix, &coarse_hidden.matrix, range, NULL, &ratio));
  cr_assert_gt (ratio, 250);
  ok (sb_psnr (x, hidden, range, NULL, &ratio));
  cr_assert_float_eq (ratio, 20 * log10 (range / c), 1e-8);
}

// Differences whose squares are beyond the range of doubles, below and above, have a finite ratio.

Test (psnr, of_very_small_and_large_numbers)
{
  double ratio;
  ok (sb_psnr (matrix_all (1, 3, 0), matrix_all (1, 3, 1e-200), 1, NULL, &ratio));
  cr_assert_float_eq (ratio, 4000, 1e-9);
  ok (sb_psnr (matrix_all (1, 3, 0), matrix_all (1, 3, 1e200), 1, NULL, &ratio));
  cr_assert_float_eq (ratio, -4000, 1e-9);
  refused (GSL_EOVRFLW, sb_psnr (matrix_all (1, 3, -1e308), matrix_all (1, 3, 1e308), 1, NULL, &ratio));
}

Test (psnr, refuses_what_does_not_fit)
{
  gsl_matrix *x = matrix_all (2, 3, 0), *nan = matrix_all (2, 3, GSL_NAN);
  double ratio;
  refused (GSL_EBADLEN, sb_psnr (x, matrix_all (3, 3, 0), 1, NULL, &ratio));
  refused (GSL_EBADLEN, sb_psnr (x, matrix_all (2, 4, 0), 1, NULL, &ratio));
  refused (GSL_EBADLEN, sb_psnr (x, x, 1, vector (3), &ratio));
  refused (GSL_EBADLEN, sb_psnr (matrix (0, 3), matrix (0, 3), 1, NULL, &ratio));
  refused (GSL_EBADLEN, sb_psnr (matrix (2, 0), matrix (2, 0), 1, NULL, &ratio));
  refused (GSL_EINVAL, sb_psnr (x, x, 0, NULL, &ratio));
  refused (GSL_EINVAL, sb_psnr (x, x, GSL_NAN, NULL, &ratio));
  refused (GSL_EINVAL, sb_psnr (x, x, GSL_POSINF, NULL, &ratio));
  refused (GSL_EDOM, sb_psnr (x, nan, 1, NULL, &ratio));
  refused (GSL_EDOM, sb_psnr (nan, x, 1, NULL, &ratio));
}

// The mean need not be wanted.

Test (psnr, of_the_rows_alone)
{
  gsl_vector *each = vector (2);
  ok (sb_psnr (matrix_all (2, 3, 0), matrix_all (2, 3, 0.1), 1, each, NULL));
  for (size_t i = 0; i < 2; i++)
    cr_assert_float_eq (gsl_vector_get (each, i), 20, 1e-12);
}
