// # Score, denoiser, epsilon
//
// The score of noisy data, the expected clean point, and the expected noise are equivalent: each determines the
// others. Where $\mathbf{x}_t = \mathbf{A}\mathbf{x}_0 + \mathbf{S}\mathbf{z}$, the conditional score is
// $\nabla\log p_{0t}(\mathbf{x}_t \mid \mathbf{x}_0) = -\mathbf{S}^{-\top}\mathbf{z}$, and its average over all
// $\mathbf{x}_0$ that may have led to $\mathbf{x}$ is the score. [scoresde.txt-dsm-optimal] So
// $$ \nabla\log p_t(\mathbf{x}) = -\mathbf{S}^{-\top}\boldsymbol\epsilon, \qquad
//    \mathbf{x} = \mathbf{A}\hat{\mathbf{x}}_0 + \mathbf{S}\boldsymbol\epsilon, $$
// with $\hat{\mathbf{x}}_0 = \mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}]$ and $\boldsymbol\epsilon =
// \mathbb{E}[\mathbf{z} \mid \mathbf{x}]$. For $\mathbf{A} = m\mathbf{I}$ and $\mathbf{S} = \varsigma\mathbf{I}$ the
// first is the network's $\mathbf{s} = -\boldsymbol\epsilon/\varsigma$ [scoresde.txt-lsimple], and the two together
// are Tweedie's formula $\hat{\mathbf{x}}_0 = (\mathbf{x} + \varsigma^2\nabla\log p_t(\mathbf{x}))/m$.
// [scoresde.txt-denoise] With $m = 1$ it is the score $\mathbf s = (\mathbf h - \mathbf x)/\sigma_t^2$ of the denoiser
// $\mathbf h$, [consistent.eq6] and what any $\mathbf h$ implies, be it right or wrong. [consistent.eq9]
//
// A corruption $\mathbf{x}_t = C_t\mathbf{x}_0 + \sigma_t\boldsymbol\eta$ may be singular, and then less follows:
// [soft.lemA.2] [soft.eq16] [soft.eq46]
// $$ C_t\,\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \mathbf{x}_t + \sigma_t^2\,\nabla\log q_t(\mathbf{x}_t) , $$
// still the score from the clean image, but from the score only $C_t$ times the clean image.
//
// On DDPM's chain, in the report's letters, [dsm2ddpm.txt-score-average] [dsm2ddpm.txt-score-eps]
// $$ \nabla_{\mathbf{x}_t}\log q(\mathbf{x}_t) = \mathbb{E}_{q(\mathbf{x}_0 \mid
//    \mathbf{x}_t)}\Bigl[-\frac{\boldsymbol\varepsilon}{\sqrt{1 - \bar\alpha_t}}\Bigr]
//    = -\frac{\varepsilon_\theta(\mathbf{x}_t, t)}{\sqrt{1 - \bar\alpha_t}} , $$
// the average being over $\mathbf{x}_0$ given $\mathbf{x}_t$ (the report prints $q(\mathbf{x}_0)$).

#include "tweedie.h"

#include "../base/error.h"

// Every view can be reached from every other by way of $\boldsymbol\epsilon$, applying the process's maps to a batch
// in place.

static int
score_to_epsilon (const sb_process *process, const gsl_vector *t, gsl_matrix *estimate)
{
  gsl_matrix_scale (estimate, -1);
  return sb_process_apply (process, SB_S, CblasTrans, NULL, t, estimate);
}

static int
epsilon_to_score (const sb_process *process, const gsl_vector *t, gsl_matrix *estimate)
{
  gsl_matrix_scale (estimate, -1);
  return sb_process_apply (process, SB_S_INVERSE, CblasTrans, NULL, t, estimate);
}

// Each follows from the residual of $\mathbf{x}$ without the other, by an inverse map:
// $\boldsymbol\epsilon = \mathbf{S}^{-1}(\mathbf{x} - \mathbf{A}\hat{\mathbf{x}}_0)$ and
// $\hat{\mathbf{x}}_0 = \mathbf{A}^{-1}(\mathbf{x} - \mathbf{S}\boldsymbol\epsilon)$.

static int
explain_rest (const sb_process *process, sb_process_map map, sb_process_map inverse, const gsl_matrix *x,
              const gsl_vector *t, gsl_matrix *estimate)
{
  int status = sb_process_apply (process, map, CblasNoTrans, NULL, t, estimate);
  if (status)
    return status;
  gsl_matrix_scale (estimate, -1);
  gsl_matrix_add (estimate, x);
  return sb_process_apply (process, inverse, CblasNoTrans, NULL, t, estimate);
}

