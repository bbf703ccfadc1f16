// # What samplers work in
//
// A step is a few numbers and a few sweeps over the batch; to allocate a batch for each would cost as much again. So
// the workspace is made once; with it comes what steps, correctors and their driver share: evaluating the score, and
// norms.

#include "work.h"

#include "../base/clones.h"
#include "../base/elementary.h"
#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"
#include "../base/shard.h"
#include "../score/tweedie.h"

#include <gsl/gsl_blas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
  NUMBERS = 8 // of a part: those of sb_step_at
};

void
sb_sampler_work_free (sb_sampler_work *work)
{
  if (!work)
    return;
  gsl_matrix_free (work->estimate);
  gsl_matrix_free (work->more);
  gsl_matrix_free (work->c);
  free (work->numbers);
  free (work->sums);
  gsl_vector_free (work->t);
  gsl_vector_free (work->t_hat);
  free (work);
}

sb_sampler_work *
sb_sampler_work_alloc (const sb_score *score, size_t rows)
{
  const size_t d = score->process->dimension, parts = score->process->parts > 0 ? score->process->parts : 1,
               capacity = rows > 0 ? rows : 1;
  if (sb_check_lengths ("rows to sample", capacity, d, 1) || sb_check_lengths ("rows to sample", capacity, parts, 1))
    return NULL;
  sb_sampler_work *work = calloc (1, sizeof *work);
  if (work)
    *work = (sb_sampler_work){ .score = score,
                               .rows = rows,
                               .estimate = gsl_matrix_alloc (capacity, d),
                               .more = gsl_matrix_alloc (2 * capacity, d),
                               .c = gsl_matrix_alloc (3 * capacity, parts),
                               .numbers = malloc (NUMBERS * parts * sizeof *work->numbers),
                               .sums = malloc ((sb_shard_count (capacity, sb_shard_rows (d)) + 1) * sizeof *work->sums),
                               .t = gsl_vector_alloc (capacity),
                               .t_hat = gsl_vector_alloc (capacity) };
  if (work && work->estimate && work->more && work->c && work->numbers && work->sums && work->t && work->t_hat)
    return work;
  sb_sampler_work_free (work);
  SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory to sample %zu rows in %zu dimensions", rows, d);
}

int
sb_work_check (const sb_sampler_work *work, const gsl_matrix *z, const gsl_matrix *x)
{
  const size_t d = work->score->process->dimension;
  if (x->size2 != d || x->size1 > work->rows)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu; there are %zu coordinates and memory for %zu rows", x->size1,
              x->size2, d, work->rows);
  if (z && (z->size1 != x->size1 || z->size2 != x->size2))
    SB_ERROR (NULL, GSL_EBADLEN, "z is %zu x %zu, x is %zu x %zu", z->size1, z->size2, x->size1, x->size2);
  return GSL_SUCCESS;
}

int
sb_work_check_sde (const sb_process *process, double t)
{
  if (!(process->t_min <= t && t <= process->t_limit))
    SB_ERROR (NULL, GSL_EDOM, "the SDE is solved on [%g, %g], which t = %g is not in", process->t_min, process->t_limit,
              t);
  return GSL_SUCCESS;
}

int
sb_work_check_grid (const sb_process *process, const gsl_vector *times)
{
  if (times->size == 0)
    SB_ERROR (NULL, GSL_EBADLEN, "the grid has no times");
  for (size_t k = 0; k < times->size; k++)
    {
      const double t = gsl_vector_get (times, k), before = k > 0 ? gsl_vector_get (times, k - 1) : HUGE_VAL;
      if (!(0 <= t && t < before && t <= process->t_limit))
        SB_ERROR (NULL, GSL_EDOM, "the grid must decrease within [0, %g]: time %zu is %g", process->t_limit, k, t);
    }
  return GSL_SUCCESS;
}

// ## Evaluating the score

gsl_matrix_view
sb_work_estimate_rows (sb_sampler_work *work, size_t n)
{
  return gsl_matrix_submatrix (work->estimate, 0, 0, n, work->estimate->size2);
}

int
sb_work_estimate (sb_sampler_work *work, sb_view view, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                  gsl_matrix *out)
{
  const gsl_matrix *x_hat0 = work->x_hat0;
  work->x_hat0 = NULL;
  if (x_hat0)
    {
      sb_copy_rows (out, x_hat0);
      return sb_tweedie (work->score->process, SB_DENOISER, view, x, t, out);
    }
  work->evaluations++;
  if (work->step == 0)
    return sb_score_estimate (work->score, view, x, t, y, out);
  char step[64];
  snprintf (step, sizeof step, " in step %zu of %zu", work->step, work->steps);
  const int status = sb_score_evaluate (work->score, view, x, t, y, out);
  return status ? status : sb_score_check_finite (work->score, t, out, step);
}

