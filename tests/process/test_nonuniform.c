// # What must be true of processes side by side
//
// Blocks with an SDE each, a straight line of the signal-to-noise ratio, the bands of a multi-scale model and the pair
// of a point and its condition.

#include "process/bands.h"
#include "process/kinds.h"
#include "process/loglinear.h"
#include "process/multispeed.h"
#include "process/nonuniform.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

SUITE (nonuniform);

// The false-alarm rate of a test is 1e-6 at |z| < 4.9.

enum
{
  CASES = 200
};

// ## Blocks
//
// The numbers of the whole are those of its blocks, whatever these are, and a process with blocks that are alike is the
// uniform one to the last bit. [nonuniform.eq1] [nonuniform.eq4] [nonuniform.eq8]

static sb_process *
two_blocks (sb_process *first, sb_process *second)
{
  return scoped (sb_nonuniform_alloc ("pair", 2, (sb_process *const[]){ first, second }, 1e-3, 1, NULL));
}

Test (nonuniform, alike_blocks_are_the_uniform_process)
{
  sb_process *whole = two_blocks (sb_vp_alloc (2, 0.1, 20), sb_vp_alloc (3, 0.1, 20)),
             *uniform = scoped (sb_vp_alloc (5, 0.1, 20));
  gsl_vector *s = vector_of (0, 0.1, 0.4, 0.7), *t = vector_of (0.2, 0.3, 0.5, 1), *a = vector (4), *b = vector (4);
  gsl_matrix *z = normals (4, 5, 2), *x = normals (4, 5, 1), *y = copy_of (x);
  for (int map = SB_A; map <= SB_S_RATE; map++)
    {
      ok (sb_process_apply (whole, (sb_process_map)map, CblasNoTrans, s, t, x));
      ok (sb_process_apply (uniform, (sb_process_map)map, CblasNoTrans, s, t, y));
      cr_assert_eq (largest_difference (x, y), 0, "map %d", map);
    }
  ok (sb_process_transition (whole, s, t, z, x));
  ok (sb_process_transition (uniform, s, t, z, y));
  cr_assert_eq (largest_difference (x, y), 0);
  ok (sb_process_prior (whole, (sb_stream){ 3, SB_FOR_PRIOR, 0 }, x));
  ok (sb_process_prior (uniform, (sb_stream){ 3, SB_FOR_PRIOR, 0 }, y));
  cr_assert_eq (largest_difference (x, y), 0);
  ok (sb_process_log_det (whole, s, t, a));
  ok (sb_process_log_det (uniform, s, t, b));
  for (size_t i = 0; i < 4; i++)
    cr_assert_float_eq (gsl_vector_get (a, i), gsl_vector_get (b, i), 1e-12);
}

// A block may have blocks: whole and parts are then those of one process that has all of them side by side, each
// coordinate its own $f_i$ and $g_i$, and its own kernel. [nonuniform.eq9] [nonuniform.eq8] [nonuniform.txt-kernel]

Test (nonuniform, blocks_of_blocks_are_side_by_side)
{
  sb_process *const inner[] = { sb_vp_alloc (1, 0.1, 20), sb_ve_alloc (2, 0.01, 5) }, *const all[] = {
    sb_vp_alloc (1, 0.1, 20), sb_ve_alloc (2, 0.01, 5), sb_vp_alloc (2, 1, 3)
  };
  sb_process *nested = two_blocks (sb_nonuniform_alloc ("inner", 2, inner, 1e-3, 1, NULL), sb_vp_alloc (2, 1, 3)),
             *flat = scoped (sb_nonuniform_alloc ("flat", 3, all, 1e-3, 1, NULL));
  const size_t part[] = { 0, 1, 1, 2, 2 };
  cr_assert (nested->parts == 3 && flat->parts == 3 && nested->dimension == 5);
  for (size_t j = 0; j < 5; j++)
    cr_assert_eq (sb_process_part (nested, j), part[j]);
  gsl_vector *s = vector_of (0, 0.1, 0.4, 0.7), *t = vector_of (0.2, 0.3, 0.5, 1);
  for (int map = SB_A; map <= SB_S_RATE; map++)
    {
      gsl_matrix *x = normals (4, 5, 1), *y = copy_of (x);
      ok (sb_process_apply (nested, (sb_process_map)map, CblasNoTrans, s, t, x));
      ok (sb_process_apply (flat, (sb_process_map)map, CblasNoTrans, s, t, y));
      cr_assert_eq (largest_difference (x, y), 0, "map %d", map);
    }
  gsl_matrix *x = matrix (4, 5), *y = matrix (4, 5);
  ok (sb_process_prior (nested, (sb_stream){ 3, SB_FOR_PRIOR, 0 }, x));
  ok (sb_process_prior (flat, (sb_stream){ 3, SB_FOR_PRIOR, 0 }, y));
  cr_assert_eq (largest_difference (x, y), 0);
}

