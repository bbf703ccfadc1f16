// # What must be true of sliced score matching

#include "models.h"
#include "score/exact.h"
#include "losses.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (ssm);

// ## The directions of a basis
//
// Averaged over $\sqrt d$ times the vectors of any orthonormal basis, $\mathbf v^\top\mathbf J\,\mathbf v$ is the trace
// and $(\mathbf v^\top\mathbf s)^2$ is $\|\mathbf s\|^2$: both forms of the loss become the implicit one, to rounding.
// [dsm2ddpm.txt-SSM]

static gsl_matrix *
basis (size_t d, uint64_t seed)
{
  gsl_matrix *A = normals (d, d, seed), *Q = matrix (d, d), *R = matrix (d, d);
  gsl_vector *tau = vector (d);
  gsl_linalg_QR_decomp (A, tau);
  gsl_linalg_QR_unpack (A, tau, Q, R);
  gsl_matrix_scale (Q, sqrt ((double)d));
  return Q;
}

static void
basis_mean (bool plain, const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *Q,
            gsl_vector *mean)
{
  gsl_matrix *v = matrix (x->size1, x->size2);
  gsl_vector *loss = vector (x->size1);
  gsl_vector_set_zero (mean);
  for (size_t k = 0; k < Q->size1; k++)
    {
      gsl_vector_const_view q = gsl_matrix_const_row (Q, k);
      for (size_t i = 0; i < x->size1; i++)
        gsl_matrix_set_row (v, i, &q.vector);
      ok (ssm_at (plain, score, x, t, v, loss));
      gsl_vector_add (mean, loss);
    }
  gsl_vector_scale (mean, 1 / (double)Q->size1);
}

static void
check_basis (const sb_score *score, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_vector *sliced = vector (x->size1), *whole = vector (x->size1);
  ok (ism_at (score, x, t, whole));
  for (uint64_t seed = 1; seed <= 3; seed++)
    for (int plain = 0; plain <= 1; plain++)
      {
        gsl_matrix *Q = basis (x->size2, seed);
        basis_mean (plain, score, x, t, Q, sliced);
        for (size_t i = 0; i < x->size1; i++)
          cr_assert_float_eq (gsl_vector_get (sliced, i), gsl_vector_get (whole, i),
                              1e-12 * (10 + fabs (gsl_vector_get (whole, i))), "%s, plain %d: %.15g, not %.15g",
                              score->type->name, plain, gsl_vector_get (sliced, i), gsl_vector_get (whole, i));
      }
}

Test (ssm, a_basis_gives_the_implicit_loss)
{
  enum
  {
    N = 40
  };
  sb_target *law = three_in_space ();
  sb_process *process = one_level (3, 0.7), *wide = one_level (MLP_D, 1);
  sb_score *exact = scoped (sb_score_exact_alloc (law, process));
  model w = mlp_alloc (2);
  sb_score *mlp = scoped (sb_score_alloc (&mlp_type, &w, wide));
  gsl_matrix *x = matrix (N, 3);
  gsl_vector *t = vector_all (N, 1);
  ok (sb_target_sample (law, (sb_stream){ 1, SB_FOR_DATA, 0 }, x));
  check_basis (exact, x, t);
  check_basis (mlp, normals (N, MLP_D, 1), t);
}

// ## Random directions
//
// The matrix [[1, .5, -.3], [.2, -2, .7], [.1, .4, .6]] has the trace $-0.4$; $\mathbf v^\top\mathbf A\mathbf v$ has
// the variance $2\|\operatorname{sym}\mathbf A\|_F^2 = 12.46$ with normals and 1.74 with signs. From $10^6$ directions:
// the mean within 5 standard errors, the variance within 2%, which is at least 6 of its standard errors (kurtosis below
// 10), false alarms below $10^{-6}$. [dsm2ddpm.txt-SSM]

static const double A[9] = { 1, 0.5, -0.3, 0.2, -2, 0.7, 0.1, 0.4, 0.6 };

