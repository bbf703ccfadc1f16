// # Table 3 with exact scores
//
// [nonuniform.set-cond] Gaussian images of 4 x 4 pixels: a hidden block of 2 x 2, or the means of four. What CDE, CMDE
// and CDiffE's samplers make of their observations in 500 steps, in closed form.

#include "gaussian_field.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

enum
{
  ESTIMATORS = 4,
  STEPS = 500
};

#define LAST 1e-3

static const struct
{
  const char *name;
  double most_of_y;
} estimators[ESTIMATORS] = { { "CDE", 0 }, { "CMDE (0.5)", 0.5 }, { "CMDE (1)", 1 }, { "CDiffE", FIELD_SIGMA_MAX } };

static bool
hidden (size_t i)
{
  return (i / FIELD == 1 || i / FIELD == 2) && (i % FIELD == 1 || i % FIELD == 2);
}

static gsl_matrix *
observing (bool hole)
{
  gsl_matrix *A = require_pointer (gsl_matrix_calloc (hole ? 12 : 4, FIELD_PIXELS), "A");
  for (size_t i = 0, row = 0; i < FIELD_PIXELS; i++)
    if (!hole)
      gsl_matrix_set (A, 2 * (i / FIELD / 2) + i % FIELD / 2, i, 0.25);
    else if (!hidden (i))
      gsl_matrix_set (A, row++, i, 1);
  return A;
}

static gsl_matrix *
product (CBLAS_TRANSPOSE_t a, const gsl_matrix *A, CBLAS_TRANSPOSE_t b, const gsl_matrix *B)
{
  gsl_matrix *C = require_pointer (
      gsl_matrix_alloc (a == CblasTrans ? A->size2 : A->size1, b == CblasTrans ? B->size1 : B->size2), "a product");
  require (gsl_blas_dgemm (a, b, 1, A, B, 0, C), "a product");
  return C;
}

static double
trace_of (const gsl_matrix *R, const gsl_matrix *C) // tr R C R^T
{
  gsl_matrix *RC = product (CblasNoTrans, R, CblasNoTrans, C);
  double sum = 0;
  for (size_t i = 0; i < R->size1 * R->size2; i++)
    sum += RC->data[i] * R->data[i];
  gsl_matrix_free (RC);
  return sum;
}

// ## The posterior
//
// x | y is N(M y, Sigma), and the pair has the covariance z.

typedef struct
{
  gsl_matrix *A, *C_y, *M, *Sigma, *z;
} problem;

static problem
problem_of (bool hole)
{
  gsl_matrix *C = field_covariance (), *A = observing (hole), *CAt = product (CblasNoTrans, C, CblasTrans, A),
             *C_y = product (CblasNoTrans, A, CblasNoTrans, CAt);
  const size_t m = A->size1, d = FIELD_PIXELS;
  problem p = { .A = A, .C_y = C_y, .z = require_pointer (gsl_matrix_alloc (d + m, d + m), "a covariance") };
  for (size_t i = 0; i < d + m; i++)
    for (size_t j = 0; j < d + m; j++)
      gsl_matrix_set (p.z, i, j,
                      i < d && j < d ? gsl_matrix_get (C, i, j)
                      : i < d        ? gsl_matrix_get (CAt, i, j - d)
                      : j < d        ? gsl_matrix_get (CAt, j, i - d)
                                     : gsl_matrix_get (C_y, i - d, j - d));
  gsl_matrix *inverse = product (CblasNoTrans, A, CblasNoTrans, CAt);
  require (gsl_linalg_cholesky_decomp1 (inverse), "a factorisation");
  require (gsl_linalg_cholesky_invert (inverse), "an inverse");
  p.M = product (CblasNoTrans, CAt, CblasNoTrans, inverse);
  p.Sigma = C;
  require (gsl_blas_dgemm (CblasNoTrans, CblasTrans, -1, p.M, CAt, 1, p.Sigma), "the posterior");
  gsl_matrix_free (inverse);
  gsl_matrix_free (CAt);
  return p;
}

