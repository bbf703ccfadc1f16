// # Progress and interruption

#include <config.h>
#include "progress.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

// ## Progress

enum
{
  BAR = 24,            // characters
  PLAIN_INTERVAL = 10, // seconds between plain lines
  REDRAWS = 8          // of the bar, a second
};

static double
now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

progress_bar
progress_start (const char *label, const char *unit, size_t total, bool quiet)
{
  double start = now ();
  return (progress_bar){ label, unit, total, quiet, isatty (STDERR_FILENO), start, start };
}

// The time left assumes the average rate so far.

static void
print_state (const progress_bar *p, size_t done, double seconds)
{
  double rate = seconds > 0 ? (double)done / seconds : 0;
  fprintf (stderr, "%3.0f%%  %zu of %zu %s  %.3g/s", 100. * (double)done / (double)p->total, done, p->total, p->unit,
           rate);
  if (done == p->total)
    fprintf (stderr, "  in %.3g s", seconds);
  else if (rate > 0)
    {
      double left = ceil ((double)(p->total - done) / rate);
      fprintf (stderr, "  %.0f:%02.0f left", floor (left / 60), fmod (left, 60));
    }
}

static void
print_bar (const progress_bar *p, size_t done, double seconds)
{
  size_t full = BAR * done / p->total;
  fprintf (stderr, "\r\033[K%s [", p->label);
  for (size_t k = 0; k < BAR; k++)
    fputc (k < full ? '#' : '.', stderr);
  fputs ("] ", stderr);
  print_state (p, done, seconds);
}

static void
print_line (const progress_bar *p, size_t done, double seconds)
{
  fprintf (stderr, "%s: ", p->label);
  print_state (p, done, seconds);
  fputc ('\n', stderr);
}

void
progress_show (progress_bar *p, size_t done)
{
  double at = now (), interval = p->terminal ? 1. / REDRAWS : PLAIN_INTERVAL;
  if (p->quiet || done == p->total || at - p->shown < interval)
    return;
  p->shown = at;
  if (p->terminal)
    print_bar (p, done, at - p->started);
  else
    print_line (p, done, at - p->started);
}

void
progress_end (progress_bar *p, size_t done)
{
  if (p->quiet)
    return;
  if (p->terminal)
    {
      print_bar (p, done, now () - p->started);
      fputc ('\n', stderr);
    }
  else
    print_line (p, done, now () - p->started);
}

// ## Interruption
//
// A signal handler may do next to nothing; it stores the signal's number. Another signal ends the program at once, but
// not within a moment of the first: `timeout` sends each twice, to the program and to its group. One that was ignored
// when the program started (nohup, a background job) stays ignored.

#define MOMENT 0.2 // seconds

static volatile sig_atomic_t caught;
static double caught_at; // written and read by the handler alone

static void
note (int signal_number)
{
  if (!caught)
    caught_at = now ();
  else if (now () > caught_at + MOMENT)
    {
      signal (signal_number, SIG_DFL);
      raise (signal_number);
    }
  caught = signal_number;
}

void
catch_interrupts (void)
{
  const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGXCPU };
  for (size_t k = 0; k < sizeof signals / sizeof *signals; k++)
    {
      struct sigaction before, action = { .sa_handler = note };
      sigemptyset (&action.sa_mask);
      sigaction (signals[k], NULL, &before);
      if (before.sa_handler != SIG_IGN)
        sigaction (signals[k], &action, NULL);
    }
}

bool
interrupted (void)
{
  return caught != 0;
}

void
die_if_interrupted (const char *what_is_left)
{
  if (!caught)
    return;
  fprintf (stderr, "scorebook: interrupted: %s\n", what_is_left);
  signal (caught, SIG_DFL);
  raise (caught);
}
