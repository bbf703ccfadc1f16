// # Training a classifier
//
// Samples are judged by a classifier of real images, and guided by one of noisy images. One task trains either. The
// second minimises a mixture over $t$ of cross-entropies, [scoresde.txt-classifier-training] [scoresde.set-classifier]
// $$ \mathbb E_t\,\mathbb E_{(\mathbf x(0), y)}\,\mathbb E_{\mathbf x(t) \mid \mathbf x(0)}
//    \bigl[-\log p_t(y \mid \mathbf x(t))\bigr] , $$
// as the score's loss (7) is one of squares.

#include "classify.h"

#include "../base/error.h"
#include "../objective/objective.h"
#include "../score/cross_entropy.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

// ## Workspace

typedef struct
{
  sb_network_pass *pass;
  sb_objective objective;    // which times are drawn, and
  sb_objective_batch *batch; // the noise; NULL: none is
  gsl_matrix *x, *y;         // rows x d (NULL: the batch's), rows x 1
  unsigned char *labels;
  gsl_matrix *logits;
  gsl_vector *loss;
} workspace;

static void
workspace_free (void *state)
{
  workspace *w = state;
  sb_network_pass_free (w->pass);
  sb_objective_batch_free (w->batch);
  gsl_matrix_free (w->x);
  gsl_matrix_free (w->y);
  free (w->labels);
  gsl_matrix_free (w->logits);
  gsl_vector_free (w->loss);
  free (w);
}

static int
find_points (const sb_classifying *c, size_t rows, workspace *w)
{
  const sb_process *process = c->network.process;
  if (!process)
    {
      w->x = gsl_matrix_alloc (rows, sb_net_shape_size (sb_net_input (c->network.net)));
      return w->x ? GSL_SUCCESS : GSL_ENOMEM;
    }
  w->objective = sb_objective_of (sb_objective_dsm, process, c->t_min);
  w->batch = sb_objective_batch_alloc (&w->objective, rows);
  return w->batch ? GSL_SUCCESS : GSL_ENOMEM;
}

static void *
workspace_alloc (const void *state, size_t rows)
{
  const sb_classifying *c = state;
  workspace *w = calloc (1, sizeof *w);
  if (!w)
    return NULL;
  w->pass = sb_network_pass_alloc (&c->network, rows, 1);
  w->y = gsl_matrix_alloc (rows, 1);
  w->labels = malloc (rows);
  w->logits = gsl_matrix_alloc (rows, sb_net_shape_size (sb_net_output (c->network.net)));
  w->loss = gsl_vector_alloc (rows);
  if (w->pass && w->y && w->labels && w->logits && w->loss && !find_points (c, rows, w))
    return w;
  workspace_free (w);
  return NULL;
}

// ## A shard

static int
draw_points (const sb_classifying *c, workspace *w, sb_stream stream, gsl_matrix *x_0, gsl_matrix *y)
{
  stream.purpose = SB_FOR_DATA;
  int status = c->examples.draw (c->examples.state, stream, x_0, y);
  for (size_t i = 0; i < y->size1 && !status; i++)
    w->labels[i] = (unsigned char)gsl_matrix_get (y, i, 0);
  return status || !w->batch ? status : sb_objective_draw_points (stream, w->batch);
}

static int
work (const void *state, void *of_thread, sb_stream stream, size_t rows, double share, float *gradient, double *loss,
      const char **layer)
{
  const sb_classifying *c = state;
  workspace *w = of_thread;
  gsl_matrix_view logits = gsl_matrix_submatrix (w->logits, 0, 0, rows, w->logits->size2),
                  y = gsl_matrix_submatrix (w->y, 0, 0, rows, 1);
  gsl_vector_view losses = gsl_vector_subvector (w->loss, 0, rows);
  gsl_matrix some;
  if (w->batch)
    sb_objective_batch_rows (w->batch, rows);
  else
    some = gsl_matrix_submatrix (w->x, 0, 0, rows, w->x->size2).matrix;

  // Draw points, and go forward.
  int status = draw_points (c, w, stream, w->batch ? &w->batch->x_0 : &some, &y.matrix);
  if (!status)
    status = sb_network_logits (&c->network, w->pass, w->batch ? &w->batch->x : &some, w->batch ? &w->batch->t : NULL,
                                &logits.matrix);
  if (!status)
    status = sb_cross_entropy (w->labels, &logits.matrix, &losses.vector);

  // Go back.
  gsl_matrix_scale (&logits.matrix, share);
  if (!status)
    status = sb_network_logits_backward (&c->network, w->pass, &logits.matrix, gradient, NULL);

  *loss = 0;
  for (size_t i = 0; i < rows && !status; i++)
    *loss += share * gsl_vector_get (&losses.vector, i);
  *layer = gsl_finite (*loss) ? NULL : sb_net_not_finite (c->network.net, w->pass->work);
  return status;
}

static const sb_task_type type = { "classification", workspace_alloc, workspace_free, work, NULL, NULL };

sb_task
sb_classifying_task (const sb_classifying *classifying)
{
  return (sb_task){ &type, classifying, classifying->network.net };
}
