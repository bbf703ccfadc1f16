// # What must be true of every measure
//
// Where the data lie, in which unit they are given and in which order is no matter of the laws they are from. So a
// measure of shifted or permuted data is that of the data, and of scaled data it is scaled with them, as a length, a
// square or a pure number; or it is refused, where doubles do not reach as far.

#include "grid/distance.h"
#include "measure/diversity.h"
#include "measure/energy_distance.h"
#include "measure/frechet.h"
#include "measure/pairwise.h"
#include "measure/sample_moments.h"
#include "measure/sinkhorn.h"
#include "measure/twosample.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE_WITH_BLAS (invariance);

enum
{
  n = 60,
  m = 45,
  d = 3
};

static const sb_stream probe = { 1, SB_FOR_PROBE, 0 };

// ## The measures, each a number of two samples

static int
of_frechet (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  return sb_frechet (x, y, value);
}

static int
of_pairs (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  gsl_matrix_const_view x_first = gsl_matrix_const_submatrix (x, 0, 0, x->size1, 1),
                        x_rest = gsl_matrix_const_submatrix (x, 0, 1, x->size1, d - 1),
                        y_first = gsl_matrix_const_submatrix (y, 0, 0, y->size1, 1),
                        y_rest = gsl_matrix_const_submatrix (y, 0, 1, y->size1, d - 1);
  return sb_frechet_joint (&x_first.matrix, &x_rest.matrix, &y_first.matrix, &y_rest.matrix, value);
}

// Of consecutive rows: the only measure that their order is a matter of.

static int
of_diversity (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  double first, second;
  int status = sb_diversity (x, 5, NULL, &first);
  if (!status)
    status = sb_diversity (y, 5, NULL, &second);
  *value = status ? *value : first - second;
  return status;
}

static int
of_energy (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  return sb_energy_test (x, y, 0, probe, value, NULL);
}

static int
of_energy_probability (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  double distance;
  return sb_energy_test (x, y, 99, probe, &distance, value);
}

static int
of_projections (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  double p;
  return sb_ks_projections (x, y, 20, probe, value, &p);
}

static int
of_nearest (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  gsl_vector *distance = vector (x->size1);
  size_t index[n + m];
  int status = sb_nearest (x, y, index, distance);
  *value = status ? *value : gsl_stats_mean (distance->data, 1, distance->size);
  return status;
}

static int
of_squares (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  gsl_matrix *squared = matrix (x->size1, y->size1);
  int status = sb_squared_distances (x, y, squared);
  *value = status ? *value : gsl_matrix_min (squared);
  return status;
}

static int
of_area (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  gsl_vector_const_view u = gsl_matrix_const_column (x, 1), v = gsl_matrix_const_column (y, 1);
  return sb_wasserstein_1 (&u.vector, &v.vector, value);
}

static int
of_squares_on_a_line (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  gsl_vector_const_view u = gsl_matrix_const_column (x, 1), v = gsl_matrix_const_column (y, 1);
  return sb_wasserstein_2 (&u.vector, &v.vector, value);
}

static int
of_transport (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  sb_sinkhorn how = { .log_domain = true, .residual = 1e-12, .iterations = 10000 };
  sb_transport found;
  int status = sb_mean_squared_distance (x, y, &how.regularisation);
  if (!status)
    status = sb_sinkhorn_divergence (&how, x, NULL, y, NULL, &found);
  *value = status ? *value : found.entropic;
  return status;
}

static int
of_two_samples (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  double p;
  gsl_vector_const_view u = gsl_matrix_const_column (x, 1), v = gsl_matrix_const_column (y, 1);
  return sb_ks_two_sample (&u.vector, &v.vector, value, &p);
}

static int
of_largest_distance (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  double first, second;
  int status = sb_grid_largest_distance (x, &first);
  if (!status)
    status = sb_grid_largest_distance (y, &second);
  *value = status ? *value : first - second;
  return status;
}

static int
of_covariance (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  gsl_vector *mean = vector (d);
  gsl_matrix *C = matrix (d, d), *D = matrix (d, d);
  int status = sb_sample_moments (x, mean, C);
  if (!status)
    status = sb_sample_moments (y, mean, D);
  *value = status ? *value : gsl_matrix_get (C, 0, 1) - gsl_matrix_get (D, 2, 2);
  return status;
}

