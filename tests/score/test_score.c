// # What must be true of a score
//
// Scores by callback, exact scores, and a recording score of our own: who is asked for which view, what is converted,
// what is refused.

#include "process/ve.h"
#include "process/vp.h"
#include "score/callback.h"
#include "score/exact.h"
#include "score/score.h"
#include "target/truth.h"
#include "scope.h"

#include <math.h>
#include <stdlib.h>

enum
{
  N = 30,
  D = 3
};

static const truth_law LAW = { .K = 2,
                               .d = D,
                               .w = { 1, 2 },
                               .mu = { { 0, 1, 2 }, { 1, 0, -1 } },
                               .C = { { { 1, 0.5 }, { 0.5, 1 }, { 0, 0, 1 } }, { { 1 }, { 0, 2 }, { 0, 0, 0.1 } } } };

static sb_target *law;
static sb_process *vp;
static gsl_matrix *x, *v, *y, *out, *expected, *wide, *tall;
static gsl_vector *t, *long_t, *number, *expected_number;

static void
setup (void)
{
  scope_begin ();
  law = truth_mixture (&LAW);
  vp = scoped (sb_vp_alloc (D, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  x = normals (N, D, 1);
  v = normals (N, D, 2);
  y = matrix_all (N, 1, 0);
  out = matrix (N, D);
  expected = matrix (N, D);
  wide = matrix_all (N, D + 1, 0);
  tall = matrix_all (N + 1, D, 0);
  t = level_times (2, N + 1, N + 2);
  long_t = vector_all (N + 1, 0);
  number = vector (N);
  expected_number = vector (N);
}

TestSuite (score, .init = setup, .fini = scope_end);

static const sb_view views[3] = { SB_SCORE, SB_DENOISER, SB_EPSILON };

static void
agree (double bound, const char *what)
{
  for (size_t i = 0; i < N; i++)
    for (size_t j = 0; j < D; j++)
      {
        double a = gsl_matrix_get (out, i, j), b = gsl_matrix_get (expected, i, j);
        cr_assert_float_eq (a, b, bound * (1 + fabs (b)), "%s, row %zu: %.15g and %.15g", what, i, a, b);
      }
}

// ## The exact score
//
// It answers as the law does, whatever the condition, and its Jacobian is symmetric.

Test (score, exact_score_is_the_laws)
{
  sb_score *score = scoped (sb_score_exact_alloc (law, vp));
  for (size_t i = 0; i < 3; i++)
    {
      ok (sb_score_evaluate (score, views[i], x, t, y, out));
      ok (sb_target_evaluate (law, vp, views[i], x, t, expected));
      agree (0, "view");
    }
  ok (sb_score_jvp (score, SB_SCORE, x, t, NULL, v, out));
  ok (sb_target_jvp (law, vp, x, t, v, expected));
  agree (0, "jvp");
  gsl_matrix_set_zero (out);
  ok (sb_score_vjp (score, SB_SCORE, x, t, NULL, v, out));
  agree (0, "vjp");
  ok (sb_score_divergence (score, x, t, NULL, number));
  ok (sb_target_divergence (law, vp, x, t, expected_number));
  cr_assert (gsl_vector_equal (number, expected_number));
}

Test (score, exact_score_needs_one_dimension)
{
  sb_process *flat = scoped (sb_vp_alloc (D - 1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  cr_assert_null (sb_score_exact_alloc (law, flat));
  sb_score_free (NULL);
}

// ## By callback
//
// A user's function of one view: the law's closed form of that view, through params. The other views follow by
// Tweedie's formula and agree with their own closed forms.

typedef struct
{
  sb_view view;
  int calls, conditions;
} recorded;

static int
closed_form (const gsl_matrix *x_, const gsl_vector *t_, const gsl_matrix *y_, gsl_matrix *out_, void *params)
{
  recorded *record = params;
  record->calls++;
  record->conditions += y_ != NULL;
  return sb_target_evaluate (law, vp, record->view, x_, t_, out_);
}

static int
closed_jvp (const gsl_matrix *x_, const gsl_vector *t_, const gsl_matrix *y_, const gsl_matrix *v_, gsl_matrix *out_,
            void *params)
{
  recorded *record = params;
  record->calls++;
  record->conditions += y_ != NULL;
  return sb_target_jvp (law, vp, x_, t_, v_, out_);
}

static int
closed_divergence (const gsl_matrix *x_, const gsl_vector *t_, const gsl_matrix *y_, gsl_vector *divergence,
                   void *params)
{
  recorded *record = params;
  record->calls++;
  record->conditions += y_ != NULL;
  return sb_target_divergence (law, vp, x_, t_, divergence);
}

Test (score, callback_of_one_view_has_all_three)
{
  for (size_t i = 0; i < 3; i++)
    {
      recorded record = { .view = views[i] };
      sb_score_callback callback = { .view = views[i], .function = closed_form, .params = &record };
      sb_score *score = scoped (sb_score_callback_alloc (&callback, vp));
      for (size_t j = 0; j < 3; j++)
        {
          ok (sb_score_evaluate (score, views[j], x, t, j == 2 ? y : NULL, out));
          ok (sb_target_evaluate (law, vp, views[j], x, t, expected));
          agree (i == j ? 0 : 1e-11, "view by callback");
        }
      cr_assert (record.calls == 3 && record.conditions == 1);
      refused (GSL_EUNSUP, sb_score_jvp (score, SB_SCORE, x, t, NULL, v, out));
      refused (GSL_EUNSUP, sb_score_vjp (score, SB_SCORE, x, t, NULL, v, out));
      refused (GSL_EUNSUP, sb_score_divergence (score, x, t, NULL, number));
    }
}

Test (score, callback_may_have_derivatives)
{
  recorded record = { .view = SB_SCORE };
  sb_score_callback callback = {
    .view = SB_SCORE, .function = closed_form, .jvp = closed_jvp, .divergence = closed_divergence, .params = &record
  };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, vp));
  callback = (sb_score_callback){ .view = SB_DENOISER }; // the score has its own copy
  ok (sb_score_jvp (score, SB_SCORE, x, t, y, v, out));
  ok (sb_target_jvp (law, vp, x, t, v, expected));
  agree (0, "jvp by callback");
  ok (sb_score_divergence (score, x, t, y, number));
  ok (sb_target_divergence (law, vp, x, t, expected_number));
  cr_assert (gsl_vector_equal (number, expected_number));
  cr_assert (record.calls == 2 && record.conditions == 2);
}

static int
fails (const gsl_matrix *x_, const gsl_vector *t_, const gsl_matrix *y_, gsl_matrix *out_, void *params)
{
  (void)x_, (void)t_, (void)y_, (void)out_, (void)params;
  return GSL_EFAILED;
}

Test (score, failure_of_a_callback_is_passed_on)
{
  sb_score_callback callback = { .view = SB_EPSILON, .function = fails };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, vp));
  refused (GSL_EFAILED, sb_score_evaluate (score, SB_EPSILON, x, t, NULL, out));
  refused (GSL_EFAILED, sb_score_evaluate (score, SB_SCORE, x, t, NULL, out));
}

