// # Blur
//
// A Gaussian kernel of standard deviation $\varsigma$ pixels, sampled at whole pixels up to $h$ to either side and divided by
// its sum: the paper's listing. [soft.txt-blurkernel]
// $$ k_{vw} = \frac{e^{-(v^2+w^2)/2\varsigma^2}}{\sum_{v'w'} e^{-(v'^2+w'^2)/2\varsigma^2}} = k_v\,k_w, \qquad
//    |v|, |w| \le h . $$
// It is a product, so that an image $X$, a matrix in each channel, becomes $B_h\,X\,B_w^\top$ with a matrix for its columns
// and one for its rows. At the sizes of the papers these are small and dense, and products with them cost less than a
// convolution by Fourier transforms, which would not know a boundary of zeros. CelebA-64: $h = 80$, $\varsigma$ from .01 to 23
// [soft.set-blur-celeba]; CIFAR-10: $h = 32$, to 18 [soft.set-blur-cifar]; zero beyond the edge in both.

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
  sb_operator *modes; // in which the blur is diagonal at every level; NULL: in none
} blur;

// ## The kernel
//
// A line of it, $k_0$ to $k_h$. Its rate of change with $\varsigma$ follows from that of $e^{-v^2/2\varsigma^2}$ and of the
// sum,
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
// Where pixel $j$ of a line of $n$, which may lie outside, is found: at $j$ itself, mirrored, or a period away; or nowhere
// (-1).

static long
place_of (long j, long n, sb_boundary boundary)
{
  const long period = boundary == SB_BOUNDARY_PERIODIC ? n : boundary == SB_BOUNDARY_SYMMETRIC ? 2 * n : 2 * n - 2;
  if (0 <= j && j < n)
    return j;
  if (boundary == SB_BOUNDARY_ZERO)
    return -1;
  if (period == 0)
    return 0;
  j = (j % period + period) % period;
  return j < n ? j : boundary == SB_BOUNDARY_SYMMETRIC ? period - 1 - j : period - j;
}

static void
fill_sampled (const blur *b, const double *k, gsl_matrix *B)
{
  const long n = (long)B->size1, half = (long)b->half;
  gsl_matrix_set_zero (B);
  for (long i = 0; i < n; i++)
    for (long v = -half; v <= half; v++)
      {
        const long j = place_of (i + v, n, b->boundary);
        if (j >= 0)
          *gsl_matrix_ptr (B, (size_t)i, (size_t)j) += k[labs (v)];
      }
}

// ## Modes
//
// Mirrored between the pixels, the lines' cosines are the eigenvectors at every level; in a period, cosines and sines. Mode
// $k$ has the angular frequency $\omega_k = \pi k/n$, or $2\pi\lceil k/2\rceil/n$, and the eigenvalue
// $$ c_k = k_0 + 2\sum_{v=1}^{h} k_v\cos(\omega_k v) . $$
// The heat equation's $c_k = e^{-\omega_k^2\varsigma^2/2}$ is what this tends to. Blurring twice by it is blurring once, by
// $\sqrt{\varsigma_1^2 + \varsigma_2^2}$; the sampled kernel has that approximately, and with zeros beyond the edge its
// matrices do not even commute.

static double
frequency (const blur *b, size_t n, size_t k)
{
  return b->boundary == SB_BOUNDARY_PERIODIC ? 2 * M_PI * (double)((k + 1) / 2) / (double)n
                                             : M_PI * (double)k / (double)n;
}

static void
find_modes (const blur *b, int rate, double sd, const double *kernel, size_t n, double *c)
{
  for (size_t k = 0; k < n; k++)
    {
      const double omega = frequency (b, n, k), heat = exp (-0.5 * gsl_pow_2 (omega * sd));
      c[k] = b->half == 0 ? (rate ? -omega * omega * sd * heat : heat) : kernel[0];
      for (size_t v = 1; v <= b->half; v++)
        c[k] += 2 * kernel[v] * cos (omega * (double)v);
    }
}

