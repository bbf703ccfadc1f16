// # What a training learns from

#include <config.h>
#include "examples.h"
#include "options.h"
#include "point_files.h"
#include "shell_words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// ## About it
//
// A state records what it was made from, so that years later the file can be found, or recognised as another.

static int
describe (const char *path, const char *numbers, size_t count, const void *data, size_t size, examples *e)
{
  char what[96];
  shell_words about = { 0 };
  size_t end = strlen (path), start;
  while (end > 1 && path[end - 1] == '/') // a folder's
    end--;
  for (start = end; start > 0 && path[start - 1] != '/';)
    start--;
  char *name = strndup (path + start, end - start);
  if (!name)
    return failure ("no memory");
  snprintf (what, sizeof what, ": %zu points, %zu %s, CRC-32 %08lx", e->shape.length[0], count, numbers,
            crc32_z (crc32 (0, NULL, 0), data, size));
  shell_word (&about, name); // also where the name is no UTF-8, which a note has to be
  free (name);
  shell_text (&about, what);
  e->about = about.text;
  return about.failed ? failure ("no memory") : EXIT_SUCCESS;
}

// ## Bytes
//
// The deviation of a coordinate around the mean of them all, which sets the network's scales.

static double
deviation_of_bytes (const unsigned char *data, size_t count)
{
  double sum = 0, square = 0;
  for (size_t k = 0; k < count; k++)
    {
      sum += data[k];
      square += (double)data[k] * data[k];
    }
  double mean = sum / (double)count;
  return sqrt (square / (double)count - mean * mean);
}

static int
open_bytes (const char *path, file_format format, const double *range, const double *usual, size_t height, examples *e)
{
  e->bytes = bytes_read (path, format, height, &e->labels);
  if (!e->bytes)
    return EXIT_FAILURE;
  size_t count = sb_shape_count (&e->bytes->shape, 0, SIZE_MAX - 1);
  e->shape = e->bytes->shape;
  memcpy (e->range, isnan (range[0]) ? usual : range, sizeof e->range);
  e->deviation = deviation_of_bytes (e->bytes->data, count) * (e->range[1] - e->range[0]) / 255;
  return describe (path, "bytes", count, e->bytes->data, count, e);
}

// ## Numbers
//
// An infinity or a NaN would end the training at some step, far from the cause. Its place is given in numpy's notation.

static int
complain_of_number (const char *path, const sb_shape *shape, size_t k, double x)
{
  char place[SB_SHAPE_RANK * 24];
  size_t used = 0, below = sb_shape_count (shape, 0, SIZE_MAX - 1);
  for (size_t axis = 0; axis < shape->rank; axis++)
    {
      below /= shape->length[axis];
      used += (size_t)snprintf (place + used, sizeof place - used, axis ? ", %zu" : "%zu", k / below);
      k %= below;
    }
  return failure ("%s: [%s]: %g is not a finite number", path, place, x);
}

// The mean first, so that what is far from zero keeps its digits.

static void
measure_numbers (const double *data, size_t count, double *deviation, double *least, double *largest)
{
  double sum = 0, square = 0;
  *least = *largest = data[0];
  for (size_t k = 0; k < count; k++)
    {
      sum += data[k];
      *least = fmin (*least, data[k]);
      *largest = fmax (*largest, data[k]);
    }
  double mean = sum / (double)count;
  for (size_t k = 0; k < count; k++)
    square += (data[k] - mean) * (data[k] - mean);
  *deviation = sqrt (square / (double)count);
}

static int
open_numbers (const char *path, const double *range, examples *e)
{
  sb_error error = { 0 };
  e->rows = sb_npy_read (path, &e->shape, &error);
  if (!e->rows)
    return failure ("%s", error.message);
  size_t count = e->rows->size1 * e->rows->size2;
  const double *data = e->rows->data;
  if (count == 0)
    return failure ("%s: holds no points", path);
  for (size_t k = 0; k < count; k++)
    if (!isfinite (data[k]))
      return complain_of_number (path, &e->shape, k, data[k]);
  measure_numbers (data, count, &e->deviation, &e->range[0], &e->range[1]);
  if (!isnan (range[0]))
    memcpy (e->range, range, sizeof e->range);
  return describe (path, "numbers", count, data, count * sizeof *data, e);
}

// ## Either

int
examples_open (const char *path, const double *range, const double *usual, size_t height, examples *e)
{
  file_format format;
  *e = (examples){ 0 };
  if (find_format (path, &format) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  if (format == FORMAT_NPY && height > 0)
    return usage_error ("--resize: %s is NPY, whose numbers are taken as they are", path);
  int status
      = format == FORMAT_NPY ? open_numbers (path, range, e) : open_bytes (path, format, range, usual, height, e);
  if (status != EXIT_SUCCESS)
    examples_close (e);
  return status;
}

sb_examples
examples_source (examples *e, size_t shift, bool flip)
{
  e->mapped = (sb_byte_examples){ e->bytes, e->range[0], e->range[1], shift, flip };
  return e->bytes ? sb_examples_of_bytes (&e->mapped) : sb_examples_of_rows (e->rows);
}

void
examples_close (examples *e)
{
  sb_bytes_free (e->bytes);
  sb_bytes_free (e->labels);
  gsl_matrix_free (e->rows);
  free (e->about);
  *e = (examples){ 0 };
}
