// # Blur
//
// A Gaussian kernel of standard deviation $\varsigma$ pixels, sampled at whole pixels up to $h$ to either side and
// divided by its sum: the paper's listing. [soft.txt-blurkernel]
// $$ k_{vw} = \frac{e^{-(v^2+w^2)/2\varsigma^2}}{\sum_{v'w'} e^{-(v'^2+w'^2)/2\varsigma^2}} = k_v\,k_w, \qquad
//    |v|, |w| \le h . $$
// It is a product, so that an image $X$, a matrix in each channel, becomes $B_h\,X\,B_w^\top$ with a matrix for its
// columns and one for its rows. At the sizes of the papers these are small and dense, and products with them cost less
// than a convolution by Fourier transforms, which has no zero boundary without padding. CelebA-64: $h = 80$,
// $\varsigma$ from .01 to 23 [soft.set-blur-celeba]; CIFAR-10: $h = 32$, to 18 [soft.set-blur-cifar]; zero beyond the
// edge in both.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "invert.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum
{
  LARGEST = 1 << 16, // of a size: products of three fit a size_t
  SHARD = 8          // images at a time
};

typedef struct
{
  size_t height, width, channels, half;
  sb_boundary boundary;
  sb_operator *modes;        // in which the blur is diagonal at every level; NULL: in none
  gsl_matrix *down, *across; // of the modes: 2 cos (omega_k v), the first column 1
} blur;

// ## The kernel
//
// Half of a cross-section, $k_0$ to $k_h$. Its rate of change with $\varsigma$ follows from that of
// $e^{-v^2/2\varsigma^2}$ and of the sum,
// $$ \frac{dk_v}{d\varsigma} = k_v\,\frac{v^2 - \sum_w k_w w^2}{\varsigma^3} . $$

static double
sampled (double sd, size_t v)
{
  return v == 0 ? 1 : sd > 0 ? exp (-0.5 * gsl_pow_2 ((double)v / sd)) : 0;
}

static void
find_kernel (int rate, double sd, size_t half, double *k)
{
  double sum = 1, square = 0;
  for (size_t v = 0; v <= half; v++)
    k[v] = sampled (sd, v);
  for (size_t v = 1; v <= half; v++)
    sum += 2 * k[v];
  for (size_t v = 0; v <= half; v++)
    square += 2 * (k[v] /= sum) * (double)(v * v);
  for (size_t v = 0; v <= half && rate; v++)
    if (k[v] > 0)
      k[v] *= square == 0 ? 0 : ((double)(v * v) - square) / gsl_pow_3 (sd);
}

// ## Beyond the edge
//
// The pixel inside a line of $n$ whose value pixel $j$ outside takes: mirrored, or a period away. (Zeros need none.)

static long
place_of (long j, long n, sb_boundary boundary)
{
  const long period = boundary == SB_BOUNDARY_PERIODIC ? n : boundary == SB_BOUNDARY_SYMMETRIC ? 2 * n : 2 * n - 2;
  if (period == 0)
    return 0;
  j = (j % period + period) % period;
  return j < n ? j : boundary == SB_BOUNDARY_SYMMETRIC ? period - 1 - j : period - j;
}

static void
fill_sampled (const blur *b, const double *k, gsl_matrix *B)
{
  const long n = (long)B->size1, half = (long)b->half;
  for (long i = 0; i < n; i++)
    for (long j = 0; j < n; j++)
      gsl_matrix_set (B, (size_t)i, (size_t)j, labs (i - j) <= half ? k[labs (i - j)] : 0);
  if (b->boundary == SB_BOUNDARY_ZERO)
    return;
  for (long i = 0; i < n; i++)
    for (long v = -half; v <= half; v++)
      if (i + v < 0 || i + v >= n)
        *gsl_matrix_ptr (B, (size_t)i, (size_t)place_of (i + v, n, b->boundary)) += k[labs (v)];
}

// ## Modes
//
// Mirrored between the pixels, a line has cosines as eigenvectors at every level; if periodic, cosines and sines. Mode
// $k$ has the angular frequency $\omega_k = \pi k/n$, or $2\pi\lceil k/2\rceil/n$, and the eigenvalue
// $$ c_k = k_0 + 2\sum_{v=1}^{h} k_v\cos(\omega_k v) . $$
// This tends to the heat equation's $c_k = e^{-\omega_k^2\varsigma^2/2}$. Blurring twice by that is blurring once, by
// $\sqrt{\varsigma_1^2 + \varsigma_2^2}$; the sampled kernel has that approximately, and with zeros beyond the edge its
// matrices do not even commute.

static double
frequency (const blur *b, size_t n, size_t k)
{
  return b->boundary == SB_BOUNDARY_PERIODIC ? 2 * M_PI * (double)((k + 1) / 2) / (double)n
                                             : M_PI * (double)k / (double)n;
}

