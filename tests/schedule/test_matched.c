// # What must be true of levels that match a noise

#include "field.h"
#include "schedule/matched.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (matched);

// ## How far a corruption takes the data
//
// For Gaussian data the left numerator is $\operatorname{tr}((I-C)\Gamma(I-C)^T) + |(I-C)m|^2 + d\sigma^2$: 100,000
// draws of $x_t$ agree within 5 standard errors, and so do the rows $\sqrt d\,r_k$ of a root $R^TR = \Gamma$ to
// rounding, where they and the mean stand for the data. [soft.eq55]

static int
matrix_at (const void *params, int rate, double level, gsl_matrix *A)
{
  (void)params, (void)rate;
  const double entries[] = { 1 - .6 * level, .3 * level * level, -.2 * level, 1 - .9 * level };
  memcpy (A->data, entries, sizeof entries);
  return GSL_SUCCESS;
}

Test (matched, displacement_of_gaussian_data)
{
  const double level = .8, sigma = .4, c[] = { 1 - .48, .192, -.16, 1 - .72 };
  const gsl_matrix *root = matrix_of (2, 2, 1.1, .4, 0, .7);
  const double m[] = { .5, -1 };
  const sb_operator *C = scoped (sb_operator_family_alloc (2, matrix_at, 0, NULL, NULL));
  double truth = 2 * sigma * sigma, of_roots, of_mean;
  for (size_t i = 0; i < 2; i++)
    {
      const double row[] = { (i == 0) - c[2 * i], (i == 1) - c[2 * i + 1] };
      truth += gsl_pow_2 (row[0] * m[0] + row[1] * m[1]);
      for (size_t k = 0; k < 2; k++)
        truth += gsl_pow_2 (row[0] * gsl_matrix_get (root, k, 0) + row[1] * gsl_matrix_get (root, k, 1));
    }

  ok (sb_mean_displacement (C, level, root, &of_roots));
  ok (sb_mean_displacement (C, level, matrix_of (1, 2, .5, -1), &of_mean));
  cr_assert_float_eq (2 * of_roots + of_mean + 2 * sigma * sigma, truth, 1e-14);

  enum
  {
    n = 100000
  };
  gsl_matrix *x = matrix (n, 2), *z = normals (n, 2, 1), *eta = normals (n, 2, 2), *x_t = matrix (n, 2);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, z, root, 0, x);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < 2; k++)
      *gsl_matrix_ptr (x, i, k) += m[k];
  ok (sb_operator_apply (C, CblasNoTrans, vector_all (n, level), x, x_t));
  double sum = 0, squares = 0;
  for (size_t i = 0; i < n; i++)
    {
      double u = 0;
      for (size_t k = 0; k < 2; k++)
        u += gsl_pow_2 (gsl_matrix_get (x, i, k) - gsl_matrix_get (x_t, i, k) - sigma * gsl_matrix_get (eta, i, k));
      sum += u / n, squares += u * u / n;
    }
  cr_assert_float_eq (sum, truth, 5 * sqrt ((squares - sum * sum) / n));
}

// ## The level
//
// FIELD(1), blur up to 23, noise from .01 to .1 in the first fifth of the time, against VE's from .01 to 90.

static double
sigma (double t)
{
  return t < .2 ? .01 * pow (10, t / .2) : .1;
}

static double
share_of (field *f, double blur, double t)
{
  return (field_displacement (blur, f) + gsl_pow_2 (sigma (t))) / (field_displacement (23, f) + .01);
}

static double
level_at (field *f, double t)
{
  const sb_matched of = { { field_displacement, f }, .01, 23, 1 };
  double level;
  ok (sb_matched_level (&of, sigma (t), .1, pow (9000, 2 * (t - 1)), &level));
  return level;
}

// Wherever there is a solution both sides agree, and the blur never falls. [soft.eq55]

Test (matched, both_sides_agree)
{
  field f = field_of (1);
  double before = 0;
  for (double t = .05; t < 1.001; t += .005)
    {
      const double level = level_at (&f, t);
      cr_assert_geq (level, before, "%g", t);
      if (level > .01)
        cr_assert_float_eq (share_of (&f, level, t), pow (9000, 2 * (t - 1)), 1e-8);
      before = level;
    }
  cr_assert_float_eq (level_at (&f, .9), .28, .005);
  cr_assert_float_eq (level_at (&f, .95), 1.17, .005);
  cr_assert_float_eq (level_at (&f, 1), 23, 1e-9);
}

