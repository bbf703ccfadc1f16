// # Models, laws and rules

#include "models.h"
#include "losses.h"
#include "process/smld.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

// ## Rules

static rule
rule_alloc (size_t n, size_t d, double t)
{
  return (rule){ .x = matrix (n, d), .t = vector_all (n, t), .w = scoped (malloc (n * sizeof (double))) };
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
  gsl_vector *loss = vector (r->x->size1);
  ok (esm_at (score, truth, r->x, r->t, loss, NULL));
  return rule_mean (r, loss);
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

static void
apply_affine (const model *m, bool moved, const gsl_matrix *x, gsl_matrix *out)
{
  for (size_t n = 0; n < x->size1; n++)
    for (size_t i = 0; i < m->d; i++)
      {
        double sum = moved ? m->theta[i] : 0;
        for (size_t j = 0; j < m->d; j++)
          sum += m->theta[m->d * (1 + i) + j] * gsl_matrix_get (x, n, j);
        gsl_matrix_set (out, n, i, sum);
      }
}

static int
affine_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
                 gsl_matrix *out)
{
  model *m = (model *)state;
  (void)view, (void)t, (void)y;
  m->evaluations++;
  apply_affine (m, true, x, out);
  return GSL_SUCCESS;
}

static int
affine_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
            const gsl_matrix *v, gsl_matrix *out)
{
  model *m = (model *)state;
  (void)view, (void)x, (void)t, (void)y;
  m->products++;
  apply_affine (m, false, v, out);
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

model
some_wave (int k)
{
  const double waves[][3] = { { 0, -0.6, 0 }, { 0.3, -0.2, 0.8 }, { -1.1, 0.4, -0.5 }, { 0.7, -1.5, 2 } };
  return wave_alloc (waves[k][0], waves[k][1], waves[k][2]);
}

// The perceptron: theta is $\mathbf V$ and $\mathbf b$, a row for each hidden unit with $b_k$ last, then $\mathbf U$ by
// columns. Derivatives forward and backward, written apart. Each row is at its own time and has its own condition: what
// multiplies $\mathbf b$.

static double
bias_of (const gsl_vector *t, const gsl_matrix *y, size_t n)
{
  return 1 + gsl_vector_get (t, n) + (y ? gsl_matrix_get (y, n, 0) : 0);
}

static void
find_hidden (const model *m, const double *x, double bias, double *a)
{
  for (size_t k = 0; k < MLP_H; k++)
    {
      const double *V = m->theta + k * (MLP_D + 1);
      double sum = V[MLP_D] * bias;
      for (size_t j = 0; j < MLP_D; j++)
        sum += V[j] * x[j];
      a[k] = tanh (sum);
    }
}

static void
find_output (const model *m, const double *a, double *out)
{
  for (size_t i = 0; i < MLP_D; i++)
    {
      const double *U = m->theta + MLP_H * (MLP_D + 1) + i;
      out[i] = 0;
      for (size_t k = 0; k < MLP_H; k++)
        out[i] += U[k * MLP_D] * a[k];
    }
}

static int
mlp_evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
              gsl_matrix *out)
{
  model *m = (model *)state;
  double a[MLP_H];
  (void)view;
  m->evaluations++;
  for (size_t n = 0; n < x->size1; n++)
    {
      find_hidden (m, gsl_matrix_const_ptr (x, n, 0), bias_of (t, y, n), a);
      find_output (m, a, gsl_matrix_ptr (out, n, 0));
    }
  return GSL_SUCCESS;
}

static int
mlp_jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
         const gsl_matrix *v, gsl_matrix *out)
{
  model *m = (model *)state;
  double a[MLP_H];
  (void)view;
  m->products++;
  for (size_t n = 0; n < x->size1; n++)
    {
      find_hidden (m, gsl_matrix_const_ptr (x, n, 0), bias_of (t, y, n), a);
      for (size_t k = 0; k < MLP_H; k++)
        {
          double sum = 0;
          for (size_t j = 0; j < MLP_D; j++)
            sum += m->theta[k * (MLP_D + 1) + j] * gsl_matrix_get (v, n, j);
          a[k] = (1 - a[k] * a[k]) * sum;
        }
      find_output (m, a, gsl_matrix_ptr (out, n, 0));
    }
  return GSL_SUCCESS;
}

static int
mlp_vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
         gsl_matrix *out)
{
  model *m = state;
  double a[MLP_H];
  (void)view;
  gsl_matrix_set_zero (out);
  for (size_t n = 0; n < x->size1; n++)
    {
      find_hidden (m, gsl_matrix_const_ptr (x, n, 0), bias_of (t, y, n), a);
      for (size_t k = 0; k < MLP_H; k++)
        {
          const size_t V = k * (MLP_D + 1), U = MLP_H * (MLP_D + 1) + k * MLP_D;
          double bar = 0;
          for (size_t i = 0; i < MLP_D; i++)
            {
              bar += (1 - a[k] * a[k]) * m->theta[U + i] * gsl_matrix_get (v, n, i);
              m->theta_bar[U + i] += gsl_matrix_get (v, n, i) * a[k];
            }
          for (size_t j = 0; j < MLP_D; j++)
            {
              m->theta_bar[V + j] += bar * gsl_matrix_get (x, n, j);
              *gsl_matrix_ptr (out, n, j) += bar * m->theta[V + j];
            }
          m->theta_bar[V + MLP_D] += bar * bias_of (t, y, n);
        }
    }
  return GSL_SUCCESS;
}

const sb_score_type mlp_type = {
  .name = "mlp", .views = SB_SCORE, .derivatives = SB_SCORE, .evaluate = mlp_evaluate, .jvp = mlp_jvp, .vjp = mlp_vjp
};

model
mlp_alloc (unsigned long seed)
{
  model m = model_alloc (MLP_D, MLP_H * (2 * MLP_D + 1));
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
  return scoped (sb_target_mixture_alloc (vector_of (0.3, 0.7), matrix_of (2, 1, -2, 1.5), matrix_of (2, 1, 0.5, 0.8)));
}

sb_target *
gaussian (const double *mean, const double *L, size_t d)
{
  gsl_vector_const_view m = gsl_vector_const_view_array (mean, d);
  gsl_matrix_const_view root = gsl_matrix_const_view_array (L, d, d);
  gsl_matrix *covariance = matrix (d, d);
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, &root.matrix, &root.matrix, 0, covariance);
  return scoped (sb_target_gaussian_alloc (&m.vector, covariance));
}

sb_target *
three_in_space (void)
{
  gsl_matrix *means = matrix_of (3, 3, -1, 0, 2, 1.5, -0.5, 0, 0, 1, -1);
  gsl_matrix *covariances = matrix_of (9, 3, 0.5, 0.1, 0, 0.1, 0.7, -0.2, 0, -0.2, 0.9, // one below the other
                                       1.2, 0.3, 0.2, 0.3, 0.6, 0.1, 0.2, 0.1, 0.4,     //
                                       0.8, 0, 0.3, 0, 0.5, 0, 0.3, 0, 0.6);
  return scoped (sb_target_mixture_alloc (vector_of (0.2, 0.5, 0.3), means, covariances));
}

sb_process *
one_level (size_t d, double sigma)
{
  return scoped (sb_smld_sigmas_alloc (d, vector_of (sigma)));
}
