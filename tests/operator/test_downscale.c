// # What must be true of fewer pixels, and of more
//
// Another program's bicubic images; what the weights leave alone, constants and ramps; and that an enlargement is
// undone by the mean over each pixel's copies.

#include "operator/operator.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <math.h>

SUITE (downscale);

static gsl_matrix *
applied (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_matrix *x)
{
  gsl_matrix *out = matrix (x->size1, transpose == CblasTrans ? A->columns : A->rows);
  ok (sb_operator_apply (A, transpose, NULL, x, out));
  return out;
}

// The operator's matrix, transposed: row j is what it makes of a point that is 1 at j.

static gsl_matrix *
columns_of (const sb_operator *A)
{
  gsl_matrix *I = matrix (A->columns, A->columns);
  gsl_matrix_set_identity (I);
  return applied (A, CblasNoTrans, I);
}

// ## Pillow's
//
// 16 x 24 pixels (37 i + 101 j mod 256)/256, exact in float, made 4 x 6 by Pillow 9.4.0's BICUBIC in mode F. A step
// from 0 to 1 between two pixels goes below 0 and above 1, and is left so. [nonuniform.set-sr]

Test (downscale, is_pillow_s_bicubic)
{
  const double expected[24]
      = { 0.478954494, 0.500909567, 0.513333142, 0.491804421, 0.520804822, 0.487942755, 0.499538511, 0.502114713,
          0.500361264, 0.523456812, 0.500565708, 0.489228606, 0.503427327, 0.500761628, 0.521855056, 0.500853181,
          0.477362096, 0.508341849, 0.506390154, 0.528207541, 0.507878184, 0.477396786, 0.518177867, 0.494501442 };
  const double of_step[6] = { -0.00185185, -0.02000964, 0.7409668, 1.0310059, 1, 1 };
  sb_operator *A = scoped (sb_operator_downscale_alloc (16, 24, 1, 4)),
              *in_colour = scoped (sb_operator_downscale_alloc (16, 24, 3, 4));
  gsl_matrix *x = matrix (1, 384), *step = matrix (1, 384), *colour = matrix (1, 3 * 384);
  for (size_t i = 0; i < 16; i++)
    for (size_t j = 0; j < 24; j++)
      {
        const double pixel = (double)((37 * i + 101 * j) % 256) / 256;
        gsl_matrix_set (x, 0, 24 * i + j, pixel);
        gsl_matrix_set (step, 0, 24 * i + j, j >= 9);
        for (size_t c = 0; c < 3; c++)
          gsl_matrix_set (colour, 0, 3 * (24 * i + j) + c, (double)(c + 1) * pixel);
      }
  gsl_matrix *y = applied (A, CblasNoTrans, x), *y_colour = applied (in_colour, CblasNoTrans, colour),
             *y_step = applied (A, CblasNoTrans, step);
  for (size_t k = 0; k < 24; k++)
    {
      cr_assert_float_eq (gsl_matrix_get (y, 0, k), expected[k], 1e-6, "number %zu", k);
      cr_assert_float_eq (gsl_matrix_get (y_step, 0, k), of_step[k % 6], 1e-6, "number %zu of the step", k);
      for (size_t c = 0; c < 3; c++)
        cr_assert_float_eq (gsl_matrix_get (y_colour, 0, 3 * k + c), (double)(c + 1) * expected[k], 3e-6);
    }
}

// ## Constants and ramps
//
// The weights of each new pixel add to 1: a constant stays, to 1e-12. Of 32 pixels made 4 the lowest weight of a row is
// -.010032502 (along one side). A ramp, pixel j its own centre j + 1/2, becomes the new centres, 8 (i + 1/2), where no
// weight is cut off: of 160 pixels made 20, at 2 to 17; and is .18496 and .16802 off at either end, which is all that
// there is of 32 made 4. [nonuniform.set-sr]

