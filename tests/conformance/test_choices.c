// # Choices in every combination
//
// What two options are worth each alone does not say what they do together. All pairs, and more, are run once, and
// held against another way to the same numbers; `make check-valgrind` runs this program too, where a number that was
// never computed is noticed.

#include "losses.h"
#include "process/kinds.h"
#include "sampler/flow.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"
#include "train/score_matching.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE_WITH_BLAS (choices);

enum
{
  D = 3,
  N = 4,
  MOST = 32 // entries of a family
};

static const char *const processes[]
    = { "vp", "ve sigma_max=2", "subvp", "ddpm levels=4 beta_max=3", "smld levels=4", "edm sigma_max=2" };
static const sb_stream stream = { .seed = 5, .purpose = SB_FOR_USER };

static sb_score *
exact_under (const sb_process *process)
{
  gsl_matrix *C = matrix_all (D, D, 0.2);
  for (size_t j = 0; j < D; j++)
    gsl_matrix_set (C, j, j, 0.5 + (double)j);
  return scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_of (1, 0, -1), C)), process));
}

// Which entries of a family were part of a run that succeeded.

typedef struct
{
  const sb_entry *(*family) (size_t k);
  bool ran[MOST];
} tally;

static void
check_all_ran (const tally *t)
{
  for (size_t k = 0; t->family (k); k++)
    {
      cr_assert (k < MOST && t->ran[k], "%s was in no combination", t->family (k)->name);
      for (size_t j = 0; j < k; j++)
        cr_assert_str_neq (t->family (j)->name, t->family (k)->name);
    }
}

// ## Trainings
//
// Objective, weighting, prediction and label under each process: a step of training has the loss and gradient
// that the network has as a score, and is refused where that is.

typedef struct
{
  double loss, norm;
  int status;
} outcome;

static outcome
by_trainer (const sb_score_matching *task, sb_training *training)
{
  outcome o = { 0 };
  sb_error error = { 0 };
  sb_recipe recipe = {
    .task = sb_score_matching_task (task), .adam = sb_adam_defaults, .batch = N, .shard_rows = 3, .seed = stream.seed
  };
  sb_trainer *trainer = scoped (sb_trainer_alloc (&recipe, training));
  o.status = sb_trainer_step (trainer, &o.loss, &o.norm, &error);
  return o;
}

static outcome
as_a_score (const sb_score_matching *task, const sb_target *law)
{
  const sb_objective *objective = &task->objective;
  const size_t parameters = task->network.net->parameters;
  outcome o = { 0 };
  float *theta_bar = scoped ((float *)calloc (parameters, sizeof (float)));
  gsl_matrix *x = matrix (N, D);
  gsl_vector *loss = vector (N);
  sb_score *score = scoped (sb_score_network_gradient_alloc (&task->network, theta_bar));
  ok (sb_target_sample (law, (sb_stream){ stream.seed, SB_FOR_DATA, 0 }, x));
  o.status = objective->type->derivatives ? sb_objective_loss (objective, score, x, NULL, stream, loss)
                                          : sb_objective_gradient (objective, score, x, NULL, stream, 1. / N, loss);
  if (o.status)
    return o;
  o.loss = mean_of (loss, &o.norm);
  o.norm = 0;
  for (size_t k = 0; k < parameters; k++)
    o.norm = hypot (o.norm, (double)theta_bar[k]);
  return o;
}

static bool
check_training (const sb_score_matching *task, const sb_target *law, const sb_net *net)
{
  sb_training *training = scoped (sb_training_alloc (net, stream));
  sb_score_matching here = *task;
  here.network.theta = training->theta;
  const outcome score = as_a_score (&here, law), step = by_trainer (&here, training);
  cr_assert_eq (score.status, step.status, "%s: status %d, and %d in training", task->objective.type->entry.name,
                score.status, step.status);
  if (step.status)
    return false;
  cr_assert_float_eq (step.loss, score.loss, 1e-4 * (1 + fabs (score.loss)), "%s: a loss of %g, and %g in training",
                      task->objective.type->entry.name, score.loss, step.loss);
  cr_assert (isfinite (step.norm) && step.norm > 0);
  if (!task->objective.type->derivatives)
    cr_assert_float_eq (step.norm, score.norm, 1e-3 * score.norm, "%s: a gradient of %g, and %g in training",
                        task->objective.type->entry.name, score.norm, step.norm);
  return true;
}

static void
train_under (const sb_process *process, tally ran[4])
{
  sb_net *net = scoped (sb_net_alloc ("mlp inputs=3 width=4 layers=1 time=positional features=4", NULL));
  const sb_target *law = scoped (sb_target_points_alloc (normals (9, D, 1), NULL));
  sb_score *truth = exact_under (process);
  for (size_t o = 0; sb_objectives (o); o++)
    for (size_t w = 0; sb_weightings (w); w++)
      for (size_t p = 0; sb_predictions (p); p++)
        for (size_t l = 0; sb_labels (l); l++)
          {
            const size_t mark = scope_mark ();
            const sb_objective_type *type = (const sb_objective_type *)sb_objectives (o);
            sb_score_matching task = { .network = { .net = net,
                                                    .process = process,
                                                    .prediction = (sb_prediction)p,
                                                    .label = (sb_label)l,
                                                    .data_deviation = 0.7 },
                                       .objective = sb_objective_of (type, process, process->levels ? 0 : 0.01),
                                       .examples = { draw_from_law, law, 0 } };
            task.objective.truth = truth;
            if (type->weighting)
              task.objective.weighting.type = (const sb_weighting_type *)sb_weightings (w);
            const bool can = type == sb_objective_ncsn ? process->levels > 0 : !type->draw_more || !process->levels;
            const bool did = can && check_training (&task, law, net);
            ran[0].ran[o] |= did;
            ran[1].ran[w] |= did && type->weighting;
            ran[2].ran[p] |= did;
            ran[3].ran[l] |= did;
            scope_release (mark);
          }
}

