// # The bound and the likelihood
//
// The variational bound of Appendix A.4 with exact scores: no network, nothing but the chain. [dsm2ddpm.txt-VLB-terms]
// [dsm2ddpm.txt-VLB-bound]

#include "../mixture.h"

#include <scorebook.h>

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

enum
{
  CHOICES = 3
};

static const char *const choice_name[CHOICES] = { "beta", "beta-tilde", "best" };
static const sb_variance choice[CHOICES] = { SB_VARIANCE_BETA, SB_VARIANCE_BETA_TILDE, SB_VARIANCE_OPTIMAL };
static const sb_variance last[CHOICES] = { SB_VARIANCE_BETA, SB_VARIANCE_BETA, SB_VARIANCE_OPTIMAL };

static sb_vlb
bound_of (const sb_score *score, size_t k)
{
  return (sb_vlb){ .reverse = { .score = score, .view = SB_EPSILON, .variance = choice[k], .last = last[k] } };
}

// ## Gaussian data
//
// Every term is quadratic in $x_0$ and $\varepsilon$; the four points $x_0 = m \pm s$, $\varepsilon = \pm 1$ have its
// expectation. The model's law is Gaussian, and so its likelihood is known.

typedef struct
{
  double bound, nll;
} pair;

static double
exact_bound (const sb_vlb *vlb, double m, double v)
{
  const size_t N = vlb->reverse.score->process->levels, n = 4 * N;
  gsl_matrix *x_0 = require_pointer (gsl_matrix_alloc (n, 1), "data"),
             *z = require_pointer (gsl_matrix_alloc (n, 1), "noise");
  gsl_vector *t = require_pointer (gsl_vector_alloc (n), "times"),
             *term = require_pointer (gsl_vector_alloc (n), "terms"),
             *L_T = require_pointer (gsl_vector_alloc (n), "terms");
  for (size_t i = 0; i < n; i++)
    {
      gsl_matrix_set (x_0, i, 0, m + (i % 2 ? 1 : -1) * sqrt (v));
      gsl_matrix_set (z, i, 0, i / 2 % 2 ? 1 : -1);
      gsl_vector_set (t, i, (double)(i / 4 + 1) / (double)N);
    }
  require (sb_vlb_term (vlb, NULL, x_0, t, z, term), "terms");
  require (sb_vlb_prior (vlb->reverse.score->process, x_0, L_T), "the last term");
  double sum = gsl_stats_mean (term->data, 1, n) * (double)N + gsl_stats_mean (L_T->data, 1, n);
  gsl_matrix_free (x_0);
  gsl_matrix_free (z);
  gsl_vector_free (t);
  gsl_vector_free (term);
  gsl_vector_free (L_T);
  return sum;
}

static double
exact_nll (const sb_vlb *vlb, double m, double v)
{
  double mean, variance, nll;
  gsl_vector_view mu = gsl_vector_view_array (&mean, 1), mu_x = gsl_vector_view_array (&m, 1);
  gsl_matrix_view C = gsl_matrix_view_array (&variance, 1, 1), C_x = gsl_matrix_view_array (&v, 1, 1);
  require (sb_marginal_chain (&vlb->reverse, &mu.vector, &C.matrix), "the model's law");
  require (sb_marginal_nll (&mu.vector, &C.matrix, &mu_x.vector, &C_x.matrix, &nll), "the likelihood");
  return nll;
}

static void
gaussian (results *r, const sb_process *ddpm, double m, double v, pair *found)
{
  double one = 1, entropy = 0.5 * log (2 * M_PI * M_E * v);
  char row[64];
  sb_target *data = mixture_of (1, 1, &one, &m, &v);
  sb_score *score = require_pointer (sb_score_exact_alloc (data, ddpm), "the score");
  for (size_t k = 0; k < CHOICES; k++)
    {
      sb_vlb vlb = bound_of (score, k);
      found[k] = (pair){ exact_bound (&vlb, m, v), exact_nll (&vlb, m, v) };
      snprintf (row, sizeof row, "N(%g, %g), %s", m, v, choice_name[k]);
      results_row (r, row, "bound", "", found[k].bound, -1, "nats", "");
      results_row (r, row, "-log p of the model", "", found[k].nll, -1, "nats", "");
      results_row (r, row, "entropy of the data", "", entropy, -1, "nats", "");
    }
  sb_score_free (score);
  sb_target_free (data);
}

