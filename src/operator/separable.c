// # Along columns, and along rows
//
// Each channel $X$ of an image becomes
// $$ D\, X\, R^{\mathsf T}, $$
// a product along its columns and one along its rows, $O(h + w)$ multiplications a pixel; the transpose is
// $D^{\mathsf T} X\, R$.

#include "separable.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

enum
{
  LARGEST = 1 << 16, // of a size: products of three fit a size_t
  SHARD = 16         // images at a time
};

typedef struct
{
  gsl_matrix *down, *across; // D and R
  size_t channels;
} separable;

// ## One image
//
// Along the rows first: each is a matrix of width x channels; with one channel, one product serves all of them. Then
// along the columns: the image is a matrix with one of its rows in each row.

typedef struct
{
  size_t height, width;
} size;

static size
size_of (const separable *s, int result)
{
  return result ? (size){ s->down->size1, s->across->size1 } : (size){ s->down->size2, s->across->size2 };
}

static void
transform (const separable *s, CBLAS_TRANSPOSE_t transpose, const double *x, gsl_matrix *half, double *out)
{
  const size from = size_of (s, transpose == CblasTrans), to = size_of (s, transpose != CblasTrans);
  if (s->channels == 1)
    {
      gsl_matrix_const_view rows = gsl_matrix_const_view_array (x, from.height, from.width);
      gsl_blas_dgemm (CblasNoTrans, transpose == CblasTrans ? CblasNoTrans : CblasTrans, 1, &rows.matrix, s->across, 0,
                      half);
    }
  for (size_t i = 0; i < from.height && s->channels > 1; i++)
    {
      gsl_matrix_const_view row
          = gsl_matrix_const_view_array (x + i * from.width * s->channels, from.width, s->channels);
      gsl_matrix_view made = gsl_matrix_view_array (gsl_matrix_ptr (half, i, 0), to.width, s->channels);
      gsl_blas_dgemm (transpose, CblasNoTrans, 1, s->across, &row.matrix, 0, &made.matrix);
    }
  gsl_matrix_view whole = gsl_matrix_view_array (out, to.height, to.width * s->channels);
  gsl_blas_dgemm (transpose, CblasNoTrans, 1, s->down, half, 0, &whole.matrix);
}

// ## A batch

typedef struct
{
  const separable *s;
  CBLAS_TRANSPOSE_t transpose;
  const gsl_matrix *x;
  gsl_matrix *out;
} batch;

static int
transform_rows (void *context, size_t shard, size_t first, size_t count)
{
  const batch *b = context;
  (void)shard;
  const int back = b->transpose == CblasTrans;
  gsl_matrix *half = gsl_matrix_alloc (size_of (b->s, back).height, size_of (b->s, !back).width * b->s->channels);
  if (!half)
    return GSL_ENOMEM;
  for (size_t i = first; i < first + count; i++)
    transform (b->s, b->transpose, gsl_matrix_const_ptr (b->x, i, 0), half, gsl_matrix_ptr (b->out, i, 0));
  gsl_matrix_free (half);
  return GSL_SUCCESS;
}

int
sb_separable_apply (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                    gsl_matrix *out)
{
  (void)level;
  batch b = { state, transpose, x, out };
  return sb_shards (x->size1, SHARD, transform_rows, &b);
}

// ## As an operator

void
sb_separable_free (void *state)
{
  separable *s = state;
  gsl_matrix_free (s->down);
  gsl_matrix_free (s->across);
  free (s);
}

int
sb_separable_check (const char *name, size_t height, size_t width, size_t channels)
{
  if (!height || !width || !channels || GSL_MAX (GSL_MAX (height, width), channels) > LARGEST)
    SB_ERROR (NULL, GSL_EINVAL, "operator %s: no images of %zu x %zu pixels with %zu channels", name, height, width,
              channels);
  return sb_check_lengths ("an image's numbers", height, width, channels);
}

sb_operator *
sb_separable_alloc (const sb_operator_type *type, gsl_matrix *down, gsl_matrix *across, size_t channels)
{
  separable *s = down && across ? malloc (sizeof *s) : NULL;
  if (!s)
    {
      gsl_matrix_free (down);
      gsl_matrix_free (across);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "operator %s: no memory for its matrices", type->name);
    }
  *s = (separable){ down, across, channels };
  return sb_operator_alloc (type, s, down->size1 * across->size1 * channels, down->size2 * across->size2 * channels);
}
