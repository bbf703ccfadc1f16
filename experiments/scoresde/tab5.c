// # Table 5: the best signal-to-noise ratio
//
// The corrector's $r$ of Tables 1 and 4: for each sampler with a corrector the best of the paper's grid, in steps of
// 0.01. [scoresde.tab5]

#include "spectrum.h"

#include <stdlib.h>

static const char *const published[2][PREDICTORS] = { { "0.17", "0.16", "0.17" }, { "0.01", "0.01", "0.04" } };
static const char *const published_c2000[2] = { "0.22", "0.27" };

int
main (void)
{
  results r = results_open ();
  double snr[2][PREDICTORS], alone[2];
  int smaller = 0, below = 0;
  for (sde_kind sde = VE; sde <= VP; sde++)
    {
      for (int row = 0; row < PREDICTORS; row++)
        {
          const sampler s = { .sde = sde, .predictor = row, .levels = N, .M = 1, .factor = 1 };
          snr[sde][row] = sampler_best_r (s, &r, NULL).r;
          results_row (&r, predictor_name[row], sde == VE ? "VE / PC1000" : "VP / PC1000", published[sde][row],
                       snr[sde][row], -1, "", "published: by FID on CIFAR-10");
        }
      const sampler c = { .sde = sde, .predictor = NONE, .levels = N, .M = 2, .factor = 1 };
      alone[sde] = sampler_best_r (c, &r, NULL).r;
      results_row (&r, predictor_name[NONE], sde == VE ? "VE / C2000" : "VP / C2000", published_c2000[sde], alone[sde],
                   -1, "", "published: by FID on CIFAR-10");
    }
  for (int row = 0; row < PREDICTORS; row++)
    {
      smaller += (snr[VE][row] < alone[VE]) + (snr[VP][row] < alone[VP]);
      below += snr[VP][row] <= snr[VE][row];
    }
  results_claim (&r, "Corrector-only sampling takes a larger r than any PC1000", smaller == 6,
                 "for %d of 6 pairs of predictor and SDE", smaller);
  results_claim (&r, "PC1000 takes an r for VP that is at most that for VE", below == PREDICTORS,
                 "for %d of 3 predictors", below);
  results_close (&r);
  return EXIT_SUCCESS;
}
