// # Soft Diffusion's SDE, its reverse and its flow
//
// With the exact posterior mean of $\mathbf x_t = C_t\mathbf x_0 + \sigma_t\boldsymbol\eta$ everything can be said of
// $d\mathbf x = \dot C_t\,\mathbb E[\mathbf x_0 \mid \mathbf x_t]\,dt + \sqrt{d\sigma_t^2/dt}\,d\mathbf w$: on
// Gaussian data by the equations of its moments, on a mixture by its Fokker-Planck equation and by paths.

#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/drift.h"
#include "sampler/flow.h"
#include "sampler/forward.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "soft_laws.h"
#include "take.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (soft_sde);

static const double KS = 2.70; // over sqrt(n): false alarm 9.3e-7

static const sb_score *
exact (const sb_target *law, const sb_process *process)
{
  return scoped (sb_score_exact_alloc (law, process));
}

// $g^2$: of an SDE, or of the corruption.

static double
diffusion (const sb_process *process, double t)
{
  return process->from_zero_only ? 2 * number_of (process, SB_S, 0, t) * number_of (process, SB_S_RATE, 0, t)
                                 : gsl_pow_2 (number_of (process, SB_G, 0, t));
}

typedef int (*drift) (const sb_score *score, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                      gsl_matrix *out);

static gsl_matrix *
moved_by (drift f, const sb_score *score, double t, const gsl_matrix *x)
{
  gsl_matrix *out = matrix (x->size1, x->size2);
  ok (f (score, NULL, vector_all (x->size1, t), x, out));
  return out;
}

// ## Moments of Gaussian data
//
// On a line a drift is $\alpha(t)(x - m_t) + \dot m_t$, and the variance has $V' = 2\alpha V + g^2$, or along the
// flow without $g^2$; in reverse time the sign of $\alpha$ is the other. $\alpha$ is read off two points, for all
// stages of Runge and Kutta's method at once.

typedef struct
{
  int steps;
  double from, to, *alpha, *g_2; // at from + k (to - from) / (2 steps)
} coefficients;

static coefficients
coefficients_of (drift f, const sb_score *score, double from, double to, int steps)
{
  const size_t n = 2 * (size_t)steps + 1;
  coefficients c = { steps, from, to, vector (n)->data, vector (n)->data };
  gsl_vector *t = vector (2 * n);
  gsl_matrix *x = matrix (2 * n, 1), *out = matrix (2 * n, 1);
  for (size_t k = 0; k < 2 * n; k++)
    {
      gsl_vector_set (t, k, k / 2 == n - 1 ? to : from + (to - from) * (double)(k / 2) / (double)(n - 1));
      gsl_matrix_set (x, k, 0, k % 2 ? 1 : -1);
    }
  ok (f (score, NULL, t, x, out));
  for (size_t k = 0; k < n; k++)
    {
      c.alpha[k] = (gsl_matrix_get (out, 2 * k + 1, 0) - gsl_matrix_get (out, 2 * k, 0)) / 2;
      c.g_2[k] = diffusion (score->process, gsl_vector_get (t, 2 * k));
    }
  return c;
}

// sign: of g^2, against the direction of time.