Test (choices, of_trainings)
{
  tally ran[] = {
    { .family = sb_objectives }, { .family = sb_weightings }, { .family = sb_predictions }, { .family = sb_labels }
  };
  for (size_t k = 0; k < sizeof processes / sizeof *processes; k++)
    train_under (scoped (sb_process_from_text (processes[k], D, NULL)), ran);
  for (size_t k = 0; k < sizeof ran / sizeof *ran; k++)
    check_all_ran (&ran[k]);
}

// ## Flows
//
// Up or down, and every end, with progress and without: the denoised end is the denoiser of the plain one.

static int
keep_time (void *context, size_t done, size_t total, double t, const gsl_matrix *x)
{
  (void)done, (void)total, (void)x;
  *(double *)context = t;
  return GSL_SUCCESS;
}

Test (choices, of_flows)
{
  for (size_t k = 0; k < 3; k++) // those in continuous time
    for (int progress = 0; progress < 2; progress++)
      {
        const sb_score *score = exact_under (scoped (sb_process_from_text (processes[k], D, NULL)));
        double last = -1;
        size_t evaluations[3];
        gsl_matrix *end[3], *x_hat0 = matrix (N, D);
        sb_flow flow = sb_flow_default ();
        flow.progress = progress ? keep_time : NULL;
        flow.context = &last;
        for (int final = SB_FINAL_DENOISE; final <= SB_FINAL_SAMPLE; final++)
          {
            flow.final = (sb_final) final;
            end[final] = normals (N, D, 3);
            ok (sb_flow_run (&flow, score, NULL, 0.9, 0.2, end[final], &evaluations[final]), "%s", processes[k]);
            cr_assert_eq (last, !progress ? -1 : final == SB_FINAL_DENOISE ? 0 : 0.2, "%s: %g", processes[k], last);
          }
        ok (sb_score_evaluate (score, SB_DENOISER, end[SB_FINAL_SAMPLE], vector_all (N, 0.2), NULL, x_hat0));
        cr_assert_eq (largest_difference (end[SB_FINAL_DENOISE], x_hat0), 0, "%s", processes[k]);
        cr_assert_eq (largest_difference (end[SB_FINAL_MEAN], end[SB_FINAL_SAMPLE]), 0, "%s", processes[k]);
        cr_assert_eq (evaluations[SB_FINAL_DENOISE], evaluations[SB_FINAL_SAMPLE] + 1);
        ok (sb_flow_run (&flow, score, NULL, 0.2, 0.9, end[SB_FINAL_SAMPLE], NULL), "%s", processes[k]);
        cr_assert_lt (largest_difference (end[SB_FINAL_SAMPLE], normals (N, D, 3)), 1e-2, "%s", processes[k]);
      }
}

// ## Samplers
//
// Predictor, corrector, order and end under each process: a batch is what its rows are alone.

static bool
check_sampler (const sb_pc *pc, const sb_score *score, const char *name)
{
  const gsl_vector *times = vector_of (1, 0.75, 0.5, 0.25);
  gsl_matrix *x = normals (N, D, 2), *apart = copy_of (x);
  size_t evaluations, of_one;
  int status = sb_pc_sample (pc, score, NULL, times, stream, x, &evaluations);
  for (size_t i = 0; i < N && !status; i++)
    {
      gsl_matrix_view row = gsl_matrix_submatrix (apart, i, 0, 1, D);
      ok (sb_pc_sample (pc, score, NULL, times, sb_stream_skip (stream, i), &row.matrix, &of_one));
      cr_assert_eq (of_one, evaluations);
    }
  if (status)
    refused (GSL_EUNSUP, status, "%s under %s", pc->step->entry.name, name);
  else
    cr_assert_lt (largest_difference (x, apart), 1e-9, "%s, %s, order %d, end %d under %s", pc->step->entry.name,
                  pc->corrector.type->entry.name, (int)pc->order, (int)pc->final, name);
  return !status;
}

static void
sample_under (const sb_process *process, const char *name, tally ran[2])
{
  const sb_score *score = exact_under (process);
  for (size_t s = 0; sb_steps (s); s++)
    for (size_t c = 0; sb_correctors (c); c++)
      for (int choice = 0; choice < 36; choice++) // steps of the corrector, order, end, noise
        {
          const size_t mark = scope_mark ();
          double key[SB_KEYS_MOST];
          sb_pc pc = { .step = (const sb_step_type *)sb_steps (s),
                       .corrector = { .type = (const sb_corrector_type *)sb_correctors (c) },
                       .corrector_steps = (size_t)choice % 2,
                       .order = (sb_pc_order)(choice / 2 % 3),
                       .final = (sb_final)(choice / 6 % 3),
                       .noiseless = choice >= 18 };
          sb_entry_usual (sb_correctors (c), key);
          pc.corrector.type->set (key, &pc.corrector);
          pc.corrector.norm = SB_NORM_ROW;
          const bool did = check_sampler (&pc, score, name);
          ran[0].ran[s] |= did;
          ran[1].ran[c] |= did && choice % 2;
          scope_release (mark);
        }
}

Test (choices, of_samplers)
{
  tally ran[] = { { .family = sb_steps }, { .family = sb_correctors } };
  for (size_t k = 0; k < sizeof processes / sizeof *processes; k++)
    sample_under (scoped (sb_process_from_text (processes[k], D, NULL)), processes[k], ran);
  check_all_ran (&ran[0]);
  check_all_ran (&ran[1]);
}
