// # Distances between all pairs
//
// How far is a sample from the nearest image that it could be a copy of? All distances between $n$ points and $m$
// others are one matrix product, $|x_i - y_j|^2 = |x_i|^2 + |y_j|^2 - 2\,x_i \cdot y_j$.

#include "pairwise.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

static double
square_of_row (const gsl_matrix *x, size_t i)
{
  double square;
  gsl_vector_const_view row = gsl_matrix_const_row (x, i);
  gsl_blas_ddot (&row.vector, &row.vector, &square);
  return square;
}

// The first row of `squared` holds the $|y_j|^2$ until its own turn comes, last. Where two points nearly coincide the
// sum cancels, and rounding may leave it below zero.

static int
add_squares (const gsl_matrix *x, const gsl_matrix *y, gsl_matrix *squared)
{
  double all = 0;
  for (size_t j = 0; j < y->size1; j++)
    {
      gsl_matrix_set (squared, 0, j, square_of_row (y, j));
      all += gsl_matrix_get (squared, 0, j);
    }
  for (size_t i = x->size1; i-- > 0;)
    {
      double x_squared = square_of_row (x, i);
      all += x_squared;
      for (size_t j = 0; j < y->size1; j++)
        gsl_matrix_set (squared, i, j, x_squared + gsl_matrix_get (squared, 0, j));
    }
  if (!isfinite (all))
    SB_ERROR (NULL, GSL_EDOM, "a point is not finite");
  return GSL_SUCCESS;
}

int
sb_squared_distances (const gsl_matrix *x, const gsl_matrix *y, gsl_matrix *squared)
{
  size_t n = x->size1, m = y->size1;
  if (y->size2 != x->size2 || x->size2 == 0 || squared->size1 != n || squared->size2 != m)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, y %zu x %zu, their distances %zu x %zu", n, x->size2, m, y->size2,
              squared->size1, squared->size2);
  if (n == 0 || m == 0)
    return GSL_SUCCESS;

  int status = add_squares (x, y, squared);
  if (status)
    return status;
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, -2, x, y, 1, squared);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++)
      gsl_matrix_set (squared, i, j, fmax (gsl_matrix_get (squared, i, j), 0));
  return GSL_SUCCESS;
}

// ## The nearest
//
// Block by block of the data, so that memory does not grow with it; the rows of x are the shards.

enum
{
  ROWS = 64,
  DATA_ROWS = 1024
};

typedef struct
{
  const gsl_matrix *x, *data;
  size_t *index;
  gsl_vector *distance;
} search;

static void
search_block (const search *s, size_t first_x, size_t first_data, const gsl_matrix *squared)
{
  for (size_t i = 0; i < squared->size1; i++)
    for (size_t j = 0; j < squared->size2; j++)
      if (gsl_matrix_get (squared, i, j) < gsl_vector_get (s->distance, first_x + i))
        {
          gsl_vector_set (s->distance, first_x + i, gsl_matrix_get (squared, i, j));
          s->index[first_x + i] = first_data + j;
        }
}

static double
distance_of_rows (const gsl_matrix *x, size_t i, const gsl_matrix *y, size_t j)
{
  double square = 0;
  for (size_t k = 0; k < x->size2; k++)
    {
      double difference = gsl_matrix_get (x, i, k) - gsl_matrix_get (y, j, k);
      square += difference * difference;
    }
  return sqrt (square);
}

static int
search_data (const search *s, size_t first, size_t count, gsl_matrix *scratch)
{
  size_t m = s->data->size1, d = s->data->size2;
  gsl_matrix_const_view x = gsl_matrix_const_submatrix (s->x, first, 0, count, d);
  gsl_vector_view best = gsl_vector_subvector (s->distance, first, count);
  gsl_vector_set_all (&best.vector, INFINITY);
  int status = GSL_SUCCESS;
  for (size_t from = 0; from < m && !status; from += DATA_ROWS)
    {
      size_t rows = m - from < DATA_ROWS ? m - from : DATA_ROWS;
      gsl_matrix_const_view block = gsl_matrix_const_submatrix (s->data, from, 0, rows, d);
      gsl_matrix_view squared = gsl_matrix_submatrix (scratch, 0, 0, count, rows);
      status = sb_squared_distances (&x.matrix, &block.matrix, &squared.matrix);
      if (!status)
        search_block (s, first, from, &squared.matrix);
    }
  return status;
}

static int
search_rows (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  const search *s = context;
  gsl_matrix *scratch = gsl_matrix_alloc (count, GSL_MIN (s->data->size1, DATA_ROWS));
  if (!scratch)
    return GSL_ENOMEM;
  int status = search_data (s, first, count, scratch);
  gsl_matrix_free (scratch);
  for (size_t i = first; i < first + count && !status; i++)
    gsl_vector_set (s->distance, i, distance_of_rows (s->x, i, s->data, s->index[i]));
  return status;
}

int
sb_nearest (const gsl_matrix *x, const gsl_matrix *data, size_t *index, gsl_vector *distance)
{
  if (data->size1 == 0 || data->size2 != x->size2 || x->size2 == 0 || distance->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the data %zu x %zu, the distances %zu", x->size1, x->size2,
              data->size1, data->size2, distance->size);
  search s = { x, data, index, distance };
  return sb_shards (x->size1, ROWS, search_rows, &s);
}
