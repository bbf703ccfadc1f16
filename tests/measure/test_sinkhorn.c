// # What must be true of transport costs

#include "measure/sinkhorn.h"
#include "measure/twosample.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (sinkhorn);

static const sb_sinkhorn in_logs = { .regularisation = 1, .log_domain = true, .residual = 1e-12, .iterations = 100000 },
                         by_products = { .regularisation = 1, .residual = 1e-12, .iterations = 100000 };

static sb_sinkhorn
with (sb_sinkhorn how, double regularisation)
{
  how.regularisation = regularisation;
  return how;
}

// ## The least cost
//
// By all assignments of up to seven points. The regularised cost comes down to it as the regularisation does.
// [soft.txt-w2gauss]

static double
beside_assignment (const double *v, void *context)
{
  (void)context;
  const size_t n = (size_t)v[0], d = (size_t)v[1];
  gsl_matrix *x = normals (n, d, (uint64_t)v[2]), *y = normals (n, d, (uint64_t)v[2] + 1);
  double mean, least = least_assignment (x, y);
  sb_transport found;
  ok (sb_mean_squared_distance (x, y, &mean));
  sb_sinkhorn how = with (in_logs, 1e-3 * mean);
  how.residual = 1e-9, how.iterations = 100000;
  if (sb_sinkhorn_points (&how, x, NULL, y, NULL, &found))
    return NAN;
  return found.residual < 1e-9 ? fabs (found.transport - least) / (least + 1e-3 * mean) : NAN;
}

