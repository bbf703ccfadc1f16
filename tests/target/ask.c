// # One point at a time

#include "ask.h"
#include "scope.h"

static gsl_matrix *
row (const sb_target *target, const double *x)
{
  return scope_matrix (1, target->dimension, target->dimension, x);
}

double
ask_log_density (const sb_target *target, const sb_process *process, const double *x, double t)
{
  gsl_vector *out = vector (1);
  ok (sb_target_log_density (target, process, row (target, x), vector_of (t), out));
  return gsl_vector_get (out, 0);
}

void
ask (const sb_target *target, const sb_process *process, sb_view view, const double *x, double t, double *out)
{
  gsl_matrix_view to = gsl_matrix_view_array (out, 1, target->dimension);
  ok (sb_target_evaluate (target, process, view, row (target, x), vector_of (t), &to.matrix));
}

void
ask_jvp (const sb_target *target, const sb_process *process, const double *x, double t, const double *v, double *out)
{
  gsl_matrix_view to = gsl_matrix_view_array (out, 1, target->dimension);
  ok (sb_target_jvp (target, process, row (target, x), vector_of (t), row (target, v), &to.matrix));
}

void
ask_covariance (const sb_target *target, const sb_process *process, const double *x, double t, double *out)
{
  gsl_matrix_view to = gsl_matrix_view_array (out, target->dimension, target->dimension);
  ok (sb_target_posterior_covariance (target, process, scope_vector (target->dimension, x), t, &to.matrix));
}

double
ask_cdf (const sb_target *target, const sb_process *process, double x, double t)
{
  gsl_vector *out = vector (1);
  ok (sb_target_cdf (target, process, row (target, &x), vector_of (t), out));
  return gsl_vector_get (out, 0);
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
  ok (sb_process_scalars (process, 0, t, m, sd));
}
