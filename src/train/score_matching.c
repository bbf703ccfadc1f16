// # Training a score
//
// The one task of all objectives: data are drawn, the objective chooses the points at which the network is evaluated,
// and then computes the loss.

#include "score_matching.h"

#include "../score/tweedie.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

// ## Workspace

typedef struct
{
  const sb_score_matching *task;
  sb_network_pass *pass;
  sb_objective_batch *batch;
  sb_score *score;              // the same network, for such objectives
  gsl_matrix *y;                // conditions, of every point; NULL: there are none
  gsl_matrix given, given_more; // those in use, and those of the points after the first
  sb_stream drop, drop_first;   // what dropout draws from: at the points at hand, and at the first
  const char *layer;            // the first that was not finite at the points so far; NULL: none
  double share;                 // of a sample in the loss
  float *gradient;
} workspace;

static void
workspace_free (void *state)
{
  workspace *w = state;
  sb_network_pass_free (w->pass);
  sb_objective_batch_free (w->batch);
  sb_score_free (w->score);
  gsl_matrix_free (w->y);
  free (w);
}

static bool
passes_alloc (workspace *w, size_t rows)
{
  const sb_network *network = &w->task->network;
  const bool later = w->task->objective.type->draw_more;
  const size_t first = later ? rows : rows * w->batch->points;
  w->pass = w->task->objective.type->derivatives ? sb_network_pass_dual_alloc (network, rows)
                                                 : sb_network_pass_alloc (network, first, 1);
  if (!w->pass)
    return false;
  w->pass->drop = &w->drop;
  if (!later)
    return true;
  w->score = sb_score_network_alloc (network);
  return w->score && !sb_score_network_prepare (w->score) && !sb_objective_prepare (w->score, w->batch);
}

static void *
workspace_alloc (const void *state, size_t rows)
{
  const sb_score_matching *task = state;
  workspace *w = calloc (1, sizeof *w);
  if (!w)
    return NULL;
  w->task = task;
  w->batch = sb_objective_batch_alloc (&task->objective, rows);
  if (w->batch && task->examples.conditions > 0)
    w->y = gsl_matrix_alloc (rows * w->batch->points, task->examples.conditions);
  if (w->batch && (w->y || task->examples.conditions == 0) && passes_alloc (w, rows))
    return w;
  workspace_free (w);
  return NULL;
}

static const gsl_matrix *
conditions (const workspace *w)
{
  return w->y ? &w->given : NULL;
}

// Data and their conditions, which are the same at all points of a row.

static int
draw_data (workspace *w, sb_stream stream)
{
  const sb_examples *examples = &w->task->examples;
  sb_objective_batch *b = w->batch;
  if (!w->y)
    return examples->draw (examples->state, stream, &b->x_0, NULL);
  w->given = gsl_matrix_submatrix (w->y, 0, 0, b->points * b->n, w->y->size2).matrix;
  gsl_matrix first = sb_batch_block (&w->given, b->n, 0);
  return examples->draw (examples->state, stream, &b->x_0, &first);
}

static void
spread_conditions (workspace *w)
{
  sb_objective_batch *b = w->batch;
  for (size_t k = 0; k < (b->points - 1) * b->more && w->y; k++)
    {
      gsl_vector_const_view from = gsl_matrix_const_row (w->y, b->row[k % b->more]);
      gsl_matrix_set_row (w->y, b->n + k, &from.vector);
    }
  if (w->y && b->more > 0)
    w->given_more = gsl_matrix_submatrix (w->y, b->n, 0, b->more, w->y->size2).matrix;
  b->y_more = w->y ? &w->given_more : NULL;
}

// ## By values
//
// The network's estimate is converted from its own view to the objective's; the gradient takes the same way back, and
// on to the weights.

// Some rows of a batch: all, or the first points and those that are drawn after them.

typedef struct
{
  gsl_matrix x, estimate, bar, y;
  gsl_vector t;
  sb_stream drop;
} points;

