// # No number is drawn twice
//
// What a run draws for different uses must be independent: two uses that read the same numbers of the same stream give
// right means and wrong variances, which no test of a mean notices. Here the linker puts a record before the library's
// three functions that read streams, and each run is made with one seed throughout.

#include "likelihood/bits.h"
#include "likelihood/likelihood.h"
#include "losses.h"
#include "measure/energy_distance.h"
#include "measure/twosample.h"
#include "objective/vlb.h"
#include "process/edm.h"
#include "process/ddpm.h"
#include "process/kinds.h"
#include "process/smld.h"
#include "sampler/flow.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"
#include "train/classify.h"
#include "train/score_matching.h"

#include <pthread.h>
#include <stdio.h>

SUITE_WITH_BLAS (streams);

// ## The record
//
// A row's normals are made in pairs, numbers 2b and 2b + 1 from the two uniforms with these numbers: a uniform shares
// bits with both normals of its pair.

enum
{
  MOST = 1 << 14
};

typedef struct
{
  sb_stream stream; // of one row
  uint64_t first, end;
  bool normal;
} use;

static use record[MOST];
static size_t uses;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void
note (sb_stream stream, uint64_t first, size_t count, size_t rows, bool normal)
{
  pthread_mutex_lock (&lock);
  for (size_t i = 0; i < rows && count > 0; i++, uses++)
    if (uses < MOST)
      record[uses] = (use){ sb_stream_skip (stream, i), first, first + count, normal };
  pthread_mutex_unlock (&lock);
}

int __real_sb_stream_normals (sb_stream stream, uint64_t first, gsl_matrix *z);
int __real_sb_stream_uniforms (sb_stream stream, uint64_t first, gsl_matrix *u);
int __real_sb_rng_philox_seek (gsl_rng *r, sb_stream stream, uint64_t first);
int __wrap_sb_stream_normals (sb_stream stream, uint64_t first, gsl_matrix *z);
int __wrap_sb_stream_uniforms (sb_stream stream, uint64_t first, gsl_matrix *u);
int __wrap_sb_rng_philox_seek (gsl_rng *r, sb_stream stream, uint64_t first);

int
__wrap_sb_stream_normals (sb_stream stream, uint64_t first, gsl_matrix *z)
{
  note (stream, first, z->size2, z->size1, true);
  return __real_sb_stream_normals (stream, first, z);
}

int
__wrap_sb_stream_uniforms (sb_stream stream, uint64_t first, gsl_matrix *u)
{
  note (stream, first, u->size2, u->size1, false);
  return __real_sb_stream_uniforms (stream, first, u);
}

int
__wrap_sb_rng_philox_seek (gsl_rng *r, sb_stream stream, uint64_t first)
{
  note (stream, first, SIZE_MAX / 2, 1, false); // it may draw all that follow
  return __real_sb_rng_philox_seek (r, stream, first);
}

static bool
share (const use *a, const use *b)
{
  const uint64_t unit = a->normal == b->normal ? 1 : 2; // numbers, or pairs of them
  return a->stream.seed == b->stream.seed && a->stream.purpose == b->stream.purpose
         && a->stream.index == b->stream.index && a->first / unit <= (b->end - 1) / unit
         && b->first / unit <= (a->end - 1) / unit;
}

// So many pairs of uses share a number; the first of them in words.

static size_t
count_shared (char *words, size_t size)
{
  size_t shared = 0;
  cr_assert (0 < uses && uses <= MOST, "%zu rows were drawn", uses);
  for (size_t i = 0; i < uses; i++)
    for (size_t j = 0; j < i; j++)
      if (share (&record[i], &record[j]) && shared++ == 0)
        snprintf (words, size, "%s from %llu and %s from %llu of purpose %u, index %llu",
                  record[j].normal ? "normals" : "uniforms", (unsigned long long)record[j].first,
                  record[i].normal ? "normals" : "uniforms", (unsigned long long)record[i].first,
                  (unsigned)record[i].stream.purpose, (unsigned long long)record[i].stream.index);
  uses = 0;
  return shared;
}

