// # What must be true of NPY files
//
// Numpy reads what we write and we read what numpy writes: the bytes below are what `numpy.save` makes, as its format's
// description has them. What is damaged gives one line and no array.

#include "dataset/npy.h"
#include "dataset/source.h"
#include "property.h"
#include "scope.h"
#include "scratch.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite (npy, .init = scratch_begin, .fini = scratch_end);

enum
{
  ROOM = 4096
};

// A file of version `major` with this dictionary, and these bytes as its numbers; returns its length.

static size_t
compose (unsigned char *file, int major, const char *dictionary, const void *numbers, size_t count)
{
  size_t text = strlen (dictionary), start = major == 1 ? 10 : 12, length = (start + text + 1 + 63) / 64 * 64 - start;
  memcpy (file, "\x93NUMPY", 6);
  memcpy (file + 6,
          (unsigned char[]){ (unsigned char)major, 0, (unsigned char)length, (unsigned char)(length >> 8), 0, 0 }, 6);
  memset (file + start, ' ', length);
  memcpy (file + start, dictionary, text);
  file[start + length - 1] = '\n';
  memcpy (file + start + length, numbers, count);
  return start + length + count;
}

// What only looks at the numbers must see the same: as many, with the same sum, or the same line.

typedef struct
{
  double count, sum;
} seen;

static void
see (void *context, size_t count, const double *block)
{
  seen *s = context;
  s->count += (double)count;
  for (size_t k = 0; k < count; k++)
    s->sum += isfinite (block[k]) ? block[k] : 1;
}

static void
check_scan (const char *path, const gsl_matrix *x, const sb_error *error)
{
  sb_error reason = { 0 };
  sb_shape shape;
  seen numbers = { 0 }, wanted = { 0 };
  const int status = sb_npy_scan (path, &shape, see, &numbers, &reason);
  cr_assert (x ? !status : status == error->code && strcmp (reason.message, error->message) == 0, "%d: %s, not %s",
             status, reason.message, error->message);
  if (!x)
    return;
  see (&wanted, x->size1 * x->size2, x->data);
  cr_assert (numbers.count == wanted.count && fabs (numbers.sum - wanted.sum) <= 1e-12 * fabs (wanted.sum));
}

static gsl_matrix *
read_back (const void *bytes, size_t count, sb_shape *shape, sb_error *error)
{
  scratch_write (scratch_path ("file"), bytes, count);
  *error = (sb_error){ 0 };
  gsl_matrix *x = sb_npy_read (scratch_path ("file"), shape, error);
  check_scan (scratch_path ("file"), x, error);
  return x ? scoped (x) : NULL;
}

static void
expect_refusal (const void *bytes, size_t count, int code, const char *what)
{
  sb_error error;
  gsl_matrix *x = read_back (bytes, count, NULL, &error);
  cr_assert_null (x, "accepted: %s", what);
  scratch_expect_line (&error, scratch_path ("file"));
  cr_assert (code == GSL_SUCCESS || error.code == code, "%s: %s (code %d, expected %d)", what, error.message,
             error.code, code);
}

// ## As numpy writes them

static const double numbers[6] = { 1, -2.5, 3, 1e300, 0.1, -0.0 };

static const char dictionary[] = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }";

static size_t
good_file (unsigned char *file)
{
  return compose (file, 1, dictionary, numbers, sizeof numbers);
}

Test (npy, bytes_are_those_of_numpy)
{
  unsigned char expected[ROOM], found[ROOM];
  size_t length = good_file (expected);
  cr_assert_eq (length, 128 + sizeof numbers);
  cr_assert_eq (memcmp (expected, "\x93NUMPY\1\0v\0{'descr'", 17), 0);

  gsl_matrix_const_view x = gsl_matrix_const_view_array (numbers, 2, 3);
  ok (sb_npy_write (scratch_path ("out"), &x.matrix, NULL, SB_NPY_FLOAT64, NULL));
  cr_assert_eq (scratch_read (scratch_path ("out"), found, ROOM), length);
  cr_assert_eq (memcmp (found, expected, length), 0);

  const float singles[6] = { 1, -2.5f, 3, INFINITY, 0.1f, -0.0f };
  length = compose (expected, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }", singles, sizeof singles);
  ok (sb_npy_write (scratch_path ("out"), &x.matrix, &(sb_shape){ 1, { 6 } }, SB_NPY_FLOAT32, NULL));
  cr_assert_eq (scratch_read (scratch_path ("out"), found, ROOM), length);
  cr_assert_eq (memcmp (found, expected, length), 0);
}

