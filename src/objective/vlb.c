// # The variational bound
//
// The likelihood of a diffusion model is an integral over paths. By Jensen's inequality the mean of a logarithm along
// the paths of the forward chain bounds it, [dsm2ddpm.txt-VLB-bound]
// $$ -\log p_\theta(x_0)
//    = -\log \operatorname{E}_{q(x_{1:T} \mid x_0)}\Bigl[\frac{p_\theta(x_{0:T})}{q(x_{1:T} \mid x_0)}\Bigr]
//    \;\le\; \operatorname{E}_{q(x_{1:T} \mid x_0)}\Bigl[\log\frac{q(x_{1:T} \mid x_0)}{p_\theta(x_{0:T})}\Bigr], $$
// an upper bound on the *negative* log-likelihood. The report's Appendix A.4 calls it a lower bound of the
// log-likelihood, which has the opposite sign. Its $t$ is our level $i$, at time $i/N$; its $\alpha_t$ is $1 -
// \beta_t$, and $\bar\alpha_t$ the product.

#include "vlb.h"

#include "../base/error.h"
#include "../process/ddpm.h"
#include "../transition/isotropic.h"
#include "../transition/path.h"
#include "../transition/posterior.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_log.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

// ## Along a path
//
// For $t \ge 2$ Bayes' rule reverses each forward step, $q(x_t \mid x_{t-1}) = q(x_{t-1} \mid x_t, x_0)\, q(x_t \mid
// x_0) / q(x_{t-1} \mid x_0)$. In the product over $t$ the quotients of marginals cancel but for the last, and on every
// single path [dsm2ddpm.txt-VLB-telescope]
// $$ \log\frac{q(x_{1:T} \mid x_0)}{p_\theta(x_{0:T})} = \log\frac{q(x_T \mid x_0)}{p(x_T)}
//    + \sum_{t=2}^{T}\log\frac{q(x_{t-1} \mid x_t, x_0)}{p_\theta(x_{t-1} \mid x_t)} - \log p_\theta(x_0 \mid x_1). $$
// Both sides can be computed, and are: first the left one.

static int
check_chain (const sb_process *chain)
{
  if (chain->levels == 0 || chain->parts != 1)
    SB_ERROR (NULL, GSL_EINVAL, "a bound is of a chain of one part, not of %s", chain->type->name);
  return GSL_SUCCESS;
}

int
sb_vlb_path (const sb_reverse *reverse, const gsl_matrix *y, const gsl_matrix *path, double *ratio)
{
  double log_q, log_p;
  int status = sb_path_log_density (reverse->score->process, path, &log_q);
  if (!status)
    status = sb_reverse_path_log_density (reverse, y, path, &log_p);
  if (!status)
    *ratio = log_q - log_p;
  return status;
}

// The right one, term by term. $x_0$ is repeated in N rows, so that all levels are evaluated at once.

typedef struct
{
  gsl_vector *s, *t, *log_p, *log_q;
  gsl_matrix *x_0;
} path_work;

static int
last_term (const sb_process *chain, const gsl_matrix *path, double *term)
{
  double one = 1, log_q, log_prior;
  gsl_vector_view t = gsl_vector_view_array (&one, 1), q = gsl_vector_view_array (&log_q, 1),
                  p = gsl_vector_view_array (&log_prior, 1);
  gsl_matrix_const_view x_0 = gsl_matrix_const_submatrix (path, 0, 0, 1, path->size2);
  gsl_matrix_const_view x_T = gsl_matrix_const_submatrix (path, chain->levels, 0, 1, path->size2);
  int status = sb_kernel_log_density (chain, NULL, &t.vector, &x_0.matrix, &x_T.matrix, &q.vector);
  if (!status)
    status = sb_process_prior_log_density (chain, &x_T.matrix, &p.vector);
  if (!status)
    *term = log_q - log_prior;
  return status;
}

