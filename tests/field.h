#ifndef SCOREBOOK_TESTS_FIELD_H
#define SCOREBOOK_TESTS_FIELD_H

#include <gsl/gsl_matrix.h>

// FIELD(p): periodic Gaussian fields of 64 x 64 pixels whose modes f, whole numbers in [-32, 31]^2, are independent
// with variances P_f proportional to (1 + |f|^2)^-p, .06 a pixel on average. Blur and noise treat modes of equal |f|^2
// alike: these are one group. [soft.set-fixtures]
enum
{
  FIELD_SIDE = 64,
  FIELD_MOST_GROUPS = 561, // pairs 0 <= a <= b <= 32
  FIELD_KNOTS = 32,
  FIELD_LEVELS = 256
};

typedef struct
{
  size_t groups;
  double squared[FIELD_MOST_GROUPS]; // |f|^2, rising
  double share[FIELD_MOST_GROUPS];   // of the 4096 modes; their sum is 1
  double P[FIELD_MOST_GROUPS];       // the variance of each mode of the group
} field;

field field_of (double p);

// The transfer c_f of a Gaussian blur of `blur` pixels, and its derivative by that.
double field_transfer (const field *f, size_t group, double blur);
double field_transfer_rate (const field *f, size_t group, double blur);

// E |(1 - c_f) x|^2 per pixel, as a gsl_function of the blur with the field as params.
double field_displacement (double blur, void *f);

// The variance of a mode of the group after blur and noise: c_f^2 P_f + sigma^2.
double field_variance (const field *f, size_t group, double blur, double sigma);

// W_2^2 per pixel between two such laws; and between the field with the variances v, one a group, and such a law.
double field_squared_distance (const field *f, double blur_1, double sigma_1, double blur_2, double sigma_2);
double field_error (const field *f, const double *v, double blur, double sigma);

// The blur levels of the inventory's schedules, which lie equally far apart in time after t_n = .2: log-linear, and the
// shortest paths for FIELD(1) and FIELD(3).
extern const double field_knots_1[FIELD_KNOTS], field_knots_3[FIELD_KNOTS];
void field_log_linear (double knots[FIELD_KNOTS]);

// The 256 candidates: .01 + 22.99 i/255. And W_2 per pixel between every (255/(n - 1))-th of them, with noise sigma;
// distance: n x n.
double field_level (size_t i);
void field_distances (const field *f, double sigma, gsl_matrix *distance);

#endif
