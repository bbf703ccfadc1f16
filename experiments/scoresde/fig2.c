// # Figure 2: there with noise, back with or without it
//
// From the law at time T two ways lead back to the data: the reverse-time SDE and the probability flow ODE. Paths of
// the one cross, those of the other never do, and at every time both have the same law $p_t$. [scoresde.fig2] Both
// start here from the same particles of the exact $p_T$, so that what is compared is the way back and nothing else.

#include "on_a_line.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_permutation.h>
#include <gsl/gsl_sort_vector.h>
#include <math.h>
#include <stdlib.h>

enum
{
  TIMES = 4,    // at which particles are compared
  STEPS = 1000, // of the reverse-time SDE
  CROSSING = 100,
  PATHS = 20 // drawn
};

// ## Back, by either way
//
// The states at the wanted times are kept; of runs for the picture, all.

typedef struct
{
  gsl_matrix *state[TIMES]; // n x 1 each
  FILE *paths;              // NULL: not drawn
} journey;

static int
record (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  journey *j = context;
  (void)steps;
  if (!j->paths || done % 5)
    return GSL_SUCCESS;
  write_path (j->paths, t, x);
  return GSL_SUCCESS;
}

static int
record_all (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  (void)done;
  return record (context, 0, steps, t, x);
}

static size_t
steps_between (double from, double to)
{
  return (size_t)lrint (STEPS * (from - to)) + 1;
}

static void
by_sde (const sb_score *score, uint64_t seed, const double *t, gsl_matrix *x, journey *j, results *r)
{
  double from = 1;
  for (size_t k = 0; k < TIMES; k++)
    {
      gsl_vector *times = require_pointer (gsl_vector_alloc (steps_between (from, t[k]) + 1), "times");
      size_t evaluations;
      sb_pc pc = sb_pc_default ();
      pc.step = sb_step_euler_maruyama;
      pc.corrector_steps = 0;
      pc.final = SB_FINAL_SAMPLE;
      pc.progress = record;
      pc.context = j;
      require (sb_grid_linear (from, t[k], times), "times");
      require (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = seed + k }, x, &evaluations), "the SDE");
      r->evaluations += evaluations;
      if (j->state[k])
        gsl_matrix_memcpy (j->state[k], x);
      gsl_vector_free (times);
      from = t[k];
    }
}

static void
by_flow (const sb_score *score, const double *t, gsl_matrix *x, journey *j, results *r)
{
  double from = 1;
  for (size_t k = 0; k < TIMES; k++)
    {
      size_t evaluations;
      sb_flow flow
          = { .relative = 1e-8, .absolute = 1e-8, .final = SB_FINAL_SAMPLE, .progress = record_all, .context = j };
      require (sb_flow_run (&flow, score, NULL, from, t[k], x, &evaluations), "the flow");
      r->evaluations += evaluations;
      if (j->state[k])
        gsl_matrix_memcpy (j->state[k], x);
      from = t[k];
    }
}

// ## Who overtakes whom
//
// Of every pair of particles: whether their order at the end is another than at the beginning.

static size_t
inversions (const gsl_matrix *before, const gsl_matrix *after, size_t n)
{
  size_t count = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++)
      count += (gsl_matrix_get (before, i, 0) - gsl_matrix_get (before, j, 0))
                   * (gsl_matrix_get (after, i, 0) - gsl_matrix_get (after, j, 0))
               < 0;
  return count;
}

static void
order_of (const gsl_matrix *x, size_t *order)
{
  gsl_vector_const_view column = gsl_matrix_const_column (x, 0);
  gsl_permutation p = { x->size1, order };
  gsl_sort_vector_index (&p, &column.vector);
}

static bool
same_order (const gsl_matrix *before, const gsl_matrix *after)
{
  size_t *order = require_pointer (malloc (before->size1 * sizeof *order), "order"), swaps = 0;
  order_of (before, order);
  for (size_t i = 1; i < before->size1; i++)
    swaps += gsl_matrix_get (after, order[i], 0) < gsl_matrix_get (after, order[i - 1], 0);
  free (order);
  return swaps == 0;
}

static double
between (const gsl_matrix *x, const gsl_matrix *y)
{
  double D, p_value;
  gsl_vector_const_view a = gsl_matrix_const_column (x, 0), b = gsl_matrix_const_column (y, 0);
  require (sb_ks_two_sample (&a.vector, &b.vector, &D, &p_value), "the distance of two samples");
  return D;
}

// ## The numbers

