// # What every operator with levels must satisfy
//
// Linear, with a transpose that is one, a rate that is the slope of its values, an inverse where it says so, and, where
// all levels share a basis, these values there. [soft.eq4]

#include "operator/operators.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>

SUITE_WITH_BLAS (levels);

static int
fill_turn (const void *params, int rate, double level, gsl_matrix *A)
{
  const double c = rate ? -sin (level) : cos (level), s = rate ? cos (level) : sin (level);
  (void)params;
  gsl_matrix_set_zero (A);
  for (size_t k = 0; k + 1 < A->size1; k += 2)
    {
      gsl_matrix_set (A, k, k, (rate ? 0 : 0.3) + c);
      gsl_matrix_set (A, k, k + 1, -s);
      gsl_matrix_set (A, k + 1, k, s);
      gsl_matrix_set (A, k + 1, k + 1, 2 * c);
    }
  return GSL_SUCCESS;
}

// A low-pass filter of cosines, and factors of coordinates.

static int
fill_values (const void *params, int rate, double level, double *c)
{
  (void)params;
  for (size_t j = 0; j < 6; j++)
    c[j] = (rate ? -(double)j : 1) * exp (-(double)j * level) + (rate ? 0.2 * level : 0.1 * level * level);
  return GSL_SUCCESS;
}

enum
{
  KINDS = 10,
  ROWS = 5
};

static sb_operator *
kind (size_t k, double *most)
{
  *most = k < 6 ? 4 : 1;
  return scoped (k < 4    ? sb_operator_blur_alloc (6, 5, 2, 9, (sb_boundary)k)
                 : k == 4 ? sb_operator_blur_alloc (5, 6, 2, 0, SB_BOUNDARY_PERIODIC)
                 : k == 5 ? sb_operator_blur_alloc (5, 6, 1, 0, SB_BOUNDARY_SYMMETRIC)
                 : k == 6 ? sb_operator_multiple_alloc (6)
                 : k == 8 ? sb_operator_values_alloc (6, NULL, fill_values, NULL, NULL)
                 : k == 9 ? sb_operator_values_alloc (6, sb_operator_cosine_alloc (2, 3, 1), fill_values, NULL, NULL)
                          : sb_operator_family_alloc (6, fill_turn, 1, NULL, NULL),
                 "kind %zu", k);
}

static gsl_vector *
levels_to (double most)
{
  return vector_of (0.3 * most, 0.3 * most, 0.05 * most, most, 0.6 * most);
}

static gsl_matrix *
applied (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x)
{
  gsl_matrix *out = matrix (x->size1, transpose == CblasTrans ? A->columns : A->rows);
  ok (sb_operator_apply (A, transpose, level, x, out), "%s", A->type->name);
  return out;
}

static double
dot (const gsl_matrix *a, const gsl_matrix *b, size_t i)
{
  return cblas_ddot ((int)a->size2, gsl_matrix_const_ptr (a, i, 0), 1, gsl_matrix_const_ptr (b, i, 0), 1);
}

Test (levels, are_linear_and_have_transposes)
{
  for (size_t k = 0; k < KINDS; k++)
    {
      double most;
      sb_operator *A = kind (k, &most);
      gsl_vector *level = levels_to (most);
      gsl_matrix *x = normals (ROWS, A->columns, 1), *y = normals (ROWS, A->columns, 2), *sum = copy_of (x),
                 *Ax = applied (A, CblasNoTrans, level, x), *of_sum = copy_of (Ax);
      gsl_matrix_scale (sum, 0.7);
      gsl_matrix_add (sum, y);
      gsl_matrix_scale (of_sum, 0.7);
      gsl_matrix_add (of_sum, applied (A, CblasNoTrans, level, y));
      cr_assert_leq (largest_difference (applied (A, CblasNoTrans, level, sum), of_sum), 1e-12, "kind %zu", k);
      const gsl_matrix *back = applied (A, CblasTrans, level, y);
      for (size_t i = 0; i < ROWS; i++)
        cr_assert_float_eq (dot (Ax, y, i), dot (x, back, i), 1e-12, "kind %zu, row %zu", k, i);
    }
}

// By a difference of fourth order.

