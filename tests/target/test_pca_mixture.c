// # Mixtures of probabilistic PCA

#include "ask.h"
#include "batch.h"
#include "process/kinds.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "target/target.h"
#include "truth.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort_vector.h>
#include <math.h>

SUITE_WITH_BLAS (pca_mixture);

// ## A process of several parts
//
// Part $j$ has $a = \max(0, 1 - (j + 1) t/2)$, which is 0 for some parts at late times, and $\varsigma = 0.2 + t/(j +
// 1)$, in the coordinates or in a basis of random rotations.

static int
part_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  const size_t d = *(const size_t *)state;
  (void)s;
  if (map != SB_A && map != SB_S)
    return GSL_EUNSUP;
  for (size_t j = 0; j < d; j++)
    c[j] = map == SB_A ? GSL_MAX_DBL (0, 1 - (double)(j + 1) * t / 2) : 0.2 + t / (double)(j + 1);
  return GSL_SUCCESS;
}

static const sb_process_type parts_type = { .name = "parts", .numbers = part_numbers, .free = free };

static sb_process *
process_of_parts (size_t d, gsl_rng *r, bool turned)
{
  size_t *dimension = malloc (sizeof *dimension);
  *dimension = d;
  sb_process *p = scoped (sb_process_alloc (&parts_type, dimension, d, 0, 1, 0));
  p->parts = d;
  if (!turned)
    return p;
  gsl_matrix *z = matrix (d, d), *Q = matrix (d, d), *R = matrix (d, d);
  gsl_vector *tau = vector (d);
  for (size_t i = 0; i < d * d; i++)
    z->data[i] = gsl_ran_gaussian (r, 1);
  gsl_linalg_QR_decomp (z, tau);
  gsl_linalg_QR_unpack (z, tau, Q, R);
  p->basis = scoped (sb_operator_dense_alloc (Q));
  return p;
}

// ## The law, and the same with dense covariances

typedef struct
{
  gsl_vector *w, *v;
  gsl_matrix *mu, *W;
} parameters;

static parameters
room_for (size_t K, size_t d, size_t q)
{
  return (parameters){ vector (K), vector (K), matrix (K, d), matrix (K * q, d) };
}

static parameters
random_parameters (size_t K, size_t d, size_t q, gsl_rng *r)
{
  parameters p = room_for (K, d, q);
  for (size_t k = 0; k < K; k++)
    {
      gsl_vector_set (p.w, k, gsl_ran_flat (r, 0.1, 1));
      gsl_vector_set (p.v, k, gsl_ran_flat (r, 0.05, 0.5));
    }
  for (size_t i = 0; i < K * d; i++)
    p.mu->data[i] = gsl_ran_gaussian (r, 1);
  for (size_t i = 0; i < K * q * d; i++)
    p.W->data[i] = gsl_ran_gaussian (r, 1);
  return p;
}

static sb_target *
as_pca (const parameters *p)
{
  return scoped (sb_target_pca_mixture_alloc (p->w, p->mu, p->W, p->v));
}

static gsl_matrix *
covariances (const parameters *p)
{
  const size_t K = p->mu->size1, d = p->mu->size2, q = p->W->size1 / K;
  gsl_matrix *C = matrix (K * d, d);
  for (size_t k = 0; k < K; k++)
    {
      gsl_matrix_view C_k = gsl_matrix_submatrix (C, k * d, 0, d, d), W = gsl_matrix_submatrix (p->W, k * q, 0, q, d);
      gsl_matrix_set_identity (&C_k.matrix);
      gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, &W.matrix, &W.matrix, gsl_vector_get (p->v, k), &C_k.matrix);
    }
  return C;
}

static sb_target *
as_dense (const parameters *p)
{
  return scoped (sb_target_mixture_alloc (p->w, p->mu, covariances (p)));
}

