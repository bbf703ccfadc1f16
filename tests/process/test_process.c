// # What must be true of any process
//
// The functions of process.h and the adaptor for scalars, on processes made for the purpose: one whose maps are
// matrices that are not symmetric, so that a transposition shows, and one of numbers that are easy to tell apart.

#include "process/process.h"
#include "base/stream.h"
#include "process/ddpm.h"
#include "process/kinds.h"
#include "process/scalar.h"
#include "process/smld.h"
#include "process/vp.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>

SUITE (process);

// ## A process of matrices, d = 2
//
// $A(s,t) = \mathbf{I} + (t - s) N$, $S(s,t) = (t - s)(\mathbf{I} + N)$ with $N =
// \begin{pmatrix}0&2\\0&0\end{pmatrix}$.

static int
shear_apply (const void *released, sb_process_map map, CBLAS_TRANSPOSE_t transpose, const gsl_vector *s,
             const gsl_vector *t, gsl_matrix *x)
{
  (void)released;
  if (map != SB_A && map != SB_S)
    return GSL_EUNSUP;
  for (size_t i = 0; i < x->size1; i++)
    {
      double h = gsl_vector_get (t, i) - (s ? gsl_vector_get (s, i) : 0);
      double diagonal = map == SB_A ? 1 : h, above = 2 * h;
      double p = gsl_matrix_get (x, i, 0), q = gsl_matrix_get (x, i, 1);
      gsl_matrix_set (x, i, 0, transpose == CblasNoTrans ? diagonal * p + above * q : diagonal * p);
      gsl_matrix_set (x, i, 1, transpose == CblasNoTrans ? diagonal * q : above * p + diagonal * q);
    }
  return GSL_SUCCESS;
}

static void
count_release (void *released)
{
  ++*(int *)released;
}

static const sb_process_type shear = { .name = "shear", .apply = shear_apply, .free = count_release };

// A transition is $\mathbf x + (A - \mathbf I)\,\mathbf x + S\mathbf z$, each row with its own two times.
// [scoresde.eq41]

Test (process, transition_is_the_map_and_the_noise)
{
  int released = 0;
  sb_process *process = sb_process_alloc (&shear, &released, 2, 0, 1, 0);
  gsl_matrix *x = matrix_of (2, 2, 1, 2, 3, 4), *z = matrix_of (2, 2, 10, 20, 30, 40);
  gsl_vector *t = vector_of (0.5, 1);
  ok (sb_process_transition (process, vector_of (0, 0.25), t, z, x));
  double expected[] = { 1 + 2 + 5 + 20, 2 + 10, 3 + 1.5 * 4 + 22.5 + 60, 4 + 30 };
  for (int k = 0; k < 4; k++)
    {
      cr_assert_float_eq (x->data[k], expected[k], 1e-14);
      cr_assert_eq (z->data[k], 10 * (k + 1));
    }

  gsl_matrix *alone = matrix_of (1, 2, 1, 2);
  ok (sb_process_transition (process, vector_of (0), vector_of (0.5), matrix_of (1, 2, 10, 20), alone));
  cr_assert (alone->data[0] == x->data[0] && alone->data[1] == x->data[1]);

  gsl_matrix *mean = matrix_of (2, 2, 1, 2, 3, 4);
  ok (sb_process_transition (process, NULL, t, NULL, mean));
  double expected_mean[] = { 1 + 2, 2, 3 + 8, 4 };
  for (int k = 0; k < 4; k++)
    cr_assert_float_eq (mean->data[k], expected_mean[k], 1e-14);
  sb_process_free (process);
  cr_assert_eq (released, 1);
}

// Transposed, a map is transposed. (Of the library's own: tests/conformance/test_processes.c.)

Test (process, a_map_is_transposed)
{
  static int released;
  sb_process *process = scoped (sb_process_alloc (&shear, &released, 2, 0, 1, 0));
  gsl_matrix *x = matrix_of (1, 2, 1, 2);
  ok (sb_process_apply (process, SB_A, CblasTrans, vector_of (0.25), vector_of (1), x));
  cr_assert (x->data[0] == 1 && x->data[1] == 1.5 * 1 + 2);
}

