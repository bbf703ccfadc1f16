// # What must be true of the correctors

#include "linear.h"
#include "process/ddpm.h"
#include "process/kinds.h"
#include "process/nonuniform.h"
#include "process/smld.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "score/exact.h"
#include "take.h"
#include "recursion.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_sf_gamma.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

SUITE (corrector);

// ## A score that is one vector everywhere
//
// With $\mathbf g$ along the first axis and $\mathbf z$ along the second, a step's two parts can be told apart.

static int
constant (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  (void)view, (void)x, (void)t, (void)y;
  gsl_matrix_set_zero (out);
  for (size_t i = 0; i < out->size1; i++)
    gsl_matrix_set (out, i, 0, *(const double *)state);
  return GSL_SUCCESS;
}

static const sb_score_type constant_score_type = { .name = "constant", .views = SB_SCORE, .evaluate = constant };

static int
step (const sb_corrector *corrector, const sb_process *process, double g, double s, double t, const gsl_matrix *z,
      gsl_matrix *x)
{
  sb_score *score = scoped (sb_score_alloc (&constant_score_type, &g, process));
  return take_correction (corrector, score, NULL, s, t, z, x);
}

// ## The ratio that r is
//
// One row: the two parts have the ratio r for VE [scoresde.alg4] and r sqrt(alpha) for VP, alpha being 1 - beta_i or
// the product of these. [scoresde.alg5] And together they are a Langevin step: the noise is the root of twice the
// other's $\epsilon$.

typedef struct
{
  const sb_process *process;
  sb_norm norm;
  sb_alpha alpha;
} ratio_context;

enum
{
  CHAIN_LEVELS = 50
};

static double
ratio_residual (const double *v, void *context)
{
  const ratio_context *c = context;
  double r = v[0], g = v[1], b = v[2], t = v[3] / CHAIN_LEVELS, s = (v[3] - 1) / CHAIN_LEVELS;
  double x[2] = { 0, 0 }, a, sd;
  gsl_matrix *z_view = matrix_of (1, 2, 0, b);
  gsl_matrix_view x_view = gsl_matrix_view_array (x, 1, 2);
  sb_corrector corrector = { .type = sb_corrector_langevin, .snr = r, .norm = c->norm, .alpha = c->alpha };
  if (step (&corrector, c->process, g, s, t, z_view, &x_view.matrix) != GSL_SUCCESS)
    return GSL_NAN;
  sb_process_scalars (c->process, c->alpha == SB_ALPHA_STEP ? s : 0, t, &a, &sd);
  double epsilon = x[0] / g, root = x[1] / b;
  double norm_z = c->norm == SB_NORM_ROOT_D ? M_SQRT2 : b;
  return fabs (x[0] / (root * norm_z) / (r * a) - 1) + fabs (root * root / (2 * epsilon) - 1);
}

static const property_parameter ratio_parameters[] = { { "r", PROPERTY_LOG, 1e-3, 1, 1 },
                                                       { "|g|", PROPERTY_LOG, 1e-4, 1e4, 1 },
                                                       { "|z|", PROPERTY_LOG, 1e-2, 1e2, 1 },
                                                       { "i", PROPERTY_INTEGER, 1, CHAIN_LEVELS, 1 } };

static void
check_ratio (const char *claim, const sb_process *process)
{
  const sb_norm norms[] = { SB_NORM_BATCH, SB_NORM_ROW, SB_NORM_ROOT_D };
  for (int i = 0; i < 3; i++)
    for (int cumulative = 0; cumulative <= 1; cumulative++)
      {
        ratio_context context = { process, norms[i], cumulative ? SB_ALPHA_CUMULATIVE : SB_ALPHA_STEP };
        property_check (claim, 8, 100, 4, ratio_parameters, ratio_residual, &context, 1e-12);
      }
}

Test (corrector, signal_to_noise_ratio)
{
  sb_process *smld = scoped (sb_smld_alloc (2, CHAIN_LEVELS, 0.01, 50)),
             *ddpm = scoped (sb_ddpm_alloc (2, CHAIN_LEVELS, 0.1, 20));
  check_ratio ("the parts of a step have the ratio r", smld);
  check_ratio ("the parts of a step have the ratio r sqrt(alpha)", ddpm);
}

// ## Misprint: which alpha Algorithm 5 means
//
// It takes $\alpha_i$ from a table that Section 2.2 defines as the product of the $1 - \beta_j$; the authors' code
// has $1 - \beta_i$. With N = 1000 the step sizes at the noisy end differ by a factor of 24000: with the product the
// corrector does nothing there. Both are there to choose from; the default of a zeroed sb_corrector is the code's.
// [scoresde.alg5]

