// # Models, laws and rules

#include "models.h"
#include "losses.h"
#include "process/smld.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

// ## Rules

static rule
rule_alloc (size_t n, size_t d, double t)
{
  rule r = { .x = matrix (n, d), .t = vector (n), .w = scoped (malloc (n * sizeof (double))) };
  gsl_vector_set_all (r.t, t);
  return r;
}

rule
rule_of_line (const sb_target *law, const sb_process *process, double t, double low, double high, size_t n)
{
  rule r = rule_alloc (n, 1, t);
  double h = (high - low) / (double)(n - 1);
  for (size_t i = 0; i < n; i++)
    gsl_matrix_set (r.x, i, 0, low + h * (double)i);
  gsl_vector_view w = gsl_vector_view_array (r.w, n);
  ok (sb_target_log_density (law, process, r.x, r.t, &w.vector));
  for (size_t i = 0; i < n; i++)
    r.w[i] = h * exp (r.w[i]);
  return r;
}

rule
rule_of_unit_interval (double (*density) (double x), size_t n)
{
  rule r = rule_alloc (n, 1, 0);
  for (size_t i = 0; i < n; i++)
    {
      double x = ((double)i + 0.5) / (double)n;
      gsl_matrix_set (r.x, i, 0, x);
      r.w[i] = density (x) / (double)n;
    }
  return r;
}

rule
rule_of_gaussian (const double *mean, const double *L, size_t d)
{
  rule r = rule_alloc (2 * d, d, 0);
  for (size_t k = 0; k < 2 * d; k++)
    {
      r.w[k] = 0.5 / (double)d;
      for (size_t i = 0; i < d; i++)
        gsl_matrix_set (r.x, k, i, mean[i] + (k < d ? 1 : -1) * sqrt ((double)d) * L[i * d + k % d]);
    }
  return r;
}

double
rule_mean (const rule *r, const gsl_vector *loss)
{
  double sum = 0;
  for (size_t i = 0; i < loss->size; i++)
    sum += r->w[i] * gsl_vector_get (loss, i);
  return sum;
}

double
explicit_mean (const sb_score *score, const sb_score *truth, const rule *r)
{
  gsl_vector *loss = gsl_vector_alloc (r->x->size1);
  ok (esm_at (score, truth, r->x, r->t, loss, NULL));
  double mean = rule_mean (r, loss);
  gsl_vector_free (loss);
  return mean;
}

// ## Models

static model
model_alloc (size_t d, size_t parameters)
{
  return (model){ .d = d,
                  .parameters = parameters,
                  .theta = scoped (calloc (parameters, sizeof (double))),
                  .theta_bar = scoped (calloc (parameters, sizeof (double))) };
}

static int
affine_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                 gsl_matrix *out)
{
  model *m = (model *)state;
  (void)view, (void)t, (void)y;
  m->evaluations++;
  for (size_t n = 0; n < x->size1; n++)
    for (size_t i = 0; i < m->d; i++)
      {
        double sum = m->theta[i];
        for (size_t j = 0; j < m->d; j++)
          sum += m->theta[m->d * (1 + i) + j] * gsl_matrix_get (x, n, j);
        gsl_matrix_set (out, n, i, sum);
      }
  return GSL_SUCCESS;
}

static int
affine_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, gsl_matrix *out)
{
  model *m = (model *)state;
  (void)view, (void)x, (void)t, (void)y;
  m->products++;
  for (size_t n = 0; n < v->size1; n++)
    for (size_t i = 0; i < m->d; i++)
      {
        double sum = 0;
        for (size_t j = 0; j < m->d; j++)
          sum += m->theta[m->d * (1 + i) + j] * gsl_matrix_get (v, n, j);
        gsl_matrix_set (out, n, i, sum);
      }
  return GSL_SUCCESS;
}

static int
affine_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, gsl_matrix *out)
{
  model *m = state;
  (void)view, (void)t, (void)y;
  gsl_matrix_set_zero (out);
  for (size_t n = 0; n < v->size1; n++)
    for (size_t i = 0; i < m->d; i++)
      {
        double v_i = gsl_matrix_get (v, n, i);
        m->theta_bar[i] += v_i;
        for (size_t j = 0; j < m->d; j++)
          {
            m->theta_bar[m->d * (1 + i) + j] += v_i * gsl_matrix_get (x, n, j);
            *gsl_matrix_ptr (out, n, j) += v_i * m->theta[m->d * (1 + i) + j];
          }
      }
  return GSL_SUCCESS;
}

