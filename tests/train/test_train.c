// # Training finds the truth where the truth is known
//
// On a law known in closed form the best estimate of the noise is known, and so is the loss that remains: the mean of
// $\|z - E[z \mid x_t]\|^2$. A small perceptron, trained for some seconds, must come close to both.

#include "base/shard.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "score/score.h"
#include "target/target.h"
#include "train/train.h"

#include <criterion/criterion.h>
#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

static void
setup (void)
{
  gsl_set_error_handler_off ();
  sb_blas_single_threaded ();
}

TestSuite (train, .init = setup);

static int
draw_from_law (const void *law, sb_stream stream, gsl_matrix *x)
{
  return sb_target_sample (law, stream, x);
}

typedef struct
{
  sb_net *net;
  sb_process *process;
  sb_target *law;
  sb_training *training;
  sb_denoising denoising;
  sb_recipe recipe;
  sb_trainer *trainer;
} experiment;

// Two Gaussians in the plane, one of them long and narrow.

static sb_target *
two_gaussians (void)
{
  double weights[] = { 0.4, 0.6 }, means[] = { -1, 0.5, 1, -0.5 },
         covariances[] = { 0.1, 0, 0, 0.1, 0.3, 0.2, 0.2, 0.25 };
  gsl_vector_view w = gsl_vector_view_array (weights, 2);
  gsl_matrix_view m = gsl_matrix_view_array (means, 2, 2), c = gsl_matrix_view_array (covariances, 4, 2);
  return sb_target_mixture_alloc (&w.vector, &m.matrix, &c.matrix);
}

static experiment
experiment_alloc (sb_process *process)
{
  experiment e = { .net = sb_net_alloc ("mlp inputs=2 width=48 layers=3 time=positional features=16", NULL),
                   .process = process,
                   .law = two_gaussians () };
  cr_assert (e.net && e.process && e.law);
  e.training = sb_training_alloc (e.net, (sb_stream){ 1, SB_FOR_USER, 0 });
  cr_assert_not_null (e.training);
  return e;
}

static void
experiment_start (experiment *e, sb_prediction prediction)
{
  e->denoising
      = (sb_denoising){ .network = { e->net, e->process, e->training->theta, prediction, SB_LABEL_LOG_NOISE, 0.9 },
                        .dsm = { e->process, SB_WEIGHT_VARIANCE, 1e-3 },
                        .examples = { draw_from_law, e->law } };
  e->recipe = (sb_recipe){ .task = sb_denoising_task (&e->denoising),
                           .adam = { 3e-3, 0.9, 0.999, 1e-8, 50, 1, 0.99 },
                           .batch = 512,
                           .shard_rows = 128,
                           .seed = 9 };
  e->trainer = sb_trainer_alloc (&e->recipe, e->training);
  cr_assert_not_null (e->trainer);
}

static void
experiment_free (experiment *e)
{
  sb_trainer_free (e->trainer);
  sb_training_free (e->training);
  sb_target_free (e->law);
  sb_process_free (e->process);
  sb_net_free (e->net);
}

static void
train_for (experiment *e, int steps)
{
  double loss, norm;
  sb_error error;
  for (int k = 0; k < steps; k++)
    cr_assert_eq (sb_trainer_step (e->trainer, &loss, &norm, &error), GSL_SUCCESS, "%s", error.message);
}

// On fresh points: the network's excess over the loss of the best estimate, $E\|\hat z - E[z \mid x_t]\|^2/d$, and
// that best loss.

static void
compare_with_truth (experiment *e, double *excess, double *best)
{
  enum
  {
    N = 4000
  };
  gsl_matrix *x = gsl_matrix_alloc (N, 2), *z = gsl_matrix_alloc (N, 2), *truth = gsl_matrix_alloc (N, 2),
             *guess = gsl_matrix_alloc (N, 2);
  gsl_vector *t = gsl_vector_alloc (N);
  sb_network network = e->denoising.network;
  network.theta = e->training->ema;
  sb_score *score = sb_score_network_alloc (&network);
  cr_assert_eq (sb_target_sample (e->law, (sb_stream){ 77, SB_FOR_DATA, 0 }, x), GSL_SUCCESS);
  cr_assert_eq (sb_dsm_draw (&e->denoising.dsm, (sb_stream){ 77, 0, 0 }, t, z, x), GSL_SUCCESS);
  cr_assert_eq (sb_target_evaluate (e->law, e->process, SB_EPSILON, x, t, truth), GSL_SUCCESS);
  cr_assert_eq (sb_score_evaluate (score, SB_EPSILON, x, t, NULL, guess), GSL_SUCCESS);
  gsl_matrix_sub (guess, truth);
  gsl_matrix_sub (truth, z);
  gsl_vector_view g = gsl_vector_view_array (guess->data, 2 * N), b = gsl_vector_view_array (truth->data, 2 * N);
  *excess = gsl_pow_2 (gsl_blas_dnrm2 (&g.vector)) / (2 * N);
  *best = gsl_pow_2 (gsl_blas_dnrm2 (&b.vector)) / (2 * N);
  sb_score_free (score);
  gsl_matrix_free (x);
  gsl_matrix_free (z);
  gsl_matrix_free (truth);
  gsl_matrix_free (guess);
  gsl_vector_free (t);
}

// The excess must be a small part of the loss that remains. An untrained network's excess is of the size of
// $E[z|x_t]^2$, some tenths.

