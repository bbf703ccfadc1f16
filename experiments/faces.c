// # Faces for drivers

#include "faces.h"

#include <stdlib.h>

void
stop_unless (bool holds, const sb_error *error)
{
  if (holds)
    return;
  fprintf (stderr, "%s\n", error->message);
  exit (EXIT_FAILURE);
}

sb_bytes *
faces_read (const char *path)
{
  sb_error error = { 0 };
  sb_bytes *faces = sb_idx_read (path, &error);
  stop_unless (faces != NULL, &error);
  if (faces->shape.rank != 4 || faces->shape.length[3] != 3)
    {
      fprintf (stderr, "%s: its arrays are not n x height x width x 3\n", path);
      exit (EXIT_FAILURE);
    }
  return faces;
}

gsl_matrix *
faces_rows (const sb_bytes *faces, size_t first, size_t count)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (count, sb_shape_count (&faces->shape, 1, SIZE_MAX - 1)), "faces");
  require (sb_bytes_rows (faces, first, -1, 1, x), "faces");
  return x;
}
