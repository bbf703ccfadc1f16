// # What must be true of the Fréchet distance
//
// For Gaussians the optimal transport is a linear map, and where that map is known beforehand so is the distance: no
// test below evaluates the formula as frechet.c does.

#include "measure/frechet.h"
#include "measure/sample_moments.h"
#include "property.h"
#include "scope.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>

SUITE (frechet);

// ## Matrices to test with

static gsl_matrix *
product (CBLAS_TRANSPOSE_t a_as, const gsl_matrix *a, CBLAS_TRANSPOSE_t b_as, const gsl_matrix *b)
{
  gsl_matrix *c = matrix (a_as == CblasNoTrans ? a->size1 : a->size2, b_as == CblasNoTrans ? b->size2 : b->size1);
  gsl_blas_dgemm (a_as, b_as, 1, a, b, 0, c);
  return c;
}

// A B A, for a symmetric A.

static gsl_matrix *
sandwich (const gsl_matrix *A, const gsl_matrix *B)
{
  return product (CblasNoTrans, product (CblasNoTrans, A, CblasNoTrans, B), CblasNoTrans, A);
}

static gsl_vector *
normal_vector (size_t d, uint64_t seed)
{
  gsl_vector_const_view row = gsl_matrix_const_row (normals (1, d, seed), 0);
  return copy_of (&row.vector);
}

// The orthogonal factor of a random matrix.

static gsl_matrix *
random_rotation (size_t d, uint64_t seed)
{
  gsl_matrix *a = normals (d, d, seed), *q = matrix (d, d), *upper = matrix (d, d);
  gsl_vector *tau = vector (d);
  gsl_linalg_QR_decomp (a, tau);
  gsl_linalg_QR_unpack (a, tau, q, upper);
  return q;
}

// $V \operatorname{diag}(\lambda) V^T$ for $V$ ($d \times k$) with orthonormal columns.

static gsl_matrix *
with_spectrum (const gsl_matrix *v, const gsl_vector *lambda)
{
  gsl_matrix *scaled = copy_of (v);
  for (size_t k = 0; k < v->size2; k++)
    {
      gsl_vector_view column = gsl_matrix_column (scaled, k);
      gsl_vector_scale (&column.vector, gsl_vector_get (lambda, k));
    }
  gsl_matrix *c = product (CblasNoTrans, scaled, CblasTrans, v);
  for (size_t i = 0; i < c->size1; i++)
    for (size_t j = 0; j < i; j++)
      gsl_matrix_set (c, j, i, gsl_matrix_get (c, i, j));
  return c;
}

// $A A^T / d$ + `floor` $I$: positive definite.

static gsl_matrix *
random_covariance (size_t d, double floor, uint64_t seed)
{
  gsl_matrix *a = normals (d, d, seed), *c = matrix (d, d);
  gsl_matrix_set_identity (c);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1.0 / (double)d, a, a, floor, c);
  return c;
}

static double
trace (const gsl_matrix *a)
{
  double sum = 0;
  for (size_t k = 0; k < a->size1; k++)
    sum += gsl_matrix_get (a, k, k);
  return sum;
}

// The distance between centred Gaussians.

static double
distance (const gsl_matrix *C1, const gsl_matrix *C2)
{
  gsl_vector *zero = vector_all (C1->size1, 0);
  double found = -1;
  ok (sb_frechet_gaussians (zero, C1, zero, C2, &found));
  return found;
}

// ## One dimension: $(m_1 - m_2)^2 + (s_1 - s_2)^2$

static double
one_dimension (const double *v, void *context)
{
  (void)context;
  gsl_vector_const_view m1 = gsl_vector_const_view_array (v, 1), m2 = gsl_vector_const_view_array (v + 1, 1);
  double variance1 = v[2] * v[2], variance2 = v[3] * v[3], found;
  gsl_matrix_view C1 = gsl_matrix_view_array (&variance1, 1, 1), C2 = gsl_matrix_view_array (&variance2, 1, 1);
  sb_frechet_gaussians (&m1.vector, &C1.matrix, &m2.vector, &C2.matrix, &found);
  double expected = gsl_pow_2 (v[0] - v[1]) + gsl_pow_2 (v[2] - v[3]);
  return fabs (found - expected) / (expected + DBL_EPSILON * (variance1 + variance2));
}

Test (frechet, in_one_dimension)
{
  const property_parameter parameters[] = { { "m1", PROPERTY_UNIFORM, -3, 3, 0 },
                                            { "m2", PROPERTY_UNIFORM, -3, 3, 0 },
                                            { "s1", PROPERTY_LOG, 1e-3, 1e3, 1 },
                                            { "s2", PROPERTY_LOG, 1e-3, 1e3, 1 } };
  property_check ("FD of scalars", 5, 500, 4, parameters, one_dimension, NULL, 1e-11);
}

