// # Distances between all pairs
//
// How far is a sample from the nearest image that it could be a copy of? All distances between $n$ points and $m$
// others are one matrix product, $|x_i - y_j|^2 = |x_i|^2 + |y_j|^2 - 2\,x_i \cdot y_j$, of points about their common
// centre and in units of their spread (base/frame.c).

#include "pairwise.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "framed.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

// ## In a frame

int
framed_alloc (const sb_frame *frame, const gsl_matrix *z, framed *points)
{
  *points
      = (framed){ z, ldexp (1, -frame->exponent), gsl_matrix_alloc (z->size1, z->size2), gsl_vector_alloc (z->size1) };
  if (!points->u || !points->square)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu x %zu points about their centre", z->size1, z->size2);
  sb_frame_rows (frame, z, 0, points->u);
  for (size_t i = 0; i < z->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (points->u, i);
      gsl_blas_ddot (&row.vector, &row.vector, gsl_vector_ptr (points->square, i));
    }
  return GSL_SUCCESS;
}

void
framed_free (framed *points)
{
  gsl_matrix_free (points->u);
  gsl_vector_free (points->square);
}

// The difference of the points as they were given, which is rounded once however far they are from anything else.

static double
square_of_difference (const framed *x, size_t i, const framed *y, size_t j)
{
  const double *x_i = gsl_matrix_const_ptr (x->z, i, 0), *y_j = gsl_matrix_const_ptr (y->z, j, 0);
  double sum = 0;
  for (size_t k = 0; k < x->z->size2; k++)
    sum += gsl_pow_2 (x->scale * x_i[k] - x->scale * y_j[k]);
  return sum;
}

// Where two points are close to each other and not to the centre, the three terms cancel. Their sum is used where at
// most four digits are lost, else the difference.

static const double CANCELLED = 1e-4;

void
framed_squared (const framed *x, size_t first_x, const framed *y, size_t first_y, gsl_matrix *squared)
{
  const size_t n = squared->size1, m = squared->size2, d = x->u->size2;
  gsl_matrix_const_view u = gsl_matrix_const_submatrix (x->u, first_x, 0, n, d),
                        v = gsl_matrix_const_submatrix (y->u, first_y, 0, m, d);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, -2, &u.matrix, &v.matrix, 0, squared);
  for (size_t i = 0; i < n; i++)
    {
      const double x_squared = gsl_vector_get (x->square, first_x + i);
      double *row = gsl_matrix_ptr (squared, i, 0);
      for (size_t j = 0; j < m; j++)
        {
          double both = x_squared + gsl_vector_get (y->square, first_y + j), sum = both + row[j];
          row[j] = sum > CANCELLED * both ? sum : square_of_difference (x, first_x + i, y, first_y + j);
        }
    }
}

static int
both_framed (const sb_frame *frame, const gsl_matrix *x, const gsl_matrix *y, framed *u, framed *v)
{
  int status = framed_alloc (frame, x, u), other = framed_alloc (frame, y, v);
  return status ? status : other;
}

int
sb_squared_distances (const gsl_matrix *x, const gsl_matrix *y, gsl_matrix *squared)
{
  if (y->size2 != x->size2 || x->size2 == 0 || squared->size1 != x->size1 || squared->size2 != y->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, y %zu x %zu, their distances %zu x %zu", x->size1, x->size2, y->size1,
              y->size2, squared->size1, squared->size2);
  if (x->size1 == 0 || y->size1 == 0)
    return GSL_SUCCESS;
  sb_frame frame;
  framed u, v;
  double unit;
  int status = sb_frame_of (x, y, &frame);
  if (status)
    return status;
  status = both_framed (&frame, x, y, &u, &v);
  if (!status)
    status = sb_frame_unit (&frame, 2, &unit);
  if (!status)
    {
      framed_squared (&u, 0, &v, 0, squared);
      gsl_matrix_scale (squared, unit);
    }
  framed_free (&u);
  framed_free (&v);
  sb_frame_free (&frame);
  if (!status && !gsl_finite (gsl_matrix_max (squared)))
    SB_ERROR (NULL, GSL_EOVRFLW, "a squared distance is too large for a double");
  return status;
}

// ## The nearest
//
// Block by block of the data; the rows of x are the shards.

enum
{
  ROWS = 64,
  DATA_ROWS = 1024
};

typedef struct
{
  framed x, data;
  double unit;
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

static int
search_rows (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  const search *s = context;
  const size_t m = s->data.z->size1;
  gsl_vector_view best = gsl_vector_subvector (s->distance, first, count);
  gsl_matrix *scratch = gsl_matrix_alloc (count, GSL_MIN (m, DATA_ROWS));
  if (!scratch)
    return GSL_ENOMEM;
  gsl_vector_set_all (&best.vector, INFINITY);
  for (size_t from = 0; from < m; from += DATA_ROWS)
    {
      gsl_matrix_view squared = gsl_matrix_submatrix (scratch, 0, 0, count, GSL_MIN (m - from, DATA_ROWS));
      framed_squared (&s->x, first, &s->data, from, &squared.matrix);
      search_block (s, first, from, &squared.matrix);
    }
  gsl_matrix_free (scratch);
  for (size_t i = first; i < first + count; i++)
    gsl_vector_set (s->distance, i, s->unit * sqrt (square_of_difference (&s->x, i, &s->data, s->index[i])));
  return GSL_SUCCESS;
}

int
sb_nearest (const gsl_matrix *x, const gsl_matrix *data, size_t *index, gsl_vector *distance)
{
  if (data->size1 == 0 || data->size2 != x->size2 || x->size2 == 0 || distance->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, the data %zu x %zu, the distances %zu", x->size1, x->size2,
              data->size1, data->size2, distance->size);
  if (x->size1 == 0)
    return GSL_SUCCESS;
  sb_frame frame;
  search s = { .index = index, .distance = distance };
  int status = sb_frame_of (x, data, &frame);
  if (status)
    return status;
  status = both_framed (&frame, x, data, &s.x, &s.data);
  if (!status)
    status = sb_frame_unit (&frame, 1, &s.unit);
  if (!status)
    status = sb_shards (x->size1, ROWS, search_rows, &s);
  framed_free (&s.x);
  framed_free (&s.data);
  sb_frame_free (&frame);
  if (!status && !gsl_finite (gsl_vector_max (distance)))
    SB_ERROR (NULL, GSL_EOVRFLW, "a distance is too large for a double");
  return status;
}
