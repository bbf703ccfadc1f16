#ifndef SCOREBOOK_CLI_TRAINING_RECORD_H
#define SCOREBOOK_CLI_TRAINING_RECORD_H

#include "options.h"

#include <scorebook.h>

// What a state records of its training beside weights and model: how to resume it (the recipe), and its reports so far.
// A state may come from anywhere: what is read here is checked as a command line is, and names no file.

// The numbers of a training, the keys of one entry.
enum
{
  BATCH,
  SHARD,
  RATE,
  WARMUP,
  CLIP,
  EMA,
  EMA_WARMUP,
  T_MIN,
  DROP_LABELS,
  SHIFT,
  FLIP,
  DSM_ABOVE,
  RAMP,
  HALF_LIFE,
  CLEAN,
  GUARD,
  TRAINING_KEYS
};
extern const sb_key training_keys[TRAINING_KEYS];

// All that determines what is learned, except data and network. Lines are of base/entry.h; NULL and NaN: not given.
typedef struct
{
  const char *process, *prediction, *label, *objective, *weighting, *levels, *task;
  double range[2], deviation;
  uint64_t seed;
  bool seeded; // the seed is given
  key_value number[TRAINING_KEYS];
} training_settings;

training_settings training_settings_none (void);

// What is not given becomes that of a recipe; where there is none either, the usual. `path` is for messages; the
// recipe's text is kept by the settings, and split in place. EXIT_SUCCESS, or EXIT_FAILURE after a complaint.
int training_settings_from (char *recipe, const char *path, training_settings *s);
void training_settings_fill (training_settings *s);

// The recipe, to be released by free; NULL: no memory.
char *training_recipe (const training_settings *s);

// The curve: a line for the means of so many steps, and the sums of those since the last line, of the loss, the
// gradient's norm and, where the loss has one, its part of consistency and what is left, the data's.
enum
{
  CURVE_STEPS = 50,
  CURVE_NUMBERS = 4
};

typedef struct
{
  double sum[CURVE_NUMBERS], last[CURVE_NUMBERS]; // last: the means of the last line
  size_t numbers;                                 // 2 or 4
  uint64_t since;                                 // steps they are of
  uint64_t from;                                  // lines up to this step are of another recipe
  char *lines;                                    // CSV without a header; NULL: none
  size_t length;
} training_report;

const char *training_report_header (const training_report *r);
int training_report_add (training_report *r, uint64_t step, const double *number); // EXIT_FAILURE: no memory
char *training_report_write (const training_report *r);                            // NULL: no memory
int training_report_read (const char *text, uint64_t step, const char *path, training_report *r);

// Turn a report of two numbers into one of four: without consistency so far, all of the loss was the data's.
// EXIT_FAILURE: no memory.
int training_report_widen (training_report *r);

// The least data part of the loss in the lines of this recipe; infinity where there is none.
double training_report_least (const training_report *r);

#endif
