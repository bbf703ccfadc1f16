// # SiLU
//
// The sigmoid linear unit, $y = x\,\varsigma(x)$ with $\varsigma(x) = 1/(1 + e^{-x})$. Its slope is
// $\varsigma(x)\,\bigl(1 + x\,(1 - \varsigma(x))\bigr)$.

#include "layer.h"

#include <math.h>

static sb_real
sigmoid (sb_real x)
{
  return 1 / (1 + sb_exp (-x));
}

static sb_real
slope (sb_real x)
{
  sb_real s = sigmoid (x);
  return s * (1 + x * (1 - s));
}

static void
forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  size_t size = sb_net_shape_size (layer->out) * pass->n;
  for (size_t k = 0; k < size; k++)
    pass->y[k] = pass->x[0][k] * sigmoid (pass->x[0][k]);
}

static void
backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar, sb_real *const *x_bar,
          sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  size_t size = x_bar[0] ? sb_net_shape_size (layer->out) * pass->n : 0;
  for (size_t k = 0; k < size; k++)
    x_bar[0][k] += y_bar[k] * slope (pass->x[0][k]);
}

static void
jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  (void)theta;
  size_t size = sb_net_shape_size (layer->out) * pass->n;
  for (size_t k = 0; k < size; k++)
    y_dot[k] = x_dot[0] ? x_dot[0][k] * slope (pass->x[0][k]) : 0;
}

const sb_layer_type sb_layer_silu = { "silu", forward, backward, jvp };
