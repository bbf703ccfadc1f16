// # DDIM
//
// Song, Meng and Ermon (2021), Eq. (12): any noise $b = \eta\,S_s S/S_t$, from none to that of the lower variance at
// $\eta = 1$, keeps every marginal, if the rest of $S_s$ is the noise that the score finds in $\mathbf x_t$:
// $a = \sqrt{S_s^2 - b^2}/S_t$ and $c = 1$, so that $q = S_t^2(1/A - a)$.

#include "sampler.h"

#include <math.h>

static sb_step_numbers
numbers (const sb_step_at *at, const double *key)
{
  const double eta = key[0], b = eta * at->S_s * at->S / at->S_t;
  const double rest = at->S_s * hypot (sqrt (1 - eta * eta), eta * at->A * at->S_s / at->S_t); // sqrt (S_s^2 - b^2)
  const double share = at->S_t / (at->S_t + at->A * rest), q = (at->S * at->S + at->A * at->A * b * b) * share / at->A;
  return (sb_step_numbers){ .c = 1, .a = rest / at->S_t, .b = b, .p = 1 / at->A, .q = q };
}

static const sb_key eta = { .name = "eta", .high = 1, .help = "0: no noise, 1: as much as ancestral-lower" };
static const sb_step_type ddim
    = { .entry = { "ddim", "the same marginals with any noise up to ancestral-lower's", &eta, 1 },
        .needs = SB_NEEDS_KERNEL | SB_NEEDS_NOISE_KEY,
        .numbers = numbers };
const sb_step_type *sb_step_ddim = &ddim;
