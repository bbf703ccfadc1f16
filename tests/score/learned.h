#ifndef SCOREBOOK_TESTS_LEARNED_H
#define SCOREBOOK_TESTS_LEARNED_H

#include <stddef.h>

// The score that a network stands for, in double and by formulas of its own: what a test of score/network.c can take
// differences of.

typedef struct
{
  const char *configuration;
  int mixed, log_noise; // what it predicts and is told
  double deviation;     // of the data
  size_t n, channels, pixels;
  const double *t, *a, *sd; // of each of n rows: its time, and x_t = a x_0 + sd z there
} learned;

// s (n x channels pixels) <- the scores at x, of rows as files have them, the channel fastest.
void learned_score (const learned *l, const double *theta, const double *x, double *s);

#endif