// Each has the $f_i$, $g_i$ and the kernel of its block alone, and each coordinate solves its own moment equations,
// $\dot\alpha_i = a_i\alpha_i$ and $\dot{\sigma_i^2} = 2a_i\sigma_i^2 + g_i^2$: by classical Runge-Kutta steps from
// $\epsilon$ on. [nonuniform.txt-kernel] [nonuniform.eq9]

static void
moments_slope (const sb_process *process, double t, size_t part, const double *m, double *slope)
{
  double f[8], g[8];
  ok (sb_process_numbers (process, SB_F, 0, t, f));
  ok (sb_process_numbers (process, SB_G, 0, t, g));
  slope[0] = f[part] * m[0];
  slope[1] = 2 * f[part] * m[1] + g[part] * g[part];
}

static void
follow_moments (const sb_process *process, size_t part, double from, double to, double *m)
{
  enum
  {
    STEPS = 4000
  };
  const double h = (to - from) / STEPS;
  for (size_t k = 0; k < STEPS; k++)
    {
      const double t = from + h * (double)k, at[4] = { t, t + h / 2, t + h / 2, GSL_MIN_DBL (t + h, to) },
                   by[4] = { 0, h / 2, h / 2, h };
      double slope[4][2], point[2];
      for (int j = 0; j < 4; j++)
        {
          for (int i = 0; i < 2; i++)
            point[i] = m[i] + (j > 0 ? by[j] * slope[j - 1][i] : 0);
          moments_slope (process, at[j], part, point, slope[j]);
        }
      for (int i = 0; i < 2; i++)
        m[i] += h / 6 * (slope[0][i] + 2 * slope[1][i] + 2 * slope[2][i] + slope[3][i]);
    }
}

Test (nonuniform, each_block_solves_its_own_moment_equations)
{
  const sb_loglinear line = { 1e-3, 1, 9, -10 };
  sb_process *block[5], *alone[5];
  for (int copy = 0; copy < 2; copy++)
    memcpy (copy ? alone : block,
            ((sb_process *[]){ sb_vp_alloc (1, 0.1, 20), sb_ve_alloc (1, 0.01, 5), sb_loglinear_alloc (1, &line),
                               sb_still_alloc (1), sb_subvp_alloc (1, 0.1, 20) }),
            sizeof block);
  sb_process *whole = scoped (sb_nonuniform_alloc ("five", 5, block, 1e-3, 1, NULL));
  const sb_process_map maps[] = { SB_A, SB_S, SB_F, SB_G };
  double a[5], sd[5], after_a[5], after_sd[5];
  ok (sb_process_numbers (whole, SB_A, 0, 0.01, a));
  ok (sb_process_numbers (whole, SB_S, 0, 0.01, sd));
  ok (sb_process_numbers (whole, SB_A, 0, 0.9, after_a));
  ok (sb_process_numbers (whole, SB_S, 0, 0.9, after_sd));
  for (size_t k = 0; k < 5; k++)
    {
      double m[2] = { a[k], sd[k] * sd[k] }, numbers[5];
      scoped (alone[k]);
      for (size_t j = 0; j < 4; j++)
        {
          ok (sb_process_numbers (whole, maps[j], 0, 0.9, numbers));
          cr_assert_eq (numbers[k], number_of (alone[k], maps[j], 0, 0.9), "part %zu, map %d", k, (int)maps[j]);
        }
      follow_moments (whole, k, 0.01, 0.9, m);
      cr_assert_float_eq (m[0] / after_a[k], 1, 1e-8, "part %zu", k);
      cr_assert_float_eq (m[1], after_sd[k] * after_sd[k], 1e-8 * (1 + m[1]), "part %zu", k);
    }
}

// ## One row of normals
//
// Were each block to draw the prior for itself, it would take the same numbers of the row's stream, and $y_T$ would be
// $x_T$ over again. Correlations of 100,000 rows; what stands still stays. [nonuniform.txt-cmde-sde]

static double
correlation (const gsl_matrix *x, size_t i, size_t j)
{
  return gsl_stats_correlation (x->data + i, x->tda, x->data + j, x->tda, x->size1);
}

