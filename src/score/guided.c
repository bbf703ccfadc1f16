// # A score, guided
//
// The forward process does not depend on the condition, so that given $\mathbf y$ it is the same process from another
// law of data, $p_0(\mathbf x(0) \mid \mathbf y)$, and its reverse needs the score of
// $p_t(\mathbf x(t) \mid \mathbf y)$: [scoresde.eq48] [scoresde.eq14]
// $$ d\mathbf x = \bigl\{\mathbf f(\mathbf x, t) - g(t)^2\bigl[\nabla_{\mathbf x}\log p_t(\mathbf x)
//    + \nabla_{\mathbf x}\log p_t(\mathbf y \mid \mathbf x)\bigr]\bigr\}\,dt + g(t)\,d\bar{\mathbf w} . $$
// By Bayes's rule the two gradients in brackets are that score, the constant $p(\mathbf y)$ having none:
// [scoresde.eq49]
// $$ \nabla_{\mathbf x}\log p_t(\mathbf x(t) \mid \mathbf y)
//    = \nabla_{\mathbf x}\log p_t(\mathbf x(t)) + \nabla_{\mathbf x}\log p(\mathbf y \mid \mathbf x(t)) . $$
// (So too in *Non-Uniform Diffusion Models*, which does not use this approach. [nonuniform.txt-bayes])
// One model of the data then serves every $\mathbf y$, and samplers use the sum as a score.

#include "guided.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <stdlib.h>

typedef struct
{
  const sb_score *score;
  sb_guidance guidance;
} guided;

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const guided *g = state;
  gsl_matrix *gradient = gsl_matrix_alloc (x->size1 > 0 ? x->size1 : 1, x->size2);
  if (!gradient)
    return GSL_ENOMEM;
  gsl_matrix_view rows = gsl_matrix_submatrix (gradient, 0, 0, x->size1, x->size2);
  int status = sb_score_evaluate (g->score, view, x, t, NULL, out);
  if (!status)
    status = g->guidance.gradient (x, t, y, &rows.matrix, g->guidance.params);
  if (!status)
    {
      gsl_matrix_scale (&rows.matrix, g->guidance.weight);
      gsl_matrix_add (out, &rows.matrix);
    }
  gsl_matrix_free (gradient);
  return status;
}

static const sb_score_type guided_type = { .name = "guided", .views = SB_SCORE, .evaluate = evaluate, .free = free };

sb_score *
sb_score_guided_alloc (const sb_score *score, const sb_guidance *guidance)
{
  if (!guidance->gradient || !gsl_finite (guidance->weight))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "guidance needs a gradient and a finite weight, not %g", guidance->weight);
  guided *state = malloc (sizeof *state);
  if (!state)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a score");
  *state = (guided){ score, *guidance };
  return sb_score_alloc (&guided_type, state, score->process);
}
