// # Table 1: predictors and correctors at equal cost
//
// Every sampler of the paper's Table 1 on data that are Gaussian, $\mathcal{N}(0, \operatorname{diag}\lambda)$, with the exact
// score: each step is linear, so what it does to a variance can be followed exactly, and no chance is left in the table.
// [scoresde.tab1] `recursion_run` does that by running the library's own steps on four rows that have the right moments.

#include "../../tests/recursion.h"
#include "../results.h"

#include <scorebook.h>

#include <math.h>
#include <stdlib.h>

enum
{
  D = 48,     // coordinates
  N = 1000,   // noise levels
  R_MOST = 39 // the paper's grid for r, 0.01 apart: R_MOST values
};

// ## Data and processes
//
// Variances that fall off like an image's spectrum, $\lambda_k = c/k$, of mean 0.25; VE noise from 0.01 to 20, VP rates from
// 0.1 to 20.

static void
set_spectrum (gsl_vector *lambda)
{
  double harmonic = 0;
  for (size_t k = 1; k <= D; k++)
    harmonic += 1. / (double)k;
  for (size_t k = 1; k <= D; k++)
    gsl_vector_set (lambda, k - 1, 0.25 * D / harmonic / (double)k);
}

typedef enum
{
  VE,
  VP
} sde_kind;

static const char *const sde_name[] = { "VE", "VP" };

static sb_process *
chain (sde_kind sde, size_t levels)
{
  return require_pointer (sde == VE ? sb_smld_alloc (D, levels, 0.01, 20) : sb_ddpm_alloc (D, levels, 0.1, 20),
                          "the chain");
}

// ## The samplers
//
// All of them end with Tweedie's formula and no noise, as the paper's Appendix G says. [scoresde.txt-denoise] The step from
// level 1 to level 0 of ancestral sampling and of reverse diffusion, without its noise, is that formula (to $10^{-8}$ with
// VP); the probability flow and the corrector alone take ancestral sampling's for it.

static bool
above_0 (const gsl_vector *s)
{
  return gsl_vector_get (s, 0) > 0;
}

static int
flow_step (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
           gsl_matrix *x)
{
  return sb_step_apply (above_0 (s) ? sb_step_probability_flow : sb_step_ancestral, NULL, work, y, s, t, z, x);
}

static int
no_step (sb_sampler_work *work, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *z,
         gsl_matrix *x)
{
  return sb_step_apply (above_0 (s) ? sb_step_none : sb_step_ancestral, NULL, work, y, s, t, z, x);
}

static const sb_step_type probability_flow = { .entry = { .name = "probability flow" }, .take = flow_step };
static const sb_step_type no_predictor = { .entry = { .name = "no predictor" }, .take = no_step };

enum
{
  ANCESTRAL,
  REVERSE_DIFFUSION,
  PROBABILITY_FLOW,
  PREDICTORS,
  NONE = PREDICTORS
};

static const char *const row_name[] = { "ancestral sampling", "reverse diffusion", "probability flow", "no predictor" };

static const sb_step_type *
predictor (int which)
{
  switch (which)
    {
    case ANCESTRAL:
      return sb_step_ancestral;
    case REVERSE_DIFFUSION:
      return sb_step_reverse_diffusion;
    case PROBABILITY_FLOW:
      return &probability_flow;
    default:
      return &no_predictor;
    }
}

// ## One run
//
// Down all levels, M corrector steps at each before the predictor leaves it; the result is the Fréchet distance between the
// samples' law and the data's, $\sum_k (\sqrt{v_k} - \sqrt{\lambda_k})^2$.

typedef struct
{
  sde_kind sde;
  int predictor;
  size_t levels, M;
  double r;      // of the corrector
  double factor; // the score is so many times the exact one
} sampler;

static double
distance (const sampler *s, results *out)
{
  sb_process *process = chain (s->sde, s->levels);
  gsl_vector *lambda = require_pointer (gsl_vector_alloc (D), "variances");
  gsl_vector *v = require_pointer (gsl_vector_alloc (D), "variances");
  gsl_vector *times = require_pointer (gsl_vector_alloc (s->levels + 1), "times");
  set_spectrum (lambda);
  gsl_vector_set_all (v, s->sde == VE ? 20 * 20 : 1);
  for (size_t i = 0; i <= s->levels; i++)
    gsl_vector_set (times, i, (double)(s->levels - i) / (double)s->levels);

  sb_pc pc = sb_pc_default ();
  pc.step = predictor (s->predictor);
  pc.corrector_steps = s->M;
  pc.corrector.snr = s->r;
  pc.order = SB_CORRECTOR_FIRST;
  pc.final = SB_FINAL_MEAN;
  recursion data = { .process = process, .lambda = lambda, .factor = s->factor };
  size_t evaluations = 0;
  require (recursion_run (&data, &pc, times, v, &evaluations), row_name[s->predictor]);
  double frechet = recursion_frechet (&data, v);

#ifdef _OPENMP
#pragma omp atomic
#endif
  out->evaluations += evaluations;
  gsl_vector_free (times);
  gsl_vector_free (v);
  gsl_vector_free (lambda);
  sb_process_free (process);
  return frechet;
}

// ## The best r
//
// As in the paper, $r$ is the best of a grid. All values go to a file for the figure.

typedef struct
{
  double distance, r;
} best;

static best
best_r (sampler s, results *out, FILE *curve)
{
  best b = { INFINITY, NAN };
  double found[R_MOST + 1];
  int stride = out->scale == SMOKE ? 6 : 1;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic)
#endif
  for (int k = stride; k <= R_MOST; k += stride)
    {
      sampler with_r = s;
      with_r.r = k / 100.;
      found[k] = distance (&with_r, out);
    }

  if (curve)
    fprintf (curve, "\"%s%s\"\n", row_name[s.predictor], s.predictor == NONE ? " (C2000)" : "");
  for (int k = stride; k <= R_MOST; k += stride)
    {
      if (curve)
        fprintf (curve, "%g %.6e\n", k / 100., found[k]);
      if (found[k] < b.distance)
        b = (best){ found[k], k / 100. };
    }
  if (curve)
    fputs ("\n\n", curve);
  return b;
}

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
  results_row (r, row_name[row], head, paper, 1e5 * ours, -1, "10⁻⁵", note);
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
          cell[P1000] = distance (&(sampler){ sde, row, N, 0, 0, factor }, r);
          cell[P2000] = distance (&(sampler){ sde, row, 2 * N, 0, 0, factor }, r);
          best pc = best_r ((sampler){ sde, row, N, 1, 0, factor }, r, curve);
          cell[PC1000] = pc.distance;
          for (int column = 0; column < COLUMNS; column++)
            put (r, sde, score, row, column_name[column], published[sde][row][column], cell[column],
                 column == PC1000 ? pc.r : NAN);
        }
      best c = best_r ((sampler){ sde, NONE, N, 2, 0, factor }, r, curve);
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
