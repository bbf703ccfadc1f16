// # What must be true of soft score matching

#include "losses.h"
#include "models.h"
#include "operator/operator.h"
#include "process/ve.h"
#include "property.h"
#include "scope.h"
#include "score/exact.h"
#include "score/tweedie.h"
#include "soft_laws.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_fit.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (soft_matching);

static const double half = .5;

// ## Pairs of a clean and a corrupted point

typedef struct
{
  const sb_process *process;
  gsl_vector *t, *loss; // n
  gsl_matrix *x_0, *x;  // n x d
  double sigma;
} pairs;

static pairs
corrupt (const sb_process *process, double t, gsl_matrix *x_0, const gsl_matrix *z)
{
  const size_t n = x_0->size1;
  pairs p = { .process = process, .t = vector_all (n, t), .loss = vector (n), .x_0 = x_0, .x = copy_of (x_0) };
  ok (sb_process_transition (process, NULL, p.t, z, p.x));
  ok (sb_process_deviation (process, 0, t, &p.sigma));
  return p;
}

static pairs
some_pairs (soft_kind kind)
{
  return corrupt (soft_four (kind), half, normals (7, 4, 60), normals (7, 4, 61));
}

static gsl_matrix *
mapped (const pairs *p, CBLAS_TRANSPOSE_t transpose, const gsl_matrix *v)
{
  gsl_matrix *out = copy_of (v);
  ok (sb_process_apply (p->process, SB_A, transpose, NULL, p->t, out));
  return out;
}

static gsl_matrix *
difference (const gsl_matrix *a, const gsl_matrix *b)
{
  gsl_matrix *out = copy_of (a);
  gsl_matrix_sub (out, b);
  return out;
}

static gsl_matrix *
scaled (double c, gsl_matrix *a)
{
  gsl_matrix_scale (a, c);
  return a;
}

static double
square (const gsl_matrix *m, size_t i)
{
  const gsl_vector_const_view row = gsl_matrix_const_row (m, i);
  return gsl_pow_2 (gsl_blas_dnrm2 (&row.vector));
}

static const gsl_vector *
soft_loss (const pairs *p, double factor, const sb_weighting_type *weighting, const gsl_matrix *h, gsl_matrix *bar)
{
  sb_objective soft = weighted (sb_objective_soft, p->process, weighting, 0);
  soft.key[0] = factor;
  ok (loss_of (&soft, p->t, p->x_0, h, p->loss, bar));
  return p->loss;
}

// ## The conditional score
//
// [soft.txt-condkernel] [soft.eq4] $(C_t\mathbf x_0 - \mathbf x_t)/\sigma_t^2$ is $-\boldsymbol\eta/\sigma_t$, and
// the slope of the kernel's log density.

Test (soft_matching, conditional_score)
{
  for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
    {
      const pairs p = some_pairs (kind);
      const gsl_matrix *C_x_0 = mapped (&p, CblasNoTrans, p.x_0), *eta = normals (7, 4, 61);
      gsl_matrix *target = matrix (7, 4);
      ok (target_at (p.process, p.x_0, p.x, p.t, target));
      cr_assert_lt (largest_difference (target, scaled (1 / gsl_pow_2 (p.sigma), difference (C_x_0, p.x))), 1e-12);
      cr_assert_lt (largest_difference (target, scaled (-1 / p.sigma, copy_of (eta))), 1e-10, "%s",
                    soft_kind_name[kind]);
      for (size_t k = 0; k < 28; k++)
        {
          double log_q[2];
          for (int up = 0; up < 2; up++)
            log_q[up] = -gsl_pow_2 (p.x->data[k] + (up ? 1e-5 : -1e-5) - C_x_0->data[k]) / (2 * gsl_pow_2 (p.sigma));
          cr_assert_float_eq ((log_q[1] - log_q[0]) / 2e-5, target->data[k], 1e-7 * (1 + fabs (target->data[k])));
        }
    }
}

// $C_t\mathbf x_0 - \mathbf x_t$ is $-\sigma_t\boldsymbol\eta$, and "normalised" $-\boldsymbol\eta/\sigma_t$. The
// paper calls it the noise. [soft.txt-noiseclaim]

Test (soft_matching, erratum_noiseclaim_sign)
{
  const pairs p = some_pairs (SOFT_DENSE);
  const gsl_matrix *eta = normals (7, 4, 61);
  gsl_matrix *from_score = matrix (7, 4), *zero = matrix_all (7, 4, 0),
             *printed = difference (mapped (&p, CblasNoTrans, p.x_0), p.x);
  ok (target_at (p.process, p.x_0, p.x, p.t, from_score));
  ok (sb_tweedie (p.process, SB_SCORE, SB_EPSILON, zero, p.t, from_score));
  cr_assert_lt (largest_difference (from_score, eta), 1e-10);
  cr_assert_lt (largest_difference (scaled (-1 / p.sigma, copy_of (printed)), eta), 1e-10);
  cr_assert_gt (largest_difference (scaled (1 / p.sigma, copy_of (printed)), eta), 1);
  cr_assert_gt (largest_difference (scaled (1 / gsl_pow_2 (p.sigma), copy_of (printed)), eta), 1);
}

