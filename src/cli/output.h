#ifndef SCOREBOOK_CLI_OUTPUT_H
#define SCOREBOOK_CLI_OUTPUT_H

#include "draw.h"
#include "named_law.h"

// What a file of samples is, by its name's suffix.
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

// Write the samples, or trajectories, whole or not at all. `columns` is of a PNG's grid, 0: about square. EXIT_SUCCESS,
// or EXIT_FAILURE after a complaint.
int output_write (const char *path, const named_law *law, const drawn_samples *drawn, size_t columns);

#endif
