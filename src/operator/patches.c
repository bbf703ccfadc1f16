// # An autoencoder that is exact
//
// A diffusion model of large images works on codes of them: an encoder makes an image smaller, the model learns the law
// of the codes, and a decoder maps its samples to images. The report's second model does this at 512x512 with an
// autoencoder that was trained elsewhere. [dsm2ddpm.set-ddpm-paintings] Here the autoencoder is linear, so that what it
// does is known exactly. An image is cut into patches, and a patch $\mathbf{q}$ with $p$ numbers becomes
// $$ z_k = \frac{\mathbf{b}_k \cdot (\mathbf{q} - \mathbf{m})}{s_k}, \qquad k = 1, \dots, K, $$
// with the mean patch $\mathbf{m}$, the $K$ directions $\mathbf{b}_k$ in which patches vary most, and the standard
// deviation $s_k$ along each. No other linear code of $K$ numbers loses less in mean square. Dividing by $s_k$ gives
// every coefficient the variance 1 for which the variance-preserving chains are made.

#include "patches.h"

#include "../base/error.h"
#include "../base/rows.h"
#include "../base/shard.h"
#include "../dataset/safetensors.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_eigen.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  LARGEST = 1 << 16, // of a size: products of three fit a size_t
  SHARD = 16         // images at a time
};

// ## Sizes

static int
sizes_fit (const sb_patches *c)
{
  return c->height > 0 && c->width > 0 && c->channels > 0 && c->side > 0 && c->height <= LARGEST && c->width <= LARGEST
         && c->channels <= LARGEST && c->height % c->side == 0 && c->width % c->side == 0 && c->kept > 0
         && c->kept <= c->side * c->side * c->channels;
}

static size_t
numbers_of_image (const sb_patches *c)
{
  return c->height * c->width * c->channels;
}

static size_t
numbers_of_patch (const sb_patches *c)
{
  return c->side * c->side * c->channels;
}

static size_t
patches_of_image (const sb_patches *c)
{
  return (c->height / c->side) * (c->width / c->side);
}

size_t
sb_patches_latent (const sb_patches *patches)
{
  return patches_of_image (patches) * patches->kept;
}

void
sb_patches_free (sb_patches *patches)
{
  if (!patches)
    return;
  gsl_vector_free (patches->mean);
  gsl_matrix_free (patches->basis);
  gsl_vector_free (patches->deviation);
  free (patches);
}

static sb_patches *
patches_alloc (const sb_patches *sizes)
{
  sb_patches *c = malloc (sizeof *c);
  if (!c)
    return NULL;
  *c = *sizes;
  size_t p = numbers_of_patch (c);
  c->mean = gsl_vector_calloc (p);
  c->basis = gsl_matrix_alloc (c->kept, p);
  c->deviation = gsl_vector_alloc (c->kept);
  if (c->mean && c->basis && c->deviation)
    return c;
  sb_patches_free (c);
  return NULL;
}

// ## Patches out of an image and back
//
// Patches are numbered as pixels are, row by row from the upper left, and the numbers inside one likewise. Each of the
// `side` lines of a patch is `side` pixels with all their channels, contiguous in the image.

static double *
line_of (const sb_patches *c, double *image, size_t patch, size_t line)
{
  size_t across = c->width / c->side, i = patch / across, j = patch % across;
  return image + ((i * c->side + line) * c->width + j * c->side) * c->channels;
}

static void
cut (const sb_patches *c, const gsl_matrix *x, size_t row, gsl_matrix *q)
{
  double *image = (double *)gsl_matrix_const_ptr (x, row, 0); // only read
  size_t run = c->side * c->channels;
  for (size_t patch = 0; patch < q->size1; patch++)
    for (size_t line = 0; line < c->side; line++)
      memcpy (gsl_matrix_ptr (q, patch, line * run), line_of (c, image, patch, line), run * sizeof *image);
}

static void
paste (const sb_patches *c, const gsl_matrix *q, gsl_matrix *x, size_t row)
{
  double *image = gsl_matrix_ptr (x, row, 0);
  size_t run = c->side * c->channels;
  for (size_t patch = 0; patch < q->size1; patch++)
    for (size_t line = 0; line < c->side; line++)
      memcpy (line_of (c, image, patch, line), gsl_matrix_const_ptr (q, patch, line * run), run * sizeof *image);
}

// ## The fit
//
// The mean first and then the covariance about it, both over the patches of all images.

static void
take_mean (sb_patches *c, const gsl_matrix *x, gsl_matrix *q)
{
  double share = 1 / ((double)x->size1 * (double)q->size1);
  for (size_t i = 0; i < x->size1; i++)
    {
      cut (c, x, i, q);
      for (size_t patch = 0; patch < q->size1; patch++)
        {
          gsl_vector_const_view row = gsl_matrix_const_row (q, patch);
          gsl_blas_daxpy (share, &row.vector, c->mean);
        }
    }
}

