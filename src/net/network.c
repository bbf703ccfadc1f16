// # A network: layers in order
//
// A forward pass calls each layer in turn; a backward pass calls them in reverse, each adding to the gradients of the
// layers it read. There is no tape and no graph to interpret: the order was fixed when the network was configured. A
// pass works on a few samples at a time with memory of its own; larger batches are cut into shards (score/network.c,
// train/), each running this code on one thread.

#include "network.h"

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

void
sb_net_free (sb_net *net)
{
  if (!net)
    return;
  free (net->configuration);
  free (net->layers);
  free (net);
}

// ## Room to work in
//
// One block of memory holds every layer's output, what it saves, its gradient if asked for, and the scratch they
// share.

static sb_real *
take (sb_real **rest, size_t count)
{
  sb_real *taken = *rest;
  *rest += (count + 15) / 16 * 16; // whole cache lines
  return taken;
}

static size_t
numbers_needed (const sb_net *net, size_t samples, int gradients)
{
  size_t total = net->scratch + 16;
  for (size_t l = 0; l < net->count; l++)
    total += samples * (sb_net_shape_size (net->layers[l].out) * (gradients ? 2 : 1) + net->layers[l].saved) + 48;
  return total;
}

sb_net_work *
sb_net_work_alloc (const sb_net *net, size_t samples, int gradients)
{
  sb_net_work *work = calloc (1, sizeof *work);
  if (!work)
    GSL_ERROR_NULL ("no memory for a network's work", GSL_ENOMEM);
  work->samples = samples;
  work->gradients = gradients;
  work->y = calloc (3 * net->count, sizeof *work->y);
  work->memory = aligned_alloc (64, (numbers_needed (net, samples, gradients) * sizeof (sb_real) + 63) / 64 * 64);
  if (!work->y || !work->memory)
    {
      sb_net_work_free (work);
      GSL_ERROR_NULL ("no memory for a network's work", GSL_ENOMEM);
    }
  work->y_bar = work->y + net->count;
  work->saved = work->y + 2 * net->count;

  sb_real *rest = work->memory;
  for (size_t l = 0; l < net->count; l++)
    {
      size_t size = sb_net_shape_size (net->layers[l].out) * samples;
      work->y[l] = take (&rest, size);
      work->y_bar[l] = gradients ? take (&rest, size) : NULL;
      work->saved[l] = take (&rest, net->layers[l].saved * samples);
    }
  work->scratch = rest;
  return work;
}

void
sb_net_work_free (sb_net_work *work)
{
  if (!work)
    return;
  free (work->y);
  free (work->memory);
  free (work);
}

// Samples come one after the other, layers want the channel slowest. For a single channel, or a single sample, the two
// are the same.

static void
channels_first (sb_net_shape shape, size_t n, const sb_real *samples, sb_real *to)
{
  size_t pixels = sb_net_shape_pixels (shape);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < shape.channels; c++)
      memcpy (to + (c * n + i) * pixels, samples + (i * shape.channels + c) * pixels, pixels * sizeof *to);
}

static void
samples_first (sb_net_shape shape, size_t n, const sb_real *from, sb_real *samples)
{
  size_t pixels = sb_net_shape_pixels (shape);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < shape.channels; c++)
      memcpy (samples + (i * shape.channels + c) * pixels, from + (c * n + i) * pixels, pixels * sizeof *samples);
}

static sb_pass
pass_through (const sb_layer *layer, const sb_net_work *work, size_t l)
{
  sb_pass pass = { .n = work->n, .y = work->y[l], .saved = work->saved[l], .scratch = work->scratch };
  for (size_t k = 0; k < layer->inputs; k++)
    pass.x[k] = work->y[layer->from[k]];
  return pass;
}

// ## Forward

int
sb_net_forward (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                sb_net_work *work, sb_real *out)
{
  if (n > work->samples)
    GSL_ERROR ("more samples than the work has room for", GSL_EINVAL);
  work->n = n;
  if (n == 0)
    return GSL_SUCCESS;

  channels_first (sb_net_input (net), n, x, work->y[0]);
  if (label)
    memcpy (work->y[1], label, n * sizeof *label);
  else
    memset (work->y[1], 0, n * sizeof *label);
  for (size_t l = 0; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      sb_pass pass = pass_through (layer, work, l);
      layer->type->forward (layer, theta + layer->offset, &pass);
    }
  samples_first (sb_net_output (net), n, work->y[net->count - 1], out);
  return GSL_SUCCESS;
}

// ## Backward
//
// Gradients begin at zero and at $\overline{\mathrm{out}}$; by the time a layer is reached, all who read it have added
// theirs.

