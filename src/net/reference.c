// # The reference backend
//
// Layer by layer, with the functions in the layers' own files, which use OpenBLAS. Here are the memory of each layer's
// numbers, and the order in which the functions are called.

#include "reference.h"

#include "plan.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum
{
  FORWARD,  // outputs, each until its last reader is done
  GRADIENT, // outputs until no gradient needs them, and gradients
  ALONG     // outputs and derivatives along a direction
} purpose;

typedef struct
{
  sb_real *memory;
  sb_net_places at; // y_dot: gradients or derivatives
  size_t *last;     // by layer: the last that reads it
} workspace;

// ## When a number is needed
//
// With $L$ layers, step $l < L$ is layer $l$'s forward function and step $2L - 1 - l$ its backward function.

typedef struct
{
  size_t first, last; // readers of a layer's output; of the last layer, and of one without readers, itself
  size_t backward;    // the first of those whose backward function reads it; 0: none
} readers;

static readers
readers_of (const sb_net *net, size_t l)
{
  readers r = { .first = l, .last = l };
  for (size_t k = net->count; k-- > l + 1;)
    for (size_t i = 0; i < net->layers[k].inputs; i++)
      if (net->layers[k].from[i] == l)
        {
          r.last = r.last == l ? k : r.last;
          r.first = k;
          if (net->layers[k].type->remembers)
            r.backward = k;
        }
  return r;
}

// The input and the label are written before the first step. The last output is read after the last step.

static void
span_layer (const sb_net *net, size_t samples, purpose what, size_t l, sb_span spans[3])
{
  const sb_layer *layer = &net->layers[l];
  readers r = readers_of (net, l);
  size_t size = sb_net_shape_size (layer->out) * samples * sizeof (sb_real), end = 2 * net->count - 1;
  spans[0] = (sb_span){ size, layer->inputs ? l : 0, l + 1 == net->count ? net->count : r.last, 0 };
  if (what == GRADIENT && r.backward)
    spans[0].death = end - r.backward;
  spans[1] = what == GRADIENT ? (sb_span){ size, end - r.last, end - l, 0 } : spans[0];
  spans[1].size = what == FORWARD ? 0 : size;
  spans[2] = (sb_span){ layer->saved * samples * sizeof (sb_real), l, what == GRADIENT ? end - l : l, 0 };
}

// ## Workspace

static void
workspace_free (void *state)
{
  workspace *w = state;
  if (!w)
    return;
  free (w->memory);
  free (w->last);
  free (w->at.y);
  free (w);
}

static sb_real *
place_of (const workspace *w, const sb_span *span)
{
  return w->memory + span->place / sizeof (sb_real);
}

static int
lay_out (const sb_net *net, size_t samples, purpose what, sb_span *spans, workspace *w)
{
  size_t count = net->count, scratch = 3 * count;
  for (size_t l = 0; l < count; l++)
    span_layer (net, samples, what, l, spans + 3 * l);
  spans[scratch] = (sb_span){ net->scratch * sizeof (sb_real), 0, 2 * count, 0 };
  size_t bytes;
  int status = sb_plan (spans, scratch + 1, &bytes);
  if (status)
    return status;
  w->memory = aligned_alloc (SB_PLAN_LINE, bytes + SB_PLAN_LINE);
  if (!w->memory)
    return GSL_ENOMEM;
  memset (w->memory, 0, bytes + SB_PLAN_LINE);
  for (size_t l = 0; l < count; l++)
    {
      w->at.y[l] = place_of (w, &spans[3 * l]);
      w->at.y_dot[l] = place_of (w, &spans[3 * l + 1]);
      w->at.saved[l] = place_of (w, &spans[3 * l + 2]);
      w->last[l] = readers_of (net, l).last;
    }
  w->at.scratch = place_of (w, &spans[scratch]);
  return GSL_SUCCESS;
}

static workspace *
workspace_for (const sb_net *net, size_t samples, purpose what)
{
  workspace *w = calloc (1, sizeof *w);
  sb_span *spans = calloc (3 * net->count + 1, sizeof *spans);
  if (w)
    {
      w->at.y = calloc (3 * net->count, sizeof *w->at.y);
      w->last = calloc (net->count, sizeof *w->last);
    }
  int status = w && spans && w->at.y && w->last ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      w->at.y_dot = w->at.y + net->count;
      w->at.saved = w->at.y + 2 * net->count;
      status = lay_out (net, samples, what, spans, w);
    }
  free (spans);
  if (!status)
    return w;
  workspace_free (w);
  return NULL;
}

