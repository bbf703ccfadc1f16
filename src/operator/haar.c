// # Haar's transform of images
//
// [nonuniform.txt-haar] A level of it turns each block of $2 \times 2$ pixels $\begin{pmatrix} p & q \\ r & s
// \end{pmatrix}$ into an approximation and three details,
// $$ a = \tfrac12(p + q + r + s), \qquad \tfrac12(p - q + r - s), \quad \tfrac12(p + q - r - s), \quad \tfrac12(p - q - r + s), $$
// and the next level does so with the image of all $a$, half as high and half as wide. After $n$ levels a point is
// $[\mathbf a_n, \mathbf d_n, \ldots, \mathbf d_1]$: $\mathbf a_n$ is an image of $c$ channels, $\mathbf d_k$ one of
// $3c$, the first detail of all channels before the second, of height $h/2^k$ and width $w/2^k$.
//
// The paper does not say how the four are normalised. With $\tfrac12$ the transform is orthonormal: white noise stays
// white, so that $\mathcal N(0, \mathbf I)$ is the prior in both bases, and the transpose is the inverse. $\mathbf a_n$
// then has $2^n$ times a pixel's scale.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  MOST_LEVELS = 16,
  LARGEST = 1 << 16, // of a size: products of three fit a size_t
  SHARD = 16         // images at a time
};

typedef struct
{
  size_t height, width, channels, levels;
} haar;

// ## A level
//
// From an image to its approximation and details, of h x w pixels each, and back: the matrix of a block is symmetric
// and its own inverse.

static void
divide (const double *image, size_t h, size_t w, size_t channels, double *a, double *d)
{
  const size_t line = 2 * w * channels;
  for (size_t i = 0; i < h; i++)
    for (size_t j = 0; j < w; j++, a += channels, d += 3 * channels)
      for (size_t c = 0; c < channels; c++)
        {
          const double *block = image + 2 * i * line + 2 * j * channels + c;
          const double p = block[0], q = block[channels], r = block[line], s = block[line + channels];
          a[c] = (p + q + r + s) / 2;
          d[c] = (p - q + r - s) / 2;
          d[channels + c] = (p + q - r - s) / 2;
          d[2 * channels + c] = (p - q - r + s) / 2;
        }
}

static void
join (const double *a, const double *d, size_t h, size_t w, size_t channels, double *image)
{
  const size_t line = 2 * w * channels;
  for (size_t i = 0; i < h; i++)
    for (size_t j = 0; j < w; j++, a += channels, d += 3 * channels)
      for (size_t c = 0; c < channels; c++)
        {
          double *block = image + 2 * i * line + 2 * j * channels + c;
          const double mean = a[c], u = d[c], v = d[channels + c], t = d[2 * channels + c];
          block[0] = (mean + u + v + t) / 2;
          block[channels] = (mean - u + v - t) / 2;
          block[line] = (mean + u - v - t) / 2;
          block[line + channels] = (mean - u - v + t) / 2;
        }
}

// ## All levels
//
// $\mathbf a_k$ takes the first $hwc/4^k$ numbers of the result, and is copied from there before it is overwritten by
// $\mathbf a_{k+1}$ and $\mathbf d_{k+1}$, or by $\mathbf a_{k-1}$.

static void
transform (const haar *t, const double *x, double *copy, double *out)
{
  size_t h = t->height / 2, w = t->width / 2, numbers = h * w * t->channels;
  divide (x, h, w, t->channels, out, out + numbers);
  for (size_t k = 1; k < t->levels; k++)
    {
      memcpy (copy, out, numbers * sizeof *copy);
      h /= 2, w /= 2, numbers /= 4;
      divide (copy, h, w, t->channels, out, out + numbers);
    }
}

static void
transform_back (const haar *t, const double *x, double *copy, double *out)
{
  size_t h = t->height >> t->levels, w = t->width >> t->levels, numbers = h * w * t->channels;
  memcpy (out, x, numbers * sizeof *out);
  for (size_t k = 0; k < t->levels; k++)
    {
      memcpy (copy, out, numbers * sizeof *copy);
      join (copy, x + numbers, h, w, t->channels, out);
      h *= 2, w *= 2, numbers *= 4;
    }
}

// ## A batch

typedef struct
{
  const haar *t;
  CBLAS_TRANSPOSE_t transpose;
  const gsl_matrix *x;
  gsl_matrix *out;
} batch;

static int
transform_rows (void *context, size_t shard, size_t first, size_t count)
{
  const batch *b = context;
  (void)shard;
  double *copy = malloc (b->x->size2 / 4 * sizeof *copy);
  if (!copy)
    return GSL_ENOMEM;
  for (size_t i = first; i < first + count; i++)
    (b->transpose == CblasTrans ? transform_back : transform) (b->t, gsl_matrix_const_ptr (b->x, i, 0), copy,
                                                               gsl_matrix_ptr (b->out, i, 0));
  free (copy);
  return GSL_SUCCESS;
}

static int
haar_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
            gsl_matrix *out)
{
  (void)level;
  batch b = { state, transpose, x, out };
  return sb_shards (x->size1, SHARD, transform_rows, &b);
}

// ## As an operator

static const sb_operator_type haar_type = { .name = "haar", .apply = haar_apply, .free = free, .orthonormal = 1 };

sb_operator *
sb_operator_haar_alloc (size_t height, size_t width, size_t channels, size_t levels)
{
  if (!height || !width || !channels || GSL_MAX (GSL_MAX (height, width), channels) > LARGEST)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator haar: no images of %zu x %zu pixels with %zu channels", height, width,
                   channels);
  if (levels < 1 || levels > MOST_LEVELS)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator haar: levels=%zu is not 1 to %d", levels, MOST_LEVELS);
  if (height % ((size_t)1 << levels) || width % ((size_t)1 << levels))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator haar: a side of %zu x %zu pixels is no multiple of %zu", height, width,
                   (size_t)1 << levels);
  if (sb_check_lengths ("an image's numbers", height, width, channels))
    return NULL;
  haar *t = malloc (sizeof *t);
  if (!t)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator haar: no memory");
  *t = (haar){ height, width, channels, levels };
  return sb_operator_alloc (&haar_type, t, height * width * channels, height * width * channels);
}
