// # What every operator must satisfy
//
// Each kind is made in a random size and then known by its matrix alone, whose columns are its images of the unit
// vectors.

#include "operator/operator.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>

SUITE (operator);

// ## The kinds, in random sizes

static gsl_matrix *
gaussian_matrix (gsl_rng *r, size_t rows, size_t columns)
{
  gsl_matrix *x = matrix (rows, columns);
  for (size_t k = 0; k < rows * columns; k++)
    x->data[k] = gsl_ran_ugaussian (r);
  return x;
}

static size_t
size (gsl_rng *r)
{
  return 1 + gsl_rng_uniform_int (r, 9);
}

static sb_operator *
identity (gsl_rng *r)
{
  return scoped (sb_operator_identity_alloc (size (r)));
}

static sb_operator *
scalar (gsl_rng *r)
{
  return scoped (sb_operator_scalar_alloc (size (r), gsl_ran_ugaussian (r)));
}

static sb_operator *
diagonal (gsl_rng *r)
{
  gsl_matrix *d = gaussian_matrix (r, 2, size (r));
  gsl_vector_view second = gsl_matrix_row (d, 1);
  return scoped (sb_operator_diagonal_alloc (&second.vector));
}

static sb_operator *
dense (gsl_rng *r)
{
  gsl_matrix *M = gaussian_matrix (r, size (r), size (r));
  return scoped (sb_operator_dense_alloc (M));
}

static sb_operator *
mask (gsl_rng *r)
{
  gsl_vector *m = vector (size (r));
  for (size_t k = 0; k < m->size; k++)
    gsl_vector_set (m, k, gsl_rng_uniform (r) < 0.5);
  return scoped (sb_operator_mask_alloc (m));
}

static sb_operator *
selection (gsl_rng *r)
{
  gsl_vector *m = vector_all (size (r), 1);
  for (size_t k = 1; k < m->size; k++)
    gsl_vector_set (m, k, gsl_rng_uniform (r) < 0.5);
  return scoped (sb_operator_select_alloc (m));
}

static sb_operator *
cosine (gsl_rng *r)
{
  return scoped (sb_operator_cosine_alloc (size (r), size (r), 1 + gsl_rng_uniform_int (r, 3)));
}

static sb_operator *
haar (gsl_rng *r)
{
  return scoped (sb_operator_haar_alloc (4 * (1 + size (r) / 4), 4, 1 + gsl_rng_uniform_int (r, 3),
                                         1 + gsl_rng_uniform_int (r, 2)));
}

static sb_operator *
downscale (gsl_rng *r)
{
  const size_t f = 1 + gsl_rng_uniform_int (r, 3);
  return scoped (
      sb_operator_downscale_alloc (f * (1 + size (r) / 3), f * (1 + size (r) / 3), 1 + gsl_rng_uniform_int (r, 3), f));
}

static sb_operator *
enlarge (gsl_rng *r)
{
  return scoped (sb_operator_enlarge_alloc (1 + size (r) / 3, 1 + size (r) / 3, 1 + gsl_rng_uniform_int (r, 3),
                                            1 + gsl_rng_uniform_int (r, 3)));
}

// Of the first coordinates: a transform, or any matrix, with room behind it or none.

static sb_operator *
leading (gsl_rng *r)
{
  const size_t d = size (r), behind = gsl_rng_uniform_int (r, 3);
  gsl_matrix *M = gaussian_matrix (r, d, d);
  const bool orthonormal = gsl_rng_uniform (r) < 0.5;
  return scoped (sb_operator_leading_alloc (
      orthonormal ? sb_operator_cosine_alloc (1, d, 1) : sb_operator_dense_alloc (M), d + behind));
}

static sb_operator *
at_level (gsl_rng *r)
{
  const size_t side = 1 + size (r) / 2;
  return scoped (sb_operator_at_level_alloc (
      sb_operator_blur_alloc (side, side + 1, 2, 3, (sb_boundary)gsl_rng_uniform_int (r, 4)), gsl_rng_uniform (r)));
}

// One after the other, and one less the other.

static sb_operator *
product (gsl_rng *r)
{
  const size_t rows = size (r), columns = size (r);
  return scoped (sb_operator_product_alloc (sb_operator_dense_alloc (gaussian_matrix (r, rows, columns)),
                                            sb_operator_cosine_alloc (1, columns, 1)));
}

