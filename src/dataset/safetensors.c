// # Tensors in a file
//
// Weights are most useful where other programs can read them, so they are stored as safetensors: a header that says of
// each tensor
//
//     "down.0.0.conv1.weight": {"dtype": "F32", "shape": [32, 32, 3, 3], "data_offsets": [1280, 38144]}
//
// and then nothing but the numbers. Jansson reads and writes the JSON. A file is not trusted: every number in its
// header is checked against the file's real size before it is used.

#include "safetensors.h"

#include "../base/file.h"
#include "half.h"

#include <errno.h>
#include <gsl/gsl_math.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are little-endian: this machine would need its floats turned"
#endif

static const char metadata[] = "__metadata__";

enum
{
  HEADER_LIMIT = 16 << 20, // of bytes: a hundred thousand tensors
  RANK_LIMIT = 4
};

// ## Lists of tensors

sb_tensors *
sb_tensors_alloc (void)
{
  sb_tensors *tensors = calloc (1, sizeof *tensors);
  if (!tensors)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a list of tensors");
  return tensors;
}

void
sb_tensors_free (sb_tensors *tensors)
{
  if (!tensors)
    return;
  for (size_t k = 0; k < tensors->count; k++)
    free (tensors->tensor[k].name);
  for (size_t k = 0; k < tensors->notes; k++)
    {
      free (tensors->note[k].key);
      free (tensors->note[k].value);
    }
  free (tensors->tensor);
  free (tensors->note);
  free (tensors->memory);
  free (tensors);
}

int
sb_tensors_add (sb_tensors *tensors, const char *name, size_t rank, const size_t *size, float *data)
{
  if (rank > RANK_LIMIT)
    SB_ERROR (NULL, GSL_EINVAL, "tensor %s: its rank is %zu, more than %d", name, rank, RANK_LIMIT);
  sb_tensor *more = realloc (tensors->tensor, (tensors->count + 1) * sizeof *more);
  if (more)
    tensors->tensor = more;
  char *copy = more ? strdup (name) : NULL;
  if (!copy)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the name of tensor %s", name);
  sb_tensor tensor = { .name = copy, .dtype = "F32", .rank = rank, .count = 1, .data = data };
  for (size_t k = 0; k < rank; k++)
    {
      tensor.size[k] = size[k];
      tensor.count *= size[k];
    }
  tensors->tensor[tensors->count++] = tensor;
  return GSL_SUCCESS;
}

int
sb_tensors_note_add (sb_tensors *tensors, const char *key, const char *value)
{
  sb_tensors_note *more = realloc (tensors->note, (tensors->notes + 1) * sizeof *more);
  if (more)
    tensors->note = more;
  sb_tensors_note note = { more ? strdup (key) : NULL, more ? strdup (value) : NULL };
  if (!note.key || !note.value)
    {
      free (note.key);
      free (note.value);
      SB_ERROR (NULL, GSL_ENOMEM, "no memory for the note %s", key);
    }
  tensors->note[tensors->notes++] = note;
  return GSL_SUCCESS;
}

static const sb_tensor *
named (const sb_tensors *tensors, const char *name)
{
  for (size_t k = 0; k < tensors->count; k++)
    if (strcmp (tensors->tensor[k].name, name) == 0)
      return &tensors->tensor[k];
  return NULL;
}

const sb_tensor *
sb_tensors_find (const sb_tensors *tensors, const char *name)
{
  const sb_tensor *tensor = named (tensors, name);
  return tensor && tensor->data ? tensor : NULL;
}

const char *
sb_tensors_dtype (const sb_tensors *tensors, const char *name)
{
  const sb_tensor *tensor = named (tensors, name);
  return tensor ? tensor->dtype : NULL;
}

const char *
sb_tensors_note_find (const sb_tensors *tensors, const char *key)
{
  for (size_t k = 0; k < tensors->notes; k++)
    if (strcmp (tensors->note[k].key, key) == 0)
      return tensors->note[k].value;
  return NULL;
}

size_t
sb_tensors_numbers (const sb_tensors *tensors)
{
  size_t count = 0;
  for (size_t k = 0; k < tensors->count; k++)
    count += tensors->tensor[k].data ? tensors->tensor[k].count : 0;
  return count;
}

// ## The dtypes

