// # Reverse diffusion
//
// Let one step of the forward process, from $s$ up to $t$, be
// $\mathbf x_t = \mathbf x_s + \mathbf f(\mathbf x_s) + \mathbf G\,\mathbf z$. Discretise the reverse SDE in the same
// way and the step is reversed: [scoresde.eq46]
// $$ \mathbf x_s = \mathbf x_t - \mathbf f(\mathbf x_t)
//    + \mathbf G\mathbf G^{\mathsf T}\,\mathbf s(\mathbf x_t, t) + \mathbf G\,\mathbf z. $$
// $\mathbf f$ and $\mathbf G$ belong to the step between $s$ and $t$; state and score are those at $t$. (The paper
// prints them with the index of the step after, which its own Algorithms 2 and 3 contradict.) The process gives its
// steps exactly: $\mathbf f(\mathbf x) = \mathbf A(s,t)\,\mathbf x - \mathbf x$ and $\mathbf G = \mathbf S(s,t)$,
// which for a chain are the paper's $\sqrt{1-\beta_i} - 1$ and $\sqrt{\beta_i}$, or 0 and
// $\sqrt{\sigma_i^2 - \sigma_{i-1}^2}$. Algorithms 2 and 3 have this predictor in their lines 3 to 5. [scoresde.alg2]
// [scoresde.alg3]
//
// For small $\beta_i$ it is ancestral sampling: the coefficients of $\mathbf x$ and of the score differ by
// $\beta_i^2/4$ and $\beta_i^2/2$. [scoresde.txt-rd-anc-equiv] The paper finds it slightly better. With the exact
// scores of a Gaussian spectrum that is so for SMLD, and the other way round for DDPM. [scoresde.txt-rd-beats-anc]
//
// The sub-VP SDE has no chain. Here its exact kernel is taken like that of the others; the authors' code takes the step
// of Euler and Maruyama, which is a row of its own. [scoresde.set-subvp]

#include "sampler.h"

// With numbers for the maps, $\mathbf x_s = (2 - A)\,\mathbf x_t + S^2\,\mathbf s + S\,\mathbf z$.

static sb_step_numbers
numbers (const sb_step_at *at, const double *key)
{
  (void)key;
  return sb_step_by_score (at, 2 - at->A, at->S * at->S, at->S);
}

static sb_step_maps
maps (double h, const double *key)
{
  (void)h, (void)key;
  return (sb_step_maps){ .keep = 2, .of_map = -1, .M = SB_A, .N = SB_S, .outside = 1, .of_noise = 1 };
}

static const sb_step_type reverse_diffusion
    = { .entry = { .name = "reverse-diffusion", .help = "the forward step, reversed in the same discretisation" },
        .needs = SB_NEEDS_KERNEL,
        .numbers = numbers,
        .maps = maps };

const sb_step_type *sb_step_reverse_diffusion = &reverse_diffusion;
