// # Mixtures with diagonal covariances
//
// Where all covariances of a mixture are diagonal, as in most examples and in every kernel density estimate, no
// rotation is needed: [scoresde.txt-perturb-kernel]
// $$ p_t(\mathbf{x}) = \sum_k w_k \prod_j \mathcal{N}(x_j;\; m_j\mu_{kj},\, s_{kj}), \qquad
//    s_{kj} = m_j^2\lambda_{kj} + \varsigma_j^2. $$
// (VE, VP and their like have one $m$ and one $\varsigma$ for all coordinates.)
// What remains are differences, squares and exponentials, the same for every row. So blocks of LANES rows are stored
// with the row fastest, and each step is done for the block at once: the processor's vectors are full in two dimensions
// as in a thousand. A few components in many dimensions at one time are worked on along each row instead
// (diagonal_rows.c), where only those that have weight in it are averaged.
//
// The squared distances are sums of squared differences, not $\|\mathbf{x}\|^2 - 2m\,\mathbf{x}\cdot\boldsymbol\mu_k +
// m^2\|\boldsymbol\mu_k\|^2$, whose terms cancel: that is for laws of many points (points.c), where a matrix product
// saves far more than it does here.

#include "diagonal.h"

#include "../base/clones.h"
#include "../base/error.h"
#include "../base/pool.h"
#include "../base/shard.h"
#include "diagonal_rows.h"
#include "responsibilities.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum
{
  LANES = 16,
  COLUMNS = 8,
  MANY_DIMENSIONS = 64,
  MOST_CACHED = 1 << 15 // numbers of a table that a processor's second cache holds while row after row reads them
};

static bool
row_by_row (const diagonal_mixture *law)
{
  return law->d >= MANY_DIMENSIONS && law->K <= MOST_CACHED / law->d;
}

// ## The law at one time
//
// Tables for one time, at which coordinate $j$ has the kernel $(m_j, \varsigma_j)$. Where $\mathbf{x}$ is within a
// small $\varsigma$ of $m\boldsymbol\mu_k$, the difference has to keep its digits: $m\mu_{kj}$ is the sum of two
// doubles, `high` its rounded value and `low` the remainder, which one fused multiply-add gives exactly.

static int
snapshot_alloc (const diagonal_mixture *law, diagonal_snapshot *s)
{
  const size_t K = law->K, size = K * law->d;
  s->memory = malloc ((4 * size + 2 * K + law->d) * sizeof (double));
  if (!s->memory)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for a mixture at one time");
  s->high = s->memory;
  s->low = s->high + size;
  s->precision = s->low + size;
  s->gain = s->precision + size;
  s->constant = s->gain + size;
  s->trace = s->constant + K;
  s->variance = s->trace + K;
  return GSL_SUCCESS;
}

static inline __attribute__ ((always_inline)) void
take_mean (size_t d, double m, const double *restrict mu, double *restrict high, double *restrict low)
{
#pragma omp simd
  for (size_t j = 0; j < d; j++)
    {
      high[j] = m * mu[j];
      low[j] = fma (m, mu[j], -high[j]);
    }
}

SB_CLONES static void
take_round_component (const diagonal_mixture *law, size_t k, sb_view view, diagonal_snapshot *s)
{
  const double d = (double)law->d, lambda = gsl_matrix_get (law->lambda, k, 0);
  const double variance = target_variance (*s->kernel, lambda);
  take_mean (law->d, s->kernel->m, gsl_matrix_const_ptr (law->mu, k, 0), s->high + k * law->d, s->low + k * law->d);
  s->precision[k] = 1 / variance;
  s->gain[k] = target_gain (*s->kernel, view, lambda) / variance;
  s->trace[k] = d * s->gain[k];
  s->constant[k] = law->log_w[k] - 0.5 * (d * log (variance));
}

