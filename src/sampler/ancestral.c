// # Ancestral sampling
//
// A chain can be walked back to its ancestors: draw $\mathbf x_s$ given $\mathbf x_t$. Where one forward step is
// $\mathbf x_t = \mathbf A\,\mathbf x_s + \mathbf S\,\mathbf z$, with $\mathbf A = \mathbf A(s,t)$ and
// $\mathbf S = \mathbf S(s,t)$, Tweedie's formula for that step alone gives the mean, exactly if the score is:
// [scoresde.txt-ddpm-reverse-kernel]
// $$ \operatorname E[\mathbf x_s \mid \mathbf x_t]
//    = \mathbf A^{-1}\bigl(\mathbf x_t + \mathbf S\mathbf S^{\mathsf T}\,\mathbf s(\mathbf x_t, t)\bigr). $$
// For DDPM that is $\frac1{\sqrt{1-\beta_i}}(\mathbf x_i + \beta_i\,\mathbf s)$, the mean of Eq. (4). [scoresde.eq4]
// For SMLD it is $\mathbf x_i + (\sigma_i^2 - \sigma_{i-1}^2)\,\mathbf s$, that of Eq. (47). [scoresde.eq47]
//
// This is the sampler of the report *From Denoising Score Matching to DDPM*, whose $\alpha_t$ is $1 - \beta_t$:
// [dsm2ddpm.txt-DDPM-sampler]
// $$ \mathbf{x}_{t-1} = \frac{1}{\sqrt{\alpha_t}}
//    \Bigl(\mathbf{x}_t - \frac{1 - \alpha_t}{\sqrt{1 - \bar\alpha_t}}\,\varepsilon_\theta(\mathbf{x}_t, t)\Bigr)
//    + \sqrt{\frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\,\beta_t}\;\boldsymbol\varepsilon,
//    \qquad t = T, \dots, 1, $$
// with the lower one of the variances below; the report prints the variance itself as the factor of the noise. With
// $\mathbf{s} = -\varepsilon_\theta/\sqrt{1 - \bar\alpha_t}$ the first term is the mean above. It is a step to
// the next level's law, not Langevin dynamics at its own, whose drift on the score is half as large for the same noise.
// [dsm2ddpm.txt-sampler-vs-langevin]

#include "../transition/reverse.h"
#include "step.h"

#include <math.h>

static int
mean (const sb_score *score, const gsl_matrix *y, double s, double t, gsl_matrix *x)
{
  const sb_process *process = score->process;
  gsl_matrix *g = gsl_matrix_alloc (x->size1, x->size2);
  int status = g != NULL ? sb_step_evaluate (score, SB_SCORE, y, t, x, g) : GSL_ENOMEM;
  if (status == GSL_SUCCESS)
    status = sb_step_apply (process, SB_S, CblasTrans, s, t, g);
  if (status == GSL_SUCCESS)
    status = sb_step_apply (process, SB_S, CblasNoTrans, s, t, g);
  if (status == GSL_SUCCESS)
    {
      sb_step_add (x, 1, g);
      status = sb_step_apply (process, SB_A_INVERSE, CblasNoTrans, s, t, x);
    }
  gsl_matrix_free (g);
  return status;
}

// ## The variance is a choice
//
// Ho et al. (2020) name two covariances for the noise, which enclose the truth for data of variance up to 1. The
// *upper* one is that of $\mathbf x_t$ given $\mathbf x_s$, $\mathbf S\mathbf S^{\mathsf T}$: for DDPM it is
// $\beta_i$, and right where the data are standard normal. Eq. (4) takes it.

static int
upper (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  int status = sb_step_check (score, s, t, z, x);
  if (status == GSL_SUCCESS)
    status = mean (score, y, s, t, x);
  return status == GSL_SUCCESS ? sb_step_add_noise (score->process, SB_S, s, t, 1, z, x) : status;
}

// The *lower* one is that of $\mathbf x_s$ given both $\mathbf x_t$ and $\mathbf x_0$, right where the data are a
// single point. Where the maps are numbers it is $\tau^2 = S(0,s)^2\,S(s,t)^2 / S(0,t)^2$; for SMLD that is
// $\tau_i^2 = \sigma_{i-1}^2(\sigma_i^2 - \sigma_{i-1}^2)/\sigma_i^2$, which Eq. (47) takes.

