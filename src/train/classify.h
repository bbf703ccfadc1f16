#ifndef SCOREBOOK_TRAIN_CLASSIFY_H
#define SCOREBOOK_TRAIN_CLASSIFY_H

#include "trainer.h"

SB_BEGIN_DECLS

// Training a classifier by cross-entropy: on points as they are, or, where the network has a process, on points noised
// by it at times drawn as an objective's (objective/objective.h), uniformly from t_min to t_max, or on a chain's
// levels.
typedef struct
{
  sb_network network;   // theta: the training's; process NULL: points as they are
  sb_examples examples; // points with their classes (sb_examples_with_labels)
  double t_min;         // 0 for a chain
} sb_classifying;

sb_task sb_classifying_task (const sb_classifying *classifying); // keeps the address

SB_END_DECLS

#endif