// And rows at times of their own, whose noise $.1 + .4t$ is not the same: the target, the noise by way of the score,
// and the loss of the score 0. [soft.txt-condkernel] [soft.txt-noiseclaim] [soft.eq6]

Test (soft_matching, conditional_score_with_times_by_rows)
{
  const gsl_vector *t = vector_of (.2, .9, .5);
  for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
    {
      const sb_process *process = scoped (soft_line_alloc (soft_four_operator (kind), 0, .9, .1, .5));
      const gsl_matrix *x_0 = normals (3, 4, 60), *eta = normals (3, 4, 61);
      gsl_matrix *x = copy_of (x_0), *target = matrix (3, 4);
      gsl_vector *loss = vector (3);
      model zero = affine_alloc (4);
      ok (sb_process_transition (process, NULL, t, eta, x));
      ok (target_at (process, x_0, x, t, target));
      ok (denoising_at (scoped (sb_score_alloc (&affine_type, &zero, process)), x_0, x, t, loss, NULL));
      for (size_t i = 0; i < 3; i++)
        {
          const double sigma = .1 + .4 * gsl_vector_get (t, i);
          for (size_t j = 0; j < 4; j++)
            cr_assert_float_eq (gsl_matrix_get (target, i, j), -gsl_matrix_get (eta, i, j) / sigma, 1e-12,
                                "%s, row %zu", soft_kind_name[kind], i);
          cr_assert_float_eq (gsl_vector_get (loss, i), square (eta, i) / (2 * sigma * sigma), 1e-11);
        }
      ok (sb_tweedie (process, SB_SCORE, SB_EPSILON, x, t, target));
      cr_assert_lt (largest_difference (target, eta), 1e-12, "%s", soft_kind_name[kind]);
    }
}

// ## One loss, three ways
//
// By the score $\mathbf s = (C_t\mathbf h - \mathbf x_t)/\sigma_t^2$ [soft.eq7] [soft.eq8], by the clean image
// $\mathbf h$ [soft.eq9], and by the residual $\boldsymbol\phi = \mathbf h - \mathbf x_t$ against $\mathbf r_t =
// \mathbf x_0 - \mathbf x_t$ [soft.eq11] [soft.txt-residual] [soft.eq10]: row by row. The gradient is $C_t^\top
// C_t(\mathbf h - \mathbf x_0)/\sigma_t^4$. [soft.txt-nullspace] With the weight $w$ in all, as Eq. 12 has it
// [soft.eq12]: $w = 1/(2\sigma_t^4)$ is Eq. 11, and $w = 1/\sigma_t^2$ the variance as the weight of the score's error,
// $w = 1$ its square. [soft.txt-weights]

static double
loss_by_score (const pairs *p, const gsl_matrix *h, size_t i)
{
  gsl_matrix *s = copy_of (h), *target = matrix (h->size1, h->size2);
  ok (sb_tweedie (p->process, SB_DENOISER, SB_SCORE, p->x, p->t, s));
  const gsl_matrix *by_hand = scaled (1 / gsl_pow_2 (p->sigma), difference (mapped (p, CblasNoTrans, h), p->x));
  cr_assert_lt (largest_difference (s, by_hand), 1e-10, "Eq. 8");
  ok (target_at (p->process, p->x_0, p->x, p->t, target));
  return square (difference (s, target), i) / 2;
}

Test (soft_matching, one_loss_three_ways)
{
  for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
    {
      const pairs p = some_pairs (kind);
      const gsl_matrix *h = normals (7, 4, 62), *phi = difference (h, p.x), *r = difference (p.x_0, p.x),
                       *filtered = mapped (&p, CblasNoTrans, difference (phi, r));
      const double sigma_2 = gsl_pow_2 (p.sigma);
      gsl_matrix *bar = matrix (7, 4), *by_hand = scaled (1 / gsl_pow_2 (sigma_2), mapped (&p, CblasTrans, filtered));
      cr_assert_lt (largest_difference (difference (phi, r), difference (h, p.x_0)), 1e-15 * 8);
      for (size_t i = 0; i < 7; i++)
        {
          const double L = gsl_vector_get (soft_loss (&p, .5, sb_weighting_unit, h, bar), i);
          cr_assert_float_eq (L, loss_by_score (&p, h, i), 1e-12 * L, "Eq. 7, %s", soft_kind_name[kind]);
          cr_assert_float_eq (L, square (filtered, i) / (2 * gsl_pow_2 (sigma_2)), 1e-12 * L, "Eq. 11");
          cr_assert_float_eq (gsl_vector_get (soft_loss (&p, 1, sb_weighting_variance, h, NULL), i),
                              square (filtered, i) / sigma_2, 1e-12 * L, "Eq. 12");
          cr_assert_float_eq (gsl_vector_get (soft_loss (&p, 1, sb_weighting_variance_squared, h, NULL), i),
                              square (filtered, i), 1e-12 * L, "w = 1");
        }
      cr_assert_lt (largest_difference (bar, by_hand), 1e-11);
      for (size_t k = 0; k < 28; k++)
        {
          gsl_matrix *moved = copy_of (h);
          double L[2];
          for (int up = 0; up < 2; up++)
            {
              moved->data[k] = h->data[k] + (up ? 1e-4 : -1e-4);
              L[up] = gsl_vector_get (soft_loss (&p, .5, sb_weighting_unit, moved, NULL), k / 4);
            }
          cr_assert_float_eq ((L[1] - L[0]) / 2e-4, bar->data[k], 1e-6 * (1 + fabs (bar->data[k])));
        }
    }
}

