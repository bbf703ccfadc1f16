// A process of one's own, here the cosine schedule of Nichol and Dhariwal (2021): a few functions of numbers. Exact
// laws, every step and every loss then work under it; DDIM draws from it.

#include <gsl/gsl_math.h>
#include <gsl/gsl_statistics_double.h>
#include <scorebook/scorebook.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
  POINTS = 4000,
  STEPS = 50
};

static double
signal (double t) // of x_0 in x_t
{
  return cos (M_PI_2 * t);
}

static double
mean (const void *parameters, double s, double t)
{
  (void)parameters;
  return signal (t) / signal (s);
}

static double
variance (const void *parameters, double s, double t) // it keeps unit variance
{
  (void)parameters;
  const double a = signal (t) / signal (s);
  return 1 - a * a;
}

static double
drift (const void *parameters, double t) // d log signal / dt
{
  (void)parameters;
  return -M_PI_2 * tan (M_PI_2 * t);
}

static double
diffusion (const void *parameters, double t)
{
  return sqrt (-2 * drift (parameters, t));
}

int
main (void)
{
  sb_blas_single_threaded ();
  static const sb_scalar_type cosine
      = { .name = "cosine", .mean = mean, .variance = variance, .drift = drift, .diffusion = diffusion };
  double means[] = { -2, 2 }, variances[] = { 0.1, 0.1 };
  gsl_matrix_view mu = gsl_matrix_view_array (means, 2, 1), C = gsl_matrix_view_array (variances, 2, 1);

  sb_process *process = sb_scalar_alloc (&cosine, malloc (1), 1, 1e-3, 0.999, 0);
  sb_target *law = sb_target_mixture_alloc (NULL, &mu.matrix, &C.matrix);
  sb_score *score = sb_score_exact_alloc (law, process);
  gsl_vector *times = gsl_vector_alloc (STEPS + 1);
  gsl_matrix *x = gsl_matrix_alloc (POINTS, 1);
  const sb_stream stream = { .seed = 1, .purpose = SB_FOR_PRIOR };
  const sb_pc pc = { .step = sb_step_ddim, .final = SB_FINAL_DENOISE };

  sb_grid_linear (process->t_max, process->t_min, times);
  sb_process_prior (process, stream, x);
  int status = sb_pc_sample (&pc, score, NULL, times, stream, x, NULL);
  size_t left = 0;
  for (size_t i = 0; i < POINTS; i++)
    left += gsl_matrix_get (x, i, 0) < 0;
  printf ("left of 0   %.2f, where the data have 0.50\n", (double)left / POINTS);
  printf ("variance    %.1f, where the data have 4.1\n", gsl_stats_variance (x->data, 1, POINTS));

  gsl_matrix_free (x);
  gsl_vector_free (times);
  sb_score_free (score);
  sb_target_free (law);
  sb_process_free (process);
  return status;
}
