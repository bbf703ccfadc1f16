// # The reverse SDE of *Consistent Diffusion Models*
//
// $dx = -g^2s\,dt + g\,d\bar w$ with $\sigma_t = t$, $g^2 = 2t$, from a later time to an earlier one.

#include "denoisers.h"
#include "losses.h"
#include "process/edm.h"
#include "process/ito.h"
#include "sampler/drift.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "take.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (reverse_time);

enum
{
  N = 20000
};

static const sb_score *
m1 (void)
{
  return scoped (
      sb_score_exact_alloc (line_target (&LINE_M1), scoped (sb_edm_alloc (1, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX))));
}

// ## Any drift
//
// With constants $\mu$ and $g$ a step back is exact, $x_s \mid x_t = x \sim \mathcal N(x + \mu(s - t), g^2(t - s))$, in
// one piece or in several. (The display has an $x$ too many.) [consistent.eq11]

static int
nothing (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_zero (f);
  return GSL_SUCCESS;
}

static int
constant_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_vector_set_all (f, .7);
  return GSL_SUCCESS;
}

static int
constant_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_matrix_set_identity (G);
  return gsl_matrix_scale (G, .9);
}

Test (reverse_time, constant_coefficients)
{
  const sb_ito ito = { 1, constant_drift, constant_diffusion, nothing, NULL };
  const double times[] = { 1, .95, .7, .6, .25, .2 };
  gsl_matrix *x = matrix_all (2, 1, .3); // the second row moves without noise
  double variance = 0;
  for (int k = 0; k < 5; k++)
    {
      gsl_matrix *before = copy_of (x);
      ok (sb_ito_step (&ito, vector_all (2, times[k + 1]), vector_all (2, times[k]), matrix_all (2, 1, 0),
                       matrix_of (2, 1, 1, 0), x));
      const double noise = gsl_matrix_get (x, 0, 0) - gsl_matrix_get (before, 0, 0) - gsl_matrix_get (x, 1, 0)
                           + gsl_matrix_get (before, 1, 0);
      cr_assert_gt (noise, 0);
      variance += noise * noise;
    }
  cr_assert_float_eq (gsl_matrix_get (x, 1, 0), .3 + .7 * (.2 - 1), 1e-14);
  cr_assert_float_eq (variance, .81 * .8, 1e-14);
}

// With $\mu = -g^2s$ it is the sampler's step. [consistent.eq11] [consistent.eq5]

static int
diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *power) // g to this power
{
  (void)x;
  gsl_matrix_set_identity (G);
  return gsl_matrix_scale (G, pow (2 * t, *(double *)power / 2));
}

Test (reverse_time, is_the_samplers_step)
{
  double one = 1;
  const sb_ito ito = { 1, nothing, diffusion, nothing, &one };
  const sb_score *score = m1 ();
  gsl_matrix *z = normals (50, 1, 1), *x = normals (50, 1, 2), *same = copy_of (x), *s = matrix (50, 1);
  ok (sb_score_evaluate (score, SB_SCORE, x, vector_all (50, 1), NULL, s));
  ok (sb_ito_step (&ito, vector_all (50, .8), vector_all (50, 1), s, z, x));
  ok (take_step (sb_step_euler_maruyama, score, NULL, .8, 1, z, same));
  cr_assert_lt (largest_difference (x, same), 1e-14);
}

// Of Gaussian data $\mathcal N(m, s^2)$ the drift is $2t(x - m)/(s^2 + t^2)$: upwards in $t$ away from the mean, so
// that the way down leads to it; and by the denoiser it is $-2t\,(h - x)/t^2$. [consistent.eq5] [consistent.eq3]

