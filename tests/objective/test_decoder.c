// # What must be true of the discrete decoder

#include "objective/decoder.h"
#include "chain.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sf_erf.h>
#include <math.h>

SUITE (decoder);

static const sb_decoder BYTES = { 256, -1, 1 };

static double
log_mass (sb_decoder decoder, double x, double mean, double variance, double *slope)
{
  gsl_vector *log_p = vector (1);
  gsl_matrix *g = matrix (1, 1);
  ok (sb_decoder_log_mass (&decoder, matrix_of (1, 1, x), matrix_of (1, 1, mean), vector_of (variance), log_p,
                           slope ? g : NULL));
  if (slope)
    *slope = gsl_matrix_get (g, 0, 0);
  return gsl_vector_get (log_p, 0);
}

// ## The masses add up
//
// Over the 256 levels, for a narrow decoder, one whose mean is out of range, and a wide one; and with levels from 0 to
// 1. [dsm2ddpm.txt-VLB-L0]

static double
total (sb_decoder decoder, double mean, double variance)
{
  double sum = 0, width = (decoder.high - decoder.low) / (double)(decoder.levels - 1);
  for (size_t k = 0; k < decoder.levels; k++)
    sum += exp (log_mass (decoder, decoder.low + (double)k * width, mean, variance, NULL));
  return sum;
}

Test (decoder, levels_have_all_of_the_mass)
{
  cr_assert_float_eq (total (BYTES, 0.3, 1e-4), 1, 1e-12);
  cr_assert_float_eq (total (BYTES, -1.2, 1e-2), 1, 1e-12);
  cr_assert_float_eq (total (BYTES, 0.999, 0.5), 1, 1e-12);
  cr_assert_float_eq (total ((sb_decoder){ 256, 0, 1 }, 0.3, 1e-4), 1, 1e-12);
  cr_assert_float_eq (total ((sb_decoder){ 2, 0, 1 }, 0.3, 1e-1), 1, 1e-12);
}

// A level's mass, where doubles can still see it, is a difference of distribution functions; the first has everything
// below, the last everything above. [dsm2ddpm.txt-VLB-L0]

static double
mass_residual (const double *v, void *context)
{
  (void)context;
  double x = -1 + 2 * v[0] / 255, sd = sqrt (v[2]), half = 1 / 255.;
  double a = v[0] == 0 ? 0 : gsl_cdf_gaussian_P (x - half - v[1], sd);
  double truth = v[0] == 255 ? gsl_cdf_gaussian_Q (x - half - v[1], sd) : gsl_cdf_gaussian_P (x + half - v[1], sd) - a;
  return fabs (exp (log_mass (BYTES, x, v[1], v[2], NULL)) - truth);
}

Test (decoder, mass_is_a_difference_of_distribution_functions)
{
  const property_parameter cases[] = { { "level", PROPERTY_INTEGER, 0, 255, 128 },
                                       { "mean", PROPERTY_UNIFORM, -1.2, 1.2, 0 },
                                       { "variance", PROPERTY_LOG, 1e-5, 10, 1 } };
  property_check ("a level's mass", 3, 400, 3, cases, mass_residual, NULL, 1e-14);
  for (double mean = -1.1; mean < 1.2; mean += 0.2)
    {
      double first[] = { 0, mean, 0.3 }, last[] = { 255, mean, 0.3 };
      cr_assert_lt (mass_residual (first, NULL), 1e-14);
      cr_assert_lt (mass_residual (last, NULL), 1e-14);
    }
}

// ## A wide decoder is a density
//
// Where $\sigma^2 \gg (2/255)^2$, the log mass is the log density plus $\ln\frac{2}{255}$, to a 24th of
// $(2/255\sigma)^2$. And with no levels it is the density. [dsm2ddpm.txt-VLB-L0]

