// # What must be true of an integration
//
// The same systems were integrated by scipy 1.10.1 (solve_ivp, method RK45). What depends on every decision about step
// sizes, the number of evaluations and of accepted steps and where half of these were done, must come out the same; and
// so must the first step and the result, but for rounding (which 81 long steps of van der Pol's oscillator make into
// 5e-9: as much comes of adding the same stages in another order). The systems: one with a known solution; one that
// starts at 0 and one that stays where it is, where the first step has no scale; Kepler's orbit; van der Pol's
// oscillator, with many rejected steps; and three equations of very different scales.

#include "base/integrate.h"
#include "base/rms_control.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (integrate);

// ## As scipy does it

static int
forced (double t, const double y[], double dydt[], void *params)
{
  (void)params;
  dydt[0] = -y[0] + sin (t);
  return GSL_SUCCESS;
}

static int
from_zero (double t, const double y[], double dydt[], void *params)
{
  (void)y, (void)params;
  dydt[0] = cos (t);
  return GSL_SUCCESS;
}

static int
constant (double t, const double y[], double dydt[], void *params)
{
  (void)t, (void)y, (void)params;
  dydt[0] = 0;
  return GSL_SUCCESS;
}

static int
kepler (double t, const double y[], double dydt[], void *params)
{
  (void)t, (void)params;
  double r3 = gsl_pow_3 (hypot (y[0], y[1]));
  dydt[0] = y[2];
  dydt[1] = y[3];
  dydt[2] = -y[0] / r3;
  dydt[3] = -y[1] / r3;
  return GSL_SUCCESS;
}

static int
van_der_pol (double t, const double y[], double dydt[], void *params)
{
  (void)t, (void)params;
  dydt[0] = y[1];
  dydt[1] = 5 * (1 - y[0] * y[0]) * y[1] - y[0];
  return GSL_SUCCESS;
}

static int
scales (double t, const double y[], double dydt[], void *params)
{
  (void)params;
  dydt[0] = -y[0];
  dydt[1] = 1000 * cos (t);
  dydt[2] = -30 * (y[2] - cos (t));
  return GSL_SUCCESS;
}

enum
{
  MAX_DIM = 4
};

typedef struct
{
  const char *name;
  int (*function) (double t, const double y[], double dydt[], void *params);
  size_t dim;
  double y0[MAX_DIM], t0, t1, eps_abs, eps_rel;

  // Of scipy: nfev, the number of accepted steps, the first step's size, the time after half of the steps, y[0] at t1.
  unsigned long evaluations, accepted;
  double first, halfway, result;
} reference;

