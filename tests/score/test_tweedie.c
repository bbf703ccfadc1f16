// # What must be true of the three views
//
// Each is asked of the process's kernel itself, of quadrature, or of a law's own closed form.

#include "process/ddpm.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "score/tweedie.h"
#include "stretch.h"
#include "target/ask.h"
#include "target/truth.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>

static gsl_rng *rng;

static void
setup (void)
{
  scope_begin ();
  rng = scoped (gsl_rng_alloc (gsl_rng_taus2));
  gsl_rng_set (rng, 20210213);
}

TestSuite (tweedie, .init = setup, .fini = scope_end);

static void
agree (const gsl_matrix *got, const gsl_matrix *expected, double bound, const char *what)
{
  for (size_t i = 0; i < got->size1; i++)
    for (size_t j = 0; j < got->size2; j++)
      {
        double a = gsl_matrix_get (got, i, j), b = gsl_matrix_get (expected, i, j);
        cr_assert_float_eq (a, b, bound * (1 + fabs (b)), "%s, row %zu: %.15g and %.15g", what, i, a, b);
      }
}

// ## Tweedie's formula
//
// [scoresde.txt-denoise] From the exact score of the inventory's mixture, the posterior mean: against its integral over
// $x_0$, 4001 nodes, under the three SDEs.

static double
p_data (double x)
{
  return exp ((double)truth_at (&GMM3, 1, 0, &x).log_p);
}

static double
posterior_mean (double x, double m, double sd)
{
  double low = GSL_MAX_DBL (-6, (x - 12 * sd) / m), high = GSL_MIN_DBL (6, (x + 12 * sd) / m), mass = 0, first = 0;
  for (int i = 0; i <= 4000; i++)
    {
      double x_0 = low + (high - low) * i / 4000, p = p_data (x_0) * exp (-0.5 * gsl_pow_2 ((x - m * x_0) / sd));
      mass += p;
      first += p * x_0;
    }
  return first / mass;
}

static void
check_posterior_mean (const sb_process *process, const sb_target *gmm3)
{
  gsl_matrix *x = matrix (50, 1), *estimate = matrix (50, 1);
  gsl_vector *t = vector (50);
  double m, sd;
  for (size_t i = 0; i < 50; i++)
    {
      gsl_vector_set (t, i, gsl_ran_flat (rng, 0.05, 0.6));
      ask_kernel (process, gsl_vector_get (t, i), &m, &sd);
      gsl_matrix_set (x, i, 0, m * gsl_ran_flat (rng, -2, 2.5) + gsl_ran_gaussian (rng, sd));
    }
  ok (sb_target_evaluate (gmm3, process, SB_SCORE, x, t, estimate));
  ok (sb_tweedie (process, SB_SCORE, SB_DENOISER, x, t, estimate));
  for (size_t i = 0; i < 50; i++)
    {
      ask_kernel (process, gsl_vector_get (t, i), &m, &sd);
      double got = gsl_matrix_get (estimate, i, 0), expected = posterior_mean (gsl_matrix_get (x, i, 0), m, sd);
      cr_assert_float_eq (got, expected, 1e-9, "t %g: %.12g, by quadrature %.12g", gsl_vector_get (t, i), got,
                          expected);
    }
}

Test (tweedie, denoiser_from_the_score_is_the_posterior_mean)
{
  sb_target *gmm3 = truth_mixture (&GMM3);
  sb_process *process[3] = { scoped (sb_ve_alloc (1, SB_VE_SIGMA_MIN, SB_VE_SIGMA_MAX)),
                             scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX)),
                             scoped (sb_subvp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX)) };
  for (size_t i = 0; i < 3; i++)
    check_posterior_mean (process[i], gmm3);
}

// ## Score and epsilon of a network
//
// [scoresde.txt-lsimple] Whatever a network answers, the weighted squared error of its score is the squared error of
// its epsilon, $(1 - \alpha_i)\|\mathbf{s}_\theta - \nabla\log p_{\alpha_i}(\tilde{\mathbf{x}} \mid \mathbf{x})\|^2 =
// \|\mathbf{z} - \boldsymbol\epsilon_\theta\|^2$, at every level of DDPM; the conditional score is that of a law of
// one point.

