// # Mixtures of probabilistic PCA
//
// Images lie near a few linear pieces of a space of many dimensions $d$. Each piece is a Gaussian that varies freely in
// $q$ directions, the rows of $\mathbf W_k$, and little in all others (Tipping and Bishop, 1999):
// $$ p_0(\mathbf x) = \sum_k w_k\,\mathcal N\bigl(\mathbf x;\; \boldsymbol\mu_k,\,
//    v_k\mathbf I + \mathbf W_k^\top\mathbf W_k\bigr). $$
// Where a process is diagonal in an orthonormal basis $\mathbf B$, $\mathbf x_t = \mathbf B^\top(a\,\mathbf B\mathbf
// x_0 + \varsigma\,\mathbf z)$ with a number $a_j$ and $\varsigma_j$ for each coefficient $j$, the coefficients
// $\mathbf B\mathbf x_t$ of component $k$ have the mean $a\,\mathbf B\boldsymbol\mu_k$ and a covariance that is a
// diagonal plus a matrix of rank $q$,
// $$ \boldsymbol\Sigma_k = \operatorname{diag}(D_k) + \mathbf V_k^\top\mathbf V_k, \qquad
//    D_k = v_k a^2 + \varsigma^2, \qquad \mathbf V_k = \mathbf W_k\mathbf B^\top\operatorname{diag}(a), $$
// so that nothing larger than $q \times q$ is ever factorised. [soft.set-fixtures]

#include "pca_mixture.h"

#include "../base/checks.h"
#include "../base/clones.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "../operator/symmetric.h"
#include "mixture.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static gsl_vector
row (const gsl_matrix *m, size_t i)
{
  return gsl_matrix_const_row (m, i).vector;
}

SB_CLONES static void
multiply_row (size_t d, const double *c, double *x)
{
#pragma omp simd
  for (size_t j = 0; j < d; j++)
    x[j] *= c[j];
}

// y <- x - c, and its squares.

SB_CLONES static void
subtract_row (size_t d, const double *x, const double *c, double *y, double *squares)
{
#pragma omp simd
  for (size_t j = 0; j < d; j++)
    {
      y[j] = x[j] - c[j];
      squares[j] = y[j] * y[j];
    }
}

// Of vectors without gaps.

static void
multiply_columns (const gsl_vector *c, gsl_matrix *x)
{
  for (size_t i = 0; i < x->size1; i++)
    multiply_row (x->size2, c->data, gsl_matrix_ptr (x, i, 0));
}

// ## Woodbury's formula
//
// With $\mathbf U = \mathbf V\operatorname{diag}(D)^{-1/2}$, for $\mathbf e = D^{-1/2}(\mathbf x - \text{mean})$,
// $$ \boldsymbol\Sigma^{-1}(\mathbf x - \text{mean}) = D^{-1/2}\mathbf w, \qquad
//    \mathbf w = (\mathbf I + \mathbf U^\top\mathbf U)^{-1}\mathbf e = \mathbf e - \mathbf U^\top\mathbf m, \qquad
//    \mathbf m = \mathbf M^{-1}\mathbf U\mathbf e = \mathbf U\mathbf w, \qquad
//    \mathbf M = \mathbf I + \mathbf U\mathbf U^\top. $$
// $\mathbf M$ would lose the identity beside long loadings, of which some may be nearly parallel. It is never formed:
// orthonormal rows $[\mathbf Q\ \mathbf Z]$ with $[\mathbf U\ \mathbf I] = \mathbf L\,[\mathbf Q\ \mathbf Z]$ give
// $\mathbf M = \mathbf L\mathbf L^\top$, $\mathbf Q = \mathbf L^{-1}\mathbf U$ and $\mathbf Z = \mathbf L^{-1}$, and
// $$ \mathbf w = \mathbf e - \mathbf Q^\top\mathbf Q\mathbf e, \qquad \mathbf m = \mathbf Z^\top\mathbf Q\mathbf e. $$
// The exponent is $\mathbf e^\top\mathbf w = \mathbf w^\top(\mathbf I + \mathbf U^\top\mathbf U)\mathbf w =
// \|\mathbf w\|^2 + \|\mathbf m\|^2$, which subtracts nothing.

enum
{
  BLOCK = 32 // of LAPACK's, in columns
};

extern void dgeqrf_ (const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork,
                     int *info);
extern void dorgqr_ (const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau,
                     double *work, const int *lwork, int *info);

// Adds log det L, of L in the lower triangle of rows. A row of L is as long as that of [U, I], and its entries are
// rounded in proportion to this length; exactly, none on the diagonal is below 1.

static int
add_log_det (const gsl_matrix *rows, double *log_det)
{
  for (size_t j = 0; j < rows->size1; j++)
    {
      const gsl_vector L_j = gsl_matrix_const_subrow (rows, j, 0, j + 1).vector;
      const double L_jj = fabs (gsl_matrix_get (rows, j, j));
      if (!(DBL_EPSILON * gsl_blas_dnrm2 (&L_j) < 1e-6 * L_jj))
        SB_ERROR (NULL, GSL_EDOM, "a component's loadings are too large beside its noise");
      *log_det += log (L_jj);
    }
  return GSL_SUCCESS;
}

