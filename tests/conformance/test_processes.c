// # What every process must satisfy
//
// Each row of the list of processes, and those of worlds.c, with the same tests: that $A$ and $S$ are what the SDE
// makes of them, that two transitions are one, that laws, posterior and prior are those of the maps.

#include "process/moments.h"
#include "score/exact.h"
#include "transition/isotropic.h"
#include "transition/path.h"
#include "transition/posterior.h"
#include "worlds.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (processes);

static void
same (const world *w, const gsl_matrix *a, const gsl_matrix *b, double bound, const char *what)
{
  for (size_t i = 0; i < a->size1; i++)
    for (size_t j = 0; j < a->size2; j++)
      {
        double x = gsl_matrix_get (a, i, j), y = gsl_matrix_get (b, i, j);
        cr_assert (fabs (x - y) <= bound * (1 + fabs (y)), "%s: %s: row %zu, column %zu: %.15g, not %.15g", w->name,
                   what, i, j, x, y);
      }
}

static gsl_matrix *
combined (double a, const gsl_matrix *x, double b, const gsl_matrix *y)
{
  gsl_matrix *sum = copy_of (x), *other = copy_of (y);
  gsl_matrix_scale (sum, a);
  gsl_matrix_scale (other, b);
  gsl_matrix_add (sum, other);
  return sum;
}

static gsl_matrix *
squared (const world *w, sb_process_map map, double s, double t, const gsl_matrix *x) // M M^T x
{
  return mapped (w, map, CblasNoTrans, s, t, mapped (w, map, CblasTrans, s, t, x));
}

// ## The SDE
//
// $\dot{\mathbf A} = \mathbf F\mathbf A$ and $\frac{d}{dt}\mathbf S\mathbf S^{\mathsf T} = \mathbf F\mathbf S\mathbf
// S^{\mathsf T} + \mathbf S\mathbf S^{\mathsf T}\mathbf F^{\mathsf T} + \mathbf G\mathbf G^{\mathsf T}$, the rates
// being those of $\mathbf A$ and $\mathbf S$; differences of fourth order. [scoresde.eq5]

static gsl_matrix *
difference (const world *w, gsl_matrix *(*value) (const world *w, double t, const gsl_matrix *x), const gsl_matrix *x)
{
  const double h = 2e-3, t = w->t;
  return combined (8 / (12 * h), combined (1, value (w, t + h, x), -1, value (w, t - h, x)), -1 / (12 * h),
                   combined (1, value (w, t + 2 * h, x), -1, value (w, t - 2 * h, x)));
}

static gsl_matrix *
A_at (const world *w, double t, const gsl_matrix *x)
{
  return mapped (w, SB_A, CblasNoTrans, 0, t, x);
}

static gsl_matrix *
S_at (const world *w, double t, const gsl_matrix *x)
{
  return mapped (w, SB_S, CblasNoTrans, 0, t, x);
}

static gsl_matrix *
covariance_at (const world *w, double t, const gsl_matrix *x)
{
  return squared (w, SB_S, 0, t, x);
}

IN_EACH_WORLD (processes, maps_solve_the_sde)
{
  gsl_matrix *x = normals (4, w->process->dimension, 1);
  if (w->lacks & NO_SDE)
    {
      static const sb_process_map none[] = { SB_F, SB_G, SB_A_RATE, SB_S_RATE };
      for (int m = 0; m < 4; m++)
        refused (GSL_EUNSUP, sb_process_apply (w->process, none[m], CblasNoTrans, NULL, vector_all (4, w->t), x), "%s",
                 w->name);
      return;
    }
  const double bound = 1e-7;
  gsl_matrix *covariance = covariance_at (w, w->t, x);
  gsl_matrix *drift = combined (1, mapped (w, SB_F, CblasNoTrans, 0, w->t, covariance), 1,
                                covariance_at (w, w->t, mapped (w, SB_F, CblasTrans, 0, w->t, x)));
  same (w, difference (w, A_at, x), mapped (w, SB_F, CblasNoTrans, 0, w->t, A_at (w, w->t, x)), bound, "A' = F A");
  same (w, difference (w, covariance_at, x), combined (1, drift, 1, squared (w, SB_G, 0, w->t, x)), bound, "(S S^T)'");
  same (w, difference (w, A_at, x), mapped (w, SB_A_RATE, CblasNoTrans, 0, w->t, x), bound, "rate of A");
  same (w, difference (w, S_at, x), mapped (w, SB_S_RATE, CblasNoTrans, 0, w->t, x), bound, "rate of S");
}

