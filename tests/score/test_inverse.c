// # Inverse problems
//
// Measurements of a standard normal number: everything is known, the error of the method too.

#include "process/ve.h"
#include "process/vp.h"
#include "sampler/flow.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"
#include "score/inverse.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_expint.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (inverse);

// ## The identity behind it
//
// x ~ N(0, 1), y = x + n, x(t) = x + s z, y(t) = x(t) + n. The integral over y(t) on 4,001 nodes, its logarithm
// differentiated in x(t), is the score of x(t) given y, that of N(y / (1 + tau^2), tau^2 / (1 + tau^2)) under VE.
// [scoresde.txt-inverse-marginal] [scoresde.txt-inverse-bayes]

static double
log_normal_density (double x, double mean, double variance)
{
  return -0.5 * (gsl_pow_2 (x - mean) / variance + log (2 * M_PI * variance));
}

static double
log_integral (double x, double y, double tau2, double s2)
{
  // y(t) given y is N(y, s^2); then z is known, (y(t) - y) / s, and so is x(t) up to x's posterior: x(t) = x + (y(t) -
  // y).
  const int nodes = 4001;
  const double width = 16 * sqrt (s2), h = width / (nodes - 1);
  double sum = 0;
  for (int k = 0; k < nodes; k++)
    {
      const double at = y - width / 2 + k * h;
      sum += h
             * exp (log_normal_density (x, y / (1 + tau2) + at - y, tau2 / (1 + tau2))
                    + log_normal_density (at, y, s2));
    }
  return log (sum);
}

Test (inverse, the_score_is_an_integral_over_the_noised_measurement)
{
  const double y = 0.7, tau2 = 0.5, weight[] = { 1, -8, 8, -1 }, shift[] = { -2, -1, 1, 2 }, h = 1e-3;
  sb_process *ve = scoped (sb_ve_alloc (1, 0.01, 20));
  const sb_target *given_y
      = scoped (sb_target_gaussian_alloc (vector_all (1, y / (1 + tau2)), matrix_all (1, 1, tau2 / (1 + tau2))));
  for (double t = 0.4; t < 0.8; t += 0.1)
    for (double x = -2; x < 2.5; x += 0.5)
      {
        const double s2 = gsl_pow_2 (number_of (ve, SB_S, 0, t));
        gsl_matrix *exact = matrix (1, 1);
        double slope = 0;
        for (int k = 0; k < 4; k++)
          slope += weight[k] * log_integral (x + shift[k] * h, y, tau2, s2) / (12 * h);
        ok (sb_target_evaluate (given_y, ve, SB_SCORE, matrix_all (1, 1, x), vector_of (t), exact));
        cr_assert_float_eq (slope, gsl_matrix_get (exact, 0, 0), 1e-6, "s^2 = %g, x = %g: %g, not %g", s2, x, slope,
                            gsl_matrix_get (exact, 0, 0));
      }
}

// ## The gradient
//
// H^T (y_hat - H x) / (a tau)^2 with y_hat = a y + s H z, a draw from p(y(t) | y), z from the row's own stream, other
// numbers at each call; by a matrix that is not square, and by one that is and has no symmetry. [scoresde.eq50]
// [scoresde.txt-inverse-marginal]

static void
check_gradient (size_t rows)
{
  sb_process *vp = scoped (sb_vp_alloc (3, 0.1, 20));
  gsl_matrix *H = normals (rows, 3, 1), *x = normals (4, 3, 2), *y = normals (4, rows, 3), *out = matrix (4, 3),
             *z = matrix (4, 6);
  sb_inverse q = { vp, scoped (sb_operator_dense_alloc (H)), 0.8, { .seed = 7, .index = 5 }, 0, false };
  gsl_vector *t = vector_of (0.1, 0.2, 0.2, 0.9);
  ok (sb_stream_normals ((sb_stream){ 7, SB_FOR_KNOWN, 5 }, 0, z));
  for (int call = 0; call < 2; call++)
    {
      ok (sb_inverse_gradient (x, t, y, out, &q));
      for (size_t i = 0; i < 4; i++)
        {
          double a, s, r[3];
          ok (sb_process_scalars (vp, 0, gsl_vector_get (t, i), &a, &s));
          for (size_t k = 0; k < rows; k++)
            {
              r[k] = a * gsl_matrix_get (y, i, k);
              for (size_t j = 0; j < 3; j++)
                r[k] += gsl_matrix_get (H, k, j)
                        * (s * gsl_matrix_get (z, i, 3 * (size_t)call + j) - gsl_matrix_get (x, i, j));
            }
          for (size_t j = 0; j < 3; j++)
            {
              double expected = 0;
              for (size_t k = 0; k < rows; k++)
                expected += gsl_matrix_get (H, k, j) * r[k] / gsl_pow_2 (a * 0.8);
              cr_assert_float_eq (gsl_matrix_get (out, i, j), expected, 1e-12 * (1 + fabs (expected)),
                                  "%zu numbers, call %d, row %zu", rows, call, i);
            }
        }
    }
}

