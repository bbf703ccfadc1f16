// # Any header and numbers as a model

#include "harness.h"

#include "score/model.h"

int
fuzz_model (const uint8_t *data, size_t size)
{
  sb_error error;
  fuzz_file file = fuzz_file_of_tensors (data, size);
  sb_model_free (sb_model_read (file.path, &error));
  fuzz_file_close (&file);
  return 0;
}
