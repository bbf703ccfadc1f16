// # Weightings
//
// Each time's error has a weight $\lambda(t)$. A network that is right everywhere is best under any of them; they set
// at which times the error of one that is not counts most. $\lambda = S S^\top$ gives all targets one size
// [scoresde.txt-lambda], $G G^\top$ makes the loss a bound on the likelihood.
//
// In *Non-Uniform Diffusion Models* these are [nonuniform.txt-lambda-ml] $\lambda(t) = g(t)^2$ where all coordinates
// have one SDE, and the matrix [nonuniform.txt-LambdaMLE]
// $$ \Lambda_{MLE}(t) = \mathbf G(t)\,\mathbf G(t)^\top = \operatorname{diag}(g_1(t)^2, g_2(t)^2, \ldots) $$
// where each has its own: an error in one coordinate has the weight of that coordinate's noise. A coordinate that does
// not diffuse has $g_i = 0$, and no share in the loss.

#include "weightings.h"

#include "../base/error.h"
#include "../process/edm.h"
#include "../transition/reverse.h"
#include "vlb.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>

// ## Of each part, or by maps

static int
variance_numbers (const sb_process *process, double t, const double *a, const double *sd, double *lambda, void *params)
{
  (void)t, (void)a, (void)params;
  for (size_t k = 0; k < process->parts; k++)
    lambda[k] = sd[k] * sd[k];
  return GSL_SUCCESS;
}

static int
variance_apply (const sb_process *process, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *u,
                void *params)
{
  (void)params;
  return sb_process_apply (process, SB_S, transpose, NULL, t, u);
}

// With the square of the variance, the denoiser's error after the map $A$, $\|A\,(\hat{\mathbf x}_0 - \mathbf
// x_0)\|^2$, has the weight 1.

static int
variance_squared_numbers (const sb_process *process, double t, const double *a, const double *sd, double *lambda,
                          void *params)
{
  (void)t, (void)a, (void)params;
  for (size_t k = 0; k < process->parts; k++)
    lambda[k] = gsl_pow_4 (sd[k]);
  return GSL_SUCCESS;
}

static int
variance_squared_apply (const sb_process *process, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *u,
                        void *params)
{
  int status = variance_apply (process, transpose, t, u, params);
  return status ? status : variance_apply (process, transpose, t, u, params);
}

static int
likelihood_numbers (const sb_process *process, double t, const double *a, const double *sd, double *lambda,
                    void *params)
{
  (void)a, (void)sd, (void)params;
  int status = sb_process_numbers (process, SB_G, 0, t, lambda);
  for (size_t k = 0; k < process->parts && !status; k++)
    lambda[k] = gsl_pow_2 (lambda[k]);
  return status;
}

static int
likelihood_apply (const sb_process *process, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *u,
                  void *params)
{
  (void)params;
  return sb_process_apply (process, SB_G, transpose, NULL, t, u);
}

static int
unit_numbers (const sb_process *process, double t, const double *a, const double *sd, double *lambda, void *params)
{
  (void)t, (void)a, (void)sd, (void)params;
  for (size_t k = 0; k < process->parts; k++)
    lambda[k] = 1;
  return GSL_SUCCESS;
}

static int
unit_apply (const sb_process *process, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *u, void *params)
{
  (void)process, (void)transpose, (void)t, (void)u, (void)params;
  return GSL_SUCCESS;
}

// Hang et al. (2023): where there is little noise, the weight of $\epsilon$ falls as the noise does, $\min(1,
// \gamma\,S^2/A^2)$ with $\gamma = 5$.

static int
min_snr_numbers (const sb_process *process, double t, const double *a, const double *sd, double *lambda, void *params)
{
  const double gamma = params ? *(const double *)params : 5;
  (void)t;
  for (size_t k = 0; k < process->parts; k++)
    lambda[k] = gsl_pow_2 (sd[k]) * GSL_MIN (1, gamma * gsl_pow_2 (sd[k] / a[k]));
  return GSL_SUCCESS;
}

// Karras et al. (2022, Table 1) weight the denoiser's error so that a network with output 0 has the loss 1 at every
// level, [consistent.set-edm-weight]
// $$ \lambda_{\text{EDM}}(\sigma) = \frac{\sigma^2 + \sigma_d^2}{(\sigma\,\sigma_d)^2}, \qquad
//    \lambda_{\text{EDM}}\,c_{\text{out}}^2 = 1, \qquad \sigma = S/A , $$
// and an error $e$ of the denoiser is one of $A e/S^2$ of the score, whose weight is $S^2(1 + \sigma^2/\sigma_d^2)$.

static int
edm_numbers (const sb_process *process, double t, const double *a, const double *sd, double *lambda, void *params)
{
  const double sigma_data = params ? *(const double *)params : SB_EDM_DATA_DEVIATION;
  (void)t;
  for (size_t k = 0; k < process->parts; k++)
    lambda[k] = gsl_pow_2 (sd[k]) * (1 + gsl_pow_2 (sd[k] / (a[k] * sigma_data)));
  return GSL_SUCCESS;
}