static int
to_epsilon (const sb_process *process, sb_view from, const gsl_matrix *x, const gsl_vector *t, gsl_matrix *estimate)
{
  if (from == SB_SCORE)
    return score_to_epsilon (process, t, estimate);
  if (from == SB_DENOISER)
    return explain_rest (process, SB_A, SB_S_INVERSE, x, t, estimate);
  return GSL_SUCCESS;
}

static int
from_epsilon (const sb_process *process, sb_view to, const gsl_matrix *x, const gsl_vector *t, gsl_matrix *estimate)
{
  if (to == SB_SCORE)
    return epsilon_to_score (process, t, estimate);
  if (to == SB_DENOISER)
    return explain_rest (process, SB_S, SB_A_INVERSE, x, t, estimate);
  return GSL_SUCCESS;
}

int
sb_tweedie (const sb_process *process, sb_view from, sb_view to, const gsl_matrix *x, const gsl_vector *t,
            gsl_matrix *estimate)
{
  if (sb_check_view (from) || sb_check_view (to))
    return GSL_EINVAL;
  if (x->size1 != estimate->size1 || x->size2 != estimate->size2 || t->size != x->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu x %zu points, with %zu times, have a %zu x %zu estimate", x->size1, x->size2,
              t->size, estimate->size1, estimate->size2);
  if (from == to)
    return GSL_SUCCESS;
  int status = to_epsilon (process, from, x, t, estimate);
  return status ? status : from_epsilon (process, to, x, t, estimate);
}

// ## Backward
//
// The same maps transposed, in the opposite order, turn a gradient with respect to one view into a gradient with
// respect to the other. By way of $\bar{\boldsymbol\epsilon}$:
// $$ \bar{\boldsymbol\epsilon} = -\mathbf S^{-1}\bar{\mathbf s}, \quad
//    \bar{\boldsymbol\epsilon} = -\mathbf S^\top\mathbf A^{-\top}\bar{\mathbf x}_0; \qquad
//    \bar{\mathbf s} = -\mathbf S\,\bar{\boldsymbol\epsilon}, \quad
//    \bar{\mathbf x}_0 = -\mathbf A^\top\mathbf S^{-\top}\bar{\boldsymbol\epsilon} . $$
// To and from the denoiser, $\mathbf A^{-\top}\bar{\mathbf x}_0$ and $\mathbf S^{-\top}\bar{\boldsymbol\epsilon}$ are
// the direct gradients with respect to the point.

static int
apply_minus (const sb_process *process, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t,
             gsl_matrix *bar)
{
  gsl_matrix_scale (bar, -1);
  return sb_process_apply (process, map, transpose, NULL, t, bar);
}

static int
split_residual (const sb_process *process, sb_process_map inverse, sb_process_map map, const gsl_vector *t,
                gsl_matrix *bar, gsl_matrix *x_bar)
{
  int status = sb_process_apply (process, inverse, CblasTrans, NULL, t, bar);
  if (!status && x_bar)
    gsl_matrix_add (x_bar, bar);
  return status ? status : apply_minus (process, map, CblasTrans, t, bar);
}

int
sb_tweedie_transposed (const sb_process *process, sb_view from, sb_view to, const gsl_vector *t, gsl_matrix *bar,
                       gsl_matrix *x_bar)
{
  int status = GSL_SUCCESS;
  if (sb_check_view (from) || sb_check_view (to))
    return GSL_EINVAL;
  if (t->size != bar->size1 || (x_bar && (x_bar->size1 != bar->size1 || x_bar->size2 != bar->size2)))
    SB_ERROR (NULL, GSL_EBADLEN, "a gradient is %zu x %zu, with %zu times and another of %zu x %zu", bar->size1,
              bar->size2, t->size, x_bar ? x_bar->size1 : 0, x_bar ? x_bar->size2 : 0);
  if (x_bar)
    gsl_matrix_set_zero (x_bar);
  if (from == to)
    return GSL_SUCCESS;

  // Go back from the one view to epsilon.
  if (to == SB_SCORE)
    status = apply_minus (process, SB_S_INVERSE, CblasNoTrans, t, bar);
  else if (to == SB_DENOISER)
    status = split_residual (process, SB_A_INVERSE, SB_S, t, bar, x_bar);

  // Go back from epsilon to the other.
  if (!status && from == SB_SCORE)
    status = apply_minus (process, SB_S, CblasNoTrans, t, bar);
  else if (!status && from == SB_DENOISER)
    status = split_residual (process, SB_S_INVERSE, SB_A, t, bar, x_bar);
  return status;
}
