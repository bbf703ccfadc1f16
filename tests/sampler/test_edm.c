// # The sampler of Karras et al.
//
// On $\mathcal N(0, .25)$ all is linear, and errors and variances are numbers without Monte Carlo: known from the
// recursion of Algorithm 1 or 2 on it. On a mixture of two Gaussians, against the algorithm transcribed in numpy
// (`edm.py`).

#include "denoisers.h"
#include "edm_values.h"
#include "grid/grid.h"
#include "measure/twosample.h"
#include "objective/consistency.h"
#include "process/edm.h"
#include "process/ve.h"
#include "sampler/drift.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"
#include "take.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (edm);

static const double s_2 = .25; // of the Gaussian

static const sb_process *
edm (void)
{
  return scoped (sb_edm_alloc (1, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
}

static const sb_score *
exact (sb_target *law)
{
  return scoped (sb_score_exact_alloc (law, edm ()));
}

// N levels and a 0, or without it.

static gsl_vector *
levels (size_t N, bool to_zero)
{
  gsl_vector *sigma = vector (N + 1);
  ok (sb_grid_edm (SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX, 7, sigma));
  gsl_vector_view positive = gsl_vector_subvector (sigma, 0, N);
  return to_zero ? sigma : copy_of (&positive.vector);
}

static const sb_pc algorithm_1 = { .final = SB_FINAL_DENOISE };

static size_t
sample (sb_pc pc, const sb_step_type *step, const double *key, const sb_score *score, const gsl_vector *times,
        gsl_matrix *x)
{
  size_t evaluations;
  pc.step = step;
  pc.key = key;
  pc.final = gsl_vector_get (times, times->size - 1) > 0 ? SB_FINAL_DENOISE : SB_FINAL_SAMPLE;
  ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 3 }, x, &evaluations));
  return evaluations;
}

// ## The equation
//
// $d\mathbf x/dt = (\mathbf x - D)/t$; on the Gaussian its solution is $x(t) = x(t')\sqrt{(s^2 + t^2)/(s^2 + t'^2)}$,
// whose derivative is $x\,t/(s^2 + t^2)$. It is half of the reverse SDE's drift. It begins in $\mathcal N(0,
// \sigma_{\max}^2)$. [consistent.set-edm-ode]

Test (edm, the_flow)
{
  sb_target *const laws[] = { line_target (&LINE_G), line_target (&LINE_M1) };
  for (int k = 0; k < 2; k++)
    for (double t = .003; t < 90; t *= 3)
      {
        const sb_score *score = exact (laws[k]);
        const gsl_matrix *x = matrix_of (3, 1, -2, .3, 1.1);
        const gsl_vector *times = vector_of (t, .9 * t, .7 * t);
        gsl_matrix *D = matrix (3, 1), *v = matrix (3, 1), *of_sde = matrix (3, 1);
        ok (sb_score_evaluate (score, SB_DENOISER, x, times, NULL, D));
        ok (sb_flow_velocity (score, NULL, times, x, v));
        ok (sb_reverse_drift (score, NULL, times, x, of_sde));
        for (size_t i = 0; i < 3; i++)
          {
            const double x_i = gsl_matrix_get (x, i, 0), v_i = gsl_matrix_get (v, i, 0),
                         t_i = gsl_vector_get (times, i);
            cr_assert_float_eq (v_i, (x_i - gsl_matrix_get (D, i, 0)) / t_i, 1e-12 * fmax (1, 1 / t_i));
            cr_assert_float_eq (gsl_matrix_get (of_sde, i, 0), 2 * v_i, 1e-12 * fabs (v_i));
            if (k == 0)
              cr_assert_float_eq (v_i, x_i * t_i / (s_2 + t_i * t_i), 1e-12 * fabs (v_i));
          }
      }
}

// In the plane: its density, and 50,000 draws of it, 80 times the stream's normals, within 4.9 standard errors of the
// mean 0 and the variance.
// [consistent.set-edm-ode]

