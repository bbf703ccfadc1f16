// # Group norm on blocked tensors
//
// group_norm.c has the formulas. Sums over pixels are taken for sixteen channels at once, then over the channels of a
// group. Where a SiLU follows, as almost everywhere, it is computed in the same sweep, and the normalised value is
// never stored: the backward pass computes it again.

#include "blocked.h"

#include "../net/exp.h"
#include "lanes.h"

#include <math.h>

static const double epsilon = 1e-5;

// ## Sums over pixels
//
// Four partial sums hide the latency of additions, and fewer numbers are added to each, which rounds less. `what` is a
// constant where this is called.

typedef enum
{
  VALUES,  // x - mu, mu being given per lane
  SQUARES, // (x - mu)^2
  PRODUCTS // (x - mu) u
} term;

SB_INLINE void
add_term (sb_lanes *sum, term what, const void *x, const void *u, size_t k, const sb_lanes *mu, int half)
{
  sb_lanes a, b;
  sb_load (&a, x, k, half);
  a -= *mu;
  if (what == PRODUCTS)
    sb_load (&b, u, k, half);
  *sum += what == VALUES ? a : what == SQUARES ? a * a : a * b;
}

SB_INLINE void
sum_pixels (size_t pixels, term what, const void *x, const void *u, size_t first, const float *mu, float *sums,
            int half)
{
  sb_lanes sum[4] = { { 0 } }, centre;
  memcpy (&centre, mu, sizeof centre);
  size_t k = first, end = first + pixels * SB_LANES;
  for (; k + 4 * SB_LANES <= end; k += 4 * SB_LANES)
    for (int j = 0; j < 4; j++)
      add_term (&sum[j], what, x, u, k + (size_t)j * SB_LANES, &centre, half);
  for (; k < end; k += SB_LANES)
    add_term (&sum[0], what, x, u, k, &centre, half);
  sum[0] = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  memcpy (sums, &sum[0], sizeof sum[0]);
}

// ## Sums over a group
//
// `sums` holds a number for each channel of one sample; each channel gets its group's mean.

static void
mean_of_groups (const sb_blocked_norm *norm, const float *sums, float *means)
{
  size_t channels = norm->shape.channels / norm->groups;
  for (size_t c = norm->shape.channels; c < norm->shape.blocks * SB_LANES; c++)
    means[c] = 0;
  for (size_t g = 0; g < norm->groups; g++)
    {
      double sum = 0;
      for (size_t c = g * channels; c < (g + 1) * channels; c++)
        sum += (double)sums[c];
      for (size_t c = g * channels; c < (g + 1) * channels; c++)
        means[c] = (float)(sum / (double)(channels * norm->shape.pixels));
    }
}

// ## Forward
//
// Saved, for each sample and channel: $\mu$, then $\rho$. The last block's padding channels have $\gamma = \beta = 0$,
// and give zeros.

static void
coefficients (const sb_blocked_norm *norm, const float *theta, size_t b, float gamma[SB_LANES], float beta[SB_LANES])
{
  for (size_t lane = 0; lane < SB_LANES; lane++)
    {
      size_t c = b * SB_LANES + lane;
      int real = c < norm->shape.channels;
      gamma[lane] = real ? theta[c] : 0;
      beta[lane] = real ? theta[norm->shape.channels + c] : 0;
    }
}

SB_INLINE void
apply (size_t pixels, int silu, const float *restrict mu, const float *restrict rho, const float *restrict gamma,
       const float *restrict beta, const void *restrict x, void *restrict y, size_t first, int half)
{
  for (size_t k = first; k < first + pixels * SB_LANES; k += SB_LANES)
#pragma omp simd
    for (size_t lane = 0; lane < SB_LANES; lane++)
      {
        float z = (sb_get (x, k + lane, half) - mu[lane]) * rho[lane] * gamma[lane] + beta[lane];
        sb_put (y, k + lane, silu ? z / (1 + sb_expf (-z)) : z, half);
      }
}

SB_INLINE void
statistics (const sb_blocked_norm *norm, size_t i, const void *x, float *mu, float *rho, int half)
{
  const sb_blocked *s = &norm->shape;
  const float zeros[SB_LANES] = { 0 };
  for (size_t b = 0; b < s->blocks; b++)
    sum_pixels (s->pixels, VALUES, x, NULL, sb_blocked_at (s, i, b), zeros, rho + b * SB_LANES, half);
  mean_of_groups (norm, rho, mu);
  for (size_t b = 0; b < s->blocks; b++)
    sum_pixels (s->pixels, SQUARES, x, NULL, sb_blocked_at (s, i, b), mu + b * SB_LANES, rho + b * SB_LANES, half);
  mean_of_groups (norm, rho, rho);
  for (size_t c = 0; c < s->blocks * SB_LANES; c++)
    rho[c] = (float)(1 / sqrt ((double)rho[c] + epsilon));
}

SB_INLINE void
norm_forward (const sb_blocked_norm *norm, const float *theta, const void *x, void *y, float *saved, int half)
{
  const sb_blocked *s = &norm->shape;
  size_t channels = s->blocks * SB_LANES;
  for (size_t i = 0; i < s->n; i++)
    {
      float *mu = saved + 2 * i * channels, *rho = mu + channels, gamma[SB_LANES], beta[SB_LANES];
      statistics (norm, i, x, mu, rho, half);
      for (size_t b = 0; b < s->blocks; b++)
        {
          size_t at = sb_blocked_at (s, i, b), c = b * SB_LANES;
          coefficients (norm, theta, b, gamma, beta);
          if (norm->silu)
            apply (s->pixels, 1, mu + c, rho + c, gamma, beta, x, y, at, half);
          else
            apply (s->pixels, 0, mu + c, rho + c, gamma, beta, x, y, at, half);
        }
    }
}