static void
expect_numbers (const void *bytes, size_t count, size_t n, size_t d, const double *expected)
{
  sb_error error;
  gsl_matrix *x = read_back (bytes, count, NULL, &error);
  cr_assert_not_null (x, "%s", error.message);
  cr_assert (x->size1 == n && x->size2 == d, "%zu x %zu", x->size1, x->size2);
  cr_assert_eq (memcmp (x->data, expected, n * d * sizeof (double)), 0);
}

Test (npy, all_versions_and_gzip_are_read)
{
  unsigned char file[ROOM], packed[ROOM];
  size_t length = good_file (file);
  expect_numbers (file, length, 2, 3, numbers);
  expect_numbers (packed, scratch_gzip (file, length, packed, sizeof packed), 2, 3, numbers);
  expect_numbers (file, compose (file, 2, dictionary, numbers, sizeof numbers), 2, 3, numbers);
  expect_numbers (file, compose (file, 3, dictionary, numbers, sizeof numbers), 2, 3, numbers);
}

// The same dictionary in other words that Python accepts, old numpy's among them.

Test (npy, other_ways_to_write_the_dictionary_are_read)
{
  const char *same[] = { "{'shape': (2, 3), 'descr': '<f8', 'fortran_order': False}",
                         "{\"descr\":\"<f8\",\"fortran_order\":False,\"shape\":(2,3,)}",
                         "{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 3L), }",
                         "{'descr': '=f8', 'fortran_order': False, 'shape': (2L, 3), }",
                         "{'descr': '|f8', 'fortran_order': False, 'shape': (2, 3), }",
                         "{'descr': 'f8', 'fortran_order': False, 'shape': (2, 3), }",
                         "{ 'fortran_order' : False , 'shape' : ( 2 , 3 ) , 'descr' : '<f8' , }  " };
  unsigned char file[ROOM];
  for (size_t k = 0; k < sizeof same / sizeof *same; k++)
    expect_numbers (file, compose (file, 1, same[k], numbers, sizeof numbers), 2, 3, numbers);
}