Test (edm, begins_in_noise)
{
  enum
  {
    N = 50000
  };
  const sb_process *process = scoped (sb_edm_alloc (2, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
  const gsl_matrix *at = matrix_of (2, 2, 100, -30, 5, 160);
  gsl_matrix *x = matrix (N, 2), *z = matrix (N, 2);
  gsl_vector *log_p = vector (2);
  ok (sb_process_prior_log_density (process, at, log_p));
  ok (sb_process_prior (process, (sb_stream){ .seed = 9 }, x));
  ok (sb_stream_normals ((sb_stream){ .seed = 9 }, 0, z));
  gsl_matrix_scale (z, 80);
  cr_assert_eq (largest_difference (x, z), 0);
  for (size_t i = 0; i < 2; i++)
    cr_assert_float_eq (gsl_vector_get (log_p, i),
                        -.5 * (gsl_pow_2 (gsl_matrix_get (at, i, 0) / 80) + gsl_pow_2 (gsl_matrix_get (at, i, 1) / 80))
                            - 2 * log (80) - log (2 * M_PI),
                        1e-12, "row %zu", i);
  for (size_t j = 0; j < 2; j++)
    {
      cr_assert_lt (fabs (gsl_stats_mean (x->data + j, 2, N)), 4.9 * 80 / sqrt (N));
      cr_assert_float_eq (gsl_stats_variance (x->data + j, 2, N) / 6400, 1, 4.9 * sqrt (2. / N));
    }
}

// ## Algorithm 1
//
// The map of the Gaussian's points is a multiplication; exactly, by $\sqrt{s^2/(s^2 + 80^2)}$. Euler's is the step
// without churn that does not go again.

static double
multiplier (const sb_step_type *step, const double *key, size_t N, bool to_zero)
{
  gsl_matrix *x = matrix_of (2, 1, 80, 160);
  sample (algorithm_1, step, key, exact (line_target (&LINE_G)), levels (N, to_zero), x);
  cr_assert_float_eq (gsl_matrix_get (x, 1, 0), 2 * gsl_matrix_get (x, 0, 0), 1e-12);
  return gsl_matrix_get (x, 0, 0) / 80;
}

static double
error_of (const sb_step_type *step, const double *key, size_t N)
{
  return multiplier (step, key, N, false) / sqrt (s_2 / (s_2 + 6400)) - 1;
}

// [consistent.set-edm-heun]

Test (edm, errors)
{
  static const struct
  {
    size_t N;
    double error;
  } of_heun[] = { { 9, .278145 },    { 18, .0552699 },    { 36, .0122140 },  { 40, .0097735 },
                  { 72, .00287084 }, { 144, .000690991 }, { 288, .00016424 } },
    of_euler[] = { { 18, -.153921 }, { 72, -.0392423 }, { 288, -.00986082 } };
  for (size_t k = 0; k < sizeof of_heun / sizeof *of_heun; k++)
    {
      const double error = error_of (sb_step_flow_heun, NULL, of_heun[k].N);
      cr_assert_float_eq (error, of_heun[k].error, 1e-4 * of_heun[k].error, "%zu levels: %.9g", of_heun[k].N, error);
    }
  for (size_t k = 0; k < sizeof of_euler / sizeof *of_euler; k++)
    {
      const double error = error_of (sb_step_euler_maruyama, (const double[]){ 0 }, of_euler[k].N);
      cr_assert_float_eq (error, of_euler[k].error, -1e-4 * of_euler[k].error, "%zu: %.9g", of_euler[k].N, error);
    }
}

// The last step, from $\sigma_{\min}$ to 0, has an error of its own, $-\sigma_{\min}^2/2s^2$. Without it Heun's falls
// fourfold where $N$ is doubled, Euler's to half.

Test (edm, orders)
{
  const double last = -gsl_pow_2 (SB_EDM_SIGMA_MIN) / (2 * s_2), flow[1] = { 0 };
  for (size_t N = 72; N < 288; N *= 2)
    {
      const double ratio
          = (error_of (sb_step_flow_heun, NULL, N) - last) / (error_of (sb_step_flow_heun, NULL, 2 * N) - last),
          of_euler = error_of (sb_step_euler_maruyama, flow, N) / error_of (sb_step_euler_maruyama, flow, 2 * N);
      cr_assert_float_eq (ratio, 4, .3, "%zu: %g", N, ratio);
      cr_assert_float_eq (of_euler, 2, .1, "%zu: %g", N, of_euler);
    }
}

// Samples that begin with the variance 6400, which is not quite that of $x_{80}$.

Test (edm, variances)
{
  static const size_t N[] = { 18, 36, 72, 144, 288 };
  static const double wanted[] = { .278388, .256134, .251428, .250336, .250072 };
  for (size_t k = 0; k < 5; k++)
    {
      const double v = 6400 * gsl_pow_2 (multiplier (sb_step_flow_heun, NULL, N[k], false));
      cr_assert_float_eq (v, wanted[k], 6e-7, "%zu levels: %.9g", N[k], v);
    }
}

// $N$ levels are $2N - 1$ evaluations, however the last step is taken: 35 and 79 in the paper. [consistent.set-nfe]

Test (edm, evaluations)
{
  static const size_t N[] = { 2, 9, 18, 40 }, wanted[] = { 3, 17, 35, 79 };
  const sb_score *score = exact (line_target (&LINE_M1));
  for (size_t k = 0; k < 4; k++)
    for (int way = 0; way < 2; way++)
      cr_assert_eq (sample (algorithm_1, way ? sb_step_edm_heun : sb_step_flow_heun, NULL, score, levels (N[k], way),
                            matrix_of (1, 1, 33)),
                    wanted[k]);
}

// ## Algorithm 2

// Without churn it is Algorithm 1, to the bit, and no normals are drawn; with it they are. [consistent.set-edm-churn]
// [consistent.set-edm-heun]

static int
count_draws (void *context, sb_purpose purpose, size_t count, gsl_matrix *z)
{
  (void)purpose, (void)count;
  ++*(size_t *)context;
  gsl_matrix_set_all (z, .5);
  return GSL_SUCCESS;
}

Test (edm, without_churn)
{
  size_t draws = 0;
  sb_pc pc = algorithm_1;
  pc.noise = count_draws;
  pc.context = &draws;
  gsl_matrix *of_heun = normals (40, 1, 1), *of_edm = NULL;
  gsl_matrix_scale (of_heun, 80);
  of_edm = copy_of (of_heun);
  gsl_matrix *outside = copy_of (of_heun), *stirred = copy_of (of_heun);
  const sb_score *score = exact (line_target (&LINE_M1));
  double usual[SB_KEYS_MOST];
  sb_entry_usual (&sb_step_edm_heun->entry, usual);
  cr_assert (usual[0] == 0 && usual[1] == 0 && usual[2] > 1e6 && usual[3] == 1);
  sample (algorithm_1, sb_step_flow_heun, NULL, score, levels (18, false), of_heun);
  sample (pc, sb_step_edm_heun, usual, score, levels (18, true), of_edm);
  cr_assert (draws == 0 && gsl_matrix_equal (of_heun, of_edm));
  sample (pc, sb_step_edm_heun, (const double[]){ .2, 81, 1e9, 1 }, score, levels (18, true), outside);
  cr_assert (draws == 18 && gsl_matrix_equal (of_heun, outside));
  sample (pc, sb_step_edm_heun, (const double[]){ .2, 0, 1e9, 1 }, score, levels (18, true), stirred);
  cr_assert (draws == 36 && largest_difference (of_heun, stirred) > .01);
}

// The noise of a step: $S_{\mathrm{noise}}\sqrt{\hat t^2 - t^2}$ with $\hat t = (1 + \gamma)\,t$, $\gamma$ at most
// $\sqrt2 - 1$, between $S_{\mathrm{tmin}}$ and $S_{\mathrm{tmax}}$, both included. A step of the least length shows
// it, for it hardly goes down from $\hat t$.

static double
noise_of (double churn, double t_min, double t_max, double noise, double t)
{
  const double keys[] = { churn, t_min, t_max, noise };
  const sb_score *score = exact (scoped (sb_target_gaussian_alloc (vector_of (0), matrix_of (1, 1, 1e12))));
  gsl_matrix *x = matrix_all (2, 1, 0);
  ok (sb_step_apply (sb_step_edm_heun, keys, scoped (sb_sampler_work_alloc (score, 2)), NULL, vector_all (2, t / 2),
                     vector_all (2, t), matrix_of (2, 1, 0, 1), x));
  return gsl_matrix_get (x, 1, 0) - gsl_matrix_get (x, 0, 0);
}

Test (edm, noise_of_a_step)
{
  const double t = 2;
  cr_assert_float_eq (noise_of (.1, 0, 9, 1, t), t * sqrt (1.1 * 1.1 - 1), 1e-9);
  cr_assert_float_eq (noise_of (.1, 0, 9, 1.3, t), 1.3 * t * sqrt (1.1 * 1.1 - 1), 1e-9);
  cr_assert_float_eq (noise_of (.4, 0, 9, 1, t), t * sqrt (1.4 * 1.4 - 1), 1e-9);
  cr_assert_float_eq (noise_of (.6, 0, 9, 1, t), t, 1e-9);
  cr_assert_float_eq (noise_of (.6, 2, 2, 1, t), t, 1e-9);
  cr_assert_eq (noise_of (.6, 2.1, 9, 1, t), 0);
  cr_assert_eq (noise_of (.6, 0, 1.9, 1, t), 0);
}

// The variance that is left, through all steps: each is $x \mapsto mx + bz$. Then on paths, within 4.9 standard errors.

static double
variance_after (const sb_step_type *step, const double *key, const sb_score *score, const gsl_vector *times, double v)
{
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 2));
  for (size_t k = 0; k + 1 < times->size; k++)
    {
      const size_t mark = scope_mark ();
      gsl_matrix *x = matrix_of (2, 1, 1, 0);
      ok (sb_step_apply (step, key, work, NULL, vector_all (2, gsl_vector_get (times, k + 1)),
                         vector_all (2, gsl_vector_get (times, k)), matrix_of (2, 1, 0, 1), x));
      v = gsl_pow_2 (gsl_matrix_get (x, 0, 0)) * v + gsl_pow_2 (gsl_matrix_get (x, 1, 0));
      scope_release (mark);
    }
  return v;
}

