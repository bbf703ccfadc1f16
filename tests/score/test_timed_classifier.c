// # A classifier of noisy points guides

#include "log_class.h"
#include "process/kinds.h"
#include "property.h"
#include "scope.h"
#include "score/exact.h"
#include "score/guided.h"
#include "score/timed_classifier.h"

#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (timed_classifier);

enum
{
  N = 19, // rows: two shards and some
  CLASSES = 4,
  CHANNELS = 2,
  PIXELS = 12,
  D = CHANNELS * PIXELS
};

static const char line[]
    = "cnn image=2x3x4 outputs=4 channels=4 multipliers=1 blocks=2 groups=2 time=fourier features=6 scale=0.3";

static sb_network *
network_of (const char *process, sb_label label)
{
  static sb_network network;
  sb_net *net = scoped (sb_net_alloc (line, NULL));
  float *theta = gaussians (property_rng (3), net->parameters, 1);
  network = (sb_network){
    net, scoped (sb_process_from_text (process, D, NULL)), theta, SB_PREDICTS_EPSILON, label, 0.7, NULL, NULL, 0
  };
  return &network;
}

static gsl_vector *
times (const sb_process *process)
{
  gsl_vector *t = vector (N);
  for (size_t i = 0; i < N; i++)
    gsl_vector_set (t, i, process->levels ? (double)(i + 1) / (double)process->levels : 0.05 * (double)(i + 1));
  return t;
}

// log p of the class, by the network in double, of a point that is scaled and labelled by hand; channels apart.

static double
log_of_class (const sb_network *network, double t, const double *x, int class)
{
  double a, sd, seen[D];
  ok (sb_process_scalars (network->process, 0, t, &a, &sd));
  const float label = (float)(network->label == SB_LABEL_TIME ? 1000 * t : log (sd / a));
  for (int p = 0; p < PIXELS; p++)
    for (int c = 0; c < CHANNELS; c++)
      seen[c * PIXELS + p] = x[p * CHANNELS + c] / hypot (0.7 * a, sd);
  return log_class (line, network->theta, seen, (double)label, class);
}

// ## The gradient is that of log p
//
// By differences, to 1e-5 of the longest, of every kind of process and label; the classes differ from row to row. The
// probabilities are those of the same function, to what float shows, and guided.c adds the gradient as it is.
// [scoresde.txt-classifier-training]

Test (timed_classifier, gradient_is_the_slope_of_log_p)
{
  const struct
  {
    const char *process;
    sb_label label;
  } of[] = { { "ve sigma_min=0.1 sigma_max=9", SB_LABEL_LOG_NOISE },
             { "vp", SB_LABEL_LOG_NOISE },
             { "subvp", SB_LABEL_TIME },
             { "ddpm levels=20 beta_max=3", SB_LABEL_LOG_NOISE } };
  const double at[] = { -2, -1, 1, 2 }, weight[] = { 1, -8, 8, -1 }, h = 1e-3;
  for (size_t k = 0; k < sizeof of / sizeof *of; k++)
    {
      const sb_network *network = network_of (of[k].process, of[k].label);
      sb_timed_classifier *c = scoped (sb_timed_classifier_alloc (network));
      gsl_matrix *x = normals (N, D, 5), *y = matrix (N, 1), *out = matrix (N, D), *p = matrix (N, CLASSES);
      gsl_vector *t = times (network->process);
      for (size_t i = 0; i < N; i++)
        gsl_matrix_set (y, i, 0, (double)(i % CLASSES));
      cr_assert_eq (sb_timed_classifier_classes (c), CLASSES);
      ok (sb_timed_classifier_gradient (x, t, y, out, c));
      ok (sb_timed_classifier_probabilities (c, x, t, p));
      double wrong = 0, longest = 0;
      for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++)
          {
            double slope = 0, *number = gsl_matrix_ptr (x, i, j), before = *number;
            for (int m = 0; m < 4; m++)
              {
                *number = before + at[m] * h;
                slope += weight[m] / (12 * h)
                         * log_of_class (network, gsl_vector_get (t, i), gsl_matrix_ptr (x, i, 0), (int)(i % CLASSES));
              }
            *number = before;
            wrong = larger (wrong, fabs (gsl_matrix_get (out, i, j) - slope));
            longest = larger (longest, fabs (slope));
          }
      cr_assert_gt (longest, 0.03);
      cr_assert_lt (wrong, 1e-5 * longest, "%s: %g of %g", of[k].process, wrong, longest);
      for (size_t i = 0; i < N; i++)
        for (int class = 0; class < CLASSES; class ++)
          cr_assert_float_eq (log (gsl_matrix_get (p, i, (size_t) class)),
                              log_of_class (network, gsl_vector_get (t, i), gsl_matrix_ptr (x, i, 0), class), 1e-5);
    }
}

