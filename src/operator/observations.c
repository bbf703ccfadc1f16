// # Observations of an image
//
// [nonuniform.txt-inverse] An inverse problem asks for images $\hat{\mathbf x} \sim p(\mathbf x \mid \mathbf y)$ that
// agree with an observation $\mathbf y = A\mathbf x$, $A\hat{\mathbf x} \approx \mathbf y$. *Non-Uniform Diffusion
// Models* has three (Section 4.2).

#include "observations.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../dataset/edges.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## A hole
//
// [nonuniform.set-inpaint] A square "covering 25% of the image" anywhere in it: its side is half the image's, and its
// corner is uniform over the places where it fits. It is filled with 0; its position is no input of the network.

static size_t
side_of_hole (const sb_observation *of)
{
  return of->key[0] > 0 ? (size_t)of->key[0] : of->height / 2;
}

static int
open_inpaint (sb_observation *of, sb_error *error)
{
  const size_t side = side_of_hole (of);
  if (side == 0 || side > of->height || side > of->width)
    SB_ERROR (error, GSL_EINVAL, "inpaint: a hole of %zux%zu is none in an image of %zux%zu", side, side, of->height,
              of->width);
  return GSL_SUCCESS;
}

static int
inpaint (const sb_observation *of, sb_stream stream, const gsl_matrix *x, gsl_matrix *y)
{
  const size_t side = side_of_hole (of);
  gsl_matrix_memcpy (y, x);
  for (size_t i = 0; i < x->size1; i++)
    {
      double u[2];
      gsl_matrix_view two = gsl_matrix_view_array (u, 1, 2);
      int status = sb_stream_uniforms (sb_stream_skip (stream, i), 0, &two.matrix);
      if (status)
        return status;
      const size_t top = (size_t)(u[0] * (double)(of->height - side + 1)),
                   left = (size_t)(u[1] * (double)(of->width - side + 1));
      for (size_t row = top; row < top + side; row++)
        for (size_t k = 0; k < side * of->channels; k++)
          gsl_matrix_set (y, i, (row * of->width + left) * of->channels + k, 0);
    }
  return GSL_SUCCESS;
}

// ## Fewer pixels
//
// [nonuniform.set-sr] Bicubic downscaling by 8. The overshoot of the kernel's negative lobes at sharp edges, to numbers
// below 0 and above 1, is part of the observation. "We first interpolate the condition to the same resolution as the
// target using nearest neighbours": then, as an image, it is diffused.

static int
open_super_resolve (sb_observation *of, sb_error *error)
{
  const size_t factor = (size_t)of->key[0];
  if (of->height % factor || of->width % factor)
    SB_ERROR (error, GSL_EINVAL, "super-resolve: factor=%zu does not divide the sides of %zux%zu", factor, of->height,
              of->width);
  of->seen[0] = of->height / factor;
  of->seen[1] = of->width / factor;
  of->measure = sb_operator_downscale_alloc (of->height, of->width, of->channels, factor);
  of->enlarge = sb_operator_enlarge_alloc (of->seen[0], of->seen[1], of->channels, factor);
  if (!of->measure || !of->enlarge)
    SB_ERROR (error, GSL_ENOMEM, "super-resolve: no memory");
  return GSL_SUCCESS;
}

static int
super_resolve (const sb_observation *of, sb_stream stream, const gsl_matrix *x, gsl_matrix *y)
{
  (void)stream;
  return sb_operator_apply (of->measure, CblasNoTrans, NULL, x, y);
}

// ## A sketch

static int
open_edges (sb_observation *of, sb_error *error)
{
  (void)error;
  of->seen[2] = 1;
  return GSL_SUCCESS;
}

static int
draw_edges (const sb_observation *of, sb_stream stream, const gsl_matrix *x, gsl_matrix *y)
{
  (void)stream;
  return sb_edges (x, of->height, of->width, of->channels, of->key[0], y);
}

// ## The family

static const sb_key of_inpaint[]
    = { { .name = "hole", .high = 65536, .whole = true, .help = "side; 0: half the height" } },
    of_super_resolve[]
    = { { .name = "factor", .usual = 8, .low = 1, .high = 65536, .whole = true, .help = "ratio of side lengths" } },
    of_edges[] = { { .name = "threshold", .usual = 0.1, .high = 1, .help = "gradient of an edge, per pixel" } };

static const sb_observation_kind table[]
    = { { { "inpaint", "a square hole is set to 0", of_inpaint, 1 }, open_inpaint, inpaint },
        { { "super-resolve", "fewer pixels", of_super_resolve, 1 }, open_super_resolve, super_resolve },
        { { "edges", "a sketch", of_edges, 1 }, open_edges, draw_edges } };

const sb_entry *
sb_observations (size_t k)
{
  return k < sizeof table / sizeof *table ? &table[k].entry : NULL;
}

void
sb_observation_free (sb_observation *observation)
{
  if (!observation)
    return;
  sb_operator_free (observation->measure);
  sb_operator_free (observation->enlarge);
  free (observation);
}

sb_observation *
sb_observation_from_text (const char *text, size_t height, size_t width, size_t channels, sb_error *error)
{
  sb_observation *of = calloc (1, sizeof *of);
  if (!of)
    SB_ERROR_NULL (error, GSL_ENOMEM, "task: no memory");
  *of = (sb_observation){ .height = height, .width = width, .channels = channels, .seen = { height, width, channels } };
  of->kind = (const sb_observation_kind *)sb_entry_read (sb_observations, "task", text, of->key, error);
  if (of->kind && height > 0 && width > 0 && channels > 0 && !of->kind->open (of, error))
    return of;
  const sb_observation_kind *kind = of->kind;
  sb_observation_free (of);
  if (kind && !(height > 0 && width > 0 && channels > 0))
    SB_ERROR_NULL (error, GSL_EINVAL, "task: %s is of images, not of points", kind->entry.name);
  return NULL;
}

size_t
sb_observation_numbers (const sb_observation *observation)
{
  return observation->seen[0] * observation->seen[1] * observation->seen[2];
}

size_t
sb_observation_shown (const sb_observation *observation)
{
  return observation->height * observation->width * observation->seen[2];
}

// ## Applying an observation, and showing it

static int
check_columns (const gsl_matrix *a, size_t of_a, const gsl_matrix *b, size_t of_b)
{
  if (a->size1 != b->size1 || a->size2 != of_a || b->size2 != of_b)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu x %zu and %zu x %zu numbers, for images of %zu and observations of %zu", a->size1,
              a->size2, b->size1, b->size2, of_a, of_b);
  return GSL_SUCCESS;
}

int
sb_observe (const sb_observation *observation, sb_stream stream, const gsl_matrix *x, gsl_matrix *y)
{
  int status = check_columns (x, observation->height * observation->width * observation->channels, y,
                              sb_observation_numbers (observation));
  if (!status)
    status = sb_check_apart ("an observation", x, y);
  stream.purpose = SB_FOR_OBSERVATION;
  return status || x->size1 == 0 ? status : observation->kind->observe (observation, stream, x, y);
}

int
sb_observation_show (const sb_observation *observation, const gsl_matrix *y, gsl_matrix *image)
{
  int status = check_columns (y, sb_observation_numbers (observation), image, sb_observation_shown (observation));
  if (status || y->size1 == 0)
    return status;
  if (!observation->enlarge)
    return gsl_matrix_memcpy (image, y);
  return sb_operator_apply (observation->enlarge, CblasNoTrans, NULL, y, image);
}