static const property_parameter dimension_and_seed[]
    = { { "d", PROPERTY_INTEGER, 1, 30, 1 }, { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };

// ## Two dimensions
//
// The square root of a 2 x 2 matrix has the trace $\operatorname{tr}\sqrt M = \sqrt{\operatorname{tr} M + 2\sqrt{\det
// M}}$, and $C_1^{1/2} C_2\, C_1^{1/2}$ has the trace and determinant of $C_1 C_2$: no root of a matrix is taken here,
// whether or not the two commute. [nonuniform.txt-ufid] [soft.txt-w2gauss]

static double
in_the_plane (const double *v, void *context)
{
  (void)context;
  const uint64_t seed = (uint64_t)v[1];
  gsl_matrix *C1 = random_covariance (2, 0.01, seed), *C2 = random_covariance (2, 0.01, seed + 1),
             *M = product (CblasNoTrans, C1, CblasNoTrans, C2);
  gsl_vector *m1 = normal_vector (2, seed + 2), *m2 = normal_vector (2, seed + 3);
  double found = -1;
  sb_frechet_gaussians (m1, C1, m2, C2, &found);
  const double det = (gsl_matrix_get (C1, 0, 0) * gsl_matrix_get (C1, 1, 1) - gsl_pow_2 (gsl_matrix_get (C1, 0, 1)))
                     * (gsl_matrix_get (C2, 0, 0) * gsl_matrix_get (C2, 1, 1) - gsl_pow_2 (gsl_matrix_get (C2, 0, 1)));
  gsl_vector_sub (m1, m2);
  const double expected
      = gsl_pow_2 (gsl_blas_dnrm2 (m1)) + trace (C1) + trace (C2) - 2 * sqrt (trace (M) + 2 * sqrt (det));
  return fabs (found - expected);
}

Test (frechet, in_two_dimensions)
{
  property_check ("FD in the plane", 19, 500, 2, dimension_and_seed, in_the_plane, NULL, 1e-10);
}

// And in more dimensions, where they commute: $|m_1 - m_2|^2 + \sum_k (\sqrt{\lambda_k} - \sqrt{\mu_k})^2$.
// [nonuniform.txt-ufid] [consistent.set-edm-fid] [soft.txt-w2gauss]

static double
with_one_basis (const double *v, void *context)
{
  (void)context;
  const size_t d = (size_t)v[0];
  const uint64_t seed = (uint64_t)v[1];
  gsl_matrix *Q = random_rotation (d, seed);
  gsl_vector *m1 = normal_vector (d, seed + 1), *m2 = normal_vector (d, seed + 2), *s1 = normal_vector (d, seed + 3),
             *s2 = normal_vector (d, seed + 4), *lambda = copy_of (s1), *mu = copy_of (s2);
  double expected = 0, found = -1;
  for (size_t k = 0; k < d; k++)
    expected += gsl_pow_2 (gsl_vector_get (m1, k) - gsl_vector_get (m2, k))
                + gsl_pow_2 (fabs (gsl_vector_get (s1, k)) - fabs (gsl_vector_get (s2, k)));
  gsl_vector_mul (lambda, s1);
  gsl_vector_mul (mu, s2);
  sb_frechet_gaussians (m1, with_spectrum (Q, lambda), m2, with_spectrum (Q, mu), &found);
  return fabs (found - expected);
}

Test (frechet, of_commuting_covariances)
{
  property_check ("FD in one basis", 20, 200, 2, dimension_and_seed, with_one_basis, NULL, 1e-10);
}

// ## Known transport
//
// The optimal map from $\mathcal{N}(m_1, C_1)$ is $x \mapsto m_2 + T(x - m_1)$ with $T$ symmetric positive
// semidefinite, and any such map is optimal between what it joins. So with $C_2 = T C_1 T$ the distance is the mean
// square of the way, $|m_1 - m_2|^2 + \operatorname{tr}\bigl((I - T)\,C_1\,(I - T)\bigr)$, whether or not the two
// commute. [nonuniform.txt-ufid]

static double
known_transport (const double *v, void *context)
{
  (void)context;
  size_t d = (size_t)v[0];
  uint64_t seed = (uint64_t)v[1];
  gsl_vector *m1 = normal_vector (d, seed), *m2 = normal_vector (d, seed + 1);
  gsl_matrix *C1 = random_covariance (d, 0.1, seed + 2), *T = random_covariance (d, 0.1, seed + 3),
             *C2 = sandwich (T, C1), *way = matrix (d, d);
  double found = -1;
  sb_frechet_gaussians (m1, C1, m2, C2, &found);

  gsl_vector_sub (m1, m2);
  double expected = gsl_pow_2 (gsl_blas_dnrm2 (m1));
  gsl_matrix_set_identity (way);
  gsl_matrix_sub (way, T);
  expected += trace (sandwich (way, C1));
  return fabs (found / expected - 1);
}

Test (frechet, is_the_mean_square_of_the_way)
{
  property_check ("FD of a known transport", 6, 200, 2, dimension_and_seed, known_transport, NULL, 1e-12);
}

// ## The formula as printed
//
// By GSL's eigensystems, square root by square root, where it is well conditioned. [consistent.set-edm-fid]

static gsl_matrix *
symmetric_root (const gsl_matrix *c)
{
  size_t d = c->size1;
  gsl_matrix *a = copy_of (c), *v = matrix (d, d);
  gsl_vector *lambda = vector (d);
  gsl_eigen_symmv_workspace *w = scoped (gsl_eigen_symmv_alloc (d));
  gsl_eigen_symmv (a, lambda, v, w);
  for (size_t k = 0; k < d; k++)
    gsl_vector_set (lambda, k, sqrt (fmax (gsl_vector_get (lambda, k), 0)));
  return with_spectrum (v, lambda);
}

static double
as_printed (const double *v, void *context)
{
  (void)context;
  size_t d = (size_t)v[0];
  uint64_t seed = (uint64_t)v[1];
  gsl_matrix *C1 = random_covariance (d, 0.1, seed), *C2 = random_covariance (d, 0.1, seed + 1);
  gsl_matrix *cross = symmetric_root (sandwich (symmetric_root (C1), C2));
  double scale = trace (C1) + trace (C2), expected = scale - 2 * trace (cross), found = distance (C1, C2);
  return fabs (found - expected) / scale;
}

Test (frechet, is_the_formula_as_printed)
{
  property_check ("FD by GSL", 7, 100, 2, dimension_and_seed, as_printed, NULL, 1e-13);
}

// Of two sets of different sizes, a feature each: $(m_1 - m_2)^2 + (s_1 - s_2)^2$, the variances being sums over
// $n - 1$. [consistent.set-edm-fid]

Test (frechet, of_sets_of_features)
{
  const gsl_matrix *x1 = normals (5, 1, 61), *x2 = normals (12, 1, 62);
  double found = -1;
  ok (sb_frechet (x1, x2, &found));
  const double of_means = gsl_stats_mean (x1->data, 1, 5) - gsl_stats_mean (x2->data, 1, 12),
               of_deviations = gsl_stats_sd (x1->data, 1, 5) - gsl_stats_sd (x2->data, 1, 12);
  cr_assert_float_eq (found, of_means * of_means + of_deviations * of_deviations, 1e-12);
}

// ## Invariance
//
// Turning and shifting both, or exchanging them, changes nothing; scaling both by $s$ multiplies the distance by $s^2$.
// [nonuniform.txt-ufid]

static double
invariances (const double *v, void *context)
{
  (void)context;
  size_t d = (size_t)v[0];
  uint64_t seed = (uint64_t)v[1];
  double s = 3, plain = -1, turned = -2, exchanged = -3;
  gsl_matrix *x1 = normals (2 * d + 2, d, seed), *x2 = normals (3 * d + 2, d, seed + 1),
             *Q = random_rotation (d, seed + 2);
  gsl_vector *shift = normal_vector (d, seed + 3);
  gsl_matrix *y1 = product (CblasNoTrans, x1, CblasNoTrans, Q), *y2 = product (CblasNoTrans, x2, CblasNoTrans, Q);
  gsl_matrix *both[] = { y1, y2 };
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < both[k]->size1; i++)
      {
        gsl_vector_view row = gsl_matrix_row (both[k], i);
        gsl_vector_scale (&row.vector, s);
        gsl_vector_add (&row.vector, shift);
      }
  sb_frechet (x1, x2, &plain);
  sb_frechet (x2, x1, &exchanged);
  sb_frechet (y1, y2, &turned);
  return fabs (turned / (s * s * plain) - 1) + fabs (exchanged / plain - 1);
}

