// # Ancestral sampling
//
// A chain can be walked back to its ancestors: draw $\mathbf x_s$ given $\mathbf x_t$. Where one forward step is
// $\mathbf x_t = \mathbf A\,\mathbf x_s + \mathbf S\,\mathbf z$, with $\mathbf A = \mathbf A(s,t)$ and
// $\mathbf S = \mathbf S(s,t)$, Tweedie's formula for that step alone gives the mean, exactly if the score is:
// [scoresde.txt-ddpm-reverse-kernel]
// $$ \operatorname E[\mathbf x_s \mid \mathbf x_t]
//    = \mathbf A^{-1}\bigl(\mathbf x_t + \mathbf S\mathbf S^{\mathsf T}\,\mathbf s(\mathbf x_t, t)\bigr). $$
// For DDPM that is $\frac1{\sqrt{1-\beta_i}}(\mathbf x_i + \beta_i\,\mathbf s)$, the mean of Eq. (4). [scoresde.eq4]
// For SMLD it is $\mathbf x_i + (\sigma_i^2 - \sigma_{i-1}^2)\,\mathbf s$, that of Eq. (47). [scoresde.eq47]
//
// This is the sampler of the report *From Denoising Score Matching to DDPM*, whose $\alpha_t$ is $1 - \beta_t$:
// [dsm2ddpm.txt-DDPM-sampler]
// $$ \mathbf{x}_{t-1} = \frac{1}{\sqrt{\alpha_t}}
//    \Bigl(\mathbf{x}_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar\alpha_t}}\,\varepsilon_\theta(\mathbf{x}_t, t)\Bigr)
//    + \sqrt{\frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\,\beta_t}\;\boldsymbol\varepsilon,
//    \qquad t = T, \dots, 1, $$
// with the lower one of the variances below; the report prints the variance itself as the factor of the noise. With
// $\mathbf{s} = -\varepsilon_\theta/\sqrt{1 - \bar\alpha_t}$ the first term is the mean above. It is a step to
// the next level's law, not Langevin dynamics at its own, whose drift on the score is half as large for the same noise.
// [dsm2ddpm.txt-sampler-vs-langevin]

#include "sampler.h"

// So $p = 1/A$ and $q = S^2/A$. In terms of the denoiser it is the posterior's mean with $\hat{\mathbf x}_0$ for
// $\mathbf x_0$: $c = 1$ and $a = A\,S_s^2/S_t^2$, since $S_t^2 = A^2 S_s^2 + S^2$.

static sb_step_numbers
mean_and (double b, const sb_step_at *at)
{
  return (sb_step_numbers){
    .p = 1 / at->A, .q = at->S * at->S / at->A, .b = b, .c = 1, .a = at->A * at->S_s * at->S_s / (at->S_t * at->S_t)
  };
}

// ## The variance is a choice
//
// Ho et al. (2020) name two covariances for the noise, which enclose the truth for data of variance up to 1. The
// *upper* one is that of $\mathbf x_t$ given $\mathbf x_s$, $\mathbf S\mathbf S^{\mathsf T}$: for DDPM it is
// $\beta_i$, and right where the data are standard normal. Eq. (4) takes it.

static sb_step_numbers
upper (const sb_step_at *at, const double *key)
{
  (void)key;
  return mean_and (at->S, at);
}

static sb_step_maps
upper_maps (double h, const double *key)
{
  (void)h, (void)key;
  return (sb_step_maps){ .of_map = 1, .M = SB_A_INVERSE, .N = SB_S, .inside = 1, .of_noise = 1 };
}

// The *lower* one is that of $\mathbf x_s$ given both $\mathbf x_t$ and $\mathbf x_0$, right where the data are a
// single point. Where the maps are numbers it is $\tau^2 = S(0,s)^2\,S(s,t)^2 / S(0,t)^2$; for SMLD that is
// $\tau_i^2 = \sigma_{i-1}^2(\sigma_i^2 - \sigma_{i-1}^2)/\sigma_i^2$, which Eq. (47) takes.

static sb_step_numbers
lower (const sb_step_at *at, const double *key)
{
  (void)key;
  return mean_and (at->S_s * at->S / at->S_t, at);
}

// The paper's own choice: the lower one where the signal is left alone, $A = 1$ (SMLD and the VE SDE), and the upper
// one elsewhere. (With the upper one, ancestral sampling of SMLD would be reverse diffusion.)

static sb_step_numbers
of_the_paper (const sb_step_at *at, const double *key)
{
  return (at->A == 1 ? lower : upper) (at, key);
}

// The *optimal* one is the variance that the score itself implies: see `transition/reverse.c`. With the exact score of
// isotropic Gaussian data it makes every marginal of the chain exact.

static const sb_step_type ancestral
    = { .entry = { .name = "ancestral", .help = "the chain's reverse step, with the paper's variance" },
        .needs = SB_NEEDS_KERNEL,
        .numbers = of_the_paper,
        .maps = upper_maps };
static const sb_step_type ancestral_upper
    = { .entry = { .name = "ancestral-upper", .help = "the same with the variance of x_t given x_s" },
        .needs = SB_NEEDS_KERNEL,
        .numbers = upper,
        .maps = upper_maps };
static const sb_step_type ancestral_lower
    = { .entry = { .name = "ancestral-lower", .help = "the same with the variance of x_s given x_t and x_0" },
        .needs = SB_NEEDS_KERNEL,
        .numbers = lower };
static const sb_step_type ancestral_optimal
    = { .entry
        = { .name = "ancestral-optimal", .help = "the same with the variance implied by the score's divergence" },
        .needs = SB_NEEDS_KERNEL | SB_NEEDS_DIVERGENCE,
        .numbers = lower };

const sb_step_type *sb_step_ancestral = &ancestral;
const sb_step_type *sb_step_ancestral_upper = &ancestral_upper;
const sb_step_type *sb_step_ancestral_lower = &ancestral_lower;
const sb_step_type *sb_step_ancestral_optimal = &ancestral_optimal;
