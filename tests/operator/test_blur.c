// # What must be true of a blur
//
// The paper's kernel, its boundary, and what follows from both: numbers that the paper does not print, recomputed
// apart.

#include "operator/operator.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>

SUITE_WITH_BLAS (blur);

static gsl_matrix *
blurred (const sb_operator *B, double sd, const gsl_matrix *x)
{
  gsl_matrix *out = matrix (x->size1, x->size2);
  ok (sb_operator_apply (B, CblasNoTrans, vector_all (x->size1, sd), x, out));
  return out;
}

static gsl_matrix *
image_with (size_t pixels, size_t place, double value)
{
  gsl_matrix *x = matrix_all (1, pixels, 0);
  gsl_matrix_set (x, 0, place, value);
  return x;
}

// ## The kernel
//
// The listing's two loops, in long double and without separating them, at size 161 by 161. [soft.txt-blurkernel]

static long double
listing (double sd, int half, int x, int y)
{
  long double sum = 0;
  for (int v = -half; v <= half; v++)
    for (int w = -half; w <= half; w++)
      sum += expl (-(long double)(v * v + w * w) / (2.0L * sd * sd));
  return abs (x) > half || abs (y) > half ? 0 : expl (-(long double)(x * x + y * y) / (2.0L * sd * sd)) / sum;
}

Test (blur, kernel_is_the_papers)
{
  const double sds[] = { 1, 4.5, 18 };
  for (int k = 0; k < 3; k++)
    {
      sb_operator *B = scoped (sb_operator_blur_alloc (41, 41, 1, 80, SB_BOUNDARY_ZERO));
      const gsl_matrix *seen = blurred (B, sds[k], image_with (41 * 41, 20 * 41 + 20, 1));
      for (int x = 0; x <= 20; x++)
        for (int y = 0; y <= 20; y += 5)
          {
            const double want = (double)listing (sds[k], 80, x, y),
                         here = gsl_matrix_get (seen, 0, (size_t)((20 + x) * 41 + 20 + y));
            cr_assert_float_eq (here, want, 1e-15, "%g at (%d, %d): %.17g, not %.17g", sds[k], x, y, here, want);
            cr_assert_float_eq (here, gsl_matrix_get (seen, 0, (size_t)((20 - x) * 41 + 20 + y)), 1e-17);
            cr_assert_float_eq (here, gsl_matrix_get (seen, 0, (size_t)((20 + y) * 41 + 20 + x)), 1e-17);
          }
    }
}

// It is cut off at the half size and sums to 1; its second moment is the level's square for levels from 1 to 18, and
// .61 % short of it at 23.

Test (blur, kernel_has_a_fixed_size)
{
  sb_operator *B = scoped (sb_operator_blur_alloc (1, 201, 1, 80, SB_BOUNDARY_PERIODIC));
  for (double sd = 1; sd < 24; sd += 1)
    {
      const gsl_matrix *seen = blurred (B, sd, image_with (201, 100, 1));
      double sum = 0, square = 0;
      for (int v = -100; v <= 100; v++)
        {
          const double k = gsl_matrix_get (seen, 0, (size_t)(100 + v));
          sum += k;
          square += k * v * v;
          cr_assert (abs (v) <= 80 || k == 0);
        }
      cr_assert_float_eq (sum, 1, 1e-14);
      if (sd <= 18)
        cr_assert_float_eq (square / (sd * sd), 1, 1e-3, "%g: %g", sd, square / (sd * sd));
      if (sd == 23)
        cr_assert_float_eq (1 - square / (sd * sd), 0.0061, 5e-5, "%g", 1 - square / (sd * sd));
    }
}

// ## Separable, and as large as it likes
//
// $B_h X B_w^\top$ is the direct sum over the kernel in two dimensions, also where the kernel is larger than the image;
// at a level of .01 it is the identity to the bit. [soft.set-blur-celeba]

static long
found_at (long j, long n, sb_boundary boundary)
{
  while (boundary != SB_BOUNDARY_ZERO && (j < 0 || j >= n))
    j = boundary == SB_BOUNDARY_PERIODIC    ? (j < 0 ? j + n : j - n)
        : boundary == SB_BOUNDARY_SYMMETRIC ? (j < 0 ? -1 - j : 2 * n - 1 - j)
                                            : (j < 0 ? -j : 2 * n - 2 - j);
  return j;
}

static double
direct (const gsl_matrix *x, long h, long w, int half, double sd, sb_boundary boundary, long i, long j)
{
  long double sum = 0, all = 0;
  for (long v = -half; v <= half; v++)
    for (long u = -half; u <= half; u++)
      {
        const long double k = expl (-(long double)(v * v + u * u) / (2.0L * sd * sd));
        const long y = found_at (i + v, h, boundary), z = found_at (j + u, w, boundary);
        all += k;
        if (y >= 0 && y < h && z >= 0 && z < w)
          sum += k * gsl_matrix_get (x, 0, (size_t)((y * w + z) * 2 + 1));
      }
  return (double)(sum / all);
}

