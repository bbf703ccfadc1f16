// # What must be true of mean and covariance along a process

#include "process/moments.h"
#include "process/ddpm.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort_vector.h>

enum
{
  d = 5
};

SUITE (moments);

// ## Random starts
//
// A covariance with eigenvalues in $[0.01, 5]$ and random axes: a diagonal, turned by the reflection $\mathbf{I} -
// 2\mathbf{u}\mathbf{u}^T$.

static const property_parameter a_case[] = { { "seed", PROPERTY_INTEGER, 1, 1e6, 1 },
                                             { "beta_min", PROPERTY_LOG, 0.01, 1, 0.1 },
                                             { "beta_max - beta_min", PROPERTY_LOG, 0.1, 30, 19.9 },
                                             { "t", PROPERTY_UNIFORM, 0.01, 1, 0.5 },
                                             { "s/t", PROPERTY_UNIFORM, 0.01, 0.99, 0.5 } };

static void
random_start (double seed, gsl_vector *mean, gsl_matrix *covariance)
{
  gsl_rng *r = property_rng (seed);
  double u[d];
  gsl_ran_dir_nd (r, d, u);
  gsl_matrix_set_zero (covariance);
  for (size_t k = 0; k < d; k++)
    {
      double eigenvalue = exp (gsl_ran_flat (r, log (0.01), log (5)));
      gsl_vector_set (mean, k, gsl_ran_gaussian (r, 2));
      for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++)
          *gsl_matrix_ptr (covariance, i, j)
              += eigenvalue * ((i == k) - 2 * u[i] * u[k]) * ((j == k) - 2 * u[j] * u[k]);
    }
}

typedef struct
{
  gsl_vector *mean;
  gsl_matrix *covariance;
} moments;

static moments
moments_alloc (double seed)
{
  moments m = { .mean = vector (d), .covariance = matrix (d, d) };
  random_start (seed, m.mean, m.covariance);
  return m;
}

static moments
carried (const sb_process *process, double s, double t, moments m)
{
  ok (sb_moments_transition (process, s, t, m.mean, m.covariance));
  return m;
}

// The largest difference between entries; NaN counts as infinite.

static double
distance (moments p, moments q)
{
  double worst = 0;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      {
        double of_mean = fabs (gsl_vector_get (p.mean, i) - gsl_vector_get (q.mean, i));
        double of_covariance = fabs (gsl_matrix_get (p.covariance, i, j) - gsl_matrix_get (q.covariance, i, j));
        if (!(of_mean + of_covariance <= worst))
          worst = gsl_isnan (of_mean + of_covariance) ? GSL_POSINF : of_mean + of_covariance;
      }
  return worst;
}

// ## The kernel against the SDE
//
// Two routes that share no formula, the maps $A$ and $S$ in one step and $F$ and $G$ integrated numerically, arrive at
// the same moments. From $s = 0$ for VP and sub-VP, from $s > 0$ for VE, which has no SDE at 0.
// [scoresde.txt-affine-gaussian] [scoresde.txt-vp-var-ode] [scoresde.eq26] [scoresde.eq28] [scoresde.txt-subvp-mean]

static double
routes_residual (sb_process *process, double seed, double s, double t, double scale)
{
  moments by_sde = moments_alloc (seed);
  process->t_min = GSL_MIN (s, process->t_min);
  ok (sb_moments_solve (process, s, t, 100, by_sde.mean, by_sde.covariance));
  return distance (carried (process, s, t, moments_alloc (seed)), by_sde) / scale;
}

typedef struct
{
  sb_process *(*alloc) (size_t dimension, double beta_min, double beta_max);
} of_rates;

static const of_rates vps = { sb_vp_alloc }, subvps = { sb_subvp_alloc };

static double
rate_routes (const double *v, void *kind)
{
  sb_process *process = scoped (((const of_rates *)kind)->alloc (d, v[1], v[1] + v[2]));
  return GSL_MAX (routes_residual (process, v[0], 0, v[3], 1), routes_residual (process, v[0], v[3] * v[4], v[3], 1));
}

