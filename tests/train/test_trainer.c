// # Training finds the truth where the truth is known
//
// On a law known in closed form the best estimate of the noise is known, and so is the loss that remains, which is the
// variance of the posterior: $E\|z - E[z \mid x_t]\|^2 = (a/\varsigma)^2\,\operatorname{tr}\operatorname{Cov}[x_0 \mid
// x_t]$. A small perceptron, trained for a second, must come close to both, under every SDE and with every weight.

#include "base/shard.h"
#include "process/edm.h"
#include "process/kinds.h"
#include "process/vp.h"
#include "property.h"
#include "losses.h"
#include "net/backend.h"
#include "score/exact.h"
#include "process/smld.h"
#include "scope.h"
#include "score/score.h"
#include "target/target.h"
#include "train/score_matching.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

SUITE_WITH_BLAS (train);

typedef struct
{
  sb_net *net;
  sb_process *process;
  sb_target *law;
  sb_training *training;
  sb_score_matching matching;
  sb_recipe recipe;
  sb_trainer *trainer;
} experiment;

// Two Gaussians in the plane, one of them long and narrow; or one alone, with a weight of 1 or 0 for the first.

static sb_target *
two_places (double first)
{
  return scoped (sb_target_mixture_alloc (vector_of (first, 1 - first), matrix_of (2, 2, -1, 0.5, 1, -0.5),
                                          matrix_of (4, 2, 0.1, 0, 0, 0.1, 0.3, 0.2, 0.2, 0.25)));
}

static sb_target *
two_gaussians (void)
{
  return two_places (0.4);
}

// One Gaussian, off the centre and narrow in one direction.

static sb_target *
one_gaussian (void)
{
  return scoped (sb_target_gaussian_alloc (vector_of (0.5, -0.3), matrix_of (2, 2, 0.8, 0.5, 0.5, 0.4)));
}

