// # What must be true of the IDX reader
//
// A good file gives exactly its bytes. A bad one, of whatever kind, gives one line and nothing else: no crash, no leak,
// no gigabytes, and never an array that is not the one that was written.

#include "dataset/idx.h"
#include "dataset/source.h"
#include "scratch.h"
#include "scope.h"

#include <gsl/gsl_rng.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite (idx, .init = scratch_begin, .fini = scratch_end);

// Three images of 2 x 4 pixels, written by hand from the format's description.

static const unsigned char good[]
    = { 0,  0,  8,  3,  0,  0,  0,  3,  0,   0,   0,   2,   0, 0, 0, 4, 11,  12,  13, 14,
        15, 16, 17, 18, 21, 22, 23, 24, 255, 254, 253, 252, 0, 1, 2, 3, 128, 127, 64, 32 };

enum
{
  HEADER = 16,
  PIXELS = sizeof good - HEADER,
  PACKED = 200 // room for `good` as gzip
};

// What only looks at the bytes must see the same ones, or say the same line.

static void
compare (void *context, size_t count, const double *numbers)
{
  const unsigned char **next = context;
  for (size_t k = 0; k < count && *next; k++)
    cr_assert_eq (numbers[k], *(*next)++);
}

static void
check_scan (const char *path, const sb_bytes *array, const sb_error *error)
{
  sb_error reason = { 0 };
  sb_shape shape;
  const unsigned char *next = array ? array->data : NULL;
  const int status = sb_idx_scan (path, &shape, compare, &next, &reason);
  cr_assert (array ? !status : status == error->code && strcmp (reason.message, error->message) == 0, "%d: %s, not %s",
             status, reason.message, error->message);
  cr_assert (!array || next == array->data + sb_shape_count (&array->shape, 0, SIZE_MAX - 1));
}

static sb_bytes *
read_back (const void *bytes, size_t count, sb_error *error)
{
  const char *path = scratch_path ("file");
  scratch_write (path, bytes, count);
  *error = (sb_error){ 0 };
  sb_bytes *array = sb_idx_read (path, error);
  check_scan (path, array, error);
  return array ? scoped (array) : NULL;
}

// The reader must refuse these bytes, in one line, with this code (or any: GSL_SUCCESS).

static void
expect_refusal (const void *bytes, size_t count, int code, const char *what)
{
  sb_error error;
  sb_bytes *array = read_back (bytes, count, &error);
  cr_assert_null (array, "%s: accepted", what);
  scratch_expect_line (&error, scratch_path ("file"));
  if (code != GSL_SUCCESS)
    cr_assert_eq (error.code, code, "%s: %s (code %d, expected %d)", what, error.message, error.code, code);
}

static bool
is_good (const sb_bytes *array)
{
  return array->shape.rank == 3 && array->shape.length[0] == 3 && array->shape.length[1] == 2
         && array->shape.length[2] == 4 && memcmp (array->data, good + HEADER, PIXELS) == 0;
}

static void
expect_good (const void *bytes, size_t count)
{
  sb_error error;
  sb_bytes *array = read_back (bytes, count, &error);
  cr_assert_not_null (array, "%s", error.message);
  cr_assert (is_good (array));
}

// ## Good files

Test (idx, plain_and_gzip_give_the_same_bytes)
{
  unsigned char packed[PACKED];
  expect_good (good, sizeof good);
  expect_good (packed, scratch_gzip (good, sizeof good, packed, sizeof packed));
}

// A gzip file may have several members, as `cat a.gz b.gz` makes them, an empty one among them (RFC 1952, Section 2.2).

Test (idx, gzip_members_are_joined)
{
  unsigned char packed[3 * PACKED];
  size_t count = scratch_gzip (good, 7, packed, PACKED);
  count += scratch_gzip (good, 0, packed + count, PACKED);
  count += scratch_gzip (good + 7, sizeof good - 7, packed + count, PACKED);
  expect_good (packed, count);
}

// Larger than the reader's buffer and than its first allocation, and not a multiple of either.

