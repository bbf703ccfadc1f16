// # What must be true of a sampler in another unit
//
// A law and a process in another unit, and the points they start from, end in the same samples in that unit: every
// step, every corrector, every way to end, and the flow. By powers of two the rounding is the same, too.

#include "process/smld.h"
#include "process/ve.h"
#include "sampler/flow.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE_WITH_BLAS (scaled);

enum
{
  N = 5,
  D = 3
};

static const sb_stream stream = { .seed = 4, .purpose = SB_FOR_USER };

static sb_score *
score_in (double unit, int chain)
{
  gsl_matrix *means = matrix_of (2, D, -1, 0, 2, 1, 0.5, -1), *C = matrix_all (2 * D, D, 0);
  for (size_t i = 0; i < 2 * D; i++)
    gsl_matrix_set (C, i, i % D, unit * ((0.25 + (double)i / 8) * unit));
  gsl_matrix_scale (means, unit);
  sb_process *process
      = scoped (chain ? sb_smld_alloc (D, 10, 0.125 * unit, 8 * unit) : sb_ve_alloc (D, 0.125 * unit, 8 * unit));
  return scoped (sb_score_exact_alloc (scoped (sb_target_mixture_alloc (NULL, means, C)), process));
}

static gsl_matrix *
start_in (double unit)
{
  gsl_matrix *x = normals (N, D, 5);
  gsl_matrix_scale (x, 8 * unit);
  return x;
}

static const double units[] = { 0x1p-480, 0x1p480, 1e-150, 1e150 };

static void
check (const char *name, int status, const gsl_matrix *x, double unit, int plain_status, const gsl_matrix *plain,
       double bound)
{
  cr_assert_eq (status, plain_status, "%s, unit %g: status %d, %d without", name, unit, status, plain_status);
  for (size_t k = 0; k < N * D && !status; k++)
    cr_assert_float_eq (x->data[k] / unit, plain->data[k], bound * (1 + fabs (plain->data[k])),
                        "%s, unit %g: %.15g, not %.15g", name, unit, x->data[k] / unit, plain->data[k]);
}

// Whether it answers.

static int
check_sampler (const char *name, const sb_pc *pc, int chain)
{
  gsl_matrix *plain = start_in (1);
  gsl_vector *times = vector_of (1, 0.7, 0.4, 0.1);
  const int status = sb_pc_sample (pc, score_in (1, chain), NULL, times, stream, plain, NULL);
  for (size_t k = 0; k < 4; k++)
    {
      gsl_matrix *x = start_in (units[k]);
      check (name, sb_pc_sample (pc, score_in (units[k], chain), NULL, times, stream, x, NULL), x, units[k], status,
             plain, 1e-9);
    }
  return !status;
}

Test (scaled, every_step)
{
  const sb_final finals[] = { SB_FINAL_DENOISE, SB_FINAL_MEAN, SB_FINAL_SAMPLE };
  size_t answers = 0, steps = 0;
  for (; sb_steps (steps); steps++)
    for (size_t f = 0; f < 3; f++)
      {
        sb_pc pc = sb_pc_default ();
        pc.step = (const sb_step_type *)sb_steps (steps);
        pc.corrector_steps = 0;
        pc.final = finals[f];
        answers += (size_t)check_sampler (sb_steps (steps)->name, &pc, 0);
        check_sampler (sb_steps (steps)->name, &pc, 1);
      }
  cr_assert_geq (answers, 3 * (steps - 1), "%zu of %zu", answers, 3 * steps);
}

// The step of the constant corrector is a square of the unit.

Test (scaled, every_corrector)
{
  for (size_t k = 0; sb_correctors (k); k++)
    for (int norm = SB_NORM_BATCH; norm <= SB_NORM_ROOT_D; norm++)
      {
        sb_pc pc = sb_pc_default ();
        double key[SB_KEYS_MOST];
        sb_entry_usual (sb_correctors (k), key);
        pc.corrector.type = (const sb_corrector_type *)sb_correctors (k);
        pc.corrector.type->set (key, &pc.corrector);
        pc.corrector.norm = (sb_norm)norm;
        if (strcmp (sb_correctors (k)->name, "constant") != 0)
          cr_assert (check_sampler (sb_correctors (k)->name, &pc, norm % 2), "%s", sb_correctors (k)->name);
      }
}

Test (scaled, the_flow)
{
  sb_flow flow = { .relative = 1e-8, .absolute = 1e-8, .final = SB_FINAL_SAMPLE };
  gsl_matrix *plain = start_in (1);
  size_t evaluations, again;
  const int status = sb_flow_run (&flow, score_in (1, 0), NULL, 1, 1e-3, plain, &evaluations);
  ok (status);
  for (size_t k = 0; k < 4; k++)
    {
      gsl_matrix *x = start_in (units[k]);
      flow.absolute = 1e-8 * units[k];
      check ("flow", sb_flow_run (&flow, score_in (units[k], 0), NULL, 1, 1e-3, x, &again), x, units[k], status, plain,
             1e-7);
      cr_assert_eq (again, evaluations, "unit %g: %zu evaluations, not %zu", units[k], again, evaluations);
    }
}
