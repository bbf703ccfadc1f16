// # What must be true of sliced score matching in time

#include "conformance/worlds.h"
#include "losses.h"
#include "models.h"
#include "process/ito.h"
#include "process/vp.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE_WITH_BLAS (ssm_in_time);

// ## The expectation
//
// Data $\mathcal N(0, \Sigma)$ in three dimensions under VP, and the model $\mathbf s = -A\,\mathbf x$ at all times: at
// time $t$ the covariance is $C_t = m^2\Sigma + s^2 I$, and [scoresde.eq19]
// $$ J = \mathbb E_t\,\lambda(t)\,\bigl[\tfrac12\operatorname{tr}(A\,C_t\,A^\top) - \operatorname{tr} A\bigr] . $$
// The integral over $t$ is Gauss and Legendre's; $10^5$ rows, 4.9 standard errors. For an affine model differences are
// exact.

enum
{
  D = 3
};

static const double T_MIN = 0.01;

static double
covariance (size_t i, size_t j)
{
  static const double L[D][D] = { { 1.2, 0, 0 }, { 0.5, 0.8, 0 }, { -0.3, 0.2, 0.6 } };
  double sum = 0;
  for (size_t k = 0; k < D; k++)
    sum += L[i][k] * L[j][k];
  return sum;
}

static sb_target *
data (void)
{
  gsl_matrix *C = matrix (D, D);
  for (size_t i = 0; i < D * D; i++)
    C->data[i] = covariance (i / D, i % D);
  return scoped (sb_target_gaussian_alloc (vector_all (D, 0), C));
}

static gsl_matrix *
draw_data (size_t n, uint64_t seed)
{
  gsl_matrix *x = matrix (n, D);
  ok (sb_target_sample (data (), (sb_stream){ seed, SB_FOR_DATA, 0 }, x));
  return x;
}

static double
weight_at (const sb_weighting_type *lambda, double t, double s2)
{
  const double beta = 0.1 + 19.9 * t;
  return lambda == sb_weighting_unit ? 1 : lambda == sb_weighting_variance ? s2 : beta;
}

static double
expected_at (const sb_weighting_type *lambda, const double *B, double t)
{
  const double s2 = -expm1 (-(0.1 * t + 19.9 / 2 * t * t));
  double square = 0, trace = 0;
  for (size_t i = 0; i < D; i++)
    {
      trace += B[D * i + i];
      for (size_t j = 0; j < D; j++)
        for (size_t k = 0; k < D; k++)
          square += B[D * i + j] * ((1 - s2) * covariance (j, k) + s2 * (j == k)) * B[D * i + k];
    }
  return weight_at (lambda, t, s2) * (square / 2 + trace);
}

static double
expected (const sb_weighting_type *lambda, const double *B)
{
  gsl_integration_glfixed_table *gauss = scoped (gsl_integration_glfixed_table_alloc (60));
  double sum = 0;
  for (size_t k = 0; k < 60; k++)
    {
      double t, w;
      gsl_integration_glfixed_point (T_MIN, 1, k, &t, &w, gauss);
      sum += w * expected_at (lambda, B, t);
    }
  return sum / (1 - T_MIN);
}

static model
random_matrix (unsigned long seed)
{
  model w = affine_alloc (D);
  gsl_matrix *z = normals (D, D, seed);
  for (size_t k = 0; k < D * D; k++)
    w.theta[D + k] = 0.5 * z->data[k] - (k % (D + 1) == 0);
  return w;
}

static const sb_objective_type *const *const sliced[] = { &sb_objective_ism, &sb_objective_ssm, &sb_objective_fdssm };
static const sb_weighting_type *const *const lambdas[]
    = { &sb_weighting_unit, &sb_weighting_variance, &sb_weighting_likelihood };

static sb_objective
sliced_with (size_t type, size_t lambda, const sb_process *process, bool plain, bool signs)
{
  sb_objective o = weighted (*sliced[type], process, *lambdas[lambda], T_MIN);
  if (type > 0)
    {
      o.key[type == 1 ? 0 : 1] = plain;
      o.key[type == 1 ? 1 : 2] = signs;
    }
  return o;
}

