// # What a training draws its samples from
//
// With replacement: a draw of $\lfloor un \rfloor$ for each sample, nothing to remember between epochs.

#include "../base/error.h"
#include "trainer.h"

static int
draw_uniform (sb_stream stream, double *u)
{
  gsl_matrix_view one = gsl_matrix_view_array (u, 1, 1);
  return sb_stream_uniforms (stream, 0, &one.matrix);
}

static int
draw_number (sb_stream stream, size_t count, size_t *k)
{
  double u;
  int status = draw_uniform (stream, &u);
  *k = status ? 0 : (size_t)(u * (double)count);
  return status;
}

static int
draw_bytes (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)y;
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
  return (sb_examples){ draw_bytes, examples, 0 };
}

static int
draw_rows (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)y;
  const gsl_matrix *rows = state;
  size_t k;
  if (x->size2 != rows->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "rows of %zu numbers, for points of %zu", x->size2, rows->size2);
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
  return (sb_examples){ draw_rows, rows, 0 };
}

// ## Their classes
//
// The stream's number that chose a point is drawn again, and chooses its label.

static int
draw_labelled (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  const sb_labelled_examples *examples = state;
  int status = examples->points.draw (examples->points.state, stream, x, NULL);
  for (size_t i = 0; y && i < y->size1 && !status; i++)
    {
      size_t k;
      double u = 0;
      sb_stream row = sb_stream_skip (stream, i), drop = { row.seed, SB_FOR_DROP, row.index };
      status = draw_number (row, examples->labels->shape.length[0], &k);
      if (!status)
        status = draw_uniform (drop, &u);
      gsl_matrix_set (y, i, 0, u < examples->drop ? -1 : examples->labels->data[k]);
    }
  return status;
}

sb_examples
sb_examples_with_labels (const sb_labelled_examples *examples)
{
  return (sb_examples){ draw_labelled, examples, 1 };
}

int
sb_labels_check (const sb_bytes *labels, size_t points, size_t classes)
{
  if (labels->shape.rank != 1 || labels->shape.length[0] != points)
    SB_ERROR (NULL, GSL_EBADLEN, "there is not one label for each of %zu points", points);
  for (size_t i = 0; i < points; i++)
    if (labels->data[i] >= classes)
      SB_ERROR (NULL, GSL_EDOM, "label %d of point %zu is not one of the network's %zu classes", labels->data[i], i,
                classes);
  return GSL_SUCCESS;
}
