#ifndef SCOREBOOK_TESTS_CHAIN_H
#define SCOREBOOK_TESTS_CHAIN_H

#include "process/process.h"
#include "score/score.h"
#include "target/target.h"
#include "transition/reverse.h"

// What the tests of DDPM's chain share: two chains, two kinds of data, and the chain's numbers once more, as plain
// products in long double.

// T = 4, beta = .1, .3, .2, .5; and T = 1000 from 1e-4 to 2e-2. beta and alpha_bar are indexed by the level, 0 to T.
typedef struct
{
  size_t T;
  long double beta[1001], alpha_bar[1001];
} chain;

void chain_small (chain *c);
void chain_linear (chain *c, size_t T); // the thousand betas; of fewer levels, scaled by 1000/T
sb_process *chain_alloc (const chain *c, size_t d);

// The data N(m, v I) in d dimensions, and mixtures of such.
sb_target *chain_gaussian (size_t d, double m, double v);
sb_target *chain_mixture (size_t d, size_t K, const double *w, const double *m, const double *v);

sb_score *chain_score (const chain *c, const sb_target *data); // the exact one, under this chain

// Two bumps, .3 N(-2, .05) + .7 N(1.5, .2) in each of d coordinates, all in the same bump; and the distribution
// function of a coordinate where alpha_bar, a double, is what the context points to.
sb_target *chain_bumps (size_t d);
double chain_bumps_cdf (double x, void *alpha_bar);

gsl_matrix *chain_sample (const sb_target *data, size_t n, uint64_t seed);

// sb_reverse_variance of a process of one part: v (n).
int one_variance (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                  const gsl_matrix *x, gsl_vector *v);

// By the trapezoidal rule, which is exact to rounding for Gaussians: the integral of f from low to high.
double chain_integral (double (*f) (double x, void *context), void *context, double low, double high);

#endif
