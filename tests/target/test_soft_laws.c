// # Laws under soft corruptions
//
// [soft.set-fixtures] What the other tests of Soft Diffusion rely on, against differences and quadrature; and
// Tweedie's formula, which is between two results of a law that are found independently.

#include "process/soft.h"
#include "property.h"
#include "scope.h"
#include "score/tweedie.h"
#include "soft_laws.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>

SUITE (soft_laws);

// ## Worlds: a law and a corruption

typedef struct
{
  const char *name;
  const sb_target *law;
  const sb_process *process;
} world;

enum
{
  WORLDS = 3 + SOFT_KINDS
};

static world
world_of (size_t k)
{
  switch (k)
    {
    case 0:
      return (world){ "G2", soft_g2_law (), soft_plane () };
    case 1:
      return (world){ "GMM1", soft_gmm1_law (), soft_of (&soft_gmm1, 1) };
    case 2:
      return (world){ "G1", soft_g1_law (), soft_of (&soft_g1, 1) };
    default:
      return (world){ soft_kind_name[k - 3], soft_gmmn_law (), soft_four ((soft_kind)(k - 3)) };
    }
}

static gsl_matrix *
asked (const world *w, sb_view view, const gsl_matrix *x, const gsl_vector *t)
{
  gsl_matrix *out = matrix (x->size1, x->size2);
  ok (sb_target_evaluate (w->law, w->process, view, x, t, out));
  return out;
}

// Points as they occur, at times of their own.

static gsl_matrix *
points (const world *w, size_t n, gsl_vector *t)
{
  gsl_matrix *x = matrix (n, w->law->dimension);
  gsl_rng *r = property_rng (90);
  for (size_t i = 0; i < n; i++)
    gsl_vector_set (t, i, gsl_ran_flat (r, .05, .95));
  ok (sb_target_sample (w->law, (sb_stream){ .seed = 91, .purpose = SB_FOR_DATA }, x));
  ok (sb_process_transition (w->process, NULL, t, normals (n, x->size2, 92), x));
  return x;
}

// ## Scores are slopes of log densities

Test (soft_laws, scores_are_slopes)
{
  const size_t n = 100;
  const double h = 1e-5;
  for (size_t k = 0; k < WORLDS; k++)
    {
      const world w = world_of (k);
      gsl_vector *t = vector (n), *up = vector (n), *down = vector (n);
      const gsl_matrix *x = points (&w, n, t), *score = asked (&w, SB_SCORE, x, t);
      for (size_t j = 0; j < x->size2; j++)
        {
          gsl_matrix *moved = copy_of (x);
          gsl_vector_view column = gsl_matrix_column (moved, j);
          gsl_vector_add_constant (&column.vector, h);
          ok (sb_target_log_density (w.law, w.process, moved, t, up));
          gsl_vector_add_constant (&column.vector, -2 * h);
          ok (sb_target_log_density (w.law, w.process, moved, t, down));
          for (size_t i = 0; i < n; i++)
            {
              const double s = gsl_matrix_get (score, i, j);
              cr_assert_float_eq ((gsl_vector_get (up, i) - gsl_vector_get (down, i)) / (2 * h), s,
                                  1e-7 * (1 + fabs (s)), "%s", w.name);
            }
        }
    }
}

// ## Posterior moments are integrals

Test (soft_laws, posterior_moments_are_integrals)
{
  for (size_t k = 1; k < 3; k++)
    {
      const world w = world_of (k);
      gsl_vector *t = vector (20);
      const gsl_matrix *x = points (&w, 20, t), *mean = asked (&w, SB_DENOISER, x, t);
      for (size_t i = 0; i < 20; i++)
        {
          const double at = gsl_vector_get (t, i), c = number_of (w.process, SB_A, 0, at),
                       sd = number_of (w.process, SB_S, 0, at);
          double m[3] = { 0 };
          for (double x_0 = -14; x_0 <= 14; x_0 += .002)
            {
              double p = 0;
              for (size_t j = 0; j < GMM1_K && k == 1; j++)
                p += soft_gmm1_w[j] * gsl_ran_gaussian_pdf (x_0 - soft_gmm1_mu[j], sqrt (soft_gmm1_v[j]));
              if (k == 2)
                p = gsl_ran_gaussian_pdf (x_0 - soft_g1_m, sqrt (soft_g1_P));
              p *= gsl_ran_gaussian_pdf (gsl_matrix_get (x, i, 0) - c * x_0, sd);
              m[0] += p, m[1] += p * x_0, m[2] += p * x_0 * x_0;
            }
          const gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
          gsl_matrix *C = matrix (1, 1);
          ok (sb_target_posterior_covariance (w.law, w.process, &x_i.vector, at, C));
          cr_assert_float_eq (gsl_matrix_get (mean, i, 0), m[1] / m[0], 1e-8);
          cr_assert_float_eq (gsl_matrix_get (C, 0, 0), m[2] / m[0] - gsl_pow_2 (m[1] / m[0]), 1e-8);
        }
    }
}

