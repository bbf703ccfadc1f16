// # Our side: Non-Uniform Diffusion Models
//
//     nonuniform-driver haar N SIDE
//     nonuniform-driver ssim N SIDE CHANNELS
//     nonuniform-driver cmde N STEPS
//     nonuniform-driver uniform N D
//     nonuniform-driver transition N D PARTS
//
// A unit of work is Haar's transform of N images of SIDE x SIDE pixels and 3 channels, 3 levels, there and back; the
// structural similarity of N pairs of images; N samples given a condition that diffuses, STEPS steps of Euler and
// Maruyama with the exact score of a mixture of 3 Gaussians in 2 + 2 dimensions; or one transition of N rows of D
// numbers, a time each, of VP or of so many blocks of it. nonuniform.py is the peer. Numbers are the fractional parts
// of multiples, which it has too.

#include "../results.h"
#include "rounds.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <scorebook.h>
#include <stdlib.h>
#include <string.h>

enum
{
  K = 3,
  X = 2, // numbers of the sample, and of its condition
  Z = 2 * X,
  MOST_PARTS = 64
};

typedef struct
{
  size_t side, channels;
  gsl_matrix *x, *y, *out;
  gsl_vector *t;
  sb_operator *haar;
  sb_process *process;
  sb_target *law;
  sb_score *joint, *score;
  uint64_t seed;
} side;

static gsl_matrix *
numbers (size_t n, size_t d)
{
  return require_pointer (gsl_matrix_alloc (n, d), "numbers");
}

static gsl_matrix *
fractions (size_t n, size_t d, double step)
{
  gsl_matrix *x = numbers (n, d);
  for (size_t k = 0; k < n * d; k++)
    x->data[k] = fmod ((double)k * step, 1);
  return x;
}

// ## Images

static void
there_and_back (void *context, unsigned long times)
{
  side *s = context;
  for (unsigned long k = 0; k < times; k++)
    {
      require (sb_operator_apply (s->haar, CblasNoTrans, NULL, s->x, s->out), "the transform");
      require (sb_operator_apply (s->haar, CblasTrans, NULL, s->out, s->y), "and back");
    }
}

static void
open_haar (side *s, size_t n, size_t pixels, char *facts)
{
  const size_t d = 3 * pixels * pixels;
  s->haar = require_pointer (sb_operator_haar_alloc (pixels, pixels, 3, 3), "the transform");
  s->x = fractions (n, d, M_SQRT2);
  s->y = numbers (n, d);
  s->out = numbers (n, d);
  there_and_back (s, 1);
  gsl_matrix_sub (s->y, s->x);
  double of_coarsest = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < d / 64; j++)
      of_coarsest += gsl_pow_2 (gsl_matrix_get (s->out, i, j));
  sprintf (facts, "energy %.15g error %g", of_coarsest, GSL_MAX_DBL (gsl_matrix_max (s->y), -gsl_matrix_min (s->y)));
}

static double
similarity_of (const side *s)
{
  double mean;
  require (sb_ssim (s->x, s->y, s->side, s->side, s->channels, 1, NULL, &mean), "the similarity");
  return mean;
}

static void
compare (void *context, unsigned long times)
{
  for (unsigned long k = 0; k < times; k++)
    similarity_of (context);
}

static void
open_ssim (side *s, size_t n, size_t pixels, size_t channels, char *facts)
{
  const size_t d = pixels * pixels * channels;
  s->side = pixels, s->channels = channels;
  s->x = fractions (n, d, M_SQRT2);
  s->y = fractions (n, d, M_SQRT3);
  gsl_matrix_add (s->y, s->x);
  gsl_matrix_scale (s->y, 0.5);
  sprintf (facts, "ssim %.17g", similarity_of (s));
}

// ## A condition that diffuses
//
// Component k is N(m_k, L_k L_k^T), all by the same rule on both sides.

static void
set_component (size_t k, gsl_vector *mean, gsl_matrix *covariance)
{
  double L[Z][Z];
  for (size_t i = 0; i < Z; i++)
    {
      gsl_vector_set (mean, i, 2 * sin (1 + (double)(Z * k + i)));
      for (size_t j = 0; j < Z; j++)
        L[i][j] = j > i ? 0 : j == i ? 0.5 : 0.3 * cos ((double)(Z * Z * k + Z * i + j));
    }
  for (size_t i = 0; i < Z; i++)
    for (size_t j = 0; j < Z; j++)
      {
        double sum = 0;
        for (size_t m = 0; m < Z; m++)
          sum += L[i][m] * L[j][m];
        gsl_matrix_set (covariance, i, j, sum);
      }
}

