// # A training step allocates nothing
//
// The network, its gradients and Adam have all their room before the first step. What oneDNN keeps for itself while a
// primitive runs is not counted (failing.c).

#include "base/shard.h"
#include "engine/choose.h"
#include "failing.h"
#include "process/vp.h"
#include "scope.h"
#include "train/score_matching.h"

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>

static int
draw (const void *state, sb_stream stream, gsl_matrix *x, gsl_matrix *y)
{
  (void)state;
  if (y)
    gsl_matrix_set_zero (y);
  return sb_stream_normals (stream, 0, x);
}

static size_t
allocations_of_a_step (const char *configuration, const sb_net_backend *backend, const sb_objective_type *type)
{
  double loss, norm;
  sb_error error = { 0 };
  sb_net *net = sb_net_alloc (configuration, &error);
  ok (sb_net_choose (net, sb_net_backend_name (backend), SB_NET_FLOAT, &error), "%s", error.message);
  sb_process *process = sb_vp_alloc (sb_net_shape_size (sb_net_input (net)), SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  sb_training *training = sb_training_alloc (net, (sb_stream){ 1, SB_FOR_USER, 0 });
  sb_score_matching matching
      = { .network = { net, process, training->theta, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 1, NULL, NULL, 0 },
          .objective = sb_objective_of (type, process, 1e-3),
          .per_dimension = true,
          .examples = { draw, NULL, sb_net_conditions (net) } };
  sb_recipe recipe = {
    .task = sb_score_matching_task (&matching), .adam = sb_adam_defaults, .batch = 7, .shard_rows = 3, .seed = 1
  };
  sb_trainer *trainer = sb_trainer_alloc (&recipe, training);
  cr_assert_not_null (trainer);
  failing_begin (FAIL_NEVER, 0);
  for (int k = 0; k < 3; k++)
    ok (sb_trainer_step (trainer, &loss, &norm, &error), "%s", error.message);
  size_t allocations = failing_end ().allocations;
  sb_trainer_free (trainer);
  sb_training_free (training);
  sb_process_free (process);
  sb_net_free (net);
  return allocations;
}

Test (steps, allocate_nothing)
{
  if (!failing_available ())
    cr_skip_test ("a sanitizer has the allocator: run without it");
  gsl_set_error_handler_off ();
  sb_blas_single_threaded ();
  const char *const networks[] = { "unet image=1x8x8 channels=8 multipliers=1,2 groups=4 attention=4", "mlp inputs=3",
                                   "unet image=1x8x8 channels=8 multipliers=1 classes=3 condition=2" };
  for (size_t b = 0; sb_net_backend_at (b); b++)
    for (size_t k = 0; k < 3 && sb_net_backend_usable (sb_net_backend_at (b), SB_NET_FLOAT); k++)
      {
        size_t allocations = allocations_of_a_step (networks[k], sb_net_backend_at (b), sb_objective_dsm);
        cr_assert_eq (allocations, 0, "%s, %s: %zu allocations in three steps", networks[k],
                      sb_net_backend_name (sb_net_backend_at (b)), allocations);
      }

  // Nor does one with paths.
  for (size_t b = 0; sb_net_backend_at (b); b++)
    for (size_t k = 0; k < 3 && sb_net_backend_usable (sb_net_backend_at (b), SB_NET_FLOAT); k++)
      {
        size_t allocations = allocations_of_a_step (networks[k], sb_net_backend_at (b), sb_objective_consistency);
        cr_assert_eq (allocations, 0, "consistency, %s, %s: %zu allocations in three steps", networks[k],
                      sb_net_backend_name (sb_net_backend_at (b)), allocations);
      }

  // Nor does that of any other objective: of a perceptron, since attention has no derivative to train by.
  for (size_t k = 0; sb_objectives (k); k++)
    {
      const sb_objective_type *type = (const sb_objective_type *)sb_objectives (k);
      if (type == sb_objective_esm || type == sb_objective_ncsn) // for a known score, for a chain
        continue;
      size_t allocations = allocations_of_a_step (networks[1], sb_net_backend_at (0), type);
      cr_assert_eq (allocations, 0, "%s: %zu allocations in three steps", type->entry.name, allocations);
    }
}