// ## Numbers that are easy to tell apart
//
// $a = 2 + s$, $v = 9(t - s)$, $f = -5t$, $g = 7t$, and a prior of deviation 3.

static double
toy_mean (const void *parameters, double s, double t)
{
  (void)t;
  return *(const double *)parameters + s;
}

static double
toy_variance (const void *parameters, double s, double t)
{
  (void)parameters;
  return 9 * (t - s);
}

static double
toy_drift (const void *parameters, double t)
{
  (void)parameters;
  return -5 * t;
}

static double
toy_diffusion (const void *parameters, double t)
{
  (void)parameters;
  return t > 0 ? 7 * t : GSL_NAN;
}

static double
toy_prior_sd (const void *parameters)
{
  (void)parameters;
  return 3;
}

static const sb_scalar_type toy_type = { .name = "toy",
                                         .mean = toy_mean,
                                         .variance = toy_variance,
                                         .drift = toy_drift,
                                         .diffusion = toy_diffusion,
                                         .prior_sd = toy_prior_sd };
static const sb_scalar_type other_type = { .name = "other" };

static sb_process *
toy_alloc (size_t dimension)
{
  double *parameters = malloc (sizeof *parameters);
  *parameters = 2;
  return scoped (sb_scalar_alloc (&toy_type, parameters, dimension, 0.125, 2, 0));
}

// What a process's function returns is returned.

static int
no_deviation (const void *state, double *sd)
{
  (void)state, (void)sd;
  return GSL_ERUNAWAY;
}

Test (process, failure_of_the_prior_is_passed_on)
{
  static const sb_process_type type = { .name = "without a prior after all", .prior_sd = no_deviation };
  sb_process *process = scoped (sb_process_alloc (&type, NULL, 2, 0, 1, 0));
  gsl_matrix *x = matrix (3, 2);
  process->parts = 1;
  refused (GSL_ERUNAWAY, sb_process_prior (process, (sb_stream){ 0 }, x));
  refused (GSL_ERUNAWAY, sb_process_prior_log_density (process, x, vector (3)));
}

Test (process, scalar_maps_multiply_rows)
{
  sb_process *toy = toy_alloc (3);
  sb_process_map maps[] = { SB_A, SB_A_INVERSE, SB_S, SB_S_INVERSE, SB_F, SB_G };
  double expected[][2] = { { 2, 3 }, { 0.5, 1 / 3.0 }, { 3, 1.5 }, { 1 / 3.0, 1 / 1.5 }, { -5, -6.25 }, { 7, 8.75 } };
  gsl_vector *s = vector_of (0, 1), *t = vector_of (1, 1.25);
  for (int m = 0; m < 6; m++)
    {
      // a block of a wider matrix: what lies beside it stays
      gsl_matrix *wide = matrix_all (2, 5, 6);
      gsl_matrix_view x = gsl_matrix_submatrix (wide, 0, 1, 2, 3);
      ok (sb_process_apply (toy, maps[m], CblasNoTrans, s, t, &x.matrix));
      for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 5; k++)
          cr_assert_float_eq (gsl_matrix_get (wide, i, k), 1 <= k && k <= 3 ? 6 * expected[m][i] : 6, 1e-13,
                              "map %d, row %zu, column %zu", m, i, k);
    }
}

// Rows may share their times with the row above, or one of the two, or none: each gets its own number all the same.

