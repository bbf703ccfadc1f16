// # Figure 6: the chain, there and back
//
// DDPM's forward chain on data, and its reverse with an exact score, at the same levels. [dsm2ddpm.fig6]

#include "../images.h"

#include <gsl/gsl_histogram.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>

enum
{
  STOPS = 5,  // on the line: t = 0, T/4, ..., T
  STATES = 9, // of a digit: t = 0, T/8, ..., T
  SHOWN = 3
};

// ## A run that keeps some of its states
//
// Levels T, ..., 0, of which every (T / (stops - 1))-th is copied into `kept`, level 0 first.

typedef struct
{
  size_t stops;
  gsl_matrix **kept;
} keeper;

static int
keep (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  const keeper *k = context;
  size_t level = steps - done, every = steps / (k->stops - 1);
  (void)t;
  return level % every ? GSL_SUCCESS : gsl_matrix_memcpy (k->kept[level / every], x);
}

static void
run_back (const results *r, const sb_score *score, const sb_step_type *predictor, size_t rows, keeper *k)
{
  const sb_process *ddpm = score->process;
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (rows, ddpm->dimension), "states");
  gsl_vector *times = require_pointer (gsl_vector_alloc (ddpm->levels + 1), "times");
  sb_pc pc = { .step = predictor, .final = SB_FINAL_SAMPLE, .progress = keep, .context = k };
  for (size_t i = 0; i <= ddpm->levels; i++)
    gsl_vector_set (times, i, (double)(ddpm->levels - i) / (double)ddpm->levels);
  require (sb_process_prior (ddpm, (sb_stream){ .seed = r->seed, .purpose = SB_FOR_PRIOR }, x), "the prior");
  require (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = r->seed }, x, NULL), "sampling");
  gsl_matrix_free (x);
  gsl_vector_free (times);
}

static void
run_forward (const results *r, const sb_process *ddpm, const gsl_matrix *x_0, keeper *k)
{
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (x_0->size1, x_0->size2), "noise");
  gsl_vector *s = require_pointer (gsl_vector_alloc (x_0->size1), "times"),
             *t = require_pointer (gsl_vector_alloc (x_0->size1), "times");
  gsl_matrix_memcpy (k->kept[0], x_0);
  for (size_t i = 1; i < k->stops; i++)
    {
      gsl_vector_set_all (s, (double)(i - 1) / (double)(k->stops - 1));
      gsl_vector_set_all (t, (double)i / (double)(k->stops - 1));
      gsl_matrix_memcpy (k->kept[i], k->kept[i - 1]);
      require (sb_stream_normals ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_FORWARD }, i * x_0->size2, z),
               "noise");
      require (sb_process_transition (ddpm, s, t, z, k->kept[i]), "a forward step");
    }
  gsl_matrix_free (z);
  gsl_vector_free (s);
  gsl_vector_free (t);
}

static keeper
keeper_alloc (size_t stops, size_t rows, size_t d)
{
  keeper k = { stops, require_pointer (calloc (stops, sizeof *k.kept), "states") };
  for (size_t i = 0; i < stops; i++)
    k.kept[i] = require_pointer (gsl_matrix_alloc (rows, d), "states");
  return k;
}

static void
keeper_free (keeper k)
{
  for (size_t i = 0; i < k.stops; i++)
    gsl_matrix_free (k.kept[i]);
  free (k.kept);
}

// ## On a line
//
// Two-sample distances of Kolmogorov and Smirnov at each stop, with the bound that two samples of one law stay below
// but once in a million.

static double
distance (const gsl_matrix *a, const gsl_matrix *b)
{
  double D, p;
  gsl_vector_const_view x = gsl_matrix_const_column (a, 0), y = gsl_matrix_const_column (b, 0);
  require (sb_ks_two_sample (&x.vector, &y.vector, &D, &p), "a distance");
  return D;
}

static void
write_histograms (const results *r, FILE *data, const gsl_matrix *forward, const gsl_matrix *backward)
{
  enum
  {
    BINS = 60
  };
  (void)r;
  const double low = -4, high = 4, width = (high - low) / BINS;
  gsl_histogram *h[2];
  const gsl_matrix *x[2] = { forward, backward };
  for (int k = 0; k < 2; k++)
    {
      h[k] = require_pointer (gsl_histogram_alloc (BINS), "a histogram");
      gsl_histogram_set_ranges_uniform (h[k], low, high);
      for (size_t i = 0; i < x[k]->size1; i++)
        gsl_histogram_increment (h[k], gsl_matrix_get (x[k], i, 0));
    }
  double mass = (double)forward->size1 * width;
  for (size_t i = 0; i < BINS; i++)
    fprintf (data, "%g %g %g\n", low + ((double)i + 0.5) * width, gsl_histogram_get (h[0], i) / mass,
             gsl_histogram_get (h[1], i) / mass);
  fputs ("\n\n", data);
  gsl_histogram_free (h[0]);
  gsl_histogram_free (h[1]);
}