Test (corrector, erratum_alg5_which_alpha)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (2, 1000, 0.1, 20));
  double shift[2];
  for (int i = 0; i < 2; i++)
    {
      gsl_matrix *x = matrix_all (1, 2, 0);
      sb_corrector corrector
          = { .type = sb_corrector_langevin, .snr = 0.1, .alpha = i ? SB_ALPHA_CUMULATIVE : SB_ALPHA_STEP };
      ok (step (&corrector, ddpm, 1, 0.999, 1, matrix_of (1, 2, 0, 1), x));
      shift[i] = gsl_matrix_get (x, 0, 0);
    }
  cr_assert_float_eq (shift[0], 2 * 0.98 * 0.01, 1e-12, "1 - beta_N = 0.98: %g", shift[0]);
  cr_assert_float_eq (shift[1] / (2 * 4.0358e-5 * 0.01), 1, 1e-4, "alpha_N = 4.0358e-5: %g", shift[1]);
  cr_assert_gt (shift[0] / shift[1], 2.4e4);
}

// ## The three norms
//
// epsilon of one step, read off the second coordinate, in which the score has no part.

static double
read_epsilon (const gsl_matrix *z, const gsl_matrix *x, size_t row)
{
  return gsl_pow_2 (gsl_matrix_get (x, row, 1) / gsl_matrix_get (z, row, 1)) / 2;
}

static double
chi_mean (double d)
{
  return M_SQRT2 * exp (gsl_sf_lngamma ((d + 1) / 2) - gsl_sf_lngamma (d / 2));
}

// The average norm over the batch is near the mean of the chi distribution: with n = $10^4$ within 6 standard errors
// (false alarm $2\cdot10^{-9}$), the variance of chi being $d$ minus the square of its mean.
// [scoresde.txt-corrector-snr] The first coordinate holds the score, so that d is at least 2 here; d = 1 is the case
// of a vanishing second coordinate.

Test (corrector, average_norm)
{
  const size_t dimensions[] = { 2, 3, 48 }, n = 10000;
  for (int i = 0; i < 3; i++)
    {
      size_t d = dimensions[i];
      gsl_matrix *z = normals (n, d, 7), *x = matrix_all (n, d, 0);
      sb_process *smld = scoped (sb_smld_alloc (d, 10, 0.01, 50));
      sb_corrector corrector = { .type = sb_corrector_langevin, .snr = 0.5, .norm = SB_NORM_BATCH };
      ok (step (&corrector, smld, 3, 0.4, 0.5, z, x));
      double norm = sqrt (read_epsilon (z, x, 17) / 2) / 0.5 * 3, mean = chi_mean ((double)d);
      double standard_error = sqrt (((double)d - mean * mean) / (double)n);
      cr_assert (fabs (norm - mean) < 6 * standard_error, "d = %zu: %g, not %g", d, norm, mean);
      for (size_t row = 0; row < n; row += 997)
        cr_assert_float_eq (read_epsilon (z, x, row) / read_epsilon (z, x, 17), 1, 1e-9);
    }
}

// In one dimension, where the parts cannot be told apart, two rows with the same x and opposite z can: their
// difference is $2\sqrt{2\epsilon}\,z$, and the average norm is that of the two.

Test (corrector, one_dimension)
{
  sb_process *smld = scoped (sb_smld_alloc (1, 10, 0.01, 50));
  gsl_matrix *x = matrix_all (3, 1, 0);
  sb_corrector corrector = { .type = sb_corrector_langevin, .snr = 0.5, .norm = SB_NORM_BATCH };
  ok (step (&corrector, smld, -2, 0.4, 0.5, matrix_of (3, 1, 1.5, -1.5, 0.3), x));
  double epsilon = gsl_pow_2 ((x->data[0] - x->data[1]) / 3) / 2;
  cr_assert_float_eq (epsilon, 2 * gsl_pow_2 (0.5 * 1.1 / 2), 1e-14); // (1.5 + 1.5 + 0.3) / 3 = 1.1
  cr_assert_float_eq (x->data[0] + x->data[1], -4 * epsilon, 1e-14);
}

// Batches of every size, points of every dimension, rows whose squares leave the range: against `long double`. x, which
// is zero, ends at $\sqrt{2\epsilon}\,\mathbf z$ in the second coordinate, where there is no score; the score's
// norm is 3.