const sb_score_type affine_type = { .name = "affine",
                                    .views = SB_SCORE,
                                    .derivatives = SB_SCORE,
                                    .evaluate = affine_evaluate,
                                    .jvp = affine_jvp,
                                    .vjp = affine_vjp };

model
affine_alloc (size_t d)
{
  return model_alloc (d, d * (d + 1));
}

static int
wave_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
               gsl_matrix *out)
{
  const double *theta = ((const model *)state)->theta;
  (void)view, (void)t, (void)y;
  for (size_t n = 0; n < x->size1; n++)
    {
      double at = gsl_matrix_get (x, n, 0);
      gsl_matrix_set (out, n, 0, theta[0] + theta[1] * at + theta[2] * sin (at));
    }
  return GSL_SUCCESS;
}

static int
wave_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          const gsl_matrix *v, gsl_matrix *out)
{
  const double *theta = ((const model *)state)->theta;
  (void)view, (void)t, (void)y;
  for (size_t n = 0; n < x->size1; n++)
    gsl_matrix_set (out, n, 0, (theta[1] + theta[2] * cos (gsl_matrix_get (x, n, 0))) * gsl_matrix_get (v, n, 0));
  return GSL_SUCCESS;
}

const sb_score_type wave_type
    = { .name = "wave", .views = SB_SCORE, .derivatives = SB_SCORE, .evaluate = wave_evaluate, .jvp = wave_jvp };

model
wave_alloc (double a, double b, double c)
{
  model m = model_alloc (1, 3);
  m.theta[0] = a, m.theta[1] = b, m.theta[2] = c;
  return m;
}

// The perceptron: $\mathbf h_l = \mathbf W_l\,\mathbf a_{l-1} + \mathbf b_l$, $\mathbf a_l = \log(1 + e^{\mathbf h_l})$
// but for the last layer. theta is W, then b, layer by layer. Derivatives forward and backward, written apart.

enum
{
  LAYERS = 3,
  WIDEST = 16
};
static const size_t width[LAYERS + 1] = { MLP_D, MLP_H, MLP_H, MLP_D };

typedef struct
{
  double h[LAYERS + 1][WIDEST], a[LAYERS + 1][WIDEST];
} activity;

static double
softplus (double h)
{
  return h > 0 ? h + log1p (exp (-h)) : log1p (exp (h));
}

static double
slope (double h)
{
  return 1 / (1 + exp (-h));
}

static size_t
offset (size_t layer)
{
  size_t sum = 0;
  for (size_t l = 1; l < layer; l++)
    sum += width[l] * (width[l - 1] + 1);
  return sum;
}

static void
run_mlp (const model *m, const double *x, activity *f)
{
  for (size_t j = 0; j < MLP_D; j++)
    f->a[0][j] = x[j];
  for (size_t l = 1; l <= LAYERS; l++)
    for (size_t i = 0; i < width[l]; i++)
      {
        const double *W = m->theta + offset (l), *b = W + width[l] * width[l - 1];
        f->h[l][i] = b[i];
        for (size_t j = 0; j < width[l - 1]; j++)
          f->h[l][i] += W[i * width[l - 1] + j] * f->a[l - 1][j];
        f->a[l][i] = l < LAYERS ? softplus (f->h[l][i]) : f->h[l][i];
      }
}

static int
mlp_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              gsl_matrix *out)
{
  model *m = (model *)state;
  activity f;
  (void)view, (void)t, (void)y;
  m->evaluations++;
  for (size_t n = 0; n < x->size1; n++)
    {
      run_mlp (m, gsl_matrix_const_ptr (x, n, 0), &f);
      for (size_t i = 0; i < MLP_D; i++)
        gsl_matrix_set (out, n, i, f.a[LAYERS][i]);
    }
  return GSL_SUCCESS;
}

static int
mlp_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
         const gsl_matrix *v, gsl_matrix *out)
{
  model *m = (model *)state;
  activity f;
  double dot[LAYERS + 1][WIDEST];
  (void)view, (void)t, (void)y;
  m->products++;
  for (size_t n = 0; n < x->size1; n++)
    {
      run_mlp (m, gsl_matrix_const_ptr (x, n, 0), &f);
      for (size_t j = 0; j < MLP_D; j++)
        dot[0][j] = gsl_matrix_get (v, n, j);
      for (size_t l = 1; l <= LAYERS; l++)
        for (size_t i = 0; i < width[l]; i++)
          {
            const double *W = m->theta + offset (l);
            double sum = 0;
            for (size_t j = 0; j < width[l - 1]; j++)
              sum += W[i * width[l - 1] + j] * dot[l - 1][j];
            dot[l][i] = l < LAYERS ? slope (f.h[l][i]) * sum : sum;
          }
      for (size_t i = 0; i < MLP_D; i++)
        gsl_matrix_set (out, n, i, dot[LAYERS][i]);
    }
  return GSL_SUCCESS;
}