static int
posterior_terms (const sb_process *chain, const gsl_matrix *path, path_work *w)
{
  const size_t middle = chain->levels - 1;
  if (middle == 0)
    return GSL_SUCCESS;
  gsl_vector_const_view s = gsl_vector_const_subvector (w->s, 1, middle),
                        t = gsl_vector_const_subvector (w->t, 1, middle);
  gsl_vector_view log_q = gsl_vector_subvector (w->log_q, 1, middle);
  gsl_matrix_const_view x_s = gsl_matrix_const_submatrix (path, 1, 0, middle, path->size2);
  gsl_matrix_const_view x_t = gsl_matrix_const_submatrix (path, 2, 0, middle, path->size2);
  gsl_matrix_const_view x_0 = gsl_matrix_const_submatrix (w->x_0, 0, 0, middle, path->size2);
  return sb_posterior_log_density (chain, &s.vector, &t.vector, &x_t.matrix, &x_0.matrix, &x_s.matrix, &log_q.vector);
}

static int
path_terms (const sb_reverse *reverse, const gsl_matrix *y, const gsl_matrix *path, path_work *w, gsl_vector *terms)
{
  const sb_process *chain = reverse->score->process;
  const size_t N = chain->levels;
  gsl_matrix_const_view to = gsl_matrix_const_submatrix (path, 0, 0, N, path->size2);
  gsl_matrix_const_view from = gsl_matrix_const_submatrix (path, 1, 0, N, path->size2);
  gsl_vector_const_view x_0 = gsl_matrix_const_row (path, 0);
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set_row (w->x_0, i, &x_0.vector);
  int status = sb_path_times (chain, w->s, w->t);
  if (!status)
    status = posterior_terms (chain, path, w);
  if (!status)
    status = sb_reverse_log_density (reverse, y, w->s, w->t, &from.matrix, &to.matrix, w->log_p);
  for (size_t i = 0; i < N && !status; i++)
    gsl_vector_set (terms, i, (i > 0 ? gsl_vector_get (w->log_q, i) : 0) - gsl_vector_get (w->log_p, i));
  return status ? status : last_term (chain, path, gsl_vector_ptr (terms, N));
}

int
sb_vlb_path_terms (const sb_reverse *reverse, const gsl_matrix *y, const gsl_matrix *path, gsl_vector *terms)
{
  const size_t N = reverse->score->process->levels;
  if (sb_process_check_chain (reverse->score->process))
    return GSL_EUNSUP;
  if (path->size1 != N + 1 || terms->size != N + 1)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu points and %zu terms of %zu steps, not N + 1", path->size1, terms->size, N);
  path_work w = { gsl_vector_alloc (N), gsl_vector_alloc (N), gsl_vector_alloc (N), gsl_vector_alloc (N),
                  gsl_matrix_alloc (N, path->size2) };
  int status = w.s && w.t && w.log_p && w.log_q && w.x_0 ? path_terms (reverse, y, path, &w, terms) : GSL_ENOMEM;
  gsl_vector_free (w.s);
  gsl_vector_free (w.t);
  gsl_vector_free (w.log_p);
  gsl_vector_free (w.log_q);
  gsl_matrix_free (w.x_0);
  return status;
}

// ## In the mean
//
// Averaged over the forward chain, two of the three kinds of terms are divergences between Gaussians:
// [dsm2ddpm.txt-VLB-terms]
// $$ \mathcal{L}_{\mathrm{VLB}} = \operatorname{E}_q\Bigl[
//    \underbrace{D_{\mathrm{KL}}(q(x_T \mid x_0) \,\|\, p(x_T))}_{L_T}
//    + \sum_{t=2}^T \underbrace{D_{\mathrm{KL}}(q(x_{t-1} \mid x_t, x_0) \,\|\, p_\theta(x_{t-1} \mid x_t))}_{L_{t-1}}
//    \underbrace{\,-\, \log p_\theta(x_0 \mid x_1)}_{L_0} \Bigr]. $$
// A divergence in closed form has less variance than the log ratio it is the mean of.
//
// The first has no parameter, for neither of its two laws has: [dsm2ddpm.txt-VLB-LT]
// $$ L_T = \tfrac12\bigl[\bar\alpha_T\|x_0\|^2 - d\,\bar\alpha_T - d\ln(1 - \bar\alpha_T)\bigr], $$
// $2\cdot10^{-5}$ nats per dimension for data of unit size after the usual 1000 steps. Its last two terms cancel to
// $10^{-4}$ of each; GSL's $\ln(1 + x) - x$ keeps all digits. With a prior of variance $P^2$, as SMLD's, it is
// $\tfrac12\bigl[a^2\|x_0\|^2/P^2 - d\,(\ln(1 + x) - x)\bigr]$ with $x = s^2/P^2 - 1$, for DDPM $-\bar\alpha_T$.

