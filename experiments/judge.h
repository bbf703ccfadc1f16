#ifndef SCOREBOOK_EXPERIMENTS_JUDGE_H
#define SCOREBOOK_EXPERIMENTS_JUDGE_H

#include "images.h"
#include "jackknife.h"

enum
{
  CLASSES = 10
};

// Who looks at digits, or clothes: the shipped classifier, which also has features, and those features' moments over
// the 60,000 training images.
typedef struct
{
  sb_classifier *classifier;
  sb_moments_file *training;
} judge;

// What is said of a batch of images.
typedef struct
{
  double frechet;          // squared distance of the features to the training images'
  double inception;        // the score, from 1 to 10
  double confidence, sure; // mean of the largest probability; share of images where it is over 0.9
  double share[CLASSES];   // of the images, in each class
} verdict;

// From $DATA, for "mnist" or "fashion". The program ends where one of the two is missing.
judge judge_open (const char *images);
void judge_close (judge j);

// Images x (n x 784, n >= 2), black at low and white at high.
verdict judged (const judge *j, const gsl_matrix *x, double low, double high);

// The same with the jackknife's standard errors of frechet and inception, which look at a set of images as a whole.
verdict judged_with_errors (const judge *j, const gsl_matrix *x, double low, double high, verdict *se);

// Two rows for clothes, the distance that perfect samples of that number would have (at most 500), and that of uniform
// noise.
void put_floor_and_noise (results *r, const judge *j, size_t n, const char *column);

// The share of them that the classifier sees in the classes y (n x 1) that were asked for.
double agreed (const judge *j, const gsl_matrix *x, double low, double high, const gsl_matrix *y);

#endif
