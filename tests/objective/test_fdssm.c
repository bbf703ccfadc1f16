// # What must be true of sliced score matching by differences

#include "models.h"
#include "losses.h"
#include "process/vp.h"
#include "scope.h"
#include "score/callback.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <string.h>

SUITE (fdssm);

enum
{
  N = 50
};

// A perceptron, points and directions.

typedef struct
{
  sb_process *process;
  model w;
  sb_score *score;
  gsl_matrix *x, *v;
  gsl_vector *t, *loss;
} batch;

static batch
batch_alloc (void)
{
  batch b = { .process = one_level (MLP_D, 1),
              .w = mlp_alloc (3),
              .x = normals (N, MLP_D, 1),
              .v = matrix (N, MLP_D),
              .t = vector_all (N, 0),
              .loss = vector (N) };
  ok (sb_projection_draw (SB_PROJECTION_GAUSSIAN, (sb_stream){ 1, 0, 0 }, 0, b.v));
  return b;
}

// ## An affine score is its own difference quotient
//
// and its own mean: there the loss is sliced score matching's for any h, to rounding.

Test (fdssm, exact_for_affine_scores)
{
  sb_process *process = one_level (3, 1);
  model w = affine_alloc (3);
  for (size_t k = 0; k < w.parameters; k++)
    w.theta[k] = cos (3. * (double)k);
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process));
  gsl_matrix *x = normals (N, 3, 2), *v = matrix (N, 3);
  gsl_vector *t = vector_all (N, 0), *loss = vector (N), *sliced = vector (N);
  ok (sb_stream_normals ((sb_stream){ 2, SB_FOR_PROBE, 0 }, 0, v));
  for (double h = 1e-2; h < 10; h *= 7)
    for (int plain = 0; plain <= 1; plain++)
      {
        sb_objective fdssm = fdssm_of (process, h, plain);
        ok (sb_objective_loss (&fdssm, score, x, NULL, (sb_stream){ 2, 0, 0 }, loss));
        ok (ssm_at (plain, score, x, t, v, sliced));
        for (size_t i = 0; i < N; i++)
          cr_assert_float_eq (gsl_vector_get (loss, i), gsl_vector_get (sliced, i),
                              1e-12 * (10 + fabs (gsl_vector_get (sliced, i))) * (1 + h * h));
      }
}

// Of a row at its own time $t$, on both sides: with $\mathbf s = -(1 + t)\,\mathbf x$ the loss is $-(1 + t)\,|\mathbf
// v|^2 + \frac12(1 + t)^2|\mathbf x|^2$. [dsm2ddpm.txt-SSM-jvp]

static int
steeper (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  (void)y, (void)params;
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      gsl_matrix_set (out, i, j, -(1 + gsl_vector_get (t, i)) * gsl_matrix_get (x, i, j));
  return GSL_SUCCESS;
}

Test (fdssm, both_sides_are_at_the_row_s_time)
{
  const sb_score_callback callback = { .view = SB_SCORE, .function = steeper };
  sb_process *vp = scoped (sb_vp_alloc (3, 0.1, 20));
  const sb_objective o = sb_objective_of (sb_objective_fdssm, vp, 1e-3);
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&o, N));
  gsl_matrix_memcpy (&b->x_0, normals (N, 3, 2));
  ok (sb_objective_draw ((sb_stream){ 2, 0, 0 }, b));
  ok (sb_objective_evaluate (scoped (sb_score_callback_alloc (&callback, vp)), NULL, b));
  ok (sb_objective_find_loss (b));
  for (size_t i = 0; i < N; i++)
    {
      const double c = 1 + gsl_vector_get (&b->t, i);
      double wanted = 0;
      for (size_t j = 0; j < 3; j++)
        {
          const double x = (gsl_matrix_get (&b->x, i, j) + gsl_matrix_get (&b->x, N + i, j)) / 2;
          wanted += c * c * x * x / 2 - c * gsl_pow_2 (gsl_matrix_get (&b->v, i, j));
        }
      cr_assert_float_eq (gsl_vector_get (&b->loss, i), wanted, 1e-12 * (10 + fabs (wanted)), "row %zu", i);
    }
}

// ## Second order in h
//
// For a perceptron the mean distance from sliced score matching's loss falls by four where h is halved, and costs two
// evaluations and no product.