static int
of_mean (const gsl_matrix *x, const gsl_matrix *y, double *value)
{
  gsl_vector *first = vector (d), *second = vector (d);
  gsl_matrix *C = matrix (d, d);
  int status = sb_sample_moments (x, first, C);
  if (!status)
    status = sb_sample_moments (y, second, C);
  *value = status ? *value : gsl_vector_get (first, 0) - gsl_vector_get (second, 0);
  return status;
}

static const struct
{
  const char *name;
  int (*of) (const gsl_matrix *x, const gsl_matrix *y, double *value);
  int power;       // of the unit
  int squares;     // it goes through squares that are part of a result
  double in_place; // a shift by 1e8 rounds the result by so much
} measures[] = { { "frechet", of_frechet, 2, 1, 0 },
                 { "pairs", of_pairs, 2, 1, 0 },
                 { "diversity", of_diversity, 1, 0, 0 },
                 { "energy", of_energy, 1, 0, 0 },
                 { "energy's probability", of_energy_probability, 0, 0, 0 },
                 { "projections", of_projections, 0, 0, 0 },
                 { "nearest", of_nearest, 1, 0, 0 },
                 { "squared distances", of_squares, 2, 1, 0 },
                 { "area", of_area, 1, 0, 0 },
                 { "least squares on a line", of_squares_on_a_line, 1, 0, 0 },
                 { "transport", of_transport, 2, 1, 0 },
                 { "two samples", of_two_samples, 0, 0, 0 },
                 { "largest distance", of_largest_distance, 1, 0, 0 },
                 { "covariance", of_covariance, 2, 1, 0 },
                 { "mean", of_mean, 1, 1, 3e-8 } };

enum
{
  MEASURES = sizeof measures / sizeof *measures
};

// ## The samples
//
// Whole multiples of $2^{-20}$, so that a shift by $10^8$ rounds nothing: it is the measure that has to keep the
// digits.

static gsl_matrix *
sample (size_t rows, uint64_t seed, double mean)
{
  gsl_matrix *x = normals (rows, d, seed);
  gsl_matrix_add_constant (x, mean);
  for (size_t i = 0; i < rows * d; i++)
    x->data[i] = rint (x->data[i] * 0x1p20) / 0x1p20;
  return x;
}

static double
measured (size_t k, const gsl_matrix *x, const gsl_matrix *y)
{
  double value = 0;
  ok (measures[k].of (x, y, &value), "%s", measures[k].name);
  return value;
}

static void
must_agree (size_t k, const char *how, double value, double expected, double rounding)
{
  cr_assert (fabs (value - expected) <= 1e-10 * fabs (expected) + rounding, "%s, %s: %.15g, expected %.15g",
             measures[k].name, how, value, expected);
}

// ## Shifted
//
// Both, and one of them, which then is far away: what is within a sample must not be lost beside that.

Test (invariance, under_a_shift)
{
  const double shift[] = { 1e8, -0x1p26, 12345 };
  for (size_t k = 0; k < MEASURES; k++)
    for (size_t s = 0; s < 3; s++)
      {
        gsl_matrix *x = sample (n, 1, 0), *y = sample (m, 2, 0.5);
        double expected = measured (k, x, y);
        gsl_matrix_add_constant (x, shift[s]);
        gsl_matrix_add_constant (y, shift[s]);
        must_agree (k, "shifted", measured (k, x, y), expected, measures[k].in_place);
      }
}

// Two samples of two clusters $10^8$ apart. The energy distance within them is found, by differences that are small
// beside the clusters' distance.

Test (invariance, of_clusters_far_apart)
{
  gsl_matrix *x = sample (n, 3, 0), *y = sample (n, 4, 0.5), *squared = matrix (n, n);
  for (size_t i = 0; i < n; i += 2)
    {
      gsl_matrix_set (x, i, 0, gsl_matrix_get (x, i, 0) + 1e8);
      gsl_matrix_set (y, i, 0, gsl_matrix_get (y, i, 0) + 1e8);
    }
  ok (sb_squared_distances (x, y, squared));
  for (size_t i = 0; i < n; i++)
    for (size_t j = i % 2; j < n; j += 2)
      {
        double sum = 0;
        for (size_t k = 0; k < d; k++)
          sum += gsl_pow_2 (gsl_matrix_get (x, i, k) - gsl_matrix_get (y, j, k));
        cr_assert_float_eq (gsl_matrix_get (squared, i, j) / sum, 1, 1e-9);
      }
}

