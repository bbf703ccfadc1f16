#ifndef SCOREBOOK_BASE_RMS_CONTROL_H
#define SCOREBOOK_BASE_RMS_CONTROL_H

#include "decls.h"

#include <gsl/gsl_odeiv2.h>

SB_BEGIN_DECLS

// Step sizes as scipy.integrate.solve_ivp chooses them for RK45 (Hairer, Norsett and Wanner, Solving Ordinary
// Differential Equations I, Section II.4). The error of a step is measured as one number for the whole system,
//     |yerr| = sqrt (1/d sum_i (yerr_i / (eps_abs + eps_rel max (|y0_i|, |y_i|)))^2),
// from the states y0 and y before and after it, and the step is accepted where |yerr| < 1. The next one, or the next
// attempt, is 0.9 |yerr|^(-1/p) times as long for a step type of order p, but at least 0.2 and at most 10 times, and no
// longer right after a rejection.

// A control for gsl_odeiv2_evolve_apply, which has to be called with this `evolve`: that is where y0 is read. NULL on
// failure: GSL_EINVAL where a tolerance is negative or not finite or both are 0, GSL_EFAULT where evolve is NULL,
// GSL_ENOMEM.
gsl_odeiv2_control *sb_odeiv2_control_rms_new (double eps_abs, double eps_rel, const gsl_odeiv2_evolve *evolve);

// How small a tolerance may be beside the state it is of: below it rounding, some 2e-16 a step, would be measured.
#define SB_LEAST_TOLERANCE 1e-13

// The first step from t0 towards t1, signed, for a step type of order p. dydt is the derivative at (t0, y), known to
// the caller; the system is evaluated once more, between t0 and t1. GSL_EINVAL for tolerances as above, GSL_ETOL where
// |y| at t0, in units of the tolerance, is above 1 / SB_LEAST_TOLERANCE, GSL_ENOMEM, or the system's status.
int sb_odeiv2_initial_step (const gsl_odeiv2_system *system, double t0, double t1, const double y[],
                            const double dydt[], unsigned p, double eps_abs, double eps_rel, double *h);

SB_END_DECLS

#endif
