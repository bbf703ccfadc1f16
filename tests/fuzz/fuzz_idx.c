// # Any bytes as an IDX file

#include "harness.h"

#include "dataset/idx.h"

#include <stdlib.h>

int
fuzz_idx (const uint8_t *data, size_t size)
{
  sb_error error;
  fuzz_file file = fuzz_file_of (data, size);
  sb_bytes *bytes = sb_idx_read (file.path, &error);
  if (bytes && sb_shape_count (&bytes->shape, 0, SIZE_MAX - 1) == 0)
    abort ();
  sb_bytes_free (bytes);
  fuzz_file_close (&file);
  return 0;
}