Test (nonuniform, the_blocks_of_a_prior_are_independent)
{
  enum
  {
    ROWS = 100000
  };
  const sb_multispeed speeds = { 2, 2, 0.01, 5, 2 }, still = { 2, 2, 0.01, 5, 0 };
  sb_process *process = scoped (sb_multispeed_alloc (&speeds)), *clean = scoped (sb_multispeed_alloc (&still));
  gsl_matrix *x = matrix (ROWS, 4);
  ok (sb_process_prior (process, (sb_stream){ 5, SB_FOR_PRIOR, 0 }, x));
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j < i; j++)
      cr_assert_lt (fabs (correlation (x, i, j)) * sqrt (ROWS), 5.3, "coordinates %zu and %zu", i, j);
  gsl_matrix_set_all (x, 7);
  ok (sb_process_prior (clean, (sb_stream){ 5, SB_FOR_PRIOR, 0 }, x));
  for (size_t i = 0; i < ROWS; i++)
    cr_assert (gsl_matrix_get (x, i, 2) == 7 && gsl_matrix_get (x, i, 3) == 7 && gsl_matrix_get (x, i, 0) != 7);
}

// Nor have their noises of a transition to do with each other: the residual of $y_t$ on that of $x_t$ has slope 0, so
// that $p(y_t \mid y, x_t) = p(y_t \mid y)$. Were the two Wiener processes one, as printed, it would be
// $\sigma_y/\sigma_x$. [nonuniform.txt-cmde-sde] [nonuniform.eq8]

Test (nonuniform, noises_of_x_and_y_are_not_one_as_printed)
{
  enum
  {
    ROWS = 100000
  };
  const sb_multispeed speeds = { 1, 1, 0.01, 5, 2 };
  sb_process *process = scoped (sb_multispeed_alloc (&speeds));
  gsl_matrix *x = matrix_all (ROWS, 2, 3), *z = normals (ROWS, 2, 8);
  ok (sb_process_transition (process, NULL, vector_all (ROWS, 0.7), z, x));
  cr_assert_lt (fabs (correlation (x, 0, 1)) * sqrt (ROWS), 4.9);
}

// ## The pair
//
// $\Sigma_z$ is diagonal, $\sigma_x$ for $i \le n_x$ and $\sigma_y$ for $n_x < i \le n_x + n_y$. As printed, $n_x < i
// \le n_y$, no coordinate of a $y$ that is as short as $x$, or shorter, would diffuse. [nonuniform.txt-zsde]

Test (nonuniform, sigma_z_goes_on_to_n_x_plus_n_y)
{
  const sb_multispeed speeds = { 3, 2, 0.01, 5, 2 };
  sb_process *z = scoped (sb_multispeed_alloc (&speeds)), *x = scoped (sb_ve_alloc (1, 0.01, 5)),
             *y = scoped (sb_ve_alloc (1, 0.01, 2));
  gsl_matrix *G = matrix (5, 5);
  gsl_matrix_set_identity (G);
  ok (sb_process_apply (z, SB_G, CblasNoTrans, NULL, vector_all (5, 0.3), G));
  for (size_t i = 0; i < 5; i++)
    for (size_t j = 0; j < 5; j++)
      cr_assert_float_eq (gsl_matrix_get (G, i, j), i != j ? 0 : number_of (i < 3 ? x : y, SB_G, 0, 0.3), 1e-15);
  cr_assert_eq (sb_multispeed_x (z), 3);
  cr_assert_eq (sb_multispeed_x (x), 0);
}

// The three estimators are three speeds of y: that of x (CDiffE), a slower one (CMDE), none (CDE).
// [nonuniform.set-cond] [nonuniform.txt-insights]

Test (nonuniform, estimators_are_speeds_of_y)
{
  const double most[] = { 5, 1, 0 };
  double sd[3][2], g[3][2];
  for (size_t k = 0; k < 3; k++)
    {
      const sb_multispeed speeds = { 1, 1, 0.01, 5, most[k] };
      sb_process *z = scoped (sb_multispeed_alloc (&speeds));
      ok (sb_process_numbers (z, SB_S, 0, 0.6, sd[k]));
      ok (sb_process_numbers (z, SB_G, 0, 0.6, g[k]));
      cr_assert (sd[k][0] == sd[0][0] && g[k][0] == g[0][0]);
    }
  cr_assert (sd[0][1] == sd[0][0] && g[0][1] == g[0][0]);
  cr_assert (0 < sd[1][1] && sd[1][1] < sd[0][1] && g[1][1] < g[0][1]);
  cr_assert (sd[2][1] == 0 && g[2][1] == 0);
}

// $g^2 = d\sigma^2/dt$, and over an interval the kernel gathers $\sigma^2(t) - \sigma^2(s)$, by Gauss and Legendre.
// [nonuniform.txt-vesde]

static double
diffusion_squared (double t, void *process)
{
  double g[2];
  ok (sb_process_numbers (process, SB_G, 0, t, g));
  return g[0] * g[0];
}

