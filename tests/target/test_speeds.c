// # A condition that is noised too
//
// *Non-Uniform Diffusion Models*, Sections 3.4.2 and 3.4.3 and the first steps of Appendix A.4: what the score given
// $y_t$ is to that given $y$. The noise of $x_t$ has the variance $.25$, that of $y_t$ any; scores and densities are
// the library's, of a Gaussian pair and of a mixture. z-tests have a false alarm of $10^{-6}$.

#include "pairs.h"
#include "process/multispeed.h"
#include "process/nonuniform.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/guided.h"
#include "score/slice.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (speeds);

static const double at = .5, tau = .25, z_test = 4.9;

// Processes in which, at time .5, the noises have the variance .25 and the square of sigma; 0: y stands still.

static const sb_process *
of_x (void)
{
  return scoped (pair_straight (1, .5));
}

static const sb_process *
pair_at (double sigma)
{
  return pair_of (pair_straight (1, .5), sigma > 0 ? pair_straight (1, 2 * sigma * sigma) : sb_still_alloc (1));
}

static const sb_score *
score_given (const pair *law, double sigma)
{
  return scoped (sb_score_slice_alloc (scoped (sb_score_exact_alloc (pair_law (law), pair_at (sigma))), of_x ()));
}

// The score of x at rows (x, y).
static gsl_vector *
scores (const sb_score *score, const gsl_matrix *z)
{
  const size_t n = z->size1;
  gsl_matrix *x = matrix (n, 1), *y = matrix (n, 1), *s = matrix (n, 1);
  gsl_vector *out = vector (n);
  for (size_t i = 0; i < n; i++)
    {
      gsl_matrix_set (x, i, 0, gsl_matrix_get (z, i, 0));
      gsl_matrix_set (y, i, 0, gsl_matrix_get (z, i, 1));
    }
  ok (sb_score_evaluate (score, SB_SCORE, x, vector_all (n, at), y, s));
  gsl_matrix_get_col (out, s, 0);
  return out;
}

static double
score_at (const sb_score *score, double x, double y)
{
  const size_t mark = scope_mark ();
  const double s = gsl_vector_get (scores (score, matrix_of (1, 2, x, y)), 0);
  scope_release (mark);
  return s;
}

// ln p (x_t, y_t) at rows (x, y), and ln p (x_t).

static gsl_vector *
log_joint (const pair *law, double sigma, const gsl_matrix *z)
{
  gsl_vector *out = vector (z->size1);
  ok (sb_target_log_density (pair_law (law), pair_at (sigma), z, vector_all (z->size1, at), out));
  return out;
}

static double
log_of_x (const pair *law, double x)
{
  gsl_vector *out = vector (1);
  ok (sb_target_log_density (pair_law_of_x (law), of_x (), matrix_of (1, 1, x), vector_all (1, at), out));
  return gsl_vector_get (out, 0);
}

// Rows (x, y), y on a line.

enum
{
  NODES = 2001
};
static const double first = -8, step = 16. / (NODES - 1);

static gsl_matrix *
over_y (double x)
{
  gsl_matrix *z = matrix (NODES, 2);
  for (size_t i = 0; i < NODES; i++)
    {
      gsl_matrix_set (z, i, 0, x);
      gsl_matrix_set (z, i, 1, first + step * (double)i);
    }
  return z;
}

// ## The score given $y_t$ is a mean
//
// $\nabla\ln p(x_t \mid y_t) = \mathbb E[\nabla\ln p(x_t \mid y) \mid x_t, y_t]$. A Gaussian's is linear in $y$, so
// that the mean is that at $\mathbb E[y \mid x_t, y_t]$, the joint law's denoiser: to 1e-12. The mixture's by
// quadrature over $y$, to 1e-8. [nonuniform.txt-cdiffe-approx]

Test (speeds, score_is_a_mean_of_a_gaussian)
{
  enum
  {
    N = 100
  };
  gsl_matrix *z = normals (N, 2, 1), *z_hat = matrix (N, 2), *mean = matrix (N, 2);
  for (double sigma = .1; sigma < 3; sigma *= 2)
    {
      ok (sb_target_evaluate (pair_law (&PAIR_G), pair_at (sigma), SB_DENOISER, z, vector_all (N, at), z_hat));
      for (size_t i = 0; i < N; i++)
        {
          gsl_matrix_set (mean, i, 0, gsl_matrix_get (z, i, 0));
          gsl_matrix_set (mean, i, 1, gsl_matrix_get (z_hat, i, 1));
        }
      const gsl_vector *s = scores (score_given (&PAIR_G, sigma), z), *wanted = scores (score_given (&PAIR_G, 0), mean);
      for (size_t i = 0; i < N; i++)
        cr_assert_float_eq (gsl_vector_get (s, i), gsl_vector_get (wanted, i), 1e-12 * 10, "row %zu", i);
    }
}

