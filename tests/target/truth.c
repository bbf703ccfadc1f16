// # A mixture, slowly

#include "truth.h"
#include "scope.h"

#include <math.h>
#include <stdlib.h>

const truth_law GMM3 = { .K = 3,
                         .d = 1,
                         .w = { 0.3, 0.5, 0.2 },
                         .mu = { { -1.5 }, { 0.3 }, { 2 } },
                         .C = { { { 0.3 * 0.3 } }, { { 0.4 * 0.4 } }, { { 0.2 * 0.2 } } } };

// ## Cholesky
//
// The covariance $m^2\mathbf{C} + \varsigma^2\mathbf{I} = \mathbf{L}\mathbf{L}^\top$, and its inverse applied to a
// vector.

typedef long double square[TRUTH_D][TRUTH_D];

static void
factor (size_t d, const double C[TRUTH_D][TRUTH_D], double m, double sd, square L)
{
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j <= i; j++)
      {
        long double sum = (long double)m * m * C[i][j] + (i == j ? (long double)sd * sd : 0);
        for (size_t k = 0; k < j; k++)
          sum -= L[i][k] * L[j][k];
        L[i][j] = i == j ? sqrtl (sum) : sum / L[j][j];
      }
}

static void
solve (size_t d, square L, const long double *b, long double *x)
{
  for (size_t i = 0; i < d; i++)
    {
      x[i] = b[i];
      for (size_t k = 0; k < i; k++)
        x[i] -= L[i][k] * x[k];
      x[i] /= L[i][i];
    }
  for (size_t i = d; i-- > 0;)
    {
      for (size_t k = i + 1; k < d; k++)
        x[i] -= L[k][i] * x[k];
      x[i] /= L[i][i];
    }
}

// ## One component

typedef struct
{
  long double exponent, log_det;
  long double score[TRUTH_D], denoiser[TRUTH_D];
  square precision, covariance; // of x_t; of x_0 given x
} component;

static void
look_at (const truth_law *law, size_t k, double m, double sd, const double *x, component *c)
{
  const size_t d = law->d;
  square L;
  long double delta[TRUTH_D], solved[TRUTH_D];
  *c = (component){ .exponent = 0 };
  factor (d, law->C[k], m, sd, L);
  for (size_t i = 0; i < d; i++)
    {
      delta[i] = fmal (-m, law->mu[k][i], x[i]);
      c->log_det += 2 * logl (L[i][i]);
    }
  solve (d, L, delta, solved);
  for (size_t i = 0; i < d; i++)
    {
      c->exponent += delta[i] * solved[i];
      c->score[i] = -solved[i];
      c->denoiser[i] = law->mu[k][i];
      for (size_t j = 0; j < d; j++)
        c->denoiser[i] += m * (long double)law->C[k][i][j] * solved[j];
    }

  // The covariance of x_0 given x, C - m^2 C P C = sd^2 P C where P is the precision.
  for (size_t j = 0; j < d; j++)
    {
      long double unit[TRUTH_D] = { 0 }, column[TRUTH_D];
      unit[j] = 1;
      solve (d, L, unit, column);
      for (size_t i = 0; i < d; i++)
        c->precision[i][j] = column[i];
    }
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      {
        c->covariance[i][j] = 0;
        for (size_t l = 0; l < d; l++)
          c->covariance[i][j] += (long double)sd * sd * c->precision[i][l] * law->C[k][l][j];
      }
}

// ## All of them

static void
add_first_moments (const truth_law *law, const component *c, truth *at)
{
  for (size_t k = 0; k < law->K; k++)
    {
      long double norm = 0;
      if (at->r[k] > 1e-25)
        at->exponent = fmaxl (at->exponent, c[k].exponent);
      for (size_t i = 0; i < law->d; i++)
        {
          at->score[i] += at->r[k] * c[k].score[i];
          at->denoiser[i] += at->r[k] * c[k].denoiser[i];
          norm += c[k].score[i] * c[k].score[i];
        }
      at->size += at->r[k] * sqrtl (norm);
    }
}

static long double
condition (const truth_law *law, const component *c, const truth *at, const double *x)
{
  long double norm = 0, largest = 0;
  for (size_t i = 0; i < law->d; i++)
    norm += (long double)x[i] * x[i];
  for (size_t k = 0; k < law->K; k++)
    {
      long double apart = 0;
      for (size_t i = 0; i < law->d; i++)
        apart += (c[k].score[i] - at->score[i]) * (c[k].score[i] - at->score[i]);
      if (at->r[k] > 1e-20)
        largest = fmaxl (largest, sqrtl (apart * norm));
    }
  return largest;
}

