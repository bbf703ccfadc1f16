// # Convolution
//
// A filter of $k \times k$ taps, stride one, with zeros around the image so that it keeps its size:
// $$ y_{o}(p) = b_o + \sum_{c}\sum_{\delta} W_{o,c,\delta}\; x_c(p + \delta). $$
// With $k = 1$ on $1 \times 1$ images it is the linear layer $y = Wx + b$.
//
// Parameters: $W$ as [outputs][inputs][k][k], then $b$ as [outputs].

#include "layer.h"

#include <string.h>

typedef struct
{
  int outputs, taps; // rows and columns of W: taps = inputs k^2
  int pixels;        // of one image
  int row;           // of one channel, all samples: the distance between channels in memory
} sizes;

static sizes
sizes_of (const sb_layer *layer, const sb_pass *pass)
{
  int pixels = (int)sb_net_shape_pixels (layer->out);
  return (sizes){ .outputs = (int)layer->out.channels,
                  .taps = (int)(layer->in[0].channels * layer->kernel * layer->kernel),
                  .pixels = pixels,
                  .row = pixels * (int)pass->n };
}

// ## Columns
//
// The sum over channels and taps is a matrix product once the taps stand in a matrix: its row $(c, \delta)$ is channel
// $c$ moved by $\delta$, and a column holds all that one pixel of the output sees. A single tap needs no copy.
//
// The 3 x 3 case goes line by line: a moved line is the line itself, one pixel over, with a zero where it enters.

static void
lay_columns (const sb_layer *layer, const sb_real *x, size_t row, sb_real *columns)
{
  size_t height = layer->in[0].height, width = layer->in[0].width;
  for (size_t c = 0; c < layer->in[0].channels; c++)
    for (int dy = -1; dy <= 1; dy++)
      for (int dx = -1; dx <= 1; dx++, columns += height * width)
        for (size_t i = 0; i < height; i++)
          {
            sb_real *to = columns + i * width;
            size_t from = i + (size_t)dy; // wraps below zero, and is then out of range too
            if (from >= height)
              {
                memset (to, 0, width * sizeof *to);
                continue;
              }
            const sb_real *line = x + c * row + from * width;
            if (dx == 0)
              memcpy (to, line, width * sizeof *to);
            else if (dx < 0)
              {
                to[0] = 0;
                memcpy (to + 1, line, (width - 1) * sizeof *to);
              }
            else
              {
                memcpy (to, line + 1, (width - 1) * sizeof *to);
                to[width - 1] = 0;
              }
          }
}

// Its transpose, for the gradient: what was copied from a pixel to nine places is added back to it from there.

static void
add_line (size_t count, const sb_real *restrict from, sb_real *restrict to)
{
  for (size_t j = 0; j < count; j++)
    to[j] += from[j];
}

static void
add_columns (const sb_layer *layer, const sb_real *columns, size_t row, sb_real *x_bar)
{
  size_t height = layer->in[0].height, width = layer->in[0].width;
  for (size_t c = 0; c < layer->in[0].channels; c++)
    for (int dy = -1; dy <= 1; dy++)
      for (int dx = -1; dx <= 1; dx++, columns += height * width)
        for (size_t i = 0; i < height; i++)
          {
            size_t to = i + (size_t)dy;
            size_t enter = dx < 0 ? 1 : 0, leave = dx > 0 ? 1 : 0; // where the line begins, there and here
            if (to < height)
              add_line (width - (dx != 0), columns + i * width + enter, x_bar + c * row + to * width + leave);
          }
}

// ## Forward
//
// $Y = W\,\mathrm{columns}(X)$, an image at a time for 3 x 3 so that the columns stay in the cache.

static void
multiply (const sb_layer *layer, const sb_real *W, const sb_pass *pass, const sb_real *x, sb_real *y)
{
  sizes s = sizes_of (layer, pass);
  if (layer->kernel == 1)
    {
      sb_gemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, s.outputs, s.row, s.taps, 1, W, s.taps, x, s.row, 0, y,
               s.row);
      return;
    }
  for (size_t i = 0; i < pass->n; i++)
    {
      size_t image = i * (size_t)s.pixels;
      lay_columns (layer, x + image, (size_t)s.row, pass->scratch);
      sb_gemm (CblasRowMajor, CblasNoTrans, CblasNoTrans, s.outputs, s.pixels, s.taps, 1, W, s.taps, pass->scratch,
               s.pixels, 0, y + image, s.row);
    }
}

static void
forward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass)
{
  sizes s = sizes_of (layer, pass);
  multiply (layer, theta, pass, pass->x[0], pass->y);

  const sb_real *b = theta + s.outputs * s.taps;
  for (int o = 0; o < s.outputs; o++)
    for (int p = 0; p < s.row; p++)
      pass->y[o * s.row + p] += b[o];
}

// ## Backward
//
// $\bar W \mathrel{+}= \bar Y\,\mathrm{columns}(X)^\top$, $\;\bar b_o \mathrel{+}= \sum_p \bar Y_o(p)$, and
// $\bar X \mathrel{+}= \mathrm{columns}^\top(W^\top \bar Y)$.

static void
backward (const sb_layer *layer, const sb_real *theta, const sb_pass *pass, const sb_real *y_bar, sb_real *const *x_bar,
          sb_real *theta_bar)
{
  sizes s = sizes_of (layer, pass);
  int one_tap = layer->kernel == 1;
  size_t images = one_tap ? 1 : pass->n; // a single tap takes all samples as one image
  int pixels = one_tap ? s.row : s.pixels;

  for (size_t i = 0; i < images; i++)
    {
      size_t image = i * (size_t)s.pixels;
      if (theta_bar)
        {
          const sb_real *columns = pass->x[0];
          if (!one_tap)
            {
              lay_columns (layer, pass->x[0] + image, (size_t)s.row, pass->scratch);
              columns = pass->scratch;
            }
          sb_gemm (CblasRowMajor, CblasNoTrans, CblasTrans, s.outputs, s.taps, pixels, 1, y_bar + image, s.row, columns,
                   pixels, 1, theta_bar, s.taps);
        }
      if (x_bar[0] && one_tap)
        sb_gemm (CblasRowMajor, CblasTrans, CblasNoTrans, s.taps, pixels, s.outputs, 1, theta, s.taps, y_bar, s.row, 1,
                 x_bar[0], pixels);
      else if (x_bar[0])
        {
          sb_gemm (CblasRowMajor, CblasTrans, CblasNoTrans, s.taps, pixels, s.outputs, 1, theta, s.taps, y_bar + image,
                   s.row, 0, pass->scratch, pixels);
          add_columns (layer, pass->scratch, (size_t)s.row, x_bar[0] + image);
        }
    }

  if (theta_bar)
    for (int o = 0; o < s.outputs; o++)
      {
        sb_real sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int p = 0; p < s.row; p++)
          sum += y_bar[o * s.row + p];
        theta_bar[s.outputs * s.taps + o] += sum;
      }
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

const sb_layer_type sb_layer_convolution = { "convolution", forward, backward, jvp };
