// # Figures 1 and 7: forward, back, and what is seen on the way
//
// Digits that are blurred, or covered from the edge inwards, with a little noise; the way back by Momentum; and the
// clean digit that a network expects at each time. [soft.fig1] [soft.fig7]

#include "drawn.h"
#include "expected.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

static const char *const networks[] = { "mnist-soft-found", "mnist-window" }, *const called[] = { "blur", "window" };

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
  states s = { matrix_of (SHOWN_DIGITS * TIMES), 0 };
  gsl_matrix *x = matrix_of (SHOWN_DIGITS);
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
  r->evaluations += evaluations * SHOWN_DIGITS;
  put_into (s.strip, TIMES - 1, x);
  snprintf (file, sizeof file, "%s-back", name);
  picture (r, file, s.strip, TIMES, 0, 1);
  size_t outside = 0;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < PIXELS; k++)
      outside += fabs (gsl_matrix_get (x, i, k) - 0.5) > 0.75;
  gsl_matrix_free (s.strip), gsl_matrix_free (x);
  gsl_vector_free (times);
  return (double)outside / (SHOWN_DIGITS * PIXELS);
}

int
main (void)
{
  results r = results_open ();
  const size_t n = r.scale == SMOKE ? 8 : r.scale == QUICK ? 200 : 1000, steps = r.scale == SMOKE ? 8 : 150;
  expectation e[2][TIMES];
  for (int k = 0; k < 2; k++)
    {
      network w = network_open (networks[k]);
      require (w.model ? GSL_SUCCESS : GSL_EINVAL, networks[k]);
      gsl_matrix *x_0 = test_digits (0, n, 0, 1);
      look_forward (&r, w.score, called[k], x_0, e[k]);
      gsl_matrix_free (x_0);
      const double outside = look_back (&r, &w, called[k], steps);
      results_row (&r, called[k], "pixels of samples outside [-.25, 1.25]", "", outside, -1, "",
                   "of 6 samples by Momentum");
      claim_growth (&r, called[k], e[k], 2);
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
  claim_masks (&r, "The network of the window", e[1]);
  results_close (&r);
  return EXIT_SUCCESS;
}
