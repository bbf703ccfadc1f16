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
// Without a corrector its samples are worse than those of reverse diffusion: errors stay, where noise would make them
// forgotten. [scoresde.txt-pf-worse]

#include "step.h"

static int
step (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  (void)z;
  return sb_step_reversed (score, y, s, t, 0.5, NULL, x);
}

static const sb_predictor_type probability_flow
    = { .name = "probability-flow", .evaluations = 1, .noisy = false, .step = step };

const sb_predictor_type *sb_predictor_probability_flow = &probability_flow;
