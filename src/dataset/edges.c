// # The edges of an image
//
// [nonuniform.set-edge] Sketches from which photographs are to be generated. The paper takes the edges from a network;
// here they are from Sobel's two derivatives,
// $$ g_x = \tfrac18 \begin{pmatrix} -1 & 0 & 1 \\ -2 & 0 & 2 \\ -1 & 0 & 1 \end{pmatrix}, \qquad
//    g_y = g_x^{\mathsf T}, \qquad \sqrt{g_x^2 + g_y^2} > \text{threshold}, $$
// centred on each pixel, of the mean of the channels. With $\tfrac18$ they are slopes per pixel. Beyond the image its
// outermost pixels are repeated, so that its border is no edge. The map is not linear, so it is not in operator/.

#include "edges.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <math.h>

typedef struct
{
  const double *numbers;
  size_t height, width, channels;
} image;

// The pixel at row i - 1, column j - 1: an index of 0 is just outside the image.

static double
pixel (const image *of, size_t i, size_t j)
{
  const size_t row = GSL_MIN (i > 0 ? i - 1 : 0, of->height - 1), column = GSL_MIN (j > 0 ? j - 1 : 0, of->width - 1);
  const double *number = of->numbers + (row * of->width + column) * of->channels;
  double sum = 0;
  for (size_t c = 0; c < of->channels; c++)
    sum += number[c] / (double)of->channels;
  return sum;
}

static double
slope (const image *of, size_t i, size_t j)
{
  double across = 0, down = 0;
  for (size_t k = 0; k < 3; k++)
    {
      const double weight = (k == 1 ? 2 : 1) / 8.;
      across += weight * (pixel (of, i + k, j + 2) - pixel (of, i + k, j));
      down += weight * (pixel (of, i + 2, j + k) - pixel (of, i, j + k));
    }
  return hypot (across, down);
}

int
sb_edges (const gsl_matrix *x, size_t height, size_t width, size_t channels, double threshold, gsl_matrix *edges)
{
  if (!height || !width || !channels || sb_check_lengths ("an image's numbers", height, width, channels)
      || x->size2 != height * width * channels || edges->size2 != height * width || edges->size1 != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "edges: %zu x %zu numbers to %zu x %zu, of images of %zu x %zu pixels, %zu channels",
              x->size1, x->size2, edges->size1, edges->size2, height, width, channels);
  if (!(threshold >= 0 && gsl_finite (threshold)))
    SB_ERROR (NULL, GSL_EINVAL, "edges: a threshold of %g is not 0 or above", threshold);
  if (sb_check_apart ("edges", x, edges))
    return GSL_EINVAL;
  if (sb_check_finite ("x", GSL_EDOM, x))
    return GSL_EDOM;
  for (size_t n = 0; n < x->size1; n++)
    {
      const image of = { gsl_matrix_const_ptr (x, n, 0), height, width, channels };
      for (size_t i = 0; i < height; i++)
        for (size_t j = 0; j < width; j++)
          gsl_matrix_set (edges, n, i * width + j, slope (&of, i, j) > threshold);
    }
  return GSL_SUCCESS;
}