// clang-format off
static const reference SCIPY[] = {
  { "forced", forced, 1, { 1 }, 0, 10, 0.001, 0.001, 68, 10,
    0.10000016666667, 4.38405652, 0.146927745095 },
  { "forced", forced, 1, { 1 }, 0, 10, 1e-05, 1e-05, 164, 23,
    0.039810783406545, 5.17062483, 0.147589186089 },
  { "forced", forced, 1, { 1 }, 0, 10, 1e-09, 1e-06, 260, 41,
    0.02187164963152, 5.18214501, 0.147593161513 },
  { "forced backwards", forced, 1, { 0.5 }, 4, 0, 0.001, 0.001, 26, 4,
    0.10360121410627, 2.86038664, 29.6034462932 },
  { "forced backwards", forced, 1, { 0.5 }, 4, 0, 1e-05, 1e-05, 62, 10,
    0.041244386213752, 2.00362389, 29.6154437657 },
  { "forced backwards", forced, 1, { 0.5 }, 4, 0, 1e-09, 1e-06, 104, 17,
    0.020898452975741, 1.81367467, 29.6152391156 },
  { "from zero", from_zero, 1, { 0 }, 0, 6, 0.001, 0.001, 44, 7,
    0.0001, 0.1111, -0.278661291536 },
  { "from zero", from_zero, 1, { 0 }, 0, 6, 1e-05, 1e-05, 68, 10,
    0.0001, 1.01405808, -0.279414064888 },
  { "from zero", from_zero, 1, { 0 }, 0, 6, 1e-09, 1e-06, 110, 15,
    0.0001, 2.24729567, -0.279415398122 },
  { "constant", constant, 1, { 3 }, 0, 1, 0.001, 0.001, 44, 7,
    1e-06, 0.001111, 3 },
  { "constant", constant, 1, { 3 }, 0, 1, 1e-05, 1e-05, 44, 7,
    1e-06, 0.001111, 3 },
  { "constant", constant, 1, { 3 }, 0, 1, 1e-09, 1e-06, 44, 7,
    1e-06, 0.001111, 3 },
  { "kepler", kepler, 4, { 0.4, 0, 0, 2 }, 0, 20, 0.001, 0.001, 272, 34,
    0.070683448587419, 11.3500399, -0.925098444021 },
  { "kepler", kepler, 4, { 0.4, 0, 0, 2 }, 0, 20, 1e-05, 1e-05, 548, 69,
    0.028139587722101, 11.3795455, -0.775046597726 },
  { "kepler", kepler, 4, { 0.4, 0, 0, 2 }, 0, 20, 1e-09, 1e-06, 1022, 135,
    0.00021518652588348, 11.2034687, -0.770003563639 },
  { "van der Pol", van_der_pol, 2, { 2, 0 }, 0, 20, 0.001, 0.001, 638, 81,
    0.054282183305912, 11.1097917, -1.60068240459 },
  { "van der Pol", van_der_pol, 2, { 2, 0 }, 0, 20, 1e-05, 1e-05, 1100, 154,
    0.021610126407383, 10.9478386, -1.60129504724 },
  { "van der Pol", van_der_pol, 2, { 2, 0 }, 0, 20, 1e-09, 1e-06, 2102, 312,
    0.00049975012493753, 10.8943449, -1.60129573074 },
  { "van der Pol backwards", van_der_pol, 2, { 1.5, -0.2 }, 1, -0.5, 0.001, 0.001, 50, 7,
    0.10738532067632, 0.112682263, 0.171774149565 },
  { "van der Pol backwards", van_der_pol, 2, { 1.5, -0.2 }, 1, -0.5, 1e-05, 1e-05, 116, 15,
    0.042750866173429, 0.231699127, 0.172316394786 },
  { "van der Pol backwards", van_der_pol, 2, { 1.5, -0.2 }, 1, -0.5, 1e-09, 1e-06, 236, 31,
    0.018924814104097, 0.378426343, 0.172328889474 },
  { "scales", scales, 3, { 0.001, 500, 0 }, 0, 3, 0.001, 0.001, 200, 31,
    0.028632755387452, 1.35843842, 4.97870691544e-05 },
  { "scales", scales, 3, { 0.001, 500, 0 }, 0, 3, 1e-05, 1e-05, 356, 58,
    0.011398905232449, 1.27589408, 4.97870684035e-05 },
  { "scales", scales, 3, { 0.001, 500, 0 }, 0, 3, 1e-09, 1e-06, 644, 106,
    3.7267739908655e-05, 1.27642866, 4.97870683693e-05 },
};
// clang-format on

typedef struct
{
  unsigned long calls, wanted;
  double t, last_t, sum_of_steps;
} observation;

static int
observe (void *context, double t, double h, const double y[])
{
  (void)y;
  observation *o = context;
  if (++o->calls == o->wanted)
    o->t = t;
  o->last_t = t;
  o->sum_of_steps += h;
  return GSL_SUCCESS;
}

Test (integrate, decides_as_scipy_does)
{
  for (size_t i = 0; i < sizeof SCIPY / sizeof *SCIPY; i++)
    {
      const reference *r = &SCIPY[i];
      gsl_odeiv2_system system = { r->function, NULL, r->dim, NULL };
      observation seen = { .wanted = (r->accepted + 1) / 2 };
      sb_odeiv2_count count;
      double y[MAX_DIM];
      memcpy (y, r->y0, sizeof y);
      int status = sb_odeiv2_integrate (&system, r->t0, r->t1, r->eps_abs, r->eps_rel, y, observe, &seen, &count);
      ok (status, "%s: %s", r->name, gsl_strerror (status));
      cr_assert_eq (count.accepted, r->accepted, "%s, %g: %lu steps accepted, not %lu", r->name, r->eps_rel,
                    count.accepted, r->accepted);
      cr_assert_eq (count.evaluations, r->evaluations, "%s, %g: %lu evaluations, not %lu", r->name, r->eps_rel,
                    count.evaluations, r->evaluations);
      cr_assert_eq (count.evaluations, 2 + 6 * (count.accepted + count.rejected));
      cr_assert_float_eq (seen.t, r->halfway, 1e-6, "%s, %g: half of the steps until %.17g, not %.17g", r->name,
                          r->eps_rel, seen.t, r->halfway);
      cr_assert_float_eq (y[0] / r->result, 1, 1e-8, "%s, %g: y = %.17g, not %.17g", r->name, r->eps_rel, y[0],
                          r->result);
      cr_assert (seen.calls == count.accepted && seen.last_t == r->t1, "%s", r->name);
      cr_assert_float_eq (seen.sum_of_steps, r->t1 - r->t0, 1e-12, "%s", r->name);
    }
}