static void
problem_free (problem p)
{
  gsl_matrix_free (p.A);
  gsl_matrix_free (p.C_y);
  gsl_matrix_free (p.M);
  gsl_matrix_free (p.Sigma);
  gsl_matrix_free (p.z);
}

// ## An estimator's samples
//
// N(K y, P): the columns of K are the means for unit observations.

typedef struct
{
  double psnr, consistency, deviation;
} quality;

static void
run (const problem *p, double most_of_y, gsl_matrix *K, gsl_matrix *P)
{
  exact_pair pair;
  exact_pair_open (p->z, FIELD_PIXELS, most_of_y, &pair);
  gsl_vector *times = even_times (LAST, STEPS), *y = require_pointer (gsl_vector_alloc (K->size2), "y"),
             *mean = require_pointer (gsl_vector_alloc (FIELD_PIXELS), "a mean");
  for (size_t j = 0; j < K->size2; j++)
    {
      gsl_vector_set_basis (y, j);
      gsl_matrix_get_col (mean, p->M, j);
      gsl_matrix_memcpy (P, p->Sigma);
      for (size_t i = 0; i < FIELD_PIXELS; i++)
        *gsl_matrix_ptr (P, i, i) += gathered_variance (FIELD_SIGMA_MAX, 1);
      exact_pair_run (&pair, y, times, mean, P);
      gsl_matrix_set_col (K, j, mean);
    }
  gsl_vector_free (times);
  gsl_vector_free (y);
  gsl_vector_free (mean);
  exact_pair_close (&pair);
}

static quality
quality_of (const problem *p, const gsl_matrix *K, const gsl_matrix *P)
{
  const size_t m = p->A->size1;
  gsl_matrix *off = product (CblasNoTrans, p->A, CblasNoTrans, K), *AP = product (CblasNoTrans, p->A, CblasNoTrans, P),
             *difference = require_pointer (gsl_matrix_alloc (FIELD_PIXELS, m), "a difference");
  gsl_matrix_memcpy (difference, K);
  gsl_matrix_sub (difference, p->M);
  double of_x = trace_of (difference, p->C_y), of_y = 0, deviation = 0;
  for (size_t i = 0; i < FIELD_PIXELS; i++)
    {
      of_x += gsl_matrix_get (P, i, i) + gsl_matrix_get (p->Sigma, i, i);
      deviation += sqrt (gsl_matrix_get (P, i, i)) / FIELD_PIXELS;
    }
  for (size_t i = 0; i < m; i++)
    {
      *gsl_matrix_ptr (off, i, i) -= 1;
      for (size_t j = 0; j < FIELD_PIXELS; j++)
        of_y += gsl_matrix_get (AP, i, j) * gsl_matrix_get (p->A, i, j);
    }
  of_y += trace_of (off, p->C_y);
  gsl_matrix_free (off);
  gsl_matrix_free (AP);
  gsl_matrix_free (difference);
  return (quality){ -10 * log10 (of_x / FIELD_PIXELS), -10 * log10 (of_y / (double)m), deviation };
}

// The covariance of the hidden block and y together, where x | y is N(K y, P). The law of y is always the same, so that
// the divergence of two of them is the mean over y of that given y.

enum
{
  HIDDEN = 4
};

static gsl_matrix *
hidden_and_y (const problem *p, const gsl_matrix *K, const gsl_matrix *P)
{
  const size_t d = HIDDEN + p->A->size1;
  gsl_matrix *KC = product (CblasNoTrans, K, CblasNoTrans, p->C_y), *KCK = product (CblasNoTrans, KC, CblasTrans, K),
             *C = require_pointer (gsl_matrix_alloc (d, d), "a covariance");
  size_t at[HIDDEN];
  for (size_t i = 0, k = 0; i < FIELD_PIXELS; i++)
    if (hidden (i))
      at[k++] = i;
  gsl_matrix_add (KCK, P);
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++)
      gsl_matrix_set (C, i, j,
                      i < HIDDEN && j < HIDDEN ? gsl_matrix_get (KCK, at[i], at[j])
                      : i < HIDDEN             ? gsl_matrix_get (KC, at[i], j - HIDDEN)
                      : j < HIDDEN             ? gsl_matrix_get (KC, at[j], i - HIDDEN)
                                               : gsl_matrix_get (p->C_y, i - HIDDEN, j - HIDDEN));
  gsl_matrix_free (KC);
  gsl_matrix_free (KCK);
  return C;
}