Test (fdssm, second_order)
{
  batch b = batch_alloc ();
  b.score = scoped (sb_score_alloc (&mlp_type, &b.w, b.process));
  gsl_vector *sliced = vector (N);
  for (int plain = 0; plain <= 1; plain++)
    {
      double before = 0;
      ok (ssm_at (plain, b.score, b.x, b.t, b.v, sliced));
      for (double h = 0.08; h > 0.009; h /= 2)
        {
          double distance = 0;
          sb_objective fdssm = fdssm_of (b.process, h, plain);
          b.w.evaluations = b.w.products = 0;
          ok (sb_objective_loss (&fdssm, b.score, b.x, NULL, (sb_stream){ 1, 0, 0 }, b.loss));
          cr_assert_eq (b.w.evaluations, 2);
          cr_assert_eq (b.w.products, 0);
          for (size_t i = 0; i < N; i++)
            distance += fabs (gsl_vector_get (b.loss, i) - gsl_vector_get (sliced, i)) / N;
          if (before > 0)
            cr_assert_float_eq (before / distance, 4, 0.1, "plain %d, h = %g: %g", plain, h, before / distance);
          before = distance;
        }
      cr_assert_lt (before, 1e-2);
    }
}

// ## The gradient
//
// Two backward passes give the gradient of this loss, to $10^{-7}$ of its size by central differences with a large h,
// and with a small one that of sliced score matching, to $10^{-5}$: no derivative of a derivative is needed.
// [dsm2ddpm.txt-SSM-jvp]

static double
total (const batch *b, double h, bool plain)
{
  double sum = 0;
  sb_objective fdssm = fdssm_of (b->process, h, plain);
  ok (h > 0 ? sb_objective_loss (&fdssm, b->score, b->x, NULL, (sb_stream){ 1, 0, 0 }, b->loss)
            : ssm_at (plain, b->score, b->x, b->t, b->v, b->loss));
  for (size_t i = 0; i < N; i++)
    sum += gsl_vector_get (b->loss, i);
  return sum;
}

// h_loss: of the loss whose slope is taken; 0: sliced score matching itself.

static void
check_gradient (double h, double h_loss, bool plain, double bound)
{
  batch b = batch_alloc ();
  b.score = scoped (sb_score_alloc (&mlp_type, &b.w, b.process));
  sb_objective fdssm = fdssm_of (b.process, h, plain);
  double largest = 0, sum = 0, d = 1e-5;
  ok (sb_objective_gradient (&fdssm, b.score, b.x, NULL, (sb_stream){ 1, 0, 0 }, 0.25, b.loss));
  for (size_t i = 0; i < N; i++)
    sum += gsl_vector_get (b.loss, i);
  cr_assert_float_eq (sum, total (&b, h, plain), 1e-12 * fabs (sum));
  for (size_t k = 0; k < b.w.parameters; k++)
    largest = larger (largest, 4 * fabs (b.w.theta_bar[k]));
  for (size_t k = 0; k < b.w.parameters; k += 7)
    {
      double theta = b.w.theta[k];
      b.w.theta[k] = theta + d;
      double up = total (&b, h_loss, plain);
      b.w.theta[k] = theta - d;
      double down = total (&b, h_loss, plain);
      b.w.theta[k] = theta;
      cr_assert_float_eq (4 * b.w.theta_bar[k], (up - down) / (2 * d), bound * largest,
                          "h = %g, plain %d, parameter %zu: %g, slope %g", h, plain, k, 4 * b.w.theta_bar[k],
                          (up - down) / (2 * d));
    }
}

Test (fdssm, gradient_by_two_backward_passes)
{
  for (int plain = 0; plain <= 1; plain++)
    {
      check_gradient (0.3, 0.3, plain, 1e-7);
      check_gradient (1e-4, 0, plain, 1e-5);
    }
}

// ## What cannot be done

Test (fdssm, what_does_not_fit_is_refused)
{
  sb_process *process = one_level (2, 1);
  model w = affine_alloc (2);
  static sb_score_type no_products;
  no_products = affine_type;
  no_products.vjp = NULL;
  sb_score *score = scoped (sb_score_alloc (&affine_type, &w, process)),
           *without = scoped (sb_score_alloc (&no_products, &w, process));
  gsl_matrix *x = matrix_all (4, 2, 0);
  gsl_vector *loss = vector (4);
  const double bad[] = { 0, -1, GSL_NAN, GSL_POSINF };
  sb_stream stream = { 0 };
  for (int k = 0; k < 4; k++)
    {
      sb_objective fdssm = fdssm_of (process, bad[k], false);
      refused (GSL_EDOM, sb_objective_loss (&fdssm, score, x, NULL, stream, loss));
      refused (GSL_EDOM, sb_objective_gradient (&fdssm, score, x, NULL, stream, 1, loss));
    }
  sb_objective fdssm = fdssm_of (process, 0.1, false), ssm = on_data (sb_objective_ssm, process);
  refused (GSL_EUNSUP, sb_objective_gradient (&fdssm, without, x, NULL, stream, 1, loss));
  refused (GSL_EUNSUP, sb_objective_gradient (&ssm, score, x, NULL, stream, 1, loss), "of a derivative");
}