static int
mlp_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
         gsl_matrix *out)
{
  model *m = state;
  activity f;
  double bar[LAYERS + 1][WIDEST]; // of h, and of x
  (void)view, (void)t, (void)y;
  for (size_t n = 0; n < x->size1; n++)
    {
      run_mlp (m, gsl_matrix_const_ptr (x, n, 0), &f);
      for (size_t i = 0; i < MLP_D; i++)
        bar[LAYERS][i] = gsl_matrix_get (v, n, i);
      for (size_t l = LAYERS; l >= 1; l--)
        {
          const double *W = m->theta + offset (l);
          double *W_bar = m->theta_bar + offset (l), *b_bar = W_bar + width[l] * width[l - 1];
          for (size_t j = 0; j < width[l - 1]; j++)
            {
              double sum = 0;
              for (size_t i = 0; i < width[l]; i++)
                {
                  sum += W[i * width[l - 1] + j] * bar[l][i];
                  W_bar[i * width[l - 1] + j] += bar[l][i] * f.a[l - 1][j];
                }
              bar[l - 1][j] = l > 1 ? slope (f.h[l - 1][j]) * sum : sum;
            }
          for (size_t i = 0; i < width[l]; i++)
            b_bar[i] += bar[l][i];
        }
      for (size_t j = 0; j < MLP_D; j++)
        gsl_matrix_set (out, n, j, bar[0][j]);
    }
  return GSL_SUCCESS;
}

const sb_score_type mlp_type = {
  .name = "mlp", .views = SB_SCORE, .derivatives = SB_SCORE, .evaluate = mlp_evaluate, .jvp = mlp_jvp, .vjp = mlp_vjp
};

model
mlp_alloc (unsigned long seed)
{
  model m = model_alloc (MLP_D, offset (LAYERS + 1));
  gsl_rng *rng = scoped (gsl_rng_alloc (gsl_rng_taus2));
  gsl_rng_set (rng, seed);
  for (size_t k = 0; k < m.parameters; k++)
    m.theta[k] = gsl_ran_gaussian (rng, 0.4);
  return m;
}

// ## Laws

sb_target *
two_bumps (void)
{
  gsl_vector *weights = vector_of (0.3, 0.7);
  gsl_matrix *means = matrix_of (2, 1, -2, 1.5), *variances = matrix_of (2, 1, 0.5, 0.8);
  return scoped (sb_target_mixture_alloc (weights, means, variances));
}

sb_target *
gaussian (const double *mean, const double *L, size_t d)
{
  double C[MLP_D * MLP_D];
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      {
        C[i * d + j] = 0;
        for (size_t k = 0; k < d; k++)
          C[i * d + j] += L[i * d + k] * L[j * d + k];
      }
  gsl_vector_const_view m = gsl_vector_const_view_array (mean, d);
  gsl_matrix_view covariance = gsl_matrix_view_array (C, d, d);
  return scoped (sb_target_gaussian_alloc (&m.vector, &covariance.matrix));
}

sb_target *
three_in_space (void)
{
  gsl_vector *weights = vector_of (0.2, 0.5, 0.3);
  gsl_matrix *means = matrix_of (3, 3, -1, 0, 2, 1.5, -0.5, 0, 0, 1, -1);
  double C[] = { 0.5, 0.1, 0,   0.1, 0.7, -0.2, 0,   -0.2, 0.9, // one below the other
                 1.2, 0.3, 0.2, 0.3, 0.6, 0.1,  0.2, 0.1,  0.4, //
                 0.8, 0,   0.3, 0,   0.5, 0,    0.3, 0,    0.6 };
  gsl_matrix_view covariances = gsl_matrix_view_array (C, 9, 3);
  return scoped (sb_target_mixture_alloc (weights, means, &covariances.matrix));
}

sb_process *
one_level (size_t d, double sigma)
{
  gsl_vector_view ladder = gsl_vector_view_array (&sigma, 1);
  return scoped (sb_smld_sigmas_alloc (d, &ladder.vector));
}

double
mean_of (const gsl_vector *v, double *standard_error)
{
  *standard_error = gsl_stats_sd (v->data, v->stride, v->size) / sqrt ((double)v->size);
  return gsl_stats_mean (v->data, v->stride, v->size);
}
