#ifndef SCOREBOOK_OPERATOR_OPERATOR_H
#define SCOREBOOK_OPERATOR_OPERATOR_H

#include "../base/decls.h"

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// What a kind of operator is made of. Arguments of `apply` have been checked: the shapes are right, there is at least one
// row, `out` is not x, and `level` is there where has_level, NULL elsewhere.
typedef struct
{
  const char *name;
  int (*apply) (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out);
  void (*free) (void *state); // NULL: nothing to release
  int orthonormal;            // A^T A = I at every level
  int has_level;              // A varies with a number per row, as a blur does with its width
} sb_operator_type;

// A linear map A of points, with its transpose; maybe a different one at each level.
typedef struct
{
  const sb_operator_type *type;
  void *state;
  size_t rows, columns; // A is rows x columns: it maps points of `columns` numbers to points of `rows`
} sb_operator;

// An operator of your own: the type is kept, not copied; the state belongs to the operator from here on, and is released
// with it, or at once where this fails. NULL with GSL_EINVAL where rows or columns is 0; with GSL_ENOMEM.
sb_operator *sb_operator_alloc (const sb_operator_type *type, void *state, size_t rows, size_t columns);
void sb_operator_free (sb_operator *A); // NULL is allowed

// out_i = A x_i for every row of x (n x columns; out: n x rows), or A^T x_i (CblasTrans; n x rows, out: n x columns). n may
// be 0. level: a number per row where the operator varies with one, else NULL. GSL_EBADLEN where a shape is wrong; GSL_EINVAL
// where out is x, where a level is missing or given to an operator that has none, or where transpose is neither CblasNoTrans
// nor CblasTrans; and what the type's function returns.
int sb_operator_apply (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                       gsl_matrix *out);

// The kinds that are here, none of which has a level. Vectors and matrices are copied. NULL with GSL_EINVAL where a size is 0,
// with GSL_ENOMEM.
sb_operator *sb_operator_identity_alloc (size_t dimension);
sb_operator *sb_operator_scalar_alloc (size_t dimension, double c); // c I
sb_operator *sb_operator_diagonal_alloc (const gsl_vector *diagonal);
sb_operator *sb_operator_dense_alloc (const gsl_matrix *A);

// Coordinates with a 0 become 0, whatever they were; those with a 1 stay. GSL_EDOM where a number is neither.
sb_operator *sb_operator_mask_alloc (const gsl_vector *mask);

// The orthonormal cosine transform (DCT-II) of images of height x width pixels with `channels` numbers each, the channel
// fastest, then the column: frequency (k, l) of a channel stands where its pixel (k, l) stood, the mean first. A signal in
// one dimension has height 1. Sizes up to 2^16 (GSL_EINVAL). Applied with a matrix per thread: GSL_ENOMEM.
sb_operator *sb_operator_cosine_alloc (size_t height, size_t width, size_t channels);

// The channels of each of so many pixels, red, green and blue, to grey and two of colour, orthonormally.
sb_operator *sb_operator_colour_alloc (size_t pixels);

SB_END_DECLS

#endif
