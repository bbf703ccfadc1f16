// # A mixture under any linear process
//
// A process that mixes coordinates, or treats them differently, rotates the axes of a component with time. Then its
// covariance is computed and factorised anew for each time:
// $$ p_t(\mathbf{x}) = \sum_k w_k\,\mathcal{N}(\mathbf{x};\; \mathbf{A}\boldsymbol\mu_k,\, \boldsymbol\Sigma_k), \qquad
//    \boldsymbol\Sigma_k = \mathbf{A}\mathbf{C}_k\mathbf{A}^\top + \mathbf{S}\mathbf{S}^\top = \mathbf{L}_k\mathbf{L}_k^\top. $$
// [scoresde.txt-perturb-kernel] That is $d^3$ operations for each time and component: right for checks and for few
// dimensions. The maps are only applied, so they need not be diagonal in any basis, and $\mathbf{A}$ may be singular.

#include "mixture.h"

#include "../base/clones.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "responsibilities.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

typedef struct
{
  const mixture *law;
  const sb_process *process;
  gsl_vector *t;       // d times, all the same
  gsl_matrix *SS;      // d x d: S S^T
  gsl_matrix *mean;    // K x d: A mu_k
  gsl_matrix *CA;      // K d x d: C_k A^T
  gsl_matrix *L;       // K d x d: the factors
  gsl_vector *log_det; // K: log det L_k
  gsl_vector *trace;   // K: of Sigma_k^{-1}, where a divergence is computed
} snapshot;

static void
snapshot_free (snapshot *s)
{
  gsl_vector_free (s->t);
  gsl_matrix_free (s->SS);
  gsl_matrix_free (s->mean);
  gsl_matrix_free (s->CA);
  gsl_matrix_free (s->L);
  gsl_vector_free (s->log_det);
  gsl_vector_free (s->trace);
}

static int
snapshot_alloc (snapshot *s, const mixture *law, const sb_process *process)
{
  const size_t K = law->K, d = law->d, most = K > d ? K : d;
  *s = (snapshot){ .law = law,
                   .process = process,
                   .t = gsl_vector_alloc (most),
                   .SS = gsl_matrix_alloc (d, d),
                   .mean = gsl_matrix_alloc (K, d),
                   .CA = gsl_matrix_alloc (K * d, d),
                   .L = gsl_matrix_alloc (K * d, d),
                   .log_det = gsl_vector_alloc (K),
                   .trace = gsl_vector_alloc (K) };
  if (s->t && s->SS && s->mean && s->CA && s->L && s->log_det && s->trace)
    return GSL_SUCCESS;
  snapshot_free (s);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu covariances in %zu dimensions", K, d);
}

// ## The law at one time
//
// A map of a process acts on rows: $X \to X\,\mathbf{M}^\top$.

static int
map_rows (const snapshot *s, sb_process_map map, gsl_matrix *x)
{
  gsl_vector_const_view t = gsl_vector_const_subvector (s->t, 0, x->size1);
  return sb_process_apply (s->process, map, CblasNoTrans, NULL, &t.vector, x);
}

static int
factorise (snapshot *s, size_t k)
{
  gsl_matrix CA = target_block (s->CA, k, s->law->d), L = target_block (s->L, k, s->law->d);
  mixture_covariance (s->law, k, &CA);
  int status = map_rows (s, SB_A, &CA);
  if (status)
    return status;
  gsl_matrix_transpose_memcpy (&L, &CA);
  status = map_rows (s, SB_A, &L);
  if (status)
    return status;
  gsl_matrix_add (&L, s->SS);
  gsl_vector_const_view variances = gsl_matrix_const_diagonal (&L);
  double log_det = 0;
  if (!(gsl_vector_min (&variances.vector) >= DBL_MIN) || gsl_linalg_cholesky_decomp1 (&L))
    SB_ERROR (NULL, GSL_EDOM, "component %zu has no density at t = %g", k, gsl_vector_get (s->t, 0));
  for (size_t j = 0; j < s->law->d; j++)
    log_det += log (gsl_matrix_get (&L, j, j));
  if (!gsl_finite (log_det)) // GSL takes what is not finite
    SB_ERROR (NULL, GSL_EOVRFLW, "component %zu has a covariance that overflows at t = %g", k,
              gsl_vector_get (s->t, 0));
  gsl_vector_set (s->log_det, k, log_det);
  return GSL_SUCCESS;
}

