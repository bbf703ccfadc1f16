// # Layers on blocked tensors
//
// The same computations as in the layers' own files (silu.c, join.c, resample.c, fir.c), sixteen channels at a time.
// Each is written once and compiled for float and for bfloat16: `half` is a constant in calls of the inner functions.

#include "blocked.h"

#include "../net/exp.h"
#include "lanes.h"

sb_blocked
sb_blocked_of (size_t n, size_t channels, size_t height, size_t width, int half)
{
  return (sb_blocked){ n, channels, sb_blocked_filled (channels) / SB_LANES, height * width, width, half };
}

size_t
sb_blocked_count (const sb_blocked *s)
{
  return s->n * s->blocks * s->pixels * SB_LANES;
}

// ## In and out

void
sb_blocked_pack (const sb_blocked *s, size_t n, const float *samples, void *x)
{
  for (size_t i = 0; i < n; i++)
    for (size_t b = 0; b < s->blocks; b++)
      for (size_t p = 0; p < s->pixels; p++)
        for (size_t lane = 0; lane < SB_LANES; lane++)
          {
            size_t c = b * SB_LANES + lane;
            float value = c < s->channels ? samples[(i * s->channels + c) * s->pixels + p] : 0;
            sb_put (x, sb_blocked_at (s, i, b) + p * SB_LANES + lane, value, s->half);
          }
}

void
sb_blocked_unpack (const sb_blocked *s, size_t n, const void *x, float *samples)
{
  for (size_t i = 0; i < n; i++)
    for (size_t c = 0; c < s->channels; c++)
      for (size_t p = 0; p < s->pixels; p++)
        samples[(i * s->channels + c) * s->pixels + p]
            = sb_get (x, sb_blocked_at (s, i, c / SB_LANES) + p * SB_LANES + c % SB_LANES, s->half);
}

// ## Adding

SB_INLINE void
add_to (size_t count, const void *x, void *y, int half)
{
  for (size_t k = 0; k < count; k += SB_LANES)
    {
      sb_lanes a, b;
      sb_load (&a, x, k, half);
      sb_load (&b, y, k, half);
      a += b;
      sb_store (y, k, &a, half);
    }
}

SB_CLONES void
sb_blocked_copy (const sb_blocked *s, int add, const void *x, void *y)
{
  if (add)
    SB_BY_PRECISION (s->half, add_to, sb_blocked_count (s), x, y);
  else
    memcpy (y, x, sb_blocked_bytes (s));
}

SB_INLINE void
add_and_scale (size_t count, float weight, const void *x, void *y, int half)
{
  for (size_t k = 0; k < count; k += SB_LANES)
    {
      sb_lanes a, b;
      sb_load (&a, x, k, half);
      sb_load (&b, y, k, half);
      a = weight * (a + b);
      sb_store (y, k, &a, half);
    }
}

SB_CLONES void
sb_blocked_add (const sb_blocked *s, float weight, const void *x, void *y)
{
  SB_BY_PRECISION (s->half, add_and_scale, sb_blocked_count (s), weight, x, y);
}

// ## Multiplying

SB_INLINE void
scale (size_t count, float weight, void *x, int half)
{
  for (size_t k = 0; k < count; k += SB_LANES)
    {
      sb_lanes a;
      sb_load (&a, x, k, half);
      a *= weight;
      sb_store (x, k, &a, half);
    }
}

SB_CLONES void
sb_blocked_scale (const sb_blocked *s, float weight, void *x)
{
  SB_BY_PRECISION (s->half, scale, sb_blocked_count (s), weight, x);
}

SB_INLINE void
multiply (size_t count, int add, const float *m, const void *x, void *y, int half)
{
  for (size_t k = 0; k < count; k += SB_LANES)
    {
      sb_lanes a, b, sum = { 0 };
      sb_load (&a, m, k, 0);
      sb_load (&b, x, k, half);
      if (add)
        sb_load (&sum, y, k, half);
      sum += a * b;
      sb_store (y, k, &sum, half);
    }
}

