// # A sampler without its randomness
//
// With an affine score a step is affine in all its inputs, the point, its normals and the condition,
// $$ \mathbf x_s = \mathbf o + M\mathbf x_t + B\mathbf z + N(\hat{\mathbf y}_t - \mathbf y), $$
// and so the moments of its result follow without a sample being drawn,
// $$ m \leftarrow \mathbf o + M m, \qquad P \leftarrow M P M^{\mathsf T} + B B^{\mathsf T} + N S_y^2 N^{\mathsf T} . $$
// The matrices are found by applying the step to unit vectors, so that no step's formula is repeated here.

#include "gaussian_run.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "work.h"

#include <gsl/gsl_blas.h>

// A batch of unit vectors: row 0 has none, then come d of the point, d of the normals, and as many as the condition has
// numbers where it diffuses.

typedef struct
{
  const sb_pc *pc;
  const sb_process *process;
  sb_sampler_work *work;
  size_t d, m, rows;
  gsl_matrix *x, *z, *y; // rows x d, rows x d, rows x m (NULL: none)
  gsl_vector *s, *t;     // rows
  gsl_matrix *P, *MP;    // d x d
  gsl_vector *mean;      // d
} unit_batch;

static void
unit_batch_free (unit_batch *b)
{
  sb_sampler_work_free (b->work);
  gsl_matrix_free (b->x);
  gsl_matrix_free (b->z);
  gsl_matrix_free (b->y);
  gsl_vector_free (b->s);
  gsl_vector_free (b->t);
  gsl_matrix_free (b->P);
  gsl_matrix_free (b->MP);
  gsl_vector_free (b->mean);
}

static int
unit_batch_open (const sb_pc *pc, const sb_score *score, const gsl_vector *y, unit_batch *b)
{
  const size_t d = score->process->dimension, m = pc->condition ? y->size : 0, rows = 1 + 2 * d + m;
  *b = (unit_batch){ .pc = pc,
                     .process = score->process,
                     .work = sb_sampler_work_alloc (score, rows),
                     .d = d,
                     .m = m,
                     .rows = rows,
                     .x = gsl_matrix_alloc (rows, d),
                     .z = gsl_matrix_calloc (rows, d),
                     .y = y ? gsl_matrix_alloc (rows, y->size) : NULL,
                     .s = gsl_vector_alloc (rows),
                     .t = gsl_vector_alloc (rows),
                     .P = gsl_matrix_alloc (d, d),
                     .MP = gsl_matrix_alloc (d, d),
                     .mean = gsl_vector_alloc (d) };
  if (!b->work || !b->x || !b->z || (y && !b->y) || !b->s || !b->t || !b->P || !b->MP || !b->mean)
    return GSL_ENOMEM;
  for (size_t i = 0; i < rows && y; i++)
    gsl_matrix_set_row (b->y, i, y);
  for (size_t j = 0; j < m; j++)
    *gsl_matrix_ptr (b->y, 1 + 2 * d + j, j) += 1;
  for (size_t j = 0; j < d; j++)
    gsl_matrix_set (b->z, 1 + d + j, j, 1);
  return GSL_SUCCESS;
}

static void
set_points (unit_batch *b)
{
  gsl_matrix_set_zero (b->x);
  for (size_t j = 0; j < b->d; j++)
    gsl_matrix_set (b->x, 1 + j, j, 1);
}

// Rows of the result, less the first: a block of a matrix's columns, transposed.

static gsl_matrix
block (const unit_batch *b, size_t first, size_t count)
{
  return gsl_matrix_submatrix (b->x, first, 0, count, b->d).matrix;
}

// N S_y^2 N^T, where the condition diffuses.

static int
add_condition (unit_batch *b, double t)
{
  const gsl_matrix N = block (b, 1 + 2 * b->d, b->m);
  gsl_vector at = gsl_vector_subvector (b->t, 0, b->d).vector;
  gsl_matrix *NS = gsl_matrix_alloc (b->d, b->m);
  gsl_vector_set_all (&at, t);
  int status = NS ? gsl_matrix_transpose_memcpy (NS, &N) : GSL_ENOMEM;
  if (!status)
    status = sb_process_apply (b->pc->condition->process, SB_S, CblasTrans, NULL, &at, NS);
  if (!status)
    gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, NS, NS, 1, b->P);
  gsl_matrix_free (NS);
  return status;
}

