// # Digits without a network
//
// [soft.tab2] [soft.fig4] [soft.fig5] [soft.fig6] [soft.txt-naivefid] [soft.txt-naivediversity] [soft.set-standins]
// Soft Diffusion's samplers on images whose score is known: MNIST as a mixture of probabilistic PCA.

#include "expected.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

static const double sigma_min = 0.01, sigma_max = 0.1, widest = 10, largest = 17; // widest: 23 pixels of 64, in 28

// ## The law

typedef struct
{
  sb_target *target;
  gsl_vector *mean;
  gsl_matrix *covariance; // of all components together
  gsl_vector *coarse_mean;
  gsl_matrix *coarse_covariance;
} law;

static law
fit (const results *r)
{
  const size_t K = r->scale == SMOKE ? 3 : 10, q = r->scale == SMOKE ? 6 : 24, iterations = r->scale == SMOKE ? 2 : 10;
  gsl_matrix *digits = test_digits (0, r->scale == SMOKE ? 300 : r->scale == QUICK ? 3000 : 0, 0, 1);
  gsl_vector *w = gsl_vector_alloc (K), *v = gsl_vector_alloc (K);
  gsl_matrix *mu = gsl_matrix_alloc (K, PIXELS), *W = gsl_matrix_alloc (K * q, PIXELS);
  law l = { .mean = gsl_vector_calloc (PIXELS), .covariance = gsl_matrix_calloc (PIXELS, PIXELS) };
  require (w && v && mu && W && l.mean && l.covariance ? GSL_SUCCESS : GSL_ENOMEM, "a law");
  require (sb_pca_mixture_fit (digits, iterations, (sb_stream){ r->seed, SB_FOR_DATA, 0 }, w, mu, W, v, NULL),
           "the fit");
  l.target = require_pointer (sb_target_pca_mixture_alloc (w, mu, W, v), "the law");
  gsl_blas_dgemv (CblasTrans, 1, mu, w, 0, l.mean);
  gsl_vector_view diagonal = gsl_matrix_diagonal (l.covariance);
  for (size_t k = 0; k < K; k++)
    {
      const double w_k = gsl_vector_get (w, k);
      gsl_matrix_view W_k = gsl_matrix_submatrix (W, k * q, 0, q, PIXELS);
      gsl_vector_view off = gsl_matrix_row (mu, k);
      gsl_vector_sub (&off.vector, l.mean);
      gsl_blas_dgemm (CblasTrans, CblasNoTrans, w_k, &W_k.matrix, &W_k.matrix, 1, l.covariance);
      gsl_blas_dger (w_k, &off.vector, &off.vector, l.covariance);
      gsl_vector_add_constant (&diagonal.vector, w_k * gsl_vector_get (v, k));
    }
  gsl_matrix_free (digits);
  gsl_vector_free (w);
  gsl_vector_free (v);
  gsl_matrix_free (mu);
  gsl_matrix_free (W);
  return l;
}

// ## Corruptions
//
// The paper's two stages, with a blur that mirrors the image at its edges, so that all blurs have the cosine
// transform in common; and VE.

static sb_process *
soft_process (void)
{
  enum
  {
    KNOTS = 32
  };
  double knots[KNOTS] = { 0.01 };
  for (int i = 1; i < KNOTS; i++)
    knots[i] = 0.2 * pow (widest / 0.2, (i - 1) / (KNOTS - 2.));
  const gsl_vector_const_view levels = gsl_vector_const_view_array (knots, KNOTS);
  const sb_soft_stages stages
      = { .sigma_min = sigma_min, .sigma_max = sigma_max, .noise = 0.2, .levels = &levels.vector };
  sb_operator *blur = require_pointer (sb_operator_blur_alloc (SIDE, SIDE, 1, 35, SB_BOUNDARY_SYMMETRIC), "a blur");
  return require_pointer (sb_soft_stages_alloc (blur, &stages), "the corruption");
}

// ## What is measured
//
// The Frechet distance of the coarse image: its 8 by 8 lowest cosine frequencies, which a thousand samples know well;
// and the share of the variance of all pixels.

