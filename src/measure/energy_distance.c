// # The energy distance
//
// For two laws on $\mathbb{R}^d$, with $X, X'$ independent draws of the one and $Y, Y'$ of the other,
// $$ \mathcal{E} = 2\,E|X - Y| - E|X - X'| - E|Y - Y'| \ge 0, $$
// and zero only where they are equal (Székely and Rizzo, 2004): a test that is consistent against every alternative,
// in any dimension.
//
// Put the samples into one list $z_1, \ldots, z_N$ and give the points the weights $w_i = 1/n$ for the first sample and
// $-1/m$ for the second. With the distances $D_{ij} = |z_i - z_j|$ the means over all pairs are
// $$ \mathcal{E}_{n,m} = -\,w^T D\, w, $$
// and dividing the list at random means permuting $w$. So the columns of one matrix $W$ are the true weights and all
// permuted ones, and one pass over $D$, a block of rows at a time, gives every distance.

#include "energy_distance.h"
#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "framed.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdint.h>

enum
{
  ROWS = 128
};

// ## The list

static void
join (const gsl_matrix *x, const gsl_matrix *y, gsl_matrix *z)
{
  gsl_matrix_view upper = gsl_matrix_submatrix (z, 0, 0, x->size1, x->size2);
  gsl_matrix_view lower = gsl_matrix_submatrix (z, x->size1, 0, y->size1, y->size2);
  gsl_matrix_memcpy (&upper.matrix, x);
  gsl_matrix_memcpy (&lower.matrix, y);
}

// ## The weights
//
// Column 0 is the true division. Every other one is a shuffle of it (Fisher and Yates) by the stream's uniforms: place
// $i$ gets one of the weights that are left, each with the same probability.

static int
fill_weights (size_t n, sb_stream stream, gsl_matrix *W, gsl_matrix *uniforms)
{
  size_t N = W->size1;
  stream.purpose = SB_FOR_DIVISION;
  int status = sb_stream_uniforms (stream, 0, uniforms);
  for (size_t k = 0; k < W->size2 && !status; k++)
    for (size_t i = 0; i < N; i++)
      gsl_matrix_set (W, i, k, i < n ? 1.0 / (double)n : -1.0 / (double)(N - n));
  for (size_t k = 1; k < W->size2 && !status; k++)
    {
      gsl_vector_view w = gsl_matrix_column (W, k);
      for (size_t i = 0; i + 1 < N; i++)
        gsl_vector_swap_elements (&w.vector, i, i + (size_t)(gsl_matrix_get (uniforms, k - 1, i) * (double)(N - i)));
    }
  return status;
}

// ## The pass over the distances

typedef struct
{
  const framed *z;
  const gsl_matrix *W;
  gsl_matrix *parts; // a row for each shard: its rows' part of every distance
} pass;

static void
add_rows (const pass *p, size_t shard, size_t first, gsl_matrix *D, gsl_matrix *DW)
{
  for (size_t i = 0; i < D->size1; i++)
    for (size_t j = 0; j < D->size2; j++)
      gsl_matrix_set (D, i, j, j == first + i ? 0 : sqrt (gsl_matrix_get (D, i, j)));
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, D, p->W, 0, DW);
  for (size_t k = 0; k < DW->size2; k++)
    {
      double sum = 0;
      for (size_t i = 0; i < DW->size1; i++)
        sum -= gsl_matrix_get (p->W, first + i, k) * gsl_matrix_get (DW, i, k);
      gsl_matrix_set (p->parts, shard, k, sum);
    }
}

static int
pass_rows (void *context, size_t shard, size_t first, size_t count)
{
  const pass *p = context;
  gsl_matrix *D = gsl_matrix_alloc (count, p->W->size1), *DW = gsl_matrix_alloc (count, p->W->size2);
  int status = D && DW ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      framed_squared (p->z, first, p->z, 0, D);
      add_rows (p, shard, first, D, DW);
    }
  gsl_matrix_free (D);
  gsl_matrix_free (DW);
  return status;
}

// ## The test
//
// A division into the same two sets is as large as the true one but for the order of its sums, which must not make it
// smaller.

static const double ROUNDING = 1e-12;

static int
conclude (const gsl_matrix *parts, double unit, double *distance, double *p_value)
{
  double truth = 0;
  size_t as_large = 0;
  for (size_t k = 0; k < parts->size2; k++)
    {
      double sum = 0;
      for (size_t shard = 0; shard < parts->size1; shard++)
        sum += gsl_matrix_get (parts, shard, k);
      truth = k == 0 ? sum : truth;
      as_large += sum >= truth - ROUNDING * fabs (truth);
    }
  if (!gsl_finite (unit * truth))
    SB_ERROR (NULL, GSL_EOVRFLW, "an energy distance is too large for a double");
  *distance = fmax (unit * truth, 0);
  if (p_value)
    *p_value = (double)as_large / (double)parts->size2;
  return GSL_SUCCESS;
}

static int
test (const gsl_matrix *z, size_t n, sb_stream stream, gsl_matrix *W, gsl_matrix *uniforms, gsl_matrix *parts,
      double *distance, double *p_value)
{
  sb_frame frame;
  framed points;
  double unit;
  int status = sb_frame_of (z, NULL, &frame);
  if (status)
    return status;
  status = framed_alloc (&frame, z, &points);
  if (!status)
    status = sb_frame_unit (&frame, 1, &unit);
  if (!status)
    status = fill_weights (n, stream, W, uniforms);
  if (!status)
    status = sb_shards (z->size1, ROWS, pass_rows, &(pass){ &points, W, parts });
  if (!status)
    status = conclude (parts, unit, distance, p_value);
  framed_free (&points);
  sb_frame_free (&frame);
  return status;
}

int
sb_energy_test (const gsl_matrix *x, const gsl_matrix *y, size_t permutations, sb_stream stream, double *distance,
                double *p_value)
{
  size_t n = x->size1, N = n + y->size1, d = x->size2;
  if (d == 0 || y->size2 != d || n == 0 || n == N)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, y %zu x %zu", n, d, y->size1, y->size2);
  if (permutations == SIZE_MAX || sb_check_lengths ("random divisions of points", N, permutations + 1, 1))
    return GSL_ENOMEM;
  gsl_matrix *z = gsl_matrix_alloc (N, d), *W = gsl_matrix_alloc (N, permutations + 1);
  gsl_matrix *uniforms = gsl_matrix_alloc (permutations, N);
  gsl_matrix *parts = gsl_matrix_alloc (sb_shard_count (N, ROWS), permutations + 1);
  int status = GSL_ENOMEM;
  if (z && W && uniforms && parts)
    {
      join (x, y, z);
      status = test (z, n, stream, W, uniforms, parts, distance, p_value);
    }
  gsl_matrix_free (z);
  gsl_matrix_free (W);
  gsl_matrix_free (uniforms);
  gsl_matrix_free (parts);
  return status;
}