Test (speeds, score_is_a_mean_of_a_mixture)
{
  gsl_matrix *some = normals (20, 2, 2);
  for (double sigma = .1; sigma < 1; sigma *= 2)
    for (size_t k = 0; k < 20; k++)
      {
        const size_t mark = scope_mark ();
        const double x = 1.5 * gsl_matrix_get (some, k, 0), y_t = 1.5 * gsl_matrix_get (some, k, 1);
        const gsl_matrix *z = over_y (x);
        const gsl_vector *log_p = log_joint (&PAIR_M, 0, z), *s = scores (score_given (&PAIR_M, 0), z);
        double sum = 0, total = 0;
        for (size_t i = 0; i < NODES; i++)
          {
            const double w
                = exp (gsl_vector_get (log_p, i)) * gsl_ran_gaussian_pdf (y_t - gsl_matrix_get (z, i, 1), sigma);
            sum += w * gsl_vector_get (s, i), total += w;
          }
        cr_assert_float_eq (score_at (score_given (&PAIR_M, sigma), x, y_t), sum / total, 1e-8, "sigma = %g", sigma);
        scope_release (mark);
      }
}

// So the mean squared error is $J(x_t \mid y) - J(x_t \mid y_t)$, Fisher informations, and never falls as $\sigma_y$
// rises: of the Gaussian pair $1/v_0 - 1/v$, at $\sigma_y = .4$ 0.207245497, by the rule and by 400,000 draws.
// [nonuniform.txt-cdiffe-approx]

// Rows (x_t, y) and the noise of y_t, evenly spaced and weighted by their density: the noise of x_t is counted in x_t.

static pair_rule
even_rule (const pair *law)
{
  const size_t counts[] = { 41, 61, 41 };
  const double low[] = { -5, -4.5, -6 }, h[] = { .25, .15, .3 };
  pair_rule r = { .n = counts[0] * counts[1] * counts[2] };
  r.z_0 = matrix (r.n, 2), r.noise = matrix_all (r.n, 2, 0);
  r.w = scoped ((double *)malloc (r.n * sizeof *r.w));
  for (size_t i = 0; i < r.n; i++)
    {
      gsl_matrix_set (r.z_0, i, 0, low[0] + h[0] * (double)(i % counts[0]));
      gsl_matrix_set (r.z_0, i, 1, low[1] + h[1] * (double)(i / counts[0] % counts[1]));
      gsl_matrix_set (r.noise, i, 1, low[2] + h[2] * (double)(i / counts[0] / counts[1]));
    }
  const gsl_vector *log_p = log_joint (law, 0, r.z_0);
  for (size_t i = 0; i < r.n; i++)
    r.w[i]
        = h[0] * h[1] * h[2] * exp (gsl_vector_get (log_p, i)) * gsl_ran_ugaussian_pdf (gsl_matrix_get (r.noise, i, 1));
  return r;
}

typedef struct
{
  double error, given_y, given_y_t;
} informations;

static informations
informations_of (const pair *law, const pair_rule *r, double sigma)
{
  const size_t mark = scope_mark ();
  informations sum = { 0 };
  gsl_matrix *z = copy_of (r->z_0), *z_t = copy_of (r->z_0);
  for (size_t i = 0; i < r->n; i++)
    {
      const double x = gsl_matrix_get (r->z_0, i, 0) + sqrt (tau) * gsl_matrix_get (r->noise, i, 0);
      gsl_matrix_set (z, i, 0, x);
      gsl_matrix_set (z_t, i, 0, x);
      *gsl_matrix_ptr (z_t, i, 1) += sigma * gsl_matrix_get (r->noise, i, 1);
    }
  const gsl_vector *s = scores (score_given (law, 0), z), *s_t = scores (score_given (law, sigma), z_t);
  for (size_t i = 0; i < r->n; i++)
    {
      const double a = gsl_vector_get (s, i), b = gsl_vector_get (s_t, i);
      sum.error += r->w[i] * (a - b) * (a - b);
      sum.given_y += r->w[i] * a * a;
      sum.given_y_t += r->w[i] * b * b;
    }
  scope_release (mark);
  return sum;
}

