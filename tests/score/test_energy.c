// # What must be true of the score of an energy

#include "process/ve.h"
#include "score/callback.h"
#include "score/energy.h"
#include "score/exact.h"
#include "scope.h"

#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (energy);

enum
{
  D = 3,
  N = 50
};

// ## A quadratic
//
// $E = \tfrac12(\mathbf x - \mathbf m)^\top\mathbf A(\mathbf x - \mathbf m) + c$, a Gaussian whatever $c$ is.

typedef struct
{
  double m[D], A[D][D], constant;
} quadratic;

static const quadratic bowl = { { 1, -0.5, 2 }, { { 2, 0.3, -0.4 }, { 0.3, 1.5, 0.2 }, { -0.4, 0.2, 0.8 } }, 0 };

static double
energy_at (const quadratic *q, const double *x)
{
  double sum = q->constant;
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++)
      sum += 0.5 * (x[i] - q->m[i]) * q->A[i][j] * (x[j] - q->m[j]);
  return sum;
}

static void
multiply (const quadratic *q, bool centred, const gsl_matrix *x, gsl_matrix *out)
{
  for (size_t n = 0; n < x->size1; n++)
    for (size_t i = 0; i < D; i++)
      {
        double sum = 0;
        for (size_t j = 0; j < D; j++)
          sum += q->A[i][j] * (gsl_matrix_get (x, n, j) - (centred ? q->m[j] : 0));
        gsl_matrix_set (out, n, i, sum);
      }
}

static int
gradient (const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out, void *params)
{
  (void)t;
  multiply (params, true, x, out);
  return GSL_SUCCESS;
}

static int
hessian (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v, gsl_matrix *out, void *params)
{
  (void)x, (void)t;
  multiply (params, false, v, out);
  return GSL_SUCCESS;
}

// Its score is that of the Gaussian with the covariance $\mathbf A^{-1}$, from target/mixture.c, to $10^{-12}$; central
// differences of $-E$ agree to $10^{-8}$, and for a larger constant $E$, which only changes $Z$, every bit is the same.
// [dsm2ddpm.txt-EBM]

Test (energy, a_quadratic_is_a_gaussian)
{
  quadratic q = bowl, shifted = bowl;
  shifted.constant = 1e6;
  gsl_matrix *covariance = scope_matrix (D, D, D * D, q.A[0]);
  ok (gsl_linalg_cholesky_decomp1 (covariance));
  ok (gsl_linalg_cholesky_invert (covariance));
  sb_target *law = scoped (sb_target_gaussian_alloc (scope_vector (D, q.m), covariance));
  sb_process *process = scoped (sb_ve_alloc (D, 0.01, 10));
  sb_energy energy = { .gradient = gradient, .hessian = hessian, .params = &q }, other = energy;
  other.params = &shifted;
  sb_score *score = scoped (sb_score_energy_alloc (&energy, process)),
           *same = scoped (sb_score_energy_alloc (&other, process)),
           *truth = scoped (sb_score_exact_alloc (law, process));
  gsl_matrix *x = normals (N, D, 1), *v = normals (N, D, 2), *out = matrix (N, D), *right = matrix (N, D);
  gsl_vector *t = vector_all (N, 0);
  ok (sb_score_evaluate (score, SB_SCORE, x, t, NULL, out));
  ok (sb_score_evaluate (same, SB_SCORE, x, t, NULL, right));
  cr_assert (gsl_matrix_equal (out, right));
  ok (sb_score_evaluate (truth, SB_SCORE, x, t, NULL, right));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < D; j++)
      {
        double at[D], h = 1e-5, s = gsl_matrix_get (out, i, j), slope;
        for (size_t k = 0; k < D; k++)
          at[k] = gsl_matrix_get (x, i, k);
        at[j] += h;
        slope = -energy_at (&q, at);
        at[j] -= 2 * h;
        slope = (slope + energy_at (&q, at)) / (2 * h);
        cr_assert_float_eq (s, gsl_matrix_get (right, i, j), 1e-12 * (10 + fabs (s)));
        cr_assert_float_eq (s, slope, 1e-8 * (1 + energy_at (&q, at)));
      }
  ok (sb_score_jvp (score, SB_SCORE, x, t, NULL, v, out));
  ok (sb_score_jvp (truth, SB_SCORE, x, t, NULL, v, right));
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < D; j++)
      cr_assert_float_eq (gsl_matrix_get (out, i, j), gsl_matrix_get (right, i, j), 1e-12 * 10);
  ok (sb_score_vjp (score, SB_SCORE, x, t, NULL, v, right));
  cr_assert (gsl_matrix_equal (out, right));
}