SB_CLONES void
sb_blocked_multiply (const sb_blocked *s, int add, const float *m, const void *x, void *y)
{
  SB_BY_PRECISION (s->half, multiply, sb_blocked_count (s), add, m, x, y);
}

// A number for each sample and channel, times `weight`, written or added to all pixels; backward, the sum over pixels.

SB_INLINE void
fill (const sb_blocked *s, const sb_blocked *vector, int add, float weight, const void *x, void *y, int half)
{
  for (size_t i = 0; i < s->n; i++)
    for (size_t b = 0; b < s->blocks; b++)
      {
        sb_lanes value;
        sb_load (&value, x, sb_blocked_at (vector, i, b), half);
        value *= weight;
        for (size_t p = 0, k = sb_blocked_at (s, i, b); p < s->pixels; p++, k += SB_LANES)
          {
            sb_lanes sum = { 0 };
            if (add)
              sb_load (&sum, y, k, half);
            sum += value;
            sb_store (y, k, &sum, half);
          }
      }
}

SB_CLONES void
sb_blocked_fill (const sb_blocked *s, const sb_blocked *vector, int add, float weight, const void *x, void *y)
{
  SB_BY_PRECISION (s->half, fill, s, vector, add, weight, x, y);
}

SB_INLINE void
gather (const sb_blocked *s, const sb_blocked *vector, int add, float weight, const void *y_bar, void *x_bar, int half)
{
  for (size_t i = 0; i < s->n; i++)
    for (size_t b = 0; b < s->blocks; b++)
      {
        sb_lanes sum = { 0 }, value;
        for (size_t p = 0, k = sb_blocked_at (s, i, b); p < s->pixels; p++, k += SB_LANES)
          {
            sb_load (&value, y_bar, k, half);
            sum += value;
          }
        sum *= weight;
        size_t k = sb_blocked_at (vector, i, b);
        if (add)
          {
            sb_load (&value, x_bar, k, half);
            sum += value;
          }
        sb_store (x_bar, k, &sum, half);
      }
}

SB_CLONES void
sb_blocked_gather (const sb_blocked *s, const sb_blocked *vector, int add, float weight, const void *y_bar, void *x_bar)
{
  SB_BY_PRECISION (s->half, gather, s, vector, add, weight, y_bar, x_bar);
}

// ## SiLU

SB_INLINE void
silu (size_t count, const void *restrict x, void *restrict y, int half)
{
#pragma omp simd
  for (size_t k = 0; k < count; k++)
    {
      float v = sb_get (x, k, half);
      sb_put (y, k, v / (1 + sb_expf (-v)), half);
    }
}

SB_CLONES void
sb_blocked_silu (const sb_blocked *s, const void *x, void *y)
{
  SB_BY_PRECISION (s->half, silu, sb_blocked_count (s), x, y);
}

SB_INLINE void
silu_back (size_t count, int add, const void *restrict x, const void *restrict y_bar, void *restrict x_bar, int half)
{
#pragma omp simd
  for (size_t k = 0; k < count; k++)
    {
      float v = sb_get (x, k, half), sigma = 1 / (1 + sb_expf (-v)), sum = add ? sb_get (x_bar, k, half) : 0;
      sb_put (x_bar, k, sum + sb_get (y_bar, k, half) * sigma * (1 + v * (1 - sigma)), half);
    }
}

SB_CLONES void
sb_blocked_silu_back (const sb_blocked *s, int add, const void *x, const void *y_bar, void *x_bar)
{
  SB_BY_PRECISION (s->half, silu_back, sb_blocked_count (s), add, x, y_bar, x_bar);
}

// ## Halving and doubling
//
// The sum of each 2 x 2 block of `big`, times `weight`, to a pixel of `small`; or the pixel, likewise, to all four.