// And rows at times of their own: $w\,\|C_t(\mathbf h - \mathbf x_0)\|^2$ with each row's $w$, $C_t$ and
// $\sigma_t = .1 + .4t$, and the gradient $2w\,C_t^\top C_t(\mathbf h - \mathbf x_0)$. [soft.eq11] [soft.eq7]
// [soft.eq9] [soft.eq12]

Test (soft_matching, one_loss_with_times_by_rows)
{
  const sb_weighting_type *const weightings[]
      = { sb_weighting_unit, sb_weighting_variance, sb_weighting_variance_squared };
  const gsl_vector *t = vector_of (.2, .9, .5);
  for (int k = 0; k < 3 * SOFT_KINDS; k++)
    {
      const sb_process *process = scoped (soft_line_alloc (soft_four_operator ((soft_kind)(k / 3)), 0, .9, .1, .5));
      const gsl_matrix *x_0 = normals (3, 4, 60), *h = normals (3, 4, 62), *e = difference (h, x_0);
      const sb_objective soft = weighted (sb_objective_soft, process, weightings[k % 3], 0);
      gsl_matrix *bar = matrix (3, 4);
      gsl_vector *loss = vector (3);
      ok (loss_of (&soft, t, x_0, h, loss, bar));
      for (size_t i = 0; i < 3; i++)
        {
          const gsl_vector *at = vector_of (gsl_vector_get (t, i));
          const double w = pow (.1 + .4 * gsl_vector_get (at, 0), 2 * (k % 3) - 4);
          gsl_matrix *filtered = scope_matrix (1, 4, 4, gsl_matrix_const_ptr (e, i, 0));
          ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, at, filtered));
          const double L = w * square (filtered, 0);
          cr_assert_float_eq (gsl_vector_get (loss, i), L, 1e-12 * (1 + L), "%s, weight %d, row %zu",
                              soft_kind_name[k / 3], k % 3, i);
          ok (sb_process_apply (process, SB_A, CblasTrans, NULL, at, filtered));
          for (size_t j = 0; j < 4; j++)
            cr_assert_float_eq (gsl_matrix_get (bar, i, j), 2 * w * gsl_matrix_get (filtered, 0, j), 1e-11 * (1 + w));
        }
    }
}

// ## Without a corruption it is denoising score matching
//
// With $C_t = \mathbf I$ and $w = 1/\sigma_t^2$ loss and gradient are those of VE's training, $\lambda = \sigma_t^2$,
// here of a network in ten dimensions. [soft.txt-dsmrecover] [soft.txt-weights] [soft.set-lossweight] [soft.eq1]

Test (soft_matching, denoising_without_a_corruption)
{
  const sb_process *ve = scoped (sb_ve_alloc (MLP_D, .01, 50)), *pair = scoped (sb_soft_pair_alloc (ve));
  const sb_objective soft = weighted (sb_objective_soft, pair, sb_weighting_variance, .1),
                     dsm = weighted (sb_objective_dsm, ve, sb_weighting_variance, .1);
  const sb_stream stream = { .seed = 63 };
  gsl_matrix *x_0 = normals (20, MLP_D, 64);
  gsl_vector *by_soft = vector (20), *by_dsm = vector (20);
  model a = mlp_alloc (65), b = mlp_alloc (65);
  const sb_score *s_a = scoped (sb_score_alloc (&mlp_type, &a, pair)),
                 *s_b = scoped (sb_score_alloc (&mlp_type, &b, ve));
  ok (sb_objective_gradient (&soft, s_a, x_0, NULL, stream, 1, by_soft));
  ok (sb_objective_gradient (&dsm, s_b, x_0, NULL, stream, 1, by_dsm));
  for (size_t i = 0; i < 20; i++)
    cr_assert_float_eq (gsl_vector_get (by_soft, i), gsl_vector_get (by_dsm, i), 1e-12 * gsl_vector_get (by_dsm, i));
  for (size_t k = 0; k < a.parameters; k++)
    cr_assert_float_eq (a.theta_bar[k], b.theta_bar[k], 1e-12 * (1 + fabs (b.theta_bar[k])));
}

