// # What must be true of a network used as a score

#include "base/shard.h"
#include "colours.h"
#include "process/ddpm.h"
#include "process/kinds.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "property.h"
#include "scope.h"
#include "score/network.h"
#include "target/target.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

SUITE_WITH_BLAS (network);

enum
{
  N = 40,
  D = 6
};

typedef struct
{
  sb_net *net;
  float *theta;
  sb_network network;
  gsl_matrix *x, *out;
  gsl_vector *t;
} trial;

static trial
trial_alloc (sb_process *process, sb_prediction prediction, sb_label label, double spread)
{
  trial r = { .net = scoped (sb_net_alloc ("mlp inputs=6 width=16 layers=2 time=positional features=8", NULL)) };
  gsl_rng *rng = property_rng (4);
  r.theta = gaussians (rng, r.net->parameters, spread);
  r.network = (sb_network){ r.net, process, r.theta, prediction, label, 0.7, NULL, NULL, 0 };
  r.x = matrix (N, D);
  r.out = matrix (N, D);
  r.t = vector (N);
  for (size_t i = 0; i < N; i++)
    {
      gsl_vector_set (r.t, i,
                      process->levels
                          ? (double)(1 + gsl_rng_uniform_int (rng, process->levels)) / (double)process->levels
                          : gsl_ran_flat (rng, 0.01, 1));
      for (size_t j = 0; j < D; j++)
        gsl_matrix_set (r.x, i, j, gsl_ran_gaussian (rng, 2));
    }
  return r;
}

// ## A silent network
//
// knows the data's deviation and nothing else. With the blend it should then be the best that can be said: the
// posterior of Gaussian data of that deviation, under any process. Predicting epsilon it says zero.
// [consistent.set-edm-precond]

Test (network, a_silent_blend_is_the_gaussian_posterior)
{
  gsl_matrix *covariance = matrix (D, D), *truth = matrix (N, D);
  gsl_matrix_set_identity (covariance);
  gsl_matrix_scale (covariance, 0.49);
  sb_target *law = scoped (sb_target_gaussian_alloc (vector_all (D, 0), covariance));
  sb_process *processes[] = { scoped (sb_ve_alloc (D, 0.01, 50)), scoped (sb_vp_alloc (D, 0.1, 20)),
                              scoped (sb_subvp_alloc (D, 0.1, 20)), scoped (sb_ddpm_alloc (D, 100, 0.1, 20)) };
  for (int k = 0; k < 4; k++)
    {
      trial r = trial_alloc (processes[k], SB_PREDICTS_MIXED, SB_LABEL_LOG_NOISE, 0);
      sb_score *score = scoped (sb_score_network_alloc (&r.network));
      ok (sb_target_evaluate (law, processes[k], SB_EPSILON, r.x, r.t, truth));
      ok (sb_score_evaluate (score, SB_EPSILON, r.x, r.t, NULL, r.out));
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++)
          cr_assert_float_eq (gsl_matrix_get (r.out, i, j), gsl_matrix_get (truth, i, j), 1e-12,
                              "%s, t = %g: %g, not %g", processes[k]->type->name, gsl_vector_get (r.t, i),
                              gsl_matrix_get (r.out, i, j), gsl_matrix_get (truth, i, j));
      r.network.prediction = SB_PREDICTS_EPSILON;
      score = scoped (sb_score_network_alloc (&r.network));
      ok (sb_score_evaluate (score, SB_EPSILON, r.x, r.t, NULL, r.out));
      cr_assert (gsl_matrix_isnull (r.out));
    }
}

// ## What the network sees and is told
//
// Its input has deviation one where the data have the deviation noted: the bare network, called with $c x_t$ and the
// label worked out by hand from a process whose moments are known, gives what the score gives. By hand all is easiest
// in $x = x_t/a$ and $\sigma = \varsigma/a$. For VE, $a = 1$ and $\sigma = \sigma(t)$; for VP, $a = e^{-B/2}$ with $B =
// 0.1\,t + 9.95\,t^2$, and $\varsigma^2 = 1 - a^2$. A label is $1000\,t$, $\ln\sigma$ or Karras et al.'s
// $\frac14\ln\sigma$. [consistent.set-edm-precond]

