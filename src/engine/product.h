#ifndef SCOREBOOK_ENGINE_PRODUCT_H
#define SCOREBOOK_ENGINE_PRODUCT_H

#include <stddef.h>

enum
{
  SB_PRODUCT_ROWS = 4,
  SB_PRODUCT_COLUMNS = 16
};

// C = A B, or C += A B where `add`. C is rows x columns, contiguous. A(i, k) is a[i * row + k * term], so that A may be
// the transpose of the stored matrix. B is stored in panels of SB_PRODUCT_COLUMNS columns, each a matrix by rows; their
// beginnings are `panel` numbers apart. `rows` is a multiple of 4, `columns` of 16.
typedef struct
{
  size_t rows, columns, terms;
  size_t row, term; // strides of A
  size_t panel;     // of B
  int add;
} sb_product_shape;

void sb_product (const sb_product_shape *shape, const float *a, const float *b, float *c);

#endif
