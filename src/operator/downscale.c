// # Fewer pixels, and more
//
// [nonuniform.set-sr] Super-resolution is trained on images and their bicubic downscalings, which are enlarged again by
// repeating each pixel.
//
// ## Keys' kernel
//
// Cubic in pieces, with a continuous derivative, 1 at 0 and 0 at the other whole numbers (Keys, 1981, with
// $a = -\tfrac12$):
// $$ k(u) = \begin{cases} \tfrac32 |u|^3 - \tfrac52 u^2 + 1 & |u| \le 1
//    \\ -\tfrac12 |u|^3 + \tfrac52 u^2 - 4 |u| + 2 & 1 < |u| < 2 \\ 0 & \text{else.} \end{cases} $$
// It is negative beyond 1: at an edge the result exceeds the data's range, and is not clipped.
//
// New pixel $i$ has its centre at $(i + \tfrac12) f$ of the old ones, where $f$ is the factor. Against aliasing the
// kernel is as wide as new pixels are: old pixel $j$ has the weight $k\big((j + \tfrac12)/f - (i + \tfrac12)\big)$,
// divided by the sum of those inside the image. Pillow does the same.

#include "separable.h"

#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <math.h>

static double
keys (double u)
{
  u = fabs (u);
  return u <= 1 ? (1.5 * u - 2.5) * u * u + 1 : u < 2 ? ((-0.5 * u + 2.5) * u - 4) * u + 2 : 0;
}

static gsl_matrix *
bicubic_matrix (size_t old, size_t factor)
{
  gsl_matrix *D = gsl_matrix_alloc (old / factor, old);
  for (size_t i = 0; i < old / factor && D; i++)
    {
      double sum = 0;
      for (size_t j = 0; j < old; j++)
        {
          const double weight = keys (((double)j + 0.5) / (double)factor - ((double)i + 0.5));
          gsl_matrix_set (D, i, j, weight);
          sum += weight;
        }
      gsl_vector_view row = gsl_matrix_row (D, i);
      gsl_blas_dscal (1 / sum, &row.vector);
    }
  return D;
}

static const sb_operator_type downscale_type
    = { .name = "downscale", .apply = sb_separable_apply, .free = sb_separable_free };

sb_operator *
sb_operator_downscale_alloc (size_t height, size_t width, size_t channels, size_t factor)
{
  if (sb_separable_check (downscale_type.name, height, width, channels))
    return NULL;
  if (factor == 0 || height % factor || width % factor)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator downscale: a side of %zu x %zu pixels is no multiple of %zu", height,
                   width, factor);
  return sb_separable_alloc (&downscale_type, bicubic_matrix (height, factor), bicubic_matrix (width, factor),
                             channels);
}

// ## Enlargement
//
// New pixel $i$ is old pixel $\lfloor i/f \rfloor$, the nearest one. The mean over the $f \times f$ copies of a pixel
// is the pixel; independent noise on the copies, of deviation $\sigma$, is reduced to $\sigma/f$.

static gsl_matrix *
nearest_matrix (size_t old, size_t factor)
{
  gsl_matrix *E = gsl_matrix_calloc (old * factor, old);
  for (size_t i = 0; i < old * factor && E; i++)
    gsl_matrix_set (E, i, i / factor, 1);
  return E;
}

static const sb_operator_type enlarge_type
    = { .name = "enlarge", .apply = sb_separable_apply, .free = sb_separable_free };

sb_operator *
sb_operator_enlarge_alloc (size_t height, size_t width, size_t channels, size_t factor)
{
  if (sb_separable_check (enlarge_type.name, height, width, channels))
    return NULL;
  if (factor == 0 || factor > (1 << 16)
      || sb_separable_check (enlarge_type.name, height * factor, width * factor, channels))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator enlarge: %zu x %zu pixels cannot be made %zu times as high and wide",
                   height, width, factor);
  return sb_separable_alloc (&enlarge_type, nearest_matrix (height, factor), nearest_matrix (width, factor), channels);
}
