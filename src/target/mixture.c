// # Gaussian mixtures
//
// Data are rarely a Gaussian, but a mixture of Gaussians has every difficulty of real data (modes far apart, ridges,
// gaps of almost no density) and still the score of its noisy versions has a closed form. Where
// $$ p_0(\mathbf{x}) = \sum_k w_k\, \mathcal{N}(\mathbf{x};\; \boldsymbol\mu_k,\, \mathbf{C}_k) $$
// and the forward process maps $\mathbf{x}_0$ to $m\,\mathbf{x}_0 + \varsigma\,\mathbf{z}$, the convolution of $p_0$
// with the kernel is again a mixture, [scoresde.txt-perturb-kernel] [dsm2ddpm.txt-qsigma]
// $$ p_t(\mathbf{x}) = \sum_k w_k\, \mathcal{N}(\mathbf{x};\; m\boldsymbol\mu_k,\, m^2\mathbf{C}_k + \varsigma^2\mathbf{I}),
// $$
// with $m$ and $\varsigma$ depending on $t$. (Under other processes: mixture_under_maps.c.) A Gaussian is a mixture of
// one. Its score is the target of a model at time $t$. [dsm2ddpm.txt-score-diffusion]
//
// As the law of the process at time $t$ it solves Kolmogorov's forward equation, [scoresde.eq35] for a drift
// $F(t)\mathbf{x}$ and a diffusion $G(t)$
// $$ \partial_t p_t = -\nabla\cdot(F\mathbf{x}\,p_t) + \tfrac12 G^2\,\Delta p_t, $$
// and, since $\Delta p_t = \nabla\cdot(p_t\nabla\log p_t)$, with its score the continuity equation [scoresde.eq37]
// $\partial_t p_t = -\nabla\cdot\bigl[(F\mathbf{x} - \tfrac12 G^2\nabla\log p_t)\,p_t\bigr]$. The tests check both.

#include "mixture.h"

#include "../base/error.h"
#include "../base/shard.h"
#include "../operator/symmetric.h"
#include "diagonal.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// The covariances of $p_t$ differ from time to time, but their axes do not: with $\mathbf{C}_k = \mathbf{U}_k
// \operatorname{diag}(\boldsymbol\lambda_k)\, \mathbf{U}_k^\top$ found once, $m^2\mathbf{C}_k +
// \varsigma^2\mathbf{I}$ has the variances $s_{kj} = m^2\lambda_{kj} + \varsigma^2$ along the columns of
// $\mathbf{U}_k$, at every time. Where all covariances are diagonal, the axes are the coordinates': there are no
// matrices $\mathbf{U}_k$ to keep or to multiply by, and densities and scores are computed in diagonal.c.

static gsl_matrix
axes (const mixture *law, size_t k)
{
  return target_block (law->U, k, law->d);
}

// $\mathbf{U}_k^\top$ times every row, and `out` $\leftarrow \mathbf{U}_k\,$`y`$\, +\, c\,$`out`.

static void
to_axes (const mixture *law, size_t k, const gsl_matrix *x, gsl_matrix *y)
{
  if (!law->U)
    {
      gsl_matrix_memcpy (y, x);
      return;
    }
  const gsl_matrix U = axes (law, k);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, x, &U, 0, y);
}

static void
from_axes (const mixture *law, size_t k, const gsl_matrix *y, double c, gsl_matrix *out)
{
  if (!law->U)
    {
      gsl_matrix_scale (out, c);
      gsl_matrix_add (out, y);
      return;
    }
  const gsl_matrix U = axes (law, k);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, y, &U, c, out);
}

// ## A shard of a batch
//
// Every function below works on a few rows at a time and starts from, for each component $k$, the differences
// $\boldsymbol\delta_i = \mathbf{x}_i - m_i\boldsymbol\mu_k$ along the component's axes, $\mathbf{y}_i =
// \mathbf{U}_k^\top\boldsymbol\delta_i$, one matrix product for all rows. The fused multiply-add rounds a difference
// once, so that it keeps its digits where $\mathbf{x}_i$ is within a small $\varsigma$ of $m\boldsymbol\mu_k$.

enum
{
  SHARD_ROWS = 128,
  MOST_KEPT = 1 << 23 // numbers: 64 MB
};

typedef struct
{
  const mixture *law;
  const target_kernel *kernel; // a row each
  const sb_target_question *question;
} batch_job;

