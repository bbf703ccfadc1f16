// # Called from several threads of the caller's own
//
// What is only read may be shared: a process, a law, a score, a network and its weights. Each thread here does the same
// work with all of these at once, and must get what one alone gets, to the bit. A build with ThreadSanitizer and
// without OpenMP (make check-threads) sees what chance would hide; it is why this is a program without Criterion.

#include "base/shard.h"
#include "process/vp.h"
#include "sampler/flow.h"
#include "sampler/pc.h"
#include "score/exact.h"
#include "score/network.h"
#include "train/score_matching.h"

#include <gsl/gsl_blas.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum
{
  THREADS = 4,
  ROWS = 20,
  D = 3
};

typedef struct
{
  const sb_process *process;
  const sb_target *mixture, *points;
  const sb_score *exact, *of_points, *learned;
  const sb_network *network;
} shared;

typedef struct
{
  const shared *of;
  gsl_matrix *x; // ROWS x D: what is compared
  float *theta;
  int status;
} worker;

static int
sample (const sb_score *score, gsl_matrix *x)
{
  sb_pc pc = sb_pc_default ();
  double t[] = { 1, 0.6, 0.3, 0.1 };
  gsl_vector_view times = gsl_vector_view_array (t, 4);
  sb_flow flow = sb_flow_default ();
  int status = sb_process_prior (score->process, (sb_stream){ .seed = 1, .purpose = SB_FOR_PRIOR }, x);
  if (!status)
    status = sb_pc_sample (&pc, score, NULL, &times.vector, (sb_stream){ .seed = 1 }, x, NULL);
  return status ? status : sb_flow_run (&flow, score, NULL, 0.1, 0.05, x, NULL);
}

// A training of its own, on points of the shared law.

static int
draw_point (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)y;
  return sb_target_sample (state, stream, x);
}

static int
learn (const shared *s, float *theta)
{
  sb_training *training = sb_training_alloc (s->network->net, (sb_stream){ 3, SB_FOR_USER, 0 });
  sb_network own = *s->network;
  own.theta = training->theta;
  const sb_score_matching matching = { .network = own,
                                       .objective = sb_objective_of (sb_objective_dsm, s->process, 1e-3),
                                       .examples = { draw_point, s->mixture, 0 } };
  const sb_recipe recipe = {
    .task = sb_score_matching_task (&matching), .adam = sb_adam_defaults, .batch = 16, .shard_rows = 4, .seed = 2
  };
  sb_trainer *trainer = sb_trainer_alloc (&recipe, training);
  double loss, norm;
  int status = GSL_SUCCESS;
  for (int k = 0; k < 5 && !status; k++)
    status = sb_trainer_step (trainer, &loss, &norm, NULL);
  memcpy (theta, training->theta, training->count * sizeof *theta);
  sb_trainer_free (trainer);
  sb_training_free (training);
  return status;
}

static void *
work (void *argument)
{
  worker *w = argument;
  const sb_score *scores[] = { w->of->learned, w->of->exact, w->of->of_points };
  gsl_matrix *x = gsl_matrix_alloc (ROWS, D);
  for (int k = 0; k < 3 && !w->status; k++)
    {
      w->status = sample (scores[k], x);
      gsl_matrix_add (w->x, x);
    }
  gsl_matrix_free (x);
  if (!w->status)
    w->status = learn (w->of, w->theta);
  return NULL;
}

// ## The check

static void *
made (void *thing)
{
  if (!thing)
    {
      puts ("something could not be made");
      exit (EXIT_FAILURE);
    }
  return thing;
}

static gsl_matrix *
normals (size_t n, uint64_t seed)
{
  gsl_matrix *z = made (gsl_matrix_alloc (n, D));
  sb_stream_normals ((sb_stream){ seed, SB_FOR_USER, 0 }, 0, z);
  return z;
}

static worker
worker_of (const shared *all)
{
  return (worker){ all, made (gsl_matrix_calloc (ROWS, D)),
                   made (malloc (all->network->net->parameters * sizeof (float))), 0 };
}

static int
differs (const worker *w, const worker *alone)
{
  const size_t bytes = alone->of->network->net->parameters * sizeof (float);
  return w->status || !gsl_matrix_equal (w->x, alone->x) || memcmp (w->theta, alone->theta, bytes) != 0;
}

static int
run (const shared *all)
{
  worker w[THREADS + 1];
  pthread_t thread[THREADS];
  int failed = 0;
  for (int k = 0; k <= THREADS; k++)
    w[k] = worker_of (all);
  for (int k = 0; k < THREADS; k++)
    failed |= pthread_create (&thread[k], NULL, work, &w[k]);
  for (int k = 0; k < THREADS && !failed; k++)
    failed |= pthread_join (thread[k], NULL);
  work (&w[THREADS]);
  for (int k = 0; k <= THREADS; k++)
    {
      if (differs (&w[k], &w[THREADS]))
        {
          printf ("thread %d: status %d, or other numbers than of one thread alone\n", k, w[k].status);
          failed = 1;
        }
      gsl_matrix_free (w[k].x);
      free (w[k].theta);
    }
  return failed;
}

int
main (void)
{
  sb_blas_single_threaded ();
  sb_process *process = made (sb_vp_alloc (D, 0.1, 20));
  gsl_matrix *covariances = made (gsl_matrix_alloc (2 * D, D)), *means = normals (2, 1), *data = normals (30, 2);
  gsl_matrix_set_all (covariances, 0.1);
  for (size_t k = 0; k < 2 * D; k++)
    gsl_matrix_set (covariances, k, k % D, 1);
  sb_target *mixture = made (sb_target_mixture_alloc (NULL, means, covariances)),
            *points = made (sb_target_points_alloc (data, NULL));
  sb_net *net = made (sb_net_alloc ("mlp inputs=3 width=16 layers=2 features=8", NULL));
  float *theta = made (malloc (net->parameters * sizeof *theta));
  const sb_network network = { net, process, theta, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 1, NULL, NULL, 0 };
  sb_score *exact = made (sb_score_exact_alloc (mixture, process)),
           *of_points = made (sb_score_exact_alloc (points, process)),
           *learned = made (sb_score_network_alloc (&network));
  int failed = sb_net_initialise (net, (sb_stream){ 5, SB_FOR_USER, 0 }, theta);
  if (!failed)
    failed = run (&(shared){ process, mixture, points, exact, of_points, learned, &network });
  sb_score_free (learned);
  sb_score_free (of_points);
  sb_score_free (exact);
  free (theta);
  sb_net_free (net);
  sb_target_free (points);
  sb_target_free (mixture);
  gsl_matrix_free (data);
  gsl_matrix_free (means);
  gsl_matrix_free (covariances);
  sb_process_free (process);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
