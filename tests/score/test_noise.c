// # What must be true of a score made of noise
//
// On DDPM's chain a model predicts the noise; that this is the score, and an estimate of the data, is Section 3.2 and
// Appendix A.3 of the report *From Denoising Score Matching to DDPM*.

#include "chain.h"
#include "score/callback.h"
#include "score/clip.h"
#include "score/exact.h"
#include "score/tweedie.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>

SUITE (noise);

static const double W[] = { 0.3, 0.5, 0.2 }, M[] = { -1.5, 0.3, 2 }, V[] = { 0.09, 0.16, 0.04 };

enum
{
  K = 3
};

// ## The score is an average
//
// Data $\mathcal{N}(.7, 1.5)$, $\bar\alpha = .6$. The average of $-\varepsilon/\sqrt{1 - \bar\alpha}$ over
// $q(x_0 \mid x_t)$, by quadrature, is the score: 1.1863212834, .0324751296, -1.1213710246 at $x_t = -1, .5, 2$. The
// printed average over $q(x_0)$ is 3.85554, .10554, -3.64446. [dsm2ddpm.txt-score-average]

typedef struct
{
  double x_t, posterior;
  int power;
} average;

static double
integrand (double x_0, void *context)
{
  const average *a = context;
  double delta = a->x_t - sqrt (0.6) * x_0, weight = gsl_ran_gaussian_pdf (x_0 - 0.7, sqrt (1.5));
  if (a->posterior > 0)
    weight *= gsl_ran_gaussian_pdf (delta, sqrt (0.4));
  return weight * (a->power ? -delta / 0.4 : 1);
}

static double
averaged (double x_t, int posterior)
{
  average value = { x_t, posterior, 1 }, mass = { x_t, posterior, 0 };
  return chain_integral (integrand, &value, -15, 16) / chain_integral (integrand, &mass, -15, 16);
}

Test (noise, erratum_score_average_is_over_the_posterior)
{
  const double at[] = { -1, 0.5, 2 }, right[] = { 1.1863212834, 0.0324751296, -1.1213710246 },
               printed[] = { 3.85554, 0.10554, -3.64446 };
  chain c = { .T = 1, .beta = { 0, 0.4L }, .alpha_bar = { 1, 0.6L } };
  sb_process *ddpm = chain_alloc (&c, 1);
  sb_target *data = chain_gaussian (1, 0.7, 1.5);
  for (int k = 0; k < 3; k++)
    {
      gsl_matrix *score = matrix (1, 1);
      ok (sb_target_evaluate (data, ddpm, SB_SCORE, matrix_of (1, 1, at[k]), vector_of (1), score));
      cr_assert_float_eq (averaged (at[k], 1), right[k], 1e-9);
      cr_assert_float_eq (gsl_matrix_get (score, 0, 0), averaged (at[k], 1), 1e-9);
      cr_assert_float_eq (averaged (at[k], 0), printed[k], 1e-5, "as printed");
    }
}

// The same over the three components of a mixture in three dimensions, each with its responsibility and its own
// posterior mean of the noise, $\sqrt{1 - \bar\alpha_t}(\mathbf{x} - \sqrt{\bar\alpha_t}\mathbf{m}_k)/D_k$; and over
// the points of a data set. At levels 1, 10, 100, 500, 1000: the three views of the library's exact score,
// $\varepsilon^* = -\sqrt{1 - \bar\alpha_t}\,\nabla\log q$ among them, to $10^{-12}$. [dsm2ddpm.txt-score-average]
// [dsm2ddpm.txt-score-eps]

enum
{
  D = 3,
  ROWS = 40
};

static const size_t LEVELS[] = { 1, 10, 100, 500, 1000 };

