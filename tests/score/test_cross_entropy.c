// # What must be true of the cross-entropy

#include "score/cross_entropy.h"
#include "property.h"
#include "scope.h"

#include <gsl/gsl_randist.h>
#include <math.h>

SUITE (cross_entropy);

// The gradient is the slope of the loss, and its rows sum to zero: moving all logits together changes nothing.

static double
slope_residual (const double *v, void *unused)
{
  (void)unused;
  size_t K = (size_t)v[0];
  gsl_rng *r = property_rng (v[1]);
  gsl_matrix *logits = matrix (1, K), *moved = matrix (1, K);
  gsl_vector *loss = vector (1);
  for (size_t k = 0; k < K; k++)
    gsl_matrix_set (logits, 0, k, gsl_ran_gaussian (r, v[2]));
  unsigned char label = (unsigned char)gsl_rng_uniform_int (r, K);
  size_t along = gsl_rng_uniform_int (r, K);
  double slope = 0, h = 1e-3, sum = 0;
  const double at[] = { 1, -1, 2, -2 }, weight[] = { 8, -8, -1, 1 };
  for (int p = 0; p < 4; p++)
    {
      gsl_matrix_memcpy (moved, logits);
      *gsl_matrix_ptr (moved, 0, along) += at[p] * h;
      sb_cross_entropy (&label, moved, loss);
      slope += weight[p] * gsl_vector_get (loss, 0) / (12 * h);
    }
  sb_cross_entropy (&label, logits, loss);
  for (size_t k = 0; k < K; k++)
    sum += gsl_matrix_get (logits, 0, k);
  double residual = fabs (gsl_matrix_get (logits, 0, along) - slope) + fabs (sum);
  return residual;
}

Test (cross_entropy, gradient_is_the_slope)
{
  const property_parameter parameters[] = { { "classes", PROPERTY_INTEGER, 2, 12, 2 },
                                            { "seed", PROPERTY_INTEGER, 0, 1e6, 0 },
                                            { "spread", PROPERTY_LOG, 0.01, 10, 1 } };
  property_check ("the gradient of the cross-entropy", 3, 200, 3, parameters, slope_residual, NULL, 1e-8);
}

// Known values: even odds cost $\log K$; logits a thousand apart cost nothing, or a thousand, without overflow.

Test (cross_entropy, known_values)
{
  const unsigned char labels[] = { 0, 0 };
  gsl_matrix *even = matrix_all (1, 4, 7), *far = matrix_of (2, 2, 1000, 0, 0, 1000);
  gsl_vector *one = vector (1), *two = vector (2);
  ok (sb_cross_entropy (labels, even, one));
  cr_assert_float_eq (gsl_vector_get (one, 0), log (4), 1e-14);
  cr_assert_float_eq (gsl_matrix_get (even, 0, 0), -0.75, 1e-15);
  ok (sb_cross_entropy (labels, far, two));
  cr_assert (gsl_vector_equal (two, vector_of (0, 1000)));
  cr_assert_eq (gsl_matrix_get (far, 1, 0), -1);
}

// Three to one, told by logits that no power would survive.

Test (cross_entropy, softmax_of_large_numbers)
{
  gsl_matrix *l = matrix_of (2, 2, 2000, 2000 - log (3), -2000, -2000 - log (3));
  sb_softmax (l);
  for (int k = 0; k < 4; k++)
    cr_assert_float_eq (l->data[k], k % 2 ? 0.25 : 0.75, 1e-12, "number %d: %g", k, l->data[k]);
}

// Each row has a loss and a gradient of its own: those it has when it is alone.

Test (cross_entropy, rows_do_not_mix)
{
  enum
  {
    N = 7,
    K = 4
  };
  const unsigned char labels[N] = { 3, 0, 1, 1, 2, 0, 3 };
  gsl_matrix *logits = normals (N, K, 3), *together = copy_of (logits), *alone = matrix (1, K);
  gsl_vector *losses = vector (N), *loss = vector (1);
  ok (sb_cross_entropy (labels, together, losses));
  for (size_t i = 0; i < N; i++)
    {
      for (size_t k = 0; k < K; k++)
        gsl_matrix_set (alone, 0, k, gsl_matrix_get (logits, i, k));
      ok (sb_cross_entropy (labels + i, alone, loss));
      cr_assert_eq (gsl_vector_get (losses, i), gsl_vector_get (loss, 0), "row %zu: its loss", i);
      for (size_t k = 0; k < K; k++)
        cr_assert_eq (gsl_matrix_get (together, i, k), gsl_matrix_get (alone, 0, k), "row %zu: its gradient", i);
    }
}

Test (cross_entropy, what_does_not_fit_is_refused)
{
  gsl_matrix *logits = matrix_of (2, 2, 1, 2, 3, 4);
  unsigned char labels[] = { 0, 2 };
  refused (GSL_EBADLEN, sb_cross_entropy (labels, logits, vector (1)));
  refused (GSL_EDOM, sb_cross_entropy (labels, logits, vector (2)));
}