static void
check_expectation (size_t type, size_t lambda, bool plain, bool signs)
{
  enum
  {
    N = 100000
  };
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  model w = random_matrix (3 + lambda);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, vp));
  const sb_objective o = sliced_with (type, lambda, vp, plain, signs);
  gsl_vector *loss = vector (N);
  double error, wanted = expected (*lambdas[lambda], w.theta + D);
  ok (sb_objective_loss (&o, score, draw_data (N, 1), NULL, (sb_stream){ 2, SB_FOR_USER, 0 }, loss));
  const double mean = mean_of (loss, &error);
  cr_assert_float_eq (mean, wanted, 4.9 * error, "%s, %s, plain %d, signs %d: %g, not %g (error %g)",
                      o.type->entry.name, o.weighting.type->entry.name, plain, signs, mean, wanted, error);
}

Test (ssm_in_time, the_mean_over_times)
{
  for (size_t lambda = 0; lambda < 3; lambda++)
    {
      const size_t mark = scope_mark ();
      check_expectation (0, lambda, false, false);
      for (size_t form = 0; form < 4; form++)
        {
          check_expectation (1, lambda, form / 2, form % 2);
          check_expectation (2, lambda, form / 2, form % 2);
        }
      scope_release (mark);
    }
}

// Given a condition, and row by row: of $\mathbf s = -y\,\mathbf x$ the loss is $\lambda(t)\,(\tfrac12y^2\|\mathbf
// x(t)\|^2 - y\,d)$ whatever the signs of $\mathbf v$ are, and however many $\mathbf v$ there are, each row with its
// own $t$ and $y$. [scoresde.eq19]

static int
told (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < D; j++)
      gsl_matrix_set (out, i, j, -(y ? gsl_matrix_get (y, i, 0) : 1) * gsl_matrix_get (x, i, j));
  return GSL_SUCCESS;
}

static int
told_product (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
              void *params)
{
  (void)x;
  return told (v, t, y, out, params);
}

Test (ssm_in_time, given_each_row_s_condition)
{
  enum
  {
    N = 50
  };
  const sb_score_callback callback = { .view = SB_SCORE, .function = told, .jvp = told_product };
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  const sb_score *score = scoped (sb_score_callback_alloc (&callback, vp));
  const sb_stream stream = { 10, SB_FOR_USER, 0 };
  gsl_matrix *x_0 = draw_data (N, 11), *y = matrix (N, 1), *z = matrix (N, D);
  gsl_vector *t = vector (N), *loss = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set (y, i, 0, .2 + .05 * (double)i);
  for (size_t type = 0; type < 2; type++)
    for (size_t lambda = 0; lambda < 3; lambda++)
      {
        sb_objective o = sliced_with (type, lambda, vp, false, true);
        gsl_matrix *x = copy_of (x_0);
        if (type == 1)
          o.key[2] = 1 + (double)lambda; // directions
        ok (draw_points (&o, stream, t, z, x));
        ok (sb_objective_loss (&o, score, x_0, y, stream, loss));
        for (size_t i = 0; i < N; i++)
          {
            const double at = gsl_vector_get (t, i), s2 = -expm1 (-(0.1 * at + 19.9 / 2 * at * at)),
                         y_i = gsl_matrix_get (y, i, 0), w = weight_at (*lambdas[lambda], at, s2);
            double square = 0;
            for (size_t j = 0; j < D; j++)
              square += gsl_pow_2 (gsl_matrix_get (x, i, j));
            const double wanted = w * (y_i * y_i * square / 2 - y_i * D);
            cr_assert_float_eq (gsl_vector_get (loss, i), wanted, 1e-12 * w * (1 + square) * 10, "row %zu: %g, not %g",
                                i, gsl_vector_get (loss, i), wanted);
          }
      }
}

// Its least value at one time is the score's, $A = C^{-1}$, where it is $-\tfrac12\operatorname{tr} C^{-1}$, a tenth of
// a step to any side is worse, and the true score's loss at all times is the least of all. [scoresde.eq19]

