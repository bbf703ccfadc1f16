// # Laws and corruptions of which all is known

#include "soft_laws.h"
#include "measure/twosample.h"
#include "scope.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// ## Two functions of time

static double
g1_c (double t)
{
  return exp (-2 * t * t);
}
static double
g1_c_rate (double t)
{
  return -4 * t * exp (-2 * t * t);
}
static double
g1_sigma (double t)
{
  return sqrt (.3 * t + .5 * t * t * t);
}
static double
g1_sigma_rate (double t)
{
  return (.3 + 1.5 * t * t) / (2 * g1_sigma (t));
}
static double
gmm1_c (double t)
{
  return 1 - .9 * t;
}
static double
gmm1_c_rate (double t)
{
  return (void)t, -.9;
}
static double
gmm1_sigma (double t)
{
  return .05 + .5 * t;
}
static double
gmm1_sigma_rate (double t)
{
  return (void)t, .5;
}
static double
smooth_c (double t)
{
  return 1 - .8 * t + .1 * t * t;
}
static double
smooth_c_rate (double t)
{
  return -.8 + .2 * t;
}
static double
smooth_sigma (double t)
{
  return sqrt (.02 + .4 * t * t);
}
static double
smooth_sigma_rate (double t)
{
  return .4 * t / smooth_sigma (t);
}

const soft_pair soft_g1 = { g1_c, g1_c_rate, g1_sigma, g1_sigma_rate },
                soft_gmm1 = { gmm1_c, gmm1_c_rate, gmm1_sigma, gmm1_sigma_rate },
                soft_smooth = { smooth_c, smooth_c_rate, smooth_sigma, smooth_sigma_rate };

static int
pair_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  const soft_pair *pair = params;
  *level = (rate ? pair->c_rate : pair->c) (t);
  *sigma = (rate ? pair->sigma_rate : pair->sigma) (t);
  return GSL_SUCCESS;
}

sb_process *
soft_of (const soft_pair *pair, size_t d)
{
  const sb_soft_schedule schedule = { .at = pair_at };
  sb_process *process = scoped (sb_soft_alloc (sb_operator_multiple_alloc (d), &schedule, (void *)pair));
  ok (sb_soft_set_prior (process, NULL, NULL));
  return process;
}

double
soft_variance (const sb_process *process, double P, double t)
{
  return gsl_pow_2 (number_of (process, SB_A, 0, t)) * P + gsl_pow_2 (number_of (process, SB_S, 0, t));
}

// ## Straight lines

typedef struct
{
  double level, to_level, sigma, to_sigma;
} line;

static int
line_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  const line *l = params;
  *level = rate ? l->to_level - l->level : l->level + t * (l->to_level - l->level);
  *sigma = rate ? l->to_sigma - l->sigma : l->sigma + t * (l->to_sigma - l->sigma);
  return GSL_SUCCESS;
}

sb_process *
soft_line_alloc (sb_operator *C, double level, double to_level, double sigma, double to_sigma)
{
  const sb_soft_schedule schedule = { .at = line_at, .free = free };
  line *l = malloc (sizeof *l);
  cr_assert (l);
  *l = (line){ level, to_level, sigma, to_sigma };
  return sb_soft_alloc (C, &schedule, l);
}

// ## Matrices

void
soft_plane_matrix (double t, double *C, double *C_rate)
{
  const double now[4] = { 1 - .6 * t, .3 * t * t, -.2 * t, 1 - .9 * t + .2 * t * t },
               then[4] = { -.6, .6 * t, -.2, -.9 + .4 * t };
  if (C)
    memcpy (C, now, sizeof now);
  if (C_rate)
    memcpy (C_rate, then, sizeof then);
}

static int
fill_plane (const void *params, int rate, double level, gsl_matrix *A)
{
  double C[4];
  (void)params;
  soft_plane_matrix (level, rate ? NULL : C, rate ? C : NULL);
  for (size_t i = 0; i < 4; i++)
    gsl_matrix_set (A, i / 2, i % 2, C[i]);
  return GSL_SUCCESS;
}

// The level is the time.

static int
plane_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  const double now = sqrt (.05 + .4 * t * t);
  (void)params;
  *level = rate ? 1 : t;
  *sigma = rate ? .4 * t / now : now;
  return GSL_SUCCESS;
}

sb_process *
soft_plane (void)
{
  const sb_soft_schedule schedule = { .at = plane_at };
  return scoped (sb_soft_alloc (sb_operator_family_alloc (2, fill_plane, 1, NULL, NULL), &schedule, NULL));
}

