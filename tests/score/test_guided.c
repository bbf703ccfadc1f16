// # A score, guided by what is known
//
// Of a mixture on the line, told the component; and of a Gaussian, told a noisy measurement of it.

#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"
#include "score/guided.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort_vector.h>
#include <math.h>

SUITE (guided);

static const double weight[] = { 0.3, 0.5, 0.2 }, mean[] = { -1.5, 0.3, 2 }, deviation[] = { 0.3, 0.4, 0.2 };

static sb_process *
process_of (int k)
{
  return scoped (k == 0 ? sb_ve_alloc (1, 0.01, 20) : k == 1 ? sb_vp_alloc (1, 0.1, 20) : sb_subvp_alloc (1, 0.1, 20));
}

static sb_score *
mixture_score (const sb_process *process)
{
  gsl_matrix *means = matrix (3, 1), *covariances = matrix (3, 1);
  for (size_t k = 0; k < 3; k++)
    {
      gsl_matrix_set (means, k, 0, mean[k]);
      gsl_matrix_set (covariances, k, 0, deviation[k] * deviation[k]);
    }
  return scoped (sb_score_exact_alloc (
      scoped (sb_target_mixture_alloc (vector_of (weight[0], weight[1], weight[2]), means, covariances)), process));
}

// The gradient of log P (k | x): (1 - r_k) s_k - sum over the others of r_j s_j, where r are the responsibilities, by
// the largest first, and s the scores of the components. y has the component's number; params is the process.

static int
of_component (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      double m, s, log_r[3], slope[3], top = GSL_NEGINF, sum = 0, gradient = 0;
      int status = sb_process_scalars (params, 0, gsl_vector_get (t, i), &m, &s);
      if (status)
        return status;
      for (int k = 0; k < 3; k++)
        {
          const double v = gsl_pow_2 (m * deviation[k]) + s * s, off = gsl_matrix_get (x, i, 0) - m * mean[k];
          slope[k] = -off / v;
          log_r[k] = log (weight[k]) - 0.5 * (off * off / v + log (v));
          top = larger (top, log_r[k]);
        }
      for (int k = 0; k < 3; k++)
        sum += exp (log_r[k] - top);
      const int told = (int)gsl_matrix_get (y, i, 0);
      for (int k = 0; k < 3; k++)
        gradient += exp (log_r[k] - top) / sum * (slope[told] - slope[k]);
      gsl_matrix_set (out, i, 0, gradient);
    }
  return GSL_SUCCESS;
}

// ## The sum is the score of the component
//
// -(x - m mu_k) / (m^2 sd_k^2 + s^2), to 1e-10 at 200 points, times and labels, for three SDEs. [scoresde.eq49]
// [scoresde.eq14]

Test (guided, by_a_label_is_the_component_s)
{
  enum
  {
    N = 200
  };
  for (int kind = 0; kind < 3; kind++)
    {
      sb_process *process = process_of (kind);
      const sb_guidance guidance = { of_component, process, 1 };
      sb_score *score = scoped (sb_score_guided_alloc (mixture_score (process), &guidance));
      gsl_matrix *x = normals (N, 1, 1), *u = normals (N, 1, 2), *y = matrix (N, 1), *out = matrix (N, 1);
      gsl_vector *t = vector (N);
      for (size_t i = 0; i < N; i++)
        {
          gsl_vector_set (t, i, 0.01 + 0.99 * gsl_cdf_ugaussian_P (gsl_matrix_get (u, i, 0)));
          gsl_matrix_set (y, i, 0, (double)(i % 3));
          *gsl_matrix_ptr (x, i, 0) *= 3;
        }
      ok (sb_score_evaluate (score, SB_SCORE, x, t, y, out));
      for (size_t i = 0; i < N; i++)
        {
          double m, s;
          ok (sb_process_scalars (process, 0, gsl_vector_get (t, i), &m, &s));
          const double expected
              = -(gsl_matrix_get (x, i, 0) - m * mean[i % 3]) / (gsl_pow_2 (m * deviation[i % 3]) + s * s);
          cr_assert_float_eq (gsl_matrix_get (out, i, 0), expected, 1e-10 * (1 + fabs (expected)), "%s, row %zu",
                              process->type->name, i);
        }
    }
}

