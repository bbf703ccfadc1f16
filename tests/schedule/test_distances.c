// # What must be true of distances between levels

#include "measure/pairwise.h"
#include "measure/twosample.h"
#include "property.h"
#include "schedule/distances.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#ifdef _OPENMP
#include <omp.h>
#endif

SUITE_WITH_BLAS (distances);

static const sb_stream stream = { .seed = 1 };

static gsl_matrix *
measured (const char *metric, const sb_operator *C, const gsl_vector *level, const gsl_matrix *x)
{
  gsl_matrix *distance = matrix (level->size, level->size);
  sb_error error = { 0 };
  ok (sb_level_distances (metric, C, level, x, stream, distance, &error), "%s", error.message);
  return distance;
}

static gsl_matrix *
at_level (const sb_operator *C, double level, const gsl_matrix *x)
{
  gsl_matrix *out = matrix (x->size1, x->size2);
  ok (sb_operator_apply (C, CblasNoTrans, vector_all (x->size1, level), x, out));
  return out;
}

// ## Coupled
//
// As it is defined, over more images than a shard or a block has; a level that does nothing is at distance 0. The
// matrices of "reflect" are not symmetric. [soft.set-schedule] [soft.txt-w2gauss]

static double
norm_of_difference (const gsl_matrix *x, const gsl_matrix *y)
{
  double sum = 0;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      sum += gsl_pow_2 (gsl_matrix_get (x, i, k) - gsl_matrix_get (y, i, k));
  return sqrt (sum / (double)x->size1);
}

static void
as_defined (const sb_operator *C, const gsl_vector *level, const gsl_matrix *x)
{
  gsl_matrix *distance = measured ("coupled", C, level, x);
  for (size_t a = 0; a < level->size; a++)
    for (size_t b = 0; b < level->size; b++)
      {
        const double truth = norm_of_difference (at_level (C, gsl_vector_get (level, a), x),
                                                 at_level (C, gsl_vector_get (level, b), x));
        cr_assert_float_eq (gsl_matrix_get (distance, a, b), truth, 1e-12 * truth);
      }
  cr_assert_eq (gsl_matrix_get (distance, 0, 1), 0);
}

Test (distances, coupled_image_by_image)
{
  const sb_boundary boundaries[] = { SB_BOUNDARY_ZERO, SB_BOUNDARY_REFLECT };
  for (size_t k = 0; k < 2; k++)
    as_defined (scoped (sb_operator_blur_alloc (8, 6, 3, 7, boundaries[k])), vector_of (0, .01, .5, .6, 1, 3, 7),
                normals (500, 144, 1));
}

// An image of more numbers than a block has is a block.

Test (distances, coupled_of_large_images)
{
  as_defined (scoped (sb_operator_blur_alloc (4, 4, 2100, 2, SB_BOUNDARY_ZERO)), vector_of (0, .01, 1),
              normals (2, 4 * 4 * 2100, 1));
}

// Where $C_b C_a^{-1}$ is symmetric and positive semidefinite it is the gradient of a convex function, and no
// assignment of the images at one level to those at another costs less than each to itself (Brenier): so of blurs that
// commute, of nested masks, and of what scales the axes of one basis. Of any others the coupled distance is an upper
// bound. [soft.set-schedule]

static void
beside_assignment (const sb_operator *C, const gsl_vector *level, uint64_t seed, double bound, const char *what)
{
  gsl_matrix *x = normals (7, C->columns, seed), *distance = measured ("coupled", C, level, x);
  for (size_t a = 0; a < level->size; a++)
    for (size_t b = 0; b < a; b++)
      {
        const double least = sqrt (least_assignment (at_level (C, gsl_vector_get (level, a), x),
                                                     at_level (C, gsl_vector_get (level, b), x))),
                     excess = gsl_matrix_get (distance, a, b) - least;
        cr_assert (excess > -1e-9 && excess <= bound, "%s, levels %zu and %zu: %g more than %g", what, b, a, excess,
                   least);
      }
}

// Numbers that fall with the level, in a random basis; or a random matrix times another at each level.

static int
in_a_basis (const void *params, int rate, double level, gsl_matrix *A)
{
  const gsl_matrix *V = params;
  gsl_matrix *scaled = gsl_matrix_alloc (V->size1, V->size1);
  (void)rate;
  gsl_matrix_memcpy (scaled, V);
  for (size_t k = 0; k < V->size1; k++)
    {
      gsl_vector_view row = gsl_matrix_row (scaled, k);
      gsl_vector_scale (&row.vector, exp (-level * (double)(k * k)));
    }
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, V, scaled, 0, A);
  gsl_matrix_free (scaled);
  return GSL_SUCCESS;
}

