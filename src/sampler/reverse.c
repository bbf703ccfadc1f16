// # The reverse transition
//
// A diffusion model walks the chain back by Gaussian steps whose means it has learned, [dsm2ddpm.txt-reverse-step]
// $$ p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)
//    = \mathcal{N}\bigl(\mathbf{x}_{t-1};\; \mu_\theta(\mathbf{x}_t, t),\; \Sigma_\theta(\mathbf{x}_t, t)\bigr). $$
// Here the step leads from any time $t$ to any $s < t$; in the report $s$ is the level before $t$.

#include "reverse.h"

#include "../base/error.h"
#include "../process/isotropic.h"
#include "../process/path.h"
#include "../process/posterior.h"

#include <gsl/gsl_math.h>

// ## The mean
//
// The posterior's mean $\tilde\mu$ needs to know the noise in $\mathbf{x}_t$. The model puts its estimate in the
// noise's place, and that is all: [dsm2ddpm.txt-mu-theta]
// $$ \mu_\theta(\mathbf{x}_t, t) = \frac{1}{\sqrt{\alpha_t}}
//    \Bigl(\mathbf{x}_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar\alpha_t}}\,\varepsilon_\theta(\mathbf{x}_t, t)\Bigr). $$
// An estimate of $\mathbf{x}_0$, or of the score, takes the place of $\mathbf{x}_0$ or of the conditional score in the
// same way. Since $\tilde\mu$ is linear in each, and the three estimates are averages over the same posterior, the
// three means are one: $\operatorname{E}[\mathbf{x}_{t-1} \mid \mathbf{x}_t]$ if the estimate is exact.

static int
check_finite (const sb_score *score, const gsl_matrix *e, const gsl_vector *t)
{
  for (size_t i = 0; i < e->size1; i++)
    for (size_t j = 0; j < e->size2; j++)
      if (!gsl_finite (gsl_matrix_get (e, i, j)))
        SB_ERROR (NULL, GSL_EBADFUNC, "the score \"%s\" is %g at row %zu, column %zu, t = %g", score->type->name,
                  gsl_matrix_get (e, i, j), i, j, gsl_vector_get (t, i));
  return GSL_SUCCESS;
}

int
sb_reverse_estimate (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *t, const gsl_matrix *x,
                     gsl_matrix *e)
{
  int status = sb_score_evaluate (reverse->score, reverse->view, x, t, y, e);
  return status ? status : check_finite (reverse->score, e, t);
}

int
sb_reverse_mean (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                 const gsl_matrix *x, gsl_matrix *mean)
{
  int status = sb_reverse_estimate (reverse, y, t, x, mean);
  return status ? status : sb_posterior_mean (reverse->score->process, reverse->view, s, t, x, mean);
}

// ## The variance is a choice
//
// The report fixes $\Sigma_\theta = \tilde\beta_t\,\mathbf{I}$; Ho et al. (2020) found $\beta_t\,\mathbf{I}$ as good.
// [dsm2ddpm.txt-Sigma-theta] The first is right for data at a single point, the second for standard normal
// data. But $\tilde\beta_1 = 0$: with it the last step makes no noise, and has no
// density. For likelihoods it takes another variance, $\beta_1$ or the one of the step before, $\tilde\beta_2$.

static int
beta_tilde (const sb_process *process, double s, double t, double *variance)
{
  sb_posterior p;
  int status = sb_posterior_at (process, SB_DENOISER, s, t, &p);
  *variance = status ? GSL_NAN : p.variance;
  return status;
}

static int
clipped (const sb_process *process, double s, double t, double *variance)
{
  const double N = (double)process->levels;
  if (s > 0)
    return beta_tilde (process, s, t, variance);
  if (process->levels < 2)
    GSL_ERROR ("only a chain of two steps or more has a beta-tilde_2", GSL_EUNSUP);
  return beta_tilde (process, 1 / N, 2 / N, variance);
}

static int
beta (const sb_process *process, double s, double t, double *variance)
{
  double a, sd;
  int status = sb_process_scalars (process, s, t, &a, &sd);
  *variance = status ? GSL_NAN : sd * sd;
  return status;
}

int
sb_reverse_fixed_variance (const sb_process *process, sb_variance choice, double s, double t, double *variance)
{
  switch (choice)
    {
    case SB_VARIANCE_BETA:
      return beta (process, s, t, variance);
    case SB_VARIANCE_BETA_TILDE:
      return beta_tilde (process, s, t, variance);
    case SB_VARIANCE_CLIPPED:
      return clipped (process, s, t, variance);
    case SB_VARIANCE_OPTIMAL:
      GSL_ERROR ("the best variance is the score's to say", GSL_EUNSUP);
    default:
      GSL_ERROR ("no such variance", GSL_EINVAL);
    }
}

