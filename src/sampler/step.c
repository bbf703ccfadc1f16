// # What the steps share
//
// Every predictor and corrector adds three kinds of things to $\mathbf x$: a map of the process applied to a batch, a
// score, and noise. All rows of a sampler's batch stand at the same time, so here times are numbers; process and score
// take a time per row and get one number, repeated.

#include "step.h"

#include "../base/clones.h"
#include "../base/elementary.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static int
check_shapes (const sb_score *score, const gsl_matrix *z, const gsl_matrix *x)
{
  if (x->size2 != score->process->dimension)
    SB_ERROR (NULL, GSL_EBADLEN, "x has %zu columns, the process %zu", x->size2, score->process->dimension);
  if (z != NULL && (z->size1 != x->size1 || z->size2 != x->size2))
    SB_ERROR (NULL, GSL_EBADLEN, "z is %zu x %zu, x is %zu x %zu", z->size1, z->size2, x->size1, x->size2);
  return GSL_SUCCESS;
}

int
sb_step_check (const sb_score *score, double s, double t, const gsl_matrix *z, const gsl_matrix *x)
{
  if (!(0 <= s && s < t))
    SB_ERROR (NULL, GSL_EDOM, "a predictor goes from t down to s >= 0, not from %g to %g", t, s);
  return check_shapes (score, z, x);
}

int
sb_step_check_corrector (const sb_score *score, double s, double t, const gsl_matrix *z, const gsl_matrix *x)
{
  if (z == NULL)
    SB_ERROR (NULL, GSL_EINVAL, "a corrector needs normals");
  if (!(0 <= s && s <= t))
    SB_ERROR (NULL, GSL_EDOM, "a corrector at time %g cannot have %g as the next lower time", t, s);
  return check_shapes (score, z, x);
}

int
sb_step_check_fixed (const sb_score *score, double t, const gsl_matrix *z, const gsl_matrix *x)
{
  if (!(0 <= t && t <= score->process->t_max))
    SB_ERROR (NULL, GSL_EDOM, "the process is on [0, %g], which t = %g is not in", score->process->t_max, t);
  return check_shapes (score, z, x);
}

int
sb_step_check_time (const sb_process *process, double t)
{
  if (!(process->t_min <= t && t <= process->t_max))
    SB_ERROR (NULL, GSL_EDOM, "the SDE is solved on [%g, %g], which t = %g is not in", process->t_min, process->t_max,
              t);
  return GSL_SUCCESS;
}

gsl_vector *
sb_step_times (size_t n, double t)
{
  gsl_vector *times = gsl_vector_alloc (n);
  for (size_t i = 0; times != NULL && i < n; i++)
    times->data[i] = t;
  return times;
}

int
sb_step_apply (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, double s, double t,
               gsl_matrix *x)
{
  gsl_vector *from = sb_step_times (x->size1, s), *to = sb_step_times (x->size1, t);
  int status = from != NULL && to != NULL ? sb_process_apply (process, map, transpose, from, to, x) : GSL_ENOMEM;
  gsl_vector_free (from);
  gsl_vector_free (to);
  return status;
}

// ## Shards of numbers
//
// What is done to every number of a batch is done by shards of rows. Where the rows of all matrices follow each other
// in memory, the numbers of a shard are one long row.

enum
{
  SHARD_NUMBERS = 16384
};

static size_t
shard_rows (const gsl_matrix *x)
{
  return x->size2 < SHARD_NUMBERS ? SHARD_NUMBERS / (x->size2 > 0 ? x->size2 : 1) : 1;
}

static bool
is_dense (const gsl_matrix *x)
{
  return x == NULL || x->tda == x->size2;
}

static const double *
row_of (const gsl_matrix *x, size_t i)
{
  return x != NULL ? x->data + i * x->tda : NULL;
}

// A network that overflows, or a law asked where it has no density, must not turn into samples that look like any
// others: the first number that is not finite ends the run and is named.

SB_CLONES static int
are_finite (const double *v, size_t count)
{
  int wrong = 0;
#pragma omp simd reduction(| : wrong)
  for (size_t j = 0; j < count; j++)
    wrong |= !(fabs (v[j]) <= DBL_MAX);
  return !wrong;
}

static int
finite_rows (void *context, size_t shard, size_t first, size_t count)
{
  const gsl_matrix *g = context;
  (void)shard;
  if (is_dense (g))
    return are_finite (row_of (g, first), count * g->size2) ? GSL_SUCCESS : GSL_EBADFUNC;
  for (size_t i = first; i < first + count; i++)
    if (!are_finite (row_of (g, i), g->size2))
      return GSL_EBADFUNC;
  return GSL_SUCCESS;
}