// ## Expectations of quadratic functions
//
// For Gaussian data $\mathbf m + \mathbf L\mathbf u$ a loss that is quadratic in $(\mathbf u, \boldsymbol\eta)$ has
// its expectation at $4d$ points with the mean and the covariance of these.

static pairs
sigma_points (const sb_process *process, double t, const double *mean, const double *covariance)
{
  const size_t d = process->dimension, n = 4 * d;
  gsl_matrix *L = scope_matrix (d, d, d * d, covariance), *x_0 = matrix_all (n, d, 0), *z = matrix_all (n, d, 0);
  ok (gsl_linalg_cholesky_decomp1 (L));
  for (size_t i = 0; i < n; i++)
    {
      const size_t k = i / 2 % d;
      const double at = (i % 2 ? 1 : -1) * sqrt ((double)(2 * d));
      for (size_t j = 0; j < d; j++)
        gsl_matrix_set (x_0, i, j, mean[j] + (i < 2 * d && j >= k ? at * gsl_matrix_get (L, j, k) : 0));
      if (i >= 2 * d)
        gsl_matrix_set (z, i, k, at);
    }
  return corrupt (process, t, x_0, z);
}

static double
mean_loss (const gsl_vector *loss)
{
  return gsl_vector_sum (loss) / (double)loss->size;
}

static const double no_mean[2] = { 0 };

static pairs
plane_points (double t)
{
  return sigma_points (soft_plane (), t, no_mean, soft_g2_P);
}

// $S = C\Gamma C^\top + \sigma^2\mathbf I$, in closed form.

static void
plane_covariance (double t, double *S)
{
  double C[4];
  soft_plane_matrix (t, C, NULL);
  const double *G = soft_g2_P, v = .05 + .4 * t * t;
  const double CG[4]
      = { C[0] * G[0] + C[1] * G[2], C[0] * G[1] + C[1] * G[3], C[2] * G[0] + C[3] * G[2], C[2] * G[1] + C[3] * G[3] };
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 2; j++)
      S[2 * i + j] = CG[2 * i] * C[2 * j] + CG[2 * i + 1] * C[2 * j + 1] + (i == j ? v : 0);
}

static double
trace_of_inverse (const double *S)
{
  return (S[0] + S[3]) / (S[0] * S[3] - S[1] * S[2]);
}

// ## Theorem 3.1
//
// [soft.thm3.1] On G2 at $t = .5$, with 20 random linear scores: $J_1$ [soft.eq5] and $J_2$ [soft.eq6] are the closed
// forms, $\tfrac12\operatorname{tr}(W + S^{-1})S(W + S^{-1})^\top + \tfrac12|b|^2$ and
// $\tfrac12(\operatorname{tr}WSW^\top + 2\operatorname{tr}W + n/\sigma^2) + \tfrac12|b|^2$, and differ by $C =
// \tfrac12(\operatorname{tr}S^{-1} - n/\sigma^2)$. [soft.eq24] [soft.eq25] [soft.eq26]

Test (soft_matching, theorem_3_1)
{
  const pairs p = plane_points (half);
  const sb_score *truth = scoped (sb_score_exact_alloc (soft_g2_law (), p.process));
  double S[4];
  plane_covariance (half, S);
  const double det = S[0] * S[3] - S[1] * S[2], C_1 = trace_of_inverse (S) / 2, C_2 = 1 / gsl_pow_2 (p.sigma);
  cr_assert_float_eq (C_1 - C_2, -4.510309579780826, 1e-12);
  gsl_rng *r = property_rng (66);
  for (int k = 0; k < 20; k++)
    {
      model line = affine_alloc (2);
      for (size_t m = 0; m < 6; m++)
        line.theta[m] = gsl_ran_gaussian (r, 1);
      const sb_score *score = scoped (sb_score_alloc (&affine_type, &line, p.process));
      const double *b = line.theta, *W = line.theta + 2, tr_W = W[0] + W[3];
      double WSW = 0;
      for (size_t i = 0; i < 2; i++)
        WSW += W[2 * i] * W[2 * i] * S[0] + 2 * W[2 * i] * W[2 * i + 1] * S[1] + W[2 * i + 1] * W[2 * i + 1] * S[3];
      const double mean_2 = (b[0] * b[0] + b[1] * b[1]) / 2,
                   by_hand_1 = (WSW + 2 * tr_W + (S[0] + S[3]) / det) / 2 + mean_2,
                   by_hand_2 = (WSW + 2 * tr_W) / 2 + C_2 + mean_2;
      ok (esm_at (score, truth, p.x, p.t, p.loss, NULL));
      const double J_1 = mean_loss (p.loss);
      ok (denoising_at (score, p.x_0, p.x, p.t, p.loss, NULL));
      const double J_2 = mean_loss (p.loss);
      cr_assert_float_eq (J_1, by_hand_1, 1e-10 * by_hand_1);
      cr_assert_float_eq (J_2, by_hand_2, 1e-10 * by_hand_2);
      cr_assert_float_eq (J_1 - J_2, -4.510309579780826, 1e-10 * J_2);
    }
}

