// # Imputation
//
// Of $\mathbf x(0)$ the coordinates $\Omega(\mathbf x(0)) = \mathbf y$ are known, and the others are wanted.
// [scoresde.txt-imputation-def] Where the drift works coordinate by coordinate and $\mathbf G$ is diagonal, the unknown
// ones, $\mathbf z(t) = \bar\Omega(\mathbf x(t))$, have an SDE of their own, $d\mathbf z = \mathbf
// f_{\bar\Omega}(\mathbf z, t)\,dt + \mathbf G_{\bar\Omega}(\mathbf z, t)\,d\mathbf w$, [scoresde.txt-impute-sde] whose
// reverse needs the score of $\mathbf z(t)$ given $\mathbf y$. [scoresde.txt-impute-reverse] The paper takes for it the
// score of the whole, [scoresde.txt-impute-score]
// $$ \nabla_{\mathbf z}\log p_t(\mathbf z(t) \mid \Omega(\mathbf x(0)) = \mathbf y) \approx
//    \nabla_{\mathbf z}\log p_t\bigl([\mathbf z(t);\, \hat\Omega(\mathbf x(t))]\bigr), \qquad
//    \hat\Omega(\mathbf x(t)) \sim p_t(\Omega(\mathbf x(t)) \mid \Omega(\mathbf x(0)) = \mathbf y), $$
// with the known coordinates as the forward process would have left them. So it is enough to set these before each
// step.
//
// That is an approximation even with an exact score: the unknown coordinates were drawn given a different noising of
// the known ones from this step's. Of two coordinates of correlation $\rho$ and unit variance, under VE with a large
// $\sigma_{\max}$ and ever smaller steps, predictors alone end at the mean $y(1 - \sqrt{1-\rho^2})/\rho$ and the
// variance $(1-\rho^2)\operatorname{artanh}(\rho)/\rho$ in place of $\rho y$ and $1 - \rho^2$: at $\rho = 0.5$, 0.268
// and 0.824 for 0.5 and 0.75. A corrector at each time removes nearly all of the error. [scoresde.txt-impute-approx]

#include "known.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>

static int
check (const sb_known *known, const sb_process *process, const gsl_matrix *x)
{
  const size_t d = process->dimension;
  const sb_operator *B = known->basis;
  if (process->parts == 0 || ((process->basis || B) && process->parts > 1))
    SB_ERROR (NULL, GSL_EUNSUP, "the process %s mixes coordinates: some cannot be known and others not",
              process->type->name);
  if (x->size2 != d || known->mask->size != d || known->y->size1 != x->size1 || known->y->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, its known values %zu x %zu, the mask %zu", x->size1, x->size2,
              known->y->size1, known->y->size2, known->mask->size);
  if (B && (B->rows != d || B->columns != d))
    SB_ERROR (NULL, GSL_EBADLEN, "the basis is %zu x %zu, x has %zu columns", B->rows, B->columns, d);
  if (B && (!B->type->orthonormal || B->type->has_level))
    SB_ERROR (NULL, GSL_EINVAL, "operator %s: a basis must be orthonormal and have no levels", B->type->name);
  for (size_t j = 0; j < d; j++)
    if (gsl_vector_get (known->mask, j) != 0 && gsl_vector_get (known->mask, j) != 1)
      SB_ERROR (NULL, GSL_EDOM, "number %zu of a mask is %g, neither 0 nor 1", j, gsl_vector_get (known->mask, j));
  return GSL_SUCCESS;
}

static int
impute_rows (const sb_known *known, const sb_process *process, const double *a, const double *sd, const gsl_matrix *z,
             gsl_matrix *x)
{
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      {
        const size_t k = sb_process_part (process, j);
        const double y = gsl_matrix_get (known->y, i, j);
        if (gsl_vector_get (known->mask, j) == 0)
          continue;
        if (!gsl_finite (y))
          SB_ERROR (NULL, GSL_EDOM, "row %zu, column %zu of what is known is %g", i, j, y);
        gsl_matrix_set (x, i, j, sd[k] == 0 ? a[k] * y : a[k] * y + sd[k] * gsl_matrix_get (z, i, j));
      }
  return GSL_SUCCESS;
}

// In another orthonormal basis the noise of a process of one part has the same law: the known coordinates are set
// there. [scoresde.txt-color-wiener]

static int
impute_in_basis (const sb_known *known, const sb_process *process, const double *a, const double *sd,
                 const gsl_matrix *z, gsl_matrix *x)
{
  gsl_matrix *Bx = gsl_matrix_alloc (x->size1, x->size2);
  if (!Bx)
    return GSL_ENOMEM;
  int status = sb_operator_apply (known->basis, CblasNoTrans, NULL, x, Bx);
  if (!status)
    status = impute_rows (known, process, a, sd, z, Bx);
  if (!status)
    status = sb_operator_apply (known->basis, CblasTrans, NULL, Bx, x);
  gsl_matrix_free (Bx);
  return status;
}

int
sb_known_impute (const sb_known *known, const sb_process *process, sb_stream stream, size_t count, double t,
                 gsl_matrix *x)
{
  int status = check (known, process, x);
  if (status || x->size1 == 0)
    return status;
  gsl_vector *a = gsl_vector_alloc (process->parts), *sd = gsl_vector_alloc (process->parts);
  gsl_matrix *z = gsl_matrix_alloc (x->size1, x->size2);
  stream.purpose = SB_FOR_KNOWN;
  status = a && sd && z ? sb_process_numbers (process, SB_A, 0, t, a->data) : GSL_ENOMEM;
  if (!status)
    status = sb_process_numbers (process, SB_S, 0, t, sd->data);
  if (!status && t > 0)
    status = sb_stream_normals (stream, known->one_path ? 0 : (uint64_t)count * x->size2, z);
  if (!status)
    status = (known->basis ? impute_in_basis : impute_rows) (known, process, a->data, sd->data, z, x);
  gsl_vector_free (a);
  gsl_vector_free (sd);
  gsl_matrix_free (z);
  return status;
}
