// # Figure 1: a law carried to noise and back
//
// The paper's first figure is a sketch. This driver draws it with numbers: three Gaussians on a line, carried to the
// prior by each of the three SDEs and back by the reverse-time SDE with the exact score. [scoresde.fig1] At five times,
// particles going either way are compared with the law $p_t$ they should follow.

#include "on_a_line.h"

#include <math.h>
#include <stdlib.h>

enum
{
  TIMES = 5,   // at which particles are compared
  PATHS = 20,  // drawn each way
  STEPS = 1000 // of the reverse-time SDE
};

// ## Forward
//
// By the exact kernel, from each time to the next.

static void
step_forward (const sb_process *process, double s, double t, sb_stream stream, uint64_t number, gsl_matrix *x)
{
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (x->size1, 1), "normals");
  gsl_vector *from = require_pointer (gsl_vector_alloc (x->size1), "times");
  gsl_vector *to = require_pointer (gsl_vector_alloc (x->size1), "times");
  gsl_vector_set_all (from, s);
  gsl_vector_set_all (to, t);
  require (sb_stream_normals (stream, number, z), "normals");
  require (sb_process_transition (process, from, to, z, x), "forward step");
  gsl_vector_free (to);
  gsl_vector_free (from);
  gsl_matrix_free (z);
}

static void
compare_forward (const sb_process *process, uint64_t seed, const double *t, size_t n, double *ks)
{
  gsl_matrix *x = particles_at (process, 0, seed, n);
  sb_stream stream = { .seed = seed, .purpose = SB_FOR_FORWARD };
  double s = 0;
  for (size_t k = TIMES; k-- > 0; s = t[k])
    {
      step_forward (process, s, t[k], stream, k, x);
      ks[k] = distance_at (process, t[k], x);
    }
  gsl_matrix_free (x);
}

// ## Backward
//
// From the prior, Euler-Maruyama steps of the reverse-time SDE; the states at the wanted times are looked at on the
// way.

typedef struct
{
  const sb_process *process;
  const double *t; // decreasing
  double *ks;
  size_t next;
  FILE *paths;
} watch;

static int
compare_on_the_way (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  watch *w = context;
  (void)done, (void)steps;
  if (w->next < TIMES && t <= w->t[w->next] + 1e-9)
    {
      w->ks[w->next] = distance_at (w->process, t, x);
      w->next++;
    }
  return GSL_SUCCESS;
}

static int
record_path (void *context, size_t done, size_t steps, double t, const gsl_matrix *x)
{
  watch *w = context;
  (void)steps;
  if (done % 5)
    return GSL_SUCCESS;
  write_path (w->paths, t, x);
  return GSL_SUCCESS;
}

static void
run_backward (const sb_target *law, const sb_process *process, uint64_t seed, size_t n, sb_progress look, watch *w,
              results *r)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, 1), "particles");
  gsl_vector *times = require_pointer (gsl_vector_alloc (STEPS + 1), "times");
  sb_score *score = require_pointer (sb_score_exact_alloc (law, process), "the score");
  sb_stream stream = { .seed = seed, .purpose = SB_FOR_PRIOR };
  require (sb_grid_linear (process->t_max, process->t_min, times), "times");
  require (sb_process_prior (process, stream, x), "the prior");

  sb_pc pc = sb_pc_default ();
  pc.step = sb_step_euler_maruyama;
  pc.corrector_steps = 0;
  pc.final = SB_FINAL_SAMPLE;
  pc.progress = look;
  pc.context = w;
  size_t evaluations;
  require (sb_pc_sample (&pc, score, NULL, times, stream, x, &evaluations), "the reverse-time SDE");
  r->evaluations += evaluations;
  sb_score_free (score);
  gsl_vector_free (times);
  gsl_matrix_free (x);
}

// ## The numbers

static void
compare (const sb_target *law, const sde *kind, results *r)
{
  size_t n = r->scale == SMOKE ? 500 : r->scale == QUICK ? 20000 : 1000000;
  const double t[TIMES] = { 1, 0.5, 0.2, 0.05, kind->process->t_min };
  double forward[TIMES], backward[TIMES], most_forward = 0, most_backward = 0;
  watch w = { .process = kind->process, .t = t, .ks = backward };
  compare_forward (kind->process, r->seed, t, n, forward);
  run_backward (law, kind->process, r->seed, n, compare_on_the_way, &w, r);

  char column[64], note[64], claim[96];
  for (size_t k = 0; k < TIMES; k++)
    {
      char row[32];
      snprintf (row, sizeof row, k + 1 < TIMES ? "t = %g" : "t = ε", t[k]);
      snprintf (note, sizeof note, "%zu particles; by chance above %.5f once in a million", n, critical (n));
      snprintf (column, sizeof column, "%s: distance from p_t / forward", kind->name);
      results_row (r, row, column, "", forward[k], -1, "", note);
      snprintf (column, sizeof column, "%s: distance from p_t / backward", kind->name);
      results_row (r, row, column, "", backward[k], -1, "", note);
      most_forward = fmax (most_forward, forward[k]);
      most_backward = fmax (most_backward, backward[k]);
    }
  snprintf (claim, sizeof claim, "%s: the SDE carries the data to the prior, through p_t", kind->name);
  results_claim (r, claim, most_forward < critical (n),
                 "largest Kolmogorov-Smirnov distance %.5f of %zu particles at five times; critical %.5f", most_forward,
                 n, critical (n));
  snprintf (claim, sizeof claim, "%s: reversed with the score, it carries the prior to the data, through p_t",
            kind->name);
  results_claim (r, claim, most_backward < critical (n), "largest %.5f; critical %.5f; %d Euler-Maruyama steps",
                 most_backward, critical (n), STEPS);
}

// ## The pictures
//
// The density as an image over time and place, at each time as a part of its maximum there; paths on top of it.

static void
draw_forward (const sde *kind, results *r)
{
  char name[64];
  snprintf (name, sizeof name, "%s-forward.dat", kind->file);
  watch w = { .paths = results_data (r, name) };
  gsl_matrix *x = particles_at (kind->process, 0, r->seed, PATHS);
  sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_FORWARD };
  double s = 0, t_min = kind->process->t_min;
  for (size_t k = 0; k <= STEPS; k++)
    {
      double t = t_min + (1 - t_min) * (double)k / STEPS;
      step_forward (kind->process, s, t, stream, k, x);
      record_path (&w, k, STEPS, t, x);
      s = t;
    }
  gsl_matrix_free (x);
  require (fclose (w.paths) ? GSL_EFAILED : GSL_SUCCESS, "writing the paths");
}

static void
draw_backward (const sb_target *law, const sde *kind, results *r)
{
  char name[64];
  snprintf (name, sizeof name, "%s-backward.dat", kind->file);
  watch w = { .paths = results_data (r, name) };
  run_backward (law, kind->process, r->seed, PATHS, record_path, &w, r);
  require (fclose (w.paths) ? GSL_EFAILED : GSL_SUCCESS, "writing the paths");
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
      draw_forward (&sdes[k], &r);
      draw_backward (law, &sdes[k], &r);
    }
  sdes_free (sdes);
  sb_target_free (law);
  results_close (&r);
  return EXIT_SUCCESS;
}