static double
ve_routes (const double *v, void *context)
{
  (void)context;
  double variance = GSL_MAX (1, 1e-4 * pow (2000, 2 * v[3]));
  return GSL_MAX (routes_residual (scoped (sb_ve_alloc (d, 0.01, 20)), v[0], SB_VE_EPSILON, v[3], variance),
                  routes_residual (scoped (sb_ve_alloc (d, 0.01, 20)), v[0], v[3] * v[4], v[3], variance));
}

Test (moments, kernel_and_sde_agree)
{
  property_check ("VP: kernel = moment equations", 1, 30, 5, a_case, rate_routes, (void *)&vps, 1e-11);
  property_check ("sub-VP: kernel = moment equations", 2, 30, 5, a_case, rate_routes, (void *)&subvps, 1e-11);
  property_check ("VE: kernel = moment equations", 3, 30, 5, a_case, ve_routes, NULL, 1e-11);
}

// ## The closed forms of the paper
//
// The covariance from an exact Lyapunov solution of the constant rate 1, where $B = t$, is tied to any other rate by
// its clock: what the process does with $\beta$ up to $t$ is what the constant rate does up to $B(t) \le 1$.
// [scoresde.eq26] [scoresde.eq28]

static double
clock_residual (sb_process *process, sb_process *constant, double seed, double t, double B)
{
  return distance (carried (process, 0, t, moments_alloc (seed)), carried (constant, 0, B, moments_alloc (seed)));
}

Test (moments, any_rate_is_a_change_of_clock)
{
  for (int i = 1; i <= 20; i++)
    {
      double t = 0.015 * i, B = 0.5 * t * t * 19.9 + 0.1 * t; // B(0.3) = 0.9255
      cr_assert_lt (clock_residual (scoped (sb_vp_alloc (d, 0.1, 20)), scoped (sb_vp_alloc (d, 1, 1)), i, t, B), 1e-14);
      cr_assert_lt (clock_residual (scoped (sb_subvp_alloc (d, 0.1, 20)), scoped (sb_subvp_alloc (d, 1, 1)), i, t, B),
                    1e-14);
    }
}

// $d\Sigma/dt = \beta(t)\,(\mathbf{I} - \Sigma)$, by central differences. [scoresde.txt-vp-var-ode]

static double
vp_slope_residual (const double *v, void *context)
{
  (void)context;
  double t = GSL_MIN (v[3], 0.99), h = 1e-5, worst = 0;
  sb_process *vp = scoped (sb_vp_alloc (d, v[1], v[1] + v[2]));
  sb_vp rates = { .beta_min = v[1], .beta_max = v[1] + v[2] };
  const moments before = carried (vp, 0, t - h, moments_alloc (v[0])), now = carried (vp, 0, t, moments_alloc (v[0])),
                after = carried (vp, 0, t + h, moments_alloc (v[0]));
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      {
        double slope = (gsl_matrix_get (after.covariance, i, j) - gsl_matrix_get (before.covariance, i, j)) / (2 * h);
        double rate = sb_vp_beta (&rates, t) * ((i == j) - gsl_matrix_get (now.covariance, i, j));
        worst = larger (worst, fabs (slope - rate) / sb_vp_beta (&rates, t));
      }
  return worst;
}

Test (moments, vp_covariance_relaxes_to_one)
{
  property_check ("dSigma/dt = beta (I - Sigma)", 4, 100, 5, a_case, vp_slope_residual, NULL, 1e-7);
}

// Two legs make one journey. [scoresde.eq26] [scoresde.eq28]

static double
legs_residual (const double *v, void *kind)
{
  sb_process *process = scoped (((const of_rates *)kind)->alloc (d, v[1], v[1] + v[2]));
  const double s = v[3] * v[4], t = v[3];
  const moments in_legs = carried (process, s, t, carried (process, 0, s, moments_alloc (v[0])));
  return distance (carried (process, 0, t, moments_alloc (v[0])), in_legs);
}