Test (nonuniform, the_pair_gathers_what_diffuses)
{
  const sb_multispeed speeds = { 1, 1, 0.01, 5, 1 };
  sb_process *z = scoped (sb_multispeed_alloc (&speeds));
  const gsl_function g2 = { diffusion_squared, z };
  gsl_integration_glfixed_table *nodes = scoped (gsl_integration_glfixed_table_alloc (40));
  double sd[2];
  ok (sb_process_numbers (z, SB_S, 0.2, 0.9, sd));
  cr_assert_float_eq (gsl_integration_glfixed (&g2, 0.2, 0.9, nodes) / (sd[0] * sd[0]), 1, 1e-10);
  const double sigma[2] = { 0.01 * pow (500, 0.9), 0.01 * pow (500, 0.2) };
  cr_assert_float_eq (sd[0] * sd[0] / (sigma[0] * sigma[0] - sigma[1] * sigma[1]), 1, 1e-12);
}

// ## A straight line
//
// $\alpha^2 + \sigma^2 = 1$; $\ln\alpha^2/\sigma^2$ has no second difference and the ends asked for; $\beta
// = -d\ln\alpha^2/dt$; and the kernel between two positive times is that which takes the one from 0 to $s$ into the one
// to $t$. [nonuniform.txt-loglinear]

static const property_parameter lines[]
    = { { "epsilon", PROPERTY_LOG, 1e-5, 1e-2, 1e-3 }, { "end", PROPERTY_UNIFORM, 0.1, 1, 1 },
        { "ln SNR max", PROPERTY_UNIFORM, 1, 14, 5 },  { "ln SNR min", PROPERTY_UNIFORM, -11, 0, -5 },
        { "t", PROPERTY_UNIFORM, 0.05, 0.95, 0.5 },    { "s/t", PROPERTY_UNIFORM, 0.1, 0.9, 0.5 } };

static sb_process *
line_process (const double *v, sb_loglinear *line)
{
  *line = (sb_loglinear){ v[0], v[1], v[2], v[3] };
  return scoped (sb_loglinear_alloc (1, line));
}

static double
log_snr (const sb_process *process, double t)
{
  return 2 * log (number_of (process, SB_A, 0, t) / number_of (process, SB_S, 0, t));
}

static double
line_residual (const double *v, void *context)
{
  (void)context;
  const size_t mark = scope_mark ();
  sb_loglinear line;
  sb_process *p = line_process (v, &line);
  const double t = line.epsilon + v[4] * (line.end - line.epsilon), h = (line.end - line.epsilon) / 50,
               a = number_of (p, SB_A, 0, t), sd = number_of (p, SB_S, 0, t),
               bend = log_snr (p, t + h) - 2 * log_snr (p, t) + log_snr (p, t - h),
               ends
               = fabs (log_snr (p, line.epsilon) - line.log_snr_max) + fabs (log_snr (p, line.end) - line.log_snr_min);
  scope_release (mark);
  return fabs (a * a + sd * sd - 1) * 1e4 + fabs (bend) + ends;
}

static double
line_rate_residual (const double *v, void *context)
{
  (void)context;
  const size_t mark = scope_mark ();
  sb_loglinear line;
  sb_process *p = line_process (v, &line);
  const double t = line.epsilon + v[4] * (line.end - line.epsilon), h = 1e-5 * (line.end - line.epsilon),
               slope = -2 * log (number_of (p, SB_A, 0, t + h) / number_of (p, SB_A, 0, t - h)) / (2 * h),
               g = number_of (p, SB_G, 0, t), f = number_of (p, SB_F, 0, t);
  scope_release (mark);
  return fabs (slope / (g * g) - 1) + fabs (f / (g * g) + 0.5);
}

static double
line_kernel_residual (const double *v, void *context)
{
  (void)context;
  const size_t mark = scope_mark ();
  sb_loglinear line;
  sb_process *p = line_process (v, &line);
  const double t = line.epsilon + v[4] * (line.end - line.epsilon), s = v[5] * t, a = number_of (p, SB_A, s, t),
               sd = number_of (p, SB_S, s, t), a_s = number_of (p, SB_A, 0, s), sd_s = number_of (p, SB_S, 0, s),
               a_t = number_of (p, SB_A, 0, t), sd_t = number_of (p, SB_S, 0, t);
  scope_release (mark);
  return fabs (a * a_s / a_t - 1) + fabs ((a * a * sd_s * sd_s + sd * sd) / (sd_t * sd_t) - 1);
}

Test (nonuniform, the_ratio_is_a_straight_line)
{
  property_check ("the line", 1, CASES, 6, lines, line_residual, NULL, 1e-10);
  property_check ("beta = -d ln alpha^2 / dt", 2, CASES, 6, lines, line_rate_residual, NULL, 1e-6);
  property_check ("the kernel from s", 3, CASES, 6, lines, line_kernel_residual, NULL, 1e-11);
}

