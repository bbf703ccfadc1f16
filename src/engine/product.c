// # Small products
//
// Winograd's algorithm needs many products of small matrices, of 24 rows and 16 to 128 columns, say. A library's sgemm
// first copies its matrices into an order of its own, which for large ones costs nothing beside the product itself, but
// for these as much as the product. The loops below need no copies, since matrices of this size fit in the cache.

#include "product.h"

#include "lanes.h"

// ## Four rows by sixteen columns
//
// As much of the result is summed at a time as fits into the processor's registers: a number of $A$ is multiplied by
// sixteen of $B$, which are used for four rows. Loops over `sum` are unrolled, or it would be kept in memory. `add` is
// a constant where this is called.

SB_INLINE void
block (const sb_product_shape *s, int add, const float *a, const float *b, float *c)
{
  sb_eight sum[SB_PRODUCT_ROWS][2], zero = { 0 }, left, right;
#pragma GCC unroll 4
  for (size_t i = 0; i < SB_PRODUCT_ROWS; i++)
    {
      sum[i][0] = sum[i][1] = zero;
      if (add)
        {
          sum[i][0] = SB_CONST_EIGHT (c + i * s->columns);
          sum[i][1] = SB_CONST_EIGHT (c + i * s->columns + 8);
        }
    }
  for (size_t k = 0; k < s->terms; k++, a += s->term, b += SB_PRODUCT_COLUMNS)
    {
      left = SB_CONST_EIGHT (b);
      right = SB_CONST_EIGHT (b + 8);
#pragma GCC unroll 4
      for (size_t i = 0; i < SB_PRODUCT_ROWS; i++)
        {
          sum[i][0] += a[i * s->row] * left;
          sum[i][1] += a[i * s->row] * right;
        }
    }
#pragma GCC unroll 4
  for (size_t i = 0; i < SB_PRODUCT_ROWS; i++)
    {
      SB_EIGHT (c + i * s->columns) = sum[i][0];
      SB_EIGHT (c + i * s->columns + 8) = sum[i][1];
    }
}

SB_CLONES void
sb_product (const sb_product_shape *s, const float *a, const float *b, float *c)
{
  for (size_t j = 0; j < s->columns; j += SB_PRODUCT_COLUMNS, b += s->panel)
    for (size_t i = 0; i < s->rows; i += SB_PRODUCT_ROWS)
      if (s->add)
        block (s, 1, a + i * s->row, b, c + i * s->columns + j);
      else
        block (s, 0, a + i * s->row, b, c + i * s->columns + j);
}
