// # What must be true of the probability flow
//
// It moves points without noise and yet carries p_t: in one dimension, so, it must carry every quantile of p_t to the
// same quantile of p_s.

#include "sampler/flow.h"
#include "gmm3.h"
#include "linear.h"
#include "process/ddpm.h"
#include "process/kinds.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "recursion.h"
#include "sampler/drift.h"

#include <gsl/gsl_math.h>
#include <math.h>

enum
{
  STARTS = 21,
  PARTICLES = 500
};

SUITE (flow);

// The three SDEs; data at $10^{-5}$ where not said otherwise.

static sb_process *
make (size_t which)
{
  static const char *const kinds[] = { "ve sigma_max=20", "vp", "subvp" };
  return scoped (sb_process_from_text (kinds[which], 1, NULL));
}

static sb_process *
make_from (size_t which, double epsilon)
{
  sb_process *process = make (which);
  process->t_min = epsilon;
  return process;
}

// With one tolerance, relative and absolute.

static int
flow_watched (const sb_score *score, double from, double to, double tolerance, sb_progress progress, void *context,
              gsl_matrix *x, size_t *evaluations)
{
  sb_flow flow = {
    .relative = tolerance, .absolute = tolerance, .final = SB_FINAL_SAMPLE, .progress = progress, .context = context
  };
  return sb_flow_run (&flow, score, NULL, from, to, x, evaluations);
}

static int
flow_to (const sb_score *score, double from, double to, double tolerance, gsl_matrix *x, size_t *evaluations)
{
  return flow_watched (score, from, to, tolerance, NULL, NULL, x, evaluations);
}

// ## Quantiles stay quantiles
//
// 21 starts across the mixture at $\epsilon = 10^{-5}$, to T = 1. The distribution function along each path stays what
// it is: within $5\cdot10^{-5}$ at a tolerance of $10^{-5}$, within $5\cdot10^{-8}$ at $10^{-8}$, at the end and after
// every step. [scoresde.eq13] And paths never cross.

typedef struct
{
  const sb_process *process;
  double worst;
  bool ordered;
} quantiles;

static double
quantile_of (int i)
{
  return (i + 0.5) / STARTS;
}

static int
watch (void *context, size_t done, size_t total, double t, const gsl_matrix *x)
{
  (void)done, (void)total;
  quantiles *q = context;
  for (int i = 0; i < STARTS; i++)
    {
      double x_i = gsl_matrix_get (x, (size_t)i, 0);
      q->worst = larger (q->worst, fabs (gmm3_cdf (q->process, t, x_i) - quantile_of (i)));
      q->ordered = q->ordered && (i == 0 || gsl_matrix_get (x, (size_t)i - 1, 0) < x_i);
    }
  return GSL_SUCCESS;
}

static double
worst_quantile (const sb_process *process, double tolerance)
{
  gsl_matrix *x = matrix (STARTS, 1);
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, (void *)process, process));
  quantiles q = { process, 0, true };
  for (int i = 0; i < STARTS; i++)
    gsl_matrix_set (x, (size_t)i, 0, gmm3_quantile (process, process->t_min, quantile_of (i)));
  ok (flow_watched (score, process->t_min, 1, tolerance, watch, &q, x, NULL));
  watch (&q, 0, 0, 1, x);
  cr_assert (q.ordered, "%s: paths cross", process->type->name);
  return q.worst;
}

Test (flow, quantiles_stay_quantiles)
{
  for (size_t which = 0; which < 3; which++)
    {
      sb_process *process = make_from (which, 1e-5);
      double worst = worst_quantile (process, 1e-5), finer = worst_quantile (process, 1e-8);
      cr_assert_lt (worst, 5e-5, "%s: %g", process->type->name, worst);
      cr_assert_lt (finer, 5e-8, "%s: %g", process->type->name, finer);
    }
}

// ## Gaussian data
//
// Coordinate by coordinate the flow is a scaling, $x_k(T) = x_k(0)\sqrt{\Sigma_k(T)/\Sigma_k(0)}$; [scoresde.eq13]
// and it leaves standard normal data under VP where they are.

