// # Figure 4: samples of a class
//
// One model of all the data, unconditional, and the gradient of a classifier of noisy points: their sum is the score of
// a class. [scoresde.fig4] First three Gaussians on a line, each a class. There the classifier is known exactly, and so
// is the law of each class. Then digits: the network of SMLD's chain as a score of the VE SDE, and a classifier that
// was trained under it.

#include "../judge.h"
#include "on_a_line.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

// ## The exact classifier
//
// With $p_t(x) = \sum_j w_j p_{t,j}(x)$, scores $s_j$ of its parts and $r_j = w_j p_{t,j}(x) / p_t(x)$, Bayes's rule
// says $p_t(y = k \mid x) = r_k$, and $\partial_x\log r_k = \sum_j r_j (s_k - s_j)$.

static int
log_class_gradient (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const sb_process *process = params;
  gaussian g[GAUSSIANS];
  for (size_t i = 0; i < x->size1; i++)
    {
      const size_t k = (size_t)gsl_matrix_get (y, i, 0);
      double log_p[GAUSSIANS], score[GAUSSIANS], top = -INFINITY, total = 0, gradient = 0;
      for (size_t j = 0; j < GAUSSIANS; j++)
        {
          if (i == 0 || gsl_vector_get (t, i) != gsl_vector_get (t, i - 1))
            g[j] = gaussian_at (process, j, gsl_vector_get (t, i));
          const double z = (gsl_matrix_get (x, i, 0) - g[j].mean) / g[j].sd;
          log_p[j] = log (g[j].weight / g[j].sd) - z * z / 2;
          score[j] = -z / g[j].sd;
          top = fmax (top, log_p[j]);
        }
      for (size_t j = 0; j < GAUSSIANS; j++)
        {
          total += exp (log_p[j] - top);
          gradient += exp (log_p[j] - top) * (score[k] - score[j]);
        }
      gsl_matrix_set (out, i, 0, gradient / total);
    }
  return GSL_SUCCESS;
}

// ## On a line
//
// Samples of class k begin at its exact law at T; they should end with that at epsilon.

static double
cdf (double x, void *params)
{
  const gaussian *g = params;
  return gsl_cdf_gaussian_P (x - g->mean, g->sd);
}

static double
class_distance (const sb_process *process, const sb_score *score, size_t k, size_t n, results *r)
{
  gaussian start = gaussian_at (process, k, 1), end = gaussian_at (process, k, process->t_min);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, 1), "particles"),
             *y = require_pointer (gsl_matrix_alloc (n, 1), "classes");
  gsl_vector *times = require_pointer (gsl_vector_alloc (r->scale == SMOKE ? 101 : 1001), "times");
  gsl_vector_view column = gsl_matrix_column (x, 0);
  const sb_stream stream = { .seed = r->seed + k, .purpose = SB_FOR_PRIOR };
  double D, p_value;
  size_t evaluations;
  gsl_matrix_set_all (y, (double)k);
  require (sb_stream_normals (stream, 0, x), "normals");
  gsl_matrix_scale (x, start.sd);
  gsl_matrix_add_constant (x, start.mean);

  sb_pc pc = sb_pc_default ();
  pc.step = sb_step_euler_maruyama;
  pc.corrector_steps = 0;
  pc.final = SB_FINAL_SAMPLE;
  require (sb_grid_linear (1, process->t_min, times), "times");
  require (sb_pc_sample (&pc, score, y, times, stream, x, &evaluations), "the reverse SDE");
  r->evaluations += evaluations * n;
  require (sb_ks_one_sample (&column.vector, cdf, &end, &D, &p_value), "the distance");
  gsl_vector_free (times);
  gsl_matrix_free (y);
  gsl_matrix_free (x);
  return D;
}

static void
classes_on_a_line (results *r)
{
  const size_t n = r->scale == SMOKE ? 200 : 20000;
  const double allowed = critical (n) + 0.005; // the error of 1,000 Euler-Maruyama steps is 0.0025 at most
  sb_target *law = three_gaussians ();
  sde sdes[SDES];
  sdes_alloc (sdes);
  for (size_t m = 0; m < SDES; m++)
    {
      double most = 0;
      char row[32], column[64], note[96], claim[96];
      sb_score *all = require_pointer (sb_score_exact_alloc (law, sdes[m].process), "the score"),
               *guided = require_pointer (
                   sb_score_guided_alloc (all, &(sb_guidance){ log_class_gradient, sdes[m].process, 1 }), "the score");
      snprintf (note, sizeof note, "%zu particles; by chance above %.4f once in a million", n, critical (n));
      for (size_t k = 0; k < GAUSSIANS; k++)
        {
          const double D = class_distance (sdes[m].process, guided, k, n, r);
          snprintf (row, sizeof row, "Gaussian %zu of 3", k + 1);
          snprintf (column, sizeof column, "%s / distance to the class's law", sdes[m].name);
          results_row (r, row, column, "", D, -1, "", note);
          most = fmax (most, D);
        }
      snprintf (claim, sizeof claim, "%s: exact score and classifier give the law of each class", sdes[m].name);
      results_claim (r, claim, most < allowed, "largest Kolmogorov-Smirnov distance %.4f, allowed %.4f", most, allowed);
      sb_score_free (guided);
      sb_score_free (all);
    }
  sdes_free (sdes);
  sb_target_free (law);
}

