// # Training
//
// A step asks the task for the loss of a batch and its gradient, and lets Adam move the weights. All that is random in
// step $k$ is addressed by the number of the sample, $kB + i$, so a training that was stopped and one that was not see
// the same numbers, and so do one thread and many.

#include "train.h"

#include "../base/shard.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
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
    GSL_ERROR_NULL ("no memory for a training", GSL_ENOMEM);
  size_t count = training->count = net->parameters;
  training->theta = calloc (count + 1, sizeof (float));
  training->m = calloc (count + 1, sizeof (float));
  training->v = calloc (count + 1, sizeof (float));
  training->ema = calloc (count + 1, sizeof (float));
  if (!training->theta || !training->m || !training->v || !training->ema
      || sb_net_initialise (net, stream, training->theta))
    {
      sb_training_free (training);
      GSL_ERROR_NULL ("no memory for a training", GSL_ENOMEM);
    }
  memcpy (training->ema, training->theta, count * sizeof (float));
  return training;
}

// ## Room
//
// A gradient for each shard, to be added in shard order; and whatever the task needs, for each thread.

struct sb_trainer
{
  const sb_recipe *recipe;
  sb_training *training;
  size_t shards, threads;
  unsigned char *trained; // by parameter
  float *gradients;       // shards x parameters
  double *losses;         // by shard
  const char **culprits;  // by shard
  void **rooms;           // by thread
};

void
sb_trainer_free (sb_trainer *trainer)
{
  if (!trainer)
    return;
  for (size_t k = 0; trainer->rooms && k < trainer->threads; k++)
    if (trainer->rooms[k])
      trainer->recipe->task.type->room_free (trainer->rooms[k]);
  free (trainer->rooms);
  free (trainer->culprits);
  free (trainer->losses);
  free (trainer->gradients);
  free (trainer->trained);
  free (trainer);
}

static int
find_room (sb_trainer *r)
{
  const sb_task *task = &r->recipe->task;
  r->trained = malloc (task->net->parameters + 1);
  r->gradients = calloc (r->shards * task->net->parameters + 1, sizeof *r->gradients);
  r->losses = calloc (r->shards, sizeof *r->losses);
  r->culprits = calloc (r->shards, sizeof *r->culprits);
  r->rooms = calloc (r->threads, sizeof *r->rooms);
  if (!r->trained || !r->gradients || !r->losses || !r->culprits || !r->rooms)
    return GSL_ENOMEM;
  for (size_t k = 0; k < r->threads; k++)
    if (!(r->rooms[k] = task->type->room_alloc (task->state, r->recipe->shard_rows)))
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
    GSL_ERROR_NULL ("a batch and a shard have at least one sample", GSL_EINVAL);
  sb_trainer *trainer = calloc (1, sizeof *trainer);
  if (!trainer)
    GSL_ERROR_NULL ("no memory for a trainer", GSL_ENOMEM);
  trainer->recipe = recipe;
  trainer->training = training;
  trainer->shards = sb_shard_count (recipe->batch, recipe->shard_rows);
  trainer->threads = sb_shard_threads ();
  if (find_room (trainer))
    {
      sb_trainer_free (trainer);
      GSL_ERROR_NULL ("no memory for a trainer", GSL_ENOMEM);
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
  memset (gradient, 0, r->training->count * sizeof *gradient);
  return recipe->task.type->work (recipe->task.state, r->rooms[sb_shard_thread ()], stream, count,
                                  1 / (double)recipe->batch, gradient, &r->losses[shard], &r->culprits[shard]);
}

static int
complain_of_loss (const sb_trainer *r, unsigned long long step, sb_error *error)
{
  for (size_t k = 0; k < r->shards; k++)
    if (!gsl_finite (r->losses[k]))
      SB_ERROR (error, GSL_EFAILED, "training: step %llu: layer %s: not finite", step,
                r->culprits[k] ? r->culprits[k] : "(the loss)");
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
  for (size_t k = 1; k < r->shards; k++)
    for (size_t j = 0; j < training->count; j++)
      r->gradients[j] += r->gradients[k * training->count + j];
  if (!gsl_finite (*loss))
    return complain_of_loss (r, number, error);

  *norm = sb_adam_step (&r->recipe->adam, number, training->count, r->trained, r->gradients, training->theta,
                        training->m, training->v, training->ema);
  if (!gsl_finite (*norm))
    return complain_of_gradient (r, number, error);
  training->step++;
  return GSL_SUCCESS;
}
