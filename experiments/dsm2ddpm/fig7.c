// # Figure 7: faces in colour
//
// The chain of a thousand levels, first with the exact noise of a mixture, whose components it must draw as often as
// they are there; then with networks that have learned drawn faces, and one of digits. [dsm2ddpm.fig7]

#include "../faces.h"
#include "../judge.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  SIDE_32 = 32,
  SIDE_64 = 64,
  SHOWN = 81,     // in the figure
  COMPONENTS = 8, // of the mixture
  LEVELS = 1000
};

// ## The chain alone
//
// A mixture in 48 dimensions, around the block means of eight faces, narrow enough that a sample tells its component.
// Drawn by the chain with the exact noise, each component must come as often as its weight says.

static sb_target *
mixture_of_faces (const gsl_vector *weights, const gsl_matrix *means, double deviation)
{
  gsl_matrix *C = require_pointer (gsl_matrix_calloc (COMPONENTS * MEANS, MEANS), "covariances");
  for (size_t k = 0; k < COMPONENTS * MEANS; k++)
    gsl_matrix_set (C, k, k % MEANS, gsl_pow_2 (deviation));
  sb_target *data = require_pointer (sb_target_mixture_alloc (weights, means, C), "the mixture");
  gsl_matrix_free (C);
  return data;
}

static void
draw_mixture (const results *r, const sb_target *data, size_t T, gsl_matrix *x)
{
  sb_process *ddpm = require_pointer (sb_ddpm_alloc (MEANS, T, SB_VP_BETA_MIN, SB_VP_BETA_MAX), "DDPM's chain");
  sb_score *score = require_pointer (sb_score_exact_alloc (data, ddpm), "the score");
  gsl_vector *times = require_pointer (gsl_vector_alloc (T + 1), "times");
  for (size_t i = 0; i <= T; i++)
    gsl_vector_set (times, i, (double)(T - i) / (double)T);
  const sb_pc pc = { .step = sb_step_ancestral_lower, .final = SB_FINAL_SAMPLE };
  require (sb_process_prior (ddpm, (sb_stream){ .seed = r->seed, .purpose = SB_FOR_PRIOR }, x), "the prior");
  require (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = r->seed }, x, NULL), "sampling");
  gsl_vector_free (times);
  sb_score_free (score);
  sb_process_free (ddpm);
}

static double
smallest_distance (const gsl_matrix *means)
{
  double least = GSL_POSINF;
  for (size_t a = 0; a < means->size1; a++)
    for (size_t b = 0; b < a; b++)
      {
        double sum = 0;
        for (size_t k = 0; k < means->size2; k++)
          sum += gsl_pow_2 (gsl_matrix_get (means, a, k) - gsl_matrix_get (means, b, k));
        least = GSL_MIN_DBL (least, sqrt (sum));
      }
  return least;
}

static void
on_a_mixture (results *r, size_t n, size_t T)
{
  const double w[COMPONENTS] = { 0.05, 0.05, 0.1, 0.1, 0.1, 0.15, 0.2, 0.25 };
  gsl_vector_const_view weights = gsl_vector_const_view_array (w, COMPONENTS);
  gsl_matrix *faces = test_faces (SIDE_32, COMPONENTS), *means = features_of (BY_MEANS, faces, SIDE_32),
             *x = require_pointer (gsl_matrix_alloc (n, MEANS), "samples");
  double apart = smallest_distance (means), deviation = apart / 20; // ten deviations from the middle between two
  sb_target *data = mixture_of_faces (&weights.vector, means, deviation);
  draw_mixture (r, data, T, x);
  r->evaluations += n * T;

  size_t *index = require_pointer (malloc (n * sizeof *index), "components");
  gsl_vector *distance = require_pointer (gsl_vector_alloc (n), "distances");
  double counts[COMPONENTS] = { 0 }, chi_squared = 0;
  require (sb_nearest (x, means, index, distance), "components");
  for (size_t i = 0; i < n; i++)
    counts[index[i]]++;
  for (size_t k = 0; k < COMPONENTS; k++)
    {
      char row[64];
      chi_squared += gsl_pow_2 (counts[k] - w[k] * (double)n) / (w[k] * (double)n);
      snprintf (row, sizeof row, "component %zu", k + 1);
      results_row (r, row, "a mixture of eight faces / weight", "", w[k], -1, "", "");
      results_row (r, row, "a mixture of eight faces / share of the samples", "", counts[k] / (double)n,
                   sqrt (w[k] * (1 - w[k]) / (double)n), "", "exact noise");
    }
  double p = gsl_cdf_chisq_Q (chi_squared, COMPONENTS - 1);
  results_claim (r,
                 "With the exact noise of a mixture of faces the chain draws its components as often as they are there",
                 p > 1e-6,
                 "%zu samples in %zu steps: chi-squared %.1f for %d degrees of freedom, p = %.2g; the sample "
                 "furthest from its component's mean is at %.1f deviations, where ten is half way to the next",
                 n, T, chi_squared, COMPONENTS - 1, p, gsl_vector_max (distance) / deviation);
  free (index);
  gsl_vector_free (distance);
  sb_target_free (data);
  gsl_matrix_free (faces);
  gsl_matrix_free (means);
  gsl_matrix_free (x);
}

