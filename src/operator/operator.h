#ifndef SCOREBOOK_OPERATOR_OPERATOR_H
#define SCOREBOOK_OPERATOR_OPERATOR_H

#include "../base/decls.h"

#include <gsl/gsl_cblas.h>
#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

typedef struct sb_operator sb_operator;

// The functions of a kind of operator. Arguments of `apply` have been checked: the shapes are right, there is at least
// one row, `out` is not x, and `level` is given where has_level, NULL elsewhere.
typedef struct
{
  const char *name;
  int (*apply) (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                gsl_matrix *out);
  void (*free) (void *state); // NULL: nothing to release
  int orthonormal;            // A^T A = I at every level
  int has_level;              // A varies with a number per row, as a blur does with its width

  // For a type with levels, or NULL: out = (dA/dlevel) x, and out = A^-1 x (GSL_ESING where A is singular in doubles);
  // arguments as those of `apply`.
  int (*rate) (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
               gsl_matrix *out);
  int (*inverse) (const void *state, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                  gsl_matrix *out);

  // For a type that is W^T diag(c) W at every level with the same orthonormal W: c (columns), or its rate, and W (NULL:
  // the identity). `values` NULL: there is no such W, or none is known.
  int (*values) (const void *state, int rate, double level, double *c);
  const sb_operator *(*basis) (const void *state);
} sb_operator_type;

// A linear map A of points, with its transpose; maybe a different one at each level.
struct sb_operator
{
  const sb_operator_type *type;
  void *state;
  size_t rows, columns; // A is rows x columns: it maps points of `columns` numbers to points of `rows`
};

// An operator of your own: the type is kept, not copied; the state belongs to the operator from here on, and is
// released with it, or at once where this fails. NULL with GSL_EINVAL where rows or columns is 0; with GSL_ENOMEM.
sb_operator *sb_operator_alloc (const sb_operator_type *type, void *state, size_t rows, size_t columns);
void sb_operator_free (sb_operator *A); // NULL is allowed

// out_i = A x_i for every row of x (n x columns; out: n x rows), or A^T x_i (CblasTrans; n x rows, out: n x columns). n
// may be 0. level: a number per row where the operator varies with one, else NULL. GSL_EBADLEN where a shape is wrong;
// GSL_EINVAL where out is x, where a level is missing or given to an operator that has none, or where transpose is
// neither CblasNoTrans nor CblasTrans; and what the type's function returns.
int sb_operator_apply (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                       gsl_matrix *out);

// Its rate of change with the level, and its inverse, likewise. GSL_EUNSUP where the operator has none.
int sb_operator_rate (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level, const gsl_matrix *x,
                      gsl_matrix *out);
int sb_operator_inverse (const sb_operator *A, CBLAS_TRANSPOSE_t transpose, const gsl_vector *level,
                         const gsl_matrix *x, gsl_matrix *out);

// The largest singular value of A at a level (NaN if it has none), by `steps` power iterations from a random vector, of
// two applications each. NaN with GSL_ENOMEM or what these report.
double sb_operator_norm (const sb_operator *A, double level, size_t steps);

// ---- Kinds without a level

// Vectors and matrices are copied. NULL with GSL_EINVAL where a size is 0,
// with GSL_ENOMEM.
sb_operator *sb_operator_identity_alloc (size_t dimension);
sb_operator *sb_operator_scalar_alloc (size_t dimension, double c); // c I
sb_operator *sb_operator_diagonal_alloc (const gsl_vector *diagonal);
sb_operator *sb_operator_dense_alloc (const gsl_matrix *A);

// Coordinates with a 0 become 0, whatever they were; those with a 1 stay. GSL_EDOM where a number is neither.
sb_operator *sb_operator_mask_alloc (const gsl_vector *mask);

// Coordinates with a 1, in their order; those with a 0 are left out. GSL_EDOM where a number is neither, GSL_EINVAL
// where none is 1.
sb_operator *sb_operator_select_alloc (const gsl_vector *mask);

// The orthonormal cosine transform (DCT-II) of images of height x width pixels with `channels` numbers each, the
// channel fastest, then the column: frequency (k, l) of a channel is stored where its pixel (k, l) was, the mean first.
// A signal in one dimension has height 1. Sizes up to 2^16 (GSL_EINVAL). GSL_ENOMEM: applying takes a matrix per
// thread.
sb_operator *sb_operator_cosine_alloc (size_t height, size_t width, size_t channels);

// The orthonormal map of red, green and blue of each pixel to grey and two channels of colour.
sb_operator *sb_operator_colour_alloc (size_t pixels);

