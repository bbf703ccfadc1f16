// # What every driver of an experiment shares
//
// A driver is a small program that writes two files: the numbers, in the form `row,column,paper,ours,se,unit,note`, and
// the claims, `claim,holds,detail`. It stops at the first thing that goes wrong: an experiment has no half results.

#include "results.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <scorebook.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
require (int status, const char *what)
{
  if (status == GSL_SUCCESS)
    return;
  fprintf (stderr, "%s: %s\n", what, gsl_strerror (status));
  exit (EXIT_FAILURE);
}

void *
require_pointer (void *pointer, const char *what)
{
  if (!pointer)
    require (GSL_ENOMEM, what);
  return pointer;
}

static const char *
from_environment (const char *name)
{
  const char *value = getenv (name);
  if (!value)
    {
      fprintf (stderr, "%s is not set: run the experiment's script, not its driver\n", name);
      exit (EXIT_FAILURE);
    }
  return value;
}

static FILE *
open_file (const char *out, const char *suffix)
{
  char path[4096];
  int length = snprintf (path, sizeof path, "%s%s", out, suffix);
  FILE *file = length < (int)sizeof path ? fopen (path, "w") : NULL;
  if (!file)
    {
      perror (path);
      exit (EXIT_FAILURE);
    }
  return file;
}

static void
close_file (FILE *file, const char *what)
{
  if (ferror (file) | fclose (file))
    require (GSL_EFAILED, what);
}

// OpenBLAS's own threads would change the order of sums, and come in the way of the shards'.

results
results_open (void)
{
  sb_blas_single_threaded ();
  results r = { .out = from_environment ("OUT") };
  const char *word = from_environment ("SCALE");
  r.scale = strcmp (word, "smoke") == 0 ? SMOKE : strcmp (word, "full") == 0 ? FULL : QUICK;
  r.seed = strtoull (from_environment ("SEED"), NULL, 10);
  r.rows = open_file (r.out, ".csv");
  r.claims = open_file (r.out, ".claims.csv");
  fputs ("row,column,paper,ours,se,unit,note\n", r.rows);
  fputs ("claim,holds,detail\n", r.claims);
  return r;
}

// The number of evaluations goes to the log, from where the page takes it.

void
results_close (results *r)
{
  close_file (r->rows, "writing the numbers");
  close_file (r->claims, "writing the claims");
  if (r->evaluations)
    printf ("function evaluations: %llu\n", (unsigned long long)r->evaluations);
}

FILE *
results_data (results *r, const char *name)
{
  char suffix[256];
  snprintf (suffix, sizeof suffix, "-%s", name);
  return open_file (r->out, suffix);
}

// A field of CSV: in quotes, quotes inside doubled, where it holds a comma or a quote.

static void
put_field (FILE *file, const char *text, char end)
{
  bool quoted = strpbrk (text, ",\"") != NULL;
  if (quoted)
    fputc ('"', file);
  for (; *text; text++)
    {
      if (*text == '"')
        fputc ('"', file);
      fputc (*text, file);
    }
  if (quoted)
    fputc ('"', file);
  fputc (end, file);
}

static void
put_number (FILE *file, double value)
{
  char text[32];
  snprintf (text, sizeof text, fabs (value) >= 1e4 && fabs (value) < 1e7 ? "%.0f" : "%.4g", value);
  put_field (file, text, ',');
}

void
results_row (results *r, const char *row, const char *column, const char *paper, double ours, double se,
             const char *unit, const char *note)
{
  put_field (r->rows, row, ',');
  put_field (r->rows, column, ',');
  put_field (r->rows, paper, ',');
  put_number (r->rows, ours);
  if (se >= 0)
    put_number (r->rows, se);
  else
    put_field (r->rows, "", ',');
  put_field (r->rows, unit, ',');
  put_field (r->rows, note, '\n');
}

void
results_claim (results *r, const char *claim, bool holds, const char *format, ...)
{
  char detail[1024];
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (detail, sizeof detail, format, arguments);
  va_end (arguments);
  put_field (r->claims, claim, ',');
  put_field (r->claims, holds ? "yes" : "no", ',');
  put_field (r->claims, detail, '\n');
}

void
untested (results *r, const char *claim, const char *reason)
{
  put_field (r->claims, claim, ',');
  fputs ("untested,", r->claims);
  put_field (r->claims, reason, '\n');
}
