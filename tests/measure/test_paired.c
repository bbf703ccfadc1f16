// # What must be true of comparisons in pairs

#include "measure/paired.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_gamma.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#ifdef _OPENMP
#include <omp.h>
#endif

SUITE_WITH_BLAS (paired);

static const sb_stream stream = { 3, SB_FOR_USER, 0 };

// ## Signs
//
// By counting: the part of all $2^n$ rows of signs that are as uneven.

static double
by_counting (unsigned above, unsigned n)
{
  double part = 0;
  for (unsigned k = 0; k <= n; k++)
    if (abs (2 * (int)k - (int)n) >= abs (2 * (int)above - (int)n))
      part += gsl_sf_choose (n, k) / pow (2, n);
  return part;
}

Test (paired, signs)
{
  for (unsigned n = 1; n < 14; n++)
    for (unsigned above = 0; above <= n; above++)
      {
        gsl_vector *x = vector_all (n + 2, 0), *y = vector_all (n + 2, 0); // two pairs are equal
        for (unsigned i = 0; i < n; i++)
          gsl_vector_set (17 * i % n < above ? x : y, i + 1, 1 + (5 * i) % 7); // in turn: no n is a multiple of 17
        sb_signs signs;
        ok (sb_sign_test (x, y, &signs));
        cr_assert (signs.above == above && signs.below == n - above);
        cr_assert_float_eq (signs.p_value, by_counting (above, n), 1e-12, "%u of %u: %g", above, n, signs.p_value);
      }
  sb_signs none;
  ok (sb_sign_test (vector_all (3, 1), vector_all (3, 1), &none));
  cr_assert (none.above == 0 && none.below == 0 && none.p_value == 1);
}

// ## The bootstrap
//
// Of the differences 0 and 1 a replicate's mean is 0, a half or 1, with the probabilities 1/4, 1/2, 1/4.

Test (paired, two_differences)
{
  sb_paired_mean found;
  const gsl_vector *x = vector_of (5, 8), *y = vector_of (5, 7);
  ok (sb_paired_bootstrap (x, y, .4, 20000, stream, &found));
  cr_assert (found.mean == .5 && found.low == .5 && found.high == .5);
  cr_assert_float_eq (found.error, .5, 1e-15);
  ok (sb_paired_bootstrap (x, y, .6, 20000, stream, &found));
  cr_assert (found.low == 0 && found.high == 1);
}

// An interval of 90 % of the mean of 60 normal differences holds the truth in about that part of 400 samples (the
// bootstrap's own part is .89): within 4.9 standard deviations. Its half is 1.645 standard errors.

Test (paired, intervals)
{
  const int samples = 400;
  int held = 0;
  double width = 0;
  for (int k = 0; k < samples; k++)
    {
      sb_paired_mean found;
      const size_t mark = scope_mark ();
      gsl_matrix *both = normals (60, 2, 100 + (uint64_t)k);
      gsl_vector_view x = gsl_matrix_column (both, 0), y = gsl_matrix_column (both, 1);
      gsl_vector_add (&x.vector, &y.vector); // what both have in common
      gsl_vector_add_constant (&x.vector, .3);
      ok (sb_paired_bootstrap (&x.vector, &y.vector, .9, 400, stream, &found));
      held += found.low <= .3 && .3 <= found.high;
      width += (found.high - found.low) / (2 * found.error) / samples;
      cr_assert (found.low < found.mean && found.mean < found.high);
      cr_assert_float_eq (found.error, 1 / sqrt (60), .5 / sqrt (60));
      scope_release (mark);
    }
  cr_assert_float_eq (held, .89 * samples, 4.9 * sqrt (.1 * .9 * samples), "%d", held);
  cr_assert_float_eq (width, 1.645, .06, "%g", width);
}

// ## Pairings
//
// Of four pairs there are 24 pairings: their means say which part is as small, and 20,000 random ones find it within
// 4.9 standard errors.

static double
distance (const gsl_matrix *x, const gsl_matrix *y, size_t i, size_t j)
{
  double square = 0;
  for (size_t k = 0; k < x->size2; k++)
    square += gsl_pow_2 (gsl_matrix_get (x, i, k) - gsl_matrix_get (y, j, k));
  return sqrt (square);
}

static double
part_of_all (const gsl_matrix *x, const gsl_matrix *y)
{
  double truth = 0, part = 0;
  for (size_t i = 0; i < 4; i++)
    truth += distance (x, y, i, i);
  for (size_t code = 0; code < 256; code++)
    {
      size_t seen = 0;
      double sum = 0;
      for (size_t i = 0; i < 4; i++)
        {
          const size_t j = code >> (2 * i) & 3;
          seen |= (size_t)1 << j;
          sum += distance (x, y, i, j);
        }
      part += seen == 15 && sum <= truth * (1 + 1e-12) ? 1. / 24 : 0;
    }
  return part;
}