// By samples: the gradients of both with respect to $W$ agree within 5.15 standard errors (four entries), and at the
// exact score $J_1 = 0$ and $J_2 = -C$ within 4.89. [soft.eq5] [soft.eq6] [soft.eq1]

Test (soft_matching, theorem_3_1_by_samples)
{
  const size_t n = 200000;
  gsl_matrix *x_0 = matrix (n, 2), *bar = matrix (n, 2), *explicit_bar = matrix (n, 2);
  const sb_target *law = soft_g2_law ();
  ok (sb_target_sample (law, (sb_stream){ .seed = 67, .purpose = SB_FOR_DATA }, x_0));
  const pairs p = corrupt (soft_plane (), half, x_0, normals (n, 2, 68));
  const sb_score *truth = scoped (sb_score_exact_alloc (law, p.process));
  double error, S[4];
  plane_covariance (half, S);
  const double det = S[0] * S[3] - S[1] * S[2];
  model best = affine_alloc (2);
  memcpy (best.theta, (double[]){ 0, 0, -S[3] / det, S[1] / det, S[2] / det, -S[0] / det }, 6 * sizeof (double));
  const sb_score *by_hand = scoped (sb_score_alloc (&affine_type, &best, p.process));
  ok (esm_at (by_hand, truth, p.x, p.t, p.loss, NULL));
  cr_assert_lt (gsl_vector_max (p.loss), 1e-20);
  ok (denoising_at (by_hand, p.x_0, p.x, p.t, p.loss, NULL));
  const double J_2 = mean_of (p.loss, &error);
  cr_assert_float_eq (J_2, 4.510309579780826, 4.89 * error, "%g", J_2);

  model line = affine_alloc (2);
  memcpy (line.theta, (double[]){ .1, -.2, -.7, .3, .4, -1.1 }, 6 * sizeof (double));
  const sb_score *score = scoped (sb_score_alloc (&affine_type, &line, p.process));
  ok (denoising_at (score, p.x_0, p.x, p.t, p.loss, bar));
  ok (esm_at (score, truth, p.x, p.t, p.loss, explicit_bar));
  for (size_t k = 0; k < 4; k++)
    {
      for (size_t i = 0; i < n; i++)
        gsl_vector_set (p.loss, i,
                        (gsl_matrix_get (bar, i, k / 2) - gsl_matrix_get (explicit_bar, i, k / 2))
                            * gsl_matrix_get (p.x, i, k % 2));
      const double mean = mean_of (p.loss, &error);
      cr_assert_float_eq (mean, 0, 5.15 * error, "entry %zu: %g", k, mean);
    }
}

// ## The minimiser
//
// [soft.eq1] Among scores $ax + b$ on G1 the one at which the mean gradient of the loss is 0 has $a = -1/S_t$, $b =
// c_tm/S_t$; the loss at the exact score, unweighted and without the half, is $n/\sigma_t^2 - 1/S_t$. [soft.eq12]
// Among clean images $ax + b$ it is $\mathbb E[\mathbf x_0 \mid \mathbf x_t]$, at every level.

Test (soft_matching, minimiser_on_a_line)
{
  for (double t = .1; t < .95; t += .1)
    {
      const sb_process *process = soft_of (&soft_g1, 1);
      const pairs p = sigma_points (process, t, &soft_g1_m, &soft_g1_P);
      const double c = soft_g1.c (t), S = c * c * soft_g1_P + gsl_pow_2 (p.sigma), k = c * soft_g1_P / S;
      gsl_matrix *bar = matrix (4, 1), *h = matrix (4, 1);
      model line = affine_alloc (1);
      line.theta[0] = c * soft_g1_m / S, line.theta[1] = -1 / S;
      ok (denoising_at (scoped (sb_score_alloc (&affine_type, &line, process)), p.x_0, p.x, p.t, p.loss, bar));
      cr_assert_float_eq (2 * mean_loss (p.loss), 1 / gsl_pow_2 (p.sigma) - 1 / S, 1e-10 / gsl_pow_2 (p.sigma));
      for (int soft = 0; soft < 2; soft++)
        {
          double of_b = 0, of_a = 0;
          for (size_t i = 0; i < 4; i++)
            {
              of_b += gsl_matrix_get (bar, i, 0) / 4;
              of_a += gsl_matrix_get (bar, i, 0) * gsl_matrix_get (p.x, i, 0) / 4;
              gsl_matrix_set (h, i, 0, soft_g1_m + k * (gsl_matrix_get (p.x, i, 0) - c * soft_g1_m));
            }
          cr_assert (fabs (of_a) < 1e-10 / gsl_pow_2 (p.sigma) && fabs (of_b) < 1e-10 / gsl_pow_2 (p.sigma), "t = %g",
                     t);
          soft_loss (&p, 1, sb_weighting_variance, h, bar);
        }
    }
}

// The normal equations of samples give the same within 5.03 standard errors (two coefficients). [soft.eq1]

