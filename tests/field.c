// # Gaussian fields whose blurs are known exactly
//
// The discrete Fourier transform makes the modes of a periodic field independent and blurs diagonal,
// $$ c_f(b) = e^{-2\pi^2 b^2|f|^2/64^2} . $$

#include "field.h"

#include <gsl/gsl_math.h>
#include <math.h>

enum
{
  HALF = FIELD_SIDE / 2
};

static const double PER_PIXEL = 0.06;

// ## The spectrum

field
field_of (double p)
{
  field f = { 0 };
  size_t count[2 * HALF * HALF + 1] = { 0 };
  double sum = 0;
  for (int a = -HALF; a < HALF; a++)
    for (int b = -HALF; b < HALF; b++)
      count[a * a + b * b]++;

  for (size_t squared = 0; squared <= 2 * HALF * HALF; squared++)
    if (count[squared])
      {
        f.squared[f.groups] = (double)squared;
        f.share[f.groups] = (double)count[squared] / (FIELD_SIDE * FIELD_SIDE);
        f.P[f.groups] = pow (1 + (double)squared, -p);
        sum += f.share[f.groups] * f.P[f.groups];
        f.groups++;
      }
  for (size_t k = 0; k < f.groups; k++)
    f.P[k] *= PER_PIXEL / sum;
  return f;
}

// ## Blur and noise

static double
exponent (const field *f, size_t group)
{
  return 2 * M_PI * M_PI * f->squared[group] / (FIELD_SIDE * FIELD_SIDE);
}

double
field_transfer (const field *f, size_t group, double blur)
{
  return exp (-exponent (f, group) * gsl_pow_2 (blur));
}

double
field_transfer_rate (const field *f, size_t group, double blur)
{
  return -2 * exponent (f, group) * blur * field_transfer (f, group, blur);
}

double
field_displacement (double blur, void *params)
{
  const field *f = params;
  double sum = 0;
  for (size_t k = 0; k < f->groups; k++)
    sum += f->share[k] * f->P[k] * gsl_pow_2 (1 - field_transfer (f, k, blur));
  return sum;
}

double
field_variance (const field *f, size_t group, double blur, double sigma)
{
  return gsl_pow_2 (field_transfer (f, group, blur)) * f->P[group] + gsl_pow_2 (sigma);
}

double
field_squared_distance (const field *f, double blur_1, double sigma_1, double blur_2, double sigma_2)
{
  double v[FIELD_MOST_GROUPS];
  for (size_t k = 0; k < f->groups; k++)
    v[k] = field_variance (f, k, blur_1, sigma_1);
  return field_error (f, v, blur_2, sigma_2);
}

double
field_error (const field *f, const double *v, double blur, double sigma)
{
  double sum = 0;
  for (size_t k = 0; k < f->groups; k++)
    sum += f->share[k] * gsl_pow_2 (sqrt (v[k]) - sqrt (field_variance (f, k, blur, sigma)));
  return sum;
}

// ## Schedules

const double field_knots_1[FIELD_KNOTS]
    = { .01,  .19,  .28,  .37,  .46,  .55,  .64,  .73,  .82,  .91, 1.0,  1.18,  1.36, 1.54,  1.72, 1.99,
        2.26, 2.62, 2.99, 3.44, 3.98, 4.61, 5.33, 6.14, 7.13, 8.3, 9.75, 11.55, 13.8, 16.78, 22.1, 23 };
const double field_knots_3[FIELD_KNOTS]
    = { .01,  .1,    1.72,  2.44,  2.99,  3.62,  4.16,  4.7,  5.24,  5.78,  6.32,  6.86,  7.4,   7.94,  8.48,  9.03,
        9.57, 10.11, 10.65, 11.19, 11.82, 12.45, 13.08, 13.8, 14.53, 15.34, 16.24, 17.23, 18.31, 19.66, 21.29, 23 };

void
field_log_linear (double knots[FIELD_KNOTS])
{
  knots[0] = 0.01;
  for (int i = 0; i < FIELD_KNOTS - 1; i++)
    knots[i + 1] = 0.2 * pow (115, i / 30.);
}

double
field_level (size_t i)
{
  return 0.01 + 22.99 * (double)i / (FIELD_LEVELS - 1);
}

void
field_distances (const field *f, double sigma, gsl_matrix *distance)
{
  const size_t n = distance->size1;
  static double deviation[FIELD_LEVELS][FIELD_MOST_GROUPS];
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < f->groups; k++)
      deviation[i][k] = sqrt (field_variance (f, k, field_level (i * (FIELD_LEVELS - 1) / (n - 1)), sigma));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      {
        double sum = 0;
        for (size_t k = 0; k < f->groups; k++)
          sum += f->share[k] * gsl_pow_2 (deviation[i][k] - deviation[j][k]);
        gsl_matrix_set (distance, i, j, sqrt (sum));
      }
}
