#ifndef SCOREBOOK_TESTS_DATASET_SCRATCH_H
#define SCOREBOOK_TESTS_DATASET_SCRATCH_H

#include "base/error.h"

#include <stdbool.h>
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

// One line, of the form "path: place: reason".
void scratch_expect_line (const sb_error *error, const char *path);

// Memory: what the library asks for by malloc, calloc, realloc, gsl_matrix_alloc, gsl_vector_alloc and inflateInit2.
// A test program that uses these is linked with SCRATCH_WRAP (local.mk).
void scratch_fail_allocation (size_t k); // let the k-th from now fail, counted from 1; 0: none
size_t scratch_allocations (void);       // how many since
size_t scratch_largest_allocation (void);

#endif
