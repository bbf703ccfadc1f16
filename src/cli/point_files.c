// # Points from a file of data

#include <config.h>
#include "point_files.h"
#include "options.h"

#include <scorebook.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## What it is
//
// The first four bytes tell, once gzip is unpacked: IDX begins with two zeros, NPY with `\x93NUM`, PNG
// with `\x89PNG`.

int
find_format (const char *path, file_format *found)
{
  sb_error error;
  unsigned char magic[4];
  sb_source *source = sb_source_open (path, &error);
  int status = source ? sb_source_read (source, "first bytes", sizeof magic, magic, &error) : error.code;
  sb_source_close (source);
  if (status != GSL_SUCCESS)
    return failure ("%s", error.message);
  if (magic[0] == 0 && magic[1] == 0)
    *found = FORMAT_IDX;
  else if (memcmp (magic, "\x93NUM", sizeof magic) == 0)
    *found = FORMAT_NPY;
  else
    *found = memcmp (magic, "\x89PNG", sizeof magic) == 0 ? FORMAT_PNG : FORMAT_OTHER;
  return EXIT_SUCCESS;
}

// ## Its shape
//
// In words, and as that of images where it is one: $n \times h \times w$, or with 1 or 3 channels after that.

static void
set_shape (points *p, const sb_shape *shape)
{
  size_t used = 0;
  for (size_t axis = 0; axis < shape->rank && used < sizeof p->shape; axis++)
    used += (size_t)snprintf (p->shape + used, sizeof p->shape - used, axis ? " x %zu" : "%zu", shape->length[axis]);
  size_t channels = shape->rank == 4 ? shape->length[3] : 1;
  if ((shape->rank == 3 || shape->rank == 4) && (channels == 1 || channels == 3))
    {
      p->height = shape->length[1];
      p->width = shape->length[2];
      p->channels = channels;
    }
}

// ## Reading

// Both IDX and PNG are arrays of bytes; a PNG is one point.

static int
take_bytes (const char *path, sb_bytes *bytes, const double *range, points *p)
{
  p->low = range ? range[0] : 0;
  p->high = range ? range[1] : 255;
  set_shape (p, &bytes->shape);
  p->rows = gsl_matrix_alloc (bytes->shape.length[0], sb_shape_count (&bytes->shape, 1, SB_SOURCE_LIMIT));
  if (p->rows)
    sb_bytes_rows (bytes, 0, p->low, p->high, p->rows);
  sb_bytes_free (bytes);
  return p->rows ? EXIT_SUCCESS : failure ("%s: no memory for %s numbers", path, p->shape);
}

static int
read_bytes (const char *path, file_format format, const double *range, points *p)
{
  sb_error error;
  sb_bytes *bytes = (format == FORMAT_IDX ? sb_idx_read : sb_png_read) (path, &error);
  p->format = format == FORMAT_IDX ? "IDX" : "PNG";
  return bytes ? take_bytes (path, bytes, range, p) : failure ("%s", error.message);
}

static int
no_points (const char *path)
{
  return failure ("%s: its shape: holds no points", path);
}

static int
read_npy (const char *path, points *p)
{
  sb_error error;
  sb_shape shape;
  p->format = "NPY";
  p->rows = sb_npy_read (path, &shape, &error);
  if (!p->rows)
    return failure ("%s", error.message);
  set_shape (p, &shape);
  if (p->rows->size1 > 0 && p->rows->size2 > 0)
    return EXIT_SUCCESS;
  points_free (p);
  return no_points (path);
}

static int
no_format (const char *path)
{
  return failure ("%s: first bytes: none of IDX, NPY, PNG", path);
}

int
points_read (const char *path, const double *range, points *p)
{
  file_format found;
  *p = (points){ 0 };
  if (find_format (path, &found) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  switch (found)
    {
    case FORMAT_IDX:
    case FORMAT_PNG:
      return read_bytes (path, found, range, p);
    case FORMAT_NPY:
      return read_npy (path, p);
    default:
      return no_format (path);
    }
}

// A picture is one point, and is small.

static int
scan_png (const char *path, sb_shape *shape, sb_numbers_show show, void *context, sb_error *error)
{
  sb_bytes *bytes = sb_png_read (path, error);
  if (!bytes)
    return error->code;
  *shape = bytes->shape;
  const size_t count = sb_shape_count (shape, 0, SB_SOURCE_LIMIT);
  for (size_t k = 0; k < count; k++)
    show (context, 1, (double[]){ bytes->data[k] });
  sb_bytes_free (bytes);
  return GSL_SUCCESS;
}

int
points_scan (const char *path, sb_numbers_show show, void *context, sb_shape *shape, points *p)
{
  static const struct
  {
    const char *name;
    int (*scan) (const char *path, sb_shape *shape, sb_numbers_show show, void *context, sb_error *error);
  } formats[] = { [FORMAT_IDX] = { "IDX", sb_idx_scan },
                  [FORMAT_NPY] = { "NPY", sb_npy_scan },
                  [FORMAT_PNG] = { "PNG", scan_png } };
  sb_error error = { 0 };
  file_format found;
  *p = (points){ 0 };
  if (find_format (path, &found) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (found == FORMAT_OTHER)
    return no_format (path);
  if (formats[found].scan (path, shape, show, context, &error))
    return failure ("%s", error.message);
  p->format = formats[found].name;
  set_shape (p, shape);
  return sb_shape_count (shape, 0, SIZE_MAX - 1) > 0 ? EXIT_SUCCESS : no_points (path);
}

void
points_free (points *p)
{
  gsl_matrix_free (p->rows);
  p->rows = NULL;
}
