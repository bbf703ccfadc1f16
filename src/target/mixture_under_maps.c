// # A mixture under any linear process
//
// A process that mixes coordinates, or treats them differently, rotates the axes of a component with time. Then its
// covariance is computed and factorised anew for each time:
// $$ p_t(\mathbf{x}) = \sum_k w_k\,\mathcal{N}(\mathbf{x};\; \mathbf{A}\boldsymbol\mu_k,\, \boldsymbol\Sigma_k), \qquad
//    \boldsymbol\Sigma_k = \mathbf{A}\mathbf{C}_k\mathbf{A}^\top + \mathbf{S}\mathbf{S}^\top = \mathbf{L}_k\mathbf{L}_k^\top. $$
// [scoresde.txt-perturb-kernel] That is $d^3$ operations for each time and component: right for checks and for few
// dimensions. The maps are only applied, so they need not be diagonal in any basis, and $\mathbf{A}$ may be singular.

#include "mixture.h"

#include "../base/error.h"
#include "../base/shard.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>

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

static gsl_matrix
block (const gsl_matrix *m, size_t k, size_t rows)
{
  return gsl_matrix_const_submatrix (m, k * rows, 0, rows, m->size2).matrix;
}

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
  gsl_matrix CA = block (s->CA, k, s->law->d), L = block (s->L, k, s->law->d);
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
// All results are computed from $\mathbf{w}_k = \boldsymbol\Sigma_k^{-1}(\mathbf{x} - \mathbf{A}\boldsymbol\mu_k)$, by
// two triangular systems, with the exponent from the square between them; and from the responsibilities.

typedef struct
{
  gsl_matrix *w;         // K n x d
  gsl_matrix *r;         // n x K
  gsl_vector *log_sum;   // n: log p_t
  gsl_matrix *score, *e; // n x d
} rows;

static void
rows_free (rows *m)
{
  gsl_matrix_free (m->w);
  gsl_matrix_free (m->r);
  gsl_vector_free (m->log_sum);
  gsl_matrix_free (m->score);
  gsl_matrix_free (m->e);
}

static int
rows_alloc (rows *m, const mixture *law, size_t n)
{
  *m = (rows){ gsl_matrix_alloc (law->K * n, law->d), gsl_matrix_alloc (n, law->K), gsl_vector_alloc (n),
               gsl_matrix_alloc (n, law->d), gsl_matrix_alloc (n, law->d) };
  if (m->w && m->r && m->log_sum && m->score && m->e)
    return GSL_SUCCESS;
  rows_free (m);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu rows under %zu components", n, law->K);
}

static double
square (const gsl_matrix *m, size_t i)
{
  double sum = 0;
  for (size_t j = 0; j < m->size2; j++)
    sum += gsl_pow_2 (m->data[i * m->tda + j]);
  return sum;
}

static void
subtract_mean (const gsl_matrix *x, const double *mean, gsl_matrix *w)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      w->data[i * w->tda + j] = x->data[i * x->tda + j] - mean[j];
}

static void
weigh (const snapshot *s, const gsl_matrix *x, rows *m)
{
  const size_t n = x->size1, d = s->law->d;
  const double constant = -0.5 * (double)d * log (2 * M_PI);
  for (size_t k = 0; k < s->law->K; k++)
    {
      gsl_matrix w = block (m->w, k, n), L = block (s->L, k, d);
      const double log_weight = s->law->log_w[k] - gsl_vector_get (s->log_det, k) + constant;
      subtract_mean (x, gsl_matrix_const_ptr (s->mean, k, 0), &w);
      gsl_blas_dtrsm (CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, &L, &w);
      for (size_t i = 0; i < n; i++)
        gsl_matrix_set (m->r, i, k, log_weight - 0.5 * square (&w, i));
      gsl_blas_dtrsm (CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, 1, &L, &w);
    }
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector_view r_i = gsl_matrix_row (m->r, i);
      gsl_vector_set (m->log_sum, i, mixture_normalise (&r_i.vector));
    }
}

