// # What must be true of point masses

#include "ask.h"
#include "batch.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "../score/stretch.h"
#include "target/target.h"
#include "truth.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdio.h>

SUITE (points);

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

// Half way between two points at little noise, the last digit of $\mathbf{x}$ decides which is the more responsible:
// there, a result is as good as it can be when it is exact for an $\mathbf{x}$ that differs in that digit. Among the
// results is the denoiser, the mean of the points by their responsibilities. [consistent.eq2]

static double
residual (const double *v, void *context)
{
  const quantity *what = context;
  gsl_rng *r = property_rng (v[P_SEED]);
  double x[TRUTH_D];
  truth_law law = random_points (r, v);
  truth_point (r, &law, v[P_M], v[P_BLEND], v[P_DISTANCE], x);
  sb_target *target = truth_points (&law);
  double error = disagreement (target, &law, *what, v[P_M], v[P_SD], x, 0.1);
  double condition = 1 + 1e-3 * (double)truth_at (&law, v[P_M], v[P_SD], x).condition;
  return error / condition;
}

Test (points, agree_with_long_double)
{
  for (quantity what = 0; what < QUANTITIES; what++)
    {
      char name[100];
      snprintf (name, sizeof name, "%s of point masses", quantity_name[what]);
      property_check (name, 20210213 + what, 1500, PARAMETERS, parameters, residual, &what, 1e-12);
    }
}

// ## Many points
//
// Thousands of points are the mixture with as many covariances of zero, which the page on mixtures computes another
// way. The rows of a batch stand at all noise scales of the VE SDE, from where one point is all that counts to where
// all count alike. The points lie in a narrow cloud, so that many stay in question.

enum
{
  MANY = 3000,
  D = 5,
  ROWS = 150
};

typedef struct
{
  sb_target *points, *mixture;
  sb_process *process;
  gsl_matrix *x, *v;
  gsl_vector *t;
} batch;

static batch
batch_alloc (double variance)
{
  gsl_rng *r = property_rng (21);
  gsl_matrix *mu = matrix (MANY, D), *C = matrix_all (MANY * D, D, 0);
  gsl_vector *w = vector (MANY);
  for (size_t k = 0; k < MANY; k++)
    {
      gsl_vector_set (w, k, k % 5 == 0 ? 0 : gsl_rng_uniform_pos (r));
      for (size_t i = 0; i < D; i++)
        {
          gsl_matrix_set (mu, k, i, 3 + gsl_ran_gaussian (r, 0.5));
          gsl_matrix_set (C, k * D + i, i, variance);
        }
    }
  batch b = { .points = scoped (sb_target_points_alloc (mu, w)),
              .mixture = scoped (sb_target_mixture_alloc (w, mu, C)),
              .process = scoped (sb_ve_alloc (D, 1e-3, 1e3)),
              .x = matrix (ROWS, D),
              .v = normals (ROWS, D, 1),
              .t = vector (ROWS) };
  ok (sb_target_sample (b.points, (sb_stream){ .seed = 2, .purpose = SB_FOR_DATA }, b.x));
  for (size_t i = 0; i < ROWS; i++)
    {
      double t = gsl_rng_uniform_pos (r);
      gsl_vector_set (b.t, i, t);
      for (size_t j = 0; j < D; j++)
        *gsl_matrix_ptr (b.x, i, j) += gsl_ran_gaussian (r, 1e-3 * pow (1e6, t));
    }
  return b;
}

static void
compare_covariance (const batch *b, size_t i, double variance, double bound)
{
  double got[D * D], expected[D * D], trace = 0;
  const double *x = gsl_matrix_const_ptr (b->x, i, 0), t = gsl_vector_get (b->t, i);
  ask_covariance (b->points, b->process, x, t, got);
  ask_covariance (b->mixture, b->process, x, t, expected);
  for (size_t j = 0; j < D; j++)
    trace += expected[j * D + j];
  for (size_t j = 0; j < D * D; j++)
    cr_assert_float_eq (got[j], expected[j], bound * (1e-10 + trace) + 2 * variance, "covariance at t = %g: %g and %g",
                        t, got[j], expected[j]);
}

