// # Euler-Maruyama
//
// The simplest solver of any SDE, applied to the reverse one [scoresde.eq6]: over a step of $h = t - s$ downwards,
// drift and diffusion stay what they are at its start,
// $$ \mathbf x_s = \mathbf x_t - h\,\bigl[\mathbf F(t)\,\mathbf x_t
//    - \mathbf G(t)\mathbf G(t)^{\mathsf T}\,\mathbf s(\mathbf x_t, t)\bigr] + \sqrt h\,\mathbf G(t)\,\mathbf z. $$
// Moments of the result are off by $O(h)$: weak order 1.

#include "sampler.h"

#include <math.h>

static sb_step_numbers
numbers (const sb_step_at *at, const double *key)
{
  (void)key;
  const double p = 1 - at->h * at->f, q = at->h * at->g * at->g;
  return (
      sb_step_numbers){ .p = p, .q = q, .b = sqrt (at->h) * at->g, .c = p * at->A, .k = p - q / (at->S_t * at->S_t) };
}

static sb_step_maps
maps (double h)
{
  return (sb_step_maps){ .keep = 1, .of_map = -h, .M = SB_F, .N = SB_G, .outside = h, .of_noise = sqrt (h) };
}

static const sb_step_type euler_maruyama
    = { .entry = { .name = "euler-maruyama", .help = "the simplest solver of the reverse SDE" },
        .needs = SB_NEEDS_SDE | SB_NEEDS_KERNEL,
        .numbers = numbers,
        .maps = maps };

const sb_step_type *sb_step_euler_maruyama = &euler_maruyama;
