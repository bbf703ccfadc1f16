// # What must be true of implicit score matching
//
// That it is explicit score matching but for a constant, where its derivation holds, and that it is not where it does
// not.

#include "models.h"
#include "score/callback.h"
#include "score/energy.h"
#include "score/exact.h"
#include "losses.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (ism);

static double
implicit (const sb_score *score, const rule *r)
{
  gsl_vector *loss = vector (r->x->size1);
  ok (ism_at (score, r->x, r->t, loss));
  return rule_mean (r, loss);
}

// ## The gap is a constant
//
// On the law $0.3\,\mathcal N(-2, 0.5) + 0.7\,\mathcal N(1.5, 0.8)$ with $s = a + bx + c\sin x$, by the trapezoidal
// rule on $[-15, 15]$ with $3\cdot10^4$ points: $J_{\mathrm{ESM}} - J_{\mathrm{ISM}} = 0.5848966581$ whatever $a$, $b$,
// $c$, and that is half the mean square of the score. [dsm2ddpm.txt-ISM] What makes it so is the integration by parts,
// $\mathbb E[s\,\partial\log p] + \mathbb E[s'] = 0$. [dsm2ddpm.txt-A1-parts]

Test (ism, explicit_but_for_a_constant)
{
  sb_target *law = two_bumps ();
  sb_process *process = one_level (1, 1);
  sb_score *truth = scoped (sb_score_exact_alloc (law, process));
  rule r = rule_of_line (law, process, 0, -15, 15, 30001);
  gsl_matrix *s_true = matrix (30001, 1), *s = matrix (30001, 1);
  ok (sb_score_evaluate (truth, SB_SCORE, r.x, r.t, NULL, s_true));
  double half_square = 0;
  for (size_t i = 0; i < 30001; i++)
    half_square += 0.5 * r.w[i] * gsl_pow_2 (gsl_matrix_get (s_true, i, 0));
  cr_assert_float_eq (half_square, 0.5848966581, 1e-10, "%.12g", half_square);

  for (int k = 0; k < 4; k++)
    {
      model w = some_wave (k);
      sb_score *score = scoped (sb_score_alloc (&wave_type, &w, process));
      double gap = explicit_mean (score, truth, &r) - implicit (score, &r);
      cr_assert_float_eq (gap, half_square, 1e-9, "model %d: gap %.12g, not %.12g", k, gap, half_square);

      gsl_vector *slope = vector (30001);
      ok (sb_score_divergence (score, r.x, r.t, NULL, slope));
      ok (sb_score_evaluate (score, SB_SCORE, r.x, r.t, NULL, s));
      double stein = rule_mean (&r, slope);
      for (size_t i = 0; i < 30001; i++)
        stein += r.w[i] * gsl_matrix_get (s, i, 0) * gsl_matrix_get (s_true, i, 0);
      cr_assert_float_eq (stein, 0, 1e-9, "model %d: %g", k, stein);
    }
}

// ## The square, expanded
//
// Point by point, in five dimensions, at 100 random points of random affine models. [dsm2ddpm.txt-A1-expand]

Test (ism, the_square_expanded)
{
  enum
  {
    D = 5,
    N = 100
  };
  double mean[D] = { 1, -1, 0, 2, 0.5 }, L[D * D] = { 0 };
  for (size_t i = 0; i < D; i++)
    for (size_t j = 0; j <= i; j++)
      L[i * D + j] = i == j ? 1 : 0.3;
  sb_target *law = gaussian (mean, L, D);
  sb_process *process = one_level (D, 1);
  sb_score *truth = scoped (sb_score_exact_alloc (law, process));
  model w = affine_alloc (D);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  gsl_matrix *s = matrix (1, D), *right = matrix (1, D);
  gsl_vector *t = vector_all (1, 0), *loss = vector (1);
  for (uint64_t n = 0; n < N; n++)
    {
      gsl_matrix *x = normals (1, D, 200 + n), *theta = normals (1, w.parameters, 400 + n);
      memcpy (w.theta, theta->data, w.parameters * sizeof (double));
      ok (sb_score_evaluate (score, SB_SCORE, x, t, NULL, s));
      ok (sb_score_evaluate (truth, SB_SCORE, x, t, NULL, right));
      double expanded = 0, size = 0;
      for (size_t j = 0; j < D; j++)
        {
          double a = gsl_matrix_get (s, 0, j), b = gsl_matrix_get (right, 0, j);
          expanded += 0.5 * a * a - a * b + 0.5 * b * b;
          size += a * a + b * b;
        }
      ok (esm_at (score, truth, x, t, loss, s));
      cr_assert_float_eq (gsl_vector_get (loss, 0), expanded, 1e-13 * size);
    }
}

