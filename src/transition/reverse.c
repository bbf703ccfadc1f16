// # The reverse transition
//
// A diffusion model reverses the chain by Gaussian steps whose means it has learned, [dsm2ddpm.txt-reverse-step]
// $$ p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)
//    = \mathcal{N}\bigl(\mathbf{x}_{t-1};\; \mu_\theta(\mathbf{x}_t, t),\; \Sigma_\theta(\mathbf{x}_t, t)\bigr). $$
// Here the step leads from any time $t$ to any $s < t$; in the report $s$ is the level before $t$.

#include "reverse.h"

#include "../base/error.h"
#include "isotropic.h"
#include "path.h"
#include "posterior.h"

#include <gsl/gsl_math.h>
#include <stdbool.h>
#include <stdlib.h>

// ## The mean
//
// The posterior's mean $\tilde\mu$ depends on the noise in $\mathbf{x}_t$. The model simply replaces the noise by its
// estimate: [dsm2ddpm.txt-mu-theta]
// $$ \mu_\theta(\mathbf{x}_t, t) = \frac{1}{\sqrt{\alpha_t}}
//    \Bigl(\mathbf{x}_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar\alpha_t}}\,\varepsilon_\theta(\mathbf{x}_t, t)\Bigr). $$
// An estimate of $\mathbf{x}_0$, or of the score, replaces $\mathbf{x}_0$ or the conditional score in the same way.
// Since $\tilde\mu$ is linear in each, and the three estimates are averages over the same posterior, the three means
// are equal: $\operatorname{E}[\mathbf{x}_{t-1} \mid \mathbf{x}_t]$ if the estimate is exact. For SMLD's chain it is,
// from the score, [scoresde.txt-smld-mu]
// $$ \mu_\theta(\mathbf{x}_i, i) = \mathbf{x}_i + (\sigma_i^2 - \sigma_{i-1}^2)\,\mathbf{s}_\theta(\mathbf{x}_i, i) , $$
// where $\mathbf{s}_\theta$ estimates $-\mathbf{z}/\sigma_i$ (the paper prints $\mathbf{z}/\sigma_i$).

int
sb_reverse_mean (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                 const gsl_matrix *x, gsl_matrix *mean)
{
  int status = sb_score_estimate (reverse->score, reverse->view, x, t, y, mean);
  return status ? status : sb_posterior_mean (reverse->score->process, reverse->view, s, t, x, mean);
}

// ## The variance is a choice
//
// The report fixes $\Sigma_\theta = \tilde\beta_t\,\mathbf{I}$; Ho et al. (2020) found $\beta_t\,\mathbf{I}$ as good.
// [dsm2ddpm.txt-Sigma-theta] The first is right for data at a single point, the second for standard normal
// data. But $\tilde\beta_1 = 0$: with it the last step adds no noise, and has no density. For likelihoods it takes
// another variance, $\beta_1$ or the one of the step before, $\tilde\beta_2$.

static int
beta (const sb_process *process, double s, double t, double *variance)
{
  int status = sb_process_numbers (process, SB_S, s, t, variance);
  for (size_t k = 0; k < process->parts && !status; k++)
    variance[k] *= variance[k];
  return status;
}

static int
beta_tilde (const sb_process *process, double s, double t, double *variance)
{
  sb_posterior *p = malloc ((process->parts + 1) * sizeof *p);
  int status = p ? sb_posterior_at (process, SB_DENOISER, s, t, p) : GSL_ENOMEM;
  for (size_t k = 0; k < process->parts && !status; k++)
    variance[k] = p[k].variance;
  free (p);
  return status;
}

static int
clipped (const sb_process *process, double s, double t, double *variance)
{
  const double N = (double)process->levels;
  if (s > 0)
    return beta_tilde (process, s, t, variance);
  if (process->levels < 2)
    SB_ERROR (NULL, GSL_EUNSUP, "beta-tilde_2 needs a chain of two steps or more");
  return beta_tilde (process, 1 / N, 2 / N, variance);
}