Test (speeds, error_is_a_difference_of_informations)
{
  const double sigma[] = { .05, .1, .2, .4, .8, 1.6, 3.2 };
  const pair_rule of_G = pair_rule_of (&PAIR_G, 3, 2), of_M = even_rule (&PAIR_M);
  double last_G = 0, last_M = 0;
  for (size_t k = 0; k < sizeof sigma / sizeof *sigma; k++)
    {
      const informations G = informations_of (&PAIR_G, &of_G, sigma[k]), M = informations_of (&PAIR_M, &of_M, sigma[k]);
      const double v_0 = 1 + tau - .64, v = 1 + tau - .64 / (1 + sigma[k] * sigma[k]);
      cr_assert_float_eq (G.error, 1 / v_0 - 1 / v, 1e-12);
      cr_assert_float_eq (G.given_y - G.given_y_t, 1 / v_0 - 1 / v, 1e-12);
      cr_assert (fabs (sigma[k] - .4) > 1e-9 || fabs (G.error - .207245497) < 1e-9, "%.9g", G.error);
      cr_assert_float_eq (M.error, M.given_y - M.given_y_t, 1e-5 * M.error, "sigma = %g: %g, %g", sigma[k], M.error,
                          M.given_y - M.given_y_t);
      cr_assert (G.error > last_G && M.error > last_M, "sigma = %g", sigma[k]);
      last_G = G.error, last_M = M.error;
    }
}

static void
check_mean (const gsl_vector *v, double wanted)
{
  const double n = (double)v->size;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < v->size; i++)
    sum += gsl_vector_get (v, i), squares += gsl_pow_2 (gsl_vector_get (v, i));
  const double error = sqrt ((squares / n - gsl_pow_2 (sum / n)) / n);
  cr_assert_float_eq (sum / n, wanted, z_test * error, "%g, not %g, standard error %g", sum / n, wanted, error);
}

enum
{
  DRAWS = 400000
};

// z and z_t: pairs, with x_t in front of both, and y or y_t.
static void
draw_pairs (double sigma, bool of_law, gsl_matrix *z, gsl_matrix *z_t)
{
  const gsl_vector *t = vector_all (DRAWS, at);
  gsl_matrix *noise = matrix (DRAWS, 2);
  if (of_law)
    ok (sb_target_sample (pair_law (&PAIR_G), (sb_stream){ 3, SB_FOR_DATA, 0 }, z));
  gsl_matrix_memcpy (z_t, z);
  ok (sb_stream_normals ((sb_stream){ 3, SB_FOR_FORWARD, 0 }, 0, noise));
  ok (sb_process_transition (pair_at (sigma), NULL, t, noise, z_t));
  for (size_t i = 0; i < DRAWS && of_law; i++)
    gsl_matrix_set (z, i, 0, gsl_matrix_get (z_t, i, 0));
}

static gsl_vector *
squared_differences (const gsl_vector *a, const gsl_vector *b)
{
  gsl_vector *out = vector (a->size);
  for (size_t i = 0; i < a->size; i++)
    gsl_vector_set (out, i, gsl_pow_2 (gsl_vector_get (a, i) - gsl_vector_get (b, i)));
  return out;
}

Test (speeds, error_by_draws)
{
  gsl_matrix *z = matrix (DRAWS, 2), *z_t = matrix (DRAWS, 2);
  draw_pairs (.4, true, z, z_t);
  check_mean (squared_differences (scores (score_given (&PAIR_G, 0), z), scores (score_given (&PAIR_G, .4), z_t)),
              .207245497);
}

// ## Theorem 4: the error at a point
//
// $A(\sigma_y) = \mathbb E_{y_t}(\nabla\ln p(x_t \mid y_t) - \nabla\ln p(x_t \mid y))^2$ of Gaussian pairs, in closed
// form, by a rule that is exact, for 100 deviations, correlations and points; at $x_t = .7$, $y = -.4$ 0.231479085 for
// $\sigma_y = .4$ and 0.017014579 for .1, $A/\sigma_y^2 \to 1.719967751$, in the end as $\sigma_y^2$. [nonuniform.thm4]