// out_i += sum over k of sign r_ik y_i, for one k.

static void
add_share (const rows *m, size_t k, double sign, const gsl_matrix *y, gsl_matrix *out)
{
  for (size_t i = 0; i < y->size1; i++)
    {
      const double share = sign * gsl_matrix_get (m->r, i, k);
      for (size_t j = 0; j < y->size2; j++)
        out->data[i * out->tda + j] += share * y->data[i * y->tda + j];
    }
}

static void
find_score (const snapshot *s, rows *m, gsl_matrix *score)
{
  gsl_matrix_set_zero (score);
  for (size_t k = 0; k < s->law->K; k++)
    {
      gsl_matrix w = block (m->w, k, score->size1);
      add_share (m, k, -1, &w, score);
    }
}

// The denoiser of a component is $\boldsymbol\mu_k + \mathbf{C}_k\mathbf{A}^\top\mathbf{w}_k$, relative to the origin
// or a point.

static void
denoise (const snapshot *s, size_t k, const gsl_vector *from, const gsl_matrix *w, gsl_matrix *x_hat)
{
  gsl_matrix CA = block (s->CA, k, s->law->d);
  gsl_vector_const_view mu = gsl_matrix_const_row (s->law->mu, k);
  for (size_t i = 0; i < x_hat->size1; i++)
    {
      gsl_vector_view row = gsl_matrix_row (x_hat, i);
      gsl_vector_memcpy (&row.vector, &mu.vector);
      if (from)
        gsl_vector_sub (&row.vector, from);
    }
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, w, &CA, 1, x_hat);
}

static void
find_denoiser (const snapshot *s, rows *m, const gsl_vector *from, gsl_matrix *x_hat)
{
  gsl_matrix_set_zero (x_hat);
  for (size_t k = 0; k < s->law->K; k++)
    {
      gsl_matrix w = block (m->w, k, x_hat->size1);
      denoise (s, k, from, &w, m->e);
      add_share (m, k, 1, m->e, x_hat);
    }
}

// ## The answers for a run

static int
answer_density (const sb_target_question *q, const snapshot *s, rows *m)
{
  (void)s;
  return gsl_vector_memcpy (q->number, m->log_sum);
}

static int
answer_view (const sb_target_question *q, const snapshot *s, rows *m)
{
  if (q->view == SB_DENOISER)
    find_denoiser (s, m, NULL, q->out);
  else
    find_score (s, m, q->out);
  if (q->view != SB_EPSILON)
    return GSL_SUCCESS;
  gsl_matrix_scale (q->out, -1);
  return sb_process_apply (s->process, SB_S, CblasTrans, NULL, q->t, q->out);
}

// As in mixture.c, with $\mathbf{e}_k = \mathbf{s}_k - \mathbf{s}$, $\mathbf{J} = \sum_k
// r_k\bigl[-\boldsymbol\Sigma_k^{-1} + \mathbf{e}_k\mathbf{e}_k^\top\bigr]$.

static void
deviations (const rows *m, size_t k, gsl_matrix *e)
{
  gsl_matrix w = block (m->w, k, e->size1);
  gsl_matrix_memcpy (e, m->score);
  gsl_matrix_add (e, &w);
  gsl_matrix_scale (e, -1);
}

static int
answer_jvp (const sb_target_question *q, const snapshot *s, rows *m)
{
  find_score (s, m, m->score);
  gsl_matrix_set_zero (q->out);
  for (size_t k = 0; k < s->law->K; k++)
    {
      gsl_matrix L = block (s->L, k, s->law->d), w = block (m->w, k, q->x->size1);
      deviations (m, k, m->e);
      mixture_add_along (m->r, k, m->e, q->v, q->out);
      gsl_matrix_memcpy (&w, q->v);
      gsl_blas_dtrsm (CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, &L, &w);
      gsl_blas_dtrsm (CblasRight, CblasLower, CblasNoTrans, CblasNonUnit, 1, &L, &w);
      add_share (m, k, -1, &w, q->out);
    }
  return GSL_SUCCESS;
}

