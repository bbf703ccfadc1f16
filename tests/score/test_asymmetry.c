// # Which fields are gradients

#include "denoisers.h"
#include "process/edm.h"
#include "scope.h"
#include "score/asymmetry.h"
#include "score/callback.h"
#include "score/exact.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (asymmetry);

enum
{
  N = 50,
  NODES = 40
};

static sb_process *
edm (size_t d)
{
  return scoped (sb_edm_alloc (d, SB_EDM_SIGMA_MIN, SB_EDM_SIGMA_MAX));
}

static sb_score *
exact (const sb_target *law)
{
  return scoped (sb_score_exact_alloc (law, edm (law->dimension)));
}

static gsl_vector *
some_times (void)
{
  gsl_vector *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, .1 * pow (100, (double)i / (N - 1)));
  return t;
}

// probes 0: exactly.

static gsl_vector *
ratios (const sb_score *score, sb_view view, size_t probes)
{
  gsl_vector *ratio = vector (N);
  const sb_stream stream = { 7, SB_FOR_PROBE, 0 };
  ok (sb_score_asymmetry (score, view, NULL, some_times (), normals (N, score->process->dimension, 3), probes, stream,
                          ratio),
      "%s", score->type->name);
  return ratio;
}

static double
around (const sb_score *score, double t, const gsl_matrix *corners)
{
  double sum;
  ok (sb_score_circulation (score, SB_SCORE, NULL, t, corners, NODES, &sum));
  return sum;
}

// ## Scores of laws, and others
//
// The scores and denoisers of laws have symmetric Jacobians and no circulation. [consistent.prop2]
// [consistent.txt-optimal-both] So has D, which is not consistent: both are asked for. (Where one point rules, the
// denoiser's Jacobian is 0 but for rounding, and has no ratio.) The identity's score is 0, which has no curl and
// belongs to no law; that is all that is said of it, 0.

Test (asymmetry, gradients_have_none)
{
  const sb_score *const of[] = { exact (denoisers_m2 ()), exact (denoisers_twenty_points (2)), denoiser_d (edm (2), .4),
                                 denoiser_identity (edm (2)), denoiser_constant (edm (2), .3) };
  for (size_t k = 0; k < sizeof of / sizeof *of; k++)
    {
      cr_assert_lt (gsl_vector_max (ratios (of[k], SB_SCORE, 0)), 1e-10, "%zu", k);
      cr_assert (k == 1 || gsl_vector_max (ratios (of[k], SB_DENOISER, 0)) < 1e-10, "%zu", k);
      cr_assert_lt (gsl_vector_max (ratios (of[k], SB_SCORE, 3)), 1e-10, "%zu", k);
      for (unsigned seed = 0; seed < 20; seed++)
        cr_assert_lt (fabs (around (of[k], 1, normals (3, 2, seed))), 1e-8, "%zu, triangle %u", k, seed);
    }
}

// N2 is consistent, and the gradient of nothing: $\mathbf J_s = -(\Sigma + v\mathbf I)^{-1}$ is, as a complex number,
// $-1/(1 + v + \mathrm i/2)$, whose ratio is $2|\operatorname{Im}|/|\cdot| = 1/|1 + v + \mathrm i/2|$, at $v = 1$ with
// a difference of $-4/17$ across the diagonal. By Green's theorem its circulation is the curl times the area.
// [consistent.prop2]

Test (asymmetry, of_a_consistent_one)
{
  const sb_score *n2 = denoiser_n2 (edm (2));
  const gsl_vector *ratio = ratios (n2, SB_SCORE, 0), *t = some_times ();
  for (size_t i = 0; i < N; i++)
    {
      const double v = gsl_pow_2 (gsl_vector_get (t, i));
      cr_assert_float_eq (gsl_vector_get (ratio, i), 1 / hypot (1 + v, .5), 1e-12);
    }
  gsl_matrix *columns = matrix (2, 2);
  ok (sb_score_jvp (n2, SB_SCORE, matrix_all (2, 2, .4), vector_all (2, 1), NULL, matrix_of (2, 2, 1, 0, 0, 1),
                    columns));
  cr_assert_float_eq (gsl_matrix_get (columns, 0, 1) - gsl_matrix_get (columns, 1, 0), -4. / 17, 1e-12);

  cr_assert_float_eq (around (n2, 1, matrix_of (3, 2, 0, 0, 2, 0, 0, 3)), -4. / 17 * 3, 1e-12);
  cr_assert_float_eq (around (n2, 1, matrix_of (4, 2, 0, 0, 0, 2, 1, 2, 1, 0)), 4. / 17 * 2, 1e-12);
}