static experiment
experiment_with (const char *network, sb_process *process, sb_target *law)
{
  experiment e = { .net = scoped (sb_net_alloc (network, NULL)), .process = process, .law = law };
  e.training = scoped (sb_training_alloc (e.net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  return e;
}

static experiment
experiment_alloc (sb_process *process, sb_target *law)
{
  return experiment_with ("mlp inputs=2 width=48 layers=3 time=positional features=16", process, law);
}

static void
experiment_start (experiment *e, sb_prediction prediction)
{
  e->matching = (sb_score_matching){ .network = { e->net, e->process, e->training->theta, prediction,
                                                  SB_LABEL_LOG_NOISE, 0.9, NULL, NULL, 0 },
                                     .objective = sb_objective_of (sb_objective_dsm, e->process, 1e-3),
                                     .per_dimension = true,
                                     .examples = { draw_from_law, e->law, 0 } };
  e->recipe = (sb_recipe){ .task = sb_score_matching_task (&e->matching),
                           .adam = { 3e-3, 0.9, 0.999, 1e-8, 50, 1, 0.99, SB_EMA_NONE, 0, 0, 0 },
                           .batch = 512,
                           .shard_rows = 128,
                           .seed = 9 };
  e->trainer = scoped (sb_trainer_alloc (&e->recipe, e->training));
}

// ## What is measured
//
// On fresh points, in the mean, with the weight that was trained with: the loss of the network and of the best
// estimate; the loss that theory says remains; the error of the score, and the size of the score itself.

typedef struct
{
  double loss, of_truth, deviation; // the last: a standard error of the one before
  double minimum, error, score;
} measured;

enum
{
  FRESH = 4000
};

static double
mean_loss (const sb_objective *dsm, const gsl_vector *t, const gsl_matrix *z, const gsl_matrix *epsilon,
           double *deviation)
{
  gsl_vector *loss = vector (FRESH);
  ok (loss_of (dsm, t, z, epsilon, loss, NULL));
  return mean_of (loss, deviation);
}

// The weight of one squared number of $z$, $\lambda/\varsigma^2$, read off the loss itself: that of (1, 0) against 0.

static double
weight_at (const sb_objective *dsm, double t)
{
  gsl_vector *loss = vector (1);
  ok (loss_of (dsm, vector_of (t), matrix_of (1, 2, 0, 0), matrix_of (1, 2, 1, 0), loss, NULL));
  return gsl_vector_get (loss, 0);
}

static double
posterior_variance (const experiment *e, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_matrix *covariance = matrix (2, 2);
  double sum = 0;
  for (size_t i = 0; i < FRESH; i++)
    {
      double a, sd, at = gsl_vector_get (t, i);
      gsl_vector_const_view point = gsl_matrix_const_row (x, i);
      ok (sb_process_scalars (e->process, 0, at, &a, &sd));
      ok (sb_target_posterior_covariance (e->law, e->process, &point.vector, at, covariance));
      sum += weight_at (&e->matching.objective, at) * gsl_pow_2 (a / sd)
             * (gsl_matrix_get (covariance, 0, 0) + gsl_matrix_get (covariance, 1, 1));
    }
  return sum / FRESH;
}

static measured
measure (experiment *e)
{
  gsl_matrix *x = matrix (FRESH, 2), *z = matrix (FRESH, 2), *truth = matrix (FRESH, 2), *guess = matrix (FRESH, 2),
             *zero = matrix_all (FRESH, 2, 0);
  gsl_vector *t = vector (FRESH);
  const sb_objective *dsm = &e->matching.objective;
  sb_network network = e->matching.network;
  network.theta = e->training->ema;
  sb_score *score = scoped (sb_score_network_alloc (&network));
  ok (sb_target_sample (e->law, (sb_stream){ 77, SB_FOR_DATA, 0 }, x));
  ok (draw_points (dsm, (sb_stream){ 77, 0, 0 }, t, z, x));
  ok (sb_target_evaluate (e->law, e->process, SB_EPSILON, x, t, truth));
  ok (sb_score_evaluate (score, SB_EPSILON, x, t, NULL, guess));
  double unused;
  measured m = { .loss = mean_loss (dsm, t, z, guess, &unused),
                 .minimum = posterior_variance (e, x, t),
                 .error = mean_loss (dsm, t, truth, guess, &unused),
                 .score = mean_loss (dsm, t, truth, zero, &unused) };
  m.of_truth = mean_loss (dsm, t, z, truth, &m.deviation);
  return m;
}

// ## What must come out
//
// The best estimate's loss is the posterior variance, within 4.9 standard errors (a false alarm in $10^6$, were the
// draws not fixed). The network's loss is above it by at most `excess` of itself, and the score's error at most `error`
// of the score.

static void
check_learning (const char *process, sb_target *law, sb_prediction prediction, const sb_weighting_type *weighting,
                double t_min, int steps, double excess, double error)
{
  experiment e = experiment_alloc (scoped (sb_process_from_text (process, 2, NULL)), law);
  experiment_start (&e, prediction);
  e.matching.objective.weighting.type = weighting;
  e.matching.objective.t_min = t_min;
  train_for (e.trainer, steps, 1);
  measured m = measure (&e);
  cr_assert_float_eq (m.of_truth, m.minimum, 4.9 * m.deviation, "%s: the best estimate's loss is %g, not %g", process,
                      m.of_truth, m.minimum);
  cr_assert_lt (m.loss, (1 + excess) * m.of_truth, "%s, weighting %s: a loss of %g where %g remains", process,
                weighting->entry.name, m.loss, m.of_truth);
  cr_assert_lt (m.error, error * m.score, "%s, weighting %s: the score's error is %g of %g", process,
                weighting->entry.name, m.error, m.score);
}

// The likelihood and the unit weight look at the smallest times above all, where the target is largest: the smallest
// time is chosen with that in mind. The variational bound of DDPM's chain has weights some ten times larger at the
// first levels than in the middle.

static const char ddpm[] = "ddpm levels=50 beta_min=0.1 beta_max=10", ve[] = "ve sigma_max=20";

Test (train, finds_a_mixture)
{
  check_learning ("vp", two_gaussians (), SB_PREDICTS_EPSILON, sb_weighting_variance, 1e-3, 500, 0.03, 0.01);
  check_learning ("subvp", two_gaussians (), SB_PREDICTS_EPSILON, sb_weighting_variance, 1e-3, 500, 0.03, 0.01);
  check_learning (ve, two_gaussians (), SB_PREDICTS_MIXED, sb_weighting_variance, 1e-3, 500, 0.03, 0.01);
}

Test (train, finds_a_gaussian)
{
  check_learning ("vp", one_gaussian (), SB_PREDICTS_EPSILON, sb_weighting_likelihood, 0.05, 400, 0.03, 0.01);
  check_learning ("subvp", one_gaussian (), SB_PREDICTS_EPSILON, sb_weighting_unit, 0.1, 400, 0.03, 0.02);
  check_learning (ve, one_gaussian (), SB_PREDICTS_MIXED, sb_weighting_unit, 0.2, 400, 0.03, 0.07);
  check_learning (ddpm, one_gaussian (), SB_PREDICTS_EPSILON, sb_weighting_bound, 0, 400, 0.03, 0.02);
  check_learning (ddpm, one_gaussian (), SB_PREDICTS_EPSILON, sb_weighting_bound_tilde, 0, 400, 0.03, 0.02);
}

// Every SDE with every weight, on both laws, ten times as long and closer. The unit weight, which asks for a score that
// grows as $1/\varsigma$, stays the hardest.

Test (train, finds_everything_with_patience)
{
  const char *const processes[] = { ve, "vp", "subvp" };
  const double t_min[3][3] = { { 1e-3, 0.2, 0.2 }, { 1e-3, 0.05, 0.1 }, { 1e-3, 0.05, 0.1 } }; // by process and weight
  if (!getenv ("SCOREBOOK_LONG"))
    cr_skip_test ("minutes: make check-long");
  for (int p = 0; p < 3; p++)
    for (size_t w = 0; w < 3; w++)
      for (int gaussian = 0; gaussian < 2; gaussian++)
        check_learning (processes[p], gaussian ? one_gaussian () : two_gaussians (),
                        p == 0 ? SB_PREDICTS_MIXED : SB_PREDICTS_EPSILON, (const sb_weighting_type *)sb_weightings (w),
                        t_min[p][w], 4000, 0.01, w == 2 ? 0.05 : 0.005);
}

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
  const char *const wide = "mlp inputs=2 width=128 layers=3 time=positional features=16"; // weights for three pieces
  experiment one = experiment_with (wide, scoped (sb_vp_alloc (2, 0.1, 20)), two_gaussians ());
  cr_assert_gt (one.net->parameters, 2 * 16384);
  omp_set_num_threads (1);
  experiment_start (&one, SB_PREDICTS_EPSILON);
  train_for (one.trainer, 20, 1);
  for (int threads = 2; threads <= 3; threads++)
    {
      experiment more = experiment_with (wide, scoped (sb_vp_alloc (2, 0.1, 20)), two_gaussians ());
      omp_set_num_threads (threads);
      experiment_start (&more, SB_PREDICTS_EPSILON);
      train_for (more.trainer, 20, 1);
      same_bits (one.training, more.training, "more threads");
    }
}

// Threads may become more, or fewer, while a trainer is there.

Test (train, does_not_mind_other_threads_than_it_began_with)
{
  const int threads[] = { 1, 8, 3 };
  experiment one = experiment_alloc (scoped (sb_vp_alloc (2, 0.1, 20)), two_gaussians ()),
             more = experiment_alloc (scoped (sb_vp_alloc (2, 0.1, 20)), two_gaussians ());
  omp_set_num_threads (1);
  experiment_start (&one, SB_PREDICTS_EPSILON);
  experiment_start (&more, SB_PREDICTS_EPSILON);
  one.recipe.shard_rows = more.recipe.shard_rows = 16; // so many that eight threads find work
  one.trainer = scoped (sb_trainer_alloc (&one.recipe, one.training));
  more.trainer = scoped (sb_trainer_alloc (&more.recipe, more.training));
  train_for (one.trainer, 15, 1);
  for (int k = 0; k < 3; k++)
    {
      omp_set_num_threads (threads[k]);
      train_for (more.trainer, 5, 1);
    }
  same_bits (one.training, more.training, "first one thread, then eight");
}

Test (train, goes_on_as_if_it_had_not_stopped)
{
  experiment whole = experiment_alloc (scoped (sb_vp_alloc (2, 0.1, 20)), two_gaussians ()),
             parts = experiment_alloc (scoped (sb_vp_alloc (2, 0.1, 20)), two_gaussians ());
  experiment_start (&whole, SB_PREDICTS_EPSILON);
  experiment_start (&parts, SB_PREDICTS_EPSILON);
  train_for (whole.trainer, 20, 1);
  train_for (parts.trainer, 13, 1);
  experiment_start (&parts, SB_PREDICTS_EPSILON);
  train_for (parts.trainer, 7, 1);
  same_bits (whole.training, parts.training, "stopped and gone on");
}

// ## Dropout
//
// A point of the plane is an image of one pixel and two colours. What a training loses it loses by the number of the
// sample: its bytes are the same for any number of threads, and where it has stopped on the way; nothing lost, they are
// others. [scoresde.txt-arch-components]

static experiment
dropping (const char *rate)
{
  char line[100];
  snprintf (line, sizeof line, "unet image=2x1x1 channels=16 multipliers=1 groups=2 dropout=%s", rate);
  return experiment_with (line, scoped (sb_vp_alloc (2, 0.1, 20)), two_gaussians ());
}

Test (train, what_is_dropped_goes_by_the_sample)
{
  omp_set_num_threads (1);
  experiment whole = dropping ("0.3"), none = dropping ("0");
  experiment_start (&whole, SB_PREDICTS_EPSILON);
  experiment_start (&none, SB_PREDICTS_EPSILON);
  train_for (whole.trainer, 10, 1);
  train_for (none.trainer, 10, 1);
  cr_assert_arr_neq (whole.training->theta, none.training->theta, none.training->count * sizeof (float));
  for (int threads = 2; threads <= 3; threads++)
    {
      omp_set_num_threads (threads);
      experiment parts = dropping ("0.3");
      experiment_start (&parts, SB_PREDICTS_EPSILON);
      train_for (parts.trainer, 6, 1);
      experiment_start (&parts, SB_PREDICTS_EPSILON);
      train_for (parts.trainer, 4, 1);
      same_bits (whole.training, parts.training, "more threads, stopped and gone on");
    }
}

// The loss of a shard is that of the network which loses what the stream of the samples' numbers says, which is for
// dropout and nothing else; without it, it is another.

Test (train, a_shard_drops_by_its_samples)
{
  enum
  {
    ROWS = 7
  };
  experiment e = dropping ("0.3");
  experiment_start (&e, SB_PREDICTS_EPSILON);
  gsl_rng *r = property_rng (32);
  for (size_t k = 0; k < e.net->parameters; k++)
    e.training->theta[k] += (float)gsl_ran_gaussian (r, 0.3);
  const sb_task task = sb_score_matching_task (&e.matching);
  const sb_stream stream = { 4, 0, 1000 }, drop = { 4, SB_FOR_DROPOUT, 1000 };
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&e.matching.network, ROWS, 0));
  gsl_matrix *x = matrix (ROWS, 2), *z = matrix (ROWS, 2), *epsilon = matrix (ROWS, 2);
  gsl_vector *t = vector (ROWS), *loss = vector (ROWS);
  float *gradient = scoped ((float *)calloc (e.net->parameters, sizeof *gradient));
  double found, wanted[2] = { 0 };
  const char *layer;
  ok (draw_from_law (e.law, (sb_stream){ 4, SB_FOR_DATA, 1000 }, x, NULL));
  ok (draw_points (&e.matching.objective, stream, t, z, x));
  for (int drops = 0; drops < 2; drops++)
    {
      pass->drop = drops ? &drop : NULL;
      ok (sb_network_forward (&e.matching.network, pass, x, t, NULL, epsilon));
      ok (loss_of (&e.matching.objective, t, z, epsilon, loss, NULL));
      for (size_t i = 0; i < ROWS; i++)
        wanted[drops] += gsl_vector_get (loss, i) / 2;
    }
  void *workspace = task.type->workspace_alloc (task.state, ROWS);
  ok (task.type->work (task.state, workspace, stream, ROWS, 1, gradient, &found, &layer));
  task.type->workspace_free (workspace);
  cr_assert_float_eq (found, wanted[1], 1e-5 * wanted[1], "%g, not %g", found, wanted[1]);
  cr_assert_gt (fabs (found - wanted[0]), 1e-2 * wanted[0], "nothing was dropped");
}

