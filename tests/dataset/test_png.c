// # What must be true of PNG grids
//
// A drawn grid, read back, has every pixel where its place in the grid says, and every byte that an image was made
// from.

#include "dataset/png.h"
#include "property.h"
#include "scope.h"
#include "scratch.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

TestSuite (png, .init = scratch_begin, .fini = scratch_end);

enum
{
  ROOM = 1 << 16
};

// ## Drawing
//
// Two 1 x 2 images and a third, in a grid of two columns, by hand: padding 1, background 9.

Test (png, a_grid_by_hand)
{
  sb_png_grid grid
      = { .height = 1, .width = 2, .channels = 1, .columns = 2, .padding = 1, .low = 0, .high = 1, .background = 9 };
  ok (sb_png_write (scratch_path ("out"), matrix_of (3, 2, 0, 1, 0.5, -3, 7, 0.2), &grid, NULL));
  sb_bytes *page = scoped (sb_png_read (scratch_path ("out"), NULL));
  const unsigned char expected[] = { 9, 9,   9,   9, 9,   9, 9, //
                                     9, 0,   255, 9, 128, 0, 9, //
                                     9, 9,   9,   9, 9,   9, 9, //
                                     9, 255, 51,  9, 9,   9, 9, //
                                     9, 9,   9,   9, 9,   9, 9 };
  cr_assert (page->shape.rank == 4 && page->shape.length[0] == 1 && page->shape.length[1] == 5
             && page->shape.length[2] == 7 && page->shape.length[3] == 1);
  cr_assert_eq (memcmp (page->data, expected, sizeof expected), 0);
}

// Without a number of columns the grid is as square as can be: the smallest $c$ with $c^2 \ge n$.

Test (png, the_grid_is_square)
{
  gsl_matrix *x = matrix_all (17, 1, 0);
  for (size_t n = 1; n <= 17; n++)
    {
      gsl_matrix_view some = gsl_matrix_submatrix (x, 0, 0, n, 1);
      sb_png_grid grid = { .height = 1, .width = 1, .channels = 1, .low = 0, .high = 1 };
      ok (sb_png_write (scratch_path ("out"), &some.matrix, &grid, NULL));
      sb_bytes *page = scoped (sb_png_read (scratch_path ("out"), NULL));
      size_t rows = page->shape.length[1], columns = page->shape.length[2];
      cr_assert (columns * columns >= n && (columns - 1) * (columns - 1) < n, "%zu images: %zu columns", n, columns);
      cr_assert (rows * columns >= n && (rows - 1) * columns < n, "%zu images: %zu rows", n, rows);
    }
}

// ## There and back
//
// Random bytes as images in either of the papers' ranges, grey or RGB, in any grid: byte (row, column, channel) of
// image i stands at its place of the page.

static double
round_trip (const double *v, void *context)
{
  (void)context;
  size_t n = (size_t)v[0], h = (size_t)v[1], w = (size_t)v[2], columns = (size_t)v[3], padding = (size_t)v[4];
  size_t channels = v[5] > 0.5 ? 3 : 1, d = h * w * channels, wrong = 0;
  gsl_rng *r = property_rng (v[6]);
  unsigned char *data = scoped (malloc (n * d));
  for (size_t k = 0; k < n * d; k++)
    data[k] = (unsigned char)gsl_rng_uniform_int (r, 256);
  sb_bytes images = { { 4, { n, h, w, channels } }, data };
  gsl_matrix *x = matrix (n, d);
  sb_png_grid grid = { h, w, channels, columns, padding, gsl_rng_uniform_int (r, 2) ? 0 : -1, 1, 77 };
  sb_bytes_rows (&images, 0, grid.low, grid.high, x);
  ok (sb_png_write (scratch_path ("out"), x, &grid, NULL));

  sb_bytes *page = scoped (sb_png_read (scratch_path ("out"), NULL));
  size_t width = page->shape.length[2];
  cr_assert (page->shape.length[3] == channels && width == columns * (w + padding) + padding);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < d; k++)
      {
        size_t row = k / (w * channels), column = k / channels % w, channel = k % channels;
        size_t down = i / columns * (h + padding) + padding + row,
               right = i % columns * (w + padding) + padding + column;
        wrong += page->data[(down * width + right) * channels + channel] != data[i * d + k];
      }
  return (double)wrong;
}

