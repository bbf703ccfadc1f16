// # Half of the bits
//
// A bfloat16 is looked at one at a time and sixteen at a time, in inner functions and in the layers that use them. No
// processor with instructions for it is needed.

#include "engine/lanes.h"
#include "engine/blocked.h"
#include "property.h"

#include <criterion/criterion.h>
#include <math.h>

static float
float_of (uint32_t bits)
{
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

// One by one, and sixteen by sixteen: the same bits.

SB_CLONES static void
put_each (const float *x, size_t count, uint16_t *one, uint16_t *many)
{
  for (size_t k = 0; k < count; k++)
    sb_put (one, k, x[k], 1);
  for (size_t k = 0; k < count; k += SB_LANES)
    {
      sb_lanes lanes;
      memcpy (&lanes, x + k, sizeof lanes);
      sb_store (many, k, &lanes, 1);
    }
}

static float
narrowed (float x)
{
  float sixteen[SB_LANES], back;
  uint16_t one[SB_LANES], many[SB_LANES];
  for (size_t k = 0; k < SB_LANES; k++)
    sixteen[k] = x;
  put_each (sixteen, SB_LANES, one, many);
  cr_assert_arr_eq (one, many, sizeof one, "%a", (double)x);
  back = sb_get (one, 0, 1);
  cr_assert (isnan (back) == isnan (x), "%a became %a", (double)x, (double)back);
  return back;
}

// What is a bfloat16 already stays as it is: all of them, zeros with their signs and infinities too. What lies between
// two goes to the nearer, in the middle to the even one. Beyond the largest by half a step it is infinite.

Test (lanes, narrowing_goes_to_the_nearest)
{
  for (uint32_t half = 0; half < 0x10000U; half++)
    {
      float x = float_of (half << 16);
      if (isnan (x))
        continue;
      cr_assert (narrowed (x) == x && !signbit (narrowed (x)) == !signbit (x), "%a", (double)x);
      if ((half & 0x7fffU) >= 0x7f80U)
        continue;
      float next = float_of ((half + 1) << 16), even = half & 1 ? next : x;
      cr_assert_eq (narrowed (float_of (half << 16 | 0x7fffU)), x, "%a", (double)x);
      cr_assert_eq (narrowed (float_of (half << 16 | 0x8000U)), even, "%a", (double)x);
      cr_assert_eq (narrowed (float_of (half << 16 | 0x8001U)), next, "%a", (double)x);
    }
}

// ## Not-a-number stays so
//
// Those whose bits are all ones, those with the last one alone, quiet and not, of both signs.

static const uint32_t nothings[]
    = { 0x7fc00000U, 0xffc00000U, 0x7fffffffU, 0xffffffffU, 0x7f800001U, 0xff800001U, 0x7f808000U, 0x7fff8000U };

enum
{
  NOTHINGS = sizeof nothings / sizeof *nothings
};

Test (lanes, not_a_number_is_not_rounded_away)
{
  for (size_t k = 0; k < NOTHINGS; k++)
    cr_assert (isnan (narrowed (float_of (nothings[k]))), "%08x", nothings[k]);
  gsl_rng *r = property_rng (1);
  for (int k = 0; k < 10000; k++)
    {
      uint32_t bits = (uint32_t)gsl_rng_uniform_int (r, 0x10000) << 16 | (uint32_t)gsl_rng_uniform_int (r, 0x10000);
      narrowed (float_of (bits | 0x7f800000U));
    }
}

// Nor by a layer, of floats or of their halves: one number of many is none, in any of the places. What has to do with
// it comes out as none, and the rest as without it.

enum
{
  PIXELS = 6,
  IMAGES = 2,
  COUNT = IMAGES * SB_LANES * PIXELS
};

typedef void layer (const sb_blocked *s, const void *x, void *y);

static void
silu_back_of_x (const sb_blocked *s, const void *x, void *y)
{
  sb_blocked_silu_back (s, 0, x, x, y);
}

static void
silu_back_added (const sb_blocked *s, const void *x, void *y)
{
  memset (y, 0, sb_blocked_bytes (s));
  sb_blocked_silu_back (s, 1, x, x, y);
}

static void
twice (const sb_blocked *s, const void *x, void *y)
{
  sb_blocked_copy (s, 0, x, y);
  sb_blocked_copy (s, 1, x, y);
}

static void
run (layer *f, int half, const float *in, float *out)
{
  sb_blocked s = sb_blocked_of (IMAGES, SB_LANES, 2, PIXELS / 2, half);
  float x[COUNT], y[COUNT]; // large enough for either
  cr_assert_eq (sb_blocked_count (&s), COUNT);
  sb_blocked_pack (&s, IMAGES, in, x);
  f (&s, x, y);
  sb_blocked_unpack (&s, IMAGES, y, out);
}

Test (lanes, a_layer_lets_it_through)
{
  layer *const layers[] = { sb_blocked_silu, silu_back_of_x, silu_back_added, twice };
  const char *const names[] = { "silu", "silu back", "silu back, added", "copy" };
  float in[COUNT], without[COUNT], out[COUNT];
  for (size_t k = 0; k < COUNT; k++)
    in[k] = (float)k / COUNT - 0.5F;
  for (int half = 0; half < 2; half++)
    for (size_t l = 0; l < 4; l++)
      {
        run (layers[l], half, in, without);
        for (size_t at = 0; at < COUNT; at++)
          {
            float before = in[at];
            in[at] = float_of (nothings[at % NOTHINGS]);
            run (layers[l], half, in, out);
            in[at] = before;
            for (size_t k = 0; k < COUNT; k++)
              cr_assert (k == at ? isnan (out[k]) : out[k] == without[k], "%s%s: number %zu, where number %zu is none",
                         names[l], half ? " of halves" : "", k, at);
          }
      }
}

// A group norm, with the SiLU in it: none of its group, which here is the whole image, is left, forward and back.

static void
norm_with (int half, const float *in, const float *bar, float *out, float *x_bar)
{
  sb_blocked_norm norm = { sb_blocked_of (IMAGES, SB_LANES, 2, PIXELS / 2, half), 1, 1 };
  float x[COUNT], y[COUNT], y_bar[COUNT], theta[2 * SB_LANES],
      theta_bar[2 * SB_LANES] = { 0 }, saved[2 * SB_LANES * IMAGES], sums[4 * SB_LANES];
  for (size_t k = 0; k < SB_LANES; k++)
    theta[k] = 1, theta[SB_LANES + k] = 0.1F;
  sb_blocked_pack (&norm.shape, IMAGES, in, x);
  sb_blocked_pack (&norm.shape, IMAGES, bar, y_bar);
  sb_blocked_norm_forward (&norm, theta, x, y, saved);
  sb_blocked_unpack (&norm.shape, IMAGES, y, out);
  sb_blocked_norm_back (&norm, 0, theta, x, saved, y_bar, y, theta_bar, sums);
  sb_blocked_unpack (&norm.shape, IMAGES, y, x_bar);
}

Test (lanes, a_group_norm_lets_it_through)
{
  float in[COUNT], bar[COUNT], out[COUNT], x_bar[COUNT];
  for (size_t k = 0; k < COUNT; k++)
    in[k] = (float)k / COUNT, bar[k] = 1 - in[k] * in[k];
  for (int half = 0; half < 2; half++)
    for (int backward = 0; backward < 2; backward++)
      {
        float *spoilt = backward ? bar : in, before = spoilt[COUNT - 7];
        spoilt[COUNT - 7] = NAN;
        norm_with (half, in, bar, out, x_bar);
        spoilt[COUNT - 7] = before;
        for (size_t k = 0; k < COUNT; k++)
          {
            int last = k >= COUNT / IMAGES; // the image that has it
            cr_assert_eq (isnan (out[k]), last && !backward, "%d bits: %zu", half ? 16 : 32, k);
            cr_assert_eq (isnan (x_bar[k]), last, "%d bits: %zu, back", half ? 16 : 32, k);
          }
      }
}
