// # What changes when one thing is changed
//
// Networks of digits, the same but for the loss, the levels of the blur, the noise, or the operator; samples by
// Momentum, at two numbers of evaluations. [soft.txt-lossvs] [soft.txt-relatedcold] [soft.txt-schedablation]
// [soft.fig9] [soft.set-noiseablation] [soft.txt-jointworks] [soft.fig15] [soft.txt-limitations]

#include "drawn.h"

#include <stdlib.h>
#include <string.h>

enum
{
  FOUND,
  COLOUR,
  CLEAN,
  MATCHED,
  S050,
  S025,
  JOINT,
  WINDOW,
  VE,
  NETWORKS,
  FEW = 0,
  MANY
};

static const struct
{
  const char *name, *row, *published;
  way by;
} entries[NETWORKS] = {
  [FOUND] = { "mnist-soft-found",
              "Soft score matching, found levels, sigma .1",
              "1.85",
              { "Momentum", &sb_step_momentum, NULL } },
  [COLOUR]
  = { "mnist-soft-found", "... from the paper's prior, one colour", "", { "Momentum", &sb_step_momentum, NULL } },
  [CLEAN]
  = { "mnist-soft-clean", "... by the loss of the clean image", "5.91", { "Momentum", &sb_step_momentum, NULL } },
  [MATCHED]
  = { "mnist-soft-matched", "... with the levels of Eq. 55", "8.35", { "Momentum", &sb_step_momentum, NULL } },
  [S050] = { "mnist-soft-s050", "... with sigma .05", "", { "Momentum", &sb_step_momentum, NULL } },
  [S025] = { "mnist-soft-s025", "... with sigma .025", "", { "Momentum", &sb_step_momentum, NULL } },
  [JOINT] = { "mnist-soft-joint", "... noise and blur together", "4.31", { "Momentum", &sb_step_momentum, NULL } },
  [WINDOW] = { "mnist-window", "A window in place of the blur", "30.92", { "Flow", &sb_step_momentum_flow, NULL } },
  [VE] = { "mnist-ve", "VE, reverse diffusion", "3.25", { "reverse diffusion", &sb_step_reverse_diffusion, NULL } }
};

typedef struct
{
  found at[NETWORKS][2];
  bool there[NETWORKS];
} table;

static void
look_at (results *r, const judge *j, int k, const size_t *evaluations, size_t n, table *t)
{
  network w = network_open (entries[k].name);
  if (!w.model)
    return;
  t->there[k] = true;
  if (k == COLOUR) // [soft.set-finaldist]
    {
      gsl_matrix *digits = test_digits (0, 1000, 0, 1);
      require (sb_soft_fit_colours (w.model->process, 1, digits), "the prior");
      gsl_matrix_free (digits);
    }
  for (int many = FEW; many <= MANY; many++)
    {
      char column[48];
      gsl_matrix *x = drawn (r, &w, &entries[k].by, evaluations[many], n);
      snprintf (column, sizeof column, "%zu evaluations", evaluations[many]);
      t->at[k][many] = put_distance (r, j, x, w.model->low, w.model->high, entries[k].row, column,
                                     many ? entries[k].published : "",
                                     "published: CelebA-64, the best number of evaluations (a window: 1024)");
      if (many && k != COLOUR)
        picture (r, entries[k].name, x, 12, w.model->low, w.model->high);
      gsl_matrix_free (x);
    }
  network_close (w);
}

static void
claim (results *r, const table *t, const char *what, int better, double factor, int worse)
{
  if (t->there[better] && t->there[worse])
    claim_below (r, what, t->at[better][MANY], factor, t->at[worse][MANY]);
  else
    untested (r, what, "a network is missing");
}

int
main (void)
{
  results r = results_open ();
  const size_t few = r.scale == SMOKE ? 2 : 30,
               evaluations[] = { few, r.scale == SMOKE   ? 3
                                      : r.scale == QUICK ? 60
                                                         : 280 },
               n = r.scale == SMOKE   ? 9
                   : r.scale == QUICK ? 96
                                      : 2000;
  judge j = judge_open ("mnist");
  table t = { 0 };
  for (int k = 0; k < NETWORKS; k++)
    look_at (&r, &j, k, evaluations, n, &t);
  gsl_matrix *test = test_digits (0, n, 0, 1);
  put_distance (&r, &j, test, 0, 1, "test images", "any number of evaluations", "",
                "as many test images: what perfect samples would have");
  gsl_matrix_free (test);
  claim (&r, &t, "Soft score matching is better than the loss of the clean image", FOUND, 1, CLEAN);
  claim (&r, &t, "The found levels are better than those of Eq. 55", FOUND, 1, MATCHED);
  claim (&r, &t, "Noise of .1 is better than of .05", FOUND, 1, S050);
  claim (&r, &t, "Noise of .05 is better than of .025", S050, 1, S025);
  claim (&r, &t, "Noise and blur together do less than twice as badly", JOINT, 2, FOUND);
  claim (&r, &t, "A prior of one colour is worse than one fitted to blurred digits", FOUND, 1, COLOUR);
  claim (&r, &t, "Blur is better than a window at as many evaluations", FOUND, 1, WINDOW);
  claim (&r, &t, "Blur is better than VE at as many evaluations", FOUND, 1, VE);
  judge_close (j);
  results_close (&r);
  return EXIT_SUCCESS;
}
