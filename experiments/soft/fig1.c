// # Figures 1 and 7: forward, back, and what is seen on the way
//
// Digits that are blurred, or covered from the edge inwards, with a little noise; the way back by Momentum; and the
// clean digit that a network expects at each time. [soft.fig1] [soft.fig7]

#include "drawn.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  TIMES = 8,
  DIGITS = 6
};

static const char *const networks[] = { "mnist-soft-found", "mnist-window" }, *const called[] = { "blur", "window" };

static double
time_of (int k) // even from near 0 to 1
{
  return k == 0 ? 1e-3 : (double)k / (TIMES - 1);
}

// Row k of a strip's digit i is row i TIMES + k.

static void
put_into (gsl_matrix *strip, int k, const gsl_matrix *x)
{
  for (size_t i = 0; i < strip->size1 / TIMES; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (x, i);
      gsl_matrix_set_row (strip, i * TIMES + (size_t)k, &row.vector);
    }
}

static gsl_matrix *
matrix_of (size_t n)
{
  return require_pointer (gsl_matrix_alloc (n, PIXELS), "images");
}

// ## Forward, and the expected digit
//
// Mean squared errors of x_t and of E[x_0 | x_t]; of a window's, over the pixels that are observed and over those that
// are masked.

typedef struct
{
  double corrupted, expected, observed, masked, increase, increase_se; // of the expected one, over the time before
} errors;

static errors
errors_at (const network *w, double t, const gsl_matrix *x_0, const gsl_matrix *x_t, const gsl_matrix *h,
           double *of_row)
{
  const size_t n = x_0->size1;
  errors e = { 0 };
  double observed = 0, level, sigma, sum = 0, square = 0;
  gsl_matrix *seen = matrix_of (n);
  gsl_vector *times = require_pointer (gsl_vector_alloc (n), "times");
  gsl_vector_set_all (times, t);
  gsl_matrix_set_all (seen, 1);
  require (sb_soft_at (w->model->process, t, &level, &sigma), "the level");
  require (sb_process_apply (w->model->process, SB_A, CblasNoTrans, NULL, times, seen), "C");
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
  gsl_matrix_free (seen);
  gsl_vector_free (times);
  return e;
}

static void
look_forward (results *r, const network *w, const char *name, size_t n, errors *of)
{
  char file[32];
  gsl_matrix *x_0 = test_digits (0, n, 0, 1), *z = matrix_of (n), *x = matrix_of (n), *h = matrix_of (n),
             *strip = matrix_of (DIGITS * TIMES), *expected = matrix_of (DIGITS * TIMES);
  gsl_vector *times = require_pointer (gsl_vector_alloc (n), "times");
  double *of_row = require_pointer (calloc (n, sizeof *of_row), "errors");
  require (sb_stream_normals ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_FORWARD }, 0, z), "noise");
  for (int k = 0; k < TIMES; k++)
    {
      gsl_vector_set_all (times, time_of (k));
      gsl_matrix_memcpy (x, x_0);
      require (sb_process_transition (w->model->process, NULL, times, z, x), "the corruption");
      require (sb_score_evaluate (w->score, SB_DENOISER, x, times, NULL, h), "the network");
      r->evaluations += n;
      of[k] = errors_at (w, time_of (k), x_0, x, h, of_row);
      put_into (strip, k, x);
      put_into (expected, k, h);
    }
  snprintf (file, sizeof file, "%s-forward", name);
  picture (r, file, strip, TIMES, 0, 1);
  snprintf (file, sizeof file, "%s-expected", name);
  picture (r, file, expected, TIMES, 0, 1);
  free (of_row);
  gsl_vector_free (times);
  gsl_matrix_free (x_0), gsl_matrix_free (z), gsl_matrix_free (x), gsl_matrix_free (h);
  gsl_matrix_free (strip), gsl_matrix_free (expected);
}

// ## Back
//
// Eight states of samples by Momentum.

typedef struct
{
  gsl_matrix *strip;
  size_t kept;
} states;

static int
keep (void *context, size_t done, size_t total, double t, const gsl_matrix *x)
{
  states *s = context;
  (void)t;
  if (s->kept < TIMES && done * (TIMES - 1) >= s->kept * total)
    put_into (s->strip, (int)s->kept++, x);
  return GSL_SUCCESS;
}

