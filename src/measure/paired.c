// # Pairs
//
// Two models that get the same noise, or are trained from the same seed, are compared pair by pair: what both have in
// common drops out of the difference, and smaller differences show.

#include "paired.h"

#include "../base/checks.h"
#include "../base/error.h"
#include "../base/shard.h"
#include "pairwise.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort_vector.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

static int
check_numbers (const gsl_vector *x, const gsl_vector *y, size_t least)
{
  if (x->size != y->size || x->size < least)
    SB_ERROR (NULL, GSL_EBADLEN, "%zu numbers and %zu: not %zu pairs or more", x->size, y->size, least);
  for (size_t i = 0; i < x->size; i++)
    if (!gsl_finite (gsl_vector_get (x, i)) || !gsl_finite (gsl_vector_get (y, i)))
      SB_ERROR (NULL, GSL_EDOM, "pair %zu is %g and %g", i, gsl_vector_get (x, i), gsl_vector_get (y, i));
  return GSL_SUCCESS;
}

// ## Signs
//
// If either is as likely to be the larger, how often the first one is has the law $B(n, \tfrac12)$, which is symmetric:
// both tails are twice the one, $2\,P(B \le \min)$.

int
sb_sign_test (const gsl_vector *x, const gsl_vector *y, sb_signs *signs)
{
  const int status = check_numbers (x, y, 1);
  if (status)
    return status;
  *signs = (sb_signs){ 0, 0, 1 };
  for (size_t i = 0; i < x->size; i++)
    {
      signs->above += gsl_vector_get (x, i) > gsl_vector_get (y, i);
      signs->below += gsl_vector_get (x, i) < gsl_vector_get (y, i);
    }
  const unsigned less = (unsigned)GSL_MIN (signs->above, signs->below), n = (unsigned)(signs->above + signs->below);
  signs->p_value = n > 0 ? GSL_MIN_DBL (1, 2 * gsl_cdf_binomial_P (less, 0.5, n)) : 1;
  return GSL_SUCCESS;
}

// ## The bootstrap
//
// The differences stand for their law: samples of it, as large as they are, show how their mean would vary.

enum
{
  REPLICATES = 64 // of a shard
};

typedef struct
{
  gsl_vector *difference;
  sb_stream stream;
  gsl_vector *mean;
} bootstrap;

static int
draw_replicates (void *context, size_t shard, size_t first, size_t count)
{
  (void)shard;
  const bootstrap *b = context;
  const size_t n = b->difference->size;
  gsl_matrix *u = gsl_matrix_alloc (1, n);
  int status = u ? GSL_SUCCESS : GSL_ENOMEM;
  for (size_t k = first; k < first + count && !status; k++)
    {
      double sum = 0;
      status = sb_stream_uniforms (sb_stream_skip (b->stream, k), 0, u);
      for (size_t i = 0; i < n && !status; i++)
        sum += gsl_vector_get (b->difference, (size_t)(gsl_matrix_get (u, 0, i) * (double)n));
      gsl_vector_set (b->mean, k, sum / (double)n);
    }
  gsl_matrix_free (u);
  return status;
}

static int
take_differences (const gsl_vector *x, const gsl_vector *y, gsl_vector *difference, sb_paired_mean *found)
{
  const size_t n = x->size;
  gsl_vector_memcpy (difference, x);
  gsl_vector_sub (difference, y);
  found->mean = gsl_stats_mean (difference->data, 1, n);
  found->error = gsl_stats_sd_m (difference->data, 1, n, found->mean) / sqrt ((double)n);
  if (!gsl_finite (found->mean) || !gsl_finite (found->error))
    SB_ERROR (NULL, GSL_EOVRFLW, "differences are too large for a double");
  return GSL_SUCCESS;
}

int
sb_paired_bootstrap (const gsl_vector *x, const gsl_vector *y, double level, size_t replicates, sb_stream stream,
                     sb_paired_mean *found)
{
  int status = check_numbers (x, y, 2);
  if (!status && !(0 < level && level < 1 && replicates > 0))
    SB_ERROR (NULL, GSL_EINVAL, "a level of %g from %zu replicates: not between 0 and 1, from one or more", level,
              replicates);
  if (!status)
    status = sb_check_lengths ("replicates", replicates, 1, 1);
  if (status)
    return status;
  stream.purpose = SB_FOR_DIVISION;
  bootstrap b = { gsl_vector_alloc (x->size), stream, gsl_vector_alloc (replicates) };
  status = b.difference && b.mean ? GSL_SUCCESS : GSL_ENOMEM;
  if (!status)
    status = take_differences (x, y, b.difference, found);
  if (!status)
    status = sb_shards (replicates, REPLICATES, draw_replicates, &b);
  if (!status)
    {
      gsl_sort_vector (b.mean);
      found->low = gsl_stats_quantile_from_sorted_data (b.mean->data, 1, replicates, (1 - level) / 2);
      found->high = gsl_stats_quantile_from_sorted_data (b.mean->data, 1, replicates, (1 + level) / 2);
    }
  gsl_vector_free (b.difference);
  gsl_vector_free (b.mean);
  return status;
}

