// # Is there a mismatch?
//
// [soft.eq13] [soft.eq53] [soft.txt-mismatch] The question that Appendix E leaves open, answered on Gaussian data and
// on a mixture, where both readings of the SDE are known.

#include "../mixture.h"

#include <scorebook.h>

#include <gsl/gsl_math.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

// ## Corruptions
//
// G1: c = exp(-2 t^2), sigma^2 = .3 t + .5 t^3. Fading: c = 1 - .9 t at sigma = .5.

static int
g1_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  const double c = exp (-2 * t * t), v = 0.3 * t + 0.5 * t * t * t;
  (void)params;
  *level = rate ? -4 * t * c : c;
  *sigma = rate ? (0.3 + 1.5 * t * t) / (2 * sqrt (v)) : sqrt (v);
  return GSL_SUCCESS;
}

static int
fading_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  (void)params;
  *level = rate ? -0.9 : 1 - 0.9 * t;
  *sigma = rate ? 0 : 0.5;
  return GSL_SUCCESS;
}

typedef int (*schedule_at) (const void *params, bool rate, double t, double *level, double *sigma);

static sb_process *
process_of (schedule_at at)
{
  const sb_soft_schedule schedule = { .at = at };
  return require_pointer (sb_soft_alloc (sb_operator_multiple_alloc (1), &schedule, NULL), "the corruption");
}

// ## Gaussian data
//
// The SDE's own moments: the drift is linear, its slope read off two points; and the moments under its own law, R' =
// c' R^2 / V and V' = 2 c' R + (sigma^2)'. Both by Runge and Kutta's method in t = tau^2.

typedef struct
{
  const sb_score *score; // NULL: by its own law
  schedule_at at;
} reading;

typedef struct
{
  double R, V;
} moments;

static double
drift_slope (const sb_score *score, double t)
{
  double x[2] = { -1, 1 }, out[2], times[2] = { t, t };
  const gsl_matrix_const_view points = gsl_matrix_const_view_array (x, 2, 1);
  gsl_matrix_view drift = gsl_matrix_view_array (out, 2, 1);
  const gsl_vector_const_view at = gsl_vector_const_view_array (times, 2);
  require (sb_forward_drift (score, NULL, &at.vector, &points.matrix, &drift.matrix), "the drift");
  return (out[1] - out[0]) / 2;
}

static moments
slope (const reading *of, double tau, moments m)
{
  const double t = fmin (1, fmax (tau * tau, 1e-5));
  double c_rate, sigma_rate, c, sigma;
  of->at (NULL, true, t, &c_rate, &sigma_rate);
  of->at (NULL, false, t, &c, &sigma);
  const double v_rate = 2 * sigma * sigma_rate;
  moments k = { c_rate * m.R * m.R / m.V, 2 * c_rate * m.R + v_rate };
  if (of->score)
    k.V = 2 * drift_slope (of->score, t) * m.V + v_rate;
  return (moments){ 2 * tau * k.R, 2 * tau * k.V };
}

static moments
ahead (moments m, double h, moments k)
{
  return (moments){ m.R + h * k.R, m.V + h * k.V };
}

static moments
solve (const reading *of, double P)
{
  const int steps = 4000;
  const double first = sqrt (1e-5), h = (1 - first) / steps;
  moments m = { P, P + 0.3e-5 };
  for (int i = 0; i < steps; i++)
    {
      const double tau = first + h * i;
      const moments a = slope (of, tau, m), b = slope (of, tau + h / 2, ahead (m, h / 2, a)),
                    c = slope (of, tau + h / 2, ahead (m, h / 2, b)), d = slope (of, tau + h, ahead (m, h, c));
      m = ahead (m, h / 6, (moments){ a.R + 2 * b.R + 2 * c.R + d.R, a.V + 2 * b.V + 2 * c.V + d.V });
    }
  return m;
}

static void
of_gaussian (results *r)
{
  const double one = 1, m = 0.7, P = 1.7, c = exp (-2), S = c * c * P + 0.8;
  sb_process *process = process_of (g1_at);
  sb_target *law = mixture_of (1, 1, &one, &m, &P);
  sb_score *score = require_pointer (sb_score_exact_alloc (law, process), "the score");
  const moments own = solve (&(reading){ NULL, g1_at }, P), exact = solve (&(reading){ score, g1_at }, P);
  results_row (r, "of the corruption", "At t = 1, Gaussian data / variance", "", S, -1, "", "");
  results_row (r, "of the corruption", "At t = 1, Gaussian data / covariance with x_0", "", c * P, -1, "", "");
  results_row (r, "of the SDE", "At t = 1, Gaussian data / variance", "", exact.V, -1, "", "");
  results_row (r, "of the SDE under its own law", "At t = 1, Gaussian data / variance", "", own.V, -1, "", "");
  results_row (r, "of the SDE under its own law", "At t = 1, Gaussian data / covariance with x_0", "", own.R, -1, "",
               "");
  results_claim (r, "The SDE only approximates the corruption (its marginals differ)", fabs (exact.V - S) > 1e-6,
                 "the variances are %.9f and %.9f", exact.V, S);
  results_claim (r, "... where E[x_0|x_t] is of the SDE's own law", fabs (own.V - S) > 1e-3,
                 "the variances are %.6f and %.6f", own.V, S);
  sb_score_free (score);
  sb_target_free (law);
  sb_process_free (process);
}