// rows <- [U, I], and from it [Q, Z], by LAPACK, to which rows are columns. U comes first: columns whose large numbers
// stand above the small ones are the least rounded.

static int
orthonormalise (pca_factor *f, gsl_matrix *rows, double *work)
{
  const size_t q = f->Q.size1, d = f->Q.size2;
  gsl_matrix U = gsl_matrix_submatrix (rows, 0, 0, q, d).matrix, I = gsl_matrix_submatrix (rows, 0, d, q, q).matrix;
  const int n = (int)q, m = (int)(d + q), lwork = BLOCK * n;
  double *tau = work + lwork;
  int info;
  gsl_matrix_memcpy (&U, &f->Q);
  gsl_matrix_set_identity (&I);
  dgeqrf_ (&m, &n, rows->data, &m, tau, work, &lwork, &info);
  const int status = add_log_det (rows, &f->log_det);
  if (status)
    return status;
  dorgqr_ (&m, &n, &n, rows->data, &m, tau, work, &lwork, &info);
  gsl_matrix_memcpy (&f->Q, &U);
  return gsl_matrix_memcpy (&f->Z, &I);
}

int
pca_factorise (pca_factor *f)
{
  const size_t q = f->Q.size1, d = f->Q.size2;
  f->log_det = 0;
  for (size_t j = 0; j < d; j++)
    {
      const double D = gsl_vector_get (&f->root, j);
      if (!(D >= DBL_MIN))
        SB_ERROR (NULL, GSL_EDOM, "a component has no variance and no noise along axis %zu: no density", j);
      f->log_det += log (D) / 2;
      gsl_vector_set (&f->root, j, 1 / sqrt (D));
    }
  multiply_columns (&f->root, &f->Q);
  gsl_matrix *rows = gsl_matrix_alloc (q, d + q);
  double *work = malloc ((BLOCK + 1) * q * sizeof *work);
  const int status = rows && work ? orthonormalise (f, rows, work)
                                  : sb_error_report (NULL, __FILE__, __LINE__, GSL_ENOMEM,
                                                     "no memory for a component in %zu dimensions", d);
  gsl_matrix_free (rows);
  free (work);
  return status;
}

SB_CLONES static void
centre_row (size_t d, const double *x, const double *mean, const double *root, double *e)
{
#pragma omp simd
  for (size_t j = 0; j < d; j++)
    e[j] = (x[j] - mean[j]) * root[j];
}

void
pca_centre (const pca_factor *f, const gsl_matrix *x, gsl_matrix *e)
{
  for (size_t i = 0; i < x->size1; i++)
    centre_row (x->size2, gsl_matrix_const_ptr (x, i, 0), f->mean.data, f->root.data, gsl_matrix_ptr (e, i, 0));
}

void
pca_solve (const pca_factor *f, gsl_matrix *e, gsl_matrix *m)
{
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, e, &f->Q, 0, m);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, -1, m, &f->Q, 1, e);
  gsl_blas_dtrmm (CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, 1, &f->Z, m);
}

SB_CLONES static double
sum_of_squares (size_t d, const double *x)
{
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < d; j++)
    sum += x[j] * x[j];
  return sum;
}

static double
square (const gsl_matrix *m, size_t i)
{
  return sum_of_squares (m->size2, gsl_matrix_const_ptr (m, i, 0));
}

double
pca_log_density (const pca_factor *f, const gsl_matrix *e, const gsl_matrix *m, size_t i)
{
  return -0.5 * (square (e, i) + square (m, i) + (double)f->root.size * log (2 * M_PI)) - f->log_det;
}

// ## The law at a time
//
// The means and loadings as coefficients in the basis are found once for a batch, the factors once for each of its
// times.

typedef struct
{
  const pca_mixture *law;
  const sb_process *process;
  gsl_matrix *mu, *W, *x, *v, *out; // K x d, K q x d, n x d: coefficients in the basis; v NULL: no directions
  gsl_vector *a, *sd;               // d
  gsl_matrix *mean, *root;          // K x d
  gsl_matrix *Q, *Z;                // K q x d, K q x q
  pca_factor *f;                    // K
  gsl_vector *centre;               // d: the origin of the approximate pass, and its factors:
  gsl_matrix *look, *inverse;       // K q + K x d, K x d
  gsl_vector *offset;               // K q + K
} snapshot;

static void
snapshot_free (snapshot *s)
{
  gsl_matrix_free (s->mu);
  gsl_matrix_free (s->W);
  gsl_matrix_free (s->x);
  gsl_matrix_free (s->v);
  gsl_matrix_free (s->out);
  gsl_vector_free (s->a);
  gsl_vector_free (s->sd);
  gsl_matrix_free (s->mean);
  gsl_matrix_free (s->root);
  gsl_matrix_free (s->Q);
  gsl_matrix_free (s->Z);
  free (s->f);
  gsl_vector_free (s->centre);
  gsl_matrix_free (s->look);
  gsl_matrix_free (s->inverse);
  gsl_vector_free (s->offset);
}

