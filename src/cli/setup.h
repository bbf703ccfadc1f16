#ifndef SCOREBOOK_CLI_SETUP_H
#define SCOREBOOK_CLI_SETUP_H

#include <stdint.h>

enum
{
  PRIOR_ROWS = 512 // the points of the data that a corruption's prior is fitted to, and deviations are measured of
};

// GSL's handler is replaced by one that keeps the first reason it is given, and OpenBLAS is set to one thread.
void set_up_library (void);

// The reason that GSL's handler kept for `status` (GSL_FAILURE: for whatever it was), or GSL's own words.
const char *why (int status);

void set_threads (uint64_t threads); // 0: leave it to OpenMP

// The same, and reserve memory for the products of each. Where there is none, the program ends here, after a complaint.
void begin_work (uint64_t threads);

// OpenBLAS's own description, the kind of processor its kernels were chosen for, and the file that cblas_dgemm is in.
const char *blas_config (void);
const char *blas_kernels (void);
const char *blas_file (void);

#endif
