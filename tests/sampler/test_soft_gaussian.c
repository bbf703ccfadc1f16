// # Soft Diffusion's samplers on data of which all is known
//
// On Gaussian data $\mathcal N(0, P)$ the posterior mean is $\hat x_0 = kx$ with $k = cP/S$, $S = c^2P + \sigma^2$,
// and a step takes the variance $V$ to $A^2V + b^2$, $A = c'k + a(1 - ck)$. Both are read off the library's step at
// $(x, \eta) = (1, 0)$ and $(0, 1)$: no Monte Carlo. [soft.txt-gaussrecursion]

#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "sampler/pc.h"
#include "scope.h"
#include "score/exact.h"
#include "soft_laws.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (soft_gaussian);

static const double KS = 2.70; // over sqrt(n): false alarm 9.3e-7

// The end of a grid at t = 0+, where the noise is still sigma_min.
static const double last = 1e-13;

typedef enum
{
  NAIVE,
  MOMENTUM,
  FLOW,
  DDIM,
  ANCESTRAL,
  METHODS
} method;

static const sb_step_type *
step_of (method m)
{
  const sb_step_type *const of[METHODS]
      = { sb_step_naive, sb_step_momentum, sb_step_momentum_flow, sb_step_soft_ddim, sb_step_soft_ancestral };
  return of[m];
}

// A step's two numbers. Memory of a chain's length would add up: each is released.

typedef struct
{
  double A, b;
} linear_step;

static linear_step
probe (const sb_step_type *type, const sb_score *score, double s, double t)
{
  const size_t mark = scope_mark ();
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 2));
  gsl_matrix *x = matrix_of (2, 1, 1, 0);
  ok (sb_step_apply (type, NULL, work, NULL, vector_all (2, s), vector_all (2, t), matrix_of (2, 1, 0, 1), x));
  const linear_step found = { gsl_matrix_get (x, 0, 0), gsl_matrix_get (x, 1, 0) };
  scope_release (mark);
  return found;
}

static const sb_score *
gaussian (double P, const sb_process *process)
{
  return scoped (
      sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_of (0), matrix_of (1, 1, P))), process));
}

// From S at t = 1 in N even steps; its error at the end. second: every other step is this one.

static double
final_error (const sb_step_type *type, const sb_step_type *second, const sb_process *process, double P, size_t N)
{
  const sb_score *score = gaussian (P, process);
  double V = soft_variance (process, P, 1);
  for (size_t k = N; k > 0; k--)
    {
      const linear_step n = probe (second && (N - k) % 2 ? second : type, score,
                                   k > 1 ? (double)(k - 1) / (double)N : last, (double)k / (double)N);
      V = n.A * n.A * V + n.b * n.b;
    }
  return V - soft_variance (process, P, last);
}

// ## One step
//
// From $V = S$ the error $V' - S'$ of each, with $\Delta = \sigma^2 - \sigma'^2$, for 2000 random $(P, c, c', \sigma,
// \sigma')$ with $c' \ge c$ and $\sigma' \le \sigma$. [soft.eq15] [soft.eq50] [soft.eq52] [soft.alg1]

typedef struct
{
  double c, c_s, sigma, sigma_s;
} two_levels;

static int
two_levels_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  const two_levels *of = params;
  *level = rate ? 0 : t > .5 ? of->c : of->c_s;
  *sigma = rate ? 0 : t > .5 ? of->sigma : of->sigma_s;
  return GSL_SUCCESS;
}

static const property_parameter tuple[] = { { "P", PROPERTY_LOG, .01, 10, 1 },
                                            { "c", PROPERTY_UNIFORM, .01, 1, .5 },
                                            { "(c' - c)/(1 - c)", PROPERTY_UNIFORM, 0, 1, 0 },
                                            { "sigma", PROPERTY_LOG, .01, 2, 1 },
                                            { "sigma'/sigma", PROPERTY_UNIFORM, .05, 1, 1 } };