static int
snapshot_alloc (snapshot *s, const pca_mixture *law, const sb_process *process, const sb_target_question *q)
{
  const size_t K = law->K, d = law->d, Kq = law->K * law->q, n = q->x->size1, rows = q->out ? q->out->size1 : n;
  *s = (snapshot){ .law = law,
                   .process = process,
                   .mu = gsl_matrix_alloc (K, d),
                   .W = gsl_matrix_alloc (Kq, d),
                   .x = gsl_matrix_alloc (n, d),
                   .v = q->v ? gsl_matrix_alloc (n, d) : NULL,
                   .out = gsl_matrix_alloc (rows, d),
                   .a = gsl_vector_alloc (d),
                   .sd = gsl_vector_alloc (d),
                   .mean = gsl_matrix_alloc (K, d),
                   .root = gsl_matrix_alloc (K, d),
                   .Q = gsl_matrix_alloc (Kq, d),
                   .Z = gsl_matrix_alloc (Kq, law->q),
                   .f = malloc (K * sizeof *s->f),
                   .centre = gsl_vector_alloc (d),
                   .look = gsl_matrix_alloc (Kq + K, d),
                   .inverse = gsl_matrix_alloc (K, d),
                   .offset = gsl_vector_alloc (Kq + K) };
  if (s->mu && s->W && s->x && (s->v || !q->v) && s->out && s->a && s->sd && s->mean && s->root && s->Q && s->Z && s->f
      && s->centre && s->look && s->inverse && s->offset)
    return GSL_SUCCESS;
  snapshot_free (s);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu rows under %zu components in %zu dimensions", n, K, d);
}

static int
coefficients (const snapshot *s, CBLAS_TRANSPOSE_t transpose, const gsl_matrix *x, gsl_matrix *out)
{
  return s->process->basis ? sb_operator_apply (s->process->basis, transpose, NULL, x, out)
                           : gsl_matrix_memcpy (out, x);
}

static int
take_coefficients (snapshot *s, const sb_target_question *q)
{
  int status = coefficients (s, CblasNoTrans, s->law->mu, s->mu);
  if (!status)
    status = coefficients (s, CblasNoTrans, s->law->W, s->W);
  if (!status)
    status = coefficients (s, CblasNoTrans, q->x, s->x);
  return status || !q->v ? status : coefficients (s, CblasNoTrans, q->v, s->v);
}

// For the approximate pass below: with $\boldsymbol\nu_k$ the mean less a common centre,
// $\operatorname{diag}(D_k)^{-1/2}$ times the rows of $\mathbf Q_k$, then the rows $\boldsymbol\nu_k/D_k$; their
// products with $\boldsymbol\nu_k$; and $1/D_k$.

static void
prepare_look (snapshot *s, size_t k)
{
  const size_t K = s->law->K, q = s->law->q;
  const pca_factor *f = s->f + k;
  gsl_matrix Q = target_block (s->look, k, q);
  gsl_vector inverse = row (s->inverse, k), nu = row (s->look, K * q + k),
             of_Q = gsl_vector_subvector (s->offset, k * q, q).vector;
  gsl_vector_memcpy (&inverse, &f->root);
  gsl_vector_mul (&inverse, &f->root);
  gsl_matrix_memcpy (&Q, &f->Q);
  multiply_columns (&f->root, &Q);
  gsl_vector_memcpy (&nu, &f->mean);
  gsl_vector_sub (&nu, s->centre);
  gsl_blas_dgemv (CblasNoTrans, 1, &Q, &nu, 0, &of_Q);
  double square = 0;
  for (size_t j = 0; j < nu.size; j++)
    square += gsl_pow_2 (gsl_vector_get (&nu, j) * gsl_vector_get (&f->root, j));
  gsl_vector_set (s->offset, K * q + k, square);
  gsl_vector_mul (&nu, &inverse);
}

// $D_k$, the mean and $\mathbf V_k$ of components, and from them the factors.

static int
factorise (void *context, size_t number, size_t first, size_t count)
{
  snapshot *s = context;
  int status = GSL_SUCCESS;
  (void)number;
  for (size_t k = first; k < first + count && !status; k++)
    {
      gsl_vector mu = row (s->mu, k);
      gsl_matrix W = target_block (s->W, k, s->law->q);
      pca_factor *f = s->f + k;
      *f = (pca_factor){ row (s->mean, k), row (s->root, k), target_block (s->Q, k, s->law->q),
                         target_block (s->Z, k, s->law->q), 0 };
      gsl_vector_memcpy (&f->mean, &mu);
      gsl_vector_mul (&f->mean, s->a);
      gsl_matrix_memcpy (&f->Q, &W);
      multiply_columns (s->a, &f->Q);
      for (size_t j = 0; j < s->law->d; j++)
        gsl_vector_set (&f->root, j,
                        gsl_pow_2 (gsl_vector_get (s->a, j)) * gsl_vector_get (s->law->v, k)
                            + gsl_pow_2 (gsl_vector_get (s->sd, j)));
      status = pca_factorise (f);
      if (!status)
        prepare_look (s, k);
    }
  return status;
}