Test (reverse_time, drift_of_a_gaussian)
{
  const line law = { 1, { 1 }, { .4 }, { .3 } };
  const sb_process *process = scoped (sb_edm_alloc (1, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
  const sb_score *score = scoped (sb_score_exact_alloc (line_target (&law), process));
  for (double t = .002; t < 80; t *= 1.5)
    for (double x = -3; x < 4; x++)
      {
        gsl_matrix *drift = matrix (1, 1), *h = matrix (1, 1);
        const double wanted = 2 * t * (x - .4) / (.3 + t * t);
        ok (sb_reverse_drift (score, NULL, vector_of (t), matrix_of (1, 1, x), drift));
        cr_assert_float_eq (gsl_matrix_get (drift, 0, 0), wanted, 1e-13 * (1 + fabs (wanted)), "t = %g, x = %g", t, x);
        ok (sb_score_evaluate (score, SB_DENOISER, matrix_of (1, 1, x), vector_of (t), NULL, h));
        cr_assert_float_eq (gsl_matrix_get (drift, 0, 0), -2 * (gsl_matrix_get (h, 0, 0) - x) / t,
                            1e-12 * (1 + fabs (wanted)), "t = %g, x = %g", t, x);
      }
}

// Each row has its own time and condition: of $\mathbf h = \mathbf y + .3\,t\,\mathbf x$ the drift is $-2(\mathbf h -
// \mathbf x)/t$, and the flow's velocity half of that. [consistent.eq3]

static int
told_denoiser (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      gsl_matrix_set (out, i, j,
                      (y ? gsl_matrix_get (y, i, j) : 0) + .3 * gsl_vector_get (t, i) * gsl_matrix_get (x, i, j));
  return GSL_SUCCESS;
}

Test (reverse_time, drift_of_each_row)
{
  const sb_process *process = scoped (sb_edm_alloc (2, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
  const sb_score_callback c = { .view = SB_DENOISER, .function = told_denoiser };
  const sb_score *score = scoped (sb_score_callback_alloc (&c, process));
  const gsl_vector *t = vector_of (.7, 3, .05, 1.2);
  const gsl_matrix *x = normals (4, 2, 31), *y = normals (4, 2, 32);
  gsl_matrix *drift = matrix (4, 2), *velocity = matrix (4, 2);
  ok (sb_reverse_drift (score, y, t, x, drift));
  ok (sb_flow_velocity (score, y, t, x, velocity));
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j < 2; j++)
      {
        const double t_i = gsl_vector_get (t, i), x_ij = gsl_matrix_get (x, i, j),
                     wanted = -2 * (gsl_matrix_get (y, i, j) + .3 * t_i * x_ij - x_ij) / t_i;
        cr_assert_float_eq (gsl_matrix_get (drift, i, j), wanted, 1e-12 * (1 + fabs (wanted)), "row %zu", i);
        cr_assert_float_eq (gsl_matrix_get (velocity, i, j), wanted / 2, 1e-12 * (1 + fabs (wanted)), "row %zu", i);
      }
}

// ## The law of paths
//
// Not only the marginals are those of the forward process: pairs $(x_s, x_t)$ that were drawn forwards, and with the
// same $x_t$ an $x_s$ by 200 steps back, have the same mixed moments, but for the steps' bias of at most .005. A score
// that knows its denoiser alone walks the same path. [consistent.eq5] [consistent.eq6]

static int
denoise (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *score)
{
  return sb_score_evaluate (score, SB_DENOISER, x, t, y, out);
}

static void
walk (const sb_score *score, double t, double s, int steps, gsl_matrix *x)
{
  for (int k = 0; k < steps; k++)
    {
      const size_t mark = scope_mark ();
      ok (take_step (sb_step_euler_maruyama, score, NULL, t + (s - t) * (k + 1) / steps, t + (s - t) * k / steps,
                     normals (x->size1, 1, 100 + (uint64_t)k), x));
      scope_release (mark);
    }
}

Test (reverse_time, pairs_of_points)
{
  enum
  {
    PAIRS = 100000
  };
  const sb_score *score = m1 ();
  const sb_score_callback c = { .view = SB_DENOISER, .function = denoise, .params = (void *)score };
  const sb_score *by_denoiser = scoped (sb_score_callback_alloc (&c, score->process));
  const double s = .3, t = 1;
  gsl_matrix *x_s = matrix (PAIRS, 1);
  ok (sb_target_sample (line_target (&LINE_M1), (sb_stream){ 1, SB_FOR_DATA, 0 }, x_s));
  ok (sb_process_transition (score->process, NULL, vector_all (PAIRS, s), normals (PAIRS, 1, 2), x_s));
  gsl_matrix *x_t = copy_of (x_s);
  ok (sb_process_transition (score->process, vector_all (PAIRS, s), vector_all (PAIRS, t), normals (PAIRS, 1, 3), x_t));
  gsl_matrix *back = copy_of (x_t), *same = matrix (100, 1);
  for (size_t i = 0; i < 100; i++)
    gsl_matrix_set (same, i, 0, gsl_matrix_get (x_t, i, 0));
  walk (score, t, s, 200, back);
  walk (by_denoiser, t, s, 200, same);
  for (size_t i = 0; i < 100; i++)
    cr_assert_float_eq (gsl_matrix_get (same, i, 0), gsl_matrix_get (back, i, 0), 1e-11);

  for (int k = 0; k < 3; k++)
    {
      gsl_vector *differs = vector (PAIRS);
      double error;
      for (size_t i = 0; i < PAIRS; i++)
        {
          const double b = gsl_matrix_get (x_t, i, 0),
                       a[] = { gsl_matrix_get (x_s, i, 0), gsl_matrix_get (back, i, 0) },
                       f[] = { (a[0] - a[1]) * b, (a[0] - a[1]) * cos (b), ((a[0] > 0) - (a[1] > 0)) * b };
          gsl_vector_set (differs, i, f[k]);
        }
      const double mean = mean_of (differs, &error);
      cr_assert_lt (fabs (mean), 5.1 * error + .005, "function %d: %g +- %g", k, mean, error);
    }
}

// ## The noise as it is printed
//
// In 100 steps from $x = .2$, $t = 1$ to $s = .5$ the mean of M1's denoiser stays .682576 if the noise has $g$, but for
// the steps' bias of .0004; with the printed $g^2$ it falls to .5765, 14 standard errors. [consistent.eq7]

static double
denoised_after (double power, double *error)
{
  const sb_ito ito = { 1, nothing, diffusion, nothing, &power };
  const sb_score *score = m1 ();
  gsl_matrix *x = matrix_all (N, 1, .2), *s = matrix (N, 1);
  for (int k = 0; k < 100; k++)
    {
      const size_t mark = scope_mark ();
      const double t = 1 - .5 * k / 100;
      ok (sb_score_evaluate (score, SB_SCORE, x, vector_all (N, t), NULL, s));
      gsl_matrix_scale (s, pow (2 * t, 1 - power)); // the step's drift is -G G^T s
      ok (sb_ito_step (&ito, vector_all (N, t - .005), vector_all (N, t), s, normals (N, 1, 500 + (uint64_t)k), x));
      scope_release (mark);
    }
  ok (sb_score_evaluate (score, SB_DENOISER, x, vector_all (N, .5), NULL, s));
  gsl_vector_const_view h = gsl_matrix_const_column (s, 0);
  return mean_of (&h.vector, error);
}

Test (reverse_time, erratum_eq7_loses_the_martingale)
{
  double error, of_printed;
  gsl_matrix *h = matrix (1, 1);
  ok (sb_score_evaluate (m1 (), SB_DENOISER, matrix_all (1, 1, .2), vector_of (1), NULL, h));
  const double wanted = gsl_matrix_get (h, 0, 0), right = denoised_after (1, &error),
               printed = denoised_after (2, &of_printed);
  cr_assert_float_eq (wanted, .6825761, 1e-7);
  cr_assert_float_eq (right, wanted, 4.9 * error + .0005, "%g +- %g", right, error);
  cr_assert_float_eq (printed, .5765, .001 + 4.9 * of_printed, "%g +- %g", printed, of_printed);
  cr_assert_gt (wanted - printed, 8 * of_printed);
}