Test (npy, every_type_and_byte_order_is_read)
{
  const double expected[2] = { 3, -2 }, small[2] = { 3, 254 }, large[2] = { 9007199254740992., -9007199254740992. },
               least[2] = { -128, 127 }, words[2] = { 3, 65534 }, longs[2] = { 3, 4294967294. }, truths[2] = { 1, 0 },
               most[2] = { 3, 9007199254740992. };
  unsigned char file[ROOM];
  const struct
  {
    const char *descr, *bytes;
    size_t count;
    const double *expected;
  } types[] = { { "<f4", "\0\0\x40\x40\0\0\0\xc0", 8, expected },
                { ">f4", "\x40\x40\0\0\xc0\0\0\0", 8, expected },
                { "<f8", "\0\0\0\0\0\0\x08\x40\0\0\0\0\0\0\0\xc0", 16, expected },
                { ">f8", "\x40\x08\0\0\0\0\0\0\xc0\0\0\0\0\0\0\0", 16, expected },
                { "<f2", "\0\x42\0\xc0", 4, expected },
                { ">f2", "\x42\0\xc0\0", 4, expected },
                { "|u1", "\x03\xfe", 2, small },
                { "<u1", "\x03\xfe", 2, small },
                { ">u1", "\x03\xfe", 2, small },
                { "|i1", "\x03\xfe", 2, expected },
                { "<i1", "\x80\x7f", 2, least },
                { "|b1", "\1\0", 2, truths },
                { "<i2", "\3\0\xfe\xff", 4, expected },
                { ">i2", "\0\3\xff\xfe", 4, expected },
                { "<u2", "\3\0\xfe\xff", 4, words },
                { ">u2", "\0\3\xff\xfe", 4, words },
                { "<i4", "\3\0\0\0\xfe\xff\xff\xff", 8, expected },
                { ">i4", "\0\0\0\3\xff\xff\xff\xfe", 8, expected },
                { "=i4", "\3\0\0\0\xfe\xff\xff\xff", 8, expected },
                { "<u4", "\3\0\0\0\xfe\xff\xff\xff", 8, longs },
                { ">u4", "\0\0\0\3\xff\xff\xff\xfe", 8, longs },
                { "<u8", "\3\0\0\0\0\0\0\0\0\0\0\0\0\0\x20\0", 16, most },
                { ">u8", "\0\0\0\0\0\0\0\3\0\x20\0\0\0\0\0\0", 16, most },
                { "<i8", "\3\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16, expected },
                { ">i8", "\0\0\0\0\0\0\0\3\xff\xff\xff\xff\xff\xff\xff\xfe", 16, expected },
                { "<i8", "\0\0\0\0\0\0\x20\0\0\0\0\0\0\0\xe0\xff", 16, large } };
  for (size_t k = 0; k < sizeof types / sizeof *types; k++)
    {
      char text[100];
      snprintf (text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }", types[k].descr);
      expect_numbers (file, compose (file, 1, text, types[k].bytes, types[k].count), 2, 1, types[k].expected);
    }
}

// An array of 2 x 3 x 2 in Fortran order: element (i, j, k) is 100 i + 10 j + k and lies at i + 2 j + 6 k.

Test (npy, fortran_order_is_read)
{
  const unsigned char fortran[] = { 0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121 };
  const double rows[] = { 0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121 };
  unsigned char file[ROOM];
  size_t length
      = compose (file, 1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }", fortran, sizeof fortran);
  expect_numbers (file, length, 2, 6, rows);
}

Test (npy, the_shape_is_told)
{
  unsigned char file[ROOM];
  sb_shape shape;
  sb_error error;
  size_t length = compose (file, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 3), }", "abcdef", 6);
  gsl_matrix *x = read_back (file, length, &shape, &error);
  cr_assert (x && x->size1 == 2 && x->size2 == 3);
  cr_assert (shape.rank == 3 && shape.length[0] == 2 && shape.length[1] == 1 && shape.length[2] == 3);
}

// ## There and back
//
// Any shape, any number a double can be; in float32 what a float makes of it. The rows may lie apart.

static double
round_trip (const double *v, void *context)
{
  (void)context;
  size_t n = (size_t)v[0], d = (size_t)v[1], wrong = 0;
  gsl_rng *r = property_rng (v[2]);
  gsl_matrix_view x = gsl_matrix_submatrix (matrix_all (n + 1, d + 2, 0), 0, 1, n, d);
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < d; k++)
      {
        uint64_t bits = (uint64_t)gsl_rng_get (r) << 32 | gsl_rng_get (r);
        memcpy (gsl_matrix_ptr (&x.matrix, i, k), &bits, sizeof bits);
      }
  for (sb_npy_type type = SB_NPY_FLOAT32; type <= SB_NPY_FLOAT64; type++)
    {
      sb_npy_write (scratch_path ("out"), &x.matrix, NULL, type, NULL);
      gsl_matrix *y = scoped (sb_npy_read (scratch_path ("out"), NULL, NULL));
      wrong += !y || y->size1 != n || y->size2 != d;
      for (size_t i = 0; i < n && !wrong; i++)
        for (size_t k = 0; k < d; k++)
          {
            double number = gsl_matrix_get (&x.matrix, i, k), found = gsl_matrix_get (y, i, k);
            double expected = type == SB_NPY_FLOAT32 ? (double)(float)number : number;
            wrong += isnan (number) ? !isnan (found) : memcmp (&expected, &found, sizeof found) != 0;
          }
    }
  return (double)wrong;
}

Test (npy, what_is_written_is_read)
{
  const property_parameter parameters[] = { { "n", PROPERTY_INTEGER, 1, 12, 1 },
                                            { "d", PROPERTY_INTEGER, 1, 12, 1 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e9, 1 } };
  property_check ("an NPY file there and back", 1, 60, 3, parameters, round_trip, NULL, 0);
}