// ## How far from the training faces
//
// Five kinds of pictures by both kinds of features: the test faces, which are as good as samples can be at their
// number; what the network drew, in all steps and in few; pixels that each have their own mean and deviation; and
// noise.

typedef enum
{
  TEST,
  ALL_STEPS,
  FEW_STEPS,
  GAUSSIAN,
  NOISE,
  SETS
} set;

static const char *const set_name[SETS]
    = { "test faces", "DDPM, 1000 steps", "DDPM, few steps", "Gaussian pixels", "noise" };

static gsl_matrix *
gaussian_pixels (const results *r, const gsl_matrix *numbers, size_t n)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, numbers->size2), "pixels");
  require (sb_stream_normals ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_PRIOR }, 0, x), "noise");
  for (size_t i = 0; numbers->size1 > 0 && i < n; i++)
    for (size_t k = 0; k < x->size2; k++)
      gsl_matrix_set (x, i, k,
                      gsl_matrix_get (numbers, 0, k) + gsl_matrix_get (numbers, 1, k) * gsl_matrix_get (x, i, k));
  return x;
}

static gsl_matrix *
noise_pixels (const results *r, size_t n, size_t d)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, d), "pixels");
  require (sb_stream_normals ((sb_stream){ .seed = r->seed + 1, .purpose = SB_FOR_PRIOR }, 0, x), "noise");
  return x;
}

static void
measure_sets (results *r, gsl_matrix *const *x, size_t n, double distance[SETS][KINDS])
{
  char note[96];
  for (kind what = 0; what < KINDS; what++)
    {
      sb_moments_file *training = training_moments (what, SIDE_32);
      for (set s = 0; s < SETS; s++)
        {
          if (!x[s])
            continue;
          distance[s][what] = frechet_to (training, what, x[s], SIDE_32);
          snprintf (note, sizeof note, "n = %zu, to the moments of %zu training faces; %s", n, training->count,
                    kind_note[what]);
          results_row (r, set_name[s],
                       what == BY_MEANS ? "32x32: Frechet distance / block means"
                                        : "32x32: Frechet distance / random filters",
                       "", distance[s][what], -1, "", note);
        }
      sb_moments_file_free (training);
    }
}

static void
claim_distances (results *r, double distance[SETS][KINDS], set s)
{
  for (kind what = 0; what < KINDS; what++)
    {
      char claim[160];
      const char *by = what == BY_MEANS ? "block means" : "random filters";
      snprintf (claim, sizeof claim, "By %s, DDPM's Frechet distance is at most half that of Gaussian pixels", by);
      results_claim (r, claim, distance[s][what] <= 0.5 * distance[GAUSSIAN][what],
                     "%s: %.3g; Gaussian pixels %.3g; test faces %.3g", set_name[s], distance[s][what],
                     distance[GAUSSIAN][what], distance[TEST][what]);
      snprintf (claim, sizeof claim, "By %s, it is at most a tenth of that of noise", by);
      results_claim (r, claim, distance[s][what] <= 0.1 * distance[NOISE][what], "%s: %.3g; noise %.3g", set_name[s],
                     distance[s][what], distance[NOISE][what]);
      if (s != ALL_STEPS)
        continue;
      snprintf (claim, sizeof claim, "By %s, a thousand steps are as good as fifty or better", by);
      results_claim (r, claim, distance[ALL_STEPS][what] <= distance[FEW_STEPS][what],
                     "1000 steps: %.3g; 50: %.3g; test faces %.3g", distance[ALL_STEPS][what],
                     distance[FEW_STEPS][what], distance[TEST][what]);
    }
}

