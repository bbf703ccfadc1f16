// # Convolution
//
// A filter of $k \times k$ taps, stride one, with zeros around the image so that it keeps its size:
// $$ y_{o}(p) = b_o + \sum_{c}\sum_{\delta} W_{o,c,\delta}\; x_c(p + \delta). $$
// With $k = 1$ on $1 \times 1$ images it is the linear layer $y = Wx + b$.
//
// Parameters: $W$ as [outputs][inputs][k][k], then $b$ as [outputs].

#include "../base/clones.h"
#include "layer.h"

#include <string.h>

typedef struct
{
  int outputs, taps; // rows and columns of W: taps = inputs k^2
  size_t pixels;     // of one image
  size_t row;        // of one channel, all samples: the distance between channels in memory
  size_t together;   // images that one product takes
} sizes;

static sizes
sizes_of (const sb_layer *layer, const sb_pass *pass)
{
  size_t taps = layer->in[0].channels * layer->kernel * layer->kernel, pixels = sb_net_shape_pixels (layer->out);
  size_t fitting = layer->scratch / (taps * pixels);
  return (sizes){ .outputs = (int)layer->out.channels,
                  .taps = (int)taps,
                  .pixels = pixels,
                  .row = pixels * pass->n,
                  .together = layer->kernel == 1 || fitting > pass->n ? pass->n : fitting };
}

// ## Columns
//
// The sum over channels and taps is a matrix product once the taps are gathered in a matrix (im2col): its row
// $(c, \delta)$ is channel $c$ shifted by $\delta$, and a column holds the receptive field of one output pixel. A few
// images are taken together, so that the product has enough columns to be fast, and few enough to stay in the cache. A
// single tap needs no copy, and takes all images at once.
//
// A shifted image is the same numbers some places earlier or later. Numbers shifted in over an edge are zero: at one
// end of the image and, for a horizontal shift, at one end of each line.

typedef struct
{
  size_t kept;                  // numbers that stay inside
  size_t from, to;              // the first of them, before and after
  size_t height, width, border; // border: where in each line a zero comes in; width: nowhere
} move;

static move
move_by (const sb_layer *layer, int dy, int dx)
{
  size_t height = layer->in[0].height, width = layer->in[0].width, size = height * width;
  ptrdiff_t offset = dy * (ptrdiff_t)width + dx;
  size_t lost = (size_t)(offset < 0 ? -offset : offset);
  lost = lost < size ? lost : size;
  return (move){ .kept = size - lost,
                 .from = offset < 0 ? 0 : lost,
                 .to = offset < 0 ? lost : 0,
                 .height = height,
                 .width = width,
                 .border = dx < 0   ? 0
                           : dx > 0 ? width - 1
                                    : width };
}

static void
clear_border (const move *m, sb_real *moved)
{
  for (size_t i = 0; i < m->height && m->border < m->width; i++)
    moved[i * m->width + m->border] = 0;
}

static void
move_image (const move *m, const sb_real *image, sb_real *moved)
{
  memset (m->to ? moved : moved + m->kept, 0, (m->from + m->to) * sizeof *moved);
  memcpy (moved + m->to, image + m->from, m->kept * sizeof *moved);
  clear_border (m, moved);
}

// Its transpose, for the gradient (col2im): the nine copies of a pixel are added back to it.

SB_CLONES static void
move_back (const move *m, sb_real *restrict moved, sb_real *restrict image)
{
  clear_border (m, moved);
#pragma omp simd
  for (size_t j = 0; j < m->kept; j++)
    image[m->from + j] += moved[m->to + j];
}

// All channels and taps of some images, the first of which is at x.

static void
lay_columns (const sb_layer *layer, sizes s, size_t images, const sb_real *x, sb_real *columns)
{
  for (size_t c = 0; c < layer->in[0].channels; c++)
    for (int tap = 0; tap < 9; tap++)
      {
        move m = move_by (layer, tap / 3 - 1, tap % 3 - 1);
        for (size_t i = 0; i < images; i++, columns += s.pixels)
          move_image (&m, x + c * s.row + i * s.pixels, columns);
      }
}

static void
add_columns (const sb_layer *layer, sizes s, size_t images, sb_real *columns, sb_real *x_bar)
{
  for (size_t c = 0; c < layer->in[0].channels; c++)
    for (int tap = 0; tap < 9; tap++)
      {
        move m = move_by (layer, tap / 3 - 1, tap % 3 - 1);
        for (size_t i = 0; i < images; i++, columns += s.pixels)
          move_back (&m, columns, x_bar + c * s.row + i * s.pixels);
      }
}

static const sb_real *
columns_of (const sb_layer *layer, sizes s, size_t images, const sb_real *x, sb_real *scratch)
{
  if (layer->kernel == 1)
    return x;
  lay_columns (layer, s, images, x, scratch);
  return scratch;
}