Test (inverse, gradient_at_a_noised_measurement)
{
  check_gradient (2);
  check_gradient (3);
}

// ## What it costs
//
// Predictors alone end at y / tau^2 e^(1/tau^2) E_1(1/tau^2) and at a variance of .277343 for tau = 1, where y/2 and .5
// are right; with a corrector at each time at (.500, .5126). The mean is half the difference of two runs with the same
// noise and opposite y, exact as all is linear; variances of 12,000 within 5.2 standard errors and 1 %. [scoresde.eq50]
// [scoresde.txt-inverse-bayes]

enum
{
  N = 12000
};

static void
run (size_t n, double tau, double y, size_t correctors, size_t steps, gsl_matrix *x)
{
  sb_process *ve = scoped (sb_ve_alloc (1, 0.01, 5));
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (1, 0), matrix_all (1, 1, 1)));
  sb_inverse q = { ve, scoped (sb_operator_identity_alloc (1)), tau, { .seed = 3 }, 0, false };
  const sb_guidance guidance = { sb_inverse_gradient, &q, 1 };
  sb_score *score = scoped (sb_score_guided_alloc (scoped (sb_score_exact_alloc (law, ve)), &guidance));
  gsl_vector *times = vector (steps + 1);
  for (size_t k = 0; k <= steps; k++)
    gsl_vector_set (times, k, 1 - (double)k / (double)steps * (1 - 1e-6));
  const sb_pc pc = { .step = sb_step_reverse_diffusion,
                     .corrector = { .type = sb_corrector_langevin, .snr = 0.16 },
                     .corrector_steps = correctors,
                     .final = SB_FINAL_MEAN };
  ok (sb_process_prior (ve, (sb_stream){ .seed = 3, .purpose = SB_FOR_PRIOR }, x));
  ok (sb_pc_sample (&pc, score, matrix_all (n, 1, y), times, (sb_stream){ .seed = 3 }, x, NULL));
}

static void
check_mean (double tau, double expected)
{
  gsl_matrix *up = matrix (2, 1), *down = matrix (2, 1);
  run (2, tau, 1, 0, 4000, up);
  run (2, tau, -1, 0, 4000, down);
  const double mean = 0.5 * (gsl_matrix_get (up, 0, 0) - gsl_matrix_get (down, 0, 0));
  cr_assert_float_eq (mean, expected, 2e-4, "tau %g: %.6f, not %.6f", tau, mean, expected);
}

Test (inverse, predictors_alone_are_biased)
{
  for (int k = 0; k < 2; k++)
    {
      const double tau2 = k ? 0.5 : 1;
      check_mean (sqrt (tau2), exp (1 / tau2) * gsl_sf_expint_E1 (1 / tau2) / tau2);
    }
  cr_assert_float_eq (exp (1) * gsl_sf_expint_E1 (1), 0.596347, 1e-6);
  gsl_matrix *x = matrix (N, 1);
  run (N, 1, 0.8, 0, 1000, x);
  const double v = gsl_stats_variance (x->data, x->tda, N);
  cr_assert_float_eq (v, 0.277343, (5.2 * sqrt (2. / N) + 0.01) * 0.277343, "variance %g", v);
}

// Without samples: a step is linear in the number, its measurement, and two normals, those of the step and of the draw.
// Langevin's step of the size $2r^2/p$, $r = .16$ and $p$ the precision of its stationary law, is so as well. Of 4,000
// pairs of steps the mean is .500027, and the variance .51316. [scoresde.eq50]