Test (levels, rates_are_slopes)
{
  const double h = 1e-3, c[] = { 8 / (12 * h), -8 / (12 * h), -1 / (12 * h), 1 / (12 * h) },
               at[] = { h, -h, 2 * h, -2 * h };
  for (size_t k = 0; k < KINDS; k++)
    for (int transposed = 0; transposed <= 1; transposed++)
      {
        double most;
        sb_operator *A = kind (k, &most);
        const CBLAS_TRANSPOSE_t transpose = transposed ? CblasTrans : CblasNoTrans;
        gsl_vector *level = vector_of (0.5, 0.7, 0.7, 0.9, 1);
        gsl_matrix *x = normals (ROWS, A->columns, 1), *rate = matrix (ROWS, A->columns),
                   *slope = matrix_all (ROWS, A->columns, 0);
        for (int j = 0; j < 4; j++)
          {
            gsl_vector *near = copy_of (level);
            gsl_vector_add_constant (near, at[j]);
            gsl_matrix *value = applied (A, transpose, near, x);
            gsl_matrix_scale (value, c[j]);
            gsl_matrix_add (slope, value);
          }
        ok (sb_operator_rate (A, transpose, level, x, rate), "kind %zu", k);
        cr_assert_leq (largest_difference (rate, slope), 1e-8, "kind %zu: %g", k, largest_difference (rate, slope));
      }
}

Test (levels, inverses_undo)
{
  for (size_t k = 0; k < KINDS; k++)
    {
      double most;
      sb_operator *A = kind (k, &most);
      gsl_vector *level = vector_of (0.5, 0.7, 0.7, 0.9, 1);
      gsl_matrix *x = normals (ROWS, A->columns, 1), *back = matrix (ROWS, A->columns);
      int status = sb_operator_inverse (A, CblasNoTrans, level, applied (A, CblasNoTrans, level, x), back);
      if (k == 4 || k == 5)
        refused (GSL_EUNSUP, status);
      else
        {
          ok (status, "kind %zu", k);
          cr_assert_leq (largest_difference (back, x), 1e-9, "kind %zu: %g", k, largest_difference (back, x));
        }
    }
}

Test (levels, are_diagonal_in_the_basis_they_name)
{
  for (size_t k = 0; k < KINDS; k++)
    {
      double most;
      sb_operator *A = kind (k, &most);
      const size_t d = A->columns;
      if (!A->type->values)
        continue;
      const sb_operator *W = A->type->basis ? A->type->basis (A->state) : NULL;
      gsl_vector *level = levels_to (most), *c = vector (d);
      gsl_matrix *x = normals (ROWS, d, 1), *y = copy_of (x), *out = matrix (ROWS, d);
      if (W)
        ok (sb_operator_apply (W, CblasNoTrans, NULL, x, y));
      for (size_t i = 0; i < ROWS; i++)
        {
          ok (A->type->values (A->state, 0, gsl_vector_get (level, i), c->data));
          gsl_vector_view row = gsl_matrix_row (y, i);
          gsl_vector_mul (&row.vector, c);
        }
      if (W)
        ok (sb_operator_apply (W, CblasTrans, NULL, y, out));
      else
        gsl_matrix_memcpy (out, y);
      cr_assert_leq (largest_difference (applied (A, CblasNoTrans, level, x), out), 1e-12, "kind %zu", k);
    }
}

// The kernel's matrix is positive definite, and in doubles it is not: the condition of a blur of 28 x 28 pixels is
// 5.5e8 at a deviation of 1.5 and 2e15 at 2, where it is refused.

Test (levels, wide_blurs_have_no_inverse)
{
  sb_operator *B = scoped (sb_operator_blur_alloc (28, 28, 1, 80, SB_BOUNDARY_ZERO));
  gsl_matrix *x = normals (1, 784, 1), *back = matrix (1, 784);
  ok (sb_operator_inverse (B, CblasNoTrans, vector_of (1.5), applied (B, CblasNoTrans, vector_of (1.5), x), back));
  cr_assert_leq (largest_difference (back, x), 1e-6);
  refused (GSL_ESING, sb_operator_inverse (B, CblasNoTrans, vector_of (2), x, back));
  refused (GSL_ESING, sb_operator_inverse (B, CblasNoTrans, vector_of (3), x, back));
}

// ## Windows
//
// $C^2 = C = C^\top$, $C_s C_t = C_{\max(s,t)}$, $C_0 = I$; the share that is zeroed does not fall, and is the level,
// rounded to pixels; what is hidden is not read; centre and border are complements. [soft.txt-maskop]