Test (flow, scales_a_gaussian)
{
  gsl_vector *lambda = vector_of (0.25, 1, 9);
  sb_process *processes[]
      = { scoped (sb_ve_alloc (3, 0.01, 50)), scoped (sb_vp_alloc (3, 0.1, 20)), scoped (sb_subvp_alloc (3, 0.1, 20)) };
  for (int p = 0; p < 3; p++)
    {
      recursion data = { .process = processes[p], .lambda = lambda, .factor = 1 };
      sb_score *score = scoped (sb_score_alloc (&recursion_score_type, &data, processes[p]));
      double x[6] = { 1, 1, 1, -0.3, 2, 0.7 }, start[6] = { 1, 1, 1, -0.3, 2, 0.7 }, t_min = processes[p]->t_min;
      gsl_matrix_view x_view = gsl_matrix_view_array (x, 2, 3);
      ok (flow_to (score, t_min, 1, 1e-9, &x_view.matrix, NULL));
      for (int i = 0; i < 6; i++)
        {
          size_t k = (size_t)i % 3;
          double scale = sqrt (recursion_variance (&data, k, 1) / recursion_variance (&data, k, t_min));
          cr_assert_float_eq (x[i] / (start[i] * scale), 1, 1e-6, "%s, k = %zu", processes[p]->type->name, k);
        }
    }
}

// With full matrices F and G the image of $\mathcal N(0, C_0)$ under the flow has the covariance that the SDE's own
// moment equation gives, by a Runge-Kutta method of fourth order. [scoresde.eq42]

static void
moment_equation (const linear *state, double h, size_t steps, double *C)
{
  double GG[4];
  linear_multiply (state->G, CblasNoTrans, state->G, CblasTrans, GG);
  for (size_t n = 0; n < steps; n++)
    {
      double k[4][4], at[4];
      const double share[4] = { 0, 0.5, 0.5, 1 };
      for (int stage = 0; stage < 4; stage++)
        {
          double FC[4];
          for (int i = 0; i < 4; i++)
            at[i] = C[i] + (stage > 0 ? share[stage] * h * k[stage - 1][i] : 0);
          linear_multiply (state->F, CblasNoTrans, at, CblasNoTrans, FC);
          for (int i = 0; i < 2; i++)
            for (int j = 0; j < 2; j++)
              k[stage][2 * i + j] = FC[2 * i + j] + FC[2 * j + i] + GG[2 * i + j];
        }
      for (int i = 0; i < 4; i++)
        C[i] += h / 6 * (k[0][i] + 2 * k[1][i] + 2 * k[2][i] + k[3][i]);
    }
}

static double
image_residual (const double *v, void *context)
{
  (void)context;
  linear state = linear_random (v[0]);
  sb_process *process = linear_alloc (&state);
  sb_score *score = scoped (sb_score_alloc (&linear_score_type, &state, process));
  double t_min = process->t_min, C[4], x[4], image[4], worst = 0;
  linear_covariance (&state, t_min, C);
  // Rows whose sum of outer products is C: the columns of its Cholesky factor.
  x[0] = sqrt (C[0]);
  x[1] = C[2] / x[0];
  x[2] = 0;
  x[3] = sqrt (C[3] - x[1] * x[1]);
  gsl_matrix_view x_view = gsl_matrix_view_array (x, 2, 2);
  int status = flow_to (score, t_min, 0.8, 1e-10, &x_view.matrix, NULL);
  linear_multiply (x, CblasTrans, x, CblasNoTrans, image);
  moment_equation (&state, (0.8 - t_min) / 400, 400, C);
  for (int i = 0; i < 4; i++)
    worst = larger (worst, fabs (image[i] - C[i]));
  return status == GSL_SUCCESS ? worst : GSL_NAN;
}

Test (flow, image_under_matrix_maps)
{
  const property_parameter seed = { "seed", PROPERTY_INTEGER, 1, 1e6, 1 };
  property_check ("the flow's image has the SDE's covariance", 5, 20, 1, &seed, image_residual, NULL, 1e-7);
}

