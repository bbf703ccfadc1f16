// # Embedding a number
//
// A network is told the time (or the noise level) as a number $u$. A number is a poor input: neighbouring times look
// the same and no unit can be sensitive to all scales. So it is spread over sines and cosines,
// $$ \bigl[\sin(\omega_1 u), \ldots, \sin(\omega_m u),\; \cos(\omega_1 u), \ldots, \cos(\omega_m u)\bigr], $$
// and the two kinds of embedding differ in their frequencies. The label $u$ is given, not learned: neither embedding
// passes a gradient back to it.

#include "layer.h"

#include <math.h>
#include <string.h>

static void
waves (const sb_layer *layer, const sb_pass *pass, size_t j, double omega)
{
  size_t m = layer->out.channels / 2, n = pass->n;
  for (size_t i = 0; i < n; i++)
    {
      double angle = omega * (double)pass->x[0][i];
      pass->y[j * n + i] = (sb_real)sin (angle);
      pass->y[(m + j) * n + i] = (sb_real)cos (angle);
    }
}

static void
no_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
             sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)layer;
  (void)theta;
  (void)pass;
  (void)y_bar;
  (void)x_bar;
  (void)theta_bar;
}

static void
no_jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  (void)theta;
  (void)x_dot;
  memset (y_dot, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *y_dot);
}

// ## Positional
//
// The transformer's: wavelengths from $2\pi$ to $2\pi\cdot 10^4$ in geometric steps, $\omega_j = 10^{-4 (j-1)/(m-1)}$.
// It suits whole numbers up to a few thousand, DDPM's step index; between them it varies smoothly, so it can be asked
// at half a step.

static void
positional_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  size_t m = layer->out.channels / 2;
  for (size_t j = 0; j < m; j++)
    waves (layer, pass, j, pow (1e4, m > 1 ? -(double)j / (double)(m - 1) : 0));
}

const sb_layer_type sb_layer_positional = { "positional embedding", 0, positional_forward, no_backward, no_jvp, NULL };

// ## Fourier
//
// Random Fourier features for a continuous label: $\omega_j = 2\pi W_j$, $W_j \sim \mathcal{N}(0, 16^2)$, drawn once
// and never trained. [scoresde.txt-fourier] The paper prints neither the formula nor the input; the authors' code
// feeds $\log\sigma$. Parameters: $W$ as [m].

static void
fourier_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  for (size_t j = 0; j < layer->out.channels / 2; j++)
    waves (layer, pass, j, 2 * M_PI * (double)theta[j]);
}

const sb_layer_type sb_layer_fourier = { "fourier embedding", 0, fourier_forward, no_backward, no_jvp, NULL };