Test (moments, two_legs_make_one_journey)
{
  property_check ("VP: Sigma(t; Sigma(s)) = Sigma(t)", 5, 200, 5, a_case, legs_residual, (void *)&vps, 1e-13);
  property_check ("sub-VP: Sigma(t; Sigma(s)) = Sigma(t)", 5, 200, 5, a_case, legs_residual, (void *)&subvps, 1e-13);
}

// ## What the paper concludes
//
// VP keeps every eigenvalue between itself and 1, and a covariance of $\mathbf{I}$ as it is.
// [scoresde.txt-vp-preserving]

static double
eigenvalue_residual (const double *v, void *context)
{
  (void)context;
  sb_process *vp = scoped (sb_vp_alloc (d, v[1], v[1] + v[2]));
  moments start = moments_alloc (v[0]), end = carried (vp, 0, v[3], moments_alloc (v[0]));
  gsl_eigen_symm_workspace *work = scoped (gsl_eigen_symm_alloc (d));
  gsl_vector *before = vector (d), *after = vector (d);
  gsl_eigen_symm (start.covariance, before, work);
  gsl_eigen_symm (end.covariance, after, work);
  gsl_sort_vector (before);
  gsl_sort_vector (after);
  double worst = 0;
  for (size_t k = 0; k < d; k++)
    {
      double low = GSL_MIN (1, gsl_vector_get (before, k)), high = GSL_MAX (1, gsl_vector_get (before, k));
      worst = larger (worst, GSL_MAX (low - gsl_vector_get (after, k), gsl_vector_get (after, k) - high));
    }
  return worst;
}

Test (moments, vp_keeps_eigenvalues_between_themselves_and_one)
{
  property_check ("eigenvalues stay", 6, 100, 5, a_case, eigenvalue_residual, NULL, 1e-14);
}

// So says the SDE itself: where the covariance is $\mathbf I$ its rate is $2f + g^2 = 0$. [scoresde.txt-vp-preserving]

Test (moments, vp_preserves_unit_covariance)
{
  sb_process *vp = scoped (sb_vp_alloc (d, 0.1, 20));
  moments m = moments_alloc (1);
  for (int i = 1; i <= 200; i++)
    {
      const double f = number_of (vp, SB_F, 0, i / 200.0), g = number_of (vp, SB_G, 0, i / 200.0);
      cr_assert_float_eq (2 * f + g * g, 0, 1e-14, "t = %g: 2 f + g^2 = %g", i / 200.0, 2 * f + g * g);
      gsl_matrix_set_identity (m.covariance);
      ok (sb_moments_transition (vp, 0, i / 200.0, m.mean, m.covariance));
      for (size_t j = 0; j < d; j++)
        for (size_t k = 0; k < d; k++)
          cr_assert_float_eq (gsl_matrix_get (m.covariance, j, k), j == k, 1e-15);
    }
}

// $\Sigma_{\text{VP}} - \Sigma_{\text{sub-VP}} = (e^{-B} - e^{-2B})\,\mathbf{I}$ whatever the start, and the means are
// equal. [scoresde.txt-subvp-bounded] [scoresde.txt-subvp-mean]

Test (moments, subvp_stays_below_vp)
{
  sb_process *vp = scoped (sb_vp_alloc (d, 0.1, 20)), *subvp = scoped (sb_subvp_alloc (d, 0.1, 20));
  for (int i = 1; i <= 200; i++)
    {
      double t = i / 200.0, B = 0.5 * t * t * 19.9 + 0.1 * t, gap = exp (-B) - exp (-2 * B);
      moments above = carried (vp, 0, t, moments_alloc (i)), below = carried (subvp, 0, t, moments_alloc (i));
      gsl_matrix_add_diagonal (below.covariance, gap);
      cr_assert_lt (distance (above, below), 1e-14);
    }
}

// From a point, sub-VP's covariance is $(1 - e^{-B})^2\,\mathbf{I}$. [scoresde.eq28]