static void
check_scales (const sb_process *process, sb_prediction prediction, sb_label label, trial *r)
{
  sb_score *score = scoped (sb_score_network_alloc (&r->network));
  sb_net_work *work = scoped (sb_net_work_alloc (r->net, 1, 0));
  ok (sb_score_evaluate (score, SB_DENOISER, r->x, r->t, NULL, r->out));
  for (size_t i = 0; i < N; i++)
    {
      int explodes = strcmp (process->type->name, "ve") == 0;
      double t = gsl_vector_get (r->t, i), a = explodes ? 1 : exp (-(0.1 * t + 9.95 * t * t) / 2);
      double sigma = explodes ? 0.01 * pow (5000, t) : sqrt (1 - a * a) / a, total = sqrt (sigma * sigma + 0.49);
      float in[D], F[D],
          u = (float)(label == SB_LABEL_TIME        ? 1000 * t
                      : label == SB_LABEL_LOG_NOISE ? log (sigma)
                                                    : log (sigma) / 4);
      for (size_t j = 0; j < D; j++)
        in[j] = (float)(gsl_matrix_get (r->x, i, j) / a / total);
      ok (sb_net_forward (r->net, r->theta, 1, in, &u, NULL, work, F));
      for (size_t j = 0; j < D; j++)
        {
          double x = gsl_matrix_get (r->x, i, j) / a, f = (double)F[j];
          double want = prediction == SB_PREDICTS_EPSILON ? x - sigma * f
                                                          : 0.49 / (total * total) * x + sigma * 0.7 / total * f;
          cr_assert_float_eq (gsl_matrix_get (r->out, i, j), want, 1e-3 * (1 + sigma),
                              "%s, prediction %d, label %d, sigma %g: %g, not %g", process->type->name, prediction,
                              label, sigma, gsl_matrix_get (r->out, i, j), want);
        }
    }
}

Test (network, input_and_label_are_scaled_as_documented)
{
  sb_process *processes[] = { scoped (sb_ve_alloc (D, 0.01, 50)), scoped (sb_vp_alloc (D, 0.1, 20)) };
  for (int k = 0; k < 2; k++)
    for (int prediction = 0; prediction < 2; prediction++)
      for (int label = 0; label < 3; label++)
        {
          trial r = trial_alloc (processes[k], (sb_prediction)prediction, (sb_label)label, 0.5);
          check_scales (processes[k], (sb_prediction)prediction, (sb_label)label, &r);
        }
}

// ## A residual
//
// $\hat{\mathbf x}_0 = \mathbf x_t + \sigma_d\,F(\mathbf x_t/\sqrt{\sigma_d^2 + \sigma_t^2}, 1000\,t)$, also where the
// data fade, or the process has no parts; a network of zeros says that the point is clean. [soft.eq10]
// [soft.txt-residual] Its label is no noise, which may stand still.

Test (network, a_residual_is_added_to_the_point)
{
  sb_process *processes[]
      = { scoped (sb_ve_alloc (D, 0.01, 50)), scoped (sb_vp_alloc (D, 0.1, 20)),
          scoped (sb_process_from_text ("soft image=1x2x3 knots=0.01,2", D, NULL)),
          scoped (sb_process_from_text ("soft image=1x2x3 knots=0.01,2 boundary=symmetric", D, NULL)) };
  for (int k = 0; k < 4; k++)
    {
      trial r = trial_alloc (processes[k], SB_PREDICTS_RESIDUAL, SB_LABEL_TIME, 0.5),
            silent = trial_alloc (processes[k], SB_PREDICTS_RESIDUAL, SB_LABEL_TIME, 0);
      sb_score *score = scoped (sb_score_network_alloc (&r.network)),
               *zero = scoped (sb_score_network_alloc (&silent.network));
      sb_net_work *work = scoped (sb_net_work_alloc (r.net, 1, 0));
      ok (sb_score_evaluate (zero, SB_DENOISER, r.x, r.t, NULL, r.out));
      cr_assert (gsl_matrix_equal (r.out, r.x));
      ok (sb_score_evaluate (score, SB_DENOISER, r.x, r.t, NULL, r.out));
      for (size_t i = 0; i < N; i++)
        {
          double sigma;
          const double t = gsl_vector_get (r.t, i);
          float in[D], F[D], u = (float)(1000 * t);
          ok (sb_process_deviation (processes[k], 0, t, &sigma));
          for (size_t j = 0; j < D; j++)
            in[j] = (float)(gsl_matrix_get (r.x, i, j) / hypot (0.7, sigma));
          ok (sb_net_forward (r.net, r.theta, 1, in, &u, NULL, work, F));
          for (size_t j = 0; j < D; j++)
            cr_assert_float_eq (gsl_matrix_get (r.out, i, j), gsl_matrix_get (r.x, i, j) + 0.7 * (double)F[j], 1e-5);
        }
      r.network.label = SB_LABEL_LOG_NOISE;
      if (k > 1)
        refused (GSL_EINVAL, sb_score_evaluate (score, SB_DENOISER, r.x, r.t, NULL, r.out));
    }
}

