// # The reference backend
//
// Layer by layer, with the functions on the layers' own pages and OpenBLAS below them. What follows is where each
// layer's numbers stand, and in which order the functions are called.

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
  sb_real **y, **y_more, **saved; // by layer; y_more: gradient or derivative
  sb_real *scratch;
  size_t *last; // by layer: the last that reads it
} room;

// ## When a number is needed
//
// With $L$ layers, step $l < L$ is layer $l$'s forward function and step $2L - 1 - l$ its backward function.

typedef struct
{
  size_t first, last; // readers of a layer's output; of the last layer, and of one that nobody reads, itself
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

// The input and the label stay: they are written before the first step. The last output is read after the last one.

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

// ## Room

static void
room_free (void *state)
{
  room *r = state;
  if (!r)
    return;
  free (r->memory);
  free (r->last);
  free (r->y);
  free (r);
}

static sb_real *
at (const room *r, const sb_span *span)
{
  return r->memory + span->place / sizeof (sb_real);
}

static int
lay_out (const sb_net *net, size_t samples, purpose what, sb_span *spans, room *r)
{
  size_t count = net->count, scratch = 3 * count;
  for (size_t l = 0; l < count; l++)
    span_layer (net, samples, what, l, spans + 3 * l);
  spans[scratch] = (sb_span){ net->scratch * sizeof (sb_real), 0, 2 * count, 0 };
  size_t bytes = sb_plan (spans, scratch + 1);
  r->memory = aligned_alloc (SB_PLAN_LINE, bytes + SB_PLAN_LINE);
  if (!r->memory)
    return GSL_ENOMEM;
  memset (r->memory, 0, bytes + SB_PLAN_LINE);
  for (size_t l = 0; l < count; l++)
    {
      r->y[l] = at (r, &spans[3 * l]);
      r->y_more[l] = at (r, &spans[3 * l + 1]);
      r->saved[l] = at (r, &spans[3 * l + 2]);
      r->last[l] = readers_of (net, l).last;
    }
  r->scratch = at (r, &spans[scratch]);
  return GSL_SUCCESS;
}

static room *
room_for (const sb_net *net, size_t samples, purpose what)
{
  room *r = calloc (1, sizeof *r);
  sb_span *spans = calloc (3 * net->count + 1, sizeof *spans);
  if (r)
    {
      r->y = calloc (3 * net->count, sizeof *r->y);
      r->last = calloc (net->count, sizeof *r->last);
    }
  int status = r && spans && r->y && r->last ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      r->y_more = r->y + net->count;
      r->saved = r->y + 2 * net->count;
      status = lay_out (net, samples, what, spans, r);
    }
  free (spans);
  if (!status)
    return r;
  room_free (r);
  return NULL;
}

static int
room_alloc (const sb_net *net, size_t samples, int gradients, void **state)
{
  *state = room_for (net, samples, gradients ? GRADIENT : FORWARD);
  return *state ? GSL_SUCCESS : GSL_ENOMEM;
}

