// # Laws under noise, and their denoisers
//
// $\mathbf x_t = \mathbf x_0 + \sigma_t\mathbf z$ with $\sigma_t = t$, $v = \sigma_t^2$: what *Consistent Diffusion
// Models* says of one time, asked of the laws of denoisers.h.

#include "ask.h"
#include "denoisers.h"
#include "process/edm.h"
#include "process/ve.h"
#include "scope.h"
#include "score/exact.h"
#include "score/tweedie.h"
#include "transition/path.h"

#include <complex.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (denoisers);

enum
{
  MANY = 100000
};
static const double KS = 2.70, // over sqrt(n): false alarm 9.3e-7
    Z = 4.9;                   // standard errors: 9.6e-7

static sb_process *
edm (size_t d)
{
  return scoped (sb_edm_alloc (d, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
}

static gsl_matrix *
drawn (const sb_target *law, uint64_t seed)
{
  gsl_matrix *x = matrix (MANY, law->dimension);
  ok (sb_target_sample (law, (sb_stream){ seed, SB_FOR_DATA, 0 }, x));
  return x;
}

static void
go_on (const sb_process *process, double s, double t, uint64_t seed, gsl_matrix *x)
{
  ok (sb_process_transition (process, vector_all (x->size1, s), vector_all (x->size1, t),
                             normals (x->size1, x->size2, seed), x));
}

static gsl_vector *
answer (const sb_target *law, const sb_process *process,
        int (*f) (const sb_target *, const sb_process *, const gsl_matrix *, const gsl_vector *, gsl_vector *),
        const gsl_matrix *x, double t)
{
  gsl_vector *out = vector (x->size1);
  ok (f (law, process, x, vector_all (x->size1, t), out));
  return out;
}

static double
z_of (const double *values, size_t n, double wanted)
{
  return (gsl_stats_mean (values, 1, n) - wanted) / (gsl_stats_sd (values, 1, n) / sqrt ((double)n));
}

// ## The laws' reverse kernels
//
// What denoisers.h says of $x_s$ given $x_t$ is Bayes' rule, $p_s(y)\,\mathcal N(x; y, v_t - v_s)/p_t(x)$, with the
// library's densities; and the mean of the denoiser over it is the denoiser. [consistent.set-fixtures]
// [consistent.txt-optimal-both] [consistent.lem3.1] [consistent.prop1]

static double
log_kernel (const sb_process *process, double s, double t, double x_s, double x_t)
{
  gsl_vector *log_q = vector (1);
  ok (sb_kernel_log_density (process, vector_of (s), vector_of (t), matrix_all (1, 1, x_s), matrix_all (1, 1, x_t),
                             log_q));
  return gsl_vector_get (log_q, 0);
}

static double
mean_denoiser (const sb_target *law, const sb_process *process, const line *given, double s)
{
  gsl_vector *weight = vector (LINE_NODES * given->K);
  const gsl_matrix *y = line_nodes (given, weight);
  gsl_matrix *h = matrix (y->size1, 1);
  double sum = 0;
  ok (sb_target_evaluate (law, process, SB_DENOISER, y, vector_all (y->size1, s), h));
  for (size_t i = 0; i < y->size1; i++)
    sum += gsl_vector_get (weight, i) * gsl_matrix_get (h, i, 0);
  return sum;
}

Test (denoisers, reverse_kernels)
{
  const line *const of[] = { &LINE_G, &LINE_M1 };
  const double x[] = { -2, -.5, .2, 1, 2.5 }, times[][2] = { { .5, 1 }, { .1, 1 }, { 1, 4 }, { .05, .3 } };
  const sb_process *process = edm (1);
  for (int l = 0; l < 2; l++)
    {
      const sb_target *law = line_target (of[l]);
      for (int k = 0; k < 20; k++)
        {
          const double s = times[k / 5][0], t = times[k / 5][1], at = x[k % 5];
          const line given = line_given (of[l], s * s, t * t, at);
          for (double y = at - 1; y <= at + 1; y += .25)
            {
              const double bayes = exp (ask_log_density (law, process, &y, s) + log_kernel (process, s, t, y, at)
                                        - ask_log_density (law, process, &at, t));
              cr_assert_float_eq (line_density (&given, y), bayes, 1e-11 * (1 + bayes));
            }
          cr_assert_float_eq (mean_denoiser (law, process, &given, s), ask_denoiser (law, process, at, t), 1e-12,
                              "law %d, x = %g, from %g to %g", l, at, t, s);
        }
    }
}

// ## Noise on data
//
// At every level the marginal is the law's distribution function, at 0 the data themselves. [consistent.eq1]

Test (denoisers, marginals)
{
  const sb_target *law = line_target (&LINE_M1);
  const sb_process *process = edm (1);
  const double sigma[] = { .05, .5, 5 };
  for (int k = 0; k < 3; k++)
    {
      gsl_matrix *x = drawn (law, 1);
      go_on (process, 0, sigma[k], 2, x);
      gsl_sort (x->data, 1, MANY);
      const gsl_vector *cdf = answer (law, process, sb_target_cdf, x, sigma[k]);
      double distance = 0;
      for (size_t i = 0; i < MANY; i++)
        distance = larger (distance, GSL_MAX (fabs (gsl_vector_get (cdf, i) - (double)i / MANY),
                                              fabs (gsl_vector_get (cdf, i) - (double)(i + 1) / MANY)));
      cr_assert_lt (distance, KS / sqrt (MANY), "sigma = %g", sigma[k]);

      gsl_matrix *g = drawn (line_target (&LINE_G), 3);
      go_on (process, 0, sigma[k], 4, g);
      const double v = .25 + sigma[k] * sigma[k];
      cr_assert_lt (fabs (gsl_stats_mean (g->data, 1, MANY)), Z * sqrt (v / MANY));
      cr_assert_float_eq (gsl_stats_variance (g->data, 1, MANY), v, Z * v * sqrt (2. / MANY));
    }
  gsl_matrix *still = drawn (law, 1);
  go_on (process, 0, 0, 2, still);
  cr_assert_eq (largest_difference (still, drawn (law, 1)), 0);
}

// $\sigma_t^2 = \int_0^tg^2$, and on a path the increments are independent, with
// $\operatorname{Var}(x_t - x_s) = \sigma_t^2 - \sigma_s^2$, of any scale, here $\sigma_t^2 = 2t^3$ too. (The paper
// prints this SDE twice.) [consistent.eq4]

static double
cubes (const void *context, double s, double t)
{
  (void)context;
  return 2 * (gsl_pow_3 (t) - gsl_pow_3 (s));
}

static double
rate_of_cubes (const void *context, double t)
{
  (void)context;
  return 6 * t * t;
}

static double
squared_diffusion (double t, void *process)
{
  return gsl_pow_2 (number_of (process, SB_G, 0, t));
}

Test (denoisers, noise_adds_up)
{
  const sb_ve_schedule schedule = { cubes, rate_of_cubes, NULL };
  sb_process *const of[] = { edm (1), scoped (sb_ve_alloc (1, .01, 50)), scoped (sb_ve_schedule_alloc (1, &schedule)) };
  gsl_integration_glfixed_table *rule = scoped (gsl_integration_glfixed_table_alloc (60));
  for (int k = 0; k < 3; k++)
    for (double s = .1, t = .3; t < 1; s += .1, t += .2)
      {
        gsl_function g2 = { squared_diffusion, of[k] };
        const double sd = number_of (of[k], SB_S, s, t), between = gsl_integration_glfixed (&g2, s, t, rule);
        cr_assert_float_eq (between, sd * sd, 1e-10 * between);
      }
  gsl_function g2 = { squared_diffusion, of[0] };
  cr_assert_float_eq (gsl_integration_glfixed (&g2, 0, 3, rule), 9, 1e-10);
}

// On a path, as drawn. [consistent.eq4]

Test (denoisers, increments)
{
  enum
  {
    STEPS = 7
  };
  const double times[STEPS + 1] = { 0, .1, .15, .4, .8, .9, 1.6, 2.5 };
  const sb_process *process = edm (1);
  gsl_matrix *x = drawn (line_target (&LINE_M1), 5), *step[STEPS];
  for (int k = 0; k < STEPS; k++)
    {
      gsl_matrix *before = copy_of (x);
      go_on (process, times[k], times[k + 1], 10 + (uint64_t)k, x);
      step[k] = copy_of (x);
      gsl_matrix_sub (step[k], before);
    }
  for (int k = 0; k < STEPS; k++)
    for (int l = 0; l <= k; l++)
      {
        const double v_k = gsl_pow_2 (times[k + 1]) - gsl_pow_2 (times[k]),
                     v_l = gsl_pow_2 (times[l + 1]) - gsl_pow_2 (times[l]),
                     c = gsl_stats_covariance (step[k]->data, 1, step[l]->data, 1, MANY);
        cr_assert_float_eq (c, k == l ? v_k : 0, 5.57 * sqrt (v_k * v_l * (k == l ? 2 : 1) / MANY), "%d, %d", k, l);
      }
}

// ## The denoiser
//
// $h(x, t) = \mathbf E[x_0 \mid x_t = x]$: of M1 the mean over the law of $x_0$ given $x_t$, of two points
// $a\tanh(ax/v)$, of many the average by softmax, also where no point is near; and what it leaves over has no
// correlation with any function of $x_t$. [consistent.eq2]

Test (denoisers, posterior_mean)
{
  const sb_process *process = edm (1);
  for (double x = -3; x <= 3; x += .5)
    for (double t = .01; t < 30; t *= 3)
      {
        const line given = line_given (&LINE_M1, 0, t * t, x);
        double mean = 0;
        for (size_t k = 0; k < given.K; k++)
          mean += given.w[k] * given.mean[k];
        cr_assert_float_eq (ask_denoiser (line_target (&LINE_M1), process, x, t), mean, 1e-12 * (1 + fabs (mean)));
        cr_assert_float_eq (ask_denoiser (denoisers_two_points (.7), process, x, t), .7 * tanh (.7 * x / (t * t)),
                            1e-12);
      }
}

// Of M2, whose components are not round, by an integral over the plane of its own density at $t = 0$ and the kernel's.
// [consistent.eq2]

Test (denoisers, posterior_mean_in_the_plane)
{
  enum
  {
    SIDE = 121
  };
  const sb_process *process = edm (2);
  const sb_target *law = denoisers_m2 ();
  gsl_matrix *nodes = matrix (SIDE * SIDE, 2);
  for (size_t k = 0; k < nodes->size1; k++)
    for (size_t j = 0; j < 2; j++)
      gsl_matrix_set (nodes, k, j, -6 + .1 * (double)(j == 0 ? k / SIDE : k % SIDE));
  const gsl_vector *log_p = answer (law, process, sb_target_log_density, nodes, 0);
  const gsl_matrix *x = normals (10, 2, 14);
  for (double v = .05; v < 10; v *= 10)
    for (size_t i = 0; i < x->size1; i++)
      {
        double found[2], mean[2] = { 0 }, sum = 0;
        for (size_t k = 0; k < nodes->size1; k++)
          {
            const double *a
                = gsl_matrix_const_ptr (nodes, k, 0),
                *x_i = gsl_matrix_const_ptr (x, i, 0),
                w = exp (gsl_vector_get (log_p, k) - (gsl_pow_2 (x_i[0] - a[0]) + gsl_pow_2 (x_i[1] - a[1])) / (2 * v));
            sum += w;
            for (int j = 0; j < 2; j++)
              mean[j] += w * a[j];
          }
        ask (law, process, SB_DENOISER, gsl_matrix_const_ptr (x, i, 0), sqrt (v), found);
        for (int j = 0; j < 2; j++)
          cr_assert_float_eq (found[j], mean[j] / sum, 1e-10, "v = %g, row %zu", v, i);
      }
}

Test (denoisers, of_many_points)
{
  const sb_process *process = edm (2);
  const gsl_matrix *points = normals (20, 2, 20), *x = normals (30, 2, 6);
  const sb_target *law = denoisers_twenty_points (2);
  for (double v = 1e-6; v < 100; v *= 10)
    for (size_t i = 0; i < x->size1; i++)
      {
        double found[2];
        long double least = INFINITY, sum = 0, mean[2] = { 0 }, squared[20];
        ask (law, process, SB_DENOISER, gsl_matrix_const_ptr (x, i, 0), sqrt (v), found);
        for (size_t k = 0; k < 20; k++)
          {
            squared[k] = 0;
            for (size_t j = 0; j < 2; j++)
              squared[k] += powl ((long double)gsl_matrix_get (x, i, j) - gsl_matrix_get (points, k, j), 2);
            least = fminl (least, squared[k]);
          }
        for (size_t k = 0; k < 20; k++)
          {
            const long double w = expl ((least - squared[k]) / (2 * v));
            sum += w;
            for (size_t j = 0; j < 2; j++)
              mean[j] += w * gsl_matrix_get (points, k, j);
          }
        for (size_t j = 0; j < 2; j++)
          cr_assert_float_eq (found[j], (double)(mean[j] / sum), 1e-10, "v = %g, row %zu", v, i);
      }
}

Test (denoisers, what_is_left_over)
{
  const sb_target *law = line_target (&LINE_M1);
  const sb_process *process = edm (1);
  gsl_matrix *x_0 = drawn (law, 7), *x = copy_of (x_0), *h = matrix (MANY, 1);
  go_on (process, 0, .8, 8, x);
  ok (sb_target_evaluate (law, process, SB_DENOISER, x, vector_all (MANY, .8), h));
  gsl_matrix_sub (x_0, h);
  for (int k = 0; k < 3; k++)
    {
      gsl_vector *left = vector (MANY);
      for (size_t i = 0; i < MANY; i++)
        {
          const double at = gsl_matrix_get (x, i, 0), phi[] = { 1, at, sin (at) };
          gsl_vector_set (left, i, phi[k] * gsl_matrix_get (x_0, i, 0));
        }
      cr_assert_lt (fabs (z_of (left->data, MANY, 0)), 5.1, "function %d", k);
    }
}

// ## Denoiser and score
//
// Tweedie's formula on M2: $(\mathbf h - \mathbf x)/v$ is the score, and the slope of the log density;
// $\mathbf J_h = \operatorname{Cov}[\mathbf x_0 \mid \mathbf x_t]/v$. [consistent.eq6] [consistent.set-fixtures]

Test (denoisers, tweedie)
{
  const sb_target *law = denoisers_m2 ();
  const sb_process *process = edm (2);
  const sb_score *score = scoped (sb_score_exact_alloc (law, process));
  const gsl_matrix *x = normals (200, 2, 9);
  for (size_t i = 0; i < 200; i++)
    {
      const double t = .1 * pow (50, (double)i / 199), v = t * t, *at = gsl_matrix_const_ptr (x, i, 0), h = 1e-3 * t;
      double s[2], d[2], C[4];
      gsl_matrix *Je = matrix (2, 2);
      ask (law, process, SB_SCORE, at, t, s);
      ask (law, process, SB_DENOISER, at, t, d);
      ask_covariance (law, process, at, t, C);
      ok (sb_score_jvp (score, SB_DENOISER, matrix_of (2, 2, at[0], at[1], at[0], at[1]), vector_all (2, t), NULL,
                        matrix_of (2, 2, 1, 0, 0, 1), Je));
      for (size_t j = 0; j < 2; j++)
        {
          double slope = 0;
          const double place[] = { -2, -1, 1, 2 }, weight[] = { 1, -8, 8, -1 };
          for (int k = 0; k < 4; k++)
            {
              double moved[2] = { at[0], at[1] };
              moved[j] += place[k] * h;
              slope += weight[k] / (12 * h) * ask_log_density (law, process, moved, t);
            }
          cr_assert_float_eq ((d[j] - at[j]) / v, s[j], 1e-12 * (1 + fabs (s[j])) / GSL_MIN (v, 1));
          cr_assert_float_eq (slope, s[j], 1e-8 * (1 + fabs (s[j])), "t = %g", t);
          for (size_t k = 0; k <= j; k++)
            cr_assert_float_eq (gsl_matrix_get (Je, k, j), C[2 * j + k] / v, 1e-10);
        }
    }
}

// The score implied by any denoiser, there and back, at each row's time; that of D is $-(1 - \delta)x/(s^2 + v)$.
// [consistent.eq9] [consistent.eq6]

Test (denoisers, implied_score)
{
  enum
  {
    N = 27
  };
  const sb_process *process = edm (1);
  const sb_score *d = denoiser_d (process, .3);
  gsl_matrix *x = matrix_all (N, 1, 1.3), *h = matrix (N, 1), *s = matrix (N, 1), *back;
  gsl_vector *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, .002 * pow (1.5, (double)i));
  ok (sb_score_evaluate (d, SB_DENOISER, x, t, NULL, h));
  ok (sb_score_evaluate (d, SB_SCORE, x, t, NULL, s));
  back = copy_of (s);
  ok (sb_tweedie (process, SB_SCORE, SB_DENOISER, x, t, back));
  for (size_t i = 0; i < N; i++)
    {
      const double v = gsl_pow_2 (gsl_vector_get (t, i));
      cr_assert_float_eq (gsl_matrix_get (s, i, 0), -.7 * 1.3 / (.25 + v), 1e-15 / v + 1e-12, "row %zu", i);
      cr_assert_float_eq (gsl_matrix_get (back, i, 0), gsl_matrix_get (h, i, 0), 1e-12, "row %zu", i);
    }
}

// ## At the data
//
// The optimum of denoising score matching tends to $x$ where there are data, as $v\,|s|$; and elsewhere to the nearest
// of them: of two points it is $\pm a$. So $h(x, 0) = x$ holds on the data's support alone. [consistent.txt-footnote2]
// [consistent.lem3.1] [consistent.thm3.2.1]

Test (denoisers, erratum_footnote2_off_the_support)
{
  const sb_process *process = edm (1);
  for (double x = -3; x <= 3; x += .5)
    {
      cr_assert_lt (fabs (ask_denoiser (line_target (&LINE_M1), process, x, .001) - x), 5e-5, "x = %g", x);
      if (x != 0)
        cr_assert_float_eq (ask_denoiser (denoisers_two_points (1), process, x, .001), GSL_SIGN (x), 1e-15);
    }
}

// ## The density of noised data
//
// $p(\mathbf x, t) = \mathbf E_a(2\pi v)^{-d/2}e^{-\lVert\mathbf x - \mathbf a\rVert^2/2v}$. The printed prefactor is
// that of a line: in the plane a density with it would have the mass $\sqrt{2\pi}\,\sigma = 1.7546$ at $\sigma = .7$.
// [consistent.txt-conv-density]

Test (denoisers, erratum_conv_density_prefactor)
{
  const gsl_matrix *points = matrix_of (3, 2, -1, .5, .2, .3, 1, -.8);
  const sb_target *law = scoped (sb_target_points_alloc (points, NULL));
  const sb_process *process = edm (2);
  enum
  {
    SIDE = 121
  };
  const double h = 12. / (SIDE - 1);
  gsl_matrix *x = matrix (SIDE * SIDE, 2);
  for (size_t i = 0; i < SIDE * SIDE; i++)
    for (size_t j = 0; j < 2; j++)
      gsl_matrix_set (x, i, j, -6 + h * (double)(j ? i % SIDE : i / SIDE));
  const gsl_vector *log_p = answer (law, process, sb_target_log_density, x, .7);
  double mass = 0, printed = 0;
  for (size_t i = 0; i < SIDE * SIDE; i++)
    {
      mass += h * h * exp (gsl_vector_get (log_p, i));
      for (size_t k = 0; k < 3; k++)
        printed += h * h / 3 / (sqrt (2 * M_PI) * .7)
                   * exp (-(gsl_pow_2 (gsl_matrix_get (x, i, 0) - gsl_matrix_get (points, k, 0))
                            + gsl_pow_2 (gsl_matrix_get (x, i, 1) - gsl_matrix_get (points, k, 1)))
                          / .98);
    }
  cr_assert_float_eq (mass, 1, 1e-8);
  cr_assert_float_eq (printed, 1.7546, 5e-5);
}

// Its score has $(\mathbf a - \mathbf x)/v$ in the numerator. With the printed sign it is minus the score: at points
// $-1, 2$ of weights $.4, .6$, $\sigma = .7$, $x = .9$ it is $+1.9115182492$. [consistent.eq25] [consistent.eq26]

static const double AT[] = { -1, 2 }, WEIGHT[] = { .4, .6 };

static sb_target *
two_unequal_points (void)
{
  return scoped (sb_target_points_alloc (scope_matrix (2, 1, 2, AT), scope_vector (2, WEIGHT)));
}

Test (denoisers, erratum_eq25_sign)
{
  const sb_target *law = two_unequal_points ();
  const sb_process *process = edm (1);
  const double x = .9, sigma = .7, v = sigma * sigma, h = 1e-3;
  double above = 0, below = 0, slope = 0;
  for (int k = 0; k < 2; k++)
    {
      const double share = WEIGHT[k] * exp (-gsl_pow_2 (x - AT[k]) / (2 * v));
      above += (x - AT[k]) / v * share;
      below += share;
    }
  for (int k = -2; k <= 2; k++)
    {
      const double at = x + k * h, weight[] = { 1, -8, 0, 8, -1 };
      slope += weight[k + 2] / (12 * h) * ask_log_density (law, process, &at, sigma);
    }
  cr_assert_float_eq (slope, 1.9115182492, 1e-9);
  cr_assert_float_eq (ask_score (law, process, x, sigma), 1.9115182492, 1e-9);
  cr_assert_float_eq (ask_score (law, process, x, sigma), -above / below, 1e-12);
  cr_assert_float_eq ((ask_denoiser (law, process, x, sigma) - x) / v, -above / below, 1e-12);

  // Half-way between the points only their weights decide, however little noise there is.
  for (double little = 1; little > 1e-4; little /= 7)
    {
      const double away = .3 / (little * little);
      cr_assert_float_eq (ask_score (law, process, .5, little), away, 1e-12 * away, "sigma = %g", little);
    }
}

// In three dimensions, of four points, each row at a level of its own: $u = \lVert\mathbf x - \mathbf a\rVert^2/2v$, in
// long double. Down to levels at which the next point is all that counts. [consistent.eq25]

Test (denoisers, score_of_points_row_by_row)
{
  enum
  {
    N = 40,
    D = 3,
    K = 4
  };
  const double share[K] = { .1, .4, .2, .3 };
  const gsl_matrix *a = normals (K, D, 25), *x = normals (N, D, 26);
  const sb_target *law = scoped (sb_target_points_alloc (a, scope_vector (K, share)));
  gsl_vector *sigma = vector (N);
  gsl_matrix *score = matrix (N, D);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (sigma, i, 3 * pow (.85, (double)(7 * i % N)));
  ok (sb_target_evaluate (law, edm (D), SB_SCORE, x, sigma, score));
  for (size_t i = 0; i < N; i++)
    {
      const long double v = powl (gsl_vector_get (sigma, i), 2);
      long double above[D] = { 0 }, below = 0;
      for (size_t k = 0; k < K; k++)
        {
          long double u = 0;
          for (size_t j = 0; j < D; j++)
            u += powl ((long double)gsl_matrix_get (x, i, j) - gsl_matrix_get (a, k, j), 2) / (2 * v);
          below += share[k] * expl (-u);
          for (size_t j = 0; j < D; j++)
            above[j] += ((long double)gsl_matrix_get (a, k, j) - gsl_matrix_get (x, i, j)) / v * share[k] * expl (-u);
        }
      for (size_t j = 0; j < D; j++)
        {
          const double wanted = (double)(above[j] / below);
          cr_assert_float_eq (gsl_matrix_get (score, i, j), wanted, 1e-9 * (1 + fabs (wanted)), "row %zu: %g, not %g",
                              i, gsl_matrix_get (score, i, j), wanted);
        }
    }
}

// The exponentials as series in $u = (x - a)^2/2v$, 80 terms, sum up to the same where $u \le 5$. [consistent.eq26]
// [consistent.eq27]

Test (denoisers, by_series)
{
  const sb_target *law = two_unequal_points ();
  const sb_process *process = edm (1);
  const double sigma = .9, v = sigma * sigma;
  for (double x = -.8; x <= 1.8; x += .2)
    {
      long double above = 0, below = 0;
      for (int k = 0; k < 2; k++)
        {
          const long double u = powl ((long double)x - AT[k], 2) / (2 * v);
          long double term = WEIGHT[k];
          cr_assert_leq (u, 5.2);
          for (int i = 0; i < 80; term *= -u / ++i)
            {
              above += term * (AT[k] - x) / v;
              below += term;
            }
        }
      cr_assert_float_eq (ask_score (law, process, x, sigma), (double)(above / below), 1e-10);
      cr_assert_float_eq (ask_log_density (law, process, &x, sigma) + .5 * log (2 * M_PI * v), (double)logl (below),
                          1e-10);
    }
}

// What bounds the terms. With $u = \lVert\mathbf x - \mathbf a\rVert^2/2v$, as the kernel's density has it,
// $u^i/i! \le ((\lVert\mathbf x\rVert^2 + M^2)/v)^i/i!$ for $\lVert\mathbf a\rVert \le M$. Printed is $M^{2i}/v^ii!$:
// at $x = 3$, $a = M = v = 1$ the terms are 2, 2, .267 for $i = 1, 2, 5$, and that is 1, .5, .0083.
// [consistent.txt-A6-bound]

static double
exponent_of_kernel (const sb_process *process, const gsl_matrix *a, const gsl_matrix *x, double t)
{
  gsl_vector *log_q = vector (1);
  ok (sb_kernel_log_density (process, NULL, vector_of (t), a, x, log_q));
  return -gsl_vector_get (log_q, 0) - (double)a->size2 * log (sqrt (2 * M_PI) * t);
}

Test (denoisers, erratum_A6_bound_lacks_x)
{
  const double u = exponent_of_kernel (edm (1), matrix_of (1, 1, 1), matrix_of (1, 1, 3), 1), term[] = { 2, 2, .2667 },
               printed[] = { 1, .5, .0083 };
  const double i_of[] = { 1, 2, 5 };
  for (int k = 0; k < 3; k++)
    {
      const double factorial = tgamma (i_of[k] + 1);
      cr_assert_float_eq (pow (u, i_of[k]) / factorial, term[k], 1e-4);
      cr_assert_float_eq (1 / factorial, printed[k], 1e-4);
      cr_assert_gt (pow (u, i_of[k]) / factorial, 1 / factorial);
    }
  const sb_process *process = edm (3);
  const gsl_matrix *all = normals (2000, 7, 11);
  for (size_t i = 0; i < all->size1; i++)
    {
      const size_t mark = scope_mark ();
      const double *r = gsl_matrix_const_ptr (all, i, 0), t = exp (r[6]);
      double norms = 0;
      for (int j = 0; j < 6; j++)
        norms += r[j] * r[j];
      const double bound = norms / (t * t),
                   u_i = exponent_of_kernel (process, scope_matrix (1, 3, 3, r), scope_matrix (1, 3, 3, r + 3), t);
      cr_assert_leq (u_i, bound + 1e-9, "%g over %g", u_i, bound);
      scope_release (mark);
    }
}

// ## Analytic means locally
//
// Of two points $\pm a$ the denoiser is $a\tanh(ax/v)$, whose Taylor series at 0 converges where $|x| < \pi v/2a$ only,
// though the function goes on: with $a = v = 1$ its sum is the denoiser at 1.4 and -4.7e6 at 1.7. So Lemma A.10 is
// false of a series that must converge everywhere, as Definition A.4 has it, and right of one that converges near each
// point. [consistent.lemA.10] [consistent.defA.4] [consistent.lemA.5]

enum
{
  ORDER = 199
};

static void
taylor_of_tanh (double *c)
{
  c[0] = 0;
  for (int n = 0; n < ORDER; n++)
    {
      double square = 0;
      for (int i = 0; i <= n; i++)
        square += c[i] * c[n - i];
      c[n + 1] = ((n == 0) - square) / (n + 1);
    }
}

static double
sum_to_order (const double *c, double x)
{
  double sum = 0;
  for (int n = ORDER; n >= 0; n--)
    sum = sum * x + c[n];
  return sum;
}

Test (denoisers, erratum_lemA10_is_local)
{
  double c[ORDER + 1];
  taylor_of_tanh (c);
  cr_assert_float_eq (pow (fabs (c[ORDER]), -1. / ORDER), M_PI_2, .01 * M_PI_2);
  const double a[] = { 1, .5, 2 }, v[] = { 1, .3, 5 };
  for (int k = 0; k < 3; k++)
    {
      const sb_target *law = denoisers_two_points (a[k]);
      const double unit = v[k] / a[k], sigma = sqrt (v[k]);
      cr_assert_float_eq (ask_denoiser (law, edm (1), 1.4 * unit, sigma), a[k] * sum_to_order (c, 1.4), 1e-9);
      cr_assert_lt (a[k] * sum_to_order (c, 1.7), -1e6);
      cr_assert_lt (fabs (ask_denoiser (law, edm (1), 1.7 * unit, sigma)), a[k]);
    }
  cr_assert_float_eq (sum_to_order (c, 1.4), .88535165, 1e-8);
}

// ## One noised law, one law
//
// $\hat p_t(y) = \hat p_0(y)\,e^{-vy^2/2}$, whose last factor is never 0: the noised law says what the data's is. Of
// densities and of samples. [consistent.txt-A7-fourier] [consistent.lemA.11]

static double complex
characteristic_function (const line *law, double y)
{
  double complex sum = 0;
  for (size_t k = 0; k < law->K; k++)
    sum += law->w[k] * cexp (I * y * law->mean[k] - law->variance[k] * y * y / 2);
  return sum;
}

Test (denoisers, characteristic_functions)
{
  enum
  {
    NODES = 2001
  };
  const sb_target *law = line_target (&LINE_M1);
  const sb_process *process = edm (1);
  const double sigma = .5, v = sigma * sigma, h = 16. / (NODES - 1);
  gsl_matrix *nodes = matrix (NODES, 1), *x = drawn (law, 12);
  for (size_t i = 0; i < NODES; i++)
    gsl_matrix_set (nodes, i, 0, -8 + h * (double)i);
  const gsl_vector *log_p = answer (law, process, sb_target_log_density, nodes, sigma);
  go_on (process, 0, sigma, 13, x);
  for (double y = -2; y <= 2; y += .5)
    {
      const double complex wanted = characteristic_function (&LINE_M1, y);
      double complex of_density = 0;
      gsl_vector *re = vector (MANY), *im = vector (MANY);
      for (size_t i = 0; i < NODES; i++)
        of_density += h * exp (gsl_vector_get (log_p, i)) * cexp (I * y * gsl_matrix_get (nodes, i, 0));
      cr_assert_lt (cabs (of_density * exp (v * y * y / 2) - wanted), 1e-12, "y = %g", y);
      for (size_t i = 0; i < MANY; i++)
        {
          gsl_vector_set (re, i, exp (v * y * y / 2) * cos (y * gsl_matrix_get (x, i, 0)));
          gsl_vector_set (im, i, exp (v * y * y / 2) * sin (y * gsl_matrix_get (x, i, 0)));
        }
      if (y != 0)
        {
          cr_assert_lt (fabs (z_of (re->data, MANY, creal (wanted))), 5.4, "y = %g", y);
          cr_assert_lt (fabs (z_of (im->data, MANY, cimag (wanted))), 5.4, "y = %g", y);
        }
    }
}