static double
residual (const double *v, void *context)
{
  const method *m = context;
  const double P = v[0], c = v[1], c_s = c + (1 - c) * v[2], sigma = v[3], sigma_s = sigma * v[4];
  const double S = c * c * P + sigma * sigma, S_s = c_s * c_s * P + sigma_s * sigma_s,
               D = sigma * sigma - sigma_s * sigma_s, signal = (c_s - c) * c * P, lost = gsl_pow_2 (c_s - c) * P,
               of_momentum = gsl_pow_2 (signal - D) / S - lost;
  const double error[METHODS] = { [NAIVE] = -c_s * c_s * P * sigma * sigma / S,
                                  [MOMENTUM] = of_momentum,
                                  [FLOW] = gsl_pow_2 (signal - D / 2) / S - lost,
                                  [DDIM] = -P * gsl_pow_2 (c_s * sigma - c * sigma_s) / S,
                                  [ANCESTRAL] = of_momentum - D * D / (sigma * sigma) };
  two_levels of = { c, c_s, sigma, sigma_s };
  const sb_soft_schedule schedule = { .at = two_levels_at };
  const sb_process *process = scoped (sb_soft_alloc (sb_operator_multiple_alloc (1), &schedule, &of));
  const linear_step n = probe (step_of (*m), gaussian (P, process), .2, .8);
  return fabs (n.A * n.A * S + n.b * n.b - S_s - error[*m]) / (1 + S + S_s);
}

Test (soft_gaussian, one_step)
{
  for (method m = NAIVE; m <= ANCESTRAL; m++)
    property_check (step_of (m)->entry.name, 20261130, 2000, 5, tuple, residual, &m, 1e-12);
}

// ## Many steps
//
// $c = e^{-2t^2}$, $\sigma = .02 + .6t$, $P = 1$. The error of the final variance halves with the step, but naive's
// does not: it loses half of the variance of the data at any number of steps. [soft.alg1] [soft.alg2] [soft.eq51]
// [soft.txt-naivediversity] The flow's, by Runge and Kutta's method, falls sixteenfold. [soft.eq19]

static double
ramp (double t)
{
  return .02 + .6 * t;
}
static double
ramp_rate (double t)
{
  return (void)t, .6;
}

static sb_process *
ramped (void)
{
  static soft_pair pair;
  pair = (soft_pair){ soft_g1.c, soft_g1.c_rate, ramp, ramp_rate };
  return soft_of (&pair, 1);
}

Test (soft_gaussian, orders)
{
  const sb_process *process = ramped ();
  const double naive[] = { -.522, -.512, -.507, -.504, -.503 };
  for (method m = NAIVE; m <= ANCESTRAL; m++)
    {
      double before = 0;
      for (size_t k = 0; k < 5; k++)
        {
          const double error = final_error (step_of (m), NULL, process, 1, (size_t)50 << k);
          if (m == NAIVE)
            cr_assert_float_eq (error, naive[k], 6e-4, "%zu steps: %g", (size_t)50 << k, error);
          else if (k > 0)
            cr_assert_float_eq (before / error, 2, .05, "%s: %g", step_of (m)->entry.name, before / error);
          before = error;
        }
    }
}

Test (soft_gaussian, order_of_runge_and_kutta)
{
  sb_process *process = soft_of (&soft_smooth, 1);
  process->t_min = 0;
  const double error[]
      = { final_error (sb_step_flow_rk4, NULL, process, 1, 20), final_error (sb_step_flow_rk4, NULL, process, 1, 40),
          final_error (sb_step_flow_rk4, NULL, process, 1, 80), final_error (sb_step_flow_heun, NULL, process, 1, 40),
          final_error (sb_step_flow_heun, NULL, process, 1, 80) };
  cr_assert_float_eq (error[1] / error[2], 16, 2, "%g", error[1] / error[2]);
  cr_assert_float_eq (error[3] / error[4], 4, .4, "%g", error[3] / error[4]);
}