// The image's are products. One below the rounding of the largest, which is 1, carries nothing that a double could give
// back, and counts as 0: in doubles a wide blur hides as much as a mask does.

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
  find_modes (b, 0, level, kernel, h, down);
  find_modes (b, 0, level, kernel, w, across);
  find_kernel (1, level, b->half, kernel);
  find_modes (b, 1, level, kernel, h, down_rate);
  find_modes (b, 1, level, kernel, w, across_rate);
  for (size_t i = 0; i < h; i++)
    for (size_t j = 0; j < w; j++)
      {
        const double value = down[i] * across[j], changes = down_rate[i] * across[j] + down[i] * across_rate[j];
        for (size_t k = 0; k < b->channels; k++)
          *c++ = fabs (value) < least ? 0 : rate ? changes : value;
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
// $B_h X B_w^\top$ for all channels. The rows' product needs the columns of the image as rows, the channel fastest in both.

typedef struct
{
  gsl_matrix *down, *across; // B_h and B_w, or what stands for them
  gsl_matrix *turned, *half; // w x h c, and its product
} tools;

static void
turn (size_t rows, size_t columns, size_t channels, const double *from, double *to)
{
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++)
      for (size_t k = 0; k < channels; k++)
        to[(j * rows + i) * channels + k] = from[(i * columns + j) * channels + k];
}

static void
multiply (const blur *b, CBLAS_TRANSPOSE_t transpose, const gsl_matrix *down, const gsl_matrix *across, tools *use,
          double sum, const double *x, double *out)
{
  const size_t line = b->width * b->channels;
  gsl_matrix_view turned_back = gsl_matrix_view_array (use->turned->data, b->height, line),
                  whole = gsl_matrix_view_array (out, b->height, line);
  turn (b->height, b->width, b->channels, x, use->turned->data);
  gsl_blas_dgemm (transpose, CblasNoTrans, 1, across, use->turned, 0, use->half);
  turn (b->width, b->height, b->channels, use->half->data, use->turned->data);
  gsl_blas_dgemm (transpose, CblasNoTrans, 1, down, &turned_back.matrix, sum, &whole.matrix);
}

// ## A batch
//
// A level per row; rows of one level share the matrices.

typedef struct batch batch;

struct batch
{
  const blur *b;
  int (*prepare) (const blur *b, double level, tools *use); // for a level
  void (*carry) (const batch *q, tools *use, const double *x, double *out);
  CBLAS_TRANSPOSE_t transpose;
  const gsl_vector *level;
  const gsl_matrix *x;
  gsl_matrix *out;
};

// Of each matrix two: the kernel's and its rate's, one below the other.

static int
prepare (const blur *b, double level, tools *use)
{
  double *kernel = malloc ((b->half + 1 + GSL_MAX (b->height, b->width)) * sizeof *kernel);
  if (!kernel)
    SB_ERROR (NULL, GSL_ENOMEM, "operator blur: no memory for a kernel");
  for (int rate = 0; rate <= 1; rate++)
    {
      gsl_matrix_view down = gsl_matrix_submatrix (use->down, (size_t)rate * b->height, 0, b->height, b->height),
                      across = gsl_matrix_submatrix (use->across, (size_t)rate * b->width, 0, b->width, b->width);
      find_kernel (rate, level, b->half, kernel);
      fill_sampled (b, kernel, &down.matrix);
      fill_sampled (b, kernel, &across.matrix);
    }
  free (kernel);
  return GSL_SUCCESS;
}

static void
carry (const batch *q, tools *use, const double *x, double *out)
{
  const blur *b = q->b;
  gsl_matrix_view down = gsl_matrix_submatrix (use->down, 0, 0, b->height, b->height),
                  across = gsl_matrix_submatrix (use->across, 0, 0, b->width, b->width);
  multiply (b, q->transpose, &down.matrix, &across.matrix, use, 0, x, out);
}

// $\dot B_h X B_w^\top + B_h X \dot B_w^\top$.

static void
carry_rate (const batch *q, tools *use, const double *x, double *out)
{
  const blur *b = q->b;
  gsl_matrix_view down = gsl_matrix_submatrix (use->down, 0, 0, b->height, b->height),
                  across = gsl_matrix_submatrix (use->across, 0, 0, b->width, b->width),
                  down_rate = gsl_matrix_submatrix (use->down, b->height, 0, b->height, b->height),
                  across_rate = gsl_matrix_submatrix (use->across, b->width, 0, b->width, b->width);
  multiply (b, q->transpose, &down_rate.matrix, &across.matrix, use, 0, x, out);
  multiply (b, q->transpose, &down.matrix, &across_rate.matrix, use, 1, x, out);
}

static void
free_tools (tools *use)
{
  gsl_matrix_free (use->down);
  gsl_matrix_free (use->across);
  gsl_matrix_free (use->turned);
  gsl_matrix_free (use->half);
}

