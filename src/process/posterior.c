// # The posterior of a step
//
// Walking a chain back would be easy if one knew where it had started. For two times $s < t$ Bayes' rule gives, as the
// report's Appendix A.3 shows, [dsm2ddpm.txt-posterior] [dsm2ddpm.txt-A3-bayes]
// $$ q(\mathbf{x}_s \mid \mathbf{x}_t, \mathbf{x}_0)
//    = \frac{q(\mathbf{x}_t \mid \mathbf{x}_s)\, q(\mathbf{x}_s \mid \mathbf{x}_0)}{q(\mathbf{x}_t \mid \mathbf{x}_0)}
//    = \mathcal{N}(\mathbf{x}_s;\; \tilde\mu,\; \tilde\beta\,\mathbf{I}). $$
// The report has $s = t - 1$ on DDPM's chain, where level $t$ is our time $t/T$. In general let $a$ and $v$ be the mean
// factor and variance of $\mathbf{x}_t$ given $\mathbf{x}_s$, $a_s$, $v_s$ those of $\mathbf{x}_s$ given
// $\mathbf{x}_0$, and $v_t$ the variance of $\mathbf{x}_t$ given $\mathbf{x}_0$. On DDPM's chain these are
// $$ a = \sqrt{\alpha_t}, \quad v = \beta_t, \quad a_s = \sqrt{\bar\alpha_{t-1}}, \quad v_s = 1 - \bar\alpha_{t-1},
//    \quad v_t = 1 - \bar\alpha_t. $$

#include "posterior.h"

#include "../base/error.h"
#include "isotropic.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

typedef struct
{
  double a, v;
  double a_s, v_s;
  double v_t, sd_t;
} kernels;

static int
kernels_at (const sb_process *process, double s, double t, kernels *k)
{
  double sd, sd_s, a_t;
  if (!(0 <= s && s < t))
    SB_ERROR (NULL, GSL_EDOM, "a posterior looks back from t to s with 0 <= s < t, not from %g to %g", t, s);
  int status = sb_process_scalars (process, s, t, &k->a, &sd);
  if (!status)
    status = sb_process_scalars (process, 0, s, &k->a_s, &sd_s);
  if (!status)
    status = sb_process_scalars (process, 0, t, &a_t, &k->sd_t);
  if (status)
    return status;
  k->v = sd * sd;
  k->v_s = sd_s * sd_s;
  k->v_t = k->sd_t * k->sd_t;
  return GSL_SUCCESS;
}

// ## Mean and variance
//
// In $\mathbf{x}_s$ the exponent of the product is $-\tfrac12\bigl(\gamma\|\mathbf{x}_s\|^2 - \langle \mathbf{x}_s,
// \mathbf{v}\rangle\bigr)$ with $\gamma = \frac{\alpha_t}{\beta_t} + \frac{1}{1 - \bar\alpha_{t-1}}$ and $\mathbf{v} =
// \frac{2\sqrt{\alpha_t}}{\beta_t}\mathbf{x}_t + \frac{2\sqrt{\bar\alpha_{t-1}}}{1 - \bar\alpha_{t-1}}\mathbf{x}_0$,
// [dsm2ddpm.txt-A3-exponent] so the mean is $\mathbf{v}/2\gamma$ and the variance $1/\gamma$:
// [dsm2ddpm.txt-A3-identify] [dsm2ddpm.txt-posterior-mean-x0] [dsm2ddpm.txt-posterior-var]
// $$ \tilde\mu = \frac{\sqrt{\alpha_t}(1 - \bar\alpha_{t-1})}{1 - \bar\alpha_t}\,\mathbf{x}_t
//    + \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1 - \bar\alpha_t}\,\mathbf{x}_0
//    = \frac{a\,v_s}{v_t}\,\mathbf{x}_t + \frac{a_s v}{v_t}\,\mathbf{x}_0, \qquad
//    \tilde\beta_t = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\,\beta_t = \frac{v_s v}{v_t}. $$
// At $t = 1$ nothing is left to ask: the mean is $\mathbf{x}_0$ and $\tilde\beta_1 = 0$. (The report prints both
// denominators as $1 - \bar\alpha_{t-1}$, and the mean as $\mathbf{v}/\gamma$.)
//
// Since $\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1 - \bar\alpha_t}\,\boldsymbol\varepsilon$, the noise
// says as much as $\mathbf{x}_0$, [dsm2ddpm.txt-posterior-mean-eps]
// $$ \tilde\mu = \frac{1}{\sqrt{\alpha_t}}
//    \Bigl(\mathbf{x}_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar\alpha_t}}\,\boldsymbol\varepsilon\Bigr), $$
// and so does the conditional score $-\boldsymbol\varepsilon/\sqrt{1 - \bar\alpha_t}$.

