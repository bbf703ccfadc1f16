// # The sub-VP SDE
//
// VP replaces the variance that it removes from the signal by noise. Song et al. (2021, Section 3.4) propose to add
// less noise at first,
// $$ d\mathbf{x} = -\tfrac12\beta(t)\,\mathbf{x}\,dt
//    + \sqrt{\beta(t)\bigl(1 - e^{-2B(0,t)}\bigr)}\,d\mathbf{w}, \qquad B(s,t) = \int_s^t \beta(u)\,du. $$
// [scoresde.eq12] The variance then stays below that of VP at every time, by $e^{-B} - e^{-2B} \le \frac14$,
// [scoresde.txt-subvp-bounded] and as $B$ grows both end in the same prior, $\mathcal{N}(\mathbf{0}, \mathbf{I})$.
// [scoresde.txt-subvp-limit] The rate $\beta(t)$ is VP's own, [scoresde.set-subvp] and with it the drift and the mean.
// [scoresde.txt-subvp-mean]

#include "subvp.h"
#include "../base/error.h"
#include "scalar.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

double
sb_subvp_diffusion (const void *vp, double t)
{
  return sqrt (-sb_vp_beta (vp, t) * expm1 (-2 * sb_vp_integral_beta (vp, 0, t)));
}

// ## The perturbation kernel
//
// From a point, $\dot v = -\beta v + g^2$ has the solution [scoresde.eq29] [scoresde.eq34]
// $$ p_{0t}(\mathbf{x}(t) \mid \mathbf{x}(0))
//    = \mathcal{N}\!\bigl(\mathbf{x}(t);\; \mathbf{x}(0)\,e^{-B(0,t)/2},\; [1 - e^{-B(0,t)}]^2\,\mathbf{I}\bigr): $$
// the standard deviation is VP's variance. From a point at a later time $s$ it depends on the noise withheld before
// $s$. With $u = e^{-B(0,s)}$ and $w = e^{-B(s,t)}$, the variance that the interval adds to the kernel from 0 is
// $$ v(s,t) = v(0,t) - w\,v(0,s) = (1 - uw)^2 - w (1 - u)^2 = (1 - w)(1 - u^2 w), $$
// a product of two numbers that `expm1` gives to full precision, which the difference does not have.

double
sb_subvp_variance (const void *vp, double s, double t)
{
  double log_u = -sb_vp_integral_beta (vp, 0, s), log_w = -sb_vp_integral_beta (vp, s, t);
  return expm1 (log_w) * expm1 (2 * log_u + log_w);
}

// ## As a process

static const sb_scalar_type subvp_type = { .name = "subvp",
                                           .mean = sb_vp_mean,
                                           .variance = sb_subvp_variance,
                                           .drift = sb_vp_drift,
                                           .diffusion = sb_subvp_diffusion };

sb_process *
sb_subvp_alloc (size_t dimension, double beta_min, double beta_max)
{
  if (!(0 < beta_min && beta_min <= beta_max && gsl_finite (beta_max)))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "sub-VP needs rates 0 < beta_min <= beta_max, not %g and %g", beta_min, beta_max);
  sb_vp *vp = malloc (sizeof *vp);
  if (vp)
    *vp = (sb_vp){ .beta_min = beta_min, .beta_max = beta_max };
  return sb_scalar_alloc (&subvp_type, vp, dimension, SB_VP_EPSILON_SAMPLING, 1, 0);
}
