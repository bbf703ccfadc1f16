// # The variance-exploding SDE
//
// SMLD perturbs data with more and more noise, of standard deviations $\sigma_1 < \dots < \sigma_N$. Song et al. (2021,
// Section 3.4) let the levels become dense, $\sigma_i \to \sigma(t)$, and obtain a process that does not scale the
// signal and adds noise,
// $$ d\mathbf{x} = \sqrt{\frac{d[\sigma^2(t)]}{dt}}\,d\mathbf{w}. $$
// [scoresde.eq9] [soft.txt-vesde] Its variance grows without bound if $\sigma^2(t)$ does, as it does for the paper's
// scale continued beyond $t = 1$. The paper says that it always explodes; [scoresde.txt-ve-exploding] under
// $\sigma^2(t) = 1 - e^{-t}$ it does not.

#include "ve.h"
#include "../base/error.h"
#include "scalar.h"

#include <float.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## The geometric noise scale
//
// The paper's levels are geometric, and so is their limit [scoresde.txt-smld-sigma]
// $$ \sigma(t) = \sigma_{\min} \Bigl(\frac{\sigma_{\max}}{\sigma_{\min}}\Bigr)^{t}, \qquad t \in (0, 1]. $$

static double
log_ratio (const sb_ve *ve)
{
  return log (ve->sigma_max / ve->sigma_min);
}

// Before the first level there is no noise: $\sigma(0) := 0$, and yet $\sigma(0^+) = \sigma_{\min}$.
// [scoresde.txt-t0-jump]

double
sb_ve_sigma (const sb_ve *ve, double t)
{
  return t > 0 ? ve->sigma_min * pow (ve->sigma_max / ve->sigma_min, t) : 0;
}

// ## Diffusion
//
// $g^2$ is the slope of $\sigma^2$, so that $g(t) = \sigma(t) \sqrt{2 \log(\sigma_{\max}/\sigma_{\min})}$.
// [scoresde.eq30] At 0, where $\sigma$ jumps, the SDE is undefined, which is why it is always solved on $[\epsilon,
// 1]$.

double
sb_ve_diffusion (const void *ve, double t)
{
  return t > 0 ? sb_ve_sigma (ve, t) * sqrt (2 * log_ratio (ve)) : GSL_NAN;
}

// ## The perturbation kernel
//
// The variances of disjoint intervals add up: [scoresde.eq29]
// $$ p_{st}(\mathbf{x}(t) \mid \mathbf{x}(s)) = \mathcal{N}\!\bigl(\mathbf{x}(t);\; \mathbf{x}(s),\;
//    [\sigma^2(t) - \sigma^2(s)]\,\mathbf{I}\bigr). $$
// From $s = 0$ this is $\sigma^2(t) = \sigma_{\min}^2 (\sigma_{\max}/\sigma_{\min})^{2t}$. [scoresde.eq31] It includes
// the jump: a path of the SDE from $\epsilon$ on adds only $\sigma^2(t) - \sigma^2(\epsilon)$, and must start from
// $p_\epsilon$, not from the data. Between two positive times the difference is written as $\sigma^2(t)\,\bigl(1 -
// (\sigma_{\max}/\sigma_{\min})^{-2(t-s)}\bigr)$, which keeps its digits when $s$ is close to $t$.

double
sb_ve_variance (const void *ve, double s, double t)
{
  double variance = gsl_pow_2 (sb_ve_sigma (ve, t));
  return s > 0 ? -variance * expm1 (-2 * (t - s) * log_ratio (ve)) : variance;
}

// ## As a process
//
// The signal is not scaled, $a = 1$ and $f = 0$: what a type leaves out. The prior of $\mathbf{x}_1$ is its noise
// alone: $\mathcal{N}(\mathbf{0}, \sigma^2(1)\,\mathbf{I})$.

static double
prior_sd (const void *ve)
{
  return sb_ve_sigma (ve, 1);
}

static const sb_scalar_type ve_type
    = { .name = "ve", .variance = sb_ve_variance, .diffusion = sb_ve_diffusion, .prior_sd = prior_sd };

static sb_process *
alloc (const sb_scalar_type *type, size_t dimension, double sigma_min, double sigma_max)
{
  if (!(0 < sigma_min && sigma_min < sigma_max && gsl_finite (sigma_max)))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "VE needs noise scales 0 < sigma_min < sigma_max, not %g and %g", sigma_min,
                   sigma_max);
  sb_ve *ve = malloc (sizeof *ve);
  if (ve)
    *ve = (sb_ve){ .sigma_min = sigma_min, .sigma_max = sigma_max };
  return sb_scalar_alloc (type, ve, dimension, SB_VE_EPSILON, 1, 0);
}

sb_process *
sb_ve_alloc (size_t dimension, double sigma_min, double sigma_max)
{
  return alloc (&ve_type, dimension, sigma_min, sigma_max);
}

// ## Without the jump
//
// [nonuniform.txt-vesde] Taken literally, $d\mathbf x = \sqrt{\frac{d}{dt}\sigma^2(t)}\,d\mathbf w$ from $t = 0$ has
// the kernel $\mathcal N(\mathbf x_0, [\sigma^2(t) - \sigma_{\min}^2]\,\mathbf I)$: there is no noise at $0$, which
// stands for $0^+$.

static double
after_the_jump (double t)
{
  return GSL_MAX_DBL (t, DBL_MIN);
}

static double
gathered (const void *ve, double s, double t)
{
  return sb_ve_variance (ve, after_the_jump (s), after_the_jump (t));
}

static double
gathered_diffusion (const void *ve, double t)
{
  return sb_ve_diffusion (ve, after_the_jump (t));
}

static double
gathered_prior_sd (const void *ve)
{
  return sqrt (gathered (ve, 0, 1));
}

static const sb_scalar_type gathered_type
    = { .name = "ve", .variance = gathered, .diffusion = gathered_diffusion, .prior_sd = gathered_prior_sd };

sb_process *
sb_ve_gathered_alloc (size_t dimension, double sigma_min, double sigma_max)
{
  return alloc (&gathered_type, dimension, sigma_min, sigma_max);
}

// ## Other noise scales
//
// The geometric scale is one schedule among others: the process needs only the variance added between two times and the
// rate at which it grows.

static double
scheduled_variance (const void *schedule, double s, double t)
{
  const sb_ve_schedule *ve = schedule;
  return ve->variance (ve->context, s, t);
}

static double
scheduled_diffusion (const void *schedule, double t)
{
  const sb_ve_schedule *ve = schedule;
  return sqrt (ve->rate (ve->context, t));
}

static double
scheduled_prior_sd (const void *schedule)
{
  return sqrt (scheduled_variance (schedule, 0, 1));
}

static const sb_scalar_type scheduled_type = {
  .name = "ve", .variance = scheduled_variance, .diffusion = scheduled_diffusion, .prior_sd = scheduled_prior_sd
};

sb_process *
sb_ve_schedule_alloc (size_t dimension, const sb_ve_schedule *schedule)
{
  sb_ve_schedule *copy = malloc (sizeof *copy);
  if (copy)
    *copy = *schedule;
  return sb_scalar_alloc (&scheduled_type, copy, dimension, SB_VE_EPSILON, 1, 0);
}
