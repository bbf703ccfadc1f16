#ifndef SCOREBOOK_SAMPLER_CONDITION_H
#define SCOREBOOK_SAMPLER_CONDITION_H

#include "../base/stream.h"
#include "../process/process.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// A condition that is diffused with the sample: a score of (x_t, y_t) takes y_t ~ p(y_t | y) in place of y. The samples
// are then not those of p(x | y), even with exact scores; the slower y diffuses, the closer they come.
typedef struct
{
  const sb_process *process; // of y, with parts; not owned
  bool one_path;             // y_t follows one path of it, backwards; false: drawn anew each time
} sb_condition;

// Draw y_t (n x d, of y's process) at time t, given y. count: the number of draws before it in this run; after the
// first, one path continues from the value that y_t holds, that of time `before` >= t. Row i takes its noise from
// numbers count d, ... of stream.index + i of stream.seed, purpose SB_FOR_CONDITION. GSL_EBADLEN, GSL_ENOMEM, and those
// of sb_process_transition and sb_posterior_draw.
int sb_condition_draw (const sb_condition *condition, sb_stream stream, size_t count, double before, double t,
                       const gsl_matrix *y, gsl_matrix *y_t);

SB_END_DECLS

#endif
