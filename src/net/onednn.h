#ifndef SCOREBOOK_NET_ONEDNN_H
#define SCOREBOOK_NET_ONEDNN_H

#include "network.h"

// Convolutions by oneDNN, on tensors in blocked layout (blocked.h), for one thread. An engine serves all convolutions of a
// room; what each needs is made once, when the room is.
typedef struct sb_dnn sb_dnn;

int sb_dnn_usable (sb_net_precision precision); // on this processor

// oneDNN takes as many threads as OpenMP offers, and how many changes its sums. It is to have one: between these two.
int sb_dnn_begin (void); // returns what sb_dnn_end wants
void sb_dnn_end (int threads);

sb_dnn *sb_dnn_alloc (sb_net_precision precision); // NULL: no memory
void sb_dnn_free (sb_dnn *dnn);

typedef struct
{
  size_t images, height, width; // as oneDNN is to see them
  size_t in, out;               // channels
  size_t kernel;                // 1 or 3
  size_t stored_kernel;         // of the weights in theta; where it is 3 and kernel 1, only their centres are used
  int gradients;
} sb_dnn_shape;

typedef struct sb_dnn_conv sb_dnn_conv;

sb_dnn_conv *sb_dnn_conv_alloc (sb_dnn *dnn, const sb_dnn_shape *shape); // NULL: no memory
void sb_dnn_conv_free (sb_dnn_conv *conv);
size_t sb_dnn_conv_scratch (const sb_dnn_conv *conv); // bytes

// Where its tensors stand from now on. x_bar and y_bar may be NULL without gradients.
int sb_dnn_conv_bind (sb_dnn_conv *conv, void *x, void *y, void *x_bar, void *y_bar, void *scratch);

// New weights: W and b as the reference stores them, one after the other. Then the three passes: y = W x + b;
// x_bar = W^T y_bar; and the gradients of W and b added to theta_bar, as W and b are stored.
int sb_dnn_conv_weights (sb_dnn_conv *conv, const float *theta);
int sb_dnn_conv_forward (sb_dnn_conv *conv);
int sb_dnn_conv_backward_data (sb_dnn_conv *conv);
int sb_dnn_conv_backward_weights (sb_dnn_conv *conv, float *theta_bar);

#endif
