// # What must be true of the largest distance between points

#include "grid/distance.h"
#include "base/stream.h"
#include "dataset/bytes.h"
#include "dataset/idx.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <stdio.h>
#include <stdlib.h>

SUITE (distance);

static double
brute_force (const gsl_matrix *points)
{
  double largest = 0;
  for (size_t i = 0; i < points->size1; i++)
    for (size_t j = 0; j < i; j++)
      {
        double squared = 0;
        for (size_t k = 0; k < points->size2; k++)
          squared += gsl_pow_2 (gsl_matrix_get (points, i, k) - gsl_matrix_get (points, j, k));
        largest = larger (largest, sqrt (squared));
      }
  return largest;
}

// Every pair by itself, on clouds of one block and of several, some of them far from the origin.

static const property_parameter a_cloud[] = { { "n", PROPERTY_INTEGER, 2, 900, 2 },
                                              { "d", PROPERTY_INTEGER, 1, 8, 1 },
                                              { "offset", PROPERTY_UNIFORM, -30, 30, 0 },
                                              { "seed", PROPERTY_INTEGER, 1, 1e6, 1 } };

static double
cloud_residual (const double *v, void *context)
{
  (void)context;
  size_t n = (size_t)v[0], d = (size_t)v[1];
  gsl_matrix *wide = matrix (n, d + 3);
  sb_stream stream = { .seed = (uint64_t)v[3], .purpose = SB_FOR_DATA };
  sb_stream_normals (stream, 0, wide);
  gsl_matrix_view points = gsl_matrix_submatrix (wide, 0, 2, n, d);
  gsl_matrix_add_constant (&points.matrix, v[2]);
  double distance = GSL_NAN;
  int status = sb_grid_largest_distance (&points.matrix, &distance);
  return status ? 1 : fabs (distance / brute_force (&points.matrix) - 1);
}

Test (distance, is_that_of_all_pairs)
{
  property_check ("largest of all pairs", 1, 60, 4, a_cloud, cloud_residual, NULL, 1e-11);
}

// Two points that stand out, wherever they stand: at the ends of blocks of 256, within one, in two.

Test (distance, finds_the_pair_wherever_it_stands)
{
  size_t places[][2]
      = { { 0, 1 }, { 0, 599 }, { 255, 256 }, { 0, 256 }, { 256, 512 }, { 511, 512 }, { 300, 10 }, { 598, 599 } };
  for (size_t p = 0; p < 8; p++)
    {
      gsl_matrix *x = matrix_all (600, 2, 0);
      gsl_matrix_set (x, places[p][0], 0, 0.03);
      gsl_matrix_set (x, places[p][1], 1, -0.04);
      double distance;
      ok (sb_grid_largest_distance (x, &distance));
      cr_assert_float_eq (distance, 0.05, 1e-16, "%zu and %zu: %g", places[p][0], places[p][1], distance);
    }
}

// Of the first 200 of MNIST's test images, with inputs in $[0, 1]$ as SMLD takes them. [scoresde.set-smld]

Test (distance, of_two_hundred_digits)
{
  const char *source = getenv ("srcdir");
  char path[4096];
  snprintf (path, sizeof path, "%s/data/t10k-images-idx3-ubyte.gz", source ? source : ".");
  sb_bytes *images = scoped (sb_idx_read (path, NULL), "%s", path);
  gsl_matrix *x = matrix (200, 784);
  ok (sb_bytes_rows (images, 0, 0, 1, x));
  double distance;
  ok (sb_grid_largest_distance (x, &distance));
  cr_assert_float_eq (distance / brute_force (x), 1, 1e-13);
}

Test (distance, of_equal_points_is_zero)
{
  double distance;
  ok (sb_grid_largest_distance (matrix_all (300, 2, 1 / 3.0), &distance));
  cr_assert_eq (distance, 0);
}

Test (distance, refuses_fewer_than_two_points)
{
  gsl_matrix *y = matrix_all (2, 2, 0);
  double distance;
  refused (GSL_EBADLEN, sb_grid_largest_distance (matrix_all (1, 2, 0), &distance));
  gsl_matrix_set (y, 1, 1, GSL_NAN);
  refused (GSL_EDOM, sb_grid_largest_distance (y, &distance));
}