Test (ssm_in_time, the_score_is_best)
{
  enum
  {
    N = 100000
  };
  const double t = 0.3, s2 = -expm1 (-(0.1 * t + 19.9 / 2 * t * t));
  gsl_matrix *C = matrix (D, D), *inverse = matrix (D, D);
  for (size_t k = 0; k < D * D; k++)
    C->data[k] = (1 - s2) * covariance (k / D, k % D) + s2 * (k % (D + 1) == 0);
  gsl_matrix_memcpy (inverse, C);
  ok (gsl_linalg_cholesky_decomp1 (inverse));
  ok (gsl_linalg_cholesky_invert (inverse));
  model w = affine_alloc (D);
  double trace = 0;
  for (size_t k = 0; k < D * D; k++)
    w.theta[D + k] = -inverse->data[k];
  for (size_t k = 0; k < D; k++)
    trace += gsl_matrix_get (inverse, k, k);

  // At one time: by the implicit form, on rows whose mean square is C to the last digit.
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, vp));
  double L[D * D], zero[D] = { 0 };
  ok (gsl_linalg_cholesky_decomp1 (C));
  for (size_t k = 0; k < D * D; k++)
    L[k] = k / D >= k % D ? C->data[k] : 0;
  rule r = rule_of_gaussian (zero, L, D);
  gsl_vector *loss = vector (r.x->size1);
  gsl_vector_set_all (r.t, t);
  ok (ism_at (score, r.x, r.t, loss));
  const double best = rule_mean (&r, loss);
  cr_assert_float_eq (best, -trace / 2, 1e-12 * trace);
  for (size_t k = 0; k < D * D; k++)
    for (double h = -0.1; h < 0.2; h += 0.2)
      {
        w.theta[D + k] += h;
        ok (ism_at (score, r.x, r.t, loss));
        cr_assert_gt (rule_mean (&r, loss), best + 1e-3, "entry %zu", k);
        w.theta[D + k] -= h;
      }

  // At all times, with the same points and directions.
  sb_score *truth = scoped (sb_score_exact_alloc (data (), vp));
  sb_objective o = sliced_with (1, 1, vp, false, true);
  gsl_matrix *x_0 = draw_data (N, 4);
  gsl_vector *of_truth = vector (N), *of_model = vector (N);
  double error;
  ok (sb_objective_loss (&o, truth, x_0, NULL, (sb_stream){ 5, SB_FOR_USER, 0 }, of_truth));
  ok (sb_objective_loss (&o, score, x_0, NULL, (sb_stream){ 5, SB_FOR_USER, 0 }, of_model));
  gsl_vector_sub (of_model, of_truth);
  cr_assert_gt (mean_of (of_model, &error), 4.9 * error);
}

// Twice it is denoising score matching, but for what no model changes, $\mathbb E\,\lambda\,\|\nabla\log p_{0t}\|^2$:
// with $\lambda$ the kernel's variance, $d$. For five models, 4.9 standard errors each. [scoresde.eq19]
// [scoresde.txt-other-sm]

Test (ssm_in_time, twice_is_denoising_less_a_constant)
{
  enum
  {
    N = 100000
  };
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  const sb_objective ssm = sliced_with (1, 1, vp, false, false),
                     dsm = weighted (sb_objective_dsm, vp, sb_weighting_variance, T_MIN);
  for (unsigned long k = 1; k <= 5; k++)
    {
      model w = random_matrix (20 + k);
      sb_score *score = scoped (sb_score_alloc (&affine_type, &w, vp));
      gsl_vector *by_slices = vector (N), *by_noise = vector (N);
      gsl_matrix *x_0 = draw_data (N, 6);
      double error;
      ok (sb_objective_loss (&ssm, score, x_0, NULL, (sb_stream){ 7 + k, SB_FOR_USER, 0 }, by_slices));
      ok (sb_objective_loss (&dsm, score, x_0, NULL, (sb_stream){ 7 + k, SB_FOR_USER, 0 }, by_noise));
      gsl_vector_scale (by_slices, 2);
      gsl_vector_sub (by_slices, by_noise);
      const double difference = mean_of (by_slices, &error);
      cr_assert_float_eq (difference, -D, 4.9 * error, "model %lu: %g (error %g)", k, difference, error);
    }
}

// ## The printed form
//
// $\tfrac12 s^2 + v\,s\,v$, which makes sense in one dimension only, has the mean $\tfrac12 s^2 + s$ there: least at $s
// = -1$ for whatever data. With the gradient the score of the law is better than that. [scoresde.eq19]

