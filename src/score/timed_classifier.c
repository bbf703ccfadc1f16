// # A classifier of noisy points
//
// A score is guided towards the class $y$ by $\nabla_{\mathbf x}\log p_t(y \mid \mathbf x(t))$, [scoresde.eq49] of a
// classifier for $\mathbf x(t)$ at every $t$ (`train/classify.c` trains it). [scoresde.txt-classifier-training]
// With logits $l_k(\mathbf x, t)$ and probabilities $p_k \propto e^{l_k}$ it is the result of a backward pass from
// $$ \frac{\partial\log p_y}{\partial l_k} = [k = y] - p_k . $$

#include "timed_classifier.h"

#include "../base/error.h"
#include "../base/pool.h"
#include "../base/shard.h"
#include "cross_entropy.h"

#include <math.h>
#include <stdlib.h>

struct sb_timed_classifier
{
  const sb_network *network;
  size_t classes;
  sb_pool *workspaces;
};

typedef struct
{
  sb_network_pass *pass;
  gsl_matrix *logits; // SB_NETWORK_ROWS x classes
} workspace;

static void
workspace_free (void *state)
{
  workspace *w = state;
  sb_network_pass_free (w->pass);
  gsl_matrix_free (w->logits);
  free (w);
}

static void *
workspace_alloc (const void *of)
{
  const sb_network *network = of;
  workspace *w = calloc (1, sizeof *w);
  if (!w)
    return NULL;
  w->pass = sb_network_pass_alloc (network, SB_NETWORK_ROWS, 1);
  w->logits = w->pass ? gsl_matrix_alloc (SB_NETWORK_ROWS, sb_net_shape_size (sb_net_output (network->net))) : NULL;
  if (w->logits)
    return w;
  workspace_free (w);
  return NULL;
}

void
sb_timed_classifier_free (sb_timed_classifier *classifier)
{
  if (!classifier)
    return;
  sb_pool_free (classifier->workspaces);
  free (classifier);
}

sb_timed_classifier *
sb_timed_classifier_alloc (const sb_network *network)
{
  if (!network->process)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a classifier of noisy points needs an input for the time");
  const sb_pool_recipe workspaces = { workspace_alloc, workspace_free, network };
  sb_timed_classifier *classifier = calloc (1, sizeof *classifier);
  if (!classifier)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a classifier");
  *classifier
      = (sb_timed_classifier){ network, sb_net_shape_size (sb_net_output (network->net)), sb_pool_alloc (&workspaces) };
  if (classifier->workspaces)
    return classifier;
  sb_timed_classifier_free (classifier);
  return NULL;
}

size_t
sb_timed_classifier_classes (const sb_timed_classifier *classifier)
{
  return classifier->classes;
}

// ## A few rows at a time

typedef struct
{
  const sb_timed_classifier *classifier;
  const gsl_matrix *x;
  const gsl_vector *t;
  const gsl_matrix *y; // NULL: compute the probabilities, not a class's gradient
  gsl_matrix *out;
} question;

static int
take_back (const question *q, workspace *w, size_t first, gsl_matrix *probabilities, gsl_matrix *out)
{
  gsl_matrix_scale (probabilities, -1);
  for (size_t i = 0; i < out->size1; i++)
    *gsl_matrix_ptr (probabilities, i, (size_t)gsl_matrix_get (q->y, first + i, 0)) += 1;
  return sb_network_logits_backward (q->classifier->network, w->pass, probabilities, NULL, out);
}

static int
answer_shard (void *context, size_t shard, size_t first, size_t count)
{
  const question *q = context;
  (void)shard;
  workspace *w = sb_pool_take (q->classifier->workspaces);
  if (!w)
    return GSL_ENOMEM;
  gsl_matrix_const_view x = gsl_matrix_const_submatrix (q->x, first, 0, count, q->x->size2);
  gsl_vector_const_view t = gsl_vector_const_subvector (q->t, first, count);
  gsl_matrix_view logits = gsl_matrix_submatrix (w->logits, 0, 0, count, w->logits->size2),
                  out = gsl_matrix_submatrix (q->out, first, 0, count, q->out->size2);
  int status = sb_network_logits (q->classifier->network, w->pass, &x.matrix, &t.vector, &logits.matrix);
  if (!status)
    {
      sb_softmax (&logits.matrix);
      status = q->y ? take_back (q, w, first, &logits.matrix, &out.matrix)
                    : gsl_matrix_memcpy (&out.matrix, &logits.matrix);
    }
  sb_pool_give (q->classifier->workspaces, w);
  return status;
}

int
sb_timed_classifier_probabilities (const sb_timed_classifier *classifier, const gsl_matrix *x, const gsl_vector *t,
                                   gsl_matrix *p)
{
  if (t->size != x->size1 || p->size1 != x->size1 || p->size2 != classifier->classes)
    SB_ERROR (NULL, GSL_EBADLEN, "x has %zu rows, with %zu times; their probabilities of %zu classes are %zu x %zu",
              x->size1, t->size, classifier->classes, p->size1, p->size2);
  question q = { classifier, x, t, NULL, p };
  return sb_shards (x->size1, SB_NETWORK_ROWS, answer_shard, &q);
}

int
sb_timed_classifier_gradient (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out,
                              void *params)
{
  const sb_timed_classifier *classifier = params;
  const size_t n = x->size1, rows = y ? y->size1 : 0, columns = y ? y->size2 : 0;
  if (rows != n || columns != 1 || t->size != n || out->size1 != n || out->size2 != x->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, with %zu times, its classes are %zu x %zu, the gradient %zu x %zu", n,
              x->size2, t->size, rows, columns, out->size1, out->size2);
  for (size_t i = 0; i < n; i++)
    {
      const double k = gsl_matrix_get (y, i, 0);
      if (!(k >= 0 && k < (double)classifier->classes && k == floor (k)))
        SB_ERROR (NULL, GSL_EDOM, "row %zu: class %g is not one of %zu", i, k, classifier->classes);
    }
  question q = { classifier, x, t, y, out };
  return sb_shards (n, SB_NETWORK_ROWS, answer_shard, &q);
}
