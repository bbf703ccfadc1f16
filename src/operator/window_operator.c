// # Windows
//
// A mask whose level is the share that it hides, from 0, $C_0 = I$, to all of the image. [soft.txt-maskop] Masks are
// nested, what one hides the next hides too, $C_s C_t = C_{\max(s,t)}$, and each is a projection, its own transpose.
// The paper's text has an observed window that grows as $t$ falls, its appendix a centred mask that zeroes; here, both.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

typedef struct
{
  size_t pixels, channels;
  size_t *rank; // of each pixel in the order in which they are hidden
} window;

// ## The order
//
// By the largest coordinate's distance from the centre, ties by Euclidean distance, then by the pixel's number.

typedef struct
{
  double square, circle;
  size_t pixel;
} distance;

static int
farther_first (const void *one, const void *other)
{
  const distance *a = one, *b = other;
  if (a->square != b->square)
    return a->square > b->square ? -1 : 1;
  if (a->circle != b->circle)
    return a->circle > b->circle ? -1 : 1;
  return a->pixel < b->pixel ? -1 : 1;
}

static int
rank_pixels (size_t height, size_t width, sb_keep keep, size_t *rank)
{
  const size_t pixels = height * width;
  distance *far = malloc (pixels * sizeof *far);
  if (!far)
    return GSL_ENOMEM;
  for (size_t i = 0; i < height; i++)
    for (size_t j = 0; j < width; j++)
      {
        const double y = fabs (2 * (double)i - (double)(height - 1)), x = fabs (2 * (double)j - (double)(width - 1));
        far[i * width + j] = (distance){ GSL_MAX (x, y), x * x + y * y, i * width + j };
      }
  qsort (far, pixels, sizeof *far, farther_first);
  for (size_t k = 0; k < pixels; k++)
    rank[far[k].pixel] = keep == SB_KEEP_CENTRE ? k : pixels - 1 - k;
  free (far);
  return GSL_SUCCESS;
}

// ## At a level
//
// A pixel that is hidden is not read: it may be anything, even NaN.

static int
count_hidden (const window *w, double level, size_t *hidden)
{
  if (!(0 <= level && level <= 1))
    SB_ERROR (NULL, GSL_EDOM, "operator window: %g is no share of an image", level);
  *hidden = (size_t)rint (level * (double)w->pixels);
  return GSL_SUCCESS;
}

static int
window_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  const window *w = state;
  size_t hidden = 0;
  int status = GSL_SUCCESS;
  (void)transpose;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      status = count_hidden (w, gsl_vector_get (level, i), &hidden);
      for (size_t j = 0; j < x->size2 && !status; j++)
        gsl_matrix_set (out, i, j, w->rank[j / w->channels] < hidden ? 0 : gsl_matrix_get (x, i, j));
    }
  return status;
}

// $C$ is constant between the levels at which a pixel vanishes and jumps there: there is no useful $\dot C$. In the
// basis of the pixels themselves its values are 0 and 1.

static int
window_values (const void *state, int rate, double level, double *c)
{
  const window *w = state;
  size_t hidden = 0;
  if (rate)
    SB_ERROR (NULL, GSL_EUNSUP, "operator window: it has no rate, for it jumps");
  int status = count_hidden (w, level, &hidden);
  for (size_t j = 0; j < w->pixels * w->channels && !status; j++)
    c[j] = w->rank[j / w->channels] < hidden ? 0 : 1;
  return status;
}

static void
window_free (void *state)
{
  window *w = state;
  free (w->rank);
  free (w);
}

static const sb_operator_type window_type
    = { .name = "window", .apply = window_apply, .free = window_free, .has_level = 1, .values = window_values };

sb_operator *
sb_operator_window_alloc (size_t height, size_t width, size_t channels, sb_keep keep)
{
  if (!height || !width || !channels || (unsigned)keep > SB_KEEP_BORDER)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator window: no images of %zu x %zu pixels with %zu channels", height, width,
                   channels);
  if (sb_check_lengths ("an image's numbers", height, width, channels))
    return NULL;
  window *w = malloc (sizeof *w);
  size_t *rank = malloc (height * width * sizeof *rank);
  if (!w || !rank || rank_pixels (height, width, keep, rank))
    {
      free (w);
      free (rank);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator window: no memory for %zu x %zu pixels", height, width);
    }
  *w = (window){ height * width, channels, rank };
  return sb_operator_alloc (&window_type, w, height * width * channels, height * width * channels);
}