SB_INLINE void
halve (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from, void *to, int half)
{
  size_t width = small->width, stride = big->width * SB_LANES;
  for (size_t i = 0; i < small->n; i++)
    for (size_t b = 0; b < small->blocks; b++)
      for (size_t p = 0; p < small->pixels; p++)
        {
          size_t k = sb_blocked_at (small, i, b) + p * SB_LANES;
          size_t above = sb_blocked_at (big, i, b) + p / width * 2 * stride + p % width * 2 * SB_LANES;
          sb_lanes sum = { 0 }, four[4];
          sb_load (&four[0], from, above, half);
          sb_load (&four[1], from, above + SB_LANES, half);
          sb_load (&four[2], from, above + stride, half);
          sb_load (&four[3], from, above + stride + SB_LANES, half);
          if (add)
            sb_load (&sum, to, k, half);
          sum += weight * (four[0] + four[1] + (four[2] + four[3]));
          sb_store (to, k, &sum, half);
        }
}

SB_CLONES void
sb_blocked_halve (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from, void *to)
{
  SB_BY_PRECISION (small->half, halve, small, big, add, weight, from, to);
}

SB_INLINE void
redouble (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from, void *to, int half)
{
  size_t width = small->width, stride = big->width * SB_LANES;
  for (size_t i = 0; i < small->n; i++)
    for (size_t b = 0; b < small->blocks; b++)
      for (size_t p = 0; p < small->pixels; p++)
        {
          size_t above = sb_blocked_at (big, i, b) + p / width * 2 * stride + p % width * 2 * SB_LANES;
          const size_t four[4] = { above, above + SB_LANES, above + stride, above + stride + SB_LANES };
          sb_lanes value;
          sb_load (&value, from, sb_blocked_at (small, i, b) + p * SB_LANES, half);
          value *= weight;
          for (int k = 0; k < 4; k++)
            {
              sb_lanes sum = { 0 };
              if (add)
                sb_load (&sum, to, four[k], half);
              sum += value;
              sb_store (to, four[k], &sum, half);
            }
        }
}

SB_CLONES void
sb_blocked_double (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from, void *to)
{
  SB_BY_PRECISION (small->half, redouble, small, big, add, weight, from, to);
}

// ## Through a filter
//
// $(1, 3, 3, 1)/8$ down and across, around two lines of `big` for each of `small`. Within the image all sixteen taps
// are there, and their weights are constants at compile time.

typedef struct
{
  size_t from, to; // taps inside the image
} taps;

SB_INLINE taps
taps_at (size_t k, size_t count)
{
  return (taps){ k == 0, k + 1 < count ? 4 : 3 };
}

SB_INLINE void
filter (taps down, taps across, float weight, size_t stride, const void *from, size_t corner, sb_lanes *sum, int half)
{
  static const float share[] = { 0.125F, 0.375F, 0.375F, 0.125F };
  for (size_t a = down.from; a < down.to; a++)
    for (size_t b = across.from; b < across.to; b++)
      {
        sb_lanes value;
        sb_load (&value, from, corner + a * stride + b * SB_LANES, half);
        *sum += weight * share[a] * share[b] * value;
      }
}

SB_INLINE void
fir_halve (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from, void *to, int half)
{
  const size_t width = small->width, height = small->pixels / width, stride = big->width * SB_LANES;
  for (size_t i = 0; i < small->n; i++)
    for (size_t b = 0; b < small->blocks; b++)
      for (size_t p = 0; p < small->pixels; p++)
        {
          const taps down = taps_at (p / width, height), across = taps_at (p % width, width);
          const size_t k = sb_blocked_at (small, i, b) + p * SB_LANES,
                       corner = sb_blocked_at (big, i, b) + p / width * 2 * stride + p % width * 2 * SB_LANES - stride
                                - SB_LANES;
          sb_lanes sum = { 0 };
          if (add)
            sb_load (&sum, to, k, half);
          if (down.from == 0 && down.to == 4 && across.from == 0 && across.to == 4)
            filter ((taps){ 0, 4 }, (taps){ 0, 4 }, weight, stride, from, corner, &sum, half);
          else
            filter (down, across, weight, stride, from, corner, &sum, half);
          sb_store (to, k, &sum, half);
        }
}

SB_CLONES void
sb_blocked_fir_halve (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from, void *to)
{
  SB_BY_PRECISION (small->half, fir_halve, small, big, add, weight, from, to);
}