static void
take_covariance (const sb_patches *c, const gsl_matrix *x, gsl_matrix *q, gsl_matrix *covariance)
{
  double share = 1 / ((double)x->size1 * (double)q->size1);
  gsl_matrix_set_zero (covariance);
  for (size_t i = 0; i < x->size1; i++)
    {
      cut (c, x, i, q);
      sb_add_to_rows (-1, c->mean, q);
      gsl_blas_dsyrk (CblasLower, CblasTrans, share, q, 1, covariance);
    }
}

// Its eigenvectors, by GSL, which reads the lower triangle. A covariance with finite variances is finite everywhere,
// and a number that is not finite in the data makes at least one variance so. An eigenvalue no larger than rounding
// errors of patches of this magnitude is taken for zero: there is no deviation to divide by.

static int
take_axes (sb_patches *c, gsl_matrix *covariance, gsl_vector *values, gsl_matrix *vectors, gsl_eigen_symmv_workspace *w)
{
  size_t p = values->size;
  double trace = 0;
  for (size_t k = 0; k < p; k++)
    trace += gsl_matrix_get (covariance, k, k);
  if (!gsl_finite (trace))
    SB_ERROR (NULL, GSL_EDOM, "the variance of the images is %g", trace);
  gsl_eigen_symmv (covariance, values, vectors, w);
  gsl_eigen_symmv_sort (values, vectors, GSL_EIGEN_SORT_VAL_DESC);
  double smallest = gsl_vector_get (values, c->kept - 1);
  double size = gsl_vector_get (values, 0) + gsl_pow_2 (gsl_blas_dnrm2 (c->mean));
  if (!(smallest > (double)p * DBL_EPSILON * size))
    SB_ERROR (NULL, GSL_ESING, "patches vary in fewer directions than the %zu to be kept", c->kept);
  for (size_t k = 0; k < c->kept; k++)
    {
      gsl_vector_const_view axis = gsl_matrix_const_column (vectors, k);
      gsl_matrix_set_row (c->basis, k, &axis.vector);
      gsl_vector_set (c->deviation, k, sqrt (gsl_vector_get (values, k)));
    }
  return GSL_SUCCESS;
}

static int
fit (sb_patches *c, const gsl_matrix *x)
{
  size_t p = numbers_of_patch (c);
  gsl_matrix *q = gsl_matrix_alloc (patches_of_image (c), p), *covariance = gsl_matrix_alloc (p, p),
             *vectors = gsl_matrix_alloc (p, p);
  gsl_vector *values = gsl_vector_alloc (p);
  gsl_eigen_symmv_workspace *w = gsl_eigen_symmv_alloc (p);
  int status = q && covariance && vectors && values && w ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    {
      take_mean (c, x, q);
      take_covariance (c, x, q, covariance);
      status = take_axes (c, covariance, values, vectors, w);
    }
  gsl_matrix_free (q);
  gsl_matrix_free (covariance);
  gsl_matrix_free (vectors);
  gsl_vector_free (values);
  if (w)
    gsl_eigen_symmv_free (w);
  return status;
}

sb_patches *
sb_patches_fit (const gsl_matrix *x, size_t height, size_t width, size_t channels, size_t side, size_t kept)
{
  const sb_patches sizes = { .height = height, .width = width, .channels = channels, .side = side, .kept = kept };
  if (!sizes_fit (&sizes))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "images of %zu x %zu x %zu, patches of side %zu and %zu components do not fit",
                   height, width, channels, side, kept);
  if (x->size1 == 0)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "no images");
  if (x->size2 != numbers_of_image (&sizes))
    SB_ERROR_NULL (NULL, GSL_EBADLEN, "x is %zu x %zu, an image has %zu numbers", x->size1, x->size2,
                   numbers_of_image (&sizes));
  sb_patches *c = patches_alloc (&sizes);
  if (!c)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for patches");
  if (fit (c, x))
    {
      sb_patches_free (c);
      return NULL;
    }
  return c;
}

// ## There and back
//
// A row of latents is a matrix with a row per patch, so each image is one product with the basis.

typedef struct
{
  const sb_patches *c;
  const gsl_matrix *from;
  gsl_matrix *to;
} passage;

static void
encode_image (const sb_patches *c, const gsl_matrix *x, gsl_matrix *z, size_t row, gsl_matrix *q)
{
  gsl_matrix_view latents = gsl_matrix_view_array (gsl_matrix_ptr (z, row, 0), q->size1, c->kept);
  cut (c, x, row, q);
  sb_add_to_rows (-1, c->mean, q);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, q, c->basis, 0, &latents.matrix);
  for (size_t i = 0; i < q->size1; i++)
    {
      gsl_vector_view of_patch = gsl_matrix_row (&latents.matrix, i);
      gsl_vector_div (&of_patch.vector, c->deviation);
    }
}

