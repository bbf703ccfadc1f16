// # The fast backends
//
// The same layers as the reference's, on tensors that are in blocked layout from the first layer to the last.
// Convolutions are those of winograd.c or oneDNN's (conv.h); all else is in blocked.c, blocked_norm.c and
// blocked_attention.c. There are three savings over running the list of layers. A group norm followed by a SiLU is
// one sweep. A sum is computed in place of its first term where no other layer reads that. And weights are reordered
// for a convolution only when they have changed.
//
// A workspace is for a fixed number of samples; fewer are padded with zeros, whose gradients are zero.

#include <config.h>

#include "blocked_network.h"

#include "../base/clones.h"
#include "../net/dropout.h"
#include "../net/plan.h"
#include "blocked.h"
#include "conv.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The state of a layer
//
// Layers whose outputs share memory have the same `home`, the first of them.

typedef struct
{
  sb_blocked shape;
  size_t home;
  int merged;               // a group norm that is computed with the SiLU after it
  int idle;                 // backward: no layer has a gradient for it
  int add[SB_LAYER_INPUTS]; // backward: not the first to give this input a gradient
  size_t first, last;       // readers of its output
  size_t remembers;         // the first whose backward function reads it; 0: none
  void *convolution;        // of the workspace's type
  void *y, *y_bar;
  float *saved;
} cell;

typedef struct
{
  const sb_net *net;
  size_t samples;
  int gradients, half;
  const sb_conv_type *conv;
  void *shared; // by its convolutions
  cell *cells;  // by layer
  char *arena, *scratch;
  size_t scratch_bytes;
  float *theta; // the weights from which the convolutions' were made
  int ready;    // whether they have been
  float *label, *classes;
  const sb_stream *drop; // of the last forward pass
} workspace;

static int
is (const sb_net *net, size_t l, const sb_layer_type *type)
{
  return net->layers[l].type == type;
}

static int
is_embedding (const sb_net *net, size_t l)
{
  return is (net, l, &sb_layer_positional) || is (net, l, &sb_layer_fourier) || is (net, l, &sb_layer_class);
}

static void
find_readers (workspace *w)
{
  const sb_net *net = w->net;
  for (size_t l = 0; l < net->count; l++)
    w->cells[l].first = w->cells[l].last = l;
  for (size_t l = net->count; l-- > 0;)
    for (size_t k = 0; k < net->layers[l].inputs; k++)
      {
        cell *from = &w->cells[net->layers[l].from[k]];
        from->last = from->last == net->layers[l].from[k] ? l : from->last;
        from->first = l;
        from->remembers = net->layers[l].type->remembers ? l : from->remembers;
      }
}

// ## Merged layers

static void
find_homes (workspace *w)
{
  const sb_net *net = w->net;
  for (size_t l = 0; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      cell *c = &w->cells[l];
      c->shape = sb_blocked_of (w->samples, layer->out.channels, layer->out.height, layer->out.width, w->half);
      c->home = l;
      c->merged = is (net, l, &sb_layer_group_norm) && c->first == c->last && is (net, c->last, &sb_layer_silu);
      if (!is (net, l, &sb_layer_add) || net->layers[layer->from[0]].inputs == 0 || l + 1 == net->count)
        continue; // the last layer's input must stay readable
      const cell *term = &w->cells[layer->from[0]];
      if (term->first == term->last && layer->from[1] != layer->from[0])
        c->home = term->home;
    }
}

// In the order of the backward pass: whether an input has been given a gradient before.

static void
find_first_gradients (workspace *w, char *given)
{
  const sb_net *net = w->net;
  given[w->cells[net->count - 1].home] = 1;
  for (size_t l = net->count; l-- > 0;)
    {
      const sb_layer *layer = &net->layers[l];
      cell *c = &w->cells[l];
      c->idle = !given[c->home];
      for (size_t k = 0; k < layer->inputs && !c->idle; k++)
        {
          size_t home = w->cells[layer->from[k]].home;
          c->add[k] = given[home];
          given[home] = 1;
        }
    }
}