Test (process, rows_keep_their_own_times)
{
  gsl_vector *s = vector_of (0, 0, 0, 0.5, 0.5, 0.25, 0.25, 1, 0);
  gsl_vector *t = vector_of (1, 1, 2, 2, 2, 2, 0.25, 1.25, 1);
  sb_process *toy = toy_alloc (1);
  sb_process_map maps[] = { SB_A, SB_S, SB_F, SB_G };
  for (int m = 0; m < 4; m++)
    for (int from_zero = 0; from_zero < 2; from_zero++)
      {
        gsl_matrix *x = matrix_all (9, 1, 1);
        const gsl_vector *from = from_zero ? NULL : s;
        ok (sb_process_apply (toy, maps[m], CblasNoTrans, from, t, x));
        for (size_t i = 0; i < 9; i++)
          {
            double start = from_zero ? 0 : s->data[i];
            double number[] = { 2 + start, 3 * sqrt (t->data[i] - start), -5 * t->data[i], 7 * t->data[i] };
            cr_assert_float_eq (gsl_matrix_get (x, i, 0), number[m], 1e-14, "map %d, row %zu", m, i);
          }
      }
}

// $\log|\det S|$ and $\operatorname{tr} F$ count every dimension; the start is 0 where none is given.

Test (process, determinant_and_trace)
{
  sb_process *toy = toy_alloc (4);
  gsl_vector *t = vector_of (1, 1.25), *out = vector (2);
  ok (sb_process_log_det (toy, vector_of (0, 1), t, out));
  cr_assert_float_eq (out->data[0], log (81), 1e-14);
  cr_assert_float_eq (out->data[1], log (1.5 * 1.5 * 1.5 * 1.5), 1e-14);
  ok (sb_process_log_det (toy, NULL, t, out));
  cr_assert_float_eq (gsl_vector_get (out, 1), 4 * log (3 * sqrt (1.25)), 1e-14);
  ok (sb_process_trace (toy, t, out));
  cr_assert (out->data[0] == -20 && out->data[1] == -25);
}

// ## The prior
//
// A draw is the stream's normals, scaled, so it does not depend on how a batch is cut; its density is a product of
// normal densities.

Test (process, prior_is_the_stream_scaled)
{
  sb_process *toy = toy_alloc (3);
  gsl_matrix *x = matrix (4, 3), *z = matrix (4, 3), *last = matrix (1, 3);
  gsl_vector *log_prior = vector (4);
  sb_stream stream = { .seed = 6, .purpose = SB_FOR_PRIOR, .index = 10 };
  ok (sb_stream_normals (stream, 0, z));
  ok (sb_process_prior (toy, stream, x));
  ok (sb_process_prior (toy, sb_stream_skip (stream, 3), last));
  ok (sb_process_prior_log_density (toy, x, log_prior));
  for (size_t i = 0; i < 4; i++)
    {
      double density = 1;
      for (size_t k = 0; k < 3; k++)
        {
          double x_ik = gsl_matrix_get (x, i, k);
          cr_assert_eq (x_ik, 3 * gsl_matrix_get (z, i, k));
          cr_assert (i < 3 || x_ik == gsl_matrix_get (last, 0, k));
          density *= gsl_ran_gaussian_pdf (x_ik, 3);
        }
      cr_assert_float_eq (gsl_vector_get (log_prior, i), log (density), 1e-13);
    }
}

// ## The SDEs and the chains

static sb_process *
sde (size_t k)
{
  static const char *const kinds[] = { "ve sigma_max=20", "vp", "subvp" };
  return scoped (sb_process_from_text (kinds[k], 1, NULL));
}

// A chain's step is $\mathbf{x}_{i+1} = \mathbf{x}_i + f_i\,\mathbf{x}_i + G_i \mathbf{z}_i$ with $f_i = \sqrt{1 -
// \beta_{i+1}} - 1$, $G_i = \sqrt{\beta_{i+1}}$ (DDPM) or $f_i = 0$, $G_i = \sqrt{\sigma_{i+1}^2 - \sigma_i^2}$ (SMLD).
// Read off a transition of two rows, one at 1 without noise and one at 0 with a normal of 1; composed over all $N$
// steps they have the moments of the kernel. [scoresde.eq41]

