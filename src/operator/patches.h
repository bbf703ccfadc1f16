#ifndef SCOREBOOK_OPERATOR_PATCHES_H
#define SCOREBOOK_OPERATOR_PATCHES_H

#include "../base/error.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

SB_BEGIN_DECLS

// A linear autoencoder of images: each patch of side x side pixels becomes its first `kept` principal components, each
// divided by its standard deviation. A batch of images has a row each of d = height width channels numbers, the channel
// fastest; a batch of latents a row each of l = (height / side) (width / side) kept numbers, the component fastest: an
// image again, smaller by `side` both ways and of `kept` channels.
typedef struct
{
  size_t height, width, channels; // of an image, each up to 2^16; height and width are multiples of side
  size_t side;                    // of a patch, which has p = side side channels numbers
  size_t kept;                    // components of a patch, 1 to p
  gsl_vector *mean;               // the mean patch (p)
  gsl_matrix *basis;              // the components' directions, orthonormal rows (kept x p)
  gsl_vector *deviation;          // the components' standard deviations (kept), largest first
} sb_patches;

// Fit to the rows of x (n x d). The latents of these same images have, over all images and places, mean 0 and mean
// square 1 in each component. NULL: GSL_EINVAL where the sizes are inconsistent or there are no images, GSL_EBADLEN
// where d does not match them, GSL_EDOM where a number is not finite, GSL_ESING where the patches vary in fewer
// than `kept` directions, GSL_ENOMEM.
sb_patches *sb_patches_fit (const gsl_matrix *x, size_t height, size_t width, size_t channels, size_t side,
                            size_t kept);
void sb_patches_free (sb_patches *patches); // NULL is allowed

size_t sb_patches_latent (const sb_patches *patches); // l

// Images x (n x d) to latents z (n x l), and back. Components that are not in the latents decode to those of the mean
// patch: decode after encode is the orthogonal projection on an affine space. GSL_EBADLEN, GSL_ENOMEM.
int sb_patches_encode (const sb_patches *patches, const gsl_matrix *x, gsl_matrix *z);
int sb_patches_decode (const sb_patches *patches, const gsl_matrix *z, gsl_matrix *x);

// Write it as safetensors, whole or not at all: tensors `mean`, `basis` and `deviation` in single precision, notes
// `image` (channels x height x width) and `of`, what it was fitted to. GSL_EFAILED, GSL_ENOMEM; a line in `error`.
int sb_patches_write (const sb_patches *patches, const char *of, const char *path, sb_error *error);

// NULL on failure with a line in `error`: GSL_EFAILED where the file cannot be read, GSL_EINVAL where it holds no such
// autoencoder, GSL_ENOMEM. The basis is made orthonormal again to double precision.
sb_patches *sb_patches_read (const char *path, sb_error *error);

SB_END_DECLS

#endif
