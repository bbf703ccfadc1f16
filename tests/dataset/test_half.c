// # What must be true of numbers of 16 bits

#include "dataset/half.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_rng.h>
#include <math.h>

SUITE (half);

// Every number of either kind is a float, and comes back from it bit by bit, signs of zero and infinities too.

Test (half, all_come_back)
{
  for (unsigned bits = 0; bits < 1 << 16; bits++)
    {
      const float half = half_to_float ((uint16_t)bits), bfloat = bfloat_to_float ((uint16_t)bits);
      cr_assert (isnan (half) || float_to_half (half) == bits, "binary16 %04x is %g, %04x", bits, (double)half,
                 float_to_half (half));
      cr_assert (isnan (bfloat) || float_to_bfloat (bfloat) == bits, "bfloat16 %04x is %g, %04x", bits, (double)bfloat,
                 float_to_bfloat (bfloat));
    }
}

// They are what their bits say: a sign, an exponent, a fraction. By the powers of two, in double.

Test (half, bits_are_sign_exponent_and_fraction)
{
  for (unsigned bits = 0; bits < 1 << 16; bits++)
    {
      const int sign = bits >> 15 ? -1 : 1, e = bits >> 10 & 31, f = bits & 1023, be = bits >> 7 & 255, bf = bits & 127;
      if (e < 31)
        cr_assert_eq ((double)half_to_float ((uint16_t)bits),
                      sign * (e ? (1 + f / 1024.) * pow (2, e - 15) : f / 1024. * pow (2, -14)));
      if (be < 255)
        cr_assert_eq ((double)bfloat_to_float ((uint16_t)bits),
                      sign * (be ? (1 + bf / 128.) * pow (2, be - 127) : bf / 128. * pow (2, -126)));
    }
}

// A float goes to the nearest: between two neighbours, up from above their middle, down from below it, and at the
// middle to the one whose last bit is 0. The largest has infinity for a neighbour, as far off as the one before it.

static void
check_between (unsigned low, float (*to_float) (uint16_t), uint16_t (*from_float) (float), float next)
{
  const float a = to_float ((uint16_t)low);
  const float middle = (float)(((double)a + (double)next) / 2);
  const unsigned even = low % 2 ? low + 1 : low;
  cr_assert_eq (from_float (middle), even, "%04x: the middle %g", low, (double)middle);
  cr_assert_eq (from_float (-middle), even | 0x8000);
  cr_assert_eq (from_float (nextafterf (middle, INFINITY)), low + 1, "%04x: above the middle %g", low, (double)middle);
  cr_assert_eq (from_float (nextafterf (middle, 0)), low, "%04x: below the middle %g", low, (double)middle);
}

Test (half, floats_go_to_the_nearest)
{
  for (unsigned low = 0; low < 0x7c00; low++)
    check_between (low, half_to_float, float_to_half, low == 0x7bff ? 65536.F : half_to_float ((uint16_t)(low + 1)));
  for (unsigned low = 0; low < 0x7f7f; low++)
    check_between (low, bfloat_to_float, float_to_bfloat, bfloat_to_float ((uint16_t)(low + 1)));
  cr_assert (isinf (bfloat_to_float (float_to_bfloat (3.4e38F))) && isinf (half_to_float (float_to_half (1e30F))));
}
