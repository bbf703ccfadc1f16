#ifndef SCOREBOOK_OBJECTIVE_SLICES_H
#define SCOREBOOK_OBJECTIVE_SLICES_H

// What implicit and sliced score matching share; not installed.

#include "objective.h"

// loss <- share sum over directions of v^T J v + 1/2 |s|^2; plain: share sum over directions of v^T J v + 1/2 (v^T s)^2.
void sb_slices_loss (double share, bool plain, sb_objective_batch *batch);

// Keys of the sliced objectives, the same in each.
#define SB_SLICES_FORM                                                                                                 \
  {                                                                                                                    \
    .name = "form", .words = (const char *const[]){ "reduced", "plain", NULL }, .help = "|s|^2 or (v^T s)^2"           \
  }
#define SB_SLICES_LAW                                                                                                  \
  {                                                                                                                    \
    .name = "law", .words = (const char *const[]){ "normal", "signs", NULL }, .help = "of the directions"              \
  }

#endif
