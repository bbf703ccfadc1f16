// # The posterior of a step
//
// Reversing a chain would be easy if its starting point were known. For two times $s < t$ Bayes' rule gives, as the
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

#include <math.h>
#include <stdlib.h>

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
// At $t = 1$ the posterior is degenerate: the mean is $\mathbf{x}_0$ and $\tilde\beta_1 = 0$. (The report prints both
// denominators as $1 - \bar\alpha_{t-1}$, and the mean as $\mathbf{v}/\gamma$.)
//
// Since $\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1 - \bar\alpha_t}\,\boldsymbol\varepsilon$, the noise
// determines it as $\mathbf{x}_0$ does, [dsm2ddpm.txt-posterior-mean-eps]
// $$ \tilde\mu = \frac{1}{\sqrt{\alpha_t}}
//    \Bigl(\mathbf{x}_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar\alpha_t}}\,\boldsymbol\varepsilon\Bigr), $$
// and so does the conditional score $-\boldsymbol\varepsilon/\sqrt{1 - \bar\alpha_t}$.

//
// On SMLD's chain, where $a = 1$, $v_s = \sigma_{i-1}^2$ and $v_t = \sigma_i^2$, it is
// [scoresde.txt-smld-posterior]
// $$ q(\mathbf{x}_{i-1} \mid \mathbf{x}_i, \mathbf{x}_0) = \mathcal{N}\Bigl(\mathbf{x}_{i-1};\;
//    \frac{\sigma_{i-1}^2}{\sigma_i^2}\,\mathbf{x}_i + \Bigl(1 - \frac{\sigma_{i-1}^2}{\sigma_i^2}\Bigr)\mathbf{x}_0,\;
//    \frac{\sigma_{i-1}^2 (\sigma_i^2 - \sigma_{i-1}^2)}{\sigma_i^2}\,\mathbf{I}\Bigr), $$
// whose standard deviation is the $\tau_i$ that ancestral sampling puts back. [scoresde.txt-smld-tau]

typedef struct
{
  double a, v;     // of x_t given x_s
  double a_s, v_s; // of x_s given x_0
  double sd_t;     // of x_t given x_0
} kernels;

static int
posterior_of_part (const kernels *k, sb_view view, sb_posterior *p)
{
  const double v_t = k->sd_t * k->sd_t;
  if (view != SB_DENOISER && k->a == 0)
    SB_ERROR (NULL, GSL_ESING, "A(s,t) = 0: x_t does not depend on x_s, and a score cannot give its mean");
  if (k->sd_t == 0)
    *p = (sb_posterior){ .of_x = 1 / k->a };
  else if (view == SB_DENOISER)
    *p = (sb_posterior){ .of_x = k->a * k->v_s / v_t, .of_e = k->a_s * k->v / v_t };
  else
    *p = (sb_posterior){ .of_x = 1 / k->a, .of_e = (view == SB_SCORE ? k->v : -k->v / k->sd_t) / k->a };
  p->variance = k->sd_t > 0 ? k->v_s * (k->v / v_t) : 0;
  return GSL_SUCCESS;
}

static int
check_times (double s, double t)
{
  if (!(0 <= s && s < t))
    SB_ERROR (NULL, GSL_EDOM, "a posterior looks back from t to s with 0 <= s < t, not from %g to %g", t, s);
  return GSL_SUCCESS;
}

// `numbers` is memory for five numbers per part.

static int
posterior_at (const sb_process *process, sb_view view, double s, double t, double *numbers, sb_posterior *posterior)
{
  const size_t parts = process->parts;
  double *a = numbers, *sd = a + parts, *a_s = sd + parts, *sd_s = a_s + parts, *sd_t = sd_s + parts;
  int status = sb_process_numbers (process, SB_A, s, t, a);
  if (!status)
    status = sb_process_numbers (process, SB_S, s, t, sd);
  if (!status)
    status = sb_process_numbers (process, SB_A, 0, s, a_s);
  if (!status)
    status = sb_process_numbers (process, SB_S, 0, s, sd_s);
  if (!status)
    status = sb_process_numbers (process, SB_S, 0, t, sd_t);
  for (size_t k = 0; k < parts && !status; k++)
    status = posterior_of_part (&(kernels){ a[k], sd[k] * sd[k], a_s[k], sd_s[k] * sd_s[k], sd_t[k] }, view,
                                &posterior[k]);
  return status;
}

int
sb_posterior_at (const sb_process *process, sb_view view, double s, double t, sb_posterior *posterior)
{
  int status = check_times (s, t);
  if (!status)
    status = sb_check_view (view);
  if (status)
    return status;
  double few[5], *numbers = process->parts > 1 ? malloc (5 * process->parts * sizeof *numbers) : few;
  status = numbers ? posterior_at (process, view, s, t, numbers, posterior) : GSL_ENOMEM;
  if (numbers != few)
    free (numbers);
  return status;
}

// ## Batches
//
// Each row has its own times, and so its own numbers: three matrices of coefficients, n x parts each, one below the
// other.

static int
fill_coefficients (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t, sb_posterior *p,
                   gsl_matrix *c)
{
  const size_t n = t->size;
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < n && !status; i++)
    {
      status = sb_posterior_at (process, view, s ? gsl_vector_get (s, i) : 0, gsl_vector_get (t, i), p);
      for (size_t k = 0; k < process->parts && !status; k++)
        {
          gsl_matrix_set (c, i, k, p[k].of_x);
          gsl_matrix_set (c, n + i, k, p[k].of_e);
          gsl_matrix_set (c, 2 * n + i, k, p[k].variance);
        }
    }
  return status;
}

