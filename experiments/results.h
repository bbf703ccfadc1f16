#ifndef SCOREBOOK_EXPERIMENTS_RESULTS_H
#define SCOREBOOK_EXPERIMENTS_RESULTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

// What an experiment's driver has in hand: where to write, at which scale, and the two files it fills.
typedef enum
{
  SMOKE,
  QUICK,
  FULL
} scale;

typedef struct
{
  scale scale;
  uint64_t seed;
  const char *out;      // the results' path without its suffix: $OUT
  FILE *rows, *claims;  // $OUT.csv and $OUT.claims.csv
  uint64_t evaluations; // of the score at a row, counted by the driver
} results;

// Read SCALE, SEED and OUT from the environment and open the files; the program ends with a message where it cannot.
results results_open (void);
void results_close (results *r);

// One cell: our number, with four digits, beside the published one. Any text may be "", se negative: none.
void results_row (results *r, const char *row, const char *column, const char *paper, double ours, double se,
                  const char *unit, const char *note);

// One claim of the paper, whether it holds here, and what was seen.
void results_claim (results *r, const char *claim, bool holds, const char *format, ...)
    __attribute__ ((format (printf, 4, 5)));

// A claim that could not be looked at, and why.
void untested (results *r, const char *claim, const char *reason);

// A data file for gnuplot beside them: `$OUT-NAME`.
FILE *results_data (results *r, const char *name);

// End the program with a line on standard error where `status`, a GSL status, is not GSL_SUCCESS.
void require (int status, const char *what);
void *require_pointer (void *pointer, const char *what);

#endif
