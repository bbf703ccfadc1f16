#ifndef SCOREBOOK_BASE_ROWS_H
#define SCOREBOOK_BASE_ROWS_H

// Not installed.

#include <gsl/gsl_matrix.h>

// gsl_matrix_memcpy for points of few numbers: it copies each row by a call of BLAS, which at two numbers a row takes
// longer than a sampler's arithmetic. GSL_EBADLEN where the shapes differ.
int sb_copy_rows (gsl_matrix *to, const gsl_matrix *from);

#endif
