// # A mixture on the line

#include "gmm3.h"
#include "measure/twosample.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>

enum
{
  K = 3
};

static const double w[K] = { 0.3, 0.5, 0.2 }, mu[K] = { -1.5, 0.3, 2 }, sd[K] = { 0.3, 0.4, 0.2 };

// Under the kernel $\mathcal N(a x_0, s^2)$ component $k$ has the mean $a\mu_k$ and the variance
// $a^2\,\mathrm{sd}_k^2 + s^2$. Without a process, or at $t = 0$, these are the data's own.

typedef struct
{
  double mean[K], variance[K], log_weight[K]; // log(w / sqrt(variance))
} law;

static law
law_at (const sb_process *process, double t)
{
  law at;
  double a = 1, s = 0;
  if (process)
    ok (sb_process_scalars (process, 0, t, &a, &s));
  for (size_t k = 0; k < K; k++)
    {
      at.mean[k] = a * mu[k];
      at.variance[k] = gsl_pow_2 (a * sd[k]) + gsl_pow_2 (s);
      at.log_weight[k] = log (w[k]) - 0.5 * log (at.variance[k]);
    }
  return at;
}

// ## The score
//
// $\sum_k r_k(x)\,(m_k - x)/v_k$, with responsibilities taken relative to the largest.

static double
score_at (const law *at, double x)
{
  double log_r[K], largest = -INFINITY, sum = 0, score = 0;
  for (size_t k = 0; k < K; k++)
    {
      log_r[k] = at->log_weight[k] - 0.5 * gsl_pow_2 (x - at->mean[k]) / at->variance[k];
      largest = larger (largest, log_r[k]);
    }
  for (size_t k = 0; k < K; k++)
    {
      double r = log_r[k] == largest ? 1 : exp (log_r[k] - largest);
      sum += r;
      score += r * (at->mean[k] - x) / at->variance[k];
    }
  return score / sum;
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  law at;
  (void)y;
  if (view != SB_SCORE)
    return GSL_EUNSUP;
  for (size_t i = 0; i < x->size1; i++)
    {
      double t_i = gsl_vector_get (t, i);
      if (i == 0 || t_i != gsl_vector_get (t, i - 1))
        at = law_at (state, t_i);
      for (size_t j = 0; j < x->size2; j++)
        gsl_matrix_set (out, i, j, score_at (&at, gsl_matrix_get (x, i, j)));
    }
  return GSL_SUCCESS;
}

const sb_score_type gmm3_score_type = { .name = "gmm3", .views = SB_SCORE, .evaluate = evaluate };

// ## Distribution function, quantiles, draws

static double
cdf (double x, void *params)
{
  const law *at = params;
  double sum = 0;
  for (size_t k = 0; k < K; k++)
    sum += w[k] * gsl_cdf_ugaussian_P ((x - at->mean[k]) / sqrt (at->variance[k]));
  return sum;
}

static double
quantile (law *at, double p)
{
  double low = -1e4, high = 1e4;
  for (int i = 0; i < 100; i++)
    {
      double middle = low + (high - low) / 2;
      *(cdf (middle, at) < p ? &low : &high) = middle;
    }
  return low;
}

double
gmm3_cdf (const sb_process *process, double t, double x)
{
  law at = law_at (process, t);
  return cdf (x, &at);
}

double
gmm3_quantile (const sb_process *process, double t, double p)
{
  law at = law_at (process, t);
  return quantile (&at, p);
}

int
gmm3_sample (sb_stream stream, gsl_matrix *x)
{
  law at = law_at (NULL, 0);
  int status = sb_stream_uniforms (stream, 0, x);
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      gsl_matrix_set (x, i, j, quantile (&at, gsl_matrix_get (x, i, j)));
  return status;
}

// ## The posterior mean
//
// The trapezoidal rule over 12 standard deviations of each component either side, fine enough for a kernel as narrow as
// 0.01: on functions that vanish at both ends it converges faster than any power.

double
gmm3_posterior_mean (const sb_process *process, double t, double x)
{
  double a, s, mass = 0, first = 0;
  ok (sb_process_scalars (process, 0, t, &a, &s));
  for (double x0 = -6; x0 <= 6; x0 += 1e-4)
    {
      double p = 0;
      for (size_t k = 0; k < K; k++)
        p += w[k] / sd[k] * exp (-0.5 * gsl_pow_2 ((x0 - mu[k]) / sd[k]));
      p *= exp (-0.5 * gsl_pow_2 ((x - a * x0) / s));
      mass += p;
      first += p * x0;
    }
  return first / mass;
}

// ## Distance from the law

double
gmm3_distance (const sb_process *process, double t, const gsl_matrix *x)
{
  law at = law_at (process, t);
  gsl_vector *all = vector (x->size1 * x->size2);
  double distance, p_value;
  for (size_t i = 0; i < all->size; i++)
    gsl_vector_set (all, i, gsl_matrix_get (x, i / x->size2, i % x->size2));
  ok (sb_ks_one_sample (all, cdf, &at, &distance, &p_value));
  return distance;
}

double
gmm3_critical (size_t n)
{
  return sqrt (log (2e6) / (2 * (double)n));
}
