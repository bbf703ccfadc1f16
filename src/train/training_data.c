// # What a training draws its samples from
//
// With replacement: a draw of $\lfloor un \rfloor$ for each sample, so that no state is kept between epochs. Three more
// numbers of the same stream set how far an image is moved, down and across, and whether it is flipped.

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

static long
offset (double u, size_t shift)
{
  return (long)(u * (double)(2 * shift + 1)) - (long)shift;
}

// The pixel at (i, j) is that of (i - down, j - across) before, or of its mirror image.

static void
move_image (const sb_byte_examples *e, size_t point, long down, long across, bool flipped, gsl_matrix *row)
{
  const sb_shape *shape = &e->bytes->shape;
  const long height = (long)shape->length[1], width = (long)shape->length[2],
             channels = shape->rank == 4 ? (long)shape->length[3] : 1, d = height * width * channels;
  const unsigned char *image = e->bytes->data + point * (size_t)d;
  for (long k = 0; k < d; k++)
    {
      const long from = k / channels / width - down, at = k / channels % width - across;
      const bool inside = from >= 0 && from < height && at >= 0 && at < width;
      const long column = flipped ? width - 1 - at : at;
      const double byte = inside ? image[(from * width + column) * channels + k % channels] : 0;
      gsl_matrix_set (row, 0, (size_t)k, e->low + (e->high - e->low) * (byte / 255));
    }
}

static int
draw_image (const sb_byte_examples *e, sb_stream stream, gsl_matrix *row)
{
  const sb_shape *shape = &e->bytes->shape;
  size_t k;
  int status = draw_number (stream, shape->length[0], &k);
  if (!status)
    status = sb_bytes_rows (e->bytes, k, e->low, e->high, row);
  if (status || (e->shift == 0 && !e->flip))
    return status;
  if (shape->rank != 3 && shape->rank != 4)
    SB_ERROR (NULL, GSL_EINVAL, "points of %zu axes are no images to be moved or flipped", shape->rank - 1);
  double u[3];
  gsl_matrix_view three = gsl_matrix_view_array (u, 1, 3);
  status = sb_stream_uniforms (stream, 1, &three.matrix);
  if (!status)
    move_image (e, k, offset (u[0], e->shift), offset (u[1], e->shift), e->flip && u[2] < 0.5, row);
  return status;
}

static int
draw_bytes (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  int status = GSL_SUCCESS;
  (void)y;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      gsl_matrix_view row = gsl_matrix_submatrix (x, i, 0, 1, x->size2);
      status = draw_image (state, sb_stream_skip (stream, i), &row.matrix);
    }
  return status;
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
