// # Table 1 without Monte Carlo
//
// Images have spectra that fall with frequency. SPEC48 is such a law in 48 dimensions: independent normal coordinates
// with variances $\lambda_k = c/k$, of mean 1/4. With the exact score every sampler is linear, and tests/recursion.h
// follows the variances through the library's own steps; the Frechet distance to the data is
// $\sum_k(\sqrt{v_k}-\sqrt{\lambda_k})^2$. The reference numbers were computed independently, from the papers'
// formulas, and are met to their printed digits.

#include "process/ddpm.h"
#include "process/smld.h"
#include "recursion.h"
#include "scope.h"

#include <math.h>

enum
{
  DIMENSION = 48,
  LEVELS = 1000
};

SUITE (spectrum);

// ## A cell of the table

typedef enum
{
  VE,
  VP
} sde;

static gsl_vector *
spectrum (void)
{
  double sum = 0;
  gsl_vector *lambda = vector (DIMENSION);
  for (int k = 1; k <= DIMENSION; k++)
    sum += 1. / k;
  for (size_t k = 1; k <= DIMENSION; k++)
    gsl_vector_set (lambda, k - 1, 0.25 * DIMENSION / sum / (double)k);
  return lambda;
}

static sb_process *
chain (sde which, size_t N)
{
  return which == VE ? scoped (sb_smld_alloc (DIMENSION, N, 0.01, 20)) : scoped (sb_ddpm_alloc (DIMENSION, N, 0.1, 20));
}

typedef struct
{
  double distance;
  size_t evaluations;
} cell;

static cell
run_grid (sde which, size_t N, size_t last, double factor, const sb_pc *pc)
{
  recursion data = { .process = chain (which, N), .lambda = spectrum (), .factor = factor };
  gsl_vector *v = vector_all (DIMENSION, which == VE ? 400 : 1);
  cell result;
  ok (recursion_run (&data, pc, level_times (N, last, N), v, &result.evaluations));
  result.distance = recursion_frechet (&data, v);
  return result;
}

// The table's protocol: the authors' order, the corrector at levels N to 1, and Tweedie's formula from level 1.

static cell
run (sde which, const sb_step_type *predictor, size_t N, size_t M, double r, sb_alpha alpha, double factor)
{
  sb_corrector corrector = { .type = sb_corrector_langevin, .snr = r, .alpha = alpha };
  sb_pc pc = { .step = predictor,
               .corrector = corrector,
               .corrector_steps = M,
               .order = SB_CORRECTOR_FIRST,
               .final = SB_FINAL_DENOISE };
  return run_grid (which, N, 1, factor, &pc);
}

static double
P (sde which, const sb_step_type *predictor, size_t N, double factor)
{
  return run (which, predictor, N, 0, 0, SB_ALPHA_STEP, factor).distance;
}

// At the best r of the grid .01, .02, ..., found by walking downhill from `guess`; the r is left in `best`, if not
// NULL.

static double
search (sde which, const sb_step_type *predictor, size_t M, sb_alpha alpha, double factor, double guess, double *best)
{
  int i = (int)rint (100 * guess), down = 1;
  double least = run (which, predictor, LEVELS, M, 0.01 * i, alpha, factor).distance;
  for (int direction = -1; direction <= 1; direction += 2)
    for (down = 1; down && i + direction > 0;)
      {
        double next = run (which, predictor, LEVELS, M, 0.01 * (i + direction), alpha, factor).distance;
        down = next < least;
        least = down ? next : least;
        i += down * direction;
      }
  if (best != NULL)
    *best = 0.01 * i;
  return least;
}

static void
assert_close (const char *what, double ours, double reference, double tolerance)
{
  cr_assert (fabs (ours / reference - 1) < tolerance, "%s: %.5g, not %.5g", what, ours, reference);
}

// ## Predictors alone
//
// [scoresde.eq4] [scoresde.eq43] [scoresde.eq44] [scoresde.eq46] [scoresde.eq47] [scoresde.alg2] [scoresde.alg3]
// With 2000 steps (the chain with twice the noise scales) the distance of all six falls about fourfold: errors of the
// variance of first order. [scoresde.txt-pf-update] And the probability flow is the worst of the three.
// [scoresde.txt-pf-worse] Reverse diffusion beats ancestral sampling for SMLD; for DDPM, with the exact score, it is
// the other way round. [scoresde.txt-rd-beats-anc]