// At 400 steps naive has less than .55 of the variance, the others are within 2 %. [soft.txt-naivediversity] Over and
// over at one level naive tends to $S/(1 + w)$, $w = c^2P/S$. [soft.alg1]

Test (soft_gaussian, naive_loses_half)
{
  const double wanted[] = { [NAIVE] = -.50431, [MOMENTUM] = -.00233, [FLOW] = -.00323, [DDIM] = -.00508 };
  for (method m = NAIVE; m <= DDIM; m++)
    {
      const double error = final_error (step_of (m), NULL, ramped (), 1, 400);
      cr_assert_float_eq (error, wanted[m], 6e-6, "%s: %g", step_of (m)->entry.name, error);
      cr_assert (m == NAIVE ? 1.0004 + error < .55 : fabs (error) < .02);
    }
  for (double c = .2; c < 1; c += .2)
    {
      two_levels of = { c, c, .1, .1 };
      const sb_soft_schedule schedule = { .at = two_levels_at };
      const sb_process *process = scoped (sb_soft_alloc (sb_operator_multiple_alloc (1), &schedule, &of));
      const linear_step n = probe (sb_step_naive, gaussian (1, process), .2, .8);
      const double S = c * c + .01, w = c * c / S;
      double V = S;
      for (int i = 0; i < 3000; i++)
        V = n.A * n.A * V + n.b * n.b;
      cr_assert_float_eq (V, S / (1 + w), 1e-12);
    }
}

// The target is the clean image at every step, and yet one step does not do: the estimate at $t = 1$ is a mean, of
// whose variance $c^2P^2/S$ is there, at $c = e^{-2}$ a twentieth. In 800 steps momentum has all of it.

Test (soft_gaussian, one_estimate_is_a_mean)
{
  const sb_process *process = ramped ();
  const linear_step n = probe (sb_step_naive, gaussian (1, process), 0, 1);
  const double c = exp (-2), S = c * c + .62 * .62;
  cr_assert_float_eq (n.A * n.A * S, c * c / S, 1e-14);
  cr_assert_lt (n.A * n.A * S, .05);
  cr_assert_lt (fabs (final_error (sb_step_momentum, NULL, process, 1, 800)), .002);
}

// At fixed noise the deterministic map is Euler's of the flow, which takes $x$ to $x\sqrt{S'/S}$. [soft.txt-coincide]

Test (soft_gaussian, at_fixed_noise_the_flow)
{
  const sb_process *process = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, .3, .1, .1));
  const sb_score *score = gaussian (1, process);
  const double wanted = sqrt (soft_variance (process, 1, last) / soft_variance (process, 1, 1));
  double error[3];
  for (size_t k = 0; k < 3; k++)
    {
      const size_t N = (size_t)400 << k;
      double slope = 1;
      for (size_t i = N; i > 0; i--)
        slope *= probe (sb_step_soft_ddim, score, i > 1 ? (double)(i - 1) / (double)N : last, (double)i / (double)N).A;
      error[k] = slope - wanted;
    }
  cr_assert_lt (fabs (error[2]), .01 * wanted);
  cr_assert_float_eq (error[0] / error[1], 2, .05);
  cr_assert_float_eq (error[1] / error[2], 2, .05);
}

// ## VE
//
// With $C_t = \mathbf I$ the paper's sampler "becomes exactly the sampler used for the VE SDE". It is the predictor
// reverse-diffusion, and along the flow the row probability-flow: the same step. But not ancestral sampling, and not
// Euler and Maruyama's method: on $\mathcal N(0, .25)$, $\sigma$ geometric from .01 to 50 at 1000 levels, from the
// exact variance to that at .01, six numbers. [soft.txt-vesampler] [soft.eq15] [soft.eq50]

