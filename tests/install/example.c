// Points of a Gaussian from noise: the reverse variance-preserving SDE with the exact score, solved by Algorithm 5.

#include <gsl/gsl_statistics_double.h>
#include <scorebook/scorebook.h>
#include <stdio.h>

enum
{
  POINTS = 500,
  STEPS = 100
};

int
main (void)
{
  sb_blas_single_threaded ();
  double mean[] = { 1, -2 }, covariance[] = { 1, 0.5, 0.5, 2 };
  gsl_vector_view m = gsl_vector_view_array (mean, 2);
  gsl_matrix_view C = gsl_matrix_view_array (covariance, 2, 2);

  sb_process *vp = sb_vp_alloc (2, SB_VP_BETA_MIN, SB_VP_BETA_MAX);
  sb_target *law = sb_target_gaussian_alloc (&m.vector, &C.matrix);
  sb_score *score = sb_score_exact_alloc (law, vp);
  gsl_vector *times = gsl_vector_alloc (STEPS + 1);
  gsl_matrix *x = gsl_matrix_alloc (POINTS, 2);

  sb_stream stream = { .seed = 1, .purpose = SB_FOR_PRIOR };
  sb_pc pc = sb_pc_default ();
  sb_grid_linear (vp->t_max, vp->t_min, times);
  sb_process_prior (vp, stream, x);
  int status = sb_pc_sample (&pc, score, NULL, times, stream, x, NULL);

  double *first = gsl_matrix_ptr (x, 0, 0), *second = gsl_matrix_ptr (x, 0, 1);
  printf ("mean        %6.3f %6.3f\n", gsl_stats_mean (first, 2, POINTS), gsl_stats_mean (second, 2, POINTS));
  printf ("variance    %6.3f %6.3f\n", gsl_stats_variance (first, 2, POINTS), gsl_stats_variance (second, 2, POINTS));
  printf ("covariance  %6.3f\n", gsl_stats_covariance (first, 2, second, 2, POINTS));

  gsl_matrix_free (x);
  gsl_vector_free (times);
  sb_score_free (score);
  sb_target_free (law);
  sb_process_free (vp);
  return status;
}
