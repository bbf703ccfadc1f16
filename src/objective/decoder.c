// # The discrete decoder
//
// Images are bytes, and the density of a byte is not a likelihood: it grows without bound as the decoder narrows. The
// last step of DDPM's reverse chain therefore gives the probability of a byte. The report leaves the
// formula to Ho et al. (2020), who scale $\{0, \dots, 255\}$ to $[-1, 1]$ and give each byte the mass of the last
// step's Gaussian within half a level of it, [dsm2ddpm.txt-VLB-L0]
// $$ p_\theta(\mathbf{x}_0 \mid \mathbf{x}_1) = \prod_{i=1}^{D} \int_{\delta_-(x_0^i)}^{\delta_+(x_0^i)}
//    \mathcal{N}\bigl(x;\, \mu_\theta^i(\mathbf{x}_1, 1),\, \sigma_1^2\bigr)\,dx,
//    \qquad \delta_\pm(x) = x \pm \tfrac{1}{255}, $$
// except that the first level reaches down to $-\infty$ and the last up to $\infty$: the masses add up to 1. With
// $\sigma_1^2 = \tilde\beta_1 = 0$ it would be 0 or 1; it takes $\beta_1$ instead.

#include "decoder.h"

#include "../base/error.h"
#include "../transition/isotropic.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_erf.h>
#include <math.h>

// ## The mass between two points
//
// $\Phi(b) - \Phi(a)$ with $a < b$ cancels to 0 in doubles where both are on one side of 0 and far out: at 20 standard
// deviations both are 1. By symmetry both may be taken to the right of 0, and there, with $Q = 1 - \Phi$,
// $$ \log\bigl(Q(a) - Q(b)\bigr) = \log Q(a) + \log\bigl(1 - e^{\log Q(b) - \log Q(a)}\bigr), $$
// for which GSL has $\log Q$ as far out as one likes.

static double
log_Q (double a)
{
  return gsl_isinf (a) > 0 ? GSL_NEGINF : gsl_sf_log_erfc (a * M_SQRT1_2) - M_LN2;
}

static double
log_right (double a, double b) // 0 <= a < b
{
  double log_a = log_Q (a);
  return log_a + log (-expm1 (log_Q (b) - log_a));
}

// Between points on the two sides of 0 the two halves $\tfrac12\operatorname{erf}$ add up; where they add up to nearly
// 1, it is the complement that is known to all digits.

static double
log_across (double a, double b) // a < 0 < b
{
  double missing = 0.5 * (erfc (-a * M_SQRT1_2) + erfc (b * M_SQRT1_2));
  return missing < 0.5 ? log1p (-missing) : log (0.5 * (erf (b * M_SQRT1_2) - erf (a * M_SQRT1_2)));
}

double
sb_decoder_log_interval (double a, double b)
{
  if (!(a < b))
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "from %g to %g is no interval", a, b);
  return a >= 0 ? log_right (a, b) : b <= 0 ? log_right (-b, -a) : log_across (a, b);
}

// ## A grey level
//
// The byte nearest to $x$ and its two edges, in standard deviations from the mean. Moving the mean up by $d\mu$ moves
// both edges down by $d\mu/\sigma$, so the log mass has the slope $(\varphi(a) - \varphi(b))/(\sigma\,\mathrm{mass})$,
// $\varphi$ being the normal density.

typedef struct
{
  double a, b;
} edges;

static edges
edges_of (const sb_decoder *decoder, double x, double mean, double sd)
{
  double width = (decoder->high - decoder->low) / (double)(decoder->levels - 1);
  double k = rint ((x - decoder->low) / width);
  edges e = { GSL_NEGINF, GSL_POSINF };
  if (k > 0)
    e.a = (decoder->low + (k - 0.5) * width - mean) / sd;
  if (k < (double)(decoder->levels - 1))
    e.b = (decoder->low + (k + 0.5) * width - mean) / sd;
  return e;
}

static double
phi_over (double a, double log_mass)
{
  return gsl_isinf (a) ? 0 : exp (-0.5 * a * a - 0.5 * log (2 * M_PI) - log_mass);
}

