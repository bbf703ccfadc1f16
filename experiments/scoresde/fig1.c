// # Figure 1: a law carried to noise and back
//
// The paper's first figure is a sketch. This driver draws it with numbers: three Gaussians on a line, carried to the prior by
// each of the three SDEs and back by the reverse-time SDE with the exact score. [scoresde.fig1] At five times, particles going
// either way are compared with the law $p_t$ they should follow.

#include "../results.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <scorebook.h>
#include <stdlib.h>

enum
{
  K = 3,       // components
  TIMES = 5,   // at which particles are compared
  PATHS = 20,  // drawn each way
  STEPS = 1000 // of the reverse-time SDE
};

static const double weight[K] = { 0.3, 0.5, 0.2 }, mean[K] = { -1.5, 0.3, 2 }, sd[K] = { 0.3, 0.4, 0.2 };

static sb_target *
three_gaussians (void)
{
  double variance[K];
  for (size_t k = 0; k < K; k++)
    variance[k] = sd[k] * sd[k];
  gsl_vector_const_view weights = gsl_vector_const_view_array (weight, K);
  gsl_matrix_const_view means = gsl_matrix_const_view_array (mean, K, 1);
  gsl_matrix_const_view variances = gsl_matrix_const_view_array (variance, K, 1);
  return require_pointer (sb_target_mixture_alloc (&weights.vector, &means.matrix, &variances.matrix), "the law");
}

typedef struct
{
  const char *name, *file;
  sb_process *process;
  double reach;     // the picture shows |x| up to here
  double magnified; // x is drawn at asinh(magnified x), so that a law spread over decades stays visible; 0: at x
} sde;

// ## Truth
//
// Under a process with kernel $\mathcal N(a x_0, s^2)$ the law at time $t$ is again three Gaussians, with means $a\mu_k$
// and variances $a^2\sigma_k^2 + s^2$.

typedef struct
{
  const sb_process *process;
  double t;
} law_at;

static double
cdf (double x, void *params)
{
  const law_at *p = params;
  double a, s, sum = 0;
  require (sb_process_scalars (p->process, 0, p->t, &a, &s), "kernel");
  for (size_t k = 0; k < K; k++)
    sum += weight[k] * gsl_cdf_gaussian_P (x - a * mean[k], hypot (a * sd[k], s));
  return sum;
}

// The Kolmogorov-Smirnov distance of particles from it, and the value that particles of that law exceed with
// probability $10^{-6}$ at most.

static double
distance (const sb_process *process, double t, const gsl_matrix *x)
{
  double D, p_value;
  law_at p = { process, t };
  gsl_vector_const_view particles = gsl_matrix_const_column (x, 0);
  require (sb_ks_one_sample (&particles.vector, cdf, &p, &D, &p_value), "the distance");
  return D;
}

static double
critical (size_t n)
{
  return sqrt (log (2e6) / (2 * (double)n));
}

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

static gsl_matrix *
data (const sb_target *law, uint64_t seed, size_t n)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, 1), "particles");
  require (sb_target_sample (law, (sb_stream){ .seed = seed, .purpose = SB_FOR_DATA }, x), "data");
  return x;
}

static void
compare_forward (const sb_target *law, const sb_process *process, uint64_t seed, const double *t, size_t n, double *ks)
{
  gsl_matrix *x = data (law, seed, n);
  sb_stream stream = { .seed = seed, .purpose = SB_FOR_FORWARD };
  double s = 0;
  for (size_t k = TIMES; k-- > 0; s = t[k])
    {
      step_forward (process, s, t[k], stream, k, x);
      ks[k] = distance (process, t[k], x);
    }
  gsl_matrix_free (x);
}

// ## Backward
//
// From the prior, Euler-Maruyama steps of the reverse-time SDE; the states at the wanted times are looked at on the way.

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
      w->ks[w->next] = distance (w->process, t, x);
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
  fprintf (w->paths, "%g", t);
  for (size_t i = 0; i < x->size1; i++)
    fprintf (w->paths, " %g", gsl_matrix_get (x, i, 0));
  fputc ('\n', w->paths);
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
  compare_forward (law, kind->process, r->seed, t, n, forward);
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

static double
place (const sde *kind, double u)
{
  return kind->magnified > 0 ? sinh (u) / kind->magnified : u;
}

static void
draw_density (const sb_target *law, const sde *kind, results *r)
{
  enum
  {
    COLUMNS = 240,
    ROWS = 241
  };
  double edge = kind->magnified > 0 ? asinh (kind->magnified * kind->reach) : kind->reach;
  char name[64];
  snprintf (name, sizeof name, "%s-density.dat", kind->file);
  FILE *file = results_data (r, name);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (ROWS, 1), "places");
  gsl_vector *t = require_pointer (gsl_vector_alloc (ROWS), "times");
  gsl_vector *log_p = require_pointer (gsl_vector_alloc (ROWS), "densities");
  for (size_t row = 0; row < ROWS; row++)
    gsl_matrix_set (x, row, 0, place (kind, edge * (2. * (double)row / (ROWS - 1) - 1)));
  for (size_t column = 0; column < COLUMNS; column++)
    {
      double time = fmax ((double)column / (COLUMNS - 1), kind->process->t_min);
      gsl_vector_set_all (t, time);
      require (sb_target_log_density (law, kind->process, x, t, log_p), "density");
      double top = gsl_vector_max (log_p);
      for (size_t row = 0; row < ROWS; row++)
        fprintf (file, "%g %g %.4f\n", (double)column / (COLUMNS - 1), edge * (2. * (double)row / (ROWS - 1) - 1),
                 exp (gsl_vector_get (log_p, row) - top));
      fputc ('\n', file);
    }
  gsl_vector_free (log_p);
  gsl_vector_free (t);
  gsl_matrix_free (x);
  require (fclose (file) ? GSL_EFAILED : GSL_SUCCESS, "writing the density");
}

static void
draw_forward (const sb_target *law, const sde *kind, results *r)
{
  char name[64];
  snprintf (name, sizeof name, "%s-forward.dat", kind->file);
  watch w = { .paths = results_data (r, name) };
  gsl_matrix *x = data (law, r->seed, PATHS);
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
  const sde sdes[] = { { "VE", "ve", sb_ve_alloc (1, 0.01, 20), 60, 1 },
                       { "VP", "vp", sb_vp_alloc (1, 0.1, 20), 3.2, 0 },
                       { "sub-VP", "subvp", sb_subvp_alloc (1, 0.1, 20), 3.2, 0 } };
  for (size_t k = 0; k < sizeof sdes / sizeof *sdes; k++)
    {
      require_pointer (sdes[k].process, sdes[k].name);
      compare (law, &sdes[k], &r);
      draw_density (law, &sdes[k], &r);
      draw_forward (law, &sdes[k], &r);
      draw_backward (law, &sdes[k], &r);
      sb_process_free (sdes[k].process);
    }
  sb_target_free (law);
  results_close (&r);
  return EXIT_SUCCESS;
}
