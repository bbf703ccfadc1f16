// # Embedding a number
//
// A network takes the time (or the noise level) as a number $u$. A single number is a poor input: neighbouring times
// are hard to distinguish and no unit can be sensitive to all scales. So it is embedded in sines and cosines,
// $$ \bigl[\sin(\omega_1 u), \ldots, \sin(\omega_m u),\; \cos(\omega_1 u), \ldots, \cos(\omega_m u)\bigr], $$
// and the two kinds of embedding differ in their frequencies. The label $u$ is not learned: neither embedding computes
// a gradient with respect to it.

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
// It suits whole numbers up to a few thousand, DDPM's step index; between them it varies smoothly, so it can be
// evaluated at half a step.

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
// Random Fourier features for a continuous label: $\omega_j = 2\pi W_j$, $W_j \sim \mathcal{N}(0, 16^2)$ unless the
// line gives another scale, drawn once and never trained. [scoresde.txt-fourier] The paper prints neither the formula
// nor the input; the authors' code uses $\log\sigma$. Parameters: $W$ as [m].

static void
fourier_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  for (size_t j = 0; j < layer->out.channels / 2; j++)
    waves (layer, pass, j, 2 * M_PI * (double)theta[j]);
}

const sb_layer_type sb_layer_fourier = { "fourier embedding", 0, fourier_forward, no_backward, no_jvp, NULL };

// ## A class
//
// A network conditioned on a class $k$ takes a linear map of its one-hot vector, $y = W e_k + b$, the $k$-th column of
// $W$ and the bias. No class, $-1$, adds nothing at all: $y = 0$, as in a network without classes. Parameters: $W$ as
// [features][classes], then $b$.

static size_t
classes_of (const sb_layer *layer)
{
  return layer->parameters / layer->out.channels - 1;
}

// The class of sample i; any other number means no class.

static int
find_class (const sb_layer *layer, const sb_pass *pass, size_t i, size_t *k)
{
  sb_real number = pass->x[0][i];
  if (!(number >= 0 && number < (sb_real)classes_of (layer)))
    return 0;
  *k = (size_t)number;
  return 1;
}

static void
class_forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  size_t n = pass->n, features = layer->out.channels, classes = classes_of (layer), k = 0;
  const sb_real *bias = theta + features * classes;
  for (size_t i = 0; i < n; i++)
    {
      int told = find_class (layer, pass, i, &k);
      for (size_t j = 0; j < features; j++)
        pass->y[j * n + i] = told ? theta[j * classes + k] + bias[j] : 0;
    }
}

static void
class_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar,
                sb_real *const *x_bar, sb_real *theta_bar)
{
  (void)theta;
  (void)x_bar;
  size_t n = pass->n, features = layer->out.channels, classes = classes_of (layer), k = 0;
  for (size_t i = 0; i < n && theta_bar; i++)
    for (size_t j = 0; j < features && find_class (layer, pass, i, &k); j++)
      {
        theta_bar[j * classes + k] += y_bar[j * n + i];
        theta_bar[features * classes + j] += y_bar[j * n + i];
      }
}

// The class has no direction: the derivative of its embedding is zero.

static void
class_dual (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_dual *dual, sb_real *theta_bar)
{
  class_backward (layer, theta, pass, dual->y_bar, dual->x_bar, theta_bar);
}

const sb_layer_type sb_layer_class = { "class", 1, class_forward, class_backward, no_jvp, class_dual };
