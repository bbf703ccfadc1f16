#ifndef SCOREBOOK_OPERATOR_INVERT_H
#define SCOREBOOK_OPERATOR_INVERT_H

// The inverse of a matrix, for the operators; not installed.

#include <gsl/gsl_matrix.h>

// A (n x n) <- its inverse; condition: the largest over the smallest singular value, infinite where A has none.
// GSL_ENOMEM, GSL_EMAXITER.
int sb_invert (gsl_matrix *A, double *condition);

#endif
