#ifndef SCOREBOOK_EXPERIMENTS_JACKKNIFE_H
#define SCOREBOOK_EXPERIMENTS_JACKKNIFE_H

#include <gsl/gsl_matrix.h>

enum
{
  GROUPS = 8 // of samples
};

// The jackknife for what looks at a set as a whole: the rows but every GROUPS-th from `group` on, and the
// standard error from what was found without each group (GROUPS numbers).
gsl_matrix *without_group (const gsl_matrix *rows, size_t group);
double jackknife (const double *value);

#endif