enum
{
  COARSE = 8
};

// The coarse coefficients of rows of pixels.

static gsl_matrix *
coarse (const gsl_matrix *x)
{
  sb_operator *cosines = require_pointer (sb_operator_cosine_alloc (SIDE, SIDE, 1), "the cosine transform");
  gsl_matrix *all = require_pointer (gsl_matrix_alloc (x->size1, PIXELS), "coefficients"),
             *some = require_pointer (gsl_matrix_alloc (x->size1, COARSE * COARSE), "coefficients");
  require (sb_operator_apply (cosines, CblasNoTrans, NULL, x, all), "the cosine transform");
  for (size_t i = 0; i < x->size1; i++)
    for (size_t k = 0; k < COARSE * COARSE; k++)
      gsl_matrix_set (some, i, k, gsl_matrix_get (all, i, k / COARSE * SIDE + k % COARSE));
  gsl_matrix_free (all);
  sb_operator_free (cosines);
  return some;
}

static void
coarsen (law *l)
{
  const gsl_matrix_const_view mean = gsl_matrix_const_view_vector (l->mean, 1, PIXELS);
  gsl_matrix *m = coarse (&mean.matrix), *half = coarse (l->covariance),
             *turned = require_pointer (gsl_matrix_alloc (COARSE * COARSE, PIXELS), "a covariance");
  gsl_matrix_transpose_memcpy (turned, half);
  l->coarse_covariance = coarse (turned);
  l->coarse_mean = require_pointer (gsl_vector_alloc (COARSE * COARSE), "a mean");
  gsl_matrix_get_row (l->coarse_mean, m, 0);
  gsl_matrix_free (m);
  gsl_matrix_free (half);
  gsl_matrix_free (turned);
}

static double
trace (const gsl_matrix *C)
{
  const gsl_vector_const_view diagonal = gsl_matrix_const_diagonal (C);
  return gsl_vector_sum (&diagonal.vector);
}

typedef struct
{
  double frechet, trace;
} verdict;

static verdict
judged (const law *l, const gsl_matrix *x)
{
  gsl_matrix *features = coarse (x),
             *C = require_pointer (gsl_matrix_alloc (features->size2, features->size2), "a covariance"),
             *of_pixels = require_pointer (gsl_matrix_alloc (PIXELS, PIXELS), "a covariance");
  gsl_vector *mean = require_pointer (gsl_vector_alloc (features->size2), "a mean"),
             *pixels = require_pointer (gsl_vector_alloc (PIXELS), "a mean");
  verdict v;
  require (sb_sample_moments (features, mean, C), "moments");
  require (sb_frechet_gaussians (mean, C, l->coarse_mean, l->coarse_covariance, &v.frechet), "the distance");
  require (sb_sample_moments (x, pixels, of_pixels), "moments");
  v.trace = trace (of_pixels) / trace (l->covariance);
  gsl_matrix_free (features);
  gsl_matrix_free (C);
  gsl_matrix_free (of_pixels);
  gsl_vector_free (mean);
  gsl_vector_free (pixels);
  return v;
}

// ## A run

typedef enum
{
  NAIVE,
  MOMENTUM,
  FLOW,
  DDIM,
  VE_REVERSE,
  VE_DDIM,
  METHODS
} method;

static const struct
{
  const char *name;
  const sb_step_type *const *step;
  bool ve;
  const char *cifar; // Table 2, FID
} methods[METHODS] = { { "naive", &sb_step_naive, false, "40.07" },
                       { "momentum", &sb_step_momentum, false, "3.91" },
                       { "flow", &sb_step_momentum_flow, false, "3.86" },
                       { "DDIM-type", &sb_step_soft_ddim, false, "" },
                       { "VE, reverse diffusion", &sb_step_reverse_diffusion, true, "4.79" },
                       { "VE, DDIM", &sb_step_ddim, true, "" } };

typedef struct
{
  law l;
  sb_process *soft, *ve;
  size_t n;
} world;

