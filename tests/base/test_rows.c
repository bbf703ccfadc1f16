// # Copies of points
//
// Of few numbers and of many, beside each other and with gaps: the numbers are there, and the gaps are as they were.

#include "base/rows.h"
#include "scope.h"

SUITE (rows);

Test (rows, copies_keep_gaps)
{
  enum
  {
    N = 3
  };
  for (size_t d = 31; d <= 33; d++)
    for (int gaps = 0; gaps < 4; gaps++)
      {
        gsl_matrix *from = normals (N, d + 2, 1), *to = matrix_all (N, d + 2, 7);
        const size_t wide = d + 2;
        gsl_matrix source = gaps & 1 ? gsl_matrix_submatrix (from, 0, 1, N, d).matrix : *normals (N, d, 1),
                   target = gaps & 2 ? gsl_matrix_submatrix (to, 0, 1, N, d).matrix : *matrix (N, d);
        ok (sb_copy_rows (&target, &source));
        cr_assert (gsl_matrix_equal (&target, &source), "%zu numbers, gaps %d", d, gaps);
        for (size_t i = 0; i < N; i++)
          cr_assert (gsl_matrix_get (to, i, 0) == 7 && gsl_matrix_get (to, i, wide - 1) == 7);
      }
  refused (GSL_EBADLEN, sb_copy_rows (matrix (N, 4), matrix (N, 5)));
  refused (GSL_EBADLEN, sb_copy_rows (matrix (N, 4), matrix (N + 1, 4)));
}
