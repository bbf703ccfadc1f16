// # Images of another size
//
// A pixel of the new image is the mean of the old one over the pixel's area, which cuts old pixels at its edges. With
// heights $h$ and $H$, in units of $1/H$ of an old row, new row $i$ covers $[ih, (i+1)h)$ and old row $r$ covers $[rH,
// (r+1)H)$: all shares are whole numbers, and so the mean is rounded once, to the nearest byte, the same everywhere.

#include "bytes.h"
#include "source.h"

#include <gsl/gsl_math.h>
#include <stdint.h>
#include <stdlib.h>

enum
{
  TALLEST = 1 << 16
};

// The overlap of old pixel r and new pixel i along a side of n old and N new pixels, where they do overlap.

static uint64_t
share (uint64_t i, uint64_t r, uint64_t n, uint64_t N)
{
  return GSL_MIN ((i + 1) * n, (r + 1) * N) - GSL_MAX (i * n, r * N);
}

// One pixel of a channel: the weights of all old pixels in it sum to h w.

static unsigned char
mean_of (const unsigned char *from, const size_t *old, size_t channel, size_t row, size_t column, const size_t *new)
{
  const size_t h = old[0], w = old[1], channels = old[2], H = new[0], W = new[1];
  uint64_t sum = 0;
  for (size_t r = row * h / H; r * H < (row + 1) * h; r++)
    for (size_t c = column * w / W; c * W < (column + 1) * w; c++)
      sum += share (row, r, h, H) * share (column, c, w, W) * from[(r * w + c) * channels + channel];
  const uint64_t total = (uint64_t)h * w;
  return (unsigned char)((2 * sum + total) / (2 * total));
}

static void
resize_image (const unsigned char *from, const size_t *old, const size_t *new, unsigned char *to)
{
  for (size_t row = 0; row < new[0]; row++)
    for (size_t column = 0; column < new[1]; column++)
      for (size_t channel = 0; channel < old[2]; channel++)
        *to++ = mean_of (from, old, channel, row, column, new);
}

sb_bytes *
sb_bytes_resize (const sb_bytes *images, size_t height, const char *path, sb_error *error)
{
  const sb_shape *shape = &images->shape;
  if (shape->rank != 3 && shape->rank != 4)
    SB_ERROR_NULL (error, GSL_EINVAL, "%s: its points are no images of a size", path);
  const size_t old[] = { shape->length[1], shape->length[2], shape->rank == 4 ? shape->length[3] : 1 };
  if (height == 0 || height > TALLEST || old[0] > TALLEST || old[1] > TALLEST)
    SB_ERROR_NULL (error, GSL_EINVAL, "%s: images of %zu x %zu cannot be made %zu high", path, old[0], old[1], height);
  const uint64_t width = (2 * (uint64_t)old[1] * height + old[0]) / (2 * (uint64_t)old[0]);
  const size_t new[] = { height, (size_t)GSL_MAX (1, width) };
  sb_shape made = *shape;
  made.length[1] = new[0];
  made.length[2] = new[1];
  const size_t count = sb_shape_count (&made, 0, SB_SOURCE_LIMIT), from = old[0] * old[1] * old[2],
               to = new[0] * new[1] * old[2];
  sb_bytes *resized = count < SIZE_MAX ? calloc (1, sizeof *resized) : NULL;
  if (resized)
    *resized = (sb_bytes){ made, malloc (count) };
  if (!resized || !resized->data)
    {
      sb_bytes_free (resized);
      SB_ERROR_NULL (error, count < SIZE_MAX ? GSL_ENOMEM : GSL_EUNSUP, "%s: no memory for %zu images of %zu x %zu",
                     path, shape->length[0], new[0], new[1]);
    }
  for (size_t k = 0; k < shape->length[0]; k++)
    resize_image (images->data + k * from, old, new, resized->data + k * to);
  return resized;
}
