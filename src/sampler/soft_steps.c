// # Steps of Soft Diffusion
//
// A corruption $\mathbf x_t = C_t\mathbf x_0 + \sigma_t\boldsymbol\eta$ does not define how $\mathbf x_t$ follows from
// $\mathbf x_s$. A step back has the clean image that the network predicts, $\hat{\mathbf x}_0$, and what this does not
// explain of $\mathbf x_t$: the residual $\mathbf r = \mathbf x_t - C_t\hat{\mathbf x}_0$, which is noise.
// All of the paper's samplers corrupt $\hat{\mathbf x}_0$ to the level of $s$, keep a share $a$ of the noise that is
// there, and add $b$ of new noise, [soft.txt-canonical]
// $$ \mathbf x_s = C_s\hat{\mathbf x}_0 + a\,(\mathbf x_t - C_t\hat{\mathbf x}_0) + b\,\boldsymbol\eta , $$
// with one evaluation each. [soft.set-nfe] With $\sigma = \sigma_t$ and $\sigma' = \sigma_s$:
//
// | step | $a$ | $b$ | variance for data of one image |
// | --- | --- | --- | --- |
// | naive | 0 | $\sigma'$ | $\sigma'^2$ |
// | momentum | $\sigma'^2/\sigma^2$ | $\sqrt{\sigma^2 - \sigma'^2}$ | $\sigma'^2 + (\sigma^2 - \sigma'^2)^2/\sigma^2$ |
// | momentum-flow | $(1 + \sigma'^2/\sigma^2)/2$ | 0 | $\sigma'^2 + (\sigma^2 - \sigma'^2)^2/4\sigma^2$ |
// | soft-ddim | $\sqrt{\sigma'^2 - k^2}/\sigma$ | $k$ | $\sigma'^2$ |
// | soft-ancestral | $\sigma'^2/\sigma^2$ | $\sigma'\sqrt{\sigma^2 - \sigma'^2}/\sigma$ | $\sigma'^2$ |
//
// Where the noise stays the same, $\sigma' = \sigma$, all but the first are one map, $\mathbf x_s = \mathbf x_t +
// (C_s - C_t)\,\hat{\mathbf x}_0$, to the bit: [soft.txt-coincide] they can differ in the paper's tables only by the
// stage of noise, and by the last step.

#include "sampler.h"

#include <gsl/gsl_math.h>
#include <math.h>

// ## Naive
//
// Algorithm 1: corrupt the estimate anew, with noise that is all new. [soft.alg1]
//
//     x_hat0 = phi(x_t | t) + x_t
//     x_s    = C_s x_hat0 + sigma_s eta
//
// The estimate is a mean, which has only a part of the variance: on Gaussian data every step multiplies the
// variance of the signal by $c^2P/(c^2P + \sigma^2)$, however small the step. [soft.txt-naivediversity] There every
// step is linear, $V' = A^2V + b^2$ with $A = c'k + a\,(1 - ck)$, $k = cP/(c^2P + \sigma^2)$.
// [soft.txt-gaussrecursion]

static sb_step_numbers
naive (const sb_step_at *at, const double *key)
{
  (void)key;
  return (sb_step_numbers){ .c = 1, .b = at->S_s };
}

static const sb_step_type naive_type
    = { .entry = { .name = "naive", .help = "corrupts the denoised point again, with new noise" }, .numbers = naive };
const sb_step_type *sb_step_naive = &naive_type;

// ## Momentum
//
// The reverse of the SDE $d\mathbf x = \dot C_t\,\mathrm E[\mathbf x_0 \mid \mathbf x_t]\,dt +
// \sqrt{d\sigma_t^2/dt}\,d\mathbf w$ in an Euler step, with differences for the derivatives, [soft.eq15]
// $$ \mathbf x_s - \mathbf x_t = (C_s - C_t)\,\hat{\mathbf x}_0 - (\sigma_s^2 - \sigma_t^2)\,\nabla\log q_t(\mathbf x_t)
//    + \sqrt{\sigma_t^2 - \sigma_s^2}\,\boldsymbol\eta , $$
// and Tweedie's formula for the score, [soft.eq17]
// $$ \mathbf x_s - \mathbf x_t = (C_s - C_t)\,\hat{\mathbf x}_0 - \frac{\sigma_s^2 - \sigma_t^2}{\sigma_t^2}\,(C_t\hat{\mathbf x}_0
//    - \mathbf x_t) + \sqrt{\sigma_t^2 - \sigma_s^2}\,\boldsymbol\eta . $$
// Collecting $\mathbf x_t - C_t\hat{\mathbf x}_0$ gives $a = \sigma_s^2/\sigma_t^2$. As Algorithm 2 has it: [soft.alg2]
//
//     for t = 1 to dt with step -dt:                         printed: to 0, where it would divide by sigma_0^2
//         x_hat0 = phi(x_t | t) + x_t
//         y_t    = C_t x_hat0
//         eps    = y_t - x_t                                 minus sigma_t times the noise
//         z      = x_t - (sigma_s^2 - sigma_t^2) / sigma_t^2 eps + sqrt (sigma_t^2 - sigma_s^2) eta
//         x_s    = z + C_s x_hat0 - y_t
//
// With $C = \mathbf I$ it is the reverse-diffusion predictor of VE, not its ancestral sampling and not Euler-Maruyama.
// [soft.txt-vesampler] Without noise $\mathbf x_s - \mathbf x_t = C_s\hat{\mathbf x}_0 - C_t\hat{\mathbf x}_0$:
// [soft.eq18] an error of the estimate that both levels keep cancels. The coefficients of $C_s\hat{\mathbf x}_0$,
// $\mathbf x_t$ and $C_t\hat{\mathbf x}_0$ are $1, a, -a$: their sum is 1, but the combination is not convex.
// [soft.txt-convex] A step to $\sigma_s = 0$ adds $\sigma_t$ of new noise, which SB_FINAL_MEAN leaves out.

