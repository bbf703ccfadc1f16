// # What must be true of every objective
//
// Each in the list is tested by being listed: its loss by rows, its gradients as slopes, the same for any batch.

#include "losses.h"
#include "models.h"
#include "process/edm.h"
#include "process/ddpm.h"
#include "process/smld.h"
#include "process/vp.h"
#include "scope.h"
#include "score/exact.h"
#include "score/network.h"
#include "score/stretch.h"
#include "score/tweedie.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (objective);

enum
{
  N = 7,
  D = 3
};

// Under a chain, for NCSN's loss is of its levels; one that takes steps of an SDE, under that.

static void
for_each (void (*check) (const sb_objective *objective))
{
  sb_process *chain = scoped (sb_smld_alloc (D, 4, 0.2, 3)), *sde = scoped (sb_edm_alloc (D, 0.2, 3));
  sb_target *law = three_in_space ();
  for (size_t k = 0; sb_objectives (k); k++)
    {
      const sb_objective_type *type = (const sb_objective_type *)sb_objectives (k);
      sb_process *process = type->draw_more ? sde : chain;
      sb_objective objective = sb_objective_of (type, process, 0);
      objective.truth = scoped (sb_score_exact_alloc (law, process));
      check (&objective);
      for (size_t j = 0; j < objective.type->entry.key_count; j++) // and every key at another value
        {
          const sb_key *key = &objective.type->entry.keys[j];
          const double usual = objective.key[j];
          objective.key[j] = key->words ? 1 : key->whole ? 3 : 0.5;
          check (&objective);
          objective.key[j] = usual;
        }
      if (objective.type->weighting) // and another weight
        {
          objective.weighting.type
              = objective.weighting.type == sb_weighting_unit ? sb_weighting_variance : sb_weighting_unit;
          check (&objective);
        }
    }
}

static void
has_a_name (const sb_objective *o)
{
  cr_assert (o->type->entry.name[0] && o->type->entry.help[0]);
  cr_assert_eq (sb_entry_find (sb_objectives, o->type->entry.name), &o->type->entry);
}

Test (objective, has_a_name) { for_each (has_a_name); }

// ## The gradients are slopes
//
// with respect to every number of the estimates and of their derivatives, whatever these are, along several directions
// too. [dsm2ddpm.txt-SSM-jvp] All losses are quadratic, so that a central difference with a large step is exact.

static double
loss_of_row (sb_objective_batch *b, size_t i)
{
  ok (sb_objective_find_loss (b));
  return gsl_vector_get (&b->loss, i);
}

static void
check_slopes (sb_objective_batch *b, gsl_matrix *at, const gsl_matrix *bar)
{
  ok (sb_objective_find_loss (b));
  gsl_matrix *want = copy_of (bar);
  for (size_t k = 0; k < at->size1; k++)
    for (size_t j = 0; j < at->size2; j++)
      {
        double *number = gsl_matrix_ptr (at, k, j), was = *number;
        *number = was + 0.5;
        const double up = loss_of_row (b, k % b->n);
        *number = was - 0.5;
        const double slope = up - loss_of_row (b, k % b->n);
        *number = was;
        cr_assert_float_eq (gsl_matrix_get (want, k, j), slope, 1e-9 * (1 + fabs (up)),
                            "%s: row %zu: %.12g, slope %.12g", b->objective->type->entry.name, k,
                            gsl_matrix_get (want, k, j), slope);
      }
}

static sb_objective_batch *
drawn (const sb_objective *o)
{
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (o, N));
  gsl_matrix_memcpy (&b->x_0, normals (N, D, 41));
  ok (sb_objective_draw ((sb_stream){ 6, 0, 0 }, b));
  gsl_matrix_memcpy (&b->estimate, normals (b->points * N, D, 42));
  if (b->Jv.size1 > 0)
    gsl_matrix_memcpy (&b->Jv, normals (b->Jv.size1, D, 43));
  return b;
}

static void
gradients_are_slopes (const sb_objective *o)
{
  sb_objective_batch *b = drawn (o);
  check_slopes (b, &b->estimate, &b->bar);
  check_slopes (b, &b->Jv, &b->Jv_bar);
}

Test (objective, gradients_are_slopes) { for_each (gradients_are_slopes); }

// ## Rows are samples
//
// A batch cut in two has the same losses; its purpose is of no account. A batch of no rows is one.

