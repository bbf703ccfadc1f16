// # What must be true of the root mean square control
//
// Each test hands the control an error of known size and reads off the step that it asks for. That the whole rule is
// scipy's is shown by test_integrate.c.

#include "base/rms_control.h"
#include "base/dopri5.h"
#include "scope.h"

#include <math.h>

enum
{
  DIM = 3,
  ORDER = 5
};

static gsl_odeiv2_evolve *evolve;
static gsl_odeiv2_step *step;

static void
setup (void)
{
  scope_begin ();
  evolve = scoped (gsl_odeiv2_evolve_alloc (DIM));
  step = scoped (gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, DIM));
}

TestSuite (rms_control, .init = setup, .fini = scope_end);

// From y0 = y = (1, 1, 1), with an absolute tolerance of 2: an error of this size in every component.

static int
adjust (gsl_odeiv2_control *control, double size, double *h)
{
  double y[DIM], yerr[DIM];
  for (int i = 0; i < DIM; i++)
    {
      evolve->y0[i] = y[i] = 1;
      yerr[i] = i % 2 ? 2 * size : -2 * size;
    }
  return gsl_odeiv2_control_hadjust (control, step, y, yerr, NULL, h);
}

static void
check_adjust (gsl_odeiv2_control *control, double size, double h, int decision, double expected)
{
  double adjusted = h;
  int decided = adjust (control, size, &adjusted);
  cr_assert_eq (decided, decision, "error %g: decision %d, not %d", size, decided, decision);
  cr_assert_float_eq (adjusted / expected, 1, 1e-14, "error %g: h = %g, not %g", size, adjusted, expected);
}

static double
size_for (double factor)
{
  return pow (0.9 / factor, ORDER);
}

// ## The size of the next step

Test (rms_control, a_small_error_lets_the_step_grow)
{
  gsl_odeiv2_control *c = scoped (sb_odeiv2_control_rms_new (2, 0, evolve));
  check_adjust (c, size_for (1.5), 0.1, GSL_ODEIV_HADJ_INC, 0.15);
  check_adjust (c, size_for (4), -0.1, GSL_ODEIV_HADJ_INC, -0.4);
  check_adjust (c, size_for (9.5), 0.1, GSL_ODEIV_HADJ_INC, 0.95);
  check_adjust (c, size_for (11), 0.1, GSL_ODEIV_HADJ_INC, 1);
  check_adjust (c, 0, 0.1, GSL_ODEIV_HADJ_INC, 1);
}

// An error just below 1 is accepted, and the next step is shorter all the same.

Test (rms_control, an_accepted_step_may_be_followed_by_a_shorter_one)
{
  gsl_odeiv2_control *c = scoped (sb_odeiv2_control_rms_new (2, 0, evolve));
  check_adjust (c, size_for (0.95), 0.1, GSL_ODEIV_HADJ_NIL, 0.095);
  check_adjust (c, 1 - 1e-15, 0.1, GSL_ODEIV_HADJ_NIL, 0.09);
}

Test (rms_control, a_large_error_rejects)
{
  gsl_odeiv2_control *c = scoped (sb_odeiv2_control_rms_new (2, 0, evolve));
  check_adjust (c, 1, 0.1, GSL_ODEIV_HADJ_DEC, 0.09);
  check_adjust (c, size_for (0.5), -0.1, GSL_ODEIV_HADJ_DEC, -0.05);
  check_adjust (c, size_for (0.21), 0.1, GSL_ODEIV_HADJ_DEC, 0.021);
  check_adjust (c, size_for (0.19), 0.1, GSL_ODEIV_HADJ_DEC, 0.02);
  check_adjust (c, INFINITY, 0.1, GSL_ODEIV_HADJ_DEC, 0.02);
  check_adjust (c, NAN, 0.1, GSL_ODEIV_HADJ_DEC, 0.02);
}

// Right after a rejection a step may shrink but not grow; the one after that is free again.