// ## When a number is needed
//
// As in the reference, but by homes: from the first of its layers until the last of their readers is done. A merged
// group norm has no output; its input is needed where the SiLU needs it.

static void
stretch (sb_span *span, size_t birth, size_t death, size_t size)
{
  if (span->size == 0)
    *span = (sb_span){ size, birth, death, 0 };
  span->birth = birth < span->birth ? birth : span->birth;
  span->death = death > span->death ? death : span->death;
}

static void
span_layers (const workspace *w, sb_span *spans)
{
  size_t count = w->net->count, end = 2 * count - 1;
  for (size_t l = 0; l < count; l++)
    {
      const cell *c = &w->cells[l];
      size_t bytes = sb_blocked_bytes (&c->shape), last = c->last, numbers = 0;
      if (w->cells[last].merged)
        last = w->cells[last].last;
      size_t until = l + 1 == count ? count : w->gradients && c->remembers ? end - c->remembers : last;
      if (!c->merged)
        stretch (&spans[3 * c->home], w->net->layers[l].inputs ? l : 0, until, bytes);
      if (w->gradients && !c->merged)
        stretch (&spans[3 * c->home + 1], end - last, end - l, bytes);
      if (is (w->net, l, &sb_layer_group_norm))
        numbers = 2 * w->samples * c->shape.blocks * SB_LANES;
      else if (is (w->net, l, &sb_layer_attention))
        numbers = w->samples * c->shape.pixels * c->shape.pixels;
      else if (is (w->net, l, &sb_layer_dropout))
        numbers = sb_blocked_count (&c->shape);
      spans[3 * l + 2] = (sb_span){ numbers * sizeof (float), l, w->gradients ? end - l : last, 0 };
    }
}

// ## Workspace

static void
workspace_free (void *state)
{
  workspace *w = state;
  if (!w)
    return;
  for (size_t l = 0; w->cells && l < w->net->count; l++)
    w->conv->conv_free (w->cells[l].convolution);
  free (w->cells);
  free (w->arena);
  free (w->theta);
  free (w->label);
  w->conv->free (w->shared);
  free (w);
}

// The samples of 1 x 1 images are the pixels of one image (blocked.h), which has a single row for a convolution.

static int
make_convolution (workspace *w, size_t l)
{
  const sb_layer *layer = &w->net->layers[l];
  int points = w->cells[l].shape.pixels == 1;
  sb_conv_shape shape = { .images = points ? 1 : w->samples,
                          .height = layer->out.height,
                          .width = points ? w->samples : layer->out.width,
                          .in = layer->in[0].channels,
                          .out = layer->out.channels,
                          .kernel = points ? 1 : layer->kernel,
                          .stored_kernel = layer->kernel,
                          .gradients = w->gradients };
  return w->conv->conv_alloc (w->shared, &shape, &w->cells[l].convolution);
}

// A convolution that adds to its input's gradient computes it at the start of the scratch memory first.

static size_t
detour (const workspace *w, size_t l)
{
  const cell *c = &w->cells[l];
  return w->gradients && c->add[0] ? sb_blocked_bytes (&w->cells[w->net->layers[l].from[0]].shape) : 0;
}

static size_t
scratch_of (const workspace *w, size_t l)
{
  const cell *c = &w->cells[l];
  if (c->convolution)
    return detour (w, l) + w->conv->scratch (c->convolution);
  if (is (w->net, l, &sb_layer_attention))
    return sb_blocked_attention_scratch (&c->shape) * sizeof (float);
  if (is_embedding (w->net, l) || is (w->net, l, &sb_layer_dropout))
    return w->samples * c->shape.channels * c->shape.pixels * sizeof (float);
  return is (w->net, l, &sb_layer_group_norm) ? 4 * c->shape.blocks * SB_LANES * sizeof (float) : 0;
}

