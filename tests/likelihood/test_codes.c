// # Latent codes

#include "likelihood/codes.h"
#include "process/edm.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "score/exact.h"
#include "scope.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE (codes);

static sb_process *
process_of (int k, size_t d)
{
  return scoped (k == 0 ? sb_ve_alloc (d, 0.01, 20) : k == 1 ? sb_vp_alloc (d, 0.1, 20) : sb_subvp_alloc (d, 0.1, 20));
}

static gsl_matrix *
covariances (void)
{
  gsl_matrix *C = matrix_all (4, 2, 0.1);
  for (size_t k = 0; k < 4; k++)
    gsl_matrix_set (C, k, k % 2, 0.3 + 0.2 * (double)k);
  return C;
}

// ## There and back
//
// decode (encode (x)) = x, and closer the smaller the tolerance; rows go in groups, and do not see each other across
// these. [scoresde.txt-latent-manip]

Test (codes, decode_to_what_was_encoded)
{
  for (int k = 0; k < 3; k++)
    {
      sb_process *process = process_of (k, 2);
      sb_score *score = scoped (
          sb_score_exact_alloc (scoped (sb_target_mixture_alloc (NULL, normals (2, 2, 1), covariances ())), process));
      const gsl_matrix *x = normals (9, 2, 2);
      double before = 1;
      for (double tolerance = 1e-3; tolerance > 1e-9; tolerance *= 1e-5 / 3)
        {
          const sb_flow flow = { .relative = tolerance, .absolute = tolerance, .final = SB_FINAL_SAMPLE };
          gsl_matrix *code = copy_of (x), *part = matrix (4, 2);
          double up, down;
          ok (sb_encode (&flow, score, NULL, 1e-3, 4, code, &up));
          double by_parts = 0; // of three groups, 4, 4 and 1 rows
          for (size_t at = 0; at < 9; at += 4)
            {
              const size_t n = GSL_MIN ((size_t)4, 9 - at);
              gsl_matrix_const_view rows = gsl_matrix_const_submatrix (x, at, 0, n, 2);
              gsl_matrix *alone = copy_of (&rows.matrix);
              double of_part;
              ok (sb_encode (&flow, score, NULL, 1e-3, 4, alone, &of_part));
              by_parts += of_part * (double)n / 9;
            }
          cr_assert_float_eq (up, by_parts, 1e-9);
          gsl_matrix_const_view some = gsl_matrix_const_submatrix (x, 4, 0, 4, 2);
          gsl_matrix_view same = gsl_matrix_submatrix (code, 4, 0, 4, 2);
          gsl_matrix_memcpy (part, &some.matrix);
          ok (sb_encode (&flow, score, NULL, 1e-3, 0, part, NULL));
          cr_assert (gsl_matrix_equal (part, &same.matrix));
          ok (sb_decode (&flow, score, NULL, 1e-3, 4, code, &down));
          const double off = largest_difference (code, x);
          cr_assert_lt (off, before, "%s, tolerance %g", process->type->name, tolerance);
          cr_assert (up >= 8 && down >= 8);
          before = off / 10;
        }
      cr_assert_lt (before * 10, 1e-4, "%s: off by %g", process->type->name, before * 10);
    }
}

// ## Temperature
//
// Of a Gaussian about 0 the flow is linear: a code times tau decodes to tau times what it decoded to, and the variance
// falls by tau^2. [scoresde.txt-latent-manip]

Test (codes, temperature_scales_a_gaussian)
{
  const double tau = 0.6;
  for (int k = 0; k < 3; k++)
    {
      sb_process *process = process_of (k, 2);
      gsl_matrix *C = matrix_all (2, 2, 0.3), *x = normals (5, 2, 3), *cool = copy_of (x);
      gsl_matrix_set (C, 0, 0, 1);
      gsl_matrix_set (C, 1, 1, 0.4);
      sb_score *score
          = scoped (sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_all (2, 0), C)), process));
      const sb_flow flow = { .relative = 1e-9, .absolute = 1e-9, .final = SB_FINAL_SAMPLE };
      gsl_matrix_scale (cool, tau);
      ok (sb_decode (&flow, score, NULL, 1e-3, 0, x, NULL));
      ok (sb_decode (&flow, score, NULL, 1e-3, 0, cool, NULL));
      gsl_matrix_scale (x, tau);
      cr_assert_lt (largest_difference (cool, x), 1e-6, "%s: %g", process->type->name, largest_difference (cool, x));
    }
}

