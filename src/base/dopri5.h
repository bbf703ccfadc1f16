#ifndef SCOREBOOK_BASE_DOPRI5_H
#define SCOREBOOK_BASE_DOPRI5_H

#include "decls.h"

#include <gsl/gsl_odeiv2.h>

SB_BEGIN_DECLS

// The pair of Dormand and Prince (1980), also called RK45, ode45 and DOPRI5, for GSL's gsl_odeiv2_evolve and _driver.
// A step returns the solution of order 5; yerr is its difference from the embedded one of order 4. A step evaluates
// the system 7 times, or 6 where dydt_in is given, as evolve does with the dydt_out of the step before.
// Where the system returns a status other than GSL_SUCCESS, the step leaves y alone and returns it.
extern const gsl_odeiv2_step_type *sb_odeiv2_step_dopri5;

// Its tableau: k_i = f(t + c_i h, y + h sum_j a_ij k_j), y(t + h) ~ y + h sum_i b_i k_i, with b_hat for order 4.
enum
{
  SB_DOPRI5_STAGES = 7
};

typedef struct
{
  double c[SB_DOPRI5_STAGES];
  double a[SB_DOPRI5_STAGES][SB_DOPRI5_STAGES];
  double b[SB_DOPRI5_STAGES];
  double b_hat[SB_DOPRI5_STAGES];
} sb_dopri5_tableau;

extern const sb_dopri5_tableau sb_dopri5;

SB_END_DECLS

#endif