static void
decode_image (const sb_patches *c, const gsl_matrix *latents, gsl_matrix *x, size_t row, gsl_matrix *scaled,
              gsl_matrix *q)
{
  for (size_t i = 0; i < q->size1; i++)
    for (size_t k = 0; k < c->kept; k++)
      gsl_matrix_set (scaled, i, k, gsl_matrix_get (latents, row, i * c->kept + k) * gsl_vector_get (c->deviation, k));
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, scaled, c->basis, 0, q);
  sb_add_to_rows (1, c->mean, q);
  paste (c, q, x, row);
}

static int
encode_rows (void *context, size_t shard, size_t first, size_t count)
{
  const passage *way = context;
  (void)shard;
  gsl_matrix *q = gsl_matrix_alloc (patches_of_image (way->c), numbers_of_patch (way->c));
  if (!q)
    return GSL_ENOMEM;
  for (size_t i = first; i < first + count; i++)
    encode_image (way->c, way->from, way->to, i, q);
  gsl_matrix_free (q);
  return GSL_SUCCESS;
}

static int
decode_rows (void *context, size_t shard, size_t first, size_t count)
{
  const passage *way = context;
  (void)shard;
  gsl_matrix *q = gsl_matrix_alloc (patches_of_image (way->c), numbers_of_patch (way->c)),
             *scaled = gsl_matrix_alloc (patches_of_image (way->c), way->c->kept);
  int status = q && scaled ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t i = first; i < first + count && !status; i++)
    decode_image (way->c, way->from, way->to, i, scaled, q);
  gsl_matrix_free (q);
  gsl_matrix_free (scaled);
  return status;
}

static int
pass (const sb_patches *c, const gsl_matrix *from, size_t length_from, gsl_matrix *to, size_t length_to,
      sb_shard_function rows)
{
  if (from->size1 != to->size1 || from->size2 != length_from || to->size2 != length_to)
    SB_ERROR (NULL, GSL_EBADLEN, "images and latents are %zu x %zu and %zu x %zu, not of %zu and %zu numbers",
              from->size1, from->size2, to->size1, to->size2, length_from, length_to);
  passage way = { c, from, to };
  return sb_shards (from->size1, SHARD, rows, &way);
}

int
sb_patches_encode (const sb_patches *patches, const gsl_matrix *x, gsl_matrix *z)
{
  return pass (patches, x, numbers_of_image (patches), z, sb_patches_latent (patches), encode_rows);
}

int
sb_patches_decode (const sb_patches *patches, const gsl_matrix *z, gsl_matrix *x)
{
  return pass (patches, z, sb_patches_latent (patches), x, numbers_of_image (patches), decode_rows);
}

// ## In a file
//
// The shapes of the tensors say what a patch is: the basis has the sizes kept, side, side, channels.

static void
to_floats (const gsl_matrix *x, float *numbers)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < x->size2; k++)
      numbers[i * x->size2 + k] = (float)gsl_matrix_get (x, i, k);
}

static int
add_numbers (const sb_patches *c, const char *of, float *numbers, sb_tensors *tensors)
{
  size_t p = numbers_of_patch (c);
  const size_t size[] = { c->kept, c->side, c->side, c->channels };
  gsl_matrix_const_view mean = gsl_matrix_const_view_vector (c->mean, 1, p),
                        deviation = gsl_matrix_const_view_vector (c->deviation, 1, c->kept);
  float *mean_to = numbers, *basis_to = mean_to + p, *deviation_to = basis_to + c->kept * p;
  to_floats (&mean.matrix, mean_to);
  to_floats (c->basis, basis_to);
  to_floats (&deviation.matrix, deviation_to);
  char image[64];
  snprintf (image, sizeof image, "%zux%zux%zu", c->channels, c->height, c->width);
  int status = sb_tensors_add (tensors, "mean", 3, size + 1, mean_to);
  if (!status)
    status = sb_tensors_add (tensors, "basis", 4, size, basis_to);
  if (!status)
    status = sb_tensors_add (tensors, "deviation", 1, size, deviation_to);
  if (!status)
    status = sb_tensors_note_add (tensors, "image", image);
  return status ? status : sb_tensors_note_add (tensors, "of", of);
}