Test (decoder, wide_one_tends_to_the_density)
{
  for (size_t k = 1; k < 255; k += 23)
    {
      double x = -1 + 2. * (double)k / 255, density = log (gsl_ran_gaussian_pdf (x - 0.2, sqrt (0.5)));
      cr_assert_float_eq (log_mass (BYTES, x, 0.2, 0.5, NULL), density + log (2. / 255), 1e-3);
      cr_assert_float_eq (log_mass (BYTES, x, 0.2, 0.5, NULL), density + log (2. / 255), 2e-5);
      cr_assert_float_eq (log_mass ((sb_decoder){ 0 }, x, 0.2, 0.5, NULL), density, 1e-14);
    }
}

// ## Far out
//
// The numbers stay finite where doubles cannot tell the distribution functions apart. At 20 standard deviations, by
// $\log\int_a^b\varphi = -\frac{a^2}{2} + \log\int_0^{b-a}e^{-au-u^2/2}du - \frac12\log 2\pi$ and quadrature; on the
// other side of the mean the same; and at $10^4$ standard deviations, where it is $\log\varphi(a) - \log a$ to
// $10^{-8}$. [dsm2ddpm.txt-VLB-L0]

static double
integrand (double u, void *a)
{
  return exp (-*(const double *)a * u - 0.5 * u * u);
}

static double
by_quadrature (double a, double b)
{
  double h = (b - a) / 4000, sum = chain_integral (integrand, &a, 0, b - a) - h * (1 + integrand (b - a, &a)) / 2;
  sum += h * h / 12 * (b * integrand (b - a, &a) - a); // the ends of the trapezoidal rule
  return -0.5 * a * a + log (sum) - 0.5 * log (2 * M_PI);
}

Test (decoder, tails_do_not_cancel)
{
  const double from[] = { 0.3, 3, 9, 20, 36 }, width[] = { 1e-2, 0.1, 1 };
  for (int i = 0; i < 5; i++)
    for (int k = 0; k < 3; k++)
      {
        double a = from[i], b = a + width[k], truth = by_quadrature (a, b);
        cr_assert_float_eq (sb_decoder_log_interval (a, b), truth, 1e-9 * (1 + fabs (truth)),
                            "[%g, %g]: %.12g, not %.12g", a, b, sb_decoder_log_interval (a, b), truth);
        cr_assert_eq (sb_decoder_log_interval (-b, -a), sb_decoder_log_interval (a, b));
      }
  double far = sb_decoder_log_interval (1e4, 1e4 + 1);
  cr_assert_float_eq (far / (-0.5e8 - log (1e4) - 0.5 * log (2 * M_PI)), 1, 1e-15);
  cr_assert (gsl_finite (log_mass (BYTES, 1, -1, 1e-4, NULL)), "200 standard deviations");
  cr_assert_float_eq (log_mass (BYTES, -1, 0.7, 1e-4, NULL),
                      gsl_sf_log_erfc (1.7 * 100 / M_SQRT2 - 100. / 255 / M_SQRT2) - M_LN2, 1e-9);
}

// Across 0: a sliver of width $10^{-12}$ has its density's mass to all digits, and an interval that has nearly
// everything misses what its two tails have.

