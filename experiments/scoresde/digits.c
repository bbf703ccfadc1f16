// # Digits out of noise
//
// `scorebook sample` has drawn digits with the exact score of MNIST's test images. This driver pictures them, and says
// which image of the data each of them is. [scoresde.fig1]

#include "../images.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum
{
  STATES = 8, // of each sample
  ROWS = 8,   // samples whose states are shown
  PAIRS = 16  // samples shown with their nearest image
};

static const double low = -1, high = 1; // what black and white are to the VP SDE

static gsl_matrix *
read_samples (const results *r)
{
  gsl_matrix *x = drawn_rows (r, "samples");
  require (x->size2 == STATES * PIXELS ? GSL_SUCCESS : GSL_EBADLEN, "the samples");
  return x;
}

// ## Pictures
//
// The samples are rows of STATES images one after the other; so the first ROWS of them are a grid, row by row.

static void
picture_backward (const results *r, const gsl_matrix *samples)
{
  size_t rows = GSL_MIN ((size_t)ROWS, samples->size1);
  gsl_matrix_const_view states = gsl_matrix_const_view_array (samples->data, rows * STATES, PIXELS);
  picture (r, "backward", &states.matrix, STATES, low, high);
}

static void
picture_forward (const results *r, const gsl_matrix *digits)
{
  sb_process *process = require_pointer (sb_vp_alloc (PIXELS, SB_VP_BETA_MIN, SB_VP_BETA_MAX), "the VP SDE");
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (ROWS, PIXELS), "digits");
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (ROWS, PIXELS), "noise");
  gsl_matrix *all = require_pointer (gsl_matrix_alloc (ROWS * STATES, PIXELS), "states");
  gsl_vector *s = require_pointer (gsl_vector_calloc (ROWS), "times"),
             *t = require_pointer (gsl_vector_alloc (ROWS), "times");
  gsl_matrix_const_view first = gsl_matrix_const_submatrix (digits, 0, 0, ROWS, PIXELS);
  gsl_matrix_memcpy (x, &first.matrix);
  for (size_t k = 0; k < STATES; k++)
    {
      gsl_vector_set_all (t, (double)k / (STATES - 1));
      require (sb_stream_normals ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_FORWARD }, k * PIXELS, z), "noise");
      if (k > 0)
        require (sb_process_transition (process, s, t, z, x), "forward step");
      for (size_t i = 0; i < ROWS; i++)
        {
          gsl_vector_const_view from = gsl_matrix_const_row (x, i);
          gsl_vector_view to = gsl_matrix_row (all, i * STATES + k);
          gsl_vector_memcpy (&to.vector, &from.vector);
        }
      gsl_vector_memcpy (s, t);
    }
  picture (r, "forward", all, STATES, low, high);
  gsl_vector_free (t);
  gsl_vector_free (s);
  gsl_matrix_free (all);
  gsl_matrix_free (z);
  gsl_matrix_free (x);
  sb_process_free (process);
}

static void
picture_pairs (const results *r, const gsl_matrix *ends, const gsl_matrix *digits, const size_t *nearest)
{
  size_t pairs = GSL_MIN ((size_t)PAIRS, ends->size1);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (2 * pairs, PIXELS), "pairs");
  for (size_t i = 0; i < pairs; i++)
    {
      gsl_vector_const_view sample = gsl_matrix_const_row (ends, i), image = gsl_matrix_const_row (digits, nearest[i]);
      gsl_vector_view upper = gsl_matrix_row (x, i), lower = gsl_matrix_row (x, pairs + i);
      gsl_vector_memcpy (&upper.vector, &sample.vector);
      gsl_vector_memcpy (&lower.vector, &image.vector);
    }
  picture (r, "nearest", x, pairs, low, high);
  gsl_matrix_free (x);
}

// ## Distances
//
// From each sample to the nearest image; and, for scale, from some images to the nearest of the others.

typedef struct
{
  double smallest, mean, largest;
} distances;

static distances
nearest_distances (const gsl_matrix *x, const gsl_matrix *data, size_t *index)
{
  gsl_vector *d = require_pointer (gsl_vector_alloc (x->size1), "distances");
  require (sb_nearest (x, data, index, d), "nearest images");
  distances found = { gsl_vector_min (d), gsl_stats_mean (d->data, d->stride, d->size), gsl_vector_max (d) };
  gsl_vector_free (d);
  return found;
}

static distances
between_images (const gsl_matrix *digits)
{
  enum
  {
    SOME = 500
  };
  size_t index[SOME];
  gsl_matrix_const_view some = gsl_matrix_const_submatrix (digits, 0, 0, SOME, PIXELS);
  gsl_matrix_const_view others = gsl_matrix_const_submatrix (digits, SOME, 0, digits->size1 - SOME, PIXELS);
  return nearest_distances (&some.matrix, &others.matrix, index);
}

static void
put (results *r, const char *row, distances d)
{
  results_row (r, row, "smallest", "", d.smallest, -1, "", "Euclidean, pixels from -1 to 1");
  results_row (r, row, "mean", "", d.mean, -1, "", "");
  results_row (r, row, "largest", "", d.largest, -1, "", "");
}

static size_t
count_different (const size_t *index, size_t n)
{
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    {
      size_t k = 0;
      while (k < i && index[k] != index[i])
        k++;
      count += k == i;
    }
  return count;
}

int
main (void)
{
  results r = results_open ();
  gsl_matrix *digits = test_digits (0, 0, low, high), *samples = read_samples (&r);
  size_t n = samples->size1;
  gsl_matrix_const_view ends = gsl_matrix_const_submatrix (samples, 0, (STATES - 1) * PIXELS, n, PIXELS);
  size_t *index = require_pointer (calloc (n, sizeof *index), "nearest images");

  distances of_samples = nearest_distances (&ends.matrix, digits, index), of_images = between_images (digits);
  put (&r, "from a sample to the nearest image", of_samples);
  put (&r, "from an image to the nearest other", of_images);
  picture (&r, "samples", &ends.matrix, n >= 16 ? 16 : 0, low, high);
  picture_backward (&r, samples);
  picture_forward (&r, digits);
  picture_pairs (&r, &ends.matrix, digits, index);

  results_claim (
      &r, "With the exact score of a data set, the reverse-time SDE leads back to the data set",
      of_samples.largest < of_images.smallest / 2,
      "all %zu samples are within %.2g of an image; different images are %.2f to %.2f apart from their nearest, "
      "%.2f on average",
      n, of_samples.largest, of_images.smallest, of_images.largest, of_images.mean);
  size_t different = count_different (index, n);
  double alike = (double)n * (double)(n - 1) / 2 / (double)digits->size1;
  results_claim (&r, "The samples are spread over the data set",
                 (double)(n - different) <= alike + 6 * sqrt (alike) + 1,
                 "%zu samples are %zu different images; fair draws would share an image %.2f times on average", n,
                 different, alike);
  free (index);
  gsl_matrix_free (samples);
  gsl_matrix_free (digits);
  results_close (&r);
  return EXIT_SUCCESS;
}
