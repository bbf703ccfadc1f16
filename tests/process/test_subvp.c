// # What must be true of the sub-VP SDE

#include "process/subvp.h"
#include "rates.h"
#include "scope.h"

#include <gsl/gsl_integration.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>

SUITE (subvp);

// ## The kernel
//
// It solves $\dot v = 2 f v + g^2$ from $v(s,s) = 0$, from any $s$: a factor 1 for the 2 in the exponent of $g^2$, or a
// lost square in the variance, breaks it. [scoresde.eq12] [scoresde.eq29] [scoresde.eq34]

static double
moment_residual (const double *v, void *context)
{
  (void)context;
  sb_vp vp = vp_of (v);
  double t = v[2], s = v[3] * t, h = 1e-5;
  double slope = (sb_subvp_variance (&vp, s, t + h) - sb_subvp_variance (&vp, s, t - h)) / (2 * h);
  double f = sb_vp_drift (&vp, t), g2 = gsl_pow_2 (sb_subvp_diffusion (&vp, t));
  double start = fabs (sb_subvp_variance (&vp, t, t));
  return GSL_MAX (start, fabs (slope - 2 * f * sb_subvp_variance (&vp, s, t) - g2) / sb_vp_beta (&vp, t));
}

Test (subvp, kernel_solves_the_moment_equation)
{
  property_check ("v' = 2fv + g^2", 1, CASES, 4, random_rates, moment_residual, NULL, 1e-8);
}

// From the data, the standard deviation is the variance of VP. [scoresde.eq34]

static double
square_residual (const double *v, void *context)
{
  (void)context;
  sb_vp vp = vp_of (v);
  return fabs (sqrt (sb_subvp_variance (&vp, 0, v[2])) - sb_vp_variance (&vp, 0, v[2]));
}

Test (subvp, deviation_is_the_variance_of_vp)
{
  property_check ("sd = v of VP", 3, CASES, 4, random_rates, square_residual, NULL, 1e-15);
}

// Against long double arithmetic of the printed formula at the smallest time of the paper, and of the difference
// $v(0,t) - w\,v(0,s)$ between close times. [scoresde.eq29]

Test (subvp, variance_keeps_its_digits)
{
  long double t = 1e-5, B = 0.5L * t * t * (20.0L - 0.1L) + t * 0.1L;
  cr_assert_float_eq (sqrt (sb_subvp_variance (&paper, 0, 1e-5)) / (double)(1 - expl (-B)), 1, 1e-12);

  long double from = 0.5, to = 0.5L + 0x1p-20L;
  long double B_s = 0.5L * from * from * (20.0L - 0.1L) + from * 0.1L,
              B_t = 0.5L * to * to * (20.0L - 0.1L) + to * 0.1L;
  long double v_s = (1 - expl (-B_s)) * (1 - expl (-B_s)), v_t = (1 - expl (-B_t)) * (1 - expl (-B_t));
  double expected = (double)(v_t - expl (B_s - B_t) * v_s);
  cr_assert_float_eq (sb_subvp_variance (&paper, 0.5, (double)to) / expected, 1, 1e-12);
}

// The diffusion keeps its digits too: $g^2 \to 2\beta B$ as $t \to 0$.

Test (subvp, diffusion_is_accurate_near_zero)
{
  double t = 1e-13;
  cr_assert_float_eq (sb_subvp_diffusion (&paper, t) / sqrt (2 * 0.1 * 0.1 * t), 1, 1e-10);
  cr_assert_eq (sb_subvp_diffusion (&paper, 0), 0);
}

// ## Beside VP
//
// From any covariance the two keep the distance $e^{-B} - e^{-2B}$, as both kernels treat what was there alike; it is
// largest, $\frac14$, at $B = \log 2$. [scoresde.txt-subvp-bounded]

Test (subvp, stays_below_vp)
{
  double largest = 0, at = 0;
  sb_vp constant = { .beta_min = 1, .beta_max = 1 }; // B(0,t) = t
  for (int i = 0; i <= 200000; i++)
    {
      double t = i / 2e5, gap = sb_vp_variance (&constant, 0, t) - sb_subvp_variance (&constant, 0, t);
      cr_assert_geq (gap, 0);
      if (gap > largest)
        largest = gap, at = t;
    }
  cr_assert_float_eq (largest, 0.25, 1e-6);
  cr_assert_float_eq (at, M_LN2, 1e-5);
}

