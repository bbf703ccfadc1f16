// # Mixtures with diagonal covariances, in batches
//
// The rows of a batch are worked on side by side, several coordinates at a time. Here batches of all sizes and
// dimensions, rows at one time, at times of their own and in runs, are held against the textbook's formulas of one row
// in `long double`. (test_mixture.c holds single points against a finer measure.)

#include "batch.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "target/target.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>

SUITE (diagonal);

enum
{
  MOST_K = 9,
  MOST_D = 100
};

typedef struct
{
  size_t K, d;
  double w[MOST_K], mu[MOST_K][MOST_D], variance[MOST_K][MOST_D];
} law;

// ## The textbook's formulas

typedef struct
{
  long double log_p, view[3][MOST_D], divergence; // score, denoiser, epsilon; of the score
} textbook;

static textbook
textbook_at (const law *l, double m, double sd, const double *x)
{
  long double log_share[MOST_K], top = -INFINITY, total = 0, weights = 0;
  textbook t = { 0 };
  for (size_t k = 0; k < l->K; k++)
    {
      log_share[k] = logl (l->w[k]);
      weights += l->w[k];
      for (size_t j = 0; j < l->d; j++)
        {
          long double s = (long double)m * m * l->variance[k][j] + (long double)sd * sd;
          long double delta = x[j] - (long double)m * l->mu[k][j];
          log_share[k] -= (delta * delta / s + logl (2 * 3.14159265358979323846264L * s)) / 2;
        }
      top = fmaxl (top, log_share[k]);
    }
  for (size_t k = 0; k < l->K; k++)
    total += expl (log_share[k] - top);
  t.log_p = top + logl (total / weights);
  for (size_t k = 0; k < l->K; k++)
    for (size_t j = 0; j < l->d; j++)
      {
        long double r = expl (log_share[k] - top) / total;
        long double s = (long double)m * m * l->variance[k][j] + (long double)sd * sd;
        long double delta = x[j] - (long double)m * l->mu[k][j];
        t.view[0][j] -= r * delta / s;
        t.view[1][j] += r * (l->mu[k][j] + m * l->variance[k][j] * delta / s);
        t.view[2][j] += r * sd * delta / s;
      }
  for (size_t k = 0; k < l->K; k++)
    for (size_t j = 0; j < l->d; j++)
      {
        long double s = (long double)m * m * l->variance[k][j] + (long double)sd * sd;
        long double e = ((long double)m * l->mu[k][j] - x[j]) / s - t.view[0][j];
        t.divergence += expl (log_share[k] - top) / total * (e * e - 1 / s);
      }
  return t;
}

// ## A batch

typedef enum
{
  ONE_TIME,
  OWN_TIMES,
  RUNS
} times;

enum
{
  P_K,
  P_D,
  P_N,
  P_ROUND,
  P_TIMES,
  P_SEED,
  PARAMETERS
};

static const property_parameter parameters[PARAMETERS]
    = { { "K", PROPERTY_INTEGER, 1, MOST_K, 1 }, { "d", PROPERTY_INTEGER, 1, MOST_D, 1 },
        { "n", PROPERTY_INTEGER, 1, 70, 1 },     { "round", PROPERTY_INTEGER, 0, 1, 1 },
        { "times", PROPERTY_INTEGER, 0, 2, 0 },  { "seed", PROPERTY_INTEGER, 0, 1000000, 0 } };

// Components are near enough to each other for a few to have a part in a row's score, and a weight may be zero.

static law
random_law (gsl_rng *r, const double *v)
{
  law l = { .K = (size_t)v[P_K], .d = (size_t)v[P_D] };
  for (size_t k = 0; k < l.K; k++)
    {
      l.w[k] = k > 0 && gsl_rng_uniform_int (r, 6) == 0 ? 0 : gsl_rng_uniform_pos (r);
      for (size_t j = 0; j < l.d; j++)
        {
          l.mu[k][j] = gsl_ran_gaussian (r, l.d > 16 ? 2 / sqrt ((double)l.d) : 0.5);
          l.variance[k][j] = v[P_ROUND] > 0 && j > 0 ? l.variance[k][0] : gsl_ran_flat (r, 0.1, 2);
        }
    }
  return l;
}

static sb_target *
as_target (const law *l)
{
  gsl_vector *w = vector (l->K);
  gsl_matrix *mu = matrix (l->K, l->d), *C = matrix_all (l->K * l->d, l->d, 0);
  for (size_t k = 0; k < l->K; k++)
    {
      gsl_vector_set (w, k, l->w[k]);
      for (size_t j = 0; j < l->d; j++)
        {
          gsl_matrix_set (mu, k, j, l->mu[k][j]);
          gsl_matrix_set (C, k * l->d + j, j, l->variance[k][j]);
        }
    }
  return scoped (sb_target_mixture_alloc (w, mu, C));
}

