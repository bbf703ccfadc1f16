// # Attention on blocked tensors
//
// attention.c has the formulas. One sample at a time, its query, key and value are widened to float. A block of them is
// stored as a matrix of pixels by 16 channels, so products over channels are sums of products over blocks.

#include "blocked.h"

#include "../net/attention.h"
#include "lanes.h"

#include <math.h>

size_t
sb_blocked_attention_scratch (const sb_blocked *s)
{
  return 5 * s->blocks * s->pixels * SB_LANES + s->pixels * s->pixels;
}

// ## A sample in and out

static size_t
sample_size (const sb_blocked *s)
{
  return s->blocks * s->pixels * SB_LANES;
}

static void
widen (const sb_blocked *s, size_t i, const void *x, float *sample)
{
  size_t run = s->pixels * SB_LANES;
  for (size_t b = 0; b < s->blocks; b++)
    for (size_t k = 0; k < run; k++)
      sample[b * run + k] = sb_get (x, sb_blocked_at (s, i, b) + k, s->half);
}

static void
narrow (const sb_blocked *s, size_t i, int add, const float *sample, void *x)
{
  size_t run = s->pixels * SB_LANES;
  for (size_t b = 0; b < s->blocks; b++)
    for (size_t k = 0; k < run; k++)
      {
        size_t at = sb_blocked_at (s, i, b) + k;
        sb_put (x, at, sample[b * run + k] + (add ? sb_get (x, at, s->half) : 0), s->half);
      }
}

// ## The two products
//
// pairs: to (pixels x pixels) = scale sum over channels of a(p) b(q). mix: to (channels x pixels) = scale w a, or with
// w transposed, a block at a time.

static void
pairs (const sb_blocked *s, const float *a, const float *b, float scale, float *to)
{
  int pixels = (int)s->pixels, run = pixels * SB_LANES;
  for (int k = 0; k < (int)s->blocks; k++)
    cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, pixels, pixels, SB_LANES, scale, a + k * run, SB_LANES,
                 b + k * run, SB_LANES, k > 0, to, pixels);
}

static void
mix (const sb_blocked *s, enum CBLAS_TRANSPOSE transpose, const float *w, const float *a, float scale, float *to)
{
  int pixels = (int)s->pixels, run = pixels * SB_LANES;
  for (int k = 0; k < (int)s->blocks; k++)
    cblas_sgemm (CblasRowMajor, transpose, CblasNoTrans, pixels, SB_LANES, pixels, scale, w, pixels, a + k * run,
                 SB_LANES, 0, to + k * run, SB_LANES);
}

static float
scale_of (const sb_blocked *s)
{
  return (float)(1 / sqrt ((double)s->channels));
}

// ## Forward

void
sb_blocked_attention (const sb_blocked *s, const void *const qkv[3], void *y, float *saved, float *scratch)
{
  float *part[4]; // q, k, v, y
  for (size_t k = 0; k < 4; k++)
    part[k] = scratch + k * sample_size (s);
  for (size_t i = 0; i < s->n; i++)
    {
      float *A = saved + i * s->pixels * s->pixels;
      for (size_t k = 0; k < 3; k++)
        widen (s, i, qkv[k], part[k]);
      pairs (s, part[0], part[1], scale_of (s), A);
      sb_attention_softmax (s->pixels, A);
      mix (s, CblasNoTrans, A, part[2], 1, part[3]);
      narrow (s, i, 0, part[3], y);
    }
}

// ## Backward

void
sb_blocked_attention_back (const sb_blocked *s, const int add[3], const void *const qkv[3], const float *saved,
                           const void *y_bar, void *const bar[3], float *scratch)
{
  float *part[5], *S; // q, k, v, y_bar, a gradient
  for (size_t k = 0; k < 5; k++)
    part[k] = scratch + k * sample_size (s);
  S = scratch + 5 * sample_size (s);
  for (size_t i = 0; i < s->n; i++)
    {
      const float *A = saved + i * s->pixels * s->pixels;
      for (size_t k = 0; k < 3; k++)
        widen (s, i, qkv[k], part[k]);
      widen (s, i, y_bar, part[3]);
      mix (s, CblasTrans, A, part[3], 1, part[4]);
      narrow (s, i, add[2], part[4], bar[2]);
      pairs (s, part[3], part[2], 1, S);
      sb_attention_slope (s->pixels, A, S);
      mix (s, CblasNoTrans, S, part[1], scale_of (s), part[4]);
      narrow (s, i, add[0], part[4], bar[0]);
      mix (s, CblasTrans, S, part[0], scale_of (s), part[4]);
      narrow (s, i, add[1], part[4], bar[1]);
    }
}