// What is neither, and an antisymmetric Jacobian, which has the most. The denoiser's ratio is another, its Jacobian
// being $\mathbf I + v\mathbf J_s$.

static int
turn (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t;
  const double *sign = params;
  for (size_t i = 0; i < x->size1; i++)
    {
      const double speed = *sign * (y ? gsl_matrix_get (y, i, 0) : 1);
      gsl_matrix_set (out, i, 0, speed * gsl_matrix_get (x, i, 1));
      gsl_matrix_set (out, i, 1, -speed * gsl_matrix_get (x, i, 0));
    }
  return GSL_SUCCESS;
}

static int
turn_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  (void)x, (void)y;
  return turn (v, t, NULL, out, params);
}

static int
turn_vjp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  (void)x, (void)y;
  double back = -*(double *)params;
  return turn (v, t, NULL, out, &back);
}

static double forwards = 1;

static sb_score *
turning (void)
{
  const sb_score_callback c
      = { .view = SB_SCORE, .function = turn, .jvp = turn_jvp, .vjp = turn_vjp, .params = &forwards };
  return scoped (sb_score_callback_alloc (&c, edm (2)));
}

Test (asymmetry, of_others)
{
  cr_assert_gt (gsl_vector_min (ratios (denoiser_bent (edm (2)), SB_SCORE, 0)), .01);
  cr_assert_gt (fabs (around (denoiser_bent (edm (2)), 1, matrix_of (3, 2, 0, 0, 1, 0, 0, 1))), .01);
  const gsl_vector *ratio = ratios (turning (), SB_SCORE, 0), *of_h = ratios (turning (), SB_DENOISER, 0),
                   *t = some_times ();
  for (size_t i = 0; i < N; i++)
    {
      const double v = gsl_pow_2 (gsl_vector_get (t, i));
      cr_assert_float_eq (gsl_vector_get (ratio, i), 2, 1e-14);
      cr_assert_float_eq (gsl_vector_get (of_h, i), 2 * v / hypot (1, v), 1e-12);
    }
}

// Of another consistent one, $-(\Sigma + v\mathbf I)^{-1}\mathbf x$ with $\Sigma = \begin{pmatrix} 1 & 2 \\ 0 & 4
// \end{pmatrix}$, all asymmetry is in the one number $b = 2/(1 + v)(4 + v)$ across from a 0, and the columns differ:
// the ratio is $\sqrt2\,b/\sqrt{(1 + v)^{-2} + b^2 + (4 + v)^{-2}}$, at no time 0. [consistent.prop2]
// [consistent.txt-single-t-conservative]

static int
by_triangle (bool transposed, const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out)
{
  for (size_t i = 0; i < x->size1; i++)
    {
      const double v = gsl_pow_2 (gsl_vector_get (t, i)), b = 2 / (1 + v) / (4 + v), x_0 = gsl_matrix_get (x, i, 0),
                   x_1 = gsl_matrix_get (x, i, 1);
      gsl_matrix_set (out, i, 0, -x_0 / (1 + v) + (transposed ? 0 : b * x_1));
      gsl_matrix_set (out, i, 1, -x_1 / (4 + v) + (transposed ? b * x_0 : 0));
    }
  return GSL_SUCCESS;
}

static int
triangle (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  return by_triangle (false, x, t, out);
}

static int
triangle_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
              void *params)
{
  (void)x, (void)y, (void)params;
  return by_triangle (false, v, t, out);
}

static int
triangle_vjp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
              void *params)
{
  (void)x, (void)y, (void)params;
  return by_triangle (true, v, t, out);
}

