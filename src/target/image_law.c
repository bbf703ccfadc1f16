// # The law of what an operator makes of a point
//
// Of $\mathbf x \sim \sum_k w_k\,\mathcal N(\boldsymbol\mu_k, \mathbf C_k)$ a linear map makes
// $$ H\mathbf x \sim \sum_k w_k\, \mathcal N\bigl(H\boldsymbol\mu_k,\; H\mathbf C_k H^{\mathsf T}\bigr). $$
// Haar's transform gives the law of the bands, a selection of coordinates a marginal, a stack of the identity above an
// observation the joint law of the two. [nonuniform.txt-haar]

#include "image_law.h"

#include "../base/error.h"
#include "../operator/symmetric.h"
#include "mixture.h"

#include <math.h>

typedef struct
{
  gsl_vector *w;           // K
  gsl_matrix *mu;          // K x rows
  gsl_matrix *covariances; // K rows x rows
  gsl_matrix *C, *CH, *HC; // d x d, d x rows: C H^T, and its transpose
} image;

static void
image_free (image *m)
{
  gsl_vector_free (m->w);
  gsl_matrix *const all[] = { m->mu, m->covariances, m->C, m->CH, m->HC };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    gsl_matrix_free (all[i]);
}

static int
image_alloc (image *m, const mixture *law, size_t rows)
{
  const size_t K = law->K, d = law->d;
  *m = (image){ .w = gsl_vector_alloc (K),
                .mu = gsl_matrix_alloc (K, rows),
                .covariances = gsl_matrix_alloc (K * rows, rows),
                .C = gsl_matrix_alloc (d, d),
                .CH = gsl_matrix_alloc (d, rows),
                .HC = gsl_matrix_alloc (rows, d) };
  if (m->w && m->mu && m->covariances && m->C && m->CH && m->HC)
    return GSL_SUCCESS;
  image_free (m);
  SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu components in %zu dimensions", K, rows);
}

// An operator acts on rows, so that of $\mathbf C$ it makes $\mathbf C H^{\mathsf T}$, and of the transpose of that
// $H\mathbf C H^{\mathsf T}$. Rounding does not leave it symmetric.

static int
map_component (const mixture *law, const sb_operator *H, size_t k, image *m)
{
  gsl_matrix HCH = target_block (m->covariances, k, H->rows);
  mixture_covariance (law, k, m->C);
  gsl_vector_set (m->w, k, exp (law->log_w[k]));
  int status = sb_operator_apply (H, CblasNoTrans, NULL, m->C, m->CH);
  if (status)
    return status;
  gsl_matrix_transpose_memcpy (m->HC, m->CH);
  status = sb_operator_apply (H, CblasNoTrans, NULL, m->HC, &HCH);
  sb_symmetric_mirror (&HCH);
  return status;
}

sb_target *
sb_target_image_alloc (const sb_target *target, const sb_operator *H)
{
  if (target->type != &mixture_type)
    SB_ERROR_NULL (NULL, GSL_EUNSUP, "no image of a law that is no Gaussian and no mixture: %s", target->type->name);
  if (H->columns != target->dimension)
    SB_ERROR_NULL (NULL, GSL_EBADLEN, "the operator maps points of %zu numbers, the law has %zu dimensions", H->columns,
                   target->dimension);
  const mixture *law = target->state;
  image m;
  int status = image_alloc (&m, law, H->rows);
  if (status)
    return NULL;
  status = sb_operator_apply (H, CblasNoTrans, NULL, law->mu, m.mu);
  for (size_t k = 0; k < law->K && !status; k++)
    status = map_component (law, H, k, &m);
  sb_target *law_of_image = status ? NULL : sb_target_mixture_alloc (m.w, m.mu, m.covariances);
  image_free (&m);
  return law_of_image;
}
