// # Soft Diffusion's kernels, and those of the processes it starts from

#include "process/ddpm.h"
#include "process/smld.h"
#include "process/soft.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "sampler/forward.h"
#include "scope.h"
#include "soft_laws.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (soft_kernels);

// ## VE, and its pair
//
// [soft.txt-vekernel] With $C_t = \mathbf I$ a corruption is VE's kernel, bit for bit: $\mathcal N(\mathbf x_0,
// \sigma_t^2\mathbf I)$. At $\sigma_1 = 50$ data of variance .25 are Gaussian to within $10^{-6}$ nats.

Test (soft_kernels, ve)
{
  const size_t n = 100000;
  const sb_process *ve = scoped (sb_ve_alloc (2, .01, 50)), *pair = scoped (sb_soft_pair_alloc (ve));
  gsl_matrix *x = matrix_all (n, 2, .3), *same = copy_of (x);
  const gsl_matrix *z = normals (n, 2, 80);
  const gsl_vector *t = vector_all (n, .6);
  ok (sb_process_transition (ve, NULL, t, z, x));
  ok (sb_process_transition (pair, NULL, t, z, same));
  cr_assert_eq (memcmp (x->data, same->data, 2 * n * sizeof (double)), 0);
  double square = 0;
  const double sigma_2 = gsl_pow_2 (.01 * pow (5000, .6));
  for (size_t i = 0; i < n; i++)
    square += gsl_pow_2 (gsl_matrix_get (x, i, 1) - .3);
  cr_assert_float_eq (square / (double)n / sigma_2, 1, 4.89 * sqrt (2. / (double)n));
  for (double s = .01; s <= 1; s += .11)
    {
      const double v = gsl_pow_2 (.01 * pow (5000, s));
      double c[2], sd[2];
      ok (sb_process_numbers (pair, SB_A, 0, s, c));
      ok (sb_process_numbers (pair, SB_S, 0, s, sd));
      for (int k = 0; k < 2; k++)
        {
          cr_assert_eq (c[k], 1);
          cr_assert_float_eq (sd[k] * sd[k], v, 1e-12 * v);
        }
    }
  const double P = .25, ratio = P / gsl_pow_2 (number_of (ve, SB_S, 0, 1));
  cr_assert_lt ((ratio - log1p (ratio)) / 2, 1e-6);
}

// [soft.txt-vesde] $f = 0$, and $g^2 = d\sigma_t^2/dt$ integrates to $\sigma_t^2$ less what there was, for the
// geometric scale and for the noise of two stages, whose $g$ is that of Eq. 13.

static double
variance_gained (const sb_process *process, double from, double to)
{
  const int panels = 1000;
  const double h = (to - from) / panels;
  double sum = 0;
  for (int k = 0; k <= 2 * panels; k++)
    {
      const double t = from + h / 2 * k, g_2 = process->from_zero_only ? 2 * number_of (process, SB_S, 0, t)
                                                                             * number_of (process, SB_S_RATE, 0, t)
                                                                       : gsl_pow_2 (number_of (process, SB_G, 0, t));
      sum += h / 6 * (k == 0 || k == 2 * panels ? 1 : k % 2 ? 4 : 2) * g_2;
    }
  return sum;
}

Test (soft_kernels, ve_gathers_its_variance)
{
  const sb_process *ve = scoped (sb_ve_alloc (1, .01, 50));
  const sb_soft_stages stages = { .sigma_min = .01, .sigma_max = .1, .noise = .2, .levels = vector_of (.01, 1, 23) };
  const sb_process *two = scoped (sb_soft_stages_alloc (sb_operator_multiple_alloc (1), &stages));
  const sb_process *const of[] = { ve, two };
  const double from[] = { 1e-3, 1e-3, .2 }, to[] = { 1, .2, 1 };
  for (size_t k = 0; k < 3; k++)
    {
      const sb_process *process = of[k > 0];
      const double gained
          = gsl_pow_2 (number_of (process, SB_S, 0, to[k])) - gsl_pow_2 (number_of (process, SB_S, 0, from[k]));
      cr_assert_float_eq (variance_gained (process, from[k] + (k == 2 ? 1e-12 : 0), to[k]), gained,
                          1e-9 * gained + 1e-15);
      cr_assert (process != ve || number_of (ve, SB_F, 0, to[k]) == 0);
    }
}