// What is best can be read off the score. Tweedie's formula has a second order: where
// $\mathbf{x}_t = a\,\mathbf{x}_s + \sqrt v\,\mathbf{z}$,
// $$ \operatorname{Cov}[\mathbf{x}_s \mid \mathbf{x}_t]
//    = \frac{v}{a^2}\bigl(\mathbf{I} + v\,\nabla\nabla^\top \log q(\mathbf{x}_t)\bigr). $$
// The Gaussian alike in all directions that is nearest to $q(\mathbf{x}_s \mid \mathbf{x}_t)$, in the divergence that
// the bound is made of, has the mean and the average variance of it, $\frac{v}{a^2}\bigl(1 +
// \frac{v}{d}\nabla\cdot\mathbf{s}\bigr)$. For data $\mathcal{N}(\mathbf{m}, s^2\mathbf{I})$ that is
// $\beta_t D_{t-1}/D_t$ with $D_t = \bar\alpha_t s^2 + 1 - \bar\alpha_t$, everywhere. It is never below
// $\tilde\beta_t$, the part of it that would be left if $\mathbf{x}_0$ were known; a divergence that says so is
// rounded, or wrong.

static int
optimal (const sb_process *process, double s, double t, double divergence, double *variance)
{
  double a, sd, lower;
  int status = sb_process_scalars (process, s, t, &a, &sd);
  if (!status)
    status = beta_tilde (process, s, t, &lower);
  if (!status)
    *variance = GSL_MAX_DBL (lower, gsl_pow_2 (sd / a) * (1 + sd * sd * divergence / (double)process->dimension));
  return status;
}

int
sb_reverse_variance (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                     const gsl_matrix *x, gsl_vector *variance)
{
  if (t->size != x->size1 || variance->size != x->size1 || (s && s->size != x->size1))
    GSL_ERROR ("points, times and variances do not fit together", GSL_EBADLEN);
  int status = GSL_SUCCESS;
  if (reverse->variance == SB_VARIANCE_OPTIMAL || reverse->last == SB_VARIANCE_OPTIMAL)
    status = sb_score_divergence (reverse->score, x, t, y, variance);
  for (size_t i = 0; i < x->size1 && !status; i++)
    {
      double s_i = s ? gsl_vector_get (s, i) : 0, t_i = gsl_vector_get (t, i), *v_i = gsl_vector_ptr (variance, i);
      sb_variance choice = s_i > 0 ? reverse->variance : reverse->last;
      status = choice == SB_VARIANCE_OPTIMAL
                   ? optimal (reverse->score->process, s_i, t_i, *v_i, v_i)
                   : sb_reverse_fixed_variance (reverse->score->process, choice, s_i, t_i, v_i);
    }
  return status;
}

// ## Its density

static int
add_log_densities (const gsl_matrix *mean, const gsl_vector *variance, const gsl_matrix *x_s, gsl_vector *log_p)
{
  for (size_t i = 0; i < x_s->size1; i++)
    {
      double squared = 0;
      for (size_t j = 0; j < x_s->size2; j++)
        squared += gsl_pow_2 (gsl_matrix_get (x_s, i, j) - gsl_matrix_get (mean, i, j));
      if (!(gsl_vector_get (variance, i) > 0))
        GSL_ERROR ("a step without noise has no density: beta-tilde is 0 where s = 0", GSL_EDOM);
      gsl_vector_set (log_p, i, sb_isotropic_log_density (x_s->size2, squared, gsl_vector_get (variance, i)));
    }
  return GSL_SUCCESS;
}

int
sb_reverse_log_density (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
                        const gsl_matrix *x_t, const gsl_matrix *x_s, gsl_vector *log_p)
{
  if (x_s->size1 != x_t->size1 || x_s->size2 != x_t->size2 || log_p->size != x_t->size1)
    GSL_ERROR ("x_s, x_t and the densities do not fit together", GSL_EBADLEN);
  gsl_matrix *mean = gsl_matrix_alloc (x_t->size1, x_t->size2);
  gsl_vector *variance = gsl_vector_alloc (x_t->size1);
  int status = mean && variance ? sb_reverse_mean (reverse, y, s, t, x_t, mean) : GSL_ENOMEM;
  if (!status)
    status = sb_reverse_variance (reverse, y, s, t, x_t, variance);
  if (!status)
    status = add_log_densities (mean, variance, x_s, log_p);
  gsl_matrix_free (mean);
  gsl_vector_free (variance);
  return status;
}

// ## The backward chain
//
// From $\mathbf{x}_T \sim \mathcal{N}(\mathbf{0}, \mathbf{I})$ on, the steps multiply: [dsm2ddpm.txt-reverse-joint]
// $$ p_\theta(\mathbf{x}_{0:T}) = p(\mathbf{x}_T) \prod_{t=1}^{T} p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t). $$
// On a path all steps are known, so the model is asked about all levels at once.

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
  if (N == 0)
    GSL_ERROR ("only a chain has steps", GSL_EUNSUP);
  if (path->size1 != N + 1)
    GSL_ERROR ("a path of a chain of N steps has N + 1 rows", GSL_EBADLEN);
  gsl_vector *s = gsl_vector_alloc (N), *t = gsl_vector_alloc (N), *log_step = gsl_vector_alloc (N);
  int status = s && t && log_step ? add_path (reverse, y, path, s, t, log_step, log_p) : GSL_ENOMEM;
  gsl_vector_free (s);
  gsl_vector_free (t);
  gsl_vector_free (log_step);
  return status;
}