Test (frechet, does_not_see_rotation_translation_or_order)
{
  property_check ("FD's invariances", 8, 100, 2, dimension_and_seed, invariances, NULL, 1e-11);
}

// ## Singular covariances
//
// Rank one: between $u u^T$ and $v v^T$ it is $|u|^2 + |v|^2 - 2 |u^T v|$. Half the digits would be lost here by the
// square roots of eigenvalues that are zero but for rounding.

static double
rank_one (const double *v, void *context)
{
  (void)context;
  size_t d = (size_t)v[0];
  uint64_t seed = (uint64_t)v[1];
  gsl_vector *a = normal_vector (d, seed), *b = normal_vector (d, seed + 1);
  gsl_matrix *C1 = matrix_all (d, d, 0), *C2 = matrix_all (d, d, 0);
  gsl_blas_dger (1, a, a, C1);
  gsl_blas_dger (1, b, b, C2);
  double dot, found = distance (C1, C2), scale = trace (C1) + trace (C2);
  gsl_blas_ddot (a, b, &dot);
  return fabs (found - (scale - 2 * fabs (dot))) / scale;
}

Test (frechet, between_lines)
{
  property_check ("FD of rank one", 9, 200, 2, dimension_and_seed, rank_one, NULL, 1e-13);
}

// Points in a plane keep their distance when the plane is put into a space of many dimensions, two rows of features
// being fewer than their number there; and so do a plane and a full Gaussian, which adds its trace outside the plane.

