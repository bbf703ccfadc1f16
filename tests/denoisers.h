#ifndef SCOREBOOK_TESTS_DENOISERS_H
#define SCOREBOOK_TESTS_DENOISERS_H

// What the tests of Consistent Diffusion Models share: laws and denoisers of which all is known, under x_t = x_0 +
// sigma_t z; v = sigma_t^2. [consistent.set-fixtures]

#include "score/score.h"
#include "target/target.h"

// ## On a line
//
// A mixture of Gaussians. Given x_t, x_s is one again: its reverse kernel is a `line` too.

enum
{
  LINE_K = 2,
  LINE_NODES = 161 // per component
};

typedef struct
{
  size_t K;
  double w[LINE_K], mean[LINE_K], variance[LINE_K];
} line;

extern const line LINE_G, // N(0, .25)
    LINE_M1;              // .3 N(-1, .4^2) + .7 N(1.5, .25^2)

sb_target *line_target (const line *law);
double line_density (const line *law, double x);
line line_given (const line *law, double v_s, double v_t,
                 double x); // the law of x_s given x_t = x, v_s < v_t; of x_0 where v_s = 0

// Expectations by the trapezoidal rule on +-8 deviations of each component: sum_i weight_i f(x_i), to rounding.
gsl_matrix *line_nodes (const line *law, gsl_vector *weight); // LINE_NODES K x 1; weight as many

// ## In the plane, and points

sb_target *denoisers_m2 (void);                // weights .35, .65
sb_target *denoisers_two_points (double a);    // a and -a, on a line
sb_target *denoisers_twenty_points (size_t d); // standard normal ones

// ## Denoisers
//
// h(x, t), each with its derivatives, as a score whose own view is the denoiser. A process of one part that adds noise
// alone.

sb_score *denoiser_multiple (const sb_process *process, double a); // a x
sb_score *denoiser_identity (const sb_process *process);
sb_score *denoiser_constant (const sb_process *process, double c); // c in each coordinate
sb_score *denoiser_n2 (const sb_process *process);              // S (S + v)^-1 x, S = [[1, .5], [-.5, 1]]; in the plane
sb_score *denoiser_d (const sb_process *process, double delta); // (.25 + delta v) / (.25 + v) x
sb_score *denoiser_s (const sb_process *process, double delta); // (1 + delta) .25 / (.25 + v) x
sb_score *denoiser_bent (const sb_process *process);            // of no symmetry, and not linear; in the plane

#endif
