// # Figure 4: down the ladder
//
// The report's figure is a sketch: samples follow the perturbed densities from a broad one to that of the data. Here it
// is with numbers, for the mixture of Figure 1(b) and its exact scores: where each level's chain ends beside the law
// $q_{\sigma_i}$ it is to sample. [dsm2ddpm.fig4]

#include "two_gaussians.h"

#include <math.h>
#include <scorebook.h>
#include <stdlib.h>

enum
{
  LEVELS = 10,
  STEPS = 100,
  D = 2,
  DRAWN = 1200
};
static const double sigma_1 = 10, sigma_L = 0.1;

// ## A level
//
// The mean of $\log q_{\sigma_i}$ of the samples, beside its mean over direct draws, which is minus the entropy; and
// the variance of the upper right mode, beside the recursion of the chain on that mode alone, $v \leftarrow k^2 v +
// \alpha_i$.

typedef struct
{
  results *r;
  const sb_target *law;
  const sb_process *chain;
  gsl_matrix *draws;
  double variance;         // the recursion's
  double largest_gap;      // of the mean log density
  double largest_variance; // relative distance from the recursion, where modes are apart
  double before;           // the last level's variance of the mode
  bool falls;
} watch;

static double
mean_log_density (const watch *w, const gsl_matrix *x, double t)
{
  gsl_vector *times = require_pointer (gsl_vector_alloc (x->size1), "times");
  gsl_vector *log_q = require_pointer (gsl_vector_alloc (x->size1), "densities");
  double sum = 0;
  gsl_vector_set_all (times, t);
  require (sb_target_log_density (w->law, w->chain, x, times, log_q), "densities");
  for (size_t i = 0; i < x->size1; i++)
    sum += gsl_vector_get (log_q, i) / (double)x->size1;
  gsl_vector_free (times);
  gsl_vector_free (log_q);
  return sum;
}

static double
mode_variance (const gsl_matrix *x)
{
  double n = 0, sum = 0, square = 0;
  for (size_t i = 0; i < x->size1; i++)
    {
      double a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1);
      if (a + b > 0)
        n++, sum += a + b, square += a * a + b * b;
    }
  return square / (2 * n) - pow (sum / (2 * n), 2);
}

static void
draw_direct (watch *w, double t)
{
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (w->draws->size1, D), "normals");
  gsl_vector *times = require_pointer (gsl_vector_alloc (w->draws->size1), "times");
  gsl_vector_set_all (times, t);
  require (sb_target_sample (w->law, (sb_stream){ w->r->seed, SB_FOR_DATA, 0 }, w->draws), "direct draws");
  require (sb_stream_normals ((sb_stream){ w->r->seed, SB_FOR_FORWARD, 0 }, 0, z), "normals");
  require (sb_process_transition (w->chain, NULL, times, z, w->draws), "direct draws");
  gsl_vector_free (times);
  gsl_matrix_free (z);
}

static void
write_points (const watch *w, size_t level, const gsl_matrix *x)
{
  char name[32];
  snprintf (name, sizeof name, "level-%zu.dat", level);
  FILE *file = results_data (w->r, name);
  for (size_t i = 0; i < x->size1 && i < DRAWN; i++)
    fprintf (file, "%g %g\n", gsl_matrix_get (x, i, 0), gsl_matrix_get (x, i, 1));
  require (fclose (file) ? GSL_EFAILED : GSL_SUCCESS, "writing points");
}

static int
look (void *context, size_t done, size_t levels, double t, const gsl_matrix *x)
{
  watch *w = context;
  (void)levels;
  if (done == 0)
    return GSL_SUCCESS;
  double sigma = sb_smld_sigma (w->chain, LEVELS + 1 - done), step = 0.2 * sigma * sigma;
  for (size_t k = 0; k < STEPS; k++)
    w->variance = pow (1 - step / (2 * (1 + sigma * sigma)), 2) * w->variance + step;
  draw_direct (w, t);
  double gap = mean_log_density (w, w->draws, t) - mean_log_density (w, x, t), variance = mode_variance (x);
  char row[32];
  snprintf (row, sizeof row, "σ = %.4g", sigma);
  results_row (w->r, row, "mean log q below its greatest", "", gap, -1, "nats", "");
  results_row (w->r, row, "variance of the mode (3, 3)", "", variance, -1, "", "");
  results_row (w->r, row, "the same, by the recursion", "", w->variance, -1, "", "of that mode alone");
  w->largest_gap = fmax (w->largest_gap, fabs (gap));
  if (sigma < 1)
    {
      w->largest_variance = fmax (w->largest_variance, fabs (variance / w->variance - 1));
      w->falls = w->falls && variance < w->before;
    }
  w->before = variance;
  if (done == 1 || done == 4 || done == 7 || done == LEVELS)
    write_points (w, done, x);
  return GSL_SUCCESS;
}

int
main (void)
{
  results r = results_open ();
  size_t n = r.scale == SMOKE ? 1000 : r.scale == QUICK ? 20000 : 200000;
  sb_target *law = two_gaussians ();
  sb_process *chain = require_pointer (sb_smld_alloc (D, LEVELS, sigma_L, sigma_1), "the ladder");
  sb_score *score = require_pointer (sb_score_exact_alloc (law, chain), "the score");
  gsl_vector *times = require_pointer (gsl_vector_alloc (LEVELS), "the levels");
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, D), "points");
  watch w = { .r = &r, .law = law, .chain = chain, .variance = 1, .falls = true, .before = INFINITY };
  w.draws = require_pointer (gsl_matrix_alloc (r.scale == SMOKE ? 10000 : 200000, D), "draws");

  require (sb_grid_linear (1, 1. / LEVELS, times), "the levels");
  require (sb_stream_uniforms ((sb_stream){ r.seed, SB_FOR_PRIOR, 0 }, 0, x), "starts");
  gsl_matrix_scale (x, 16);
  gsl_matrix_add_constant (x, -8);
  sb_pc annealed = sb_pc_annealed (0.2 / 2, STEPS);
  annealed.progress = look;
  annealed.context = &w;
  require (sb_pc_sample (&annealed, score, NULL, times, (sb_stream){ r.seed, 0, 0 }, x, NULL), "annealed Langevin");
  r.evaluations += n * LEVELS * STEPS;

  // Few samples blur both numbers: a variance by $\sqrt{1.25/n}$ of itself, which is below 1% from 20000 on.
  double noise = 8 / sqrt ((double)n), of_variance = r.scale == SMOKE ? 5 * sqrt (1.25 / (double)n) : 0;
  results_claim (&r, "Each level ends at its own perturbed law", w.largest_gap < 0.1 + noise,
                 "the mean log density is within %.3f nats of its greatest at every level, %zu samples", w.largest_gap,
                 n);
  results_claim (
      &r, "The samples tighten to the data level by level", w.falls && w.largest_variance < 0.06 + of_variance,
      "the variance of a mode falls at every level below σ = 1, and is within %.1f%% of the chain's recursion",
      100 * w.largest_variance);
  gsl_matrix_free (w.draws);
  gsl_matrix_free (x);
  gsl_vector_free (times);
  sb_score_free (score);
  sb_process_free (chain);
  sb_target_free (law);
  results_close (&r);
  return EXIT_SUCCESS;
}
