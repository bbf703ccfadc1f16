// # Diagonal Gaussians in many dimensions
//
// The sums of diagonal.c, along rows that are long enough to fill the processor's vectors.

#include "diagonal_rows.h"

#include "../base/clones.h"

#include <string.h>

// ## Log densities
//
// Four rows share the component's table, and none of their sums waits for another.

static inline __attribute__ ((always_inline)) double
square_as (int round, double x, double high, double low, const double *precision)
{
  const double delta = (x - high) - low;
  return round ? delta * delta : delta * delta * *precision;
}

static inline __attribute__ ((always_inline)) void
log_densities_as (int round, size_t k, size_t d, const diagonal_snapshot *s, const double *const x[DIAGONAL_ROWS],
                  double *restrict log_p)
{
  const double *restrict x_0 = x[0], *restrict x_1 = x[1], *restrict x_2 = x[2], *restrict x_3 = x[3];
  const double *high = s->high + k * d, *low = s->low + k * d, *precision = s->precision + (round ? k : k * d);
  double sum_0 = 0, sum_1 = 0, sum_2 = 0, sum_3 = 0;
#pragma omp simd reduction(+ : sum_0, sum_1, sum_2, sum_3)
  for (size_t j = 0; j < d; j++)
    {
      sum_0 += square_as (round, x_0[j], high[j], low[j], precision + (round ? 0 : j));
      sum_1 += square_as (round, x_1[j], high[j], low[j], precision + (round ? 0 : j));
      sum_2 += square_as (round, x_2[j], high[j], low[j], precision + (round ? 0 : j));
      sum_3 += square_as (round, x_3[j], high[j], low[j], precision + (round ? 0 : j));
    }
  const double factor = round ? -0.5 * *precision : -0.5;
  log_p[0] = s->constant[k] + factor * sum_0;
  log_p[1] = s->constant[k] + factor * sum_1;
  log_p[2] = s->constant[k] + factor * sum_2;
  log_p[3] = s->constant[k] + factor * sum_3;
}

SB_CLONES void
diagonal_rows_log_densities (size_t k, size_t d, const diagonal_snapshot *s, const double *const x[DIAGONAL_ROWS],
                             double *log_p)
{
  if (s->round)
    log_densities_as (1, k, d, s, x, log_p);
  else
    log_densities_as (0, k, d, s, x, log_p);
}

// ## Averages
//
// In a row few components have weight.

static inline __attribute__ ((always_inline)) void
add_share_as (int round, size_t d, double r, const double *restrict high, const double *restrict low,
              const double *restrict gain, const double *restrict x, double *restrict out)
{
  const double factor = round ? r * *gain : r;
#pragma omp simd
  for (size_t j = 0; j < d; j++)
    {
      const double delta = (x[j] - high[j]) - low[j];
      out[j] += factor * (round ? delta : delta * gain[j]);
    }
}

SB_CLONES void
diagonal_row_average (size_t K, size_t d, const diagonal_snapshot *s, const double *x, size_t stride, const double *r,
                      double *out)
{
  memset (out, 0, d * sizeof *out);
  for (size_t k = 0; k < K; k++)
    {
      const double *high = s->high + k * d, *low = s->low + k * d;
      if (r[k * stride] != 0 && s->round)
        add_share_as (1, d, r[k * stride], high, low, s->gain + k, x, out);
      else if (r[k * stride] != 0)
        add_share_as (0, d, r[k * stride], high, low, s->gain + k * d, x, out);
    }
}

static inline __attribute__ ((always_inline)) double
deviation_as (int round, size_t d, const double *restrict high, const double *restrict low, const double *restrict gain,
              const double *restrict x, const double *restrict score)
{
  const double factor = *gain;
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (size_t j = 0; j < d; j++)
    {
      const double e = ((x[j] - high[j]) - low[j]) * (round ? factor : gain[j]) - score[j];
      sum += e * e;
    }
  return sum;
}

SB_CLONES double
diagonal_row_divergence (size_t K, size_t d, const diagonal_snapshot *s, const double *x, size_t stride,
                         const double *r, const double *score)
{
  double total = 0;
  for (size_t k = 0; k < K; k++)
    {
      const double *high = s->high + k * d, *low = s->low + k * d;
      if (r[k * stride] != 0 && s->round)
        total += r[k * stride] * (s->trace[k] + deviation_as (1, d, high, low, s->gain + k, x, score));
      else if (r[k * stride] != 0)
        total += r[k * stride] * (s->trace[k] + deviation_as (0, d, high, low, s->gain + k * d, x, score));
    }
  return total;
}

SB_CLONES void
diagonal_row_add_means (const gsl_matrix *mu, size_t stride, const double *r, double *out)
{
  const size_t d = mu->size2;
  for (size_t k = 0; k < mu->size1; k++)
    {
      const double r_k = r[k * stride], *mu_k = mu->data + k * mu->tda;
      if (r_k == 0)
        continue;
#pragma omp simd
      for (size_t j = 0; j < d; j++)
        out[j] += r_k * mu_k[j];
    }
}
