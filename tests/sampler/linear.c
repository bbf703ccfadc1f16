// # A linear SDE in the plane

#include "linear.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

void
linear_multiply (const double *a, CBLAS_TRANSPOSE_t trans_a, const double *b, CBLAS_TRANSPOSE_t trans_b, double *c)
{
  cblas_dgemm (CblasRowMajor, trans_a, trans_b, 2, 2, 2, 1, a, 2, b, 2, 0, c, 2);
}

void
linear_invert (const double *a, double *inverse)
{
  double det = a[0] * a[3] - a[1] * a[2];
  inverse[0] = a[3] / det;
  inverse[1] = -a[1] / det;
  inverse[2] = -a[2] / det;
  inverse[3] = a[0] / det;
}

linear
linear_random (double seed)
{
  gsl_rng *r = property_rng (seed);
  linear state;
  for (int i = 0; i < 4; i++)
    {
      state.F[i] = gsl_ran_flat (r, -1, 1);
      state.G[i] = gsl_ran_flat (r, -1, 1) + (i == 0 || i == 3);
    }
  double root[4] = { gsl_ran_flat (r, 0.5, 1), 0, gsl_ran_flat (r, -1, 1), gsl_ran_flat (r, 0.5, 1) };
  linear_multiply (root, CblasNoTrans, root, CblasTrans, state.covariance);
  return state;
}

// Mean and covariance over a time $h$ by one exponential (Van Loan, 1978):
// $\exp h\begin{pmatrix}-F & GG^{\mathsf T}\\0 & F^{\mathsf T}\end{pmatrix}
//  = \begin{pmatrix}\cdot & E\\0 & A^{\mathsf T}\end{pmatrix}$, $Q = A E$.

void
linear_transition (const linear *state, double h, double *A, double *Q)
{
  double GG[4], block[16] = { 0 }, exponential[16], E[4];
  linear_multiply (state->G, CblasNoTrans, state->G, CblasTrans, GG);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      {
        block[4 * i + j] = -h * state->F[2 * i + j];
        block[4 * i + 2 + j] = h * GG[2 * i + j];
        block[4 * (2 + i) + 2 + j] = h * state->F[2 * j + i];
      }
  gsl_matrix_view in = gsl_matrix_view_array (block, 4, 4), out = gsl_matrix_view_array (exponential, 4, 4);
  gsl_linalg_exponential_ss (&in.matrix, &out.matrix, GSL_PREC_DOUBLE);
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++)
      {
        A[2 * j + i] = exponential[4 * (2 + i) + 2 + j];
        E[2 * i + j] = exponential[4 * i + 2 + j];
      }
  linear_multiply (A, CblasNoTrans, E, CblasNoTrans, Q);
}

void
linear_covariance (const linear *state, double t, double *C)
{
  double A[4], Q[4], AC[4], ACA[4];
  linear_transition (state, t, A, Q);
  linear_multiply (A, CblasNoTrans, state->covariance, CblasNoTrans, AC);
  linear_multiply (AC, CblasNoTrans, A, CblasTrans, ACA);
  for (int i = 0; i < 4; i++)
    C[i] = ACA[i] + Q[i];
}

// ## The process
//
// All rows of these tests share their times. $S$ is the Cholesky factor of the covariance, lower triangular, so that
// $S$ and its transpose differ.

static void
cholesky (const double *Q, double *S)
{
  S[0] = sqrt (Q[0]);
  S[1] = 0;
  S[2] = Q[2] / S[0];
  S[3] = sqrt (Q[3] - S[2] * S[2]);
}

static int
apply (const void *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s, const gsl_vector *t,
       gsl_matrix *x)
{
  const linear *state = process;
  double A[4], Q[4], M[4];
  if (x->size1 == 0)
    return GSL_SUCCESS;
  linear_transition (state, gsl_vector_get (t, 0) - (s != NULL ? gsl_vector_get (s, 0) : 0), A, Q);
  if (map == SB_S)
    cholesky (Q, M);
  else if (map == SB_A_INVERSE)
    linear_invert (A, M);
  else
    memcpy (M, map == SB_A ? A : map == SB_F ? state->F : state->G, sizeof M);
  for (size_t i = 0; i < x->size1; i++)
    {
      double x_i[2] = { gsl_matrix_get (x, i, 0), gsl_matrix_get (x, i, 1) };
      cblas_dgemv (CblasRowMajor, transpose, 2, 2, 1, M, 2, x_i, 1, 0, gsl_matrix_ptr (x, i, 0), 1);
    }
  return GSL_SUCCESS;
}

static const sb_process_type process_type = { .name = "linear", .apply = apply };

sb_process *
linear_alloc (const linear *state)
{
  return scoped (sb_process_alloc (&process_type, (void *)state, 2, 1e-6, 1, 0));
}

static int
evaluate (const void *law, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out)
{
  double C[4], inverse[4];
  (void)y;
  if (view != SB_SCORE)
    return GSL_EUNSUP;
  for (size_t i = 0; i < x->size1; i++)
    {
      linear_covariance (law, gsl_vector_get (t, i), C);
      linear_invert (C, inverse);
      double x_i[2] = { gsl_matrix_get (x, i, 0), gsl_matrix_get (x, i, 1) };
      cblas_dgemv (CblasRowMajor, CblasNoTrans, 2, 2, -1, inverse, 2, x_i, 1, 0, gsl_matrix_ptr (out, i, 0), 1);
    }
  return GSL_SUCCESS;
}

const sb_score_type linear_score_type = { .name = "linear", .views = SB_SCORE, .evaluate = evaluate };