Test (asymmetry, of_columns_that_differ)
{
  const sb_score_callback c = { .view = SB_SCORE, .function = triangle, .jvp = triangle_jvp, .vjp = triangle_vjp };
  const gsl_vector *ratio = ratios (scoped (sb_score_callback_alloc (&c, edm (2))), SB_SCORE, 0), *t = some_times ();
  for (size_t i = 0; i < N; i++)
    {
      const double v = gsl_pow_2 (gsl_vector_get (t, i)), b = 2 / (1 + v) / (4 + v);
      cr_assert_float_eq (gsl_vector_get (ratio, i), sqrt (2) * b / hypot (hypot (1 / (1 + v), 1 / (4 + v)), b), 1e-14);
    }
}

// Of $\mathbf J = \mathbf H + y\mathbf A$ in four dimensions, $\mathbf H$ symmetric and $\mathbf A$ antisymmetric, it
// is $2|y|\lVert\mathbf A\rVert/\sqrt{\lVert\mathbf H\rVert^2 + y^2\lVert\mathbf A\rVert^2}$, each row having a
// condition of its own. [consistent.prop2]

static void
by_condition (double sign, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out)
{
  for (size_t i = 0; i < v->size1; i++)
    for (size_t j = 0; j < v->size2; j++)
      {
        double sum = 0;
        for (size_t k = 0; k < v->size2; k++)
          sum += (cos ((double)(j + k)) + sign * gsl_matrix_get (y, i, 0) * sin ((double)j - (double)k))
                 * gsl_matrix_get (v, i, k);
        gsl_matrix_set (out, i, j, sum);
      }
}

static int
told (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)t, (void)params;
  by_condition (1, y, x, out);
  return GSL_SUCCESS;
}

static int
told_jvp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  (void)x, (void)t, (void)params;
  by_condition (1, y, v, out);
  return GSL_SUCCESS;
}

static int
told_vjp (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
          void *params)
{
  (void)x, (void)t, (void)params;
  by_condition (-1, y, v, out);
  return GSL_SUCCESS;
}

Test (asymmetry, in_four_dimensions_given_a_condition)
{
  const sb_score_callback c = { .view = SB_SCORE, .function = told, .jvp = told_jvp, .vjp = told_vjp };
  const sb_score *score = scoped (sb_score_callback_alloc (&c, edm (4)));
  const gsl_matrix *y = normals (N, 1, 5);
  gsl_vector *ratio = vector (N);
  double H = 0, A = 0;
  for (int j = 0; j < 4; j++)
    for (int k = 0; k < 4; k++)
      H += gsl_pow_2 (cos (j + k)), A += gsl_pow_2 (sin (j - k));
  ok (sb_score_asymmetry (score, SB_SCORE, y, some_times (), normals (N, 4, 3), 0, (sb_stream){ 0 }, ratio));
  for (size_t i = 0; i < N; i++)
    {
      const double y_2 = gsl_pow_2 (gsl_matrix_get (y, i, 0));
      cr_assert_float_eq (gsl_vector_get (ratio, i), 2 * sqrt (y_2 * A / (H + y_2 * A)), 1e-13, "row %zu", i);
    }
}

// ## By probes
//
// The ratio of the estimated squares goes to the exact one. With 20,000 directions in the plane the standard error of
// either square is at most $\sqrt{2/20000} = 1$ % of it, and with 50 rows 5.7 of those are left out with a false alarm
// below 1e-6; of the ratio half of both, 5.7 %.

Test (asymmetry, by_random_directions)
{
  const gsl_vector *exactly = ratios (denoiser_bent (edm (2)), SB_SCORE, 0),
                   *by_probes = ratios (denoiser_bent (edm (2)), SB_SCORE, 20000);
  double differs = 0;
  for (size_t i = 0; i < N; i++)
    {
      const double off = gsl_vector_get (by_probes, i) / gsl_vector_get (exactly, i) - 1;
      differs = larger (differs, fabs (off));
      cr_assert_lt (fabs (off), .057, "row %zu: %g", i, off);
    }
  cr_assert_gt (differs, 0);
}