Test (corrector, average_norm_of_every_batch)
{
  const size_t sizes[] = { 1, 31, 32, 33, 70 };
  const double units[] = { 1, 1e-160, 1e160 };
  for (size_t k = 0; k < 5; k++)
    for (size_t d = 2; d <= 9; d++)
      for (size_t u = 0; u < 3; u++)
        {
          size_t n = sizes[k];
          gsl_matrix *z = normals (n, d, 7), *x = matrix_all (n, d, 0);
          sb_process *smld = scoped (sb_smld_alloc (d, 10, 0.01, 50));
          sb_corrector corrector = { .type = sb_corrector_langevin, .snr = 0.5 / units[u], .norm = SB_NORM_BATCH };
          gsl_matrix_scale (z, units[u]);
          long double sum = 0;
          for (size_t i = 0; i < n; i++)
            {
              long double square = 0;
              for (size_t j = 0; j < d; j++)
                square += (long double)gsl_matrix_get (z, i, j) * gsl_matrix_get (z, i, j);
              sum += sqrtl (square);
            }
          double root = (double)(2 * corrector.snr * (sum / (long double)n) / 3); // of 2 epsilon
          ok (step (&corrector, smld, 3, 0.4, 0.5, z, x));
          for (size_t i = 0; i < n; i++)
            cr_assert_float_eq (gsl_matrix_get (x, i, 1) / (root * gsl_matrix_get (z, i, 1)), 1, 1e-13);
        }
}

// In 3072 dimensions, CIFAR-10's, all norms are nearly $\sqrt d$, and the variants agree: epsilon, which has their
// squares, within 2% plus the scatter of one row's norm, $6/\sqrt{2d}$ relative. [scoresde.txt-corrector-snr]

Test (corrector, norms_agree_in_high_dimensions)
{
  const size_t d = 3072;
  const sb_norm norms[] = { SB_NORM_BATCH, SB_NORM_ROW, SB_NORM_ROOT_D };
  double epsilon[3];
  gsl_matrix *z = normals (200, d, 7);
  sb_process *smld = scoped (sb_smld_alloc (d, 10, 0.01, 50));
  for (int i = 0; i < 3; i++)
    {
      gsl_matrix *x = matrix_all (200, d, 0);
      sb_corrector corrector = { .type = sb_corrector_langevin, .snr = 0.5, .norm = norms[i] };
      ok (step (&corrector, smld, 3, 0.4, 0.5, z, x));
      epsilon[i] = 0;
      for (size_t row = 0; row < 200; row++)
        epsilon[i] += read_epsilon (z, x, row) / 200;
    }
  cr_assert_float_eq (sqrt (epsilon[0] / epsilon[2]), 1, 0.01, "batch %g, sqrt(d) %g", epsilon[0], epsilon[2]);
  cr_assert_float_eq (sqrt (epsilon[1] / epsilon[2]), 1, 0.01, "row %g, sqrt(d) %g", epsilon[1], epsilon[2]);
}

// One point of data and the level at which sigma is 0.7: the score is -x/0.49.

static recursion
on_a_point (size_t d)
{
  return (recursion){ .process = scoped (sb_smld_sigmas_alloc (d, vector_of (0.7))),
                      .lambda = vector_all (d, 0),
                      .factor = 1 };
}

// With each row's own norms, on a target $\mathcal N(0, c\,\mathbf I)$ at rest, $\epsilon = 2r^2c\,F$ with $F$ of the
// F distribution with (d, d) degrees: mean $d/(d-2)$, infinite for $d \le 2$, which is why low-dimensional runs need
// another norm. [scoresde.txt-corrector-snr] The mean over n = $10^5$ rows within 6 standard errors.

Test (corrector, row_norms_on_an_isotropic_gaussian)
{
  const size_t n = 100000, d = 48;
  double r = 0.2, D = (double)d, c = gsl_pow_2 (0.7), mean = 0;
  double expected = D / (D - 2), variance = gsl_pow_2 (D) * (2 * D - 2) * 2 / (D * gsl_pow_2 (D - 2) * (D - 4));
  gsl_matrix *z = normals (n, d, 7), *x = normals (n, d, 8);
  gsl_matrix_scale (x, sqrt (c));
  gsl_matrix *before = copy_of (x);
  const recursion data = on_a_point (d);
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, (void *)&data, data.process));
  sb_corrector corrector = { .type = sb_corrector_langevin, .snr = r, .norm = SB_NORM_ROW };
  ok (take_correction (&corrector, score, NULL, 0, 1, z, x));

  for (size_t i = 0; i < n; i++)
    {
      // sqrt(2 eps) from the part of the step across x: w = z - (z.x / x.x) x, (x' - x).w = sqrt(2 eps) z.w.
      gsl_vector_view xi = gsl_matrix_row (before, i), zi = gsl_matrix_row (z, i), x_new = gsl_matrix_row (x, i);
      double zx, xx, zz, zd, xd;
      gsl_vector_sub (&x_new.vector, &xi.vector);
      gsl_blas_ddot (&zi.vector, &xi.vector, &zx);
      gsl_blas_ddot (&xi.vector, &xi.vector, &xx);
      gsl_blas_ddot (&zi.vector, &zi.vector, &zz);
      gsl_blas_ddot (&zi.vector, &x_new.vector, &zd);
      gsl_blas_ddot (&xi.vector, &x_new.vector, &xd);
      double root = (zd - zx / xx * xd) / (zz - zx / xx * zx);
      mean += root * root / 2 / (2 * r * r * c) / (double)n;
    }
  cr_assert (fabs (mean - expected) < 6 * sqrt (variance / (double)n), "mean of F: %g, not %g", mean, expected);
}

