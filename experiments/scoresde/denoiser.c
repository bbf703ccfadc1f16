// # What the networks have learned, noise level by noise level
//
// The loss of denoising score matching at one noise level is the error of an estimate of the noise, $\ell(t) =
// \mathrm{E}\,\|\epsilon_\theta(x_t, t) - z\|^2 / d$, and the objectives of SMLD, DDPM and of continuous time are its
// weighted sums over $t$. [scoresde.eq1] [scoresde.eq3] [scoresde.eq7] It is measured on test images that no network
// has seen, and beside it that of two estimates that need no network: the best linear one, and the exact score of other
// images.

#include "../images.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  KNOWN = 5000, // test images that the two laws are made of; the others are noised
  LEVELS = 13
};

static const double least = 0.02, most = 20; // noise, in units of the distance from black to white

// ## Who estimates

typedef struct
{
  const char *name;
  const sb_score *score;
} estimator;

enum
{
  NETWORK,
  GAUSSIAN,
  POINTS,
  ESTIMATORS
};

static sb_target *
gaussian_of (const gsl_matrix *x)
{
  gsl_vector *mean = require_pointer (gsl_vector_alloc (x->size2), "moments");
  gsl_matrix *covariance = require_pointer (gsl_matrix_alloc (x->size2, x->size2), "moments");
  require (sb_sample_moments (x, mean, covariance), "moments");
  sb_target *target = require_pointer (sb_target_gaussian_alloc (mean, covariance), "Gaussian");
  gsl_matrix_free (covariance);
  gsl_vector_free (mean);
  return target;
}

// ## A noise level
//
// Under any process $x_t = a\,x_0 + s\,z$, an image seen through the noise $s/a$. The level of a chain that is nearest
// to a wanted $s/a$ is found by going through all.

static double
noise_at (const sb_process *process, double t)
{
  double a, sd;
  require (sb_process_scalars (process, 0, t, &a, &sd), "kernel");
  return sd / a;
}

static double
level_nearest (const sb_process *process, double noise)
{
  double best = 1;
  for (size_t i = 1; i <= process->levels; i++)
    {
      double t = (double)i / (double)process->levels;
      if (fabs (log (noise_at (process, t) / noise)) < fabs (log (noise_at (process, best) / noise)))
        best = t;
    }
  return best;
}

typedef struct
{
  double mean, se;
} estimate;

// The mean over images of $\|\epsilon - z\|^2/d$, with its standard error.

static estimate
loss_at (const sb_score *score, const gsl_matrix *x_t, const gsl_vector *t, const gsl_matrix *z)
{
  gsl_matrix *epsilon = require_pointer (gsl_matrix_alloc (z->size1, z->size2), "an estimate");
  require (sb_score_evaluate (score, SB_EPSILON, x_t, t, NULL, epsilon), score->type->name);
  double n = (double)z->size1, sum = 0, squares = 0;
  for (size_t i = 0; i < z->size1; i++)
    {
      double loss = 0;
      for (size_t k = 0; k < z->size2; k++)
        loss += gsl_pow_2 (gsl_matrix_get (epsilon, i, k) - gsl_matrix_get (z, i, k)) / (double)z->size2;
      sum += loss;
      squares += loss * loss;
    }
  gsl_matrix_free (epsilon);
  double mean = sum / n;
  return (estimate){ mean, sqrt (GSL_MAX_DBL (squares / n - mean * mean, 0) / n) };
}

// ## A model and its rivals, over all levels

typedef struct
{
  double noise;
  estimate loss[ESTIMATORS];
} level;