Test (blur, is_a_convolution_beyond_any_edge)
{
  const gsl_matrix *x = normals (1, 9 * 7 * 2, 4);
  for (int boundary = SB_BOUNDARY_ZERO; boundary <= SB_BOUNDARY_PERIODIC; boundary++)
    for (int half = 3; half <= 20; half += 17)
      {
        sb_operator *B = scoped (sb_operator_blur_alloc (9, 7, 2, (size_t)half, (sb_boundary)boundary));
        const gsl_matrix *seen = blurred (B, 2.5, x);
        for (long i = 0; i < 9; i++)
          for (long j = 0; j < 7; j++)
            cr_assert_float_eq (gsl_matrix_get (seen, 0, (size_t)((i * 7 + j) * 2 + 1)),
                                direct (x, 9, 7, half, 2.5, (sb_boundary)boundary, i, j), 1e-12, "boundary %d, half %d",
                                boundary, half);
        cr_assert_leq (largest_difference (blurred (B, 0.01, x), x), 0);
        cr_assert_leq (largest_difference (blurred (B, 0, x), x), 0);
      }
}

// ## Numbers of the paper's settings
//
// Spectral norms, by power iteration, and the answer to a constant 1 in a corner, in the middle of an edge, in the
// centre, and on average: CelebA-64's, and CIFAR-10's. [soft.set-blur-celeba] [soft.set-blur-cifar]
// [soft.set-finaldist]

static double
answer (const sb_operator *B, double sd, size_t size, size_t i, size_t j, double *mean)
{
  const gsl_matrix *seen = blurred (B, sd, matrix_all (1, size * size, 1));
  *mean = 0;
  for (size_t k = 0; k < size * size; k++)
    *mean += gsl_matrix_get (seen, 0, k) / (double)(size * size);
  return gsl_matrix_get (seen, 0, i * size + j);
}

Test (blur, of_the_papers_sizes)
{
  sb_operator *celeba = scoped (sb_operator_blur_alloc (64, 64, 1, 80, SB_BOUNDARY_ZERO)),
              *cifar = scoped (sb_operator_blur_alloc (32, 32, 1, 32, SB_BOUNDARY_ZERO));
  double mean;
  cr_assert_float_eq (sb_operator_norm (celeba, 23, 300), 0.534361, 1e-5);
  cr_assert_float_eq (sb_operator_norm (cifar, 18, 300), 0.380013, 1e-5);
  cr_assert_float_eq (sb_operator_norm (celeba, 0.01, 3), 1, 1e-12);
  cr_assert_float_eq (answer (celeba, 23, 64, 0, 0, &mean), 0.2561, 1e-4);
  cr_assert_float_eq (mean, 0.5101, 1e-4);
  cr_assert_float_eq (answer (celeba, 23, 64, 0, 32, &mean), 0.4231, 1e-4);
  cr_assert_float_eq (answer (celeba, 23, 64, 32, 32, &mean), 0.6992, 1e-4);
  cr_assert_float_eq (answer (cifar, 18, 32, 0, 0, &mean), 0.2571, 1e-4);
  cr_assert_float_eq (answer (cifar, 18, 32, 16, 16, &mean), 0.4537, 1e-4);
}

// Without an end: each image becomes its mean times $(64/161)^2$. The first mode beyond the mean that a mirrored image
// keeps at 23 is .529 of it, mirrored in its outermost pixels .518 (which does not keep the mean: of a corner's .509 is
// left), in a period .078.

Test (blur, what_is_left_of_the_slowest_mode)
{
  const size_t n = 64;
  double mean;
  sb_operator *celeba = scoped (sb_operator_blur_alloc (n, n, 1, 80, SB_BOUNDARY_ZERO)),
              *mirrored = scoped (sb_operator_blur_alloc (1, n, 1, 80, SB_BOUNDARY_SYMMETRIC)),
              *periodic = scoped (sb_operator_blur_alloc (1, n, 1, 80, SB_BOUNDARY_PERIODIC));
  double c[64];
  cr_assert_float_eq (answer (celeba, 1e6, n, 3, 60, &mean), 0.158, 1e-3);
  ok (mirrored->type->values (mirrored->state, 0, 23, c));
  cr_assert_float_eq (c[0], 1, 1e-14);
  cr_assert_float_eq (c[1], 0.529, 5e-4, "%g", c[1]);
  ok (periodic->type->values (periodic->state, 0, 23, c));
  cr_assert_float_eq (c[1], 0.0784, 5e-4, "%g", c[1]);

  const sb_operator *reflecting = scoped (sb_operator_blur_alloc (1, n, 1, 80, SB_BOUNDARY_REFLECT));
  gsl_matrix *mode = matrix (1, n), *corner = blurred (reflecting, 23, image_with (n, 0, (double)n));
  for (size_t j = 0; j < n; j++)
    gsl_matrix_set (mode, 0, j, cos (M_PI * (double)j / (double)(n - 1)));
  const gsl_matrix *seen = blurred (reflecting, 23, mode);
  cr_assert_float_eq (gsl_matrix_get (seen, 0, 0), 0.518, 5e-4, "%g", gsl_matrix_get (seen, 0, 0));
  gsl_matrix_scale (mode, gsl_matrix_get (seen, 0, 0));
  cr_assert_leq (largest_difference (seen, mode), 1e-14);
  gsl_vector_const_view of_corner = gsl_matrix_const_row (corner, 0);
  cr_assert_float_eq (gsl_vector_sum (&of_corner.vector) / (double)n, 0.509, 5e-4);
}

