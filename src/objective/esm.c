// # Explicit score matching
//
// A score $\mathbf s_\theta$ is right where it equals the score of the data: [dsm2ddpm.txt-ESM]
// $$ J_{\mathrm{ESM}} = \mathbb E_{p_{\mathrm{data}}(\mathbf x)}\Bigl[\tfrac12
//    \bigl\|\mathbf s_\theta(\mathbf x) - \nabla_{\mathbf x}\log p_{\mathrm{data}}(\mathbf x)\bigr\|^2\Bigr], $$
// half of the Fisher divergence of the two laws; at a time $t$, of the model and $q_t$ [soft.eq5]. It asks for what
// nobody has, the score of the data. The objectives on the next pages are this one in disguise; where the data's
// score is known, this page says how far a model is from it.
//
// The loss of a row is half the squared length of the difference, and its gradient with respect to
// $\mathbf s_\theta(\mathbf x)$ is the difference itself; at every noise level where it is asked, $t = 0$ too, the
// weight is 1.

#include "objective.h"

static int
esm_loss (sb_objective_batch *b)
{
  int status = sb_score_evaluate (b->objective->truth, SB_SCORE, &b->x, &b->t, b->y, &b->difference);
  if (status)
    return status;
  for (size_t i = 0; i < b->n; i++)
    {
      double sum = 0;
      for (size_t j = 0; j < b->x.size2; j++)
        {
          const double off = gsl_matrix_get (&b->estimate, i, j) - gsl_matrix_get (&b->difference, i, j);
          gsl_matrix_set (&b->bar, i, j, off);
          sum += off * off;
        }
      gsl_vector_set (&b->loss, i, sum / 2);
    }
  return GSL_SUCCESS;
}

const sb_objective_type *sb_objective_esm = &(
    const sb_objective_type){ .entry = { .name = "esm", .help = "explicit score matching, where the truth is known" },
                              .view = SB_SCORE,
                              .loss = esm_loss };
