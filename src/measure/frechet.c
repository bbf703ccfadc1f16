// # The Fréchet distance
//
// Two sets of images are compared by a network's features: every image becomes a vector of $d$ features, each
// set is summarised by the mean $m$ and covariance $C$ of its features, and the distance is the one between the two
// Gaussians that have these moments (Heusel et al., 2017; the FID, where the network is Inception),
// $$ \mathrm{FD} = |m_1 - m_2|^2 + \operatorname{tr}\Bigl(C_1 + C_2 - 2\bigl(C_1^{1/2} C_2\, C_1^{1/2}\bigr)^{1/2}\Bigr). $$
// It is their squared 2-Wasserstein distance (Dowson and Landau, 1982) [soft.txt-w2gauss]. The paper's Tables 1 to 3
// are in this unit. [nonuniform.txt-ufid] Between images and reconstructions it is "Non-Uniform Diffusion Models"'
// UFID.

#include "frechet.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/frame.h"
#include "../operator/symmetric.h"
#include "sample_moments.h"

#include <float.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## Singular vectors
//
// By LAPACK, as eigenvectors are (operator/symmetric.c). It is given the least workspace it requires, which is enough
// for blocks: $4d^2 + 7d$ numbers, and here $d$ more for the singular values.

extern void dgesdd_ (const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
                     const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info,
                     size_t);

typedef struct
{
  double *work;
  int *iwork;
  int lwork;
} workspace;

static int
workspace_alloc (size_t d, workspace *w)
{
  w->lwork = (int)(4 * d * d + 8 * d);
  w->work = malloc ((size_t)w->lwork * sizeof *w->work);
  w->iwork = malloc (8 * d * sizeof *w->iwork);
  if (!w->work || !w->iwork)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory to decompose matrices in %zu dimensions", d);
  return GSL_SUCCESS;
}

static void
workspace_free (workspace *w)
{
  free (w->work);
  free (w->iwork);
}

// $M = U \Sigma V^T$. LAPACK reads $M^T = V \Sigma U^T$ and returns its left and right factors by columns: read by
// rows, the left one is $V^T$ and the right one is $U$. `m` is overwritten.

static int
singular_vectors (workspace *w, gsl_matrix *m, gsl_matrix *u, gsl_matrix *vt)
{
  int d = (int)m->size1, lwork = w->lwork - d, info;
  double *sigma = w->work + lwork;
  dgesdd_ ("A", &d, &d, m->data, &d, sigma, vt->data, &d, u->data, &d, w->work, &lwork, w->iwork, &info, 1);
  if (info != 0)
    SB_ERROR (NULL, GSL_EMAXITER, "singular vectors in %d dimensions do not converge", d);
  return GSL_SUCCESS;
}

// ## A square root
//
// From the eigenvalues $\lambda_k$ and eigenvectors $v_k$ of $C$ we take the root $R$ with rows
// $\sqrt{\lambda_k}\,v_k^T$, so that $R^T R = C$. Eigenvalues that are zero in truth, of features that never vary or of
// fewer images than features, come out of the decomposition as about $\pm d\,\epsilon\,\lambda_{\max}$, and the square
// root would blow that up to half the digits: below this they are set to zero. A clearly negative one means that the
// matrix is no covariance.

static const double ROUNDING = 1e-6; // of covariances that were kept as floats

static int
check_symmetric (const gsl_matrix *C, double *largest)
{
  double own = 0, skew = 0;
  for (size_t i = 0; i < C->size1; i++)
    for (size_t j = 0; j <= i; j++)
      {
        double lower = gsl_matrix_get (C, i, j), upper = gsl_matrix_get (C, j, i);
        if (!isfinite (lower) || !isfinite (upper))
          SB_ERROR (NULL, GSL_EDOM, "row %zu, column %zu of a covariance is %g, and %g the other way round", i, j,
                    lower, upper);
        own = fmax (own, fabs (lower));
        skew = fmax (skew, fabs (lower - upper));
      }
  if (skew > ROUNDING * own)
    SB_ERROR (NULL, GSL_EDOM, "a covariance is not symmetric: entries up to %g differ by %g", own, skew);
  *largest = fmax (*largest, own);
  return GSL_SUCCESS;
}

