// # Figure 3: how precise a flow has to be
//
// The probability flow's equation is solved with adaptive steps, to a tolerance: how many evaluations of the score each
// takes, and what it is worth. [scoresde.fig3] First with the exact score of three Gaussians on a line, whose flow is
// known: it carries quantiles to quantiles. Then with a network, whose samples `scorebook sample --flow` has drawn from
// the same noise at each tolerance; and images between two test images, decoded from the codes between theirs.

#include "../judge.h"
#include "on_a_line.h"
#include "strips.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  PARTICLES = 500,
  TOLERANCES = 6,
  FRAMES = 9,
  DRAWN = 4, // tolerances of images
  SHOWN = 12 // samples of each in the picture
};

static const double tolerance[TOLERANCES] = { 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6 };

// ## On a line
//
// From the quantiles of the exact law at T to those at epsilon; W1 is the mean distance from where they should be.

typedef struct
{
  FILE *steps;
  double before;
} watch;

static int
record_step (void *context, size_t done, size_t total, double t, const gsl_matrix *x)
{
  watch *w = context;
  (void)total, (void)x;
  if (w->steps && done > 0)
    fprintf (w->steps, "%g %g\n", w->before, w->before - t);
  w->before = t;
  return GSL_SUCCESS;
}

static double
solve (const sde *kind, const sb_score *score, double tol, FILE *steps, size_t *evaluations)
{
  const double epsilon = kind->process->t_min;
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (PARTICLES, 1), "particles");
  watch w = { steps, 1 };
  const sb_flow flow
      = { .relative = tol, .absolute = tol, .final = SB_FINAL_SAMPLE, .progress = record_step, .context = &w };
  double sum = 0;
  for (size_t i = 0; i < PARTICLES; i++)
    gsl_matrix_set (x, i, 0, quantile_at (kind->process, 1, ((double)i + 0.5) / PARTICLES));
  require (sb_flow_run (&flow, score, NULL, 1, epsilon, x, evaluations), "the flow");
  for (size_t i = 0; i < PARTICLES; i++)
    sum += fabs (gsl_matrix_get (x, i, 0) - quantile_at (kind->process, epsilon, ((double)i + 0.5) / PARTICLES));
  gsl_matrix_free (x);
  return sum / PARTICLES;
}

static void
on_a_line (results *r)
{
  sb_target *law = three_gaussians ();
  sde sdes[SDES];
  sdes_alloc (sdes);
  FILE *steps = results_data (r, "steps.dat");
  int monotone = 0;
  double fewest = INFINITY;
  for (size_t k = 0; k < SDES; k++)
    {
      sdes[k].process->t_min = 1e-5;
      sb_score *score = require_pointer (sb_score_exact_alloc (law, sdes[k].process), "the score");
      size_t evaluations[TOLERANCES];
      double W1[TOLERANCES];
      bool ordered = true;
      for (size_t l = 0; l < TOLERANCES; l++)
        {
          char row[32], column[64];
          if (l == 4)
            fprintf (steps, "\"%s\"\n", sdes[k].name);
          W1[l] = solve (&sdes[k], score, tolerance[l], l == 4 ? steps : NULL, &evaluations[l]);
          if (l == 4)
            fputs ("\n\n", steps);
          r->evaluations += evaluations[l] * PARTICLES;
          snprintf (row, sizeof row, "tolerance %g", tolerance[l]);
          snprintf (column, sizeof column, "%s / evaluations", sdes[k].name);
          results_row (r, row, column, "", (double)evaluations[l], -1, "", "three Gaussians on a line, exact score");
          snprintf (column, sizeof column, "%s / W1 to the truth", sdes[k].name);
          results_row (r, row, column, "", W1[l], -1, "", "");
          ordered = ordered && (l == 0 || (evaluations[l] >= evaluations[l - 1] && W1[l] <= W1[l - 1]));
        }
      monotone += ordered;
      fewest = fmin (fewest, 1 - (double)evaluations[0] / (double)evaluations[4]);
      sb_score_free (score);
    }
  require (fclose (steps) ? GSL_EFAILED : GSL_SUCCESS, "writing the steps");
  sdes_free (sdes);
  sb_target_free (law);
  results_claim (r, "Exact score: looser tolerances take fewer evaluations, tighter ones err less", monotone == SDES,
                 "for %d of 3 SDEs", monotone);
  results_claim (r, "Exact score: over 90 % of the evaluations can be saved", fewest > 0.9,
                 "%.0f %% at least from a tolerance of 1e-5 to 1e-1, where samples are visibly off", 100 * fewest);
}

