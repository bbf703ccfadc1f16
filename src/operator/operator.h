#ifndef SCOREBOOK_OPERATOR_OPERATOR_H
#define SCOREBOOK_OPERATOR_OPERATOR_H

#include "../base/decls.h"

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

typedef struct
{
  const char *name;
  int (*apply) (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out);
  void (*free) (void *state);
} sb_operator_type;

typedef struct
{
  const sb_operator_type *type;
  void *state;
  size_t rows, columns;
} sb_operator;

int sb_operator_apply (const sb_operator *op, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                       gsl_matrix *out);

SB_END_DECLS

#endif
