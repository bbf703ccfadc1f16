#ifndef SCOREBOOK_SCORE_EXACT_H
#define SCOREBOOK_SCORE_EXACT_H

#include "../target/target.h"
#include "score.h"

SB_BEGIN_DECLS

// The exact score of a law under a process, with all three views, Jacobian-vector product and divergence; the Jacobian
// is symmetric, so the vector-Jacobian product is the same. The law has no condition: y is ignored. Neither target nor
// process is copied: both have to outlive the score. NULL with GSL_EBADLEN where they differ in dimension, with
// GSL_ENOMEM.
sb_score *sb_score_exact_alloc (const sb_target *target, const sb_process *process);

SB_END_DECLS

#endif