// ## Colours

static double
channel_mean (const gsl_matrix *x, size_t row_count, size_t channel)
{
  double sum = 0;
  for (size_t i = 0; i < row_count; i++)
    for (size_t k = channel; k < x->size2; k += CHANNELS)
      sum += gsl_matrix_get (x, i, k);
  return sum * CHANNELS / (double)(row_count * x->size2);
}

static void
compare_colours (results *r, const gsl_matrix *x, const gsl_matrix *numbers, const char *row)
{
  static const char *const colour[CHANNELS] = { "red", "green", "blue" };
  double worst = 0;
  for (size_t c = 0; c < CHANNELS; c++)
    {
      char column[64];
      double mean = channel_mean (x, x->size1, c), of_training = channel_mean (numbers, 1, c);
      snprintf (column, sizeof column, "32x32: mean of a channel / %s", colour[c]);
      results_row (r, row, column, "", mean, -1, "", "in [-1, 1]");
      results_row (r, "training faces", column, "", of_training, -1, "", "");
      worst = GSL_MAX_DBL (worst, fabs (mean - of_training));
    }
  if (r->scale != SMOKE)
    results_claim (r, "The channels' means are those of the data within 0.1", worst <= 0.1,
                   "the largest difference is %.3f", worst);
}

// ## At 32 x 32

static gsl_matrix *
samples_named (const results *r, const char *name, size_t d)
{
  char path[4096];
  snprintf (path, sizeof path, "%s-%s.npy", r->out, name);
  gsl_matrix *x = rows_of_file (path, d);
  clip (x);
  return x;
}

static void
judge_small (results *r)
{
  const char *grid = path_of ("GRID32");
  const size_t d = face_size (SIDE_32);
  gsl_matrix *strided = samples_named (r, "strided", d), *anew = samples_named (r, "anew", d),
             *numbers = training_numbers ("models/faces32-pixels.safetensors", d);
  size_t n = strided->size1;
  double distance[SETS][KINDS];
  gsl_matrix *x[SETS] = { [TEST] = test_faces (SIDE_32, n),
                          [ALL_STEPS] = grid ? faces_of_picture (grid, SIDE_32, n) : NULL,
                          [FEW_STEPS] = strided,
                          [GAUSSIAN] = gaussian_pixels (r, numbers, n),
                          [NOISE] = noise_pixels (r, n, d) };
  set shown = grid ? ALL_STEPS : FEW_STEPS;
  measure_sets (r, x, n, distance);
  if (r->scale != SMOKE)
    claim_distances (r, distance, shown);
  compare_colours (r, x[shown], numbers, set_name[shown]);
  look_for_copies (r, "TRAINING32", "nearest", SIDE_32, x[shown], set_name[shown],
                   "Samples are no copies: half as far from the training faces as test faces are, or further");

  gsl_matrix_const_view some = gsl_matrix_const_submatrix (x[shown], 0, 0, GSL_MIN ((size_t)SHOWN, n), x[shown]->size2),
                        faces = gsl_matrix_const_submatrix (x[TEST], 0, 0, GSL_MIN ((size_t)SHOWN, n), x[TEST]->size2);
  picture_faces (r, "small", &some.matrix, SIDE_32, 0);
  picture_faces (r, "test", &faces.matrix, SIDE_32, 0);
  picture_faces (r, "anew", anew, SIDE_32, anew->size1);
  for (set s = 0; s < SETS; s++)
    gsl_matrix_free (x[s]);
  gsl_matrix_free (anew);
  gsl_matrix_free (numbers);
}

// ## The loss, level by level
//
// On test faces, per number. At high levels a noisy face is almost its noise, and the network has little to do; at
// level 1 the noise is hidden in the picture. [dsm2ddpm.set-ddpm-anime]

