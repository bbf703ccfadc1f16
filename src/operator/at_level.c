// # An operator at one of its levels
//
// A blur of one width, a window of one size: $\mathbf x \mapsto C_\ell\,\mathbf x$ with the same $\ell$ for all rows,
// where an operator without a level is asked for, as in inverse problems. [scoresde.eq50]

#include "operator.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>

typedef struct
{
  sb_operator *C;
  double level;
} fixed;

static void
fixed_free (void *state)
{
  fixed *f = state;
  sb_operator_free (f->C);
  free (f);
}

static int
fixed_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
             gsl_matrix *out)
{
  const fixed *f = state;
  (void)level;
  gsl_vector *of_rows = gsl_vector_alloc (x->size1);
  if (!of_rows)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the levels of %zu rows", x->size1);
  gsl_vector_set_all (of_rows, f->level);
  const int status = sb_operator_apply (f->C, transpose, of_rows, x, out);
  gsl_vector_free (of_rows);
  return status;
}

static const sb_operator_type at_level = { .name = "at-level", .apply = fixed_apply, .free = fixed_free };

sb_operator *
sb_operator_at_level_alloc (sb_operator *C, double level)
{
  if (!C)
    return NULL;
  fixed *f = malloc (sizeof *f);
  if (f && C->type->has_level && gsl_finite (level))
    {
      *f = (fixed){ C, level };
      return sb_operator_alloc (&at_level, f, C->rows, C->columns);
    }
  const char *name = C->type->name;
  const int has_level = C->type->has_level;
  sb_operator_free (C);
  if (!f)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator %s: no memory", name);
  free (f);
  if (!has_level)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator %s: it has no levels", name);
  SB_ERROR_NULL (NULL, GSL_EINVAL, "operator %s: a level of %g", name, level);
}
