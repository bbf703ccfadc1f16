// # Our side: Soft Diffusion's blurs and schedules
//
//     soft-driver blur N SIDE
//     soft-driver products|logs IMAGES N
//     soft-driver distances IMAGES N LEVELS
//     soft-driver momentum N K Q STEPS
//
// A unit of work is the blur of N images of SIDE x SIDE pixels and 3 channels, a deviation each, zero beyond the edge;
// Sinkhorn's transport from N digits at deviation 1 to N others at 2, to a residual of 1e-6, by products or in the log
// domain; the distances between LEVELS levels of the blur of N digits; or N samples by Momentum in so many steps, with
// the exact score of a mixture of K probabilistic PCAs with Q directions each in 784 dimensions, mirrored beyond the
// edge. soft.py is the peer.

#include "../results.h"
#include "rounds.h"

#include <gsl/gsl_math.h>
#include <scorebook.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  sb_operator *blur;
  gsl_matrix *x, *y;
  gsl_vector *level; // or times
  sb_sinkhorn how;
  sb_process *process;
  sb_target *law;
  sb_score *score;
} side;

static void
do_blur (void *context, unsigned long times)
{
  side *s = context;
  for (unsigned long k = 0; k < times; k++)
    require (sb_operator_apply (s->blur, CblasNoTrans, s->level, s->x, s->y), "the blur");
}

static void
do_transport (void *context, unsigned long times)
{
  side *s = context;
  sb_transport found;
  for (unsigned long k = 0; k < times; k++)
    require (sb_sinkhorn_points (&s->how, s->x, NULL, s->y, NULL, &found), "the transport");
}

static void
do_distances (void *context, unsigned long times)
{
  side *s = context;
  for (unsigned long k = 0; k < times; k++)
    require (sb_level_distances ("coupled", s->blur, s->level, s->x, (sb_stream){ 0 }, s->y, NULL), "the distances");
}

static void
do_momentum (void *context, unsigned long times)
{
  side *s = context;
  const sb_stream stream = { .seed = 1, .purpose = SB_FOR_PRIOR };
  sb_pc pc = sb_pc_default ();
  pc.step = sb_step_momentum;
  pc.corrector_steps = 0;
  pc.final = SB_FINAL_SAMPLE;
  for (unsigned long k = 0; k < times; k++)
    {
      require (sb_process_prior (s->process, stream, s->x), "the prior");
      require (sb_pc_sample (&pc, s->score, NULL, s->level, stream, s->x, NULL), "samples");
    }
}

// ## What it works on

static gsl_matrix *
digits (const char *path, size_t first, size_t n)
{
  sb_error error = { 0 };
  sb_bytes *bytes = require_pointer (sb_idx_read (path, &error), error.message);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, sb_shape_count (&bytes->shape, 1, SIZE_MAX)), "digits");
  require (sb_bytes_rows (bytes, first, 0, 1, x), "digits");
  sb_bytes_free (bytes);
  return x;
}

static gsl_matrix *
blurred (const sb_operator *blur, double level, gsl_matrix *x)
{
  gsl_matrix *y = require_pointer (gsl_matrix_alloc (x->size1, x->size2), "digits");
  gsl_vector *levels = require_pointer (gsl_vector_alloc (x->size1), "levels");
  gsl_vector_set_all (levels, level);
  require (sb_operator_apply (blur, CblasNoTrans, levels, x, y), "the blur");
  gsl_vector_free (levels);
  gsl_matrix_free (x);
  return y;
}

static void
set_levels (side *s, size_t count, double low, double high)
{
  s->level = require_pointer (gsl_vector_alloc (count), "levels");
  for (size_t k = 0; k < count; k++)
    gsl_vector_set (s->level, k, low + (high - low) * (double)k / (double)(count - 1));
}

static void
open_blur (side *s, size_t n, size_t pixels)
{
  s->blur = require_pointer (sb_operator_blur_alloc (pixels, pixels, 3, 80, SB_BOUNDARY_ZERO), "the blur");
  s->x = require_pointer (gsl_matrix_alloc (n, pixels * pixels * 3), "images");
  s->y = require_pointer (gsl_matrix_alloc (n, pixels * pixels * 3), "images");
  require (sb_stream_uniforms ((sb_stream){ .seed = 1, .purpose = SB_FOR_DATA }, 0, s->x), "images");
  set_levels (s, n, 0.5, 23);
}

