#ifndef SCOREBOOK_TRAIN_CHECKPOINT_H
#define SCOREBOOK_TRAIN_CHECKPOINT_H

#include "../score/model.h"
#include "trainer.h"

SB_BEGIN_DECLS

// What a checkpoint says beside the model's notes: provenance.
typedef struct
{
  const char *process; // the line the model's process was made from
  const char *recipe;  // the options of the training, so that it goes on as it began
  const char *command; // how to make this file again
  const char *data;    // its name, size and checksum
  uint64_t seed;       // of all that is random
} sb_provenance;

// The whole state of a training: weights, average, Adam's moments, step. Written whole or not at all.
int sb_checkpoint_write (const char *path, const sb_model *model, const sb_training *training,
                         const sb_provenance *provenance, sb_error *error);

// Read it back into a training of the same network. recipe: the recipe's words, to be released by free (NULL: not
// wanted). GSL_EINVAL where the file holds no training, or that of another network. On failure the
// step and *recipe are as before; the weights may not be.
int sb_checkpoint_read (const char *path, const sb_net *net, sb_training *training, char **recipe, sb_error *error);

// The average's weights alone, for use: about a quarter of the size.
int sb_checkpoint_export (const char *path, const sb_model *model, const sb_training *training,
                          const sb_provenance *provenance, sb_error *error);

SB_END_DECLS

#endif
