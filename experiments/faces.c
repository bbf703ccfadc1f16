// # Faces for drivers

#include "faces.h"
#include "jackknife.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort_vector.h>
#include <gsl/gsl_statistics.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum
{
  GAP = 2,      // pixels between the faces of a picture
  ROWS = 64,    // faces at a time through the random network
  CHUNK = 1000, // training faces at a time
  PAIRS = 12,   // samples shown with their nearest faces
  RANDOM_SEED = 64
};

// ## Files

void
stop_unless (bool holds, const sb_error *error)
{
  if (holds)
    return;
  fprintf (stderr, "%s\n", error->message);
  exit (EXIT_FAILURE);
}

static void
stop (const char *path, const char *reason)
{
  fprintf (stderr, "%s: %s\n", path, reason);
  exit (EXIT_FAILURE);
}

const char *
path_of (const char *variable)
{
  const char *path = getenv (variable);
  return path && *path && access (path, R_OK) == 0 ? path : NULL;
}

sb_bytes *
faces_read (const char *path)
{
  sb_error error = { 0 };
  sb_bytes *faces = sb_idx_read (path, &error);
  stop_unless (faces != NULL, &error);
  const size_t *size = faces->shape.length;
  if (faces->shape.rank != 4 || size[1] != size[2] || size[3] != CHANNELS)
    stop (path, "its arrays are not n x side x side x 3");
  return faces;
}

gsl_matrix *
faces_rows (const sb_bytes *faces, size_t first, size_t count)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (count, face_size (faces->shape.length[1])), "faces");
  require (sb_bytes_rows (faces, first, -1, 1, x), "faces");
  return x;
}

gsl_matrix *
faces_of_picture (const char *path, size_t side, size_t count)
{
  sb_error error = { 0 };
  sb_bytes *picture = sb_png_read (path, &error);
  stop_unless (picture != NULL, &error);
  size_t height = picture->shape.length[1], width = picture->shape.length[2], columns = width / (side + GAP);
  if (picture->shape.length[3] != CHANNELS || columns == 0 || height / (side + GAP) * columns < count)
    stop (path, "it is no picture of so many faces");
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (count, face_size (side)), "faces");
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < x->size2; k++)
      {
        size_t line = GAP + i / columns * (side + GAP) + k / CHANNELS / side,
               column = GAP + i % columns * (side + GAP) + k / CHANNELS % side;
        gsl_matrix_set (x, i, k, picture->data[(line * width + column) * CHANNELS + k % CHANNELS] / 127.5 - 1);
      }
  sb_bytes_free (picture);
  return x;
}

gsl_matrix *
rows_of_file (const char *path, size_t d)
{
  sb_error error = { 0 };
  gsl_matrix *x = sb_npy_read (path, NULL, &error);
  stop_unless (x != NULL, &error);
  if (x->size2 != d)
    stop (path, "its rows have another length");
  return x;
}

gsl_matrix *
test_faces (size_t side, size_t count)
{
  enum
  {
    LARGE = 64
  };
  char path[4096];
  data_path ("faces64-test.png", path, sizeof path);
  gsl_matrix *x = faces_of_picture (path, LARGE, count);
  if (side == LARGE)
    return x;
  gsl_matrix *half = halved (x, LARGE);
  gsl_matrix_free (x);
  return half;
}

// ## Pixels

gsl_matrix *
halved (const gsl_matrix *x, size_t side)
{
  size_t half = side / 2;
  gsl_matrix *y = require_pointer (gsl_matrix_alloc (x->size1, face_size (half)), "faces");
  for (size_t i = 0; i < y->size1; i++)
    for (size_t k = 0; k < y->size2; k++)
      {
        size_t line = k / CHANNELS / half, column = k / CHANNELS % half,
               first = (2 * line * side + 2 * column) * CHANNELS + k % CHANNELS;
        double sum = 0;
        for (size_t down = 0; down < 2; down++)
          for (size_t across = 0; across < 2; across++)
            sum += gsl_matrix_get (x, i, first + (down * side + across) * CHANNELS);
        gsl_matrix_set (y, i, k, sum / 4);
      }
  return y;
}

void
clip (gsl_matrix *x)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      gsl_matrix_set (x, i, k, GSL_MAX_DBL (-1, GSL_MIN_DBL (1, gsl_matrix_get (x, i, k))));
}

void
picture_faces (const results *r, const char *name, const gsl_matrix *x, size_t side, size_t columns)
{
  char path[4096];
  sb_error error = { 0 };
  const sb_png_grid grid = { .height = side,
                             .width = side,
                             .channels = CHANNELS,
                             .columns = columns,
                             .padding = GAP,
                             .low = -1,
                             .high = 1,
                             .background = 255 };
  snprintf (path, sizeof path, "%s-%s-pixels.png", r->out, name);
  stop_unless (!sb_png_write (path, x, &grid, &error), &error);
}

// ## Nearest faces