int
sb_posterior_at (const sb_process *process, sb_view view, double s, double t, sb_posterior *posterior)
{
  kernels k;
  int status = kernels_at (process, s, t, &k);
  if (status)
    return status;
  posterior->variance = k.v_s * k.v / k.v_t;
  switch (view)
    {
    case SB_DENOISER:
      posterior->of_x = k.a * k.v_s / k.v_t;
      posterior->of_e = k.a_s * k.v / k.v_t;
      return GSL_SUCCESS;
    case SB_EPSILON:
      posterior->of_x = 1 / k.a;
      posterior->of_e = -k.v / (k.a * k.sd_t);
      return GSL_SUCCESS;
    case SB_SCORE:
      posterior->of_x = 1 / k.a;
      posterior->of_e = k.v / k.a;
      return GSL_SUCCESS;
    default:
      GSL_ERROR ("a view is the score, the denoiser or epsilon", GSL_EINVAL);
    }
}

// ## Batches
//
// Each row has its own times.

static int
check (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x)
{
  if (x->size2 != process->dimension || t->size != x->size1 || (s && s->size != x->size1))
    GSL_ERROR ("points and times do not fit together", GSL_EBADLEN);
  return GSL_SUCCESS;
}

static int
alike (const gsl_matrix *x, const gsl_matrix *y)
{
  return x->size1 == y->size1 && x->size2 == y->size2;
}

static int
posterior_of_row (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t, size_t i,
                  sb_posterior *p)
{
  return sb_posterior_at (process, view, s ? gsl_vector_get (s, i) : 0, gsl_vector_get (t, i), p);
}

int
sb_posterior_mean (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t,
                   const gsl_matrix *x_t, gsl_matrix *e)
{
  int status = check (process, s, t, x_t);
  if (!status && !alike (x_t, e))
    GSL_ERROR ("e has not the shape of the batch", GSL_EBADLEN);
  for (size_t i = 0; i < x_t->size1 && !status; i++)
    {
      sb_posterior p;
      status = posterior_of_row (process, view, s, t, i, &p);
      for (size_t j = 0; j < x_t->size2 && !status; j++)
        gsl_matrix_set (e, i, j, p.of_x * gsl_matrix_get (x_t, i, j) + p.of_e * gsl_matrix_get (e, i, j));
    }
  return status;
}

int
sb_posterior_draw (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_t,
                   const gsl_matrix *x_0, const gsl_matrix *z, gsl_matrix *x_s)
{
  if (!alike (x_0, x_s) || (z && !alike (z, x_s)))
    GSL_ERROR ("x_0, x_s and the normals do not fit together", GSL_EBADLEN);
  gsl_matrix_memcpy (x_s, x_0);
  int status = sb_posterior_mean (process, SB_DENOISER, s, t, x_t, x_s);
  for (size_t i = 0; i < x_s->size1 && z && !status; i++)
    {
      sb_posterior p;
      gsl_vector_const_view z_i = gsl_matrix_const_row (z, i);
      gsl_vector_view x_i = gsl_matrix_row (x_s, i);
      status = posterior_of_row (process, SB_DENOISER, s, t, i, &p);
      if (!status)
        gsl_blas_daxpy (sqrt (p.variance), &z_i.vector, &x_i.vector);
    }
  return status;
}

int
sb_posterior_log_density (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_t,
                          const gsl_matrix *x_0, const gsl_matrix *x_s, gsl_vector *log_q)
{
  if (!alike (x_0, x_s) || log_q->size != x_s->size1)
    GSL_ERROR ("x_0, x_s and the densities do not fit together", GSL_EBADLEN);
  int status = check (process, s, t, x_t);
  if (!status && !alike (x_t, x_s))
    GSL_ERROR ("x_t and x_s do not fit together", GSL_EBADLEN);
  for (size_t i = 0; i < x_s->size1 && !status; i++)
    {
      sb_posterior p;
      double squared = 0;
      status = posterior_of_row (process, SB_DENOISER, s, t, i, &p);
      for (size_t j = 0; j < x_s->size2 && !status; j++)
        squared += gsl_pow_2 (gsl_matrix_get (x_s, i, j) - p.of_x * gsl_matrix_get (x_t, i, j)
                              - p.of_e * gsl_matrix_get (x_0, i, j));
      if (!status && p.variance == 0)
        GSL_ERROR ("x_0 given x_0 has no density", GSL_EDOM);
      if (!status)
        gsl_vector_set (log_q, i, sb_isotropic_log_density (x_s->size2, squared, p.variance));
    }
  return status;
}