static double
level (const sb_decoder *decoder, double x, double mean, double sd, double *slope)
{
  edges e = edges_of (decoder, x, mean, sd);
  double log_mass = e.a < e.b ? sb_decoder_log_interval (e.a, e.b) : GSL_NAN;
  *slope = (phi_over (e.a, log_mass) - phi_over (e.b, log_mass)) / sd;
  return log_mass;
}

// Without levels, the density itself.

static double
density (double x, double mean, double sd, double *slope)
{
  *slope = (x - mean) / (sd * sd);
  return sb_isotropic_log_density (1, gsl_pow_2 (x - mean), sd * sd);
}

static double
number (const sb_decoder *decoder, double x, double mean, double sd, double *slope)
{
  return decoder->levels == 0 ? density (x, mean, sd, slope) : level (decoder, x, mean, sd, slope);
}

// Data that lie between the levels (dequantised, say, or in another range) have no mass. The tolerance
// is for bytes that went through single precision.

static int
on_a_level (const sb_decoder *decoder, double x)
{
  double k = (x - decoder->low) / (decoder->high - decoder->low) * (double)(decoder->levels - 1);
  return decoder->levels == 0 || (fabs (k - rint (k)) < 1e-3 && rint (k) >= 0 && rint (k) < (double)decoder->levels);
}

static int
check (const sb_decoder *decoder, const gsl_matrix *x_0, const gsl_matrix *mean, const gsl_vector *variance,
       const gsl_vector *log_p, const gsl_matrix *slope)
{
  if (mean->size1 != x_0->size1 || mean->size2 != x_0->size2 || variance->size != x_0->size1
      || log_p->size != x_0->size1 || (slope && (slope->size1 != x_0->size1 || slope->size2 != x_0->size2)))
    SB_ERROR (NULL, GSL_EBADLEN, "x_0 is %zu x %zu, the means %zu x %zu, and there are %zu variances and %zu densities",
              x_0->size1, x_0->size2, mean->size1, mean->size2, variance->size, log_p->size);
  if (decoder->levels == 1 || (decoder->levels > 1 && !(decoder->low < decoder->high)))
    SB_ERROR (NULL, GSL_EINVAL, "a decoder of %zu levels from %g to %g: not 2 or more from low to high",
              decoder->levels, decoder->low, decoder->high);
  for (size_t i = 0; i < variance->size; i++)
    if (!(gsl_vector_get (variance, i) > 0))
      SB_ERROR (NULL, GSL_EDOM, "variance %zu of the decoder is %g, not positive", i, gsl_vector_get (variance, i));
  for (size_t i = 0; i < x_0->size1; i++)
    for (size_t j = 0; j < x_0->size2; j++)
      if (!on_a_level (decoder, gsl_matrix_get (x_0, i, j)))
        SB_ERROR (NULL, GSL_EDOM, "x_0 is %g at row %zu, column %zu: no grey level", gsl_matrix_get (x_0, i, j), i, j);
  return GSL_SUCCESS;
}

// Where the mean is some $10^{14}$ standard deviations off, or not a number, the edges of a level coincide and the mass
// between them is unknown; a result that used it would be no bound.

int
sb_decoder_log_mass (const sb_decoder *decoder, const gsl_matrix *x_0, const gsl_matrix *mean,
                     const gsl_vector *variance, gsl_vector *log_p, gsl_matrix *slope)
{
  int status = check (decoder, x_0, mean, variance, log_p, slope);
  for (size_t i = 0; i < x_0->size1 && !status; i++)
    {
      double sum = 0, sd = sqrt (gsl_vector_get (variance, i)), slope_ij;
      for (size_t j = 0; j < x_0->size2; j++)
        {
          sum += number (decoder, gsl_matrix_get (x_0, i, j), gsl_matrix_get (mean, i, j), sd, &slope_ij);
          if (slope)
            gsl_matrix_set (slope, i, j, slope_ij);
        }
      if (!gsl_finite (sum))
        SB_ERROR (NULL, GSL_EDOM, "a mean of row %zu is too far from the data, or not a number", i);
      gsl_vector_set (log_p, i, sum);
    }
  return status;
}