// ## Colours
//
// A row has an image as its file has it, the channel fastest. The network of tests/colours.c treats each channel in a
// way of its own, so that channels or pixels taken in another order come out wrong; its gradient with respect to each
// number of the row is compared with a difference of the same map in double.

static double
colours_along (const double *row, const double *bar, double c)
{
  double seen[COLOURS_SIZE], out[COLOURS_SIZE], sum = 0;
  for (int k = 0; k < COLOURS_SIZE; k++)
    seen[k] = c * row[k];
  colours_map (seen, out);
  for (int k = 0; k < COLOURS_SIZE; k++)
    sum += bar[k] * out[k];
  return sum;
}

Test (network, colours_keep_their_places)
{
  enum
  {
    ROWS = 3
  };
  float *theta;
  sb_net *net = colours_alloc (&theta);
  sb_process *ve = scoped (sb_ve_alloc (COLOURS_SIZE, 0.01, 50));
  sb_network network = { net, ve, theta, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 0.7, NULL, NULL, 0 };
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&network, ROWS, 1));
  gsl_matrix *x = normals (ROWS, COLOURS_SIZE, 14), *bar = normals (ROWS, COLOURS_SIZE, 13),
             *out = matrix (ROWS, COLOURS_SIZE), *x_bar = matrix (ROWS, COLOURS_SIZE);
  gsl_vector *t = level_times (2, 1 + ROWS, 10);
  ok (sb_network_forward (&network, pass, x, t, NULL, out));
  ok (sb_network_backward (&network, pass, t, bar, NULL, x_bar));
  for (size_t i = 0; i < ROWS; i++)
    {
      double *row = x->data + i * COLOURS_SIZE, seen[COLOURS_SIZE], want[COLOURS_SIZE], h = 1e-5,
             c = 1 / hypot (0.01 * pow (5000, gsl_vector_get (t, i)), 0.7);
      for (size_t k = 0; k < COLOURS_SIZE; k++)
        seen[k] = c * row[k];
      colours_map (seen, want);
      for (size_t k = 0; k < COLOURS_SIZE; k++)
        {
          cr_assert_float_eq (gsl_matrix_get (out, i, k), want[k], 1e-4, "row %zu, number %zu: %g, not %g", i, k,
                              gsl_matrix_get (out, i, k), want[k]);
          double slope = 0, before = row[k];
          for (int side = -1; side <= 1; side += 2)
            {
              row[k] = before + side * h;
              slope += side * colours_along (row, bar->data + i * COLOURS_SIZE, c) / (2 * h);
            }
          row[k] = before;
          cr_assert_float_eq (gsl_matrix_get (x_bar, i, k), slope, 1e-4, "row %zu, number %zu: slope %g, not %g", i, k,
                              gsl_matrix_get (x_bar, i, k), slope);
        }
    }
}

// ## Threads, conditions, shapes

