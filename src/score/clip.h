#ifndef SCOREBOOK_SCORE_CLIP_H
#define SCOREBOOK_SCORE_CLIP_H

#include "score.h"

SB_BEGIN_DECLS

// A score whose estimate of x_0 is clipped to [low, high], coordinate by coordinate; score and epsilon follow from it.
// It has no derivatives. `score` is not copied and has to outlive this one. NULL with GSL_EINVAL unless low < high,
// with GSL_ENOMEM.
sb_score *sb_score_clip_alloc (const sb_score *score, double low, double high);

SB_END_DECLS

#endif
