#ifndef SCOREBOOK_CLI_OUTPUT_H
#define SCOREBOOK_CLI_OUTPUT_H

#include "draw.h"
#include "named_law.h"

// The format of a file of samples, by its name's suffix.
typedef enum
{
  OUTPUT_NPY,
  OUTPUT_CSV,
  OUTPUT_PNG,
  OUTPUT_UNKNOWN
} output_kind;

output_kind output_format (const char *path);

// Whether a file could be written there: EXIT_SUCCESS, or EXIT_FAILURE after a complaint.
int output_try (const char *path);

// The same for n samples, each with `states` states (0: the last alone), and whether they can be drawn.
int output_check (const char *path, const named_law *law, size_t n, size_t states, size_t columns);

// Write the samples, or trajectories, whole or not at all. `columns` is of a PNG's grid, 0: about square. EXIT_SUCCESS,
// or EXIT_FAILURE after a complaint.
int output_write (const char *path, const named_law *law, const drawn_samples *drawn, size_t columns);

#endif
