#ifndef SCOREBOOK_TRAIN_CLASSIFY_H
#define SCOREBOOK_TRAIN_CLASSIFY_H

#include "trainer.h"

SB_BEGIN_DECLS

// Learning to tell classes of images apart by cross-entropy. An image is drawn uniformly and moved by up to `shift`
// pixels each way, at random, so that the network learns shapes and not places.
typedef struct
{
  const sb_net *net;
  float *theta;           // the training's
  const sb_bytes *images; // n x height x width, or n x height x width x channels, of the network's input
  const sb_bytes *labels; // n, each below the network's number of outputs
  double low, high;       // what bytes 0 and 255 become
  size_t shift;
} sb_classifying;

// GSL_EBADLEN where images, labels and network do not fit together, GSL_EDOM where a label is not one of the classes.
int sb_classifying_check (const sb_classifying *classifying);

// Draw images as the network sees them (rows x channels x height x width) and their labels, row i from index + i of the
// stream of this seed for data.
int sb_classifying_draw (const sb_classifying *classifying, sb_stream stream, size_t rows, float *x,
                         unsigned char *labels);

sb_task sb_classifying_task (const sb_classifying *classifying); // keeps the address

SB_END_DECLS

#endif
