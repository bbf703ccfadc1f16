// # What must be true of the energy test

#include "measure/energy_distance.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#ifdef _OPENMP
#include <omp.h>
#endif

SUITE (energy);

static const sb_stream probe = { 1, SB_FOR_PROBE, 0 };

static double
mean_distance (const gsl_matrix *x, const gsl_matrix *y)
{
  double sum = 0;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < y->size1; j++)
      {
        double square = 0;
        for (size_t k = 0; k < x->size2; k++)
          square += gsl_pow_2 (gsl_matrix_get (x, i, k) - gsl_matrix_get (y, j, k));
        sum += sqrt (square);
      }
  return sum / (double)(x->size1 * y->size1);
}

// Pair by pair, as the header has it; over several shards, with rows that lie apart, and so far from the origin that
// the squares of coordinates hide the distances' digits unless they are centred.

static double
pair_by_pair (const double *v, void *context)
{
  (void)context;
  size_t n = (size_t)v[0], m = (size_t)v[1], d = (size_t)v[2];
  gsl_matrix *wide = normals (n, d + 1, (uint64_t)v[3]), *y = normals (m, d, (uint64_t)v[3] + 1);
  gsl_matrix_view x = gsl_matrix_submatrix (wide, 0, 1, n, d);
  gsl_matrix_scale (y, 1.5);
  gsl_matrix_add_constant (wide, 1e6);
  gsl_matrix_add_constant (y, 1e6 + 0.5);
  double expected = 2 * mean_distance (&x.matrix, y) - mean_distance (&x.matrix, &x.matrix) - mean_distance (y, y),
         found = -1;
  sb_energy_test (&x.matrix, y, 0, probe, &found, NULL);
  return fabs (found - expected);
}