static double
time_of (times kind, size_t i)
{
  switch (kind)
    {
    case OWN_TIMES:
      return 0.05 + 0.9 * fmod (0.618 * (double)i, 1);
    case RUNS:
      return 0.1 + 0.2 * (double)(i / 5 % 4);
    default:
      return 0.3;
    }
}

// The largest error in a batch, relative to the size that a number of its kind has.

static double
error_of (double y, long double exact, double size)
{
  return (double)fabsl (y - exact) / (size + (double)fabsl (exact));
}

typedef struct
{
  sb_target *target;
  sb_process *process;
  gsl_matrix *x;
  gsl_vector *t;
} batch;

static batch
random_batch (const law *l, gsl_rng *r, const double *v)
{
  const size_t n = (size_t)v[P_N];
  sb_process *process = fmod (v[P_SEED], 2) > 0 ? sb_vp_alloc (l->d, 0.1, 20) : sb_ve_alloc (l->d, 0.01, 5);
  batch b = { as_target (l), scoped (process), matrix (n, l->d), vector (n) };
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector_set (b.t, i, time_of ((times)v[P_TIMES], i));
      for (size_t j = 0; j < l->d; j++)
        gsl_matrix_set (b.x, i, j, gsl_ran_gaussian (r, 1));
    }
  return b;
}

static double
residual (const double *v, void *context)
{
  (void)context;
  gsl_rng *r = property_rng (v[P_SEED]);
  law l = random_law (r, v);
  batch b = random_batch (&l, r, v);
  const answers found = ask_batch (b.target, b.process, b.x, b.t, b.x);
  const double size[] = { 10, 1, 1 };
  double worst = 0;
  for (size_t i = 0; i < b.x->size1; i++)
    {
      double m, sd;
      sb_process_scalars (b.process, 0, gsl_vector_get (b.t, i), &m, &sd);
      textbook t = textbook_at (&l, m, sd, gsl_matrix_const_ptr (b.x, i, 0));
      worst = larger (worst, error_of (gsl_vector_get (found.log_p, i), t.log_p, (double)l.d));
      worst = larger (worst, error_of (gsl_vector_get (found.divergence, i), t.divergence, 10 * (double)l.d));
      for (size_t k = 0; k < 3; k++)
        for (size_t j = 0; j < l.d; j++)
          worst = larger (worst, error_of (gsl_matrix_get (&found.view[k].matrix, i, j), t.view[k][j], size[k]));
    }
  return worst;
}

// Densities, with the constant of their dimension, [consistent.txt-normconst] and the views, denoisers among them.
// [consistent.eq2]

Test (diagonal, batches_agree_with_long_double)
{
  property_check ("a batch under a mixture with diagonal covariances", 20261122, 600, PARAMETERS, parameters, residual,
                  NULL, 1e-12);
}

// ## A row on its own
//
// To the last bit, whatever the batch; but in many dimensions, where rows at one time are worked on along the row, only
// so far as their times are the same.

static double
difference_alone (const double *v, void *context)
{
  (void)context;
  gsl_rng *r = property_rng (v[P_SEED]);
  law l = random_law (r, v);
  batch b = random_batch (&l, r, v);
  const answers found = ask_batch (b.target, b.process, b.x, b.t, b.x);
  gsl_matrix *alone = matrix (1, l.d);
  double different = 0;
  for (size_t i = 0; i < b.x->size1; i += 3)
    {
      gsl_matrix_const_view x = gsl_matrix_const_submatrix (b.x, i, 0, 1, l.d);
      gsl_vector_const_view t = gsl_vector_const_subvector (b.t, i, 1);
      sb_target_evaluate (b.target, b.process, SB_SCORE, &x.matrix, &t.vector, alone);
      for (size_t j = 0; j < l.d; j++)
        {
          const double here = gsl_matrix_get (&found.view[0].matrix, i, j), there = gsl_matrix_get (alone, 0, j);
          different
              += l.d < 64 || v[P_TIMES] == ONE_TIME ? here != there : fabs (here - there) > 1e-12 * (10 + fabs (here));
        }
    }
  return different;
}

Test (diagonal, a_row_does_not_depend_on_the_others)
{
  property_check ("a row's score alone and in its batch", 20261123, 200, PARAMETERS, parameters, difference_alone, NULL,
                  0);
}