static int
any_matrices (const void *params, int rate, double level, gsl_matrix *A)
{
  (void)rate;
  gsl_matrix_set_identity (A);
  gsl_matrix_scale (A, 1 - level);
  return gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, level, params, params, 1, A), GSL_SUCCESS;
}

static gsl_matrix *
random_rotation (size_t d, uint64_t seed)
{
  gsl_matrix *V = normals (d, d, seed);
  for (size_t i = 0; i < d; i++)
    {
      gsl_vector_view v = gsl_matrix_row (V, i);
      for (size_t j = 0; j < i; j++)
        {
          gsl_vector_view w = gsl_matrix_row (V, j);
          double along;
          gsl_blas_ddot (&v.vector, &w.vector, &along);
          gsl_blas_daxpy (-along, &w.vector, &v.vector);
        }
      gsl_vector_scale (&v.vector, 1 / gsl_blas_dnrm2 (&v.vector));
    }
  return V;
}

Test (distances, coupled_is_the_best_assignment)
{
  const gsl_vector *share = vector_of (0, .2, .5, .8, 1), *sd = vector_of (0, .5, 1, 4);
  for (uint64_t seed = 1; seed < 6; seed++)
    {
      gsl_matrix *V = random_rotation (4, seed);
      const sb_operator *psd = scoped (sb_operator_family_alloc (4, in_a_basis, 0, V, NULL)),
                        *heat = scoped (sb_operator_blur_alloc (4, 4, 1, 0, SB_BOUNDARY_SYMMETRIC)),
                        *window = scoped (sb_operator_window_alloc (4, 4, 1, SB_KEEP_CENTRE)),
                        *padded = scoped (sb_operator_blur_alloc (4, 4, 1, 8, SB_BOUNDARY_ZERO)),
                        *any = scoped (sb_operator_family_alloc (4, any_matrices, 0, V, NULL));
      beside_assignment (psd, share, seed, 1e-9, "one basis");
      beside_assignment (heat, sd, seed, 1e-9, "heat");
      beside_assignment (window, share, seed, 1e-9, "windows");
      beside_assignment (padded, sd, seed, HUGE_VAL, "zero padding");
      beside_assignment (any, share, seed, HUGE_VAL, "any matrices");
    }
}

// ## Between the bounds
//
// Three points on a line, scaled by the level and with noise .2: the distance of the moments is at most that of the
// laws, which is that of their quantiles, and this at most the coupled one. [soft.txt-w2gauss]

static double
quantile (const double *x, double c, double sigma, double u)
{
  double low = -10, high = 10;
  for (int k = 0; k < 60; k++)
    {
      const double y = (low + high) / 2;
      double F = 0;
      for (int i = 0; i < 3; i++)
        F += gsl_cdf_ugaussian_P ((y - c * x[i]) / sigma) / 3;
      *(F < u ? &low : &high) = y;
    }
  return low;
}

Test (distances, gaussian_below_and_coupled_above)
{
  const double x[] = { -1, .1, .5 };
  const sb_operator *C = scoped (sb_operator_multiple_alloc (1));
  const gsl_vector *level = vector_of (.3, 1);
  gsl_matrix *points = matrix_of (3, 1, -1, .1, .5);
  const double lower = gsl_matrix_get (measured ("gaussian noise=0.2", C, level, points), 0, 1),
               upper = gsl_matrix_get (measured ("coupled", C, level, points), 0, 1);
  double squared = 0;
  for (int k = 0; k < 4000; k++)
    squared += gsl_pow_2 (quantile (x, 1, .2, (k + .5) / 4000) - quantile (x, .3, .2, (k + .5) / 4000)) / 4000;
  cr_assert (lower + 1e-4 < sqrt (squared) && sqrt (squared) + 1e-4 < upper, "%g, %g, %g", lower, sqrt (squared),
             upper);
}

// Points whose moments are known: $\pm\sqrt{dP_k}\,e_k$ about a mean. [soft.txt-w2gauss]

Test (distances, gaussian_of_known_moments)
{
  enum
  {
    d = 4
  };
  const double P[d] = { 1, .5, .2, .01 }, mean = .3, sigma = .1;
  gsl_matrix *V = matrix (d, d), *x = matrix_all (2 * d, d, mean);
  gsl_matrix_set_identity (V);
  for (size_t k = 0; k < 2 * d; k++)
    *gsl_matrix_ptr (x, k, k / 2) += (k % 2 ? 1 : -1) * sqrt (d * P[k / 2]);
  const gsl_vector *level = vector_of (0, .1, .7);
  gsl_matrix *distance
      = measured ("gaussian noise=0.1", scoped (sb_operator_family_alloc (d, in_a_basis, 0, V, NULL)), level, x);
  for (size_t a = 0; a < 3; a++)
    for (size_t b = 0; b < 3; b++)
      {
        double squared = 0;
        for (size_t k = 0; k < d; k++)
          {
            const double c_a = exp (-gsl_vector_get (level, a) * (double)(k * k)),
                         c_b = exp (-gsl_vector_get (level, b) * (double)(k * k));
            squared += gsl_pow_2 ((c_a - c_b) * mean)
                       + gsl_pow_2 (sqrt (c_a * c_a * P[k] + sigma * sigma) - sqrt (c_b * c_b * P[k] + sigma * sigma));
          }
        cr_assert_float_eq (gsl_matrix_get (distance, a, b), sqrt (squared), 1e-10);
      }
}