// ## Where it comes to rest
//
// On $\mathcal N(0, c\,\mathbf I)$ a variance of $\rho c$ makes $\epsilon = 2\alpha r^2 c/\rho$ and becomes
// $(1 - 2\alpha r^2/\rho)^2\rho c + 4\alpha r^2 c/\rho$, which has the fixed point $(1 + \alpha r^2)\,c$.
// [scoresde.alg4] [scoresde.alg5] The recursion is run until it stands, at one level of a chain, the predictor being
// the identity.

static double
rest (const sb_process *process, const sb_corrector *corrector, double lambda, double v)
{
  gsl_vector *times = vector_of (1, 1 - 1 / (double)process->levels);
  gsl_vector *variance = vector_of (v);
  recursion data = { .process = process, .lambda = vector_of (lambda), .factor = 1 };
  sb_pc pc = { .step = sb_step_none,
               .corrector = *corrector,
               .corrector_steps = 20000,
               .order = SB_CORRECTOR_FIRST,
               .final = SB_FINAL_SAMPLE };
  ok (recursion_run (&data, &pc, times, variance, NULL));
  return gsl_vector_get (variance, 0);
}

Test (corrector, langevin_rests_at_one_plus_r_squared)
{
  sb_process *smld = scoped (sb_smld_alloc (1, 10, 0.01, 2)), *ddpm = scoped (sb_ddpm_alloc (1, 10, 0.1, 5));
  const double ratios[] = { 0.05, 0.16, 0.3 }, excess[] = { 1.0025, 1.0256, 1.09 };
  for (int i = 0; i < 3; i++)
    {
      sb_corrector corrector = { .type = sb_corrector_langevin, .snr = ratios[i] };
      double c = 4.25, v = rest (smld, &corrector, 0.25, 1);
      cr_assert_float_eq (v / c, excess[i], 1e-12, "VE, r = %g: %.15g", ratios[i], v / c);
      double alpha = 1 - 0.5, at_rest = rest (ddpm, &corrector, 1, 0.3); // beta_10 = 5/10
      cr_assert_float_eq (at_rest, 1 + alpha * gsl_pow_2 (ratios[i]), 1e-12, "VP, r = %g: %.15g", ratios[i], at_rest);
      corrector.alpha = SB_ALPHA_CUMULATIVE;
      alpha = sb_ddpm_alpha (ddpm, 10);
      at_rest
          = rest (ddpm, &corrector, 1, 1 + alpha * gsl_pow_2 (ratios[i])); // its own steps are too short to get there
      cr_assert_float_eq (at_rest, 1 + alpha * gsl_pow_2 (ratios[i]), 1e-10, "VP, cumulative: %.15g", at_rest);
    }
}

// Every corrector keeps the law up to the error of its step, and on a Gaussian of variance $c$ what that leaves is
// known: a step is linear, $x \leftarrow \alpha x + \beta z$, and rests at $\beta^2/(1 - \alpha^2)$. Of Langevin's,
// with steps $\epsilon$, that is $c/(1 - \epsilon/2c)$; of Hamiltonian Monte Carlo with leaps of $h$, however many,
// $c/(1 - h^2/4c)$. (A half step of the point first, the other leapfrog, would give $c\,(1 - h^2/4c)$.)
// [scoresde.txt-corrector-mcmc]

static double
coefficient (const sb_corrector *corrector, const sb_score *score, double x, double z)
{
  gsl_matrix *moved = matrix_of (1, 1, x);
  ok (take_correction (corrector, score, NULL, 0, 1, matrix_of (1, 1, z), moved));
  return moved->data[0];
}

static double
rests_at (const sb_corrector *corrector, const sb_score *score)
{
  return gsl_pow_2 (coefficient (corrector, score, 0, 1)) / (1 - gsl_pow_2 (coefficient (corrector, score, 1, 0)));
}