// ## Affine models of a Gaussian
//
// Data $\mathcal N(\mathbf m, \mathbf S)$, $\mathbf s = -\mathbf B(\mathbf x - \mathbf m)$: $J_{\mathrm{ISM}} =
// \tfrac12 \operatorname{tr}(\mathbf B\mathbf S\mathbf B^\top) - \operatorname{tr}\mathbf B$, least at $\mathbf B =
// \mathbf S^{-1}$ with the value $-\tfrac12\operatorname{tr}\mathbf S^{-1}$. The loss is quadratic, so a central
// difference with any step is its slope. [dsm2ddpm.txt-ISM]

enum
{
  D = 3
};
static const double m[D] = { 0.5, -1, 2 };
static const double L[D * D] = { 1.2, 0, 0, 0.4, 0.9, 0, -0.3, 0.2, 0.7 };

static void
set_affine (model *w, const gsl_matrix *B)
{
  for (size_t i = 0; i < D; i++)
    {
      w->theta[i] = 0;
      for (size_t j = 0; j < D; j++)
        {
          w->theta[D * (1 + i) + j] = -gsl_matrix_get (B, i, j);
          w->theta[i] += gsl_matrix_get (B, i, j) * m[j];
        }
    }
}

static double
trace_of (gsl_matrix *A)
{
  gsl_vector_view diagonal = gsl_matrix_diagonal (A);
  return gsl_vector_sum (&diagonal.vector);
}

Test (ism, affine_models_of_a_gaussian)
{
  sb_process *process = one_level (D, 1);
  model w = affine_alloc (D);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  rule r = rule_of_gaussian (m, L, D);
  gsl_matrix *B = matrix_of (D, D, 0.9, -0.2, 0.4, 0.1, 1.5, 0, 0.3, -0.7, 0.6), *BL = copy_of (B),
             *inverse = scope_matrix (D, D, D * D, L);
  double square = 0;
  gsl_blas_dtrmm (CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, 1, inverse, BL);
  for (size_t k = 0; k < D * D; k++)
    square += gsl_pow_2 (BL->data[k]);
  set_affine (&w, B);
  cr_assert_float_eq (implicit (score, &r), 0.5 * square - trace_of (B), 1e-13);

  ok (gsl_linalg_cholesky_invert (inverse)); // of L L^T
  set_affine (&w, inverse);
  cr_assert_float_eq (implicit (score, &r), -0.5 * trace_of (inverse), 1e-13);
  for (size_t k = 0; k < w.parameters; k++)
    {
      double theta = w.theta[k];
      w.theta[k] = theta + 0.5;
      double up = implicit (score, &r);
      w.theta[k] = theta - 0.5;
      double down = implicit (score, &r);
      w.theta[k] = theta;
      cr_assert_float_eq (up - down, 0, 1e-10, "parameter %zu: slope %g", k, up - down);
      cr_assert_gt (up + down - 2 * implicit (score, &r), 0.01);
    }
}

// ## The trace, the divergence, the Hessian
//
// For three Gaussians in space, in the energy's words $E = -\log p$: the law's divergence, that of d products with the
// Hessian, and the sum of the second derivatives of $\log p$ by differences are one, and the Jacobian they are of is
// symmetric. [dsm2ddpm.txt-A1-divergence] [dsm2ddpm.txt-ISM]