typedef struct
{
  const mixture *law;
  const target_kernel *kernel; // of the shard's rows
  target_part part;
  const gsl_matrix *x;   // n x d
  gsl_matrix *r;         // n x K: log densities of the components, then responsibilities
  gsl_matrix *delta, *y; // n x d
  gsl_matrix *kept;      // K n x d: y of every component, between densities and scores; NULL: too large
  gsl_matrix *score, *h; // n x d
} shard;

static void
shard_free (shard *s)
{
  gsl_matrix_free (s->r);
  gsl_matrix_free (s->delta);
  gsl_matrix_free (s->y);
  gsl_matrix_free (s->kept);
  gsl_matrix_free (s->score);
  gsl_matrix_free (s->h);
}

static int
shard_alloc (shard *s, const batch_job *job, size_t first, size_t n)
{
  const size_t d = job->law->d, K = job->law->K;
  const int keeps = n * d <= MOST_KEPT / K;
  s->law = job->law;
  s->kernel = job->kernel + first;
  target_take_part (&s->part, job->question, first, n);
  s->x = s->part.question.x;
  s->r = gsl_matrix_alloc (n, K);
  s->delta = gsl_matrix_alloc (n, d);
  s->y = gsl_matrix_alloc (n, d);
  s->kept = keeps ? gsl_matrix_alloc (K * n, d) : NULL;
  s->score = gsl_matrix_alloc (n, d);
  s->h = gsl_matrix_alloc (n, d);
  if (s->r && s->delta && s->y && s->score && s->h && (s->kept || !keeps))
    return GSL_SUCCESS;
  shard_free (s);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu rows of a batch", n);
}

static void
project_to (shard *s, size_t k, gsl_matrix *y)
{
  const gsl_matrix *x = s->x;
  const double *mu = gsl_matrix_const_ptr (s->law->mu, k, 0);
  for (size_t i = 0; i < x->size1; i++)
    {
      const double *x_i = gsl_matrix_const_ptr (x, i, 0);
      double *delta = gsl_matrix_ptr (s->delta, i, 0);
      for (size_t j = 0; j < x->size2; j++)
        delta[j] = fma (-s->kernel[i].m, mu[j], x_i[j]);
    }
  to_axes (s->law, k, s->delta, y);
}

static void
project (shard *s, size_t k)
{
  project_to (s, k, s->y);
}

// Densities and scores both need them; where memory allows, the scores reuse those that the densities have stored.

static gsl_matrix
kept (const shard *s, size_t k)
{
  const size_t n = s->x->size1;
  return s->kept ? gsl_matrix_submatrix (s->kept, k * n, 0, n, s->law->d).matrix : *s->y;
}

// The log density of component $k$, weight included, but for the constant $-\tfrac{d}{2}\log 2\pi$ that all share:
// $\log w_k - \tfrac12\sum_j \bigl(y_j^2/s_{kj} + \log s_{kj}\bigr)$.

static double
component_log_density (const shard *s, size_t i, size_t k, const double *y)
{
  const double *lambda = gsl_matrix_const_ptr (s->law->lambda, k, 0);
  double sum = 0;
  for (size_t j = 0; j < s->law->d; j++)
    {
      double s_kj = target_variance (s->kernel[i], lambda[j]);
      sum += y[j] / s_kj * y[j] + log (s_kj);
    }
  return s->law->log_w[k] - 0.5 * sum;
}

// The responsibility $r_k = P(k \mid \mathbf{x})$ is its share in the sum. Far from all components every density
// underflows, so the largest log density is subtracted first; it is added to the returned logarithm of the sum.

double
mixture_normalise (gsl_vector *r)
{
  double largest = gsl_vector_max (r), sum = 0;
  for (size_t k = 0; k < r->size; k++)
    {
      double share = exp (gsl_vector_get (r, k) - largest);
      gsl_vector_set (r, k, share);
      sum += share;
    }
  gsl_vector_scale (r, 1 / sum);
  return largest + log (sum);
}

static void
log_densities (shard *s)
{
  for (size_t k = 0; k < s->law->K; k++)
    {
      gsl_matrix y = kept (s, k);
      project_to (s, k, &y);
      for (size_t i = 0; i < s->r->size1; i++)
        gsl_matrix_set (s->r, i, k, component_log_density (s, i, k, gsl_matrix_const_ptr (&y, i, 0)));
    }
}

