// # Group normalisation
//
// Channels are divided into groups; each group of each sample is shifted and scaled to mean zero and variance one, and
// then each channel $c$ has a scale and a shift of its own (Wu and He, 2018):
// $$ \hat x = \frac{x - \mu}{\sqrt{v + \varepsilon}}, \qquad y = \gamma_c\,\hat x + \beta_c . $$
//
// Parameters: $\gamma$ as [channels], then $\beta$ as [channels]. Saved: $\mu$ and $\rho = 1/\sqrt{v + \varepsilon}$
// of each group.

#include "../base/clones.h"
#include "layer.h"

#include <math.h>
#include <string.h>

static const double epsilon = 1e-5;

// A group of one sample is `channels` runs of `pixels` numbers, `stride` apart.
typedef struct
{
  size_t channels, pixels, stride;
  size_t channel; // the first
  size_t start;   // index of its first number
} group;

static group
group_of (const sb_layer *layer, size_t n, size_t g, size_t i)
{
  size_t channels = layer->out.channels / layer->groups, pixels = sb_net_shape_pixels (layer->out);
  return (group){ channels, pixels, n * pixels, g * channels, g * channels * n * pixels + i * pixels };
}

// ## Forward
//
// Sums are taken in double: a group of a large image has tens of thousands of numbers. The pragma lets the compiler
// keep several partial sums; for a given program their order is fixed.

SB_CLONES static void
forward_group (group G, const sb_real *gamma, const sb_real *beta, const sb_real *x, sb_real *y, sb_real *saved)
{
  double count = (double)(G.channels * G.pixels), mean = 0, variance = 0;

  // take the mean
  for (size_t c = 0; c < G.channels; c++)
#pragma omp simd reduction(+ : mean)
    for (size_t p = 0; p < G.pixels; p++)
      mean += (double)x[G.start + c * G.stride + p];
  mean /= count;

  // take the variance about it
  for (size_t c = 0; c < G.channels; c++)
#pragma omp simd reduction(+ : variance)
    for (size_t p = 0; p < G.pixels; p++)
      {
        double centred = (double)x[G.start + c * G.stride + p] - mean;
        variance += centred * centred;
      }
  variance /= count;

  // save both for the derivatives
  sb_real mu = (sb_real)mean, rho = (sb_real)(1 / sqrt (variance + epsilon));
  saved[0] = mu;
  saved[1] = rho;

  // normalise, then scale and shift each channel
  for (size_t c = 0; c < G.channels; c++)
#pragma omp simd
    for (size_t p = 0; p < G.pixels; p++)
      {
        sb_real x_hat = (x[G.start + c * G.stride + p] - mu) * rho;
        y[G.start + c * G.stride + p] = gamma[G.channel + c] * x_hat + beta[G.channel + c];
      }
}

static void
forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  const sb_real *gamma = theta, *beta = theta + layer->out.channels;
  for (size_t g = 0; g < layer->groups; g++)
    for (size_t i = 0; i < pass->n; i++)
      forward_group (group_of (layer, pass->n, g, i), gamma, beta, pass->x[0], pass->y,
                     pass->saved + 2 * (g * pass->n + i));
}

// ## Along a direction
//
// With $\langle\cdot\rangle$ the mean over the group, $\dot\mu = \langle\dot x\rangle$ and $\dot\rho =
// -\rho^2\langle\hat x\,\dot x\rangle$, so
// $$ \dot y = \gamma_c\,\rho\,\bigl(\dot x - \langle\dot x\rangle - \hat x\,\langle\hat x\,\dot x\rangle\bigr). $$