// No rows are an array too, of shape (0, 5).

Test (npy, an_empty_array_is_one)
{
  gsl_matrix *none = matrix (0, 5);
  ok (sb_npy_write (scratch_path ("out"), none, NULL, SB_NPY_FLOAT64, NULL));
  gsl_matrix *x = scoped (sb_npy_read (scratch_path ("out"), NULL, NULL));
  cr_assert (x && x->size1 == 0 && x->size2 == 5);
}

// Numpy itself, where there is one.

Test (npy, numpy_agrees)
{
  if (system ("python3 -c 'import numpy' 2>/dev/null") != 0)
    cr_skip_test ("no numpy");
  gsl_matrix_const_view x = gsl_matrix_const_view_array (numbers, 2, 3);
  ok (sb_npy_write (scratch_path ("out"), &x.matrix, &(sb_shape){ 3, { 1, 2, 3 } }, SB_NPY_FLOAT64, NULL));
  char command[2000];
  snprintf (command, sizeof command,
            "python3 -c \"import numpy; x = numpy.load ('%s'); assert x.shape == (1, 2, 3) and x.dtype == 'float64'; "
            "assert x.ravel ().tolist () == [1, -2.5, 3, 1e300, 0.1, 0]; "
            "numpy.save ('%s', x); numpy.save ('%s', numpy.asfortranarray (x[0]))\"",
            scratch_path ("out"), scratch_path ("c.npy"), scratch_path ("f.npy"));
  cr_assert_eq (system (command), 0);

  unsigned char ours[ROOM], theirs[ROOM];
  size_t length = scratch_read (scratch_path ("out"), ours, ROOM);
  cr_assert_eq (scratch_read (scratch_path ("c.npy"), theirs, ROOM), length);
  cr_assert_eq (memcmp (ours, theirs, length), 0);
  gsl_matrix *y = scoped (sb_npy_read (scratch_path ("f.npy"), NULL, NULL));
  cr_assert (y && gsl_matrix_equal (y, &x.matrix));
}

// ## Damaged files

Test (npy, truncation_at_every_byte_is_noticed)
{
  unsigned char file[ROOM];
  size_t length = good_file (file);
  for (size_t count = 0; count < length; count++)
    expect_refusal (file, count, GSL_EOF, "truncated");
  file[length] = 0;
  expect_refusal (file, length + 1, GSL_EINVAL, "a trailing byte");
}

// Every bit of every byte before the numbers, and every character of the dictionary's own language in its place. Some
// changes are another truth about the same bytes: numbers of another byte order, and a last comma left out.

static void
check_wrong_byte (const unsigned char *good, size_t length, size_t place, int value)
{
  unsigned char file[ROOM];
  memcpy (file, good, length);
  file[place] = (unsigned char)value;
  size_t order = 10 + strcspn (dictionary, "<"), comma = 10 + strlen (dictionary) - 3;
  if ((place == order && strchr (">=|", value)) || (place == comma && value == ' '))
    {
      sb_error error;
      gsl_matrix *x = read_back (file, length, NULL, &error);
      cr_assert_not_null (x);
    }
  else if (value != good[place])
    expect_refusal (file, length, place < 6 ? GSL_EINVAL : place < 8 ? GSL_EUNSUP : GSL_SUCCESS, "a wrong byte");
}

Test (npy, every_wrong_header_byte_is_noticed)
{
  unsigned char good[ROOM];
  size_t length = good_file (good);
  for (size_t place = 0; place < 128; place++)
    {
      for (int bit = 0; bit < 8; bit++)
        check_wrong_byte (good, length, place, good[place] ^ 1 << bit);
      for (const char *letter = "<>fi 18,'()}\n"; *letter && place >= 10 && place < 80; letter++)
        check_wrong_byte (good, length, place, *letter);
    }
}

