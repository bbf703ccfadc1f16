// # Samplers of a mixture
//
// Two modes with a gap between them and a narrow third: not a Gaussian, and its law at every time is known. Each
// sampler draws $2\cdot10^{4}$ numbers (2500 rows of 8 independent coordinates) and is compared with the exact
// distribution function by Kolmogorov and Smirnov's distance, whose bound has a false alarm of $10^{-6}$, plus an
// allowance for the bias of the steps. The bounds were proposed for 1000 steps; 200 are enough.

#include "gmm3.h"
#include "process/ddpm.h"
#include "process/smld.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/pc.h"
#include "scope.h"

enum
{
  COLUMNS = 8,
  STEPS = 200
};

SUITE (mixture);

// The distance of what a sampler makes of the prior from the law at this time.

static double
distance (const sb_process *process, const sb_pc *pc, const gsl_vector *times, size_t rows, double end)
{
  gsl_matrix *x = matrix (rows, COLUMNS);
  sb_score *score = scoped (sb_score_alloc (&gmm3_score_type, (void *)process, process));
  sb_stream stream = { .seed = 17, .purpose = SB_FOR_PRIOR };
  ok (sb_process_prior (process, stream, x));
  ok (sb_pc_sample (pc, score, NULL, times, stream, x, NULL));
  return gmm3_distance (process, end, x);
}

static void
expect_close (sb_process *process, const sb_pc *pc, gsl_vector *times, double allowance)
{
  double end = pc->final == SB_FINAL_SAMPLE ? gsl_vector_get (times, times->size - 1) : 0; // without noise: the data's
  double d = distance (process, pc, times, 2500, end);
  cr_assert_lt (d, gmm3_critical (20000) + allowance, "%s, %s: distance %g", process->type->name, pc->step->entry.name,
                d);
}

// ## Solvers of the reverse SDE
//
// [scoresde.eq6] [scoresde.txt-general-solvers]

static void
sde_case (const sb_step_type *predictor, sb_process *process)
{
  sb_pc pc = { .step = predictor, .final = SB_FINAL_SAMPLE };
  expect_close (process, &pc, even_times (process->t_max, process->t_min, STEPS), 0.005);
}

Test (mixture, euler_maruyama)
{
  sde_case (sb_step_euler_maruyama, scoped (sb_ve_alloc (COLUMNS, 0.01, 50)));
  sde_case (sb_step_euler_maruyama, scoped (sb_vp_alloc (COLUMNS, 0.1, 20)));
  sde_case (sb_step_euler_maruyama, scoped (sb_subvp_alloc (COLUMNS, 0.1, 20)));
}

Test (mixture, heun)
{
  sb_process *subvp = scoped (sb_subvp_alloc (COLUMNS, 0.1, 20));
  sb_pc pc = { .step = sb_step_heun, .final = SB_FINAL_SAMPLE };
  expect_close (subvp, &pc, even_times (subvp->t_max, subvp->t_min, 60), 0.005);
}

// ## The chains
//
// Ancestral sampling of DDPM down to the data. [scoresde.eq4]

static void
chain_case (const sb_step_type *predictor, sb_process *chain, size_t M, double allowance)
{
  sb_pc pc = sb_pc_default ();
  pc.step = predictor;
  pc.corrector_steps = M;
  pc.corrector.snr = 0.1;
  expect_close (chain, &pc, level_times (chain->levels, 1, chain->levels), allowance);
}

Test (mixture, ancestral_ddpm)
{
  chain_case (sb_step_ancestral, scoped (sb_ddpm_alloc (COLUMNS, STEPS, 0.1, 20)), 0, 0.01);
}

// The same of SMLD. [scoresde.eq47]

Test (mixture, ancestral_smld)
{
  chain_case (sb_step_ancestral, scoped (sb_smld_alloc (COLUMNS, STEPS, 0.01, 50)), 0, 0.01);
}

// With a corrector step at each level of SMLD it is Algorithm 2, [scoresde.alg2]

Test (mixture, algorithm_2)
{
  chain_case (sb_step_reverse_diffusion, scoped (sb_smld_alloc (COLUMNS, STEPS, 0.01, 50)), 1, 0.005);
}

// and of DDPM Algorithm 3. [scoresde.alg3]

Test (mixture, algorithm_3)
{
  chain_case (sb_step_reverse_diffusion, scoped (sb_ddpm_alloc (COLUMNS, STEPS, 0.1, 20)), 1, 0.005);
}

// ## Annealed Langevin dynamics
//
// Twelve levels from sigma = 20 to .05, steps of $.05\,\sigma_i^2$. [scoresde.eq2] With M = 400 steps a level it is
// near the law of the last one (3200 numbers; an allowance of .005 for the step size); with 1 and 10 it is far from
// it: the modes do not get their weights. [scoresde.txt-langevin-limit]

static double
annealed_langevin (size_t M, size_t rows)
{
  sb_process *smld = scoped (sb_smld_alloc (COLUMNS, 12, 0.05, 20));
  sb_pc pc = { .step = sb_step_none,
               .corrector = { .type = sb_corrector_fixed, .epsilon = 0.05 },
               .corrector_steps = M,
               .order = SB_CORRECTOR_FIRST,
               .final = SB_FINAL_SAMPLE };
  return distance (smld, &pc, level_times (12, 0, 12), rows, 1. / 12);
}

Test (mixture, annealed_langevin)
{
  const double d = annealed_langevin (400, 400);
  cr_assert_lt (d, gmm3_critical (3200) + 0.005, "M = 400: distance %g", d);
  cr_assert_gt (annealed_langevin (1, 100), 0.1);
  cr_assert_gt (annealed_langevin (10, 100), 0.1);
}