// ## Two transitions are one
//
// Means multiply, and the noise of the first leg shrinks before that of the second is added. [scoresde.eq29]

IN_EACH_WORLD (processes, transitions_compose)
{
  gsl_matrix *x = normals (3, w->process->dimension, 2);
  for (double r = 0; r < 0.2; r += 0.1)
    {
      gsl_matrix *kept = mapped (w, SB_A, CblasNoTrans, w->s, w->t,
                                 squared (w, SB_S, r, w->s, mapped (w, SB_A, CblasTrans, w->s, w->t, x)));
      same (w, mapped (w, SB_A, CblasNoTrans, w->s, w->t, mapped (w, SB_A, CblasNoTrans, r, w->s, x)),
            mapped (w, SB_A, CblasNoTrans, r, w->t, x), 1e-13, "A A = A");
      same (w, combined (1, kept, 1, squared (w, SB_S, w->s, w->t, x)), squared (w, SB_S, r, w->t, x), 1e-13,
            "A S S^T A^T + S S^T");
    }
}

// Inverses where there are some, $\log|\det \mathbf S|$ and the numbers of the parts.

static void
inverse_or_not (const world *w, sb_process_map map, sb_process_map inverse, bool is_there)
{
  gsl_matrix *x = normals (3, w->process->dimension, 3), *y = copy_of (x);
  gsl_vector *s = vector_all (3, w->s), *t = vector_all (3, w->t);
  int status = sb_process_apply (w->process, inverse, CblasNoTrans, s, t, y);
  if (!is_there)
    {
      refused (GSL_ESING, status, "%s, map %d", w->name, (int)inverse);
      return;
    }
  ok (status, "%s, map %d", w->name, (int)inverse);
  same (w, mapped (w, map, CblasNoTrans, w->s, w->t, y), x, 1e-12, "a map and its inverse");
}

IN_EACH_WORLD (processes, inverses_are_inverses)
{
  inverse_or_not (w, SB_A, SB_A_INVERSE, !(w->lacks & NO_A_INVERSE));
  inverse_or_not (w, SB_S, SB_S_INVERSE, !(w->lacks & NO_S_INVERSE));
  double c[8], log_det = 0;
  int status = sb_process_numbers (w->process, SB_S, w->s, w->t, c);
  gsl_vector *of_all = vector (1);
  if (w->lacks & NO_PARTS)
    {
      refused (GSL_EUNSUP, status, "%s", w->name);
      return;
    }
  ok (status, "%s", w->name);
  for (size_t j = 0; j < w->process->dimension; j++)
    log_det += log (c[sb_process_part (w->process, j)]);
  if (w->lacks & NO_S_INVERSE)
    return;
  ok (sb_process_log_det (w->process, vector_of (w->s), vector_of (w->t), of_all), "%s", w->name);
  cr_assert_float_eq (gsl_vector_get (of_all, 0), log_det, 1e-12 * (1 + fabs (log_det)), "%s", w->name);
}

// ## The prior
//
// In the basis each part is normal with its own deviation; a part that has no prior keeps what stands there.

