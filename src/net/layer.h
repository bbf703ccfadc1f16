#ifndef SCOREBOOK_NET_LAYER_H
#define SCOREBOOK_NET_LAYER_H

#include "../base/stream.h"
#include "real.h"

#include <stddef.h>

SB_BEGIN_DECLS

// What a layer reads and writes: `channels` images of height x width for each of n samples. In memory the channel is
// the slowest index and the sample the next, [channels][n][height][width], so that a convolution is a matrix product
// whose result needs no reordering, channels are joined by concatenating memory, and a vector per sample (an embedding,
// a point in the plane) is a 1 x 1 image.
typedef struct
{
  size_t channels, height, width;
} sb_net_shape;

enum
{
  SB_LAYER_INPUTS = 3 // at most
};

typedef struct sb_layer sb_layer;

// One pass through one layer, for n samples.
typedef struct
{
  size_t n;
  const sb_real *x[SB_LAYER_INPUTS]; // inputs
  sb_real *y;                        // output
  sb_real *saved;                    // saved by forward for backward and jvp: layer->saved numbers per sample
  sb_real *scratch;                  // not kept between calls: layer->scratch numbers
  const sb_stream *drop;             // of sample i at index + i; NULL: nothing is dropped
} sb_pass;

// A pass in pairs (dual.h): directions of the inputs (each NULL: zero), the gradients of some number with respect to y
// and y_dot, and those with respect to x and x_dot, to be added to.
typedef struct
{
  const sb_real *const *x_dot;
  const sb_real *y_bar, *y_dot_bar;
  sb_real *const *x_bar, *const *x_dot_bar;
} sb_dual;

// A layer is three functions, y = f(x, theta) and its two derivatives; and a fourth, except for linear maps of x
// without parameters:
typedef struct
{
  const char *name;
  int remembers; // backward reads forward's inputs: the pass's x must still be there

  void (*forward) (const sb_layer *layer, const sb_real *theta, const sb_pass *pass);

  // Given the gradient y_bar of some number with respect to y, add its gradients with respect to the inputs to x_bar
  // (each NULL: not computed) and with respect to the parameters to theta_bar (NULL likewise).
  void (*backward) (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
                    sb_real *const *x_bar, sb_real *theta_bar);

  // Given directions x_dot (each NULL: zero), y_dot is the derivative of y along them.
  void (*jvp) (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot,
               sb_real *y_dot);

  // After forward and jvp: the gradients of a number that depends on y and y_dot; theta_bar is added to. NULL: not
  // needed, or not available.
  void (*dual_backward) (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_dual *dual,
                         sb_real *theta_bar);
} sb_layer_type;

struct sb_layer
{
  const sb_layer_type *type;
  char name[48];                // "down.0.norm1": names its parameters in a checkpoint
  size_t inputs;                // how many
  size_t from[SB_LAYER_INPUTS]; // the layers they come from
  sb_net_shape in[SB_LAYER_INPUTS];
  sb_net_shape out;
  size_t offset, parameters; // its slice of the parameter vector
  size_t kernel;             // of a convolution: 1 or 3
  size_t groups;             // of a group norm
  int zero;                  // of a convolution: its weights start at zero (the last of a path)
  double weight;             // of a sum: a factor of it
  double deviation;          // of Fourier features: their frequencies', when drawn
  double rate;               // of dropout: the probability that a number is dropped
  size_t drawn;              // of dropout: how many numbers of a sample's stream earlier dropouts draw
  size_t saved, scratch;     // see sb_pass
};

static inline size_t
sb_net_shape_pixels (sb_net_shape shape)
{
  return shape.height * shape.width;
}

static inline size_t
sb_net_shape_size (sb_net_shape shape)
{
  return shape.channels * shape.height * shape.width;
}

// The derivative of a layer without parameters that is linear in its inputs: the layer itself. Its forward function
// takes an x that is NULL for zeros.
static inline void
sb_layer_linear_jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot,
                     sb_real *y_dot)
{
  sb_pass along = *pass;
  along.y = y_dot;
  for (size_t k = 0; k < layer->inputs; k++)
    along.x[k] = x_dot[k];
  layer->type->forward (layer, theta, &along);
}

extern const sb_layer_type sb_layer_input; // x, or the time label: given from outside; it has no functions
extern const sb_layer_type sb_layer_convolution;
extern const sb_layer_type sb_layer_group_norm;
extern const sb_layer_type sb_layer_silu;
extern const sb_layer_type sb_layer_add;     // two inputs of one shape; or, the second 1 x 1, a number per channel
extern const sb_layer_type sb_layer_dropout; // some numbers become zero, in training
extern const sb_layer_type sb_layer_join;    // the channels of two inputs, one after the other
extern const sb_layer_type sb_layer_halve;   // 2 x 2 averages
extern const sb_layer_type sb_layer_double;  // each pixel four times
extern const sb_layer_type sb_layer_fir_halve, sb_layer_fir_double; // the same through a smooth filter
extern const sb_layer_type sb_layer_average;                        // of each channel over its pixels: a 1 x 1 image
extern const sb_layer_type sb_layer_attention;                      // inputs: query, key, value
extern const sb_layer_type sb_layer_positional;                     // embeddings of a number
extern const sb_layer_type sb_layer_fourier;
extern const sb_layer_type sb_layer_class; // a linear map of a one-hot vector, given as the number of its class

SB_END_DECLS

#endif