static gsl_vector *
times_of (size_t n, gsl_rng *r)
{
  gsl_vector *t = vector (n);
  for (size_t i = 0; i < n; i++)
    gsl_vector_set (t, i, i % 3 ? gsl_vector_get (t, i - 1) : gsl_rng_uniform (r));
  return t;
}

static gsl_matrix *
random_points (size_t n, size_t d, gsl_rng *r)
{
  gsl_matrix *x = matrix (n, d);
  for (size_t i = 0; i < n * d; i++)
    x->data[i] = gsl_ran_gaussian (r, 2);
  return x;
}

// ## It is the mixture with dense covariances
//
// There a covariance is factorised as a whole. [soft.set-fixtures]

enum
{
  P_K,
  P_D,
  P_Q,
  P_TURNED,
  P_FAR,
  P_SEED,
  PARAMETERS
};

static const property_parameter ranges[PARAMETERS]
    = { { "K", PROPERTY_INTEGER, 1, 4, 1 },   { "d", PROPERTY_INTEGER, 1, 9, 1 },
        { "q", PROPERTY_INTEGER, 1, 4, 1 },   { "turned", PROPERTY_INTEGER, 0, 1, 0 },
        { "far", PROPERTY_INTEGER, 0, 1, 0 }, { "seed", PROPERTY_INTEGER, 0, 1000000, 0 } };

static double
worst_difference (const answers *a, const answers *b, size_t n)
{
  double worst = 0;
  for (size_t m = 0; m < BATCH_VIEWS; m++)
    worst = larger (worst, largest_difference (&a->view[m].matrix, &b->view[m].matrix) / 10);
  for (size_t i = 0; i < n; i++)
    {
      const double log_p = gsl_vector_get (b->log_p, i), divergence = gsl_vector_get (b->divergence, i);
      worst = larger (worst, fabs (gsl_vector_get (a->log_p, i) - log_p) / (1 + fabs (log_p)));
      worst = larger (worst, fabs (gsl_vector_get (a->divergence, i) - divergence) / (1 + fabs (divergence)));
    }
  return worst;
}

static double
difference_of_covariances (const sb_target *a, const sb_target *b, const sb_process *process, const gsl_matrix *x,
                           double t)
{
  const gsl_vector_const_view x_0 = gsl_matrix_const_row (x, 0);
  gsl_matrix *C_a = matrix (x->size2, x->size2), *C_b = matrix (x->size2, x->size2);
  ok (sb_target_posterior_covariance (a, process, &x_0.vector, t, C_a));
  ok (sb_target_posterior_covariance (b, process, &x_0.vector, t, C_b));
  return largest_difference (C_a, C_b);
}

static double
residual (const double *of, void *context)
{
  const size_t d = (size_t)of[P_D], n = 13;
  (void)context;
  gsl_rng *r = property_rng (of[P_SEED]);
  const parameters p = random_parameters ((size_t)of[P_K], d, (size_t)of[P_Q], r);
  gsl_matrix_scale (p.mu, of[P_FAR] > 0 ? 30 : 1); // responsibilities that are 0 in doubles
  const sb_process *process = process_of_parts (d, r, of[P_TURNED] > 0);
  const sb_target *pca = as_pca (&p), *dense = as_dense (&p);
  const gsl_vector *t = times_of (n, r);
  const gsl_matrix *x = random_points (n, d, r), *v = random_points (n, d, r);
  const answers a = ask_batch (pca, process, x, t, v), b = ask_batch (dense, process, x, t, v);
  return GSL_MAX_DBL (worst_difference (&a, &b, n),
                      difference_of_covariances (pca, dense, process, x, gsl_vector_get (t, 0)));
}

Test (pca_mixture, is_the_mixture_with_dense_covariances)
{
  property_check ("a mixture of PCAs is a mixture", 20261129, 300, PARAMETERS, ranges, residual, NULL, 1e-10);
}

// In many dimensions, where the determinants alone tell components apart by hundreds of nats, at points of all of them.