static int
end_of_chain (const sb_process *chain, double *a, double *prior_sd, double *x)
{
  double sd;
  const double alpha_bar = sb_ddpm_alpha (chain, chain->levels);
  int status = sb_process_scalars (chain, 0, 1, a, &sd);
  if (!status && !chain->type->prior_sd)
    SB_ERROR (NULL, GSL_EUNSUP, "the chain %s has no prior", chain->type->name);
  if (!status)
    status = chain->type->prior_sd (chain->state, prior_sd);
  *x = gsl_isnan (alpha_bar) ? (sd - *prior_sd) * (sd + *prior_sd) / gsl_pow_2 (*prior_sd) : -alpha_bar;
  return status;
}

int
sb_vlb_prior (const sb_process *chain, const gsl_matrix *x_0, gsl_vector *L_T)
{
  double a = 0, P = 1, x = 0;
  if (x_0->size2 != chain->dimension || L_T->size != x_0->size1)
    SB_ERROR (NULL, GSL_EBADLEN, "x_0 is %zu x %zu, the chain has %zu coordinates, and there are %zu terms", x_0->size1,
              x_0->size2, chain->dimension, L_T->size);
  int status = check_chain (chain);
  if (!status)
    status = end_of_chain (chain, &a, &P, &x);
  for (size_t i = 0; i < x_0->size1 && !status; i++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (x_0, i);
      const double norm = a / P * gsl_blas_dnrm2 (&row.vector), d = (double)chain->dimension;
      gsl_vector_set (L_T, i, 0.5 * (norm * norm - d * gsl_sf_log_1plusx_mx (x)));
    }
  return status;
}

// ## A step's term
//
// Posterior and model have the same mean, one with the truth in it and the other with the estimate, so the distance of
// the means is the error of the estimate times its coefficient,
// $\frac{\beta_t}{\sqrt{\alpha_t}\sqrt{1 - \bar\alpha_t}}\,\|\varepsilon - \varepsilon_\theta\|$. The means themselves,
// which hardly differ, are not subtracted. With the model's variance $\sigma_t^2$ the divergence is
// $w_t\,\|\varepsilon - \varepsilon_\theta\|^2 + \frac d2\bigl[\ln\frac{\sigma_t^2}{\tilde\beta_t}
// + \frac{\tilde\beta_t}{\sigma_t^2} - 1\bigr]$ with the weight [dsm2ddpm.txt-VLB-eps]
// $$ w_t = \frac{(1 - \alpha_t)^2}{2\,\alpha_t (1 - \bar\alpha_t)\,\sigma_t^2}, \qquad
//    \text{for } \sigma_t^2 = \tilde\beta_t\text{:}\quad w_t = \frac{\beta_t}{2\,\alpha_t(1 - \bar\alpha_{t-1})}
//    = \frac{1 - \bar\alpha_t}{2\,\bar\alpha_t}\,\bigl(\mathrm{SNR}_{t-1} - \mathrm{SNR}_t\bigr), $$
// $\mathrm{SNR}_t = \bar\alpha_t/(1 - \bar\alpha_t)$; the report has the square of $\tilde\beta_t$ in the denominator.
//
// The same of SMLD's chain, whose model takes steps of variance $\tau_i^2$ around a mean $\boldsymbol\mu_\theta$, is
// [scoresde.txt-smld-elbo]
// $$ L_{i-1} = \operatorname{E}\Bigl[\frac{1}{2\tau_i^2}\Bigl\|\mathbf{x}_i(\mathbf{x}_0, \mathbf{z})
//    - \frac{\sigma_i^2 - \sigma_{i-1}^2}{\sigma_i}\,\mathbf{z}
//    - \boldsymbol\mu_\theta(\mathbf{x}_i(\mathbf{x}_0, \mathbf{z}), i)\Bigr\|^2\Bigr] + C, \qquad
//    C = \frac d2\Bigl[\ln\frac{\tau_i^2}{v_i} + \frac{v_i}{\tau_i^2} - 1\Bigr], $$
// $v_i$ being the variance of the posterior: the weight of $\|\varepsilon - \varepsilon_\theta\|^2$ is
// $(\sigma_i^2 - \sigma_{i-1}^2)^2/(2\,\tau_i^2\sigma_i^2)$. It begins at $i = 2$, for $v_1 = 0$; the first step is the
// decoder's. The code below is the same for either chain.

