#ifndef SCOREBOOK_TESTS_SAMPLER_LINEAR_H
#define SCOREBOOK_TESTS_SAMPLER_LINEAR_H

#include "score/score.h"

// dx = F x dt + G dw in the plane, F and G full matrices, neither symmetric nor triangular, on [0, 1]: a process
// whose maps are no multiples of the identity. Matrices are row by row.
typedef struct
{
  double F[4], G[4];
  double covariance[4]; // of the data, which have mean zero
} linear;

// One with random matrices, and data of full rank.
linear linear_random (double seed);

// The process; the state is the caller's `linear`, to be released after it.
sb_process *linear_alloc (const linear *state);

// The exact score of the perturbed data: SB_SCORE; the state is the `linear`.
extern const sb_score_type linear_score_type;

void linear_transition (const linear *state, double h, double *A, double *Q); // over a time h: mean, covariance
void linear_covariance (const linear *state, double t, double *C);            // Cov[x_t]

// 2 x 2 products and inverses.
void linear_multiply (const double *a, CBLAS_TRANSPOSE_t trans_a, const double *b, CBLAS_TRANSPOSE_t trans_b,
                      double *c);
void linear_invert (const double *a, double *inverse);

#endif