Test (downscale, leaves_constants_and_ramps)
{
  gsl_matrix *flat
      = applied (scoped (sb_operator_downscale_alloc (160, 32, 3, 8)), CblasNoTrans, matrix_all (1, 160 * 32 * 3, 1));
  for (size_t k = 0; k < flat->size2; k++)
    cr_assert_float_eq (gsl_matrix_get (flat, 0, k), 1, 1e-12, "number %zu", k);

  const double off[2] = { 0.18496285, -0.16802242 };
  const size_t widths[2] = { 160, 32 };
  for (int w = 0; w < 2; w++)
    {
      const size_t wide = widths[w], made = wide / 8;
      gsl_matrix *ramp = matrix (1, 8 * wide);
      for (size_t k = 0; k < 8 * wide; k++)
        gsl_matrix_set (ramp, 0, k, (double)(k % wide) + 0.5);
      gsl_matrix *y = applied (scoped (sb_operator_downscale_alloc (8, wide, 1, 8)), CblasNoTrans, ramp);
      for (size_t i = 0; i < made; i++)
        {
          const double error = i < 2 ? off[i] : i >= made - 2 ? -off[made - 1 - i] : 0;
          cr_assert_float_eq (gsl_matrix_get (y, 0, i), 8 * ((double)i + 0.5) + error,
                              i < 2 || i >= made - 2 ? 1e-7 : 1e-11, "of %zu: number %zu", wide, i);
        }
    }
  // of one row of pixels made eight times as many, each weight of a side stands alone
  gsl_matrix *columns = columns_of (scoped (sb_operator_downscale_alloc (8, 32, 1, 8)));
  double lowest = 0;
  for (size_t j = 0; j < 32; j++)
    for (size_t i = 0; i < 4; i++)
      {
        double along = 0; // over the rows of pixels, whose weights add to 1
        for (size_t row = 0; row < 8; row++)
          along += gsl_matrix_get (columns, 32 * row + j, i);
        lowest = fmin (lowest, along);
      }
  cr_assert_float_eq (lowest, -0.0100325020, 1e-10);
}

// ## Enlarged
//
// Each pixel f times along each side, channel by channel, exactly; the mean over the copies, E'/f^2, gives the image
// back. Noise that is independent on each of 8 x 8 copies then has its deviation divided by 8 on the pixel: the weights
// of a mean have the norm 1/8. [nonuniform.set-sr]

Test (downscale, an_enlargement_repeats_each_pixel)
{
  sb_operator *E = scoped (sb_operator_enlarge_alloc (3, 2, 3, 8));
  gsl_matrix *x = normals (5, 18, 1), *y = applied (E, CblasNoTrans, x), *mean = applied (E, CblasTrans, y);
  for (size_t k = 0; k < 24 * 16; k++)
    for (size_t c = 0; c < 3; c++)
      {
        const size_t nearest = k / 16 / 8 * 2 + k % 16 / 8;
        cr_assert_eq (gsl_matrix_get (y, 4, 3 * k + c), gsl_matrix_get (x, 4, 3 * nearest + c), "pixel %zu", k);
      }
  gsl_matrix_scale (mean, 1. / 64);
  cr_assert_lt (largest_difference (mean, x), 1e-14);
  gsl_matrix *columns = columns_of (E); // row j: 64 times the weights of the mean of pixel j's copies
  for (size_t j = 0; j < 18; j++)
    {
      gsl_vector_view weights = gsl_matrix_row (columns, j);
      cr_assert_float_eq (gsl_blas_dnrm2 (&weights.vector) / 64, 1. / 8, 1e-15);
    }
}

// ## Refusals

Test (downscale, refuses_sides_that_do_not_fit)
{
  cr_assert_null (sb_operator_downscale_alloc (12, 8, 1, 8));
  cr_assert_null (sb_operator_downscale_alloc (8, 12, 1, 8));
  cr_assert_null (sb_operator_downscale_alloc (8, 8, 1, 0));
  cr_assert_null (sb_operator_downscale_alloc (0, 8, 1, 8));
  cr_assert_null (sb_operator_downscale_alloc (8, 8, 0, 8));
  cr_assert_null (sb_operator_enlarge_alloc (8, 8, 1, 0));
  cr_assert_null (sb_operator_enlarge_alloc (8, 0, 1, 2));
  cr_assert_null (sb_operator_enlarge_alloc (1 << 12, 8, 1, 32));
  cr_assert_null (sb_operator_enlarge_alloc (8, 8, 1, (size_t)-1 / 4));
}
