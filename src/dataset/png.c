// # Images on a page
//
// Samples are there to be looked at: a batch of images becomes one PNG file, a grid of them. libpng's simplified
// interface writes whole images and reports errors in a record. It cannot be used for reading: it converts the samples
// of a file that has a gamma or a colour profile. An image here is the bytes that are in the file.

#include "png.h"
#include "../base/file.h"
#include "source.h"

#include <errno.h>
#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// ## The page
//
// Image $i$ is in column $i \bmod c$ and row $\lfloor i/c \rfloor$ of the grid.

enum
{
  SIDE_LIMIT = 1 << 16 // of anything that is counted in pixels or images, so that products fit
};

typedef struct
{
  const sb_png_grid *grid;
  size_t columns, rows; // of images
  size_t width, height; // in pixels
  size_t bytes;
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
lay_out (const char *path, size_t images, const sb_png_grid *grid, page *p, sb_error *error)
{
  if (!fits (grid))
    SB_ERROR (error, GSL_EINVAL, "%s: a grid of images that cannot be drawn", path);
  if (images == 0 || images > SIDE_LIMIT)
    SB_ERROR (error, GSL_EINVAL, "%s: %zu images cannot be drawn, only 1 to %d", path, images, SIDE_LIMIT);

  p->grid = grid;
  p->columns = grid->columns ? grid->columns : (size_t)ceil (sqrt ((double)images));
  p->rows = (images + p->columns - 1) / p->columns;
  sb_shape shape = { 3, { 0 } };
  shape.length[0] = p->height = p->rows * (grid->height + grid->padding) + grid->padding;
  shape.length[1] = p->width = p->columns * (grid->width + grid->padding) + grid->padding;
  shape.length[2] = grid->channels;
  p->bytes = sb_shape_count (&shape, 0, SB_SOURCE_LIMIT);
  if (p->bytes == SIZE_MAX)
    SB_ERROR (error, GSL_EINVAL, "%s: %zu x %zu pixels are too many", path, p->width, p->height);
  return GSL_SUCCESS;
}

int
sb_png_check (const char *path, size_t images, const sb_png_grid *grid, sb_error *error)
{
  page p;
  return lay_out (path, images, grid, &p, error);
}

static int
plan (const char *path, const gsl_matrix *x, const sb_png_grid *grid, page *p, sb_error *error)
{
  int status = lay_out (path, x->size1, grid, p, error);
  if (status)
    return status;
  if (x->size2 != grid->height * grid->width * grid->channels)
    SB_ERROR (error, GSL_EBADLEN, "%s: rows of %zu numbers are no images of %zu x %zu x %zu", path, x->size2,
              grid->height, grid->width, grid->channels);
  p->samples = malloc (p->bytes);
  if (!p->samples)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory for %zu x %zu pixels", path, p->width, p->height);
  memset (p->samples, grid->background, p->bytes);
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
// Where the stream has failed, its own reason (a full disk) says more than libpng's. libpng reports that it got no
// memory in words, not by a code; so the C library's `errno` is checked.

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
  SB_ERROR (error, reason == ENOMEM ? GSL_ENOMEM : GSL_EINVAL, "%s: %s", path,
            image.message[0] ? image.message : "libpng gives no reason");
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
// By libpng's low-level interface, whose errors return by `longjmp` to the function that began a stage. Chunks about
// the display of the samples are ignored. A transparent colour, a palette, an alpha channel and 16 bits are refused by
// name.

typedef struct
{
  const char *path;
  FILE *stream;
  sb_bytes *bytes;
  sb_error *error;
  int status;
  png_structp png;
  png_infop info;
} reading;

static void
fail (png_structp png, png_const_charp message)
{
  reading *r = png_get_error_ptr (png);
  r->status = sb_error_report (r->error, __FILE__, __LINE__, errno == ENOMEM ? GSL_ENOMEM : GSL_EINVAL, "%s: %s",
                               r->path, message);
  png_longjmp (png, 1);
}

static void
ignore (png_structp png, png_const_charp message)
{
  (void)png, (void)message;
}

static void
read_file (png_structp png, png_bytep to, size_t count)
{
  reading *r = png_get_io_ptr (png);
  if (fread (to, 1, count, r->stream) != count)
    png_error (png, ferror (r->stream) ? "the file cannot be read" : "the file ends early");
}

// All state that a `longjmp` might clobber is kept in the record.

static int
stage (reading *r, int (*work) (reading *))
{
  return setjmp (png_jmpbuf (r->png)) ? r->status : work (r);
}

// The checksums of ignored chunks are verified too. Without limits a chunk could make libpng allocate 2 GB.

enum
{
  CHUNK_LIMIT = 1 << 20,
  DEFLATE_LIMIT = 1032
};

static int
read_header (reading *r)
{
  png_set_read_fn (r->png, r, read_file);
  png_set_crc_action (r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_keep_unknown_chunks (r->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_set_chunk_malloc_max (r->png, CHUNK_LIMIT);
  png_read_info (r->png, r->info);
  return GSL_SUCCESS;
}

// A header alone can claim gigabytes. Deflate packs no more than 1032 bytes into one, so a file that claims more than
// that for its length is damaged, and no memory is allocated.

static int
check_image (reading *r)
{
  const unsigned width = png_get_image_width (r->png, r->info), height = png_get_image_height (r->png, r->info),
                 type = png_get_color_type (r->png, r->info), channels = type == PNG_COLOR_TYPE_GRAY ? 1 : 3;
  if (png_get_bit_depth (r->png, r->info) != 8 || (type != PNG_COLOR_TYPE_GRAY && type != PNG_COLOR_TYPE_RGB))
    SB_ERROR (r->error, GSL_EUNSUP, "%s: a PNG file with a palette, an alpha channel, or not of 8 bits", r->path);
  if (png_get_valid (r->png, r->info, PNG_INFO_tRNS))
    SB_ERROR (r->error, GSL_EUNSUP, "%s: a PNG file in which a colour means transparent (tRNS)", r->path);
  uint64_t bytes = (uint64_t)width * height * channels;
  if (bytes > SB_SOURCE_LIMIT)
    SB_ERROR (r->error, GSL_EUNSUP, "%s: %u x %u pixels are too many", r->path, width, height);
  long at = ftell (r->stream), end = fseek (r->stream, 0, SEEK_END) == 0 ? ftell (r->stream) : -1;
  if (at < 0 || end < 0 || fseek (r->stream, at, SEEK_SET) != 0)
    SB_ERROR (r->error, GSL_EFAILED, "%s: not a file whose length is known", r->path);
  if (bytes / DEFLATE_LIMIT > (uint64_t)end)
    SB_ERROR (r->error, GSL_EINVAL, "%s: %ld bytes cannot hold %u x %u pixels", r->path, end, width, height);
  r->bytes->shape = (sb_shape){ 4, { 1, height, width, channels } };
  r->bytes->data = malloc (bytes);
  if (!r->bytes->data)
    SB_ERROR (r->error, GSL_ENOMEM, "%s: no memory for its pixels", r->path);
  return GSL_SUCCESS;
}

static int
read_samples (reading *r)
{
  const size_t *length = r->bytes->shape.length;
  for (int passes = png_set_interlace_handling (r->png); passes > 0; passes--)
    for (size_t row = 0; row < length[1]; row++)
      png_read_row (r->png, r->bytes->data + row * length[2] * length[3], NULL);
  png_read_end (r->png, NULL);
  if (getc (r->stream) != EOF)
    SB_ERROR (r->error, GSL_EINVAL, "%s: byte %ld: more bytes where the file should end", r->path,
              ftell (r->stream) - 1);
  return GSL_SUCCESS;
}

static int
read_stream (const char *path, FILE *stream, sb_bytes *bytes, sb_error *error)
{
  reading r = { path, stream, bytes, error, GSL_SUCCESS, NULL, NULL };
  errno = 0;
  r.png = png_create_read_struct (PNG_LIBPNG_VER_STRING, &r, fail, ignore);
  r.info = r.png ? png_create_info_struct (r.png) : NULL;
  int status = r.info ? stage (&r, read_header)
                      : sb_error_report (error, __FILE__, __LINE__, GSL_ENOMEM, "%s: no memory to read it", path);
  if (!status)
    status = check_image (&r);
  if (!status)
    status = stage (&r, read_samples);
  png_destroy_read_struct (&r.png, &r.info, NULL);
  return status;
}

sb_bytes *
sb_png_read (const char *path, sb_error *error)
{
  sb_bytes *bytes = calloc (1, sizeof *bytes);
  if (!bytes)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory to read it", path);
  FILE *stream = sb_file_open (path, error);
  int status = stream ? read_stream (path, stream, bytes, error) : GSL_EFAILED;
  if (stream)
    fclose (stream);
  if (!status)
    return bytes;
  sb_bytes_free (bytes);
  return NULL;
}
