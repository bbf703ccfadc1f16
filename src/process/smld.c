// # SMLD's forward chain
//
// Score matching with Langevin dynamics perturbs data at $N$ noise scales $\sigma_1 < \dots < \sigma_N$. Song et al.
// (2021, Section 3.4 and Appendix F) read them as the levels of a Markov chain that adds the noise missing from one
// scale to the next, [scoresde.eq8] [scoresde.txt-smld-chain]
// $$ \mathbf{x}_i = \mathbf{x}_{i-1} + \sqrt{\sigma_i^2 - \sigma_{i-1}^2}\;\mathbf{z}_{i-1}, \qquad i = 1, \dots, N,
//    \qquad \sigma_0 := 0. $$
// The VE SDE is its limit: with $\mathbf{x}_i = \mathbf{x}(i/N)$ and $\Delta t = 1/N$ an increment is nearly Euler's,
// $\sigma^2(t + \Delta t) - \sigma^2(t) \approx \frac{d[\sigma^2(t)]}{dt}\Delta t$. [scoresde.txt-ve-discrete-limit]
// The chain's levels are times of a process accordingly.

#include "smld.h"
#include "../base/checks.h"
#include "../base/error.h"
#include "../grid/grid.h"
#include "scalar.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

typedef struct
{
  size_t N;
  double sigma[]; // sigma_0 = 0, sigma_1, ..., sigma_N
} smld_scales;

static double
sigma_at (const smld_scales *scales, double t)
{
  return scales->sigma[(size_t)rint (t * (double)scales->N)];
}

// ## The kernel
//
// Variances of increments add up to $\sigma_i^2 - \sigma_j^2$ from level $j$ to level $i$, and to $\sigma_i^2$ from the
// data. The product of sum and difference is exact to rounding even where the scales are close.

static double
smld_variance (const void *scales, double s, double t)
{
  double sigma_j = sigma_at (scales, s), sigma_i = sigma_at (scales, t);
  return (sigma_i - sigma_j) * (sigma_i + sigma_j);
}

// At the end of the chain the data are negligible: $\mathcal{N}(\mathbf{0}, \sigma_N^2\,\mathbf{I})$.

static double
smld_prior_sd (const void *scales)
{
  return sigma_at (scales, 1);
}

static const sb_scalar_type smld_type = { .name = "smld", .variance = smld_variance, .prior_sd = smld_prior_sd };

// ## Making one

static int
increasing (const gsl_vector *sigma)
{
  double previous = 0;
  for (size_t i = 0; i < sigma->size; i++)
    {
      double next = gsl_vector_get (sigma, i);
      if (!(previous < next && gsl_finite (next)))
        return 0;
      previous = next;
    }
  return sigma->size > 0;
}

sb_process *
sb_smld_sigmas_alloc (size_t dimension, const gsl_vector *sigma)
{
  if (!increasing (sigma))
    SB_ERROR_NULL (NULL, GSL_EINVAL, "SMLD needs noise scales 0 < sigma_1 < ... < sigma_N, one or more");
  size_t N = sigma->size;
  smld_scales *scales = malloc (sizeof *scales + (N + 1) * sizeof scales->sigma[0]);
  if (scales)
    {
      scales->N = N;
      scales->sigma[0] = 0;
      for (size_t i = 1; i <= N; i++)
        scales->sigma[i] = gsl_vector_get (sigma, i - 1);
    }
  return sb_scalar_alloc (&smld_type, scales, dimension, 1 / (double)N, 1, N);
}

sb_process *
sb_smld_alloc (size_t dimension, size_t N, double sigma_min, double sigma_max)
{
  if (sb_check_lengths ("a chain's levels", N, 1, 1))
    return NULL;
  gsl_vector *sigma = gsl_vector_alloc (N);
  if (!sigma)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for %zu noise scales", N);
  sb_process *smld = NULL;
  if (!sb_grid_geometric (sigma_min, sigma_max, sigma))
    smld = sb_smld_sigmas_alloc (dimension, sigma);
  gsl_vector_free (sigma);
  return smld;
}

double
sb_smld_sigma (const sb_process *smld, size_t i)
{
  const smld_scales *scales = sb_scalar_parameters (smld, &smld_type);
  if (!scales)
    SB_ERROR_VALUE (NULL, GSL_EINVAL, GSL_NAN, "the process %s is not SMLD's chain", smld->type->name);
  if (i > scales->N)
    SB_ERROR_VALUE (NULL, GSL_EDOM, GSL_NAN, "level %zu: the chain has levels 0, ..., %zu", i, scales->N);
  return scales->sigma[i];
}