Test (edm, variances_with_churn)
{
  static const size_t N[] = { 288, 576, 1152 };
  static const double wanted[] = { .250761, .250192, .250045 };
  for (size_t k = 0; k < 3; k++)
    {
      const double key[] = { 40. / (double)N[k], 0, 1e9, 1 },
                   v = variance_after (sb_step_edm_heun, key, exact (line_target (&LINE_G)), levels (N[k], true), 6400);
      cr_assert_float_eq (v, wanted[k], 1e-6, "%zu levels: %.9g", N[k], v);
    }
  const size_t n = 100000;
  gsl_matrix *x = normals (n, 1, 2);
  gsl_matrix_scale (x, 80);
  sample (algorithm_1, sb_step_edm_heun, (const double[]){ 40. / 288, 0, 1e9, 1 }, exact (line_target (&LINE_G)),
          levels (288, true), x);
  const double v = gsl_stats_variance_m (x->data, 1, n, 0);
  cr_assert_float_eq (v, wanted[0], 4.9 * wanted[0] * sqrt (2. / (double)n), "%g", v);
}

// Line by line, on the mixture: the transcription's numbers to $10^{-12}$.

static int
given_normals (void *context, sb_purpose purpose, size_t count, gsl_matrix *z)
{
  (void)context, (void)purpose;
  for (size_t k = 0; k < z->size1; k++)
    gsl_matrix_set (z, k, 0, 1.5 * sin (12.9898 * (double)(count + 1) + 78.233 * (double)(k + 1)));
  return GSL_SUCCESS;
}