static void
check_against_mixture (double variance, double bound)
{
  batch b = batch_alloc (variance);
  const answers found = ask_batch (b.points, b.process, b.x, b.t, b.v),
                expected = ask_batch (b.mixture, b.process, b.x, b.t, b.v);
  for (size_t i = 0; i < ROWS; i++)
    {
      check_same_row (&found, i, &expected, i, bound);
      if (i % 10 == 0)
        compare_covariance (&b, i, variance, bound);
    }
}

Test (points, are_a_mixture_without_covariances) { check_against_mixture (0, 1e-10); }

// Covariances $c\mathbf{I}$ with $c = 10^{-12}$ change the variance $\varsigma^2 \ge 10^{-6}$ by at most a part in
// $10^{6}$; the score and its Jacobian change by a multiple of that, and the posterior covariance by $c$.

Test (points, are_the_limit_of_narrow_mixtures) { check_against_mixture (1e-12, 1e-3); }

// Under maps that are not symmetric too, of which the one counts and not its transpose; each row at a time of its own.

Test (points, under_maps_are_a_mixture_without_covariances)
{
  enum
  {
    N = 30,
    K = 6
  };
  const gsl_matrix *mu = normals (K, 2, 21), *x = normals (N, 2, 22), *v = normals (N, 2, 23);
  const gsl_vector *w = vector_of (1, 2, 3, 1, 2, 3), *t = even_times (.2, .9, N - 1);
  const sb_process *stretch = stretch_alloc ();
  const answers by_points = ask_batch (scoped (sb_target_points_alloc (mu, w)), stretch, x, t, v),
                by_mixture
                = ask_batch (scoped (sb_target_mixture_alloc (w, mu, matrix_all (2 * K, 2, 0))), stretch, x, t, v);
  for (size_t i = 0; i < N; i++)
    check_same_row (&by_points, i, &by_mixture, i, 1e-10);
}

// And of many rows: what each has alone. [consistent.eq2]

Test (points, rows_of_a_batch_do_not_meet)
{
  batch b = batch_alloc (0);
  check_rows_alone (b.points, b.process, b.x, b.t, b.v, 1e-11);
  check_rows_alone (b.points, scoped (sb_vp_alloc (D, SB_VP_BETA_MIN, SB_VP_BETA_MAX)), b.x, b.t, b.v, 1e-11);
  check_threads (b.points, b.process, b.x, b.t, b.v);
}

// ## Extremes
//
// Beside a point, at noise far smaller than the way to the next, the denoiser is that point to the last bit.

Test (points, nearest_point_takes_all)
{
  const double x[2] = { 0.3 + 1e-5, -0.4 };
  sb_target *target = scoped (sb_target_points_alloc (matrix_of (3, 2, 0.1, 0.2, 0.3, -0.4, 1e3, 0.7), NULL));
  sb_process *fixed = fixed_process (2, 1, 1e-5);
  double out[4];
  ask (target, fixed, SB_DENOISER, x, 0.5, out);
  cr_assert (out[0] == 0.3 && out[1] == -0.4, "%.17g %.17g", out[0], out[1]);
  ask (target, fixed, SB_SCORE, x, 0.5, out);
  cr_assert_float_eq (out[0], -(x[0] - 0.3) / 1e-10, 1e-10);
  cr_assert_eq (out[1], 0);
  ask_covariance (target, fixed, x, 0.5, out);
  cr_assert (out[0] == 0 && out[1] == 0 && out[3] == 0);
}

// Far from the origin and with next to no noise, matrix products say nothing about which point is near: two points a
// few $\varsigma$ apart share $\mathbf{x}$ between them, among others a hundred thousand $\varsigma$ away, all of
// them far from the origin. Whichever comes first in the set, the results are as good as elsewhere.