Test (soft_gaussian, of_ve_the_predictor)
{
  const sb_process *ve = scoped (sb_ve_alloc (3, .01, 50)), *pair = scoped (sb_soft_pair_alloc (ve));
  const sb_target *law = scoped (sb_target_mixture_alloc (
      NULL, normals (2, 3, 130), matrix_of (6, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 2, 0, 0, 0, 2, 0, 0, 0, 2)));
  const sb_step_type *const theirs[] = { sb_step_reverse_diffusion, sb_step_probability_flow }, *const ours[] = {
    sb_step_momentum, sb_step_momentum_flow
  };
  for (size_t m = 0; m < 2; m++)
    for (double t = .2; t < 1; t += .2)
      {
        gsl_matrix *x = normals (20, 3, 132), *z = normals (20, 3, 133);
        gsl_matrix_scale (x, number_of (ve, SB_S, 0, t));
        gsl_matrix *y = copy_of (x);
        const double s = t - .013, size = number_of (ve, SB_S, 0, t);
        sb_sampler_work *a = scoped (sb_sampler_work_alloc (scoped (sb_score_exact_alloc (law, ve)), 20)),
                        *b = scoped (sb_sampler_work_alloc (scoped (sb_score_exact_alloc (law, pair)), 20));
        ok (sb_step_apply (theirs[m], NULL, a, NULL, vector_all (20, s), vector_all (20, t), z, x));
        ok (sb_step_apply (ours[m], NULL, b, NULL, vector_all (20, s), vector_all (20, t), z, y));
        cr_assert_lt (largest_difference (x, y), 1e-13 * (1 + size), "%s at %g: %g", ours[m]->entry.name, t,
                      largest_difference (x, y));
      }
}

Test (soft_gaussian, erratum_vesampler)
{
  sb_process *ve = scoped (sb_ve_alloc (1, .01, 50)), *pair = scoped (sb_soft_pair_alloc (ve));
  const struct
  {
    const char *name;
    const sb_step_type *type;
    sb_process *process;
    double variance;
  } of[] = { { "momentum", sb_step_momentum, pair, .252244881 },
             { "reverse diffusion", sb_step_reverse_diffusion, ve, .252244881 },
             { "ancestral", sb_step_ancestral_lower, ve, .247980629 },
             { "soft-ancestral", sb_step_soft_ancestral, pair, .247980629 },
             { "Euler-Maruyama", sb_step_euler_maruyama, ve, .250106716 },
             { "flow", sb_step_momentum_flow, pair, .259008484 },
             { "DDIM", sb_step_soft_ddim, pair, .249036659 },
             { "naive", sb_step_naive, pair, .124544296 } };
  ve->t_min = pair->t_min = 0;
  for (size_t m = 0; m < sizeof of / sizeof *of; m++)
    {
      const sb_score *score = gaussian (.25, of[m].process);
      double V = 2500.25;
      for (int i = 999; i > 0; i--)
        {
          const linear_step n = probe (of[m].type, score, i > 1 ? (i - 1) / 999. : last, i / 999.);
          V = n.A * n.A * V + n.b * n.b;
        }
      cr_assert_float_eq (V, of[m].variance, 1e-8, "%s: %.10g", of[m].name, V);
    }
}

// ## VP's pair
//
// [soft.eq52] With $k^2 = \frac{1 - \bar\alpha'}{1 - \bar\alpha}\bigl(1 - \frac{\bar\alpha}{\bar\alpha'}\bigr)$ the
// step has DDPM's posterior: for $\bar\alpha' = .5$ and $\bar\alpha/\bar\alpha' = .97$ the coefficients .95619979 of
// $x_t$ and .04119069 of $x_0$.