// ## VP and sub-VP
//
// [soft.txt-vpsde] $m' = f m$ and $V' = 2fV + g^2$ with $f = -\beta_t/2$, $g^2 = \beta_t$, or $\beta_t(1 -
// \bar\alpha_t^2)$, lead to $m = \sqrt{\bar\alpha_t}$ and $V = 1 - \bar\alpha_t$, or its square.

static int
slopes (double t, const double m_V[], double slope[], void *process)
{
  const double f = number_of (process, SB_F, 0, t), g = number_of (process, SB_G, 0, t);
  slope[0] = f * m_V[0];
  slope[1] = 2 * f * m_V[1] + g * g;
  return GSL_SUCCESS;
}

Test (soft_kernels, vp_and_subvp)
{
  const sb_process *const of[] = { scoped (sb_vp_alloc (1, .1, 20)), scoped (sb_subvp_alloc (1, .1, 20)) };
  for (size_t k = 0; k < 2; k++)
    {
      const double e = 1e-3;
      double end[2] = { number_of (of[k], SB_A, 0, e), gsl_pow_2 (number_of (of[k], SB_S, 0, e)) };
      soft_solve (slopes, 2, of[k], e, 1, end);
      const double alpha_bar = exp (-.1 - 19.9 / 2), V = k ? gsl_pow_2 (1 - alpha_bar) : 1 - alpha_bar;
      cr_assert_float_eq (end[0], sqrt (alpha_bar), 1e-9);
      cr_assert_float_eq (end[1], V, 1e-9);
      const double beta = .1 + 19.9 * .3, at = exp (-2 * (.1 * .3 + 19.9 * .09 / 2));
      cr_assert_float_eq (number_of (of[k], SB_F, 0, .3), -beta / 2, 1e-12);
      cr_assert_float_eq (gsl_pow_2 (number_of (of[k], SB_G, 0, .3)), beta * (k ? 1 - at : 1), 1e-11);
    }
}

// [soft.txt-specialcases] The three as pairs $(C_t, \sigma_t)$, at 100 times. But the SDE which Eq. 13 gives to VP's
// pair is not VP's: $g^2 = d(1 - \bar\alpha_t)/dt = \beta_t\bar\alpha_t$, which is 2.40574 at $t = .3$ where
// $\beta_t$ is 6.07.

Test (soft_kernels, erratum_specialcases_are_pairs_only)
{
  const sb_process *const of[]
      = { scoped (sb_ve_alloc (1, .01, 50)), scoped (sb_vp_alloc (1, .1, 20)), scoped (sb_subvp_alloc (1, .1, 20)) };
  for (size_t k = 0; k < 3; k++)
    {
      const sb_process *pair = scoped (sb_soft_pair_alloc (of[k]));
      for (int i = 1; i <= 100; i++)
        {
          const double t = i / 100., beta = .1 + 19.9 * t, alpha_bar = exp (-.1 * t - 19.9 * t * t / 2),
                       c = k ? sqrt (alpha_bar) : 1,
                       v = k == 0   ? 1e-4 * pow (5000, 2 * t)
                           : k == 1 ? 1 - alpha_bar
                                    : gsl_pow_2 (1 - alpha_bar),
                       c_rate = k ? -beta / 2 * c : 0,
                       v_rate = k == 0   ? 2 * log (5000) * v
                                : k == 1 ? beta * alpha_bar
                                         : 2 * (1 - alpha_bar) * beta * alpha_bar;
          cr_assert_float_eq (number_of (pair, SB_A, 0, t), c, 1e-12);
          cr_assert_float_eq (gsl_pow_2 (number_of (pair, SB_S, 0, t)), v, 1e-12 * (1 + v));
          cr_assert_float_eq (number_of (pair, SB_A_RATE, 0, t), c_rate, 1e-11);
          cr_assert_float_eq (2 * number_of (pair, SB_S, 0, t) * number_of (pair, SB_S_RATE, 0, t), v_rate,
                              1e-11 * (1 + v_rate));
        }
      const double g_2 = 2 * number_of (pair, SB_S, 0, .3) * number_of (pair, SB_S_RATE, 0, .3),
                   own = gsl_pow_2 (number_of (of[k], SB_G, 0, .3));
      if (k == 0)
        cr_assert_float_eq (g_2, own, 1e-9 * own);
      if (k == 1)
        {
          cr_assert_float_eq (g_2, 2.40574, 1e-5);
          cr_assert_float_eq (own, 6.07, 1e-12);
        }
    }
}

