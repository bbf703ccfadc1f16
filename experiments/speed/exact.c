// # Our side: exact scores
//
//     exact-driver sample|score D N K STEPS
//     exact-driver points IMAGES N
//     exact-driver heun|own-times|one-time D N K STEPS FILE
//
// A unit of work is N samples of a mixture of K Gaussians, by STEPS steps of a predictor and a corrector and Tweedie's
// formula; or the score of N points, of a mixture or of the law of a data set. mixture.py and points.py are the peers.
//
// Or it is N samples by Karras et al.'s sampler, STEPS levels and 0; or STEPS steps of Euler and Maruyama on the same
// levels, each row at times of its own, or all at one. The facts of the first are the means of samples and of their
// squares, from points which, after the means, are left for the peer in FILE (NPY).

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
  bool own_times;    // of steps, whose normals and times are
  gsl_matrix *z;
  gsl_vector *from, *to;
  sb_sampler_work *work;
  uint64_t seed;
  char facts[128];
} exact;

static void
say (exact *e, size_t evaluations, const char *more)
{
  snprintf (e->facts, sizeof e->facts, "evaluations %zu%s", evaluations, more);
}

// Means are standard normal, standard deviations from 0.1 to 0.5.

static gsl_matrix *
draw_means (size_t d, size_t K)
{
  gsl_matrix *means = require_pointer (gsl_matrix_alloc (K, d), "means");
  require (sb_stream_normals ((sb_stream){ .seed = 1, .purpose = SB_FOR_DATA }, 0, means), "means");
  return means;
}

static sb_target *
mixture (size_t d, size_t K)
{
  gsl_matrix *means = draw_means (d, K);
  gsl_matrix *covariances = require_pointer (gsl_matrix_calloc (K * d, d), "covariances");
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

// ## On Karras et al.'s levels

static void
sample_edm (const exact *e, gsl_matrix *x)
{
  const sb_pc pc = { .step = sb_step_edm_heun, .final = SB_FINAL_SAMPLE };
  require (sb_pc_sample (&pc, e->score, NULL, e->times, (sb_stream){ .seed = 1 }, x, NULL), "sampling");
}

static void
sample_heun (void *context, unsigned long runs)
{
  exact *e = context;
  for (unsigned long k = 0; k < runs; k++)
    {
      require (sb_process_prior (e->process, (sb_stream){ .seed = e->seed++, .purpose = SB_FOR_PRIOR }, e->x), "noise");
      sample_edm (e, e->x);
    }
}

static void
open_heun (exact *e, size_t K, const char *path)
{
  const size_t n = e->x->size1, d = e->x->size2;
  double mean = 0, square = 0;
  char means_of_samples[64];
  sb_error error = { 0 };

  // Leave the means and the points in the file.
  gsl_matrix *means = draw_means (d, K), *numbers = require_pointer (gsl_matrix_alloc (K + n, d), "numbers");
  gsl_matrix_view first = gsl_matrix_submatrix (numbers, 0, 0, K, d), x = gsl_matrix_submatrix (numbers, K, 0, n, d);
  gsl_matrix_memcpy (&first.matrix, means);
  require (sb_process_prior (e->process, (sb_stream){ .purpose = SB_FOR_PRIOR }, &x.matrix), "noise");
  require (sb_npy_write (path, numbers, NULL, SB_NPY_FLOAT64, &error), error.message);

  // Sample from these.
  sample_edm (e, &x.matrix);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < d; j++)
      {
        const double x_ij = gsl_matrix_get (&x.matrix, i, j);
        mean += x_ij / (double)(n * d);
        square += x_ij * x_ij / (double)(n * d);
      }
  snprintf (means_of_samples, sizeof means_of_samples, " mean %.9g square %.9g", mean, square);
  say (e, n * (2 * e->times->size - 3), means_of_samples);
  gsl_matrix_free (means);
  gsl_matrix_free (numbers);
}

// Steps of all rows from one level to the next, or of each row a little above them.