static int
workspace_alloc (const sb_net *net, size_t samples, int gradients, void **state)
{
  *state = workspace_for (net, samples, gradients ? GRADIENT : FORWARD);
  return *state ? GSL_SUCCESS : GSL_ENOMEM;
}

void *
sb_net_along_alloc (const sb_net *net, size_t samples)
{
  return workspace_for (net, samples, ALONG);
}

// ## Samples and channels
//
// For a single channel, or a single sample, the two orders are the same.

void
sb_net_channels_first (sb_net_shape shape, size_t n, const sb_real *samples, sb_real *to)
{
  size_t pixels = sb_net_shape_pixels (shape);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < shape.channels; c++)
      memcpy (to + (c * n + i) * pixels, samples + (i * shape.channels + c) * pixels, pixels * sizeof *to);
}

void
sb_net_samples_first (sb_net_shape shape, size_t n, const sb_real *from, sb_real *samples)
{
  size_t pixels = sb_net_shape_pixels (shape);
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < shape.channels; c++)
      memcpy (samples + (i * shape.channels + c) * pixels, from + (c * n + i) * pixels, pixels * sizeof *samples);
}

sb_pass
sb_net_pass_at (const sb_net *net, size_t l, size_t n, const sb_net_places *at)
{
  const sb_layer *layer = &net->layers[l];
  sb_pass pass = { .n = n, .y = at->y[l], .saved = at->saved[l], .scratch = at->scratch };
  for (size_t k = 0; k < layer->inputs; k++)
    pass.x[k] = at->y[layer->from[k]];
  return pass;
}

// ## Forward

void
sb_net_show (const sb_net *net, size_t n, const sb_real *x, const sb_real *label, const sb_net_condition *y,
             sb_real *const *outputs)
{
  sb_net_shape picture = sb_net_picture (net);
  sb_net_channels_first (sb_net_input (net), n, x, outputs[0]);
  for (size_t i = 0; i < n; i++)
    outputs[1][i] = label ? label[i] : 0;
  for (size_t i = 0; i < n && net->class_input; i++)
    outputs[net->class_input][i] = y && y->classes ? y->classes[i] : -1;
  if (net->picture_input && y && y->pictures)
    sb_net_channels_first (picture, n, y->pictures, outputs[net->picture_input]);
  else if (net->picture_input)
    memset (outputs[net->picture_input], 0, n * sb_net_shape_size (picture) * sizeof *x);
}

static const sb_stream *
stream_of (const sb_net_condition *y)
{
  return y ? y->drop : NULL;
}

static void
layer_forward (const sb_net *net, const sb_real *theta, size_t n, const sb_stream *drop, const workspace *w, size_t l)
{
  const sb_layer *layer = &net->layers[l];
  sb_pass pass = sb_net_pass_at (net, l, n, &w->at);
  pass.drop = drop;
  if (layer->inputs > 0)
    layer->type->forward (layer, theta + layer->offset, &pass);
}

static int
forward (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
         const sb_net_condition *y, void *state, sb_real *out)
{
  workspace *w = state;
  sb_net_show (net, n, x, label, y, w->at.y);
  for (size_t l = 0; l < net->count; l++)
    layer_forward (net, theta, n, stream_of (y), w, l);
  sb_net_samples_first (sb_net_output (net), n, w->at.y[net->count - 1], out);
  return GSL_SUCCESS;
}

// ## Backward
//
// Gradients begin at zero, when the last of a layer's readers is about to add the first term, and at
// $\overline{\mathrm{out}}$; by the time a layer is reached, all layers that read it have added theirs.

static void
layer_backward (const sb_net *net, const sb_real *theta, size_t n, const workspace *w, size_t l, sb_real *theta_bar,
                int of_x)
{
  const sb_layer *layer = &net->layers[l];
  sb_pass pass = sb_net_pass_at (net, l, n, &w->at);
  sb_real *inputs_bar[SB_LAYER_INPUTS] = { NULL };
  for (size_t k = 0; k < layer->inputs; k++)
    {
      size_t from = layer->from[k];
      if (sb_net_stands_still (net, from) || (from == 0 && !of_x)) // the gradient of x may not be needed
        continue;
      inputs_bar[k] = w->at.y_dot[from];
      if (w->last[from] == l && (k == 0 || layer->from[k - 1] != from))
        memset (inputs_bar[k], 0, sb_net_shape_size (net->layers[from].out) * n * sizeof (sb_real));
    }
  if (layer->inputs > 0)
    layer->type->backward (layer, theta + layer->offset, &pass, w->at.y_dot[l], inputs_bar,
                           theta_bar ? theta_bar + layer->offset : NULL);
}

