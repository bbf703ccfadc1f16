// # The moments of a sample, and a file that keeps them
//
// A Fréchet distance needs only the mean and the covariance of a data set's features. Those of 60,000
// images and 64 features are 16 kB, where the images are 47 MB. Stored in single precision, each number of a
// covariance $C$ moves by at most $2^{-24}$ of itself, and the distance by about $2^{-24}\,\mathrm{tr}\,C$: far below
// what a sample of any practical size can resolve.

#include "sample_moments.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/frame.h"
#include "../dataset/safetensors.h"
#include "../operator/symmetric.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ## Mean and covariance
//
// Two passes, the mean first: $\frac{1}{n-1}\sum_i (x_i - m)(x_i - m)^T$ keeps its digits where the mean is large
// beside the spread. Both are of the points about a centre and in units of their spread (base/frame.c). The rows are
// taken block by block, and a block's sum is one symmetric rank-$k$ update.

enum
{
  BLOCK = 512
};

static gsl_matrix
block_of (const sb_frame *frame, const gsl_matrix *x, size_t first, gsl_matrix *scratch)
{
  const size_t rows = x->size1 - first < BLOCK ? x->size1 - first : BLOCK;
  gsl_matrix block = gsl_matrix_submatrix (scratch, 0, 0, rows, x->size2).matrix;
  sb_frame_rows (frame, x, first, &block);
  return block;
}

static void
take_moments (const sb_frame *frame, const gsl_matrix *x, gsl_matrix *scratch, gsl_vector *mean, gsl_matrix *covariance)
{
  gsl_vector_set_zero (mean);
  for (size_t first = 0; first < x->size1; first += BLOCK)
    {
      gsl_matrix block = block_of (frame, x, first, scratch);
      for (size_t i = 0; i < block.size1; i++)
        {
          gsl_vector_const_view row = gsl_matrix_const_row (&block, i);
          gsl_vector_add (mean, &row.vector);
        }
    }
  gsl_vector_scale (mean, 1.0 / (double)x->size1);
  gsl_matrix_set_zero (covariance);
  for (size_t first = 0; first < x->size1; first += BLOCK)
    {
      gsl_matrix block = block_of (frame, x, first, scratch);
      for (size_t i = 0; i < block.size1; i++)
        {
          gsl_vector_view row = gsl_matrix_row (&block, i);
          gsl_vector_sub (&row.vector, mean);
        }
      gsl_blas_dsyrk (CblasLower, CblasTrans, 1, &block, 1, covariance);
    }
  gsl_matrix_scale (covariance, 1.0 / (double)(x->size1 - 1));
  sb_symmetric_mirror (covariance);
}

// In the frame no variance is above $n/(n - 1) \le 2$, so that it is a double wherever the unit's square is.

static int
to_units (const sb_frame *frame, gsl_vector *mean, gsl_matrix *covariance)
{
  double square;
  const int status = sb_frame_unit (frame, 2, &square);
  if (status)
    return status;
  gsl_matrix_scale (covariance, square);
  gsl_vector_scale (mean, ldexp (1, frame->exponent));
  gsl_vector_add (mean, frame->centre);
  return GSL_SUCCESS;
}

int
sb_sample_moments (const gsl_matrix *x, gsl_vector *mean, gsl_matrix *covariance)
{
  size_t n = x->size1, d = x->size2;
  if (d == 0 || mean->size != d || covariance->size1 != d || covariance->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, its mean has %zu numbers, its covariance %zu x %zu", n, d, mean->size,
              covariance->size1, covariance->size2);
  if (n < 2)
    SB_ERROR (NULL, GSL_EINVAL, "a covariance needs at least two rows, not %zu", n);
  sb_frame frame;
  int status = sb_frame_of (x, NULL, &frame);
  if (status)
    return status;
  gsl_matrix *scratch = gsl_matrix_alloc (n < BLOCK ? n : BLOCK, d);
  if (scratch)
    {
      take_moments (&frame, x, scratch, mean, covariance);
      status = to_units (&frame, mean, covariance);
    }
  gsl_matrix_free (scratch);
  sb_frame_free (&frame);
  return scratch ? status : GSL_ENOMEM;
}

// ## For a file

void
sb_moments_file_free (sb_moments_file *moments)
{
  if (!moments)
    return;
  free (moments->of);
  gsl_vector_free (moments->mean);
  gsl_matrix_free (moments->covariance);
  free (moments);
}

static sb_moments_file *
moments_alloc (size_t d, const char *of)
{
  sb_moments_file *moments = sb_check_lengths ("a covariance", d, d, 1) ? NULL : calloc (1, sizeof *moments);
  if (!moments)
    return NULL;
  moments->of = strdup (of);
  moments->mean = gsl_vector_alloc (d);
  moments->covariance = gsl_matrix_alloc (d, d);
  if (moments->of && moments->mean && moments->covariance)
    return moments;
  sb_moments_file_free (moments);
  return NULL;
}