Test (sinkhorn, comes_down_to_the_best_assignment)
{
  const property_parameter parameters[] = { { "n", PROPERTY_INTEGER, 1, 7, 1 },
                                            { "d", PROPERTY_INTEGER, 1, 4, 1 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };
  property_check ("transport beside the best assignment", 1, 60, 3, parameters, beside_assignment, NULL, 1e-2);
}

// On a line sorting finds it, whatever the order in which the points are given. [soft.txt-w2gauss]

Test (sinkhorn, sorting_is_the_best_assignment)
{
  for (uint64_t seed = 1; seed < 50; seed++)
    {
      gsl_matrix *x = normals (6, 1, seed), *y = normals (6, 1, seed + 100);
      gsl_vector_const_view u = gsl_matrix_const_column (x, 0), v = gsl_matrix_const_column (y, 0);
      double W_2;
      ok (sb_wasserstein_2 (&u.vector, &v.vector, &W_2));
      cr_assert_float_eq (W_2 * W_2, least_assignment (x, y), 1e-13);
    }
}

// ## Two points
//
// Let it cost $c$ to go to the other point. By symmetry a share $p$ stays and $1 - p$ goes; the minimum of $(1 - p)c +
// \epsilon(p\ln 2p + (1 - p)\ln 2(1 - p))$ is at $1 - p = 1/(1 + e^{c/\epsilon})$.

Test (sinkhorn, of_two_points_in_closed_form)
{
  const double c = 1.3, epsilon[] = { 0.2, 1, 7 };
  const sb_sinkhorn both[] = { in_logs, by_products };
  const gsl_matrix *cost = matrix_of (2, 2, 0, c, c, 0);
  for (size_t k = 0; k < 6; k++)
    {
      sb_transport found;
      const sb_sinkhorn how = with (both[k % 2], epsilon[k / 2]);
      ok (sb_sinkhorn_cost (&how, cost, NULL, NULL, &found));
      cr_assert_float_eq (found.transport, c / (1 + exp (c / how.regularisation)), 1e-12);
      cr_assert_float_eq (found.entropic, how.regularisation * log (2 / (1 + exp (-c / how.regularisation))), 1e-12);
    }
}

// To a single point all goes, whatever the regularisation.

Test (sinkhorn, to_a_single_point)
{
  const gsl_matrix *cost = matrix_of (3, 1, 5, 1, 2);
  const gsl_vector *a = vector_of (2, 4, 2);
  sb_transport found;
  ok (sb_sinkhorn_cost (&by_products, cost, a, NULL, &found));
  cr_assert_float_eq (found.transport, 2.25, 1e-13);
  cr_assert_float_eq (found.entropic, 2.25, 1e-13);
}

// ## Both ways of computing, and weights
//
// They are one iteration; and a point of twice the weight is a point that is there twice.

Test (sinkhorn, in_logs_as_by_products)
{
  gsl_matrix *x = normals (150, 3, 1), *y = normals (90, 3, 2), *twice = matrix (151, 3);
  gsl_matrix_view rest = gsl_matrix_submatrix (twice, 1, 0, 150, 3), first = gsl_matrix_submatrix (twice, 0, 0, 1, 3),
                  again = gsl_matrix_submatrix (x, 0, 0, 1, 3);
  gsl_matrix_memcpy (&rest.matrix, x);
  gsl_matrix_memcpy (&first.matrix, &again.matrix);
  gsl_vector *a = vector_all (150, 1);
  gsl_vector_set (a, 0, 2);
  sb_transport one, other, same;
  ok (sb_sinkhorn_points (&in_logs, x, a, y, NULL, &one));
  ok (sb_sinkhorn_points (&by_products, x, a, y, NULL, &other));
  ok (sb_sinkhorn_points (&by_products, twice, NULL, y, NULL, &same));
  cr_assert_float_eq (one.transport, other.transport, 1e-11);
  cr_assert_float_eq (one.entropic, other.entropic, 1e-11);
  cr_assert_float_eq (same.transport, other.transport, 1e-11);
  cr_assert_float_eq (same.entropic, other.entropic, 1e-11);
  cr_assert_lt (one.residual, 1e-12);
}

// The minimum is one: it is at most what any other plan gives, such as each point's weight to all, and its derivative
// by the regularisation is the divergence $\sum P\ln(P/ab)$ of the plan itself.

Test (sinkhorn, derivative_by_the_regularisation)
{
  gsl_matrix *x = normals (20, 2, 3), *y = normals (30, 2, 4);
  sb_transport at[3];
  const double h = 1e-4;
  double mean;
  for (int k = -1; k <= 1; k++)
    {
      const sb_sinkhorn how = with (in_logs, 1 + k * h);
      ok (sb_sinkhorn_points (&how, x, NULL, y, NULL, &at[k + 1]));
    }
  ok (sb_mean_squared_distance (x, y, &mean));
  cr_assert_lt (at[1].entropic, mean);
  cr_assert_float_eq ((at[2].entropic - at[0].entropic) / (2 * h), at[1].entropic - at[1].transport, 1e-7);
}

// ## Large and small regularisation
//
// Where it is large the plan is $ab^T$, and of the debiased costs the squared distance of the means is left. Where it
// is small they are $W_2^2$, on a line known by sorting.

Test (sinkhorn, between_the_limits)
{
  gsl_matrix *x = normals (40, 1, 5), *y = normals (40, 1, 6);
  gsl_matrix_scale (y, 2);
  gsl_vector_const_view u = gsl_matrix_const_column (x, 0), v = gsl_matrix_const_column (y, 0);
  double W_2, mean = 0;
  sb_transport found;
  for (size_t i = 0; i < 40; i++)
    mean += (gsl_matrix_get (x, i, 0) - gsl_matrix_get (y, i, 0)) / 40;
  ok (sb_wasserstein_2 (&u.vector, &v.vector, &W_2));

  sb_sinkhorn how = with (in_logs, 1e5);
  ok (sb_sinkhorn_divergence (&how, x, NULL, y, NULL, &found));
  cr_assert_float_eq (found.transport, mean * mean, 1e-3);
  cr_assert_float_eq (found.entropic, mean * mean, 1e-3);

  how.regularisation = 0.01, how.residual = 1e-6;
  ok (sb_sinkhorn_divergence (&how, x, NULL, y, NULL, &found));
  cr_assert_float_eq (found.transport / (W_2 * W_2), 1, 0.01, "%g, %g", found.transport, W_2 * W_2);
  cr_assert_float_eq (found.entropic / (W_2 * W_2), 1, 0.01, "%g, %g", found.entropic, W_2 * W_2);
}

// ## Equal sets
//
// The regularised cost between a set and itself is not zero; the debiased ones are, to the last bit. They are
// symmetric, and with the entropy never negative. [soft.txt-w2gauss]

Test (sinkhorn, debiased)
{
  gsl_matrix *x = normals (25, 2, 7), *y = normals (30, 2, 8);
  sb_transport biased, same, there, back;
  const sb_sinkhorn both[] = { with (in_logs, 0.5), with (by_products, 0.5) };
  for (size_t k = 0; k < 2; k++)
    {
      ok (sb_sinkhorn_points (&both[k], x, NULL, x, NULL, &biased));
      ok (sb_sinkhorn_divergence (&both[k], x, NULL, copy_of (x), NULL, &same));
      ok (sb_sinkhorn_divergence (&both[k], x, NULL, y, NULL, &there));
      ok (sb_sinkhorn_divergence (&both[k], y, NULL, x, NULL, &back));
      cr_assert_gt (biased.transport, 0.1);
      cr_assert_eq (same.transport, 0);
      cr_assert_eq (same.entropic, 0);
      cr_assert_gt (there.entropic, 0);
      cr_assert_float_eq (there.entropic, back.entropic, 1e-10);
      cr_assert_float_eq (there.transport, back.transport, 1e-10);
    }
}

static double
below_zero (const double *v, void *context)
{
  (void)context;
  gsl_matrix *x = normals ((size_t)v[0], 2, (uint64_t)v[3]), *y = normals ((size_t)v[1], 2, (uint64_t)v[3] + 1);
  sb_sinkhorn how = with (in_logs, v[2]);
  how.residual = 1e-10;
  sb_transport found;
  return sb_sinkhorn_divergence (&how, x, NULL, y, NULL, &found) ? NAN : -found.entropic;
}

Test (sinkhorn, debiased_is_positive)
{
  const property_parameter parameters[] = { { "n", PROPERTY_INTEGER, 1, 20, 1 },
                                            { "m", PROPERTY_INTEGER, 1, 20, 1 },
                                            { "regularisation", PROPERTY_LOG, 0.1, 100, 1 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };
  property_check ("the debiased cost below zero", 2, 50, 4, parameters, below_zero, NULL, 0);
}

// What some libraries call the regularised cost has the entropy of $P$ itself, $\epsilon\sum P\ln P$, in place of that
// beside $ab^T$: less by $\epsilon\ln nm$, and negative where $\epsilon$ is large. This one is not.

Test (sinkhorn, entropy_beside_all_to_all)
{
  gsl_matrix *x = normals (25, 2, 7), *y = normals (30, 2, 8);
  const sb_sinkhorn how = with (in_logs, 2);
  sb_transport found;
  ok (sb_sinkhorn_points (&how, x, NULL, y, NULL, &found));
  cr_assert (found.entropic > found.transport && found.entropic - 2 * log (25 * 30) < 0);
}

// ## No number where there is none
//
// $e^{-800}$ is 0 in doubles: products divide by it, sums of logarithms do not.

Test (sinkhorn, small_regularisation_needs_logarithms)
{
  const gsl_matrix *x = matrix_of (3, 1, 0, 1, 2), *y = matrix_of (3, 1, 10, 11, 12);
  sb_transport found;
  sb_sinkhorn products = with (by_products, 0.1), logs = with (in_logs, 0.1);
  logs.residual = 1e-6;
  refused (GSL_EUNDRFLW, sb_sinkhorn_points (&products, x, NULL, y, NULL, &found));
  cr_assert (gsl_isnan (found.transport) && gsl_isnan (found.entropic));
  ok (sb_sinkhorn_points (&logs, x, NULL, y, NULL, &found));
  cr_assert_float_eq (found.transport, 100, 1e-2);
}

// Negative costs are costs too: of products $e^{800}$ is no double, and logarithms know that adding to all costs adds
// to the least.

Test (sinkhorn, large_negative_costs_need_logarithms)
{
  const gsl_matrix *cost = matrix_of (2, 2, -800, -799, -799, -800), *shifted = matrix_of (2, 2, 0, 1, 1, 0);
  sb_transport found, of_shifted;
  refused (GSL_EUNDRFLW, sb_sinkhorn_cost (&by_products, cost, NULL, NULL, &found));
  ok (sb_sinkhorn_cost (&in_logs, cost, NULL, NULL, &found));
  ok (sb_sinkhorn_cost (&in_logs, shifted, NULL, NULL, &of_shifted));
  cr_assert_float_eq (found.transport, of_shifted.transport - 800, 1e-9);
  cr_assert_float_eq (found.entropic, of_shifted.entropic - 800, 1e-9);
}

// Weights of any size: only their ratios count, also where their sum is no double, or so small that its inverse is
// none.

Test (sinkhorn, weights_of_any_size)
{
  const gsl_matrix *cost = matrix_of (2, 3, 0, 1, 4, 1, 0, 1);
  const double unit[] = { 1e307, 1e-320 };
  for (size_t k = 0; k < 2; k++)
    {
      const double u = unit[k];
      sb_transport usual, found;
      ok (sb_sinkhorn_cost (&in_logs, cost, vector_of (8, 16), vector_of (8, 16, 16), &usual));
      ok (sb_sinkhorn_cost (&in_logs, cost, vector_of (8 * u, 16 * u), vector_of (8 * u, 16 * u, 16 * u), &found));
      cr_assert_float_eq (found.transport, usual.transport, 1e-3, "%g", u);
      cr_assert_float_eq (found.entropic, usual.entropic, 1e-3, "%g", u);
    }
}

Test (sinkhorn, not_converged)
{
  gsl_matrix *x = normals (25, 2, 9), *y = normals (30, 2, 10);
  sb_transport found;
  sb_sinkhorn how = with (in_logs, 0.1);
  how.iterations = 3;
  refused (GSL_EMAXITER, sb_sinkhorn_points (&how, x, NULL, y, NULL, &found));
  cr_assert (gsl_isnan (found.transport) && gsl_isnan (found.entropic));
  cr_assert (found.residual > 1e-6 && found.iterations == 3);
  refused (GSL_EMAXITER, sb_sinkhorn_divergence (&how, x, NULL, y, NULL, &found));
  cr_assert (gsl_isnan (found.transport) && gsl_isnan (found.entropic));
}

Test (sinkhorn, bad_input_is_refused)
{
  gsl_matrix *cost = matrix_all (2, 3, 1), *bad = matrix_all (2, 3, NAN), *none = matrix (0, 3);
  const gsl_vector *three = vector_all (3, 1), *zero = vector_of (0, 1), *negative = vector_of (1, -1);
  sb_transport found;
  refused (GSL_EBADLEN, sb_sinkhorn_cost (&in_logs, none, NULL, NULL, &found));
  refused (GSL_EBADLEN, sb_sinkhorn_cost (&in_logs, matrix (2, 0), NULL, NULL, &found));
  refused (GSL_EBADLEN, sb_sinkhorn_points (&in_logs, matrix (0, 2), NULL, matrix (2, 2), NULL, &found));
  refused (GSL_EBADLEN, sb_sinkhorn_points (&in_logs, matrix (2, 2), NULL, matrix (0, 2), NULL, &found));
  refused (GSL_EBADLEN, sb_sinkhorn_cost (&in_logs, cost, three, NULL, &found));
  refused (GSL_EBADLEN, sb_sinkhorn_cost (&in_logs, cost, NULL, zero, &found));
  refused (GSL_EBADLEN, sb_sinkhorn_points (&in_logs, cost, NULL, matrix_all (2, 2, 1), NULL, &found));
  refused (GSL_EBADLEN, sb_sinkhorn_divergence (&in_logs, cost, NULL, matrix_all (2, 2, 1), NULL, &found));
  refused (GSL_EDOM, sb_sinkhorn_cost (&in_logs, bad, NULL, NULL, &found));
  refused (GSL_EDOM, sb_sinkhorn_cost (&in_logs, cost, zero, NULL, &found));
  refused (GSL_EDOM, sb_sinkhorn_cost (&in_logs, cost, negative, NULL, &found));
  refused (GSL_EDOM, sb_sinkhorn_cost (&in_logs, cost, NULL, vector_of (1, GSL_POSINF, 1), &found));
  const gsl_matrix endless = { (size_t)1 << 40, 1, 1, NULL, NULL, 0 }; // refused before it is looked at
  refused (GSL_ENOMEM, sb_sinkhorn_points (&in_logs, &endless, NULL, &endless, NULL, &found));
  double mean = 17;
  refused (GSL_EOVRFLW, sb_mean_squared_distance (matrix_all (1, 5, 0), matrix_all (1, 5, 6.7e153), &mean));
  cr_assert_eq (mean, 17);
  const double wrong[] = { 0, -1, NAN, INFINITY, 1e-320 };
  for (size_t k = 0; k < 5; k++)
    {
      sb_sinkhorn how = with (in_logs, wrong[k]);
      refused (GSL_EDOM, sb_sinkhorn_cost (&how, cost, NULL, NULL, &found), "%g", wrong[k]);
      how = in_logs, how.residual = wrong[k];
      if (k < 3)
        refused (GSL_EDOM, sb_sinkhorn_cost (&how, cost, NULL, NULL, &found), "%g", wrong[k]);
    }
}