static int
energy_gradient (const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out, void *exact)
{
  int status = sb_score_evaluate (exact, SB_SCORE, x, t, NULL, out);
  return status ? status : gsl_matrix_scale (out, -1);
}

static int
energy_hessian (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v, gsl_matrix *out, void *exact)
{
  int status = sb_score_jvp (exact, SB_SCORE, x, t, NULL, v, out);
  return status ? status : gsl_matrix_scale (out, -1);
}

Test (ism, trace_of_the_jacobian)
{
  enum
  {
    N = 50
  };
  const double h = 1e-3;
  sb_target *law = three_in_space ();
  sb_process *process = one_level (D, 0.5);
  sb_score *exact = scoped (sb_score_exact_alloc (law, process));
  sb_energy energy = { .gradient = energy_gradient, .hessian = energy_hessian, .params = exact };
  sb_score *bare = scoped (sb_score_energy_alloc (&energy, process));
  gsl_matrix *x = matrix (N, D), *column[D];
  gsl_vector *trace = vector (N), *divergence = vector (N), *second = vector (N), *log_p = vector (N),
             *loss = vector (N), *bare_loss = vector (N);
  ok (sb_target_sample (law, (sb_stream){ 6, SB_FOR_DATA, 0 }, x));
  for (double at = 0; at <= 1; at++)
    {
      gsl_vector *t = vector_all (N, at);
      gsl_vector_set_zero (second);
      ok (sb_score_divergence (bare, x, t, NULL, trace));
      ok (sb_score_divergence (exact, x, t, NULL, divergence));
      for (size_t j = 0; j < D; j++)
        {
          gsl_matrix *unit = matrix_all (N, D, 0);
          for (int k = -1; k <= 1; k++)
            {
              gsl_matrix *moved = copy_of (x);
              gsl_vector_view moved_j = gsl_matrix_column (moved, j);
              gsl_vector_add_constant (&moved_j.vector, k * h);
              ok (sb_target_log_density (law, process, moved, t, log_p));
              gsl_blas_daxpy ((k == 0 ? -2 : 1) / (h * h), log_p, second);
            }
          gsl_vector_view unit_j = gsl_matrix_column (unit, j);
          gsl_vector_set_all (&unit_j.vector, 1);
          column[j] = matrix (N, D);
          ok (sb_score_jvp (exact, SB_SCORE, x, t, NULL, unit, column[j]));
        }
      ok (ism_at (exact, x, t, loss));
      ok (ism_at (bare, x, t, bare_loss));
      for (size_t i = 0; i < N; i++)
        {
          double size = 0, found = gsl_vector_get (trace, i), of_exact = gsl_vector_get (loss, i);
          for (size_t j = 0; j < D; j++)
            size += fabs (gsl_matrix_get (column[j], i, j));
          cr_assert_float_eq (found, gsl_vector_get (divergence, i), 1e-13 * (1 + size));
          cr_assert_float_eq (found, gsl_vector_get (second, i), 1e-5 * (1 + size),
                              "row %zu: %.10g, by differences %.10g", i, found, gsl_vector_get (second, i));
          for (size_t j = 0; j < D; j++)
            for (size_t k = 0; k < j; k++)
              cr_assert_float_eq (gsl_matrix_get (column[j], i, k), gsl_matrix_get (column[k], i, j),
                                  1e-14 * (10 + size));
          cr_assert_float_eq (of_exact, gsl_vector_get (bare_loss, i), 1e-12 * (1 + fabs (of_exact)));
        }
    }

  // The objective takes these directions by itself, each in every row.
  const sb_objective of_data = on_data (sb_objective_ism, process);
  ok (ism_at (exact, x, vector_all (N, 0), loss));
  ok (sb_objective_loss (&of_data, exact, x, NULL, (sb_stream){ .seed = 6 }, bare_loss));
  for (size_t i = 0; i < N; i++)
    cr_assert_float_eq (gsl_vector_get (bare_loss, i), gsl_vector_get (loss, i),
                        1e-12 * (1 + fabs (gsl_vector_get (loss, i))));
}

