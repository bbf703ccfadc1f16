// A perceptron learns the score of a mixture by denoising score matching; how far its noise estimate is from the exact
// one, before and after.

#include <gsl/gsl_math.h>
#include <scorebook/scorebook.h>
#include <stdio.h>
#include <string.h>

enum
{
  POINTS = 2000,
  STEPS = 500
};

static double
error_of (const sb_score *learned, const sb_score *exact) // mean square of a number, at t = 0.3
{
  gsl_matrix *x = gsl_matrix_alloc (POINTS, 2), *a = gsl_matrix_alloc (POINTS, 2), *b = gsl_matrix_alloc (POINTS, 2);
  gsl_vector *t = gsl_vector_alloc (POINTS);
  double sum = 0;
  gsl_vector_set_all (t, 0.3);
  sb_stream_normals ((sb_stream){ .seed = 2, .purpose = SB_FOR_USER }, 0, x);
  sb_score_evaluate (learned, SB_EPSILON, x, t, NULL, a);
  sb_score_evaluate (exact, SB_EPSILON, x, t, NULL, b);
  gsl_matrix_sub (a, b);
  for (size_t i = 0; i < 2 * POINTS; i++)
    sum += gsl_pow_2 (a->data[i]) / (2 * POINTS);
  gsl_matrix_free (x);
  gsl_matrix_free (a);
  gsl_matrix_free (b);
  gsl_vector_free (t);
  return sum;
}

int
main (void)
{
  sb_blas_single_threaded ();
  double means[] = { -1, 0, 1, 0.5 }, covariances[] = { 0.3, 0.1, 0.1, 0.2, 0.4, 0, 0, 0.1 };
  gsl_matrix_view mu = gsl_matrix_view_array (means, 2, 2), C = gsl_matrix_view_array (covariances, 4, 2);
  gsl_matrix *data = gsl_matrix_alloc (POINTS, 2);
  sb_process *vp = sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  sb_target *law = sb_target_mixture_alloc (NULL, &mu.matrix, &C.matrix);
  sb_score *exact = sb_score_exact_alloc (law, vp);
  sb_target_sample (law, (sb_stream){ .seed = 1, .purpose = SB_FOR_DATA }, data);

  // A network, its weights, and what it minimises.
  sb_net *net = sb_net_alloc ("mlp inputs=2 width=64 layers=3 time=positional features=16", NULL);
  sb_training *training = sb_training_alloc (net, (sb_stream){ .seed = 1, .purpose = SB_FOR_USER });
  sb_score_matching matching = { .network = { net, vp, training->theta, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 1, NULL },
                                 .objective = sb_objective_of (sb_objective_dsm, vp, 1e-3),
                                 .examples = sb_examples_of_rows (data) };
  sb_recipe recipe = {
    .task = sb_score_matching_task (&matching), .adam = sb_adam_defaults, .batch = 256, .shard_rows = 64, .seed = 1
  };
  recipe.adam.rate = 2e-3, recipe.adam.warmup = 50, recipe.adam.ema = 0.99;
  sb_trainer *trainer = sb_trainer_alloc (&recipe, training);
  sb_score *score = sb_score_network_alloc (&matching.network);

  double loss, norm, before = error_of (score, exact);
  int status = GSL_SUCCESS;
  for (int k = 0; k < STEPS && !status; k++)
    status = sb_trainer_step (trainer, &loss, &norm, NULL);
  memcpy (training->theta, training->ema, training->count * sizeof *training->theta);
  const double after = error_of (score, exact);
  printf ("before it learns, the error is %s\n", before > 0.3 ? "above 0.3" : "below 0.3");
  printf ("after %d steps it is %s\n", STEPS, after < 0.03 ? "below 0.03" : "above 0.03");

  sb_score_free (score);
  sb_trainer_free (trainer);
  sb_training_free (training);
  sb_net_free (net);
  sb_score_free (exact);
  sb_target_free (law);
  sb_process_free (vp);
  gsl_matrix_free (data);
  return status;
}