static void
advance (const gsl_matrix *x, const gsl_matrix *e, bool noisy, double *mean, double *variance)
{
  const double of_draw = x->data[3] / e->data[3], of_x = x->data[0] - of_draw * e->data[0],
               of_y = x->data[1] - of_draw * e->data[1], of_z = noisy ? x->data[2] - of_draw * e->data[2] : 0;
  *mean = of_x * *mean + of_y;
  *variance = of_x * of_x * *variance + of_draw * of_draw + of_z * of_z;
}

static void
follow (double tau, size_t steps, bool corrected, double *mean, double *variance)
{
  sb_process *ve = scoped (sb_ve_alloc (1, 0.01, 5));
  sb_inverse q = { ve, scoped (sb_operator_identity_alloc (1)), tau, { .seed = 3 }, 0, false };
  const sb_guidance guidance = { sb_inverse_gradient, &q, 1 };
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (1, 0), matrix_all (1, 1, 1)));
  sb_score *score = scoped (sb_score_guided_alloc (scoped (sb_score_exact_alloc (law, ve)), &guidance));
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 4));
  *mean = 0;
  *variance = 25;
  for (size_t k = 0; k < steps; k++)
    {
      const size_t mark = scope_mark ();
      const double t = 1 - (double)k / (double)steps * (1 - 1e-6), s = 1 - (double)(k + 1) / (double)steps * (1 - 1e-6);
      gsl_matrix *y = matrix_of (4, 1, 0, 1, 0, 0), *z = matrix_of (4, 1, 0, 0, 1, 0), *e = matrix (4, 1);
      gsl_matrix *x = matrix_of (4, 1, 1, 0, 0, 0);
      ok (sb_stream_normals ((sb_stream){ 3, SB_FOR_KNOWN, 0 }, q.count, e)); // the draws of this call
      ok (sb_step_apply (sb_step_reverse_diffusion, NULL, work, y, vector_all (4, s), vector_all (4, t), z, x));
      advance (x, e, k + 1 < steps, mean, variance);
      if (corrected && k + 1 < steps)
        {
          double a, sd;
          ok (sb_process_scalars (ve, 0, s, &a, &sd));
          const sb_corrector langevin
              = { .type = sb_corrector_constant, .epsilon = 2 * 0.16 * 0.16 / (1 / (1 + sd * sd) + 1 / (tau * tau)) };
          x = matrix_of (4, 1, 1, 0, 0, 0);
          ok (sb_stream_normals ((sb_stream){ 3, SB_FOR_KNOWN, 0 }, q.count, e));
          ok (sb_corrector_apply (&langevin, work, y, 0, s, z, x));
          advance (x, e, true, mean, variance);
        }
      scope_release (mark);
    }
}

Test (inverse, predictors_alone_in_the_limit)
{
  const double tau2[] = { 1, 0.5 }, means[] = { 0.596347, 0.722657 }, variances[] = { 0.277343, 0.174617 };
  for (int k = 0; k < 2; k++)
    {
      double mean, variance;
      follow (sqrt (tau2[k]), 4000, false, &mean, &variance);
      cr_assert_float_eq (mean / means[k], 1, 5e-3, "tau^2 = %g: %g", tau2[k], mean);
      cr_assert_float_eq (variance / variances[k], 1, 5e-3, "tau^2 = %g: %g", tau2[k], variance);
    }
}

Test (inverse, correctors_mend_it_without_samples)
{
  double mean, variance;
  follow (1, 4000, true, &mean, &variance);
  cr_assert_float_eq (mean, 0.5000266, 1e-6, "%.8f", mean);
  cr_assert_float_eq (variance, 0.5131598, 1e-5, "%.8f", variance);
}

Test (inverse, correctors_mend_it)
{
  gsl_matrix *x = matrix (N, 1);
  run (N, 1, 0.8, 1, 1000, x);
  const double m = gsl_stats_mean (x->data, x->tda, N), v = gsl_stats_variance (x->data, x->tda, N);
  cr_assert_float_eq (m, 0.500033 * 0.8, 5.2 * sqrt (0.5126 / N) + 5e-3, "mean %g", m);
  cr_assert_float_eq (v, 0.51261, (5.2 * sqrt (2. / N) + 0.01) * 0.51261, "variance %g", v);
}

