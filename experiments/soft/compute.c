// # What the corruption costs in training
//
// "There is no overhead over the NCSN++ paper other than projecting to the measurements space, which can be done very
// efficiently": a step of soft score matching, a step of denoising score matching of the same network, and the operator
// alone, in turn. [soft.set-compute]

#include "../images.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>
#include <time.h>

enum
{
  BATCH = 64,
  MOST = 32
};

static double
now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double
median (double *v, size_t n)
{
  gsl_sort (v, 1, n);
  return gsl_stats_median_from_sorted_data (v, 1, n);
}

// ## A training of either kind

typedef struct
{
  sb_score_matching matching;
  sb_recipe recipe;
  sb_training *training;
  sb_trainer *trainer;
} side;

static void
side_open (side *s, const sb_net *net, const sb_process *process, const sb_objective_type *objective,
           sb_prediction prediction, const gsl_matrix *digits)
{
  const sb_stream stream = { .seed = 1 };
  s->training = require_pointer (sb_training_alloc (net, stream), "a training");
  s->matching
      = (sb_score_matching){ .network = { net, process, s->training->theta, prediction, SB_LABEL_TIME, 0.3, NULL },
                             .objective = sb_objective_of (objective, process, process->t_min),
                             .examples = sb_examples_of_rows (digits),
                             .per_dimension = true };
  s->recipe = (sb_recipe){
    .task = sb_score_matching_task (&s->matching), .adam = sb_adam_defaults, .batch = BATCH, .shard_rows = 8, .seed = 1
  };
  s->trainer = require_pointer (sb_trainer_alloc (&s->recipe, s->training), "a trainer");
}

static double
time_step (side *s)
{
  sb_error error = { 0 };
  double loss, norm, begun = now ();
  require (sb_trainer_step (s->trainer, &loss, &norm, &error), error.message);
  return now () - begun;
}

// What a step of soft score matching asks of the operator: C x_0 for the points, C e and C^T C e for the loss.

static double
time_operator (const sb_process *process, gsl_matrix *x, const gsl_vector *t)
{
  const double begun = now ();
  require (sb_process_apply (process, SB_A, CblasNoTrans, NULL, t, x), "C");
  require (sb_process_apply (process, SB_A, CblasNoTrans, NULL, t, x), "C");
  require (sb_process_apply (process, SB_A, CblasTrans, NULL, t, x), "C");
  return now () - begun;
}

int
main (void)
{
  results r = results_open ();
  const size_t rounds = r.scale == SMOKE ? 1 : r.scale == QUICK ? 15 : MOST;
  sb_error error = { 0 };
  double soft[MOST], dsm[MOST], operator_[MOST];
  gsl_matrix *digits = test_digits (0, 1000, 0, 1), *x = require_pointer (gsl_matrix_alloc (BATCH, PIXELS), "digits");
  gsl_vector *t = require_pointer (gsl_vector_alloc (BATCH), "times");
  sb_net *net = require_pointer (sb_net_alloc ("unet image=1x28x28 channels=16 multipliers=1,2,2 attention=7", &error),
                                 error.message);
  sb_process *blur
      = require_pointer (sb_process_from_text ("soft image=1x28x28 half=28", PIXELS, &error), error.message),
      *ve = require_pointer (sb_process_from_text ("ve", PIXELS, &error), error.message);
  side sides[2];
  require (sb_net_choose (net, NULL, SB_NET_FLOAT, NULL), "a backend");
  side_open (&sides[0], net, blur, sb_objective_soft, SB_PREDICTS_RESIDUAL, digits);
  side_open (&sides[1], net, ve, sb_objective_dsm, SB_PREDICTS_MIXED, digits);
  gsl_matrix_const_view first = gsl_matrix_const_submatrix (digits, 0, 0, BATCH, PIXELS);
  gsl_matrix_memcpy (x, &first.matrix);
  for (size_t i = 0; i < BATCH; i++)
    gsl_vector_set (t, i, ((double)i + 0.5) / BATCH);
  for (size_t k = 0; k < rounds; k++)
    {
      soft[k] = time_step (&sides[0]);
      dsm[k] = time_step (&sides[1]);
      operator_[k] = time_operator (blur, x, t);
    }
  const double of_soft = median (soft, rounds), of_dsm = median (dsm, rounds), of_operator = median (operator_, rounds);
  results_row (&r, "soft score matching", "a step", "", 1e3 * of_soft, -1, "ms",
               "64 digits, median; published: 6 and 11 steps a second on 16 TPUs");
  results_row (&r, "denoising score matching", "a step", "", 1e3 * of_dsm, -1, "ms", "the same network");
  results_row (&r, "the blur alone", "a step", "", 1e3 * of_operator, -1, "ms", "three times, a level for each digit");
  if (r.scale == SMOKE)
    untested (&r, "Applying the corruption takes less than a tenth of a step", "one step says nothing");
  else
    results_claim (&r, "Applying the corruption takes less than a tenth of a step", of_operator < 0.1 * of_soft,
                   "%.2g ms of %.3g; a step of denoising score matching takes %.3g", 1e3 * of_operator, 1e3 * of_soft,
                   1e3 * of_dsm);
  for (int k = 0; k < 2; k++)
    {
      sb_trainer_free (sides[k].trainer);
      sb_training_free (sides[k].training);
    }
  sb_process_free (blur), sb_process_free (ve);
  sb_net_free (net);
  gsl_vector_free (t);
  gsl_matrix_free (x), gsl_matrix_free (digits);
  results_close (&r);
  return EXIT_SUCCESS;
}