static void
add_second_moments (const truth_law *law, const component *c, truth *at)
{
  for (size_t k = 0; k < law->K; k++)
    for (size_t i = 0; i < law->d; i++)
      for (size_t j = 0; j < law->d; j++)
        {
          long double e_i = c[k].score[i] - at->score[i], e_j = c[k].score[j] - at->score[j];
          long double h_i = c[k].denoiser[i] - at->denoiser[i], h_j = c[k].denoiser[j] - at->denoiser[j];
          at->curvature += at->r[k] * (fabsl (c[k].precision[i][j]) + (i == j ? e_i * e_j : 0));
          at->jacobian[i][j] += at->r[k] * (e_i * e_j - c[k].precision[i][j]);
          at->covariance[i][j] += at->r[k] * (h_i * h_j + c[k].covariance[i][j]);
        }
}

static long double
reach (const truth_law *law, const long double *denoiser)
{
  long double largest = 0;
  for (size_t k = 0; k < law->K; k++)
    for (size_t i = 0; i < law->d; i++)
      largest = fmaxl (largest, fabsl (denoiser[i]) + fabs (law->mu[k][i]));
  return largest;
}

// The exponent of component $k$ beyond that of another. Far from both they are large and agree in many digits; for
// point masses their difference is $m(\boldsymbol\mu_* - \boldsymbol\mu_k)\cdot(\boldsymbol\delta_* +
// \boldsymbol\delta_k)/\varsigma^2$.

static int
is_points (const truth_law *law)
{
  int count = 0;
  for (size_t k = 0; k < law->K; k++)
    for (size_t i = 0; i < law->d; i++)
      for (size_t j = 0; j < law->d; j++)
        count += law->C[k][i][j] != 0;
  return count == 0;
}

static long double
rise (const truth_law *law, const component *c, size_t from, size_t k, double m, double sd, const double *x)
{
  long double sum = 0;
  if (!is_points (law))
    return c[k].exponent - c[from].exponent;
  for (size_t i = 0; i < law->d; i++)
    sum += ((long double)law->mu[from][i] - law->mu[k][i])
           * (fmal (-m, law->mu[from][i], x[i]) + fmal (-m, law->mu[k][i], x[i]));
  return m * sum / ((long double)sd * sd);
}

truth
truth_at (const truth_law *law, double m, double sd, const double *x)
{
  component c[TRUTH_K] = { { .exponent = 0 } };
  truth at = { .log_p = 0 };
  long double total = 0, best = -INFINITY, sum = 0;
  size_t from = 0;
  for (size_t k = 0; k < law->K; k++)
    {
      look_at (law, k, m, sd, x, &c[k]);
      total += law->w[k];
      from = c[k].exponent < c[from].exponent ? k : from;
    }
  for (size_t k = 0; k < law->K; k++)
    {
      at.r[k] = law->w[k] > 0 ? logl (law->w[k]) - 0.5L * (rise (law, c, from, k, m, sd, x) + c[k].log_det) : -INFINITY;
      best = fmaxl (best, at.r[k]);
    }
  for (size_t k = 0; k < law->K; k++)
    sum += at.r[k] = expl (at.r[k] - best);
  for (size_t k = 0; k < law->K; k++)
    at.r[k] /= sum;
  at.log_p = best + logl (sum) - logl (total) - 0.5L * (c[from].exponent + law->d * logl (2 * acosl (-1)));
  add_first_moments (law, c, &at);
  add_second_moments (law, c, &at);
  for (size_t i = 0; i < law->d; i++)
    at.epsilon[i] = -sd * at.score[i];
  at.condition = condition (law, c, &at, x);
  at.reach = reach (law, at.denoiser);
  return at;
}

void
truth_point (gsl_rng *r, const truth_law *law, double m, double blend, double distance, double *x)
{
  size_t a = gsl_rng_uniform_int (r, law->K), b = gsl_rng_uniform_int (r, law->K);
  double share = blend == 3 ? gsl_rng_uniform (r) : blend == 2 ? 0.5 : 0;
  for (size_t i = 0; i < law->d; i++)
    x[i] = m * ((1 - share) * law->mu[a][i] + share * law->mu[b][i]) + gsl_ran_gaussian (r, distance);
}

// ## As laws of the library