int
sb_reverse_fixed_variance (const sb_process *process, sb_variance choice, double s, double t, double *variance)
{
  if (sb_process_check_parts (process, "the variances of a step"))
    return GSL_EUNSUP;
  switch (choice)
    {
    case SB_VARIANCE_BETA:
      return beta (process, s, t, variance);
    case SB_VARIANCE_BETA_TILDE:
      return beta_tilde (process, s, t, variance);
    case SB_VARIANCE_CLIPPED:
      return clipped (process, s, t, variance);
    case SB_VARIANCE_OPTIMAL:
      SB_ERROR (NULL, GSL_EUNSUP, "the optimal variance depends on the score");
    default:
      SB_ERROR (NULL, GSL_EINVAL, "there is no choice of variance %d", (int)choice);
    }
}

// The best variance follows from the score by the second-order Tweedie formula: where
// $\mathbf{x}_t = a\,\mathbf{x}_s + \sqrt v\,\mathbf{z}$,
// $$ \operatorname{Cov}[\mathbf{x}_s \mid \mathbf{x}_t]
//    = \frac{v}{a^2}\bigl(\mathbf{I} + v\,\nabla\nabla^\top \log q(\mathbf{x}_t)\bigr). $$
// The isotropic Gaussian nearest to $q(\mathbf{x}_s \mid \mathbf{x}_t)$, in the divergence of the variational bound,
// has its mean and its average variance, $\frac{v}{a^2}\bigl(1 +
// \frac{v}{d}\nabla\cdot\mathbf{s}\bigr)$. For data $\mathcal{N}(\mathbf{m}, s^2\mathbf{I})$ that is
// $\beta_t D_{t-1}/D_t$ with $D_t = \bar\alpha_t s^2 + 1 - \bar\alpha_t$, everywhere. It is never below
// $\tilde\beta_t$, the part of it that would be left if $\mathbf{x}_0$ were known; a divergence that gives less is
// rounded, or wrong.

int
sb_reverse_best_variance (const sb_process *process, double s, double t, double divergence, double *variance)
{
  double a, sd, lower;
  int status = sb_process_scalars (process, s, t, &a, &sd);
  if (!status)
    status = beta_tilde (process, s, t, &lower);
  if (!status)
    *variance = GSL_MAX_DBL (lower, gsl_pow_2 (sd / a) * (1 + sd * sd * divergence / (double)process->dimension));
  return status;
}

static int
fill_variances (const sb_reverse *reverse, const gsl_vector *s, const gsl_vector *t, const gsl_vector *divergence,
                gsl_matrix *variance)
{
  const sb_process *process = reverse->score->process;
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < t->size && !status; i++)
    {
      double s_i = s ? gsl_vector_get (s, i) : 0, t_i = gsl_vector_get (t, i), *v_i = gsl_matrix_ptr (variance, i, 0);
      sb_variance choice = s_i > 0 ? reverse->variance : reverse->last;
      status = choice == SB_VARIANCE_OPTIMAL
                   ? sb_reverse_best_variance (process, s_i, t_i, gsl_vector_get (divergence, i), v_i)
                   : sb_reverse_fixed_variance (process, choice, s_i, t_i, v_i);
    }
  return status;
}

int
sb_reverse_variance (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                     const gsl_matrix *x, gsl_matrix *variance)
{
  if (t->size != x->size1 || variance->size1 != x->size1 || variance->size2 != reverse->score->process->parts
      || (s && s->size != x->size1))
    SB_ERROR (NULL, GSL_EBADLEN, "%zu points, %zu times and %zu x %zu variances do not fit a process of %zu parts",
              x->size1, t->size, variance->size1, variance->size2, reverse->score->process->parts);
  const bool best = reverse->variance == SB_VARIANCE_OPTIMAL || reverse->last == SB_VARIANCE_OPTIMAL;
  if (x->size1 == 0)
    return GSL_SUCCESS;
  gsl_vector *divergence = gsl_vector_alloc (x->size1);
  int status = divergence ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status && best)
    status = sb_score_divergence (reverse->score, x, t, y, divergence);
  if (!status)
    status = fill_variances (reverse, s, t, divergence, variance);
  gsl_vector_free (divergence);
  return status;
}

