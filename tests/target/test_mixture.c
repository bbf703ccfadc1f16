// # What must be true of Gaussian mixtures

#include "property.h"
#include "target/target.h"
#include "truth.h"

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>

static void
setup (void)
{
  gsl_set_error_handler_off ();
}

TestSuite (mixture, .init = setup);

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

// Where the exponents $\|\mathbf{x} - m\boldsymbol\mu_k\|^2/s_k$ are large, their rounding is an error of the responsibilities;
// where a covariance given in doubles is singular in a direction that no double has, its eigenvalue there is known to
// $\epsilon\lambda_{\max}$ only, beside a variance $\varsigma^2$.

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
  sb_target_free (target);
  gsl_rng_free (r);
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
