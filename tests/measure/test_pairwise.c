// # What must be true of distances between pairs

#include "measure/pairwise.h"
#include "property.h"
#include "scope.h"

#include <float.h>
#include <gsl/gsl_math.h>

SUITE (pairs);

static double
squared (const gsl_matrix *x, size_t i, const gsl_matrix *y, size_t j)
{
  double sum = 0;
  for (size_t k = 0; k < x->size2; k++)
    sum += gsl_pow_2 (gsl_matrix_get (x, i, k) - gsl_matrix_get (y, j, k));
  return sum;
}

// One by one; rows and results lie apart.

static double
one_by_one (const double *v, void *context)
{
  (void)context;
  size_t n = (size_t)v[0], m = (size_t)v[1], d = (size_t)v[2];
  gsl_matrix *wide = normals (n, d + 2, (uint64_t)v[3]), *y = normals (m, d, (uint64_t)v[3] + 1),
             *out = matrix_all (n, m + 1, 0);
  gsl_matrix_view x = gsl_matrix_submatrix (wide, 0, 1, n, d), found = gsl_matrix_submatrix (out, 0, 0, n, m);
  sb_squared_distances (&x.matrix, y, &found.matrix);
  double worst = 0;
  for (size_t i = 0; i < n; i++)
    {
      for (size_t j = 0; j < m; j++)
        worst = larger (worst, fabs (gsl_matrix_get (out, i, j) - squared (&x.matrix, i, y, j)));
      worst = larger (worst, fabs (gsl_matrix_get (out, i, m)));
    }
  return worst;
}

static const property_parameter parameters[] = { { "n", PROPERTY_INTEGER, 1, 150, 1 },
                                                 { "m", PROPERTY_INTEGER, 1, 30, 1 },
                                                 { "d", PROPERTY_INTEGER, 1, 9, 1 },
                                                 { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };

Test (pairs, distances_are_those_one_by_one)
{
  property_check ("squared distances", 1, 60, 4, parameters, one_by_one, NULL, 1e-12);
}

// A point and itself, far from the origin: rounding makes it small, never negative.

Test (pairs, squares_are_never_negative)
{
  gsl_matrix *x = normals (200, 301, 2), *out = matrix (200, 200);
  gsl_matrix_add_constant (x, 1000);
  sb_squared_distances (x, x, out);
  cr_assert_geq (gsl_matrix_min (out), 0);
  for (size_t i = 0; i < 200; i++)
    cr_assert_lt (gsl_matrix_get (out, i, i), 30 * DBL_EPSILON * 301e6);
}

// ## The nearest
//
// By looking at all of them, over several blocks of data (2500 rows) and of points.

Test (pairs, the_nearest_is_the_nearest)
{
  enum
  {
    n = 150,
    m = 2500,
    d = 3
  };
  gsl_matrix *x = normals (n, d, 3), *data = normals (m, d, 4);
  gsl_vector *distance = vector (n);
  size_t index[n];
  ok (sb_nearest (x, data, index, distance));
  for (size_t i = 0; i < n; i++)
    {
      size_t nearest = 0;
      for (size_t j = 1; j < m; j++)
        nearest = squared (x, i, data, j) < squared (x, i, data, nearest) ? j : nearest;
      cr_assert_eq (index[i], nearest, "row %zu", i);
      cr_assert_float_eq (gsl_vector_get (distance, i), sqrt (squared (x, i, data, nearest)), 1e-15);
    }
}

// Copies of data rows, moved by $10^{-6}$ far from the origin: found, and at this distance to many digits.

Test (pairs, copies_are_found)
{
  enum
  {
    m = 1100,
    d = 4
  };
  gsl_matrix *data = normals (m, d, 5);
  gsl_matrix_add_constant (data, 10);
  gsl_matrix *x = copy_of (data);
  for (size_t i = 0; i < m; i++)
    *gsl_matrix_ptr (x, i, i % d) += 1e-6;
  gsl_vector *distance = vector (m);
  size_t index[m];
  ok (sb_nearest (x, data, index, distance));
  for (size_t i = 0; i < m; i++)
    cr_assert (index[i] == i && fabs (gsl_vector_get (distance, i) - 1e-6) < 1e-14);
}

Test (pairs, bad_input_is_refused)
{
  gsl_matrix *x = matrix_all (3, 2, 0), *other = matrix_all (3, 3, 0), *none = matrix (0, 2);
  gsl_matrix *flat = matrix (3, 0), *out = matrix_all (3, 3, 0), *tall = matrix_all (4, 3, 0),
             *narrow = matrix_all (3, 2, 0);
  gsl_vector *distance = vector (3), *longer = vector (4), *nothing = vector (0);
  size_t index[4];
  refused (GSL_EBADLEN, sb_squared_distances (x, other, out));
  refused (GSL_EBADLEN, sb_squared_distances (flat, flat, out));
  refused (GSL_EBADLEN, sb_squared_distances (x, x, tall));
  refused (GSL_EBADLEN, sb_squared_distances (x, x, narrow));
  refused (GSL_EBADLEN, sb_nearest (x, other, index, distance));
  refused (GSL_EBADLEN, sb_nearest (x, none, index, distance));
  refused (GSL_EBADLEN, sb_nearest (flat, flat, index, distance));
  refused (GSL_EBADLEN, sb_nearest (x, x, index, longer));
  ok (sb_nearest (none, x, index, nothing));
  ok (sb_squared_distances (none, x, matrix (0, 3)));
  ok (sb_squared_distances (x, none, matrix (3, 0)));
  refused (GSL_EOVRFLW, sb_squared_distances (matrix_all (1, 5, 0), matrix_all (1, 5, 6.7e153), matrix (1, 1)));
  const double wrong[] = { NAN, INFINITY };
  for (size_t k = 0; k < 2; k++)
    {
      gsl_matrix_set (narrow, 1, 1, wrong[k]);
      refused (GSL_EDOM, sb_squared_distances (x, narrow, out));
      refused (GSL_EDOM, sb_squared_distances (narrow, x, out));
      refused (GSL_EDOM, sb_nearest (x, narrow, index, distance));
      refused (GSL_EDOM, sb_nearest (narrow, x, index, distance));
    }
}
