// # What must be true of Gaussians alike in all directions
//
// Densities integrate to 1, divergences are their integrals, and the moments of the example of the report's Appendix
// A.4 ($t = 3$ of the chain with $\beta = .1, .3, .2, .5$) give its number.

#include "chain.h"
#include "transition/isotropic.h"
#include "process/kinds.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>

SUITE (isotropic);

typedef struct
{
  double m_1, v_1, m_2, v_2;
} pair;

static double
density (double x, void *context)
{
  const pair *p = context;
  return exp (sb_isotropic_log_density (1, gsl_pow_2 (x - p->m_1), p->v_1));
}

static double
log_ratio (double x, void *context)
{
  const pair *p = context;
  double log_1 = log (gsl_ran_gaussian_pdf (x - p->m_1, sqrt (p->v_1)));
  double log_2 = -0.5 * gsl_pow_2 (x - p->m_2) / p->v_2 - 0.5 * log (2 * M_PI * p->v_2);
  return exp (log_1) * (log_1 - log_2);
}

static double
by_quadrature (double (*f) (double, void *), pair p)
{
  double sd = sqrt (p.v_1);
  return chain_integral (f, &p, p.m_1 - 12 * sd, p.m_1 + 12 * sd);
}

static const property_parameter two_gaussians[] = { { "m_1", PROPERTY_UNIFORM, -2, 2, 0 },
                                                    { "v_1", PROPERTY_LOG, 1e-3, 10, 1 },
                                                    { "m_2", PROPERTY_UNIFORM, -2, 2, 0 },
                                                    { "v_2", PROPERTY_LOG, 1e-3, 10, 1 } };

static double
density_residual (const double *v, void *context)
{
  (void)context;
  pair p = { v[0], v[1], v[2], v[3] };
  return fabs (by_quadrature (density, p) - 1);
}

Test (isotropic, density_integrates_to_1)
{
  property_check ("a density integrates to 1", 1, 50, 4, two_gaussians, density_residual, NULL, 1e-12);
}

// In $d$ dimensions with all coordinates alike, $d$ times the number of one. [dsm2ddpm.txt-VLB-KL]

static double
kl_residual (const double *v, void *context)
{
  (void)context;
  pair p = { v[0], v[1], v[2], v[3] };
  double kl = sb_isotropic_kl (3, 3 * gsl_pow_2 (p.m_1 - p.m_2), p.v_1, p.v_2);
  return fabs (kl / (3 * by_quadrature (log_ratio, p)) - 1);
}

Test (isotropic, divergence_is_its_integral)
{
  property_check ("KL is its integral", 2, 50, 4, two_gaussians, kl_residual, NULL, 1e-9);
}

Test (isotropic, density_in_three_dimensions)
{
  double log_p = sb_isotropic_log_density (3, 0.25 + 1 + 4, 0.7), sd = sqrt (0.7);
  double product = gsl_ran_gaussian_pdf (0.5, sd) * gsl_ran_gaussian_pdf (1, sd) * gsl_ran_gaussian_pdf (2, sd);
  cr_assert_float_eq (log_p, log (product), 1e-13);
}

// Variances that differ by $\delta$: the divergence is $\frac d4\delta^2(1 - \frac23\delta + \ldots)$ with
// $\delta = v_1/v_2 - 1$, of which a difference of logarithms would keep nothing below $10^{-8}$.

Test (isotropic, divergence_of_nearly_equal_variances)
{
  for (double delta = 1e-3; delta > 1e-12; delta /= 10)
    {
      double v_1 = 1 + delta, exact = v_1 - 1;
      cr_assert_float_eq (sb_isotropic_kl (2, 0, v_1, 1) / (0.5 * exact * exact * (1 - 2 * exact / 3)), 1, 1e-6);
    }
}

// ## The example
//
// $x_0 = 0.8$, $x_3 = -0.3$, $\varepsilon_\theta = 0.37$. By quadrature the divergence is 0.8674583541, as it is with
// $2\tilde\beta_t$ below; the printed $2\tilde\beta_t^2$ gives 5.814315. [dsm2ddpm.txt-VLB-KL] [dsm2ddpm.txt-VLB-eps]

typedef struct
{
  double tilde_mu, mu_theta, tilde_beta, epsilon;
} example;

static example
example_at_3 (void)
{
  chain c;
  chain_small (&c);
  double bar = (double)c.alpha_bar[3], x_0 = 0.8, x_t = -0.3, theta = 0.37;
  example e = { .epsilon = (x_t - sqrt (bar) * x_0) / sqrt (1 - bar),
                .tilde_beta = 0.2 * (1 - (double)c.alpha_bar[2]) / (1 - bar) };
  e.tilde_mu = (x_t - 0.2 / sqrt (1 - bar) * e.epsilon) / sqrt (0.8);
  e.mu_theta = (x_t - 0.2 / sqrt (1 - bar) * theta) / sqrt (0.8);
  return e;
}

Test (isotropic, erratum_vlb_kl_exponent)
{
  example e = example_at_3 ();
  double squared = gsl_pow_2 (e.tilde_mu - e.mu_theta);
  double truth = by_quadrature (log_ratio, (pair){ e.tilde_mu, e.tilde_beta, e.mu_theta, e.tilde_beta });
  cr_assert_float_eq (truth, 0.8674583541, 1e-9);
  cr_assert_float_eq (sb_isotropic_kl (1, squared, e.tilde_beta, e.tilde_beta), truth, 1e-9);
  cr_assert_float_eq (squared / (2 * e.tilde_beta * e.tilde_beta), 5.814315, 1e-6, "as printed");
}

// ## The edges

Test (isotropic, point_masses)
{
  cr_assert_eq (sb_isotropic_kl (2, 0, 0, 0), 0);
  cr_assert_eq (sb_isotropic_kl (2, 1, 0, 0), GSL_POSINF);
  cr_assert_eq (sb_isotropic_kl (2, 0, 1, 0), GSL_POSINF);
  cr_assert_eq (sb_isotropic_kl (2, 0, 0, 1), GSL_POSINF);
  cr_assert (gsl_isnan (sb_isotropic_kl (2, 0, -1, 1)));
  cr_assert (gsl_isnan (sb_isotropic_kl (2, 0, 1, -1)));
  cr_assert (gsl_isnan (sb_isotropic_kl (2, 0, GSL_NAN, 1)));
  cr_assert (gsl_isnan (sb_isotropic_log_density (2, 0, 0)));
  cr_assert (gsl_isnan (sb_isotropic_log_density (2, GSL_NAN, 1)));
}

// ## A batch without rows
//
// Its sums are none, also where the process has a basis.

Test (isotropic, no_rows)
{
  const char *const processes[] = { "vp", "soft image=1x2x2 half=2 knots=0.01,0.8 boundary=symmetric" };
  for (size_t k = 0; k < 2; k++)
    {
      const sb_process *process = scoped (sb_process_from_text (processes[k], 4, NULL));
      cr_assert_eq (process->basis != NULL, k == 1);
      gsl_matrix *delta = matrix (0, 4), *v = matrix (0, process->parts);
      ok (sb_parts_log_density (process, delta, v, vector (0)), "%s", processes[k]);
      ok (sb_parts_kl (process, delta, v, v, vector (0)), "%s", processes[k]);
    }
}
