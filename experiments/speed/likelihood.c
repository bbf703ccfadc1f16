// # Our side: likelihoods by the flow
//
//     likelihood-driver mixture FILE N TOLERANCE D K
//     likelihood-driver network FILE N TOLERANCE MODEL IMAGES
//
// A unit of work is the log-likelihood of N points: of a mixture of K Gaussians under the VP SDE, by the exact trace;
// or of images, dequantised, under a network, along one direction of signs each. What the peer, likelihood.py, has to
// know is left in FILE (NPY): the means and the points, or the points and the directions. The facts are those of all
// points as one system of equations, as scipy has them; the mixture's are then worked on in the library's groups.

#include "../results.h"
#include "rounds.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <scorebook.h>
#include <stdlib.h>
#include <string.h>

typedef struct
{
  sb_likelihood likelihood;
  size_t group; // of points that share a step size
  sb_target *law;
  sb_process *process;
  sb_model *model;
  sb_score *score;
  gsl_matrix *numbers; // as in FILE
  gsl_matrix_view x;
  gsl_vector *log_p;
} side;

static const sb_stream probes = { .seed = 1 };

static sb_likelihood_report
find (side *s, size_t group)
{
  sb_likelihood_report report = { .log_p = s->log_p };
  s->likelihood.group = group;
  require (sb_log_likelihood (&s->likelihood, s->score, NULL, probes, &s->x.matrix, &report), "the likelihood");
  return report;
}

static void
work (void *context, unsigned long times)
{
  side *s = context;
  for (unsigned long k = 0; k < times; k++)
    find (s, s->group);
}

// ## A mixture
//
// Means are standard normal, standard deviations from 0.1 to 0.5. Point i is drawn from component i mod K.

static double
deviation (size_t k, size_t K)
{
  return 0.1 + 0.4 * (double)k / (double)(K > 1 ? K - 1 : 1);
}

static void
open_mixture (side *s, size_t n, size_t d, size_t K)
{
  s->likelihood.trace = SB_TRACE_EXACT;
  s->group = s->likelihood.group;
  s->numbers = require_pointer (gsl_matrix_alloc (K + n, d), "numbers");
  require (sb_stream_normals ((sb_stream){ .seed = 1, .purpose = SB_FOR_DATA }, 0, s->numbers), "numbers");
  gsl_matrix_view means = gsl_matrix_submatrix (s->numbers, 0, 0, K, d);
  s->x = gsl_matrix_submatrix (s->numbers, K, 0, n, d);
  for (size_t i = 0; i < n; i++)
    {
      gsl_vector_view x = gsl_matrix_row (&s->x.matrix, i), mean = gsl_matrix_row (&means.matrix, i % K);
      gsl_vector_axpby (1, &mean.vector, deviation (i % K, K), &x.vector);
    }

  gsl_matrix *covariances = require_pointer (gsl_matrix_calloc (K * d, d), "covariances");
  for (size_t k = 0; k < K; k++)
    for (size_t j = 0; j < d; j++)
      gsl_matrix_set (covariances, k * d + j, j, gsl_pow_2 (deviation (k, K)));
  s->law = require_pointer (sb_target_mixture_alloc (NULL, &means.matrix, covariances), "the law");
  gsl_matrix_free (covariances);
  s->process = require_pointer (sb_vp_alloc (d, SB_VP_BETA_MIN, SB_VP_BETA_MAX), "the process");
  s->score = require_pointer (sb_score_exact_alloc (s->law, s->process), "the score");
}

// ## A network

static void
open_network (side *s, size_t n, const char *model, const char *images)
{
  sb_error error = { 0 };
  s->group = n;
  s->model = require_pointer (sb_model_read (model, &error), error.message);
  require (sb_net_choose (s->model->net, NULL, SB_NET_FLOAT, &error), error.message);
  s->score = require_pointer (sb_score_network_alloc (&s->model->network), "the score");

  const size_t d = s->model->process->dimension;
  const sb_quantisation q = { 256, s->model->low, s->model->high };
  sb_bytes *bytes = require_pointer (sb_idx_read (images, &error), error.message);
  s->numbers = require_pointer (gsl_matrix_alloc (2 * n, d), "images");
  s->x = gsl_matrix_submatrix (s->numbers, 0, 0, n, d);
  gsl_matrix_view directions = gsl_matrix_submatrix (s->numbers, n, 0, n, d);
  require (sb_dequantise (&q, bytes, 0, (sb_stream){ .seed = 1 }, 0, &s->x.matrix), "images");
  require (sb_trace_directions (SB_TRACE_SIGNS, probes, 0, &directions.matrix), "directions");
  sb_bytes_free (bytes);
}

int
main (int argc, char **argv)
{
  side s = { .likelihood = sb_likelihood_default () };
  sb_likelihood_report report;
  char facts[128];
  sb_error error = { 0 };
  set_up ();
  if (argc != 7)
    require (GSL_EINVAL, "likelihood-driver mixture|network FILE N TOLERANCE D|MODEL K|IMAGES");
  const size_t n = argument_number (argc, argv, 3);
  s.likelihood.relative = s.likelihood.absolute = atof (argv[4]);
  s.log_p = require_pointer (gsl_vector_alloc (n), "likelihoods");
  if (strcmp (argv[1], "mixture") == 0)
    open_mixture (&s, n, argument_number (argc, argv, 5), argument_number (argc, argv, 6));
  else
    open_network (&s, n, argv[5], argv[6]);
  require (sb_npy_write (argv[2], s.numbers, NULL, SB_NPY_FLOAT64, &error), error.message);
  report = find (&s, 0);
  snprintf (facts, sizeof facts, "evaluations %.6g log_p %.9g", report.evaluations,
            gsl_stats_mean (s.log_p->data, s.log_p->stride, n));
  serve (work, &s, facts);
  gsl_vector_free (s.log_p);
  gsl_matrix_free (s.numbers);
  sb_score_free (s.score);
  sb_model_free (s.model);
  sb_target_free (s.law);
  sb_process_free (s.process);
  return EXIT_SUCCESS;
}