static const struct
{
  const char *name;
  size_t size;
} dtypes[] = { { "F32", 4 },  { "F16", 2 }, { "BF16", 2 },    { "F64", 8 },     { "I64", 8 },    { "U64", 8 },
               { "I32", 4 },  { "U32", 4 }, { "I16", 2 },     { "U16", 2 },     { "I8", 1 },     { "U8", 1 },
               { "BOOL", 1 }, { "C64", 8 }, { "F8_E4M3", 1 }, { "F8_E5M2", 1 }, { "F8_E8M0", 1 } };

enum
{
  F32, // these are read and written
  F16,
  BF16,
  FLOATS,
  DTYPES = sizeof dtypes / sizeof *dtypes
};

static size_t
dtype_of (const sb_tensor *tensor)
{
  size_t k = 0;
  while (strcmp (dtypes[k].name, tensor->dtype) != 0)
    k++;
  return k;
}

int
sb_tensors_dtype_set (sb_tensors *tensors, const char *name, const char *dtype)
{
  size_t k = 0;
  while (k < FLOATS && strcmp (dtypes[k].name, dtype) != 0)
    k++;
  sb_tensor *tensor = (sb_tensor *)named (tensors, name);
  if (k == FLOATS || !tensor)
    SB_ERROR (NULL, GSL_EINVAL, "tensor %s cannot be written as %s", name, dtype);
  tensor->dtype = dtypes[k].name;
  return GSL_SUCCESS;
}

// ## Writing
//
// Jansson's functions accept NULL for an argument and then fail too, so one check at the end of each is enough.

static json_t *
describe (const sb_tensor *tensor, size_t first)
{
  json_t *shape = json_array ();
  for (size_t k = 0; k < tensor->rank; k++)
    if (json_array_append_new (shape, json_integer ((json_int_t)tensor->size[k])))
      {
        json_decref (shape);
        return NULL;
      }
  size_t last = first + tensor->count * dtypes[dtype_of (tensor)].size;
  return json_pack ("{s:s, s:o, s:[I, I]}", "dtype", tensor->dtype, "shape", shape, "data_offsets", (json_int_t)first,
                    (json_int_t)last);
}

static json_t *
describe_all (const sb_tensors *tensors)
{
  json_t *header = json_object (), *notes = json_object ();
  int failed = 0;
  for (size_t k = 0; k < tensors->notes; k++)
    failed |= json_object_set_new (notes, tensors->note[k].key, json_string (tensors->note[k].value));
  failed |= json_object_set_new (header, metadata, notes);
  for (size_t k = 0, first = 0; k < tensors->count; k++)
    {
      failed |= json_object_set_new (header, tensors->tensor[k].name, describe (&tensors->tensor[k], first));
      first += tensors->tensor[k].count * dtypes[dtype_of (&tensors->tensor[k])].size;
    }
  if (failed)
    {
      json_decref (header);
      return NULL;
    }
  return header;
}

// Text of known length, into memory of our own: where an allocation fails, `json_dumps` leaves out a key and goes on.

static char *
text_of (const json_t *header, size_t *length)
{
  *length = header ? json_dumpb (header, NULL, 0, JSON_COMPACT) : 0;
  char *text = *length > 0 ? malloc (*length) : NULL;
  if (text && json_dumpb (header, text, *length, JSON_COMPACT) != *length)
    {
      free (text);
      return NULL;
    }
  return text;
}

static float
as_read (size_t dtype, float number)
{
  return dtype == F16    ? half_to_float (float_to_half (number))
         : dtype == BF16 ? bfloat_to_float (float_to_bfloat (number))
                         : number;
}

// What the reader would refuse is not written. If a name occurs twice, the header has fewer names than there are.
// Jansson makes no string of bytes that are not UTF-8; where it gets no memory, `errno` says so.

static int
check_tensor (const sb_tensor *tensor, const char *path, sb_error *error)
{
  const size_t dtype = dtype_of (tensor);
  for (size_t j = 0; j < tensor->count; j++)
    if (!gsl_finite ((double)tensor->data[j]))
      SB_ERROR (error, GSL_EINVAL, "%s: tensor %s: number %zu is not finite", path, tensor->name, j);
    else if (!gsl_finite ((double)as_read (dtype, tensor->data[j])))
      SB_ERROR (error, GSL_EINVAL, "%s: tensor %s: number %zu is %g, beyond the largest of %s", path, tensor->name, j,
                (double)tensor->data[j], tensor->dtype);
  return GSL_SUCCESS;
}

