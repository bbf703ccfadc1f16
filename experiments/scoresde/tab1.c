// # Table 1: predictors and correctors at equal cost
//
// Every sampler of the paper's Table 1 on Gaussian data with the exact score. [scoresde.tab1]

#include "spectrum.h"

#include <math.h>
#include <stdlib.h>

// ## The table
//
// The published numbers, in the order that Table 4 of the same paper shows to be the right one: the rows of Table 1 are
// scrambled in the text version. C2000 is one cell for all rows.

enum
{
  P1000,
  P2000,
  PC1000,
  COLUMNS
};

static const char *const column_name[] = { "P1000", "P2000", "PC1000" };

static const char *const published[2][PREDICTORS][COLUMNS] = { { { "4.98 ± .06", "4.88 ± .06", "3.62 ± .03" },
                                                                 { "4.79 ± .07", "4.74 ± .08", "3.60 ± .02" },
                                                                 { "15.41 ± .15", "10.54 ± .08", "3.51 ± .04" } },
                                                               { { "3.24 ± .02", "3.24 ± .02", "3.21 ± .02" },
                                                                 { "3.21 ± .02", "3.19 ± .02", "3.18 ± .01" },
                                                                 { "3.59 ± .04", "3.23 ± .03", "3.06 ± .03" } } };
static const char *const published_c2000[2] = { "20.43 ± .07", "19.06 ± .06" };

typedef struct
{
  double cell[2][PREDICTORS][COLUMNS], c2000[2];
} table;

// Distances are given in units of $10^{-5}$.

static void
put (results *r, sde_kind sde, const char *score, int row, const char *column, const char *paper, double ours,
     double snr)
{
  char head[64], note[96];
  snprintf (head, sizeof head, "%s: %s / %s", sde_name[sde], score, column);
  if (isnan (snr))
    snprintf (note, sizeof note, "published: FID on CIFAR-10");
  else
    snprintf (note, sizeof note, "r = %.2f; published: FID on CIFAR-10", snr);
  results_row (r, predictor_name[row], head, paper, 1e5 * ours, -1, "10⁻⁵", note);
}

static table
make_table (results *r, double factor, const char *score, FILE *curve)
{
  table t;
  for (sde_kind sde = VE; sde <= VP; sde++)
    {
      for (int row = 0; row < PREDICTORS; row++)
        {
          double *cell = t.cell[sde][row];
          cell[P1000] = sampler_distance (&(sampler){ sde, row, N, 0, 0, factor, NULL }, r);
          cell[P2000] = sampler_distance (&(sampler){ sde, row, 2 * N, 0, 0, factor, NULL }, r);
          best pc = sampler_best_r ((sampler){ sde, row, N, 1, 0, factor, NULL }, r, curve);
          cell[PC1000] = pc.distance;
          for (int column = 0; column < COLUMNS; column++)
            put (r, sde, score, row, column_name[column], published[sde][row][column], cell[column],
                 column == PC1000 ? pc.r : NAN);
        }
      best c = sampler_best_r ((sampler){ sde, NONE, N, 2, 0, factor, NULL }, r, curve);
      t.c2000[sde] = c.distance;
      put (r, sde, score, NONE, "C2000", published_c2000[sde], c.distance, c.r);
    }
  return t;
}

// ## The claims
//
// Each is counted over the cells it speaks of. With exact scores some of the paper's orders are reversed: they are then
// effects of the score's error, which the second table imitates. What was seen is written down either way.

static int
count_better (const table *t, int column, int than)
{
  int count = 0;
  for (sde_kind sde = VE; sde <= VP; sde++)
    for (int row = 0; row < PREDICTORS; row++)
      count += t->cell[sde][row][column] < t->cell[sde][row][than];
  return count;
}

static int
count_ordered (const table *t, int column, int row, int than)
{
  return (t->cell[VE][row][column] < t->cell[VE][than][column])
         + (t->cell[VP][row][column] < t->cell[VP][than][column]);
}

static bool
corrector_alone_is_worst (const table *t)
{
  for (sde_kind sde = VE; sde <= VP; sde++)
    for (int row = 0; row < PREDICTORS; row++)
      if (t->c2000[sde] < t->cell[sde][row][P2000] || t->c2000[sde] < t->cell[sde][row][PC1000])
        return false;
  return true;
}