static points
points_of (const workspace *w, size_t first, size_t count)
{
  sb_objective_batch *b = w->batch;
  points p
      = { .drop = sb_stream_skip (w->drop_first, first), .x = b->x, .estimate = b->estimate, .bar = b->bar, .t = b->t };
  gsl_matrix *const of_points[] = { &p.x, &p.estimate, &p.bar };
  for (size_t k = 0; k < 3; k++)
    {
      of_points[k]->data += first * of_points[k]->tda;
      of_points[k]->size1 = count;
    }
  p.t.data += first;
  p.t.size = count;
  if (w->y)
    p.y = gsl_matrix_submatrix (w->y, first, 0, count, w->y->size2).matrix;
  return p;
}

static int
go_forward (workspace *w, points *p)
{
  const sb_network *network = &w->task->network;
  w->drop = p->drop;
  int status = sb_network_forward (network, w->pass, &p->x, &p->t, w->y ? &p->y : NULL, &p->estimate);
  double least = 0, largest = 0;
  if (!status)
    gsl_matrix_minmax (&p->estimate, &least, &largest);
  if (!w->layer && !gsl_finite (largest - least))
    w->layer = sb_net_not_finite (network->net, w->pass->work);
  return status ? status
                : sb_tweedie (network->process, sb_network_view (network), w->batch->objective->type->view, &p->x,
                              &p->t, &p->estimate);
}

static int
go_back (const workspace *w, points *p)
{
  const sb_network *network = &w->task->network;
  int status = sb_tweedie_transposed (network->process, sb_network_view (network), w->batch->objective->type->view,
                                      &p->t, &p->bar, NULL);
  gsl_matrix_scale (&p->bar, w->share);
  return status ? status : sb_network_backward (network, w->pass, &p->t, &p->bar, w->gradient, NULL);
}

// A pass stores the output of every layer, which is most of the memory. One serves all points: all but the last to go
// forward do so again before they go back, two passes more than the 13 forward and 3 back of consistency.

static int
return_to (workspace *w, points *p)
{
  const int status = go_forward (w, p);
  return status ? status : go_back (w, p);
}

static int
learn_from_values (workspace *w)
{
  sb_objective_batch *b = w->batch;
  const bool later = b->objective->type->draw_more;
  points first = points_of (w, 0, later ? b->n : b->t.size), end = { 0 };
  int status = go_forward (w, &first);
  if (!status && later)
    status = sb_objective_draw_more (w->score, b);
  const size_t ends = later && b->more > 0 ? b->points - 1 : 0;
  for (size_t k = 0; k < ends && !status; k++)
    {
      end = points_of (w, b->n + k * b->more, b->more);
      status = go_forward (w, &end);
    }
  if (!status)
    status = sb_objective_find_loss (b);
  if (status || ends == 0)
    return status ? status : go_back (w, &first);
  status = go_back (w, &end);
  for (size_t k = ends - 1; k > 0 && !status; k--)
    {
      end = points_of (w, b->n + (k - 1) * b->more, b->more);
      status = return_to (w, &end);
    }
  return status ? status : return_to (w, &first);
}

// ## By derivatives
//
// Each direction is a pass of the network and its derivative together, forward and backward. Where a sample has
// several, the first passes find the loss, and each is repeated when its gradient is known; the estimate's own gradient
// goes with the first.

static int
pass_along (const workspace *w, size_t m)
{
  sb_objective_batch *b = w->batch;
  const sb_network *network = &w->task->network;
  const sb_view own = sb_network_view (network), view = b->objective->type->view;
  gsl_matrix v = sb_batch_block (&b->v, b->n, m), Jv = sb_batch_block (&b->Jv, b->n, m);
  int status = sb_network_dual_forward (network, w->pass, &b->x, &b->t, conditions (w), &v, &b->estimate, &Jv);
  if (!status)
    status = sb_tweedie (network->process, own, view, &b->x, &b->t, &b->estimate);
  return status ? status : sb_tweedie (network->process, own, view, &v, &b->t, &Jv);
}