static double
in_a_plane (const double *v, void *context)
{
  (void)context;
  size_t d = 5 + (size_t)v[0];
  uint64_t seed = (uint64_t)v[1];
  gsl_matrix *x1 = normals (5, 2, seed), *x2 = normals (4, 2, seed + 1), *Q = random_rotation (d, seed + 2);
  gsl_matrix_view plane = gsl_matrix_submatrix (Q, 0, 0, 2, d);
  gsl_matrix *y1 = product (CblasNoTrans, x1, CblasNoTrans, &plane.matrix);
  gsl_matrix *y2 = product (CblasNoTrans, x2, CblasNoTrans, &plane.matrix);
  double flat = -1, embedded = -2;
  sb_frechet (x1, x2, &flat);
  sb_frechet (y1, y2, &embedded);
  return fabs (embedded / flat - 1);
}

Test (frechet, with_fewer_rows_than_features)
{
  property_check ("FD in a plane", 10, 200, 2, dimension_and_seed, in_a_plane, NULL, 1e-10);
}

Test (frechet, between_a_plane_and_all_of_space)
{
  const size_t d = 60;
  gsl_matrix *Q = random_rotation (d, 11);
  gsl_vector *flat = vector_all (d, 0), *full = vector (d), *zero = vector_all (d, 0);
  double expected = 0, of_nothing = 0;
  for (size_t k = 0; k < d; k++)
    {
      gsl_vector_set (flat, k, k < 2 ? 1.5 + (double)k : 0);
      gsl_vector_set (full, k, 1 + (double)k);
      expected += gsl_pow_2 (sqrt (gsl_vector_get (flat, k)) - sqrt (1 + (double)k));
      of_nothing += 1 + (double)k;
    }
  gsl_matrix *C1 = with_spectrum (Q, flat), *C2 = with_spectrum (Q, full), *C0 = with_spectrum (Q, zero);
  cr_assert_float_eq (distance (C1, C2) / expected, 1, 1e-13);
  cr_assert_float_eq (distance (C0, C2) / of_nothing, 1, 1e-13);
  cr_assert_eq (distance (C0, C0), 0);
}

// ## Accuracy
//
// Where covariances commute, the distance is $\sum_k (\sqrt{\lambda_k} - \sqrt{\mu_k})^2$. Spectra that fall to
// $1/\kappa$ over $d$ directions, in a random basis: the header's bound on the error of $D$ holds with "a small
// multiple" at most 1, also from $\kappa = 10^{13}$ on, where eigenvalues begin to be cut off.

static double
commuting (const double *v, void *context)
{
  (void)context;
  size_t d = (size_t)v[0] + 1;
  double kappa = v[2], squares = 0;
  gsl_rng *r = property_rng (v[1]);
  gsl_matrix *Q = random_rotation (d, (uint64_t)v[1]);
  gsl_vector *lambda = vector (d), *mu = vector (d);
  for (size_t k = 0; k < d; k++)
    {
      gsl_vector_set (lambda, k, pow (kappa, -(double)k / (double)(d - 1)));
      gsl_vector_set (mu, k, pow (kappa, -gsl_rng_uniform (r)));
      squares += gsl_pow_2 (sqrt (gsl_vector_get (lambda, k)) - sqrt (gsl_vector_get (mu, k)));
    }
  gsl_matrix *C1 = with_spectrum (Q, lambda), *C2 = with_spectrum (Q, mu);
  double error = sqrt (distance (C1, C2)) - sqrt (squares);
  return fabs (error) / ((double)d * DBL_EPSILON * sqrt (kappa));
}