// A data set of one image: whatever is seen, it is that image.

Test (soft_laws, one_image)
{
  const gsl_matrix *image = normals (1, 4, 93);
  const sb_target *law = scoped (sb_target_points_alloc (image, NULL));
  for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
    {
      const world w = { soft_kind_name[kind], law, soft_four (kind) };
      gsl_vector *t = vector (10);
      const gsl_matrix *x = points (&w, 10, t), *found = asked (&w, SB_DENOISER, x, t);
      for (size_t k = 0; k < 40; k++)
        cr_assert_eq (found->data[k], image->data[k % 4]);
    }
}

// A few images: the softmax of $-\|\mathbf x - C_t\mathbf x^{(i)}\|^2/2\sigma_t^2$ weighs them.

Test (soft_laws, a_few_images)
{
  const size_t n = 10, K = 5;
  const gsl_matrix *images = normals (K, 4, 94);
  const sb_target *law = scoped (sb_target_points_alloc (images, NULL));
  for (soft_kind kind = 0; kind < SOFT_KINDS; kind++)
    {
      const world w = { soft_kind_name[kind], law, soft_four (kind) };
      const gsl_vector *half = vector_all (n, .5);
      gsl_vector *t = vector (n);
      const gsl_matrix *x = points (&w, n, t), *found = asked (&w, SB_DENOISER, x, half);
      gsl_matrix *corrupted = copy_of (images);
      ok (sb_process_apply (w.process, SB_A, CblasNoTrans, NULL, vector_all (K, .5), corrupted));
      for (size_t i = 0; i < n; i++)
        {
          double total = 0, sum[4] = { 0 };
          for (size_t k = 0; k < K; k++)
            {
              double square = 0;
              for (size_t j = 0; j < 4; j++)
                square += gsl_pow_2 (gsl_matrix_get (x, i, j) - gsl_matrix_get (corrupted, k, j));
              total += exp (-square / .18);
              for (size_t j = 0; j < 4; j++)
                sum[j] += exp (-square / .18) * gsl_matrix_get (images, k, j);
            }
          for (size_t j = 0; j < 4; j++)
            cr_assert_float_eq (gsl_matrix_get (found, i, j), sum[j] / total, 1e-12, "%s", w.name);
        }
    }
}

// ## Tweedie's formula
//
// [soft.eq16] [soft.eq46] [soft.lemA.2] $C_t\,\mathbb E[\mathbf x_0 \mid \mathbf x_t] = \mathbf x_t +
// \sigma_t^2\nabla\log q_t(\mathbf x_t)$, also of matrices without symmetry and of masks; and $\sigma_t^4\nabla^2\log
// q_t + \sigma_t^2\mathbf I = C_t\operatorname{Cov}[\mathbf x_0 \mid \mathbf x_t]\,C_t^\top$. The library's own way
// from the one to the other is this, and the score and the noise which the law says without it.

