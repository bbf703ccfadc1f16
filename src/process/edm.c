// # The process of Karras et al.
//
// Schedules of noise levels differ only in their time variable, and Karras et al. (2022) take the level itself for the
// time: $\sigma(t) = t$, $s(t) = 1$,
// $$ \mathbf x_t = \mathbf x_0 + t\,\mathbf z, \qquad d\mathbf x = \sqrt{2t}\,d\mathbf w, \qquad
//    g(t)^2 = \frac{d\sigma_t^2}{dt} = 2t . $$
// It is the only process of *Consistent Diffusion Models*: [consistent.eq1] [consistent.eq4] its "VP", "VE" are
// networks. [consistent.set-base]

#include "edm.h"

#include "../base/error.h"
#include "scalar.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

typedef struct
{
  double sigma_max;
} edm;

static double
variance (const void *edm_, double s, double t)
{
  (void)edm_;
  return (t - s) * (t + s);
}

static double
diffusion (const void *edm_, double t)
{
  (void)edm_;
  return sqrt (2 * t);
}

static double
prior_sd (const void *state)
{
  const edm *e = state;
  return e->sigma_max;
}

static const sb_scalar_type edm_type
    = { .name = "edm", .variance = variance, .diffusion = diffusion, .prior_sd = prior_sd };

// The maps do not end at $\sigma_{\max}$: a sampler that adds noise first goes above it, and so does one training
// sample in 600,000.

sb_process *
sb_edm_alloc (size_t dimension, double sigma_min, double sigma_max)
{
  if (!(0 < sigma_min && sigma_min < sigma_max && gsl_finite (sigma_max)))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "edm needs noise levels 0 < sigma_min < sigma_max, not %g and %g", sigma_min,
                   sigma_max);
  edm *e = malloc (sizeof *e);
  if (e)
    *e = (edm){ .sigma_max = sigma_max };
  sb_process *process = sb_scalar_alloc (&edm_type, e, dimension, sigma_min, sigma_max, 0);
  if (process)
    process->t_limit = GSL_POSINF;
  return process;
}