static int
level_of (const sb_process *chain, double t, size_t *i)
{
  int status = sb_process_level (chain, t, i);
  if (!status && *i == 0)
    SB_ERROR (NULL, GSL_EDOM, "no step starts at t = %g, the level of the data", t);
  return status;
}

static double
before (const sb_process *chain, size_t i)
{
  return (double)(i - 1) / (double)chain->levels;
}

double
sb_vlb_weight (const sb_process *chain, size_t i, double variance)
{
  sb_posterior p;
  if (check_chain (chain))
    return GSL_NAN;
  if (i < 1 || i > chain->levels)
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "no step starts at level %zu of %zu", i, chain->levels);
  if (!(variance > 0))
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "a step of variance %g has no weight", variance);
  if (sb_posterior_at (chain, SB_EPSILON, before (chain, i), (double)i / (double)chain->levels, &p))
    return GSL_NAN;
  return gsl_pow_2 (p.of_e) / (2 * variance);
}

// The truth that the estimate is compared with: $x_0$, $\varepsilon$ or $-\varepsilon/\sqrt{1 - \bar\alpha_t}$.

static double
truth (sb_view view, double x_0, double z, double sd)
{
  return view == SB_DENOISER ? x_0 : view == SB_EPSILON ? z : -z / sd;
}

typedef struct
{
  const sb_vlb *vlb;
  const gsl_matrix *x_0, *z;
  gsl_vector *s;
  gsl_matrix *variance; // n x 1: DDPM's chain is of one part
  gsl_matrix *x_t, *e;
} term_work;

static int
step_term (const term_work *w, size_t row, double t, double *term)
{
  const sb_reverse *reverse = &w->vlb->reverse;
  const sb_process *chain = reverse->score->process;
  double a, sd, squared = 0;
  sb_posterior p;
  int status = sb_posterior_at (chain, reverse->view, gsl_vector_get (w->s, row), t, &p);
  if (!status)
    status = sb_process_scalars (chain, 0, t, &a, &sd);
  if (status)
    return status;
  for (size_t j = 0; j < w->e->size2; j++)
    squared += gsl_pow_2 (p.of_e
                          * (truth (reverse->view, gsl_matrix_get (w->x_0, row, j), gsl_matrix_get (w->z, row, j), sd)
                             - gsl_matrix_get (w->e, row, j)));
  *term = sb_isotropic_kl (w->e->size2, squared, p.variance, gsl_matrix_get (w->variance, row, 0));
  return GSL_SUCCESS;
}

// The last step's term is the decoder's, at the model's mean $\mu_\theta(x_1, 1)$.

static int
decoder_term (const term_work *w, size_t row, double t, double *term)
{
  const sb_reverse *reverse = &w->vlb->reverse;
  const size_t d = w->e->size2;
  gsl_vector_view time = gsl_vector_view_array (&t, 1), log_p = gsl_vector_view_array (term, 1),
                  variance = gsl_matrix_row (w->variance, row);
  gsl_matrix_const_view x_0 = gsl_matrix_const_submatrix (w->x_0, row, 0, 1, d),
                        x_1 = gsl_matrix_const_submatrix (w->x_t, row, 0, 1, d);
  gsl_matrix_view mean = gsl_matrix_submatrix (w->e, row, 0, 1, d);
  int status
      = sb_posterior_mean (reverse->score->process, reverse->view, NULL, &time.vector, &x_1.matrix, &mean.matrix);
  if (!status)
    status = sb_decoder_log_mass (&w->vlb->decoder, &x_0.matrix, &mean.matrix, &variance.vector, &log_p.vector, NULL);
  if (!status)
    *term *= -1;
  return status;
}

