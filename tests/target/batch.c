// # Laws in batches

#include "batch.h"
#include "ask.h"
#include "process/vp.h"
#include "scope.h"
#include "truth.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <omp.h>
#include <string.h>

answers
ask_batch (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
           const gsl_matrix *v)
{
  static const sb_view views[] = { SB_SCORE, SB_DENOISER, SB_EPSILON };
  const size_t n = x->size1, d = x->size2;
  gsl_matrix *wide = matrix_all (n, (BATCH_VIEWS + 1) * (d + 1) + 1, 0);
  gsl_matrix_view x_view = gsl_matrix_submatrix (wide, 0, BATCH_VIEWS * (d + 1) + 1, n, d);
  gsl_matrix *score = matrix (n, d);
  gsl_vector *divergence = vector (n);
  answers a = { .log_p = vector (n), .divergence = vector (n) };
  gsl_matrix_memcpy (&x_view.matrix, x);
  for (size_t k = 0; k < BATCH_VIEWS; k++)
    {
      a.view[k] = gsl_matrix_submatrix (wide, 0, k * (d + 1) + 1, n, d);
      ok (k < 3 ? sb_target_evaluate (target, process, views[k], &x_view.matrix, t, &a.view[k].matrix)
                : sb_target_jvp (target, process, &x_view.matrix, t, v, &a.view[k].matrix));
    }
  ok (sb_target_log_density (target, process, &x_view.matrix, t, a.log_p));
  ok (sb_target_divergence (target, process, &x_view.matrix, t, a.divergence));
  ok (sb_target_evaluate_divergence (target, process, &x_view.matrix, t, score, divergence));
  const double size = gsl_matrix_max (score) - gsl_matrix_min (score);
  if (gsl_finite (size)) // not where a row was NaN
    {
      cr_assert_lt (largest_difference (score, &a.view[0].matrix), 1e-12 * (1 + size), "both at once");
      cr_assert (gsl_vector_equal (divergence, a.divergence), "both at once");
    }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < wide->size2; j += d + 1)
      cr_assert_eq (gsl_matrix_get (wide, i, j), 0, "column %zu lies outside the results", j);
  return a;
}

static void
check_number (const char *what, double found, double expected, double bound)
{
  cr_assert_float_eq (found, expected, bound * (1 + fabs (expected)), "%s: %.15g, not %.15g", what, found, expected);
}

void
check_same_row (const answers *found, size_t i, const answers *expected, size_t k, double bound)
{
  static const char *what[] = { "score", "denoiser", "epsilon", "jvp" };
  check_number ("log density", gsl_vector_get (found->log_p, i), gsl_vector_get (expected->log_p, k), bound);
  check_number ("divergence", gsl_vector_get (found->divergence, i), gsl_vector_get (expected->divergence, k), bound);
  for (size_t m = 0; m < BATCH_VIEWS; m++)
    {
      gsl_vector_const_view row = gsl_matrix_const_row (&expected->view[m].matrix, k);
      for (size_t j = 0; j < row.vector.size; j++)
        {
          double x = gsl_matrix_get (&found->view[m].matrix, i, j), y = gsl_vector_get (&row.vector, j);
          cr_assert_float_eq (x, y, bound * gsl_blas_dnrm2 (&row.vector), "%s, row %zu: %.15g, not %.15g", what[m], i,
                              x, y);
        }
    }
}

void
check_rows_alone (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
                  const gsl_matrix *v, double bound)
{
  const answers batch = ask_batch (target, process, x, t, v);
  for (size_t i = 0; i < x->size1; i += 3)
    {
      gsl_matrix_const_view x_i = gsl_matrix_const_submatrix (x, i, 0, 1, x->size2),
                            v_i = gsl_matrix_const_submatrix (v, i, 0, 1, x->size2);
      gsl_vector_const_view t_i = gsl_vector_const_subvector (t, i, 1);
      const answers alone = ask_batch (target, process, &x_i.matrix, &t_i.vector, &v_i.matrix);
      check_same_row (&batch, i, &alone, 0, bound);
    }
}

void
check_threads (const sb_target *target, const sb_process *process, const gsl_matrix *x, const gsl_vector *t,
               const gsl_matrix *v)
{
  omp_set_num_threads (1);
  const answers one = ask_batch (target, process, x, t, v);
  for (int threads = 2; threads <= 3; threads++)
    {
      omp_set_num_threads (threads);
      const answers more = ask_batch (target, process, x, t, v);
      for (size_t i = 0; i < x->size1; i++)
        check_same_row (&more, i, &one, i, 0);
    }
}

void
check_draws (const sb_target *target)
{
  enum
  {
    ROWS = 150
  };
  const sb_stream stream = { .seed = 9, .purpose = SB_FOR_DATA, .index = 40 };
  const size_t d = target->dimension;
  gsl_matrix *all = matrix (ROWS, d);
  ok (sb_target_sample (target, stream, all));
  for (size_t start = 1; start < ROWS; start += 13)
    {
      gsl_matrix *rest = matrix (ROWS - start, d);
      ok (sb_target_sample (target, sb_stream_skip (stream, start), rest));
      cr_assert_eq (memcmp (gsl_matrix_const_ptr (all, start, 0), rest->data, (ROWS - start) * d * sizeof (double)), 0,
                    "a batch that starts at row %zu", start);
    }
}

void
check_cdf (const sb_target *target)
{
  enum
  {
    ROWS = 300
  };
  const sb_process *fixed = fixed_process (1, 0.7, 0.4), *vp = scoped (sb_vp_alloc (1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  for (double x = -3; x <= 3; x += 0.1)
    {
      double slope = (ask_cdf (target, fixed, x + 1e-4, 0.5) - ask_cdf (target, fixed, x - 1e-4, 0.5)) / 2e-4;
      cr_assert_float_eq (slope, exp (ask_log_density (target, fixed, &x, 0.5)), 1e-7);
    }
  cr_assert_float_eq (ask_cdf (target, fixed, 40, 0.5), 1, 1e-15);

  gsl_matrix *x = matrix (ROWS, 1);
  gsl_vector *t = vector (ROWS), *cdf = vector (ROWS);
  for (size_t i = 0; i < ROWS; i++)
    {
      gsl_matrix_set (x, i, 0, 0.01 * (double)i - 1.5);
      gsl_vector_set (t, i, 0.1 + 0.002 * (double)((7 * i) % ROWS));
    }
  ok (sb_target_cdf (target, vp, x, t, cdf));
  for (size_t i = 0; i < ROWS; i++)
    cr_assert_eq (gsl_vector_get (cdf, i), ask_cdf (target, vp, gsl_matrix_get (x, i, 0), gsl_vector_get (t, i)),
                  "row %zu", i);
}