// Between close times the variance keeps its digits: $\beta h$ over a short step.

Test (nonuniform, the_line_is_accurate_over_short_times)
{
  const sb_loglinear line = { 1e-3, 1, 9, -10 };
  sb_process *p = scoped (sb_loglinear_alloc (1, &line));
  const double s = 0.5, h = 0x1p-40, g = number_of (p, SB_G, 0, s), sd = number_of (p, SB_S, s, s + h);
  cr_assert_float_eq (sd * sd / (g * g * h), 1, 1e-9);
}

// ## Bands

static const sb_bands three = { 3, 128, 128, 3, 1, 1e-5, 0.1, 20 };

static sb_bands
stage_of (sb_bands bands, size_t stage)
{
  bands.stage = stage;
  return bands;
}

// The times and sizes of Section 3.3, exactly. $[a_3, d_3, d_2, d_1]$ of $128 \times 128 \times 3$ are 768, 2304, 9216
// and 36864 numbers; the stages have 1, 1/4, 1/16 and 1/64 of the image. $[a_2, d_2, d_1]$ of $8 \times 32$ are 16, 48
// and 192. [nonuniform.txt-Tscale] [nonuniform.txt-groups] [nonuniform.set-multiscale]

Test (nonuniform, bands_end_when_and_are_as_large_as_they_should)
{
  const sb_bands wide = { 1, 8, 32, 2, 1, 1e-5, 0.1, 20 };
  cr_assert (sb_bands_size (&wide, 0) == 16 && sb_bands_size (&wide, 1) == 48 && sb_bands_size (&wide, 2) == 192);
  const size_t sizes[] = { 768, 2304, 9216, 36864 };
  const double ends[] = { 1, 0.75, 0.5, 0.25 };
  for (size_t k = 0; k < 4; k++)
    {
      cr_assert_eq (sb_bands_size (&three, k), sizes[k]);
      cr_assert_eq (sb_bands_line (&three, k).end, ends[k]);
    }
  for (size_t stage = 1; stage <= 4; stage++)
    {
      const sb_bands bands = stage_of (three, stage);
      sb_process *p = scoped (sb_bands_alloc (&bands, NULL));
      cr_assert_eq (p->dimension, (size_t)49152 >> 2 * (stage - 1));
      cr_assert_eq (p->parts, 5 - stage);
      cr_assert_eq (p->t_min, stage == 1 ? 1e-5 : (double)(stage - 1) / 4);
      cr_assert_eq (p->t_max, (double)stage / 4);
      cr_assert_eq (sb_bands_of (p)->stage, stage);
      cr_assert_eq (sb_multispeed_x (p), 0);
      for (size_t k = 0; k < 5 - stage; k++)
        {
          double sd = 0;
          const sb_process *band = sb_nonuniform_block (p, k);
          cr_assert (band->t_min == 1e-5 && band->t_max == ends[k] && band->t_limit == ends[k], "band %zu", k);
          ok (sb_process_deviation (band, 0, ends[k], &sd));
          cr_assert_float_eq (1 - sd * sd, 1 / (1 + exp (-sb_bands_line (&three, k).log_snr_min)), 1e-9);
          refused (GSL_EDOM, sb_process_deviation (band, 0, ends[k] + .01, &sd));
        }
    }
}

// Of one level the bands end at 1/2 and 1. [nonuniform.txt-Tscale]

Test (nonuniform, one_level_ends_at_a_half)
{
  const sb_bands one = { 1, 4, 4, 1, 1, 1e-3, 0.1, 20 };
  cr_assert_eq (sb_bands_line (&one, 0).end, 1);
  cr_assert_eq (sb_bands_line (&one, 1).end, 0.5);
}

// A band is alive at t iff its end is later, and the stage in charge has those bands and no others.
// [nonuniform.txt-groups]

Test (nonuniform, a_stage_has_the_bands_that_are_alive)
{
  for (size_t stage = 1; stage <= 4; stage++)
    {
      const sb_bands bands = stage_of (three, stage);
      sb_process *p = scoped (sb_bands_alloc (&bands, NULL));
      const double t = (p->t_min + p->t_max) / 2;
      size_t alive = 0;
      for (size_t k = 0; k < 4; k++)
        alive += sb_bands_line (&three, k).end > t;
      cr_assert_eq (sb_bands_count (&bands), alive);
    }
}

// All reach one ratio at their ends, from one at epsilon: those of the beta-linear VP. [nonuniform.txt-equalsnr]