static int
fill_four (const void *params, int rate, double level, gsl_matrix *A)
{
  static const double M[16] = { -.3, .4, 0, -.2, .1, -.5, .3, 0, -.4, .2, -.6, .5, .3, 0, -.1, -.4 };
  (void)params;
  for (size_t i = 0; i < 16; i++)
    gsl_matrix_set (A, i / 4, i % 4, rate ? M[i] : level * M[i] + (i % 5 == 0));
  return GSL_SUCCESS;
}

const char *const soft_kind_name[SOFT_KINDS] = { "dense", "mask", "blur" };

sb_operator *
soft_four_operator (soft_kind kind)
{
  return kind == SOFT_DENSE  ? sb_operator_family_alloc (4, fill_four, 1, NULL, NULL)
         : kind == SOFT_MASK ? sb_operator_window_alloc (1, 4, 1, SB_KEEP_CENTRE)
                             : sb_operator_blur_alloc (2, 2, 1, 5, SB_BOUNDARY_ZERO);
}

sb_process *
soft_four (soft_kind kind)
{
  return scoped (soft_line_alloc (soft_four_operator (kind), 0, 1, .3, .3));
}

// ## Laws

const double soft_gmm1_w[GMM1_K] = { .3, .5, .2 }, soft_gmm1_mu[GMM1_K] = { -2, .5, 3 },
             soft_gmm1_v[GMM1_K] = { .2, .05, .6 };
const double soft_g1_m = .7, soft_g1_P = 1.7, soft_g2_P[4] = { 1.3, .5, .5, .7 };

sb_target *
soft_g1_law (void)
{
  return scoped (sb_target_gaussian_alloc (vector_of (soft_g1_m), matrix_of (1, 1, soft_g1_P)));
}

sb_target *
soft_g2_law (void)
{
  return scoped (sb_target_gaussian_alloc (vector_all (2, 0), scope_matrix (2, 2, 4, soft_g2_P)));
}

sb_target *
soft_gmm1_law (void)
{
  return scoped (sb_target_mixture_alloc (scope_vector (GMM1_K, soft_gmm1_w),
                                          scope_matrix (GMM1_K, 1, GMM1_K, soft_gmm1_mu),
                                          scope_matrix (GMM1_K, 1, GMM1_K, soft_gmm1_v)));
}

// Covariances L L^T of matrices whose numbers wander.

sb_target *
soft_gmmn_law (void)
{
  gsl_matrix *mu = matrix (3, 4), *C = matrix (12, 4);
  for (size_t k = 0; k < 3; k++)
    for (size_t i = 0; i < 4; i++)
      {
        gsl_matrix_set (mu, k, i, 1.2 * sin (3. * (double)k + 2. * (double)i + 1));
        for (size_t j = 0; j < 4; j++)
          {
            double sum = .1 * (i == j);
            for (size_t m = 0; m < 3; m++)
              sum += .3 * sin (5. * (double)k + (double)i + 7. * (double)m)
                     * sin (5. * (double)k + (double)j + 7. * (double)m);
            gsl_matrix_set (C, 4 * k + i, j, sum);
          }
      }
  return scoped (sb_target_mixture_alloc (vector_of (.3, .45, .25), mu, C));
}

double
soft_gmm1_cdf (double c, double sigma, double x)
{
  double sum = 0;
  for (size_t k = 0; k < GMM1_K; k++)
    sum += soft_gmm1_w[k] * gsl_cdf_ugaussian_P ((x - c * soft_gmm1_mu[k]) / hypot (c * sqrt (soft_gmm1_v[k]), sigma));
  return sum;
}

double
soft_gmm1_quantile (double c, double sigma, double p)
{
  double low = -20, high = 20;
  for (int i = 0; i < 200; i++)
    {
      const double middle = (low + high) / 2;
      if (soft_gmm1_cdf (c, sigma, middle) < p)
        low = middle;
      else
        high = middle;
    }
  return (low + high) / 2;
}

static double
cdf_at (double x, void *params)
{
  const double *c_sigma = params;
  return soft_gmm1_cdf (c_sigma[0], c_sigma[1], x);
}

double
soft_gmm1_distance (double c, double sigma, const gsl_matrix *x)
{
  const gsl_vector_const_view v = gsl_matrix_const_column (x, 0);
  double D, p_value;
  ok (sb_ks_one_sample (&v.vector, cdf_at, (double[]){ c, sigma }, &D, &p_value));
  return D;
}

// ## Systems of equations

void
soft_solve (soft_slopes slopes, size_t count, const sb_process *process, double from, double to, double *y)
{
  gsl_odeiv2_system system = { slopes, NULL, count, (void *)process };
  gsl_odeiv2_driver *driver
      = scoped (gsl_odeiv2_driver_alloc_y_new (&system, gsl_odeiv2_step_rk8pd, 1e-3, 1e-13, 1e-13));
  ok (gsl_odeiv2_driver_apply (driver, &from, to, y));
}