// ## Accuracy and its price
//
// 500 particles at the exact quantiles of p_T, integrated jointly down to epsilon, at tolerances from $10^{-1}$ to
// $10^{-6}$: the number of evaluations does not fall, the mean distance to the exact quantiles does not grow, and both
// are those of an independent implementation of scipy's RK45: evaluations within 2 steps of 6, the error within 5%, but
// where two or three steps are all (at $10^{-1}$; sub-VP's at $10^{-2}$) within a factor of 2. At a tolerance of
// $10^{-5}$ all are within $10^{-4}$. [scoresde.txt-efficient-sampling] [scoresde.set-ode-sampling]

typedef struct
{
  double error;
  size_t evaluations;
} price;

static price
sample_quantiles (const sb_process *process, double tolerance)
{
  gsl_matrix *x = matrix (PARTICLES, 1);
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, (void *)process, process));
  price result = { 0 };
  for (size_t i = 0; i < PARTICLES; i++)
    gsl_matrix_set (x, i, 0, gmm3_quantile (process, 1, ((double)i + 0.5) / PARTICLES));
  ok (flow_to (score, 1, process->t_min, tolerance, x, &result.evaluations));
  for (size_t i = 0; i < PARTICLES; i++)
    result.error
        += fabs (gsl_matrix_get (x, i, 0) - gmm3_quantile (process, process->t_min, ((double)i + 0.5) / PARTICLES))
           / PARTICLES;
  return result;
}

Test (flow, accuracy_and_its_price)
{
  const double evaluations[3][6]
      = { { 32, 38, 56, 62, 86, 128 }, { 20, 32, 56, 62, 86, 128 }, { 20, 38, 50, 68, 92, 116 } };
  const double errors[3][6] = { { .825, .0716, .0052, 3.0e-4, 1.6e-5, 9.4e-7 },
                                { .216, .0092, .00144, 1.9e-4, 3.5e-5, 1.5e-6 },
                                { .0969, .0143, .00451, 2.80e-4, 3.40e-5, 2.24e-6 } };
  for (size_t which = 0; which < 3; which++)
    {
      sb_process *process = make (which);
      price last = { GSL_POSINF, 0 };
      for (int k = 0; k < 6; k++)
        {
          price now = sample_quantiles (process, pow (10, -1 - k));
          const char *name = process->type->name;
          cr_assert_float_eq ((double)now.evaluations, evaluations[which][k], 12, "%s, 10^%d: %zu evaluations", name,
                              -1 - k, now.evaluations);
          cr_assert (now.evaluations >= last.evaluations && now.error <= last.error, "%s, 10^%d: %g", name, -1 - k,
                     now.error);
          const double factor = k == 0 || (k == 1 && which == 2) ? 2 : 1.05;
          cr_assert (errors[which][k] / factor < now.error && now.error < factor * errors[which][k],
                     "%s, 10^%d: error %g", name, -1 - k, now.error);
          cr_assert (k < 4 || now.error < 1e-4);
          last = now;
        }
    }
}

// What is asked for where nothing is said. [scoresde.set-ode-sampling]

Test (flow, settings)
{
  const sb_flow usual = sb_flow_default ();
  cr_assert_eq (SB_FLOW_TOLERANCE, 1e-5);
  cr_assert (usual.relative == 1e-5 && usual.absolute == 1e-5 && usual.final == SB_FINAL_SAMPLE);
  cr_assert (make (0)->t_min == 1e-5 && make (1)->t_min == 1e-3 && make (2)->t_min == 1e-3);
}

// ## The code is unique
//
// In one dimension the code of x is $F_T^{-1}(F_0(x))$, whoever computes it: Dormand and Prince's method at two
// tolerances, within $10^{-4}$ of the prior's scale at $10^{-6}$, and a fourth order Runge-Kutta method of 4000 steps,
// which agrees with the former at $10^{-8}$ to $10^{-6}$ of that scale. [scoresde.txt-unique-encoding]