static void
check_shared (size_t wanted, const char *name)
{
  char words[200] = "";
  const size_t shared = count_shared (words, sizeof words);
  cr_assert_eq (shared, wanted, "%s: %zu times, not %zu: %s", name, shared, wanted, words);
}

Test (streams, what_is_shared_is_seen)
{
  sb_stream one = { 1, SB_FOR_USER, 5 }, other = { 1, SB_FOR_USER + 1, 5 };
  gsl_matrix *x = matrix (3, 2), *single = matrix (1, 1);
  ok (sb_stream_normals (one, 0, x));
  ok (sb_stream_normals (one, 2, x));
  ok (sb_stream_normals (sb_stream_skip (one, 3), 0, x));
  ok (sb_stream_uniforms (other, 0, x));
  check_shared (0, "places, indices and purposes of their own");
  ok (sb_stream_normals (one, 1, x));
  ok (sb_stream_normals (sb_stream_skip (one, 2), 2, single));
  check_shared (1, "the last row's second normal");
  ok (sb_stream_normals (one, 1, single));
  ok (sb_stream_uniforms (one, 0, single));
  check_shared (1, "a uniform of which a normal is made");
  ok (sb_rng_philox_seek (scoped (gsl_rng_alloc (sb_rng_philox)), one, 7));
  ok (sb_stream_uniforms (one, 900, single));
  check_shared (1, "beyond where a generator was placed");
}

// ## Losses and trainings
//
// Two steps of a few shards, with first weights of the same seed. A labelled example draws the number that chose its
// point once more, for its label; nothing else is drawn twice.

enum
{
  ROWS = 5,
  D = 3
};

static const sb_stream stream = { .seed = 11, .purpose = SB_FOR_USER };

static sb_score *
exact_under (const sb_process *process)
{
  gsl_matrix *C = matrix_all (D, D, 0), *means = normals (2, D, 12), *both = matrix_all (2 * D, D, 0);
  gsl_matrix_set_identity (C);
  for (size_t k = 0; k < 2; k++)
    for (size_t j = 0; j < D; j++)
      gsl_matrix_set (both, k * D + j, j, 1);
  return scoped (sb_score_exact_alloc (scoped (sb_target_mixture_alloc (vector_of (0.3, 0.7), means, both)), process));
}

static void
train (const sb_objective *objective, const sb_examples *examples, const char *line)
{
  double loss, norm;
  sb_error error = { 0 };
  sb_net *net = scoped (sb_net_alloc (line, NULL));
  sb_training *training = scoped (sb_training_alloc (net, stream));
  sb_score_matching task = { .network = { .net = net,
                                          .process = objective->process,
                                          .theta = training->theta,
                                          .prediction = SB_PREDICTS_MIXED,
                                          .data_deviation = 1 },
                             .objective = *objective,
                             .examples = *examples };
  sb_recipe recipe = { .task = sb_score_matching_task (&task),
                       .adam = sb_adam_defaults,
                       .batch = ROWS,
                       .shard_rows = 2,
                       .seed = stream.seed };
  sb_trainer *trainer = scoped (sb_trainer_alloc (&recipe, training));
  for (int k = 0; k < 2; k++)
    ok (sb_trainer_step (trainer, &loss, &norm, &error), "%s: %s", objective->type->entry.name, error.message);
}

static sb_objective
objective_of (const sb_objective_type *type, const sb_process *process, const sb_score *truth, double directions)
{
  sb_objective o = sb_objective_of (type, process, 0);
  double *count = (double *)(uintptr_t)sb_entry_value (&type->entry, o.key, "directions");
  if (count)
    *count = directions;
  o.truth = truth;
  return o;
}