static int
write_numbers (const sb_tensor *tensor, FILE *file)
{
  const size_t dtype = dtype_of (tensor);
  if (dtype == F32)
    return fwrite (tensor->data, sizeof (float), tensor->count, file) == tensor->count;
  uint16_t block[1024];
  size_t written = 0;
  for (size_t first = 0, count; first < tensor->count; first += count)
    {
      count = GSL_MIN (1024, tensor->count - first);
      for (size_t j = 0; j < count; j++)
        block[j] = (dtype == F16 ? float_to_half : float_to_bfloat) (tensor->data[first + j]);
      written += fwrite (block, sizeof *block, count, file);
    }
  return written == tensor->count;
}

static int
check_header (const sb_tensors *tensors, const json_t *header, size_t length, const char *path, sb_error *error)
{
  if (length == 0 && errno == ENOMEM)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory for the header", path);
  if (length == 0)
    SB_ERROR (error, GSL_EINVAL, "%s: a name or a note is not UTF-8", path);
  if (json_object_size (header) != tensors->count + 1
      || json_object_size (json_object_get (header, metadata)) != tensors->notes)
    SB_ERROR (error, GSL_EINVAL, "%s: two tensors or two notes have one name", path);
  if (length > HEADER_LIMIT)
    SB_ERROR (error, GSL_EINVAL, "%s: a header of %zu bytes is longer than %d", path, length, HEADER_LIMIT);
  return GSL_SUCCESS;
}

// The header is padded with blanks to a multiple of eight bytes, so that the numbers are aligned.

int
sb_safetensors_write (const sb_tensors *tensors, const char *path, sb_error *error)
{
  sb_error own;
  error = error ? error : &own;
  size_t length;
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < tensors->count && !status; k++)
    status = check_tensor (&tensors->tensor[k], path, error);
  if (status)
    return status;
  errno = 0;
  json_t *header = describe_all (tensors);
  char *text = text_of (header, &length);
  status = check_header (tensors, header, text ? length : 0, path, error);
  json_decref (header);
  sb_file *file = status ? NULL : sb_file_create (path, error);
  if (!file)
    {
      free (text);
      return error->code;
    }

  size_t padded = (length + 7) / 8 * 8;
  uint64_t said = padded;
  fwrite (&said, sizeof said, 1, file->stream);
  fwrite (text, 1, length, file->stream);
  fwrite ("        ", 1, padded - length, file->stream);
  for (size_t k = 0; k < tensors->count; k++)
    write_numbers (&tensors->tensor[k], file->stream);
  free (text);
  return sb_file_commit (file, error);
}

// ## Reading
//
// First the header, all of which is checked against the file's length; then the numbers, so that the file has as many.
// They are stored in one block of memory, as floats. Tensors of other dtypes are skipped.

typedef struct
{
  const char *path;
  uint64_t bytes; // of numbers
  sb_error *error;
} reading;

static int
read_dtype (const reading *r, const char *name, const json_t *said, size_t *dtype)
{
  const char *word = json_string_value (said);
  for (*dtype = 0; word && *dtype < DTYPES; ++*dtype)
    if (strcmp (dtypes[*dtype].name, word) == 0)
      return GSL_SUCCESS;
  SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: its numbers are of %s", r->path, name,
            word ? "an unknown dtype" : "no dtype");
}

static int
read_shape (const reading *r, const json_t *shape, sb_tensor *tensor)
{
  tensor->rank = json_array_size (shape);
  tensor->count = 1;
  if (!json_is_array (shape) || tensor->rank > RANK_LIMIT)
    SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: its shape is not a list of up to %d sizes", r->path, tensor->name,
              RANK_LIMIT);
  for (size_t k = 0; k < tensor->rank; k++)
    {
      const json_t *said = json_array_get (shape, k);
      const json_int_t n = json_integer_value (said);
      if (!json_is_integer (said) || n < 0 || (tensor->count > 0 && (uint64_t)n > r->bytes / tensor->count))
        SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: size %zu of its shape is not a number that fits the file",
                  r->path, tensor->name, k);
      tensor->size[k] = (size_t)n;
      tensor->count *= (size_t)n;
    }
  return GSL_SUCCESS;
}

static int
read_place (const reading *r, const json_t *offsets, size_t size, sb_tensor *tensor)
{
  const json_t *from = json_array_get (offsets, 0), *to = json_array_get (offsets, 1);
  const json_int_t first = json_integer_value (from), last = json_integer_value (to);
  if (json_array_size (offsets) != 2 || !json_is_integer (from) || !json_is_integer (to) || first < 0 || last < first
      || (uint64_t)last > r->bytes || (uint64_t)(last - first) != (uint64_t)tensor->count * size)
    SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: its data_offsets do not fit its shape or the file", r->path,
              tensor->name);
  tensor->place = (size_t)first;
  return GSL_SUCCESS;
}