Test (integrate, begins_as_scipy_does)
{
  for (size_t i = 0; i < sizeof SCIPY / sizeof *SCIPY; i++)
    {
      const reference *r = &SCIPY[i];
      gsl_odeiv2_system system = { r->function, NULL, r->dim, NULL };
      double dydt[MAX_DIM], h;
      r->function (r->t0, r->y0, dydt, NULL);
      ok (sb_odeiv2_initial_step (&system, r->t0, r->t1, r->y0, dydt, 5, r->eps_abs, r->eps_rel, &h));
      double expected = r->t1 < r->t0 ? -r->first : r->first;
      cr_assert_float_eq (h / expected, 1, 1e-12, "%s, %g: h = %.17g, not %.17g", r->name, r->eps_rel, h, expected);
    }
}

// ## The answer is right
//
// A tighter tolerance gives a smaller error, at more evaluations, down to rounding.

Test (integrate, a_tighter_tolerance_gives_a_smaller_error)
{
  gsl_odeiv2_system system = { forced, NULL, 1, NULL };
  double solution = 1.5 * exp (-4) + (sin (4) - cos (4)) / 2, error_before = 1;
  unsigned long evaluations_before = 0;
  for (double eps = 1e-2; eps > 1e-12; eps /= 100)
    {
      sb_odeiv2_count count;
      double y = 1;
      ok (sb_odeiv2_integrate (&system, 0, 4, eps, eps, &y, NULL, NULL, &count));
      cr_assert_lt (fabs (y - solution), error_before / 10);
      cr_assert_lt (fabs (y - solution), 10 * eps);
      cr_assert_gt (count.evaluations, evaluations_before);
      error_before = fabs (y - solution);
      evaluations_before = count.evaluations;
    }
}

Test (integrate, there_and_back)
{
  gsl_odeiv2_system system = { kepler, NULL, 4, NULL };
  const double start[] = { 0.4, 0, 0, 2 };
  double y[4];
  memcpy (y, start, sizeof y);
  ok (sb_odeiv2_integrate (&system, 0, 7, 1e-11, 1e-11, y, NULL, NULL, NULL));
  cr_assert_gt (hypot (y[0] - start[0], y[1] - start[1]), 0.1);
  ok (sb_odeiv2_integrate (&system, 7, 0, 1e-11, 1e-11, y, NULL, NULL, NULL));
  for (int i = 0; i < 4; i++)
    cr_assert_float_eq (y[i], start[i], 1e-7);
}

// The observer sees the solution at every step, and may end the integration.

static int
compare (void *context, double t, double h, const double y[])
{
  (void)h;
  double *worst = context;
  *worst = fmax (*worst, fabs (y[0] - (1.5 * exp (-t) + (sin (t) - cos (t)) / 2)));
  return GSL_SUCCESS;
}

static int
stop_at_two (void *context, double t, double h, const double y[])
{
  (void)h, (void)y;
  *(double *)context = t;
  return t > 2 ? GSL_EUNDRFLW : GSL_SUCCESS;
}

Test (integrate, the_observer_sees_the_solution_and_may_end_it)
{
  gsl_odeiv2_system system = { forced, NULL, 1, NULL };
  double y = 1, worst = 0, reached;
  ok (sb_odeiv2_integrate (&system, 0, 9, 1e-9, 1e-9, &y, compare, &worst, NULL));
  cr_assert (worst > 0 && worst < 1e-8, "%g", worst);
  y = 1;
  refused (GSL_EUNDRFLW, sb_odeiv2_integrate (&system, 0, 9, 1e-3, 1e-3, &y, stop_at_two, &reached, NULL));
  cr_assert (reached > 2 && reached < 5);
}

// ## Where the system is evaluated
//
// Never outside the interval, whatever it rounds to; the evaluations are counted truly, and the first derivative is
// asked for once.

