// # Table 2: without the data at low noise
//
// [consistent.tab2] [consistent.set-ablation] [consistent.txt-partial-dsm] [consistent.txt-early-stop]
// [consistent.txt-theory-predictive] Digits with classes after 1,500 steps: denoising at all levels, with consistency
// too, and with the data above t_thr alone, sampled to the end and stopped there; and a control that the paper lacks,
// with nothing below t_thr.

#include "drawn_edm.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>

// The 20 % quantile of the training levels; another reading of "20 % of the diffusion", 20 % of the sampler's steps, is
// .0851.
static const double threshold = 0.1097;

enum
{
  EDM,
  ALL,
  SOME,
  STOPPED,
  CONTROL,
  CONTROL_STOPPED,
  ROWS
};

static const struct
{
  const char *name, *row, *published;
  bool stop;
} entries[ROWS] = {
  [EDM] = { "mnist-short-edm", "EDM (baseline)", "5.81", false },
  [ALL] = { "mnist-short-cdm", "CDM, all times t", "5.45", false },
  [SOME] = { "mnist-short-some", "CDM, for some t", "6.59", false },
  [STOPPED] = { "mnist-short-some", "CDM, for some t, early stopped sampling", "14.52", true },
  [CONTROL] = { "mnist-short-none", "neither, below t_thr (control)", "", false },
  [CONTROL_STOPPED] = { "mnist-short-none", "neither, early stopped sampling", "", true },
};

// ## With exact scores
//
// Data N(0, s^2): stopped at sigma and denoised they have the variance s^4/(s^2 + sigma^2), at the distance s (1 -
// s/sqrt (s^2 + sigma^2)).

static void
put_exact (results *r)
{
  const double s = .5;
  results_row (r, "exact scores of N(0, .25)", "W2 of early stopping at 0.1097", "", s * (1 - s / hypot (s, threshold)),
               -1, "", "closed form: tests/sampler/test_reverse_law.c");
}

int
main (void)
{
  results r = results_open ();
  const size_t n = r.scale == SMOKE ? 10 : r.scale == QUICK ? 300 : 2000, levels = r.scale == SMOKE ? 4 : 18;
  judge j = judge_open ("mnist");
  found of[ROWS];
  for (int k = 0; k < ROWS; k++)
    {
      network w = network_needed (entries[k].name);
      gsl_matrix *y = classes_for (&w, n), *x = edm_samples (&r, &w, levels, entries[k].stop ? threshold : 0, 0, y, n);
      of[k] = put_distance (&r, &j, x, w.model->low, w.model->high, entries[k].row, "Frechet distance",
                            entries[k].published, "published: FID of CIFAR-10 after 10k steps");
      results_row (&r, entries[k].row, "class as asked", "", agreed (&j, x, w.model->low, w.model->high, y), -1, "",
                   "share, by a classifier");
      if (k == SOME || k == STOPPED)
        picture (&r, k == SOME ? "some" : "stopped", x, 16, w.model->low, w.model->high);
      gsl_matrix_free (x);
      gsl_matrix_free (y);
      network_close (w);
    }
  put_exact (&r);
  claim_below (&r, "going on below t_thr is better than stopping there", of[SOME], 1, of[STOPPED]);
  claim_below (&r, "consistency at all times is better than none", of[ALL], 1, of[EDM]);
  claim_below (&r, "the data at all times are better than at some", of[ALL], 1, of[SOME]);
  claim_below (&r, "consistency below t_thr is better than nothing there (control)", of[SOME], 1, of[CONTROL]);
  claim_below (&r, "without consistency too going on is better than stopping", of[CONTROL], 1, of[CONTROL_STOPPED]);
  judge_close (j);
  results_close (&r);
  return EXIT_SUCCESS;
}
