// # Figure 5: from noise to digits
//
// The report shows three samples at the end of each of ten noise levels. Here they are, with numbers for every level;
// the same walk with a score that is known exactly, that of a set of test images; and what the network has learned of
// each level. [dsm2ddpm.fig5] [dsm2ddpm.set-ncsn-train]

#include "../judge.h"
#include "ncsn.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum
{
  STEPS = 100,
  SHEET = 3,           // examples
  STATES = LEVELS + 1, // of each: the levels, and a denoising step
  PAIRS = 16,
  CHUNK = 10000 // images compared at once
};

static gsl_matrix *
batch (size_t n)
{
  return require_pointer (gsl_matrix_alloc (n, PIXELS), "images");
}

// ## Distances
//
// Root mean square, a pixel, of the samples from their nearest images.

typedef struct
{
  gsl_matrix *image; // the nearest of each row
  gsl_vector *distance;
} nearest;

static nearest
nearest_alloc (size_t n)
{
  nearest found = { batch (n), require_pointer (gsl_vector_alloc (n), "distances") };
  gsl_vector_set_all (found.distance, INFINITY);
  return found;
}

static void
nearest_free (nearest found)
{
  gsl_matrix_free (found.image);
  gsl_vector_free (found.distance);
}

static void
look_among (const gsl_matrix *x, const gsl_matrix *images, nearest *found)
{
  gsl_vector *distance = require_pointer (gsl_vector_alloc (x->size1), "distances");
  size_t *index = require_pointer (malloc (x->size1 * sizeof *index), "distances");
  require (sb_nearest (x, images, index, distance), "nearest images");
  for (size_t i = 0; i < x->size1; i++)
    if (gsl_vector_get (distance, i) < gsl_vector_get (found->distance, i))
      {
        gsl_vector_const_view image = gsl_matrix_const_row (images, index[i]);
        gsl_matrix_set_row (found->image, i, &image.vector);
        gsl_vector_set (found->distance, i, gsl_vector_get (distance, i));
      }
  free (index);
  gsl_vector_free (distance);
}

static double
a_pixel (const gsl_vector *distances)
{
  return gsl_blas_dnrm2 (distances) / sqrt ((double)(distances->size * PIXELS));
}

static double
distance_to (const gsl_matrix *x, const gsl_matrix *images)
{
  nearest found = nearest_alloc (x->size1);
  look_among (x, images, &found);
  double distance = a_pixel (found.distance);
  nearest_free (found);
  return distance;
}

// Total variation: the mean absolute difference of neighbours to the right and below, a pixel.

static double
total_variation (const gsl_matrix *x)
{
  double sum = 0;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < PIXELS; k++)
      {
        if (k % SIDE + 1 < SIDE)
          sum += fabs (gsl_matrix_get (x, i, k + 1) - gsl_matrix_get (x, i, k));
        if (k + SIDE < PIXELS)
          sum += fabs (gsl_matrix_get (x, i, k + SIDE) - gsl_matrix_get (x, i, k));
      }
  return sum / (double)(x->size1 * PIXELS);
}

// ## The walk down the ladder

typedef struct
{
  results *r;
  const ncsn *n;
  judge judge;
  gsl_matrix *images; // of the test set
  gsl_matrix *sheet;  // SHEET x STATES images
  double frechet[STATES], variation[STATES];
  double confidence[STATES];
} watch;

static void
keep (watch *w, size_t state, const gsl_matrix *x)
{
  for (size_t i = 0; i < SHEET; i++)
    {
      gsl_vector_const_view image = gsl_matrix_const_row (x, i);
      gsl_matrix_set_row (w->sheet, i * STATES + state, &image.vector);
    }
}

static void
put_images (results *r, const char *row, const verdict *v, double variation, double distance)
{
  results_row (r, row, "Frechet distance", "", v->frechet, -1, "", "");
  results_row (r, row, "total variation", "", variation, -1, "a pixel", "");
  results_row (r, row, "mean confidence", "", v->confidence, -1, "", "");
  results_row (r, row, "to the nearest test image", "", distance, -1, "RMS, a pixel", "");
}

static void
look_at (watch *w, size_t state, const char *row, const gsl_matrix *x)
{
  verdict v = judged (&w->judge, x, 0, 1);
  w->frechet[state] = v.frechet;
  w->variation[state] = total_variation (x);
  w->confidence[state] = v.confidence;
  put_images (w->r, row, &v, w->variation[state], distance_to (x, w->images));
  keep (w, state, x);
}

