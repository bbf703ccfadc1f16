// # Sampling scale by scale
//
// Images of 4 x 4 pixels, Gaussian with covariance $0.25 \cdot 0.9^{|\Delta i| + |\Delta j|}$, two levels of Haar's
// transform, the exact score of every group of bands, $\epsilon = 10^{-3}$, the same number of Euler-Maruyama steps in
// each stage.

#include "objective/objective.h"
#include "target/gaussian_kl.h"
#include "process/bands.h"
#include "process/loglinear.h"
#include "process/nonuniform.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/drift.h"
#include "sampler/gaussian_run.h"
#include "sampler/multiscale.h"
#include "scope.h"
#include "score/exact.h"
#include "score/tweedie.h"
#include "train/observed_examples.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (multiscale);

enum
{
  SIDE = 4,
  D = SIDE * SIDE,
  LEVELS = 2,
  STAGES = LEVELS + 1
};

// ## The law
//
// In the bands' coordinates it is $H C H^{\mathsf T}$, of which a group has the upper left corner.

static gsl_matrix *
covariance_of_pixels (void)
{
  gsl_matrix *C = matrix (D, D);
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++)
      gsl_matrix_set (C, (size_t)i, (size_t)j, 0.25 * pow (0.9, abs (i / SIDE - j / SIDE) + abs (i % SIDE - j % SIDE)));
  return C;
}

static gsl_matrix *
covariance_of_bands (void)
{
  gsl_matrix *C = covariance_of_pixels (), *rows = matrix (D, D), *H = matrix (D, D);
  sb_operator *haar = scoped (sb_operator_haar_alloc (SIDE, SIDE, 1, LEVELS));
  ok (sb_operator_apply (haar, CblasNoTrans, NULL, C, rows)); // C H^T
  gsl_matrix_transpose (rows);
  ok (sb_operator_apply (haar, CblasNoTrans, NULL, rows, H)); // H C H^T
  return H;
}

static gsl_matrix *
corner (const gsl_matrix *C, size_t d)
{
  gsl_matrix *part = matrix (d, d);
  const gsl_matrix_const_view of = gsl_matrix_const_submatrix (C, 0, 0, d, d);
  gsl_matrix_memcpy (part, &of.matrix);
  return part;
}

// Stage k = 0, 1, 2 in the order of sampling, which has the bands 0 .. k, with these ends of ln SNR.

static const size_t sizes[STAGES] = { 1, 4, D };

static sb_process *
stage_process (const size_t *size, size_t k, double most, double least)
{
  sb_process *block[STAGES];
  for (size_t b = 0; b <= k; b++)
    {
      const sb_loglinear line = { 1e-3, (double)(STAGES - b) / STAGES, most, least };
      block[b] = sb_loglinear_alloc (b == 0 ? size[0] : size[b] - size[b - 1], &line);
    }
  return scoped (sb_nonuniform_alloc ("stage", k + 1, block, k == LEVELS ? 1e-3 : (double)(LEVELS - k) / STAGES,
                                      (double)(STAGES - k) / STAGES, NULL));
}

typedef struct
{
  gsl_matrix *C;
  sb_process *process[STAGES];
  sb_stage stage[STAGES];
} model;

static sb_score *
score_of (const gsl_matrix *C, const sb_process *process)
{
  const size_t d = process->dimension;
  return scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_all (d, 0), corner (C, d))), process));
}

static model
model_in (const size_t *size, size_t N, double most, double least)
{
  model m = { .C = covariance_of_bands () };
  for (size_t k = 0; k < STAGES; k++)
    {
      m.process[k] = stage_process (size, k, most, least);
      m.stage[k] = (sb_stage){ score_of (m.C, m.process[k]),
                               even_times (m.process[k]->t_max, m.process[k]->t_min, N / STAGES) };
    }
  return m;
}

static model
model_of (size_t N, double most, double least)
{
  return model_in (sizes, N, most, least);
}

#define MOST 9.115430
#define LEAST -10.049957

// Cov[x_t] of a process with numbers, in its own coordinates.

static gsl_matrix *
covariance_at (const gsl_matrix *C, const sb_process *process, double t)
{
  const size_t d = process->dimension;
  gsl_matrix *S = corner (C, d);
  double a[STAGES], sd[STAGES];
  ok (sb_process_numbers (process, SB_A, 0, t, a));
  ok (sb_process_numbers (process, SB_S, 0, t, sd));
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      *gsl_matrix_ptr (S, i, j)
          = gsl_matrix_get (S, i, j) * a[sb_process_part (process, i)] * a[sb_process_part (process, j)]
            + (i == j ? gsl_pow_2 (sd[sb_process_part (process, i)]) : 0);
  return S;
}

// A covariance with a normal band behind it.

static gsl_matrix *
with_band (const gsl_matrix *P, size_t d)
{
  gsl_matrix *Q = matrix (d, d);
  gsl_matrix_set_identity (Q);
  for (size_t i = 0; P && i < P->size1; i++)
    for (size_t j = 0; j < P->size2; j++)
      gsl_matrix_set (Q, i, j, gsl_matrix_get (P, i, j));
  return Q;
}