static int
square_root (const gsl_matrix *C, double scale, gsl_matrix *R, gsl_vector *lambda)
{
  size_t d = C->size1;
  gsl_matrix_memcpy (R, C);
  gsl_matrix_scale (R, scale);
  gsl_matrix_scale (R, scale);
  int status = sb_symmetric_eigen (R, lambda);
  if (status)
    return status;
  double largest = fmax (gsl_vector_get (lambda, d - 1), -gsl_vector_get (lambda, 0));
  if (gsl_vector_get (lambda, 0) < -ROUNDING * largest)
    SB_ERROR (NULL, GSL_EDOM, "a covariance has the negative eigenvalue %g", gsl_vector_get (lambda, 0));

  for (size_t k = 0; k < d; k++)
    {
      double lambda_k = gsl_vector_get (lambda, k);
      gsl_vector_view row = gsl_matrix_row (R, k);
      gsl_vector_scale (&row.vector, lambda_k > (double)d * DBL_EPSILON * largest ? sqrt (lambda_k) : 0);
    }
  return GSL_SUCCESS;
}

// ## The distance between covariances, as a sum of squares
//
// The printed formula subtracts numbers of the size of the variances to find one that may be far smaller, and takes a
// square root of eigenvalues that are small by cancellation. Both are avoided: the covariance part is also the least
// distance between roots (Bhatia, Jain and Lim, 2019),
// $$ \operatorname{tr}\Bigl(C_1 + C_2 - 2\bigl(C_1^{1/2} C_2\, C_1^{1/2}\bigr)^{1/2}\Bigr)
//    = \min_{Q^T Q = I} \bigl\| R_1 - Q R_2 \bigr\|_F^2, $$
// for any roots $R_1^T R_1 = C_1$, $R_2^T R_2 = C_2$: what is minimised is $\operatorname{tr} C_1 + \operatorname{tr}
// C_2 - 2 \operatorname{tr}(Q^T R_1 R_2^T)$, and with $R_1 R_2^T = U \Sigma V^T$ the last trace is largest,
// $\operatorname{tr} \Sigma$, at $Q = U V^T$. The $\sigma_k^2$ are the eigenvalues of $R_1 C_2 R_1^T$, which are those
// of $C_1^{1/2} C_2\, C_1^{1/2}$. `R2`, `u` and `vt` are scratch afterwards, `R1` holds the difference.

static int
distance_of_roots (workspace *w, gsl_matrix *R1, gsl_matrix *R2, gsl_matrix *m, gsl_matrix *u, gsl_matrix *vt,
                   double *distance)
{
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, R1, R2, 0, m);
  int status = singular_vectors (w, m, u, vt);
  if (status)
    return status;
  gsl_matrix *Q = m;
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, u, vt, 0, Q);
  gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, -1, Q, R2, 1, R1);
  *distance = 0;
  for (size_t k = 0; k < R1->size1; k++)
    {
      gsl_vector_view row = gsl_matrix_row (R1, k);
      double squares;
      gsl_blas_ddot (&row.vector, &row.vector, &squares);
      *distance += squares;
    }
  return GSL_SUCCESS;
}

// ## Together
//
// In units $2^e$ in which no deviation and no difference of the means is larger than 1, so that squares are in the
// range of doubles.

