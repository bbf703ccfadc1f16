// # The largest noise scale
//
// SMLD's $\sigma_{\max}$ should be as large as the largest distance between two training points, so that at that scale
// a chain can get from any one to any other (Technique 1 of Song and Ermon, 2020, which Song et al., 2021, Appendix C,
// follow). [scoresde.set-smld]

#include "distance.h"
#include "../base/error.h"
#include "../base/frame.h"
#include "../base/shard.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  BLOCK = 256 // points
};

typedef struct
{
  size_t i, j;
  double squared; // distance in the frame, to rounding of the squared norms
} pair;

typedef struct
{
  const gsl_matrix *points;
  sb_frame frame;
  pair *farthest; // of each shard
} search;

// ## Pairs, a block at a time
//
// $\lVert\mathbf{x}_i - \mathbf{x}_j\rVert^2 = \lVert\mathbf{x}_i\rVert^2 + \lVert\mathbf{x}_j\rVert^2 -
// 2\,\mathbf{x}_i^T\mathbf{x}_j$, and the products of a block of points with another are one product of matrices. The
// points are taken relative to their centre and in units of their spread (base/frame.c).

typedef struct
{
  gsl_matrix *u, *product; // BLOCK x d, BLOCK x BLOCK
  double square[BLOCK];    // |u|^2
} block;

static void
place (const search *all, size_t first, size_t count, block *b)
{
  gsl_matrix_view rows = gsl_matrix_submatrix (b->u, 0, 0, count, b->u->size2);
  sb_frame_rows (&all->frame, all->points, first, &rows.matrix);
  for (size_t i = 0; i < count; i++)
    {
      gsl_vector_const_view u_i = gsl_matrix_const_row (b->u, i);
      gsl_blas_ddot (&u_i.vector, &u_i.vector, &b->square[i]);
    }
}

static void
search_block (const block *x, const block *y, size_t first_i, size_t n, size_t first_j, size_t m, pair *farthest)
{
  gsl_matrix_const_view u = gsl_matrix_const_submatrix (x->u, 0, 0, n, x->u->size2),
                        v = gsl_matrix_const_submatrix (y->u, 0, 0, m, y->u->size2);
  gsl_matrix_view product = gsl_matrix_submatrix (x->product, 0, 0, n, m);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, &u.matrix, &v.matrix, 0, &product.matrix);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < m; j++)
      {
        double squared = x->square[i] + y->square[j] - 2 * gsl_matrix_get (&product.matrix, i, j);
        if (squared > farthest->squared)
          *farthest = (pair){ .i = first_i + i, .j = first_j + j, .squared = squared };
      }
}

// A shard takes a block of points against every block from itself on.

static int
search_shard (void *context, size_t shard, size_t first, size_t count)
{
  const search *all = context;
  const size_t n = all->points->size1, d = all->points->size2;
  block x = { gsl_matrix_alloc (BLOCK, d), gsl_matrix_alloc (BLOCK, BLOCK), { 0 } },
        y = { gsl_matrix_alloc (BLOCK, d), NULL, { 0 } };
  int status = x.u && x.product && y.u ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    place (all, first, count, &x);
  all->farthest[shard] = (pair){ .i = first, .j = first, .squared = -1 };
  for (size_t other = first; other < n && !status; other += BLOCK)
    {
      size_t others = GSL_MIN (BLOCK, n - other);
      place (all, other, others, &y);
      search_block (&x, &y, first, count, other, others, &all->farthest[shard]);
    }
  gsl_matrix_free (x.u);
  gsl_matrix_free (x.product);
  gsl_matrix_free (y.u);
  return status;
}

// ## Their distance
//
// The distance of the pair that is found is computed again, without the cancellation of the squares.

static double
distance_of (const gsl_matrix *points, pair farthest)
{
  double norm = 0;
  for (size_t k = 0; k < points->size2; k++)
    norm = hypot (norm, gsl_matrix_get (points, farthest.i, k) - gsl_matrix_get (points, farthest.j, k));
  return norm;
}

static int
search_all (search *all, double *distance)
{
  size_t n = all->points->size1;
  int status = sb_shards (n, BLOCK, search_shard, all);
  if (status)
    return status;
  pair farthest = all->farthest[0];
  for (size_t shard = 1; shard < sb_shard_count (n, BLOCK); shard++)
    if (all->farthest[shard].squared > farthest.squared)
      farthest = all->farthest[shard];
  double found = distance_of (all->points, farthest);
  if (!gsl_finite (found))
    SB_ERROR (NULL, GSL_EOVRFLW, "points %zu and %zu are too far from each other", farthest.i, farthest.j);
  *distance = found;
  return GSL_SUCCESS;
}

int
sb_grid_largest_distance (const gsl_matrix *points, double *distance)
{
  if (points->size1 < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "a distance lies between two points, not %zu", points->size1);
  search all = { .points = points };
  int status = sb_frame_of (points, NULL, &all.frame);
  if (status)
    return status;
  all.farthest = malloc (sb_shard_count (points->size1, BLOCK) * sizeof *all.farthest);
  status = all.farthest ? search_all (&all, distance) : GSL_ENOMEM;
  free (all.farthest);
  sb_frame_free (&all.frame);
  return status;
}