Test (frechet, keeps_its_digits_when_ill_conditioned)
{
  const property_parameter parameters[]
      = { dimension_and_seed[0], dimension_and_seed[1], { "kappa", PROPERTY_LOG, 1, 1e15, 1 } };
  property_check ("the error of D", 12, 300, 3, parameters, commuting, NULL, 1);
}

// Distances far below the variances come out with digits of their own: with $T = I + \delta S$ the distance is
// $\delta^2 \operatorname{tr}(S C_1 S)$, here $10^{-18}$ of the trace, of which the printed formula's subtraction keeps
// none. Equal Gaussians are at a distance of the order of the square of rounding.

Test (frechet, small_distances_are_not_lost)
{
  const size_t d = 40;
  double delta = 1e-9;
  gsl_matrix *C1 = random_covariance (d, 0.5, 13), *S = random_covariance (d, 0, 14), *T = copy_of (S);
  gsl_matrix_scale (T, delta);
  for (size_t k = 0; k < d; k++)
    *gsl_matrix_ptr (T, k, k) += 1;
  double expected = delta * delta * trace (sandwich (S, C1));
  cr_assert_float_eq (distance (C1, sandwich (T, C1)) / expected, 1, 1e-4);
  cr_assert_lt (distance (C1, C1), 1e-27 * trace (C1));
}

// ## Samples
//
// From samples of two known Gaussians, the distance comes out within 4.9 standard errors of the true one (a false alarm
// in $10^6$ runs; the seed is fixed). The standard error is the delta method's: the distance changes with its arguments
// as $2\,\delta^T dm_1 + \operatorname{tr}\bigl((I - T)\,dC_1\bigr)$, $\delta = m_1 - m_2$, so that one sample of $n$
// contributes $\frac1n \bigl(4\,\delta^T C_1 \delta + 2 \operatorname{tr}((I - T) C_1 (I - T) C_1)\bigr)$, and the
// other the same with $T^{-1}$. In a basis in which both covariances are diagonal, $T_k = s_{2k}/s_{1k}$. The
// estimate's bias, of order $d/n$, is here below a tenth of it.

Test (frechet, of_samples_is_within_the_sampling_error)
{
  enum
  {
    d = 4,
    n1 = 40000,
    n2 = 30000
  };
  const double s1[d] = { 1, 0.5, 2, 0.1 }, s2[d] = { 1.5, 0.4, 1, 0.3 }, delta[d] = { 0.5, 0, -1, 0.2 };
  gsl_matrix *Q = random_rotation (d, 15), *x1 = normals (n1, d, 16), *x2 = normals (n2, d, 17);
  double expected = 0, variance = 0;
  for (size_t k = 0; k < d; k++)
    {
      gsl_vector_view of1 = gsl_matrix_column (x1, k), of2 = gsl_matrix_column (x2, k);
      gsl_vector_scale (&of1.vector, s1[k]);
      gsl_vector_add_constant (&of1.vector, delta[k]);
      gsl_vector_scale (&of2.vector, s2[k]);
      expected += gsl_pow_2 (delta[k]) + gsl_pow_2 (s1[k] - s2[k]);
      double v1 = gsl_pow_2 (s1[k]), v2 = gsl_pow_2 (s2[k]);
      variance += (4 * gsl_pow_2 (delta[k]) * v1 + 2 * gsl_pow_2 ((1 - s2[k] / s1[k]) * v1)) / n1;
      variance += (4 * gsl_pow_2 (delta[k]) * v2 + 2 * gsl_pow_2 ((1 - s1[k] / s2[k]) * v2)) / n2;
    }
  gsl_matrix *y1 = product (CblasNoTrans, x1, CblasNoTrans, Q), *y2 = product (CblasNoTrans, x2, CblasNoTrans, Q);
  double found;
  ok (sb_frechet (y1, y2, &found));
  cr_assert_float_eq (found, expected, 4.9 * sqrt (variance), "%g, truth %g, SE %g", found, expected, sqrt (variance));
}

// Two samples of one law are apart by chance, about $1/n$: the less the larger they are, each time by well over the
// spread of eight pairs. Of a set and itself it is 0. [nonuniform.txt-ufid]

Test (frechet, of_samples_of_one_law_falls_with_their_number)
{
  enum
  {
    D = 8
  };
  const size_t n[] = { 20, 80, 320, 1280 };
  double last = HUGE_VAL, same = -1;
  for (size_t k = 0; k < 4; k++)
    {
      double sum = 0;
      for (uint64_t pair = 0; pair < 8; pair++)
        {
          double found = -1;
          ok (sb_frechet (normals (n[k], D, 21 + 2 * pair), normals (n[k], D, 22 + 2 * pair), &found));
          sum += found / 8;
        }
      cr_assert (sum < 0.5 * last, "%zu points: %g after %g", n[k], sum, last);
      last = sum;
    }
  ok (sb_frechet (normals (50, D, 21), normals (50, D, 21), &same));
  cr_assert_lt (same, 1e-20);
}

