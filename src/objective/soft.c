// # Soft score matching
//
// A corruption $\mathbf x_t = C_t\mathbf x_0 + \sigma_t\boldsymbol\eta$ may destroy a part of the image for good, which
// the score then does not determine. Denoising score matching under it, [soft.eq7]
// $$ L(t) = \tfrac12\,\mathbb E\,\Bigl\|\mathbf s_\theta - \frac{C_t\mathbf x_0 - \mathbf x_t}{\sigma_t^2}\Bigr\|^2, $$
// minimised by the score whatever the corruption, since it differs from explicit score matching by a constant (Vincent,
// 2011: Theorem 3.1 [soft.thm3.1]), is given to a network that predicts the clean image, so the score [soft.eq8]
// $$ \mathbf s_\theta(\mathbf x_t \mid t) = \frac{C_t\,\mathbf h_\theta(\mathbf x_t \mid t) - \mathbf x_t}{\sigma_t^2} . $$
// The target is minus the noise over $\sigma_t$ (the paper says it is the noise [soft.txt-noiseclaim]), and what
// remains is to match the prediction, *after* corruption, to the clean image after corruption: [soft.eq9]
// $$ L(t) = \tfrac12\,\mathbb E\,\sigma_t^{-4}\,
//    \bigl\|C_t\bigl(\mathbf h_\theta(\mathbf x_t \mid t) - \mathbf x_0\bigr)\bigr\|^2 . $$
// (Not the observation $\mathbf x_t$, as the abstract has it: $C_t\mathbf h_\theta = \mathbf x_t$ is the score 0.
// [soft.txt-abstractmatch]) A network that predicts the residual, $\mathbf h_\theta = \boldsymbol\phi_\theta + \mathbf
// x_t$, has with $\mathbf r_t = \mathbf x_0 - \mathbf x_t$ [soft.eq11]
// $$ L(t) = \tfrac12\,\mathbb E\,\sigma_t^{-4}\,\bigl\|C_t(\boldsymbol\phi_\theta - \mathbf r_t)\bigr\|^2 , $$
// and all times together, with a weight that takes the place of all that stands before the norm, [soft.eq12]
// $$ L = \mathbb E_{t \sim \mathcal U}\,w(t)\,\mathbb E\,\bigl\|C_t(\boldsymbol\phi_\theta - \mathbf r_t)\bigr\|^2 . $$
// The weightings here are of the score's error, $\lambda = \sigma_t^4\,w$: the paper's $w = 1/\sigma_t^2$ is `variance`
// [soft.set-lossweight], $w = 1$ is `variance-squared` [soft.txt-weights], and Eqs. 9 and 11 are `unit` with the factor
// 1/2. Nothing is divided by $C_t$: in its null space the gradient $2\,w\,C_t^\top C_t(\mathbf h_\theta - \mathbf x_0)$
// is 0. [soft.txt-nullspace] With $C_t = \mathbf I$ and $w = 1/\sigma_t^2$ it is denoising score matching.
// [soft.txt-dsmrecover]

#include "objective.h"

static int
soft_loss (sb_objective_batch *b)
{
  sb_objective_subtract (&b->x_0, b);
  return sb_objective_square (b->objective->key[0], b);
}

static const sb_key factor
    = { .name = "factor", .usual = 1, .high = 1e300, .above = true, .help = "1/2 in Eqs. 9 and 11 of the paper" };

const sb_objective_type *sb_objective_soft
    = &(const sb_objective_type){ .entry = { "soft", "soft score matching, in terms of the denoiser", &factor, 1 },
                                  .view = SB_DENOISER,
                                  .weighting = &sb_weighting_variance,
                                  .loss = soft_loss };

// ## The clean image
//
// Other papers fit the clean image itself, $\|\boldsymbol\phi_\theta - \mathbf r_t\|^2$. It bounds the above,
// $\|C_t\mathbf e\| \le \|C_t\|\,\|\mathbf e\|$ [soft.txt-upperbound], and has the same minimum over all functions
// where $C_t$ is regular; over fewer functions each minimises its own error: soft score matching has the smaller error
// of the score. [soft.txt-ssm-optimal] It is also the denoising loss of *Consistent Diffusion Models*, $L^1$
// [consistent.txt-dsm]: the error against $\mathrm E[\mathbf x_0 \mid \mathbf x_t]$, plus the posterior variance, which
// no function reduces. [consistent.txt-dsm-equiv]

static int
clean_loss (sb_objective_batch *b)
{
  const size_t d = b->x.size2;
  sb_objective_subtract (&b->x_0, b);
  for (size_t i = 0; i < b->n; i++)
    {
      double square = 0;
      for (size_t j = 0; j < d; j++)
        {
          const double e = gsl_matrix_get (&b->difference, i, j);
          square += e * e;
          gsl_matrix_set (&b->bar, i, j, 2 * e);
        }
      gsl_vector_set (&b->loss, i, square);
    }
  return GSL_SUCCESS;
}

const sb_objective_type *sb_objective_clean = &(const sb_objective_type){
  .entry = { .name = "clean", .help = "the squared error of the denoiser" }, .view = SB_DENOISER, .loss = clean_loss
};