static int
make_cells (workspace *w)
{
  const sb_net *net = w->net;
  char *given = calloc (net->count, 1);
  if (!given)
    return GSL_ENOMEM;
  find_readers (w);
  find_homes (w);
  find_first_gradients (w, given);
  free (given);
  int status = GSL_SUCCESS;
  for (size_t l = 0; l < net->count && !status; l++)
    {
      if (is (net, l, &sb_layer_convolution))
        status = make_convolution (w, l);
      size_t scratch = status ? 0 : scratch_of (w, l);
      w->scratch_bytes = scratch > w->scratch_bytes ? scratch : w->scratch_bytes;
    }
  return status;
}

static int
lay_out (workspace *w, sb_span *spans)
{
  size_t count = w->net->count;
  span_layers (w, spans);
  spans[3 * count] = (sb_span){ w->scratch_bytes, 0, 2 * count, 0 };
  size_t bytes;
  int status = sb_plan (spans, 3 * count + 1, &bytes);
  if (status)
    return status;
  w->arena = aligned_alloc (SB_PLAN_LINE, bytes + SB_PLAN_LINE);
  if (!w->arena)
    return GSL_ENOMEM;
  memset (w->arena, 0, bytes + SB_PLAN_LINE);
  w->scratch = w->arena + spans[3 * count].place;
  for (size_t l = 0; l < count; l++)
    {
      cell *c = &w->cells[l];
      c->y = w->arena + spans[3 * c->home].place;
      c->y_bar = w->arena + spans[3 * c->home + 1].place;
      c->saved = (float *)(w->arena + spans[3 * l + 2].place);
    }
  return GSL_SUCCESS;
}

static int
bind_convolutions (workspace *w)
{
  int status = GSL_SUCCESS;
  for (size_t l = 0; l < w->net->count && !status; l++)
    {
      cell *c = &w->cells[l], *from = &w->cells[w->net->layers[l].inputs ? w->net->layers[l].from[0] : l];
      if (c->convolution)
        status = w->conv->bind (c->convolution, from->y, c->y, detour (w, l) ? w->scratch : from->y_bar, c->y_bar,
                                w->scratch + detour (w, l));
    }
  return status;
}

static int
workspace_fill (workspace *w)
{
  const sb_net *net = w->net;
  sb_span *spans = calloc (3 * net->count + 1, sizeof *spans);
  w->cells = calloc (net->count, sizeof *w->cells);
  w->theta = calloc (net->parameters + 1, sizeof *w->theta);
  w->label = calloc (2 * w->samples + 1, sizeof *w->label);
  w->classes = w->label ? w->label + w->samples : NULL;
  int status = spans && w->cells && w->theta && w->label ? w->conv->alloc (net->precision, &w->shared) : GSL_ENOMEM;
  if (!status)
    status = make_cells (w);
  if (!status)
    status = lay_out (w, spans);
  free (spans);
  return status ? status : bind_convolutions (w);
}

static int
workspace_alloc (const sb_conv_type *conv, const sb_net *net, size_t samples, int gradients, void **state)
{
  workspace *w = *state = calloc (1, sizeof *w);
  if (!w)
    return GSL_ENOMEM;
  *w = (workspace){
    .net = net, .samples = samples, .gradients = gradients, .half = net->precision == SB_NET_BF16, .conv = conv
  };
  int begun = w->conv->begin (), status = workspace_fill (w);
  w->conv->end (begun);
  if (status)
    {
      workspace_free (w);
      *state = NULL;
    }
  return status;
}

// ## One layer, forward

static const sb_blocked *
shape_at (const workspace *w, size_t l)
{
  return &w->cells[l].shape;
}

static sb_blocked_norm
norm_at (const workspace *w, size_t l, int silu)
{
  return (sb_blocked_norm){ w->cells[l].shape, w->net->layers[l].groups, silu };
}

// Embeddings are few numbers: the reference's functions compute them, sample by sample.

static const float *
number_of (const workspace *w, size_t l, size_t i)
{
  return (is (w->net, l, &sb_layer_class) ? w->classes : w->label) + i;
}