Test (soft_gaussian, ddpm_s_posterior)
{
  const double bar_s = .5, alpha = .97, bar = bar_s * alpha;
  two_levels of = { sqrt (bar), sqrt (bar_s), sqrt (1 - bar), sqrt (1 - bar_s) };
  const sb_soft_schedule schedule = { .at = two_levels_at };
  const sb_process *process = scoped (sb_soft_alloc (sb_operator_multiple_alloc (1), &schedule, &of));
  const double key[SB_KEYS_MOST] = { sqrt ((1 - bar_s) / (1 - bar) * (1 - alpha)) };
  const sb_score *score
      = scoped (sb_score_exact_alloc (scoped (sb_target_points_alloc (matrix_of (1, 1, 1), NULL)), process));
  gsl_matrix *x = matrix_of (2, 1, 0, 1);
  ok (sb_step_apply (sb_step_soft_ddim, key, scoped (sb_sampler_work_alloc (score, 2)), NULL, vector_all (2, .2),
                     vector_all (2, .8), NULL, x));
  const double of_x_0 = gsl_matrix_get (x, 0, 0), of_x = gsl_matrix_get (x, 1, 0) - of_x_0;
  cr_assert_float_eq (of_x, sqrt (alpha) * (1 - bar_s) / (1 - bar), 1e-12);
  cr_assert_float_eq (of_x_0, sqrt (bar_s) * (1 - alpha) / (1 - bar), 1e-12);
  cr_assert_float_eq (of_x, .95619979, 5e-9);
  cr_assert_float_eq (of_x_0, .04119069, 5e-9);
}

// ## The last step
//
// To $\sigma' = 0$: of the noise of variance $\sigma^2$ in $\mathbf x$ momentum's step leaves as much, new; the
// flow's a quarter; DDIM's none. [soft.eq51] [soft.txt-alternates]

Test (soft_gaussian, last_step)
{
  const double left[] = { [MOMENTUM] = 1, [FLOW] = .25, [DDIM] = 0, [ANCESTRAL] = 0 };
  const sb_process *process = soft_of (&soft_gmm1, 1);
  const sb_score *score
      = scoped (sb_score_exact_alloc (scoped (sb_target_points_alloc (matrix_of (1, 1, 0), NULL)), process));
  for (method m = MOMENTUM; m <= ANCESTRAL; m++)
    {
      const double t = .1, v = gsl_pow_2 (soft_gmm1.sigma (t));
      const linear_step n = probe (step_of (m), score, 0, t);
      cr_assert_float_eq ((n.A * n.A * v + n.b * n.b) / v, left[m], 1e-12, "%s", step_of (m)->entry.name);
    }
}

// [soft.txt-support] Where there is no noise to begin with a step is refused; near it, it is finite.

Test (soft_gaussian, without_noise)
{
  const sb_process *little = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, .1, 1e-8, 1e-8));
  for (method m = MOMENTUM; m <= ANCESTRAL; m++)
    {
      const linear_step n = probe (step_of (m), gaussian (1, little), .7, .8);
      cr_assert (gsl_finite (n.A) && gsl_finite (n.b));
    }
  const sb_process *const silent[] = { scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, .1, 0, 0)),
                                       scoped (soft_line_alloc (soft_four_operator (SOFT_BLUR), 0, 1, 0, 0)) };
  for (size_t k = 0; k < 2; k++)
    {
      const size_t d = silent[k]->dimension;
      const sb_target *law = scoped (sb_target_points_alloc (matrix_all (1, d, 1), NULL));
      sb_sampler_work *work = scoped (sb_sampler_work_alloc (scoped (sb_score_exact_alloc (law, silent[k])), 1));
      for (method m = NAIVE; m <= ANCESTRAL; m++)
        refused (GSL_ESING, sb_step_apply (step_of (m), NULL, work, NULL, vector_of (.7), vector_of (.8), NULL,
                                           matrix_all (1, d, 1)));
    }
}

