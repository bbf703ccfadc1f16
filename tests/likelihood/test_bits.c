// # Bits per dimension, and bytes as real numbers

#include "likelihood/bits.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (bits);

// A uniform density needs all 8 bits of a byte, whatever the range; and the same data in another range need as many, by
// the change of variables: a normal density of N(m, s^2) on [0, 1] is N(2m - 1, 4 s^2) on [-1, 1]. [scoresde.txt-bpd]

Test (bits, do_not_depend_on_the_range)
{
  const double ranges[][2] = { { 0, 1 }, { -1, 1 }, { -3, 14 }, { 0, 255 } };
  const size_t levels[] = { 256, 2, 32, 65536 };
  for (size_t k = 0; k < 4; k++)
    for (size_t l = 0; l < 4; l++)
      {
        const sb_quantisation q = { levels[l], ranges[k][0], ranges[k][1] };
        const double width = q.high - q.low, m = q.low + 0.4 * width, s = 0.1 * width, x = q.low + 0.55 * width;
        const double density = -0.5 * gsl_pow_2 ((x - m) / s) - log (s * sqrt (2 * M_PI));
        cr_assert_float_eq (sb_bits_per_dimension (&q, 7, -7 * log (width)), log2 ((double)levels[l]), 1e-12);
        const double expected = -(-0.5 * 2.25 - log (0.1 * sqrt (2 * M_PI))) / M_LN2 + log2 ((double)levels[l]);
        cr_assert_float_eq (sb_bits_per_dimension (&q, 3, 3 * density), expected, 1e-12);
      }
  const sb_quantisation unit = { 256, 0, 1 }, signs = { 256, -1, 1 };
  cr_assert_float_eq (sb_bits_per_dimension (&unit, 5, 0), 8, 1e-14);
  cr_assert_float_eq (sb_bits_per_dimension (&signs, 5, 0), 7, 1e-14);
  cr_assert (gsl_isnan (sb_bits_per_dimension (&(sb_quantisation){ 0, 0, 1 }, 1, 0)));
  cr_assert (gsl_isnan (sb_bits_per_dimension (&(sb_quantisation){ 256, 1, 1 }, 1, 0)));
  cr_assert (gsl_isnan (sb_bits_per_dimension (&unit, 0, 0)));
}

// A byte is anywhere in its cell: from its lower end up, never at the next one's; uniformly, with fresh numbers for
// each repetition and each row. The mean of n numbers is within 5.2 standard errors of the middle.

Test (bits, bytes_fill_their_cells)
{
  enum
  {
    N = 50000
  };
  unsigned char data[2 * 2] = { 0, 255, 17, 128 };
  const sb_bytes bytes = { .shape = { 2, { 2, 2 } }, .data = data };
  const sb_quantisation q = { 256, -1, 1 };
  gsl_matrix *x = matrix (2, 2), *second = matrix (1, 2), *again = matrix (2, 2);
  double sum = 0, before = 9;
  for (size_t k = 0; k < N; k++)
    {
      ok (sb_dequantise (&q, &bytes, 0, (sb_stream){ .seed = 1, .index = 3 }, k, x));
      for (size_t j = 0; j < 4; j++)
        {
          const double u = (gsl_matrix_get (x, j / 2, j % 2) + 1) * 128 - data[j];
          cr_assert (u > 0 && u < 1, "%g", u);
          sum += u - 0.5;
        }
      cr_assert_neq (gsl_matrix_get (x, 0, 0), before);
      before = gsl_matrix_get (x, 0, 0);
    }
  cr_assert_float_eq (sum / (4 * N), 0, 5.2 / sqrt (12. * 4 * N));
  ok (sb_dequantise (&q, &bytes, 1, (sb_stream){ .seed = 1, .index = 4 }, N - 1, second));
  cr_assert (gsl_matrix_get (second, 0, 0) == gsl_matrix_get (x, 1, 0)
             && gsl_matrix_get (second, 0, 1) == gsl_matrix_get (x, 1, 1));
  ok (sb_dequantise (&q, &bytes, 0, (sb_stream){ .seed = 1, .purpose = SB_FOR_USER, .index = 3 }, N - 1, again));
  cr_assert (gsl_matrix_equal (again, x));
  refused (GSL_EBADLEN, sb_dequantise (&q, &bytes, 1, (sb_stream){ 0 }, 0, x));
  refused (GSL_EBADLEN, sb_dequantise (&q, &bytes, 3, (sb_stream){ 0 }, 0, second));
  refused (GSL_EBADLEN, sb_dequantise (&q, &bytes, 0, (sb_stream){ 0 }, 0, matrix (2, 3)));
  refused (GSL_EINVAL, sb_dequantise (&(sb_quantisation){ 16, 0, 1 }, &bytes, 0, (sb_stream){ 0 }, 0, x));
  refused (GSL_EINVAL, sb_dequantise (&(sb_quantisation){ 256, 1, 0 }, &bytes, 0, (sb_stream){ 0 }, 0, x));
}