Test (moments, subvp_from_a_point)
{
  sb_process *subvp = scoped (sb_subvp_alloc (d, 0.1, 20));
  moments m = moments_alloc (1);
  for (int i = 1; i <= 20; i++)
    {
      double t = i / 20.0, B = 0.5 * t * t * 19.9 + 0.1 * t;
      gsl_matrix_set_zero (m.covariance);
      ok (sb_moments_transition (subvp, 0, t, m.mean, m.covariance));
      cr_assert_float_eq (gsl_matrix_get (m.covariance, 2, 2), gsl_pow_2 (1 - exp (-B)), 1e-15);
      cr_assert_eq (gsl_matrix_get (m.covariance, 2, 3), 0);
    }
}

// At the end of the paper's schedule, $B = 10.05$, both are within $2e^{-B}(1 + \lVert\Sigma_0\rVert)$ of $\mathbf{I}$,
// in spectral norm. [scoresde.txt-subvp-limit]

static double
spectral_norm (const gsl_matrix *covariance)
{
  gsl_matrix *copy = copy_of (covariance);
  gsl_eigen_symm_workspace *work = scoped (gsl_eigen_symm_alloc (d));
  gsl_vector *eigenvalues = vector (d);
  gsl_eigen_symm (copy, eigenvalues, work);
  return GSL_MAX (gsl_vector_max (eigenvalues), -gsl_vector_min (eigenvalues));
}

Test (moments, both_end_at_the_prior)
{
  sb_process *processes[] = { scoped (sb_vp_alloc (d, 0.1, 20)), scoped (sb_subvp_alloc (d, 0.1, 20)) };
  for (int p = 0; p < 2; p++)
    {
      for (int seed = 1; seed <= 20; seed++)
        {
          moments m = moments_alloc (seed);
          double bound = 2 * exp (-10.05) * (1 + spectral_norm (m.covariance));
          ok (sb_moments_transition (processes[p], 0, 1, m.mean, m.covariance));
          gsl_matrix_add_diagonal (m.covariance, -1);
          cr_assert_leq (spectral_norm (m.covariance), bound);
        }
    }
}

// Draws, $n = 10^5$, of a mixture with weights (.3, .5, .2), means (-1.5, .3, 2) and deviations (.3, .4, .2), carried
// by the kernel, have the variance that Eq. (26) gives to its own. The sample variance of a law with fourth central
// moment $\mu_4$ has standard error $\sqrt{(\mu_4 - v^2)/n}$, here estimated from the draws; 4.9 of it are a chance of
// $10^{-6}$. [scoresde.eq26]

Test (moments, draws_have_this_variance)
{
  enum
  {
    n = 100000
  };
  const double weight[] = { 0.3, 0.5, 0.2 }, mean[] = { -1.5, 0.3, 2 }, sd[] = { 0.3, 0.4, 0.2 };
  double m_0 = 0, v_0 = 0;
  for (int k = 0; k < 3; k++)
    m_0 += weight[k] * mean[k];
  for (int k = 0; k < 3; k++)
    v_0 += weight[k] * (sd[k] * sd[k] + gsl_pow_2 (mean[k] - m_0));

  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  sb_target *law = scoped (sb_target_mixture_alloc (scope_vector (3, weight), scope_matrix (3, 1, 3, mean),
                                                    matrix_of (3, 1, 0.09, 0.16, 0.04)));
  gsl_matrix *x = matrix (n, 1);
  ok (sb_target_sample (law, (sb_stream){ .seed = 7, .purpose = SB_FOR_DATA }, x));
  ok (sb_process_transition (vp, NULL, vector_all (n, 0.2), normals (n, 1, 7), x));
  const moments m = carried (vp, 0, 0.2, (moments){ vector_of (m_0), matrix_of (1, 1, v_0) });
  m_0 = gsl_vector_get (m.mean, 0);
  v_0 = gsl_matrix_get (m.covariance, 0, 0);
  double squares = 0, fourths = 0;
  for (size_t i = 0; i < n; i++)
    {
      double square = gsl_pow_2 (gsl_matrix_get (x, i, 0) - m_0);
      squares += square / n;
      fourths += square * square / n;
    }
  cr_assert_float_eq (squares, v_0, 4.9 * sqrt ((fourths - squares * squares) / n));
}