Test (points, true_neighbours_are_found_among_many)
{
  gsl_rng *r = property_rng (41);
  for (int n = 0; n < 200; n++)
    {
      truth_law law = { .K = TRUTH_K, .d = 3 };
      size_t a = gsl_rng_uniform_int (r, TRUTH_K), b = (a + 1 + gsl_rng_uniform_int (r, TRUTH_K - 1)) % TRUTH_K;
      double x[3], sd = 1e-5;
      for (size_t k = 0; k < TRUTH_K; k++)
        {
          law.w[k] = 1;
          for (size_t i = 0; i < 3; i++)
            law.mu[k][i] = 1e8 + gsl_ran_gaussian (r, 1);
        }
      for (size_t i = 0; i < 3; i++)
        {
          law.mu[b][i] = law.mu[a][i] + gsl_ran_gaussian (r, 2 * sd);
          x[i] = 0.5 * (law.mu[a][i] + law.mu[b][i]) + gsl_ran_gaussian (r, sd);
        }
      sb_target *target = truth_points (&law);
      for (quantity what = 0; what < QUANTITIES; what++)
        {
          double error = disagreement (target, &law, what, 1, sd, x, 0.1);
          cr_assert_lt (error, 1e-13, "%s, case %d: %g", quantity_name[what], n, error);
        }
    }
}

// What a row needs is decided for that row: rows with next to no noise stand in one batch beside rows with all of it,
// and each gives what it gives alone.

Test (points, rows_of_little_noise_stand_beside_rows_of_much)
{
  enum
  {
    N = 40
  };
  gsl_rng *r = property_rng (42);
  gsl_matrix *mu = matrix (20, 2), *x = matrix (N, 2);
  gsl_vector *t = vector (N);
  sb_process *ve = scoped (sb_ve_alloc (2, 1e-5, 1e6));
  for (size_t k = 0; k < 20; k++)
    for (size_t j = 0; j < 2; j++)
      gsl_matrix_set (mu, k, j, 1e3 + gsl_ran_gaussian (r, k % 2 ? 1e-5 : 1));
  for (size_t i = 0; i < N; i++)
    {
      double few = i % 3 == 0;
      gsl_vector_set (t, i, few ? 1e-9 : 1);
      for (size_t j = 0; j < 2; j++)
        gsl_matrix_set (x, i, j, 1e3 + gsl_ran_gaussian (r, few ? 1e-5 : 1e6));
    }
  check_rows_alone (scoped (sb_target_points_alloc (mu, NULL)), ve, x, t, x, 1e-13);
}

// At noise far larger than the whole set, its mean is all that is left.

Test (points, mean_is_left_at_the_end)
{
  gsl_rng *r = property_rng (31);
  gsl_matrix *mu = matrix (400, 3);
  double mean[3] = { 0 }, x[3] = { 5e3, -1e4, 2e4 }, out[3];
  for (size_t k = 0; k < 400; k++)
    for (size_t j = 0; j < 3; j++)
      {
        gsl_matrix_set (mu, k, j, gsl_ran_gaussian (r, 1));
        mean[j] += gsl_matrix_get (mu, k, j) / 400;
      }
  sb_target *target = scoped (sb_target_points_alloc (mu, NULL));
  sb_process *fixed = fixed_process (3, 1, 1e8);
  ask (target, fixed, SB_DENOISER, x, 0.5, out);
  for (size_t j = 0; j < 3; j++)
    cr_assert_float_eq (out[j], mean[j], 1e-10, "%.15g, mean %.15g", out[j], mean[j]);
}

// What is not a number comes back as no number, and nothing else happens; the other rows do not notice.

Test (points, not_a_number_stays_in_its_row)
{
  batch b = batch_alloc (0);
  gsl_matrix_set (b.x, 3, 1, GSL_NAN);
  gsl_matrix_set (b.x, 4, 0, GSL_POSINF);
  const answers found = ask_batch (b.points, b.process, b.x, b.t, b.v);
  for (size_t i = 0; i < 10; i++)
    for (size_t k = 0; k < BATCH_VIEWS; k++)
      for (size_t j = 0; j < D && i != 4; j++)
        cr_assert_eq (gsl_isnan (gsl_matrix_get (&found.view[k].matrix, i, j)), i == 3);
}

Test (points, without_noise_there_is_no_density)
{
  gsl_matrix *x = matrix_all (1, 1, 0), *out = matrix (1, 1);
  gsl_vector *t = vector_all (1, 0), *number = vector (1);
  sb_target *target = scoped (sb_target_points_alloc (x, NULL));
  sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  refused (GSL_EDOM, sb_target_log_density (target, vp, x, t, number));
  refused (GSL_EDOM, sb_target_log_density (target, vp, matrix (2, 1), vector_of (.5, 0), vector (2)), "a later row");
  refused (GSL_EDOM, sb_target_evaluate (target, vp, SB_DENOISER, x, t, out));
  refused (GSL_EDOM, sb_target_jvp (target, vp, x, t, x, out));
  refused (GSL_EDOM, sb_target_divergence (target, vp, x, t, number));
  refused (GSL_EDOM, sb_target_cdf (target, vp, x, t, number));
  refused (GSL_EDOM, sb_target_posterior_covariance (target, vp, vector_all (1, 0), 0, out));
}

