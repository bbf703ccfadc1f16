// # Our side: samples of a class
//
//     guided-driver MODEL CLASSIFIER N STEPS FILE
//
// A unit of work is N samples, row i of class i mod the number of classes, by a network's score and a classifier's
// gradient: STEPS steps of reverse diffusion, each followed by one of Langevin's. Every run has the same starting
// points and normals, which are left in FILE (NPY) for the peer, guided.py: N rows to start from, then for each step N
// of the predictor and N of the corrector. The facts are the evaluations of the guided score, and the means of the
// samples and of their squares.

#include "../results.h"
#include "rounds.h"

#include <gsl/gsl_math.h>
#include <scorebook.h>
#include <stdlib.h>

typedef struct
{
  sb_model *model, *of_classes;
  sb_score *score, *guided;
  sb_timed_classifier *classifier;
  gsl_matrix *classes, *numbers; // `numbers` as in FILE
  gsl_matrix *x;
  gsl_vector *times;
} side;

static gsl_matrix_view
rows_of (const side *s, size_t block)
{
  const size_t n = s->x->size1;
  return gsl_matrix_submatrix (s->numbers, block * n, 0, n, s->numbers->size2);
}

static int
noise (void *context, sb_purpose purpose, size_t count, gsl_matrix *z)
{
  const gsl_matrix_view rows = rows_of (context, 1 + 2 * count + (purpose == SB_FOR_CORRECTOR));
  return gsl_matrix_memcpy (z, &rows.matrix);
}

static size_t
sample (side *s)
{
  const gsl_matrix_view start = rows_of (s, 0);
  sb_pc pc = sb_pc_default ();
  size_t evaluations;
  pc.final = SB_FINAL_SAMPLE;
  pc.noise = noise;
  pc.context = s;
  gsl_matrix_memcpy (s->x, &start.matrix);
  require (sb_pc_sample (&pc, s->guided, s->classes, s->times, (sb_stream){ .seed = 1 }, s->x, &evaluations),
           "sampling");
  return evaluations;
}

static void
work (void *context, unsigned long runs)
{
  for (unsigned long k = 0; k < runs; k++)
    sample (context);
}

static void
open_score (side *s, const char *model, const char *classifier)
{
  sb_error error = { 0 };
  s->model = require_pointer (sb_model_read (model, &error), error.message);
  s->of_classes = require_pointer (sb_model_read_classifier (classifier, &error), error.message);
  require (sb_net_choose (s->model->net, NULL, SB_NET_FLOAT, &error), error.message);
  require (sb_net_choose (s->of_classes->net, NULL, SB_NET_FLOAT, &error), error.message);
  s->score = require_pointer (sb_score_network_alloc (&s->model->network), "the score");
  s->classifier = require_pointer (sb_timed_classifier_alloc (&s->of_classes->network), "the classifier");
  const sb_guidance by = { sb_timed_classifier_gradient, s->classifier, 1 };
  s->guided = require_pointer (sb_score_guided_alloc (s->score, &by), "the guided score");
}

static void
draw_numbers (side *s, size_t n, size_t steps)
{
  const sb_process *process = s->model->process;
  const size_t d = process->dimension, classes = sb_timed_classifier_classes (s->classifier);
  s->x = require_pointer (gsl_matrix_alloc (n, d), "samples");
  s->numbers = require_pointer (gsl_matrix_alloc ((1 + 2 * steps) * n, d), "numbers");
  s->classes = require_pointer (gsl_matrix_alloc (n, 1), "classes");
  s->times = require_pointer (gsl_vector_alloc (steps + 1), "times");
  require (sb_stream_normals ((sb_stream){ .seed = 1, .purpose = SB_FOR_PREDICTOR }, 0, s->numbers), "numbers");
  gsl_matrix_view start = rows_of (s, 0);
  require (sb_process_prior (process, (sb_stream){ .seed = 1, .purpose = SB_FOR_PRIOR }, &start.matrix), "the prior");
  require (sb_grid_linear (process->t_max, process->t_min, s->times), "the grid");
  for (size_t i = 0; i < n; i++)
    gsl_matrix_set (s->classes, i, 0, (double)(i % classes));
}

// The means of the samples and of their squares.

static void
find_means (const gsl_matrix *x, double *mean, double *square)
{
  const double numbers = (double)x->size1 * (double)x->size2;
  *mean = *square = 0;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      {
        *mean += gsl_matrix_get (x, i, j) / numbers;
        *square += gsl_pow_2 (gsl_matrix_get (x, i, j)) / numbers;
      }
}

int
main (int argc, char **argv)
{
  side s = { 0 };
  sb_error error = { 0 };
  char facts[128];
  double mean, square;
  set_up ();
  if (argc != 6)
    require (GSL_EINVAL, "guided-driver MODEL CLASSIFIER N STEPS FILE");
  open_score (&s, argv[1], argv[2]);
  draw_numbers (&s, argument_number (argc, argv, 3), argument_number (argc, argv, 4));
  require (sb_npy_write (argv[5], s.numbers, NULL, SB_NPY_FLOAT64, &error), error.message);
  const size_t evaluations = sample (&s);
  find_means (s.x, &mean, &square);
  snprintf (facts, sizeof facts, "evaluations %zu mean %.9g square %.9g", evaluations, mean, square);
  serve (work, &s, facts);
  gsl_vector_free (s.times);
  gsl_matrix_free (s.x);
  gsl_matrix_free (s.numbers);
  gsl_matrix_free (s.classes);
  sb_score_free (s.guided);
  sb_score_free (s.score);
  sb_timed_classifier_free (s.classifier);
  sb_model_free (s.of_classes);
  sb_model_free (s.model);
  return EXIT_SUCCESS;
}