// [soft.txt-ddpmkernel] A thousand kernels of DDPM's chain compose to $\mathcal N(\sqrt{\bar\alpha}\,\mathbf x_0, (1
// - \bar\alpha)\mathbf I)$, which from Ho et al.'s betas still has a mean, $.00635\,\mathbf x_0$. "Typically $\beta_1
// = 1$" holds of no schedule in use: with it nothing would be left, and it is refused.

Test (soft_kernels, ddpm)
{
  const size_t N = 1000;
  const sb_process *ddpm = scoped (sb_ddpm_alloc (1, N, .1, 20));
  double m = 1, V = 0;
  for (size_t i = 1; i <= N; i++)
    {
      const double s = (double)(i - 1) / (double)N, t = (double)i / (double)N, a = number_of (ddpm, SB_A, s, t);
      const double beta = 1e-4 + (double)(i - 1) / (double)(N - 1) * (.02 - 1e-4);
      cr_assert_float_eq (a, sqrt (1 - beta), 1e-14);
      m *= a;
      V = a * a * V + gsl_pow_2 (number_of (ddpm, SB_S, s, t));
    }
  cr_assert_float_eq (m, number_of (ddpm, SB_A, 0, 1), 1e-12);
  cr_assert_float_eq (V, gsl_pow_2 (number_of (ddpm, SB_S, 0, 1)), 1e-12);
  cr_assert_float_eq (V, 1 - m * m, 1e-12);
  cr_assert_float_eq (m, .00635, 1e-5);
  cr_assert_null (sb_ddpm_betas_alloc (1, vector_of (1e-4, 1)));
}

// [soft.eq2] A step of Euler and Maruyama's method is $(1 + fh)\,x + g\sqrt h\,z$; the variance of many is off by a
// multiple of $h$.

Test (soft_kernels, euler_and_maruyama)
{
  const sb_process *ou = scoped (sb_vp_alloc (1, 3, 3 + 1e-12));
  double error[4];
  for (int k = 0; k < 4; k++)
    {
      const int steps = 100 << k;
      const double h = .8 / steps, f = -1.5, g = sqrt (3);
      double V = .2;
      for (int i = 0; i < steps; i++)
        {
          gsl_matrix *x = matrix_of (3, 1, 1, 0, 1), *z = matrix_of (3, 1, 0, 1, 1);
          const double s = .1 + h * i;
          const size_t mark = scope_mark ();
          ok (sb_forward_euler_maruyama (ou, s, s + h, z, x));
          const double a = gsl_matrix_get (x, 0, 0), b = gsl_matrix_get (x, 1, 0);
          cr_assert_float_eq (a, 1 + f * h, 1e-13);
          cr_assert_float_eq (b, g * sqrt (h), 1e-13);
          cr_assert_float_eq (gsl_matrix_get (x, 2, 0), a + b, 1e-14);
          V = a * a * V + b * b;
          scope_release (mark);
        }
      error[k] = V - (1 - .8 * exp (-2.4));
    }
  for (int k = 1; k < 4; k++)
    cr_assert_float_eq (error[k - 1] / error[k], 2, .1, "%g", error[k - 1] / error[k]);
}

