// # Adding and joining
//
// Where two paths of the network meet, their outputs are added, or their channels concatenated.

#include "../base/clones.h"
#include "layer.h"

#include <string.h>

// ## Adding
//
// $y = w\,(x_1 + x_2)$, with $w = 1$, or $w = 1/\sqrt 2$ where a sum is to have the variance of its terms.
// [scoresde.txt-arch-components] The second input may be a $1 \times 1$ image: a number for each channel, added to all
// its pixels. That is how a time embedding enters a residual block.

static int
spread (const sb_layer *layer)
{
  return sb_net_shape_pixels (layer->in[1]) != sb_net_shape_pixels (layer->out);
}

SB_CLONES static void
accumulate (size_t count, sb_real weight, const sb_real *restrict x, sb_real *restrict sum)
{
#pragma omp simd
  for (size_t k = 0; k < count; k++)
    sum[k] += weight * x[k];
}

SB_CLONES static void
scale (size_t count, sb_real weight, sb_real *x)
{
#pragma omp simd
  for (size_t k = 0; k < count; k++)
    x[k] *= weight;
}

SB_CLONES static void
accumulate_spread (size_t rows, size_t pixels, const sb_real *restrict x, sb_real *restrict sum)
{
  for (size_t r = 0; r < rows; r++)
#pragma omp simd
    for (size_t p = 0; p < pixels; p++)
      sum[r * pixels + p] += x[r];
}

SB_CLONES static void
accumulate_pixels (size_t rows, size_t pixels, sb_real weight, const sb_real *restrict x, sb_real *restrict sums)
{
  for (size_t r = 0; r < rows; r++)
    {
      sb_real sum = 0;
#pragma omp simd reduction(+ : sum)
      for (size_t p = 0; p < pixels; p++)
        sum += x[r * pixels + p];
      sums[r] += weight * sum;
    }
}

// The first numbers of a sum: x, or zeros.

static void
begin_with (size_t count, const sb_real *x, sb_real *y)
{
  if (x)
    memcpy (y, x, count * sizeof *y);
  else
    memset (y, 0, count * sizeof *y);
}

static void
add_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  size_t size = sb_net_shape_size (layer->out) * pass->n;
  begin_with (size, pass->x[0], pass->y);
  if (pass->x[1] && spread (layer))
    accumulate_spread (layer->out.channels * pass->n, sb_net_shape_pixels (layer->out), pass->x[1], pass->y);
  else if (pass->x[1])
    accumulate (size, 1, pass->x[1], pass->y);
  if (layer->weight != 1)
    scale (size, (sb_real)layer->weight, pass->y);
}

static void
add_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
              sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  const size_t size = sb_net_shape_size (layer->out) * pass->n, pixels = sb_net_shape_pixels (layer->out);
  const sb_real weight = (sb_real)layer->weight;
  if (x_bar[0])
    accumulate (size, weight, y_bar, x_bar[0]);
  if (x_bar[1] && spread (layer))
    accumulate_pixels (size / pixels, pixels, weight, y_bar, x_bar[1]);
  else if (x_bar[1])
    accumulate (size, weight, y_bar, x_bar[1]);
}

const sb_layer_type sb_layer_add = { "add", 0, add_forward, add_backward, sb_layer_linear_jvp, NULL };

// ## Joining
//
// The channel is the slowest index, so joined channels are the concatenation of two blocks of memory.

static void
join_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  sb_real *y = pass->y;
  for (size_t k = 0; k < 2; k++)
    {
      size_t size = sb_net_shape_size (layer->in[k]) * pass->n;
      begin_with (size, pass->x[k], y);
      y += size;
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
      if (x_bar[k])
        accumulate (size, 1, y_bar, x_bar[k]);
      y_bar += size;
    }
}

const sb_layer_type sb_layer_join = { "join", 0, join_forward, join_backward, sb_layer_linear_jvp, NULL };