// ## A mixture
//
// Its entropy by quadrature, its bound by sampling.

static double
entropy_of (const sb_target *data, const sb_process *ddpm)
{
  enum
  {
    N = 8000
  };
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (N, 1), "a grid");
  gsl_vector *t = require_pointer (gsl_vector_calloc (N), "times"),
             *log_p = require_pointer (gsl_vector_alloc (N), "densities");
  const double low = -6, high = 6;
  double sum = 0;
  for (size_t i = 0; i < N; i++)
    gsl_matrix_set (x, i, 0, low + (high - low) * (double)i / N);
  require (sb_target_log_density (data, ddpm, x, t, log_p), "the density");
  for (size_t i = 0; i < N; i++)
    sum -= exp (gsl_vector_get (log_p, i)) * gsl_vector_get (log_p, i) * (high - low) / N;
  gsl_matrix_free (x);
  gsl_vector_free (t);
  gsl_vector_free (log_p);
  return sum;
}

typedef struct
{
  gsl_vector *term[CHOICES], *se[CHOICES]; // L_0, ..., L_T
  double bound[CHOICES], bound_se[CHOICES], entropy;
} spectra;

static void
sample_mixture (results *r, const sb_process *ddpm, size_t rows, spectra *found)
{
  double w[] = { 0.3, 0.7 }, m[] = { -2, 1.5 }, v[] = { 0.05, 0.2 };
  sb_target *data = mixture_of (2, 1, w, m, v);
  sb_score *score = require_pointer (sb_score_exact_alloc (data, ddpm), "the score");
  gsl_matrix *x_0 = require_pointer (gsl_matrix_alloc (rows, 1), "data");
  gsl_vector *bound = require_pointer (gsl_vector_alloc (rows), "bounds");
  const size_t N = ddpm->levels;
  sb_stream stream = { .seed = r->seed, .purpose = SB_FOR_DATA };
  require (sb_target_sample (data, stream, x_0), "data");
  found->entropy = entropy_of (data, ddpm);
  for (size_t k = 0; k < CHOICES; k++)
    {
      sb_vlb vlb = bound_of (score, k);
      found->term[k] = require_pointer (gsl_vector_alloc (N + 1), "terms");
      found->se[k] = require_pointer (gsl_vector_alloc (N + 1), "terms");
      require (sb_vlb_spectrum (&vlb, NULL, x_0, stream, found->term[k], found->se[k]), "the terms");
      require (sb_vlb_bound (&vlb, NULL, x_0, stream, 0, bound), "the bound");
      r->evaluations += 2 * rows * N;
      found->bound[k] = gsl_stats_mean (bound->data, 1, rows);
      found->bound_se[k] = gsl_stats_sd (bound->data, 1, rows) / sqrt ((double)rows);
      char row[64];
      snprintf (row, sizeof row, "mixture, %s", choice_name[k]);
      results_row (r, row, "bound", "", found->bound[k], found->bound_se[k], "nats", "");
      results_row (r, row, "entropy of the data", "", found->entropy, -1, "nats", "by quadrature");
      results_row (r, row, "L_0", "", gsl_vector_get (found->term[k], 0), gsl_vector_get (found->se[k], 0), "nats", "");
      results_row (r, row, "L_T", "", gsl_vector_get (found->term[k], N), gsl_vector_get (found->se[k], N), "nats", "");
    }
  gsl_matrix_free (x_0);
  gsl_vector_free (bound);
  sb_score_free (score);
  sb_target_free (data);
}

// ## The curves
//
// The error of the noise prediction is what is left of $L_{t-1}$ with $\tilde\beta_t$ without its weight.

