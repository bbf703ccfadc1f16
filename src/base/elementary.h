#ifndef SCOREBOOK_BASE_ELEMENTARY_H
#define SCOREBOOK_BASE_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// # Elementary functions that vectorise
//
// The C library's `exp`, `log`, `sqrt`, `sin` and `cos` take one number at a time. These are multiplications and
// additions without a branch, which a compiler can do for eight numbers at once (base/clones.h). Bit masks select
// between values: plain comparisons are compiled to branches as soon as the compiler sees that one decides another,
// and the loop is then no longer vectorised.
// Each reduces its argument to a short interval and evaluates a polynomial there: the one that interpolates the
// function at the Chebyshev points of that interval, with an error below $10^{-17}$, less than a tenth of a double's
// rounding. Only rounding errors remain. The errors stated are in units in the last place, and hold whether the
// compiler fuses multiplications and additions or not.

static inline double
sb_double_of_bits (uint64_t bits)
{
  double x;
  memcpy (&x, &bits, sizeof x);
  return x;
}

static inline uint64_t
sb_bits_of_double (double x)
{
  uint64_t bits;
  memcpy (&bits, &x, sizeof bits);
  return bits;
}

// Adding $1.5\cdot2^{52}$ to a number below $2^{51}$ rounds it to an integer, which is then in the lowest bits.
static const double sb_rounder = 0x1.8p52;

// ## The exponential
//
// With $n$ the whole number nearest to $x/\ln 2$ and $r = x - n\ln 2$, $|r| \le \tfrac12\ln 2$, where $\ln 2$ is a
// sum of two doubles of which the first has so few digits that its product with $n$ is exact,
// $$ e^x = 2^n e^r, \qquad e^r \approx 1 + r + r^2 (c_0 + c_1 r + \dots + c_{10} r^{10}) . $$
// The polynomial is evaluated in three independent parts, a shorter dependency chain than Horner's scheme.
// Within 2 units for $-708 \le x \le 709$; 0 below, infinity above; NaN stays NaN.

static inline double
sb_vexp (double x)
{
  const double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 5.4979230187083712e-14, per_ln2 = 1.4426950408889634;
  double shifted = x * per_ln2 + sb_rounder, n = shifted - sb_rounder;
  double r = (x - n * ln2_high) - n * ln2_low;
  double r2 = r * r, r4 = r2 * r2;
  double p_0 = 0.5 + r * 0x1.5555555555557p-3 + r2 * (0x1.5555555555556p-5 + r * 0x1.11111111100dcp-7);
  double p_4
      = 0x1.6c16c16c162d4p-10 + r * 0x1.a01a01abe7fe1p-13 + r2 * (0x1.a01a01a6d889cp-16 + r * 0x1.71de0231960ebp-19);
  double p_8 = 0x1.27e4db646b17ep-22 + r * 0x1.af4de97ca4194p-26 + r2 * 0x1.1f730349868cep-29;
  double p = p_0 + r4 * (p_4 + r4 * p_8);
  double power = sb_double_of_bits ((sb_bits_of_double (shifted) + 1023) << 52);
  uint64_t y = sb_bits_of_double ((r2 * p + r + 1) * power);
  uint64_t below = -(uint64_t)(x < -708), above = -(uint64_t)(x > 709);
  return sb_double_of_bits ((y & ~below & ~above) | (sb_bits_of_double (HUGE_VAL) & above));
}

// ## The logarithm
//
// $x = 2^e m$ with $\sqrt{1/2} \le m < \sqrt2$, and $f = m - 1$, which is exact. With $s = f/(2 + f)$ and $z = s^2$,
// $$ \ln(1 + f) = 2\operatorname{artanh} s = 2s + s z P(z) = f - s\,\bigl(f - z P(z)\bigr), $$
// where the last form subtracts a small number from an exact one.
// Within 2 units for all positive, normal and finite $x$; other arguments are not supported.

