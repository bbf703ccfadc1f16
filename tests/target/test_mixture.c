// # What must be true of Gaussian mixtures

#include "ask.h"
#include "batch.h"
#include "process/kinds.h"
#include "process/nonuniform.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "target/target.h"
#include "truth.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>

SUITE (mixture);

// ## To the last digits
//
// Random mixtures of one to six components in one to six dimensions, some components of weight zero, some twice the
// same, at any noise from $10^{-5}$ to $10^4$, at points near a component, between two, and as far away as $10^6$.

enum
{
  P_K,
  P_D,
  P_SD,
  P_M,
  P_DISTANCE,
  P_BLEND,
  P_SEED,
  PARAMETERS
};

static const property_parameter parameters[PARAMETERS]
    = { { "K", PROPERTY_INTEGER, 1, 6, 1 },         { "d", PROPERTY_INTEGER, 1, 6, 1 },
        { "sd", PROPERTY_LOG, 1e-5, 1e4, 1 },       { "m", PROPERTY_LOG, 1e-3, 1, 1 },
        { "distance", PROPERTY_LOG, 1e-7, 1e6, 1 }, { "blend", PROPERTY_INTEGER, 0, 3, 0 },
        { "seed", PROPERTY_INTEGER, 0, 1000000, 0 } };

// A covariance of full rank with eigenvalues between 0.1 and about 10, one with variances along the axes of which some
// are zero, or a singular one in any direction.

typedef enum
{
  FULL,
  AXES,
  SINGULAR
} covariance_shape;

static void
random_covariance (gsl_rng *r, covariance_shape shape, size_t d, double C[TRUTH_D][TRUTH_D])
{
  double root[TRUTH_D][TRUTH_D];
  size_t rank = shape == SINGULAR ? gsl_rng_uniform_int (r, d) : d;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      root[i][j] = gsl_ran_gaussian (r, 1);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      {
        C[i][j] = shape == FULL && i == j ? 0.1 : 0;
        for (size_t k = 0; k < rank; k++)
          C[i][j] += shape == AXES ? (i == j && k == 0 && root[i][0] > 0 ? root[i][0] : 0) : root[i][k] * root[j][k];
      }
}

static truth_law
random_law (gsl_rng *r, size_t K, size_t d, covariance_shape shape)
{
  truth_law law = { .K = K, .d = d };
  for (size_t k = 0; k < K; k++)
    {
      size_t twin = gsl_rng_uniform_int (r, 10);
      law.w[k] = k > 0 && gsl_rng_uniform_int (r, 6) == 0 ? 0 : gsl_rng_uniform_pos (r);
      for (size_t i = 0; i < d; i++)
        law.mu[k][i] = twin < k ? law.mu[twin][i] : gsl_ran_gaussian (r, 3);
      random_covariance (r, shape, d, law.C[k]);
    }
  return law;
}

// Where the exponents $\|\mathbf{x} - m\boldsymbol\mu_k\|^2/s_k$ are large, their rounding is an error of the
// responsibilities; where a covariance given in doubles is singular in a direction that no double has, its eigenvalue
// there is known to $\epsilon\lambda_{\max}$ only, beside a variance $\varsigma^2$.

typedef struct
{
  quantity what;
  covariance_shape shape;
} agreement;

static double
residual (const double *v, void *context)
{
  const agreement *claim = context;
  gsl_rng *r = property_rng (v[P_SEED]);
  double x[TRUTH_D], condition = 1;
  truth_law law = random_law (r, (size_t)v[P_K], (size_t)v[P_D], claim->shape);
  truth_point (r, &law, v[P_M], v[P_BLEND], v[P_DISTANCE], x);
  sb_target *target = truth_mixture (&law);
  double error = disagreement (target, &law, claim->what, v[P_M], v[P_SD], x, 0);
  if (claim->shape == SINGULAR)
    condition += gsl_pow_2 (v[P_M] / v[P_SD]);
  condition += 0.1 * (double)truth_at (&law, v[P_M], v[P_SD], x).exponent;
  return error / condition;
}