Test (nonuniform, bands_end_with_the_same_ratio)
{
  const sb_bands thousandth = { 1, 4, 4, 2, 1, 1e-3, 0.1, 20 };
  const sb_bands *const of[] = { &three, &thousandth };
  const double most[] = { 13.814516, 9.115430 };
  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k <= of[i]->levels; k++)
      {
        const sb_loglinear line = sb_bands_line (of[i], k);
        sb_process *p = scoped (sb_loglinear_alloc (1, &line));
        cr_assert_float_eq (log_snr (p, line.epsilon), most[i], 1e-6);
        cr_assert_float_eq (log_snr (p, line.end), -log (expm1 (10.05)), 1e-12);
      }
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  cr_assert_float_eq (log_snr (vp, 1), sb_bands_line (&three, 2).log_snr_min, 1e-12);
  cr_assert_float_eq (log_snr (vp, 1e-5), sb_bands_line (&three, 2).log_snr_max, 1e-10);
}

// Lower frequencies diffuse slower: at every time the ratio of $a_n$ is above that of $d_n$, and so on down to $d_1$.
// [nonuniform.txt-order]

Test (nonuniform, coarse_bands_keep_their_signal_longer)
{
  for (size_t k = 1; k < 4; k++)
    {
      const sb_loglinear slow = sb_bands_line (&three, k - 1), fast = sb_bands_line (&three, k);
      cr_assert_gt (slow.end, fast.end);
      for (double t = 1e-4; t < fast.end; t += 1e-3)
        cr_assert_gt (sb_loglinear_log_snr (&slow, t), sb_loglinear_log_snr (&fast, t));
    }
}

// $\int g^2/\sigma^2\,dt$ is the same for every band, and so is the constant of its likelihood-weighted loss.
// [nonuniform.txt-loglinear] [nonuniform.txt-LambdaMLE]

static double
weight (double t, void *process)
{
  const double g = number_of (process, SB_G, 0, t), sd = number_of (process, SB_S, 0, t);
  return g * g / (sd * sd);
}

Test (nonuniform, every_band_has_the_same_total_weight)
{
  gsl_integration_glfixed_table *nodes = scoped (gsl_integration_glfixed_table_alloc (20));
  for (size_t k = 0; k < 4; k++)
    {
      const sb_loglinear line = sb_bands_line (&three, k);
      const gsl_function f = { weight, scoped (sb_loglinear_alloc (1, &line)) };
      cr_assert_float_eq (gsl_integration_glfixed (&f, line.epsilon, line.end, nodes), 13.814516 + 10.049957, 1e-5);
    }
}

// Haar's bands of an image that is no square, put together as a network sees them, are its approximation and details at
// that height. [nonuniform.txt-groups]

Test (nonuniform, a_stage_sees_its_approximation)
{
  sb_operator *whole = scoped (sb_operator_haar_alloc (8, 16, 2, 3));
  gsl_matrix *x = normals (3, 256, 4), *all = matrix (3, 256);
  ok (sb_operator_apply (whole, CblasNoTrans, NULL, x, all));
  for (size_t stage = 1; stage <= 4; stage++)
    {
      const sb_bands bands = { 2, 8, 16, 3, stage, 1e-3, 0.1, 20 };
      const size_t d = sb_bands_dimension (&bands), levels = GSL_MIN (stage, 3);
      sb_operator *W = scoped (sb_bands_transform_alloc (&bands)),
                  *some = scoped (sb_operator_haar_alloc (8, 16, 2, levels));
      gsl_matrix *expected = matrix (3, 256), *seen = matrix (3, d);
      const gsl_matrix_const_view of_stage = gsl_matrix_const_submatrix (all, 0, 0, 3, d);
      ok (sb_operator_apply (some, CblasNoTrans, NULL, x, expected));
      ok (sb_operator_apply (W, CblasTrans, NULL, &of_stage.matrix, seen));
      const gsl_matrix_const_view first = gsl_matrix_const_submatrix (expected, 0, 0, 3, d);
      cr_assert_lt (largest_difference (seen, &first.matrix), 1e-14, "stage %zu", stage);
      gsl_matrix *back = matrix (3, d);
      ok (sb_operator_apply (W, CblasNoTrans, NULL, seen, back));
      cr_assert_lt (largest_difference (back, &of_stage.matrix), 1e-14, "stage %zu", stage);
    }
}

// Sums of terms by parts, also where the parts are long: number by number, a coefficient of 0 leaving its number out
// whatever it is.

