#ifndef SCOREBOOK_PROCESS_KINDS_H
#define SCOREBOOK_PROCESS_KINDS_H

#include "../base/entry.h"
#include "process.h"

SB_BEGIN_DECLS

// A process that a line of text can choose (base/entry.h), as checkpoints and command lines do.
typedef struct
{
  sb_entry entry;
  bool equal;       // the second key's value may be that of the first; else it has to be above
  bool from_t_min;  // it is undefined below its own t_min: training draws no time there
  double low, high; // the papers map the bytes 0 to 255 of images to these
  const char *step; // the name of the papers' step for it (sampler/sampler.h)
  const char *grid; // and of their grid (grid/grid.h)
  sb_process *(*alloc) (size_t dimension, const double *key, sb_error *error); // NULL; error may be empty
} sb_process_kind;

const sb_entry *sb_processes (size_t k); // the family; each is the first field of its sb_process_kind

// The kind that a line chooses, and the values of its keys, key (SB_KEYS_MOST). NULL with a line in `error`, which
// begins with `what`: GSL_EINVAL, GSL_ENOMEM.
const sb_process_kind *sb_process_kind_read (const char *what, const char *text, double *key, sb_error *error);

const sb_process_kind *sb_process_kind_of (const sb_process *process); // NULL: of none

// The process that a line chooses. NULL: as above, and where the kind's own alloc function refuses.
sb_process *sb_process_from_text (const char *text, size_t dimension, sb_error *error);

SB_END_DECLS

#endif