IN_EACH_WORLD (processes, prior_is_normal_in_each_part)
{
  enum
  {
    N = 4000
  };
  const size_t d = w->process->dimension;
  gsl_matrix *x = matrix_all (N, d, 0), *y = x;
  double sd[8];
  int status = sb_process_prior (w->process, (sb_stream){ 1, SB_FOR_PRIOR, 0 }, x);
  if (w->lacks & NO_PARTS)
    {
      refused (GSL_EUNSUP, status, "%s", w->name);
      return;
    }
  ok (status, "%s", w->name);
  if (w->process->basis)
    ok (sb_operator_apply (w->process->basis, CblasNoTrans, NULL, x, y = matrix (N, d)));
  ok (w->process->type->prior_sd ? w->process->type->prior_sd (w->process->state, sd) : GSL_SUCCESS);
  gsl_vector *log_prior = vector (N);
  status = sb_process_prior_log_density (w->process, x, log_prior);
  double expected = 0;
  for (size_t j = 0; j < d; j++)
    {
      double sum = 0, v = w->process->type->prior_sd ? gsl_pow_2 (sd[sb_process_part (w->process, j)]) : 1;
      for (size_t i = 0; i < N; i++)
        sum += gsl_pow_2 (gsl_matrix_get (y, i, j)) / N;
      cr_assert (fabs (sum - v) <= 6 * v * sqrt (2. / N), "%s: variance %g, not %g", w->name, sum, v);
      expected -= 0.5 * (log (2 * M_PI * v) + gsl_pow_2 (gsl_matrix_get (y, 7, j)) / v);
    }
  if (!(w->lacks & NO_S_INVERSE))
    cr_assert (!status && fabs (gsl_vector_get (log_prior, 7) - expected) < 1e-11 * fabs (expected),
               "%s: log density %g, not %g", w->name, gsl_vector_get (log_prior, 7), expected);
}

// ## Laws
//
// Score against differences of the log density, for a mixture with full covariances and for points.

static sb_target *
mixture (size_t d)
{
  gsl_matrix *means = normals (2, d, 4), *covariances = matrix (2 * d, d), *root = normals (2 * d, d, 5);
  for (size_t k = 0; k < 2; k++)
    {
      gsl_matrix_view C = gsl_matrix_submatrix (covariances, k * d, 0, d, d),
                      R = gsl_matrix_submatrix (root, k * d, 0, d, d);
      gsl_blas_dgemm (CblasNoTrans, CblasTrans, 0.3, &R.matrix, &R.matrix, 0, &C.matrix);
      for (size_t j = 0; j < d; j++)
        *gsl_matrix_ptr (&C.matrix, j, j) += 0.1;
    }
  return scoped (sb_target_mixture_alloc (vector_of (0.3, 0.7), means, covariances));
}

static void
check_score (const world *w, const sb_target *law, const sb_score *score)
{
  const size_t d = w->process->dimension;
  const double h = 1e-3, weight[] = { 1, -8, 8, -1 }, at[] = { -2, -1, 1, 2 };
  gsl_matrix *x = normals (1, d, 6), *s = matrix (1, d), *difference = matrix_all (1, d, 0);
  gsl_vector *t = vector_of (w->t), *log_p = vector (1);
  ok (sb_score_evaluate (score, SB_SCORE, x, t, NULL, s), "%s", w->name);
  for (size_t j = 0; j < d; j++)
    for (int k = 0; k < 4; k++)
      {
        gsl_matrix *moved = copy_of (x);
        *gsl_matrix_ptr (moved, 0, j) += at[k] * h;
        ok (sb_target_log_density (law, w->process, moved, t, log_p), "%s", w->name);
        *gsl_matrix_ptr (difference, 0, j) += weight[k] * gsl_vector_get (log_p, 0) / (12 * h);
      }
  same (w, s, difference, 1e-6, "score");
}

// Tweedie's three views: $\mathbf A\hat{\mathbf x}_0 = \mathbf x + \mathbf S\mathbf S^{\mathsf T}\mathbf s$ and
// $\hat{\boldsymbol\varepsilon} = -\mathbf S^{\mathsf T}\mathbf s$.

static void
check_views (const world *w, const sb_score *score)
{
  const size_t d = w->process->dimension;
  gsl_matrix *x = normals (5, d, 7), *s = matrix (5, d), *x_hat0 = matrix (5, d), *noise = matrix (5, d);
  gsl_vector *t = vector_all (5, w->t);
  ok (sb_score_evaluate (score, SB_SCORE, x, t, NULL, s), "%s", w->name);
  ok (sb_score_evaluate (score, SB_DENOISER, x, t, NULL, x_hat0), "%s", w->name);
  ok (sb_score_evaluate (score, SB_EPSILON, x, t, NULL, noise), "%s", w->name);
  same (w, A_at (w, w->t, x_hat0), combined (1, x, 1, covariance_at (w, w->t, s)), 1e-9, "A x_hat0");
  same (w, noise, combined (-1, mapped (w, SB_S, CblasTrans, 0, w->t, s), 0, s), 1e-11, "the noise");
}