static int
terms (term_work *w, const gsl_matrix *y, const gsl_vector *t, gsl_vector *term)
{
  const sb_reverse *reverse = &w->vlb->reverse;
  const sb_process *chain = reverse->score->process;
  int status = GSL_SUCCESS;
  for (size_t row = 0, i; row < t->size && !status; row++)
    {
      status = level_of (chain, gsl_vector_get (t, row), &i);
      if (!status)
        gsl_vector_set (w->s, row, before (chain, i));
    }
  gsl_matrix_memcpy (w->x_t, w->x_0);
  if (!status)
    status = sb_process_transition (chain, NULL, t, w->z, w->x_t);
  if (!status)
    status = sb_score_estimate (reverse->score, reverse->view, w->x_t, t, y, w->e);
  if (!status)
    status = sb_reverse_variance (reverse, y, w->s, t, w->x_t, w->variance);
  for (size_t row = 0; row < t->size && !status; row++)
    status = (gsl_vector_get (w->s, row) > 0 ? step_term : decoder_term) (w, row, gsl_vector_get (t, row),
                                                                          gsl_vector_ptr (term, row));
  return status;
}

int
sb_vlb_term (const sb_vlb *vlb, const gsl_matrix *y, const gsl_matrix *x_0, const gsl_vector *t, const gsl_matrix *z,
             gsl_vector *term)
{
  const size_t n = x_0->size1, d = x_0->size2;
  if (d != vlb->reverse.score->process->dimension || z->size1 != n || z->size2 != d || t->size != n || term->size != n)
    SB_ERROR (NULL, GSL_EBADLEN, "x_0 is %zu x %zu, z %zu x %zu, and there are %zu times and %zu terms", n, d, z->size1,
              z->size2, t->size, term->size);
  int status = check_chain (vlb->reverse.score->process);
  if (status)
    return status;
  term_work w = { .vlb = vlb,
                  .x_0 = x_0,
                  .z = z,
                  .s = gsl_vector_alloc (n),
                  .variance = gsl_matrix_alloc (n, 1),
                  .x_t = gsl_matrix_alloc (n, d),
                  .e = gsl_matrix_alloc (n, d) };
  status = w.s && w.variance && w.x_t && w.e ? terms (&w, y, t, term) : GSL_ENOMEM;
  gsl_vector_free (w.s);
  gsl_matrix_free (w.variance);
  gsl_matrix_free (w.x_t);
  gsl_matrix_free (w.e);
  return status;
}

// ## All of them
//
// Number $kd, \dots, kd + d - 1$ of a row's stream are the normals of its $k$-th term, so that no two terms share any.

typedef struct
{
  const sb_vlb *vlb;
  const gsl_matrix *y, *x_0;
  sb_stream stream;
  gsl_vector *t, *term;
  gsl_matrix *z;
} bound_work;

static int
bound_work_alloc (bound_work *w, const sb_vlb *vlb, const gsl_matrix *y, const gsl_matrix *x_0, sb_stream stream)
{
  *w = (bound_work){ .vlb = vlb,
                     .y = y,
                     .x_0 = x_0,
                     .stream = stream,
                     .t = gsl_vector_alloc (x_0->size1),
                     .term = gsl_vector_alloc (x_0->size1),
                     .z = gsl_matrix_alloc (x_0->size1, x_0->size2) };
  return w->t && w->term && w->z ? GSL_SUCCESS : GSL_ENOMEM;
}

static void
bound_work_free (bound_work *w)
{
  gsl_vector_free (w->t);
  gsl_vector_free (w->term);
  gsl_matrix_free (w->z);
}

static int
terms_at (bound_work *w, size_t k)
{
  w->stream.purpose = SB_FOR_FORWARD;
  int status = sb_stream_normals (w->stream, (uint64_t)k * w->x_0->size2, w->z);
  return status ? status : sb_vlb_term (w->vlb, w->y, w->x_0, w->t, w->z, w->term);
}

