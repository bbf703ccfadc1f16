#ifndef SCOREBOOK_CLI_PROGRESS_H
#define SCOREBOOK_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>

// How far long work has come, on standard error: a bar with rate and time left on a terminal, else a plain line every
// ten seconds.
typedef struct
{
  const char *label, *unit;
  size_t total;
  bool quiet, terminal;
  double started, shown; // in seconds, by the monotonic clock
} progress_bar;

progress_bar progress_start (const char *label, const char *unit, size_t total, bool quiet);
void progress_show (progress_bar *p, size_t done);
void progress_end (progress_bar *p, size_t done); // the last line stays

// From now on the first Ctrl-C (SIGINT), SIGTERM, SIGHUP or SIGXCPU only sets a flag, which long work checks; the
// second ends the program.
void catch_interrupts (void);
bool interrupted (void);

// If the flag is set: say so and die by the same signal, as shells expect.
void die_if_interrupted (const char *what_is_left);

#endif
