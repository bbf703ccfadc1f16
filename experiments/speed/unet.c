// # Our side: the U-Net
//
//     unet-driver train|forward BACKEND PRECISION IMAGES BATCH CHANNELS SIDE
//     unet-driver consistency|denoising BACKEND PRECISION IMAGES BATCH CHANNELS SIDE [FILE]
//     unet-driver usable BACKEND PRECISION
//
// BACKEND is openblas, onednn or fastest, PRECISION float or bf16; `usable` ends with status 0 where this build and
// this processor have them.
//
// A unit of work is a training step, as `scorebook train` does it (draw a batch, noise it, forward, backward, Adam with
// clipping and the weights' average), or an estimate of the noise in one batch, as a sampler asks for it. With
// `consistency` it is a training step on EDM's terms and of consistency, all rows with two paths of six steps, and with
// `denoising` the same without paths. Where there is a FILE (safetensors), the weights, a batch and the normals of its
// paths are left in it, and the facts are the loss and the gradient's norm there, and those of the paths alone: the
// peer is to find the same.

#include "../results.h"
#include "rounds.h"

#include <math.h>
#include <scorebook.h>
#include <stdlib.h>
#include <string.h>

enum
{
  SHARD_ROWS = 8, // as scorebook train
  MNIST_SIDE = 28
};

typedef struct
{
  sb_byte_examples bytes;
  sb_net *net;
  sb_process *process;
  sb_training *training;
  sb_score_matching matching;
  sb_recipe recipe;
  sb_trainer *trainer;
  sb_score *score;
  gsl_matrix *x, *epsilon;
  gsl_vector *t;
} unet;

// MNIST's images, repeated to larger sides.

static sb_bytes *
read_images (const char *path, size_t side)
{
  sb_error error = { 0 };
  sb_bytes *images = require_pointer (sb_idx_read (path, &error), error.message), *larger;
  if (side == MNIST_SIDE)
    return images;
  size_t n = images->shape.length[0];
  larger = require_pointer (calloc (1, sizeof *larger), "images");
  *larger = (sb_bytes){ { 3, { n, side, side } }, malloc (n * side * side) };
  require_pointer (larger->data, "images");
  for (size_t i = 0; i < n; i++)
    for (size_t row = 0; row < side; row++)
      for (size_t column = 0; column < side; column++)
        larger->data[(i * side + row) * side + column]
            = images->data[(i * MNIST_SIDE + row % MNIST_SIDE) * MNIST_SIDE + column % MNIST_SIDE];
  sb_bytes_free (images);
  return larger;
}

static int
choose (sb_net *net, const char *backend, const char *precision, sb_error *error)
{
  return sb_net_choose (net, strcmp (backend, "fastest") == 0 ? NULL : backend,
                        strcmp (precision, "bf16") == 0 ? SB_NET_BF16 : SB_NET_FLOAT, error);
}

static int
usable (const char *backend, const char *precision)
{
  sb_error error = { 0 };
  sb_net *net = require_pointer (sb_net_alloc ("mlp inputs=1", &error), error.message);
  int status = choose (net, backend, precision, &error);
  if (status)
    printf ("%s\n", error.message);
  sb_net_free (net);
  return status ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void
open_unet (unet *u, char **argv, size_t batch, size_t channels, size_t side)
{
  char configuration[256];
  sb_error error = { 0 };
  snprintf (configuration, sizeof configuration, "unet image=1x%zux%zu channels=%zu multipliers=1,2,2 groups=8", side,
            side, channels);
  u->net = require_pointer (sb_net_alloc (configuration, &error), error.message);
  require (choose (u->net, argv[2], argv[3], &error), error.message);
  u->process = require_pointer (sb_vp_alloc (side * side, SB_VP_BETA_MIN, SB_VP_BETA_MAX), "the process");
  u->training = require_pointer (sb_training_alloc (u->net, (sb_stream){ .seed = 1 }), "the weights");
  u->bytes = (sb_byte_examples){ .bytes = read_images (argv[4], side), .low = -1, .high = 1 };
  u->matching = (sb_score_matching){ .network = { u->net, u->process, u->training->theta, SB_PREDICTS_EPSILON,
                                                  SB_LABEL_TIME, .data_deviation = 0.6 },
                                     .objective = sb_objective_of (sb_objective_dsm, u->process, 1e-5),
                                     .per_dimension = true,
                                     .examples = sb_examples_of_bytes (&u->bytes) };
  u->recipe = (sb_recipe){ .task = sb_score_matching_task (&u->matching),
                           .adam = sb_adam_defaults,
                           .batch = batch,
                           .shard_rows = SHARD_ROWS,
                           .seed = 1 };
}

// ## Consistency

static const double data_deviation = 0.6;

static void
open_consistency (unet *u, bool paths, size_t side)
{
  sb_objective *o = &u->matching.objective;
  sb_process_free (u->process);
  u->process = require_pointer (sb_edm_alloc (side * side, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX), "the process");
  u->matching.network.process = u->process;
  u->matching.network.prediction = SB_PREDICTS_MIXED;
  u->matching.network.label = SB_LABEL_QUARTER_LOG_NOISE;
  u->matching.network.data_deviation = data_deviation;
  *o = sb_objective_of (paths ? sb_objective_consistency : sb_objective_soft, u->process, SB_EDM_SIGMA_MIN);
  o->weighting = (sb_weighting){ sb_weighting_edm, &u->matching.network.data_deviation };
  o->levels = sb_levels_lognormal;
  sb_entry_usual (&o->levels->entry, o->levels_key);
}

// The last convolution begins with zeros: with those no path differs from another.

static void
move_weights (sb_training *training)
{
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (1, training->count), "normals");
  require (sb_stream_normals ((sb_stream){ .seed = 2, .purpose = SB_FOR_USER }, 0, z), "normals");
  for (size_t k = 0; k < training->count; k++)
    training->theta[k] += (float)(0.02 * gsl_matrix_get (z, 0, k));
  gsl_matrix_free (z);
}

