// A denoiser of one's own under the sampler of Karras et al. (2022): 18 noise levels, 35 evaluations. The data are
// N(0, 0.25), whose denoiser is a multiplication.

#include <gsl/gsl_statistics_double.h>
#include <scorebook/scorebook.h>
#include <stdio.h>

enum
{
  POINTS = 10000,
  LEVELS = 18
};

static int
shrink (const gsl_matrix *x, const gsl_vector *t, const gsl_matrix *y, gsl_matrix *out, void *params)
{
  const double variance = *(const double *)params;
  (void)y;
  for (size_t i = 0; i < x->size1; i++)
    {
      const double sigma = gsl_vector_get (t, i);
      gsl_matrix_set (out, i, 0, variance / (variance + sigma * sigma) * gsl_matrix_get (x, i, 0));
    }
  return GSL_SUCCESS;
}

int
main (void)
{
  sb_blas_single_threaded ();
  double variance = 0.25;
  const sb_score_callback denoiser = { .view = SB_DENOISER, .function = shrink, .params = &variance };
  sb_process *edm = sb_edm_alloc (1, 0.002, 80);
  sb_score *score = sb_score_callback_alloc (&denoiser, edm);
  gsl_vector *times = gsl_vector_alloc (LEVELS + 1); // the last is 0
  gsl_matrix *x = gsl_matrix_alloc (POINTS, 1);
  const sb_stream stream = { .seed = 1, .purpose = SB_FOR_PRIOR };
  const sb_pc pc = { .step = sb_step_edm_heun, .final = SB_FINAL_SAMPLE };
  size_t evaluations;

  sb_grid_edm (0.002, 80, 7, times);
  sb_process_prior (edm, stream, x);
  int status = sb_pc_sample (&pc, score, NULL, times, stream, x, &evaluations);
  printf ("evaluations %zu\n", evaluations);
  printf ("deviation   %.2f, where the data have %.2f\n", gsl_stats_sd (x->data, 1, POINTS), 0.5);

  gsl_matrix_free (x);
  gsl_vector_free (times);
  sb_score_free (score);
  sb_process_free (edm);
  return status;
}
