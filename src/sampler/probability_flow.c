// # The probability flow, in the steps of the chain
//
// The flow's ODE discretised as the forward step between $s$ and $t$ is: reverse diffusion with half of the score and
// no noise, [scoresde.txt-pf-update]
// $$ \mathbf x_s = \mathbf x_t - \mathbf f(\mathbf x_t)
//    + \tfrac12\mathbf G\mathbf G^{\mathsf T}\,\mathbf s(\mathbf x_t, t). $$
// For SMLD that is $\mathbf x_i = \mathbf x_{i+1} + \frac12(\sigma_{i+1}^2 - \sigma_i^2)\,\mathbf s$, for DDPM
// $\mathbf x_i = (2 - \sqrt{1-\beta_{i+1}})\,\mathbf x_{i+1} + \frac12\beta_{i+1}\,\mathbf s$, the score taken at
// $\mathbf x_{i+1}$ and level $i+1$. [scoresde.eq43] [scoresde.eq44] A black-box solver of the same ODE is in `flow.c`.
//
// Without a corrector its samples are worse than those of reverse diffusion: errors stay, where noise would
// wash them out. [scoresde.txt-pf-worse]

#include "sampler.h"

static sb_step_numbers
numbers (const sb_step_at *at, const double *key)
{
  (void)key;
  return sb_step_by_score (at, 2 - at->A, 0.5 * at->S * at->S, 0);
}

static sb_step_maps
maps (double h, const double *key)
{
  (void)h, (void)key;
  return (sb_step_maps){ .keep = 2, .of_map = -1, .M = SB_A, .N = SB_S, .outside = 0.5 };
}

static const sb_step_type probability_flow
    = { .entry = { .name = "probability-flow", .help = "the probability flow, discretised like the forward step" },
        .needs = SB_NEEDS_KERNEL | SB_NEEDS_NO_NOISE,
        .numbers = numbers,
        .maps = maps };

const sb_step_type *sb_step_probability_flow = &probability_flow;