static inline __attribute__ ((always_inline)) void
take_coordinates_as (int one, const diagonal_mixture *law, size_t k, sb_view view, diagonal_snapshot *s,
                     double *restrict variance)
{
  const double *restrict mu = gsl_matrix_const_ptr (law->mu, k, 0);
  const double *restrict lambda = gsl_matrix_const_ptr (law->lambda, k, 0);
  double *restrict high = s->high + k * law->d, *restrict low = s->low + k * law->d,
                   *restrict precision = s->precision + k * law->d, *restrict by = s->gain + k * law->d;
#pragma omp simd
  for (size_t j = 0; j < law->d; j++)
    {
      const target_kernel at = s->kernel[one ? 0 : sb_process_part (law->process, j)];
      variance[j] = target_variance (at, lambda[j]);
      high[j] = at.m * mu[j];
      low[j] = fma (at.m, mu[j], -high[j]);
      precision[j] = 1 / variance[j];
      by[j] = target_gain (at, view, lambda[j]) / variance[j];
    }
}

SB_CLONES static void
take_coordinates (const diagonal_mixture *law, size_t k, sb_view view, diagonal_snapshot *s)
{
  if (law->process->parts == 1)
    take_coordinates_as (1, law, k, view, s, s->variance);
  else
    take_coordinates_as (0, law, k, view, s, s->variance);
}

static void
take_component (const diagonal_mixture *law, size_t k, sb_view view, diagonal_snapshot *s)
{
  double log_det = 0;
  take_coordinates (law, k, view, s);
  for (size_t j = 0, same; j < law->d; j += same)
    {
      same = 1;
      while (j + same < law->d && s->variance[j + same] == s->variance[j])
        same++;
      log_det += (double)same * log (s->variance[j]);
    }
  s->constant[k] = law->log_w[k] - 0.5 * log_det;
  s->trace[k] = 0;
  for (size_t j = 0; j < law->d; j++)
    s->trace[k] += s->gain[k * law->d + j];
}

static void
take_snapshot (const diagonal_mixture *law, bool round, const target_kernel *kernel, sb_view view, diagonal_snapshot *s)
{
  s->kernel = kernel;
  s->round = round;
  for (size_t k = 0; k < law->K; k++)
    (round ? take_round_component : take_component) (law, k, view, s);
}

// ## A block of rows
//
// In a block the row is the fastest index: `x`, `out` are d x LANES, `r` is K x LANES. First the log density of
// each component, weight included, but for the constant $-\tfrac{d}{2}\log 2\pi$ that all share: $\log w_k -
// \tfrac12\sum_j \bigl(\delta_j^2/s_{kj} + \log s_{kj}\bigr)$.

static inline __attribute__ ((always_inline)) void
log_densities_as (int round, size_t K, size_t d, const diagonal_snapshot *s, const double *restrict x,
                  double *restrict r)
{
  for (size_t k = 0; k < K; k++)
    {
      const double *high = s->high + k * d, *low = s->low + k * d, *precision = s->precision + k * d;
      const double factor = round ? -0.5 * s->precision[k] : -0.5;
      double sum[LANES] = { 0 };
      for (size_t j = 0; j < d; j++)
        {
#pragma omp simd
          for (int l = 0; l < LANES; l++)
            {
              double delta = (x[j * LANES + l] - high[j]) - low[j];
              sum[l] += round ? delta * delta : delta * delta * precision[j];
            }
        }
#pragma omp simd
      for (int l = 0; l < LANES; l++)
        r[k * LANES + l] = s->constant[k] + factor * sum[l];
    }
}

// Where the components are round, the factor of the differences is taken out of the sums.

SB_CLONES static void
log_densities (size_t K, size_t d, const diagonal_snapshot *s, const double *restrict x, double *restrict r)
{
  if (s->round)
    log_densities_as (1, K, d, s, x, r);
  else
    log_densities_as (0, K, d, s, x, r);
}

// They become responsibilities (responsibilities.h).

SB_CLONES static void
normalise (size_t K, double *restrict r, double *restrict log_sum)
{
  double sum[LANES];
  target_responsibilities (K, LANES, r, log_sum, sum);
}

