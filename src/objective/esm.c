// # Explicit score matching
//
// A score $\mathbf s_\theta$ is right where it equals the score of the data: [dsm2ddpm.txt-ESM]
// $$ J_{\mathrm{ESM}} = \mathbb E_{p_{\mathrm{data}}(\mathbf x)}\Bigl[\tfrac12
//    \bigl\|\mathbf s_\theta(\mathbf x) - \nabla_{\mathbf x}\log p_{\mathrm{data}}(\mathbf x)\bigr\|^2\Bigr], $$
// half of the Fisher divergence of the two laws. It asks for what nobody has, the score of the data. The objectives on
// the next pages are this one in disguise; where the data's score is known, this page says how far a model is from it.
//
// The loss of a row is half the squared length of the difference, and its gradient with respect to
// $\mathbf s_\theta(\mathbf x)$ is the difference itself.

#include "esm.h"
#include "rows.h"

#include <gsl/gsl_errno.h>

int
sb_esm_loss (const sb_score *score, const sb_score *truth, const gsl_matrix *x, const gsl_vector *t,
             const gsl_matrix *y, gsl_vector *loss, gsl_matrix *s_bar)
{
  if (loss->size != x->size1)
    GSL_ERROR ("the loss needs an element per row", GSL_EBADLEN);
  gsl_matrix *right = gsl_matrix_alloc (x->size1, x->size2);
  if (!right)
    GSL_ERROR ("no memory for a batch of scores", GSL_ENOMEM);
  int status = sb_score_evaluate (score, SB_SCORE, x, t, y, s_bar);
  if (!status)
    status = sb_score_evaluate (truth, SB_SCORE, x, t, y, right);
  if (!status)
    {
      gsl_matrix_sub (s_bar, right);
      sb_rows_dot (0.5, s_bar, s_bar, loss);
    }
  gsl_matrix_free (right);
  return status;
}