Test (soft_matching, minimiser_by_samples)
{
  const size_t n = 200000;
  gsl_matrix *x_0 = matrix (n, 1), *target = matrix (n, 1);
  ok (sb_target_sample (soft_g1_law (), (sb_stream){ .seed = 69, .purpose = SB_FOR_DATA }, x_0));
  const pairs p = corrupt (soft_of (&soft_g1, 1), half, x_0, normals (n, 1, 70));
  ok (target_at (p.process, p.x_0, p.x, p.t, target));
  double c = soft_g1.c (half), S = c * c * soft_g1_P + gsl_pow_2 (p.sigma), b, a, var_b, cov, var_a, rest;
  gsl_fit_linear (p.x->data, 1, target->data, 1, n, &b, &a, &var_b, &cov, &var_a, &rest);
  cr_assert_float_eq (a, -1 / S, 5.03 * sqrt (var_a), "%g", a);
  cr_assert_float_eq (b, c * soft_g1_m / S, 5.03 * sqrt (var_b), "%g", b);
}

// With $w = 1/\sigma_t^2$ every level has a share of the same size in the loss: at its minimum it is
// $\operatorname{tr}(C\operatorname{Cov}[\mathbf x_0 \mid \mathbf x_t]C^\top)/\sigma^2 = n -
// \sigma^2\operatorname{tr}S^{-1}$, from 0 to $n$. [soft.txt-weights] [soft.eq9] With $w = 1$, a thousandfold less at
// little noise.

Test (soft_matching, levels_are_balanced)
{
  const sb_target *law = soft_g2_law ();
  for (int k = 1; k <= 50; k++)
    {
      const double t = k / 50.;
      const pairs p = plane_points (t);
      double S[4];
      gsl_matrix *h = matrix (8, 2);
      plane_covariance (t, S);
      ok (sb_target_evaluate (law, p.process, SB_DENOISER, p.x, p.t, h));
      const double share = mean_loss (soft_loss (&p, 1, sb_weighting_variance, h, NULL)),
                   L = mean_loss (soft_loss (&p, .5, sb_weighting_unit, h, NULL));
      cr_assert_float_eq (share, 2 - gsl_pow_2 (p.sigma) * trace_of_inverse (S), 1e-10);
      cr_assert (share >= 0 && share <= 2);
      cr_assert_float_eq (L, share / (2 * gsl_pow_2 (p.sigma)), 1e-10 * L);
      if (k == 25)
        cr_assert_float_eq (L, 4.510309579780826, 1e-10);
    }
}

// ## What is matched
//
// The noiseless corruption $C_t\mathbf x_0$. The abstract has it that the corrupted prediction "matches the diffused
// observation": $C_t\mathbf h = \mathbf x_t$ has the score 0, and a loss greater by $1/(2S_t)$ than the best.
// [soft.txt-abstractmatch]

Test (soft_matching, erratum_abstractmatch)
{
  const pairs p = sigma_points (soft_of (&soft_g1, 1), half, &soft_g1_m, &soft_g1_P);
  const double c = soft_g1.c (half), S = c * c * soft_g1_P + gsl_pow_2 (p.sigma);
  gsl_matrix *matching = scaled (1 / c, copy_of (p.x)), *best = matrix (4, 1), *score = copy_of (matching);
  ok (sb_target_evaluate (soft_g1_law (), p.process, SB_DENOISER, p.x, p.t, best));
  ok (sb_tweedie (p.process, SB_DENOISER, SB_SCORE, p.x, p.t, score));
  cr_assert_lt (largest_difference (score, matrix_all (4, 1, 0)), 1e-14);
  const double of_matching = mean_loss (soft_loss (&p, .5, sb_weighting_unit, matching, NULL));
  cr_assert_float_eq (of_matching - mean_loss (soft_loss (&p, .5, sb_weighting_unit, best, NULL)), .5 / S, 1e-12);
}

// ## The clean-image loss
//
// It bounds the filtered one, $\|C_t(\boldsymbol\phi - \mathbf r)\| \le \|C_t\|\,\|\boldsymbol\phi - \mathbf r\|$,
// with equality along the top singular vector. [soft.txt-upperbound] Blurs whose kernels sum to 1 have norms up to 1:
// .534361 on 64 pixels a side at 23, .380013 on 32 at 18.

static void
check_bound (sb_operator *A, double level, double norm)
{
  const size_t d = A->columns, n = 1000;
  const gsl_matrix *v = normals (n, d, 71);
  gsl_matrix *Av = matrix (n, d), *top = normals (1, d, 72), *next = matrix (1, d);
  gsl_vector *levels = vector_all (n, level);
  const gsl_vector_const_view one = gsl_vector_const_subvector (levels, 0, 1);
  cr_assert_float_eq (sb_operator_norm (A, level, 400), norm, 1e-5);
  ok (sb_operator_apply (A, CblasNoTrans, levels, v, Av));
  const double found = sb_operator_norm (A, level, 400);
  for (size_t i = 0; i < n; i++)
    cr_assert_leq (square (Av, i), gsl_pow_2 (found * (1 + 1e-12)) * square (v, i));
  for (int k = 0; k < 400; k++)
    {
      ok (sb_operator_apply (A, CblasNoTrans, &one.vector, top, next));
      ok (sb_operator_apply (A, CblasTrans, &one.vector, next, top));
      gsl_matrix_scale (top, 1 / sqrt (square (top, 0)));
    }
  ok (sb_operator_apply (A, CblasNoTrans, &one.vector, top, next));
  cr_assert_float_eq (sqrt (square (next, 0)), found, 1e-8 * found);
}

