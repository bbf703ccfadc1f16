// # Training a denoiser
//
// The task of denoising score matching: data are noised, the network says what the noise was, and the objective says
// how well.

#include "trainer.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

// ## The data
//
// With replacement: a draw of $\lfloor un \rfloor$ for each sample, nothing to remember between epochs.

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
    GSL_ERROR ("the rows of x have another length than the points", GSL_EBADLEN);
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

// ## Room

typedef struct
{
  sb_network_pass *pass;
  gsl_matrix *x, *z, *epsilon, *epsilon_bar; // rows x d
  gsl_matrix *y;                             // rows x conditions; NULL: there are none
  gsl_vector *t, *loss;
} room;

static void
room_free (void *state)
{
  room *r = state;
  sb_network_pass_free (r->pass);
  gsl_matrix_free (r->x);
  gsl_matrix_free (r->y);
  gsl_matrix_free (r->z);
  gsl_matrix_free (r->epsilon);
  gsl_matrix_free (r->epsilon_bar);
  gsl_vector_free (r->t);
  gsl_vector_free (r->loss);
  free (r);
}

static void *
room_alloc (const void *state, size_t rows)
{
  const sb_denoising *task = state;
  size_t d = task->network.process->dimension, conditions = task->examples.conditions;
  room *r = calloc (1, sizeof *r);
  if (!r)
    return NULL;
  r->pass = sb_network_pass_alloc (&task->network, rows, 1);
  r->x = gsl_matrix_alloc (rows, d);
  r->y = conditions > 0 ? gsl_matrix_alloc (rows, conditions) : NULL;
  r->z = gsl_matrix_alloc (rows, d);
  r->epsilon = gsl_matrix_alloc (rows, d);
  r->epsilon_bar = gsl_matrix_alloc (rows, d);
  r->t = gsl_vector_alloc (rows);
  r->loss = gsl_vector_alloc (rows);
  if (!r->pass || !r->x || (conditions > 0 && !r->y) || !r->z || !r->epsilon || !r->epsilon_bar || !r->t || !r->loss)
    {
      room_free (r);
      return NULL;
    }
  return r;
}

// ## A shard
//
// From data to gradient, on one thread: a few samples, so that what a layer writes is still in the cache when the next
// reads it. [scoresde.eq7]

static int
work (const void *state, void *of_thread, sb_stream stream, size_t rows, double share, float *gradient, double *loss,
      const char **culprit)
{
  const sb_denoising *task = state;
  room *r = of_thread;
  size_t d = r->x->size2;
  gsl_matrix_view x = gsl_matrix_submatrix (r->x, 0, 0, rows, d), z = gsl_matrix_submatrix (r->z, 0, 0, rows, d),
                  epsilon = gsl_matrix_submatrix (r->epsilon, 0, 0, rows, d),
                  epsilon_bar = gsl_matrix_submatrix (r->epsilon_bar, 0, 0, rows, d);
  gsl_matrix *whole = r->y ? r->y : r->x;
  gsl_matrix_view given = gsl_matrix_submatrix (whole, 0, 0, rows, whole->size2);
  gsl_matrix *y = r->y ? &given.matrix : NULL;
  gsl_vector_view t = gsl_vector_subvector (r->t, 0, rows), losses = gsl_vector_subvector (r->loss, 0, rows);

  stream.purpose = SB_FOR_DATA;
  int status = task->examples.draw (task->examples.state, stream, &x.matrix, y);
  if (!status)
    status = sb_dsm_draw (&task->dsm, stream, &t.vector, &z.matrix, &epsilon.matrix, &x.matrix); // room for its noise
  if (!status)
    status = sb_network_forward (&task->network, r->pass, &x.matrix, &t.vector, y, &epsilon.matrix);
  if (!status)
    status = sb_dsm_loss (&task->dsm, &t.vector, &z.matrix, &epsilon.matrix, &losses.vector, &epsilon_bar.matrix);
  if (!status)
    status = gsl_matrix_scale (&epsilon_bar.matrix, share / (double)d);
  if (!status)
    status = sb_network_backward (&task->network, r->pass, &t.vector, &epsilon_bar.matrix, gradient, NULL);
  if (status)
    return status;

  *loss = 0;
  for (size_t i = 0; i < rows; i++)
    *loss += share / (double)d * gsl_vector_get (&losses.vector, i);
  *culprit = gsl_finite (*loss) ? NULL : sb_net_not_finite (task->network.net, r->pass->work);
  return GSL_SUCCESS;
}

static const sb_task_type type = { "denoising score matching", room_alloc, room_free, work };

sb_task
sb_denoising_task (const sb_denoising *denoising)
{
  return (sb_task){ &type, denoising, denoising->network.net };
}
