// # Trainings of seconds
//
// EDM's parametrisation, weighting and levels; three hidden layers of 64 units. [consistent.txt-cdm-train]

#include "small_training.h"

#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

enum
{
  POINTS = 2000,
  BATCH = 128
};

// ## The law

static sb_target *
mixture (void)
{
  return mixture_of (2, PLANE, (double[]){ .35, .65 }, (double[]){ -1, .5, 1, -.3 },
                     (double[]){ .5, .2, .2, .3, .2, -.1, -.1, .4 });
}

world
world_open (void)
{
  world w = { .law = mixture (), .edm = require_pointer (sb_edm_alloc (PLANE, .002, 80), "the process") };
  w.data = require_pointer (gsl_matrix_alloc (POINTS, PLANE), "the data");
  require (sb_target_sample (w.law, (sb_stream){ 1, SB_FOR_DATA, 0 }, w.data), "the data");
  w.exact = require_pointer (sb_score_exact_alloc (w.law, w.edm), "the exact score");
  w.deviation = gsl_stats_sd (w.data->data, 1, POINTS * PLANE);
  return w;
}

void
world_close (world w)
{
  sb_score_free (w.exact);
  sb_target_free (w.law);
  sb_process_free (w.edm);
  gsl_matrix_free (w.data);
}

// ## A training
//
// It is given up where a number is no number or consistency passes a hundred times the loss of the data.

static bool
run (const sb_recipe *recipe, sb_training *training, size_t steps)
{
  sb_error error = { 0 };
  double loss = 0, norm;
  sb_trainer *trainer = require_pointer (sb_trainer_alloc (recipe, training), "the trainer");
  int status = GSL_SUCCESS;
  bool fine = true;
  for (size_t k = 0; k < steps && fine; k++)
    {
      status = sb_trainer_step (trainer, &loss, &norm, &error);
      const double of_paths = sb_trainer_regulariser (trainer);
      fine = !status && fabs (of_paths) <= 100 * fabs (loss - of_paths) + 1;
    }
  sb_trainer_free (trainer);
  return fine;
}

void
learn (const world *w, const setting *s, uint64_t seed, size_t steps, learned *to)
{
  to->net
      = require_pointer (sb_net_alloc ("mlp inputs=2 width=64 layers=3 time=positional features=16", NULL), "the net");
  require (sb_net_choose (to->net, NULL, SB_NET_FLOAT, NULL), "the fastest backend");
  to->training = require_pointer (sb_training_alloc (to->net, (sb_stream){ .seed = seed, .purpose = SB_FOR_USER }),
                                  "the weights");
  to->matching = (sb_score_matching){ .network = { to->net, w->edm, to->training->theta, SB_PREDICTS_MIXED,
                                                   SB_LABEL_QUARTER_LOG_NOISE, w->deviation, NULL },
                                      .objective = sb_objective_of (sb_objective_consistency, w->edm, w->edm->t_min),
                                      .per_dimension = true,
                                      .examples = sb_examples_of_rows (w->data) };
  sb_objective *o = &to->matching.objective;
  o->key[0] = s->lambda;
  o->key[1] = s->window;
  o->levels = sb_levels_lognormal;
  o->levels_key[0] = -1.2;
  o->levels_key[1] = 1.2;
  o->t_above = s->above;
  o->weighting = (sb_weighting){ sb_weighting_edm, (void *)&w->deviation };
  sb_recipe recipe = { .task = sb_score_matching_task (&to->matching),
                       .adam = sb_adam_defaults,
                       .batch = BATCH,
                       .shard_rows = BATCH,
                       .seed = seed };
  recipe.adam.rate = s->rate, recipe.adam.warmup = 0, recipe.adam.ema = .99;
  to->diverged = !run (&recipe, to->training, steps);
  memcpy (to->training->theta, to->training->ema, to->training->count * sizeof (float));
  to->score = require_pointer (sb_score_network_alloc (&to->matching.network), "the score");
}

void
forget (learned *l)
{
  sb_score_free (l->score);
  sb_training_free (l->training);
  sb_net_free (l->net);
}

double
error_of_denoiser (const world *w, const sb_score *score, double sigma, const gsl_matrix *x)
{
  const size_t n = x->size1;
  gsl_matrix *h = require_pointer (gsl_matrix_alloc (n, PLANE), "points"),
             *right = require_pointer (gsl_matrix_alloc (n, PLANE), "points");
  gsl_vector *t = require_pointer (gsl_vector_alloc (n), "times");
  gsl_vector_set_all (t, sigma);
  require (sb_score_evaluate (score, SB_DENOISER, x, t, NULL, h), "the denoiser");
  require (sb_score_evaluate (w->exact, SB_DENOISER, x, t, NULL, right), "the exact denoiser");
  gsl_matrix_sub (h, right);
  double sum = 0;
  for (size_t k = 0; k < n * PLANE; k++)
    sum += h->data[k] * h->data[k];
  gsl_matrix_free (h);
  gsl_matrix_free (right);
  gsl_vector_free (t);
  return sum / (double)n;
}