static void
on_a_line (results *r, size_t rows, size_t T)
{
  double mean = 0.5, variance = 0.3;
  gsl_vector_view m = gsl_vector_view_array (&mean, 1);
  gsl_matrix_view v = gsl_matrix_view_array (&variance, 1, 1);
  sb_process *ddpm = require_pointer (sb_ddpm_alloc (1, T, SB_VP_BETA_MIN, SB_VP_BETA_MAX), "DDPM's chain");
  sb_target *data = require_pointer (sb_target_gaussian_alloc (&m.vector, &v.matrix), "the data");
  sb_score *score = require_pointer (sb_score_exact_alloc (data, ddpm), "the score");
  keeper forward = keeper_alloc (STOPS, rows, 1), backward = keeper_alloc (STOPS, rows, 1);
  gsl_matrix *x_0 = require_pointer (gsl_matrix_alloc (rows, 1), "data");
  require (sb_target_sample (data, (sb_stream){ .seed = r->seed, .purpose = SB_FOR_DATA }, x_0), "data");
  run_forward (r, ddpm, x_0, &forward);
  run_back (r, score, sb_step_ancestral_optimal, rows, &backward);
  r->evaluations += rows * T;

  FILE *histograms = results_data (r, "line.dat");
  double worst = 0, bound = 2.69 * sqrt (2. / (double)rows);
  for (size_t i = 0; i < STOPS; i++)
    {
      char row[32];
      double D = distance (forward.kept[i], backward.kept[i]);
      snprintf (row, sizeof row, "t = %zu T/4", i);
      results_row (r, row, "forward and reverse", "", D, -1, "", "Kolmogorov-Smirnov distance, N(0.5, 0.3)");
      results_row (r, row, "two samples of one law", "", bound, -1, "", "not above this but once in a million");
      worst = GSL_MAX_DBL (worst, D);
      write_histograms (r, histograms, forward.kept[i], backward.kept[i]);
    }
  require (fclose (histograms) ? GSL_EFAILED : GSL_SUCCESS, "writing histograms");
  results_claim (r, "The reverse chain has the forward chain's law at every level", worst < bound,
                 "%zu particles each: the largest distance is %.4f, the bound %.4f", rows, worst, bound);
  keeper_free (forward);
  keeper_free (backward);
  gsl_matrix_free (x_0);
  sb_score_free (score);
  sb_target_free (data);
  sb_process_free (ddpm);
}

// ## Digits
//
// The states of a digit side by side; then the forward chain's mean and variance in every pixel.

static void
picture_states (const results *r, const char *name, const keeper *k, bool backward)
{
  gsl_matrix *all = require_pointer (gsl_matrix_alloc (SHOWN * STATES, PIXELS), "pictures");
  for (size_t i = 0; i < SHOWN; i++)
    for (size_t j = 0; j < STATES; j++)
      {
        gsl_vector_const_view from = gsl_matrix_const_row (k->kept[backward ? STATES - 1 - j : j], i);
        gsl_matrix_set_row (all, i * STATES + j, &from.vector);
      }
  picture (r, name, all, STATES, -1, 1);
  gsl_matrix_free (all);
}

// Over `count` rows with the data's own mean $\mu$ and variance $v$ in a pixel, $x_t$ has the mean
// $\sqrt{\bar\alpha_t}\mu$ and the variance $\bar\alpha_t v + 1 - \bar\alpha_t$. The largest deviation of a mean, in
// standard errors; and the variance by its own, for pixels that are not ink or paper alone are not Gaussian, and have a
// fourth moment to be seen.

typedef struct
{
  double mean, variance; // largest deviations, in standard errors
} deviations;