static model
matrix_model (void)
{
  model w = affine_alloc (3);
  for (int k = 0; k < 9; k++)
    w.theta[3 + k] = A[k];
  return w;
}

static int
curvature_along (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v,
                 gsl_vector *curvature)
{
  gsl_matrix *Jv = matrix (x->size1, x->size2);
  int status = sb_score_jvp (score, SB_SCORE, x, t, NULL, v, Jv);
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view v_i = gsl_matrix_const_row (v, i), Jv_i = gsl_matrix_const_row (Jv, i);
      gsl_blas_ddot (&v_i.vector, &Jv_i.vector, gsl_vector_ptr (curvature, i));
    }
  return status;
}

Test (ssm, random_directions_estimate_the_trace)
{
  enum
  {
    N = 1000000
  };
  double frobenius = 0, diagonal = 0;
  for (int i = 0; i < 3; i++)
    {
      diagonal += gsl_pow_2 (A[4 * i]);
      for (int j = 0; j < 3; j++)
        frobenius += gsl_pow_2 ((A[3 * i + j] + A[3 * j + i]) / 2);
    }
  const double variance[] = { 2 * frobenius, 2 * (frobenius - diagonal) };
  cr_assert_float_eq (variance[0], 12.46, 1e-12);
  cr_assert_float_eq (variance[1], 1.74, 1e-12);

  sb_process *process = one_level (3, 1);
  model w = matrix_model ();
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  gsl_matrix *x = matrix_all (N, 3, 0), *v = matrix (N, 3);
  gsl_vector *t = vector_all (N, 0), *trace = vector (N);
  for (int law = SB_PROJECTION_GAUSSIAN; law <= SB_PROJECTION_RADEMACHER; law++)
    {
      double error;
      ok (sb_projection_draw ((sb_projection)law, (sb_stream){ 3, 0, 0 }, 2, v));
      ok (curvature_along (score, x, t, v, trace));
      double mean = mean_of (trace, &error), found = gsl_stats_variance (trace->data, 1, N);
      cr_assert_float_eq (mean, -0.4, 5 * error, "law %d: mean %g", law, mean);
      cr_assert_float_eq (found / variance[law], 1, 0.02, "law %d: variance %g", law, found);
    }
}

// Both forms of the loss have the implicit loss as their mean, for either law and any number of directions, and $M$
// directions are the mean of the $M$ single ones. The plain form has the larger variance (bounds on variances are 6
// standard errors wide). One point, $5\cdot10^4$ rows; 5 standard errors (false alarm $6\cdot10^{-7}$ each).
// [dsm2ddpm.txt-SSM]

static void
check_loss (const sb_score *score, sb_projection law, size_t M, bool plain, double expected, double *variance)
{
  enum
  {
    N = 50000
  };
  gsl_matrix *x = matrix (N, 3), *v = matrix (N, 3);
  gsl_vector *t = vector_all (N, 0), *loss = vector (N), *sum = vector_all (N, 0), *one = vector (N);
  sb_stream stream = { 4, SB_FOR_USER, 17 };
  double error;
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < 3; j++)
      gsl_matrix_set (x, i, j, 0.5 - (double)j);
  sb_objective ssm = on_data (sb_objective_ssm, score->process);
  ssm.key[0] = plain, ssm.key[1] = law, ssm.key[2] = (double)M;
  ok (sb_objective_loss (&ssm, score, x, NULL, stream, loss));
  double mean = mean_of (loss, &error);
  cr_assert_float_eq (mean, expected, 5 * error, "law %d, plain %d, M = %zu: %g, not %g", law, plain, M, mean,
                      expected);
  for (size_t k = 0; k < M; k++)
    {
      ok (sb_projection_draw (law, stream, k, v));
      ok (ssm_at (plain, score, x, t, v, one));
      gsl_vector_add (sum, one);
    }
  for (size_t i = 0; i < N; i += 1001)
    cr_assert_float_eq (gsl_vector_get (loss, i), gsl_vector_get (sum, i) / (double)M, 1e-12);
  *variance = gsl_stats_variance (loss->data, 1, N);
}

