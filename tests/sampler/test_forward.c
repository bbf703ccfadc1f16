// # What must be true of the simulated forward SDE

#include "sampler/forward.h"
#include "base/stream.h"
#include "gmm3.h"
#include "linear.h"
#include "process/ddpm.h"
#include "process/subvp.h"
#include "process/ve.h"
#include "process/vp.h"
#include "scope.h"

#include <gsl/gsl_math.h>

SUITE (forward);

static double
time_at (const sb_process *process, size_t k, size_t N)
{
  return process->t_min + (process->t_max - process->t_min) * (double)k / (double)N;
}

// ## Moments
//
// From one point at t_min, the exact moments of the simulated process: two rows, $m + \sqrt v$ and $m - \sqrt v$,
// that see $z = 1$ and $z = -1$ in one run of the step, and $z = -1$ and $1$ in another, have all that is needed.
// They must tend to the kernel of the process with an error that halves with the step. [scoresde.eq5]

typedef struct
{
  double mean, variance;
} moments;

static double
step (const sb_process *process, double s, double t, double z, double x)
{
  gsl_matrix_view x_view = gsl_matrix_view_array (&x, 1, 1), z_view = gsl_matrix_view_array (&z, 1, 1);
  ok (sb_forward_euler_maruyama (process, s, t, &z_view.matrix, &x_view.matrix));
  return x;
}

static moments
simulate (const sb_process *process, size_t N)
{
  moments m = { 1, 0 };
  for (size_t k = 0; k < N; k++)
    {
      double s = time_at (process, k, N), t = k + 1 == N ? 1 : time_at (process, k + 1, N);
      double of_x = step (process, s, t, 0, 1), of_z = step (process, s, t, 1, 0);
      m = (moments){ of_x * m.mean, gsl_pow_2 (of_x) * m.variance + gsl_pow_2 (of_z) };
    }
  return m;
}

static void
first_order_case (sb_process *process)
{
  double a, sd;
  ok (sb_process_scalars (process, process->t_min, 1, &a, &sd));
  moments coarse = simulate (process, 1000), fine = simulate (process, 2000);
  double ratio = (coarse.variance - sd * sd) / (fine.variance - sd * sd);
  cr_assert (1.8 < ratio && ratio < 2.2, "%s, variance: ratio %g", process->type->name, ratio);
  cr_assert_float_eq (fine.variance / (sd * sd), 1, 0.02);
  if (a == 1)
    cr_assert_float_eq (fine.mean, 1, 1e-15);
  else
    {
      ratio = (coarse.mean - a) / (fine.mean - a);
      cr_assert (1.8 < ratio && ratio < 2.2, "%s, mean: ratio %g", process->type->name, ratio);
    }
}

Test (forward, tends_to_the_kernel_at_first_order)
{
  first_order_case (scoped (sb_ve_alloc (1, 0.01, 50)));
  first_order_case (scoped (sb_vp_alloc (1, 0.1, 20)));
  first_order_case (scoped (sb_subvp_alloc (1, 0.1, 20)));
}

// ## The mixture
//
// $2\cdot10^{4}$ numbers of the mixture, taken from t_min to t = 1/2 in 250 steps, against the closed form of p_t: the
// Kolmogorov-Smirnov bound with false alarm $10^{-6}$, plus .005 for the bias of the step. [scoresde.eq5] One path each
// way across the gap between the modes, and the law on the way is the right one.

static void
mixture_case (sb_process *process)
{
  enum
  {
    N = 250
  };
  gsl_matrix *x = matrix (2500, 8), *z = matrix (2500, 8);
  sb_stream data = { .seed = 1, .purpose = SB_FOR_DATA }, noise = { .seed = 1, .purpose = SB_FOR_FORWARD };
  double a, sd;
  ok (gmm3_sample (data, x));
  ok (sb_process_scalars (process, 0, process->t_min, &a, &sd));
  ok (sb_stream_normals (noise, 0, z));
  gsl_matrix_scale (x, a);
  gsl_matrix_scale (z, sd);
  gsl_matrix_add (x, z);
  for (size_t k = 0; k < N; k++)
    {
      ok (sb_stream_normals (noise, 8 * (k + 1), z));
      double s = time_at (process, k, 2 * N), t = time_at (process, k + 1, 2 * N);
      ok (sb_forward_euler_maruyama (process, s, t, z, x));
    }
  double distance = gmm3_distance (process, time_at (process, 1, 2), x);
  cr_assert_lt (distance, gmm3_critical (20000) + 0.005, "%s: %g", process->type->name, distance);
}

Test (forward, carries_the_mixture)
{
  mixture_case (scoped (sb_ve_alloc (8, 0.01, 50)));
  mixture_case (scoped (sb_vp_alloc (8, 0.1, 20)));
  mixture_case (scoped (sb_subvp_alloc (8, 0.1, 20)));
}

// ## Matrices, and what callers can do wrong

Test (forward, matrix_maps)
{
  linear state = { .F = { -1, 0.5, 0.25, -2 }, .G = { 1, 0, 0.5, 3 }, .covariance = { 1, 0, 0, 1 } };
  sb_process *process = linear_alloc (&state);
  double x[2] = { 2, -1 };
  gsl_matrix_view x_view = gsl_matrix_view_array (x, 1, 2);
  ok (sb_forward_euler_maruyama (process, 0.25, 0.5, matrix_of (1, 2, 0.5, 1), &x_view.matrix));
  cr_assert_float_eq (x[0], 2 + 0.25 * (-2 - 0.5) + 0.5 * 0.5, 1e-15);
  cr_assert_float_eq (x[1], -1 + 0.25 * (0.5 + 2) + 0.5 * (0.25 + 3), 1e-15);
}

static int
status_of (const sb_process *process, double s, double t, size_t d, size_t z_rows)
{
  gsl_matrix *x = matrix_all (2, d, 0);
  int status = sb_forward_euler_maruyama (process, s, t, matrix_all (z_rows, d, 0), x);
  if (status == GSL_SUCCESS)
    status = sb_forward_euler_maruyama (process, s, t, NULL, x);
  return status;
}

Test (forward, wrong_arguments)
{
  sb_process *vp = scoped (sb_vp_alloc (2, 0.1, 20)), *ddpm = scoped (sb_ddpm_alloc (2, 10, 0.1, 5));
  ok (status_of (vp, 0.3, 0.4, 2, 2));
  refused (GSL_EBADLEN, status_of (vp, 0.3, 0.4, 3, 2));
  refused (GSL_EBADLEN, status_of (vp, 0.3, 0.4, 2, 1));
  refused (GSL_EDOM, status_of (vp, 0.4, 0.3, 2, 2));
  refused (GSL_EDOM, status_of (vp, 0.4, 0.4, 2, 2));
  refused (GSL_EDOM, status_of (vp, 0, 0.4, 2, 2));
  refused (GSL_EDOM, status_of (vp, 0.4, 1.4, 2, 2));
  refused (GSL_EDOM, status_of (vp, GSL_NAN, 0.4, 2, 2));
  refused (GSL_EUNSUP, status_of (ddpm, 0.3, 0.4, 2, 2));
}
