// # Training a classifier
//
// Samples are judged by a network that knows the classes of real images. This task trains it.

#include "classify.h"

#include "../base/error.h"
#include "../objective/cross_entropy.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>
#include <string.h>

// ## What fits together

int
sb_classifying_check (const sb_classifying *c)
{
  sb_net_shape in = sb_net_input (c->net), out = sb_net_output (c->net);
  const sb_shape *images = &c->images->shape;
  size_t count = images->length[0], channels = images->rank == 4 ? images->length[3] : 1;
  if (sb_shape_count (images, 1, SIZE_MAX - 1) != sb_net_shape_size (in) || in.channels != channels)
    SB_ERROR (NULL, GSL_EBADLEN, "the images have %zu numbers in %zu channels, the network's input %zu in %zu",
              sb_shape_count (images, 1, SIZE_MAX - 1), channels, sb_net_shape_size (in), in.channels);
  return sb_labels_check (c->labels, count, sb_net_shape_size (out));
}

// ## Drawing
//
// Three uniform numbers a sample: which image, and how far it moves down and across. Where it moves away from, there
// is black. In the file a pixel's channels stand side by side; the network has channel after channel.

static long
offset (double u, size_t shift)
{
  return (long)(u * (double)(2 * shift + 1)) - (long)shift;
}

static void
move_image (const sb_classifying *c, const unsigned char *image, long down, long across, float *x)
{
  sb_net_shape shape = sb_net_input (c->net);
  long height = (long)shape.height, width = (long)shape.width, channels = (long)shape.channels;
  for (long k = 0; k < height * width * channels; k++)
    {
      long from = k / channels / width - down, at = k / channels % width - across;
      int inside = from >= 0 && from < height && at >= 0 && at < width;
      double byte = inside ? image[(from * width + at) * channels + k % channels] : 0;
      x[sb_net_place (shape, (size_t)k)] = (float)(c->low + (c->high - c->low) * byte / 255);
    }
}

int
sb_classifying_draw (const sb_classifying *c, sb_stream stream, size_t rows, float *x, unsigned char *labels)
{
  size_t d = sb_net_shape_size (sb_net_input (c->net)), count = c->images->shape.length[0];
  stream.purpose = SB_FOR_DATA;
  for (size_t i = 0; i < rows; i++)
    {
      double u[3];
      gsl_matrix_view three = gsl_matrix_view_array (u, 1, 3);
      int status = sb_stream_uniforms (sb_stream_skip (stream, i), 0, &three.matrix);
      if (status)
        return status;
      size_t k = (size_t)(u[0] * (double)count);
      move_image (c, c->images->data + k * d, offset (u[1], c->shift), offset (u[2], c->shift), x + i * d);
      labels[i] = c->labels->data[k];
    }
  return GSL_SUCCESS;
}

// ## Workspace

typedef struct
{
  sb_net_work *work;
  float *x, *out; // rows x d, rows x classes
  unsigned char *labels;
  gsl_matrix *logits;
  gsl_vector *loss;
} workspace;

static void
workspace_free (void *state)
{
  workspace *w = state;
  sb_net_work_free (w->work);
  free (w->x);
  free (w->out);
  free (w->labels);
  gsl_matrix_free (w->logits);
  gsl_vector_free (w->loss);
  free (w);
}

static void *
workspace_alloc (const void *state, size_t rows)
{
  const sb_classifying *c = state;
  size_t d = sb_net_shape_size (sb_net_input (c->net)), classes = sb_net_shape_size (sb_net_output (c->net));
  workspace *w = calloc (1, sizeof *w);
  if (!w)
    return NULL;
  w->work = sb_net_work_alloc (c->net, rows, 1);
  w->x = calloc (rows * d, sizeof *w->x);
  w->out = calloc (rows * classes, sizeof *w->out);
  w->labels = calloc (rows, 1);
  w->logits = gsl_matrix_alloc (rows, classes);
  w->loss = gsl_vector_alloc (rows);
  if (!w->work || !w->x || !w->out || !w->labels || !w->logits || !w->loss)
    {
      workspace_free (w);
      return NULL;
    }
  return w;
}

// ## A shard

static int
work (const void *state, void *of_thread, sb_stream stream, size_t rows, double share, float *gradient, double *loss,
      const char **layer)
{
  const sb_classifying *c = state;
  workspace *w = of_thread;
  size_t classes = w->logits->size2;
  gsl_matrix_view logits = gsl_matrix_submatrix (w->logits, 0, 0, rows, classes);
  gsl_vector_view losses = gsl_vector_subvector (w->loss, 0, rows);

  int status = sb_classifying_draw (c, stream, rows, w->x, w->labels);
  if (!status)
    status = sb_net_forward (c->net, c->theta, rows, w->x, NULL, NULL, w->work, w->out);
  for (size_t k = 0; k < rows * classes && !status; k++)
    gsl_matrix_set (&logits.matrix, k / classes, k % classes, (double)w->out[k]);
  if (!status)
    status = sb_cross_entropy (w->labels, &logits.matrix, &losses.vector);
  for (size_t k = 0; k < rows * classes && !status; k++)
    w->out[k] = (float)(share * gsl_matrix_get (&logits.matrix, k / classes, k % classes));
  if (!status)
    status = sb_net_backward (c->net, c->theta, w->work, w->out, gradient, NULL);

  *loss = 0;
  for (size_t i = 0; i < rows && !status; i++)
    *loss += share * gsl_vector_get (&losses.vector, i);
  *layer = gsl_finite (*loss) ? NULL : sb_net_not_finite (c->net, w->work);
  return status;
}

static const sb_task_type type = { "classification", workspace_alloc, workspace_free, work };

sb_task
sb_classifying_task (const sb_classifying *classifying)
{
  return (sb_task){ &type, classifying, classifying->net };
}
