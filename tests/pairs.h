#ifndef SCOREBOOK_TESTS_PAIRS_H
#define SCOREBOOK_TESTS_PAIRS_H

// What the tests of conditional estimators share: pairs (x_0, y) of two numbers of which all is known, rules by which
// expectations over them and their noise are sums, and models of scores that are linear in their parameters.

#include "objective/objective.h"
#include "process/process.h"
#include "score/score.h"
#include "target/target.h"

#include <stdbool.h>

// ## Laws

enum
{
  PAIR_K = 2
};

typedef struct
{
  size_t K;
  double w[PAIR_K], mean[PAIR_K][2], xx[PAIR_K], xy[PAIR_K], yy[PAIR_K];
} pair;

extern const pair PAIR_G, // one Gaussian, of unit variances and correlation .8
    PAIR_M;               // .4 and .6 of two

sb_target *pair_law (const pair *law);
sb_target *pair_law_of_y (const pair *law);

// The law of x_0 given y, a mixture of as many components; as a pair, of which y is 0.
pair pair_given (const pair *law, double y);
sb_target *pair_law_of_x (const pair *law);

// ## Processes: the caller's
//
// They add noise alone. Its variance is rate t; or from 0 at t = 0 that of a geometric scale from .01 to 10, times
// scale^2.

sb_process *pair_straight (size_t d, double rate);
sb_process *pair_geometric (size_t d, double scale);
sb_process *pair_of (sb_process *x, sb_process *y); // of both, registered

// ## Rules
//
// By Gauss and Hermite, `nodes` for each normal number that x_0, y and the noises of x_t and, where there are two, y_t
// are made of: sum_i w_i f, exact for polynomials up to the degree 2 nodes - 1.

typedef struct
{
  size_t n;
  gsl_matrix *z_0, *noise; // n x 2
  double *w;               // n
} pair_rule;

pair_rule pair_rule_of (const pair *law, size_t nodes, size_t noises);
void pair_nodes (size_t nodes, double *z, double *w); // of one standard normal number

// ## Models
//
// s_i = a_i + b_i x + c_i y + e_i sin (f x + y), of x alone given y as its condition (d = 1), or of both (d = 2). theta
// is (a, b, c, e) of each i, then f. Products are counted in theta_bar.

typedef struct
{
  size_t d, parameters;
  double theta[9], theta_bar[9];
} pair_model;

pair_model pair_model_of (size_t d);
sb_score *pair_score (pair_model *model, const sb_process *process); // registered

// ## Losses

// The mean of an objective's loss at time t, by a rule; back: and its gradient, in theta_bar.
double pair_mean (const sb_objective *o, const sb_score *score, const pair_rule *r, double t, pair_model *back);

// The parameters at which a loss that is quadratic in some of them is least; hessian (count x count; or NULL) likewise.
// `loss` is asked with the model's theta set and leaves the gradient in theta_bar.
void pair_minimise (pair_model *model, size_t count, const size_t *free, double (*loss) (void *context), void *context,
                    gsl_matrix *hessian);

#endif