static sb_pc
euler_maruyama (double eta)
{
  static const double keys[2] = { 0, 1 };
  return (sb_pc){ .step = sb_step_euler_maruyama, .key = &keys[eta > 0], .final = SB_FINAL_SAMPLE };
}

// The covariance that the sampler ends with, without a sample: [nonuniform.txt-mssample] step by step, band by band.

static gsl_matrix *
covariance_of_sampler (const model *m, double eta)
{
  const sb_pc pc = euler_maruyama (eta);
  gsl_matrix *P = NULL;
  for (size_t k = 0; k < STAGES; k++)
    {
      const size_t d = m->process[k]->dimension;
      P = with_band (P, d);
      ok (sb_gaussian_run (&pc, m->stage[k].score, NULL, m->stage[k].times, vector_all (d, 0), P));
    }
  return P;
}

static double
kl_of (const gsl_matrix *P, const gsl_matrix *Q)
{
  double kl;
  ok (sb_gaussian_kl (NULL, P, NULL, Q, &kl));
  return kl;
}

// ## How far the samples are off
//
// KL from the true law at $\epsilon$, from an independent program; its order in the step is 2. A stage that begins
// elsewhere, a band that enters with other noise, a weight of another part: each is seen here.
// [nonuniform.txt-mssample] [nonuniform.set-mseval]

Test (multiscale, divergence_of_the_sampler)
{
  const size_t N[] = { 192, 384, 768, 255 };
  const double expected[] = { 1.0804e-3, 2.0772e-4, 4.5410e-5, 5.39e-4 };
  for (size_t i = 0; i < 4; i++)
    {
      const model m = model_of (N[i], MOST, LEAST);
      const double kl = kl_of (covariance_at (m.C, m.process[LEVELS], 1e-3), covariance_of_sampler (&m, 1));
      cr_assert_float_eq (kl / expected[i], 1, i < 3 ? 1e-4 : 2e-3, "%zu steps: %.5g", N[i], kl);
    }
}

// With one stage the same, the processes of the library's `bands` are those of this test.

Test (multiscale, bands_are_these_processes)
{
  for (size_t k = 0; k < STAGES; k++)
    {
      const sb_bands bands = { 1, SIDE, SIDE, LEVELS, STAGES - k, 1e-3, 0.1, 20 };
      sb_process *p = scoped (sb_bands_alloc (&bands, NULL)), *q = stage_process (sizes, k, 9.1154299, LEAST);
      double a[STAGES], b[STAGES];
      cr_assert (p->dimension == q->dimension && p->parts == q->parts && p->t_min == q->t_min && p->t_max == q->t_max);
      ok (sb_process_numbers (p, SB_S, 0, (p->t_min + p->t_max) / 2, a));
      ok (sb_process_numbers (q, SB_S, 0, (p->t_min + p->t_max) / 2, b));
      for (size_t j = 0; j < p->parts; j++)
        cr_assert_float_eq (a[j], b[j], 1e-6);
    }
}

// What is lost where a band enters: KL of the true law of old and new bands from the old with a normal band beside
// them. Where much of the signal is left at the end it is not little, and the whole stays below the sum of all that is
// lost, the chain rule's bound. [nonuniform.txt-mssample] [nonuniform.txt-equalsnr]

static double
hand_off (const model *m, size_t k)
{
  const double t = m->process[k]->t_max;
  return kl_of (covariance_at (m->C, m->process[k], t),
                with_band (covariance_at (m->C, m->process[k - 1], t), m->process[k]->dimension));
}

Test (multiscale, hand_offs_lose_little)
{
  const model m = model_of (192, MOST, LEAST), noisy = model_of (19200, MOST, -3);
  cr_assert_float_eq (hand_off (&m, 1) / 9.83e-10, 1, 5e-3);
  cr_assert_float_eq (hand_off (&m, 2) / 2.19e-7, 1, 5e-3);
  cr_assert_float_eq (hand_off (&noisy, 1) / 1.219e-3, 1, 1e-3);
  cr_assert_float_eq (hand_off (&noisy, 2) / 7.625e-3, 1, 1e-3);
  const double prior = kl_of (covariance_at (noisy.C, noisy.process[0], 1), with_band (NULL, 1)),
               all = kl_of (covariance_at (noisy.C, noisy.process[LEVELS], 1e-3), covariance_of_sampler (&noisy, 1));
  cr_assert_float_eq (prior / 2.338e-3, 1, 1e-3);
  cr_assert_lt (all, hand_off (&noisy, 1) + hand_off (&noisy, 2) + prior);
  cr_assert_float_eq (all / 3.9e-5, 1, 0.03, "%g", all);
}

// ## Whose gain
//
// The same steps with one stage of all numbers: by the ratio's straight line and by the vanilla model's beta-linear VP.
// The scales cost a factor of 7, and the line gains one of 520; by Euler's steps of the flow the order is reversed.
// [nonuniform.txt-pfode]

static double
uniform_kl (const gsl_matrix *C, sb_process *process, double eta)
{
  const sb_pc pc = euler_maruyama (eta);
  gsl_matrix *P = with_band (NULL, D);
  ok (sb_gaussian_run (&pc, score_of (C, process), NULL, even_times (1, 1e-3, 255), vector_all (D, 0), P));
  return kl_of (covariance_at (C, process, 1e-3), P);
}

