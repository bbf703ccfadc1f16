// # What the program sets up

#include <config.h>
#include "setup.h"
#include "options.h"

#include "../base/shard.h"

#include <cblas.h>
#include <dlfcn.h>
#include <gsl/gsl_errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

// GSL's default handler aborts. Ours keeps the reason, which the returned status alone does not give. Of several
// reasons the first is the one nearest to the cause; where a caller made another failure of it, the last says which.
// Shards may fail at the same time, hence the critical section.

typedef struct
{
  int status;
  char reason[512];
} failure_reason;

static failure_reason first_reason, last_reason;

static void
keep_reason (const char *reason, const char *file, int line, int status)
{
  (void)file;
  (void)line;
#ifdef _OPENMP
#pragma omp critical(keep_reason)
#endif
  {
    failure_reason *kept = first_reason.status ? &last_reason : &first_reason;
    kept->status = status;
    snprintf (kept->reason, sizeof kept->reason, "%s", reason);
  }
}

const char *
why (int status)
{
  if (first_reason.status && (status == first_reason.status || status == GSL_FAILURE))
    return first_reason.reason;
  return last_reason.status && status == last_reason.status ? last_reason.reason : gsl_strerror (status);
}

// A file that grows over its limit is a failed write, not a signal.

static size_t blas_threads; // OpenBLAS's own, which it starts when it is loaded

void
set_up_library (void)
{
  gsl_set_error_handler (keep_reason);
  blas_threads = (size_t)openblas_get_num_threads ();
  sb_blas_single_threaded ();
  signal (SIGXFSZ, SIG_IGN);
}

// ## Threads
//
// OpenBLAS maps a buffer for each thread, its own and those that call it, and where there is no memory for one it
// retries for ever, at the end of the program too, which waits for its threads. So the memory is requested here once,
// released, and taken at once by a product on each thread; where there is none, the program ends without waiting.

enum
{
  BUFFER = 128 << 20, // bytes, the largest that OpenBLAS takes for a thread
  PRODUCT = 64
};

static void
reserve_buffers (size_t threads)
{
  const size_t buffers = threads + blas_threads - 1, size = buffers * BUFFER;
  void *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    _exit (failure ("no memory for the products of %zu threads, %d MiB each", buffers, BUFFER >> 20));
  munmap (memory, size);
#ifdef _OPENMP
#pragma omp parallel
#endif
  {
    static const double a[PRODUCT * PRODUCT];
    double c[PRODUCT * PRODUCT];
    cblas_dgemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, PRODUCT, PRODUCT, PRODUCT, 1, a, PRODUCT, a, PRODUCT, 0, c,
                 PRODUCT);
  }
}

void
set_threads (uint64_t threads)
{
#ifdef _OPENMP
  if (threads > 0)
    omp_set_num_threads ((int)threads);
#else
  (void)threads;
#endif
}

void
begin_work (uint64_t threads)
{
  set_threads (threads);
#ifdef _OPENMP
  reserve_buffers ((size_t)omp_get_max_threads ());
#else
  reserve_buffers (1);
#endif
}

// ## Which BLAS
//
// The dense products must come from OpenBLAS: GSL's own CBLAS has the same names and is twenty times slower. The
// dynamic linker knows where `cblas_dgemm` was found. (OpenBLAS's header and GSL's both declare these functions, so
// that this file includes no other header of GSL.)

const char *
blas_config (void)
{
  return openblas_get_config ();
}

const char *
blas_kernels (void)
{
  return openblas_get_corename ();
}

const char *
blas_file (void)
{
  Dl_info found;
  void *dgemm = dlsym (RTLD_DEFAULT, "cblas_dgemm");
  return dgemm && dladdr (dgemm, &found) && found.dli_fname ? found.dli_fname : "not known";
}
