#ifndef SCOREBOOK_PROCESS_GAUSSIAN_PRIOR_H
#define SCOREBOOK_PROCESS_GAUSSIAN_PRIOR_H

// The prior of a corruption that does not remove all of the data; not installed.

#include "../base/stream.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

// x ~ N(mean, U^T U + sigma^2 I), in d dimensions.
typedef struct
{
  gsl_vector *mean; // d
  gsl_matrix *U;    // r x d
} sb_gaussian_prior;

void sb_gaussian_prior_free (sb_gaussian_prior *prior);

// x (n x d), log_prior (n), in nats. Row i takes d + r normals of its stream. GSL_ENOMEM.
int sb_gaussian_prior_draw (const sb_gaussian_prior *prior, double sigma, sb_stream stream, gsl_matrix *x);
int sb_gaussian_prior_log_density (const sb_gaussian_prior *prior, double sigma, const gsl_matrix *x,
                                   gsl_vector *log_prior);

// Three ways to make a prior. GSL_EBADLEN, GSL_EDOM where a number is not finite, GSL_ENOMEM; then there is nothing to
// free.

// Copy a given mean and directions; NULL: zeros.
int sb_gaussian_prior_copy (size_t dimension, const gsl_vector *mean, const gsl_matrix *U, sb_gaussian_prior *prior);

// Fit images of a single colour to the rows of x.
int sb_gaussian_prior_of_colours (size_t channels, const gsl_matrix *x, sb_gaussian_prior *prior);

// Fit the mean and `rank` principal directions of the rows of x, which is overwritten. GSL_EINVAL where they vary in
// fewer directions.
int sb_gaussian_prior_fit (size_t rank, gsl_matrix *x, sb_gaussian_prior *prior);

#endif