IN_EACH_WORLD (processes, laws_have_the_score_of_their_density)
{
  const size_t d = w->process->dimension;
  sb_target *laws[] = { mixture (d), scoped (sb_target_points_alloc (normals (5, d, 8), NULL)) };
  for (int k = 0; k < 2; k++)
    {
      sb_score *score = scoped (sb_score_exact_alloc (laws[k], w->process));
      gsl_matrix *x = normals (1, d, 6), *s = matrix (1, d);
      if (k == 1 && w->lacks & NO_S_INVERSE) // points that stand still have no density
        {
          refused (GSL_EDOM, sb_score_evaluate (score, SB_SCORE, x, vector_of (w->t), NULL, s), "%s", w->name);
          continue;
        }
      check_score (w, laws[k], score);
      check_views (w, score);
    }
}

// A mixture that is diagonal in the process's basis has independent coefficients: its density is worked out from them
// here. One component is flat in a direction, and there is almost no noise in it: a covariance that was factorised
// would have lost its digits.

IN_EACH_WORLD (processes, laws_diagonal_in_the_basis)
{
  const sb_process *p = w->process;
  if (!p->basis)
    return;
  const size_t d = p->dimension;
  const double t = 1e-12, weight[] = { 0.3, 0.7 };
  gsl_matrix *c = normals (3, d, 4), *x = matrix (3, d), *C = matrix_all (2 * d, d, 0), *s = matrix (1, d);
  gsl_vector *log_p = vector (1), *a = vector (p->parts), *sd = vector (p->parts);
  ok (sb_operator_apply (p->basis, CblasTrans, NULL, c, x)); // two means, and a point
  ok (sb_process_numbers (p, SB_A, 0, t, a->data));
  ok (sb_process_numbers (p, SB_S, 0, t, sd->data));
  gsl_matrix *D = matrix_all (d, d, 0), *DW = matrix (d, d);
  for (size_t j = 1; j < d; j++) // the first direction is flat
    gsl_matrix_set (D, j, j, (double)j);
  ok (sb_operator_apply (p->basis, CblasTrans, NULL, D, DW)); // D W
  gsl_matrix_transpose (DW);
  gsl_matrix_view first = gsl_matrix_submatrix (C, 0, 0, d, d), second = gsl_matrix_submatrix (C, d, 0, d, d);
  ok (sb_operator_apply (p->basis, CblasTrans, NULL, DW, &first.matrix)); // W^T D W
  gsl_matrix_set_identity (&second.matrix);
  gsl_matrix_view means = gsl_matrix_submatrix (x, 0, 0, 2, d), point = gsl_matrix_submatrix (x, 2, 0, 1, d);
  sb_target *law = scoped (sb_target_mixture_alloc (vector_of (weight[0], weight[1]), &means.matrix, C));

  // Near the first mean in the flat direction, by as much as the noise: what is expected, coefficient by coefficient.
  gsl_matrix_set (c, 2, 0,
                  a->data[sb_process_part (p, 0)] * gsl_matrix_get (c, 0, 0) + 2 * sd->data[sb_process_part (p, 0)]);
  gsl_matrix_view at = gsl_matrix_submatrix (c, 2, 0, 1, d);
  ok (sb_operator_apply (p->basis, CblasTrans, NULL, &at.matrix, &point.matrix));
  double term[2];
  gsl_matrix *slope = matrix_all (2, d, 0);
  for (size_t k = 0; k < 2; k++)
    {
      term[k] = log (weight[k]);
      for (size_t j = 0; j < d; j++)
        {
          const double m = a->data[sb_process_part (p, j)], n = sd->data[sb_process_part (p, j)],
                       v = m * m * (k == 0 ? (double)j : 1) + n * n,
                       delta = gsl_matrix_get (c, 2, j) - m * gsl_matrix_get (c, k, j);
          term[k] -= 0.5 * (delta * delta / v + log (2 * M_PI * v));
          gsl_matrix_set (slope, k, j, -delta / v);
        }
    }
  const double r = 1 / (1 + exp (term[1] - term[0]));
  gsl_matrix *expected = matrix (1, d), *score = matrix (1, d);
  for (size_t j = 0; j < d; j++)
    gsl_matrix_set (expected, 0, j, r * gsl_matrix_get (slope, 0, j) + (1 - r) * gsl_matrix_get (slope, 1, j));
  ok (sb_operator_apply (p->basis, CblasTrans, NULL, expected, score));
  ok (sb_target_log_density (law, p, &point.matrix, vector_of (t), log_p));
  cr_assert_float_eq (gsl_vector_get (log_p, 0), term[0] + log1p (exp (term[1] - term[0])), 1e-8);
  ok (sb_target_evaluate (law, p, SB_SCORE, &point.matrix, vector_of (t), s));
  same (w, s, score, 1e-8, "the score");
}