static void
check_learning (sb_process *process, sb_prediction prediction)
{
  experiment e = experiment_alloc (process);
  experiment_start (&e, prediction);
  double untrained, excess, best;
  compare_with_truth (&e, &untrained, &best);
  train_for (&e, 500);
  compare_with_truth (&e, &excess, &best);
  cr_assert_lt (excess, 0.05 * best, "%s: excess %g over a loss of %g (untrained: %g)", process->type->name, excess,
                best, untrained);
  cr_assert_lt (excess, 0.2 * untrained, "%s: excess %g, untrained %g", process->type->name, excess, untrained);
  experiment_free (&e);
}

Test (train, finds_the_score_of_a_mixture_under_vp) { check_learning (sb_vp_alloc (2, 0.1, 20), SB_PREDICTS_EPSILON); }

Test (train, finds_the_score_of_a_mixture_under_subvp)
{
  check_learning (sb_subvp_alloc (2, 0.1, 20), SB_PREDICTS_EPSILON);
}

Test (train, finds_the_score_of_a_mixture_under_ve) { check_learning (sb_ve_alloc (2, 0.01, 20), SB_PREDICTS_MIXED); }

// ## To the bit
//
// The same training on one, two and three threads, and one that was stopped and gone on with from a copy of its state.

static void
same_bits (const sb_training *a, const sb_training *b, const char *what)
{
  size_t bytes = a->count * sizeof (float);
  cr_assert_eq (a->step, b->step);
  cr_assert (memcmp (a->theta, b->theta, bytes) == 0 && memcmp (a->m, b->m, bytes) == 0
                 && memcmp (a->v, b->v, bytes) == 0 && memcmp (a->ema, b->ema, bytes) == 0,
             "%s: not the same", what);
}

Test (train, does_not_depend_on_threads)
{
  experiment one = experiment_alloc (sb_vp_alloc (2, 0.1, 20));
  omp_set_num_threads (1);
  experiment_start (&one, SB_PREDICTS_EPSILON);
  train_for (&one, 20);
  for (int threads = 2; threads <= 3; threads++)
    {
      experiment more = experiment_alloc (sb_vp_alloc (2, 0.1, 20));
      omp_set_num_threads (threads);
      experiment_start (&more, SB_PREDICTS_EPSILON);
      train_for (&more, 20);
      same_bits (one.training, more.training, "more threads");
      experiment_free (&more);
    }
  experiment_free (&one);
}

Test (train, goes_on_as_if_it_had_not_stopped)
{
  experiment whole = experiment_alloc (sb_vp_alloc (2, 0.1, 20)), parts = experiment_alloc (sb_vp_alloc (2, 0.1, 20));
  experiment_start (&whole, SB_PREDICTS_EPSILON);
  experiment_start (&parts, SB_PREDICTS_EPSILON);
  train_for (&whole, 20);
  train_for (&parts, 13);
  sb_trainer_free (parts.trainer);
  experiment_start (&parts, SB_PREDICTS_EPSILON);
  train_for (&parts, 7);
  same_bits (whole.training, parts.training, "stopped and gone on");
  experiment_free (&whole);
  experiment_free (&parts);
}

// ## NaN stops it
//
// A weight that is not finite poisons a layer. The message names step and layer, and nothing has changed.

Test (train, what_is_not_finite_is_named)
{
  experiment e = experiment_alloc (sb_vp_alloc (2, 0.1, 20));
  experiment_start (&e, SB_PREDICTS_EPSILON);
  train_for (&e, 3);
  for (size_t k = 0; k < sb_net_tensors (e.net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (e.net, k);
      if (strcmp (tensor.name, "hidden.1.weight") == 0)
        e.training->theta[tensor.offset] = NAN;
    }
  double loss, norm;
  sb_error error;
  float before = e.training->ema[0];
  cr_assert_eq (sb_trainer_step (e.trainer, &loss, &norm, &error), GSL_EFAILED);
  cr_assert (strstr (error.message, "step 4"), "%s", error.message);
  cr_assert (strstr (error.message, "hidden.1"), "%s", error.message);
  cr_assert_eq (e.training->step, 3);
  cr_assert_eq (e.training->ema[0], before);
  experiment_free (&e);
}

// ## Data of bytes
//
// Every point is drawn about equally often, and bytes become the range's numbers.

Test (train, bytes_become_numbers)
{
  unsigned char pixels[] = { 0, 255, 51, 102, 204, 0 };
  sb_bytes bytes = { .shape = { .rank = 2, .length = { 3, 2 } }, .data = pixels };
  sb_byte_examples examples = { &bytes, -1, 1 };
  sb_examples source = sb_examples_of_bytes (&examples);
  enum
  {
    N = 30000
  };
  gsl_matrix *x = gsl_matrix_alloc (N, 2);
  cr_assert_eq (source.draw (source.state, (sb_stream){ 4, SB_FOR_DATA, 0 }, x), GSL_SUCCESS);
  int seen[3] = { 0 };
  for (size_t i = 0; i < N; i++)
    {
      double a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1);
      int which = a == -1 ? 0 : fabs (a + 0.6) < 1e-12 ? 1 : 2;
      const double second[] = { 1, -0.2, -1 };
      cr_assert_float_eq (b, second[which], 1e-12);
      seen[which]++;
    }
  for (int k = 0; k < 3; k++) // 4.9 standard deviations of a binomial count: a false alarm in 10^6
    cr_assert_float_eq (seen[k], N / 3, 4.9 * sqrt (N * 2. / 9), "point %d drawn %d times", k, seen[k]);
  gsl_matrix *wrong = gsl_matrix_alloc (2, 3);
  cr_assert_eq (source.draw (source.state, (sb_stream){ 4, SB_FOR_DATA, 0 }, wrong), GSL_EBADLEN);
  gsl_matrix_free (wrong);
  gsl_matrix_free (x);
}