// A pixel of `big` depends, down and across, on the pixel of `small` that contains it and the nearer of its neighbours.

typedef struct
{
  size_t near, far;
  float beside; // the far one's weight; 0 where it is outside
} neighbours;

SB_INLINE neighbours
neighbours_of (size_t k, size_t count)
{
  const size_t near = k / 2, far = k % 2 ? near + 1 : near - 1;
  return far < count ? (neighbours){ near, far, 0.125F } : (neighbours){ near, near, 0 };
}

SB_INLINE void
fir_double (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from, void *to, int half)
{
  const size_t width = small->width, height = small->pixels / width;
  for (size_t i = 0; i < big->n; i++)
    for (size_t b = 0; b < big->blocks; b++)
      for (size_t p = 0; p < big->pixels; p++)
        {
          const neighbours down = neighbours_of (p / big->width, height),
                           across = neighbours_of (p % big->width, width);
          const size_t k = sb_blocked_at (big, i, b) + p * SB_LANES, corner = sb_blocked_at (small, i, b);
          sb_lanes four[4], sum = { 0 };
          sb_load (&four[0], from, corner + (down.near * width + across.near) * SB_LANES, half);
          sb_load (&four[1], from, corner + (down.near * width + across.far) * SB_LANES, half);
          sb_load (&four[2], from, corner + (down.far * width + across.near) * SB_LANES, half);
          sb_load (&four[3], from, corner + (down.far * width + across.far) * SB_LANES, half);
          if (add)
            sb_load (&sum, to, k, half);
          sum += weight
                 * (0.375F * (0.375F * four[0] + across.beside * four[1])
                    + down.beside * (0.375F * four[2] + across.beside * four[3]));
          sb_store (to, k, &sum, half);
        }
}

SB_CLONES void
sb_blocked_fir_double (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from,
                       void *to)
{
  SB_BY_PRECISION (small->half, fir_double, small, big, add, weight, from, to);
}

// ## Joining
//
// Where the first channel begins a block, whole blocks are copied; else channel by channel.

static void
move_block (const sb_blocked *s, int add, const void *x, size_t from, void *y, size_t to)
{
  size_t size = s->half ? 2 : 4;
  sb_blocked one = sb_blocked_of (1, SB_LANES, 1, s->pixels, s->half);
  sb_blocked_copy (&one, add, (const char *)x + from * size, (char *)y + to * size);
}

static void
move_channel (const sb_blocked *s, int add, const void *x, size_t from, void *y, size_t to)
{
  for (size_t p = 0; p < s->pixels * SB_LANES; p += SB_LANES)
    sb_put (y, to + p, sb_get (x, from + p, s->half) + (add ? sb_get (y, to + p, s->half) : 0), s->half);
}

static void
move_part (const sb_blocked *part, const sb_blocked *whole, size_t first, int aligned, int back, int add, const void *x,
           void *y)
{
  for (size_t i = 0; i < part->n; i++)
    for (size_t c = 0; c < part->channels; c += aligned ? SB_LANES : 1)
      {
        size_t in_part = sb_blocked_at (part, i, c / SB_LANES) + c % SB_LANES,
               in_whole = sb_blocked_at (whole, i, (first + c) / SB_LANES) + (first + c) % SB_LANES;
        (aligned ? move_block : move_channel) (part, add, x, back ? in_whole : in_part, y, back ? in_part : in_whole);
      }
}

void
sb_blocked_insert (const sb_blocked *part, const sb_blocked *whole, size_t first, const void *x, void *y)
{
  move_part (part, whole, first, first % SB_LANES == 0, 0, 0, x, y);
}

void
sb_blocked_extract (const sb_blocked *part, const sb_blocked *whole, size_t first, int add, const void *y_bar,
                    void *x_bar)
{
  int aligned = first % SB_LANES == 0 && part->channels % SB_LANES == 0;
  if (!aligned && !add)
    memset (x_bar, 0, sb_blocked_bytes (part));
  move_part (part, whole, first, aligned, 1, add, y_bar, x_bar);
}