Test (ssm_in_time, erratum_eq19_needs_the_gradient)
{
  enum
  {
    N = 20000
  };
  sb_process *process = one_level (1, 0.7);
  sb_score *truth = scoped (sb_score_exact_alloc (two_bumps (), process));
  model constant = wave_alloc (-1, 0, 0);
  sb_score *minus_one = scoped (sb_score_alloc (&wave_type, &constant, process));
  gsl_matrix *x = matrix (N, 1), *v = matrix (N, 1), *s = matrix (N, 1);
  gsl_vector *t = vector_all (N, 1), *of_truth = vector (N), *of_constant = vector (N), *printed = vector (N);
  double error;
  ok (sb_target_sample (two_bumps (), (sb_stream){ 8, SB_FOR_DATA, 0 }, x));
  ok (sb_process_transition (process, NULL, t, normals (N, 1, 9), x));
  ok (sb_projection_draw (SB_PROJECTION_RADEMACHER, (sb_stream){ 8, 0, 0 }, 0, v));
  ok (sb_score_evaluate (truth, SB_SCORE, x, t, NULL, s));
  for (size_t i = 0; i < N; i++)
    {
      const double s_i = s->data[i], v_i = v->data[i];
      gsl_vector_set (printed, i, s_i * s_i / 2 + v_i * s_i * v_i);
    }
  cr_assert_gt (mean_of (printed, &error), -0.5 + 4.9 * error); // which s = -1 has everywhere

  ok (ssm_at (false, truth, x, t, v, of_truth));
  ok (ssm_at (false, minus_one, x, t, v, of_constant));
  for (size_t i = 0; i < N; i++)
    cr_assert_float_eq (gsl_vector_get (of_constant, i), 0.5, 1e-12);
  cr_assert_lt (mean_of (of_truth, &error), -4.9 * error);
}

// ## A weight for each part, and by maps
//
// A weight that is a matrix, as $G G^\top$ of a process with an SDE for each coordinate or frequency: the loss is
// explicit score matching's with that weight, $\tfrac12\|\mathbf s - \nabla\log p\|^2_\lambda$, less
// $\tfrac12\|\nabla\log p\|^2_\lambda$. On Gaussian data and an affine model both means are traces:
// $\tfrac12\operatorname{tr}(\lambda B C B^\top) + \operatorname{tr}(\lambda B)$, with $\lambda$ and $C$ found by
// asking the process. The points have the covariance $C$ exactly; $d$ orthogonal directions give the trace exactly.

static gsl_matrix *
product (CBLAS_TRANSPOSE_t a, const gsl_matrix *A, CBLAS_TRANSPOSE_t b, const gsl_matrix *B)
{
  gsl_matrix *AB = matrix (A->size1, A->size1);
  gsl_blas_dgemm (a, b, 1, A, B, 0, AB);
  return AB;
}

static double
trace_of (const gsl_matrix *A)
{
  double sum = 0;
  for (size_t k = 0; k < A->size1; k++)
    sum += gsl_matrix_get (A, k, k);
  return sum;
}

IN_EACH_WORLD (ssm_in_time, weights_that_are_matrices)
{
  if (w->lacks & (NO_SDE | NO_S_INVERSE))
    return;
  const size_t d = w->process->dimension;
  gsl_matrix *identity = matrix (d, d);
  gsl_matrix_set_identity (identity);
  const gsl_matrix *G = mapped (w, SB_G, CblasNoTrans, 0, w->t, identity); // rows: G e_k
  const gsl_matrix *lambda = product (CblasTrans, G, CblasNoTrans, G);
  model affine = affine_alloc (d);
  gsl_matrix *B = normals (d, d, 30);
  for (size_t k = 0; k < d * d; k++)
    affine.theta[d + k] = B->data[k];
  sb_score *score = scoped (sb_score_alloc (&affine_type, &affine, w->process));

  // Points of the covariance L L^T.
  gsl_matrix *L = normals (d, d, 31);
  double *mean = scoped ((double *)calloc (d, sizeof (double)));
  rule r = rule_of_gaussian (mean, L->data, d);
  gsl_vector_set_all (r.t, w->t);
  const gsl_matrix *C = product (CblasNoTrans, L, CblasTrans, L), *BC = product (CblasNoTrans, B, CblasNoTrans, C),
                   *BCB = product (CblasNoTrans, BC, CblasTrans, B),
                   *first = product (CblasNoTrans, lambda, CblasNoTrans, BCB),
                   *second = product (CblasNoTrans, lambda, CblasNoTrans, B);

  sb_objective o = sb_objective_of (sb_objective_ism, w->process, 0);
  gsl_vector *loss = vector (r.x->size1);
  o.weighting.type = sb_weighting_likelihood;
  ok (loss_at (&o, score, r.x, r.t, NULL, loss, NULL), "%s", w->name);
  const double wanted = trace_of (first) / 2 + trace_of (second);
  cr_assert_float_eq (rule_mean (&r, loss), wanted, 1e-10 * (1 + fabs (trace_of (first))), "%s: %.15g, not %.15g",
                      w->name, rule_mean (&r, loss), wanted);
}

