#ifndef SCOREBOOK_MEASURE_DIVERSITY_H
#define SCOREBOOK_MEASURE_DIVERSITY_H

#include "../base/decls.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

enum
{
  SB_DIVERSITY_ROWS = 5 // the paper's number of reconstructions
};

// How much reconstructions of one observation differ. x (n x d, n >= 1): groups of m >= 2 consecutive rows, of one
// observation each. In each coordinate the standard deviation over a group, with the divisor m - 1, and the mean of
// these over the coordinates. each (n / m), or NULL, gets those of the groups, and mean, or NULL, their mean. In units
// of x. GSL_EINVAL where m is under 2; GSL_EBADLEN where n is no multiple of m, each has another length, or there is
// nothing; GSL_EDOM where a number is not finite; GSL_EOVRFLW where a deviation is not; GSL_ENOMEM.
int sb_diversity (const gsl_matrix *x, size_t m, gsl_vector *each, double *mean);

SB_END_DECLS

#endif
