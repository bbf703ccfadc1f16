// # A side of the benchmark
//
// The two sides of a row take turns, so that whatever else the machine does falls on both. Each is a process that waits
// between its turns.

#include "rounds.h"

#include <scorebook.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

double
seconds_now (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Linux counts `ru_maxrss` in kB.

static double
largest_memory (void)
{
  struct rusage usage;
  getrusage (RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1024;
}

enum
{
  WARM_UP = 2
};

void
serve (void (*work) (void *context, unsigned long n), void *context, const char *facts)
{
  unsigned long n;
  work (context, WARM_UP);
  printf ("ready %s\n", facts);
  fflush (stdout);
  while (scanf ("%lu", &n) == 1)
    {
      double began = seconds_now ();
      work (context, n);
      printf ("%.9g\n", (seconds_now () - began) / (double)n);
      fflush (stdout);
    }
  printf ("%.6g\n", largest_memory ());
}

static unsigned long
positive (const char *text, const char *what)
{
  char *end;
  unsigned long value = strtoul (text, &end, 10);
  if (*text < '0' || *text > '9' || *end || value == 0)
    {
      fprintf (stderr, "%s: '%s' is no positive whole number\n", what, text);
      exit (2);
    }
  return value;
}

unsigned long
environment_number (const char *name, unsigned long otherwise)
{
  const char *text = getenv (name);
  return text && *text ? positive (text, name) : otherwise;
}

unsigned long
argument_number (int argc, char **argv, int k)
{
  if (k >= argc)
    {
      fprintf (stderr, "%s: argument %d is missing\n", argv[0], k);
      exit (2);
    }
  return positive (argv[k], argv[0]);
}

void
set_up (void)
{
  unsigned long threads = environment_number ("THREADS", 2);
  sb_blas_single_threaded ();
#ifdef _OPENMP
  omp_set_num_threads ((int)threads);
#else
  (void)threads;
#endif
}
