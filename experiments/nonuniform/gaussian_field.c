// # Gaussian images and pairs of which all is known

#include "gaussian_field.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

gsl_matrix *
field_covariance (void)
{
  gsl_matrix *C = require_pointer (gsl_matrix_alloc (FIELD_PIXELS, FIELD_PIXELS), "a covariance");
  for (int i = 0; i < FIELD_PIXELS; i++)
    for (int j = 0; j < FIELD_PIXELS; j++)
      gsl_matrix_set (C, (size_t)i, (size_t)j,
                      0.25 * pow (0.9, abs (i / FIELD - j / FIELD) + abs (i % FIELD - j % FIELD)));
  return C;
}

// ## VE, exactly
//
// [nonuniform.txt-vesde] What a path gathers from t = 0 on, without the jump that `sb_ve` counts.

static double
sigma2 (double most, double t)
{
  return gsl_pow_2 (FIELD_SIGMA_MIN) * pow (most / FIELD_SIGMA_MIN, 2 * t);
}

static double
gathered (const void *most, double s, double t)
{
  return sigma2 (*(const double *)most, t) - sigma2 (*(const double *)most, s);
}

static double
rate (const void *most, double t)
{
  return 2 * log (*(const double *)most / FIELD_SIGMA_MIN) * sigma2 (*(const double *)most, t);
}

sb_process *
exact_ve (size_t dimension, const double *most)
{
  const sb_ve_schedule schedule = { gathered, rate, most };
  return require_pointer (sb_ve_schedule_alloc (dimension, &schedule), "VE");
}

double
exact_ve_variance (double most, double t)
{
  return gathered (&most, 0, t);
}

gsl_vector *
even_times (double last, size_t N)
{
  gsl_vector *times = require_pointer (gsl_vector_alloc (N + 1), "times");
  require (sb_grid_linear (1, last, times), "times");
  return times;
}

// ## Pairs

void
exact_pair_open (const gsl_matrix *covariance, size_t n_x, double most_of_y, exact_pair *p)
{
  const size_t d = covariance->size1;
  *p = (exact_pair){ .most_of_x = FIELD_SIGMA_MAX, .most_of_y = most_of_y };
  gsl_vector *mean = require_pointer (gsl_vector_calloc (d), "a mean");
  sb_process *y = most_of_y > 0 ? exact_ve (d - n_x, &p->most_of_y) : require_pointer (sb_still_alloc (d - n_x), "y");
  p->joint = require_pointer (sb_multispeed_of (exact_ve (n_x, &p->most_of_x), y, 0), "a pair");
  p->x = sb_nonuniform_block (p->joint, 0);
  p->y = sb_nonuniform_block (p->joint, 1);
  p->law = require_pointer (sb_target_gaussian_alloc (mean, covariance), "the law");
  p->of_both = require_pointer (sb_score_exact_alloc (p->law, p->joint), "the score");
  p->score = require_pointer (sb_score_slice_alloc (p->of_both, p->x), "the score");
  gsl_vector_free (mean);
}

void
exact_pair_close (exact_pair *p)
{
  sb_score_free (p->score);
  sb_score_free (p->of_both);
  sb_target_free (p->law);
  sb_process_free (p->joint);
}

void
exact_pair_run (const exact_pair *p, const gsl_vector *y, const gsl_vector *times, gsl_vector *mean,
                gsl_matrix *covariance)
{
  const sb_condition diffused = { p->y, false };
  const sb_pc pc
      = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE, .condition = p->most_of_y > 0 ? &diffused : NULL };
  require (sb_gaussian_run (&pc, p->score, y, times, mean, covariance), "the moments");
}
