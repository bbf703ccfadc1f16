// # Distances between levels of a corruption
//
// The paper computes $W_2$ between slices of the data at 256 levels of blur by Sinkhorn's iteration
// [soft.set-schedule]: 32,640 transport problems. Blurs need none of them. By Brenier's theorem it is optimal to move
// each point to the gradient, at that point, of a convex function, whatever the law. And $y \mapsto C_b C_a^{-1} y$ is
// such a gradient where $C_b C_a^{-1}$ is symmetric and positive semidefinite, as it is for blurs that commute; so is
// $y \mapsto C_b\,y$ for a mask nested in another. Each image at level $a$ goes to the same image at level $b$, and
// $$ W_2^2(\mathcal D_a, \mathcal D_b) = E\,|(C_a - C_b)\,x|^2 . $$
// For other operators this plan costs more than the best one: it is an upper bound. Noise of the same deviation at both
// levels changes nothing, as the plan can leave it unchanged.

#include "distances.h"
#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "../measure/frechet.h"
#include "../measure/sample_moments.h"
#include "../measure/sinkhorn.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

typedef struct
{
  const sb_operator *C;
  const gsl_vector *level; // N
  const gsl_matrix *x;     // n x d
  double noise, regularisation;
  sb_stream stream;
  gsl_matrix *distance; // N x N
} problem;

typedef struct
{
  sb_entry entry;
  int (*measure) (const problem *p);
} metric;

static int
apply_level (const sb_operator *C, double level, const gsl_matrix *x, gsl_matrix *out)
{
  gsl_vector *same = gsl_vector_alloc (x->size1);
  if (!same)
    return GSL_ENOMEM;
  gsl_vector_set_all (same, level);
  int status = sb_operator_apply (C, CblasNoTrans, same, x, out);
  gsl_vector_free (same);
  return status;
}

static void
set_pair (gsl_matrix *distance, size_t a, size_t b, double value)
{
  gsl_matrix_set (distance, a, b, value);
  gsl_matrix_set (distance, b, a, value);
}

// ## Coupled
//
// From one level to the next an image changes by $\Delta_k = (C_{k+1} - C_k)\,x$, and between any two by a sum of
// these. With their Gram matrix $G_{kl} = \sum_x \Delta_k^T \Delta_l$,
// $$ n\,W_2^2(\mathcal D_a, \mathcal D_b) = \sum_{k,l = a}^{b-1} G_{kl} . $$
// (The Gram matrix of the images themselves would do, but neighbours differ by little and cancellation would leave
// noise.) It is summed over images, a few at a time.

enum
{
  SHARDS = 32,         // at most: each has a Gram matrix,
  GRAMS = 1 << 22,     // all together have at most so many numbers, or there is one shard
  AT_A_TIME = 1 << 15, // numbers of images, at each level
};

typedef struct
{
  const problem *of;
  gsl_matrix *gram; // (N - 1)^2 numbers for each shard
} coupling;

static int
find_changes (const problem *p, const gsl_matrix *x, gsl_matrix *before, gsl_matrix *after, gsl_matrix *change)
{
  int status = apply_level (p->C, gsl_vector_get (p->level, 0), x, before);
  for (size_t k = 0; k + 1 < p->level->size && !status; k++)
    {
      gsl_matrix_view to = gsl_matrix_view_array (gsl_matrix_ptr (change, k, 0), x->size1, x->size2);
      status = apply_level (p->C, gsl_vector_get (p->level, k + 1), x, after);
      gsl_matrix_memcpy (&to.matrix, after);
      gsl_matrix_sub (&to.matrix, before);
      gsl_matrix_memcpy (before, after);
    }
  return status;
}

