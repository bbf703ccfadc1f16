// # What must be true of the cosine transform
//
// Its defining sum, in long double and without a matrix; and what it is used for: it makes the second difference of a
// mirrored signal diagonal.

#include "operator/operator.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

static long double
weight (size_t size, size_t frequency, size_t place)
{
  long double angle = 3.14159265358979323846L * frequency * (2 * place + 1) / (2 * size);
  return sqrtl ((frequency ? 2.0L : 1.0L) / size) * cosl (angle);
}

static double
difference_to_the_sum (const double *v, void *context)
{
  size_t h = (size_t)v[0], w = (size_t)v[1], channels = (size_t)v[2], d = h * w * channels;
  gsl_rng *r = property_rng (v[3]);
  sb_operator *C = scoped (sb_operator_cosine_alloc (h, w, channels));
  gsl_matrix *x = matrix (2, d), *y = matrix (2, d);
  (void)context;
  for (size_t k = 0; k < 2 * d; k++)
    x->data[k] = gsl_ran_ugaussian (r);
  ok (sb_operator_apply (C, CblasNoTrans, NULL, x, y));
  double largest = 0;
  for (size_t k = 0; k < h; k++)
    for (size_t l = 0; l < w; l++)
      for (size_t c = 0; c < channels; c++)
        {
          long double sum = 0;
          for (size_t i = 0; i < h; i++)
            for (size_t j = 0; j < w; j++)
              sum += weight (h, k, i) * weight (w, l, j) * gsl_matrix_get (x, 1, (i * w + j) * channels + c);
          largest = larger (largest, fabs ((double)(sum - gsl_matrix_get (y, 1, (k * w + l) * channels + c))));
        }
  return largest;
}

Test (cosine_transform, is_its_defining_sum)
{
  const property_parameter parameters[] = { { "height", PROPERTY_INTEGER, 1, 9, 1 },
                                            { "width", PROPERTY_INTEGER, 1, 9, 1 },
                                            { "channels", PROPERTY_INTEGER, 1, 3, 1 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e6, 1 } };
  property_check ("the sum over all pixels", 1, 100, 4, parameters, difference_to_the_sum, NULL, 1e-14);
}

// The second difference $-x_{n-1} + 2 x_n - x_{n+1}$ with $x_{-1} = x_0$ and $x_N = x_{N-1}$ has in this basis the
// eigenvalues $2 - 2\cos(\pi k/N)$ (Strang, 1999), smallest first: so the row of a frequency is found to belong to it.

static double
mirrored (const gsl_matrix *x, size_t row, size_t n, int step)
{
  size_t last = x->size2 - 1, to = step < 0 ? (n ? n - 1 : 0) : n < last ? n + 1 : last;
  return gsl_matrix_get (x, row, to);
}

static double
distance_to_eigenvectors (const double *v, void *context)
{
  size_t N = (size_t)v[0];
  sb_operator *C = scoped (sb_operator_cosine_alloc (1, N, 1));
  gsl_matrix *units = matrix (N, N), *basis = matrix (N, N);
  (void)context;
  gsl_matrix_set_identity (units);
  ok (sb_operator_apply (C, CblasTrans, NULL, units, basis)); // row k: the frequency's vector
  double largest = 0;
  for (size_t k = 0; k < N; k++)
    for (size_t n = 0; n < N; n++)
      {
        double here = gsl_matrix_get (basis, k, n), value = 2 - 2 * cos (M_PI * (double)k / (double)N);
        double second = 2 * here - mirrored (basis, k, n, -1) - mirrored (basis, k, n, 1);
        largest = larger (largest, fabs (second - value * here));
      }
  return largest;
}

Test (cosine_transform, makes_the_second_difference_diagonal)
{
  const property_parameter parameters[] = { { "size", PROPERTY_INTEGER, 1, 64, 1 } };
  property_check ("eigenvectors", 1, 60, 1, parameters, distance_to_eigenvectors, NULL, 1e-14);
}

// Orthonormal to the last digits in the sizes of real images: there and back.

Test (cosine_transform, there_and_back)
{
  const size_t sizes[][3] = { { 64, 64, 3 }, { 28, 28, 1 }, { 1, 1000, 1 } };
  gsl_rng *r = property_rng (3);
  for (size_t k = 0; k < 3; k++)
    {
      size_t d = sizes[k][0] * sizes[k][1] * sizes[k][2];
      sb_operator *C = scoped (sb_operator_cosine_alloc (sizes[k][0], sizes[k][1], sizes[k][2]));
      gsl_matrix *x = matrix (1, d), *y = matrix (1, d), *back = matrix (1, d);
      for (size_t j = 0; j < d; j++)
        x->data[j] = gsl_ran_flat (r, -1, 1);
      ok (sb_operator_apply (C, CblasNoTrans, NULL, x, y));
      ok (sb_operator_apply (C, CblasTrans, NULL, y, back));
      cr_assert_lt (largest_difference (back, x), 1e-14, "%zu x %zu", sizes[k][0], sizes[k][1]);
    }
}