static int
look (void *context, size_t done, size_t levels, double t, const gsl_matrix *x)
{
  watch *w = context;
  char row[48];
  (void)levels, (void)t;
  if (done == 0)
    return GSL_SUCCESS;
  snprintf (row, sizeof row, "level %zu, σ = %.3g", done, ncsn_sigma (w->n, done));
  look_at (w, done - 1, row, x);
  return GSL_SUCCESS;
}

// Algorithm 1 ends with the last level's noise in the images. $\mathrm E[\mathbf x_0 \mid \mathbf x]$ takes it out, by
// one more evaluation.

static void
denoise (watch *w, const gsl_matrix *x)
{
  gsl_matrix *clean = batch (x->size1);
  gsl_vector *t = require_pointer (gsl_vector_alloc (x->size1), "times");
  gsl_vector_set_all (t, 1. / LEVELS);
  require (sb_score_evaluate (w->n->score, SB_DENOISER, x, t, NULL, clean), "denoising");
  w->r->evaluations += x->size1;
  look_at (w, LEVELS, "and one denoising step", clean);
  gsl_vector_free (t);
  gsl_matrix_free (clean);
}

// ## What the last level holds

static void
count_classes (watch *w, const gsl_matrix *x)
{
  verdict v = judged (&w->judge, x, 0, 1);
  size_t classes = 0;
  for (size_t k = 0; k < CLASSES; k++)
    {
      char row[16];
      snprintf (row, sizeof row, "class %zu", k);
      results_row (w->r, row, "the last level / share of the samples", "", v.share[k],
                   sqrt (v.share[k] * (1 - v.share[k]) / (double)x->size1), "", "");
      classes += v.share[k] > 0;
    }
  if (w->r->scale != SMOKE)
    results_claim (w->r, "All ten classes are drawn", classes == CLASSES,
                   "%zu of them, by %zu samples; from %.0f%% to %.0f%%", classes, x->size1,
                   100 * gsl_stats_min (v.share, 1, CLASSES), 100 * gsl_stats_max (v.share, 1, CLASSES));
}

// Samples above, their nearest images below: training images where they have been fetched. A copy would be as near as
// its noise; how near a digit is that the network has not seen, test images tell.

static void
look_among_training (const char *path, const gsl_matrix *x, nearest *found)
{
  sb_error error = { 0 };
  sb_bytes *bytes = require_pointer (sb_idx_read (path, &error), path);
  gsl_matrix *images = batch (CHUNK);
  for (size_t first = 0; first < bytes->shape.length[0]; first += CHUNK)
    {
      size_t count = GSL_MIN ((size_t)CHUNK, bytes->shape.length[0] - first);
      gsl_matrix_view some = gsl_matrix_submatrix (images, 0, 0, count, PIXELS);
      require (sb_bytes_rows (bytes, first, 0, 1, &some.matrix), path);
      look_among (x, &some.matrix, found);
    }
  gsl_matrix_free (images);
  sb_bytes_free (bytes);
}

static void
compare_with_nearest (watch *w, const gsl_matrix *x)
{
  const char *training = getenv ("TRAINING");
  nearest found = nearest_alloc (x->size1);
  if (training && *training)
    {
      gsl_matrix_const_view unseen = gsl_matrix_const_submatrix (w->images, 0, 0, x->size1, PIXELS);
      nearest of_unseen = nearest_alloc (x->size1);
      look_among_training (training, x, &found);
      look_among_training (training, &unseen.matrix, &of_unseen);
      results_row (w->r, "samples", "the last level / to the nearest training image", "", a_pixel (found.distance), -1,
                   "RMS, a pixel", "these are the ones shown");
      results_row (w->r, "test images", "the last level / to the nearest training image", "",
                   a_pixel (of_unseen.distance), -1, "RMS, a pixel", "");
      nearest_free (of_unseen);
    }
  else
    look_among (x, w->images, &found);
  gsl_matrix *both = above (x, found.image, PAIRS);
  picture (w->r, "nearest", both, both->size1 / 2, 0, 1);
  gsl_matrix_free (both);
  nearest_free (found);
}

// ## From level to level

static size_t
falls (const double *number)
{
  size_t count = 0;
  for (size_t i = 1; i < LEVELS; i++)
    count += number[i] < number[i - 1];
  return count;
}