static void
rows_are_samples (const sb_objective *o)
{
  gsl_matrix *x_0 = normals (N, D, 44), *none = matrix (0, D);
  gsl_vector *whole = vector (N), *cut = vector (N), *empty = vector (0), *wrong = vector (N + 1);
  gsl_matrix_const_view first = gsl_matrix_const_submatrix (x_0, 0, 0, 1, D),
                        second = gsl_matrix_const_submatrix (x_0, 1, 0, N - 1, D);
  gsl_vector_view first_losses = gsl_vector_subvector (cut, 0, 1), second_losses = gsl_vector_subvector (cut, 1, N - 1);
  ok (sb_objective_loss (o, o->truth, x_0, NULL, (sb_stream){ 6, SB_FOR_USER, 20 }, whole));
  ok (sb_objective_loss (o, o->truth, &first.matrix, NULL, (sb_stream){ 6, 0, 20 }, &first_losses.vector));
  ok (sb_objective_loss (o, o->truth, &second.matrix, NULL, (sb_stream){ 6, 0, 21 }, &second_losses.vector));
  for (size_t i = 0; i < N; i++)
    cr_assert_float_eq (gsl_vector_get (whole, i), gsl_vector_get (cut, i),
                        1e-12 * (1 + fabs (gsl_vector_get (cut, i))), "%s, row %zu", o->type->entry.name, i);

  // Memory that was used for more rows serves for fewer.
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (o, N));
  for (size_t n = N; n > 0; n = n > 1 ? 1 : 0)
    {
      sb_objective_batch_rows (b, n);
      memcpy (b->x_0.data, x_0->data, n * D * sizeof (double));
      ok (sb_objective_draw ((sb_stream){ 6, 0, 20 }, b));
      ok (sb_objective_evaluate (o->truth, NULL, b));
      ok (sb_objective_find_loss (b));
      cr_assert_float_eq (gsl_vector_get (&b->loss, 0), gsl_vector_get (cut, 0),
                          1e-12 * (1 + fabs (gsl_vector_get (cut, 0))), "%s, of %zu rows", o->type->entry.name, n);
    }
  ok (sb_objective_loss (o, o->truth, none, NULL, (sb_stream){ 0 }, empty));
  refused (GSL_EBADLEN, sb_objective_loss (o, o->truth, x_0, NULL, (sb_stream){ 0 }, wrong));
  refused (GSL_EBADLEN, sb_objective_loss (o, o->truth, matrix_all (N, D + 1, 0), NULL, (sb_stream){ 0 }, whole));
}

Test (objective, rows_are_samples) { for_each (rows_are_samples); }

// ## Gradients in parameters
//
// of the whole loss, by backward passes, are its slopes; the weight multiplies them.

static void
parameters_too (const sb_objective *o)
{
  model w = affine_alloc (D);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, o->process));
  gsl_matrix *x_0 = normals (N, D, 45);
  gsl_vector *loss = vector (N);
  for (size_t k = 0; k < w.parameters; k++)
    w.theta[k] = sin ((double)k);
  const sb_stream stream = { 7, 0, 0 };
  if (o->type->derivatives
      || o->type->draw_more) // points that depend on the parameters are held still: test_consistency
    return;
  refused (GSL_EBADLEN, sb_objective_gradient (o, score, x_0, NULL, stream, 1, vector (N + 1)));
  ok (sb_objective_gradient (o, score, x_0, NULL, stream, 0.25, loss));
  for (size_t k = 0; k < w.parameters; k++)
    {
      double slope = 0, size = 0, was = w.theta[k];
      for (int side = -1; side <= 1; side += 2)
        {
          w.theta[k] = was + side * 0.5;
          ok (sb_objective_loss (o, score, x_0, NULL, stream, loss));
          for (size_t i = 0; i < N; i++)
            {
              slope += side * gsl_vector_get (loss, i);
              size += fabs (gsl_vector_get (loss, i));
            }
        }
      w.theta[k] = was;
      cr_assert_float_eq (4 * w.theta_bar[k], slope, 1e-10 * (1 + size), "%s, parameter %zu: %g, slope %g",
                          o->type->entry.name, k, 4 * w.theta_bar[k], slope);
    }
}

Test (objective, gradients_reach_parameters) { for_each (parameters_too); }

// ## One error in three views
//
// An estimate of the score, of the noise and of the data that say the same have the same loss, but for the half that
// the noise's is not given: under numbers, under maps, and with every weight. [soft.eq8] [soft.eq9]