static void
check_all (const char *which, covariance_shape shape, double bound)
{
  for (quantity what = 0; what < QUANTITIES; what++)
    {
      char name[100];
      agreement claim = { .what = what, .shape = shape };
      snprintf (name, sizeof name, "%s of a mixture with %s", quantity_name[what], which);
      property_check (name, 20210213 + what, 2000, PARAMETERS, parameters, residual, &claim, bound);
    }
}

// Densities, the views, denoisers among them, and derivatives; axes that differ from their transposes.
// [consistent.eq2]

Test (mixture, agrees_with_long_double) { check_all ("full covariances", FULL, 1e-13); }

Test (mixture, agrees_with_long_double_where_variances_are_zero)
{
  check_all ("variances of zero along the axes", AXES, 1e-13);
}

Test (mixture, agrees_with_long_double_where_covariances_are_singular)
{
  check_all ("singular covariances", SINGULAR, 1e-13);
}

// ## The derivative of the score
//
// By central differences, of random mixtures under a VP-like kernel: the Jacobian-vector product is the score's
// derivative along the vector. (The score as the slope of the log density: tests/conformance/test_processes.c.)

static const property_parameter tame[PARAMETERS]
    = { { "K", PROPERTY_INTEGER, 1, 6, 1 },         { "d", PROPERTY_INTEGER, 1, 6, 1 },
        { "sd", PROPERTY_LOG, 0.1, 3, 1 },          { "m", PROPERTY_LOG, 0.1, 1, 1 },
        { "distance", PROPERTY_LOG, 0.1, 2, 1 },    { "blend", PROPERTY_INTEGER, 0, 3, 0 },
        { "seed", PROPERTY_INTEGER, 0, 1000000, 0 } };

static double
jvp_residual (const double *v, void *context)
{
  (void)context;
  gsl_rng *r = property_rng (v[P_SEED]);
  const size_t d = (size_t)v[P_D];
  truth_law law = random_law (r, (size_t)v[P_K], d, FULL);
  sb_target *target = truth_mixture (&law);
  sb_process *process = fixed_process (d, v[P_M], v[P_SD]);
  double x[TRUTH_D], direction[TRUTH_D], jvp[TRUTH_D], score[2][TRUTH_D], worst = 0, size = 1, h = 1e-5;
  truth_point (r, &law, v[P_M], v[P_BLEND], v[P_DISTANCE], x);
  for (size_t i = 0; i < d; i++)
    direction[i] = gsl_ran_gaussian (r, 1);
  ask_jvp (target, process, x, 0.5, direction, jvp);
  for (int side = 0; side < 2; side++)
    {
      double moved[TRUTH_D];
      for (size_t i = 0; i < d; i++)
        moved[i] = x[i] + (side ? h : -h) * direction[i];
      ask (target, process, SB_SCORE, moved, 0.5, score[side]);
    }
  for (size_t i = 0; i < d; i++)
    {
      worst = larger (worst, fabs ((score[1][i] - score[0][i]) / (2 * h) - jvp[i]));
      size = larger (size, fabs (jvp[i]));
    }
  return worst / gsl_pow_2 (size);
}

Test (mixture, jvp_is_the_derivative_of_the_score)
{
  property_check ("jvp is a derivative", 2, 500, PARAMETERS, tame, jvp_residual, NULL, 1e-6);
}

// ## What is known of $\mathbf{x}_0$, by quadrature
//
// Posterior mean and covariance of a mixture in the plane, integrated on a grid of $\mathbf{x}_0$: nothing here but
// Bayes.

static double
plane_prior (const truth_law *law, const double *x)
{
  double p = 0;
  for (size_t k = 0; k < law->K; k++)
    {
      const double (*C)[TRUTH_D] = law->C[k];
      double a = x[0] - law->mu[k][0], b = x[1] - law->mu[k][1], det = C[0][0] * C[1][1] - C[0][1] * C[1][0];
      p += law->w[k] * exp (-0.5 * (C[1][1] * a * a - 2 * C[0][1] * a * b + C[0][0] * b * b) / det) / sqrt (det);
    }
  return p;
}

