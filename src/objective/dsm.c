// # Denoising score matching
//
// The score of $p_t$ is unknown, but that of the kernel $p_{0t}(x_t \mid x_0)$ is not, and in the mean over $x_0$ they
// are the same target (Vincent, 2011). So a model is trained on noised data to say in which direction the data lie:
// [scoresde.eq7]
// $$ \mathbb{E}_t\,\lambda(t)\;\mathbb{E}_{x_0}\mathbb{E}_{x_t \mid x_0}
//    \bigl\| s_\theta(x_t, t) - \nabla_{x_t}\log p_{0t}(x_t \mid x_0) \bigr\|^2 . $$

#include "dsm.h"

#include "vlb.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <math.h>

// ## Drawing
//
// The paper prints $t \sim \mathcal{U}[0, T]$, and means $[\epsilon, T]$ (its Appendix C): at $t = 0$ the target is
// infinite. A chain has levels instead; $u \in (0, 1)$ picks level $\lceil uN \rceil$.

static double
time_of (const sb_dsm *dsm, double u)
{
  const sb_process *p = dsm->process;
  if (p->levels > 0)
    return ceil (u * (double)p->levels) / (double)p->levels;
  return dsm->t_min + u * (p->t_max - dsm->t_min);
}

int
sb_dsm_draw (const sb_dsm *dsm, sb_stream stream, gsl_vector *t, gsl_matrix *z, gsl_matrix *noise, gsl_matrix *x)
{
  if (t->size != x->size1 || z->size1 != x->size1 || z->size2 != x->size2
      || (noise && (noise->size1 != x->size1 || noise->size2 != x->size2)))
    GSL_ERROR ("t, z and x do not fit together", GSL_EBADLEN);
  if (x->size1 == 0)
    return GSL_SUCCESS;

  gsl_matrix_view u = gsl_matrix_view_array_with_tda (t->data, t->size, 1, t->stride);
  stream.purpose = SB_FOR_TIME;
  int status = sb_stream_uniforms (stream, 0, &u.matrix);
  for (size_t i = 0; i < t->size && !status; i++)
    gsl_vector_set (t, i, time_of (dsm, gsl_vector_get (t, i)));

  stream.purpose = SB_FOR_FORWARD;
  if (!status)
    status = sb_stream_normals (stream, 0, z);
  if (status || !noise)
    return status ? status : sb_process_transition (dsm->process, NULL, t, z, x);
  gsl_matrix_memcpy (noise, z);
  return sb_process_transition_in_place (dsm->process, NULL, t, noise, x);
}

// ## The loss
//
// Under $x_t = A x_0 + S z$ the target is $-S^{-\top} z$, and a model that estimates $z$ by $\hat z$ has the score
// $-S^{-\top}\hat z$. So the loss is that of predicting the noise, as the weight $\lambda = M M^\top$ shows it:
// $$ u = M^\top S^{-\top} (\hat z - z), \qquad \mathrm{loss} = \|u\|^2, \qquad
//    \frac{\partial\,\mathrm{loss}}{\partial \hat z} = 2\, S^{-1} M u . $$
// With the default $M = S$, that is $\lambda = \operatorname{Var}[x_t \mid x_0]$ [scoresde.txt-lambda], both maps drop
// out and $\|\hat z - z\|^2$ is DDPM's $L_{\mathrm{simple}}$. [scoresde.txt-lsimple] The likelihood weight has $M =
// G$.
//
// In the report *From Denoising Score Matching to DDPM* this is the loss itself, $t$ uniform on the levels
// $1, \dots, T$, [dsm2ddpm.txt-eps-loss] [dsm2ddpm.txt-L-simple]
// $$ \mathbb{E}_{t, \mathbf{x}_0, \boldsymbol\varepsilon} \bigl\| \boldsymbol\varepsilon
//    - \varepsilon_\theta(\sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1 - \bar\alpha_t}\,\boldsymbol\varepsilon,\, t)
//    \bigr\|^2 , $$
// a draw by `sb_dsm_draw` on DDPM's chain and `sb_dsm_loss` with the default weight. It is score matching on the ladder
// of noise scales $\sigma_t = \sqrt{(1 - \bar\alpha_t)/\bar\alpha_t}$ too: in $\mathbf{y} =
// \mathbf{x}_t/\sqrt{\bar\alpha_t} = \mathbf{x}_0 + \sigma_t\boldsymbol\varepsilon$, where the score is
// $\sqrt{\bar\alpha_t}$ times as large, the same number is $\sigma_t^2$ times NCSN's squared error.
// [dsm2ddpm.txt-DSM-DDPM-equiv]
//
// The weights of the variational bound are their own page, `vlb.c`. With them the same draw estimates
// [dsm2ddpm.txt-VLB-eps]
// $$ \frac1T\sum_{t=1}^T \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t(1 - \bar\alpha_t)}\,
//    \mathbb{E}\,\bigl\|\boldsymbol\varepsilon - \varepsilon_\theta(\mathbf{x}_t, t)\bigr\|^2 , $$
// a $T$-th of what a model can change of $\sum_t L_{t-1}$.

static int
weigh (const sb_dsm *dsm, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *u)
{
  if (dsm->weighting == SB_WEIGHT_VARIANCE)
    return GSL_SUCCESS;
  int likelihood = dsm->weighting == SB_WEIGHT_LIKELIHOOD, status = GSL_SUCCESS;
  if (likelihood && transpose == CblasNoTrans)
    status = sb_process_apply (dsm->process, SB_G, CblasNoTrans, NULL, t, u);
  if (!status)
    status = sb_process_apply (dsm->process, SB_S_INVERSE, transpose, NULL, t, u);
  if (!status && likelihood && transpose == CblasTrans)
    status = sb_process_apply (dsm->process, SB_G, CblasTrans, NULL, t, u);
  return status;
}

int
sb_dsm_loss (const sb_dsm *dsm, const gsl_vector *t, const gsl_matrix *z, const gsl_matrix *epsilon, gsl_vector *loss,
             gsl_matrix *epsilon_bar)
{
  if (t->size != z->size1 || epsilon->size1 != z->size1 || epsilon->size2 != z->size2 || loss->size != z->size1
      || epsilon_bar->size1 != z->size1 || epsilon_bar->size2 != z->size2)
    GSL_ERROR ("t, z, the estimate and the loss do not fit together", GSL_EBADLEN);
  if (z->size1 == 0)
    return GSL_SUCCESS;
  if (dsm->weighting == SB_WEIGHT_BOUND || dsm->weighting == SB_WEIGHT_BOUND_TILDE)
    return sb_vlb_loss (dsm->process, dsm->weighting == SB_WEIGHT_BOUND ? SB_VARIANCE_BETA : SB_VARIANCE_CLIPPED, t, z,
                        epsilon, loss, epsilon_bar);

  gsl_matrix *u = epsilon_bar;
  gsl_matrix_memcpy (u, epsilon);
  gsl_matrix_sub (u, z);
  int status = weigh (dsm, CblasTrans, t, u);
  for (size_t i = 0; i < z->size1 && !status; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (u, i);
      gsl_blas_ddot (&row.vector, &row.vector, gsl_vector_ptr (loss, i));
    }
  if (!status)
    status = weigh (dsm, CblasNoTrans, t, u);
  if (!status)
    status = gsl_matrix_scale (u, 2);
  return status;
}