typedef struct
{
  double low, high;
  unsigned long calls, calls_at_start, outside;
  unsigned long failing; // the call that fails, from 1; 0: none
  int status;
} watch;

static int
watched (double t, const double y[], double dydt[], void *params)
{
  watch *w = params;
  w->outside += t < fmin (w->low, w->high) || t > fmax (w->low, w->high);
  w->calls_at_start += t == w->low;
  if (++w->calls == w->failing)
    return w->status;
  return forced (t, y, dydt, NULL);
}

Test (integrate, stays_in_the_interval)
{
  for (int i = 1; i <= 300; i++)
    {
      watch w = { .low = sin (i), .high = sin (i) + 3 * cos (7 * i) };
      gsl_odeiv2_system system = { watched, NULL, 1, &w };
      sb_odeiv2_count count;
      double y = 1;
      ok (sb_odeiv2_integrate (&system, w.low, w.high, 1e-6, 1e-6, &y, NULL, NULL, &count));
      cr_assert_eq (w.outside, 0, "from %.17g to %.17g: outside %lu times", w.low, w.high, w.outside);
      cr_assert_eq (w.calls_at_start, 1);
      cr_assert_eq (w.calls, count.evaluations);
    }
}

Test (integrate, no_time_no_change)
{
  watch w = { .low = 2, .high = 2 };
  gsl_odeiv2_system system = { watched, NULL, 1, &w };
  sb_odeiv2_count count = { 1, 1, 1 };
  double y = 5;
  ok (sb_odeiv2_integrate (&system, 2, 2, 1, 1, &y, NULL, NULL, &count));
  cr_assert (y == 5 && w.calls == 0 && count.evaluations == 0 && count.accepted == 0 && count.rejected == 0);
}

// One of the tolerances may be 0.

Test (integrate, one_tolerance_is_enough)
{
  gsl_odeiv2_system system = { forced, NULL, 1, NULL };
  double solution = 1.5 * exp (-4) + (sin (4) - cos (4)) / 2, absolute = 1, relative = 1;
  ok (sb_odeiv2_integrate (&system, 0, 4, 1e-9, 0, &absolute, NULL, NULL, NULL));
  ok (sb_odeiv2_integrate (&system, 0, 4, 0, 1e-9, &relative, NULL, NULL, NULL));
  cr_assert_float_eq (absolute, solution, 1e-8);
  cr_assert_float_eq (relative, solution, 1e-8);
}

// Two more systems: an explosion, and any slope at all.

static int
explodes (double t, const double y[], double dydt[], void *params)
{
  (void)t, (void)params;
  dydt[0] = y[0] * y[0];
  return GSL_SUCCESS;
}

static int
no_number (double t, const double y[], double dydt[], void *params)
{
  (void)t, (void)y;
  dydt[0] = *(double *)params;
  return GSL_SUCCESS;
}

// ## Other units, other places, another order
//
// What is integrated does not depend on the unit of the state, nor on the order of its components, nor on where time
// and state are counted from. By powers of two, even the rounding is the same.

typedef struct
{
  int (*function) (double t, const double y[], double dydt[], void *params);
  double unit, time, shift; // of the state, of the beginning, of the state
  size_t swap;              // component k stands in place (k + swap) mod dim
  size_t dim;
} altered;

static int
altered_slope (double t, const double y[], double dydt[], void *params)
{
  const altered *a = params;
  double plain[MAX_DIM], slope[MAX_DIM];
  for (size_t k = 0; k < a->dim; k++)
    plain[k] = y[(k + a->swap) % a->dim] / a->unit - a->shift;
  int status = a->function (t - a->time, plain, slope, NULL);
  for (size_t k = 0; k < a->dim; k++)
    dydt[(k + a->swap) % a->dim] = slope[k] * a->unit;
  return status;
}

static sb_odeiv2_count
run_altered (altered a, const double *y0, double t1, double eps_abs, double eps_rel, double *result)
{
  gsl_odeiv2_system system = { altered_slope, NULL, a.dim, &a };
  sb_odeiv2_count count;
  double y[MAX_DIM];
  for (size_t k = 0; k < a.dim; k++)
    y[(k + a.swap) % a.dim] = a.unit * (y0[k] + a.shift);
  ok (sb_odeiv2_integrate (&system, a.time, a.time + t1, a.unit * eps_abs, eps_rel, y, NULL, NULL, &count));
  for (size_t k = 0; k < a.dim; k++)
    result[k] = y[(k + a.swap) % a.dim] / a.unit - a.shift;
  return count;
}

