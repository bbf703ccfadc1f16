// # Digits for drivers

#include "images.h"

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