SB_CLONES static void
jvp_group (group G, const sb_real *gamma, const sb_real *x, const sb_real *saved, const sb_real *x_dot, sb_real *y_dot)
{
  sb_real mu = saved[0], rho = saved[1];
  double count = (double)(G.channels * G.pixels), mean = 0, along = 0;

  // take the means of x_dot and x_hat x_dot
  for (size_t c = 0; c < G.channels; c++)
#pragma omp simd reduction(+ : mean, along)
    for (size_t p = 0; p < G.pixels; p++)
      {
        size_t k = G.start + c * G.stride + p;
        mean += (double)x_dot[k];
        along += (double)x_dot[k] * (double)((x[k] - mu) * rho);
      }
  sb_real mean_dot = (sb_real)(mean / count), along_dot = (sb_real)(along / count);

  // subtract both components from x_dot, then scale
  for (size_t c = 0; c < G.channels; c++)
#pragma omp simd
    for (size_t p = 0; p < G.pixels; p++)
      {
        size_t k = G.start + c * G.stride + p;
        y_dot[k] = gamma[G.channel + c] * rho * (x_dot[k] - mean_dot - (x[k] - mu) * rho * along_dot);
      }
}

static void
jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  if (!x_dot[0])
    memset (y_dot, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *y_dot);
  for (size_t g = 0; g < layer->groups && x_dot[0]; g++)
    for (size_t i = 0; i < pass->n; i++)
      jvp_group (group_of (layer, pass->n, g, i), theta, pass->x[0], pass->saved + 2 * (g * pass->n + i), x_dot[0],
                 y_dot);
}

// ## Backward
//
// The map from $\dot x$ to $\dot y / \gamma_c$ is symmetric, so the gradient passes through the same three terms, with
// $u = \gamma_c\,\bar y$: $\;\bar x = \rho\,(u - \langle u\rangle - \hat x\,\langle\hat x\,u\rangle)$. And
// $\bar\gamma_c = \sum \bar y\,\hat x$, $\bar\beta_c = \sum \bar y$.

// theta_bar and x_bar are added to; NULL: not computed.

SB_CLONES static void
backward_group (group G, size_t channels, const sb_real *gamma, const sb_real *x, const sb_real *saved,
                const sb_real *y_bar, sb_real *x_bar, sb_real *theta_bar)
{
  sb_real mu = saved[0], rho = saved[1];
  double count = (double)(G.channels * G.pixels), mean = 0, along = 0;
  for (size_t c = 0; c < G.channels; c++)
    {
      // sum over the channel
      double sum = 0, product = 0; // of y_bar, of y_bar x_hat
#pragma omp simd reduction(+ : sum, product)
      for (size_t p = 0; p < G.pixels; p++)
        {
          size_t k = G.start + c * G.stride + p;
          sum += (double)y_bar[k];
          product += (double)y_bar[k] * (double)((x[k] - mu) * rho);
        }

      // add the channel's sums, weighted, to the group's
      mean += (double)gamma[G.channel + c] * sum;
      along += (double)gamma[G.channel + c] * product;

      // they are the gradients of gamma and beta
      if (theta_bar)
        {
          theta_bar[G.channel + c] += (sb_real)product;
          theta_bar[channels + G.channel + c] += (sb_real)sum;
        }
    }
  sb_real mean_bar = (sb_real)(mean / count), along_bar = (sb_real)(along / count);

  // subtract both components from u = gamma y_bar
  for (size_t c = 0; c < G.channels && x_bar; c++)
#pragma omp simd
    for (size_t p = 0; p < G.pixels; p++)
      {
        size_t k = G.start + c * G.stride + p;
        x_bar[k] += rho * (gamma[G.channel + c] * y_bar[k] - mean_bar - (x[k] - mu) * rho * along_bar);
      }
}

static void
backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar, sb_real *const *x_bar,
          sb_real *theta_bar)
{
  for (size_t g = 0; g < layer->groups; g++)
    for (size_t i = 0; i < pass->n; i++)
      backward_group (group_of (layer, pass->n, g, i), layer->out.channels, theta, pass->x[0],
                      pass->saved + 2 * (g * pass->n + i), y_bar, x_bar[0], theta_bar);
}

