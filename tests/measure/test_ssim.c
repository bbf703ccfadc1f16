// # What must be true of structural similarity

#include "dataset/idx.h"
#include "measure/ssim.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>

SUITE (ssim);

// ## scikit-image's
//
// Of 16 x 20 pixels and three channels that whole numbers make, in its Gaussian form (gaussian_weights, sigma=1.5,
// use_sample_covariance=False), evaluated with scipy 1.10.1's gaussian_filter; at ranges of 1 and 2. Of the three
// channels together, the mean. [nonuniform.txt-ssim]

enum
{
  H = 16,
  W = 20
};

static void
fill_pair (size_t i, size_t j, size_t c, double *x, double *y)
{
  const double common = (double)((37 * i + 101 * j + 50 * c) % 256);
  *x = common / 256;
  *y = (common + (double)(i * j * (c + 3) % 64)) / 512 + 0.125;
}

Test (ssim, is_scikit_image_s_gaussian_form)
{
  const double expected[3][2] = { { 0.7883705573946087, 0.7933683121598855 },
                                  { 0.7679898324654456, 0.7735511838290334 },
                                  { 0.7778272144821017, 0.7831016222722719 } };
  gsl_matrix *x = matrix (3, H * W), *y = matrix (3, H * W), *x_colour = matrix (1, 3 * H * W),
             *y_colour = matrix (1, 3 * H * W);
  for (size_t i = 0; i < H; i++)
    for (size_t j = 0; j < W; j++)
      for (size_t c = 0; c < 3; c++)
        {
          const size_t k = i * W + j;
          fill_pair (i, j, c, gsl_matrix_ptr (x, c, k), gsl_matrix_ptr (y, c, k));
          fill_pair (i, j, c, gsl_matrix_ptr (x_colour, 0, 3 * k + c), gsl_matrix_ptr (y_colour, 0, 3 * k + c));
        }
  gsl_vector *each = vector (3);
  double mean, of_colour;
  for (int range = 2; range >= 1; range--)
    {
      ok (sb_ssim (x, y, H, W, 1, range, each, &mean));
      for (size_t c = 0; c < 3; c++)
        cr_assert_float_eq (gsl_vector_get (each, c), expected[c][range - 1], 1e-12, "channel %zu, range %d: %.16g", c,
                            range, gsl_vector_get (each, c));
    }
  cr_assert_float_eq (mean, 0.7780625347807186, 1e-12);
  ok (sb_ssim (x_colour, y_colour, H, W, 3, 1, NULL, &of_colour));
  cr_assert_float_eq (of_colour, mean, 1e-12);
}

// Its default, flat windows of 7 x 7 with moments of divisor 48, is another number.

static double
flat_ssim (const gsl_matrix *x, const gsl_matrix *y)
{
  double sum = 0;
  for (size_t top = 0; top + 7 <= H; top++)
    for (size_t left = 0; left + 7 <= W; left++)
      {
        double mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
        for (size_t k = 0; k < 49; k++)
          {
            const size_t pixel = (top + k / 7) * W + left + k % 7;
            const double a = gsl_matrix_get (x, 0, pixel), b = gsl_matrix_get (y, 0, pixel);
            mx += a / 49, my += b / 49, xx += a * a, yy += b * b, xy += a * b;
          }
        xx = (xx - 49 * mx * mx) / 48, yy = (yy - 49 * my * my) / 48, xy = (xy - 49 * mx * my) / 48;
        sum += (2 * mx * my + 1e-4) * (2 * xy + 9e-4) / ((mx * mx + my * my + 1e-4) * (xx + yy + 9e-4));
      }
  return sum / ((H - 6) * (W - 6));
}

Test (ssim, is_not_scikit_image_s_default)
{
  gsl_matrix *x = matrix (1, H * W), *y = matrix (1, H * W);
  double ssim;
  for (size_t k = 0; k < (size_t)H * W; k++)
    fill_pair (k / W, k % W, 0, gsl_matrix_ptr (x, 0, k), gsl_matrix_ptr (y, 0, k));
  ok (sb_ssim (x, y, H, W, 1, 1, NULL, &ssim));
  const double other = flat_ssim (x, y);
  cr_assert_float_eq (flat_ssim (x, x), 1, 1e-12);
  cr_assert (fabs (other - ssim) > .005 && fabs (other - ssim) < .1, "%g and %g", ssim, other);
}

// ## Window by window
//
// Of an image that is wider than its sums are at a time, the mean over its windows, each an image of its own.
// [nonuniform.txt-ssim]