Test (decoder, intervals_across_the_mean)
{
  cr_assert_float_eq (sb_decoder_log_interval (-0.5e-12, 0.5e-12), log (1e-12) - 0.5 * log (2 * M_PI), 1e-12);
  cr_assert_float_eq (sb_decoder_log_interval (-10, 9) / -(gsl_cdf_ugaussian_Q (9) + gsl_cdf_ugaussian_Q (10)), 1,
                      1e-12);
  cr_assert_float_eq (sb_decoder_log_interval (-1, 2), log (gsl_cdf_ugaussian_P (2) - gsl_cdf_ugaussian_P (-1)), 1e-14);
  cr_assert_float_eq (sb_decoder_log_interval (-0.1, 0.2), log (gsl_cdf_ugaussian_P (0.2) - gsl_cdf_ugaussian_P (-0.1)),
                      1e-14);
  cr_assert_float_eq (sb_decoder_log_interval (GSL_NEGINF, 2), log (gsl_cdf_ugaussian_P (2)), 1e-14);
  cr_assert_float_eq (sb_decoder_log_interval (GSL_NEGINF, -30), gsl_sf_log_erfc (30 / M_SQRT2) - M_LN2, 1e-12);
  cr_assert_float_eq (sb_decoder_log_interval (-3, GSL_POSINF), log1p (-gsl_cdf_ugaussian_Q (3)), 1e-14);
  cr_assert_float_eq (sb_decoder_log_interval (0, GSL_POSINF), -M_LN2, 1e-15);
  cr_assert_eq (sb_decoder_log_interval (GSL_NEGINF, GSL_POSINF), 0);
  cr_assert (gsl_isnan (sb_decoder_log_interval (1, 1)));
  cr_assert (gsl_isnan (sb_decoder_log_interval (1, GSL_NAN)));
}

// ## The gradient
//
// Against central differences of the log mass, in the middle, at both ends, far from the mean, and of the density.
// [dsm2ddpm.txt-VLB-L0]

static double
slope_residual (const double *v, void *context)
{
  const sb_decoder *decoder = context;
  double x = -1 + 2 * v[0] / 255, slope, h = 1e-4 * sqrt (v[2]);
  log_mass (*decoder, x, v[1], v[2], &slope);
  double difference
      = (log_mass (*decoder, x, v[1] + h, v[2], NULL) - log_mass (*decoder, x, v[1] - h, v[2], NULL)) / (2 * h);
  return fabs (slope - difference) / (1 / sqrt (v[2]) + fabs (slope));
}

Test (decoder, gradient_is_the_slope)
{
  const property_parameter cases[] = { { "level", PROPERTY_INTEGER, 0, 255, 128 },
                                       { "mean", PROPERTY_UNIFORM, -1.2, 1.2, 0 },
                                       { "variance", PROPERTY_LOG, 1e-3, 10, 1 } };
  sb_decoder bytes = BYTES, none = { 0 };
  property_check ("the gradient of a mass", 4, 300, 3, cases, slope_residual, &bytes, 1e-6);
  property_check ("the gradient of a density", 5, 100, 3, cases, slope_residual, &none, 1e-6);
  for (int k = 0; k < 256; k += 255)
    {
      double end[] = { k, 0.4, 0.01 };
      cr_assert_lt (slope_residual (end, &bytes), 1e-6);
    }
}

// ## Rows and columns
//
// A row is the sum of its numbers, with its own variance; views with a stride do.

Test (decoder, rows_are_sums)
{
  gsl_matrix *wide = matrix (3, 5), *mean = normals (3, 4, 50), *slope = matrix (3, 4);
  gsl_matrix_view x = gsl_matrix_submatrix (wide, 0, 0, 3, 4);
  gsl_vector *v = vector (3), *log_p = vector (3);
  for (size_t i = 0; i < 3; i++)
    {
      gsl_vector_set (v, i, 0.1 + (double)i);
      for (size_t j = 0; j < 5; j++)
        gsl_matrix_set (wide, i, j, -1 + 2. / 255 * (double)(40 * i + 13 * j));
    }
  ok (sb_decoder_log_mass (&BYTES, &x.matrix, mean, v, log_p, slope));
  for (size_t i = 0; i < 3; i++)
    {
      double sum = 0, g;
      for (size_t j = 0; j < 4; j++)
        {
          sum += log_mass (BYTES, gsl_matrix_get (wide, i, j), gsl_matrix_get (mean, i, j), gsl_vector_get (v, i), &g);
          cr_assert_eq (gsl_matrix_get (slope, i, j), g);
        }
      cr_assert_float_eq (gsl_vector_get (log_p, i), sum, 1e-13);
    }
}

// ## Means far from the data
//
// A thousand standard deviations are far, and all digits are there; where a level's two edges are one double, and where
// squares overflow, nothing is known, and nothing is returned as if it were.