Test (edm, as_transcribed)
{
  static const double stored[4][5] = { EDM_VALUES };
  static const double keys[4][4]
      = { { 0, 0, 1e9, 1 }, { 40. / 18, .05, 50, 1.003 }, { 10. / 9, 0, 1e9, .9 }, { 2. / 40, 0, 1e9, 1 } };
  static const size_t N[] = { 18, 18, 9, 40 };
  sb_pc pc = algorithm_1;
  pc.noise = given_normals;
  for (size_t k = 0; k < 4; k++)
    {
      gsl_matrix *x = matrix_of (5, 1, -110, -31, 4.5, 67, 153);
      sample (pc, sb_step_edm_heun, keys[k], exact (line_target (&LINE_M1)), levels (N[k], true), x);
      for (size_t i = 0; i < 5; i++)
        cr_assert_float_eq (gsl_matrix_get (x, i, 0), stored[k][i], 1e-12, "run %zu, point %zu: %.16g", k, i,
                            gsl_matrix_get (x, i, 0));
    }
}

// As a short path to 0: what is known of the start serves the first step alone, and not where that asks at a time of
// its own, with churn; then the path is what it is without. So it is for every step, and the loss of a path to 0 is not
// lost.

Test (edm, as_a_short_path)
{
  sb_process *process = scoped (sb_edm_alloc (1, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
  process->t_min = 0;
  const sb_score *score = scoped (sb_score_exact_alloc (line_target (&LINE_M1), process)),
                 *off = denoiser_d (process, .3);
  const gsl_vector *t = vector_of (2, 3), *s = vector_of (0, 0), *above = vector_of (.3, .1);
  const gsl_matrix *x = matrix_of (2, 1, .4, -2);
  gsl_matrix *h = matrix (2, 1);
  gsl_vector *loss = vector (2);
  sb_path_work *w = sb_path_work_alloc (score, 2);
  ok (sb_score_evaluate (score, SB_DENOISER, x, t, NULL, h));
  const sb_step_type *step;
  for (size_t k = 0; (step = (const sb_step_type *)sb_steps (k)); k++)
    for (double churn = 0; churn < .3; churn += .2)
      {
        const bool edm_heun = step == sb_step_edm_heun;
        const double key[] = { churn, 0, 1e9, 1 };
        const sb_partial_path p = { step, edm_heun ? key : NULL, 3, 7 };
        gsl_matrix *with = copy_of (x), *without = copy_of (x);
        if (step == sb_step_none || (step->needs & SB_NEEDS_DIVERGENCE) || (churn > 0 && !edm_heun))
          continue;
        ok (sb_partial_path_take (&p, w, NULL, t, edm_heun ? s : above, (sb_stream){ 5, SB_FOR_PATH, 0 }, 0, h, NULL,
                                  with));
        ok (sb_partial_path_take (&p, w, NULL, t, edm_heun ? s : above, (sb_stream){ 5, SB_FOR_PATH, 0 }, 0, NULL, NULL,
                                  without));
        cr_assert_lt (largest_difference (with, without), 1e-12, "%s, churn %g", step->entry.name, churn);
      }
  sb_path_work_free (w);

  // Without churn all paths are one: half of the squared distance of its end, where h is the identity, from h at its
  // start.
  const sb_partial_path p = { sb_step_edm_heun, NULL, 3, 7 };
  gsl_matrix *end = copy_of (x);
  w = sb_path_work_alloc (off, 2);
  ok (sb_partial_path_take (&p, w, NULL, t, s, (sb_stream){ 5, SB_FOR_PATH, 0 }, 0, NULL, NULL, end));
  sb_path_work_free (w);
  ok (sb_score_evaluate (off, SB_DENOISER, x, t, NULL, h));
  ok (sb_consistency_loss (off, &p, 2, NULL, t, s, x, (sb_stream){ 5, 0, 0 }, loss, NULL));
  for (size_t i = 0; i < 2; i++)
    {
      const double squared = gsl_pow_2 (gsl_matrix_get (end, i, 0) - gsl_matrix_get (h, i, 0));
      cr_assert_float_eq (gsl_vector_get (loss, i), squared / 2, 1e-12);
      cr_assert_gt (squared, 1e-4);
    }
}

// What goes above the process's end, what has another clock, and what is no setting.

Test (edm, refusals)
{
  sb_process *ve = scoped (sb_ve_alloc (1, .01, 50)), *ending = scoped (sb_edm_alloc (1, .002, 1));
  ending->t_limit = 1;
  sb_score *under_ve = scoped (sb_score_exact_alloc (line_target (&LINE_G), ve));
  sb_sampler_work *work
      = scoped (sb_sampler_work_alloc (scoped (sb_score_exact_alloc (line_target (&LINE_G), ending)), 1)),
      *of_ve = scoped (sb_sampler_work_alloc (under_ve, 1));
  gsl_matrix *x = matrix_of (1, 1, 3), *z = matrix_of (1, 1, 1);
  const gsl_vector *s = vector_of (.9), *t = vector_of (1);
  refused (GSL_EDOM, sb_step_apply (sb_step_edm_heun, (const double[]){ .1, 0, 1e9, 1 }, work, NULL, s, t, z, x));
  ok (sb_step_apply (sb_step_edm_heun, (const double[]){ .1, 0, .95, 1 }, work, NULL, s, t, z, x));
  refused (GSL_EUNSUP, sb_step_apply (sb_step_edm_heun, (const double[]){ .1, 0, .95, 1 }, of_ve, NULL, s, t, z, x));
  ok (sb_step_apply (sb_step_edm_heun, NULL, of_ve, NULL, s, t, z, x));
  for (size_t k = 0; k < 4; k++)
    for (int nan = 0; nan < 2; nan++)
      {
        double key[] = { .1, 0, .9, 1 };
        key[k] = nan ? GSL_NAN : -.1;
        refused (GSL_EDOM, sb_step_apply (sb_step_edm_heun, key, work, NULL, s, t, z, x), "key %zu", k);
      }
}

// ## Samples of the mixture
//
// From the prior by 400 of Heun's steps, [consistent.set-edm-ode] and from $\sigma = 20$ by 1000 of Euler and
// Maruyama's along the reverse SDE, [consistent.eq3] is the law that it should be.

static const double KS = 2.70; // over sqrt(n): false alarm 9.3e-7

static double
cdf (double x, void *law)
{
  gsl_vector *P = gsl_vector_alloc (1), *t = gsl_vector_calloc (1);
  sb_process *process = sb_edm_alloc (1, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX);
  gsl_matrix_view at = gsl_matrix_view_array (&x, 1, 1);
  const int status = sb_target_cdf (law, process, &at.matrix, t, P);
  const double found = status ? GSL_NAN : gsl_vector_get (P, 0);
  gsl_vector_free (P);
  gsl_vector_free (t);
  sb_process_free (process);
  return found;
}

static double
distance (sb_target *law, const gsl_matrix *x)
{
  double D, p;
  gsl_vector_const_view sample = gsl_matrix_const_column (x, 0);
  ok (sb_ks_one_sample (&sample.vector, cdf, law, &D, &p));
  return D;
}

Test (edm, samples_along_the_flow)
{
  const size_t n = 20000;
  gsl_matrix *x = matrix (n, 1);
  ok (sb_process_prior (edm (), (sb_stream){ .seed = 5 }, x));
  sample (algorithm_1, sb_step_flow_heun, NULL, exact (line_target (&LINE_M1)), levels (400, false), x);
  const double D = distance (line_target (&LINE_M1), x);
  cr_assert_lt (D, KS / sqrt ((double)n), "%g", D);
}

Test (edm, samples_of_the_sde)
{
  const size_t n = 20000;
  gsl_matrix *x = normals (n, 1, 6);
  gsl_vector *sigma = vector (1001);
  ok (sb_grid_edm (.005, 20, 7, sigma));
  gsl_vector_view positive = gsl_vector_subvector (sigma, 0, 1000);
  ok (sb_target_sample (line_target (&LINE_M1), (sb_stream){ .seed = 7, .purpose = SB_FOR_DATA }, x));
  ok (sb_process_transition (edm (), NULL, vector_all (n, 20), normals (n, 1, 8), x));
  sample (algorithm_1, sb_step_euler_maruyama, NULL, exact (line_target (&LINE_M1)), &positive.vector, x);
  const double D = distance (line_target (&LINE_M1), x);
  cr_assert_lt (D, KS / sqrt ((double)n), "%g", D);
}

// ## The same noise
//
// By the flow a point of the noise has one sample, whichever the solver; the SDE forgets it. [consistent.txt-unique-id]

static double
correlation (const gsl_matrix *x, const gsl_matrix *y)
{
  return gsl_stats_correlation (x->data, x->tda, y->data, y->tda, x->size1);
}

Test (edm, names_its_samples)
{
  const size_t n = 1000;
  const sb_score *score = exact (line_target (&LINE_M1));
  gsl_matrix *x[5] = { matrix (4 * n, 1) };
  ok (sb_process_prior (edm (), (sb_stream){ .seed = 9 }, x[0]));
  gsl_matrix_view some = gsl_matrix_submatrix (x[0], 0, 0, n, 1);
  static const size_t N[] = { 18, 72, 288 };
  for (int k = 0; k < 3; k++)
    {
      x[k + 1] = copy_of (&some.matrix);
      sample (algorithm_1, sb_step_flow_heun, NULL, score, levels (N[k], false), x[k + 1]);
    }
  cr_assert_gt (correlation (x[1], x[3]), .999, "%g", correlation (x[1], x[3]));
  cr_assert_gt (correlation (x[2], x[3]), .99998, "%.9g", correlation (x[2], x[3]));

  gsl_matrix *once = copy_of (x[0]), *again = copy_of (x[0]);
  size_t evaluations;
  sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_DENOISE };
  ok (sb_pc_sample (&pc, score, NULL, levels (100, false), (sb_stream){ .seed = 10 }, once, &evaluations));
  ok (sb_pc_sample (&pc, score, NULL, levels (100, false), (sb_stream){ .seed = 11 }, again, &evaluations));
  const double r = correlation (once, again);
  cr_assert_lt (fabs (r), 4.9 / sqrt (4. * (double)n), "%g", r);
}
