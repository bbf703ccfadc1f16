// # The divergence of two Gaussians

#include "target/gaussian_kl.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (gaussian_kl);

static double
kl_of (const gsl_vector *m, const gsl_matrix *P, const gsl_vector *n, const gsl_matrix *Q)
{
  double kl;
  ok (sb_gaussian_kl (m, P, n, Q, &kl));
  return kl;
}

// On a line, $\frac12[p/q - 1 - \ln(p/q) + (m - n)^2/q]$; of independent coordinates the sum.

Test (gaussian_kl, is_the_closed_form)
{
  const double p[] = { .5, 3, 1 }, q[] = { 2, 1, .7 }, m[] = { 1, 0, -2 }, n[] = { 0, .5, -2 };
  gsl_matrix *P = matrix_all (3, 3, 0), *Q = matrix_all (3, 3, 0);
  double sum = 0;
  for (size_t k = 0; k < 3; k++)
    {
      gsl_matrix_set (P, k, k, p[k]);
      gsl_matrix_set (Q, k, k, q[k]);
      sum += (p[k] / q[k] - 1 - log (p[k] / q[k]) + gsl_pow_2 (m[k] - n[k]) / q[k]) / 2;
    }
  cr_assert_float_eq (kl_of (vector_of (1, 0, -2), P, vector_of (0, .5, -2), Q), sum, 1e-14);
}

// A linear map of both changes nothing.

Test (gaussian_kl, does_not_depend_on_coordinates)
{
  const gsl_matrix *P = matrix_of (2, 2, 2, .5, .5, 1), *Q = matrix_of (2, 2, 1, -.3, -.3, 1.5);
  // M = [[1, 2], [0, 3]]: M P M^T, M Q M^T, M m.
  const gsl_matrix *MP = matrix_of (2, 2, 8, 7.5, 7.5, 9), *MQ = matrix_of (2, 2, 5.8, 8.1, 8.1, 13.5);
  cr_assert_float_eq (kl_of (vector_of (1, -1), P, NULL, Q), kl_of (vector_of (-1, -3), MP, NULL, MQ), 1e-13);
}

// Near each other it keeps its digits, on either side of where the series takes over from the logarithm: the sum of
// $\frac12d\,(-1)^k\epsilon^k/k$ from $k = 2$ on for $P = (1 + \epsilon)Q$.

Test (gaussian_kl, keeps_its_digits)
{
  const double epsilon[] = { 1e-2, 1e-3, 1.1e-4, 9e-5, 1e-5, 1e-6, 1e-7, 1e-8 };
  gsl_matrix *Q = matrix_of (2, 2, 2, .5, .5, 1);
  for (size_t i = 0; i < 8; i++)
    {
      gsl_matrix *P = copy_of (Q);
      double series = 0;
      gsl_matrix_scale (P, 1 + epsilon[i]);
      for (int k = 12; k >= 2; k--)
        series += (k % 2 ? -1. : 1.) * gsl_pow_int (epsilon[i], k) / k;
      // P itself is rounded, by 1e-16 in epsilon.
      cr_assert_float_eq (kl_of (NULL, P, NULL, Q) / series, 1, 1e-10 + 1e-15 / epsilon[i], "%g", epsilon[i]);
    }
  cr_assert_eq (kl_of (NULL, Q, NULL, Q), 0);
}

// What stands above the diagonal is not looked at.

Test (gaussian_kl, takes_lower_triangles)
{
  const gsl_matrix *P = matrix_of (2, 2, 2, .5, .5, 1), *Q = matrix_of (2, 2, 1, -.3, -.3, 1.5),
                   *P_low = matrix_of (2, 2, 2, 7, .5, 1), *Q_low = matrix_of (2, 2, 1, 9, -.3, 1.5);
  cr_assert_eq (kl_of (NULL, P_low, NULL, Q_low), kl_of (NULL, P, NULL, Q));
}

Test (gaussian_kl, refuses_what_is_no_covariance)
{
  double kl;
  const gsl_matrix *good = matrix_of (2, 2, 1, 0, 0, 1), *bad = matrix_of (2, 2, 1, 2, 2, 1),
                   *wide = matrix_all (3, 3, 1);
  refused (GSL_EDOM, sb_gaussian_kl (NULL, good, NULL, bad, &kl));
  refused (GSL_EDOM, sb_gaussian_kl (NULL, bad, NULL, good, &kl));
  refused (GSL_EDOM, sb_gaussian_kl (NULL, matrix_of (2, 2, 1, 0, 0, 0), NULL, good, &kl)); // flat
  refused (GSL_EBADLEN, sb_gaussian_kl (NULL, good, NULL, wide, &kl));
  refused (GSL_EBADLEN, sb_gaussian_kl (vector_all (3, 0), good, NULL, good, &kl));
  refused (GSL_EBADLEN, sb_gaussian_kl (NULL, good, vector_all (3, 0), good, &kl));
  refused (GSL_EBADLEN, sb_gaussian_kl (NULL, matrix (0, 0), NULL, matrix (0, 0), &kl));
  refused (GSL_EBADLEN, sb_gaussian_kl (NULL, matrix_all (2, 3, 1), NULL, good, &kl));
  refused (GSL_EBADLEN, sb_gaussian_kl (NULL, good, NULL, matrix_all (2, 3, 1), &kl));
}
