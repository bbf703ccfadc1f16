#ifndef SCOREBOOK_MEASURE_SAMPLE_MOMENTS_H
#define SCOREBOOK_MEASURE_SAMPLE_MOMENTS_H

#include "../base/error.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// The mean (d) and the covariance (d x d, divisor n - 1) of the rows of x (n x d), n >= 2.
// GSL_EBADLEN, GSL_EINVAL where n < 2, GSL_EDOM where a number is not finite, GSL_EOVRFLW or GSL_EUNDRFLW where
// variances are beyond the range of doubles, GSL_ENOMEM.
int sb_sample_moments (const gsl_matrix *x, gsl_vector *mean, gsl_matrix *covariance);

// The mean (d) and covariance (d x d) of a set of points kept in a file, so that a Frechet distance to the set needs
// neither the points nor the time to process them again.
typedef struct
{
  char *of;     // what the coordinates are: only moments of the same may be compared
  size_t count; // points they were taken of, at least 2
  gsl_vector *mean;
  gsl_matrix *covariance;
} sb_moments_file;

// Those of the rows of x (n x d). NULL: as sb_sample_moments.
sb_moments_file *sb_moments_file_of (const gsl_matrix *x, const char *of);
void sb_moments_file_free (sb_moments_file *moments); // NULL is allowed

// Write them as safetensors, whole or not at all: tensors `mean` (with `mean_rest`, what rounding left of it) and
// `covariance` in single precision, notes `of` and `count`. GSL_EINVAL where a number is not finite in single
// precision, GSL_EUNDRFLW where all are too small for it, GSL_EFAILED, GSL_ENOMEM; a line in `error`.
int sb_moments_file_write (const sb_moments_file *moments, const char *path, sb_error *error);

// NULL on failure with a line in `error`: GSL_EFAILED where the file cannot be read, GSL_EINVAL where it holds no
// moments or a covariance that is not symmetric, GSL_ENOMEM.
sb_moments_file *sb_moments_file_read (const char *path, sb_error *error);

SB_END_DECLS

#endif
