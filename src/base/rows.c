// # Copies of points

#include "rows.h"

#include "error.h"

#include <string.h>

enum
{
  FEW_NUMBERS = 32
};

int
sb_copy_rows (gsl_matrix *to, const gsl_matrix *from)
{
  const size_t rows = from->size1, d = from->size2;
  if (to->size1 != rows || to->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu x %zu numbers do not fit into %zu x %zu", rows, d, to->size1, to->size2);
  if (from->tda == d && to->tda == d)
    memcpy (to->data, from->data, rows * d * sizeof *to->data);
  else if (d > FEW_NUMBERS)
    return gsl_matrix_memcpy (to, from);
  else
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < d; j++)
        to->data[i * to->tda + j] = from->data[i * from->tda + j];
  return GSL_SUCCESS;
}
