#ifndef SCOREBOOK_OPERATOR_SYMMETRIC_H
#define SCOREBOOK_OPERATOR_SYMMETRIC_H

// Symmetric matrices, for internal use; not installed.

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

enum
{
  SB_SYMMETRIC_LARGEST = 16384 // rows
};

// The eigenvalues (d), ascending, of a (d x d, of which the lower triangle is read), and in row k of `a` the
// eigenvector of number k. GSL_ENOMEM, GSL_EMAXITER.
int sb_symmetric_eigen (gsl_matrix *a, gsl_vector *lambda);

// The upper triangle, from the lower.
void sb_symmetric_mirror (gsl_matrix *a);

#endif