// From draws of the law at t = 1; the end is the denoised point.

static void
start (const results *r, const world *w, const sb_process *process, gsl_matrix *x)
{
  gsl_matrix *z = require_pointer (gsl_matrix_alloc (w->n, PIXELS), "noise");
  gsl_vector *one = require_pointer (gsl_vector_alloc (w->n), "times");
  gsl_vector_set_all (one, 1);
  require (sb_target_sample (w->l.target, (sb_stream){ r->seed + 1, SB_FOR_DATA, 0 }, x), "draws");
  require (sb_stream_normals ((sb_stream){ r->seed, SB_FOR_FORWARD, 0 }, 0, z), "noise");
  require (sb_process_transition (process, NULL, one, z, x), "the corruption");
  gsl_matrix_free (z);
  gsl_vector_free (one);
}

static verdict
run (results *r, const world *w, method m, size_t steps, gsl_matrix *x)
{
  const sb_process *process = methods[m].ve ? w->ve : w->soft;
  sb_score *score = require_pointer (sb_score_exact_alloc (w->l.target, process), "the score");
  gsl_vector *times = require_pointer (gsl_vector_alloc (steps), "times");
  for (size_t k = 0; k < steps; k++)
    gsl_vector_set (times, k, (double)(steps - k) / (double)steps);
  const sb_pc pc = { .step = *methods[m].step, .final = SB_FINAL_DENOISE };
  size_t evaluations;
  start (r, w, process, x);
  require (sb_pc_sample (&pc, score, NULL, times, (sb_stream){ r->seed, 0, 0 }, x, &evaluations), methods[m].name);
  r->evaluations += evaluations * w->n;
  gsl_vector_free (times);
  sb_score_free (score);
  return judged (&w->l, x);
}

// ## The expected digit
//
// Draws of the law, blurred or covered from the edge inwards, and the law's own E[x_0 | x_t]. A later x_t is an earlier
// one that is corrupted once more, so that the error cannot fall; and as nothing is learned, none of it is a network's.
// [soft.fig7]

static sb_process *
window_process (void)
{
  const double shares[] = { 0, 1 };
  const gsl_vector_const_view levels = gsl_vector_const_view_array (shares, 2);
  const sb_soft_stages stages
      = { .sigma_min = sigma_min, .sigma_max = sigma_max, .noise = 0.2, .levels = &levels.vector };
  sb_operator *window = require_pointer (sb_operator_window_alloc (SIDE, SIDE, 1, SB_KEEP_CENTRE), "a window");
  return require_pointer (sb_soft_stages_alloc (window, &stages), "the corruption");
}

static void
expect (results *r, const world *w)
{
  sb_process *window = window_process ();
  const struct
  {
    const char *name;
    const sb_process *process;
  } corruptions[] = { { "blur", w->soft }, { "window", window } };
  gsl_matrix *x_0 = matrix_of (w->n);
  require (sb_target_sample (w->l.target, (sb_stream){ r->seed + 3, SB_FOR_DATA, 0 }, x_0), "draws");
  for (int c = 0; c < 2; c++)
    {
      expectation e[TIMES];
      sb_score *score = require_pointer (sb_score_exact_alloc (w->l.target, corruptions[c].process), "the score");
      look_forward (r, score, corruptions[c].name, x_0, e);
      for (int k = 0; k < TIMES; k++)
        {
          char column[48];
          snprintf (column, sizeof column, "error of E[x_0 | x_t] / t = %.3g", time_of (k));
          results_row (r, corruptions[c].name, column, "", e[k].expected, -1, "", "mean square of a pixel");
        }
      claim_growth (r, corruptions[c].name, e, 0);
      if (c == 1)
        claim_masks (r, "What is expected under the window", e);
      sb_score_free (score);
    }
  gsl_matrix_free (x_0);
  sb_process_free (window);
}

