#ifndef SCOREBOOK_PROCESS_NONUNIFORM_H
#define SCOREBOOK_PROCESS_NONUNIFORM_H

#include "process.h"

SB_BEGIN_DECLS

// Independent processes with a common time: the coordinates of the first, then those of the second, and so on, each
// block with an SDE and a noise of its own. Parts are those of the blocks, in their order.
//
// The process takes the blocks and `settings` (NULL, or one block from malloc) and frees them with itself, or at once
// on failure. A block may be NULL, where making it failed. The name is kept, not copied. t_limit is the largest t_limit
// of a block; a map of a block beyond its own is GSL_EDOM. NULL: GSL_EINVAL for no block, a missing one, or times as
// for sb_process_alloc; GSL_EUNSUP where a block is a chain, has no parts, a basis or no kernel from s > 0; GSL_ENOMEM.
sb_process *sb_nonuniform_alloc (const char *name, size_t count, sb_process *const *block, double t_min, double t_max,
                                 void *settings);

// Its blocks, b = 0, 1, ...; NULL: there is no such block, or the process is another.
const sb_process *sb_nonuniform_block (const sb_process *process, size_t b);

// What was given as `settings` to a process of this name that was made so; NULL for any other.
const void *sb_nonuniform_settings (const sb_process *process, const char *name);

// A constant process, x_t = x_s: A = 1, S = 0. It has no prior, and no S has an inverse. t_max = 1. NULL as of
// sb_process_alloc.
sb_process *sb_still_alloc (size_t dimension);

SB_END_DECLS

#endif
