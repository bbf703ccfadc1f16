// # Denoising score matching
//
// The score of $p_t$ is unknown, but that of the kernel $p_{0t}(x_t \mid x_0)$ is not, and in the mean over $x_0$ they
// are the same target (Vincent, 2011). So a model is trained on noised data to say in which direction the data lie:
// [scoresde.eq7] [soft.eq1]
// $$ \mathbb{E}_t\,\lambda(t)\;\mathbb{E}_{x_0}\mathbb{E}_{x_t \mid x_0}
//    \bigl\| s_\theta(x_t, t) - \nabla_{x_t}\log p_{0t}(x_t \mid x_0) \bigr\|^2 . $$
// In continuous time $t$ is uniform; on a chain it is uniform on the levels $1, \dots, N$, which is the SMLD objective
// [scoresde.eq1] under SMLD's chain and DDPM's [scoresde.eq3] under DDPM's, each divided by $N$.

#include "objective.h"

// Under $x_t = A x_0 + S z$ the target is $-S^{-\top} z$, and a model that estimates $z$ by $\hat z$ has the score
// $-S^{-\top}\hat z$. So the loss is that of predicting the noise, weighted by $\lambda = M M^\top$:
// $$ u = M^\top S^{-\top} (\hat z - z), \qquad \mathrm{loss} = \|u\|^2, \qquad
//    \frac{\partial\,\mathrm{loss}}{\partial \hat z} = 2\, S^{-1} M u . $$
// With the usual $M = S$ both maps drop out and $\|\hat z - z\|^2$ is DDPM's $L_{\mathrm{simple}}$.
// [scoresde.txt-lsimple]
//
// In the report *From Denoising Score Matching to DDPM* this is the loss itself, $t$ uniform on the levels
// $1, \dots, T$, [dsm2ddpm.txt-eps-loss] [dsm2ddpm.txt-L-simple]
// $$ \mathbb{E}_{t, \mathbf{x}_0, \boldsymbol\varepsilon} \bigl\| \boldsymbol\varepsilon
//    - \varepsilon_\theta(\sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1 - \bar\alpha_t}\,\boldsymbol\varepsilon,\, t)
//    \bigr\|^2 . $$
// It is score matching on the ladder of noise scales $\sigma_t = \sqrt{(1 - \bar\alpha_t)/\bar\alpha_t}$ too: in
// $\mathbf{y} = \mathbf{x}_t/\sqrt{\bar\alpha_t} = \mathbf{x}_0 + \sigma_t\boldsymbol\varepsilon$, where the score is
// $\sqrt{\bar\alpha_t}$ times as large, the same number is $\sigma_t^2$ times NCSN's squared error.
// [dsm2ddpm.txt-DSM-DDPM-equiv]

static int
dsm_loss (sb_objective_batch *b)
{
  sb_objective_subtract (&b->z, b);
  return sb_objective_square (1, b);
}

const sb_objective_type *sb_objective_dsm
    = &(const sb_objective_type){ .entry = { .name = "dsm", .help = "denoising score matching, in terms of the noise" },
                                  .view = SB_EPSILON,
                                  .weighting = &sb_weighting_variance,
                                  .noise = true,
                                  .loss = dsm_loss };
