// # Figure 9: a budget, divided
//
// So many evaluations of the score, of which the corrector gets none, half, two thirds ... or all: VE, reverse
// diffusion, exact score. [scoresde.fig9] A budget B with M corrector steps to each of the predictor's allows $N =
// \lfloor B/(1+M)\rfloor$ levels; the corrector alone has $M = 2$ at each of $B/2$ levels.

#include "spectrum.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  BUDGETS = 3,
  DIVISIONS = 6
};

static const size_t budget[BUDGETS] = { 200, 400, 800 }, corrections[DIVISIONS] = { 0, 1, 2, 3, 4, 7 };

// The distance at the best r, or at the paper's own for these images, 0.075.

static double
distance_at (size_t B, size_t M, bool alone, double fixed_r, results *r)
{
  sampler s
      = { .sde = VE, .predictor = alone ? NONE : REVERSE_DIFFUSION, .factor = 1, .M = alone ? 2 : M, .r = fixed_r };
  s.levels = alone ? B / 2 : B / (1 + M);
  return s.M == 0 || fixed_r > 0 ? sampler_distance (&s, r) : sampler_best_r (s, r, NULL).distance;
}

int
main (void)
{
  results r = results_open ();
  FILE *curve = results_data (&r, "grid.dat");
  double best_r[BUDGETS][DIVISIONS + 1], fixed[BUDGETS][DIVISIONS + 1];
  for (size_t b = 0; b < BUDGETS; b++)
    {
      fprintf (curve, "\"%zu evaluations\"\n", budget[b]);
      for (size_t m = 0; m <= DIVISIONS; m++)
        {
          const bool alone = m == DIVISIONS;
          const size_t M = alone ? 0 : corrections[m];
          char row[64], column[64];
          snprintf (row, sizeof row, alone ? "corrector only" : "%zu corrector steps a step", M);
          snprintf (column, sizeof column, "%zu evaluations", budget[b]);
          best_r[b][m] = distance_at (budget[b], M, alone, 0, &r);
          fixed[b][m] = distance_at (budget[b], M, alone, 0.075, &r);
          results_row (&r, row, column, "", 1e4 * best_r[b][m], -1, "10⁻⁴",
                       "best r; the paper shows pictures, no numbers");
          snprintf (column, sizeof column, "%zu evaluations, r = 0.075", budget[b]);
          results_row (&r, row, column, "", 1e4 * fixed[b][m], -1, "10⁻⁴", "");
          fprintf (curve, "%g %.6e\n", alone ? 1 : (double)M / (1 + (double)M), best_r[b][m]);
        }
      fputs ("\n\n", curve);
    }
  require (fclose (curve) ? GSL_EFAILED : GSL_SUCCESS, "writing the curve");

  int divided = 0, falls = 0, at_their_r = 0;
  for (size_t b = 0; b < BUDGETS; b++)
    {
      double least = INFINITY, least_fixed = INFINITY;
      for (size_t m = 1; m < DIVISIONS; m++)
        {
          least = GSL_MIN (least, best_r[b][m]);
          least_fixed = GSL_MIN (least_fixed, fixed[b][m]);
        }
      divided += least < best_r[b][0] && least < best_r[b][DIVISIONS];
      at_their_r += least_fixed < fixed[b][0] && least_fixed < fixed[b][DIVISIONS];
    }
  for (size_t m = 0; m <= DIVISIONS; m++)
    falls += best_r[0][m] > best_r[1][m] && best_r[1][m] > best_r[2][m];
  results_claim (&r, "Samples are best when a budget is divided between predictor and corrector", divided == BUDGETS,
                 "at %d of 3 budgets, with the best r", divided);
  results_claim (&r, "... with the paper's r of 0.075", at_their_r == BUDGETS, "at %d of 3 budgets", at_their_r);
  results_claim (&r, "More computation is better for each division", falls == DIVISIONS + 1, "for %d of 7 divisions",
                 falls);
  results_close (&r);
  return EXIT_SUCCESS;
}