gsl_vector_view
sb_work_times (sb_sampler_work *work, size_t n, double t)
{
  gsl_vector_set_all (work->t, t);
  return gsl_vector_subvector (work->t, 0, n);
}

size_t
sb_work_noises (const sb_process *process)
{
  return process->type->deviation ? 1 : process->parts;
}

int
sb_work_deviations (const sb_process *process, double t, double *sd)
{
  return process->type->deviation ? sb_process_deviation (process, 0, t, sd)
                                  : sb_process_numbers (process, SB_S, 0, t, sd);
}

// Samples still contain the noise of the last level, which the eye does not see and a Frechet distance does. The paper
// ends every run with Tweedie's formula, $\hat{\mathbf x}_0 = \operatorname E[\mathbf x_0 \mid \mathbf x_t]$.
// [scoresde.txt-denoise]

int
sb_work_denoise (sb_sampler_work *work, const gsl_matrix *y, double t, gsl_matrix *x)
{
  if (x->size1 == 0)
    return GSL_SUCCESS;
  gsl_matrix_view x_hat0 = sb_work_estimate_rows (work, x->size1);
  gsl_vector_view times = sb_work_times (work, x->size1, t);
  int status = sb_work_estimate (work, SB_DENOISER, y, &times.vector, x, &x_hat0.matrix);
  return status ? status : sb_copy_rows (x, &x_hat0.matrix);
}

void
sb_work_add (gsl_matrix *x, double a, const gsl_matrix *v)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_view x_i = gsl_matrix_row (x, i);
      gsl_vector_const_view v_i = gsl_matrix_const_row (v, i);
      gsl_blas_daxpy (a, &v_i.vector, &x_i.vector);
    }
}

// ## Norms
//
// A sum of squares serves where it neither overflows nor loses its small terms; elsewhere BLAS's scaled dnrm2 does.

SB_CLONES static double
sum_of_squares (const double *v, size_t count)
{
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < count; j++)
    sum += v[j] * v[j];
  return sum;
}

static const double smallest = 1e-280, largest = 1e280; // of a sum that is safe

static double
norm_of_row (const gsl_matrix *v, size_t i)
{
  const double sum = sum_of_squares (gsl_matrix_const_ptr (v, i, 0), v->size2);
  if (smallest < sum && sum < largest)
    return sqrt (sum);
  gsl_vector_const_view careful = gsl_matrix_const_row (v, i);
  return gsl_blas_dnrm2 (&careful.vector);
}

// Short rows are summed side by side.

enum
{
  SHORT = 8,
  ROWS = 32
};

SB_CLONES static double
norms_of_rows (const double *v, size_t tda, size_t d, double *low, double *high)
{
  double sum[ROWS] = { 0 }, total = 0, least = largest, most = 0;
  for (size_t j = 0; j < d; j++)
    {
#pragma omp simd
      for (size_t i = 0; i < ROWS; i++)
        sum[i] += v[i * tda + j] * v[i * tda + j];
    }
#pragma omp simd reduction(+ : total) reduction(min : least) reduction(max : most)
  for (size_t i = 0; i < ROWS; i++)
    {
      total += sb_vsqrt (sum[i]);
      least = sum[i] < least ? sum[i] : least;
      most = sum[i] > most ? sum[i] : most;
    }
  *low = least;
  *high = most;
  return total;
}

typedef struct
{
  const gsl_matrix *v;
  double *sum; // by shard
} norms;

static int
sum_norms (void *context, size_t shard, size_t first, size_t count)
{
  const norms *m = context;
  const size_t end = first + count;
  double sum = 0;
  for (size_t i = first; i < end;)
    {
      double low = 0, high = 0, of_rows = 0;
      if (m->v->size2 < SHORT && i + ROWS <= end)
        of_rows = norms_of_rows (gsl_matrix_const_ptr (m->v, i, 0), m->v->tda, m->v->size2, &low, &high);
      if (smallest < low && high < largest)
        {
          sum += of_rows;
          i += ROWS;
        }
      else
        sum += norm_of_row (m->v, i++);
    }
  m->sum[shard] = sum;
  return GSL_SUCCESS;
}

double
sb_work_mean_norm (sb_sampler_work *work, const gsl_matrix *v)
{
  const size_t rows = sb_shard_rows (v->size2), shards = sb_shard_count (v->size1, rows);
  norms m = { v, work->sums };
  double sum = 0;
  sb_shards (v->size1, rows, sum_norms, &m);
  for (size_t k = 0; k < shards; k++)
    sum += m.sum[k];
  return sum / (double)v->size1;
}

void
sb_work_add_slope (const gsl_vector *s, const gsl_vector *t, double w, const gsl_matrix *slope, gsl_matrix *x)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      *gsl_matrix_ptr (x, i, j) += w * (gsl_vector_get (s, i) - gsl_vector_get (t, i)) * gsl_matrix_get (slope, i, j);
}
