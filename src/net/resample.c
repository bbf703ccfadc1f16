// # Halving, doubling, averaging
//
// A U-Net processes an image at several sizes. Going down, each pixel is the average of a $2 \times 2$ block; going up,
// each pixel is repeated four times. The one is a quarter of the other's transpose, so two loops serve all the
// functions.

#include "layer.h"

#include <string.h>

// small <- small + weight * (sum of each block of big)

static void
gather (sb_net_shape small, size_t n, sb_real weight, const sb_real *big, sb_real *sum)
{
  size_t lines = small.channels * n * small.height, width = small.width;
  for (size_t l = 0; l < lines; l++)
    {
      const sb_real *above = big + 4 * l * width, *below = above + 2 * width;
      for (size_t j = 0; j < width; j++)
        sum[l * width + j] += weight * (above[2 * j] + above[2 * j + 1] + below[2 * j] + below[2 * j + 1]);
    }
}

// big <- big + weight * (small, each pixel four times)

static void
spread (sb_net_shape small, size_t n, sb_real weight, const sb_real *value, sb_real *big)
{
  size_t lines = small.channels * n * small.height, width = small.width;
  for (size_t l = 0; l < lines; l++)
    {
      sb_real *above = big + 4 * l * width, *below = above + 2 * width;
      for (size_t j = 0; j < width; j++)
        {
          sb_real v = weight * value[l * width + j];
          above[2 * j] += v;
          above[2 * j + 1] += v;
          below[2 * j] += v;
          below[2 * j + 1] += v;
        }
    }
}

static const sb_real quarter = (sb_real)0.25;

// ## Halving

static void
halve_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  memset (pass->y, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *pass->y);
  if (pass->x[0])
    gather (layer->out, pass->n, quarter, pass->x[0], pass->y);
}

static void
halve_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
                sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  if (x_bar[0])
    spread (layer->out, pass->n, quarter, y_bar, x_bar[0]);
}

const sb_layer_type sb_layer_halve = { "halve", 0, halve_forward, halve_backward, sb_layer_linear_jvp, NULL };

// ## Doubling

static void
double_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  memset (pass->y, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *pass->y);
  if (pass->x[0])
    spread (layer->in[0], pass->n, 1, pass->x[0], pass->y);
}

static void
double_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
                 sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  if (x_bar[0])
    gather (layer->in[0], pass->n, 1, y_bar, x_bar[0]);
}

const sb_layer_type sb_layer_double = { "double", 0, double_forward, double_backward, sb_layer_linear_jvp, NULL };

// ## Averaging
//
// A classifier ends with the mean of each channel, independent of position. Channels and samples are contiguous, so
// there is a mean for every run of pixels.

static void
average_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  const sb_real *x = pass->x[0];
  size_t pixels = sb_net_shape_pixels (layer->in[0]), runs = layer->out.channels * pass->n;
  for (size_t r = 0; r < runs; r++)
    {
      sb_real sum = 0;
      for (size_t p = 0; p < pixels && x; p++)
        sum += x[r * pixels + p];
      pass->y[r] = sum / (sb_real)pixels;
    }
}

static void
average_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
                  sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  size_t pixels = sb_net_shape_pixels (layer->in[0]), runs = layer->out.channels * pass->n;
  for (size_t r = 0; r < runs && x_bar[0]; r++)
    for (size_t p = 0; p < pixels; p++)
      x_bar[0][r * pixels + p] += y_bar[r] / (sb_real)pixels;
}

const sb_layer_type sb_layer_average = { "average", 0, average_forward, average_backward, sb_layer_linear_jvp, NULL };