Test (network, does_not_depend_on_threads_or_cuts)
{
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  trial r = trial_alloc (vp, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 0.5);
  sb_score *score = scoped (sb_score_network_alloc (&r.network));
  gsl_matrix *again = matrix (N, D);
  omp_set_num_threads (1);
  ok (sb_score_evaluate (score, SB_SCORE, r.x, r.t, NULL, r.out));
  for (int threads = 2; threads <= 3; threads++)
    {
      omp_set_num_threads (threads);
      ok (sb_score_evaluate (score, SB_SCORE, r.x, r.t, NULL, again));
      cr_assert (gsl_matrix_equal (r.out, again));
    }

  // Nor on where the batch is cut, at multiples of the rows that go together.
  for (size_t first = 0; first < N; first += 2 * SB_NETWORK_ROWS)
    {
      size_t rows = N - first < 2 * SB_NETWORK_ROWS ? N - first : 2 * SB_NETWORK_ROWS;
      gsl_matrix_view x = gsl_matrix_submatrix (r.x, first, 0, rows, D),
                      out = gsl_matrix_submatrix (again, first, 0, rows, D);
      gsl_vector_view t = gsl_vector_subvector (r.t, first, rows);
      ok (sb_score_evaluate (score, SB_SCORE, &x.matrix, &t.vector, NULL, &out.matrix));
    }
  cr_assert (gsl_matrix_equal (r.out, again));
}

// Back go as many rows as went forward: fewer, and the network would go back through rows whose gradients nobody gave.

Test (network, gradients_of_other_rows_are_refused)
{
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20));
  trial r = trial_alloc (vp, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 0.5);
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&r.network, N, 1));
  gsl_matrix *bar = matrix_all (N, D, 0);
  for (size_t forward = 1; forward <= N; forward++)
    for (size_t back = 1; back <= N; back++)
      {
        gsl_matrix_view x = gsl_matrix_submatrix (r.x, 0, 0, forward, D),
                        out = gsl_matrix_submatrix (r.out, 0, 0, forward, D),
                        given = gsl_matrix_submatrix (bar, 0, 0, back, D);
        gsl_vector_view t = gsl_vector_subvector (r.t, 0, forward), t_back = gsl_vector_subvector (r.t, 0, back);
        ok (sb_network_forward (&r.network, pass, &x.matrix, &t.vector, NULL, &out.matrix));
        cr_assert_eq (sb_network_backward (&r.network, pass, &t_back.vector, &given.matrix, NULL, NULL),
                      back == forward ? GSL_SUCCESS : GSL_EBADLEN, "%zu rows forward, %zu back", forward, back);
      }
}

Test (network, what_does_not_fit_is_refused)
{
  sb_process *vp = scoped (sb_vp_alloc (D, 0.1, 20)), *wider = scoped (sb_vp_alloc (D + 1, 0.1, 20));
  trial r = trial_alloc (vp, SB_PREDICTS_EPSILON, SB_LABEL_TIME, 0.5);
  sb_score *score = scoped (sb_score_network_alloc (&r.network));
  refused (GSL_EUNSUP, sb_score_evaluate (score, SB_EPSILON, r.x, r.t, r.x, r.out), "no condition is taken");
  r.network.process = wider;
  score = scoped (sb_score_network_alloc (&r.network));
  gsl_matrix *x = matrix_all (N, D + 1, 0), *out = matrix (N, D + 1);
  refused (GSL_EBADLEN, sb_score_evaluate (score, SB_EPSILON, x, r.t, NULL, out));
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&r.network, N - 1, 0));
  refused (GSL_EBADLEN, sb_network_forward (&r.network, pass, r.x, r.t, NULL, r.out),
           "more rows than there is room for");
  refused (GSL_EBADLEN, sb_network_forward (&r.network, pass, x, r.t, NULL, r.out), "more numbers than inputs");
  gsl_matrix_view some = gsl_matrix_submatrix (r.x, 0, 0, N - 1, D);
  refused (GSL_EBADLEN, sb_network_forward (&r.network, pass, &some.matrix, r.t, NULL, r.out), "a time too many");
}

// A pass may be of no rows, and go back. Where the maps are no numbers there is none.

