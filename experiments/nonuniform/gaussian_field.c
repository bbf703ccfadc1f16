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

double
gathered_variance (double most, double t)
{
  return gsl_pow_2 (FIELD_SIGMA_MIN) * expm1 (2 * t * log (most / FIELD_SIGMA_MIN));
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
exact_pair_of (sb_target *law, size_t n_x, double most_of_y, exact_pair *p)
{
  const size_t n_y = law->dimension - n_x;
  *p = (exact_pair){ .law = law, .y_diffuses = most_of_y > 0 };
  sb_process *x = sb_ve_gathered_alloc (n_x, FIELD_SIGMA_MIN, FIELD_SIGMA_MAX),
             *y = p->y_diffuses ? sb_ve_gathered_alloc (n_y, FIELD_SIGMA_MIN, most_of_y) : sb_still_alloc (n_y);
  p->joint = require_pointer (sb_multispeed_of (x, y, 0), "a pair");
  p->x = sb_nonuniform_block (p->joint, 0);
  p->y = sb_nonuniform_block (p->joint, 1);
  p->of_both = require_pointer (sb_score_exact_alloc (p->law, p->joint), "the score");
  p->score = require_pointer (sb_score_slice_alloc (p->of_both, p->x), "the score");
}

void
exact_pair_open (const gsl_matrix *covariance, size_t n_x, double most_of_y, exact_pair *p)
{
  gsl_vector *mean = require_pointer (gsl_vector_calloc (covariance->size1), "a mean");
  exact_pair_of (require_pointer (sb_target_gaussian_alloc (mean, covariance), "the law"), n_x, most_of_y, p);
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
      = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE, .condition = p->y_diffuses ? &diffused : NULL };
  require (sb_gaussian_run (&pc, p->score, y, times, mean, covariance), "the moments");
}
