// # What must be true of Gaussian mixtures

#include "ask.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "target/target.h"
#include "truth.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <omp.h>
#include <string.h>

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

static void
random_point (gsl_rng *r, const truth_law *law, const double *v, double *x)
{
  size_t a = gsl_rng_uniform_int (r, law->K), b = gsl_rng_uniform_int (r, law->K);
  double blend = v[P_BLEND] == 3 ? gsl_rng_uniform (r) : v[P_BLEND] == 2 ? 0.5 : 0;
  for (size_t i = 0; i < law->d; i++)
    x[i] = v[P_M] * ((1 - blend) * law->mu[a][i] + blend * law->mu[b][i]) + gsl_ran_gaussian (r, v[P_DISTANCE]);
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
  random_point (r, &law, v, x);
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

Test (mixture, agrees_with_long_double) { check_all ("full covariances", FULL, 1e-13); }

Test (mixture, agrees_with_long_double_where_variances_are_zero)
{
  check_all ("variances of zero along the axes", AXES, 1e-13);
}

Test (mixture, agrees_with_long_double_where_covariances_are_singular)
{
  check_all ("singular covariances", SINGULAR, 1e-13);
}

// ## Derivatives
//
// By central differences, of random mixtures under a VP-like kernel: the score is the gradient of the log density,
// the Jacobian-vector product the score's derivative along the vector, and the divergence the sum of the Jacobian's
// diagonal.

static const property_parameter tame[PARAMETERS]
    = { { "K", PROPERTY_INTEGER, 1, 6, 1 },         { "d", PROPERTY_INTEGER, 1, 6, 1 },
        { "sd", PROPERTY_LOG, 0.1, 3, 1 },          { "m", PROPERTY_LOG, 0.1, 1, 1 },
        { "distance", PROPERTY_LOG, 0.1, 2, 1 },    { "blend", PROPERTY_INTEGER, 0, 3, 0 },
        { "seed", PROPERTY_INTEGER, 0, 1000000, 0 } };

typedef struct
{
  gsl_rng *r;
  sb_target *target;
  sb_process *process;
  size_t d;
  double x[TRUTH_D];
} tame_case;

static tame_case
begin_case (const double *v)
{
  tame_case c = { .r = property_rng (v[P_SEED]), .d = (size_t)v[P_D] };
  truth_law law = random_law (c.r, (size_t)v[P_K], c.d, FULL);
  random_point (c.r, &law, v, c.x);
  c.target = truth_mixture (&law);
  c.process = fixed_process (c.d, v[P_M], v[P_SD]);
  return c;
}

static void
moved (const tame_case *c, const double *v, double h, double *x)
{
  for (size_t i = 0; i < c->d; i++)
    x[i] = c->x[i] + h * v[i];
}

static double
score_residual (const double *v, void *context)
{
  (void)context;
  tame_case c = begin_case (v);
  double score[TRUTH_D], worst = 0, size = 1, h = 1e-4;
  ask (c.target, c.process, SB_SCORE, c.x, 0.5, score);
  for (size_t i = 0; i < c.d; i++)
    {
      double e[TRUTH_D] = { 0 }, after[TRUTH_D], before[TRUTH_D];
      e[i] = 1;
      moved (&c, e, h, after);
      moved (&c, e, -h, before);
      double slope = ask_log_density (c.target, c.process, after, 0.5);
      slope = (slope - ask_log_density (c.target, c.process, before, 0.5)) / (2 * h);
      worst = GSL_MAX_DBL (worst, fabs (slope - score[i]));
      size = GSL_MAX_DBL (size, fabs (score[i]));
    }
  return worst / gsl_pow_3 (size);
}

Test (mixture, score_is_the_gradient_of_the_log_density)
{
  property_check ("score is a gradient", 1, 500, PARAMETERS, tame, score_residual, NULL, 1e-6);
}

static double
jvp_residual (const double *v, void *context)
{
  (void)context;
  tame_case c = begin_case (v);
  double score_after[TRUTH_D], score_before[TRUTH_D];
  double direction[TRUTH_D], after[TRUTH_D], before[TRUTH_D], jvp[TRUTH_D], worst = 0, size = 1, h = 1e-5;
  for (size_t i = 0; i < c.d; i++)
    direction[i] = gsl_ran_gaussian (c.r, 1);
  ask_jvp (c.target, c.process, c.x, 0.5, direction, jvp);
  moved (&c, direction, h, after);
  moved (&c, direction, -h, before);
  ask (c.target, c.process, SB_SCORE, after, 0.5, score_after);
  ask (c.target, c.process, SB_SCORE, before, 0.5, score_before);
  for (size_t i = 0; i < c.d; i++)
    {
      worst = GSL_MAX_DBL (worst, fabs ((score_after[i] - score_before[i]) / (2 * h) - jvp[i]));
      size = GSL_MAX_DBL (size, fabs (jvp[i]));
    }
  return worst / gsl_pow_2 (size);
}

static double
jacobian_residual (const double *v, void *context)
{
  (void)context;
  tame_case c = begin_case (v);
  double J[TRUTH_D][TRUTH_D], worst = 0, trace = 0, size = 1;
  for (size_t i = 0; i < c.d; i++)
    {
      double e[TRUTH_D] = { 0 };
      e[i] = 1;
      ask_jvp (c.target, c.process, c.x, 0.5, e, J[i]);
      trace += J[i][i];
      size += fabs (J[i][i]);
    }
  for (size_t i = 0; i < c.d; i++)
    for (size_t j = 0; j < i; j++)
      worst = GSL_MAX_DBL (worst, fabs (J[i][j] - J[j][i]));
  worst = GSL_MAX_DBL (worst, fabs (trace - ask_divergence (c.target, c.process, c.x, 0.5)));
  return worst / size;
}

Test (mixture, jacobian_is_the_derivative_of_the_score)
{
  property_check ("jvp is a derivative", 2, 500, PARAMETERS, tame, jvp_residual, NULL, 1e-6);
  property_check ("Jacobian symmetric, divergence its trace", 3, 500, PARAMETERS, tame, jacobian_residual, NULL, 1e-12);
}

// The posterior covariance is $\tfrac{\varsigma^2}{m^2}(\mathbf{I} + \varsigma^2\mathbf{J})$, the second-order
// Tweedie formula.

static double
second_order_residual (const double *v, void *context)
{
  (void)context;
  tame_case c = begin_case (v);
  double covariance[TRUTH_D * TRUTH_D], row[TRUTH_D], worst = 0, size = 0, variance = gsl_pow_2 (v[P_SD]);
  ask_covariance (c.target, c.process, c.x, 0.5, covariance);
  for (size_t i = 0; i < c.d; i++)
    {
      double e[TRUTH_D] = { 0 };
      e[i] = 1;
      ask_jvp (c.target, c.process, c.x, 0.5, e, row);
      for (size_t j = 0; j < c.d; j++)
        {
          double expected = variance / gsl_pow_2 (v[P_M]) * (e[j] + variance * row[j]);
          worst = GSL_MAX_DBL (worst, fabs (covariance[i * c.d + j] - expected));
          size = GSL_MAX_DBL (size, fabs (variance / gsl_pow_2 (v[P_M]) * (1 + variance * fabs (row[j]))));
        }
    }
  return worst / size;
}

Test (mixture, posterior_covariance_is_the_second_order_tweedie_formula)
{
  property_check ("second-order Tweedie", 4, 500, PARAMETERS, tame, second_order_residual, NULL, 1e-12);
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

// And without any formula: data drawn from the law, each weighted by how likely it leads to $\mathbf{x}$. With $n =
// 10^5$ draws the weighted mean is within 5.5 of its standard errors but for one case in $2\cdot10^7$; there are 24
// cases.

Test (mixture, posterior_moments_agree_with_weighted_draws)
{
  const size_t n = 100000;
  const double m = 0.8, sd = 0.6;
  sb_target *target = truth_mixture (&PLANE);
  sb_process *fixed = fixed_process (2, m, sd);
  gsl_matrix *x_0 = matrix (n, 2);
  gsl_rng *r = property_rng (8);
  ok (sb_target_sample (target, (sb_stream){ .seed = 3, .purpose = SB_FOR_DATA }, x_0));
  for (int j = 0; j < 6; j++)
    {
      double x[2] = { gsl_ran_gaussian (r, 1), gsl_ran_gaussian (r, 1) }, hat[2], covariance[4];
      ask (target, fixed, SB_DENOISER, x, 0.5, hat);
      ask_covariance (target, fixed, x, 0.5, covariance);
      double sum[4] = { 0 }, square[4] = { 0 }, total = 0;
      for (size_t i = 0; i < n; i++)
        {
          const double *d = gsl_matrix_const_ptr (x_0, i, 0);
          double w = exp (-0.5 * (gsl_pow_2 (x[0] - m * d[0]) + gsl_pow_2 (x[1] - m * d[1])) / (sd * sd));
          double a = d[0] - hat[0], b = d[1] - hat[1];
          double miss[4] = { a, b, a * a - covariance[0], a * b - covariance[1] };
          total += w;
          for (size_t k = 0; k < 4; k++)
            {
              sum[k] += w * miss[k];
              square[k] += gsl_pow_2 (w * miss[k]);
            }
        }
      for (size_t k = 0; k < 4; k++)
        cr_assert_lt (fabs (sum[k]), 5.5 * sqrt (square[k]), "moment %zu: %g standard errors", k,
                      sum[k] / sqrt (square[k]));
      cr_assert_gt (total, 0);
    }
}

// ## A mixture of one
//
// A Gaussian in the plane has a closed form that needs no eigenvalues: the covariance $m^2\mathbf{C} +
// \varsigma^2\mathbf{I}$, inverted by hand. Its denoiser is linear regression.

Test (mixture, gaussian_agrees_with_its_closed_form)
{
  const double C[4] = { 2, 0.9, 0.9, 1.1 }, mu[2] = { 0.7, -0.4 }, x[2] = { 1.3, 0.2 }, m = 0.6, sd = 0.8;
  const double a = m * m * C[0] + sd * sd, b = m * m * C[1], c = m * m * C[3] + sd * sd, det = a * c - b * b;
  const double u = x[0] - m * mu[0], v = x[1] - m * mu[1];
  const double score[2] = { -(c * u - b * v) / det, -(a * v - b * u) / det };
  gsl_vector_const_view mean = gsl_vector_const_view_array (mu, 2);
  gsl_matrix_const_view covariance = gsl_matrix_const_view_array (C, 2, 2);
  sb_target *target = scoped (sb_target_gaussian_alloc (&mean.vector, &covariance.matrix));
  sb_process *fixed = fixed_process (2, m, sd);
  double out[2];

  cr_assert_float_eq (ask_log_density (target, fixed, x, 0.5),
                      -log (2 * M_PI) - 0.5 * log (det) + 0.5 * (u * score[0] + v * score[1]), 1e-14);
  ask (target, fixed, SB_SCORE, x, 0.5, out);
  cr_assert (fabs (out[0] - score[0]) < 1e-15 && fabs (out[1] - score[1]) < 1e-15);
  ask (target, fixed, SB_DENOISER, x, 0.5, out);
  cr_assert_float_eq (out[0], mu[0] - m * (C[0] * score[0] + C[1] * score[1]), 1e-14);
  cr_assert_float_eq (out[1], mu[1] - m * (C[1] * score[0] + C[3] * score[1]), 1e-14);
  cr_assert_float_eq (ask_divergence (target, fixed, x, 0.5), -(a + c) / det, 1e-14);
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
  gsl_vector *t = vector_all (1, 0), *number = vector (1), *point = vector_all (2, 0);
  refused (GSL_EDOM, sb_target_log_density (target, still, x, t, number));
  refused (GSL_EDOM, sb_target_evaluate (target, still, SB_SCORE, x, t, out));
  refused (GSL_EDOM, sb_target_jvp (target, still, x, t, x, out));
  refused (GSL_EDOM, sb_target_divergence (target, still, x, t, number));
  refused (GSL_EDOM, sb_target_posterior_covariance (target, still, point, 0, square));
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
  sb_process *fixed = fixed_process (1, 0.7, 0.4);
  for (double x = -3; x <= 3; x += 0.1)
    {
      double slope = (ask_cdf (target, fixed, x + 1e-4, 0.5) - ask_cdf (target, fixed, x - 1e-4, 0.5)) / 2e-4;
      cr_assert_float_eq (slope, exp (ask_log_density (target, fixed, &x, 0.5)), 1e-7);
    }
  cr_assert_float_eq (ask_cdf (target, fixed, 40, 0.5), 1, 1e-15);
  double far = ask_cdf (target, fixed, -10, 0.5), sd = sqrt (0.49 * 0.09 + 0.16);
  cr_assert_float_eq (far / (0.3 * gsl_cdf_ugaussian_P ((-10 + 0.7 * 1.5) / sd)), 1, 1e-8);
  sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  check_cdf_rows (target, vp);
}

// ## Batches
//
// Rows do not know of each other: a batch of 300 rows, each at its own time and stored with a stride, gives for every
// row what the row gives on its own, to rounding (a matrix product's last bit may depend on its shape), and bit for
// bit the same for any number of threads.

enum
{
  ROWS = 300
};

typedef struct
{
  sb_target *target;
  sb_process *process;
  gsl_matrix *x, *v, *wide;
  gsl_matrix_view out[4]; // score, denoiser, epsilon, jvp
  gsl_vector *t, *log_p, *divergence;
} batch;

static batch
batch_alloc (void)
{
  gsl_rng *r = property_rng (11);
  truth_law law = random_law (r, 5, 6, FULL);
  batch b = { .target = truth_mixture (&law), .process = scoped (sb_vp_alloc (6, SB_VP_BETA_MIN, SB_VP_BETA_MAX)) };
  b.x = matrix (ROWS, 6);
  b.v = matrix (ROWS, 6);
  b.wide = matrix_all (ROWS, 30, 0);
  b.t = vector (ROWS);
  b.log_p = vector (ROWS);
  b.divergence = vector (ROWS);
  for (size_t i = 0; i < 4; i++)
    b.out[i] = gsl_matrix_submatrix (b.wide, 0, 7 * i + 1, ROWS, 6);
  for (size_t i = 0; i < ROWS; i++)
    {
      gsl_vector_set (b.t, i, gsl_rng_uniform_pos (r));
      for (size_t j = 0; j < 6; j++)
        {
          gsl_matrix_set (b.x, i, j, gsl_ran_gaussian (r, 2));
          gsl_matrix_set (b.v, i, j, gsl_ran_gaussian (r, 1));
        }
    }
  return b;
}

static void
batch_run (batch *b)
{
  const sb_view views[3] = { SB_SCORE, SB_DENOISER, SB_EPSILON };
  for (size_t i = 0; i < 3; i++)
    ok (sb_target_evaluate (b->target, b->process, views[i], b->x, b->t, &b->out[i].matrix));
  ok (sb_target_jvp (b->target, b->process, b->x, b->t, b->v, &b->out[3].matrix));
  ok (sb_target_log_density (b->target, b->process, b->x, b->t, b->log_p));
  ok (sb_target_divergence (b->target, b->process, b->x, b->t, b->divergence));
}

Test (mixture, results_do_not_depend_on_the_number_of_threads)
{
  batch one = batch_alloc (), more = batch_alloc ();
  omp_set_num_threads (1);
  batch_run (&one);
  for (int threads = 2; threads <= 3; threads++)
    {
      omp_set_num_threads (threads);
      batch_run (&more);
      cr_assert_eq (memcmp (one.wide->data, more.wide->data, ROWS * 30 * sizeof (double)), 0);
      cr_assert_eq (memcmp (one.log_p->data, more.log_p->data, ROWS * sizeof (double)), 0);
      cr_assert_eq (memcmp (one.divergence->data, more.divergence->data, ROWS * sizeof (double)), 0);
    }
}

Test (mixture, rows_of_a_batch_do_not_meet)
{
  batch b = batch_alloc ();
  batch_run (&b);
  for (size_t i = 0; i < ROWS; i += 7)
    {
      const sb_view views[3] = { SB_SCORE, SB_DENOISER, SB_EPSILON };
      const double *x = gsl_matrix_const_ptr (b.x, i, 0), t = gsl_vector_get (b.t, i);
      double out[6];
      for (size_t k = 0; k < 4; k++)
        {
          if (k < 3)
            ask (b.target, b.process, views[k], x, t, out);
          else
            ask_jvp (b.target, b.process, x, t, gsl_matrix_const_ptr (b.v, i, 0), out);
          for (size_t j = 0; j < 6; j++)
            cr_assert_float_eq (gsl_matrix_get (&b.out[k].matrix, i, j), out[j], 1e-12 * (1 + fabs (out[j])));
        }
      cr_assert_float_eq (gsl_vector_get (b.log_p, i), ask_log_density (b.target, b.process, x, t), 1e-12);
      double divergence = ask_divergence (b.target, b.process, x, t);
      cr_assert_float_eq (gsl_vector_get (b.divergence, i), divergence, 1e-12 * (1 + fabs (divergence)));
    }
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < 30; j += 7)
      cr_assert_eq (gsl_matrix_get (b.wide, i, j), 0, "column %zu lies outside the results", j);
}

// A draw belongs to its index: whatever follows in a batch is a batch that starts there, bit for bit.

Test (mixture, draws_belong_to_their_index)
{
  gsl_rng *r = property_rng (12);
  truth_law law = random_law (r, 4, 5, FULL);
  sb_target *target = truth_mixture (&law);
  sb_stream stream = { .seed = 9, .purpose = SB_FOR_DATA, .index = 40 };
  gsl_matrix *all = matrix (ROWS, 5);
  ok (sb_target_sample (target, stream, all));
  for (size_t start = 1; start < ROWS; start += 13)
    {
      gsl_matrix *rest = matrix (ROWS - start, 5);
      ok (sb_target_sample (target, sb_stream_skip (stream, start), rest));
      cr_assert_eq (memcmp (gsl_matrix_const_ptr (all, start, 0), rest->data, (ROWS - start) * 5 * sizeof (double)), 0,
                    "a batch that starts at row %zu", start);
    }
}

// ## What is no mixture

static void
refuses (const double *weights, const double *mu, const double *C, int code)
{
  gsl_vector_const_view w = gsl_vector_const_view_array (weights, 2);
  gsl_matrix_const_view means = gsl_matrix_const_view_array (mu, 2, 2),
                        covariances = gsl_matrix_const_view_array (C, 4, 2);
  sb_target *target = sb_target_mixture_alloc (&w.vector, &means.matrix, &covariances.matrix);
  cr_assert_eq (target == NULL, code != GSL_SUCCESS);
  sb_target_free (target);
}

Test (mixture, refuses_what_is_none)
{
  const double w[2] = { 1, 1 }, mu[4] = { 0, 1, 2, 3 }, C[8] = { 1, 0, 0, 1, 2, 1, 1, 2 };
  refuses (w, mu, C, GSL_SUCCESS);
  refuses ((double[]){ 1, -1e-300 }, mu, C, GSL_EDOM);
  refuses ((double[]){ 0, 0 }, mu, C, GSL_EDOM);
  refuses ((double[]){ 1, GSL_NAN }, mu, C, GSL_EDOM);
  refuses ((double[]){ 1, GSL_POSINF }, mu, C, GSL_EDOM);
  refuses (w, (double[]){ 0, 1, GSL_NAN, 3 }, C, GSL_EDOM);
  refuses (w, (double[]){ 0, 1, 2, GSL_NEGINF }, C, GSL_EDOM);
  refuses (w, mu, (double[]){ 1, 0, 0, 1, 2, 1, 1.001, 2 }, GSL_EDOM);
  refuses (w, mu, (double[]){ 1, 0, 0, 1, 2, GSL_NAN, GSL_NAN, 2 }, GSL_EDOM);
  refuses (w, mu, (double[]){ 1, 0, 0, GSL_POSINF, 2, 1, 1, 2 }, GSL_EDOM);
  refuses (w, mu, (double[]){ 1, 0, 0, 1, 1, 2, 2, 1 }, GSL_EDOM);      // eigenvalues 3 and -1
  refuses (w, mu, (double[]){ 1, 0, 0, -1e-20, 2, 1, 1, 2 }, GSL_EDOM); // diagonal: exact
  refuses (w, mu, (double[]){ 1, 0, 0, 1, 1, 1, 1, 1 }, GSL_SUCCESS);   // singular
}

Test (mixture, refuses_shapes_that_do_not_fit)
{
  gsl_vector *two = vector_all (2, 0), *three = vector_all (3, 0);
  gsl_matrix *means = matrix_all (2, 2, 0), *four = matrix_all (4, 2, 0), *three_rows = matrix_all (3, 2, 0),
             *wide = matrix_all (4, 3, 0), *empty = matrix_all (0, 2, 0);
  gsl_vector_set_all (two, 1);
  gsl_vector_set_all (three, 1);
  cr_assert_null (sb_target_mixture_alloc (three, means, four));
  cr_assert_null (sb_target_mixture_alloc (two, means, three_rows));
  cr_assert_null (sb_target_mixture_alloc (two, means, wide));
  cr_assert_null (sb_target_mixture_alloc (two, empty, empty));
  cr_assert_null (sb_target_gaussian_alloc (three, means));
  scoped (sb_target_mixture_alloc (NULL, means, four));
}
