// # Figure 1(b): wrong proportions, and right ones
//
// $p = \alpha\,\mathcal N((-3,-3), \mathbf I) + (1-\alpha)\,\mathcal N((3,3), \mathbf I)$, sampled directly, by
// Langevin dynamics with its exact score, and by annealed Langevin dynamics. [dsm2ddpm.fig1b] The report gives the law
// and nothing else; ours are $\alpha = 0.2$, starts uniform on $[-8, 8]^2$, 1000 steps of 0.1.
// [dsm2ddpm.set-mixture-toy] Annealed: $\sigma$ from 10 to 0.1 in 10 levels of 100 steps, $\varepsilon =
// 0.2\,\sigma_L^2$, as many evaluations in all.

#include "two_gaussians.h"

#include <math.h>
#include <scorebook.h>
#include <stdlib.h>

enum
{
  LEVELS = 10,
  STEPS = 100, // of a level
  D = 2,
  DRAWN = 1500 // points of a picture
};
static const double epsilon = 0.1;

// ## What is looked at
//
// The share of the lower left mode, and mean and variance of the upper right one.

typedef struct
{
  double share, mean, variance; // of both coordinates together
  double variance_error;        // standard error over the value
} summary;

static summary
summarise (const gsl_matrix *x)
{
  double n = 0, sum = 0, square = 0;
  for (size_t i = 0; i < x->size1; i++)
    {
      double a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1);
      if (a + b > 0)
        n++, sum += a + b, square += (a - 3) * (a - 3) + (b - 3) * (b - 3);
    }
  summary s = { .share = 1 - n / (double)x->size1, .mean = sum / (2 * n) };
  s.variance = square / (2 * n) - (s.mean - 3) * (s.mean - 3);
  s.variance_error = sqrt (1 / n);
  return s;
}

static summary
report (results *r, const char *row, const char *file, const gsl_matrix *x)
{
  summary s = summarise (x);
  double n = (double)x->size1;
  results_row (r, row, "share of (−3, −3)", "", s.share, sqrt (s.share * (1 - s.share) / n), "", "α = 0.2");
  results_row (r, row, "mean of the other", "", s.mean, sqrt (s.variance / (2 * (1 - s.share) * n)), "",
               "3 in the law");
  results_row (r, row, "its variance", "", s.variance, s.variance * s.variance_error, "", "1 in the law");
  if (file)
    {
      FILE *data = results_data (r, file);
      for (size_t i = 0; i < x->size1 && i < DRAWN; i++)
        fprintf (data, "%g %g\n", gsl_matrix_get (x, i, 0), gsl_matrix_get (x, i, 1));
      require (fclose (data) ? GSL_EFAILED : GSL_SUCCESS, "writing points");
    }
  return s;
}

// ## Starts

typedef enum
{
  SQUARE,
  POINT
} place;

static void
put (const results *r, place where, gsl_matrix *x)
{
  gsl_matrix_set_all (x, 3);
  if (where == POINT)
    return;
  require (sb_stream_uniforms ((sb_stream){ r->seed, SB_FOR_PRIOR, 0 }, 0, x), "a start");
  gsl_matrix_scale (x, 16);
  gsl_matrix_add_constant (x, -8);
}

// ## Samplers

static void
run_langevin (results *r, const sb_score *score, gsl_matrix *x)
{
  const sb_pc langevin = sb_pc_langevin (epsilon / 2, LEVELS * STEPS);
  gsl_vector *data = require_pointer (gsl_vector_calloc (1), "the data's time");
  require (sb_pc_sample (&langevin, score, NULL, data, (sb_stream){ r->seed, 0, 0 }, x, NULL), "Langevin dynamics");
  gsl_vector_free (data);
  r->evaluations += x->size1 * LEVELS * STEPS;
}

