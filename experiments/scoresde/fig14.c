// # Figures 14 and 15: what a part of an image leaves open
//
// Faces that lack their middle, [scoresde.fig14] and clothes that lack their right half: [scoresde.fig15] `scorebook
// sample --known --mask` has drawn several completions of each test image by networks that were trained on whole
// images. Called with NAME N TIMES, the driver writes what that command is given; without arguments it looks at what
// has been drawn.

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
  SHOWN = 6 // images in a picture, and completions of each
};

// ## Two numbers, exactly
//
// Of two numbers with variance 1 and correlation 1/2 the first is known to be 1: the other has mean 0.5 and variance
// 0.75. Imputation is an approximation even with the exact score (`src/sampler/known.c`): predictors alone tend to the
// mean 0.268 and the variance 0.824, and correctors mend it. [scoresde.txt-impute-approx]

static const char *const two_claim = "Two numbers, exact score: correctors make imputation right";

static void
two_numbers (results *r)
{
  const size_t n = r->scale == SMOKE ? 200 : 2000;
  const double C[] = { 1, 0.5, 0.5, 1 }, first[] = { 1, 0 };
  gsl_matrix_const_view covariance = gsl_matrix_const_view_array (C, 2, 2);
  gsl_vector_const_view mask = gsl_vector_const_view_array (first, 2);
  gsl_matrix *y = require_pointer (gsl_matrix_alloc (n, 2), "what is known");
  double mean[2], se[2];
  gsl_matrix_set_all (y, 1);
  results_row (r, "two numbers, exact law", "mean", "", 0.5, -1, "", "in closed form");
  results_row (r, "two numbers, exact law", "variance", "", 0.75, -1, "", "");
  for (size_t corrected = 0; corrected < 2; corrected++)
    {
      const char *row = corrected ? "two numbers, with a corrector" : "two numbers, predictors alone";
      gsl_matrix *x = impute_gaussian (&covariance.matrix, &(sb_known){ .y = y, .mask = &mask.vector }, corrected, r);
      const double variance = gsl_stats_variance (gsl_matrix_const_ptr (x, 0, 1), x->tda, n);
      mean[corrected] = gsl_stats_mean (gsl_matrix_const_ptr (x, 0, 1), x->tda, n);
      se[corrected] = sqrt (variance / (double)n);
      results_row (r, row, "mean", "", mean[corrected], se[corrected], "", corrected ? "" : "0.268 in the limit");
      results_row (r, row, "variance", "", variance, variance * sqrt (2 / (double)n), "",
                   corrected ? "" : "0.824 in the limit");
      gsl_matrix_free (x);
    }
  if (r->scale == SMOKE)
    untested (r, two_claim, "200 samples in 100 steps say little");
  else
    results_claim (r, two_claim, fabs (mean[1] - 0.5) < 4.9 * se[1] && fabs (mean[0] - 0.5) > 4.9 * se[0],
                   "the unknown one's mean is 0.5; with a corrector %.4f ± %.2g, by predictors alone %.4f ± %.2g",
                   mean[1], se[1], mean[0], se[0]);
  gsl_matrix_free (y);
}

// ## What is known

typedef struct
{
  const char *name, *variable, *what;
  double low, high;
} subject;

static const subject subjects[] = { { "faces", "FACES", "Faces without their middle", -1, 1 },
                                    { "clothes", "CLOTHES", "Clothes without their right half", 0, 1 } };

static bool
of_faces (const subject *s)
{
  return strcmp (s->name, "faces") == 0;
}

static gsl_matrix *
test_set (const subject *s)
{
  return of_faces (s) ? test_faces (FACE, TEST_FACES) : test_clothes (0, 0, s->low, s->high);
}

static gsl_vector *
mask (const subject *s)
{
  gsl_vector *known = require_pointer (gsl_vector_alloc (of_faces (s) ? face_size (FACE) : PIXELS), "the mask");
  for (size_t j = 0; j < known->size; j++)
    {
      const size_t pixel = of_faces (s) ? j / CHANNELS : j, side = of_faces (s) ? FACE : SIDE, line = pixel / side,
                   column = pixel % side;
      const bool middle = line >= FACE / 4 && line < 3 * FACE / 4 && column >= FACE / 4 && column < 3 * FACE / 4;
      gsl_vector_set (known, j, of_faces (s) ? !middle : column < SIDE / 2);
    }
  return known;
}

