#ifndef SCOREBOOK_DATASET_SAFETENSORS_H
#define SCOREBOOK_DATASET_SAFETENSORS_H

#include "../base/error.h"

#include <stddef.h>

SB_BEGIN_DECLS

// Named tensors of floats and notes about them, in the format of the safetensors library: eight bytes with the
// length of a JSON header, the header, and the numbers, little-endian. Python reads it with
// safetensors.numpy.load_file, or with json and numpy alone.
typedef struct
{
  char *name;
  const char *dtype;    // of the numbers in the file; of one to be written F32, F16 or BF16
  size_t rank, size[4]; // rank 0: one number
  size_t count;         // the product of size[0..rank-1]
  size_t place;         // of a file read: where its numbers begin, in bytes from the first
  float *data;          // into `memory`, NULL where they are no floats; of a file to be written: the caller's
} sb_tensor;

typedef struct
{
  char *key, *value;
} sb_tensors_note;

typedef struct
{
  size_t count, notes;
  sb_tensor *tensor;     // in the order of their data
  sb_tensors_note *note; // the header's __metadata__
  float *memory;         // of a file read: all numbers
} sb_tensors;

sb_tensors *sb_tensors_alloc (void);
void sb_tensors_free (sb_tensors *tensors); // names, notes and memory too; NULL is allowed

// Append a tensor or a note; the strings are copied, the data are not. GSL_EINVAL where the rank is above 4,
// GSL_ENOMEM.
int sb_tensors_add (sb_tensors *tensors, const char *name, size_t rank, const size_t *size, float *data);
int sb_tensors_note_add (sb_tensors *tensors, const char *key, const char *value);

// How tensor `name` will be written: "F32", the default, "F16" or "BF16". GSL_EINVAL for another dtype, or where there
// is no such tensor.
int sb_tensors_dtype_set (sb_tensors *tensors, const char *name, const char *dtype);

const sb_tensor *sb_tensors_find (const sb_tensors *tensors, const char *name); // NULL: none whose numbers are floats
const char *sb_tensors_dtype (const sb_tensors *tensors, const char *name);     // NULL: none
const char *sb_tensors_note_find (const sb_tensors *tensors, const char *key);  // NULL: none

size_t sb_tensors_numbers (const sb_tensors *tensors); // how many, in all tensors of floats together

// Write the file whole or not at all, the numbers of each tensor rounded to the nearest of its dtype. GSL_EINVAL where
// sb_safetensors_read would refuse it, including where a number is beyond the largest of its dtype, or a name or note
// is not UTF-8 or occurs twice; GSL_EFAILED, GSL_ENOMEM; a line in `error`.
int sb_safetensors_write (const sb_tensors *tensors, const char *path, sb_error *error);

// Read a file. NULL on failure with a line that names file, place and reason: GSL_EFAILED where it cannot be read,
// GSL_ENOMEM, GSL_EINVAL where it is no such file, or its tensors do not lie end to end, one is of a rank above 4, or
// holds floats that are not finite. F32, F16 and BF16 are read as floats; a tensor of any other dtype is listed, but
// its numbers are not read. Sizes are checked against the file's length before anything is allocated.
sb_tensors *sb_safetensors_read (const char *path, sb_error *error);

// The same, with the same errors, but the numbers are only checked: they are not kept in memory, and all `data` are
// NULL.
sb_tensors *sb_safetensors_check (const char *path, sb_error *error);

SB_END_DECLS

#endif
