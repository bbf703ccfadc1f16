// # Step sizes by the root mean square error
//
// How many function evaluations an adaptive solver takes depends as much on its rule for the step size as on its
// method. The paper's numbers are of scipy's rule, which measures the error of all components together; GSL's controls
// look at the worst component. This is scipy's, as one of GSL's control types, with the first step that goes with it
// (Hairer, Nørsett and Wanner, *Solving Ordinary Differential Equations I*, Section II.4).

#include "rms_control.h"
#include "error.h"

#include <float.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

// ## The norm
//
// Every component is measured in units of its tolerance, for a state between $a$ and $b$:
// $$ \|x\| = \sqrt{\frac1d \sum_i \Bigl(\frac{x_i}{s_i}\Bigr)^2}, \qquad
//    s_i = \varepsilon_{\text{abs}} + \varepsilon_{\text{rel}} \max(|a_i|, |b_i|). $$

typedef struct
{
  double eps_abs, eps_rel;
} tolerance;

static bool
usable (tolerance eps)
{
  const double sum = eps.eps_abs + eps.eps_rel;
  return eps.eps_abs >= 0 && eps.eps_rel >= 0 && sum > 0 && gsl_finite (sum);
}

// A zero counts as zero even where the tolerance is zero; a state that is not finite makes the norm NaN. Where the sum
// of squares leaves the range of doubles it is taken again, relative to the largest.

static double
measured (tolerance eps, double x, double a, double b)
{
  const double tolerated = eps.eps_abs + eps.eps_rel * GSL_MAX_DBL (fabs (a), fabs (b));
  return !(tolerated <= DBL_MAX) ? GSL_NAN : x == 0 ? 0 : x / tolerated;
}

static double
norm (tolerance eps, size_t dim, const double x[], const double a[], const double b[])
{
  double sum = 0, largest = 0;
  for (size_t i = 0; i < dim; i++)
    sum += gsl_pow_2 (measured (eps, x[i], a[i], b[i]));
  if ((sum >= DBL_MIN && sum <= DBL_MAX) || gsl_isnan (sum))
    return sqrt (sum / (double)dim);
  for (size_t i = 0; i < dim; i++)
    largest = fmax (largest, fabs (measured (eps, x[i], a[i], b[i])));
  if (largest == 0 || !gsl_finite (largest))
    return largest;
  sum = 0;
  for (size_t i = 0; i < dim; i++)
    sum += gsl_pow_2 (measured (eps, x[i], a[i], b[i]) / largest);
  return largest * sqrt (sum / (double)dim);
}

// ## After a step
//
// The error of an embedded pair of orders $p$ and $p - 1$ goes with $h^p$, so the step that would just have been
// tolerated is $\|y_{\text{err}}\|^{-1/p}$ times as long. An error that is NaN rejects the step, too.
//
// GSL takes HADJ_DEC to mean "reject and try again". An accepted step whose successor is to be shorter, which happens
// when its error was just below 1, must not return that but NIL.

typedef struct
{
  tolerance eps;
  const gsl_odeiv2_evolve *evolve;
  bool rejected; // the last attempt
} rms_state;

static int
rms_hadjust (void *vstate, size_t dim, unsigned int p, const double y[], const double yerr[], const double dydt[],
             double *h)
{
  (void)dydt;
  rms_state *state = vstate;
  double error = norm (state->eps, dim, yerr, state->evolve->y0, y);
  double factor = 0.9 * pow (error, -1.0 / p), longest = state->rejected ? 1 : 10;

  state->rejected = !(error < 1);
  if (state->rejected)
    {
      *h *= fmax (0.2, factor);
      return GSL_ODEIV_HADJ_DEC;
    }
  *h *= fmin (longest, factor);
  return factor > 1 && longest > 1 ? GSL_ODEIV_HADJ_INC : GSL_ODEIV_HADJ_NIL;
}

// ## The first step
//
// A step is short enough for its second term to be small: first guess $h_0$ such that an Euler step changes $y$ by a
// hundredth of itself; then estimate the second derivative from the slope at its end, and choose $h_1$ such that
// $h_1^p \max(\|y'\|, \|y''\|) = 0.01$. Where there is nothing to go by, both guesses are $10^{-6}$. No guess is too
// short to change $t$. A state whose own norm is above $10^{13}$ is asked for to more digits than it has.

static double
guess_from_slope (double d0, double d1)
{
  return d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1;
}

