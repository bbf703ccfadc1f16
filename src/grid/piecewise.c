// # Linear between knots
//
// A path of 32 levels is found by a search, and linear interpolation extends it to all times. [soft.txt-interp] What is
// interpolated is the level, a blur's standard deviation, not the matrix: halfway between two blurs is a blur, and not
// their mean. At a knot the slope jumps; it is taken from the left, from earlier times.

#include "piecewise.h"

#include "../base/error.h"

#include <gsl/gsl_interp.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

static int
check (const gsl_vector *t, const gsl_vector *value)
{
  if (t->size != value->size || t->size < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "a line through knots takes two or more, not %zu times and %zu values", t->size,
              value->size);
  for (size_t k = 0; k < t->size; k++)
    if (!gsl_finite (gsl_vector_get (value, k)) || !gsl_finite (gsl_vector_get (t, k))
        || (k > 0 && !(gsl_vector_get (t, k) > gsl_vector_get (t, k - 1))))
      SB_ERROR (NULL, GSL_EDOM, "knot %zu, %g at %g, is not finite or not later than the one before it", k,
                gsl_vector_get (value, k), gsl_vector_get (t, k));
  return GSL_SUCCESS;
}

sb_piecewise *
sb_piecewise_alloc (const gsl_vector *t, const gsl_vector *value)
{
  if (check (t, value))
    return NULL;
  sb_piecewise *f = malloc (sizeof *f);
  if (f)
    *f = (sb_piecewise){ gsl_vector_alloc (t->size), gsl_vector_alloc (t->size) };
  if (!f || !f->t || !f->value)
    {
      sb_piecewise_free (f);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for %zu knots", t->size);
    }
  gsl_vector_memcpy (f->t, t);
  gsl_vector_memcpy (f->value, value);
  return f;
}

void
sb_piecewise_free (sb_piecewise *f)
{
  if (!f)
    return;
  gsl_vector_free (f->t);
  gsl_vector_free (f->value);
  free (f);
}

static double
slope_of_piece (const sb_piecewise *f, size_t k)
{
  return (gsl_vector_get (f->value, k + 1) - gsl_vector_get (f->value, k))
         / (gsl_vector_get (f->t, k + 1) - gsl_vector_get (f->t, k));
}

double
sb_piecewise_value (const sb_piecewise *f, double t)
{
  const size_t n = f->t->size;
  if (!(t > gsl_vector_get (f->t, 0)))
    return gsl_vector_get (f->value, 0);
  if (t >= gsl_vector_get (f->t, n - 1))
    return gsl_vector_get (f->value, n - 1);
  const size_t k = gsl_interp_bsearch (f->t->data, t, 0, n - 1);
  return gsl_vector_get (f->value, k) + slope_of_piece (f, k) * (t - gsl_vector_get (f->t, k));
}

double
sb_piecewise_slope (const sb_piecewise *f, double t)
{
  const size_t n = f->t->size;
  if (!(t > gsl_vector_get (f->t, 0)) || t > gsl_vector_get (f->t, n - 1))
    return 0;
  size_t k = gsl_interp_bsearch (f->t->data, t, 0, n - 1);
  return slope_of_piece (f, t == gsl_vector_get (f->t, k) ? k - 1 : k);
}