Test (tweedie, weighted_score_loss_is_the_loss_of_epsilon)
{
  enum
  {
    N = 1000,
    D = 4
  };
  sb_process *ddpm = scoped (sb_ddpm_alloc (D, N, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  gsl_matrix *x = matrix_all (N, D, 0.7), *z = normals (N, D, 1), *epsilon = normals (N, D, 2),
             *score = copy_of (epsilon), *conditional = matrix (N, D);
  gsl_vector *t = level_times (1, N, N);
  sb_target *point = scoped (sb_target_points_alloc (matrix_all (1, D, 0.7), NULL));
  ok (sb_process_transition (ddpm, NULL, t, z, x));
  ok (sb_tweedie (ddpm, SB_EPSILON, SB_SCORE, x, t, score));
  ok (sb_target_evaluate (point, ddpm, SB_SCORE, x, t, conditional));
  for (size_t i = 0; i < N; i++)
    {
      double of_score = 0, of_epsilon = 0;
      for (size_t j = 0; j < D; j++)
        {
          of_score += gsl_pow_2 (gsl_matrix_get (score, i, j) - gsl_matrix_get (conditional, i, j));
          of_epsilon += gsl_pow_2 (gsl_matrix_get (z, i, j) - gsl_matrix_get (epsilon, i, j));
        }
      cr_assert_float_eq ((1 - sb_ddpm_alpha (ddpm, i + 1)) * of_score / of_epsilon, 1, 1e-12, "level %zu", i + 1);
    }
}

// ## Maps that are no numbers
//
// A process in the plane with $\mathbf{A}$ and $\mathbf{S}$ of its own per coordinate, which mix the coordinates too
// (stretch.h), and one data point: then the denoiser is that point, epsilon is the noise that was added, and the
// score is the slope of a Gaussian of covariance $\mathbf{S}\mathbf{S}^\top$, inverted by hand. From any view to any
// other.

enum
{
  ROWS = 20
};

typedef struct
{
  sb_process *process;
  gsl_vector *t;
  gsl_matrix *x, *view[3], *estimate; // in the order of `views`
} plane;

static const sb_view views[3] = { SB_SCORE, SB_DENOISER, SB_EPSILON };

static void
hand_score (double t, const double *rest, double *score)
{
  double S[2][2], C[2][2];
  stretch_S (t, S);
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 2; j++)
      C[i][j] = S[i][0] * S[j][0] + S[i][1] * S[j][1];
  double det = C[0][0] * C[1][1] - C[0][1] * C[1][0];
  score[0] = -(C[1][1] * rest[0] - C[0][1] * rest[1]) / det;
  score[1] = -(C[0][0] * rest[1] - C[1][0] * rest[0]) / det;
}

static plane
plane_alloc (void)
{
  plane p = { .process = stretch_alloc (),
              .t = vector (ROWS),
              .x = matrix (ROWS, 2),
              .view = { matrix (ROWS, 2), normals (ROWS, 2, 3), normals (ROWS, 2, 4) },
              .estimate = matrix (ROWS, 2) };
  for (size_t i = 0; i < ROWS; i++)
    {
      double t = gsl_ran_flat (rng, 0.1, 1), A[2][2], S[2][2], rest[2];
      const double *x_0 = gsl_matrix_const_ptr (p.view[1], i, 0), *z = gsl_matrix_const_ptr (p.view[2], i, 0);
      stretch_A (t, A);
      stretch_S (t, S);
      gsl_vector_set (p.t, i, t);
      for (size_t j = 0; j < 2; j++)
        {
          rest[j] = S[j][0] * z[0] + S[j][1] * z[1];
          gsl_matrix_set (p.x, i, j, A[j][0] * x_0[0] + A[j][1] * x_0[1] + rest[j]);
        }
      hand_score (t, rest, gsl_matrix_ptr (p.view[0], i, 0));
    }
  return p;
}

Test (tweedie, any_view_leads_to_any_other_through_the_maps)
{
  plane p = plane_alloc ();
  for (size_t from = 0; from < 3; from++)
    for (size_t to = 0; to < 3; to++)
      {
        gsl_matrix_memcpy (p.estimate, p.view[from]);
        ok (sb_tweedie (p.process, views[from], views[to], p.x, p.t, p.estimate));
        agree (p.estimate, p.view[to], from == to ? 0 : 1e-12, "view");
      }
}

// ## What it refuses

Test (tweedie, refuses_what_does_not_fit)
{
  plane p = plane_alloc ();
  gsl_matrix *tall = matrix_all (ROWS + 1, 2, 0), *wide = matrix_all (ROWS, 3, 0);
  gsl_vector *long_t = vector_all (ROWS + 1, 0);
  refused (GSL_EBADLEN, sb_tweedie (p.process, SB_SCORE, SB_EPSILON, tall, p.t, p.estimate));
  refused (GSL_EBADLEN, sb_tweedie (p.process, SB_SCORE, SB_EPSILON, p.x, p.t, wide));
  refused (GSL_EBADLEN, sb_tweedie (p.process, SB_SCORE, SB_EPSILON, wide, p.t, wide));
  refused (GSL_EBADLEN, sb_tweedie (p.process, SB_SCORE, SB_EPSILON, wide, p.t, p.estimate));
  refused (GSL_EBADLEN, sb_tweedie (p.process, SB_SCORE, SB_EPSILON, tall, long_t, p.estimate));
  refused (GSL_EBADLEN, sb_tweedie (p.process, SB_SCORE, SB_EPSILON, p.x, long_t, p.estimate));
  refused (GSL_EBADLEN, sb_tweedie (p.process, SB_SCORE, SB_SCORE, p.x, long_t, p.estimate));
  refused (GSL_EINVAL, sb_tweedie (p.process, (sb_view)3, SB_SCORE, p.x, p.t, p.estimate));
  refused (GSL_EINVAL, sb_tweedie (p.process, SB_SCORE, (sb_view)0, p.x, p.t, p.estimate));
  refused (GSL_EINVAL, sb_tweedie (p.process, (sb_view)5, (sb_view)5, p.x, p.t, p.estimate));
}

// At $t = 0$ there is no noise to divide by; the denoiser of a given epsilon is still known.

Test (tweedie, refuses_to_divide_by_no_noise)
{
  sb_process *vp = scoped (sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  gsl_matrix *x = normals (3, 2, 5), *estimate = normals (3, 2, 6);
  gsl_vector *t = vector_all (3, 0);
  refused (GSL_ESING, sb_tweedie (vp, SB_EPSILON, SB_SCORE, x, t, estimate));
  refused (GSL_ESING, sb_tweedie (vp, SB_DENOISER, SB_EPSILON, x, t, estimate));
  refused (GSL_ESING, sb_tweedie (vp, SB_DENOISER, SB_SCORE, x, t, estimate));
  ok (sb_tweedie (vp, SB_EPSILON, SB_DENOISER, x, t, estimate));
  agree (estimate, x, 0, "denoiser without noise");
  gsl_vector_set_all (t, 2);
  refused (GSL_EDOM, sb_tweedie (vp, SB_SCORE, SB_EPSILON, x, t, estimate));
}

// A process without the maps cannot convert; nor does it have to where nothing is to be done.

Test (tweedie, refuses_a_process_without_maps)
{
  static const sb_process_type type = { .name = "mapless" };
  sb_process *process = scoped (sb_process_alloc (&type, NULL, 2, 0, 1, 0));
  gsl_matrix *x = matrix_all (3, 2, 0), *estimate = matrix_all (3, 2, 0);
  gsl_vector *t = vector_all (3, 0);
  for (size_t from = 0; from < 3; from++)
    for (size_t to = 0; to < 3; to++)
      cr_assert_eq (sb_tweedie (process, views[from], views[to], x, t, estimate),
                    from == to ? GSL_SUCCESS : GSL_EUNSUP);
}