static double
variance_at_end (const coefficients *c, double sign, double V)
{
  const double h = (c->to - c->from) / c->steps;
  for (int i = 0; i < c->steps; i++)
    {
      const double *a = c->alpha + 2 * i, *g = c->g_2 + 2 * i;
      const double k1 = 2 * a[0] * V + sign * g[0], k2 = 2 * a[1] * (V + h / 2 * k1) + sign * g[1],
                   k3 = 2 * a[1] * (V + h / 2 * k2) + sign * g[1], k4 = 2 * a[2] * (V + h * k3) + sign * g[2];
      V += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
  return V;
}

// [soft.eq13] [soft.eq14] [soft.eq19] [soft.eq3] [soft.eq47] [soft.txt-mismatch] The SDE forwards and backwards and
// the flow both ways have the variances $S_t = c_t^2P + \sigma_t^2$: for VE, VP and sub-VP and, though their drift is
// another one, for corruptions.

Test (soft_sde, variances)
{
  const sb_target *law = soft_g1_law ();
  const sb_process *const of[]
      = { scoped (sb_ve_alloc (1, .1, 5)), scoped (sb_vp_alloc (1, .1, 20)), scoped (sb_subvp_alloc (1, .1, 20)),
          soft_of (&soft_g1, 1), soft_of (&soft_gmm1, 1) };
  const double e = .02, P = soft_g1_P;
  for (size_t k = 0; k < 5; k++)
    {
      const sb_score *score = exact (law, of[k]);
      const double S_e = soft_variance (of[k], P, e), S_1 = soft_variance (of[k], P, 1);
      coefficients c = coefficients_of (sb_forward_drift, score, e, 1, 4000);
      cr_assert_float_eq (variance_at_end (&c, 1, S_e), S_1, 1e-9 * S_1, "%s", of[k]->type->name);
      c = coefficients_of (sb_reverse_drift, score, 1, e, 4000);
      cr_assert_float_eq (variance_at_end (&c, -1, S_1), S_e, 1e-9, "%s", of[k]->type->name);
      c = coefficients_of (sb_flow_velocity, score, 1, e, 4000);
      cr_assert_float_eq (variance_at_end (&c, 0, S_1), S_e, 1e-9, "%s", of[k]->type->name);
    }
  cr_assert_float_eq (soft_variance (of[3], P, 1), .8311365861, 1e-10);
}

// VE, VP and sub-VP as such pairs: the flow's velocity $\dot C_t\hat{\mathbf x}_0 + \dot\sigma_t\hat{\boldsymbol
// \varepsilon}$ is $F\mathbf x - \tfrac12g^2\nabla\log q_t$, and the reverse drift is VE's own, but not that of VP and
// sub-VP, whose SDEs are others with the same marginals. A mixture in three dimensions, each row at a time of its own.
// [soft.eq19] [soft.eq14]

Test (soft_sde, erratum_specialcases_vp_s_pair_has_another_drift)
{
  enum
  {
    ROWS = 60,
    D = 3
  };
  const sb_process *const of[]
      = { scoped (sb_ve_alloc (D, .1, 5)), scoped (sb_vp_alloc (D, .1, 20)), scoped (sb_subvp_alloc (D, .1, 20)) };
  const sb_target *law = scoped (
      sb_target_mixture_alloc (vector_of (.3, .7), matrix_of (2, D, -1, 0, 1, .5, .2, -.4),
                               matrix_of (2 * D, D, .5, .2, 0, .2, .4, -.1, 0, -.1, .3, .2, 0, 0, 0, .2, 0, 0, 0, .2)));
  gsl_matrix *x = normals (ROWS, D, 8), *own = matrix (ROWS, D), *pair = matrix (ROWS, D);
  gsl_vector *t = vector (ROWS);
  for (size_t i = 0; i < ROWS; i++)
    gsl_vector_set (t, i, .02 + .97 * (double)i / (ROWS - 1));
  for (size_t k = 0; k < 3; k++)
    {
      const sb_score *by_own = exact (law, of[k]), *by_pair = exact (law, scoped (sb_soft_pair_alloc (of[k])));
      ok (sb_flow_velocity (by_own, NULL, t, x, own));
      ok (sb_flow_velocity (by_pair, NULL, t, x, pair));
      cr_assert_lt (largest_difference (own, pair), 1e-12 * (1 + gsl_matrix_max (own) - gsl_matrix_min (own)));
      ok (sb_reverse_drift (by_own, NULL, t, x, own));
      ok (sb_reverse_drift (by_pair, NULL, t, x, pair));
      const double apart = largest_difference (own, pair) / (1 + gsl_matrix_max (own) - gsl_matrix_min (own));
      cr_assert (k == 0 ? apart < 1e-12 : apart > .1, "%s: %g", of[k]->type->name, apart);
    }
}

// G1 from its data on: V(1) = .8311365861, and back to $P$, decade by decade of $t$; the mean is $c_tm$.

Test (soft_sde, from_the_data_and_back)
{
  const sb_process *process = soft_of (&soft_g1, 1);
  const sb_score *score = exact (soft_g1_law (), process);
  const double e = 1e-5;
  double V = soft_g1_P + .3 * e, m = soft_g1_m;
  for (double from = e; from < .9; from *= 10)
    {
      coefficients c = coefficients_of (sb_forward_drift, score, from, GSL_MIN (1, 10 * from), 4000);
      V = variance_at_end (&c, 1, V);
    }
  cr_assert_float_eq (V, .8311365861, 1e-8, "%.12g", V);
  for (double from = 1; from > 1.5 * e; from /= 10)
    {
      coefficients c = coefficients_of (sb_reverse_drift, score, from, GSL_MAX (e, from / 10), 4000);
      V = variance_at_end (&c, -1, V);
    }
  cr_assert_float_eq (V - .3 * e, soft_g1_P, 1e-9, "%.12g", V);
  for (double t = .01; t < .995; t += .01)
    {
      const double here = soft_g1.c (t) * soft_g1_m;
      m = gsl_matrix_get (moved_by (sb_forward_drift, score, t, matrix_of (1, 1, here)), 0, 0);
      cr_assert_float_eq (m, soft_g1.c_rate (t) * soft_g1_m, 1e-12);
    }
}

// G2, whose matrices do not commute: $dV/dt = BV + VB^\top + (d\sigma^2/dt)\mathbf I$ with $B = \dot C\Gamma C^\top
// S^{-1}$, read off unit vectors, ends in $[[.841, -.011], [-.011, .505]]$. [soft.eq13] [soft.eq47]

static int
plane_slopes (double t, const double V[], double slope[], void *process)
{
  const size_t mark = scope_mark ();
  const sb_score *score = exact (soft_g2_law (), process);
  const gsl_matrix *B = moved_by (sb_forward_drift, score, t, matrix_of (2, 2, 1, 0, 0, 1)); // row i: B e_i
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 2; j++)
      {
        slope[2 * i + j] = i == j ? .8 * t : 0;
        for (size_t k = 0; k < 2; k++)
          slope[2 * i + j] += gsl_matrix_get (B, k, i) * V[2 * k + j] + V[2 * i + k] * gsl_matrix_get (B, k, j);
      }
  scope_release (mark);
  return GSL_SUCCESS;
}

Test (soft_sde, in_the_plane)
{
  const double e = 1e-5;
  double V[4], C[4];
  soft_plane_matrix (e, C, NULL);
  for (size_t i = 0; i < 4; i++)
    {
      V[i] = i % 3 ? 0 : .05 + .4 * e * e;
      for (size_t m = 0; m < 4; m++)
        V[i] += C[2 * (i / 2) + m / 2] * soft_g2_P[m] * C[2 * (i % 2) + m % 2];
    }
  soft_solve (plane_slopes, 4, soft_plane (), e, 1, V);
  const double wanted[4] = { .841, -.011, -.011, .505 };
  for (size_t i = 0; i < 4; i++)
    cr_assert_float_eq (V[i], wanted[i], 1e-10, "%.12g, not %g", V[i], wanted[i]);
}

