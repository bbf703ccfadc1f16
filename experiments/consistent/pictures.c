// # Figures 2, 3 and 8: samples
//
// [consistent.fig2a] [consistent.fig2b] [consistent.fig3] [consistent.fig8] [consistent.txt-finetune]
// [consistent.txt-unique-id] Faces and digits of the networks with consistency, faces after a short training more, and
// pairs of both networks from the same noise.

#include "../faces.h"
#include "drawn_edm.h"

#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SIDE32 = 32,
  SIDE64 = 64
};

// ## Grids

typedef struct
{
  double mean, variance;
} channel_moments;

// Of one channel, from 0 to 1, over the pixels of all faces.

static channel_moments
moments_of (const gsl_matrix *x, size_t channel)
{
  const size_t pixels = x->size1 * x->size2 / CHANNELS;
  const double *numbers = x->data + channel;
  return (channel_moments){ (1 + gsl_stats_mean (numbers, CHANNELS, pixels)) / 2,
                            gsl_stats_variance (numbers, CHANNELS, pixels) / 4 };
}

static void
compare_channels (results *r, const gsl_matrix *x)
{
  static const char *const names[CHANNELS] = { "red", "green", "blue" };
  gsl_matrix *faces = test_faces (SIDE32, TEST_FACES);
  double farthest = 0;
  for (size_t c = 0; c < CHANNELS; c++)
    {
      char row[32];
      const channel_moments ours = moments_of (x, c), theirs = moments_of (faces, c);
      snprintf (row, sizeof row, "faces, %s", names[c]);
      results_row (r, row, "mean", "", ours.mean, -1, "", "of the samples, from 0 to 1");
      results_row (r, row, "mean of test faces", "", theirs.mean, -1, "", "");
      results_row (r, row, "variance", "", ours.variance, -1, "", "");
      results_row (r, row, "variance of test faces", "", theirs.variance, -1, "", "");
      farthest = fmax (farthest, fmax (fabs (ours.mean / theirs.mean - 1), fabs (ours.variance / theirs.variance - 1)));
    }
  const char *claim = "each channel's mean and variance are those of the data within 10 %";
  if (r->scale == SMOKE)
    untested (r, claim, "a few samples say nothing");
  else
    results_claim (r, claim, farthest < .1, "%.1f %% at most, of %zu faces", 100 * farthest, x->size1);
  gsl_matrix_free (faces);
}

static void
show_faces (results *r, const char *name, size_t levels, size_t n)
{
  network w = network_needed (name);
  gsl_matrix *x = edm_samples (r, &w, levels, 0, 0, NULL, n);
  clip (x);
  compare_channels (r, x);
  picture_faces (r, name, x, SIDE32, 8);
  gsl_matrix_free (x);
  network_close (w);
}

// Of digits a classifier that was trained apart sees the class that was asked for.

static void
show_digits (results *r, size_t levels, size_t n)
{
  network w = network_needed ("mnist-cdm");
  judge j = judge_open ("mnist");
  gsl_matrix *y = classes_for (&w, n), *x = edm_samples (r, &w, levels, 0, 0, y, n);
  gsl_matrix_const_view first = gsl_matrix_const_submatrix (x, 0, 0, n < 100 ? n : 100, PIXELS);
  const double share = agreed (&j, x, w.model->low, w.model->high, y), error = sqrt (share * (1 - share) / (double)n);
  picture (r, "mnist-cdm", &first.matrix, 10, w.model->low, w.model->high);
  results_row (r, "digits with classes", "class as asked", "", share, error, "", "share, by a classifier");
  const char *claim = "a classifier sees the class that was asked for in 90 % of the digits";
  if (r->scale == SMOKE || fabs (share - .9) < 3 * error)
    untested (r, claim, r->scale == SMOKE ? "a few samples say nothing" : "within three standard errors of 90 %");
  else
    results_claim (r, claim, share > .9, "%.3g of %zu", share, n);
  gsl_matrix_free (x);
  gsl_matrix_free (y);
  judge_close (j);
  network_close (w);
}