static void
responsibilities (shard *s)
{
  log_densities (s);
  for (size_t i = 0; i < s->r->size1; i++)
    {
      gsl_vector_view r_i = gsl_matrix_row (s->r, i);
      mixture_normalise (&r_i.vector);
    }
}

static int
weightless (const shard *s, size_t k)
{
  gsl_vector_const_view r_k = gsl_matrix_const_column (s->r, k);
  return gsl_vector_isnull (&r_k.vector);
}

// ## Log density

static int
answer_density (shard *s, const sb_target_question *q)
{
  const double constant = -0.5 * (double)s->law->d * log (2 * M_PI);
  log_densities (s);
  for (size_t i = 0; i < s->r->size1; i++)
    {
      gsl_vector_view r_i = gsl_matrix_row (s->r, i);
      gsl_vector_set (q->number, i, constant + mixture_normalise (&r_i.vector));
    }
  return GSL_SUCCESS;
}

// ## Score, denoiser, epsilon
//
// Given its component, all is Gaussian and linear in $\mathbf{y} = \mathbf{U}_k^\top(\mathbf{x} - m\boldsymbol\mu_k)$:
// $$ \nabla\log p_t(\mathbf{x} \mid k) = -\mathbf{U}_k\,\frac{\mathbf{y}}{s_k}, \qquad
//    \mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}, k] = \boldsymbol\mu_k + \mathbf{U}_k\,\frac{m\lambda_k\,\mathbf{y}}{s_k}, \qquad
//    \mathbb{E}[\mathbf{z} \mid \mathbf{x}, k] = \mathbf{U}_k\,\frac{\varsigma\,\mathbf{y}}{s_k}, $$
// and each view of the mixture is the average over $k$ with the responsibilities. [scoresde.txt-dsm-optimal]
// [consistent.eq2] None of the three is computed from another: as $\varsigma \to 0$ the score's $1/s_k$ grows without
// bound while the denoiser tends to $\mathbf{x}/m$, and as $\varsigma \to \infty$ the denoiser's dependence on
// $\mathbf{x}$ would be lost to cancellation in $\mathbf{x} + \varsigma^2 \nabla\log p_t(\mathbf{x})$.

// The rows of y, times their factors in these formulas.

static void
amplify (shard *s, sb_view view, size_t k, gsl_matrix *y)
{
  const double *lambda = gsl_matrix_const_ptr (s->law->lambda, k, 0);
  for (size_t i = 0; i < y->size1; i++)
    {
      double *y_i = gsl_matrix_ptr (y, i, 0);
      for (size_t j = 0; j < y->size2; j++)
        y_i[j] *= target_gain (s->kernel[i], view, lambda[j]) / target_variance (s->kernel[i], lambda[j]);
    }
}

// Add the term of component $k$, $r_k\,\mathbf{U}_k\mathbf{y}$, to the rows of `out`; `y` is overwritten.

static void
add_share (shard *s, size_t k, gsl_matrix *y, gsl_matrix *out)
{
  for (size_t i = 0; i < y->size1; i++)
    {
      gsl_vector_view y_i = gsl_matrix_row (y, i);
      gsl_vector_scale (&y_i.vector, gsl_matrix_get (s->r, i, k));
    }
  from_axes (s->law, k, y, 1, out);
}

// Denoisers are relative to the origin, or to the mean of a component.

static gsl_vector
mean_from (const mixture *law, size_t k, const gsl_vector *from, gsl_vector *memory)
{
  gsl_vector_const_view mu = gsl_matrix_const_row (law->mu, k);
  if (!from)
    return mu.vector;
  gsl_vector_memcpy (memory, &mu.vector);
  gsl_vector_sub (memory, from);
  return *memory;
}

// To be called once after log_densities: it overwrites what that has stored.

static void
average (shard *s, sb_view view, const gsl_vector *from, gsl_matrix *out)
{
  gsl_matrix_set_zero (out);
  for (size_t k = 0; k < s->law->K; k++)
    {
      if (weightless (s, k))
        continue;
      gsl_matrix y = kept (s, k);
      if (!s->kept)
        project_to (s, k, &y);
      amplify (s, view, k, &y);
      add_share (s, k, &y, out);
      if (view == SB_DENOISER)
        {
          gsl_vector_const_view r_k = gsl_matrix_const_column (s->r, k);
          gsl_vector_view memory = gsl_matrix_row (s->h, 0);
          const gsl_vector mu = mean_from (s->law, k, from, &memory.vector);
          gsl_blas_dger (1, &r_k.vector, &mu, out);
        }
    }
}