static sb_operator *
difference (gsl_rng *r)
{
  const size_t rows = size (r), columns = size (r);
  return scoped (sb_operator_difference_alloc (sb_operator_dense_alloc (gaussian_matrix (r, rows, columns)),
                                               sb_operator_dense_alloc (gaussian_matrix (r, rows, columns))));
}

// One with levels: row $i$ is multiplied with level $i$.

static int
level_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
             gsl_matrix *out)
{
  (void)state, (void)transpose;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      gsl_matrix_set (out, i, k, gsl_vector_get (level, i) * gsl_matrix_get (x, i, k));
  return GSL_SUCCESS;
}

static const sb_operator_type levelled_type = { .name = "levelled", .apply = level_apply, .has_level = 1 };

static sb_operator *
levelled (gsl_rng *r)
{
  (void)r;
  return scoped (sb_operator_alloc (&levelled_type, NULL, 3, 3));
}

static sb_operator *(*const kinds[]) (gsl_rng *)
    = { identity,  scalar,  diagonal, dense,    mask,    selection,  cosine,  haar,
        downscale, enlarge, leading,  at_level, product, difference, levelled };

// ## Its matrix

static void
apply (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_matrix *x, gsl_matrix *out)
{
  gsl_vector *level = A->type->has_level ? vector_all (x->size1, 1.5) : NULL;
  ok (sb_operator_apply (A, transpose, level, x, out), "%s", A->type->name);
}

static gsl_matrix *
matrix_of_operator (const sb_operator *A, CBLAS_TRANSPOSE_t transpose)
{
  size_t from = transpose == CblasTrans ? A->rows : A->columns, to = transpose == CblasTrans ? A->columns : A->rows;
  gsl_matrix *units = matrix (from, from), *columns = matrix (from, to), *M = matrix (to, from);
  gsl_matrix_set_identity (units);
  gsl_matrix_set_all (columns, GSL_NAN);
  apply (A, transpose, units, columns);
  gsl_matrix_transpose_memcpy (M, columns);
  return M;
}

// Of a batch it makes, row by row, the products with that matrix, in matrices whose rows have gaps too; and the gaps
// stay.

static double
batch_residual (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, gsl_rng *r)
{
  gsl_matrix *M = matrix_of_operator (A, transpose), *x = gaussian_matrix (r, 20, M->size2 + 2),
             *out = gaussian_matrix (r, 20, M->size1 + 3), *expected = matrix (20, M->size1);
  gsl_matrix_view x_view = gsl_matrix_submatrix (x, 0, 1, 20, M->size2),
                  out_view = gsl_matrix_submatrix (out, 0, 2, 20, M->size1);
  double before = gsl_matrix_get (out, 7, 1), after = gsl_matrix_get (out, 7, M->size1 + 2);
  apply (A, transpose, &x_view.matrix, &out_view.matrix);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, &x_view.matrix, M, 0, expected);
  double residual = largest_difference (expected, &out_view.matrix);
  if (gsl_matrix_get (out, 7, 1) != before || gsl_matrix_get (out, 7, M->size1 + 2) != after)
    residual = GSL_POSINF;
  return residual;
}

static double
residual (const double *v, void *context)
{
  gsl_rng *r = property_rng (v[1]);
  sb_operator *A = kinds[(size_t)v[0]](r);
  gsl_matrix *M = matrix_of_operator (A, CblasNoTrans), *T = matrix_of_operator (A, CblasTrans),
             *M_transposed = matrix (A->columns, A->rows), *product = matrix (A->columns, A->columns);
  (void)context;
  gsl_matrix_transpose_memcpy (M_transposed, M);
  double largest = largest_difference (M_transposed, T); // <A x, y> = <x, A^T y>
  gsl_matrix_set_identity (product);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, A->type->orthonormal ? 1 : 0, T, M, A->type->orthonormal ? -1 : 0,
                  product); // A^T A - I
  largest = larger (largest, larger (gsl_matrix_max (product), -gsl_matrix_min (product)));
  largest = larger (largest, batch_residual (A, CblasNoTrans, r));
  largest = larger (largest, batch_residual (A, CblasTrans, r));
  return largest;
}