// Each view of the mixture is the average over $k$ with the responsibilities (mixture.c). Where the search is worth it,
// components without weight in the whole block are left out; `active` lists the others.

// A few coordinates at a time: independent sums, each a chain of dependent additions, then overlap.

static inline __attribute__ ((always_inline)) void
average_as (int round, size_t count, const size_t *restrict active, size_t d, const diagonal_snapshot *s,
            const double *restrict x, const double *restrict r, double *restrict out)
{
  for (size_t start = 0; start < d; start += COLUMNS)
    {
      const size_t columns = d - start < COLUMNS ? d - start : COLUMNS;
      double sum[COLUMNS * LANES] = { 0 };
      for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < columns; j++)
          {
            const size_t kj = active[i] * d + start + j;
            const double high = s->high[kj], low = s->low[kj], factor = round ? 1 : s->gain[kj];
            const double *x_j = x + (start + j) * LANES, *r_k = r + active[i] * LANES;
#pragma omp simd
            for (int l = 0; l < LANES; l++)
              {
                double delta = (x_j[l] - high) - low;
                sum[j * LANES + (size_t)l] += r_k[l] * (round ? delta : delta * factor);
              }
          }
      memcpy (out + start * LANES, sum, columns * LANES * sizeof *out);
    }
}

SB_CLONES static void
average (size_t count, const size_t *restrict active, size_t d, const diagonal_snapshot *s, const double *restrict x,
         const double *restrict r, double *restrict scaled, double *restrict out)
{
  if (!s->round)
    {
      average_as (0, count, active, d, s, x, r, out);
      return;
    }
  for (size_t i = 0; i < count; i++)
    {
      const double factor = s->gain[active[i]];
      const size_t at = active[i] * LANES;
#pragma omp simd
      for (int l = 0; l < LANES; l++)
        scaled[at + (size_t)l] = r[at + (size_t)l] * factor;
    }
  average_as (1, count, active, d, s, x, scaled, out);
}

SB_CLONES static void
add_means (size_t count, const size_t *restrict active, size_t d, const gsl_matrix *mu, const double *restrict r,
           double *restrict out)
{
  for (size_t j = 0; j < d; j++)
    {
      double sum[LANES] = { 0 };
      for (size_t i = 0; i < count; i++)
        {
          const double mu_kj = mu->data[active[i] * mu->tda + j], *r_k = r + active[i] * LANES;
#pragma omp simd
          for (int l = 0; l < LANES; l++)
            sum[l] += r_k[l] * mu_kj;
        }
#pragma omp simd
      for (int l = 0; l < LANES; l++)
        out[j * LANES + l] += sum[l];
    }
}

// The divergence of the score, $\sum_k r_k\bigl[-\sum_j 1/s_{kj} + \|\mathbf{s}_k - \mathbf{s}\|^2\bigr]$ with
// $\mathbf{s}_k$ the score of component $k$ and $\mathbf{s}$ the average, which is in `score`.

static inline __attribute__ ((always_inline)) void
diverge_as (int round, size_t count, const size_t *restrict active, size_t d, const diagonal_snapshot *s,
            const double *restrict x, const double *restrict r, const double *restrict score,
            double *restrict divergence)
{
  double total[LANES] = { 0 };
  for (size_t i = 0; i < count; i++)
    {
      const size_t k = active[i];
      double squares[LANES] = { 0 };
      for (size_t j = 0; j < d; j++)
        {
          const double high = s->high[k * d + j], low = s->low[k * d + j], factor = s->gain[round ? k : k * d + j];
#pragma omp simd
          for (int l = 0; l < LANES; l++)
            {
              double e = ((x[j * LANES + (size_t)l] - high) - low) * factor - score[j * LANES + (size_t)l];
              squares[l] += e * e;
            }
        }
#pragma omp simd
      for (int l = 0; l < LANES; l++)
        total[l] += r[k * LANES + (size_t)l] * (s->trace[k] + squares[l]);
    }
  memcpy (divergence, total, sizeof total);
}