Test (integrate, in_another_unit)
{
  const altered plain = { kepler, 1, 0, 0, 0, 4 };
  const double y0[] = { 0.4, 0, 0, 2 }, units[] = { 0x1p-500, 0x1p500, 1e-150, 1e150, 1e-300, 1e300 };
  double expected[4], found[4];
  sb_odeiv2_count count = run_altered (plain, y0, 20, 1e-7, 1e-7, expected);
  for (size_t k = 0; k < sizeof units / sizeof *units; k++)
    {
      altered scaled = plain;
      scaled.unit = units[k];
      sb_odeiv2_count again = run_altered (scaled, y0, 20, 1e-7, 1e-7, found);
      cr_assert (again.evaluations == count.evaluations, "%g: %lu, %lu", units[k], again.evaluations,
                 count.evaluations);
      for (size_t i = 0; i < 4; i++)
        cr_assert_float_eq (found[i], expected[i], k < 2 ? 0 : 1e-10, "%g: %g", units[k], found[i] - expected[i]);
    }
}

Test (integrate, from_another_place)
{
  const altered plain = { kepler, 1, 0, 0, 0, 4 };
  const double y0[] = { 0.4, 0, 0, 2 };
  double expected[4], found[4];
  altered elsewhere[] = { plain, plain, plain };
  elsewhere[0].swap = 3;
  elsewhere[1].time = 0x1p20;
  elsewhere[2].shift = 1024;
  sb_odeiv2_count count = run_altered (plain, y0, 20, 1e-7, 0, expected);
  for (size_t k = 0; k < 3; k++)
    {
      sb_odeiv2_count again = run_altered (elsewhere[k], y0, 20, 1e-7, 0, found);
      cr_assert (k > 0 || again.evaluations == count.evaluations, "%zu: %lu, %lu", k, again.evaluations,
                 count.evaluations);
      for (size_t i = 0; i < 4; i++)
        cr_assert_float_eq (found[i], expected[i], 1e-5, "%zu: %g", k, found[i] - expected[i]);
    }
}

// ## The end is the end
//
// $t_0 + (t_1 - t_0)$ is not always $t_1$; the last step ends there all the same, also where it is the only one.

static int
keep_time (void *context, double t, double h, const double y[])
{
  (void)h, (void)y;
  *(double *)context = t;
  return GSL_SUCCESS;
}

Test (integrate, ends_at_the_end)
{
  size_t inexact = 0;
  for (int i = 1; i <= 1000; i++)
    {
      double t0 = sin (i), t1 = 10 * cos (7 * i), last = NAN, y = 1, slope = 1;
      gsl_odeiv2_system system = { no_number, NULL, 1, &slope };
      inexact += t0 + (t1 - t0) != t1;
      ok (sb_odeiv2_integrate (&system, t0, t1, 1e3, 0, &y, keep_time, &last, NULL));
      cr_assert_eq (last, t1, "from %.17g to %.17g: %.17g", t0, t1, last);
      ok (sb_odeiv2_integrate (&system, t0, t1, 1e-9, 1e-9, &y, keep_time, &last, NULL));
      cr_assert_eq (last, t1, "from %.17g to %.17g: %.17g", t0, t1, last);
    }
  cr_assert_gt (inexact, 0);
}

// ## Failures
//
// A state that is not a number, in any place, is no state; one that leaves the range of doubles on the way is not
// followed.

Test (integrate, a_state_is_finite)
{
  gsl_odeiv2_system system = { kepler, NULL, 4, NULL };
  const double wrong[] = { NAN, INFINITY, -INFINITY };
  for (size_t place = 0; place < 4; place++)
    for (size_t k = 0; k < 3; k++)
      {
        double y[] = { 0.4, 0, 0, 2 };
        y[place] = wrong[k];
        refused (GSL_EDOM, sb_odeiv2_integrate (&system, 0, 1, 1e-6, 1e-6, y, NULL, NULL, NULL));
      }
  double slope = 1e308, y = 1e308;
  system = (gsl_odeiv2_system){ no_number, NULL, 1, &slope };
  refused (GSL_ETOL, sb_odeiv2_integrate (&system, 0, 2, 1e-6, 1e-6, &y, NULL, NULL, NULL));
}

// Nothing, of which nothing is tolerated, stays nothing; and an error that is beyond doubles beside the tolerance is
// too large.