// ## Pairs
//
// What carries pairs to pairs carries their first parts and their second ones too, and its cost is the sum of both: the
// distance of the pairs is at least the sum of those of the parts, whatever the covariances. [nonuniform.txt-jfid]

static double
of_covariances_and_of_corners (const double *v, void *context)
{
  (void)context;
  const size_t d = (size_t)v[0], e = (size_t)v[2];
  const uint64_t seed = (uint64_t)v[1];
  gsl_matrix *C1 = random_covariance (d + e, v[3], seed), *C2 = random_covariance (d + e, v[3], seed + 1);
  gsl_matrix_view a1 = gsl_matrix_submatrix (C1, 0, 0, d, d), a2 = gsl_matrix_submatrix (C2, 0, 0, d, d);
  gsl_matrix_view b1 = gsl_matrix_submatrix (C1, d, d, e, e), b2 = gsl_matrix_submatrix (C2, d, d, e, e);
  return distance (&a1.matrix, &a2.matrix) + distance (&b1.matrix, &b2.matrix) - distance (C1, C2);
}

Test (frechet, of_pairs_is_no_less_than_of_their_parts)
{
  const property_parameter parameters[] = { dimension_and_seed[0],
                                            dimension_and_seed[1],
                                            { "e", PROPERTY_INTEGER, 1, 10, 1 },
                                            { "floor", PROPERTY_LOG, 1e-12, 1, 1 } };
  property_check ("UFID of both parts - JFID", 23, 300, 4, parameters, of_covariances_and_of_corners, NULL, 1e-8);
}

// So it is with points, each set a linear map of normal ones. To exchange the parts of all pairs, or the two sets,
// changes nothing. [nonuniform.txt-jfid]

static double
of_points_and_of_parts (const double *v, void *context)
{
  (void)context;
  const size_t d = (size_t)v[0], e = (size_t)v[2], n1 = 2 * (d + e), n2 = 3 * (d + e);
  const uint64_t seed = (uint64_t)v[1];
  gsl_matrix *z1 = product (CblasNoTrans, normals (n1, d + e, seed), CblasNoTrans, normals (d + e, d + e, seed + 1)),
             *z2
             = product (CblasNoTrans, normals (n2, d + e, seed + 2), CblasNoTrans, normals (d + e, d + e, seed + 3));
  gsl_matrix_view x1 = gsl_matrix_submatrix (z1, 0, 0, n1, d), y1 = gsl_matrix_submatrix (z1, 0, d, n1, e);
  gsl_matrix_view x2 = gsl_matrix_submatrix (z2, 0, 0, n2, d), y2 = gsl_matrix_submatrix (z2, 0, d, n2, e);
  double joint = -1, whole = -2, turned = -3, exchanged = -4, of_x = -5;
  sb_frechet_joint (&x1.matrix, &y1.matrix, &x2.matrix, &y2.matrix, &joint);
  sb_frechet_joint (&y1.matrix, &x1.matrix, &y2.matrix, &x2.matrix, &turned);
  sb_frechet_joint (&x2.matrix, &y2.matrix, &x1.matrix, &y1.matrix, &exchanged);
  sb_frechet (z1, z2, &whole);
  sb_frechet (&x1.matrix, &x2.matrix, &of_x);
  return fmax (of_x / joint - 1, 0) + fabs (joint / whole - 1) + fabs (turned / whole - 1)
         + fabs (exchanged / whole - 1);
}

Test (frechet, of_pairs_of_points)
{
  const property_parameter parameters[]
      = { dimension_and_seed[0], dimension_and_seed[1], { "e", PROPERTY_INTEGER, 1, 10, 1 } };
  property_check ("JFID of points", 24, 100, 3, parameters, of_points_and_of_parts, NULL, 1e-9);
}

// True pairs, $y = x + .3 z$, whose $y$ are exchanged among them: x alone and y alone have the laws they had, and the
// pairs have not. With deviations $s$ and $t$ the covariance is $(s^2, r s t; r s t, t^2)$ before and with another r
// after: in two dimensions again without a root of a matrix. [nonuniform.txt-jfid]

