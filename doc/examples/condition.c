// Conditional samples by a joint score, in Non-Uniform Diffusion Models' three ways: of x given y, a pair with
// correlation 0.8. Where y is constant (CDE) the samples are right; where it diffuses as fast as x (CDiffE) their slope
// on y is 0.5.

#include <gsl/gsl_fit.h>
#include <scorebook/scorebook.h>
#include <stdio.h>

enum
{
  POINTS = 20000,
  STEPS = 200
};

static double
slope_by (double sigma_max_y, int *status)
{
  double covariance[] = { 1, 0.8, 0.8, 1 };
  const sb_multispeed speeds = { .x = 1, .y = 1, .sigma_min = 0.01, .sigma_max = 10, .sigma_max_y = sigma_max_y };
  gsl_matrix_view C = gsl_matrix_view_array (covariance, 2, 2);
  gsl_vector *zero = gsl_vector_calloc (2), *times = gsl_vector_alloc (STEPS + 1);
  gsl_matrix *x = gsl_matrix_alloc (POINTS, 1), *y = gsl_matrix_alloc (POINTS, 1);

  // The score of x_t given y_t: the first number of the joint one.
  sb_process *both = sb_multispeed_alloc (&speeds);
  const sb_process *of_x = sb_nonuniform_block (both, 0), *of_y = sb_nonuniform_block (both, 1);
  sb_target *law = sb_target_gaussian_alloc (zero, &C.matrix);
  sb_score *joint = sb_score_exact_alloc (law, both), *score = sb_score_slice_alloc (joint, of_x);

  // Another y_t at every step, where it diffuses.
  const sb_condition diffused = { .process = of_y };
  const sb_pc pc = { .step = sb_step_reverse_diffusion,
                     .final = SB_FINAL_DENOISE,
                     .condition = sigma_max_y > 0 ? &diffused : NULL };
  const sb_stream stream = { .seed = 1, .purpose = SB_FOR_PRIOR };
  double intercept, slope, cov00, cov01, cov11, sum;
  sb_grid_linear (1, of_x->t_min, times);
  sb_stream_normals ((sb_stream){ .seed = 1, .purpose = SB_FOR_DATA }, 0, y);
  sb_process_prior (of_x, stream, x);
  *status |= sb_pc_sample (&pc, score, y, times, stream, x, NULL);
  gsl_fit_linear (y->data, 1, x->data, 1, POINTS, &intercept, &slope, &cov00, &cov01, &cov11, &sum);

  sb_score_free (score);
  sb_score_free (joint);
  sb_target_free (law);
  sb_process_free (both);
  gsl_vector_free (zero);
  gsl_vector_free (times);
  gsl_matrix_free (x);
  gsl_matrix_free (y);
  return slope;
}

int
main (void)
{
  sb_blas_single_threaded ();
  int status = GSL_SUCCESS;
  printf ("CDE     %.1f\n", slope_by (0, &status));
  printf ("CMDE    %.1f\n", slope_by (1, &status));
  printf ("CDiffE  %.1f\n", slope_by (10, &status));
  return status;
}