// ## A mixture
//
// Points at sigma = .5, c = 1, carried to c = .1 along the SDE, which has no noise here, by momentum's forward
// differences; and as the other reading has it, x + (c - 1) E[x_0 | x].

static const double w[] = { 0.3, 0.5, 0.2 }, mu[] = { -2, 0.5, 3 }, v[] = { 0.2, 0.05, 0.6 };

static double
cdf_at_end (double x, void *params)
{
  const double c = 0.1, sigma = 0.5;
  double F = 0;
  (void)params;
  for (size_t k = 0; k < 3; k++)
    F += w[k] * gsl_cdf_ugaussian_P ((x - c * mu[k]) / hypot (c * sqrt (v[k]), sigma));
  return F;
}

static double
distance (const gsl_matrix *x)
{
  const gsl_vector_const_view column = gsl_matrix_const_column (x, 0);
  double D, p_value;
  require (sb_ks_one_sample (&column.vector, cdf_at_end, NULL, &D, &p_value), "Kolmogorov and Smirnov's distance");
  return D;
}

static void
of_mixture (results *r)
{
  const size_t n = r->scale == SMOKE ? 4000 : r->scale == QUICK ? 100000 : 1000000;
  const int steps = 200;
  sb_process *process = process_of (fading_at);
  sb_target *law = mixture_of (3, 1, w, mu, v);
  sb_score *score = require_pointer (sb_score_exact_alloc (law, process), "the score");
  gsl_matrix *x = gsl_matrix_alloc (n, 1), *z = gsl_matrix_alloc (n, 1), *drift = gsl_matrix_alloc (n, 1),
             *own = gsl_matrix_alloc (n, 1);
  gsl_vector *t = gsl_vector_alloc (n);
  require (x && z && drift && own && t ? GSL_SUCCESS : GSL_ENOMEM, "points");
  gsl_vector_set_all (t, 1e-5);
  require (sb_target_sample (law, (sb_stream){ r->seed, SB_FOR_DATA, 0 }, x), "points");
  require (sb_stream_normals ((sb_stream){ r->seed, SB_FOR_FORWARD, 0 }, 0, z), "noise");
  require (sb_process_transition (process, NULL, t, z, x), "the corruption");
  require (sb_score_evaluate (score, SB_DENOISER, x, t, NULL, own), "the denoiser");
  gsl_matrix_scale (own, -0.9);
  gsl_matrix_add (own, x);
  for (int k = 0; k < steps; k++)
    {
      gsl_vector_set_all (t, 1e-5 + (double)k / steps);
      require (sb_forward_drift (score, NULL, t, x, drift), "the drift");
      gsl_matrix_scale (drift, 1. / steps);
      gsl_matrix_add (x, drift);
    }
  r->evaluations += (uint64_t)steps * n;
  const double of_sde = distance (x), of_own = distance (own), critical = 2.70 / sqrt ((double)n);
  results_row (r, "of the SDE", "At c = .1, a mixture / Kolmogorov-Smirnov distance", "", of_sde, -1, "", "");
  results_row (r, "of the SDE under its own law", "At c = .1, a mixture / Kolmogorov-Smirnov distance", "", of_own, -1,
               "", "");
  results_claim (r, "The marginals of the SDE differ on a mixture", of_sde > critical + 0.002,
                 "distance %.4f of %zu points, which %.4f would tell", of_sde, n, critical);
  results_claim (r, "... under its own law", of_own > critical, "distance %.4f", of_own);
  gsl_matrix_free (x);
  gsl_matrix_free (z);
  gsl_matrix_free (drift);
  gsl_matrix_free (own);
  gsl_vector_free (t);
  sb_score_free (score);
  sb_target_free (law);
  sb_process_free (process);
}

// ## Two times at once
//
// Unit Gaussian data at sigma = .5, between t = .1 and .6. Along the SDE, a flow as the noise stands still, x_s = 1
// becomes some x_t, and the covariance is x_t S_s; of a picture that keeps its noise it is c_s c_t + sigma^2.

static void
of_two_times (results *r)
{
  const double one = 1, zero = 0, s = 0.1, t = 0.6;
  double c_s, c_t, sigma, x_t = 1;
  sb_process *process = process_of (fading_at);
  sb_target *law = mixture_of (1, 1, &one, &zero, &one);
  sb_score *score = require_pointer (sb_score_exact_alloc (law, process), "the score");
  gsl_matrix_view x = gsl_matrix_view_array (&x_t, 1, 1);
  sb_flow flow = sb_flow_default ();
  flow.relative = flow.absolute = 1e-10;
  require (sb_flow_run (&flow, score, NULL, s, t, &x.matrix, NULL), "the flow");
  require (sb_soft_at (process, s, &c_s, &sigma), "the corruption");
  require (sb_soft_at (process, t, &c_t, &sigma), "the corruption");
  const double along = x_t * (c_s * c_s + sigma * sigma), kept = c_s * c_t + sigma * sigma;
  results_row (r, "of the corruption", "Two times at once / covariance", "", kept, -1, "", "");
  results_row (r, "of the SDE", "Two times at once / covariance", "", along, -1, "", "");
  results_claim (r, "The paths of the SDE are those of the corruption", fabs (along - kept) < 1e-6,
                 "the covariance of two times is %.5f and %.5f", along, kept);
  sb_score_free (score);
  sb_target_free (law);
  sb_process_free (process);
}

int
main (void)
{
  results r = results_open ();
  of_gaussian (&r);
  of_mixture (&r);
  of_two_times (&r);
  results_close (&r);
  return EXIT_SUCCESS;
}