// ## Scaled

static double
scaled_value (double value, double unit, int power)
{
  return power == 0 ? value : power == 1 ? unit * value : unit * (unit * value);
}

Test (invariance, under_a_change_of_unit)
{
  const double unit[] = { 1e-150, 1e150, 1e-3, -0.5 };
  for (size_t k = 0; k < MEASURES; k++)
    for (size_t s = 0; s < 4; s++)
      {
        gsl_matrix *x = sample (n, 5, 0), *y = sample (m, 6, 0.5);
        double expected = measured (k, x, y), scale = measures[k].of == of_mean ? unit[s] : fabs (unit[s]);
        gsl_matrix_scale (x, unit[s]);
        gsl_matrix_scale (y, unit[s]);
        if (unit[s] > 0 || measures[k].of != of_projections)
          must_agree (k, "scaled", measured (k, x, y), scaled_value (expected, scale, measures[k].power), 0);
      }
}

// Where squares are no doubles any more, a result that is one of them is refused, and lengths are found.

Test (invariance, beyond_the_squares)
{
  const double unit[] = { 1e-200, 1e200 };
  const int code[] = { GSL_EUNDRFLW, GSL_EOVRFLW };
  for (size_t k = 0; k < MEASURES; k++)
    for (size_t s = 0; s < 2; s++)
      {
        gsl_matrix *x = sample (n, 7, 0), *y = sample (m, 8, 0.5);
        double expected = measured (k, x, y), value = 17;
        gsl_matrix_scale (x, unit[s]);
        gsl_matrix_scale (y, unit[s]);
        if (measures[k].squares)
          refused (code[s], measures[k].of (x, y, &value), "%s", measures[k].name);
        else
          must_agree (k, "scaled far", measured (k, x, y), scaled_value (expected, unit[s], measures[k].power), 0);
      }
}

// Distances that are no doubles.

Test (invariance, beyond_all)
{
  for (size_t k = 0; k < MEASURES; k++)
    if (measures[k].power > 0 && measures[k].of != of_mean)
      {
        gsl_matrix *x = sample (n, 9, 0), *y = sample (m, 10, 0.5);
        double value = 17;
        for (size_t j = 0; j < d; j++)
          {
            gsl_matrix_set (x, 0, j, 1.7e308);
            gsl_matrix_set (x, 1, j, -1.7e308);
            gsl_matrix_set (y, 0, j, -1.7e308);
            gsl_matrix_set (y, 1, j, -1.7e308);
          }
        int status = measures[k].of (x, y, &value); // a mean may be a double all the same
        cr_assert (status == GSL_EOVRFLW || (!measures[k].squares && !status && isfinite (value)), "%s: %d, %g",
                   measures[k].name, status, value);
      }
}

// ## In another order
//
// Random divisions are drawn by the rows' numbers, and so are others.

Test (invariance, under_a_permutation)
{
  for (size_t k = 0; k < MEASURES; k++)
    {
      if (measures[k].of == of_energy_probability || measures[k].of == of_diversity)
        continue;
      gsl_matrix *x = sample (n, 11, 0), *y = sample (m, 12, 0.5);
      double expected = measured (k, x, y);
      for (size_t i = 0; i < n / 2; i++)
        gsl_matrix_swap_rows (x, i, n - 1 - i);
      for (size_t i = 0; i + 1 < m; i += 2)
        gsl_matrix_swap_rows (y, i, i + 1);
      must_agree (k, "permuted", measured (k, x, y), expected, 0);
    }
}

// ## No numbers
//
// At the first, last and any other place, of either sample.

Test (invariance, refuses_what_is_not_finite)
{
  const double wrong[] = { NAN, INFINITY, -INFINITY };
  for (size_t k = 0; k < MEASURES; k++)
    for (size_t place = 0; place < 3; place++)
      for (size_t w = 0; w < 3; w++)
        for (int second = 0; second < 2; second++)
          {
            gsl_matrix *x = sample (n, 13, 0), *y = sample (m, 14, 0.5), *z = second ? y : x;
            double value = 17;
            gsl_matrix_set (z, place * (z->size1 - 1) / 2, 1, wrong[w]);
            refused (GSL_EDOM, measures[k].of (x, y, &value), "%s", measures[k].name);
            cr_assert_eq (value, 17);
          }
}
