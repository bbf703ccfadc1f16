// # Fitting a mixture of probabilistic PCA
//
// By expectation and maximisation (Tipping and Bishop, 1999, Appendix C): with the responsibilities $r_{ik}$ of the
// components for the points, each of
// $$ w_k \leftarrow \tfrac{N_k}n, \qquad \boldsymbol\mu_k \leftarrow \tfrac1{N_k}\sum_i r_{ik}\,\mathbf x_i, \qquad
//    N_k = \sum_i r_{ik}, $$
// and then a step of $\mathbf W_k$ and $v_k$ towards the weighted covariance
// $\mathbf S_k = \frac1{N_k}\sum_i r_{ik}(\mathbf x_i - \boldsymbol\mu_k)(\mathbf x_i - \boldsymbol\mu_k)^\top$
// raises the likelihood of the data, or keeps it. $\mathbf S_k$ is only multiplied by $\mathbf W_k$, never formed.

#include "pca_mixture.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "mixture.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

enum
{
  START_STEPS = 10,
  SHARD_ROWS = 256
};

typedef struct
{
  size_t n, d, K, q;
  sb_stream stream;
  double least;       // lower bound of v_k
  gsl_vector *centre; // d: the mean of all points
  gsl_matrix *x;      // n x d: points less that
  gsl_vector *square; // n: |x_i|^2
  gsl_matrix *r;      // n x K
  gsl_vector *log_p;  // n
  gsl_matrix *Q, *Z;  // K q x d, K q x q
  gsl_matrix *root;   // K x d
  gsl_vector *w, *v;  // the parameters: K
  gsl_matrix *mu, *W; // K x d, K q x d
} fit;

static void
fit_free (fit *f)
{
  gsl_vector_free (f->centre);
  gsl_matrix_free (f->x);
  gsl_vector_free (f->square);
  gsl_matrix_free (f->r);
  gsl_vector_free (f->log_p);
  gsl_matrix_free (f->Q);
  gsl_matrix_free (f->Z);
  gsl_matrix_free (f->root);
}

static int
fit_alloc (fit *f)
{
  f->centre = gsl_vector_calloc (f->d);
  f->x = gsl_matrix_alloc (f->n, f->d);
  f->square = gsl_vector_alloc (f->n);
  f->r = gsl_matrix_calloc (f->n, f->K);
  f->log_p = gsl_vector_alloc (f->n);
  f->Q = gsl_matrix_alloc (f->K * f->q, f->d);
  f->Z = gsl_matrix_alloc (f->K * f->q, f->q);
  f->root = gsl_matrix_alloc (f->K, f->d);
  if (f->centre && f->x && f->square && f->r && f->log_p && f->Q && f->Z && f->root)
    return GSL_SUCCESS;
  fit_free (f);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu points in %zu dimensions", f->n, f->d);
}

static void
centre_points (fit *f, const gsl_matrix *x)
{
  gsl_matrix_memcpy (f->x, x);
  for (size_t i = 0; i < f->n; i++)
    {
      const gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
      gsl_blas_daxpy (1 / (double)f->n, &x_i.vector, f->centre);
    }
  for (size_t i = 0; i < f->n; i++)
    {
      gsl_vector_view x_i = gsl_matrix_row (f->x, i);
      gsl_vector_sub (&x_i.vector, f->centre);
      gsl_vector_set (f->square, i, gsl_pow_2 (gsl_blas_dnrm2 (&x_i.vector)));
    }
  f->least = 1e-4 * gsl_vector_sum (f->square) / (double)(f->n * f->d);
}

// ## Where it starts
//
// Lloyd's means. The first is a point at random, each further one a point drawn with a probability proportional to its
// square distance from the nearest so far (Arthur and Vassilvitskii, 2007).

static double
square_distance (const fit *f, size_t i, size_t k)
{
  double sum = 0;
  for (size_t j = 0; j < f->d; j++)
    sum += gsl_pow_2 (gsl_matrix_get (f->x, i, j) - gsl_matrix_get (f->mu, k, j));
  return sum;
}