Test (spectrum, predictors)
{
  const sb_step_type *steps[] = { sb_step_ancestral, sb_step_reverse_diffusion, sb_step_probability_flow };
  const double reference[2][3] = { { 1.9217e-4, 1.5541e-4, 1.2048e-3 }, { 3.5425e-5, 7.5330e-5, 4.304e-3 } },
               twice[2][3] = { { 5.36e-5, 3.48e-5, 2.49e-4 }, { 8.83e-6, 1.876e-5, 1.058e-3 } };
  double of_1000[2][3], of_2000[2][3];
  for (sde which = VE; which <= VP; which++)
    for (int k = 0; k < 3; k++)
      {
        of_1000[which][k] = P (which, steps[k], 1000, 1);
        of_2000[which][k] = P (which, steps[k], 2000, 1);
        assert_close (steps[k]->entry.name, of_1000[which][k], reference[which][k], 1e-3);
        assert_close (steps[k]->entry.name, of_2000[which][k], twice[which][k], which == VE ? 3e-3 : 1e-3);
      }

  double ratio = of_1000[VP][2] / of_2000[VP][2];
  cr_assert (3.7 < ratio && ratio < 4.4);
  cr_assert (of_1000[VE][1] < of_1000[VE][0] && of_1000[VE][0] < of_1000[VE][2]);
  cr_assert (of_1000[VP][0] < of_1000[VP][1] && of_1000[VP][1] < of_1000[VP][2]);
}

// ## Predictor and corrector
//
// One corrector step for each predictor step improves on every predictor, and on twice as many predictor steps for five
// of the six: not for ancestral sampling of DDPM. [scoresde.txt-pc-beats-p] [scoresde.alg4] [scoresde.alg5] Those of
// reverse diffusion and this corrector are Algorithms 2 and 3. [scoresde.alg2] [scoresde.alg3]

static void
pc_case (sde which, const sb_step_type *predictor, double reference, double reference_r, bool beats_2000)
{
  double r, pc = search (which, predictor, 1, SB_ALPHA_STEP, 1, 0.06, &r);
  assert_close (predictor->entry.name, pc, reference, 1e-3);
  cr_assert_float_eq (r, reference_r, 1e-9, "%s: r = %g", predictor->entry.name, r);
  cr_assert_lt (pc, P (which, predictor, 1000, 1));
  cr_assert_eq (pc < P (which, predictor, 2000, 1), beats_2000, "%s against 2000 steps", predictor->entry.name);
}

Test (spectrum, predictor_and_corrector)
{
  pc_case (VE, sb_step_ancestral, 1.744e-5, 0.06, true);
  pc_case (VE, sb_step_reverse_diffusion, 1.327e-5, 0.05, true);
  pc_case (VE, sb_step_probability_flow, 1.720e-5, 0.06, true);
  pc_case (VP, sb_step_ancestral, 1.195e-5, 0.05, false);
  pc_case (VP, sb_step_reverse_diffusion, 1.825e-5, 0.05, true);
  pc_case (VP, sb_step_probability_flow, 2.730e-5, 0.05, true);
}

// Corrector-only sampling with as many evaluations is worse than all of these, and gets better with more corrector
// steps. [scoresde.txt-c-worst] The best r is larger without a predictor, and not larger for VP than for VE.

Test (spectrum, corrector_only)
{
  double r_ve, r_vp, ve = search (VE, sb_step_none, 2, SB_ALPHA_STEP, 1, 0.14, &r_ve);
  double vp = search (VP, sb_step_none, 2, SB_ALPHA_STEP, 1, 0.18, &r_vp);
  assert_close ("VE C2000", ve, 4.139e-4, 1e-3);
  assert_close ("VP C2000", vp, 2.898e-3, 1e-3);
  cr_assert_float_eq (r_ve, 0.13, 1e-9);
  cr_assert_float_eq (r_vp, 0.18, 1e-9);
  cr_assert (ve > P (VE, sb_step_probability_flow, 2000, 1) && ve > P (VE, sb_step_ancestral, 2000, 1)
             && ve > 1.744e-5);
  cr_assert (vp > P (VP, sb_step_probability_flow, 2000, 1) && vp > P (VP, sb_step_ancestral, 2000, 1)
             && vp > 2.730e-5);

  const struct
  {
    sde which;
    size_t M;
    double guess, reference;
  } more[] = { { VE, 4, 0.1, 1.33e-4 },
               { VE, 8, 0.08, 4.45e-5 },
               { VE, 16, 0.06, 1.15e-5 },
               { VP, 4, 0.14, 1.31e-3 },
               { VP, 8, 0.11, 5.78e-4 } };
  for (int k = 0; k < 5; k++)
    {
      double best = search (more[k].which, sb_step_none, more[k].M, SB_ALPHA_STEP, 1, more[k].guess, NULL);
      assert_close ("with more steps", best, more[k].reference, 5e-3);
    }
}

// Algorithm 5 with the product of the $1-\beta_j$ for $\alpha_i$: nearly still at the noisy end, and little different
// in the end. [scoresde.alg5]