static void
step_coefficients (const sb_process *chain, size_t i, double *f, double *G)
{
  const double from = (double)i / (double)chain->levels, to = (double)(i + 1) / (double)chain->levels;
  gsl_matrix *x = matrix_of (2, 1, 1, 0);
  ok (sb_process_transition (chain, vector_all (2, from), vector_all (2, to), matrix_of (2, 1, 0, 1), x));
  *f = x->data[0] - 1;
  *G = x->data[1];
}

Test (process, chains_are_the_discretisation_of_the_paper)
{
  enum
  {
    N = 1000
  };
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, N, 0.1, 20)), *smld = scoped (sb_smld_alloc (1, N, 0.01, 50));
  double mean = 1, variance = 0, alpha = 1, gathered = 0, f, G;
  for (size_t i = 0; i < N; i++)
    {
      double beta = sb_ddpm_beta (ddpm, i + 1);
      step_coefficients (ddpm, i, &f, &G);
      cr_assert_float_eq (f, sqrt (1 - beta) - 1, 1e-15);
      cr_assert_float_eq (G, sqrt (beta), 1e-15);
      mean += f * mean;
      variance = gsl_pow_2 (1 + f) * variance + G * G;
      alpha *= 1 - beta;

      double increment = gsl_pow_2 (sb_smld_sigma (smld, i + 1)) - gsl_pow_2 (sb_smld_sigma (smld, i));
      step_coefficients (smld, i, &f, &G);
      cr_assert_eq (f, 0);
      cr_assert_float_eq (G * G / increment, 1, 1e-12);
      gathered += G * G;
    }
  cr_assert_float_eq (mean, sqrt (alpha), 1e-12);
  cr_assert_float_eq (variance, 1 - alpha, 1e-12);
  cr_assert_float_eq (gathered / 2500, 1, 1e-12);
}

// Rows are at levels of their own, and without normals $\mathbf{x}_i + f_i\,\mathbf{x}_i$ is left. [scoresde.eq41]

Test (process, rows_take_a_step_from_their_own_levels)
{
  enum
  {
    N = 1000
  };
  sb_process *const chains[] = { scoped (sb_ddpm_alloc (2, N, 0.1, 20)), scoped (sb_smld_alloc (2, N, 0.01, 50)) };
  const size_t level[] = { 3, 999, 500 };
  const gsl_matrix *x = normals (3, 2, 5), *z = normals (3, 2, 6);
  for (int smld = 0; smld < 2; smld++)
    for (int noisy = 0; noisy < 2; noisy++)
      {
        gsl_matrix *next = copy_of (x);
        ok (sb_process_transition (chains[smld], vector_of (.003, .999, .5), vector_of (.004, 1, .501),
                                   noisy ? z : NULL, next));
        for (size_t i = 0; i < 3; i++)
          {
            const double beta = smld ? 0 : sb_ddpm_beta (chains[0], level[i] + 1),
                         v = smld ? gsl_pow_2 (sb_smld_sigma (chains[1], level[i] + 1))
                                        - gsl_pow_2 (sb_smld_sigma (chains[1], level[i]))
                                  : beta;
            for (size_t j = 0; j < 2; j++)
              cr_assert_float_eq (gsl_matrix_get (next, i, j),
                                  sqrt (1 - beta) * gsl_matrix_get (x, i, j)
                                      + (noisy ? sqrt (v) * gsl_matrix_get (z, i, j) : 0),
                                  1e-12, "%s, row %zu", chains[smld]->type->name, i);
          }
      }
}

// The drift is Lipschitz in $\mathbf{x}$ with constant $\frac12\bar\beta_{\max} = 10$ (VP and sub-VP), 0 (VE), on
// $10^4$ pairs of points; and $g$ in time on $[\epsilon, 1]$, where its largest difference quotient does not move as
// the grid is refined. [scoresde.txt-lipschitz]

static double
steepest (const sb_process *process, int N)
{
  double worst = 0, h = (1 - process->t_min) / N, before = number_of (process, SB_G, 0, process->t_min);
  for (int i = 1; i <= N; i++)
    {
      double g = number_of (process, SB_G, 0, GSL_MIN (1, process->t_min + h * i));
      worst = larger (worst, fabs (g - before) / h);
      before = g;
    }
  return worst;
}