static void
nearest_of_all (const sb_bytes *faces, const gsl_matrix *x, gsl_vector *distance, gsl_matrix *nearest)
{
  size_t count = faces->shape.length[0], *index = require_pointer (malloc (x->size1 * sizeof *index), "indices");
  gsl_vector *here = require_pointer (gsl_vector_alloc (x->size1), "distances");
  gsl_vector_set_all (distance, GSL_POSINF);
  for (size_t first = 0; first < count; first += CHUNK)
    {
      gsl_matrix *some = faces_rows (faces, first, GSL_MIN ((size_t)CHUNK, count - first));
      require (sb_nearest (x, some, index, here), "nearest faces");
      for (size_t i = 0; i < x->size1; i++)
        if (gsl_vector_get (here, i) < gsl_vector_get (distance, i))
          {
            gsl_vector_const_view found = gsl_matrix_const_row (some, index[i]);
            gsl_vector_set (distance, i, gsl_vector_get (here, i));
            gsl_matrix_set_row (nearest, i, &found.vector);
          }
      gsl_matrix_free (some);
    }
  gsl_vector_free (here);
  free (index);
}

static double
median_to_nearest (const sb_bytes *faces, const gsl_matrix *x, gsl_matrix *nearest)
{
  gsl_vector *distance = require_pointer (gsl_vector_alloc (x->size1), "distances");
  nearest_of_all (faces, x, distance, nearest);
  gsl_sort_vector (distance);
  double median = gsl_stats_median_from_sorted_data (distance->data, distance->stride, distance->size);
  gsl_vector_free (distance);
  return median;
}

void
picture_pairs (const results *r, const char *name, const gsl_matrix *x, const gsl_matrix *other, size_t side)
{
  gsl_matrix *both = above (x, other, PAIRS);
  picture_faces (r, name, both, side, both->size1 / 2);
  gsl_matrix_free (both);
}

void
look_for_copies (results *r, const char *variable, const char *name, size_t side, const gsl_matrix *x, const char *row,
                 const char *claim)
{
  const char *path = path_of (variable);
  if (!path || r->scale == SMOKE)
    {
      untested (r, claim, path ? "a few samples say nothing" : "the training faces have not been fetched");
      return;
    }
  char column[64];
  sb_bytes *faces = faces_read (path);
  gsl_matrix *test = test_faces (side, GSL_MIN (x->size1, (size_t)TEST_FACES)),
             *near_test = require_pointer (gsl_matrix_alloc (test->size1, x->size2), "faces"),
             *nearest = require_pointer (gsl_matrix_alloc (x->size1, x->size2), "faces");
  double of_test = median_to_nearest (faces, test, near_test), of_samples = median_to_nearest (faces, x, nearest);
  snprintf (column, sizeof column, "%zux%zu: nearest training face / distance", side, side);
  results_row (r, row, column, "", of_samples, -1, "", "median Euclidean distance");
  results_row (r, "test faces", column, "", of_test, -1, "", "");
  results_claim (r, claim, of_samples >= 0.5 * of_test, "medians to the nearest of %zu: samples %.2f, test faces %.2f",
                 faces->shape.length[0], of_samples, of_test);
  picture_pairs (r, name, x, nearest, side);
  gsl_matrix_free (test);
  gsl_matrix_free (near_test);
  gsl_matrix_free (nearest);
  sb_bytes_free (faces);
}

// ## Features

const char *const kind_name[KINDS] = { "means", "filters" };
const char *const kind_note[KINDS] = { "features: 48 block means", "features: 64, of a random network" };

static gsl_matrix *
block_means (const gsl_matrix *x, size_t side)
{
  size_t block = side / BLOCKS;
  gsl_matrix *f = require_pointer (gsl_matrix_calloc (x->size1, MEANS), "features");
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      {
        size_t line = k / CHANNELS / side / block, column = k / CHANNELS % side / block;
        *gsl_matrix_ptr (f, i, (line * BLOCKS + column) * CHANNELS + k % CHANNELS)
            += gsl_matrix_get (x, i, k) / (double)(block * block);
      }
  return f;
}

// The network wants each channel by itself, and gives the means of its last layer's channels.

static void
filter_rows (const sb_net *net, const float *theta, sb_net_work *work, const gsl_matrix *x, size_t side, gsl_matrix *f)
{
  size_t pixels = side * side;
  float *in = require_pointer (malloc (x->size1 * x->size2 * sizeof *in), "faces"),
        *out = require_pointer (malloc (x->size1 * sizeof *out), "outputs"),
        *hidden = require_pointer (malloc (x->size1 * FILTERS * sizeof *hidden), "features");
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      in[i * x->size2 + k % CHANNELS * pixels + k / CHANNELS] = (float)gsl_matrix_get (x, i, k);
  require (sb_net_forward (net, theta, x->size1, in, NULL, NULL, work, out), "the random network");
  sb_net_hidden (net, work, hidden);
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < FILTERS; k++)
      gsl_matrix_set (f, i, k, hidden[i * FILTERS + k]);
  free (in);
  free (out);
  free (hidden);
}