Test (soft_matching, bound_by_the_clean_image)
{
  check_bound (scoped (sb_operator_blur_alloc (64, 64, 1, 80, SB_BOUNDARY_ZERO)), 23, .534361);
  check_bound (scoped (sb_operator_blur_alloc (32, 32, 1, 32, SB_BOUNDARY_ZERO)), 18, .380013);
  check_bound (scoped (sb_operator_blur_alloc (16, 16, 1, 20, SB_BOUNDARY_ZERO)), .01, 1);
  check_bound (scoped (sb_operator_window_alloc (4, 4, 1, SB_KEEP_CENTRE)), .5, 1);
}

// Among clean images $\mathbf h = w\mathbf x_t$ on $\mathcal N(0, \operatorname{diag}(p))$ under $C =
// \operatorname{diag}(c)$, soft score matching takes the $w$ with the least error of the score, $\sum c_i^3p_i/\sum
// c_i^2S_i$, the clean-image loss the one with the least $\mathbb E\|\mathbf h - \mathbf x_0\|^2$, $\sum c_ip_i/\sum
// S_i$. [soft.txt-ssm-optimal] [soft.txt-upperbound]

typedef struct
{
  double c[2], p[2], v; // v: sigma^2
} two_axes;

static int
fill_axes (const void *params, int rate, double level, gsl_matrix *A)
{
  const two_axes *of = params;
  (void)rate, (void)level;
  for (size_t i = 0; i < 4; i++)
    gsl_matrix_set (A, i / 2, i % 2, i % 3 ? 0 : of->c[i / 2]);
  return GSL_SUCCESS;
}

// The minimiser of a mean that is quadratic in $w$, from three of its values.

static double
of_multiple (const pairs *p, bool clean, double w)
{
  const gsl_matrix *h = scaled (w, copy_of (p->x));
  const sb_objective of_image = sb_objective_of (sb_objective_clean, p->process, 0);
  if (!clean)
    return mean_loss (soft_loss (p, .5, sb_weighting_unit, h, NULL));
  ok (loss_of (&of_image, p->t, p->x_0, h, p->loss, NULL));
  return mean_loss (p->loss);
}

static double
minimiser (const pairs *p, bool clean)
{
  const double down = of_multiple (p, clean, -1), none = of_multiple (p, clean, 0), up = of_multiple (p, clean, 1);
  return (down - up) / (2 * (up + down - 2 * none));
}

static double
score_error (const pairs *p, const two_axes *of, double w)
{
  gsl_matrix *s = scaled (w, copy_of (p->x));
  double sum = 0;
  ok (sb_tweedie (p->process, SB_DENOISER, SB_SCORE, p->x, p->t, s));
  for (size_t i = 0; i < s->size1; i++)
    for (size_t j = 0; j < 2; j++)
      {
        const double S = of->c[j] * of->c[j] * of->p[j] + of->v;
        sum += gsl_pow_2 (gsl_matrix_get (s, i, j) + gsl_matrix_get (p->x, i, j) / S) / (2 * (double)s->size1);
      }
  return sum;
}

static pairs
axes_points (two_axes *of)
{
  const double covariance[4] = { of->p[0], 0, 0, of->p[1] };
  sb_operator *C = sb_operator_family_alloc (2, fill_axes, 0, of, NULL);
  const sb_process *process = scoped (soft_line_alloc (C, 0, 1, sqrt (of->v), sqrt (of->v)));
  return sigma_points (process, half, no_mean, covariance);
}

