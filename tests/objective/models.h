#ifndef SCOREBOOK_TESTS_OBJECTIVE_MODELS_H
#define SCOREBOOK_TESTS_OBJECTIVE_MODELS_H

// Models small enough to know all about, laws to match them to, and rules by which expectations are sums.

#include "process/process.h"
#include "score/score.h"
#include "target/target.h"

// ## Points with weights: an expectation is a weighted sum over rows

typedef struct
{
  gsl_matrix *x; // n x d
  gsl_vector *t; // n, all the same
  double *w;     // n
} rule;

// The trapezoidal rule for a law on a line: n points on [low, high], weighted by the density at time t.
rule rule_of_line (const sb_target *law, const sb_process *process, double t, double low, double high, size_t n);
// The midpoint rule on [0, 1] for a density there.
rule rule_of_unit_interval (double (*density) (double x), size_t n);
// 2 d points with the mean and the covariance L L^T of a Gaussian: exact for quadratic functions.
rule rule_of_gaussian (const double *mean, const double *L, size_t d);
double rule_mean (const rule *r, const gsl_vector *loss);
double explicit_mean (const sb_score *score, const sb_score *truth, const rule *r); // of explicit score matching

// ## Models
//
// Each counts its evaluations and products, and adds its parameters' gradient to theta_bar in vjp.

typedef struct
{
  size_t d, parameters;
  double *theta, *theta_bar;
  size_t evaluations, products;
} model;

// s(x) = a + B x; theta is a (d), then B (d x d) by rows. No divergence of its own.
extern const sb_score_type affine_type;
model affine_alloc (size_t d);

// s(x) = a + b x + c sin x on a line; theta is (a, b, c).
extern const sb_score_type wave_type;
model wave_alloc (double a, double b, double c);
model some_wave (int k); // number k of four

// s(x) = U tanh (V x + (1 + t + y) b) in ten dimensions, y being a row's condition, if any, of which it takes the first
// number; with sixteen hidden units, and weights from a seed.
enum
{
  MLP_D = 10,
  MLP_H = 16
};
extern const sb_score_type mlp_type;
model mlp_alloc (unsigned long seed);

// ## Laws

// 0.3 N(-2, 0.5) + 0.7 N(1.5, 0.8) (variances), on a line.
sb_target *two_bumps (void);
// N(mean, L L^T).
sb_target *gaussian (const double *mean, const double *L, size_t d);
// Three Gaussians in three dimensions, none of them round.
sb_target *three_in_space (void);

// SMLD's chain of one level: noise of standard deviation sigma at t = 1, none at t = 0.
sb_process *one_level (size_t d, double sigma);

#endif
