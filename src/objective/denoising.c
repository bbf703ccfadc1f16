// # Denoising score matching at a noise level
//
// Data under Gaussian noise, $\tilde{\mathbf x} \sim q_\sigma(\tilde{\mathbf x} \mid \mathbf x) = \mathcal N(\mathbf x,
// \sigma^2\mathbf I)$, have a density everywhere, and the score of the kernel is known. Match that: [dsm2ddpm.txt-DSM]
// $$ J_{\mathrm{DSM}} = \tfrac12\,\mathbb E_{q_\sigma(\tilde{\mathbf x} \mid \mathbf x)\,p_{\mathrm{data}}(\mathbf x)}
//    \bigl\|\mathbf s_\theta(\tilde{\mathbf x})
//    - \nabla_{\tilde{\mathbf x}}\log q_\sigma(\tilde{\mathbf x} \mid \mathbf x)\bigr\|_2^2. $$
// A function of $\tilde{\mathbf x}$ alone can do no better than the conditional mean of its target, and that is the
// score of the noised data, $\mathbb E[\nabla\log q_\sigma(\tilde{\mathbf x} \mid \mathbf x) \mid \tilde{\mathbf x}] =
// \nabla\log q_\sigma(\tilde{\mathbf x})$, not of the data. [dsm2ddpm.txt-DSM-minimiser] [dsm2ddpm.txt-cond-target] So
// the objective is explicit score matching on $q_\sigma$, plus a constant: $J_{\mathrm{DSM}} = J_{\mathrm{ESM},
// q_\sigma} + \tfrac{d}{2\sigma^2} - \tfrac12\mathbb E_{q_\sigma}\|\nabla\log q_\sigma\|^2$ (Vincent, 2011).

#include "denoising.h"
#include "rows.h"

#include <gsl/gsl_errno.h>

// ## The target
//
// With $\tilde{\mathbf x} = \mathbf x + \sigma\boldsymbol\varepsilon$ it is [dsm2ddpm.txt-cond-score]
// $$ \nabla_{\tilde{\mathbf x}}\log q_\sigma(\tilde{\mathbf x} \mid \mathbf x)
//    = -\frac{\tilde{\mathbf x} - \mathbf x}{\sigma^2} = -\frac{\boldsymbol\varepsilon}{\sigma}, $$
// whose variances add up to $d/\sigma^2$ at every $\sigma$: [dsm2ddpm.txt-DSM-variance] the less noise, the more
// samples it takes to average what remains of $\boldsymbol\varepsilon$ out. Under a process that also moves the data,
// $\tilde{\mathbf x} = \mathbf A\mathbf x + \mathbf S\boldsymbol\varepsilon$, it is $-\mathbf S^{-\top}\mathbf
// S^{-1}(\tilde{\mathbf x} - \mathbf A\mathbf x)$.

int
sb_denoising_target (const sb_process *process, const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t,
                     gsl_matrix *out)
{
  if (x_tilde->size1 != x->size1 || x_tilde->size2 != x->size2 || out->size1 != x->size1 || out->size2 != x->size2)
    GSL_ERROR ("the data, the same under noise and the target do not fit together", GSL_EBADLEN);
  gsl_matrix_memcpy (out, x);
  int status = sb_process_apply (process, SB_A, CblasNoTrans, NULL, t, out);
  if (status)
    return status;
  gsl_matrix_sub (out, x_tilde);
  status = sb_process_apply (process, SB_S_INVERSE, CblasNoTrans, NULL, t, out);
  return status ? status : sb_process_apply (process, SB_S_INVERSE, CblasTrans, NULL, t, out);
}

// ## The loss
//
// At noise level $\sigma$ it is [dsm2ddpm.txt-NCSN-loss]
// $$ \ell(\theta; \sigma) = \tfrac12\,\mathbb E_{p_{\mathrm{data}}(\mathbf x)}\,
//    \mathbb E_{\tilde{\mathbf x} \sim \mathcal N(\mathbf x, \sigma^2\mathbf I)}
//    \Bigl\|\mathbf s_\theta(\tilde{\mathbf x}, \sigma) + \frac{\tilde{\mathbf x} - \mathbf x}{\sigma^2}\Bigr\|_2^2. $$

int
sb_denoising_loss (const sb_score *score, const gsl_matrix *x, const gsl_matrix *x_tilde, const gsl_vector *t,
                   const gsl_matrix *y, gsl_vector *loss, gsl_matrix *s_bar)
{
  if (loss->size != x->size1)
    GSL_ERROR ("the loss needs an element per row", GSL_EBADLEN);
  gsl_matrix *target = gsl_matrix_alloc (x->size1, x->size2);
  int status = target ? sb_denoising_target (score->process, x, x_tilde, t, target) : GSL_ENOMEM;
  if (!status)
    status = sb_score_evaluate (score, SB_SCORE, x_tilde, t, y, s_bar);
  if (!status)
    {
      gsl_matrix_sub (s_bar, target);
      sb_rows_dot (0.5, s_bar, s_bar, loss);
    }
  gsl_matrix_free (target);
  return status;
}