// Of $\mathcal N(0, s^2)$ under $\mathbf x_t = \mathbf x_0 + t\mathbf z$ a point stays at the same share of the
// deviation, $\sqrt{s^2 + t^2}$, on its way to $T$, which is 80 there, and back; from the least noise or from more.
// [scoresde.txt-latent-manip]

static void
check_ends (double epsilon)
{
  const double s = 0.5, grows = sqrt ((s * s + 6400) / (s * s + epsilon * epsilon));
  const sb_process *edm = scoped (sb_edm_alloc (2, 0.002, 80));
  sb_score *score = scoped (sb_score_exact_alloc (
      scoped (sb_target_gaussian_alloc (vector_all (2, 0), matrix_of (2, 2, s * s, 0, 0, s * s))), edm));
  const sb_flow flow = { .relative = 1e-10, .absolute = 1e-10, .final = SB_FINAL_SAMPLE };
  gsl_matrix *x = normals (5, 2, 7), *code = copy_of (x), *far = copy_of (x);
  gsl_matrix_scale (far, grows);
  ok (sb_encode (&flow, score, NULL, epsilon, 0, code, NULL));
  cr_assert_lt (largest_difference (code, far), 1e-6 * grows, "%g", largest_difference (code, far));
  ok (sb_decode (&flow, score, NULL, epsilon, 0, far, NULL));
  cr_assert_lt (largest_difference (far, x), 1e-6, "%g", largest_difference (far, x));
}

Test (codes, are_at_the_end_of_time)
{
  check_ends (0.002);
  check_ends (0.3);
}

// ## On the sphere
//
// Ends are exact, norms are kept where they are equal, and the angle from a is u theta. [scoresde.txt-latent-manip]

static double
norm (const gsl_vector *v)
{
  return gsl_blas_dnrm2 (v);
}

static double
angle (const gsl_vector *a, const gsl_vector *b)
{
  double product;
  gsl_blas_ddot (a, b, &product);
  return acos (product / norm (a) / norm (b));
}

Test (codes, between_two_is_an_arc)
{
  gsl_matrix *pair = normals (2, 6, 4);
  gsl_vector_view a = gsl_matrix_row (pair, 0), b = gsl_matrix_row (pair, 1);
  gsl_vector_scale (&b.vector, norm (&a.vector) / norm (&b.vector));
  gsl_vector *c = vector (6);
  ok (sb_code_between (&a.vector, &b.vector, 0, c));
  cr_assert (gsl_vector_equal (c, &a.vector));
  ok (sb_code_between (&a.vector, &b.vector, 1, c));
  cr_assert (gsl_vector_equal (c, &b.vector));
  for (double u = 0.1; u < 1; u += 0.2)
    {
      ok (sb_code_between (&a.vector, &b.vector, u, c));
      cr_assert_float_eq (norm (c), norm (&a.vector), 1e-12);
      cr_assert_float_eq (angle (&a.vector, c), u * angle (&a.vector, &b.vector), 1e-12);
    }

  // The angle is that of the directions: of codes of norms 1 and 2 at 60 degrees the shares half-way are sin 30 /
  // sin 60.
  gsl_vector *half_way = vector (2);
  ok (sb_code_between (vector_of (1, 0), vector_of (1, sqrt (3)), 0.5, half_way));
  cr_assert_float_eq (gsl_vector_get (half_way, 0), 2 / sqrt (3), 1e-14);
  cr_assert_float_eq (gsl_vector_get (half_way, 1), 1, 1e-14);

  gsl_vector *twice = vector (6), *opposite = vector (6);
  gsl_vector_memcpy (twice, &a.vector);
  gsl_vector_scale (twice, 2);
  ok (sb_code_between (&a.vector, twice, 0.25, c));
  cr_assert_float_eq (norm (c), 1.25 * norm (&a.vector), 1e-12);
  gsl_vector_memcpy (opposite, twice);
  gsl_vector_scale (opposite, -1);
  refused (GSL_EDOM, sb_code_between (&a.vector, opposite, 0.5, c));
  refused (GSL_EDOM, sb_code_between (&a.vector, vector_all (6, 0), 0.5, c));
  refused (GSL_EDOM, sb_code_between (vector_all (6, 0), &a.vector, 0.5, c));
  refused (GSL_EBADLEN, sb_code_between (&a.vector, vector (5), 0.5, c));
  refused (GSL_EBADLEN, sb_code_between (&a.vector, &b.vector, 0.5, vector (5)));
}