static int
answer_view (shard *s, const sb_target_question *q)
{
  responsibilities (s);
  average (s, q->view, NULL, q->out);
  return GSL_SUCCESS;
}

// ## The Jacobian of the score
//
// It is the Hessian of $\log p_t$. Differentiating the average, responsibilities included, with $\mathbf{s}_k$ the
// score of component $k$ and $\mathbf{s} = \sum_k r_k\mathbf{s}_k$,
// $$ \mathbf{J} = \sum_k r_k \Bigl[ -\mathbf{U}_k \operatorname{diag}\bigl(1/s_k\bigr)\, \mathbf{U}_k^\top
//    + (\mathbf{s}_k - \mathbf{s})(\mathbf{s}_k - \mathbf{s})^\top \Bigr]. $$
// The second term is written about the mean: $\sum_k r_k \mathbf{s}_k\mathbf{s}_k^\top - \mathbf{s}\mathbf{s}^\top$
// would subtract squares of size $1/\varsigma^2$ that agree wherever one component dominates. Here are the
// $\mathbf{s}_k - \mathbf{s}$, a row each.

static void
deviations (shard *s, size_t k, gsl_matrix *e)
{
  project (s, k);
  amplify (s, SB_SCORE, k, s->y);
  gsl_matrix_memcpy (e, s->score);
  from_axes (s->law, k, s->y, -1, e);
}

// Its product with a direction $\mathbf{v}$ per row:

static void
add_along (const gsl_matrix *r, size_t k, const gsl_matrix *e, const gsl_matrix *v, gsl_matrix *out)
{
  for (size_t i = 0; i < out->size1; i++)
    {
      gsl_vector_const_view e_i = gsl_matrix_const_row (e, i), v_i = gsl_matrix_const_row (v, i);
      gsl_vector_view out_i = gsl_matrix_row (out, i);
      double along;
      gsl_blas_ddot (&e_i.vector, &v_i.vector, &along);
      gsl_blas_daxpy (gsl_matrix_get (r, i, k) * along, &e_i.vector, &out_i.vector);
    }
}

static int
answer_jvp (shard *s, const sb_target_question *q)
{
  responsibilities (s);
  average (s, SB_SCORE, NULL, s->score);
  gsl_matrix_set_zero (q->out);
  for (size_t k = 0; k < s->law->K; k++)
    {
      if (weightless (s, k))
        continue;
      deviations (s, k, s->h);
      add_along (s->r, k, s->h, q->v, q->out);
      to_axes (s->law, k, q->v, s->y);
      amplify (s, SB_SCORE, k, s->y);
      add_share (s, k, s->y, q->out);
    }
  return GSL_SUCCESS;
}

// Its trace, the divergence of the score: $\sum_k r_k \bigl[ -\sum_j 1/s_{kj} + \|\mathbf{s}_k - \mathbf{s}\|^2
// \bigr]$.

static double
component_trace (const shard *s, size_t i, size_t k)
{
  const double *lambda = gsl_matrix_const_ptr (s->law->lambda, k, 0), *e = gsl_matrix_const_ptr (s->h, i, 0);
  double sum = 0;
  for (size_t j = 0; j < s->law->d; j++)
    sum += e[j] * e[j] - 1 / target_variance (s->kernel[i], lambda[j]);
  return sum;
}

static int
answer_divergence (shard *s, const sb_target_question *q)
{
  responsibilities (s);
  average (s, SB_SCORE, NULL, s->score);
  if (q->out)
    gsl_matrix_memcpy (q->out, s->score);
  gsl_vector_set_zero (q->number);
  for (size_t k = 0; k < s->law->K; k++)
    {
      if (weightless (s, k))
        continue;
      deviations (s, k, s->h);
      for (size_t i = 0; i < s->r->size1; i++)
        *gsl_vector_ptr (q->number, i) += gsl_matrix_get (s->r, i, k) * component_trace (s, i, k);
    }
  return GSL_SUCCESS;
}

