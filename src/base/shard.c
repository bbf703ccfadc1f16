// # Shards
//
// A batch is worked on in shards of a fixed number of rows. How the rows are cut depends on the batch alone, never on
// how many threads there are: a sum over a shard is the same sum on one thread and on sixty-four, and partial results
// that are added in shard order agree to the last bit. Which thread takes which shard then makes no difference, so a
// thread that is free takes the next one.

#include "shard.h"
#include "error.h"

#include <cblas.h>
#include <gsl/gsl_errno.h>
#ifdef _OPENMP
#include <omp.h>
#endif

enum
{
  LEAST = 16384 // numbers that are worth a thread
};

size_t
sb_shard_rows (size_t d)
{
  return d < LEAST ? LEAST / d : 1;
}

size_t
sb_shard_count (size_t rows, size_t shard_rows)
{
  if (shard_rows == 0)
    return 0;
  return rows / shard_rows + (rows % shard_rows != 0);
}

// Every shard is worked on, also after one has failed: only then is "the first failure, in shard order" the same
// whatever the threads did. A single shard needs no threads.

int
sb_shards (size_t rows, size_t shard_rows, sb_shard_function work, void *context)
{
  if (shard_rows == 0)
    SB_ERROR (NULL, GSL_EINVAL, "a shard needs a row or more");

  size_t count = sb_shard_count (rows, shard_rows), first_failed = count;
  int status = GSL_SUCCESS;

#pragma omp parallel for schedule(dynamic) if (count > 1)
  for (size_t shard = 0; shard < count; shard++)
    {
      size_t first = shard * shard_rows, left = rows - first;
      int shard_status = work (context, shard, first, left < shard_rows ? left : shard_rows);
      if (shard_status)
        {
#pragma omp critical(sb_shards_failed)
          if (shard < first_failed)
            {
              first_failed = shard;
              status = shard_status;
            }
        }
    }
  return status;
}

int
sb_pieces (size_t count, sb_shard_function work, void *context)
{
  size_t size = (count + SB_PIECES - 1) / SB_PIECES;
  return sb_shards (count, size < LEAST ? LEAST : size, work, context);
}

// ## How many threads

size_t
sb_shard_threads (void)
{
#ifdef _OPENMP
  return (size_t)omp_get_max_threads ();
#else
  return 1;
#endif
}

void
sb_blas_single_threaded (void)
{
  openblas_set_num_threads (1);
}
