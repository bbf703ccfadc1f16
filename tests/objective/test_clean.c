// # What must be true of the squared error of a denoiser
//
// $L^1 = \lVert h_\theta(x_t, t) - x_0\rVert^2$, by which *Consistent Diffusion Models* trains; at one level of noise,
// $v = \sigma_t^2$.

#include "denoisers.h"
#include "losses.h"
#include "process/edm.h"
#include "scope.h"
#include "score/exact.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

SUITE (clean);

enum
{
  N = 100000
};
static const double Z = 4.9; // standard errors: 9.6e-7

static sb_process *
edm (void)
{
  return scoped (sb_edm_alloc (1, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
}

// A batch of the objective at the level t, drawn, estimated and with its losses.

static sb_objective_batch *
losses_of (sb_objective *o, const sb_score *score, const line *law, double t)
{
  *o = sb_objective_of (sb_objective_clean, score->process, t);
  o->t_max = t;
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (o, N));
  ok (sb_target_sample (line_target (law), (sb_stream){ 1, SB_FOR_DATA, 0 }, &b->x_0));
  ok (sb_objective_draw ((sb_stream){ 2, SB_FOR_FORWARD, 0 }, b));
  ok (sb_objective_evaluate (score, NULL, b));
  ok (sb_objective_find_loss (b));
  return b;
}

static double
off (const gsl_vector *values, double wanted) // in standard errors
{
  double error;
  const double mean = mean_of (values, &error);
  return fabs (mean - wanted) / error;
}

// Of $h = \theta x$ on $\mathcal N(0, s^2)$ it is $(1 - \theta)^2s^2 + \theta^2v$, least at $s^2/(s^2 + v)$, where its
// slope is 0. [consistent.txt-dsm]

Test (clean, of_multiples_of_the_point)
{
  const double t = .6, v = t * t, best = .25 / (.25 + v), theta[] = { 0, .2, best, .8, 1.3 };
  for (int k = 0; k < 5; k++)
    {
      sb_objective o;
      const sb_objective_batch *b = losses_of (&o, denoiser_multiple (edm (), theta[k]), &LINE_G, t);
      gsl_vector *slope = vector (N);
      for (size_t i = 0; i < N; i++)
        gsl_vector_set (slope, i, gsl_matrix_get (&b->bar, i, 0) * gsl_matrix_get (&b->x, i, 0));
      cr_assert_lt (off (&b->loss, gsl_pow_2 (1 - theta[k]) * .25 + gsl_pow_2 (theta[k]) * v), Z, "%g", theta[k]);
      cr_assert_lt (off (slope, 2 * (theta[k] * v - (1 - theta[k]) * .25)), Z, "%g", theta[k]);
    }
}

// Of any denoiser it is the error against the best one, $\mathrm E\lVert h - h^*\rVert^2$, and what the best one cannot
// avoid, $\mathrm E\operatorname{Var}(x_0 \mid x_t)$; so both have the same gradients. [consistent.txt-dsm-equiv]
// [consistent.txt-dsm]

static double
unavoidable (const line *law, const sb_process *process, double t)
{
  line noised = *law;
  for (size_t k = 0; k < law->K; k++)
    noised.variance[k] += t * t;
  gsl_vector *weight = vector (LINE_NODES * law->K);
  gsl_matrix *x = line_nodes (&noised, weight), *covariance = matrix (1, 1);
  double sum = 0;
  for (size_t i = 0; i < weight->size; i++)
    {
      gsl_vector_const_view at = gsl_matrix_const_row (x, i);
      ok (sb_target_posterior_covariance (line_target (law), process, &at.vector, t, covariance));
      sum += gsl_vector_get (weight, i) * gsl_matrix_get (covariance, 0, 0);
    }
  return sum;
}

Test (clean, of_any_denoiser)
{
  const double t = .6;
  const sb_process *process = edm ();
  const sb_score *best = scoped (sb_score_exact_alloc (line_target (&LINE_M1), process)), *const of[] = {
    best, denoiser_d (process, .4), denoiser_constant (process, .2)
  };
  const double least = unavoidable (&LINE_M1, process, t);
  for (int k = 0; k < 3; k++)
    {
      sb_objective o;
      const sb_objective_batch *b = losses_of (&o, of[k], &LINE_M1, t);
      gsl_matrix *h = matrix (N, 1);
      gsl_vector *rest = vector (N), *slope[3] = { vector (N), vector (N), vector (N) };
      ok (sb_score_evaluate (best, SB_DENOISER, &b->x, &b->t, NULL, h));
      double error = 0;
      for (size_t i = 0; i < N; i++)
        {
          const double x = gsl_matrix_get (&b->x, i, 0),
                       d = gsl_matrix_get (&b->estimate, i, 0) - gsl_matrix_get (h, i, 0), phi[] = { 1, x, tanh (x) };
          error += d * d / N;
          gsl_vector_set (rest, i, gsl_vector_get (&b->loss, i) - d * d);
          for (int j = 0; j < 3; j++)
            gsl_vector_set (slope[j], i, (gsl_matrix_get (&b->bar, i, 0) - 2 * d) * phi[j]);
        }
      cr_assert_lt (off (rest, least), Z, "denoiser %d", k);
      cr_assert (k == 0 ? error == 0 : error > .1, "denoiser %d: %g", k, error);
      for (int j = 0; j < 3; j++)
        cr_assert_lt (off (slope[j], 0), 5.1, "denoiser %d, slope %d", k, j);
    }
}

// In the plane too, where the norm is a sum: with $\operatorname{tr}\operatorname{Cov}(x_0 \mid x_t) =
// v\,\nabla\cdot h^*(x_t)$. [consistent.txt-dsm-equiv] [consistent.txt-dsm]

Test (clean, in_the_plane)
{
  const double t = .6;
  const sb_process *process = scoped (sb_edm_alloc (2, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
  const sb_score *best = scoped (sb_score_exact_alloc (denoisers_m2 (), process)), *const of[]
                                                                                   = { best, denoiser_bent (process),
                                                                                       denoiser_n2 (process) };
  sb_objective o = sb_objective_of (sb_objective_clean, process, t);
  o.t_max = t;
  for (int k = 0; k < 3; k++)
    {
      sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, N));
      ok (sb_target_sample (denoisers_m2 (), (sb_stream){ 1, SB_FOR_DATA, 0 }, &b->x_0));
      ok (sb_objective_draw ((sb_stream){ 2, SB_FOR_FORWARD, 0 }, b));
      ok (sb_objective_evaluate (of[k], NULL, b));
      ok (sb_objective_find_loss (b));
      gsl_matrix *h = matrix (N, 2), *axis = matrix (N, 2), *along = matrix (N, 2);
      gsl_vector *rest = copy_of (&b->loss);
      ok (sb_score_evaluate (best, SB_DENOISER, &b->x, &b->t, NULL, h));
      for (size_t j = 0; j < 2; j++)
        {
          gsl_matrix_set_zero (axis);
          gsl_vector_view column = gsl_matrix_column (axis, j);
          gsl_vector_set_all (&column.vector, 1);
          ok (sb_score_jvp (best, SB_DENOISER, &b->x, &b->t, NULL, axis, along));
          for (size_t i = 0; i < N; i++)
            *gsl_vector_ptr (rest, i) -= gsl_pow_2 (gsl_matrix_get (&b->estimate, i, j) - gsl_matrix_get (h, i, j))
                                         + t * t * gsl_matrix_get (along, i, j);
        }
      cr_assert_lt (off (rest, 0), Z, "denoiser %d: %g", k, off (rest, 0));
    }
}