// ## The posterior of $\mathbf{x}_0$
//
// Given the component, the posterior covariance is $\mathbf{U}_k \operatorname{diag}(\lambda_k\varsigma^2/s_k)\,
// \mathbf{U}_k^\top$ and the posterior mean is the component's denoiser $\hat{\mathbf{x}}_k$; the law of total
// variance puts the components together,
// $$ \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}] = \sum_k r_k \Bigl[ \mathbf{U}_k \operatorname{diag}\bigl(
//    \lambda_k\varsigma^2/s_k\bigr)\, \mathbf{U}_k^\top + (\hat{\mathbf{x}}_k - \hat{\mathbf{x}})(\hat{\mathbf{x}}_k -
//    \hat{\mathbf{x}})^\top \Bigr]. $$
// It equals $\tfrac{\varsigma^2}{m^2}(\mathbf{I} + \varsigma^2\mathbf{J})$, which for small $\lambda_k/\varsigma^2$
// is a difference of nearly equal numbers. So is that of denoisers far from the origin: here their origin is a mean.

static void
add_within (const shard *s, size_t k, gsl_matrix *root, gsl_matrix *covariance)
{
  const double *lambda = gsl_matrix_const_ptr (s->law->lambda, k, 0), sd = s->kernel[0].sd;
  if (s->law->U)
    {
      const gsl_matrix U = axes (s->law, k);
      gsl_matrix_memcpy (root, &U);
    }
  else
    gsl_matrix_set_identity (root);
  for (size_t j = 0; j < s->law->d; j++)
    {
      gsl_vector_view axis = gsl_matrix_column (root, j);
      gsl_vector_scale (&axis.vector, sd * sqrt (lambda[j] / target_variance (s->kernel[0], lambda[j])));
    }
  gsl_blas_dsyrk (CblasLower, CblasNoTrans, gsl_matrix_get (s->r, 0, k), root, 1, covariance);
}

static void
add_between (shard *s, size_t k, const gsl_vector *from, const gsl_vector *x_hat, gsl_matrix *covariance)
{
  gsl_matrix_view y = gsl_matrix_submatrix (s->y, 0, 0, 1, s->law->d),
                  row = gsl_matrix_submatrix (s->h, 0, 0, 1, s->law->d);
  gsl_vector_view e = gsl_matrix_row (s->h, 0);
  project (s, k);
  amplify (s, SB_DENOISER, k, s->y);
  mean_from (s->law, k, from, &e.vector);
  gsl_vector_sub (&e.vector, x_hat);
  from_axes (s->law, k, &y.matrix, 1, &row.matrix);
  gsl_blas_dsyr (CblasLower, gsl_matrix_get (s->r, 0, k), &e.vector, covariance);
}

static int
answer_covariance (shard *s, const sb_target_question *q)
{
  gsl_matrix *root = gsl_matrix_alloc (s->law->d, s->law->d);
  gsl_vector_view x_hat = gsl_matrix_row (s->score, 0);
  gsl_vector_const_view from = gsl_matrix_const_row (s->law->mu, 0);
  if (!root)
    return GSL_ENOMEM;
  responsibilities (s);
  average (s, SB_DENOISER, &from.vector, s->score);
  gsl_matrix_set_zero (q->out);
  for (size_t k = 0; k < s->law->K; k++)
    if (!weightless (s, k))
      {
        add_within (s, k, root, q->out);
        add_between (s, k, &from.vector, &x_hat.vector, q->out);
      }
  gsl_matrix_free (root);
  return GSL_SUCCESS;
}

// ## The distribution function
//
// In one dimension, $P(x_t \le x) = \sum_k w_k\,\Phi\bigl((x - m\mu_k)/\sqrt{s_k}\bigr)$.

static double
distribution (const mixture *law, target_kernel kernel, double x)
{
  double sum = 0;
  for (size_t k = 0; k < law->K; k++)
    {
      double delta = fma (-kernel.m, gsl_matrix_get (law->mu, k, 0), x);
      double sd = sqrt (target_variance (kernel, gsl_matrix_get (law->lambda, k, 0)));
      sum += exp (law->log_w[k]) * gsl_cdf_ugaussian_P (delta / sd);
    }
  return sum;
}

static int
answer_cdf (shard *s, const sb_target_question *q)
{
  for (size_t i = 0; i < q->x->size1; i++)
    gsl_vector_set (q->number, i, distribution (s->law, s->kernel[i], gsl_matrix_get (q->x, i, 0)));
  return GSL_SUCCESS;
}

// ## From a batch to its shards