// Of p(x_eps | y), eps the last time, from the samples'.

static double
hidden_kl (const problem *p, const gsl_matrix *K, const gsl_matrix *P)
{
  gsl_matrix *noisy = require_pointer (gsl_matrix_alloc (FIELD_PIXELS, FIELD_PIXELS), "a covariance");
  double kl;
  gsl_matrix_memcpy (noisy, p->Sigma);
  for (size_t i = 0; i < FIELD_PIXELS; i++)
    *gsl_matrix_ptr (noisy, i, i) += gathered_variance (FIELD_SIGMA_MAX, LAST);
  gsl_matrix *exact = hidden_and_y (p, p->M, noisy), *sampled = hidden_and_y (p, K, P);
  require (sb_gaussian_kl (NULL, exact, NULL, sampled, &kl), "KL");
  gsl_matrix_free (noisy);
  gsl_matrix_free (exact);
  gsl_matrix_free (sampled);
  return kl;
}

static void
put_problem (results *r, bool hole)
{
  const char *what = hole ? "hidden block" : "means of four";
  problem p = problem_of (hole);
  gsl_matrix *K = require_pointer (gsl_matrix_alloc (FIELD_PIXELS, p.A->size1), "K"),
             *P = require_pointer (gsl_matrix_alloc (FIELD_PIXELS, FIELD_PIXELS), "P");
  quality q[ESTIMATORS];
  double kl[ESTIMATORS];
  bool ordered = true, spread = true, farther = true;
  for (int k = 0; k < ESTIMATORS; k++)
    {
      char row[64];
      run (&p, estimators[k].most_of_y, K, P);
      q[k] = quality_of (&p, K, P);
      snprintf (row, sizeof row, "%s, %s", what, estimators[k].name);
      results_row (r, row, "PSNR", "", q[k].psnr, -1, "dB", "peak 1");
      results_row (r, row, "Consistency", "", q[k].consistency, -1, "dB", "PSNR of the observation");
      results_row (r, row, "Diversity", "", q[k].deviation, -1, "", "mean deviation of a pixel");
      if (hole)
        {
          kl[k] = hidden_kl (&p, K, P);
          results_row (r, row, "KL of the block", "", kl[k], -1, "nats", "of p(x | y) from the samples', given y");
          farther &= k == 0 || kl[k] > kl[k - 1];
        }
      ordered &= k == 0 || (q[k].psnr < q[k - 1].psnr && q[k].consistency < q[k - 1].consistency);
      spread &= k == 0 || q[k].deviation > q[k - 1].deviation;
    }
  char claim[128];
  snprintf (claim, sizeof claim, "%s: CDE, then the slower of the diffusive ones, reconstruct best and agree best",
            what);
  results_claim (r, claim, ordered, "PSNR from %.4g to %.4g dB, consistency from %.4g to %.4g dB", q[0].psnr,
                 q[ESTIMATORS - 1].psnr, q[0].consistency, q[ESTIMATORS - 1].consistency);
  snprintf (claim, sizeof claim, "%s: diversity rises with the speed of y", what);
  results_claim (r, claim, spread, "from %.3g to %.3g", q[0].deviation, q[ESTIMATORS - 1].deviation);
  if (hole)
    results_claim (r, "hidden block: the faster y, the farther are the samples from p(x | y)", farther,
                   "KL %.2g, %.3g, %.3g, %.4g", kl[0], kl[1], kl[2], kl[3]);
  gsl_matrix_free (K);
  gsl_matrix_free (P);
  problem_free (p);
}

int
main (void)
{
  results r = results_open ();
  put_problem (&r, true);
  put_problem (&r, false);
  results_close (&r);
  return EXIT_SUCCESS;
}