// Each of the three drifts $A\mathbf x$, read off unit vectors, goes with the covariance $S_t = C_t\Gamma C_t^\top +
// \sigma_t^2\mathbf I$, whose $\dot S$ follows from $C$ and $\dot C$: $AS + SA^\top$ is $\dot S$ for the flow, $\dot S
// - (d\sigma^2/dt)\mathbf I$ for the SDE, whose noise adds the rest, and $\dot S + (d\sigma^2/dt)\mathbf I$ for its
// reverse. [soft.txt-exactvelocity] [soft.eq19] [soft.eq13] [soft.eq14] [soft.eq47] [soft.txt-mismatch]

static void
plane_covariance (double t, double S[4], double S_rate[4])
{
  double C[4], rate[4];
  soft_plane_matrix (t, C, rate);
  for (size_t i = 0; i < 4; i++)
    {
      S[i] = i % 3 ? 0 : .05 + .4 * t * t;
      S_rate[i] = i % 3 ? 0 : .8 * t;
      for (size_t m = 0; m < 4; m++)
        {
          const size_t a = 2 * (i / 2) + m / 2, b = 2 * (i % 2) + m % 2;
          S[i] += C[a] * soft_g2_P[m] * C[b];
          S_rate[i] += (rate[a] * C[b] + C[a] * rate[b]) * soft_g2_P[m];
        }
    }
}

Test (soft_sde, drifts_in_the_plane)
{
  const drift of[] = { sb_forward_drift, sb_flow_velocity, sb_reverse_drift };
  const double noise[] = { -1, 0, 1 };
  const sb_score *score = exact (soft_g2_law (), soft_plane ());
  for (int f = 0; f < 3; f++)
    for (double t = .1; t < 1; t += .2)
      {
        const gsl_matrix *A = moved_by (of[f], score, t, matrix_of (2, 2, 1, 0, 0, 1)); // row i: A e_i
        double S[4], S_rate[4];
        plane_covariance (t, S, S_rate);
        for (size_t i = 0; i < 2; i++)
          for (size_t j = 0; j < 2; j++)
            {
              const double wanted = S_rate[2 * i + j] + (i == j ? noise[f] * .8 * t : 0);
              double carried = 0;
              for (size_t k = 0; k < 2; k++)
                carried += gsl_matrix_get (A, k, i) * S[2 * k + j] + S[2 * i + k] * gsl_matrix_get (A, k, j);
              cr_assert_float_eq (carried, wanted, 1e-12, "drift %d, t = %g: %.12g, not %.12g", f, t, carried, wanted);
            }
      }
}

// Of a denoiser that is its condition $\mathbf y$, row by row: $\dot C_t\mathbf y + w\,(\dot\sigma_t/\sigma_t)(\mathbf
// x - C_t\mathbf y)$ with $w$ of 0, 1 and 2. [soft.eq47] [soft.eq19] [soft.eq54]

static int
told (const gsl_matrix *x, const gsl_vector *at, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)at, (void)params;
  return y ? gsl_matrix_memcpy (out, y) : GSL_EINVAL;
}

Test (soft_sde, drifts_given_a_condition)
{
  const drift of[] = { sb_forward_drift, sb_flow_velocity, sb_reverse_drift };
  const sb_score_callback callback = { .view = SB_DENOISER, .function = told };
  const sb_score *score = scoped (sb_score_callback_alloc (&callback, soft_plane ()));
  const gsl_vector *t = vector_of (.8, .2, .5);
  const gsl_matrix *x = normals (3, 2, 51), *y = normals (3, 2, 52);
  for (int w = 0; w < 3; w++)
    {
      gsl_matrix *out = matrix (3, 2);
      ok (of[w](score, y, t, x, out));
      for (size_t i = 0; i < 3; i++)
        {
          const double at = gsl_vector_get (t, i), *y_i = gsl_matrix_const_ptr (y, i, 0);
          double C[4], rate[4];
          soft_plane_matrix (at, C, rate);
          for (size_t j = 0; j < 2; j++)
            {
              const double residual = gsl_matrix_get (x, i, j) - C[2 * j] * y_i[0] - C[2 * j + 1] * y_i[1],
                           wanted = rate[2 * j] * y_i[0] + rate[2 * j + 1] * y_i[1]
                                    + w * .4 * at / (.05 + .4 * at * at) * residual;
              cr_assert_float_eq (gsl_matrix_get (out, i, j), wanted, 1e-13, "%d, row %zu: %.15g, not %.15g", w, i,
                                  gsl_matrix_get (out, i, j), wanted);
            }
        }
    }
}

// ## Densities of a mixture
//
// $\partial_tq_t = -\partial_x(\dot c\,\mathbb E[x_0 \mid x]\,q_t) + \tfrac12(\sigma^2)'\,\partial_x^2q_t$,
// [soft.eq13] which says that the SDE has exactly the marginals of the corruption, [soft.txt-mismatch] and
// $\partial_tq_t = -\partial_x(v_tq_t)$. [soft.txt-exactvelocity] [soft.eq19] By differences, at 81 points and three
// times.

typedef struct
{
  const sb_target *law;
  const sb_process *process;
  const sb_score *score;
} mixture;