Test (process, coefficients_are_lipschitz)
{
  enum
  {
    PAIRS = 10000
  };
  const double bound[] = { 0, 10, 10 };
  gsl_matrix *t = matrix (PAIRS, 1);
  gsl_vector_view times = gsl_matrix_column (t, 0);
  ok (sb_stream_uniforms ((sb_stream){ .seed = 8, .purpose = SB_FOR_PROBE }, 0, t));
  for (size_t p = 0; p < 3; p++)
    {
      const sb_process *process = sde (p);
      gsl_matrix *x = normals (PAIRS, 1, 8), *y = normals (PAIRS, 1, 9), *moved = copy_of (x);
      gsl_matrix_sub (moved, y);
      ok (sb_process_apply (process, SB_F, CblasNoTrans, NULL, &times.vector, x));
      ok (sb_process_apply (process, SB_F, CblasNoTrans, NULL, &times.vector, y));
      gsl_matrix_sub (x, y);
      double steepest_drift = 0;
      for (size_t i = 0; i < PAIRS; i++)
        steepest_drift = larger (steepest_drift, fabs (gsl_matrix_get (x, i, 0) / gsl_matrix_get (moved, i, 0)));
      cr_assert_leq (steepest_drift, bound[p]);
      cr_assert_geq (steepest_drift, 0.99 * bound[p]); // and the bound is no larger than need be

      // near epsilon the g of sub-VP bends like a square root, within its first thousandth: the grid must see it
      double coarse = steepest (process, 200000), fine = steepest (process, 400000);
      cr_assert_float_eq (fine / coarse, 1, 0.01, "%s: %g to %g", process->type->name, coarse, fine);
    }
}

// ## Levels
//
// Whatever way a time was come by, $i/N$, $1 - (N - i)/N$ or $i$ additions of $1/N$, it is level $i$; between levels
// there is none.

Test (process, levels_are_found_in_spite_of_rounding)
{
  sb_process *ddpm = scoped (sb_ddpm_alloc (1, 1000, 0.1, 20));
  double added = 0;
  for (size_t i = 0; i <= 1000; i++, added += 1e-3)
    {
      size_t level[3];
      ok (sb_process_level (ddpm, (double)i / 1000, &level[0]));
      ok (sb_process_level (ddpm, 1 - (double)(1000 - i) / 1000, &level[1]));
      ok (sb_process_level (ddpm, GSL_MIN (added, 1), &level[2]));
      cr_assert (level[0] == i && level[1] == i && level[2] == i);
    }
  size_t level;
  const double between[] = { 0.0005, 0.50000001, 0.49999999, 1.001 };
  for (int k = 0; k < 4; k++)
    refused (GSL_EDOM, sb_process_level (ddpm, between[k], &level), "%g", between[k]);

  static const sb_process_type single_type = { .name = "single" };
  sb_process *single = scoped (sb_process_alloc (&single_type, NULL, 1, 1, 1, 1));
  ok (sb_process_level (single, 1, &level));
  cr_assert_eq (level, (size_t)1);
  refused (GSL_EDOM, sb_process_level (single, 0.5, &level));

  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  refused (GSL_EUNSUP, sb_process_level (vp, 0.5, &level));
  double t;
  ok (sb_process_time (ddpm, 1, &t));
  refused (GSL_EDOM, sb_process_time (ddpm, ddpm->levels + 1, &t));
  refused (GSL_EUNSUP, sb_process_time (vp, 0, &t));
}

// ## Bad input