Test (rms_control, no_growth_right_after_a_rejection)
{
  gsl_odeiv2_control *c = scoped (sb_odeiv2_control_rms_new (2, 0, evolve));
  check_adjust (c, size_for (0.5), 0.1, GSL_ODEIV_HADJ_DEC, 0.05);
  check_adjust (c, size_for (4), 0.1, GSL_ODEIV_HADJ_NIL, 0.1);
  check_adjust (c, size_for (4), 0.1, GSL_ODEIV_HADJ_INC, 0.4);
  check_adjust (c, size_for (0.5), 0.1, GSL_ODEIV_HADJ_DEC, 0.05);
  check_adjust (c, size_for (0.95), 0.1, GSL_ODEIV_HADJ_NIL, 0.095);
  check_adjust (c, size_for (1.5), 0.1, GSL_ODEIV_HADJ_INC, 0.15);
}

// ## The norm
//
// The tolerances here, $0.1 + 0.5\max(|y_0|, |y|)$, are 2.1, 0.6 and 5.1, whichever of two states is before and which
// after the step. The errors, in their units, are 0.06, 0.05 and -0.08, and their mean square is 0.0125/3.

Test (rms_control, components_are_measured_by_their_own_tolerance)
{
  gsl_odeiv2_control *c = scoped (sb_odeiv2_control_rms_new (0.1, 0.5, evolve));
  const double states[2][DIM] = { { 3, 0.5, -10 }, { -4, 1, 2 } };
  const double yerr[DIM] = { 0.06 * 2.1, 0.05 * 0.6, -0.08 * 5.1 };
  for (int before = 0; before < 2; before++)
    {
      double h = 1;
      for (int i = 0; i < DIM; i++)
        evolve->y0[i] = states[before][i];
      cr_assert_eq (gsl_odeiv2_control_hadjust (c, step, states[1 - before], yerr, NULL, &h), GSL_ODEIV_HADJ_INC);
      cr_assert_float_eq (pow (0.9 / h, 2 * ORDER), 0.0125 / 3, 1e-14);
    }
}

Test (rms_control, tells_the_tolerance_of_a_component)
{
  gsl_odeiv2_control *c = scoped (sb_odeiv2_control_rms_new (0.25, 0.5, evolve));
  double level = 0;
  ok (gsl_odeiv2_control_errlevel (c, -3, 7, 0.1, 0, &level));
  cr_assert_eq (level, 1.75);
  cr_assert_str_eq (gsl_odeiv2_control_name (c), "rms");
}

// ## Under GSL's driver
//
// GSL's drivers come with a control of GSL's own; ours takes its place.

static int
decay (double t, const double y[], double dydt[], void *params)
{
  (void)t, (void)params;
  for (int i = 0; i < DIM; i++)
    dydt[i] = -(i + 1) * y[i];
  return GSL_SUCCESS;
}

Test (rms_control, works_under_a_driver)
{
  gsl_odeiv2_system system = { decay, NULL, DIM, NULL };
  gsl_odeiv2_driver *driver = scoped (gsl_odeiv2_driver_alloc_y_new (&system, sb_odeiv2_step_dopri5, 1, 1, 1));
  gsl_odeiv2_control_free (driver->c);
  driver->c = sb_odeiv2_control_rms_new (1e-9, 1e-9, driver->e); // the driver frees it
  ok (gsl_odeiv2_control_set_driver (driver->c, driver));

  double t = 0, y[DIM] = { 1, 1, 1 };
  ok (gsl_odeiv2_driver_apply (driver, &t, 2, y));
  for (int i = 0; i < DIM; i++)
    cr_assert_float_eq (y[i], exp (-2 * (i + 1)), 1e-8);
}

// ## The first step
//
// Its length where the rule can be followed by hand: at $p = 5$, with $\varepsilon_{\text{abs}} = 10^{-3}$ alone. For
// $y' = -y$ from 1, $d_0 = d_1 = 1000$, $h_0 = 0.01$, the Euler step ends at 0.99 with a slope that is 0.01 less steep,
// so $d_2 = 1000$ and $h_1 = (10^{-5})^{1/5} = 0.1$.