static mixture
smooth_mixture (void)
{
  mixture m = { soft_gmm1_law (), soft_of (&soft_smooth, 1), NULL };
  m.score = exact (m.law, m.process);
  return m;
}

static double
q (const mixture *m, double t, double x)
{
  gsl_vector *log_p = vector (1);
  ok (sb_target_log_density (m->law, m->process, matrix_of (1, 1, x), vector_of (t), log_p));
  return exp (gsl_vector_get (log_p, 0));
}

static double
flux (const mixture *m, drift f, double t, double x)
{
  return gsl_matrix_get (moved_by (f, m->score, t, matrix_of (1, 1, x)), 0, 0) * q (m, t, x);
}

Test (soft_sde, fokker_planck)
{
  const mixture m = smooth_mixture ();
  const double h = 1e-4, w = 1e-3;
  double scale = 0, worst = 0, of_flow = 0;
  for (double t = .2; t < .9; t += .3)
    for (int i = -40; i <= 40; i++)
      {
        const double x = .1 * i;
        const size_t mark = scope_mark ();
        const double rate = (q (&m, t + h, x) - q (&m, t - h, x)) / (2 * h),
                     sde = (flux (&m, sb_forward_drift, t, x + h) - flux (&m, sb_forward_drift, t, x - h)) / (2 * h),
                     flow = (flux (&m, sb_flow_velocity, t, x + h) - flux (&m, sb_flow_velocity, t, x - h)) / (2 * h),
                     spread = (q (&m, t, x + w) - 2 * q (&m, t, x) + q (&m, t, x - w)) / (w * w);
        scale = larger (scale, fabs (rate));
        worst = larger (worst, fabs (rate + sde - diffusion (m.process, t) / 2 * spread));
        of_flow = larger (of_flow, fabs (rate + flow));
        scope_release (mark);
      }
  cr_assert_float_eq (scale, .78, .01, "%g", scale);
  cr_assert_lt (worst, 1e-5, "%g", worst);
  cr_assert_lt (of_flow, 1e-5, "%g", of_flow);
}

// The velocity is the mean of $\dot c\,x_0 + \dot\sigma\,\eta$ over all that is at $x$: in 40 bins, within 5.57
// standard errors. [soft.txt-exactvelocity]

Test (soft_sde, velocity_is_the_mean_of_the_paths)
{
  enum
  {
    N = 1000000,
    BINS = 40
  };
  const sb_process *process = soft_of (&soft_gmm1, 1);
  const sb_target *law = soft_gmm1_law ();
  const double t = .5;
  gsl_matrix *x_0 = matrix (N, 1);
  const gsl_matrix *z = normals (N, 1, 100);
  ok (sb_target_sample (law, (sb_stream){ .seed = 101, .purpose = SB_FOR_DATA }, x_0));
  gsl_matrix *x = copy_of (x_0);
  ok (sb_process_transition (process, NULL, vector_all (N, t), z, x));
  const gsl_matrix *v = moved_by (sb_flow_velocity, exact (law, process), t, x);
  double sum[BINS] = { 0 }, square[BINS] = { 0 }, count[BINS] = { 0 };
  for (size_t i = 0; i < N; i++)
    {
      const double off = -.9 * gsl_matrix_get (x_0, i, 0) + .5 * gsl_matrix_get (z, i, 0) - gsl_matrix_get (v, i, 0);
      const size_t bin = (size_t)GSL_MIN_DBL (BINS - 1, GSL_MAX_DBL (0, (gsl_matrix_get (x, i, 0) + 2) * BINS / 5));
      sum[bin] += off, square[bin] += off * off, count[bin]++;
    }
  for (size_t b = 0; b < BINS; b++)
    cr_assert_lt (fabs (sum[b]), 5.57 * sqrt (square[b]), "bin %zu of %g", b, count[b]);
}

// ## The flow on a mixture
//
// On a line it keeps the order of points, and so their ranks: from each of 49 quantiles at $t = 1$ it ends at the
// same quantile of the data, in 200 steps of Runge and Kutta's method. [soft.eq19] [soft.eq47]

static gsl_matrix *
quantiles (double c, double sigma)
{
  gsl_matrix *x = matrix (49, 1);
  for (size_t j = 0; j < 49; j++)
    gsl_matrix_set (x, j, 0, soft_gmm1_quantile (c, sigma, (double)(j + 1) / 50));
  return x;
}

Test (soft_sde, flow_keeps_quantiles)
{
  const sb_process *process = soft_of (&soft_gmm1, 1);
  const sb_score *score = exact (soft_gmm1_law (), process);
  gsl_matrix *x = quantiles (.1, .55), *by_solver = copy_of (x);
  for (int k = 200; k > 0; k--)
    {
      const double t = 1e-3 + .999 * k / 200., s = 1e-3 + .999 * (k - 1) / 200.;
      ok (take_step (sb_step_flow_rk4, score, NULL, s, t, NULL, x));
    }
  sb_flow flow = sb_flow_default ();
  flow.relative = flow.absolute = 1e-11;
  ok (sb_flow_run (&flow, score, NULL, 1, 1e-3, by_solver, NULL));
  for (size_t j = 0; j < 49; j++)
    {
      const double c = 1 - .9e-3, sigma = .05 + .5e-3, p = (double)(j + 1) / 50;
      cr_assert_float_eq (soft_gmm1_cdf (c, sigma, gsl_matrix_get (x, j, 0)), p, 1e-8, "quantile %g", p);
      cr_assert_float_eq (soft_gmm1_cdf (c, sigma, gsl_matrix_get (by_solver, j, 0)), p, 1e-8, "quantile %g", p);
    }
}