Test (levels, windows_are_nested_projections)
{
  const size_t pixels = 7 * 6;
  gsl_matrix *x = normals (1, pixels * 3, 3);
  for (int keep = SB_KEEP_CENTRE; keep <= SB_KEEP_BORDER; keep++)
    {
      sb_operator *C = scoped (sb_operator_window_alloc (7, 6, 3, (sb_keep)keep));
      cr_assert_leq (largest_difference (applied (C, CblasNoTrans, vector_of (0), x), x), 0);
      for (double s = 0.03; s <= 1; s += 0.0611)
        for (double t = 0.03; t <= 1; t += 0.0611)
          {
            gsl_matrix *at_s = applied (C, CblasNoTrans, vector_of (s), x);
            cr_assert_leq (largest_difference (applied (C, CblasNoTrans, vector_of (t), at_s),
                                               applied (C, CblasTrans, vector_of (fmax (s, t)), x)),
                           0);
            size_t zeros = 0;
            for (size_t j = 0; j < x->size2; j++)
              zeros += gsl_matrix_get (at_s, 0, j) == 0;
            cr_assert_eq (zeros, 3 * (size_t)rint (s * (double)pixels), "%g: %zu zeros", s, zeros);
          }
    }
  sb_operator *centre = scoped (sb_operator_window_alloc (5, 5, 1, SB_KEEP_CENTRE)),
              *border = scoped (sb_operator_window_alloc (5, 5, 1, SB_KEEP_BORDER));
  gsl_matrix *ones = matrix_all (1, 25, 1), *left = applied (centre, CblasNoTrans, vector_of (16. / 25), ones),
             *right = applied (border, CblasNoTrans, vector_of (9. / 25), ones);
  for (size_t j = 0; j < 25; j++)
    {
      const bool inside = j / 5 >= 1 && j / 5 <= 3 && j % 5 >= 1 && j % 5 <= 3;
      cr_assert (gsl_matrix_get (left, 0, j) == inside && gsl_matrix_get (right, 0, j) == !inside, "pixel %zu", j);
    }
  gsl_matrix *two = matrix_all (2, 25, 1), *seen = applied (centre, CblasNoTrans, vector_of (0, 16. / 25), two);
  cr_assert (gsl_matrix_get (seen, 0, 0) == 1 && gsl_matrix_get (seen, 1, 0) == 0 && gsl_matrix_get (seen, 1, 12) == 1);
  gsl_matrix_set (ones, 0, 0, GSL_NAN);
  cr_assert_eq (gsl_matrix_get (applied (centre, CblasNoTrans, vector_of (0.5), ones), 0, 0), 0);
}

// The square is in the middle of an image that is none, in all its channels. [soft.txt-maskop]

Test (levels, windows_are_in_the_middle_of_any_image)
{
  const size_t sizes[][2] = { { 3, 5 }, { 5, 3 }, { 3, 4 } };
  for (size_t k = 0; k < 3; k++)
    {
      const size_t height = sizes[k][0], width = sizes[k][1], pixels = height * width, square = k == 2 ? 6 : 9;
      gsl_matrix *ones = matrix_all (1, 2 * pixels, 1);
      const double share = (double)square / (double)pixels;
      sb_operator *centre = scoped (sb_operator_window_alloc (height, width, 2, SB_KEEP_CENTRE)),
                  *border = scoped (sb_operator_window_alloc (height, width, 2, SB_KEEP_BORDER));
      const gsl_matrix *left = applied (centre, CblasNoTrans, vector_of (1 - share), ones),
                       *right = applied (border, CblasNoTrans, vector_of (share), ones);
      for (size_t j = 0; j < 2 * pixels; j++)
        {
          const size_t row = j / 2 / width, column = j / 2 % width;
          const bool inside = (height == 3 || (row >= 1 && row <= 3))
                              && (width == 3 || (column >= 1 && column <= (width == 5 ? 3 : 2)));
          cr_assert (gsl_matrix_get (left, 0, j) == inside && gsl_matrix_get (right, 0, j) == !inside,
                     "%zu x %zu: number %zu", height, width, j);
        }
    }
}

// ## In text
//
// Each kind has its own keys.

Test (levels, are_read_from_lines)
{
  const sb_operator_setting of = { .dimension = 36, .height = 6, .width = 6, .channels = 1 };
  const char *const lines[] = { "blur half=4 boundary=periodic", "window keep=border" };
  sb_operator *const same[] = { scoped (sb_operator_blur_alloc (6, 6, 1, 4, SB_BOUNDARY_PERIODIC)),
                                scoped (sb_operator_window_alloc (6, 6, 1, SB_KEEP_BORDER)) };
  const gsl_matrix *x = normals (2, 36, 1);
  gsl_matrix *out = matrix (2, 36), *wanted = matrix (2, 36);
  sb_error error = { 0 };
  for (size_t k = 0; k < 2; k++)
    {
      const sb_operator *A = scoped (sb_corruption_from_text (lines[k], &of, &error));
      ok (sb_operator_apply (A, CblasNoTrans, vector_of (.4, .8), x, out));
      ok (sb_operator_apply (same[k], CblasNoTrans, vector_of (.4, .8), x, wanted));
      cr_assert_eq (largest_difference (out, wanted), 0, "%s", lines[k]);
    }
  cr_assert_null (sb_corruption_from_text ("window half=3", &of, &error));
  cr_assert (strstr (error.message, "half"), "%s", error.message);
  cr_assert_null (sb_corruption_from_text ("blur half=0 boundary=zero", &of, &error));
  cr_assert (error.code == GSL_EINVAL && strstr (error.message, "cannot be made"), "%s", error.message);
}