static void
open_transport (side *s, const char *path, size_t n, bool in_logs)
{
  double mean;
  s->blur = require_pointer (sb_operator_blur_alloc (28, 28, 1, 27, SB_BOUNDARY_ZERO), "the blur");
  s->x = blurred (s->blur, 1, digits (path, 0, n));
  s->y = blurred (s->blur, 2, digits (path, n, n));
  require (sb_mean_squared_distance (s->x, s->y, &mean), "the mean cost");
  s->how = (sb_sinkhorn){ 0.05 * mean, in_logs, 1e-6, 100000 };
}

static void
open_distances (side *s, const char *path, size_t n, size_t levels)
{
  s->blur = require_pointer (sb_operator_blur_alloc (28, 28, 1, 27, SB_BOUNDARY_ZERO), "the blur");
  s->x = digits (path, 0, n);
  s->y = require_pointer (gsl_matrix_alloc (levels, levels), "distances");
  set_levels (s, levels, 0.01, 10);
}

// Means and loadings are random: what it costs does not depend on them.

static gsl_matrix *
random_rows (size_t n, size_t d, double deviation, uint64_t seed)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, d), "numbers");
  require (sb_stream_normals ((sb_stream){ .seed = seed, .purpose = SB_FOR_DATA }, 0, x), "numbers");
  gsl_matrix_scale (x, deviation);
  return x;
}

static void
open_momentum (side *s, size_t n, size_t K, size_t q, size_t steps)
{
  sb_error error = { 0 };
  const size_t d = 28 * 28;
  gsl_matrix *means = random_rows (K, d, 0.3, 1), *loadings = random_rows (K * q, d, 0.05, 2);
  gsl_vector *noise = require_pointer (gsl_vector_alloc (K), "numbers");
  gsl_vector_set_all (noise, 0.01);
  s->process = require_pointer (sb_process_from_text ("soft image=1x28x28 half=27 boundary=symmetric", d, &error),
                                error.message);
  s->law = require_pointer (sb_target_pca_mixture_alloc (NULL, means, loadings, noise), "the law");
  s->score = require_pointer (sb_score_exact_alloc (s->law, s->process), "the score");
  s->x = require_pointer (gsl_matrix_alloc (n, d), "samples");
  s->level = require_pointer (gsl_vector_alloc (steps + 1), "times");
  require (sb_soft_fit (s->process, means), "the prior");
  require (sb_grid_linear (1, s->process->t_min, s->level), "times");
  gsl_matrix_free (means), gsl_matrix_free (loadings);
  gsl_vector_free (noise);
}

int
main (int argc, char **argv)
{
  side s = { 0 };
  char facts[64] = "";
  void (*work) (void *, unsigned long) = do_transport;
  set_up ();
  if (argc == 4 && strcmp (argv[1], "blur") == 0)
    {
      work = do_blur;
      open_blur (&s, argument_number (argc, argv, 2), argument_number (argc, argv, 3));
    }
  else if (argc == 6)
    {
      work = do_momentum;
      open_momentum (&s, argument_number (argc, argv, 2), argument_number (argc, argv, 3),
                     argument_number (argc, argv, 4), argument_number (argc, argv, 5));
    }
  else if (argc == 5)
    {
      work = do_distances;
      open_distances (&s, argv[2], argument_number (argc, argv, 3), argument_number (argc, argv, 4));
    }
  else
    {
      sb_transport found;
      open_transport (&s, argv[2], argument_number (argc, argv, 3), strcmp (argv[1], "logs") == 0);
      require (sb_sinkhorn_points (&s.how, s.x, NULL, s.y, NULL, &found), "the transport");
      snprintf (facts, sizeof facts, "transport %.5g iterations %zu", found.transport, found.iterations);
    }
  serve (work, &s, facts);
  sb_score_free (s.score);
  sb_target_free (s.law);
  sb_process_free (s.process);
  sb_operator_free (s.blur);
  gsl_matrix_free (s.x);
  gsl_matrix_free (s.y);
  gsl_vector_free (s.level);
  return EXIT_SUCCESS;
}