static int
take_snapshot (snapshot *s, const gsl_vector *t)
{
  const gsl_vector_const_view time = gsl_vector_const_subvector (t, 0, 1);
  target_kernel *kernel;
  int status = target_kernels (s->process, &time.vector, &kernel);
  for (size_t j = 0; j < s->law->d && !status; j++)
    {
      const target_kernel of_part = kernel[sb_process_part (s->process, j)];
      gsl_vector_set (s->a, j, of_part.m);
      gsl_vector_set (s->sd, j, of_part.sd);
    }
  free (kernel);
  gsl_vector_set_zero (s->centre);
  for (size_t k = 0; k < s->law->K && !status; k++)
    {
      const gsl_vector mu = row (s->mu, k);
      gsl_blas_daxpy (1 / (double)s->law->K, &mu, s->centre);
    }
  gsl_vector_mul (s->centre, s->a);
  return status ? status : sb_shards (s->law->K, 1, factorise, s);
}

// ## A shard of the rows at one time
//
// Few components matter at a point, and only these are worth two products more. So densities of all are approximated
// first: with $\mathbf y = \mathbf x - \text{centre}$,
// $$ (\mathbf x - \text{mean}_k)^\top\boldsymbol\Sigma_k^{-1}(\mathbf x - \text{mean}_k) = \sum_j \frac{y_j^2}{D_{kj}}
//    - 2\,\mathbf y^\top\frac{\boldsymbol\nu_k}{D_k} + \boldsymbol\nu_k^\top\frac{\boldsymbol\nu_k}{D_k}
//    - \|\mathbf Q_k\mathbf e\|^2, $$
// which is two matrix products for all rows and components, and loses digits. Components whose density is $e^{-60}$
// of the largest or less, with a margin for those digits, are neglected. For the others $\mathbf w_k$, $\mathbf m_k$
// and the responsibilities are computed, in the rows where they matter.

enum
{
  SHARD_ROWS = 128
};

typedef struct
{
  const snapshot *s;
  gsl_matrix x, v, out; // of the shard's rows; out also where the result is a number
  gsl_vector number;
  size_t *chosen, *count; // K n, K: the rows in which component k matters, and how many
  gsl_matrix *y;          // 2 n x d
  gsl_matrix *near;       // n x K q + K
  gsl_matrix *size;       // n x K
  gsl_matrix *w, *m;      // K n x d, K n x q: of the chosen rows
  gsl_matrix *r;          // n x K
  gsl_vector *log_sum;    // n: log p_t
  gsl_matrix *score, *e;  // n x d
  gsl_matrix *root;       // q x d
} shard;

static void
shard_free (shard *h)
{
  free (h->chosen);
  free (h->count);
  gsl_matrix_free (h->y);
  gsl_matrix_free (h->near);
  gsl_matrix_free (h->size);
  gsl_matrix_free (h->w);
  gsl_matrix_free (h->m);
  gsl_matrix_free (h->r);
  gsl_vector_free (h->log_sum);
  gsl_matrix_free (h->score);
  gsl_matrix_free (h->e);
  gsl_matrix_free (h->root);
}

static int
shard_alloc (shard *h, size_t n)
{
  const pca_mixture *law = h->s->law;
  h->chosen = malloc (law->K * n * sizeof *h->chosen);
  h->count = malloc (law->K * sizeof *h->count);
  h->y = gsl_matrix_alloc (2 * n, law->d);
  h->near = gsl_matrix_alloc (n, law->K * law->q + law->K);
  h->size = gsl_matrix_alloc (n, law->K);
  h->w = gsl_matrix_alloc (law->K * n, law->d);
  h->m = gsl_matrix_alloc (law->K * n, law->q);
  h->r = gsl_matrix_alloc (n, law->K);
  h->log_sum = gsl_vector_alloc (n);
  h->score = gsl_matrix_alloc (n, law->d);
  h->e = gsl_matrix_alloc (n, law->d);
  h->root = gsl_matrix_alloc (law->q, law->d);
  if (h->chosen && h->count && h->y && h->near && h->size && h->w && h->m && h->r && h->log_sum && h->score && h->e
      && h->root)
    return GSL_SUCCESS;
  shard_free (h);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu rows of a batch", n);
}

// r <- the approximate log densities, size <- the magnitude of the numbers whose differences they are.

