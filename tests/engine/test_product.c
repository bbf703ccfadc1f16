// # Small products, against sums in long double
//
// Whole numbers below 8, of which sums of up to 200 products are exact in float: every result must be right to the bit.

#include "engine/product.h"
#include "property.h"
#include "scope.h"

static float *
whole_numbers (gsl_rng *r, size_t count)
{
  float *x = scoped (malloc (count * sizeof *x));
  for (size_t k = 0; k < count; k++)
    x[k] = (float)gsl_rng_uniform_int (r, 15) - 7;
  return x;
}

static size_t
between (gsl_rng *r, size_t least, size_t most)
{
  return least + gsl_rng_uniform_int (r, most - least + 1);
}

// A as it is stored or transposed, with gaps; panels of B with room behind them; added or not.

Test (product, is_the_sum_of_products)
{
  gsl_rng *r = property_rng (1);
  for (int round = 0; round < 100; round++)
    {
      size_t rows = SB_PRODUCT_ROWS * between (r, 1, 6), panels = between (r, 1, 4), terms = between (r, 1, 200);
      size_t columns = SB_PRODUCT_COLUMNS * panels, gap = between (r, 0, 3), rest = between (r, 0, 5);
      int transposed = round % 2, add = round / 2 % 2;
      sb_product_shape shape = { .rows = rows, .columns = columns, .terms = terms, .add = add };
      shape.row = transposed ? 1 : terms + gap;
      shape.term = transposed ? rows + gap : 1;
      shape.panel = (terms + rest) * SB_PRODUCT_COLUMNS;
      float *a = whole_numbers (r, rows * (terms + gap) + terms * (rows + gap)),
            *b = whole_numbers (r, panels * shape.panel), *c = whole_numbers (r, rows * columns + 1),
            *before = scoped (malloc ((rows * columns + 1) * sizeof *before));
      for (size_t k = 0; k <= rows * columns; k++)
        before[k] = c[k];
      sb_product (&shape, a, b, c);
      for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
          {
            long double sum = add ? before[i * columns + j] : 0;
            for (size_t k = 0; k < terms; k++)
              sum += (long double)a[transposed ? k * (rows + gap) + i : i * (terms + gap) + k]
                     * b[j / SB_PRODUCT_COLUMNS * shape.panel + k * SB_PRODUCT_COLUMNS + j % SB_PRODUCT_COLUMNS];
            cr_assert_eq (c[i * columns + j], (float)sum, "%zu x %zu x %zu%s%s at %zu, %zu: %g, not %Lg", rows, terms,
                          columns, transposed ? ", transposed" : "", add ? ", added" : "", i, j,
                          (double)c[i * columns + j], sum);
          }
      cr_assert_eq (c[rows * columns], before[rows * columns], "written beyond the end");
    }
}