static int
exponent_of (const gsl_vector *m1, const gsl_matrix *C1, const gsl_vector *m2, const gsl_matrix *C2, int *exponent)
{
  double variance = 0, largest;
  int status = check_symmetric (C1, &variance);
  if (!status)
    status = check_symmetric (C2, &variance);
  if (status)
    return status;
  largest = sqrt (variance);
  for (size_t k = 0; k < m1->size; k++)
    {
      double difference = fabs (gsl_vector_get (m1, k) - gsl_vector_get (m2, k));
      if (!isfinite (difference))
        SB_ERROR (NULL, GSL_EDOM, "number %zu of the means is %g and %g", k, gsl_vector_get (m1, k),
                  gsl_vector_get (m2, k));
      largest = fmax (largest, difference);
    }
  *exponent = sb_frame_exponent (largest);
  return GSL_SUCCESS;
}

static double
distance_of_means (const gsl_vector *m1, const gsl_vector *m2, double scale)
{
  double sum = 0;
  for (size_t k = 0; k < m1->size; k++)
    sum += gsl_pow_2 (scale * (gsl_vector_get (m1, k) - gsl_vector_get (m2, k)));
  return sum;
}

enum
{
  MATRICES = 5 // R1, R2, their product, its singular vectors
};

static int
distance_of_covariances (const gsl_matrix *C1, const gsl_matrix *C2, double scale, double *distance)
{
  const size_t d = C1->size1;
  workspace w;
  gsl_matrix *scratch[MATRICES];
  gsl_vector *lambda = gsl_vector_alloc (d);
  int status = workspace_alloc (d, &w);
  for (size_t k = 0; k < MATRICES; k++)
    scratch[k] = gsl_matrix_alloc (d, d);
  if (!status && !(lambda && scratch[0] && scratch[1] && scratch[2] && scratch[3] && scratch[4]))
    status = GSL_ENOMEM;
  if (!status)
    status = square_root (C1, scale, scratch[0], lambda);
  if (!status)
    status = square_root (C2, scale, scratch[1], lambda);
  if (!status)
    status = distance_of_roots (&w, scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], distance);
  gsl_vector_free (lambda);
  for (size_t k = 0; k < MATRICES; k++)
    gsl_matrix_free (scratch[k]);
  workspace_free (&w);
  return status;
}

int
sb_frechet_gaussians (const gsl_vector *m1, const gsl_matrix *C1, const gsl_vector *m2, const gsl_matrix *C2,
                      double *distance)
{
  size_t d = m1->size;
  if (d == 0 || m2->size != d || C1->size1 != d || C1->size2 != d || C2->size1 != d || C2->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "means of %zu and %zu numbers, covariances of %zu x %zu and %zu x %zu", d, m2->size,
              C1->size1, C1->size2, C2->size1, C2->size2);
  if (d > SB_SYMMETRIC_LARGEST)
    SB_ERROR (NULL, GSL_EUNSUP, "%zu dimensions, more than %d", d, SB_SYMMETRIC_LARGEST);

  sb_frame units = { 0 };
  double unit, of_covariances = 0;
  int status = exponent_of (m1, C1, m2, C2, &units.exponent);
  if (!status)
    status = sb_frame_unit (&units, 2, &unit);
  const double scale = ldexp (1, -units.exponent);
  if (!status)
    status = distance_of_covariances (C1, C2, scale, &of_covariances);
  if (status)
    return status;
  double found = unit * (distance_of_means (m1, m2, scale) + of_covariances);
  if (!isfinite (found))
    SB_ERROR (NULL, GSL_EOVRFLW, "a squared Frechet distance is too large for a double");
  *distance = found;
  return GSL_SUCCESS;
}

// From features: their moments, in one frame.

static int
moments_in (const sb_frame *frame, const gsl_matrix *x, gsl_vector *mean, gsl_matrix *covariance)
{
  gsl_matrix *u = gsl_matrix_alloc (x->size1, x->size2);
  if (!u)
    return GSL_ENOMEM;
  sb_frame_rows (frame, x, 0, u);
  int status = sb_sample_moments (u, mean, covariance);
  gsl_matrix_free (u);
  return status;
}