// ## Paths
//
// [soft.eq13] [soft.eq14] Euler and Maruyama's method in 200 steps, forwards from the data and backwards to them, on
// 4000 points.

static void
step_back (const mixture *m, double t, double h, const gsl_matrix *z, gsl_matrix *x)
{
  const size_t mark = scope_mark ();
  const gsl_matrix *b = moved_by (sb_reverse_drift, m->score, t, x);
  const double g = sqrt (diffusion (m->process, t) * h);
  for (size_t i = 0; i < x->size1; i++)
    *gsl_matrix_ptr (x, i, 0) += g * gsl_matrix_get (z, i, 0) - h * gsl_matrix_get (b, i, 0);
  scope_release (mark);
}

Test (soft_sde, paths)
{
  const size_t n = 4000;
  const mixture m = { soft_gmm1_law (), soft_of (&soft_gmm1, 1), exact (soft_gmm1_law (), soft_of (&soft_gmm1, 1)) };
  gsl_matrix *x = matrix (n, 1), *z = matrix (n, 1);
  ok (sb_target_sample (m.law, (sb_stream){ .seed = 102, .purpose = SB_FOR_DATA }, x));
  ok (sb_process_transition (m.process, NULL, vector_all (n, 1e-5), normals (n, 1, 103), x));
  for (int k = 0; k < 200; k++)
    {
      ok (sb_stream_normals ((sb_stream){ .seed = 104, .purpose = SB_FOR_FORWARD }, (uint64_t)k, z));
      ok (sb_forward_step (m.score, NULL, 1e-5 + k / 200., fmin (1e-5 + (k + 1) / 200., 1), z, x));
    }
  cr_assert_lt (soft_gmm1_distance (.1, .55, x), KS / sqrt ((double)n));
  for (size_t i = 0; i < n; i++)
    gsl_matrix_set (x, i, 0, soft_gmm1_quantile (.1, .55, ((double)i + .5) / (double)n));
  for (int k = 200; k > 0; k--)
    {
      ok (sb_stream_normals ((sb_stream){ .seed = 105, .purpose = SB_FOR_FORWARD }, (uint64_t)k, z));
      step_back (&m, k / 200., 1 / 200., z, x);
    }
  cr_assert_lt (soft_gmm1_distance (1, .05, x), KS / sqrt ((double)n));
}

// A step in the plane, by hand: the drift and the deviation's rate at its start; VE's has no drift at all.

Test (soft_sde, a_step_forwards)
{
  const double s = 0.3, t = 0.34;
  const mixture m = { soft_gmm1_law (), soft_of (&soft_gmm1, 1), exact (soft_gmm1_law (), soft_of (&soft_gmm1, 1)) };
  gsl_matrix *x = matrix_of (2, 1, 0.4, -1.1), *z = matrix_of (2, 1, 0.7, 2.0);
  const gsl_matrix *b = moved_by (sb_forward_drift, m.score, s, x);
  gsl_matrix *expected = copy_of (x), *mean = copy_of (x);
  for (size_t i = 0; i < 2; i++)
    *gsl_matrix_ptr (expected, i, 0)
        += (t - s) * gsl_matrix_get (b, i, 0) + sqrt (diffusion (m.process, s) * (t - s)) * gsl_matrix_get (z, i, 0);
  ok (sb_forward_step (m.score, NULL, s, t, NULL, mean));
  ok (sb_forward_step (m.score, NULL, s, t, z, x));
  cr_assert (largest_difference (x, expected) < 1e-14 && largest_difference (x, mean) > 0.01);
  sb_process *ve = scoped (sb_ve_alloc (1, 0.01, 5));
  gsl_matrix *of_ve = matrix_of (2, 1, 0.4, -1.1), *by_process = copy_of (of_ve);
  ok (sb_forward_step (exact (soft_gmm1_law (), ve), NULL, s, t, z, of_ve));
  ok (sb_forward_euler_maruyama (ve, s, t, z, by_process));
  cr_assert (gsl_matrix_equal (of_ve, by_process));
  refused (GSL_EDOM, sb_forward_step (m.score, NULL, t, s, z, x));
  refused (GSL_EDOM, sb_forward_step (m.score, NULL, 0, t, z, x));
  refused (GSL_EDOM, sb_forward_step (m.score, NULL, s, 1.01, z, x));
  refused (GSL_EBADLEN, sb_forward_step (m.score, NULL, s, t, z, matrix (2, 2)));
}

// ## A data set of one image
//
// [soft.txt-oneimage] The drift is $\dot C_t\boldsymbol\alpha$ wherever $\mathbf x$ is. Here it is linear in $t$, for
// which the midpoint rule is exact: a path without noise moves by $(C_1 - C_\epsilon)\boldsymbol\alpha$ in any number
// of steps. So is $g^2 = d\sigma_t^2/dt$, which adds up to $\sigma_1^2 - \sigma_\epsilon^2$; it is read off the reverse
// SDE, whose drift differs by $g^2\mathbf e_1/\sigma_t^2$ at $C_t\boldsymbol\alpha + \mathbf e_1$. [soft.eq14]