static double
error_at (const pair *law, double x, double y, double sigma, size_t nodes)
{
  double u[64], w[64], sum = 0;
  const size_t mark = scope_mark ();
  pair_nodes (nodes, u, w);
  gsl_matrix *z = matrix (nodes, 2);
  for (size_t i = 0; i < nodes; i++)
    {
      gsl_matrix_set (z, i, 0, x);
      gsl_matrix_set (z, i, 1, y + sigma * u[i]);
    }
  const gsl_vector *s = scores (score_given (law, sigma), z);
  const double truth = score_at (score_given (law, 0), x, y);
  for (size_t i = 0; i < nodes; i++)
    sum += w[i] * gsl_pow_2 (gsl_vector_get (s, i) - truth);
  scope_release (mark);
  return sum;
}

static double
closed_form (double s_x, double s_y, double rho, double x, double y, double sigma)
{
  const double c = rho * s_x * s_y, spread = s_y * s_y + sigma * sigma, k = c / spread, k_0 = c / (s_y * s_y),
               v = s_x * s_x + tau - c * c / spread, v_0 = s_x * s_x + tau - c * c / (s_y * s_y),
               off = x * (1 / v_0 - 1 / v) + y * (k / v - k_0 / v_0);
  return off * off + gsl_pow_2 (k * sigma / v);
}

static double
misses_closed_form (const double *v, void *context)
{
  const double s_x = v[0], s_y = v[1], rho = v[2];
  const pair law = { 1, { 1 }, { { 0, 0 } }, { s_x * s_x }, { rho * s_x * s_y }, { s_y * s_y } };
  const double wanted = closed_form (s_x, s_y, rho, v[3], v[4], v[5]);
  (void)context;
  return fabs (error_at (&law, v[3], v[4], v[5], 3) - wanted) / (1 + wanted);
}

Test (speeds, theorem_4_of_gaussians)
{
  const property_parameter parameters[]
      = { { "s_x", PROPERTY_LOG, .3, 3, 1 },       { "s_y", PROPERTY_LOG, .3, 3, 1 },
          { "rho", PROPERTY_UNIFORM, -.9, .9, 0 }, { "x", PROPERTY_UNIFORM, -2, 2, 0 },
          { "y", PROPERTY_UNIFORM, -2, 2, 0 },     { "sigma", PROPERTY_LOG, .01, 3, 1 } };
  property_check ("the error is that of the closed form", 1, 100, 6, parameters, misses_closed_form, NULL, 1e-11);
  cr_assert_float_eq (error_at (&PAIR_G, .7, -.4, .4, 3), .231479085, 1e-9);
  cr_assert_float_eq (error_at (&PAIR_G, .7, -.4, .1, 3), .017014579, 1e-9);
  cr_assert_float_eq (error_at (&PAIR_G, .7, -.4, 1e-4, 3) / 1e-8, 1.719967751, 1e-6);
  const double slope = log2 (error_at (&PAIR_G, .7, -.4, .05, 3) / error_at (&PAIR_G, .7, -.4, .025, 3));
  cr_assert (1.98 <= slope && slope <= 2.02, "%g", slope);

  // By draws of y_t.
  gsl_matrix *z = matrix (DRAWS, 2), *z_t = matrix (DRAWS, 2);
  for (size_t i = 0; i < DRAWS; i++)
    {
      gsl_matrix_set (z, i, 0, .7);
      gsl_matrix_set (z, i, 1, -.4);
    }
  draw_pairs (.4, false, z, z_t);
  for (size_t i = 0; i < DRAWS; i++)
    gsl_matrix_set (z_t, i, 0, .7);
  const gsl_vector *truth = vector_all (DRAWS, score_at (score_given (&PAIR_G, 0), .7, -.4));
  check_mean (squared_differences (truth, scores (score_given (&PAIR_G, .4), z_t)), .231479085);
}

// In general $A/\sigma_y^2 \to |\partial_y\partial_{x_t}\ln p(x_t \mid y)|^2$: of the mixture at $x_t = .3$, $y = .2$
// 0.261599 at $\sigma_y = 1/640$, and 0.261427 by differences of the score. Its density is smooth and above 0, as
// Assumptions 3 and 4 ask; Assumption 5, that $y$ stays in a compact set, does not hold, nor is it needed here.
// [nonuniform.thm4] [nonuniform.txt-asm345]