static void
check_views (const sb_process *process, const sb_weighting_type *weighting, gsl_vector *t)
{
  const size_t d = process->dimension;
  gsl_matrix *z = normals (N, d, 46), *x_0 = normals (N, d, 47), *x = copy_of (x_0), *e = normals (N, d, 48),
             *s = copy_of (e), *h = copy_of (e);
  gsl_vector *of_z = vector (N), *of_s = vector (N), *of_x_0 = vector (N);
  const sb_objective dsm = weighted (sb_objective_dsm, process, weighting, 0),
                     denoising = weighted (sb_objective_denoising, process, weighting, 0),
                     soft = weighted (sb_objective_soft, process, weighting, 0);
  ok (sb_process_transition (process, NULL, t, z, x));
  ok (sb_tweedie (process, SB_EPSILON, SB_SCORE, x, t, s));
  ok (sb_tweedie (process, SB_EPSILON, SB_DENOISER, x, t, h));
  ok (loss_of (&dsm, t, z, e, of_z, NULL));
  ok (loss_of (&denoising, t, z, s, of_s, NULL));
  ok (loss_of (&soft, t, x_0, h, of_x_0, NULL));
  for (size_t i = 0; i < N; i++)
    {
      const double loss = gsl_vector_get (of_z, i);
      cr_assert_float_eq (2 * gsl_vector_get (of_s, i), loss, 1e-9 * (1 + loss), "%s: %g, %g", weighting->entry.name,
                          2 * gsl_vector_get (of_s, i), loss);
      cr_assert_float_eq (gsl_vector_get (of_x_0, i), loss, 1e-9 * (1 + loss), "%s: %g, %g", weighting->entry.name,
                          gsl_vector_get (of_x_0, i), loss);
    }
}

Test (objective, one_error_in_three_views)
{
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20)), *ddpm = scoped (sb_ddpm_alloc (D, 10, 0.1, 6)),
             *turned = stretch_alloc ();
  for (size_t k = 0; sb_weightings (k); k++)
    {
      const sb_weighting_type *weighting = (const sb_weighting_type *)sb_weightings (k);
      const bool bound = strncmp (weighting->entry.name, "bound", 5) == 0;
      check_views (bound ? ddpm : vp, weighting, vector_of (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7));
      if (weighting->apply)
        check_views (turned, weighting, vector_of (0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8));
    }
}

// Under matrices without symmetry the weight of the score's error is $GG^\top$, not $G^\top G$.
// [nonuniform.txt-LambdaMLE]

Test (objective, likelihood_weight_of_a_matrix)
{
  const sb_process *process = stretch_alloc ();
  const sb_weighting weighting = { sb_weighting_likelihood, NULL };
  const gsl_matrix *e = normals (N, 2, 49);
  gsl_matrix *out = matrix (N, 2);
  gsl_vector *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, .3 + .6 * (double)i / N);
  ok (sb_weighting_apply (&weighting, process, SB_SCORE, t, e, NULL, NULL, NULL, out));
  for (size_t i = 0; i < N; i++)
    {
      double G[2][2];
      stretch_G (gsl_vector_get (t, i), G);
      const double e_0 = gsl_matrix_get (e, i, 0), e_1 = gsl_matrix_get (e, i, 1), u_0 = G[0][0] * e_0 + G[1][0] * e_1,
                   u_1 = G[0][1] * e_0 + G[1][1] * e_1;
      for (size_t j = 0; j < 2; j++)
        cr_assert_float_eq (gsl_matrix_get (out, i, j), G[j][0] * u_0 + G[j][1] * u_1, 1e-12, "row %zu", i);
    }
}

// ## Parts
//
// Of four coordinates the first two have $a = 1 - t$, $\varsigma = t$, the third stands still, and of the fourth
// nothing is left: by hand, $\frac12\sigma^{-4}\|C(h - x_0)\|^2$ asks for what is left of each, and a part that stands
// still counts nothing. [soft.eq9]

static int
numbers_of_parts (const void *state, sb_process_map map, double s, double t, double *c)
{
  (void)state, (void)s;
  if (map != SB_A && map != SB_S)
    return GSL_EUNSUP;
  c[0] = map == SB_A ? 1 - t : t;
  c[1] = map == SB_A ? 1 : 0;
  c[2] = map == SB_A ? 0 : 0.3;
  return GSL_SUCCESS;
}