// ## Its density

int
sb_reverse_log_density (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                        const gsl_matrix *x_t, const gsl_matrix *x_s, gsl_vector *log_p)
{
  const sb_process *process = reverse->score->process;
  if (x_s->size1 != x_t->size1 || x_s->size2 != x_t->size2 || log_p->size != x_t->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "x_s is %zu x %zu, x_t is %zu x %zu, and there are %zu densities", x_s->size1,
              x_s->size2, x_t->size1, x_t->size2, log_p->size);
  gsl_matrix *mean = gsl_matrix_alloc (x_t->size1, x_t->size2);
  gsl_matrix *variance = gsl_matrix_alloc (x_t->size1, process->parts > 0 ? process->parts : 1);
  int status = mean && variance ? sb_reverse_mean (reverse, y, s, t, x_t, mean) : GSL_ENOMEM;
  if (!status)
    status = sb_reverse_variance (reverse, y, s, t, x_t, variance);
  if (!status)
    {
      gsl_matrix_sub (mean, x_s);
      status = sb_parts_log_density (process, mean, variance, log_p);
    }
  gsl_matrix_free (mean);
  gsl_matrix_free (variance);
  return status;
}

// ## The backward chain
//
// From $\mathbf{x}_T \sim \mathcal{N}(\mathbf{0}, \mathbf{I})$ on, the steps multiply: [dsm2ddpm.txt-reverse-joint]
// $$ p_\theta(\mathbf{x}_{0:T}) = p(\mathbf{x}_T) \prod_{t=1}^{T} p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t). $$
// On a path all states are known, so the model is evaluated at all levels at once.

static int
add_path (const sb_reverse *reverse, const gsl_matrix *y, const gsl_matrix *path, gsl_vector *s, gsl_vector *t,
          gsl_vector *log_step, double *log_p)
{
  const sb_process *chain = reverse->score->process;
  const size_t N = chain->levels;
  gsl_matrix_const_view to = gsl_matrix_const_submatrix (path, 0, 0, N, path->size2);
  gsl_matrix_const_view from = gsl_matrix_const_submatrix (path, 1, 0, N, path->size2);
  gsl_matrix_const_view x_T = gsl_matrix_const_submatrix (path, N, 0, 1, path->size2);
  gsl_vector_view log_prior = gsl_vector_view_array (log_p, 1);
  int status = sb_path_times (chain, s, t);
  if (!status)
    status = sb_process_prior_log_density (chain, &x_T.matrix, &log_prior.vector);
  if (!status)
    status = sb_reverse_log_density (reverse, y, s, t, &from.matrix, &to.matrix, log_step);
  for (size_t i = 0; i < N && !status; i++)
    *log_p += gsl_vector_get (log_step, i);
  return status;
}

int
sb_reverse_path_log_density (const sb_reverse *reverse, const gsl_matrix *y, const gsl_matrix *path, double *log_p)
{
  const size_t N = reverse->score->process->levels;
  if (sb_process_check_chain (reverse->score->process))
    return GSL_EUNSUP;
  if (path->size1 != N + 1)
    SB_ERROR (NULL, GSL_EBADLEN, "a path of a chain of %zu steps has a row more, not %zu", N, path->size1);
  gsl_vector *s = gsl_vector_alloc (N), *t = gsl_vector_alloc (N), *log_step = gsl_vector_alloc (N);
  int status = s && t && log_step ? add_path (reverse, y, path, s, t, log_step, log_p) : GSL_ENOMEM;
  gsl_vector_free (s);
  gsl_vector_free (t);
  gsl_vector_free (log_step);
  return status;
}
