// # Dropout
//
// In training each number of $x$ is dropped with probability $p$, and the others are scaled to preserve the mean
// (Srivastava et al., 2014):
// $$ y_k = m_k x_k, \qquad m_k = \begin{cases} 0 & u_k < p \\ 1/(1 - p) & \text{else}, \end{cases} $$
// with $u_k$ uniform. Otherwise $m_k = 1$. Sample $i$ draws its $u_k$ from a stream of its own, at index $i$ after the
// first, where each dropout of the network has its range: they depend on nothing else in the batch. No parameters.
// Saved: $m$.
//
// Once drawn, $m$ is a constant, and the layer a linear map.

#include "dropout.h"

#include <string.h>

enum
{
  TOGETHER = 128 // uniforms
};

void
sb_dropout_draw (const sb_layer *layer, const sb_stream *drop, size_t i, size_t c, sb_real *kept)
{
  const size_t pixels = sb_net_shape_pixels (layer->out), before = layer->drawn + c * pixels;
  const sb_stream stream = sb_stream_skip (*drop, i);
  const sb_real grown = (sb_real)(1 / (1 - layer->rate));
  double u[TOGETHER];
  for (size_t p = 0; p < pixels; p += TOGETHER)
    {
      const size_t count = pixels - p < TOGETHER ? pixels - p : TOGETHER;
      gsl_matrix_view row = gsl_matrix_view_array (u, 1, count);
      sb_stream_uniforms (stream, before + p, &row.matrix); // it has more numbers than there is memory for
      for (size_t k = 0; k < count; k++)
        kept[p + k] = u[k] < layer->rate ? 0 : grown;
    }
}

static void
multiply (const sb_layer *layer, const sb_pass *pass, int add, const sb_real *x, sb_real *y)
{
  const size_t size = sb_net_shape_size (layer->out) * pass->n;
  for (size_t k = 0; k < size; k++)
    y[k] = pass->saved[k] * x[k] + (add ? y[k] : 0);
}

static void
forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  const size_t pixels = sb_net_shape_pixels (layer->out);
  sb_real *m = pass->saved;
  for (size_t c = 0; c < layer->out.channels; c++)
    for (size_t i = 0; i < pass->n; i++, m += pixels)
      if (pass->drop)
        sb_dropout_draw (layer, pass->drop, i, c, m);
      else
        for (size_t p = 0; p < pixels; p++)
          m[p] = 1;
  multiply (layer, pass, 0, pass->x[0], pass->y);
}

static void
backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar, sb_real *const *x_bar,
          sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  if (x_bar[0])
    multiply (layer, pass, 1, y_bar, x_bar[0]);
}

static void
jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  (void)theta;
  if (x_dot[0])
    multiply (layer, pass, 0, x_dot[0], y_dot);
  else
    memset (y_dot, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *y_dot);
}

const sb_layer_type sb_layer_dropout = { "dropout", 0, forward, backward, jvp, NULL };