SB_CLONES static void
diverge (size_t count, const size_t *restrict active, size_t d, const diagonal_snapshot *s, const double *restrict x,
         const double *restrict r, const double *restrict score, double *restrict divergence)
{
  if (s->round)
    diverge_as (1, count, active, d, s, x, r, score, divergence);
  else
    diverge_as (0, count, active, d, s, x, r, score, divergence);
}

enum
{
  WORTH_LOOKING = 16 // dimensions
};

SB_CLONES static size_t
list_weights (size_t K, size_t d, const double *r, size_t *active)
{
  size_t count = 0;
  if (d < WORTH_LOOKING)
    {
      for (size_t k = 0; k < K; k++)
        active[k] = k;
      return K;
    }
  for (size_t k = 0; k < K; k++)
    {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (int l = 0; l < LANES; l++)
        sum += r[k * LANES + l];
      if (sum != 0) // or is NaN
        active[count++] = k;
    }
  return count;
}

// ## A block of rows at times of their own
//
// Where each component has one variance and all coordinates have one kernel, the tables of a time are few numbers: then
// rows at different times share a block too, each lane with its own tables. The operations are those of a block at one
// time, in the same order, so that a row's result is the same in both.

typedef struct
{
  target_kernel kernel[LANES];
  double m[LANES];
  bool same;                           // m in all lanes,
  const double *high, *low;            // whose tables then are these, K x d
  double *constant, *precision, *gain; // K x LANES
} lanes;

SB_CLONES static void
take_lanes (const diagonal_mixture *law, const target_kernel *kernel, size_t n, sb_view view, lanes *s)
{
  s->same = true;
  for (size_t l = 0; l < LANES; l++)
    {
      s->kernel[l] = kernel[l < n ? l : n - 1];
      s->m[l] = s->kernel[l].m;
      s->same &= s->m[l] == s->m[0];
    }
  for (size_t k = 0; k < law->K; k++)
    for (size_t l = 0; l < LANES; l++)
      {
        const double lambda = gsl_matrix_get (law->lambda, k, 0), variance = target_variance (s->kernel[l], lambda);
        s->constant[k * LANES + l] = law->log_w[k] - 0.5 * ((double)law->d * log (variance));
        s->precision[k * LANES + l] = 1 / variance;
        s->gain[k * LANES + l] = target_gain (s->kernel[l], view, lambda) / variance;
      }
}

// $\delta_j$ in a lane.

static inline __attribute__ ((always_inline)) double
difference (int same, const lanes *s, const double *mu, size_t kj, double x, int l)
{
  const double high = same ? s->high[kj] : s->m[l] * *mu;
  return (x - high) - (same ? s->low[kj] : fma (s->m[l], *mu, -high));
}

static inline __attribute__ ((always_inline)) void
log_densities_of_lanes_as (int same, const diagonal_mixture *law, const lanes *s, const double *restrict x,
                           double *restrict r)
{
  for (size_t k = 0; k < law->K; k++)
    {
      const double *restrict mu = gsl_matrix_const_ptr (law->mu, k, 0);
      double sum[LANES] = { 0 };
      for (size_t j = 0; j < law->d; j++)
        {
#pragma omp simd
          for (int l = 0; l < LANES; l++)
            {
              double delta = difference (same, s, mu + j, k * law->d + j, x[j * LANES + (size_t)l], l);
              sum[l] += delta * delta;
            }
        }
#pragma omp simd
      for (int l = 0; l < LANES; l++)
        {
          double factor = -0.5 * s->precision[k * LANES + (size_t)l];
          r[k * LANES + (size_t)l] = s->constant[k * LANES + (size_t)l] + factor * sum[l];
        }
    }
}

SB_CLONES static void
log_densities_of_lanes (const diagonal_mixture *law, const lanes *s, const double *restrict x, double *restrict r)
{
  if (s->same)
    log_densities_of_lanes_as (1, law, s, x, r);
  else
    log_densities_of_lanes_as (0, law, s, x, r);
}

