#ifndef SCOREBOOK_BASE_SHARD_H
#define SCOREBOOK_BASE_SHARD_H

#include "decls.h"

#include <stddef.h>

SB_BEGIN_DECLS

// Work on rows first, ..., first + count - 1 of a batch; `shard` numbers the shard from 0. Returns a GSL status.
typedef int (*sb_shard_function) (void *context, size_t shard, size_t first, size_t count);

// Cut `rows` into shards of `shard_rows` (the last may be smaller) and work on them, in parallel where OpenMP is on.
// The cut does not depend on the number of threads, so neither do results. Returns the status of the first shard,
// in order, that failed.
int sb_shards (size_t rows, size_t shard_rows, sb_shard_function work, void *context);

// The number of shards into which sb_shards cuts: an array of that length holds the partial results, to be added in
// order.
size_t sb_shard_count (size_t rows, size_t shard_rows);

// The rows of d numbers of a shard that is worth a thread: about 16,384 numbers, and at least one row.
size_t sb_shard_rows (size_t d);

// The same for a long vector of `count` numbers, cut into at most SB_PIECES pieces, so that an array of that length
// holds the partial results. Pieces have at least 16,384 numbers, so that a short vector is one piece.
enum
{
  SB_PIECES = 64
};
int sb_pieces (size_t count, sb_shard_function work, void *context);

// The number of threads that sb_shards would use now, each of which needs a workspace. It can grow later; a pool
// (pool.h) then allocates another workspace.
size_t sb_shard_threads (void);

// Put OpenBLAS on one thread for the whole program. Its own threads change the order of sums, and with it the last
// bits of every product; inside OpenMP they are also slower. A program calls this once, at its start.
void sb_blas_single_threaded (void);

SB_END_DECLS

#endif