// ## NaN stops it
//
// A weight that is not finite poisons a layer. The message names step and layer, and nothing has changed.

Test (train, what_is_not_finite_is_named)
{
  experiment e = experiment_alloc (scoped (sb_vp_alloc (2, 0.1, 20)), two_gaussians ());
  experiment_start (&e, SB_PREDICTS_EPSILON);
  train_for (e.trainer, 3, 1);
  for (size_t k = 0; k < sb_net_tensors (e.net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (e.net, k);
      if (strcmp (tensor.name, "hidden.1.weight") == 0)
        e.training->theta[tensor.offset] = NAN;
    }
  double loss, norm;
  sb_error error;
  float before = e.training->ema[0];
  refused (GSL_EFAILED, sb_trainer_step (e.trainer, &loss, &norm, &error));
  cr_assert (strstr (error.message, "step 4"), "%s", error.message);
  cr_assert (strstr (error.message, "hidden.1"), "%s", error.message);
  cr_assert_eq (e.training->step, 3);
  cr_assert_eq (e.training->ema[0], before);
}

// ## What a step asks of its task
//
// A task that does as it is told: sample $i$ has the loss $i$ and the gradient $i + 1$ for weight $i \bmod P$, but one
// sample is bad. So the batch shows in what comes out of the step.

typedef struct
{
  size_t parameters, asked; // asked: samples so far
  uint64_t bad;             // this sample ...
  double loss;              // ... has this loss
  float gradient;           // ... adds this to its gradient
  int status;               // ... fails with this
  const char *layer;
} obedience;

static void *
obey_alloc (const void *state, size_t rows)
{
  (void)state;
  size_t *room = malloc (sizeof *room);
  *room = rows;
  return room;
}

static int
obey (const void *state, void *workspace, sb_stream stream, size_t rows, double share, float *gradient, double *loss,
      const char **layer)
{
  obedience *o = (obedience *)(uintptr_t)state;
  cr_assert_leq (rows, *(size_t *)workspace);
  cr_assert_eq (stream.seed, 9);
  *loss = 0;
  *layer = NULL;
  for (uint64_t i = stream.index; i < stream.index + rows; i++, o->asked++)
    {
      int bad = i == o->bad;
      *loss += share * (bad ? o->loss : (double)i);
      gradient[i % o->parameters] += (float)(share * (double)(i + 1)) + (bad ? o->gradient : 0);
      if (bad)
        *layer = o->layer;
      if (bad && o->status)
        return o->status;
    }
  return GSL_SUCCESS;
}

static const sb_task_type obedient = { "obedience", obey_alloc, free, obey, NULL, NULL };

typedef struct
{
  sb_net *net;
  sb_training *training, *before;
  obedience state;
  sb_recipe recipe;
  sb_trainer *trainer;
  double loss, norm;
  sb_error error;
} exercise;

enum
{
  BATCH = 10,
  NOBODY = 1 << 30
};

static void
exercise_begin (exercise *e)
{
  memset (e, 0, sizeof *e);
  omp_set_num_threads (1);
  e->net = scoped (sb_net_alloc ("mlp inputs=2 width=3 layers=1 time=fourier features=4", NULL));
  e->training = scoped (sb_training_alloc (e->net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  e->before = scoped (sb_training_alloc (e->net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  e->state = (obedience){ .parameters = e->net->parameters, .bad = NOBODY };
  e->recipe = (sb_recipe){ .task = { &obedient, &e->state, e->net },
                           .adam = { 1e-3, 0.9, 0.999, 1e-8, 0, 0, 0.9, SB_EMA_NONE, 0, 0, 0 },
                           .batch = BATCH,
                           .shard_rows = 4,
                           .seed = 9 };
  e->trainer = scoped (sb_trainer_alloc (&e->recipe, e->training));
}

Test (train, a_step_is_the_mean_over_its_samples)
{
  exercise e;
  exercise_begin (&e);
  for (int step = 0; step < 7; step++)
    {
      double mean = 0, square = 0, *gradient = scoped (calloc (e.net->parameters, sizeof *gradient));
      for (size_t i = (size_t)step * BATCH; i < (size_t)(step + 1) * BATCH; i++)
        {
          mean += (double)i / BATCH;
          gradient[i % e.net->parameters] += (double)(i + 1) / BATCH;
        }
      for (size_t k = 0; k < e.net->parameters; k++)
        square += gradient[k] * gradient[k];
      ok (sb_trainer_step (e.trainer, &e.loss, &e.norm, &e.error));
      cr_assert_float_eq (e.loss, mean, 1e-12, "step %d: loss %g, not %g", step, e.loss, mean);
      cr_assert_float_eq (e.norm, sqrt (square), 1e-5 * e.norm, "step %d: norm %g, not %g", step, e.norm,
                          sqrt (square));
      cr_assert_eq (e.training->step, (uint64_t)step + 1);
      cr_assert_eq (e.state.asked, (size_t)(step + 1) * BATCH);
    }

  // Every weight has had a gradient and moved, but the frequencies of the embedding, which stay.
  for (size_t k = 0; k < sb_net_tensors (e.net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (e.net, k);
      int embedding = strstr (tensor.name, "embedding") != NULL;
      for (size_t j = tensor.offset; j < tensor.offset + tensor.count; j++)
        cr_assert_eq (e.training->theta[j] == e.before->theta[j], embedding, "%s, number %zu", tensor.name,
                      j - tensor.offset);
    }
}

// Of a network with more weights than are added up at a time, each has a sample that speaks of it.

Test (train, every_weight_of_many_is_asked)
{
  exercise e;
  exercise_begin (&e);
  double square = 0;
  e.net = scoped (sb_net_alloc ("mlp inputs=2 width=200 layers=2 time=none", NULL));
  e.training = scoped (sb_training_alloc (e.net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  e.before = scoped (sb_training_alloc (e.net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  size_t count = e.state.parameters = e.net->parameters;
  cr_assert_gt (count, 2 * 16384);
  e.recipe.task.net = e.net;
  e.recipe.batch = count;
  e.recipe.shard_rows = 9999;
  e.trainer = scoped (sb_trainer_alloc (&e.recipe, e.training));
  ok (sb_trainer_step (e.trainer, &e.loss, &e.norm, &e.error));
  for (size_t k = 0; k < count; k++)
    {
      double gradient = (double)(k + 1) / (double)count;
      square += gradient * gradient;
      cr_assert_float_eq (e.training->m[k], 0.1 * gradient, 1e-6 * gradient, "weight %zu", k);
      cr_assert_neq (e.training->theta[k], e.before->theta[k], "weight %zu", k);
    }
  cr_assert_float_eq (e.norm, sqrt (square), 1e-6 * e.norm);
}

// ## What stops it
//
// In any shard: a loss that is not finite, with or without someone to blame; a gradient, in the first tensor, the last
// or one between; a task that fails. The line says which, and neither weights, moments, average nor step have changed.

static void
check_stop (const exercise *e, int code, const char *named)
{
  cr_assert_eq (e->error.code, code);
  cr_assert (strstr (e->error.message, "step 1:") && strstr (e->error.message, named), "'%s' does not name '%s'",
             e->error.message, named);
  same_bits (e->training, e->before, named);
}

// Unless it is to go on: then a number of the gradient that is none counts as 0, one that is infinite as 1e5.
// [consistent.set-edm-lr]

Test (train, goes_on_with_a_clean_gradient_where_asked)
{
  const float bad[] = { NAN, INFINITY, -INFINITY }, clean[] = { 0, 1e5f, -1e5f };
  for (int k = 0; k < 3; k++)
    {
      exercise e;
      exercise_begin (&e);
      e.state.bad = 7;
      e.state.gradient = bad[k];
      e.state.loss = (double)NAN;
      e.recipe.clean = true;
      ok (sb_trainer_step (e.trainer, &e.loss, &e.norm, &e.error));
      cr_assert_eq (e.training->step, 1);
      cr_assert_float_eq (e.training->m[7 % e.net->parameters], .1 * clean[k], .1);
      for (size_t j = 0; j < e.net->parameters; j++)
        cr_assert (isfinite (e.training->theta[j]), "weight %zu", j);
    }
}

Test (train, what_stops_it_is_named)
{
  for (uint64_t bad = 0; bad < BATCH; bad++)
    {
      exercise e;
      exercise_begin (&e);
      const char *const layers[] = { "hidden.0", NULL };
      for (int k = 0; k < 2; k++)
        {
          e.state = (obedience){
            .parameters = e.net->parameters, .bad = bad, .loss = k ? NAN : INFINITY, .layer = layers[k]
          };
          refused (GSL_EFAILED, sb_trainer_step (e.trainer, &e.loss, &e.norm, &e.error));
          check_stop (&e, GSL_EFAILED, k ? "(the loss)" : "layer hidden.0:");
        }
      e.state = (obedience){ .parameters = e.net->parameters, .bad = bad, .status = GSL_EDOM };
      refused (GSL_EDOM, sb_trainer_step (e.trainer, &e.loss, &e.norm, &e.error));
      check_stop (&e, GSL_EDOM, gsl_strerror (GSL_EDOM));
    }
}

Test (train, gradients_that_stop_it_are_named)
{
  exercise e;
  exercise_begin (&e);
  e.recipe.batch = e.net->parameters;
  e.recipe.shard_rows = 7;
  e.trainer = scoped (sb_trainer_alloc (&e.recipe, e.training));
  for (size_t k = 0; k < sb_net_tensors (e.net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (e.net, k);
      for (int last = 0; last < 2; last++) // number of the tensor; sample i adds to weight i
        {
          e.state = (obedience){ .parameters = e.net->parameters,
                                 .bad = tensor.offset + (last ? tensor.count - 1 : 0),
                                 .gradient = k % 2 ? NAN : INFINITY };
          refused (GSL_EFAILED, sb_trainer_step (e.trainer, &e.loss, &e.norm, &e.error));
          check_stop (&e, GSL_EFAILED, tensor.name);
        }
    }
}

// ## Where it begins
//
// At step 0, with the network's first weights, the average being the same, and no moments.

Test (train, a_new_training_has_done_nothing)
{
  sb_net *net = scoped (sb_net_alloc ("mlp inputs=2 width=3 layers=1 time=fourier features=4", NULL));
  sb_training *training = scoped (sb_training_alloc (net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  float *theta = scoped (malloc (net->parameters * sizeof *theta));
  ok (sb_net_initialise (net, (sb_stream){ 1, SB_FOR_USER, 0 }, theta));
  cr_assert_eq (training->step, 0);
  cr_assert_eq (training->count, net->parameters);
  for (size_t k = 0; k < net->parameters; k++)
    cr_assert (training->theta[k] == theta[k] && training->ema[k] == theta[k] && training->m[k] == 0
               && training->v[k] == 0);
}

Test (train, there_is_no_empty_batch)
{
  exercise e;
  exercise_begin (&e);
  e.recipe.batch = 0;
  cr_assert_null (sb_trainer_alloc (&e.recipe, e.training));
  e.recipe.batch = BATCH;
  e.recipe.shard_rows = 0;
  cr_assert_null (sb_trainer_alloc (&e.recipe, e.training));
}

// A rate or a half-life in images wants to know how many a step takes; without either it is not looked at.

Test (train, images_are_those_of_the_batch)
{
  exercise e;
  exercise_begin (&e);
  e.recipe.batch = BATCH;
  e.recipe.adam.batch = 0;
  cr_assert_not_null (scoped (sb_trainer_alloc (&e.recipe, e.training)));
  for (int ramp = 0; ramp < 2; ramp++)
    {
      e.recipe.adam.ramp = ramp ? 100 : 0;
      e.recipe.adam.half_life = ramp ? 0 : 100;
      e.recipe.adam.batch = 0;
      cr_assert_null (sb_trainer_alloc (&e.recipe, e.training));
      e.recipe.adam.batch = BATCH + 1;
      cr_assert_null (sb_trainer_alloc (&e.recipe, e.training));
      e.recipe.adam.batch = BATCH;
      cr_assert_not_null (scoped (sb_trainer_alloc (&e.recipe, e.training)));
    }
}

// ## A shard
//
// Whatever the objective, and whatever the network predicts, its loss is that of the network as a score; also divided
// by the dimension. Its gradient is the slope, as far as float shows, added and times the share; along a direction in
// which all its numbers pull together. [scoresde.eq7]

enum
{
  SHARD = 9
};

static double
loss_of_score (const sb_score_matching *matching, sb_stream stream, double share)
{
  gsl_matrix *x_0 = matrix (SHARD, 2);
  gsl_vector *loss = vector (SHARD);
  sb_score *score = scoped (sb_score_network_alloc (&matching->network));
  double sum = 0;
  stream.purpose = SB_FOR_DATA;
  ok (matching->examples.draw (matching->examples.state, stream, x_0, NULL));
  ok (sb_objective_loss (&matching->objective, score, x_0, NULL, stream, loss));
  for (size_t i = 0; i < SHARD; i++)
    sum += share * gsl_vector_get (loss, i) / (matching->per_dimension ? 2 : 1);
  return sum;
}

static void
check_shard (const sb_score_matching *matching, size_t count)
{
  const char *name = matching->objective.type->entry.name;
  const int prediction = matching->network.prediction;
  float *theta = matching->network.theta, *gradient = scoped ((float *)calloc (count, sizeof *gradient)),
        *along = scoped ((float *)malloc (count * sizeof *along));
  gsl_rng *r = property_rng (31);
  const sb_task task = sb_score_matching_task (matching);
  void *workspace = task.type->workspace_alloc (task.state, SHARD + 3);
  const sb_stream stream = { 4, 0, 1000 };
  double loss, share = 0.125, slope = 0, h = 1. / 64, sum = 0, want = loss_of_score (matching, stream, share);
  const char *layer = "none";
  for (int twice = 0; twice < 2; twice++)
    {
      ok (task.type->work (matching, workspace, stream, SHARD, share, gradient, &loss, &layer));
      cr_assert_float_eq (loss, want, 1e-5 * (1 + fabs (want)), "%s, prediction %d: %g, not %g", name, prediction, loss,
                          want);
      cr_assert_null (layer);
    }
  for (size_t k = 0; k < count; k++)
    {
      along[k] = (float)copysign (gsl_ran_gaussian (r, 0.05), (double)gradient[k]);
      sum += (double)gradient[k] * (double)along[k] / 2;
    }
  const double at[] = { 1, -1, 2, -2 }, weight[] = { 8, -8, -1, 1 };
  for (int p = 0; p < 4; p++)
    {
      for (size_t k = 0; k < count; k++)
        theta[k] += (float)(at[p] * h) * along[k];
      slope += weight[p] * loss_of_score (matching, stream, share) / (12 * h);
      for (size_t k = 0; k < count; k++)
        theta[k] -= (float)(at[p] * h) * along[k];
    }
  if (!matching->objective.type->draw_more) // points that depend on the weights are held still: test_consistency
    cr_assert_float_eq (sum, slope, 2e-3 * sum, "%s, prediction %d: gradient %g, slope %g", name, prediction, sum,
                        slope);
  task.type->workspace_free (workspace);
}

Test (train, a_shard_has_the_loss_of_its_samples_and_its_slope)
{
  sb_process *chain = scoped (sb_smld_alloc (2, 4, 0.2, 2)), *sde = scoped (sb_edm_alloc (2, 0.2, 2));
  experiment e = experiment_alloc (chain, two_gaussians ());
  sb_score *truth = scoped (sb_score_exact_alloc (e.law, chain));
  for (size_t k = 0; sb_objectives (k); k++)
    for (int prediction = SB_PREDICTS_EPSILON; prediction <= SB_PREDICTS_SCORE; prediction++)
      {
        e.process = ((const sb_objective_type *)sb_objectives (k))->draw_more ? sde : chain;
        experiment_start (&e, (sb_prediction)prediction);
        e.matching.objective = sb_objective_of ((const sb_objective_type *)sb_objectives (k), e.process, 0);
        e.matching.objective.truth = truth;
        e.matching.per_dimension = k % 2 == 0;
        if (e.matching.objective.type == sb_objective_ssm)
          e.matching.objective.key[2] = 1 + prediction; // directions
        check_shard (&e.matching, e.net->parameters);
      }
}

// ## With consistency
//
// What is drawn on a path goes by the number of the sample as well: the same bits for any number of threads, where the
// training has stopped on the way, and where only a share of the samples has paths. With a weight of 0 it is soft score
// matching, to the bit. [consistent.txt-cdm-train]

static void
consistent_start (experiment *e, const sb_objective_type *type, double lambda, double share)
{
  experiment_start (e, SB_PREDICTS_MIXED);
  e->matching.network.label = SB_LABEL_QUARTER_LOG_NOISE;
  e->matching.objective = sb_objective_of (type, e->process, .002);
  e->matching.objective.weighting.type = sb_weighting_edm;
  e->matching.objective.levels = sb_levels_lognormal;
  memcpy (e->matching.objective.levels_key, (double[]){ -1.2, 1.2 }, 2 * sizeof (double));
  if (type == sb_objective_consistency)
    {
      e->matching.objective.key[0] = lambda;
      e->matching.objective.key[3] = share;
    }
  e->recipe.batch = 72; // three shards, the last of them short
  e->recipe.shard_rows = 32;
  e->trainer = scoped (sb_trainer_alloc (&e->recipe, e->training));
}

static experiment
in_noise_levels (const char *network)
{
  return experiment_with (network, scoped (sb_edm_alloc (2, .002, 80)), two_gaussians ());
}

static const char small[] = "mlp inputs=2 width=16 layers=2 time=positional features=8";

Test (train, with_consistency_it_goes_by_the_sample)
{
  for (double share = .5; share <= 1; share += .5)
    {
      experiment whole = in_noise_levels (small), none = in_noise_levels (small);
      omp_set_num_threads (1);
      consistent_start (&whole, sb_objective_consistency, 20, share);
      consistent_start (&none, sb_objective_consistency, 0, share);
      train_for (whole.trainer, 10, 1);
      train_for (none.trainer, 10, 1);
      cr_assert_arr_neq (whole.training->theta, none.training->theta, none.training->count * sizeof (float));
      for (int threads = 2; threads <= 3; threads++)
        {
          experiment parts = in_noise_levels (small);
          omp_set_num_threads (threads);
          consistent_start (&parts, sb_objective_consistency, 20, share);
          train_for (parts.trainer, 6, 1);
          consistent_start (&parts, sb_objective_consistency, 20, share);
          train_for (parts.trainer, 4, 1);
          same_bits (whole.training, parts.training, "more threads, stopped and gone on");
        }
    }
}

Test (train, without_weight_consistency_changes_nothing)
{
  experiment none = in_noise_levels (small), soft = in_noise_levels (small);
  consistent_start (&none, sb_objective_consistency, 0, 1);
  consistent_start (&soft, sb_objective_soft, 0, 1);
  train_for (none.trainer, 20, 1);
  train_for (soft.trainer, 20, 1);
  same_bits (none.training, soft.training, "with a weight of 0");
  cr_assert_eq (sb_trainer_regulariser (none.trainer), 0);
}

// What a step costs is counted at the network, in samples: with six steps to a path each goes 13 times forward, at
// $\mathbf x_t$, whose denoiser the first steps of both paths share, five times more on each, and at both ends; and
// three times back. A pass keeps what going back takes of one point, and so two go forward once more. Denoising alone
// takes one of each. [consistent.txt-cost] [consistent.txt-cdm-train]

static size_t samples_forward, samples_back;
static const sb_net_backend *counted;
static sb_net_backend counting; // its workspaces are freed at the suite's end

static int
count_forward (const sb_net *net, const sb_real *theta, size_t n, const sb_real *x, const sb_real *label,
               const sb_net_condition *y, void *workspace, sb_real *out)
{
  samples_forward += n;
  return counted->forward (net, theta, n, x, label, y, workspace, out);
}

static int
count_back (const sb_net *net, const sb_real *theta, size_t n, void *workspace, const sb_real *out_bar,
            sb_real *theta_bar, sb_real *x_bar)
{
  samples_back += n;
  return counted->backward (net, theta, n, workspace, out_bar, theta_bar, x_bar);
}

static void
check_passes (const sb_objective_type *type, double steps, size_t forward, size_t back)
{
  experiment e = in_noise_levels (small);
  counted = e.net->backend;
  counting = *counted;
  counting.forward = count_forward;
  counting.backward = count_back;
  e.net->backend = &counting;
  omp_set_num_threads (1);
  consistent_start (&e, type, 20, 1);
  if (type == sb_objective_consistency)
    e.matching.objective.key[2] = steps;
  samples_forward = samples_back = 0;
  train_for (e.trainer, 3, 1);
  cr_assert (samples_forward == 3 * e.recipe.batch * forward && samples_back == 3 * e.recipe.batch * back,
             "%g steps: %zu forward, %zu back", steps, samples_forward, samples_back);
}

Test (train, passes_are_counted)
{
  check_passes (sb_objective_soft, 0, 1, 1);
  check_passes (sb_objective_consistency, 1, 3 + 2, 3);
  check_passes (sb_objective_consistency, 6, 13 + 2, 3);
}

// Of a network with classes, where half of the samples have paths: loss and gradient of a shard are those of the same
// network as a score, given each row's own class, and the loss is that of each row by itself. What of it is consistency
// is said.

enum
{
  ROWS_OF_SHARD = 20
};

// The network that knows its row's class by itself.

typedef struct
{
  const sb_score *score;
  double class;
} knowing;

static int
knowing_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                  gsl_matrix *out)
{
  const knowing *k = state;
  const gsl_matrix own = { 1, 1, 1, (double *)&k->class, NULL, 0 };
  (void)y;
  return sb_score_evaluate (k->score, view, x, t, &own, out);
}

static const sb_score_type knowing_type
    = { .name = "knowing", .views = SB_SCORE | SB_DENOISER | SB_EPSILON, .evaluate = knowing_evaluate };

static double
rows_alone (const sb_objective *o, const sb_score *score, const gsl_matrix *x_0, const gsl_matrix *y, sb_stream stream)
{
  gsl_vector *loss = vector (1);
  double sum = 0;
  for (size_t i = 0; i < ROWS_OF_SHARD; i++)
    {
      gsl_matrix_const_view x_i = gsl_matrix_const_submatrix (x_0, i, 0, 1, 2);
      knowing state = { score, gsl_matrix_get (y, i, 0) };
      const sb_score *row = scoped (sb_score_alloc (&knowing_type, &state, o->process));
      ok (sb_objective_loss (o, row, &x_i.matrix, NULL, sb_stream_skip (stream, i), loss));
      sum += gsl_vector_get (loss, 0);
    }
  return sum;
}

Test (train, paths_have_their_samples_classes)
{
  enum
  {
    POINTS = 50
  };
  unsigned char class[POINTS];
  const sb_bytes labels = { .shape = { .rank = 1, .length = { POINTS } }, .data = class };
  for (size_t i = 0; i < POINTS; i++)
    class[i] = (unsigned char)(i % 3);
  const sb_labelled_examples labelled = { sb_examples_of_rows (normals (POINTS, 2, 51)), &labels, .2 };
  experiment e = in_noise_levels ("mlp inputs=2 width=16 layers=2 time=positional features=8 classes=3");
  consistent_start (&e, sb_objective_consistency, 1e4, .5);
  const size_t count = e.net->parameters;
  memcpy (e.training->theta, gaussians (property_rng (52), count, .5), count * sizeof (float));
  e.matching.examples = sb_examples_with_labels (&labelled);
  e.matching.per_dimension = false;

  // A shard of the training.
  const sb_task task = sb_score_matching_task (&e.matching);
  const sb_stream stream = { 4, 0, 1000 }, of_data = { 4, SB_FOR_DATA, 1000 };
  float *gradient = scoped ((float *)calloc (count, sizeof *gradient)),
        *wanted = scoped ((float *)calloc (count, sizeof *wanted));
  void *workspace = task.type->workspace_alloc (task.state, ROWS_OF_SHARD + 7);
  double found, regulariser, size = 0, off = 0;
  const char *layer;
  ok (task.type->work (task.state, workspace, stream, ROWS_OF_SHARD, 1, gradient, &found, &layer));
  regulariser = task.type->regulariser (workspace);
  task.type->workspace_free (workspace);

  // The same of a score.
  gsl_matrix *x_0 = matrix (ROWS_OF_SHARD, 2), *y = matrix (ROWS_OF_SHARD, 1);
  gsl_vector *loss = vector (ROWS_OF_SHARD), *without = vector (ROWS_OF_SHARD);
  sb_objective denoising = e.matching.objective;
  denoising.key[0] = 0;
  sb_score *score = scoped (sb_score_network_gradient_alloc (&e.matching.network, wanted));
  ok (e.matching.examples.draw (e.matching.examples.state, of_data, x_0, y));
  ok (sb_objective_loss (&denoising, score, x_0, y, stream, without));
  ok (sb_objective_gradient (&e.matching.objective, score, x_0, y, stream, 1, loss));
  const double sum = gsl_vector_sum (loss), alone = rows_alone (&e.matching.objective, score, x_0, y, stream);
  cr_assert_float_eq (found, sum, 1e-4 * fabs (regulariser), "%g, not %g", found, sum);
  cr_assert_float_eq (found, alone, 1e-4 * fabs (regulariser), "%g, not %g, row by row", found, alone);
  cr_assert_float_eq (regulariser, found - gsl_vector_sum (without), 1e-4 * fabs (regulariser), "%g", regulariser);
  for (size_t k = 0; k < count; k++)
    {
      size += gsl_pow_2 ((double)wanted[k]);
      off += gsl_pow_2 ((double)(wanted[k] - gradient[k]));
    }
  cr_assert_lt (off, 1e-6 * size, "the gradient is %g off, of %g", sqrt (off), sqrt (size));
}

// The gradient of the whole task is the slope of the loss with all points held, those at the ends of paths too, as far
// as float shows: of a perceptron and of a small U-Net, both told the class, along a direction in which all numbers
// pull together.

static double
loss_with_points_still (const sb_network *network, const gsl_matrix *y, sb_objective_batch *b)
{
  sb_score *score = scoped (sb_score_network_alloc (network));
  ok (sb_score_evaluate (score, SB_DENOISER, &b->x, &b->t, y, &b->estimate));
  ok (sb_objective_find_loss (b));
  return gsl_vector_sum (&b->loss);
}

static void
check_slope (const char *line, size_t d)
{
  unsigned char class[SHARD];
  const sb_bytes labels = { .shape = { .rank = 1, .length = { SHARD } }, .data = class };
  for (size_t i = 0; i < SHARD; i++)
    class[i] = (unsigned char)(i % 3);
  const sb_labelled_examples labelled = { sb_examples_of_rows (normals (SHARD, d, 51)), &labels, .2 };
  experiment e = experiment_with (line, scoped (sb_edm_alloc (d, .002, 80)), NULL);
  consistent_start (&e, sb_objective_consistency, 200, 1);
  e.matching.examples = sb_examples_with_labels (&labelled);
  e.matching.per_dimension = false;
  e.matching.objective.key[1] = .3;        // the window
  e.matching.objective.levels_key[1] = .4; // numbers of one size, for the differences
  float *theta = e.training->theta;
  const size_t count = e.net->parameters;
  const float *more = gaussians (property_rng (53), count, .1);
  for (size_t k = 0; k < count; k++)
    theta[k] += more[k];

  // The task's gradient.
  const sb_task task = sb_score_matching_task (&e.matching);
  const sb_stream stream = { 4, 0, 1000 }, of_data = { 4, SB_FOR_DATA, 1000 };
  float *gradient = scoped ((float *)calloc (count, sizeof *gradient)),
        *along = scoped ((float *)malloc (count * sizeof *along));
  void *workspace = task.type->workspace_alloc (task.state, SHARD);
  double found, regulariser, slope = 0, sum = 0;
  const char *layer;
  ok (task.type->work (task.state, workspace, stream, SHARD, 1, gradient, &found, &layer));
  regulariser = task.type->regulariser (workspace);
  task.type->workspace_free (workspace);

  // The same points, of a batch.
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&e.matching.objective, SHARD));
  gsl_matrix *y = matrix (3 * SHARD, 1);
  gsl_matrix_view first = gsl_matrix_submatrix (y, 0, 0, SHARD, 1);
  ok (e.matching.examples.draw (e.matching.examples.state, of_data, &b->x_0, &first.matrix));
  for (size_t i = SHARD; i < 3 * SHARD; i++)
    gsl_matrix_set (y, i, 0, gsl_matrix_get (y, i - SHARD, 0));
  ok (sb_objective_draw (stream, b));
  ok (sb_objective_evaluate (scoped (sb_score_network_alloc (&e.matching.network)), &first.matrix, b));
  const double loss = loss_with_points_still (&e.matching.network, y, b);
  cr_assert_float_eq (found, loss, 1e-4 * loss, "%s: %g, not %g", line, found, loss);
  cr_assert_gt (fabs (regulariser), .01 * loss);

  // Its slope.
  const double at[] = { 1, -1, 2, -2 }, weight[] = { 8, -8, -1, 1 }, h = 1. / 16;
  gsl_rng *r = property_rng (31);
  for (size_t k = 0; k < count; k++)
    {
      along[k] = (float)copysign (gsl_ran_gaussian (r, .02), (double)gradient[k]);
      sum += (double)gradient[k] * (double)along[k];
    }
  for (int p = 0; p < 4; p++)
    {
      for (size_t k = 0; k < count; k++)
        theta[k] += (float)(at[p] * h) * along[k];
      slope += weight[p] * loss_with_points_still (&e.matching.network, y, b) / (12 * h);
      for (size_t k = 0; k < count; k++)
        theta[k] -= (float)(at[p] * h) * along[k];
    }
  cr_assert_float_eq (sum, slope, 2e-3 * fabs (sum), "%s: gradient %g, slope %g", line, sum, slope);
}

Test (train, gradient_is_the_slope_with_the_points_held)
{
  check_slope ("mlp inputs=2 width=16 layers=2 time=positional features=8 classes=3", 2);
  check_slope ("unet image=1x4x4 channels=4 multipliers=1,2 groups=2 features=4 attention=4 classes=3", 16);
}

// The layer that is not finite is named also where that is so at the end of a path alone, which one step leads to.

Test (train, a_layer_is_named_at_the_ends_of_paths_too)
{
  experiment e = in_noise_levels ("mlp inputs=2 width=16 layers=1 time=positional features=8");
  consistent_start (&e, sb_objective_consistency, 20, 1);
  e.matching.objective.key[1] = 3; // the window
  e.matching.objective.key[2] = 1; // steps
  const sb_task task = sb_score_matching_task (&e.matching);
  void *workspace = task.type->workspace_alloc (task.state, 1);
  const size_t count = e.net->parameters;
  const float *weights = gaussians (property_rng (54), count, 1);
  float *gradient = scoped ((float *)calloc (count, sizeof *gradient));
  size_t broken = 0, whole = 0;
  for (double size = 1e3; size < 1e20; size *= 1.3)
    for (size_t i = 0; i < 40; i++)
      {
        double loss;
        const char *layer = NULL;
        for (size_t k = 0; k < count; k++)
          e.training->theta[k] = (float)size * weights[k];
        ok (task.type->work (task.state, workspace, (sb_stream){ 4, 0, i }, 1, 1, gradient, &loss, &layer));
        cr_assert_eq (!layer, gsl_finite (loss), "weights of %g, sample %zu: a loss of %g", size, i, loss);
        broken += layer != NULL;
        whole += layer == NULL;
      }
  task.type->workspace_free (workspace);
  cr_assert (broken > 0 && whole > 0, "%zu and %zu", broken, whole);
}

// How many samples of a step the data were not looked at, and where they were all: those at times up to t_above.

Test (train, says_of_how_many_samples_the_data_were_not_seen)
{
  experiment e = in_noise_levels (small);
  consistent_start (&e, sb_objective_consistency, 4, 1);
  train_for (e.trainer, 1, 1);
  cr_assert_eq (sb_trainer_unseen (e.trainer), 0);
  e.matching.objective.t_above = 79;
  train_for (e.trainer, 1, 1);
  cr_assert_eq (sb_trainer_unseen (e.trainer), e.recipe.batch);
  e.matching.objective.t_above = .301194; // the median of the levels
  train_for (e.trainer, 1, 1);
  cr_assert (sb_trainer_unseen (e.trainer) > 10 && sb_trainer_unseen (e.trainer) < 62);
}

// ## Data of numbers
//
// Rows of a matrix, which may be part of another's, are drawn as they are, by the same numbers of the stream as bytes.

Test (train, rows_are_drawn_as_they_are)
{
  double numbers[] = { 0.1, -7, 99, 1e300, 3, 99, -0.0, 1e-300, 99 };
  gsl_matrix_view all = gsl_matrix_view_array (numbers, 3, 3), rows = gsl_matrix_submatrix (&all.matrix, 0, 0, 3, 2);
  sb_examples source = sb_examples_of_rows (&rows.matrix);
  gsl_matrix *x = matrix (200, 2), *wrong = matrix (2, 3);
  int seen[3] = { 0 };
  ok (source.draw (source.state, (sb_stream){ 4, SB_FOR_DATA, 5 }, x, NULL));
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_matrix *u = matrix (1, 1);
      ok (sb_stream_uniforms ((sb_stream){ 4, SB_FOR_DATA, 5 + i }, 0, u));
      size_t k = (size_t)(3 * gsl_matrix_get (u, 0, 0)); // a checkpoint relies on it
      cr_assert (gsl_matrix_get (x, i, 0) == numbers[3 * k] && gsl_matrix_get (x, i, 1) == numbers[3 * k + 1]);
      seen[k]++;
    }
  cr_assert (seen[0] && seen[1] && seen[2]);
  refused (GSL_EBADLEN, source.draw (source.state, (sb_stream){ 4, SB_FOR_DATA, 0 }, wrong, NULL));
}

// ## Data of bytes
//
// become the range's numbers, drawn as rows are.

Test (train, bytes_become_numbers)
{
  unsigned char pixels[] = { 0, 255, 51, 102, 204, 0 };
  sb_bytes bytes = { .shape = { .rank = 2, .length = { 3, 2 } }, .data = pixels };
  sb_byte_examples examples = { .bytes = &bytes, .low = -1, .high = 1 };
  gsl_matrix *numbers = matrix_of (3, 2, -1, 1, -0.6, -0.2, 0.6, -1), *x = matrix (100, 2), *rows = matrix (100, 2);
  sb_examples source = sb_examples_of_bytes (&examples), other = sb_examples_of_rows (numbers);
  const sb_stream stream = { 4, SB_FOR_DATA, 0 };
  ok (source.draw (source.state, stream, x, NULL));
  ok (other.draw (other.state, stream, rows, NULL));
  for (size_t k = 0; k < 200; k++)
    cr_assert_float_eq (x->data[k], rows->data[k], 1e-12);
  refused (GSL_EBADLEN, source.draw (source.state, stream, matrix (2, 3), NULL));
}

// ## Points with classes
//
// Each point comes with its label, and loses it with the probability asked for, which takes nothing else from the
// stream: the points are those of the same draw without labels.

Test (train, labels_go_with_their_points)
{
  enum
  {
    DRAWS = 20000
  };
  unsigned char of_point[] = { 2, 0, 1 };
  const sb_bytes labels = { .shape = { .rank = 1, .length = { 3 } }, .data = of_point };
  gsl_matrix *points = matrix_of (3, 1, 10, 20, 30), *x = matrix (DRAWS, 1), *y = matrix (DRAWS, 1),
             *alone = matrix (DRAWS, 1), *later = matrix (1, 1), *y_later = matrix (1, 1);
  const sb_stream stream = { 6, SB_FOR_DATA, 0 };
  for (double drop = 0; drop <= 1; drop += 0.5)
    {
      const sb_labelled_examples labelled = { sb_examples_of_rows (points), &labels, drop };
      sb_examples source = sb_examples_with_labels (&labelled);
      int dropped = 0;
      ok (source.draw (source.state, stream, x, y));
      ok (labelled.points.draw (labelled.points.state, stream, alone, NULL));
      cr_assert (source.conditions == 1 && gsl_matrix_equal (x, alone));
      for (size_t i = 0; i < DRAWS; i++)
        {
          int class = (int)gsl_matrix_get (y, i, 0);
          dropped += class < 0;
          cr_assert (class == -1 || class == of_point[(int)gsl_matrix_get (x, i, 0) / 10 - 1]);
        }
      cr_assert_float_eq (dropped, DRAWS * drop, 4.9 * sqrt (DRAWS * drop * (1 - drop)), "%d at %g", dropped, drop);
      ok (source.draw (source.state, sb_stream_skip (stream, 100), later, y_later));
      cr_assert (later->data[0] == x->data[100] && y_later->data[0] == y->data[100], "row i is that of index + i");
    }
  ok (sb_labels_check (&labels, 3, 3));
  refused (GSL_EDOM, sb_labels_check (&labels, 3, 2));
  refused (GSL_EBADLEN, sb_labels_check (&labels, 4, 3));
}

// Two classes of points at different places. Given the class, the network is to say what is the best estimate under
// that class's Gaussian, and given none, under the mixture of both; and the mean of its denoiser is that of the data of
// the class.

Test (train, a_network_learns_each_class_and_the_mixture)
{
  enum
  {
    POINTS = 4000
  };
  const double centre[3] = { 0, -1, 1 };
  sb_target *laws[] = { two_places (0.5), two_places (1), two_places (0) };
  unsigned char class[POINTS];
  const sb_bytes labels = { .shape = { .rank = 1, .length = { POINTS } }, .data = class };
  gsl_matrix *points = matrix (POINTS, 2);
  for (size_t i = 0; i < POINTS; i++)
    {
      gsl_matrix_view row = gsl_matrix_submatrix (points, i, 0, 1, 2);
      class[i] = (unsigned char)(i % 2);
      ok (sb_target_sample (laws[1 + i % 2], (sb_stream){ 41, SB_FOR_DATA, i }, &row.matrix));
    }
  const sb_labelled_examples labelled = { sb_examples_of_rows (points), &labels, 0.3 };
  experiment e = experiment_with ("mlp inputs=2 width=48 layers=3 time=positional features=16 classes=2",
                                  scoped (sb_vp_alloc (2, 0.1, 20)), laws[0]);
  experiment_start (&e, SB_PREDICTS_MIXED);
  e.matching.examples = sb_examples_with_labels (&labelled);
  e.trainer = scoped (sb_trainer_alloc (&e.recipe, e.training));
  train_for (e.trainer, 600, 1);

  // Ask at fresh points of each law, at a time when there is as much noise as data.
  e.matching.network.theta = e.training->ema;
  sb_score *score = scoped (sb_score_network_alloc (&e.matching.network));
  gsl_vector *t = vector_all (FRESH, 0.3);
  gsl_matrix *x = matrix (FRESH, 2), *z = normals (FRESH, 2, 79), *truth = matrix (FRESH, 2),
             *guess = matrix (FRESH, 2);
  for (int k = 0; k < 3; k++)
    {
      double off = 0, mean = 0;
      ok (sb_target_sample (laws[k], (sb_stream){ 78, SB_FOR_DATA, 0 }, x));
      ok (sb_process_transition (e.process, NULL, t, z, x));
      ok (sb_target_evaluate (laws[k], e.process, SB_DENOISER, x, t, truth));
      ok (sb_score_evaluate (score, SB_DENOISER, x, t, matrix_all (FRESH, 1, k - 1), guess));
      for (size_t i = 0; i < 2 * FRESH; i++)
        {
          off += gsl_pow_2 (guess->data[i] - truth->data[i]) / FRESH;
          mean += i % 2 ? 0 : guess->data[i] / FRESH;
        }
      cr_assert_lt (off, 0.01, "class %d: the denoiser is %g off", k - 1, off);
      cr_assert_float_eq (mean, centre[k], 0.06, "class %d: its mean is %g", k - 1, mean);
    }
}
