// # New digits, looked at
//
// `scorebook sample` has drawn digits from the networks of SMLD and DDPM. A classifier says which digits they are, how
// sure it is, and how far its features are from those of the training images; the nearest images of the test set stand
// beside the samples. [scoresde.tab3]

#include "../judge.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SHOWN = 100, // samples in the picture
  PAIRS = 16,  // samples shown with their nearest image
  FEW = 200    // samples by which numbers of steps are compared
};

static void
put (results *r, const char *row, size_t n, const verdict *v)
{
  char note[64];
  snprintf (note, sizeof note, "n = %zu", n);
  results_row (r, row, "Frechet distance", "", v->frechet, -1, "", note);
  results_row (r, row, "Inception score", "", v->inception, -1, "", "");
  results_row (r, row, "probability over 0.9", "", v->sure, sqrt (v->sure * (1 - v->sure) / (double)n), "", "");
  results_row (r, row, "rarest class", "", gsl_stats_min (v->share, 1, CLASSES), -1, "", "");
  results_row (r, row, "commonest class", "", gsl_stats_max (v->share, 1, CLASSES), -1, "", "");
}

// ## What samples are compared with
//
// The floor: as many test images, which are as good as samples can be. And the noise that sampling began with.

typedef struct
{
  verdict images, noise;
} bounds;

static gsl_matrix *
noise (uint64_t seed, size_t n)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, PIXELS), "noise");
  require (sb_stream_normals ((sb_stream){ .seed = seed, .purpose = SB_FOR_PRIOR }, 0, x), "noise");
  return x;
}

static bounds
judge_floor_and_ceiling (results *r, const judge *j, size_t n)
{
  gsl_matrix *digits = test_digits (0, n, -1, 1), *z = noise (r->seed, n);
  bounds b = { .images = judged (j, digits, -1, 1), .noise = judged (j, z, -1, 1) };
  put (r, "test images", n, &b.images);
  put (r, "noise", n, &b.noise);
  gsl_matrix_free (z);
  gsl_matrix_free (digits);
  return b;
}

// ## Pictures

static void
picture_nearest (const results *r, const char *model, const gsl_matrix *x, double low, double high)
{
  char name[64];
  size_t pairs = GSL_MIN ((size_t)PAIRS, x->size1), index[PAIRS];
  gsl_matrix *images = test_digits (0, 0, low, high),
             *both = require_pointer (gsl_matrix_alloc (2 * pairs, PIXELS), "pairs");
  gsl_vector *distance = require_pointer (gsl_vector_alloc (pairs), "distances");
  gsl_matrix_const_view some = gsl_matrix_const_submatrix (x, 0, 0, pairs, PIXELS);
  require (sb_nearest (&some.matrix, images, index, distance), "nearest images");
  for (size_t i = 0; i < pairs; i++)
    {
      gsl_vector_const_view sample = gsl_matrix_const_row (x, i), image = gsl_matrix_const_row (images, index[i]);
      gsl_matrix_set_row (both, i, &sample.vector);
      gsl_matrix_set_row (both, pairs + i, &image.vector);
    }
  snprintf (name, sizeof name, "%s-nearest", model);
  picture (r, name, both, pairs, low, high);
  gsl_vector_free (distance);
  gsl_matrix_free (both);
  gsl_matrix_free (images);
}

static void
picture_samples (const results *r, const char *model, const gsl_matrix *x, double low, double high)
{
  size_t shown = GSL_MIN ((size_t)SHOWN, x->size1);
  gsl_matrix_const_view some = gsl_matrix_const_submatrix (x, 0, 0, shown, PIXELS);
  picture (r, model, &some.matrix, shown > 20 ? 20 : 0, low, high);
}

// ## A file of samples

static gsl_matrix *
read_samples (const results *r, const char *model, int steps)
{
  char path[4096];
  sb_error error = { 0 };
  snprintf (path, sizeof path, "%s-%s-%d.npy", r->out, model, steps);
  FILE *file = fopen (path, "r");
  if (!file)
    return NULL; // not drawn at this scale
  fclose (file);
  gsl_matrix *x = sb_npy_read (path, NULL, &error);
  require_pointer (x, error.message);
  require (x->size2 == PIXELS ? GSL_SUCCESS : GSL_EBADLEN, path);
  return x;
}

