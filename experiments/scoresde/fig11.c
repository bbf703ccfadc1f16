// # Figure 11: a grid of samples
//
// `scorebook sample` has drawn clothes from the best network of VE. How far they are from the training images as a
// whole, and whether any is a copy of one. [scoresde.fig11]

#include "../judge.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort_vector.h>
#include <gsl/gsl_statistics.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  PAIRS = 16,  // samples shown with their nearest images
  CHUNK = 5000 // training images at a time
};

// ## The nearest image

typedef struct
{
  gsl_vector *distance; // of each sample
  gsl_matrix *image;
  size_t among;
} nearest;

static void
look_among (const gsl_matrix *x, const gsl_matrix *images, nearest *of)
{
  size_t *index = require_pointer (malloc (x->size1 * sizeof *index), "images");
  gsl_vector *distance = require_pointer (gsl_vector_alloc (x->size1), "distances");
  require (sb_nearest (x, images, index, distance), "nearest images");
  for (size_t i = 0; i < x->size1; i++)
    if (of->among == 0 || gsl_vector_get (distance, i) < gsl_vector_get (of->distance, i))
      {
        gsl_vector_const_view image = gsl_matrix_const_row (images, index[i]);
        gsl_vector_set (of->distance, i, gsl_vector_get (distance, i));
        gsl_matrix_set_row (of->image, i, &image.vector);
      }
  of->among += images->size1;
  gsl_vector_free (distance);
  free (index);
}

static nearest
nearest_among_training (const gsl_matrix *x, const sb_bytes *bytes)
{
  nearest of = { require_pointer (gsl_vector_alloc (x->size1), "distances"),
                 require_pointer (gsl_matrix_alloc (x->size1, PIXELS), "images"), 0 };
  const size_t count = bytes->shape.length[0];
  while (of.among < count)
    {
      gsl_matrix *images
          = require_pointer (gsl_matrix_alloc (GSL_MIN (count - of.among, (size_t)CHUNK), PIXELS), "images");
      require (sb_bytes_rows (bytes, of.among, 0, 1, images), "images");
      look_among (x, images, &of);
      gsl_matrix_free (images);
    }
  return of;
}

static nearest
nearest_among_test (const gsl_matrix *x)
{
  nearest of = { require_pointer (gsl_vector_alloc (x->size1), "distances"),
                 require_pointer (gsl_matrix_alloc (x->size1, PIXELS), "images"), 0 };
  gsl_matrix *images = test_clothes (0, 0, 0, 1);
  look_among (x, images, &of);
  gsl_matrix_free (images);
  return of;
}

static void
nearest_free (nearest of)
{
  gsl_vector_free (of.distance);
  gsl_matrix_free (of.image);
}

static double
median (const gsl_vector *v)
{
  gsl_vector *sorted = require_pointer (gsl_vector_alloc (v->size), "distances");
  gsl_vector_memcpy (sorted, v);
  gsl_sort_vector (sorted);
  const double m = gsl_stats_median_from_sorted_data (sorted->data, sorted->stride, sorted->size);
  gsl_vector_free (sorted);
  return m;
}

static void
picture_pairs (const results *r, const gsl_matrix *x, const gsl_matrix *images)
{
  gsl_matrix *both = above (x, images, PAIRS);
  picture (r, "nearest", both, both->size1 / 2, 0, 1);
  gsl_matrix_free (both);
}

static void
put_nearest (results *r, const char *row, const nearest *of, const char *among)
{
  char note[64];
  snprintf (note, sizeof note, "Euclidean, among %zu %s images", of->among, among);
  results_row (r, row, "distance to the nearest image, median", "", median (of->distance), -1, "", note);
  results_row (r, row, "distance to the nearest image, smallest", "", gsl_vector_min (of->distance), -1, "", note);
}

static void
look_for_copies (results *r, const gsl_matrix *x)
{
  const char *path = getenv ("TRAINING"), *claim = "No sample is a copy of a training image";
  sb_error error = { 0 };
  if (r->scale == SMOKE || !path || access (path, R_OK) != 0)
    {
      nearest of = nearest_among_test (x);
      put_nearest (r, "samples", &of, "test");
      picture_pairs (r, x, of.image);
      nearest_free (of);
      fprintf (r->claims, "%s,untested,%s\n", claim,
               r->scale == SMOKE ? "a few samples say nothing" : "the training images have not been fetched");
      return;
    }
  sb_bytes *bytes = require_pointer (sb_idx_read (path, &error), error.message);
  gsl_matrix *test = test_clothes (0, 100, 0, 1);
  nearest of = nearest_among_training (x, bytes), of_test = nearest_among_training (test, bytes);
  put_nearest (r, "samples", &of, "training");
  put_nearest (r, "test images", &of_test, "training");
  picture_pairs (r, x, of.image);
  results_claim (r, claim, gsl_vector_min (of.distance) > 0 && median (of.distance) > 0.5 * median (of_test.distance),
                 "the nearest is at %.2f; medians: samples %.2f, test images %.2f", gsl_vector_min (of.distance),
                 median (of.distance), median (of_test.distance));
  nearest_free (of_test);
  nearest_free (of);
  gsl_matrix_free (test);
  sb_bytes_free (bytes);
}

// ## As a whole

static double
put (results *r, const judge *j, const char *row, const gsl_matrix *x, double low)
{
  char note[64];
  verdict se;
  const verdict v = judged_with_errors (j, x, low, 1, &se);
  snprintf (note, sizeof note, "n = %zu", x->size1);
  results_row (r, row, "Frechet distance", "", v.frechet, se.frechet, "", note);
  results_row (r, row, "Inception score", "", v.inception, se.inception, "", note);
  return v.frechet;
}

int
main (void)
{
  results r = results_open ();
  judge j = judge_open ("fashion");
  gsl_matrix *x = drawn_rows (&r, "x");
  gsl_matrix *test = test_clothes (0, GSL_MIN (x->size1, 500), 0, 1),
             *z = require_pointer (gsl_matrix_alloc (x->size1, PIXELS), "noise");
  require (sb_stream_normals ((sb_stream){ .seed = r.seed, .purpose = SB_FOR_PRIOR }, 0, z), "noise");
  picture (&r, "samples", x, x->size1 > 20 ? 20 : 0, 0, 1);
  const double drawn = put (&r, &j, "samples", x, 0), of_noise = put (&r, &j, "noise", z, -1);
  put (&r, &j, "test images", test, 0);
  if (r.scale == SMOKE)
    fputs ("Samples are ten times nearer to the training images than noise,untested,two steps say nothing\n", r.claims);
  else
    results_claim (&r, "Samples are ten times nearer to the training images than noise", drawn < of_noise / 10,
                   "Frechet distances %.3g and %.3g; by %s", drawn, of_noise,
                   strcmp (getenv ("NETWORK"), "fashion-ncsnpp") == 0 ? "NCSN++"
                                                                      : "the U-Net of DDPM: NCSN++ is not there");
  look_for_copies (&r, x);
  gsl_matrix_free (z);
  gsl_matrix_free (test);
  gsl_matrix_free (x);
  judge_close (j);
  results_close (&r);
  return EXIT_SUCCESS;
}