// ## Of the variational bound
//
// The part of $L_{t-1}$ that depends on the model, for DDPM's chain, is $w_t\,\|\varepsilon - \varepsilon_\theta\|^2$
// (`vlb.c`), and $\varepsilon$ is $\sqrt{1 - \bar\alpha_t}$ times the score: $\lambda = (1 - \bar\alpha_t)\,w_t$. With
// these weights denoising score matching estimates [dsm2ddpm.txt-VLB-eps]
// $$ \frac1T\sum_{t=1}^T \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t(1 - \bar\alpha_t)}\,
//    \mathbb{E}\,\bigl\|\boldsymbol\varepsilon - \varepsilon_\theta(\mathbf{x}_t, t)\bigr\|^2 , $$
// a $T$-th of the part of $\sum_t L_{t-1}$ that depends on the model. Ho et al. drop the weight, which leaves
// $L_{\mathrm{simple}}$.

static int
bound_of (const sb_process *chain, sb_variance variance, double t, double sd, double *lambda)
{
  size_t i;
  double v;
  if (chain->levels == 0 || chain->parts != 1)
    SB_ERROR (NULL, GSL_EINVAL, "a bound's weights are of a chain of one part, not of %s", chain->type->name);
  int status = sb_process_level (chain, t, &i);
  if (!status && i == 0)
    SB_ERROR (NULL, GSL_EDOM, "there is no step to level 0 of the data");
  if (!status)
    status = sb_reverse_fixed_variance (chain, variance, (double)(i - 1) / (double)chain->levels, t, &v);
  *lambda = status ? GSL_NAN : sb_vlb_weight (chain, i, v) * sd * sd;
  return status;
}

static int
bound_numbers (const sb_process *process, double t, const double *a, const double *sd, double *lambda, void *params)
{
  (void)a, (void)params;
  return bound_of (process, SB_VARIANCE_BETA, t, *sd, lambda);
}

static int
bound_tilde_numbers (const sb_process *process, double t, const double *a, const double *sd, double *lambda,
                     void *params)
{
  (void)a, (void)params;
  return bound_of (process, SB_VARIANCE_CLIPPED, t, *sd, lambda);
}

// ## A matrix
//
// $\Lambda$ need not be diagonal: to couple the errors of different coordinates it may be any positive definite matrix,
// and here $\mathbf M\mathbf M^\top$. [nonuniform.eq10]

static int
matrix_apply (const sb_process *process, CBLAS_TRANSPOSE_t transpose, const gsl_vector *t, gsl_matrix *u, void *params)
{
  const gsl_matrix *M = params;
  const size_t d = process->dimension;
  (void)t;
  if (!M)
    SB_ERROR (NULL, GSL_EINVAL, "the weighting by a matrix has none");
  if (M->size1 != d || M->size2 != d)
    SB_ERROR (NULL, GSL_EBADLEN, "the weighting's matrix is %zu x %zu, the process %s has %zu coordinates", M->size1,
              M->size2, process->type->name, d);
  if (u->size1 == 0)
    return GSL_SUCCESS;
  gsl_matrix *copy = gsl_matrix_alloc (u->size1, d);
  if (!copy)
    return GSL_ENOMEM;
  gsl_matrix_memcpy (copy, u);
  const CBLAS_TRANSPOSE_t other = transpose == CblasNoTrans ? CblasTrans : CblasNoTrans;
  const int status = gsl_blas_dgemm (CblasNoTrans, other, 1, copy, M, 0, u);
  gsl_matrix_free (copy);
  return status;
}

// ## The table

#define WEIGHTING(words, help_, numbers_, apply_)                                                                      \
  &(const sb_weighting_type) { .entry = { .name = words, .help = help_ }, .numbers = numbers_, .apply = apply_ }

const sb_weighting_type *sb_weighting_variance
    = WEIGHTING ("variance", "of x_t given x_0: the target has the same size at all times", variance_numbers,
                 variance_apply),
    *sb_weighting_variance_squared = WEIGHTING ("variance-squared", "S^4: the denoiser's error, mapped by the process",
                                                variance_squared_numbers, variance_squared_apply),
    *sb_weighting_likelihood
    = WEIGHTING ("likelihood", "g^2 of an SDE: a bound on the likelihood", likelihood_numbers, likelihood_apply),
    *sb_weighting_unit = WEIGHTING ("unit", "1", unit_numbers, unit_apply),
    *sb_weighting_min_snr = WEIGHTING ("min-snr", "S^2, less where A^2 > 5 S^2", min_snr_numbers, NULL),
    *sb_weighting_edm = WEIGHTING ("edm", "EDM's: the initial loss is 1 at every level", edm_numbers, NULL),
    *sb_weighting_bound
    = WEIGHTING ("bound", "a chain's variational bound, steps of variance beta", bound_numbers, NULL),
    *sb_weighting_bound_tilde
    = WEIGHTING ("bound-tilde", "a chain's variational bound, steps of variance beta-tilde", bound_tilde_numbers, NULL),
    *sb_weighting_matrix = WEIGHTING ("matrix", "any matrix of the caller's", NULL, matrix_apply);

