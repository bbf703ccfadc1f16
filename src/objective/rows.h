#ifndef SCOREBOOK_OBJECTIVE_ROWS_H
#define SCOREBOOK_OBJECTIVE_ROWS_H

// What the objectives do row by row; not installed.

#include <gsl/gsl_matrix.h>

// out_i <- scale <a_i, b_i>; a and b (n x d), which may be the same, out (n).
void sb_rows_dot (double scale, const gsl_matrix *a, const gsl_matrix *b, gsl_vector *out);

// y_i <- y_i + c_i x_i; c NULL: all `scale`, else scale c_i. x and y (n x d), c (n).
void sb_rows_add (double scale, const gsl_vector *c, const gsl_matrix *x, gsl_matrix *y);

#endif
