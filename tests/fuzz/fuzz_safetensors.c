// # Any bytes as a safetensors file
//
// What can be read passes the check, and nothing else does.

#include "harness.h"

#include "dataset/safetensors.h"
#include "measure/sample_moments.h"

#include <stdlib.h>

static void
read_path (const char *path)
{
  sb_error error;
  sb_tensors *tensors = sb_safetensors_read (path, &error), *checked = sb_safetensors_check (path, &error);
  if (!tensors != !checked)
    abort ();
  sb_tensors_free (tensors);
  sb_tensors_free (checked);
}

int
fuzz_safetensors (const uint8_t *data, size_t size)
{
  sb_error error;
  fuzz_file file = fuzz_file_of (data, size);
  read_path (file.path);
  fuzz_file_close (&file);

  file = fuzz_file_of_tensors (data, size);
  read_path (file.path);
  sb_moments_file_free (sb_moments_file_read (file.path, &error));
  fuzz_file_close (&file);
  return 0;
}
