// # Figures 12 to 14: samples, and the training images nearest to them
//
// Digits by Momentum beside their nearest training images [soft.fig12]; faces by Momentum [soft.fig13] and clothes by
// the flow [soft.fig14]. What does memorise is the exact denoiser of a few images.

#include "../faces.h"
#include "drawn.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>

// The median distance of the rows of x to their nearest of `data`, which go to `nearest` (NULL: nowhere).

static double
median_to (const gsl_matrix *data, const gsl_matrix *x, gsl_matrix *nearest)
{
  size_t *index = require_pointer (malloc (x->size1 * sizeof *index), "images");
  gsl_vector *distance = require_pointer (gsl_vector_alloc (x->size1), "distances");
  require (sb_nearest (x, data, index, distance), "the nearest");
  for (size_t i = 0; i < x->size1 && nearest; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (data, index[i]);
      gsl_matrix_set_row (nearest, i, &row.vector);
    }
  gsl_sort (distance->data, 1, distance->size);
  const double median = gsl_stats_median_from_sorted_data (distance->data, 1, distance->size);
  gsl_vector_free (distance);
  free (index);
  return median;
}

// ## The exact denoiser of a few images
//
// $\mathrm E[\mathbf x_0 \mid \mathbf x_t]$ of a finite set is a mean of its images: many steps end at one of them.

static void
look_at_memory (results *r, size_t images, size_t evaluations, size_t n)
{
  static const way momentum = { "Momentum", &sb_step_momentum, NULL };
  gsl_matrix *data = test_digits (0, images, 0, 1);
  sb_error error = { 0 };
  sb_process *process = require_pointer (
      sb_process_from_text ("soft image=1x28x28 half=28 boundary=symmetric knots=0.01,1,2,4,8,15.75", PIXELS, &error),
      error.message);
  sb_target *law = require_pointer (sb_target_points_alloc (data, NULL), "the law");
  sb_model model = { .process = process, .low = 0, .high = 1 };
  const network exact = { &model, require_pointer (sb_score_exact_alloc (law, process), "the score") };
  require (sb_soft_fit (process, data), "the prior");
  gsl_matrix *x = drawn (r, &exact, &momentum, evaluations, n);
  gsl_matrix_const_view half = gsl_matrix_const_submatrix (data, 0, 0, data->size1 / 2, PIXELS),
                        rest
                        = gsl_matrix_const_submatrix (data, data->size1 / 2, 0, data->size1 - data->size1 / 2, PIXELS);
  const double near = median_to (data, x, NULL), between = median_to (&half.matrix, &rest.matrix, NULL);
  results_row (r, "the exact denoiser of its images", "distance to the nearest", "", near, -1, "",
               "median Euclidean distance");
  if (r->scale == SMOKE)
    untested (r, "The exact denoiser of a few images returns them", "four steps say nothing");
  else
    results_claim (r, "The exact denoiser of a few images returns them", near < 0.05 * between,
                   "median distance %.3g, between images %.3g", near, between);
  gsl_matrix_free (x), gsl_matrix_free (data);
  sb_score_free (exact.score);
  sb_target_free (law);
  sb_process_free (process);
}

// ## Networks

static void
look_at_digits (results *r, size_t evaluations, size_t n)
{
  static const way momentum = { "Momentum", &sb_step_momentum, NULL };
  const char *claim = "Samples are no copies: as far from the training images as test images are",
             *path = path_of ("TRAINING");
  network w = network_open ("mnist-soft-found");
  require (w.model ? GSL_SUCCESS : GSL_EINVAL, "the network mnist-soft-found");
  gsl_matrix *x = drawn (r, &w, &momentum, evaluations, n), *test = test_digits (0, n, 0, 1);
  sb_error error = { 0 };
  if (!path || r->scale == SMOKE)
    untested (r, claim, path ? "a few samples say nothing" : "the training images have not been fetched");
  else
    {
      sb_bytes *bytes = require_pointer (sb_idx_read (path, &error), error.message);
      gsl_matrix *data = require_pointer (gsl_matrix_alloc (bytes->shape.length[0], PIXELS), "images"),
                 *pairs = require_pointer (gsl_matrix_alloc (2 * n, PIXELS), "images");
      gsl_matrix_view nearest = gsl_matrix_submatrix (pairs, n, 0, n, PIXELS),
                      own = gsl_matrix_submatrix (pairs, 0, 0, n, PIXELS);
      require (sb_bytes_rows (bytes, 0, 0, 1, data), "images");
      gsl_matrix_memcpy (&own.matrix, x);
      const double of_samples = median_to (data, x, &nearest.matrix), of_test = median_to (data, test, NULL);
      results_row (r, "samples", "distance to the nearest", "", of_samples, -1, "",
                   "of 60,000 training images, median");
      results_row (r, "test images", "distance to the nearest", "", of_test, -1, "",
                   "of 60,000 training images, median");
      results_claim (r, claim, of_samples > 0.7 * of_test && of_samples < 1.5 * of_test,
                     "medians %.3g and %.3g: a ratio of %.3g, from .7 to 1.5", of_samples, of_test,
                     of_samples / of_test);
      picture (r, "nearest", pairs, n, 0, 1);
      gsl_matrix_free (data), gsl_matrix_free (pairs);
      sb_bytes_free (bytes);
    }
  gsl_matrix_free (x), gsl_matrix_free (test);
  network_close (w);
}

static void
show (results *r, const char *name, const way *by, size_t evaluations, size_t n)
{
  network w = network_open (name);
  if (!w.model)
    return;
  gsl_matrix *x = drawn (r, &w, by, evaluations, n);
  if (x->size2 == PIXELS)
    picture (r, name, x, 16, w.model->low, w.model->high);
  else
    {
      gsl_matrix_scale (x, 2);
      gsl_matrix_add_constant (x, -1);
      picture_faces (r, name, x, 32, 8);
    }
  gsl_matrix_free (x);
  network_close (w);
}

int
main (void)
{
  static const way momentum = { "Momentum", &sb_step_momentum, NULL }, flow = { "Flow", &sb_step_momentum_flow, NULL };
  results r = results_open ();
  const bool smoke = r.scale == SMOKE;
  const size_t evaluations = smoke ? 3 : r.scale == QUICK ? 80 : 280;
  look_at_digits (&r, evaluations, smoke ? 3 : 14);
  look_at_memory (&r, smoke ? 8 : 200, smoke ? 4 : 400, smoke ? 2 : 20);
  show (&r, "faces32-soft", &momentum, evaluations, smoke ? 2 : 16);
  show (&r, "fashion-soft", &flow, smoke ? 2 : 60, smoke ? 2 : 32);
  results_close (&r);
  return EXIT_SUCCESS;
}
