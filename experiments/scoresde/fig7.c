// # Figures 7 and 8: codes that are the same for every model
//
// The flow of a law depends on its score alone, so that two models that have learned it must agree on the code of a
// point. [scoresde.fig7] [scoresde.fig8] On the plane the exact codes are known too; of images there are those of pairs
// of networks, whose differences and correlations are compared with those of codes that have been shuffled among the
// images.

#include "../images.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum
{
  SHUFFLES = 1000,
  SHOWN = 100 // dimensions
};

// The correlation of two batches in one dimension, or of all their numbers.

static double
correlation_in (const gsl_matrix *a, const gsl_matrix *b, size_t j)
{
  return gsl_stats_correlation (a->data + j, a->tda, b->data + j, b->tda, a->size1);
}

static double
mean_correlation (const gsl_matrix *a, const gsl_matrix *b)
{
  double sum = 0;
  size_t count = 0;
  for (size_t j = 0; j < a->size2; j++)
    {
      const double c = correlation_in (a, b, j);
      sum += isnan (c) ? 0 : c;
      count += !isnan (c);
    }
  return sum / (double)count;
}

// ## On the plane

static void
on_the_plane (results *r)
{
  gsl_matrix *exact = drawn_rows (r, "exact"), *narrow = drawn_rows (r, "mlp-64"), *wide = drawn_rows (r, "mlp-128");
  const double both = mean_correlation (narrow, wide), a = mean_correlation (narrow, exact),
               b = mean_correlation (wide, exact);
  results_row (r, "three Gaussians on the plane", "correlation / of two perceptrons", "", both, -1, "",
               "published: curves that nearly coincide");
  results_row (r, "three Gaussians on the plane", "correlation / narrow one and exact", "", a, -1, "", "");
  results_row (r, "three Gaussians on the plane", "correlation / wide one and exact", "", b, -1, "", "");
  if (r->scale != SMOKE)
    results_claim (
        r, "Two models of a law on the plane have the same codes, and the exact ones", fmin (both, fmin (a, b)) > 0.99,
        "correlation %.4f with one another, %.4f and %.4f with the truth, of %zu points", both, a, b, exact->size1);
  gsl_matrix_free (wide);
  gsl_matrix_free (narrow);
  gsl_matrix_free (exact);
}

// ## Images
//
// Shuffled means: within each dimension, the second model's codes go to other images, at random.

static void
shuffle (gsl_rng *rng, gsl_matrix *x)
{
  for (size_t j = 0; j < x->size2; j++)
    {
      for (size_t i = x->size1 - 1; i > 0; i--)
        {
          const size_t k = gsl_rng_uniform_int (rng, i + 1);
          const double kept = gsl_matrix_get (x, i, j);
          gsl_matrix_set (x, i, j, gsl_matrix_get (x, k, j));
          gsl_matrix_set (x, k, j, kept);
        }
    }
}

static double
median_difference (const gsl_matrix *a, const gsl_matrix *b)
{
  const size_t count = a->size1 * a->size2;
  double *gap = require_pointer (malloc (count * sizeof *gap), "differences");
  for (size_t k = 0; k < count; k++)
    gap[k] = fabs (a->data[k] - b->data[k]);
  gsl_sort (gap, 1, count);
  const double median = gsl_stats_median_from_sorted_data (gap, 1, count);
  free (gap);
  return median;
}

static void
draw_code (const gsl_matrix *a, const gsl_matrix *b, FILE *file)
{
  for (size_t j = 0; j < SHOWN; j++)
    fprintf (file, "%zu %g %g\n", j + 1, gsl_matrix_get (a, 0, j), gsl_matrix_get (b, 0, j));
}

// The codes of `what` by two networks, in the files NAME-a and NAME-b, are compared with each other and with shuffled
// ones; that of the first image goes to `NAME.dat`.

static void
of_images (results *r, const char *name, const char *what)
{
  char part[32], claim[128];
  snprintf (part, sizeof part, "%s-a", name);
  gsl_matrix *a = drawn_rows (r, part);
  snprintf (part, sizeof part, "%s-b", name);
  gsl_matrix *b = drawn_rows (r, part), *mixed = require_pointer (gsl_matrix_alloc (b->size1, b->size2), "codes");
  gsl_rng *rng = require_pointer (gsl_rng_alloc (sb_rng_philox), "random numbers");
  const double gap = median_difference (a, b), c = mean_correlation (a, b);
  double shuffled_gap = 0, shuffled_c = 0;
  size_t as_large = 0;
  const size_t shuffles = r->scale == SMOKE ? 20 : SHUFFLES;
  gsl_rng_set (rng, r->seed);
  gsl_matrix_memcpy (mixed, b);
  for (size_t k = 0; k < shuffles; k++)
    {
      shuffle (rng, mixed);
      const double once = mean_correlation (a, mixed);
      as_large += once >= c;
      shuffled_c += once / (double)shuffles;
      shuffled_gap += k < 10 ? median_difference (a, mixed) / (double)GSL_MIN (shuffles, 10) : 0;
    }
  snprintf (part, sizeof part, "%s.dat", name);
  FILE *file = results_data (r, part);
  draw_code (a, b, file);
  require (fclose (file) ? GSL_EFAILED : GSL_SUCCESS, "writing a code");
  results_row (r, what, "median difference / of two networks", "", gap, -1, "", "published: histograms");
  results_row (r, what, "median difference / shuffled", "", shuffled_gap, -1, "", "");
  results_row (r, what, "correlation / of two networks", "", c, -1, "", "mean over dimensions");
  results_row (r, what, "correlation / shuffled", "", shuffled_c, -1, "", "");
  if (r->scale != SMOKE)
    {
      snprintf (claim, sizeof claim, "Two networks' %s differ much less than those of different images", what);
      results_claim (r, claim, gap < 0.25 * shuffled_gap, "median difference %.4g, shuffled %.4g", gap, shuffled_gap);
      snprintf (claim, sizeof claim, "Two networks' %s are correlated in each dimension", what);
      results_claim (r, claim, c - shuffled_c > 0.5 && as_large == 0,
                     "mean correlation %.3f over %zu dimensions, shuffled %.3f; as large in %zu of %zu shuffles", c,
                     a->size2, shuffled_c, as_large, shuffles);
    }
  gsl_rng_free (rng);
  gsl_matrix_free (mixed);
  gsl_matrix_free (b);
  gsl_matrix_free (a);
}

// The pairs of networks that the script has found.

int
main (void)
{
  static const char *const pair[][2] = { { "DIGITS", "codes of digits" }, { "CLOTHES", "codes of clothes" } };
  results r = results_open ();
  on_the_plane (&r);
  for (int k = 0; k < 2; k++)
    {
      const char *name = getenv (pair[k][0]);
      if (name && *name)
        of_images (&r, name, pair[k][1]);
      else
        untested (&r, "Two networks' codes of an image are the same", "a network is not there");
    }
  if (r.scale == SMOKE)
    untested (&r, "Two models have the same codes", "a hundred training steps say nothing");
  results_close (&r);
  return EXIT_SUCCESS;
}
