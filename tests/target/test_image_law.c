// # The law of Hx
//
// A mixture of two in three dimensions, and what operators make of it.

#include "operator/operator.h"
#include "process/vp.h"
#include "scope.h"
#include "target/image_law.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>

SUITE_WITH_BLAS (image_law);

enum
{
  K = 2,
  D = 3
};

static const double weight[K] = { .3, .7 }, mean[K][D] = { { -1, .5, 0 }, { 1, -.3, 2 } },
                    covariance[K][D][D] = { { { 1, .6, .2 }, { .6, 2, -.4 }, { .2, -.4, .5 } },
                                            { { .5, -.2, .1 }, { -.2, .3, 0 }, { .1, 0, 1 } } };

static const sb_target *
law (void)
{
  return scoped (sb_target_mixture_alloc (vector_of (weight[0], weight[1]), scope_matrix (K, D, K * D, mean[0]),
                                          scope_matrix (K * D, D, K * D * D, covariance[0][0])));
}

static sb_target *
image_under (sb_operator *H)
{
  return scoped (sb_target_image_alloc (law (), scoped (H)));
}

// At t = 0.

static const gsl_vector *
log_density (const sb_target *of, const gsl_matrix *x)
{
  gsl_vector *log_p = vector (x->size1);
  ok (sb_target_log_density (of, scoped (sb_vp_alloc (of->dimension, .1, 20)), x, vector_all (x->size1, 0), log_p));
  return log_p;
}

// ## Closed forms
//
// On a line $\mathbf h^{\mathsf T}\mathbf x$ has the means $\mathbf h^{\mathsf T}\boldsymbol\mu_k$ and the variances
// $\mathbf h^{\mathsf T}\mathbf C_k\mathbf h$.

Test (image_law, on_a_line)
{
  const double h[D] = { 1, -2, .5 };
  const sb_target *line = image_under (sb_operator_dense_alloc (scope_matrix (1, D, D, h)));
  for (double at = -6; at <= 6; at += .5)
    {
      double p = 0;
      for (size_t k = 0; k < K; k++)
        {
          double m = 0, v = 0;
          for (size_t i = 0; i < D; i++)
            for (size_t j = 0; j < D; j++)
              v += h[i] * covariance[k][i][j] * h[j];
          for (size_t i = 0; i < D; i++)
            m += h[i] * mean[k][i];
          p += weight[k] * gsl_ran_gaussian_pdf (at - m, sqrt (v));
        }
      cr_assert_float_eq (gsl_vector_get (log_density (line, matrix_of (1, 1, at)), 0), log (p), 1e-12, "%g", at);
    }
}

// Of a map that has an inverse, $p(H\mathbf x)\,|\det H| = p(\mathbf x)$.

Test (image_law, changes_of_variables)
{
  gsl_matrix *H = matrix_of (D, D, 1, .5, -1, 0, 2, .3, 0, 0, -.7), *x = normals (50, D, 1), *Hx = matrix (50, D);
  const sb_target *turned = image_under (sb_operator_dense_alloc (H));
  gsl_blas_dgemm (CblasNoTrans, CblasTrans, 1, x, H, 0, Hx);
  const gsl_vector *before = log_density (law (), x), *after = log_density (turned, Hx);
  for (size_t i = 0; i < 50; i++)
    cr_assert_float_eq (gsl_vector_get (after, i) + log (2 * .7), gsl_vector_get (before, i), 1e-12);
}

// Of a selection, the integral over what is left out, by the rule of trapezia.

Test (image_law, marginals)
{
  enum
  {
    NODES = 1201
  };
  const double step = .02;
  const sb_target *outer = image_under (sb_operator_select_alloc (vector_of (1, 0, 1)));
  for (double a = -2; a <= 2; a++)
    for (double b = -1; b <= 3; b += 2)
      {
        gsl_matrix *x = matrix (NODES, D);
        for (size_t i = 0; i < NODES; i++)
          {
            gsl_matrix_set (x, i, 0, a);
            gsl_matrix_set (x, i, 1, ((double)i - NODES / 2) * step);
            gsl_matrix_set (x, i, 2, b);
          }
        const gsl_vector *log_p = log_density (law (), x);
        double p = 0;
        for (size_t i = 0; i < NODES; i++)
          p += step * exp (gsl_vector_get (log_p, i));
        cr_assert_float_eq (gsl_vector_get (log_density (outer, matrix_of (1, 2, a, b)), 0), log (p), 1e-10);
      }
}

// ## Samples
//
// 100,000 of the law of (x, x_1 + x_2): the last number is the sum of the first two, up to the rounding of a singular
// covariance's root; the means are those of the mixture. z-tests, false alarm 1e-6 in all.

Test (image_law, of_a_point_and_its_observation)
{
  enum
  {
    N = 100000
  };
  sb_target *joint = image_under (sb_operator_dense_alloc (matrix_of (4, D, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0)));
  gsl_matrix *x = matrix (N, 4);
  ok (sb_target_sample (joint, (sb_stream){ 1, SB_FOR_DATA, 0 }, x));
  double sum[D] = { 0 };
  for (size_t i = 0; i < N; i++)
    {
      const double *row = gsl_matrix_const_ptr (x, i, 0);
      cr_assert_float_eq (row[3], row[0] + row[1], 1e-6);
      for (size_t j = 0; j < D; j++)
        sum[j] += row[j];
    }
  for (size_t j = 0; j < D; j++)
    {
      const double m = weight[0] * mean[0][j] + weight[1] * mean[1][j],
                   v = weight[0] * (covariance[0][j][j] + gsl_pow_2 (mean[0][j]))
                       + weight[1] * (covariance[1][j][j] + gsl_pow_2 (mean[1][j])) - m * m;
      cr_assert_float_eq (sum[j] / N, m, 5.2 * sqrt (v / N), "number %zu", j);
    }
  gsl_vector *log_p = vector (1);
  refused (GSL_EDOM, sb_target_log_density (joint, scoped (sb_vp_alloc (4, .1, 20)), matrix_all (1, 4, 0),
                                            vector_of (0), log_p)); // it is singular
}

// ## Refusals

static int last_code;

static void
keep_code (const char *reason, const char *file, int line, int code)
{
  (void)reason, (void)file, (void)line;
  last_code = code;
}

static void
check_refused (int status, const sb_target *of, sb_operator *H)
{
  last_code = 0;
  cr_assert_null (sb_target_image_alloc (of, scoped (H)));
  cr_assert_eq (last_code, status, "%s: %s", H->type->name, gsl_strerror (last_code));
}

Test (image_law, refuses_what_has_none)
{
  const sb_target *points = scoped (sb_target_points_alloc (normals (4, D, 1), NULL)),
                  *pca
                  = scoped (sb_target_pca_mixture_alloc (NULL, normals (1, D, 1), normals (1, D, 2), vector_of (1)));
  gsl_set_error_handler (keep_code);
  check_refused (GSL_EBADLEN, law (), sb_operator_identity_alloc (D + 1));
  check_refused (GSL_EUNSUP, points, sb_operator_identity_alloc (D));
  check_refused (GSL_EUNSUP, pca, sb_operator_identity_alloc (D));
  check_refused (GSL_EINVAL, law (), sb_operator_multiple_alloc (D));
  check_refused (GSL_EDOM, law (), sb_operator_scalar_alloc (D, 1e200)); // its covariance overflows
  gsl_set_error_handler_off ();
}
