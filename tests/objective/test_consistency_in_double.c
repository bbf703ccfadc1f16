// # The gradient of a training with consistency, to eight digits
//
// [consistent.txt-cdm-train] [consistent.txt-stopgrad] Networks train in float, where a gradient can be compared with
// differences to three digits. Here they are compiled in double and stand in a score of the test's own, $\mathbf h =
// c_{\text{skip}}\mathbf x + c_{\text{out}}F(c_{\text{in}}\mathbf x, \tfrac14\ln t)$ with EDM's factors: the
// objective's gradient is the slope of its loss while the points that it looks at are held.

#define SB_NET_DOUBLE
#include "../net/numbers.h"
#include "net/passes.h"
#include "objective/objective.h"
#include "process/edm.h"
#include "property.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <math.h>

SUITE_WITH_BLAS (consistency_in_double);

enum
{
  ROWS = 6,
  POINTS = 3
};

typedef struct
{
  sb_net *net;
  sb_net_work *work;
  double *theta, *theta_bar, *x, *f, *label, *class;
} network;

// ## The score

static double
input_factor (double t)
{
  return 1 / sqrt (t * t + .25);
}

static double
skip_factor (double t)
{
  return .25 / (t * t + .25);
}

static double
output_factor (double t)
{
  return .5 * t / sqrt (t * t + .25);
}

static void
forward (const network *w, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y)
{
  const size_t n = x->size1, d = x->size2;
  for (size_t i = 0; i < n; i++)
    {
      w->label[i] = log (gsl_vector_get (t, i)) / 4;
      w->class[i] = gsl_matrix_get (y, i, 0);
      for (size_t j = 0; j < d; j++)
        w->x[i * d + j] = input_factor (gsl_vector_get (t, i)) * gsl_matrix_get (x, i, j);
    }
  ok (sb_net_forward (w->net, w->theta, n, w->x, w->label, &(sb_net_condition){ .classes = w->class }, w->work, w->f));
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  const network *w = state;
  (void)view;
  forward (w, x, t, y);
  for (size_t i = 0; i < x->size1; i++)
    for (size_t j = 0; j < x->size2; j++)
      {
        const double at = gsl_vector_get (t, i);
        gsl_matrix_set (out, i, j,
                        skip_factor (at) * gsl_matrix_get (x, i, j) + output_factor (at) * w->f[i * x->size2 + j]);
      }
  return GSL_SUCCESS;
}

static int
vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
     gsl_matrix *out)
{
  const network *w = state;
  const size_t n = x->size1, d = x->size2;
  (void)view;
  forward (w, x, t, y);
  for (size_t k = 0; k < n * d; k++)
    w->f[k] = output_factor (gsl_vector_get (t, k / d)) * gsl_matrix_get (v, k / d, k % d);
  ok (sb_net_backward (w->net, w->theta, w->work, w->f, w->theta_bar, w->x));
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < d; j++)
      {
        const double at = gsl_vector_get (t, i);
        gsl_matrix_set (out, i, j, skip_factor (at) * gsl_matrix_get (v, i, j) + input_factor (at) * w->x[i * d + j]);
      }
  return GSL_SUCCESS;
}

static const sb_score_type in_double = {
  .name = "a network in double", .views = SB_DENOISER, .evaluate = evaluate, .derivatives = SB_DENOISER, .vjp = vjp
};

// ## Its loss
//
// Of rows with classes, one without.

static double
loss_with_points_still (const sb_score *score, const gsl_matrix *y, sb_objective_batch *b)
{
  ok (sb_score_evaluate (score, SB_DENOISER, &b->x, &b->t, y, &b->estimate));
  ok (sb_objective_find_loss (b));
  return gsl_vector_sum (&b->loss);
}

static void
check_slope (const char *line, size_t d)
{
  network w = { .net = scoped (sb_net_alloc (line, NULL)) };
  const size_t count = w.net->parameters, most = POINTS * ROWS;
  gsl_rng *r = property_rng (17);
  w.work = scoped (sb_net_work_alloc (w.net, most, 1));
  w.theta = gaussians (r, count, .3);
  w.theta_bar = zeros (count);
  w.x = zeros (most * d), w.f = zeros (most * d), w.label = zeros (most), w.class = zeros (most);
  sb_process *edm = scoped (sb_edm_alloc (d, .002, 80));
  sb_score *score = scoped (sb_score_alloc (&in_double, &w, edm));

  double sigma_data = .5;
  sb_objective objective = sb_objective_of (sb_objective_consistency, edm, edm->t_min);
  objective.key[0] = 200; // lambda
  objective.key[1] = .3;  // the window
  objective.levels = sb_levels_lognormal;
  objective.levels_key[0] = -1.2, objective.levels_key[1] = .4;
  objective.weighting = (sb_weighting){ sb_weighting_edm, &sigma_data };
  sb_objective_batch *b = scoped (sb_objective_batch_alloc (&objective, ROWS));
  gsl_matrix *y = matrix (most, 1);
  for (size_t i = 0; i < most; i++)
    gsl_matrix_set (y, i, 0, (double)(i % ROWS % 4) - 1);
  const gsl_matrix of_rows = gsl_matrix_submatrix (y, 0, 0, ROWS, 1).matrix;
  gsl_matrix_memcpy (&b->x_0, normals (ROWS, d, 5));
  gsl_matrix_scale (&b->x_0, .5);

  // Draw the points, find the loss, and its gradient.
  ok (sb_objective_draw ((sb_stream){ .seed = 6 }, b));
  ok (sb_objective_evaluate (score, &of_rows, b));
  ok (sb_objective_find_loss (b));
  cr_assert_gt (fabs (gsl_vector_sum (&b->regulariser)), .01 * fabs (gsl_vector_sum (&b->loss)), "%s", line);
  ok (sb_objective_backward (score, 1, b));

  // Its slope in a direction in which all trained parameters move.
  const double *along = trained_direction (w.net, r, .1), *theta = w.theta;
  const double at[] = { 1, -1, 2, -2 }, weight[] = { 8, -8, -1, 1 }, h = 1e-3;
  double slope = 0, size = 0;
  for (int p = 0; p < 4; p++)
    {
      w.theta = moved (theta, at[p] * h, along, count);
      slope += weight[p] * loss_with_points_still (score, y, b) / (12 * h);
    }
  for (size_t k = 0; k < count; k++)
    size += fabs (w.theta_bar[k] * along[k]);
  cr_assert_float_eq (dot (w.theta_bar, along, count), slope, 1e-8 * size, "%s: gradient %.12g, slope %.12g", line,
                      dot (w.theta_bar, along, count), slope);
}

Test (consistency_in_double, gradient_is_the_slope_with_the_points_held)
{
  check_slope ("mlp inputs=2 width=16 layers=2 time=positional features=8 classes=3", 2);
  check_slope ("unet image=1x4x4 channels=4 multipliers=1,2 groups=2 features=4 attention=4 classes=3", 16);
}