static int
distance_in (const sb_frame *frame, const gsl_matrix *x1, const gsl_matrix *x2, double *distance)
{
  const size_t d = x1->size2;
  gsl_vector *m1 = gsl_vector_alloc (d), *m2 = gsl_vector_alloc (d);
  gsl_matrix *C1 = gsl_matrix_alloc (d, d), *C2 = gsl_matrix_alloc (d, d);
  int status = m1 && m2 && C1 && C2 ? moments_in (frame, x1, m1, C1) : GSL_ENOMEM;
  if (!status)
    status = moments_in (frame, x2, m2, C2);
  if (!status)
    status = sb_frechet_gaussians (m1, C1, m2, C2, distance);
  gsl_vector_free (m1);
  gsl_vector_free (m2);
  gsl_matrix_free (C1);
  gsl_matrix_free (C2);
  return status;
}

int
sb_frechet (const gsl_matrix *x1, const gsl_matrix *x2, double *distance)
{
  sb_frame frame;
  double unit, found = 0;
  int status = sb_frame_of (x1, x2, &frame);
  if (status)
    return status;
  status = sb_frame_unit (&frame, 2, &unit);
  if (!status)
    status = distance_in (&frame, x1, x2, &found);
  sb_frame_free (&frame);
  if (!status && !isfinite (unit * found))
    SB_ERROR (NULL, GSL_EOVRFLW, "a squared Frechet distance is too large for a double");
  *distance = status ? *distance : unit * found;
  return status;
}

// ## Pairs
//
// [nonuniform.txt-jfid] Reconstructions may have the law of the images and still have nothing to do with what was
// observed. Only the joint law of both shows it: JFID is the distance between $p(\hat{\mathbf x}, \mathbf y)$ and
// $p(\mathbf x, \mathbf y)$. The paper does not say how a pair is given to a network; here the features of its two
// parts stand side by side, $(\phi(\mathbf x), \phi(\mathbf y))$. A plan that moves pairs moves their first parts no
// farther: JFID is never less than UFID.

static gsl_matrix *
side_by_side (const gsl_matrix *x, const gsl_matrix *y)
{
  if (sb_check_lengths ("pairs", x->size1, x->size2, 1) || sb_check_lengths ("pairs", y->size1, y->size2, 1))
    return NULL;
  gsl_matrix *joint = gsl_matrix_alloc (x->size1, x->size2 + y->size2);
  for (size_t i = 0; joint && i < x->size1; i++)
    {
      gsl_vector_const_view of_x = gsl_matrix_const_row (x, i), of_y = gsl_matrix_const_row (y, i);
      gsl_vector_view first = gsl_matrix_subrow (joint, i, 0, x->size2),
                      second = gsl_matrix_subrow (joint, i, x->size2, y->size2);
      gsl_vector_memcpy (&first.vector, &of_x.vector);
      gsl_vector_memcpy (&second.vector, &of_y.vector);
    }
  return joint;
}

int
sb_frechet_joint (const gsl_matrix *x1, const gsl_matrix *y1, const gsl_matrix *x2, const gsl_matrix *y2,
                  double *distance)
{
  if (x1->size1 != y1->size1 || x2->size1 != y2->size1 || x1->size2 != x2->size2 || y1->size2 != y2->size2
      || x1->size2 == 0 || y1->size2 == 0)
    SB_ERROR (NULL, GSL_EBADLEN, "pairs of %zu x %zu and %zu x %zu numbers, and of %zu x %zu and %zu x %zu", x1->size1,
              x1->size2, y1->size1, y1->size2, x2->size1, x2->size2, y2->size1, y2->size2);
  gsl_matrix *first = side_by_side (x1, y1), *second = side_by_side (x2, y2);
  const int status = first && second ? sb_frechet (first, second, distance) : GSL_ENOMEM;
  gsl_matrix_free (first);
  gsl_matrix_free (second);
  return status;
}