Test (network, no_rows_go_through_and_back)
{
  static const sb_process_type by_maps = { .name = "by maps" };
  trial r = trial_alloc (scoped (sb_vp_alloc (D, 0.1, 20)), SB_PREDICTS_EPSILON, SB_LABEL_TIME, 0.5);
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&r.network, N, 1)),
                  *of_none = scoped (sb_network_pass_alloc (&r.network, 0, 1));
  gsl_matrix *none = matrix (0, D);
  gsl_vector *no = vector (0);
  for (size_t k = 0; k < 2; k++)
    {
      sb_network_pass *p = k ? of_none : pass;
      ok (sb_network_forward (&r.network, p, none, no, NULL, none));
      ok (sb_network_backward (&r.network, p, no, none, NULL, none));
    }
  r.network.process = scoped (sb_process_alloc (&by_maps, NULL, D, 0, 1, 0));
  sb_network_pass *without = scoped (sb_network_pass_alloc (&r.network, N, 0));
  refused (GSL_EUNSUP, sb_network_forward (&r.network, without, r.x, r.t, NULL, r.out));
}

// ## Conditions
//
// Rows of $y$: the picture as its file has it, the channel fastest, then the class. The bare network is given the
// picture channel by channel. Each row has a condition of its own, and rows of several shards are asked together.

enum
{
  COLUMNS = 2 * D + 1
};

typedef struct
{
  sb_network network;
  gsl_matrix *x, *y, *v, *w, *out;
  gsl_vector *t;
} told;

static told
told_alloc (sb_prediction prediction)
{
  sb_net *net = scoped (
      sb_net_alloc ("unet image=1x2x3 channels=4 multipliers=1 groups=1 features=4 classes=3 condition=2", NULL));
  told c = { { net, scoped (sb_ve_alloc (D, 0.01, 50)), gaussians (property_rng (15), net->parameters, 0.3), prediction,
               SB_LABEL_TIME, 0.7, NULL, NULL, 0 },
             normals (N, D, 16),
             normals (N, COLUMNS, 17),
             normals (N, D, 18),
             normals (N, D, 19),
             matrix (N, D),
             level_times (1, N, 2 * N) };
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set (c.y, i, COLUMNS - 1, (double)(i % 4) - 1);
  return c;
}

Test (network, conditions_are_rows)
{
  told c = told_alloc (SB_PREDICTS_EPSILON);
  sb_score *score = scoped (sb_score_network_alloc (&c.network));
  sb_net_work *work = scoped (sb_net_work_alloc (c.network.net, 1, 0));
  ok (sb_score_evaluate (score, SB_EPSILON, c.x, c.t, c.y, c.out));
  for (size_t i = 0; i < N; i++)
    {
      float in[D], picture[2 * D], F[D], class = (float)(i % 4) - 1, u = (float)(1000 * gsl_vector_get (c.t, i));
      for (size_t p = 0; p < 2 * D; p++)
        picture[p % 2 * D + p / 2] = (float)gsl_matrix_get (c.y, i, p);
      for (size_t p = 0; p < D; p++)
        in[p] = (float)(gsl_matrix_get (c.x, i, p) / hypot (0.01 * pow (5000, gsl_vector_get (c.t, i)), 0.7));
      ok (sb_net_forward (c.network.net, c.network.theta, 1, in, &u, &(sb_net_condition){ picture, &class, NULL }, work,
                          F));
      for (size_t p = 0; p < D; p++)
        cr_assert_float_eq (gsl_matrix_get (c.out, i, p), (double)F[p], 1e-4, "row %zu, pixel %zu: %g, not %g", i, p,
                            gsl_matrix_get (c.out, i, p), (double)F[p]);
    }

  // None is a picture of zeros and class -1, and nothing is left of the last.
  gsl_matrix *bare = matrix (N, D);
  ok (sb_score_evaluate (score, SB_EPSILON, c.x, c.t, NULL, bare));
  cr_assert_not (gsl_matrix_equal (bare, c.out));
  gsl_vector_view classes = gsl_matrix_column (c.y, COLUMNS - 1);
  gsl_matrix_set_zero (c.y);
  gsl_vector_set_all (&classes.vector, -1);
  ok (sb_score_evaluate (score, SB_EPSILON, c.x, c.t, c.y, c.out));
  cr_assert (gsl_matrix_equal (bare, c.out));
}