// In Itô's sense: where $f$ and $g$ change, a step has those of its beginning. [soft.eq2]

Test (soft_kernels, a_step_has_the_coefficients_of_its_beginning)
{
  const sb_process *const of[] = { scoped (sb_vp_alloc (1, .1, 20)), scoped (sb_ve_alloc (1, .01, 50)) };
  for (size_t k = 0; k < 2; k++)
    for (double s = .1; s < .8; s += .2)
      {
        const double h = .15, beta = .1 + 19.9 * s, f = k ? 0 : -beta / 2,
                     g = k ? .01 * pow (5000, s) * sqrt (2 * log (5000)) : sqrt (beta);
        gsl_matrix *x = matrix_of (2, 1, 1, .7);
        ok (sb_forward_euler_maruyama (of[k], s, s + h, matrix_of (2, 1, 0, -1.2), x));
        cr_assert_float_eq (gsl_matrix_get (x, 0, 0), 1 + f * h, 1e-13);
        cr_assert_float_eq (gsl_matrix_get (x, 1, 0), .7 * (1 + f * h) - 1.2 * g * sqrt (h), 1e-12 * (1 + g));
      }
}

// ## Corruptions
//
// [soft.eq4] $\operatorname{Cov}\mathbf x_t = C\Gamma C^\top + \sigma^2\mathbf I$ for data of covariance $\Gamma$,
// each of its ten entries within 5.33 standard errors; given $\mathbf x_0$ it is $\sigma^2\mathbf I$, not
// $\sigma^2CC^\top$: the noise comes after the operator. [soft.txt-noiseop]

static void
check_covariance (const gsl_matrix *x, const gsl_matrix *wanted, double bound)
{
  const double n = (double)x->size1;
  gsl_vector *mean = vector_all (4, 0);
  gsl_matrix *S = matrix_all (4, 4, 0), *centred = copy_of (x);
  for (size_t i = 0; i < x->size1; i++)
    {
      const gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
      gsl_blas_daxpy (1 / n, &x_i.vector, mean);
    }
  for (size_t i = 0; i < x->size1; i++)
    {
      gsl_vector_view x_i = gsl_matrix_row (centred, i);
      gsl_vector_sub (&x_i.vector, mean);
      gsl_blas_dsyr (CblasLower, 1 / n, &x_i.vector, S);
    }
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j <= i; j++)
      {
        const double c = gsl_matrix_get (wanted, i, j),
                     error = sqrt ((gsl_matrix_get (wanted, i, i) * gsl_matrix_get (wanted, j, j) + c * c) / n);
        cr_assert_float_eq (gsl_matrix_get (S, i, j), c, bound * error, "%zu, %zu: %g, not %g", i, j,
                            gsl_matrix_get (S, i, j), c);
      }
}

Test (soft_kernels, covariances)
{
  const size_t n = 100000;
  for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
    {
      const sb_process *process = soft_four (kind);
      const gsl_vector *half = vector_all (n, .5), *four = vector_all (4, .5);
      gsl_matrix *L = normals (4, 4, 81), *C = matrix (4, 4), *x = normals (n, 4, 82), *CL = matrix (4, 4),
                 *S = matrix (4, 4);
      const gsl_matrix *u = copy_of (x), *z = normals (n, 4, 83);
      gsl_matrix_set_identity (C);
      ok (sb_process_apply (process, SB_A, CblasTrans, NULL, four, C)); // rows: C
      gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, C, L, 0, CL);
      gsl_matrix_set_identity (S);
      gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, CL, CL, .09, S);
      gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, u, L, 0, x);
      ok (sb_process_transition (process, NULL, half, z, x));
      check_covariance (x, S, 5.33);

      gsl_matrix_set_all (x, 1);
      ok (sb_process_transition (process, NULL, half, z, x));
      gsl_matrix_set_identity (S);
      gsl_matrix_scale (S, .09);
      check_covariance (x, S, 5.33);
      for (size_t j = 0; j < 4; j++)
        {
          double mean = 0, wanted = 0;
          for (size_t i = 0; i < n; i++)
            mean += gsl_matrix_get (x, i, j) / (double)n;
          for (size_t i = 0; i < 4; i++)
            wanted += gsl_matrix_get (C, j, i);
          cr_assert_float_eq (mean, wanted, 5.15 * .3 / sqrt ((double)n), "%s", soft_kind_name[kind]);
        }
    }
}

