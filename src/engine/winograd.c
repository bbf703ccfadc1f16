// # Convolutions by Winograd's algorithm
//
// A direct convolution of an image with $3 \times 3$ weights is nine products of matrices. Winograd's algorithm (Lavin
// and Gray, 2016) needs a quarter of the multiplications: the image is cut into tiles, and each tile of $4 \times 4$
// outputs takes 36 products of numbers in place of 144. With $g$ the weights from one channel to another, $d$ the
// $6 \times 6$ inputs of a tile,
// $$ Y = A^\top \Bigl[\,(G\,g\,G^\top) \odot (B^\top d\,B)\,\Bigr] A . $$
// Over all channels the products in brackets become, for each of the 36 places, one product of matrices: tiles by
// channels, and channels by channels.

#include "conv.h"

#include "blocked.h"
#include "lanes.h"
#include "product.h"

#include <gsl/gsl_errno.h>
#include <stdlib.h>

// ## Where the matrices come from
//
// A tap of weights $g_0 + g_1 p + g_2 p^2$ and one of outputs $y_0 + \cdots + y_3 p^3$ are polynomials, and their
// product has six coefficients: its values at six points $p$ determine it, and each is one product, that of the two
// factors' values there. $G$ maps coefficients to values; transposing the multiplication turns it into a correlation,
// whose inputs are transformed by $B^\top$ and whose outputs by $A^\top$. The points are $0, \pm a, \pm b$ and
// infinity, with $a = \tfrac58$, $b = \tfrac32$: values and coefficients are then of like size, which keeps rounding
// errors small: below 1e-6 of the norm, summed over 64 channels (tests/engine/test_winograd.c). All constants but the
// divisors are exact in float.

enum
{
  KERNEL = 3,
  EDGE = 4,                  // of a tile's outputs
  REACH = EDGE + KERNEL - 1, // of its inputs, and how many points there are
  PLACES = REACH * REACH,
  HALF = 8 // channels at a time: half of a block
};

static const float a = 0.625F, b = 1.5F, aa = 0.390625F, bb = 2.25F, aabb = 0.87890625F;
static const float at_0 = 1 / 0.87890625F;                           // 1 / (aa bb)
static const float at_a = 1 / (2 * 0.390625F * (0.390625F - 2.25F)); // 1 / (2 aa (aa - bb))
static const float at_b = 1 / (2 * 2.25F * (2.25F - 0.390625F));     // 1 / (2 bb (bb - aa))

// Six inputs through $B^\top$, whose rows are the polynomials that vanish at all points but one. The even part, common
// to a pair of points $\pm p$, is computed once.

SB_INLINE void
through_B (const sb_eight *d, size_t step, sb_eight *v, size_t to)
{
  sb_eight even_a = d[4 * step] - bb * d[2 * step], odd_a = a * (d[3 * step] - bb * d[step]);
  sb_eight even_b = d[4 * step] - aa * d[2 * step], odd_b = b * (d[3 * step] - aa * d[step]);
  v[0] = aabb * d[0] - (aa + bb) * d[2 * step] + d[4 * step];
  v[to] = even_a + odd_a;
  v[2 * to] = even_a - odd_a;
  v[3 * to] = even_b + odd_b;
  v[4 * to] = even_b - odd_b;
  v[5 * to] = aabb * d[step] - (aa + bb) * d[3 * step] + d[5 * step];
}

// Three or four coefficients through $G$, to values at the points, each divided by that of its row of $B^\top$ there.

SB_INLINE void
through_G (size_t count, const sb_eight *g, size_t step, sb_eight *u, size_t to)
{
  sb_eight zero = { 0 }, third = count == EDGE ? g[3 * step] : zero;
  sb_eight even_a = at_a * (g[0] + aa * g[2 * step]), odd_a = at_a * a * (g[step] + aa * third);
  sb_eight even_b = at_b * (g[0] + bb * g[2 * step]), odd_b = at_b * b * (g[step] + bb * third);
  u[0] = at_0 * g[0];
  u[to] = even_a + odd_a;
  u[2 * to] = even_a - odd_a;
  u[3 * to] = even_b + odd_b;
  u[4 * to] = even_b - odd_b;
  u[5 * to] = g[(count - 1) * step];
}

// Six products through $A^\top$, to three or four results: powers of the points, the last also at infinity.