// And the trace is the sum of the slopes of the score itself, by central differences, to $10^{-6}$.
// [dsm2ddpm.txt-A1-divergence] [dsm2ddpm.txt-ISM]

Test (ism, trace_by_differences_of_the_score)
{
  enum
  {
    N = 50
  };
  const double h = 1e-4;
  sb_target *law = three_in_space ();
  sb_score *exact = scoped (sb_score_exact_alloc (law, one_level (D, 0.5)));
  gsl_matrix *x = matrix (N, D), *s = matrix (N, D);
  gsl_vector *t = vector_all (N, 1), *found = vector (N), *slope = vector_all (N, 0);
  ok (sb_target_sample (law, (sb_stream){ 6, SB_FOR_DATA, 0 }, x));
  ok (sb_score_divergence (exact, x, t, NULL, found));
  for (size_t j = 0; j < D; j++)
    for (int side = -1; side <= 1; side += 2)
      {
        gsl_matrix *moved = copy_of (x);
        gsl_vector_view moved_j = gsl_matrix_column (moved, j), s_j = gsl_matrix_column (s, j);
        gsl_vector_add_constant (&moved_j.vector, side * h);
        ok (sb_score_evaluate (exact, SB_SCORE, moved, t, NULL, s));
        gsl_blas_daxpy (side / (2 * h), &s_j.vector, slope);
      }
  for (size_t i = 0; i < N; i++)
    {
      const double trace = gsl_vector_get (found, i), sum = gsl_vector_get (slope, i);
      cr_assert_float_eq (trace, sum, 1e-6 * (1 + fabs (trace)), "row %zu: %.10g, by differences %.10g", i, trace, sum);
    }
}

// Given a condition it is that of the row's own: of $-y\,\mathbf x$ it is $-yd$. [dsm2ddpm.txt-A1-divergence]
// [dsm2ddpm.txt-ISM] [dsm2ddpm.txt-SSM-jvp]

static int
told_product (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
              void *params)
{
  (void)x, (void)t, (void)params;
  for (size_t i = 0; i < v->size1; i++)
    for (size_t j = 0; j < v->size2; j++)
      gsl_matrix_set (out, i, j, -gsl_matrix_get (y, i, 0) * gsl_matrix_get (v, i, j));
  return GSL_SUCCESS;
}

static int
told_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  return told_product (x, t, y, x, out, params);
}

Test (ism, trace_given_a_condition)
{
  enum
  {
    N = 4
  };
  const sb_score_callback told = { .view = SB_SCORE, .function = told_score, .jvp = told_product };
  sb_process *process = one_level (D, 1);
  const sb_score *score = scoped (sb_score_callback_alloc (&told, process));
  const sb_objective ism = on_data (sb_objective_ism, process);
  const gsl_matrix *x = normals (N, D, 1), *y = normals (N, 2, 2);
  gsl_vector *trace = vector (N), *loss = vector (N);
  ok (sb_score_divergence (score, x, vector_all (N, 0), y, trace));
  ok (sb_objective_loss (&ism, score, x, y, (sb_stream){ .seed = 6 }, loss));
  for (size_t i = 0; i < N; i++)
    {
      const double y_i = gsl_matrix_get (y, i, 0);
      gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
      cr_assert_float_eq (gsl_vector_get (trace, i), -D * y_i, 1e-14, "row %zu", i);
      cr_assert_float_eq (gsl_vector_get (loss, i), gsl_pow_2 (y_i * gsl_blas_dnrm2 (&x_i.vector)) / 2 - D * y_i, 1e-13,
                          "row %zu", i);
    }
}