static void
claim_progress (results *r, const watch *w)
{
  const double *f = w->frechet, *v = w->variation, *c = w->confidence;
  const size_t last = LEVELS - 1, steps = LEVELS - 1;
  if (r->scale == SMOKE)
    {
      fputs ("Down the ladder noise becomes digits,untested,one step a level says nothing\n", r->claims);
      return;
    }
  results_claim (r, "From level to level the images get smoother", falls (v) + 1 >= steps && v[last] <= v[0] / 4,
                 "total variation falls in %zu of %zu steps, from %.3f to %.3f a pixel", falls (v), steps, v[0],
                 v[last]);
  results_claim (r, "... and more like the training images", falls (f) + 1 >= steps && f[last] <= f[0] / 4,
                 "the Frechet distance falls in %zu of %zu steps, from %.3g to %.3g", falls (f), steps, f[0], f[last]);
  results_claim (r, "At the end a classifier tells the digits", c[last] > 0.8,
                 "the mean of its largest probability is %.2f; that of what one more step denoises %.2f", c[last],
                 c[LEVELS]);
  results_claim (r, "... and is surer than at the first level", c[last] >= c[0],
                 "%.2f at the first level, %.2f at the last", c[0], c[last]);
}

static void
walk (results *r, const ncsn *n, size_t rows, size_t steps)
{
  watch w = {
    .r = r, .n = n, .judge = judge_open ("mnist"), .images = test_digits (0, 0, 0, 1), .sheet = batch (SHEET * STATES)
  };
  gsl_matrix *x = batch (rows);
  gsl_matrix_const_view unseen = gsl_matrix_const_submatrix (w.images, 0, 0, rows, PIXELS);
  normal_starts (r->seed, 0, x);
  annealed_chains (r, n, r->seed, 0, steps, look, &w, x);
  denoise (&w, x);
  verdict v = judged (&w.judge, &unseen.matrix, 0, 1);
  results_row (r, "as many test images", "Frechet distance", "", v.frechet, -1, "", "");
  results_row (r, "as many test images", "total variation", "", total_variation (&unseen.matrix), -1, "a pixel", "");
  results_row (r, "as many test images", "mean confidence", "", v.confidence, -1, "", "");
  count_classes (&w, x);
  claim_progress (r, &w);
  compare_with_nearest (&w, x);
  picture (r, "sheet", w.sheet, STATES, 0, 1);
  gsl_matrix_free (x);
  gsl_matrix_free (w.sheet);
  gsl_matrix_free (w.images);
  judge_close (w.judge);
}

// ## The same walk with an exact score
//
// Of the law of N test images alone. Near an image, under little noise, a step is that of a chain on one point: it
// contracts by $1 - \varepsilon/2\sigma_L^2 = 0.9$ and adds the variance $0.2\,\sigma_i^2$, and so settles at the
// variance $0.2\,\sigma_i^2/(1 - 0.9^2) = 1.0526\,\sigma_i^2$.

typedef struct
{
  results *r;
  const ncsn *n;
  const gsl_matrix *images;
  size_t *index[LEVELS]; // the nearest image of each chain at the end of each level
  double before, worst;  // the last level's distance; the largest relative deviation where sigma is small
  bool falls;
} exact_watch;

static const double small = 0.1;

static int
look_exactly (void *context, size_t done, size_t levels, double t, const gsl_matrix *x)
{
  exact_watch *w = context;
  char row[48];
  (void)levels, (void)t;
  if (done == 0)
    return GSL_SUCCESS;
  gsl_vector *distances = require_pointer (gsl_vector_alloc (x->size1), "distances");
  w->index[done - 1] = require_pointer (malloc (x->size1 * sizeof **w->index), "nearest images");
  require (sb_nearest (x, w->images, w->index[done - 1], distances), "nearest images");
  double sigma = ncsn_sigma (w->n, done), distance = a_pixel (distances), settled = sqrt (1.0526) * sigma;
  gsl_vector_free (distances);
  snprintf (row, sizeof row, "level %zu, σ = %.3g", done, sigma);
  results_row (w->r, row, "exact score / to the nearest of its images", "", distance, -1, "RMS, a pixel", "");
  results_row (w->r, row, "exact score / 1.026 σ", "", settled, -1, "", "where the chain settles on one image");
  if (sigma < small)
    w->worst = fmax (w->worst, fabs (distance / settled - 1));
  w->falls = w->falls && distance < w->before;
  w->before = distance;
  return GSL_SUCCESS;
}

// Images lie some 10 apart, ten times $\sigma_1$, so that a chain hardly passes from one to another. How many chains
// are at the image they will end at, level by level.