Test (pca_mixture, in_many_dimensions)
{
  const size_t d = 240, n = 60;
  gsl_rng *r = property_rng (4);
  const parameters p = random_parameters (4, d, 5, r);
  gsl_matrix_scale (p.mu, .1);
  for (size_t k = 0; k < 4; k++)
    gsl_vector_set (p.v, k, pow (10, (double)k - 2));
  const sb_target *pca = as_pca (&p), *dense = as_dense (&p);
  const sb_process *process = scoped (sb_vp_alloc (d, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  const gsl_vector *t = vector_all (n, .05);
  gsl_matrix *x = matrix (n, d);
  ok (sb_target_sample (pca, (sb_stream){ .seed = 2, .purpose = SB_FOR_DATA }, x));
  ok (sb_process_transition (process, NULL, t, normals (n, d, 3), x));
  const gsl_matrix *v = normals (n, d, 4);
  const answers a = ask_batch (pca, process, x, t, v), b = ask_batch (dense, process, x, t, v);
  cr_assert_lt (worst_difference (&a, &b, n), 1e-10, "%g", worst_difference (&a, &b, n));
}

// ## Loadings that are parallel
//
// Two loadings along one direction are one that is longer by the root of 2. With $2^m(1, 2, 2)$ twice, the variance is
// $1 + 18\cdot4^m$ along it and 1 across, where $(2, -2, 1)$ lies; all coordinates are exact in doubles.

Test (pca_mixture, parallel_loadings)
{
  const double along[] = { 1, 2, 2 }, across[] = { 2, -2, 1 }, share = .75;
  const sb_process *vp = scoped (sb_vp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  for (int m = 0; m <= 28; m += 4)
    {
      const double c = ldexp (1, m), variance = 1 + 18 * c * c;
      const parameters p = room_for (1, 3, 2);
      gsl_matrix *x = matrix (1, 3), *score = matrix (1, 3);
      const gsl_vector *t = vector_all (1, 0);
      gsl_vector *log_p = vector (1), *divergence = vector (1);
      gsl_vector_set_all (p.v, 1);
      gsl_vector_set_all (p.w, 1);
      gsl_matrix_set_zero (p.mu);
      for (size_t j = 0; j < 3; j++)
        {
          gsl_matrix_set (p.W, 0, j, c * along[j]);
          gsl_matrix_set (p.W, 1, j, c * along[j]);
          gsl_matrix_set (x, 0, j, share * c * along[j] + across[j]);
        }
      const sb_target *law = as_pca (&p);
      ok (sb_target_log_density (law, vp, x, t, log_p));
      ok (sb_target_evaluate (law, vp, SB_SCORE, x, t, score));
      ok (sb_target_divergence (law, vp, x, t, divergence));
      const double expected = -.5 * (9 + gsl_pow_2 (3 * share * c) / variance + 3 * log (2 * M_PI) + log (variance));
      cr_assert_float_eq (gsl_vector_get (log_p, 0), expected, 1e-6, "2^%d: %.17g, not %.17g", m,
                          gsl_vector_get (log_p, 0), expected);
      cr_assert_float_eq (gsl_vector_get (divergence, 0), -2 - 1 / variance, 1e-6, "2^%d", m);
      for (size_t j = 0; j < 3; j++)
        cr_assert_float_eq (gsl_matrix_get (score, 0, j), -across[j] - share * c * along[j] / variance, 1e-6, "2^%d",
                            m);
    }
}

Test (pca_mixture, rows_threads_and_draws)
{
  gsl_rng *r = property_rng (5);
  const parameters p = random_parameters (3, 5, 2, r);
  const sb_target *law = as_pca (&p);
  const sb_process *process = process_of_parts (5, r, true);
  const gsl_matrix *x = random_points (200, 5, r), *v = random_points (200, 5, r);
  check_rows_alone (law, process, x, times_of (200, r), v, 1e-12);
  check_threads (law, process, x, vector_all (200, 0.4), v);
  check_draws (law);
}

// ## Draws
//
// Whitened by their component, which the distance between components betrays, they are standard normal: each of the
// second moments of $d = 3$ coordinates within 5.33 standard errors, $\sqrt{2/n}$ and $\sqrt{1/n}$.

Test (pca_mixture, draws_have_the_covariances)
{
  const size_t n = 40000, d = 3;
  gsl_rng *r = property_rng (6);
  parameters p = random_parameters (2, d, 1, r);
  for (size_t j = 0; j < d; j++)
    gsl_matrix_set (p.mu, 1, j, 1000);
  gsl_matrix *C = covariances (&p), *x = matrix (n, d), *moments[2] = { matrix_all (d, d, 0), matrix_all (d, d, 0) };
  double count[2] = { 0 };
  ok (sb_target_sample (as_pca (&p), (sb_stream){ .seed = 8, .purpose = SB_FOR_DATA }, x));
  for (size_t k = 0; k < 2; k++)
    {
      gsl_matrix_view C_k = gsl_matrix_submatrix (C, k * d, 0, d, d);
      ok (gsl_linalg_cholesky_decomp1 (&C_k.matrix));
    }
  for (size_t i = 0; i < n; i++)
    {
      const size_t k = gsl_matrix_get (x, i, 0) > 500;
      gsl_vector_view x_i = gsl_matrix_row (x, i), mu = gsl_matrix_row (p.mu, k);
      gsl_matrix_view C_k = gsl_matrix_submatrix (C, k * d, 0, d, d);
      gsl_vector_sub (&x_i.vector, &mu.vector);
      gsl_blas_dtrsv (CblasLower, CblasNoTrans, CblasNonUnit, &C_k.matrix, &x_i.vector);
      gsl_blas_dsyr (CblasLower, 1, &x_i.vector, moments[k]);
      count[k]++;
    }
  const double w_0 = gsl_vector_get (p.w, 0) / gsl_blas_dasum (p.w);
  cr_assert_float_eq (count[0] / (double)n, w_0, 4.89 * sqrt (w_0 * (1 - w_0) / (double)n));
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j <= i; j++)
        cr_assert_float_eq (gsl_matrix_get (moments[k], i, j) / count[k], i == j,
                            5.4 * sqrt ((i == j ? 2 : 1) / count[k]), "component %zu, %zu %zu", k, i, j);
}

// ## The fit
//
// Twice the gain of the likelihood over that of the law that the points come from has, for many points, a chi-squared
// distribution with as many degrees of freedom as there are parameters: with $K = 3$, $d = 6$, $q = 2$ these are
// $3\,(6 + 12 - 1 + 1) + 2 = 56$, and it is below 121 but for $10^{-6}$. No iteration may lower the likelihood.

static double
mean_log_density (const sb_target *law, const gsl_matrix *x)
{
  const sb_process *at_rest = scoped (sb_vp_alloc (x->size2, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  gsl_vector *log_p = vector (x->size1);
  ok (sb_target_log_density (law, at_rest, x, vector_all (x->size1, 0), log_p));
  return gsl_vector_sum (log_p) / (double)x->size1;
}

Test (pca_mixture, the_fit_recovers_a_mixture)
{
  const size_t n = 6000, d = 6, iterations = 200;
  gsl_rng *r = property_rng (7);
  const parameters true_p = random_parameters (3, d, 2, r);
  gsl_matrix_scale (true_p.mu, 4);
  const sb_target *law = as_pca (&true_p);
  gsl_matrix *x = matrix (n, d);
  ok (sb_target_sample (law, (sb_stream){ .seed = 3, .purpose = SB_FOR_DATA }, x));

  parameters p = room_for (3, d, 2);
  gsl_vector *log_likelihood = vector (iterations);
  ok (sb_pca_mixture_fit (x, iterations, (sb_stream){ .seed = 4, .purpose = SB_FOR_DATA }, p.w, p.mu, p.W, p.v,
                          log_likelihood));
  for (size_t m = 1; m < iterations; m++)
    cr_assert_geq (gsl_vector_get (log_likelihood, m), gsl_vector_get (log_likelihood, m - 1) - 1e-12, "iteration %zu",
                   m);
  const double found = mean_log_density (as_pca (&p), x), gain = 2 * (double)n * (found - mean_log_density (law, x));
  cr_assert_geq (found, gsl_vector_get (log_likelihood, iterations - 1) - 1e-12);
  cr_assert_float_eq (found, gsl_vector_get (log_likelihood, iterations - 1), 1e-7, "not at rest");
  cr_assert_gt (gain, 0, "%g", gain);
  cr_assert_lt (gain, 121, "%g", gain);
}

// It starts from the means of clusters, where there are such: a hundred points around each of four corners, and no
// iteration.

Test (pca_mixture, the_fit_starts_from_clusters)
{
  gsl_rng *r = property_rng (8);
  gsl_matrix *x = matrix (400, 2);
  for (size_t i = 0; i < 400; i++)
    for (size_t j = 0; j < 2; j++)
      gsl_matrix_set (x, i, j, 1e3 + (i >> j & 1 ? 10 : -10) + gsl_ran_gaussian (r, 1));
  for (uint64_t seed = 0; seed < 20; seed++)
    {
      const parameters p = room_for (4, 2, 1);
      ok (sb_pca_mixture_fit (x, 0, (sb_stream){ .seed = seed, .purpose = SB_FOR_DATA }, p.w, p.mu, p.W, p.v, NULL));
      unsigned found = 0;
      for (size_t k = 0; k < 4; k++)
        {
          const double a = gsl_matrix_get (p.mu, k, 0) - 1e3, b = gsl_matrix_get (p.mu, k, 1) - 1e3;
          cr_assert_float_eq (fabs (a), 10, .5);
          cr_assert_float_eq (fabs (b), 10, .5);
          cr_assert_float_eq (gsl_vector_get (p.w, k), .25, 1e-12);
          cr_assert_float_eq (gsl_vector_get (p.v, k), 1, .4);
          found |= 1u << ((a > 0) + 2 * (b > 0));
        }
      cr_assert_eq (found, 15);
    }
}

// Any point may be the first mean: of two clusters, each is the first component's for some seed.

Test (pca_mixture, the_fit_starts_anywhere)
{
  for (size_t n = 17; n < 21; n++)
    {
      gsl_matrix *x = normals (n, 2, 1);
      for (size_t i = 0; i < n; i++)
        *gsl_matrix_ptr (x, i, 0) += i % 2 ? 100 : -100;
      size_t above = 0;
      for (uint64_t seed = 0; seed < 40; seed++)
        {
          const parameters p = room_for (2, 2, 1);
          ok (sb_pca_mixture_fit (x, 0, (sb_stream){ .seed = seed, .purpose = SB_FOR_DATA }, p.w, p.mu, p.W, p.v,
                                  NULL));
          above += gsl_matrix_get (p.mu, 0, 0) > 0;
        }
      cr_assert (above > 5 && above < 35, "%zu of 40 with %zu points", above, n);
    }
}

// One component is probabilistic PCA, whose maximum is known: $v$ is the mean of the $d - q$ smallest eigenvalues of
// the sample covariance, and $v\mathbf I + \mathbf W^\top\mathbf W$ has the others where it has them. Far from the
// origin, too.

Test (pca_mixture, the_fit_of_one_component_is_pca)
{
  const size_t n = 500, d = 5, q = 2;
  gsl_rng *r = property_rng (9);
  gsl_matrix *x = random_points (n, d, r), *S = matrix_all (d, d, 0);
  gsl_vector *mean = vector_all (d, 0), *lambda = vector (d);
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector_view x_i = gsl_matrix_row (x, i);
      for (size_t j = 0; j < d; j++)
        gsl_matrix_set (x, i, j, 1e4 + (double)(d - j) * gsl_matrix_get (x, i, j));
      gsl_blas_daxpy (1 / (double)n, &x_i.vector, mean);
    }
  for (size_t i = 0; i < n; i++)
    {
      const gsl_vector_const_view row = gsl_matrix_const_row (x, i);
      gsl_vector *x_i = copy_of (&row.vector);
      gsl_vector_sub (x_i, mean);
      gsl_blas_dsyr (CblasLower, 1 / (double)n, x_i, S);
    }
  gsl_eigen_symm (S, lambda, scoped (gsl_eigen_symm_alloc (d)));
  gsl_sort_vector (lambda);

  parameters p = room_for (1, d, q);
  ok (sb_pca_mixture_fit (x, 2000, (sb_stream){ .seed = 4, .purpose = SB_FOR_DATA }, p.w, p.mu, p.W, p.v, NULL));
  double least = 0;
  for (size_t j = 0; j < d - q; j++)
    least += gsl_vector_get (lambda, j) / (double)(d - q);
  cr_assert_float_eq (gsl_vector_get (p.v, 0), least, 1e-6 * least);
  gsl_vector *fitted = vector (d);
  gsl_eigen_symm (covariances (&p), fitted, scoped (gsl_eigen_symm_alloc (d)));
  gsl_sort_vector (fitted);
  for (size_t j = 0; j < d; j++)
    {
      cr_assert_float_eq (gsl_matrix_get (p.mu, 0, j), gsl_vector_get (mean, j), 1e-9 * 1e4);
      if (j >= d - q)
        cr_assert_float_eq (gsl_vector_get (fitted, j), gsl_vector_get (lambda, j), 1e-6 * gsl_vector_get (lambda, j));
    }
}

// A component with no more points than loadings does not shrink onto them.

Test (pca_mixture, the_fit_of_few_points_has_a_variance)
{
  gsl_rng *r = property_rng (10);
  const gsl_matrix *x = random_points (4, 3, r);
  parameters p = room_for (2, 3, 2);
  gsl_vector *log_likelihood = vector (50);
  ok (sb_pca_mixture_fit (x, 50, (sb_stream){ .seed = 4, .purpose = SB_FOR_DATA }, p.w, p.mu, p.W, p.v,
                          log_likelihood));
  double square = 0;
  for (size_t i = 0; i < 12; i++)
    square += gsl_pow_2 (x->data[i]) / 12;
  for (size_t k = 0; k < 2; k++)
    cr_assert (gsl_vector_get (p.v, k) > 1e-6 * square && gsl_vector_get (p.v, k) <= 1e-4 * square, "%g",
               gsl_vector_get (p.v, k));
  for (size_t m = 1; m < 50; m++)
    cr_assert_geq (gsl_vector_get (log_likelihood, m), gsl_vector_get (log_likelihood, m - 1) - 1e-12, "%zu", m);
}

// ## What is refused

Test (pca_mixture, refusals)
{
  gsl_rng *r = property_rng (11);
  parameters p = random_parameters (2, 3, 2, r);
  const gsl_matrix *odd = matrix_all (3, 3, 1), *narrow = matrix_all (4, 2, 1), *x = random_points (9, 3, r);
  const sb_stream stream = { .seed = 1 };
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, p.mu, odd, p.v));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, p.mu, narrow, p.v));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, p.mu, p.W, vector_all (3, 1)));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, p.mu, p.W, vector_all (2, -1)));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, p.mu, p.W, vector_all (2, HUGE_VAL)));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, p.mu, p.W, vector_of (NAN, 1)));
  cr_assert_null (sb_target_pca_mixture_alloc (vector_of (1, -1), p.mu, p.W, p.v));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, matrix_all (2, 3, NAN), p.W, p.v));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, p.mu, matrix_all (4, 3, NAN), p.v));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, matrix (0, 3), p.W, p.v));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, matrix (2, 0), p.W, p.v));
  cr_assert_null (sb_target_pca_mixture_alloc (NULL, p.mu, matrix_all (1, 3, 1), p.v));
  const gsl_matrix *none = matrix (0, 3), *flat = matrix (2, 0);
  refused (GSL_EINVAL, sb_pca_mixture_fit (x, 1, stream, p.w, copy_of (none), p.W, p.v, NULL));
  refused (GSL_EINVAL, sb_pca_mixture_fit (x, 1, stream, p.w, copy_of (flat), p.W, p.v, NULL));
  refused (GSL_EINVAL, sb_pca_mixture_fit (x, 1, stream, p.w, p.mu, matrix (1, 3), p.v, NULL));
  refused (GSL_EBADLEN, sb_pca_mixture_fit (x, 1, stream, p.w, p.mu, matrix (5, 3), p.v, NULL));
  refused (GSL_EBADLEN, sb_pca_mixture_fit (x, 1, stream, p.w, p.mu, matrix (4, 2), p.v, NULL));
  refused (GSL_EBADLEN, sb_pca_mixture_fit (x, 1, stream, vector (3), p.mu, p.W, p.v, NULL));
  refused (GSL_EBADLEN, sb_pca_mixture_fit (x, 1, stream, p.w, p.mu, p.W, vector (3), NULL));
  refused (GSL_EINVAL, sb_pca_mixture_fit (matrix_all (1, 3, 1), 1, stream, p.w, p.mu, p.W, p.v, NULL));
  refused (GSL_EBADLEN, sb_pca_mixture_fit (matrix_all (9, 4, 1), 1, stream, p.w, p.mu, p.W, p.v, NULL));
  refused (GSL_EBADLEN, sb_pca_mixture_fit (x, 1, stream, p.w, p.mu, p.W, p.v, vector (2)));
  refused (GSL_EDOM, sb_pca_mixture_fit (matrix_all (9, 3, NAN), 1, stream, p.w, p.mu, p.W, p.v, NULL));
  refused (GSL_ESING, sb_pca_mixture_fit (matrix_all (9, 3, 1), 1, stream, p.w, p.mu, p.W, p.v, NULL), "all the same");
  const parameters one = random_parameters (1, 3, 2, r);
  refused (GSL_ESING, sb_pca_mixture_fit (matrix_all (9, 3, 1), 1, stream, one.w, one.mu, one.W, one.v, NULL));

  gsl_vector_set_zero (p.v);
  const sb_process *vp = scoped (sb_vp_alloc (3, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  refused (GSL_EDOM, sb_target_log_density (as_pca (&p), vp, x, vector_all (9, 0), vector (9)));
  parameters line = random_parameters (1, 1, 1, r);
  const sb_process *on_line = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  refused (GSL_EUNSUP, sb_target_cdf (as_pca (&line), on_line, matrix_all (1, 1, 0), vector_all (1, 0.5), vector (1)));
  const sb_process *soft = scoped (sb_process_from_text ("soft image=1x1x3 half=1 knots=0.01,0.8", 3, NULL));
  cr_assert_eq (soft->parts, 0);
  refused (GSL_EUNSUP, sb_target_log_density (as_pca (&p), soft, x, vector_all (9, 0.5), vector (9)));
  gsl_vector_set_all (p.v, 1);
  const double large[] = { 1e12, 1e200 }; // the noise is lost beside one, and the square of the other overflows
  for (size_t k = 0; k < 2; k++)
    {
      gsl_matrix_set_all (p.W, large[k]);
      refused (GSL_EDOM, sb_target_log_density (as_pca (&p), vp, x, vector_all (9, 0.5), vector (9)), "%g", large[k]);
    }
  gsl_matrix far = gsl_matrix_submatrix (p.W, 2, 0, 2, 3).matrix; // of the second component alone
  gsl_matrix_set_all (p.W, 1);
  gsl_matrix_set_all (&far, 1e200);
  refused (GSL_EDOM, sb_target_log_density (as_pca (&p), vp, x, vector_all (9, 0.5), vector (9)));
}
