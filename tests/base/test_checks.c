// # What is looked at before anything is computed

#include "base/checks.h"
#include "base/frame.h"
#include "scope.h"

#include <math.h>
#include <stdint.h>

SUITE (checks);

// Three lengths are refused where their product, with room for the size of what is counted, is beyond any memory;
// nothing at all fits where one of them is 0.

Test (checks, lengths)
{
  const size_t most = SIZE_MAX / 4096, half = (size_t)1 << 26;
  static const size_t order[][3] = { { 0, 1, 2 }, { 1, 2, 0 }, { 2, 0, 1 } };
  for (size_t k = 0; k < 3; k++)
    {
      const size_t *o = order[k], too_long[] = { most + 1, 1, 1 }, longest[] = { most, 1, 1 },
                   nothing[] = { SIZE_MAX, SIZE_MAX, 0 }, product[] = { half, half, 2 }, fits[] = { half, half / 2, 1 };
      refused (GSL_ENOMEM, sb_check_lengths ("a row", too_long[o[0]], too_long[o[1]], too_long[o[2]]));
      refused (GSL_ENOMEM, sb_check_lengths ("a row", product[o[0]], product[o[1]], product[o[2]]));
      ok (sb_check_lengths ("a row", longest[o[0]], longest[o[1]], longest[o[2]]));
      ok (sb_check_lengths ("a row", nothing[o[0]], nothing[o[1]], nothing[o[2]]));
      ok (sb_check_lengths ("a row", fits[o[0]], fits[o[1]], fits[o[2]]));
    }
}

// A result over what it is computed from is refused, but where there are no numbers.

Test (checks, apart)
{
  const gsl_matrix *x = normals (2, 3, 1);
  gsl_matrix *copy = copy_of (x), rowless = *x, narrow = *x;
  rowless.size1 = narrow.size2 = 0;
  refused (GSL_EINVAL, sb_check_apart ("a map", x, x));
  ok (sb_check_apart ("a map", x, copy));
  ok (sb_check_apart ("a map", NULL, copy));
  ok (sb_check_apart ("a map", x, NULL));
  ok (sb_check_apart ("a map", &rowless, &rowless));
  ok (sb_check_apart ("a map", &narrow, &narrow));
}

// ## The frame of samples
//
// Exponents stay where their powers of two are normal numbers.

Test (checks, exponents_of_a_frame)
{
  cr_assert_eq (sb_frame_exponent (1), 1);
  cr_assert_eq (sb_frame_exponent (0x1p-1020), -1000);
  cr_assert_eq (sb_frame_exponent (0x1p1020), 1000);
}

Test (checks, samples_without_a_frame)
{
  gsl_matrix *x = normals (2, 3, 1), *none = matrix (0, 3), *wide = normals (2, 4, 1), *bad = matrix_all (2, 3, NAN);
  sb_frame frame;
  refused (GSL_EBADLEN, sb_frame_of (none, NULL, &frame));
  refused (GSL_EBADLEN, sb_frame_of (none, x, &frame));
  refused (GSL_EBADLEN, sb_frame_of (x, none, &frame));
  refused (GSL_EBADLEN, sb_frame_of (x, wide, &frame));
  refused (GSL_EDOM, sb_frame_of (bad, NULL, &frame));
  refused (GSL_EDOM, sb_frame_of (x, bad, &frame));
  ok (sb_frame_of (x, NULL, &frame));
  sb_frame_free (&frame);
}