Test (multiscale, the_gain_is_the_schedules)
{
  const model m = model_of (255, MOST, LEAST);
  const sb_loglinear line = { 1e-3, 1, MOST, LEAST };
  sb_process *straight = scoped (sb_loglinear_alloc (D, &line)), *vanilla = scoped (sb_vp_alloc (D, 0.1, 20));
  const gsl_matrix *truth = covariance_at (m.C, m.process[LEVELS], 1e-3);
  const double of_scales[] = { 1.15e-1, 5.39e-4 }, of_line[] = { 1.16e-2, 7.78e-5 },
               of_vanilla[] = { 1.36e-2, 4.06e-2 };
  for (int eta = 0; eta < 2; eta++)
    {
      cr_assert_float_eq (kl_of (truth, covariance_of_sampler (&m, eta)) / of_scales[eta], 1, 6e-3);
      cr_assert_float_eq (uniform_kl (m.C, straight, eta) / of_line[eta], 1, 6e-3);
      cr_assert_float_eq (uniform_kl (m.C, vanilla, eta) / of_vanilla[eta], 1, 6e-3);
    }
}

// The flow itself is exact: $\mathbf F = -\frac12\mathbf D_\beta + \frac12\mathbf D_\beta\mathbf S^{-1}$ carries the
// covariance at the end of a stage to that at its beginning, by Runge and Kutta's steps; Euler's are off by O(h).
// [nonuniform.txt-pfode]

Test (multiscale, the_flow_carries_the_law)
{
  const model m = model_of (3, MOST, LEAST);
  const sb_process *p = m.process[LEVELS];
  const sb_pc rk4 = { .step = sb_step_flow_rk4, .final = SB_FINAL_SAMPLE }, one = euler_maruyama (0);
  double off[3];
  for (size_t i = 0; i < 3; i++)
    {
      gsl_matrix *P = covariance_at (m.C, p, p->t_max), *Q = covariance_at (m.C, p, 0.1);
      ok (sb_gaussian_run (i == 0 ? &rk4 : &one, m.stage[LEVELS].score, NULL,
                           even_times (p->t_max, 0.1, i == 0 ? 400 : 4000 * i), vector_all (D, 0), P));
      off[i] = largest_difference (P, Q);
    }
  cr_assert_lt (off[0], 1e-7);
  cr_assert (off[1] / off[2] > 1.8 && off[1] / off[2] < 2.2, "%g, %g", off[1], off[2]);
}

// Its velocity is that at every time: of unit vectors $\mathbf F\mathbf x$ in each band its own, as are $\alpha$ and
// $\sigma$, whose rates the covariance's is made of, $\mathbf F\mathbf S + \mathbf S\mathbf F^{\mathsf T} =
// \dot{\mathbf S}$. [nonuniform.txt-pfode]

Test (multiscale, the_velocity_is_the_laws)
{
  const model m = model_of (3, MOST, LEAST);
  const sb_process *p = m.process[LEVELS];
  const double weight[] = { 1, -8, 8, -1 }, place[] = { -2, -1, 1, 2 }, h = 1e-4;
  for (double t = 0.05; t < 0.3; t += 0.1)
    {
      gsl_matrix *unit = matrix (D, D), *F = matrix (D, D), *S = covariance_at (m.C, p, t),
                 *rate = matrix_all (D, D, 0), *carried = matrix (D, D);
      gsl_matrix_set_identity (unit);
      ok (sb_flow_velocity (m.stage[LEVELS].score, NULL, vector_all (D, t), unit, F)); // row i: F e_i
      for (int k = 0; k < 4; k++)
        {
          gsl_matrix *moved = covariance_at (m.C, p, t + place[k] * h);
          gsl_matrix_scale (moved, weight[k] / (12 * h));
          gsl_matrix_add (rate, moved);
        }
      gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, F, S, 0, carried);
      gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, S, F, 1, carried);
      cr_assert_lt (largest_difference (carried, rate), 1e-7, "t = %g: %g", t, largest_difference (carried, rate));
    }
}

// ## The score of a group
//
// It is that of the group's own density, $-S_{cc}^{-1}c$, and not those numbers of the score of all bands, of which it
// is only the mean given $c$. [nonuniform.txt-groups]