void *
sb_net_along_alloc (const sb_net *net, size_t samples)
{
  return room_for (net, samples, ALONG);
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

static sb_pass
pass_through (const sb_layer *layer, size_t n, const room *r, size_t l)
{
  sb_pass pass = { .n = n, .y = r->y[l], .saved = r->saved[l], .scratch = r->scratch };
  for (size_t k = 0; k < layer->inputs; k++)
    pass.x[k] = r->y[layer->from[k]];
  return pass;
}

// ## Forward

static void
show (const sb_net *net, size_t n, const sb_real *x, const sb_real *label, room *r)
{
  sb_net_channels_first (sb_net_input (net), n, x, r->y[0]);
  memcpy (r->y[1], label, n * sizeof *label);
}

static void
layer_forward (const sb_net *net, const sb_real *theta, size_t n, const room *r, size_t l)
{
  const sb_layer *layer = &net->layers[l];
  sb_pass pass = pass_through (layer, n, r, l);
  layer->type->forward (layer, theta + layer->offset, &pass);
}

static int
forward (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label, void *state,
         sb_real *out)
{
  room *r = state;
  show (net, n, x, label, r);
  for (size_t l = 0; l < net->count; l++)
    layer_forward (net, theta, n, r, l);
  sb_net_samples_first (sb_net_output (net), n, r->y[net->count - 1], out);
  return GSL_SUCCESS;
}

// ## Backward
//
// Gradients begin at zero, when the last of a layer's readers is about to add the first term, and at
// $\overline{\mathrm{out}}$; by the time a layer is reached, all who read it have added theirs.

static void
layer_backward (const sb_net *net, const sb_real *theta, size_t n, const room *r, size_t l, sb_real *theta_bar,
                int of_x)
{
  const sb_layer *layer = &net->layers[l];
  sb_pass pass = pass_through (layer, n, r, l);
  sb_real *inputs_bar[SB_LAYER_INPUTS] = { NULL };
  for (size_t k = 0; k < layer->inputs; k++)
    {
      size_t from = layer->from[k];
      if (from == 0 && !of_x) // nobody may ask for the gradient of x
        continue;
      inputs_bar[k] = r->y_more[from];
      if (r->last[from] == l && (k == 0 || layer->from[k - 1] != from))
        memset (inputs_bar[k], 0, sb_net_shape_size (net->layers[from].out) * n * sizeof (sb_real));
    }
  layer->type->backward (layer, theta + layer->offset, &pass, r->y_more[l], inputs_bar,
                         theta_bar ? theta_bar + layer->offset : NULL);
}

static int
backward (const sb_net *net, const sb_real *theta, size_t n, void *state, const sb_real *out_bar, sb_real *theta_bar,
          sb_real *x_bar)
{
  room *r = state;
  sb_net_channels_first (sb_net_output (net), n, out_bar, r->y_more[net->count - 1]);
  for (size_t l = net->count; l-- > 0;)
    layer_backward (net, theta, n, r, l, theta_bar, x_bar != NULL);
  if (x_bar)
    sb_net_samples_first (sb_net_input (net), n, r->y_more[0], x_bar);
  return GSL_SUCCESS;
}

static void
hidden (const sb_net *net, size_t n, const void *state, sb_real *out)
{
  const room *r = state;
  size_t l = net->layers[net->count - 1].from[0];
  sb_net_samples_first (net->layers[l].out, n, r->y[l], out);
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
                                         .room_alloc = room_alloc,
                                         .room_free = room_free,
                                         .forward = forward,
                                         .backward = backward,
                                         .hidden = hidden };

// ## Along a direction
//
// Directions go forward with the numbers they belong to. What depends on the label alone stands still, and its layers
// are given NULL.

int
sb_net_along (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
              const sb_real *x_dot, void *state, sb_real *out_dot)
{
  room *r = state;
  sb_real **y_dot = r->y_more;
  show (net, n, x, label, r);
  sb_net_channels_first (sb_net_input (net), n, x_dot, y_dot[0]);
  memset (y_dot[1], 0, n * sizeof (sb_real));
  for (size_t l = 2; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      sb_pass pass = pass_through (layer, n, r, l);
      const sb_real *inputs_dot[SB_LAYER_INPUTS] = { NULL };
      for (size_t k = 0; k < layer->inputs; k++)
        inputs_dot[k] = layer->from[k] == 1 ? NULL : y_dot[layer->from[k]];
      layer->type->forward (layer, theta + layer->offset, &pass);
      layer->type->jvp (layer, theta + layer->offset, &pass, inputs_dot, y_dot[l]);
    }
  sb_net_samples_first (sb_net_output (net), n, y_dot[net->count - 1], out_dot);
  return GSL_SUCCESS;
}

// ## Where it went wrong

static int
all_finite (size_t count, const sb_real *y)
{
  for (size_t k = 0; k < count; k++)
    if (!isfinite (y[k]))
      return 0;
  return 1;
}

const char *
sb_net_trace (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label)
{
  room *r = room_for (net, n, FORWARD);
  const char *found = NULL;
  if (!r)
    return NULL;
  show (net, n, x, label, r);
  for (size_t l = 0; l < net->count && !found; l++)
    {
      layer_forward (net, theta, n, r, l);
      if (!all_finite (sb_net_shape_size (net->layers[l].out) * n, r->y[l]))
        found = net->layers[l].name;
    }
  room_free (r);
  return found;
}