static deviations
deviations_of (const gsl_matrix *x, const gsl_matrix *x_0, double alpha_bar)
{
  const double n = (double)x->size1;
  deviations worst = { 0, 0 };
  for (size_t j = 0; j < PIXELS; j++)
    {
      double sum = 0, sum_0 = 0, m2 = 0, m4 = 0, m2_0 = 0;
      for (size_t i = 0; i < x->size1; i++)
        {
          sum += gsl_matrix_get (x, i, j) / n;
          sum_0 += gsl_matrix_get (x_0, i, j) / n;
        }
      for (size_t i = 0; i < x->size1; i++)
        {
          double delta = gsl_pow_2 (gsl_matrix_get (x, i, j) - sum);
          m2 += delta / n;
          m4 += delta * delta / n;
          m2_0 += gsl_pow_2 (gsl_matrix_get (x_0, i, j) - sum_0) / n;
        }
      worst.mean = GSL_MAX_DBL (worst.mean, fabs (sum - sqrt (alpha_bar) * sum_0) / sqrt ((1 - alpha_bar) / n));
      worst.variance
          = GSL_MAX_DBL (worst.variance, fabs (m2 - alpha_bar * m2_0 - (1 - alpha_bar)) / sqrt ((m4 - m2 * m2) / n));
    }
  return worst;
}

static void
on_digits (results *r, size_t count, size_t T)
{
  sb_process *ddpm = require_pointer (sb_ddpm_alloc (PIXELS, T, SB_VP_BETA_MIN, SB_VP_BETA_MAX), "DDPM's chain");
  gsl_matrix *digits = test_digits (0, count, -1, 1);
  sb_target *data = require_pointer (sb_target_points_alloc (digits, NULL), "the data");
  sb_score *score = require_pointer (sb_score_exact_alloc (data, ddpm), "the score");
  keeper forward = keeper_alloc (STATES, count, PIXELS), backward = keeper_alloc (STATES, SHOWN, PIXELS);
  run_forward (r, ddpm, digits, &forward);
  run_back (r, score, sb_step_ancestral_lower, SHOWN, &backward);
  r->evaluations += SHOWN * T;
  picture_states (r, "forward", &forward, false);
  picture_states (r, "backward", &backward, true);

  deviations worst = { 0, 0 };
  for (size_t i = 1; i < STATES; i++)
    {
      deviations at = deviations_of (forward.kept[i], digits, sb_ddpm_alpha (ddpm, i * T / (STATES - 1)));
      worst.mean = GSL_MAX_DBL (worst.mean, at.mean);
      worst.variance = GSL_MAX_DBL (worst.variance, at.variance);
    }
  results_row (r, "forward, all pixels and levels", "largest deviation of a mean", "", worst.mean, -1,
               "standard errors", "");
  results_row (r, "forward, all pixels and levels", "largest deviation of a variance", "", worst.variance, -1,
               "standard errors", "");
  results_claim (
      r, "Every pixel of the forward chain has the mean and the variance of q(x_t | x_0) over the data",
      worst.mean < 6.5 && worst.variance < 7.5,
      "784 pixels at 8 levels of %zu digits: no mean is off by more than %.1f standard errors, no variance by "
      "more than %.1f; 5 would be passed by chance in %.0f%% of such pages",
      count, worst.mean, worst.variance, 100 * 784 * 8 * 2 * 5.7e-7);

  size_t index[SHOWN];
  double distance_of[SHOWN];
  gsl_vector_view d = gsl_vector_view_array (distance_of, SHOWN);
  require (sb_nearest (backward.kept[0], digits, index, &d.vector), "nearest digits");
  results_claim (r, "With the exact score of a data set the reverse chain ends in the data set",
                 gsl_vector_max (&d.vector) < 0.1,
                 "the %d samples are %.1e or less from digits number %zu, %zu and %zu", SHOWN,
                 gsl_vector_max (&d.vector), index[0], index[1], index[2]);
  keeper_free (forward);
  keeper_free (backward);
  gsl_matrix_free (digits);
  sb_score_free (score);
  sb_target_free (data);
  sb_process_free (ddpm);
}

int
main (void)
{
  results r = results_open ();
  const size_t particles[] = { [SMOKE] = 1000, [QUICK] = 40000, [FULL] = 40000 },
               digits[] = { [SMOKE] = 500, [QUICK] = 1000, [FULL] = 5000 };
  const size_t T[] = { [SMOKE] = 80, [QUICK] = 1000, [FULL] = 1000 };
  on_a_line (&r, particles[r.scale], T[r.scale]);
  on_digits (&r, digits[r.scale], T[r.scale]);
  results_close (&r);
  return EXIT_SUCCESS;
}