static int
answer_rows (void *context, size_t number, size_t first, size_t n)
{
  static int (*const answer[SB_TARGET_QUESTIONS]) (shard *, const sb_target_question *)
      = { [SB_TARGET_LOG_DENSITY] = answer_density,
          [SB_TARGET_VIEW] = answer_view,
          [SB_TARGET_JVP] = answer_jvp,
          [SB_TARGET_DIVERGENCE] = answer_divergence,
          [SB_TARGET_COVARIANCE] = answer_covariance,
          [SB_TARGET_CDF] = answer_cdf };
  const batch_job *job = context;
  shard s;
  (void)number;
  int status = shard_alloc (&s, job, first, n);
  if (status)
    return status;
  status = answer[job->question->asked](&s, &s.part.question);
  shard_free (&s);
  return status;
}

// Without noise, at $t = 0$ or in a constant part, a law has no density where a covariance has a direction of no
// variance. A variance below the normal doubles counts as none.

static bool
has_noise (const target_kernel *kernel, size_t parts)
{
  size_t k = 0;
  while (k < parts && kernel[k].sd * kernel[k].sd >= DBL_MIN)
    k++;
  return k == parts;
}

static int
check_row (const mixture *law, const target_kernel *kernel, const sb_process *process)
{
  for (size_t j = 0; j < law->d; j++)
    {
      const target_kernel at = kernel[sb_process_part (process, j)];
      for (size_t k = 0; k < law->K && at.sd * at.sd < DBL_MIN; k++)
        if (target_variance (at, gsl_matrix_get (law->lambda, k, j)) < DBL_MIN)
          SB_ERROR (NULL, GSL_EDOM, "component %zu has no variance and no noise along axis %zu: no density", k, j);
    }
  return GSL_SUCCESS;
}

static int
check_density (const mixture *law, const target_kernel *kernel, const sb_process *process, size_t rows)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < rows && !status; i++)
    if (!has_noise (kernel + i * process->parts, process->parts))
      status = check_row (law, kernel + i * process->parts, process);
  return status;
}

// Densities, views and divergences under diagonal covariances are those of diagonal.c. Where all rows have the same
// time, as in a sampler, one kernel serves all of them.

int
mixture_answer_by_coordinates (const mixture *law, const sb_process *process, const sb_target_question *q)
{
  const diagonal_mixture diagonal = { law->K, law->d, law->round, law->log_w, law->mu, law->lambda, process };
  const size_t kernels = sb_same_times (NULL, q->t, 0) == q->t->size ? 1 : q->t->size;
  const gsl_vector_const_view times = gsl_vector_const_subvector (q->t, 0, kernels);
  target_kernel *kernel;
  int status = target_kernels (process, &times.vector, &kernel);
  if (!status)
    status = check_density (law, kernel, process, kernels);
  if (!status)
    status = q->asked == SB_TARGET_VIEW ? diagonal_evaluate (&diagonal, kernel, kernels, q->view, q->x, q->out)
             : q->asked == SB_TARGET_DIVERGENCE
                 ? diagonal_divergence (&diagonal, kernel, kernels, q->x, q->out, q->number)
                 : diagonal_log_density (&diagonal, kernel, kernels, q->x, q->number);
  free (kernel);
  return status;
}

// The axes of a component serve all times where the process has one part.

static int
answer_by_axes (const mixture *law, const sb_process *process, const sb_target_question *q)
{
  target_kernel *kernel;
  int status = target_kernels (process, q->t, &kernel);
  if (!status)
    status = check_density (law, kernel, process, q->t->size);
  if (!status)
    status = sb_shards (q->x->size1, SHARD_ROWS, answer_rows, &(batch_job){ law, kernel, q });
  free (kernel);
  return status;
}

static int
mixture_answer (const void *state, const sb_process *process, const sb_target_question *q)
{
  const mixture *law = state;
  const bool by_coordinates
      = q->asked == SB_TARGET_LOG_DENSITY || q->asked == SB_TARGET_VIEW || q->asked == SB_TARGET_DIVERGENCE;
  if (by_coordinates && !law->U && (process->parts == 1 || (process->parts > 1 && !process->basis)))
    return mixture_answer_by_coordinates (law, process, q);
  if (process->parts == 1)
    return answer_by_axes (law, process, q);
  bool diagonal = false;
  int status = GSL_SUCCESS;
  if (by_coordinates && process->basis)
    status = mixture_answer_in_basis (law, process, q, &diagonal);
  return status || diagonal ? status : mixture_answer_under_maps (law, process, q);
}

// ## Drawing from it
//
// First the component, then $\mathbf{x}_0 = \boldsymbol\mu_k + \mathbf{U}_k
// \operatorname{diag}(\sqrt{\lambda_k})\,\mathbf{z}$.