// Probe k is made of normals k d to (k + 1) d - 1 of the row's stream. [consistent.prop2]

Test (asymmetry, probes_have_numbers_of_their_own)
{
  const sb_score *bent = denoiser_bent (edm (2));
  const sb_stream stream = { 7, SB_FOR_PROBE, 0 };
  const gsl_matrix *x = normals (1, 2, 3);
  const gsl_vector *t = vector_of (.7);
  gsl_matrix *u = matrix (1, 2), *Ju = matrix (1, 2), *back = matrix (1, 2);
  gsl_vector *ratio = vector (1);
  double whole = 0, difference = 0;
  for (uint64_t k = 0; k < 2; k++)
    {
      ok (sb_stream_normals (stream, 2 * k, u));
      ok (sb_score_jvp (bent, SB_SCORE, x, t, NULL, u, Ju));
      ok (sb_score_vjp (bent, SB_SCORE, x, t, NULL, u, back));
      for (size_t j = 0; j < 2; j++)
        {
          whole += gsl_pow_2 (gsl_matrix_get (Ju, 0, j));
          difference += gsl_pow_2 (gsl_matrix_get (Ju, 0, j) - gsl_matrix_get (back, 0, j));
        }
    }
  ok (sb_score_asymmetry (bent, SB_SCORE, NULL, t, x, 2, stream, ratio));
  cr_assert_float_eq (gsl_vector_get (ratio, 0), sqrt (difference / whole), 1e-14);
}

// A row's probes are its own: the second half of a batch alone says the same. [consistent.prop2]

Test (asymmetry, rows_alone)
{
  const sb_score *bent = denoiser_bent (edm (2));
  const gsl_vector *all = ratios (bent, SB_SCORE, 5), *t = some_times ();
  gsl_vector *half = vector (N / 2);
  gsl_matrix *x = normals (N, 2, 3);
  gsl_vector_const_view t_half = gsl_vector_const_subvector (t, N / 2, N / 2);
  gsl_matrix_view x_half = gsl_matrix_submatrix (x, N / 2, 0, N / 2, 2);
  ok (sb_score_asymmetry (bent, SB_SCORE, NULL, &t_half.vector, &x_half.matrix, 5,
                          (sb_stream){ 7, SB_FOR_PROBE, N / 2 }, half));
  for (size_t i = 0; i < N / 2; i++)
    cr_assert_float_eq (gsl_vector_get (half, i), gsl_vector_get (all, N / 2 + i), 1e-15);
}

// ## How it moves in time
//
// Of a linear consistent score $\mathbf J_s = \mathbf H + \mathbf A$ changes in $v$ with $\mathbf J_s^2$, and so
// $\mathbf A$ with $\mathbf H\mathbf A + \mathbf A\mathbf H$: it never becomes 0 if it is not, nor does it begin where
// there is none. [consistent.txt-single-t-conservative]

static gsl_matrix *
jacobian (const sb_score *score, double v)
{
  gsl_matrix *columns = matrix (2, 2), *J = matrix (2, 2);
  ok (sb_score_jvp (score, SB_SCORE, matrix_of (2, 2, .3, -.7, .3, -.7), vector_all (2, sqrt (v)), NULL,
                    matrix_of (2, 2, 1, 0, 0, 1), columns));
  gsl_matrix_transpose_memcpy (J, columns);
  return J;
}

static void
split (const gsl_matrix *J, gsl_matrix *H, gsl_matrix *A)
{
  gsl_matrix_transpose_memcpy (H, J);
  gsl_matrix_memcpy (A, J);
  gsl_matrix_sub (A, H);
  gsl_matrix_add (H, J);
  gsl_matrix_scale (A, .5);
  gsl_matrix_scale (H, .5);
}