Test (streams, of_every_objective)
{
  sb_process *smld = scoped (sb_smld_alloc (D, 4, 0.1, 1)), *edm = scoped (sb_edm_alloc (D, 0.1, 1));
  const sb_target *law = scoped (sb_target_points_alloc (normals (ROWS, D, 13), NULL));
  unsigned char class[ROWS] = { 0, 1, 1, 0, 1 };
  const gsl_matrix *points = normals (ROWS, D, 14);
  const sb_bytes labels = { .shape = { .rank = 1, .length = { ROWS } }, .data = class };
  const sb_labelled_examples labelled = { sb_examples_of_rows (points), &labels, 0.5 };
  const sb_examples of_law = { draw_from_law, law, 0 }, of_labels = sb_examples_with_labels (&labelled);
  const sb_objective_type *type;
  for (size_t k = 0; (type = (const sb_objective_type *)sb_objectives (k)); k++)
    {
      sb_process *process = type->draw_more ? edm : smld; // steps of an SDE
      sb_score *truth = exact_under (process);
      const sb_objective o = objective_of (type, process, truth, 3);
      uses = 0;
      if (!type->derivatives)
        ok (sb_objective_loss (&o, truth, points, NULL, stream, vector (ROWS)), "%s", type->entry.name);
      else
        ok (sb_objective_draw (stream, scoped (sb_objective_batch_alloc (&o, ROWS))));
      check_shared (0, type->entry.name);
      train (&o, &of_law, "mlp inputs=3 width=4 layers=1");
      check_shared (0, type->entry.name);
      train (&o, &of_labels, "mlp inputs=3 width=4 layers=1 classes=2");
      check_shared (2 * ROWS, type->entry.name);
    }
}

Test (streams, of_a_classifier)
{
  unsigned char image[16] = { 0 }, class[1] = { 0 };
  double loss, norm;
  const sb_bytes images = { .shape = { .rank = 3, .length = { 1, 4, 4 } }, .data = image },
                 labels = { .shape = { .rank = 1, .length = { 1 } }, .data = class };
  sb_process *vp = scoped (sb_process_from_text ("vp", 16, NULL));
  for (int noisy = 0; noisy < 2; noisy++)
    {
      sb_net *net
          = scoped (sb_net_alloc (noisy ? "cnn image=1x4x4 outputs=2 channels=2 multipliers=1 groups=1 time=fourier"
                                        : "cnn image=1x4x4 outputs=2 channels=2 multipliers=1 groups=1",
                                  NULL));
      uses = 0;
      sb_training *training = scoped (sb_training_alloc (net, stream));
      const sb_byte_examples examples = { &images, 0, 1, 2, true };
      const sb_labelled_examples labelled = { sb_examples_of_bytes (&examples), &labels, 0 };
      const sb_network network
          = { net, noisy ? vp : NULL, training->theta, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 1, NULL, NULL, 0 };
      const sb_classifying task = { network, sb_examples_with_labels (&labelled), 0.1 };
      sb_recipe recipe = { sb_classifying_task (&task), sb_adam_defaults, ROWS, 2, stream.seed, false };
      sb_trainer *trainer = scoped (sb_trainer_alloc (&recipe, training));
      for (int k = 0; k < 2; k++)
        ok (sb_trainer_step (trainer, &loss, &norm, NULL));
      check_shared (2 * ROWS, noisy ? "a classifier of noisy points" : "a classifier");
    }
}

// ## Samplers, bounds, laws and tests