// At the end of the paper's schedule what is left of the data is $e^{-5.025} = 0.0065716$ of it, and the law of $x(1)$
// is within $10^{-6}$ nats of the prior: for a mixture with weights (.3, .5, .2), means (-1.5, .3, 2) and deviations
// (.3, .4, .2), by quadrature. [scoresde.txt-subvp-limit]

typedef struct
{
  double a, v;
} kernel;

static double
relative_entropy_rate (double x, void *params)
{
  static const double weight[] = { 0.3, 0.5, 0.2 }, mean[] = { -1.5, 0.3, 2 }, sd[] = { 0.3, 0.4, 0.2 };
  const kernel *k = params;
  double p = 0, prior = gsl_ran_gaussian_pdf (x, 1);
  for (int i = 0; i < 3; i++)
    p += weight[i] * gsl_ran_gaussian_pdf (x - k->a * mean[i], sqrt (gsl_pow_2 (k->a * sd[i]) + k->v));
  double excess = (p - prior) / prior; // p log (p / prior) - p + prior, written so that it does not cancel
  return prior * ((1 + excess) * log1p (excess) - excess);
}

Test (subvp, ends_at_the_prior)
{
  gsl_integration_glfixed_table *table = scoped (gsl_integration_glfixed_table_alloc (400));
  double a = sb_vp_mean (&paper, 0, 1);
  cr_assert_float_eq (a / 0.0065716, 1, 1e-5);
  kernel ends[] = { { a, sb_vp_variance (&paper, 0, 1) }, { a, sb_subvp_variance (&paper, 0, 1) } };
  for (int i = 0; i < 2; i++)
    {
      gsl_function rate = { .function = relative_entropy_rate, .params = &ends[i] };
      double divergence = gsl_integration_glfixed (&rate, -12, 12, table);
      cr_assert (0 < divergence && divergence < 1e-6, "%g nats", divergence);
      cr_assert_float_eq (divergence / 2e-7, 1, 0.2, "%g nats", divergence);
    }

  // Which is standard normal, of both.
  const sb_process *const of[] = { scoped (sb_vp_alloc (1, 0.1, 20)), scoped (sb_subvp_alloc (1, 0.1, 20)) };
  for (int i = 0; i < 2; i++)
    {
      gsl_vector *log_prior = vector (1);
      ok (sb_process_prior_log_density (of[i], matrix_all (1, 1, 0.7), log_prior));
      cr_assert_float_eq (gsl_vector_get (log_prior, 0), log (gsl_ran_gaussian_pdf (0.7, 1)), 1e-14);
    }
}

// ## As a process
//
// Drift and mean are those of VP, as are times and prior (test_kinds.c), the noise is its own. [scoresde.set-subvp]
// [scoresde.txt-subvp-mean]

Test (subvp, process_differs_from_vp_in_its_noise_only)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20)), *subvp = scoped (sb_subvp_alloc (1, 0.1, 20));
  for (int i = 1; i <= 10; i++)
    {
      double s = 0.05 * i, t = 0.1 * i, sd = number_of (subvp, SB_S, s, t);
      cr_assert_eq (number_of (vp, SB_F, 0, t), number_of (subvp, SB_F, 0, t));
      cr_assert_eq (number_of (subvp, SB_G, 0, t), sb_subvp_diffusion (&paper, t));
      cr_assert_eq (number_of (vp, SB_A, s, t), number_of (subvp, SB_A, s, t));
      cr_assert_lt (sd, number_of (vp, SB_S, s, t));
      cr_assert_eq (sd, sqrt (sb_subvp_variance (&paper, s, t)));
    }
}

// The settings of the paper, for both. [scoresde.set-eps]

Test (subvp, settings_of_the_paper)
{
  cr_assert_eq (scoped (sb_vp_alloc (2, 0.1, 20))->t_min, 1e-3);
  cr_assert_eq (scoped (sb_subvp_alloc (2, 0.1, 20))->t_min, 1e-3);
  cr_assert_eq (SB_VP_EPSILON_SAMPLING, 1e-3);
  cr_assert_eq (SB_VP_EPSILON_TRAINING, 1e-5);
}