Test (npy, wrong_dictionaries_are_refused)
{
  const struct
  {
    const char *text;
    int code;
  } wrong[]
      = { { "", GSL_EINVAL },
          { "{}", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'fortran_order': False, 'shape': (2, 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'descr': '<f8', 'shape': (2, 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), 'more': 1}", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': 0, 'shape': (2, 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (6), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': 6, }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3, , ), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (-2, 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2.0, 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2LL, 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (L, 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), } x", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False 'shape': (2, 3), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape' (2, 3), }", GSL_EINVAL },
          { "{'descr': '<f8\", 'fortran_order': False, 'shape': (2, 3), }", GSL_EINVAL },
          { "{'descr': '', 'fortran_order': False, 'shape': (2, 3), }", GSL_EINVAL },
          { "{'descr': '<ffffffffffffffffffffffffffffffff8', 'fortran_order': False, 'shape': (2, 3), }", GSL_EINVAL },
          { "{'descr': '<f\n8', 'fortran_order': False, 'shape': (2, 3), }", GSL_EINVAL },
          { "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2, 3), }", GSL_EINVAL },
          { "['descr': '<f8', 'fortran_order': False, 'shape': (2, 3), ]", GSL_EINVAL },
          { "{'descr': '<c16', 'fortran_order': False, 'shape': (3, 1), }", GSL_EUNSUP },
          { "{'descr': '<<f8', 'fortran_order': False, 'shape': (2, 3), }", GSL_EUNSUP },
          { "{'descr': '<f16', 'fortran_order': False, 'shape': (1, 3), }", GSL_EUNSUP },
          { "{'descr': '<U12', 'fortran_order': False, 'shape': (1, 1), }", GSL_EUNSUP },
          { "{'descr': '<M8', 'fortran_order': False, 'shape': (2, 3), }", GSL_EUNSUP },
          { "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 24), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (), }", GSL_EUNSUP },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,2,3), }", GSL_EUNSUP },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 4), }", GSL_EOF },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", GSL_EINVAL },
          { "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 3), }", GSL_EINVAL } };
  unsigned char file[ROOM];
  for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
    expect_refusal (file, compose (file, 1, wrong[k].text, numbers, sizeof numbers), wrong[k].code, wrong[k].text);
}

// What is wrong is said with its place: the dictionary starts at byte 10, its letter after "'shape': (" at 61.

Test (npy, the_place_is_named)
{
  unsigned char file[ROOM];
  sb_error error;
  char line[600];
  size_t length
      = compose (file, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (x, 3), }", numbers, sizeof numbers);
  read_back (file, length, NULL, &error);
  snprintf (line, sizeof line, "%s: byte 61: an axis's length expected in the NPY header", scratch_path ("file"));
  cr_assert_str_eq (error.message, line);
}

// Absurd shapes and headers ask for no memory: $2^{64}$ elements, an overflow to 6 among them, gigabytes just within
// the limit, a header of 4 GiB.

Test (npy, absurd_shapes_are_refused)
{
  const char *shapes[] = { "(18446744073709551616,)",
                           "(4294967296, 4294967296)",
                           "(9223372036854775811, 2)",
                           "(2147483648,)",
                           "(268435457,)",
                           "(65536, 65536)",
                           "(0, 2147483648, 2147483648)" };
  unsigned char file[ROOM];
  char text[200];
  for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++)
    {
      snprintf (text, sizeof text, "{'descr': '<f8', 'fortran_order': False, 'shape': %s, }", shapes[k]);
      expect_refusal (file, compose (file, 1, text, numbers, sizeof numbers), GSL_EUNSUP, text);
    }
  size_t length
      = compose (file, 1, "{'descr': '<f8', 'fortran_order': True, 'shape': (268435456,), }", numbers, sizeof numbers);
  expect_refusal (file, length, GSL_EOF, "2 GiB promised");
  cr_assert (scratch_largest > 0 && scratch_largest <= (size_t)1 << 20, "%zu bytes", scratch_largest);

  compose (file, 2, dictionary, numbers, sizeof numbers);
  memset (file + 8, 0xff, 4);
  expect_refusal (file, length, GSL_EUNSUP, "a header of 4 GiB");
}

