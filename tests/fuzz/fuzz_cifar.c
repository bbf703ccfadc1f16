// # Any bytes as a file of CIFAR-10

#include "harness.h"

#include "dataset/cifar.h"

#include <stdlib.h>

int
fuzz_cifar (const uint8_t *data, size_t size)
{
  sb_error error;
  sb_bytes *labels = NULL;
  fuzz_file file = fuzz_file_of (data, size);
  sb_bytes *bytes = sb_cifar_read (file.path, &labels, &error);
  if (!bytes != !labels || (bytes && bytes->shape.length[0] != labels->shape.length[0]))
    abort ();
  for (size_t k = 0; labels && k < labels->shape.length[0]; k++)
    if (labels->data[k] > 9)
      abort ();
  sb_bytes_free (bytes);
  sb_bytes_free (labels);
  fuzz_file_close (&file);
  return 0;
}