static int
coefficients_alloc (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t, gsl_matrix **c)
{
  *c = NULL;
  if (sb_process_check_parts (process, "a posterior"))
    return GSL_EUNSUP;
  *c = gsl_matrix_alloc (3 * t->size, process->parts);
  sb_posterior *p = malloc (process->parts * sizeof *p);
  int status = *c && p ? fill_coefficients (process, view, s, t, p, *c) : GSL_ENOMEM;
  free (p);
  return status;
}

static gsl_matrix_view
coefficients (gsl_matrix *c, size_t which)
{
  const size_t n = c->size1 / 3;
  return gsl_matrix_submatrix (c, which * n, 0, n, c->size2);
}

static int
check_batch (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x,
             const gsl_matrix *e)
{
  if (x->size2 != process->dimension || t->size != x->size1 || (s && s->size != x->size1) || e->size1 != x->size1
      || e->size2 != x->size2)
    SB_ERROR (NULL, GSL_EBADLEN,
              "x is %zu x %zu, e is %zu x %zu, there are %zu times, and the process has %zu coordinates", x->size1,
              x->size2, e->size1, e->size2, t->size, process->dimension);
  return GSL_SUCCESS;
}

// e becomes the mean, or with z a draw. Variances are replaced by deviations.

static int
combine (const sb_process *process, gsl_matrix *c, const gsl_matrix *x_t, const gsl_matrix *z, gsl_matrix *e)
{
  gsl_matrix_view of_x = coefficients (c, 0), of_e = coefficients (c, 1), of_z = coefficients (c, 2);
  for (size_t i = 2 * x_t->size1; i < c->size1; i++)
    for (size_t k = 0; k < c->size2; k++)
      *gsl_matrix_ptr (c, i, k) = sqrt (gsl_matrix_get (c, i, k));
  const sb_term term[] = { { &of_x.matrix, x_t }, { &of_e.matrix, e }, { &of_z.matrix, z } };
  return sb_process_combine (process, z ? 3 : 2, term, NULL, e);
}

static int
mean_or_draw (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_t,
              const gsl_matrix *z, gsl_matrix *e)
{
  int status = check_batch (process, s, t, x_t, e);
  if (status || x_t->size1 == 0)
    return status;
  gsl_matrix *c;
  status = coefficients_alloc (process, view, s, t, &c);
  if (!status)
    status = combine (process, c, x_t, z, e);
  gsl_matrix_free (c);
  return status;
}

int
sb_posterior_mean (const sb_process *process, sb_view view, const gsl_vector *s, const gsl_vector *t,
                   const gsl_matrix *x_t, gsl_matrix *e)
{
  return mean_or_draw (process, view, s, t, x_t, NULL, e);
}

static int
check_alike (const gsl_matrix *a, const gsl_matrix *b)
{
  if (a->size1 != b->size1 || a->size2 != b->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "one batch is %zu x %zu, another %zu x %zu", a->size1, a->size2, b->size1, b->size2);
  return GSL_SUCCESS;
}

int
sb_posterior_draw (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_t,
                   const gsl_matrix *x_0, const gsl_matrix *z, gsl_matrix *x_s)
{
  int status = check_alike (x_0, x_s);
  if (!status && z)
    status = check_alike (z, x_s);
  if (status)
    return status;
  gsl_matrix_memcpy (x_s, x_0);
  return mean_or_draw (process, SB_DENOISER, s, t, x_t, z, x_s);
}

static int
log_density (const sb_process *process, gsl_matrix *c, const gsl_matrix *x_t, const gsl_matrix *x_0,
             const gsl_matrix *x_s, gsl_matrix *delta, gsl_vector *log_q)
{
  gsl_matrix_view of_x = coefficients (c, 0), of_e = coefficients (c, 1), variance = coefficients (c, 2);
  int status
      = sb_process_combine (process, 2, (sb_term[]){ { &of_x.matrix, x_t }, { &of_e.matrix, x_0 } }, NULL, delta);
  if (status)
    return status;
  gsl_matrix_sub (delta, x_s);
  return sb_parts_log_density (process, delta, &variance.matrix, log_q);
}

int
sb_posterior_log_density (const sb_process *process, const gsl_vector *s, const gsl_vector *t, const gsl_matrix *x_t,
                          const gsl_matrix *x_0, const gsl_matrix *x_s, gsl_vector *log_q)
{
  int status = check_batch (process, s, t, x_t, x_0);
  if (!status)
    status = check_alike (x_0, x_s);
  if (!status && log_q->size != x_s->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu points have as many densities, not %zu", x_s->size1, log_q->size);
  if (status || x_t->size1 == 0)
    return status;
  gsl_matrix *c, *delta = gsl_matrix_alloc (x_t->size1, x_t->size2);
  status = coefficients_alloc (process, SB_DENOISER, s, t, &c);
  if (!status)
    status = delta ? log_density (process, c, x_t, x_0, x_s, delta, log_q) : GSL_ENOMEM;
  gsl_matrix_free (c);
  gsl_matrix_free (delta);
  return status;
}
