// # Twice the noise scales of training
//
// To take 2000 steps with a network trained on 1000 noise scales, Song et al. (2021, Appendix G) keep the ends of the
// schedule and double $N$: for SMLD $\sigma_{\min}$ and $\sigma_{\max}$ stay, for DDPM $\bar\beta_{\min}$ and
// $\bar\beta_{\max}$ do, so that every $\beta_i = \bar\beta_i/N$ is halved. What remains is the network's label:
// [scoresde.txt-interp]
// $$ \mathbf{s}'_{\boldsymbol\theta}(\mathbf{x}, i) = \mathbf{s}_{\boldsymbol\theta}(\mathbf{x}, i/2)
//    \quad\text{or}\quad \mathbf{s}_{\boldsymbol\theta}(\mathbf{x}, \lfloor i/2 \rfloor), \qquad i = 0, \dots, 2N-1. $$
// (The paper prints $[i/2]$; rounding to the nearest would give label $N$ at the last $i$, which does not exist. The
// linear form gives $N - 1/2$ there, a little beyond the last label.)

#include "interpolate.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>

double
sb_interpolate_label (sb_interpolation how, size_t N, size_t i)
{
  if (i / 2 >= N)
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "label %zu of twice %zu noise scales", i, N);
  switch (how)
    {
    case SB_INTERPOLATE_LINEAR:
      return 0.5 * (double)i;
    case SB_INTERPOLATE_ROUNDING:
      return (double)(i / 2);
    default:
      SB_ERROR_VALUE (NULL, GSL_EINVAL, GSL_NAN, "there is no interpolation %d", (int)how);
    }
}
