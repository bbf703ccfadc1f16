// # IDX, the format of MNIST
//
// LeCun's format for arrays (http://yann.lecun.com/exdb/mnist/, at its end):
//
// | bytes | what |
// | --- | --- |
// | 0, 1 | zero |
// | 2 | the type of the numbers: `08` unsigned byte, `09` signed byte, `0b` short, `0c` int, `0d` float, `0e` double |
// | 3 | the number of axes |
// | 4 ... | the length of each axis, 4 bytes, the highest first |
// | then | the numbers, the last axis varying fastest |
//
// There is no checksum, so damage is detected from the header and the file's length: both must be exactly right.

#include "idx.h"

#include <gsl/gsl_math.h>
#include <stdint.h>
#include <stdlib.h>

enum
{
  UNSIGNED_BYTE = 0x08
};

// ## The header

static int
read_magic (sb_source *source, const char *path, sb_shape *shape, sb_error *error)
{
  unsigned char magic[4];
  int status = sb_source_read (source, "the IDX header", sizeof magic, magic, error);
  if (status)
    return status;
  if (magic[0] != 0 || magic[1] != 0)
    SB_ERROR (error, GSL_EINVAL, "%s: byte 0: not an IDX file: it starts with %02x %02x, not with 00 00", path,
              magic[0], magic[1]);
  if (magic[2] != UNSIGNED_BYTE)
    SB_ERROR (error, GSL_EUNSUP, "%s: byte 2: numbers of type %02x, where 08 (unsigned bytes) is expected", path,
              magic[2]);
  if (magic[3] == 0 || magic[3] > SB_SHAPE_RANK)
    SB_ERROR (error, GSL_EUNSUP, "%s: byte 3: %d axes, where 1 to %d are expected", path, magic[3], SB_SHAPE_RANK);
  shape->rank = magic[3];
  return GSL_SUCCESS;
}

static int
read_length (sb_source *source, const char *path, size_t axis, sb_shape *shape, sb_error *error)
{
  unsigned char b[4];
  int status = sb_source_read (source, "the length of an axis", sizeof b, b, error);
  if (status)
    return status;
  shape->length[axis] = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
  if (shape->length[axis] == 0)
    SB_ERROR (error, GSL_EINVAL, "%s: byte %zu: axis %zu is empty", path, 4 + 4 * axis, axis);
  return GSL_SUCCESS;
}

static int
read_header (sb_source *source, const char *path, sb_shape *shape, sb_error *error)
{
  int status = read_magic (source, path, shape, error);
  for (size_t axis = 0; axis < shape->rank && !status; axis++)
    status = read_length (source, path, axis, shape, error);
  if (!status && sb_shape_count (shape, 0, SB_SOURCE_LIMIT) == SIZE_MAX)
    SB_ERROR (error, GSL_EUNSUP, "%s: byte 4: the axes' lengths ask for more than %zu bytes", path, SB_SOURCE_LIMIT);
  return status;
}

// ## The whole file

static int
read_all (sb_source *source, const char *path, sb_bytes *bytes, sb_error *error)
{
  int status = read_header (source, path, &bytes->shape, error);
  if (status)
    return status;
  size_t count = sb_shape_count (&bytes->shape, 0, SB_SOURCE_LIMIT);
  status = sb_source_read_alloc (source, "numbers", count, &bytes->data, error);
  return status ? status : sb_source_end (source, error);
}

sb_bytes *
sb_idx_read (const char *path, sb_error *error)
{
  sb_bytes *bytes = calloc (1, sizeof *bytes);
  if (!bytes)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory to read it", path);
  sb_source *source = sb_source_open (path, error);
  int status = source ? read_all (source, path, bytes, error) : GSL_EFAILED;
  sb_source_close (source);
  if (status)
    {
      sb_bytes_free (bytes);
      return NULL;
    }
  return bytes;
}

// ## A block at a time

enum
{
  BLOCK = 4096
};

static int
scan_numbers (sb_source *source, size_t count, sb_numbers_show show, void *context, sb_error *error)
{
  unsigned char bytes[BLOCK];
  double numbers[BLOCK];
  int status = GSL_SUCCESS;
  for (size_t done = 0, now; done < count && !status; done += now)
    {
      now = GSL_MIN (BLOCK, count - done);
      status = sb_source_read_part (source, "numbers", done, count, now, bytes, error);
      for (size_t k = 0; k < now; k++)
        numbers[k] = bytes[k];
      if (!status)
        show (context, now, numbers);
    }
  return status ? status : sb_source_end (source, error);
}

int
sb_idx_scan (const char *path, sb_shape *shape, sb_numbers_show show, void *context, sb_error *error)
{
  sb_error own;
  error = error ? error : &own;
  sb_source *source = sb_source_open (path, error);
  if (!source)
    return error->code;
  int status = read_header (source, path, shape, error);
  if (!status)
    status = scan_numbers (source, sb_shape_count (shape, 0, SB_SOURCE_LIMIT), show, context, error);
  sb_source_close (source);
  return status;
}