SB_INLINE void
through_A (size_t count, const sb_eight *m, size_t step, sb_eight *y, size_t to)
{
  sb_eight even_a = m[step] + m[2 * step], odd_a = m[step] - m[2 * step];
  sb_eight even_b = m[3 * step] + m[4 * step], odd_b = m[3 * step] - m[4 * step];
  y[0] = m[0] + even_a + even_b;
  y[to] = a * odd_a + b * odd_b;
  y[2 * to] = aa * even_a + bb * even_b;
  if (count == EDGE)
    y[3 * to] = aa * a * odd_a + bb * b * odd_b;
  y[(count - 1) * to] += m[5 * step];
}

// In two dimensions: columns first, then rows.

SB_INLINE void
square_B (const sb_eight d[PLACES], sb_eight v[PLACES])
{
  sb_eight half[PLACES];
  for (size_t k = 0; k < REACH; k++)
    through_B (d + k, REACH, half + k, REACH);
  for (size_t k = 0; k < REACH; k++)
    through_B (half + k * REACH, 1, v + k * REACH, 1);
}

SB_INLINE void
square_G (size_t count, const sb_eight *g, sb_eight u[PLACES])
{
  sb_eight half[REACH * EDGE];
  for (size_t k = 0; k < count; k++)
    through_G (count, g + k, count, half + k, count);
  for (size_t k = 0; k < REACH; k++)
    through_G (count, half + k * count, 1, u + k * REACH, 1);
}

SB_INLINE void
square_A (size_t count, const sb_eight m[PLACES], sb_eight *y)
{
  sb_eight half[EDGE * REACH];
  for (size_t k = 0; k < REACH; k++)
    through_A (count, m + k, REACH, half + k, REACH);
  for (size_t k = 0; k < count; k++)
    through_A (count, half + k * REACH, 1, y + k * count, 1);
}

// ## A convolution
//
// Its tiles are processed in bands, as many as fit in the cache at 36 numbers per channel. Weights of $1 \times 1$ need
// no transform: a tile then is a pixel, with a single place, and all the transforms are copies.

enum
{
  BAND = 24, // tiles of 36 places
  BAND_OF_PIXELS = 512
};

// The stride between places: padded by a cache line, or all 36 of a tile's would map to the same set of the cache.

SB_INLINE size_t
apart (size_t count)
{
  return count + SB_LANES;
}

typedef struct
{
  sb_conv_shape shape;
  size_t in, out;             // channels, padded to whole blocks
  size_t places, edge;        // of a tile
  size_t across, down, tiles; // tiles in a row and in a column of an image, in all images
  size_t band;
  float *U, *U_back; // weights for y and for x_bar: places x in x out, places x out x in
  float *bias;       // out
  const float *x, *y_bar;
  float *y, *x_bar, *scratch;
} convolution;

static void
conv_free (void *conv)
{
  convolution *c = conv;
  if (!c)
    return;
  free (c->U);
  free (c->U_back);
  free (c->bias);
  free (c);
}

static float *
numbers (size_t count)
{
  float *x = aligned_alloc (64, (count * sizeof *x + 63) / 64 * 64);
  if (x)
    memset (x, 0, count * sizeof *x);
  return x;
}

static int
conv_alloc (void *shared, const sb_conv_shape *shape, void **conv)
{
  (void)shared;
  convolution *c = *conv = calloc (1, sizeof *c);
  if (!c)
    return GSL_ENOMEM;
  int points = shape->kernel == 1;
  c->shape = *shape;
  c->in = sb_blocked_filled (shape->in);
  c->out = sb_blocked_filled (shape->out);
  c->places = points ? 1 : PLACES;
  c->edge = points ? 1 : EDGE;
  c->across = (shape->width + c->edge - 1) / c->edge;
  c->down = (shape->height + c->edge - 1) / c->edge;
  c->tiles = shape->images * c->across * c->down;
  c->band = points ? BAND_OF_PIXELS : BAND;
  size_t weights = c->places * apart (c->in * c->out);
  c->U = numbers (weights);
  c->U_back = shape->gradients ? numbers (weights) : NULL;
  c->bias = numbers (c->out);
  if (c->U && c->bias && (c->U_back || !shape->gradients))
    return GSL_SUCCESS;
  conv_free (c);
  *conv = NULL;
  return GSL_ENOMEM;
}

// Scratch memory: a band before and after the products, and the sums of gradients of weights.

