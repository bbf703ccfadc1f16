// # CIFAR-10's binary files
//
// Record after record of a label, 0 to 9, and 32 rows of 32 pixels, first of red, then of green, then of blue: 3073
// bytes (https://www.cs.toronto.edu/~kriz/cifar.html). There is no header: a file is whole where it ends with a record.

#include "cifar.h"
#include "source.h"

#include <gsl/gsl_errno.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SIDE = 32,
  PIXELS = SIDE * SIDE,
  CHANNELS = 3,
  IMAGE = PIXELS * CHANNELS,
  FIRST = 64, // images that memory is allocated for before any have arrived
  LARGEST_LABEL = 9
};

typedef struct
{
  size_t count, capacity;
  unsigned char *images, *labels;
} records;

static int
reserve (const char *path, records *r, sb_error *error)
{
  if (r->count < r->capacity)
    return GSL_SUCCESS;
  const size_t capacity = r->capacity ? 2 * r->capacity : FIRST;
  if (r->count >= SB_SOURCE_LIMIT / IMAGE)
    SB_ERROR (error, GSL_EUNSUP, "%s: record %zu: more than %zu bytes", path, r->count, SB_SOURCE_LIMIT);
  unsigned char *images = realloc (r->images, capacity * IMAGE);
  r->images = images ? images : r->images;
  unsigned char *labels = images ? realloc (r->labels, capacity) : NULL;
  r->labels = labels ? labels : r->labels;
  if (!labels)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory for %zu images", path, capacity);
  r->capacity = capacity;
  return GSL_SUCCESS;
}

// The label is read separately, so that the regular end of the file is told from a premature one.

static int
read_record (sb_source *source, const char *path, records *r, sb_error *error)
{
  unsigned char planes[IMAGE], *label = r->labels + r->count, *image = r->images + r->count * IMAGE;
  int status = sb_source_read (source, "a label", 1, label, error);
  if (!status && *label > LARGEST_LABEL)
    SB_ERROR (error, GSL_EINVAL, "%s: record %zu: label %d, where 0 to %d are expected: no CIFAR-10 file", path,
              r->count, *label, LARGEST_LABEL);
  if (!status)
    status = sb_source_read (source, "an image", IMAGE, planes, error);
  for (size_t k = 0; k < IMAGE && !status; k++)
    image[k % PIXELS * CHANNELS + k / PIXELS] = planes[k];
  r->count += !status;
  return status;
}

static int
read_records (sb_source *source, const char *path, records *r, sb_error *error)
{
  int status = GSL_SUCCESS, more = 1;
  while (!status && more)
    {
      status = reserve (path, r, error);
      if (!status)
        status = read_record (source, path, r, error);
      if (!status)
        status = sb_source_more (source, &more, error);
    }
  return status;
}

static sb_bytes *
array_of (sb_shape shape, unsigned char *data)
{
  sb_bytes *bytes = malloc (sizeof *bytes);
  if (bytes)
    *bytes = (sb_bytes){ shape, data };
  return bytes;
}

sb_bytes *
sb_cifar_read (const char *path, sb_bytes **labels, sb_error *error)
{
  records r = { 0 };
  sb_source *source = sb_source_open (path, error);
  int status = source ? read_records (source, path, &r, error) : GSL_EFAILED;
  sb_source_close (source);
  sb_bytes *images = status ? NULL : array_of ((sb_shape){ 4, { r.count, SIDE, SIDE, CHANNELS } }, r.images);
  sb_bytes *classes = images && labels ? array_of ((sb_shape){ 1, { r.count } }, r.labels) : NULL;
  if (images && (classes || !labels))
    {
      if (labels)
        *labels = classes;
      else
        free (r.labels);
      return images;
    }
  free (images);
  free (r.images);
  free (r.labels);
  if (!status)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory for %zu images", path, r.count);
  return NULL;
}