static void
runge_kutta (const sb_score *score, double from, double to, size_t steps, gsl_matrix *x)
{
  double h = (to - from) / (double)steps;
  gsl_matrix *at = matrix (x->size1, x->size2), *k = matrix_all (x->size1, x->size2, 0),
             *sum = matrix (x->size1, x->size2);
  const double share[4] = { 0, 0.5, 0.5, 1 }, weight[4] = { 1, 2, 2, 1 };
  for (size_t n = 0; n < steps; n++)
    {
      gsl_matrix_set_zero (sum);
      for (int stage = 0; stage < 4; stage++)
        {
          gsl_matrix_scale (k, share[stage] * h);
          gsl_matrix_memcpy (at, x);
          gsl_matrix_add (at, k);
          double t = GSL_MIN_DBL (from + ((double)n + share[stage]) * h, to);
          ok (sb_flow_velocity (score, NULL, vector_all (at->size1, t), at, k));
          gsl_matrix_memcpy (at, k);
          gsl_matrix_scale (at, weight[stage] * h / 6);
          gsl_matrix_add (sum, at);
        }
      gsl_matrix_add (x, sum);
    }
}

Test (flow, the_code_is_unique)
{
  const double scales[3] = { 20, 1, 1 };
  for (size_t which = 0; which < 3; which++)
    {
      sb_process *process = make_from (which, 1e-3);
      sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, process, process));
      const double scale = scales[which];
      gsl_matrix *x = matrix (STARTS, 1);
      for (int i = 0; i < STARTS; i++)
        gsl_matrix_set (x, (size_t)i, 0, -2.4 + 0.24 * i);
      gsl_matrix *fine = copy_of (x), *other = copy_of (x);
      gsl_vector *truth = vector (STARTS);
      for (size_t i = 0; i < STARTS; i++)
        gsl_vector_set (truth, i, gmm3_quantile (process, 1, gmm3_cdf (process, 1e-3, gsl_matrix_get (x, i, 0))));
      ok (flow_to (score, 1e-3, 1, 1e-6, x, NULL));
      ok (flow_to (score, 1e-3, 1, 1e-8, fine, NULL));
      runge_kutta (score, 1e-3, 1, 4000, other);
      for (size_t i = 0; i < STARTS; i++)
        {
          cr_assert_float_eq (gsl_matrix_get (x, i, 0), gsl_vector_get (truth, i), 1e-4 * scale, "%s, start %zu",
                              process->type->name, i);
          cr_assert_float_eq (gsl_matrix_get (fine, i, 0), gsl_matrix_get (other, i, 0), 1e-6 * scale,
                              "%s, start %zu: %.10g, %.10g", process->type->name, i, gsl_matrix_get (fine, i, 0),
                              gsl_matrix_get (other, i, 0));
        }
    }
}

// Encode and decode: back where it was. Output at a time in between is two calls.

Test (flow, there_and_back)
{
  for (size_t which = 0; which < 3; which++)
    {
      sb_process *process = make_from (which, 1e-3);
      sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, process, process));
      double large[6] = { -1.4, 9, 0.1, 9, 2.2, 9 };
      gsl_matrix_view whole = gsl_matrix_view_array (large, 3, 2), x = gsl_matrix_submatrix (&whole.matrix, 0, 0, 3, 1);
      ok (flow_to (score, 1e-3, 0.4, 1e-8, &x.matrix, NULL));
      ok (flow_to (score, 0.4, 1, 1e-8, &x.matrix, NULL));
      ok (flow_to (score, 1, 1e-3, 1e-8, &x.matrix, NULL));
      const double start[6] = { -1.4, 9, 0.1, 9, 2.2, 9 };
      for (int i = 0; i < 6; i++)
        cr_assert_float_eq (large[i], start[i], i % 2 ? 0 : 1e-4, "%s: %g, not %g", process->type->name, large[i],
                            start[i]);
    }
}

// ## Progress, and what callers can do wrong

typedef struct
{
  size_t calls, stop_at;
  double t, x;
} stops;

static int
stop (void *context, size_t done, size_t total, double t, const gsl_matrix *x)
{
  stops *s = context;
  cr_assert (done == s->calls && total == 0);
  s->t = t;
  s->x = gsl_matrix_get (x, 0, 0);
  return ++s->calls == s->stop_at ? GSL_ERUNAWAY : GSL_SUCCESS;
}