// As it is printed the equation has no solution before $t = .896$: the noise alone, .1504 of the whole, is more than
// the right side. The level is then the lowest.

Test (matched, erratum_no_solution_at_early_times)
{
  field f = field_of (1);
  const double share = share_of (&f, .01, .5), first = 1 + log (share) / (2 * log (9000));
  cr_assert_float_eq (share, .1504, 5e-5);
  cr_assert_float_eq (first, .896, 5e-4);
  for (double t = .25; t < first; t += .01)
    {
      cr_assert_gt (share_of (&f, .01, t), pow (9000, 2 * (t - 1)));
      cr_assert_eq (level_at (&f, t), .01);
    }
}

// The displacement may be any function that does not fall. Here the level is the root of a quadratic. [soft.eq55]

static double
quadratic (double level, void *params)
{
  (void)params;
  return level + level * level;
}

Test (matched, of_any_displacement)
{
  const double sigma = .2, sigma_1 = .3, share = .5;
  const double wanted = share * (2 + 4 + 3 * sigma_1 * sigma_1) - 3 * sigma * sigma;
  double level;
  ok (sb_matched_level (&(sb_matched){ { quadratic, NULL }, .1, 2, 3 }, sigma, sigma_1, share, &level));
  cr_assert_float_eq (level, (sqrt (1 + 4 * wanted) - 1) / 2, 1e-13);
}

static double
no_number (double level, void *params)
{
  (void)level, (void)params;
  return GSL_NAN;
}

static double
no_number_between (double level, void *params)
{
  (void)params;
  return level == 0 || level == 2 ? level : GSL_NAN;
}

static double
number_where_low (double level, void *params)
{
  const double *most = params;
  return level < *most ? level : GSL_NAN;
}

// Brent's method finds no root where the displacement leaps over the wanted one at 0: the interval never is small
// beside its ends.

static double
leap (double level, void *params)
{
  (void)params;
  return level < 0 ? 0 : 1;
}

Test (matched, a_root_that_is_not_found)
{
  double level, most = 1;
  refused (GSL_EMAXITER, sb_matched_level (&(sb_matched){ { leap, NULL }, -1, 1.5, 1 }, 0, 0, .3, &level));
  refused (GSL_EBADFUNC, sb_matched_level (&(sb_matched){ { number_where_low, &most }, 0, 2, 1 }, 0, 0, .5, &level),
           "at high");
  const sb_matched holed = { { no_number_between, NULL }, 0, 2, 1 };
  refused (GSL_EBADFUNC, sb_matched_level (&holed, 0, 0, .5, &level), "between");
}

Test (matched, bad_input_is_refused)
{
  field f = field_of (1);
  sb_matched of = { { field_displacement, &f }, .01, 23, 1 };
  double level, mean;
  refused (GSL_EDOM, sb_matched_level (&of, -1, .1, .5, &level));
  refused (GSL_EDOM, sb_matched_level (&of, .1, NAN, .5, &level));
  refused (GSL_EDOM, sb_matched_level (&of, .1, .1, -.5, &level));
  refused (GSL_EDOM, sb_matched_level (&of, HUGE_VAL, .1, .5, &level));
  of.high = HUGE_VAL;
  refused (GSL_EDOM, sb_matched_level (&of, .1, .1, .5, &level));
  of.high = .01;
  refused (GSL_EDOM, sb_matched_level (&of, .1, .1, .5, &level));
  of.high = 23, of.displacement.function = no_number;
  refused (GSL_EBADFUNC, sb_matched_level (&of, .1, .1, .5, &level));
  const sb_operator *C = scoped (sb_operator_multiple_alloc (2));
  refused (GSL_EBADLEN, sb_mean_displacement (C, 1, matrix_all (1, 3, 0), &mean));
  refused (GSL_EBADLEN, sb_mean_displacement (C, 1, matrix (0, 2), &mean));
  refused (GSL_EINVAL, sb_mean_displacement (scoped (sb_operator_identity_alloc (2)), 1, matrix_all (1, 2, 0), &mean));
}
