// # Linear between knots
//
// Exact at the knots, linear between them, monotone where they are, constant beyond; the slope is the left one.
// [soft.txt-interp]

#include "grid/piecewise.h"
#include "scope.h"

#include <gsl/gsl_math.h>

SUITE (piecewise);

Test (piecewise, goes_through_its_knots)
{
  gsl_vector *t = vector_of (0.2, 0.35, 0.8, 1), *v = vector_of (0.01, 0.3, 4, 23);
  sb_piecewise *f = sb_piecewise_alloc (t, v);
  cr_assert_not_null (f);
  double before = 0;
  for (size_t k = 0; k < 4; k++)
    cr_assert_eq (sb_piecewise_value (f, gsl_vector_get (t, k)), gsl_vector_get (v, k));
  for (double at = 0; at <= 1; at += 1e-3)
    {
      const double value = sb_piecewise_value (f, at);
      cr_assert_geq (value, before, "at %g", at);
      before = value;
    }
  cr_assert_float_eq (sb_piecewise_value (f, 0.275), 0.155, 1e-15);
  cr_assert_float_eq (sb_piecewise_slope (f, 0.9), 95, 1e-12);
  cr_assert_float_eq (sb_piecewise_slope (f, 0.8), 3.7 / 0.45, 1e-12);
  cr_assert_float_eq (sb_piecewise_slope (f, 0.8 + 1e-9), 95, 1e-12);
  cr_assert (sb_piecewise_value (f, 0) == 0.01 && sb_piecewise_value (f, 2) == 23);
  cr_assert (sb_piecewise_slope (f, 0.1) == 0 && sb_piecewise_slope (f, 1.1) == 0 && sb_piecewise_slope (f, 0.2) == 0);
  sb_piecewise_free (f);
}

Test (piecewise, refuses_what_is_no_function)
{
  cr_assert_null (sb_piecewise_alloc (vector_of (0), vector_of (1)));
  cr_assert_null (sb_piecewise_alloc (vector_of (0, 1), vector_of (1, 2, 3)));
  cr_assert_null (sb_piecewise_alloc (vector_of (0, 0), vector_of (1, 2)));
  cr_assert_null (sb_piecewise_alloc (vector_of (0, 1), vector_of (1, GSL_NAN)));
  cr_assert_null (sb_piecewise_alloc (vector_of (0, GSL_POSINF), vector_of (1, 2)));
  sb_piecewise_free (NULL);
}
