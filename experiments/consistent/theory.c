// # What is exact
//
// [consistent.thm1.1] [consistent.txt-drift] [consistent.rem4.1] [consistent.set-edm-heun] [consistent.set-edm-churn]
// [consistent.txt-early-stop] The paper has no toy data. With denoisers that are known: which of its two properties
// each has; how far samples drift whose score is a little wrong; what other SDEs of the same marginals do to a mean;
// EDM's samplers against the number of levels; and stopping early.

#include "../mixture.h"

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <scorebook.h>
#include <stdlib.h>
#include <string.h>

static const double s2 = .25; // the variance of Gaussian data

// ## Denoisers h = B(v) x in the plane
//
// Of Gaussian data, a share delta of the way to the identity: B = (s2 + delta v)/(s2 + v) I. Turning: B = S (S + v)^-1
// with S = [[1, .5], [-.5, 1]].

typedef struct
{
  double delta;
  bool turning;
} linear;

static void
find_matrix (const linear *h, double v, double *B) // row by row
{
  const double u = 1 + v, size = u * u + .25, p = (u + .25) / size, q = .5 * v / size,
               a = (s2 + h->delta * v) / (s2 + v);
  memcpy (B, h->turning ? (double[]){ p, q, -q, p } : (double[]){ a, 0, 0, a }, 4 * sizeof *B);
}

static int
multiply (const void *state, bool transposed, const gsl_matrix *x, const gsl_vector *t, gsl_matrix *out)
{
  const linear *h = state;
  for (size_t i = 0; i < x->size1; i++)
    {
      double B[4];
      find_matrix (h, gsl_pow_2 (gsl_vector_get (t, i)), B);
      const double a = gsl_matrix_get (x, i, 0), b = gsl_matrix_get (x, i, 1);
      gsl_matrix_set (out, i, 0, B[0] * a + B[transposed ? 2 : 1] * b);
      gsl_matrix_set (out, i, 1, B[transposed ? 1 : 2] * a + B[3] * b);
    }
  return GSL_SUCCESS;
}

static int
evaluate (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
          gsl_matrix *out)
{
  (void)view, (void)y;
  return multiply (state, false, x, t, out);
}

static int
jvp (const void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y,
     const gsl_matrix *v, gsl_matrix *out)
{
  (void)view, (void)x, (void)y;
  return multiply (state, false, v, t, out);
}

static int
vjp (void *state, sb_view view, const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, const gsl_matrix *v,
     gsl_matrix *out)
{
  (void)view, (void)x, (void)y;
  return multiply (state, true, v, t, out);
}

static const sb_score_type linear_type = {
  .name = "linear", .views = SB_DENOISER, .evaluate = evaluate, .derivatives = SB_DENOISER, .jvp = jvp, .vjp = vjp
};

// ## The two properties
//
// Consistent: the residual of the denoiser's equation is 0. Conservative: its Jacobian is symmetric; that a density
// exists is another question, which the identity answers with no.

static void
put_properties (results *r, const sb_score *score, const char *row, bool consistent, bool curl_free)
{
  enum
  {
    N = 50
  };
  gsl_matrix *x = gsl_matrix_alloc (N, 2), *rate = gsl_matrix_alloc (N, 2);
  gsl_vector *t = gsl_vector_alloc (N), *ratio = gsl_vector_alloc (N);
  require (x && rate && t && ratio ? GSL_SUCCESS : GSL_ENOMEM, "points");
  gsl_vector_set_all (t, .8);
  require (sb_stream_normals ((sb_stream){ r->seed, SB_FOR_USER, 0 }, 0, x), "points");
  require (sb_score_pde (score, SB_DENOISER, NULL, t, x, rate), "the denoiser's equation");
  require (sb_score_asymmetry (score, SB_DENOISER, NULL, t, x, 0, (sb_stream){ 0 }, ratio), "the asymmetry");
  const double residual = GSL_MAX (gsl_matrix_max (rate), -gsl_matrix_min (rate)), asymmetry = gsl_vector_max (ratio);
  results_row (r, row, "residual of Property 1", "", residual, -1, "", "largest of 50 points at t = .8");
  results_row (r, row, "asymmetry (Property 2)", "", asymmetry, -1, "", "|J - J^T| / |J|, the largest");
  char claim[128];
  snprintf (claim, sizeof claim, "%s: %sconsistent, %scurl-free", row, consistent ? "" : "not ",
            curl_free ? "" : "not ");
  results_claim (r, claim, (residual < 1e-7) == consistent && (asymmetry < 1e-7) == curl_free,
                 "residual %.2g, asymmetry %.2g", residual, asymmetry);
  gsl_matrix_free (x);
  gsl_matrix_free (rate);
  gsl_vector_free (t);
  gsl_vector_free (ratio);
}

