// # What must be true of Haar's transform
//
// Its blocks by hand; the sums that it is made of, over whole squares of pixels at every scale; and that it is
// orthonormal, so that energy, white noise and scores go with it.

#include "operator/operator.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "score/exact.h"
#include "target/image_law.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (haar);

static gsl_matrix *
applied (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_matrix *x)
{
  gsl_matrix *out = matrix (x->size1, transpose == CblasTrans ? A->columns : A->rows);
  ok (sb_operator_apply (A, transpose, NULL, x, out));
  return out;
}

// ## A block
//
// (p, q; r, s) = (1, 2; 4, 8) in the first channel, (0, 0; 0, 2) in the second: the approximation, then p - q + r - s,
// p + q - r - s and p - q - r + s, halved, both channels of each. [nonuniform.txt-haar]

Test (haar, of_one_block)
{
  sb_operator *H = scoped (sb_operator_haar_alloc (2, 2, 2, 1));
  gsl_matrix *c = applied (H, CblasNoTrans, matrix_of (1, 8, 1, 0, 2, 0, 4, 0, 8, 2));
  const double expected[] = { 7.5, 1, -2.5, -1, -4.5, -1, 1.5, 1 };
  for (size_t k = 0; k < 8; k++)
    cr_assert_eq (gsl_matrix_get (c, 0, k), expected[k], "number %zu: %g", k, gsl_matrix_get (c, 0, k));
}

// ## Every number
//
// A detail of level k is a sum over a square of 2^k x 2^k pixels, with signs by its halves and divided by 2^k; so is
// a_n, without signs. [nonuniform.txt-haar]

enum
{
  APPROXIMATION,
  ACROSS,
  DOWN,
  BOTH
};

static double
sum_over_square (const gsl_matrix *x, size_t line, size_t channels, size_t c, size_t k, size_t i, size_t j, int kind)
{
  const size_t side = (size_t)1 << k;
  double sum = 0;
  for (size_t u = 0; u < side; u++)
    for (size_t v = 0; v < side; v++)
      {
        const int negative
            = ((kind == DOWN || kind == BOTH) && u >= side / 2) != ((kind == ACROSS || kind == BOTH) && v >= side / 2);
        const double pixel = gsl_matrix_get (x, 1, (i * side + u) * line + (j * side + v) * channels + c);
        sum += negative ? -pixel : pixel;
      }
  return sum / (double)side;
}

static double
difference_to_sums (const double *v, void *context)
{
  const size_t n = (size_t)v[2], h = (size_t)v[0] << n, w = (size_t)v[1] << n, channels = (size_t)v[3];
  (void)context;
  gsl_matrix *x = normals (2, h * w * channels, (uint64_t)v[4]);
  gsl_matrix *c = applied (scoped (sb_operator_haar_alloc (h, w, channels, n)), CblasNoTrans, x);
  size_t next = 0;
  double largest = 0;
  for (size_t k = n; k > 0; k--)
    for (int detail = k == n ? 0 : 1; detail < 2; detail++) // a_n, then d_n, ..., d_1
      for (size_t i = 0; i < h >> k; i++)
        for (size_t j = 0; j < w >> k; j++)
          for (int kind = detail ? ACROSS : APPROXIMATION; kind <= (detail ? BOTH : APPROXIMATION); kind++)
            for (size_t channel = 0; channel < channels; channel++)
              {
                const double sum = sum_over_square (x, w * channels, channels, channel, k, i, j, kind);
                largest = larger (largest, fabs (sum - gsl_matrix_get (c, 1, next++)));
              }
  return next == h * w * channels ? largest : GSL_POSINF;
}

Test (haar, numbers_are_sums_over_squares)
{
  const property_parameter parameters[] = { { "height/2^n", PROPERTY_INTEGER, 1, 4, 1 },
                                            { "width/2^n", PROPERTY_INTEGER, 1, 4, 1 },
                                            { "levels", PROPERTY_INTEGER, 1, 4, 1 },
                                            { "channels", PROPERTY_INTEGER, 1, 3, 1 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e6, 1 } };
  property_check ("the signed sums over squares", 1, 100, 5, parameters, difference_to_sums, NULL, 1e-13);
}

// ## Orthonormal
//
// Of 128 x 128 pixels with 3 channels and 3 levels there are 36,864 + 9,216 + 2,304 + 768 numbers. The transpose leads
// back, each way; the energy stays. A constant image has 2^n times its value in a_n, and no details.
// [nonuniform.txt-haar]