static void
look (shard *h)
{
  const snapshot *s = h->s;
  const size_t n = h->x.size1, K = s->law->K, q = s->law->q;
  gsl_matrix y = target_block (h->y, 0, n), squares = target_block (h->y, 1, n);
  for (size_t i = 0; i < n; i++)
    {
      const double *x_i = gsl_matrix_const_ptr (&h->x, i, 0);
      double *y_i = gsl_matrix_ptr (&y, i, 0), *square_i = gsl_matrix_ptr (&squares, i, 0);
      subtract_row (s->law->d, x_i, s->centre->data, y_i, square_i);
    }
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, &y, s->look, 0, h->near);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, &squares, s->inverse, 0, h->size);
  for (size_t k = 0; k < K; k++)
    {
      const double offset = gsl_vector_get (s->offset, K * q + k);
      gsl_matrix g = gsl_matrix_submatrix (h->near, 0, k * q, n, q).matrix;
      for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < q; a++)
          *gsl_matrix_ptr (&g, i, a) -= gsl_vector_get (s->offset, k * q + a);
      for (size_t i = 0; i < n; i++)
        {
          double *size = gsl_matrix_ptr (h->size, i, k);
          *size += offset;
          gsl_matrix_set (h->r, i, k,
                          s->law->log_w[k] - s->f[k].log_det
                              - 0.5 * (*size - 2 * gsl_matrix_get (h->near, i, K * q + k) - square (&g, i)));
        }
    }
}

static void
choose (shard *h)
{
  const size_t n = h->x.size1, K = h->s->law->K;
  memset (h->count, 0, K * sizeof *h->count);
  for (size_t i = 0; i < n; i++)
    {
      const gsl_vector r_i = row (h->r, i), size_i = row (h->size, i);
      const double least = gsl_vector_max (&r_i) - 60 - 1e-12 * gsl_vector_max (&size_i);
      for (size_t k = 0; k < K; k++)
        if (!(gsl_vector_get (&r_i, k) < least))
          h->chosen[k * n + h->count[k]++] = i;
    }
  gsl_matrix_set_all (h->r, -INFINITY);
}

// The rows chosen for component k: the first of its block.

static gsl_matrix
chosen_rows (const gsl_matrix *m, const shard *h, size_t k)
{
  return gsl_matrix_const_submatrix (m, k * h->x.size1, 0, h->count[k], m->size2).matrix;
}

static void
gather (const shard *h, size_t k, const gsl_matrix *x, gsl_matrix *out)
{
  for (size_t i = 0; i < h->count[k]; i++)
    {
      const gsl_vector from = row (x, h->chosen[k * h->x.size1 + i]);
      gsl_vector to = row (out, i);
      gsl_vector_memcpy (&to, &from);
    }
}

static void
weigh (shard *h)
{
  const pca_mixture *law = h->s->law;
  const size_t n = h->x.size1;
  look (h);
  choose (h);
  for (size_t k = 0; k < law->K; k++)
    {
      if (h->count[k] == 0)
        continue;
      const pca_factor *f = h->s->f + k;
      gsl_matrix w = chosen_rows (h->w, h, k), m = chosen_rows (h->m, h, k);
      gather (h, k, &h->x, &w);
      pca_centre (f, &w, &w);
      pca_solve (f, &w, &m);
      for (size_t i = 0; i < h->count[k]; i++)
        gsl_matrix_set (h->r, h->chosen[k * n + i], k, law->log_w[k] + pca_log_density (f, &w, &m, i));
      multiply_columns (&f->root, &w); // Sigma^-1 (x - mean)
    }
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector r_i = row (h->r, i);
      gsl_vector_set (h->log_sum, i, mixture_normalise (&r_i));
    }
}

// The sum over components of sign r_ik y_i, for one k and the rows y of those that are chosen.

static void
add_share (const shard *h, size_t k, double sign, const gsl_matrix *y, gsl_matrix *out)
{
  for (size_t i = 0; i < y->size1; i++)
    {
      const size_t to = h->chosen[k * h->x.size1 + i];
      gsl_vector y_i = row (y, i), out_i = row (out, to);
      gsl_blas_daxpy (sign * gsl_matrix_get (h->r, to, k), &y_i, &out_i);
    }
}

static int
answer_density (shard *h)
{
  return gsl_vector_memcpy (&h->number, h->log_sum);
}

static int
answer_score (shard *h)
{
  gsl_matrix_set_zero (&h->out);
  for (size_t k = 0; k < h->s->law->K; k++)
    if (h->count[k] > 0)
      {
        const gsl_matrix w = chosen_rows (h->w, h, k);
        add_share (h, k, -1, &w, &h->out);
      }
  return GSL_SUCCESS;
}

static int
answer_epsilon (shard *h)
{
  answer_score (h);
  multiply_columns (h->s->sd, &h->out);
  return gsl_matrix_scale (&h->out, -1);
}

// ## The posterior of $\mathbf x_0$
//
// A draw of component $k$ is $\mathbf x_0 = \boldsymbol\mu_k + \mathbf W_k^\top\mathbf f + \mathbf n$ with $\mathbf f
// \sim \mathcal N(0, \mathbf I)$ and $\mathbf n \sim \mathcal N(0, v_k\mathbf I)$. Given $\mathbf x_t$, $\mathbf f$
// has the mean $\mathbf m_k$ and the covariance $\mathbf M_k^{-1}$, and $\mathbf n$ the mean $v_k
// a\,\boldsymbol\Sigma_k^{-1}(\mathbf x_t - \text{mean})$: with the second written $\mathbf w_k$ from here on, the
// denoiser is
// $$ \mathbb E[\mathbf x_0 \mid \mathbf x_t, k]
//    = \boldsymbol\mu_k + v_k a\,\mathbf w_k + \mathbf W_k^\top\mathbf m_k. $$
// Nothing is divided by $a$, which may be 0.