int
sb_patches_write (const sb_patches *patches, const char *of, const char *path, sb_error *error)
{
  size_t p = numbers_of_patch (patches);
  sb_tensors *tensors = sb_tensors_alloc ();
  float *numbers = malloc ((p + patches->kept * (p + 1)) * sizeof *numbers);
  int status = tensors && numbers ? add_numbers (patches, of, numbers, tensors) : GSL_ENOMEM;
  status = status ? sb_error_report (error, __FILE__, __LINE__, status, "%s: no memory", path)
                  : sb_safetensors_write (tensors, path, error);
  sb_tensors_free (tensors);
  free (numbers);
  return status;
}

// ## Reading
//
// The file is not trusted: sizes must fit each other and deviations be positive. Single precision leaves the basis
// orthonormal to some $10^{-7}$. Gram and Schmidt's process makes it so again to the last digits of a double, so that
// decoding after encoding is a projection; directions that are further off are refused.

static const double ROUNDING = 1e-4; // of lengths and products: far more than single precision needs

static int
make_orthonormal (gsl_matrix *basis)
{
  for (size_t k = 0; k < basis->size1; k++)
    {
      gsl_vector_view b = gsl_matrix_row (basis, k);
      for (size_t l = 0; l < k; l++)
        {
          gsl_vector_const_view earlier = gsl_matrix_const_row (basis, l);
          double product;
          gsl_blas_ddot (&b.vector, &earlier.vector, &product);
          if (fabs (product) > ROUNDING)
            return 0;
          gsl_blas_daxpy (-product, &earlier.vector, &b.vector);
        }
      double length = gsl_blas_dnrm2 (&b.vector);
      if (fabs (length - 1) > ROUNDING)
        return 0;
      gsl_vector_scale (&b.vector, 1 / length);
    }
  return 1;
}

static int
sizes_from (const sb_tensors *tensors, const char *path, sb_patches *sizes, sb_error *error)
{
  const sb_tensor *mean = sb_tensors_find (tensors, "mean"), *basis = sb_tensors_find (tensors, "basis"),
                  *deviation = sb_tensors_find (tensors, "deviation");
  const char *image = sb_tensors_note_find (tensors, "image");
  char more;
  if (!mean || !basis || !deviation || !image)
    SB_ERROR (error, GSL_EINVAL,
              "%s: it holds no autoencoder of patches: tensors mean, basis and deviation, note image", path);
  if (strchr (image, '-')
      || sscanf (image, "%zux%zux%zu%c", &sizes->channels, &sizes->height, &sizes->width, &more) != 3)
    SB_ERROR (error, GSL_EINVAL, "%s: note image: '%s' is not channels x height x width", path, image);
  if (basis->rank != 4 || basis->size[1] != basis->size[2] || basis->size[3] != sizes->channels)
    SB_ERROR (error, GSL_EINVAL, "%s: basis: its sizes are not kept, side, side and the image's channels", path);
  sizes->kept = basis->size[0];
  sizes->side = basis->size[1];
  if (!sizes_fit (sizes))
    SB_ERROR (error, GSL_EINVAL, "%s: image, patch and number of components do not fit", path);
  if (mean->count != numbers_of_patch (sizes) || deviation->count != sizes->kept)
    SB_ERROR (error, GSL_EINVAL, "%s: its mean and deviation have not a patch's and a basis's numbers", path);
  return GSL_SUCCESS;
}

static sb_patches *
patches_from (const sb_tensors *tensors, const char *path, sb_error *error)
{
  sb_patches sizes = { 0 };
  if (sizes_from (tensors, path, &sizes, error))
    return NULL;
  const float *mean = sb_tensors_find (tensors, "mean")->data, *basis = sb_tensors_find (tensors, "basis")->data,
              *deviation = sb_tensors_find (tensors, "deviation")->data;
  for (size_t k = 0; k < sizes.kept; k++)
    if (!(deviation[k] > 0))
      SB_ERROR_NULL (error, GSL_EINVAL, "%s: deviation: number %zu is not positive", path, k);
  sb_patches *c = patches_alloc (&sizes);
  if (!c)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory for patches", path);
  size_t p = numbers_of_patch (c);
  for (size_t k = 0; k < p; k++)
    gsl_vector_set (c->mean, k, (double)mean[k]);
  for (size_t k = 0; k < c->kept; k++)
    gsl_vector_set (c->deviation, k, (double)deviation[k]);
  for (size_t k = 0; k < c->kept * p; k++)
    gsl_matrix_set (c->basis, k / p, k % p, (double)basis[k]);
  if (make_orthonormal (c->basis))
    return c;
  sb_patches_free (c);
  SB_ERROR_NULL (error, GSL_EINVAL, "%s: basis: its directions are not orthonormal", path);
}

sb_patches *
sb_patches_read (const char *path, sb_error *error)
{
  sb_tensors *tensors = sb_safetensors_read (path, error);
  if (!tensors)
    return NULL;
  sb_patches *patches = patches_from (tensors, path, error);
  sb_tensors_free (tensors);
  return patches;
}