static int
prepare (const char *name, size_t n, size_t times)
{
  const subject *s = &subjects[strcmp (name, subjects[0].name) != 0];
  gsl_matrix *x = test_set (s);
  gsl_matrix_const_view some = gsl_matrix_const_submatrix (x, 0, 0, n, x->size2);
  gsl_vector *known = mask (s);
  write_repeated ("known", &some.matrix, times);
  write_point ("mask", known);
  gsl_vector_free (known);
  gsl_matrix_free (x);
  return EXIT_SUCCESS;
}

// ## What was drawn
//
// The guess is the mean of the test images that were not completed.

static void
draw (const subject *s, const completions *c, const results *r)
{
  const size_t images = GSL_MIN ((size_t)SHOWN, c->truth->size1), shown = GSL_MIN ((size_t)SHOWN, c->times);
  gsl_vector *hidden = require_pointer (gsl_vector_alloc (c->truth->size2), "the picture");
  gsl_vector_set_all (hidden, (s->low + s->high) / 2);
  gsl_matrix *rows = rows_for_picture (c, images, shown, hidden);
  if (of_faces (s))
    picture_faces (r, s->name, rows, FACE, shown + 2);
  else
    picture (r, s->name, rows, shown + 2, s->low, s->high);
  gsl_matrix_free (rows);
  gsl_vector_free (hidden);
}

static void
put (const subject *s, const spread *seen, const contest *with_mean, results *r)
{
  results_row (r, s->what, "largest change of a known number", "", seen->changed, -1, "", "published: pictures");
  results_row (r, s->what, "least distance of two completions", "", seen->apart, -1, "",
               "root mean square, unknown numbers");
  results_row (r, s->what, "variance of completions", "", seen->variance, -1, "", "of an unknown number");
  results_row (r, s->what, "squared error of the completions' mean", "", with_mean->mean, -1, "", "");
  results_row (r, s->what, "squared error of the mean image", "", with_mean->guess, -1, "", "");
  results_row (r, s->what, "how much lower", "", with_mean->gain, with_mean->se, "", "paired by images");
}

static void
judge_completions (const subject *s, results *r)
{
  char claim[128], path[4096];
  snprintf (path, sizeof path, "%s", getenv (s->variable));
  gsl_matrix *x = test_set (s), *drawn = rows_of_file (path, x->size2);
  const size_t times = (size_t)atoi (getenv ("TIMES")), n = drawn->size1 / times;
  gsl_matrix_const_view truth = gsl_matrix_const_submatrix (x, 0, 0, n, x->size2),
                        others = gsl_matrix_const_submatrix (x, n, 0, x->size1 - n, x->size2);
  gsl_vector *known = mask (s), *guess = mean_row (&others.matrix);
  const completions c = { &truth.matrix, drawn, known, times };
  const spread seen = spread_of (&c);
  const contest with_mean = contest_with (&c, guess);
  draw (s, &c, r);
  put (s, &seen, &with_mean, r);

  snprintf (claim, sizeof claim, "%s: what is known stays as it is", s->what);
  results_claim (r, claim, seen.changed <= 1e-6, "largest change %.2g in %zu completions of %zu images", seen.changed,
                 times, n);
  snprintf (claim, sizeof claim, "%s: completions of an image differ", s->what);
  results_claim (r, claim, seen.apart > 0, "two of them by %.3g at least, root mean square", seen.apart);
  snprintf (claim, sizeof claim, "%s: their mean is nearer to the truth than the mean image", s->what);
  if (r->scale == SMOKE)
    untested (r, claim, "two completions in two steps say nothing");
  else
    results_claim (r, claim, with_mean.p < 1e-3,
                   "squared error %.4g for %.4g, lower by %.4g ± %.2g, p = %.2g; %zu images, the mean of %zu each",
                   with_mean.mean, with_mean.guess, with_mean.gain, with_mean.se, with_mean.p, n, times);
  gsl_vector_free (guess);
  gsl_vector_free (known);
  gsl_matrix_free (drawn);
  gsl_matrix_free (x);
}

int
main (int argc, char **argv)
{
  if (argc == 4)
    return prepare (argv[1], (size_t)atoi (argv[2]), (size_t)atoi (argv[3]));
  results r = results_open ();
  two_numbers (&r);
  for (size_t k = 0; k < sizeof subjects / sizeof *subjects; k++)
    if (path_of (subjects[k].variable))
      judge_completions (&subjects[k], &r);
    else
      untested (&r, of_faces (&subjects[k]) ? "Faces are completed" : "Clothes are completed",
                "no network of them is here");
  results_close (&r);
  return EXIT_SUCCESS;
}