Test (objective, of_each_part_its_own)
{
  static const sb_process_type type = { .name = "parts", .numbers = numbers_of_parts };
  static const size_t part[] = { 0, 0, 1, 2 };
  sb_process *process = scoped (sb_process_alloc (&type, NULL, 4, 0, 1, 0));
  process->parts = 3;
  process->part = part;
  gsl_vector *t = vector_of (0.2, 0.7), *loss = vector (2);
  gsl_matrix *h = normals (2, 4, 49), *x_0 = normals (2, 4, 50), *bar = matrix (2, 4);
  sb_objective soft = weighted (sb_objective_soft, process, sb_weighting_unit, 0);
  const sb_objective dsm = sb_objective_of (sb_objective_dsm, process, 0),
                     likelihood = weighted (sb_objective_dsm, process, sb_weighting_likelihood, 0);
  soft.key[0] = 0.5;
  ok (loss_of (&soft, t, x_0, h, loss, bar));
  for (size_t i = 0; i < 2; i++)
    {
      const double at = gsl_vector_get (t, i), scale = gsl_pow_2 ((1 - at) / (at * at));
      double want = 0;
      for (size_t j = 0; j < 2; j++)
        {
          const double off = gsl_matrix_get (h, i, j) - gsl_matrix_get (x_0, i, j);
          want += scale * off * off / 2;
          cr_assert_float_eq (gsl_matrix_get (bar, i, j), scale * off, 1e-12 * (1 + fabs (scale * off)));
        }
      cr_assert_float_eq (gsl_vector_get (loss, i), want, 1e-12 * (1 + want));
      cr_assert (gsl_matrix_get (bar, i, 2) == 0 && gsl_matrix_get (bar, i, 3) == 0);
    }
  ok (loss_of (&dsm, t, x_0, h, loss, bar)); // x_0 for z
  for (size_t i = 0; i < 2; i++)
    for (size_t j = 0; j < 4; j++)
      cr_assert_float_eq (gsl_matrix_get (bar, i, j),
                          j == 2 ? 0 : 2 * (gsl_matrix_get (h, i, j) - gsl_matrix_get (x_0, i, j)), 1e-14);
  refused (GSL_EUNSUP, loss_of (&likelihood, t, x_0, h, loss, bar));
}

// In another basis, here the plane turned by an angle, the parts' numbers hold for the turned error: its loss is that
// of the same error given in the basis itself, and the gradient is turned back.

static int
two_numbers (const void *state, sb_process_map map, double s, double t, double *c)
{
  (void)state, (void)s;
  c[0] = map == SB_A ? 1 - t : t;
  c[1] = map == SB_A ? 1 : 2 * t;
  return map == SB_A || map == SB_S ? GSL_SUCCESS : GSL_EUNSUP;
}

Test (objective, in_another_basis)
{
  static const sb_process_type type = { .name = "two parts", .numbers = two_numbers };
  sb_process *plain = scoped (sb_process_alloc (&type, NULL, 2, 0, 1, 0)),
             *turned = scoped (sb_process_alloc (&type, NULL, 2, 0, 1, 0));
  gsl_matrix *turn = matrix_of (2, 2, cos (0.7), sin (0.7), -sin (0.7), cos (0.7)), *e = normals (N, 2, 52),
             *zero = matrix_all (N, 2, 0), *bar = matrix (N, 2), *turned_bar = matrix (N, 2), *back = matrix (N, 2),
             *We = matrix (N, 2);
  gsl_vector *t = vector_of (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), *loss = vector (N), *turned_loss = vector (N);
  plain->parts = turned->parts = 2;
  turned->basis = scoped (sb_operator_dense_alloc (turn));
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, e, turn, 0, We);
  const sb_objective_type *types[] = { sb_objective_dsm, sb_objective_soft };
  for (int k = 0; k < 2; k++)
    {
      const sb_objective here = weighted (types[k], plain, sb_weighting_unit, 0),
                         there = weighted (types[k], turned, sb_weighting_unit, 0);
      ok (loss_of (&here, t, zero, We, loss, bar));
      ok (loss_of (&there, t, zero, e, turned_loss, turned_bar));
      gsl_blas_dgemm (CblasNoTrans, CblasNoTrans, 1, bar, turn, 0, back);
      for (size_t i = 0; i < N; i++)
        {
          const double size = 1 + gsl_vector_get (loss, i);
          cr_assert_float_eq (gsl_vector_get (turned_loss, i), gsl_vector_get (loss, i), 1e-12 * size);
          for (size_t j = 0; j < 2; j++)
            cr_assert_float_eq (gsl_matrix_get (turned_bar, i, j), gsl_matrix_get (back, i, j), 1e-10 * size);
        }
    }
}