static int
take_snapshot (snapshot *s, double t)
{
  gsl_vector_set_all (s->t, t);
  gsl_matrix_set_identity (s->SS);
  gsl_matrix_memcpy (s->mean, s->law->mu);
  int status = map_rows (s, SB_S, s->SS); // S^T
  gsl_matrix_transpose (s->SS);
  if (!status)
    status = map_rows (s, SB_S, s->SS); // S S^T
  if (!status)
    status = map_rows (s, SB_A, s->mean);
  for (size_t k = 0; k < s->law->K && !status; k++)
    status = factorise (s, k);
  return status;
}

// ## A shard of the rows at one time
//
// The rows are stored as columns, so that loops run over rows, however few dimensions there are. Results are computed
// from $\mathbf{w}_k = \boldsymbol\Sigma_k^{-1}(\mathbf{x} - \mathbf{A}\boldsymbol\mu_k)$, by two triangular systems,
// with the exponent from the square between them; and from the responsibilities.

typedef struct
{
  size_t n;
  gsl_matrix *x;               // d x n
  gsl_matrix *w;               // K d x n
  gsl_matrix *r;               // K x n
  gsl_matrix *log_sum;         // 2 x n: log p_t; workspace
  gsl_matrix *score, *e, *out; // d x n
} columns;

static void
columns_free (columns *m)
{
  gsl_matrix *const all[] = { m->x, m->w, m->r, m->log_sum, m->score, m->e, m->out };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    gsl_matrix_free (all[i]);
}

static int
columns_alloc (columns *m, const mixture *law, size_t n)
{
  const size_t K = law->K, d = law->d;
  *m = (columns){ .n = n,
                  .x = gsl_matrix_alloc (d, n),
                  .w = gsl_matrix_alloc (K * d, n),
                  .r = gsl_matrix_alloc (K, n),
                  .log_sum = gsl_matrix_alloc (2, n),
                  .score = gsl_matrix_alloc (d, n),
                  .e = gsl_matrix_alloc (d, n),
                  .out = gsl_matrix_alloc (d, n) };
  if (m->x && m->w && m->r && m->log_sum && m->score && m->e && m->out)
    return GSL_SUCCESS;
  columns_free (m);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu rows under %zu components", n, K);
}

// GSL copies a column at a time, which takes longer than all else where it has a few numbers.

SB_CLONES static void
transpose (size_t n, size_t d, const double *restrict x, size_t tda, double *restrict out, size_t out_tda)
{
  for (size_t j = 0; j < d; j++)
    for (size_t i = 0; i < n; i++)
      out[j * out_tda + i] = x[i * tda + j];
}

static void
transpose_to (gsl_matrix *out, const gsl_matrix *x)
{
  transpose (x->size1, x->size2, x->data, x->tda, out->data, out->tda);
}

// Column i less the mean.

SB_CLONES static void
subtract_mean (size_t d, size_t n, const double *restrict x, const double *restrict mean, double *restrict w)
{
  for (size_t j = 0; j < d; j++)
    {
#pragma omp simd
      for (size_t i = 0; i < n; i++)
        w[j * n + i] = x[j * n + i] - mean[j];
    }
}

// a + b times the squared length of column i.

SB_CLONES static void
squares (size_t d, size_t n, double a, double b, const double *restrict w, double *restrict out)
{
  memset (out, 0, n * sizeof *out);
  for (size_t j = 0; j < d; j++)
    {
#pragma omp simd
      for (size_t i = 0; i < n; i++)
        out[i] += w[j * n + i] * w[j * n + i];
    }
#pragma omp simd
  for (size_t i = 0; i < n; i++)
    out[i] = a + b * out[i];
}

SB_CLONES static void
normalise (size_t K, size_t n, double *restrict r, double *restrict log_sum, double *restrict sum)
{
  target_responsibilities (K, n, r, log_sum, sum);
}

