// # NPY, the format of numpy
//
// One array to a file (numpy's *NEP 1*, and `numpy.lib.format`):
//
// | bytes | what |
// | --- | --- |
// | 0 to 5 | `93` and `NUMPY` |
// | 6, 7 | the version: 1 0, 2 0 or 3 0 |
// | 8 ... | the length of the header, lowest byte first: 2 bytes in version 1, 4 in the others |
// | then | the header, a Python dictionary, filled with spaces up to a multiple of 64 and ended by a newline |
// | then | the numbers |
//
// The dictionary gives the numbers' type and layout:
// `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }`.

#include "npy.h"
#include "../base/file.h"
#include "half.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char MAGIC[6] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };

enum
{
  START = 8,            // bytes before the header's length
  ALIGNMENT = 64,       // of the numbers in the file
  HEADER_LIMIT = 65535, // version 1 has no longer headers, and an array of numbers needs none
  DESCR = 8             // capacity for a type's name
};

typedef struct
{
  char descr[DESCR];
  bool fortran_order;
  sb_shape shape;
} description;

// ## The dictionary
//
// A parser for just this dictionary. Each function below consumes one piece of text, or reports what it expected and
// where. The text ends with a zero, which matches none of the expected characters.

typedef struct
{
  const char *path, *text;
  size_t at, start; // in the text; of the text in the file
  sb_error *error;
} parser;

static int
expected (const parser *p, const char *what)
{
  SB_ERROR (p->error, GSL_EINVAL, "%s: byte %zu: %s expected in the NPY header", p->path, p->start + p->at, what);
}

static bool
take (parser *p, const char *piece)
{
  while (p->text[p->at] == ' ')
    p->at++;
  size_t length = strlen (piece);
  bool found = strncmp (p->text + p->at, piece, length) == 0;
  if (found)
    p->at += length;
  return found;
}

