#ifndef SCOREBOOK_ENGINE_LANES_H
#define SCOREBOOK_ENGINE_LANES_H

#include "../base/clones.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Vectors of sixteen or eight numbers, an extension of gcc and clang; a processor with shorter vectors uses two or four
// for one of these. The functions that use them are marked SB_CLONES, so that there is one for each kind of processor.
#define SB_INLINE static inline __attribute__ ((always_inline))

typedef float sb_lanes __attribute__ ((vector_size (64)));
typedef float sb_eight __attribute__ ((vector_size (32)));
typedef float sb_eight_there __attribute__ ((vector_size (32), aligned (4), may_alias)); // in memory
typedef uint32_t sb_bits __attribute__ ((vector_size (64)));
typedef uint16_t sb_halves __attribute__ ((vector_size (32)));

// Eight numbers in memory, to be read or written. (memcpy would move them in two halves, which stalls the processor; a
// function would need a calling convention that depends on the processor.)
#define SB_EIGHT(x) (*(sb_eight_there *)(x))
#define SB_CONST_EIGHT(x) (*(const sb_eight_there *)(x))

// Call a function whose last argument, whether numbers are bfloat16, has to be a constant where it is inlined.
#define SB_BY_PRECISION(half, function, ...) ((half) ? function (__VA_ARGS__, 1) : function (__VA_ARGS__, 0))

// A bfloat16 is the upper half of a float: widening pads with zeros, narrowing rounds to the nearest, ties to even. A
// NaN, which differs from itself, is not rounded, or it could become a zero: `none` makes it a quiet NaN.

SB_INLINE float
sb_get (const void *x, size_t k, int half)
{
  if (!half)
    return ((const float *)x)[k];
  uint32_t bits = (uint32_t)((const uint16_t *)x)[k] << 16;
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

SB_INLINE void
sb_put (void *x, size_t k, float value, int half)
{
  if (!half)
    {
      ((float *)x)[k] = value;
      return;
    }
  uint32_t bits, none = -(uint32_t)(value != value);
  memcpy (&bits, &value, sizeof bits);
  ((uint16_t *)x)[k] = (uint16_t)(((bits + 0x7fffU + (bits >> 16 & 1)) | none) >> 16);
}

SB_INLINE void
sb_load (sb_lanes *lanes, const void *x, size_t k, int half)
{
  if (!half)
    {
      memcpy (lanes, (const float *)x + k, sizeof *lanes);
      return;
    }
  sb_halves halves;
  memcpy (&halves, (const uint16_t *)x + k, sizeof halves);
  sb_bits bits = __builtin_convertvector(halves, sb_bits) << 16;
  memcpy (lanes, &bits, sizeof *lanes);
}

SB_INLINE void
sb_store (void *x, size_t k, const sb_lanes *lanes, int half)
{
  if (!half)
    {
      memcpy ((float *)x + k, lanes, sizeof *lanes);
      return;
    }
  sb_bits bits, none = (sb_bits)(*lanes != *lanes);
  memcpy (&bits, lanes, sizeof bits);
  sb_halves halves = __builtin_convertvector(((bits + 0x7fffU + (bits >> 16 & 1U)) | none) >> 16, sb_halves);
  memcpy ((uint16_t *)x + k, &halves, sizeof halves);
}

#endif