Test (streams, of_every_order_of_a_sampler)
{
  sb_process *vp = scoped (sb_process_from_text ("vp", D, NULL));
  sb_score *score = exact_under (vp);
  const sb_known known = { .y = normals (ROWS, D, 20), .mask = vector_of (1, 0, 0) };
  for (int order = SB_PREDICTOR_FIRST; order <= SB_CORRECTOR_ALWAYS; order++)
    for (int final = SB_FINAL_DENOISE; final <= SB_FINAL_SAMPLE; final++)
      {
        gsl_matrix *x = matrix (ROWS, D);
        sb_pc pc = sb_pc_default ();
        pc.corrector_steps = 2;
        pc.order = (sb_pc_order)order;
        pc.final = (sb_final) final;
        pc.known = &known;
        uses = 0;
        ok (sb_process_prior (vp, (sb_stream){ stream.seed, SB_FOR_PRIOR, 0 }, x));
        ok (sb_pc_sample (&pc, score, NULL, vector_of (1, 0.6, 0.3, 0.1), stream, x, NULL));
        const size_t steps = final == SB_FINAL_MEAN ? 2 : 3; // noisy ones
        cr_assert_geq (uses, ROWS * (1 + steps + 2 * steps), "%zu rows", uses);
        check_shared (0, "a sampler");
      }
}

Test (streams, of_the_bound)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (D, 6, 0.1, 3));
  sb_score *score = exact_under (ddpm);
  const sb_vlb vlb = { .reverse = { score, SB_EPSILON, SB_VARIANCE_BETA, SB_VARIANCE_BETA } };
  gsl_matrix *x = normals (ROWS, D, 15);
  for (size_t draws = 0; draws < 10; draws += 3)
    {
      uses = 0;
      ok (sb_vlb_bound (&vlb, NULL, x, stream, draws, vector (ROWS)));
      cr_assert_eq (uses, ROWS * (draws > 0 ? 1 + 2 * draws : 6), "%zu rows for %zu levels", uses, draws);
      check_shared (0, "the bound");
    }
  ok (sb_vlb_spectrum (&vlb, NULL, x, stream, vector (7), NULL));
  check_shared (0, "the spectrum");
}

// Points of bytes, made continuous twice, and their likelihoods.

Test (streams, of_the_likelihood)
{
  unsigned char byte[ROWS * D] = { 0 };
  const sb_bytes bytes = { .shape = { .rank = 2, .length = { ROWS, D } }, .data = byte };
  const sb_quantisation q = { 256, -1, 1 };
  sb_score *score = exact_under (scoped (sb_process_from_text ("vp", D, NULL)));
  sb_likelihood likelihood = sb_likelihood_default ();
  gsl_matrix *x = matrix (ROWS, D);
  likelihood.trace = SB_TRACE_NORMAL;
  likelihood.group = 2;
  likelihood.t_min = 0.1;
  uses = 0;
  for (size_t count = 0; count < 2; count++)
    {
      ok (sb_dequantise (&q, &bytes, 0, stream, count, x));
      ok (sb_trace_directions (SB_TRACE_SIGNS, stream, 1 + count, matrix (ROWS, D)));
    }
  ok (sb_log_likelihood (&likelihood, score, NULL, stream, x, &(sb_likelihood_report){ .log_p = vector (ROWS) }));
  check_shared (0, "the likelihood");
}

Test (streams, of_laws)
{
  sb_target *laws[]
      = { scoped (sb_target_points_alloc (normals (4, D, 16), NULL)),
          scoped (sb_target_gaussian_alloc (vector_all (D, 0), matrix_all (D, D, 1))),
          scoped (sb_target_mixture_alloc (vector_of (1, 1), normals (2, D, 17), matrix_all (2 * D, D, 1))) };
  for (size_t k = 0; k < 3; k++)
    {
      uses = 0;
      ok (sb_target_sample (laws[k], stream, matrix (ROWS, D)));
      check_shared (0, laws[k]->type->name);
    }
}

// The program's two tests of two samples are made with one stream.

Test (streams, of_two_sample_tests)
{
  double distance, p;
  const gsl_matrix *x = normals (ROWS, D, 18), *y = normals (ROWS, D, 19);
  uses = 0;
  ok (sb_energy_test (x, y, 9, stream, &distance, &p));
  ok (sb_ks_projections (x, y, 9, stream, &distance, &p));
  check_shared (0, "tests of two samples");
}
