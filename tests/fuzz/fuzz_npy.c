// # Any bytes as an NPY file
//
// What was read has the shape that it says.

#include "harness.h"

#include "dataset/npy.h"

#include <stdlib.h>

int
fuzz_npy (const uint8_t *data, size_t size)
{
  sb_error error;
  sb_shape shape;
  fuzz_file file = fuzz_file_of (data, size);
  gsl_matrix *x = sb_npy_read (file.path, &shape, &error);
  if (x && (x->size1 != shape.length[0] || x->size2 != sb_shape_count (&shape, 1, SIZE_MAX - 1)))
    abort ();
  gsl_matrix_free (x);
  fuzz_file_close (&file);
  return 0;
}
