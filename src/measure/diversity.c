// # Diversity
//
// [nonuniform.txt-diversity] An observation that leaves much open has many reconstructions, and a sampler should find
// them. Of each observation it draws $m$, five in the paper, $\hat{\mathbf x}_1, \dots, \hat{\mathbf x}_m$; their
// diversity is the mean over the $d$ pixels of a standard deviation,
// $$ \frac1d \sum_{j=1}^d \sqrt{\frac1{m-1} \sum_{i=1}^m (\hat x_{ij} - \bar x_j)^2}, \qquad
//    \bar x_j = \frac1m \sum_{i=1}^m \hat x_{ij} , $$
// and then the mean over the observations. The paper does not say whether it divides by $m - 1$ or by $m$. Whichever, a
// root of a mean is less than the mean's root: of five normal numbers of deviation $s$ the first has the expectation
// $c_4(5)\,s = .94\,s$, the second $.84\,s$.

#include "diversity.h"

#include "../base/checks.h"
#include "../base/error.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

// Differences from the first of the group lose no digits where all have much in common. Their length is found without
// squares that leave the range of doubles.

static double
deviation (const gsl_matrix *x, size_t first, size_t j, gsl_vector *difference)
{
  const size_t m = difference->size;
  double mean = 0;
  for (size_t i = 0; i < m; i++)
    {
      gsl_vector_set (difference, i, gsl_matrix_get (x, first + i, j) - gsl_matrix_get (x, first, j));
      mean += gsl_vector_get (difference, i) / (double)m;
    }
  gsl_vector_add_constant (difference, -mean);
  return gsl_blas_dnrm2 (difference) / sqrt ((double)(m - 1));
}

static int
deviations (const gsl_matrix *x, gsl_vector *difference, gsl_vector *each, double *mean)
{
  const size_t m = difference->size, groups = x->size1 / m;
  double all = 0;
  for (size_t g = 0; g < groups; g++)
    {
      double sum = 0;
      for (size_t j = 0; j < x->size2; j++)
        sum += deviation (x, g * m, j, difference) / (double)x->size2;
      if (!gsl_finite (sum))
        SB_ERROR (NULL, GSL_EOVRFLW, "diversity: a deviation in group %zu is too large for a double", g);
      if (each)
        gsl_vector_set (each, g, sum);
      all += sum / (double)groups;
    }
  if (mean)
    *mean = all;
  return GSL_SUCCESS;
}

int
sb_diversity (const gsl_matrix *x, size_t m, gsl_vector *each, double *mean)
{
  if (m < 2)
    SB_ERROR (NULL, GSL_EINVAL, "diversity of groups of %zu: two differ, or more", m);
  if (x->size1 == 0 || x->size2 == 0 || x->size1 % m != 0)
    SB_ERROR (NULL, GSL_EBADLEN, "diversity: %zu x %zu numbers are no groups of %zu rows", x->size1, x->size2, m);
  if (each && each->size != x->size1 / m)
    SB_ERROR (NULL, GSL_EBADLEN, "diversity: a result of %zu numbers for %zu groups", each->size, x->size1 / m);
  int status = sb_check_finite ("x", GSL_EDOM, x);
  if (status)
    return status;
  gsl_vector *difference = gsl_vector_alloc (m);
  status = difference ? deviations (x, difference, each, mean) : GSL_ENOMEM;
  gsl_vector_free (difference);
  return status;
}