Test (process, refuses_times_that_are_none)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20)), *ddpm = scoped (sb_ddpm_alloc (1, 10, 0.1, 2));
  double bad[][2] = { { 0.5, 0.4 }, { -0.1, 0.5 }, { 0.5, 1.1 }, { GSL_NAN, 0.5 }, { 0.5, GSL_NAN } };
  for (int k = 0; k < 5; k++)
    {
      double a, sd;
      gsl_vector *s = vector_of (0, bad[k][0]), *t = vector_of (0.5, bad[k][1]);
      gsl_matrix *x = matrix_of (2, 1, 1, 1);
      refused (GSL_EDOM, sb_process_scalars (vp, bad[k][0], bad[k][1], &a, &sd));
      refused (GSL_EDOM, sb_process_apply (vp, SB_A, CblasNoTrans, s, t, x));
      refused (GSL_EDOM, sb_process_log_det (vp, s, t, t));
      refused (GSL_EDOM, sb_process_transition (vp, s, t, x, x));
    }
  double a, sd;
  gsl_vector *late = vector_of (1.5);
  refused (GSL_EDOM, sb_process_trace (vp, late, late));
  refused (GSL_EDOM, sb_process_scalars (ddpm, 0.05, 0.5, &a, &sd));
  refused (GSL_EDOM, sb_process_scalars (ddpm, 0.1, 0.55, &a, &sd));
  ok (sb_process_scalars (ddpm, 0.1, 0.5, &a, &sd));
}

// For F and G the start is not looked at.

Test (process, drift_and_diffusion_ignore_the_start)
{
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  ok (sb_process_apply (vp, SB_F, CblasNoTrans, vector_of (7, 8), vector_of (0.25), matrix_of (1, 1, 1)));
  ok (sb_process_apply (vp, SB_G, CblasNoTrans, vector_of (7, 8), vector_of (0.25), matrix_of (1, 1, 1)));
}

Test (process, refuses_shapes_that_do_not_fit)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  gsl_matrix *x = matrix_all (3, 2, 0), *wide = matrix_all (3, 4, 0);
  gsl_vector *t = vector_all (3, 0.5), *two = vector_all (2, 0);
  refused (GSL_EBADLEN, sb_process_apply (vp, SB_A, CblasNoTrans, NULL, t, wide));
  refused (GSL_EBADLEN, sb_process_apply (vp, SB_A, CblasNoTrans, NULL, two, x));
  refused (GSL_EBADLEN, sb_process_apply (vp, SB_A, CblasNoTrans, two, t, x));
  refused (GSL_EBADLEN, sb_process_transition (vp, NULL, t, matrix_all (2, 2, 0), x));
  refused (GSL_EBADLEN, sb_process_transition (vp, NULL, t, wide, x));
  refused (GSL_EBADLEN, sb_process_transition_in_place (vp, NULL, t, matrix_all (2, 2, 0), x));
  refused (GSL_EBADLEN, sb_process_transition_in_place (vp, NULL, t, wide, x));
  refused (GSL_EINVAL, sb_process_apply (vp, (sb_process_map)(SB_A - 1), CblasNoTrans, NULL, t, x));
  refused (GSL_EINVAL, sb_process_apply (vp, (sb_process_map)(SB_S_RATE + 1), CblasNoTrans, NULL, t, x));
  refused (GSL_EBADLEN, sb_process_log_det (vp, NULL, t, two));
  refused (GSL_EBADLEN, sb_process_trace (vp, t, two));
  refused (GSL_EBADLEN, sb_process_prior (vp, (sb_stream){ .seed = 1 }, wide));
  refused (GSL_EBADLEN, sb_process_prior_log_density (vp, wide, t));
  refused (GSL_EBADLEN, sb_process_prior_log_density (vp, x, two));
}

// A batch of no rows is no error.

Test (process, accepts_an_empty_batch)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  gsl_matrix *x = matrix (0, 2), *z = matrix (0, 2);
  gsl_vector *t = vector (0);
  cr_assert (x && z && t);
  ok (sb_process_apply (vp, SB_A, CblasNoTrans, NULL, t, x));
  ok (sb_process_transition (vp, NULL, t, z, x));
  ok (sb_process_transition_in_place (vp, NULL, t, z, x));
  ok (sb_process_log_det (vp, NULL, t, t));
  ok (sb_process_trace (vp, t, t));
  ok (sb_process_prior (vp, (sb_stream){ .seed = 1 }, x));
  ok (sb_process_prior_log_density (vp, x, t));
}