// $\operatorname{tr}\boldsymbol\Sigma_k^{-1} = \|\mathbf{L}_k^{-1}\|_F^2$.

static double
trace_of_inverse (const gsl_matrix *L, gsl_matrix *inverse)
{
  double trace = 0;
  gsl_matrix_set_identity (inverse);
  gsl_blas_dtrsm (CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, L, inverse);
  for (size_t j = 0; j < L->size1; j++)
    trace += square (inverse, j);
  return trace;
}

static void
find_traces (snapshot *s)
{
  for (size_t k = 0; k < s->law->K; k++)
    {
      const gsl_matrix L = block (s->L, k, s->law->d);
      gsl_vector_set (s->trace, k, trace_of_inverse (&L, s->SS));
    }
}

static int
answer_divergence (const sb_target_question *q, const snapshot *s, rows *m)
{
  find_score (s, m, m->score);
  gsl_vector_set_zero (q->number);
  for (size_t k = 0; k < s->law->K; k++)
    {
      deviations (m, k, m->e);
      for (size_t i = 0; i < q->x->size1; i++)
        *gsl_vector_ptr (q->number, i)
            += gsl_matrix_get (m->r, i, k) * (square (m->e, i) - gsl_vector_get (s->trace, k));
    }
  return GSL_SUCCESS;
}

// The covariance of $\mathbf{x}_0$ given one $\mathbf{x}$: within a component $\mathbf{C}_k -
// \mathbf{C}_k\mathbf{A}^\top\boldsymbol\Sigma_k^{-1}\mathbf{A}\mathbf{C}_k$, and between them.

static int
answer_covariance (const sb_target_question *q, const snapshot *s, rows *m)
{
  gsl_vector_view e = gsl_matrix_row (m->e, 0), x_hat = gsl_matrix_row (m->score, 0);
  gsl_vector_const_view from = gsl_matrix_const_row (s->law->mu, 0);
  find_denoiser (s, m, &from.vector, m->score);
  gsl_matrix_set_zero (q->out);
  for (size_t k = 0; k < s->law->K; k++)
    {
      gsl_matrix L = block (s->L, k, s->law->d), CA = block (s->CA, k, s->law->d), w = block (m->w, k, 1);
      const double r = gsl_matrix_get (m->r, 0, k);
      denoise (s, k, &from.vector, &w, m->e);
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

enum
{
  SHARD_ROWS = 128
};

typedef struct
{
  snapshot *s;
  const sb_target_question *q;
  size_t start; // of the rows at this time
} run;

static int
answer_rows (void *context, size_t number, size_t first, size_t count)
{
  static int (*const answer[SB_TARGET_QUESTIONS]) (const sb_target_question *, const snapshot *, rows *)
      = { [SB_TARGET_LOG_DENSITY] = answer_density,
          [SB_TARGET_VIEW] = answer_view,
          [SB_TARGET_JVP] = answer_jvp,
          [SB_TARGET_DIVERGENCE] = answer_divergence,
          [SB_TARGET_COVARIANCE] = answer_covariance };
  const run *of = context;
  (void)number;
  target_part shard;
  rows m;
  target_take_part (&shard, of->q, of->start + first, count);
  int status = rows_alloc (&m, of->s->law, count);
  if (status)
    return status;
  weigh (of->s, &shard.x, &m);
  status = answer[of->q->asked](&shard.question, of->s, &m);
  rows_free (&m);
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
        status = sb_shards (same, SHARD_ROWS, answer_rows, &(run){ &s, q, i });
    }
  snapshot_free (&s);
  return status;
}