// ## Images

static gsl_matrix *
samples (const results *r, double tol)
{
  char name[32];
  snprintf (name, sizeof name, "%g", tol);
  return drawn_rows (r, name);
}

static double
evaluations_of (const results *r, double tol)
{
  char path[4096];
  double n = NAN;
  snprintf (path, sizeof path, "%s-%g.txt", r->out, tol);
  FILE *file = require_pointer (fopen (path, "r"), path);
  if (fscanf (file, "%lf", &n) != 1)
    n = NAN;
  fclose (file);
  return n;
}

static void
images (results *r)
{
  static const double drawn[DRAWN] = { 1e-1, 1e-2, 1e-3, 1e-5 };
  judge j = judge_open ("fashion");
  double frechet[DRAWN], count[DRAWN];
  gsl_matrix *shown = require_pointer (gsl_matrix_calloc (DRAWN * SHOWN, PIXELS), "the picture");
  size_t n = 0;
  for (size_t l = 0; l < DRAWN; l++)
    {
      char row[32], note[64];
      gsl_matrix *x = samples (r, drawn[l]);
      n = x->size1;
      verdict se;
      frechet[l] = judged_with_errors (&j, x, -1, 1, &se).frechet;
      count[l] = evaluations_of (r, drawn[l]);
      r->evaluations += (uint64_t)(count[l] * (double)n);
      snprintf (row, sizeof row, "tolerance %g", drawn[l]);
      snprintf (note, sizeof note, "%zu samples of a network", n);
      results_row (r, row, "images / evaluations", "", count[l], -1, "", note);
      results_row (r, row, "images / Frechet distance", "", frechet[l], se.frechet, "", note);
      for (size_t i = 0; i < GSL_MIN (n, SHOWN); i++)
        {
          gsl_vector_const_view image = gsl_matrix_const_row (x, i);
          gsl_matrix_set_row (shown, l * SHOWN + i, &image.vector);
        }
      gsl_matrix_free (x);
    }
  picture (r, "tolerances", shown, SHOWN, -1, 1);
  gsl_matrix_free (shown);
  put_floor_and_noise (r, &j, n, "images / Frechet distance");
  judge_close (j);
  if (r->scale != SMOKE)
    results_claim (r, "Images: evaluations can be cut without affecting the samples",
                   frechet[1] < 1.1 * frechet[3] && count[1] < 0.6 * count[3],
                   "tolerance 1e-2: %.0f evaluations, distance %.3g; 1e-5: %.0f, %.3g; 1e-1: %.0f, %.3g", count[1],
                   frechet[1], count[3], frechet[3], count[0], frechet[0]);
}

static void
between_images (results *r)
{
  coder c = coder_open ("MODEL", r->scale == SMOKE ? 1e-1 : 1e-3);
  const size_t strips = r->scale == SMOKE ? 1 : 4;
  gsl_matrix *z = test_clothes (0, 2 * strips, c.model->low, c.model->high);
  coder_encode (&c, z, r);
  const double worst = strips_between (&c, z, FRAMES, r);
  results_row (r, "between images", "largest jump of a strip over its mean", "", worst, -1, "", "published: pictures");
  if (r->scale != SMOKE)
    results_claim (r, "Images change smoothly between the codes of two", worst < 3,
                   "the largest step between neighbours is %.2f times its strip's mean, in %zu strips", worst, strips);
  gsl_matrix_free (z);
  coder_close (c);
}

int
main (void)
{
  results r = results_open ();
  on_a_line (&r);
  images (&r);
  between_images (&r);
  results_close (&r);
  return EXIT_SUCCESS;
}