// ## Draws
//
// Every draw is one of the points, as often as its weight says: of $n = 10^5$, a count is within 5.5 standard
// deviations but for one case in $2\cdot10^7$; a point of weight zero never comes.

Test (points, draws_are_the_points_by_weight)
{
  enum
  {
    K = 6,
    N = 100000
  };
  const double weights[K] = { 0, 1, 4, 0, 2, 0 }, total = 7;
  gsl_matrix *mu = matrix (K, 2), *x = matrix (N, 2);
  size_t count[K] = { 0 };
  for (size_t k = 0; k < K; k++)
    {
      gsl_matrix_set (mu, k, 0, (double)k);
      gsl_matrix_set (mu, k, 1, 0.5 * (double)k);
    }
  sb_target *target = scoped (sb_target_points_alloc (mu, scope_vector (K, weights)));
  ok (sb_target_sample (target, (sb_stream){ .seed = 4, .purpose = SB_FOR_DATA }, x));
  for (size_t i = 0; i < N; i++)
    {
      size_t k = (size_t)gsl_matrix_get (x, i, 0);
      cr_assert (k < K && gsl_matrix_get (x, i, 0) == (double)k && gsl_matrix_get (x, i, 1) == 0.5 * (double)k);
      count[k]++;
    }
  for (size_t k = 0; k < K; k++)
    {
      double p = weights[k] / total, sd = sqrt (N * p * (1 - p));
      cr_assert_leq (fabs ((double)count[k] - N * p), 5.5 * sd, "point %zu: %zu of %d", k, count[k], N);
    }
}

Test (points, draws_belong_to_their_index) { check_draws (batch_alloc (0).points); }

// ## The distribution function

Test (points, distribution_function_is_the_integral_of_the_density)
{
  check_cdf (scoped (sb_target_points_alloc (matrix_of (3, 1, -1, 0.2, 2), vector_of (1, 3, 2))));
}

// ## Blocks
//
// The posterior's covariance is summed a block of points at a time: of two points, each there as often as a block has
// room for, or once more, it is that of the two.

Test (points, a_posterior_of_full_blocks)
{
  const sb_process *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  for (size_t n = 255; n <= 513; n++)
    {
      gsl_matrix *mu = matrix (2 * n, 1), *covariance = matrix (1, 1);
      for (size_t k = 0; k < 2 * n; k++)
        gsl_matrix_set (mu, k, 0, k % 2 ? 3 : -3);
      const size_t mark = scope_mark ();
      ok (sb_target_posterior_covariance (scoped (sb_target_points_alloc (mu, NULL)), vp, vector_all (1, 0), 0.5,
                                          covariance));
      cr_assert_float_eq (gsl_matrix_get (covariance, 0, 0), 9, 1e-10, "%zu", n);
      scope_release (mark);
    }
}

// ## What is no law

Test (points, refuse_what_is_none)
{
  gsl_matrix *mu = matrix_all (3, 2, 0), *none = matrix_all (0, 2, 0);
  gsl_vector *w = vector_all (3, 0), *two = vector_all (2, 1);
  cr_assert_null (sb_target_points_alloc (none, NULL));
  cr_assert_null (sb_target_points_alloc (matrix (3, 0), NULL));
  cr_assert_null (sb_target_points_alloc (mu, w));
  cr_assert_null (sb_target_points_alloc (mu, two));
  gsl_vector_set (w, 1, 1);
  scoped (sb_target_points_alloc (mu, w));
  gsl_vector_set (w, 2, -1);
  cr_assert_null (sb_target_points_alloc (mu, w));
  gsl_matrix_set (mu, 2, 1, GSL_NAN);
  cr_assert_null (sb_target_points_alloc (mu, NULL));
}