static inline double
sb_vlog (double x)
{
  const double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 5.4979230187083712e-14;
  const uint64_t fraction = UINT64_C (0xfffffffffffff), half = UINT64_C (0x3fe0000000000000);
  const uint64_t two_52 = UINT64_C (0x4330000000000000), root_half = UINT64_C (0x3fe6a09e667f3bcd);
  uint64_t bits = sb_bits_of_double (x), of_m = (bits & fraction) | half;
  uint64_t small = (of_m - root_half) >> 63; // 1 where m would be below the root of 1/2: then it is doubled
  double e = sb_double_of_bits (((bits >> 52) - small) | two_52) - (0x1p52 + 1022);
  double f = sb_double_of_bits (of_m + (small << 52)) - 1;
  double s = f / (2 + f), z = s * s;
  double p = 0x1.0c04595972ab8p-3;
  p = p * z + 0x1.0fbe83c2cbcf3p-3;
  p = p * z + 0x1.3b1c360763b8ap-3;
  p = p * z + 0x1.745cf901605f7p-3;
  p = p * z + 0x1.c71c720160b47p-3;
  p = p * z + 0x1.2492492476c87p-2;
  p = p * z + 0x1.9999999999a38p-2;
  p = p * z + 0x1.5555555555555p-1;
  return e * ln2_high + (f - (s * (f - z * p) - e * ln2_low));
}

// ## The square root
//
// The processor has vector square roots, but C's `sqrt` has to set `errno` for a negative argument, which no vector
// instruction does. Newton's iteration for $y = x^{-1/2}$, $y \leftarrow y\,(\tfrac32 - \tfrac12 x y^2)$, squares the
// relative error. It starts within 4 per cent, from half the exponent, negated, found by shifting the bits of $x$; the
// last step is one for $\sqrt x$ itself.
// Within 1 unit for $10^{-300} \le x \le 10^{300}$; other arguments are not supported.

static inline double
sb_vsqrt (double x)
{
  double y = sb_double_of_bits (UINT64_C (0x5fe6eb50c7b537a9) - (sb_bits_of_double (x) >> 1)), half = 0.5 * x;
  y *= 1.5 - half * y * y;
  y *= 1.5 - half * y * y;
  y *= 1.5 - half * y * y;
  double root = x * y;
  return root + 0.5 * y * (x - root * root);
}

// ## Sine and cosine of turns
//
// Box and Muller's angle is given as a fraction $u$ of a full turn, and the nearest quarter turn $q/4$ can be
// subtracted without rounding: $u = q/4 + r$ with $|r| \le \tfrac18$,
// $$ \sin 2\pi r \approx 2\pi r + r\,r^2 S(r^2), \qquad \cos 2\pi r \approx 1 + r^2 C(r^2) . $$
// A quarter turn swaps sine and cosine up to sign; half a turn changes both signs.
// Within 2 units for $|u| \le 2^{20}$, of the sine and cosine of exactly $2\pi u$.

static inline void
sb_vsincos_turns (double u, double *sine, double *cosine)
{
  const double two_pi = 0x1.921fb54442d18p+2, two_pi_rest = 2.4492935982947064e-16;
  double shifted = 4 * u + sb_rounder, q = shifted - sb_rounder;
  double r = u - 0.25 * q, v = r * r;
  double s = -0x1.6cc577dadd922p-1;
  s = s * v + 0x1.e8f036bcd3237p+1;
  s = s * v - 0x1.e3074d2614b2dp+3;
  s = s * v + 0x1.50783486facaap+5;
  s = s * v - 0x1.32d2cce62b872p+6;
  s = s * v + 0x1.466bc6775aae1p+6;
  s = s * v - 0x1.4abbce625be53p+5;
  s = r * two_pi + r * (v * s + two_pi_rest);
  double c = -0x1.b2f3eb054afcdp+0;
  c = c * v + 0x1.f9ce245cada0bp+2;
  c = c * v - 0x1.a6d1eef479be1p+4;
  c = c * v + 0x1.e1f5068688d5bp+5;
  c = c * v - 0x1.55d3c7e3cb241p+6;
  c = c * v + 0x1.03c1f081b5ac0p+6;
  c = c * v - 0x1.3bd3cc9be45dep+4;
  c = 1 + v * c;

  // From the bits of $q$: of four quarters, the second and fourth swap the two; the third and fourth flip the sine's
  // sign, the second and third the cosine's.
  uint64_t quarter = sb_bits_of_double (shifted);
  uint64_t swap = -(quarter & 1), bits_s = sb_bits_of_double (s), bits_c = sb_bits_of_double (c);
  uint64_t other = (bits_s ^ bits_c) & swap;
  *sine = sb_double_of_bits (bits_s ^ other ^ (quarter >> 1 << 63));
  *cosine = sb_double_of_bits (bits_c ^ other ^ ((quarter + 1) >> 1 << 63));
}

#endif