// The score's mean squared error with one draw, tau = 1, at s^2 = 1e-4, 1e-2, 1, 25 and 400: it grows with t, from s^2
// to 2 s^2, so that "a smaller impact for large t" is not of the estimate. 200,000 triples of x(t), y and the draw;
// within 5 %. [scoresde.txt-inverse-assumptions]

Test (inverse, erratum_one_draw_matters_more_for_large_t)
{
  const double s2[] = { 1e-4, 1e-2, 1, 25, 400 }, published[] = { 1.0005e-4, 1.0487e-2, 2.167, 50.92, 801 };
  const size_t n = 200000;
  sb_process *ve = scoped (sb_ve_alloc (1, 0.001, 50));
  gsl_matrix *draws = normals (n, 3, 4), *x = matrix (n, 1), *y = matrix (n, 1), *out = matrix (n, 1);
  for (int k = 0; k < 5; k++)
    {
      const double sigma = sqrt (s2[k]), t = log (sigma / 0.001) / log (50 / 0.001);
      sb_inverse q = { ve, scoped (sb_operator_identity_alloc (1)), 1, { .seed = 9 }, 0, false };
      double sum = 0;
      for (size_t i = 0; i < n; i++)
        {
          const double *d = gsl_matrix_const_ptr (draws, i, 0);
          gsl_matrix_set (x, i, 0, d[0] + sigma * d[1]);
          gsl_matrix_set (y, i, 0, d[0] + d[2]);
        }
      ok (sb_inverse_gradient (x, vector_all (n, t), y, out, &q));
      for (size_t i = 0; i < n; i++)
        {
          const double at = gsl_matrix_get (x, i, 0), estimate = -at / (1 + s2[k]) + gsl_matrix_get (out, i, 0),
                       exact = -(at - gsl_matrix_get (y, i, 0) / 2) / (0.5 + s2[k]);
          sum += gsl_pow_2 (estimate - exact) / (double)n;
        }
      cr_assert_float_eq (sum, published[k], 0.05 * published[k], "s^2 = %g: %g, not %g", s2[k], sum, published[k]);
      cr_assert (sum > 0.95 * s2[k] && sum < 2.3 * s2[k]);
    }
}

// On one path the noise of the measurement is the same at every call, the score a smooth function of x and t, and the
// flow an ordinary equation: with u = s^2 of VE and q = 1/tau^2,
// dx/du = (x (1/(1 + u) + q) - (y + sqrt(u) z) q) / 2, solved by its integrating factor. [scoresde.eq50]
// [scoresde.txt-inverse-assumptions]

typedef struct
{
  double q, y, z, from;
} pull;

static double
integrand (double s, void *params) // in s, du = 2 s ds
{
  const pull *p = params;
  const double u = s * s, factor = exp (-0.5 * (log1p (u) - log1p (p->from) + p->q * (u - p->from)));
  return s * p->q * (p->y + s * p->z) * factor;
}

Test (inverse, on_one_path_the_flow_is_an_equation)
{
  const double tau = 0.7, q = 1 / (tau * tau), y = 0.8, top = gsl_pow_2 (3), low = gsl_pow_2 (0.01 * pow (300, 0.1));
  sb_process *ve = scoped (sb_ve_alloc (1, 0.01, 3));
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (1, 0), matrix_all (1, 1, 1)));
  sb_inverse inverse = { ve, scoped (sb_operator_identity_alloc (1)), tau, { .seed = 5 }, 0, true };
  const sb_guidance guidance = { sb_inverse_gradient, &inverse, 1 };
  sb_score *score = scoped (sb_score_guided_alloc (scoped (sb_score_exact_alloc (law, ve)), &guidance));
  gsl_matrix *x = matrix_of (3, 1, -2.0, 0.5, 3.0), *began = matrix (3, 1), *z = matrix (3, 1);
  gsl_matrix_memcpy (began, x);
  ok (sb_stream_normals ((sb_stream){ 5, SB_FOR_KNOWN, 0 }, 0, z));
  const sb_flow flow = { .relative = 1e-10, .absolute = 1e-10, .final = SB_FINAL_SAMPLE };
  ok (sb_flow_run (&flow, score, matrix_all (3, 1, y), 1, 0.1, x, NULL));
  for (size_t i = 0; i < 3; i++)
    {
      pull p = { q, y, gsl_matrix_get (z, i, 0), low };
      gsl_function f = { integrand, &p };
      double pulled, off;
      size_t evaluations;
      const double factor = exp (-0.5 * (log1p (top) - log1p (low) + q * (top - low)));
      ok (gsl_integration_qng (&f, sqrt (low), sqrt (top), 1e-10, 1e-10, &pulled, &off, &evaluations));
      const double expected = factor * gsl_matrix_get (began, i, 0) + pulled, got = gsl_matrix_get (x, i, 0);
      cr_assert_float_eq (got, expected, 1e-6, "row %zu: %.9f, not %.9f", i, got, expected);
    }
}

