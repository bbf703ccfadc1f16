// # What a network is: layers in order
//
// Each layer comes after those it reads: there is no tape, and no graph to interpret. configure.c makes the list from a
// line of text; here are the names and shapes of its parameters, and their first values.

#include "graph.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

sb_net_shape
sb_net_input (const sb_net *net)
{
  return net->layers[0].out;
}

sb_net_shape
sb_net_output (const sb_net *net)
{
  return net->layers[net->count - 1].out;
}

sb_net_shape
sb_net_picture (const sb_net *net)
{
  return net->picture_input ? net->layers[net->picture_input].out : (sb_net_shape){ 0, 0, 0 };
}

size_t
sb_net_conditions (const sb_net *net)
{
  return sb_net_shape_size (sb_net_picture (net)) + (net->classes > 0);
}

void
sb_net_free (sb_net *net)
{
  if (!net)
    return;
  free (net->configuration);
  free (net->layers);
  free (net);
}

// ## Parameters by name
//
// A checkpoint stores each layer's parameters under PyTorch's names and shapes: `weight` as
// [outputs][inputs][k][k], or [outputs][inputs] where the images are single numbers, and `bias`.

static size_t
tensors_of (const sb_layer *layer)
{
  return layer->parameters == 0 ? 0 : layer->type == &sb_layer_fourier ? 1 : 2;
}

size_t
sb_net_tensors (const sb_net *net)
{
  size_t count = 0;
  for (size_t l = 0; l < net->count; l++)
    count += tensors_of (&net->layers[l]);
  return count;
}

static void
name_tensor (sb_net_tensor *tensor, const sb_layer *layer, const char *what)
{
  size_t length = strlen (layer->name);
  memcpy (tensor->name, layer->name, length);
  strcpy (tensor->name + length, what); // 48 and 10 fit in 64
}

// The count follows from the shape.

static sb_net_tensor
tensor_of (const sb_layer *layer, size_t which)
{
  const size_t outputs = layer->out.channels, weights = layer->parameters - outputs,
               taps = layer->kernel * layer->kernel;
  const int bias = which == 1, frozen = layer->type == &sb_layer_fourier,
            map = layer->type == &sb_layer_convolution || layer->type == &sb_layer_class;
  sb_net_tensor tensor = { .offset = layer->offset + (bias ? weights : 0), .rank = 1, .trained = !frozen };
  name_tensor (&tensor, layer, bias ? ".bias" : ".weight");
  tensor.size[0] = frozen ? layer->parameters : outputs;
  if (map && !bias)
    {
      tensor.rank = taps > 1 || sb_net_shape_pixels (layer->out) > 1 ? 4 : 2;
      tensor.size[1] = weights / (outputs * taps);
      tensor.size[2] = tensor.size[3] = layer->kernel;
    }
  tensor.count = 1;
  for (size_t k = 0; k < tensor.rank; k++)
    tensor.count *= tensor.size[k];
  return tensor;
}

sb_net_tensor
sb_net_tensor_at (const sb_net *net, size_t k)
{
  size_t l = 0;
  while (k >= tensors_of (&net->layers[l]))
    k -= tensors_of (&net->layers[l++]);
  return tensor_of (&net->layers[l], k);
}

// ## Initial weights

int
sb_net_initialise (const sb_net *net, sb_stream stream, sb_real *theta)
{
  if (net->parameters == 0)
    return GSL_SUCCESS;
  gsl_matrix *z = gsl_matrix_alloc (1, net->parameters);
  if (!z)
    return GSL_ENOMEM;
  int status = sb_stream_normals (stream, 0, z);
  for (size_t l = 0; l < net->count && !status; l++)
    {
      const sb_layer *layer = &net->layers[l];
      size_t channels = layer->out.channels;
      double deviation = 1 / sqrt ((double)(layer->in[0].channels * layer->kernel * layer->kernel));
      for (size_t k = 0; k < layer->parameters; k++)
        {
          double normal = z->data[layer->offset + k];
          int bias = k >= layer->parameters - channels;
          double value = layer->type == &sb_layer_fourier      ? layer->deviation * normal
                         : layer->type == &sb_layer_group_norm ? !bias
                         : bias || layer->zero                 ? 0
                                                               : deviation * normal;
          theta[layer->offset + k] = (sb_real)value;
        }
    }
  gsl_matrix_free (z);
  return status;
}