// ## Linear combinations by parts
//
// Of one term to five, with coefficients for all rows or for each; in the basis they are products and sums. Those of
// the second term differ in the first part only. The result may take the place of a term or lie within a larger matrix,
// and a coefficient of 0 leaves its numbers out, whatever they are.

static void
check_combination (const world *w, size_t terms, bool shared, bool within, size_t nothing)
{
  const size_t n = 4, d = w->process->dimension, parts = w->process->parts;
  gsl_matrix_view part = gsl_matrix_submatrix (matrix (n, d + 3), 0, 1, n, d);
  gsl_matrix *wanted = matrix_all (n, d, 0), *x[SB_TERMS_MOST], *found = within ? &part.matrix : matrix (n, d);
  sb_term term[SB_TERMS_MOST];
  for (size_t m = 0; m < terms; m++)
    {
      gsl_matrix *c = normals (shared ? 1 : n, parts, 20 + m), *y = x[m] = normals (n, d, 30 + m);
      for (size_t k = 2; k < parts && m == 1; k++)
        for (size_t i = 0; i < c->size1; i++)
          gsl_matrix_set (c, i, k, gsl_matrix_get (c, i, 1));
      if (m == nothing)
        gsl_matrix_set_zero (c);
      term[m] = (sb_term){ c, x[m] };
      if (w->process->basis)
        ok (sb_operator_apply (w->process->basis, CblasNoTrans, NULL, x[m], y = matrix (n, d)));
      for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
          *gsl_matrix_ptr (wanted, i, j)
              += gsl_matrix_get (c, shared ? 0 : i, sb_process_part (w->process, j)) * gsl_matrix_get (y, i, j);
      if (m == nothing && !w->process->basis)
        gsl_matrix_set_all (x[m], GSL_NAN);
    }
  if (w->process->basis)
    {
      ok (sb_operator_apply (w->process->basis, CblasTrans, NULL, wanted, found));
      gsl_matrix_memcpy (wanted, found);
    }
  ok (sb_process_combine (w->process, terms, term, terms % 2 ? matrix (2 * n, d) : NULL, found), "%s", w->name);
  cr_assert_lt (largest_difference (found, wanted), 1e-13, "%s: %zu terms", w->name, terms);
  ok (sb_process_combine (w->process, terms, term, NULL, x[terms - 1]), "%s", w->name);
  cr_assert_lt (largest_difference (x[terms - 1], wanted), 1e-13, "%s: %zu terms, in place", w->name, terms);
}

IN_EACH_WORLD (processes, combinations_are_sums)
{
  const size_t d = w->process->dimension, parts = w->process->parts > 0 ? w->process->parts : 1;
  const sb_term one = { matrix_all (1, parts, 1), normals (4, d, 3) }, short_c = { matrix_all (2, parts, 1), one.x },
                wide_c = { matrix_all (1, parts + 1, 1), one.x }, wide_x = { one.c, normals (4, d + 1, 3) },
                more[] = { one, one, one, one, one, one }, *wrong[] = { &short_c, &wide_c, &wide_x };
  gsl_matrix *out = matrix (4, d);
  if (w->lacks & NO_PARTS) // one number for all is understood all the same
    {
      ok (sb_process_combine (w->process, 1, &one, NULL, out));
      cr_assert_leq (largest_difference (out, one.x), 0);
      refused (GSL_EUNSUP, sb_process_combine (w->process, 1, &wide_c, NULL, out));
      return;
    }
  for (size_t terms = 1; terms <= SB_TERMS_MOST; terms++)
    for (size_t nothing = 0; nothing <= terms; nothing++)
      for (int how = 0; how < 4; how++)
        check_combination (w, terms, how % 2, how / 2, nothing);
  refused (GSL_EINVAL, sb_process_combine (w->process, 0, NULL, NULL, out));
  refused (GSL_EINVAL, sb_process_combine (w->process, SB_TERMS_MOST + 1, more, NULL, out));
  for (size_t k = 0; k < 3; k++)
    for (size_t terms = 1; terms <= 3; terms++)
      {
        const sb_term each = { matrix_all (4, parts, 1), one.x };
        sb_term some[] = { each, each, each };
        some[terms - 1] = *wrong[k];
        refused (GSL_EBADLEN, sb_process_combine (w->process, terms, some, NULL, out), "%s, %zu", w->name, k);
      }
  refused (GSL_EBADLEN, sb_process_combine (w->process, 1, &one, NULL, matrix (5, d)));
  refused (GSL_EBADLEN, sb_process_combine (w->process, 1, &one, matrix (7, d), out));
}

