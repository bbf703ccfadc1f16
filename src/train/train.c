// # Training
//
// A step draws a batch, asks the objective for the loss and its gradient, and lets Adam move the weights. All that is random in step
// $k$ is addressed by the number of the sample, $kB + i$, so a training that was stopped and one that was not see the same
// numbers, and so do one thread and many.

#include "train.h"

#include "../base/shard.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## The data
//
// With replacement: a draw of $\lfloor un \rfloor$ for each sample, nothing to remember between epochs.

static int
draw_bytes (const void *state, sb_stream stream, gsl_matrix *x)
{
  const sb_byte_examples *examples = state;
  size_t count = examples->bytes->shape.length[0];
  for (size_t i = 0; i < x->size1; i++)
    {
      double u;
      gsl_matrix_view one = gsl_matrix_view_array (&u, 1, 1), row = gsl_matrix_submatrix (x, i, 0, 1, x->size2);
      int status = sb_stream_uniforms (sb_stream_skip (stream, i), 0, &one.matrix);
      if (!status)
        status = sb_bytes_rows (examples->bytes, (size_t)(u * (double)count), examples->low, examples->high, &row.matrix);
      if (status)
        return status;
    }
  return GSL_SUCCESS;
}

sb_examples
sb_examples_of_bytes (const sb_byte_examples *examples)
{
  return (sb_examples){ draw_bytes, examples };
}

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

struct sb_trainer
{
  const sb_recipe *recipe;
  sb_training *training;
  size_t d, shards, threads;
  unsigned char *trained;   // by parameter
  float *gradients;         // shards x parameters
  double *losses;           // by shard
  sb_network_pass **passes; // by thread
  gsl_matrix *x, *z, *epsilon, *epsilon_bar; // batch x d
  gsl_vector *t, *loss;
  const char *culprit; // the layer where numbers stopped being finite
};

void
sb_trainer_free (sb_trainer *trainer)
{
  if (!trainer)
    return;
  for (size_t k = 0; trainer->passes && k < trainer->threads; k++)
    sb_network_pass_free (trainer->passes[k]);
  gsl_matrix *const matrices[] = { trainer->x, trainer->z, trainer->epsilon, trainer->epsilon_bar };
  for (size_t k = 0; k < 4; k++)
    gsl_matrix_free (matrices[k]);
  gsl_vector_free (trainer->t);
  gsl_vector_free (trainer->loss);
  free (trainer->passes);
  free (trainer->losses);
  free (trainer->gradients);
  free (trainer->trained);
  free (trainer);
}

