// # What must be true of a score under another process
//
// The exact score of a law under one process is, rescaled, the exact score of that law under another. So what a network
// learned under VP or a chain is sampled under the process of Karras et al.

#include "process/ddpm.h"
#include "process/edm.h"
#include "process/smld.h"
#include "process/soft.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/callback.h"
#include "score/clip.h"
#include "score/exact.h"
#include "score/rescale.h"
#include "target/mixture.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (rescale);

enum
{
  N = 6
};

static const sb_view views[] = { SB_SCORE, SB_DENOISER, SB_EPSILON };

static sb_target *
law (void)
{
  return scoped (sb_target_mixture_alloc (vector_of (.35, .65), matrix_of (2, 2, -1, .5, 1, -.3),
                                          matrix_of (4, 2, .5, .2, .2, .3, .2, -.1, -.1, .4)));
}

static const sb_process *
process_of (int k)
{
  return k == 0   ? scoped (sb_vp_alloc (2, .1, 20))
         : k == 1 ? scoped (sb_subvp_alloc (2, .1, 20))
         : k == 2 ? scoped (sb_ve_alloc (2, .01, 50))
                  : scoped (sb_edm_alloc (2, .01, 40));
}

static double
ratio (const sb_process *process, double t)
{
  return number_of (process, SB_S, 0, t) / number_of (process, SB_A, 0, t);
}

// ## In continuous time
//
// From each process to each: all views, their Jacobians and the divergence, at ratios that both have.

static void
compare (const gsl_matrix *got, const gsl_matrix *wanted, const char *what, int from, int to)
{
  for (size_t i = 0; i < got->size1; i++)
    for (size_t j = 0; j < got->size2; j++)
      {
        const double a = gsl_matrix_get (got, i, j), b = gsl_matrix_get (wanted, i, j);
        cr_assert_float_eq (a, b, 1e-9 * (1 + fabs (b)), "%s, from %d to %d: %.12g, not %.12g", what, from, to, a, b);
      }
}

static void
check_pair (int from, int to)
{
  const sb_process *process = process_of (to);
  const sb_score *exact = scoped (sb_score_exact_alloc (law (), process)),
                 *learned = scoped (sb_score_exact_alloc (law (), process_of (from))),
                 *rescaled = scoped (sb_score_rescale_alloc (learned, process, false));
  gsl_matrix *x = normals (N, 2, 1), *v = normals (N, 2, 2), *got = matrix (N, 2), *wanted = matrix (N, 2);
  gsl_vector *t = vector (N), *tr = vector (N), *tr_wanted = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, process->t_max * (i == 1 ? .21 : .05 + .15 * (double)i));
  for (int k = 0; k < 3; k++)
    {
      ok (sb_score_evaluate (rescaled, views[k], x, t, NULL, got));
      ok (sb_score_evaluate (exact, views[k], x, t, NULL, wanted));
      compare (got, wanted, "value", from, to);
      ok (sb_score_jvp (exact, views[k], x, t, NULL, v, wanted));
      ok (sb_score_jvp (rescaled, views[k], x, t, NULL, v, got));
      compare (got, wanted, "J v", from, to);
      ok (sb_score_vjp (rescaled, views[k], x, t, NULL, v, got)); // J is symmetric
      compare (got, wanted, "J^T v", from, to);
    }
  ok (sb_score_divergence (rescaled, x, t, NULL, tr));
  ok (sb_score_divergence (exact, x, t, NULL, tr_wanted));
  for (size_t i = 0; i < N; i++)
    cr_assert_float_eq (gsl_vector_get (tr, i), gsl_vector_get (tr_wanted, i),
                        1e-9 * (1 + fabs (gsl_vector_get (tr_wanted, i))));
}

Test (rescale, exact_scores_are_those_of_the_other_process)
{
  for (int from = 0; from < 4; from++)
    for (int to = 0; to < 4; to++)
      check_pair (from, to);
}

// A sampler does not tell the difference, and an estimate that is clipped stays so.

Test (rescale, samples)
{
  const sb_process *edm = process_of (3);
  const sb_score *learned = scoped (sb_score_exact_alloc (law (), process_of (0))),
                 *clipped = scoped (sb_score_clip_alloc (learned, -.4, .4)),
                 *of[]
                 = { scoped (sb_score_exact_alloc (law (), edm)), scoped (sb_score_rescale_alloc (learned, edm, false)),
                     scoped (sb_score_rescale_alloc (clipped, edm, false)) };
  gsl_matrix *x[3];
  const sb_pc pc = { .step = sb_step_edm_heun, .final = SB_FINAL_DENOISE };
  for (int k = 0; k < 3; k++)
    {
      x[k] = normals (20, 2, 4);
      gsl_matrix_scale (x[k], 60);
      ok (sb_pc_sample (&pc, of[k], NULL, vector_of (60, 20, 6, 2, .6, .2, .06, .02), (sb_stream){ .seed = 1 }, x[k],
                        NULL));
    }
  cr_assert_lt (largest_difference (x[0], x[1]), 1e-9);
  cr_assert (gsl_matrix_max (x[2]) <= .4 && gsl_matrix_min (x[2]) >= -.4 && gsl_matrix_max (x[0]) > .4);
}

// What goes back to parameters is what came: the factor is of $\mathbf x$ alone.

static int
keep (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out, void *kept)
{
  (void)x, (void)t, (void)y;
  gsl_matrix_memcpy (kept, v);
  return gsl_matrix_memcpy (out, v);
}