Test (speeds, theorem_4_of_a_mixture)
{
  const double x = .3, y = .2, h = 1e-4;
  const sb_score *given_y = score_given (&PAIR_M, 0);
  const double cross = (score_at (given_y, x, y + h) - score_at (given_y, x, y - h)) / (2 * h);
  cr_assert_float_eq (cross * cross, .261427, 1e-6);
  const double ratio = error_at (&PAIR_M, x, y, 1. / 640, 20) * 640 * 640;
  cr_assert_float_eq (ratio, .261599, 1e-6);
  cr_assert_float_eq (ratio, cross * cross, .005 * ratio);
  for (double sigma = .003; sigma > 3e-4; sigma /= 2)
    {
      const double slope = log2 (error_at (&PAIR_M, x, y, sigma, 20) / error_at (&PAIR_M, x, y, sigma / 2, 20));
      cr_assert (1.98 <= slope && slope <= 2.05, "sigma = %g: %g", sigma, slope);
    }
  const gsl_vector *log_p = log_joint (&PAIR_M, 0, over_y (x));
  cr_assert (gsl_finite (gsl_vector_min (log_p)), "above 0");
}

// Assumption 5 and the noise exclude each other: of $y$ in $[0, 1]$, $y_t$ leaves it, here by the library's
// distribution function of a thousand points with $\sigma = .1$ in 8 % of the cases, $2\sigma/\sqrt{2\pi}$.
// [nonuniform.txt-asm345]

static sb_target *
even_points (size_t count)
{
  gsl_matrix *points = matrix (count, 1);
  for (size_t i = 0; i < count; i++)
    gsl_matrix_set (points, i, 0, ((double)i + .5) / (double)count);
  return scoped (sb_target_points_alloc (points, NULL));
}

Test (speeds, erratum_txt_asm345_noise_leaves_a_compact_set)
{
  gsl_vector *cdf = vector (2);
  ok (sb_target_cdf (even_points (1000), scoped (pair_straight (1, .01)), matrix_of (2, 1, 0, 1), vector_all (2, 1),
                     cdf));
  const double outside = gsl_vector_get (cdf, 0) + 1 - gsl_vector_get (cdf, 1);
  cr_assert_float_eq (outside, 2 * .1 / sqrt (2 * M_PI), 1e-4);
}

// ## Lemma 4: the density of $y_t$ given $x_t$ is smoothed
//
// $p(y_t \mid x_t) = (p(\cdot \mid x_t) * \varphi_\sigma)(y_t)$ at 50 points, by the library's densities and 2001
// nodes, to 1e-9, and so for its derivative along $x_t$, which is also its difference quotient. [nonuniform.lem4]

typedef struct
{
  double p, slope;
} smoothed;

static smoothed
smoothed_at (const pair *law, double x, double y_t, double sigma, double shrink)
{
  const double log_p_x = log_of_x (law, x);
  const gsl_matrix *z = over_y (x);
  const gsl_vector *log_p = log_joint (law, 0, z), *s = scores (score_given (law, 0), z);
  gsl_matrix *marginal = matrix (1, 1);
  ok (sb_target_evaluate (pair_law_of_x (law), of_x (), SB_SCORE, matrix_of (1, 1, x), vector_all (1, at), marginal));
  smoothed sum = { 0 };
  for (size_t i = 0; i < NODES; i++)
    {
      const double w = step * exp (gsl_vector_get (log_p, i) - log_p_x)
                       * gsl_ran_gaussian_pdf (y_t - shrink * gsl_matrix_get (z, i, 1), sigma);
      sum.p += w;
      sum.slope += w * (gsl_vector_get (s, i) - gsl_matrix_get (marginal, 0, 0));
    }
  return sum;
}

static double
density_of_y_t (const pair *law, double x, double y_t, double sigma)
{
  return exp (gsl_vector_get (log_joint (law, sigma, matrix_of (1, 2, x, y_t)), 0) - log_of_x (law, x));
}

