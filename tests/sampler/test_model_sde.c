// # What must be true of a model's SDE
//
// *Non-Uniform Diffusion Models*, Eqs. (1) to (3) and (11), by samples of the library's own steps. A number is compared
// by $z$; together the tests of a page have a false-alarm rate below 1e-6 at |z| < 5.6, for up to 40 numbers.

#include "measure/twosample.h"
#include "process/ito.h"
#include "process/nonuniform.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/forward.h"
#include "sampler/gaussian_run.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "target/image_law.h"
#include "score/slice.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (model_sde);

#define LIMIT 5.6

// Rows with the mean and the covariance of a Gaussian, or not.

static void
assert_moments (const gsl_matrix *x, const gsl_vector *mean, const gsl_matrix *P)
{
  const size_t d = mean->size;
  const double n = (double)x->size1;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j <= i; j++)
      {
        double sum = 0, product = 0;
        for (size_t k = 0; k < x->size1; k++)
          {
            const double a = gsl_matrix_get (x, k, i) - gsl_vector_get (mean, i),
                         b = gsl_matrix_get (x, k, j) - gsl_vector_get (mean, j);
            sum += a;
            product += a * b;
          }
        const double p = gsl_matrix_get (P, i, j), p_i = gsl_matrix_get (P, i, i), p_j = gsl_matrix_get (P, j, j);
        cr_assert_lt (fabs (sum / n) / sqrt (p_i / n), LIMIT, "mean %zu", i);
        cr_assert_lt (fabs (product / n - p) / sqrt ((p_i * p_j + p * p) / n), LIMIT, "covariance %zu, %zu: %g, not %g",
                      i, j, product / n, p);
      }
}

// ## Forward
//
// Three coordinates, correlated, with rates of their own: paths of 200 steps from 100,000 points, beside the recursion
// that these steps are for moments; and the same SDE written by a caller, whose $\mathbf G$ is a matrix, takes the same
// steps. [nonuniform.eq1]

static const double rate[] = { .5, 2, 5 };

static int
falling (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  for (size_t j = 0; j < 3; j++)
    gsl_vector_set (f, j, -rate[j] / 2 * gsl_vector_get (x, j));
  return GSL_SUCCESS;
}

static int
rates_of_noise (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)x, (void)params;
  gsl_matrix_set_zero (G);
  for (size_t j = 0; j < 3; j++)
    gsl_matrix_set (G, j, j, sqrt (rate[j]));
  return GSL_SUCCESS;
}

static gsl_matrix *
autoregressive (void)
{
  gsl_matrix *C = matrix (3, 3);
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      gsl_matrix_set (C, (size_t)i, (size_t)j, pow (.6, abs (i - j)));
  return C;
}

enum
{
  PATHS = 100000,
  GROUP = 1000, // together, so that they stay in the cache
  STEPS = 200
};

// x becomes what 200 steps make of it, with the normals of rows `first`, ...; own, of the caller's SDE.

static void
walk (const sb_process *process, const sb_ito *ito, uint64_t first, gsl_matrix *x, gsl_matrix *own)
{
  gsl_matrix *z = matrix (GROUP, 3);
  for (size_t k = 0; k < STEPS; k++)
    {
      const double from = (double)k / STEPS, to = (double)(k + 1) / STEPS;
      ok (sb_stream_normals ((sb_stream){ 4, SB_FOR_USER, first }, 3 * k, z));
      ok (sb_forward_euler_maruyama (process, from, to, z, x));
      if (own)
        ok (sb_ito_step (ito, vector_all (GROUP, to), vector_all (GROUP, from), NULL, z, own));
    }
}

Test (model_sde, paths_have_the_moments_of_the_recursion)
{
  sb_process *block[3];
  for (size_t k = 0; k < 3; k++)
    block[k] = sb_vp_alloc (1, rate[k], rate[k]);
  const sb_process *process = scoped (sb_nonuniform_alloc ("three", 3, block, 0, 1, NULL));
  const sb_ito ito = { 3, falling, rates_of_noise, NULL, NULL };
  const gsl_vector *start = vector_of (1, -.5, 2);
  gsl_matrix *x = matrix (PATHS, 3), *C = autoregressive (), *own = matrix (GROUP, 3);
  gsl_vector *mean = copy_of (start);
  ok (sb_target_sample (scoped (sb_target_gaussian_alloc (start, C)), (sb_stream){ 4, SB_FOR_DATA, 0 }, x));
  for (size_t first = 0; first < PATHS; first += GROUP)
    {
      const size_t mark = scope_mark ();
      gsl_matrix_view group = gsl_matrix_submatrix (x, first, 0, GROUP, 3);
      gsl_matrix_memcpy (own, &group.matrix);
      walk (process, &ito, first, &group.matrix, first == 0 ? own : NULL);
      if (first == 0)
        cr_assert_lt (largest_difference (own, &group.matrix), 1e-12);
      scope_release (mark);
    }
  for (size_t k = 0; k < STEPS; k++)
    for (size_t i = 0; i < 3; i++)
      {
        const double h = 1. / STEPS, keep = 1 - h * rate[i] / 2;
        *gsl_vector_ptr (mean, i) *= keep;
        for (size_t j = 0; j < 3; j++)
          gsl_matrix_set (C, i, j,
                          gsl_matrix_get (C, i, j) * keep * (1 - h * rate[j] / 2) + (i == j ? h * rate[i] : 0));
      }
  assert_moments (x, mean, C);
}