Test (operator, is_a_matrix_with_its_transpose)
{
  const property_parameter parameters[] = { { "kind", PROPERTY_INTEGER, 0, sizeof kinds / sizeof *kinds - 1, 0 },
                                            { "seed", PROPERTY_INTEGER, 1, 1e6, 1 } };
  property_check ("matrix, transpose, orthonormality", 1, 400, 2, parameters, residual, NULL, 1e-14);
}

// ## What each one is

Test (operator, is_the_matrix_that_was_asked_for)
{
  gsl_matrix *x = matrix_of (2, 3, 3, GSL_NAN, 5, 7, 8, 9);
  sb_operator *A[] = { scoped (sb_operator_identity_alloc (3)),
                       scoped (sb_operator_scalar_alloc (3, -2)),
                       scoped (sb_operator_diagonal_alloc (vector_of (2, -1, 0))),
                       scoped (sb_operator_mask_alloc (vector_of (1, 0, 1))),
                       scoped (sb_operator_select_alloc (vector_of (1, 0, 1))),
                       scoped (sb_operator_dense_alloc (matrix_of (2, 3, 1, 2, 3, 4, 5, 6))) };
  const double second_row[][3] = { { 7, 8, 9 }, { -14, -16, -18 }, { 14, -8, 0 }, { 7, 0, 9 }, { 7, 9 }, { 50, 122 } };
  for (size_t k = 0; k < 6; k++)
    {
      gsl_matrix *out = matrix (2, A[k]->rows);
      ok (sb_operator_apply (A[k], CblasNoTrans, NULL, x, out));
      for (size_t j = 0; j < A[k]->rows; j++)
        cr_assert_eq (gsl_matrix_get (out, 1, j), second_row[k][j], "%s", A[k]->type->name);
      if (k == 3)
        cr_assert (out->data[0] == 3 && out->data[1] == 0 && out->data[2] == 5, "what a mask hides shows");
      if (k == 4)
        cr_assert (out->data[0] == 3 && out->data[1] == 5, "what is not selected shows");
    }
}

// ## Refusals

Test (operator, refuses_what_does_not_fit)
{
  gsl_rng *r = property_rng (1);
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    {
      sb_operator *A = kinds[k](r);
      gsl_matrix *x = gaussian_matrix (r, 4, A->columns), *out = gaussian_matrix (r, 4, A->rows),
                 *wide = gaussian_matrix (r, 4, A->columns + 1), *more = gaussian_matrix (r, 5, A->rows),
                 *wider = gaussian_matrix (r, 4, A->rows + 1);
      gsl_vector *levels = vector_all (4, 0), *fewer = vector_all (3, 0);
      const gsl_vector *level = A->type->has_level ? levels : NULL;
      const struct
      {
        int status;
        CBLAS_TRANSPOSE_t transpose;
        const gsl_vector *level;
        const gsl_matrix *x;
        gsl_matrix *out;
      } cases[] = {
        { GSL_SUCCESS, CblasNoTrans, level, x, out },
        { GSL_SUCCESS, CblasTrans, level, out, x },
        { GSL_EBADLEN, CblasNoTrans, level, wide, out },
        { GSL_EBADLEN, CblasNoTrans, level, x, wider },
        { GSL_EBADLEN, CblasNoTrans, level, x, more },
        { GSL_EBADLEN, CblasTrans, level, wider, x },
        { GSL_EBADLEN, CblasTrans, level, out, wide },
        { A->rows == A->columns ? GSL_EINVAL : GSL_EBADLEN, CblasNoTrans, level, x, x },
        { A->rows == A->columns ? GSL_EINVAL : GSL_EBADLEN, CblasTrans, level, out, out },
        { GSL_EINVAL, CblasConjTrans, level, x, out },
        { GSL_EINVAL, CblasNoTrans, level ? NULL : levels, x, out },
        { level ? GSL_EBADLEN : GSL_EINVAL, CblasNoTrans, fewer, x, out },
      };
      for (size_t j = 0; j < sizeof cases / sizeof *cases; j++)
        cr_assert_eq (sb_operator_apply (A, cases[j].transpose, cases[j].level, cases[j].x, cases[j].out),
                      cases[j].status, "%s, case %zu", A->type->name, j);
    }
}

