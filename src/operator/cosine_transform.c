// # The cosine transform, and Fourier's
//
// Of $N$ numbers $x_n$ it makes as many frequencies,
// $$ y_k = c_k \sum_{n=0}^{N-1} x_n \cos\frac{\pi k (2n + 1)}{2N}, \qquad c_0 = \sqrt{1/N}, \quad c_k = \sqrt{2/N}, $$
// which is called DCT-II. With these $c_k$ the matrix is orthonormal, and its transpose, the DCT-III, its inverse. Its rows
// are the eigenvectors of every symmetric blur of a signal that is mirrored at its ends, which is what it is for: in this
// basis such a blur is diagonal. An image is transformed along its columns and along its rows, each a product with a matrix:
// $O(h + w)$ multiplications a pixel.

#include "operator.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum
{
  LARGEST = 1 << 16, // of a size: products of three fit a size_t
  SHARD = 16         // images at a time
};

typedef struct
{
  size_t height, width, channels;
  gsl_matrix *down, *across; // along columns, of size height; along rows, of size width
} cosine;

// ## The matrix
//
// The angle is a whole multiple of $\pi/2N$. Whole periods are taken off it in whole numbers, and $2\pi - \theta$ is
// replaced by $\theta$: a large argument would cost the cosine its last digits.

static gsl_matrix *
cosine_matrix (size_t N)
{
  gsl_matrix *C = gsl_matrix_alloc (N, N);
  for (size_t k = 0; k < N && C; k++)
    for (size_t n = 0; n < N; n++)
      {
        size_t steps = k * (2 * n + 1) % (4 * N);
        double angle = M_PI * (double)(steps > 2 * N ? 4 * N - steps : steps) / (2 * (double)N);
        gsl_matrix_set (C, k, n, sqrt ((k ? 2 : 1) / (double)N) * cos (angle));
      }
  return C;
}

// Of a signal that repeats itself the eigenvectors are cosines and sines of whole periods, row $2f-1$ and row $2f$ those of
// frequency $f$, $\sqrt{2/N}\cos(2\pi f n/N)$ and $\sqrt{2/N}\sin(2\pi f n/N)$; the first row and, where $N$ is even, the
// last have $\sqrt{1/N}$.

static gsl_matrix *
fourier_matrix (size_t N)
{
  gsl_matrix *C = gsl_matrix_alloc (N, N);
  for (size_t k = 0; k < N && C; k++)
    for (size_t n = 0; n < N; n++)
      {
        const bool single = k == 0 || (k == N - 1 && N % 2 == 0);
        double angle = 2 * M_PI * (double)((k + 1) / 2 * n % N) / (double)N;
        gsl_matrix_set (C, k, n,
                        sqrt ((single ? 1 : 2) / (double)N) * (k % 2 == 1 || k == 0 ? cos (angle) : sin (angle)));
      }
  return C;
}

// ## One image
//
// Along the rows: each is a matrix of width x channels; where there is one channel, all of them together are one product. Then
// along the columns: the image is a matrix with one of its rows in each row.

static void
transform (const cosine *c, CBLAS_TRANSPOSE_t transpose, const double *x, gsl_matrix *half, double *out)
{
  size_t line = c->width * c->channels;
  if (c->channels == 1)
    {
      gsl_matrix_const_view rows = gsl_matrix_const_view_array (x, c->height, c->width);
      gsl_blas_dgemm (CblasNoTrans, transpose == CblasTrans ? CblasNoTrans : CblasTrans, 1, &rows.matrix, c->across, 0,
                      half);
    }
  for (size_t i = 0; i < c->height && c->channels > 1; i++)
    {
      gsl_matrix_const_view from = gsl_matrix_const_view_array (x + i * line, c->width, c->channels);
      gsl_matrix_view to = gsl_matrix_view_array (gsl_matrix_ptr (half, i, 0), c->width, c->channels);
      gsl_blas_dgemm (transpose, CblasNoTrans, 1, c->across, &from.matrix, 0, &to.matrix);
    }
  gsl_matrix_view whole = gsl_matrix_view_array (out, c->height, line);
  gsl_blas_dgemm (transpose, CblasNoTrans, 1, c->down, half, 0, &whole.matrix);
}

// ## A batch

typedef struct
{
  const cosine *c;
  CBLAS_TRANSPOSE_t transpose;
  const gsl_matrix *x;
  gsl_matrix *out;
} batch;

static int
transform_rows (void *context, size_t shard, size_t first, size_t count)
{
  const batch *b = context;
  (void)shard;
  gsl_matrix *half = gsl_matrix_alloc (b->c->height, b->c->width * b->c->channels);
  if (!half)
    return GSL_ENOMEM;
  for (size_t i = first; i < first + count; i++)
    transform (b->c, b->transpose, gsl_matrix_const_ptr (b->x, i, 0), half, gsl_matrix_ptr (b->out, i, 0));
  gsl_matrix_free (half);
  return GSL_SUCCESS;
}

static int
cosine_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
              gsl_matrix *out)
{
  (void)level;
  batch b = { state, transpose, x, out };
  return sb_shards (x->size1, SHARD, transform_rows, &b);
}

// ## As an operator

static void
cosine_free (void *state)
{
  cosine *c = state;
  gsl_matrix_free (c->down);
  gsl_matrix_free (c->across);
  free (c);
}

static const sb_operator_type cosine_type
    = { .name = "cosine", .apply = cosine_apply, .free = cosine_free, .orthonormal = 1 },
    fourier_type = { .name = "fourier", .apply = cosine_apply, .free = cosine_free, .orthonormal = 1 };

static sb_operator *
separable_alloc (const sb_operator_type *type, gsl_matrix *(*matrix) (size_t N), size_t height, size_t width,
                 size_t channels)
{
  if (!height || !width || !channels || GSL_MAX (GSL_MAX (height, width), channels) > LARGEST)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "operator %s: no images of %zu x %zu pixels with %zu channels", type->name, height,
                   width, channels);
  if (sb_check_lengths ("an image's numbers", height, width, channels))
    return NULL;
  cosine *c = malloc (sizeof *c);
  if (c)
    *c = (cosine){ height, width, channels, matrix (height), matrix (width) };
  if (c && c->down && c->across)
    return sb_operator_alloc (type, c, height * width * channels, height * width * channels);
  if (c)
    cosine_free (c);
  SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator %s: no memory for images of %zu x %zu pixels", type->name, height, width);
}

sb_operator *
sb_operator_cosine_alloc (size_t height, size_t width, size_t channels)
{
  return separable_alloc (&cosine_type, cosine_matrix, height, width, channels);
}

sb_operator *
sb_operator_fourier_alloc (size_t height, size_t width, size_t channels)
{
  return separable_alloc (&fourier_type, fourier_matrix, height, width, channels);
}
