// # What must be true of explicit score matching

#include "models.h"
#include "score/exact.h"
#include "losses.h"
#include "scope.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE (esm);

// ## At the true score nothing is lost
//
// [dsm2ddpm.txt-ESM]

Test (esm, zero_at_the_true_score)
{
  sb_target *law = three_in_space ();
  sb_process *process = one_level (3, 1);
  sb_score *truth = scoped (sb_score_exact_alloc (law, process)), *same = scoped (sb_score_exact_alloc (law, process));
  gsl_matrix *x = matrix (500, 3);
  gsl_vector *t = vector_all (500, 0), *loss = vector (500);
  ok (sb_target_sample (law, (sb_stream){ 1, SB_FOR_DATA, 0 }, x));
  ok (esm_at (same, truth, x, t, loss, NULL));
  cr_assert_leq (gsl_vector_max (loss), 1e-15);
}

// ## A line through a Gaussian
//
// Data $\mathcal N(m, s^2)$, score $a + bx$: the difference from $-(x - m)/s^2$ has the mean $a + bm$ and the variance
// $(b + 1/s^2)^2 s^2$, so that $J = \tfrac12\bigl[(a + bm)^2 + (b + 1/s^2)^2 s^2\bigr]$. By a sum that is exact for
// quadratic functions, and by $10^5$ samples within 5 standard errors (false alarm $6\cdot10^{-7}$); each sample's loss
// is half the square of its difference, and the difference is the slope of its loss. [dsm2ddpm.txt-ESM]

static const double m = 0.7, s = 1.3;

Test (esm, closed_form_on_a_gaussian)
{
  enum
  {
    N = 100000
  };
  sb_target *law = gaussian (&m, &s, 1);
  sb_process *process = one_level (1, 1);
  sb_score *truth = scoped (sb_score_exact_alloc (law, process));
  model line = affine_alloc (1);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &line, process));
  rule sum = rule_of_gaussian (&m, &s, 1);
  gsl_matrix *x = matrix (N, 1), *s_bar = matrix (N, 1);
  gsl_vector *t = vector_all (N, 0), *loss = vector (N);
  ok (sb_target_sample (law, (sb_stream){ 2, SB_FOR_DATA, 0 }, x));
  const double a[] = { 0, 0.4, -1 }, b[] = { -0.2, -1, 0.3 };
  for (int k = 0; k < 3; k++)
    {
      line.theta[0] = a[k], line.theta[1] = b[k];
      double exact = 0.5 * (gsl_pow_2 (a[k] + b[k] * m) + gsl_pow_2 ((b[k] + 1 / (s * s)) * s)), error;
      cr_assert_float_eq (explicit_mean (score, truth, &sum), exact, 1e-14);
      ok (esm_at (score, truth, x, t, loss, s_bar));
      double mean = mean_of (loss, &error);
      cr_assert_float_eq (mean, exact, 5 * error, "a = %g, b = %g: %g, not %g", a[k], b[k], mean, exact);
      for (size_t i = 0; i < N; i++)
        {
          const double at = gsl_matrix_get (x, i, 0), away = a[k] + b[k] * at + (at - m) / (s * s);
          cr_assert_float_eq (gsl_vector_get (loss, i), 0.5 * away * away, 1e-12 * (1 + away * away));
          cr_assert_float_eq (gsl_matrix_get (s_bar, i, 0), away, 1e-12 * (1 + fabs (away)));
        }
    }
}

// In space the square is that of all coordinates, and each row is at its own time. [dsm2ddpm.txt-ESM]

Test (esm, of_a_sample_in_space)
{
  enum
  {
    ROWS = 20
  };
  sb_process *process = one_level (3, 1);
  const sb_score *truth = scoped (sb_score_exact_alloc (three_in_space (), process));
  model line = affine_alloc (3);
  const sb_score *score = scoped (sb_score_alloc (&affine_type, &line, process));
  gsl_matrix *x = normals (ROWS, 3, 3), *away = matrix (ROWS, 3), *s_bar = matrix (ROWS, 3);
  gsl_vector *t = vector (ROWS), *loss = vector (ROWS);
  for (size_t k = 0; k < line.parameters; k++)
    line.theta[k] = cos (2. * (double)k);
  ok (sb_score_evaluate (score, SB_SCORE, x, vector_all (ROWS, 1), NULL, away));
  for (size_t i = 0; i < ROWS; i++)
    {
      gsl_matrix *right = matrix (1, 3);
      const gsl_matrix_const_view x_i = gsl_matrix_const_submatrix (x, i, 0, 1, 3);
      gsl_matrix_view away_i = gsl_matrix_submatrix (away, i, 0, 1, 3);
      gsl_vector_set (t, i, i % 3 ? 1 : 0);
      ok (sb_score_evaluate (truth, SB_SCORE, &x_i.matrix, vector_of (gsl_vector_get (t, i)), NULL, right));
      gsl_matrix_sub (&away_i.matrix, right);
    }
  ok (esm_at (score, truth, x, t, loss, s_bar));
  for (size_t i = 0; i < ROWS; i++)
    {
      double square = 0;
      for (size_t j = 0; j < 3; j++)
        square += gsl_pow_2 (gsl_matrix_get (away, i, j));
      cr_assert_float_eq (gsl_vector_get (loss, i), square / 2, 1e-12 * (1 + square), "row %zu", i);
    }
  cr_assert_lt (largest_difference (s_bar, away), 1e-12);
}

// ## Half the Fisher divergence
//
// is the rate at which noise brings two laws together (de Bruijn's identity): $\frac{d}{d\tau} \mathrm{KL}(p * \mathcal
// N(0, \tau) \,\|\, q * \mathcal N(0, \tau)) = -\tfrac12 F(p \,\|\, q)$. For $p = \mathcal N(m, s^2)$ and $q = \mathcal
// N(\mu, v)$ the left side is the slope of a closed form. [dsm2ddpm.txt-ESM]

static double
divergence (double mean, double variance, double mu, double v)
{
  return 0.5 * (log (v / variance) + (variance + gsl_pow_2 (mean - mu)) / v - 1);
}

Test (esm, half_the_fisher_divergence)
{
  const double mu = -0.4, v = 0.6, h = 1e-3;
  double slope = (8 * (divergence (m, s * s + h, mu, v + h) - divergence (m, s * s - h, mu, v - h))
                  - (divergence (m, s * s + 2 * h, mu, v + 2 * h) - divergence (m, s * s - 2 * h, mu, v - 2 * h)))
                 / (12 * h);
  sb_target *law = gaussian (&m, &s, 1);
  sb_process *process = one_level (1, 1);
  sb_score *truth = scoped (sb_score_exact_alloc (law, process));
  model line = affine_alloc (1);
  line.theta[0] = mu / v, line.theta[1] = -1 / v;
  sb_score *score = scoped (sb_score_alloc (&affine_type, &line, process));
  rule sum = rule_of_gaussian (&m, &s, 1);
  cr_assert_float_eq (explicit_mean (score, truth, &sum), -slope, 1e-8, "%.12g, not %.12g",
                      explicit_mean (score, truth, &sum), -slope);
}

// ## What cannot be done

Test (esm, what_does_not_fit_is_refused)
{
  sb_process *process = one_level (2, 1);
  model line = affine_alloc (2);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &line, process));
  gsl_matrix *x = matrix_all (4, 2, 0);
  gsl_vector *loss = vector (4);
  sb_objective objective = on_data (sb_objective_esm, process);
  refused (GSL_EINVAL, loss_at (&objective, score, x, vector_all (4, 0), NULL, loss, NULL), "no truth");
}
