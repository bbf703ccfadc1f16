#ifndef SCOREBOOK_EXPERIMENTS_GAUSSIAN_FIELD_H
#define SCOREBOOK_EXPERIMENTS_GAUSSIAN_FIELD_H

#include "../results.h"

#include <scorebook.h>

// What the exact experiments of Non-Uniform Diffusion Models share: Gaussian images of FIELD x FIELD pixels, covariance
// 0.25 0.9^(|di| + |dj|), and VE whose kernel has the variance sigma(t)^2 - sigma_min^2.
enum
{
  FIELD = 4,
  FIELD_PIXELS = FIELD * FIELD
};

#define FIELD_SIGMA_MIN 0.01
#define FIELD_SIGMA_MAX 10.

gsl_matrix *field_covariance (void);

// sigma(t)^2 - sigma_min^2, most: sigma_max.
double gathered_variance (double most, double t);

// N even steps from t = 1 to the last time.
gsl_vector *even_times (double last, size_t N);

// A joint Gaussian of mean 0 (d x d), x its first n_x coordinates, y with a sigma_max of its own (0: it is constant):
// the score of x given y_t, and the process of y.
typedef struct
{
  sb_process *joint;
  sb_target *law;
  sb_score *of_both, *score;
  const sb_process *x, *y;
  bool y_diffuses;
} exact_pair;

void exact_pair_open (const gsl_matrix *covariance, size_t n_x, double most_of_y, exact_pair *p);
void exact_pair_of (sb_target *law, size_t n_x, double most_of_y, exact_pair *p); // any law, the pair's from here on
void exact_pair_close (exact_pair *p);

// Euler and Maruyama's steps, y_t drawn anew at each: from N(mean, covariance) at t = 1, in place.
void exact_pair_run (const exact_pair *p, const gsl_vector *y, const gsl_vector *times, gsl_vector *mean,
                     gsl_matrix *covariance);

#endif
