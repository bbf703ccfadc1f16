// # Completions, judged
//
// What is known has to come back as it was, what is unknown to differ from sample to sample, and on average to be
// nearer to the truth than a guess that does not look at the image. A sampler of the true conditional law, with
// variance $V$ around its mean, errs by $V(1 + 1/K)$ with the mean of $K$ samples: it can lose to a guess where the
// image says little.

#include "completions.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

// ## Files

static void
write_npy (const char *name, const gsl_matrix *x)
{
  char path[4096];
  sb_error error = { 0 };
  const char *out = getenv ("OUT");
  snprintf (path, sizeof path, "%s-%s.npy", out ? out : ".", name);
  require (sb_npy_write (path, x, NULL, SB_NPY_FLOAT64, &error), path);
}

void
write_repeated (const char *name, const gsl_matrix *x, size_t times)
{
  gsl_matrix *all = require_pointer (gsl_matrix_alloc (x->size1 * times, x->size2), "images");
  for (size_t i = 0; i < all->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (x, i / times);
      gsl_matrix_set_row (all, i, &row.vector);
    }
  write_npy (name, all);
  gsl_matrix_free (all);
}

void
write_point (const char *name, const gsl_vector *x)
{
  gsl_matrix_const_view row = gsl_matrix_const_view_vector (x, 1, x->size);
  write_npy (name, &row.matrix);
}

// ## Numbers

static bool
is_known (const gsl_vector *known, size_t j)
{
  return gsl_vector_get (known, j) != 0;
}

static double
unknown (const gsl_vector *known)
{
  return (double)known->size - gsl_blas_dasum (known);
}

gsl_vector *
mean_row (const gsl_matrix *x)
{
  gsl_vector *mean = require_pointer (gsl_vector_calloc (x->size2), "the mean");
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (x, i);
      gsl_blas_daxpy (1 / (double)x->size1, &row.vector, mean);
    }
  return mean;
}

static double
squared_distance (const gsl_vector *known, const gsl_vector *x, const gsl_vector *y)
{
  double sum = 0;
  for (size_t j = 0; j < x->size; j++)
    if (!is_known (known, j))
      sum += gsl_pow_2 (gsl_vector_get (x, j) - gsl_vector_get (y, j));
  return sum / unknown (known);
}

static double
largest_change (const gsl_vector *known, const gsl_vector *x, const gsl_vector *y)
{
  double most = 0;
  for (size_t j = 0; j < x->size; j++)
    if (is_known (known, j))
      most = fmax (most, fabs (gsl_vector_get (x, j) - gsl_vector_get (y, j)));
  return most;
}

spread
spread_of (const completions *c)
{
  const size_t n = c->truth->size1;
  spread s = { .apart = INFINITY };
  for (size_t i = 0; i < n; i++)
    {
      gsl_matrix_const_view drawn = gsl_matrix_const_submatrix (c->drawn, i * c->times, 0, c->times, c->drawn->size2);
      gsl_vector_const_view truth = gsl_matrix_const_row (c->truth, i);
      gsl_vector *mean = mean_row (&drawn.matrix);
      for (size_t k = 0; k < c->times; k++)
        {
          gsl_vector_const_view one = gsl_matrix_const_row (&drawn.matrix, k);
          s.changed = fmax (s.changed, largest_change (c->known, &one.vector, &truth.vector));
          s.variance += squared_distance (c->known, &one.vector, mean) / (double)(n * (c->times - 1));
          for (size_t l = 0; l < k; l++)
            {
              gsl_vector_const_view other = gsl_matrix_const_row (&drawn.matrix, l);
              s.apart = fmin (s.apart, sqrt (squared_distance (c->known, &one.vector, &other.vector)));
            }
        }
      gsl_vector_free (mean);
    }
  return s;
}

double
error_of_guess (const gsl_matrix *x, const gsl_vector *known, const gsl_vector *guess)
{
  double sum = 0;
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (x, i);
      sum += squared_distance (known, &row.vector, guess);
    }
  return sum / (double)x->size1;
}

contest
contest_with (const completions *c, const gsl_vector *guess)
{
  const size_t n = c->truth->size1;
  contest t = { .guess = error_of_guess (c->truth, c->known, guess) };
  gsl_vector *gain = require_pointer (gsl_vector_alloc (n), "errors");
  for (size_t i = 0; i < n; i++)
    {
      gsl_matrix_const_view drawn = gsl_matrix_const_submatrix (c->drawn, i * c->times, 0, c->times, c->drawn->size2);
      gsl_vector_const_view truth = gsl_matrix_const_row (c->truth, i);
      gsl_vector *mean = mean_row (&drawn.matrix);
      const double error = squared_distance (c->known, mean, &truth.vector);
      t.mean += error / (double)n;
      gsl_vector_set (gain, i, squared_distance (c->known, guess, &truth.vector) - error);
      gsl_vector_free (mean);
    }
  t.gain = gsl_stats_mean (gain->data, gain->stride, n);
  t.se = gsl_stats_sd (gain->data, gain->stride, n) / sqrt ((double)n);
  t.p = gsl_cdf_tdist_Q (t.gain / t.se, (double)(n - 1));
  gsl_vector_free (gain);
  return t;
}

// ## With an exact score

gsl_matrix *
impute_gaussian (const gsl_matrix *covariance, const sb_known *known, bool corrected, results *r)
{
  const size_t d = covariance->size1, n = known->y->size1;
  gsl_vector *zero = require_pointer (gsl_vector_calloc (d), "the law");
  sb_target *law = require_pointer (sb_target_gaussian_alloc (zero, covariance), "the law");
  sb_process *ve = require_pointer (sb_ve_alloc (d, 0.01, 20), "the process");
  sb_score *score = require_pointer (sb_score_exact_alloc (law, ve), "the score");
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, d), "samples");
  gsl_vector *times = require_pointer (gsl_vector_alloc (r->scale == SMOKE ? 101 : 501), "times");
  const sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_PRIOR };
  size_t evaluations;
  sb_pc pc = sb_pc_default ();
  pc.known = known;
  pc.corrector_steps = corrected;
  require (sb_grid_linear (1, ve->t_min, times), "times");
  require (sb_process_prior (ve, stream, x), "the prior");
  require (sb_pc_sample (&pc, score, NULL, times, stream, x, &evaluations), "imputation");
  r->evaluations += evaluations * n;
  gsl_vector_free (times);
  sb_score_free (score);
  sb_process_free (ve);
  sb_target_free (law);
  gsl_vector_free (zero);
  return x;
}

// ## Pictures

gsl_matrix *
rows_for_picture (const completions *c, size_t images, size_t shown, const gsl_vector *hidden)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (images * (shown + 2), c->truth->size2), "the picture");
  for (size_t i = 0; i < images; i++)
    {
      const size_t first = i * (shown + 2);
      gsl_vector_const_view truth = gsl_matrix_const_row (c->truth, i);
      gsl_vector_view given = gsl_matrix_row (x, first + 1);
      gsl_matrix_set_row (x, first, &truth.vector);
      gsl_vector_memcpy (&given.vector, hidden);
      for (size_t j = 0; j < x->size2; j++)
        if (is_known (c->known, j))
          gsl_vector_set (&given.vector, j, gsl_vector_get (&truth.vector, j));
      for (size_t k = 0; k < shown; k++)
        {
          gsl_vector_const_view one = gsl_matrix_const_row (c->drawn, i * c->times + k);
          gsl_matrix_set_row (x, first + 2 + k, &one.vector);
        }
    }
  return x;
}