Test (speeds, lemma_4)
{
  const gsl_matrix *some = normals (50, 3, 4);
  for (size_t k = 0; k < 50; k++)
    {
      const size_t mark = scope_mark ();
      const double x = gsl_matrix_get (some, k, 0), y_t = gsl_matrix_get (some, k, 1), h = 1e-4,
                   sigma = .2 + .5 * fabs (gsl_matrix_get (some, k, 2));
      const smoothed by = smoothed_at (&PAIR_M, x, y_t, sigma, 1);
      const double p
          = density_of_y_t (&PAIR_M, x, y_t, sigma),
          slope = (density_of_y_t (&PAIR_M, x + h, y_t, sigma) - density_of_y_t (&PAIR_M, x - h, y_t, sigma)) / (2 * h);
      gsl_matrix *marginal = matrix (1, 1);
      ok (sb_target_evaluate (pair_law_of_x (&PAIR_M), of_x (), SB_SCORE, matrix_of (1, 1, x), vector_all (1, at),
                              marginal));
      const double by_score = p * (score_at (score_given (&PAIR_M, sigma), x, y_t) - gsl_matrix_get (marginal, 0, 0));
      cr_assert_float_eq (by.p, p, 1e-9 * p, "x = %g, y_t = %g: %.12g, not %.12g", x, y_t, by.p, p);
      cr_assert_float_eq (by.slope, by_score, 1e-9 * (p + fabs (by_score)));
      cr_assert_float_eq (by.slope, slope, 1e-6 * (p + fabs (slope)));
      scope_release (mark);
    }
}

// Printed, in its third line, "$dt$" for $dy$; and as it stands it is of a $y$ that only gathers noise. Under VP, whose
// $y_t$ has the mean $\alpha y$, $\varphi$ has to be taken around that. [nonuniform.lem4]

Test (speeds, erratum_lem4_is_of_added_noise)
{
  const sb_process *vp = scoped (sb_vp_alloc (1, .1, 20)),
                   *process = pair_of (pair_straight (1, .5), sb_vp_alloc (1, .1, 20));
  const double x = .5, y_t = .6, alpha = number_of (vp, SB_A, 0, at), sigma = number_of (vp, SB_S, 0, at);
  gsl_vector *log_p = vector (1);
  ok (sb_target_log_density (pair_law (&PAIR_M), process, matrix_of (1, 2, x, y_t), vector_all (1, at), log_p));
  const double p = exp (gsl_vector_get (log_p, 0) - log_of_x (&PAIR_M, x));
  cr_assert_float_eq (smoothed_at (&PAIR_M, x, y_t, sigma, alpha).p, p, 1e-9 * p);
  cr_assert_gt (fabs (smoothed_at (&PAIR_M, x, y_t, sigma, 1).p - p), .01 * p);
}

// ## Two Wiener processes
//
// Printed, both SDEs have the same $d\mathbf w$. Then $y_t - y$ would be $(\sigma^y/\sigma^x)(x_t - x_0)$, and Lemma 4,
// which takes $p(y_t \mid y, x_t) = p(y_t \mid y)$ for granted, would fail: with the covariance $\sigma^x\sigma^y$
// between the noises the density is off by more than 0.01. Nor would the score given $y_t$ be the mean of that given
// $y$: by hand for the Gaussian pair, where the mean is at $\mathbb E[y \mid x_t, y_t]$. The library's are
// independent: over 400,000 draws they have no covariance, nor does $x_t - x_0$ say anything of $y_t - y$.
// [nonuniform.lem4] [nonuniform.txt-cmde-sde] [nonuniform.txt-cdiffe-approx]

static double
score_less_its_mean (double of_noises, double sigma, double x, double y_t) // of_noises: their covariance
{
  const double rho = PAIR_G.xy[0], of_x = 1 + tau, of_y = 1 + sigma * sigma, of_both = rho + of_noises,
               det = of_x * of_y - of_both * of_both,
               y_hat = ((rho * of_y - of_both) * x + (of_x - rho * of_both) * y_t) / det;
  return -(of_y * x - of_both * y_t) / det + (x - rho * y_hat) / (of_x - rho * rho);
}

Test (speeds, erratum_txt_cmde_sde_needs_two_wiener_processes)
{
  const double sigma = .5, x = .5, y_t = .6;
  pair shared = PAIR_M;
  for (size_t k = 0; k < PAIR_K; k++)
    {
      shared.xx[k] += tau;
      shared.xy[k] += sqrt (tau) * sigma;
      shared.yy[k] += sigma * sigma;
    }
  gsl_vector *log_p = vector (1);
  ok (sb_target_log_density (pair_law (&shared), pair_at (sigma), matrix_of (1, 2, x, y_t), vector_all (1, 0), log_p));
  const double wrong = exp (gsl_vector_get (log_p, 0) - log_of_x (&PAIR_M, x));
  cr_assert_gt (fabs (wrong - smoothed_at (&PAIR_M, x, y_t, sigma, 1).p), .01);
  cr_assert_lt (fabs (score_less_its_mean (0, sigma, x, y_t)), 1e-15);
  cr_assert_gt (fabs (score_less_its_mean (sqrt (tau) * sigma, sigma, x, y_t)), .01);

  gsl_matrix *z = matrix_all (DRAWS, 2, 0), *z_t = matrix (DRAWS, 2);
  gsl_vector *product = vector (DRAWS);
  draw_pairs (sigma, false, z, z_t);
  for (size_t i = 0; i < DRAWS; i++)
    gsl_vector_set (product, i, gsl_matrix_get (z_t, i, 0) * gsl_matrix_get (z_t, i, 1));
  check_mean (product, 0);
}