Test (multiscale, the_score_of_a_group_is_marginal)
{
  const model m = model_of (3, MOST, LEAST);
  const size_t d = m.process[1]->dimension;
  const double t = 0.1; // all bands are alive
  const sb_score *all = m.stage[LEVELS].score;
  gsl_matrix *S = covariance_at (m.C, m.process[LEVELS], t), *x = matrix (D, D), *slice = matrix (D, D),
             *S_cc = corner (S, d), *unit = matrix (d, d), *marginal = matrix (d, d);

  // Both scores as matrices: of unit vectors.
  gsl_matrix_set_identity (x);
  gsl_matrix_set_identity (unit);
  ok (sb_score_evaluate (all, SB_SCORE, x, vector_all (D, t), NULL, slice));
  sb_process *group = stage_process (sizes, 1, MOST, LEAST);
  ok (sb_score_evaluate (score_of (m.C, group), SB_SCORE, unit, vector_all (d, t), NULL, marginal));
  gsl_linalg_cholesky_decomp1 (S_cc);
  gsl_linalg_cholesky_invert (S_cc);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      cr_assert_float_eq (gsl_matrix_get (marginal, i, j), -gsl_matrix_get (S_cc, i, j), 1e-10);

  // E[the others | c] = S_oc S_cc^-1 c, and the mean of the slice.
  gsl_matrix *mean = matrix (d, d), *others = matrix (D - d, d);
  const gsl_matrix_const_view S_oc = gsl_matrix_const_submatrix (S, d, 0, D - d, d),
                              cc = gsl_matrix_const_submatrix (slice, 0, 0, d, d),
                              oc = gsl_matrix_const_submatrix (slice, d, 0, D - d, d);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, &S_oc.matrix, S_cc, 0, others);
  gsl_matrix_transpose_memcpy (mean, &cc.matrix);
  cr_assert_gt (largest_difference (mean, marginal), 0.01, "%g",
                largest_difference (mean, marginal)); // the slice is not it
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, &oc.matrix, others, 1, mean);
  cr_assert_lt (largest_difference (mean, marginal), 1e-10);
}

// ## Errors of the coarse bands
//
// A displacement of the coarse state at a hand-off ends as $\mathbf C_0\mathbf D_\alpha\mathbf S^{-1}$ times it, below
// the $\mathbf D_\alpha^{-1}$ of a cascade, which takes it for finished. Both by running from two points; the flow of
// the noise is the same. [nonuniform.txt-compound]

Test (multiscale, errors_of_coarse_bands_are_damped)
{
  const model m = model_of (3, MOST, LEAST);
  const sb_process *p = m.process[LEVELS];
  const size_t d = p->dimension;
  const double t = p->t_max;
  const sb_pc pc = euler_maruyama (1);

  // Mean of x at the end, from a state that is off by 1 in a coefficient of d_2.
  gsl_matrix *S = covariance_at (m.C, p, t), *P = matrix_all (d, d, 0);
  gsl_vector *mean = vector_all (d, 0);
  gsl_vector_set (mean, 1, 1);
  const gsl_vector *start = copy_of (mean);
  ok (sb_gaussian_run (&pc, m.stage[LEVELS].score, NULL, even_times (t, 1e-3, 4000), mean, P));

  // C_0 D_alpha S^-1 delta.
  double a[STAGES];
  ok (sb_process_numbers (p, SB_A, 0, t, a));
  gsl_vector *shift = copy_of (start), *expected = vector (d);
  gsl_linalg_cholesky_decomp1 (S);
  gsl_linalg_cholesky_svx (S, shift);
  for (size_t j = 0; j < d; j++)
    *gsl_vector_ptr (shift, j) *= a[sb_process_part (p, j)];
  gsl_blas_dgemv (CblasNoTrans, 1, corner (m.C, d), shift, 0, expected);
  for (size_t j = 0; j < d; j++)
    cr_assert_float_eq (gsl_vector_get (mean, j), gsl_vector_get (expected, j), 5e-3, "%zu: %g, %g", j,
                        gsl_vector_get (mean, j), gsl_vector_get (expected, j));
  cr_assert_lt (fabs (gsl_vector_get (mean, 1)), 0.8 / a[1]);
}

// A cascade ends with what it was handed: $\hat x_0 = x_t/\alpha_t$ of the coarse bands, to rounding, while the others
// go on. Here they are two numbers, so that the last stage restores more than the first of them.
// [nonuniform.txt-compound]

static int
keep_coarse (void *context, size_t done, size_t total, double t, const gsl_matrix *x)
{
  gsl_matrix *kept = context;
  (void)total;
  if (done == 0 && fabs (t - 2. / 3) < 1e-12)
    for (size_t i = 0; i < x->size1; i++)
      for (size_t j = 0; j < kept->size2; j++)
        gsl_matrix_set (kept, i, j, gsl_matrix_get (x, i, j));
  return GSL_SUCCESS;
}

Test (multiscale, a_cascade_keeps_what_it_was_handed)
{
  const model m = model_in ((const size_t[]){ 2, 4, D }, 30, MOST, LEAST);
  gsl_matrix *x = matrix (5, D), *kept = matrix (5, 2);
  sb_multiscale cascade = { euler_maruyama (1), true };
  cascade.pc.progress = keep_coarse;
  cascade.pc.context = kept;
  ok (sb_multiscale_sample (&cascade, STAGES, m.stage, (sb_stream){ .seed = 3 }, x, NULL));
  double a[STAGES];
  ok (sb_process_numbers (m.process[1], SB_A, 0, 2. / 3, a));
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < 2; j++)
      cr_assert_float_eq (gsl_matrix_get (x, i, j) * a[0] / gsl_matrix_get (kept, i, j), 1, 1e-12);
}

// ## The sampler
//
// Covariances of 100,000 samples beside the recursion: 136 z-tests. [nonuniform.txt-mssample]