static void
measure_levels (results *r, const sb_model *model, size_t levels, size_t n, level *found)
{
  const sb_process *process = model->process;
  double range = model->high - model->low;
  gsl_matrix *known = test_digits (0, KNOWN, model->low, model->high),
             *x0 = test_digits (KNOWN, n, model->low, model->high),
             *x = require_pointer (gsl_matrix_alloc (n, PIXELS), "images"),
             *z = require_pointer (gsl_matrix_alloc (n, PIXELS), "noise");
  gsl_vector *t = require_pointer (gsl_vector_alloc (n), "times");
  sb_target *gaussian = gaussian_of (known),
            *points = require_pointer (sb_target_points_alloc (known, NULL), "the law of the images");
  sb_score *scores[] = { require_pointer (sb_score_network_alloc (&model->network), "the network"),
                         require_pointer (sb_score_exact_alloc (gaussian, process), "the Gaussian"),
                         require_pointer (sb_score_exact_alloc (points, process), "the images") };

  require (sb_stream_normals ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_FORWARD }, 0, z), "noise");
  for (size_t k = 0; k < levels; k++)
    {
      double wanted = least * pow (most / least, (double)k / (double)(levels - 1));
      gsl_vector_set_all (t, level_nearest (process, wanted * range));
      found[k].noise = noise_at (process, gsl_vector_get (t, 0)) / range;
      gsl_matrix_memcpy (x, x0);
      require (sb_process_transition (process, NULL, t, z, x), "forward step");
      for (size_t e = 0; e < ESTIMATORS; e++)
        found[k].loss[e] = loss_at (scores[e], x, t, z);
      r->evaluations++;
    }
  for (size_t e = 0; e < ESTIMATORS; e++)
    sb_score_free (scores[e]);
  sb_target_free (points);
  sb_target_free (gaussian);
  gsl_vector_free (t);
  gsl_matrix_free (z);
  gsl_matrix_free (x);
  gsl_matrix_free (x0);
  gsl_matrix_free (known);
}

// ## What is written
//
// The denoiser's error follows from the loss: $\hat x_0 - x_0 = -(s/a)(\epsilon - z)$.

static void
write_levels (results *r, const char *model, size_t levels, const level *found)
{
  static const char *const names[] = { "network", "best linear", "law of 5,000 others" };
  char name[64], row[32], column[64];
  snprintf (name, sizeof name, "%s.dat", model);
  FILE *data = results_data (r, name);
  for (size_t k = 0; k < levels; k++)
    {
      fprintf (data, "%.6g", found[k].noise);
      for (size_t e = 0; e < ESTIMATORS; e++)
        {
          const estimate *loss = &found[k].loss[e];
          fprintf (data, " %.6g %.6g", loss->mean, found[k].noise * sqrt (loss->mean));
          snprintf (row, sizeof row, "%.3g", least * pow (most / least, (double)k / (double)(levels - 1)));
          snprintf (column, sizeof column, "%s: %s", model, names[e]);
          results_row (r, row, column, "", loss->mean, loss->se, "", "row: noise, from black to white being 1");
        }
      fputc ('\n', data);
    }
  fclose (data);
}

// At how many of the levels in a range the network's loss is below a rival's. Both saw the same noise.

static size_t
levels_below (size_t levels, const level *found, size_t rival, double from, double to, size_t *of)
{
  size_t below = 0;
  *of = 0;
  for (size_t k = 0; k < levels; k++)
    if (found[k].noise >= from && found[k].noise <= to)
      {
        ++*of;
        below += found[k].loss[NETWORK].mean < found[k].loss[rival].mean;
      }
  return below;
}

static void
claim_levels (results *r, const char *model, size_t levels, const level *found)
{
  char claim[128];
  size_t of, below = levels_below (levels, found, POINTS, 0, 2, &of);
  snprintf (claim, sizeof claim, "%s's network denoises new digits better than the exact score of 5,000 others", model);
  results_claim (r, claim, below == of, "its loss is lower at %zu of %zu noise levels up to 2", below, of);
  below = levels_below (levels, found, GAUSSIAN, 0, 2, &of);
  snprintf (claim, sizeof claim, "%s's network denoises new digits better than any linear map", model);
  results_claim (r, claim, below == of, "its loss is lower at %zu of %zu noise levels up to 2", below, of);
}

int
main (void)
{
  static const char *const names[] = { "SMLD", "DDPM" };
  results r = results_open ();
  size_t levels = r.scale == SMOKE ? 3 : LEVELS, n = r.scale == SMOKE ? 4 : r.scale == QUICK ? 250 : 5000;
  level found[2][LEVELS];
  for (size_t m = 0; m < 2; m++)
    {
      sb_model *model = model_of (names[m]);
      measure_levels (&r, model, levels, n, found[m]);
      write_levels (&r, names[m], levels, found[m]);
      claim_levels (&r, names[m], levels, found[m]);
      sb_model_free (model);
    }

  double apart = 0;
  for (size_t k = 0; k < levels; k++)
    apart = GSL_MAX_DBL (apart, fabs (log (found[0][k].loss[NETWORK].mean / found[1][k].loss[NETWORK].mean)));
  results_claim (&r, "SMLD and DDPM learn the same denoiser: an image seen through noise is the same problem to both",
                 apart < log (1.25), "at equal noise their losses differ by a factor of at most %.2f", exp (apart));
  results_close (&r);
  return EXIT_SUCCESS;
}
