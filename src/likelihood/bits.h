#ifndef SCOREBOOK_LIKELIHOOD_BITS_H
#define SCOREBOOK_LIKELIHOOD_BITS_H

#include "../base/decls.h"
#include "../base/stream.h"
#include "../dataset/bytes.h"

SB_BEGIN_DECLS

// Numbers that stand for `levels` whole numbers 0, 1, ...: number k is somewhere in [low + k w, low + (k + 1) w), with
// w = (high - low) / levels. Bytes of images in [-1, 1): levels 256, low -1, high 1.
typedef struct
{
  size_t levels;
  double low, high;
} sb_quantisation;

// Bits per dimension, -log2 of the probability that a density gives to the whole numbers over d: from log p at a
// uniformly dequantised point of d dimensions. NaN where levels is 0, low is not below high, or d is 0.
double sb_bits_per_dimension (const sb_quantisation *q, size_t d, double log_p);

// Rows first, ... of the bytes, as many as x (n x d) has: a byte k becomes low + (k + u) w, u uniform on (0, 1), from
// number count d, ... of stream.index + i of stream.seed, purpose SB_FOR_DEQUANTISE. GSL_EBADLEN where there are fewer
// rows, or they are not of d bytes; GSL_EINVAL where levels is not 256 or low is not below high.
int sb_dequantise (const sb_quantisation *q, const sb_bytes *bytes, size_t first, sb_stream stream, size_t count,
                   gsl_matrix *x);

SB_END_DECLS

#endif
