#ifndef SCOREBOOK_PROCESS_MULTISPEED_H
#define SCOREBOOK_PROCESS_MULTISPEED_H

#include "process.h"

SB_BEGIN_DECLS

// A pair z = (x, y) under two VE SDEs with a common time: x accumulates noise from sigma_min to sigma_max, its
// condition y to sigma_max_y, or none at all.
typedef struct
{
  size_t x, y;                 // numbers of each
  double sigma_min, sigma_max; // 0 < sigma_min < sigma_max
  double sigma_max_y;          // 0: y is constant; else above sigma_min
} sb_multispeed;

// Two parts. Prior: as for VE; none for a constant y. t_min as for VE. NULL: GSL_EINVAL where a number is out of range;
// GSL_ENOMEM.
sb_process *sb_multispeed_alloc (const sb_multispeed *speeds);

// The same for any two processes of one part, which belong to it from here on, on times t_min to 1. NULL: as of
// sb_nonuniform_alloc.
sb_process *sb_multispeed_of (sb_process *x, sb_process *y, double t_min);

// How many numbers of such a process are x's; 0: it is none.
size_t sb_multispeed_x (const sb_process *process);

SB_END_DECLS

#endif