static double
guess_from_curvature (double d1, double d2, unsigned p)
{
  double steepest = fmax (d1, d2);
  return steepest <= 1e-15 || !gsl_finite (steepest) ? 1e-6 : pow (0.01 / steepest, 1.0 / p);
}

// An Euler step to `y1`, and by how much the slope changes there.

static int
slope_change (const gsl_odeiv2_system *system, double t, double h, const double y[], const double dydt[], double y1[],
              double change[])
{
  for (size_t i = 0; i < system->dimension; i++)
    y1[i] = y[i] + h * dydt[i];
  int status = GSL_ODEIV_FN_EVAL (system, t + h, y1, change);
  for (size_t i = 0; i < system->dimension; i++)
    change[i] -= dydt[i];
  return status;
}

int
sb_odeiv2_initial_step (const gsl_odeiv2_system *system, double t0, double t1, const double y[], const double dydt[],
                        unsigned p, double eps_abs, double eps_rel, double *h)
{
  tolerance eps = { eps_abs, eps_rel };
  if (!usable (eps))
    SB_ERROR (NULL, GSL_EINVAL, "tolerances %g and %g: none may be negative, and one must not be 0", eps_abs, eps_rel);
  size_t dim = system->dimension;
  double *y1 = calloc (dim, 2 * sizeof *y1), *change = y1 + dim;
  if (!y1)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the first step");

  double length = fabs (t1 - t0), direction = t1 < t0 ? -1 : 1, least = fmax (4 * DBL_EPSILON * fabs (t0), DBL_MIN);
  double d0 = norm (eps, dim, y, y, y), d1 = norm (eps, dim, dydt, y, y);
  if (d0 > 1 / SB_LEAST_TOLERANCE)
    {
      free (y1);
      SB_ERROR (NULL, GSL_ETOL, "tolerances %g and %g ask for more digits than doubles have", eps_abs, eps_rel);
    }
  double h0 = fmin (fmax (guess_from_slope (d0, d1), least), length);
  int status = slope_change (system, t0, direction * h0, y, dydt, y1, change);
  double d2 = norm (eps, dim, change, y, y) / h0;
  free (y1);

  double h1 = guess_from_curvature (d1, d2, p);
  *h = direction * fmin (fmax (fmin (100 * h0, h1), least), length);
  return status;
}

// ## The other functions of a control type

static void *
rms_alloc (void)
{
  rms_state *state = calloc (1, sizeof *state);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a step size control");
  return state;
}

static int
rms_init (void *vstate, double eps_abs, double eps_rel, double a_y, double a_dydt)
{
  (void)a_y, (void)a_dydt;
  rms_state *state = vstate;
  state->eps = (tolerance){ eps_abs, eps_rel };
  return GSL_SUCCESS;
}

// The tolerance at one component, for step types that need it (the implicit multistep ones).

static int
rms_errlevel (void *vstate, const double y, const double dydt, const double h, const size_t i, double *level)
{
  (void)dydt, (void)h, (void)i;
  const rms_state *state = vstate;
  *level = state->eps.eps_abs + state->eps.eps_rel * fabs (y);
  return GSL_SUCCESS;
}

static int
rms_set_driver (void *state, const gsl_odeiv2_driver *driver)
{
  (void)state, (void)driver;
  return GSL_SUCCESS;
}

static const gsl_odeiv2_control_type rms_type = {
  .name = "rms",
  .alloc = rms_alloc,
  .init = rms_init,
  .hadjust = rms_hadjust,
  .errlevel = rms_errlevel,
  .set_driver = rms_set_driver,
  .free = free,
};

gsl_odeiv2_control *
sb_odeiv2_control_rms_new (double eps_abs, double eps_rel, const gsl_odeiv2_evolve *evolve)
{
  if (!usable ((tolerance){ eps_abs, eps_rel }))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "tolerances %g and %g: none may be negative, and one must not be 0", eps_abs,
                   eps_rel);
  if (!evolve)
    SB_ERROR_NULL (NULL, GSL_EFAULT, "the control needs the evolution that it serves");

  gsl_odeiv2_control *control = gsl_odeiv2_control_alloc (&rms_type);
  if (control)
    {
      gsl_odeiv2_control_init (control, eps_abs, eps_rel, 1, 0);
      ((rms_state *)control->state)->evolve = evolve;
    }
  return control;
}