static int
add_images (const problem *p, size_t first, size_t count, gsl_matrix *gram)
{
  const size_t d = p->x->size2;
  gsl_matrix_const_view x = gsl_matrix_const_submatrix (p->x, first, 0, count, d);
  gsl_matrix *before = gsl_matrix_alloc (count, d), *after = gsl_matrix_alloc (count, d),
             *change = gsl_matrix_alloc (gram->size1, count * d);
  int status = before && after && change ? find_changes (p, &x.matrix, before, after, change) : GSL_ENOMEM;
  if (!status)
    gsl_blas_dsyrk (CblasLower, CblasNoTrans, 1, change, 1, gram);
  gsl_matrix_free (before);
  gsl_matrix_free (after);
  gsl_matrix_free (change);
  return status;
}

static int
add_shard (void *context, size_t shard, size_t first, size_t count)
{
  const coupling *c = context;
  const size_t changes = c->of->level->size - 1, most = GSL_MAX (1, AT_A_TIME / c->of->x->size2);
  gsl_matrix_view gram = gsl_matrix_view_array (gsl_matrix_ptr (c->gram, shard, 0), changes, changes);
  int status = GSL_SUCCESS;
  for (size_t done = 0; done < count && !status; done += most)
    status = add_images (c->of, first + done, GSL_MIN (most, count - done), &gram.matrix);
  return status;
}

// With $c = \sum_{k=a}^{b-1} G_{bk}$ the sum over $a, \dots, b$ is that over $a, \dots, b - 1$, plus $2c + G_{bb}$.

static void
sum_blocks (const gsl_matrix *gram, size_t n, gsl_matrix *distance)
{
  for (size_t b = 0; b < gram->size1; b++)
    {
      double c = 0;
      for (size_t a = b + 1; a-- > 0;)
        {
          c += a < b ? gsl_matrix_get (gram, b, a) : 0;
          const double sum = gsl_matrix_get (distance, a, b) + 2 * c + gsl_matrix_get (gram, b, b);
          set_pair (distance, a, b + 1, sum);
        }
    }
  for (size_t a = 0; a < distance->size1; a++)
    for (size_t b = 0; b < distance->size2; b++)
      gsl_matrix_set (distance, a, b, sqrt (fmax (gsl_matrix_get (distance, a, b), 0) / (double)n));
}

static int
measure_coupled (const problem *p)
{
  const size_t n = p->x->size1, changes = p->level->size - 1;
  if (changes == 0)
    return GSL_SUCCESS;
  const size_t shards = GSL_MAX (1, GSL_MIN (SHARDS, GRAMS / (changes * changes))), rows = (n + shards - 1) / shards;
  coupling c = { p, gsl_matrix_calloc (sb_shard_count (n, rows), changes * changes) };
  int status = c.gram ? sb_shards (n, rows, add_shard, &c) : GSL_ENOMEM;
  if (!status)
    {
      gsl_vector_view sum = gsl_matrix_row (c.gram, 0);
      gsl_matrix_const_view gram = gsl_matrix_const_view_array (c.gram->data, changes, changes);
      for (size_t shard = 1; shard < c.gram->size1; shard++)
        {
          gsl_vector_const_view part = gsl_matrix_const_row (c.gram, shard);
          gsl_vector_add (&sum.vector, &part.vector);
        }
      sum_blocks (&gram.matrix, n, p->distance);
    }
  gsl_matrix_free (c.gram);
  return status;
}

// ## Pairs
//
// The other two metrics prepare each level, and then compare pairs: row $a$ of the distances is a shard.

typedef struct levels
{
  const problem *of;
  gsl_matrix **at;   // of each level: covariances, or points
  gsl_vector **mean; // of each level
  int (*squared_distance) (const struct levels *l, size_t a, size_t b, double *squared);
} levels;

static void
levels_free (levels *l)
{
  for (size_t k = 0; k < l->of->level->size; k++)
    {
      gsl_matrix_free (l->at ? l->at[k] : NULL);
      gsl_vector_free (l->mean ? l->mean[k] : NULL);
    }
  free (l->at);
  free (l->mean);
}

