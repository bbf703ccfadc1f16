// # The gradient of a derivative
//
// Implicit and sliced score matching contain $v^\top J v$, with $J = \partial f/\partial x$ the network's Jacobian, and
// are minimised over $\theta$. One forward pass that propagates with every number $y$ its derivative $\dot y$ along $v$
// gives $\dot f = Jv$. That pass is a function of $\theta$ like any other, so it is differentiated backwards: each
// layer is given the gradients $\bar y$ and $\bar{\dot y}$ with respect to its output and to that output's derivative,
// and adds its terms to those of its inputs. The two passes cost about twice an ordinary forward and backward pass,
// whatever the dimension. [dsm2ddpm.txt-SSM-jvp]

#include "dual.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "reference.h"

#include <stdlib.h>
#include <string.h>

struct sb_net_dual
{
  const sb_net *net;
  size_t samples, n; // at most; in the last forward pass
  sb_real *memory;
  sb_net_places at;
  sb_real **y_bar, **y_dot_bar; // by layer
};

enum
{
  ARRAYS = 5, // of a layer
  LINE = 16   // alignment, in numbers
};

// ## Workspace

void
sb_net_dual_free (sb_net_dual *dual)
{
  if (!dual)
    return;
  free (dual->memory);
  free (dual->at.y);
  free (dual);
}

static size_t
lines (size_t count)
{
  return (count + LINE - 1) / LINE * LINE;
}

static void
lay_out (sb_net_dual *dual)
{
  const sb_net *net = dual->net;
  sb_real *rest = dual->memory;
  sb_real **arrays[ARRAYS] = { dual->at.y, dual->at.y_dot, dual->y_bar, dual->y_dot_bar, dual->at.saved };
  for (size_t l = 0; l < net->count; l++)
    for (size_t k = 0; k < ARRAYS; k++)
      {
        size_t each = k + 1 < ARRAYS ? sb_net_shape_size (net->layers[l].out) : net->layers[l].saved;
        arrays[k][l] = rest;
        rest += lines (each * dual->samples);
      }
  dual->at.scratch = rest;
}

static size_t
numbers_needed (const sb_net *net, size_t samples)
{
  size_t total = lines (net->scratch) + LINE;
  for (size_t l = 0; l < net->count; l++)
    total += (ARRAYS - 1) * lines (sb_net_shape_size (net->layers[l].out) * samples)
             + lines (net->layers[l].saved * samples);
  return total;
}

static int
has_gradients (const sb_net *net)
{
  for (size_t l = 0; l < net->count; l++)
    if (net->layers[l].type->remembers && !net->layers[l].type->dual_backward)
      return 0;
  return 1;
}

sb_net_dual *
sb_net_dual_alloc (const sb_net *net, size_t samples)
{
  if (!has_gradients (net))
    SB_ERROR_NULL (NULL, GSL_EUNSUP, "self-attention has no gradient of a derivative here");
  if (sb_check_lengths ("samples of a network", samples, numbers_needed (net, 1), 1))
    return NULL;
  sb_net_dual *dual = calloc (1, sizeof *dual);
  if (!dual)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a network's derivatives of %zu samples", samples);
  dual->net = net;
  dual->samples = samples;
  dual->at.y = calloc (ARRAYS * net->count, sizeof *dual->at.y);
  dual->memory = calloc (numbers_needed (net, samples), sizeof *dual->memory);
  if (!dual->at.y || !dual->memory)
    {
      sb_net_dual_free (dual);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a network's derivatives of %zu samples", samples);
    }
  dual->at.y_dot = dual->at.y + net->count;
  dual->y_bar = dual->at.y + 2 * net->count;
  dual->y_dot_bar = dual->at.y + 3 * net->count;
  dual->at.saved = dual->at.y + 4 * net->count;
  lay_out (dual);
  return dual;
}

// ## Forward, with a derivative

int
sb_net_dual_forward (sb_net_dual *dual, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                     const sb_net_condition *y, const sb_real *x_dot, sb_real *out, sb_real *out_dot)
{
  const sb_net *net = dual->net;
  if (n > dual->samples)
    SB_ERROR (NULL, GSL_EINVAL, "%zu samples in a workspace for %zu", n, dual->samples);
  dual->n = n;
  if (n == 0)
    return GSL_SUCCESS;
  sb_net_forward_along (net, theta, n, x, label, y, x_dot, &dual->at);
  sb_net_samples_first (sb_net_output (net), n, dual->at.y[net->count - 1], out);
  sb_net_samples_first (sb_net_output (net), n, dual->at.y_dot[net->count - 1], out_dot);
  return GSL_SUCCESS;
}

// ## Backward
//
// A layer without a dual_backward function is linear in its inputs, $y = Lx$ and $\dot y = L\dot x$: both gradients are
// multiplied by $L^\top$.

static void
layer_backward (const sb_net_dual *dual, const sb_real *theta, size_t l, sb_real *theta_bar)
{
  const sb_layer *layer = &dual->net->layers[l];
  sb_pass pass = sb_net_pass_at (dual->net, l, dual->n, &dual->at);
  const sb_real *x_dot[SB_LAYER_INPUTS];
  sb_real *x_bar[SB_LAYER_INPUTS] = { NULL }, *x_dot_bar[SB_LAYER_INPUTS] = { NULL };
  for (size_t k = 0; k < layer->inputs; k++)
    {
      x_bar[k] = dual->y_bar[layer->from[k]];
      x_dot_bar[k] = dual->y_dot_bar[layer->from[k]];
    }
  sb_net_directions (dual->net, l, dual->at.y_dot, x_dot);
  theta += layer->offset;
  if (layer->type->dual_backward)
    {
      sb_dual d = { x_dot, dual->y_bar[l], dual->y_dot_bar[l], x_bar, x_dot_bar };
      layer->type->dual_backward (layer, theta, &pass, &d, theta_bar + layer->offset);
      return;
    }
  layer->type->backward (layer, theta, &pass, dual->y_bar[l], x_bar, NULL);
  layer->type->backward (layer, theta, &pass, dual->y_dot_bar[l], x_dot_bar, NULL);
}

int
sb_net_dual_backward (sb_net_dual *dual, const sb_real *theta, const sb_real *out_bar, const sb_real *out_dot_bar,
                      sb_real *theta_bar)
{
  const sb_net *net = dual->net;
  size_t last = net->count - 1;
  if (dual->n == 0)
    return GSL_SUCCESS;
  for (size_t l = 0; l < last; l++)
    {
      size_t bytes = sb_net_shape_size (net->layers[l].out) * dual->n * sizeof (sb_real);
      memset (dual->y_bar[l], 0, bytes);
      memset (dual->y_dot_bar[l], 0, bytes);
    }
  sb_net_channels_first (sb_net_output (net), dual->n, out_bar, dual->y_bar[last]);
  sb_net_channels_first (sb_net_output (net), dual->n, out_dot_bar, dual->y_dot_bar[last]);
  for (size_t l = net->count; l-- > 2;)
    if (net->layers[l].inputs > 0)
      layer_backward (dual, theta, l, theta_bar);
  return GSL_SUCCESS;
}