// Printed, $\mu_z(\mathbf z, t) = (\mu_x(\mathbf x, t), \mu_y(\mathbf x, t))$. Under two VP SDEs from the means 2 and 1
// the mean of $y_t$ at .5 then would be -.44 (midpoint rule, 1,000 steps). With $\mu_y(\mathbf y, t)$ it is the
// process's, .28, to 1e-6. [nonuniform.txt-zsde]

static double
mean_of_y (const sb_process *one, bool printed)
{
  const size_t N = 1000;
  const double h = .5 / (double)N;
  double m = 1;
  for (size_t i = 0; i < N; i++)
    {
      const double t = (double)i * h, middle = t + h / 2;
      const double half = printed ? 2 * number_of (one, SB_A, 0, middle) : m + h / 2 * number_of (one, SB_F, 0, t) * m;
      m += h * number_of (one, SB_F, 0, middle) * half;
    }
  return m;
}

Test (speeds, erratum_txt_zsde_mu_y_is_of_y)
{
  const sb_process *one = scoped (sb_vp_alloc (1, .1, 20)),
                   *z = pair_of (sb_vp_alloc (1, .1, 20), sb_vp_alloc (1, .1, 20));
  gsl_matrix *mean = matrix_of (1, 2, 2., 1.);
  gsl_vector *start = vector_all (1, 0), *end = vector_all (1, .5);
  ok (sb_process_apply (z, SB_A, CblasNoTrans, start, end, mean));
  cr_assert_float_eq (mean_of_y (one, false), gsl_matrix_get (mean, 0, 1), 1e-6);
  cr_assert_gt (fabs (mean_of_y (one, true) - gsl_matrix_get (mean, 0, 1)), .7);
}

// ## Bayes's rule
//
// $\nabla\ln p(x_t \mid y) = \nabla\ln p(x_t) + \nabla\ln p(y \mid x_t)$. Of the Gaussian pair, where $y$ given $x_t$
// is $\mathcal N(kx_t, 1 - k\rho)$, $k = \rho/(1 + \tau)$, the guided score is that of the joint law, cut, to 1e-12 at
// 100 points; what is added to is told no $y$. [nonuniform.txt-bayes] [scoresde.eq49]

static int
of_a_measurement (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)params;
  const double k = .8 / (1 + tau), left = 1 - k * .8;
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (out, i, 0, k * (gsl_matrix_get (y, i, 0) - k * gsl_matrix_get (x, i, 0)) / left);
  return GSL_SUCCESS;
}

static int
told_nothing (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *of_x_alone)
{
  return y ? GSL_EINVAL : sb_score_evaluate (of_x_alone, SB_SCORE, x, t, NULL, out);
}

Test (speeds, bayes_of_a_gaussian)
{
  enum
  {
    N = 100
  };
  const sb_guidance guidance = { of_a_measurement, NULL, 1 };
  sb_score *of_x_alone = scoped (sb_score_exact_alloc (pair_law_of_x (&PAIR_G), of_x ()));
  const sb_score_callback unconditional = { .view = SB_SCORE, .function = told_nothing, .params = of_x_alone };
  const sb_score *guided
      = scoped (sb_score_guided_alloc (scoped (sb_score_callback_alloc (&unconditional, of_x ())), &guidance));
  const gsl_matrix *z = normals (N, 2, 6);
  const gsl_vector *s = scores (guided, z), *wanted = scores (score_given (&PAIR_G, 0), z);
  for (size_t i = 0; i < N; i++)
    cr_assert_float_eq (gsl_vector_get (s, i), gsl_vector_get (wanted, i), 1e-12 * 5, "row %zu", i);
}

// Of a mixture whose label is $y$: $p(y \mid x_t)$ is a softmax of the components' log densities.
// [nonuniform.txt-bayes]

