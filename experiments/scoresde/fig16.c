// # Figures 16 and 17: what grey leaves open
//
// `scorebook sample --grey` has coloured test faces, in two halves of them: [scoresde.fig16] [scoresde.fig17] several
// times each from its grey alone, by a network that was trained on faces in colour. Called with HALF N TIMES, the
// driver writes what that command is given; without arguments it looks at what has been drawn.
//
// All is measured in the basis where grey is a number of its own (`src/operator/colour.c`): of a pixel's three numbers
// the first is known and the other two, its chroma, are not. [scoresde.txt-color-matrix]

#include "../faces.h"
#include "completions.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  FACE = 32,
  FACE_PIXELS = FACE * FACE,
  HALF = 112, // test faces; one of the 225 is in neither half
  SHOWN = 6   // faces in a picture, and colourings of each
};

// ## One pixel, exactly
//
// Colours of a Gaussian law: in the basis their three numbers have mean 0 and variance 1, and the first of chroma
// correlates with the grey by 1/2. Where the grey is 1 its mean is 0.5; predictors alone tend to 0.268, for imputation
// is an approximation even with the exact score. [scoresde.txt-color-wiener]

static const char *const pixel_claim = "One pixel, exact score: correctors make its colour right";

static void
one_pixel (results *r)
{
  const size_t n = r->scale == SMOKE ? 200 : 2000;
  const double K[] = { 1, 0.5, 0, 0.5, 1, 0, 0, 0, 1 }, first[] = { 1, 0, 0 };
  double mean[2], se[2];
  gsl_matrix_const_view in_basis = gsl_matrix_const_view_array (K, CHANNELS, CHANNELS);
  gsl_vector_const_view mask = gsl_vector_const_view_array (first, CHANNELS);
  gsl_matrix *y = require_pointer (gsl_matrix_alloc (n, CHANNELS), "what is known"),
             *half = require_pointer (gsl_matrix_alloc (CHANNELS, CHANNELS), "the law"),
             *covariance = require_pointer (gsl_matrix_alloc (CHANNELS, CHANNELS), "the law");
  sb_operator *B = require_pointer (sb_operator_colour_alloc (1), "the colours' basis");
  gsl_matrix_set_all (y, 1);

  // Of colours the covariance is B^T K B: K is symmetric, and so is the product.
  require (sb_operator_apply (B, CblasTrans, NULL, &in_basis.matrix, half), "the colours' basis");
  gsl_matrix_transpose (half);
  require (sb_operator_apply (B, CblasTrans, NULL, half, covariance), "the colours' basis");

  results_row (r, "one pixel, exact law", "chroma where grey is 1", "", 0.5, -1, "", "in closed form");
  for (size_t corrected = 0; corrected < 2; corrected++)
    {
      gsl_matrix *x
          = impute_gaussian (covariance, &(sb_known){ .y = y, .mask = &mask.vector, .basis = B }, corrected, r),
          *u = require_pointer (gsl_matrix_alloc (n, CHANNELS), "colours");
      require (sb_operator_apply (B, CblasNoTrans, NULL, x, u), "the colours' basis");
      const double *number = gsl_matrix_const_ptr (u, 0, 1);
      mean[corrected] = gsl_stats_mean (number, u->tda, n);
      se[corrected] = gsl_stats_sd (number, u->tda, n) / sqrt ((double)n);
      results_row (r, corrected ? "one pixel, with a corrector" : "one pixel, predictors alone",
                   "chroma where grey is 1", "", mean[corrected], se[corrected], "",
                   corrected ? "" : "0.268 in the limit");
      gsl_matrix_free (u);
      gsl_matrix_free (x);
    }
  if (r->scale == SMOKE)
    untested (r, pixel_claim, "200 samples in 100 steps say little");
  else
    results_claim (r, pixel_claim, fabs (mean[1] - 0.5) < 4.9 * se[1] && fabs (mean[0] - 0.5) > 4.9 * se[0],
                   "its mean is 0.5; with a corrector %.4f ± %.2g, by predictors alone %.4f ± %.2g", mean[1], se[1],
                   mean[0], se[0]);
  sb_operator_free (B);
  gsl_matrix_free (covariance);
  gsl_matrix_free (half);
  gsl_matrix_free (y);
}

// ## Two halves of the test faces

// Half 0 or 1 of the test faces, and its name.
static const char *const half_name[] = { "first", "second" };

static gsl_matrix *
half_of_faces (size_t half)
{
  gsl_matrix *all = test_faces (FACE, TEST_FACES), *x = require_pointer (gsl_matrix_alloc (HALF, all->size2), "faces");
  gsl_matrix_const_view from = gsl_matrix_const_submatrix (all, half * HALF, 0, HALF, all->size2);
  gsl_matrix_memcpy (x, &from.matrix);
  gsl_matrix_free (all);
  return x;
}

// The program takes the grey of faces in colour.

static int
prepare (const char *name, size_t n, size_t times)
{
  gsl_matrix *x = half_of_faces (strcmp (name, half_name[0]) != 0);
  gsl_matrix_const_view some = gsl_matrix_const_submatrix (x, 0, 0, n, x->size2);
  write_repeated ("grey", &some.matrix, times);
  gsl_matrix_free (x);
  return EXIT_SUCCESS;
}

// ## In the basis of colours

static void
change_basis (CBLAS_TRANSPOSE_t back, gsl_matrix *x)
{
  sb_operator *B = require_pointer (sb_operator_colour_alloc (FACE_PIXELS), "the colours' basis");
  gsl_matrix *from = require_pointer (gsl_matrix_alloc (x->size1, x->size2), "faces");
  gsl_matrix_memcpy (from, x);
  require (sb_operator_apply (B, back, NULL, from, x), "the colours' basis");
  gsl_matrix_free (from);
  sb_operator_free (B);
}