// ## Times
//
// Between t_min and t_max; of a chain on the levels that lie there, each as often (within 5.2 standard errors, a false
// alarm below $10^{-6}$) [dsm2ddpm.txt-eps-loss]; and with t_max = 0 the data are as they are.

Test (objective, times_lie_where_they_are_asked_for)
{
  enum
  {
    MANY = 60000
  };
  sb_process *chain = scoped (sb_smld_alloc (1, 10, 0.1, 2)), *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  gsl_matrix *x = normals (MANY, 1, 51), *before = copy_of (x), *z = matrix (MANY, 1);
  gsl_vector *t = vector (MANY);
  double count[11] = { 0 };
  sb_objective some = sb_objective_of (sb_objective_dsm, chain, 0.3);
  some.t_max = 0.8;
  ok (draw_points (&some, (sb_stream){ 8, 0, 0 }, t, z, x));
  for (size_t i = 0; i < MANY; i++)
    count[lrint (10 * gsl_vector_get (t, i))]++;
  for (int k = 0; k <= 10; k++)
    cr_assert_float_eq (count[k], k >= 3 && k <= 8 ? MANY / 6. : 0, k >= 3 && k <= 8 ? 5.2 * sqrt (MANY / 6.) : 0,
                        "level %d: %g", k, count[k]);
  gsl_matrix_memcpy (x, before);
  some = on_data (sb_objective_ssm, chain);
  ok (draw_points (&some, (sb_stream){ 8, 0, 0 }, t, z, x));
  cr_assert (gsl_vector_isnull (t) && gsl_matrix_equal (x, before));
  some = sb_objective_of (sb_objective_dsm, vp, 0.4);
  some.t_max = 0.5;
  ok (draw_points (&some, (sb_stream){ 8, 0, 0 }, t, z, x));
  cr_assert (gsl_vector_min (t) > 0.4 && gsl_vector_max (t) < 0.5 && gsl_vector_min (t) < 0.401
             && gsl_vector_max (t) > 0.499);
  const double bad[][2] = { { -0.1, 1 }, { 0.5, 0.4 }, { 0, 2 }, { GSL_NAN, 1 } };
  for (int k = 0; k < 4; k++)
    {
      some.t_min = bad[k][0], some.t_max = bad[k][1];
      cr_assert_null (sb_objective_batch_alloc (&some, 4));
    }
  sb_objective above = on_data (sb_objective_ssm, chain);
  above.t_above = 0.1;
  cr_assert_null (sb_objective_batch_alloc (&above, 4), "its loss has no target to ignore");
  sb_objective_batch_free (NULL);
}

// A batch may have no rows. Few types have points that depend on the score.

Test (objective, a_batch_of_no_rows_is_no_error)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20)), *edm = scoped (sb_edm_alloc (2, 0.002, 80));
  const sb_objective dsm = sb_objective_of (sb_objective_dsm, vp, 0.1),
                     consistency = sb_objective_of (sb_objective_consistency, edm, 0.1);
  sb_target *law = scoped (sb_target_points_alloc (normals (3, 2, 1), NULL));
  const sb_score *score[] = { scoped (sb_score_exact_alloc (law, vp)), scoped (sb_score_exact_alloc (law, edm)) };
  for (size_t k = 0; k < 2; k++)
    {
      sb_objective_batch *b = scoped (sb_objective_batch_alloc (k ? &consistency : &dsm, 4));
      sb_objective_batch_rows (b, 0);
      ok (sb_objective_prepare (score[k], b));
      cr_assert_eq (b->paths != NULL, k);
      ok (sb_objective_draw ((sb_stream){ 0 }, b));
      ok (sb_objective_draw_more (score[k], b));
      ok (sb_objective_find_loss (b));
      cr_assert_eq (b->below, 0);
    }
}

// A law of times that is not one of noise may be that of any process in continuous time.

static double
at_the_end (const double *key, double t_min, double t_max, double u)
{
  (void)key, (void)t_min, (void)u;
  return t_max;
}

Test (objective, a_law_of_times_needs_no_noise_levels)
{
  const sb_level_law last = { .entry = { .name = "last" }, .quantile = at_the_end };
  sb_objective dsm = sb_objective_of (sb_objective_dsm, scoped (sb_vp_alloc (2, 0.1, 20)), 0.1);
  dsm.levels = &last;
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&dsm, 3));
  gsl_matrix_set_zero (&b->x_0);
  ok (sb_objective_draw ((sb_stream){ 0 }, b));
  for (size_t i = 0; i < 3; i++)
    cr_assert_eq (gsl_vector_get (&b->t, i), 1);
}

