// # A Gaussian prior with few wide directions
//
// Even a wide blur leaves some of the data. The paper models that as one colour, drawn from a Gaussian that was fitted
// to the average colours of the data, and noise. [soft.set-finaldist] With zeros beyond the edge a blurred constant is
// not constant: at 64 pixels and $\varsigma = 23$ a 1 becomes .256 in the corner and .699 in the centre. A mean image
// and the few directions in which blurred images vary describe it. Both priors are
// $$ \mathbf{x} = \mathbf{m} + U^\top\mathbf{w} + \sigma\mathbf{z} \sim
//    \mathcal{N}(\mathbf{m},\; U^\top U + \sigma^2\,\mathbf{I}) . $$

#include "gaussian_prior.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/rows.h"
#include "../operator/symmetric.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>

// ## Making and releasing

void
sb_gaussian_prior_free (sb_gaussian_prior *prior)
{
  gsl_vector_free (prior->mean);
  gsl_matrix_free (prior->U);
  *prior = (sb_gaussian_prior){ NULL, NULL };
}

static int
prior_alloc (size_t d, size_t r, sb_gaussian_prior *prior)
{
  *prior = (sb_gaussian_prior){ gsl_vector_calloc (d), gsl_matrix_calloc (r, d) };
  if (prior->mean && prior->U)
    return GSL_SUCCESS;
  sb_gaussian_prior_free (prior);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for a prior of %zu directions in %zu dimensions", r, d);
}

int
sb_gaussian_prior_copy (size_t d, const gsl_vector *mean, const gsl_matrix *U, sb_gaussian_prior *prior)
{
  if ((mean && mean->size != d) || (U && U->size2 != d))
    SB_ERROR (NULL, GSL_EBADLEN, "a prior's mean has %zu numbers and its directions %zu, not %zu",
              mean ? mean->size : d, U ? U->size2 : d, d);
  int status = prior_alloc (d, U ? U->size1 : 1, prior);
  if (status)
    return status;
  if (mean)
    gsl_vector_memcpy (prior->mean, mean);
  if (U)
    gsl_matrix_memcpy (prior->U, U);
  status = sb_check_finite_numbers ("a prior's mean", GSL_EDOM, prior->mean->data, d);
  if (!status)
    status = sb_check_finite ("a prior's directions", GSL_EDOM, prior->U);
  if (status)
    sb_gaussian_prior_free (prior);
  return status;
}

// ## A draw
//
// Numbers 0 to $d - 1$ of a row's stream are $\mathbf z$, those after it $\mathbf w$.

int
sb_gaussian_prior_draw (const sb_gaussian_prior *prior, double sigma, sb_stream stream, gsl_matrix *x)
{
  gsl_matrix *w = gsl_matrix_alloc (x->size1, prior->U->size1);
  int status = w ? sb_stream_normals (stream, 0, x) : GSL_ENOMEM;
  if (!status)
    status = sb_stream_normals (stream, x->size2, w);
  if (!status)
    status = gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, w, prior->U, sigma, x);
  if (!status)
    sb_add_to_rows (1, prior->mean, x);
  gsl_matrix_free (w);
  return status;
}

// ## Its density
//
// With $M = \sigma^2\mathbf{I} + UU^\top$, which is small, and $\mathbf{y} = \mathbf{x} - \mathbf{m}$,
// $$ \mathbf{y}^\top(U^\top U + \sigma^2\mathbf{I})^{-1}\mathbf{y} = \frac{\mathbf{y}^\top\mathbf{y} -
//    (U\mathbf{y})^\top M^{-1}(U\mathbf{y})}{\sigma^2}, \qquad
//    \log\det(U^\top U + \sigma^2\mathbf{I}) = (d - r)\log\sigma^2 + \log\det M . $$

static int
factor_small (const gsl_matrix *U, double sigma, gsl_matrix *M, double *log_det)
{
  gsl_matrix_set_identity (M);
  int status = gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, U, U, sigma * sigma, M);
  if (!status)
    status = gsl_linalg_cholesky_decomp1 (M);
  for (size_t k = 0; k < M->size1 && !status; k++)
    *log_det += 2 * log (gsl_matrix_get (M, k, k));
  return status;
}

static double
square_of (const gsl_matrix *U, const gsl_matrix *M, double sigma, const gsl_vector *y, gsl_vector *Uy)
{
  double all, taken;
  gsl_blas_ddot (y, y, &all);
  gsl_blas_dgemv (CblasNoTrans, 1, U, y, 0, Uy);
  gsl_blas_dtrsv (CblasLower, CblasNoTrans, CblasNonUnit, M, Uy);
  gsl_blas_ddot (Uy, Uy, &taken);
  return (all - taken) / (sigma * sigma);
}