Test (nonuniform, long_blocks_are_combined_part_by_part)
{
  enum
  {
    ROWS = 7,
    LONG = 58,
    TERMS = 3
  };
  const size_t end[] = { 20, 21, LONG };
  sb_process *block[] = { sb_vp_alloc (20, .1, 20), sb_still_alloc (1), sb_ve_alloc (LONG - 21, .01, 5) };
  const sb_process *process = scoped (sb_nonuniform_alloc ("blocks", 3, block, 0, 1, NULL));
  for (size_t shared = 0; shared < 2; shared++)
    {
      gsl_matrix *c[TERMS], *x[TERMS], *out = matrix (ROWS, LONG);
      sb_term term[TERMS];
      for (size_t m = 0; m < TERMS; m++)
        {
          c[m] = normals (shared ? 1 : ROWS, 3, m), x[m] = normals (ROWS, LONG, 10 + m);
          gsl_matrix_set (c[m], 0, m, 0);
          gsl_matrix_set (x[m], 0, end[m] - 1, GSL_NAN);
          term[m] = (sb_term){ c[m], x[m] };
        }
      ok (sb_process_combine (process, TERMS, term, NULL, out));
      for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < LONG; j++)
          {
            const size_t part = j < end[0] ? 0 : j < end[1] ? 1 : 2;
            double sum = 0;
            for (size_t m = 0; m < TERMS; m++)
              {
                const double of_part = gsl_matrix_get (c[m], shared ? 0 : i, part);
                sum += of_part == 0 ? 0 : of_part * gsl_matrix_get (x[m], i, j);
              }
            cr_assert_float_eq (gsl_matrix_get (out, i, j), sum, 1e-14);
          }
    }
}

// ## From a line of text, and refusals

Test (nonuniform, lines_are_what_they_say)
{
  sb_process *p = scoped (sb_process_from_text ("multispeed sigma_max=4 sigma_max_y=2 x=3 y=1", 4, NULL)),
             *q = scoped (sb_process_from_text ("multispeed", 4, NULL)),
             *bands = scoped (sb_process_from_text ("bands image=1x4x8 levels=2 stage=2", 8, NULL)),
             *line = scoped (sb_process_from_text ("loglinear epsilon=0.01", 8, NULL));
  double sd[2];
  ok (sb_process_numbers (p, SB_S, 0, 1, sd));
  cr_assert (fabs (sd[0] - 4) < 1e-12 && fabs (sd[1] - 2) < 1e-12 && sb_multispeed_x (p) == 3);
  cr_assert_eq (sb_multispeed_x (q), 2);
  cr_assert_eq (bands->parts, 2);
  cr_assert_float_eq (log_snr (line, 0.01), -log (expm1 (0.1 * 0.01 + 19.9 * 0.01 * 0.01 / 2)), 1e-10);
}

static const struct
{
  const char *line, *says;
  size_t dimension;
} wrong[] = { { "bands image=1x6x8 levels=2 stage=1", "6x8", 48 },
              { "bands image=1x8x8 levels=2 stage=4", "stage", 64 },
              { "bands image=1x8x8 levels=2 stage=1", "numbers", 63 },
              { "bands image=1x8x8 levels=2 stage=1 epsilon=0.4", "epsilon", 64 },
              { "bands image=1x8x8 levels=2 stage=1 beta_min=3 beta_max=2", "beta", 64 },
              { "multispeed x=3 y=3", "x=3", 5 },
              { "multispeed x=5", "y=0", 5 },
              { "multispeed sigma_max_y=0.001", "sigma_max_y", 4 },
              { "multispeed sigma_min=2 sigma_max=1", "sigma", 4 },
              { "loglinear epsilon=1", "epsilon", 4 },
              { "loglinear beta_min=20 beta_max=2", "beta", 4 } };

Test (nonuniform, wrong_lines_are_refused_with_the_word_at_fault)
{
  for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
    {
      sb_error error = { 0 };
      cr_assert_null (sb_process_from_text (wrong[k].line, wrong[k].dimension, &error), "%s", wrong[k].line);
      cr_assert (strstr (error.message, wrong[k].says), "%s: %s", wrong[k].line, error.message);
      cr_assert_null (strchr (error.message, '\n'));
    }
}

// A band that has ended is asked for nothing, a chain or a basis is no block, and what stands still has no inverse.

static int
no_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  (void)state, (void)map, (void)s, (void)t, (void)c;
  return GSL_EUNSUP;
}

