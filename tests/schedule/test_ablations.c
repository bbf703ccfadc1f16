// # What the ablations of schedules must show with exact scores
//
// Gaussian fields, momentum, the least noise kept; W_2^2 per pixel. The numbers were computed independently.

#include "modes.h"
#include "schedule/matched.h"
#include "scope.h"
#include "score/exact.h"
#include "soft_laws.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (ablations);

static double
error_of (const field *f, sb_process *process, size_t steps)
{
  return modes_run (&(modes){ f, scoped (process), sb_step_momentum, NULL }, steps, true, NULL);
}

static void
check_near (double found, double wanted)
{
  cr_assert_float_eq (found, wanted, .03 * wanted, "%g, not %g", found, wanted);
}

// ## The levels
//
// Along the shortest path 280 steps are ahead of 2000 with the blur that matches VE's noise, and at equal numbers of
// steps it is ahead 50 to 200 times. [soft.txt-schedablation]

static sb_process *
matched_process (field *f)
{
  const sb_matched of = { { field_displacement, f }, .01, 23, 1 };
  gsl_vector *levels = vector (1601);
  for (size_t k = 0; k < 1601; k++)
    ok (sb_matched_level (&of, .1, .1, pow (9000, 1.6 * ((double)k / 1600 - 1)), gsl_vector_ptr (levels, k)));
  const sb_soft_stages stages = { .sigma_min = .01, .sigma_max = .1, .noise = .2, .levels = levels };
  return sb_soft_stages_alloc (modes_blur_alloc (f), &stages);
}

Test (ablations, path_beside_matched)
{
  field f = field_of (1);
  const size_t N[] = { 100, 280, 1000 };
  const double of_path[] = { 1.6e-4, 2.2e-5, 1.8e-6 }, of_matched[] = { 8.7e-3, 2.9e-3, 3.3e-4 };
  for (size_t k = 0; k < 3; k++)
    {
      check_near (error_of (&f, modes_soft_alloc (&f, field_knots_1, .1, false), N[k]), of_path[k]);
      check_near (error_of (&f, matched_process (&f), N[k]), of_matched[k]);
    }
  check_near (error_of (&f, matched_process (&f), 2000), 9.0e-5);
}

// ## The noise
//
// The less of it, the larger the error, which goes to 0 with the number of steps nevertheless. [soft.txt-lownoise]

Test (ablations, less_noise)
{
  const double noise[] = { .1, .05, .025 },
               at_50[2][3] = { { 4.8e-4, 8.7e-4, 1.35e-3 }, { 1.94e-4, 2.54e-4, 2.69e-4 } };
  const size_t N[] = { 25, 50, 100, 300, 1000 };
  double knots[FIELD_KNOTS];
  field_log_linear (knots);
  for (size_t p = 0; p < 2; p++)
    {
      const field f = field_of (p ? 3 : 1);
      double before[3] = { HUGE_VAL, HUGE_VAL, HUGE_VAL };
      for (size_t n = 0; n < 5; n++)
        for (size_t k = 0; k < 3; k++)
          {
            const double error = error_of (&f, modes_soft_alloc (&f, knots, noise[k], false), N[n]);
            cr_assert (error < before[k] && (k == 0 || n < p || error > before[k - 1]), "%zu steps", N[n]);
            before[k] = error;
            if (N[n] == 50)
              check_near (error, at_50[p][k]);
          }
    }
}

// Of a pixel with variance $P$ the denoiser's slope $cP/(c^2P + \sigma^2)$ is $\sqrt P/2\sigma$ at most, at $c =
// \sigma/\sqrt P$; and from $c_1$ back to 1 an error grows by $\sqrt{(P + \sigma^2)/(c_1^2P + \sigma^2)}$, the product
// of 4000 steps' slopes. [soft.txt-lownoise]

static double
slope (const sb_score *score, double t)
{
  const gsl_matrix *x = matrix_of (1, 1, 1);
  gsl_matrix *out = matrix (1, 1);
  ok (sb_score_evaluate (score, SB_DENOISER, x, vector_all (1, t), NULL, out));
  return gsl_matrix_get (out, 0, 0);
}

Test (ablations, gain_and_amplification)
{
  const double P = .06, amplified[] = { 2.645, 4.994, 9.802 };
  const double c_1 = .01, sigmas[] = { .1, .05, .025 };
  for (size_t k = 0; k < 3; k++)
    {
      const double sigma = sigmas[k];
      const sb_process *process = scoped (soft_line_alloc (sb_operator_multiple_alloc (1), 1, c_1, sigma, sigma));
      const sb_score *score = scoped (
          sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_all (1, 0), matrix_of (1, 1, P))), process));
      double low = 1e-3, high = .999;
      for (int i = 0; i < 200; i++)
        {
          const double a = low + (high - low) / 3, b = high - (high - low) / 3;
          *(slope (score, a) < slope (score, b) ? &low : &high) = slope (score, a) < slope (score, b) ? a : b;
        }
      cr_assert_float_eq (slope (score, low), sqrt (P) / (2 * sigma), 1e-8);
      cr_assert_float_eq (1 + (c_1 - 1) * low, sigma / sqrt (P), 1e-6);

      sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 1));
      gsl_matrix *x = matrix_of (1, 1, 1);
      for (int i = 4000; i > 1; i--)
        ok (sb_step_apply (sb_step_soft_ddim, NULL, work, NULL, vector_all (1, (i - 1) / 4000.),
                           vector_all (1, i / 4000.), matrix_of (1, 1, 0), x));
      const double closed = sqrt ((P + gsl_pow_2 (sigma)) / (gsl_pow_2 (c_1) * P + gsl_pow_2 (sigma)));
      cr_assert_float_eq (gsl_matrix_get (x, 0, 0) / closed, 1, 1e-2);
      cr_assert_float_eq (closed, amplified[k], 6e-4, "%g", closed);
    }
}
