// # Halving and doubling through a filter
//
// Keeping every second pixel aliases high frequencies to low ones. StyleGAN-2 (Karras et al., 2020) smooths first, by a
// filter with finite impulse response, $f = (1, 3, 3, 1)/8$ down and across: [scoresde.txt-arch-components]
// $$ y_{ij} = \sum_{a,b=0}^{3} f_a f_b\; x_{2i+a-1,\;2j+b-1} . $$
// Upsampling inserts zeros between the pixels and applies the same filter, with a gain of 4 that preserves constants.
// That is four times the transpose of the former, so two loops serve all the functions, as in resample.c. Around an
// image there are zeros.
//
// No parameters.

#include "layer.h"

#include <string.h>

static const sb_real filter[4] = { (sb_real)0.125, (sb_real)0.375, (sb_real)0.375, (sb_real)0.125 };

// The line of `big` that tap a of line i of `small` reads, if there is one; -1 wraps to a very large number.

static int
find_line (size_t height, size_t i, size_t a, size_t *line)
{
  *line = 2 * i + a - 1;
  return *line < height;
}

// small <- small + weight * (the filter's sums around each second pixel of big)

static void
gather_line (size_t width, sb_real weight, const sb_real *big, sb_real *small)
{
  for (size_t j = 0; j < width; j++)
    {
      sb_real sum = filter[1] * (big[2 * j] + big[2 * j + 1]);
      if (j > 0)
        sum += filter[0] * big[2 * j - 1];
      if (j + 1 < width)
        sum += filter[3] * big[2 * j + 2];
      small[j] += weight * sum;
    }
}

static void
gather (sb_net_shape small, size_t n, sb_real weight, const sb_real *big, sb_real *sum)
{
  const size_t width = small.width, height = 2 * small.height;
  for (size_t image = 0; image < small.channels * n; image++, big += 2 * height * width)
    for (size_t i = 0; i < small.height; i++, sum += width)
      for (size_t a = 0, line; a < 4; a++)
        if (find_line (height, i, a, &line))
          gather_line (width, weight * filter[a], big + line * 2 * width, sum);
}

// big <- big + weight * (small, each pixel through the filter)

static void
spread_line (size_t width, sb_real weight, const sb_real *small, sb_real *big)
{
  for (size_t j = 0; j < width; j++)
    {
      const sb_real value = weight * small[j];
      big[2 * j] += filter[1] * value;
      big[2 * j + 1] += filter[2] * value;
      if (j > 0)
        big[2 * j - 1] += filter[0] * value;
      if (j + 1 < width)
        big[2 * j + 2] += filter[3] * value;
    }
}

static void
spread (sb_net_shape small, size_t n, sb_real weight, const sb_real *value, sb_real *big)
{
  const size_t width = small.width, height = 2 * small.height;
  for (size_t image = 0; image < small.channels * n; image++, big += 2 * height * width)
    for (size_t i = 0; i < small.height; i++, value += width)
      for (size_t a = 0, line; a < 4; a++)
        if (find_line (height, i, a, &line))
          spread_line (width, weight * filter[a], value, big + line * 2 * width);
}

// ## Halving

static void
halve_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  memset (pass->y, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *pass->y);
  if (pass->x[0])
    gather (layer->out, pass->n, 1, pass->x[0], pass->y);
}

static void
halve_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
                sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  if (x_bar[0])
    spread (layer->out, pass->n, 1, y_bar, x_bar[0]);
}

const sb_layer_type sb_layer_fir_halve
    = { "halve through a filter", 0, halve_forward, halve_backward, sb_layer_linear_jvp, NULL };

// ## Doubling

static void
double_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  memset (pass->y, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *pass->y);
  if (pass->x[0])
    spread (layer->in[0], pass->n, 4, pass->x[0], pass->y);
}

static void
double_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
                 sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  if (x_bar[0])
    gather (layer->in[0], pass->n, 4, y_bar, x_bar[0]);
}

const sb_layer_type sb_layer_fir_double
    = { "double through a filter", 0, double_forward, double_backward, sb_layer_linear_jvp, NULL };
