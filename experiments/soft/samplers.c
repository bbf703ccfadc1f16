// # Tables 2 to 5: samplers of one network
//
// All samplers of the paper on clothes, against evaluations, beside VE's. [soft.tab2] [soft.tab3] [soft.tab4]
// [soft.tab5] [soft.fig3] [soft.fig10]

#include "drawn.h"

#include <math.h>
#include <stdlib.h>

enum
{
  NAIVE,
  MOMENTUM,
  FLOW,
  DDIM,
  ALTERNATING,
  WAYS,
  VE = WAYS,
  VE_FLOW,
  ALL,
  MOST = 4 // numbers of evaluations
};

static const way ways[ALL]
    = { [NAIVE] = { "Naive", &sb_step_naive, NULL },
        [MOMENTUM] = { "Momentum", &sb_step_momentum, NULL },
        [FLOW] = { "Probability Flow Momentum", &sb_step_momentum_flow, NULL },
        [DDIM] = { "DDIM-type, k = 0", &sb_step_soft_ddim, NULL },
        [ALTERNATING] = { "DDIM-type, Flow in turn", &sb_step_soft_ddim, &sb_step_momentum_flow },
        [VE] = { "VE, reverse diffusion", &sb_step_reverse_diffusion, NULL },
        [VE_FLOW] = { "VE, probability flow", &sb_step_probability_flow, NULL } };

// Published: of CelebA-64 (Tables 3 to 5, the text), at the same number; and the best of CIFAR-10 (Table 2), which is
// that of 200 to 1000 evaluations by 80, the best of them being common to report. [soft.txt-quantN] [soft.set-eval]
// [soft.set-nfe] [soft.set-baselines-cifar]

static const char *
published (int by, size_t evaluations)
{
  static const struct
  {
    int by;
    size_t evaluations;
    const char *fid;
  } cells[] = { { MOMENTUM, 50, "30.31" },   { FLOW, 50, "13.77" },        { FLOW, 100, "3.27" },
                { FLOW, 200, "2.14" },       { DDIM, 25, "10.54" },        { DDIM, 50, "5.08" },
                { DDIM, 100, "3.40" },       { DDIM, 200, "2.92" },        { ALTERNATING, 25, "10.56" },
                { ALTERNATING, 50, "5.21" }, { ALTERNATING, 100, "3.21" }, { ALTERNATING, 200, "2.86" } };
  for (size_t k = 0; k < sizeof cells / sizeof *cells; k++)
    if (cells[k].by == by && cells[k].evaluations == evaluations)
      return cells[k].fid;
  return "";
}

static const char *const best_published[ALL]
    = { [NAIVE] = "40.07",  [MOMENTUM] = "3.91", [FLOW] = "3.86",    [DDIM] = "",
        [ALTERNATING] = "", [VE] = "4.79",       [VE_FLOW] = "10.54" };

typedef struct
{
  found at[ALL][MOST], best[ALL];
} table;

static void
fill (results *r, const judge *j, const network *soft, const network *ve, size_t count, const size_t *evaluations,
      size_t n, table *t)
{
  char column[48];
  for (int by = 0; by < ALL; by++)
    {
      const network *w = by < WAYS ? soft : ve;
      t->best[by] = (found){ INFINITY, 0 };
      for (size_t k = 0; k < count; k++)
        {
          gsl_matrix *x = drawn (r, w, &ways[by], evaluations[k], n);
          snprintf (column, sizeof column, "%zu evaluations", evaluations[k]);
          t->at[by][k] = put_distance (r, j, x, w->model->low, w->model->high, ways[by].name, column,
                                       published (by, evaluations[k]), "published: CelebA-64, 50,000 samples");
          if (t->at[by][k].distance < t->best[by].distance)
            t->best[by] = t->at[by][k];
          if (k + 1 == count && (by == NAIVE || by == MOMENTUM))
            picture (r, by == NAIVE ? "naive" : "momentum", x, 16, soft->model->low, soft->model->high);
          gsl_matrix_free (x);
        }
      results_row (r, ways[by].name, "best", best_published[by], t->best[by].distance, t->best[by].se, "",
                   "the best of the numbers above, which is optimistic; published: CIFAR-10, the best of 200 to 1000");
    }
}