// ## Min-SNR
//
// Hang et al. (2023), Section 3.4: with a signal-to-noise ratio of $\mathrm{SNR} = A^2/S^2$ the weight of $\epsilon$'s
// squared error is $\min(\mathrm{SNR}, \gamma)/\mathrm{SNR}$.

Test (objective, min_snr_weighs_the_noise_as_printed)
{
  const double gammas[] = { 5, 1 };
  sb_process *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  gsl_vector *t = vector_of (0.01, 0.05, 0.1, 0.2, 0.4, 0.9), *loss = vector (6);
  sb_objective dsm = weighted (sb_objective_dsm, vp, sb_weighting_min_snr, 0);
  for (size_t g = 0; g < 2; g++)
    {
      dsm.weighting.params = g ? (void *)&gammas[g] : NULL;
      ok (loss_of (&dsm, t, matrix_all (6, 1, 0), matrix_all (6, 1, 1), loss, matrix (6, 1)));
      for (size_t i = 0; i < 6; i++)
        {
          double A, S;
          ok (sb_process_scalars (vp, 0, gsl_vector_get (t, i), &A, &S));
          double snr = gsl_pow_2 (A / S), printed = (snr < gammas[g] ? snr : gammas[g]) / snr;
          cr_assert_float_eq (gsl_vector_get (loss, i), printed, 1e-13, "t = %g", gsl_vector_get (t, i));
        }
    }
}

// ## EDM's
//
// Karras et al. (2022, Table 1) weigh the denoiser's error so that at every level an error of 1 in what the network
// says costs 1, $\lambda\,c_{\text{out}}^2 = 1$, and a network that says nothing has the loss 1: of data that are
// centred and have the deviation $\sigma_d$, here $x_0 = \pm\sigma_d$ with $z = \pm1$, all four.
// [consistent.set-edm-weight] [consistent.set-edm-precond] Where the deviation is .616 and $\sigma_d = .5$, it is 1.52
// at $\sigma = 10$.

static double
edm_loss (const sb_process *process, double t, double deviation, double sigma_data, bool silent)
{
  const double x_0[] = { deviation, deviation, -deviation, -deviation }, z[] = { 1, -1, 1, -1 };
  sb_objective dsm = weighted (sb_objective_dsm, process, sb_weighting_edm, 0);
  gsl_matrix *noise = matrix (4, 1), *estimate = matrix (4, 1);
  gsl_vector *loss = vector (4);
  double A, S, c, p, q, mean = 0;
  dsm.weighting.params = &sigma_data;
  ok (sb_process_scalars (process, 0, t, &A, &S));
  sb_network_scales (SB_PREDICTS_MIXED, A, S, sigma_data, &c, &p, &q);
  for (size_t i = 0; i < 4; i++)
    {
      gsl_matrix_set (noise, i, 0, z[i]);
      gsl_matrix_set (estimate, i, 0, silent ? p * (A * x_0[i] + S * z[i]) : z[i] + q);
    }
  ok (loss_of (&dsm, vector_all (4, t), noise, estimate, loss, matrix (4, 1)));
  for (size_t i = 0; i < 4; i++)
    mean += gsl_vector_get (loss, i) / 4;
  return mean;
}

Test (objective, edm_weighs_the_network_alike_at_all_levels)
{
  const sb_process *edm = scoped (sb_edm_alloc (1, .002, 80)), *vp = scoped (sb_vp_alloc (1, 0.1, 20));
  for (double sigma_data = .1; sigma_data < 3; sigma_data *= 2.5)
    for (int silent = 0; silent < 2; silent++)
      {
        for (double sigma = .002; sigma <= 80; sigma *= 2.5)
          cr_assert_float_eq (edm_loss (edm, sigma, sigma_data, sigma_data, silent), 1, 1e-9, "sigma = %g", sigma);
        for (double t = .01; t < 1; t *= 2)
          cr_assert_float_eq (edm_loss (vp, t, sigma_data, sigma_data, silent), 1, 1e-9, "VP, t = %g", t);
      }
  cr_assert_float_eq (edm_loss (edm, 10, .616, .5, true), 1.5166, 1e-4);
}