// ## Backward
//
// .3 N(-2, .2) + .7 N(1, .5) under VE, by 1000 steps with the exact score, as Eq. (2) has it. Kolmogorov and Smirnov's
// distance of 20,000 numbers is below .0191 but for one time in a million, and .010 is allowed for steps and prior.
// [nonuniform.eq2]

static double
mixture_cdf (double x, void *params)
{
  const double added = *(const double *)params;
  return .3 * gsl_cdf_gaussian_P (x + 2, sqrt (.2 + added)) + .7 * gsl_cdf_gaussian_P (x - 1, sqrt (.5 + added));
}

Test (model_sde, returns_to_a_mixture)
{
  enum
  {
    ROWS = 20000
  };
  sb_process *ve = scoped (sb_ve_alloc (1, .01, 10));
  sb_score *score = scoped (sb_score_exact_alloc (
      scoped (sb_target_mixture_alloc (vector_of (.3, .7), matrix_of (2, 1, -2, 1), matrix_of (2, 1, .2, .5))), ve));
  const sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE };
  gsl_matrix *x = matrix (ROWS, 1);
  ok (sb_process_prior (ve, (sb_stream){ 5, SB_FOR_PRIOR, 0 }, x));
  ok (sb_pc_sample (&pc, score, NULL, even_times (1, ve->t_min, 1000), (sb_stream){ .seed = 5 }, x, NULL));
  double added = gsl_pow_2 (number_of (ve, SB_S, 0, ve->t_min)), D, p;
  const gsl_vector_const_view numbers = gsl_matrix_const_column (x, 0);
  ok (sb_ks_one_sample (&numbers.vector, mixture_cdf, &added, &D, &p));
  cr_assert_lt (D, .0191 + .010, "%g", D);
}

// ## A model
//
// A score that happens to be the true one has its samples, bit by bit; an affine one 100,000 with the moments of the
// recursion. [nonuniform.eq3]

static int
pass_on (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  return sb_score_evaluate (params, SB_SCORE, x, t, y, out);
}

static int
affine (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  static const double A[2][2] = { { 1.2, .3 }, { -.1, .8 } }, b[] = { .4, -.7 };
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < 2; j++)
      gsl_matrix_set (out, i, j,
                      b[j] * gsl_vector_get (t, i) - A[j][0] * gsl_matrix_get (x, i, 0)
                          - A[j][1] * gsl_matrix_get (x, i, 1));
  return GSL_SUCCESS;
}

static sb_process *
two_rates (void)
{
  return scoped (sb_nonuniform_alloc ("two", 2, (sb_process *const[]){ sb_vp_alloc (1, .1, 20), sb_vp_alloc (1, 1, 3) },
                                      1e-3, 1, NULL));
}

Test (model_sde, the_true_score_is_a_model)
{
  sb_process *process = two_rates ();
  sb_score *exact = scoped (sb_score_exact_alloc (
               scoped (sb_target_gaussian_alloc (vector_of (1, 0), matrix_of (2, 2, 1, .6, .6, 2))), process)),
           *model = scoped (sb_score_callback_alloc (
               &(sb_score_callback){ .view = SB_SCORE, .function = pass_on, .params = exact }, process));
  const sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE };
  gsl_matrix *x = normals (50, 2, 6), *y = copy_of (x);
  ok (sb_pc_sample (&pc, exact, NULL, even_times (1, 1e-3, 100), (sb_stream){ .seed = 6 }, x, NULL));
  ok (sb_pc_sample (&pc, model, NULL, even_times (1, 1e-3, 100), (sb_stream){ .seed = 6 }, y, NULL));
  cr_assert_eq (largest_difference (x, y), 0);
}

// The recursion by the numbers of the process, $m \leftarrow m + h(-f + GG^{\mathsf T}s)$ and $P \leftarrow
// MPM^{\mathsf T} + hGG^{\mathsf T}$.

static void
recur (const sb_process *process, const gsl_vector *times, double *m, gsl_matrix *P)
{
  static const double A[2][2] = { { 1.2, .3 }, { -.1, .8 } }, b[] = { .4, -.7 };
  gsl_matrix *M = matrix (2, 2), *MP = matrix (2, 2);
  for (size_t k = 0; k + 1 < times->size; k++)
    {
      const double t = gsl_vector_get (times, k), h = t - gsl_vector_get (times, k + 1);
      double f[2], g[2], next[2];
      ok (sb_process_numbers (process, SB_F, 0, t, f));
      ok (sb_process_numbers (process, SB_G, 0, t, g));
      for (size_t i = 0; i < 2; i++)
        {
          next[i] = m[i] + h * (-f[i] * m[i] + g[i] * g[i] * (b[i] * t - A[i][0] * m[0] - A[i][1] * m[1]));
          for (size_t j = 0; j < 2; j++)
            gsl_matrix_set (M, i, j, (i == j) * (1 - h * f[i]) - h * g[i] * g[i] * A[i][j]);
        }
      gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, M, P, 0, MP);
      gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, MP, M, 0, P);
      for (size_t i = 0; i < 2; i++)
        {
          *gsl_matrix_ptr (P, i, i) += h * g[i] * g[i];
          m[i] = next[i];
        }
    }
}