static void
embed (const workspace *w, const float *theta, size_t l)
{
  const sb_layer *layer = &w->net->layers[l];
  float *numbers = (float *)w->scratch;
  for (size_t i = 0; i < w->samples; i++)
    {
      sb_pass pass = { .n = 1, .x = { number_of (w, l, i) }, .y = numbers + i * layer->out.channels };
      layer->type->forward (layer, theta, &pass);
    }
  sb_blocked_pack (shape_at (w, l), w->samples, numbers, w->cells[l].y);
}

static void
add_forward (const workspace *w, size_t l)
{
  const cell *c = &w->cells[l], *first = &w->cells[w->net->layers[l].from[0]],
             *second = &w->cells[w->net->layers[l].from[1]];
  if (c->home == l)
    sb_blocked_copy (&c->shape, 0, first->y, c->y);
  if (second->shape.pixels == c->shape.pixels)
    sb_blocked_add (&c->shape, (float)w->net->layers[l].weight, second->y, c->y);
  else
    sb_blocked_fill (&c->shape, &second->shape, 1, 1, second->y, c->y);
}

// Masks are drawn for the padding samples too: what is in the scratch memory there could be NaN.

static void
drop_forward (const workspace *w, size_t l)
{
  const sb_layer *layer = &w->net->layers[l];
  const cell *c = &w->cells[l], *x = &w->cells[layer->from[0]];
  const sb_blocked exact = sb_blocked_of (w->samples, layer->out.channels, layer->out.height, layer->out.width, 0);
  float *m = (float *)w->scratch;
  if (!w->drop)
    {
      sb_blocked_copy (&c->shape, 0, x->y, c->y);
      return;
    }
  for (size_t i = 0; i < w->samples; i++)
    for (size_t k = 0; k < layer->out.channels; k++, m += exact.pixels)
      sb_dropout_draw (layer, w->drop, i, k, m);
  memset (c->saved, 0, sb_blocked_bytes (&exact));
  sb_blocked_pack (&exact, w->samples, (float *)w->scratch, c->saved);
  sb_blocked_multiply (&c->shape, 0, c->saved, x->y, c->y);
}

static void
join_forward (const workspace *w, size_t l)
{
  const cell *c = &w->cells[l], *first = &w->cells[w->net->layers[l].from[0]],
             *second = &w->cells[w->net->layers[l].from[1]];
  if (first->shape.channels % SB_LANES)
    memset (c->y, 0, sb_blocked_bytes (&c->shape));
  sb_blocked_insert (&first->shape, &c->shape, 0, first->y, c->y);
  sb_blocked_insert (&second->shape, &c->shape, first->shape.channels, second->y, c->y);
}

static void
norm_forward (const workspace *w, const float *theta, size_t l, int silu, void *y)
{
  const sb_layer *layer = &w->net->layers[l];
  sb_blocked_norm norm = norm_at (w, l, silu);
  sb_blocked_norm_forward (&norm, theta + layer->offset, w->cells[layer->from[0]].y, y, w->cells[l].saved);
}