static size_t
conv_scratch (const void *conv)
{
  const convolution *c = conv;
  size_t sums = c->shape.gradients ? apart (c->in * c->out) : 0;
  return c->places * (apart (c->band * c->in) + apart (c->band * c->out) + sums) * sizeof (float);
}

static int
conv_bind (void *conv, void *x, void *y, void *x_bar, void *y_bar, void *scratch)
{
  convolution *c = conv;
  c->x = x;
  c->y = y;
  c->x_bar = x_bar;
  c->y_bar = y_bar;
  c->scratch = scratch;
  return GSL_SUCCESS;
}

// ## Weights
//
// $U = G g G^\top$ for all pairs of channels, those of the result contiguous in panels (product.h). Backward, outputs
// become inputs and the taps are read from the last to the first.

SB_INLINE void
transform_weights (const convolution *c, const float *theta, int back, float *U)
{
  const sb_conv_shape *s = &c->shape;
  size_t taps = c->places == 1 ? 1 : KERNEL * KERNEL, stored = s->stored_kernel * s->stored_kernel;
  size_t from = back ? s->out : s->in, to = back ? s->in : s->out, rows = back ? c->out : c->in;
  for (size_t first = 0; first < to; first += HALF)
    for (size_t i = 0; i < from; i++)
      {
        float g[KERNEL * KERNEL][HALF] = { { 0 } };
        sb_eight taps_of[KERNEL * KERNEL], u[PLACES];
        for (size_t j = first; j < to && j < first + HALF; j++)
          {
            const float *w = theta + (back ? i * s->in + j : j * s->in + i) * stored + (stored - taps) / 2;
            for (size_t t = 0; t < taps; t++)
              g[t][j - first] = w[back ? taps - 1 - t : t];
          }
        memcpy (taps_of, g, sizeof taps_of);
        if (c->places == 1)
          u[0] = taps_of[0];
        else
          square_G (KERNEL, taps_of, u);
        for (size_t p = 0; p < c->places; p++)
          SB_EIGHT (U + p * apart (c->in * c->out) + (first / SB_LANES * rows + i) * SB_LANES + first % SB_LANES)
              = u[p];
      }
}

SB_CLONES static void
take_weights (const convolution *c, const float *theta)
{
  transform_weights (c, theta, 0, c->U);
  if (c->U_back)
    transform_weights (c, theta, 1, c->U_back);
}

static int
conv_weights (void *conv, const float *theta)
{
  convolution *c = conv;
  size_t stored = c->shape.stored_kernel * c->shape.stored_kernel;
  memcpy (c->bias, theta + c->shape.out * c->shape.in * stored, c->shape.out * sizeof *c->bias);
  take_weights (c, theta);
  return GSL_SUCCESS;
}

// ## Tiles
//
// A square of an image's pixels, eight channels of it, from `row` and `column` on, which may be outside: there it is
// zero, and nothing is written. `x` points to the block of channels.

typedef struct
{
  size_t image;
  long row, column; // of the upper left output
} place;

static place
tile_at (const convolution *c, size_t t)
{
  size_t image = t / (c->across * c->down), within = t % (c->across * c->down);
  return (place){ image, (long)(within / c->across * c->edge), (long)(within % c->across * c->edge) };
}

SB_INLINE void
read_pixels (const sb_conv_shape *s, int inside, const float *x, long row, long column, long edge, sb_eight *d)
{
  long height = (long)s->height, width = (long)s->width;
  for (long i = row; i < row + edge; i++)
    for (long j = column; j < column + edge; j++, d++)
      if (inside || (i >= 0 && i < height && j >= 0 && j < width))
        *d = SB_CONST_EIGHT (x + (i * width + j) * SB_LANES);
      else
        *d = (sb_eight){ 0 };
}

SB_INLINE void
read_square (const sb_conv_shape *s, const float *x, long row, long column, long edge, sb_eight *d)
{
  if (row >= 0 && column >= 0 && row + edge <= (long)s->height && column + edge <= (long)s->width)
    read_pixels (s, 1, x, row, column, edge, d);
  else
    read_pixels (s, 0, x, row, column, edge, d);
}

SB_INLINE void
write_square (const sb_conv_shape *s, float *y, long row, long column, long edge, const sb_eight *d)
{
  long height = (long)s->height, width = (long)s->width;
  for (long i = row; i < row + edge; i++)
    for (long j = column; j < column + edge; j++, d++)
      if (i < height && j < width)
        SB_EIGHT (y + (i * width + j) * SB_LANES) = *d;
}

