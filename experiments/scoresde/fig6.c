// # Figure 6: latent codes, changed
//
// Codes between codes, along the sphere, and codes of a lower temperature, decoded by the probability flow.
// [scoresde.fig6]

#include "strips.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum
{
  FRAMES = 9,
  TEMPERATURES = 4
};

static const double temperature[TEMPERATURES] = { 1, 0.9, 0.8, 0.7 };

static gsl_matrix *
random_codes (const coder *c, uint64_t seed, size_t n)
{
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (n, PIXELS), "codes");
  require (sb_process_prior (c->score->process, (sb_stream){ .seed = seed, .purpose = SB_FOR_PRIOR }, z), "the prior");
  return z;
}

// ## Between random samples
//
// A strip has no jumps: no two neighbours are further apart than three times the strip's mean.

static void
interpolate (const coder *c, size_t strips, results *r)
{
  gsl_matrix *z = random_codes (c, r->seed, 2 * strips);
  const double worst = strips_between (c, z, FRAMES, r);
  results_row (r, "between codes", "largest jump of a strip over its mean", "", worst, -1, "", "published: pictures");
  results_claim (r, "Samples change smoothly between random codes", worst < 3,
                 "the largest step between neighbours is %.2f times its strip's mean, in %zu strips", worst, strips);
  gsl_matrix_free (z);
}

// ## Cooler
//
// A code nearer to the origin is a more probable one, and what it decodes to has less contrast: the variance of an
// image's pixels.

static void
contrasts (const gsl_matrix *x, gsl_vector *contrast)
{
  for (size_t i = 0; i < x->size1; i++)
    gsl_vector_set (contrast, i, gsl_stats_variance (gsl_matrix_const_ptr (x, i, 0), 1, x->size2));
}

static void
cool (const coder *c, size_t n, results *r)
{
  gsl_matrix *z = random_codes (c, r->seed + 1, n), *x = require_pointer (gsl_matrix_alloc (n, PIXELS), "images"),
             *shown = require_pointer (gsl_matrix_alloc (TEMPERATURES * GSL_MIN (n, 12), PIXELS), "the picture");
  gsl_vector *contrast = require_pointer (gsl_vector_alloc (n), "contrasts"),
             *before = require_pointer (gsl_vector_alloc (n), "contrasts");
  bool falls = true;
  size_t length = 0;
  char row[32], seen[256] = "";
  for (size_t k = 0; k < TEMPERATURES; k++)
    {
      gsl_matrix_memcpy (x, z);
      gsl_matrix_scale (x, temperature[k]);
      coder_decode (c, x, r);
      contrasts (x, contrast);
      const double mean = gsl_stats_mean (contrast->data, 1, n),
                   se = gsl_stats_sd (contrast->data, 1, n) / sqrt ((double)n);
      snprintf (row, sizeof row, "temperature %g", temperature[k]);
      results_row (r, row, "variance of an image's pixels", "", mean, se, "", "published: pictures");
      length += (size_t)snprintf (seen + length, sizeof seen - length, "%s%.4f", k ? ", " : "", mean);

      // Compared with the warmer images of the same codes.
      if (k > 0)
        {
          gsl_vector_sub (before, contrast);
          falls = falls
                  && gsl_stats_mean (before->data, 1, n) > -2 * gsl_stats_sd (before->data, 1, n) / sqrt ((double)n);
        }
      gsl_vector_memcpy (before, contrast);
      for (size_t i = 0; i < GSL_MIN (n, 12); i++)
        {
          gsl_vector_const_view image = gsl_matrix_const_row (x, i);
          gsl_matrix_set_row (shown, k * GSL_MIN (n, 12) + i, &image.vector);
        }
    }
  picture (r, "cooler", shown, GSL_MIN (n, 12), c->model->low, c->model->high);
  results_claim (r, "Images of cooler codes have no more contrast", falls, "mean variance of pixels %s", seen);
  gsl_vector_free (before);
  gsl_vector_free (contrast);
  gsl_matrix_free (shown);
  gsl_matrix_free (x);
  gsl_matrix_free (z);
}

int
main (void)
{
  results r = results_open ();
  coder c = coder_open ("MODEL", r.scale == SMOKE ? 1e-1 : r.scale == QUICK ? 1e-3 : 1e-5);
  interpolate (&c, r.scale == SMOKE ? 1 : 6, &r);
  cool (&c, r.scale == SMOKE ? 2 : r.scale == QUICK ? 40 : 400, &r);
  coder_close (c);
  results_close (&r);
  return EXIT_SUCCESS;
}