static double
noise_of_one_image (const sb_score *score, double t)
{
  double C[4];
  soft_plane_matrix (t, C, NULL);
  const gsl_matrix *x = matrix_of (1, 2, C[0] * .4 - C[1] * 1.3 + 1, C[2] * .4 - C[3] * 1.3);
  gsl_matrix *back = moved_by (sb_reverse_drift, score, t, x);
  gsl_matrix_sub (back, moved_by (sb_forward_drift, score, t, x));
  return gsl_matrix_get (back, 0, 0) * (.05 + .4 * t * t);
}

Test (soft_sde, of_one_image)
{
  const sb_score *score = exact (scoped (sb_target_points_alloc (matrix_of (1, 2, .4, -1.3), NULL)), soft_plane ());
  const gsl_matrix *x = normals (5, 2, 109);
  const double e = 1e-3;
  for (double t = .1; t < 1; t += .2)
    {
      double R[4];
      soft_plane_matrix (t, NULL, R);
      const gsl_matrix *b = moved_by (sb_forward_drift, score, t, x);
      for (size_t i = 0; i < 10; i++)
        cr_assert_float_eq (b->data[i], R[2 * (i % 2)] * .4 - R[2 * (i % 2) + 1] * 1.3, 1e-12);
    }
  for (int steps = 1; steps < 60; steps *= 4)
    {
      gsl_matrix *path = copy_of (x);
      double C_e[4], C_1[4], V = .05 + .4 * e * e;
      soft_plane_matrix (e, C_e, NULL);
      soft_plane_matrix (1, C_1, NULL);
      for (int k = 0; k < steps; k++)
        {
          gsl_matrix *b = moved_by (sb_forward_drift, score, e + (1 - e) * (k + .5) / steps, path);
          gsl_matrix_scale (b, (1 - e) / steps);
          gsl_matrix_add (path, b);
          V += (1 - e) / steps * noise_of_one_image (score, e + (1 - e) * (k + .5) / steps);
        }
      cr_assert_float_eq (V, .45, 1e-12, "%d steps", steps);
      for (size_t i = 0; i < 10; i++)
        {
          const size_t j = 2 * (i % 2);
          cr_assert_float_eq (path->data[i] - x->data[i], (C_1[j] - C_e[j]) * .4 - (C_1[j + 1] - C_e[j + 1]) * 1.3,
                              1e-12, "%d steps", steps);
        }
    }
}

// ## The drift
//
// [soft.eq54] [soft.eq53] It is a difference of $C_t$, applied to the posterior mean, to the order of the difference:
// on G2, whose $C_t$ is quadratic, halving $h$ halves the error.

Test (soft_sde, drift_is_the_slope_of_the_corruption)
{
  const sb_process *process = soft_plane ();
  const sb_score *score = exact (soft_g2_law (), process);
  const gsl_matrix *x = normals (5, 2, 106), *b = moved_by (sb_forward_drift, score, .4, x);
  double error[3];
  for (int k = 0; k < 3; k++)
    {
      const double h = .02 / (1 << k);
      gsl_matrix *now = matrix (5, 2);
      ok (sb_score_evaluate (score, SB_DENOISER, x, vector_all (5, .4), NULL, now));
      gsl_matrix *then = copy_of (now);
      ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, vector_all (5, .4), now));
      ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, vector_all (5, .4 + h), then));
      gsl_matrix_sub (then, now);
      gsl_matrix_scale (then, 1 / h);
      error[k] = largest_difference (then, b);
    }
  cr_assert (error[0] > 1e-4 && fabs (error[0] / error[1] - 2) < 1e-6 && fabs (error[1] / error[2] - 2) < 1e-6);
}

// Also where the level goes at another speed than the time. Of a matrix that is linear in its level, and of a level
// that is linear in the time, the difference is the slope but for rounding, whatever its length. [soft.eq54]
// [soft.eq47]

Test (soft_sde, drift_has_the_speed_of_the_level)
{
  const double speed[] = { .25, 1, 3 };
  for (int k = 0; k < 3; k++)
    {
      const sb_process *process = scoped (soft_line_alloc (soft_four_operator (SOFT_DENSE), .1, .1 + speed[k], .3, .4));
      const sb_score *score = exact (soft_gmmn_law (), process);
      const gsl_matrix *x = normals (5, 4, 107), *b = moved_by (sb_forward_drift, score, .4, x);
      gsl_matrix *now = matrix (5, 4);
      ok (sb_score_evaluate (score, SB_DENOISER, x, vector_all (5, .4), NULL, now));
      gsl_matrix *then = copy_of (now);
      ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, vector_all (5, .4), now));
      ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, vector_all (5, .9), then));
      gsl_matrix_sub (then, now);
      gsl_matrix_scale (then, 2);
      cr_assert_lt (largest_difference (then, b), 1e-12, "speed %g: %g", speed[k], largest_difference (then, b));
    }
}

// Rows of different times have each the speed of its own level and noise, neither of which is a straight line.
// [soft.eq53] [soft.eq54] [soft.eq14] [soft.txt-exactvelocity]

static int
bent_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  (void)params;
  *level = rate ? 1.4 * t : .1 + .7 * t * t;
  *sigma = rate ? .6 * t : .2 + .3 * t * t;
  return GSL_SUCCESS;
}