static int
layer_forward (const workspace *w, const float *theta, size_t l)
{
  const sb_net *net = w->net;
  const sb_layer *layer = &net->layers[l];
  const cell *c = &w->cells[l], *x = &w->cells[layer->inputs ? layer->from[0] : l];
  if (is (net, l, &sb_layer_convolution))
    return w->conv->forward (c->convolution);
  if (is_embedding (net, l))
    embed (w, theta + layer->offset, l);
  else if (is (net, l, &sb_layer_group_norm) && !c->merged)
    norm_forward (w, theta, l, 0, c->y);
  else if (is (net, l, &sb_layer_silu) && x->merged)
    norm_forward (w, theta, layer->from[0], 1, c->y);
  else if (is (net, l, &sb_layer_silu))
    sb_blocked_silu (&c->shape, x->y, c->y);
  else if (is (net, l, &sb_layer_add))
    add_forward (w, l);
  else if (is (net, l, &sb_layer_join))
    join_forward (w, l);
  else if (is (net, l, &sb_layer_halve))
    sb_blocked_halve (&c->shape, &x->shape, 0, 0.25F, x->y, c->y);
  else if (is (net, l, &sb_layer_double))
    sb_blocked_double (&x->shape, &c->shape, 0, 1, x->y, c->y);
  else if (is (net, l, &sb_layer_fir_halve))
    sb_blocked_fir_halve (&c->shape, &x->shape, 0, 1, x->y, c->y);
  else if (is (net, l, &sb_layer_fir_double))
    sb_blocked_fir_double (&x->shape, &c->shape, 0, 4, x->y, c->y);
  else if (is (net, l, &sb_layer_dropout))
    drop_forward (w, l);
  else if (is (net, l, &sb_layer_average))
    sb_blocked_gather (&x->shape, &c->shape, 0, 1 / (float)x->shape.pixels, x->y, c->y);
  else if (is (net, l, &sb_layer_attention))
    sb_blocked_attention (&c->shape, (const void *[]){ x->y, w->cells[layer->from[1]].y, w->cells[layer->from[2]].y },
                          c->y, c->saved, (float *)w->scratch);
  return GSL_SUCCESS;
}

// ## One layer, backward

static void
add_backward (const workspace *w, size_t l)
{
  const cell *c = &w->cells[l], *first = &w->cells[w->net->layers[l].from[0]],
             *second = &w->cells[w->net->layers[l].from[1]];
  if (w->net->layers[l].weight != 1)
    sb_blocked_scale (&c->shape, (float)w->net->layers[l].weight, c->y_bar);
  if (c->home == l)
    sb_blocked_copy (&c->shape, c->add[0], c->y_bar, first->y_bar);
  if (second->shape.pixels == c->shape.pixels)
    sb_blocked_copy (&c->shape, c->add[1], c->y_bar, second->y_bar);
  else
    sb_blocked_gather (&c->shape, &second->shape, c->add[1], 1, c->y_bar, second->y_bar);
}

static void
drop_backward (const workspace *w, size_t l)
{
  const cell *c = &w->cells[l], *x = &w->cells[w->net->layers[l].from[0]];
  if (w->drop)
    sb_blocked_multiply (&c->shape, c->add[0], c->saved, c->y_bar, x->y_bar);
  else
    sb_blocked_copy (&c->shape, c->add[0], c->y_bar, x->y_bar);
}

static void
join_backward (const workspace *w, size_t l)
{
  const cell *c = &w->cells[l], *first = &w->cells[w->net->layers[l].from[0]],
             *second = &w->cells[w->net->layers[l].from[1]];
  sb_blocked_extract (&first->shape, &c->shape, 0, c->add[0], c->y_bar, first->y_bar);
  sb_blocked_extract (&second->shape, &c->shape, first->shape.channels, c->add[1], c->y_bar, second->y_bar);
}

static void
norm_backward (const workspace *w, const float *theta, size_t l, int silu, void *y_bar, float *theta_bar)
{
  const sb_layer *layer = &w->net->layers[l];
  const cell *x = &w->cells[layer->from[0]];
  sb_blocked_norm norm = norm_at (w, l, silu);
  sb_blocked_norm_back (&norm, w->cells[l].add[0], theta + layer->offset, x->y, w->cells[l].saved, y_bar, x->y_bar,
                        theta_bar ? theta_bar + layer->offset : NULL, (float *)w->scratch);
}

static int
convolution_backward (const workspace *w, size_t l, int of_x, float *theta_bar)
{
  const sb_layer *layer = &w->net->layers[l];
  const cell *c = &w->cells[l], *x = &w->cells[layer->from[0]];
  int status = theta_bar ? w->conv->backward_weights (c->convolution, theta_bar + layer->offset) : GSL_SUCCESS;
  if (status || (layer->from[0] == 0 && !of_x))
    return status;
  status = w->conv->backward_data (c->convolution);
  if (!status && c->add[0])
    sb_blocked_copy (&x->shape, 1, w->scratch, x->y_bar);
  return status;
}

