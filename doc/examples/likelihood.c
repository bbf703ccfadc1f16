// Exact likelihoods by the probability flow, [Song et al. 2021, Eq. 39], beside the closed form: two Gaussians under
// VP. The two differ by what its prior is from the law of x at T.

#include <gsl/gsl_math.h>
#include <scorebook/scorebook.h>
#include <stdio.h>

enum
{
  POINTS = 4
};

int
main (void)
{
  sb_blas_single_threaded ();
  double means[] = { -1, 0, 1, 0.5 }, covariances[] = { 0.3, 0.1, 0.1, 0.2, 0.4, 0, 0, 0.1 },
         points[] = { -1, 0, 0, 0, 1, 1, 2, -1 };
  gsl_matrix_view mu = gsl_matrix_view_array (means, 2, 2), C = gsl_matrix_view_array (covariances, 4, 2),
                  x = gsl_matrix_view_array (points, POINTS, 2);
  gsl_vector *log_p = gsl_vector_alloc (POINTS), *exact = gsl_vector_alloc (POINTS), *t = gsl_vector_alloc (POINTS);

  sb_process *vp = sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  sb_target *law = sb_target_mixture_alloc (NULL, &mu.matrix, &C.matrix);
  sb_score *score = sb_score_exact_alloc (law, vp);
  sb_likelihood likelihood = sb_likelihood_default ();
  sb_likelihood_report report = { .log_p = log_p };
  likelihood.trace = SB_TRACE_EXACT;
  likelihood.relative = likelihood.absolute = 1e-8;
  gsl_vector_set_all (t, likelihood.t_min);
  sb_target_log_density (law, vp, &x.matrix, t, exact);
  int status = sb_log_likelihood (&likelihood, score, NULL, (sb_stream){ .seed = 1 }, &x.matrix, &report);
  for (size_t i = 0; i < POINTS; i++)
    printf ("log p (%4.1f, %4.1f)  %.3f by the flow, %.3f in closed form\n", gsl_matrix_get (&x.matrix, i, 0),
            gsl_matrix_get (&x.matrix, i, 1), gsl_vector_get (log_p, i), gsl_vector_get (exact, i));

  sb_score_free (score);
  sb_target_free (law);
  sb_process_free (vp);
  gsl_vector_free (log_p);
  gsl_vector_free (exact);
  gsl_vector_free (t);
  return status;
}
