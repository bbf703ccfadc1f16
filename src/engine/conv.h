#ifndef SCOREBOOK_ENGINE_CONV_H
#define SCOREBOOK_ENGINE_CONV_H

#include "../net/graph.h"

// The fast backends' convolutions, on tensors in blocked layout (blocked.h), for one thread.
typedef struct
{
  size_t images, height, width;
  size_t in, out;       // channels
  size_t kernel;        // 1 or 3
  size_t stored_kernel; // of the weights in theta; where it is 3 and kernel 1, only their centres are used
  int gradients;
} sb_conv_shape;

// An int returned, except by `begin`, is a status: GSL_ENOMEM; GSL_EFAILED where oneDNN cannot do it.
typedef struct
{
  // Before and after any of the functions below: `end` is given what `begin` returned.
  int (*begin) (void);
  void (*end) (int begun);

  // State shared by all convolutions of a workspace, if any; NULL on failure.
  int (*alloc) (sb_net_precision precision, void **shared);
  void (*free) (void *shared);

  // A convolution, made once and run many times; NULL on failure.
  int (*conv_alloc) (void *shared, const sb_conv_shape *shape, void **conv);
  void (*conv_free) (void *conv);
  size_t (*scratch) (const void *conv); // bytes

  // Set the memory of its tensors from now on. x_bar and y_bar may be NULL without gradients.
  int (*bind) (void *conv, void *x, void *y, void *x_bar, void *y_bar, void *scratch);

  // New weights: W and b as the reference stores them, one after the other. Then the three passes: y = W x + b;
  // x_bar = W^T y_bar; and the gradients of W and b added to theta_bar, as W and b are stored.
  int (*weights) (void *conv, const float *theta);
  int (*forward) (void *conv);
  int (*backward_data) (void *conv);
  int (*backward_weights) (void *conv, float *theta_bar);
} sb_conv_type;

extern const sb_conv_type sb_conv_winograd; // winograd.c: always available, in float
extern const sb_conv_type sb_conv_onednn;   // onednn.c: where built

int sb_onednn_usable (sb_net_precision precision); // on this processor

#endif
