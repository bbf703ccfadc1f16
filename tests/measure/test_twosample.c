// # What must be true of the tests for two samples
//
// Against counting every possible order, the exact law for samples of equal size, and areas by hand.

#include "measure/twosample.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_sf_gamma.h>
#include <gsl/gsl_sort_vector.h>

SUITE (twosample);

static gsl_vector *
shifted_normals (size_t n, double mean, uint64_t seed)
{
  gsl_vector_const_view x = gsl_matrix_const_column (normals (n, 1, seed), 0);
  gsl_vector *shifted = copy_of (&x.vector);
  gsl_vector_add_constant (shifted, mean);
  return shifted;
}

static double
identity (double x, void *params)
{
  (void)params;
  return x;
}

// ## One sample
//
// By hand: 0.7, 0.1, 0.4 against the uniform law. F_n - F is 1/3 - 0.1, 2/3 - 0.4, 1 - 0.7 after the jumps and -0.1,
// 1/3 - 0.4, 2/3 - 0.7 before them. Mirrored, the largest difference is before a jump.

Test (twosample, one_sample_by_hand)
{
  double D, p;
  gsl_vector *x = vector_of (0.7, 0.1, 0.4), *y = vector_of (0.3, 0.9, 0.6);
  ok (sb_ks_one_sample (x, identity, NULL, &D, &p));
  cr_assert_float_eq (D, 0.3, 1e-15);
  cr_assert_eq (p, 1);
  ok (sb_ks_one_sample (y, identity, NULL, &D, &p));
  cr_assert_float_eq (D, 0.3, 1e-15);
  cr_assert_eq (gsl_vector_get (x, 0), 0.7); // the sample itself is not sorted
}

// The p-value is a bound for every n, and not a loose one: of samples from the law itself, at most 5% have p <= 0.05
// (and 1% have p <= 0.01), but at n = 60 more than 3% do (the exact level is 4.3%). 20000 samples: both alarms are
// false less than once in $10^6$ runs (5 standard deviations).

static double
rejected (size_t n, double alpha, size_t samples, gsl_rng *r)
{
  gsl_vector *x = vector (n);
  size_t count = 0;
  for (size_t k = 0; k < samples; k++)
    {
      double D, p;
      for (size_t i = 0; i < n; i++)
        gsl_vector_set (x, i, gsl_rng_uniform (r));
      sb_ks_one_sample (x, identity, NULL, &D, &p);
      count += p <= alpha;
    }
  return (double)count / (double)samples;
}

Test (twosample, one_sample_level)
{
  gsl_rng *r = property_rng (1);
  for (size_t n = 1; n <= 60; n = n * 3 + 1)
    for (double alpha = 0.05; alpha > 0.005; alpha /= 5)
      {
        double found = rejected (n, alpha, 20000, r), deviation = sqrt (alpha / 20000);
        cr_assert_lt (found, alpha + 5 * deviation, "n = %zu: %g of samples at %g", n, found, alpha);
      }
  double found = rejected (60, 0.05, 20000, r);
  cr_assert_gt (found, 0.03 + 5 * sqrt (0.05 / 20000), "%g", found);
}

// ## Two samples
//
// All orders of n + m points without ties are equally likely, so the p-value is the part of them whose distance is as
// large: counted one by one, a bit for each point.

static double
distance_of_order (unsigned order, size_t n, size_t m)
{
  double largest = 0, of_x = 0, of_y = 0;
  for (size_t k = 0; k < n + m; k++)
    {
      if (order >> k & 1)
        of_x += 1 / (double)n;
      else
        of_y += 1 / (double)m;
      largest = larger (largest, fabs (of_x - of_y));
    }
  return largest;
}

static size_t
points_of_x (unsigned order)
{
  size_t count = 0;
  for (; order; order >>= 1)
    count += order & 1;
  return count;
}