static int
same (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *kept)
{
  (void)t, (void)y, (void)kept;
  return gsl_matrix_memcpy (out, x);
}

Test (rescale, gradients_of_parameters_pass)
{
  gsl_matrix *kept = matrix (1, 2), *v = matrix_of (1, 2, 3, -4), *out = matrix (1, 2);
  const sb_process *vp = process_of (0), *edm = process_of (3);
  const sb_score_callback callback = { .view = SB_DENOISER, .function = same, .vjp = keep, .params = kept };
  const sb_score *score
      = scoped (sb_score_rescale_alloc (scoped (sb_score_callback_alloc (&callback, vp)), edm, false));
  const gsl_vector *sigma = vector_of (ratio (vp, .5));
  ok (sb_score_vjp (score, SB_DENOISER, matrix_of (1, 2, .3, .2), sigma, NULL, v, out));
  cr_assert (gsl_matrix_equal (kept, v));
  cr_assert_float_eq (gsl_matrix_get (out, 0, 1), -4 * number_of (vp, SB_A, 0, .5), 1e-12);
  refused (GSL_EUNSUP, sb_score_jvp (score, SB_DENOISER, matrix_of (1, 2, .3, .2), sigma, NULL, v, out));
}

// ## Of a chain
//
// A level's own ratio is that level, with or without rounding; in between the nearest, or none.

static void
check_chain (const sb_process *chain)
{
  const sb_process *edm = scoped (sb_edm_alloc (2, 1e-3, 200));
  const sb_score *learned = scoped (sb_score_exact_alloc (law (), chain)),
                 *nearest = scoped (sb_score_rescale_alloc (learned, edm, true)),
                 *strict = scoped (sb_score_rescale_alloc (learned, edm, false)),
                 *exact = scoped (sb_score_exact_alloc (law (), edm));
  gsl_matrix *x = normals (1, 2, 5), *got = matrix (1, 2), *wanted = matrix (1, 2), *there = matrix (1, 2);
  for (size_t i = 1; i <= chain->levels; i += i < chain->levels - 1 ? 7 : 1)
    {
      const double t = (double)i / (double)chain->levels, sigma = ratio (chain, t), a = number_of (chain, SB_A, 0, t);
      ok (sb_score_evaluate (exact, SB_DENOISER, x, vector_of (sigma), NULL, wanted));
      ok (sb_score_evaluate (strict, SB_DENOISER, x, vector_of (sigma), NULL, got));
      compare (got, wanted, chain->type->name, (int)i, 0);
      ok (sb_score_evaluate (nearest, SB_DENOISER, x, vector_of (sigma), NULL, got));
      compare (got, wanted, chain->type->name, (int)i, 1);
      if (i == chain->levels)
        break;
      const double next = ratio (chain, (double)(i + 1) / (double)chain->levels);
      for (int k = 1; k < 4; k += 2) // a quarter of the way up, and three
        {
          const double u = k == 1 ? t : (double)(i + 1) / (double)chain->levels;
          const gsl_vector *between = vector_of (sigma + k * (next - sigma) / 4);
          refused (GSL_EDOM, sb_score_evaluate (strict, SB_DENOISER, x, between, NULL, got));
          ok (sb_score_evaluate (nearest, SB_DENOISER, x, between, NULL, got));
          gsl_matrix_memcpy (there, x);
          gsl_matrix_scale (there, k == 1 ? a : number_of (chain, SB_A, 0, u));
          ok (sb_score_evaluate (learned, SB_DENOISER, there, vector_of (u), NULL, wanted));
          compare (got, wanted, "between levels", (int)i, k);
        }
    }
}

Test (rescale, chains)
{
  check_chain (scoped (sb_ddpm_alloc (2, 100, .1, 20)));
  check_chain (scoped (sb_smld_alloc (2, 100, .01, 50)));
}

// ## Refusals

Test (rescale, refusals)
{
  const sb_process *vp = process_of (0), *edm = scoped (sb_edm_alloc (2, 1e-3, 80));
  const sb_score *learned = scoped (sb_score_exact_alloc (law (), vp)),
                 *score = scoped (sb_score_rescale_alloc (learned, edm, false));
  const double first = ratio (vp, vp->t_min), last = ratio (vp, vp->t_max);
  gsl_matrix *x = matrix_of (1, 2, .3, .2), *out = matrix (1, 2);
  ok (sb_score_evaluate (score, SB_DENOISER, x, vector_of (first), NULL, out));
  ok (sb_score_evaluate (score, SB_DENOISER, x, vector_of (last), NULL, out));
  refused (GSL_EDOM, sb_score_evaluate (score, SB_DENOISER, x, vector_of (.999 * first), NULL, out));
  refused (GSL_EDOM, sb_score_evaluate (score, SB_DENOISER, x, vector_of (1.001 * last), NULL, out));
  refused (GSL_EDOM, sb_score_evaluate (score, SB_DENOISER, x, vector_of (GSL_NAN), NULL, out));
  cr_assert_null (sb_score_rescale_alloc (learned, scoped (sb_edm_alloc (3, .01, 80)), false));
  sb_process several = *edm;
  several.parts = 2;
  cr_assert_null (sb_score_rescale_alloc (learned, &several, false));
  sb_score of_several = *learned;
  of_several.process = &several;
  cr_assert_null (sb_score_rescale_alloc (&of_several, edm, false));
}
