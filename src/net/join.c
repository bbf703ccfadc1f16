// # Adding and joining
//
// Where two paths of the network meet, their outputs are added, or their channels laid one after the other.

#include "layer.h"

#include <string.h>

// ## Adding
//
// $y = x_1 + x_2$. The second input may be a $1 \times 1$ image: a number for each channel, added to all its pixels.
// That is how a time embedding reaches a residual block.

static int
spread (const sb_layer *layer)
{
  return sb_net_shape_pixels (layer->in[1]) != sb_net_shape_pixels (layer->out);
}

static void
add_second (const sb_layer *layer, size_t n, const sb_real *second, sb_real *y)
{
  size_t rows = layer->out.channels * n, pixels = sb_net_shape_pixels (layer->out), each = spread (layer) ? 0 : pixels;
  for (size_t r = 0; r < rows; r++)
    for (size_t p = 0; p < pixels; p++)
      y[r * pixels + p] += each ? second[r * each + p] : second[r];
}

static void
add_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  memcpy (pass->y, pass->x[0], sb_net_shape_size (layer->out) * pass->n * sizeof *pass->y);
  add_second (layer, pass->n, pass->x[1], pass->y);
}

static void
add_jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  (void)theta;
  size_t bytes = sb_net_shape_size (layer->out) * pass->n * sizeof *y_dot;
  if (x_dot[0])
    memcpy (y_dot, x_dot[0], bytes);
  else
    memset (y_dot, 0, bytes);
  if (x_dot[1])
    add_second (layer, pass->n, x_dot[1], y_dot);
}

static void
add_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
              sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  size_t rows = layer->out.channels * pass->n, pixels = sb_net_shape_pixels (layer->out);
  for (size_t k = 0; k < rows * pixels && x_bar[0]; k++)
    x_bar[0][k] += y_bar[k];
  for (size_t r = 0; r < rows && x_bar[1]; r++)
    if (spread (layer))
      {
        sb_real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t p = 0; p < pixels; p++)
          sum += y_bar[r * pixels + p];
        x_bar[1][r] += sum;
      }
    else
      for (size_t p = 0; p < pixels; p++)
        x_bar[1][r * pixels + p] += y_bar[r * pixels + p];
}

const sb_layer_type sb_layer_add = { "add", add_forward, add_backward, add_jvp };

// ## Joining
//
// The channel is the slowest index, so joined channels are the two blocks of memory, end to end.

static void
join_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  sb_real *y = pass->y;
  for (size_t k = 0; k < 2; k++)
    {
      size_t size = sb_net_shape_size (layer->in[k]) * pass->n;
      memcpy (y, pass->x[k], size * sizeof *y);
      y += size;
    }
}

static void
join_jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  (void)theta;
  for (size_t k = 0; k < 2; k++)
    {
      size_t size = sb_net_shape_size (layer->in[k]) * pass->n;
      if (x_dot[k])
        memcpy (y_dot, x_dot[k], size * sizeof *y_dot);
      else
        memset (y_dot, 0, size * sizeof *y_dot);
      y_dot += size;
    }
}

static void
join_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
               sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  for (size_t k = 0; k < 2; k++)
    {
      size_t size = sb_net_shape_size (layer->in[k]) * pass->n;
      for (size_t j = 0; j < size && x_bar[k]; j++)
        x_bar[k][j] += y_bar[j];
      y_bar += size;
    }
}

const sb_layer_type sb_layer_join = { "join", join_forward, join_backward, join_jvp };