static double
look_back (results *r, const network *w, const char *name, size_t steps)
{
  char file[32];
  states s = { matrix_of (DIGITS * TIMES), 0 };
  gsl_matrix *x = matrix_of (DIGITS);
  gsl_vector *times = require_pointer (gsl_vector_alloc (steps + 1), "times");
  const sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_PRIOR };
  sb_pc pc = sb_pc_default ();
  size_t evaluations;
  pc.step = sb_step_momentum, pc.corrector_steps = 0;
  pc.progress = keep, pc.context = &s;
  gsl_matrix_set_zero (s.strip);
  require (sb_grid_linear (1, w->model->process->t_min, times), "times");
  require (sb_process_prior (w->model->process, stream, x), "the prior");
  require (sb_pc_sample (&pc, w->score, NULL, times, stream, x, &evaluations), "samples");
  r->evaluations += evaluations * DIGITS;
  put_into (s.strip, TIMES - 1, x);
  snprintf (file, sizeof file, "%s-back", name);
  picture (r, file, s.strip, TIMES, 0, 1);
  size_t outside = 0;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < PIXELS; k++)
      outside += fabs (gsl_matrix_get (x, i, k) - 0.5) > 0.75;
  gsl_matrix_free (s.strip), gsl_matrix_free (x);
  gsl_vector_free (times);
  return (double)outside / (DIGITS * PIXELS);
}

// ## Claims

static bool
grows (const errors *e, bool expected, char *detail, size_t size)
{
  size_t length = 0;
  bool all = true;
  for (int k = 0; k < TIMES; k++)
    {
      length += (size_t)snprintf (detail + length, size - length, "%s%.3g", k ? ", " : "",
                                  expected ? e[k].expected : e[k].corrupted);
      if (k > 0)
        all &= expected ? e[k].increase > -2 * e[k].increase_se : e[k].corrupted > e[k - 1].corrupted;
    }
  return all;
}

static void
claim_masks (results *r, const errors *e) // [soft.txt-maskpred]
{
  bool all = true;
  for (int k = 2; k < TIMES - 1; k++)
    all &= e[k].observed < e[k].masked;
  results_claim (r, "The network of the window is right where the digit is observed: its error is smaller there", all,
                 "at t = %.2g: %.3g against %.3g; at %.2g: %.3g against %.3g; at %.2g: %.3g against %.3g", time_of (2),
                 e[2].observed, e[2].masked, time_of (4), e[4].observed, e[4].masked, time_of (6), e[6].observed,
                 e[6].masked);
}

int
main (void)
{
  results r = results_open ();
  const size_t n = r.scale == SMOKE ? 8 : r.scale == QUICK ? 200 : 1000, steps = r.scale == SMOKE ? 8 : 150;
  errors e[2][TIMES];
  char detail[256];
  for (int k = 0; k < 2; k++)
    {
      network w = network_open (networks[k]);
      require (w.model ? GSL_SUCCESS : GSL_EINVAL, networks[k]);
      look_forward (&r, &w, called[k], n, e[k]);
      const double outside = look_back (&r, &w, called[k], steps);
      results_row (&r, called[k], "pixels of samples outside [-.25, 1.25]", "", outside, -1, "",
                   "of 6 samples by Momentum");
      snprintf (detail, sizeof detail, "Under the %s the digit gets harder to see: the error of x_t grows", called[k]);
      char seen[256];
      results_claim (&r, detail, grows (e[k], false, seen, sizeof seen), "%s", seen);
      snprintf (detail, sizeof detail, "... and that of the expected digit does not fall (%s)", called[k]);
      results_claim (&r, detail, grows (e[k], true, seen, sizeof seen), "%s", seen);
      network_close (w);
    }
  FILE *file = results_data (&r, "errors.dat");
  for (int k = 0; k < TIMES; k++)
    {
      char row[24];
      snprintf (row, sizeof row, "%.3g", time_of (k));
      results_row (&r, row, "blur: error of E[x_0 | x_t]", "", e[0][k].expected, -1, "", "mean square of a pixel");
      results_row (&r, row, "window: error of E[x_0 | x_t]", "", e[1][k].expected, -1, "", "mean square of a pixel");
      fprintf (file, "%g %g %g %g %g\n", time_of (k), e[0][k].expected, e[1][k].expected, e[1][k].observed,
               e[1][k].masked);
    }
  fclose (file);
  claim_masks (&r, e[1]);
  results_close (&r);
  return EXIT_SUCCESS;
}