static double
loss_at (const results *r, const sb_score *score, const gsl_matrix *faces, size_t level)
{
  size_t n = faces->size1, d = faces->size2;
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, d), "faces"),
             *z = require_pointer (gsl_matrix_alloc (n, d), "noise"),
             *seen = require_pointer (gsl_matrix_alloc (n, d), "noise");
  gsl_vector *t = require_pointer (gsl_vector_alloc (n), "times");
  gsl_matrix_memcpy (x, faces);
  gsl_vector_set_all (t, (double)level / LEVELS);
  require (sb_stream_normals ((sb_stream){ .seed = r->seed, .purpose = SB_FOR_FORWARD }, level * d, z), "noise");
  require (sb_process_transition (score->process, NULL, t, z, x), "noising");
  require (sb_score_evaluate (score, SB_EPSILON, x, t, NULL, seen), "the network");
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < d; k++)
      sum += gsl_pow_2 (gsl_matrix_get (seen, i, k) - gsl_matrix_get (z, i, k));
  gsl_matrix_free (x);
  gsl_matrix_free (z);
  gsl_matrix_free (seen);
  gsl_vector_free (t);
  return sum / (double)(n * d);
}

static void
by_level (results *r, size_t n)
{
  static const size_t level[] = { 1, 10, 50, 100, 200, 400, 600, 800, 1000 };
  enum
  {
    COUNT = sizeof level / sizeof *level
  };
  sb_model *model = model_of ("MODEL");
  sb_score *score = require_pointer (sb_score_network_alloc (&model->network), "the network");
  gsl_matrix *faces = test_faces (SIDE_32, n);
  FILE *data = results_data (r, "levels.dat");
  double before = GSL_POSINF, first = 0, last = 0;
  size_t rises = 0; // the first level that does
  for (size_t k = 0; k < COUNT; k++)
    {
      char row[32];
      last = loss_at (r, score, faces, level[k]);
      if (!rises && !(last < before))
        rises = level[k];
      before = last;
      first = k ? first : last;
      snprintf (row, sizeof row, "level %zu", level[k]);
      results_row (r, row, "32x32: loss a number / test faces", "", last, -1, "", "test faces, 32x32");
      fprintf (data, "%zu %g\n", level[k], last);
    }
  require (fclose (data) ? GSL_EFAILED : GSL_SUCCESS, "writing levels");
  r->evaluations += n * COUNT;
  if (r->scale != SMOKE)
    results_claim (
        r, "The loss falls with the level", !rises,
        "per number, from %.3g at level 1 to %.3g at level 1000; the first of nine levels with more than the one "
        "before: %zu (0: none)",
        first, last, rises);
  gsl_matrix_free (faces);
  sb_score_free (score);
  sb_model_free (model);
}

// ## The training
//
// Its curve has the loss per number every fifty steps, each of one batch. A tenth of the curve at its end, averaged.

static void
from_curve (results *r)
{
  static const char *const claim = "After training the loss is less than 0.3 a number";
  const char *path = path_of ("CURVE");
  FILE *file = path ? fopen (path, "r") : NULL;
  double step, loss, norm, *losses = require_pointer (malloc (1000000 * sizeof *losses), "losses"), sum = 0;
  size_t count = 0;
  if (!file)
    {
      untested (r, claim, "no curve of the training is here");
      free (losses);
      return;
    }
  if (fscanf (file, "%*[^\n]") == 0)
    while (count < 1000000 && fscanf (file, "%lf,%lf,%lf", &step, &loss, &norm) == 3)
      losses[count++] = loss;
  fclose (file);
  require (count ? GSL_SUCCESS : GSL_EINVAL, path);
  size_t end = GSL_MAX (count / 10, (size_t)1);
  for (size_t k = count - end; k < count; k++)
    sum += losses[k] / (double)end;
  results_row (r, "training", "32x32: training / first loss a number", "", losses[0], -1, "", "a batch");
  results_row (r, "training", "32x32: training / last", "", sum, -1, "", "the last tenth of the curve");
  results_claim (r, claim, sum < 0.3, "%.4f, after %.0f steps", sum, step);
  free (losses);
}

// ## At 64 x 64