static int
flow_status (const sb_process *process, double from, double to, double tolerance, stops *s, double x0, size_t d,
             size_t *evaluations)
{
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, (void *)process, process));
  gsl_matrix *x = matrix_all (2, d, x0);
  int status = flow_watched (score, from, to, tolerance, s != NULL ? stop : NULL, s, x, evaluations);
  if (s != NULL && status == GSL_SUCCESS)
    cr_assert_eq (s->x, gsl_matrix_get (x, 0, 0));
  return status;
}

Test (flow, progress)
{
  sb_process *vp = make (1);
  stops all = { 0, 0, 0, 0 }, second = { 0, 2, 0, 0 };
  size_t evaluations;
  ok (flow_status (vp, 1, 0.1, 1e-5, &all, 0.5, 1, &evaluations));
  cr_assert (all.calls > 2 && all.t == 0.1, "%zu calls, the last at %g", all.calls, all.t);
  cr_assert_geq (evaluations, 2 + 6 * (all.calls - 1)); // the first call is before the first step
  refused (GSL_ERUNAWAY, flow_status (vp, 1, 0.1, 1e-5, &second, 0.5, 1, NULL));
  cr_assert_eq (second.calls, 2);
}

Test (flow, wrong_arguments)
{
  sb_process *vp = make (1), *ddpm = scoped (sb_ddpm_alloc (1, 10, 0.1, 5));
  size_t evaluations = 99;
  ok (flow_status (vp, 1, 0.1, 1e-5, NULL, 0, 1, NULL));
  ok (flow_status (vp, 0.5, 0.5, 1e-5, NULL, 0, 1, NULL), "no way to go");
  refused (GSL_EINVAL, flow_status (vp, 1, 0.1, 0, NULL, 0, 1, &evaluations));
  cr_assert_eq (evaluations, 0);
  const double no_tolerance[] = { -1, GSL_NAN, GSL_POSINF };
  for (int k = 0; k < 3; k++)
    refused (GSL_EINVAL, flow_status (vp, 1, 0.1, no_tolerance[k], NULL, 0, 1, NULL));
  const double one_below[][2] = { { -1, 2 }, { 2, -1 } };
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, vp, vp));
  for (int k = 0; k < 2; k++)
    {
      const sb_flow flow = { .relative = one_below[k][0], .absolute = one_below[k][1], .final = SB_FINAL_SAMPLE };
      refused (GSL_EINVAL, sb_flow_run (&flow, score, NULL, 1, 0.1, matrix_all (2, 1, 0), NULL));
    }
  const sb_flow good = { .relative = 1e-5, .absolute = 1e-5, .final = SB_FINAL_SAMPLE };
  gsl_matrix *both = matrix_all (2, 1, 0);
  refused (GSL_EINVAL, sb_flow_run (&good, score, both, 1, 0.1, both, NULL), "the points are the condition");
  const sb_flow denoised = { .relative = 1e-5, .absolute = 1e-5, .final = SB_FINAL_DENOISE };
  refused (GSL_EINVAL, sb_flow_run (&denoised, score, NULL, 0.1, 1, matrix_all (2, 1, 0), NULL), "upwards");
  refused (GSL_EDOM, flow_status (vp, 1, 0, 1e-5, NULL, 0, 1, NULL), "below t_min");
  refused (GSL_EDOM, flow_status (vp, 1.5, 0.1, 1e-5, NULL, 0, 1, NULL), "above T");
  refused (GSL_EDOM, flow_status (vp, 1, GSL_NAN, 1e-5, NULL, 0, 1, NULL));
  refused (GSL_EBADLEN, flow_status (vp, 1, 0.1, 1e-5, NULL, 0, 2, NULL));
  refused (GSL_EDOM, flow_status (vp, 1, 0.1, 1e-5, NULL, GSL_NAN, 1, NULL));
  refused (GSL_EUNSUP, flow_status (ddpm, 1, 0.1, 1e-5, NULL, 0, 1, NULL));
}

Test (flow, no_rows)
{
  sb_process *vp = make (1);
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, vp, vp));
  gsl_matrix *x = matrix (0, 1);
  size_t evaluations = 99;
  ok (flow_to (score, 1, 0.1, 1e-5, x, &evaluations));
  cr_assert_eq (evaluations, 0);
}