Test (multiscale, samples_have_the_covariance_of_the_recursion)
{
  enum
  {
    ROWS = 100000
  };
  const model m = model_of (60, MOST, LEAST);
  const sb_multiscale sampler = { euler_maruyama (1), false };
  gsl_matrix *x = matrix (ROWS, D), *P = covariance_of_sampler (&m, 1), *S = matrix (D, D);
  size_t evaluations;
  ok (sb_multiscale_sample (&sampler, STAGES, m.stage, (sb_stream){ .seed = 6 }, x, &evaluations));
  cr_assert_eq (evaluations, 60);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1. / ROWS, x, x, 0, S);
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++)
      {
        const double p = gsl_matrix_get (P, i, j),
                     se = sqrt ((gsl_matrix_get (P, i, i) * gsl_matrix_get (P, j, j) + p * p) / ROWS);
        cr_assert_lt (fabs (gsl_matrix_get (S, i, j) - p) / se, 5.9, "entry %zu, %zu", i, j);
      }
}

// The steps of a stage take other normals than those of the stage before. Begun anew, they would be the same ones: rows
// of stages run alone are the sampler's where each is told what was taken before it, and not otherwise, also by several
// corrections in each step. A band that enters has its own numbers of the prior. [nonuniform.txt-mssample]

static void
check_normals (size_t corrections)
{
  const model m = model_of (6, MOST, LEAST);
  const sb_stream stream = { .seed = 9 };
  sb_pc pc = euler_maruyama (1);
  pc.corrector = (sb_corrector){ .type = sb_corrector_fixed, .epsilon = 0.05 };
  pc.corrector_steps = corrections;
  const sb_multiscale sampler = { pc, false };
  gsl_matrix *x = matrix (3, D), *y = matrix (3, D), *prior = matrix (3, D);
  ok (sb_multiscale_sample (&sampler, STAGES, m.stage, stream, x, NULL));
  for (size_t k = 0, taken = 0; k < STAGES; k++)
    {
      const size_t d = m.process[k]->dimension, old = k > 0 ? m.process[k - 1]->dimension : 0;
      gsl_matrix_view part = gsl_matrix_submatrix (y, 0, 0, 3, d), all = gsl_matrix_submatrix (prior, 0, 0, 3, d);
      ok (sb_process_prior (m.process[k], (sb_stream){ 9, SB_FOR_PRIOR, 0 }, &all.matrix));
      for (size_t i = 0; i < 3; i++)
        for (size_t j = old; j < d; j++)
          gsl_matrix_set (y, i, j, gsl_matrix_get (prior, i, j));
      if (k == 1)
        {
          gsl_matrix *anew = copy_of (&part.matrix);
          pc.taken = 0;
          ok (sb_pc_sample (&pc, m.stage[k].score, NULL, m.stage[k].times, stream, anew, NULL));
          pc.taken = taken;
          ok (sb_pc_sample (&pc, m.stage[k].score, NULL, m.stage[k].times, stream, &part.matrix, NULL));
          cr_assert_gt (largest_difference (anew, &part.matrix), 1e-3);
          taken += m.stage[k].times->size * GSL_MAX (1, corrections) * d;
          continue;
        }
      pc.taken = taken;
      ok (sb_pc_sample (&pc, m.stage[k].score, NULL, m.stage[k].times, stream, &part.matrix, NULL));
      taken += m.stage[k].times->size * GSL_MAX (1, corrections) * d;
    }
  cr_assert_eq (largest_difference (x, y), 0);
}

Test (multiscale, stages_do_not_share_their_normals)
{
  check_normals (0);
  check_normals (3);
}

// What is done at the end is done at the end of the last stage alone: a denoising, by the score of all bands. The bands
// of an earlier stage are noisy when they are handed on. [nonuniform.txt-compound] [nonuniform.txt-mssample]

Test (multiscale, only_the_last_stage_denoises)
{
  const model m = model_of (12, MOST, LEAST);
  sb_multiscale sampler = { euler_maruyama (1), false };
  gsl_matrix *x = matrix (4, D), *y = matrix (4, D), *denoised = matrix (4, D);
  ok (sb_multiscale_sample (&sampler, STAGES, m.stage, (sb_stream){ .seed = 5 }, x, NULL));
  sampler.pc.final = SB_FINAL_DENOISE;
  ok (sb_multiscale_sample (&sampler, STAGES, m.stage, (sb_stream){ .seed = 5 }, y, NULL));
  ok (sb_score_evaluate (m.stage[LEVELS].score, SB_DENOISER, x, vector_all (4, 1e-3), NULL, denoised));
  cr_assert_lt (largest_difference (y, denoised), 1e-12);
  cr_assert_gt (largest_difference (y, x), 1e-4);
}

// The same bytes for any division into batches.

Test (multiscale, rows_do_not_depend_on_their_batch)
{
  const model m = model_of (12, MOST, LEAST);
  for (int frozen = 0; frozen < 2; frozen++)
    {
      const sb_multiscale sampler = { euler_maruyama (1), frozen };
      gsl_matrix *x = matrix (5, D), *first = matrix (2, D), *rest = matrix (3, D);
      ok (sb_multiscale_sample (&sampler, STAGES, m.stage, (sb_stream){ .seed = 4, .index = 10 }, x, NULL));
      ok (sb_multiscale_sample (&sampler, STAGES, m.stage, (sb_stream){ .seed = 4, .index = 10 }, first, NULL));
      ok (sb_multiscale_sample (&sampler, STAGES, m.stage, (sb_stream){ .seed = 4, .index = 12 }, rest, NULL));
      for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < D; j++)
          cr_assert_float_eq (gsl_matrix_get (x, i, j),
                              i < 2 ? gsl_matrix_get (first, i, j) : gsl_matrix_get (rest, i - 2, j), 1e-13);
    }
}