// ## Steps that are too large, and what does not fit

Test (inverse, steps_may_overshoot)
{
  const struct
  {
    double sigma_max, tau;
    size_t steps;
    double largest;
  } cases[] = {
    { 20, 1, 1000, 6.06 }, { 20, 1, 2500, 2.43 }, { 20, 1, 3100, 1.96 }, { 5, 1, 200, 1.57 }, { 20, 2, 1000, 1.526 }
  }; // 6.06 (1/4 + 1/401) / (1 + 1/401)
  for (int k = 0; k < 5; k++)
    {
      sb_process *ve = scoped (sb_ve_alloc (1, 0.01, cases[k].sigma_max));
      sb_inverse q = { ve, scoped (sb_operator_identity_alloc (1)), cases[k].tau, { 0 }, 0, false };
      gsl_vector *times = vector (cases[k].steps + 1);
      double largest;
      for (size_t i = 0; i <= cases[k].steps; i++)
        gsl_vector_set (times, i, 1 - (double)i / (double)cases[k].steps);
      ok (sb_inverse_overshoot (&q, times, 1, &largest));
      cr_assert_float_eq (largest, cases[k].largest, 0.015 * cases[k].largest, "sigma_max %g, %zu steps: %g",
                          cases[k].sigma_max, cases[k].steps, largest);
    }
}

Test (inverse, refuses_what_does_not_fit)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  sb_operator *H = scoped (sb_operator_identity_alloc (2));
  sb_inverse good = { vp, H, 1, { 0 }, 0, false }, silent = { vp, H, 0, { 0 }, 0, false };
  gsl_matrix *x = matrix_all (3, 2, 0), *y = matrix_all (3, 2, 1), *out = matrix (3, 2), *wide = matrix (3, 3),
             *none = matrix (0, 2);
  gsl_vector *t = vector_all (3, 0.5), *no = vector (0);
  double largest;
  refused (GSL_EBADLEN, sb_inverse_gradient (x, t, NULL, out, &good));
  refused (GSL_EBADLEN, sb_inverse_gradient (x, t, wide, out, &good));
  refused (GSL_EBADLEN, sb_inverse_gradient (wide, t, y, wide, &good));
  refused (GSL_EBADLEN, sb_inverse_gradient (x, t, matrix_all (2, 2, 1), out, &good));
  refused (GSL_EBADLEN, sb_inverse_gradient (x, vector_all (2, 0.5), y, out, &good));
  refused (GSL_EINVAL, sb_inverse_gradient (x, t, y, out, &silent));
  silent.tau = GSL_POSINF;
  refused (GSL_EINVAL, sb_inverse_gradient (x, t, y, out, &silent));
  refused (GSL_EDOM, sb_inverse_overshoot (&good, vector_of (2, 0.5), 1, &largest));
  const sb_inverse unscaled = { scoped (sb_ve_alloc (2, 0.01, 10)), H, 1, { 0 }, 0, false };
  refused (GSL_EDOM, sb_inverse_overshoot (&unscaled, vector_of (0.5, -1), 1, &largest));
  refused (GSL_EDOM, sb_inverse_gradient (x, vector_all (3, 2), y, out, &good));
  refused (GSL_EBADLEN, sb_inverse_overshoot (&good, vector_of (1), 1, &largest));
  refused (GSL_EUNSUP, sb_inverse_overshoot (&good, vector_of (1, 0.5), 1, &largest));
  ok (sb_inverse_gradient (none, no, none, none, &good));
}
