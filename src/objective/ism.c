// # Implicit score matching
//
// Expand the square of explicit score matching:
// $$ \tfrac12\|\mathbf s_\theta - \nabla\log p\|^2
//    = \tfrac12\|\mathbf s_\theta\|^2 - \langle\mathbf s_\theta, \nabla\log p\rangle + \tfrac12\|\nabla\log p\|^2. $$
// The last term does not depend on $\theta$, and in the middle one $p\,\nabla\log p = \nabla p$ can be integrated by
// parts: $-\mathbb E_p\langle\mathbf s_\theta, \nabla\log p\rangle = -\int\langle\mathbf s_\theta, \nabla p\rangle\,
// d\mathbf x = \mathbb E_p[\nabla\cdot\mathbf s_\theta]$, if $p\,\mathbf s_\theta$ vanishes at the edge of the support.
// What is left asks for samples of the data only (Hyvärinen, 2005): [dsm2ddpm.txt-ISM]
// $$ J_{\mathrm{ISM}} = \mathbb E_{p_{\mathrm{data}}(\mathbf x)}\Bigl[\tfrac12\|\mathbf s_\theta(\mathbf x)\|^2
//    + \operatorname{tr}\bigl(\nabla_{\mathbf x}\mathbf s_\theta(\mathbf x)\bigr)\Bigr]
//    = J_{\mathrm{ESM}} - \tfrac12\,\mathbb E\,\|\nabla\log p_{\mathrm{data}}\|^2. $$
// Where the density jumps at the edge, as that of $\mathcal U[0, 1]$ does, the two differ by a term that depends on
// $\theta$, and this objective has another minimum. [dsm2ddpm.txt-ISM-limits]

#include "ism.h"
#include "rows.h"

#include <gsl/gsl_errno.h>

// ## The trace
//
// $\operatorname{tr}\mathbf J = \sum_j \mathbf e_j^\top\mathbf J\,\mathbf e_j$: a product for every coordinate, which
// is what makes this objective dear in many dimensions. [dsm2ddpm.txt-A1-divergence]

static int
add_diagonal (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, size_t j,
              gsl_matrix *e_j, gsl_matrix *column, gsl_vector *trace)
{
  gsl_matrix_set_zero (e_j);
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (e_j, i, j, 1);
  int status = sb_score_jvp (score, SB_SCORE, x, t, y, e_j, column);
  for (size_t i = 0; i < x->size1 && !status; i++)
    *gsl_vector_ptr (trace, i) += gsl_matrix_get (column, i, j);
  return status;
}

int
sb_jacobian_trace (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                   gsl_vector *trace)
{
  if (trace->size != x->size1)
    GSL_ERROR ("the trace needs an element per row", GSL_EBADLEN);
  gsl_matrix *e_j = gsl_matrix_alloc (x->size1, x->size2), *column = gsl_matrix_alloc (x->size1, x->size2);
  int status = e_j && column ? GSL_SUCCESS : GSL_ENOMEM;
  gsl_vector_set_zero (trace);
  for (size_t j = 0; j < x->size2 && !status; j++)
    status = add_diagonal (score, x, t, y, j, e_j, column, trace);
  gsl_matrix_free (e_j);
  gsl_matrix_free (column);
  return status;
}

// ## The loss

int
sb_ism_loss (const sb_score *score, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_vector *loss)
{
  if (loss->size != x->size1)
    GSL_ERROR ("the loss needs an element per row", GSL_EBADLEN);
  gsl_matrix *s = gsl_matrix_alloc (x->size1, x->size2);
  gsl_vector *trace = gsl_vector_alloc (x->size1);
  int status = s && trace ? sb_score_evaluate (score, SB_SCORE, x, t, y, s) : GSL_ENOMEM;
  if (!status)
    status = (score->type->divergence ? sb_score_divergence : sb_jacobian_trace) (score, x, t, y, trace);
  if (!status)
    {
      sb_rows_dot (0.5, s, s, loss);
      gsl_vector_add (loss, trace);
    }
  gsl_vector_free (trace);
  gsl_matrix_free (s);
  return status;
}