static int
levels_alloc (const problem *p, levels *l)
{
  const size_t N = p->level->size;
  *l = (levels){ .of = p, .at = calloc (N, sizeof *l->at), .mean = calloc (N, sizeof *l->mean) };
  if (!l->at || !l->mean)
    SB_ERROR (NULL, GSL_ENOMEM, "no memory for %zu levels", N);
  return GSL_SUCCESS;
}

static int
measure_row (void *context, size_t shard, size_t a, size_t count)
{
  const levels *l = context;
  int status = GSL_SUCCESS;
  (void)shard, (void)count;
  for (size_t b = a + 1; b < l->of->level->size && !status; b++)
    {
      double squared = 0;
      status = l->squared_distance (l, a, b, &squared);
      set_pair (l->of->distance, a, b, sqrt (squared));
    }
  return status;
}

static int
measure_pairs (const problem *p, sb_shard_function prepare,
               int (*squared_distance) (const levels *l, size_t a, size_t b, double *squared))
{
  levels l;
  int status = levels_alloc (p, &l);
  l.squared_distance = squared_distance;
  if (!status)
    status = sb_shards (p->level->size, 1, prepare, &l);
  if (!status)
    status = sb_shards (p->level->size, 1, measure_row, &l);
  levels_free (&l);
  return status;
}

// The points at level k.

static int
corrupt (const problem *p, size_t k, gsl_matrix *y)
{
  int status = apply_level (p->C, gsl_vector_get (p->level, k), p->x, y);
  if (status || p->noise == 0)
    return status;
  gsl_matrix *z = gsl_matrix_alloc (y->size1, y->size2);
  sb_stream stream = sb_stream_skip (p->stream, k * y->size1);
  stream.purpose = SB_FOR_FORWARD;
  status = z ? sb_stream_normals (stream, 0, z) : GSL_ENOMEM;
  if (!status)
    {
      gsl_matrix_scale (z, p->noise);
      gsl_matrix_add (y, z);
    }
  gsl_matrix_free (z);
  return status;
}

// ## Gaussian
//
// Among laws with given moments no two are nearer than the Gaussians (Gelbrich, 1990), whose distance is known, $W_2^2
// = |m_1 - m_2|^2 + \operatorname{tr}(S_1 + S_2 - 2(S_1^{1/2}S_2S_1^{1/2})^{1/2})$. [soft.txt-w2gauss] The covariance
// is that of the points themselves, with the divisor $n$, and $\sigma^2 I$ is added to it.

static int
find_moments (void *context, size_t shard, size_t k, size_t count)
{
  levels *l = context;
  const gsl_matrix *x = l->of->x;
  const double n = (double)x->size1;
  (void)shard, (void)count;
  gsl_matrix *y = gsl_matrix_alloc (x->size1, x->size2);
  l->at[k] = gsl_matrix_calloc (x->size2, x->size2);
  l->mean[k] = gsl_vector_alloc (x->size2);
  int status
      = y && l->at[k] && l->mean[k] ? apply_level (l->of->C, gsl_vector_get (l->of->level, k), x, y) : GSL_ENOMEM;
  if (!status)
    status = sb_sample_moments (y, l->mean[k], l->at[k]);
  if (!status)
    {
      gsl_vector_view diagonal = gsl_matrix_diagonal (l->at[k]);
      gsl_matrix_scale (l->at[k], (n - 1) / n);
      gsl_vector_add_constant (&diagonal.vector, l->of->noise * l->of->noise);
    }
  gsl_matrix_free (y);
  return status;
}

static int
gaussian_distance (const levels *l, size_t a, size_t b, double *squared)
{
  return sb_frechet_gaussians (l->mean[a], l->at[a], l->mean[b], l->at[b], squared);
}

static int
measure_gaussian (const problem *p)
{
  return measure_pairs (p, find_moments, gaussian_distance);
}

// ## By Sinkhorn's iteration
//
// The root of the debiased cost, with the entropy: never of a negative number. The regularisation is in units of the
// mean squared distance between the points of the pair, as blurred images are nearer to each other, and an entropy that
// is right for sharp ones hides their differences.