// Rows with the same pair of times are taken together: up to the first that differs in either, wherever it is and
// however the times lie in memory.

Test (processes, rows_with_the_same_times_are_found)
{
  enum
  {
    ROWS = 900
  };
  gsl_matrix *apart = matrix (ROWS, 3);
  gsl_vector_view strided = gsl_matrix_column (apart, 1);
  gsl_vector *other = vector_all (ROWS, 0.2), *t[] = { vector (ROWS), &strided.vector };
  for (int k = 0; k < 2; k++)
    for (size_t change = 1; change <= ROWS; change += change < 3 || change % 256 > 253 || change % 256 < 2 ? 1 : 13)
      {
        gsl_vector_set_all (t[k], 0.5);
        if (change < ROWS)
          gsl_vector_set (t[k], change, 0.6);
        cr_assert_eq (sb_same_times (NULL, t[k], 0), change);
        cr_assert_eq (sb_same_times (other, t[k], 0), change);
        cr_assert_eq (sb_same_times (t[k], other, 0), change);
        cr_assert_eq (sb_same_times (other, t[k], change / 2), change - change / 2);
      }
  const gsl_vector_const_view part = gsl_vector_const_subvector (other, 0, 3); // the next one in memory is the same
  cr_assert_eq (sb_same_times (NULL, &part.vector, 1), 2);
}

// ## Densities and divergences by parts
//
// Sums over the coordinates in the basis, each with its part's variances.

IN_EACH_WORLD (processes, densities_and_divergences_are_sums)
{
  const size_t d = w->process->dimension, parts = w->process->parts;
  if (w->lacks & NO_PARTS)
    return;
  gsl_matrix *delta = normals (3, d, 13), *y = copy_of (delta), *v[] = { matrix (3, parts), matrix (3, parts) };
  gsl_vector *log_p = vector (3), *kl = vector (3), *two = vector (2);
  for (size_t i = 0; i < 3; i++)
    for (size_t k = 0; k < parts; k++)
      {
        gsl_matrix_set (v[0], i, k, 0.5 + (double)(i + k));
        gsl_matrix_set (v[1], i, k, 3 - 0.2 * (double)(i + k));
      }
  if (w->process->basis)
    ok (sb_operator_apply (w->process->basis, CblasNoTrans, NULL, delta, y));
  ok (sb_parts_log_density (w->process, delta, v[0], log_p), "%s", w->name);
  ok (sb_parts_kl (w->process, delta, v[0], v[1], kl), "%s", w->name);
  for (size_t i = 0; i < 3; i++)
    {
      double of_p = 0, of_kl = 0;
      for (size_t j = 0; j < d; j++)
        {
          const size_t k = sb_process_part (w->process, j);
          const double square = gsl_pow_2 (gsl_matrix_get (y, i, j)), v_1 = gsl_matrix_get (v[0], i, k),
                       v_2 = gsl_matrix_get (v[1], i, k);
          of_p -= 0.5 * (square / v_1 + log (2 * M_PI * v_1));
          of_kl += 0.5 * (log (v_2 / v_1) + (v_1 + square) / v_2 - 1);
        }
      cr_assert_float_eq (gsl_vector_get (log_p, i), of_p, 1e-11 * (1 + fabs (of_p)), "%s, row %zu", w->name, i);
      cr_assert_float_eq (gsl_vector_get (kl, i), of_kl, 1e-11 * (1 + fabs (of_kl)), "%s, row %zu", w->name, i);
    }
  refused (GSL_EBADLEN, sb_parts_kl (w->process, delta, v[0], matrix_all (3, parts + 1, 1), kl));
  refused (GSL_EBADLEN, sb_parts_kl (w->process, delta, matrix_all (2, parts, 1), v[1], kl));
  refused (GSL_EBADLEN, sb_parts_kl (w->process, delta, v[0], v[1], two));
  refused (GSL_EBADLEN, sb_parts_log_density (w->process, matrix_all (3, d + 1, 0), v[0], log_p));
  gsl_matrix_set (v[0], 2, parts - 1, 0);
  refused (GSL_EDOM, sb_parts_log_density (w->process, delta, v[0], log_p), "no variance");
}

