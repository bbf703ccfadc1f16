// # Noise scales and time grids
//
// The times at which a process is evaluated: the levels of the discrete chains, and the time steps of a solver. The
// papers number noise scales from 1, vectors are numbered from 0, so entry $k$ holds $\sigma_{k+1}$.

#include "grid.h"

#include "../base/error.h"

#include <gsl/gsl_math.h>
#include <math.h>

static int
between (double low, double high)
{
  return 0 < low && low < high && gsl_finite (high);
}

// The relative position of entry $k$, from 0 at the first to 1 at the last of `n`.

static double
fraction (size_t k, size_t n)
{
  return (double)k / (double)(n - 1);
}

// ## Evenly spaced times
//
// $t_k = t_0 + (t_n - t_0)\,k/n$. From 0 to 1 these are exactly the doubles nearest to $k/n$, the levels of a chain.

int
sb_grid_linear (double first, double last, gsl_vector *t)
{
  if (t->size < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "a grid has two ends, not %zu times", t->size);
  if (!gsl_finite (first) || !gsl_finite (last))
    SB_ERROR (NULL, GSL_EINVAL, "a grid from %g to %g has no finite ends", first, last);
  for (size_t k = 0; k + 1 < t->size; k++)
    gsl_vector_set (t, k, first + (last - first) * fraction (k, t->size));
  gsl_vector_set (t, t->size - 1, last);
  return GSL_SUCCESS;
}

// ## SMLD's noise scales
//
// A geometric sequence, [scoresde.txt-smld-sigma]
// $$ \sigma_i = \sigma_{\min} \Bigl(\frac{\sigma_{\max}}{\sigma_{\min}}\Bigr)^{\frac{i-1}{N-1}}, \qquad i = 1, \dots, N. $$
// Annealed Langevin dynamics counts the same ladder from the top, $\sigma_1 > \dots > \sigma_L$.
// [dsm2ddpm.txt-sigma-sequence]

int
sb_grid_geometric (double sigma_min, double sigma_max, gsl_vector *sigma)
{
  if (sigma->size < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "a grid has two ends, not %zu noise scales", sigma->size);
  if (!between (sigma_min, sigma_max))
    SB_ERROR (NULL, GSL_EINVAL, "noise scales from %g to %g: not 0 < sigma_min < sigma_max", sigma_min, sigma_max);
  for (size_t k = 0; k + 1 < sigma->size; k++)
    gsl_vector_set (sigma, k, sigma_min * pow (sigma_max / sigma_min, fraction (k, sigma->size)));
  gsl_vector_set (sigma, sigma->size - 1, sigma_max);
  return GSL_SUCCESS;
}

// ## DDPM's noise scales
//
// An arithmetic sequence. With $N$ steps in place of one unit of time the rate of each step is an $N$-th,
// [scoresde.txt-ddpm-beta]
// $$ \beta_i = \frac{\bar\beta_{\min}}{N} + \frac{i-1}{N(N-1)} (\bar\beta_{\max} - \bar\beta_{\min}), \qquad i = 1, \dots, N. $$
// (The paper prints the first term without its bar; with $N = 1000$, 0.1 and 20 the barred form runs from $10^{-4}$
// to $0.02$, as Ho et al. have it.)

int
sb_grid_arithmetic (double beta_bar_min, double beta_bar_max, gsl_vector *beta)
{
  double N = (double)beta->size;
  if (!(0 < beta_bar_min && beta_bar_min <= beta_bar_max && beta_bar_max < N))
    SB_ERROR (NULL, GSL_EINVAL, "beta_bar from %g to %g, N = %g: not 0 < min <= max < N", beta_bar_min, beta_bar_max,
              N);
  int status = sb_grid_linear (beta_bar_min, beta_bar_max, beta);
  for (size_t k = 0; !status && k < beta->size; k++)
    gsl_vector_set (beta, k, gsl_vector_get (beta, k) / N);
  return status;
}

// ## The noise levels of EDM
//
// Karras et al. (2022) space them evenly in $\sigma^{1/\rho}$, the more finely the smaller they are, and end without
// noise: [consistent.set-edm-timesteps]
// $$ \sigma_i = \Bigl(\sigma_{\max}^{1/\rho}
//    + \frac{i}{N-1} \bigl(\sigma_{\min}^{1/\rho} - \sigma_{\max}^{1/\rho}\bigr)\Bigr)^{\rho}, \quad i = 0, \dots, N-1;
//    \qquad \sigma_N = 0. $$

double
sb_grid_even_in_root (double first, double last, double rho, size_t k, size_t n)
{
  if (k == 0 || k + 1 == n)
    return k == 0 ? first : last;
  const double from = pow (first, 1 / rho), to = pow (last, 1 / rho);
  if (!(from > 0 && gsl_finite (from))) // of a small rho the powers overflow or vanish, but not their ratio
    return first * pow (1 + fraction (k, n) * (pow (last / first, 1 / rho) - 1), rho);
  return pow (from + fraction (k, n) * (to - from), rho);
}

static void
even_in_root (double first, double last, double rho, gsl_vector *t)
{
  for (size_t k = 0; k < t->size; k++)
    gsl_vector_set (t, k, sb_grid_even_in_root (first, last, rho, k, t->size));
}

int
sb_grid_edm (double sigma_min, double sigma_max, double rho, gsl_vector *sigma)
{
  if (sigma->size < 3)
    SB_ERROR (NULL, GSL_EBADLEN, "a grid has two ends and a zero after them, not %zu noise levels", sigma->size);
  if (!between (sigma_min, sigma_max) || !(rho > 0 && gsl_finite (rho)))
    SB_ERROR (NULL, GSL_EINVAL, "sigma from %g to %g, rho = %g: not 0 < min < max, 0 < rho", sigma_min, sigma_max, rho);
  gsl_vector_view positive = gsl_vector_subvector (sigma, 0, sigma->size - 1);
  even_in_root (sigma_max, sigma_min, rho, &positive.vector);
  gsl_vector_set (sigma, sigma->size - 1, 0);
  return GSL_SUCCESS;
}

// ## The kinds
//
// As a sampler's grid, from its first time to its last, EDM's spacing serves for the times of any process.

static int
fill_linear (double first, double last, const double *key, gsl_vector *t)
{
  (void)key;
  return sb_grid_linear (first, last, t);
}

static int
fill_edm (double first, double last, const double *key, gsl_vector *t)
{
  if (t->size < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "a grid has two ends, not %zu times", t->size);
  if (!(0 <= last && last < first && gsl_finite (first)) || !(key[0] > 0 && gsl_finite (key[0])))
    SB_ERROR (NULL, GSL_EINVAL, "times from %g to %g, rho = %g: not 0 <= last < first, 0 < rho", first, last, key[0]);
  even_in_root (first, last, key[0], t);
  return GSL_SUCCESS;
}

static const sb_key rho = { .name = "rho",
                            .usual = 7,
                            .high = 1000,
                            .above = true,
                            .help = "1: evenly spaced in time; the larger, the finer at the end" };

static const sb_grid_kind kinds[]
    = { { { "linear", "evenly spaced in time", NULL, 0 }, false, fill_linear },
        { { "edm", "evenly spaced in the rho-th root of the time: Karras et al.", &rho, 1 }, true, fill_edm } };

const sb_entry *
sb_grids (size_t k)
{
  return k < sizeof kinds / sizeof *kinds ? &kinds[k].entry : NULL;
}