Test (corrector, each_keeps_a_gaussian_up_to_its_step)
{
  const double sd = 0.8, c = 1.3;
  sb_process *smld = scoped (sb_smld_alloc (1, 2, 0.1, sd));
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_of (0), matrix_of (1, 1, c - sd * sd)));
  sb_score *score = scoped (sb_score_exact_alloc (law, smld));
  for (double step = 0.05; step < 1.5; step *= 2)
    {
      const sb_corrector constant = { .type = sb_corrector_constant, .epsilon = step },
                         fixed = { .type = sb_corrector_fixed, .epsilon = step };
      cr_assert_float_eq (rests_at (&constant, score), c / (1 - step / (2 * c)), 1e-12 * c);
      cr_assert_float_eq (rests_at (&fixed, score), c / (1 - step * sd * sd / (2 * c)), 1e-12 * c);
      for (size_t leaps = 1; leaps <= 7; leaps++)
        {
          const sb_corrector hmc = { .type = sb_corrector_hmc, .epsilon = step, .leaps = leaps };
          const double wanted = c / (1 - gsl_pow_2 (step * sd) / (4 * c)), v = rests_at (&hmc, score);
          cr_assert_float_eq (v, wanted, 1e-11 * c, "%zu leaps of %g: %.15g, not %.15g", leaps, step, v, wanted);
        }
    }
}

// $L$ leaps take $L$ evaluations of the score; none, or one of no length, is refused.

Test (corrector, leaps_are_counted)
{
  sb_process *smld = scoped (sb_smld_alloc (2, 2, 0.1, 0.5));
  double g = 1;
  sb_score *score = scoped (sb_score_alloc (&constant_score_type, &g, smld));
  sb_sampler_work *work = scoped (sb_sampler_work_alloc (score, 3));
  sb_corrector hmc = { .type = sb_corrector_hmc, .epsilon = 0.1, .leaps = 4 };
  gsl_matrix *x = matrix_all (3, 2, 0);
  ok (sb_corrector_apply (&hmc, work, NULL, 0, 1, normals (3, 2, 1), x));
  cr_assert_eq (work->evaluations, 4);
  hmc.leaps = 0;
  refused (GSL_EDOM, sb_corrector_apply (&hmc, work, NULL, 0, 1, NULL, x));
  hmc.leaps = 1;
  const double bad[] = { 0, -1, GSL_NAN, GSL_POSINF };
  for (size_t k = 0; k < 4; k++)
    {
      hmc.epsilon = bad[k];
      refused (GSL_EDOM, sb_corrector_apply (&hmc, work, NULL, 0, 1, NULL, x));
    }
}

// Its line says how long a leap is and how many there are.

Test (corrector, hmc_is_what_its_line_says)
{
  double key[SB_KEYS_MOST];
  sb_corrector hmc = { .type = sb_corrector_hmc };
  cr_assert_eq ((const sb_entry *)sb_corrector_hmc, sb_entry_read (sb_correctors, "corrector", "hmc", key, NULL));
  hmc.type->set (key, &hmc);
  cr_assert (hmc.epsilon == 0.3 && hmc.leaps == 5);
  cr_assert_not_null (sb_entry_read (sb_correctors, "corrector", "hmc step=0.2 leaps=7", key, NULL));
  hmc.type->set (key, &hmc);
  cr_assert (hmc.epsilon == 0.2 && hmc.leaps == 7);
  const char *const bad[] = { "hmc leaps=0", "hmc leaps=1.5", "hmc step=0", "hmc step=-1" };
  for (size_t k = 0; k < 4; k++)
    cr_assert_null (sb_entry_read (sb_correctors, "corrector", bad[k], key, NULL), "%s", bad[k]);
}

// And Langevin's the ratio, the norm and the factor.

Test (corrector, langevin_is_what_its_line_says)
{
  double key[SB_KEYS_MOST];
  sb_corrector langevin = { .type = sb_corrector_langevin };
  cr_assert_not_null (sb_entry_read (sb_correctors, "corrector", "langevin", key, NULL));
  langevin.type->set (key, &langevin);
  cr_assert (langevin.snr == 0.16 && langevin.norm == SB_NORM_BATCH && langevin.alpha == SB_ALPHA_STEP);
  cr_assert_not_null (
      sb_entry_read (sb_correctors, "corrector", "langevin snr=0.2 norm=root-d alpha=cumulative", key, NULL));
  langevin.type->set (key, &langevin);
  cr_assert (langevin.snr == 0.2 && langevin.norm == SB_NORM_ROOT_D && langevin.alpha == SB_ALPHA_CUMULATIVE);
}

// The mean square of particles after so many steps at the one level.