// ## A network for an energy
//
// $E(\mathbf x) = \sum_k c_k\log(1 + e^{\mathbf w_k\cdot\mathbf x + b_k})$ has the gradient $\sum_k
// c_k\,\varsigma_k\,\mathbf w_k$. Its score has no curl: the Jacobian by differences is symmetric to $10^{-5}$, and so
// is not that of a network of the same kind whose output weights are not its input weights. [dsm2ddpm.txt-EBM]

enum
{
  UNITS = 8
};

typedef struct
{
  double in[UNITS][D], out[UNITS][D], b[UNITS], c[UNITS];
} network;

static int
network_gradient (const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out, void *params)
{
  const network *f = params;
  (void)t;
  gsl_matrix_set_zero (out);
  for (size_t n = 0; n < x->size1; n++)
    for (size_t k = 0; k < UNITS; k++)
      {
        double h = f->b[k];
        for (size_t j = 0; j < D; j++)
          h += f->in[k][j] * gsl_matrix_get (x, n, j);
        for (size_t j = 0; j < D; j++)
          *gsl_matrix_ptr (out, n, j) += f->c[k] / (1 + exp (-h)) * f->out[k][j];
      }
  return GSL_SUCCESS;
}

static int
network_field (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y;
  return network_gradient (x, t, out, params);
}

static double
largest_curl (const sb_score *score)
{
  const double h = 1e-5;
  gsl_matrix *x = normals (N, D, 3), *up = matrix (N, D), *down = matrix (N, D);
  gsl_vector *t = vector_all (N, 0);
  double J[D][N][D], curl = 0;
  for (size_t j = 0; j < D; j++)
    {
      gsl_matrix *moved = copy_of (x);
      gsl_vector_view moved_j = gsl_matrix_column (moved, j);
      gsl_vector_add_constant (&moved_j.vector, h);
      ok (sb_score_evaluate (score, SB_SCORE, moved, t, NULL, up));
      gsl_vector_add_constant (&moved_j.vector, -2 * h);
      ok (sb_score_evaluate (score, SB_SCORE, moved, t, NULL, down));
      for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < D; k++)
          J[j][i][k] = (gsl_matrix_get (up, i, k) - gsl_matrix_get (down, i, k)) / (2 * h);
    }
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < D; j++)
      for (size_t k = 0; k < j; k++)
        curl = larger (curl, fabs (J[j][i][k] - J[k][i][j]));
  return curl;
}

Test (energy, the_score_of_an_energy_has_no_curl)
{
  network f;
  for (int k = 0; k < UNITS; k++)
    {
      f.b[k] = cos (k);
      f.c[k] = 1 + sin (2 * k);
      for (int j = 0; j < D; j++)
        f.in[k][j] = f.out[k][j] = sin (5 * k + 3 * j);
    }
  sb_process *process = scoped (sb_ve_alloc (D, 0.01, 10));
  sb_energy energy = { .gradient = network_gradient, .params = &f };
  sb_score *score = scoped (sb_score_energy_alloc (&energy, process));
  cr_assert_lt (largest_curl (score), 1e-5);

  for (int k = 0; k < UNITS; k++)
    f.out[k][0] += 1;
  sb_score_callback callback = { .view = SB_SCORE, .function = network_field, .params = &f };
  score = scoped (sb_score_callback_alloc (&callback, process));
  cr_assert_gt (largest_curl (score), 0.1);
}

// ## What cannot be done

static int
fails (const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)out, (void)params;
  return GSL_EFAILED;
}

static int
fails_too (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *v, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)v, (void)out, (void)params;
  return GSL_ERANGE;
}

Test (energy, failures_are_handed_on)
{
  sb_process *process = scoped (sb_ve_alloc (1, 0.01, 10));
  sb_energy energy = { .gradient = fails }, nothing = { .hessian = fails_too };
  gsl_matrix *x = matrix_all (2, 1, 0), *out = matrix (2, 1);
  gsl_vector *t = vector_all (2, 0);
  cr_assert_null (sb_score_energy_alloc (&nothing, process));
  sb_score *score = scoped (sb_score_energy_alloc (&energy, process));
  refused (GSL_EFAILED, sb_score_evaluate (score, SB_SCORE, x, t, NULL, out));
  refused (GSL_EUNSUP, sb_score_jvp (score, SB_SCORE, x, t, NULL, x, out));
  refused (GSL_EUNSUP, sb_score_vjp (score, SB_SCORE, x, t, NULL, x, out));
  energy.hessian = fails_too;
  score = scoped (sb_score_energy_alloc (&energy, process));
  refused (GSL_ERANGE, sb_score_jvp (score, SB_SCORE, x, t, NULL, x, out));
  refused (GSL_ERANGE, sb_score_vjp (score, SB_SCORE, x, t, NULL, x, out));
}