// ## Cost
//
// Numbers that the networks are shown, stage by stage in as many steps each, beside a uniform model's:
// $\frac34(n+1)/(1 - 4^{-(n+1)})$. [nonuniform.txt-cost]

Test (multiscale, shows_its_networks_fewer_numbers)
{
  const double expected[] = { 1.6, 2.2857, 3.0118, 3.7537, 4.5011 };
  for (size_t n = 1; n <= 5; n++)
    {
      size_t shown = 0;
      for (size_t stage = 1; stage <= n + 1; stage++)
        {
          const sb_bands bands = { 3, 32, 32, n, stage, 1e-3, 0.1, 20 };
          shown += sb_bands_dimension (&bands);
        }
      cr_assert_float_eq ((double)(n + 1) * 3072 / (double)shown, expected[n - 1], 1e-4);
    }
}

// ## The last step
//
// The mean of what was before the noise, $\mathbf D_\alpha^{-1}(\mathbf x_\epsilon + \mathbf D_\sigma^2\nabla\ln p)$,
// is that of the Gaussian, $\mathbf C_0\mathbf D_\alpha\mathbf S^{-1}\mathbf x$, and nearer to the image than $\mathbf
// D_\alpha^{-1}\mathbf x_\epsilon$. [nonuniform.txt-tweedie]

Test (multiscale, denoising_is_tweedies_formula_part_by_part)
{
  const model m = model_of (3, MOST, LEAST);
  const sb_process *p = m.process[LEVELS];
  const double t = 0.2;
  gsl_matrix *x = normals (3, D, 5), *mean = matrix (3, D), *S = covariance_at (m.C, p, t), *G = matrix (D, D);
  ok (sb_score_evaluate (m.stage[LEVELS].score, SB_DENOISER, x, vector_all (3, t), NULL, mean));
  double a[STAGES], sd[STAGES], before = 0, after = 0;
  ok (sb_process_numbers (p, SB_A, 0, t, a));
  ok (sb_process_numbers (p, SB_S, 0, t, sd));
  gsl_linalg_cholesky_decomp1 (S);
  gsl_linalg_cholesky_invert (S);
  for (size_t i = 0; i < D; i++) // D_alpha S^-1
    for (size_t j = 0; j < D; j++)
      gsl_matrix_set (G, i, j, a[sb_process_part (p, i)] * gsl_matrix_get (S, i, j));
  gsl_matrix *K = matrix (D, D), *expected = matrix (3, D);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, m.C, G, 0, K);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, x, K, 0, expected);
  cr_assert_lt (largest_difference (mean, expected), 1e-11);
  gsl_matrix *by_score = matrix (3, D);
  ok (sb_score_evaluate (m.stage[LEVELS].score, SB_SCORE, x, vector_all (3, t), NULL, by_score));
  ok (sb_tweedie (p, SB_SCORE, SB_DENOISER, x, vector_all (3, t), by_score));
  cr_assert_lt (largest_difference (by_score, expected), 1e-11);
  for (size_t i = 0; i < D; i++)
    {
      const size_t k = sb_process_part (p, i);
      before += gsl_pow_2 (sd[k] / a[k]);
      after += gsl_matrix_get (m.C, i, i);
      for (size_t j = 0; j < D; j++)
        after -= gsl_matrix_get (K, i, j) * a[sb_process_part (p, j)] * gsl_matrix_get (m.C, j, i);
    }
  cr_assert_lt (after, before);
}

// Of a mixture in the plane whose coordinates are noised apart it is the average of the components' own, with their
// densities. [nonuniform.txt-tweedie]

static sb_process *
two_speeds (void)
{
  return scoped (sb_nonuniform_alloc (
      "two", 2, (sb_process *const[]){ sb_vp_alloc (1, 0.1, 20), sb_ve_gathered_alloc (1, 0.01, 5) }, 0, 1, NULL));
}

static void
mean_by_components (const double *a, const double *sd, double x, double y, double *mean)
{
  static const double w[] = { 0.35, 0.65 }, m[][2] = { { -1, 0.5 }, { 1, -0.3 } },
                      C[][2][2] = { { { 0.5, 0.2 }, { 0.2, 0.3 } }, { { 0.2, -0.1 }, { -0.1, 0.4 } } };
  double sum = 0;
  mean[0] = mean[1] = 0;
  for (int k = 0; k < 2; k++)
    {
      const double S = a[0] * a[0] * C[k][0][0] + sd[0] * sd[0], q = a[0] * a[1] * C[k][0][1],
                   r = a[1] * a[1] * C[k][1][1] + sd[1] * sd[1], det = S * r - q * q, u = x - a[0] * m[k][0],
                   v = y - a[1] * m[k][1], of_u = (r * u - q * v) / det, of_v = (S * v - q * u) / det,
                   weight = w[k] / sqrt (det) * exp (-(u * of_u + v * of_v) / 2);
      sum += weight;
      for (int j = 0; j < 2; j++)
        mean[j] += weight * (m[k][j] + C[k][j][0] * a[0] * of_u + C[k][j][1] * a[1] * of_v);
    }
  mean[0] /= sum;
  mean[1] /= sum;
}