Test (integrate, extreme_tolerances)
{
  double slope = 0, y = 0;
  gsl_odeiv2_system system = { no_number, NULL, 1, &slope };
  ok (sb_odeiv2_integrate (&system, 0, 1, 0, 1e-6, &y, NULL, NULL, NULL));
  cr_assert_eq (y, 0);
  system = (gsl_odeiv2_system){ explodes, NULL, 1, NULL };
  y = 1e100;
  refused (GSL_ETOL, sb_odeiv2_integrate (&system, 0, 1, 1e-200, 0, &y, NULL, NULL, NULL));
}
//
// A system that fails is not asked again, and its status comes back, at whichever evaluation it fails and whatever GSL
// would make of that status.

Test (integrate, a_failing_system_ends_it)
{
  const int statuses[] = { GSL_EDOM, GSL_EBADFUNC, GSL_FAILURE, GSL_ENOMEM };
  for (size_t i = 0; i < 4; i++)
    for (unsigned long failing = 1; failing <= 30; failing++)
      {
        watch w = { .low = 0, .high = 10, .failing = failing, .status = statuses[i] };
        gsl_odeiv2_system system = { watched, NULL, 1, &w };
        sb_odeiv2_count count;
        double y = 1;
        cr_assert_eq (sb_odeiv2_integrate (&system, 0, 10, 1e-6, 1e-6, &y, NULL, NULL, &count), statuses[i]);
        cr_assert (w.calls == failing && count.evaluations == failing);
      }
}

// A solution that ends in finite time ($y' = y^2$ from 1, at $t = 1$) cannot be followed beyond, and a slope that is no
// number cannot be followed at all.

Test (integrate, an_impossible_tolerance_is_reported)
{
  gsl_odeiv2_system system = { explodes, NULL, 1, NULL };
  double y = 1;
  refused (GSL_ETOL, sb_odeiv2_integrate (&system, 0, 2, 1e-6, 1e-6, &y, NULL, NULL, NULL));
  const double slopes[] = { NAN, INFINITY, -INFINITY };
  for (int i = 0; i < 3; i++)
    {
      double slope = slopes[i];
      system = (gsl_odeiv2_system){ no_number, NULL, 1, &slope };
      y = 1;
      refused (GSL_EBADFUNC, sb_odeiv2_integrate (&system, 0, 2, 1e-6, 1e-6, &y, NULL, NULL, NULL), "%g", slope);
    }
}

// A slope so steep, or a time so late, that the guess of a first step does not move the clock, is no obstacle to a
// straight line.

Test (integrate, time_moves)
{
  double slope = 1e40, y = 1;
  gsl_odeiv2_system system = { no_number, NULL, 1, &slope };
  ok (sb_odeiv2_integrate (&system, 1, 2, 1e-6, 1e-6, &y, NULL, NULL, NULL));
  cr_assert_float_eq (y / slope, 1, 1e-14);
  slope = 1e-9;
  y = 0;
  ok (sb_odeiv2_integrate (&system, 1e12, 1e12 + 4, 1e-3, 0, &y, NULL, NULL, NULL));
  cr_assert_float_eq (y / slope, 4, 1e-4);
}

Test (integrate, arguments_must_make_sense)
{
  watch w = { 0 };
  gsl_odeiv2_system system = { watched, NULL, 1, &w };
  double y = 1;
  refused (GSL_EDOM, sb_odeiv2_integrate (&system, 0, NAN, 1, 1, &y, NULL, NULL, NULL));
  refused (GSL_EDOM, sb_odeiv2_integrate (&system, -INFINITY, 0, 1, 1, &y, NULL, NULL, NULL));
  refused (GSL_EDOM, sb_odeiv2_integrate (&system, -1e308, 1e308, 1, 1, &y, NULL, NULL, NULL));
  const double bad[][2] = { { 0, 0 }, { -1, 1 }, { 1, -1 }, { NAN, 1 }, { 1, NAN }, { INFINITY, 1 } };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    refused (GSL_EINVAL, sb_odeiv2_integrate (&system, 0, 1, bad[i][0], bad[i][1], &y, NULL, NULL, NULL));
  cr_assert (w.calls == 0 && y == 1);

  gsl_odeiv2_system huge = { watched, NULL, (size_t)-1 / 8, &w };
  refused (GSL_ENOMEM, sb_odeiv2_integrate (&huge, 0, 1, 1, 1, &y, NULL, NULL, NULL));
}
