// # What must be true of the Fokker-Planck equation, by the score

#include "conformance/worlds.h"
#include "likelihood/trace.h"
#include "process/ito.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/pde.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (pde);

// ## Laws in closed form
//
// The law's own log density, differentiated in time by differences, at eight points, under every process that has an
// SDE: a mixture of two Gaussians that are not round, whose score has a Jacobian that is not diagonal. [scoresde.eq35]
// [scoresde.eq37]

static sb_target *
mixture_in (size_t d)
{
  gsl_matrix *C = matrix_all (2 * d, d, 0);
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++)
        gsl_matrix_set (C, k * d + i, j, i == j ? 0.5 + 0.3 * (double)k : 0.15 - 0.2 * (double)k / (double)d);
  return scoped (sb_target_mixture_alloc (vector_of (0.3, 0.7), normals (2, d, 1), C));
}

IN_EACH_WORLD (pde, log_density_changes_by_it)
{
  enum
  {
    N = 8
  };
  if (w->lacks & (NO_SDE | NO_S_INVERSE | NO_PARTS))
    return;
  const size_t d = w->process->dimension;
  const double h = 1e-4;
  sb_target *law = mixture_in (d);
  sb_score *score = scoped (sb_score_exact_alloc (law, w->process));
  gsl_matrix *x = normals (N, d, 2);
  gsl_vector *rate = vector (N), *p[4];
  ok (sb_fokker_planck (score, NULL, vector_all (N, w->t), x, rate), "%s", w->name);
  for (int k = 0; k < 4; k++)
    {
      const double place[] = { -2, -1, 1, 2 };
      p[k] = vector (N);
      ok (sb_target_log_density (law, w->process, x, vector_all (N, w->t + place[k] * h), p[k]));
    }
  for (size_t i = 0; i < N; i++)
    {
      const double wanted = (gsl_vector_get (p[0], i) - 8 * gsl_vector_get (p[1], i) + 8 * gsl_vector_get (p[2], i)
                             - gsl_vector_get (p[3], i))
                            / (12 * h);
      cr_assert_float_eq (gsl_vector_get (rate, i), wanted, 1e-7 * (10 + fabs (wanted)),
                          "%s, row %zu: %.12g, not %.12g", w->name, i, gsl_vector_get (rate, i), wanted);
    }
}

// ## Matrices of no symmetry
//
// A Gaussian of covariance $C$ in the plane, under constant $F$ and $G$: $\dot C = FC + CF^\top + GG^\top$, and so
// $\partial_t\log p = \tfrac12\mathbf s^\top\dot C\,\mathbf s - \tfrac12\operatorname{tr}(C^{-1}\dot C)$.
// [scoresde.eq35] [scoresde.eq37]

static const double full_F[2][2] = { { -0.7, 0.4 }, { -0.2, -1.1 } }, full_G[2][2] = { { 1.1, 0.5 }, { -0.3, 0.6 } },
                    full_C[2][2] = { { 1.3, 0.4 }, { 0.4, 0.8 } },
                    of_score[2][2] = { { -0.8 / 0.88, 0.4 / 0.88 }, { 0.4 / 0.88, -1.3 / 0.88 } }; // minus the inverse

static int
full_apply (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
            const gsl_vector *t, gsl_matrix *x)
{
  const double (*M)[2] = map == SB_F ? full_F : full_G;
  const bool turned = transpose == CblasTrans;
  (void)state, (void)s, (void)t;
  for (size_t i = 0; i < x->size1; i++)
    {
      const double u = gsl_matrix_get (x, i, 0), v = gsl_matrix_get (x, i, 1);
      gsl_matrix_set (x, i, 0, M[0][0] * u + M[turned][!turned] * v);
      gsl_matrix_set (x, i, 1, M[!turned][turned] * u + M[1][1] * v);
    }
  return GSL_SUCCESS;
}

static int
full_trace (const void *state, const gsl_vector *t, gsl_vector *trace)
{
  (void)state, (void)t;
  gsl_vector_set_all (trace, full_F[0][0] + full_F[1][1]);
  return GSL_SUCCESS;
}

static int
full_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < 2; j++)
      gsl_matrix_set (out, i, j, of_score[j][0] * gsl_matrix_get (x, i, 0) + of_score[j][1] * gsl_matrix_get (x, i, 1));
  return GSL_SUCCESS;
}

static int
full_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  (void)x;
  return full_score (v, t, y, out, params);
}

