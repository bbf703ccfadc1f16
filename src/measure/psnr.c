// # The peak signal-to-noise ratio
//
// [nonuniform.txt-psnr] Of an image $\mathbf x$ and another $\hat{\mathbf x}$ of $d$ numbers, in decibels,
// $$ 10 \log_{10} \frac{L^2}{\frac1d |\mathbf x - \hat{\mathbf x}|^2}
//    = -20 \log_{10} \frac{|\mathbf x - \hat{\mathbf x}|}{L \sqrt d} , $$
// where $L$ is the range of the data. The paper names neither $L$ nor the mean: here it is that of the images' ratios,
// not the ratio of their mean error, so that each image counts the same.
//
// [nonuniform.txt-consistency] Between an observation $\mathbf y = A\mathbf x$ and the $A\hat{\mathbf x}$ of a
// reconstruction it measures how consistent the reconstruction is.

#include "psnr.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

static int
check_pair (const gsl_matrix *x, const gsl_matrix *y, double range, const gsl_vector *each)
{
  if (x->size1 != y->size1 || x->size2 != y->size2 || x->size1 == 0 || x->size2 == 0)
    SB_ERROR (NULL, GSL_EBADLEN, "PSNR of %zu x %zu numbers and %zu x %zu", x->size1, x->size2, y->size1, y->size2);
  if (each && each->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "PSNR: a result of %zu numbers for %zu images", each->size, x->size1);
  if (!(range > 0 && gsl_finite (range)))
    SB_ERROR (NULL, GSL_EINVAL, "PSNR: a range of %g is not above 0", range);
  const int status = sb_check_finite ("x", GSL_EDOM, x);
  return status ? status : sb_check_finite ("y", GSL_EDOM, y);
}

static int
ratios (const gsl_matrix *x, const gsl_matrix *y, double range, gsl_vector *difference, gsl_vector *each, double *mean)
{
  double sum = 0;
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view of_x = gsl_matrix_const_row (x, i), of_y = gsl_matrix_const_row (y, i);
      gsl_vector_memcpy (difference, &of_x.vector);
      gsl_vector_sub (difference, &of_y.vector);
      const double length = gsl_blas_dnrm2 (difference);
      if (!gsl_finite (length))
        SB_ERROR (NULL, GSL_EOVRFLW, "PSNR: the difference of images %zu is too large for a double", i);
      const double ratio = -20 * log10 (length / range / sqrt ((double)x->size2));
      if (each)
        gsl_vector_set (each, i, ratio);
      sum += ratio;
    }
  if (mean)
    *mean = sum / (double)x->size1;
  return GSL_SUCCESS;
}

int
sb_psnr (const gsl_matrix *x, const gsl_matrix *y, double range, gsl_vector *each, double *mean)
{
  int status = check_pair (x, y, range, each);
  if (status)
    return status;
  gsl_vector *difference = gsl_vector_alloc (x->size2);
  status = difference ? ratios (x, y, range, difference, each, mean) : GSL_ENOMEM;
  gsl_vector_free (difference);
  return status;
}