// ## Pairs
//
// The flow takes the same noise to what both networks hold to be the same image. The mean distance of such pairs, among
// that of all pairings. Digits are all of one class: otherwise the class alone would make a pair's images alike.

static void
show_pairs (results *r, const char *name, size_t levels, size_t n)
{
  char edm[64], cdm[64], row[96], claim[128];
  snprintf (edm, sizeof edm, "%s-edm", name);
  snprintf (cdm, sizeof cdm, "%s-cdm", name);
  network a = network_needed (edm), b = network_needed (cdm);
  gsl_matrix *y = classes_for (&a, n);
  if (y)
    gsl_matrix_set_all (y, 8);
  gsl_matrix *x = edm_samples (r, &a, levels, 0, 0, y, n), *other = edm_samples (r, &b, levels, 0, 0, y, n);
  sb_pairing near;
  require (
      sb_paired_distances (x, other, r->scale == SMOKE ? 20 : 20000, (sb_stream){ r->seed, SB_FOR_DIVISION, 0 }, &near),
      "the distances");
  snprintf (row, sizeof row, "%s, without and with consistency", name);
  results_row (r, row, "distance, same noise", "", near.paired, -1, "", "mean Euclidean distance");
  results_row (r, row, "distance, other noise", "", near.others, -1, "", "mean Euclidean distance");
  snprintf (claim, sizeof claim, "images from the same noise are nearer than others: %s", name);
  if (r->scale == SMOKE)
    untested (r, claim, "a few pairs say nothing");
  else
    results_claim (r, claim, near.p_value < 1e-4, "%.3g and %.3g, p = %.2g of %zu pairs", near.paired, near.others,
                   near.p_value, n);
  if (strncmp (name, "faces", 5) == 0)
    picture_pairs (r, "pairs", x, other, SIDE32);
  gsl_matrix_free (x);
  gsl_matrix_free (other);
  gsl_matrix_free (y);
  network_close (a);
  network_close (b);
}

// ## A short training more
//
// Of a network that is there, by denoising alone and with consistency: a thirtieth of its steps. 2.68 and 2.61 in the
// paper, of FFHQ.

static void
compare_fine_tuned (results *r, size_t levels, size_t n)
{
  static const char *const names[] = { "faces64-edm", "faces64-more-edm", "faces64-more-cdm" },
                           *const rows[]
                           = { "faces, before", "200 steps more, denoising alone", "200 steps more, with consistency" },
                           *const published[] = { "", "2.68", "2.61" };
  sb_moments_file *training = training_moments (BY_FILTERS, SIDE64);
  for (int k = 0; k < 3; k++)
    {
      network w = network_needed (names[k]);
      gsl_matrix *x = edm_samples (r, &w, levels, 0, 0, NULL, n);
      results_row (r, rows[k], "Frechet distance", published[k], frechet_to (training, BY_FILTERS, x, SIDE64), -1, "",
                   "published: FID of FFHQ; it is not said whether 2.68 is before or after the steps more");
      if (k == 2)
        picture_faces (r, names[k], x, SIDE64, 8);
      gsl_matrix_free (x);
      network_close (w);
    }
  untested (r, "a short training with consistency is better than one without (2.61 against 2.68)",
            "one training each, and sets of one model differ by more");
  sb_moments_file_free (training);
}

int
main (void)
{
  results r = results_open ();
  const bool smoke = r.scale == SMOKE;
  const size_t digits = smoke ? 10 : r.scale == QUICK ? 300 : 1000, faces = smoke ? 4 : r.scale == QUICK ? 48 : 500;
  show_faces (&r, "faces32-cdm", smoke ? 3 : 40, smoke ? 4 : 64);
  show_digits (&r, smoke ? 3 : 18, digits);
  show_pairs (&r, "faces32", smoke ? 3 : 18, smoke ? 4 : 48);
  show_pairs (&r, "mnist", smoke ? 3 : 18, smoke ? 10 : 200);
  compare_fine_tuned (&r, smoke ? 3 : 18, faces);
  results_close (&r);
  return EXIT_SUCCESS;
}
