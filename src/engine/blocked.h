#ifndef SCOREBOOK_ENGINE_BLOCKED_H
#define SCOREBOOK_ENGINE_BLOCKED_H

#include <stddef.h>

// A tensor in blocked layout: channels in blocks of 16, which are contiguous for every pixel, so that a vector of the
// processor holds 16 channels of one pixel: [n][channels / 16][pixels][16]. The last block is padded with zeros. Single
// numbers per channel (1 x 1 images) are stored as [channels / 16][n][16]: in a matrix product the samples are then the
// pixels of one image. Numbers are float or bfloat16 (the upper half of a float).
typedef struct
{
  size_t n, channels, blocks, pixels, width;
  int half; // bfloat16
} sb_blocked;

enum
{
  SB_LANES = 16
};

// Channels, including the padding of the last block.
static inline size_t
sb_blocked_filled (size_t channels)
{
  return (channels + SB_LANES - 1) / SB_LANES * SB_LANES;
}

sb_blocked sb_blocked_of (size_t n, size_t channels, size_t height, size_t width, int half);
size_t sb_blocked_count (const sb_blocked *s); // numbers, padding included

static inline size_t
sb_blocked_bytes (const sb_blocked *s)
{
  return sb_blocked_count (s) * (s->half ? 2 : 4);
}

// Where the pixels of sample i, block b begin.
static inline size_t
sb_blocked_at (const sb_blocked *s, size_t i, size_t b)
{
  return (s->pixels == 1 ? b * s->n + i : (i * s->blocks + b) * s->pixels) * SB_LANES;
}

// In and out: the first n samples, in the order of passes.h; the others are zero already, and are not written.
void sb_blocked_pack (const sb_blocked *s, size_t n, const float *samples, void *x);
void sb_blocked_unpack (const sb_blocked *s, size_t n, const void *x, float *samples);

// The layers' functions. Where `add`, a gradient is added to the output; where not, it is written.
void sb_blocked_copy (const sb_blocked *s, int add, const void *x, void *y);
void sb_blocked_add (const sb_blocked *s, float weight, const void *x, void *y); // y <- weight (x + y)
void sb_blocked_scale (const sb_blocked *s, float weight, void *x);
void sb_blocked_multiply (const sb_blocked *s, int add, const float *m, const void *x, void *y); // y <- m x
void sb_blocked_silu (const sb_blocked *s, const void *x, void *y);
void sb_blocked_silu_back (const sb_blocked *s, int add, const void *x, const void *y_bar, void *x_bar);

// A number for each sample and channel, times weight, to all its pixels; and back, the sum over pixels.
void sb_blocked_gather (const sb_blocked *s, const sb_blocked *vector, int add, float weight, const void *y_bar,
                        void *x_bar);
void sb_blocked_fill (const sb_blocked *s, const sb_blocked *vector, int add, float weight, const void *x, void *y);

void sb_blocked_halve (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from,
                       void *to);
void sb_blocked_double (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from,
                        void *to);

// The same through a filter; doubling is the transpose of halving.
void sb_blocked_fir_halve (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from,
                           void *to);
void sb_blocked_fir_double (const sb_blocked *small, const sb_blocked *big, int add, float weight, const void *from,
                            void *to);

// Channels `first`, ... of `whole` and all of `part`: there and back.
void sb_blocked_insert (const sb_blocked *part, const sb_blocked *whole, size_t first, const void *x, void *y);
void sb_blocked_extract (const sb_blocked *part, const sb_blocked *whole, size_t first, int add, const void *y_bar,
                         void *x_bar);

// Group norm, and SiLU after it where `silu`. theta: gamma, beta; saved: 2 x 16 numbers for each sample and block.
// back: y_bar is overwritten; sums: workspace, 4 x 16 numbers per block; x_bar or theta_bar NULL: not computed.
typedef struct
{
  sb_blocked shape;
  size_t groups;
  int silu;
} sb_blocked_norm;

void sb_blocked_norm_forward (const sb_blocked_norm *norm, const float *theta, const void *x, void *y, float *saved);
void sb_blocked_norm_back (const sb_blocked_norm *norm, int add, const float *theta, const void *x, const float *saved,
                           void *y_bar, void *x_bar, float *theta_bar, float *sums);

// Self-attention. saved: n x pixels x pixels; scratch: see sb_blocked_attention_scratch.
size_t sb_blocked_attention_scratch (const sb_blocked *s); // numbers
void sb_blocked_attention (const sb_blocked *s, const void *const qkv[3], void *y, float *saved, float *scratch);
void sb_blocked_attention_back (const sb_blocked *s, const int add[3], const void *const qkv[3], const float *saved,
                                const void *y_bar, void *const bar[3], float *scratch);

#endif
