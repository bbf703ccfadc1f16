// # Any header and numbers as a training's state
//
// Of the smallest network. On failure the step is as before.

#include "harness.h"

#include "train/checkpoint.h"

#include <stdlib.h>

int
fuzz_checkpoint (const uint8_t *data, size_t size)
{
  static const sb_stream first = { .seed = 1 };
  sb_error error;
  sb_net *net = sb_net_alloc ("mlp inputs=1 width=1 layers=1 time=none", &error);
  sb_training *training = net ? sb_training_alloc (net, first) : NULL;
  fuzz_file file = fuzz_file_of_tensors (data, size);
  if (!training || (sb_checkpoint_read (file.path, net, training, &error) && training->step != 0))
    abort ();
  fuzz_file_close (&file);
  sb_training_free (training);
  sb_net_free (net);
  return 0;
}
