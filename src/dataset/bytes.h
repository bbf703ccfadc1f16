#ifndef SCOREBOOK_DATASET_BYTES_H
#define SCOREBOOK_DATASET_BYTES_H

#include "../base/decls.h"
#include "../base/error.h"

#include <gsl/gsl_matrix.h>

SB_BEGIN_DECLS

enum
{
  SB_SHAPE_RANK = 8 // axes at most
};

// The lengths of an array's axes, in C order: the last varies fastest. The first counts the points of a batch, the
// others are a point's shape: images are n, height, width or n, height, width, channels.
typedef struct
{
  size_t rank;
  size_t length[SB_SHAPE_RANK];
} sb_shape;

// The product of the lengths from `axis` on (1 where there are none), or SIZE_MAX where it is larger than `limit`.
size_t sb_shape_count (const sb_shape *shape, size_t axis, size_t limit);

// An array of bytes: images as they are stored, labels.
typedef struct
{
  sb_shape shape;
  unsigned char *data;
} sb_bytes;

void sb_bytes_free (sb_bytes *bytes); // NULL is allowed

// Points first, first + 1, ... of the array into the rows of x (n x d), a byte b as low + (high - low) b / 255: 0 and 1
// for the unit interval, -1 and 1 for the symmetric one. GSL_EBADLEN where x has another d or more rows than there are
// points from `first` on.
int sb_bytes_rows (const sb_bytes *bytes, size_t first, double low, double high, gsl_matrix *x);

// The images of an array (n x height x width, with channels after that or not) made `height` pixels high, their
// proportions kept to the nearest pixel: each new pixel is the mean over its area, rounded. `path` is for messages.
// NULL: GSL_EINVAL where the array holds no images, or a size is 0 or above 2^16; GSL_EUNSUP where the new ones are
// larger than SB_SOURCE_LIMIT, GSL_ENOMEM.
sb_bytes *sb_bytes_resize (const sb_bytes *images, size_t height, const char *path, sb_error *error);

SB_END_DECLS

#endif