static void
integrate_posterior (const truth_law *law, double m, double sd, const double *x, double *mean, double *covariance)
{
  double moment[6] = { 0 }, h = 0.025;
  for (double a = -9; a <= 9; a += h)
    for (double b = -9; b <= 9; b += h)
      {
        double x_0[2] = { a, b };
        double p
            = plane_prior (law, x_0) * exp (-0.5 * (gsl_pow_2 (x[0] - m * a) + gsl_pow_2 (x[1] - m * b)) / (sd * sd));
        double power[6] = { 1, a, b, a * a, a * b, b * b };
        for (size_t i = 0; i < 6; i++)
          moment[i] += p * power[i];
      }
  for (size_t i = 1; i < 6; i++)
    moment[i] /= moment[0];
  mean[0] = moment[1];
  mean[1] = moment[2];
  covariance[0] = moment[3] - mean[0] * mean[0];
  covariance[1] = covariance[2] = moment[4] - mean[0] * mean[1];
  covariance[3] = moment[5] - mean[1] * mean[1];
}

static const truth_law PLANE
    = { .K = 3,
        .d = 2,
        .w = { 0.5, 0.3, 0.2 },
        .mu = { { -1, 0.5 }, { 1.2, 0.4 }, { 0, -1.5 } },
        .C = { { { 0.5, 0.2 }, { 0.2, 0.3 } }, { { 0.2, -0.1 }, { -0.1, 0.4 } }, { { 0.6, 0 }, { 0, 0.1 } } } };

Test (mixture, posterior_moments_agree_with_quadrature)
{
  const double kernels[3][2] = { { 1, 0.3 }, { 0.8, 0.6 }, { 0.3, 0.95 } };
  sb_target *target = truth_mixture (&PLANE);
  gsl_rng *r = property_rng (7);
  for (size_t i = 0; i < 3; i++)
    for (int j = 0; j < 4; j++)
      {
        double m = kernels[i][0], sd = kernels[i][1], mean[2], covariance[4], got[4];
        double x[2] = { m * gsl_ran_gaussian (r, 1.5), m * gsl_ran_gaussian (r, 1.5) };
        sb_process *fixed = fixed_process (2, m, sd);
        integrate_posterior (&PLANE, m, sd, x, mean, covariance);
        ask (target, fixed, SB_DENOISER, x, 0.5, got);
        for (size_t k = 0; k < 2; k++)
          cr_assert_float_eq (got[k], mean[k], 1e-10, "mean: %.14g, %.14g", got[k], mean[k]);
        ask_covariance (target, fixed, x, 0.5, got);
        for (size_t k = 0; k < 4; k++)
          cr_assert_float_eq (got[k], covariance[k], 1e-10, "covariance: %.14g, %.14g", got[k], covariance[k]);
      }
}

// ## Without noise
//
// At $t = 0$ the law is $p_0$ itself, and $\mathbf{x}_0$ is known: the denoiser is $\mathbf{x}/m$, epsilon and the
// posterior covariance are zero. A singular covariance has no density there.

Test (mixture, without_noise_it_is_the_data_law)
{
  sb_target *target = truth_mixture (&PLANE);
  sb_process *still = fixed_process (2, 0.5, 0);
  double x[2] = { 0.3, -0.2 }, out[4];
  ask (target, still, SB_DENOISER, x, 0, out);
  cr_assert_float_eq (out[0], 0.6, 1e-15);
  cr_assert_float_eq (out[1], -0.4, 1e-15);
  ask (target, still, SB_EPSILON, x, 0, out);
  cr_assert (out[0] == 0 && out[1] == 0);
  ask_covariance (target, still, x, 0, out);
  for (size_t i = 0; i < 4; i++)
    cr_assert_float_eq (out[i], 0, 1e-30);
}

Test (mixture, singular_covariance_without_noise_has_no_density)
{
  truth_law flat = PLANE;
  flat.C[2][1][1] = 0;
  sb_target *target = truth_mixture (&flat);
  sb_process *still = fixed_process (2, 1, 0);
  gsl_matrix *x = matrix_all (1, 2, 0), *out = matrix (1, 2), *square = matrix (2, 2);
  gsl_vector *t = vector_all (1, 0), *number = vector (1);
  refused (GSL_EDOM, sb_target_log_density (target, still, x, t, number));
  refused (GSL_EDOM, sb_target_evaluate (target, still, SB_SCORE, x, t, out));
  refused (GSL_EDOM, sb_target_jvp (target, still, x, t, x, out));
  refused (GSL_EDOM, sb_target_divergence (target, still, x, t, number));
  refused (GSL_EDOM, sb_target_posterior_covariance (target, still, vector_all (2, 0), 0, square));
}