// ## A sampler that takes it draws from the law given the label
//
// 20,000 samples of each component; the distance of Kolmogorov and Smirnov is below what chance exceeds at 1e-6, and
// 0.005 for a thousand steps. [scoresde.eq14]

Test (guided, samples_are_of_the_component)
{
  enum
  {
    N = 20000
  };
  for (int pair = 0; pair < 9; pair++)
    {
      const int kind = pair / 3, told = pair % 3;
      const size_t mark = scope_mark ();
      sb_process *process = process_of (kind);
      const sb_guidance guidance = { of_component, process, 1 };
      sb_score *score = scoped (sb_score_guided_alloc (mixture_score (process), &guidance));
      gsl_matrix *x = matrix (N, 1);
      gsl_vector *times = vector (301);
      for (size_t k = 0; k <= 300; k++) // closer together towards the end, where the component is narrow
        gsl_vector_set (times, k,
                        kind == 0 ? 1 - (double)k / 300 * (1 - 1e-5) : 1e-3 + 0.999 * gsl_pow_2 (1 - (double)k / 300));
      sb_pc pc = { .step = kind == 0 ? sb_step_reverse_diffusion : sb_step_euler_maruyama, .final = SB_FINAL_DENOISE };
      ok (sb_process_prior (process, (sb_stream){ .seed = 1, .purpose = SB_FOR_PRIOR }, x));
      ok (sb_pc_sample (&pc, score, matrix_all (N, 1, told), times, (sb_stream){ .seed = 1 }, x, NULL));
      gsl_vector_view column = gsl_matrix_column (x, 0);
      gsl_vector *sorted = vector (N);
      gsl_vector_memcpy (sorted, &column.vector);
      gsl_sort_vector (sorted);
      double distance = 0;
      for (size_t i = 0; i < N; i++)
        {
          const double P = gsl_cdf_gaussian_P (gsl_vector_get (sorted, i) - mean[told], deviation[told]);
          distance = larger (distance, fmax (fabs (P - (double)i / N), fabs (P - (double)(i + 1) / N)));
        }
      cr_assert_lt (distance, 0.0191 + 0.005, "%s, component %d: %g", process->type->name, told, distance);
      scope_release (mark);
    }
}

// ## A measurement
//
// x ~ N(0, 1), y = x + n with n ~ N(0, tau^2): given x(t), y is normal about E[x(0) | x(t)] with variance tau^2 and the
// posterior's. The sum is the score of the exact conditional law, N(m y / (1 + tau^2), m^2 tau^2 / (1 + tau^2) + s^2),
// to 1e-12; and the steps' mean and variance, which follow from one step each as it is affine, end at those of x given
// y with errors that halve as the step does. [scoresde.eq48] [scoresde.eq49]

typedef struct
{
  const sb_process *process;
  double tau, y;
} measurement;

static int
of_measurement (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const measurement *q = params;
  (void)y;
  for (size_t i = 0; i < x->size1; i++)
    {
      double m, s;
      int status = sb_process_scalars (q->process, 0, gsl_vector_get (t, i), &m, &s);
      if (status)
        return status;
      const double total = m * m + s * s, c = m / total, v = s * s / total;
      gsl_matrix_set (out, i, 0, c * (q->y - c * gsl_matrix_get (x, i, 0)) / (q->tau * q->tau + v));
    }
  return GSL_SUCCESS;
}

static double
stepped (const sb_score *score, double s, double t, double x, double z)
{
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 1));
  gsl_matrix *at = matrix_all (1, 1, x);
  ok (sb_step_apply (sb_step_euler_maruyama, NULL, work, NULL, vector_of (s), vector_of (t), matrix_all (1, 1, z), at));
  return gsl_matrix_get (at, 0, 0);
}

static void
errors_after (const sb_score *score, double mu, double v, size_t N, double *of_mean, double *of_variance)
{
  double m, s;
  ok (sb_process_scalars (score->process, 0, 1, &m, &s));
  double at = m * mu, variance = m * m * v + s * s;
  for (size_t k = N; k > 0; k--)
    {
      const size_t mark = scope_mark ();
      const double t = 1e-3 + 0.999 * (double)k / (double)N, r = 1e-3 + 0.999 * (double)(k - 1) / (double)N,
                   b = stepped (score, r, t, 0, 0), a = stepped (score, r, t, 1, 0) - b,
                   g = stepped (score, r, t, 0, 1) - b;
      at = a * at + b;
      variance = a * a * variance + g * g;
      scope_release (mark);
    }
  ok (sb_process_scalars (score->process, 0, 1e-3, &m, &s));
  *of_mean = at / (m * mu) - 1;
  *of_variance = variance / (m * m * v + s * s) - 1;
}