// ## Misprint: second derivatives without an index, of a law that need not be there
//
// Printed: $\langle\nabla_{\mathbf x}, \mathbf s_\theta\rangle$ is $\sum \partial^2\log p(\mathbf x,
// \theta)/\partial\mathbf x^2$, the trace of the Hessian. The field $(x_2, -x_1) - (x_1, x_2)$ turns, so that no law
// has it for a score, its Jacobian is not symmetric, and yet its divergence is the trace of that, $-2$. The formula
// with $\partial^2/\partial x_i^2$ holds for energies; what the objective means is $\operatorname{tr}\nabla\mathbf
// s_\theta$. [dsm2ddpm.txt-A1-divergence]

Test (ism, erratum_divergence_of_a_field_that_turns)
{
  sb_process *process = one_level (2, 1);
  model w = affine_alloc (2);
  memcpy (w.theta + 2, (const double[]){ -1, 1, -1, -1 }, 4 * sizeof (double));
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  gsl_matrix *x = matrix_of (2, 2, 0.3, -2, 5, 1), *units = matrix_of (2, 2, 1, 0, 0, 1), *J = matrix (2, 2);
  gsl_vector *t = vector_of (0, 0), *trace = vector (2);
  ok (sb_score_divergence (score, x, t, NULL, trace));
  cr_assert (gsl_vector_equal (trace, vector_of (-2, -2)));
  ok (sb_score_jvp (score, SB_SCORE, x, t, NULL, units, J));
  cr_assert_eq (gsl_matrix_get (J, 0, 1), -1, "d s_2 / d x_1"); // of the first unit vector
  cr_assert_eq (gsl_matrix_get (J, 1, 0), 1, "d s_1 / d x_2");
}

// ## Where integration by parts fails
//
// Data uniform on $[0, 1]$, with a score of 0, and $s = -c\,(x - \tfrac12)$: the boundary term is $[s\,p]_0^1 = -c$, so
// $J_{\mathrm{ESM}} - J_{\mathrm{ISM}} = c$ depends on the parameter, and the two are not equivalent. Under the
// Beta(3, 3) density, which vanishes at the ends, the gap is 20 for every $c$. [dsm2ddpm.txt-ISM-limits]

static double
uniform_density (double x)
{
  (void)x;
  return 1;
}

static double
beta_density (double x)
{
  return 30 * gsl_pow_2 (x * (1 - x));
}

static int
no_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y, (void)params;
  gsl_matrix_set_zero (out);
  return GSL_SUCCESS;
}

static int
beta_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (out, i, 0, 2 / gsl_matrix_get (x, i, 0) - 2 / (1 - gsl_matrix_get (x, i, 0)));
  return GSL_SUCCESS;
}

Test (ism, a_density_that_does_not_vanish_at_its_edge)
{
  sb_process *process = one_level (1, 1);
  sb_score_callback uniform = { .view = SB_SCORE, .function = no_score },
                    beta = { .view = SB_SCORE, .function = beta_score };
  sb_score *flat = scoped (sb_score_callback_alloc (&uniform, process)),
           *round = scoped (sb_score_callback_alloc (&beta, process));
  rule on_flat = rule_of_unit_interval (uniform_density, 20000), on_round = rule_of_unit_interval (beta_density, 20000);
  const double c[] = { 1, 2, 5 };
  for (int k = 0; k < 3; k++)
    {
      model w = wave_alloc (c[k] / 2, -c[k], 0);
      sb_score *score = scoped (sb_score_alloc (&wave_type, &w, process));
      double gap = explicit_mean (score, flat, &on_flat) - implicit (score, &on_flat);
      cr_assert_float_eq (gap, c[k], 1e-9, "uniform, c = %g: %g", c[k], gap);
      gap = explicit_mean (score, round, &on_round) - implicit (score, &on_round);
      cr_assert_float_eq (gap, 20, 1e-6, "Beta(3, 3), c = %g: %.9g", c[k], gap);
    }
}

// ## What the trace costs
//
// $d$ products for any number of rows, and the score once. [dsm2ddpm.txt-ISM-limits]

