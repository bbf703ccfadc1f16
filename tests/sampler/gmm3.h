#ifndef SCOREBOOK_TESTS_SAMPLER_GMM3_H
#define SCOREBOOK_TESTS_SAMPLER_GMM3_H

#include "score/score.h"

// A law on the line with a gap, a bulge and two widths: weights .3, .5, .2, means -1.5, .3, 2, standard deviations .3,
// .4, .2. In d dimensions, d independent coordinates of it. Under any process with scalar maps all is known.

// Its score, with the view SB_SCORE; the state is the sb_process.
extern const sb_score_type gmm3_score_type;

double gmm3_cdf (const sb_process *process, double t, double x);
double gmm3_quantile (const sb_process *process, double t, double p); // by bisection, to the last digits

// E[x_0 | x_t = x], by quadrature over x_0.
double gmm3_posterior_mean (const sb_process *process, double t, double x);

// A draw of x_0: quantiles of uniforms.
int gmm3_sample (sb_stream stream, gsl_matrix *x);

// The Kolmogorov-Smirnov distance of all numbers of x from the law at time t.
double gmm3_distance (const sb_process *process, double t, const gsl_matrix *x);

// With n independent numbers from the law the distance exceeds this with a probability under 10^-6 (Massart, 1990).
double gmm3_critical (size_t n);

#endif