static const double RESIDUAL = 1e-4; // the cost is wrong by its square

static int
find_points (void *context, size_t shard, size_t k, size_t count)
{
  levels *l = context;
  const gsl_matrix *x = l->of->x;
  (void)shard, (void)count;
  l->at[k] = gsl_matrix_alloc (x->size1, x->size2);
  return l->at[k] ? corrupt (l->of, k, l->at[k]) : GSL_ENOMEM;
}

static int
sinkhorn_distance (const levels *l, size_t a, size_t b, double *squared)
{
  return sb_sinkhorn_squared_distance (l->of->regularisation, RESIDUAL, l->at[a], l->at[b], squared);
}

static int
measure_sinkhorn (const problem *p)
{
  return measure_pairs (p, find_points, sinkhorn_distance);
}

// ## The family

static const sb_key keys[]
    = { { .name = "noise", .low = 0, .high = HUGE_VAL, .help = "standard deviation, at every level" },
        { .name = "regularisation",
          .usual = 0.05,
          .high = HUGE_VAL,
          .above = true,
          .help = "in units of the mean squared distance between points" } };

static const metric metrics[] = {
  { { "coupled", "from each point to itself: W_2 for commuting blurs or nested masks", NULL, 0 }, measure_coupled },
  { { "gaussian", "W_2 of Gaussians with the same moments: a lower bound; few dimensions", keys, 1 },
    measure_gaussian },
  { { "sinkhorn", "W_2 of the points, entropy-regularised and debiased", keys, 2 }, measure_sinkhorn },
};

const sb_entry *
sb_level_metrics (size_t k)
{
  return k < sizeof metrics / sizeof *metrics ? &metrics[k].entry : NULL;
}

static int
check (const problem *p, sb_error *error)
{
  const size_t N = p->level->size, n = p->x->size1, d = p->x->size2;
  if (!p->C->type->has_level)
    SB_ERROR (error, GSL_EINVAL, "operator %s has no levels", p->C->type->name);
  if (N == 0 || n == 0 || d != p->C->columns || d != p->C->rows || p->distance->size1 != N || p->distance->size2 != N)
    SB_ERROR (error, GSL_EBADLEN,
              "points of %zu x %zu numbers under a map of %zu to %zu; %zu x %zu distances of %zu levels", n, d,
              p->C->columns, p->C->rows, p->distance->size1, p->distance->size2, N);
  for (size_t k = 0; k < N; k++)
    if (!gsl_finite (gsl_vector_get (p->level, k))
        || (k > 0 && !(gsl_vector_get (p->level, k) > gsl_vector_get (p->level, k - 1))))
      SB_ERROR (error, GSL_EDOM, "level %zu is %g: levels are finite and increase", k, gsl_vector_get (p->level, k));
  int status = sb_check_finite ("the points", GSL_EDOM, p->x);
  if (status)
    SB_ERROR (error, status, "a number of the points is not finite");
  return GSL_SUCCESS;
}

int
sb_level_distances (const char *metric_line, const sb_operator *C, const gsl_vector *level, const gsl_matrix *x,
                    sb_stream stream, gsl_matrix *distance, sb_error *error)
{
  double key[SB_KEYS_MOST] = { 0 };
  sb_error of_line = { 0 }, *why = error ? error : &of_line;
  const metric *chosen = (const metric *)sb_entry_read (sb_level_metrics, "metric", metric_line, key, why);
  if (!chosen)
    return why->code;
  const problem p = { C, level, x, key[0], key[1], stream, distance };
  int status = check (&p, error);
  if (status)
    return status;
  gsl_matrix_set_zero (distance);
  status = chosen->measure (&p);
  if (!status)
    status = sb_check_finite ("the distances", GSL_EOVRFLW, distance);
  if (status)
    SB_ERROR (error, status, "metric %s: %s", chosen->entry.name, gsl_strerror (status));
  return GSL_SUCCESS;
}