// X <- L^{-1} X, or L^{-T} X. In a few dimensions substitution takes less time than OpenBLAS needs to begin.

enum
{
  FEW_DIMENSIONS = 16
};

SB_CLONES static void
substitute (size_t d, size_t n, const double *restrict L, double *restrict x)
{
  for (size_t i = 0; i < d; i++)
    {
      for (size_t j = 0; j < i; j++)
        {
#pragma omp simd
          for (size_t l = 0; l < n; l++)
            x[i * n + l] -= L[i * d + j] * x[j * n + l];
        }
      const double inverse = 1 / L[i * d + i];
#pragma omp simd
      for (size_t l = 0; l < n; l++)
        x[i * n + l] *= inverse;
    }
}

SB_CLONES static void
substitute_back (size_t d, size_t n, const double *restrict L, double *restrict x)
{
  for (size_t i = d; i-- > 0;)
    {
      const double inverse = 1 / L[i * d + i];
#pragma omp simd
      for (size_t l = 0; l < n; l++)
        x[i * n + l] *= inverse;
      for (size_t j = 0; j < i; j++)
        {
#pragma omp simd
          for (size_t l = 0; l < n; l++)
            x[j * n + l] -= L[i * d + j] * x[i * n + l];
        }
    }
}

static void
solve (const snapshot *s, size_t k, CBLAS_TRANSPOSE_t transpose, gsl_matrix *X)
{
  const size_t d = s->law->d;
  const gsl_matrix L = target_block (s->L, k, d);
  if (d > FEW_DIMENSIONS)
    gsl_blas_dtrsm (CblasLeft, CblasLower, transpose, CblasNonUnit, 1, &L, X);
  else if (transpose == CblasNoTrans)
    substitute (d, X->size2, L.data, X->data);
  else
    substitute_back (d, X->size2, L.data, X->data);
}

static void
weigh (const snapshot *s, const gsl_matrix *x, columns *m)
{
  const size_t K = s->law->K, d = s->law->d, n = m->n;
  const double constant = -0.5 * (double)d * log (2 * M_PI);
  transpose_to (m->x, x);
  for (size_t k = 0; k < K; k++)
    {
      gsl_matrix w = target_block (m->w, k, d);
      const double log_weight = s->law->log_w[k] - gsl_vector_get (s->log_det, k) + constant;
      subtract_mean (d, n, m->x->data, gsl_matrix_const_ptr (s->mean, k, 0), w.data);
      solve (s, k, CblasNoTrans, &w);
      squares (d, n, log_weight, -0.5, w.data, gsl_matrix_ptr (m->r, k, 0));
      solve (s, k, CblasTrans, &w);
    }
  normalise (K, n, m->r->data, m->log_sum->data, gsl_matrix_ptr (m->log_sum, 1, 0));
}

// out_i += factor r_i y_i.

SB_CLONES static void
add_share (size_t d, size_t n, double factor, const double *restrict r, const double *restrict y, double *restrict out)
{
  for (size_t j = 0; j < d; j++)
    {
#pragma omp simd
      for (size_t i = 0; i < n; i++)
        out[j * n + i] += factor * r[i] * y[j * n + i];
    }
}

static void
find_score (const snapshot *s, columns *m)
{
  const size_t d = s->law->d;
  gsl_matrix_set_zero (m->score);
  for (size_t k = 0; k < s->law->K; k++)
    add_share (d, m->n, -1, gsl_matrix_const_ptr (m->r, k, 0), gsl_matrix_const_ptr (m->w, k * d, 0), m->score->data);
}

// The denoiser of a component is $\boldsymbol\mu_k + \mathbf{C}_k\mathbf{A}^\top\mathbf{w}_k$, relative to the origin
// or a point.

static void
denoise (const snapshot *s, size_t k, const double *from, columns *m)
{
  const size_t d = s->law->d;
  const gsl_matrix CA = target_block (s->CA, k, d), w = target_block (m->w, k, d);
  for (size_t j = 0; j < d; j++)
    {
      gsl_vector_view row = gsl_matrix_row (m->e, j);
      gsl_vector_set_all (&row.vector, gsl_matrix_get (s->law->mu, k, j) - (from ? from[j] : 0));
    }
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, &CA, &w, 1, m->e);
}

