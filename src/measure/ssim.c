// # Structural similarity
//
// [nonuniform.txt-ssim] Two images are compared window by window, by the means, variances and covariance of their
// pixels there,
// $$ \frac{(2\mu_x\mu_y + C_1)(2\sigma_{xy} + C_2)}{(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)},
//    \qquad C_1 = (0.01\,L)^2, \quad C_2 = (0.03\,L)^2 , $$
// where $L$ is the range of the data (Wang et al., 2004), and the similarity is the mean over all windows and channels.
// The paper leaves the windows to that source: $11 \times 11$ pixels, weighted by a Gaussian of deviation 1.5 about the
// middle one, all inside the image. Moments are those of the weights, $\sigma_x^2 = \sum_p w_p x_p^2 - \mu_x^2$,
// without a correction for the size of a sample: scikit-image's form with gaussian_weights, sigma=1.5,
// use_sample_covariance=False; its default is another.

#include "ssim.h"

#include "../base/checks.h"
#include "../base/clones.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum
{
  WINDOW = 11,
  LANES = 32,
  SHARD = 16 // images at a time
};

typedef struct
{
  const gsl_matrix *x, *y;
  size_t height, width, channels;
  double range;
  gsl_vector *each;
} pairs;

// ## A Gaussian window
//
// The weights are products of those of a row and of a column, $w_u \propto e^{-u^2 / (2 \cdot 1.5^2)}$, which add to 1:
// first each row of pixels is averaged, then the columns of the result. With the channel fastest, the next pixel is
// `channels` numbers on.

static void
fill_weights (double *weight)
{
  double sum = 0;
  for (int u = 0; u < WINDOW; u++)
    sum += weight[u] = exp (-gsl_pow_2 (u - WINDOW / 2) / (2 * 1.5 * 1.5));
  for (int u = 0; u < WINDOW; u++)
    weight[u] /= sum;
}

// to <- sum_u weight_u from[u * stride + .], for `count` numbers: a few at a time, whose sums stay in registers.

static inline __attribute__ ((always_inline)) void
average_block (const double *weight, const double *restrict from, size_t stride, size_t lanes, double *restrict to)
{
  double sum[LANES] = { 0 };
  for (size_t u = 0; u < WINDOW; u++)
    {
#pragma omp simd
      for (size_t l = 0; l < lanes; l++)
        sum[l] += weight[u] * from[u * stride + l];
    }
  memcpy (to, sum, lanes * sizeof *to);
}

SB_CLONES static void
average (const double *weight, const double *restrict from, size_t stride, size_t count, double *restrict to)
{
  size_t j = 0;
  for (; j + LANES <= count; j += LANES)
    average_block (weight, from + j, stride, LANES, to + j);
  average_block (weight, from + j, stride, count - j, to + j);
}

// The means of a_p b_p in all windows; b NULL: those of a_p.

static void
moments (const pairs *p, const double *weight, const double *a, const double *b, double *half, double *to)
{
  const size_t line = p->width * p->channels, made = (p->width - WINDOW + 1) * p->channels;
  double *product = half + p->height * made;
  for (size_t i = 0; i < p->height; i++)
    {
      for (size_t j = 0; j < line; j++)
        product[j] = b ? a[i * line + j] * b[i * line + j] : a[i * line + j];
      average (weight, product, p->channels, made, half + i * made);
    }
  for (size_t i = 0; i + WINDOW <= p->height; i++)
    average (weight, half + i * made, made, made, to + i * made);
}

// ## A pair

enum
{
  OF_X,
  OF_Y,
  OF_XX,
  OF_YY,
  OF_XY,
  MOMENTS
};