Test (png, what_is_drawn_is_read)
{
  const property_parameter parameters[]
      = { { "n", PROPERTY_INTEGER, 1, 12, 1 },      { "height", PROPERTY_INTEGER, 1, 9, 1 },
          { "width", PROPERTY_INTEGER, 1, 9, 1 },   { "columns", PROPERTY_INTEGER, 1, 5, 1 },
          { "padding", PROPERTY_INTEGER, 0, 3, 0 }, { "RGB", PROPERTY_INTEGER, 0, 1, 0 },
          { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };
  property_check ("a grid there and back", 2, 60, 7, parameters, round_trip, NULL, 0);
}

// Every byte comes back in both ranges; what is beyond is clamped, infinite too; halves between two steps round up:
// from -1 to 1 that is Karras et al.'s clip (127.5 x + 128, 0, 255), cut to a byte. [consistent.set-edm-data]

Test (png, values_become_the_nearest_byte)
{
  gsl_matrix *x
      = matrix_of (1, 8, -INFINITY, INFINITY, 1e300, -0.001, 0.499 / 255, 0.501 / 255, 254.499 / 255, 254.501 / 255);
  const unsigned char expected[] = { 0, 255, 255, 0, 0, 1, 254, 255 };
  sb_png_grid grid = { .height = 2, .width = 4, .channels = 1, .low = 0, .high = 1 };
  ok (sb_png_write (scratch_path ("out"), x, &grid, NULL));
  sb_bytes *page = scoped (sb_png_read (scratch_path ("out"), NULL));
  cr_assert_eq (memcmp (page->data, expected, 8), 0);
}

// ## What cannot be drawn

static const sb_png_grid plain = { .height = 2, .width = 2, .channels = 1, .low = 0, .high = 1 };

static void
expect_no_drawing (const gsl_matrix *x, sb_png_grid grid, int code)
{
  sb_error error = { 0 };
  cr_assert_eq (sb_png_write (scratch_path ("out"), x, &grid, &error), code, "%s", error.message);
  scratch_expect_line (&error, scratch_path ("out"));
  cr_assert_eq (scratch_files (), 0);
  cr_assert_eq (sb_png_write (scratch_path ("out"), x, &grid, NULL), code, "without a record");
}

Test (png, what_cannot_be_drawn_is_refused)
{
  gsl_matrix *x = matrix_all (1, 4, 0), *none = matrix (0, 4), *empty = matrix (1, 0);
  expect_no_drawing (none, plain, GSL_EINVAL);
  sb_png_grid grids[12];
  for (size_t k = 0; k < 12; k++)
    grids[k] = plain;
  grids[0].channels = 2;
  grids[1].channels = 0;
  grids[2].low = 1;
  grids[3].high = NAN;
  grids[4].high = INFINITY;
  grids[5].padding = SIZE_MAX;
  grids[6].columns = SIZE_MAX;
  grids[7].padding = 65536; // 131074 x 131074 pixels
  grids[8].height = grids[8].width = SIZE_MAX / 2 + 1;
  grids[9].high = -1;
  grids[10].columns = 65537;
  grids[11].width = 65537;
  for (size_t k = 0; k < 12; k++)
    expect_no_drawing (x, grids[k], GSL_EINVAL);
  sb_png_grid other = plain;
  other.width = 3;
  expect_no_drawing (x, other, GSL_EBADLEN);
  other.width = 0;
  expect_no_drawing (empty, other, GSL_EINVAL);
  other.width = 2;
  other.height = 0;
  expect_no_drawing (empty, other, GSL_EINVAL);
  other.height = other.width = 1;
  expect_no_drawing (matrix_all (65537, 1, 0), other, GSL_EINVAL);
  gsl_matrix_set (x, 0, 3, NAN);
  expect_no_drawing (x, plain, GSL_EDOM);
}

// One line, and no file.

static void
expect_no_file (const char *path, const gsl_matrix *x, sb_png_grid grid, const char *reason)
{
  sb_error error = { 0 };
  int status = sb_png_write (path, x, &grid, &error);
  refused (GSL_EFAILED, status);
  cr_assert_eq (status, error.code);
  scratch_expect_line (&error, path);
  cr_assert_not_null (strstr (error.message, reason), "%s", error.message);
  cr_assert_eq (scratch_files (), 0);
}

Test (png, unwritable_paths_are_refused)
{
  expect_no_file (scratch_path ("missing/out"), matrix_all (1, 4, 0), plain, "No such file or directory");
  expect_no_file (scratch_path ("."), matrix_all (1, 4, 0), plain, "");
}

// A page larger than the stream's buffer fails while libpng writes, a small one when the file is brought to disk: both
// name the disk.

Test (png, a_full_disk_is_noticed)
{
  if (access ("/dev/full", W_OK) != 0)
    cr_skip_test ("no /dev/full");
  expect_no_file ("/dev/full", matrix_all (1, 4, 0), plain, "No space left on device");
  gsl_rng *r = property_rng (3);
  gsl_matrix *x = matrix (1, 90000);
  for (size_t k = 0; k < 90000; k++)
    gsl_matrix_set (x, 0, k, gsl_rng_uniform (r));
  sb_png_grid grid = { .height = 300, .width = 300, .channels = 1, .low = 0, .high = 1 };
  expect_no_file ("/dev/full", x, grid, "No space left on device");
}

// ## Damaged files
//
// A PNG file's parts carry checksums. Cut short anywhere it is refused; with any bit flipped, it is refused or gives
// the same pixels.

static size_t
good_file (unsigned char *file, unsigned char *pixels)
{
  gsl_matrix *x = matrix (2, 4);
  for (size_t k = 0; k < 8; k++)
    x->data[k] = (double)(k * k) / 49;
  ok (sb_png_write (scratch_path ("good"), x, &plain, NULL));
  sb_bytes *page = scoped (sb_png_read (scratch_path ("good"), NULL));
  memcpy (pixels, page->data, 8);
  return scratch_read (scratch_path ("good"), file, ROOM);
}

static bool
refused_or_same (const unsigned char *file, size_t length, const unsigned char *pixels, bool *refused)
{
  scratch_write (scratch_path ("file"), file, length);
  sb_error error = { 0 };
  sb_bytes *page = sb_png_read (scratch_path ("file"), &error);
  *refused = !page;
  if (page)
    scoped (page);
  else
    {
      scratch_expect_line (&error, scratch_path ("file"));
      cr_assert (error.code == GSL_EINVAL || error.code == GSL_EUNSUP, "%s (code %d)", error.message, error.code);
    }
  bool same = page && page->shape.length[1] == 2 && page->shape.length[2] == 4 && page->shape.length[3] == 1
              && memcmp (page->data, pixels, 8) == 0;
  return *refused || same;
}

Test (png, truncation_is_noticed)
{
  unsigned char file[ROOM], pixels[8];
  size_t length = good_file (file, pixels);
  bool refused;
  for (size_t count = 0; count < length; count++)
    {
      cr_assert (refused_or_same (file, count, pixels, &refused), "cut at %zu: wrong pixels", count);
      cr_assert (refused, "cut at %zu of %zu: accepted", count, length);
    }
}

Test (png, bytes_after_the_end_are_noticed)
{
  unsigned char file[ROOM], pixels[8];
  size_t length = good_file (file, pixels);
  for (size_t more = 1; more <= 700; more += 233)
    {
      bool refused;
      memset (file + length, 0, more);
      refused_or_same (file, length + more, pixels, &refused);
      cr_assert (refused, "%zu bytes more: accepted", more);
    }
}

Test (png, flipped_bits_are_noticed)
{
  unsigned char file[ROOM], pixels[8];
  size_t length = good_file (file, pixels);
  bool refused;
  for (size_t bit = 0; bit < 8 * length; bit++)
    {
      file[bit / 8] ^= (unsigned char)(1 << bit % 8);
      cr_assert (refused_or_same (file, length, pixels, &refused), "bit %zu: wrong pixels", bit);
      cr_assert (refused || bit >= 8 * 33, "bit %zu of the header: accepted", bit);
      file[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static int
code_of (const unsigned char *file, size_t length)
{
  scratch_write (scratch_path ("file"), file, length);
  sb_error error = { 0 };
  cr_assert_null (sb_png_read (scratch_path ("file"), &error));
  scratch_expect_line (&error, scratch_path ("file"));
  return error.code;
}

// ## Chunks
//
// What a file says of its colours, and whatever else it says before or after the pixels, leaves them as they are.

static size_t
with_chunk (unsigned char *file, size_t length, size_t at, const char *name, size_t claimed, const void *data,
            size_t size)
{
  memmove (file + at + size + 12, file + at, length - at);
  for (size_t k = 0; k < 4; k++)
    file[at + k] = (unsigned char)(claimed >> (24 - 8 * k));
  memcpy (file + at + 4, name, 4);
  if (size > 0)
    memcpy (file + at + 8, data, size);
  uint32_t sum = (uint32_t)crc32 (0, file + at + 4, (unsigned)(size + 4));
  for (size_t k = 0; k < 4; k++)
    file[at + 8 + size + k] = (unsigned char)(sum >> (24 - 8 * k));
  return length + size + 12;
}

enum
{
  AFTER_HEADER = 33
};

static const struct
{
  const char *name;
  size_t size;
  unsigned char data[40];
} chunks[] = { { "gAMA", 4, { 0, 3, 13, 64 } },
               { "gAMA", 4, { 0, 0, 0, 1 } },
               { "gAMA", 4, { 0, 0, 177, 143 } },
               { "cHRM", 32, { 0, 0, 1, 2, 0, 0, 3, 4, 0, 1, 5, 6, 0, 0, 7, 8, 0, 0, 9, 1, 0, 0, 2, 3 } },
               { "sRGB", 1, { 1 } },
               { "iCCP", 12, { 'a', 0, 0, 120, 156, 3, 0, 0, 0, 0, 1 } },
               { "sBIT", 1, { 3 } },
               { "bKGD", 2, { 0, 200 } },
               { "pHYs", 9, { 0 } },
               { "tEXt", 8, "Gamma\0a" },
               { "zTXt", 9, "Gamma\0\0a" },
               { "tIME", 7, { 0 } },
               { "eXIf", 4, "II*" },
               { "acTL", 8, { 0 } },
               { "abCd", 3, { 1, 2, 3 } } };

Test (png, pixels_are_the_bytes_of_the_file)
{
  for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++)
    for (int last = 0; last < 2; last++)
      {
        unsigned char file[ROOM], pixels[8];
        size_t length = good_file (file, pixels), at = last ? length - 12 : AFTER_HEADER;
        bool refused;
        length = with_chunk (file, length, at, chunks[k].name, chunks[k].size, chunks[k].data, chunks[k].size);
        cr_assert (refused_or_same (file, length, pixels, &refused) && !refused, "%s, last: %d", chunks[k].name, last);
        file[at + 9] ^= 1;
        refused_or_same (file, length, pixels, &refused);
        cr_assert (refused, "%s, damaged: accepted", chunks[k].name);
      }
}

Test (png, a_transparent_colour_is_refused)
{
  unsigned char file[ROOM], pixels[8];
  size_t length = good_file (file, pixels);
  length = with_chunk (file, length, AFTER_HEADER, "tRNS", 2, (const unsigned char[]){ 0, 0 }, 2);
  refused (GSL_EUNSUP, code_of (file, length));
}

// A chunk that claims 1.9 GB and has none of it.

Test (png, a_claim_costs_no_memory)
{
  const char *const names[]
      = { "tEXt", "iCCP", "zTXt", "iTXt", "abCd", "IDAT", "PLTE", "tRNS", "hIST", "sPLT", "eXIf" };
  for (size_t k = 0; k < sizeof names / sizeof *names; k++)
    {
      unsigned char file[ROOM], pixels[8];
      good_file (file, pixels);
      with_chunk (file, AFTER_HEADER, AFTER_HEADER, names[k], 1900000000, NULL, 0);
      scratch_largest = 0;
      refused (GSL_EINVAL, code_of (file, AFTER_HEADER + 8));
      cr_assert_leq (scratch_largest, (size_t)1 << 20, "%s: %zu bytes", names[k], scratch_largest);
    }
}

// A header that promises a billion pixels, with its checksum right, in a file of a hundred bytes.

static void
set_header (unsigned char *file, size_t place, unsigned char value)
{
  file[place] = value;
  uint32_t sum = (uint32_t)crc32 (0, file + 12, 17);
  for (size_t k = 0; k < 4; k++)
    file[29 + k] = (unsigned char)(sum >> (24 - 8 * k));
}

Test (png, absurd_sizes_are_refused)
{
  unsigned char file[ROOM], pixels[8];
  size_t length = good_file (file, pixels);
  set_header (file, 18, 0x80); // 32772 x 32770 pixels: 2^30 bytes, within the limit
  set_header (file, 22, 0x80);
  scratch_largest = 0;
  refused (GSL_EINVAL, code_of (file, length));
  set_header (file, 17, 0x01); // 98308 x 32770
  refused (GSL_EUNSUP, code_of (file, length));
  cr_assert_leq (scratch_largest, (size_t)1 << 20);
}

// Colour type and depth stand in bytes 25 and 24: alpha, 16 bits and palettes are named as such, before any pixel is
// read.

Test (png, other_kinds_are_refused)
{
  unsigned char file[ROOM], pixels[8];
  size_t length = good_file (file, pixels);
  set_header (file, 25, 4);
  refused (GSL_EUNSUP, code_of (file, length));
  set_header (file, 25, 6);
  refused (GSL_EUNSUP, code_of (file, length));
  set_header (file, 25, 0);
  set_header (file, 24, 16);
  refused (GSL_EUNSUP, code_of (file, length));
}

Test (png, what_is_no_file_is_refused)
{
  sb_error error = { 0 };
  cr_assert_null (sb_png_read (scratch_path ("missing"), &error));
  refused (GSL_EFAILED, error.code);
  scratch_expect_line (&error, scratch_path ("missing"));
  cr_assert_null (sb_png_read (scratch_path ("."), &error));
  scratch_expect_line (&error, scratch_path ("."));
  cr_assert_null (sb_png_read ("/dev/null", NULL));
  if (access ("/proc/self/mem", R_OK) == 0)
    {
      cr_assert_null (sb_png_read ("/proc/self/mem", &error));
      cr_assert_str_eq (error.message, "/proc/self/mem: the file cannot be read");
    }
}