// With an exact score it is a guided one: the sum of both. [scoresde.eq49]

Test (timed_classifier, guides_a_score)
{
  const sb_network *network = network_of ("ve sigma_min=0.1 sigma_max=9", SB_LABEL_LOG_NOISE);
  sb_timed_classifier *c = scoped (sb_timed_classifier_alloc (network));
  gsl_matrix *identity = matrix (D, D);
  gsl_matrix_set_identity (identity);
  sb_score *plain = scoped (
      sb_score_exact_alloc (scoped (sb_target_gaussian_alloc (vector_all (D, 0), identity)), network->process));
  const sb_guidance guidance = { sb_timed_classifier_gradient, c, 2.5 };
  sb_score *guided = scoped (sb_score_guided_alloc (plain, &guidance));
  gsl_matrix *x = normals (N, D, 6), *y = matrix_all (N, 1, 3), *sum = matrix (N, D), *part = matrix (N, D),
             *other = matrix (N, D);
  gsl_vector *t = times (network->process);
  ok (sb_score_evaluate (guided, SB_SCORE, x, t, y, sum));
  ok (sb_score_evaluate (plain, SB_SCORE, x, t, NULL, part));
  ok (sb_timed_classifier_gradient (x, t, y, other, c));
  gsl_matrix_scale (other, 2.5);
  gsl_matrix_add (part, other);
  cr_assert_lt (largest_difference (sum, part), 1e-12);
}

Test (timed_classifier, refuses_what_does_not_fit)
{
  const sb_network *network = network_of ("vp", SB_LABEL_TIME);
  sb_timed_classifier *c = scoped (sb_timed_classifier_alloc (network));
  gsl_matrix *x = normals (3, D, 1), *out = matrix (3, D), *y = matrix_all (3, 1, 0);
  gsl_vector *t = vector_all (3, 0.5);
  ok (sb_timed_classifier_gradient (x, t, y, out, c));
  for (int k = 0; k < 3; k++)
    {
      gsl_matrix_set (y, 2, 0, (double[]){ CLASSES, -1, 0.5 }[k]);
      refused (GSL_EDOM, sb_timed_classifier_gradient (x, t, y, out, c));
    }
  gsl_matrix_set (y, 2, 0, CLASSES - 1);
  ok (sb_timed_classifier_gradient (x, t, y, out, c));
  refused (GSL_EBADLEN, sb_timed_classifier_gradient (x, t, NULL, out, c));
  refused (GSL_EBADLEN, sb_timed_classifier_gradient (x, t, matrix_all (2, 1, 0), out, c));
  refused (GSL_EBADLEN, sb_timed_classifier_gradient (x, t, matrix_all (3, 2, 0), out, c));
  refused (GSL_EBADLEN, sb_timed_classifier_gradient (x, vector_all (2, 0.5), y, out, c));
  refused (GSL_EBADLEN, sb_timed_classifier_gradient (x, t, y, matrix (3, D - 1), c));
  refused (GSL_EBADLEN, sb_timed_classifier_gradient (x, t, y, matrix (2, D), c));
  refused (GSL_EBADLEN, sb_timed_classifier_gradient (normals (3, D + 1, 1), t, y, matrix (3, D + 1), c));
  refused (GSL_EBADLEN, sb_timed_classifier_probabilities (c, x, t, matrix (3, CLASSES - 1)));
  refused (GSL_EBADLEN, sb_timed_classifier_probabilities (c, x, t, matrix (2, CLASSES)));
  refused (GSL_EBADLEN, sb_timed_classifier_probabilities (c, x, vector_all (2, 0.5), matrix (3, CLASSES)));
  sb_timed_classifier_free (NULL);
  sb_network timeless = *network;
  timeless.process = NULL;
  cr_assert_null (sb_timed_classifier_alloc (&timeless));
}