// Each derivative is that at the row's own condition: along v it is the score's difference, the transposed product
// gives the same number, and the divergence is the sum over the unit vectors.

static double
product (const gsl_matrix *a, const gsl_matrix *b)
{
  double sum = 0;
  for (size_t k = 0; k < N * D; k++)
    sum += a->data[k] * b->data[k];
  return sum;
}

Test (network, derivatives_are_those_of_each_condition)
{
  told c = told_alloc (SB_PREDICTS_MIXED);
  sb_score *score = scoped (sb_score_network_alloc (&c.network));
  gsl_matrix *Jv = matrix (N, D), *Jw = matrix (N, D), *ahead = copy_of (c.v);
  gsl_vector *divergence = vector (N);
  double h = 1.0 / 64, sum = 0;
  ok (sb_score_jvp (score, SB_SCORE, c.x, c.t, c.y, c.v, Jv));
  ok (sb_score_vjp (score, SB_SCORE, c.x, c.t, c.y, c.w, Jw));
  cr_assert_float_eq (product (c.w, Jv), product (Jw, c.v), 1e-4 * sqrt (product (Jv, Jv) * product (c.w, c.w)));

  // By a difference on both sides of x.
  gsl_matrix_scale (ahead, h);
  gsl_matrix_add (ahead, c.x);
  gsl_matrix_scale (c.x, 2);
  gsl_matrix_sub (c.x, ahead);
  ok (sb_score_evaluate (score, SB_SCORE, c.x, c.t, c.y, c.out));
  ok (sb_score_evaluate (score, SB_SCORE, ahead, c.t, c.y, Jw));
  gsl_matrix_sub (Jw, c.out);
  gsl_matrix_scale (Jw, 1 / (2 * h));
  gsl_matrix_sub (Jw, Jv);
  cr_assert_lt (product (Jw, Jw), 1e-4 * product (Jv, Jv));

  // The trace, there.
  ok (sb_score_divergence (score, c.x, c.t, c.y, divergence));
  for (size_t k = 0; k < D; k++)
    {
      gsl_vector_view ones = gsl_matrix_column (c.v, k), column = gsl_matrix_column (Jv, k);
      gsl_matrix_set_zero (c.v);
      gsl_vector_set_all (&ones.vector, 1);
      ok (sb_score_jvp (score, SB_SCORE, c.x, c.t, c.y, c.v, Jv));
      sum += gsl_vector_sum (&column.vector);
    }
  const double trace = gsl_vector_sum (divergence);
  cr_assert_float_eq (trace, sum, 1e-6 * fabs (sum), "%g, not %g", trace, sum);

  // Of one row it is that row's.
  const gsl_matrix_view x = gsl_matrix_submatrix (c.x, 0, 0, 1, D), y = gsl_matrix_submatrix (c.y, 0, 0, 1, COLUMNS);
  const gsl_vector_view t = gsl_vector_subvector (c.t, 0, 1);
  gsl_vector *alone = vector_all (1, GSL_NAN);
  ok (sb_score_divergence (score, &x.matrix, &t.vector, &y.matrix, alone));
  cr_assert_float_eq (gsl_vector_get (alone, 0), gsl_vector_get (divergence, 0), 1e-5 * fabs (trace));
}