// The cosines, for all modes and offsets (n x h + 1), are computed once; each level takes one product with them.

static gsl_matrix *
cosines (const blur *b, size_t n)
{
  gsl_matrix *table = gsl_matrix_alloc (n, b->half + 1);
  for (size_t k = 0; k < n && table; k++)
    for (size_t v = 0; v <= b->half; v++)
      gsl_matrix_set (table, k, v, (v ? 2 : 1) * cos (frequency (b, n, k) * (double)v));
  return table;
}

static void
find_modes (const blur *b, int rate, double sd, const double *kernel, const gsl_matrix *table, double *c)
{
  const size_t n = table->size1;
  if (b->half > 0)
    cblas_dgemv (CblasRowMajor, CblasNoTrans, (int)n, (int)table->size2, 1, table->data, (int)table->tda, kernel, 1, 0,
                 c, 1);
  for (size_t k = 0; k < n && b->half == 0; k++)
    {
      const double omega = frequency (b, n, k), heat = exp (-0.5 * gsl_pow_2 (omega * sd));
      c[k] = rate ? -omega * omega * sd * heat : heat;
    }
}

// The image's eigenvalues are products of these. One below the rounding of the largest, which is 1, cannot be inverted
// in doubles and counts as 0: a wide blur then removes information just as a mask does.

static int
blur_values (const void *state, int rate, double level, double *c)
{
  const blur *b = state;
  const size_t h = b->height, w = b->width;
  double *memory = malloc ((2 * (h + w) + b->half + 1) * sizeof *memory);
  if (!memory)
    SB_ERROR (NULL, GSL_ENOMEM, "operator blur: no memory for its modes");
  double *down = memory, *across = down + h, *down_rate = across + w, *across_rate = down_rate + h,
         *kernel = across_rate + w;
  const double least = GSL_DBL_EPSILON * (double)(h * w * b->channels);
  find_kernel (0, level, b->half, kernel);
  find_modes (b, 0, level, kernel, b->down, down);
  find_modes (b, 0, level, kernel, b->across, across);
  if (rate)
    {
      find_kernel (1, level, b->half, kernel);
      find_modes (b, 1, level, kernel, b->down, down_rate);
      find_modes (b, 1, level, kernel, b->across, across_rate);
    }
  for (size_t i = 0; i < h; i++)
    for (size_t j = 0; j < w; j++)
      {
        const double value = down[i] * across[j],
                     asked = rate ? down_rate[i] * across[j] + down[i] * across_rate[j] : value;
        for (size_t k = 0; k < b->channels; k++)
          *c++ = fabs (value) < least ? 0 : asked;
      }
  free (memory);
  return GSL_SUCCESS;
}

static const sb_operator *
blur_basis (const void *state)
{
  const blur *b = state;
  return b->modes;
}

// ## Products
//
// $B_h X B_w^\top$ for each channel: channels are split into planes and interleaved again after. The rows of all planes
// are multiplied at once.

typedef struct
{
  gsl_matrix *down, *across;      // B_h and B_w (of square images one), and their rates below; or their inverses
  gsl_matrix *planes, *half, *to; // c h x w: of an image, half of its product, and all of it
} tools;

static void
take_apart (const blur *b, const double *x, double *planes)
{
  const size_t pixels = b->height * b->width, c = b->channels;
  for (size_t k = 0; k < c; k++)
    for (size_t j = 0; j < pixels; j++)
      planes[k * pixels + j] = x[j * c + k];
}

static void
put_together (const blur *b, const double *planes, double *x)
{
  const size_t pixels = b->height * b->width, c = b->channels;
  for (size_t k = 0; k < c; k++)
    for (size_t j = 0; j < pixels; j++)
      x[j * c + k] = planes[k * pixels + j];
}

static gsl_matrix_view
square (gsl_matrix *two, bool rate)
{
  const size_t n = two->size2;
  return gsl_matrix_submatrix (two, rate ? n : 0, 0, n, n);
}

// to <- sum times `to` + the product, by the kernel's matrices or, on one side, their rate.

static void
multiply (const blur *b, CBLAS_TRANSPOSE_t transpose, bool rate_down, bool rate_across, double sum, tools *use)
{
  const size_t h = b->height, w = b->width;
  gsl_matrix_view down = square (use->down, rate_down), across = square (use->across, rate_across);
  gsl_blas_dgemm (CblasNoTrans, transpose == CblasTrans ? CblasNoTrans : CblasTrans, 1, use->planes, &across.matrix, 0,
                  use->half);
  for (size_t k = 0; k < b->channels; k++)
    {
      gsl_matrix_view in = gsl_matrix_submatrix (use->half, k * h, 0, h, w),
                      out = gsl_matrix_submatrix (use->to, k * h, 0, h, w);
      gsl_blas_dgemm (transpose, CblasNoTrans, 1, &down.matrix, &in.matrix, sum, &out.matrix);
    }
}

