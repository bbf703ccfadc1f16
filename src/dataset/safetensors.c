// # Tensors in a file
//
// Weights are worth most where others can read them, so they are stored as safetensors: a header that says of each
// tensor
//
//     "down.0.0.conv1.weight": {"dtype": "F32", "shape": [32, 32, 3, 3], "data_offsets": [1280, 38144]}
//
// and then nothing but the numbers. Jansson reads and writes the JSON. A file is somebody else's word: every number in
// it is checked against the file's real size before it is used.

#include "safetensors.h"

#include "../base/file.h"

#include <errno.h>
#include <gsl/gsl_math.h>
#include <jansson.h>
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
  sb_tensor *more = realloc (tensors->tensor, (tensors->count + 1) * sizeof *more);
  if (more)
    tensors->tensor = more;
  char *copy = more ? strdup (name) : NULL;
  if (!copy)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for the name of tensor %s", name);
  sb_tensor tensor = { .name = copy, .rank = rank, .count = 1, .data = data };
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

const sb_tensor *
sb_tensors_find (const sb_tensors *tensors, const char *name)
{
  for (size_t k = 0; k < tensors->count; k++)
    if (strcmp (tensors->tensor[k].name, name) == 0)
      return &tensors->tensor[k];
  return NULL;
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
    count += tensors->tensor[k].count;
  return count;
}

// ## Writing
//
// Jansson's functions take NULL for an argument and fail in turn, so one check at the end of each is enough.

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
  size_t last = first + tensor->count * sizeof (float);
  return json_pack ("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets", (json_int_t)first,
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
      first += tensors->tensor[k].count * sizeof (float);
    }
  if (failed)
    {
      json_decref (header);
      return NULL;
    }
  return header;
}

// Text of known length, into memory of our own: `json_dumps`, where it gets none for more, leaves out a key and goes on.

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

// The header is filled up with blanks to a multiple of eight bytes, so that the numbers lie straight.

int
sb_safetensors_write (const sb_tensors *tensors, const char *path, sb_error *error)
{
  sb_error own;
  error = error ? error : &own;
  size_t length;
  json_t *header = describe_all (tensors);
  char *text = text_of (header, &length);
  json_decref (header);
  if (!text)
    SB_ERROR (error, GSL_ENOMEM, "%s: no memory for the header", path);
  sb_file *file = sb_file_create (path, error);
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
    fwrite (tensors->tensor[k].data, sizeof (float), tensors->tensor[k].count, file->stream);
  free (text);
  return sb_file_commit (file, error);
}

// ## Reading
//
// The numbers come into one block of memory, as long as the file is, less the header.

typedef struct
{
  const char *path;
  size_t bytes; // of numbers
  sb_error *error;
} reading;

static int
read_shape (const reading *r, const char *name, json_t *shape, size_t *rank, size_t *size, size_t *count)
{
  *rank = json_array_size (shape);
  *count = 1;
  if (!json_is_array (shape) || *rank < 1 || *rank > RANK_LIMIT)
    SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: its shape is not a list of 1 to %d sizes", r->path, name,
              RANK_LIMIT);
  for (size_t k = 0; k < *rank; k++)
    {
      json_int_t n = json_integer_value (json_array_get (shape, k));
      if (n < 1 || (uint64_t)n > r->bytes / sizeof (float) / *count)
        SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: size %zu of its shape is not a number that fits the file",
                  r->path, name, k);
      size[k] = (size_t)n;
      *count *= (size_t)n;
    }
  return GSL_SUCCESS;
}

static int
read_tensor (const reading *r, sb_tensors *tensors, const char *name, json_t *said)
{
  const char *dtype = json_string_value (json_object_get (said, "dtype"));
  json_t *offsets = json_object_get (said, "data_offsets");
  json_t *first = json_array_get (offsets, 0), *last = json_array_get (offsets, 1);
  size_t rank, size[RANK_LIMIT], count;
  if (!dtype || strcmp (dtype, "F32") != 0)
    SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: its numbers are %s, not F32", r->path, name,
              dtype ? dtype : "of no dtype");
  int status = read_shape (r, name, json_object_get (said, "shape"), &rank, size, &count);
  if (status)
    return status;
  if (json_array_size (offsets) != 2 || !json_is_integer (first) || !json_is_integer (last)
      || json_integer_value (first) < 0 || (uint64_t)json_integer_value (last) > r->bytes
      || json_integer_value (last) - json_integer_value (first) != (json_int_t)(count * sizeof (float))
      || json_integer_value (first) % (json_int_t)sizeof (float) != 0)
    SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: its data_offsets do not fit its shape or the file", r->path, name);
  return sb_tensors_add (tensors, name, rank, size,
                         tensors->memory + (size_t)json_integer_value (first) / sizeof (float));
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
  return (s->data > t->data) - (s->data < t->data);
}

// Sorted by where they begin, each must begin where the one before ended, and the last end where the file does.

static int
check_places (const reading *r, sb_tensors *tensors)
{
  const float *next = tensors->memory;
  if (tensors->count > 0)
    qsort (tensors->tensor, tensors->count, sizeof *tensors->tensor, by_place);
  for (size_t k = 0; k < tensors->count; next += tensors->tensor[k++].count)
    if (tensors->tensor[k].data != next)
      SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: it overlaps the one before, or leaves a gap", r->path,
                tensors->tensor[k].name);
  if ((size_t)(next - tensors->memory) * sizeof (float) != r->bytes)
    SB_ERROR (r->error, GSL_EINVAL, "%s: there is more in the file than its tensors", r->path);
  for (size_t k = 0; k < tensors->count; k++)
    for (size_t j = 0; j < tensors->tensor[k].count; j++)
      if (!gsl_finite ((double)tensors->tensor[k].data[j]))
        SB_ERROR (r->error, GSL_EINVAL, "%s: tensor %s: number %zu is not finite", r->path, tensors->tensor[k].name, j);
  return GSL_SUCCESS;
}

// Where jansson gets no memory for a string it speaks of an invalid token; `errno` knows better.

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
read_file (FILE *file, const char *path, sb_tensors *tensors, sb_error *error)
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

  reading r = { path, (size_t)(size - sizeof length - length), error };
  char *text = malloc (length + 1);
  tensors->memory = malloc (r.bytes + 1);
  int status = text && tensors->memory ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status && (fread (text, 1, length, file) != length || fread (tensors->memory, 1, r.bytes, file) != r.bytes))
    status = sb_error_report (error, __FILE__, __LINE__, GSL_EFAILED, "%s: cannot be read to its end", path);
  if (!status)
    status = read_header (&r, tensors, text, length);
  free (text);
  return status;
}

sb_tensors *
sb_safetensors_read (const char *path, sb_error *error)
{
  FILE *file = fopen (path, "rb");
  if (!file)
    SB_ERROR_NULL (error, errno == ENOMEM ? GSL_ENOMEM : GSL_EFAILED, "%s: cannot be opened: %s", path,
                   strerror (errno));
  sb_tensors *tensors = sb_tensors_alloc ();
  int status = tensors ? read_file (file, path, tensors, error) : GSL_ENOMEM;
  fclose (file);
  if (!status)
    return tensors;
  sb_tensors_free (tensors);
  if (status == GSL_ENOMEM)
    sb_error_report (error, __FILE__, __LINE__, status, "%s: no memory for what it holds", path);
  return NULL;
}