static void
attention_backward (const workspace *w, size_t l)
{
  const cell *c = &w->cells[l], *from[3];
  for (int k = 0; k < 3; k++)
    from[k] = &w->cells[w->net->layers[l].from[k]];
  sb_blocked_attention_back (&c->shape, c->add, (const void *[]){ from[0]->y, from[1]->y, from[2]->y }, c->saved,
                             c->y_bar, (void *[]){ from[0]->y_bar, from[1]->y_bar, from[2]->y_bar },
                             (float *)w->scratch);
}

static void
class_backward (const workspace *w, const float *theta, size_t l, float *theta_bar)
{
  const sb_layer *layer = &w->net->layers[l];
  float *numbers = (float *)w->scratch;
  sb_blocked_unpack (shape_at (w, l), w->samples, w->cells[l].y_bar, numbers);
  for (size_t i = 0; i < w->samples && theta_bar; i++)
    {
      sb_pass pass = { .n = 1, .x = { number_of (w, l, i) } };
      layer->type->backward (layer, theta, &pass, numbers + i * layer->out.channels, NULL, theta_bar + layer->offset);
    }
}

static int
layer_backward (const workspace *w, const float *theta, size_t l, int of_x, float *theta_bar)
{
  const sb_net *net = w->net;
  const sb_layer *layer = &net->layers[l];
  const cell *c = &w->cells[l], *x = &w->cells[layer->inputs ? layer->from[0] : l];
  if (c->idle)
    return GSL_SUCCESS;
  if (is (net, l, &sb_layer_convolution))
    return convolution_backward (w, l, of_x, theta_bar);
  if (is (net, l, &sb_layer_group_norm) && !c->merged)
    norm_backward (w, theta, l, 0, c->y_bar, theta_bar);
  else if (is (net, l, &sb_layer_silu) && x->merged)
    norm_backward (w, theta, layer->from[0], 1, c->y_bar, theta_bar);
  else if (is (net, l, &sb_layer_silu))
    sb_blocked_silu_back (&c->shape, c->add[0], x->y, c->y_bar, x->y_bar);
  else if (is (net, l, &sb_layer_add))
    add_backward (w, l);
  else if (is (net, l, &sb_layer_join))
    join_backward (w, l);
  else if (is (net, l, &sb_layer_halve))
    sb_blocked_double (&c->shape, &x->shape, c->add[0], 0.25F, c->y_bar, x->y_bar);
  else if (is (net, l, &sb_layer_double))
    sb_blocked_halve (&x->shape, &c->shape, c->add[0], 1, c->y_bar, x->y_bar);
  else if (is (net, l, &sb_layer_fir_halve))
    sb_blocked_fir_double (&c->shape, &x->shape, c->add[0], 1, c->y_bar, x->y_bar);
  else if (is (net, l, &sb_layer_fir_double))
    sb_blocked_fir_halve (&x->shape, &c->shape, c->add[0], 4, c->y_bar, x->y_bar);
  else if (is (net, l, &sb_layer_dropout))
    drop_backward (w, l);
  else if (is (net, l, &sb_layer_average))
    sb_blocked_fill (&x->shape, &c->shape, c->add[0], 1 / (float)x->shape.pixels, c->y_bar, x->y_bar);
  else if (is (net, l, &sb_layer_attention))
    attention_backward (w, l);
  else if (is (net, l, &sb_layer_class))
    class_backward (w, theta, l, theta_bar);
  return GSL_SUCCESS;
}

// ## The passes

static int
take_weights (workspace *w, const float *theta)
{
  size_t bytes = w->net->parameters * sizeof *theta;
  int status = GSL_SUCCESS;
  if (w->ready && memcmp (w->theta, theta, bytes) == 0)
    return status;
  memcpy (w->theta, theta, bytes);
  w->ready = 0;
  for (size_t l = 0; l < w->net->count && !status; l++)
    if (w->cells[l].convolution)
      status = w->conv->weights (w->cells[l].convolution, theta + w->net->layers[l].offset);
  w->ready = !status;
  return status;
}