static float *
add_tensor (sb_tensors *tensors, const char *name, const gsl_matrix *m)
{
  const size_t size[] = { m->size1, m->size2 };
  float *data = require_pointer (malloc (m->size1 * m->size2 * sizeof *data), name);
  for (size_t i = 0; i < m->size1; i++)
    for (size_t j = 0; j < m->size2; j++)
      data[i * m->size2 + j] = (float)gsl_matrix_get (m, i, j);
  require (sb_tensors_add (tensors, name, 2, size, data), name);
  return data;
}

// Rows of the batch: x_0, normals, times; of six steps of two paths: normals.

static void
leave_batch (unet *u, const sb_objective_batch *b, sb_stream stream, const char *path)
{
  enum
  {
    DRAWS = 12
  };
  const size_t n = b->n, d = b->x.size2;
  sb_error error = { 0 };
  sb_tensors *tensors = require_pointer (sb_tensors_alloc (), "tensors");
  gsl_matrix *noise = require_pointer (gsl_matrix_alloc (DRAWS * n, d), "normals");
  const gsl_matrix times = { b->t.size / n, n, n, b->t.data, NULL, 0 }, z = sb_batch_block (&b->z, n, 0);
  stream.purpose = SB_FOR_PATH;
  for (size_t k = 0; k < DRAWS; k++)
    {
      gsl_matrix block = sb_batch_block (noise, n, k);
      require (sb_stream_normals (stream, k * d, &block), "normals");
    }
  require (sb_model_put (u->net, "", u->training->theta, tensors), "the weights");
  float *const data[] = { add_tensor (tensors, "batch.x_0", &b->x_0), add_tensor (tensors, "batch.z", &z),
                          add_tensor (tensors, "batch.times", &times), add_tensor (tensors, "batch.noise", noise) };
  require (sb_safetensors_write (tensors, path, &error), error.message);
  for (size_t k = 0; k < sizeof data / sizeof *data; k++)
    free (data[k]);
  gsl_matrix_free (noise);
  sb_tensors_free (tensors);
}

// The loss and its gradient's norm, of which the data's share is left out at times up to `above`.

static void
find_loss (unet *u, size_t batch, double above, const char *path, double *loss, double *norm)
{
  const sb_stream stream = { .seed = 3, .purpose = SB_FOR_DATA };
  const double share = 1 / (double)batch / (double)u->process->dimension;
  sb_objective objective = u->matching.objective;
  objective.t_above = above;
  float *gradient = require_pointer (calloc (u->training->count, sizeof *gradient), "the gradient");
  sb_score *score = require_pointer (sb_score_network_gradient_alloc (&u->matching.network, gradient), "the score");
  sb_objective_batch *b = require_pointer (sb_objective_batch_alloc (&objective, batch), "a batch");
  require (u->matching.examples.draw (u->matching.examples.state, stream, &b->x_0, NULL), "data");
  require (sb_objective_draw (stream, b), "points");
  require (sb_objective_evaluate (score, NULL, b), "estimates");
  leave_batch (u, b, stream, path);
  require (sb_objective_find_loss (b), "the loss");
  *loss = 0;
  for (size_t i = 0; i < b->n; i++)
    *loss += share * gsl_vector_get (&b->loss, i);
  require (sb_objective_backward (score, share, b), "the gradient");
  *norm = cblas_snrm2 ((int)u->training->count, gradient, 1);
  sb_objective_batch_free (b);
  sb_score_free (score);
  free (gradient);
}