static int
backward (const sb_net *net, const sb_real *theta, size_t n, void *state, const sb_real *out_bar, sb_real *theta_bar,
          sb_real *x_bar)
{
  workspace *w = state;
  sb_net_channels_first (sb_net_output (net), n, out_bar, w->at.y_dot[net->count - 1]);
  for (size_t l = net->count; l-- > 0;)
    layer_backward (net, theta, n, w, l, theta_bar, x_bar != NULL);
  if (x_bar)
    sb_net_samples_first (sb_net_input (net), n, w->at.y_dot[0], x_bar);
  return GSL_SUCCESS;
}

static void
hidden (const sb_net *net, size_t n, const void *state, sb_real *out)
{
  const workspace *w = state;
  size_t l = net->layers[net->count - 1].from[0];
  sb_net_samples_first (net->layers[l].out, n, w->at.y[l], out);
}

static int
usable (sb_net_precision precision)
{
  (void)precision;
  return 1;
}

const sb_net_backend sb_net_openblas = { .name = "openblas",
                                         .precisions = 1U << SB_NET_FLOAT,
                                         .usable = usable,
                                         .workspace_alloc = workspace_alloc,
                                         .workspace_free = workspace_free,
                                         .forward = forward,
                                         .backward = backward,
                                         .hidden = hidden };

// ## Along a direction
//
// Directions are propagated forward with the numbers they belong to. The label and the condition have none: layers that
// read them are given NULL.

void
sb_net_directions (const sb_net *net, size_t l, sb_real *const *y_dot, const sb_real *x_dot[SB_LAYER_INPUTS])
{
  const sb_layer *layer = &net->layers[l];
  for (size_t k = 0; k < SB_LAYER_INPUTS; k++)
    x_dot[k] = k < layer->inputs && !sb_net_stands_still (net, layer->from[k]) ? y_dot[layer->from[k]] : NULL;
}

void
sb_net_forward_along (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                      const sb_net_condition *y, const sb_real *x_dot, const sb_net_places *at)
{
  sb_net_show (net, n, x, label, y, at->y);
  sb_net_channels_first (sb_net_input (net), n, x_dot, at->y_dot[0]);
  for (size_t l = 2; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      const sb_real *inputs_dot[SB_LAYER_INPUTS];
      sb_pass pass = sb_net_pass_at (net, l, n, at);
      pass.drop = stream_of (y);
      sb_net_directions (net, l, at->y_dot, inputs_dot);
      if (layer->inputs == 0)
        continue;
      layer->type->forward (layer, theta + layer->offset, &pass);
      layer->type->jvp (layer, theta + layer->offset, &pass, inputs_dot, at->y_dot[l]);
    }
}

int
sb_net_along (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
              const sb_net_condition *y, const sb_real *x_dot, void *state, sb_real *out_dot)
{
  workspace *w = state;
  sb_net_forward_along (net, theta, n, x, label, y, x_dot, &w->at);
  sb_net_samples_first (sb_net_output (net), n, w->at.y_dot[net->count - 1], out_dot);
  return GSL_SUCCESS;
}

// ## Outputs of layers
//
// A layer's numbers are valid until the last layer that reads them is done: they are copied once they are computed.

int
sb_net_outputs_within (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
                       const sb_net_condition *y, size_t count, const size_t *layer, sb_real *const *out)
{
  workspace *w = workspace_for (net, n, FORWARD);
  size_t last = 0;
  if (!w)
    return GSL_ENOMEM;
  for (size_t k = 0; k < count; k++)
    last = layer[k] > last ? layer[k] : last;
  sb_net_show (net, n, x, label, y, w->at.y);
  for (size_t l = 0; l <= last; l++)
    {
      layer_forward (net, theta, n, stream_of (y), w, l);
      for (size_t k = 0; k < count; k++)
        if (layer[k] == l)
          sb_net_samples_first (net->layers[l].out, n, w->at.y[l], out[k]);
    }
  workspace_free (w);
  return GSL_SUCCESS;
}

// ## The first output that is not finite

static int
all_finite (size_t count, const sb_real *y)
{
  for (size_t k = 0; k < count; k++)
    if (!isfinite (y[k]))
      return 0;
  return 1;
}

const char *
sb_net_trace (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
              const sb_net_condition *y)
{
  workspace *w = workspace_for (net, n, FORWARD);
  const char *found = NULL;
  if (!w)
    return NULL;
  sb_net_show (net, n, x, label, y, w->at.y);
  for (size_t l = 0; l < net->count && !found; l++)
    {
      layer_forward (net, theta, n, stream_of (y), w, l);
      if (!all_finite (sb_net_shape_size (net->layers[l].out) * n, w->at.y[l]))
        found = net->layers[l].name;
    }
  workspace_free (w);
  return found;
}