Test (spectrum, cumulative_alpha)
{
  double r, c = search (VP, sb_step_none, 2, SB_ALPHA_CUMULATIVE, 1, 0.19, &r);
  assert_close ("C2000", c, 3.059e-3, 1e-3);
  cr_assert_float_eq (r, 0.19, 1e-9);
  assert_close ("PC1000", search (VP, sb_step_reverse_diffusion, 1, SB_ALPHA_CUMULATIVE, 1, 0.05, NULL), 1.924e-5,
                1e-3);
}

// ## With a score that is 5% too large
//
// Then, and only then, the order of the predictors is the paper's in both halves of its table.
// [scoresde.txt-rd-beats-anc] [scoresde.txt-pc-beats-p]

static void
wrong_score_case (sde which, double anc_p, double rd_p, double anc_pc, double rd_pc, double pf_pc)
{
  const sb_step_type *anc = sb_step_ancestral, *rd = sb_step_reverse_diffusion, *pf = sb_step_probability_flow;
  double factor = 1.05;
  double p_anc = P (which, anc, 1000, factor), p_rd = P (which, rd, 1000, factor);
  double pc_anc = search (which, anc, 1, SB_ALPHA_STEP, factor, 0.22, NULL);
  double pc_rd = search (which, rd, 1, SB_ALPHA_STEP, factor, 0.22, NULL);
  double pc_pf = search (which, pf, 1, SB_ALPHA_STEP, factor, 0.22, NULL);
  assert_close ("P ancestral", p_anc, anc_p, 1e-3);
  assert_close ("P reverse diffusion", p_rd, rd_p, 1e-3);
  assert_close ("PC ancestral", pc_anc, anc_pc, 1e-4);
  assert_close ("PC reverse diffusion", pc_rd, rd_pc, 1e-4);
  assert_close ("PC probability flow", pc_pf, pf_pc, 1e-4);
  cr_assert (p_rd < p_anc && pc_pf < pc_rd && pc_rd < pc_anc);
  cr_assert_lt (pc_anc, P (which, anc, 2000, factor));
  cr_assert_lt (pc_rd, P (which, rd, 2000, factor));
  cr_assert_lt (pc_pf, P (which, pf, 2000, factor));
}

Test (spectrum, with_a_score_five_per_cent_too_large)
{
  wrong_score_case (VE, 0.03056, 0.02242, 0.0039847, 0.0039816, 0.0039809);
  wrong_score_case (VP, 0.02509, 0.02391, 0.0039925, 0.0039920, 0.0039651);
}

// ## The end of a run, and the order
//
// Algorithm 1 as printed corrects at level 0 and returns the noisy sample; without the corrector at level 0 and with
// Tweedie's formula it does better, [scoresde.alg1] and so do predictors alone. [scoresde.txt-denoise] The
// three variants, on reverse diffusion with r = .05, Algorithm 2, are the printed one, ours, and that of the authors'
// code. [scoresde.alg2]

Test (spectrum, erratum_alg1_ends_at_level_0)
{
  sb_corrector corrector = { .type = sb_corrector_langevin, .snr = 0.05 };
  sb_pc pc = { .step = sb_step_reverse_diffusion, .corrector = corrector, .corrector_steps = 1 };
  pc.order = SB_PREDICTOR_FIRST;
  pc.final = SB_FINAL_SAMPLE;
  cell printed = run_grid (VE, LEVELS, 0, 1, &pc);
  assert_close ("as printed", printed.distance, 1.887e-5, 1e-3);
  cr_assert_eq (printed.evaluations, 2 * LEVELS);
  pc.final = SB_FINAL_DENOISE;
  cell ours = run_grid (VE, LEVELS, 1, 1, &pc);
  assert_close ("no corrector at 0, denoised", ours.distance, 1.327e-5, 1e-3);
  cr_assert_eq (ours.evaluations, 2 * (LEVELS - 1) + 1);
  pc.order = SB_CORRECTOR_FIRST;
  pc.final = SB_FINAL_MEAN;
  cell code = run_grid (VE, LEVELS, 0, 1, &pc);
  assert_close ("the authors' code", code.distance, 1.327e-5, 1e-3);
  cr_assert_eq (code.evaluations, 2 * LEVELS);
}

Test (spectrum, denoising_helps)
{
  sb_pc pc = { .step = sb_step_reverse_diffusion, .final = SB_FINAL_SAMPLE };
  double noisy = run_grid (VE, LEVELS, 0, 1, &pc).distance;
  assert_close ("without denoising", noisy, 1.726e-4, 1e-3);
  cr_assert_lt (P (VE, sb_step_reverse_diffusion, LEVELS, 1), noisy);
}