// ## The gradient
//
// With respect to what was seen of the score, by central differences, which are exact for a quadratic loss.

static double
total (sb_objective_batch *b)
{
  double sum = 0;
  ok (sb_objective_find_loss (b));
  for (size_t i = 0; i < b->n; i++)
    sum += gsl_vector_get (&b->loss, i);
  return sum;
}

static void
check_gradient (sb_objective_batch *b, double *seen, const double *bar, size_t count, const char *what)
{
  gsl_vector *gradient = vector (count);
  total (b);
  for (size_t k = 0; k < count; k++)
    gsl_vector_set (gradient, k, bar[k]);
  for (size_t k = 0; k < count; k++)
    {
      const double at = seen[k];
      seen[k] = at + 0.5;
      const double up = total (b);
      seen[k] = at - 0.5;
      const double down = total (b);
      seen[k] = at;
      cr_assert_float_eq (gsl_vector_get (gradient, k), up - down, 1e-10 * (1 + fabs (up) + fabs (down)),
                          "%s, %s, entry %zu: %g, not %g", b->objective->type->entry.name, what, k,
                          gsl_vector_get (gradient, k), up - down);
    }
}

Test (ssm_in_time, gradients_with_weights)
{
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  model w = random_matrix (40);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, vp));
  for (size_t type = 0; type < 3; type++)
    for (size_t lambda = 0; lambda < 3; lambda++)
      for (size_t form = 0; form < 2; form++)
        {
          sb_objective o = sliced_with (type, lambda, vp, form, false);
          if (type == 1)
            o.key[2] = 2;
          sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, 3));
          gsl_matrix_memcpy (&b->x_0, draw_data (3, 41));
          ok (sb_objective_draw ((sb_stream){ 42, SB_FOR_USER, 0 }, b));
          ok (sb_objective_evaluate (score, NULL, b));
          check_gradient (b, b->estimate.data, b->bar.data, b->points * 3 * D, "the score");
          check_gradient (b, b->Jv.data, b->Jv_bar.data, b->Jv.size1 * D, "its derivative");
        }
}

// ## An SDE without a kernel
//
// Where nobody knows $p_{0t}$, its law is simulated and sliced score matching learns from the ends of the paths. VP
// itself, as an SDE of which only drift and diffusion are given: the simulated chain's covariance obeys $C \leftarrow
// (1 + fh)^2 C + g^2 h\,I$ exactly, and the best linear model is $-C^{-1}$. On $n$ points it is $A = -V\,M^{-1}$ with
// $V$ and $M$ the means of $\mathbf v\mathbf v^\top$ and $\mathbf x\mathbf x^\top$, and the standard error of each of
// the nine entries follows from the rows' share in it; 5.31 of them are a false alarm of $10^{-6}$ for all nine.
// Denoising score matching, with the kernel, has $-(m^2\Sigma + s^2 I)^{-1}$ within the same. [scoresde.txt-other-sm]

static const double TIME = 0.3;

static int
vp_drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)params;
  for (size_t j = 0; j < x->size; j++)
    gsl_vector_set (f, j, -0.5 * (0.1 + 19.9 * t) * gsl_vector_get (x, j));
  return GSL_SUCCESS;
}

static int
vp_diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)x, (void)params;
  gsl_matrix_set_identity (G);
  return gsl_matrix_scale (G, sqrt (0.1 + 19.9 * t));
}

static const sb_ito vp_ito = { D, vp_drift, vp_diffusion, NULL, NULL };

enum
{
  PATHS = 40000,
  PATH_STEPS = 60
};