static inline __attribute__ ((always_inline)) void
average_of_lanes_as (int same, const diagonal_mixture *law, size_t count, const size_t *restrict active, const lanes *s,
                     const double *restrict x, const double *restrict scaled, double *restrict out)
{
  for (size_t start = 0; start < law->d; start += COLUMNS)
    {
      const size_t columns = law->d - start < COLUMNS ? law->d - start : COLUMNS;
      double sum[COLUMNS * LANES] = { 0 };
      for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < columns; j++)
          {
            const size_t at = start + j;
            const double *x_j = x + at * LANES, *r_k = scaled + active[i] * LANES,
                         *mu = law->mu->data + active[i] * law->mu->tda + at;
#pragma omp simd
            for (int l = 0; l < LANES; l++)
              sum[j * LANES + (size_t)l] += r_k[l] * difference (same, s, mu, active[i] * law->d + at, x_j[l], l);
          }
      memcpy (out + start * LANES, sum, columns * LANES * sizeof *out);
    }
}

SB_CLONES static void
average_of_lanes (const diagonal_mixture *law, size_t count, const size_t *restrict active, const lanes *s,
                  const double *restrict x, const double *restrict r, double *restrict scaled, double *restrict out)
{
  for (size_t i = 0; i < count; i++)
    {
      const size_t at = active[i] * LANES;
#pragma omp simd
      for (int l = 0; l < LANES; l++)
        scaled[at + (size_t)l] = r[at + (size_t)l] * s->gain[at + (size_t)l];
    }
  if (s->same)
    average_of_lanes_as (1, law, count, active, s, x, scaled, out);
  else
    average_of_lanes_as (0, law, count, active, s, x, scaled, out);
}

// ## From rows to blocks and back
//
// In the last block the last row is repeated, so that a row's result does not depend on how many there are.

SB_CLONES static void
gather_rows (const gsl_matrix *x, size_t first, size_t n, double *restrict block)
{
  const double *row[LANES];
  for (size_t l = 0; l < LANES; l++)
    row[l] = x->data + (first + (l < n ? l : n - 1)) * x->tda;
  for (size_t j = 0; j < x->size2; j++)
    for (int l = 0; l < LANES; l++)
      block[j * LANES + (size_t)l] = row[l][j];
}

// Back, a few columns at a time, so that this piece of the block stays in the first-level cache.

SB_CLONES static void
scatter_rows (const double *restrict block, gsl_matrix *out, size_t first, size_t n)
{
  const size_t d = out->size2;
  for (size_t start = 0; start < d; start += COLUMNS)
    for (size_t l = 0; l < n; l++)
      {
        double *row = out->data + (first + l) * out->tda;
        const size_t end = start + COLUMNS < d ? start + COLUMNS : d;
        for (size_t j = start; j < end; j++)
          row[j] = block[j * LANES + l];
      }
}

// ## A shard of a batch

typedef struct
{
  const diagonal_mixture *law;
  const target_kernel *kernel;     // parts in a row each, or in one row
  const diagonal_snapshot *common; // where there is one
  bool round;                      // all coordinates of a component have one variance
  bool by_lanes;                   // rows at different times can share a block
  const gsl_matrix *x;
  sb_view view;
  gsl_matrix *out;                // the results, where they are wanted; log_p alone
  gsl_vector *log_p, *divergence; // a number per row
  sb_pool *workspaces;
} batch_job;

typedef struct
{
  double *x, *out, *r, *scaled; // of a block
  size_t *active;
  diagonal_snapshot own; // of one time,
  lanes lanes;           // or of several
} workspace;

static void
workspace_free (void *memory)
{
  workspace *m = memory;
  free (m->x);
  free (m->active);
  free (m->own.memory);
  free (m);
}

