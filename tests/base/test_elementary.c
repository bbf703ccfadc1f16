// # Vectorised elementary functions
//
// Against the C library's in `long double`, which has eleven bits more, at random arguments from the whole range and
// at the seams. They are called as their users call them, in loops that the compiler makes vectors of. Errors are in
// units in the last place of the exact result.

#include "base/clones.h"
#include "base/elementary.h"
#include "base/stream.h"

#include <criterion/criterion.h>
#include <float.h>

enum
{
  COUNT = 1 << 20
};

typedef struct
{
  double x[COUNT], y[COUNT], z[COUNT];
} numbers;

static numbers n;

SB_CLONES static void
exponentials (void)
{
#pragma omp simd
  for (int i = 0; i < COUNT; i++)
    n.y[i] = sb_vexp (n.x[i]);
}

SB_CLONES static void
logarithms (void)
{
#pragma omp simd
  for (int i = 0; i < COUNT; i++)
    n.y[i] = sb_vlog (n.x[i]);
}

SB_CLONES static void
roots (void)
{
#pragma omp simd
  for (int i = 0; i < COUNT; i++)
    n.y[i] = sb_vsqrt (n.x[i]);
}

SB_CLONES static void
sines_and_cosines (void)
{
#pragma omp simd
  for (int i = 0; i < COUNT; i++)
    sb_vsincos_turns (n.x[i], &n.y[i], &n.z[i]);
}

static void
draw (uint64_t seed, double low, double high)
{
  gsl_matrix_view x = gsl_matrix_view_array (n.x, 1, COUNT);
  sb_stream_uniforms ((sb_stream){ .seed = seed, .purpose = SB_FOR_USER }, 0, &x.matrix);
  for (int i = 0; i < COUNT; i++)
    n.x[i] = low + (high - low) * n.x[i];
}

static double
units (double y, long double exact)
{
  double size = fabs ((double)exact);
  return (double)fabsl ((long double)y - exact) / (nextafter (size, INFINITY) - size);
}

static double
worst (const double *y, long double (*f) (long double))
{
  double most = 0;
  for (int i = 0; i < COUNT; i++)
    {
      double error = units (y[i], f ((long double)n.x[i]));
      cr_assert_leq (error, 2, "%.17g gives %.17g: %g units off", n.x[i], y[i], error);
      most = error > most ? error : most;
    }
  return most;
}

// Errors of a quarter of a unit and less throughout would say that something else was measured.

static void
check_ranges (void (*fill) (void), long double (*f) (long double), const double ranges[][2], size_t count, double most)
{
  for (size_t k = 0; k < count; k++)
    {
      draw (k, ranges[k][0], ranges[k][1]);
      fill ();
      double error = worst (n.y, f);
      cr_assert (0.25 < error && error < most, "%g", error);
    }
}

Test (elementary, exponential)
{
  const double ranges[][2] = { { -708, 709 }, { -80, 0 }, { -1, 1 }, { -1e-10, 1e-10 } };
  check_ranges (exponentials, expl, ranges, 4, 3);
}

Test (elementary, exponential_at_its_ends)
{
  const double x[] = { -708.0000001, -745, -1e300, -INFINITY }, top[] = { 709.0000001, 1e300, INFINITY };
  for (int k = 0; k < 4; k++)
    cr_assert_eq (sb_vexp (x[k]), 0);
  for (int k = 0; k < 3; k++)
    cr_assert_eq (sb_vexp (top[k]), INFINITY);
  cr_assert_gt (sb_vexp (-708), 0);
  cr_assert (isfinite (sb_vexp (709)));
  cr_assert (isnan (sb_vexp (NAN)));
  cr_assert_eq (sb_vexp (0), 1);
  cr_assert_eq (sb_vexp (-0.0), 1);
}

Test (elementary, logarithm)
{
  const double ranges[][2] = { { 0, 1 }, { 0.5, 2 }, { 0.7, 0.72 }, { 1 - 1e-8, 1 + 1e-8 }, { 1, DBL_MAX } };
  check_ranges (logarithms, logl, ranges, 5, 3);
}

// All exponents, the smallest uniform, and the neighbours of 1 and of the seam at $\sqrt{1/2}$.

Test (elementary, logarithm_everywhere)
{
  draw (1, 1, 2);
  for (int i = 0; i < COUNT; i++)
    n.x[i] = ldexp (n.x[i], i % 2046 - 1022);
  n.x[0] = 0x1p-53;
  n.x[1] = 1 - 0x1p-53;
  n.x[2] = 1 + 0x1p-52;
  n.x[3] = M_SQRT1_2;
  n.x[4] = nextafter (M_SQRT1_2, 0);
  n.x[5] = nextafter (M_SQRT1_2, 1);
  n.x[6] = DBL_MIN;
  n.x[7] = DBL_MAX;
  logarithms ();
  cr_assert_gt (worst (n.y, logl), 0.25);
  cr_assert_eq (sb_vlog (1), 0);
}

Test (elementary, square_root)
{
  const double ranges[][2] = { { 0, 1 }, { 1, 4 }, { 1e-300, 1e300 }, { 1 - 1e-8, 1 + 1e-8 } };
  check_ranges (roots, sqrtl, ranges, 4, 1);
  for (int i = 0; i < COUNT; i++)
    n.x[i] = pow (10, -300 + 600.0 * i / COUNT);
  roots ();
  cr_assert_lt (worst (n.y, sqrtl), 1);
}

// The exact angle is reduced in whole turns first, which a `long double` does without rounding.

static long double
quarter_of (long double u, int *quarter)
{
  long double q = rintl (4 * u);
  *quarter = (int)fmodl (q, 4) & 3;
  return 6.283185307179586476925287L * (u - q / 4);
}

static long double
sine (long double u)
{
  int quarter;
  long double angle = quarter_of (u, &quarter);
  long double y = quarter & 1 ? cosl (angle) : sinl (angle);
  return quarter & 2 ? -y : y;
}

static long double
cosine (long double u)
{
  int quarter;
  long double angle = quarter_of (u, &quarter);
  long double y = quarter & 1 ? sinl (angle) : cosl (angle);
  return (quarter + 1) & 2 ? -y : y;
}

Test (elementary, sine_and_cosine)
{
  const double ranges[][2]
      = { { 0, 1 }, { -1, 0 }, { 0.125 - 1e-9, 0.125 + 1e-9 }, { 0.25, 0.25 + 1e-6 }, { -1e6, 1e6 } };
  for (int k = 0; k < 5; k++)
    {
      draw ((uint64_t)k, ranges[k][0], ranges[k][1]);
      sines_and_cosines ();
      cr_assert_gt (worst (n.y, sine) + worst (n.z, cosine), 0.25);
    }
}

Test (elementary, sine_and_cosine_of_quarter_turns)
{
  const double sines[] = { 0, 1, 0, -1 }, cosines[] = { 1, 0, -1, 0 };
  for (int quarter = 0; quarter < 8; quarter++)
    {
      double s, c;
      sb_vsincos_turns (0.25 * quarter, &s, &c);
      cr_assert_eq (s, sines[quarter % 4]);
      cr_assert_eq (c, cosines[quarter % 4]);
    }
}