int
main (void)
{
  enum
  {
    BUDGETS = 3
  };
  static const size_t budget[BUDGETS] = { 10, 25, 100 };
  results r = results_open ();
  world w = { fit (&r), soft_process (), require_pointer (sb_ve_alloc (PIXELS, sigma_min, largest), "VE"),
              r.scale == SMOKE   ? 60
              : r.scale == QUICK ? 1000
                                 : 5000 };
  w.ve->t_min = 0;
  coarsen (&w.l);
  gsl_matrix *x = require_pointer (gsl_matrix_alloc (w.n, PIXELS), "images");
  const gsl_matrix_const_view shown = gsl_matrix_const_submatrix (x, 0, 0, 40, PIXELS);
  verdict v[METHODS][BUDGETS];
  require (sb_target_sample (w.l.target, (sb_stream){ r.seed + 2, SB_FOR_DATA, 0 }, x), "draws");
  picture (&r, "draws", &shown.matrix, 10, 0, 1);
  const verdict floor = judged (&w.l, x);
  results_row (&r, "draws of the law itself", "Fréchet distance of the coarse image / of as many", "", floor.frechet,
               -1, "", "the floor");
  results_row (&r, "draws of the law itself", "Share of the variance / of as many", "", floor.trace, -1, "", "");
  for (method m = NAIVE; m < METHODS; m++)
    for (size_t b = 0; b < (r.scale == SMOKE ? 2 : BUDGETS); b++)
      {
        char column[64];
        v[m][b] = run (&r, &w, m, budget[b], x);
        snprintf (column, sizeof column, "Fréchet distance of the coarse image / %zu evaluations", budget[b]);
        results_row (&r, methods[m].name, column, b + 1 == BUDGETS ? methods[m].cifar : "", v[m][b].frechet, -1, "",
                     b + 1 == BUDGETS ? "published: FID on CIFAR-10 at the best number" : "");
        snprintf (column, sizeof column, "Share of the variance / %zu evaluations", budget[b]);
        results_row (&r, methods[m].name, column, "", v[m][b].trace, -1, "", "");
        if (m <= MOMENTUM && b + 1 == (r.scale == SMOKE ? 2 : BUDGETS))
          picture (&r, methods[m].name, &shown.matrix, 10, 0, 1);
      }
  const size_t last = r.scale == SMOKE ? 1 : BUDGETS - 1;
  size_t ahead = 0, ahead_ddim = 0;
  for (size_t b = 0; b <= last; b++)
    {
      ahead += v[MOMENTUM][b].frechet < v[VE_REVERSE][b].frechet;
      ahead_ddim += v[DDIM][b].frechet < v[VE_DDIM][b].frechet;
    }
  results_claim (&r, "The naive sampler loses a quarter of the variance or more", v[NAIVE][last].trace < 0.75,
                 "%.0f %% are left", 100 * v[NAIVE][last].trace);
  results_claim (&r, "Momentum keeps it within a tenth", fabs (v[MOMENTUM][last].trace - 1) < 0.1, "%.1f %% are left",
                 100 * v[MOMENTUM][last].trace);
  results_claim (&r, "The naive sampler is more than three times as far off as momentum",
                 v[NAIVE][last].frechet > 3 * v[MOMENTUM][last].frechet, "%.2f against %.2f; the floor is %.2f",
                 v[NAIVE][last].frechet, v[MOMENTUM][last].frechet, floor.frechet);
  results_claim (&r, "Blur needs fewer steps than VE (momentum below reverse diffusion)", ahead == last + 1,
                 "at %zu of %zu budgets", ahead, last + 1);
  results_claim (&r, "... DDIM's steps on both sides", ahead_ddim == last + 1, "at %zu of %zu budgets", ahead_ddim,
                 last + 1);
  expect (&r, &w);
  gsl_matrix_free (x);
  sb_process_free (w.soft);
  sb_process_free (w.ve);
  sb_target_free (w.l.target);
  gsl_vector_free (w.l.mean);
  gsl_matrix_free (w.l.covariance);
  gsl_vector_free (w.l.coarse_mean);
  gsl_matrix_free (w.l.coarse_covariance);
  results_close (&r);
  return EXIT_SUCCESS;
}
