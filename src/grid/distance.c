// # The largest noise scale
//
// SMLD's $\sigma_{\max}$ should be as large as the largest distance between two training points, so that at that scale a
// chain can get from any one to any other (Technique 1 of Song and Ermon, 2020, which Song et al., 2021, Appendix C, follow).
// [scoresde.set-smld]

#include "distance.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

enum
{
  BLOCK = 256 // points
};

typedef struct
{
  size_t i, j;
  double squared; // distance, to rounding of the squared norms
} pair;

typedef struct
{
  const gsl_matrix *points;
  double *squared_norm; // of each point
  pair *farthest;       // of each shard
} search;

// ## Pairs, a block at a time
//
// $\lVert\mathbf{x}_i - \mathbf{x}_j\rVert^2 = \lVert\mathbf{x}_i\rVert^2 + \lVert\mathbf{x}_j\rVert^2 - 2\,\mathbf{x}_i^T\mathbf{x}_j$, and the products of a block of points
// with another are one product of matrices.

static void
search_block (const search *all, const gsl_matrix *product, size_t first_i, size_t first_j, pair *farthest)
{
  for (size_t i = 0; i < product->size1; i++)
    for (size_t j = 0; j < product->size2; j++)
      {
        double squared
            = all->squared_norm[first_i + i] + all->squared_norm[first_j + j] - 2 * gsl_matrix_get (product, i, j);
        if (squared > farthest->squared)
          *farthest = (pair){ .i = first_i + i, .j = first_j + j, .squared = squared };
      }
}

// A shard takes a block of points against every block from itself on.

static int
search_shard (void *context, size_t shard, size_t first, size_t count)
{
  const search *all = context;
  const gsl_matrix *points = all->points;
  gsl_matrix *products = gsl_matrix_alloc (count, BLOCK);
  if (!products)
    return GSL_ENOMEM;
  pair farthest = { .i = first, .j = first, .squared = -1 };
  gsl_matrix_const_view x_i = gsl_matrix_const_submatrix (points, first, 0, count, points->size2);
  for (size_t other = first; other < points->size1; other += BLOCK)
    {
      size_t others = GSL_MIN (BLOCK, points->size1 - other);
      gsl_matrix_const_view x_j = gsl_matrix_const_submatrix (points, other, 0, others, points->size2);
      gsl_matrix_view product = gsl_matrix_submatrix (products, 0, 0, count, others);
      gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, &x_i.matrix, &x_j.matrix, 0, &product.matrix);
      search_block (all, &product.matrix, first, other, &farthest);
    }
  gsl_matrix_free (products);
  all->farthest[shard] = farthest;
  return GSL_SUCCESS;
}

// ## Their distance
//
// The pair that is found is measured once more, without the cancellation of the squares.

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
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector_const_view x_i = gsl_matrix_const_row (all->points, i);
      gsl_blas_ddot (&x_i.vector, &x_i.vector, &all->squared_norm[i]);
      if (!gsl_finite (all->squared_norm[i]))
        SB_ERROR (NULL, GSL_EINVAL, "point %zu is not finite, or too far away", i);
    }
  int status = sb_shards (n, BLOCK, search_shard, all);
  if (status)
    return status;
  pair farthest = all->farthest[0];
  for (size_t shard = 1; shard < sb_shard_count (n, BLOCK); shard++)
    if (all->farthest[shard].squared > farthest.squared)
      farthest = all->farthest[shard];
  *distance = distance_of (all->points, farthest);
  return GSL_SUCCESS;
}

int
sb_grid_largest_distance (const gsl_matrix *points, double *distance)
{
  if (points->size1 < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "a distance lies between two points, not %zu", points->size1);
  search all = { .points = points,
                 .squared_norm = malloc (points->size1 * sizeof *all.squared_norm),
                 .farthest = malloc (sb_shard_count (points->size1, BLOCK) * sizeof *all.farthest) };
  int status = GSL_ENOMEM;
  if (all.squared_norm && all.farthest)
    status = search_all (&all, distance);
  free (all.squared_norm);
  free (all.farthest);
  return status;
}