static void *
workspace_alloc (const void *context)
{
  const batch_job *job = context;
  const size_t K = job->law->K, d = job->law->d;
  workspace *m = calloc (1, sizeof *m);
  if (!m)
    return NULL;
  m->x = aligned_alloc (64, (2 * d + 5 * K) * LANES * sizeof (double));
  m->active = malloc (K * sizeof *m->active);
  if (!m->x || !m->active || (!job->common && snapshot_alloc (job->law, &m->own)))
    {
      workspace_free (m);
      return NULL;
    }
  m->lanes.high = m->own.high;
  m->lanes.low = m->own.low;
  m->out = m->x + d * LANES;
  m->r = m->out + d * LANES;
  m->scaled = m->r + K * LANES;
  m->lanes.constant = m->scaled + K * LANES;
  m->lanes.precision = m->lanes.constant + K * LANES;
  m->lanes.gain = m->lanes.precision + K * LANES;
  return m;
}

static void
set_log_p (const batch_job *job, size_t first, size_t n, const double *log_sum)
{
  for (size_t l = 0; l < n; l++)
    gsl_vector_set (job->log_p, first + l, log_sum[l] - 0.5 * (double)job->law->d * log (2 * M_PI));
}

// s: the snapshot of the rows' common time, or NULL: they use the workspace's lanes.

static void
work_on_block (const batch_job *job, const diagonal_snapshot *s, workspace *m, size_t first, size_t n)
{
  const size_t K = job->law->K, d = job->law->d;
  double log_sum[LANES];
  gather_rows (job->x, first, n, m->x);
  if (s)
    log_densities (K, d, s, m->x, m->r);
  else
    log_densities_of_lanes (job->law, &m->lanes, m->x, m->r);
  normalise (K, m->r, log_sum);
  if (job->log_p)
    {
      set_log_p (job, first, n, log_sum);
      return;
    }
  const size_t count = list_weights (K, d, m->r, m->active);
  if (s)
    average (count, m->active, d, s, m->x, m->r, m->scaled, m->out);
  else
    average_of_lanes (job->law, count, m->active, &m->lanes, m->x, m->r, m->scaled, m->out);
  if (job->divergence)
    {
      double divergence[LANES];
      diverge (count, m->active, d, s, m->x, m->r, m->out, divergence);
      for (size_t l = 0; l < n; l++)
        gsl_vector_set (job->divergence, first + l, divergence[l]);
    }
  if (job->view == SB_DENOISER)
    add_means (count, m->active, d, job->law->mu, m->r, m->out);
  if (job->out)
    scatter_rows (m->out, job->out, first, n);
}

static void
work_on_long_rows (const batch_job *job, const diagonal_snapshot *s, workspace *m, size_t first, size_t n)
{
  const size_t K = job->law->K, d = job->law->d;
  double log_sum[LANES];
  const double *x[LANES];
  for (size_t l = 0; l < LANES; l++) // the last row again where there are fewer
    x[l] = gsl_matrix_const_ptr (job->x, first + (l < n ? l : n - 1), 0);
  for (size_t k = 0; k < K; k++)
    {
      double *r_k = m->r + k * LANES;
      for (size_t l = 0; l < n; l += DIAGONAL_ROWS)
        diagonal_rows_log_densities (k, d, s, x + l, r_k + l);
      for (size_t l = n; l < LANES; l++)
        r_k[l] = r_k[0];
    }
  normalise (K, m->r, log_sum);
  if (job->log_p)
    {
      set_log_p (job, first, n, log_sum);
      return;
    }
  for (size_t l = 0; l < n; l++)
    {
      double *out = job->out ? gsl_matrix_ptr (job->out, first + l, 0) : m->out;
      diagonal_row_average (K, d, s, x[l], LANES, m->r + l, out);
      if (job->divergence)
        gsl_vector_set (job->divergence, first + l, diagonal_row_divergence (K, d, s, x[l], LANES, m->r + l, out));
      if (job->view == SB_DENOISER)
        diagonal_row_add_means (job->law->mu, LANES, m->r + l, out);
    }
}

static int
same_kernel (const batch_job *job, size_t row, const target_kernel *other)
{
  const size_t parts = job->law->process->parts;
  const target_kernel *kernel = job->kernel + row * parts;
  size_t k = 0;
  while (k < parts && kernel[k].m == other[k].m && kernel[k].sd == other[k].sd)
    k++;
  return k == parts;
}

