#ifndef SCOREBOOK_NET_REFERENCE_H
#define SCOREBOOK_NET_REFERENCE_H

#include "backend.h"

extern const sb_net_backend sb_net_openblas; // the layers' own functions, one after the other

// Functions that only the reference has. A derivative along a direction, forward: x, label, y and x_dot as in passes.h;
// `workspace` is from sb_net_along_alloc.
void *sb_net_along_alloc (const sb_net *net, size_t samples); // NULL: GSL_ENOMEM
int sb_net_along (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                  const sb_net_condition *y, const sb_real *x_dot, void *workspace, sb_real *out_dot);

// The memory of a pass, by layer; y_dot: derivatives along a direction.
typedef struct
{
  sb_real **y, **y_dot, **saved;
  sb_real *scratch;
} sb_net_places;

sb_pass sb_net_pass_at (const sb_net *net, size_t l, size_t n, const sb_net_places *at);

// Directions of layer l's inputs: NULL where one is zero.
void sb_net_directions (const sb_net *net, size_t l, sb_real *const *y_dot, const sb_real *x_dot[SB_LAYER_INPUTS]);

// All layers in order, and their derivatives.
void sb_net_forward_along (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                           const sb_net_condition *y, const sb_real *x_dot, const sb_net_places *at);

// The name of the first layer whose output is not finite, NULL where all are, or where there is no memory to find out.
const char *sb_net_trace (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                          const sb_net_condition *y);

// The outputs of these layers, by number: out[k], samples first. GSL_ENOMEM.
int sb_net_outputs_within (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                           const sb_net_condition *y, size_t count, const size_t *layer, sb_real *const *out);

// Samples are passed one after the other, layers of the reference have the channel slowest.
void sb_net_channels_first (sb_net_shape shape, size_t n, const sb_real *samples, sb_real *to);
void sb_net_samples_first (sb_net_shape shape, size_t n, const sb_real *from, sb_real *samples);

// Write the inputs of a network, as for sb_net_forward, to the outputs of its first layers.
void sb_net_show (const sb_net *net, size_t n, const sb_real *x, const sb_real *label, const sb_net_condition *y,
                  sb_real *const *outputs);

// Of a network's inputs only x, layer 0, has a direction and a gradient.
static inline int
sb_net_stands_still (const sb_net *net, size_t l)
{
  return l > 0 && net->layers[l].inputs == 0;
}

#endif
