#ifndef SCOREBOOK_TESTS_SAMPLER_LINE_H
#define SCOREBOOK_TESTS_SAMPLER_LINE_H

// The law of a Langevin chain, without Monte Carlo, and the mixture it is wanted for.

#include "score/score.h"
#include "target/target.h"

// ## Two Gaussians in the plane
//
// alpha N((-3,-3), I) + (1 - alpha) N((3,3), I), under noise of standard deviation sigma. Along u = (x_1 + x_2) / sqrt
// 2 it is a mixture on a line; across, w = (x_1 - x_2) / sqrt 2 is Gaussian, and the two are independent, as is what
// Langevin dynamics makes of them.
double pair_score (double alpha, double sigma, double u);       // along u
double pair_log_density (double alpha, double sigma, double u); // of u

// Its score in closed form, SB_SCORE; the state is a pair.
typedef struct
{
  double alpha;
  const sb_process *process; // sigma = S(0, t)
} pair;
extern const sb_score_type pair_score_type;

// ## A density on a line
typedef enum
{
  LINE_POINT,  // all mass at 3 sqrt 2: the point (3, 3)
  LINE_SQUARE, // (x_1, x_2) uniform on [-8, 8]^2
  LINE_NORMAL, // N(0, 1)
  LINE_BROAD,  // N(0, 100)
  LINE_STARTS
} line_start;

typedef struct
{
  size_t n; // an odd number of points, at h (i - n/2)
  double h;
  double *p;
} line;

line line_alloc (line_start start);

// `steps` Langevin steps of size epsilon with the score along u.
void line_run (line *law, double alpha, double sigma, double epsilon, size_t steps);

double line_below (const line *law); // the mass at u < 0
double line_mean (const line *law, double (*f) (double u, void *context), void *context);

// The starts as points of the plane.
void line_points (line_start start, sb_stream stream, gsl_matrix *x);

// Two tilted Gaussians in the plane, .4 and .6.
sb_target *crooked (void);

#endif