// ## Masks
//
// [soft.txt-masking] A hard reveal, $c$ from 0 to 1 at once at noise $\sigma$: a pixel that is independent of what
// was seen gets its estimate, 0, and keeps the variance $\sigma^2$ where it should have $P + \sigma^2$; one of
// correlation $\rho$ with its neighbour gets $\sigma^2 + \rho^2P^2/(P + \sigma^2)$, and the right covariance. There
// is no $\dot C_t$: 2 steps, 5 or 40, it is the same. Soft reveals in $K$ parts converge.

static int
steady_at (const void *params, bool rate, double t, double *level, double *sigma)
{
  (void)params;
  *level = rate ? 0 : t > .5 ? .5 : 0;
  *sigma = rate ? 0 : .1;
  return GSL_SUCCESS;
}

Test (soft_gaussian, erratum_masking_a_hard_reveal)
{
  const double P = .06, v = .01;
  const sb_soft_schedule schedule = { .at = steady_at };
  const sb_process *process
      = scoped (sb_soft_alloc (sb_operator_window_alloc (1, 2, 1, SB_KEEP_CENTRE), &schedule, NULL));
  gsl_matrix *kept = matrix_all (1, 2, 1);
  ok (sb_process_apply (process, SB_A, CblasNoTrans, NULL, vector_of (.8), kept));
  const size_t a = kept->data[0] > 0 ? 0 : 1, b = 1 - a;
  cr_assert_eq (kept->data[b], 0);
  for (double rho = 0; rho < 1; rho += .9)
    for (size_t k = 0; k < 3; k++)
      {
        const size_t N[] = { 2, 5, 40 };
        const sb_target *law
            = scoped (sb_target_gaussian_alloc (vector_all (2, 0), matrix_of (2, 2, P, rho * P, rho * P, P)));
        const sb_score *score = scoped (sb_score_exact_alloc (law, process));
        gsl_matrix *x = matrix_of (2, 2, 1, 0, 0, 1); // row i: what becomes of e_i
        sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 2));
        for (size_t i = 1; i <= N[k]; i++) // down to t = .1
          ok (sb_step_apply (sb_step_momentum, NULL, work, NULL, vector_all (2, 1 - .9 * (double)i / (double)N[k]),
                             vector_all (2, 1 - .9 * (double)(i - 1) / (double)N[k]), NULL, x));
        double V[2][2];
        for (size_t i = 0; i < 2; i++)
          for (size_t j = 0; j < 2; j++)
            V[i][j] = gsl_matrix_get (x, a, i) * gsl_matrix_get (x, a, j) * (P + v)
                      + gsl_matrix_get (x, b, i) * gsl_matrix_get (x, b, j) * v;
        cr_assert_float_eq (V[b][b], v + gsl_pow_2 (rho * P) / (P + v), 1e-10);
        cr_assert_float_eq (V[a][b], rho * P, 1e-10);
        cr_assert_float_eq (V[a][a], P + v, 1e-10);
        cr_assert (rho == 0 || fabs (V[b][b] - .051657) < 5e-7);
      }
}

Test (soft_gaussian, soft_reveals)
{
  const size_t K[] = { 1, 2, 4, 16, 64, 256, 4096 };
  const double V[] = { .01, .0256, .043264, .062238, .067976, .069488, .069968 };
  const sb_process *process = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, 0, .1, .1));
  for (size_t k = 0; k < 7; k++)
    {
      const double found = .07 + final_error (sb_step_momentum, NULL, process, .06, K[k]);
      cr_assert_float_eq (found, V[k], 1e-6, "%zu: %g", K[k], found);
    }
}

// ## Noise and corruption at once
//
// [soft.set-joint] [soft.txt-jointworks] The paper's ablation, noise "from 0.1 to 0.01", which is the order of
// sampling: $\sigma_t$ must not fall with $t$. The samplers are of first order there too.