static int
parse_descr (parser *p, char *descr)
{
  bool single = take (p, "'");
  if (!single && !take (p, "\""))
    return expected (p, "the numbers' type, in quotes,");
  const char *name = p->text + p->at;
  size_t length = strspn (name, "<>=|abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
  if (name[length] != (single ? '\'' : '"') || length == 0 || length >= DESCR)
    return expected (p, "the name of a simple type");
  memcpy (descr, name, length);
  descr[length] = 0;
  p->at += length + 1;
  return GSL_SUCCESS;
}

static int
parse_order (parser *p, bool *fortran_order)
{
  *fortran_order = take (p, "True");
  return *fortran_order || take (p, "False") ? GSL_SUCCESS : expected (p, "True or False");
}

// Python 3 writes no zero before another digit, Python 2 an L after some numbers.

static int
parse_length (parser *p, size_t *length)
{
  take (p, "");
  size_t digits = strspn (p->text + p->at, "0123456789");
  if (digits == 0 || (digits > 1 && p->text[p->at] == '0'))
    return expected (p, "an axis's length");
  *length = 0;
  for (; digits > 0; digits--, p->at++)
    {
      size_t digit = (size_t)(p->text[p->at] - '0');
      if (*length > (SB_SOURCE_LIMIT - digit) / 10)
        SB_ERROR (p->error, GSL_EUNSUP, "%s: byte %zu: an axis is longer than %zu", p->path, p->start + p->at,
                  SB_SOURCE_LIMIT);
      *length = *length * 10 + digit;
    }
  if (p->text[p->at] == 'L')
    p->at++;
  return GSL_SUCCESS;
}

// A tuple: `()`, `(3,)`, `(3, 4)` or `(3, 4,)`, but not `(3)`, which is a number.

static int
parse_shape (parser *p, sb_shape *shape)
{
  shape->rank = 0;
  if (!take (p, "("))
    return expected (p, "a tuple");
  bool more = true;
  for (; !take (p, ")"); shape->rank++)
    {
      if (!more)
        return expected (p, "a comma or the end of the tuple");
      if (shape->rank == SB_SHAPE_RANK)
        SB_ERROR (p->error, GSL_EUNSUP, "%s: byte %zu: more than %d axes", p->path, p->start + p->at, SB_SHAPE_RANK);
      int status = parse_length (p, &shape->length[shape->rank]);
      if (status)
        return status;
      more = take (p, ",");
    }
  return shape->rank == 1 && !more ? expected (p, "a tuple, not a number,") : GSL_SUCCESS;
}

// The three keys, each once, in any order.

static const char *const KEYS[] = { "descr", "fortran_order", "shape" };

enum
{
  KEY_COUNT = 3
};

static int
parse_key (parser *p, size_t *key)
{
  for (*key = 0; *key < KEY_COUNT; ++*key)
    {
      char quoted[2][32];
      snprintf (quoted[0], sizeof quoted[0], "'%s'", KEYS[*key]);
      snprintf (quoted[1], sizeof quoted[1], "\"%s\"", KEYS[*key]);
      if (take (p, quoted[0]) || take (p, quoted[1]))
        return take (p, ":") ? GSL_SUCCESS : expected (p, "a colon");
    }
  return expected (p, "one of the keys descr, fortran_order and shape");
}

static int
parse_item (parser *p, description *found, bool *seen)
{
  size_t key;
  int status = parse_key (p, &key);
  if (status)
    return status;
  if (seen[key])
    return expected (p, "each key once");
  seen[key] = true;
  switch (key)
    {
    case 0:
      return parse_descr (p, found->descr);
    case 1:
      return parse_order (p, &found->fortran_order);
    default:
      return parse_shape (p, &found->shape);
    }
}

static int
parse_dictionary (parser *p, description *found)
{
  bool seen[KEY_COUNT] = { false };
  if (!take (p, "{"))
    return expected (p, "a dictionary");
  for (int item = 0; item < KEY_COUNT; item++)
    {
      int status = parse_item (p, found, seen);
      if (status)
        return status;
      if (!take (p, ",") && item + 1 < KEY_COUNT)
        return expected (p, "a comma");
    }
  if (!take (p, "}"))
    return expected (p, "the end of the dictionary");
  return take (p, "\n") ? GSL_SUCCESS : expected (p, "a newline");
}

// ## The header

static int
read_start (sb_source *source, const char *path, size_t *start, size_t *length, sb_error *error)
{
  unsigned char b[START], size[4] = { 0 };
  *start = *length = 0;
  int status = sb_source_read (source, "the NPY header", sizeof b, b, error);
  if (status)
    return status;
  if (memcmp (b, MAGIC, sizeof MAGIC) != 0)
    SB_ERROR (error, GSL_EINVAL, "%s: byte 0: not an NPY file", path);
  if (b[6] < 1 || b[6] > 3 || b[7] != 0)
    SB_ERROR (error, GSL_EUNSUP, "%s: byte 6: NPY version %d.%d, where 1.0 to 3.0 are expected", path, b[6], b[7]);
  size_t bytes = b[6] == 1 ? 2 : 4;
  status = sb_source_read (source, "the NPY header's length", bytes, size, error);
  *start = START + bytes;
  *length = (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
  if (!status && *length > HEADER_LIMIT)
    SB_ERROR (error, GSL_EUNSUP, "%s: byte 8: an NPY header of %zu bytes", path, *length);
  return status;
}

static int
read_header (sb_source *source, const char *path, description *found, sb_error *error)
{
  size_t start, length;
  int status = read_start (source, path, &start, &length, error);
  if (status)
    return status;
  char *text = malloc (length + 1);
  if (!text)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory for the NPY header", path);
  text[length] = 0;
  status = sb_source_read (source, "the NPY header", length, text, error);
  if (!status)
    {
      parser p = { path, text, 0, start, error };
      status = parse_dictionary (&p, found);
      if (!status && p.at != length)
        status = expected (&p, "its end");
    }
  free (text);
  return status;
}

// ## The numbers
//
// The first letter of a type's name is its byte order (`=`, `|` or none: the machine's, lowest first on those that
// numpy is used on), the next its kind, then comes its size.

typedef enum
{
  FLOATING,
  SIGNED,
  UNSIGNED,
  BOOLEAN
} number_kind;

typedef struct
{
  const char *name; // without the byte order
  number_kind kind;
  size_t size;
} number_type;

static const number_type TYPES[]
    = { { "f2", FLOATING, 2 }, { "f4", FLOATING, 4 }, { "f8", FLOATING, 8 }, { "i1", SIGNED, 1 },
        { "i2", SIGNED, 2 },   { "i4", SIGNED, 4 },   { "i8", SIGNED, 8 },   { "u1", UNSIGNED, 1 },
        { "u2", UNSIGNED, 2 }, { "u4", UNSIGNED, 4 }, { "u8", UNSIGNED, 8 }, { "b1", BOOLEAN, 1 } };

static const number_type *
type_of (const char *descr)
{
  const char *name = descr + strspn (descr, "<>=|");
  for (size_t k = 0; k < sizeof TYPES / sizeof *TYPES && name <= descr + 1; k++)
    if (strcmp (name, TYPES[k].name) == 0)
      return &TYPES[k];
  return NULL;
}

static uint64_t
load (const unsigned char *bytes, size_t size, bool highest_first)
{
  uint64_t bits = 0;
  for (size_t k = 0; k < size; k++)
    bits = bits << 8 | bytes[highest_first ? k : size - 1 - k];
  return bits;
}

static double
floating (size_t size, uint64_t bits)
{
  float single;
  double number;
  uint32_t low = (uint32_t)bits;
  switch (size)
    {
    case 2:
      return (double)half_to_float ((uint16_t)bits);
    case 4:
      memcpy (&single, &low, sizeof single);
      return (double)single;
    default:
      memcpy (&number, &bits, sizeof number);
      return number;
    }
}

// Read as unsigned, a negative number of $s$ bytes is $2^{8s}$ too large.

static double
number_of (const number_type *type, uint64_t bits)
{
  const unsigned sign = 8 * (unsigned)type->size - 1;
  if (type->kind == FLOATING)
    return floating (type->size, bits);
  if (type->kind == SIGNED && bits >> sign)
    return -(double)((UINT64_MAX >> (63 - sign)) - bits) - 1;
  return (double)bits;
}

// Number $k$ of the file is element $(i_0, i_1, \ldots)$: in C order the last index varies fastest and $k$ is its
// place, in Fortran order the first does, and its place in C order is $(\cdots(i_0 l_1 + i_1) l_2 + \cdots)$.

static size_t
place_in_c_order (const sb_shape *shape, size_t k)
{
  size_t place = 0;
  for (size_t axis = 0; axis < shape->rank; axis++)
    {
      place = place * shape->length[axis] + k % shape->length[axis];
      k /= shape->length[axis];
    }
  return place;
}

// `count` numbers, from number `first` of the file on, stored in the file's order; or, where a shape is given, each at
// its place in C order.

static int
decode (const unsigned char *bytes, const number_type *type, const description *found, size_t first, size_t count,
        const sb_shape *order, double *to, const char *path, sb_error *error)
{
  for (size_t k = 0; k < count; k++)
    {
      double number = number_of (type, load (bytes + k * type->size, type->size, found->descr[0] == '>'));
      if (type->kind != FLOATING && fabs (number) > 0x1p53)
        SB_ERROR (error, GSL_EUNSUP, "%s: number %zu: an integer beyond 2^53", path, first + k);
      if (type->kind == BOOLEAN && number > 1)
        SB_ERROR (error, GSL_EINVAL, "%s: number %zu: %g, where true or false is 1 or 0", path, first + k, number);
      to[order ? place_in_c_order (order, k) : k] = number;
    }
  return GSL_SUCCESS;
}

// How many numbers there are, and how many to a point.

static int
count_numbers (const char *path, const description *found, const number_type **type, size_t *count, size_t *d,
               sb_error *error)
{
  *type = type_of (found->descr);
  if (!*type)
    SB_ERROR (error, GSL_EUNSUP, "%s: numbers of type %s, where f2 to f8, i1 to i8, u1 to u8 or b1 is expected", path,
              found->descr);
  if (found->shape.rank == 0)
    SB_ERROR (error, GSL_EUNSUP, "%s: a single number, where an array is expected", path);
  const size_t limit = SB_SOURCE_LIMIT / (*type)->size;
  *count = sb_shape_count (&found->shape, 0, limit);
  *d = sb_shape_count (&found->shape, 1, limit);
  if (*count == SIZE_MAX || *d == SIZE_MAX)
    SB_ERROR (error, GSL_EUNSUP, "%s: the shape asks for more than %zu bytes", path, SB_SOURCE_LIMIT);
  return GSL_SUCCESS;
}

static int
read_numbers (sb_source *source, const char *path, const description *found, gsl_matrix **x, sb_error *error)
{
  const number_type *type;
  size_t count, d;
  int status = count_numbers (path, found, &type, &count, &d, error);
  if (status)
    return status;

  unsigned char *bytes;
  status = sb_source_read_alloc (source, "numbers", count * type->size, &bytes, error);
  if (!status)
    status = sb_source_end (source, error);
  if (!status && !(*x = gsl_matrix_alloc (found->shape.length[0], d)))
    status = sb_error_report (error, __FILE__, __LINE__, GSL_ENOMEM, "%s: no memory for %zu numbers", path, count);
  if (!status)
    status
        = decode (bytes, type, found, 0, count, found->fortran_order ? &found->shape : NULL, (*x)->data, path, error);
  free (bytes);
  return status;
}

gsl_matrix *
sb_npy_read (const char *path, sb_shape *shape, sb_error *error)
{
  sb_source *source = sb_source_open (path, error);
  if (!source)
    return NULL;
  gsl_matrix *x = NULL;
  description found;
  int status = read_header (source, path, &found, error);
  if (!status)
    status = read_numbers (source, path, &found, &x, error);
  sb_source_close (source);
  if (status)
    {
      gsl_matrix_free (x);
      return NULL;
    }
  if (shape)
    *shape = found.shape;
  return x;
}

// ## A block at a time

enum
{
  BLOCK = 4096
};

static int
scan_numbers (sb_source *source, const char *path, const description *found, sb_numbers_show show, void *context,
              sb_error *error)
{
  unsigned char bytes[BLOCK * sizeof (double)];
  double numbers[BLOCK];
  const number_type *type;
  size_t count, d;
  int status = count_numbers (path, found, &type, &count, &d, error);
  for (size_t done = 0, now; !status && done < count; done += now)
    {
      now = GSL_MIN (BLOCK, count - done);
      status = sb_source_read_part (source, "numbers", done * type->size, count * type->size, now * type->size, bytes,
                                    error);
      if (!status)
        status = decode (bytes, type, found, done, now, NULL, numbers, path, error);
      if (!status)
        show (context, now, numbers);
    }
  return status ? status : sb_source_end (source, error);
}

int
sb_npy_scan (const char *path, sb_shape *shape, sb_numbers_show show, void *context, sb_error *error)
{
  sb_error own;
  error = error ? error : &own;
  sb_source *source = sb_source_open (path, error);
  if (!source)
    return error->code;
  description found;
  int status = read_header (source, path, &found, error);
  if (!status)
    status = scan_numbers (source, path, &found, show, context, error);
  sb_source_close (source);
  if (!status)
    *shape = found.shape;
  return status;
}

// ## Writing
//
// The header as numpy writes it, byte for byte: a comma and a space after each entry, also the last.

enum
{
  HEADER_CAPACITY = 512 // more than eight lengths of twenty digits need
};

static size_t
format_header (char *header, const sb_shape *shape, sb_npy_type type)
{
  int at = snprintf (header, HEADER_CAPACITY, "{'descr': '<f%d', 'fortran_order': False, 'shape': (",
                     type == SB_NPY_FLOAT32 ? 4 : 8);
  for (size_t axis = 0; axis < shape->rank; axis++)
    at += snprintf (header + at, HEADER_CAPACITY - (size_t)at, "%s%zu", axis ? ", " : "", shape->length[axis]);
  at += snprintf (header + at, HEADER_CAPACITY - (size_t)at, "%s), }", shape->rank == 1 ? "," : "");

  size_t start = START + 2;
  for (; (start + (size_t)at + 1) % ALIGNMENT != 0; at++)
    header[at] = ' ';
  header[at++] = '\n';
  return (size_t)at;
}

static void
store (uint64_t bits, size_t size, FILE *stream)
{
  unsigned char bytes[8];
  for (size_t k = 0; k < size; k++)
    bytes[k] = (unsigned char)(bits >> 8 * k);
  fwrite (bytes, 1, size, stream);
}

static void
store_number (double number, sb_npy_type type, FILE *stream)
{
  float single = (float)number;
  uint64_t bits;
  uint32_t low;
  memcpy (&bits, &number, sizeof bits);
  memcpy (&low, &single, sizeof low);
  if (type == SB_NPY_FLOAT32)
    store (low, sizeof low, stream);
  else
    store (bits, sizeof bits, stream);
}

int
sb_npy_write (const char *path, const gsl_matrix *x, const sb_shape *shape, sb_npy_type type, sb_error *error)
{
  sb_shape plain = { 2, { x->size1, x->size2 } };
  if (!shape)
    shape = &plain;
  if (shape->rank == 0 || shape->rank > SB_SHAPE_RANK || sb_shape_count (shape, 0, SIZE_MAX - 1) != x->size1 * x->size2)
    SB_ERROR (error, GSL_EBADLEN, "%s: the shape does not hold as many numbers as there are", path);
  if (x->size1 * x->size2 > SB_SOURCE_LIMIT / (type == SB_NPY_FLOAT32 ? sizeof (float) : sizeof (double)))
    SB_ERROR (error, GSL_EUNSUP, "%s: %zu x %zu numbers are more than %zu bytes", path, x->size1, x->size2,
              SB_SOURCE_LIMIT);
  sb_error own;
  error = error ? error : &own;
  sb_file *file = sb_file_create (path, error);
  if (!file)
    return error->code;

  char header[HEADER_CAPACITY];
  size_t length = format_header (header, shape, type);
  fwrite (MAGIC, 1, sizeof MAGIC, file->stream);
  store (1, 2, file->stream); // version 1.0
  store (length, 2, file->stream);
  fwrite (header, 1, length, file->stream);
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      store_number (gsl_matrix_get (x, i, k), type, file->stream);
  return sb_file_commit (file, error);
}