Test (soft_matching, of_a_restricted_class_the_best_score)
{
  two_axes of = { { 1, .2 }, { 2, .3 }, .04 };
  const pairs p = axes_points (&of);
  const double soft = minimiser (&p, false), clean = minimiser (&p, true);
  cr_assert_float_eq (soft, .98056883, 1e-8);
  cr_assert_float_eq (clean, .98470363, 1e-8);
  cr_assert_float_eq (score_error (&p, &of, soft), .0195361686643932, 1e-10);
  cr_assert_float_eq (score_error (&p, &of, clean), .030446351319845247, 1e-10);
  cr_assert_float_eq (of_multiple (&p, true, soft), .2715462823, 1e-10);
  cr_assert_float_eq (of_multiple (&p, true, clean), .2715105163, 1e-10);

  gsl_rng *r = property_rng (73);
  for (int k = 0; k < 100; k++)
    {
      two_axes any = { { gsl_rng_uniform_pos (r), gsl_rng_uniform_pos (r) },
                       { gsl_ran_exponential (r, 1), gsl_ran_exponential (r, 1) },
                       gsl_rng_uniform_pos (r) };
      const pairs q = axes_points (&any);
      const double w = minimiser (&q, false), w_clean = minimiser (&q, true);
      cr_assert_float_eq (w,
                          (pow (any.c[0], 3) * any.p[0] + pow (any.c[1], 3) * any.p[1])
                              / (gsl_pow_2 (any.c[0]) * (gsl_pow_2 (any.c[0]) * any.p[0] + any.v)
                                 + gsl_pow_2 (any.c[1]) * (gsl_pow_2 (any.c[1]) * any.p[1] + any.v)),
                          1e-8);
      cr_assert_leq (score_error (&q, &any, w), score_error (&q, &any, w_clean) * (1 + 1e-12));
      cr_assert_leq (of_multiple (&q, true, w_clean), of_multiple (&q, true, w) * (1 + 1e-12));
    }
}

// ## The kernel of the corruption
//
// $\nabla_hL = \sigma_t^{-4}C_t^\top C_t(\mathbf h - \mathbf x_0)$ is exactly 0 on masked pixels, and what $\mathbf
// h$ says of them leaves the loss the same bits: neither the loss nor the score knows them. [soft.txt-nullspace] A
// blur of standard deviation 1 hides no direction.

Test (soft_matching, masked_pixels_do_not_count)
{
  const pairs p = some_pairs (SOFT_MASK);
  gsl_matrix *h = normals (7, 4, 74), *moved = copy_of (h), *bar = matrix (7, 4), *bar_moved = matrix (7, 4);
  const gsl_matrix *kept = mapped (&p, CblasNoTrans, matrix_all (7, 4, 1));
  size_t masked = 0;
  for (size_t k = 0; k < 28; k++)
    if (kept->data[k] == 0)
      moved->data[k] += 1e6, masked++;
  cr_assert_eq (masked, 14);
  const gsl_vector *loss = copy_of (soft_loss (&p, .5, sb_weighting_unit, h, bar));
  soft_loss (&p, .5, sb_weighting_unit, moved, bar_moved);
  for (size_t k = 0; k < 28; k++)
    {
      cr_assert_eq (bar->data[k], bar_moved->data[k]);
      cr_assert (kept->data[k] == 0 ? bar->data[k] == 0 : bar->data[k] != 0);
      cr_assert_eq (gsl_vector_get (loss, k / 4), gsl_vector_get (p.loss, k / 4));
    }
}

Test (soft_matching, a_narrow_blur_hides_nothing)
{
  const size_t d = 64;
  const sb_process *blur
      = scoped (soft_line_alloc (sb_operator_blur_alloc (8, 8, 1, 20, SB_BOUNDARY_ZERO), 0, 1, .1, .1));
  gsl_matrix *unit = matrix (d, d), *bar = matrix (d, d);
  gsl_vector *lambda = vector (d);
  gsl_matrix_set_identity (unit);
  const pairs p = corrupt (blur, 1, matrix_all (d, d, 0), NULL);
  soft_loss (&p, .5, sb_weighting_unit, unit, bar);
  gsl_eigen_symm (bar, lambda, scoped (gsl_eigen_symm_alloc (d)));
  cr_assert_gt (gsl_vector_min (lambda) * gsl_pow_4 (p.sigma), 1e-8);
}

// ## Without noise there is no score
//
// [soft.txt-support] At $\sigma_t = 0$ loss, target and score are refused; at $10^{-8}$ they are finite.

Test (soft_matching, without_noise_there_is_no_score)
{
  const sb_process *process = soft_four (SOFT_BLUR);
  const sb_objective soft = weighted (sb_objective_soft, process, sb_weighting_unit, 0);
  gsl_matrix *h = normals (2, 4, 75), *bar = matrix (2, 4);
  gsl_vector *loss = vector (2), *none = vector_all (2, 0);
  refused (GSL_ESING, loss_of (&soft, none, h, h, loss, bar));
  refused (GSL_ESING, target_at (process, h, h, none, bar));
  refused (GSL_ESING, sb_tweedie (process, SB_DENOISER, SB_SCORE, h, none, copy_of (h)));

  two_axes tiny = { { 1, .5 }, { 1, 1 }, 1e-16 };
  const pairs p = axes_points (&tiny);
  gsl_matrix *estimate = matrix_all (8, 2, .3), *gradient = matrix (8, 2);
  soft_loss (&p, .5, sb_weighting_unit, estimate, gradient);
  ok (sb_tweedie (p.process, SB_DENOISER, SB_SCORE, p.x, p.t, estimate));
  for (size_t k = 0; k < 16; k++)
    cr_assert (gsl_finite (gradient->data[k]) && gsl_finite (estimate->data[k])
               && gsl_finite (gsl_vector_get (p.loss, k / 2)));
}
