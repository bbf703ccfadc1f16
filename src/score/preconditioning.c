// # Preconditioning
//
// A network maps numbers of order one to numbers of order one. To use it as a score at noise level $\varsigma$ takes
// three scales and a label, which are defined here once for sampling and training alike.

#include "preconditioning.h"

#include <float.h>
#include <gsl/gsl_math.h>
#include <math.h>

// ## The scales
//
// With $x_t = a\,x_0 + \varsigma z$ and data of deviation $\sigma_d$, a coordinate of $x_t$ has deviation
// $\sqrt{a^2\sigma_d^2 + \varsigma^2}$, so the network $F$ takes $c\,x_t$ with $c$ its inverse, and the noise is
// estimated by
// $$ \hat z(x_t, t) = p\,x_t + q\,F(c\,x_t, u) . $$

// Predicting $\epsilon$ means $p = 0$, $q = 1$. At high noise that is hard: $\hat z$ must copy $x_t$ almost exactly,
// and the error that remains is multiplied by $\varsigma$ in $\hat x_0 = (x_t - \varsigma\hat z)/a$. With the blend of
// Karras et al. (2022, Table 1) the network only adds a correction to the best linear estimate of $x_0$.
// [consistent.set-edm-precond] In their coordinates $\sigma = \varsigma/a$ and $x = x_t/a$, with their
// $c_{\text{skip}}$ and $c_{\text{out}}$ (their $c_{\text{in}}$ is $a\,c$),
// $$ \hat x_0 = \frac{\sigma_d^2}{\sigma^2 + \sigma_d^2}\,x + \frac{\sigma\,\sigma_d}{\sqrt{\sigma^2 + \sigma_d^2}}\,F , $$
// and $\hat z = (x - \hat x_0)/\sigma$ gives $p$ and $q$ below.

static void
scale_mixed (double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  const double total = gsl_hypot (a * sigma_d, sd);
  *c = 1 / total;
  *p = sd / gsl_pow_2 (total);
  *q = -a * sigma_d / total;
}

static void
scale_epsilon (double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  *c = 1 / gsl_hypot (a * sigma_d, sd);
  *p = 0;
  *q = 1;
}

// A network may also be the score itself, $s = F(x_t, u)$: then $\hat z$ below means $s$.

static void
scale_nothing (double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  (void)a, (void)sd, (void)sigma_d;
  *c = 1;
  *p = 0;
  *q = 1;
}

// Under a singular corruption an estimate of the noise does not determine the clean image, so the network predicts the
// residual of $\hat{\mathbf x}_0$ instead, [soft.eq10]
// $$ \hat{\mathbf x}_0 = \mathbf h_\theta(\mathbf x_t \mid t) = \mathbf x_t + \boldsymbol\phi_\theta(\mathbf x_t \mid t), \qquad
//    \boldsymbol\phi_\theta = \sigma_d\,F(c\,\mathbf x_t, u), $$
// the target of which is $\mathbf r_t = \mathbf x_0 - \mathbf x_t$. [soft.txt-residual] At first $F = 0$, and so
// $\hat{\mathbf x}_0 = \mathbf x_t$. $p$ and $q$ are those of the denoiser here, the same for all coordinates: anything
// from none to all of the data may be left, and $c$ allows for all.

static void
scale_residual (double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  (void)a;
  *c = 1 / gsl_hypot (sigma_d, sd);
  *p = 1;
  *q = sigma_d;
}

static const struct
{
  sb_entry entry;
  sb_view view;
  void (*scale) (double a, double sd, double sigma_d, double *c, double *p, double *q);
} predictions[] = {
  { { "epsilon", "the noise", NULL, 0 }, SB_EPSILON, scale_epsilon },
  { { "mixed", "a blend of noise and denoiser, well scaled at every noise level", NULL, 0 }, SB_EPSILON, scale_mixed },
  { { "score", "the score itself, unscaled", NULL, 0 }, SB_SCORE, scale_nothing },
  { { "residual", "the denoised point minus the noisy one", NULL, 0 }, SB_DENOISER, scale_residual }
};

const sb_entry *
sb_predictions (size_t k)
{
  return k < sizeof predictions / sizeof *predictions ? &predictions[k].entry : NULL;
}

void
sb_network_scales (sb_prediction prediction, double a, double sd, double sigma_d, double *c, double *p, double *q)
{
  predictions[prediction].scale (a, sd, sigma_d, c, p, q);
}

sb_view
sb_prediction_view (sb_prediction prediction)
{
  return predictions[prediction].view;
}

// ## The label
//
// The label is one number, also where the process has several parts: the time, or the logarithm of the noise of the
// first part. Without noise the label is that of a tiny noise: $\hat x_0$ is $x_t$ there, whatever the output.

static double
label_time (double t, double a, double sd)
{
  (void)a, (void)sd;
  return 1000 * t;
}

static double
label_log_noise (double t, double a, double sd)
{
  (void)t;
  return log (GSL_MAX_DBL (sd / a, DBL_MIN));
}

// Karras et al. (2022, Table 1) use $c_{\text{noise}}(\sigma) = \frac14\ln\sigma$. [consistent.set-edm-precond]

static double
label_quarter_log_noise (double t, double a, double sd)
{
  return label_log_noise (t, a, sd) / 4;
}

static const struct
{
  sb_entry entry;
  double (*at) (double t, double a, double sd);
  bool of_noise;
} labels[] = { { { "time", "1000 t", NULL, 0 }, label_time, false },
               { { "log-noise", "the logarithm of the noise-to-signal ratio", NULL, 0 }, label_log_noise, true },
               { { "quarter-log-noise", "a quarter of it, as in EDM", NULL, 0 }, label_quarter_log_noise, true } };

const sb_entry *
sb_labels (size_t k)
{
  return k < sizeof labels / sizeof *labels ? &labels[k].entry : NULL;
}

double
sb_label_at (sb_label label, double t, double a, double sd)
{
  return labels[label].at (t, a, sd);
}

bool
sb_label_of_noise (sb_label label)
{
  return labels[label].of_noise;
}