Test (ssm, random_slices_of_the_loss)
{
  sb_process *process = one_level (3, 1);
  model w = matrix_model ();
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  double x[3] = { 0.5, -0.5, -1.5 }, square = 0, one, three, plain;
  for (int i = 0; i < 3; i++)
    square += gsl_pow_2 (A[3 * i] * x[0] + A[3 * i + 1] * x[1] + A[3 * i + 2] * x[2]);
  double expected = -0.4 + 0.5 * square;
  for (int law = SB_PROJECTION_GAUSSIAN; law <= SB_PROJECTION_RADEMACHER; law++)
    {
      sb_projection projection = (sb_projection)law;
      check_loss (score, projection, 1, false, expected, &one);
      check_loss (score, projection, 3, false, expected, &three);
      check_loss (score, projection, 1, true, expected, &plain);
      cr_assert_float_eq (one / three, 3, 0.3, "law %d: variances %g and %g", law, one, three);
      cr_assert_float_eq (one / (law == SB_PROJECTION_GAUSSIAN ? 12.46 : 1.74), 1, 0.08);
      cr_assert_gt (plain, one + 0.3);
    }
}

// ## The minimum
//
// Affine models of data $\mathcal N(\mathbf m, \mathbf S)$: descent along the exact gradient of the expected loss (data
// and directions by sums that are exact for quadratics, slopes by differences that are) ends at $\mathbf B =
// -\mathbf S^{-1}$, $\mathbf a = \mathbf S^{-1}\mathbf m$. [dsm2ddpm.txt-SSM]

static double
expected_loss (const sb_score *score, const rule *r, const gsl_matrix *Q)
{
  gsl_vector *loss = vector (r->x->size1);
  basis_mean (false, score, r->x, r->t, Q, loss);
  return rule_mean (r, loss);
}

Test (ssm, linear_models_end_at_the_true_score)
{
  const double m[2] = { 0.5, -1 }, L[4] = { 1.2, 0, 0.5, 0.8 }; // S = [[1.44, 0.6], [0.6, 0.89]]
  const double det = 1.44 * 0.89 - 0.36, inverse[4] = { 0.89 / det, -0.6 / det, -0.6 / det, 1.44 / det };
  sb_process *process = one_level (2, 1);
  model w = affine_alloc (2);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  rule r = rule_of_gaussian (m, L, 2);
  gsl_matrix *Q = basis (2, 5);
  double slope[6];
  for (int step = 0; step < 600; step++)
    {
      for (int k = 0; k < 6; k++)
        {
          double theta = w.theta[k];
          w.theta[k] = theta + 0.5;
          slope[k] = expected_loss (score, &r, Q);
          w.theta[k] = theta - 0.5;
          slope[k] -= expected_loss (score, &r, Q);
          w.theta[k] = theta;
        }
      for (int k = 0; k < 6; k++)
        w.theta[k] -= 0.4 * slope[k];
    }
  for (int i = 0; i < 2; i++)
    {
      cr_assert_float_eq (w.theta[i], inverse[2 * i] * m[0] + inverse[2 * i + 1] * m[1], 1e-6, "a_%d = %g", i,
                          w.theta[i]);
      for (int j = 0; j < 2; j++)
        cr_assert_float_eq (w.theta[2 + 2 * i + j], -inverse[2 * i + j], 1e-6, "B_%d%d = %g", i, j,
                            w.theta[2 + 2 * i + j]);
    }
}

// ## One product, whatever the dimension
//
// For a perceptron in ten dimensions, at 50 random points along random directions: the
// product forward is what differences of the score say, to $10^{-6}$, and what a backward pass says, $\mathbf
// v^\top(\mathbf J^\top\mathbf v)$, to $10^{-12}$. A loss costs one of them, and one evaluation. [dsm2ddpm.txt-SSM-jvp]