sb_moments_file *
sb_moments_file_of (const gsl_matrix *x, const char *of)
{
  sb_moments_file *moments = moments_alloc (x->size2, of);
  if (!moments)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for the moments of %zu numbers", x->size2);
  moments->count = x->size1;
  if (sb_sample_moments (x, moments->mean, moments->covariance))
    {
      sb_moments_file_free (moments);
      return NULL;
    }
  return moments;
}

// ## Writing

// A mean may be large beside the spread: what rounding to a float leaves of it is stored in a second float.

static int
add_numbers (const sb_moments_file *m, float *numbers, sb_tensors *tensors)
{
  size_t d = m->mean->size;
  float *rest = numbers + d + d * d;
  for (size_t k = 0; k < d; k++)
    {
      numbers[k] = (float)gsl_vector_get (m->mean, k);
      rest[k] = (float)(gsl_vector_get (m->mean, k) - (double)numbers[k]);
    }
  for (size_t k = 0; k < d * d; k++)
    numbers[d + k] = (float)gsl_matrix_get (m->covariance, k / d, k % d);
  char count[32];
  snprintf (count, sizeof count, "%zu", m->count);
  int status = sb_tensors_add (tensors, "mean", 1, (size_t[]){ d }, numbers);
  if (!status)
    status = sb_tensors_add (tensors, "covariance", 2, (size_t[]){ d, d }, numbers + d);
  if (!status)
    status = sb_tensors_add (tensors, "mean_rest", 1, (size_t[]){ d }, rest);
  if (!status)
    status = sb_tensors_note_add (tensors, "of", m->of);
  return status ? status : sb_tensors_note_add (tensors, "count", count);
}

int
sb_moments_file_write (const sb_moments_file *moments, const char *path, sb_error *error)
{
  size_t d = moments->mean->size;
  double largest = gsl_matrix_max (moments->covariance); // a variance
  if (0 < largest && largest < (double)FLT_MIN / (double)FLT_EPSILON)
    SB_ERROR (error, GSL_EUNDRFLW, "%s: variances up to %g are too small for single precision", path, largest);
  sb_tensors *tensors = sb_tensors_alloc ();
  float *numbers = malloc ((2 * d + d * d) * sizeof *numbers);
  int status = tensors && numbers ? add_numbers (moments, numbers, tensors) : GSL_ENOMEM;
  status = status ? sb_error_report (error, __FILE__, __LINE__, status, "%s: no memory", path)
                  : sb_safetensors_write (tensors, path, error);
  sb_tensors_free (tensors);
  free (numbers);
  return status;
}

// ## Reading
//
// The file is not trusted: shapes must fit each other, and the covariance be symmetric to the bit, as it was written.
// Whether it is positive semidefinite is checked by the Fréchet distance.

static int
is_symmetric (size_t d, const float *C)
{
  for (size_t k = 0; k < d; k++)
    for (size_t l = 0; l < k; l++)
      if (!(C[k * d + l] == C[l * d + k]))
        return 0;
  return 1;
}

static sb_moments_file *
moments_from (const sb_tensors *tensors, const char *path, sb_error *error)
{
  const sb_tensor *mean = sb_tensors_find (tensors, "mean"), *covariance = sb_tensors_find (tensors, "covariance"),
                  *rest = sb_tensors_find (tensors, "mean_rest"); // older files have none
  const char *of = sb_tensors_note_find (tensors, "of"), *said = sb_tensors_note_find (tensors, "count");
  size_t count;
  char more;
  if (!mean || !covariance || !of || !said)
    SB_ERROR_NULL (error, GSL_EINVAL, "%s: it holds no moments: tensors mean and covariance, notes of and count", path);
  if (said[0] == '-' || sscanf (said, "%zu%c", &count, &more) != 1 || count < 2)
    SB_ERROR_NULL (error, GSL_EINVAL, "%s: note count: '%s' is not a number of at least 2", path, said);
  size_t d = mean->count;
  if (mean->rank != 1 || d == 0 || (rest && rest->count != d) || covariance->rank != 2 || covariance->size[0] != d
      || covariance->size[1] != d)
    SB_ERROR_NULL (error, GSL_EINVAL, "%s: its mean and covariance are not of d and d x d numbers", path);
  if (!is_symmetric (d, covariance->data))
    SB_ERROR_NULL (error, GSL_EINVAL, "%s: its covariance is not symmetric", path);

  sb_moments_file *m = moments_alloc (d, of);
  if (!m)
    SB_ERROR_NULL (error, GSL_ENOMEM, "%s: no memory for moments", path);
  m->count = count;
  for (size_t k = 0; k < d; k++)
    gsl_vector_set (m->mean, k, (double)mean->data[k] + (rest ? (double)rest->data[k] : 0));
  for (size_t k = 0; k < d * d; k++)
    gsl_matrix_set (m->covariance, k / d, k % d, (double)covariance->data[k]);
  return m;
}

sb_moments_file *
sb_moments_file_read (const char *path, sb_error *error)
{
  sb_tensors *tensors = sb_safetensors_read (path, error);
  if (!tensors)
    return NULL;
  sb_moments_file *moments = moments_from (tensors, path, error);
  sb_tensors_free (tensors);
  return moments;
}