static double
square_after (sb_corrector corrector, size_t steps, gsl_matrix *x)
{
  const recursion data = on_a_point (x->size2);
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, (void *)&data, data.process));
  const sb_pc pc = { .step = sb_step_none,
                     .corrector = corrector,
                     .corrector_steps = steps,
                     .order = SB_CORRECTOR_FIRST,
                     .final = SB_FINAL_SAMPLE };
  ok (sb_pc_sample (&pc, score, NULL, vector_of (1, 0), (sb_stream){ .seed = 9 }, x, NULL));
  double sum = 0;
  for (size_t i = 0; i < x->size1 * x->size2; i++)
    sum += gsl_pow_2 (x->data[i]);
  return sum / (double)(x->size1 * x->size2);
}

// The same with 200 particles in 1000 dimensions, of which the batch-averaged norms have little scatter: 40 steps of r
// = .3 forget their start by a factor of $10^5$. Of $2\cdot10^{5}$ numbers the mean square has a relative standard
// error of .0032; the bound is 6 of these, and .01 for the randomness of the step size. [scoresde.alg4]

Test (corrector, langevin_rests_particles)
{
  sb_corrector corrector = { .type = sb_corrector_langevin, .snr = 0.3, .norm = SB_NORM_BATCH };
  double ratio = square_after (corrector, 40, normals (200, 1000, 7)) / 0.49;
  cr_assert_float_eq (ratio / 1.09, 1, 6 * sqrt (2 / 2e5) + 0.01, "variance over c: %g", ratio);
}

// ## The fixed step, Eq. (2)
//
// One step takes the variance v to $(1-\epsilon/c)^2v + 2\epsilon$, and rests at $c/(1-\epsilon/2c)$: [scoresde.eq2]
// the excess, $\epsilon/2c$ over itself taken from 1, halves with $\epsilon$. [scoresde.txt-langevin-limit] Were the
// convention $(\epsilon/2, \sqrt\epsilon)$, the rest would be $c/(1-\epsilon/4c)$.

Test (corrector, fixed_step_rests_where_theory_says)
{
  sb_process *smld = scoped (sb_smld_alloc (1, 10, 0.01, 2));
  double c = 4.25, previous = 0;
  for (double share = 0.4; share > 0.02; share /= 2)
    {
      sb_corrector corrector = { .type = sb_corrector_fixed, .epsilon = share * c / 4 }; // sigma_10^2 = 4
      double v = rest (smld, &corrector, 0.25, 1), truth = c / (1 - share / 2), excess = v / c - 1;
      cr_assert_float_eq (v / truth, 1, 1e-12, "epsilon = %g c: %.15g, not %.15g", share, v, truth);
      cr_assert_float_eq (excess, share / 2 / (1 - share / 2), 1e-11);
      if (share < 0.06)
        cr_assert_float_eq (previous / excess, 2, 0.06, "halving epsilon divides the excess by %g", previous / excess);
      previous = excess;
    }
}

// With $10^5$ chains of 60 steps, $\epsilon = c/5$: the variance over $c/.9$ is 1 within 6 standard errors
// $\sqrt{2/n}$. [scoresde.eq2]

Test (corrector, fixed_step_particles)
{
  sb_corrector corrector = { .type = sb_corrector_fixed, .epsilon = 0.2 };
  double ratio = square_after (corrector, 60, matrix_all (1000, 100, 0)) / (0.49 / 0.9);
  cr_assert_float_eq (ratio, 1, 6 * sqrt (2 / 1e5), "%g", ratio);
}

// ## What callers can do wrong

static int
status_of (sb_corrector corrector, const sb_process *process, double g, double s, double t, size_t d, size_t z_rows)
{
  return step (&corrector, process, g, s, t, matrix_all (z_rows, d, 1), matrix_all (2, d, 0));
}

