// # A signal-to-noise ratio that falls on a straight line
//
// [nonuniform.txt-loglinear] Each coefficient of the multi-scale model diffuses by a variance-preserving process "with
// log-linear SNR profile". Written out: with $\mathrm{SNR} = \alpha^2/\sigma^2$ and $\alpha^2 + \sigma^2 = 1$,
// $$ \ln\mathrm{SNR}(t) = \ln\mathrm{SNR}_{\max} - \kappa\,(t - \epsilon), \qquad
//    \kappa = \frac{\ln\mathrm{SNR}_{\max} - \ln\mathrm{SNR}_{\min}}{T - \epsilon}, \qquad
//    \alpha^2 = \frac{\mathrm{SNR}}{1 + \mathrm{SNR}}, \quad \sigma^2 = \frac{1}{1 + \mathrm{SNR}} . $$

#include "loglinear.h"

#include "../base/error.h"
#include "scalar.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

double
sb_loglinear_rate (const sb_loglinear *line)
{
  return (line->log_snr_max - line->log_snr_min) / (line->end - line->epsilon);
}

double
sb_loglinear_log_snr (const sb_loglinear *line, double t)
{
  return line->log_snr_max - sb_loglinear_rate (line) * (t - line->epsilon);
}

// ## The kernel
//
// From $t = 0$ it is given by $\alpha$ and $\sigma$, and includes a jump: the line extends below $\epsilon$ to $0^+$,
// where there already is noise.

static double
variance_from_zero (const sb_loglinear *line, double t)
{
  return 1 / (1 + exp (sb_loglinear_log_snr (line, t)));
}

// Between two positive times [nonuniform.txt-loglinear]
// $$ \frac{\alpha^2(t)}{\alpha^2(s)} = \frac{1 + e^{-\ln\mathrm{SNR}(s)}}{1 + e^{-\ln\mathrm{SNR}(t)}} = \frac1{1 + u},
//    \qquad u = \sigma^2(s)\,\bigl(e^{\kappa (t - s)} - 1\bigr), $$
// and the rest to 1 is noise, $u/(1 + u)$, to all digits however near $s$ is to $t$.

static double
growth (const sb_loglinear *line, double s, double t)
{
  return variance_from_zero (line, s) * expm1 (sb_loglinear_rate (line) * (t - s));
}

static double
mean (const void *parameters, double s, double t)
{
  const sb_loglinear *line = parameters;
  if (t == 0)
    return 1;
  return s > 0 ? 1 / sqrt (1 + growth (line, s, t)) : 1 / sqrt (1 + exp (-sb_loglinear_log_snr (line, t)));
}

static double
variance (const void *parameters, double s, double t)
{
  const sb_loglinear *line = parameters;
  if (t == 0)
    return 0;
  const double u = s > 0 ? growth (line, s, t) : 0;
  return s > 0 ? u / (1 + u) : variance_from_zero (line, t);
}

// ## The SDE
//
// $d\ln\alpha^2/dt = -\kappa/(1 + \mathrm{SNR})$, so that [nonuniform.txt-loglinear]
// $$ dc = -\tfrac12\beta\,c\,dt + \sqrt\beta\,dw, \qquad \beta = \kappa\,\sigma^2(t) : $$
// $g^2/\sigma^2$ is constant, and so are the likelihood's weights of the noise.

static double
rate (const sb_loglinear *line, double t)
{
  return t > 0 ? sb_loglinear_rate (line) * variance_from_zero (line, t) : GSL_NAN;
}

static double
drift (const void *line, double t)
{
  return -rate (line, t) / 2;
}

static double
diffusion (const void *line, double t)
{
  return sqrt (rate (line, t));
}

static const sb_scalar_type loglinear_type
    = { .name = "loglinear", .mean = mean, .variance = variance, .drift = drift, .diffusion = diffusion };

sb_process *
sb_loglinear_alloc (size_t dimension, const sb_loglinear *line)
{
  if (!(0 < line->epsilon && line->epsilon < line->end && line->log_snr_min < line->log_snr_max
        && gsl_finite (line->end) && gsl_finite (line->log_snr_max) && gsl_finite (line->log_snr_min)))
    SB_ERROR_NULL (NULL, GSL_EINVAL,
                   "loglinear needs times 0 < epsilon < end and ratios that fall, not %g to %g and ln SNR %g to %g",
                   line->epsilon, line->end, line->log_snr_max, line->log_snr_min);
  sb_loglinear *copy = malloc (sizeof *copy);
  if (copy)
    *copy = *line;
  return sb_scalar_alloc (&loglinear_type, copy, dimension, line->epsilon, line->end, 0);
}