static sb_target *
in_the_plane (void)
{
  return mixture_of (2, 2, (double[]){ .35, .65 }, (double[]){ -1, .5, 1, -.3 },
                     (double[]){ .5, .2, .2, .3, .2, -.1, -.1, .4 });
}

static sb_target *
on_a_line (void)
{
  return mixture_of (2, 1, (double[]){ .3, .7 }, (double[]){ -1, 1.5 }, (double[]){ .16, .0625 });
}

static void
put_truth_table (results *r)
{
  static const struct
  {
    const char *row;
    linear h;
    bool consistent, curl_free;
  } rows[] = { { "of N(0, 1/4)", { 0, false }, true, true },
               { "the identity", { 1, false }, true, true },
               { "turning (N2)", { 0, true }, true, false },
               { "a fifth towards the identity (D)", { .2, false }, false, true } };
  sb_process *edm = require_pointer (sb_edm_alloc (2, .002, 80), "the process");
  sb_target *law = in_the_plane ();
  sb_score *exact = require_pointer (sb_score_exact_alloc (law, edm), "the score");
  put_properties (r, exact, "of a mixture", true, true);
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
    {
      linear h = rows[k].h;
      sb_score *score = require_pointer (sb_score_alloc (&linear_type, &h, edm), "a score");
      put_properties (r, score, rows[k].row, rows[k].consistent, rows[k].curl_free);
      sb_score_free (score);
    }
  sb_score_free (exact);
  sb_target_free (law);
  sb_process_free (edm);
}

// ## Samples
//
// n points from a normal law at t, taken to s by steps of one kind; the moments at the end, of all coordinates alike.

typedef struct
{
  const sb_step_type *step;
  double key[4];
  double t, s, rho;
  size_t levels;
  bool denoise;
} run;

typedef struct
{
  double mean, mean_error, square; // square: the mean of squares
} moments;

static moments
sampled (const results *r, const sb_score *score, const run *w, size_t n, double variance, bool from_one)
{
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (n, score->process->dimension), "samples");
  gsl_vector *times = require_pointer (gsl_vector_alloc (w->levels), "times");
  sb_pc pc = sb_pc_default ();
  for (size_t k = 0; k < w->levels; k++)
    gsl_vector_set (times, k, sb_grid_even_in_root (w->t, w->s, w->rho, k, w->levels));
  pc.step = w->step;
  pc.key = w->key;
  pc.corrector_steps = 0;
  pc.final = w->denoise ? SB_FINAL_DENOISE : SB_FINAL_SAMPLE;
  require (sb_stream_normals ((sb_stream){ r->seed, SB_FOR_PRIOR, 0 }, 0, x), "normals");
  if (from_one)
    gsl_matrix_set_all (x, 1);
  else
    gsl_matrix_scale (x, sqrt (variance));
  require (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ .seed = r->seed }, x, NULL), "samples");
  double sum = 0, square = 0;
  for (size_t k = 0; k < n * x->size2; k++)
    {
      sum += x->data[k];
      square += gsl_pow_2 (x->data[k]);
    }
  const double count = (double)(n * x->size2), mean = sum / count;
  const moments m = { mean, sqrt ((square / count - mean * mean) / count), square / count };
  gsl_matrix_free (x);
  gsl_vector_free (times);
  return m;
}

static moments
sampled_linear (const results *r, linear h, const run *w, size_t n, double variance, bool from_one)
{
  sb_process *edm = require_pointer (sb_edm_alloc (2, .002, 80), "the process");
  sb_score *score = require_pointer (sb_score_alloc (&linear_type, &h, edm), "a score");
  const moments m = sampled (r, score, w, n, variance, from_one);
  sb_score_free (score);
  sb_process_free (edm);
  return m;
}

// Measured quantities next to their closed forms, and whether all agree.

static bool
put_beside (results *r, const char *row, const char *column, double found, double error, double exact)
{
  char note[64];
  snprintf (note, sizeof note, "closed form %g", exact);
  results_row (r, row, column, "", found, error, "", note);
  return fabs (found - exact) < 4 * error + .01;
}

static void
claim_agreement (results *r, const char *claim, bool agree)
{
  if (r->scale == SMOKE)
    untested (r, claim, "a few samples say nothing");
  else
    results_claim (r, claim, agree, "each within four errors and 0.01 of its closed form");
}

// The score of D_.1 from u = 4.25 down: the ratio of the variance to the right one, [1 - 2 d (u/u_1)^(1 - 2 d)]/(1 - 2
// d).

static void
put_drift (results *r, size_t n)
{
  const linear h = { .1, false };
  const double u[] = { 2, 1, .5, .250004 }, ratio[] = { 1.1132, 1.1714, 1.2049, 1.2241 };
  bool agree = true;
  for (int k = 0; k < 4; k++)
    {
      const run w = { sb_step_reverse_diffusion, { 0 }, 2, sqrt (u[k] - s2), 2, r->scale == SMOKE ? 5 : 200, false };
      char row[40];
      const double found = sampled_linear (r, h, &w, n, 4.25, false).square / u[k];
      snprintf (row, sizeof row, "drift of D_.1 at u = %g", u[k]);
      agree &= put_beside (r, row, "variance over the right one", found, found / sqrt ((double)n), ratio[k]);
    }
  claim_agreement (r, "the drift grows on the way down, to 1.224", agree);
}

