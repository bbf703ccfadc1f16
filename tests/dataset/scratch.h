#ifndef SCOREBOOK_TESTS_DATASET_SCRATCH_H
#define SCOREBOOK_TESTS_DATASET_SCRATCH_H

#include "base/error.h"

#include <stddef.h>

// A folder of its own for every test: scratch_begin and scratch_end are a suite's init and fini.
void scratch_begin (void);
void scratch_end (void);

const char *scratch_path (const char *name); // good until the next call but three
size_t scratch_files (void);                 // how many there are, hidden ones too

void scratch_write (const char *path, const void *bytes, size_t count);
size_t scratch_read (const char *path, void *bytes, size_t room); // asserts that the file is no larger than room

// Pack bytes as a gzip file's; returns how many that are.
size_t scratch_gzip (const void *bytes, size_t count, unsigned char *packed, size_t room);

// The largest block that malloc or realloc was asked for: the linker hands their calls to scratch.c.
extern size_t scratch_largest;

// One line, of the form "path: place: reason".
void scratch_expect_line (const sb_error *error, const char *path);

#endif
