// # A noise conditional score network on digits
//
// What Figures 3 and 5 share: the network, its ladder, and chains with the report's numbers.
// [dsm2ddpm.set-ncsn-sampling] [dsm2ddpm.set-ncsn-train]

#include "ncsn.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>

static const double epsilon = 2e-5;

// The library's step size is the report's $\alpha_i/2$ over $\sigma_i^2$.

static double
step_size (const ncsn *n)
{
  return epsilon / 2 / gsl_pow_2 (ncsn_sigma (n, LEVELS));
}

ncsn
ncsn_open (void)
{
  ncsn n = { .model = model_of ("MODEL") };
  require (n.model->process->levels == LEVELS && n.model->process->dimension == PIXELS ? GSL_SUCCESS : GSL_EBADLEN,
           "the model's levels");
  require (n.model->low == 0 && n.model->high == 1 ? GSL_SUCCESS : GSL_EDOM, "the model's range of pixels");
  n.score = require_pointer (sb_score_network_alloc (&n.model->network), "the score");
  n.times = require_pointer (gsl_vector_alloc (LEVELS), "the levels");
  require (sb_grid_linear (1, 1. / LEVELS, n.times), "the levels");
  return n;
}

void
ncsn_close (ncsn n)
{
  gsl_vector_free (n.times);
  sb_score_free (n.score);
  sb_model_free (n.model);
}

// The report counts levels from the noisiest down, the chain from the data up.

double
ncsn_sigma (const ncsn *n, size_t i)
{
  return sb_smld_sigma (n->model->process, LEVELS + 1 - i);
}

// ## Settings
//
// Of $\alpha_i = \varepsilon\sigma_i^2/\sigma_L^2$ the first is 0.2 and the last $\varepsilon$.

void
ncsn_settings (results *r, const ncsn *n, size_t steps)
{
  static const char column[] = "Algorithm 1 / setting";
  const double alpha_1 = 2 * step_size (n) * gsl_pow_2 (ncsn_sigma (n, 1));
  const double alpha_L = 2 * step_size (n) * gsl_pow_2 (ncsn_sigma (n, LEVELS));
  results_row (r, "levels", column, "10", LEVELS, -1, "", "");
  results_row (r, "σ of the first", column, "1", ncsn_sigma (n, 1), -1, "", "");
  results_row (r, "σ of the last", column, "0.01", ncsn_sigma (n, LEVELS), -1, "", "");
  results_row (r, "steps a level", column, "100", (double)steps, -1, "", "");
  results_row (r, "α of the first", column, "", alpha_1, -1, "", "ε σ₁² / σ_L²");
  results_row (r, "α of the last", column, "2·10⁻⁵", alpha_L, -1, "", "ε");
  results_row (r, "evaluations a chain", column, "", (double)(LEVELS * steps), -1, "", "");
}

// ## Starts

void
normal_starts (uint64_t seed, uint64_t first, gsl_matrix *x)
{
  require (sb_stream_normals ((sb_stream){ seed, SB_FOR_PRIOR, first }, 0, x), "starts");
}

void
uniform_starts (uint64_t seed, uint64_t first, gsl_matrix *x)
{
  require (sb_stream_uniforms ((sb_stream){ seed, SB_FOR_PRIOR, first }, 0, x), "starts");
}

// ## Chains

void
annealed_chains (results *r, const ncsn *n, uint64_t seed, uint64_t first, size_t steps, sb_progress progress,
                 void *context, gsl_matrix *x)
{
  sb_pc annealed = sb_pc_annealed (step_size (n), steps);
  annealed.progress = progress;
  annealed.context = context;
  require (sb_pc_sample (&annealed, n->score, NULL, n->times, (sb_stream){ seed, 0, first }, x, NULL),
           "annealed Langevin dynamics");
  r->evaluations += x->size1 * steps * LEVELS;
}

void
plain_chains (results *r, const ncsn *n, uint64_t seed, uint64_t first, size_t steps, gsl_matrix *x)
{
  const sb_pc langevin = sb_pc_langevin (epsilon / 2, steps * LEVELS);
  gsl_vector_view last = gsl_vector_subvector (n->times, LEVELS - 1, 1);
  require (sb_pc_sample (&langevin, n->score, NULL, &last.vector, (sb_stream){ seed, 0, first }, x, NULL),
           "Langevin dynamics");
  r->evaluations += x->size1 * steps * LEVELS;
}
