// # scorebook info

#include <config.h>
#include "commands.h"
#include "options.h"
#include "point_files.h"
#include "setup.h"

#include <scorebook.h>

#include <ctype.h>
#include <gsl/gsl_version.h>
#include <jansson.h>
#include <math.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>
#ifdef _OPENMP
#include <omp.h>
#endif

static const char details[] = "Without FILE: versions, what was built in, and which library does the dense\n"
                              "products. With FILE, which is IDX or NPY (plain or gzip), PNG or a folder of PNG,\n"
                              "the range, mean and standard deviation of its numbers; or a checkpoint:\n"
                              "its notes and its tensors.\n\n"
                              "Exit status: 0, 1 where something failed, 2 where the command line is wrong.\n";

// ## This build

static void
describe_backends (void)
{
  printf ("networks by:");
  for (size_t k = 0; sb_net_backend_at (k); k++)
    {
      const sb_net_backend *backend = sb_net_backend_at (k);
      int usable = sb_net_backend_usable (backend, SB_NET_FLOAT), half = sb_net_backend_usable (backend, SB_NET_BF16);
      printf ("%s %s (%s)", k ? "," : "", sb_net_backend_name (backend),
              half     ? "float, bf16"
              : usable ? "float"
                       : "not on this processor");
    }
  putchar ('\n');
}

static void
describe_build (void)
{
  printf ("scorebook: %s\n", PACKAGE_VERSION);
  printf ("gsl: %s (built with %s)\n", gsl_version, GSL_VERSION);
  printf ("blas: %s\n", blas_config ());
  printf ("blas kernels: %s\n", blas_kernels ());
  printf ("cblas_dgemm from: %s\n", blas_file ());
  printf ("jansson: %s\nlibpng: %s\nzlib: %s\n", JANSSON_VERSION, png_get_libpng_ver (NULL), zlibVersion ());
  describe_backends ();
#ifdef _OPENMP
  printf ("openmp: %d, %d threads\n", _OPENMP, omp_get_max_threads ());
#else
  puts ("openmp: none, 1 thread");
#endif
}

// ## A file

// Of any length: its numbers are looked at as they come.

typedef struct
{
  double low, high, mean, squares, count;
} summary;

static void
add_numbers (void *context, size_t count, const double *numbers)
{
  summary *s = context;
  for (size_t k = 0; k < count; k++)
    {
      const double value = numbers[k], before = value - s->mean;
      s->low = fmin (s->low, value);
      s->high = fmax (s->high, value);
      s->mean += before / ++s->count;
      s->squares += before * (value - s->mean);
    }
}

static int
describe_file (const char *path)
{
  points p;
  sb_shape shape;
  summary s = { .low = INFINITY, .high = -INFINITY };
  if (points_scan (path, add_numbers, &s, &shape, &p) != EXIT_SUCCESS)
    return EXIT_FAILURE;
  printf ("file: %s\nformat: %s\nshape: %s\n", path, p.format, p.shape);
  printf ("points: %zu\ndimension: %zu\n", shape.length[0], sb_shape_count (&shape, 1, SIZE_MAX - 1));
  printf ("range: %g to %g\nmean: %.6g\nstandard deviation: %.6g\n", s.low, s.high, s.mean, sqrt (s.squares / s.count));
  return EXIT_SUCCESS;
}

// A note is text that anybody may have written: lines after the first are indented, and what could move a terminal is not
// printed.

static void
print_text (const char *text)
{
  for (; *text; text++)
    if (*text == '\n' && text[1])
      printf ("\n  ");
    else
      putchar (iscntrl ((unsigned char)*text) ? ' ' : *text);
}

static void
describe_note (const sb_tensors_note *note)
{
  print_text (note->key);
  printf (": ");
  print_text (note->value);
  putchar ('\n');
}

static int
describe_checkpoint (const char *path)
{
  sb_error error = { 0 };
  sb_tensors *tensors = sb_safetensors_check (path, &error);
  if (!tensors)
    return failure ("%s", error.message);
  size_t numbers = 0;
  printf ("file: %s\nformat: safetensors\n", path);
  for (size_t k = 0; k < tensors->notes; k++)
    describe_note (&tensors->note[k]);
  for (size_t k = 0; k < tensors->count; k++)
    {
      const sb_tensor *tensor = &tensors->tensor[k];
      printf ("tensor %s:", tensor->name);
      for (size_t j = 0; j < tensor->rank; j++)
        printf ("%s%zu", j ? " x " : " ", tensor->size[j]);
      if (tensor->rank == 0)
        printf (" one number");
      if (strcmp (tensor->dtype, "F32") != 0)
        printf (" (%s)", tensor->dtype);
      putchar ('\n');
      numbers += tensor->count;
    }
  printf ("tensors: %zu\nnumbers: %zu\n", tensors->count, numbers);
  sb_tensors_free (tensors);
  return EXIT_SUCCESS;
}

// A checkpoint is told by its first bytes, a length and the brace of the header; a broken one, which is none of the
// other formats either, by its name.

static bool
is_checkpoint (const char *path)
{
  unsigned char b[9] = { 0 };
  struct stat there;
  FILE *file = stat (path, &there) == 0 && S_ISREG (there.st_mode) ? fopen (path, "rb") : NULL;
  size_t count = file ? fread (b, 1, sizeof b, file) : 0;
  if (file)
    fclose (file);
  if (count == sizeof b && memcmp (b + 4, "\0\0\0\0{", 5) == 0)
    return true;
  const char *suffix = strrchr (path, '.');
  bool other = memcmp (b, "\x93NUM", 4) == 0 || memcmp (b, "\x89PNG", 4) == 0 || memcmp (b, "\0\0\x08", 3) == 0;
  return suffix && strcmp (suffix, ".safetensors") == 0 && !other;
}

int
command_info (int argc, char **argv)
{
  common_options common = { 0 };
  const option none[] = { { .kind = OPTION_HEADING, .help = "Options" } };
  const command_line line = { "info", "[OPTION]... [FILE]", INFO_SUMMARY, details, none, 0, 1, NULL };
  int first, status = parse_options (&line, &common, argc, argv, &first);
  if (status >= 0)
    return status;
  set_threads (common.threads);
  if (first < argc)
    return is_checkpoint (argv[first]) ? describe_checkpoint (argv[first]) : describe_file (argv[first]);
  describe_build ();
  return EXIT_SUCCESS;
}