// v NULL: points.
static void
by_responsibilities (const double *x, double bar, double gathered, const double *v, const double (*m)[D],
                     size_t components, double *epsilon, double *x_hat)
{
  double log_r[8], largest = GSL_NEGINF, mass = 0;
  for (size_t k = 0; k < components; k++)
    {
      double spread = bar * (v ? v[k] : 0) + gathered, squared = 0;
      for (int j = 0; j < D; j++)
        squared += gsl_pow_2 (x[j] - sqrt (bar) * m[k][j]);
      log_r[k] = (v ? log (W[k]) : 0) - 0.5 * squared / spread - 0.5 * D * log (spread);
      largest = larger (largest, log_r[k]);
    }
  for (int j = 0; j < D; j++)
    epsilon[j] = x_hat[j] = 0;
  for (size_t k = 0; k < components; k++)
    {
      double r = exp (log_r[k] - largest), spread = bar * (v ? v[k] : 0) + gathered;
      mass += r;
      for (int j = 0; j < D; j++)
        {
          double delta = x[j] - sqrt (bar) * m[k][j];
          epsilon[j] += r * sqrt (gathered) * delta / spread;
          x_hat[j] += r * (m[k][j] + (v ? v[k] : 0) * sqrt (bar) / spread * delta);
        }
    }
  for (int j = 0; j < D; j++)
    {
      epsilon[j] /= mass;
      x_hat[j] /= mass;
    }
}

// From the noise alone the library finds the other two, $-\varepsilon^*/\sqrt{1 - \bar\alpha_t}$ and
// $(\mathbf{x}_t - \sqrt{1 - \bar\alpha_t}\,\varepsilon^*)/\sqrt{\bar\alpha_t} = \operatorname{E}[\mathbf{x}_0 \mid
// \mathbf{x}_t]$, the second to $10^{-11}$. [dsm2ddpm.txt-score-average] [dsm2ddpm.txt-x0-from-eps]

static void
check_conversions (const sb_process *ddpm, const gsl_matrix *x, const gsl_vector *t, double bar, double gathered,
                   const double *v, const double (*m)[D], size_t components)
{
  gsl_matrix *score = matrix (ROWS, D), *data = matrix (ROWS, D);
  for (size_t i = 0; i < ROWS; i++)
    by_responsibilities (gsl_matrix_const_ptr (x, i, 0), bar, gathered, v, m, components, gsl_matrix_ptr (score, i, 0),
                         gsl_matrix_ptr (data, i, 0));
  gsl_matrix *epsilon = copy_of (score), *x_hat = copy_of (score);
  ok (sb_tweedie (ddpm, SB_EPSILON, SB_SCORE, x, t, score));
  ok (sb_tweedie (ddpm, SB_EPSILON, SB_DENOISER, x, t, x_hat));
  for (size_t i = 0; i < ROWS; i++)
    for (size_t j = 0; j < D; j++)
      {
        cr_assert_float_eq (-sqrt (gathered) * gsl_matrix_get (score, i, j), gsl_matrix_get (epsilon, i, j), 1e-12);
        cr_assert_float_eq (gsl_matrix_get (x_hat, i, j), gsl_matrix_get (data, i, j), 1e-11, "bar = %g", bar);
      }
}

static void
check_views (const chain *c, const sb_target *data, const double *v, const double (*m)[D], size_t components)
{
  sb_process *ddpm = chain_alloc (c, D);
  gsl_matrix *x_0 = chain_sample (data, ROWS, 130), *z = normals (ROWS, D, 131), *x = matrix (ROWS, D);
  gsl_matrix *view[3];
  const sb_view views[] = { SB_EPSILON, SB_DENOISER, SB_SCORE };
  for (int l = 0; l < 5; l++)
    {
      double bar = (double)c->alpha_bar[LEVELS[l]], gathered = (double)(1 - c->alpha_bar[LEVELS[l]]);
      gsl_vector *t = vector_all (ROWS, (double)LEVELS[l] / 1000);
      gsl_matrix_memcpy (x, x_0);
      ok (sb_process_transition (ddpm, NULL, t, z, x));
      for (int k = 0; k < 3; k++)
        {
          view[k] = matrix (ROWS, D);
          ok (sb_target_evaluate (data, ddpm, views[k], x, t, view[k]));
        }
      for (size_t i = 0; i < ROWS; i++)
        {
          double epsilon[D], x_hat[D];
          by_responsibilities (gsl_matrix_const_ptr (x, i, 0), bar, gathered, v, m, components, epsilon, x_hat);
          for (size_t j = 0; j < D; j++)
            {
              double e = gsl_matrix_get (view[0], i, j);
              cr_assert_float_eq (e, epsilon[j], 1e-12 * (1 + 1 / sqrt (gathered)), "t = %zu", LEVELS[l]);
              cr_assert_float_eq (gsl_matrix_get (view[1], i, j), x_hat[j], 1e-12, "t = %zu", LEVELS[l]);
              cr_assert_float_eq (-sqrt (gathered) * gsl_matrix_get (view[2], i, j), e, 1e-12);
              double tweedie = (gsl_matrix_get (x, i, j) + gathered * gsl_matrix_get (view[2], i, j)) / sqrt (bar);
              cr_assert_float_eq (tweedie, x_hat[j], 1e-12 / sqrt (bar));
            }
        }
      check_conversions (ddpm, x, t, bar, gathered, v, m, components);
    }
}

