// # Points from a file of data

#include <config.h>
#include "point_files.h"
#include "options.h"

#include <scorebook.h>

#include <gsl/gsl_math.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

// ## What it is
//
// The first four bytes tell, once gzip is unpacked: IDX begins with two zeros, NPY with `\x93NUM`, PNG
// with `\x89PNG`. CIFAR-10's files begin with anything, and are known by their names.

static bool
ends_in (const char *path, const char *suffix)
{
  const size_t length = strlen (path), end = strlen (suffix);
  return length > end && strcmp (path + length - end, suffix) == 0;
}

int
find_format (const char *path, file_format *found)
{
  sb_error error;
  unsigned char magic[4];
  struct stat there;
  if (stat (path, &there) == 0 && S_ISDIR (there.st_mode))
    {
      *found = FORMAT_FOLDER;
      return EXIT_SUCCESS;
    }
  if (ends_in (path, ".bin") || ends_in (path, ".bin.gz"))
    {
      *found = FORMAT_CIFAR;
      return EXIT_SUCCESS;
    }
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

// All but NPY are arrays of bytes; a PNG is one point.

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

static const char *const format_names[] = { [FORMAT_IDX] = "IDX",
                                            [FORMAT_NPY] = "NPY",
                                            [FORMAT_PNG] = "PNG",
                                            [FORMAT_CIFAR] = "CIFAR-10",
                                            [FORMAT_FOLDER] = "folder of PNG" };

static sb_bytes *
read_array (const char *path, file_format format, size_t height, sb_bytes **labels, sb_error *error)
{
  switch (format)
    {
    case FORMAT_FOLDER:
      return sb_folder_read (path, height, error);
    case FORMAT_CIFAR:
      return sb_cifar_read (path, labels, error);
    case FORMAT_PNG:
      return sb_png_read (path, error);
    default:
      return sb_idx_read (path, error);
    }
}

sb_bytes *
bytes_read (const char *path, file_format format, size_t height, sb_bytes **labels)
{
  sb_error error = { 0 };
  if (labels)
    *labels = NULL;
  sb_bytes *bytes = read_array (path, format, height, labels, &error);
  if (bytes && height > 0 && format != FORMAT_FOLDER)
    {
      sb_bytes *read = bytes;
      bytes = sb_bytes_resize (read, height, path, &error);
      sb_bytes_free (read);
    }
  if (!bytes)
    {
      if (labels)
        sb_bytes_free (*labels);
      failure ("%s", error.message);
    }
  return bytes;
}

static int
no_points (const char *path)
{
  return failure ("%s: holds no points", path);
}

static int
read_npy (const char *path, points *p)
{
  sb_error error;
  sb_shape shape;
  p->format = format_names[FORMAT_NPY];
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
  return failure ("%s: first bytes: not those of an IDX, NPY or PNG file", path);
}

int
points_read (const char *path, const double *range, size_t height, points *p)
{
  file_format found;
  *p = (points){ 0 };
  if (find_format (path, &found) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (found == FORMAT_OTHER)
    return no_format (path);
  if (found == FORMAT_NPY && height > 0)
    return failure ("%s: numbers of NPY are not resized", path);
  if (found == FORMAT_NPY)
    return read_npy (path, p);
  p->format = format_names[found];
  sb_bytes *bytes = bytes_read (path, found, height, NULL);
  return bytes ? take_bytes (path, bytes, range, p) : EXIT_FAILURE;
}

// Pictures are small, and so are files of CIFAR-10.

static int
scan_bytes (const char *path, file_format format, sb_shape *shape, sb_numbers_show show, void *context, sb_error *error)
{
  sb_bytes *bytes = read_array (path, format, 0, NULL, error);
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
  sb_error error = { 0 };
  file_format found;
  *p = (points){ 0 };
  if (find_format (path, &found) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (found == FORMAT_OTHER)
    return no_format (path);
  int status = found == FORMAT_IDX   ? sb_idx_scan (path, shape, show, context, &error)
               : found == FORMAT_NPY ? sb_npy_scan (path, shape, show, context, &error)
                                     : scan_bytes (path, found, shape, show, context, &error);
  if (status)
    return failure ("%s", error.message);
  p->format = format_names[found];
  set_shape (p, shape);
  return sb_shape_count (shape, 0, SIZE_MAX - 1) > 0 ? EXIT_SUCCESS : no_points (path);
}

int
points_finite (const char *path, const points *p)
{
  for (size_t i = 0; i < p->rows->size1; i++)
    for (size_t j = 0; j < p->rows->size2; j++)
      {
        const double x = gsl_matrix_get (p->rows, i, j);
        if (!gsl_finite (x))
          return failure ("%s: row %zu, column %zu: %g is not a finite number", path, i, j,
                          gsl_isnan (x) ? GSL_NAN : x);
      }
  return EXIT_SUCCESS;
}

void
points_free (points *p)
{
  gsl_matrix_free (p->rows);
  p->rows = NULL;
}