static int
find_room (sb_trainer *r)
{
  const sb_net *net = r->recipe->network.net;
  size_t batch = r->recipe->batch;
  r->trained = malloc (net->parameters + 1);
  r->gradients = calloc (r->shards * net->parameters + 1, sizeof *r->gradients);
  r->losses = calloc (r->shards, sizeof *r->losses);
  r->passes = calloc (r->threads, sizeof *r->passes);
  r->x = gsl_matrix_alloc (batch, r->d);
  r->z = gsl_matrix_alloc (batch, r->d);
  r->epsilon = gsl_matrix_alloc (batch, r->d);
  r->epsilon_bar = gsl_matrix_alloc (batch, r->d);
  r->t = gsl_vector_alloc (batch);
  r->loss = gsl_vector_alloc (batch);
  if (!r->trained || !r->gradients || !r->losses || !r->passes || !r->x || !r->z || !r->epsilon || !r->epsilon_bar
      || !r->t || !r->loss)
    return GSL_ENOMEM;
  for (size_t k = 0; k < r->threads; k++)
    if (!(r->passes[k] = sb_network_pass_alloc (&r->recipe->network, r->recipe->shard_rows, 1)))
      return GSL_ENOMEM;
  for (size_t k = 0; k < sb_net_tensors (net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (net, k);
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
  trainer->d = recipe->network.process->dimension;
  trainer->shards = sb_shard_count (recipe->batch, recipe->shard_rows);
  trainer->threads = sb_shard_threads ();
  if (find_room (trainer))
    {
      sb_trainer_free (trainer);
      GSL_ERROR_NULL ("no memory for a trainer", GSL_ENOMEM);
    }
  return trainer;
}

// ## A shard
//
// From data to gradient, on one thread: a few samples, so that what a layer writes is still in the cache when the next reads it.

static int
work_on_shard (void *context, size_t shard, size_t first, size_t count)
{
  sb_trainer *r = context;
  const sb_recipe *recipe = r->recipe;
  gsl_matrix_view x = gsl_matrix_submatrix (r->x, first, 0, count, r->d),
                  z = gsl_matrix_submatrix (r->z, first, 0, count, r->d),
                  epsilon = gsl_matrix_submatrix (r->epsilon, first, 0, count, r->d),
                  epsilon_bar = gsl_matrix_submatrix (r->epsilon_bar, first, 0, count, r->d);
  gsl_vector_view t = gsl_vector_subvector (r->t, first, count), loss = gsl_vector_subvector (r->loss, first, count);
  sb_network_pass *pass = r->passes[sb_shard_thread ()];
  float *gradient = r->gradients + shard * r->training->count;
  sb_stream stream = { recipe->seed, SB_FOR_DATA, r->training->step * recipe->batch + first };

  int status = recipe->examples.draw (recipe->examples.state, stream, &x.matrix);
  if (!status)
    status = sb_dsm_draw (&recipe->dsm, stream, &t.vector, &z.matrix, &x.matrix);
  if (!status)
    status = sb_network_forward (&recipe->network, pass, &x.matrix, &t.vector, &epsilon.matrix);
  if (!status)
    status = sb_dsm_loss (&recipe->dsm, &t.vector, &z.matrix, &epsilon.matrix, &loss.vector, &epsilon_bar.matrix);

  // The loss that is minimised is the mean over the batch and the dimensions.
  double share = 1 / ((double)recipe->batch * (double)r->d);
  memset (gradient, 0, r->training->count * sizeof *gradient);
  if (!status)
    status = gsl_matrix_scale (&epsilon_bar.matrix, share);
  if (!status)
    status = sb_network_backward (&recipe->network, pass, &t.vector, &epsilon_bar.matrix, gradient, NULL);

  r->losses[shard] = 0;
  for (size_t i = 0; i < count; i++)
    r->losses[shard] += share * gsl_vector_get (&loss.vector, i);
  if (!status && !gsl_finite (r->losses[shard]))
    {
      const char *culprit = sb_net_not_finite (recipe->network.net, pass->work);
#pragma omp critical(sb_trainer_culprit)
      r->culprit = culprit;
    }
  return status;
}

// ## A step

int
sb_trainer_step (sb_trainer *r, double *loss, double *norm, sb_error *error)
{
  sb_training *training = r->training;
  unsigned long long number = (unsigned long long)training->step + 1;
  r->culprit = NULL;
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
    SB_ERROR (error, GSL_EFAILED, "training: step %llu: layer %s: not finite", number, r->culprit ? r->culprit : "out");

  *norm = sb_adam_step (&r->recipe->adam, number, training->count, r->trained, r->gradients, training->theta,
                        training->m, training->v, training->ema);
  for (size_t k = 0; !gsl_finite (*norm) && k < sb_net_tensors (r->recipe->network.net); k++)
    {
      sb_net_tensor tensor = sb_net_tensor_at (r->recipe->network.net, k);
      for (size_t j = 0; j < tensor.count; j++)
        if (!gsl_finite ((double)r->gradients[tensor.offset + j]))
          SB_ERROR (error, GSL_EFAILED, "training: step %llu: the gradient of %s is not finite", number, tensor.name);
    }
  training->step++;
  return GSL_SUCCESS;
}