Test (frechet, of_pairs_sees_a_shuffle)
{
  enum
  {
    N = 500
  };
  gsl_matrix *x = normals (N, 1, 25), *y = normals (N, 1, 26), *shuffled = matrix (N, 1);
  gsl_matrix_scale (y, 0.3);
  gsl_matrix_add (y, x);
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set (shuffled, i, 0, gsl_matrix_get (y, (i + 137) % N, 0));
  double of_x = -1, of_y = -1, joint = -1, unmoved = -1;
  ok (sb_frechet (x, x, &of_x));
  ok (sb_frechet (y, shuffled, &of_y));
  ok (sb_frechet_joint (x, y, x, y, &unmoved));
  ok (sb_frechet_joint (x, shuffled, x, y, &joint));
  cr_assert (of_x < 1e-20 && of_y < 1e-20 && unmoved < 1e-20, "%g, %g, %g", of_x, of_y, unmoved);
  const double a = gsl_stats_variance (x->data, 1, N), b = gsl_stats_variance (y->data, 1, N),
               r = gsl_stats_covariance (x->data, 1, y->data, 1, N),
               q = gsl_stats_covariance (x->data, 1, shuffled->data, 1, N);
  const double expected
      = 2 * (a + b) - 2 * sqrt (a * a + b * b + 2 * r * q + 2 * sqrt ((a * b - r * r) * (a * b - q * q)));
  cr_assert_gt (expected, 0.5);
  cr_assert_float_eq (joint, expected, 1e-10, "%.12g, not %.12g", joint, expected);
}

// ## Moments
//
// GSL's statistics, column by column, over several blocks of rows, with means that are large beside the spread; the
// rows lie apart.

Test (frechet, moments_are_gsls)
{
  const size_t n = 1300, d = 7;
  gsl_matrix *wide = normals (n, d + 3, 18), *C = matrix (d, d);
  gsl_vector *mean = vector (d);
  gsl_matrix_view x = gsl_matrix_submatrix (wide, 0, 2, n, d);
  gsl_matrix_add_constant (&x.matrix, 1e6);
  ok (sb_sample_moments (&x.matrix, mean, C));
  for (size_t j = 0; j < d; j++)
    {
      const double *a = gsl_matrix_const_ptr (&x.matrix, 0, j);
      cr_assert_float_eq (gsl_vector_get (mean, j), gsl_stats_mean (a, wide->tda, n), 1e-8);
      for (size_t k = 0; k < d; k++)
        {
          const double *b = gsl_matrix_const_ptr (&x.matrix, 0, k);
          cr_assert_float_eq (gsl_matrix_get (C, j, k), gsl_stats_covariance (a, wide->tda, b, wide->tda, n), 1e-9);
        }
    }
}

// Two rows, by hand: mean (2, 1), differences (1, -1) and (-1, 1), divisor 1.

Test (frechet, moments_of_two_rows)
{
  gsl_matrix *C = matrix (2, 2);
  gsl_vector *mean = vector (2);
  ok (sb_sample_moments (matrix_of (2, 2, 3, 0, 1, 2), mean, C));
  cr_assert (gsl_vector_equal (mean, vector_of (2, 1)) && gsl_matrix_equal (C, matrix_of (2, 2, 2, -2, -2, 2)));
}

// ## Bad input

