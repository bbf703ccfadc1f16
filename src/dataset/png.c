// # Images on a page
//
// Samples are looked at: a batch of images becomes one PNG file, a grid of them. libpng's simplified interface reads
// and writes whole images and reports what goes wrong in a record, so that no error leaves by `longjmp`.

#include "png.h"
#include "../base/file.h"
#include "source.h"

#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// libpng says in words, not by a code, that it got no memory; the C library's `errno` tells.

static int
png_failure (const char *path, const png_image *image, sb_error *error)
{
  int code = errno == ENOMEM ? GSL_ENOMEM : GSL_EINVAL;
  SB_ERROR (error, code, "%s: %s", path, image->message[0] ? image->message : "libpng gives no reason");
}

// ## The page
//
// Image $i$ stands in column $i \bmod c$ and row $\lfloor i/c \rfloor$ of the grid.

enum
{
  SIDE_LIMIT = 1 << 16 // of anything that is counted in pixels or images, so that products fit
};

typedef struct
{
  const sb_png_grid *grid;
  size_t columns, rows; // of images
  size_t width, height; // in pixels
  unsigned char *samples;
} page;

static bool
fits (const sb_png_grid *grid)
{
  return grid->height > 0 && grid->height <= SIDE_LIMIT && grid->width > 0 && grid->width <= SIDE_LIMIT
         && grid->columns <= SIDE_LIMIT && grid->padding <= SIDE_LIMIT && (grid->channels == 1 || grid->channels == 3)
         && grid->low < grid->high && isfinite (grid->high - grid->low);
}

static int
plan (const char *path, const gsl_matrix *x, const sb_png_grid *grid, page *p, sb_error *error)
{
  if (!fits (grid))
    SB_ERROR (error, GSL_EINVAL, "%s: a grid of images that cannot be drawn", path);
  if (x->size2 != grid->height * grid->width * grid->channels)
    SB_ERROR (error, GSL_EBADLEN, "%s: rows of %zu numbers are no images of %zu x %zu x %zu", path, x->size2,
              grid->height, grid->width, grid->channels);
  if (x->size1 == 0 || x->size1 > SIDE_LIMIT)
    SB_ERROR (error, GSL_EINVAL, "%s: %zu images cannot be drawn", path, x->size1);

  p->grid = grid;
  p->columns = grid->columns ? grid->columns : (size_t)ceil (sqrt ((double)x->size1));
  p->rows = (x->size1 + p->columns - 1) / p->columns;
  sb_shape shape = { 3, { 0 } };
  shape.length[0] = p->height = p->rows * (grid->height + grid->padding) + grid->padding;
  shape.length[1] = p->width = p->columns * (grid->width + grid->padding) + grid->padding;
  shape.length[2] = grid->channels;
  size_t bytes = sb_shape_count (&shape, 0, SB_SOURCE_LIMIT);
  if (bytes == SIZE_MAX)
    SB_ERROR (error, GSL_EINVAL, "%s: %zu x %zu pixels are too many", path, p->width, p->height);
  p->samples = malloc (bytes);
  if (!p->samples)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory for %zu x %zu pixels", path, p->width, p->height);
  memset (p->samples, grid->background, bytes);
  return GSL_SUCCESS;
}

// The nearest of 256 equal steps; what was a byte becomes that byte again.

static unsigned char
sample_of (double value, const sb_png_grid *grid)
{
  double step = 255 * ((value - grid->low) / (grid->high - grid->low));
  return (unsigned char)(fmin (fmax (step, 0), 255) + 0.5);
}

static int
draw_image (const char *path, const gsl_matrix *x, size_t i, const page *p, sb_error *error)
{
  const sb_png_grid *grid = p->grid;
  size_t top = grid->padding + i / p->columns * (grid->height + grid->padding);
  size_t left = grid->padding + i % p->columns * (grid->width + grid->padding);
  size_t line = grid->width * grid->channels;
  for (size_t row = 0; row < grid->height; row++)
    for (size_t k = 0; k < line; k++)
      {
        double value = gsl_matrix_get (x, i, row * line + k);
        if (isnan (value))
          SB_ERROR (error, GSL_EDOM, "%s: image %zu has a pixel that is not a number", path, i);
        p->samples[((top + row) * p->width + left) * grid->channels + k] = sample_of (value, grid);
      }
  return GSL_SUCCESS;
}

