#ifndef SCOREBOOK_EXPERIMENTS_COMPLETIONS_H
#define SCOREBOOK_EXPERIMENTS_COMPLETIONS_H

#include "../results.h"

#include <scorebook.h>

// What the figures of inpainting and of colours share: images of which some numbers are known, and several completions
// of each that `scorebook sample` has drawn.

// Every row so many times, one after the other, as `$OUT-NAME.npy`; and a vector as one point.
void write_repeated (const char *name, const gsl_matrix *x, size_t times);
void write_point (const char *name, const gsl_vector *x);

typedef struct
{
  const gsl_matrix *truth; // n x d
  const gsl_matrix *drawn; // n times x d: those of an image lie together
  const gsl_vector *known; // d: 1 where a number is known, else 0
  size_t times;            // completions of each image
} completions;

// Of the known numbers: the largest difference of a completion from the truth. Of the unknown ones: the least distance
// (root mean square) between two completions of an image, and their variance around the mean over an image's
// completions.
typedef struct
{
  double changed, apart, variance;
} spread;

spread spread_of (const completions *c);

// A guess (d) that is the same for all images, and the mean of each image's completions: mean squared errors of the
// unknown numbers; by how much the mean's is the lower, the standard error of that over images, and the p-value of a
// paired t test (one-sided: that it is no lower).
typedef struct
{
  double guess, mean, gain, se, p;
} contest;

contest contest_with (const completions *c, const gsl_vector *guess);

// The mean squared error of a guess at the unknown numbers of x (n x d).
double error_of_guess (const gsl_matrix *x, const gsl_vector *known, const gsl_vector *guess);

// The mean of the rows of x.
gsl_vector *mean_row (const gsl_matrix *x);

// Samples of a Gaussian with mean 0 and this covariance (d x d), as many as `known` has rows, by its exact score under
// the VE SDE: by predictors alone, or with a corrector after each.
gsl_matrix *impute_gaussian (const gsl_matrix *covariance, const sb_known *known, bool corrected, results *r);

// For a picture: for each of the first `images`, the truth, what is known of it, and the first `shown` completions.
// hidden (d) stands where nothing is known.
gsl_matrix *rows_for_picture (const completions *c, size_t images, size_t shown, const gsl_vector *hidden);

#endif