static void
claim_quality (results *r, const bounds *b, const char *name, const verdict *v, size_t n)
{
  char claim[160];
  double rarest = gsl_stats_min (v->share, 1, CLASSES), commonest = gsl_stats_max (v->share, 1, CLASSES);
  if (r->scale == SMOKE)
    return;
  snprintf (claim, sizeof claim, "%s draws every digit: each class between 4%% and 18%%", name);
  results_claim (r, claim, rarest >= 0.04 && commonest <= 0.18, "from %.1f%% to %.1f%% of %zu samples", 100 * rarest,
                 100 * commonest, n);
  snprintf (claim, sizeof claim, "%s draws digits that can be told: 85%% with a probability over 0.9", name);
  results_claim (r, claim, v->sure >= 0.85, "%.1f%%; of test images %.1f%%", 100 * v->sure, 100 * b->images.sure);
  snprintf (claim, sizeof claim, "%s's Frechet distance is nearer to the test images' than to noise's", name);
  results_claim (r, claim, v->frechet * v->frechet < b->images.frechet * b->noise.frechet,
                 "%.3g; as many test images %.3g, noise %.3g", v->frechet, b->images.frechet, b->noise.frechet);
}

static void
judge_many (results *r, const judge *j, const gsl_matrix *x, double low, double high)
{
  verdict v = judged (j, x, low, high);
  bounds b = judge_floor_and_ceiling (r, j, x->size1);
  put (r, "DDPM", x->size1, &v);
  claim_quality (r, &b, "DDPM", &v, x->size1);
}

// Numbers of samples differ, and with them the Frechet distance's bias: what is compared is the first FEW of each.

static void
put_few (results *r, const judge *j, const char *row, const gsl_matrix *x, double low, double high)
{
  size_t few = GSL_MIN ((size_t)FEW, x->size1);
  gsl_matrix_const_view some = gsl_matrix_const_submatrix (x, 0, 0, few, PIXELS);
  verdict v = judged (j, &some.matrix, low, high);
  put (r, row, few, &v);
}

static void
judge_steps (results *r, const judge *j, const char *name, const char *model, double low, double high)
{
  static const int steps[] = { 10, 25, 50, 100, 500 };
  for (size_t k = 0; k < sizeof steps / sizeof *steps; k++)
    {
      gsl_matrix *x = read_samples (r, model, steps[k]);
      if (!x)
        continue;
      char row[64];
      snprintf (row, sizeof row, "%s, %d steps", name, steps[k]);
      put_few (r, j, row, x, low, high);
      gsl_matrix_free (x);
    }
}

int
main (void)
{
  static const char *const names[] = { "SMLD", "DDPM" }, *const models[] = { "smld", "ddpm" };
  static const double low[] = { 0, -1 }, high[] = { 1, 1 };
  results r = results_open ();
  judge j = judge_open ("mnist");
  for (size_t m = 0; m < 2; m++)
    {
      gsl_matrix *x = require_pointer (read_samples (&r, models[m], 100), "samples");
      picture_samples (&r, models[m], x, low[m], high[m]);
      picture_nearest (&r, models[m], x, low[m], high[m]);
      if (m == 1)
        judge_many (&r, &j, x, low[m], high[m]);
      gsl_matrix_free (x);
    }

  gsl_matrix *images = test_digits (0, FEW, -1, 1), *early = read_samples (&r, "early", 50);
  put_few (&r, &j, "test images, few", images, -1, 1);
  for (size_t m = 0; m < 2; m++)
    judge_steps (&r, &j, names[m], models[m], low[m], high[m]);
  put_few (&r, &j, "DDPM after 3,000 training steps, 50 steps", require_pointer (early, "samples"), -1, 1);
  gsl_matrix *bf16 = read_samples (&r, "bf16", 50);
  if (bf16)
    put_few (&r, &j, "DDPM, 50 steps, network in bf16", bf16, -1, 1);
  gsl_matrix_free (bf16);
  gsl_matrix_free (early);
  gsl_matrix_free (images);
  if (r.scale == SMOKE)
    fputs ("Networks draw digits,untested,four samples in two steps say nothing\n", r.claims);
  judge_close (j);
  results_close (&r);
  return EXIT_SUCCESS;
}