Test (multiscale, denoising_of_a_mixture)
{
  const double t = 0.3;
  const sb_process *p = two_speeds ();
  sb_target *law = scoped (sb_target_mixture_alloc (vector_of (0.35, 0.65), matrix_of (2, 2, -1, 0.5, 1, -0.3),
                                                    matrix_of (4, 2, 0.5, 0.2, 0.2, 0.3, 0.2, -0.1, -0.1, 0.4)));
  gsl_matrix *x = normals (50, 2, 21), *found = matrix (50, 2);
  double a[2], sd[2], mean[2];
  ok (sb_process_numbers (p, SB_A, 0, t, a));
  ok (sb_process_numbers (p, SB_S, 0, t, sd));
  ok (sb_target_evaluate (law, p, SB_DENOISER, x, vector_all (50, t), found));
  for (size_t i = 0; i < 50; i++)
    {
      mean_by_components (a, sd, gsl_matrix_get (x, i, 0), gsl_matrix_get (x, i, 1), mean);
      for (size_t j = 0; j < 2; j++)
        cr_assert_float_eq (gsl_matrix_get (found, i, j), mean[j], 1e-11, "row %zu", i);
    }
}

// The error of 100,000 images of a Gaussian before and after: E|D_alpha^-1 x_t - x_0|^2 and the trace of the
// posterior's covariance. [nonuniform.txt-tweedie]

Test (multiscale, denoising_lessens_the_error_by_so_much)
{
  enum
  {
    ROWS = 100000
  };
  const double t = 0.3, known[] = { 1.5272923, 0.5373447 };
  const sb_process *p = two_speeds ();
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_of (0.3, -0.5), matrix_of (2, 2, 1, 0.6, 0.6, 2)));
  gsl_matrix *x_0 = matrix (ROWS, 2), *mean = matrix (ROWS, 2);
  double a[2];
  ok (sb_process_numbers (p, SB_A, 0, t, a));
  ok (sb_target_sample (law, (sb_stream){ .seed = 8, .purpose = SB_FOR_DATA }, x_0));
  gsl_matrix *x_t = copy_of (x_0);
  ok (sb_process_transition (p, NULL, vector_all (ROWS, t), normals (ROWS, 2, 22), x_t));
  ok (sb_target_evaluate (law, p, SB_DENOISER, x_t, vector_all (ROWS, t), mean));
  for (int after = 0; after < 2; after++)
    {
      double sum = 0, squares = 0;
      for (size_t i = 0; i < ROWS; i++)
        {
          double e = 0;
          for (size_t j = 0; j < 2; j++)
            e += gsl_pow_2 ((after ? gsl_matrix_get (mean, i, j) : gsl_matrix_get (x_t, i, j) / a[j])
                            - gsl_matrix_get (x_0, i, j));
          sum += e / ROWS;
          squares += e * e / ROWS;
        }
      cr_assert_float_eq (sum, known[after], 4.9 * sqrt ((squares - sum * sum) / ROWS), "%g", sum);
    }
}

// ## Training
//
// A stage learns from the bands of images, noised by its own process, with the likelihood's weights. The exact score of
// those bands then has the loss $\frac12\operatorname{tr}\boldsymbol\Lambda(\mathbf D_\sigma^{-2} - \mathbf S^{-1})$
// and no gradient: $\mathrm E[\bar s_i x_j] = 0$, the normal equations of all linear scores. [nonuniform.txt-mstrain]

static int
draw_images (const void *law, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)y;
  return sb_target_sample (law, stream, x);
}

static double
least_loss (const gsl_matrix *C, const sb_process *process, double t)
{
  double sum = 0;
  gsl_matrix *S = covariance_at (C, process, t);
  gsl_linalg_cholesky_decomp1 (S);
  gsl_linalg_cholesky_invert (S);
  for (size_t i = 0; i < process->dimension; i++)
    {
      const double end = (double)(STAGES - sb_process_part (process, i)) / STAGES,
                   slope = (MOST - LEAST) / (end - 1e-3), v = 1 / (1 + exp (MOST - slope * (t - 1e-3)));
      sum += slope * v * (1 / v - gsl_matrix_get (S, i, i)) / 2; // g^2 is slope v
    }
  return sum;
}

// Of numbers of a row: is their mean 0, within 5.9 standard errors?

typedef struct
{
  double sum, squares;
} tally;

static void
count_in (tally *of, double number)
{
  of->sum += number;
  of->squares += number * number;
}

static bool
is_zero (tally of)
{
  return fabs (of.sum) < 5.9 * sqrt (of.squares);
}

