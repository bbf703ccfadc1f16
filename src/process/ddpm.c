// # DDPM's forward chain
//
// Each of $N$ steps shrinks the signal a little and adds noise, [scoresde.eq10] [scoresde.txt-ddpm-kernel]
// $$ \mathbf{x}_i = \sqrt{1 - \beta_i}\;\mathbf{x}_{i-1} + \sqrt{\beta_i}\;\mathbf{z}_{i-1}, \qquad i = 1, \dots, N. $$
// The VP SDE is its limit: with $\mathbf{x}_i = \mathbf{x}(i/N)$, $\beta_i = \bar\beta_i / N$ [scoresde.eq23] and
// $\Delta t = 1/N$ a step is nearly an Euler step, [scoresde.eq24]
// $$ \mathbf{x}(t + \Delta t) \approx \mathbf{x}(t) - \tfrac12\beta(t)\,\Delta t\,\mathbf{x}(t)
//    + \sqrt{\beta(t)\,\Delta t}\;\mathbf{z}(t), \qquad t \in \{0, \tfrac1N, \dots, \tfrac{N-1}N\}. $$
// The chain's levels are times of a process accordingly.
//
// Three notations meet here. Ho et al. (2020) and the report *From Denoising Score Matching to DDPM* number the levels
// $t = 1, \dots, T$, write $\alpha_t = 1 - \beta_t$ for the factor by which one step shrinks a variance, and
// $\bar\alpha_t$ for the product of these up to $t$, $\bar\alpha_0 = 1$ (the report uses $\alpha_t$ without defining
// it); [dsm2ddpm.txt-alpha-def] Song et al. (2021) number them $i = 1, \dots, N$ and call the product $\alpha_i$. In
// the code $N$ is the number of levels, level $i$ the time $i/N$, and `sb_ddpm_alpha` the product. A step is
// $q(\mathbf{x}_t \mid \mathbf{x}_{t-1}) = \mathcal{N}(\mathbf{x}_t;\, \sqrt{1 - \beta_t}\,\mathbf{x}_{t-1},\,
// \beta_t\mathbf{I})$. [dsm2ddpm.txt-DDPM-forward] [soft.txt-ddpmkernel]

#include "ddpm.h"
#include "../base/checks.h"
#include "../base/error.h"
#include "../grid/grid.h"
#include "scalar.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

typedef struct
{
  double beta;      // beta_i
  double log_kept;  // log(1 - beta_i)
  double log_alpha; // the sum of these up to i
} ddpm_step;

typedef struct
{
  size_t N;
  ddpm_step step[]; // step[i - 1] leads from level i - 1 to level i
} ddpm_steps;

// ## The kernel
//
// Steps compose: over levels $j+1, \dots, i$ the chain multiplies a variance by the product of $1 - \beta_k$, and adds
// the rest as noise. From the data this is $\alpha_i = \prod_{k \le i} (1 - \beta_k)$ and
// $$ p_{\alpha_i}(\mathbf{x}_i \mid \mathbf{x}_0)
//    = \mathcal{N}\bigl(\mathbf{x}_i;\; \sqrt{\alpha_i}\,\mathbf{x}_0,\; (1 - \alpha_i)\,\mathbf{I}\bigr). $$
// In Ho et al.'s letters, $\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1 -
// \bar\alpha_t}\,\boldsymbol\varepsilon$: [dsm2ddpm.txt-DDPM-marginal] one step more multiplies the variance
// $1 - \bar\alpha_t$ by $\alpha_{t+1}$ and adds $\beta_{t+1}$, which makes $1 - \bar\alpha_{t+1}$.
// [dsm2ddpm.txt-A2-induction] Products are stored as sums of $\log(1 - \beta_k)$: all of one sign, they lose no digits,
// and `expm1` gives $1 - \alpha$ from them without loss even after a single step. Those from the start, which every
// loss needs, are precomputed.