Test (paired, pairings_of_four)
{
  const size_t permutations = 20000;
  for (uint64_t seed = 1; seed < 12; seed++)
    {
      const gsl_matrix *x = normals (4, 2, seed), *y = normals (4, 2, 100 + seed);
      sb_pairing found;
      double paired = 0, others = 0;
      for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
          *(i == j ? &paired : &others) += distance (x, y, i, j) / (i == j ? 4 : 12);
      ok (sb_paired_distances (x, y, permutations, stream, &found));
      const double p = part_of_all (x, y);
      cr_assert_float_eq (found.paired, paired, 1e-10);
      cr_assert_float_eq (found.others, others, 1e-10);
      cr_assert_float_eq (found.p_value, p, 4.9 * sqrt (p * (1 - p) / (double)permutations) + 1e-4, "%g, not %g",
                          found.p_value, p);
    }
}

// Points that belong together are found to; without a shuffle that is as good, the true one alone counts.

Test (paired, pairs)
{
  gsl_matrix *x = normals (60, 5, 1), *y = normals (60, 5, 2);
  sb_pairing found;
  gsl_matrix_scale (y, .8);
  gsl_matrix_add (y, x);
  ok (sb_paired_distances (x, y, 20000, stream, &found));
  cr_assert_eq (found.p_value, 1. / 20001);
  cr_assert_lt (found.paired, found.others);
  ok (sb_paired_distances (x, y, 0, stream, &found));
  cr_assert_eq (found.p_value, 1);
}

#ifdef _OPENMP
Test (paired, any_number_of_threads)
{
  const gsl_matrix *x = normals (40, 3, 1), *y = normals (40, 3, 2);
  gsl_vector_const_view a = gsl_matrix_const_column (x, 0), b = gsl_matrix_const_column (y, 0);
  sb_pairing pairing[2];
  sb_paired_mean mean[2];
  for (int k = 0; k < 2; k++)
    {
      omp_set_num_threads (1 + 2 * k);
      ok (sb_paired_distances (x, y, 1000, stream, &pairing[k]));
      ok (sb_paired_bootstrap (&a.vector, &b.vector, .9, 1000, stream, &mean[k]));
    }
  cr_assert (pairing[0].p_value == pairing[1].p_value && pairing[0].others == pairing[1].others);
  cr_assert (mean[0].low == mean[1].low && mean[0].high == mean[1].high);
}
#endif

// ## Refusals

Test (paired, refusals)
{
  sb_signs signs;
  sb_paired_mean mean;
  sb_pairing pairing;
  const gsl_vector *x = vector_of (1, 2), *y = vector_of (1, GSL_NAN), *one = vector_of (1);
  const gsl_vector *large = vector_of (1e308, 1e308), *negative = vector_of (-1e308, 1);
  refused (GSL_EBADLEN, sb_sign_test (x, one, &signs));
  refused (GSL_EDOM, sb_sign_test (x, y, &signs));
  refused (GSL_EDOM, sb_sign_test (vector_of (GSL_POSINF, 2), x, &signs));
  refused (GSL_EBADLEN, sb_paired_bootstrap (one, one, .9, 10, stream, &mean));
  refused (GSL_EDOM, sb_paired_bootstrap (y, x, .9, 10, stream, &mean));
  refused (GSL_EOVRFLW, sb_paired_bootstrap (large, negative, .9, 10, stream, &mean));
  refused (GSL_EOVRFLW, sb_paired_bootstrap (vector_of (1e200, -1e200), vector_of (0, 0), .9, 10, stream, &mean));
  refused (GSL_EINVAL, sb_paired_bootstrap (x, x, 1, 10, stream, &mean));
  refused (GSL_EINVAL, sb_paired_bootstrap (x, x, 0, 10, stream, &mean));
  refused (GSL_EINVAL, sb_paired_bootstrap (x, x, .9, 0, stream, &mean));
  refused (GSL_ENOMEM, sb_paired_bootstrap (x, x, .9, (size_t)1 << 62, stream, &mean));
  refused (GSL_EBADLEN, sb_paired_distances (normals (1, 2, 1), normals (1, 2, 1), 10, stream, &pairing));
  refused (GSL_EBADLEN, sb_paired_distances (normals (3, 2, 1), normals (3, 1, 1), 10, stream, &pairing));
  refused (GSL_EBADLEN, sb_paired_distances (normals (3, 2, 1), normals (2, 2, 1), 10, stream, &pairing));
  refused (GSL_EBADLEN, sb_paired_distances (matrix (3, 0), matrix (3, 0), 10, stream, &pairing));
  refused (GSL_ENOMEM, sb_paired_distances (normals (3, 2, 1), normals (3, 2, 2), (size_t)1 << 62, stream, &pairing));
  const gsl_matrix endless = { (size_t)1 << 40, 1, 1, NULL, NULL, 0 }; // refused before it is looked at
  refused (GSL_ENOMEM, sb_paired_distances (&endless, &endless, 10, stream, &pairing));
  refused (GSL_EDOM, sb_paired_distances (matrix_of (2, 1, 1, 2), matrix_of (2, 1, 1, GSL_NAN), 10, stream, &pairing));
}