static int
check_finite (const sb_score *score, double t, const gsl_matrix *g)
{
  gsl_matrix all = *g;
  if (sb_shards (g->size1, shard_rows (g), finite_rows, &all) == GSL_SUCCESS)
    return GSL_SUCCESS;
  for (size_t i = 0; i < g->size1; i++)
    for (size_t j = 0; j < g->size2; j++)
      if (!gsl_finite (gsl_matrix_get (g, i, j)))
        SB_ERROR (NULL, GSL_EBADFUNC, "the score \"%s\" is %g at row %zu, column %zu, t = %g", score->type->name,
                  gsl_matrix_get (g, i, j), i, j, t);
  return GSL_SUCCESS;
}

int
sb_step_evaluate (const sb_score *score, sb_view view, const gsl_matrix *y, double t, const gsl_matrix *x,
                  gsl_matrix *out)
{
  gsl_vector *times = sb_step_times (x->size1, t);
  int status = times != NULL ? sb_score_evaluate (score, view, x, times, y, out) : GSL_ENOMEM;
  gsl_vector_free (times);
  return status != GSL_SUCCESS ? status : check_finite (score, t, out);
}

// ## Moving

typedef struct
{
  double a, b, c;
  gsl_matrix *x;
  const gsl_matrix *g, *z;
} motion;

SB_CLONES static void
move_numbers (const motion *m, size_t count, double *restrict x, const double *restrict g, const double *restrict z)
{
  const double a = m->a, b = m->b, c = m->c;
  if (z == NULL)
    {
#pragma omp simd
      for (size_t j = 0; j < count; j++)
        x[j] = a * x[j] + b * g[j];
    }
  else
    {
#pragma omp simd
      for (size_t j = 0; j < count; j++)
        x[j] = a * x[j] + b * g[j] + c * z[j];
    }
}

static int
move_rows (void *context, size_t shard, size_t first, size_t count)
{
  const motion *m = context;
  (void)shard;
  const bool dense = is_dense (m->x) && is_dense (m->g) && is_dense (m->z);
  const size_t rows = dense ? 1 : count, numbers = dense ? count * m->x->size2 : m->x->size2;
  for (size_t i = first; i < first + rows; i++)
    move_numbers (m, numbers, m->x->data + i * m->x->tda, row_of (m->g, i), row_of (m->z, i));
  return GSL_SUCCESS;
}

void
sb_step_move (double a, gsl_matrix *x, double b, const gsl_matrix *g, double c, const gsl_matrix *z)
{
  motion m = { a, b, c, x, g, z };
  sb_shards (x->size1, shard_rows (x), move_rows, &m);
}

void
sb_step_add (gsl_matrix *x, double a, const gsl_matrix *v)
{
  sb_step_move (1, x, a, v, 0, NULL);
}

// ## Norms
//
// A sum of squares that neither overflows nor loses its small terms is a norm; else BLAS's careful one is asked.

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
  const double sum = sum_of_squares (row_of (v, i), v->size2);
  if (smallest < sum && sum < largest)
    return sqrt (sum);
  gsl_vector_const_view careful = gsl_matrix_const_row (v, i);
  return gsl_blas_dnrm2 (&careful.vector);
}

// Short rows are taken side by side.

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
      double low = 0, high = 0, some = 0;
      if (m->v->size2 < SHORT && i + ROWS <= end)
        some = norms_of_rows (row_of (m->v, i), m->v->tda, m->v->size2, &low, &high);
      if (smallest < low && high < largest)
        {
          sum += some;
          i += ROWS;
        }
      else
        sum += norm_of_row (m->v, i++);
    }
  m->sum[shard] = sum;
  return GSL_SUCCESS;
}

int
sb_step_mean_norm (const gsl_matrix *v, double *mean)
{
  const size_t shards = sb_shard_count (v->size1, shard_rows (v));
  norms m = { v, malloc ((shards + 1) * sizeof *m.sum) };
  if (m.sum == NULL)
    return GSL_ENOMEM;
  sb_shards (v->size1, shard_rows (v), sum_norms, &m);
  *mean = 0;
  for (size_t k = 0; k < shards; k++)
    *mean += m.sum[k];
  *mean /= (double)v->size1;
  free (m.sum);
  return GSL_SUCCESS;
}

int
sb_step_add_noise (const sb_process *process, sb_process_map map, double s, double t, double a, const gsl_matrix *z,
                   gsl_matrix *x)
{
  if (z == NULL)
    return GSL_SUCCESS;
  gsl_matrix *noise = gsl_matrix_alloc (z->size1, z->size2);
  int status = noise != NULL ? gsl_matrix_memcpy (noise, z) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = sb_step_apply (process, map, CblasNoTrans, s, t, noise);
  if (status == GSL_SUCCESS)
    sb_step_add (x, a, noise);
  gsl_matrix_free (noise);
  return status;
}