Test (decoder, mean_far_away_is_no_likelihood)
{
  const double far[] = { 1e17, -1e17, 1e160, GSL_POSINF, GSL_NEGINF, GSL_NAN };
  gsl_matrix *x = matrix_all (1, 1, 0), *mean = matrix_all (1, 1, 0);
  gsl_vector *v = vector_all (1, 1e-4), *log_p = vector (1);
  gsl_matrix_set (x, 0, 0, -1 + 2. / 255 * 100);
  for (size_t k = 0; k < sizeof far / sizeof *far; k++)
    {
      gsl_matrix_set (mean, 0, 0, far[k]);
      refused (GSL_EDOM, sb_decoder_log_mass (&BYTES, x, mean, v, log_p, NULL), "mean %g", far[k]);
    }
  // -log Q(a) = a^2/2 + log(a sqrt(2 pi)) + 1/a^2 - ...; of the level's two edges the nearer one counts.
  gsl_matrix_set (mean, 0, 0, 10);
  const double a = (10 - (-1 + 2. / 255 * 100.5)) / 1e-2;
  ok (sb_decoder_log_mass (&BYTES, x, mean, v, log_p, NULL));
  cr_assert_float_eq (gsl_vector_get (log_p, 0), -0.5 * a * a - log (a * sqrt (2 * M_PI)) - 1 / (a * a), 1e-6);
}

// ## What cannot be

Test (decoder, refuses_what_does_not_fit)
{
  gsl_matrix *two = matrix_all (2, 2, 0), *three = matrix_all (3, 2, 0), *wide = matrix_all (2, 3, 0),
             *none = matrix (0, 2);
  gsl_vector *v = vector_all (2, 0.5), *longer = vector_all (3, 0.5), *out = vector (2), *zero = vector_all (2, 0),
             *no_v = vector (0);
  sb_decoder one = { 1, -1, 1 }, reversed = { 256, 1, -1 }, flat = { 256, 1, 1 }, bytes = { 256, 0, 255 },
             density = { 0 };
  ok (sb_decoder_log_mass (&bytes, two, two, v, out, NULL));
  refused (GSL_EBADLEN, sb_decoder_log_mass (&bytes, two, three, v, out, NULL));
  refused (GSL_EBADLEN, sb_decoder_log_mass (&bytes, two, wide, v, out, NULL));
  refused (GSL_EBADLEN, sb_decoder_log_mass (&bytes, two, two, longer, out, NULL));
  refused (GSL_EBADLEN, sb_decoder_log_mass (&bytes, two, two, v, longer, NULL));
  refused (GSL_EBADLEN, sb_decoder_log_mass (&bytes, two, two, v, out, three));
  refused (GSL_EBADLEN, sb_decoder_log_mass (&bytes, two, two, v, out, wide));
  refused (GSL_EINVAL, sb_decoder_log_mass (&one, two, two, v, out, NULL));
  refused (GSL_EINVAL, sb_decoder_log_mass (&reversed, two, two, v, out, NULL));
  refused (GSL_EINVAL, sb_decoder_log_mass (&flat, two, two, v, out, NULL));
  refused (GSL_EDOM, sb_decoder_log_mass (&bytes, two, two, zero, out, NULL), "beta-tilde_1");
  refused (GSL_EDOM, sb_decoder_log_mass (&density, two, two, zero, out, NULL));
  ok (sb_decoder_log_mass (&bytes, none, none, no_v, no_v, NULL));
  double between[] = { 0.5, -1, 256, GSL_NAN };
  for (int k = 0; k < 4; k++)
    {
      gsl_matrix_set (two, 1, 1, between[k]);
      refused (GSL_EDOM, sb_decoder_log_mass (&bytes, two, two, v, out, NULL), "%g is no byte", between[k]);
    }
  gsl_matrix_set (two, 1, 1, (float)254.9999f);
  ok (sb_decoder_log_mass (&bytes, two, two, v, out, NULL));
}