// ## Maps that are matrices
//
// $F = \begin{pmatrix}0&1\\0&0\end{pmatrix}$ and $G = \begin{pmatrix}0&0\\1&0\end{pmatrix}$: noise enters the second
// coordinate, and the first is its integral. From a point at 0, $\Sigma(t) =
// \begin{pmatrix}t^3/3&t^2/2\\t^2/2&t\end{pmatrix}$; the kernel has $A = \begin{pmatrix}1&t\\0&1\end{pmatrix}$ and, by
// hand, the root $S = \begin{pmatrix}\sqrt{t^3/12}&t^{3/2}/2\\0&\sqrt{t}\end{pmatrix}$. A transposition in the wrong
// place shows. [scoresde.txt-affine-gaussian]

static int
integrator_apply (const void *state, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
                  const gsl_vector *t, gsl_matrix *x)
{
  (void)state;
  for (size_t i = 0; i < x->size1; i++)
    {
      double h = gsl_vector_get (t, i) - (s ? gsl_vector_get (s, i) : 0), root = sqrt (h);
      double entries[][4] = { [SB_A] = { 1, h, 0, 1 },
                              [SB_S] = { h * root / sqrt (12), h * root / 2, 0, root },
                              [SB_F] = { 0, 1, 0, 0 },
                              [SB_G] = { 0, 0, 1, 0 } };
      double *m = entries[map], p = gsl_matrix_get (x, i, 0), q = gsl_matrix_get (x, i, 1);
      double above = transpose == CblasNoTrans ? m[1] : m[2], below = transpose == CblasNoTrans ? m[2] : m[1];
      gsl_matrix_set (x, i, 0, m[0] * p + above * q);
      gsl_matrix_set (x, i, 1, below * p + m[3] * q);
    }
  return GSL_SUCCESS;
}

static const sb_process_type integrator = { .name = "integrator", .apply = integrator_apply };

static void
assert_moments (const double *mean, const double *covariance, double t, double tolerance)
{
  // from the point (1, 2), with variances 0.5 and 0.25 and covariance 0.1 on the way in
  double expected[] = { 0.5 + 2 * t * 0.1 + t * t * 0.25 + t * t * t / 3, 0.1 + t * 0.25 + t * t / 2, 0.25 + t };
  cr_assert_float_eq (mean[0], 1 + 2 * t, tolerance);
  cr_assert_float_eq (mean[1], 2, tolerance);
  cr_assert_float_eq (covariance[0], expected[0], tolerance);
  cr_assert_float_eq (covariance[1], expected[1], tolerance);
  cr_assert_float_eq (covariance[2], expected[1], tolerance);
  cr_assert_float_eq (covariance[3], expected[2], tolerance);
}

Test (moments, maps_may_be_matrices)
{
  sb_process *process = scoped (sb_process_alloc (&integrator, NULL, 2, 0, 1, 0));
  for (int route = 0; route < 2; route++)
    {
      double t = 0.8;
      gsl_vector *mean = vector_of (1, 2);
      gsl_matrix *covariance = matrix_of (2, 2, 0.5, 0.1, 0.1, 0.25);
      ok (route ? sb_moments_solve (process, 0, t, 3, mean, covariance)
                : sb_moments_transition (process, 0, t, mean, covariance));
      assert_moments (mean->data, covariance->data, t, route ? 1e-11 : 1e-14);
    }
}

// A mean that is every second entry of an array, and a covariance inside a larger matrix.