Test (ssm, the_product_forward_backward_and_by_differences)
{
  enum
  {
    N = 50
  };
  const double h = 1e-5;
  sb_process *process = one_level (MLP_D, 1);
  model w = mlp_alloc (9);
  sb_score *score = scoped (sb_score_alloc (&mlp_type, &w, process));
  gsl_matrix *x = normals (N, MLP_D, 11), *v = normals (N, MLP_D, 12), *up = copy_of (x), *down = copy_of (x),
             *s_up = matrix (N, MLP_D), *s_down = matrix (N, MLP_D), *back = copy_of (v);
  gsl_vector *t = vector_all (N, 0), *curvature = vector (N);
  ok (curvature_along (score, x, t, v, curvature));
  cr_assert_eq (w.products, 1);

  gsl_matrix_scale (back, h);
  gsl_matrix_add (up, back);
  gsl_matrix_sub (down, back);
  ok (sb_score_evaluate (score, SB_SCORE, up, t, NULL, s_up));
  ok (sb_score_evaluate (score, SB_SCORE, down, t, NULL, s_down));
  ok (sb_score_vjp (score, SB_SCORE, x, t, NULL, v, back));
  for (size_t i = 0; i < N; i++)
    {
      double difference = 0, reverse = 0, c = gsl_vector_get (curvature, i), size = 0;
      for (size_t j = 0; j < MLP_D; j++)
        {
          double v_j = gsl_matrix_get (v, i, j);
          difference += v_j * (gsl_matrix_get (s_up, i, j) - gsl_matrix_get (s_down, i, j)) / (2 * h);
          reverse += v_j * gsl_matrix_get (back, i, j);
          size += fabs (v_j * gsl_matrix_get (back, i, j));
        }
      cr_assert_float_eq (c, difference, 1e-6 * size, "row %zu: %g, by differences %g", i, c, difference);
      cr_assert_float_eq (c, reverse, 1e-12 * size, "row %zu: %g, backward %g", i, c, reverse);
    }

  w.evaluations = w.products = 0;
  ok (ssm_at (false, score, x, t, v, curvature));
  cr_assert_eq (w.products, 1);
  cr_assert_eq (w.evaluations, 1);
  sb_objective four = on_data (sb_objective_ssm, process);
  four.key[2] = 4;
  ok (sb_objective_loss (&four, score, x, NULL, (sb_stream){ 1, 0, 0 }, curvature));
  cr_assert_eq (w.products, 1 + 4);
  cr_assert_eq (w.evaluations, 1 + 1);
}

// ## Data on a subspace
//
// Two of five coordinates carry data. Along each of the other three the score is $-c\,x$, and the loss $-c$: descent
// with step $\eta$ is at $c = \eta n$ and $J = -\eta n$ after $n$ steps, and does not end. With noise $\sigma$ the loss
// is $-c + c^2\sigma^2/2$, and it ends at $c = 1/\sigma^2$ with $J = -1/2\sigma^2$. [dsm2ddpm.txt-SSM-degenerate]

enum
{
  NORMAL = 3,
  WHOLE = 5
};

static void
set_normal (model *w, double c)
{
  for (size_t k = WHOLE - NORMAL; k < WHOLE; k++)
    w->theta[WHOLE * (1 + k) + k] = -c;
}