static void
find_denoiser (const snapshot *s, const double *from, columns *m)
{
  gsl_matrix_set_zero (m->score);
  for (size_t k = 0; k < s->law->K; k++)
    {
      denoise (s, k, from, m);
      add_share (s->law->d, m->n, 1, gsl_matrix_const_ptr (m->r, k, 0), m->e->data, m->score->data);
    }
}

// ## The answers for a run

static int
answer_density (const sb_target_question *q, const snapshot *s, columns *m)
{
  (void)s;
  gsl_vector_const_view log_sum = gsl_matrix_const_row (m->log_sum, 0);
  return gsl_vector_memcpy (q->number, &log_sum.vector);
}

static int
answer_view (const sb_target_question *q, const snapshot *s, columns *m)
{
  if (q->view == SB_DENOISER)
    find_denoiser (s, NULL, m);
  else
    find_score (s, m);
  transpose_to (q->out, m->score);
  if (q->view != SB_EPSILON)
    return GSL_SUCCESS;
  gsl_matrix_scale (q->out, -1);
  return sb_process_apply (s->process, SB_S, CblasTrans, NULL, q->t, q->out);
}

// As in mixture.c, with $\mathbf{e}_k = \mathbf{s}_k - \mathbf{s}$, $\mathbf{J} = \sum_k
// r_k\bigl[-\boldsymbol\Sigma_k^{-1} + \mathbf{e}_k\mathbf{e}_k^\top\bigr]$.

static void
deviations (const snapshot *s, size_t k, columns *m)
{
  const gsl_matrix w = target_block (m->w, k, s->law->d);
  gsl_matrix_memcpy (m->e, m->score);
  gsl_matrix_add (m->e, &w);
  gsl_matrix_scale (m->e, -1);
}

// out_i += r_i (e_i . v_i) e_i.

SB_CLONES static void
add_along (size_t d, size_t n, const double *restrict r, const double *restrict e, const double *restrict v,
           double *restrict along, double *restrict out)
{
  memset (along, 0, n * sizeof *along);
  for (size_t j = 0; j < d; j++)
    {
#pragma omp simd
      for (size_t i = 0; i < n; i++)
        along[i] += e[j * n + i] * v[j * n + i];
    }
  for (size_t j = 0; j < d; j++)
    {
#pragma omp simd
      for (size_t i = 0; i < n; i++)
        out[j * n + i] += r[i] * along[i] * e[j * n + i];
    }
}

static int
answer_jvp (const sb_target_question *q, const snapshot *s, columns *m)
{
  const size_t d = s->law->d;
  gsl_matrix *v = m->x;
  find_score (s, m);
  transpose_to (v, q->v);
  gsl_matrix_set_zero (m->out);
  for (size_t k = 0; k < s->law->K; k++)
    {
      const double *r = gsl_matrix_const_ptr (m->r, k, 0);
      gsl_matrix w = target_block (m->w, k, d);
      deviations (s, k, m);
      add_along (d, m->n, r, m->e->data, v->data, gsl_matrix_ptr (m->log_sum, 1, 0), m->out->data);
      gsl_matrix_memcpy (&w, v);
      solve (s, k, CblasNoTrans, &w);
      solve (s, k, CblasTrans, &w);
      add_share (d, m->n, -1, r, w.data, m->out->data);
    }
  transpose_to (q->out, m->out);
  return GSL_SUCCESS;
}

// $\operatorname{tr}\boldsymbol\Sigma_k^{-1} = \|\mathbf{L}_k^{-1}\|_F^2$.

static void
find_traces (snapshot *s)
{
  for (size_t k = 0; k < s->law->K; k++)
    {
      gsl_matrix *inverse = s->SS;
      gsl_matrix_set_identity (inverse);
      solve (s, k, CblasNoTrans, inverse);
      double trace = 0;
      for (size_t j = 0; j < inverse->size1 * inverse->size2; j++)
        trace += gsl_pow_2 (inverse->data[j]);
      gsl_vector_set (s->trace, k, trace);
    }
}