const sb_entry *
sb_weightings (size_t k)
{
  const sb_weighting_type *const table[]
      = { sb_weighting_variance,         sb_weighting_likelihood, sb_weighting_unit,
          sb_weighting_min_snr,          sb_weighting_bound,      sb_weighting_bound_tilde,
          sb_weighting_variance_squared, sb_weighting_edm };
  return k < sizeof table / sizeof *table ? &table[k]->entry : NULL;
}

// ## An error of an estimate
//
// Under $x_t = A x_0 + S z$ the target of the score is $-S^{-\top} z$, and a model that estimates $z$ by $\hat z$ has
// the score $-S^{-\top}\hat z$; one that estimates $x_0$ has it too, by Tweedie's formula. So an error $e$ of
// $\epsilon$ is one of $S^{-\top}e$ of the score, and an error of the denoiser one of $(SS^\top)^{-1}A\,e$. Under
// likelihood weighting the noise has the weights $g_i^2/\sigma_i^2$, $0/0$ for a part with zero noise: as there is
// nothing to learn there, 0.

static int
number_of_part (sb_view view, double a, double sd, double *lambda)
{
  if (!(*lambda >= 0 && gsl_finite (*lambda)))
    SB_ERROR (NULL, GSL_EDOM, "a weight of %g is negative or not finite", *lambda);
  const double scale = view == SB_SCORE ? 1 : view == SB_EPSILON ? sd : gsl_pow_2 (sd) / a;
  *lambda = sd == 0 || (view == SB_DENOISER && a == 0) ? 0 : *lambda / gsl_pow_2 (scale);
  return GSL_SUCCESS;
}

static int
numbers_of_row (const sb_weighting *w, const sb_process *process, sb_view view, double t, double *numbers,
                double *lambda)
{
  const size_t parts = process->parts;
  double *a = numbers, *sd = numbers + parts;
  bool noisy = false;

  // Find the process's numbers at this time.
  int status = sb_process_numbers (process, SB_A, 0, t, a);
  if (!status)
    status = sb_process_numbers (process, SB_S, 0, t, sd);
  for (size_t k = 0; k < parts && !status; k++)
    noisy |= sd[k] > 0;
  if (!status && !noisy)
    SB_ERROR (NULL, GSL_ESING, "there is no noise at t = %g to learn from", t);

  // Weigh each part.
  if (!status)
    status = w->type->numbers (process, t, a, sd, lambda, w->params);
  for (size_t k = 0; k < parts && !status; k++)
    status = number_of_part (view, a[k], sd[k], &lambda[k]);
  return status;
}

static int
apply_by_parts (const sb_weighting *w, const sb_process *process, sb_view view, const gsl_vector *t,
                const gsl_matrix *e, double *numbers, gsl_matrix *c, gsl_matrix *work, gsl_matrix *out)
{
  int status = GSL_SUCCESS;
  for (size_t i = 0; i < t->size && !status; i++)
    status = numbers_of_row (w, process, view, gsl_vector_get (t, i), numbers, gsl_matrix_ptr (c, i, 0));
  return status ? status : sb_process_combine (process, 1, &(sb_term){ c, e }, work, out);
}

// Where the process has no parts, the maps that turn an error into one of the score, the weight, and the same maps
// back.

static int
apply_by_maps (const sb_weighting *w, const sb_process *process, sb_view view, const gsl_vector *t, const gsl_matrix *e,
               gsl_matrix *out)
{
  static const sb_process_map map[] = { SB_A, SB_S_INVERSE, SB_S_INVERSE };
  const size_t first = view == SB_DENOISER ? 0 : view == SB_EPSILON ? 2 : 3;
  int status = GSL_SUCCESS;
  if (!w->type->apply)
    SB_ERROR (NULL, GSL_EUNSUP, "the weighting %s has no matrix, which the process %s needs", w->type->entry.name,
              process->type->name);
  gsl_matrix_memcpy (out, e);
  for (size_t k = first; k < 3 && !status; k++)
    status = sb_process_apply (process, map[k], k == 2 ? CblasTrans : CblasNoTrans, NULL, t, out);
  if (!status)
    status = w->type->apply (process, CblasTrans, t, out, w->params);
  if (!status)
    status = w->type->apply (process, CblasNoTrans, t, out, w->params);
  for (size_t k = 3; k-- > first && !status;)
    status = sb_process_apply (process, map[k], k == 2 ? CblasNoTrans : CblasTrans, NULL, t, out);
  return status;
}

int
sb_weighting_apply (const sb_weighting *weighting, const sb_process *process, sb_view view, const gsl_vector *t,
                    const gsl_matrix *e, double *numbers, gsl_matrix *c, gsl_matrix *work, gsl_matrix *out)
{
  if (t->size != e->size1 || out->size1 != e->size1 || out->size2 != e->size2)
    SB_ERROR (NULL, GSL_EBADLEN, "errors are %zu x %zu, with %zu times and a result of %zu x %zu", e->size1, e->size2,
              t->size, out->size1, out->size2);
  return process->parts > 0 && weighting->type->numbers
             ? apply_by_parts (weighting, process, view, t, e, numbers, c, work, out)
             : apply_by_maps (weighting, process, view, t, e, out);
}