// The index of eight channels, from `channel` on, in a tensor.

SB_INLINE size_t
begin_of (const convolution *c, size_t image, size_t channels, size_t channel)
{
  size_t pixels = c->shape.height * c->shape.width, blocks = channels / SB_LANES;
  return (image * blocks + channel / SB_LANES) * pixels * SB_LANES + channel % SB_LANES;
}

// A band of tiles through $B^\top$, or of gradients through $G$, eight channels of a tile at a time. Tiles are stored
// as [place][tile][channel], gradients in panels, [place][block][tile][16].

SB_INLINE void
band_squares (const convolution *c, int gradients, const float *x, size_t channels, size_t first, size_t count,
              float *V)
{
  for (size_t t = 0; t < count; t++)
    {
      place at = tile_at (c, first + t);
      for (size_t channel = 0; channel < channels; channel += HALF)
        {
          const float *from = x + begin_of (c, at.image, channels, channel);
          float *to = V
                      + (gradients ? (channel / SB_LANES * c->band + t) * SB_LANES + channel % SB_LANES
                                   : t * channels + channel);
          sb_eight d[PLACES], v[PLACES];
          if (c->places == 1)
            read_square (&c->shape, from, at.row, at.column, 1, v);
          else if (gradients)
            {
              read_square (&c->shape, from, at.row, at.column, EDGE, d);
              square_G (EDGE, d, v);
            }
          else
            {
              read_square (&c->shape, from, at.row - 1, at.column - 1, REACH, d);
              square_B (d, v);
            }
          for (size_t p = 0; p < c->places; p++)
            SB_EIGHT (to + p * apart (c->band * channels)) = v[p];
        }
    }
}

// $V = B^\top d B$: the tile's inputs with a pixel around its outputs.

SB_CLONES static void
band_inputs (const convolution *c, const float *x, size_t channels, size_t first, size_t count, float *V)
{
  band_squares (c, 0, x, channels, first, count, V);
}

// $Y = A^\top M A$, and the bias, from a band of the same order.

SB_CLONES static void
band_outputs (const convolution *c, const float *M, const float *bias, size_t channels, size_t first, size_t count,
              float *y)
{
  for (size_t t = 0; t < count; t++)
    {
      place at = tile_at (c, first + t);
      for (size_t channel = 0; channel < channels; channel += HALF)
        {
          float *to = y + begin_of (c, at.image, channels, channel);
          sb_eight m[PLACES], d[EDGE * EDGE], more = { 0 };
          if (bias)
            more = SB_CONST_EIGHT (bias + channel);
          for (size_t p = 0; p < c->places; p++)
            m[p] = SB_CONST_EIGHT (M + p * apart (c->band * channels) + t * channels + channel);
          if (c->places == 1)
            d[0] = m[0];
          else
            square_A (EDGE, m, d);
          for (size_t k = 0; k < c->edge * c->edge; k++)
            d[k] += more;
          write_square (&c->shape, to, at.row, at.column, (long)c->edge, d);
        }
    }
}

// ## Forward, and the gradient of the input

static void
convolve (const convolution *c, const float *x, size_t from, const float *U, const float *bias, size_t to, float *y)
{
  float *V = c->scratch, *M = V + c->places * apart (c->band * from);
  for (size_t first = 0; first < c->tiles; first += c->band)
    {
      size_t count = c->tiles - first < c->band ? c->tiles - first : c->band;
      size_t rows = (count + SB_PRODUCT_ROWS - 1) / SB_PRODUCT_ROWS * SB_PRODUCT_ROWS; // the surplus: not used
      const sb_product_shape shape = { rows, to, from, from, 1, from * SB_LANES, 0 };
      band_inputs (c, x, from, first, count, V);
      for (size_t p = 0; p < c->places; p++)
        sb_product (&shape, V + p * apart (c->band * from), U + p * apart (from * to), M + p * apart (c->band * to));
      band_outputs (c, M, bias, to, first, count, y);
    }
}

static int
conv_forward (void *conv)
{
  const convolution *c = conv;
  convolve (c, c->x, c->in, c->U, c->bias, c->out, c->y);
  return GSL_SUCCESS;
}

