// # Our side: exact scores
//
//     exact-driver sample|score D N K STEPS
//     exact-driver points IMAGES N
//
// A unit of work is N samples of a mixture of K Gaussians, by STEPS steps of a predictor and a corrector and Tweedie's
// formula; or the score of N points, of a mixture or of the law of a data set. mixture.py and points.py are the peers.

#include "../results.h"
#include "rounds.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <scorebook.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  sb_target *law;
  sb_process *process;
  sb_score *score;
  gsl_matrix *x, *out;
  gsl_vector *times; // of the grid; or of each point
  uint64_t seed;
} exact;

// Means are standard normal, standard deviations from 0.1 to 0.5.

static sb_target *
mixture (size_t d, size_t K)
{
  gsl_matrix *means = require_pointer (gsl_matrix_alloc (K, d), "means");
  gsl_matrix *covariances = require_pointer (gsl_matrix_calloc (K * d, d), "covariances");
  require (sb_stream_normals ((sb_stream){ .seed = 1, .purpose = SB_FOR_DATA }, 0, means), "means");
  for (size_t k = 0; k < K; k++)
    for (size_t j = 0; j < d; j++)
      gsl_matrix_set (covariances, k * d + j, j, gsl_pow_2 (0.1 + 0.4 * (double)k / (double)(K > 1 ? K - 1 : 1)));
  sb_target *law = require_pointer (sb_target_mixture_alloc (NULL, means, covariances), "the law");
  gsl_matrix_free (means);
  gsl_matrix_free (covariances);
  return law;
}

static void
sample (void *context, unsigned long runs)
{
  exact *e = context;
  sb_pc pc = sb_pc_default ();
  for (unsigned long k = 0; k < runs; k++)
    {
      sb_stream stream = { .seed = e->seed++, .purpose = SB_FOR_PRIOR };
      require (sb_process_prior (e->process, stream, e->x), "the prior");
      require (sb_pc_sample (&pc, e->score, NULL, e->times, stream, e->x, NULL), "sampling");
    }
}

static void
evaluate (void *context, unsigned long times)
{
  exact *e = context;
  for (unsigned long k = 0; k < times; k++)
    require (sb_score_evaluate (e->score, SB_SCORE, e->x, e->times, NULL, e->out), "the score");
}

static void
open_mixture (exact *e, size_t d, size_t n, size_t K)
{
  e->process = require_pointer (sb_ve_alloc (d, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX), "the process");
  e->law = mixture (d, K);
  e->x = require_pointer (gsl_matrix_alloc (n, d), "points");
}

// The time where the noise is 1.

static void
place_points (exact *e)
{
  e->times = require_pointer (gsl_vector_alloc (e->x->size1), "times");
  gsl_vector_set_all (e->times, log (1 / SB_VE_SIGMA_MIN) / log (SB_VE_SIGMA_MAX / SB_VE_SIGMA_MIN));
  require (sb_stream_normals ((sb_stream){ .seed = 2, .purpose = SB_FOR_PRIOR }, 0, e->x), "points");
}

// Images under so much noise, at half their size, that many of them count.

static void
open_points (exact *e, const char *path, size_t n)
{
  sb_error error = { 0 };
  sb_bytes *bytes = require_pointer (sb_idx_read (path, &error), error.message);
  const size_t K = bytes->shape.length[0], d = sb_shape_count (&bytes->shape, 1, SIZE_MAX);
  gsl_matrix *images = require_pointer (gsl_matrix_alloc (K, d), "images");
  require (sb_bytes_rows (bytes, 0, -1, 1, images), "images");
  sb_bytes_free (bytes);
  e->law = require_pointer (sb_target_points_alloc (images, NULL), "the law");
  e->process = require_pointer (sb_vp_alloc (d, SB_VP_BETA_MIN, SB_VP_BETA_MAX), "the process");
  e->x = require_pointer (gsl_matrix_alloc (n, d), "points");
  e->times = require_pointer (gsl_vector_alloc (n), "times");
  const double integral = log (4), slope = SB_VP_BETA_MAX - SB_VP_BETA_MIN; // a = 1/2
  gsl_vector_set_all (e->times, (sqrt (gsl_pow_2 (SB_VP_BETA_MIN) + 2 * slope * integral) - SB_VP_BETA_MIN) / slope);
  require (sb_stream_normals ((sb_stream){ .seed = 2, .purpose = SB_FOR_PRIOR }, 0, e->x), "points");
  gsl_matrix_scale (e->x, 10 * sqrt (0.75));
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector_const_view image = gsl_matrix_const_row (images, i);
      gsl_vector_view x = gsl_matrix_row (e->x, i);
      gsl_vector_axpby (0.5, &image.vector, 1, &x.vector);
    }
  gsl_matrix_free (images);
}

int
main (int argc, char **argv)
{
  exact e = { .seed = 1 };
  char facts[64];
  size_t evaluations;
  void (*work) (void *, unsigned long) = evaluate;
  set_up ();
  if (argc == 4 && strcmp (argv[1], "points") == 0)
    {
      evaluations = argument_number (argc, argv, 3);
      open_points (&e, argv[2], evaluations);
    }
  else
    {
      const size_t d = argument_number (argc, argv, 2), n = argument_number (argc, argv, 3);
      const size_t steps = argument_number (argc, argv, 5);
      open_mixture (&e, d, n, argument_number (argc, argv, 4));
      evaluations = n;
      if (strcmp (argv[1], "sample") == 0)
        {
          evaluations = n * (2 * steps + 1);
          work = sample;
          e.times = require_pointer (gsl_vector_alloc (steps + 1), "the grid");
          require (sb_grid_linear (1, SB_VE_EPSILON, e.times), "the grid");
        }
      else
        place_points (&e);
    }
  e.score = require_pointer (sb_score_exact_alloc (e.law, e.process), "the score");
  e.out = require_pointer (gsl_matrix_alloc (e.x->size1, e.x->size2), "scores");
  snprintf (facts, sizeof facts, "evaluations %zu", evaluations);
  serve (work, &e, facts);
  gsl_matrix_free (e.out);
  gsl_matrix_free (e.x);
  gsl_vector_free (e.times);
  sb_score_free (e.score);
  sb_target_free (e.law);
  sb_process_free (e.process);
  return EXIT_SUCCESS;
}