static void
denoise (const shard *h, size_t k, const gsl_vector *from, gsl_matrix *x_hat)
{
  const snapshot *s = h->s;
  const size_t n = x_hat->size1;
  gsl_vector mu = row (s->mu, k);
  gsl_matrix m = chosen_rows (h->m, h, k), w = chosen_rows (h->w, h, k), W = target_block (s->W, k, s->law->q);
  gsl_matrix_memcpy (x_hat, &w);
  multiply_columns (s->a, x_hat);
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector x_i = row (x_hat, i);
      gsl_vector_scale (&x_i, gsl_vector_get (s->law->v, k));
      gsl_vector_add (&x_i, &mu);
      if (from)
        gsl_vector_sub (&x_i, from);
    }
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, &m, &W, 1, x_hat);
}

static gsl_matrix
memory_for (const shard *h, size_t k)
{
  return gsl_matrix_submatrix (h->e, 0, 0, h->count[k], h->e->size2).matrix;
}

static void
find_denoiser (const shard *h, const gsl_vector *from, gsl_matrix *x_hat)
{
  gsl_matrix_set_zero (x_hat);
  for (size_t k = 0; k < h->s->law->K; k++)
    if (h->count[k] > 0)
      {
        gsl_matrix e = memory_for (h, k);
        denoise (h, k, from, &e);
        add_share (h, k, 1, &e, x_hat);
      }
}

static int
answer_denoiser (shard *h)
{
  find_denoiser (h, NULL, &h->out);
  return GSL_SUCCESS;
}

// Given $\mathbf f$, coordinate $j$ of $\mathbf n$ has the variance $v_k\varsigma_j^2/D_j$, and its mean depends on
// $\mathbf f$ as $-v_k a_j^2/D_j$ times $\mathbf W_k^\top\mathbf f$, which leaves $\varsigma_j^2/D_j$ of that. So the
// covariance of $\mathbf x_0$ within a component is
// $$ \operatorname{diag}\bigl(v_k\varsigma^2/D_k\bigr) + \mathbf R^\top\mathbf R, \qquad
//    \mathbf R = \mathbf Z_k\mathbf W_k\operatorname{diag}\bigl(\varsigma^2/D_k\bigr), $$
// and the covariance of the components' denoisers is added to the average of these.

static void
add_within (const shard *h, size_t k, double r, gsl_matrix *covariance)
{
  const snapshot *s = h->s;
  const pca_factor *f = s->f + k;
  const gsl_matrix W = target_block (s->W, k, s->law->q);
  gsl_vector_view remains = gsl_matrix_row (h->e, 0), diagonal = gsl_matrix_diagonal (covariance);
  gsl_vector_memcpy (&remains.vector, s->sd);
  gsl_vector_mul (&remains.vector, &f->root);
  gsl_vector_mul (&remains.vector, &remains.vector);
  gsl_matrix_memcpy (h->root, &W);
  multiply_columns (&remains.vector, h->root);
  gsl_blas_dtrmm (CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, &f->Z, h->root);
  gsl_blas_dsyrk (CblasLower, CblasTrans, r, h->root, 1, covariance);
  gsl_blas_daxpy (r * gsl_vector_get (s->law->v, k), &remains.vector, &diagonal.vector);
}

static int
answer_covariance (shard *h)
{
  const gsl_vector from = row (h->s->mu, 0);
  gsl_vector_view e = gsl_matrix_row (h->e, 0), x_hat = gsl_matrix_row (h->score, 0);
  find_denoiser (h, &from, h->score);
  gsl_matrix_set_zero (&h->out);
  for (size_t k = 0; k < h->s->law->K; k++)
    {
      if (h->count[k] == 0)
        continue;
      const double r = gsl_matrix_get (h->r, 0, k);
      denoise (h, k, &from, h->e);
      gsl_vector_sub (&e.vector, &x_hat.vector);
      gsl_blas_dsyr (CblasLower, r, &e.vector, &h->out);
      add_within (h, k, r, &h->out);
    }
  sb_symmetric_mirror (&h->out);
  return GSL_SUCCESS;
}

// ## The Jacobian of the score
//
// With $\mathbf e_k = \mathbf s_k - \mathbf s$ it is $\mathbf J = \sum_k r_k\bigl[-\boldsymbol\Sigma_k^{-1} +
// \mathbf e_k\mathbf e_k^\top\bigr]$.

static void
deviations (const shard *h, size_t k, gsl_matrix *e)
{
  const gsl_matrix w = chosen_rows (h->w, h, k);
  gather (h, k, h->score, e);
  gsl_matrix_add (e, &w);
  gsl_matrix_scale (e, -1);
}

static void
find_score (shard *h)
{
  answer_score (h);
  gsl_matrix_memcpy (h->score, &h->out);
}