Test (moments, strides_are_respected)
{
  sb_process *process = scoped (sb_process_alloc (&integrator, NULL, 2, 0, 1, 0));
  for (int route = 0; route < 2; route++)
    {
      double mean_data[] = { 1, 77, 2, 77 }, t = 0.8;
      gsl_matrix *wide = matrix_of (2, 3, 0.5, 0.1, 77, 0.1, 0.25, 77);
      gsl_vector_view mean = gsl_vector_view_array_with_stride (mean_data, 2, 2);
      gsl_matrix_view covariance = gsl_matrix_submatrix (wide, 0, 0, 2, 2);
      ok (route ? sb_moments_solve (process, 0, t, 3, &mean.vector, &covariance.matrix)
                : sb_moments_transition (process, 0, t, &mean.vector, &covariance.matrix));
      double mean_found[] = { mean_data[0], mean_data[2] };
      double found[] = { wide->data[0], wide->data[1], wide->data[3], wide->data[4] };
      assert_moments (mean_found, found, t, 1e-11);
      cr_assert (mean_data[1] == 77 && mean_data[3] == 77 && wide->data[2] == 77 && wide->data[5] == 77);
    }
}

// ## Bad input

Test (moments, refuses_what_does_not_fit)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20)), *ddpm = scoped (sb_ddpm_alloc (2, 10, 0.1, 2));
  gsl_vector *mean = vector_all (2, 0), *three = vector_all (3, 0);
  gsl_matrix *covariance = matrix_all (2, 2, 0), *tall = matrix_all (3, 2, 0);
  refused (GSL_EBADLEN, sb_moments_transition (vp, 0, 1, three, covariance));
  refused (GSL_EBADLEN, sb_moments_transition (vp, 0, 1, mean, tall));
  refused (GSL_EBADLEN, sb_moments_transition (vp, 0, 1, mean, matrix_all (2, 3, 0)));
  refused (GSL_EDOM, sb_moments_transition (vp, 0.5, 0.4, mean, covariance));
  refused (GSL_EBADLEN, sb_moments_solve (vp, 0.1, 1, 10, three, covariance));
  refused (GSL_EBADLEN, sb_moments_solve (vp, 0.1, 1, 10, mean, tall));
  refused (GSL_EINVAL, sb_moments_solve (vp, 0.1, 1, 0, mean, covariance));
  refused (GSL_EDOM, sb_moments_solve (vp, 0.5, 0.4, 10, mean, covariance));
  refused (GSL_EDOM, sb_moments_solve (vp, 0.5, 1.5, 10, mean, covariance));
  refused (GSL_EDOM, sb_moments_solve (vp, GSL_NAN, 1, 10, mean, covariance));
  refused (GSL_EUNSUP, sb_moments_solve (ddpm, 0.1, 1, 10, mean, covariance));

  // no time passes: nothing happens, and both ends of the interval are allowed
  gsl_vector_set_all (mean, 3);
  ok (sb_moments_solve (vp, 0.5, 0.5, 10, mean, covariance));
  cr_assert_eq (gsl_vector_get (mean, 0), 3);
  ok (sb_moments_solve (vp, vp->t_min, 1, 10, mean, covariance));
}

// An SDE is not solved below $\epsilon$; and where a caller lowers $\epsilon$ to 0, VE still has no SDE there. A
// solution from $\epsilon$ on must start from $p_\epsilon$: it gathers $\sigma^2(1) - \sigma^2(\epsilon)$, and not
// $\sigma^2(1)$. [scoresde.txt-t0-jump] [scoresde.eq31]

Test (moments, sde_is_solved_from_epsilon_on)
{
  sb_process *ve = scoped (sb_ve_alloc (1, 0.01, 20));
  gsl_vector *mean = vector_of (1);
  gsl_matrix *covariance = matrix_of (1, 1, 0);
  refused (GSL_EDOM, sb_moments_solve (ve, 0, 1, 10, mean, covariance));
  refused (GSL_EDOM, sb_moments_solve (ve, 0.5e-5, 1, 10, mean, covariance));
  ok (sb_moments_solve (ve, ve->t_min, 0.1, 50, mean, covariance));
  cr_assert_float_eq (covariance->data[0] / (1e-4 * (pow (2000, 0.2) - pow (2000, 2e-5))), 1, 1e-11);
  cr_assert_eq (mean->data[0], 1);
  ve->t_min = 0;
  refused (GSL_EDOM, sb_moments_solve (ve, 0, 1, 10, mean, covariance));
}