// The same with cosines and sines of whole periods, an orthonormal Fourier transform in real numbers: 1, then the
// cosine and the sine of each frequency.
sb_operator *sb_operator_fourier_alloc (size_t height, size_t width, size_t channels);

// Haar's orthonormal transform of images, `levels` times (1 to 16): columns a_n, d_n, ..., d_1, where d_k is an image
// of 3 channels for each, of height/2^k x width/2^k pixels, and a_n one of `channels`, both with the channel fastest.
// Sizes up to 2^16, sides that 2^levels divides (GSL_EINVAL). Applying it takes a quarter of an image per thread:
// GSL_ENOMEM.
sb_operator *sb_operator_haar_alloc (size_t height, size_t width, size_t channels, size_t levels);

// A bicubic downscaling of images to sides height/factor and width/factor (Keys' kernel with a = -1/2, scaled to the
// new pixels' width; results beyond the data's range are kept), and an enlargement by `factor` that repeats each pixel;
// sizes are those of the input images. Sides up to 2^16 that the factor divides, factors of 1 or more (GSL_EINVAL).
sb_operator *sb_operator_downscale_alloc (size_t height, size_t width, size_t channels, size_t factor);
sb_operator *sb_operator_enlarge_alloc (size_t height, size_t width, size_t channels, size_t factor);

// (x, y) -> (A x, y): A, square and without a level, on the first of `dimension` coordinates. A belongs to it from here
// on, and is released with it, or at once where this fails (GSL_EINVAL; a NULL A returns NULL without an error).
sb_operator *sb_operator_leading_alloc (sb_operator *A, size_t dimension);

// A B, and A - B, of operators without levels, which belong to it, as A does above. GSL_EINVAL where their sizes do not
// fit; GSL_ENOMEM.
sb_operator *sb_operator_product_alloc (sb_operator *A, sb_operator *B);
sb_operator *sb_operator_difference_alloc (sb_operator *A, sb_operator *B);

// C at one of its levels, the same for every row: an operator without a level. C belongs to it, as A does above.
// GSL_EINVAL where C has no level or the level is not finite; GSL_ENOMEM.
sb_operator *sb_operator_at_level_alloc (sb_operator *C, double level);

// ---- Kinds with a level

// The level times I.
sb_operator *sb_operator_multiple_alloc (size_t dimension);

// A matrix that is a function of the level: `fill` writes A (d x d), or dA/dlevel. params belongs to the operator, and
// is released by `release` (NULL: not at all). rate_too: `fill` can write the rate.
typedef int (*sb_matrix_of_level) (const void *params, int rate, double level, gsl_matrix *A);
sb_operator *sb_operator_family_alloc (size_t dimension, sb_matrix_of_level fill, int rate_too, void *params,
                                       void (*release) (void *params));

// W^T diag(c) W with the same orthonormal W (`basis`, which belongs to it; NULL: I) at every level: `fill` writes the
// values c (d), or their rates. params and release likewise. The inverse is refused (GSL_ESING) where a value is 0.
typedef int (*sb_values_of_level) (const void *params, int rate, double level, double *c);
sb_operator *sb_operator_values_alloc (size_t dimension, sb_operator *basis, sb_values_of_level fill, void *params,
                                       void (*release) (void *params));

// The padding beyond an image's edge: zeros; the image mirrored between its pixels (numpy's symmetric, scipy's
// reflect); mirrored in its outermost pixels (numpy's reflect, scipy's mirror); the image again.
typedef enum
{
  SB_BOUNDARY_ZERO,
  SB_BOUNDARY_SYMMETRIC,
  SB_BOUNDARY_REFLECT,
  SB_BOUNDARY_PERIODIC
} sb_boundary;

// A Gaussian blur of images, whose level is the standard deviation in pixels, >= 0. The kernel is sampled at `half`
// whole pixels to either side and divided by its sum; half = 0: the heat equation's, for boundaries that are symmetric
// or periodic. The inverse is refused (GSL_ESING) where its condition is above 1/(d epsilon); the heat equation's has
// none (GSL_EUNSUP). NULL with GSL_EINVAL where a size is 0 or above 2^16, or the boundary is invalid; with GSL_ENOMEM.
sb_operator *sb_operator_blur_alloc (size_t height, size_t width, size_t channels, size_t half, sb_boundary boundary);

// Nested masks: the level in [0, 1] is the share of pixels, rounded to whole ones, that become 0, the farthest from the
// centre first, so that a window at the centre is left; or the nearest first, which leaves the border.
typedef enum
{
  SB_KEEP_CENTRE,
  SB_KEEP_BORDER
} sb_keep;
sb_operator *sb_operator_window_alloc (size_t height, size_t width, size_t channels, sb_keep keep);

SB_END_DECLS

#endif