static void
compare (const sb_target *law, const sde *kind, results *r)
{
  const size_t n = r->scale == SMOKE ? 500 : r->scale == QUICK ? 20000 : 200000;
  const double t[TIMES] = { 0.7, 0.3, 0.1, kind->process->t_min };
  sb_score *score = require_pointer (sb_score_exact_alloc (law, kind->process), "the score");
  gsl_matrix *start = particles_at (kind->process, 1, r->seed, n),
             *x = require_pointer (gsl_matrix_alloc (n, 1), "particles");
  journey sde_back = { .paths = NULL }, flow_back = { .paths = NULL };
  double most = 0, apart = 0;
  bool ordered = true;
  for (size_t k = 0; k < TIMES; k++)
    {
      sde_back.state[k] = require_pointer (gsl_matrix_alloc (n, 1), "particles");
      flow_back.state[k] = require_pointer (gsl_matrix_alloc (n, 1), "particles");
    }
  gsl_matrix_memcpy (x, start);
  by_sde (score, r->seed, t, x, &sde_back, r);
  gsl_matrix_memcpy (x, start);
  by_flow (score, t, x, &flow_back, r);

  char column[64], note[96], claim[96];
  for (size_t k = 0; k < TIMES; k++)
    {
      const double by_noise = distance_at (kind->process, t[k], sde_back.state[k]),
                   without = distance_at (kind->process, t[k], flow_back.state[k]),
                   both = between (sde_back.state[k], flow_back.state[k]);
      char row[32];
      snprintf (row, sizeof row, k + 1 < TIMES ? "t = %g" : "t = ε", t[k]);
      snprintf (note, sizeof note, "%zu particles; by chance above %.4f once in a million", n, critical (n));
      snprintf (column, sizeof column, "%s / reverse SDE from p_t", kind->name);
      results_row (r, row, column, "", by_noise, -1, "", note);
      snprintf (column, sizeof column, "%s / flow from p_t", kind->name);
      results_row (r, row, column, "", without, -1, "", note);
      snprintf (note, sizeof note, "by chance above %.4f once in a million", M_SQRT2 * critical (n));
      snprintf (column, sizeof column, "%s / one from the other", kind->name);
      results_row (r, row, column, "", both, -1, "", note);
      most = fmax (most, fmax (by_noise, without));
      apart = fmax (apart, both);
      ordered = ordered && same_order (start, flow_back.state[k]);
    }
  snprintf (claim, sizeof claim, "%s: reverse SDE and probability flow have the same laws p_t", kind->name);
  results_claim (r, claim, most < critical (n) && apart < M_SQRT2 * critical (n),
                 "largest distance from p_t %.4f (critical %.4f), from each other %.4f (%.4f)", most, critical (n),
                 apart, M_SQRT2 * critical (n));
  const size_t crossed = inversions (start, sde_back.state[TIMES - 1], CROSSING);
  snprintf (claim, sizeof claim, "%s: trajectories of the flow never cross, paths of the SDE do", kind->name);
  results_claim (r, claim, ordered && crossed > 0,
                 "the order of %zu particles stays; of %d paths of the SDE %zu pairs change theirs", n, CROSSING,
                 crossed);

  for (size_t k = 0; k < TIMES; k++)
    {
      gsl_matrix_free (sde_back.state[k]);
      gsl_matrix_free (flow_back.state[k]);
    }
  gsl_matrix_free (x);
  gsl_matrix_free (start);
  sb_score_free (score);
}

// ## The pictures

static void
draw_paths (const sb_target *law, const sde *kind, bool flow, results *r)
{
  char name[64];
  const double t[TIMES] = { 0.7, 0.3, 0.1, kind->process->t_min };
  sb_score *score = require_pointer (sb_score_exact_alloc (law, kind->process), "the score");
  gsl_matrix *x = particles_at (kind->process, 1, r->seed, PATHS);
  snprintf (name, sizeof name, "%s-%s.dat", kind->file, flow ? "flow" : "sde");
  journey j = { .paths = results_data (r, name) };
  if (flow)
    by_flow (score, t, x, &j, r);
  else
    by_sde (score, r->seed, t, x, &j, r);
  require (fclose (j.paths) ? GSL_EFAILED : GSL_SUCCESS, "writing the paths");
  gsl_matrix_free (x);
  sb_score_free (score);
}

int
main (void)
{
  results r = results_open ();
  sb_target *law = three_gaussians ();
  sde sdes[SDES];
  sdes_alloc (sdes);
  for (size_t k = 0; k < SDES; k++)
    {
      compare (law, &sdes[k], &r);
      draw_density (law, &sdes[k], &r);
      draw_paths (law, &sdes[k], false, &r);
      draw_paths (law, &sdes[k], true, &r);
    }
  sdes_free (sdes);
  sb_target_free (law);
  results_close (&r);
  return EXIT_SUCCESS;
}