// ## Refusals

Test (levels, are_refused_where_there_are_none)
{
  gsl_matrix *x = normals (1, 36, 1), *out = matrix (1, 36);
  sb_operator *blur = scoped (sb_operator_blur_alloc (6, 6, 1, 20, SB_BOUNDARY_ZERO)),
              *window = scoped (sb_operator_window_alloc (6, 6, 1, SB_KEEP_CENTRE)),
              *mask = scoped (sb_operator_identity_alloc (36));
  refused (GSL_EDOM, sb_operator_apply (blur, CblasNoTrans, vector_of (-1), x, out));
  refused (GSL_EDOM, sb_operator_apply (blur, CblasNoTrans, vector_of (GSL_NAN), x, out));
  refused (GSL_EDOM, sb_operator_apply (window, CblasNoTrans, vector_of (1.1), x, out));
  refused (GSL_EUNSUP, sb_operator_rate (window, CblasNoTrans, vector_of (0.5), x, out));
  refused (GSL_EUNSUP, sb_operator_inverse (window, CblasNoTrans, vector_of (0.5), x, out));
  refused (GSL_EUNSUP, sb_operator_rate (mask, CblasNoTrans, NULL, x, out));
  refused (GSL_ESING,
           sb_operator_inverse (scoped (sb_operator_multiple_alloc (36)), CblasNoTrans, vector_of (0), x, out));
  cr_assert_null (sb_operator_blur_alloc (6, 6, 1, 0, SB_BOUNDARY_ZERO));
  cr_assert_null (sb_operator_blur_alloc (0, 6, 1, 4, SB_BOUNDARY_ZERO));
  cr_assert_null (sb_operator_blur_alloc (6, 6, 1, 4, (sb_boundary)7));
  refused (GSL_EDOM, sb_operator_apply (window, CblasNoTrans, vector_of (-0.1), x, out));
  refused (GSL_EUNSUP, window->type->values (window->state, 1, 0.5, out->data));
  cr_assert_null (sb_operator_blur_alloc (6, 0, 1, 4, SB_BOUNDARY_ZERO));
  cr_assert_null (sb_operator_blur_alloc (6, 6, 0, 4, SB_BOUNDARY_ZERO));
  cr_assert_null (sb_operator_blur_alloc (6, 6, 1, (size_t)1 << 40, SB_BOUNDARY_ZERO));
  cr_assert_null (sb_operator_window_alloc (6, 0, 1, SB_KEEP_CENTRE));
  cr_assert_null (sb_operator_window_alloc (0, 6, 1, SB_KEEP_CENTRE));
  cr_assert_null (sb_operator_window_alloc (6, 6, 0, SB_KEEP_CENTRE));
  cr_assert_null (sb_operator_window_alloc (6, 6, 1, (sb_keep)7));
  cr_assert_null (sb_operator_window_alloc ((size_t)1 << 32, (size_t)1 << 32, 1, SB_KEEP_CENTRE));
  cr_assert (gsl_isnan (sb_operator_norm (blur, -1, 5)));
}

// A matrix that cannot be made at a level has no inverse there either; what it is made from is released with it.

static int
made_below_1 (const void *params, int rate, double level, gsl_matrix *A)
{
  (void)params, (void)rate;
  gsl_matrix_set_identity (A);
  return level < 1 ? GSL_SUCCESS : GSL_EDOM;
}

static void
count (void *params)
{
  ++*(int *)params;
}

Test (levels, a_matrix_that_cannot_be_made)
{
  int released = 0;
  gsl_matrix *x = normals (2, 3, 1), *out = matrix (2, 3);
  sb_operator *A = sb_operator_family_alloc (3, made_below_1, 0, &released, count);
  ok (sb_operator_inverse (A, CblasNoTrans, vector_of (0, 0.5), x, out));
  cr_assert_lt (largest_difference (x, out), 1e-15);
  refused (GSL_EDOM, sb_operator_inverse (A, CblasNoTrans, vector_of (0, 1), x, out));
  refused (GSL_EDOM, sb_operator_apply (A, CblasNoTrans, vector_of (0, 1), x, out));
  sb_operator_free (A);
  cr_assert_eq (released, 1);
}