Test (idx, large_files_arrive_whole)
{
  uint32_t n = (5u << 20) + 12345;
  size_t count = 8 + n, room = 2 * count;
  unsigned char *bytes = scoped (malloc (count)), *packed = scoped (malloc (room));
  const unsigned char header[]
      = { 0, 0, 8, 1, (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n };
  memcpy (bytes, header, sizeof header);
  uint32_t word = 1;
  for (size_t k = 8; k < count; k++)
    bytes[k] = (unsigned char)((word = word * 1664525u + 1013904223u) >> 24);

  for (int gzip = 0; gzip <= 1; gzip++)
    {
      sb_error error;
      sb_bytes *array = gzip ? read_back (packed, scratch_gzip (bytes, count, packed, room), &error)
                             : read_back (bytes, count, &error);
      cr_assert_not_null (array, "%s", error.message);
      cr_assert_eq (array->shape.rank, 1);
      cr_assert_eq (array->shape.length[0], n);
      cr_assert_eq (memcmp (array->data, bytes + 8, n), 0);
    }
}

// The embedded test set: the number of images of each digit is published with every description of MNIST, and the first
// ten labels are 7, 2, 1, 0, 4, 1, 4, 9, 5, 9. The mean pixel of the test set is 33.79 (0.1325 of 255).

static sb_bytes *
embedded (const char *name)
{
  char path[1024];
  const char *srcdir = getenv ("srcdir");
  snprintf (path, sizeof path, "%s/data/%s", srcdir ? srcdir : ".", name);
  sb_error error = { 0 };
  return scoped (sb_idx_read (path, &error), "%s", error.message);
}

Test (idx, the_embedded_digits_are_mnist)
{
  sb_bytes *labels = embedded ("t10k-labels-idx1-ubyte.gz"), *images = embedded ("t10k-images-idx3-ubyte.gz");
  cr_assert_eq (labels->shape.rank, 1);
  cr_assert_eq (labels->shape.length[0], 10000);
  cr_assert_eq (memcmp (labels->data, "\7\2\1\0\4\1\4\11\5\11", 10), 0);
  const int published[10] = { 980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009 };
  int counted[10] = { 0 };
  for (size_t i = 0; i < 10000; i++)
    counted[labels->data[i]]++;
  cr_assert_eq (memcmp (counted, published, sizeof published), 0);

  cr_assert_eq (images->shape.rank, 3);
  cr_assert_eq (images->shape.length[0], 10000);
  cr_assert_eq (images->shape.length[1], 28);
  cr_assert_eq (images->shape.length[2], 28);
  double sum = 0;
  for (size_t k = 0; k < 7840000; k++)
    sum += images->data[k];
  cr_assert_float_eq (sum / 7840000, 33.79, 0.005);
}

// ## Damaged files: plain

Test (idx, truncation_at_every_byte_is_noticed)
{
  for (size_t count = 0; count < sizeof good; count++)
    expect_refusal (good, count, GSL_EOF, "truncated");
}

Test (idx, the_place_of_truncation_is_named)
{
  sb_error error;
  char expected[600];
  read_back (good, 20, &error);
  snprintf (expected, sizeof expected, "%s: byte 20: the file ends after 4 of 24 bytes of numbers",
            scratch_path ("file"));
  cr_assert_str_eq (error.message, expected);
  read_back (good, 3, &error);
  snprintf (expected, sizeof expected, "%s: byte 3: the file ends after 3 of 4 bytes of the IDX header",
            scratch_path ("file"));
  cr_assert_str_eq (error.message, expected);
}

Test (idx, trailing_bytes_are_noticed)
{
  unsigned char longer[sizeof good + 3] = { 0 };
  memcpy (longer, good, sizeof good);
  for (size_t count = sizeof good + 1; count <= sizeof longer; count++)
    expect_refusal (longer, count, GSL_EINVAL, "trailing bytes");
}

// Every value of every byte of the header but the right one. What is not IDX is GSL_EINVAL, what is IDX but not for us
// GSL_EUNSUP; a wrong length leaves too few or too many bytes, or none at all.

static int
expected_code (size_t place, int value)
{
  if (place < 2)
    return GSL_EINVAL;
  if (place == 2)
    return GSL_EUNSUP;
  if (place == 3 && (value == 0 || value > SB_SHAPE_RANK))
    return GSL_EUNSUP;
  return GSL_SUCCESS;
}

Test (idx, every_wrong_header_byte_is_noticed)
{
  unsigned char bytes[sizeof good];
  for (size_t place = 0; place < HEADER; place++)
    for (int value = 0; value < 256; value++)
      {
        memcpy (bytes, good, sizeof good);
        bytes[place] = (unsigned char)value;
        if (value != good[place])
          expect_refusal (bytes, sizeof bytes, expected_code (place, value), "wrong header byte");
      }
}

static void
with_lengths (unsigned char *bytes, size_t rank, const uint32_t *length)
{
  memcpy (bytes, (unsigned char[]){ 0, 0, 8, (unsigned char)rank }, 4);
  for (size_t k = 0; k < rank; k++)
    for (size_t b = 0; b < 4; b++)
      bytes[4 + 4 * k + b] = (unsigned char)(length[k] >> (24 - 8 * b));
}

// Lengths whose product overflows 64 bits, to 0 and to 24 among others, or is more than the limit.

Test (idx, absurd_lengths_are_refused)
{
  const uint32_t lengths[][4] = { { 1u << 31, 1u << 31, 4, 1 },
                                  { 1u << 31, 1u << 31, 1u << 2, 24 },
                                  { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
                                  { 1u << 31, 1, 2, 1 },
                                  { 1, 1, 3, (1u << 30) } };
  unsigned char bytes[44] = { 0 };
  for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
    {
      with_lengths (bytes, 4, lengths[k]);
      expect_refusal (bytes, sizeof bytes, GSL_EUNSUP, "absurd lengths");
    }
  for (size_t empty = 0; empty < 4; empty++)
    {
      uint32_t length[4] = { 2, 2, 2, 3 };
      length[empty] = 0;
      with_lengths (bytes, 4, length);
      expect_refusal (bytes, sizeof bytes, GSL_EINVAL, "an empty axis");
      expect_refusal (bytes, 20, GSL_EINVAL, "an empty axis and no numbers");
    }
}

// The limit itself is $2^{31}$ bytes, so this header is one that may be true. The file is not: it must be found out
// before the gigabytes are asked for, packed or not.

Test (idx, a_header_alone_allocates_nothing_large)
{
  unsigned char bytes[44] = { 0 }, packed[PACKED];
  with_lengths (bytes, 4, (uint32_t[]){ 1u << 20, 1u << 5, 1u << 5, 2 });
  expect_refusal (bytes, sizeof bytes, GSL_EOF, "gigabytes promised");
  expect_refusal (packed, scratch_gzip (bytes, sizeof bytes, packed, sizeof packed), GSL_EOF,
                  "gigabytes promised, packed");
  cr_assert (scratch_largest > 0 && scratch_largest <= (size_t)1 << 20, "%zu bytes", scratch_largest);
}

// Nor does looking at a file that holds much: 64 MB of zeros in 64 kB.

Test (idx, a_scan_keeps_nothing)
{
  enum
  {
    SIZE = 1 << 26
  };
  unsigned char *bytes = scoped (calloc (16 + SIZE, 1)), *packed = scoped (malloc (SIZE / 512));
  sb_error error;
  sb_shape shape;
  const unsigned char *next = NULL;
  with_lengths (bytes, 3, (uint32_t[]){ 1 << 10, 1 << 8, 1 << 8 });
  scratch_write (scratch_path ("file"), packed, scratch_gzip (bytes, 16 + SIZE, packed, SIZE / 512));
  scratch_largest = 0;
  ok (sb_idx_scan (scratch_path ("file"), &shape, compare, &next, &error));
  cr_assert_leq (scratch_largest, (size_t)1 << 20);
}

// ## Damaged files: gzip

Test (idx, gzip_truncation_at_every_byte_is_noticed)
{
  unsigned char packed[PACKED];
  size_t count = scratch_gzip (good, sizeof good, packed, sizeof packed);
  for (size_t k = 0; k < count; k++)
    expect_refusal (packed, k, k < 2 ? GSL_SUCCESS : GSL_EOF, "truncated gzip");
}

// The checksum covers the bytes, so a flipped bit is either noticed or changes nothing. The latter are few: the
// header's time, level and system (bytes 4 to 9), its flag "this is text", and the bits that fill deflate's last byte.

Test (idx, every_flipped_bit_of_gzip_is_noticed_or_harmless)
{
  unsigned char packed[PACKED];
  size_t count = scratch_gzip (good, sizeof good, packed, sizeof packed), harmless = 0;
  for (size_t bit = 0; bit < 8 * count; bit++)
    {
      packed[bit / 8] ^= (unsigned char)(1 << bit % 8);
      sb_error error;
      sb_bytes *array = read_back (packed, count, &error);
      cr_assert (!array || is_good (array), "bit %zu: a wrong array", bit);
      if (array)
        harmless++;
      else
        scratch_expect_line (&error, scratch_path ("file"));
      packed[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
  cr_assert_leq (harmless, 6 * 8 + 1 + 7u);
}

Test (idx, trailing_bytes_inside_and_after_gzip_are_noticed)
{
  unsigned char longer[sizeof good + 1] = { 0 }, packed[PACKED] = { 0 };
  memcpy (longer, good, sizeof good);
  size_t count = scratch_gzip (longer, sizeof longer, packed, PACKED);
  expect_refusal (packed, count, GSL_EINVAL, "trailing byte inside");

  memset (packed, 0, sizeof packed);
  count = scratch_gzip (good, sizeof good, packed, PACKED);
  packed[count] = 1;
  expect_refusal (packed, count + 1, GSL_EOF, "a byte after the stream");
  packed[count] = 0x1f;
  packed[count + 1] = 0x8b;
  expect_refusal (packed, count + 2, GSL_EOF, "half a member after the stream");
}

// Zeros fill a tape's last block, up to the end, however many; nothing may follow them.

Test (idx, zeros_after_gzip_are_padding)
{
  const size_t zeros[] = { 1, 30, 511, 65536, 200000 };
  unsigned char *padded = scoped (calloc (PACKED + 200001, 1));
  size_t count = scratch_gzip (good, sizeof good, padded, PACKED);
  for (size_t k = 0; k < sizeof zeros / sizeof *zeros; k++)
    {
      expect_good (padded, count + zeros[k]);
      padded[count + zeros[k]] = 0x1f;
      expect_refusal (padded, count + zeros[k] + 1, GSL_EINVAL, "a byte after the zeros");
      padded[count + zeros[k]] = 0;
    }
}

// ## Not files at all

Test (idx, what_is_no_file_is_refused)
{
  const char *paths[] = { scratch_path ("missing"), scratch_path ("."), scratch_path ("missing/file"), "/dev/null" };
  for (size_t k = 0; k < 4; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_idx_read (paths[k], &error));
      scratch_expect_line (&error, paths[k]);
      refused (GSL_EFAILED, error.code);
    }
  cr_assert_null (sb_idx_read (scratch_path ("missing"), NULL), "the record is optional");
  refused (GSL_EFAILED, sb_idx_scan (scratch_path ("missing"), NULL, NULL, NULL, NULL));
}

// A file that is there, and whose bytes cannot be read.

Test (idx, what_cannot_be_read_is_said)
{
  const char *path = "/proc/self/mem";
  if (access (path, R_OK) != 0)
    cr_skip_test ("no %s here", path);
  sb_error error = { 0 };
  cr_assert_null (sb_idx_read (path, &error));
  refused (GSL_EFAILED, error.code);
  cr_assert_str_eq (error.message, "/proc/self/mem: byte 0: Input/output error");
}

// ## A byte ahead
//
// That there is more is said as often as it is asked, and neither loses a byte nor moves its place; nothing is read in
// between.

Test (idx, more_may_be_asked_twice)
{
  unsigned char read = 0, packed[64];
  for (int gzip = 0; gzip < 2; gzip++)
    {
      const size_t count = gzip ? scratch_gzip ("ab", 2, packed, sizeof packed) : 2;
      scratch_write (scratch_path ("file"), gzip ? packed : (const unsigned char *)"ab", count);
      sb_source *source = sb_source_open (scratch_path ("file"), NULL);
      int more = 0;
      for (const char *c = "ab"; *c; c++)
        {
          for (int again = 0; again < 2; again++)
            {
              ok (sb_source_more (source, &more, NULL));
              cr_assert (more);
              ok (sb_source_read (source, "nothing", 0, &read, NULL));
            }
          ok (sb_source_read (source, "a letter", 1, &read, NULL));
          cr_assert_eq (read, *c);
        }
      ok (sb_source_more (source, &more, NULL));
      cr_assert (!more);
      ok (sb_source_end (source, NULL));
      sb_source_close (source);
    }
}

// ## Anything
//
// Random damage, thousands of times: bytes changed, cut out, put in. The reader refuses, or the header still tells the
// truth about the length: then the bytes are those that are there.

static size_t
damage (gsl_rng *r, unsigned char *bytes, size_t count)
{
  for (unsigned long times = 1 + gsl_rng_uniform_int (r, 4); times > 0 && count > 0; times--)
    {
      size_t place = gsl_rng_uniform_int (r, count);
      switch (gsl_rng_uniform_int (r, 3))
        {
        case 0:
          bytes[place] = (unsigned char)gsl_rng_uniform_int (r, 256);
          break;
        case 1:
          memmove (bytes + place, bytes + place + 1, --count - place);
          break;
        default:
          memmove (bytes + place + 1, bytes + place, count++ - place);
          bytes[place] = (unsigned char)gsl_rng_uniform_int (r, 256);
        }
    }
  return count;
}

static void
expect_truth (const unsigned char *bytes, size_t count)
{
  sb_error error;
  sb_bytes *array = read_back (bytes, count, &error);
  if (!array)
    {
      scratch_expect_line (&error, scratch_path ("file"));
      return;
    }
  size_t header = 4 + 4 * array->shape.rank, size = 1;
  for (size_t k = 0; k < array->shape.rank; k++)
    size *= array->shape.length[k];
  cr_assert_eq (header + size, count);
  cr_assert_eq (memcmp (array->data, bytes + header, size), 0);
}

Test (idx, random_damage_never_lies)
{
  gsl_rng *r = scoped (gsl_rng_alloc (gsl_rng_taus2));
  gsl_rng_set (r, 28);
  for (int i = 0; i < 1000; i++)
    {
      unsigned char bytes[PACKED];
      memcpy (bytes, good, sizeof good);
      expect_truth (bytes, damage (r, bytes, sizeof good));

      sb_error error;
      size_t count = scratch_gzip (good, sizeof good, bytes, PACKED - 8);
      sb_bytes *array = read_back (bytes, damage (r, bytes, count), &error);
      cr_assert (!array || is_good (array));
    }
}

// ## Bytes as points

Test (idx, bytes_become_rows)
{
  sb_error error;
  sb_bytes *array = read_back (good, sizeof good, &error);
  gsl_matrix *x = matrix (2, 8);
  ok (sb_bytes_rows (array, 1, 0, 255, x));
  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k < 8; k++)
      cr_assert_float_eq (gsl_matrix_get (x, i, k), good[HEADER + 8 + 8 * i + k], 1e-13);

  // The ends of the range are exact, in both of the papers' ranges: pixel 4 of image 1 is 255, pixel 0 of image 2 is 0.
  ok (sb_bytes_rows (array, 1, -1, 1, x));
  cr_assert_eq (gsl_matrix_get (x, 0, 4), 1);
  cr_assert_eq (gsl_matrix_get (x, 1, 0), -1);
  ok (sb_bytes_rows (array, 1, 0, 1, x));
  cr_assert_eq (gsl_matrix_get (x, 0, 4), 1);
  cr_assert_eq (gsl_matrix_get (x, 1, 0), 0);
}

// The rows may lie apart (a part of a wider matrix), and there may be none of them.

Test (idx, rows_may_lie_apart)
{
  sb_error error;
  sb_bytes *array = read_back (good, sizeof good, &error);
  gsl_matrix *wide = matrix_all (3, 10, -7);
  gsl_matrix_view x = gsl_matrix_submatrix (wide, 0, 1, 3, 8);
  ok (sb_bytes_rows (array, 0, 0, 1, &x.matrix));
  for (size_t i = 0; i < 3; i++)
    {
      cr_assert_eq (gsl_matrix_get (wide, i, 0), -7);
      cr_assert_eq (gsl_matrix_get (wide, i, 9), -7);
      cr_assert_float_eq (gsl_matrix_get (wide, i, 8), good[HEADER + 8 * i + 7] / 255.0, 1e-15);
    }
  gsl_matrix *none = matrix (0, 8);
  ok (sb_bytes_rows (array, 3, 0, 1, none));
}

Test (idx, rows_that_are_not_there_are_refused)
{
  sb_error error;
  sb_bytes *array = read_back (good, sizeof good, &error);
  gsl_matrix *x = matrix_all (2, 8, 0), *narrow = matrix_all (2, 7, 0);
  refused (GSL_EBADLEN, sb_bytes_rows (array, 2, 0, 1, x));
  refused (GSL_EBADLEN, sb_bytes_rows (array, 4, 0, 1, x));
  refused (GSL_EBADLEN, sb_bytes_rows (array, SIZE_MAX, 0, 1, x));
  refused (GSL_EBADLEN, sb_bytes_rows (array, 0, 0, 1, narrow));
  cr_assert (gsl_matrix_isnull (x) && gsl_matrix_isnull (narrow));
}

// A product that is over the limit is never a small number by overflow; an axis of length 0 makes it 0.

Test (idx, counts_do_not_overflow)
{
  sb_shape shape = { 3, { SIZE_MAX / 2 + 1, 2, 8 } };
  cr_assert_eq (sb_shape_count (&shape, 0, SIZE_MAX - 1), SIZE_MAX);
  cr_assert_eq (sb_shape_count (&shape, 1, 16), 16u);
  cr_assert_eq (sb_shape_count (&shape, 1, 15), SIZE_MAX);
  cr_assert_eq (sb_shape_count (&shape, 3, 1), 1u);
  shape.length[2] = 0;
  cr_assert_eq (sb_shape_count (&shape, 0, SIZE_MAX - 1), 0u);
}