static int
seed_means (fit *f)
{
  gsl_matrix *u = gsl_matrix_alloc (1, f->K);
  int status = u ? sb_stream_uniforms (f->stream, 0, u) : GSL_ENOMEM;
  gsl_vector_set_all (f->log_p, 1); // the square distance from the nearest mean: before there is one, all are equal
  for (size_t k = 0; k < f->K && !status; k++)
    {
      double total = 0, sum = 0;
      size_t i = 0;
      for (size_t m = 0; m < f->n; m++)
        total += gsl_vector_get (f->log_p, m);
      for (; i + 1 < f->n; i++)
        if ((sum += gsl_vector_get (f->log_p, i)) > gsl_matrix_get (u, 0, k) * total)
          break;
      gsl_vector_const_view x_i = gsl_matrix_const_row (f->x, i);
      gsl_matrix_set_row (f->mu, k, &x_i.vector);
      for (size_t m = 0; m < f->n; m++)
        {
          const double square = square_distance (f, m, k);
          gsl_vector_set (f->log_p, m, k ? fmin (gsl_vector_get (f->log_p, m), square) : square);
        }
    }
  gsl_matrix_free (u);
  return status;
}

// r_ik <- 1 for the nearest mean, 0 elsewhere.

static int
assign_rows (void *context, size_t number, size_t first, size_t count)
{
  fit *f = context;
  (void)number;
  for (size_t i = first; i < first + count; i++)
    {
      gsl_vector_view r_i = gsl_matrix_row (f->r, i);
      for (size_t k = 0; k < f->K; k++)
        gsl_vector_set (&r_i.vector, k, square_distance (f, i, k));
      const size_t nearest = gsl_vector_min_index (&r_i.vector);
      gsl_vector_set_basis (&r_i.vector, nearest);
    }
  return GSL_SUCCESS;
}

// w_k and mu_k from r; returns N_k. A component without points keeps its mean.

static double
weighted_mean (fit *f, size_t k)
{
  const gsl_vector_const_view r_k = gsl_matrix_const_column (f->r, k);
  gsl_vector_view mu = gsl_matrix_row (f->mu, k);
  double N = 0;
  for (size_t i = 0; i < f->n; i++)
    N += gsl_vector_get (&r_k.vector, i);
  if (N > 0)
    gsl_blas_dgemv (CblasTrans, 1 / N, f->x, &r_k.vector, 0, &mu.vector);
  gsl_vector_set (f->w, k, N / (double)f->n);
  return N;
}

// tr S_k.

static double
trace (const fit *f, size_t k, double N)
{
  const gsl_vector_const_view r_k = gsl_matrix_const_column (f->r, k), mu = gsl_matrix_const_row (f->mu, k);
  double sum;
  gsl_blas_ddot (&r_k.vector, f->square, &sum);
  return sum / N - gsl_pow_2 (gsl_blas_dnrm2 (&mu.vector));
}

// $\mathbf B = \frac1{N_k}\sum_i r_{ik}\,\mathbf y_i(\mathbf x_i - \boldsymbol\mu_k)^\top$, q x d, of any y (n x q),
// which is overwritten. A constant added to y changes nothing: so $\mathbf y_i = \mathbf W\mathbf x_i$ gives $\mathbf
// W\mathbf S$.

static void
weigh (const fit *f, size_t k, double N, gsl_matrix *y, gsl_matrix *B)
{
  const gsl_vector_const_view mu = gsl_matrix_const_row (f->mu, k);
  for (size_t i = 0; i < f->n; i++)
    {
      gsl_vector_view y_i = gsl_matrix_row (y, i);
      gsl_vector_scale (&y_i.vector, gsl_matrix_get (f->r, i, k));
    }
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1 / N, y, f->x, 0, B);
  for (size_t a = 0; a < f->q; a++)
    {
      gsl_vector_view y_a = gsl_matrix_column (y, a), B_a = gsl_matrix_row (B, a);
      double sum = 0;
      for (size_t i = 0; i < f->n; i++)
        sum += gsl_vector_get (&y_a.vector, i);
      gsl_blas_daxpy (-sum / N, &mu.vector, &B_a.vector);
    }
}

// Initial loadings are random combinations of the points, such that $\mathbf W_k^\top\mathbf W_k$ has the expectation
// $\mathbf S_k$; the initial $v_k$ is the mean variance.

static int
start_component (void *context, size_t number, size_t k, size_t count)
{
  fit *f = context;
  (void)number, (void)count;
  gsl_matrix W = gsl_matrix_submatrix (f->W, k * f->q, 0, f->q, f->d).matrix;
  gsl_matrix *z = gsl_matrix_alloc (f->n, f->q);
  const double N = weighted_mean (f, k);
  int status = z ? sb_stream_normals (sb_stream_skip (f->stream, 1 + k * f->n), 0, z) : GSL_ENOMEM;
  if (!status && N == 0)
    status = GSL_ESING;
  if (!status)
    {
      weigh (f, k, N, z, &W);
      gsl_matrix_scale (&W, sqrt (N / (double)f->q));
      gsl_vector_set (f->v, k, GSL_MAX_DBL (f->least, trace (f, k, N) / (double)f->d));
    }
  gsl_matrix_free (z);
  return status;
}

