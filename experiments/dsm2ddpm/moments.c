// # What is known of the training faces without them
//
//     moments-driver faces FACES.idx FOLDER       FOLDER/facesSIDE-{means,filters,pixels}.safetensors
//     moments-driver latents LATENTS.npy FOLDER   FOLDER/faces-latents.safetensors
//
// Of faces: mean and covariance of the two kinds of features, and mean and deviation of each pixel. Of latents: mean
// and deviation of each number, and the covariance of an image's channels over all images and places. These files come
// with the data, so that Figures 7 and 8 are measured without the faces.

#include "../faces.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  CHUNK = 500, // faces at a time
  PATH = 4096
};

// ## Features

static void
write_features (const sb_bytes *faces, const char *of, const char *folder, kind what)
{
  char path[PATH];
  sb_error error = { 0 };
  size_t count = faces->shape.length[0], side = faces->shape.length[1];
  gsl_matrix *f = NULL;
  for (size_t i = 0; i < count; i += CHUNK)
    {
      size_t n = GSL_MIN ((size_t)CHUNK, count - i);
      gsl_matrix *x = faces_rows (faces, i, n), *some = features_of (what, x, side);
      if (!f)
        f = require_pointer (gsl_matrix_alloc (count, some->size2), "features");
      gsl_matrix_view to = gsl_matrix_submatrix (f, i, 0, n, f->size2);
      gsl_matrix_memcpy (&to.matrix, some);
      gsl_matrix_free (some);
      gsl_matrix_free (x);
    }
  char said[256];
  snprintf (said, sizeof said, "%s of %s", kind_note[what], of);
  sb_moments_file *moments = require_pointer (sb_moments_file_of (f, said), "moments");
  snprintf (path, sizeof path, "%s/faces%zu-%s.safetensors", folder, side, kind_name[what]);
  stop_unless (!sb_moments_file_write (moments, path, &error), &error);
  sb_moments_file_free (moments);
  gsl_matrix_free (f);
}

// ## Numbers one by one
//
// Sums over rows that come in pieces, and what they make: mean and deviation, in single precision.

typedef struct
{
  size_t d, count;
  double *sum, *square;
} sums;

static sums
sums_alloc (size_t d)
{
  return (sums){ d, 0, require_pointer (calloc (d, sizeof (double)), "sums"),
                 require_pointer (calloc (d, sizeof (double)), "sums") };
}

static void
add_rows (sums *s, const gsl_matrix *x)
{
  s->count += x->size1;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < s->d; k++)
      {
        s->sum[k] += gsl_matrix_get (x, i, k);
        s->square[k] += gsl_pow_2 (gsl_matrix_get (x, i, k));
      }
}

static void
note_numbers (const sums *s, size_t rank, const size_t *size, float *mean, float *deviation, sb_tensors *tensors)
{
  for (size_t k = 0; k < s->d; k++)
    {
      double m = s->sum[k] / (double)s->count;
      mean[k] = (float)m;
      deviation[k] = (float)sqrt (GSL_MAX_DBL (0, s->square[k] / (double)s->count - m * m));
    }
  require (sb_tensors_add (tensors, "mean", rank, size, mean), "a tensor");
  require (sb_tensors_add (tensors, "deviation", rank, size, deviation), "a tensor");
}

static void
write_numbers (const sums *s, const size_t *size, const gsl_matrix *covariance, const char *of, const char *path)
{
  sb_error error = { 0 };
  size_t channels = size[2];
  sb_tensors *tensors = require_pointer (sb_tensors_alloc (), "tensors");
  float *mean = require_pointer (malloc (s->d * sizeof *mean), "numbers"),
        *deviation = require_pointer (malloc (s->d * sizeof *deviation), "numbers"),
        *C = require_pointer (malloc (channels * channels * sizeof *C), "numbers");
  note_numbers (s, 3, size, mean, deviation, tensors);
  for (size_t k = 0; covariance && k < channels * channels; k++)
    C[k] = (float)gsl_matrix_get (covariance, k / channels, k % channels);
  if (covariance)
    require (sb_tensors_add (tensors, "covariance", 2, (size_t[]){ channels, channels }, C), "a tensor");
  require (sb_tensors_note_add (tensors, "of", of), "a note");
  stop_unless (!sb_safetensors_write (tensors, path, &error), &error);
  sb_tensors_free (tensors);
  free (mean);
  free (deviation);
  free (C);
}

static void
write_pixels (const sb_bytes *faces, const char *of, const char *folder)
{
  char path[PATH];
  size_t count = faces->shape.length[0], side = faces->shape.length[1];
  sums s = sums_alloc (face_size (side));
  for (size_t i = 0; i < count; i += CHUNK)
    {
      gsl_matrix *x = faces_rows (faces, i, GSL_MIN ((size_t)CHUNK, count - i));
      add_rows (&s, x);
      gsl_matrix_free (x);
    }
  snprintf (path, sizeof path, "%s/faces%zu-pixels.safetensors", folder, side);
  write_numbers (&s, faces->shape.length + 1, NULL, of, path);
  free (s.sum);
  free (s.square);
}

// ## Latents

static void
of_latents (const char *from, const char *of, const char *folder)
{
  char path[PATH];
  sb_shape shape;
  sb_error error = { 0 };
  gsl_matrix *z = sb_npy_read (from, &shape, &error);
  stop_unless (z != NULL, &error);
  require (shape.rank == 4 ? GSL_SUCCESS : GSL_EBADLEN, from);
  sums s = sums_alloc (z->size2);
  add_rows (&s, z);
  size_t channels = shape.length[3];
  gsl_matrix_view places = gsl_matrix_view_array (z->data, z->size1 * z->size2 / channels, channels);
  gsl_vector *mean = require_pointer (gsl_vector_alloc (channels), "moments");
  gsl_matrix *covariance = require_pointer (gsl_matrix_alloc (channels, channels), "moments");
  require (sb_sample_moments (&places.matrix, mean, covariance), "moments");
  snprintf (path, sizeof path, "%s/faces-latents.safetensors", folder);
  write_numbers (&s, shape.length + 1, covariance, of, path);
  gsl_vector_free (mean);
  gsl_matrix_free (covariance);
  gsl_matrix_free (z);
  free (s.sum);
  free (s.square);
}

int
main (int argc, char **argv)
{
  gsl_set_error_handler_off ();
  sb_blas_single_threaded ();
  if (argc != 4 || (strcmp (argv[1], "faces") && strcmp (argv[1], "latents")))
    {
      fputs ("usage: moments-driver faces FACES.idx FOLDER\n"
             "       moments-driver latents LATENTS.npy FOLDER\n",
             stderr);
      return 2;
    }
  const char *slash = strrchr (argv[2], '/'), *of = slash ? slash + 1 : argv[2];
  if (strcmp (argv[1], "latents") == 0)
    of_latents (argv[2], of, argv[3]);
  else
    {
      sb_bytes *faces = faces_read (argv[2]);
      for (kind what = 0; what < KINDS; what++)
        write_features (faces, of, argv[3], what);
      write_pixels (faces, of, argv[3]);
      sb_bytes_free (faces);
    }
  return EXIT_SUCCESS;
}
