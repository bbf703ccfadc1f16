// # The expected digit
//
// What can be said of a digit from its corrupted version, at eight times. [soft.fig1] [soft.fig7]

#include "expected.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

double
time_of (int k)
{
  return k == 0 ? 1e-3 : (double)k / (TIMES - 1);
}

void
put_into (gsl_matrix *strip, int k, const gsl_matrix *x)
{
  for (size_t i = 0; i < strip->size1 / TIMES; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (x, i);
      gsl_matrix_set_row (strip, i * TIMES + (size_t)k, &row.vector);
    }
}

gsl_matrix *
matrix_of (size_t n)
{
  return require_pointer (gsl_matrix_alloc (n, PIXELS), "images");
}

// A pixel is observed where an image of ones is still 1. `of_row` holds each digit's error at the time before, and gets
// that of this time.

static expectation
errors_at (const gsl_matrix *seen, const gsl_matrix *x_0, const gsl_matrix *x_t, const gsl_matrix *h, double *of_row)
{
  const size_t n = x_0->size1;
  expectation e = { 0 };
  double observed = 0, sum = 0, square = 0;
  for (size_t i = 0; i < n; i++)
    {
      double mine = 0;
      for (size_t k = 0; k < PIXELS; k++)
        {
          const double off = gsl_pow_2 (gsl_matrix_get (h, i, k) - gsl_matrix_get (x_0, i, k));
          const bool here = gsl_matrix_get (seen, i, k) == 1;
          e.corrupted += gsl_pow_2 (gsl_matrix_get (x_t, i, k) - gsl_matrix_get (x_0, i, k)) / (double)(n * PIXELS);
          mine += off / PIXELS;
          e.observed += here ? off : 0, e.masked += here ? 0 : off;
          observed += here;
        }
      sum += mine - of_row[i], square += gsl_pow_2 (mine - of_row[i]);
      e.expected += mine / (double)n;
      of_row[i] = mine;
    }
  e.increase = sum / (double)n;
  e.increase_se = sqrt ((square / (double)n - gsl_pow_2 (e.increase)) / (double)(n - 1));
  e.observed /= observed > 0 ? observed : 1;
  e.masked /= (double)(n * PIXELS) - observed > 0 ? (double)(n * PIXELS) - observed : 1;
  return e;
}

void
look_forward (results *r, const sb_score *score, const char *name, const gsl_matrix *x_0, expectation *of)
{
  char file[32];
  const size_t n = x_0->size1;
  gsl_matrix *z = matrix_of (n), *x = matrix_of (n), *h = matrix_of (n), *seen = matrix_of (n),
             *strip = matrix_of (SHOWN_DIGITS * TIMES), *expected = matrix_of (SHOWN_DIGITS * TIMES);
  gsl_vector *times = require_pointer (gsl_vector_alloc (n), "times");
  double *of_row = require_pointer (calloc (n, sizeof *of_row), "errors");
  require (sb_stream_normals ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_FORWARD }, 0, z), "noise");
  for (int k = 0; k < TIMES; k++)
    {
      gsl_vector_set_all (times, time_of (k));
      gsl_matrix_memcpy (x, x_0);
      gsl_matrix_set_all (seen, 1);
      require (sb_process_transition (score->process, NULL, times, z, x), "the corruption");
      require (sb_process_apply (score->process, SB_A, CblasNoTrans, NULL, times, seen), "C");
      require (sb_score_evaluate (score, SB_DENOISER, x, times, NULL, h), "the expected digits");
      r->evaluations += n;
      of[k] = errors_at (seen, x_0, x, h, of_row);
      put_into (strip, k, x);
      put_into (expected, k, h);
    }
  snprintf (file, sizeof file, "%s-forward", name);
  picture (r, file, strip, TIMES, 0, 1);
  snprintf (file, sizeof file, "%s-expected", name);
  picture (r, file, expected, TIMES, 0, 1);
  free (of_row);
  gsl_vector_free (times);
  gsl_matrix_free (z), gsl_matrix_free (x), gsl_matrix_free (h), gsl_matrix_free (seen);
  gsl_matrix_free (strip), gsl_matrix_free (expected);
}

// ## Claims

void
claim_growth (results *r, const char *name, const expectation *e, double slack)
{
  char claim[128], seen[256] = "", expected[256] = "";
  size_t length = 0, of_expected = 0;
  bool worse = true, no_better = true;
  for (int k = 0; k < TIMES; k++)
    {
      const char *comma = k ? ", " : "";
      length += (size_t)snprintf (seen + length, sizeof seen - length, "%s%.3g", comma, e[k].corrupted);
      of_expected
          += (size_t)snprintf (expected + of_expected, sizeof expected - of_expected, "%s%.3g", comma, e[k].expected);
      if (k > 0)
        {
          worse &= e[k].corrupted > e[k - 1].corrupted;
          no_better &= e[k].increase > -slack * e[k].increase_se;
        }
    }
  snprintf (claim, sizeof claim, "Under the %s the digit gets harder to see: the error of x_t grows", name);
  results_claim (r, claim, worse, "%s", seen);
  snprintf (claim, sizeof claim, "... and that of the expected digit does not fall (%s)", name);
  results_claim (r, claim, no_better, "%s", expected);
}

void
claim_masks (results *r, const char *whose, const expectation *e)
{
  char claim[128];
  bool all = true;
  for (int k = 2; k < TIMES - 1; k++)
    all &= e[k].observed < e[k].masked;
  snprintf (claim, sizeof claim, "%s is right where the digit is observed: its error is smaller there", whose);
  results_claim (r, claim, all,
                 "at t = %.2g: %.3g against %.3g; at %.2g: %.3g against %.3g; at %.2g: %.3g against %.3g", time_of (2),
                 e[2].observed, e[2].masked, time_of (4), e[4].observed, e[4].masked, time_of (6), e[6].observed,
                 e[6].masked);
}