Test (corrector, wrong_arguments)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  const sb_corrector correctors[] = { { .type = sb_corrector_langevin, .snr = 0.1 },
                                      { .type = sb_corrector_langevin, .snr = 0.1, .norm = SB_NORM_ROW },
                                      { .type = sb_corrector_fixed, .epsilon = 0.1 } };
  for (int i = 0; i < 3; i++)
    {
      sb_corrector c = correctors[i];
      ok (status_of (c, vp, 1, 0.3, 0.4, 2, 2));
      ok (status_of (c, vp, 1, 0.4, 0.4, 2, 2));
      refused (GSL_EBADLEN, status_of (c, vp, 1, 0.3, 0.4, 3, 2));
      refused (GSL_EBADLEN, status_of (c, vp, 1, 0.3, 0.4, 2, 3));
      refused (GSL_EDOM, status_of (c, vp, 1, 0.5, 0.4, 2, 2));
      refused (GSL_EDOM, status_of (c, vp, 1, 0.3, 1.4, 2, 2));
      refused (GSL_EBADFUNC, status_of (c, vp, GSL_NAN, 0.3, 0.4, 2, 2));
      refused (GSL_EBADFUNC, status_of (c, vp, GSL_NEGINF, 0.3, 0.4, 2, 2));
      const double bad[] = { 0, -1, GSL_NAN, GSL_POSINF };
      for (int k = 0; k < 4; k++)
        {
          c.snr = c.epsilon = bad[k];
          refused (GSL_EDOM, status_of (c, vp, 1, 0.3, 0.4, 2, 2), "%s: %g", c.type->entry.name, bad[k]);
        }
      c = correctors[i];
      gsl_matrix *x = matrix_all (2, 2, 0), *noisy = matrix_all (2, 2, 0), *ones = matrix_all (2, 2, 1);
      ok (step (&c, vp, 1, 0.3, 0.4, NULL, x), "the mean");
      ok (step (&c, vp, 1, 0.3, 0.4, ones, noisy));
      const double epsilon = gsl_matrix_get (x, 0, 0); // of a score of ones, and of normals of ones
      cr_assert_float_eq (gsl_matrix_get (noisy, 1, 0), epsilon + sqrt (2 * epsilon), 1e-14);
      x = matrix (0, 2);
      ok (step (&c, vp, 1, 0.3, 0.4, x, x));
    }
}

// Where the score vanishes no step size has the ratio r: that is an error which is named, not a NaN. A batch whose
// norms are averaged may have some rows with no score; with each row's own norms, one is enough. The fixed step does
// not mind.

static int
vanishing_status (sb_corrector corrector, double first, double second)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  const recursion data = { .process = vp, .lambda = vector_of (1), .factor = 1 };
  sb_score *score = scoped (sb_score_alloc (&recursion_score_type, (void *)&data, vp));
  gsl_matrix *x = matrix_of (2, 1, first, second);
  int status = take_correction (&corrector, score, NULL, 0.3, 0.4, matrix_of (2, 1, 1, -1), x);
  cr_assert (status != GSL_SUCCESS || (gsl_finite (x->data[0]) && gsl_finite (x->data[1])));
  return status;
}

Test (corrector, the_score_vanishes)
{
  sb_corrector batch = { .type = sb_corrector_langevin, .snr = 0.1, .norm = SB_NORM_BATCH };
  sb_corrector row = { .type = sb_corrector_langevin, .snr = 0.1, .norm = SB_NORM_ROW };
  sb_corrector fixed = { .type = sb_corrector_fixed, .epsilon = 0.1 };
  refused (GSL_EZERODIV, vanishing_status (batch, 0, 0));
  ok (vanishing_status (batch, 0, 1));
  refused (GSL_EZERODIV, vanishing_status (row, 0, 1));
  ok (vanishing_status (row, 1, 1));
  ok (vanishing_status (fixed, 0, 0));
}

// Both step sizes are told by numbers: a process with matrices for maps has none.

Test (corrector, matrix_maps)
{
  linear state = { .F = { -1, 0.5, 0, -1 }, .G = { 1, 0, 0.5, 1 }, .covariance = { 1, 0, 0, 1 } };
  sb_process *process = linear_alloc (&state);
  sb_corrector langevin = { .type = sb_corrector_langevin, .snr = 0.1 };
  sb_corrector fixed = { .type = sb_corrector_fixed, .epsilon = 0.1 };
  refused (GSL_EUNSUP, status_of (langevin, process, 1, 0.3, 0.4, 2, 2));
  refused (GSL_EUNSUP, status_of (fixed, process, 1, 0.3, 0.4, 2, 2));
}

// ## Under a corruption
//
// Where there is one noise and no kernel between two positive times, $\epsilon$ is one number and $\alpha = 1$: by
// hand, whether the operator has a basis or not.

