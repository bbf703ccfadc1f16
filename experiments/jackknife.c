// # The jackknife
//
// Of a number that looks at a set of samples as a whole the standard error is found by leaving out one of $G$ groups
// after another: $\tfrac{G-1}G\sum_g(\theta_{-g} - \bar\theta)^2$.

#include "jackknife.h"
#include "results.h"

#include <gsl/gsl_math.h>

gsl_matrix *
without_group (const gsl_matrix *rows, size_t group)
{
  const size_t n = rows->size1;
  gsl_matrix *rest = require_pointer (gsl_matrix_alloc (n - (n - group + GROUPS - 1) / GROUPS, rows->size2), "samples");
  for (size_t i = 0, k = 0; i < n; i++)
    if (i % GROUPS != group)
      {
        gsl_vector_const_view row = gsl_matrix_const_row (rows, i);
        gsl_matrix_set_row (rest, k++, &row.vector);
      }
  return rest;
}

double
jackknife (const double *value)
{
  double mean = 0, sum = 0;
  for (size_t g = 0; g < GROUPS; g++)
    mean += value[g] / GROUPS;
  for (size_t g = 0; g < GROUPS; g++)
    sum += gsl_pow_2 (value[g] - mean);
  return sqrt (sum * (GROUPS - 1) / GROUPS);
}