static double
descend (double sigma, double eta, int steps, double *c)
{
  double mean[WHOLE] = { 0 }, L[WHOLE * WHOLE] = { 0 };
  for (size_t k = 0; k < WHOLE; k++)
    L[k * WHOLE + k] = k < WHOLE - NORMAL ? hypot (1, sigma) : sigma;
  sb_process *process = one_level (WHOLE, 1);
  model w = affine_alloc (WHOLE);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  rule r = rule_of_gaussian (mean, L, WHOLE);
  gsl_matrix *Q = matrix (WHOLE, WHOLE);
  gsl_matrix_set_identity (Q);
  gsl_matrix_scale (Q, sqrt (WHOLE));
  *c = 0;
  for (int n = 0; n < steps; n++)
    {
      set_normal (&w, *c + 1);
      double slope = expected_loss (score, &r, Q);
      set_normal (&w, *c - 1);
      slope -= expected_loss (score, &r, Q);
      *c -= eta * slope / 2 / NORMAL;
    }
  set_normal (&w, *c);
  return expected_loss (score, &r, Q) / NORMAL;
}

Test (ssm, no_minimum_on_a_subspace)
{
  double c, J = descend (0, 0.01, 2000, &c);
  cr_assert_float_eq (c, 20, 1e-11, "c = %.15g", c);
  cr_assert_float_eq (J, -20, 1e-11, "J = %.15g", J);
  J = descend (0.1, 50, 60, &c);
  cr_assert_float_eq (c, 100, 1e-9, "c = %.15g", c);
  cr_assert_float_eq (J, -50, 1e-9, "J = %.15g", J);
}

// Under noise no model is below $-\tfrac12\mathbb E\|\nabla\log q_\sigma\|^2$, nor that below $-d/2\sigma^2$. On a
// line, by quadrature. [dsm2ddpm.txt-SSM-degenerate]

Test (ssm, noise_puts_a_floor_under_the_loss)
{
  const double sigmas[] = { 0.05, 0.1, 0.5 };
  sb_target *law = two_bumps ();
  gsl_matrix *Q = matrix_of (1, 1, 1);
  sb_target *laws[] = { law, scoped (sb_target_points_alloc (matrix_of (2, 1, -2, 1.5), NULL)) };
  for (int which = 0; which < 2; which++)
    for (int k = 0; k < 3; k++)
      {
        sb_process *process = one_level (1, sigmas[k]);
        sb_score *truth = scoped (sb_score_exact_alloc (laws[which], process));
        rule r = rule_of_line (laws[which], process, 1, -10, 10, 8001);
        double best = expected_loss (truth, &r, Q), floor = -0.5 / gsl_pow_2 (sigmas[k]);
        cr_assert_geq (best, floor * (1 + 1e-12), "sigma = %g: %g under %g", sigmas[k], best, floor);
        for (int i = 0; i < 20; i++)
          {
            model w = wave_alloc (sin (i), 3 * cos (2 * i) / sigmas[k], sin (5 * i) / sigmas[k]);
            sb_score *score = scoped (sb_score_alloc (&wave_type, &w, process));
            double J = expected_loss (score, &r, Q);
            cr_assert_geq (J, best, "sigma = %g, model %d: %g under %g", sigmas[k], i, J, best);
          }
      }
}

// ## What cannot be done

Test (ssm, what_does_not_fit_is_refused)
{
  sb_process *process = one_level (2, 1);
  model w = affine_alloc (2);
  static sb_score_type no_products;
  no_products = affine_type;
  no_products.jvp = NULL;
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process)),
           *without = scoped (sb_score_alloc (&no_products, &w, process));
  gsl_matrix *x = matrix_all (4, 2, 0);
  gsl_vector *loss = vector (4);
  sb_objective ssm = on_data (sb_objective_ssm, process), none = ssm;
  none.key[2] = 0;
  sb_stream stream = { 0 };
  refused (GSL_EDOM, sb_objective_loss (&none, score, x, NULL, stream, loss));
  refused (GSL_EUNSUP, sb_objective_loss (&ssm, without, x, NULL, stream, loss));
  refused (GSL_EINVAL, sb_projection_draw ((sb_projection)7, stream, 0, x));
  refused (GSL_EDOM, sb_projection_draw (SB_PROJECTION_RADEMACHER, stream, (size_t)1 << 40, x));
}