static int
terms_of_level (bound_work *w, size_t i)
{
  gsl_vector_set_all (w->t, (double)i / (double)w->vlb->reverse.score->process->levels);
  return terms_at (w, i - 1);
}

// $u \in (0, 1)$ picks one of the levels $2, \dots, N$.

static int
terms_of_random_levels (bound_work *w, size_t k)
{
  const double N = (double)w->vlb->reverse.score->process->levels;
  gsl_matrix_view u = gsl_matrix_view_vector (w->t, w->t->size, 1);
  w->stream.purpose = SB_FOR_TIME;
  int status = sb_stream_uniforms (w->stream, k, &u.matrix);
  for (size_t row = 0; row < w->t->size && !status; row++)
    gsl_vector_set (w->t, row, (2 + floor (gsl_vector_get (w->t, row) * (N - 1))) / N);
  return status ? status : terms_at (w, k);
}

static int
add_bound (bound_work *w, size_t draws, gsl_vector *bound)
{
  const size_t N = w->vlb->reverse.score->process->levels, middle = N - 1,
               asked = draws > 0 && middle > 0 ? draws : middle;
  int status = sb_vlb_prior (w->vlb->reverse.score->process, w->x_0, bound);
  if (!status)
    status = terms_of_level (w, 1);
  if (!status)
    gsl_vector_add (bound, w->term);
  for (size_t k = 1; k <= asked && !status; k++)
    {
      status = draws > 0 ? terms_of_random_levels (w, k) : terms_of_level (w, k + 1);
      if (!status)
        gsl_blas_daxpy ((double)middle / (double)asked, w->term, bound);
    }
  return status;
}

int
sb_vlb_bound (const sb_vlb *vlb, const gsl_matrix *y, const gsl_matrix *x_0, sb_stream stream, size_t draws,
              gsl_vector *bound)
{
  bound_work w;
  int status = check_chain (vlb->reverse.score->process);
  if (status || x_0->size1 == 0)
    return status;
  status = bound_work_alloc (&w, vlb, y, x_0, stream);
  if (!status)
    status = add_bound (&w, draws, bound);
  bound_work_free (&w);
  return status;
}

static void
summarise (const gsl_vector *term, size_t k, gsl_vector *mean, gsl_vector *se)
{
  const size_t n = term->size;
  gsl_vector_set (mean, k, gsl_stats_mean (term->data, term->stride, n));
  if (se)
    gsl_vector_set (se, k, n > 1 ? gsl_stats_sd (term->data, term->stride, n) / sqrt ((double)n) : GSL_NAN);
}

static int
spectrum (bound_work *w, gsl_vector *mean, gsl_vector *se)
{
  const size_t N = w->vlb->reverse.score->process->levels;
  int status = GSL_SUCCESS;
  for (size_t i = 1; i <= N && !status; i++)
    {
      status = terms_of_level (w, i);
      if (!status)
        summarise (w->term, i - 1, mean, se);
    }
  if (!status)
    status = sb_vlb_prior (w->vlb->reverse.score->process, w->x_0, w->term);
  if (!status)
    summarise (w->term, N, mean, se);
  return status;
}

int
sb_vlb_spectrum (const sb_vlb *vlb, const gsl_matrix *y, const gsl_matrix *x_0, sb_stream stream, gsl_vector *mean,
                 gsl_vector *se)
{
  bound_work w;
  int status = check_chain (vlb->reverse.score->process);
  if (status)
    return status;
  if (x_0->size1 == 0 || mean->size != vlb->reverse.score->process->levels + 1 || (se && se->size != mean->size))
    SB_ERROR (NULL, GSL_EBADLEN, "%zu terms, not N + 1, averaged over %zu rows", mean->size, x_0->size1);
  status = bound_work_alloc (&w, vlb, y, x_0, stream);
  if (!status)
    status = spectrum (&w, mean, se);
  bound_work_free (&w);
  return status;
}

double
sb_vlb_bits (double nats, size_t d)
{
  return nats / ((double)d * M_LN2);
}