// A snapshot serves consecutive rows at one time. Where these are fewer than a block's lanes, each lane has its own
// numbers if possible; otherwise each run of rows is a block with a snapshot of its own.

static size_t
work_from_row (const batch_job *job, workspace *m, size_t i, size_t end)
{
  const size_t most = end - i < LANES ? end - i : LANES;
  const target_kernel *kernel = job->common ? NULL : job->kernel + i * job->law->process->parts;
  size_t n = 1;
  while (n < most && (job->common || same_kernel (job, i + n, kernel)))
    n++;
  const bool by_lanes = n < most && job->by_lanes;
  if (by_lanes)
    take_lanes (job->law, kernel, most, job->view, &m->lanes);
  if (!job->common
      && (by_lanes ? m->lanes.same && !(m->own.kernel && m->own.kernel->m == kernel->m)
                   : !m->own.kernel || !same_kernel (job, i, m->own.kernel)))
    take_snapshot (job->law, job->round, kernel, job->view, &m->own);
  const diagonal_snapshot *s = by_lanes ? NULL : job->common ? job->common : &m->own;
  (job->common && row_by_row (job->law) ? work_on_long_rows : work_on_block) (job, s, m, i, by_lanes ? most : n);
  return by_lanes ? most : n;
}

static int
work_on_rows (void *context, size_t number, size_t first, size_t n)
{
  const batch_job *job = context;
  workspace *m = sb_pool_take (job->workspaces);
  (void)number;
  if (!m)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for a block of rows");
  for (size_t i = first; i < first + n;)
    i += work_from_row (job, m, i, first + n);
  sb_pool_give (job->workspaces, m);
  return GSL_SUCCESS;
}

// A shard has about this many numbers, whatever the dimension.

enum
{
  SHARD_NUMBERS = 16384,
  MOST_BLOCKS = 256
};

static size_t
shard_rows (size_t d)
{
  const size_t blocks = SHARD_NUMBERS / LANES / d;
  return LANES * (blocks == 0 ? 1 : blocks < MOST_BLOCKS ? blocks : MOST_BLOCKS);
}

static int
work_on (batch_job *job, size_t kernels)
{
  diagonal_snapshot common = { 0 };
  job->round = job->law->round && job->law->process->parts == 1;
  job->by_lanes = kernels != 1 && !job->divergence && job->round;
  if (kernels == 1)
    {
      int status = snapshot_alloc (job->law, &common);
      if (status)
        return status;
      take_snapshot (job->law, job->round, job->kernel, job->view, &common);
      job->common = &common;
    }
  job->workspaces = sb_pool_alloc (&(sb_pool_recipe){ workspace_alloc, workspace_free, job });
  int status = job->workspaces ? sb_shards (job->x->size1, shard_rows (job->law->d), work_on_rows, job) : GSL_ENOMEM;
  sb_pool_free (job->workspaces);
  free (common.memory);
  return status;
}

int
diagonal_evaluate (const diagonal_mixture *law, const target_kernel *kernel, size_t kernels, sb_view view,
                   const gsl_matrix *x, gsl_matrix *out)
{
  batch_job job = { .law = law, .kernel = kernel, .view = view, .x = x, .out = out };
  return work_on (&job, kernels);
}

int
diagonal_log_density (const diagonal_mixture *law, const target_kernel *kernel, size_t kernels, const gsl_matrix *x,
                      gsl_vector *log_p)
{
  batch_job job = { .law = law, .kernel = kernel, .view = SB_SCORE, .x = x, .log_p = log_p };
  return work_on (&job, kernels);
}

int
diagonal_divergence (const diagonal_mixture *law, const target_kernel *kernel, size_t kernels, const gsl_matrix *x,
                     gsl_matrix *score, gsl_vector *divergence)
{
  batch_job job = { .law = law, .kernel = kernel, .view = SB_SCORE, .x = x, .out = score, .divergence = divergence };
  return work_on (&job, kernels);
}
