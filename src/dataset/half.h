#ifndef SCOREBOOK_DATASET_HALF_H
#define SCOREBOOK_DATASET_HALF_H

// Floating-point numbers of 16 bits as floats, which hold all of them; not installed.

#include <math.h>
#include <stdint.h>
#include <string.h>

// IEEE's binary16: a sign, five bits of exponent and ten of fraction.
static inline float
half_to_float (uint16_t bits)
{
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float size = exponent == 31  ? (fraction ? NAN : INFINITY)
                     : exponent == 0 ? ldexpf ((float)fraction, -24)
                                     : ldexpf ((float)(fraction + 1024), exponent - 25);
  return bits >> 15 ? -size : size;
}

// bfloat16: the upper half of a float.
static inline float
bfloat_to_float (uint16_t bits)
{
  const uint32_t whole = (uint32_t)bits << 16;
  float number;
  memcpy (&number, &whole, sizeof number);
  return number;
}

#endif