static sb_target *
make (const truth_law *law, bool points)
{
  gsl_vector *w = vector (law->K);
  gsl_matrix *mu = matrix (law->K, law->d), *C = matrix (law->K * law->d, law->d);
  for (size_t k = 0; k < law->K; k++)
    {
      gsl_vector_set (w, k, law->w[k]);
      for (size_t i = 0; i < law->d; i++)
        {
          gsl_matrix_set (mu, k, i, law->mu[k][i]);
          for (size_t j = 0; j < law->d; j++)
            gsl_matrix_set (C, k * law->d + i, j, law->C[k][i][j]);
        }
    }
  return scoped (points ? sb_target_points_alloc (mu, w) : sb_target_mixture_alloc (w, mu, C));
}

sb_target *
truth_mixture (const truth_law *law)
{
  return make (law, false);
}

sb_target *
truth_points (const truth_law *law)
{
  return make (law, true);
}

// ## The library beside it

const char *const quantity_name[QUANTITIES]
    = { "log density", "score", "denoiser", "epsilon", "Jacobian", "divergence", "posterior covariance" };

static long double
distance (size_t n, const double *got, const long double *expected)
{
  long double sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += (got[i] - expected[i]) * (got[i] - expected[i]);
  return sqrtl (sum);
}

static double
relative (long double error, long double size)
{
  return error == 0 ? 0 : (double)(error / size);
}

static double
compare (const sb_target *target, const sb_process *process, quantity what, double sd, const double *x, double least,
         const truth *at)
{
  const size_t d = target->dimension;
  long double expected[TRUTH_D] = { 0 }, trace = 0, error = 0;
  const gsl_matrix *x_ = scope_matrix (1, d, d, x);
  gsl_matrix *out = matrix (1, d), *v = matrix (1, d), *covariance = matrix (d, d);
  gsl_vector *t = vector_of (0.5), *number = vector (1);
  for (size_t i = 0; i < d; i++)
    {
      gsl_matrix_set (v, 0, i, i % 2 ? -1 : 1);
      trace += at->jacobian[i][i];
    }
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      expected[i] += at->jacobian[i][j] * gsl_matrix_get (v, 0, j);

  switch (what)
    {
    case LOG_DENSITY:
      sb_target_log_density (target, process, x_, t, number);
      return relative (fabsl (gsl_vector_get (number, 0) - at->log_p), 1 + fabsl (at->log_p));
    case SCORE:
      sb_target_evaluate (target, process, SB_SCORE, x_, t, out);
      return relative (distance (d, out->data, at->score), at->size + least / sd);
    case DENOISER:
      sb_target_evaluate (target, process, SB_DENOISER, x_, t, out);
      return relative (distance (d, out->data, at->denoiser), at->reach);
    case EPSILON:
      sb_target_evaluate (target, process, SB_EPSILON, x_, t, out);
      return relative (distance (d, out->data, at->epsilon), sd * at->size + least);
    case JACOBIAN:
      sb_target_jvp (target, process, x_, t, v, out);
      return relative (distance (d, out->data, expected), at->curvature);
    case DIVERGENCE:
      sb_target_divergence (target, process, x_, t, number);
      return relative (fabsl (gsl_vector_get (number, 0) - trace), at->curvature);
    default:
      sb_target_posterior_covariance (target, process, scope_vector (d, x), 0.5, covariance);
      trace = 0;
      for (size_t i = 0; i < d; i++)
        {
          trace += at->covariance[i][i];
          for (size_t j = 0; j < d; j++)
            error = fmaxl (error, fabsl (gsl_matrix_get (covariance, i, j) - at->covariance[i][j]));
        }
      return relative (error, trace + 1e-16L * at->reach * at->reach);
    }
}

double
disagreement (const sb_target *target, const truth_law *law, quantity what, double m, double sd, const double *x,
              double least)
{
  truth at = truth_at (law, m, sd, x);
  sb_process *process = fixed_process (law->d, m, sd);
  return compare (target, process, what, sd, x, least, &at);
}

// ## A process that stands still

typedef struct
{
  double m, sd;
} fixed_state;

static int
fixed_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  const fixed_state *fixed = state;
  (void)s, (void)t;
  *c = map == SB_A ? fixed->m : fixed->sd;
  return GSL_SUCCESS;
}

static const sb_process_type fixed_type = { .name = "fixed", .numbers = fixed_numbers, .free = free };

sb_process *
fixed_process (size_t d, double m, double sd)
{
  fixed_state *state = malloc (sizeof *state);
  *state = (fixed_state){ .m = m, .sd = sd };
  return scoped (sb_process_alloc (&fixed_type, state, d, 0, 1, 0));
}