// ## Without a time
//
// The network is shown the points as they are, and t is not looked at; backward gives the slopes of the logits, the
// rows that went forward and no others.

Test (timed_classifier, logits_without_a_process)
{
  sb_network network = *network_of ("vp", SB_LABEL_TIME);
  network.process = NULL;
  sb_network_pass *pass = scoped (sb_network_pass_alloc (&network, 3, 1));
  gsl_matrix *x = normals (2, D, 4), *logits = matrix (2, CLASSES), *bar = matrix_all (2, CLASSES, 0),
             *x_bar = matrix (2, D);
  ok (sb_network_logits (&network, pass, x, NULL, logits));
  for (int i = 0; i < 2; i++)
    for (int k = 0; k < CLASSES; k++)
      {
        double seen[D], sum = 0;
        for (int j = 0; j < D; j++)
          seen[j % CHANNELS * PIXELS + j / CHANNELS] = gsl_matrix_get (x, (size_t)i, (size_t)j);
        for (int other = 0; other < CLASSES; other++)
          sum += exp (gsl_matrix_get (logits, (size_t)i, (size_t)other)
                      - gsl_matrix_get (logits, (size_t)i, (size_t)k));
        cr_assert_float_eq (-log (sum), log_class (line, network.theta, seen, 0, k), 1e-5);
      }
  gsl_matrix_set (bar, 1, 2, 1);
  ok (sb_network_logits_backward (&network, pass, bar, NULL, x_bar));
  for (size_t j = 0; j < D; j++)
    {
      cr_assert_eq (gsl_matrix_get (x_bar, 0, j), 0);
      gsl_matrix *moved = copy_of (x), *above = matrix (2, CLASSES);
      *gsl_matrix_ptr (moved, 1, j) += 1e-2;
      ok (sb_network_logits (&network, pass, moved, NULL, above));
      *gsl_matrix_ptr (moved, 1, j) -= 2e-2;
      ok (sb_network_logits (&network, pass, moved, NULL, logits));
      cr_assert_float_eq (gsl_matrix_get (x_bar, 1, j),
                          (gsl_matrix_get (above, 1, 2) - gsl_matrix_get (logits, 1, 2)) / 2e-2, 2e-3);
    }
  refused (GSL_EBADLEN, sb_network_logits (&network, pass, x, NULL, matrix (2, CLASSES + 1)));
  refused (GSL_EBADLEN, sb_network_logits (&network, pass, x, NULL, matrix (1, CLASSES)));
  refused (GSL_EBADLEN, sb_network_logits (&network, pass, normals (4, D, 1), NULL, matrix (4, CLASSES)));
  ok (sb_network_logits (&network, pass, x, NULL, logits));
  refused (GSL_EBADLEN, sb_network_logits_backward (&network, pass, matrix_all (1, CLASSES, 0), NULL, NULL));
  refused (GSL_EBADLEN, sb_network_logits_backward (&network, pass, matrix_all (2, CLASSES - 1, 0), NULL, NULL));
  refused (GSL_EBADLEN, sb_network_logits_backward (&network, pass, bar, NULL, matrix (2, D + 1)));
  refused (GSL_EBADLEN, sb_network_logits_backward (&network, pass, bar, NULL, matrix (1, D)));
  gsl_matrix none = { 0 }, no_logits = { 0, CLASSES, CLASSES, NULL, NULL, 0 };
  none.size2 = none.tda = D;
  ok (sb_network_logits (&network, pass, &none, NULL, &no_logits));
  ok (sb_network_logits_backward (&network, pass, &no_logits, NULL, &none));

  // As an estimate of noise it is refused.
  network.process = scoped (sb_process_from_text ("vp", D, NULL));
  refused (GSL_EBADLEN, sb_network_forward (&network, pass, x, vector_all (2, 0.5), NULL, matrix (2, D)));
}
