// # Images as bytes, images as points
//
// A file holds pixels as bytes; a law, a process and a score take points of $\mathbb{R}^d$, one per row. An image of $h
// \times w$ pixels and $c$ channels is a point of $d = h\,w\,c$ coordinates, in the order in which the file has them.

#include "bytes.h"

#include "../base/error.h"

#include <stdint.h>
#include <stdlib.h>

// A product of lengths from a damaged header can be anything, so it is divided before it is multiplied. An axis of
// length 0 makes the product 0 whatever the others are.

size_t
sb_shape_count (const sb_shape *shape, size_t axis, size_t limit)
{
  size_t count = 1;
  for (size_t k = axis; k < shape->rank; k++)
    if (shape->length[k] == 0)
      return 0;
  for (size_t k = axis; k < shape->rank; k++)
    {
      if (count > limit / shape->length[k])
        return SIZE_MAX;
      count *= shape->length[k];
    }
  return count;
}

void
sb_bytes_free (sb_bytes *bytes)
{
  if (!bytes)
    return;
  free (bytes->data);
  free (bytes);
}

// SMLD, and with it the VE SDE, takes pixels in $[0, 1]$ (Song et al., 2021, Appendix C); DDPM, and with it VP and
// sub-VP, in $[-1, 1]$ (Ho et al., 2020, Section 3.3). Byte 255 becomes `high` exactly: $255/255 = 1$.

int
sb_bytes_rows (const sb_bytes *bytes, size_t first, double low, double high, gsl_matrix *x)
{
  size_t points = bytes->shape.length[0], d = sb_shape_count (&bytes->shape, 1, SIZE_MAX - 1);
  if (x->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, and the array's points have %zu bytes", x->size1, x->size2, d);
  if (first > points || x->size1 > points - first)
    SB_ERROR (NULL, GSL_EBADLEN, "points %zu to %zu, of %zu in the array", first, first + x->size1, points);

  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < d; k++)
      gsl_matrix_set (x, i, k, low + (high - low) * (bytes->data[(first + i) * d + k] / 255.0));
  return GSL_SUCCESS;
}