Test (asymmetry, moves_by_its_own_equation)
{
  for (double v = .01; v < 100; v *= 2)
    {
      const double h = 1e-3 * v, place[] = { -2, -1, 1, 2 }, weight[] = { 1, -8, 8, -1 };
      gsl_matrix *H = matrix (2, 2), *A = matrix (2, 2), *rate = matrix_all (2, 2, 0), *wanted = matrix (2, 2);
      for (int k = 0; k < 4; k++)
        {
          split (jacobian (denoiser_n2 (edm (2)), v + place[k] * h), H, A);
          gsl_matrix_scale (A, weight[k] / (12 * h));
          gsl_matrix_add (rate, A);
        }
      split (jacobian (denoiser_n2 (edm (2)), v), H, A);
      gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, H, A, 0, wanted);
      gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, A, H, 1, wanted);
      cr_assert_lt (largest_difference (rate, wanted), 1e-8, "v = %g", v);
      cr_assert_gt (fabs (gsl_matrix_get (A, 0, 1)), 1e-6);

      split (jacobian (exact (denoisers_m2 ()), v), H, A);
      cr_assert_lt (fabs (gsl_matrix_get (A, 0, 1)), 1e-10 * (1 - gsl_matrix_min (H)));
    }
}

// ## Conditions, and what does not fit
//
// A condition is that of every point on the way. [consistent.prop2]

Test (asymmetry, a_condition_goes_with_every_node)
{
  const gsl_matrix *corners = matrix_of (3, 2, 0, 0, 1, 0, 0, 1);
  double sum, with;
  ok (sb_score_circulation (turning (), SB_SCORE, vector_of (5), 1, corners, 3, &with));
  ok (sb_score_circulation (turning (), SB_SCORE, NULL, 1, corners, 3, &sum));
  cr_assert_float_eq (sum, -1, 1e-14);
  cr_assert_float_eq (with, -5, 1e-14);
  ok (sb_score_circulation (turning (), SB_SCORE, vector_of (5), 1, matrix_of (1, 2, 3, 4), 3, &with));
  cr_assert_eq (with, 0);
}

static int
no_number (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)x, (void)t, (void)y, (void)params;
  gsl_matrix_set_all (out, GSL_NAN);
  return GSL_SUCCESS;
}

static int
no_product (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v, gsl_matrix *out,
            void *params)
{
  (void)v;
  return no_number (x, t, y, out, params);
}

Test (asymmetry, what_does_not_fit_is_refused)
{
  const sb_score_callback no = { .view = SB_SCORE, .function = no_number, .jvp = no_product, .vjp = no_product },
                          bare = { .view = SB_SCORE, .function = turn, .params = &forwards };
  const sb_score *nan = scoped (sb_score_callback_alloc (&no, edm (2))),
                 *without = scoped (sb_score_callback_alloc (&bare, edm (2)));
  const sb_stream stream = { 1, SB_FOR_PROBE, 0 };
  gsl_matrix *x = matrix_all (3, 2, 1), *wide = matrix_all (3, 3, 1);
  gsl_vector *t = vector_all (3, .5), *ratio = vector (3), *two = vector (2), *none = vector (0);
  double sum;
  refused (GSL_EBADLEN, sb_score_asymmetry (turning (), SB_SCORE, NULL, t, x, 0, stream, two));
  refused (GSL_EBADLEN, sb_score_asymmetry (turning (), SB_SCORE, NULL, two, x, 0, stream, ratio));
  refused (GSL_EBADLEN, sb_score_asymmetry (turning (), SB_SCORE, NULL, t, wide, 0, stream, ratio));
  refused (GSL_EUNSUP, sb_score_asymmetry (without, SB_SCORE, NULL, t, x, 0, stream, ratio));
  refused (GSL_EBADFUNC, sb_score_asymmetry (nan, SB_SCORE, NULL, t, x, 0, stream, ratio));
  refused (GSL_EBADLEN, sb_score_circulation (turning (), SB_SCORE, NULL, 1, wide, 3, &sum));
  refused (GSL_EINVAL, sb_score_circulation (turning (), SB_SCORE, NULL, 1, x, 0, &sum));
  refused (GSL_EBADFUNC, sb_score_circulation (nan, SB_SCORE, NULL, 1, x, 3, &sum));
  ok (sb_score_asymmetry (turning (), SB_SCORE, NULL, none, matrix (0, 2), 0, stream, none));
}