// ## By Sinkhorn
//
// With little regularisation it is that of the best assignment, for images without noise the coupled one. Noise of its
// own at each image swamps it: of $W_2^2$ nearly $2d\sigma^2$ is the noise's alone. [soft.set-schedule]

Test (distances, sinkhorn_and_noise)
{
  const sb_operator *C = scoped (sb_operator_blur_alloc (8, 8, 1, 0, SB_BOUNDARY_SYMMETRIC));
  const gsl_vector *level = vector_of (0, 1, 1.1, 3);
  gsl_matrix *x = normals (40, 64, 1), *coupled = measured ("coupled", C, level, x),
             *fine = measured ("sinkhorn regularisation=0.001", C, level, x),
             *usual = measured ("sinkhorn", C, level, x), *noisy = measured ("sinkhorn noise=0.5", C, level, x);
  for (size_t a = 0; a < 4; a++)
    for (size_t b = 0; b < 4; b++)
      {
        const double truth = gsl_matrix_get (coupled, a, b);
        cr_assert_float_eq (gsl_matrix_get (fine, a, b), truth, 1e-2 * truth + 1e-6, "%zu %zu", a, b);
        cr_assert (gsl_matrix_get (usual, a, b) >= .5 * truth && gsl_matrix_get (usual, a, b) <= 1.05 * truth, "%g, %g",
                   gsl_matrix_get (usual, a, b), truth);
        cr_assert_eq (gsl_matrix_get (usual, a, b), gsl_matrix_get (usual, b, a));
        cr_assert (a != b || gsl_matrix_get (usual, a, b) == 0);
      }
  cr_assert_lt (gsl_matrix_get (coupled, 1, 2), .4);
  const double noise = sqrt (2 * 64 * .25);
  cr_assert (gsl_matrix_get (noisy, 1, 2) > .8 * noise && gsl_matrix_get (noisy, 1, 2) < 1.1 * noise);
  cr_assert_eq (largest_difference (usual, measured ("sinkhorn noise=0 regularisation=0.05", C, level, x)), 0);
}

// The same bits on any number of threads.

#ifdef _OPENMP
Test (distances, on_any_number_of_threads)
{
  const sb_operator *C = scoped (sb_operator_blur_alloc (8, 8, 1, 7, SB_BOUNDARY_ZERO));
  const char *const metrics[] = { "coupled", "gaussian", "sinkhorn noise=0.1" };
  for (size_t k = 0; k < 3; k++)
    {
      gsl_matrix *distance[2];
      for (int j = 0; j < 2; j++)
        {
          omp_set_num_threads (1 + 3 * j);
          distance[j] = measured (metrics[k], C, vector_of (0, 1, 2, 5), normals (70, 64, 1));
        }
      cr_assert (gsl_matrix_equal (distance[0], distance[1]), "%s", metrics[k]);
    }
}
#endif

// One level is at distance 0 from itself.

Test (distances, of_one_level)
{
  const sb_operator *C = scoped (sb_operator_blur_alloc (2, 2, 1, 2, SB_BOUNDARY_ZERO));
  const char *const metrics[] = { "coupled", "gaussian", "sinkhorn" };
  for (size_t k = 0; k < 3; k++)
    cr_assert_eq (gsl_matrix_get (measured (metrics[k], C, vector_of (1), normals (3, 4, 1)), 0, 0), 0);
}

// So many levels that the changes between them leave room for fewer shards, or for one.

Test (distances, coupled_of_many_levels)
{
  const sb_operator *C = scoped (sb_operator_multiple_alloc (1));
  gsl_matrix *x = normals (40, 1, 1);
  const double norm = norm_of_difference (x, matrix_all (40, 1, 0));
  for (size_t N = 400; N <= 2100; N += 1700)
    {
      gsl_matrix *distance = measured ("coupled", C, even_times (0, 1, N - 1), x);
      for (size_t b = 0; b < N; b++)
        {
          const double share = (double)b / (double)(N - 1);
          cr_assert_float_eq (gsl_matrix_get (distance, 0, b), share * norm, 1e-9);
          cr_assert_float_eq (gsl_matrix_get (distance, N - 1, b), (1 - share) * norm, 1e-9);
        }
    }
}