Test (score, callback_needs_a_function_and_a_view)
{
  sb_score_callback none = { .view = SB_SCORE }, both = { .view = SB_SCORE | SB_EPSILON, .function = fails };
  cr_assert_null (sb_score_callback_alloc (&none, vp));
  cr_assert_null (sb_score_callback_alloc (&both, vp));
}

// ## Who is asked
//
// A score that computes several views is asked for the one that is wanted if it has it, else for epsilon, else for the
// score.

typedef struct
{
  sb_score_type type;
  sb_view asked;
  int freed;
} witness;

static int
witness_evaluate (const void *state, sb_view view, const gsl_matrix *x_, const gsl_vector *t_, const gsl_matrix *y_,
                  gsl_matrix *out_)
{
  (void)x_, (void)t_, (void)y_;
  ((witness *)state)->asked = view;
  gsl_matrix_set_all (out_, 1);
  return GSL_SUCCESS;
}

static void
witness_free (void *state)
{
  ((witness *)state)->freed++;
}

static sb_view
asked_for (unsigned has, sb_view wanted)
{
  witness w = { .type = { .name = "witness", .views = has, .evaluate = witness_evaluate, .free = witness_free } };
  sb_score *score = sb_score_alloc (&w.type, &w, vp);
  cr_assert_eq (sb_score_evaluate (score, wanted, x, t, NULL, out), has ? GSL_SUCCESS : GSL_EUNSUP);
  sb_score_free (score);
  cr_assert_eq (w.freed, 1);
  return w.asked;
}

Test (score, best_view_is_asked_for)
{
  cr_assert_eq (asked_for (0, SB_SCORE), 0);
  for (unsigned has = 1; has < 8; has++)
    for (size_t i = 0; i < 3; i++)
      {
        unsigned source = has & views[i] ? views[i] : has & SB_EPSILON ? SB_EPSILON : has & SB_SCORE ? SB_SCORE : has;
        cr_assert_eq ((unsigned)asked_for (has, views[i]), source, "wants %u of %u", views[i], has);
      }
}