static int
simulate (sb_stream stream, const gsl_vector *t, gsl_matrix *x, void *params)
{
  return sb_ito_simulate (params, PATH_STEPS, stream, t, x);
}

static gsl_matrix *
inverse_of (double kept, double added)
{
  gsl_matrix *C = matrix (D, D);
  for (size_t k = 0; k < D * D; k++)
    C->data[k] = kept * covariance (k / D, k % D) + added * (k % (D + 1) == 0);
  ok (gsl_linalg_cholesky_decomp1 (C));
  ok (gsl_linalg_cholesky_invert (C));
  return C;
}

static gsl_matrix *
inverse_of_the_chain (void)
{
  double kept = 1, added = 0;
  const double h = TIME / PATH_STEPS;
  for (size_t k = 0; k < PATH_STEPS; k++)
    {
      const double beta = 0.1 + 19.9 * h * (double)k, keep = gsl_pow_2 (1 - beta * h / 2);
      kept *= keep;
      added = keep * added + beta * h;
    }
  return inverse_of (kept, added);
}

// The best linear model s = B x where the loss is the mean of u^T B w + |B x|^2 / 2 over rows: B = -mean (u w^T) M^-1.

static void
check_minimiser (const char *name, const gsl_matrix *u, const gsl_matrix *w, const gsl_matrix *x,
                 const gsl_matrix *wanted)
{
  const double n = (double)x->size1;
  gsl_matrix *V = matrix (D, D), *M = matrix (D, D), *B = matrix (D, D), *share = matrix (D, D), *moved = matrix (D, D);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, -1 / n, u, w, 0, V);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1 / n, x, x, 0, M);
  ok (gsl_linalg_cholesky_decomp1 (M));
  ok (gsl_linalg_cholesky_invert (M));
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, V, M, 0, B);

  // Sum the squares of what each row has changed.
  gsl_matrix *square = matrix_all (D, D, 0);
  gsl_vector *Bx = vector (D);
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view u_i = gsl_matrix_const_row (u, i), w_i = gsl_matrix_const_row (w, i),
                            x_i = gsl_matrix_const_row (x, i);
      gsl_blas_dgemv (CblasNoTrans, -1, B, &x_i.vector, 0, Bx);
      gsl_matrix_set_zero (share);
      gsl_blas_dger (-1, &u_i.vector, &w_i.vector, share);
      gsl_blas_dger (1, Bx, &x_i.vector, share);
      gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, share, M, 0, moved);
      for (size_t k = 0; k < D * D; k++)
        square->data[k] += gsl_pow_2 (moved->data[k]);
    }
  for (size_t k = 0; k < D * D; k++)
    {
      const double error = sqrt (square->data[k]) / n;
      cr_assert_float_eq (B->data[k], -wanted->data[k], 5.31 * error, "%s, entry %zu: %g, not %g (error %g)", name, k,
                          B->data[k], -wanted->data[k], error);
    }
}

Test (ssm_in_time, simulated_paths_are_enough)
{
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  sb_objective o = weighted (sb_objective_ssm, vp, sb_weighting_unit, TIME);
  o.t_max = TIME;
  o.simulate = simulate;
  o.simulate_params = (void *)(uintptr_t)&vp_ito;
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, PATHS));
  gsl_matrix_memcpy (&b->x_0, draw_data (PATHS, 50));
  ok (sb_objective_draw ((sb_stream){ 51, SB_FOR_USER, 0 }, b));
  check_minimiser ("sliced", &b->v, &b->v, &b->x, inverse_of_the_chain ());

  // Denoising, by the kernel: |B x + z / s|^2 / 2.
  const double s2 = -expm1 (-(0.1 * TIME + 19.9 / 2 * TIME * TIME));
  sb_objective dsm = weighted (sb_objective_dsm, vp, sb_weighting_variance, TIME);
  dsm.t_max = TIME;
  sb_objective_batch *c = scoped (sb_objective_batch_alloc (&dsm, PATHS));
  gsl_matrix_memcpy (&c->x_0, draw_data (PATHS, 52));
  ok (sb_objective_draw ((sb_stream){ 53, SB_FOR_USER, 0 }, c));
  gsl_matrix *target = copy_of (&c->z);
  gsl_matrix_scale (target, 1 / sqrt (s2));
  check_minimiser ("denoising", target, &c->x, &c->x, inverse_of (1 - s2, s2));
}