// ## Writing
//
// Where the stream has failed, its own reason (a full disk) says more than libpng's.

static int
write_page (const char *path, const page *p, sb_error *error)
{
  sb_error own;
  error = error ? error : &own;
  sb_file *file = sb_file_create (path, error);
  if (!file)
    return error->code;
  png_image image = { .version = PNG_IMAGE_VERSION, .width = (png_uint_32)p->width, .height = (png_uint_32)p->height };
  image.format = p->grid->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  errno = 0;
  bool written = png_image_write_to_stdio (&image, file->stream, 0, p->samples, 0, NULL);
  if (written || file->write_errno)
    return sb_file_commit (file, error);
  int reason = errno;
  sb_file_discard (file);
  errno = reason;
  return png_failure (path, &image, error);
}

int
sb_png_write (const char *path, const gsl_matrix *x, const sb_png_grid *grid, sb_error *error)
{
  page p = { 0 };
  int status = plan (path, x, grid, &p, error);
  for (size_t i = 0; i < x->size1 && !status; i++)
    status = draw_image (path, x, i, &p, error);
  if (!status)
    status = write_page (path, &p, error);
  free (p.samples);
  return status;
}

// ## Reading
//
// A header alone can promise gigabytes. Deflate packs no more than 1032 bytes into one, so a file that promises more
// than that for its length is damaged, and no memory is asked for.

enum
{
  DEFLATE_LIMIT = 1032
};

static int
check_image (const char *path, FILE *stream, const png_image *image, sb_error *error)
{
  if (image->format != PNG_FORMAT_GRAY && image->format != PNG_FORMAT_RGB)
    SB_ERROR (error, GSL_EUNSUP, "%s: a PNG file with a palette, an alpha channel or 16 bits", path);
  uint64_t bytes = (uint64_t)image->width * image->height * PNG_IMAGE_SAMPLE_CHANNELS (image->format);
  if (bytes > SB_SOURCE_LIMIT)
    SB_ERROR (error, GSL_EUNSUP, "%s: %u x %u pixels are too many", path, image->width, image->height);
  long at = ftell (stream), end = fseek (stream, 0, SEEK_END) == 0 ? ftell (stream) : -1;
  if (at < 0 || end < 0 || fseek (stream, at, SEEK_SET) != 0)
    SB_ERROR (error, GSL_EFAILED, "%s: not a file whose length is known", path);
  if (bytes / DEFLATE_LIMIT > (uint64_t)end)
    SB_ERROR (error, GSL_EINVAL, "%s: %ld bytes cannot hold %u x %u pixels", path, end, image->width, image->height);
  return GSL_SUCCESS;
}

static int
read_samples (const char *path, png_image *image, sb_bytes *bytes, sb_error *error)
{
  bytes->shape = (sb_shape){ 4, { 1, image->height, image->width, PNG_IMAGE_SAMPLE_CHANNELS (image->format) } };
  bytes->data = malloc (PNG_IMAGE_SIZE (*image));
  if (!bytes->data)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory for its pixels", path);
  if (!png_image_finish_read (image, NULL, bytes->data, 0, NULL))
    return png_failure (path, image, error);
  return GSL_SUCCESS;
}

static int
read_stream (const char *path, FILE *stream, sb_bytes *bytes, sb_error *error)
{
  png_image image = { .version = PNG_IMAGE_VERSION };
  errno = 0;
  if (!png_image_begin_read_from_stdio (&image, stream))
    return png_failure (path, &image, error);
  int status = check_image (path, stream, &image, error);
  if (!status)
    status = read_samples (path, &image, bytes, error);
  png_image_free (&image);
  return status;
}

sb_bytes *
sb_png_read (const char *path, sb_error *error)
{
  sb_bytes *bytes = calloc (1, sizeof *bytes);
  if (!bytes)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory to read it", path);
  FILE *stream = fopen (path, "rb");
  int status = stream ? read_stream (path, stream, bytes, error)
                      : sb_error_report (error, __FILE__, __LINE__, errno == ENOMEM ? GSL_ENOMEM : GSL_EFAILED,
                                         "%s: cannot be opened: %s", path, strerror (errno));
  if (stream)
    fclose (stream);
  if (status)
    {
      sb_bytes_free (bytes);
      return NULL;
    }
  return bytes;
}
