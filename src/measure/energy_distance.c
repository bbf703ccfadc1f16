// # The energy distance
//
// For two laws on $\mathbb{R}^d$, with $X, X'$ independent draws of the one and $Y, Y'$ of the other,
// $$ \mathcal{E} = 2\,E|X - Y| - E|X - X'| - E|Y - Y'| \ge 0, $$
// and zero only where they are equal (Székely and Rizzo, 2004): a test that no difference escapes for ever, in any
// dimension.
//
// Put the samples into one list $z_1, \ldots, z_N$ and give the points the weights $w_i = 1/n$ for the first sample and
// $-1/m$ for the second. With the distances $D_{ij} = |z_i - z_j|$ the means over all pairs are
// $$ \mathcal{E}_{n,m} = -\,w^T D\, w, $$
// and dividing the list at random means permuting $w$. So the columns of one matrix $W$ are the true weights and all
// permuted ones, and one pass over $D$, a block of rows at a time, gives every distance.

#include "energy_distance.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "pairwise.h"

#include <gsl/gsl_blas.h>
#include <math.h>

enum
{
  ROWS = 128
};

// ## The list
//
// Centred, so that the squares from which distances are formed are small.

static void
join (const gsl_matrix *x, const gsl_matrix *y, gsl_matrix *z)
{
  gsl_matrix_view upper = gsl_matrix_submatrix (z, 0, 0, x->size1, x->size2);
  gsl_matrix_view lower = gsl_matrix_submatrix (z, x->size1, 0, y->size1, y->size2);
  gsl_matrix_memcpy (&upper.matrix, x);
  gsl_matrix_memcpy (&lower.matrix, y);
  for (size_t k = 0; k < z->size2; k++)
    {
      gsl_vector_view column = gsl_matrix_column (z, k);
      double sum = 0;
      for (size_t i = 0; i < z->size1; i++)
        sum += gsl_vector_get (&column.vector, i);
      gsl_vector_add_constant (&column.vector, -sum / (double)z->size1);
    }
}

// ## The weights
//
// Column 0 is the true division. Every other one is a shuffle of it (Fisher and Yates) by the stream's uniforms: place
// $i$ gets one of the weights that are left, each with the same probability.

static int
fill_weights (size_t n, sb_stream stream, gsl_matrix *W, gsl_matrix *uniforms)
{
  size_t N = W->size1;
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
  const gsl_matrix *z, *W;
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
  gsl_matrix *D = gsl_matrix_alloc (count, p->z->size1), *DW = gsl_matrix_alloc (count, p->W->size2);
  int status = D && DW ? GSL_SUCCESS : GSL_ENOMEM;
  gsl_matrix_const_view rows = gsl_matrix_const_submatrix (p->z, first, 0, count, p->z->size2);
  if (!status)
    status = sb_squared_distances (&rows.matrix, p->z, D);
  if (!status)
    add_rows (p, shard, first, D, DW);
  gsl_matrix_free (D);
  gsl_matrix_free (DW);
  return status;
}

// ## The test
//
// A division into the same two sets is as large as the true one but for the order of its sums, which must not make it
// smaller.

static const double ROUNDING = 1e-12;

static void
conclude (const gsl_matrix *parts, double *distance, double *p_value)
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
  *distance = fmax (truth, 0);
  if (p_value)
    *p_value = (double)as_large / (double)parts->size2;
}

int
sb_energy_test (const gsl_matrix *x, const gsl_matrix *y, size_t permutations, sb_stream stream, double *distance,
                double *p_value)
{
  size_t n = x->size1, N = n + y->size1, d = x->size2;
  if (d == 0 || y->size2 != d || n == 0 || n == N)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, y %zu x %zu", n, d, y->size1, y->size2);
  gsl_matrix *z = gsl_matrix_alloc (N, d), *W = gsl_matrix_alloc (N, permutations + 1);
  gsl_matrix *uniforms = gsl_matrix_alloc (permutations, N);
  gsl_matrix *parts = gsl_matrix_alloc (sb_shard_count (N, ROWS), permutations + 1);
  int status = z && W && uniforms && parts ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      join (x, y, z);
      status = fill_weights (n, stream, W, uniforms);
    }
  pass p = { z, W, parts };
  if (!status)
    status = sb_shards (N, ROWS, pass_rows, &p);
  if (!status)
    conclude (parts, distance, p_value);
  gsl_matrix_free (z);
  gsl_matrix_free (W);
  gsl_matrix_free (uniforms);
  gsl_matrix_free (parts);
  return status;
}