Test (operator, a_batch_may_have_no_rows)
{
  gsl_rng *r = property_rng (2);
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    {
      sb_operator *A = kinds[k](r);
      gsl_matrix x = { .size2 = A->columns, .tda = A->columns }, out = { .size2 = A->rows, .tda = A->rows };
      gsl_vector level = { .stride = 1 };
      for (CBLAS_TRANSPOSE_t way = CblasNoTrans; way <= CblasTrans; way++)
        ok (sb_operator_apply (A, way, A->type->has_level ? &level : NULL, way == CblasTrans ? &out : &x,
                               way == CblasTrans ? &x : &out),
            "%s", A->type->name);
    }
}

static int freed;

static void
count_free (void *state)
{
  freed += *(int *)state;
}

Test (operator, takes_its_state_over)
{
  static const sb_operator_type counted = { .name = "counted", .free = count_free };
  int one = 1;
  cr_assert_null (sb_operator_alloc (&counted, &one, 0, 3));
  cr_assert_null (sb_operator_alloc (&counted, &one, 3, 0));
  cr_assert_null (sb_operator_alloc (&counted, &one, SIZE_MAX, 3), "more than any memory holds");
  cr_assert_null (sb_operator_alloc (&counted, &one, 3, SIZE_MAX), "more than any memory holds");
  cr_assert_eq (freed, 4);
  sb_operator *A = sb_operator_alloc (&counted, &one, 2, 3);
  cr_assert_eq (freed, 4);
  sb_operator_free (A);
  sb_operator_free (NULL);
  cr_assert_eq (freed, 5);
}

// Also of a map to 0, whose images have no direction; a level is for those alone that have levels.

Test (operator, norms)
{
  cr_assert_float_eq (sb_operator_norm (scoped (sb_operator_scalar_alloc (3, -2)), 0, 5), 2, 1e-15);
  cr_assert_eq (sb_operator_norm (scoped (sb_operator_scalar_alloc (3, 0)), 0, 5), 0);
}

// $(\mathbf x, \mathbf y) \mapsto (A\mathbf x, \mathbf y)$ is orthonormal where $A$ is; one that fits nowhere is
// released at once.

Test (operator, of_the_first_coordinates)
{
  gsl_matrix *x = matrix_of (1, 3, 1, 2, 3), *out = matrix (1, 3);
  const sb_operator *A = scoped (sb_operator_leading_alloc (sb_operator_dense_alloc (matrix_of (2, 2, 0, 1, 5, 0)), 3));
  ok (sb_operator_apply (A, CblasNoTrans, NULL, x, out));
  cr_assert (gsl_matrix_equal (out, matrix_of (1, 3, 2, 5, 3)));
  cr_assert_not (A->type->orthonormal);
  cr_assert (scoped (sb_operator_leading_alloc (sb_operator_identity_alloc (3), 3))->type->orthonormal);
  cr_assert_null (sb_operator_leading_alloc (NULL, 3));
  cr_assert_null (sb_operator_leading_alloc (sb_operator_identity_alloc (4), 3), "four of three");
  cr_assert_null (sb_operator_leading_alloc (sb_operator_dense_alloc (matrix_of (1, 2, 1, 1)), 3), "not square");
  cr_assert_null (sb_operator_leading_alloc (sb_operator_alloc (&levelled_type, NULL, 3, 3), 3), "with a level");
}

// One level for all rows: a blur of the width 0.8 of a point source in an image one pixel high, which loses what goes
// beyond the edge.

Test (operator, at_one_of_its_levels)
{
  sb_operator *blur = sb_operator_blur_alloc (1, 3, 1, 2, SB_BOUNDARY_ZERO);
  const sb_operator *A = scoped (sb_operator_at_level_alloc (blur, 0.8));
  const double one = exp (-1 / 1.28), two = exp (-4 / 1.28), sum = gsl_pow_2 (1 + 2 * one + 2 * two);
  gsl_matrix *x = matrix_of (2, 3, 1, 0, 0, 0, 1, 0), *out = matrix (2, 3);
  ok (sb_operator_apply (A, CblasNoTrans, NULL, x, out));
  cr_assert (largest_difference (out, matrix_of (2, 3, 1 / sum, one / sum, two / sum, one / sum, 1 / sum, one / sum))
             < 1e-15);
  cr_assert_null (sb_operator_at_level_alloc (NULL, 1));
  cr_assert_null (sb_operator_at_level_alloc (sb_operator_identity_alloc (3), 1), "without a level");
  cr_assert_null (sb_operator_at_level_alloc (sb_operator_multiple_alloc (3), GSL_NAN), "no level");
}