static void
write_claims (results *r, const table *t, const char *score)
{
  char claim[160];
  snprintf (claim, sizeof claim, "%s: PC1000 always improves on P1000", score);
  int count = count_better (t, PC1000, P1000);
  results_claim (r, claim, count == 6, "for %d of 6 pairs of predictor and SDE", count);

  snprintf (claim, sizeof claim, "%s: PC1000 is typically better than P2000", score);
  count = count_better (t, PC1000, P2000);
  results_claim (r, claim, count > 3, "for %d of 6 pairs; with ancestral sampling of VP %.3e against %.3e", count,
                 t->cell[VP][ANCESTRAL][PC1000], t->cell[VP][ANCESTRAL][P2000]);

  for (sde_kind sde = VE; sde <= VP; sde++)
    {
      const double (*cell)[COLUMNS] = t->cell[sde];
      snprintf (claim, sizeof claim, "%s: reverse diffusion beats ancestral sampling for %s", score, sde_name[sde]);
      bool p1000 = cell[REVERSE_DIFFUSION][P1000] < cell[ANCESTRAL][P1000];
      bool p2000 = cell[REVERSE_DIFFUSION][P2000] < cell[ANCESTRAL][P2000];
      bool pc1000 = cell[REVERSE_DIFFUSION][PC1000] < cell[ANCESTRAL][PC1000];
      results_claim (r, claim, p1000 && p2000 && pc1000,
                     "P1000 %.4e against %.4e (%s), P2000 %.4e against %.4e (%s), PC1000 %.4e against %.4e (%s)",
                     cell[REVERSE_DIFFUSION][P1000], cell[ANCESTRAL][P1000], p1000 ? "yes" : "no",
                     cell[REVERSE_DIFFUSION][P2000], cell[ANCESTRAL][P2000], p2000 ? "yes" : "no",
                     cell[REVERSE_DIFFUSION][PC1000], cell[ANCESTRAL][PC1000], pc1000 ? "yes" : "no");
    }

  snprintf (claim, sizeof claim, "%s: the probability flow is the worst predictor on its own", score);
  count = count_ordered (t, P1000, ANCESTRAL, PROBABILITY_FLOW)
          + count_ordered (t, P1000, REVERSE_DIFFUSION, PROBABILITY_FLOW);
  results_claim (r, claim, count == 4, "P1000: %.3e for VE and %.3e for VP", t->cell[VE][PROBABILITY_FLOW][P1000],
                 t->cell[VP][PROBABILITY_FLOW][P1000]);

  snprintf (claim, sizeof claim, "%s: with a corrector the order is turned round, the probability flow best", score);
  count = count_ordered (t, PC1000, PROBABILITY_FLOW, REVERSE_DIFFUSION)
          + count_ordered (t, PC1000, REVERSE_DIFFUSION, ANCESTRAL);
  results_claim (r, claim, count == 4, "PC1000, in the table's order: VE %.5e, %.5e, %.5e; VP %.5e, %.5e, %.5e",
                 t->cell[VE][ANCESTRAL][PC1000], t->cell[VE][REVERSE_DIFFUSION][PC1000],
                 t->cell[VE][PROBABILITY_FLOW][PC1000], t->cell[VP][ANCESTRAL][PC1000],
                 t->cell[VP][REVERSE_DIFFUSION][PC1000], t->cell[VP][PROBABILITY_FLOW][PC1000]);

  snprintf (claim, sizeof claim, "%s: C2000 is worse than every P2000 and PC1000", score);
  results_claim (r, claim, corrector_alone_is_worst (t), "C2000: %.3e for VE and %.3e for VP", t->c2000[VE],
                 t->c2000[VP]);
}

int
main (void)
{
  results r = results_open ();
  FILE *curve = results_data (&r, "r.dat");
  table exact = make_table (&r, 1, "exact score", curve);
  require (fclose (curve) ? GSL_EFAILED : GSL_SUCCESS, "writing the curve");
  table wrong = make_table (&r, 1.05, "score 5 % too large", NULL);
  write_claims (&r, &exact, "Exact score");
  write_claims (&r, &wrong, "Score 5 % too large");
  results_close (&r);
  return EXIT_SUCCESS;
}