Test (noise, views_by_responsibilities)
{
  chain c;
  double m[K][D];
  chain_linear (&c, 1000);
  for (int k = 0; k < K; k++)
    for (int j = 0; j < D; j++)
      m[k][j] = M[k];
  sb_target *mixture = chain_mixture (D, K, W, M, V);
  check_views (&c, mixture, V, (const double (*)[D])m, K);

  gsl_matrix *points = normals (6, D, 132);
  double at[6][D];
  for (size_t k = 0; k < 6; k++)
    for (size_t j = 0; j < D; j++)
      at[k][j] = gsl_matrix_get (points, k, j);
  sb_target *empirical = scoped (sb_target_points_alloc (points, NULL));
  check_views (&c, empirical, NULL, (const double (*)[D])at, 6);
}

// ## One estimate, three names
//
// From each view to each other and back on the linear schedule, to $10^{-14}$ of what passes through (to the data and
// back, at the last levels, that is $x_t/\sqrt{\bar\alpha_t}$). [dsm2ddpm.txt-score-eps]

Test (noise, round_trips)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 2);
  const sb_view views[] = { SB_EPSILON, SB_DENOISER, SB_SCORE };
  gsl_matrix *x = normals (1000, 2, 133), *e = normals (1000, 2, 134), *copy = matrix (1000, 2);
  gsl_vector *t = level_times (1, 1000, 1000);
  for (int from = 0; from < 3; from++)
    for (int to = 0; to < 3; to++)
      {
        gsl_matrix_memcpy (copy, e);
        ok (sb_tweedie (ddpm, views[from], views[to], x, t, copy));
        ok (sb_tweedie (ddpm, views[to], views[from], x, t, copy));
        for (size_t i = 0; i < 1000; i++)
          for (size_t j = 0; j < 2; j++)
            {
              double bar = (double)c.alpha_bar[i + 1],
                     size = fabs (gsl_matrix_get (x, i, j)) + fabs (gsl_matrix_get (e, i, j));
              double through = views[from] == SB_DENOISER || views[to] == SB_DENOISER
                                   ? 4 / sqrt (bar * (1 - bar)) / sqrt (1 - bar)
                                   : 1;
              cr_assert_float_eq (gsl_matrix_get (copy, i, j), gsl_matrix_get (e, i, j), 1e-14 * size * through,
                                  "%d, %d, t = %zu", from, to, i + 1);
            }
      }
}

// ## The score of a level
//
// A mixture in the plane, of components with correlated coordinates, at levels 1, 10, 100, 500, 1000: against
// differences of $\log q(x_t)$ written out, with means $\sqrt{\bar\alpha_t}\mathbf m_k$ and covariances
// $\bar\alpha_t\mathbf{C}_k + (1 - \bar\alpha_t)\mathbf{I}$, to $10^{-7}$. At the last it is nearly that of the prior,
// $\mathbf{s}(x, T) = -x$, to 0.05. And the other two views beside it, $\varepsilon^* = -\sqrt{1 -
// \bar\alpha_t}\,\nabla\log q$ and $\operatorname{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = (\mathbf{x}_t + (1 -
// \bar\alpha_t)\,\nabla\log q)/\sqrt{\bar\alpha_t}$. [dsm2ddpm.txt-score-diffusion] [dsm2ddpm.txt-score-eps]

