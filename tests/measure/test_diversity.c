// # What must be true of diversity

#include "measure/diversity.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_gamma.h>
#include <math.h>

SUITE (diversity);

// ## Of Gaussian reconstructions
//
// Groups of five with deviation s, about means of their own. The deviation with divisor m - 1 has the expectation
// c_4(m) s and the variance (1 - c_4(m)^2) s^2, c_4(m) = sqrt (2/(m-1)) Gamma (m/2) / Gamma ((m-1)/2): of n groups and
// d coordinates the mean is within 4.9 standard errors, a false alarm in 10^6. That with divisor m, .8407487 s, is
// hundreds off. [nonuniform.txt-diversity]

static double
c4 (size_t m)
{
  return sqrt (2. / (double)(m - 1)) * exp (gsl_sf_lngamma ((double)m / 2) - gsl_sf_lngamma ((double)(m - 1) / 2));
}

Test (diversity, of_gaussian_groups)
{
  enum
  {
    GROUPS = 10000,
    D = 3
  };
  cr_assert_float_eq (c4 (5), 0.9399856, 5e-8);
  const double s = 0.3;
  for (size_t m = 2; m <= SB_DIVERSITY_ROWS; m++)
    {
      gsl_matrix *x = normals (GROUPS * m, D, m), *means = normals (GROUPS, D, 17);
      gsl_matrix_scale (x, s);
      for (size_t i = 0; i < x->size1; i++)
        for (size_t j = 0; j < D; j++)
          *gsl_matrix_ptr (x, i, j) += gsl_matrix_get (means, i / m, j);
      gsl_vector *each = vector (GROUPS);
      double mean;
      ok (sb_diversity (x, m, each, &mean));
      cr_assert_float_eq (gsl_vector_sum (each) / GROUPS, mean, 1e-12, "groups of %zu", m);
      const double error = s * sqrt ((1 - c4 (m) * c4 (m)) / (GROUPS * D));
      cr_assert_float_eq (mean, c4 (m) * s, 4.9 * error, "groups of %zu: %g, not %g", m, mean, c4 (m) * s);
      cr_assert_gt (fabs (mean - sqrt ((double)(m - 1) / (double)m) * c4 (m) * s), 30 * error);
    }
}

// By hand: 1, 3 and 0, 0 in one group, deviations sqrt 2 and 0; 5, 5 and 2, 8 in another, 0 and sqrt 18. Of groups
// whose rows are equal it is 0, exactly. [nonuniform.txt-diversity]

Test (diversity, by_hand)
{
  gsl_matrix *x = matrix_of (4, 2, 1, 0, 3, 0, 5, 2, 5, 8);
  gsl_vector *each = vector (2);
  double mean;
  ok (sb_diversity (x, 2, each, &mean));
  cr_assert_float_eq (gsl_vector_get (each, 0), sqrt (2) / 2, 1e-15);
  cr_assert_float_eq (gsl_vector_get (each, 1), sqrt (18) / 2, 1e-15);
  cr_assert_float_eq (mean, sqrt (2), 1e-15);

  gsl_matrix *same = matrix (10, 300), *rows = normals (2, 300, 1);
  for (size_t i = 0; i < 10; i++)
    {
      gsl_vector_view row = gsl_matrix_row (rows, i / 5);
      gsl_matrix_set_row (same, i, &row.vector);
    }
  ok (sb_diversity (same, 5, NULL, &mean));
  cr_assert_eq (mean, 0);
  ok (sb_diversity (same, 10, each = vector (1), NULL));
  cr_assert_gt (gsl_vector_get (each, 0), 0, "of two images");
}

// An image of its own added to each group changes nothing, be it ever so bright; nor does the order within a group.
// Scaled, it is scaled, where squares are no doubles too. [nonuniform.txt-diversity]

Test (diversity, does_not_see_what_is_common)
{
  gsl_matrix *x = normals (20, 7, 2), *common = normals (4, 7, 3);
  for (size_t k = 0; k < 20 * 7; k++)
    x->data[k] = rint (x->data[k] * 0x1p20) / 0x1p20; // so that the sums below are exact
  gsl_vector *each = vector (4), *shifted = vector (4);
  double mean, other;
  ok (sb_diversity (x, 5, each, &mean));
  for (size_t i = 0; i < 20; i++)
    for (size_t j = 0; j < 7; j++)
      *gsl_matrix_ptr (x, i, j) += rint (1e8 * gsl_matrix_get (common, i / 5, j));
  ok (sb_diversity (x, 5, shifted, &other));
  for (size_t g = 0; g < 4; g++)
    cr_assert_float_eq (gsl_vector_get (shifted, g) / gsl_vector_get (each, g), 1, 1e-13);
  gsl_matrix_swap_rows (x, 0, 4);
  gsl_matrix_swap_rows (x, 6, 8);
  ok (sb_diversity (x, 5, NULL, &other));
  cr_assert_float_eq (other / mean, 1, 1e-13);
  gsl_matrix_swap_rows (x, 4, 5);
  ok (sb_diversity (x, 5, NULL, &other));
  cr_assert_gt (other, 1e6, "a row is of another group now");
}

Test (diversity, of_very_small_and_large_numbers)
{
  const double unit[] = { 1e-300, 1e-200, 1e200, 1e300 };
  double mean, scaled;
  ok (sb_diversity (normals (10, 4, 4), 5, NULL, &mean));
  for (size_t k = 0; k < 4; k++)
    {
      gsl_matrix *x = normals (10, 4, 4);
      gsl_matrix_scale (x, unit[k]);
      ok (sb_diversity (x, 5, NULL, &scaled));
      cr_assert_float_eq (scaled / unit[k] / mean, 1, 1e-13, "unit %g: %g", unit[k], scaled);
    }
  mean = 17;
  refused (GSL_EOVRFLW, sb_diversity (matrix_of (2, 1, -1.7e308, 1.7e308), 2, NULL, &mean));
  cr_assert_eq (mean, 17);
}

Test (diversity, refuses_what_does_not_fit)
{
  gsl_matrix *x = matrix_all (10, 3, 0), *none = matrix (0, 3), *flat = matrix (5, 0);
  double mean = 17;
  refused (GSL_EINVAL, sb_diversity (x, 0, NULL, &mean));
  refused (GSL_EINVAL, sb_diversity (x, 1, NULL, &mean));
  refused (GSL_EBADLEN, sb_diversity (x, 3, NULL, &mean));
  refused (GSL_EBADLEN, sb_diversity (x, 20, NULL, &mean));
  refused (GSL_EBADLEN, sb_diversity (none, 5, NULL, &mean));
  refused (GSL_EBADLEN, sb_diversity (flat, 5, NULL, &mean));
  refused (GSL_EBADLEN, sb_diversity (x, 5, vector (3), &mean));
  const double wrong[] = { GSL_NAN, GSL_POSINF, GSL_NEGINF };
  for (size_t k = 0; k < 9; k++)
    {
      gsl_matrix *planted = copy_of (x);
      planted->data[k / 3 * 29 / 2] = wrong[k % 3];
      refused (GSL_EDOM, sb_diversity (planted, 5, NULL, &mean));
    }
  cr_assert_eq (mean, 17);
  ok (sb_diversity (x, 5, NULL, NULL));
}
