// # A network learns the clean image under a corruption
//
// [soft.eq12] [soft.eq10] The residual of the clean image on GMM1, one small network for all times: the soft loss
// comes within 2 % of its minimum, which the exact posterior mean has, on the same points and noise.

#include "losses.h"
#include "scope.h"
#include "score/exact.h"
#include "soft_laws.h"
#include "train/score_matching.h"

#include <stdlib.h>

SUITE (soft_training);

static double
loss_of_score (const sb_objective *objective, const sb_score *score, const gsl_matrix *x_0)
{
  gsl_vector *loss = vector (x_0->size1);
  double error;
  ok (sb_objective_loss (objective, score, x_0, NULL, (sb_stream){ .seed = 31 }, loss));
  return mean_of (loss, &error);
}

Test (soft_training, reaches_the_minimum)
{
  const sb_process *process = soft_of (&soft_gmm1, 1);
  const sb_target *law = soft_gmm1_law ();
  sb_net *net = scoped (sb_net_alloc ("mlp inputs=1 width=64 layers=2 time=positional features=16", NULL));
  sb_training *training = scoped (sb_training_alloc (net, (sb_stream){ 32, SB_FOR_USER, 0 }));
  static double deviation = 1.7;
  sb_score_matching *task = scoped (calloc (1, sizeof *task));
  *task = (sb_score_matching){ .network = { net, process, training->theta, SB_PREDICTS_RESIDUAL, SB_LABEL_TIME, 1,
                                            &deviation, NULL, 0 },
                               .objective = sb_objective_of (sb_objective_soft, process, 1e-2),
                               .examples = { draw_from_law, law, 0 } };
  const sb_recipe recipe = { .task = sb_score_matching_task (task),
                             .adam = { 3e-3, 0.9, 0.999, 1e-8, 50, 1, 0.99, SB_EMA_NONE, 0, 0, 0 },
                             .batch = 512,
                             .shard_rows = 128,
                             .seed = 33 };
  sb_trainer *trainer = scoped (sb_trainer_alloc (&recipe, training));
  train_for (trainer, 2500, 1);

  gsl_matrix *x_0 = matrix (20000, 1);
  ok (sb_target_sample (law, (sb_stream){ .seed = 34, .purpose = SB_FOR_DATA }, x_0));
  task->network.theta = training->ema;
  const double least = loss_of_score (&task->objective, scoped (sb_score_exact_alloc (law, process)), x_0),
               found = loss_of_score (&task->objective, scoped (sb_score_network_alloc (&task->network)), x_0);
  cr_assert (found > .99 * least && found < 1.02 * least, "%g, not %g: %g %%", found, least, 100 * (found / least - 1));
}