// $\frac{d}{d\varsigma} B_h X B_w^\top = \dot B_h X B_w^\top + B_h X \dot B_w^\top$.

static void
carry (const blur *b, bool rate, CBLAS_TRANSPOSE_t transpose, const double *x, double *out, tools *use)
{
  take_apart (b, x, use->planes->data);
  multiply (b, transpose, rate, false, 0, use);
  if (rate)
    multiply (b, transpose, false, true, 1, use);
  put_together (b, use->to->data, out);
}

// ## A batch
//
// A level per row; rows of one level share the matrices.

typedef struct
{
  const blur *b;
  int (*prepare) (const blur *b, bool rate, double level, tools *use); // the matrices
  bool rate;
  CBLAS_TRANSPOSE_t transpose;
  const gsl_vector *level;
  const gsl_matrix *x;
  gsl_matrix *out;
} batch;

static int
prepare (const blur *b, bool rate, double level, tools *use)
{
  double *kernel = malloc ((b->half + 1) * sizeof *kernel);
  if (!kernel)
    SB_ERROR (NULL, GSL_ENOMEM, "operator blur: no memory for a kernel");
  for (int k = 0; k <= rate; k++)
    {
      gsl_matrix_view down = square (use->down, k), across = square (use->across, k);
      find_kernel (k, level, b->half, kernel);
      fill_sampled (b, kernel, &down.matrix);
      if (use->across != use->down)
        fill_sampled (b, kernel, &across.matrix);
    }
  free (kernel);
  return GSL_SUCCESS;
}

static void
free_tools (tools *use)
{
  gsl_matrix_free (use->down);
  if (use->across != use->down)
    gsl_matrix_free (use->across);
  gsl_matrix_free (use->planes);
  gsl_matrix_free (use->half);
  gsl_matrix_free (use->to);
}

static int
make_tools (const blur *b, tools *use)
{
  const size_t h = b->height, w = b->width, rows = h * b->channels;
  *use = (tools){ .down = gsl_matrix_alloc (2 * h, h),
                  .planes = gsl_matrix_alloc (rows, w),
                  .half = gsl_matrix_alloc (rows, w),
                  .to = gsl_matrix_alloc (rows, w) };
  use->across = w == h ? use->down : gsl_matrix_alloc (2 * w, w);
  if (use->down && use->across && use->planes && use->half && use->to)
    return GSL_SUCCESS;
  free_tools (use);
  SB_ERROR (NULL, GSL_ENOMEM, "operator blur: no memory for its matrices");
}

static int
carry_rows (void *context, size_t shard, size_t first, size_t count)
{
  const batch *q = context;
  (void)shard;
  tools use;
  double level = GSL_NAN;
  int status = make_tools (q->b, &use);
  if (status)
    return status;
  for (size_t i = first; i < first + count && !status; i++)
    {
      if (gsl_vector_get (q->level, i) != level)
        status = q->prepare (q->b, q->rate, level = gsl_vector_get (q->level, i), &use);
      if (!status)
        carry (q->b, q->rate, q->transpose, gsl_matrix_const_ptr (q->x, i, 0), gsl_matrix_ptr (q->out, i, 0), &use);
    }
  free_tools (&use);
  return status;
}

static int
check_levels (const gsl_vector *level)
{
  for (size_t i = 0; i < level->size; i++)
    if (!(gsl_vector_get (level, i) >= 0))
      SB_ERROR (NULL, GSL_EDOM, "operator blur: a standard deviation of %g, in row %zu", gsl_vector_get (level, i), i);
  return GSL_SUCCESS;
}

static int
carry_out (batch q)
{
  int status = check_levels (q.level);
  return status ? status : sb_shards (q.x->size1, SHARD, carry_rows, &q);
}

static int
blur_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
            gsl_matrix *out)
{
  return carry_out ((batch){ state, prepare, false, transpose, level, x, out });
}

static int
blur_rate (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
           gsl_matrix *out)
{
  return carry_out ((batch){ state, prepare, true, transpose, level, x, out });
}

// ## Backwards
//
// The kernel's matrix is positive definite, so a blur can be inverted; but from a standard deviation of two pixels on
// the condition is too large for doubles: that of the blur is the product of those of both matrices.

