#ifndef SCOREBOOK_LIKELIHOOD_DOWN_TO_H
#define SCOREBOOK_LIKELIHOOD_DOWN_TO_H

// The same score with its SDE solved down to another time than the process's own t_min; not installed. It owns nothing,
// and must not be moved while it is used.

#include "../score/score.h"

typedef struct
{
  sb_process process;
  sb_score score;
} sb_down_to;

static inline const sb_score *
sb_score_down_to (const sb_score *score, double t_min, sb_down_to *d)
{
  d->process = *score->process;
  d->process.t_min = t_min;
  d->score = *score;
  d->score.process = &d->process;
  return &d->score;
}

#endif
