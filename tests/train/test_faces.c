// # A noise predictor for images in colour, as the report trains it
//
// 1000 levels, batches of 64, Adam at $2\cdot10^{-5}$, images of 3 x 64 x 64; the network here is a narrow one.
// [dsm2ddpm.set-ddpm-anime]

#include "base/shard.h"
#include "process/ddpm.h"
#include "train/checkpoint.h"
#include "losses.h"
#include "train/score_matching.h"
#include "scope.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static char folder[] = "/tmp/scorebook-test-XXXXXX", path[64];

static void
setup (void)
{
  scope_begin ();
  sb_blas_single_threaded ();
  cr_assert_not_null (mkdtemp (folder));
  snprintf (path, sizeof path, "%s/faces.safetensors", folder);
}

static void
teardown (void)
{
  remove (path);
  rmdir (folder);
  scope_end ();
}

TestSuite (faces, .init = setup, .fini = teardown);

static const char network[] = "unet image=3x64x64 channels=8 multipliers=1,2,4 blocks=2 attention=16",
                  process[] = "ddpm levels=1000 beta_min=0.1 beta_max=20",
                  recipe[] = "--batch=64\n--rate=2e-5\n--ema=0";

static sb_model *
report_model (const char *net)
{
  sb_error error = { 0 };
  return scoped (sb_model_alloc (net, process, "epsilon", "time", 0.5, -1, 1, &error), "%s", error.message);
}

// ## The settings come back
//
// From a checkpoint: the network's line and its shape, the chain with the report's first and last rate, what the
// network is told and what it says, the data's range, and the recipe's words. [dsm2ddpm.set-ddpm-anime]

Test (faces, settings_come_back)
{
  sb_error error = { 0 };
  sb_model *model = report_model (network);
  sb_training *training = scoped (sb_training_alloc (model->net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  const sb_provenance provenance = { process, recipe, "scorebook train", "faces", 1, NULL, NULL };
  ok (sb_checkpoint_write (path, model, training, &provenance, &error), "%s", error.message);
  ok (sb_checkpoint_read (path, model->net, training, &error), "%s", error.message);
  sb_tensors *tensors = scoped (sb_safetensors_read (path, &error));
  cr_assert_str_eq (sb_tensors_note_find (tensors, "recipe"), recipe);

  sb_model *back = scoped (sb_model_read (path, &error), "%s", error.message);
  sb_net_shape in = sb_net_input (back->net), out = sb_net_output (back->net);
  cr_assert_str_eq (back->net->configuration, network);
  cr_assert (in.channels == 3 && in.height == 64 && in.width == 64);
  cr_assert (out.channels == 3 && out.height == 64 && out.width == 64);
  cr_assert_eq (back->process->dimension, 3 * 64 * 64);
  cr_assert_eq (back->process->levels, 1000);
  cr_assert_float_eq (sb_ddpm_beta (back->process, 1), 1e-4, 1e-16);
  cr_assert_float_eq (sb_ddpm_beta (back->process, 1000), 2e-2, 1e-16);
  cr_assert_eq (back->network.prediction, SB_PREDICTS_EPSILON);
  cr_assert_eq (back->network.label, SB_LABEL_TIME);
  cr_assert_eq (back->network.data_deviation, 0.5);
  cr_assert (back->low == -1 && back->high == 1);
}

// ## The loss before training and after
//
// A new network says zero, and the loss is the noise's own mean square: $L_{simple}$ is within a tenth of $d$ over a
// batch of 64 images of 3 x 8 x 8 (12,288 normals: their mean square is off by a tenth once in $10^{14}$), whatever the
// images. Plain ones of twenty colours are learned in a moment, at a larger rate: less than 0.3 a number remains, over
// 20 batches. [dsm2ddpm.set-ddpm-anime]

enum
{
  IMAGES = 20,
  SIDE = 8,
  STEPS = 150,
  LAST = 20
};

static void
paint (unsigned char *data)
{
  for (size_t k = 0; k < IMAGES * SIDE * SIDE * 3; k++)
    {
      size_t image = k / (SIDE * SIDE * 3), channel = k % 3;
      data[k] = (unsigned char)(40 + 10 * image + 5 * channel);
    }
}

Test (faces, loss_before_training_is_the_dimension)
{
  static unsigned char data[IMAGES * SIDE * SIDE * 3];
  paint (data);
  sb_bytes bytes = { { 4, { IMAGES, SIDE, SIDE, 3 } }, data };
  const sb_byte_examples examples = { .bytes = &bytes, .low = -1, .high = 1 };
  sb_model *model = report_model ("unet image=3x8x8 channels=8 multipliers=1,2 attention=4");
  sb_training *training = scoped (sb_training_alloc (model->net, (sb_stream){ 1, SB_FOR_USER, 0 }));
  model->network.theta = training->theta;
  const sb_score_matching matching = { .network = model->network,
                                       .objective = sb_objective_of (sb_objective_dsm, model->process, 0),
                                       .per_dimension = true,
                                       .examples = sb_examples_of_bytes (&examples) };
  const sb_recipe how = { .task = sb_score_matching_task (&matching),
                          .adam = { .rate = 5e-3, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8 },
                          .batch = 64,
                          .shard_rows = 8,
                          .seed = 1 };
  sb_trainer *trainer = scoped (sb_trainer_alloc (&how, training));
  const double first = train_for (trainer, 1, 1), last = train_for (trainer, STEPS - 1, LAST);
  cr_assert_float_eq (first, 1, 0.1, "L_simple / d = %g before training", first);
  cr_assert_lt (last, 0.3, "L_simple / d = %g after training", last);
}
