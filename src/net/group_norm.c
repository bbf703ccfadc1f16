// # Group normalisation
//
// Channels are taken in groups; each group of each sample is shifted and scaled to mean zero and variance one, and
// then each channel $c$ gets a scale and a shift of its own (Wu and He, 2018):
// $$ \hat x = \frac{x - \mu}{\sqrt{v + \varepsilon}}, \qquad y = \gamma_c\,\hat x + \beta_c . $$
//
// Parameters: $\gamma$ as [channels], then $\beta$ as [channels]. Saved: $\mu$ and $\rho = 1/\sqrt{v + \varepsilon}$
// of each group.

#include "../base/clones.h"
#include "layer.h"

#include <math.h>
#include <string.h>

static const double epsilon = 1e-5;

// A group of one sample is `channels` runs of `pixels` numbers, `row` apart.
typedef struct
{
  size_t channels, pixels, row, first; // first: the channel the group begins with
  size_t at;                           // where its first number stands
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
forward_group (group r, const sb_real *gamma, const sb_real *beta, const sb_real *x, sb_real *y, sb_real *saved)
{
  double count = (double)(r.channels * r.pixels), mean = 0, variance = 0;
  for (size_t c = 0; c < r.channels; c++)
#pragma omp simd reduction(+ : mean)
    for (size_t p = 0; p < r.pixels; p++)
      mean += (double)x[r.at + c * r.row + p];
  mean /= count;
  for (size_t c = 0; c < r.channels; c++)
#pragma omp simd reduction(+ : variance)
    for (size_t p = 0; p < r.pixels; p++)
      {
        double centred = (double)x[r.at + c * r.row + p] - mean;
        variance += centred * centred;
      }
  variance /= count;

  sb_real mu = (sb_real)mean, rho = (sb_real)(1 / sqrt (variance + epsilon));
  saved[0] = mu;
  saved[1] = rho;
  for (size_t c = 0; c < r.channels; c++)
#pragma omp simd
    for (size_t p = 0; p < r.pixels; p++)
      {
        sb_real x_hat = (x[r.at + c * r.row + p] - mu) * rho;
        y[r.at + c * r.row + p] = gamma[r.first + c] * x_hat + beta[r.first + c];
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
jvp_group (group r, const sb_real *gamma, const sb_real *x, const sb_real *saved, const sb_real *x_dot, sb_real *y_dot)
{
  sb_real mu = saved[0], rho = saved[1];
  double count = (double)(r.channels * r.pixels), mean = 0, along = 0;
  for (size_t c = 0; c < r.channels; c++)
#pragma omp simd reduction(+ : mean, along)
    for (size_t p = 0; p < r.pixels; p++)
      {
        size_t k = r.at + c * r.row + p;
        mean += (double)x_dot[k];
        along += (double)x_dot[k] * (double)((x[k] - mu) * rho);
      }
  sb_real mean_dot = (sb_real)(mean / count), along_dot = (sb_real)(along / count);
  for (size_t c = 0; c < r.channels; c++)
#pragma omp simd
    for (size_t p = 0; p < r.pixels; p++)
      {
        size_t k = r.at + c * r.row + p;
        y_dot[k] = gamma[r.first + c] * rho * (x_dot[k] - mean_dot - (x[k] - mu) * rho * along_dot);
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

// Gradients for gamma and beta are added to theta_bar, that for x to x_bar; NULL: not wanted.

SB_CLONES static void
backward_group (group r, size_t channels, const sb_real *gamma, const sb_real *x, const sb_real *saved,
                const sb_real *y_bar, sb_real *x_bar, sb_real *theta_bar)
{
  sb_real mu = saved[0], rho = saved[1];
  double count = (double)(r.channels * r.pixels), mean = 0, along = 0;
  for (size_t c = 0; c < r.channels; c++)
    {
      double sum = 0, product = 0; // of this channel: y_bar, and y_bar x_hat
#pragma omp simd reduction(+ : sum, product)
      for (size_t p = 0; p < r.pixels; p++)
        {
          size_t k = r.at + c * r.row + p;
          sum += (double)y_bar[k];
          product += (double)y_bar[k] * (double)((x[k] - mu) * rho);
        }
      mean += (double)gamma[r.first + c] * sum;
      along += (double)gamma[r.first + c] * product;
      if (theta_bar)
        {
          theta_bar[r.first + c] += (sb_real)product;
          theta_bar[channels + r.first + c] += (sb_real)sum;
        }
    }
  sb_real mean_bar = (sb_real)(mean / count), along_bar = (sb_real)(along / count);
  for (size_t c = 0; c < r.channels && x_bar; c++)
#pragma omp simd
    for (size_t p = 0; p < r.pixels; p++)
      {
        size_t k = r.at + c * r.row + p;
        x_bar[k] += rho * (gamma[r.first + c] * y_bar[k] - mean_bar - (x[k] - mu) * rho * along_bar);
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
// $\dot y$ depends on $x$ through $\hat x$ and $\rho$. Write $w = \gamma_c\,\bar{\dot y}$. Since the map from $\dot x$ to
// $\dot y/\gamma_c$ is symmetric, $\langle\bar{\dot y}, \dot y\rangle = \langle\dot x, \bar{\dot x}\rangle$ with
// $\bar{\dot x} = \rho\,(w - \langle w\rangle - \hat x\langle\hat x w\rangle)$, and its gradient with respect to $x$ is the
// derivative of $\bar{\dot x}$ along $\dot x$ (second derivatives may be taken in either order):
// $$ \frac{\dot\rho}{\rho}\,\bar{\dot x} - \rho\,\bigl(\dot{\hat x}\,\langle\hat x w\rangle
//    + \hat x\,\langle\dot{\hat x}\,w\rangle\bigr), \qquad \dot{\hat x} = \dot y/\gamma_c, \quad
//    \dot\rho/\rho = -\rho\,\langle\hat x\,\dot x\rangle . $$
// $\gamma$ scales $\dot y$ too: $\bar\gamma_c \mathrel{+}= \sum \bar{\dot y}\,\dot{\hat x}$.

static void
dual_group (group r, const sb_real *gamma, const sb_real *x, const sb_real *saved, const sb_real *x_dot,
            const sb_real *y_dot_bar, sb_real *x_bar, sb_real *gamma_bar)
{
  double mu = (double)saved[0], rho = (double)saved[1], count = (double)(r.channels * r.pixels);
  double of_dot = 0, of_w = 0, dot_mean = 0, w_mean = 0; // <x_hat x_dot>, <x_hat w>, <x_dot>, <w>
  for (size_t c = 0; c < r.channels; c++)
    for (size_t p = 0; p < r.pixels; p++)
      {
        size_t k = r.at + c * r.row + p;
        double x_hat = ((double)x[k] - mu) * rho, w = (double)(gamma[r.first + c] * y_dot_bar[k]);
        dot_mean += (double)x_dot[k] / count;
        of_dot += x_hat * (double)x_dot[k] / count;
        w_mean += w / count;
        of_w += x_hat * w / count;
      }

  double along = 0; // <x_hat_dot w>
  for (size_t c = 0; c < r.channels; c++)
    for (size_t p = 0; p < r.pixels; p++)
      {
        size_t k = r.at + c * r.row + p;
        double x_hat = ((double)x[k] - mu) * rho, x_hat_dot = rho * ((double)x_dot[k] - dot_mean - x_hat * of_dot);
        along += x_hat_dot * (double)(gamma[r.first + c] * y_dot_bar[k]) / count;
        gamma_bar[r.first + c] += (sb_real)(x_hat_dot * (double)y_dot_bar[k]);
      }
  for (size_t c = 0; c < r.channels; c++)
    for (size_t p = 0; p < r.pixels; p++)
      {
        size_t k = r.at + c * r.row + p;
        double x_hat = ((double)x[k] - mu) * rho, x_hat_dot = rho * ((double)x_dot[k] - dot_mean - x_hat * of_dot);
        double x_dot_bar = rho * ((double)(gamma[r.first + c] * y_dot_bar[k]) - w_mean - x_hat * of_w);
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