Test (soft_gaussian, erratum_set_joint_order)
{
  const sb_soft_stages printed = { .sigma_min = .1, .sigma_max = .01, .joint = true, .levels = vector_of (0, .9) },
                       right = { .sigma_min = .01, .sigma_max = .1, .joint = true, .levels = vector_of (0, 1, 2) };
  cr_assert_null (sb_soft_stages_alloc (sb_operator_multiple_alloc (1), &printed));
  const sb_process *heat
      = scoped (sb_soft_stages_alloc (sb_operator_blur_alloc (8, 8, 1, 0, SB_BOUNDARY_PERIODIC), &right));
  sb_error error;
  ok (sb_soft_check (heat, 50, &error));
  double level, before = 0, sigma;
  for (double t = .1; t < 1.05; t += .1)
    {
      ok (sb_soft_at (heat, GSL_MIN (t, 1), &level, &sigma));
      cr_assert_float_eq (sigma, .01 * pow (10, GSL_MIN (t, 1)), 1e-14);
      cr_assert_gt (sigma, before);
      before = sigma;
    }
  const sb_process *joint = soft_of (&soft_gmm1, 1);
  for (method m = MOMENTUM; m <= DDIM; m++)
    {
      const double ratio
          = final_error (step_of (m), NULL, joint, 1, 400) / final_error (step_of (m), NULL, joint, 1, 800);
      cr_assert_float_eq (ratio, 2, .05, "%s: %g", step_of (m)->entry.name, ratio);
    }
}

// On the mixture, 200 steps of 4000 points: momentum, the flow and DDIM reach the data, naive does not. [soft.alg1]
// [soft.alg2] [soft.eq14] [soft.txt-jointworks]

Test (soft_gaussian, of_a_mixture)
{
  const size_t n = 4000;
  const sb_process *joint = soft_of (&soft_gmm1, 1);
  const sb_score *score = scoped (sb_score_exact_alloc (soft_gmm1_law (), joint));
  gsl_vector *times = level_times (200, 0, 200);
  gsl_vector_set (times, 200, last);
  for (method m = NAIVE; m <= DDIM; m++)
    {
      const sb_pc pc = { .step = step_of (m), .final = SB_FINAL_SAMPLE };
      gsl_matrix *x = matrix (n, 1);
      ok (sb_target_sample (soft_gmm1_law (), (sb_stream){ .seed = 134, .purpose = SB_FOR_DATA }, x));
      ok (sb_process_transition (joint, NULL, vector_all (n, 1), normals (n, 1, 135), x));
      ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 136 }, x, NULL));
      const double distance = soft_gmm1_distance (1, .05, x);
      cr_assert (m == NAIVE ? distance > .06 : distance < KS / sqrt ((double)n), "%s: %g", step_of (m)->entry.name,
                 distance);
    }
}

// From each of 49 quantiles at $t = 1$ the flow and DDIM, which draw nothing, end near the same quantile of the data:
// the error in rank halves with the step, $.00186$ and $.00184$ at 200 steps. With the exact score more steps
// are never worse. [soft.tab3] [soft.tab4] [soft.txt-ushape]

static double
rank_error (method m, size_t N)
{
  const sb_score *score = scoped (sb_score_exact_alloc (soft_gmm1_law (), soft_of (&soft_gmm1, 1)));
  const sb_pc pc = { .step = step_of (m), .final = SB_FINAL_SAMPLE };
  gsl_vector *times = level_times (N, 0, N);
  gsl_matrix *x = matrix (49, 1);
  double worst = 0;
  gsl_vector_set (times, N, last);
  for (size_t j = 0; j < 49; j++)
    gsl_matrix_set (x, j, 0, soft_gmm1_quantile (.1, .55, (double)(j + 1) / 50));
  ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ 0 }, x, NULL));
  for (size_t j = 0; j < 49; j++)
    worst = larger (worst, fabs (soft_gmm1_cdf (1, .05, gsl_matrix_get (x, j, 0)) - (double)(j + 1) / 50));
  return worst;
}