static int
conv_backward_data (void *conv)
{
  const convolution *c = conv;
  convolve (c, c->y_bar, c->out, c->U_back, NULL, c->in, c->x_bar);
  return GSL_SUCCESS;
}

// ## The gradient of the weights
//
// It is a correlation too: of a tile's $6 \times 6$ inputs with the $4 \times 4$ gradients of its outputs, giving $3
// \times 3$ numbers. The same points serve, $G$ and $A$ exchange roles, and the last transform is common to all tiles:
// $$ \bar g = A^\top \Bigl[\sum_{\text{tiles}} (B^\top d\,B) \odot (G\,\bar Y\,G^\top)\Bigr] A . $$

// These become the right factor of a product.

SB_CLONES static void
band_gradients (const convolution *c, size_t first, size_t count, float *M)
{
  band_squares (c, 1, c->y_bar, c->out, first, count, M);
}

SB_CLONES static void
add_weights (const convolution *c, const float *S, float *theta_bar)
{
  const sb_conv_shape *s = &c->shape;
  size_t taps = c->places == 1 ? 1 : KERNEL * KERNEL, stored = s->stored_kernel * s->stored_kernel;
  for (size_t first = 0; first < s->out; first += HALF)
    for (size_t i = 0; i < s->in; i++)
      {
        sb_eight m[PLACES], g[KERNEL * KERNEL];
        for (size_t p = 0; p < c->places; p++)
          m[p] = SB_CONST_EIGHT (S + p * apart (c->in * c->out) + i * c->out + first);
        if (c->places == 1)
          g[0] = m[0];
        else
          square_A (KERNEL, m, g);
        for (size_t j = first; j < s->out && j < first + HALF; j++)
          for (size_t t = 0; t < taps; t++)
            theta_bar[(j * s->in + i) * stored + (stored - taps) / 2 + t] += g[t][j - first];
      }
}

SB_CLONES static void
add_bias (const convolution *c, float *bias_bar)
{
  size_t pixels = c->shape.height * c->shape.width;
  for (size_t channel = 0; channel < c->out; channel += HALF)
    {
      sb_eight sum = { 0 };
      for (size_t image = 0; image < c->shape.images; image++)
        {
          const float *from = c->y_bar + begin_of (c, image, c->out, channel);
          for (size_t k = 0; k < pixels; k++)
            {
              sum += SB_CONST_EIGHT (from + k * SB_LANES);
            }
        }
      for (size_t j = channel; j < c->shape.out && j < channel + HALF; j++)
        bias_bar[j] += sum[j - channel];
    }
}

static int
conv_backward_weights (void *conv, float *theta_bar)
{
  const convolution *c = conv;
  size_t stored = c->shape.stored_kernel * c->shape.stored_kernel;
  float *V = c->scratch, *M = V + c->places * apart (c->band * c->in), *S = M + c->places * apart (c->band * c->out);
  for (size_t first = 0; first < c->tiles; first += c->band)
    {
      size_t count = c->tiles - first < c->band ? c->tiles - first : c->band;
      const sb_product_shape shape = { c->in, c->out, count, 1, c->in, c->band * SB_LANES, first > 0 };
      band_inputs (c, c->x, c->in, first, count, V);
      band_gradients (c, first, count, M);
      for (size_t p = 0; p < c->places; p++)
        sb_product (&shape, V + p * apart (c->band * c->in), M + p * apart (c->band * c->out),
                    S + p * apart (c->in * c->out));
    }
  add_weights (c, S, theta_bar);
  add_bias (c, theta_bar + c->shape.out * c->shape.in * stored);
  return GSL_SUCCESS;
}

// ## No shared state
//
// Convolutions share nothing.

static int
begin (void)
{
  return 0;
}

static void
end (int begun)
{
  (void)begun;
}

static int
nothing_shared (sb_net_precision precision, void **shared)
{
  (void)precision;
  *shared = NULL;
  return GSL_SUCCESS;
}

const sb_conv_type sb_conv_winograd = { .begin = begin,
                                        .end = end,
                                        .alloc = nothing_shared,
                                        .free = free,
                                        .conv_alloc = conv_alloc,
                                        .conv_free = conv_free,
                                        .scratch = conv_scratch,
                                        .bind = conv_bind,
                                        .weights = conv_weights,
                                        .forward = conv_forward,
                                        .backward_data = conv_backward_data,
                                        .backward_weights = conv_backward_weights };