Test (corrector, of_a_corruption)
{
  static const char *const lines[]
      = { "soft image=1x2x3 half=4 knots=0.01,2", "soft image=1x2x3 half=4 knots=0.01,2 boundary=symmetric" };
  gsl_matrix *C = matrix (6, 6);
  gsl_matrix_set_identity (C);
  for (int k = 0; k < 2; k++)
    {
      sb_process *process = scoped (sb_process_from_text (lines[k], 6, NULL));
      sb_score *score
          = scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_all (6, 0.3), C)), process));
      const sb_entry *entry;
      for (size_t c = 0; (entry = sb_correctors (c)); c++)
        {
          gsl_matrix *x = normals (1, 6, 3), *from = copy_of (x), *z = normals (1, 6, 4), *g = matrix (1, 6);
          double key[SB_KEYS_MOST];
          sb_corrector corrector = { .type = (const sb_corrector_type *)entry };
          sb_entry_usual (entry, key);
          corrector.type->set (key, &corrector);
          corrector.leaps = 1;
          ok (sb_score_evaluate (score, SB_SCORE, x, vector_of (0.7), NULL, g));
          ok (take_correction (&corrector, score, NULL, 0.6, 0.7, z, x), "%s", entry->name);
          const double r = 0.16 * cblas_dnrm2 (6, z->data, 1) / cblas_dnrm2 (6, g->data, 1),
                       epsilon = strcmp (entry->name, "langevin") == 0 ? 2 * r * r
                                 : strcmp (entry->name, "hmc") == 0    ? gsl_pow_2 (0.3 * 0.1) / 2
                                 : strcmp (entry->name, "fixed") == 0  ? 0.05 * 0.01
                                                                       : 1e-3;
          for (size_t j = 0; j < 6; j++)
            cr_assert_float_eq (gsl_matrix_get (x, 0, j),
                                gsl_matrix_get (from, 0, j) + epsilon * gsl_matrix_get (g, 0, j)
                                    + sqrt (2 * epsilon) * gsl_matrix_get (z, 0, j),
                                1e-12, "%s, %s", lines[k], entry->name);
        }
    }
}

// ## Two VPs side by side
//
// Preconditioned by parts, $\epsilon_k \propto \alpha_k\varsigma_k^2$, it is a Langevin chain for the law at $t$ all
// the same. A coordinate of variance $v_k$ is multiplied by $1 - \epsilon_k/v_k$ in each step and gets noise of
// variance $2\epsilon_k$, so that it ends at $v_k/(1 - \epsilon_k/2v_k)$: that of $n$ chains, within $4.9\sqrt{2/n}$.
// In the last step one row is without noise, and says what $\epsilon_k$ is.

Test (corrector, leaves_the_law_of_two_parts)
{
  enum
  {
    ROWS = 40000,
    STEPS = 300
  };
  const double t = 0.3, of_data[] = { 4, 0.25 };
  sb_process *block[] = { sb_vp_alloc (1, 0.1, 20), sb_vp_alloc (1, 0.05, 1) };
  sb_process *process = scoped (sb_nonuniform_alloc ("two", 2, block, 1e-5, 1, NULL));
  sb_target *law
      = scoped (sb_target_gaussian_alloc (vector_all (2, 0), matrix_of (2, 2, of_data[0], 0., 0., of_data[1])));
  sb_score *score = scoped (sb_score_exact_alloc (law, process));
  const sb_corrector corrector
      = { .type = sb_corrector_langevin, .snr = 0.2, .norm = SB_NORM_BATCH, .alpha = SB_ALPHA_CUMULATIVE };
  gsl_matrix *x = normals (ROWS, 2, 1), *z = matrix (ROWS, 2);
  double a[2], sd[2], before[2], epsilon[2];
  for (size_t step = 0; step < STEPS; step++)
    {
      ok (sb_stream_normals ((sb_stream){ .seed = 2, .purpose = SB_FOR_USER }, 2 * step, z));
      for (size_t k = 0; k < 2; k++)
        {
          gsl_matrix_set (z, 0, k, step + 1 < STEPS ? gsl_matrix_get (z, 0, k) : 0);
          before[k] = gsl_matrix_get (x, 0, k);
        }
      ok (take_correction (&corrector, score, NULL, t, t, z, x));
    }
  ok (sb_process_numbers (process, SB_A, 0, t, a));
  ok (sb_process_numbers (process, SB_S, 0, t, sd));
  for (size_t k = 0; k < 2; k++)
    {
      const double v = gsl_pow_2 (a[k]) * of_data[k] + gsl_pow_2 (sd[k]);
      gsl_vector_const_view column = gsl_matrix_const_column (x, k);
      epsilon[k] = v * (1 - gsl_matrix_get (x, 0, k) / before[k]);
      const double found = gsl_stats_variance (column.vector.data, column.vector.stride, ROWS),
                   expected = v / (1 - epsilon[k] / (2 * v));
      cr_assert_lt (fabs (found / expected - 1), 4.9 * sqrt (2. / ROWS), "part %zu: %g, not %g", k, found, expected);
    }
  cr_assert_float_eq (epsilon[0] / epsilon[1] / gsl_pow_2 (a[0] * sd[0] / (a[1] * sd[1])), 1, 1e-10);
  cr_assert_gt (fabs (log (epsilon[0] / epsilon[1])), 1); // they differ
}
