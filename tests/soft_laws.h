#ifndef SCOREBOOK_TESTS_SOFT_LAWS_H
#define SCOREBOOK_TESTS_SOFT_LAWS_H

// What the tests of Soft Diffusion share: laws and corruptions of which all is known. [soft.set-fixtures]

#include "process/soft.h"
#include "target/target.h"

#include <gsl/gsl_rng.h>

// ## C_t = c(t) I
//
// Two functions of time and their rates.
typedef struct
{
  double (*c) (double t), (*c_rate) (double t), (*sigma) (double t), (*sigma_rate) (double t);
} soft_pair;

extern const soft_pair soft_g1, // c = e^{-2 t^2}, sigma^2 = .3 t + .5 t^3
    soft_gmm1,                  // c = 1 - .9 t, sigma = .05 + .5 t
    soft_smooth;                // c = 1 - .8 t + .1 t^2, sigma^2 = .02 + .4 t^2
sb_process *soft_of (const soft_pair *pair, size_t d);

// Of data with the variance P: c_t^2 P + sigma_t^2.
double soft_variance (const sb_process *process, double P, double t);

// ## Straight lines
//
// Level and noise go from one number, at t = 0, to another, at 1. As sb_soft_alloc: NULL where that fails.
sb_process *soft_line_alloc (sb_operator *C, double level, double to_level, double sigma, double to_sigma);

// ## Matrices
//
// In the plane C_t = [[1 - .6 t, .3 t^2], [-.2 t, 1 - .9 t + .2 t^2]], sigma^2 = .05 + .4 t^2: no two of them
// commute, none is symmetric.
sb_process *soft_plane (void);
void soft_plane_matrix (double t, double *C, double *C_rate); // row by row; NULL: not wanted

// Four numbers, sigma = .3: a matrix of no symmetry, I + t M; a mask that keeps the two in the middle; a blur.
typedef enum
{
  SOFT_DENSE,
  SOFT_MASK,
  SOFT_BLUR,
  SOFT_KINDS
} soft_kind;
extern const char *const soft_kind_name[SOFT_KINDS];
sb_operator *soft_four_operator (soft_kind kind);
sb_process *soft_four (soft_kind kind);

// ## Laws
//
// G1 is N(.7, 1.7); G2 is N(0, [[1.3, .5], [.5, .7]]); GMM1 has the weights .3, .5, .2, means -2, .5, 3 and variances
// .2, .05, .6; GMMn has three components in four dimensions.
sb_target *soft_g1_law (void);
sb_target *soft_g2_law (void);
sb_target *soft_gmm1_law (void);
sb_target *soft_gmmn_law (void);

enum
{
  GMM1_K = 3
};
extern const double soft_gmm1_w[GMM1_K], soft_gmm1_mu[GMM1_K], soft_gmm1_v[GMM1_K];
extern const double soft_g1_m, soft_g1_P, soft_g2_P[4];

// Of GMM1 under c and sigma: the distribution function, and its inverse by bisection; the Kolmogorov-Smirnov distance
// of n numbers from it.
double soft_gmm1_cdf (double c, double sigma, double x);
double soft_gmm1_quantile (double c, double sigma, double p);
double soft_gmm1_distance (double c, double sigma, const gsl_matrix *x); // x: n x 1

// ## Systems of equations
//
// dy/dt = slopes (t, y), in GSL's form with the process as params: y becomes the solution at `to` > `from`, to 1e-12 or
// so.
typedef int (*soft_slopes) (double t, const double y[], double dydt[], void *process);
void soft_solve (soft_slopes slopes, size_t count, const sb_process *process, double from, double to, double *y);

#endif
