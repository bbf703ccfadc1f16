// # What must be true of a law under noise
//
// $q_\sigma(\mathbf x) = \int p_{\mathrm{data}}(\mathbf t)\,\mathcal N(\mathbf x; \mathbf t, \sigma^2\mathbf
// I)\,d\mathbf t$, by the definition: the integral done as a sum, which for Gaussians under the trapezoidal rule is
// exact to rounding.

#include "ask.h"
#include "process/ddpm.h"
#include "process/smld.h"
#include "score/exact.h"
#include "target/target.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <math.h>

SUITE (noised);

// ## Two bumps on a line

static const double w[] = { 0.3, 0.7 }, mu[] = { -2, 1.5 }, v[] = { 0.5, 0.8 };

static sb_target *
two_bumps (void)
{
  return scoped (sb_target_mixture_alloc (scope_vector (2, w), scope_matrix (2, 1, 2, mu), scope_matrix (2, 1, 2, v)));
}

static sb_process *
one_level (size_t d, double sigma)
{
  return scoped (sb_smld_sigmas_alloc (d, vector_of (sigma)));
}

static double
density (const sb_target *law, const sb_process *process, double x, double t)
{
  return exp (ask_log_density (law, process, &x, t));
}

// Convolution of a density with $\mathcal N(0, \sigma^2)$ at x: a sum over z, in steps that both factors resolve.

static double
convolve (double (*p) (double x, void *params), void *params, double sigma, double x)
{
  double sum = 0, h = GSL_MIN (0.05, 0.05 / sigma);
  for (double z = -9; z < 9; z += h)
    sum += h * gsl_ran_ugaussian_pdf (z) * p (x - sigma * z, params);
  return sum;
}

static double
of_data (double x, void *params)
{
  (void)params;
  return w[0] * gsl_ran_gaussian_pdf (x - mu[0], sqrt (v[0])) + w[1] * gsl_ran_gaussian_pdf (x - mu[1], sqrt (v[1]));
}

typedef struct
{
  const sb_target *law;
  const sb_process *process;
} noised;

static double
of_noised (double x, void *params)
{
  const noised *q = params;
  return density (q->law, q->process, x, 1);
}

// The closed form is the convolution at 200 points, to $10^{-10}$, and integrates to 1; noise added twice is noise of
// the root of the summed squares, to $10^{-9}$. [dsm2ddpm.txt-qsigma]

Test (noised, convolution_with_a_gaussian)
{
  const double sigmas[] = { 0.05, 0.4, 1, 3 };
  sb_target *law = two_bumps ();
  for (int k = 0; k < 4; k++)
    {
      sb_process *process = one_level (1, sigmas[k]), *more = one_level (1, hypot (sigmas[k], 0.7));
      noised q = { law, process };
      double mass = 0, h = 0.02;
      for (int i = 0; i < 200; i++)
        {
          double x = -8 + 0.08 * i;
          cr_assert_float_eq (density (law, process, x, 1), convolve (of_data, NULL, sigmas[k], x), 1e-10);
          if (i % 10 == 0)
            cr_assert_float_eq (density (law, more, x, 1), convolve (of_noised, &q, 0.7, x), 1e-9);
        }
      for (double x = -30; x < 30; x += h)
        mass += h * density (law, process, x, 1);
      cr_assert_float_eq (mass, 1, 1e-10, "sigma = %g: %.12g", sigmas[k], mass);
    }
}

// Draws of the data, and noise on them, have that law: $10^5$ of them against its distribution function, Kolmogorov and
// Smirnov's distance below $2.69/\sqrt n$ (false alarm $10^{-6}$). [dsm2ddpm.txt-qsigma]