Test (soft_laws, tweedie)
{
  const size_t n = 100;
  for (size_t k = 0; k < WORLDS; k++)
    {
      const world w = world_of (k);
      gsl_vector *t = vector (n);
      gsl_matrix *x = points (&w, n, t), *left = asked (&w, SB_DENOISER, x, t), *right = asked (&w, SB_SCORE, x, t);
      ok (sb_process_apply (w.process, SB_A, CblasNoTrans, NULL, t, left));
      ok (sb_process_apply (w.process, SB_S, CblasNoTrans, NULL, t, right));
      ok (sb_process_apply (w.process, SB_S, CblasNoTrans, NULL, t, right));
      gsl_matrix_add (right, x);
      cr_assert_lt (largest_difference (left, right), 1e-10, "%s: %g", w.name, largest_difference (left, right));

      gsl_matrix *score = asked (&w, SB_DENOISER, x, t), *noise = copy_of (score);
      ok (sb_tweedie (w.process, SB_DENOISER, SB_SCORE, x, t, score));
      ok (sb_tweedie (w.process, SB_DENOISER, SB_EPSILON, x, t, noise));
      cr_assert_lt (largest_difference (score, asked (&w, SB_SCORE, x, t)), 1e-10, "%s", w.name);
      cr_assert_lt (largest_difference (noise, asked (&w, SB_EPSILON, x, t)), 1e-10, "%s", w.name);
    }
  const world smooth = { "smooth", soft_gmm1_law (), soft_of (&soft_smooth, 1) };
  const gsl_matrix *x = matrix_of (1, 1, .7);
  const gsl_vector *t = vector_of (.5);
  const double c = .625, v = .12;
  cr_assert_float_eq (c * gsl_matrix_get (asked (&smooth, SB_DENOISER, x, t), 0, 0), .40891264, 5e-9);
  cr_assert_float_eq (.7 + v * gsl_matrix_get (asked (&smooth, SB_SCORE, x, t), 0, 0), .40891264, 5e-9);
}

// C Cov C^T, by two applications to rows.

static gsl_matrix *
corrupted_covariance (const world *w, const gsl_vector *x, const gsl_vector *t)
{
  const size_t d = x->size;
  gsl_matrix *C = matrix (d, d);
  ok (sb_target_posterior_covariance (w->law, w->process, x, gsl_vector_get (t, 0), C));
  ok (sb_process_apply (w->process, SB_A, CblasNoTrans, NULL, t, C));
  gsl_matrix_transpose (C);
  ok (sb_process_apply (w->process, SB_A, CblasNoTrans, NULL, t, C));
  return C;
}

Test (soft_laws, tweedie_of_second_order)
{
  for (size_t k = 0; k < WORLDS; k++)
    {
      const world w = world_of (k);
      const size_t d = w.law->dimension, n = 30;
      gsl_vector *times = vector (n);
      const gsl_matrix *x = points (&w, n, times);
      for (size_t i = 0; i < n; i++)
        {
          const gsl_vector *t = vector_all (d, gsl_vector_get (times, i));
          const gsl_vector_const_view x_i = gsl_matrix_const_row (x, i);
          gsl_matrix *same = matrix (d, d), *unit = matrix (d, d), *hessian = matrix (d, d);
          double sigma;
          for (size_t j = 0; j < d; j++)
            gsl_matrix_set_row (same, j, &x_i.vector);
          gsl_matrix_set_identity (unit);
          ok (sb_process_deviation (w.process, 0, gsl_vector_get (t, 0), &sigma));
          ok (sb_target_jvp (w.law, w.process, same, t, unit, hessian));
          gsl_matrix_scale (hessian, gsl_pow_4 (sigma));
          gsl_matrix_scale (unit, gsl_pow_2 (sigma));
          gsl_matrix_add (hessian, unit);
          cr_assert_lt (largest_difference (hessian, corrupted_covariance (&w, &x_i.vector, t)), 1e-7, "%s", w.name);
        }
    }
}

// The score says nothing of what a mask hides: $\sigma^2\nabla\log q_t + \mathbf x_t$ is 0 there, while the image is
// not.

Test (soft_laws, a_mask_hides_the_image_from_the_score)
{
  const world w = { "mask", soft_gmmn_law (), soft_four (SOFT_MASK) };
  const gsl_vector *t = vector_all (5, .5);
  const gsl_matrix *x = normals (5, 4, 95), *score = asked (&w, SB_SCORE, x, t), *image = asked (&w, SB_DENOISER, x, t);
  gsl_matrix *kept = matrix_all (5, 4, 1);
  ok (sb_process_apply (w.process, SB_A, CblasNoTrans, NULL, t, kept));
  for (size_t k = 0; k < 20; k++)
    if (kept->data[k] == 0)
      {
        cr_assert_float_eq (.09 * score->data[k] + x->data[k], 0, 1e-14);
        cr_assert_gt (fabs (image->data[k]), 1e-3);
      }
}