// ## Pairings
//
// If pairs mean nothing, all $n!$ pairings are equally likely. Those that are drawn are shuffles (Fisher and Yates):
// $i$ gets one of the partners that are left.

typedef struct
{
  const gsl_matrix *D; // |x_i - y_j|
  sb_stream stream;
  double paired;
  size_t *as_small; // of each shard
} pairings;

// The true pairing, met again, is as small, whatever the order of its sum.

static const double ROUNDING = 1e-12;

static double
mean_of (const gsl_matrix *D, const gsl_vector *partner)
{
  double sum = 0;
  for (size_t i = 0; i < D->size1; i++)
    sum += gsl_matrix_get (D, i, partner ? (size_t)gsl_vector_get (partner, i) : i);
  return sum / (double)D->size1;
}

static void
shuffle (const gsl_matrix *u, gsl_vector *partner)
{
  const size_t n = partner->size;
  for (size_t i = 0; i < n; i++)
    gsl_vector_set (partner, i, (double)i);
  for (size_t i = 0; i + 1 < n; i++)
    gsl_vector_swap_elements (partner, i, i + (size_t)(gsl_matrix_get (u, 0, i) * (double)(n - i)));
}

static int
draw_pairings (void *context, size_t shard, size_t first, size_t count)
{
  const pairings *p = context;
  gsl_matrix *u = gsl_matrix_alloc (1, p->D->size1);
  gsl_vector *partner = gsl_vector_alloc (p->D->size1);
  int status = u && partner ? GSL_SUCCESS : GSL_ENOMEM;
  p->as_small[shard] = 0;
  for (size_t k = first; k < first + count && !status; k++)
    {
      status = sb_stream_uniforms (sb_stream_skip (p->stream, k), 0, u);
      if (!status)
        shuffle (u, partner);
      p->as_small[shard] += !status && mean_of (p->D, partner) <= p->paired * (1 + ROUNDING);
    }
  gsl_matrix_free (u);
  gsl_vector_free (partner);
  return status;
}

static int
compare (const gsl_matrix *x, const gsl_matrix *y, size_t permutations, sb_stream stream, gsl_matrix *D,
         size_t *as_small, sb_pairing *found)
{
  const size_t n = D->size1;
  int status = sb_squared_distances (x, y, D);
  double sum = 0;
  for (size_t i = 0; i < n && !status; i++)
    for (size_t j = 0; j < n; j++)
      {
        gsl_matrix_set (D, i, j, sqrt (gsl_matrix_get (D, i, j)));
        sum += i == j ? 0 : gsl_matrix_get (D, i, j);
      }
  if (status)
    return status;
  found->paired = mean_of (D, NULL);
  found->others = sum / ((double)n * (double)(n - 1));
  stream.purpose = SB_FOR_DIVISION;
  pairings p = { D, stream, found->paired, as_small };
  status = sb_shards (permutations, REPLICATES, draw_pairings, &p);
  size_t all = 1;
  for (size_t shard = 0; shard < sb_shard_count (permutations, REPLICATES) && !status; shard++)
    all += as_small[shard];
  found->p_value = (double)all / (double)(permutations + 1);
  return status;
}

int
sb_paired_distances (const gsl_matrix *x, const gsl_matrix *y, size_t permutations, sb_stream stream, sb_pairing *found)
{
  const size_t n = x->size1;
  if (y->size1 != n || y->size2 != x->size2 || x->size2 == 0 || n < 2)
    SB_ERROR (NULL, GSL_EBADLEN, "x is %zu x %zu, y %zu x %zu: not two pairs or more", n, x->size2, y->size1, y->size2);
  if (sb_check_lengths ("distances of pairs", n, n, 1) || sb_check_lengths ("pairings", permutations, 1, 1))
    return GSL_ENOMEM;
  gsl_matrix *D = gsl_matrix_alloc (n, n);
  size_t *as_small = malloc ((sb_shard_count (permutations, REPLICATES) + 1) * sizeof *as_small);
  const int status = D && as_small ? compare (x, y, permutations, stream, D, as_small, found) : GSL_ENOMEM;
  gsl_matrix_free (D);
  free (as_small);
  return status;
}
