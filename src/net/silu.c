// # SiLU
//
// The sigmoid linear unit, $y = x\,\varsigma(x)$ with $\varsigma(x) = 1/(1 + e^{-x})$. Its slope is
// $\varsigma(x)\,\bigl(1 + x\,(1 - \varsigma(x))\bigr)$.

#include "../base/clones.h"
#include "exp.h"
#include "layer.h"

static inline sb_real
sigmoid (sb_real x)
{
  return 1 / (1 + sb_exp (-x));
}

static inline sb_real
slope (sb_real x)
{
  sb_real s = sigmoid (x);
  return s * (1 + x * (1 - s));
}

SB_CLONES static void
activate (size_t count, const sb_real *restrict x, sb_real *restrict y)
{
#pragma omp simd
  for (size_t k = 0; k < count; k++)
    y[k] = x[k] * sigmoid (x[k]);
}

SB_CLONES static void
add_slopes (size_t count, const sb_real *restrict x, const sb_real *restrict y_bar, sb_real *restrict x_bar)
{
#pragma omp simd
  for (size_t k = 0; k < count; k++)
    x_bar[k] += y_bar[k] * slope (x[k]);
}

static void
forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  activate (sb_net_shape_size (layer->out) * pass->n, pass->x[0], pass->y);
}

static void
backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar, sb_real *const *x_bar,
          sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  if (x_bar[0])
    add_slopes (sb_net_shape_size (layer->out) * pass->n, pass->x[0], y_bar, x_bar[0]);
}

static void
jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  (void)theta;
  size_t size = sb_net_shape_size (layer->out) * pass->n;
  for (size_t k = 0; k < size; k++)
    y_dot[k] = x_dot[0] ? x_dot[0][k] * slope (pass->x[0][k]) : 0;
}

// ## The gradient of a derivative
//
// $\dot y = f'(x)\,\dot x$ depends on $x$ through the slope: besides $f'$ times either gradient, $\bar x$ gets
// $f''(x)\,\dot x\,\bar{\dot y}$, with $f'' = \varsigma(1 - \varsigma)\bigl(2 + x\,(1 - 2\varsigma)\bigr)$.

static inline sb_real
bend (sb_real x)
{
  sb_real s = sigmoid (x);
  return s * (1 - s) * (2 + x * (1 - 2 * s));
}

SB_CLONES static void
add_bends (size_t count, const sb_real *restrict x, const sb_real *restrict x_dot, const sb_real *restrict y_dot_bar,
           sb_real *restrict x_bar)
{
#pragma omp simd
  for (size_t k = 0; k < count; k++)
    x_bar[k] += bend (x[k]) * x_dot[k] * y_dot_bar[k];
}

static void
dual_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_dual *dual,
               sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  size_t size = sb_net_shape_size (layer->out) * pass->n;
  add_slopes (size, pass->x[0], dual->y_bar, dual->x_bar[0]);
  add_slopes (size, pass->x[0], dual->y_dot_bar, dual->x_dot_bar[0]);
  add_bends (size, pass->x[0], dual->x_dot[0], dual->y_dot_bar, dual->x_bar[0]);
}

const sb_layer_type sb_layer_silu = { "silu", 1, forward, backward, jvp, dual_backward };