// out_i += r_ik (e_i . v_i) e_i.

static void
add_along (const shard *h, size_t k, const gsl_matrix *e, gsl_matrix *out)
{
  for (size_t i = 0; i < e->size1; i++)
    {
      const size_t to = h->chosen[k * h->x.size1 + i];
      const gsl_vector e_i = row (e, i), v_i = row (&h->v, to);
      gsl_vector out_i = row (out, to);
      double along;
      gsl_blas_ddot (&e_i, &v_i, &along);
      gsl_blas_daxpy (gsl_matrix_get (h->r, to, k) * along, &e_i, &out_i);
    }
}

static int
answer_jvp (shard *h)
{
  find_score (h);
  gsl_matrix_set_zero (&h->out);
  for (size_t k = 0; k < h->s->law->K; k++)
    if (h->count[k] > 0)
      {
        const pca_factor *f = h->s->f + k;
        gsl_matrix w = chosen_rows (h->w, h, k), m = chosen_rows (h->m, h, k), e = memory_for (h, k);
        deviations (h, k, &e);
        add_along (h, k, &e, &h->out);
        gather (h, k, &h->v, &w);
        multiply_columns (&f->root, &w);
        pca_solve (f, &w, &m);
        multiply_columns (&f->root, &w);
        add_share (h, k, -1, &w, &h->out);
      }
  return GSL_SUCCESS;
}

// $\operatorname{tr}\boldsymbol\Sigma^{-1} = \sum_j 1/D_j - \|\mathbf Q\operatorname{diag}(D)^{-1/2}\|_F^2$.

static double
trace_of_inverse (const pca_factor *f, gsl_matrix *root)
{
  double trace = gsl_pow_2 (gsl_blas_dnrm2 (&f->root));
  gsl_matrix_memcpy (root, &f->Q);
  multiply_columns (&f->root, root);
  for (size_t i = 0; i < root->size1; i++)
    trace -= square (root, i);
  return trace;
}

static int
answer_divergence (shard *h)
{
  find_score (h);
  gsl_vector_set_zero (&h->number);
  for (size_t k = 0; k < h->s->law->K; k++)
    if (h->count[k] > 0)
      {
        const double trace = trace_of_inverse (h->s->f + k, h->root);
        gsl_matrix e = memory_for (h, k);
        deviations (h, k, &e);
        for (size_t i = 0; i < e.size1; i++)
          {
            const size_t to = h->chosen[k * h->x.size1 + i];
            *gsl_vector_ptr (&h->number, to) += gsl_matrix_get (h->r, to, k) * (square (&e, i) - trace);
          }
      }
  return GSL_SUCCESS;
}

// ## From a batch to its shards

typedef struct
{
  const snapshot *s;
  const sb_target_question *q;
  size_t first; // the run's first row
} run;

static int
answer_rows (void *context, size_t number, size_t first, size_t n)
{
  static int (*const answer[SB_TARGET_QUESTIONS]) (shard *) = { [SB_TARGET_LOG_DENSITY] = answer_density,
                                                                [SB_TARGET_JVP] = answer_jvp,
                                                                [SB_TARGET_DIVERGENCE] = answer_divergence,
                                                                [SB_TARGET_COVARIANCE] = answer_covariance };
  const run *of = context;
  const snapshot *s = of->s;
  const size_t i = of->first + first, d = s->law->d;
  shard h = { .s = s, .x = gsl_matrix_submatrix (s->x, i, 0, n, d).matrix };
  (void)number;
  h.out = of->q->asked == SB_TARGET_COVARIANCE ? *s->out : gsl_matrix_submatrix (s->out, i, 0, n, d).matrix;
  if (s->v)
    h.v = gsl_matrix_submatrix (s->v, i, 0, n, d).matrix;
  if (of->q->number)
    h.number = gsl_vector_subvector (of->q->number, i, n).vector;
  int status = shard_alloc (&h, n);
  if (status)
    return status;
  weigh (&h);
  if (of->q->asked == SB_TARGET_VIEW)
    status = of->q->view == SB_SCORE     ? answer_score (&h)
             : of->q->view == SB_EPSILON ? answer_epsilon (&h)
                                         : answer_denoiser (&h);
  else
    status = answer[of->q->asked](&h);
  shard_free (&h);
  return status;
}

// A covariance is transformed back from both sides.

static int
turn_back (snapshot *s, const sb_target_question *q)
{
  if (!q->out)
    return GSL_SUCCESS;
  int status = coefficients (s, CblasTrans, s->out, q->out);
  if (status || q->asked != SB_TARGET_COVARIANCE)
    return status;
  gsl_matrix_transpose_memcpy (s->out, q->out);
  return coefficients (s, CblasTrans, s->out, q->out);
}

