// # Our side: the U-Net
//
//     unet-driver train|forward BACKEND PRECISION IMAGES BATCH CHANNELS SIDE
//     unet-driver usable BACKEND PRECISION
//
// BACKEND is openblas, onednn or fastest, PRECISION float or bf16; `usable` ends with status 0 where this build and
// this processor have them.
//
// A unit of work is a training step, as `scorebook train` does it (draw a batch, noise it, forward, backward, Adam with
// clipping and the weights' average), or an estimate of the noise in one batch, as a sampler asks for it.

#include "../results.h"
#include "rounds.h"

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
  char facts[128];
  set_up ();
  if (argc == 4 && strcmp (argv[1], "usable") == 0)
    return usable (argv[2], argv[3]);
  if (argc != 8)
    require (GSL_EINVAL, "unet-driver train|forward BACKEND PRECISION IMAGES BATCH CHANNELS SIDE");
  const bool training = strcmp (argv[1], "train") == 0;
  const size_t batch = argument_number (argc, argv, 5);
  open_unet (&u, argv, batch, argument_number (argc, argv, 6), argument_number (argc, argv, 7));
  const double once = operations (u.net) * (double)batch;
  snprintf (facts, sizeof facts, "parameters %zu operations %.6g", u.net->parameters, training ? 3 * once : once);

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