Test (soft_sde, rows_have_their_own_times)
{
  const sb_soft_schedule schedule = { .at = bent_at };
  const drift of[] = { sb_forward_drift, sb_flow_velocity, sb_reverse_drift };
  const gsl_vector *t = vector_of (.2, .9, .5, .35);
  for (soft_kind kind = SOFT_DENSE; kind < SOFT_KINDS; kind++)
    {
      if (kind == SOFT_MASK)
        continue; // it has no rate
      const sb_process *process = scoped (sb_soft_alloc (soft_four_operator (kind), &schedule, NULL));
      const sb_score *score = exact (soft_gmmn_law (), process);
      const gsl_matrix *x = normals (4, 4, 108);
      for (int f = 0; f < 3; f++)
        {
          gsl_matrix *out = matrix (4, 4);
          ok (of[f](score, NULL, t, x, out));
          for (size_t i = 0; i < 4; i++)
            {
              const gsl_matrix *alone = moved_by (of[f], score, gsl_vector_get (t, i), x);
              for (size_t j = 0; j < 4; j++)
                cr_assert_float_eq (gsl_matrix_get (out, i, j), gsl_matrix_get (alone, i, j), 1e-12,
                                    "drift %d, %s, row %zu", f, soft_kind_name[kind], i);
            }
        }
    }
}

// The paper's Eq. 53 lacks the $dt$: as it stands a path moves by $\dot C_t\mathbb E[\mathbf x_0 \mid \mathbf x_t]$
// at each step, however short it is. [soft.eq53]

Test (soft_sde, erratum_eq53_lacks_dt)
{
  const sb_score *one = exact (scoped (sb_target_points_alloc (matrix_of (1, 1, 2), NULL)), soft_of (&soft_gmm1, 1));
  double end[2][2];
  for (int printed = 0; printed < 2; printed++)
    for (int k = 0; k < 2; k++)
      {
        const int steps = 50 << k;
        gsl_matrix *x = matrix_of (1, 1, 2);
        for (int i = 0; i < steps; i++)
          {
            const gsl_matrix *b = moved_by (sb_forward_drift, one, 1e-5 + (double)i / steps, x);
            *gsl_matrix_ptr (x, 0, 0) += (printed ? 1 : 1. / steps) * gsl_matrix_get (b, 0, 0);
          }
        end[printed][k] = gsl_matrix_get (x, 0, 0);
      }
  cr_assert_float_eq (end[0][0], .2, 1e-12);
  cr_assert_float_eq (end[0][1], .2, 1e-12);
  cr_assert_float_eq (end[1][1] - 2, 2 * (end[1][0] - 2), 1e-9);
}

// What multiplies the error of the posterior mean is $\dot C_t$, not $C_t$: for $C_t = (1 - t)\mathbf I$ it is the
// same at all times, and nothing is contracted. [soft.txt-cvscdot]

Test (soft_sde, erratum_cvscdot)
{
  const sb_process *fades = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, 0, .05, .55));
  const sb_score *score = exact (soft_gmm1_law (), fades);
  const gsl_matrix *x_0 = matrix_of (3, 1, -2, .4, 3.1);
  for (double t = .1; t < .95; t += .2)
    {
      gsl_matrix *x = copy_of (x_0), *mean = matrix (3, 1);
      ok (sb_process_apply (score->process, SB_A, CblasNoTrans, NULL, vector_all (3, t), x));
      ok (sb_score_evaluate (score, SB_DENOISER, x, vector_all (3, t), NULL, mean));
      const gsl_matrix *b = moved_by (sb_forward_drift, score, t, x);
      gsl_matrix *image = copy_of (mean);
      ok (sb_process_apply (score->process, SB_A, CblasNoTrans, NULL, vector_all (3, t), image));
      for (size_t i = 0; i < 3; i++)
        {
          const double off = fabs (gsl_matrix_get (mean, i, 0) - gsl_matrix_get (x_0, i, 0)),
                       drift_off = fabs (gsl_matrix_get (b, i, 0) + gsl_matrix_get (x_0, i, 0)),
                       image_off = fabs (gsl_matrix_get (image, i, 0) - gsl_matrix_get (x, i, 0));
          cr_assert_float_eq (drift_off, off, 1e-12);
          cr_assert (off < 1e-6 || image_off < .91 * drift_off);
        }
    }
}

// ## Two readings of one formula
//
// The paper says of Eq. 13 that it is an approximation of Eq. 4, and leaves the mismatch open. With $\mathbb
// E[\mathbf x_0 \mid \mathbf x_t]$ under the law of Eq. 4, which is what a network learns, there is none: all tests
// above. Read literally, as the expectation under the process's own law, Eq. 53 has other marginals. For Gaussian
// data $R = \operatorname{Cov}(x_0, x_t)$ and $V$ have $R' = \dot cR^2/V$, $V' = 2\dot cR + (\sigma^2)'$.
// [soft.txt-mismatch] [soft.eq53]

static int
own_slopes (double t, const double R_V[], double slope[], void *params)
{
  const sb_process *process = params;
  const double c_rate = number_of (process, SB_A_RATE, 0, t), R = R_V[0], V = R_V[1];
  slope[0] = c_rate * R * R / V;
  slope[1] = 2 * c_rate * R + diffusion (process, t);
  return GSL_SUCCESS;
}

