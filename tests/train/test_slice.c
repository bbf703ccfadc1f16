// # Training without a density finds the score where it is known
//
// A small perceptron sees nothing but samples of two Gaussians in the plane, and comes close to the gradient of their
// log-density; by sliced and by implicit score matching, and by differences.

#include "base/shard.h"
#include "colours.h"
#include "process/smld.h"
#include "losses.h"
#include "scope.h"
#include "score/exact.h"
#include "target/target.h"
#include "train/score_matching.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

SUITE_WITH_BLAS (slice);

static sb_target *
two_gaussians (void)
{
  return scoped (sb_target_mixture_alloc (vector_of (0.4, 0.6), matrix_of (2, 2, -1, 0.5, 1, -0.5),
                                          matrix_of (4, 2, 0.3, 0, 0, 0.4, 0.4, 0.2, 0.2, 0.35)));
}

static const double STEP = 0.1; // of the data's deviation

typedef enum
{
  SLICES_ALL,          // the exact trace
  SLICES_RANDOM,       // one direction a sample
  SLICES_RANDOM_PLAIN, // in the plain form
  SLICES_DIFFERENCE    // by differences
} slices;

// A network that is the score itself, of data as they are or, sigma > 0, with that noise.

static sb_score_matching
matching_of (const sb_net *net, float *theta, slices kind, double sigma, sb_examples examples, double h)
{
  gsl_vector *level = vector_of (sigma > 0 ? sigma : 1);
  sb_process *process = scoped (sb_smld_sigmas_alloc (sb_net_shape_size (sb_net_input (net)), level));
  sb_score_matching m = { .network = { net, process, theta, SB_PREDICTS_SCORE, SB_LABEL_TIME, 1, NULL, NULL, 0 },
                          .objective = sb_objective_of (kind == SLICES_ALL          ? sb_objective_ism
                                                        : kind == SLICES_DIFFERENCE ? sb_objective_fdssm
                                                                                    : sb_objective_ssm,
                                                        process, 0),
                          .examples = examples };
  if (sigma == 0)
    m.objective.t_max = 0;
  if (kind == SLICES_RANDOM_PLAIN || kind == SLICES_DIFFERENCE)
    m.objective.key[0] = kind == SLICES_DIFFERENCE ? h : 1;
  return m;
}

typedef struct
{
  sb_net *net;
  sb_target *law;
  sb_training *training;
  sb_score_matching matching;
  sb_recipe recipe;
  sb_trainer *trainer;
} experiment;

static void
experiment_start (experiment *e, slices kind, double sigma, size_t batch)
{
  e->net = scoped (sb_net_alloc ("mlp inputs=2 width=32 layers=2 time=none", NULL));
  e->law = two_gaussians ();
  e->training = scoped (sb_training_alloc (e->net, (sb_stream){ 3, SB_FOR_USER, 0 }));
  e->matching = matching_of (e->net, e->training->theta, kind, sigma, (sb_examples){ draw_from_law, e->law, 0 }, STEP);
  e->recipe = (sb_recipe){ .task = sb_score_matching_task (&e->matching),
                           .adam = { 3e-3, 0.9, 0.999, 1e-8, 50, 5, 0.99, SB_EMA_NONE, 0, 0, 0 },
                           .batch = batch,
                           .shard_rows = 128,
                           .seed = 5 };
  e->trainer = scoped (sb_trainer_alloc (&e->recipe, e->training));
}

// On fresh points at time t: E|s - grad log p|^2, and E|grad log p|^2, p the law with the noise of that time.

static double
fisher_divergence (experiment *e, double at, double *size_of_truth)
{
  enum
  {
    FRESH = 4000
  };
  sb_network network = e->matching.network;
  network.theta = e->training->ema;
  sb_score *learned = scoped (sb_score_network_alloc (&network)),
           *truth = scoped (sb_score_exact_alloc (e->law, network.process));
  gsl_matrix *x = matrix (FRESH, 2), *z = normals (FRESH, 2, 79), *s = matrix (FRESH, 2);
  gsl_vector *t = vector_all (FRESH, at), *loss = vector (FRESH);
  ok (sb_target_sample (e->law, (sb_stream){ 79, SB_FOR_DATA, 0 }, x));
  ok (sb_process_transition (network.process, NULL, t, z, x));
  ok (esm_at (learned, truth, x, t, loss, s));
  ok (sb_score_evaluate (truth, SB_SCORE, x, t, NULL, s));
  *size_of_truth = 0;
  for (size_t k = 0; k < 2 * FRESH; k++)
    *size_of_truth += gsl_pow_2 (s->data[k]) / FRESH;
  return 2 * gsl_stats_mean (loss->data, 1, FRESH);
}

static double
relative_error (experiment *e, double at, double *size_of_truth)
{
  const double divergence = fisher_divergence (e, at, size_of_truth);
  return divergence / *size_of_truth;
}

// The error after some steps. What the losses settle at is known too: J = E|s - s*|^2 / 2 - E|s*|^2 / 2.

static double
error_after (slices kind, size_t batch, int steps)
{
  experiment e = { 0 };
  double size;
  experiment_start (&e, kind, 0, batch);
  cr_assert_gt (relative_error (&e, 0, &size), 0.5, "an untrained network knows the score");
  double late = train_for (e.trainer, steps, steps / 2), found = relative_error (&e, 0, &size);
  cr_assert_float_eq (late, -size / 2, 0.06 * size / 2, "the loss is %g, and at best %g", late, -size / 2);
  return found;
}

// [dsm2ddpm.txt-ISM] [dsm2ddpm.txt-SSM]