static int
start (fit *f)
{
  int status = seed_means (f);
  for (size_t m = 0; m < START_STEPS && !status; m++)
    {
      status = sb_shards (f->n, SHARD_ROWS, assign_rows, f);
      for (size_t k = 0; k < f->K && !status; k++)
        weighted_mean (f, k);
    }
  return status ? status : sb_shards (f->K, 1, start_component, f);
}

// ## Expectation

static int
factorise (const fit *f, size_t k, pca_factor *factor)
{
  *factor = (pca_factor){ .mean = gsl_matrix_row (f->mu, k).vector,
                          .root = gsl_matrix_row (f->root, k).vector,
                          .Q = gsl_matrix_submatrix (f->Q, k * f->q, 0, f->q, f->d).matrix,
                          .Z = gsl_matrix_submatrix (f->Z, k * f->q, 0, f->q, f->q).matrix };
  const gsl_matrix_const_view W = gsl_matrix_const_submatrix (f->W, k * f->q, 0, f->q, f->d);
  gsl_matrix_memcpy (&factor->Q, &W.matrix);
  gsl_vector_set_all (&factor->root, gsl_vector_get (f->v, k));
  return pca_factorise (factor);
}

typedef struct
{
  const fit *f;
  const pca_factor *factor; // K
} expectation;

static int
expect_rows (void *context, size_t number, size_t first, size_t n)
{
  const expectation *of = context;
  const fit *f = of->f;
  const gsl_matrix_const_view x = gsl_matrix_const_submatrix (f->x, first, 0, n, f->d);
  gsl_matrix *e = gsl_matrix_alloc (n, f->d), *m = gsl_matrix_alloc (n, f->q);
  (void)number;
  for (size_t k = 0; k < f->K && e && m; k++)
    {
      pca_centre (of->factor + k, &x.matrix, e);
      pca_solve (of->factor + k, e, m);
      for (size_t i = 0; i < n; i++)
        gsl_matrix_set (f->r, first + i, k, log (gsl_vector_get (f->w, k)) + pca_log_density (of->factor + k, e, m, i));
    }
  for (size_t i = first; i < first + n && e && m; i++)
    {
      gsl_vector_view r_i = gsl_matrix_row (f->r, i);
      gsl_vector_set (f->log_p, i, mixture_normalise (&r_i.vector));
    }
  const int status = e && m ? GSL_SUCCESS : GSL_ENOMEM;
  gsl_matrix_free (e);
  gsl_matrix_free (m);
  return status;
}

static int
expect (fit *f)
{
  pca_factor *factor = malloc (f->K * sizeof *factor);
  int status = factor ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t k = 0; k < f->K && !status; k++)
    status = factorise (f, k, factor + k);
  if (!status)
    status = sb_shards (f->n, SHARD_ROWS, expect_rows, &(expectation){ f, factor });
  free (factor);
  return status;
}

// ## Maximisation
//
// With $\mathbf B = \mathbf W\mathbf S$, $\mathbf A = \mathbf B\mathbf W^\top$ and $\mathbf M = v\mathbf I + \mathbf
// W\mathbf W^\top$, one step of EM for probabilistic PCA is
// $$ \mathbf W \leftarrow \mathbf M\,(v\mathbf M + \mathbf A)^{-1}\mathbf B, \qquad
//    v \leftarrow \tfrac1d\bigl(\operatorname{tr}\mathbf S - \|\mathbf R^{-1}\mathbf B\|_F^2\bigr), \qquad
//    v\mathbf M + \mathbf A = \mathbf R\mathbf R^\top. $$

