// # A predictor for continuous training
//
// DDPM's discretisation of the VP SDE beside the Euler-Maruyama solver, with the exact score of the SDE.
// [scoresde.set-euler-predictor] Every step is linear, so variances are followed without Monte Carlo.

#include "../../tests/recursion.h"
#include "../results.h"

#include <scorebook.h>

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  N = 1000,
  LAWS = 4
};

static const double lambda[LAWS] = { 1e-4, 1e-3, 1e-2, 0.25 };

typedef struct
{
  sb_process *sde, *chain;
} pair;

// ## Kernels

static double
kernel_variance (const sb_process *process, double t)
{
  double a, sd;
  require (sb_process_scalars (process, 0, t, &a, &sd), "the kernel");
  return gsl_pow_2 (sd);
}

static void
compare_kernels (results *r, const pair *p)
{
  static const int level[] = { 1, 10, 100, 1000 };
  for (size_t k = 0; k < sizeof level / sizeof *level; k++)
    {
      char row[32];
      const int i = level[k];
      const double of_chain = kernel_variance (p->chain, (double)i / N);
      snprintf (row, sizeof row, "level %d", i);
      results_row (r, row, "Variance of the chain's kernel over the SDE's / t = i/N", "",
                   of_chain / kernel_variance (p->sde, (double)i / N), -1, "", "");
      if (i > 1)
        results_row (r, row, "Variance of the chain's kernel over the SDE's / t = (i-1)/(N-1)", "",
                     of_chain / kernel_variance (p->sde, (i - 1.) / (N - 1)), -1, "", "");
    }
}

// ## Samplers
//
// From N(0, 1) down to `end` in `steps` equal ones; the score is the SDE's whatever the process of the steps.

static int
kernel_of_sde (const void *params, double t, double *a, double *sd)
{
  return sb_process_scalars (params, 0, t, a, sd);
}

static void
run (const pair *p, const sb_step_type *step, double end, size_t steps, sb_final final, gsl_vector *v, results *r)
{
  gsl_vector *times = require_pointer (gsl_vector_alloc (steps + 1), "times"),
             *laws = require_pointer (gsl_vector_alloc (LAWS), "variances");
  for (size_t i = 0; i <= steps; i++)
    gsl_vector_set (times, i, 1 - (1 - end) * (double)i / (double)steps);
  gsl_vector_set (times, steps, end);
  for (size_t k = 0; k < LAWS; k++)
    gsl_vector_set (laws, k, lambda[k]);
  gsl_vector_set_all (v, 1);
  sb_pc pc = sb_pc_default ();
  pc.step = step;
  pc.corrector_steps = 0;
  pc.final = final;
  const recursion data = { .process = step == sb_step_euler_maruyama ? p->sde : p->chain,
                           .lambda = laws,
                           .factor = 1,
                           .kernel = kernel_of_sde,
                           .params = p->sde };
  size_t evaluations = 0;
  require (recursion_run (&data, &pc, times, v, &evaluations), "the sampler");
  r->evaluations += evaluations;
  gsl_vector_free (laws);
  gsl_vector_free (times);
}

typedef struct
{
  const char *name;
  const sb_step_type *step;
  double end;                       // of the grid that is divided into N steps
  size_t before;                    // steps from 1 to 1e-3
  sb_final final;                   // of the result
  double early[LAWS], result[LAWS]; // relative errors of variances, at t = 1e-3 and of the result
} way;

static void
measure (way *w, const pair *p, results *r)
{
  gsl_vector *v = require_pointer (gsl_vector_alloc (LAWS), "variances");
  double a, sd;
  require (sb_process_scalars (p->sde, 0, 1e-3, &a, &sd), "the kernel");
  run (p, w->step, 1e-3, w->before, SB_FINAL_SAMPLE, v, r);
  for (size_t k = 0; k < LAWS; k++)
    w->early[k] = gsl_vector_get (v, k) / (gsl_pow_2 (a) * lambda[k] + gsl_pow_2 (sd)) - 1;
  run (p, w->step, w->end, N, w->final, v, r);
  for (size_t k = 0; k < LAWS; k++)
    {
      char row[32], column[96];
      w->result[k] = gsl_vector_get (v, k) / lambda[k] - 1;
      snprintf (row, sizeof row, "λ = %g", lambda[k]);
      snprintf (column, sizeof column, "Error of the variance at t = 10⁻³ / %s", w->name);
      results_row (r, row, column, "", w->early[k], -1, "", "relative");
      snprintf (column, sizeof column, "Error of the result's variance / %s", w->name);
      results_row (r, row, column, "", w->result[k], -1, "", "relative");
    }
  gsl_vector_free (v);
}

int
main (void)
{
  results r = results_open ();
  const pair p = { require_pointer (sb_vp_alloc (LAWS, 0.1, 20), "the SDE"),
                   require_pointer (sb_ddpm_alloc (LAWS, N, 0.1, 20), "the chain") };
  way ways[] = { { "Euler-Maruyama to 10⁻³", sb_step_euler_maruyama, 1e-3, N, SB_FINAL_DENOISE, { 0 }, { 0 } },
                 { "Euler-Maruyama, the authors' grid", sb_step_euler_maruyama, 0, N - 1, SB_FINAL_MEAN, { 0 }, { 0 } },
                 { "reverse diffusion of DDPM", sb_step_reverse_diffusion, 0, N - 1, SB_FINAL_MEAN, { 0 }, { 0 } } };
  p.sde->t_min = 0; // the authors' last step ends there
  compare_kernels (&r, &p);
  for (size_t k = 0; k < 3; k++)
    measure (&ways[k], &p, &r);
  const way *euler = &ways[0], *authors = &ways[1], *ddpm = &ways[2];
  const double mismatch = kernel_variance (p.chain, 1. / N) / kernel_variance (p.sde, 1. / N);
  results_claim (&r, "DDPM's discretisation does not match the variance of the continuous process as t -> 0",
                 fabs (mismatch - 1) > 0.05, "%.4g of it at the first of 1000 levels, %.4g at the hundredth", mismatch,
                 kernel_variance (p.chain, 0.1) / kernel_variance (p.sde, 0.1));
  results_claim (&r, "At t = 1e-3, thin data: Euler-Maruyama is nearer to the process's variance",
                 fabs (euler->early[0]) < fabs (ddpm->early[0]) && fabs (authors->early[0]) < fabs (ddpm->early[0]),
                 "lambda 1e-4: %+.4f and %+.4f for %+.4f", euler->early[0], authors->early[0], ddpm->early[0]);
  for (size_t k = 0; k < LAWS; k++)
    {
      char claim[96];
      snprintf (claim, sizeof claim, "Results: Euler-Maruyama is nearer to the data's variance, lambda = %g",
                lambda[k]);
      results_claim (&r, claim, fabs (euler->result[k]) < fabs (ddpm->result[k]),
                     "%+.4f to 1e-3, %+.4f on the authors' grid, for %+.4f", euler->result[k], authors->result[k],
                     ddpm->result[k]);
    }
  sb_process_free (p.chain);
  sb_process_free (p.sde);
  results_close (&r);
  return EXIT_SUCCESS;
}