Test (ssim, of_a_wide_image_is_the_mean_over_its_windows)
{
  enum
  {
    WIDE = 90,
    WINDOWS = WIDE - 10
  };
  gsl_matrix *x = normals (1, 11 * WIDE, 1), *y = normals (1, 11 * WIDE, 2), *of_x = matrix (WINDOWS, 121),
             *of_y = matrix (WINDOWS, 121);
  for (size_t w = 0; w < WINDOWS; w++)
    for (size_t k = 0; k < 121; k++)
      {
        const size_t at = k / 11 * WIDE + w + k % 11;
        gsl_matrix_set (of_x, w, k, gsl_matrix_get (x, 0, at));
        gsl_matrix_set (of_y, w, k, gsl_matrix_get (y, 0, at));
      }
  double whole, mean;
  ok (sb_ssim (x, y, 11, WIDE, 1, 1, NULL, &whole));
  ok (sb_ssim (of_x, of_y, 11, 11, 1, 1, NULL, &mean));
  cr_assert_float_eq (whole, mean, 1e-12);
}

// ## What it is known to be
//
// 1 of equal images; the same both ways; of two constants a and b, (2 a b + C_1)/(a^2 + b^2 + C_1).
// [nonuniform.txt-ssim]

Test (ssim, of_equal_exchanged_and_constant_images)
{
  gsl_matrix *x = normals (20, 13 * 11 * 2, 1), *y = normals (20, 13 * 11 * 2, 2);
  gsl_vector *there = vector (20), *back = vector (20);
  double one, mean;
  ok (sb_ssim (x, x, 13, 11, 2, 1, NULL, &one));
  cr_assert_float_eq (one, 1, 1e-12);
  ok (sb_ssim (x, y, 13, 11, 2, 1, there, NULL));
  ok (sb_ssim (y, x, 13, 11, 2, 1, back, NULL));
  for (size_t i = 0; i < 20; i++)
    cr_assert_float_eq (gsl_vector_get (there, i), gsl_vector_get (back, i), 1e-12);
  for (int k = 0; k < 10; k++)
    {
      const double a = 0.1 * k, b = 0.9 - 0.05 * k, L = 1 + k % 2, C1 = 1e-4 * L * L;
      ok (sb_ssim (matrix_all (1, 143, a), matrix_all (1, 143, b), 13, 11, 1, L, NULL, &mean));
      cr_assert_float_eq (mean, (2 * a * b + C1) / (a * a + b * b + C1), 1e-12, "%g and %g", a, b);
    }
}

// Noise on MNIST's digits makes it less, the more the less. [nonuniform.txt-ssim]

Test (ssim, falls_with_noise)
{
  const char *source = getenv ("srcdir");
  char path[4096];
  snprintf (path, sizeof path, "%s/data/t10k-images-idx3-ubyte.gz", source ? source : ".");
  sb_bytes *images = scoped (sb_idx_read (path, NULL), "%s", path);
  gsl_matrix *x = matrix (50, 784), *noise = normals (50, 784, 3);
  ok (sb_bytes_rows (images, 0, 0, 1, x));
  const double deviation[5] = { 0.02, 0.05, 0.1, 0.2, 0.4 };
  double last = 1;
  for (int k = 0; k < 5; k++)
    {
      gsl_matrix *y = copy_of (noise);
      double mean;
      gsl_matrix_scale (y, deviation[k]);
      gsl_matrix_add (y, x);
      ok (sb_ssim (x, y, 28, 28, 1, 1, NULL, &mean));
      cr_assert (mean < last - 0.02, "with noise of %g: %g after %g", deviation[k], mean, last);
      last = mean;
    }
}

Test (ssim, refuses_what_does_not_fit)
{
  gsl_matrix *x = matrix_all (2, 121, 0), *small = matrix_all (2, 110, 0), *nan = matrix_all (2, 121, GSL_NAN),
             *huge = matrix_all (2, 121, 1e200);
  double mean;
  ok (sb_ssim (x, x, 11, 11, 1, 1, NULL, &mean));
  refused (GSL_EINVAL, sb_ssim (small, small, 10, 11, 1, 1, NULL, &mean));
  refused (GSL_EINVAL, sb_ssim (small, small, 11, 10, 1, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_ssim (x, small, 11, 11, 1, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_ssim (x, x, 11, 12, 1, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_ssim (x, x, 11, 11, 0, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_ssim (x, matrix_all (3, 121, 0), 11, 11, 1, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_ssim (matrix (0, 121), matrix (0, 121), 11, 11, 1, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_ssim (x, x, (size_t)1 << 60, (size_t)1 << 60, 1, 1, NULL, &mean));
  refused (GSL_EINVAL, sb_ssim (x, x, 11, 11, 1, GSL_POSINF, NULL, &mean));
  refused (GSL_EBADLEN, sb_ssim (x, x, 11, 11, 1, 1, vector (3), &mean));
  refused (GSL_EINVAL, sb_ssim (x, x, 11, 11, 1, -1, NULL, &mean));
  refused (GSL_EINVAL, sb_ssim (x, x, 11, 11, 1, GSL_NAN, NULL, &mean));
  refused (GSL_EDOM, sb_ssim (x, nan, 11, 11, 1, 1, NULL, &mean));
  refused (GSL_EDOM, sb_ssim (nan, x, 11, 11, 1, 1, NULL, &mean));
  refused (GSL_EOVRFLW, sb_ssim (x, huge, 11, 11, 1, 1, NULL, &mean));
}
