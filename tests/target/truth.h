#ifndef SCOREBOOK_TESTS_TARGET_TRUTH_H
#define SCOREBOOK_TESTS_TARGET_TRUTH_H

// What the tests of laws and scores measure against: the textbook's formulas of a small mixture, component after
// component, in long double and by another road than the library's (Cholesky, no eigenvalues, no batches, no BLAS).

#include "process/process.h"
#include "target/target.h"

#include <gsl/gsl_rng.h>

enum
{
  TRUTH_K = 8, // at most
  TRUTH_D = 8
};

typedef struct
{
  size_t K, d;
  double w[TRUTH_K]; // of any sum
  double mu[TRUTH_K][TRUTH_D];
  double C[TRUTH_K][TRUTH_D][TRUTH_D];
} truth_law;

typedef struct
{
  long double log_p;
  long double r[TRUTH_K]; // responsibilities
  long double score[TRUTH_D], denoiser[TRUTH_D], epsilon[TRUTH_D];
  long double jacobian[TRUTH_D][TRUTH_D];   // of the score
  long double covariance[TRUTH_D][TRUTH_D]; // of x_0 given x

  // What errors are relative to.
  long double exponent;  // the largest |x - m mu_k|^2 / variance of a component that counts
  long double size;      // sum_k r_k |score of component k|
  long double curvature; // sum_k r_k (|precision of component k| + |its score - the score|^2)
  long double reach;     // |denoiser| + largest |mu_k|
  long double
      condition; // |x| max_k |score of component k - the score|: what a rounding of x does to an r_k that counts
} truth;

// Of x (d numbers) under x_t = m x_0 + sd z.
truth truth_at (const truth_law *law, double m, double sd, const double *x);

// A point near a component, between two (blend 2: half way, 3: anywhere) or as far away as `distance` says.
void truth_point (gsl_rng *r, const truth_law *law, double m, double blend, double distance, double *x);

// The same law, as the library's.
sb_target *truth_mixture (const truth_law *law);
sb_target *truth_points (const truth_law *law); // the covariances are left out

// How far the library is from the truth at x, relative to what enters the sums. The direction of the Jacobian-vector
// product is (1, -1, 1, ...). The noise's own score is of size 1 / sd: that, times `least`, adds to the size of a
// score.
typedef enum
{
  LOG_DENSITY,
  SCORE,
  DENOISER,
  EPSILON,
  JACOBIAN,
  DIVERGENCE,
  COVARIANCE,
  QUANTITIES
} quantity;
extern const char *const quantity_name[QUANTITIES];
double disagreement (const sb_target *target, const truth_law *law, quantity what, double m, double sd, const double *x,
                     double least);

// A process whose kernel is N(m x_0, sd^2 I) at every time.
sb_process *fixed_process (size_t d, double m, double sd);

// The inventory's mixture in one dimension.
extern const truth_law GMM3;

#endif