typedef struct
{
  double rate, t, y;
  int calls, status;
} linear;

static int
linear_slope (double t, const double y[], double dydt[], void *params)
{
  linear *l = params;
  l->t = t;
  l->y = y[0];
  l->calls++;
  dydt[0] = l->rate * y[0];
  return l->status;
}

static double
first_step (linear *l, double y, double t0, double t1, unsigned p)
{
  gsl_odeiv2_system system = { linear_slope, NULL, 1, l };
  double dydt = l->rate * y, h = 0;
  ok (sb_odeiv2_initial_step (&system, t0, t1, &y, &dydt, p, 1e-3, 0, &h));
  return h;
}

Test (rms_control, the_first_step_follows_slope_and_curvature)
{
  linear l = { .rate = -1 };
  double h = first_step (&l, 1, 3, 8, 5);
  cr_assert_float_eq (h, 0.1, 1e-14);
  cr_assert_eq (l.calls, 1);
  cr_assert_float_eq (l.t, 3.01, 1e-15);
  cr_assert_float_eq (l.y, 0.99, 1e-15);

  // Towards the past: the same length, from an Euler step the other way.
  cr_assert_float_eq (first_step (&l, 1, 3, -2, 5), -0.1, 1e-14);
  cr_assert_float_eq (l.t, 2.99, 1e-15);
  cr_assert_float_eq (l.y, 1.01, 1e-15);

  // The order is the exponent's.
  cr_assert_float_eq (first_step (&l, 1, 3, 8, 2), sqrt (1e-5), 1e-14);

  // Ten times as steep: curvature 100 times, which is what counts.
  l.rate = -10;
  cr_assert_float_eq (first_step (&l, 1, 3, 8, 5), pow (1e-7, 0.2), 1e-14);

  // So steep that a hundred Euler steps are shorter.
  l.rate = -1e5;
  cr_assert_float_eq (first_step (&l, 1, 3, 8, 5) / 1e-5, 1, 1e-10);

  // A tenth as steep: now the slope counts.
  l.rate = -0.1;
  cr_assert_float_eq (first_step (&l, 1, 3, 8, 5), pow (1e-4, 0.2), 1e-14);
}

// Two components, $y' = (-y_1, -3 y_2)$ from $(1, 2)$: the slope changes by $h_0 (1, 18)$, so
// $d_2 = 1000\sqrt{325/2}$ and $h_1 = (10^{-5}/\sqrt{162.5})^{1/5}$.

static int
two_slopes (double t, const double y[], double dydt[], void *params)
{
  (void)t, (void)params;
  dydt[0] = -y[0];
  dydt[1] = -3 * y[1];
  return GSL_SUCCESS;
}

Test (rms_control, the_first_step_of_two_components)
{
  gsl_odeiv2_system system = { two_slopes, NULL, 2, NULL };
  const double y[] = { 1, 2 }, dydt[] = { -1, -6 };
  double h = 0;
  ok (sb_odeiv2_initial_step (&system, 3, 8, y, dydt, 5, 1e-3, 0, &h));
  cr_assert_float_eq (h, pow (1e-5 / sqrt (162.5), 0.2), 1e-14);
}

// Where the state or the slope is nothing, under $10^{-5}$, the guess is $10^{-6}$, and at most a hundred times that is
// taken; where slope and curvature are both under $10^{-15}$, the guess itself. No step is longer than the interval.

Test (rms_control, the_first_step_without_a_scale)
{
  linear l = { .rate = -1 };
  cr_assert_float_eq (first_step (&l, 0.99e-8, 0, 5, 5) / 1e-4, 1, 1e-14);
  cr_assert_float_eq (first_step (&l, 1.01e-8, 0, 5, 5), 1, 1e-14);
  l.rate = 0.99e-8;
  cr_assert_float_eq (first_step (&l, 1, 0, 2, 5) / 1e-4, 1, 1e-14);
  l.rate = 1.01e-8;
  cr_assert_float_eq (first_step (&l, 1, 0, 2, 5), 2, 1e-14);

  l.rate = 1.01e-18;
  cr_assert_float_eq (first_step (&l, 1, 0, 1, 5) / 1e-4, 1, 1e-14);
  l.rate = 0.99e-18;
  cr_assert_float_eq (first_step (&l, 1, 0, 1, 5) / 1e-6, 1, 1e-14);
  cr_assert_float_eq (l.t, 1e-6, 1e-20);
}