Test (noised, draws_under_noise)
{
  enum
  {
    N = 100000
  };
  const double sigma = 0.4;
  sb_target *law = two_bumps ();
  sb_process *process = one_level (1, sigma);
  gsl_matrix *x = matrix (N, 1), *z = matrix (N, 1);
  ok (sb_target_sample (law, (sb_stream){ 1, SB_FOR_DATA, 0 }, x));
  ok (sb_stream_normals ((sb_stream){ 1, SB_FOR_FORWARD, 0 }, 0, z));
  ok (sb_process_transition (process, NULL, vector_all (N, 1), z, x));
  gsl_sort (x->data, 1, N);
  double distance = 0;
  for (size_t i = 0; i < N; i++)
    {
      double cdf = 0;
      for (int k = 0; k < 2; k++)
        cdf += w[k] * gsl_cdf_gaussian_P (x->data[i] - mu[k], sqrt (v[k] + sigma * sigma));
      distance = larger (distance, GSL_MAX (fabs (cdf - (double)i / N), fabs (cdf - (double)(i + 1) / N)));
    }
  cr_assert_lt (distance, 2.69 / sqrt (N), "%g", distance);
}

// ## In the plane
//
// Two Gaussians whose axes are not the coordinates', and a data set of five points with the same mass each: at 40
// points, the log density is that of the integral, over the plane by the trapezoidal rule, and over the data set the
// sum that it is, to $10^{-10}$ of itself; the score is the slope of its logarithm along either coordinate.
// [dsm2ddpm.txt-qsigma] [dsm2ddpm.txt-NCSN-target]

enum
{
  K = 5
};
static const double share[] = { 0.4, 0.6 }, centre[] = { -1, 0.5, 2, 1 },
                    spread[] = { 1, 0.6, 0.6, 0.5, 0.7, -0.4, -0.4, 1.2 },
                    data_set[2 * K] = { 0, 0, 1, 0.5, -2, 1, 1.2, 0.4, 3, -1 };

static double
tilted_density (double x, double y)
{
  double sum = 0;
  for (int k = 0; k < 2; k++)
    {
      const double *C = spread + 4 * k, sx = sqrt (C[0]), sy = sqrt (C[3]);
      sum += share[k]
             * gsl_ran_bivariate_gaussian_pdf (x - centre[2 * k], y - centre[2 * k + 1], sx, sy, C[1] / (sx * sy));
    }
  return sum;
}

// Steps that resolve the noise and the narrowest deviation of the two Gaussians, 0.32: what they leave out is below
// $e^{-50}$.

static double
tilted_by_sums (double sigma, double x, double y)
{
  double sum = 0, h = GSL_MIN (0.35, 0.18 / sigma);
  for (double z1 = -8; z1 < 8; z1 += h)
    for (double z2 = -8; z2 < 8; z2 += h)
      sum += h * h * gsl_ran_ugaussian_pdf (z1) * gsl_ran_ugaussian_pdf (z2)
             * tilted_density (x - sigma * z1, y - sigma * z2);
  return sum;
}

static double
data_set_by_sums (double sigma, double x, double y)
{
  double sum = 0;
  for (int k = 0; k < K; k++)
    sum += gsl_ran_gaussian_pdf (x - data_set[2 * k], sigma) * gsl_ran_gaussian_pdf (y - data_set[2 * k + 1], sigma)
           / K;
  return sum;
}

static double
log_density_at (const sb_target *law, const sb_process *process, double x, double y)
{
  return ask_log_density (law, process, (double[]){ x, y }, 1);
}

static void
check_plane_slope (const sb_target *law, const sb_process *process, double x, double y)
{
  double s[2], h = 1e-5;
  ask (law, process, SB_SCORE, (double[]){ x, y }, 1, s);
  double along_x = (log_density_at (law, process, x + h, y) - log_density_at (law, process, x - h, y)) / (2 * h),
         along_y = (log_density_at (law, process, x, y + h) - log_density_at (law, process, x, y - h)) / (2 * h);
  double size = 1 + fabs (s[0]) + fabs (s[1]);
  cr_assert_float_eq (s[0], along_x, 1e-7 * size, "(%g, %g): %.10g, slope %.10g", x, y, s[0], along_x);
  cr_assert_float_eq (s[1], along_y, 1e-7 * size, "(%g, %g): %.10g, slope %.10g", x, y, s[1], along_y);
}

