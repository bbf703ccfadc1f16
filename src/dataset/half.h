#ifndef SCOREBOOK_DATASET_HALF_H
#define SCOREBOOK_DATASET_HALF_H

// Floating-point numbers of 16 bits, converted to floats, exactly, and from floats, to the nearest, ties to even;
// beyond the largest to infinity. Not installed.

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

static inline uint16_t
float_to_bfloat (float number)
{
  uint32_t whole;
  memcpy (&whole, &number, sizeof whole);
  return (uint16_t)((whole + 0x7fff + (whole >> 16 & 1)) >> 16); // a carry goes on into the exponent, as it should
}

// A binary16 number is a whole multiple of the unit in its last place, which is 2^-24 among the smallest.
static inline uint16_t
float_to_half (float number)
{
  int exponent;
  const float size = fabsf (number);
  const uint16_t sign = signbit (number) ? 0x8000 : 0;
  frexpf (size, &exponent); // size < 2^exponent
  const int last = size < 0x1p-13F ? -24 : exponent - 11;
  const float units = nearbyintf (ldexpf (size, -last)); // at most 2^11
  if (size >= 65520)
    return sign | 0x7c00;
  return (uint16_t)(sign | (last == -24 ? (int)units : (last + 24) * 1024 + (int)units));
}

#endif