Test (pde, full_matrices_change_a_gaussian)
{
  enum
  {
    N = 20
  };
  static const sb_process_type type = { .name = "full", .apply = full_apply, .trace = full_trace };
  const sb_score_callback callback = { .view = SB_SCORE, .function = full_score, .jvp = full_jvp };
  sb_process *process = scoped (sb_process_alloc (&type, NULL, 2, 0, 1, 0));
  sb_score *score = scoped (sb_score_callback_alloc (&callback, process));
  gsl_matrix *x = normals (N, 2, 3), *s = matrix (N, 2);
  gsl_vector *rate = vector (N), *t = vector_all (N, 0.5);
  double slope[2][2], trace = 0;
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 2; j++)
      {
        slope[i][j] = 0;
        for (size_t k = 0; k < 2; k++)
          slope[i][j] += full_F[i][k] * full_C[k][j] + full_C[i][k] * full_F[j][k] + full_G[i][k] * full_G[j][k];
        trace -= of_score[j][i] * slope[i][j];
      }
  ok (sb_fokker_planck (score, NULL, t, x, rate));
  ok (full_score (x, t, NULL, s, NULL));
  for (size_t i = 0; i < N; i++)
    {
      double wanted = -trace / 2;
      for (size_t j = 0; j < 4; j++)
        wanted += slope[j / 2][j % 2] * gsl_matrix_get (s, i, j / 2) * gsl_matrix_get (s, i, j % 2) / 2;
      cr_assert_float_eq (gsl_vector_get (rate, i), wanted, 1e-13 * (10 + fabs (wanted)), "row %zu: %.12g, not %.12g",
                          i, gsl_vector_get (rate, i), wanted);
    }
}

// ## An SDE whose noise depends on the state
//
// Geometric Brownian motion $dx = ax\,dt + bx\,dw$ from a lognormal law: $\log x \sim \mathcal N(m + (a - b^2/2)t, v +
// b^2 t)$. [scoresde.eq37] [scoresde.eq35]

static const double A = 0.4, B = 0.6;

static int
drift (double t, const gsl_vector *x, gsl_vector *f, void *params)
{
  (void)t, (void)params;
  gsl_vector_memcpy (f, x);
  return gsl_vector_scale (f, A);
}

static int
diffusion (double t, const gsl_vector *x, gsl_matrix *G, void *params)
{
  (void)t, (void)params;
  gsl_matrix_set_zero (G);
  for (size_t j = 0; j < x->size; j++)
    gsl_matrix_set (G, j, j, B * gsl_vector_get (x, j));
  return GSL_SUCCESS;
}

static const sb_ito gbm = { 2, drift, diffusion, NULL, NULL };

static double
log_mean (double t)
{
  return 0.1 + (A - B * B / 2) * t;
}

static double
log_variance (double t)
{
  return 0.2 + B * B * t;
}

static double
log_density (double t, double x, double y)
{
  const double m = log_mean (t), v = log_variance (t);
  return -(gsl_pow_2 (log (x) - m) + gsl_pow_2 (log (y) - m)) / (2 * v) - log (x * y) - log (2 * M_PI * v);
}

static int
lognormal_score (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      {
        const double t_i = gsl_vector_get (t, i), x_ij = gsl_matrix_get (x, i, j);
        gsl_matrix_set (out, i, j, -(1 + (log (x_ij) - log_mean (t_i)) / log_variance (t_i)) / x_ij);
      }
  return GSL_SUCCESS;
}

static sb_process *
without_maps (size_t d)
{
  static const sb_process_type bare = { .name = "bare" };
  return scoped (sb_process_alloc (&bare, NULL, d, 0, 1, 0));
}

Test (pde, of_an_sde_whose_noise_depends_on_the_state)
{
  enum
  {
    N = 30
  };
  const double h = 1e-4;
  const sb_score_callback callback = { .view = SB_SCORE, .function = lognormal_score };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, without_maps (2)));
  gsl_matrix *x = normals (N, 2, 3);
  gsl_vector *t = vector (N), *rate = vector (N);
  for (size_t i = 0; i < N; i++)
    {
      gsl_vector_set (t, i, 0.1 + 0.02 * (double)i);
      for (size_t j = 0; j < 2; j++)
        gsl_matrix_set (x, i, j, exp (0.5 * gsl_matrix_get (x, i, j)));
    }
  ok (sb_fokker_planck_ito (&gbm, score, NULL, t, x, rate));
  for (size_t i = 0; i < N; i++)
    {
      const double t_i = gsl_vector_get (t, i), a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1),
                   wanted = (log_density (t_i - 2 * h, a, b) - 8 * log_density (t_i - h, a, b)
                             + 8 * log_density (t_i + h, a, b) - log_density (t_i + 2 * h, a, b))
                            / (12 * h);
      cr_assert_float_eq (gsl_vector_get (rate, i), wanted, 1e-7 * (10 + fabs (wanted)), "row %zu: %.12g, not %.12g", i,
                          gsl_vector_get (rate, i), wanted);
    }
}

// ## What cannot be done

Test (pde, what_does_not_fit_is_refused)
{
  sb_process *bare = without_maps (2);
  const sb_score_callback callback = { .view = SB_SCORE, .function = lognormal_score };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, bare));
  gsl_matrix *x = matrix_all (3, 2, 1), *wide = matrix_all (3, 3, 1), *none = matrix (0, 2);
  gsl_vector *t = vector_all (3, 0.5), *rate = vector (3), *two = vector_all (2, 0.5), *nothing = vector (0);
  refused (GSL_EBADLEN, sb_fokker_planck (score, NULL, t, wide, rate));
  refused (GSL_EBADLEN, sb_fokker_planck_ito (&gbm, score, NULL, two, x, rate));
  refused (GSL_EBADLEN, sb_fokker_planck_ito (&gbm, score, NULL, t, x, two));
  refused (GSL_EUNSUP, sb_fokker_planck (score, NULL, t, x, rate));
  ok (sb_fokker_planck_ito (&gbm, score, NULL, nothing, none, nothing));
}