Test (guided, by_a_measurement)
{
  sb_process *vp = process_of (1);
  measurement q = { vp, 1, 0.8 };
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (1, 0), matrix_all (1, 1, 1)));
  const sb_guidance guidance = { of_measurement, &q, 1 };
  sb_score *score = scoped (sb_score_guided_alloc (scoped (sb_score_exact_alloc (law, vp)), &guidance));
  const double mu = q.y / (1 + q.tau * q.tau), v = q.tau * q.tau / (1 + q.tau * q.tau);
  gsl_matrix *out = matrix (1, 1);
  for (double t = 0.05; t < 1; t += 0.1)
    for (double x = -2; x < 2.5; x += 0.5)
      {
        double m, s;
        ok (sb_process_scalars (vp, 0, t, &m, &s));
        ok (sb_score_evaluate (score, SB_SCORE, matrix_all (1, 1, x), vector_of (t), NULL, out));
        cr_assert_float_eq (gsl_matrix_get (out, 0, 0), -(x - m * mu) / (m * m * v + s * s), 1e-12 * (1 + fabs (x)));
      }
  double of_mean[2], of_variance[2]; // relative errors
  for (size_t k = 0; k < 2; k++)
    errors_after (score, mu, v, (size_t)1000 << k, &of_mean[k], &of_variance[k]);
  cr_assert_lt (fabs (of_mean[0]), 5e-3);
  cr_assert_float_eq (fabs (of_variance[0]) / 1.4437e-3, 1, 1e-3);
  cr_assert_float_eq (of_mean[0] / of_mean[1], 2, 0.05);
  cr_assert_float_eq (of_variance[0] / of_variance[1], 2, 0.05);
}

// ## The weight, and refusals

static int
fails (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y, (void)out, (void)params;
  return GSL_EFAILED;
}

Test (guided, weights_and_refusals)
{
  sb_process *vp = process_of (1);
  sb_score *plain = mixture_score (vp);
  sb_guidance guidance = { of_component, vp, 0 };
  gsl_matrix *x = normals (4, 1, 3), *y = matrix_all (4, 1, 1), *none = matrix (4, 1), *one = matrix (4, 1),
             *three = matrix (4, 1), *bare = matrix (4, 1);
  gsl_vector *t = vector_all (4, 0.3);
  ok (sb_score_evaluate (plain, SB_SCORE, x, t, NULL, bare));
  ok (sb_score_evaluate (scoped (sb_score_guided_alloc (plain, &guidance)), SB_SCORE, x, t, y, none));
  cr_assert (gsl_matrix_equal (none, bare));
  guidance.weight = 1;
  ok (sb_score_evaluate (scoped (sb_score_guided_alloc (plain, &guidance)), SB_SCORE, x, t, y, one));
  guidance.weight = 3;
  ok (sb_score_evaluate (scoped (sb_score_guided_alloc (plain, &guidance)), SB_SCORE, x, t, y, three));
  for (size_t i = 0; i < 4; i++)
    cr_assert_float_eq (gsl_matrix_get (three, i, 0) - gsl_matrix_get (bare, i, 0),
                        3 * (gsl_matrix_get (one, i, 0) - gsl_matrix_get (bare, i, 0)), 1e-12);
  guidance.weight = GSL_NAN;
  cr_assert_null (sb_score_guided_alloc (plain, &guidance));
  cr_assert_null (sb_score_guided_alloc (plain, &(sb_guidance){ NULL, NULL, 1 }));
  guidance = (sb_guidance){ fails, NULL, 1 };
  refused (GSL_EFAILED, sb_score_evaluate (scoped (sb_score_guided_alloc (plain, &guidance)), SB_SCORE, x, t, y, one));
  refused (GSL_EUNSUP, sb_score_divergence (scoped (sb_score_guided_alloc (plain, &guidance)), x, t, y, vector (4)));
}
