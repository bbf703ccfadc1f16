// # What must be true of point masses

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

TestSuite (points, .init = setup);

// ## To the last digits
//
// Random sets of one to eight points in one to eight dimensions, some of weight zero, some twice the same, some but a
// hair apart, all of them perhaps far from the origin; at any noise from $10^{-5}$ to $10^4$; asked about near a point,
// half way between two, and as far away as $10^6$.

enum
{
  P_K,
  P_D,
  P_SD,
  P_M,
  P_DISTANCE,
  P_BLEND,
  P_SPREAD,
  P_OFFSET,
  P_SEED,
  PARAMETERS
};

static const property_parameter parameters[PARAMETERS]
    = { { "K", PROPERTY_INTEGER, 1, TRUTH_K, 1 },   { "d", PROPERTY_INTEGER, 1, TRUTH_D, 1 },
        { "sd", PROPERTY_LOG, 1e-5, 1e4, 1 },       { "m", PROPERTY_LOG, 1e-3, 1, 1 },
        { "distance", PROPERTY_LOG, 1e-7, 1e6, 1 }, { "blend", PROPERTY_INTEGER, 0, 3, 0 },
        { "spread", PROPERTY_LOG, 1e-6, 1e2, 1 },   { "offset", PROPERTY_LOG, 1e-3, 1e3, 1 },
        { "seed", PROPERTY_INTEGER, 0, 1000000, 0 } };

static truth_law
random_points (gsl_rng *r, const double *v)
{
  truth_law law = { .K = (size_t)v[P_K], .d = (size_t)v[P_D] };
  for (size_t k = 0; k < law.K; k++)
    {
      size_t twin = gsl_rng_uniform_int (r, 10);
      law.w[k] = k > 0 && gsl_rng_uniform_int (r, 6) == 0 ? 0 : gsl_rng_uniform_pos (r);
      for (size_t i = 0; i < law.d; i++)
        law.mu[k][i] = twin < k ? law.mu[twin][i] : v[P_OFFSET] + gsl_ran_gaussian (r, v[P_SPREAD]);
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

// Half way between two points at little noise, the last digit of $\mathbf{x}$ decides which is the more responsible: there,
// a result is as good as it can be when it is exact for an $\mathbf{x}$ that differs in that digit.

static double
residual (const double *v, void *context)
{
  const quantity *what = context;
  gsl_rng *r = property_rng (v[P_SEED]);
  double x[TRUTH_D];
  truth_law law = random_points (r, v);
  random_point (r, &law, v, x);
  sb_target *target = truth_points (&law);
  double error = disagreement (target, &law, *what, v[P_M], v[P_SD], x, 0.1);
  double condition = 1 + 1e-3 * (double)truth_at (&law, v[P_M], v[P_SD], x).condition;
  sb_target_free (target);
  gsl_rng_free (r);
  return error / condition;
}

Test (points, agree_with_long_double)
{
  for (quantity what = 0; what < QUANTITIES; what++)
    {
      char name[100];
      snprintf (name, sizeof name, "%s of point masses", quantity_name[what]);
      property_check (name, 20210213 + what, 4000, PARAMETERS, parameters, residual, &what, 1e-12);
    }
}