static int
answer_divergence (const sb_target_question *q, const snapshot *s, columns *m)
{
  double *of_component = gsl_matrix_ptr (m->log_sum, 1, 0);
  find_score (s, m);
  if (q->out)
    transpose_to (q->out, m->score);
  gsl_vector_set_zero (q->number);
  for (size_t k = 0; k < s->law->K; k++)
    {
      deviations (s, k, m);
      squares (s->law->d, m->n, -gsl_vector_get (s->trace, k), 1, m->e->data, of_component);
      for (size_t i = 0; i < m->n; i++)
        *gsl_vector_ptr (q->number, i) += gsl_matrix_get (m->r, k, i) * of_component[i];
    }
  return GSL_SUCCESS;
}

// The covariance of $\mathbf{x}_0$ given one $\mathbf{x}$: within a component $\mathbf{C}_k -
// \mathbf{C}_k\mathbf{A}^\top\boldsymbol\Sigma_k^{-1}\mathbf{A}\mathbf{C}_k$, and between them.

static int
answer_covariance (const sb_target_question *q, const snapshot *s, columns *m)
{
  gsl_vector_view e = gsl_matrix_column (m->e, 0), x_hat = gsl_matrix_column (m->score, 0);
  const double *from = gsl_matrix_const_ptr (s->law->mu, 0, 0);
  find_denoiser (s, from, m);
  gsl_matrix_set_zero (q->out);
  for (size_t k = 0; k < s->law->K; k++)
    {
      gsl_matrix L = target_block (s->L, k, s->law->d), CA = target_block (s->CA, k, s->law->d);
      const double r = gsl_matrix_get (m->r, k, 0);
      denoise (s, k, from, m);
      gsl_vector_sub (&e.vector, &x_hat.vector);
      gsl_blas_dsyr (CblasLower, r, &e.vector, q->out);
      mixture_covariance (s->law, k, s->SS);
      gsl_matrix_scale (s->SS, r);
      gsl_matrix_add (q->out, s->SS);
      gsl_blas_dtrsm (CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, &L, &CA);
      gsl_blas_dsyrk (CblasLower, CblasNoTrans, -r, &CA, 1, q->out);
    }
  return GSL_SUCCESS;
}

// ## From a batch to its shards

// A shard allocates its memory: rows of few numbers are taken by the thousand.

static size_t
shard_rows (size_t d)
{
  return d > FEW_DIMENSIONS ? 128 : 1024;
}

typedef struct
{
  snapshot *s;
  const sb_target_question *q;
  size_t start; // of the rows at this time
} run;

static int
answer_rows (void *context, size_t number, size_t first, size_t count)
{
  static int (*const answer[SB_TARGET_QUESTIONS]) (const sb_target_question *, const snapshot *, columns *)
      = { [SB_TARGET_LOG_DENSITY] = answer_density,
          [SB_TARGET_VIEW] = answer_view,
          [SB_TARGET_JVP] = answer_jvp,
          [SB_TARGET_DIVERGENCE] = answer_divergence,
          [SB_TARGET_COVARIANCE] = answer_covariance };
  const run *of = context;
  (void)number;
  target_part shard;
  columns m;
  target_take_part (&shard, of->q, of->start + first, count);
  int status = columns_alloc (&m, of->s->law, count);
  if (status)
    return status;
  weigh (of->s, &shard.x, &m);
  status = answer[of->q->asked](&shard.question, of->s, &m);
  columns_free (&m);
  return status;
}

int
mixture_answer_under_maps (const mixture *law, const sb_process *process, const sb_target_question *q)
{
  snapshot s;
  int status = snapshot_alloc (&s, law, process);
  if (status)
    return status;
  for (size_t i = 0, same; i < q->t->size && !status; i += same)
    {
      same = sb_same_times (NULL, q->t, i);
      status = take_snapshot (&s, gsl_vector_get (q->t, i));
      if (!status && q->asked == SB_TARGET_DIVERGENCE)
        find_traces (&s);
      if (!status)
        status = sb_shards (same, shard_rows (law->d), answer_rows, &(run){ &s, q, i });
    }
  snapshot_free (&s);
  return status;
}