static void
check_stage (const sb_examples *examples, const gsl_matrix *C, size_t stage, double t, double known)
{
  enum
  {
    ROWS = 100000
  };
  const sb_bands bands = { 1, SIDE, SIDE, LEVELS, stage, 1e-3, 0.1, 20 };
  sb_process *process = scoped (sb_bands_alloc (&bands, NULL));
  const size_t d = process->dimension;
  const double expected = least_loss (C, process, t);
  cr_assert_float_eq (expected, known, 1e-4);
  sb_objective o = sb_objective_of (sb_objective_denoising, process, t);
  o.t_max = t;
  o.weighting.type = sb_weighting_likelihood;
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, ROWS));
  ok (examples->draw (examples->state, (sb_stream){ .seed = 11, .purpose = SB_FOR_DATA }, &b->x_0, NULL));
  ok (sb_objective_draw ((sb_stream){ .seed = 11 }, b));
  ok (sb_objective_evaluate (score_of (C, process), NULL, b));
  ok (sb_objective_find_loss (b));
  tally loss = { 0 };
  for (size_t r = 0; r < ROWS; r++)
    count_in (&loss, gsl_vector_get (&b->loss, r) - expected);
  cr_assert (is_zero (loss), "stage %zu: %g", stage, loss.sum / ROWS);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      {
        tally gradient = { 0 };
        for (size_t r = 0; r < ROWS; r++)
          count_in (&gradient, gsl_matrix_get (&b->bar, r, i) * gsl_matrix_get (&b->x, r, j));
        cr_assert (is_zero (gradient), "stage %zu: %zu, %zu", stage, i, j);
      }
}

Test (multiscale, stages_learn_the_scores_of_their_bands)
{
  const double t[] = { 0.2, 0.4, 0.7 }, known[] = { 40.93729, 9.58821, 0.38987 };
  sb_target *images = scoped (sb_target_gaussian_alloc (vector_all (D, 0), covariance_of_pixels ()));
  sb_operator *haar = scoped (sb_operator_haar_alloc (SIDE, SIDE, 1, LEVELS));
  const sb_band_examples bands = { { draw_images, images, 0 }, haar };
  const sb_examples examples = sb_examples_of_bands (&bands);
  for (size_t stage = 1; stage <= STAGES; stage++)
    check_stage (&examples, covariance_of_bands (), stage, t[stage - 1], known[stage - 1]);
}

// And on an interval of their own, $[\frac{i-1}{n+1}, \frac i{n+1}]$, the first from $\epsilon$ on: on all of it, and
// not beyond. [nonuniform.txt-mstrain]

Test (multiscale, stages_learn_on_intervals_of_their_own)
{
  for (size_t stage = 1; stage <= STAGES; stage++)
    {
      const sb_bands bands = { 1, SIDE, SIDE, LEVELS, stage, 1e-3, 0.1, 20 };
      const sb_process *process = scoped (sb_bands_alloc (&bands, NULL));
      const sb_objective o = sb_objective_of (sb_objective_denoising, process, process->t_min);
      sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, 1000));
      gsl_matrix_set_zero (&b->x_0);
      ok (sb_objective_draw ((sb_stream){ .seed = 12 }, b));
      const double low = stage > 1 ? (double)(stage - 1) / STAGES : 1e-3, high = (double)stage / STAGES,
                   little = .02 * (high - low), first = gsl_vector_min (&b->t), last = gsl_vector_max (&b->t);
      cr_assert (low <= first && first < low + little && high - little < last && last <= high, "stage %zu: %g to %g",
                 stage, first, last);
    }
}

// ## Refusals

Test (multiscale, stages_that_do_not_meet_are_refused)
{
  const model m = model_of (6, MOST, LEAST);
  const sb_multiscale sampler = { euler_maruyama (1), false };
  gsl_matrix *x = matrix (2, D), *narrow = matrix (2, 5);
  sb_stage gap[STAGES], alone[STAGES], shrinks[2] = { m.stage[1], m.stage[0] }, stays[2] = { m.stage[0], m.stage[0] };
  for (size_t k = 0; k < STAGES; k++)
    gap[k] = alone[k] = m.stage[k];
  alone[STAGES - 1].times = vector_of (1. / 3);
  stays[1].times = even_times (2. / 3, 0.5, 2);
  gap[1].times = even_times (0.6, 1. / 3, 2);
  shrinks[1].times = even_times (1. / 3, 0.1, 2);
  refused (GSL_EINVAL, sb_multiscale_sample (&sampler, 0, NULL, (sb_stream){ 0 }, x, NULL));
  refused (GSL_EINVAL, sb_multiscale_sample (&sampler, STAGES, gap, (sb_stream){ 0 }, x, NULL));
  refused (GSL_EINVAL, sb_multiscale_sample (&sampler, 2, shrinks, (sb_stream){ 0 }, matrix (2, 1), NULL));
  refused (GSL_EINVAL, sb_multiscale_sample (&sampler, 2, stays, (sb_stream){ 0 }, matrix (2, 1), NULL));
  refused (GSL_EINVAL, sb_multiscale_sample (&sampler, STAGES, alone, (sb_stream){ 0 }, x, NULL));
  refused (GSL_EBADLEN, sb_multiscale_sample (&sampler, STAGES, m.stage, (sb_stream){ 0 }, narrow, NULL));
}