Test (soft_gaussian, ranks_in_a_mixture)
{
  const method of[] = { FLOW, DDIM };
  const double at_200[] = { .001861, .001836 };
  for (size_t m = 0; m < 2; m++)
    {
      double before = rank_error (of[m], 25);
      for (size_t N = 50; N <= 400; N *= 2)
        {
          const double error = rank_error (of[m], N);
          cr_assert_float_eq (before / error, 2, .02, "%s, %zu steps: %g", step_of (of[m])->entry.name, N,
                              before / error);
          if (N == 200)
            cr_assert_float_eq (error, at_200[m], 2e-6, "%s: %g", step_of (of[m])->entry.name, error);
          before = error;
        }
    }
}

// ## Two samplers in turn
//
// The paper's "predictor-corrector" of Table 5, with Eq. 51 as its corrector. A corrector acts at one level, and
// there Eq. 51 is the identity; so it can only mean steps in turn. The variance that comes out lies between those of
// the two. [soft.tab5] [soft.eq51]

Test (soft_gaussian, erratum_tab5_has_no_corrector)
{
  two_levels level = { .6, .6, .3, .3 };
  const sb_soft_schedule schedule = { .at = two_levels_at };
  const sb_process *flat = scoped (sb_soft_alloc (sb_operator_multiple_alloc (1), &schedule, &level));
  const linear_step n = probe (sb_step_momentum_flow, gaussian (1, flat), .2, .8);
  cr_assert (n.A == 1 && n.b == 0);
  const sb_process *process = ramped ();
  for (size_t N = 50; N <= 400; N *= 2)
    {
      const double ddim = final_error (sb_step_soft_ddim, NULL, process, 1, N),
                   flow = final_error (sb_step_momentum_flow, NULL, process, 1, N),
                   turns = final_error (sb_step_soft_ddim, sb_step_momentum_flow, process, 1, N);
      cr_assert (ddim < turns && turns < flow, "%zu steps: %g, %g, %g", N, ddim, turns, flow);
    }
}

// So does the driver: every second step is the other's, with its own numbers. [soft.tab5]

Test (soft_gaussian, the_driver_takes_turns)
{
  const sb_process *process = ramped ();
  const sb_score *score = gaussian (1, process);
  const sb_pc pc = { .step = sb_step_soft_ddim, .alternate = sb_step_momentum_flow, .final = SB_FINAL_SAMPLE };
  gsl_vector *times = level_times (5, 0, 5);
  gsl_vector_set (times, 5, last);
  gsl_matrix *x = matrix_of (1, 1, 1);
  size_t evaluations;
  ok (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = 1 }, x, &evaluations));
  double slope = 1;
  for (size_t k = 0; k < 5; k++)
    slope *= probe (k % 2 ? sb_step_momentum_flow : sb_step_soft_ddim, score, gsl_vector_get (times, k + 1),
                    gsl_vector_get (times, k))
                 .A;
  cr_assert_float_eq (gsl_matrix_get (x, 0, 0), slope, 1e-14);
  cr_assert_eq (evaluations, 5);

  const double key[2][SB_KEYS_MOST] = { { .01 }, { .04 } };
  const sb_pc two = { .step = sb_step_soft_ddim,
                      .key = key[0],
                      .alternate = sb_step_soft_ddim,
                      .alternate_key = key[1],
                      .noiseless = true,
                      .final = SB_FINAL_SAMPLE };
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 1));
  gsl_matrix *by_steps = matrix_of (1, 1, 1);
  gsl_matrix_set_all (x, 1);
  ok (sb_pc_sample (&two, score, NULL, times, (sb_stream){ .seed = 1 }, x, NULL));
  for (size_t k = 0; k < 5; k++)
    ok (sb_step_apply (sb_step_soft_ddim, key[k % 2], work, NULL, vector_of (gsl_vector_get (times, k + 1)),
                       vector_of (gsl_vector_get (times, k)), NULL, by_steps));
  cr_assert_float_eq (gsl_matrix_get (x, 0, 0), gsl_matrix_get (by_steps, 0, 0), 1e-14);
}
