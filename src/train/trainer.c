// # Training
//
// A step takes the loss of a batch and its gradient from the task, and updates the weights by Adam. All that is random
// in step $k$ is addressed by the number of the sample, $kB + i$, so a training that was stopped and one that was not
// see the same numbers, and so do one thread and many.

#include "trainer.h"

#include "../base/checks.h"
#include "../base/clones.h"
#include "../base/pool.h"
#include "../base/shard.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## What a training changes

void
sb_training_free (sb_training *training)
{
  if (!training)
    return;
  free (training->theta);
  free (training->m);
  free (training->v);
  free (training->ema);
  free (training);
}

sb_training *
sb_training_alloc (const sb_net *net, sb_stream stream)
{
  sb_training *training = calloc (1, sizeof *training);
  if (!training)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a training of %zu parameters", net->parameters);
  size_t count = training->count = net->parameters;
  training->theta = calloc (count + 1, sizeof (float));
  training->m = calloc (count + 1, sizeof (float));
  training->v = calloc (count + 1, sizeof (float));
  training->ema = calloc (count + 1, sizeof (float));
  if (!training->theta || !training->m || !training->v || !training->ema
      || sb_net_initialise (net, stream, training->theta))
    {
      sb_training_free (training);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a training of %zu parameters", net->parameters);
    }
  memcpy (training->ema, training->theta, count * sizeof (float));
  return training;
}

// ## Memory
//
// A gradient for each shard, to be added in shard order; and a workspace of the task for each thread. These are made
// for as many threads as there are now, so that a step allocates nothing; should there be more later, the pool makes
// more.

struct sb_trainer
{
  const sb_recipe *recipe;
  sb_training *training;
  size_t shards;
  unsigned char *trained; // by parameter
  float *gradients;       // shards x parameters
  double *losses;         // by shard
  double *regularisers;   // likewise
  size_t *unseen;         // likewise
  const char **layers;    // by shard
  sb_pool *workspaces;    // the task's
};

void
sb_trainer_free (sb_trainer *trainer)
{
  if (!trainer)
    return;
  sb_pool_free (trainer->workspaces);
  free (trainer->layers);
  free (trainer->losses);
  free (trainer->regularisers);
  free (trainer->unseen);
  free (trainer->gradients);
  free (trainer->trained);
  free (trainer);
}

static void *
make_workspace (const void *of)
{
  const sb_recipe *recipe = of;
  return recipe->task.type->workspace_alloc (recipe->task.state, recipe->shard_rows);
}

// A pool makes a workspace only where none is idle, so each is held until the others are made.

static int
fill_pool (sb_pool *pool, size_t count)
{
  void *workspace = sb_pool_take (pool);
  int status = workspace ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status && count > 1)
    status = fill_pool (pool, count - 1);
  if (workspace)
    sb_pool_give (pool, workspace);
  return status;
}

static int
find_memory (sb_trainer *r)
{
  const sb_task *task = &r->recipe->task;
  if (sb_check_lengths ("gradients of the shards", r->shards, task->net->parameters + 1, 1))
    return GSL_ENOMEM;
  r->trained = malloc (task->net->parameters + 1);
  r->gradients = calloc (r->shards * task->net->parameters + 1, sizeof *r->gradients);
  r->losses = calloc (r->shards, sizeof *r->losses);
  r->regularisers = calloc (r->shards, sizeof *r->regularisers);
  r->unseen = calloc (r->shards, sizeof *r->unseen);
  r->layers = calloc (r->shards, sizeof *r->layers);
  r->workspaces = sb_pool_alloc (&(sb_pool_recipe){ make_workspace, task->type->workspace_free, r->recipe });
  if (!r->trained || !r->gradients || !r->losses || !r->regularisers || !r->unseen || !r->layers || !r->workspaces
      || fill_pool (r->workspaces, sb_shard_threads ()))
    return GSL_ENOMEM;
  for (size_t k = 0; k < sb_net_tensors (task->net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (task->net, k);
      memset (r->trained + tensor.offset, tensor.trained, tensor.count);
    }
  return GSL_SUCCESS;
}

sb_trainer *
sb_trainer_alloc (const sb_recipe *recipe, sb_training *training)
{
  if (recipe->batch == 0 || recipe->shard_rows == 0)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a batch of %zu in shards of %zu: neither may be 0", recipe->batch,
                   recipe->shard_rows);
  const sb_adam *adam = &recipe->adam;
  if ((adam->ramp > 0 || adam->half_life > 0) && adam->batch != (double)recipe->batch)
    SB_ERROR_NULL (NULL, GSL_EINVAL, "a rate or half-life in images is for batches of %g, and these are of %zu",
                   adam->batch, recipe->batch);
  sb_trainer *trainer = calloc (1, sizeof *trainer);
  if (!trainer)
    SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a trainer");
  trainer->recipe = recipe;
  trainer->training = training;
  trainer->shards = sb_shard_count (recipe->batch, recipe->shard_rows);
  if (find_memory (trainer))
    {
      sb_trainer_free (trainer);
      SB_ERROR_NULL (NULL, GSL_ENOMEM, "no memory for a trainer");
    }
  return trainer;
}