static void
check_plane (const sb_target *law, double (*by_sums) (double sigma, double x, double y), double sigma)
{
  sb_process *process = one_level (2, sigma);
  for (int i = 0; i < 40; i++)
    {
      double x = 1 + 2.5 * sin (3 * i), y = 0.5 + 1.5 * cos (5 * i), q = by_sums (sigma, x, y),
             found = exp (log_density_at (law, process, x, y));
      cr_assert_float_eq (found, q, 1e-10 * q, "sigma = %g, (%g, %g): %.12g, not %.12g", sigma, x, y, found, q);
      check_plane_slope (law, process, x, y);
    }
}

Test (noised, laws_in_the_plane)
{
  const double sigmas[] = { 0.3, 1, 3 };
  sb_target *tilted = scoped (sb_target_mixture_alloc (scope_vector (2, share), scope_matrix (2, 2, 4, centre),
                                                       scope_matrix (4, 2, 8, spread))),
            *set = scoped (sb_target_points_alloc (scope_matrix (K, 2, 2 * K, data_set), NULL));
  for (int k = 0; k < 3; k++)
    {
      check_plane (tilted, tilted_by_sums, sigmas[k]);
      check_plane (set, data_set_by_sums, sigmas[k]);
    }
}

// A data set of 60 points in 784 dimensions at $\sigma = 0.01$: densities like $e^{-10^6}$, and every log density and
// score is finite, near a point and far from all. The second point is $2\sigma$ from the first along one coordinate,
// the others far away. Row 0 is at distances of $\sqrt d\,\sigma$ and $\sqrt{d + 8}\,\sigma$ from the two, so that
// their shares are as 1 to $e^{-4}$, row 1 as far from the one as from the other: what they say is known. So too where
// the first point counts three times. [dsm2ddpm.txt-qsigma]

Test (noised, a_data_set_at_a_small_sigma)
{
  enum
  {
    POINTS = 60,
    D = 784,
    N = 6
  };
  gsl_matrix *points = matrix (POINTS, D), *x = matrix_all (N, D, 0), *score = matrix (N, D);
  gsl_vector *t = vector_all (N, 1), *log_q = vector (N);
  ok (sb_stream_uniforms ((sb_stream){ 2, SB_FOR_DATA, 0 }, 0, points));
  for (size_t j = 0; j < D; j++)
    gsl_matrix_set (points, 1, j, gsl_matrix_get (points, 0, j) + (j == 0 ? 0.02 : 0));
  sb_process *process = one_level (D, 0.01);
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < D; j++)
      gsl_matrix_set (x, i, j,
                      gsl_matrix_get (points, i, j) + (i < 2 ? 0.01 * (j % 2 ? 1 : -1) : pow (10, (double)i - 3)));
  for (double first = 1; first < 4; first += 2)
    {
      gsl_vector *weights = vector_all (POINTS, 1 / (POINTS - 1 + first));
      gsl_vector_set (weights, 0, first / (POINTS - 1 + first));
      sb_target *law = scoped (sb_target_points_alloc (points, first > 1 ? weights : NULL));
      ok (sb_target_log_density (law, process, x, t, log_q));
      ok (sb_target_evaluate (law, process, SB_SCORE, x, t, score));
      for (size_t i = 0; i < N; i++)
        {
          cr_assert (gsl_finite (gsl_vector_get (log_q, i)));
          for (size_t j = 0; j < D; j++)
            cr_assert (gsl_finite (gsl_matrix_get (score, i, j)));
        }
      cr_assert_lt (gsl_vector_get (log_q, N - 1), -1e6);
      const double alone = -log (POINTS - 1 + first) - D / 2. * (1 + log (2 * M_PI) + 2 * log (0.01)), e4 = exp (-4);
      cr_assert_float_eq (gsl_vector_get (log_q, 0), alone + log (first + e4), 1e-9);
      cr_assert_float_eq (gsl_vector_get (log_q, 1), alone + log (first + 1), 1e-9);
      cr_assert_float_eq (gsl_matrix_get (score, 0, 0), (first * 100 + 300 * e4) / (first + e4), 1e-9);
      cr_assert_float_eq (gsl_matrix_get (score, 1, 0), 100 * (1 - first) / (first + 1), 1e-9);
      for (size_t i = 0; i < 2; i++)
        for (size_t j = 1; j < D; j++)
          cr_assert_float_eq (gsl_matrix_get (score, i, j), j % 2 ? -100 : 100, 1e-9);
    }
}