// ## The divergence
//
// Of round components it is found along the coordinates, or along a process's own basis; products with the Jacobian are
// found in other ways, and have the same trace.

Test (mixture, divergence_is_the_trace_of_the_jacobian)
{
  static const char *const processes[] = { "vp", "soft image=1x2x2 half=1 boundary=symmetric" };
  enum
  {
    D = 4
  };
  gsl_matrix *covariances = matrix_all (2 * D, D, 0), *x = normals (1, D, 2), *e = matrix (1, D), *Je = matrix (1, D);
  gsl_vector *t = vector_of (0.4), *divergence = vector (1);
  for (size_t i = 0; i < 2 * D; i++)
    gsl_matrix_set (covariances, i, i % D, i < D ? 0.3 : 1);
  sb_target *target = scoped (sb_target_mixture_alloc (NULL, normals (2, D, 1), covariances));
  for (size_t k = 0; k < 2; k++)
    {
      sb_process *process = scoped (sb_process_from_text (processes[k], D, NULL));
      double trace = 0;
      for (size_t j = 0; j < D; j++)
        {
          gsl_matrix_set_zero (e);
          gsl_matrix_set (e, 0, j, 1);
          ok (sb_target_jvp (target, process, x, t, e, Je));
          trace += gsl_matrix_get (Je, 0, j);
        }
      ok (sb_target_divergence (target, process, x, t, divergence));
      cr_assert_float_eq (gsl_vector_get (divergence, 0) / trace, 1, 1e-12, "%s", processes[k]);
    }
}

// ## Draws
//
// Means and covariances of a mixture with a singular component, from $n = 10^5$ draws, within 5.5 standard errors
// (one case in $2\cdot10^7$, of five). Fourth moments bound the standard errors of the covariances.

Test (mixture, draws_have_its_moments)
{
  const size_t n = 100000;
  truth_law law = PLANE;
  law.C[1][0][0] = 0.4, law.C[1][0][1] = law.C[1][1][0] = 0.2, law.C[1][1][1] = 0.1;
  double mean[2] = { 0 }, covariance[3] = { 0 }, sum[5] = { 0 }, square[5] = { 0 };
  for (size_t k = 0; k < 3; k++)
    {
      mean[0] += law.w[k] * law.mu[k][0];
      mean[1] += law.w[k] * law.mu[k][1];
    }
  for (size_t k = 0; k < 3; k++)
    {
      double a = law.mu[k][0] - mean[0], b = law.mu[k][1] - mean[1];
      covariance[0] += law.w[k] * (law.C[k][0][0] + a * a);
      covariance[1] += law.w[k] * (law.C[k][0][1] + a * b);
      covariance[2] += law.w[k] * (law.C[k][1][1] + b * b);
    }
  sb_target *target = truth_mixture (&law);
  gsl_matrix *x = matrix (n, 2);
  ok (sb_target_sample (target, (sb_stream){ .seed = 5, .purpose = SB_FOR_DATA }, x));
  for (size_t i = 0; i < n; i++)
    {
      double a = gsl_matrix_get (x, i, 0) - mean[0], b = gsl_matrix_get (x, i, 1) - mean[1];
      double miss[5] = { a, b, a * a - covariance[0], a * b - covariance[1], b * b - covariance[2] };
      for (size_t k = 0; k < 5; k++)
        {
          sum[k] += miss[k];
          square[k] += miss[k] * miss[k];
        }
    }
  for (size_t k = 0; k < 5; k++)
    cr_assert_lt (fabs (sum[k]), 5.5 * sqrt (square[k]), "moment %zu: %g standard errors", k,
                  sum[k] / sqrt (square[k]));
}

// ## The distribution function
//
// Its slope is the density; far to the left it keeps its digits.

Test (mixture, distribution_function_is_the_integral_of_the_density)
{
  sb_target *target = truth_mixture (&GMM3);
  double far = ask_cdf (target, fixed_process (1, 0.7, 0.4), -10, 0.5), sd = sqrt (0.49 * 0.09 + 0.16);
  cr_assert_float_eq (far / (0.3 * gsl_cdf_ugaussian_P ((-10 + 0.7 * 1.5) / sd)), 1, 1e-8);
  check_cdf (target);
}