// Of the heat equation's blurs $\|C_a - C_b\|$ is $\max_\omega|e^{-\omega^2a^2/2} - e^{-\omega^2b^2/2}|$, and a blur
// after another is that of $\sqrt{a^2 + b^2}$.

static sb_operator *
heat (double level)
{
  return sb_operator_at_level_alloc (sb_operator_blur_alloc (1, 16, 1, 0, SB_BOUNDARY_SYMMETRIC), level);
}

Test (operator, two_in_one)
{
  double most = 0;
  for (int k = 0; k < 16; k++)
    most = fmax (most, exp (-gsl_pow_2 (M_PI * k / 16 * 0.6) / 2) - exp (-gsl_pow_2 (M_PI * k / 16 * 0.8) / 2));
  sb_operator *apart = scoped (sb_operator_difference_alloc (heat (0.6), heat (0.8)));
  cr_assert_float_eq (sb_operator_norm (apart, 0, 2000), most, 1e-6);
  const sb_operator *twice = scoped (sb_operator_product_alloc (heat (0.6), heat (0.8))), *once = scoped (heat (1));
  gsl_matrix *x = normals (2, 16, 1), *a = matrix (2, 16), *b = matrix (2, 16);
  ok (sb_operator_apply (twice, CblasNoTrans, NULL, x, a));
  ok (sb_operator_apply (once, CblasNoTrans, NULL, x, b));
  cr_assert_lt (largest_difference (a, b), 1e-12);
  gsl_matrix *M = matrix_of (2, 2, 0, 1, 0, 0), *N = matrix_of (2, 2, 0, 0, 1, 0), *of = matrix_of (1, 2, 5, 7);
  const sb_operator *MN = scoped (sb_operator_product_alloc (sb_operator_dense_alloc (M), sb_operator_dense_alloc (N)));
  gsl_matrix *out = matrix (1, 2);
  ok (sb_operator_apply (MN, CblasNoTrans, NULL, of, out));
  cr_assert (gsl_matrix_equal (out, matrix_of (1, 2, 5, 0)));
  cr_assert_null (sb_operator_product_alloc (NULL, sb_operator_identity_alloc (2)));
  cr_assert_null (sb_operator_product_alloc (sb_operator_identity_alloc (2), sb_operator_identity_alloc (3)));
  cr_assert_null (sb_operator_difference_alloc (sb_operator_identity_alloc (2), sb_operator_identity_alloc (3)));
  cr_assert_null (sb_operator_difference_alloc (sb_operator_multiple_alloc (2), sb_operator_identity_alloc (2)));
  cr_assert_null (sb_operator_values_alloc (2, sb_operator_scalar_alloc (2, 2), NULL, NULL, NULL));
}

Test (operator, sizes_and_masks_are_checked)
{
  gsl_vector nothing = { .stride = 1 };
  gsl_matrix empty = { .size1 = 2 };
  cr_assert_null (sb_operator_identity_alloc (0));
  cr_assert_null (sb_operator_scalar_alloc (0, 1));
  cr_assert_null (sb_operator_diagonal_alloc (&nothing));
  const gsl_vector_const_view column = gsl_matrix_const_column (matrix_of (2, 2, 1, 0, GSL_NAN, 0), 0);
  cr_assert_null (sb_operator_diagonal_alloc (&column.vector));
  cr_assert_null (sb_operator_mask_alloc (&nothing));
  cr_assert_null (sb_operator_dense_alloc (&empty));
  cr_assert_null (sb_operator_mask_alloc (vector_of (0.5)), "half a mask");
  cr_assert_null (sb_operator_mask_alloc (vector_of (GSL_NAN)), "a mask that is no number");
  cr_assert_null (sb_operator_select_alloc (vector_of (0, 0)), "nothing is selected");
  cr_assert_null (sb_operator_select_alloc (vector_of (1, 0.5)), "half of a coordinate");
  cr_assert_null (sb_operator_cosine_alloc (0, 1, 1));
  cr_assert_null (sb_operator_cosine_alloc (1, 0, 1));
  cr_assert_null (sb_operator_cosine_alloc (1, 1, 0));
  cr_assert_null (sb_operator_cosine_alloc (1, (size_t)1 << 33, 1));
  cr_assert_null (sb_operator_fourier_alloc (1, 0, 1));
}