static void
show (const workspace *w, const sb_blocked *shape, size_t n, const float *samples, void *y)
{
  if (n < w->samples)
    memset (y, 0, sb_blocked_bytes (shape));
  sb_blocked_pack (shape, n, samples, y);
}

static int
forward (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
         const sb_net_condition *y, void *state, sb_real *out)
{
  workspace *w = state;
  size_t last = net->count - 1;
  int begun = w->conv->begin (), status = take_weights (w, theta);
  memset (w->label, 0, w->samples * sizeof *w->label);
  memcpy (w->label, label, n * sizeof *label);
  for (size_t i = 0; i < w->samples; i++)
    w->classes[i] = i < n && y->classes ? y->classes[i] : -1;
  w->drop = y->drop;
  show (w, shape_at (w, 0), n, x, w->cells[0].y);
  if (net->picture_input)
    show (w, shape_at (w, net->picture_input), y->pictures ? n : 0, y->pictures, w->cells[net->picture_input].y);
  for (size_t l = 2; l < net->count && !status; l++)
    status = layer_forward (w, theta, l);
  w->conv->end (begun);
  if (!status)
    sb_blocked_unpack (shape_at (w, last), n, w->cells[last].y, out);
  return status;
}

static int
backward (const sb_net *net, const sb_real *theta, size_t n, void *state, const sb_real *out_bar, sb_real *theta_bar,
          sb_real *x_bar)
{
  workspace *w = state;
  size_t last = net->count - 1;
  int begun = w->conv->begin (), status = GSL_SUCCESS;
  show (w, shape_at (w, last), n, out_bar, w->cells[last].y_bar);
  for (size_t l = net->count; l-- > 2 && !status;)
    status = layer_backward (w, theta, l, x_bar != NULL, theta_bar);
  w->conv->end (begun);
  if (!status && x_bar)
    sb_blocked_unpack (shape_at (w, 0), n, w->cells[0].y_bar, x_bar);
  return status;
}

static void
hidden (const sb_net *net, size_t n, const void *state, sb_real *out)
{
  const workspace *w = state;
  size_t l = net->layers[net->count - 1].from[0];
  sb_blocked_unpack (shape_at (w, l), n, w->cells[l].y, out);
}

// ## Two backends
//
// oneDNN's convolutions are written for AVX-512, and support bfloat16. Those in winograd.c run on any processor; but
// where they are not compiled for AVX2, or the processor has none, OpenBLAS, tuned for each processor, is faster.

static int
winograd_usable (sb_net_precision precision)
{
  return precision == SB_NET_FLOAT;
}

static int
winograd_fast (void)
{
#if SB_CLONED
  return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma");
#else
  return 0;
#endif
}

static int
winograd_workspace (const sb_net *net, size_t samples, int gradients, void **state)
{
  return workspace_alloc (&sb_conv_winograd, net, samples, gradients, state);
}

const sb_net_backend sb_net_winograd = { .name = "winograd",
                                         .precisions = 1U << SB_NET_FLOAT,
                                         .usable = winograd_usable,
                                         .fast = winograd_fast,
                                         .workspace_alloc = winograd_workspace,
                                         .workspace_free = workspace_free,
                                         .forward = forward,
                                         .backward = backward,
                                         .hidden = hidden };

#ifdef HAVE_ONEDNN
static int
onednn_workspace (const sb_net *net, size_t samples, int gradients, void **state)
{
  return workspace_alloc (&sb_conv_onednn, net, samples, gradients, state);
}

const sb_net_backend sb_net_onednn = { .name = "onednn",
                                       .precisions = 1U << SB_NET_FLOAT | 1U << SB_NET_BF16,
                                       .usable = sb_onednn_usable,
                                       .workspace_alloc = onednn_workspace,
                                       .workspace_free = workspace_free,
                                       .forward = forward,
                                       .backward = backward,
                                       .hidden = hidden };
#endif