static double
counted (const double *v, void *context)
{
  (void)context;
  size_t n = (size_t)v[0], m = (size_t)v[1], orders = 0, as_large = 0;
  uint64_t seed = (uint64_t)v[2];
  gsl_vector *x = shifted_normals (n, 0, seed), *y = shifted_normals (m, 0.7, seed + 1);
  double D, p, expected = 0;
  sb_ks_two_sample (x, y, &D, &p);
  for (size_t i = 0; i < n; i++)
    for (size_t side = 0; side < 2; side++)
      {
        // F_n - G_m at each point of x and each point of y
        double at = gsl_vector_get (x, i), F = 0, G = 0;
        if (side == 1)
          at = gsl_vector_get (y, i % m);
        for (size_t k = 0; k < n; k++)
          F += gsl_vector_get (x, k) <= at;
        for (size_t k = 0; k < m; k++)
          G += gsl_vector_get (y, k) <= at;
        expected = larger (expected, fabs (F / (double)n - G / (double)m));
      }
  for (unsigned order = 0; order < 1u << (n + m); order++)
    if (points_of_x (order) == n)
      {
        orders++;
        as_large += distance_of_order (order, n, m) > D - 1e-9;
      }
  return (n >= m ? fabs (D - expected) : 0) + fabs (p - (double)as_large / (double)orders);
}