static int
back_along (const workspace *w, size_t m)
{
  sb_objective_batch *b = w->batch;
  const sb_network *network = &w->task->network;
  const sb_view own = sb_network_view (network), view = b->objective->type->view;
  gsl_matrix Jv_bar = sb_batch_block (&b->Jv_bar, b->n, m);
  int status = b->directions > 1 ? pass_along (w, m) : GSL_SUCCESS;
  if (!status)
    status = sb_tweedie_transposed (network->process, own, view, &b->t, &Jv_bar, NULL);
  if (!status)
    status = sb_network_dual_backward (network, w->pass, &b->t, &b->bar, &Jv_bar, w->gradient);
  gsl_matrix_set_zero (&b->bar);
  return status;
}

static int
learn_from_derivatives (workspace *w)
{
  sb_objective_batch *b = w->batch;
  const sb_network *network = &w->task->network;
  int status = GSL_SUCCESS;

  // Go forward along each direction.
  for (size_t m = 0; m < b->directions && !status; m++)
    status = pass_along (w, m);
  if (!status)
    status = sb_objective_find_loss (b);

  // Go back.
  if (!status)
    status = sb_tweedie_transposed (network->process, sb_network_view (network), b->objective->type->view, &b->t,
                                    &b->bar, NULL);
  gsl_matrix_scale (&b->bar, w->share);
  gsl_matrix_scale (&b->Jv_bar, w->share);
  for (size_t m = 0; m < b->directions && !status; m++)
    status = back_along (w, m);
  return status;
}

// ## Where a number is not finite
//
// At the end the pass holds the first points; a layer that failed at others has been noted.

static const char *
layer_of (const workspace *w)
{
  const sb_net *net = w->task->network.net;
  if (!w->pass->work)
    return "(the score or its derivative)";
  return w->layer ? w->layer : sb_net_not_finite (net, w->pass->work);
}

// ## A shard
//
// From data to gradient, on one thread: a few samples, so that what a layer writes is still in the cache when the next
// reads it. [scoresde.eq7]

static int
work (const void *state, void *of_thread, sb_stream stream, size_t rows, double share, float *gradient, double *loss,
      const char **layer)
{
  const sb_score_matching *task = state;
  workspace *w = of_thread;
  sb_objective_batch *b = w->batch;
  w->share = task->per_dimension ? share / (double)task->network.process->dimension : share;
  w->gradient = gradient;
  w->layer = NULL;

  // Draw the data, and the objective's points.
  sb_objective_batch_rows (b, rows);
  w->drop = w->drop_first = (sb_stream){ stream.seed, SB_FOR_DROPOUT, stream.index * b->points };
  stream.purpose = SB_FOR_DATA;
  int status = draw_data (w, stream);
  if (!status)
    status = sb_objective_draw (stream, b);

  // Go through the network, and back.
  spread_conditions (w);
  if (!status)
    status = (task->objective.type->derivatives ? learn_from_derivatives : learn_from_values) (w);
  if (status)
    return status;

  *loss = 0;
  for (size_t i = 0; i < rows; i++)
    *loss += w->share * gsl_vector_get (&b->loss, i);
  *layer = gsl_finite (*loss) ? NULL : layer_of (w);
  return GSL_SUCCESS;
}

static double
regulariser (const void *of_thread)
{
  const workspace *w = of_thread;
  double sum = 0;
  for (size_t i = 0; i < w->batch->n; i++)
    sum += w->share * gsl_vector_get (&w->batch->regulariser, i);
  return sum;
}

static size_t
unseen (const void *of_thread)
{
  const workspace *w = of_thread;
  return w->batch->below;
}

static const sb_task_type type = { "score matching", workspace_alloc, workspace_free, work, regulariser, unseen };

sb_task
sb_score_matching_task (const sb_score_matching *matching)
{
  return (sb_task){ &type, matching, matching->network.net };
}