static const double plane_w[] = { 0.4, 0.6 }, plane_m[] = { -1, 0.5, 1.2, -0.3 },
                    plane_C[] = { 0.5, 0.3, 0.3, 0.4, 0.2, -0.1, -0.1, 0.6 };

static double
log_q (double x, double y, double bar)
{
  double sum = 0;
  for (int k = 0; k < 2; k++)
    {
      const double *C = plane_C + 4 * k, *m = plane_m + 2 * k;
      double a = bar * C[0] + 1 - bar, b = bar * C[1], c = bar * C[3] + 1 - bar, det = a * c - b * b;
      double u = x - sqrt (bar) * m[0], v = y - sqrt (bar) * m[1];
      sum += plane_w[k] * exp (-0.5 * (c * u * u - 2 * b * u * v + a * v * v) / det) / sqrt (det);
    }
  return log (sum);
}

static void
check_plane (const sb_score *score, double bar, double t, double x, double y)
{
  const double at[2] = { x, y }, h = 5e-4;
  const sb_view views[] = { SB_SCORE, SB_EPSILON, SB_DENOISER };
  gsl_matrix *view = matrix (3, 2);
  for (size_t k = 0; k < 3; k++)
    {
      gsl_matrix_view out = gsl_matrix_submatrix (view, k, 0, 1, 2);
      ok (sb_score_evaluate (score, views[k], matrix_of (1, 2, x, y), vector_of (t), NULL, &out.matrix));
    }
  for (size_t j = 0; j < 2; j++)
    {
      double u = j == 0 ? h : 0, v = j == 1 ? h : 0;
      double near = log_q (x + u, y + v, bar) - log_q (x - u, y - v, bar),
             far = log_q (x + 2 * u, y + 2 * v, bar) - log_q (x - 2 * u, y - 2 * v, bar);
      double slope = (8 * near - far) / (12 * h);
      double g = gsl_matrix_get (view, 0, j), size = 1 + fabs (g);
      cr_assert_float_eq (g, slope, 1e-7 * size, "t = %g, at %g, %g", t, x, y);
      cr_assert_float_eq (gsl_matrix_get (view, 1, j), -sqrt (1 - bar) * g, 1e-12 * size, "t = %g, at %g, %g", t, x, y);
      cr_assert_float_eq (gsl_matrix_get (view, 2, j), (at[j] + (1 - bar) * g) / sqrt (bar), 1e-12 * size / sqrt (bar));
      if (t == 1)
        cr_assert_float_eq (g, -at[j], 0.05);
    }
}

Test (noise, score_of_a_level)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 2);
  sb_target *data = scoped (sb_target_mixture_alloc (scope_vector (2, plane_w), scope_matrix (2, 2, 4, plane_m),
                                                     scope_matrix (4, 2, 8, plane_C)));
  sb_score *score = scoped (sb_score_exact_alloc (data, ddpm));
  for (int l = 0; l < 5; l++)
    for (double x = -2; x < 2.5; x += 0.4)
      for (double y = -2; y < 2.5; y += 0.4)
        check_plane (score, (double)c.alpha_bar[LEVELS[l]], (double)LEVELS[l] / 1000, x, y);
}

// ## The data from the noise
//
// $x_0 \to x_t \to x_0$ at every level, to $10^{-12}/\sqrt{\bar\alpha_t}$, when the noise is the true one; with
// $\varepsilon^*$ it is $\operatorname{E}[x_0 \mid x_t]$ (`views_by_responsibilities`). [dsm2ddpm.txt-x0-from-eps]

Test (noise, data_from_the_true_noise)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 2);
  gsl_matrix *x_0 = normals (1000, 2, 136), *z = normals (1000, 2, 137), *x = matrix (1000, 2);
  gsl_vector *t = level_times (1, 1000, 1000);
  gsl_matrix_memcpy (x, x_0);
  ok (sb_process_transition (ddpm, NULL, t, z, x));
  ok (sb_tweedie (ddpm, SB_EPSILON, SB_DENOISER, x, t, z));
  for (size_t i = 0; i < 1000; i++)
    for (size_t j = 0; j < 2; j++)
      cr_assert_float_eq (gsl_matrix_get (z, i, j), gsl_matrix_get (x_0, i, j),
                          1e-12 / sqrt ((double)c.alpha_bar[i + 1]));
}