Test (energy, is_the_mean_over_pairs)
{
  const property_parameter parameters[] = { { "n", PROPERTY_INTEGER, 1, 200, 1 },
                                            { "m", PROPERTY_INTEGER, 1, 100, 1 },
                                            { "d", PROPERTY_INTEGER, 1, 6, 1 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };
  property_check ("the energy distance, pair by pair", 2, 40, 4, parameters, pair_by_pair, NULL, 1e-9);
}

// On a line it is twice the squared area between the distribution functions, $2 \int (F_n - G_m)^2$ (Székely and
// Rizzo, 2013).

Test (energy, on_a_line_is_cramers_distance)
{
  enum
  {
    n = 30,
    m = 50
  };
  gsl_matrix *x = normals (n, 1, 3), *y = normals (m, 1, 4);
  double all[n + m], expected = 0, found;
  for (size_t i = 0; i < n + m; i++)
    all[i] = i < n ? gsl_matrix_get (x, i, 0) : gsl_matrix_get (y, i - n, 0);
  gsl_sort (all, 1, n + m);
  for (size_t k = 0; k + 1 < n + m; k++)
    {
      double F = 0, G = 0;
      for (size_t i = 0; i < n; i++)
        F += gsl_matrix_get (x, i, 0) <= all[k];
      for (size_t j = 0; j < m; j++)
        G += gsl_matrix_get (y, j, 0) <= all[k];
      expected += 2 * gsl_pow_2 (F / n - G / m) * (all[k + 1] - all[k]);
    }
  ok (sb_energy_test (x, y, 0, probe, &found, NULL));
  cr_assert_float_eq (found / expected, 1, 1e-12);
}

// For normal laws the expectation of the distance between two draws is known; with $\sigma^2 = s_1^2 + s_2^2$ and $\mu
// = m_1 - m_2$ it is $\sigma\sqrt{2/\pi}\,e^{-\mu^2/2\sigma^2} + \mu\,\mathrm{erf}(\mu/\sigma\sqrt2)$. Samples of 1500
// come near: the estimate's standard error is 0.043 (the delta method), and five of them are allowed.

static double
expected_distance (double mu, double sigma)
{
  return sigma * M_SQRT2 / sqrt (M_PI) * exp (-mu * mu / (2 * sigma * sigma)) + mu * erf (mu / (sigma * M_SQRT2));
}

Test (energy, of_normal_samples)
{
  gsl_matrix *x = normals (1500, 1, 5), *y = normals (1500, 1, 6);
  gsl_matrix_scale (y, 2);
  gsl_matrix_add_constant (y, 1);
  double truth
      = 2 * expected_distance (1, sqrt (5)) - expected_distance (0, sqrt (2)) - expected_distance (0, sqrt (8)),
      found;
  ok (sb_energy_test (x, y, 0, probe, &found, NULL));
  cr_assert_float_eq (found, truth, 5 * 0.043, "%g, truth %g", found, truth);
}

// Each of the 300 points then has a copy in the other sample, at a distance of zero but for the cancellation of
// squares: at most about $|z| \sqrt{d \epsilon} \approx 10^{-7}$, once in 600 pairs.

Test (energy, of_equal_samples_is_nothing)
{
  gsl_matrix *x = normals (300, 4, 7);
  double found, p;
  ok (sb_energy_test (x, x, 19, probe, &found, &p));
  cr_assert (found >= 0 && found < 1e-9, "%g", found);
  cr_assert_eq (p, 1);
}

// ## The p-value
//
// Four and three points can be divided in 35 ways. The part of these whose distance is as large is what random
// divisions estimate: 50000 of them within 5 standard deviations. It is the same for every order in which each sample
// is given.

static double
part_of_all_divisions (const gsl_matrix *z, size_t n, double truth)
{
  size_t N = z->size1, divisions = 0, as_large = 0;
  for (unsigned set = 0; set < 1u << N; set++)
    {
      gsl_matrix *x = matrix (N, 1), *y = matrix (N, 1);
      size_t i = 0, j = 0;
      for (size_t k = 0; k < N; k++)
        if (set >> k & 1)
          gsl_matrix_set (x, i++, 0, gsl_matrix_get (z, k, 0));
        else
          gsl_matrix_set (y, j++, 0, gsl_matrix_get (z, k, 0));
      if (i == n)
        {
          gsl_matrix_view first = gsl_matrix_submatrix (x, 0, 0, i, 1), second = gsl_matrix_submatrix (y, 0, 0, j, 1);
          double distance = 2 * mean_distance (&first.matrix, &second.matrix)
                            - mean_distance (&first.matrix, &first.matrix)
                            - mean_distance (&second.matrix, &second.matrix);
          divisions++;
          as_large += distance > truth - 1e-9;
        }
    }
  return (double)as_large / (double)divisions;
}

Test (energy, p_value_is_the_part_of_all_divisions)
{
  const size_t permutations = 50000;
  for (uint64_t seed = 8; seed < 16; seed++)
    {
      gsl_matrix *z = normals (7, 1, seed);
      gsl_matrix_view x = gsl_matrix_submatrix (z, 0, 0, 4, 1), y = gsl_matrix_submatrix (z, 4, 0, 3, 1);
      gsl_matrix_add_constant (&y.matrix, 0.8);
      double truth, p;
      ok (sb_energy_test (&x.matrix, &y.matrix, permutations, probe, &truth, &p));
      double part = part_of_all_divisions (z, 4, truth);
      cr_assert_float_eq (p, part, 5 * sqrt (part * (1 - part) / permutations) + 2. / permutations,
                          "seed %d: %g of divisions, p = %g", (int)seed, part, p);
    }
}

// Of pairs of samples from one law, one in twenty has $p \le 1/20$ with 19 permutations: an exact level. 2000 pairs, 5
// standard deviations, divisions from rows of the stream that do not repeat.

Test (energy, level_is_exact)
{
  size_t rejected = 0;
  for (uint64_t k = 0; k < 2000; k++)
    {
      gsl_matrix *x = normals (6, 2, 1000 + 2 * k), *y = normals (5, 2, 1001 + 2 * k);
      double distance, p;
      sb_energy_test (x, y, 19, sb_stream_skip (probe, 19 * k), &distance, &p);
      rejected += p <= 0.05 + 1e-12;
    }
  cr_assert_float_eq ((double)rejected, 100, 5 * sqrt (95), "%zu of 2000", rejected);
}

// A difference that only all coordinates together have (their product's sign) is seen.

Test (energy, sees_what_no_coordinate_shows)
{
  gsl_matrix *x = normals (400, 2, 20), *y = normals (400, 2, 21);
  for (size_t i = 0; i < 400; i++)
    gsl_matrix_set (y, i, 1, fabs (gsl_matrix_get (y, i, 1)) * GSL_SIGN (gsl_matrix_get (y, i, 0)));
  double distance, p;
  ok (sb_energy_test (x, y, 199, probe, &distance, &p));
  cr_assert_eq (p, 1. / 200);
}

#ifdef _OPENMP
Test (energy, is_the_same_on_any_number_of_threads)
{
  gsl_matrix *x = normals (300, 5, 22), *y = normals (250, 5, 23);
  double distance[2], p[2];
  for (int k = 0; k < 2; k++)
    {
      omp_set_num_threads (1 + 3 * k);
      ok (sb_energy_test (x, y, 99, probe, &distance[k], &p[k]));
    }
  cr_assert (distance[0] == distance[1] && p[0] == p[1]);
}
#endif

Test (energy, bad_samples_are_refused)
{
  gsl_matrix *x = matrix_all (3, 2, 0), *other = matrix_all (3, 3, 0), *none = matrix (0, 2), *flat = matrix (3, 0);
  double distance = 17, p = 17;
  refused (GSL_EBADLEN, sb_energy_test (x, other, 9, probe, &distance, &p));
  refused (GSL_EBADLEN, sb_energy_test (x, none, 9, probe, &distance, &p));
  refused (GSL_EBADLEN, sb_energy_test (none, x, 9, probe, &distance, &p));
  refused (GSL_EBADLEN, sb_energy_test (flat, flat, 9, probe, &distance, &p));
  gsl_matrix_set (x, 1, 1, NAN);
  refused (GSL_EDOM, sb_energy_test (x, x, 9, probe, &distance, &p));
  gsl_matrix_set (x, 1, 1, INFINITY);
  refused (GSL_EDOM, sb_energy_test (x, x, 9, probe, &distance, &p));
  const gsl_matrix *far = matrix_all (2, 1, 1.7e308), *near = matrix_all (2, 1, -1.7e308);
  refused (GSL_EOVRFLW, sb_energy_test (far, near, 0, probe, &distance, NULL));
  refused (GSL_ENOMEM, sb_energy_test (far, near, SIZE_MAX, probe, &distance, &p));
  refused (GSL_ENOMEM, sb_energy_test (far, near, SIZE_MAX / 2, probe, &distance, &p));
  cr_assert (distance == 17 && p == 17);
}