static double
similarity (const pairs *p, const double *weight, const double *x, const double *y, double *half, double *const *m)
{
  const size_t windows = (p->height - WINDOW + 1) * (p->width - WINDOW + 1) * p->channels;
  const double C1 = gsl_pow_2 (0.01 * p->range), C2 = gsl_pow_2 (0.03 * p->range);
  moments (p, weight, x, NULL, half, m[OF_X]);
  moments (p, weight, y, NULL, half, m[OF_Y]);
  moments (p, weight, x, x, half, m[OF_XX]);
  moments (p, weight, y, y, half, m[OF_YY]);
  moments (p, weight, x, y, half, m[OF_XY]);
  double sum = 0;
  for (size_t j = 0; j < windows; j++)
    {
      const double mx = m[OF_X][j], my = m[OF_Y][j], xx = m[OF_XX][j] - mx * mx, yy = m[OF_YY][j] - my * my,
                   xy = m[OF_XY][j] - mx * my;
      sum += (2 * mx * my + C1) * (2 * xy + C2) / ((mx * mx + my * my + C1) * (xx + yy + C2));
    }
  return sum / (double)windows;
}

// ## All pairs

static int
compare_rows (void *context, size_t shard, size_t first, size_t count)
{
  const pairs *p = context;
  (void)shard;
  const size_t made = (p->width - WINDOW + 1) * p->channels, windows = (p->height - WINDOW + 1) * made;
  double weight[WINDOW], *m[MOMENTS];
  double *numbers = malloc ((MOMENTS * windows + p->height * made + p->width * p->channels) * sizeof *numbers);
  if (!numbers)
    return GSL_ENOMEM;
  fill_weights (weight);
  for (size_t k = 0; k < MOMENTS; k++)
    m[k] = numbers + k * windows;
  int status = GSL_SUCCESS;
  for (size_t i = first; i < first + count && !status; i++)
    {
      const double value = similarity (p, weight, gsl_matrix_const_ptr (p->x, i, 0), gsl_matrix_const_ptr (p->y, i, 0),
                                       numbers + MOMENTS * windows, m);
      gsl_vector_set (p->each, i, value);
      status = gsl_finite (value) ? GSL_SUCCESS : GSL_EOVRFLW;
    }
  free (numbers);
  return status;
}

static int
check_pairs (const pairs *p, const gsl_vector *each)
{
  const gsl_matrix *x = p->x, *y = p->y;
  if (x->size1 != y->size1 || x->size2 != y->size2 || x->size1 == 0)
    SB_ERROR (NULL, GSL_EBADLEN, "SSIM of %zu x %zu numbers and %zu x %zu", x->size1, x->size2, y->size1, y->size2);
  if (p->height < WINDOW || p->width < WINDOW)
    SB_ERROR (NULL, GSL_EINVAL, "SSIM: an image of %zu x %zu pixels holds no window of %d x %d", p->height, p->width,
              WINDOW, WINDOW);
  if (!p->channels || sb_check_lengths ("an image's numbers", p->height, p->width, p->channels)
      || x->size2 != p->height * p->width * p->channels)
    SB_ERROR (NULL, GSL_EBADLEN, "SSIM: %zu numbers are no %zu x %zu pixels with %zu channels", x->size2, p->height,
              p->width, p->channels);
  if (each && each->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "SSIM: a result of %zu numbers for %zu images", each->size, x->size1);
  if (!(p->range > 0 && gsl_finite (p->range)))
    SB_ERROR (NULL, GSL_EINVAL, "SSIM: a range of %g is not above 0", p->range);
  const int status = sb_check_finite ("x", GSL_EDOM, x);
  return status ? status : sb_check_finite ("y", GSL_EDOM, y);
}

int
sb_ssim (const gsl_matrix *x, const gsl_matrix *y, size_t height, size_t width, size_t channels, double range,
         gsl_vector *each, double *mean)
{
  pairs p = { x, y, height, width, channels, range, NULL };
  int status = check_pairs (&p, each);
  if (status)
    return status;
  p.each = each ? each : gsl_vector_alloc (x->size1);
  status = p.each ? sb_shards (x->size1, SHARD, compare_rows, &p) : GSL_ENOMEM;
  if (!status && mean)
    {
      *mean = 0;
      for (size_t i = 0; i < x->size1; i++)
        *mean += gsl_vector_get (p.each, i) / (double)x->size1;
    }
  if (!each)
    gsl_vector_free (p.each);
  if (status == GSL_EOVRFLW)
    SB_ERROR (NULL, GSL_EOVRFLW, "SSIM: a moment is too large for a double");
  return status;
}