static void
judge_large (results *r)
{
  const char *path = path_of ("GRID64");
  sb_error error = { 0 };
  if (!path)
    {
      untested (r, "Figure 7 is a grid of 9 x 9 faces of 64 x 64 pixels",
                "no network of this size comes with the data yet");
      return;
    }
  sb_bytes *picture = sb_png_read (path, &error);
  stop_unless (picture != NULL, &error);
  size_t side = 9 * (SIDE_64 + 2) + 2;
  results_claim (r, "Figure 7 is a grid of 9 x 9 faces of 64 x 64 pixels",
                 picture->shape.length[1] == side && picture->shape.length[2] == side,
                 "%zu x %zu pixels, with 2 between faces", picture->shape.length[2], picture->shape.length[1]);
  sb_bytes_free (picture);
  gsl_matrix *x = faces_of_picture (path, SIDE_64, SHOWN), *test = test_faces (SIDE_64, SHOWN),
             *noise = noise_pixels (r, SHOWN, face_size (SIDE_64));
  static const char *const row[] = { "test faces", "DDPM, 1000 steps", "noise" };
  const gsl_matrix *const faces[] = { test, x, noise };
  for (kind what = 0; what < KINDS; what++)
    {
      const char *by = what == BY_MEANS ? "block means" : "random filters";
      char claim[96], column[64];
      double distance[3];
      sb_moments_file *training = training_moments (what, SIDE_64);
      snprintf (column, sizeof column, "64x64: Frechet distance / %s", by);
      for (size_t s = 0; s < 3; s++)
        {
          distance[s] = frechet_to (training, what, faces[s], SIDE_64);
          results_row (r, row[s], column, "", distance[s], -1, "", "n = 81; not comparable with other n or size");
        }
      sb_moments_file_free (training);
      snprintf (claim, sizeof claim, "At 64x64, by %s, DDPM's Frechet distance is at most a tenth of that of noise",
                by);
      results_claim (r, claim, distance[1] <= 0.1 * distance[2], "%.3g; noise %.3g; test faces %.3g", distance[1],
                     distance[2], distance[0]);
    }
  look_for_copies (r, "TRAINING64", "large-nearest", SIDE_64, x, row[1], "At 64x64 too they are no copies");
  picture_faces (r, "large", x, SIDE_64, 9);
  gsl_matrix_free (x);
  gsl_matrix_free (test);
  gsl_matrix_free (noise);
}

// ## Digits
//
// There is a network that knows digits: how sure it is of what the same chain has drawn with the noise predictor of
// MNIST, and which digits it sees.

static void
judge_digits (results *r)
{
  gsl_matrix *x = samples_named (r, "digits", PIXELS);
  judge j = judge_open ("mnist");
  verdict v = judged (&j, x, -1, 1);
  size_t classes = 0;
  results_row (r, "all", "digits / mean confidence", "", v.confidence, -1, "", "a classifier of MNIST's digits");
  for (size_t k = 0; k < CLASSES; k++)
    {
      char row[32];
      snprintf (row, sizeof row, "class %zu", k);
      results_row (r, row, "digits / share of the samples", "", v.share[k],
                   sqrt (v.share[k] * (1 - v.share[k]) / (double)x->size1), "", "");
      classes += v.share[k] > 0;
    }
  if (r->scale != SMOKE)
    {
      results_claim (r, "Of digits that the chain has drawn a classifier is sure: a mean confidence above 0.8",
                     v.confidence > 0.8, "%.3f, %zu samples", v.confidence, x->size1);
      results_claim (r, "All ten digits are among them", classes == CLASSES, "%zu of them", classes);
    }
  judge_close (j);
  gsl_matrix_free (x);
}

int
main (void)
{
  gsl_set_error_handler_off ();
  results r = results_open ();
  const size_t samples[] = { [SMOKE] = 81, [QUICK] = 50 * 81, [FULL] = 50 * 81 },
               steps[] = { [SMOKE] = 50, [QUICK] = LEVELS, [FULL] = LEVELS },
               seen[] = { [SMOKE] = 2, [QUICK] = TEST_FACES, [FULL] = TEST_FACES };
  on_a_mixture (&r, samples[r.scale], steps[r.scale]);
  judge_large (&r);
  if (path_of ("DIGITS"))
    judge_digits (&r);
  if (path_of ("MODEL"))
    {
      judge_small (&r);
      by_level (&r, seen[r.scale]);
      from_curve (&r);
    }
  else
    untested (&r, "DDPM draws faces", "no network of 32x32 comes with the data yet");
  results_close (&r);
  return EXIT_SUCCESS;
}