static int
climb (double trace_of_S, double least, gsl_matrix *W, gsl_matrix *B, gsl_matrix *M, gsl_matrix *R, double *v)
{
  gsl_vector_view on = gsl_matrix_diagonal (M);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, W, W, 0, M);
  gsl_vector_add_constant (&on.vector, *v);
  gsl_matrix_memcpy (R, M);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, B, W, *v, R);
  int status = gsl_linalg_cholesky_decomp1 (R);
  if (status)
    return status;
  gsl_blas_dtrsm (CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, R, B);
  double explained = 0;
  for (size_t a = 0; a < B->size1; a++)
    {
      const gsl_vector_const_view B_a = gsl_matrix_const_row (B, a);
      explained += gsl_pow_2 (gsl_blas_dnrm2 (&B_a.vector));
    }
  *v = GSL_MAX_DBL (least, (trace_of_S - explained) / (double)W->size2);
  gsl_blas_dtrsm (CblasLeft, CblasLower, CblasTrans, CblasNonUnit, 1, R, B);
  return gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, M, B, 0, W);
}

static int
maximise_component (void *context, size_t number, size_t k, size_t count)
{
  fit *f = context;
  (void)number, (void)count;
  gsl_matrix W = gsl_matrix_submatrix (f->W, k * f->q, 0, f->q, f->d).matrix,
             B = gsl_matrix_submatrix (f->Q, k * f->q, 0, f->q, f->d).matrix,
             M = gsl_matrix_submatrix (f->Z, k * f->q, 0, f->q, f->q).matrix;
  gsl_matrix *y = gsl_matrix_alloc (f->n, f->q), *R = gsl_matrix_alloc (f->q, f->q);
  const double N = weighted_mean (f, k);
  int status = y && R ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, f->x, &W, 0, y);
      weigh (f, k, N, y, &B);
      status = climb (trace (f, k, N), f->least, &W, &B, &M, R, gsl_vector_ptr (f->v, k));
    }
  gsl_matrix_free (y);
  gsl_matrix_free (R);
  return status;
}

static int
check_components (const fit *f)
{
  const double rounding = GSL_DBL_EPSILON * gsl_blas_dnrm2 (f->centre);
  if (!(f->least > 1e-4 * rounding * rounding))
    SB_ERROR (NULL, GSL_ESING, "the %zu points are all the same", f->n);
  for (size_t k = 0; k < f->K; k++)
    if (!(gsl_vector_get (f->v, k) > 0) || !(gsl_vector_get (f->w, k) > 0))
      SB_ERROR (NULL, GSL_ESING, "component %zu has the weight %g and the variance %g: too few points for it", k,
                gsl_vector_get (f->w, k), gsl_vector_get (f->v, k));
  return GSL_SUCCESS;
}

static int
run (fit *f, size_t iterations, gsl_vector *log_likelihood)
{
  int status = start (f);
  for (size_t m = 0; m < iterations && !status; m++)
    {
      status = check_components (f);
      if (!status)
        status = expect (f);
      if (!status && log_likelihood)
        gsl_vector_set (log_likelihood, m, gsl_vector_sum (f->log_p) / (double)f->n);
      if (!status)
        status = sb_shards (f->K, 1, maximise_component, f);
    }
  return status ? status : check_components (f);
}

int
sb_pca_mixture_fit (const gsl_matrix *x, size_t iterations, sb_stream stream, gsl_vector *weights, gsl_matrix *means,
                    gsl_matrix *loadings, gsl_vector *variances, gsl_vector *log_likelihood)
{
  const size_t K = means->size1, d = means->size2, q = K ? loadings->size1 / K : 0;
  if (K == 0 || d == 0 || q == 0 || x->size1 < K)
    SB_ERROR (NULL, GSL_EINVAL, "%zu points are not enough for %zu components in %zu dimensions, %zu loadings in all",
              x->size1, K, d, loadings->size1);
  if (x->size2 != d || loadings->size1 != K * q || loadings->size2 != d || weights->size != K || variances->size != K
      || (log_likelihood && log_likelihood->size != iterations))
    SB_ERROR (NULL, GSL_EBADLEN, "points of %zu numbers do not fit %zu x %zu means and %zu x %zu loadings", x->size2, K,
              d, loadings->size1, loadings->size2);
  int status = sb_check_finite ("the points of a fit", GSL_EDOM, x);
  if (status)
    return status;
  fit f = {
    .n = x->size1, .d = d, .K = K, .q = q, .stream = stream, .w = weights, .v = variances, .mu = means, .W = loadings
  };
  status = fit_alloc (&f);
  if (status)
    return status;
  centre_points (&f, x);
  status = run (&f, iterations, log_likelihood);
  for (size_t k = 0; k < K && !status; k++)
    {
      gsl_vector_view mu = gsl_matrix_row (means, k);
      gsl_vector_add (&mu.vector, f.centre);
    }
  fit_free (&f);
  return status;
}