static int
carry_moments (unit_batch *b, double t, gsl_vector *mean, gsl_matrix *covariance)
{
  gsl_vector o = gsl_matrix_row (b->x, 0).vector;
  for (size_t i = 1; i < b->rows; i++)
    {
      gsl_vector_view row = gsl_matrix_row (b->x, i);
      gsl_vector_sub (&row.vector, &o);
    }
  gsl_matrix M = block (b, 1, b->d), B = block (b, 1 + b->d, b->d);
  gsl_vector_memcpy (b->mean, &o);
  gsl_blas_dgemv (CblasTrans, 1, &M, mean, 1, b->mean);
  gsl_vector_memcpy (mean, b->mean);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, &M, covariance, 0, b->MP);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, b->MP, &M, 0, b->P);
  gsl_blas_dgemm (CblasTrans, CblasNoTrans, 1, &B, &B, 1, b->P);
  int status = b->m > 0 ? add_condition (b, t) : GSL_SUCCESS;
  return status ? status : gsl_matrix_memcpy (covariance, b->P);
}

static int
take_step (unit_batch *b, size_t k, const gsl_vector *times, gsl_vector *mean, gsl_matrix *covariance)
{
  const sb_pc *pc = b->pc;
  const bool last = k + 2 == times->size && pc->final == SB_FINAL_MEAN;
  const double *key;
  const sb_step_type *step = sb_pc_step (pc, k, &key);
  const double t = gsl_vector_get (times, k);
  set_points (b);
  gsl_vector_set_all (b->s, gsl_vector_get (times, k + 1));
  gsl_vector_set_all (b->t, t);
  const bool noisy = !last && !pc->noiseless && sb_step_noisy (step, key);
  int status = sb_step_apply (step, key, b->work, b->y, b->s, b->t, noisy ? b->z : NULL, b->x);
  return status ? status : carry_moments (b, t, mean, covariance);
}

static int
denoise (unit_batch *b, double t, gsl_vector *mean, gsl_matrix *covariance)
{
  set_points (b);
  int status = sb_work_denoise (b->work, b->y, t, b->x);
  return status ? status : carry_moments (b, t, mean, covariance);
}

static int
check (const sb_pc *pc, const sb_score *score, const gsl_vector *y, const gsl_vector *times, const gsl_vector *mean,
       const gsl_matrix *covariance)
{
  const size_t d = score->process->dimension;
  if (pc->corrector_steps > 0 || pc->known || !pc->step)
    SB_ERROR (NULL, GSL_EUNSUP, "the moments of a run need a step, no corrector and no known coordinates");
  if (pc->condition && pc->condition->one_path)
    SB_ERROR (NULL, GSL_EUNSUP, "the moments of a run need a condition that is redrawn at each step, not one path");
  if (mean->size != d || covariance->size1 != d || covariance->size2 != d
      || (pc->condition && (!y || y->size != pc->condition->process->dimension)))
    SB_ERROR (NULL, GSL_EBADLEN, "moments of %zu and %zu x %zu, of a process of %zu", mean->size, covariance->size1,
              covariance->size2, d);
  return sb_work_check_grid (score->process, times);
}

int
sb_gaussian_run (const sb_pc *pc, const sb_score *score, const gsl_vector *y, const gsl_vector *times, gsl_vector *mean,
                 gsl_matrix *covariance)
{
  unit_batch b;
  int status = check (pc, score, y, times, mean, covariance);
  if (status)
    return status;
  status = unit_batch_open (pc, score, y, &b);
  for (size_t k = 0; k + 1 < times->size && !status; k++)
    status = take_step (&b, k, times, mean, covariance);
  if (!status && pc->final == SB_FINAL_DENOISE)
    status = denoise (&b, gsl_vector_get (times, times->size - 1), mean, covariance);
  unit_batch_free (&b);
  return status;
}
