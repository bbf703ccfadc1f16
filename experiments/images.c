// # Digits for drivers

#include "images.h"

#include <gsl/gsl_math.h>
#include <stdio.h>
#include <stdlib.h>

void
data_path (const char *name, char *path, size_t size)
{
  const char *folder = getenv ("DATA");
  int length = snprintf (path, size, "%s/%s", folder ? folder : ".", name);
  require (length > 0 && (size_t)length < size ? GSL_SUCCESS : GSL_EINVAL, name);
}

static gsl_matrix *
test_images (const char *file, size_t first, size_t count, double low, double high)
{
  char path[4096];
  sb_error error = { 0 };
  data_path (file, path, sizeof path);
  sb_bytes *bytes = require_pointer (sb_idx_read (path, &error), path);
  if (count == 0)
    count = bytes->shape.length[0] - first;
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (count, PIXELS), "images");
  require (sb_bytes_rows (bytes, first, low, high, x), "images");
  sb_bytes_free (bytes);
  return x;
}

gsl_matrix *
test_digits (size_t first, size_t count, double low, double high)
{
  return test_images ("t10k-images-idx3-ubyte.gz", first, count, low, high);
}

gsl_matrix *
test_clothes (size_t first, size_t count, double low, double high)
{
  return test_images ("fashion-test-images-idx3-ubyte.gz", first, count, low, high);
}

sb_model *
model_of (const char *variable)
{
  const char *path = getenv (variable);
  sb_error error = { 0 };
  sb_model *model = path ? sb_model_read (path, &error) : NULL;
  if (!model)
    {
      fprintf (stderr, "%s\n", path ? error.message : "no model is named in the environment");
      exit (EXIT_FAILURE);
    }
  return model;
}

void
picture (const results *r, const char *name, const gsl_matrix *x, size_t columns, double low, double high)
{
  char path[4096];
  sb_error error = { 0 };
  const sb_png_grid grid = { .height = SIDE,
                             .width = SIDE,
                             .channels = 1,
                             .columns = columns,
                             .padding = 2,
                             .low = low,
                             .high = high,
                             .background = 255 };
  snprintf (path, sizeof path, "%s-%s-pixels.png", r->out, name);
  require (sb_png_write (path, x, &grid, &error), path);
}

gsl_matrix *
above (const gsl_matrix *x, const gsl_matrix *other, size_t most)
{
  const size_t n = GSL_MIN (x->size1, most);
  gsl_matrix *both = require_pointer (gsl_matrix_alloc (2 * n, x->size2), "pairs");
  const gsl_matrix_const_view upper = gsl_matrix_const_submatrix (x, 0, 0, n, x->size2),
                              lower = gsl_matrix_const_submatrix (other, 0, 0, n, x->size2);
  gsl_matrix_view to_upper = gsl_matrix_submatrix (both, 0, 0, n, x->size2),
                  to_lower = gsl_matrix_submatrix (both, n, 0, n, x->size2);
  gsl_matrix_memcpy (&to_upper.matrix, &upper.matrix);
  gsl_matrix_memcpy (&to_lower.matrix, &lower.matrix);
  return both;
}

gsl_matrix *
drawn_rows (const results *r, const char *name)
{
  char path[4096];
  sb_error error = { 0 };
  snprintf (path, sizeof path, "%s-%s.npy", r->out, name);
  gsl_matrix *x = sb_npy_read (path, NULL, &error);
  if (x)
    return x;
  fprintf (stderr, "%s\n", error.message);
  exit (EXIT_FAILURE);
}