static int
pca_answer (const void *state, const sb_process *process, const sb_target_question *q)
{
  snapshot s;
  if (q->asked == SB_TARGET_CDF || process->parts == 0)
    SB_ERROR (NULL, GSL_EUNSUP, "a mixture of PCAs has %s under the process %s",
              q->asked == SB_TARGET_CDF ? "no distribution function" : "no law", process->type->name);
  int status = snapshot_alloc (&s, state, process, q);
  if (status)
    return status;
  status = take_coefficients (&s, q);
  for (size_t i = 0, same; i < q->t->size && !status; i += same)
    {
      const gsl_vector_const_view t = gsl_vector_const_subvector (q->t, i, 1);
      same = sb_same_times (NULL, q->t, i);
      status = take_snapshot (&s, &t.vector);
      if (!status)
        status = sb_shards (same, SHARD_ROWS, answer_rows, &(run){ &s, q, i });
    }
  if (!status)
    status = turn_back (&s, q);
  snapshot_free (&s);
  return status;
}

// ## Drawing from it

static int
draw_rows (const pca_mixture *law, const size_t *component, const gsl_matrix *z, gsl_matrix *x)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      const size_t k = component[i];
      const gsl_vector mu = row (law->mu, k), n = gsl_matrix_const_subrow (z, i, 0, law->d).vector,
                       f = gsl_matrix_const_subrow (z, i, law->d, law->q).vector;
      const gsl_matrix W = target_block (law->W, k, law->q);
      gsl_vector x_i = row (x, i);
      gsl_vector_memcpy (&x_i, &mu);
      gsl_blas_daxpy (sqrt (gsl_vector_get (law->v, k)), &n, &x_i);
      gsl_blas_dgemv (CblasTrans, 1, &W, &f, 1, &x_i);
    }
  return GSL_SUCCESS;
}

static int
pca_sample (const void *state, sb_stream stream, gsl_matrix *x)
{
  const pca_mixture *law = state;
  size_t *component = malloc (x->size1 * sizeof *component);
  gsl_matrix *z = gsl_matrix_alloc (x->size1, law->d + law->q);
  int status = component && z ? target_pick_rows (law->cumulative, law->K, stream, x->size1, component) : GSL_ENOMEM;
  if (!status)
    status = sb_stream_normals (stream, TARGET_DRAWS, z);
  if (!status)
    status = draw_rows (law, component, z, x);
  gsl_matrix_free (z);
  free (component);
  return status;
}

// ## Making one

static void
pca_free (void *state)
{
  pca_mixture *law = state;
  gsl_matrix_free (law->mu);
  gsl_matrix_free (law->W);
  gsl_vector_free (law->v);
  free (law->log_w);
  free (law->cumulative);
  free (law);
}

static const sb_target_type pca_type
    = { .name = "pca-mixture", .sample = pca_sample, .answer = pca_answer, .free = pca_free };

static int
pca_fill (pca_mixture *law, const gsl_vector *weights, const gsl_matrix *means, const gsl_matrix *loadings,
          const gsl_vector *variances)
{
  int status = target_weights (weights, law->K, law->log_w, law->cumulative);
  if (!status)
    status = target_copy (means, law->mu);
  if (!status)
    status = target_copy (loadings, law->W);
  for (size_t k = 0; k < law->K && !status; k++)
    if (!(gsl_vector_get (variances, k) >= 0) || !gsl_finite (gsl_vector_get (variances, k)))
      SB_ERROR (NULL, GSL_EDOM, "the variance of component %zu is %g", k, gsl_vector_get (variances, k));
  return status ? status : gsl_vector_memcpy (law->v, variances);
}

sb_target *
sb_target_pca_mixture_alloc (const gsl_vector *weights, const gsl_matrix *means, const gsl_matrix *loadings,
                             const gsl_vector *variances)
{
  const size_t K = means->size1, d = means->size2, q = K ? loadings->size1 / K : 0;
  if (K == 0 || d == 0 || q == 0)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a mixture of PCAs has components, dimensions and loadings, not %zu, %zu and %zu",
                   K, d, loadings->size1);
  if (loadings->size1 != K * q || loadings->size2 != d || variances->size != K)
    SB_ERROR_NULL (NULL, GSL_EBADLEN,
                   "%zu components in %zu dimensions have as many loadings each, not %zu x %zu in all, and as many "
                   "variances, not %zu",
                   K, d, loadings->size1, loadings->size2, variances->size);
  pca_mixture *law = calloc (1, sizeof *law);
  if (!law)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a law");
  *law = (pca_mixture){ .K = K,
                        .d = d,
                        .q = q,
                        .log_w = malloc (K * sizeof *law->log_w),
                        .cumulative = malloc (K * sizeof *law->cumulative),
                        .mu = gsl_matrix_alloc (K, d),
                        .W = gsl_matrix_alloc (K * q, d),
                        .v = gsl_vector_alloc (K) };
  int status = GSL_SUCCESS;
  if (!law->log_w || !law->cumulative || !law->mu || !law->W || !law->v)
    status = sb_error_report (NULL, __FILE__, __LINE__, GSL_ENOMEM, "no memory for a law");
  if (!status)
    status = pca_fill (law, weights, means, loadings, variances);
  if (!status)
    return target_alloc (&pca_type, law, d);
  pca_free (law);
  return NULL;
}