typedef struct
{
  const mixture *law;
  const size_t *component;
  gsl_matrix *z, *x;
} drawing;

static int
draw_rows (void *context, size_t number, size_t first, size_t n)
{
  const drawing *draw = context;
  (void)number;
  for (size_t i = first; i < first + n; i++)
    {
      const size_t k = draw->component[i];
      gsl_vector_const_view mu = gsl_matrix_const_row (draw->law->mu, k);
      gsl_matrix_view row = gsl_matrix_submatrix (draw->x, i, 0, 1, draw->law->d);
      gsl_matrix_view z_row = gsl_matrix_submatrix (draw->z, i, 0, 1, draw->law->d);
      gsl_vector_view z = gsl_matrix_row (draw->z, i), x = gsl_matrix_row (draw->x, i);
      for (size_t j = 0; j < draw->law->d; j++)
        *gsl_vector_ptr (&z.vector, j) *= sqrt (gsl_matrix_get (draw->law->lambda, k, j));
      gsl_vector_memcpy (&x.vector, &mu.vector);
      from_axes (draw->law, k, &z_row.matrix, 1, &row.matrix);
    }
  return GSL_SUCCESS;
}

static int
mixture_sample (const void *state, sb_stream stream, gsl_matrix *x)
{
  const mixture *law = state;
  size_t *component = malloc (x->size1 * sizeof *component);
  if (!component)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for a draw of a mixture");
  gsl_matrix *z = gsl_matrix_alloc (x->size1, x->size2);
  int status = z ? target_pick_rows (law->cumulative, law->K, stream, x->size1, component) : GSL_ENOMEM;
  if (!status)
    status = sb_stream_normals (stream, TARGET_DRAWS, z);
  if (!status)
    {
      drawing draw = { .law = law, .component = component, .z = z, .x = x };
      status = sb_shards (x->size1, SHARD_ROWS, draw_rows, &draw);
    }
  gsl_matrix_free (z);
  free (component);
  return status;
}

// ## Making one
//
// A covariance given in doubles is exact to some $\epsilon\|\mathbf{C}\|$, and so are its eigenvalues: one that small,
// of either sign, is a zero of a singular matrix. Of a diagonal matrix the eigenvalues are exact, however small.

static int
is_diagonal (const gsl_matrix *c)
{
  for (size_t i = 0; i < c->size1; i++)
    for (size_t j = 0; j < c->size2; j++)
      if (i != j && gsl_matrix_get (c, i, j) != 0)
        return 0;
  return 1;
}

static int
check_symmetric (const gsl_matrix *c)
{
  double doubt = 100 * GSL_DBL_EPSILON * GSL_MAX_DBL (gsl_matrix_max (c), -gsl_matrix_min (c));
  for (size_t i = 0; i < c->size1; i++)
    for (size_t j = 0; j <= i; j++)
      if (!(fabs (gsl_matrix_get (c, i, j) - gsl_matrix_get (c, j, i)) <= doubt))
        SB_ERROR (NULL, GSL_EDOM, "row %zu, column %zu of a covariance is %g, and %g the other way round", i, j,
                  gsl_matrix_get (c, i, j), gsl_matrix_get (c, j, i));
  return GSL_SUCCESS;
}

static int
find_axes (const gsl_matrix *c, gsl_vector *lambda, gsl_matrix *U) // U NULL: c is diagonal
{
  double doubt = 0;
  int status = check_symmetric (c);
  if (status)
    return status;
  if (is_diagonal (c))
    {
      gsl_vector_const_view diagonal = gsl_matrix_const_diagonal (c);
      gsl_vector_memcpy (lambda, &diagonal.vector);
      if (U)
        gsl_matrix_set_identity (U);
    }
  else
    {
      gsl_matrix_memcpy (U, c);
      status = sb_symmetric_eigen (U, lambda);
      if (status)
        return status;
      gsl_matrix_transpose (U);
      doubt = 10 * (double)c->size1 * GSL_DBL_EPSILON * gsl_vector_max (lambda);
    }
  for (size_t j = 0; j < lambda->size; j++)
    {
      if (gsl_vector_get (lambda, j) < -doubt)
        SB_ERROR (NULL, GSL_EDOM, "a covariance has the negative eigenvalue %g", gsl_vector_get (lambda, j));
      if (gsl_vector_get (lambda, j) <= doubt)
        gsl_vector_set (lambda, j, 0);
    }
  return status;
}