// ## Clipped
//
// An estimate in range stays; one that is out moves to the nearest end, and the other views say the same of it. A
// mixture of points in $[-1, 1]$ is never moved, and a network that says nothing has $x_t/\sqrt{\bar\alpha_t}$ for the
// data, moved wherever that is out of range; so has one that is told its noise. NaN is not hidden.
// [dsm2ddpm.txt-x0-from-eps]

static int
constant (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t;
  gsl_matrix_set_all (out, *(double *)params);
  return y ? gsl_matrix_memcpy (out, y) : GSL_SUCCESS;
}

Test (noise, clipped_estimates)
{
  chain c;
  chain_linear (&c, 1000);
  sb_process *ddpm = chain_alloc (&c, 1);
  double nothing = 0;
  const sb_score_callback callback = { .view = SB_EPSILON, .function = constant, .params = &nothing };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, ddpm)),
           *clip = scoped (sb_score_clip_alloc (score, -1, 0.5));
  gsl_matrix *x = normals (1000, 1, 138), *x_hat = matrix (1000, 1), *epsilon = matrix (1000, 1), *s = matrix (1000, 1);
  gsl_vector *t = level_times (1, 1000, 1000);
  int moved = 0, kept = 0;
  ok (sb_score_evaluate (clip, SB_DENOISER, x, t, NULL, x_hat));
  ok (sb_score_evaluate (clip, SB_EPSILON, x, t, NULL, epsilon));
  ok (sb_score_evaluate (clip, SB_SCORE, x, t, NULL, s));
  for (size_t i = 0; i < 1000; i++)
    {
      double bar = (double)c.alpha_bar[i + 1], gathered = (double)(1 - c.alpha_bar[i + 1]),
             raw = gsl_matrix_get (x, i, 0) / sqrt (bar), want = GSL_MAX_DBL (-1, GSL_MIN_DBL (0.5, raw));
      cr_assert_float_eq (gsl_matrix_get (x_hat, i, 0), want, 1e-12);
      double e = (gsl_matrix_get (x, i, 0) - sqrt (bar) * want) / sqrt (gathered);
      cr_assert_float_eq (gsl_matrix_get (epsilon, i, 0), e, 1e-11);
      cr_assert_float_eq (gsl_matrix_get (s, i, 0), -e / sqrt (gathered), 1e-9);
      want == raw ? kept++ : moved++;
    }
  cr_assert (moved > 100 && kept > 100);

  // Of the noise that each row is told.
  const gsl_matrix *y = normals (1000, 1, 139);
  ok (sb_score_evaluate (clip, SB_DENOISER, x, t, y, x_hat));
  for (size_t i = 0; i < 1000; i++)
    {
      const double bar = (double)c.alpha_bar[i + 1], gathered = (double)(1 - c.alpha_bar[i + 1]),
                   raw = (gsl_matrix_get (x, i, 0) - sqrt (gathered) * gsl_matrix_get (y, i, 0)) / sqrt (bar);
      cr_assert_float_eq (gsl_matrix_get (x_hat, i, 0), GSL_MAX_DBL (-1, GSL_MIN_DBL (0.5, raw)), 1e-10);
    }

  nothing = GSL_NAN;
  ok (sb_score_evaluate (clip, SB_DENOISER, x, t, NULL, x_hat));
  cr_assert (gsl_isnan (gsl_matrix_get (x_hat, 7, 0)));
  cr_assert_null (sb_score_clip_alloc (score, 1, 1));
  cr_assert_null (sb_score_clip_alloc (score, 1, GSL_NAN));
  gsl_vector_set (t, 3, 0.00012);
  refused (GSL_EDOM, sb_score_evaluate (clip, SB_DENOISER, x, t, NULL, x_hat), "what the score reports");
  refused (GSL_EUNSUP, sb_score_jvp (clip, SB_SCORE, x, t, NULL, x, x_hat));
}