// The paper calls $\boldsymbol\eta_t$ of $C_t\mathbf x_0 + s_t\boldsymbol\eta_t$ a Wiener process, and $\sigma_t^2$
// the variance: with one the variance would be $s_t^2t$. Of the process that gathers $d\sigma_t^2$, which is that of
// Eq. 13 for one image, it is $\sigma_t^2$. [soft.eq4]

Test (soft_kernels, erratum_eq4_is_no_wiener_process)
{
  const sb_process *process = soft_of (&soft_smooth, 1);
  for (double t = .1; t < .95; t += .2)
    {
      const double v = gsl_pow_2 (number_of (process, SB_S, 0, t)), gathered = .02 + variance_gained (process, 1e-9, t);
      cr_assert_float_eq (gathered, v, 1e-8);
      cr_assert_gt (gathered - v * t, .01 * v);
    }
}

// [soft.txt-assumptions] $C_0 = \mathbf I$, noise that does not fall, and data that get harder to find: a Gaussian's
// posterior variance $P\sigma^2/(c^2P + \sigma^2)$ grows just where $c/\sigma$ falls. Two stages pass. A blur of .01
// pixels is the identity to the bit.

// By the slope k of the estimate: P (1 - k c).

static double
posterior_variance (const sb_process *process, double t)
{
  gsl_matrix *h = matrix (2, 1);
  ok (sb_target_evaluate (soft_g1_law (), process, SB_DENOISER, matrix_of (2, 1, 0, 1), vector_all (2, t), h));
  return soft_g1_P * (1 - (h->data[1] - h->data[0]) * number_of (process, SB_A, 0, t));
}

Test (soft_kernels, assumptions)
{
  sb_error error;
  const sb_soft_stages stages = { .sigma_min = .01, .sigma_max = .1, .noise = .2, .levels = vector_of (.01, .2, 1, 5) };
  const sb_process *blur
      = scoped (sb_soft_stages_alloc (sb_operator_blur_alloc (8, 8, 1, 20, SB_BOUNDARY_SYMMETRIC), &stages));
  sb_soft_stages from_0 = stages;
  from_0.levels = vector_of (0, .2, 1, 5);
  const sb_process *heat
      = scoped (sb_soft_stages_alloc (sb_operator_blur_alloc (8, 8, 1, 0, SB_BOUNDARY_PERIODIC), &from_0));
  ok (sb_soft_check (blur, 50, &error));
  ok (sb_soft_check (heat, 50, &error));
  ok (sb_soft_check (soft_of (&soft_gmm1, 1), 50, &error));

  const sb_process *falls = soft_of (&soft_gmm1, 1),
                   *rises = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), .2, 1, .1, .2));
  for (double t = .1; t < .95; t += .1)
    {
      cr_assert_gt (posterior_variance (falls, t + .09), posterior_variance (falls, t));
      cr_assert_lt (posterior_variance (rises, t + .09), posterior_variance (rises, t));
    }
  gsl_matrix *x = normals (3, 64, 84);
  const gsl_matrix *same = copy_of (x);
  ok (sb_process_apply (blur, SB_A, CblasNoTrans, NULL, vector_all (3, .1), x));
  cr_assert_lt (largest_difference (x, same), 1e-14);
  const sb_operator *zero = scoped (sb_operator_blur_alloc (8, 8, 1, 20, SB_BOUNDARY_ZERO));
  ok (sb_operator_apply (zero, CblasNoTrans, vector_all (3, .01), same, x));
  cr_assert_eq (largest_difference (x, same), 0);
}