static int
make_tools (const blur *b, tools *use)
{
  *use = (tools){ gsl_matrix_alloc (2 * b->height, b->height), gsl_matrix_alloc (2 * b->width, b->width),
                  gsl_matrix_alloc (b->width, b->height * b->channels),
                  gsl_matrix_alloc (b->width, b->height * b->channels) };
  if (use->down && use->across && use->turned && use->half)
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
        status = q->prepare (q->b, level = gsl_vector_get (q->level, i), &use);
      if (!status)
        q->carry (q, &use, gsl_matrix_const_ptr (q->x, i, 0), gsl_matrix_ptr (q->out, i, 0));
    }
  free_tools (&use);
  return status;
}

static int
carry_out (batch q)
{
  for (size_t i = 0; i < q.level->size; i++)
    if (!(gsl_vector_get (q.level, i) >= 0))
      SB_ERROR (NULL, GSL_EDOM, "operator blur: a standard deviation of %g, in row %zu", gsl_vector_get (q.level, i),
                i);
  return sb_shards (q.x->size1, SHARD, carry_rows, &q);
}

static int
blur_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
            gsl_matrix *out)
{
  return carry_out ((batch){ state, prepare, carry, transpose, level, x, out });
}

static int
blur_rate (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
           gsl_matrix *out)
{
  return carry_out ((batch){ state, prepare, carry_rate, transpose, level, x, out });
}

// ## Backwards
//
// The kernel's matrix is positive definite, so a blur can be undone; and the condition of undoing it passes what doubles
// hold at a standard deviation of two pixels: that of the product of both matrices is the product of theirs.

static int
invert_first (gsl_matrix *two, size_t n, double *condition)
{
  gsl_matrix_view B = gsl_matrix_submatrix (two, 0, 0, n, n);
  double own = GSL_NAN;
  int status = sb_invert (&B.matrix, &own);
  *condition *= own;
  return status;
}

static int
prepare_inverse (const blur *b, double level, tools *use)
{
  double condition = 1, most = 1 / (GSL_DBL_EPSILON * (double)(b->height * b->width));
  int status = prepare (b, level, use);
  if (!status)
    status = invert_first (use->down, b->height, &condition);
  if (!status)
    status = invert_first (use->across, b->width, &condition);
  if (!status && !(condition <= most))
    SB_ERROR (NULL, GSL_ESING, "operator blur: at a deviation of %g pixels its condition is %.2g, above %.2g", level,
              condition, most);
  return status;
}

static int
blur_inverse (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  return carry_out ((batch){ state, prepare_inverse, carry, transpose, level, x, out });
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
  int status = c && modes ? sb_operator_apply (b->modes, CblasNoTrans, NULL, x, modes) : GSL_ENOMEM;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      if (!(gsl_vector_get (level, i) >= 0))
        SB_ERROR (NULL, GSL_EDOM, "operator blur: a standard deviation of %g, in row %zu", gsl_vector_get (level, i),
                  i);
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

sb_operator *
sb_operator_blur_alloc (size_t height, size_t width, size_t channels, size_t half, sb_boundary boundary)
{
  const bool cosines = boundary == SB_BOUNDARY_SYMMETRIC, periodic = boundary == SB_BOUNDARY_PERIODIC;
  const size_t largest = GSL_MAX (GSL_MAX (height, width), GSL_MAX (channels, half));
  if (!height || !width || !channels || largest > LARGEST || (unsigned)boundary > SB_BOUNDARY_PERIODIC)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator blur: no images of %zu x %zu pixels with %zu channels, half size %zu",
                   height, width, channels, half);
  if (half == 0 && !cosines && !periodic)
    SB_ERROR_NULL (NULL, GSL_EINVAL,
                   "operator blur: a half size of 0 is the heat equation's, whose boundary is symmetric or periodic");
  if (sb_check_lengths ("an image's numbers", height, width, channels))
    return NULL;
  sb_operator *modes = cosines    ? sb_operator_cosine_alloc (height, width, channels)
                       : periodic ? sb_operator_fourier_alloc (height, width, channels)
                                  : NULL;
  blur *b = (cosines || periodic) && !modes ? NULL : malloc (sizeof *b);
  if (!b)
    {
      sb_operator_free (modes);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator blur: no memory for images of %zu x %zu pixels", height, width);
    }
  *b = (blur){ height, width, channels, half, boundary, modes };
  const size_t d = height * width * channels;
  return sb_operator_alloc (half == 0 ? &heat : modes ? &with_modes : &by_matrices, b, d, d);
}
