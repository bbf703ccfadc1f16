#ifndef SCOREBOOK_NET_GRAPH_H
#define SCOREBOOK_NET_GRAPH_H

#include "../base/entry.h"
#include "../base/error.h"
#include "../base/stream.h"
#include "layer.h"

SB_BEGIN_DECLS

// A network: layers in an order in which each comes after those it reads. It holds no weights: these are a vector
// theta of `parameters` numbers that the caller owns, so that a gradient, a moment of Adam or an average of weights is
// a vector of the same layout.
typedef struct sb_net_backend sb_net_backend;

typedef enum
{
  SB_NET_FLOAT, // 32 bits throughout
  SB_NET_BF16   // products and the numbers saved between layers in bfloat16, sums and weights in float
} sb_net_precision;

typedef struct
{
  char *configuration;          // the text it was made from
  const sb_entry *architecture; // chosen by that text
  sb_layer *layers;             // layer 0 is the input x, layer 1 the time label (1 x 1 x 1), the last the output
  size_t count, capacity;
  size_t parameters;
  size_t scratch;                    // the most that any layer needs
  size_t classes;                    // how many, as a condition; 0: none
  size_t class_input, picture_input; // the layers that hold a condition, 0: none
  const sb_net_backend *backend;     // the reference, unless another was chosen
  sb_net_precision precision;
} sb_net;

// The architectures, the family that a network's line chooses from (base/entry.h):
//
//   mlp inputs=2 outputs=2 width=64 layers=3 time=fourier features=32
//   unet image=1x28x28 channels=32 multipliers=1,2,2 blocks=1 groups=8 attention=7 time=positional features=32
//   cnn image=1x28x28 outputs=10 channels=16 multipliers=1,2,4 blocks=2 groups=8 time=none scale=16
//   dsm2ddpm image=1x28x28
//   ncsnpp image=3x32x32 time=fourier
//   ddpmpp image=3x32x32
//   edm-ddpmpp image=3x32x32
//
// mlp: `layers` hidden layers of `width` units, each with the time's embedding added. unet: a level per multiplier,
// each half as wide as the one above, `blocks` residual blocks a level, self-attention at the image heights listed (0:
// nowhere). cnn: a classifier, `blocks` convolutions a level, then each channel's mean and a linear layer. mlp, unet,
// dsm2ddpm: classes=K, the number of one of K classes is an input too: a linear map of its one-hot vector, with bias,
// is added to the embedding of the time (so not with time=none); condition=C, C more channels of the input, or inputs
// of an mlp. dsm2ddpm: that report's U-Net (Section 2.3.3), unet channels=64 multipliers=1,2,4 blocks=2
// attention=HEIGHT OF THE IMAGE; keys given take precedence, so that channels=8 or attention=7 makes a small one. unet,
// ncsnpp, ddpmpp: the components of Appendix H of "Score-based generative modeling through SDEs", resample=fir
// skip=rescaled block=biggan blocks=4 input=residual output=skip; joins=block, the U-Net of Ho et al. (2020); scale=16,
// the deviation of Fourier frequencies; dropout=P, P to 0.99. ncsnpp and ddpmpp are whole lines at the paper's size;
// blocks=8 makes the deep ones; edm-ddpmpp is that of Karras et al. for CIFAR-10.
const sb_entry *sb_net_architectures (size_t k);

// Make a network from its line. NULL on failure: GSL_EINVAL with a line in `error` that names the word at fault,
// GSL_ENOMEM.
sb_net *sb_net_alloc (const char *configuration, sb_error *error);
void sb_net_free (sb_net *net);

sb_net_shape sb_net_input (const sb_net *net);
sb_net_shape sb_net_output (const sb_net *net);

// Inputs beside x and the time, for n samples: pictures, each [C][height][width] (NULL: zeros), and classes, each a
// number 0, ..., classes - 1 (any other, and NULL: none). Those that the network does not take are ignored. In
// training, also the stream from which dropout draws, for sample i at index + i; NULL: nothing is dropped.
typedef struct
{
  const sb_real *pictures, *classes;
  const sb_stream *drop;
} sb_net_condition;

sb_net_shape sb_net_picture (const sb_net *net); // of the condition; no channels where there is none
size_t sb_net_conditions (const sb_net *net);    // numbers per sample: the picture's, and one where there are classes

// A point is a row of a batch, as its file has it: of an image, the channel varies fastest, then the column, then the
// row ([height][width][channels]). A network reads and writes [channels][height][width]. Number k of a point has this
// place there, k itself where there is one channel or one pixel. All code that passes rows to a network uses it.
static inline size_t
sb_net_place (sb_net_shape shape, size_t k)
{
  return k % shape.channels * sb_net_shape_pixels (shape) + k / shape.channels;
}

// One named tensor of theta, as a checkpoint stores it.
typedef struct
{
  char name[64];
  size_t rank, size[4];
  size_t offset, count;
  int trained; // no: drawn once and kept (Fourier frequencies)
} sb_net_tensor;

size_t sb_net_tensors (const sb_net *net);                    // how many
sb_net_tensor sb_net_tensor_at (const sb_net *net, size_t k); // number k < how many

// Initial weights: normal with variance 1 / fan-in, zero for the last convolution of each path, so that a new network
// is close to the identity on its skip connections and its output is zero; variance 1 for the map of classes, of whose
// inputs only one is not zero. theta: net->parameters numbers. GSL_ENOMEM.
int sb_net_initialise (const sb_net *net, sb_stream stream, sb_real *theta);

SB_END_DECLS

#endif