static int
read_tensor (const reading *r, sb_tensors *tensors, const char *name, const json_t *said)
{
  int status = sb_tensors_add (tensors, name, 0, NULL, NULL);
  if (status)
    return status;
  sb_tensor *tensor = &tensors->tensor[tensors->count - 1];
  size_t dtype;
  status = read_dtype (r, name, json_object_get (said, "dtype"), &dtype);
  if (status)
    return status;
  tensor->dtype = dtypes[dtype].name;
  status = read_shape (r, json_object_get (said, "shape"), tensor);
  return status ? status : read_place (r, json_object_get (said, "data_offsets"), dtypes[dtype].size, tensor);
}

static int
read_notes (const reading *r, sb_tensors *tensors, json_t *said)
{
  const char *key;
  json_t *value;
  if (!json_is_object (said))
    SB_ERROR (r->error, GSL_EINVAL, "%s: %s is not an object", r->path, metadata);
  json_object_foreach (said, key, value)
  {
    if (!json_is_string (value))
      SB_ERROR (r->error, GSL_EINVAL, "%s: %s: %s is not a string", r->path, metadata, key);
    int status = sb_tensors_note_add (tensors, key, json_string_value (value));
    if (status)
      return status;
  }
  return GSL_SUCCESS;
}

static int
by_place (const void *a, const void *b)
{
  const sb_tensor *s = a, *t = b;
  return s->place != t->place ? (s->place > t->place) - (s->place < t->place)
                              : (s->count > 0) - (t->count > 0); // what is empty ends where the next begins
}

// Sorted by where they begin, each must begin where the one before ended, and the last end where the file does.

static int
check_places (const reading *r, sb_tensors *tensors)
{
  uint64_t next = 0;
  if (tensors->count > 0)
    qsort (tensors->tensor, tensors->count, sizeof *tensors->tensor, by_place);
  for (size_t k = 0; k < tensors->count; k++)
    {
      const sb_tensor *tensor = &tensors->tensor[k];
      if (tensor->place != next)
        SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: it overlaps the one before, or leaves a gap", r->path,
                  tensor->name);
      next += tensor->count * dtypes[dtype_of (tensor)].size;
    }
  if (next != r->bytes)
    SB_ERROR (r->error, GSL_EINVAL, "%s: there is more in the file than its tensors", r->path);
  return GSL_SUCCESS;
}

// ## The numbers
//
// A block of them at a time, to where they are kept or, where they are only checked, over the block before. Numbers of
// two bytes are read into the upper half of the block's memory and widened to floats from there, in ascending order.

enum
{
  BLOCK = 1 << 14
};

static void
widen (size_t count, float (*to_float) (uint16_t bits), float *numbers)
{
  const unsigned char *halves = (const unsigned char *)numbers + count * sizeof (uint16_t);
  for (size_t j = 0; j < count; j++)
    {
      uint16_t bits;
      memcpy (&bits, halves + j * sizeof bits, sizeof bits);
      numbers[j] = to_float (bits);
    }
}

static int
read_block (const reading *r, FILE *file, const sb_tensor *tensor, size_t first, size_t count, float *numbers)
{
  const size_t dtype = dtype_of (tensor), size = dtypes[dtype].size;
  if (fread ((char *)numbers + count * (sizeof (float) - size), size, count, file) != count)
    SB_ERROR (r->error, GSL_EFAILED, "%s: cannot be read to its end", r->path);
  if (dtype != F32)
    widen (count, dtype == F16 ? half_to_float : bfloat_to_float, numbers);
  for (size_t j = 0; j < count; j++)
    if (!gsl_finite ((double)numbers[j]))
      SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: number %zu is not finite", r->path, tensor->name, first + j);
  return GSL_SUCCESS;
}

static int
read_numbers (const reading *r, FILE *file, const sb_tensor *tensor, float *numbers)
{
  const size_t dtype = dtype_of (tensor);
  int status = GSL_SUCCESS;
  if (dtype >= FLOATS)
    {
      if (fseek (file, (long)(tensor->count * dtypes[dtype].size), SEEK_CUR))
        SB_ERROR (r->error, GSL_EFAILED, "%s: %s", r->path, strerror (errno));
      return GSL_SUCCESS;
    }
  for (size_t first = 0; first < tensor->count && !status; first += BLOCK)
    status = read_block (r, file, tensor, first, GSL_MIN (BLOCK, tensor->count - first),
                         numbers + (tensor->data ? first : 0));
  return status;
}