static void
write_terms (results *r, const sb_process *ddpm, const spectra *found)
{
  FILE *data = results_data (r, "terms.dat");
  fputs ("# t, L_{t-1} with beta, beta-tilde, the best variance; the weight; the error\n", data);
  for (size_t t = 2; t <= ddpm->levels; t++)
    {
      double tilde;
      require (sb_reverse_fixed_variance (ddpm, SB_VARIANCE_BETA_TILDE, (double)(t - 1) / (double)ddpm->levels,
                                          (double)t / (double)ddpm->levels, &tilde),
               "beta-tilde");
      double w = sb_vlb_weight (ddpm, t, tilde);
      fprintf (data, "%zu", t);
      for (size_t k = 0; k < CHOICES; k++)
        fprintf (data, " %.6g", gsl_vector_get (found->term[k], t - 1));
      fprintf (data, " %.6g %.6g\n", w, gsl_vector_get (found->term[1], t - 1) / w);
    }
  require (fclose (data) ? GSL_EFAILED : GSL_SUCCESS, "writing the terms");
}

static double
share_of_first (const gsl_vector *term, size_t levels)
{
  double first = 0, all = 0;
  for (size_t t = 2; t < term->size; t++)
    {
      all += gsl_vector_get (term, t - 1);
      first += t <= levels ? gsl_vector_get (term, t - 1) : 0;
    }
  return first / all;
}

static void
write_claims (results *r, const pair *gaussian_pair, double gaussian_entropy, const spectra *found,
              const sb_process *ddpm)
{
  bool above = true;
  for (size_t k = 0; k < CHOICES; k++)
    above = above && gaussian_pair[k].bound >= gaussian_pair[k].nll - 1e-9
            && found->bound[k] > found->entropy - 5 * found->bound_se[k];
  results_claim (r, "The bound is never below the negative log-likelihood", above,
                 "N(0.5, 0.3): %.4f over %.4f (beta), %.4f over %.4f (beta-tilde), %.6f over %.6f (best)",
                 gaussian_pair[0].bound, gaussian_pair[0].nll, gaussian_pair[1].bound, gaussian_pair[1].nll,
                 gaussian_pair[2].bound, gaussian_pair[2].nll);
  double L_T = gsl_vector_get (found->term[0], ddpm->levels);
  results_claim (r, "L_T can be ignored", L_T < 1e-3 * found->bound[0], "%.2g nats of %.3f", L_T, found->bound[0]);
  results_claim (r, "Of the two fixed variances the report's, beta-tilde, has the tighter bound",
                 found->bound[1] < found->bound[0] && gaussian_pair[1].bound < gaussian_pair[0].bound,
                 "mixture: %.3f nats, with beta %.3f, with the best variance %.3f; entropy %.3f", found->bound[1],
                 found->bound[0], found->bound[2], found->entropy);
  results_claim (r, "With the best variance a Gaussian's bound misses its entropy by the chain's end alone",
                 fabs (gaussian_pair[2].bound - gaussian_entropy - 5.045e-6) < 1e-8,
                 "%.10f, entropy %.10f, divergence of q(x_T) from the prior 5.045e-6", gaussian_pair[2].bound,
                 gaussian_entropy);
  for (size_t k = 0; k < CHOICES; k++)
    {
      char row[64];
      snprintf (row, sizeof row, "mixture, %s", choice_name[k]);
      results_row (r, row, "of the middle terms, in t <= 100", "", 100 * share_of_first (found->term[k], 100), -1, "%",
                   "");
    }
}

int
main (void)
{
  results r = results_open ();
  const size_t rows[] = { [SMOKE] = 50, [QUICK] = 2000, [FULL] = 20000 };
  sb_process *ddpm
      = require_pointer (sb_ddpm_alloc (1, SB_DDPM_LEVELS, SB_VP_BETA_MIN, SB_VP_BETA_MAX), "DDPM's chain");
  pair normal[CHOICES], narrow[CHOICES];
  spectra found;
  gaussian (&r, ddpm, 0, 1, normal);
  gaussian (&r, ddpm, 0.5, 0.3, narrow);
  sample_mixture (&r, ddpm, rows[r.scale], &found);
  write_terms (&r, ddpm, &found);
  write_claims (&r, narrow, 0.5 * log (2 * M_PI * M_E * 0.3), &found, ddpm);
  for (size_t k = 0; k < CHOICES; k++)
    {
      gsl_vector_free (found.term[k]);
      gsl_vector_free (found.se[k]);
    }
  sb_process_free (ddpm);
  results_close (&r);
  return EXIT_SUCCESS;
}