static double
share (const sb_step_at *at)
{
  return gsl_pow_2 (at->S_s) / gsl_pow_2 (at->S_t);
}

static sb_step_numbers
momentum (const sb_step_at *at, const double *key)
{
  (void)key;
  return (sb_step_numbers){ .c = 1, .a = share (at), .b = sqrt ((at->S_t - at->S_s) * (at->S_t + at->S_s)) };
}

static const sb_step_type momentum_type
    = { .entry = { .name = "momentum", .help = "Soft Diffusion's sampler: the reverse SDE by finite differences" },
        .numbers = momentum };
const sb_step_type *sb_step_momentum = &momentum_type;

// ## Along the flow
//
// The probability flow in the same differences, half of the score and no noise: [soft.eq50]
// $$ \mathbf x_s - \mathbf x_t = (C_s - C_t)\,\hat{\mathbf x}_0 - \tfrac12(\sigma_s^2 - \sigma_t^2)\,\nabla\log q_t(\mathbf x_t), $$
// and by the network alone [soft.eq51]
// $$ \mathbf x_s - \mathbf x_t = (C_s - C_t)\,\hat{\mathbf x}_0
//    - \frac12\,\frac{\sigma_s^2 - \sigma_t^2}{\sigma_t^2}\,(C_t\hat{\mathbf x}_0 - \mathbf x_t) . $$

static sb_step_numbers
momentum_flow (const sb_step_at *at, const double *key)
{
  (void)key;
  return (sb_step_numbers){ .c = 1, .a = 0.5 * (1 + share (at)) };
}

static const sb_step_type momentum_flow_type
    = { .entry = { .name = "momentum-flow", .help = "momentum without noise, along the probability flow" },
        .needs = SB_NEEDS_NO_NOISE,
        .numbers = momentum_flow };
const sb_step_type *sb_step_momentum_flow = &momentum_flow_type;

// ## As DDIM does
//
// Once $\hat{\mathbf x}_0$ is known, so is the noise in $\mathbf x_t$, $(\mathbf x_t - C_t\hat{\mathbf
// x}_0)/\sigma_t$; a part $k$ of it is replaced by new noise, [soft.eq52]
// $$ \mathbf x_s = C_s\hat{\mathbf x}_0 + \sqrt{\sigma_s^2 - k^2}\;\frac{\mathbf x_t - C_t\hat{\mathbf x}_0}{\sigma_t} + k\,\boldsymbol\eta . $$
// (Printed with $k^2\boldsymbol\eta$: for $k = .3$ and $\sigma_s = .5$ the variance would be .1681, not .25.) $k =
// \sigma_s$ is the naive step, $k = 0$ adds no noise at all. [soft.txt-ddimlimits]

static sb_step_numbers
soft_ddim (const sb_step_at *at, const double *key)
{
  const double k = GSL_MIN (key[0], at->S_s);
  return (sb_step_numbers){ .c = 1, .a = sqrt ((at->S_s - k) * (at->S_s + k)) / at->S_t, .b = k };
}

static const sb_key k
    = { .name = "k", .high = HUGE_VAL, .help = "deviation of the new noise, at most that of all noise at the end" };
static const sb_step_type soft_ddim_type
    = { .entry = { "soft-ddim", "keeps the estimated noise, except for a part k", &k, 1 },
        .needs = SB_NEEDS_NOISE_KEY,
        .numbers = soft_ddim };
const sb_step_type *sb_step_soft_ddim = &soft_ddim_type;

// ## As SMLD's ancestral sampling does
//
// Momentum's mean, with the noise that the posterior of SMLD's chain has.

static sb_step_numbers
soft_ancestral (const sb_step_at *at, const double *key)
{
  sb_step_numbers n = momentum (at, key);
  n.b *= at->S_s / at->S_t;
  return n;
}

static const sb_step_type soft_ancestral_type
    = { .entry = { .name = "soft-ancestral", .help = "momentum with the noise of SMLD's posterior" },
        .numbers = soft_ancestral };
const sb_step_type *sb_step_soft_ancestral = &soft_ancestral_type;