Test (rms_control, the_first_step_stays_in_the_interval)
{
  linear l = { .rate = -1 };
  cr_assert_float_eq (first_step (&l, 1, 3, 3.02, 5), 0.02, 1e-15);
  cr_assert_float_eq (first_step (&l, 1, 3, 2.999, 5), -0.001, 1e-15);
  cr_assert_float_eq (l.t, 2.999, 1e-15);
}

// A slope of $10^{160}$ tolerances, and a state of $10^{-200}$, whose squares are no doubles.

Test (rms_control, the_first_step_beyond_the_squares)
{
  const double rate[] = { -1e160, -1 }, y[] = { 1, 1e-200 }, wanted[] = { 1e-160, pow (1e-5, 0.2) };
  for (size_t k = 0; k < 2; k++)
    {
      linear l = { .rate = rate[k] };
      gsl_odeiv2_system system = { linear_slope, NULL, 1, &l };
      const double dydt = rate[k] * y[k];
      double h = 0;
      ok (sb_odeiv2_initial_step (&system, 0, 8, &y[k], &dydt, 5, k == 0 ? 1 : 0, k == 0 ? 0 : 1e-3, &h));
      cr_assert_float_eq (h / wanted[k], 1, 1e-10, "%g", h);
    }
}

// ## What cannot be asked for

Test (rms_control, tolerances_must_make_sense)
{
  const double bad[][2] = { { 0, 0 }, { -1, 1 }, { 1, -1 }, { NAN, 1 }, { 1, NAN }, { 1, INFINITY } };
  linear l = { .rate = -1 };
  gsl_odeiv2_system system = { linear_slope, NULL, 1, &l };
  double y = 1, dydt = -1, h = 7;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    {
      cr_assert_null (sb_odeiv2_control_rms_new (bad[i][0], bad[i][1], evolve));
      refused (GSL_EINVAL, sb_odeiv2_initial_step (&system, 0, 1, &y, &dydt, 5, bad[i][0], bad[i][1], &h));
      cr_assert (l.calls == 0 && h == 7);
    }
  cr_assert_null (sb_odeiv2_control_rms_new (1, 1, NULL));

  // More digits than doubles have: by either tolerance, or by both, of a state of this size.
  const double most[][3] = { { 0, 1e-14, 1 }, { 1e-14, 0, 1 }, { 1e-18, 1e-18, 1 }, { 1e-5, 0, 2e8 } };
  for (size_t i = 0; i < sizeof most / sizeof *most; i++)
    refused (GSL_ETOL, sb_odeiv2_initial_step (&system, 0, 1, &most[i][2], &dydt, 5, most[i][0], most[i][1], &h));
  cr_assert (l.calls == 0 && h == 7);
  ok (sb_odeiv2_initial_step (&system, 0, 1, &y, &dydt, 5, 1e-5, 1e-18, &h));
  ok (sb_odeiv2_initial_step (&system, 0, 1, &y, &dydt, 5, 0, 1.01e-13, &h));

  scoped (sb_odeiv2_control_rms_new (0, 1e-3, evolve));
}

Test (rms_control, a_failing_system_is_reported)
{
  linear l = { .rate = -1, .status = GSL_EUNSUP };
  gsl_odeiv2_system system = { linear_slope, NULL, 1, &l };
  double y = 1, dydt = -1, h = 7;
  refused (GSL_EUNSUP, sb_odeiv2_initial_step (&system, 0, 1, &y, &dydt, 5, 1, 1, &h));
}
