#ifndef SCOREBOOK_NET_EXP_H
#define SCOREBOOK_NET_EXP_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// # An exponential that vectorises
//
// The C library's `expf` takes one number at a time. This one is a few multiplications and additions, which a compiler
// can do for sixteen numbers at once. With $n$ the whole number nearest to $x/\ln 2$ and $r = x - n \ln 2$,
// so that $|r| \le \tfrac12\ln 2$,
// $$ e^x = 2^n e^r, \qquad e^r \approx 1 + r + r^2\,(c_2 + c_3 r + c_4 r^2 + c_5 r^3 + c_6 r^4) . $$
// The coefficients interpolate $(e^r - 1 - r)/r^2$ at the five Chebyshev points of the interval, which leaves a
// relative error of 1.1e-8; rounding in float adds more than that.
//
// Relative error: below 2e-7, for $-87.3 \le x \le 88.3$. Beyond, the result is the exponential of the nearer end,
// finite and not zero; NaN gives a quiet NaN.
//
// The ends are compared as integers. A float's bits, read as a signed integer, increase with a positive number, and
// read as unsigned, with a negative one's magnitude; so clamping is two minima, for which a processor has an
// instruction. From two comparisons of floats, compilers see that a number below the one end cannot be above the other,
// and branch.

static inline float
sb_expf (float x)
{
  const float low = -87.3F, high = 88.3F, per_ln2 = 1.44269504F;
  const float ln2_high = 0.693359375F, ln2_low = -2.12194400e-4F; // their sum is ln 2; n ln2_high is exact
  const float rounder = 12582912; // 1.5 2^23: adding it to a number below 2^22 rounds that to a whole one
  int32_t top, above;
  uint32_t bottom, below, given, none;
  memcpy (&top, &high, sizeof top);
  memcpy (&bottom, &low, sizeof bottom);
  memcpy (&given, &x, sizeof given);
  memcpy (&above, &x, sizeof above);
  above = above < top ? above : top;
  memcpy (&below, &above, sizeof below);
  below = below < bottom ? below : bottom;
  memcpy (&x, &below, sizeof x);
  none = -(uint32_t)((given & 0x7fffffffU) > 0x7f800000U) & 0x7fc00000U; // for NaN, the bits of a quiet one
  float rounded = x * per_ln2 + rounder, n = rounded - rounder;
  float r = (x - n * ln2_high) - n * ln2_low;
  float p = 1.392621314e-3F;
  p = p * r + 8.363203146e-3F;
  p = p * r + 4.166655615e-2F;
  p = p * r + 1.666657627e-1F;
  p = p * r + 0.5F;
  p = p * r * r + r + 1;

  // $2^n$ is the float whose exponent field is $n + 127$; $n$ is in the lowest bits of `rounded`, and those above it
  // are shifted out.
  float power;
  uint32_t bits;
  memcpy (&bits, &rounded, sizeof bits);
  bits = (bits + 127) << 23;
  memcpy (&power, &bits, sizeof power);
  p *= power;
  memcpy (&bits, &p, sizeof bits);
  bits |= none;
  memcpy (&p, &bits, sizeof p);
  return p;
}

// Networks in double (names.h) are for accuracy.
#ifdef SB_NET_DOUBLE
#define sb_exp exp
#else
#define sb_exp sb_expf
#endif

#endif