Test (twosample, p_value_is_the_part_of_all_orders)
{
  const property_parameter parameters[] = { { "n", PROPERTY_INTEGER, 1, 7, 1 },
                                            { "m", PROPERTY_INTEGER, 1, 7, 1 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };
  property_check ("a p-value, counted", 3, 150, 3, parameters, counted, NULL, 1e-13);
}

// For n = m Gnedenko and Korolyuk (1951) give it by reflections, $P(D \ge k/n) = 2 \sum_{j \ge 1} (-1)^{j-1}
// \binom{2n}{n - jk} / \binom{2n}{n}$; down to $10^{-29}$ no digit is lost. y is the numbers 1/2, 3/2, ..., and x the
// same moved up by k: just k of y are below all of x.

Test (twosample, p_value_of_equal_sizes)
{
  const int n = 50;
  gsl_vector *x = vector (n), *y = vector (n);
  for (int k = 1; k <= n; k++)
    {
      for (int i = 0; i < n; i++)
        {
          gsl_vector_set (y, (size_t)i, i + 0.5);
          gsl_vector_set (x, (size_t)i, i + k + 0.25);
        }
      double D, p, expected = 0;
      sb_ks_two_sample (x, y, &D, &p);
      for (int j = 1; j * k <= n; j++)
        expected
            += (j % 2 ? 2 : -2) * exp (gsl_sf_lnchoose (2 * n, (unsigned)(n - j * k)) - gsl_sf_lnchoose (2 * n, n));
      cr_assert_float_eq (D, (double)k / n, 1e-15);
      cr_assert_float_eq (p / expected, 1, 1e-10, "k = %d: %g, exactly %g", k, p, expected);
    }
}

// Equal points are passed together: (1, 1, 2) and (1, 2, 2) are 1/3 apart, equal samples not at all.

Test (twosample, ties)
{
  double D, p;
  gsl_vector *x = vector_of (1, 2, 1), *y = vector_of (2, 1, 2);
  sb_ks_two_sample (x, y, &D, &p);
  cr_assert_float_eq (D, 1 / 3., 1e-15);
  sb_ks_two_sample (x, x, &D, &p);
  cr_assert (D == 0 && p == 1);
}

// ## Projections
//
// Direction by direction as the header says, with directions from the stream's rows.

Test (twosample, projections_are_of_the_streams_rows)
{
  const size_t n = 40, m = 30, d = 5, count = 7;
  sb_stream stream = { 4, SB_FOR_PROBE, 100 };
  gsl_matrix *x = normals (n, d, 5), *y = normals (m, d, 6), *direction = matrix (1, d);
  gsl_matrix_add_constant (y, 1);
  double D_expected = 0, p_expected = 1, D, p;
  for (size_t k = 0; k < count; k++)
    {
      sb_stream_normals (sb_stream_skip (stream, k), 0, direction);
      gsl_vector *along_x = vector_all (n, 0), *along_y = vector_all (m, 0);
      for (size_t j = 0; j < d; j++)
        {
          gsl_vector_view of_x = gsl_matrix_column (x, j), of_y = gsl_matrix_column (y, j);
          gsl_blas_daxpy (gsl_matrix_get (direction, 0, j), &of_x.vector, along_x);
          gsl_blas_daxpy (gsl_matrix_get (direction, 0, j), &of_y.vector, along_y);
        }
      sb_ks_two_sample (along_x, along_y, &D, &p);
      D_expected = larger (D_expected, D);
      p_expected = fmin (p_expected, count * p);
    }
  ok (sb_ks_projections (x, y, count, stream, &D, &p));
  cr_assert (p_expected < 1, "the case says nothing");
  cr_assert_eq (D, D_expected);
  cr_assert_eq (p, p_expected);
  ok (sb_ks_projections (x, x, count, stream, &D, &p));
  cr_assert (D == 0 && p == 1);
}

// A correlation, which no coordinate shows alone, is seen; the same law is not taken for another (a false alarm in
// $10^6$).

Test (twosample, projections_see_a_correlation)
{
  const size_t n = 4000, d = 3;
  sb_stream stream = { 7, SB_FOR_PROBE, 0 };
  gsl_matrix *x = normals (n, d, 8), *y = normals (n, d, 9);
  double D, p;
  sb_ks_projections (x, y, 20, stream, &D, &p);
  cr_assert_gt (p, 1e-6);
  for (size_t i = 0; i < n; i++)
    gsl_matrix_set (y, i, 1, 0.8 * gsl_matrix_get (y, i, 0) + 0.6 * gsl_matrix_get (y, i, 1));
  sb_ks_projections (x, y, 20, stream, &D, &p);
  cr_assert_lt (p, 1e-6);
}

// ## Wasserstein
//
// Of samples of different sizes: repeat each point of the one m times and of the other n times; then the sorted points
// are matched one to one, and their mean difference is the distance.

static double
matched (const double *v, void *context)
{
  const int power = *(const int *)context;
  size_t n = (size_t)v[0], m = (size_t)v[1];
  uint64_t seed = (uint64_t)v[2];
  gsl_vector *x = shifted_normals (n, 0, seed), *y = shifted_normals (m, 0.5, seed + 1);
  double found = -1, expected = 0;
  ok ((power == 1 ? sb_wasserstein_1 : sb_wasserstein_2) (x, y, &found));
  gsl_sort_vector (x);
  gsl_sort_vector (y);
  for (size_t k = 0; k < n * m; k++)
    expected += pow (fabs (gsl_vector_get (x, k / m) - gsl_vector_get (y, k / n)), power) / (double)(n * m);
  return fabs (found / pow (expected, 1. / power) - 1);
}

Test (twosample, wasserstein_is_the_least_way)
{
  const property_parameter parameters[] = { { "n", PROPERTY_INTEGER, 1, 40, 1 },
                                            { "m", PROPERTY_INTEGER, 1, 40, 1 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };
  for (int power = 1; power <= 2; power++)
    property_check ("distance by matching", 10, 150, 3, parameters, matched, &power, 1e-12);
}

// A sample moved by c is at the distance |c|, and its mirror image at the same distance.

Test (twosample, wasserstein_of_a_shift)
{
  gsl_vector *x = shifted_normals (500, 0, 11), *y = copy_of (x);
  gsl_vector_add_constant (y, -0.25);
  double found;
  ok (sb_wasserstein_1 (x, y, &found));
  cr_assert_float_eq (found, 0.25, 1e-13);
  ok (sb_wasserstein_2 (x, y, &found));
  cr_assert_float_eq (found, 0.25, 1e-13);
  gsl_vector_scale (x, -2);
  gsl_vector_scale (y, -2);
  ok (sb_wasserstein_1 (x, y, &found));
  cr_assert_float_eq (found, 0.5, 1e-13);
  ok (sb_wasserstein_1 (x, x, &found));
  cr_assert_eq (found, 0);
}

// ## Bad input

static double
not_a_law (double x, void *params)
{
  (void)x;
  return *(double *)params;
}

Test (twosample, bad_samples_are_refused)
{
  gsl_vector *x = vector_all (3, 0), *none = vector (0);
  gsl_matrix *a = matrix_all (3, 2, 0), *b = matrix_all (3, 3, 0), *empty = matrix (0, 2), *flat = matrix (3, 0);
  sb_stream stream = { 1, SB_FOR_PROBE, 0 };
  double D = 17, p = 17;
  refused (GSL_EBADLEN, sb_ks_one_sample (none, identity, NULL, &D, &p));
  refused (GSL_EBADLEN, sb_ks_two_sample (none, x, &D, &p));
  refused (GSL_EBADLEN, sb_ks_two_sample (x, none, &D, &p));
  refused (GSL_EBADLEN, sb_wasserstein_1 (x, none, &D));
  refused (GSL_EBADLEN, sb_wasserstein_2 (x, none, &D));
  const double wrong[] = { NAN, INFINITY, -INFINITY };
  for (size_t k = 0; k < 3; k++)
    {
      gsl_vector *bad = vector_all (3, 0);
      gsl_vector_set (bad, k, wrong[k]);
      refused (GSL_EDOM, sb_ks_one_sample (bad, identity, NULL, &D, &p));
      refused (GSL_EDOM, sb_ks_two_sample (x, bad, &D, &p));
      refused (GSL_EDOM, sb_ks_two_sample (bad, x, &D, &p));
      refused (GSL_EDOM, sb_wasserstein_1 (bad, x, &D));
      refused (GSL_EDOM, sb_wasserstein_2 (bad, x, &D));
    }
  double laws[] = { -0.1, 1.1, NAN };
  for (size_t k = 0; k < 3; k++)
    refused (GSL_EDOM, sb_ks_one_sample (x, not_a_law, &laws[k], &D, &p));
  refused (GSL_EBADLEN, sb_ks_projections (a, b, 3, stream, &D, &p));
  refused (GSL_EBADLEN, sb_ks_projections (a, a, 0, stream, &D, &p));
  refused (GSL_EBADLEN, sb_ks_projections (a, empty, 3, stream, &D, &p));
  refused (GSL_EBADLEN, sb_ks_projections (empty, a, 3, stream, &D, &p));
  refused (GSL_EBADLEN, sb_ks_projections (flat, flat, 3, stream, &D, &p));
  refused (GSL_ENOMEM, sb_ks_projections (a, a, (size_t)1 << 62, stream, &D, &p));
  const gsl_matrix wide = { 3, (size_t)1 << 60, (size_t)1 << 60, NULL, NULL, 0 }; // refused before it is looked at
  refused (GSL_ENOMEM, sb_ks_projections (&wide, &wide, 3, stream, &D, &p));
  const gsl_vector endless = { ((size_t)1 << 31) + 1, 1, NULL, NULL, 0 };
  refused (GSL_EBADLEN, sb_ks_one_sample (&endless, identity, NULL, &D, &p));
  const gsl_vector *least = vector_of (-1.7e308), *largest = vector_of (1.7e308);
  refused (GSL_EOVRFLW, sb_wasserstein_1 (least, largest, &D));
  refused (GSL_EOVRFLW, sb_wasserstein_2 (least, largest, &D));
  gsl_matrix_set (a, 1, 1, NAN);
  refused (GSL_EDOM, sb_ks_projections (a, a, 3, stream, &D, &p));
  cr_assert (D == 17 && p == 17);
}