// The kernel's and the simulation's points are drawn from the same times, in the same rows.

Test (ssm_in_time, rows_are_simulated_to_their_own_times)
{
  enum
  {
    N = 7
  };
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  sb_objective o = weighted (sb_objective_ssm, vp, sb_weighting_unit, T_MIN);
  o.simulate = simulate;
  o.simulate_params = (void *)(uintptr_t)&vp_ito;
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, N));
  const gsl_matrix *x_0 = draw_data (N, 60);
  gsl_matrix_memcpy (&b->x_0, x_0);
  ok (sb_objective_draw ((sb_stream){ 61, SB_FOR_USER, 5 }, b));
  for (size_t i = 0; i < N; i++)
    {
      gsl_matrix *z = matrix (1, PATH_STEPS * D);
      const double t = gsl_vector_get (&b->t, i), h = t / PATH_STEPS;
      ok (sb_stream_normals ((sb_stream){ 61, SB_FOR_FORWARD, 5 + i }, 0, z));
      for (size_t j = 0; j < D; j++)
        {
          double x = gsl_matrix_get (x_0, i, j);
          for (size_t k = 0; k < PATH_STEPS; k++)
            {
              const double beta = 0.1 + 19.9 * h * (double)k;
              x += -beta / 2 * x * h + sqrt (beta * h) * z->data[k * D + j];
            }
          cr_assert_float_eq (gsl_matrix_get (&b->x, i, j), x, 1e-12, "row %zu, coordinate %zu", i, j);
        }
    }
}

// Both points of a difference are at the row's time, on either side of where the noise has brought it.

Test (ssm_in_time, differences_are_at_one_time)
{
  enum
  {
    N = 20
  };
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  const sb_objective o = sliced_with (2, 0, vp, false, false);
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, N));
  gsl_matrix_memcpy (&b->x_0, draw_data (N, 70));
  ok (sb_objective_draw ((sb_stream){ 71, SB_FOR_USER, 0 }, b));
  gsl_vector t = sb_batch_part (&b->t, N, 0), t_down = sb_batch_part (&b->t, N, 1);
  const gsl_matrix up = sb_batch_block (&b->x, N, 0), down = sb_batch_block (&b->x, N, 1),
                   z = sb_batch_block (&b->z, N, 0);
  gsl_matrix *middle = copy_of (&b->x_0), *found = copy_of (&up);
  ok (sb_process_transition (vp, NULL, &t, &z, middle));
  gsl_matrix_add (found, &down);
  gsl_matrix_scale (found, 0.5);
  cr_assert_lt (largest_difference (found, middle), 1e-14);
  for (size_t i = 0; i < N; i++)
    cr_assert_eq (gsl_vector_get (&t_down, i), gsl_vector_get (&t, i), "row %zu", i);
}

// ## What cannot be done

Test (ssm_in_time, what_does_not_fit_is_refused)
{
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  model w = affine_alloc (D);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, vp));
  gsl_matrix *x = matrix_all (4, D, 0);
  gsl_vector *loss = vector (4);
  static const sb_objective_type *const *const by_noise[] = { &sb_objective_dsm, &sb_objective_denoising };
  for (size_t k = 0; k < 2; k++)
    {
      sb_objective o = sb_objective_of (*by_noise[k], vp, T_MIN);
      o.simulate = simulate;
      refused (GSL_EUNSUP, sb_objective_loss (&o, score, x, NULL, (sb_stream){ 0 }, loss));
    }
  gsl_vector *t = vector_all (4, 0.5);
  refused (GSL_EINVAL, sb_ito_simulate (&vp_ito, 0, (sb_stream){ 0 }, t, x));
  gsl_vector_set (t, 2, -0.1);
  refused (GSL_EDOM, sb_ito_simulate (&vp_ito, 5, (sb_stream){ 0 }, t, x));
  gsl_vector_set (t, 2, GSL_NAN);
  refused (GSL_EDOM, sb_ito_simulate (&vp_ito, 5, (sb_stream){ 0 }, t, x));
  refused (GSL_EBADLEN, sb_ito_simulate (&vp_ito, 5, (sb_stream){ 0 }, vector_all (3, 0.5), x));
}
