#ifndef SCOREBOOK_BASE_INTEGRATE_H
#define SCOREBOOK_BASE_INTEGRATE_H

#include "decls.h"

#include <gsl/gsl_odeiv2.h>

SB_BEGIN_DECLS

// Called after each accepted step, which ended at t and was h long, with the state there. Any status but GSL_SUCCESS
// ends the integration.
typedef int (*sb_odeiv2_observer) (void *context, double t, double h, const double y[]);

typedef struct
{
  unsigned long evaluations; // of the system: 2 + 6 (accepted + rejected)
  unsigned long accepted, rejected;
} sb_odeiv2_count;

// Integrate y from t0 to t1, in either direction, as scipy.integrate.solve_ivp does with RK45: steps of Dormand and
// Prince (dopri5.h), sizes by the root mean square error (rms_control.h). The system is evaluated between t0 and t1
// only. `observer` and `count` may be NULL.
// The status of the system or the observer where that is not GSL_SUCCESS; GSL_EDOM where a time or a number of y is not
// finite, GSL_EBADFUNC where the first derivative is not, GSL_EINVAL for tolerances as in rms_control.h, GSL_ENOMEM,
// GSL_ETOL where no step is short enough for the tolerance, or that is too small for doubles (rms_control.h). After a
// failure y is not to be used.
int sb_odeiv2_integrate (const gsl_odeiv2_system *system, double t0, double t1, double eps_abs, double eps_rel,
                         double y[], sb_odeiv2_observer observer, void *context, sb_odeiv2_count *count);

SB_END_DECLS

#endif
