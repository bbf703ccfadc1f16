// # What every law refuses
//
// The checks at the door, for both kinds of law: each function is called once as it should be, then with one thing
// wrong at a time.

#include "process/vp.h"
#include "target/target.h"
#include "truth.h"
#include "scope.h"

#include <gsl/gsl_math.h>

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
  scope_begin ();
  law[0] = truth_mixture (&LAW);
  law[1] = truth_points (&LAW);
  vp = scoped (sb_vp_alloc (DIM, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  flat = scoped (sb_vp_alloc (DIM - 1, SB_VP_BETA_MIN, SB_VP_BETA_MAX));
  x = matrix_all (N, DIM, 0);
  out = matrix (N, DIM);
  wide = matrix_all (N, DIM + 1, 0);
  tall = matrix_all (N + 1, DIM, 0);
  square = matrix (DIM, DIM);
  oblong = matrix (DIM, DIM + 1);
  t = vector_all (N, 0.5);
  long_t = vector_all (N + 1, 0.5);
  number = vector (N);
  point = vector_all (DIM, 0);
  long_point = vector_all (DIM + 1, 0);
}

static void
teardown (void)
{
  sb_target_free (NULL);
  scope_end ();
}

TestSuite (target, .init = setup, .fini = teardown);

Test (target, refuses_shapes_that_do_not_fit)
{
  const sb_stream stream = { .seed = 1, .purpose = SB_FOR_DATA };
  for (size_t i = 0; i < 2; i++)
    {
      const sb_target *l = law[i];
      ok (sb_target_sample (l, stream, out));
      refused (GSL_EBADLEN, sb_target_sample (l, stream, wide));

      ok (sb_target_log_density (l, vp, x, t, number));
      refused (GSL_EBADLEN, sb_target_log_density (l, flat, x, t, number));
      refused (GSL_EBADLEN, sb_target_log_density (l, vp, wide, t, number));
      refused (GSL_EBADLEN, sb_target_log_density (l, vp, x, long_t, number));
      refused (GSL_EBADLEN, sb_target_log_density (l, vp, x, t, long_t));

      ok (sb_target_evaluate (l, vp, SB_SCORE, x, t, out));
      refused (GSL_EBADLEN, sb_target_evaluate (l, flat, SB_SCORE, x, t, out));
      refused (GSL_EBADLEN, sb_target_evaluate (l, vp, SB_SCORE, wide, t, wide));
      refused (GSL_EBADLEN, sb_target_evaluate (l, vp, SB_SCORE, x, long_t, out));
      refused (GSL_EBADLEN, sb_target_evaluate (l, vp, SB_SCORE, x, t, wide));
      refused (GSL_EBADLEN, sb_target_evaluate (l, vp, SB_SCORE, x, t, tall));
      refused (GSL_EINVAL, sb_target_evaluate (l, vp, (sb_view)3, x, t, out));

      ok (sb_target_jvp (l, vp, x, t, x, out));
      refused (GSL_EBADLEN, sb_target_jvp (l, flat, x, t, x, out));
      refused (GSL_EBADLEN, sb_target_jvp (l, vp, x, t, tall, out));
      refused (GSL_EBADLEN, sb_target_jvp (l, vp, x, t, x, tall));

      ok (sb_target_divergence (l, vp, x, t, number));
      refused (GSL_EBADLEN, sb_target_divergence (l, flat, x, t, number));
      refused (GSL_EBADLEN, sb_target_divergence (l, vp, x, t, long_t));

      ok (sb_target_posterior_covariance (l, vp, point, 0.5, square));
      refused (GSL_EBADLEN, sb_target_posterior_covariance (l, flat, point, 0.5, square));
      refused (GSL_EBADLEN, sb_target_posterior_covariance (l, vp, long_point, 0.5, square));
      refused (GSL_EBADLEN, sb_target_posterior_covariance (l, vp, point, 0.5, oblong));
      refused (GSL_EBADLEN, sb_target_posterior_covariance (l, vp, point, 0.5, out));

      refused (GSL_EUNSUP, sb_target_cdf (l, vp, x, t, number));
    }
}

Test (target, refuses_shapes_that_do_not_fit_in_one_dimension)
{
  sb_target *line = truth_mixture (&GMM3);
  sb_process *process = fixed_process (1, 1, 1);
  gsl_matrix *column = matrix_all (N, 1, 0);
  ok (sb_target_cdf (line, process, column, t, number));
  refused (GSL_EBADLEN, sb_target_cdf (line, process, x, t, number));
  refused (GSL_EBADLEN, sb_target_cdf (line, process, column, long_t, number));
  refused (GSL_EBADLEN, sb_target_cdf (line, process, column, t, long_t));
  static const sb_process_type without_numbers = { .name = "without numbers" };
  refused (GSL_EUNSUP,
           sb_target_cdf (line, scoped (sb_process_alloc (&without_numbers, NULL, 1, 0, 1, 0)), column, t, number));
  refused (GSL_EOVRFLW, sb_target_cdf (line, fixed_process (1, 1, 1e200), column, t, number));
}

// A time of any row that is outside the process.

Test (target, refuses_times_outside_the_process)
{
  const double times[] = { -0.1, 1.1, GSL_NAN };
  for (size_t i = 0; i < 3; i++)
    for (size_t j = 0; j < 2; j++)
      {
        gsl_vector_set (t, N - 1, times[i]);
        refused (GSL_EDOM, sb_target_log_density (law[j], vp, x, t, number));
        refused (GSL_EDOM, sb_target_evaluate (law[j], vp, SB_SCORE, x, t, out));
        refused (GSL_EDOM, sb_target_posterior_covariance (law[j], vp, point, times[i], square));
      }
}

// A process without maps is beyond any law.

Test (target, refuses_processes_without_maps)
{
  static const sb_process_type type = { .name = "without maps" };
  sb_process *process = scoped (sb_process_alloc (&type, NULL, DIM, 0, 1, 0));
  for (size_t j = 0; j < 2; j++)
    {
      refused (GSL_EUNSUP, sb_target_log_density (law[j], process, x, t, number));
      refused (GSL_EUNSUP, sb_target_jvp (law[j], process, x, t, x, out));
    }
}

// A batch of no rows is a batch.

Test (target, takes_a_batch_of_no_rows)
{
  gsl_matrix *none = matrix (0, DIM);
  gsl_vector *empty = vector (0);
  for (size_t j = 0; j < 2; j++)
    {
      ok (sb_target_sample (law[j], (sb_stream){ .seed = 1 }, none));
      ok (sb_target_log_density (law[j], vp, none, empty, empty));
      ok (sb_target_evaluate (law[j], vp, SB_SCORE, none, empty, none));
      ok (sb_target_jvp (law[j], vp, none, empty, none, none));
      ok (sb_target_divergence (law[j], vp, none, empty, empty));
    }
}