// ## The gradient of a derivative
//
// $\dot y$ depends on $x$ through $\hat x$ and $\rho$. Write $w = \gamma_c\,\bar{\dot y}$. Since the map from $\dot x$
// to $\dot y/\gamma_c$ is symmetric, $\langle\bar{\dot y}, \dot y\rangle = \langle\dot x, \bar{\dot x}\rangle$ with
// $\bar{\dot x} = \rho\,(w - \langle w\rangle - \hat x\langle\hat x w\rangle)$, and its gradient with respect to $x$ is
// the derivative of $\bar{\dot x}$ along $\dot x$ (second derivatives may be taken in either order):
// $$ \frac{\dot\rho}{\rho}\,\bar{\dot x} - \rho\,\bigl(\dot{\hat x}\,\langle\hat x w\rangle
//    + \hat x\,\langle\dot{\hat x}\,w\rangle\bigr), \qquad \dot{\hat x} = \dot y/\gamma_c, \quad
//    \dot\rho/\rho = -\rho\,\langle\hat x\,\dot x\rangle . $$
// $\gamma$ scales $\dot y$ too: $\bar\gamma_c \mathrel{+}= \sum \bar{\dot y}\,\dot{\hat x}$.

static void
dual_group (group G, const sb_real *gamma, const sb_real *x, const sb_real *saved, const sb_real *x_dot,
            const sb_real *y_dot_bar, sb_real *x_bar, sb_real *gamma_bar)
{
  double mu = (double)saved[0], rho = (double)saved[1], count = (double)(G.channels * G.pixels);
  double of_dot = 0, of_w = 0, dot_mean = 0, w_mean = 0; // <x_hat x_dot>, <x_hat w>, <x_dot>, <w>

  // take the four means
  for (size_t c = 0; c < G.channels; c++)
    for (size_t p = 0; p < G.pixels; p++)
      {
        size_t k = G.start + c * G.stride + p;
        double x_hat = ((double)x[k] - mu) * rho, w = (double)(gamma[G.channel + c] * y_dot_bar[k]);
        dot_mean += (double)x_dot[k] / count;
        of_dot += x_hat * (double)x_dot[k] / count;
        w_mean += w / count;
        of_w += x_hat * w / count;
      }

  // take the fifth, and the gradient of gamma
  double along = 0; // <x_hat_dot w>
  for (size_t c = 0; c < G.channels; c++)
    for (size_t p = 0; p < G.pixels; p++)
      {
        size_t k = G.start + c * G.stride + p;
        double x_hat = ((double)x[k] - mu) * rho, x_hat_dot = rho * ((double)x_dot[k] - dot_mean - x_hat * of_dot);
        along += x_hat_dot * (double)(gamma[G.channel + c] * y_dot_bar[k]) / count;
        gamma_bar[G.channel + c] += (sb_real)(x_hat_dot * (double)y_dot_bar[k]);
      }

  // differentiate x_dot_bar along x_dot
  for (size_t c = 0; c < G.channels; c++)
    for (size_t p = 0; p < G.pixels; p++)
      {
        size_t k = G.start + c * G.stride + p;
        double x_hat = ((double)x[k] - mu) * rho, x_hat_dot = rho * ((double)x_dot[k] - dot_mean - x_hat * of_dot);
        double x_dot_bar = rho * ((double)(gamma[G.channel + c] * y_dot_bar[k]) - w_mean - x_hat * of_w);
        x_bar[k] += (sb_real)(-rho * of_dot * x_dot_bar - rho * (x_hat_dot * of_w + x_hat * along));
      }
}

static void
dual_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_dual *dual,
               sb_real *theta_bar)
{
  backward (layer, theta, pass, dual->y_bar, dual->x_bar, theta_bar);
  backward (layer, theta, pass, dual->y_dot_bar, dual->x_dot_bar, NULL);
  for (size_t g = 0; g < layer->groups; g++)
    for (size_t i = 0; i < pass->n; i++)
      dual_group (group_of (layer, pass->n, g, i), theta, pass->x[0], pass->saved + 2 * (g * pass->n + i),
                  dual->x_dot[0], dual->y_dot_bar, dual->x_bar[0], theta_bar);
}

const sb_layer_type sb_layer_group_norm = { "group norm", 1, forward, backward, jvp, dual_backward };