Test (network, conditions_that_do_not_fit_are_refused)
{
  told c = told_alloc (SB_PREDICTS_EPSILON);
  trial r = trial_alloc (scoped (sb_ve_alloc (D, 0.01, 50)), SB_PREDICTS_EPSILON, SB_LABEL_TIME, 0.5);
  float *theta_bar = scoped (calloc (c.network.net->parameters, sizeof *theta_bar));
  const struct
  {
    int status;
    const sb_network *network;
    size_t columns;
    double class;
  } cases[] = { { GSL_EUNSUP, &r.network, COLUMNS, 0 },      { GSL_EBADLEN, &c.network, COLUMNS - 1, 0 },
                { GSL_EBADLEN, &c.network, COLUMNS + 1, 0 }, { GSL_EDOM, &c.network, COLUMNS, 3 },
                { GSL_EDOM, &c.network, COLUMNS, -2 },       { GSL_EDOM, &c.network, COLUMNS, nextafter (1, 2) },
                { GSL_EDOM, &c.network, COLUMNS, 0.5 },      { GSL_EDOM, &c.network, COLUMNS, (double)NAN } };
  for (size_t k = 0; k < 2 * sizeof cases / sizeof *cases; k++)
    {
      sb_score *score = scoped (sb_score_network_gradient_alloc (cases[k / 2].network, k % 2 ? theta_bar : NULL));
      gsl_matrix *y = matrix_all (N, cases[k / 2].columns, 0);
      gsl_matrix_set (y, N - 1, y->size2 - 1, cases[k / 2].class);
      refused (cases[k / 2].status, sb_score_evaluate (score, SB_EPSILON, c.x, c.t, y, c.out), "case %zu", k);
      refused (cases[k / 2].status, sb_score_jvp (score, SB_SCORE, c.x, c.t, y, c.v, c.out), "case %zu", k);
      refused (cases[k / 2].status, sb_score_vjp (score, SB_SCORE, c.x, c.t, y, c.v, c.out), "case %zu", k);
      refused (cases[k / 2].status, sb_score_divergence (score, c.x, c.t, y, vector (N)), "case %zu", k);
    }
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&c.network, N, 0));
  refused (GSL_EBADLEN, sb_network_forward (&c.network, pass, c.x, c.t, matrix_all (N - 1, COLUMNS, 0), c.out));
  for (size_t k = 0; k < N * (COLUMNS - 1); k++)
    {
      gsl_matrix *y = matrix_all (N, COLUMNS, 0);
      gsl_matrix_set (y, k / (COLUMNS - 1), k % (COLUMNS - 1), k % 2 ? GSL_NAN : GSL_POSINF);
      refused (GSL_EDOM, sb_network_forward (&c.network, pass, c.x, c.t, y, c.out), "number %zu", k);
    }
  sb_network_pass *dual = scoped (sb_network_pass_dual_alloc (&c.network, N));
  refused (GSL_EBADLEN, sb_network_dual_backward (&c.network, dual, c.t, matrix (N, D + 1), c.v, theta_bar));
  refused (GSL_EBADLEN, sb_network_dual_backward (&c.network, dual, c.t, c.v, matrix (N, D + 1), theta_bar));
}

// ## The scales, by themselves
//
// Data of deviation $\sigma_d$ make $x_t$ of deviation $\sqrt{a^2\sigma_d^2 + \varsigma^2}$, which $c$ undoes. With the
// blend, $p\,x_t$ is the linear regression of $z$ on $x_t$, $\operatorname{Cov}(z, x_t)/\operatorname{Var}(x_t)$, and
// $q^2$ the variance that it leaves, so that $F$ has variance one; $q < 0$, as $F$ is on the side of the denoiser.

Test (network, scales_make_all_numbers_of_size_one)
{
  gsl_rng *r = property_rng (21);
  for (int k = 0; k < 100; k++)
    {
      double a = gsl_ran_flat (r, 0.01, 2), sd = gsl_ran_flat (r, 0.01, 50), sigma_d = gsl_ran_flat (r, 0.1, 3), c, p,
             q, variance = a * a * sigma_d * sigma_d + sd * sd;
      sb_network_scales (SB_PREDICTS_EPSILON, a, sd, sigma_d, &c, &p, &q);
      cr_assert (fabs (c * c * variance - 1) < 1e-12 && p == 0 && q == 1);
      sb_network_scales (SB_PREDICTS_MIXED, a, sd, sigma_d, &c, &p, &q);
      cr_assert (fabs (c * c * variance - 1) < 1e-12 && fabs (p * variance / sd - 1) < 1e-12);
      cr_assert (fabs (p * p * variance + q * q - 1) < 1e-12 && q < 0);
      c = p = q = (double)NAN; // a score is the output itself
      sb_network_scales (SB_PREDICTS_SCORE, a, sd, sigma_d, &c, &p, &q);
      cr_assert (c == 1 && p == 0 && q == 1);
    }
}
