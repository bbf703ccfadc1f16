#ifndef SCOREBOOK_TRAIN_SCORE_MATCHING_H
#define SCOREBOOK_TRAIN_SCORE_MATCHING_H

#include "../objective/objective.h"
#include "trainer.h"

SB_BEGIN_DECLS

// Learning a score by any objective. One that needs derivatives takes them from net/dual.h: no self-attention there.
typedef struct
{
  sb_network network;     // theta is the training's
  sb_objective objective; // of the network's process
  sb_examples examples;
  bool per_dimension; // the loss is also divided by the dimension
} sb_score_matching;

sb_task sb_score_matching_task (const sb_score_matching *matching); // keeps the address

SB_END_DECLS

#endif