Test (slice, finds_the_score_of_the_data)
{
  double exact = error_after (SLICES_ALL, 256, 800), reduced = error_after (SLICES_RANDOM, 256, 800),
         plain = error_after (SLICES_RANDOM_PLAIN, 512, 800);
  cr_assert_lt (exact, 0.02, "implicit: %g", exact);
  cr_assert_lt (reduced, 0.025, "sliced: %g", reduced);
  cr_assert_lt (plain, 0.03, "sliced, plain: %g", plain);
}

// With noise on the data it is the noisy law's score that is learned, and not the data's.

Test (slice, finds_the_score_of_noisy_data)
{
  experiment e = { 0 };
  experiment_start (&e, SLICES_RANDOM, 0.7, 256);
  train_for (e.trainer, 600, 1);
  double size, noisy = relative_error (&e, 1, &size), clean = relative_error (&e, 0, &size);
  cr_assert_lt (noisy, 0.05, "of the noisy law: %g", noisy);
  cr_assert_gt (clean, 0.2, "of the clean law: %g", clean);
}

// ## Images in colour
//
// Rows have the channel fastest, and the implicit loss is that of the map written out in plain loops (tests/colours.c),
// $\mathrm{tr}\,J + \frac12\|s\|^2$ with $J$ by differences.

static const double *
one_image (void)
{
  static double image[COLOURS_SIZE];
  for (int k = 0; k < COLOURS_SIZE; k++)
    image[k] = sin (1 + 1.7 * k);
  return image;
}

static int
draw_one_image (const void *image, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)y;
  cr_assert_eq (stream.purpose, SB_FOR_DATA);
  for (size_t i = 0; i < x->size1; i++)
    memcpy (gsl_matrix_ptr (x, i, 0), image, COLOURS_SIZE * sizeof (double));
  return GSL_SUCCESS;
}

static double
loss_of_one_image (const double *image)
{
  double moved[COLOURS_SIZE], s[COLOURS_SIZE], h = 1e-5, loss = 0;
  memcpy (moved, image, sizeof moved);
  colours_map (image, s);
  for (int k = 0; k < COLOURS_SIZE; k++)
    {
      loss += s[k] * s[k] / 2;
      for (int side = -1; side <= 1; side += 2)
        {
          double out[COLOURS_SIZE];
          moved[k] = image[k] + side * h;
          colours_map (moved, out);
          loss += side * out[k] / (2 * h);
        }
      moved[k] = image[k];
    }
  return loss;
}

Test (slice, of_an_image_in_colour)
{
  float *theta;
  sb_net *net = colours_alloc (&theta);
  float *gradient = scoped (calloc (net->parameters, sizeof *gradient));
  sb_examples examples = { draw_one_image, one_image (), 0 };
  sb_score_matching matching = matching_of (net, theta, SLICES_ALL, 0, examples, STEP);
  double want = loss_of_one_image (one_image ()), loss;
  const char *layer;
  sb_task task = sb_score_matching_task (&matching);
  void *workspace = task.type->workspace_alloc (task.state, 8);
  ok (task.type->work (&matching, workspace, (sb_stream){ 1, 0, 0 }, 2, 0.5, gradient, &loss, &layer));
  task.type->workspace_free (workspace);
  cr_assert_float_eq (loss, want, 1e-3, "implicit: %g, not %g", loss, want);
}

// ## By differences
//
// It trains as well as the derivative. At one noise level, on the same samples and along the same directions, the
// network ends as near to the noised law's score as by sliced score matching: with Fisher divergences of 0.0256 and
// 0.0258, where a score of zero has 3.35. They have to agree within a twentieth.

Test (slice, differences_train_as_well_as_the_derivative)
{
  const slices kinds[] = { SLICES_RANDOM, SLICES_DIFFERENCE };
  double divergence[2], size, sigma = 0.4;
  for (int k = 0; k < 2; k++)
    {
      experiment e = { 0 };
      experiment_start (&e, kinds[k], sigma, 256);
      e.matching.objective.key[0] = 0.03;
      train_for (e.trainer, 600, 1);
      divergence[k] = fisher_divergence (&e, 1, &size);
    }
  cr_assert_lt (divergence[1], 0.02 * size, "%g of %g", divergence[1], size);
  cr_assert_float_eq (divergence[1], divergence[0], 0.05 * divergence[0], "by differences %g, sliced %g", divergence[1],
                      divergence[0]);
}

// A step that is none is refused by the first step of a training.

Test (slice, differences_need_a_step)
{
  const double bad[] = { 0, -0.1, GSL_NAN, GSL_POSINF };
  experiment e = { 0 };
  double loss, norm;
  sb_error error;
  experiment_start (&e, SLICES_DIFFERENCE, 0, 128);
  for (int k = 0; k < 4; k++)
    {
      e.matching.objective.key[0] = bad[k];
      refused (GSL_EDOM, sb_trainer_step (e.trainer, &loss, &norm, &error));
    }
}

// Attention has no gradient of a derivative; that is said at once, and not in the middle of a training. Differences do
// without.

Test (slice, refuses_attention)
{
  sb_net *net
      = scoped (sb_net_alloc ("unet image=1x4x4 channels=4 multipliers=1,1 groups=2 time=none attention=4", NULL));
  sb_training *training = scoped (sb_training_alloc (net, (sb_stream){ 3, SB_FOR_USER, 0 }));
  sb_score_matching matching
      = matching_of (net, training->theta, SLICES_RANDOM, 0, (sb_examples){ draw_from_law, NULL, 0 }, STEP);
  sb_recipe recipe = { .task = sb_score_matching_task (&matching), .batch = 2, .shard_rows = 2 };
  cr_assert_null (sb_trainer_alloc (&recipe, training));
  matching = matching_of (net, training->theta, SLICES_DIFFERENCE, 0, matching.examples, STEP);
  scoped (sb_trainer_alloc (&recipe, training));
}
