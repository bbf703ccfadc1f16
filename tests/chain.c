// # DDPM's chain, for tests

#include "chain.h"
#include "process/ddpm.h"
#include "scope.h"
#include "score/exact.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static void
multiply (chain *c)
{
  c->beta[0] = 0;
  c->alpha_bar[0] = 1;
  for (size_t t = 1; t <= c->T; t++)
    c->alpha_bar[t] = c->alpha_bar[t - 1] * (1 - c->beta[t]);
}

void
chain_small (chain *c)
{
  *c = (chain){ .T = 4, .beta = { 0, 0.1, 0.3, 0.2, 0.5 } };
  multiply (c);
}

void
chain_linear (chain *c, size_t T)
{
  *c = (chain){ .T = T };
  for (size_t t = 1; t <= T; t++)
    c->beta[t] = 1000.L / (long double)T * (1e-4L + (2e-2L - 1e-4L) * (long double)(t - 1) / (long double)(T - 1));
  multiply (c);
}

sb_process *
chain_alloc (const chain *c, size_t d)
{
  gsl_vector *beta = vector (c->T);
  for (size_t t = 1; t <= c->T; t++)
    gsl_vector_set (beta, t - 1, (double)c->beta[t]);
  return scoped (sb_ddpm_betas_alloc (d, beta));
}

sb_target *
chain_mixture (size_t d, size_t K, const double *w, const double *m, const double *v)
{
  gsl_matrix *means = matrix (K, d), *covariances = matrix_all (K * d, d, 0);
  for (size_t k = 0; k < K; k++)
    for (size_t j = 0; j < d; j++)
      {
        gsl_matrix_set (means, k, j, m[k]);
        gsl_matrix_set (covariances, k * d + j, j, v[k]);
      }
  return scoped (sb_target_mixture_alloc (scope_vector (K, w), means, covariances));
}

sb_target *
chain_gaussian (size_t d, double m, double v)
{
  double one = 1;
  return chain_mixture (d, 1, &one, &m, &v);
}

sb_score *
chain_score (const chain *c, const sb_target *data)
{
  return scoped (sb_score_exact_alloc (data, chain_alloc (c, data->dimension)));
}

static const double W[] = { 0.3, 0.7 }, M[] = { -2, 1.5 }, V[] = { 0.05, 0.2 };

sb_target *
chain_bumps (size_t d)
{
  return chain_mixture (d, 2, W, M, V);
}

double
chain_bumps_cdf (double x, void *alpha_bar)
{
  const double bar = *(const double *)alpha_bar;
  double sum = 0;
  for (int k = 0; k < 2; k++)
    sum += W[k] * gsl_cdf_ugaussian_P ((x - sqrt (bar) * M[k]) / sqrt (bar * V[k] + 1 - bar));
  return sum;
}

gsl_matrix *
chain_sample (const sb_target *data, size_t n, uint64_t seed)
{
  gsl_matrix *x = matrix (n, data->dimension);
  ok (sb_target_sample (data, (sb_stream){ seed, SB_FOR_DATA, 0 }, x));
  return x;
}

double
chain_integral (double (*f) (double x, void *context), void *context, double low, double high)
{
  enum
  {
    N = 4000
  };
  double sum = 0;
  for (int i = 0; i <= N; i++)
    sum += f (low + (high - low) * i / N, context);
  return sum * (high - low) / N;
}

int
one_variance (const sb_reverse *reverse, const gsl_matrix *y, const gsl_vector *s, const gsl_vector *t,
              const gsl_matrix *x, gsl_vector *v)
{
  gsl_matrix_view column = gsl_matrix_view_array_with_tda (v->data, v->size, 1, v->stride);
  return sb_reverse_variance (reverse, y, s, t, x, &column.matrix);
}