Test (npy, integers_that_no_double_holds_are_refused)
{
  unsigned char file[ROOM];
  const char *text = "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }";
  expect_refusal (file, compose (file, 1, text, "\2\0\0\0\0\0\x20\0", 8), GSL_EUNSUP, "2^53 + 2");
  expect_refusal (file, compose (file, 1, text, "\0\0\0\0\0\0\0\x80", 8), GSL_EUNSUP, "-2^63");
  text = "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }";
  expect_refusal (file, compose (file, 1, text, "\0\0\0\0\0\0\0\x80", 8), GSL_EUNSUP, "2^63");
}

// Random damage: refused, or an array of as many numbers as there are bytes for.

Test (npy, random_damage_never_lies)
{
  gsl_rng *r = property_rng (29);
  for (int i = 0; i < 1000; i++)
    {
      unsigned char file[ROOM];
      size_t length = good_file (file);
      for (unsigned long times = 1 + gsl_rng_uniform_int (r, 3); times > 0; times--)
        {
          size_t place = gsl_rng_uniform_int (r, 80);
          file[place] = gsl_rng_uniform_int (r, 2) ? (unsigned char)gsl_rng_uniform_int (r, 256)
                                                   : (unsigned char)"<>fi8(),' 123{}"[gsl_rng_uniform_int (r, 15)];
        }
      sb_error error;
      gsl_matrix *x = read_back (file, length, NULL, &error);
      if (x)
        cr_assert_eq (x->size1 * x->size2, 6);
      else
        scratch_expect_line (&error, scratch_path ("file"));
    }
}

Test (npy, what_is_no_file_is_refused)
{
  const char *paths[] = { scratch_path ("missing"), scratch_path (".") };
  for (size_t k = 0; k < 2; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_npy_read (paths[k], NULL, &error));
      scratch_expect_line (&error, paths[k]);
      refused (GSL_EFAILED, error.code);
    }
  refused (GSL_EFAILED, sb_npy_scan (scratch_path ("missing"), NULL, NULL, NULL, NULL));
}

// ## Writing where one cannot
//
// One line, and no file, not even a part of one.

static void
expect_no_file (const char *path, size_t files)
{
  gsl_matrix *x = matrix_all (300, 300, 0);
  sb_error error = { 0 };
  int status = sb_npy_write (path, x, NULL, SB_NPY_FLOAT64, &error);
  cr_assert_neq (status, GSL_SUCCESS);
  cr_assert_eq (status, error.code);
  scratch_expect_line (&error, path);
  cr_assert_eq (scratch_files (), files);
  cr_assert_eq (sb_npy_write (path, x, NULL, SB_NPY_FLOAT64, NULL), status, "without a record");
}

Test (npy, unwritable_paths_are_refused)
{
  scratch_write (scratch_path ("file"), "x", 1);
  mkdir (scratch_path ("folder"), 0777);
  expect_no_file (scratch_path ("folder"), 2);
  expect_no_file (scratch_path ("missing/out"), 2);
  expect_no_file (scratch_path ("file/out"), 2);
}

Test (npy, a_full_disk_is_noticed)
{
  if (access ("/dev/full", W_OK) != 0)
    cr_skip_test ("no /dev/full");
  expect_no_file ("/dev/full", 0);
}

Test (npy, a_shape_that_does_not_fit_is_refused)
{
  gsl_matrix *x = matrix_all (2, 3, 0);
  const sb_shape shapes[] = { { 0, { 0 } }, { 1, { 5 } }, { 2, { 3, 3 } }, { 9, { 0 } }, { 2, { SIZE_MAX, 6 } } };
  for (size_t k = 0; k < 5; k++)
    refused (GSL_EBADLEN, sb_npy_write (scratch_path ("out"), x, &shapes[k], SB_NPY_FLOAT64, NULL));
  const gsl_matrix more = { .size1 = SB_SOURCE_LIMIT / 16 + 1, .size2 = 2, .tda = 2 }; // by two numbers
  refused (GSL_EUNSUP, sb_npy_write (scratch_path ("out"), &more, NULL, SB_NPY_FLOAT64, NULL));
  cr_assert_eq (scratch_files (), 0);
}
