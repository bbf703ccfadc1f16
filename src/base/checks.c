// # Checks of arguments
//
// GSL multiplies the lengths that it is given unchecked: the size of $2^{61}$ numbers of eight bytes wraps around to
// 0, and the allocation succeeds.

#include "checks.h"
#include "error.h"

#include <float.h>
#include <math.h>
#include <stdint.h>

static const size_t MOST = SIZE_MAX / 4096;

int
sb_check_lengths (const char *what, size_t a, size_t b, size_t c)
{
  if (a > 0 && b > 0 && c > 0 && (a > MOST || b > MOST / a || c > MOST / a / b))
    SB_ERROR (NULL, GSL_ENOMEM, "%s: %zu x %zu x %zu are more than any memory holds", what, a, b, c);
  return GSL_SUCCESS;
}

int
sb_check_apart (const char *what, const gsl_matrix *x, const gsl_matrix *out)
{
  if (x && out && x->data == out->data && x->size1 > 0 && x->size2 > 0)
    SB_ERROR (NULL, GSL_EINVAL, "%s: the result must not be written over what it is computed from", what);
  return GSL_SUCCESS;
}

int
sb_check_finite_numbers (const char *what, int code, const double *v, size_t count)
{
  for (size_t k = 0; k < count; k++)
    if (!(fabs (v[k]) <= DBL_MAX))
      SB_ERROR (NULL, code, "number %zu of %s is %g", k, what, v[k]);
  return GSL_SUCCESS;
}

int
sb_check_finite (const char *what, int code, const gsl_matrix *m)
{
  for (size_t i = 0; i < m->size1; i++)
    {
      const double *row = gsl_matrix_const_ptr (m, i, 0);
      for (size_t j = 0; j < m->size2; j++)
        if (!(fabs (row[j]) <= DBL_MAX))
          SB_ERROR (NULL, code, "row %zu, column %zu of %s is %g", i, j, what, row[j]);
    }
  return GSL_SUCCESS;
}
