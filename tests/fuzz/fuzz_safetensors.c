// # Any bytes as a safetensors file

#include "harness.h"

#include "dataset/safetensors.h"
#include "measure/sample_moments.h"

int
fuzz_safetensors (const uint8_t *data, size_t size)
{
  sb_error error;
  fuzz_file file = fuzz_file_of (data, size);
  sb_tensors_free (sb_safetensors_read (file.path, &error));
  fuzz_file_close (&file);

  file = fuzz_file_of_tensors (data, size);
  sb_tensors_free (sb_safetensors_read (file.path, &error));
  sb_moments_file_free (sb_moments_file_read (file.path, &error));
  fuzz_file_close (&file);
  return 0;
}