static gsl_vector *
grey_mask (void)
{
  gsl_vector *known = require_pointer (gsl_vector_alloc (face_size (FACE)), "the mask");
  for (size_t j = 0; j < known->size; j++)
    gsl_vector_set (known, j, j % CHANNELS == 0);
  return known;
}

static void
draw (const char *name, const completions *c, const gsl_vector *grey, const results *r)
{
  const size_t images = GSL_MIN ((size_t)SHOWN, c->truth->size1), shown = GSL_MIN ((size_t)SHOWN, c->times);
  gsl_matrix *rows = rows_for_picture (c, images, shown, grey);
  change_basis (CblasTrans, rows);
  picture_faces (r, name, rows, FACE, shown + 2);
  gsl_matrix_free (rows);
}

// ## Nearer than a guess?
//
// Two guesses: no colour, and the mean colour of the faces of this half that were not coloured. Even samples of the
// true law may lose: with variance $V$ around their mean, $K$ of them err by $V(1 + 1/K)$, so the claim is looked at
// only where that is below the guess's error at the other faces.

static void
compare (const char *half, const char *guess_name, const completions *c, double variance, double at_others,
         const gsl_vector *guess, results *r)
{
  char claim[128], column[64];
  const contest t = contest_with (c, guess);
  const double least = variance * (1 + 1 / (double)c->times);
  snprintf (column, sizeof column, "squared error of %s", guess_name);
  results_row (r, half, column, "", t.guess, -1, "", "of an unknown number");
  snprintf (column, sizeof column, "how much lower than of %s", guess_name);
  results_row (r, half, column, "", t.gain, t.se, "", "paired by faces");
  snprintf (claim, sizeof claim, "%s: the colourings' mean is nearer to the truth than %s", half, guess_name);
  if (r->scale == SMOKE)
    untested (r, claim, "two colourings in two steps say nothing");
  else if (least >= at_others)
    {
      char reason[256];
      snprintf (
          reason, sizeof reason,
          "samples of this variance err by %.4g, the guess by %.4g: even true ones would lose; seen: %.4g for %.4g",
          least, at_others, t.mean, t.guess);
      untested (r, claim, reason);
    }
  else
    results_claim (r, claim, t.p < 1e-3,
                   "squared error %.4g for %.4g, lower by %.4g ± %.2g, p = %.2g; %zu faces, the mean of %zu each",
                   t.mean, t.guess, t.gain, t.se, t.p, c->truth->size1, c->times);
}

static void
judge_half (size_t half, const char *path, results *r)
{
  char name[32], claim[128];
  const size_t times = (size_t)atoi (getenv ("TIMES"));
  gsl_matrix *x = half_of_faces (half), *drawn = rows_of_file (path, x->size2);
  const size_t n = drawn->size1 / times;
  change_basis (CblasNoTrans, x);
  change_basis (CblasNoTrans, drawn);
  gsl_matrix_const_view truth = gsl_matrix_const_submatrix (x, 0, 0, n, x->size2),
                        others = gsl_matrix_const_submatrix (x, n, 0, x->size1 - n, x->size2);
  gsl_vector *known = grey_mask (), *mean = mean_row (&others.matrix),
             *grey = require_pointer (gsl_vector_calloc (x->size2), "grey");
  const completions c = { &truth.matrix, drawn, known, times };
  const spread seen = spread_of (&c);
  snprintf (name, sizeof name, "%s half", half_name[half]);
  draw (half_name[half], &c, grey, r);

  results_row (r, name, "largest change of grey", "", seen.changed, -1, "", "published: pictures");
  results_row (r, name, "least distance of two colourings", "", seen.apart, -1, "", "root mean square, chroma");
  results_row (r, name, "variance of colourings", "", seen.variance, -1, "", "of an unknown number");
  results_row (r, name, "squared error of the colourings' mean", "", contest_with (&c, grey).mean, -1, "", "");
  snprintf (claim, sizeof claim, "%s: grey stays as it is", name);
  results_claim (r, claim, seen.changed <= 1e-6, "largest change %.2g in %zu colourings of %zu faces", seen.changed,
                 times, n);
  snprintf (claim, sizeof claim, "%s: colourings of a face differ", name);
  results_claim (r, claim, seen.apart > 0, "two of them by %.3g at least, root mean square", seen.apart);
  compare (name, "no colour", &c, seen.variance, error_of_guess (&others.matrix, known, grey), grey, r);
  compare (name, "the mean colour", &c, seen.variance, error_of_guess (&others.matrix, known, mean), mean, r);
  gsl_vector_free (grey);
  gsl_vector_free (mean);
  gsl_vector_free (known);
  gsl_matrix_free (drawn);
  gsl_matrix_free (x);
}

int
main (int argc, char **argv)
{
  static const char *const variable[] = { "FIRST", "SECOND" };
  if (argc == 4)
    return prepare (argv[1], (size_t)atoi (argv[2]), (size_t)atoi (argv[3]));
  results r = results_open ();
  one_pixel (&r);
  for (size_t half = 0; half < 2; half++)
    if (path_of (variable[half]))
      judge_half (half, path_of (variable[half]), &r);
  if (!path_of (variable[0]))
    untested (&r, "Faces are coloured from their grey", "no network of faces is here");
  results_close (&r);
  return EXIT_SUCCESS;
}
