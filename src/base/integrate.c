// # An ordinary differential equation from one time to another
//
// The black-box solver of Song et al. (2021, Section 4.3): steps of Dormand and Prince, sizes by the root mean square
// error, function evaluations counted. All parts are GSL's or follow its interfaces; here they are put together as
// solve_ivp has them, so that the counts can be compared.

#include "integrate.h"
#include "checks.h"
#include "error.h"
#include "dopri5.h"
#include "rms_control.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The system, counted
//
// A wrapper around the caller's system counts its evaluations. It does three more things. The last step's end is
// $t + (t_1 - t)$, which rounding can put beyond $t_1$, where the caller's system may not be defined: times are
// clamped to the interval. Where the system fails, GSL would try shorter steps; here a failure ends the integration.
// And the derivative at the start, from which the first step's size was computed, is reused when GSL's evolution
// first evaluates it.

typedef struct
{
  const gsl_odeiv2_system *system;
  double low, high;    // of the interval
  const double *dydt0; // the derivative at the start, NULL once it has been used
  unsigned long evaluations;
  int status; // of the first evaluation that failed
} counted;

static int
evaluate (double t, const double y[], double dydt[], void *vcounted)
{
  counted *c = vcounted;
  if (c->dydt0)
    {
      memcpy (dydt, c->dydt0, c->system->dimension * sizeof *dydt);
      c->dydt0 = NULL;
      return GSL_SUCCESS;
    }
  c->evaluations++;
  c->status = GSL_ODEIV_FN_EVAL (c->system, fmin (fmax (t, c->low), c->high), y, dydt);
  return c->status ? GSL_EBADFUNC : GSL_SUCCESS;
}

// ## The parts

typedef struct
{
  gsl_odeiv2_step *step;
  gsl_odeiv2_evolve *evolve;
  gsl_odeiv2_control *control;
  double *dydt0;
} solver;

static void
solver_free (solver *s)
{
  if (s->control)
    gsl_odeiv2_control_free (s->control);
  if (s->evolve)
    gsl_odeiv2_evolve_free (s->evolve);
  if (s->step)
    gsl_odeiv2_step_free (s->step);
  free (s->dydt0);
}

static int
solver_alloc (solver *s, size_t dim, double eps_abs, double eps_rel)
{
  if (sb_check_lengths ("a system's equations", dim, 1, 1))
    return GSL_ENOMEM;
  s->dydt0 = calloc (dim, sizeof *s->dydt0);
  s->step = s->dydt0 ? gsl_odeiv2_step_alloc (sb_odeiv2_step_dopri5, dim) : NULL;
  s->evolve = s->step ? gsl_odeiv2_evolve_alloc (dim) : NULL;
  s->control = s->evolve ? sb_odeiv2_control_rms_new (eps_abs, eps_rel, s->evolve) : NULL;
  if (s->control)
    return GSL_SUCCESS;
  solver_free (s);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory to integrate");
}

// ## From $t_0$ to $t_1$
//
// GSL returns GSL_FAILURE where the control calls for a shorter step and there is none. Steps that are accepted but too
// short to change $t$ would repeat for ever: they end the same way.

// Success means that the end is reached, to the last digit.

static int
advance (solver *s, const gsl_odeiv2_system *system, double t, double t1, double h, double y[],
         sb_odeiv2_observer observer, void *context, unsigned long *accepted)
{
  double direction = h < 0 ? -1 : 1;
  while (direction * (t1 - t) > 0)
    {
      double before = t;
      h = h == t1 - t ? 2 * h : h; // GSL ends at t1 itself where a step would go beyond it
      int status = gsl_odeiv2_evolve_apply (s->evolve, s->control, s->step, system, &t, t1, &h, y);
      if (status == GSL_FAILURE || (!status && t == before))
        SB_ERROR (NULL, GSL_ETOL, "no step from t = %g is short enough for the tolerance", t);
      if (!status)
        {
          ++*accepted;
          status = observer ? observer (context, t, s->evolve->last_step, y) : GSL_SUCCESS;
        }
      if (status)
        return status;
    }
  if (t != t1)
    SB_ERROR (NULL, GSL_ESANITY, "the last step ended at t = %.17g, not at %.17g", t, t1);
  return GSL_SUCCESS;
}

static int
start_and_advance (solver *s, counted *c, double t0, double t1, double eps_abs, double eps_rel, double y[],
                   sb_odeiv2_observer observer, void *context, unsigned long *accepted)
{
  gsl_odeiv2_system system = { evaluate, NULL, c->system->dimension, c };
  double h = 0;
  int status = sb_check_finite_numbers ("the state", GSL_EDOM, y, system.dimension);
  if (!status)
    status = GSL_ODEIV_FN_EVAL (&system, t0, y, s->dydt0);
  if (!status)
    status = sb_check_finite_numbers ("the derivative", GSL_EBADFUNC, s->dydt0, system.dimension);
  if (!status)
    status
        = sb_odeiv2_initial_step (&system, t0, t1, y, s->dydt0, gsl_odeiv2_step_order (s->step), eps_abs, eps_rel, &h);
  if (status)
    return status;
  c->dydt0 = s->dydt0;
  return advance (s, &system, t0, t1, h, y, observer, context, accepted);
}

int
sb_odeiv2_integrate (const gsl_odeiv2_system *system, double t0, double t1, double eps_abs, double eps_rel, double y[],
                     sb_odeiv2_observer observer, void *context, sb_odeiv2_count *count)
{
  sb_odeiv2_count unread, *result = count ? count : &unread;
  *result = (sb_odeiv2_count){ 0 };
  if (!gsl_finite (t1 - t0))
    SB_ERROR (NULL, GSL_EDOM, "from %g to %g is no finite time", t0, t1);
  if (!(eps_abs >= 0 && eps_rel >= 0 && eps_abs + eps_rel > 0 && gsl_finite (eps_abs + eps_rel)))
    SB_ERROR (NULL, GSL_EINVAL, "tolerances %g and %g: finite, none negative, one not 0", eps_abs, eps_rel);
  if (t0 == t1)
    return GSL_SUCCESS;

  solver s;
  int status = solver_alloc (&s, system->dimension, eps_abs, eps_rel);
  if (status)
    return status;

  counted c = { .system = system, .low = fmin (t0, t1), .high = fmax (t0, t1) };
  status = start_and_advance (&s, &c, t0, t1, eps_abs, eps_rel, y, observer, context, &result->accepted);
  result->evaluations = c.evaluations;
  result->rejected = s.evolve->failed_steps;
  solver_free (&s);
  return c.status ? c.status : status;
}
