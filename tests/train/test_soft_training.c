// # A network learns the clean image under a corruption
//
// [soft.eq12] [soft.eq10] The residual of the clean image on GMM1, one small network for all times: the soft loss
// comes within 2 % of its minimum, which the exact posterior mean has, on the same points and noise.

#include "losses.h"
#include "process/kinds.h"
#include "property.h"
#include "scope.h"
#include "score/exact.h"
#include "soft_laws.h"
#include "train/score_matching.h"

#include <gsl/gsl_math.h>
#include <math.h>
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

// Where there is the least noise, $\sigma = .01$, the weight $1/\sigma^2$ is $10^4$. Of a network in float the loss is
// that weight times the squared error of its image, and the gradient in its parameters is finite. [soft.set-lossweight]
// [soft.txt-weights]

static void
check_losses (const gsl_matrix *image, const gsl_matrix *x_0, double weight, const gsl_vector *loss)
{
  for (size_t i = 0; i < x_0->size1; i++)
    {
      double square = 0;
      for (size_t j = 0; j < x_0->size2; j++)
        square += gsl_pow_2 (gsl_matrix_get (image, i, j) - gsl_matrix_get (x_0, i, j));
      cr_assert_float_eq (gsl_vector_get (loss, i), weight * square, 1e-4 * weight * square, "row %zu: %g, not %g", i,
                          gsl_vector_get (loss, i), weight * square);
    }
}

Test (soft_training, weight_of_the_least_noise)
{
  enum
  {
    ROWS = 16,
    D = 4
  };
  const double first = 1e-5;
  const sb_stream stream = { .seed = 36 };
  sb_error error = { 0 };
  const sb_process *process
      = scoped (sb_process_from_text ("soft image=1x2x2 knots=0.01,2", D, &error), "%s", error.message);
  sb_net *net = scoped (sb_net_alloc ("mlp inputs=4 width=16 layers=2 time=positional features=8", NULL));
  float *theta = gaussians (property_rng (35), net->parameters, .5),
        *theta_bar = scoped ((float *)calloc (net->parameters, sizeof (float))), most = 0;
  const sb_network network = { net, process, theta, SB_PREDICTS_RESIDUAL, SB_LABEL_TIME, 1, NULL, NULL, 0 };
  const sb_score *score = scoped (sb_score_network_gradient_alloc (&network, theta_bar));
  sb_objective soft = sb_objective_of (sb_objective_soft, process, first);
  gsl_matrix *x_0 = normals (ROWS, D, 37), *x = copy_of (x_0), *z = matrix (ROWS, D), *image = matrix (ROWS, D);
  gsl_vector *t = vector (ROWS), *loss = vector (ROWS);
  soft.t_max = first;
  ok (draw_points (&soft, stream, t, z, x));
  ok (sb_score_evaluate (score, SB_DENOISER, x, t, NULL, image));
  ok (sb_objective_gradient (&soft, score, x_0, NULL, stream, 1, loss));
  check_losses (image, x_0, 1e4 * pow (10, -2 * first / .2), loss);
  for (size_t k = 0; k < net->parameters; k++)
    {
      cr_assert (isfinite (theta_bar[k]), "parameter %zu", k);
      most = fmaxf (most, fabsf (theta_bar[k]));
    }
  cr_assert (gsl_vector_max (loss) > 1e3 && most > 1e3F, "%g, %g", gsl_vector_max (loss), (double)most);
}