static void
take_steps (void *context, unsigned long runs)
{
  exact *e = context;
  const size_t n = e->x->size1;
  for (unsigned long k = 0; k < runs; k++)
    {
      sb_stream stream = { .seed = e->seed++, .purpose = SB_FOR_PREDICTOR };
      require (sb_process_prior (e->process, stream, e->x), "noise");
      for (size_t j = 0; j + 2 < e->times->size; j++)
        {
          for (size_t i = 0; i < n; i++)
            {
              const double apart = e->own_times ? 1 + 0.01 * (double)i / (double)n : 1;
              gsl_vector_set (e->from, i, apart * gsl_vector_get (e->times, j));
              gsl_vector_set (e->to, i, apart * gsl_vector_get (e->times, j + 1));
            }
          require (sb_stream_normals (stream, j * e->x->size2, e->z), "normals");
          require (sb_step_apply (sb_step_euler_maruyama, NULL, e->work, NULL, e->to, e->from, e->z, e->x), "a step");
        }
    }
}

static void
open_steps (exact *e, bool own_times)
{
  e->own_times = own_times;
  e->work = require_pointer (sb_sampler_work_alloc (e->score, e->x->size1), "memory");
  e->z = require_pointer (gsl_matrix_alloc (e->x->size1, e->x->size2), "normals");
  e->from = require_pointer (gsl_vector_alloc (e->x->size1), "times");
  e->to = require_pointer (gsl_vector_alloc (e->x->size1), "times");
  say (e, e->x->size1 * (e->times->size - 2), "");
}

static void
open_edm (exact *e, size_t d, size_t n, size_t K, size_t levels)
{
  e->process = require_pointer (sb_edm_alloc (d, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX), "the process");
  e->law = mixture (d, K);
  e->score = require_pointer (sb_score_exact_alloc (e->law, e->process), "the score");
  e->x = require_pointer (gsl_matrix_alloc (n, d), "points");
  e->times = require_pointer (gsl_vector_alloc (levels + 1), "the grid");
  require (sb_grid_edm (SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX, 7, e->times), "the grid");
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

// ## What is asked for

typedef void (*unit) (void *side, unsigned long n);

static unit
open_on_levels (exact *e, int argc, char **argv)
{
  const bool heun = strcmp (argv[1], "heun") == 0;
  const size_t n = argument_number (argc, argv, 3), K = argument_number (argc, argv, 4);
  open_edm (e, argument_number (argc, argv, 2), n, K, argument_number (argc, argv, 5));
  if (heun)
    open_heun (e, K, argv[6]);
  else
    open_steps (e, strcmp (argv[1], "own-times") == 0);
  return heun ? sample_heun : take_steps;
}

static unit
open_on_ve (exact *e, int argc, char **argv)
{
  const bool samples = strcmp (argv[1], "sample") == 0;
  const size_t n = argument_number (argc, argv, 3), steps = argument_number (argc, argv, 5);
  open_mixture (e, argument_number (argc, argv, 2), n, argument_number (argc, argv, 4));
  if (samples)
    {
      e->times = require_pointer (gsl_vector_alloc (steps + 1), "the grid");
      require (sb_grid_linear (1, SB_VE_EPSILON, e->times), "the grid");
    }
  else
    place_points (e);
  say (e, samples ? n * (2 * steps + 1) : n, "");
  return samples ? sample : evaluate;
}

static unit
open_on_images (exact *e, int argc, char **argv)
{
  const size_t n = argument_number (argc, argv, 3);
  open_points (e, argv[2], n);
  say (e, n, "");
  return evaluate;
}

int
main (int argc, char **argv)
{
  exact e = { .seed = 1 };
  set_up ();
  if (argc != 4 && argc != 6 && argc != 7)
    require (GSL_EINVAL, "exact-driver sample|score|points|heun|own-times|one-time ...");
  const unit work = (argc == 4 ? open_on_images : argc == 6 ? open_on_ve : open_on_levels) (&e, argc, argv);
  if (!e.score)
    e.score = require_pointer (sb_score_exact_alloc (e.law, e.process), "the score");
  e.out = require_pointer (gsl_matrix_alloc (e.x->size1, e.x->size2), "scores");
  serve (work, &e, e.facts);
  sb_sampler_work_free (e.work);
  gsl_vector_free (e.from);
  gsl_vector_free (e.to);
  gsl_matrix_free (e.z);
  gsl_matrix_free (e.out);
  gsl_matrix_free (e.x);
  gsl_vector_free (e.times);
  sb_score_free (e.score);
  sb_target_free (e.law);
  sb_process_free (e.process);
  return EXIT_SUCCESS;
}
