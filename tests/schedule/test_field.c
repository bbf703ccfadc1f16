// # What must be true of the fields that other tests are about

#include "field.h"
#include "process/kinds.h"
#include "process/soft.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (field);

// One by one, the 4096 modes have a mean variance of .06, and the distance between the ends of the schedule is the one
// that was computed independently: W_2 = .1876 a pixel. [soft.set-fixtures]

Test (field, mode_by_mode)
{
  const field f = field_of (1);
  double mean = 0, squared = 0, scale = field_variance (&f, 0, 0, 0);
  for (int a = -32; a < 32; a++)
    for (int b = -32; b < 32; b++)
      {
        const double f2 = a * a + b * b, P = scale / (1 + f2), c = exp (-2 * M_PI * M_PI * 23 * 23 * f2 / 4096);
        mean += P / 4096;
        squared += gsl_pow_2 (sqrt (P + .01) - sqrt (c * c * P + .01)) / 4096;
      }
  cr_assert_float_eq (mean, .06, 1e-15);
  cr_assert_float_eq (field_squared_distance (&f, 0, .1, 23, .1), squared, 1e-15);
  cr_assert_float_eq (sqrt (field_squared_distance (&f, .01, .1, 23, .1)), .18759, 5e-6);
}

Test (field, rate)
{
  const field f = field_of (3);
  for (size_t k = 0; k < f.groups; k += 50)
    cr_assert_float_eq (field_transfer_rate (&f, k, 2),
                        (field_transfer (&f, k, 2 + 1e-6) - field_transfer (&f, k, 2 - 1e-6)) / 2e-6, 1e-9);
}

// The knots are candidates, to the two digits that are printed.

Test (field, knots)
{
  for (size_t k = 0; k < FIELD_KNOTS; k++)
    for (int which = 0; which < 2; which++)
      {
        double knot = which ? field_knots_1[k] : field_knots_3[k];
        cr_assert_float_eq (field_level ((size_t)rint ((knot - .01) * 255 / 22.99)), knot, .0051, "%g", knot);
      }
  double knots[FIELD_KNOTS];
  field_log_linear (knots);
  cr_assert_float_eq (knots[31], 23, 1e-13);
}

// A soft process that is told no knots has these 32 of FIELD(1), evenly spread over the time after .2, and before that
// noise from .01 to .1 and no blur. [soft.txt-unspecified] [soft.fig8]

Test (field, knots_of_a_soft_process_by_default)
{
  sb_error error = { 0 };
  const sb_process *soft = scoped (sb_process_from_text ("soft image=1x8x8", 64, &error), "%s", error.message);
  double level, sigma;
  for (size_t k = 0; k < FIELD_KNOTS; k++)
    {
      ok (sb_soft_at (soft, GSL_MIN (.2 + .8 * (double)k / (FIELD_KNOTS - 1), 1), &level, &sigma));
      cr_assert_float_eq (level, field_knots_1[k], 1e-13, "knot %zu: %g, not %g", k, level, field_knots_1[k]);
      cr_assert_float_eq (sigma, .1, 1e-15);
    }
  ok (sb_soft_at (soft, .1, &level, &sigma));
  cr_assert_float_eq (sigma, .01 * sqrt (10), 1e-15);
}