Test (soft_sde, erratum_mismatch_under_its_own_law)
{
  const sb_process *process = soft_of (&soft_g1, 1);
  double end[2] = { soft_g1_P, soft_g1_P + .3e-12 };
  soft_solve (own_slopes, 2, process, 1e-12, 1, end);
  cr_assert_float_eq (end[0], .588204, 1e-6, "%.9g", end[0]);
  cr_assert_float_eq (end[1], .656520, 1e-6, "%.9g", end[1]);
  cr_assert_float_eq (number_of (process, SB_A, 0, 1) * soft_g1_P, .230070, 1e-6);

  // With the paper's two stages, noise first, the estimate k x at the start is all that moves it: x_t = (1 - k t) x.
  const double P = .06, v = .01, first = 1e-13;
  sb_process *blurs = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, 0, .1, .1));
  blurs->t_min = 0;
  const sb_score *score = exact (scoped (sb_target_gaussian_alloc (vector_of (0), matrix_of (1, 1, P))), blurs);
  gsl_matrix *k = matrix (1, 1);
  ok (sb_score_evaluate (score, SB_DENOISER, matrix_of (1, 1, 1), vector_of (first), NULL, k));
  for (double t = .1; t < 1; t += .4)
    {
      const double slope = 1 - t * k->data[0];
      double found[2] = { P, P + v };
      soft_solve (own_slopes, 2, blurs, first, t, found);
      cr_assert_float_eq (found[0], slope * P, 1e-12);
      cr_assert_float_eq (found[1], slope * slope * (P + v), 1e-12);
      cr_assert_float_eq (soft_variance (blurs, P, t) - found[1], t * t * .00857, 5e-6);
    }
}

// A mixture at $\sigma = .5$, blurred to $c = .1$: reading Eq. 53 by its own law $x_t = y + (c - 1)\,\mathbb E[x_0
// \mid y]$ with $y = x_0 + \sigma\eta$, off by a Kolmogorov-Smirnov distance of .1; along the SDE, which has no noise
// here, $q_t$.

Test (soft_sde, erratum_mismatch_of_a_mixture)
{
  const size_t n = 4000;
  const sb_process *process = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, .1, .5, .5));
  const sb_score *score = exact (soft_gmm1_law (), process);
  const double first = 1e-5;
  gsl_matrix *x = matrix (n, 1), *mean = matrix (n, 1);
  ok (sb_target_sample (soft_gmm1_law (), (sb_stream){ .seed = 107, .purpose = SB_FOR_DATA }, x));
  ok (sb_process_transition (process, NULL, vector_all (n, first), normals (n, 1, 108), x));
  gsl_matrix *own = copy_of (x);
  ok (sb_score_evaluate (score, SB_DENOISER, own, vector_all (n, first), NULL, mean));
  gsl_matrix_scale (mean, -.9);
  gsl_matrix_add (own, mean);
  cr_assert_gt (soft_gmm1_distance (.1, .5, own), .06);
  for (int k = 0; k < 200; k++)
    ok (sb_forward_step (score, NULL, first + k / 200., fmin (first + (k + 1) / 200., 1), NULL, x));
  cr_assert_lt (soft_gmm1_distance (.1, .5, x), KS / sqrt ((double)n));
}

// The joint law of two times is another one. At fixed noise $\operatorname{Cov}(x_s, x_t)$ is $\sqrt{S_sS_t}$ along
// the SDE, $c_sc_tP + \sigma^2$ where a picture keeps its noise: .48642 and .46.

Test (soft_sde, joint_laws_differ)
{
  const sb_process *process = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, 0, sqrt (.1), sqrt (.1)));
  const sb_score *score = exact (scoped (sb_target_gaussian_alloc (vector_of (0), matrix_of (1, 1, 1))), process);
  gsl_matrix *x = matrix_of (1, 1, 1);
  sb_flow flow = sb_flow_default ();
  flow.relative = flow.absolute = 1e-11;
  ok (sb_flow_run (&flow, score, NULL, .1, .6, x, NULL));
  const double S_s = .81 + .1, S_t = .16 + .1;
  cr_assert_float_eq (gsl_matrix_get (x, 0, 0), sqrt (S_t / S_s), 1e-9);
  cr_assert_float_eq (gsl_matrix_get (x, 0, 0) * S_s, .48642, 5e-6);
  gsl_matrix *early = matrix_of (2, 1, 1, 0), *late = copy_of (early), *eta = matrix_of (2, 1, 0, 1);
  ok (sb_process_transition (process, NULL, vector_all (2, .1), eta, early));
  ok (sb_process_transition (process, NULL, vector_all (2, .6), eta, late));
  cr_assert_float_eq (early->data[0] * late->data[0] + early->data[1] * late->data[1], .46, 1e-14);
}

// ## What is refused

Test (soft_sde, drifts_of_what_does_not_fit)
{
  const sb_score *score = exact (soft_gmm1_law (), soft_of (&soft_gmm1, 1));
  const drift of[] = { sb_forward_drift, sb_reverse_drift, sb_flow_velocity };
  gsl_matrix *x = matrix_all (3, 1, .2), *out = matrix (3, 1);
  const gsl_vector *t = vector_all (3, .5);
  for (size_t k = 0; k < 3; k++)
    {
      ok (of[k](score, NULL, t, x, out));
      refused (GSL_EBADLEN, of[k](score, NULL, t, matrix_all (3, 2, .2), out));
      refused (GSL_EBADLEN, of[k](score, NULL, t, x, matrix (2, 1)));
      refused (GSL_EBADLEN, of[k](score, NULL, vector_all (2, .5), x, out));
      refused (GSL_EDOM, of[k](score, NULL, vector_all (3, 1e-6), x, out));
      refused (GSL_EDOM, of[k](score, NULL, vector_all (3, 1.1), x, out));
      refused (GSL_EINVAL, of[k](score, NULL, t, x, x));
    }
}
