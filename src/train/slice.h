#ifndef SCOREBOOK_TRAIN_SLICE_H
#define SCOREBOOK_TRAIN_SLICE_H

#include "trainer.h"

SB_BEGIN_DECLS

// Which derivatives of the score are looked at.
typedef enum
{
  SB_SLICE_RANDOM,       // v^T J v + |s|^2 / 2 for one v ~ N(0, I) a sample: sliced score matching, variance-reduced
  SB_SLICE_RANDOM_PLAIN, // v^T J v + (v^T s)^2 / 2: as first written
  SB_SLICE_ALL,          // tr J + |s|^2 / 2, by d directions: implicit score matching
  SB_SLICE_DIFFERENCE    // v^T (s_+ - s_-) / 2h + |s_+ + s_-|^2 / 8, s at x + hv and x - hv: sliced, by differences
} sb_slices;

// Learning the score of data from the data alone, with no density and no noise but what `sigma` asks for. The
// network's output is the score, at the label 0; it has its input's shape (or, of one channel, size), and no
// self-attention: of that only differences can be taken, which also leave the network to its backend.
typedef struct
{
  const sb_net *net;
  float *theta; // the training's
  sb_slices slices;
  double sigma; // the examples get noise N(0, sigma^2 I), which they then are examples of; 0: none
  sb_examples examples;
  double h; // of SB_SLICE_DIFFERENCE: > 0, a small part of the data's deviation. The loss is off by O(h^2), and by
            // what float leaves of a difference, some 1e-7 |v| |s| / h
} sb_slicing;

// Keeps the address; the loss is not divided by the dimension. A step of a training fails with GSL_EDOM where h is wanted
// and is not positive and finite.
sb_task sb_slicing_task (const sb_slicing *slicing);

SB_END_DECLS

#endif
