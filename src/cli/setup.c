// # What the program sets up

#include <config.h>
#include "setup.h"

#include "../base/shard.h"

#include <cblas.h>
#include <dlfcn.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

// GSL's default handler aborts. Ours keeps the reason, which the returned status alone does not carry. Of several
// reasons the first is the one nearest to the cause. Shards may fail at the same time, hence the critical section.

static int kept_status;
static char kept_reason[512];

static void
keep_reason (const char *reason, const char *file, int line, int status)
{
  (void)file;
  (void)line;
#ifdef _OPENMP
#pragma omp critical(keep_reason)
#endif
  if (!kept_status)
    {
      kept_status = status;
      snprintf (kept_reason, sizeof kept_reason, "%s", reason);
    }
}

const char *
why (int status)
{
  return kept_status && (status == kept_status || status == GSL_FAILURE) ? kept_reason : gsl_strerror (status);
}

void
set_up_library (void)
{
  gsl_set_error_handler (keep_reason);
  sb_blas_single_threaded ();
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

// ## Which BLAS
//
// The dense products must come from OpenBLAS: GSL's own CBLAS has the same names and is twenty times slower. The dynamic
// linker knows where `cblas_dgemm` was found. (OpenBLAS's header and GSL's declare the same functions twice, so this is
// not where the rest of GSL is.)

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
