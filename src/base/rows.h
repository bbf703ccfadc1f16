#ifndef SCOREBOOK_BASE_ROWS_H
#define SCOREBOOK_BASE_ROWS_H

// Not installed.

#include <gsl/gsl_matrix.h>

// gsl_matrix_memcpy for points of few numbers: it copies each row by a call of BLAS, which at two numbers a row takes
// longer than a sampler's arithmetic. GSL_EBADLEN where the shapes differ.
int sb_copy_rows (gsl_matrix *to, const gsl_matrix *from);

// x_i <- x_i + c v for every row of x (n x d), v (d).
void sb_add_to_rows (double c, const gsl_vector *v, gsl_matrix *x);

// sum_i <- sum_i + weight <a_i, b_i>; a, b (n x d), sum (n).
void sb_add_row_products (double weight, const gsl_matrix *a, const gsl_matrix *b, gsl_vector *sum);

// <a, b>, added in order.
double sb_dot (size_t d, const double *a, const double *b);

#endif