Test (frechet, wrong_shapes_are_refused)
{
  gsl_matrix *C2 = matrix_all (2, 2, 0), *C3 = matrix_all (3, 3, 0), *x = matrix_all (1, 2, 0);
  gsl_matrix *flat = matrix_all (2, 3, 0), *tall = matrix_all (3, 2, 0), *none = matrix (2, 0);
  gsl_vector *m2 = vector_all (2, 0), *m3 = vector_all (3, 0);
  double found = 17;
  refused (GSL_EBADLEN, sb_frechet_gaussians (m3, C2, m2, C2, &found));
  refused (GSL_EBADLEN, sb_frechet_gaussians (m2, C2, m3, C2, &found));
  refused (GSL_EBADLEN, sb_frechet_gaussians (m2, flat, m2, C2, &found));
  refused (GSL_EBADLEN, sb_frechet_gaussians (m2, tall, m2, C2, &found));
  refused (GSL_EBADLEN, sb_frechet_gaussians (m2, C2, m2, flat, &found));
  refused (GSL_EBADLEN, sb_frechet_gaussians (m2, C2, m2, tall, &found));
  refused (GSL_EBADLEN, sb_frechet_gaussians (vector (0), matrix (0, 0), vector (0), matrix (0, 0), &found));
  refused (GSL_EBADLEN, sb_frechet (tall, C3, &found));
  refused (GSL_EBADLEN, sb_frechet (none, none, &found));
  refused (GSL_EINVAL, sb_frechet (x, tall, &found));
  refused (GSL_EINVAL, sb_frechet (tall, x, &found));
  refused (GSL_EBADLEN, sb_frechet_joint (tall, C2, tall, tall, &found));
  refused (GSL_EBADLEN, sb_frechet_joint (tall, tall, tall, C2, &found));
  refused (GSL_EBADLEN, sb_frechet_joint (tall, tall, C3, tall, &found));
  refused (GSL_EBADLEN, sb_frechet_joint (tall, C3, tall, tall, &found));
  refused (GSL_EBADLEN, sb_frechet_joint (none, C2, none, C2, &found));
  refused (GSL_EBADLEN, sb_frechet_joint (C2, none, C2, none, &found));
  refused (GSL_EINVAL, sb_frechet_joint (x, x, tall, tall, &found));
  refused (GSL_EBADLEN, sb_sample_moments (tall, m3, C2));
  refused (GSL_EBADLEN, sb_sample_moments (tall, m2, flat));
  refused (GSL_EBADLEN, sb_sample_moments (tall, m2, tall));
  refused (GSL_EBADLEN, sb_sample_moments (matrix (3, 0), vector (0), matrix (0, 0)));
  refused (GSL_EINVAL, sb_sample_moments (x, m2, C2));
  gsl_vector *long_mean = vector_all (16385, 0);
  gsl_matrix huge = { 16385, 16385, 16385, NULL, NULL, 0 }; // refused before it is looked at
  refused (GSL_EUNSUP, sb_frechet_gaussians (long_mean, &huge, long_mean, &huge, &found));
  cr_assert_eq (found, 17);
}

// Means that are $2^{511}$ apart in each of five dimensions: a square of that is a double, the sum of five is not.

Test (frechet, beyond_doubles_is_refused)
{
  double found = 17;
  const gsl_vector *here = vector_all (5, 0), *there = vector_all (5, 6.7e153);
  const gsl_matrix *C = matrix_all (5, 5, 0), *x = matrix_all (2, 5, 0), *y = matrix_all (2, 5, 6.7e153);
  refused (GSL_EOVRFLW, sb_frechet_gaussians (here, C, there, C, &found));
  refused (GSL_EOVRFLW, sb_frechet (x, y, &found));
  const gsl_matrix endless = { (size_t)1 << 50, 1, 1, NULL, NULL, 0 }, wide = { (size_t)1 << 50, 8, 8, NULL, NULL, 0 };
  const gsl_matrix *one = matrix_all (2, 1, 0), *eight = matrix_all (2, 8, 0);
  refused (GSL_ENOMEM, sb_frechet_joint (&endless, &wide, one, eight, &found));
  refused (GSL_ENOMEM, sb_frechet_joint (&wide, &endless, eight, one, &found));
  cr_assert_eq (found, 17);
}

// Not finite, not symmetric, not positive semidefinite; what floats' rounding leaves of a covariance is accepted.

Test (frechet, what_is_no_covariance_is_refused)
{
  const double bad[][4] = { { NAN, 0, 0, 1 }, { 1, INFINITY, 0, 1 }, { 1, 0, NAN, 1 },  { 1, 0.5, 0.50001, 1 },
                            { 1, 2, 2, 1 },   { -1, 0, 0, -2 },      { 1, 0, 0, -1e-5 } };
  double found = 17;
  gsl_matrix *G = matrix_of (2, 2, 1, 0.5, 0.5000001, 1), *N = matrix_of (2, 2, 1, 0, 0, -1e-9);
  gsl_vector *m = vector_of (0, 0);
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    {
      gsl_matrix_const_view B = gsl_matrix_const_view_array (bad[k], 2, 2);
      refused (GSL_EDOM, sb_frechet_gaussians (m, &B.matrix, m, G, &found), "%zu", k);
      refused (GSL_EDOM, sb_frechet_gaussians (m, G, m, &B.matrix, &found), "%zu", k);
    }
  gsl_vector *bad_mean = vector_of (0, NAN);
  refused (GSL_EDOM, sb_frechet_gaussians (m, G, bad_mean, G, &found));
  gsl_matrix *points = normals (3, 2, 27), *nan = copy_of (points);
  gsl_matrix_set (nan, 2, 1, NAN);
  refused (GSL_EDOM, sb_frechet_joint (points, nan, points, points, &found));
  refused (GSL_EDOM, sb_frechet_joint (points, points, nan, points, &found));
  cr_assert_eq (found, 17);
  ok (sb_frechet_gaussians (m, G, m, N, &found));
  cr_assert_float_eq (found, 1 + 2 - 2 * 1, 1e-3);
}
