// # Self-attention
//
// Convolutions are local; attention lets every pixel depend on every other (Vaswani et al., 2017). The output at pixel
// $p$ is the mean of all values, weighted by the match of its query with their keys:
// $$ S = \frac{Q^\top K}{\sqrt{C}}, \qquad A_{pq} = \frac{e^{S_{pq}}}{\sum_r e^{S_{pr}}}, \qquad y(p) = \sum_q A_{pq}\, v(q), $$
// for each sample on its own; $Q$, $K$, $V$ are channels by pixels. Saved: $A$.

#include "../base/clones.h"
#include "attention.h"
#include "exp.h"
#include "layer.h"

#include <math.h>
#include <string.h>

typedef struct
{
  int channels, pixels, row;
  sb_real scale; // 1 / sqrt(C)
} sizes;

static sizes
sizes_of (const sb_layer *layer, size_t n)
{
  int pixels = (int)sb_net_shape_pixels (layer->out);
  return (sizes){ (int)layer->out.channels, pixels, pixels * (int)n,
                  (sb_real)(1 / sqrt ((double)layer->out.channels)) };
}

// to (pixels x pixels) = scale a^T b + beta to, for a and b channels x pixels.

static void
pairs (sizes s, const sb_real *a, const sb_real *b, sb_real scale, sb_real beta, sb_real *to)
{
  sb_gemm (CblasRowMajor, CblasTrans, CblasNoTrans, s.pixels, s.pixels, s.channels, scale, a, s.row, b, s.row, beta, to,
           s.pixels);
}

// to (channels x pixels) = scale a w + beta to, or with w transposed.

static void
mix (sizes s, const sb_real *a, const sb_real *w, enum CBLAS_TRANSPOSE transpose, sb_real scale, sb_real beta,
     sb_real *to)
{
  sb_gemm (CblasRowMajor, CblasNoTrans, transpose, s.channels, s.pixels, s.pixels, scale, a, s.row, w, s.pixels, beta,
           to, s.row);
}

// ## Forward

SB_CLONES static void
softmax_line (size_t count, sb_real *line)
{
  sb_real top = line[0], sum = 0;
  for (size_t q = 1; q < count; q++)
    top = line[q] > top ? line[q] : top;
#pragma omp simd reduction(+ : sum)
  for (size_t q = 0; q < count; q++)
    sum += line[q] = sb_exp (line[q] - top);
  for (size_t q = 0; q < count; q++)
    line[q] /= sum;
}

void
sb_attention_softmax (size_t pixels, sb_real *S)
{
  for (size_t p = 0; p < pixels; p++)
    softmax_line (pixels, S + p * pixels);
}

static void
forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  (void)theta;
  sizes s = sizes_of (layer, pass->n);
  size_t pixels = (size_t)s.pixels;
  for (size_t i = 0; i < pass->n; i++)
    {
      size_t image = i * pixels;
      sb_real *A = pass->saved + i * pixels * pixels;
      pairs (s, pass->x[0] + image, pass->x[1] + image, s.scale, 0, A);
      sb_attention_softmax (pixels, A);
      mix (s, pass->x[2] + image, A, CblasTrans, 1, 0, pass->y + image);
    }
}

// ## The softmax's slope
//
// A change $\dot S$ of a row changes it by $\dot A_{pq} = A_{pq}\,(\dot S_{pq} - \sum_r A_{pr}\dot S_{pr})$. The map
// is symmetric: gradients are mapped back by the same formula.

SB_CLONES void
sb_attention_slope (size_t pixels, const sb_real *restrict A, sb_real *restrict S)
{
  for (size_t p = 0; p < pixels; p++, A += pixels, S += pixels)
    {
      sb_real mean = 0;
#pragma omp simd reduction(+ : mean)
      for (size_t q = 0; q < pixels; q++)
        mean += A[q] * S[q];
      for (size_t q = 0; q < pixels; q++)
        S[q] = A[q] * (S[q] - mean);
    }
}

// ## Along a direction
//
// $\dot S = (\dot Q^\top K + Q^\top\dot K)/\sqrt{C}$ and $\dot y = \dot V A^\top + V \dot A^\top$.

static void
jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  (void)theta;
  sizes s = sizes_of (layer, pass->n);
  size_t pixels = (size_t)s.pixels;
  memset (y_dot, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *y_dot);
  for (size_t i = 0; i < pass->n; i++)
    {
      size_t image = i * pixels;
      const sb_real *A = pass->saved + i * pixels * pixels;
      sb_real *dot = pass->scratch;
      memset (dot, 0, pixels * pixels * sizeof *dot);
      if (x_dot[0])
        pairs (s, x_dot[0] + image, pass->x[1] + image, s.scale, 1, dot);
      if (x_dot[1])
        pairs (s, pass->x[0] + image, x_dot[1] + image, s.scale, 1, dot);
      sb_attention_slope (pixels, A, dot);
      mix (s, pass->x[2] + image, dot, CblasTrans, 1, 1, y_dot + image);
      if (x_dot[2])
        mix (s, x_dot[2] + image, A, CblasTrans, 1, 1, y_dot + image);
    }
}

// ## Backward
//
// $\bar V \mathrel{+}= \bar y A$; $\bar A = \bar y^\top V$, through the softmax to $\bar S$; $\bar Q \mathrel{+}= K
// \bar S^\top/\sqrt{C}$ and $\bar K \mathrel{+}= Q \bar S/\sqrt{C}$.

static void
backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar, sb_real *const *x_bar,
          sb_real *theta_bar)
{
  (void)theta;
  (void)theta_bar;
  sizes s = sizes_of (layer, pass->n);
  size_t pixels = (size_t)s.pixels;
  for (size_t i = 0; i < pass->n; i++)
    {
      size_t image = i * pixels;
      const sb_real *A = pass->saved + i * pixels * pixels;
      sb_real *bar = pass->scratch;
      if (x_bar[2])
        mix (s, y_bar + image, A, CblasNoTrans, 1, 1, x_bar[2] + image);
      pairs (s, y_bar + image, pass->x[2] + image, 1, 0, bar);
      sb_attention_slope (pixels, A, bar);
      if (x_bar[0])
        mix (s, pass->x[1] + image, bar, CblasTrans, s.scale, 1, x_bar[0] + image);
      if (x_bar[1])
        mix (s, pass->x[0] + image, bar, CblasNoTrans, s.scale, 1, x_bar[1] + image);
    }
}

const sb_layer_type sb_layer_attention = { "attention", 1, forward, backward, jvp, NULL };
