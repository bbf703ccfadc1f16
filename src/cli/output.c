// # Files of samples

#include <config.h>
#include "output.h"
#include "options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

output_kind
output_format (const char *path)
{
  const char *const suffix[] = { ".npy", ".csv", ".png" };
  size_t length = strlen (path);
  for (int kind = OUTPUT_NPY; kind < OUTPUT_UNKNOWN; kind++)
    if (length > 4 && strcmp (path + length - 4, suffix[kind]) == 0)
      return (output_kind)kind;
  return OUTPUT_UNKNOWN;
}

// ## Before the work
//
// Hours of sampling should not end at a folder that is not there. What is no file (a pipe, a device) is left alone.

int
output_try (const char *path)
{
  struct stat there;
  sb_error error;
  if (stat (path, &there) == 0 && !S_ISREG (there.st_mode) && !S_ISDIR (there.st_mode))
    return EXIT_SUCCESS;
  sb_file *file = sb_file_create (path, &error);
  if (!file)
    return failure ("%s", error.message);
  sb_file_discard (file);
  return EXIT_SUCCESS;
}

static size_t
states_of (const drawn_samples *drawn)
{
  return drawn->t ? drawn->t->size : 1;
}

// ## NPY
//
// Samples are $n \times d$, trajectories $n \times K \times d$; images keep their axes.

static int
write_npy (const char *path, const named_law *law, const drawn_samples *drawn, sb_error *error)
{
  size_t states = states_of (drawn);
  sb_shape shape = { .rank = 1, .length = { drawn->x->size1 / states } };
  if (drawn->t)
    shape.length[shape.rank++] = states;
  if (law->height)
    {
      shape.length[shape.rank++] = law->height;
      shape.length[shape.rank++] = law->width;
    }
  if (!law->height)
    shape.length[shape.rank++] = drawn->x->size2;
  else if (law->channels > 1)
    shape.length[shape.rank++] = law->channels;
  return sb_npy_write (path, drawn->x, &shape, SB_NPY_FLOAT64, error);
}

// ## CSV
//
// A line per point: the sample's number, the time where there are several, the coordinates; 17 digits, which is all
// that a double has.

static int
write_csv (const char *path, const drawn_samples *drawn, sb_error *error)
{
  size_t states = states_of (drawn);
  sb_file *file = sb_file_create (path, error);
  if (!file)
    return error->code;
  fputs (drawn->t ? "sample,t" : "sample", file->stream);
  for (size_t k = 0; k < drawn->x->size2; k++)
    fprintf (file->stream, ",x%zu", k + 1);
  fputc ('\n', file->stream);
  for (size_t i = 0; i < drawn->x->size1; i++)
    {
      fprintf (file->stream, "%zu", i / states);
      if (drawn->t)
        fprintf (file->stream, ",%.17g", gsl_vector_get (drawn->t, i % states));
      for (size_t k = 0; k < drawn->x->size2; k++)
        fprintf (file->stream, ",%.17g", gsl_matrix_get (drawn->x, i, k));
      fputc ('\n', file->stream);
    }
  return sb_file_commit (file, error);
}

// ## PNG
//
// A grid; of trajectories, a row each.

static sb_png_grid
grid_of (const named_law *law, size_t states, size_t columns)
{
  return (sb_png_grid){ .height = law->height,
                        .width = law->width,
                        .channels = law->channels,
                        .columns = states ? states : columns,
                        .padding = 2,
                        .low = law->low,
                        .high = law->high,
                        .background = 255 };
}

int
output_check (const char *path, const named_law *law, size_t n, size_t states, size_t columns)
{
  const sb_png_grid grid = grid_of (law, states, columns);
  sb_error error = { 0 };
  if (output_format (path) == OUTPUT_PNG && sb_png_check (path, n * (states ? states : 1), &grid, &error))
    return failure ("%s", error.message);
  return output_try (path);
}

static int
write_png (const char *path, const named_law *law, const drawn_samples *drawn, size_t columns, sb_error *error)
{
  const sb_png_grid grid = grid_of (law, drawn->t ? drawn->t->size : 0, columns);
  return sb_png_write (path, drawn->x, &grid, error);
}

int
output_write (const char *path, const named_law *law, const drawn_samples *drawn, size_t columns)
{
  sb_error error = { 0 };
  int status;
  switch (output_format (path))
    {
    case OUTPUT_NPY:
      status = write_npy (path, law, drawn, &error);
      break;
    case OUTPUT_CSV:
      status = write_csv (path, drawn, &error);
      break;
    default:
      status = write_png (path, law, drawn, columns, &error);
    }
  return status == GSL_SUCCESS ? EXIT_SUCCESS : failure ("%s", error.message);
}