static gsl_matrix *
filtered (const gsl_matrix *x, size_t side)
{
  char text[128];
  sb_error error = { 0 };
  snprintf (text, sizeof text, "cnn image=%dx%zux%zu outputs=1 channels=16 multipliers=1,2,4 blocks=1 time=none",
            CHANNELS, side, side);
  sb_net *net = sb_net_alloc (text, &error);
  stop_unless (net != NULL, &error);
  require (sb_net_choose (net, NULL, SB_NET_FLOAT, NULL), "the fastest backend");
  float *theta = require_pointer (malloc (net->parameters * sizeof *theta), "weights");
  sb_net_work *work = require_pointer (sb_net_work_alloc (net, ROWS, 0), "the random network");
  gsl_matrix *f = require_pointer (gsl_matrix_alloc (x->size1, FILTERS), "features");
  require (sb_net_initialise (net, (sb_stream){ .seed = RANDOM_SEED, .purpose = SB_FOR_USER }, theta), "weights");
  for (size_t i = 0; i < x->size1; i += ROWS)
    {
      size_t n = GSL_MIN ((size_t)ROWS, x->size1 - i);
      gsl_matrix_const_view from = gsl_matrix_const_submatrix (x, i, 0, n, x->size2);
      gsl_matrix_view to = gsl_matrix_submatrix (f, i, 0, n, FILTERS);
      filter_rows (net, theta, work, &from.matrix, side, &to.matrix);
    }
  sb_net_work_free (work);
  free (theta);
  sb_net_free (net);
  return f;
}

gsl_matrix *
features_of (kind what, const gsl_matrix *x, size_t side)
{
  gsl_matrix *seen = require_pointer (gsl_matrix_alloc (x->size1, x->size2), "faces");
  gsl_matrix_memcpy (seen, x);
  clip (seen);
  gsl_matrix *f = what == BY_MEANS ? block_means (seen, side) : filtered (seen, side);
  gsl_matrix_free (seen);
  return f;
}

sb_moments_file *
training_moments (kind what, size_t side)
{
  char name[64], path[4096];
  sb_error error = { 0 };
  snprintf (name, sizeof name, "models/faces%zu-%s.safetensors", side, kind_name[what]);
  data_path (name, path, sizeof path);
  sb_moments_file *moments = sb_moments_file_read (path, &error);
  stop_unless (moments != NULL, &error);
  return moments;
}

gsl_matrix *
training_numbers (const char *name, size_t d)
{
  static const char *const tensor[] = { "mean", "deviation" };
  char path[4096];
  sb_error error = { 0 };
  data_path (name, path, sizeof path);
  sb_tensors *tensors = sb_safetensors_read (path, &error);
  stop_unless (tensors != NULL, &error);
  gsl_matrix *numbers = require_pointer (gsl_matrix_alloc (2, d), "numbers");
  for (size_t i = 0; i < 2; i++)
    {
      const sb_tensor *found = sb_tensors_find (tensors, tensor[i]);
      if (!found || found->count != d)
        stop (path, "its mean and deviation are not of an image");
      for (size_t k = 0; k < d; k++)
        gsl_matrix_set (numbers, i, k, found->data[k]);
    }
  sb_tensors_free (tensors);
  return numbers;
}

double
frechet_to (const sb_moments_file *training, kind what, const gsl_matrix *x, size_t side)
{
  double distance;
  gsl_matrix *f = features_of (what, x, side);
  sb_moments_file *seen = require_pointer (sb_moments_file_of (f, ""), "moments");
  require (sb_frechet_gaussians (seen->mean, seen->covariance, training->mean, training->covariance, &distance),
           "a Frechet distance");
  sb_moments_file_free (seen);
  gsl_matrix_free (f);
  return distance;
}

double
frechet_with_error (const sb_moments_file *training, kind what, const gsl_matrix *x, size_t side, double *se)
{
  double left_out[GROUPS];
  for (size_t g = 0; g < GROUPS && x->size1 >= GROUPS; g++)
    {
      gsl_matrix *rest = without_group (x, g);
      left_out[g] = frechet_to (training, what, rest, side);
      gsl_matrix_free (rest);
    }
  *se = x->size1 >= GROUPS ? jackknife (left_out) : -1;
  return frechet_to (training, what, x, side);
}

// ## What a network costs
//
// A convolution multiplies each of its weights once a pixel, a linear map is one of a single pixel, and attention
// compares all pixels with all and averages them so.

double
multiplications (const sb_net *net)
{
  double sum = 0;
  for (size_t k = 0; k < net->count; k++)
    {
      const sb_layer *layer = &net->layers[k];
      double pixels = (double)sb_net_shape_pixels (layer->out), channels = (double)layer->out.channels;
      if (layer->type == &sb_layer_convolution)
        sum += pixels * channels * (double)(layer->in[0].channels * layer->kernel * layer->kernel);
      else if (layer->type == &sb_layer_attention)
        sum += 2 * pixels * pixels * channels;
    }
  return sum;
}
