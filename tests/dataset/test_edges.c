// # What must be true of the edges of an image

#include "dataset/edges.h"
#include "scope.h"

#include <math.h>

SUITE (edges);

enum
{
  H = 9,
  W = 7
};

static gsl_matrix *
edges_of (const gsl_matrix *x, size_t channels, double threshold)
{
  gsl_matrix *edges = matrix_all (x->size1, H * W, 17);
  ok (sb_edges (x, H, W, channels, threshold, edges));
  return edges;
}

// A constant image has none, at any threshold, nor at its border. [nonuniform.set-edge]

Test (edges, none_of_a_constant_image)
{
  for (int k = 0; k < 10; k++)
    {
      gsl_matrix *edges = edges_of (matrix_all (2, H * W * 3, 0.1 * k), 3, 0);
      cr_assert (gsl_matrix_isnull (edges), "%d", k);
    }
}

// A ramp of slope s along a direction is an edge just where the threshold is below s; at the border, where it ends,
// half as steep across it.

Test (edges, of_a_ramp_by_its_slope)
{
  gsl_matrix *x = matrix (1, H * W);
  for (size_t k = 0; k < H * W; k++)
    gsl_matrix_set (x, 0, k, 0.3 * (double)(k / W) - 0.4 * (double)(k % W));
  const gsl_matrix *below = edges_of (x, 1, 0.4999), *above = edges_of (x, 1, 0.5001);
  cr_assert (gsl_matrix_isnull (above));
  for (size_t i = 0; i < H; i++)
    for (size_t j = 0; j < W; j++)
      cr_assert_eq (gsl_matrix_get (below, 0, i * W + j), i > 0 && j > 0 && i + 1 < H && j + 1 < W, "(%zu, %zu)", i, j);
}

// About one pixel of 1 the slope is sqrt(2)/8 = .177 at its corners and 1/4 at its sides, and 0 in itself: thresholds
// between these take its ring apart. It is the mean of the channels that counts: a third of it in each, or all of it in
// one, thrice. Shifted inside the image, the edges are shifted. [nonuniform.set-edge]

Test (edges, of_one_pixel_and_where_it_is_shifted)
{
  for (size_t row = 2; row < H - 2; row++)
    for (size_t column = 2; column < W - 2; column++)
      for (int kind = 0; kind < 2; kind++)
        {
          gsl_matrix *x = matrix_all (1, H * W * 3, 0);
          for (size_t c = 0; c < 3; c++)
            gsl_matrix_set (x, 0, 3 * (row * W + column) + c, kind ? 1 : c == 1 ? 3 : 0);
          const gsl_matrix *all = edges_of (x, 3, 0.17), *sides = edges_of (x, 3, 0.2), *none = edges_of (x, 3, 0.26);
          cr_assert (gsl_matrix_isnull (none));
          for (size_t i = 0; i < H; i++)
            for (size_t j = 0; j < W; j++)
              {
                const int far = abs ((int)i - (int)row), aside = abs ((int)j - (int)column);
                cr_assert_eq (gsl_matrix_get (all, 0, i * W + j), far <= 1 && aside <= 1 && far + aside > 0);
                cr_assert_eq (gsl_matrix_get (sides, 0, i * W + j), far + aside == 1);
              }
        }
}

// Of any image, shifted by a row and a column: the edges are shifted, where neither sees the border.
// [nonuniform.set-edge]

Test (edges, are_shifted_with_the_image)
{
  gsl_matrix *x = normals (20, H * W, 1), *shifted = normals (20, H * W, 2);
  for (size_t n = 0; n < 20; n++)
    for (size_t i = 1; i < H; i++)
      for (size_t j = 1; j < W; j++)
        gsl_matrix_set (shifted, n, i * W + j, gsl_matrix_get (x, n, (i - 1) * W + j - 1));
  const gsl_matrix *edges = edges_of (x, 1, 0.6), *of_shifted = edges_of (shifted, 1, 0.6);
  size_t found = 0;
  for (size_t n = 0; n < 20; n++)
    for (size_t i = 2; i + 1 < H; i++)
      for (size_t j = 2; j + 1 < W; j++)
        {
          const double edge = gsl_matrix_get (edges, n, (i - 1) * W + j - 1);
          cr_assert_eq (gsl_matrix_get (of_shifted, n, i * W + j), edge);
          found += edge == 1;
        }
  cr_assert (found > 100 && found < 20 * (H - 3) * (W - 3) - 100, "%zu", found);
}

Test (edges, refuses_what_does_not_fit)
{
  gsl_matrix *x = matrix_all (2, H * W, 0), *edges = matrix (2, H * W);
  refused (GSL_EBADLEN, sb_edges (x, H, W + 1, 1, 0, edges));
  refused (GSL_EBADLEN, sb_edges (x, H, W, 0, 0, edges));
  refused (GSL_EBADLEN, sb_edges (x, 0, W, 1, 0, edges));
  refused (GSL_EBADLEN, sb_edges (x, H, 0, 1, 0, edges));
  refused (GSL_EBADLEN, sb_edges (x, (size_t)1 << 32, (size_t)1 << 32, H * W, 0, edges), "their product is 0");
  refused (GSL_EBADLEN, sb_edges (x, H, W, 1, 0, matrix (3, H * W)));
  refused (GSL_EBADLEN, sb_edges (x, H, W, 1, 0, matrix (2, H * W + 1)));
  refused (GSL_EINVAL, sb_edges (x, H, W, 1, -1, edges));
  refused (GSL_EINVAL, sb_edges (x, H, W, 1, NAN, edges));
  refused (GSL_EINVAL, sb_edges (x, H, W, 1, HUGE_VAL, edges));
  gsl_matrix *both = matrix (2, H * W);
  refused (GSL_EINVAL, sb_edges (both, H, W, 1, 0, both));
  refused (GSL_EDOM, sb_edges (matrix_all (2, H * W, NAN), H, W, 1, 0, edges));
}