// ## Digits
//
// A network that is told the noise's logarithm is one of any process whose kernels have mean $\mathbf x(0)$: SMLD's
// levels are the VE SDE's at some times. Rows of one class lie together. Bayes's rule takes the classifier's gradient
// once; twice as much of it draws what the classifier is surest of.

typedef struct
{
  double weight; // of the gradient
  const char *name, *column, *claim;
} guidance;

static const guidance guidances[]
    = { { 1, "digits", "seen as asked", "Digits are of the class asked for, 90 % or more" },
        { 2, "digits-twice", "with twice the gradient", "... with twice the classifier's gradient" } };

static gsl_matrix *
classes (size_t each)
{
  gsl_matrix *y = require_pointer (gsl_matrix_alloc (CLASSES * each, 1), "classes");
  for (size_t i = 0; i < y->size1; i++)
    gsl_matrix_set (y, i, 0, (double)(i / each));
  return y;
}

static gsl_matrix *
draw_classes (const gsl_matrix *y, double weight, results *r)
{
  sb_error error = { 0 };
  sb_model *model = model_of ("MODEL"),
           *told = require_pointer (sb_model_read_classifier (getenv ("CLASSIFIER"), &error), error.message);
  sb_network network = model->network;
  network.process = told->process;
  sb_score *score = require_pointer (sb_score_network_alloc (&network), "the score");
  sb_timed_classifier *classifier = require_pointer (sb_timed_classifier_alloc (&told->network), "the classifier");
  sb_score *guided = require_pointer (
      sb_score_guided_alloc (score, &(sb_guidance){ sb_timed_classifier_gradient, classifier, weight }), "the score");

  gsl_matrix *x = require_pointer (gsl_matrix_alloc (y->size1, PIXELS), "digits");
  gsl_vector *times = require_pointer (gsl_vector_alloc (r->scale == SMOKE   ? 3
                                                         : r->scale == QUICK ? 101
                                                                             : 201),
                                       "times");
  const sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_PRIOR };
  sb_pc pc = sb_pc_default ();
  size_t evaluations;
  pc.corrector.snr = 0.36; // the best of unconditional samples
  require (sb_grid_linear (1, told->process->t_min, times), "times");
  require (sb_process_prior (told->process, stream, x), "the prior");
  require (sb_pc_sample (&pc, guided, y, times, stream, x, &evaluations), "digits");
  r->evaluations += evaluations * x->size1;
  gsl_vector_free (times);
  sb_score_free (guided);
  sb_timed_classifier_free (classifier);
  sb_score_free (score);
  sb_model_free (told);
  sb_model_free (model);
  return x;
}

static void
digits (results *r, const guidance *g)
{
  const size_t each = r->scale == SMOKE ? 1 : r->scale == QUICK ? 10 : 100;
  gsl_matrix *y = classes (each), *x = draw_classes (y, g->weight, r);
  judge j = judge_open ("mnist");
  double worst = 1;
  const double all = agreed (&j, x, 0, 1, y), error = sqrt (all * (1 - all) / (double)x->size1);
  for (size_t k = 0; k < CLASSES; k++)
    {
      char row[32], note[64];
      gsl_matrix_const_view of = gsl_matrix_const_submatrix (x, k * each, 0, each, PIXELS),
                            as = gsl_matrix_const_submatrix (y, k * each, 0, each, 1);
      const double share = agreed (&j, &of.matrix, 0, 1, &as.matrix);
      snprintf (row, sizeof row, "digit %zu", k);
      snprintf (note, sizeof note, "of %zu", each);
      results_row (r, row, g->column, "", share, -1, "", note);
      worst = fmin (worst, share);
    }
  results_row (r, "all digits", g->column, "", all, error, "", "");
  picture (r, g->name, x, GSL_MIN (each, 20), 0, 1);
  char reason[96];
  snprintf (reason, sizeof reason, "%.1f %% of %zu: within two standard errors of 90 %%", 100 * all, x->size1);
  if (r->scale == SMOKE || fabs (all - .9) < 2 * error)
    untested (r, g->claim, r->scale == SMOKE ? "ten digits in two steps say nothing" : reason);
  else
    results_claim (r, g->claim, all >= 0.9,
                   "%.1f %% of %zu, by a classifier that took no part; the worst class %.0f %%", 100 * all, x->size1,
                   100 * worst);
  judge_close (j);
  gsl_matrix_free (x);
  gsl_matrix_free (y);
}

int
main (void)
{
  results r = results_open ();
  classes_on_a_line (&r);
  for (size_t k = 0; k < sizeof guidances / sizeof *guidances; k++)
    if (getenv ("CLASSIFIER"))
      digits (&r, &guidances[k]);
    else
      untested (&r, guidances[k].claim, "the networks are not there");
  results_close (&r);
  return EXIT_SUCCESS;
}