// The family with the same marginals, from x = 1 at t = 1 to v' = .1: the mean of h at the end over h at
// the start, which is 1 of a martingale.

static void
put_family (results *r, size_t n)
{
  const linear h = { 0, false };
  const double eta[] = { 0, .5, 1, 1.5 }, exact[] = { 1.889822, 1.611817, 1, .451309 };
  bool agree = true;
  for (int k = 0; k < 4; k++)
    {
      const run w = { sb_step_euler_maruyama, { eta[k] }, 1, sqrt (.1), 2, r->scale == SMOKE ? 5 : 200, false };
      char row[40];
      const moments m = sampled_linear (r, h, &w, n, 0, true);
      const double to_h = s2 / (s2 + .1) / (s2 / (s2 + 1));
      snprintf (row, sizeof row, "SDE of the family, eta = %g", eta[k]);
      agree &= put_beside (r, row, "E h' / h", m.mean * to_h, m.mean_error * to_h, exact[k]);
    }
  claim_agreement (r, "only the reverse SDE keeps the mean", agree);
}

// ## EDM's samplers
//
// Variances from 6400 at t = 80: Heun's method, the stochastic sampler with S_churn = 40, and Euler's steps of the same
// flow.

static void
put_samplers (results *r, size_t n)
{
  static const char *const columns[] = { "variance, Heun", "variance, S_churn = 40", "variance, Euler" };
  const linear h = { 0, false };
  const size_t levels[] = { 9, 18, 36, 72 };
  for (int k = 0; k < (r->scale == SMOKE ? 1 : 4); k++)
    for (int c = 0; c < 3; c++)
      {
        const double churn = c == 1 ? 40. / (double)levels[k] : 0;
        const run edm = { sb_step_edm_heun, { churn, 0, 1e9, 1 }, 80, .002, 7, levels[k], true },
                  euler = { sb_step_euler_maruyama, { 0 }, 80, .002, 7, levels[k], true };
        char row[40];
        const double found = sampled_linear (r, h, c == 2 ? &euler : &edm, n, 6400, false).square;
        snprintf (row, sizeof row, "N = %zu levels", levels[k]);
        results_row (r, row, columns[c], "", found, found / sqrt ((double)n), "", "the data's is 0.25");
      }
}

// Stopped at t, with the mean as the last step, a sample is E[x_0 | x_t]: what x_0 has beyond that of x_t is lost.

static void
put_early_stops (results *r, size_t n)
{
  sb_process *edm = require_pointer (sb_edm_alloc (1, .002, 80), "the process");
  sb_target *law = on_a_line ();
  sb_score *exact = require_pointer (sb_score_exact_alloc (law, edm), "the score");
  const double ends[] = { .5, .1097, .0851, .002 };
  double of_gaussian[4], of_mixture[4];
  for (int k = 0; k < 4; k++)
    {
      const run w = { sb_step_edm_heun, { 0, 0, 1e9, 1 }, 80, ends[k], 7, r->scale == SMOKE ? 5 : 150, true };
      char row[40], note[64];
      of_gaussian[k] = sampled_linear (r, (linear){ 0, false }, &w, n, 6400, false).square;
      const moments m = sampled (r, exact, &w, n, 6400, false);
      of_mixture[k] = m.square - m.mean * m.mean;
      snprintf (row, sizeof row, "stopped at t = %g", ends[k]);
      snprintf (note, sizeof note, "closed form %.5g", s2 * s2 / (s2 + gsl_pow_2 (ends[k])));
      results_row (r, row, "variance, Heun", "", of_gaussian[k], of_gaussian[k] / sqrt ((double)n), "", note);
      results_row (r, row, "variance, of a mixture on a line", "", of_mixture[k], -1, "", "the data's is 1.40425");
    }
  if (r->scale != SMOKE)
    results_claim (r, "stopping early loses variance", of_gaussian[0] < of_gaussian[3] && of_mixture[0] < of_mixture[3],
                   "to %.4g of %.4g, and %.4g of %.4g", of_gaussian[0], of_gaussian[3], of_mixture[0], of_mixture[3]);
  sb_score_free (exact);
  sb_target_free (law);
  sb_process_free (edm);
}

int
main (void)
{
  results r = results_open ();
  const size_t n = r.scale == SMOKE ? 50 : r.scale == QUICK ? 20000 : 400000;
  put_truth_table (&r);
  put_drift (&r, n);
  put_family (&r, n);
  put_samplers (&r, n);
  put_early_stops (&r, n);
  results_close (&r);
  return EXIT_SUCCESS;
}