void
mixture_covariance (const mixture *law, size_t k, gsl_matrix *C)
{
  gsl_vector_const_view lambda = gsl_matrix_const_row (law->lambda, k);
  gsl_vector_view diagonal = gsl_matrix_diagonal (C);
  gsl_matrix_set_zero (C);
  if (!law->U)
    {
      gsl_vector_memcpy (&diagonal.vector, &lambda.vector);
      return;
    }
  const gsl_matrix U = axes (law, k);
  for (size_t j = 0; j < law->d; j++)
    {
      gsl_vector_const_view axis = gsl_matrix_const_column (&U, j);
      gsl_blas_dsyr (CblasLower, gsl_vector_get (&lambda.vector, j), &axis.vector, C);
    }
  sb_symmetric_mirror (C);
}

static void
mixture_free (void *state)
{
  mixture *law = state;
  gsl_matrix_free (law->mu);
  gsl_matrix_free (law->lambda);
  gsl_matrix_free (law->U);
  free (law->log_w);
  free (law->cumulative);
  free (law);
}

const sb_target_type mixture_type
    = { .name = "mixture", .sample = mixture_sample, .answer = mixture_answer, .free = mixture_free };

static mixture *
mixture_alloc (size_t K, size_t d, int diagonal)
{
  mixture *law = calloc (1, sizeof *law);
  if (!law)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for %zu components in %zu dimensions", K, d);
  law->K = K;
  law->d = d;
  law->round = true;
  law->log_w = malloc (K * sizeof *law->log_w);
  law->cumulative = malloc (K * sizeof *law->cumulative);
  law->mu = gsl_matrix_alloc (K, d);
  law->lambda = gsl_matrix_alloc (K, d);
  law->U = diagonal ? NULL : gsl_matrix_alloc (K * d, d);
  if (law->log_w && law->cumulative && law->mu && law->lambda && (law->U || diagonal))
    return law;
  mixture_free (law);
  SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for %zu components in %zu dimensions", K, d);
}

static int
mixture_fill (mixture *law, const gsl_vector *weights, const gsl_matrix *means, const gsl_matrix *covariances)
{
  int status = target_weights (weights, law->K, law->log_w, law->cumulative);
  if (!status)
    status = target_copy (means, law->mu);
  for (size_t k = 0; k < law->K && !status; k++)
    {
      gsl_matrix_const_view C = gsl_matrix_const_submatrix (covariances, k * law->d, 0, law->d, law->d);
      gsl_matrix U = law->U ? axes (law, k) : (gsl_matrix){ 0 };
      gsl_vector_view lambda = gsl_matrix_row (law->lambda, k);
      status = find_axes (&C.matrix, &lambda.vector, law->U ? &U : NULL);
      law->round &= gsl_vector_min (&lambda.vector) == gsl_vector_max (&lambda.vector);
    }
  return status;
}

sb_target *
sb_target_mixture_alloc (const gsl_vector *weights, const gsl_matrix *means, const gsl_matrix *covariances)
{
  const size_t K = means->size1, d = means->size2;
  if (K == 0 || d == 0 || d > SB_SYMMETRIC_LARGEST)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a mixture needs a component and from 1 to %d dimensions, not %zu and %zu",
                   SB_SYMMETRIC_LARGEST, K, d);
  if (covariances->size1 != K * d || covariances->size2 != d)
    SB_ERROR_NULL (NULL, GSL_EBADLEN,
                   "%zu covariances in %zu dimensions stand one below the other, which is not %zu x %zu", K, d,
                   covariances->size1, covariances->size2);
  int diagonal = 1;
  for (size_t k = 0; k < K && diagonal; k++)
    {
      gsl_matrix_const_view C = gsl_matrix_const_submatrix (covariances, k * d, 0, d, d);
      diagonal = is_diagonal (&C.matrix);
    }
  mixture *law = mixture_alloc (K, d, diagonal);
  if (!law)
    return NULL;
  if (mixture_fill (law, weights, means, covariances))
    {
      mixture_free (law);
      return NULL;
    }
  return target_alloc (&mixture_type, law, d);
}

sb_target *
sb_target_gaussian_alloc (const gsl_vector *mean, const gsl_matrix *covariance)
{
  gsl_matrix *means = gsl_matrix_alloc (1, mean->size);
  if (!means)
    return NULL;
  gsl_matrix_set_row (means, 0, mean);
  sb_target *target = sb_target_mixture_alloc (NULL, means, covariance);
  gsl_matrix_free (means);
  return target;
}
