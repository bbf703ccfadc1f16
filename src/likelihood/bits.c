// # Bits per dimension
//
// A density of real numbers gives whole ones no probability, as they have no volume. So each pixel $k$ is spread over
// its cell, $u = k + U$ with $U$ uniform on $[0, 1)$, and the density of $\mathbf u \in [0, 256)^d$ is averaged over
// the cell: by Jensen's inequality its logarithm is at most that of the pixel's probability. Where the model's density
// is of $\mathbf x = \mathrm{low} + w\,\mathbf u$, $w = (\mathrm{high} - \mathrm{low})/256$, a change of variables
// gives that of $\mathbf u$, [scoresde.txt-bpd]
// $$ \text{bits/dim} = -\frac{\log p(\mathbf x) + d\log w}{d\,\log 2} = -\frac{\log_2 p(\mathbf x)}{d} - \log_2 w , $$
// and $-\log_2 w$ is the offset of the authors' code: 8 for pixels in $[0, 1]$, 7 for $[-1, 1]$. The paper prints no
// formula.

#include "bits.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <math.h>

static double
cell (const sb_quantisation *q)
{
  return (q->high - q->low) / (double)q->levels;
}

double
sb_bits_per_dimension (const sb_quantisation *q, size_t d, double log_p)
{
  if (q->levels == 0 || !(q->low < q->high) || d == 0)
    return GSL_NAN;
  return -(log_p / (double)d + log (cell (q))) / M_LN2;
}

int
sb_dequantise (const sb_quantisation *q, const sb_bytes *bytes, size_t first, sb_stream stream, size_t count,
               gsl_matrix *x)
{
  const size_t rows = bytes->shape.length[0], d = sb_shape_count (&bytes->shape, 1, SIZE_MAX - 1);
  if (q->levels != 256 || !(q->low < q->high))
    SB_ERROR (NULL, GSL_EINVAL, "bytes have 256 levels, not %zu, between low and high: %g and %g", q->levels, q->low,
              q->high);
  if (x->size2 != d || first > rows || x->size1 > rows - first)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu; from row %zu on there are %zu of %zu bytes", x->size1, x->size2,
              first, first > rows ? 0 : rows - first, d);
  stream.purpose = SB_FOR_DEQUANTISE;
  int status = sb_stream_uniforms (stream, (uint64_t)count * d, x);
  for (size_t i = 0; i < x->size1 && !status; i++)
    for (size_t j = 0; j < d; j++)
      gsl_matrix_set (x, i, j, q->low + cell (q) * (bytes->data[(first + i) * d + j] + gsl_matrix_get (x, i, j)));
  return status;
}