static int
read_all_numbers (const reading *r, FILE *file, sb_tensors *tensors, bool keep)
{
  size_t total = keep ? 0 : BLOCK;
  for (size_t k = 0; k < tensors->count && keep; k++)
    total += dtype_of (&tensors->tensor[k]) < FLOATS ? tensors->tensor[k].count : 0;
  float *next = tensors->memory = malloc (total * sizeof *next + 1);
  int status = next ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t k = 0; k < tensors->count && !status; k++)
    {
      sb_tensor *tensor = &tensors->tensor[k];
      const bool kept = keep && dtype_of (tensor) < FLOATS;
      tensor->data = kept ? next : NULL;
      status = read_numbers (r, file, tensor, next);
      next += kept ? tensor->count : 0;
    }
  return status;
}

// Where jansson gets no memory for a string it reports an invalid token; `errno` gives the cause.

static int
read_header (const reading *r, sb_tensors *tensors, const char *text, size_t length)
{
  json_error_t wrong;
  const char *name;
  errno = 0;
  json_t *said, *header = json_loadb (text, length, JSON_REJECT_DUPLICATES, &wrong);
  int status = GSL_SUCCESS;
  if (!header && errno == ENOMEM)
    return GSL_ENOMEM;
  if (!json_is_object (header))
    {
      json_decref (header);
      SB_ERROR (r->error, GSL_EINVAL, "%s: header: %s", r->path, header ? "not an object" : wrong.text);
    }
  json_object_foreach (header, name, said) if (!status) status
      = strcmp (name, metadata) == 0 ? read_notes (r, tensors, said) : read_tensor (r, tensors, name, said);
  json_decref (header);
  return status ? status : check_places (r, tensors);
}

static int
file_size (FILE *file, uint64_t *size)
{
  if (fseek (file, 0, SEEK_END))
    return GSL_EFAILED;
  long end = ftell (file);
  if (end < 0 || fseek (file, 0, SEEK_SET))
    return GSL_EFAILED;
  *size = (uint64_t)end;
  return GSL_SUCCESS;
}

static int
read_file (FILE *file, const char *path, bool keep, sb_tensors *tensors, sb_error *error)
{
  uint64_t size, length;
  if (file_size (file, &size))
    SB_ERROR (error, GSL_EFAILED, "%s: cannot be read from start to end", path);
  if (size < sizeof length || fread (&length, sizeof length, 1, file) != 1)
    SB_ERROR (error, ferror (file) ? GSL_EFAILED : GSL_EINVAL, "%s: %s", path,
              ferror (file) ? strerror (errno) : "byte 0: no header length");
  if (length > HEADER_LIMIT || length > size - sizeof length)
    SB_ERROR (error, GSL_EINVAL, "%s: byte 0: a header of %llu bytes is longer than the file, or than %d", path,
              (unsigned long long)length, HEADER_LIMIT);

  reading r = { path, size - sizeof length - length, error };
  char *text = malloc (length + 1);
  int status = text ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status && fread (text, 1, length, file) != length)
    status = sb_error_report (error, __FILE__, __LINE__, GSL_EFAILED, "%s: cannot be read to its end", path);
  if (!status)
    status = read_header (&r, tensors, text, length);
  free (text);
  return status ? status : read_all_numbers (&r, file, tensors, keep);
}

static sb_tensors *
read_path (const char *path, bool keep, sb_error *error)
{
  FILE *file = sb_file_open (path, error);
  if (!file)
    return NULL;
  sb_tensors *tensors = sb_tensors_alloc ();
  int status = tensors ? read_file (file, path, keep, tensors, error) : GSL_ENOMEM;
  fclose (file);
  if (!status)
    return tensors;
  sb_tensors_free (tensors);
  if (status == GSL_ENOMEM)
    sb_error_report (error, __FILE__, __LINE__, status, "%s: no memory for what it holds", path);
  return NULL;
}

sb_tensors *
sb_safetensors_read (const char *path, sb_error *error)
{
  return read_path (path, true, error);
}

sb_tensors *
sb_safetensors_check (const char *path, sb_error *error)
{
  return read_path (path, false, error);
}