SB_CLONES void
sb_blocked_norm_forward (const sb_blocked_norm *norm, const float *theta, const void *x, void *y, float *saved)
{
  SB_BY_PRECISION (norm->shape.half, norm_forward, norm, theta, x, y, saved);
}

// ## Backward
//
// First through the SiLU, in place: $u = \bar y\,\varsigma(z)\,\bigl(1 + z\,(1 - \varsigma(z))\bigr)$. Then the sums of
// $u$ and of $u\,\hat x$ over pixels, which are the gradients of $\beta$ and $\gamma$; from them the means of $\gamma
// u$ and of $\gamma u\,\hat x$ over groups; and with these the gradient of $x$.

SB_INLINE void
back_through_silu (size_t pixels, const float *restrict mu, const float *restrict rho, const float *restrict gamma,
                   const float *restrict beta, const void *restrict x, void *restrict y_bar, size_t first, int half)
{
  for (size_t k = first; k < first + pixels * SB_LANES; k += SB_LANES)
#pragma omp simd
    for (size_t lane = 0; lane < SB_LANES; lane++)
      {
        float z = (sb_get (x, k + lane, half) - mu[lane]) * rho[lane] * gamma[lane] + beta[lane];
        float sigma = 1 / (1 + sb_expf (-z));
        sb_put (y_bar, k + lane, sb_get (y_bar, k + lane, half) * sigma * (1 + z * (1 - sigma)), half);
      }
}

SB_INLINE void
finish (size_t pixels, int add, const float *restrict mu, const float *restrict rho, const float *restrict gamma,
        const float *restrict mean, const float *restrict along, const void *restrict x, const void *restrict u,
        void *restrict x_bar, size_t first, int half)
{
  for (size_t k = first; k < first + pixels * SB_LANES; k += SB_LANES)
#pragma omp simd
    for (size_t lane = 0; lane < SB_LANES; lane++)
      {
        float x_hat = (sb_get (x, k + lane, half) - mu[lane]) * rho[lane];
        float value = rho[lane] * (gamma[lane] * sb_get (u, k + lane, half) - mean[lane] - x_hat * along[lane]);
        sb_put (x_bar, k + lane, value + (add ? sb_get (x_bar, k + lane, half) : 0), half);
      }
}

// One sample. sums: 4 numbers per channel, of which the last two become the means.

SB_INLINE void
sum_gradients (const sb_blocked_norm *norm, size_t i, const float *theta, const void *x, const float *mu,
               const float *rho, void *y_bar, float *theta_bar, float *sums, int half)
{
  const sb_blocked *s = &norm->shape;
  size_t channels = s->blocks * SB_LANES;
  const float zeros[SB_LANES] = { 0 };
  float gamma[SB_LANES], beta[SB_LANES], *of_u = sums, *of_product = sums + channels, *mean = sums + 2 * channels,
                                         *along = sums + 3 * channels;
  for (size_t b = 0, c = 0; b < s->blocks; b++, c += SB_LANES)
    {
      size_t at = sb_blocked_at (s, i, b);
      coefficients (norm, theta, b, gamma, beta);
      if (norm->silu)
        back_through_silu (s->pixels, mu + c, rho + c, gamma, beta, x, y_bar, at, half);
      sum_pixels (s->pixels, VALUES, y_bar, NULL, at, zeros, of_u + c, half);
      sum_pixels (s->pixels, PRODUCTS, x, y_bar, at, mu + c, of_product + c, half);
    }
  for (size_t c = 0; c < s->channels; c++)
    {
      of_product[c] *= rho[c];
      if (theta_bar)
        {
          theta_bar[c] += of_product[c];
          theta_bar[s->channels + c] += of_u[c];
        }
      of_u[c] *= theta[c];
      of_product[c] *= theta[c];
    }
  mean_of_groups (norm, of_u, mean);
  mean_of_groups (norm, of_product, along);
}

SB_INLINE void
norm_back (const sb_blocked_norm *norm, int add, const float *theta, const void *x, const float *saved, void *y_bar,
           void *x_bar, float *theta_bar, float *sums, int half)
{
  const sb_blocked *s = &norm->shape;
  size_t channels = s->blocks * SB_LANES;
  for (size_t i = 0; i < s->n; i++)
    {
      const float *mu = saved + 2 * i * channels, *rho = mu + channels;
      float gamma[SB_LANES], beta[SB_LANES], *mean = sums + 2 * channels, *along = sums + 3 * channels;
      sum_gradients (norm, i, theta, x, mu, rho, y_bar, theta_bar, sums, half);
      for (size_t b = 0, c = 0; b < s->blocks && x_bar; b++, c += SB_LANES)
        {
          coefficients (norm, theta, b, gamma, beta);
          if (add)
            finish (s->pixels, 1, mu + c, rho + c, gamma, mean + c, along + c, x, y_bar, x_bar, sb_blocked_at (s, i, b),
                    half);
          else
            finish (s->pixels, 0, mu + c, rho + c, gamma, mean + c, along + c, x, y_bar, x_bar, sb_blocked_at (s, i, b),
                    half);
        }
    }
}

SB_CLONES void
sb_blocked_norm_back (const sb_blocked_norm *norm, int add, const float *theta, const void *x, const float *saved,
                      void *y_bar, void *x_bar, float *theta_bar, float *sums)
{
  SB_BY_PRECISION (norm->shape.half, norm_back, norm, add, theta, x, saved, y_bar, x_bar, theta_bar, sums);
}
