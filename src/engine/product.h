#ifndef SCOREBOOK_ENGINE_PRODUCT_H
#define SCOREBOOK_ENGINE_PRODUCT_H

#include <stddef.h>

enum
{
  SB_PRODUCT_ROWS = 4,
  SB_PRODUCT_COLUMNS = 16
};

// C = A B, or C += A B where `add`. C is rows x columns, without gaps. A(i, k) stands at a[i * row + k * term], so that A may
// be the transpose of what is stored. B is stored in panels of SB_PRODUCT_COLUMNS columns, one after the other, in each of
// which a row follows the other; `panel` numbers lie between the beginnings of two. Rows come in fours, columns in sixteens.
typedef struct
{
  size_t rows, columns, terms;
  size_t row, term; // strides of A
  size_t panel;     // of B
  int add;
} sb_product_shape;

void sb_product (const sb_product_shape *shape, const float *a, const float *b, float *c);

#endif