// ## What it is not
//
// With zeros beyond the edge the sampled kernel's matrices neither commute nor form a semigroup: on 16 pixels the
// largest entry of the commutator of levels 1 and 3 is .0231, and blurring twice differs from once by .0366; on 16 x 16
// pixels .00467 and .00789. The heat equation's do both. [soft.txt-blurkernel]

static double
twice (const sb_operator *B, double first, double second, double once)
{
  const size_t n = B->columns;
  gsl_matrix *units = matrix (n, n);
  gsl_matrix_set_identity (units);
  const gsl_matrix *both = blurred (B, second, blurred (B, first, units)),
                   *other = once > 0 ? blurred (B, once, units) : blurred (B, first, blurred (B, second, units));
  return largest_difference (both, other);
}

// A row of pixels loses what the kernel takes across it, which is as much as a single pixel loses along either axis.

static gsl_matrix *
along_a_row (double sd, const gsl_matrix *x)
{
  const sb_operator *row = scoped (sb_operator_blur_alloc (1, x->size2, 1, 80, SB_BOUNDARY_ZERO)),
                    *pixel = scoped (sb_operator_blur_alloc (1, 1, 1, 80, SB_BOUNDARY_ZERO));
  gsl_matrix *out = blurred (row, sd, x);
  gsl_matrix_scale (out, 1 / sqrt (blurred (pixel, sd, matrix_all (1, 1, 1))->data[0]));
  return out;
}

Test (blur, neither_commutes_nor_is_a_semigroup_with_zeros)
{
  gsl_matrix *units = matrix (16, 16);
  gsl_matrix_set_identity (units);
  const gsl_matrix *both = along_a_row (3, along_a_row (1, units)), *other = along_a_row (1, along_a_row (3, units));
  cr_assert_float_eq (largest_difference (both, other), 0.0231, 5e-5, "%g", largest_difference (both, other));
  cr_assert_float_eq (largest_difference (both, along_a_row (sqrt (10), units)), 0.0366, 5e-5);

  sb_operator *zero = scoped (sb_operator_blur_alloc (16, 16, 1, 80, SB_BOUNDARY_ZERO)),
              *heat = scoped (sb_operator_blur_alloc (4, 5, 1, 0, SB_BOUNDARY_SYMMETRIC)),
              *wheel = scoped (sb_operator_blur_alloc (4, 5, 1, 0, SB_BOUNDARY_PERIODIC));
  cr_assert_float_eq (twice (zero, 1, 3, 0), 0.00467, 5e-6, "%g", twice (zero, 1, 3, 0));
  cr_assert_float_eq (twice (zero, 1, 3, sqrt (10)), 0.00789, 5e-6, "%g", twice (zero, 1, 3, sqrt (10)));
  cr_assert_leq (twice (heat, 1, 3, sqrt (10)), 1e-12);
  cr_assert_leq (twice (wheel, 0.7, 0.4, hypot (0.7, 0.4)), 1e-12);
  cr_assert_leq (twice (heat, 1, 3, 0), 1e-12);
}

// ## A level between two
//
// Linear interpolation of a schedule is of the level: of white noise, blurred by 4 and by 8 pixels, the mean is not
// what a blur by 6 makes of it. [soft.txt-interp]

Test (blur, halfway_is_not_the_mean)
{
  sb_operator *B = scoped (sb_operator_blur_alloc (32, 32, 1, 80, SB_BOUNDARY_PERIODIC));
  gsl_matrix *x = normals (1, 1024, 5), *mean = blurred (B, 4, x), *between = blurred (B, 6, x);
  gsl_matrix_add (mean, blurred (B, 8, x));
  gsl_matrix_scale (mean, 0.5);
  gsl_matrix_sub (mean, between);
  cr_assert_gt (cblas_dnrm2 (1024, mean->data, 1) / cblas_dnrm2 (1024, between->data, 1), 1e-3);
}
