#ifndef SCOREBOOK_SAMPLER_CONDITION_H
#define SCOREBOOK_SAMPLER_CONDITION_H

#include "../base/stream.h"
#include "../process/process.h"

#include <stdbool.h>

SB_BEGIN_DECLS

// A condition that diffuses beside the sample: a score of (x_t, y_t) is given y_t ~ p(y_t | y) in place of y.
typedef struct
{
  const sb_process *process; // of y, with parts; not owned
  bool one_path;             // y_t is one path of it, taken backwards; false: drawn anew each time
} sb_condition;

// y_t (n x d, of y's process) at time t, from y. count: how many times it was drawn before in this run; after the first,
// one path goes on from y_t at time `before` >= t, which y_t holds. The noise of row i are numbers count d, ... of
// stream.index + i of stream.seed, purpose SB_FOR_CONDITION. GSL_EBADLEN; as of sb_process_transition and of
// sb_posterior_draw; GSL_ENOMEM.
int sb_condition_draw (const sb_condition *condition, sb_stream stream, size_t count, double before, double t,
                       const gsl_matrix *y, gsl_matrix *y_t);

SB_END_DECLS

#endif
