// # What a training draws its samples from
//
// With replacement: a draw of $\lfloor un \rfloor$ for each sample, nothing to remember between epochs.

#include "trainer.h"

static int
draw_number (sb_stream stream, size_t count, size_t *k)
{
  double u;
  gsl_matrix_view one = gsl_matrix_view_array (&u, 1, 1);
  int status = sb_stream_uniforms (stream, 0, &one.matrix);
  *k = status ? 0 : (size_t)(u * (double)count);
  return status;
}

static int
draw_bytes (const void *state, sb_stream stream, gsl_matrix *x)
{
  const sb_byte_examples *examples = state;
  size_t k, count = examples->bytes->shape.length[0];
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_matrix_view row = gsl_matrix_submatrix (x, i, 0, 1, x->size2);
      int status = draw_number (sb_stream_skip (stream, i), count, &k);
      if (!status)
        status = sb_bytes_rows (examples->bytes, k, examples->low, examples->high, &row.matrix);
      if (status)
        return status;
    }
  return GSL_SUCCESS;
}

sb_examples
sb_examples_of_bytes (const sb_byte_examples *examples)
{
  return (sb_examples){ draw_bytes, examples };
}

static int
draw_rows (const void *state, sb_stream stream, gsl_matrix *x)
{
  const gsl_matrix *rows = state;
  size_t k;
  if (x->size2 != rows->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the points have %zu coordinates", x->size1, x->size2, rows->size2);
  for (size_t i = 0; i < x->size1; i++)
    {
      int status = draw_number (sb_stream_skip (stream, i), rows->size1, &k);
      if (status)
        return status;
      gsl_vector_const_view point = gsl_matrix_const_row (rows, k);
      gsl_matrix_set_row (x, i, &point.vector);
    }
  return GSL_SUCCESS;
}

sb_examples
sb_examples_of_rows (const gsl_matrix *rows)
{
  return (sb_examples){ draw_rows, rows };
}