// ## Forward
//
// $Y = W\,\mathrm{columns}(X)$.

static void
multiply (const sb_layer *layer, const sb_real *W, const sb_pass *pass, const sb_real *x, sb_real *y)
{
  sizes s = sizes_of (layer, pass);
  for (size_t i = 0; i < pass->n; i += s.together)
    {
      size_t images = pass->n - i < s.together ? pass->n - i : s.together, first = i * s.pixels;
      int width = (int)(images * s.pixels);
      const sb_real *columns = columns_of (layer, s, images, x + first, pass->scratch);
      sb_gemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, s.outputs, width, s.taps, 1, W, s.taps, columns, width, 0,
               y + first, (int)s.row);
    }
}

SB_CLONES static void
add_bias (sizes s, const sb_real *b, sb_real *y)
{
  for (int o = 0; o < s.outputs; o++, y += s.row)
#pragma omp simd
    for (size_t p = 0; p < s.row; p++)
      y[p] += b[o];
}

static void
forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  sizes s = sizes_of (layer, pass);
  multiply (layer, theta, pass, pass->x[0], pass->y);
  add_bias (s, theta + s.outputs * s.taps, pass->y);
}

// ## Backward
//
// $\bar W \mathrel{+}= \bar Y\,\mathrm{columns}(X)^\top$, $\;\bar b_o \mathrel{+}= \sum_p \bar Y_o(p)$, and
// $\bar X \mathrel{+}= \mathrm{columns}^\top(W^\top \bar Y)$.

SB_CLONES static void
sum_pixels (sizes s, const sb_real *y_bar, sb_real *b_bar)
{
  for (int o = 0; o < s.outputs; o++, y_bar += s.row)
    {
      sb_real sum = 0;
#pragma omp simd reduction(+ : sum)
      for (size_t p = 0; p < s.row; p++)
        sum += y_bar[p];
      b_bar[o] += sum;
    }
}

static void
backward_images (const sb_layer *layer, const sb_real *W, sizes s, size_t images, const sb_real *x,
                 const sb_real *y_bar, sb_real *scratch, sb_real *x_bar, sb_real *W_bar)
{
  int width = (int)(images * s.pixels), row = (int)s.row;
  if (W_bar)
    sb_gemm (CblasRowMajor, CblasNoTrans, CblasTrans, s.outputs, s.taps, width, 1, y_bar, row,
             columns_of (layer, s, images, x, scratch), width, 1, W_bar, s.taps);
  if (!x_bar)
    return;
  int direct = layer->kernel == 1;
  sb_gemm (CblasRowMajor, CblasTrans, CblasNoTrans, s.taps, width, s.outputs, 1, W, s.taps, y_bar, row, direct,
           direct ? x_bar : scratch, width);
  if (!direct)
    add_columns (layer, s, images, scratch, x_bar);
}

static void
backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar, sb_real *const *x_bar,
          sb_real *theta_bar)
{
  sizes s = sizes_of (layer, pass);
  for (size_t i = 0; i < pass->n; i += s.together)
    {
      size_t images = pass->n - i < s.together ? pass->n - i : s.together, first = i * s.pixels;
      backward_images (layer, theta, s, images, pass->x[0] + first, y_bar + first, pass->scratch,
                       x_bar[0] ? x_bar[0] + first : NULL, theta_bar);
    }
  if (theta_bar)
    sum_pixels (s, y_bar, theta_bar + s.outputs * s.taps);
}

// ## Along a direction
//
// The layer is linear in $x$: $\dot Y = W\,\mathrm{columns}(\dot X)$.

static void
jvp (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *const *x_dot, sb_real *y_dot)
{
  if (x_dot[0])
    multiply (layer, theta, pass, x_dot[0], y_dot);
  else
    memset (y_dot, 0, sb_net_shape_size (layer->out) * pass->n * sizeof *y_dot);
}

// ## The gradient of a derivative
//
// $Y$ and $\dot Y$ share $W$: $\bar W \mathrel{+}= \bar Y\,\mathrm{columns}(X)^\top +
// \bar{\dot Y}\,\mathrm{columns}(\dot X)^\top$. $\dot Y$ does not depend on the bias.

static void
dual_backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_dual *dual,
               sb_real *theta_bar)
{
  sizes s = sizes_of (layer, pass);
  backward (layer, theta, pass, dual->y_bar, dual->x_bar, theta_bar);
  for (size_t i = 0; i < pass->n; i += s.together)
    {
      size_t images = pass->n - i < s.together ? pass->n - i : s.together, first = i * s.pixels;
      backward_images (layer, theta, s, images, dual->x_dot[0] + first, dual->y_dot_bar + first, pass->scratch,
                       dual->x_dot_bar[0] + first, theta_bar);
    }
}

const sb_layer_type sb_layer_convolution = { "convolution", 1, forward, backward, jvp, dual_backward };