static void
run_annealed (results *r, const sb_target *law, double sigma_1, double sigma_L, gsl_matrix *x)
{
  sb_process *chain = require_pointer (sb_smld_alloc (D, LEVELS, sigma_L, sigma_1), "the ladder");
  sb_score *score = require_pointer (sb_score_exact_alloc (law, chain), "the score");
  gsl_vector *times = require_pointer (gsl_vector_alloc (LEVELS), "the levels");
  require (sb_grid_linear (1, 1. / LEVELS, times), "the levels");
  const sb_pc annealed = sb_pc_annealed (0.2 / 2, STEPS);
  require (sb_pc_sample (&annealed, score, NULL, times, (sb_stream){ r->seed, 0, 0 }, x, NULL), "annealed Langevin");
  r->evaluations += x->size1 * LEVELS * STEPS;
  gsl_vector_free (times);
  sb_score_free (score);
  sb_process_free (chain);
}

// ## The claims

static void
write_claims (results *r, const sb_target *law, const sb_score *score, gsl_matrix *x)
{
  double n = (double)x->size1, se = sqrt (alpha * (1 - alpha) / n);
  require (sb_target_sample (law, (sb_stream){ r->seed, SB_FOR_DATA, 0 }, x), "direct samples");
  summary direct = report (r, "direct", "direct.dat", x);
  put (r, SQUARE, x);
  run_langevin (r, score, x);
  summary plain = report (r, "Langevin", "langevin.dat", x);
  put (r, POINT, x);
  run_langevin (r, score, x);
  summary from_mode = report (r, "Langevin from (3, 3)", NULL, x);
  put (r, SQUARE, x);
  run_annealed (r, law, 10, 0.1, x);
  summary annealed = report (r, "annealed, σ from 10 to 0.1", "annealed.dat", x);
  put (r, SQUARE, x);
  run_annealed (r, law, 1, 0.01, x);
  summary low = report (r, "annealed, σ from 1 to 0.01", NULL, x);

  results_claim (r, "Langevin dynamics with the exact score misses the proportions",
                 fabs (plain.share - alpha) > 0.25 && fabs (direct.share - alpha) < fmax (0.015, 5 * se),
                 "α = 0.2: direct %.4f, Langevin %.4f from a square around both modes, %.4f from (3, 3)", direct.share,
                 plain.share, from_mode.share);
  results_claim (r, "Each mode by itself is right",
                 fabs (direct.mean - 3) < 0.1 && fabs (plain.mean - 3) < 0.1 && fabs (annealed.mean - 3) < 0.1
                     && fabs (plain.variance * (1 - epsilon / 4) - 1) < 5 * plain.variance_error,
                 "means %.3f, %.3f, %.3f of 3; Langevin's variance %.4f, of which 1 / (1 - ε/4) = %.4f is its steps",
                 direct.mean, plain.mean, annealed.mean, plain.variance, 1 / (1 - epsilon / 4));
  results_claim (r, "Algorithm 1 finds the proportions, with σ₁ as large as the distance of the modes",
                 fabs (annealed.share - alpha) < 0.018 + 5 * se,
                 "%.4f; the exact law of this chain has 0.2164, and 0.2026 with 1000 steps a level", annealed.share);
  results_claim (r, "... with the σ₁ = 1 of the report's Section 2.3.3", fabs (low.share - alpha) < 0.1,
                 "%.4f from the same starts: the modes are 8.49 apart, and no level joins them", low.share);
}

int
main (void)
{
  results r = results_open ();
  size_t n = r.scale == SMOKE ? 1000 : r.scale == QUICK ? 10000 : 200000;
  sb_target *law = two_gaussians ();
  sb_process *process = require_pointer (sb_ve_alloc (D, 0.01, 10), "the process");
  sb_score *score = require_pointer (sb_score_exact_alloc (law, process), "the score");
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, D), "points");
  results_row (&r, "settings of ours", "samples", "", (double)n, -1, "", "α = 0.2, start uniform on [−8, 8]²");
  results_row (&r, "settings of ours", "ε", "", epsilon, -1, "", "1000 steps; annealed: 10 levels of 100");
  write_claims (&r, law, score, x);
  gsl_matrix_free (x);
  sb_score_free (score);
  sb_process_free (process);
  sb_target_free (law);
  results_close (&r);
  return EXIT_SUCCESS;
}