Test (nonuniform, what_there_is_not_is_refused)
{
  const sb_loglinear line = { 1e-3, 0.5, 9, -10 };
  sb_process *p = two_blocks (sb_loglinear_alloc (1, &line), sb_vp_alloc (1, 0.1, 20)),
             *still = two_blocks (sb_still_alloc (1), sb_vp_alloc (1, 0.1, 20));
  double c[2];
  ok (sb_process_numbers (p, SB_A, 0, 0.5, c));
  refused (GSL_EDOM, sb_process_numbers (p, SB_A, 0, 0.6, c));
  refused (GSL_ESING, sb_process_numbers (still, SB_S_INVERSE, 0, 0.6, c));
  ok (sb_process_numbers (still, SB_A_INVERSE, 0, 0.6, c));
  cr_assert_eq (c[0], 1);
  cr_assert_null (sb_bands_alloc (&(sb_bands){ 1, 4, 4, 2, 1, 1e-3, 0, 20 }, NULL));
  cr_assert_null (sb_bands_alloc (&(sb_bands){ 1, 4, 4, 2, 1, 1. / 3, 0.1, 20 }, NULL)); // the first band's end
  cr_assert_null (sb_nonuniform_alloc ("none", 0, NULL, 0, 1, NULL));
  cr_assert_null (sb_nonuniform_alloc ("chain", 1, (sb_process *const[]){ sb_process_from_text ("ddpm", 2, NULL) }, 0,
                                       1, malloc (1)));
  cr_assert_null (sb_nonuniform_alloc ("missing", 2, (sb_process *const[]){ sb_still_alloc (1), NULL }, 0, 1, NULL));
  const sb_bands good = { 1, 4, 4, 2, 1, 1e-3, 0.1, 20 };
  const sb_bands bad[] = { { 0, 4, 4, 2, 1, 1e-3, 0.1, 20 },    { 1, 0, 4, 2, 1, 1e-3, 0.1, 20 },
                           { 1, 4, 0, 2, 1, 1e-3, 0.1, 20 },    { 1, 6, 4, 2, 1, 1e-3, 0.1, 20 },
                           { 1, 4, 6, 2, 1, 1e-3, 0.1, 20 },    { 1, 4, 4, 0, 1, 1e-3, 0.1, 20 },
                           { 1, 4, 4, 99, 1, 1e-3, 0.1, 20 },   { 1, 4, 4, 2, 0, 1e-3, 0.1, 20 },
                           { 1, 4, 4, 2, 4, 1e-3, 0.1, 20 },    { 1, 4, 4, 2, 1, 0, 0.1, 20 },
                           { 1, 4, 4, 2, 1, 1e-3, 20, 0.1 },    { 1, 4, 4, 2, 1, 1e-3, 0.1, GSL_POSINF },
                           { 1, 4, 4, 2, 1, 1e-3, GSL_NAN, 20 } };
  scoped (sb_bands_alloc (&good, NULL));
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    cr_assert_null (sb_bands_alloc (&bad[k], NULL), "case %zu", k);
  const sb_loglinear bad_line[] = { { 0, 0.5, 1, -1 },
                                    { 0.1, GSL_POSINF, 1, -1 },
                                    { 0.1, 0.5, GSL_POSINF, -1 },
                                    { 0.1, 0.5, 1, GSL_NEGINF },
                                    { 0.1, 0.5, GSL_NAN, -1 } };
  for (size_t k = 0; k < sizeof bad_line / sizeof *bad_line; k++)
    cr_assert_null (sb_loglinear_alloc (1, &bad_line[k]), "case %zu", k);
  refused (GSL_EDOM, sb_process_numbers (scoped (sb_loglinear_alloc (1, &line)), SB_G, 0, 0, c));

  // No block: a corruption without kernels, one that mixes coordinates, one without numbers, one without a prior.
  sb_process *mixes = sb_process_from_text ("soft image=1x2x2 half=1 knots=0.01,0.8 boundary=symmetric", 4, NULL);
  cr_assert_null (sb_nonuniform_alloc ("soft", 1, (sb_process *const[]){ mixes }, 0, 1, NULL));
  static const sb_process_type bare = { .name = "bare" }, open = { .name = "open", .numbers = no_numbers };
  for (size_t k = 0; k < 3; k++)
    {
      sb_process *block = sb_process_alloc (k ? &open : &bare, NULL, 2, 0, 1, 0);
      block->parts = k ? 1 : 0;
      block->basis = k == 1 ? scoped (sb_operator_identity_alloc (2)) : NULL;
      cr_assert_null (sb_nonuniform_alloc ("block", 1, (sb_process *const[]){ block }, 0, 1, NULL), "case %zu", k);
    }
  cr_assert_null (sb_nonuniform_block (p, 2));
  cr_assert_null (sb_nonuniform_block (scoped (sb_vp_alloc (1, 0.1, 20)), 0));
  cr_assert_null (sb_loglinear_alloc (1, &(sb_loglinear){ 0.5, 0.5, 1, -1 }));
  cr_assert_null (sb_loglinear_alloc (1, &(sb_loglinear){ 0.1, 0.5, -1, 1 }));
  cr_assert_null (sb_nonuniform_settings (still, "bands"));
}
