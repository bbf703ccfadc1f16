// # Pairs and bands to learn from
//
// The data of a conditional model, or of a stage of a multi-scale one, are made from images as these are drawn.

#include "observed_examples.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## An image and its observation
//
// $(\mathbf x_0, \mathbf y) \sim p(\mathbf x_0, \mathbf y)$: a hole is drawn anew with each image, from the stream that
// drew the image, for another purpose.

static int
observe_images (const sb_observed_examples *e, sb_stream stream, const gsl_matrix *x, gsl_matrix *shown)
{
  gsl_matrix *seen = gsl_matrix_alloc (x->size1, sb_observation_numbers (e->observation));
  int status = seen ? sb_observe (e->observation, stream, x, seen) : GSL_ENOMEM;
  if (!status)
    status = sb_observation_show (e->observation, seen, shown);
  gsl_matrix_free (seen);
  return status;
}

static int
draw_observed (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  const sb_observed_examples *e = state;
  const size_t n = x->size1, shown = sb_observation_shown (e->observation), d = e->pairs ? x->size2 - shown : x->size2;
  if (n == 0)
    return GSL_SUCCESS;
  if (e->pairs && x->size2 <= shown)
    SB_ERROR (NULL, GSL_EBADLEN, "rows of %zu numbers, for pairs with an observation of %zu", x->size2, shown);
  gsl_matrix_view image = gsl_matrix_submatrix (x, 0, 0, n, d);
  int status = e->images.draw (e->images.state, stream, &image.matrix, NULL);
  if (status || (!e->pairs && !y))
    return status;
  gsl_matrix beside = e->pairs ? gsl_matrix_submatrix (x, 0, d, n, shown).matrix : *y;
  return observe_images (e, stream, &image.matrix, &beside);
}

sb_examples
sb_examples_observed (const sb_observed_examples *examples)
{
  return (sb_examples){ draw_observed, examples, examples->pairs ? 0 : sb_observation_shown (examples->observation) };
}

// ## The bands of a stage
//
// [nonuniform.txt-mstrain] $\mathbf x \sim$ data, $\mathbf c = \mathrm{Haar}(\mathbf x)$, of which $c_i$ is kept: the
// first numbers, as the coarsest band comes first.

static int
draw_bands (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  const sb_band_examples *e = state;
  (void)y;
  const size_t n = x->size1, d = e->haar->columns;
  if (x->size2 > d)
    SB_ERROR (NULL, GSL_EBADLEN, "rows of %zu numbers, of images of %zu", x->size2, d);
  gsl_matrix *image = gsl_matrix_alloc (n + 1, d), *bands = gsl_matrix_alloc (n + 1, d);
  int status = image && bands ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status && n > 0)
    {
      gsl_matrix_view of_image = gsl_matrix_submatrix (image, 0, 0, n, d),
                      of_bands = gsl_matrix_submatrix (bands, 0, 0, n, d);
      status = e->images.draw (e->images.state, stream, &of_image.matrix, NULL);
      if (!status)
        status = sb_operator_apply (e->haar, CblasNoTrans, NULL, &of_image.matrix, &of_bands.matrix);
      if (!status)
        {
          const gsl_matrix_const_view kept = gsl_matrix_const_submatrix (bands, 0, 0, n, x->size2);
          gsl_matrix_memcpy (x, &kept.matrix);
        }
    }
  gsl_matrix_free (image);
  gsl_matrix_free (bands);
  return status;
}

sb_examples
sb_examples_of_bands (const sb_band_examples *examples)
{
  return (sb_examples){ draw_bands, examples, 0 };
}

// ## How large the parts are
//
// $a_n$ has $2^n$ times a pixel's scale and $d_1$ a fraction of it: one deviation for both would be wrong for both.

static void
measure_parts (const gsl_matrix *x, const sb_process *process, double *count, double *sum, double *deviation)
{
  for (size_t k = 0; k < process->parts; k++)
    count[k] = sum[k] = deviation[k] = 0;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      {
        const size_t k = sb_process_part (process, j);
        count[k]++;
        sum[k] += gsl_matrix_get (x, i, j);
      }
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      {
        const size_t k = sb_process_part (process, j);
        deviation[k] += gsl_pow_2 (gsl_matrix_get (x, i, j) - sum[k] / count[k]);
      }
  for (size_t k = 0; k < process->parts; k++)
    deviation[k] = deviation[k] > 0 ? sqrt (deviation[k] / count[k]) : 1;
}

int
sb_examples_deviations (const sb_examples *examples, const sb_process *process, size_t rows, sb_stream stream,
                        double *part_deviation)
{
  gsl_matrix *x = gsl_matrix_alloc (rows, process->dimension);
  double *work = malloc (2 * process->parts * sizeof *work);
  int status = x && work ? examples->draw (examples->state, stream, x, NULL) : GSL_ENOMEM;
  if (!status)
    measure_parts (x, process, work, work + process->parts, part_deviation);
  gsl_matrix_free (x);
  free (work);
  return status;
}
