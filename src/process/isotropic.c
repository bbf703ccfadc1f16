// # Gaussians alike in all directions
//
// Every step of DDPM, forward or back, is a Gaussian $\mathcal{N}(\mathbf{m}, v\,\mathbf{I})$, and the variational
// bound is made of their densities and divergences.

#include "isotropic.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_log.h>
#include <math.h>

double
sb_isotropic_log_density (size_t d, double squared, double v)
{
  if (!(v > 0))
    GSL_ERROR_VAL ("a density needs a variance above 0", GSL_EDOM, GSL_NAN);
  return -0.5 * (squared / v + (double)d * log (2 * M_PI * v));
}

// ## The divergence
//
// $$ D_{\mathrm{KL}}\bigl(\mathcal{N}(\mathbf{m}_1, v_1\mathbf{I}) \,\|\, \mathcal{N}(\mathbf{m}_2,
//    v_2\mathbf{I})\bigr)
//    = \frac{d}{2}\Bigl[\ln\frac{v_2}{v_1} + \frac{v_1}{v_2} - 1\Bigr] + \frac{\|\mathbf{m}_1 - \mathbf{m}_2\|^2}{2
//    v_2}. $$
// With equal variances $\tilde\beta_t$ the bracket vanishes, and what is left is line 4 of the report's Appendix A.4,
// $\|\tilde\mu - \mu_\theta\|^2 / 2\tilde\beta_t$ (printed over $2\tilde\beta_t^2$). [dsm2ddpm.txt-VLB-KL] With
// $r = v_1/v_2 - 1$ the bracket is $r - \ln(1 + r)$, a difference of near equals for the variances of successive
// levels, which GSL has without loss.

static double
bracket (double r)
{
  return r == -1 ? GSL_POSINF : -gsl_sf_log_1plusx_mx (r);
}

double
sb_isotropic_kl (size_t d, double squared, double v_1, double v_2)
{
  if (!(v_1 >= 0 && v_2 >= 0))
    GSL_ERROR_VAL ("a variance is not below 0", GSL_EDOM, GSL_NAN);
  if (v_2 == 0)
    return v_1 == 0 && squared == 0 ? 0 : GSL_POSINF;
  return 0.5 * (double)d * bracket ((v_1 - v_2) / v_2) + squared / (2 * v_2);
}
