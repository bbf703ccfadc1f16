// # What must be true of the sliced distance

#include "measure/sliced.h"
#include "measure/twosample.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (sliced);

static const sb_stream stream = { 7, SB_FOR_USER, 0 };

// A size that is refused is no distance at all.

static double
sliced (const gsl_matrix *x, const gsl_matrix *y, size_t count, double *error)
{
  double distance;
  ok (sb_sliced_wasserstein_2 (x, y, count, stream, &distance, error));
  return distance;
}

// On a line every direction is it or its opposite.

Test (sliced, on_a_line)
{
  double W, error;
  const gsl_matrix *x = normals (50, 1, 1), *y = normals (70, 1, 2);
  gsl_vector_const_view of_x = gsl_matrix_const_column (x, 0), of_y = gsl_matrix_const_column (y, 0);
  ok (sb_wasserstein_2 (&of_x.vector, &of_y.vector, &W));
  for (size_t count = 1; count < 9; count++)
    {
      cr_assert_float_eq (sliced (x, y, count, &error), W, 1e-13 * W);
      cr_assert_lt (error, 1e-8 * W);
    }
}

// A shift by $\mathbf m$ is $\theta^{\mathsf T}\mathbf m$ in each slice: $\lVert\mathbf m\rVert^2/d$ on average, and of
// the square of a coordinate on the sphere the variance is $2(d - 1)/d^2(d + 2)$. Within 4.9 standard errors, which are
// what this says.

Test (sliced, of_a_shift)
{
  for (size_t d = 2; d < 7; d += 2)
    {
      const size_t count = 4000;
      const double D = (double)d, m_2 = 9 * D;
      gsl_matrix *x = normals (300, d, 3), *y = copy_of (x);
      gsl_matrix_add_constant (y, 3);
      double error, distance = sliced (x, y, count, &error),
                    wanted = sqrt (2 * (D - 1) / (D * D * (D + 2)) / (double)count) * m_2 / (2 * sqrt (m_2 / D));
      cr_assert_float_eq (distance, sqrt (m_2 / D), 4.9 * error, "d = %zu: %g", d, distance);
      cr_assert_float_eq (error, wanted, .1 * wanted, "d = %zu: %g, not %g", d, error, wanted);
    }
}

// By hand: the directions are those of normals, and every slice is a distance on its line.

Test (sliced, slice_by_slice)
{
  const gsl_matrix *x = normals (20, 3, 4), *y = normals (31, 3, 5);
  gsl_matrix *directions = matrix (6, 3), *of_x = matrix (20, 6), *of_y = matrix (31, 6);
  double sum = 0;
  ok (sb_stream_normals ((sb_stream){ 7, SB_FOR_PROBE, 0 }, 0, directions));
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, x, directions, 0, of_x);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, y, directions, 0, of_y);
  for (size_t k = 0; k < 6; k++)
    {
      double W;
      gsl_vector_view a = gsl_matrix_column (of_x, k), b = gsl_matrix_column (of_y, k),
                      direction = gsl_matrix_row (directions, k);
      ok (sb_wasserstein_2 (&a.vector, &b.vector, &W));
      sum += gsl_pow_2 (W / gsl_blas_dnrm2 (&direction.vector)) / 6;
    }
  cr_assert_float_eq (sliced (x, y, 6, NULL), sqrt (sum), 1e-12);
}

// Nothing but the difference counts: not the origin, and the unit is a factor.

Test (sliced, anywhere_and_in_any_unit)
{
  gsl_matrix *x = normals (20, 3, 4), *y = normals (31, 3, 5);
  const double here = sliced (x, y, 20, NULL);
  gsl_matrix_add_constant (x, 1e8);
  gsl_matrix_add_constant (y, 1e8);
  cr_assert_float_eq (sliced (x, y, 20, NULL), here, 1e-7 * here);
  gsl_matrix_scale (x, 1e290);
  gsl_matrix_scale (y, 1e290);
  cr_assert_float_eq (sliced (x, y, 20, NULL) / 1e290, here, 1e-7 * here);
  double error = 17;
  cr_assert_eq (sliced (x, x, 3, &error), 0);
  cr_assert_eq (error, 0);
}

Test (sliced, refusals)
{
  double distance;
  gsl_matrix *x = normals (3, 2, 1), *bad = normals (3, 2, 1);
  gsl_matrix_set (bad, 1, 1, GSL_NAN);
  refused (GSL_EBADLEN, sb_sliced_wasserstein_2 (x, normals (3, 1, 1), 1, stream, &distance, NULL));
  refused (GSL_EBADLEN, sb_sliced_wasserstein_2 (x, x, 0, stream, &distance, NULL));
  refused (GSL_EBADLEN, sb_sliced_wasserstein_2 (matrix (3, 0), matrix (3, 0), 1, stream, &distance, NULL));
  refused (GSL_EBADLEN, sb_sliced_wasserstein_2 (matrix (0, 2), x, 1, stream, &distance, NULL));
  refused (GSL_EBADLEN, sb_sliced_wasserstein_2 (x, matrix (0, 2), 1, stream, &distance, NULL));
  refused (GSL_EDOM, sb_sliced_wasserstein_2 (x, bad, 1, stream, &distance, NULL));
  refused (GSL_ENOMEM, sb_sliced_wasserstein_2 (x, x, (size_t)1 << 62, stream, &distance, NULL));
  const gsl_matrix wide = { 3, (size_t)1 << 60, (size_t)1 << 60, NULL, NULL, 0 }; // refused before it is looked at
  refused (GSL_ENOMEM, sb_sliced_wasserstein_2 (&wide, &wide, 1, stream, &distance, NULL));
  refused (GSL_EOVRFLW, sb_sliced_wasserstein_2 (matrix_all (3, 1, 1.7e308), matrix_all (2, 1, -1.7e308), 1, stream,
                                                 &distance, NULL));
}
