// # A network: layers in order
//
// A forward pass calls each layer in turn; a backward pass calls them in reverse, each adding to the gradients of the
// layers it read. There is no tape and no graph to interpret: the order was fixed when the network was configured. A
// pass works on a few samples at a time with memory of its own; larger batches are cut into shards (score/network.c,
// train/), each running this code on one thread. Who computes the layers is a backend: reference.c calls the functions
// that stand in the layers' own pages; blocked.c does the same sums several times faster.

#include <config.h>

#include "backend.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
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

// ## Who computes
//
// The fastest first, the reference last: it can always be used.

static const sb_net_backend *const backends[] = {
#ifndef SB_NET_DOUBLE
#ifdef HAVE_ONEDNN
  &sb_net_onednn,
#endif
  &sb_net_winograd,
#endif
  &sb_net_openblas
};

enum
{
  BACKENDS = sizeof backends / sizeof *backends
};

const sb_net_backend *
sb_net_backend_at (size_t k)
{
  return k < BACKENDS ? backends[k] : NULL;
}

const char *
sb_net_backend_name (const sb_net_backend *backend)
{
  return backend->name;
}

int
sb_net_backend_usable (const sb_net_backend *backend, sb_net_precision precision)
{
  return (backend->precisions >> precision & 1) && backend->usable (precision);
}

static const sb_net_backend *
find_backend (const char *name)
{
  for (size_t k = 0; k < BACKENDS; k++)
    if (strcmp (name, backends[k]->name) == 0)
      return backends[k];
  return NULL;
}

static int
complain_of_name (const char *name, sb_error *error)
{
  char list[128] = "";
  size_t length = 0;
  for (size_t k = 0; k < BACKENDS && length < sizeof list; k++)
    length += (size_t)snprintf (list + length, sizeof list - length, "%s%s",
                                k == 0             ? ""
                                : k + 1 < BACKENDS ? ", "
                                                   : " or ",
                                backends[k]->name);
  SB_ERROR (error, GSL_EINVAL, "backend: %s, not '%s'", list, name);
}

static int
complain_of_backend (const char *name, sb_net_precision precision, sb_error *error)
{
  if (name && strcmp (name, "onednn") == 0 && !find_backend (name))
    SB_ERROR (error, GSL_EUNSUP, "backend onednn: not built in (configure --with-onednn)");
  if (name && !find_backend (name))
    return complain_of_name (name, error);
  if (precision == SB_NET_FLOAT)
    SB_ERROR (error, GSL_EUNSUP, "backend onednn: this processor has no AVX-512");
  if (!find_backend ("onednn") || (name && strcmp (name, "onednn") != 0))
    SB_ERROR (error, GSL_EUNSUP, "precision bf16: only with the backend onednn%s",
              find_backend ("onednn") ? "" : ", which is not built in");
  SB_ERROR (error, GSL_EUNSUP, "precision bf16: this processor has neither AVX512-BF16 nor AMX");
}

static int
is_wanted (const sb_net_backend *backend, const char *name)
{
  return name ? strcmp (name, backend->name) == 0 : !backend->fast || backend->fast ();
}

int
sb_net_choose (sb_net *net, const char *name, sb_net_precision precision, sb_error *error)
{
  for (size_t k = 0; k < BACKENDS; k++)
    if (is_wanted (backends[k], name) && sb_net_backend_usable (backends[k], precision))
      {
        net->backend = backends[k];
        net->precision = precision;
        return GSL_SUCCESS;
      }
  return complain_of_backend (name, precision, error);
}

// ## Room to work in

static sb_real *
numbers (size_t count)
{
  return calloc (count + 1, sizeof (sb_real));
}

sb_net_work *
sb_net_work_alloc (const sb_net *net, size_t samples, int gradients)
{
  sb_net_work *work = calloc (1, sizeof *work);
  if (!work)
    GSL_ERROR_NULL ("no memory for a network's work", GSL_ENOMEM);
  work->samples = samples;
  work->gradients = gradients;
  work->backend = net->backend;
  work->x = numbers (samples * sb_net_shape_size (sb_net_input (net)));
  work->label = numbers (samples);
  work->out = numbers (samples * sb_net_shape_size (sb_net_output (net)));
  int status = GSL_ENOMEM;
  if (work->x && work->label && work->out)
    status = net->backend->room_alloc (net, samples, gradients, &work->room);
  if (!status)
    return work;
  sb_net_work_free (work);
  GSL_ERROR_NULL (status == GSL_ENOMEM ? "no memory for a network's work" : "the backend cannot compute this network",
                  status);
}

void
sb_net_work_free (sb_net_work *work)
{
  if (!work)
    return;
  if (work->room)
    work->backend->room_free (work->room);
  if (work->along)
    sb_net_openblas.room_free (work->along);
  free (work->x);
  free (work->label);
  free (work->out);
  free (work);
}

// ## Forward

static int
run_forward (const sb_net *net, sb_net_work *work, sb_real *out)
{
  work->spent = 0;
  return work->backend->forward (net, work->theta, work->n, work->x, work->label, work->room, out);
}

int
sb_net_forward (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                sb_net_work *work, sb_real *out)
{
  if (n > work->samples)
    GSL_ERROR ("more samples than the work has room for", GSL_EINVAL);
  work->n = n;
  if (n == 0)
    return GSL_SUCCESS;
  memcpy (work->x, x, n * sb_net_shape_size (sb_net_input (net)) * sizeof *x);
  if (label)
    memcpy (work->label, label, n * sizeof *label);
  else
    memset (work->label, 0, n * sizeof *label);
  work->theta = theta;
  return run_forward (net, work, out);
}

// ## Backward, and along a direction

int
sb_net_backward (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *out_bar, sb_real *theta_bar,
                 sb_real *x_bar)
{
  if (!work->gradients)
    GSL_ERROR ("the work was allocated without gradients", GSL_EINVAL);
  if (work->n == 0)
    return GSL_SUCCESS;
  int status = work->spent ? run_forward (net, work, work->out) : GSL_SUCCESS;
  work->spent = 1;
  return status ? status : work->backend->backward (net, theta, work->n, work->room, out_bar, theta_bar, x_bar);
}

int
sb_net_jvp (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *x_dot, sb_real *out_dot)
{
  if (!work->gradients)
    GSL_ERROR ("the work was allocated without gradients", GSL_EINVAL);
  if (work->n == 0)
    return GSL_SUCCESS;
  if (!work->along)
    work->along = sb_net_along_alloc (net, work->samples);
  if (!work->along)
    GSL_ERROR ("no memory for a derivative along a direction", GSL_ENOMEM);
  return sb_net_along (net, theta, work->n, work->x, work->label, x_dot, work->along, out_dot);
}

// ## Looking inside

int
sb_net_hidden (const sb_net *net, sb_net_work *work, sb_real *hidden)
{
  if (work->n == 0)
    return GSL_SUCCESS;
  int status = work->spent ? run_forward (net, work, work->out) : GSL_SUCCESS;
  if (!status)
    work->backend->hidden (net, work->n, work->room, hidden);
  return status;
}

const char *
sb_net_not_finite (const sb_net *net, const sb_net_work *work)
{
  return work->n == 0 ? NULL : sb_net_trace (net, work->theta, work->n, work->x, work->label);
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