Test (haar, there_and_back_with_its_energy)
{
  enum
  {
    D = 128 * 128 * 3,
    APPROXIMATIONS = 768
  };
  sb_operator *H = scoped (sb_operator_haar_alloc (128, 128, 3, 3));
  cr_assert (H->rows == 36864 + 9216 + 2304 + APPROXIMATIONS && H->columns == D && H->type->orthonormal);
  gsl_matrix *x = normals (20, D, 1), *c = applied (H, CblasNoTrans, x);
  cr_assert_lt (largest_difference (applied (H, CblasTrans, c), x), 1e-13);
  cr_assert_lt (largest_difference (applied (H, CblasNoTrans, applied (H, CblasTrans, x)), x), 1e-13);
  for (size_t i = 0; i < 20; i++)
    {
      gsl_vector_view from = gsl_matrix_row (x, i), to = gsl_matrix_row (c, i);
      const double before = gsl_blas_dnrm2 (&from.vector), after = gsl_blas_dnrm2 (&to.vector);
      cr_assert_float_eq (after / before, 1, 1e-13);
    }
  gsl_matrix *flat = applied (H, CblasNoTrans, matrix_all (1, D, 0.3));
  for (size_t k = 0; k < D; k++)
    cr_assert_float_eq (gsl_matrix_get (flat, 0, k), k < APPROXIMATIONS ? 8 * 0.3 : 0, 1e-14, "number %zu", k);
}

// <Ax, y> = <x, A'y>. [nonuniform.txt-haar]

Test (haar, and_its_transpose)
{
  sb_operator *H = scoped (sb_operator_haar_alloc (16, 8, 3, 2));
  gsl_matrix *x = normals (40, 384, 1), *y = normals (40, 384, 2), *Ax = applied (H, CblasNoTrans, x),
             *Aty = applied (H, CblasTrans, y);
  for (size_t i = 0; i < 40; i++)
    {
      double there = 0, back = 0;
      for (size_t k = 0; k < 384; k++)
        {
          there += gsl_matrix_get (Ax, i, k) * gsl_matrix_get (y, i, k);
          back += gsl_matrix_get (x, i, k) * gsl_matrix_get (Aty, i, k);
        }
      cr_assert_float_eq (there, back, 1e-12);
    }
}

// The covariance of 100,000 transforms of standard normal rows is the identity's: 136 entries of 4 x 4 images, each
// within its 5.84 standard errors, 1/sqrt(n) off the diagonal and sqrt(2/n) on it; false alarm 136 x 5.2e-9 < 1e-6.
// [nonuniform.txt-haar]

Test (haar, leaves_white_noise_white)
{
  enum
  {
    N = 100000,
    D = 16
  };
  gsl_matrix *c = applied (scoped (sb_operator_haar_alloc (4, 4, 1, 2)), CblasNoTrans, normals (N, D, 5)),
             *S = matrix (D, D);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1.0 / N, c, c, 0, S);
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++)
      cr_assert_float_eq (gsl_matrix_get (S, i, j), i == j, 5.84 * sqrt ((i == j ? 2. : 1.) / N), "(%zu, %zu)", i, j);
}

// ## The score
//
// Of a Gaussian law of 4 x 4 images and of that of their coefficients, under VP: grad_c ln p(c) = H grad_x ln p(x), at
// c = Hx. [nonuniform.txt-haar]

Test (haar, scores_go_with_it)
{
  enum
  {
    D = 16
  };
  sb_operator *H = scoped (sb_operator_haar_alloc (4, 4, 1, 2));
  gsl_matrix *C = matrix (D, D), *mean = normals (1, D, 7);
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j < D; j++)
      gsl_matrix_set (
          C, i, j,
          0.25 * pow (0.9, fabs ((double)(i / 4) - (double)(j / 4)) + fabs ((double)(i % 4) - (double)(j % 4))));
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  sb_target *law = scoped (sb_target_mixture_alloc (NULL, mean, C));
  sb_score *of_pixels = scoped (sb_score_exact_alloc (law, vp)),
           *of_details = scoped (sb_score_exact_alloc (scoped (sb_target_image_alloc (law, H)), vp));
  gsl_matrix *x = normals (30, D, 9), *s = matrix (30, D), *in_basis = matrix (30, D);
  gsl_vector *t = level_times (10, 39, 39);
  ok (sb_score_evaluate (of_pixels, SB_SCORE, x, t, NULL, s));
  ok (sb_score_evaluate (of_details, SB_SCORE, applied (H, CblasNoTrans, x), t, NULL, in_basis));
  cr_assert_lt (largest_difference (applied (H, CblasNoTrans, s), in_basis), 1e-12);
}

// ## Refusals

Test (haar, refuses_what_cannot_be_halved)
{
  cr_assert_null (sb_operator_haar_alloc (12, 8, 3, 3));
  cr_assert_null (sb_operator_haar_alloc (8, 12, 3, 3));
  cr_assert_null (sb_operator_haar_alloc (8, 8, 3, 0));
  cr_assert_null (sb_operator_haar_alloc (1 << 16, 1 << 16, 1, 17));
  cr_assert_null (sb_operator_haar_alloc (0, 8, 3, 1));
  cr_assert_null (sb_operator_haar_alloc (8, 0, 3, 1));
  cr_assert_null (sb_operator_haar_alloc (8, 8, 0, 1));
  cr_assert_null (sb_operator_haar_alloc (1 << 17, 8, 1, 1));
}