static int
prepare_inverse (const blur *b, bool rate, double level, tools *use)
{
  const double most = 1 / (GSL_DBL_EPSILON * (double)(b->height * b->width * b->channels));
  gsl_matrix_view down = square (use->down, false), across = square (use->across, false);
  double of_down = GSL_NAN, of_across = GSL_NAN;
  int status = prepare (b, rate, level, use);
  if (!status)
    status = sb_invert (&down.matrix, &of_down);
  if (use->across == use->down)
    of_across = of_down;
  else if (!status)
    status = sb_invert (&across.matrix, &of_across);
  if (!status && !(of_down * of_across <= most))
    SB_ERROR (NULL, GSL_ESING, "operator blur: at a deviation of %g pixels its condition is %.2g, above %.2g", level,
              of_down * of_across, most);
  return status;
}

static int
blur_inverse (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  return carry_out ((batch){ state, prepare_inverse, false, transpose, level, x, out });
}

// ## As an operator
//
// The heat equation's blur is applied in its modes.

static int
heat_apply_as (int rate, const blur *b, const gsl_vector *level, const gsl_matrix *x, gsl_matrix *out)
{
  const size_t d = x->size2;
  double *c = malloc (d * sizeof *c);
  gsl_matrix *modes = gsl_matrix_alloc (x->size1, d);
  int status = c && modes ? check_levels (level) : GSL_ENOMEM;
  if (!status)
    status = sb_operator_apply (b->modes, CblasNoTrans, NULL, x, modes);
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      if (i == 0 || gsl_vector_get (level, i) != gsl_vector_get (level, i - 1))
        status = blur_values (b, rate, gsl_vector_get (level, i), c);
      for (size_t j = 0; j < d && !status; j++)
        *gsl_matrix_ptr (modes, i, j) *= c[j];
    }
  if (!status)
    status = sb_operator_apply (b->modes, CblasTrans, NULL, modes, out);
  free (c);
  gsl_matrix_free (modes);
  return status;
}

static int
heat_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
            gsl_matrix *out)
{
  (void)transpose;
  return heat_apply_as (0, state, level, x, out);
}

static int
heat_rate (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
           gsl_matrix *out)
{
  (void)transpose;
  return heat_apply_as (1, state, level, x, out);
}

static void
blur_free (void *state)
{
  blur *b = state;
  sb_operator_free (b->modes);
  gsl_matrix_free (b->down);
  gsl_matrix_free (b->across);
  free (b);
}

static const sb_operator_type by_matrices = { .name = "blur",
                                              .apply = blur_apply,
                                              .free = blur_free,
                                              .has_level = 1,
                                              .rate = blur_rate,
                                              .inverse = blur_inverse },
                              with_modes = { .name = "blur",
                                             .apply = blur_apply,
                                             .free = blur_free,
                                             .has_level = 1,
                                             .rate = blur_rate,
                                             .inverse = blur_inverse,
                                             .values = blur_values,
                                             .basis = blur_basis },
                              heat = { .name = "blur",
                                       .apply = heat_apply,
                                       .free = blur_free,
                                       .has_level = 1,
                                       .rate = heat_rate,
                                       .values = blur_values,
                                       .basis = blur_basis };

static int
make_modes (blur *b)
{
  b->modes = (b->boundary == SB_BOUNDARY_PERIODIC ? sb_operator_fourier_alloc
                                                  : sb_operator_cosine_alloc) (b->height, b->width, b->channels);
  b->down = cosines (b, b->height);
  b->across = cosines (b, b->width);
  return b->modes && b->down && b->across ? GSL_SUCCESS : GSL_ENOMEM;
}

sb_operator *
sb_operator_blur_alloc (size_t height, size_t width, size_t channels, size_t half, sb_boundary boundary)
{
  const bool mirrored = boundary == SB_BOUNDARY_SYMMETRIC, periodic = boundary == SB_BOUNDARY_PERIODIC;
  const size_t largest = GSL_MAX (GSL_MAX (height, width), GSL_MAX (channels, half));
  if (!height || !width || !channels || largest > LARGEST || (unsigned)boundary > SB_BOUNDARY_PERIODIC)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator blur: no images of %zu x %zu pixels with %zu channels, half size %zu",
                   height, width, channels, half);
  if (half == 0 && !mirrored && !periodic)
    SB_ERROR_NULL (NULL, GSL_EINVAL,
                   "operator blur: a half size of 0 is the heat equation's, whose boundary is symmetric or periodic");
  if (sb_check_lengths ("an image's numbers", height, width, channels))
    return NULL;
  blur *b = calloc (1, sizeof *b);
  if (b)
    *b = (blur){ .height = height, .width = width, .channels = channels, .half = half, .boundary = boundary };
  if (!b || ((mirrored || periodic) && make_modes (b)))
    {
      if (b)
        blur_free (b);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator blur: no memory for images of %zu x %zu pixels", height, width);
    }
  const size_t d = height * width * channels;
  return sb_operator_alloc (half == 0 ? &heat : b->modes ? &with_modes : &by_matrices, b, d, d);
}