int
sb_gaussian_prior_log_density (const sb_gaussian_prior *prior, double sigma, const gsl_matrix *x, gsl_vector *log_prior)
{
  const size_t d = x->size2, r = prior->U->size1;
  double log_det = 2 * ((double)d - (double)r) * log (sigma);
  gsl_vector *y = gsl_vector_alloc (d), *Uy = gsl_vector_alloc (r);
  gsl_matrix *M = gsl_matrix_alloc (r, r);
  int status = y && Uy && M ? factor_small (prior->U, sigma, M, &log_det) : GSL_ENOMEM;
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      gsl_matrix_get_row (y, x, i);
      gsl_vector_sub (y, prior->mean);
      gsl_vector_set (log_prior, i,
                      -0.5 * (square_of (prior->U, M, sigma, y, Uy) + log_det + (double)d * log (2 * M_PI)));
    }
  gsl_vector_free (y);
  gsl_vector_free (Uy);
  gsl_matrix_free (M);
  return status;
}

// ## The paper's: a colour
//
// Mean and variance over the images of each channel's average, the channels independent.

static double
average (const gsl_matrix *x, size_t i, size_t channels, size_t channel)
{
  double sum = 0;
  for (size_t j = channel; j < x->size2; j += channels)
    sum += gsl_matrix_get (x, i, j);
  return sum / (double)(x->size2 / channels);
}

static void
find_colour (const gsl_matrix *x, size_t channels, size_t channel, double *mean, double *sd)
{
  double square = 0;
  *mean = 0;
  for (size_t i = 0; i < x->size1; i++)
    *mean += average (x, i, channels, channel) / (double)x->size1;
  for (size_t i = 0; i < x->size1; i++)
    square += gsl_pow_2 (average (x, i, channels, channel) - *mean);
  *sd = sqrt (square / (double)(x->size1 - 1));
}

int
sb_gaussian_prior_of_colours (size_t channels, const gsl_matrix *x, sb_gaussian_prior *prior)
{
  if (channels == 0 || x->size2 % channels)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu numbers are no pixels of %zu channels", x->size2, channels);
  int status = prior_alloc (x->size2, channels, prior);
  for (size_t k = 0; k < channels && !status; k++)
    {
      double mean, sd;
      find_colour (x, channels, k, &mean, &sd);
      for (size_t j = k; j < x->size2; j += channels)
        {
          gsl_vector_set (prior->mean, j, mean);
          gsl_matrix_set (prior->U, k, j, sd);
        }
    }
  return status;
}

// ## Fitted to the images
//
// The principal directions of the centred rows $Y$, from the small matrix $YY^\top$: where $YY^\top\mathbf{v} =
// \lambda\mathbf{v}$ the direction is $Y^\top\mathbf{v}/\sqrt{n-1}$, its length the standard deviation in it.

static int
find_widest (const gsl_matrix *Y, gsl_matrix *U)
{
  const size_t n = Y->size1;
  gsl_matrix *G = gsl_matrix_alloc (n, n);
  gsl_vector *lambda = gsl_vector_alloc (n);
  int status = G && lambda ? gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, Y, Y, 0, G) : GSL_ENOMEM;
  if (!status)
    status = sb_symmetric_eigen (G, lambda);
  for (size_t k = 0; k < U->size1 && !status; k++)
    {
      gsl_vector_const_view v = gsl_matrix_const_row (G, n - 1 - k);
      gsl_vector_view u = gsl_matrix_row (U, k);
      status = gsl_blas_dgemv (CblasTrans, 1 / sqrt ((double)(n - 1)), Y, &v.vector, 0, &u.vector);
    }
  gsl_matrix_free (G);
  gsl_vector_free (lambda);
  return status;
}

int
sb_gaussian_prior_fit (size_t rank, gsl_matrix *x, sb_gaussian_prior *prior)
{
  if (rank == 0 || rank >= x->size1)
    SB_ERROR (NULL, GSL_EINVAL, "%zu points do not vary in %zu directions", x->size1, rank);
  int status = prior_alloc (x->size2, rank, prior);
  if (status)
    return status;
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (x, i);
      gsl_blas_daxpy (1 / (double)x->size1, &row.vector, prior->mean);
    }
  sb_add_to_rows (-1, prior->mean, x);
  status = find_widest (x, prior->U);
  if (status)
    sb_gaussian_prior_free (prior);
  return status;
}
