// # Input
//
// The first layers of a network compute nothing: their outputs are written from outside.

#include "layer.h"

static void
forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)layer;
  (void)theta;
  (void)pass;
}

static void
backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar, sb_real *const *x_bar,
          sb_real *theta_bar)
{
  (void)y_bar;
  (void)x_bar;
  (void)theta_bar;
  forward (layer, theta, pass);
}

static void
jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  (void)x_dot;
  (void)y_dot;
  forward (layer, theta, pass);
}

const sb_layer_type sb_layer_input = { "input", 0, forward, backward, jvp, NULL };