static int
lower (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  const sb_process *process = score->process;
  double A, S_st, S_0s, S_0t;
  int status = sb_step_check (score, s, t, z, x);
  if (status == GSL_SUCCESS)
    status = sb_process_scalars (process, s, t, &A, &S_st);
  if (status == GSL_SUCCESS)
    status = sb_process_scalars (process, 0, s, &A, &S_0s);
  if (status == GSL_SUCCESS)
    status = sb_process_scalars (process, 0, t, &A, &S_0t);
  if (status == GSL_SUCCESS)
    status = mean (score, y, s, t, x);
  if (status == GSL_SUCCESS && z != NULL)
    sb_step_add (x, S_0s * S_st / S_0t, z);
  return status;
}

// The paper's own choice: the lower one where the signal is left alone, $A = 1$ (SMLD and the VE SDE), and the upper
// one elsewhere. (With the upper one, ancestral sampling of SMLD would be reverse diffusion.)

static int
paper (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  double A = 0, S;
  int status = score->process->parts == 1 ? sb_process_scalars (score->process, s, t, &A, &S) : GSL_SUCCESS;
  return status == GSL_SUCCESS ? (A == 1 ? lower : upper) (score, y, s, t, z, x) : status;
}

// The *optimal* one is the variance that the score itself implies: see `reverse.c`. With the exact score of Gaussian
// data alike in all directions it makes every marginal of the chain exact.

static int
draw_optimal (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
              const gsl_matrix *z, gsl_matrix *mean_x, gsl_matrix *variance, gsl_matrix *x)
{
  int status = sb_reverse_mean (reverse, y, s, t, x, mean_x);
  if (status == GSL_SUCCESS && z != NULL)
    status = sb_reverse_variance (reverse, y, s, t, x, variance);
  if (status != GSL_SUCCESS)
    return status;
  gsl_matrix_memcpy (x, mean_x);
  for (size_t i = 0; i < x->size1 && z != NULL; i++)
    for (size_t j = 0; j < x->size2; j++)
      *gsl_matrix_ptr (x, i, j) += sqrt (gsl_matrix_get (variance, i, 0)) * gsl_matrix_get (z, i, j);
  return GSL_SUCCESS;
}

static int
optimal (const sb_score *score, const gsl_matrix *y, double s, double t, const gsl_matrix *z, gsl_matrix *x)
{
  const sb_reverse reverse
      = { .score = score, .view = SB_SCORE, .variance = SB_VARIANCE_OPTIMAL, .last = SB_VARIANCE_OPTIMAL };
  int status = sb_step_check (score, s, t, z, x);
  if (status != GSL_SUCCESS)
    return status;
  gsl_vector *from = sb_step_times (x->size1, s), *to = sb_step_times (x->size1, t);
  gsl_matrix *variance = gsl_matrix_alloc (x->size1, 1), *mean_x = gsl_matrix_alloc (x->size1, x->size2);
  status = from && to && variance && mean_x ? draw_optimal (&reverse, y, from, to, z, mean_x, variance, x) : GSL_ENOMEM;
  gsl_vector_free (from);
  gsl_vector_free (to);
  gsl_matrix_free (variance);
  gsl_matrix_free (mean_x);
  return status;
}

static const sb_predictor_type ancestral = { .name = "ancestral", .evaluations = 1, .noisy = true, .step = paper };
static const sb_predictor_type ancestral_upper
    = { .name = "ancestral-upper", .evaluations = 1, .noisy = true, .step = upper };
static const sb_predictor_type ancestral_lower
    = { .name = "ancestral-lower", .evaluations = 1, .noisy = true, .step = lower };
static const sb_predictor_type ancestral_optimal
    = { .name = "ancestral-optimal", .evaluations = 1, .noisy = true, .step = optimal };

const sb_predictor_type *sb_predictor_ancestral = &ancestral;
const sb_predictor_type *sb_predictor_ancestral_upper = &ancestral_upper;
const sb_predictor_type *sb_predictor_ancestral_lower = &ancestral_lower;
const sb_predictor_type *sb_predictor_ancestral_optimal = &ancestral_optimal;