// ## What it refuses
//
// Shapes that do not fit never reach the score, which counts its calls.

Test (score, refuses_shapes_that_do_not_fit)
{
  recorded record = { .view = SB_SCORE };
  sb_score_callback callback = { .view = SB_SCORE,
                                 .function = closed_form,
                                 .jvp = closed_jvp,
                                 .vjp = closed_jvp,
                                 .divergence = closed_divergence,
                                 .params = &record };
  sb_score *score = scoped (sb_score_callback_alloc (&callback, vp));
  gsl_matrix *tall_y = matrix_all (N + 1, 1, 0);
  const struct
  {
    const gsl_matrix *x, *y, *v;
    const gsl_vector *t;
    gsl_matrix *out;
    int code;
  } cases[] = { { x, y, v, t, out, GSL_SUCCESS },        { x, NULL, v, t, out, GSL_SUCCESS },
                { wide, y, wide, t, wide, GSL_EBADLEN }, { tall, NULL, tall, t, tall, GSL_EBADLEN },
                { x, y, v, long_t, out, GSL_EBADLEN },   { x, tall_y, v, t, out, GSL_EBADLEN },
                { x, y, v, t, wide, GSL_EBADLEN },       { x, y, v, t, tall, GSL_EBADLEN } };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    {
      const gsl_matrix *x_i = cases[i].x, *y_i = cases[i].y, *v_i = cases[i].v;
      const gsl_vector *t_i = cases[i].t;
      refused (cases[i].code, sb_score_evaluate (score, SB_SCORE, x_i, t_i, y_i, cases[i].out), "case %zu", i);
      refused (cases[i].code, sb_score_jvp (score, SB_SCORE, x_i, t_i, y_i, v_i, cases[i].out), "case %zu", i);
      refused (cases[i].code, sb_score_vjp (score, SB_SCORE, x_i, t_i, y_i, v_i, cases[i].out), "case %zu", i);
    }
  refused (GSL_EINVAL, sb_score_evaluate (score, (sb_view)6, x, t, NULL, out));
  cr_assert_eq (record.calls, 6);
  refused (GSL_EBADLEN, sb_score_jvp (score, SB_SCORE, x, t, NULL, tall, out));
  refused (GSL_EBADLEN, sb_score_jvp (score, SB_SCORE, x, t, NULL, wide, out));
  refused (GSL_EBADLEN, sb_score_vjp (score, SB_SCORE, x, t, NULL, tall, out));
  refused (GSL_EBADLEN, sb_score_vjp (score, SB_SCORE, x, t, NULL, wide, out));
  callback.divergence = NULL;
  const sb_score *by_products = scoped (sb_score_callback_alloc (&callback, vp));
  ok (sb_score_divergence (by_products, matrix (0, x->size2), vector (0), NULL, vector (0)));
  ok (sb_score_divergence (score, x, t, y, number));
  refused (GSL_EBADLEN, sb_score_divergence (score, wide, t, NULL, number));
  refused (GSL_EBADLEN, sb_score_divergence (score, x, long_t, NULL, long_t));
  refused (GSL_EBADLEN, sb_score_divergence (score, x, t, NULL, long_t));
}

// What the law refuses, its score refuses: a time that is none; and a batch of no rows is a batch.

Test (score, passes_on_what_the_law_says)
{
  sb_score *score = scoped (sb_score_exact_alloc (law, vp));
  gsl_matrix *none = matrix (0, D);
  gsl_vector *empty = vector (0);
  ok (sb_score_evaluate (score, SB_SCORE, none, empty, NULL, none));
  ok (sb_score_divergence (score, none, empty, NULL, empty));
  gsl_vector_set (t, 4, 1.5);
  refused (GSL_EDOM, sb_score_evaluate (score, SB_SCORE, x, t, NULL, out));
  refused (GSL_EDOM, sb_score_divergence (score, x, t, NULL, number));
}

// What is not finite is found in a block of a wider matrix too; what lies beside the block does not matter.

Test (score, looks_at_a_block_and_not_beside_it)
{
  sb_score *score = scoped (sb_score_exact_alloc (law, vp));
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 4; j++)
      {
        gsl_matrix *all = matrix_all (3, 4, 1);
        const gsl_matrix_const_view block = gsl_matrix_const_submatrix (all, 0, 1, 3, 2);
        gsl_matrix_set (all, i, j, GSL_NAN);
        refused (j == 1 || j == 2 ? GSL_EBADFUNC : GSL_SUCCESS,
                 sb_score_check_finite (score, vector_all (3, 0.5), &block.matrix, ""), "(%zu, %zu)", i, j);
      }
}
