// # The variance-preserving SDE
//
// DDPM shrinks the signal a little at every step and adds as much noise, so that data of unit variance keep unit
// variance. Song et al. (2021, Section 3.4) let the steps become infinitely small and obtain
// $$ d\mathbf{x} = -\tfrac12\beta(t)\,\mathbf{x}\,dt + \sqrt{\beta(t)}\,d\mathbf{w}, \qquad t \in [0, 1]. $$
// [scoresde.eq11] [soft.txt-vpsde] Everything that a sampler, a loss or a likelihood needs of this process follows from
// the rate $\beta(t)$ alone.

#include "vp.h"
#include "../base/error.h"
#include "scalar.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## The rate
//
// The paper's experiments raise it linearly from $\bar\beta_{\min}$ to $\bar\beta_{\max}$. [scoresde.eq32] With 0.1 and
// 20, a thousand DDPM steps of $\beta_i = \beta(i/N)/N$ run from $10^{-4}$ to $2\cdot10^{-2}$.

double
sb_vp_beta (const sb_vp *vp, double t)
{
  return vp->beta_min + t * (vp->beta_max - vp->beta_min);
}

// The kernel below needs the integral $B(s,t) = \int_s^t \beta(u)\,du$: the length of the interval times the rate at
// its middle. This way nothing cancels when $s$ is close to $t$.

double
sb_vp_integral_beta (const sb_vp *vp, double s, double t)
{
  return (t - s) * sb_vp_beta (vp, 0.5 * (s + t));
}

// ## Drift and diffusion
//
// Read off the SDE: $f(\mathbf{x}, t) = -\tfrac12\beta(t)\,\mathbf{x}$ and $g(t) = \sqrt{\beta(t)}$. The drift is
// Lipschitz in $\mathbf{x}$ with constant $\tfrac12\bar\beta_{\max}$, and $g$ is smooth as the rate is never 0, so the
// SDE has a unique strong solution. [scoresde.txt-lipschitz]

double
sb_vp_drift (const void *vp, double t)
{
  return -0.5 * sb_vp_beta (vp, t);
}

double
sb_vp_diffusion (const void *vp, double t)
{
  return sqrt (sb_vp_beta (vp, t));
}

// ## The perturbation kernel
//
// The drift is linear, so $\mathbf{x}(t)$ given $\mathbf{x}(s)$ is Gaussian, [scoresde.eq29] [scoresde.eq33]
// $$ p_{st}(\mathbf{x}(t) \mid \mathbf{x}(s))
//    = \mathcal{N}\!\bigl(\mathbf{x}(t);\; \mathbf{x}(s)\,e^{-B(s,t)/2},\; (1 - e^{-B(s,t)})\,\mathbf{I}\bigr); $$
// the paper prints it for $s = 0$.

double
sb_vp_mean (const void *vp, double s, double t)
{
  return exp (-0.5 * sb_vp_integral_beta (vp, s, t));
}

// Near $t = s$ the variance is tiny, and the score divides by it. Written as $1 - e^{-B}$ it would lose half its
// digits at $t = 10^{-5}$, the smallest time the paper uses; `expm1` keeps them all.
//
// The variance of data with $\operatorname{Cov}[\mathbf{x}(0)] = \mathbf{I}$ is $e^{-B} + (1 - e^{-B}) = 1$ at every
// time, hence its name.
// [scoresde.txt-vp-preserving]

double
sb_vp_variance (const void *vp, double s, double t)
{
  return -expm1 (-sb_vp_integral_beta (vp, s, t));
}

// Its signal-to-noise ratio from 0, $\alpha^2/\sigma^2 = e^{-B}/(1 - e^{-B}) = 1/(e^B - 1)$, falls from infinity.

double
sb_vp_log_snr (const sb_vp *vp, double t)
{
  return -log (expm1 (sb_vp_integral_beta (vp, 0, t)));
}

// ## As a process
//
// After $B(0,1) = 10.05$, $e^{-B/2} = 0.0066$ of the data is left, and the prior is $\mathcal{N}(\mathbf{0},
// \mathbf{I})$. Sampling stops at $\epsilon = 10^{-3}$, where the variance, $1.0994\cdot10^{-4}$, is about the $\beta_1
// = 10^{-4}$ of DDPM's first step. [scoresde.txt-eps-match]

static const sb_scalar_type vp_type = {
  .name = "vp", .mean = sb_vp_mean, .variance = sb_vp_variance, .drift = sb_vp_drift, .diffusion = sb_vp_diffusion
};

sb_process *
sb_vp_alloc (size_t dimension, double beta_min, double beta_max)
{
  if (!(0 < beta_min && beta_min <= beta_max && gsl_finite (beta_max)))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "VP needs rates 0 < beta_min <= beta_max, not %g and %g", beta_min, beta_max);
  sb_vp *vp = malloc (sizeof *vp);
  if (vp)
    *vp = (sb_vp){ .beta_min = beta_min, .beta_max = beta_max };
  return sb_scalar_alloc (&vp_type, vp, dimension, SB_VP_EPSILON_SAMPLING, 1, 0);
}