// ## The posterior, by Bayes
//
// $\log q(\mathbf x_s \mid \mathbf x_t, \mathbf x_0) = \log q(\mathbf x_t \mid \mathbf x_s) + \log q(\mathbf x_s \mid
// \mathbf x_0)
// - \log q(\mathbf x_t \mid \mathbf x_0)$. [dsm2ddpm.txt-posterior] [dsm2ddpm.txt-A3-bayes]

IN_EACH_WORLD (processes, posterior_is_bayes)
{
  const size_t d = w->process->dimension;
  gsl_matrix *x_0 = normals (4, d, 9), *x_s = normals (4, d, 10), *x_t = normals (4, d, 11);
  gsl_vector *s = vector_of (w->s, w->s / 3, w->s, w->s / 3), *t = vector_of (w->t, w->t, w->t / 1.5, w->t),
             *zero = vector_all (4, 0), *posterior = vector (4), *of_t = vector (4), *of_s = vector (4),
             *of_0 = vector (4);
  int status = sb_posterior_log_density (w->process, s, t, x_t, x_0, x_s, posterior);
  if (w->lacks & (NO_PARTS | NO_S_INVERSE))
    {
      refused (w->lacks & NO_PARTS ? GSL_EUNSUP : GSL_EDOM, status, "%s", w->name);
      return;
    }
  ok (status, "%s", w->name);
  ok (sb_kernel_log_density (w->process, s, t, x_s, x_t, of_t), "%s", w->name);
  ok (sb_kernel_log_density (w->process, zero, s, x_0, x_s, of_s), "%s", w->name);
  ok (sb_kernel_log_density (w->process, zero, t, x_0, x_t, of_0), "%s", w->name);
  for (size_t i = 0; i < 4; i++)
    {
      double expected = gsl_vector_get (of_t, i) + gsl_vector_get (of_s, i) - gsl_vector_get (of_0, i);
      cr_assert (fabs (gsl_vector_get (posterior, i) - expected) < 1e-9 * (1 + fabs (expected)), "%s: %.15g, not %.15g",
                 w->name, gsl_vector_get (posterior, i), expected);
    }
}

// What the two worlds say that are one: known by its numbers, and by its maps.

Test (processes, numbers_and_maps_are_one)
{
  world last, before;
  size_t count = 0;
  while (world_of (count, &last))
    count++;
  world_of (count - 2, &before);
  world_of (count - 1, &last);
  static const sb_process_map maps[] = { SB_A, SB_A_INVERSE, SB_S, SB_S_INVERSE, SB_F, SB_G, SB_A_RATE, SB_S_RATE };
  gsl_matrix *x = normals (3, before.process->dimension, 12);
  for (int m = 0; m < 8; m++)
    for (int way = 0; way < 2; way++)
      same (&before, mapped (&before, maps[m], way ? CblasTrans : CblasNoTrans, 0.2, 1.7, x),
            mapped (&last, maps[m], CblasNoTrans, 0.2, 1.7, x), 1e-12, "a map up to t_limit");
  refused (GSL_EDOM, sb_process_apply (before.process, SB_A, CblasNoTrans, NULL, vector_all (3, 2.1), x),
           "over t_limit");
  before.process->from_zero_only = true;
  refused (GSL_EUNSUP,
           sb_process_apply (before.process, SB_A, CblasNoTrans, vector_all (3, 0.1), vector_all (3, 0.2), x));
  ok (sb_process_apply (before.process, SB_A, CblasNoTrans, NULL, vector_all (3, 0.2), x));
}