Test (ism, a_product_for_each_coordinate)
{
  for (size_t d = 1; d <= 7; d += 2)
    {
      sb_process *process = one_level (d, 1);
      model w = affine_alloc (d);
      sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
      gsl_matrix *x = matrix_all (11, d, 0);
      gsl_vector *t = vector_all (11, 0), *loss = vector (11);
      ok (ism_at (score, x, t, loss));
      cr_assert_eq (w.products, d);
      cr_assert_eq (w.evaluations, 1);
    }
}

// ## A test of scores
//
// Integration by parts says $\mathbb E[\langle\mathbf s, \nabla\log p\rangle + \nabla\cdot\mathbf s] = 0$ for any
// $\mathbf s$ (Stein's identity). With $10^5$ samples of the three Gaussians and an affine $\mathbf s$ the mean is
// within 5 standard errors of 0 (false alarm $6\cdot10^{-7}$); with the score of another law, its variances 1.1 times
// as large, it is more than 20 off. [dsm2ddpm.txt-A1-parts]

static double
stein (const sb_score *field, const sb_score *truth, double scale, const gsl_matrix *x)
{
  const size_t n = x->size1;
  gsl_matrix *s = matrix (n, D), *g = matrix (n, D);
  gsl_vector *t = vector_all (n, 0), *sum = vector (n);
  ok (sb_score_evaluate (field, SB_SCORE, x, t, NULL, s));
  ok (sb_score_evaluate (truth, SB_SCORE, x, t, NULL, g));
  ok (sb_score_divergence (field, x, t, NULL, sum));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < D; j++)
      *gsl_vector_ptr (sum, i) += scale * gsl_matrix_get (s, i, j) * gsl_matrix_get (g, i, j);
  double error, mean = mean_of (sum, &error);
  return mean / error;
}

Test (ism, integration_by_parts_tells_scores_apart)
{
  sb_target *law = three_in_space (), *round = gaussian (m, L, D);
  sb_process *process = one_level (D, 1);
  sb_score *truth = scoped (sb_score_exact_alloc (law, process)),
           *gauss = scoped (sb_score_exact_alloc (round, process));
  model w = affine_alloc (D);
  const double theta[] = { 0.2, -1, 0.4, -1, 0.2, 0, 0.5, -0.7, 0.1, 0, 0.3, -1.2 };
  for (size_t k = 0; k < w.parameters; k++)
    w.theta[k] = theta[k];
  sb_score *field = scoped (sb_score_alloc (&affine_type, &w, process));
  gsl_matrix *x = matrix (100000, D);
  ok (sb_target_sample (law, (sb_stream){ 7, SB_FOR_DATA, 0 }, x));
  double z = stein (field, truth, 1, x);
  cr_assert_lt (fabs (z), 5, "three Gaussians: %g standard errors", z);
  ok (sb_target_sample (round, (sb_stream){ 8, SB_FOR_DATA, 0 }, x));
  z = stein (field, gauss, 1, x);
  cr_assert_lt (fabs (z), 5, "a Gaussian: %g standard errors", z);
  z = stein (field, gauss, 1 / 1.1, x);
  cr_assert_gt (fabs (z), 20, "a wrong variance: %g standard errors", z);
}

// ## What cannot be done

Test (ism, what_does_not_fit_is_refused)
{
  sb_process *process = one_level (2, 1);
  model w = affine_alloc (2);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  sb_score_callback callback = { .view = SB_SCORE, .function = no_score };
  sb_score *without = scoped (sb_score_callback_alloc (&callback, process));
  gsl_matrix *x = matrix_all (4, 2, 0), *narrow = matrix_all (4, 1, 0);
  gsl_vector *t = vector_all (4, 0), *loss = vector (4), *short_loss = vector (3);
  refused (GSL_EUNSUP, ism_at (without, x, t, loss));
  refused (GSL_EBADLEN, sb_score_divergence (score, x, t, NULL, short_loss));
  refused (GSL_EBADLEN, sb_score_divergence (score, narrow, t, NULL, loss));
  refused (GSL_EUNSUP, sb_score_divergence (without, x, t, NULL, loss));
}