// ## A failure on the way
//
// The map fails between blocks of a shard, or a distance between pairs: the rest of the shard is not tried.

static size_t calls;

static int
fails_at_third (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out)
{
  (void)state, (void)transpose, (void)level;
  return ++calls < 3 ? gsl_matrix_memcpy (out, x) : GSL_EFAILED;
}

Test (distances, a_map_that_fails)
{
  static const sb_operator_type type = { .name = "failing", .apply = fails_at_third, .has_level = 1 };
  const size_t d = 1 << 15; // an image is a block
  const sb_operator *C = scoped (sb_operator_alloc (&type, NULL, d, d));
  sb_error error = { 0 };
#ifdef _OPENMP
  omp_set_num_threads (1);
#endif
  refused (GSL_EFAILED,
           sb_level_distances ("coupled", C, vector_of (1, 2), matrix_all (96, d, 1), stream, matrix (2, 2), &error));
  cr_assert_eq (calls, 3 + 31, "%zu calls: each of the other 31 shards fails at its first", calls);
}

Test (distances, pairs_that_fail)
{
  const sb_operator *C = scoped (sb_operator_multiple_alloc (1));
  gsl_matrix *x = matrix_of (2, 1, 1e153, -1e153), *distance = matrix (3, 3);
  const gsl_vector *level = vector_of (1, 1e2, 1e3);
  sb_error error = { 0 };
  refused (GSL_EOVRFLW, sb_level_distances ("gaussian", C, level, x, stream, distance, &error));
  refused (GSL_EOVRFLW, sb_level_distances ("sinkhorn", C, level, x, stream, distance, &error));
}

// ## Bad input

Test (distances, bad_input_is_refused)
{
  static const sb_operator_type taller_type = { .name = "taller", .has_level = 1 };
  const sb_operator *C = scoped (sb_operator_blur_alloc (2, 2, 1, 2, SB_BOUNDARY_ZERO)),
                    *none = scoped (sb_operator_identity_alloc (4)),
                    *window = scoped (sb_operator_window_alloc (2, 2, 1, SB_KEEP_CENTRE)),
                    *taller = scoped (sb_operator_alloc (&taller_type, NULL, 5, 4));
  gsl_matrix *x = normals (3, 4, 1), *distance = matrix (2, 2), *wide = normals (3, 5, 1),
             *bad = matrix_all (3, 4, NAN);
  const gsl_vector *level = vector_of (1, 2), *three = vector_of (1, 2, 3), *falling = vector_of (2, 1),
                   *negative = vector_of (-1, 1);
  sb_error error = { 0 };
  static const char *const metrics[] = { "coupled", "gaussian", "sinkhorn" };
  for (size_t k = 0; k < 3; k++)
    {
      const char *m = metrics[k];
      refused (GSL_EBADLEN, sb_level_distances (m, C, level, wide, stream, distance, &error));
      refused (GSL_EBADLEN, sb_level_distances (m, C, three, x, stream, distance, &error));
      refused (GSL_EBADLEN, sb_level_distances (m, C, level, matrix (0, 4), stream, distance, &error));
      refused (GSL_EINVAL, sb_level_distances (m, none, level, x, stream, distance, &error));
      refused (GSL_EDOM, sb_level_distances (m, C, falling, x, stream, distance, &error));
      refused (GSL_EDOM, sb_level_distances (m, C, level, bad, stream, distance, &error));
      refused (GSL_EDOM, sb_level_distances (m, C, negative, x, stream, distance, &error));
      refused (GSL_EDOM, sb_level_distances (m, window, level, x, stream, distance, &error));
    }
  for (size_t k = 0; k < 3; k++)
    {
      const char *m = metrics[k];
      refused (GSL_EBADLEN, sb_level_distances (m, C, vector (0), x, stream, matrix (0, 0), &error));
      refused (GSL_EBADLEN, sb_level_distances (m, C, level, x, stream, matrix (2, 3), &error));
      refused (GSL_EBADLEN, sb_level_distances (m, taller, level, x, stream, distance, &error));
      refused (GSL_EDOM, sb_level_distances (m, C, vector_of (NAN, 1), x, stream, distance, &error));
      refused (GSL_EDOM, sb_level_distances (m, C, vector_of (1, HUGE_VAL), x, stream, distance, &error));
    }
  gsl_matrix_scale (x, 1e300);
  refused (GSL_EOVRFLW, sb_level_distances ("coupled", C, level, x, stream, distance, &error));
  refused (GSL_EINVAL, sb_level_distances ("euclid", C, level, x, stream, distance, &error));
  refused (GSL_EINVAL, sb_level_distances ("coupled noise=1", C, level, x, stream, distance, &error));
  refused (GSL_EINVAL, sb_level_distances ("sinkhorn regularisation=0", C, level, x, stream, distance, &error));
}