int
sb_net_backward (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *out_bar, sb_real *theta_bar,
                 sb_real *x_bar)
{
  if (!work->gradients)
    GSL_ERROR ("the work was allocated without gradients", GSL_EINVAL);
  size_t n = work->n, last = net->count - 1;
  if (n == 0)
    return GSL_SUCCESS;

  for (size_t l = 0; l < last; l++)
    memset (work->y_bar[l], 0, sb_net_shape_size (net->layers[l].out) * n * sizeof (sb_real));
  channels_first (sb_net_output (net), n, out_bar, work->y_bar[last]);
  for (size_t l = last + 1; l-- > 0;)
    {
      const sb_layer *layer = &net->layers[l];
      sb_pass pass = pass_through (layer, work, l);
      sb_real *inputs_bar[SB_LAYER_INPUTS] = { NULL };
      for (size_t k = 0; k < layer->inputs; k++)
        if (x_bar || layer->from[k] > 0) // nobody may ask for the gradient of x
          inputs_bar[k] = work->y_bar[layer->from[k]];
      layer->type->backward (layer, theta + layer->offset, &pass, work->y_bar[l], inputs_bar,
                             theta_bar ? theta_bar + layer->offset : NULL);
    }
  if (x_bar)
    samples_first (sb_net_input (net), n, work->y_bar[0], x_bar);
  return GSL_SUCCESS;
}

// ## Along a direction
//
// Directions go forward through the layers. What depends on the label alone stands still, and its layers are given
// NULL.

int
sb_net_jvp (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *x_dot, sb_real *out_dot)
{
  if (!work->gradients)
    GSL_ERROR ("the work was allocated without gradients", GSL_EINVAL);
  if (work->n == 0)
    return GSL_SUCCESS;

  sb_real **y_dot = work->y_bar;
  channels_first (sb_net_input (net), work->n, x_dot, y_dot[0]);
  memset (y_dot[1], 0, work->n * sizeof (sb_real));
  for (size_t l = 2; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      sb_pass pass = pass_through (layer, work, l);
      const sb_real *inputs_dot[SB_LAYER_INPUTS] = { NULL };
      for (size_t k = 0; k < layer->inputs; k++)
        inputs_dot[k] = layer->from[k] == 1 ? NULL : y_dot[layer->from[k]];
      layer->type->jvp (layer, theta + layer->offset, &pass, inputs_dot, y_dot[l]);
    }
  samples_first (sb_net_output (net), work->n, y_dot[net->count - 1], out_dot);
  return GSL_SUCCESS;
}

// ## Where it went wrong

const char *
sb_net_not_finite (const sb_net *net, const sb_net_work *work)
{
  for (size_t l = 0; l < net->count; l++)
    for (size_t k = 0; k < sb_net_shape_size (net->layers[l].out) * work->n; k++)
      if (!isfinite (work->y[l][k]))
        return net->layers[l].name;
  return NULL;
}

// ## Parameters by name
//
// A checkpoint stores each layer's parameters under names and shapes that PyTorch's users know: `weight` as
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

static sb_net_tensor
tensor_of (const sb_layer *layer, size_t which)
{
  sb_net_tensor tensor = { .offset = layer->offset, .rank = 1, .count = layer->out.channels, .trained = 1 };
  if (layer->type == &sb_layer_fourier)
    {
      tensor.trained = 0;
      tensor.count = layer->parameters;
      name_tensor (&tensor, layer, ".weight");
    }
  else if (which == 1)
    {
      tensor.offset += layer->parameters - layer->out.channels;
      name_tensor (&tensor, layer, ".bias");
    }
  else
    {
      name_tensor (&tensor, layer, ".weight");
      tensor.count = layer->parameters - layer->out.channels;
    }
  tensor.size[0] = tensor.count;
  if (which == 0 && layer->type == &sb_layer_convolution)
    {
      int image = sb_net_shape_pixels (layer->out) > 1;
      tensor.rank = image ? 4 : 2;
      tensor.size[0] = layer->out.channels;
      tensor.size[1] = layer->in[0].channels;
      tensor.size[2] = tensor.size[3] = layer->kernel;
    }
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

// ## First weights

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
          double value = layer->type == &sb_layer_fourier      ? 16 * normal
                         : layer->type == &sb_layer_group_norm ? !bias
                         : bias || layer->zero                 ? 0
                                                               : deviation * normal;
          theta[layer->offset + k] = (sb_real)value;
        }
    }
  gsl_matrix_free (z);
  return status;
}
