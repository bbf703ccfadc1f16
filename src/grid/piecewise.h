#ifndef SCOREBOOK_GRID_PIECEWISE_H
#define SCOREBOOK_GRID_PIECEWISE_H

#include "../base/decls.h"

#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// A continuous function that is linear between its knots, and constant before the first and after the last.
typedef struct
{
  gsl_vector *t, *value; // n >= 2 knots; t strictly increasing
} sb_piecewise;

// Copies. NULL: GSL_EBADLEN where the two differ in size or are shorter than 2, GSL_EDOM where a number is not finite
// or t does not increase, GSL_ENOMEM.
sb_piecewise *sb_piecewise_alloc (const gsl_vector *t, const gsl_vector *value);
void sb_piecewise_free (sb_piecewise *f); // NULL is allowed

double sb_piecewise_value (const sb_piecewise *f, double t); // exact at the knots
double sb_piecewise_slope (const sb_piecewise *f,
                           double t); // from the left: of the piece that ends at t, where t is a knot

SB_END_DECLS

#endif
