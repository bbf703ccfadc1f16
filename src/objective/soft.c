// # Soft score matching
//
// A corruption $\mathbf x_t = C_t\mathbf x_0 + \sigma_t\boldsymbol\eta$ may destroy a part of the image for good, of
// which the score then says nothing. A network that predicts the clean image is asked that it match the observation
// *after* corruption, [soft.eq9]
// $$ L(t) = \tfrac12\,\mathbb E\,\sigma_t^{-4}\,
//    \bigl\|C_t\bigl(\mathbf h_\theta(\mathbf x_t \mid t) - \mathbf x_0\bigr)\bigr\|^2 , $$
// which is denoising score matching of
// $\mathbf s_\theta = (C_t\mathbf h_\theta - \mathbf x_t)/\sigma_t^2$ [soft.eq8], and never divides by $C_t$. The
// weight is on the error of that score: 1 in the paper's formula, $\sigma_t^2$ times a constant in its trainings.

#include "objective.h"

#include <string.h>

static int
soft_loss (sb_objective_batch *b)
{
  memcpy (b->difference.data, b->estimate.data, b->n * b->x.size2 * sizeof (double));
  gsl_matrix_sub (&b->difference, &b->x_0);
  return sb_objective_square (0.5, b);
}

const sb_objective_type *sb_objective_soft
    = &(const sb_objective_type){ .entry = { .name = "soft", .help = "soft score matching, by the denoiser" },
                                  .view = SB_DENOISER,
                                  .weighting = &sb_weighting_unit,
                                  .loss = soft_loss };
