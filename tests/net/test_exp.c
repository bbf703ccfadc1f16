// # The vectorised exponential
//
// Against the C library's in double, at floats all over the line: every 499th bit pattern of both signs, from the
// smallest denormal to infinity and not-a-number.

#include "net/exp.h"

#include <criterion/criterion.h>

enum
{
  STRIDE = 499
};

static float
float_of (uint32_t bits)
{
  float x;
  memcpy (&x, &bits, sizeof x);
  return x;
}

static double
relative_error (float x)
{
  return fabs ((double)sb_expf (x) / exp ((double)x) - 1);
}

Test (exp, close_over_the_whole_range)
{
  double worst = 0;
  for (uint32_t bits = 0; bits < 0x7f800000U; bits += STRIDE)
    for (int sign = -1; sign <= 1; sign += 2)
      {
        float x = (float)sign * float_of (bits);
        if (x < -87.3F || x > 88.3F)
          continue;
        double error = relative_error (x);
        worst = error > worst ? error : worst;
        cr_assert_lt (error, 2e-7, "exp (%.9g): %g off", (double)x, error);
      }
  cr_assert_gt (worst, 1e-8, "the errors are those of another function");
}

// Beyond the range: finite, not zero, monotonous at the seams. A sigmoid made of it is then 0 or 1 as it should be.

Test (exp, ends_are_kept)
{
  const float beyond[] = { 88.4F, 100, 1e10F, 3e38F, INFINITY };
  for (size_t k = 0; k < sizeof beyond / sizeof *beyond; k++)
    {
      cr_assert_eq (sb_expf (beyond[k]), sb_expf (88.3F));
      cr_assert_eq (sb_expf (-beyond[k]), sb_expf (-87.3F));
    }
  cr_assert (isfinite (sb_expf (88.3F)) && sb_expf (88.3F) > 2e38F);
  cr_assert (sb_expf (-87.3F) > 0 && sb_expf (-87.3F) < 2e-38F);
}

// A quiet one, whatever its other bits.

Test (exp, not_a_number_stays_so)
{
  const uint32_t none[] = { 0x7fc00000U, 0xffc00000U, 0x7f800001U, 0xff800001U, 0x7fffffffU, 0xffffffffU };
  for (size_t k = 0; k < sizeof none / sizeof *none; k++)
    {
      float x, y;
      uint32_t bits;
      memcpy (&x, &none[k], sizeof x);
      y = sb_expf (x);
      memcpy (&bits, &y, sizeof bits);
      cr_assert (isnan (y) && isnan (sb_expf (-x)), "%08x", none[k]);
      cr_assert_eq (bits & 0x7fc00000U, 0x7fc00000U, "%08x gives %08x", none[k], bits);
    }
}

Test (exp, whole_at_zero)
{
  cr_assert_eq (sb_expf (0), 1);
  cr_assert_eq (sb_expf (-0.0F), 1);
}