// ## The score is the slope of the log density
//
// through the score's interface, at every level of a ladder from 10 to 0.1, by central differences (h = $10^{-5}$, to
// $10^{-7}$). [dsm2ddpm.txt-NCSN-target]

static double
score_at (const sb_score *score, double x, double t)
{
  gsl_matrix *out = matrix (1, 1);
  ok (sb_score_evaluate (score, SB_SCORE, matrix_of (1, 1, x), vector_of (t), NULL, out));
  return gsl_matrix_get (out, 0, 0);
}

static void
check_slope (const sb_target *law, const sb_score *score, double x, double t)
{
  const double h = 1e-5;
  double slope
      = (log (density (law, score->process, x + h, t)) - log (density (law, score->process, x - h, t))) / (2 * h);
  double s = score_at (score, x, t);
  cr_assert_float_eq (s, slope, 1e-7 * (1 + fabs (s)), "x = %g, t = %g: %.10g, slope %.10g", x, t, s, slope);
}

Test (noised, score_at_every_level)
{
  sb_target *law = two_bumps ();
  sb_process *chain = scoped (sb_smld_alloc (1, 10, 0.1, 10));
  sb_score *score = scoped (sb_score_exact_alloc (law, chain));
  for (int i = 1; i <= 10; i++)
    for (double x = -8; x < 8; x += 0.37)
      check_slope (law, score, x, i / 10.);
}

// Likewise under DDPM's chain of 1000 levels at levels 1, 10, 100, 500, 1000, where the law is the mixture with the
// means $\sqrt{\bar\alpha_t}\,\mu_k$ and the variances $\bar\alpha_t v_k + 1 - \bar\alpha_t$, written out here; at the
// last, it is $-x$, within 0.05 for $|x| < 4$. [dsm2ddpm.txt-score-diffusion]

Test (noised, score_of_a_diffusion)
{
  const size_t level[] = { 1, 10, 100, 500, 1000 };
  sb_target *law = two_bumps ();
  sb_process *chain = scoped (sb_ddpm_alloc (1, 1000, 0.1, 20));
  sb_score *score = scoped (sb_score_exact_alloc (law, chain));
  for (int k = 0; k < 5; k++)
    {
      double alpha_bar = 1, t = (double)level[k] / 1000;
      for (size_t i = 1; i <= level[k]; i++)
        alpha_bar *= 1 - (1e-4 + (0.02 - 1e-4) * (double)(i - 1) / 999);
      for (double x = -5; x < 5; x += 0.23)
        {
          double q = 0;
          for (int j = 0; j < 2; j++)
            q += w[j] * gsl_ran_gaussian_pdf (x - sqrt (alpha_bar) * mu[j], sqrt (alpha_bar * v[j] + 1 - alpha_bar));
          cr_assert_float_eq (density (law, chain, x, t), q, 1e-11, "level %zu, x = %g", level[k], x);
          check_slope (law, score, x, t);
        }
    }
  for (double x = -4; x <= 4; x += 0.01)
    cr_assert_lt (fabs (score_at (score, x, 1) + x), 0.05);
}
