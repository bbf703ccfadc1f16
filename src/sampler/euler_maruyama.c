// # Euler-Maruyama
//
// The simplest solver of any SDE, applied to the reverse one [scoresde.eq6]: over a step of $h = t - s$ downwards,
// drift and diffusion keep their values at its start,
// $$ \mathbf x_s = \mathbf x_t - h\,\bigl[\mathbf F(t)\,\mathbf x_t
//    - \mathbf G(t)\mathbf G(t)^{\mathsf T}\,\mathbf s(\mathbf x_t, t)\bigr] + \sqrt h\,\mathbf G(t)\,\mathbf z. $$
// Moments of the result are off by $O(h)$: weak order 1.
//
// It is one of a family that shares its marginals, [consistent.rem4.1]
// $$ d\mathbf x = \Bigl[\mathbf F\mathbf x - \frac{1 + \eta^2}2\,\mathbf G\mathbf G^{\mathsf T}\,\mathbf s\Bigr]\,dt
//    + \eta\,\mathbf G\,d\bar{\mathbf w}, $$
// from the probability flow at $\eta = 0$ through the reverse SDE at 1 to those with more noise. Only at 1 is it the
// forward process run backwards: the others have other laws of $\mathbf x_s$ given $\mathbf x_t$.

#include "sampler.h"

#include <math.h>

static sb_step_numbers
numbers (const sb_step_at *at, const double *key)
{
  const double eta = key[0], q = (1 + eta * eta) / 2 * at->h * at->g * at->g;
  return sb_step_by_score (at, 1 - at->h * at->f, q, eta * sqrt (at->h) * at->g);
}

static sb_step_maps
maps (double h, const double *key)
{
  const double eta = key[0];
  return (sb_step_maps){
    .keep = 1, .of_map = -h, .M = SB_F, .N = SB_G, .outside = (1 + eta * eta) / 2 * h, .of_noise = eta * sqrt (h)
  };
}

static const sb_key eta = { .name = "eta", .usual = 1, .high = HUGE_VAL, .help = "1: the reverse SDE, 0: the flow" };

static const sb_step_type euler_maruyama
    = { .entry = { "euler-maruyama", "the simplest solver of the reverse SDE", &eta, 1 },
        .needs = SB_NEEDS_SDE | SB_NEEDS_KERNEL | SB_NEEDS_NOISE_KEY,
        .numbers = numbers,
        .maps = maps };

const sb_step_type *sb_step_euler_maruyama = &euler_maruyama;