static void
put_floor (results *r, const judge *j, size_t n)
{
  gsl_matrix *x = test_clothes (0, GSL_MIN (n, (size_t)TEST_CLOTHES), 0, 1);
  put_distance (r, j, x, 0, 1, "test images", "best", "", "as many test images: what perfect samples would have");
  gsl_matrix_free (x);
  fprintf (r->rows, "DDPM (VP SDE),best,3.17,,,,published only\nLSGM,best,2.10,,,,published only\n");
}

static void
write_curves (results *r, const table *t, size_t count, const size_t *evaluations)
{
  FILE *file = results_data (r, "curves.dat");
  fprintf (file, "evaluations");
  for (int by = NAIVE; by < ALL - 1; by++)
    fprintf (file, " \"%s\"", ways[by].name);
  for (size_t k = 0; k < count; k++)
    {
      fprintf (file, "\n%zu", evaluations[k]);
      for (int by = NAIVE; by < ALL - 1; by++)
        fprintf (file, " %.4g", t->at[by][k].distance);
    }
  fprintf (file, "\n");
  fclose (file);
}

// ## Claims
//
// [soft.txt-tabclaims] [soft.txt-naivefid] [soft.txt-ushape] [soft.txt-cifarresult]

static void
claim_all (results *r, const table *t, size_t count)
{
  const size_t last = count - 1;
  claim_below (r, "Momentum's distance is a third of the naive sampler's", t->at[MOMENTUM][last], 1. / 3,
               t->at[NAIVE][last]);
  claim_below (r, "... and below it", t->at[MOMENTUM][last], 1, t->at[NAIVE][last]);
  claim_below (r, "DDIM-type steps are best at the fewest evaluations: than Momentum", t->at[DDIM][0], 1,
               t->at[MOMENTUM][0]);
  claim_below (r, "... than the flow", t->at[DDIM][0], 1, t->at[FLOW][0]);
  claim_below (r, "Momentum is best at the most evaluations: than DDIM-type", t->at[MOMENTUM][last], 1,
               t->at[DDIM][last]);
  claim_below (r, "DDIM-type steps do not get worse with more evaluations", t->at[DDIM][last], 1, t->at[DDIM][0]);
  claim_below (r, "Blur beats VE at the fewest evaluations", t->at[MOMENTUM][0], 1, t->at[VE][0]);
  claim_below (r, "Blur beats VE at the most", t->at[MOMENTUM][last], 1, t->at[VE][last]);
  claim_below (r, "The flow is better on the blur than on VE, each at its best", t->best[FLOW], 1, t->best[VE_FLOW]);
  untested (r, "Momentum is U-shaped in the number of evaluations: best at 280 for CelebA-64",
            "so many evaluations are not made here; with exact scores it is not, with estimates 2 % too large it is "
            "(the sweep)");
}

int
main (void)
{
  static const size_t of_smoke[] = { 3, 4 }, of_quick[] = { 25, 50, 100 }, of_full[] = { 25, 50, 100, 200 };
  results r = results_open ();
  const size_t *evaluations = r.scale == SMOKE   ? of_smoke
                              : r.scale == QUICK ? of_quick
                                                 : of_full,
               count = r.scale == SMOKE   ? 2
                       : r.scale == QUICK ? 3
                                          : 4,
               n = r.scale == SMOKE   ? 9
                   : r.scale == QUICK ? 64
                                      : 2000;
  judge j = judge_open ("fashion");
  network soft = network_open ("fashion-soft"), ve = network_open ("fashion-ve");
  table t;
  require (soft.model && ve.model ? GSL_SUCCESS : GSL_EINVAL, "the networks fashion-soft and fashion-ve");
  fill (&r, &j, &soft, &ve, count, evaluations, n, &t);
  put_floor (&r, &j, n);
  write_curves (&r, &t, count, evaluations);
  claim_all (&r, &t, count);
  network_close (soft);
  network_close (ve);
  judge_close (j);
  results_close (&r);
  return EXIT_SUCCESS;
}