static void
find_facts (unet *u, size_t batch, const char *path, char *facts, size_t room)
{
  double loss, norm, of_paths, norm_of_paths;
  find_loss (u, batch, HUGE_VAL, path, &of_paths, &norm_of_paths);
  find_loss (u, batch, 0, path, &loss, &norm);
  snprintf (facts, room, "parameters %zu loss %.6g norm %.6g of_paths %.6g norm_of_paths %.6g", u->net->parameters,
            loss, norm, of_paths, norm_of_paths);
}

static void
train (void *context, unsigned long steps)
{
  unet *u = context;
  double loss, norm;
  sb_error error = { 0 };
  for (unsigned long k = 0; k < steps; k++)
    if (sb_trainer_step (u->trainer, &loss, &norm, &error))
      require (GSL_EFAILED, error.message);
}

static void
forward (void *context, unsigned long passes)
{
  unet *u = context;
  for (unsigned long k = 0; k < passes; k++)
    require (sb_score_evaluate (u->score, SB_EPSILON, u->x, u->t, NULL, u->epsilon), "a forward pass");
}

// What a pass through the network multiplies and adds, for one sample: its convolutions and linear layers. (The rest
// is less than a hundredth.)

static double
operations (const sb_net *net)
{
  double count = 0;
  for (size_t l = 0; l < net->count; l++)
    {
      const sb_layer *layer = &net->layers[l];
      if (layer->type == &sb_layer_convolution)
        count += 2 * (double)layer->in[0].channels * (double)(layer->kernel * layer->kernel)
                 * (double)sb_net_shape_size (layer->out);
    }
  return count;
}

int
main (int argc, char **argv)
{
  unet u = { 0 };
  char facts[192];
  set_up ();
  if (argc == 4 && strcmp (argv[1], "usable") == 0)
    return usable (argv[2], argv[3]);
  if (argc != 8 && argc != 9)
    require (GSL_EINVAL,
             "unet-driver train|forward|consistency|denoising BACKEND PRECISION IMAGES BATCH CHANNELS SIDE");
  const bool paths = strcmp (argv[1], "consistency") == 0, on_edm = paths || strcmp (argv[1], "denoising") == 0,
             training = on_edm || strcmp (argv[1], "train") == 0;
  const size_t batch = argument_number (argc, argv, 5);
  open_unet (&u, argv, batch, argument_number (argc, argv, 6), argument_number (argc, argv, 7));
  const double once = operations (u.net) * (double)batch;
  snprintf (facts, sizeof facts, "parameters %zu operations %.6g", u.net->parameters, training ? 3 * once : once);
  if (on_edm)
    {
      open_consistency (&u, paths, argument_number (argc, argv, 7));
      move_weights (u.training);
      if (argc == 9)
        find_facts (&u, batch, argv[8], facts, sizeof facts);
    }

  if (training)
    {
      u.trainer = require_pointer (sb_trainer_alloc (&u.recipe, u.training), "the trainer");
      serve (train, &u, facts);
    }
  else
    {
      u.score = require_pointer (sb_score_network_alloc (&u.matching.network), "the score");
      u.x = require_pointer (gsl_matrix_alloc (batch, u.process->dimension), "a batch");
      u.epsilon = require_pointer (gsl_matrix_alloc (batch, u.process->dimension), "a batch");
      u.t = require_pointer (gsl_vector_alloc (batch), "times");
      gsl_vector_set_all (u.t, 0.5);
      require (sb_process_prior (u.process, (sb_stream){ .seed = 1 }, u.x), "noise");
      serve (forward, &u, facts);
    }
  gsl_vector_free (u.t);
  gsl_matrix_free (u.epsilon);
  gsl_matrix_free (u.x);
  sb_score_free (u.score);
  sb_trainer_free (u.trainer);
  sb_bytes_free ((sb_bytes *)u.bytes.bytes);
  sb_training_free (u.training);
  sb_process_free (u.process);
  sb_net_free (u.net);
  return EXIT_SUCCESS;
}