static void
put_settled (exact_watch *w, size_t rows)
{
  for (size_t i = 0; i < LEVELS; i++)
    {
      char row[48];
      double there = 0;
      for (size_t k = 0; k < rows; k++)
        there += w->index[i][k] == w->index[LEVELS - 1][k];
      snprintf (row, sizeof row, "level %zu, σ = %.3g", i + 1, ncsn_sigma (w->n, i + 1));
      results_row (w->r, row, "exact score / at the image it ends at", "", there / (double)rows, -1, "of the chains",
                   "");
    }
  for (size_t i = 0; i < LEVELS; i++)
    free (w->index[i]);
}

static void
walk_exactly (results *r, const ncsn *n, size_t images, size_t rows, size_t steps)
{
  gsl_matrix *known = test_digits (0, images, 0, 1), *x = batch (rows);
  sb_target *law = require_pointer (sb_target_points_alloc (known, NULL), "the images' law");
  sb_score *score = require_pointer (sb_score_exact_alloc (law, n->model->process), "the score");
  exact_watch w = { .r = r, .n = n, .images = known, .before = INFINITY, .falls = true };
  ncsn exact = { n->model, score, n->times };
  normal_starts (r->seed, 0, x);
  annealed_chains (r, &exact, r->seed, 0, steps, look_exactly, &w, x);
  put_settled (&w, rows);
  results_claim (r, "With the exact score of a set of images the samples settle at them, as far away as the noise",
                 w.falls && w.worst < 0.05,
                 "%zu chains, %zu test images: the distance %s, and is within %.1f%% of 1.026 σ where σ < %g", rows,
                 images, w.falls ? "falls at every level" : "does not fall at every level", 100 * w.worst, small);
  sb_score_free (score);
  sb_target_free (law);
  gsl_matrix_free (x);
  gsl_matrix_free (known);
}

// ## What was learned of each level
//
// The objective with $\lambda = \sigma^2$ on test images, over $d/2 = 392$: that is what a network loses at any level
// that says nothing. [dsm2ddpm.set-ncsn-train]

static void
weigh_levels (results *r, const ncsn *n, size_t rows)
{
  gsl_matrix *images = test_digits (0, rows, 0, 1);
  gsl_vector *loss = require_pointer (gsl_vector_alloc (rows), "losses");
  double sum = 0;
  for (size_t i = 1; i <= LEVELS; i++)
    {
      char row[48];
      sb_objective level = sb_objective_of (sb_objective_ncsn, n->score->process, gsl_vector_get (n->times, i - 1));
      level.t_max = level.t_min;
      require (sb_objective_loss (&level, n->score, images, NULL, (sb_stream){ r->seed, 0, i * rows }, loss),
               "the objective");
      double mean = gsl_stats_mean (loss->data, 1, rows) / (PIXELS / 2.);
      snprintf (row, sizeof row, "level %zu, σ = %.3g", i, ncsn_sigma (n, i));
      results_row (r, row, "the network / σ² × loss, over d/2", "", mean,
                   gsl_stats_sd (loss->data, 1, rows) / (PIXELS / 2.) / sqrt ((double)rows), "", "");
      sum += mean / LEVELS;
    }
  r->evaluations += rows * LEVELS;
  results_claim (r, "The network's loss, averaged over the levels, is below half of one that says nothing", sum < 0.5,
                 "%.3f of d/2 = 392 an image, on %zu test images", sum, rows);
  gsl_vector_free (loss);
  gsl_matrix_free (images);
}

int
main (void)
{
  results r = results_open ();
  static const size_t rows[] = { [SMOKE] = 4, [QUICK] = 64, [FULL] = 500 },
                      steps[] = { [SMOKE] = 1, [QUICK] = STEPS, [FULL] = STEPS },
                      exact_steps[] = { [SMOKE] = 30, [QUICK] = STEPS, [FULL] = STEPS },
                      images[] = { [SMOKE] = 50, [QUICK] = 500, [FULL] = 5000 },
                      chains[] = { [SMOKE] = 4, [QUICK] = 32, [FULL] = 200 },
                      weighed[] = { [SMOKE] = 8, [QUICK] = 96, [FULL] = 1000 };
  ncsn n = ncsn_open ();
  ncsn_settings (&r, &n, steps[r.scale]);
  walk (&r, &n, rows[r.scale], steps[r.scale]);
  walk_exactly (&r, &n, images[r.scale], chains[r.scale], exact_steps[r.scale]);
  weigh_levels (&r, &n, weighed[r.scale]);
  fputs ("The same orderings on Fashion-MNIST,untested,no network of it is shipped\n", r.claims);
  ncsn_close (n);
  results_close (&r);
  return EXIT_SUCCESS;
}