static double
log_kept (const ddpm_steps *chain, double s, double t)
{
  size_t j = (size_t)rint (s * (double)chain->N), i = (size_t)rint (t * (double)chain->N);
  if (j == 0)
    return i > 0 ? chain->step[i - 1].log_alpha : 0;
  double sum = 0;
  while (j < i)
    sum += chain->step[j++].log_kept;
  return sum;
}

static double
ddpm_mean (const void *chain, double s, double t)
{
  return exp (0.5 * log_kept (chain, s, t));
}

static double
ddpm_variance (const void *chain, double s, double t)
{
  return -expm1 (log_kept (chain, s, t));
}

// The end of the chain, $\mathbf{x}_T \sim \mathcal{N}(\mathbf{0}, \mathbf{I})$, has no parameter: the report's
// $p(\mathbf{x}_T)$ and $p_\theta(\mathbf{x}_T)$ are the same. [dsm2ddpm.txt-prior]

static const sb_scalar_type ddpm_type = { .name = "ddpm", .mean = ddpm_mean, .variance = ddpm_variance };

// ## Making one

static int
are_betas (const gsl_vector *beta)
{
  for (size_t i = 0; i < beta->size; i++)
    if (!(0 < gsl_vector_get (beta, i) && gsl_vector_get (beta, i) < 1))
      return 0;
  return beta->size > 0;
}

sb_process *
sb_ddpm_betas_alloc (size_t dimension, const gsl_vector *beta)
{
  if (!are_betas (beta))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "DDPM needs one beta or more, each above 0 and below 1");
  size_t N = beta->size;
  ddpm_steps *chain = malloc (sizeof *chain + N * sizeof chain->step[0]);
  if (chain)
    {
      double log_alpha = 0;
      chain->N = N;
      for (size_t i = 1; i <= N; i++)
        {
          double beta_i = gsl_vector_get (beta, i - 1), log_kept = log1p (-beta_i);
          log_alpha += log_kept;
          chain->step[i - 1] = (ddpm_step){ .beta = beta_i, .log_kept = log_kept, .log_alpha = log_alpha };
        }
    }
  return sb_scalar_alloc (&ddpm_type, chain, dimension, 1 / (double)N, 1, N);
}

// $N = 1000$ from $\bar\beta_{\min} = 0.1$ to $\bar\beta_{\max} = 20$ is $\beta_1 = 10^{-4}$ to $\beta_{1000} = 0.02$,
// in even steps. [dsm2ddpm.set-ddpm-schedule]

sb_process *
sb_ddpm_alloc (size_t dimension, size_t N, double beta_bar_min, double beta_bar_max)
{
  if (sb_check_lengths ("a chain's levels", N, 1, 1))
    return NULL;
  gsl_vector *beta = gsl_vector_alloc (N);
  if (!beta)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for %zu noise scales", N);
  sb_process *ddpm = NULL;
  if (!sb_grid_arithmetic (beta_bar_min, beta_bar_max, beta))
    ddpm = sb_ddpm_betas_alloc (dimension, beta);
  gsl_vector_free (beta);
  return ddpm;
}

double
sb_ddpm_beta (const sb_process *ddpm, size_t i)
{
  const ddpm_steps *chain = sb_scalar_parameters (ddpm, &ddpm_type);
  if (!chain)
    SB_ERROR_VALUE (NULL, GSL_EINVAL, GSL_NAN, "the process %s is not DDPM's chain", ddpm->type->name);
  if (i == 0 || i > chain->N)
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "step %zu: the chain has steps 1, ..., %zu", i, chain->N);
  return chain->step[i - 1].beta;
}

double
sb_ddpm_alpha (const sb_process *ddpm, size_t i)
{
  const ddpm_steps *chain = sb_scalar_parameters (ddpm, &ddpm_type);
  if (!chain)
    SB_ERROR_VALUE (NULL, GSL_EINVAL, GSL_NAN, "the process %s is not DDPM's chain", ddpm->type->name);
  if (i > chain->N)
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "level %zu: the chain has levels 0, ..., %zu", i, chain->N);
  return exp (log_kept (chain, 0, (double)i / (double)chain->N));
}
