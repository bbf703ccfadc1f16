#ifndef SCOREBOOK_SCORE_RESCALE_H
#define SCOREBOOK_SCORE_RESCALE_H

#include "score.h"

SB_BEGIN_DECLS

// A score under another process, by evaluating it where it has the same ratio of noise to signal. Both are of one part.
// It has the derivatives that `score` has; parameters' gradients are passed on. Its times are those whose ratio `score`
// learned, from t_min to t_max of its own process (GSL_EDOM elsewhere). For a chain these are its levels: with
// `nearest`, another ratio is replaced by the nearest of them, else GSL_EDOM.
//
// `score` and `process` are not copied and have to outlive it. NULL with GSL_EUNSUP where one of the processes is of
// several parts, GSL_EBADLEN where their dimensions differ, with GSL_ENOMEM.
sb_score *sb_score_rescale_alloc (const sb_score *score, const sb_process *process, bool nearest);

SB_END_DECLS

#endif
