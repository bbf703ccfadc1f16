// # Explicit score matching
//
// A score $\mathbf s_\theta$ is right where it equals the score of the data: [dsm2ddpm.txt-ESM]
// $$ J_{\mathrm{ESM}} = \mathbb E_{p_{\mathrm{data}}(\mathbf x)}\Bigl[\tfrac12
//    \bigl\|\mathbf s_\theta(\mathbf x) - \nabla_{\mathbf x}\log p_{\mathrm{data}}(\mathbf x)\bigr\|^2\Bigr], $$
// half of the Fisher divergence of the two laws; at a time $t$, of the model and $q_t$ [soft.eq5]. It needs what is not
// available, the score of the data. The other objectives estimate this one, up to a constant; where the data's score
// is known, it measures how far a model is from it.
//
// In *Non-Uniform Diffusion Models* every time has a weight, [nonuniform.eq5]
// $$ \mathcal L_{SM}(\theta, \lambda) = \tfrac12\,\mathbb E_{t \sim U(0, T),\,x_t \sim p(x_t)}\bigl[\lambda(t)\,
//    \|\nabla_{x_t}\ln p(x_t) - s_\theta(x_t, t)\|_2^2\bigr] , $$
// or every part of the process at every time, and the truth may be that of $x_t$ given a condition.
//
// The loss of a row is half the weighted square of the difference, and its gradient with respect to
// $\mathbf s_\theta(\mathbf x)$ is $\lambda$ times the difference; with the usual weight of 1 it is defined without
// noise too, at $t = 0$.

#include "../base/error.h"
#include "../base/rows.h"
#include "objective.h"

static int
esm_loss (sb_objective_batch *b)
{
  int status = sb_score_evaluate (b->objective->truth, SB_SCORE, &b->x, &b->t, b->y, &b->difference);
  if (status)
    return status;
  gsl_matrix_sub (&b->difference, &b->estimate);
  gsl_matrix_scale (&b->difference, -1);
  status = sb_objective_weigh (&b->difference, b, &b->bar);
  for (size_t i = 0; i < b->n && !status; i++)
    b->loss.data[i] = sb_dot (b->x.size2, gsl_matrix_ptr (&b->difference, i, 0), gsl_matrix_ptr (&b->bar, i, 0)) / 2;
  return status;
}

static int
check (const sb_objective *o)
{
  if (!o->truth)
    SB_ERROR (NULL, GSL_EINVAL, "esm: needs the score of the data");
  return GSL_SUCCESS;
}

const sb_objective_type *sb_objective_esm
    = &(const sb_objective_type){ .entry = { .name = "esm", .help = "explicit score matching, for a known score" },
                                  .view = SB_SCORE,
                                  .weighting = &sb_weighting_unit,
                                  .check = check,
                                  .loss = esm_loss };