// ## A step
//
// The batch is the $B$ samples from number $kB$ on. The loss that is minimised is their mean.

static int
work_on_shard (void *context, size_t shard, size_t first, size_t count)
{
  sb_trainer *r = context;
  const sb_recipe *recipe = r->recipe;
  float *gradient = r->gradients + shard * r->training->count;
  sb_stream stream = { recipe->seed, 0, r->training->step * recipe->batch + first };
  void *workspace = sb_pool_take (r->workspaces);
  if (!workspace)
    return GSL_ENOMEM;
  memset (gradient, 0, r->training->count * sizeof *gradient);
  int status = recipe->task.type->work (recipe->task.state, workspace, stream, count, 1 / (double)recipe->batch,
                                        gradient, &r->losses[shard], &r->layers[shard]);
  if (recipe->task.type->regulariser)
    r->regularisers[shard] = recipe->task.type->regulariser (workspace);
  if (recipe->task.type->unseen)
    r->unseen[shard] = recipe->task.type->unseen (workspace);
  sb_pool_give (r->workspaces, workspace);
  return status;
}

// The shards' gradients are added to the first one's, in shard order, a piece of all at a time.

SB_CLONES static void
add (size_t count, const float *more, float *sum)
{
#pragma omp simd
  for (size_t j = 0; j < count; j++)
    sum[j] += more[j];
}

static int
add_piece (void *context, size_t piece, size_t first, size_t count)
{
  (void)piece;
  const sb_trainer *r = context;
  float *sum = r->gradients + first;
  for (size_t k = 1; k < r->shards; k++)
    add (count, sum + k * r->training->count, sum);
  return GSL_SUCCESS;
}

static int
complain_of_loss (const sb_trainer *r, unsigned long long step, sb_error *error)
{
  for (size_t k = 0; k < r->shards; k++)
    if (!gsl_finite (r->losses[k]))
      SB_ERROR (error, GSL_EFAILED, "training: step %llu: layer %s: not finite", step,
                r->layers[k] ? r->layers[k] : "(the loss)");
  SB_ERROR (error, GSL_EFAILED, "training: step %llu: the loss is not finite", step);
}

static int
complain_of_gradient (const sb_trainer *r, unsigned long long step, sb_error *error)
{
  const sb_net *net = r->recipe->task.net;
  for (size_t k = 0; k < sb_net_tensors (net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (net, k);
      for (size_t j = 0; j < tensor.count; j++)
        if (!gsl_finite ((double)r->gradients[tensor.offset + j]))
          SB_ERROR (error, GSL_EFAILED, "training: step %llu: the gradient of %s is not finite", step, tensor.name);
    }
  SB_ERROR (error, GSL_EFAILED, "training: step %llu: the gradient is not finite", step);
}

// Karras et al. (2022) continue all the same. [consistent.set-edm-lr]

static int
clean_piece (void *context, size_t piece, size_t first, size_t count)
{
  (void)piece;
  const sb_trainer *r = context;
  for (float *g = r->gradients + first; g < r->gradients + first + count; g++)
    *g = isnan (*g) ? 0 : isinf (*g) ? copysignf (1e5f, *g) : *g;
  return GSL_SUCCESS;
}

double
sb_trainer_regulariser (const sb_trainer *r)
{
  double sum = 0;
  for (size_t k = 0; k < r->shards; k++)
    sum += r->regularisers[k];
  return sum;
}

size_t
sb_trainer_unseen (const sb_trainer *r)
{
  size_t sum = 0;
  for (size_t k = 0; k < r->shards; k++)
    sum += r->unseen[k];
  return sum;
}

int
sb_trainer_step (sb_trainer *r, double *loss, double *norm, sb_error *error)
{
  sb_training *training = r->training;
  unsigned long long number = (unsigned long long)training->step + 1;
  int status = sb_shards (r->recipe->batch, r->recipe->shard_rows, work_on_shard, r);
  if (status)
    SB_ERROR (error, status, "training: step %llu: %s", number, gsl_strerror (status));

  *loss = 0;
  for (size_t k = 0; k < r->shards; k++)
    *loss += r->losses[k];
  sb_pieces (training->count, add_piece, r);
  if (r->recipe->clean)
    sb_pieces (training->count, clean_piece, r);
  else if (!gsl_finite (*loss))
    return complain_of_loss (r, number, error);

  *norm = sb_adam_step (&r->recipe->adam, number, training->count, r->trained, r->gradients, training->theta,
                        training->m, training->v, training->ema);
  if (!gsl_finite (*norm))
    return complain_of_gradient (r, number, error);
  training->step++;
  return GSL_SUCCESS;
}