static pair
component (size_t k)
{
  return (pair){ .K = 1, .w = { 1 }, .mean = { { PAIR_M.mean[k][0], 0 } }, .xx = { PAIR_M.xx[k] } };
}

static double
log_label (size_t k, double x)
{
  const pair one = component (k);
  return log (PAIR_M.w[k]) + log_of_x (&one, x) - log_of_x (&PAIR_M, x);
}

static int
of_a_label (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    {
      double slope[2], p[2];
      for (size_t k = 0; k < 2; k++)
        {
          const double v = PAIR_M.xx[k] + tau, off = gsl_matrix_get (x, i, 0) - PAIR_M.mean[k][0];
          slope[k] = -off / v;
          p[k] = PAIR_M.w[k] * gsl_ran_gaussian_pdf (off, sqrt (v));
        }
      const size_t told = (size_t)gsl_matrix_get (y, i, 0);
      gsl_matrix_set (out, i, 0, slope[told] - (p[0] * slope[0] + p[1] * slope[1]) / (p[0] + p[1]));
    }
  return GSL_SUCCESS;
}

Test (speeds, bayes_of_a_label)
{
  enum
  {
    N = 100
  };
  const sb_guidance guidance = { of_a_label, NULL, 1 };
  const sb_score *unconditional = scoped (sb_score_exact_alloc (pair_law_of_x (&PAIR_M), of_x ())),
                 *guided = scoped (sb_score_guided_alloc (unconditional, &guidance));
  const gsl_matrix *x = normals (N, 1, 7);
  gsl_matrix *y = matrix (N, 1), *s = matrix (N, 1), *wanted = matrix (N, 1), *gradient = matrix (N, 1);
  for (size_t k = 0; k < 2; k++)
    {
      const pair one = component (k);
      gsl_matrix_set_all (y, (double)k);
      ok (sb_score_evaluate (guided, SB_SCORE, x, vector_all (N, at), y, s));
      ok (sb_target_evaluate (pair_law_of_x (&one), of_x (), SB_SCORE, x, vector_all (N, at), wanted));
      cr_assert_lt (largest_difference (s, wanted), 1e-12 * 10);
      ok (of_a_label (x, NULL, y, gradient, NULL));
      for (size_t i = 0; i < N; i++)
        {
          const size_t mark = scope_mark ();
          const double h = 1e-4, here = gsl_matrix_get (x, i, 0),
                       slope = (log_label (k, here + h) - log_label (k, here - h)) / (2 * h);
          cr_assert_float_eq (gsl_matrix_get (gradient, i, 0), slope, 1e-6 * (1 + fabs (slope)));
          scope_release (mark);
        }
    }
}

// In the proof of Theorem 4 it takes the difference of two scores given a condition to that of two gradients along
// $x_t$ of the condition's log density, as $p(x_t)$ drops out; in each of $n_x$ dimensions. Gaussians to 1e-12, the
// mixture by differences to 1e-6. [nonuniform.txt-a4-bayes]

Test (speeds, bayes_in_the_proof_of_theorem_4)
{
  enum
  {
    N = 40
  };
  const gsl_matrix *some = normals (N, 3, 8);
  const double sigma = .4, k = .8 / (1 + tau), h = 1e-4;
  for (size_t i = 0; i < N; i++)
    {
      const size_t mark = scope_mark ();
      const double x = gsl_matrix_get (some, i, 0), y = gsl_matrix_get (some, i, 1),
                   y_t = y + sigma * gsl_matrix_get (some, i, 2);
      const double G = score_at (score_given (&PAIR_G, sigma), x, y_t) - score_at (score_given (&PAIR_G, 0), x, y),
                   wanted = k * (y_t - k * x) / (1 + sigma * sigma - k * .8) - k * (y - k * x) / (1 - k * .8);
      cr_assert_float_eq (G, wanted, 1e-12 * 10);
      const double M = score_at (score_given (&PAIR_M, sigma), x, y_t) - score_at (score_given (&PAIR_M, 0), x, y),
                   up = log (density_of_y_t (&PAIR_M, x + h, y_t, sigma) / density_of_y_t (&PAIR_M, x + h, y, 0)),
                   down = log (density_of_y_t (&PAIR_M, x - h, y_t, sigma) / density_of_y_t (&PAIR_M, x - h, y, 0));
      cr_assert_float_eq (M, (up - down) / (2 * h), 1e-6 * (1 + fabs (M)));
      scope_release (mark);
    }
}
