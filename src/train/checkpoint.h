#ifndef SCOREBOOK_TRAIN_CHECKPOINT_H
#define SCOREBOOK_TRAIN_CHECKPOINT_H

#include "../score/model.h"
#include "trainer.h"

SB_BEGIN_DECLS

// What a checkpoint holds beside the model's notes. Its text is UTF-8, stored by these functions but not interpreted.
typedef struct
{
  const char *process; // the line the model's process was made from
  const char *recipe;  // the settings of the training, so that it resumes as it began
  const char *command; // how to make this file again
  const char *data;    // its name, size and checksum
  uint64_t seed;       // of all that is random
  const char *report;  // what the training has reported so far; NULL: nothing
  const char *dtype;   // of an exported network (sb_model_dtype_set); NULL: F32
} sb_provenance;

// The whole state of a training: weights, average, Adam's moments, step. Written whole or not at all.
int sb_checkpoint_write (const char *path, const sb_model *model, const sb_training *training,
                         const sb_provenance *provenance, sb_error *error);

// Read it back into a training of the same network. GSL_EINVAL where the file holds no training, or that of another
// network, and those of sb_safetensors_read. On failure the step is as before; the weights may not be.
int sb_checkpoint_read (const char *path, const sb_net *net, sb_training *training, sb_error *error);

// The same of a file that has been read: `path` is for messages.
int sb_checkpoint_take (const sb_tensors *tensors, const char *path, const sb_net *net, sb_training *training,
                        sb_error *error);

// The average's weights alone, for use: about a quarter of the size, in F16 or BF16 an eighth. GSL_EINVAL also where a
// weight is beyond the largest of its dtype.
int sb_checkpoint_export (const char *path, const sb_model *model, const sb_training *training,
                          const sb_provenance *provenance, sb_error *error);

SB_END_DECLS

#endif
