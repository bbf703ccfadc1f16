// # One point at a time

#include "ask.h"
#include "scope.h"

static void
succeeds (int status)
{
  ok (status);
}

double
ask_log_density (const sb_target *target, const sb_process *process, const double *x, double t)
{
  double out;
  gsl_matrix_const_view x_ = gsl_matrix_const_view_array (x, 1, target->dimension);
  gsl_vector_view t_ = gsl_vector_view_array (&t, 1), out_ = gsl_vector_view_array (&out, 1);
  succeeds (sb_target_log_density (target, process, &x_.matrix, &t_.vector, &out_.vector));
  return out;
}

void
ask (const sb_target *target, const sb_process *process, sb_view view, const double *x, double t, double *out)
{
  gsl_matrix_const_view x_ = gsl_matrix_const_view_array (x, 1, target->dimension);
  gsl_matrix_view out_ = gsl_matrix_view_array (out, 1, target->dimension);
  gsl_vector_view t_ = gsl_vector_view_array (&t, 1);
  succeeds (sb_target_evaluate (target, process, view, &x_.matrix, &t_.vector, &out_.matrix));
}

void
ask_jvp (const sb_target *target, const sb_process *process, const double *x, double t, const double *v, double *out)
{
  gsl_matrix_const_view x_ = gsl_matrix_const_view_array (x, 1, target->dimension),
                        v_ = gsl_matrix_const_view_array (v, 1, target->dimension);
  gsl_matrix_view out_ = gsl_matrix_view_array (out, 1, target->dimension);
  gsl_vector_view t_ = gsl_vector_view_array (&t, 1);
  succeeds (sb_target_jvp (target, process, &x_.matrix, &t_.vector, &v_.matrix, &out_.matrix));
}

double
ask_divergence (const sb_target *target, const sb_process *process, const double *x, double t)
{
  double out;
  gsl_matrix_const_view x_ = gsl_matrix_const_view_array (x, 1, target->dimension);
  gsl_vector_view t_ = gsl_vector_view_array (&t, 1), out_ = gsl_vector_view_array (&out, 1);
  succeeds (sb_target_divergence (target, process, &x_.matrix, &t_.vector, &out_.vector));
  return out;
}

void
ask_covariance (const sb_target *target, const sb_process *process, const double *x, double t, double *out)
{
  gsl_vector_const_view x_ = gsl_vector_const_view_array (x, target->dimension);
  gsl_matrix_view out_ = gsl_matrix_view_array (out, target->dimension, target->dimension);
  succeeds (sb_target_posterior_covariance (target, process, &x_.vector, t, &out_.matrix));
}

double
ask_cdf (const sb_target *target, const sb_process *process, double x, double t)
{
  double out;
  gsl_matrix_view x_ = gsl_matrix_view_array (&x, 1, 1);
  gsl_vector_view t_ = gsl_vector_view_array (&t, 1), out_ = gsl_vector_view_array (&out, 1);
  succeeds (sb_target_cdf (target, process, &x_.matrix, &t_.vector, &out_.vector));
  return out;
}

void
check_cdf_rows (const sb_target *target, const sb_process *process)
{
  enum
  {
    ROWS = 300
  };
  gsl_matrix *x = matrix (ROWS, 1);
  gsl_vector *t = vector (ROWS), *cdf = vector (ROWS);
  for (size_t i = 0; i < ROWS; i++)
    {
      gsl_matrix_set (x, i, 0, 0.01 * (double)i - 1.5);
      gsl_vector_set (t, i, 0.1 + 0.002 * (double)((7 * i) % ROWS));
    }
  succeeds (sb_target_cdf (target, process, x, t, cdf));
  for (size_t i = 0; i < ROWS; i++)
    cr_assert_eq (gsl_vector_get (cdf, i), ask_cdf (target, process, gsl_matrix_get (x, i, 0), gsl_vector_get (t, i)),
                  "row %zu", i);
}

double
ask_score (const sb_target *target, const sb_process *process, double x, double t)
{
  double out;
  ask (target, process, SB_SCORE, &x, t, &out);
  return out;
}

double
ask_denoiser (const sb_target *target, const sb_process *process, double x, double t)
{
  double out;
  ask (target, process, SB_DENOISER, &x, t, &out);
  return out;
}

void
ask_kernel (const sb_process *process, double t, double *m, double *sd)
{
  succeeds (sb_process_scalars (process, 0, t, m, sd));
}
