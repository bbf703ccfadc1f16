// # Figure 2: where errors come from
//
// [nonuniform.fig2] [nonuniform.txt-insights] [nonuniform.txt-cdiffe-approx] The figure is a list: CDE has the error of
// its network; CDiffE and CMDE have that of theirs, and an approximation error, as the score given a noisy condition
// stands for that given the clean one. Here for a pair with correlation .8, whose scores are known, so that the
// approximation error is all there is.

#include "gaussian_field.h"

#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

#define RHO 0.8

static double
mean_kl (double most_of_y, size_t N, double *slope, double *variance)
{
  exact_pair p;
  const double covariance[] = { 1, RHO, RHO, 1 }, last = 1e-3;
  const gsl_matrix_const_view C = gsl_matrix_const_view_array (covariance, 2, 2);
  double of_y = 1, m = RHO, v = 1 - RHO * RHO + gathered_variance (FIELD_SIGMA_MAX, 1);
  gsl_vector_view y = gsl_vector_view_array (&of_y, 1), mean = gsl_vector_view_array (&m, 1);
  gsl_matrix_view P = gsl_matrix_view_array (&v, 1, 1);
  gsl_vector *times = even_times (last, N);
  exact_pair_open (&C.matrix, 1, most_of_y, &p);
  exact_pair_run (&p, &y.vector, times, &mean.vector, &P.matrix);
  exact_pair_close (&p);
  gsl_vector_free (times);
  *slope = m;
  *variance = v;
  const double right = 1 - RHO * RHO + gathered_variance (FIELD_SIGMA_MAX, last);
  return (right / v - 1 - log (right / v) + gsl_pow_2 (m - RHO) / v) / 2;
}

// The mean square of the approximation error at a time where x has noise of variance tau: 1/v_0 - 1/v.

static double
approximation_error (double most_of_y, double tau, double t)
{
  const double tau_y = most_of_y > 0 ? gathered_variance (most_of_y, t) : 0, v_0 = 1 + tau - RHO * RHO,
               v = 1 + tau - RHO * RHO / (1 + tau_y);
  return 1 / v_0 - 1 / v;
}

int
main (void)
{
  static const double most[] = { 0, 0.05, 0.1, 0.3, 0.5, 1, 2, 5, 10 };
  enum
  {
    COUNT = sizeof most / sizeof *most
  };
  results r = results_open ();
  const size_t N = r.scale == SMOKE ? 200 : 8000;
  double kl[COUNT], before = 0, errors_before = -1;
  bool rises = true, errors_rise = true;
  FILE *data = results_data (&r, "speeds.dat");
  for (int k = 0; k < COUNT; k++)
    {
      char row[48];
      double slope, variance;
      kl[k] = mean_kl (most[k], N, &slope, &variance);
      const double t = 0.6, error = approximation_error (most[k], gathered_variance (FIELD_SIGMA_MAX, t), t);
      snprintf (row, sizeof row, "sigma_y,max = %g%s", most[k],
                k == 0                       ? " (CDE)"
                : most[k] == FIELD_SIGMA_MAX ? " (CDiffE)"
                                             : "");
      results_row (&r, row, "KL of the samples", "", kl[k], -1, "nats", "exact scores: the approximation error alone");
      results_row (&r, row, "slope on y", "", slope, -1, "", "0.8 is right");
      results_row (&r, row, "variance", "", variance, -1, "", "0.36 is right");
      results_row (&r, row, "approximation error at t = 0.6", "", error, -1, "",
                   "mean square of the difference of the two scores");
      rises &= k < 2 || kl[k] > before;
      errors_rise &= error >= errors_before;
      before = kl[k];
      errors_before = error;
      if (k > 0)
        fprintf (data, "%g %g %g\n", most[k], kl[k], error);
    }
  fclose (data);
  results_claim (&r, "the faster y diffuses, the farther are the samples from p(x | y)", rises,
                 "KL from %.3g at sigma_y,max = 0.05 to %.4g at 10", kl[1], kl[COUNT - 1]);
  results_claim (&r, "... and the larger is the approximation error of the score", errors_rise, "at t = 0.6");
  results_claim (&r, "CDE's samples are right", kl[0] < (r.scale == SMOKE ? 1e-3 : 1e-6), "KL %.2g", kl[0]);
  untested (&r, "a slower y is harder to learn from", "scores are exact here: tab3 asks it of networks");
  results_close (&r);
  return EXIT_SUCCESS;
}
