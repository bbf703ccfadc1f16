// # Running a network
//
// A forward pass calls each layer in turn; a backward pass calls them in reverse, each adding to the gradients of the
// layers it read. A pass works on a few samples at a time with memory of its own; larger batches are cut into shards
// (score/network.c, train/), each running this code on one thread. The layers are computed by a backend: reference.c
// calls the functions in the layers' own files; others may do the same computations faster.

#include "passes.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "reference.h"

#include <stdlib.h>
#include <string.h>

// ## Workspace

static sb_real *
numbers (size_t count)
{
  return calloc (count + 1, sizeof (sb_real));
}

static int
check_samples (const sb_net *net, size_t samples)
{
  size_t numbers_of_one = 1;
  for (size_t l = 0; l < net->count; l++)
    numbers_of_one += sb_net_shape_size (net->layers[l].out) + net->layers[l].saved;
  return sb_check_lengths ("samples of a network", samples, numbers_of_one, 1);
}

sb_net_work *
sb_net_work_alloc (const sb_net *net, size_t samples, int gradients)
{
  if (check_samples (net, samples))
    return NULL;
  sb_net_work *work = calloc (1, sizeof *work);
  if (!work)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a network's passes of %zu samples", samples);
  work->samples = samples;
  work->gradients = gradients;
  work->backend = net->backend;
  work->x = numbers (samples * sb_net_shape_size (sb_net_input (net)));
  work->label = numbers (samples);
  work->given = numbers (samples * sb_net_conditions (net));
  work->out = numbers (samples * sb_net_shape_size (sb_net_output (net)));
  int status = GSL_ENOMEM;
  if (work->x && work->label && work->given && work->out)
    status = net->backend->workspace_alloc (net, samples, gradients, &work->workspace);
  if (!status)
    return work;
  sb_net_work_free (work);
  SB_ERROR_NULL (NULL, status, "%s a network's passes of %zu samples",
                 status == GSL_ENOMEM ? "no memory for" : "the backend cannot compute", samples);
}

void
sb_net_work_free (sb_net_work *work)
{
  if (!work)
    return;
  if (work->workspace)
    work->backend->workspace_free (work->workspace);
  if (work->along)
    sb_net_openblas.workspace_free (work->along);
  free (work->x);
  free (work->label);
  free (work->given);
  free (work->out);
  free (work);
}

// ## Forward

static void
keep_condition (const sb_net *net, const sb_net_condition *y, sb_net_work *work)
{
  size_t size = work->n * sb_net_shape_size (sb_net_picture (net));
  work->y = (sb_net_condition){ NULL, NULL, NULL };
  if (y && y->pictures && size > 0)
    work->y.pictures = memcpy (work->given, y->pictures, size * sizeof *work->given);
  if (y && y->classes && net->classes > 0)
    work->y.classes = memcpy (work->given + size, y->classes, work->n * sizeof *work->given);
  if (y && y->drop)
    {
      work->drop = *y->drop;
      work->y.drop = &work->drop;
    }
}

static int
run_forward (const sb_net *net, sb_net_work *work, sb_real *out)
{
  work->spent = 0;
  return work->backend->forward (net, work->theta, work->n, work->x, work->label, &work->y, work->workspace, out);
}

int
sb_net_forward (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                const sb_net_condition *y, sb_net_work *work, sb_real *out)
{
  if (n > work->samples)
    SB_ERROR (NULL, GSL_EINVAL, "%zu samples in a workspace for %zu", n, work->samples);
  work->n = n;
  if (n == 0)
    return GSL_SUCCESS;
  memcpy (work->x, x, n * sb_net_shape_size (sb_net_input (net)) * sizeof *x);
  if (label)
    memcpy (work->label, label, n * sizeof *label);
  else
    memset (work->label, 0, n * sizeof *label);
  keep_condition (net, y, work);
  work->theta = theta;
  return run_forward (net, work, out);
}

// ## Backward, and along a direction

int
sb_net_backward (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *out_bar, sb_real *theta_bar,
                 sb_real *x_bar)
{
  if (!work->gradients)
    SB_ERROR (NULL, GSL_EINVAL, "the workspace was allocated without gradients");
  if (work->n == 0)
    return GSL_SUCCESS;
  int status = work->spent ? run_forward (net, work, work->out) : GSL_SUCCESS;
  work->spent = 1;
  return status ? status : work->backend->backward (net, theta, work->n, work->workspace, out_bar, theta_bar, x_bar);
}

int
sb_net_jvp (const sb_net *net, const sb_real *theta, sb_net_work *work, const sb_real *x_dot, sb_real *out_dot)
{
  if (!work->gradients)
    SB_ERROR (NULL, GSL_EINVAL, "the workspace was allocated without gradients");
  if (work->n == 0)
    return GSL_SUCCESS;
  if (!work->along)
    work->along = sb_net_along_alloc (net, work->samples);
  if (!work->along)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu derivatives along directions", work->samples);
  return sb_net_along (net, theta, work->n, work->x, work->label, &work->y, x_dot, work->along, out_dot);
}

// ## Intermediate outputs

int
sb_net_hidden (const sb_net *net, sb_net_work *work, sb_real *hidden)
{
  if (work->n == 0)
    return GSL_SUCCESS;
  int status = work->spent ? run_forward (net, work, work->out) : GSL_SUCCESS;
  if (!status)
    work->backend->hidden (net, work->n, work->workspace, hidden);
  return status;
}

const char *
sb_net_not_finite (const sb_net *net, const sb_net_work *work)
{
  return work->n == 0 ? NULL : sb_net_trace (net, work->theta, work->n, work->x, work->label, &work->y);
}

size_t
sb_net_layer_named (const sb_net *net, const char *name)
{
  size_t found = net->count, times = 0;
  for (size_t l = 0; l < net->count; l++)
    if (strcmp (net->layers[l].name, name) == 0)
      {
        found = l;
        times++;
      }
  return times == 1 ? found : net->count;
}

int
sb_net_layer_outputs (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                      const sb_net_condition *y, size_t count, const size_t *layer, sb_real *const *out)
{
  if (check_samples (net, n))
    return GSL_ENOMEM;
  for (size_t k = 0; k < count; k++)
    if (layer[k] >= net->count)
      SB_ERROR (NULL, GSL_EINVAL, "layer %zu of a network that has %zu", layer[k], net->count);
  if (n == 0 || count == 0)
    return GSL_SUCCESS;
  const int status = sb_net_outputs_within (net, theta, n, x, label, y, count, layer, out);
  if (status)
    SB_ERROR (NULL, status, "no memory for a network's passes of %zu samples", n);
  return GSL_SUCCESS;
}