// What a process has not, it says it has not; where no time has passed, or nothing is left, there is no inverse.

Test (process, refuses_maps_that_are_none)
{
  static int released;
  static const sb_process_type bare = { .name = "bare" };
  sb_process *process = scoped (sb_process_alloc (&bare, NULL, 1, 0, 1, 0)),
             *sheared = scoped (sb_process_alloc (&shear, &released, 2, 0, 1, 0));
  double a, sd;
  gsl_vector *t = vector_of (0.5);
  gsl_matrix *x = matrix_of (1, 1, 1);
  refused (GSL_EUNSUP, sb_process_apply (process, SB_A, CblasNoTrans, NULL, t, x));
  refused (GSL_EUNSUP, sb_process_transition (process, NULL, t, NULL, x));
  refused (GSL_EUNSUP, sb_process_scalars (process, 0, 0.5, &a, &sd));
  refused (GSL_EUNSUP, sb_process_log_det (process, NULL, t, t));
  refused (GSL_EUNSUP, sb_process_trace (process, t, t));
  refused (GSL_EUNSUP, sb_process_prior (process, (sb_stream){ .seed = 1 }, x));
  refused (GSL_EUNSUP, sb_process_prior_log_density (process, x, t));
  refused (GSL_EUNSUP, sb_process_apply (sheared, SB_F, CblasNoTrans, NULL, t, matrix_of (1, 2, 1, 1)));

  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  refused (GSL_ESING, sb_process_apply (vp, SB_S_INVERSE, CblasNoTrans, t, t, x));
  refused (GSL_ESING, sb_process_log_det (vp, t, t, t));
  refused (GSL_EINVAL, sb_process_apply (vp, SB_A, CblasConjTrans, NULL, t, x));
  refused (GSL_EINVAL, sb_process_apply (vp, (sb_process_map)99, CblasNoTrans, NULL, t, x));

  sb_process *forgetful = scoped (sb_vp_alloc (1, 1e4, 1e4)); // a(0, 0.5) = exp(-2500) = 0
  refused (GSL_ESING, sb_process_apply (forgetful, SB_A_INVERSE, CblasNoTrans, NULL, t, x));

  refused (GSL_EDOM, sb_process_apply (toy_alloc (1), SB_G, CblasNoTrans, NULL, vector_of (0), x));
}

// ## Making and releasing
//
// A state is released once, by whichever function it ends with.

Test (process, state_is_released_where_making_fails)
{
  int released = 0;
  double bad[][2] = { { -0.1, 1 }, { 0.5, 0.4 }, { 0, 0 }, { 0, GSL_POSINF }, { GSL_NAN, 1 }, { 0, GSL_NAN } };
  for (int k = 0; k < 6; k++)
    {
      cr_assert_null (sb_process_alloc (&shear, &released, 2, bad[k][0], bad[k][1], 0));
      cr_assert_eq (released, k + 1);
    }
  cr_assert_null (sb_process_alloc (&shear, &released, 0, 0, 1, 0));
  cr_assert_eq (released, 7);
  sb_process_free (NULL);

  cr_assert_null (sb_scalar_alloc (&toy_type, NULL, 1, 0, 1, 0));
  double *parameters = malloc (sizeof *parameters);
  cr_assert_null (sb_scalar_alloc (&toy_type, parameters, 0, 0.125, 2, 0));
}

Test (process, parameters_go_to_their_own_type_only)
{
  static int released;
  sb_process *toy = toy_alloc (1), *sheared = scoped (sb_process_alloc (&shear, &released, 2, 0, 1, 0));
  cr_assert_str_eq (toy->type->name, "toy");
  cr_assert_eq (*(const double *)sb_scalar_parameters (toy, &toy_type), 2);
  cr_assert_null (sb_scalar_parameters (toy, &other_type));
  cr_assert_null (sb_scalar_parameters (sheared, &toy_type));
}
