// # scorebook info

#include <config.h>
#include "commands.h"
#include "engine.h"
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

static const char details[] = "Without FILE: versions, build options, and the library that computes dense\n"
                              "products. With FILE: for IDX or NPY (plain or gzip), PNG, a folder of PNG files\n"
                              "or CIFAR-10 (*.bin), its shape, and the range, mean and standard deviation of\n"
                              "its numbers; for a checkpoint, its notes and its tensors.\n\n"
                              "--export rewrites a checkpoint: its network, or for a training state the\n"
                              "averaged weights, in the format given by --export-dtype.\n\n"
                              "Exit status: 0 on success, 1 on failure, 2 for an invalid command line.\n";

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

// Of any length: its numbers are processed as they are read.

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

// A note is text that anybody may have written: lines after the first are indented, and what could move a terminal is
// not printed.

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

// A checkpoint is recognised by its first bytes, a length and the brace of the header; a broken one, which is none of
// the other formats either, by its name.

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

// ## Rewriting
//
// The notes stay, except those by which a training is resumed.

static int
copy_notes (const sb_tensors *from, sb_tensors *to)
{
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < from->notes && !status; k++)
    if (strcmp (from->note[k].key, "recipe") != 0 && strcmp (from->note[k].key, "report") != 0)
      status = sb_tensors_note_add (to, from->note[k].key, from->note[k].value);
  return status;
}

static int
copy_prior (const sb_tensors *from, sb_tensors *to)
{
  int status = GSL_SUCCESS;
  for (size_t k = 0; k < from->count && !status; k++)
    {
      const sb_tensor *tensor = &from->tensor[k];
      if (strncmp (tensor->name, "prior.", 6) == 0)
        status = sb_tensors_add (to, tensor->name, tensor->rank, tensor->size, tensor->data);
    }
  return status;
}

static int
rewrite_network (const sb_tensors *from, const char *path, const sb_net *net, const char *to, const char *dtype)
{
  sb_error error = { 0 };
  const bool training = sb_tensors_note_find (from, "recipe") != NULL;
  if (net->parameters > sb_tensors_numbers (from))
    return failure ("%s: its network has %zu parameters, and the file fewer numbers", path, net->parameters);
  float *theta = calloc (net->parameters + 1, sizeof *theta);
  sb_tensors *tensors = sb_tensors_alloc ();
  int status = theta && tensors ? GSL_SUCCESS : failure ("%s: no memory", path);
  if (!status && sb_model_get (net, training ? "ema." : "", from, path, theta, &error))
    status = failure ("%s", error.message);
  if (!status
      && (copy_notes (from, tensors) || copy_prior (from, tensors) || sb_model_put (net, "", theta, tensors)
          || sb_model_dtype_set (net, dtype, tensors)))
    status = failure ("%s: %s", path, why (GSL_FAILURE));
  if (!status && sb_safetensors_write (tensors, to, &error))
    status = failure ("%s", error.message);
  sb_tensors_free (tensors);
  free (theta);
  return status;
}

static int
rewrite_checkpoint (const char *path, const char *to, const char *dtype)
{
  sb_error error = { 0 };
  sb_tensors *from = sb_safetensors_read (path, &error);
  if (!from)
    return failure ("%s", error.message);
  const char *line = sb_tensors_note_find (from, "network");
  sb_net *net = line ? sb_net_alloc (line, &error) : NULL;
  int status = !line  ? failure ("%s: it holds no network", path)
               : !net ? failure ("%s: %s", path, error.message)
                      : rewrite_network (from, path, net, to, dtype);
  sb_net_free (net);
  sb_tensors_free (from);
  return status;
}

int
command_info (int argc, char **argv)
{
  common_options common = { 0 };
  const char *export = NULL;
  int dtype = -1;
  const option options[] = {
    { .kind = OPTION_HEADING, .help = "Options" },
    { "export", 0, OPTION_TEXT, &export, "FILE", 0, 0, NULL, "write the network of a checkpoint to this file" },
    { "export-dtype", 0, OPTION_CHOICE, &dtype, "NAME", 0, 0, dtype_names,
      "f32, f16 or bf16: the format of its numbers (default: f32)" },
  };
  const command_line line
      = { "info", "[OPTION]... [FILE]", INFO_SUMMARY, details, options, sizeof options / sizeof *options, 1, NULL };
  int first, status = parse_options (&line, &common, argc, argv, &first);
  if (status >= 0)
    return status;
  if (dtype >= 0 && !export)
    return usage_error ("--export-dtype: needs --export");
  if (export && first == argc)
    return usage_error ("--export: needs a checkpoint");
  set_threads (common.threads);
  if (export)
    return rewrite_checkpoint (argv[first], export, file_dtypes[dtype < 0 ? 0 : dtype]);
  if (first < argc)
    return is_checkpoint (argv[first]) ? describe_checkpoint (argv[first]) : describe_file (argv[first]);
  describe_build ();
  return EXIT_SUCCESS;
}