// ## Batches
//
// Rows do not know of each other: a batch of 300 rows, each at its own time, gives for every row what the row gives on
// its own, to rounding (a matrix product's last bit may depend on its shape), and bit for bit the same for any number
// of threads. [consistent.eq2]

Test (mixture, rows_of_a_batch_do_not_meet)
{
  enum
  {
    ROWS = 300,
    D = 6
  };
  gsl_rng *r = property_rng (11);
  truth_law law = random_law (r, 5, D, FULL);
  sb_target *target = truth_mixture (&law);
  sb_process *vp = scoped (sb_vp_alloc (D, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  gsl_matrix *x = normals (ROWS, D, 1), *v = normals (ROWS, D, 2);
  gsl_vector *t = vector (ROWS);
  gsl_matrix_scale (x, 2);
  for (size_t i = 0; i < ROWS; i++)
    gsl_vector_set (t, i, gsl_rng_uniform_pos (r));
  check_rows_alone (target, vp, x, t, v, 1e-12);
  check_threads (target, vp, x, t, v);
}

Test (mixture, draws_belong_to_their_index)
{
  truth_law law = random_law (property_rng (12), 4, 5, FULL);
  check_draws (truth_mixture (&law));
}

// ## Under maps
//
// A process of two VP parts, the second of another speed or of the same, and a law that is diagonal in no coordinates.

static sb_target *
full_mixture (size_t K, size_t d)
{
  gsl_matrix *C = matrix (K * d, d);
  for (size_t k = 0; k < K; k++)
    {
      gsl_matrix_view C_k = gsl_matrix_submatrix (C, k * d, 0, d, d);
      const gsl_matrix *B = normals (d, d, 10 + k);
      gsl_matrix_set_identity (&C_k.matrix);
      gsl_blas_dsyrk (CblasLower, CblasNoTrans, 1, B, .1, &C_k.matrix);
      gsl_matrix_transpose_tricpy (CblasLower, CblasUnit, &C_k.matrix, &C_k.matrix);
    }
  return scoped (sb_target_mixture_alloc (NULL, normals (K, d, 3), C));
}

static const sb_process *
two_parts (size_t d, double beta_max)
{
  sb_process *parts[] = { sb_vp_alloc (d / 2, 0.1, 20), sb_vp_alloc (d - d / 2, 0.1, beta_max) };
  return scoped (sb_nonuniform_alloc ("pair", 2, parts, 1e-5, 1, NULL));
}

// A row's answers do not depend on its neighbours, those at its time and others: in four dimensions bit for bit, in
// twenty, where OpenBLAS solves, to rounding.

static void
check_rows_under_maps (size_t d, double bound)
{
  enum
  {
    ROWS = 300
  };
  const gsl_matrix *x = normals (ROWS, d, 1), *v = normals (ROWS, d, 2);
  gsl_vector *t = vector (ROWS);
  for (size_t i = 0; i < ROWS; i++)
    gsl_vector_set (t, i, i < 200 ? .3 : .3 + .002 * (double)(i / 10));
  check_rows_alone (full_mixture (3, d), two_parts (d, 5), x, t, v, bound);
  check_threads (full_mixture (3, d), two_parts (d, 5), x, t, v);
}

Test (mixture, rows_under_maps_do_not_meet)
{
  check_rows_under_maps (4, 0);
  check_rows_under_maps (20, 1e-12);
}

// Where a covariance has no variance along an axis, or along none of the axes, there is no density without noise; under
// maps as anywhere. A row with noise before it does not help, nor one after it.

Test (mixture, singular_covariance_under_maps_has_no_density)
{
  const double C[][16]
      = { { 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, { 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1 } };
  const gsl_vector *times[] = { vector_of (0, .3), vector_of (.3, 0) };
  const sb_process *both[] = { two_parts (4, 5), scoped (sb_vp_alloc (4, .1, 20)) };
  gsl_matrix *x = normals (2, 4, 1), *out = matrix (2, 4);
  for (size_t k = 0; k < 2; k++)
    for (size_t j = 0; j < 2; j++)
      for (size_t p = 0; p < 2; p++)
        {
          const sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (4, 0), scope_matrix (4, 4, 16, C[k])));
          refused (GSL_EDOM, sb_target_log_density (law, both[p], x, times[j], vector (2)));
          refused (GSL_EDOM, sb_target_evaluate (law, both[p], SB_SCORE, x, times[j], out));
          refused (GSL_EDOM, sb_target_jvp (law, both[p], x, times[j], x, out));
        }
}

// Noise whose square overflows is refused under maps, too.

static int
much_noise (const void *state, sb_process_map map, double s, double t, double *c)
{
  (void)s, (void)t;
  c[0] = c[1] = map == SB_A ? 1 : *(const double *)state;
  return GSL_SUCCESS;
}

Test (mixture, noise_that_overflows)
{
  static const sb_process_type type = { .name = "much noise", .numbers = much_noise };
  static double sd[] = { 1e100, 1e160 };
  gsl_matrix *x = normals (2, 2, 1), *out = matrix (2, 2);
  const gsl_vector *t = vector_all (2, .5);
  const sb_target *laws[] = { scoped (sb_target_gaussian_alloc (vector_all (2, 0), matrix_of (2, 2, 1, .5, .5, 1))),
                              scoped (sb_target_gaussian_alloc (vector_all (2, 0), matrix_of (2, 2, 1, 0, 0, 2))) };
  for (size_t k = 0; k < 2; k++)
    for (size_t j = 0; j < 2; j++)
      {
        sb_process *process = scoped (sb_process_alloc (&type, sd + k, 2, 0, 1, 0));
        process->parts = 2;
        const int status = k == 0 ? GSL_SUCCESS : GSL_EOVRFLW;
        refused (status, sb_target_log_density (laws[j], process, x, t, vector (2)));
        refused (status, sb_target_evaluate (laws[j], process, SB_SCORE, x, t, out));
        refused (status, sb_target_jvp (laws[j], process, x, t, x, out));
      }
}

// ## So many components that what is found for the densities is not kept for the rest
//
// Each of four is there ten thousand times.

Test (mixture, of_many_components)
{
  enum
  {
    d = 4,
    FEW = 4,
    MANY = 40000,
    ROWS = 64
  };
  gsl_matrix *mu = matrix (MANY, d), *C = matrix_all (MANY * d, d, 0), *four = normals (FEW, d, 1);
  for (size_t k = 0; k < MANY; k++)
    for (size_t j = 0; j < d; j++)
      {
        gsl_matrix_set (mu, k, j, gsl_matrix_get (four, k % FEW, j));
        gsl_matrix_set (C, k * d + j, j, .5 + .1 * (double)(k % FEW * j));
      }
  const gsl_matrix_const_view C_4 = gsl_matrix_const_submatrix (C, 0, 0, FEW * d, d);
  const sb_target *many = scoped (sb_target_mixture_alloc (NULL, mu, C)),
                  *few = scoped (sb_target_mixture_alloc (NULL, four, &C_4.matrix));
  const sb_process *vp = scoped (sb_vp_alloc (d, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  const gsl_matrix *x = normals (ROWS, d, 2), *v = normals (ROWS, d, 3);
  gsl_matrix *got = matrix (ROWS, d), *wanted = matrix (ROWS, d);
  ok (sb_target_jvp (many, vp, x, vector_all (ROWS, .1), v, got));
  ok (sb_target_jvp (few, vp, x, vector_all (ROWS, .1), v, wanted));
  cr_assert_lt (largest_difference (got, wanted), 1e-9);
}

// A law of more dimensions than a shard has numbers: a block of rows is a shard.

Test (mixture, of_many_dimensions)
{
  enum
  {
    d = 2100
  };
  gsl_matrix *C = matrix (d, d), *x = normals (3, d, 1), *score = matrix (3, d);
  gsl_matrix_set_identity (C);
  const sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (d, 0), C));
  ok (sb_target_evaluate (law, scoped (sb_vp_alloc (d, SB_VP_BETA_MIN, SB_VP_BETA_MAX)), SB_SCORE, x,
                          vector_all (3, .5), score));
  gsl_matrix_add (score, x); // the score of a standard normal is -x, at any time
  cr_assert (gsl_matrix_max (score) < 1e-12 && gsl_matrix_min (score) > -1e-12);
}

// Two parts of one speed are VP itself, whose law is found in the components' axes: the same densities, views and
// derivatives.

Test (mixture, under_maps_is_as_in_the_axes)
{
  enum
  {
    ROWS = 40
  };
  const gsl_vector *t = even_times (.02, .8, ROWS - 1);
  for (size_t d = 4; d <= 20; d += 16)
    {
      const gsl_matrix *x = normals (ROWS, d, 1), *v = normals (ROWS, d, 2);
      const answers by_maps = ask_batch (full_mixture (3, d), two_parts (d, 20), x, t, v),
                    in_axes = ask_batch (full_mixture (3, d), scoped (sb_vp_alloc (d, 0.1, 20)), x, t, v);
      for (size_t i = 0; i < ROWS; i++)
        check_same_row (&by_maps, i, &in_axes, i, 1e-10);
    }
}

// ## What is no mixture

Test (mixture, refuses_what_is_none)
{
  const struct
  {
    double w[2], mu[4], C[8];
    bool taken;
  } cases[] = {
    { { 1, 1 }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 2, 1, 1, 2 }, true },
    { { 1, -1e-300 }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 2, 1, 1, 2 }, false },
    { { 0, 0 }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 2, 1, 1, 2 }, false },
    { { 1, GSL_NAN }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 2, 1, 1, 2 }, false },
    { { 1, GSL_POSINF }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 2, 1, 1, 2 }, false },
    { { 1, 1 }, { 0, 1, GSL_NAN, 3 }, { 1, 0, 0, 1, 2, 1, 1, 2 }, false },
    { { 1, 1 }, { 0, 1, 2, GSL_NEGINF }, { 1, 0, 0, 1, 2, 1, 1, 2 }, false },
    { { 1, 1 }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 2, 1, 1.001, 2 }, false },
    { { 1, 1 }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 2, GSL_NAN, GSL_NAN, 2 }, false },
    { { 1, 1 }, { 0, 1, 2, 3 }, { 1, 0, 0, GSL_POSINF, 2, 1, 1, 2 }, false },
    { { 1, 1 }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 1, 2, 2, 1 }, false },      // eigenvalues 3 and -1
    { { 1, 1 }, { 0, 1, 2, 3 }, { 1, 0, 0, -1e-20, 2, 1, 1, 2 }, false }, // diagonal: exact
    { { 1, 1 }, { 0, 1, 2, 3 }, { 1, 0, 0, 1, 1, 1, 1, 1 }, true },       // singular
  };
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    {
      sb_target *target = sb_target_mixture_alloc (scope_vector (2, cases[k].w), scope_matrix (2, 2, 4, cases[k].mu),
                                                   scope_matrix (4, 2, 8, cases[k].C));
      cr_assert_eq (target != NULL, cases[k].taken, "case %zu", k);
      sb_target_free (target);
    }
}

Test (mixture, refuses_shapes_that_do_not_fit)
{
  gsl_vector *two = vector_all (2, 1), *three = vector_all (3, 1);
  gsl_matrix *means = matrix_all (2, 2, 0), *four = matrix_all (4, 2, 0), *three_rows = matrix_all (3, 2, 0),
             *wide = matrix_all (4, 3, 0), *empty = matrix_all (0, 2, 0);
  cr_assert_null (sb_target_mixture_alloc (three, means, four));
  cr_assert_null (sb_target_mixture_alloc (two, means, three_rows));
  cr_assert_null (sb_target_mixture_alloc (two, means, wide));
  cr_assert_null (sb_target_mixture_alloc (two, empty, empty));
  cr_assert_null (sb_target_gaussian_alloc (three, means));
  cr_assert_null (sb_target_mixture_alloc (NULL, matrix (1, 0), matrix (0, 0)));
  const gsl_matrix long_row = { .size1 = 1, .size2 = (1 << 14) + 1, .tda = (1 << 14) + 1 };
  cr_assert_null (sb_target_mixture_alloc (NULL, &long_row, means), "no eigenvectors of so large a matrix");
  scoped (sb_target_mixture_alloc (NULL, means, four));
}