static void
sample (void *context, unsigned long times)
{
  side *s = context;
  const sb_condition condition = { sb_nonuniform_block (s->process, 1), false };
  const sb_pc pc = { .step = sb_step_euler_maruyama, .final = SB_FINAL_SAMPLE, .condition = &condition };
  for (unsigned long k = 0; k < times; k++)
    {
      const sb_stream stream = { .seed = s->seed++, .purpose = SB_FOR_PRIOR };
      require (sb_process_prior (sb_nonuniform_block (s->process, 0), stream, s->x), "the prior");
      require (sb_pc_sample (&pc, s->score, s->y, s->t, stream, s->x, NULL), "samples");
    }
}

static void
open_cmde (side *s, size_t n, size_t steps, char *facts)
{
  const sb_multispeed speeds = { .x = X, .y = X, .sigma_min = 0.01, .sigma_max = 10, .sigma_max_y = 1 };
  gsl_matrix *means = numbers (K, Z), *covariances = numbers (K * Z, Z);
  for (size_t k = 0; k < K; k++)
    {
      gsl_vector_view mean = gsl_matrix_row (means, k);
      gsl_matrix_view covariance = gsl_matrix_submatrix (covariances, k * Z, 0, Z, Z);
      set_component (k, &mean.vector, &covariance.matrix);
    }
  s->law = require_pointer (sb_target_mixture_alloc (NULL, means, covariances), "the law");
  s->process = require_pointer (sb_multispeed_alloc (&speeds), "a pair");
  s->joint = require_pointer (sb_score_exact_alloc (s->law, s->process), "the score");
  s->score = require_pointer (sb_score_slice_alloc (s->joint, sb_nonuniform_block (s->process, 0)), "the score");
  s->x = numbers (n, X);
  s->y = fractions (n, X, M_SQRT2);
  s->t = require_pointer (gsl_vector_alloc (steps + 1), "times");
  require (sb_grid_linear (1, 1e-3, s->t), "times");
  gsl_matrix_free (means);
  gsl_matrix_free (covariances);
  sample (s, 1);
  const double *x = s->x->data;
  sprintf (facts, "deviation %.9g", gsl_stats_sd (x, 1, X * n));
}

// ## A transition

static void
perturb (void *context, unsigned long times)
{
  side *s = context;
  for (unsigned long k = 0; k < times; k++)
    {
      gsl_matrix_memcpy (s->out, s->x);
      require (sb_process_transition (s->process, NULL, s->t, s->y, s->out), "the transition");
    }
}

static void
open_transition (side *s, size_t n, size_t d, size_t parts)
{
  sb_process *block[MOST_PARTS];
  require (parts <= MOST_PARTS && (parts == 0 || d % parts == 0) ? GSL_SUCCESS : GSL_EINVAL, "parts");
  for (size_t k = 0; k < parts; k++)
    block[k] = sb_vp_alloc (d / parts, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  s->process = parts == 0 ? sb_vp_alloc (d, SB_VP_BETA_MIN, SB_VP_BETA_MAX)
                          : sb_nonuniform_alloc ("blocks", parts, block, 1e-5, 1, NULL);
  require_pointer (s->process, "the process");
  s->x = fractions (n, d, M_SQRT2);
  s->y = fractions (n, d, M_SQRT3);
  s->out = numbers (n, d);
  s->t = require_pointer (gsl_vector_alloc (n), "times");
  require (sb_grid_linear (1e-3, 1, s->t), "times");
}

int
main (int argc, char **argv)
{
  side s = { .seed = 1 };
  char facts[96] = "";
  void (*work) (void *, unsigned long) = perturb;
  const char *what = argc > 1 ? argv[1] : "";
  set_up ();
  const size_t n = argument_number (argc, argv, 2), a = argument_number (argc, argv, 3);
  if (strcmp (what, "haar") == 0)
    {
      work = there_and_back;
      open_haar (&s, n, a, facts);
    }
  else if (strcmp (what, "ssim") == 0)
    {
      work = compare;
      open_ssim (&s, n, a, argument_number (argc, argv, 4), facts);
    }
  else if (strcmp (what, "cmde") == 0)
    {
      work = sample;
      open_cmde (&s, n, a, facts);
    }
  else
    open_transition (&s, n, a, strcmp (what, "uniform") == 0 ? 0 : argument_number (argc, argv, 4));
  serve (work, &s, facts);
  sb_score_free (s.score);
  sb_score_free (s.joint);
  sb_target_free (s.law);
  sb_process_free (s.process);
  sb_operator_free (s.haar);
  gsl_vector_free (s.t);
  gsl_matrix_free (s.x);
  gsl_matrix_free (s.y);
  gsl_matrix_free (s.out);
  return EXIT_SUCCESS;
}
