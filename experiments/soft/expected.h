#ifndef SCOREBOOK_EXPERIMENTS_EXPECTED_H
#define SCOREBOOK_EXPERIMENTS_EXPECTED_H

#include "../images.h"

// Digits that are corrupted more and more, and the clean digit that is expected at each time: E[x_0 | x_t] of a score,
// a network's or a law's.
enum
{
  TIMES = 8,
  SHOWN_DIGITS = 6
};

double time_of (int k); // even from near 0 to 1

// Mean squared errors of a pixel at one time: of x_t and of E[x_0 | x_t]; the latter over the pixels that are observed
// and over those that are masked; and its increase over the time before, with the standard error of the paired
// difference.
typedef struct
{
  double corrupted, expected, observed, masked, increase, increase_se;
} expectation;

// Of the digits x_0, at all times; pictures of x_t and of what is expected: `$OUT-NAME-forward`, `$OUT-NAME-expected`.
void look_forward (results *r, const sb_score *score, const char *name, const gsl_matrix *x_0, expectation *of);

// Row k of a strip's digit i is row i TIMES + k.
void put_into (gsl_matrix *strip, int k, const gsl_matrix *x);

gsl_matrix *matrix_of (size_t n);

// The claims that what is seen gets worse with time, and that what is expected does not get better: no increase may be
// below -`slack` standard errors. A window's: that what is observed is expected better than what is masked.
// [soft.txt-maskpred]
void claim_growth (results *r, const char *name, const expectation *e, double slack);
void claim_masks (results *r, const char *whose, const expectation *e);

#endif