Test (model_sde, an_affine_score_has_the_moments_of_the_recursion)
{
  enum
  {
    ROWS = 100000
  };
  sb_process *process = two_rates ();
  sb_score *model
      = scoped (sb_score_callback_alloc (&(sb_score_callback){ .view = SB_SCORE, .function = affine }, process));
  const sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE };
  const gsl_vector *times = even_times (1, 1e-3, 50);
  double m[2] = { 0, 0 };
  gsl_vector *mean = vector_all (2, 0);
  gsl_matrix *x = normals (ROWS, 2, 7), *P = matrix_of (2, 2, 1, 0, 0, 1), *Q = copy_of (P);
  recur (process, times, m, Q);
  ok (sb_gaussian_run (&pc, model, NULL, times, mean, P));
  cr_assert_lt (largest_difference (P, Q), 1e-12);
  for (size_t j = 0; j < 2; j++)
    cr_assert_float_eq (gsl_vector_get (mean, j), m[j], 1e-12);
  ok (sb_pc_sample (&pc, model, NULL, times, (sb_stream){ .seed = 7 }, x, NULL));
  assert_moments (x, mean, P);
}

// ## Given a condition
//
// Pairs (x, y) of three components; y stands still and is 1, and the score of x is cut from the joint one: 20,000
// numbers beside p(x | y), as above but by 250 steps, and not beside p(x), nor those of the score of x alone.
// [nonuniform.eq11]

static const double weight[] = { .3, .4, .3 }, at[3][2] = { { -2, 1.5 }, { .5, .5 }, { 2, -1 } },
                    spread[3][3] = { { .3, .1, .4 }, { .2, -.1, .3 }, { .4, .2, .5 } }; // xx, xy, yy

static double
conditional_cdf (double x, void *params)
{
  const double added = *(const double *)params, y = 1;
  double sum = 0, all = 0;
  for (int k = 0; k < 3; k++)
    {
      const double slope = spread[k][1] / spread[k][2],
                   w = weight[k] * gsl_ran_gaussian_pdf (y - at[k][1], sqrt (spread[k][2]));
      sum += w
             * gsl_cdf_gaussian_P (x - at[k][0] - slope * (y - at[k][1]),
                                   sqrt (spread[k][0] - slope * spread[k][1] + added));
      all += w;
    }
  return sum / all;
}

Test (model_sde, returns_to_a_conditional_mixture)
{
  enum
  {
    ROWS = 20000
  };
  sb_process *joint = scoped (sb_nonuniform_alloc (
      "pair", 2, (sb_process *const[]){ sb_ve_alloc (1, .01, 10), sb_still_alloc (1) }, 1e-5, 1, NULL));
  const sb_process *ve = sb_nonuniform_block (joint, 0);
  gsl_matrix *means = matrix (3, 2), *covariances = matrix (6, 2);
  for (size_t k = 0; k < 3; k++)
    for (size_t j = 0; j < 2; j++)
      {
        gsl_matrix_set (means, k, j, at[k][j]);
        for (size_t i = 0; i < 2; i++)
          gsl_matrix_set (covariances, 2 * k + i, j, spread[k][i + j]);
      }
  sb_target *law = scoped (sb_target_mixture_alloc (vector_of (.3, .4, .3), means, covariances)),
            *of_x = scoped (sb_target_image_alloc (law, scoped (sb_operator_select_alloc (vector_of (1, 0)))));
  sb_score *score = scoped (sb_score_slice_alloc (scoped (sb_score_exact_alloc (law, joint)), ve)),
           *unconditional = scoped (sb_score_exact_alloc (of_x, ve));
  const sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE };
  double added = gsl_pow_2 (number_of (ve, SB_S, 0, 1e-3)), D[2], p;
  for (int k = 0; k < 2; k++)
    {
      gsl_matrix *x = matrix (ROWS, 1);
      ok (sb_process_prior (ve, (sb_stream){ 8, SB_FOR_PRIOR, 0 }, x));
      ok (sb_pc_sample (&pc, k == 0 ? score : unconditional, k == 0 ? matrix_all (ROWS, 1, 1) : NULL,
                        even_times (1, 1e-3, 250), (sb_stream){ .seed = 8 }, x, NULL));
      const gsl_vector_const_view numbers = gsl_matrix_const_column (x, 0);
      ok (sb_ks_one_sample (&numbers.vector, conditional_cdf, &added, &D[k], &p));
    }
  cr_assert (D[0] < .0191 + .010 && D[1] > .1, "%g, %g", D[0], D[1]);
}