// ## Conditions
//
// Of data $\mathcal N(y, 1)$ under VP the score is $m y - x$, the velocity $-\frac12\beta m\,y$, and a code is $x +
// y\,(m(T) - m(\epsilon))$: each row with its own $y$, in groups of two. [scoresde.txt-latent-manip]

static int
moved_score (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
             gsl_matrix *out)
{
  (void)view;
  for (size_t i = 0; i < x->size1; i++)
    gsl_matrix_set (out, i, 0,
                    number_of (state, SB_A, 0, gsl_vector_get (t, i)) * gsl_matrix_get (y, i, 0)
                        - gsl_matrix_get (x, i, 0));
  return GSL_SUCCESS;
}

Test (codes, are_those_of_each_condition)
{
  enum
  {
    N = 5
  };
  static const sb_score_type type = { .name = "moved", .views = SB_SCORE, .evaluate = moved_score };
  sb_process *vp = process_of (1, 1);
  sb_score *score = scoped (sb_score_alloc (&type, vp, vp));
  const sb_flow flow = { .relative = 1e-9, .absolute = 1e-9, .final = SB_FINAL_SAMPLE };
  const gsl_matrix *y = normals (N, 1, 3), *start = normals (N, 1, 4);
  gsl_matrix *x = copy_of (start);
  const double moved = number_of (vp, SB_A, 0, 1) - number_of (vp, SB_A, 0, 1e-3);
  ok (sb_encode (&flow, score, y, 1e-3, 2, x, NULL));
  for (size_t i = 0; i < N; i++)
    cr_assert_float_eq (gsl_matrix_get (x, i, 0), gsl_matrix_get (start, i, 0) + moved * gsl_matrix_get (y, i, 0), 1e-7,
                        "row %zu", i);
  ok (sb_decode (&flow, score, y, 1e-3, 2, x, NULL));
  cr_assert_lt (largest_difference (x, start), 1e-7);
}

Test (codes, refuse_what_does_not_fit)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20));
  sb_score *score = scoped (sb_score_exact_alloc (scoped (sb_target_points_alloc (normals (3, 2, 1), NULL)), vp));
  const sb_flow flow = sb_flow_default (), none = { 0 };
  gsl_matrix *x = matrix_all (3, 2, 0.1);
  refused (GSL_EINVAL, sb_encode (&none, score, NULL, 1e-3, 2, x, NULL));
  refused (GSL_EDOM, sb_encode (&flow, score, NULL, 0, 2, x, NULL));
  refused (GSL_EDOM, sb_decode (&flow, score, NULL, 0, 2, x, NULL));
  refused (GSL_EBADLEN, sb_encode (&flow, score, NULL, 1e-3, 2, matrix_all (3, 3, 0), NULL));
  refused (GSL_EBADLEN, sb_encode (&flow, score, matrix_all (2, 1, 0), 1e-3, 2, x, NULL));
  double evaluations = 9;
  ok (sb_encode (&flow, score, NULL, 1e-3, 2, matrix (0, 2), &evaluations));
  cr_assert_eq (evaluations, 0);
}
