#include "operator.h"

int
sb_operator_apply (const sb_operator *op, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                   gsl_matrix *out)
{
  return op->type->apply (op->state, transpose, level, x, out);
}
