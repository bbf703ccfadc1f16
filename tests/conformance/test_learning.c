// # A network under processes of several parts
//
// Trained by denoising score matching and sampled, under an SDE for each coordinate, for groups of them, and for each
// frequency of a cosine transform.

#include "sampler/pc.h"
#include "score/exact.h"
#include "train/score_matching.h"
#include "worlds.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

SUITE (learning);

enum
{
  N = 2000,
  STEPS = 500
};

static int
draw (const void *law, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)y;
  return sb_target_sample (law, stream, x);
}

// Coordinates of different means and deviations, alternately.

static sb_target *
law_in (size_t d)
{
  gsl_vector *mean = vector (d);
  gsl_matrix *C = matrix_all (d, d, 0);
  for (size_t j = 0; j < d; j++)
    {
      gsl_vector_set (mean, j, j % 2 ? -1 : 0.5);
      gsl_matrix_set (C, j, j, j % 2 ? 0.09 : 0.36);
    }
  return scoped (sb_target_gaussian_alloc (mean, C));
}

static sb_score *
learned (const world *w, const sb_target *law)
{
  char line[80];
  double loss, norm;
  sb_error error = { 0 };
  static double deviations[8];
  for (size_t k = 0; k < w->process->parts; k++)
    deviations[k] = 0.8;
  snprintf (line, sizeof line, "mlp inputs=%zu width=64 layers=2 time=positional features=16", law->dimension);
  sb_net *net = scoped (sb_net_alloc (line, NULL));
  sb_training *training = scoped (sb_training_alloc (net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  sb_score_matching *task = scoped (calloc (1, sizeof *task));
  *task = (sb_score_matching){ .network = { net, w->process, training->theta, SB_PREDICTS_MIXED, SB_LABEL_TIME, 1,
                                            deviations, NULL, 0 },
                               .objective = sb_objective_of (sb_objective_dsm, w->process, 1e-2),
                               .per_dimension = true,
                               .examples = { draw, law, 0 } };
  sb_recipe recipe = { .task = sb_score_matching_task (task),
                       .adam = { 3e-3, 0.9, 0.999, 1e-8, 50, 1, 0.98, SB_EMA_NONE, 0, 0, 0 },
                       .batch = 256,
                       .shard_rows = 128,
                       .seed = 3 };
  sb_trainer *trainer = scoped (sb_trainer_alloc (&recipe, training));
  for (int k = 0; k < STEPS; k++)
    ok (sb_trainer_step (trainer, &loss, &norm, &error), "%s: %s", w->name, error.message);
  task->network.theta = training->ema;
  return scoped (sb_score_network_alloc (&task->network));
}

// The share of the score's size that is wrong, at a time in the middle.

static double
wrong (const world *w, const sb_target *law, const sb_score *score)
{
  gsl_matrix *x = matrix (N, law->dimension), *guess = matrix (N, law->dimension), *truth = matrix (N, law->dimension);
  gsl_vector *t = vector_all (N, 0.4);
  double error = 0, size = 0;
  ok (sb_target_sample (law, (sb_stream){ 5, SB_FOR_DATA, 0 }, x));
  ok (sb_process_transition (w->process, NULL, t, normals (N, law->dimension, 6), x));
  ok (sb_target_evaluate (law, w->process, SB_EPSILON, x, t, truth));
  ok (sb_score_evaluate (score, SB_EPSILON, x, t, NULL, guess));
  for (size_t k = 0; k < N * law->dimension; k++)
    {
      error += gsl_pow_2 (guess->data[k] - truth->data[k]);
      size += gsl_pow_2 (truth->data[k]);
    }
  return error / size;
}

// Sampled from the law at the end of the process, which is not yet the prior's.

static void
check_samples (const world *w, const sb_target *law, const sb_score *score)
{
  gsl_matrix *x = matrix (N, law->dimension);
  gsl_vector *times = vector (60);
  sb_pc pc = sb_pc_default ();
  for (size_t k = 0; k < 60; k++)
    gsl_vector_set (times, k, gsl_pow_2 (1 - 0.9 * (double)k / 59));
  ok (sb_target_sample (law, (sb_stream){ 7, SB_FOR_DATA, 0 }, x));
  ok (sb_process_transition (w->process, NULL, vector_all (N, 1), normals (N, law->dimension, 8), x));
  pc.step = sb_step_ancestral;
  pc.corrector_steps = 0;
  ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ 9, SB_FOR_USER, 0 }, x, NULL), "%s", w->name);
  for (size_t j = 0; j < law->dimension; j++)
    {
      gsl_vector_view column = gsl_matrix_column (x, j);
      double mean = gsl_stats_mean (column.vector.data, column.vector.stride, N),
             sd = gsl_stats_sd (column.vector.data, column.vector.stride, N);
      cr_assert_float_eq (mean, j % 2 ? -1 : 0.5, 0.1, "%s, coordinate %zu: mean %g", w->name, j, mean);
      cr_assert_float_eq (sd, j % 2 ? 0.3 : 0.6, 0.12, "%s, coordinate %zu: deviation %g", w->name, j, sd);
    }
}

Test (learning, under_several_parts)
{
  world w;
  for (size_t k = 0; world_of (k, &w); k++)
    {
      if (w.lacks != MANY_PARTS)
        continue;
      const sb_target *law = law_in (w.process->dimension);
      const sb_score *score = learned (&w, law);
      double share = wrong (&w, law, score);
      cr_assert_lt (share, 0.01, "%s: %g of the score is wrong", w.name, share);
      check_samples (&w, law, score);
    }
}
