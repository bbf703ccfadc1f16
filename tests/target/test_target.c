// # What every law refuses
//
// The checks at the door, for both kinds of law: each function is called once as it should be, then with one thing
// wrong at a time.

#include "process/vp.h"
#include "target/target.h"
#include "truth.h"

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_math.h>
#include <stdlib.h>

enum
{
  N = 4,
  DIM = 3
};

static const truth_law LAW = { .K = 2,
                               .d = DIM,
                               .w = { 1, 2 },
                               .mu = { { 0, 1, 2 }, { 1, 0, -1 } },
                               .C = { { { 1 }, { 0, 1 }, { 0, 0, 1 } }, { { 1 }, { 0, 2 }, { 0, 0, 3 } } } };

static sb_target *law[2];
static sb_process *vp, *flat;
static gsl_matrix *x, *out, *wide, *tall, *square, *oblong;
static gsl_vector *t, *long_t, *number, *point, *long_point;

static void
setup (void)
{
  gsl_set_error_handler_off ();
  law[0] = truth_mixture (&LAW);
  law[1] = truth_points (&LAW);
  vp = sb_vp_alloc (DIM, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  flat = sb_vp_alloc (DIM - 1, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  x = gsl_matrix_calloc (N, DIM);
  out = gsl_matrix_alloc (N, DIM);
  wide = gsl_matrix_calloc (N, DIM + 1);
  tall = gsl_matrix_calloc (N + 1, DIM);
  square = gsl_matrix_alloc (DIM, DIM);
  oblong = gsl_matrix_alloc (DIM, DIM + 1);
  t = gsl_vector_alloc (N);
  long_t = gsl_vector_alloc (N + 1);
  gsl_vector_set_all (t, 0.5);
  gsl_vector_set_all (long_t, 0.5);
  number = gsl_vector_alloc (N);
  point = gsl_vector_calloc (DIM);
  long_point = gsl_vector_calloc (DIM + 1);
}

static void
teardown (void)
{
  sb_target_free (law[0]);
  sb_target_free (law[1]);
  sb_target_free (NULL);
  sb_process_free (vp);
  sb_process_free (flat);
  gsl_matrix_free (x);
  gsl_matrix_free (out);
  gsl_matrix_free (wide);
  gsl_matrix_free (tall);
  gsl_matrix_free (square);
  gsl_matrix_free (oblong);
  gsl_vector_free (t);
  gsl_vector_free (long_t);
  gsl_vector_free (number);
  gsl_vector_free (point);
  gsl_vector_free (long_point);
}

TestSuite (target, .init = setup, .fini = teardown);

Test (target, refuses_shapes_that_do_not_fit)
{
  const sb_stream stream = { .seed = 1, .purpose = SB_FOR_DATA };
  for (size_t i = 0; i < 2; i++)
    {
      const sb_target *l = law[i];
      cr_assert_eq (sb_target_sample (l, stream, out), GSL_SUCCESS);
      cr_assert_eq (sb_target_sample (l, stream, wide), GSL_EBADLEN);

      cr_assert_eq (sb_target_log_density (l, vp, x, t, number), GSL_SUCCESS);
      cr_assert_eq (sb_target_log_density (l, flat, x, t, number), GSL_EBADLEN);
      cr_assert_eq (sb_target_log_density (l, vp, wide, t, number), GSL_EBADLEN);
      cr_assert_eq (sb_target_log_density (l, vp, x, long_t, number), GSL_EBADLEN);
      cr_assert_eq (sb_target_log_density (l, vp, x, t, long_t), GSL_EBADLEN);

      cr_assert_eq (sb_target_evaluate (l, vp, SB_SCORE, x, t, out), GSL_SUCCESS);
      cr_assert_eq (sb_target_evaluate (l, flat, SB_SCORE, x, t, out), GSL_EBADLEN);
      cr_assert_eq (sb_target_evaluate (l, vp, SB_SCORE, wide, t, wide), GSL_EBADLEN);
      cr_assert_eq (sb_target_evaluate (l, vp, SB_SCORE, x, long_t, out), GSL_EBADLEN);
      cr_assert_eq (sb_target_evaluate (l, vp, SB_SCORE, x, t, wide), GSL_EBADLEN);
      cr_assert_eq (sb_target_evaluate (l, vp, SB_SCORE, x, t, tall), GSL_EBADLEN);
      cr_assert_eq (sb_target_evaluate (l, vp, (sb_view)3, x, t, out), GSL_EINVAL);

      cr_assert_eq (sb_target_jvp (l, vp, x, t, x, out), GSL_SUCCESS);
      cr_assert_eq (sb_target_jvp (l, flat, x, t, x, out), GSL_EBADLEN);
      cr_assert_eq (sb_target_jvp (l, vp, x, t, tall, out), GSL_EBADLEN);
      cr_assert_eq (sb_target_jvp (l, vp, x, t, x, tall), GSL_EBADLEN);

      cr_assert_eq (sb_target_divergence (l, vp, x, t, number), GSL_SUCCESS);
      cr_assert_eq (sb_target_divergence (l, flat, x, t, number), GSL_EBADLEN);
      cr_assert_eq (sb_target_divergence (l, vp, x, t, long_t), GSL_EBADLEN);

      cr_assert_eq (sb_target_posterior_covariance (l, vp, point, 0.5, square), GSL_SUCCESS);
      cr_assert_eq (sb_target_posterior_covariance (l, flat, point, 0.5, square), GSL_EBADLEN);
      cr_assert_eq (sb_target_posterior_covariance (l, vp, long_point, 0.5, square), GSL_EBADLEN);
      cr_assert_eq (sb_target_posterior_covariance (l, vp, point, 0.5, oblong), GSL_EBADLEN);
      cr_assert_eq (sb_target_posterior_covariance (l, vp, point, 0.5, out), GSL_EBADLEN);

      cr_assert_eq (sb_target_cdf (l, vp, x, t, number), GSL_EUNSUP);
    }
}

Test (target, refuses_shapes_that_do_not_fit_in_one_dimension)
{
  sb_target *line = truth_mixture (&GMM3);
  sb_process *process = fixed_process (1, 1, 1);
  gsl_matrix *column = gsl_matrix_calloc (N, 1);
  cr_assert_eq (sb_target_cdf (line, process, column, t, number), GSL_SUCCESS);
  cr_assert_eq (sb_target_cdf (line, process, x, t, number), GSL_EBADLEN);
  cr_assert_eq (sb_target_cdf (line, process, column, long_t, number), GSL_EBADLEN);
  cr_assert_eq (sb_target_cdf (line, process, column, t, long_t), GSL_EBADLEN);
  gsl_matrix_free (column);
  sb_process_free (process);
  sb_target_free (line);
}

// A time of any row that is outside the process.

Test (target, refuses_times_outside_the_process)
{
  const double times[] = { -0.1, 1.1, GSL_NAN };
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 2; j++)
      {
        gsl_vector_set (t, N - 1, times[i]);
        cr_assert_eq (sb_target_log_density (law[j], vp, x, t, number), GSL_EDOM);
        cr_assert_eq (sb_target_evaluate (law[j], vp, SB_SCORE, x, t, out), GSL_EDOM);
        cr_assert_eq (sb_target_posterior_covariance (law[j], vp, point, times[i], square), GSL_EDOM);
      }
}

// A process without maps is beyond any law.

Test (target, refuses_processes_without_maps)
{
  static const sb_process_type type = { .name = "without maps" };
  sb_process *process = sb_process_alloc (&type, NULL, DIM, 0, 1, 0);
  for (size_t j = 0; j < 2; j++)
    {
      cr_assert_eq (sb_target_log_density (law[j], process, x, t, number), GSL_EUNSUP);
      cr_assert_eq (sb_target_jvp (law[j], process, x, t, x, out), GSL_EUNSUP);
    }
  sb_process_free (process);
}

// A batch of no rows is a batch.

Test (target, takes_a_batch_of_no_rows)
{
  gsl_matrix *none = gsl_matrix_alloc (0, DIM);
  gsl_vector *empty = gsl_vector_alloc (0);
  for (size_t j = 0; j < 2; j++)
    {
      cr_assert_eq (sb_target_sample (law[j], (sb_stream){ .seed = 1 }, none), GSL_SUCCESS);
      cr_assert_eq (sb_target_log_density (law[j], vp, none, empty, empty), GSL_SUCCESS);
      cr_assert_eq (sb_target_evaluate (law[j], vp, SB_SCORE, none, empty, none), GSL_SUCCESS);
      cr_assert_eq (sb_target_jvp (law[j], vp, none, empty, none, none), GSL_SUCCESS);
      cr_assert_eq (sb_target_divergence (law[j], vp, none, empty, empty), GSL_SUCCESS);
    }
  gsl_matrix_free (none);
  gsl_vector_free (empty);
}
